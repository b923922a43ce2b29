// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator.
 *
 *   1. On random maps of one to six devices, with random policies, each map that it
 *      makes lies within the devices, in whole units that were free; no two of its
 *      extents touch; it is as long as it has to be and no longer; what it does not use
 *      is zero.
 *   2. A simple map has as few extents as there can be: one where one range is
 *      large enough: then the lowest on the device with the most free space.
 *   3. An interleaved one has as many strips as asked for, or as there is room for, all
 *      of the length that the format's rule says; no two on one device touch the same
 *      bucket; they are spread over the devices, and over no more chunks than there are.
 *   4. -ENOSPC comes if, and only if, the 16 largest free ranges are smaller than the
 *      file, and changes nothing.
 *   5. On a fresh device of 8 GiB the files of the real medium get the extents and
 *      strip lengths that they have there.
 *   6. Strips longer than the smallest bucket are made where devices have room.
 *   7. The same seed gives the same map, others give others.
 *   8. Wrong policies are refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "naive_space.h"

#define STATES	1500
#define ALLOCS	6	/* in each of them */
#define JOINS	7	/* buckets are joined so many times at most: 64 to 1 */

/* ------------------------------------------------------------------------
 * What there should be, found by looking at everything
 */

static int by_length(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* How few extents make @need units; 0: not even 16 do. */
static unsigned int fewest_extents(const struct naive *n, uint64_t need)
{
	static uint64_t runs[NAIVE_DEVICES * NAIVE_UNITS];
	uint64_t i, len, sum = 0;
	unsigned int dev;
	size_t k, nruns = 0;

	for (dev = 0; dev < NAIVE_DEVICES; dev++) {
		for (i = 0; i < n->units[dev]; i += len + 1) {
			for (len = 0; i + len < n->units[dev]; len++)
				if (n->state[dev][i + len] != NAIVE_FREE)
					break;
			runs[nruns++] = len;
		}
	}
	qsort(runs, nruns, sizeof(runs[0]), by_length);
	for (k = 0; k < nruns && k < FAMFS_EXTENTS_MAX; k++) {
		sum += runs[k];
		if (sum >= need)
			return k + 1;
	}
	return 0;
}

static uint64_t buckets_of(const struct naive *n, unsigned int dev)
{
	uint64_t buckets = n->units[dev] * n->unit / GIB;

	return buckets > 64 ? 64 : buckets ? buckets : 1;
}

/* Into how many of a device's buckets, @join of them taken as one, a strip fits. */
static unsigned int room_of(const struct naive *n, unsigned int dev,
			    unsigned int join, uint64_t len)
{
	uint64_t i, buckets, size;
	unsigned int room = 0;

	if (!n->units[dev])
		return 0;
	buckets = buckets_of(n, dev);
	size = n->units[dev] / buckets;
	for (i = 0; i < buckets; i += join)
		if (naive_longest(n, dev, i * size, i + join >= buckets ?
				  n->units[dev] : (i + join) * size) >= len)
			room++;
	return room;
}

static unsigned int room_for(const struct naive *n, unsigned int join, uint64_t len)
{
	unsigned int dev, room = 0;

	for (dev = 0; dev < NAIVE_DEVICES; dev++)
		room += room_of(n, dev, join, len);
	return room;
}

static uint64_t strip_length(uint64_t size, uint64_t strips, uint64_t chunk)
{
	return (size + strips * chunk - 1) / (strips * chunk) * chunk;
}

/* How many strips there is room for; *@join: buckets joined for that */
static unsigned int most_strips(const struct naive *n, uint64_t size,
				const struct media_policy *policy, uint64_t chunk,
				unsigned int *join)
{
	unsigned int k, i;

	for (k = policy->nstrips; k > 1; k--) {
		if ((k - 1) * chunk >= size)
			continue;	/* one would be empty */
		for (i = 0; i < JOINS; i++) {
			*join = 1 << i;
			if (room_for(n, *join, strip_length(size, k, chunk) /
				     n->unit) >= k)
				return k;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------------
 * Looking at a map
 */

static void assert_zero(const void *from, const void *to)
{
	const uint8_t *p;

	for (p = from; p < (const uint8_t *)to; p++)
		assert_int_equal(*p, 0);
}

/* In whole units, free until now, within the device; from now on used. */
static void take_extent(struct naive *n, const struct famfs_extent *ext)
{
	assert_int_equal(ext->offset % n->unit, 0);
	assert_int_equal(ext->len % n->unit, 0);
	assert_int_equal(naive_take(n, ext->devindex, ext->offset / n->unit,
				    ext->len / n->unit), 0);
}

/* Of the devices that have such a range, on one with the most free space; the lowest. */
static void check_place(const struct naive *n, const struct famfs_extent *ext)
{
	uint64_t i, units = ext->len / n->unit, is = ext->devindex;
	struct media_usage there = naive_usage(n, is), u;
	unsigned int dev;

	for (dev = 0; dev < NAIVE_DEVICES; dev++) {
		u = naive_usage(n, dev);
		if (naive_longest(n, dev, 0, n->units[dev]) >= units)
			assert_true(u.size - u.reserved - u.used <=
				    there.size - there.reserved - there.used);
	}
	for (i = 0; i < ext->offset / n->unit; i++)
		assert_true(naive_longest(n, is, i, i + units) < units);
}

static void check_simple(struct naive *n, uint64_t size, unsigned int count,
			 const struct famfs_fmap *map)
{
	uint64_t sum = 0;
	unsigned int i;

	if (count == 1)
		check_place(n, &map->extents[0]);
	assert_int_equal(map->ext_type, FAMFS_MAP_SIMPLE);
	assert_int_equal(map->count, count);
	for (i = 0; i < map->count; i++) {
		take_extent(n, &map->extents[i]);
		sum += map->extents[i].len;
	}
	assert_int_equal(sum, (size + n->unit - 1) / n->unit * n->unit);
	assert_zero(&map->extents[map->count], map + 1);
}

/* From the first of a device's smallest buckets that the strip touches to the last. */
static void touched(const struct naive *n, const struct famfs_extent *strip,
		    uint64_t *first, uint64_t *last)
{
	uint64_t buckets = buckets_of(n, strip->devindex);
	uint64_t size = n->units[strip->devindex] / buckets * n->unit;

	*first = strip->offset / size;
	*last = (strip->offset + strip->len - 1) / size;
	if (*first >= buckets)
		*first = buckets - 1;
	if (*last >= buckets)
		*last = buckets - 1;
}

static void check_apart(const struct naive *n, const struct famfs_extent *a,
			const struct famfs_extent *b)
{
	uint64_t a_first, a_last, b_first, b_last;

	if (a->devindex != b->devindex)
		return;
	touched(n, a, &a_first, &a_last);
	touched(n, b, &b_first, &b_last);
	assert_true(a_last < b_first || b_last < a_first);
}

/* @room: of each device, for strips; one that has more left has got its turn. */
static void check_spread(const struct famfs_interleave *il,
			 const unsigned int room[NAIVE_DEVICES])
{
	unsigned int got[NAIVE_DEVICES] = { 0 }, i, most = 0;

	for (i = 0; i < il->nstrips; i++) {
		got[il->strips[i].devindex]++;
		if (got[il->strips[i].devindex] > most)
			most = got[il->strips[i].devindex];
	}
	for (i = 0; i < NAIVE_DEVICES; i++)
		assert_true(got[i] == room[i] || got[i] + 1 >= most);
}

static void check_strips(struct naive *n, uint64_t size, unsigned int count,
			 uint64_t chunk, unsigned int join,
			 const struct famfs_fmap *map)
{
	const struct famfs_interleave *il = &map->interleave;
	uint64_t len = strip_length(size, count, chunk);
	unsigned int room[NAIVE_DEVICES], i, k;

	assert_int_equal(map->ext_type, FAMFS_MAP_INTERLEAVED);
	assert_int_equal(map->count, 1);
	assert_int_equal(il->nstrips, count);
	assert_int_equal(il->chunk_size, chunk);
	for (i = 0; i < NAIVE_DEVICES; i++)
		room[i] = room_of(n, i, join, len / n->unit);
	for (i = 0; i < count; i++) {
		assert_int_equal(il->strips[i].len, len);
		take_extent(n, &il->strips[i]);
		for (k = 0; k < i; k++)
			check_apart(n, &il->strips[i], &il->strips[k]);
	}
	check_spread(il, room);
	assert_zero(&il->strips[count], map + 1);
}

/* ------------------------------------------------------------------------ */

/* How often each thing has happened: all of them are to be tried. */
struct seen {
	unsigned int one, several, striped, fewer, joined, full;
};

static void random_alloc(struct naive *n, struct media_space *space,
			 struct rng *rng, struct seen *seen)
{
	struct media_policy policy = {
		.nstrips = rng_below(rng, FAMFS_STRIPS_MAX + 1),
		.chunk_size = n->unit << rng_below(rng, 3),
		.seed = rng_next(rng),
	};
	uint64_t size = 1 + rng_below(rng, (1 + rng_below(rng, 2000)) * n->unit);
	unsigned int count, strips, join = 0;
	struct famfs_fmap map;
	uint64_t chunk;
	int rc;

	if (!rng_below(rng, 4))
		policy.chunk_size = 0;
	chunk = policy.chunk_size ? policy.chunk_size : n->unit;
	count = fewest_extents(n, (size + n->unit - 1) / n->unit);
	strips = most_strips(n, size, &policy, chunk, &join);
	rc = media_space_alloc(space, size, &policy, &map);
	assert_int_equal(rc, count ? 0 : -ENOSPC);
	if (rc) {
		seen->full++;
	} else if (strips) {
		check_strips(n, size, strips, chunk, join, &map);
		seen->striped++;
		seen->joined += join > 1;
		seen->fewer += strips < policy.nstrips;
	} else {
		check_simple(n, size, count, &map);
		seen->one += count == 1;
		seen->several += count > 1;
	}
}

static void maps_are_what_a_naive_allocator_says(void **state)
{
	static struct naive n;
	struct rng rng = rng_start("alloc");
	struct seen seen = { 0 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < STATES; i++) {
		/* From some small buckets a device to many of few units each. */
		uint64_t unit = 2 * MIB << rng_below(&rng, 9);
		struct media_space *space = naive_random(&n, &rng, unit,
							 1 + i % NAIVE_DEVICES);

		for (k = 0; k < ALLOCS; k++)
			random_alloc(&n, space, &rng, &seen);
		if (!(i % 4))
			naive_compare(&n, space);
		media_space_free(space);
	}
	printf("# one extent %u, several %u, striped %u (fewer strips %u, joined buckets %u), no room %u\n",
	       seen.one, seen.several, seen.striped, seen.fewer, seen.joined,
	       seen.full);
	assert_true(seen.one > 100 && seen.several > 100 && seen.striped > 100 &&
		    seen.fewer > 100 && seen.joined > 100 && seen.full > 100);
}

/* Until nothing is free, in steps of one unit and more: the last one still is had. */
static void every_unit_can_be_had(void **state)
{
	const struct media_policy policy = { 0 };
	static struct naive n;
	struct rng rng = rng_start("every unit");
	struct media_usage usage;
	struct famfs_fmap map;
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		struct media_space *space = naive_random(&n, &rng, 2 * MIB,
							 1 + i % NAIVE_DEVICES);

		while (!media_space_alloc(space, 2 * MIB, &policy, &map))
			check_simple(&n, 2 * MIB, 1, &map);
		media_space_usage(space, &usage);
		assert_int_equal(usage.used + usage.reserved, usage.size);
		assert_int_equal(usage.largest, 0);
		naive_compare(&n, space);
		media_space_free(space);
	}
}

static struct media_space *fresh(unsigned int devs, uint64_t size)
{
	struct media_space *space;
	unsigned int i;

	assert_int_equal(media_space_new(&space, 2 * MIB), 0);
	for (i = 0; i < devs; i++)
		assert_int_equal(media_space_add(space, i, size,
						 i ? 2 * MIB : 10 * MIB), 0);
	return space;
}

static void files_of_the_real_medium_come_out(void **state)
{
	static const struct {
		uint64_t size;
		unsigned int nstrips;
		uint64_t off;		/* of simple ones */
		uint64_t len;
	} files[] = {
		{ 1, 0, 0xa00000, 0x200000 },
		{ 3145728, 0, 0xc00000, 0x400000 },
		{ 5000001, 0, 0x1000000, 0x600000 },
		{ 24117248, 4, 0, 0x600000 },
		{ 104861697, 3, 0, 0x2200000 },
	};
	struct media_space *space = fresh(1, 8 * GIB);
	struct famfs_fmap map;
	unsigned int i, k, m;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		const struct media_policy policy = { .nstrips = files[i].nstrips,
						     .seed = i };

		assert_int_equal(media_space_alloc(space, files[i].size, &policy,
						   &map), 0);
		if (!files[i].nstrips) {
			assert_int_equal(map.ext_type, FAMFS_MAP_SIMPLE);
			assert_int_equal(map.count, 1);
			assert_int_equal(map.extents[0].offset, files[i].off);
			assert_int_equal(map.extents[0].len, files[i].len);
			continue;
		}
		assert_int_equal(map.ext_type, FAMFS_MAP_INTERLEAVED);
		assert_int_equal(map.interleave.nstrips, files[i].nstrips);
		assert_int_equal(map.interleave.chunk_size, 2 * MIB);
		for (k = 0; k < files[i].nstrips; k++) {
			const struct famfs_extent *s = map.interleave.strips;

			assert_int_equal(s[k].len, files[i].len);
			for (m = 0; m < k; m++)
				assert_int_not_equal(s[k].offset / GIB,
						     s[m].offset / GIB);
		}
	}
	media_space_free(space);
}

static void long_strips_get_a_device_each(void **state)
{
	const struct media_policy policy = { .nstrips = 4 };
	struct media_space *space = fresh(4, 8 * GIB);
	struct famfs_fmap map;
	unsigned int i;
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(media_space_alloc(space, 24 * GIB, &policy, &map), 0);
	assert_int_equal(map.ext_type, FAMFS_MAP_INTERLEAVED);
	assert_int_equal(map.interleave.nstrips, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(map.interleave.strips[i].len, 6 * GIB);
		seen |= 1 << map.interleave.strips[i].devindex;
	}
	assert_int_equal(seen, 0xf);
	media_space_free(space);
}

static void small_files_are_contiguous(void **state)
{
	const struct media_policy policy = { .nstrips = 4, .chunk_size = 8 * MIB };
	struct media_space *space = fresh(4, 8 * GIB);
	struct famfs_fmap map;

	(void)state;
	assert_int_equal(media_space_alloc(space, 8 * MIB - 1, &policy, &map), 0);
	assert_int_equal(map.ext_type, FAMFS_MAP_SIMPLE);
	assert_int_equal(map.count, 1);
	assert_int_equal(map.extents[0].len, 8 * MIB);
	assert_int_equal(media_space_alloc(space, 8 * MIB + 1, &policy, &map), 0);
	assert_int_equal(map.ext_type, FAMFS_MAP_INTERLEAVED);
	assert_int_equal(map.interleave.nstrips, 2);
	media_space_free(space);
}

static void seeds_make_the_order(void **state)
{
	struct media_policy policy = { .nstrips = 4 };
	struct famfs_fmap map, again, first;
	unsigned int seed, others = 0;

	(void)state;
	for (seed = 0; seed < 16; seed++) {
		struct media_space *space = fresh(1, 64 * GIB);

		policy.seed = seed;
		assert_int_equal(media_space_alloc(space, 1 * GIB, &policy, &map),
				 0);
		media_space_give_map(space, &map);
		assert_int_equal(media_space_alloc(space, 1 * GIB, &policy,
						   &again), 0);
		assert_memory_equal(&map, &again, sizeof(map));
		if (!seed)
			first = map;
		else
			others += !!memcmp(&map, &first, sizeof(map));
		media_space_free(space);
	}
	assert_true(others > 10);
}

static void wrong_policies_are_refused(void **state)
{
	static const struct {
		uint64_t size;
		struct media_policy policy;
		int rc;
	} cases[] = {
		{ 0, { 0 }, -EINVAL },
		{ MIB, { .nstrips = 17 }, -EINVAL },
		{ MIB, { .nstrips = 2, .chunk_size = 3 * MIB }, -EINVAL },
		{ MIB, { .nstrips = 2, .chunk_size = 6 * MIB }, -EINVAL },
		{ MIB, { .nstrips = 2, .chunk_size = 1 * MIB }, -EINVAL },
		{ MIB, { .nstrips = 2, .chunk_size = 4 * GIB }, -EINVAL },
		{ UINT64_MAX, { .nstrips = 16 }, -ENOSPC },
		{ UINT64_MAX, { 0 }, -ENOSPC },
	};
	struct media_space *space = fresh(1, 8 * GIB);
	struct media_usage usage;
	struct famfs_fmap map;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(media_space_alloc(space, cases[i].size,
						   &cases[i].policy, &map),
				 cases[i].rc);
		media_space_usage(space, &usage);
		assert_int_equal(usage.used, 0);
	}
	media_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_what_a_naive_allocator_says),
		cmocka_unit_test(every_unit_can_be_had),
		cmocka_unit_test(files_of_the_real_medium_come_out),
		cmocka_unit_test(long_strips_get_a_device_each),
		cmocka_unit_test(small_files_are_contiguous),
		cmocka_unit_test(seeds_make_the_order),
		cmocka_unit_test(wrong_policies_are_refused),
	};

	return cmocka_run_group_tests_name("media_alloc", tests, NULL, NULL);
}
