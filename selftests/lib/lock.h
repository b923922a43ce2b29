/* SPDX-License-Identifier: GPL-2.0 */
/* Locks on the file "a", by the test and by children of it. */
#ifndef SELFTESTS_LOCK_H
#define SELFTESTS_LOCK_H

#include "env.h"

/* A mount with the file, which is open. */
struct locks {
	struct srv *s;
	struct node *n;
	struct mnt *m;
	int fd;
};

/* What a child process does to the file, and how that ends: errno, or 0. */
struct child {
	const struct mnt *m;
	int fd;			/* -1: it opens the file itself */
	int cmd;		/* of fcntl(2); 0: flock(2) */
	int type;		/* F_WRLCK…, LOCK_EX… */
	int sa_flags;		/* of its handler of SIGUSR1 */
};

/* @flags: of INIT, which the server agrees to. */
struct srv *srv_with_locks(struct node **n, uint64_t flags);
struct locks locks_new(uint64_t flags);
void locks_end(struct locks *l);

int lock_fd(int fd, int cmd, int type, long start, long len);
int child_locks(void *child);
/* The latest request of that kind. */
const struct fuse_lk_in *last_lk(struct srv *s, uint32_t opcode);

#endif /* SELFTESTS_LOCK_H */
