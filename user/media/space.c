// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which allocation units of which device are used: a bitmap a device.
 *
 * A medium of some MiBs may tell of devices of 2^35 units. So what is all free or all
 * taken, chunk by chunk, costs a byte: of the bitmap only those pages are ever touched
 * where files begin and end.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "space.h"

#define WORD_BITS	64
#define CHUNK_WORDS	(SPACE_CHUNK / WORD_BITS)

int media_space_new(struct media_space **space, uint64_t alloc_unit)
{
	struct media_space *new;

	if (!media_is_power(alloc_unit))
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->alloc_unit = alloc_unit;
	new->shift = __builtin_ctzll(alloc_unit);
	*space = new;
	return 0;
}

void media_space_free(struct media_space *space)
{
	unsigned int i;

	if (!space)
		return;
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		free(space->devs[i].bits);
		free(space->devs[i].chunks);
	}
	free(space);
}

/* The bits of a word that lie in units @from to @to - 1 of it. */
static uint64_t word_mask(uint64_t word, uint64_t from, uint64_t to)
{
	uint64_t start = word * WORD_BITS;
	uint64_t mask = ~0ULL;

	if (from > start)
		mask &= ~0ULL << (from - start);
	if (to < start + WORD_BITS)
		mask &= ~(~0ULL << (to - start));
	return mask;
}

/* The first unit in [@at, @end) whose bit is not what @flip is full of, or @end. */
static uint64_t next_bit(const struct space_device *dev, uint64_t at, uint64_t end,
			 uint64_t flip)
{
	uint64_t word, found;
	uint8_t state;

	if (at >= end)
		return end;
	for (word = at / WORD_BITS; word * WORD_BITS < end;) {
		state = dev->chunks[word / CHUNK_WORDS];
		found = state == SPACE_MIXED ? dev->bits[word] :
			state == SPACE_TAKEN ? ~0ULL : 0;
		found = (found ^ flip) & word_mask(word, at, end);
		if (found)
			return word * WORD_BITS + __builtin_ctzll(found);
		/* Of one that is all alike, no other word has it, either. */
		word = state == SPACE_MIXED ? word + 1 :
		       (word / CHUNK_WORDS + 1) * CHUNK_WORDS;
	}
	return end;
}

uint64_t space_next_run(const struct space_device *dev, uint64_t at, uint64_t end,
			uint64_t most, uint64_t *len)
{
	if (at < dev->first)
		at = dev->first;
	at = next_bit(dev, at, end, ~0ULL);
	if (end - at > most)
		end = at + most;
	*len = next_bit(dev, at, end, 0) - at;
	return at;
}

/* Where the chunk that @at is in ends, but not beyond @end. */
static uint64_t chunk_end(uint64_t at, uint64_t end)
{
	uint64_t next = (at / SPACE_CHUNK + 1) * SPACE_CHUNK;

	return next < end ? next : end;
}

/* Are these, of one chunk, all that it has? */
static bool is_chunk(const struct space_device *dev, uint64_t at, uint64_t end)
{
	return at % SPACE_CHUNK == 0 && end == chunk_end(at, dev->units);
}

/* Has the bits of a chunk tell what there is. */
static void mix(struct space_device *dev, uint64_t chunk)
{
	uint64_t word = chunk * CHUNK_WORDS;
	uint64_t end = (dev->units + WORD_BITS - 1) / WORD_BITS;
	uint8_t state = dev->chunks[chunk];

	if (state == SPACE_MIXED)
		return;
	if (end > word + CHUNK_WORDS)
		end = word + CHUNK_WORDS;
	memset(&dev->bits[word], state == SPACE_TAKEN ? 0xff : 0,
	       (end - word) * sizeof(*dev->bits));
	dev->chunks[chunk] = SPACE_MIXED;
}

static void set_chunk(struct space_device *dev, uint64_t at, uint64_t end)
{
	uint64_t word;

	if (is_chunk(dev, at, end)) {
		dev->chunks[at / SPACE_CHUNK] = SPACE_TAKEN;
		return;
	}
	mix(dev, at / SPACE_CHUNK);
	for (word = at / WORD_BITS; word * WORD_BITS < end; word++)
		dev->bits[word] |= word_mask(word, at, end);
}

static void set_bits(struct space_device *dev, uint64_t at, uint64_t len)
{
	uint64_t i, end;

	for (i = at; i < at + len; i = end) {
		end = chunk_end(i, at + len);
		set_chunk(dev, i, end);
	}
	if (at <= dev->first && at + len > dev->first)
		dev->first = at + len;
}

/* How many of them were set. */
static uint64_t clear_chunk(struct space_device *dev, uint64_t at, uint64_t end)
{
	uint8_t *state = &dev->chunks[at / SPACE_CHUNK];
	uint64_t word, cleared = 0;

	if (*state == SPACE_FREE)
		return 0;
	if (*state == SPACE_TAKEN && is_chunk(dev, at, end)) {
		*state = SPACE_FREE;
		return end - at;
	}
	mix(dev, at / SPACE_CHUNK);
	for (word = at / WORD_BITS; word * WORD_BITS < end; word++) {
		uint64_t mask = word_mask(word, at, end);

		cleared += __builtin_popcountll(dev->bits[word] & mask);
		dev->bits[word] &= ~mask;
	}
	return cleared;
}

