// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making pools, by somebody who dies.
 *
 *   1. mkfs is stopped after each of its stores, with three models of what has reached
 *      memory: there is no pool, or a whole one; on memory that holds something else, and
 *      on devices of older pools with fewer, more and other devices, another primary
 *      one, another log. Old and new are never mixed. mkfs works again afterwards.
 *   2. So is a wipe: the old pool or none. Nothing of the region is left.
 *   3. So is the addition of a device: the log tells of it only when it is whole. Adding
 *      it again works. A full log, version 47, wrong devices: nothing is stored.
 */
#include <errno.h>
#include <string.h>

#include "pools.h"

#define SUBSETS	2	/* random ones, for each stop */

struct counts {
	unsigned int stops, none, old, new;
};

static void print_counts(const struct counts *c)
{
	printf("# %u stops: %u times none, %u the old one, %u the new one\n",
	       c->stops, c->none, c->old, c->new);
}

/* Nothing but one of the two, or none. */
static void count_what_is_there(const struct pool *old, const struct pool *new,
				struct counts *c)
{
	bool is_old, is_new;
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		has_super(i);
	is_old = is_there(old);
	is_new = is_there(new);
	assert_false(is_old && is_new);
	c->stops++;
	c->old += is_old;
	c->new += is_new;
	c->none += !is_old && !is_new;
}

/* Return: it was done before it could be stopped. */
static bool stop_mkfs(const struct pool *old, const struct pool *new,
		      struct stops *s, long n, enum reach reach, struct rng *rng,
		      struct counts *c)
{
	struct pool again = *new;
	bool done;

	stops_start(s, n);
	done = STOPS_AT(s, make(new, &s->sink));
	stops_died(s, reach, rng);
	count_what_is_there(old, new, c);
	if (done)
		assert_true(is_there(new));
	if (is_there(new)) {
		append_files(new, 1, &s->sink);
		again.files++;
		assert_true(is_there(&again));
		again.files = 0;
	}
	again.id = 0x33;
	assert_int_equal(make(&again, &s->sink), 0);
	assert_true(is_there(&again));
	stops_undo(s);
	return done;
}

static void stop_mkfs_everywhere(const struct pool *old, const struct pool *new)
{
	struct rng rng = rng_start("mkfs");
	struct counts c = { 0 };
	struct stops s = { 0 };
	bool done = false;
	unsigned int i;
	long n;

	for (n = 0; !done; n++) {
		stop_mkfs(old, new, &s, n, REACH_ALL, &rng, &c);
		stop_mkfs(old, new, &s, n, REACH_FLUSHED, &rng, &c);
		for (i = 0; i < SUBSETS; i++)
			done = stop_mkfs(old, new, &s, n, REACH_SOME, &rng, &c);
	}
	print_counts(&c);
	assert_true(c.none && c.new && !c.old == !old->id);
	stops_free(&s);
}

/* Something else: some words of it, also where the magic will be. */
static void litter(void)
{
	unsigned int dev;
	size_t i;

	for (dev = 0; dev < DEVICES; dev++) {
		memset(mem[dev], 0, REGION + LOG_MOST);
		for (i = 0; i < 200; i += 24)
			put64(mem[dev] + i, 0x1234567890abcdef);
		put64(mem[dev] + 1080, 0xef53);
		put64(mem[dev] + REGION, 0x5555);
		put64(mem[dev] + REGION + LOG_INDEX, 0x5555);
		put64(mem[dev] + REGION + HEADER_SIZE, 0x5555);
	}
}

static void mkfs_stopped_anywhere_makes_all_or_nothing(void **state)
{
	static const struct pool none = { 0 };
	static const struct pool new[] = {
		{ 0x22, 1, { 0 }, 8 * MIB, 0 },
		{ 0x22, 3, { 0, 1, 2 }, 8 * MIB, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(new); i++) {
		litter();
		stop_mkfs_everywhere(&none, &new[i]);
	}
}

static void mkfs_never_mixes_old_and_new(void **state)
{
	static const struct {
		struct pool old, new;
	} cases[] = {
		{ { 0x11, 1, { 0 }, 8 * MIB, 3 }, { 0x22, 1, { 0 }, 16 * MIB, 0 } },
		{ { 0x11, 1, { 0 }, 8 * MIB, 3 }, { 0x22, 3, { 0, 1, 2 }, 8 * MIB, 0 } },
		{ { 0x11, 3, { 0, 1, 2 }, 16 * MIB, 3 }, { 0x22, 2, { 0, 1 }, 8 * MIB, 0 } },
		/* What was the primary device is another. */
		{ { 0x11, 3, { 0, 1, 2 }, 8 * MIB, 3 }, { 0x22, 3, { 2, 1, 0 }, 8 * MIB, 0 } },
		{ { 0x11, 2, { 1, 0 }, 8 * MIB, 0 }, { 0x22, 2, { 0, 1 }, 8 * MIB, 0 } },
	};
	struct pool old;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		litter();
		old = cases[i].old;
		assert_int_equal(make(&old, NULL), 0);
		append_files(&old, old.files, NULL);
		assert_true(is_there(&old));
		stop_mkfs_everywhere(&old, &cases[i].new);
		assert_true(is_there(&old));
	}
}

static bool stop_wipe(const struct pool *pool, struct stops *s, long n,
		      enum reach reach, struct rng *rng, struct counts *c)
{
	static const struct pool none = { 0 };
	static const uint8_t zeroes[REGION];
	bool done;

	stops_start(s, n);
	done = STOPS_AT(s, media_wipe(mem[0], &s->sink));
	stops_died(s, reach, rng);
	count_what_is_there(pool, &none, c);
	if (done)
		assert_memory_equal(mem[0], zeroes, REGION);
	stops_undo(s);
	return done;
}

