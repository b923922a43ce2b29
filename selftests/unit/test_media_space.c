// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of free space.
 *
 *   1. On random maps of one to six devices it agrees with a naive one, a byte for
 *      each unit, after each of many takes and gives: what they return, what is used,
 *      reserved and free, the largest free range.
 *   2. Devices: an index beyond 63, a second one of the same index, no whole unit,
 *      more than a bitmap can hold, more reserved than there is: refused.
 *   3. Ranges that are empty, not in whole units, beyond the end, overflowing: refused,
 *      each with its own error, and nothing changes.
 *   4. What is reserved cannot be given away, what was not taken is not given twice.
 *   5. The extents of a map are given back, simple and interleaved.
 *   6. A device of 2^35 units costs next to nothing, free or taken, and so does asking
 *      for its largest free range.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "naive_space.h"
#include "space.h"

#define MAPS	300
#define STEPS	200

static void naive_give(struct naive *n, unsigned int dev, uint64_t at, uint64_t len)
{
	uint64_t i;

	if (dev >= NAIVE_DEVICES || at + len > n->units[dev] ||
	    n->state[dev][at] == NAIVE_RESERVED)
		return;
	for (i = at; i < at + len; i++)
		n->state[dev][i] = NAIVE_FREE;
}

static void step(struct naive *n, struct media_space *space, struct rng *rng)
{
	unsigned int dev = rng_below(rng, NAIVE_DEVICES + 1);
	uint64_t units = dev < NAIVE_DEVICES ? n->units[dev] : 5;
	uint64_t at = rng_below(rng, units + 2);
	uint64_t len = rng_below(rng, rng_below(rng, 3) ? 6 : 200);

	if (rng_below(rng, 2)) {
		assert_int_equal(media_space_take(space, dev, at * n->unit,
						  len * n->unit),
				 naive_take(n, dev, at, len));
	} else {
		media_space_give(space, dev, at * n->unit, len * n->unit);
		naive_give(n, dev, at, len);
	}
}

static void map_agrees_with_a_naive_one(void **state)
{
	static struct naive n;
	struct rng rng = rng_start("space");
	unsigned int i, k;

	(void)state;
	for (i = 0; i < MAPS; i++) {
		struct media_space *space;

		space = naive_random(&n, &rng, 4096ULL << rng_below(&rng, 12),
				     1 + i % NAIVE_DEVICES);
		for (k = 0; k < STEPS; k++)
			step(&n, space, &rng);
		naive_compare(&n, space);
		media_space_free(space);
	}
}

