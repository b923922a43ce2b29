/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fmap protocol once more, deliberately naive: no walk in two passes, no
 * shifts, no overflow (128-bit numbers), every rule on its own.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse_fmap.h>

typedef unsigned __int128 wide;

/* What a message breaks: a bit for each error of the protocol. */
#define BREAKS_EINVAL		1U
#define BREAKS_ERANGE		2U
#define BREAKS_EOVERFLOW	4U
#define BREAKS_ENODEV		8U

struct naive_run {
	uint32_t dev;
	uint64_t off;
	uint64_t len;
	size_t at;		/* where it is in the message */
};

struct naive_ext {
	wide nbytes;
	wide chunk;		/* 0: simple */
	uint32_t first;		/* of its runs */
	uint32_t nruns;
};

/* A message, as far as it can be read. */
struct naive {
	uint32_t page;
	uint32_t breaks;
	struct fuse_famfs_fmap_header h;
	wide covered;
	struct naive_ext *exts;
	struct naive_run *runs;
	uint32_t nexts;
	uint32_t nruns;
	wide npieces;		/* contiguous ones */
};

/* To be freed with naive_free(). */
void naive_read(struct naive *m, const uint8_t *msg, size_t len, uint32_t page);
void naive_free(struct naive *m);

/* Where byte @off of the file is, and how many follow it there. */
void naive_resolve(const struct naive *m, uint64_t off, uint32_t *run,
		   uint64_t *dev_off, wide *left);

/* Does a run on device @dev end beyond @size? */
bool naive_exceeds(const struct naive *m, uint32_t dev, uint64_t size);

#endif /* NAIVE_H */
