// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing room for a file.
 *
 * Contiguous: on the device with the most free space that has a range large enough,
 * the lowest such range. So devices fill evenly (interleaving needs all of them), and
 * on each what is free stays together at the end: the format frees nothing, holes come
 * from buckets only. Where no range is large enough: the largest ranges of all devices,
 * largest first, which makes the fewest extents there can be. An interleaved map is
 * never more than that: 16 strips are 16 ranges, too. Hence -ENOSPC is exact: the 16
 * largest free ranges are smaller than the file.
 *
 * Interleaved: each device is cut in buckets; strips go round the devices in random
 * order, on each device to its buckets in random order, to the lowest range in the
 * bucket that holds a strip. A device where no bucket is left is passed over. Where
 * that does not find room for all strips, buckets are joined two by two until each
 * device is one: a strip may be longer than the smallest bucket, still no two strips
 * touch the same one.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "space.h"

#define BUCKETS_MAX	64
#define BUCKET_MIN	(1ULL << 30)	/* bytes */

/* A free range, in units. */
struct range {
	unsigned int dev;
	uint64_t at;
	uint64_t len;
};

/* The lowest @need free units in one piece in [@at, @end); false: there are none. */
static bool find_fit(const struct space_device *dev, uint64_t at, uint64_t end,
		     uint64_t need, uint64_t *found)
{
	uint64_t len;

	for (; at < end; at += len) {
		at = space_next_run(dev, at, end, need, &len);
		if (len >= need) {
			*found = at;
			return true;
		}
	}
	return false;
}

static void set_extent(const struct media_space *space, struct famfs_extent *ext,
		       const struct range *range)
{
	ext->devindex = range->dev;
	ext->offset = range->at << space->shift;
	ext->len = range->len << space->shift;
}

/* Takes the ranges, and has the map say so. */
static void take_simple(struct media_space *space, const struct range *ranges,
			unsigned int n, struct famfs_fmap *map)
{
	unsigned int i;

	memset(map, 0, sizeof(*map));
	map->ext_type = FAMFS_MAP_SIMPLE;
	map->count = n;
	for (i = 0; i < n; i++) {
		set_extent(space, &map->extents[i], &ranges[i]);
		space_mark(&space->devs[ranges[i].dev], ranges[i].at, ranges[i].len);
	}
}

/* ------------------------------------------------------------------------
 * Extents
 */

/* Of the devices not in @tried the one with the most free space, at least @need. */
static int emptiest(const struct media_space *space, uint64_t tried, uint64_t need)
{
	uint64_t most = 0;
	int i, found = -1;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		uint64_t units = space_free_units(&space->devs[i]);

		if (tried & 1ULL << i || units < need || units <= most)
			continue;
		most = units;
		found = i;
	}
	return found;
}

static int alloc_contiguous(struct media_space *space, uint64_t need,
			    struct famfs_fmap *map)
{
	struct range range = { .len = need };
	uint64_t tried = 0;
	int i;

	for (;;) {
		const struct space_device *dev;

		i = emptiest(space, tried, need);
		if (i < 0)
			return -ENOSPC;
		tried |= 1ULL << i;
		dev = &space->devs[i];
		if (find_fit(dev, 0, dev->units, need, &range.at))
			break;
	}
	range.dev = i;
	take_simple(space, &range, 1, map);
	return 0;
}

/* Puts a range where it belongs among the largest, the lower one first of equals. */
static void insert_range(struct range *largest, unsigned int *n,
			 const struct range *range)
{
	unsigned int i;

	if (*n == FAMFS_EXTENTS_MAX) {
		if (largest[*n - 1].len >= range->len)
			return;
		(*n)--;
	}
	for (i = *n; i && largest[i - 1].len < range->len; i--)
		largest[i] = largest[i - 1];
	largest[i] = *range;
	(*n)++;
}

static unsigned int find_largest(const struct media_space *space,
				 struct range largest[FAMFS_EXTENTS_MAX])
{
	unsigned int n = 0;
	struct range r;

	for (r.dev = 0; r.dev < MEDIA_DEVICES_MAX; r.dev++) {
		const struct space_device *dev = &space->devs[r.dev];

		for (r.at = 0; r.at < dev->units; r.at += r.len) {
			r.at = space_next_run(dev, r.at, dev->units, dev->units,
					      &r.len);
			if (r.len)
				insert_range(largest, &n, &r);
		}
	}
	return n;
}

static int alloc_extents(struct media_space *space, uint64_t need,
			 struct famfs_fmap *map)
{
	struct range largest[FAMFS_EXTENTS_MAX];
	unsigned int i, n = find_largest(space, largest);

	for (i = 0; i < n && need; i++) {
		if (largest[i].len > need)
			largest[i].len = need;
		need -= largest[i].len;
	}
	if (need)
		return -ENOSPC;
	take_simple(space, largest, i, map);
	return 0;
}

/* ------------------------------------------------------------------------
 * Strips
 */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* 0 .. @n - 1 in random order */
