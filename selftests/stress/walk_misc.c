// SPDX-License-Identifier: GPL-2.0-only
/* Attributes with names, locks, polling, ioctls, and what others look at. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "walker.h"

static void named_attribute(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	char name[16], value[64] = "value";

	if (!o)
		return;
	sprintf(name, "user.%u", rnd(&w->r, 6));
	switch (rnd(&w->r, 4)) {
	case 0:
		CALL(w, setxattr, fsetxattr(o->fd, name, value, rnd(&w->r, 64), 0),
		     ENOSPC, EIO);
		break;
	case 1:
		CALL(w, getxattr, fgetxattr(o->fd, name, value, sizeof(value)),
		     ENODATA, EIO);
		break;
	case 2:
		CALL(w, listxattr, flistxattr(o->fd, value, sizeof(value)),
		     ERANGE, EIO);
		break;
	default:
		CALL(w, removexattr, fremovexattr(o->fd, name), ENODATA, EIO);
	}
}

/* Never waited for: nobody knows how long. */
static void lock(struct walker *w)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	static const int ops[] = { LOCK_SH, LOCK_EX, LOCK_UN };
	struct opened *o = some_open(w, NOTHING);
	struct flock fl = {
		.l_type = types[rnd(&w->r, 3)], .l_start = rnd(&w->r, 100),
		.l_len = rnd(&w->r, 100),
	};
	int cmds[] = { F_SETLK, F_GETLK, F_OFD_SETLK };

	if (!o)
		return;
	if (chance(&w->r, 40))
		CALL(w, flock, flock(o->fd, ops[rnd(&w->r, 3)] | LOCK_NB), EAGAIN,
		     EIO, ENOLCK);
	else
		CALL(w, posix_lock, fcntl(o->fd, cmds[rnd(&w->r, 3)], &fl), EAGAIN,
		     EACCES, EBADF, EINVAL, EIO, ENOLCK);
}

static void poll_one(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	struct pollfd p = { .events = POLLIN | POLLOUT };

	if (!o)
		return;
	p.fd = o->fd;
	CALL(w, poll, poll(&p, 1, rnd(&w->r, 10)));
}

static void ask_for_map(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	struct fmapfs_get_fmap arg = { .buf = (uintptr_t)w->buf, .size = BUF };

	if (o)
		CALL(w, get_fmap, ioctl(o->fd, FMAPFS_IOC_GET_FMAP, &arg), ENODATA,
		     EIO, ENOTTY, EOPNOTSUPP, ESTALE);
}

static void seek(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);

	if (o)
		CALL(w, lseek, lseek(o->fd, rnd(&w->r, MIB),
				     chance(&w->r, 50) ? SEEK_DATA : SEEK_HOLE),
		     ENXIO, EIO, EINVAL);
}

static void look_at_sysfs(struct walker *w)
{
	static const char *const files[] = {
		"/sys/fs/fmapfs/%u/waiting", "/sys/fs/fmapfs/%u/devices",
		"/sys/fs/fmapfs/%u/counters/fmaps",
		"/sys/fs/fmapfs/%u/counters/read_bytes",
		"/sys/kernel/debug/fmapfs/%u/requests",
		"/sys/kernel/debug/fmapfs/%u/fmaps",
	};
	char path[64];
	int rc;

	snprintf(path, sizeof(path), files[rnd(&w->r, ARRAY_SIZE(files))],
		 w->l->minor);
	lane_begin(OP_look_at_sysfs);
	rc = read_text(path, (char *)w->buf, BUF);
	lane_end(rc < 0);
}

static void look_at_all(struct walker *w)
{
	struct statfs st;

	CALL(w, statfs, fstatfs(w->root, &st));
}

void walk_misc(struct walker *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 30)
		named_attribute(w);
	else if (n < 55)
		lock(w);
	else if (n < 65)
		poll_one(w);
	else if (n < 75)
		ask_for_map(w);
	else if (n < 85)
		seek(w);
	else if (n < 95)
		look_at_sysfs(w);
	else
		look_at_all(w);
}
