// SPDX-License-Identifier: GPL-2.0
/* Locks: see lock.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "lock.h"

struct srv *srv_with_locks(struct node **n, uint64_t flags)
{
	struct srv *s = srv_new();

	*n = srv_plain(s, "a", "content", 7);
	s->want |= flags;
	s->getlk.type = F_UNLCK;
	return s;
}

struct locks locks_new(uint64_t flags)
{
	struct locks l;

	l.s = srv_with_locks(&l.n, flags);
	l.m = mnt_new(l.s);
	l.fd = OK(open_in(l.m, "a", O_RDWR));
	return l;
}

void locks_end(struct locks *l)
{
	OK(close(l->fd));
	mnt_end(l->m);
}

int lock_fd(int fd, int cmd, int type, long start, long len)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start,
		.l_len = len,
	};

	return fcntl(fd, cmd, &fl);
}

static void on_signal(int sig)
{
	(void)sig;
}

int child_locks(void *child)
{
	const struct child *c = child;
	struct sigaction sa = {
		.sa_handler = on_signal, .sa_flags = c->sa_flags,
	};
	int fd = c->fd, rc;

	sigaction(SIGUSR1, &sa, NULL);
	if (fd < 0)
		fd = open_in(c->m, "a", O_RDWR);
	rc = c->cmd ? lock_fd(fd, c->cmd, c->type, 10, 5) : flock(fd, c->type);
	return rc < 0 ? errno : 0;
}

const struct fuse_lk_in *last_lk(struct srv *s, uint32_t opcode)
{
	return srv_last_body(s, opcode);
}
