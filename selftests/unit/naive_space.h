/* SPDX-License-Identifier: GPL-2.0-only */
/* A map of free space as anybody would write it: a byte for each unit. */
#ifndef NAIVE_SPACE_H
#define NAIVE_SPACE_H

#include "unit.h"
#include "media.h"

#define NAIVE_DEVICES	6
#define NAIVE_UNITS	1200	/* at most, of a device */

enum naive_state { NAIVE_FREE, NAIVE_RESERVED, NAIVE_USED };

struct naive {
	uint64_t unit;			/* bytes */
	uint64_t units[NAIVE_DEVICES];	/* 0: there is no such device */
	uint8_t state[NAIVE_DEVICES][NAIVE_UNITS];
};

void naive_add(struct naive *n, unsigned int dev, uint64_t units,
	       uint64_t reserved);
/* What media_space_take() should say of units; takes them if that is 0. */
int naive_take(struct naive *n, unsigned int dev, uint64_t at, uint64_t len);
/* The longest free run that lies in units @from to @to - 1. */
uint64_t naive_longest(const struct naive *n, unsigned int dev, uint64_t from,
		       uint64_t to);
struct media_usage naive_usage(const struct naive *n, unsigned int dev);
/* That both say the same of everything. */
void naive_compare(const struct naive *n, struct media_space *space);

/* @unit: bytes; @devs: so many devices of random size with random ranges taken */
struct media_space *naive_random(struct naive *n, struct rng *rng, uint64_t unit,
				 unsigned int devs);

#endif /* NAIVE_SPACE_H */