/* Likewise. */
static uint64_t clear_bits(struct space_device *dev, uint64_t at, uint64_t len)
{
	uint64_t i, end, cleared = 0;

	for (i = at; i < at + len; i = end) {
		end = chunk_end(i, at + len);
		cleared += clear_chunk(dev, i, end);
	}
	if (at < dev->first)
		dev->first = at;
	return cleared;
}

void space_mark(struct space_device *dev, uint64_t at, uint64_t len)
{
	set_bits(dev, at, len);
	dev->used += len;
}

/*
 * Large ones are memory only where they are touched, a page at a time: no huge ones,
 * each of which would be bits of 512 chunks.
 */
static int new_bits(struct space_device *dev, uint64_t units)
{
	uint64_t size = (units + WORD_BITS - 1) / WORD_BITS * sizeof(*dev->bits);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), gap;

	dev->chunks = calloc((units + SPACE_CHUNK - 1) / SPACE_CHUNK, 1);
	dev->bits = dev->chunks ? calloc(1, size) : NULL;
	if (!dev->bits) {
		free(dev->chunks);
		dev->chunks = NULL;
		return -ENOMEM;
	}
	gap = -(uintptr_t)dev->bits % page;
	if (size > 2 * page)
		madvise((char *)dev->bits + gap, (size - gap) / page * page,
			MADV_NOHUGEPAGE);
	return 0;
}

int media_space_add(struct media_space *space, unsigned int dev, uint64_t size,
		    uint64_t reserved)
{
	uint64_t units = size >> space->shift;
	struct space_device *d;

	if (dev >= MEDIA_DEVICES_MAX || !units || units > MEDIA_UNITS_MAX ||
	    reserved > units << space->shift)
		return -EINVAL;
	d = &space->devs[dev];
	if (d->bits)
		return -EEXIST;
	if (new_bits(d, units))
		return -ENOMEM;
	d->units = units;
	d->reserved = (reserved >> space->shift) +
		      !!(reserved & (space->alloc_unit - 1));
	d->used = 0;
	d->first = 0;
	set_bits(d, 0, d->reserved);
	return 0;
}

static struct space_device *device_of(const struct media_space *space,
				      unsigned int dev)
{
	if (dev >= MEDIA_DEVICES_MAX || !space->devs[dev].bits)
		return NULL;
	return (struct space_device *)&space->devs[dev];
}

/* From bytes to units. */
static int range_units(const struct media_space *space,
		       const struct space_device *dev, uint64_t *off, uint64_t *len)
{
	if (!*len || (*off | *len) & (space->alloc_unit - 1))
		return -EINVAL;
	*off >>= space->shift;
	*len >>= space->shift;
	return *off > dev->units || *len > dev->units - *off ? -ERANGE : 0;
}

int media_space_take(struct media_space *space, unsigned int dev, uint64_t off,
		     uint64_t len)
{
	struct space_device *d = device_of(space, dev);
	int rc;

	if (!d)
		return -ENODEV;
	rc = range_units(space, d, &off, &len);
	if (rc)
		return rc;
	if (next_bit(d, off, off + len, 0) < off + len)
		return -EEXIST;
	space_mark(d, off, len);
	return 0;
}

void media_space_give(struct media_space *space, unsigned int dev, uint64_t off,
		      uint64_t len)
{
	struct space_device *d = device_of(space, dev);

	/* What was never taken stays as it is: reserved units above all. */
	if (!d || range_units(space, d, &off, &len) || off < d->reserved)
		return;
	d->used -= clear_bits(d, off, len);
}

void media_space_give_map(struct media_space *space, const struct famfs_fmap *map)
{
	const struct famfs_extent *ext = map->extents;
	uint64_t i, n = map->count;

	if (map->ext_type == FAMFS_MAP_INTERLEAVED) {
		ext = map->interleave.strips;
		n = map->interleave.nstrips;
	}
	for (i = 0; i < n && i < FAMFS_EXTENTS_MAX; i++)
		if (ext[i].devindex < MEDIA_DEVICES_MAX)
			media_space_give(space, ext[i].devindex, ext[i].offset,
					 ext[i].len);
}

int media_space_usage_of(const struct media_space *space, unsigned int dev,
			 struct media_usage *usage)
{
	const struct space_device *d = device_of(space, dev);
	uint64_t at, len, largest = 0;

	if (!d)
		return -ENODEV;
	for (at = 0; at < d->units; at += len) {
		at = space_next_run(d, at, d->units, d->units, &len);
		if (len > largest)
			largest = len;
	}
	*usage = (struct media_usage) {
		.size = d->units << space->shift,
		.reserved = d->reserved << space->shift,
		.used = d->used << space->shift,
		.largest = largest << space->shift,
	};
	return 0;
}

void media_space_usage(const struct media_space *space, struct media_usage *usage)
{
	struct media_usage one;
	unsigned int i;

	*usage = (struct media_usage) { 0 };
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		if (media_space_usage_of(space, i, &one))
			continue;
		usage->size += one.size;
		usage->reserved += one.reserved;
		usage->used += one.used;
		if (one.largest > usage->largest)
			usage->largest = one.largest;
	}
}
