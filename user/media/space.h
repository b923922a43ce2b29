/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a map of free space is made of: for space.c, which keeps it, and alloc.c,
 * which chooses from it. All numbers are allocation units.
 */
#ifndef FMAPFS_MEDIA_SPACE_H
#define FMAPFS_MEDIA_SPACE_H

#include "media.h"

/* Units of a chunk: its bits are a page. */
#define SPACE_CHUNK	(1ULL << 15)

/* What a chunk is; calloc() makes them free. */
enum space_state {
	SPACE_FREE,	/* all of it */
	SPACE_TAKEN,	/* all of it */
	SPACE_MIXED,	/* its bits tell */
};

/**
 * struct space_device - a device's part of it
 * @bits: a bit for each unit: 1: reserved or used; only those of chunks that are mixed
 *	mean something, the memory of others need not be there; NULL: no such device
 * @chunks: enum space_state of each
 * @units: of the device
 * @reserved: the first so many
 * @used: so many others are files'
 * @first: no unit below is free
 */
struct space_device {
	uint64_t *bits;
	uint8_t *chunks;
	uint64_t units;
	uint64_t reserved;
	uint64_t used;
	uint64_t first;
};

struct media_space {
	uint64_t alloc_unit;	/* bytes, a power of two */
	unsigned int shift;	/* log2 of it */
	struct space_device devs[MEDIA_DEVICES_MAX];
};

static inline uint64_t space_free_units(const struct space_device *dev)
{
	return dev->units - dev->reserved - dev->used;
}

/* In space.c */

/*
 * The first free run at or after @at, below @end: where it begins; *@len of it lie
 * below @end. @end: there is none. Of long ones only @most units are looked at.
 */
uint64_t space_next_run(const struct space_device *dev, uint64_t at, uint64_t end,
			uint64_t most, uint64_t *len);
/* Takes units that are free. */
void space_mark(struct space_device *dev, uint64_t at, uint64_t len);

#endif /* FMAPFS_MEDIA_SPACE_H */
