/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Media once more, deliberately naive: each rule on its own, from the bytes, with
 * offsets as numbers and 128 bits for sums; what was before is looked through from
 * its beginning each time.
 */
#ifndef UNIT_NAIVE_MEDIUM_H
#define UNIT_NAIVE_MEDIUM_H

#include <stdbool.h>
#include "made_medium.h"

typedef unsigned __int128 wide;

#define NAIVE_MAX	64

struct naive_range {
	uint64_t dev;
	wide start;
	wide end;
};

struct naive_medium {
	unsigned int version;
	uint64_t log_len;
	uint64_t unit;
	unsigned int n;			/* entries that were taken up */
	char paths[NAIVE_MAX][80];	/* of each entry; "": none */
	bool is_dir[NAIVE_MAX];
	bool has_dev[64];
	uint64_t dev_size[64];
	uint8_t dev_uuid[64][16];
	struct naive_range ranges[16 * NAIVE_MAX];
	unsigned int nranges;
};

enum naive_verdict { NAIVE_GOOD, NAIVE_BAD, NAIVE_NONE, NAIVE_OTHER };

/* A superblock: good, wrong, none there, of another version. */
enum naive_verdict naive_super(struct naive_medium *m, const uint8_t *super,
			       uint64_t dev_size);
/* A log's header. @n: result, so many entries there are */
bool naive_head(const struct naive_medium *m, const uint8_t *log, uint64_t *n);
/* The entry that comes next: takes it up, if it breaks no rule. */
bool naive_next(struct naive_medium *m, const uint8_t *entry);

#endif /* UNIT_NAIVE_MEDIUM_H */
