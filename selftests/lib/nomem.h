/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that fail on purpose: see nomem_test.c. Needs a kernel with fault
 * injection (failslab, fail_page_alloc), as debug beds have it.
 */
#ifndef SELFTESTS_NOMEM_H
#define SELFTESTS_NOMEM_H

#include <stdbool.h>
#include <stdint.h>

#include "env.h"

/* The size of each memory file. */
#define NOMEM_LEN	(4 * MIB)
#define NOMEM_PLAIN	(256 * KIB)

/*
 * The N-th allocation of a task fails, for N = 1, 2, ... until it makes fewer:
 *
 *	struct nth nth = { 0 };
 *
 *	while (nth_next(&nth)) {
 *		nth_arm(&nth, pid);
 *		rc = operation();
 *		nth_judge(&nth, rc, errno, 0);
 *	}
 */
struct nth {
	int n;
	bool failed;	/* the last was made, and has failed */
	int noticed;	/* of those that failed, these made the operation fail */
	int fd;
};

void nth_prepare(void);
void nth_only_below(const char *function);
bool nth_next(struct nth *nth);
void nth_arm(struct nth *nth, int pid);
void nth_disarm(struct nth *nth);
void nth_judge(struct nth *nth, int rc, int error, int other);
void nth_tell(const struct nth *nth, const char *what);

/* Of all tasks, those allocations that the module makes fail by chance. */
void chance_arm(int percent);
void chance_disarm(void);

/* A mount, with files, on which an operation runs. */
struct at {
	struct mnt *m;
	struct srv *s;
	int dev;	/* of the connection */
	/* With op->open: a memory file and a mapping of it; an ordinary file. */
	int fd, plain;
	uint8_t *p;
};

struct op {
	const char *name;
	/* -1 and errno; or 0, also if it was done by an earlier call. */
	int (*fn)(struct at *at);
	bool open;
	uint64_t want;	/* FUSE_* INIT flags */
	int other;	/* errno that it may fail with, besides ENOMEM */
};

#define OP(_fn, ...)	{ .name = #_fn, .fn = _fn, ##__VA_ARGS__ }

struct srv *nomem_srv(void);
void nomem_begin(struct at *at, const struct op *op);
void nomem_end(struct at *at, const struct op *op);
/* For TEST_ROWS() of struct op. */
void each_allocation_fails(const void *op);

int with_fd(int fd);

#endif /* SELFTESTS_NOMEM_H */
