/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A medium that famfs itself has written: superblock version 48, a device of 8 GiB, 2
 * directories, 45 files. Made again from what is known of it, byte for byte.
 */
#ifndef UNIT_REAL_MEDIUM_H
#define UNIT_REAL_MEDIUM_H

#include "made_medium.h"

#define REAL_ENTRIES	47U

/* An entry in words. Extents are of device 0. */
struct real_entry {
	const char *path;
	uint64_t size;			/* 0: a directory */
	unsigned int mode;
	unsigned int uid;
	unsigned int gid;
	unsigned int nstrips;		/* 0: one simple extent */
	uint64_t offsets[4];
	uint64_t len;			/* bytes, of an extent or strip */
};

/* The first ones; then 40 files, data/f00000 and so on. */
extern const struct real_entry real_entries[7];
#define REAL_SMALL_AT	0x3e00000ULL	/* where the first of these lies */

/* To be freed with made_free(). */
void real_medium(struct made *made);

#endif /* UNIT_REAL_MEDIUM_H */