static void shuffle(uint8_t *order, unsigned int n, uint64_t *random)
{
	unsigned int i, k;

	for (i = 0; i < n; i++) {
		k = next_random(random) % (i + 1);
		order[i] = order[k];
		order[k] = i;
	}
}

/**
 * struct buckets - what is left of a device's
 * @size: of each but the last, which has the rest of the device (units)
 * @n: so many there are
 * @next: of @order, the first that was not tried
 */
struct buckets {
	uint64_t size;
	unsigned int n;
	unsigned int next;
	uint8_t order[BUCKETS_MAX];
};

/* @join: so many of the smallest ones make one. */
static void cut(const struct media_space *space, const struct space_device *dev,
		unsigned int join, uint64_t *random, struct buckets *b)
{
	uint64_t n = (dev->units << space->shift) / BUCKET_MIN;

	if (n > BUCKETS_MAX)
		n = BUCKETS_MAX;
	if (!n)
		n = 1;
	b->size = dev->units / n * join;
	b->n = (n + join - 1) / join;
	b->next = 0;
	shuffle(b->order, b->n, random);
}

/* Room for a strip in the next bucket that has it; false: none has. */
static bool place_strip(const struct space_device *dev, struct buckets *b,
			struct range *strip)
{
	while (b->next < b->n) {
		unsigned int i = b->order[b->next++];
		uint64_t end = i == b->n - 1 ? dev->units : (i + 1) * b->size;

		if (find_fit(dev, i * b->size, end, strip->len, &strip->at))
			return true;
	}
	return false;
}

/* True: all of @strips, of equal length, were placed; none is taken yet. */
static bool place_strips(const struct media_space *space, unsigned int join,
			 uint64_t *random, struct range *strips, unsigned int n)
{
	struct buckets buckets[MEDIA_DEVICES_MAX];
	uint8_t order[MEDIA_DEVICES_MAX];
	unsigned int i, placed = 0, before;

	shuffle(order, MEDIA_DEVICES_MAX, random);
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		buckets[i].n = buckets[i].next = 0;
		if (space_free_units(&space->devs[i]) >= strips[0].len)
			cut(space, &space->devs[i], join, random, &buckets[i]);
	}
	do {
		before = placed;
		for (i = 0; i < MEDIA_DEVICES_MAX && placed < n; i++) {
			unsigned int dev = order[i];

			strips[placed].dev = dev;
			if (place_strip(&space->devs[dev], &buckets[dev],
					&strips[placed]))
				placed++;
		}
	} while (placed < n && placed > before);
	return placed == n;
}

static bool alloc_strips(struct media_space *space, uint64_t len, unsigned int n,
			 const struct media_policy *policy, uint64_t chunk,
			 struct famfs_fmap *map)
{
	struct range strips[FAMFS_STRIPS_MAX];
	uint64_t random = policy->seed;
	unsigned int i, join;

	for (i = 0; i < n; i++)
		strips[i].len = len >> space->shift;
	for (join = 1; join <= BUCKETS_MAX; join *= 2)
		if (place_strips(space, join, &random, strips, n))
			break;
	if (join > BUCKETS_MAX)
		return false;
	memset(map, 0, sizeof(*map));
	map->ext_type = FAMFS_MAP_INTERLEAVED;
	map->count = 1;
	map->interleave.nstrips = n;
	map->interleave.chunk_size = chunk;
	for (i = 0; i < n; i++) {
		set_extent(space, &map->interleave.strips[i], &strips[i]);
		space_mark(&space->devs[strips[i].dev], strips[i].at, strips[i].len);
	}
	return true;
}

/* Over no more strips than there are chunks. */
static int alloc_interleaved(struct media_space *space, uint64_t size,
			     const struct media_policy *policy, uint64_t chunk,
			     struct famfs_fmap *map)
{
	uint64_t chunks = size / chunk + !!(size % chunk);
	unsigned int n = policy->nstrips;

	if (n > chunks)
		n = chunks;
	for (; n > 1; n--) {
		uint64_t len = (chunks / n + !!(chunks % n)) * chunk;

		if (alloc_strips(space, len, n, policy, chunk, map))
			return 0;
	}
	return -ENOSPC;
}

int media_space_alloc(struct media_space *space, uint64_t size,
		      const struct media_policy *policy, struct famfs_fmap *map)
{
	uint64_t chunk = policy->chunk_size ? policy->chunk_size : space->alloc_unit;
	uint64_t need, units = 0;
	unsigned int i;

	if (!size || policy->nstrips > FAMFS_STRIPS_MAX || chunk > MEDIA_CHUNK_MAX ||
	    !media_is_power(chunk) || chunk < space->alloc_unit)
		return -EINVAL;
	for (i = 0; i < MEDIA_DEVICES_MAX; i++)
		units += space_free_units(&space->devs[i]);
	need = (size >> space->shift) + !!(size & (space->alloc_unit - 1));
	if (need > units)
		return -ENOSPC;
	if (policy->nstrips > 1 &&
	    !alloc_interleaved(space, size, policy, chunk, map))
		return 0;
	if (!alloc_contiguous(space, need, map))
		return 0;
	return alloc_extents(space, need, map);
}