static void wrong_devices_are_refused(void **state)
{
	struct media_space *space;

	(void)state;
	assert_int_equal(media_space_new(&space, 0), -EINVAL);
	assert_int_equal(media_space_new(&space, 3 * MIB), -EINVAL);
	assert_int_equal(media_space_new(&space, 2 * MIB), 0);
	assert_int_equal(media_space_add(space, 64, 1 * GIB, 0), -EINVAL);
	assert_int_equal(media_space_add(space, UINT32_MAX, 1 * GIB, 0), -EINVAL);
	assert_int_equal(media_space_add(space, 0, 2 * MIB - 1, 0), -EINVAL);
	assert_int_equal(media_space_add(space, 0, 1 * GIB, 1 * GIB + 1), -EINVAL);
	assert_int_equal(media_space_add(space, 0, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(media_space_add(space, 63, 1 * GIB, 0), 0);
	assert_int_equal(media_space_add(space, 63, 1 * GIB, 0), -EEXIST);
	assert_int_equal(media_space_add(space, 0, 1 * GIB, 1 * GIB), 0);
	assert_int_equal(media_space_take(space, 0, 1 * GIB - 2 * MIB, 2 * MIB),
			 -EEXIST);
	media_space_free(space);
	media_space_free(NULL);
}

static void wrong_ranges_are_refused(void **state)
{
	static const struct {
		unsigned int dev;
		uint64_t off;
		uint64_t len;
		int rc;
	} cases[] = {
		{ 1, 4 * MIB, 2 * MIB, -ENODEV },
		{ 64, 4 * MIB, 2 * MIB, -ENODEV },
		{ UINT32_MAX, 4 * MIB, 2 * MIB, -ENODEV },
		{ 0, 4 * MIB, 0, -EINVAL },
		{ 0, 4 * MIB + 4096, 2 * MIB, -EINVAL },
		{ 0, 4 * MIB, 2 * MIB - 1, -EINVAL },
		{ 0, 1 * GIB, 2 * MIB, -ERANGE },
		{ 0, 1 * GIB - 2 * MIB, 4 * MIB, -ERANGE },
		{ 0, 4 * MIB, -2 * MIB, -ERANGE },
		{ 0, -2 * MIB, 2 * MIB, -ERANGE },
		{ 0, -2 * MIB, 4 * MIB, -ERANGE },
		{ 0, 0, 2 * MIB, -EEXIST },
		{ 0, 2 * MIB, 4 * MIB, -EEXIST },
	};
	struct media_space *space;
	struct media_usage usage;
	size_t i;

	(void)state;
	assert_int_equal(media_space_new(&space, 2 * MIB), 0);
	/* One byte more than a unit is two. */
	assert_int_equal(media_space_add(space, 0, 1 * GIB + 4096, 2 * MIB + 1), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(media_space_take(space, cases[i].dev,
						  cases[i].off, cases[i].len),
				 cases[i].rc);
		media_space_give(space, cases[i].dev, cases[i].off, cases[i].len);
		media_space_usage(space, &usage);
		assert_int_equal(usage.size, 1 * GIB);
		assert_int_equal(usage.reserved, 4 * MIB);
		assert_int_equal(usage.used, 0);
		assert_int_equal(usage.largest, 1 * GIB - 4 * MIB);
	}
	media_space_free(space);
}

static void maps_are_given_back(void **state)
{
	struct famfs_fmap simple = {
		.ext_type = FAMFS_MAP_SIMPLE, .count = 2,
		.extents = { { 0, 4 * MIB, 4 * MIB }, { 0, 64 * MIB, 2 * MIB } },
	};
	struct famfs_fmap striped = {
		.ext_type = FAMFS_MAP_INTERLEAVED, .count = 1,
		.interleave = {
			.nstrips = 2, .chunk_size = 2 * MIB,
			.strips = { { 0, 8 * MIB, 4 * MIB },
				    { 0, 128 * MIB, 4 * MIB } },
		},
	};
	const struct { uint64_t off, len; } taken[] = {
		{ 4 * MIB, 4 * MIB }, { 64 * MIB, 2 * MIB },
		{ 8 * MIB, 4 * MIB }, { 128 * MIB, 4 * MIB },
	};
	struct media_space *space;
	struct media_usage usage;
	size_t i;

	(void)state;
	assert_int_equal(media_space_new(&space, 2 * MIB), 0);
	assert_int_equal(media_space_add(space, 0, 1 * GIB, 2 * MIB), 0);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		assert_int_equal(media_space_take(space, 0, taken[i].off,
						  taken[i].len), 0);
	media_space_give_map(space, &striped);
	media_space_usage(space, &usage);
	assert_int_equal(usage.used, 6 * MIB);
	media_space_give_map(space, &striped);
	media_space_give_map(space, &simple);
	media_space_usage(space, &usage);
	assert_int_equal(usage.used, 0);
	assert_int_equal(usage.largest, 1 * GIB - 2 * MIB);
	media_space_free(space);
}

/* Of the first 2^35 bits that @bits points to. */
static uint64_t pages_touched(const uint64_t *bits)
{
	const uint64_t page = sysconf(_SC_PAGESIZE), n = (4ULL << 30) / page;
	unsigned char *resident = malloc(n);
	uint64_t i, count = 0;

	assert_non_null(resident);
	assert_int_equal(mincore((void *)((uintptr_t)bits & ~(page - 1)), n * page,
				 resident), 0);
	for (i = 0; i < n; i++)
		count += resident[i] & 1;
	free(resident);
	return count;
}

static void huge_device_costs_nothing(void **state)
{
	const uint64_t unit = 4096, size = unit << 35;
	struct media_space *space;
	struct media_usage usage;
	unsigned int i;

	(void)state;
	assert_int_equal(media_space_new(&space, unit), 0);
	assert_int_equal(media_space_add(space, 0, size, 2 * MIB), 0);
	assert_int_equal(media_space_take(space, 0, size - unit, unit), 0);
	for (i = 0; i < 100; i++)
		media_space_usage(space, &usage);
	assert_int_equal(usage.largest, size - 2 * MIB - unit);
	assert_int_equal(media_space_take(space, 0, 2 * MIB, usage.largest), 0);
	assert_int_equal(media_space_take(space, 0, size / 2, unit), -EEXIST);
	/* A hole in the middle, not at the edge of a chunk. */
	media_space_give(space, 0, size / 2 + unit, 100000 * unit);
	media_space_usage(space, &usage);
	assert_int_equal(usage.largest, 100000 * unit);
	assert_int_equal(usage.used, size - 2 * MIB - 100000 * unit);
	assert_int_equal(media_space_take(space, 0, size / 2 + 100001 * unit, unit),
			 -EEXIST);
	assert_int_equal(media_space_take(space, 0, size / 2 + 100000 * unit, unit), 0);
	media_space_give(space, 0, 2 * MIB, size - 2 * MIB);
	media_space_usage(space, &usage);
	assert_int_equal(usage.used, 0);
	assert_int_equal(usage.largest, size - 2 * MIB);
	assert_in_range(pages_touched(space->devs[0].bits), 1, 16);
	media_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_agrees_with_a_naive_one),
		cmocka_unit_test(wrong_devices_are_refused),
		cmocka_unit_test(wrong_ranges_are_refused),
		cmocka_unit_test(maps_are_given_back),
		cmocka_unit_test(huge_device_costs_nothing),
	};

	return cmocka_run_group_tests_name("media_space", tests, NULL, NULL);
}