static void wipe_stopped_anywhere_leaves_the_pool_or_none(void **state)
{
	static const struct pool pool = { 0x11, 1, { 0 }, 8 * MIB, 0 };
	struct rng rng = rng_start("wipe");
	struct counts c = { 0 };
	struct stops s = { 0 };
	bool done = false;
	long n;

	(void)state;
	litter();
	assert_int_equal(make(&pool, NULL), 0);
	put64(mem[0] + REGION - 8, 0x5555);
	for (n = 0; !done; n++) {
		stop_wipe(&pool, &s, n, REACH_ALL, &rng, &c);
		stop_wipe(&pool, &s, n, REACH_FLUSHED, &rng, &c);
		done = stop_wipe(&pool, &s, n, REACH_SOME, &rng, &c);
	}
	print_counts(&c);
	assert_true(c.old && c.none);
	stops_free(&s);
}

/* ------------------------------------------------------------------------
 * A device more
 */

static const struct pool one_device = { 0x11, 1, { 0 }, 8 * MIB, 0 };
static const struct pool two_devices = { 0x11, 2, { 0, 1 }, 8 * MIB, 0 };

static int add(unsigned int index, uint64_t size, const struct media_sink *sink)
{
	struct media_log log = log_of(&one_device);
	struct media_mkfs_dev dev;
	struct media_error err;
	struct media_super sb;

	assert_int_equal(media_super_read(mem[0], REGION, 0, &sb, &err), 0);
	describe_device(&two_devices, 1, &dev);
	if (size)
		dev.size = size;
	return media_add_device(&dev, &sb, &log, index, sink, &err);
}

/* Two counters cannot be stored at once: a header that is torn tells of the lower. */
static bool mend(void)
{
	uint8_t *log = mem[0] + REGION;
	uint64_t seqnum = get64(log + LOG_SEQNUM), index = get64(log + LOG_INDEX);

	assert_true(seqnum <= 1 && index <= 1);
	put64(log + LOG_SEQNUM, 0);
	put64(log + LOG_INDEX, 0);
	if (!seqnum || !index)
		return false;
	put64(log + LOG_SEQNUM, 1);
	put64(log + LOG_INDEX, 1);
	return true;
}

static bool stop_add(struct stops *s, long n, enum reach reach, struct rng *rng,
		     struct counts *c)
{
	uint8_t *log = mem[0] + REGION;
	uint64_t counters[2];
	bool done;

	stops_start(s, n);
	done = STOPS_AT(s, assert_int_equal(add(1, 0, &s->sink), 0));
	stops_died(s, reach, rng);
	memcpy(counters, log + LOG_SEQNUM, sizeof(counters));
	has_super(1);
	if (mend()) {
		check_pool(&two_devices);
		c->new++;
	} else {
		check_pool(&one_device);
		c->old++;
		assert_false(done);
		memcpy(log + LOG_SEQNUM, counters, sizeof(counters));
		assert_int_equal(add(1, 0, &s->sink), 0);
		check_pool(&two_devices);
	}
	stops_undo(s);
	c->stops++;
	return done;
}

static void addition_stopped_anywhere_is_all_or_nothing(void **state)
{
	/* What the device holds of old. */
	static const struct pool other = { 0x44, 1, { 1 }, 8 * MIB, 0 };
	struct rng rng = rng_start("add");
	struct counts c = { 0 };
	struct stops s = { 0 };
	bool done = false;
	unsigned int i;
	long n;

	(void)state;
	litter();
	assert_int_equal(make(&one_device, NULL), 0);
	assert_int_equal(make(&other, NULL), 0);
	for (n = 0; !done; n++) {
		stop_add(&s, n, REACH_ALL, &rng, &c);
		stop_add(&s, n, REACH_FLUSHED, &rng, &c);
		for (i = 0; i < SUBSETS; i++)
			done = stop_add(&s, n, REACH_SOME, &rng, &c);
	}
	print_counts(&c);
	assert_true(c.new && c.old);
	stops_free(&s);
}

static void add_refused(int rc, unsigned int index, uint64_t size)
{
	struct stops s = { 0 };

	stops_start(&s, 0);
	assert_true(STOPS_AT(&s, assert_int_equal(add(index, size, &s.sink), rc)));
	stops_free(&s);
}

static void wrong_additions_are_refused(void **state)
{
	uint8_t *log = mem[0] + REGION;
	uint64_t next = 15420;

	(void)state;
	litter();
	assert_int_equal(make(&one_device, NULL), 0);
	add_refused(-EINVAL, 0, 0);
	add_refused(-EINVAL, 64, 0);
	add_refused(-EINVAL, 1, 4 * MIB - 1);
	add_refused(-EINVAL, 1, UINT64_MAX);
	put64(log + LOG_SEQNUM, next);
	put64(log + LOG_INDEX, next);
	add_refused(-ENOSPC, 1, 0);
	put64(log + LOG_INDEX, 0);
	add_refused(-EUCLEAN, 1, 0);

	put64(mem[0] + 8, 47);
	put32(mem[0] + 44, 1);
	put64(mem[0] + SUPER_CRC, naive_crc(mem[0], SUPER_CRC));
	add_refused(-EOPNOTSUPP, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mkfs_stopped_anywhere_makes_all_or_nothing),
		cmocka_unit_test(mkfs_never_mixes_old_and_new),
		cmocka_unit_test(wipe_stopped_anywhere_leaves_the_pool_or_none),
		cmocka_unit_test(addition_stopped_anywhere_is_all_or_nothing),
		cmocka_unit_test(wrong_additions_are_refused),
	};

	return cmocka_run_group_tests_name("media_mkfs_stops", tests, set_up_mem,
					   tear_down_mem);
}
