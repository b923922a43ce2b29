// SPDX-License-Identifier: GPL-2.0-only
/* Names: looking at them, making, moving and removing what has one of s0 to s11. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walker.h"

/* What a name may be, and what is there meanwhile. */
#define NAMES	ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EBUSY, EPERM, \
		ENOSPC, ELOOP, ESTALE, EXDEV, EINVAL

static void scratch_path(struct walker *w, char *path)
{
	if (chance(&w->r, 70))
		sprintf(path, "s%u", rnd(&w->r, SCRATCH_NAMES));
	else
		sprintf(path, "d%u/s%u", rnd(&w->r, 2),
			rnd(&w->r, SCRATCH_NAMES));
}

static void look_at(struct walker *w)
{
	struct statx stx;
	struct stat st;
	char path[32];

	some_path(w, path);
	if (chance(&w->r, 50))
		CALL(w, stat, fstatat(w->root, path, &st, AT_SYMLINK_NOFOLLOW),
		     NAMES);
	else
		CALL(w, stat, statx(w->root, path, AT_SYMLINK_NOFOLLOW |
				    (chance(&w->r, 30) ? AT_STATX_FORCE_SYNC : 0),
				    STATX_ALL, &stx), NAMES);
}

/* Its size is what was told, once that is settled. */
static void look_at_open(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	const struct version *v;
	struct memfile *f;
	struct look since;
	struct stat st;
	int rc;

	if (!o)
		return;
	if (o->kind != MEMORY) {
		CALL(w, fstat, fstat(o->fd, &st), ESTALE, EIO);
		return;
	}
	f = memfile(w, o->index);
	since = look(w, f);
	rc = CALL(w, fstat, fstat(o->fd, &st));
	v = same(w, f, since);
	if (!rc && v && v->size && (uint64_t)st.st_size != v->size)
		broken("world %d, life %lu: m%d is of %#lx bytes, not %#lx",
		       w->l->world, w->l->number, o->index, st.st_size, v->size);
}

static void create(struct walker *w)
{
	struct opened *o = open_slot(w);
	char path[32];
	int fd;

	scratch_path(w, path);
	fd = CALL(w, create, openat(w->root, path, O_CREAT | O_RDWR | O_CLOEXEC |
				    O_NOFOLLOW |
				    (chance(&w->r, 20) ? O_EXCL : 0) |
				    (chance(&w->r, 20) ? O_TRUNC : 0), 0666),
		  NAMES, EACCES);
	if (fd >= 0)
		*o = (struct opened){ .fd = fd, .kind = OTHER, .writable = true };
}

static void remove_one(struct walker *w)
{
	char path[32];

	scratch_path(w, path);
	if (chance(&w->r, 70))
		CALL(w, unlink, unlinkat(w->root, path, 0), NAMES);
	else
		CALL(w, rmdir, unlinkat(w->root, path, AT_REMOVEDIR), NAMES);
}

static void make_other(struct walker *w)
{
	char path[32], target[32];
	ssize_t n;

	scratch_path(w, path);
	switch (rnd(&w->r, 4)) {
	case 0:
		CALL(w, mkdir, mkdirat(w->root, path, 0777), NAMES);
		break;
	case 1:
		CALL(w, symlink, symlinkat("p0", w->root, path), NAMES);
		break;
	case 2:
		n = CALL(w, readlink, readlinkat(w->root, path, target, 32), NAMES);
		if (n >= 0 && (n != 2 || memcmp(target, "p0", 2)))
			broken("a symbolic link of %zd bytes", n);
		break;
	default:
		scratch_path(w, target);
		CALL(w, link, linkat(w->root, path, w->root, target, 0), NAMES,
		     EMLINK);
	}
}

static void move(struct walker *w)
{
	char from[32], to[32];
	int flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };

	scratch_path(w, from);
	scratch_path(w, to);
	CALL(w, rename, syscall(SYS_renameat2, w->root, from, w->root, to,
				flags[rnd(&w->r, 4)]), NAMES);
}

static void list(struct walker *w)
{
	char buf[2048], path[8];
	int fd, i, n;

	sprintf(path, chance(&w->r, 50) ? "." : "d%u", rnd(&w->r, 2));
	fd = CALL(w, open, openat(w->root, path, O_RDONLY | O_DIRECTORY |
				  O_CLOEXEC), ESTALE);
	if (fd < 0)
		return;
	for (i = 0; i < 50; i++) {
		n = CALL(w, readdir, syscall(SYS_getdents64, fd, buf, sizeof(buf)),
			 ENOENT, ESTALE);
		if (n <= 0)
			break;
	}
	CALL(w, close, close(fd));
}

static void change_attributes(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);

	if (!o)
		return;
	if (chance(&w->r, 50))
		CALL(w, chmod, fchmod(o->fd, 0600 | rnd(&w->r, 0200)), ESTALE, EIO);
	else
		CALL(w, utimens, futimens(o->fd, NULL), ESTALE, EIO);
}

void walk_names(struct walker *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 25)
		look_at(w);
	else if (n < 40)
		look_at_open(w);
	else if (n < 52)
		create(w);
	else if (n < 65)
		remove_one(w);
	else if (n < 75)
		make_other(w);
	else if (n < 83)
		move(w);
	else if (n < 92)
		list(w);
	else
		change_attributes(w);
}
