// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "naive_space.h"

void naive_add(struct naive *n, unsigned int dev, uint64_t units,
	       uint64_t reserved)
{
	assert_true(dev < NAIVE_DEVICES && units <= NAIVE_UNITS);
	n->units[dev] = units;
	memset(n->state[dev], NAIVE_FREE, units);
	memset(n->state[dev], NAIVE_RESERVED, reserved);
}

int naive_take(struct naive *n, unsigned int dev, uint64_t at, uint64_t len)
{
	uint64_t i;

	if (dev >= NAIVE_DEVICES || !n->units[dev])
		return -ENODEV;
	if (!len)
		return -EINVAL;
	for (i = at; i < at + len; i++)
		if (i >= n->units[dev])
			return -ERANGE;
	for (i = at; i < at + len; i++)
		if (n->state[dev][i] != NAIVE_FREE)
			return -EEXIST;
	for (i = at; i < at + len; i++)
		n->state[dev][i] = NAIVE_USED;
	return 0;
}

uint64_t naive_longest(const struct naive *n, unsigned int dev, uint64_t from,
		       uint64_t to)
{
	uint64_t i, len = 0, longest = 0;

	for (i = from; i < to; i++) {
		len = n->state[dev][i] == NAIVE_FREE ? len + 1 : 0;
		if (len > longest)
			longest = len;
	}
	return longest;
}

struct media_usage naive_usage(const struct naive *n, unsigned int dev)
{
	struct media_usage usage = { 0 };
	uint64_t i;

	for (i = 0; i < n->units[dev]; i++) {
		usage.size += n->unit;
		if (n->state[dev][i] == NAIVE_RESERVED)
			usage.reserved += n->unit;
		if (n->state[dev][i] == NAIVE_USED)
			usage.used += n->unit;
	}
	usage.largest = naive_longest(n, dev, 0, n->units[dev]) * n->unit;
	return usage;
}

static void compare_usage(const struct media_usage *is,
			  const struct media_usage *should)
{
	assert_int_equal(is->size, should->size);
	assert_int_equal(is->reserved, should->reserved);
	assert_int_equal(is->used, should->used);
	assert_int_equal(is->largest, should->largest);
}

void naive_compare(const struct naive *n, struct media_space *space)
{
	struct media_usage is, should, sum = { 0 };
	unsigned int dev;
	uint64_t i;

	for (dev = 0; dev < NAIVE_DEVICES; dev++) {
		if (!n->units[dev]) {
			assert_int_equal(media_space_usage_of(space, dev, &is),
					 -ENODEV);
			continue;
		}
		should = naive_usage(n, dev);
		assert_int_equal(media_space_usage_of(space, dev, &is), 0);
		compare_usage(&is, &should);
		sum.size += should.size;
		sum.reserved += should.reserved;
		sum.used += should.used;
		if (should.largest > sum.largest)
			sum.largest = should.largest;
		for (i = 0; i < n->units[dev]; i++) {
			if (media_space_take(space, dev, i * n->unit, n->unit)) {
				assert_int_not_equal(n->state[dev][i], NAIVE_FREE);
				continue;
			}
			assert_int_equal(n->state[dev][i], NAIVE_FREE);
			media_space_give(space, dev, i * n->unit, n->unit);
		}
	}
	media_space_usage(space, &is);
	compare_usage(&is, &sum);
}

/* Runs of random length, free and used in turn. */
static void fill(struct naive *n, struct media_space *space, struct rng *rng,
		 unsigned int dev, uint64_t at)
{
	uint64_t most_used = rng_below(rng, 2) + rng_below(rng, 60);
	uint64_t most_free = 1 + (rng_below(rng, 3) ? rng_below(rng, 20) :
						      rng_below(rng, 600));

	while (most_used) {
		uint64_t len = 1 + rng_below(rng, most_used);

		at += rng_below(rng, most_free + 1);
		if (at + len > n->units[dev])
			return;
		/* The next one may follow at once, or begin where this one does. */
		assert_int_equal(media_space_take(space, dev, at * n->unit,
						  len * n->unit),
				 naive_take(n, dev, at, len));
		at += len;
	}
}

struct media_space *naive_random(struct naive *n, struct rng *rng, uint64_t unit,
				 unsigned int devs)
{
	struct media_space *space;
	unsigned int i;

	memset(n, 0, sizeof(*n));
	n->unit = unit;
	assert_int_equal(media_space_new(&space, unit), 0);
	for (i = 0; i < devs; i++) {
		uint64_t units = 1 + rng_below(rng, rng_below(rng, 4) ?
					       NAIVE_UNITS : 100);
		uint64_t reserved = rng_below(rng, 10);
		uint64_t rest = rng_below(rng, unit);

		if (reserved > units)
			reserved = units;
		naive_add(n, i, units, reserved);
		/* Neither is in whole units; reserved is rounded up. */
		assert_int_equal(media_space_add(space, i, units * unit + rest,
						 reserved * unit -
						 (reserved && rest ? 1 : 0)), 0);
		fill(n, space, rng, i, reserved);
	}
	return space;
}
