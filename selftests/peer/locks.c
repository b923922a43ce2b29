// SPDX-License-Identifier: GPL-2.0-only
/* Locks, ioctl, poll. Nothing waits: no other process would end it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

static void op_flock(struct peer *p)
{
	static const struct named kinds[] = {
		NAMED(LOCK_SH), NAMED(LOCK_EX), NAMED(LOCK_UN), { 32, "32" },
	};
	int fd = pick_fd(p);

	say_result(p, flock(fd, LOCK_NB | pick_named(p, kinds, COUNT(kinds))));
}

static struct flock a_lock(struct peer *p)
{
	static const struct named types[] = {
		NAMED(F_RDLCK), NAMED(F_WRLCK), NAMED(F_UNLCK),
	};
	static const struct named whences[] = {
		NAMED(SEEK_SET), NAMED(SEEK_SET), NAMED(SEEK_CUR), NAMED(SEEK_END),
	};
	static const struct named lengths[] = {
		{ 0, "0" }, { 1, "1" }, { 100, "100" }, { 4096, "4096" }, { -10, "-10" },
	};
	struct flock l = {};

	l.l_type = pick_named(p, types, COUNT(types));
	l.l_whence = pick_named(p, whences, COUNT(whences));
	l.l_start = pick(p, 4) * 50;
	l.l_len = pick_named(p, lengths, COUNT(lengths));
	say(p, " @%ld", (long)l.l_start);
	return l;
}

static void say_lock(struct peer *p, int rc, const struct flock *l)
{
	say_result(p, rc);
	if (!rc)
		say(p, " type=%d whence=%d start=%ld len=%ld pid=%d", l->l_type,
		    l->l_whence, (long)l->l_start, (long)l->l_len,
		    l->l_pid > 0 ? 1 : l->l_pid);
}

static void op_setlk(struct peer *p)
{
	static const struct named calls[] = {
		NAMED(F_SETLK), NAMED(F_OFD_SETLK), NAMED(F_OFD_SETLK),
	};
	int fd = pick_fd(p), call = pick_named(p, calls, COUNT(calls));
	struct flock l = a_lock(p);

	say_result(p, fcntl(fd, call, &l));
}

static void op_getlk(struct peer *p)
{
	static const struct named calls[] = { NAMED(F_GETLK), NAMED(F_OFD_GETLK) };
	int fd = pick_fd(p), call = pick_named(p, calls, COUNT(calls));
	struct flock l = a_lock(p);

	say_lock(p, fcntl(fd, call, &l), &l);
}

/* As another process sees it, which has the same files open. */
static void op_child_lock(struct peer *p)
{
	int fd = pick_fd(p), status = 0, pid;
	bool take = pick(p, 2);
	struct flock l = a_lock(p);

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (fcntl(fd, take ? F_SETLK : F_GETLK, &l))
			_exit(errno);
		_exit(take ? 0 : 200 + l.l_type);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	say(p, " %s = %d", take ? "F_SETLK" : "F_GETLK", WEXITSTATUS(status));
}

static void op_lease(struct peer *p)
{
	static const struct named kinds[] = {
		NAMED(F_RDLCK), NAMED(F_WRLCK), NAMED(F_UNLCK),
	};
	int fd = pick_fd(p);
	int rc = fcntl(fd, F_SETLEASE, pick_named(p, kinds, COUNT(kinds)));

	say_result(p, rc);
	/* None stays: breaking it would take time. */
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

static void op_ioctl(struct peer *p)
{
	static const struct named calls[] = {
		NAMED(FS_IOC_GETFLAGS), NAMED(FS_IOC_SETFLAGS), NAMED(FS_IOC_FSGETXATTR),
		NAMED(FS_IOC_FSSETXATTR), NAMED(FS_IOC_GETVERSION), NAMED(FIONREAD),
		NAMED(FIBMAP), NAMED(FS_IOC_FIEMAP), NAMED(FIGETBSZ), NAMED(FIOQSIZE),
		NAMED(FICLONE), NAMED(FITRIM), NAMED(TCGETS),
		NAMED(_IOWR('?', 77, char[64])), NAMED(_IO('?', 78)),
	};
	int fd = pick_fd(p);
	uint64_t arg[64] = {};
	long call = pick_named(p, calls, COUNT(calls));

	say_result(p, ioctl(fd, call, call == (long)FICLONE ? (void *)-1L : arg));
}

static void op_poll(struct peer *p)
{
	static const struct named events[] = {
		NAMED(POLLIN), NAMED(POLLOUT), NAMED(POLLIN | POLLOUT | POLLPRI),
		NAMED(POLLRDHUP),
	};
	struct pollfd f = { .fd = pick_fd(p) };

	f.events = pick_named(p, events, COUNT(events));
	say_result(p, poll(&f, 1, 0));
	say(p, " %x", f.revents);
}

static void op_epoll(struct peer *p)
{
	int fd = pick_fd(p), set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT };

	say_result(p, epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
	close(set);
}

const struct op lock_ops[] = {
	{ "flock", op_flock, 15 }, { "setlk", op_setlk, 15 },
	{ "getlk", op_getlk, 10 }, { "childlock", op_child_lock, 6 },
	{ "lease", op_lease, 3 }, { "ioctl", op_ioctl, 15 },
	{ "poll", op_poll, 8 }, { "epoll", op_epoll, 3 },
	{ NULL, NULL, 0 },
};
