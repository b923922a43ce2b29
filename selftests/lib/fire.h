/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fire_test has: a file that moves from place to place, and its users.
 *
 * The file always holds the pattern FILE_SEED, wherever it is, and whoever writes
 * to it writes that. A place where it is not holds another one.
 */
#ifndef SELFTESTS_FIRE_H
#define SELFTESTS_FIRE_H

#include "env.h"
#include "uring.h"

#define FILE_SEED	1
#define SMALL		(2 * MIB)	/* the file has at least so much */
#define LARGE		(4 * MIB)	/* it, and a place, has room for so much */
#define PLACES		5
#define SEGS		4
#define USERS		8
#define NOWHERE		~0U

/* @len bytes of a place from @at on are at @off of device @dev. */
struct seg {
	uint64_t at, len, off;
	uint32_t dev;
};

struct spot {
	struct seg seg[SEGS];
	int nsegs;
	bool striped;
	uint32_t seed;		/* what it holds when the file is elsewhere */
	struct msg map[2];	/* GET_FMAP's answer: of a small, of a large file */
};

struct world;

/**
 * struct user - a thread that uses the file
 * @random: where it is in its random numbers
 * @rounds: how much it has done
 * @what: what it does just now, for who is told that it hangs
 * @depth: it does that while it holds a page
 * @buf: LARGE bytes of its own
 * @disk: a block device, O_DIRECT, of which it has SMALL bytes from @disk_off on;
 *	they hold the file's pattern
 */
struct user {
	struct world *w;
	uint64_t random;
	atomic_int rounds;
	const char *_Atomic what;
	int depth;
	uint8_t *buf;
	int disk;
	uint64_t disk_off;
	struct uring ring;
};

/**
 * struct world - all of it, seen by all processes
 * @now: where the file is, times 2, + 1 if it is large; or NOWHERE: there is no map
 *	for it. The server answers as that says
 * @fails: odd: accesses may fail. Each change ends what was so before
 * @p: the file mapped, so that entries of 2 MiB fit; @small: so that none do
 */
struct world {
	struct srv *s, *far_s;
	struct mnt *m, *far;
	struct node *n;
	int dev, far_dev, fd;
	uint8_t *p, *small;
	struct spot spot[PLACES];
	atomic_uint now, fails;
	atomic_bool stop;
	struct user user[USERS];
};

/* In fire_world.c */
uint64_t draw(uint64_t *random, uint64_t below);
struct world *world_new(uint64_t seed);
void world_end(struct world *w);
void spot_fill(struct spot *spot, uint32_t seed);
/* It holds the pattern of @seed. */
void spot_check(const struct spot *spot, uint32_t seed);

/* In fire_users.c: the life of a thread. */
void *user_run(void *user);

#endif /* SELFTESTS_FIRE_H */
