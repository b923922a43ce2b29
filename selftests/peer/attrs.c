// SPDX-License-Identifier: GPL-2.0-only
/* Calls that tell and change attributes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "peer.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2	452
#endif

static const struct named follow[] = {
	NAMED(0), NAMED(0), NAMED(AT_SYMLINK_NOFOLLOW),
};

static void op_stat(struct peer *p)
{
	const char *path = pick_path(p);
	struct stat st;
	int rc = fstatat(p->root, path, &st, pick_named(p, follow, COUNT(follow)));

	say_result(p, rc);
	if (!rc)
		say_stat(p, &st);
}

static void op_fstat(struct peer *p)
{
	struct stat st;
	int rc = fstat(pick_fd(p), &st);

	say_result(p, rc);
	if (!rc)
		say_stat(p, &st);
}

static void op_statx(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(0), NAMED(0), NAMED(AT_SYMLINK_NOFOLLOW),
		NAMED(AT_STATX_FORCE_SYNC), NAMED(AT_STATX_DONT_SYNC),
		NAMED(AT_NO_AUTOMOUNT), { 1 << 20, "1<<20" },
	};
	static const struct named masks[] = {
		NAMED(STATX_BASIC_STATS), NAMED(STATX_BTIME), NAMED(STATX_SIZE),
		NAMED(STATX_MODE | STATX_ATIME), { 0, "0" }, { 0x80000000, "1<<31" },
		NAMED(STATX_ALL),
	};
	const char *path = pick_path(p);
	int flag = pick_named(p, flags, COUNT(flags));
	long mask = pick_named(p, masks, COUNT(masks));
	struct statx stx;
	int rc = statx(p->root, path, flag, mask, &stx);

	say_result(p, rc);
	if (rc)
		return;
	/* What was not asked for may be as old as it will. */
	say(p, " mask=%x attributes=%llx/%llx mode=%o nlink=%u size=%llu",
	    stx.stx_mask & STATX_ALL, stx.stx_attributes, stx.stx_attributes_mask,
	    mask & STATX_MODE ? stx.stx_mode : stx.stx_mode & S_IFMT,
	    mask & STATX_NLINK ? stx.stx_nlink : 0,
	    mask & STATX_SIZE && !S_ISDIR(stx.stx_mode) ? stx.stx_size : 0);
	if (stx.stx_mask & STATX_BTIME)
		say_time(p, "b", stx.stx_btime.tv_sec, stx.stx_btime.tv_nsec);
}

static void op_statfs(struct peer *p)
{
	struct statfs s;
	char path[64];
	int rc;

	sprintf(path, "/proc/self/fd/%d", pick(p, 2) ? p->root : pick_fd(p));
	rc = statfs(path, &s);
	say_result(p, rc);
	if (!rc)
		say(p, " type=%lx bsize=%ld blocks=%ld files=%ld namelen=%ld frsize=%ld flags=%lx",
		    s.f_type, s.f_bsize, s.f_blocks, s.f_files, s.f_namelen,
		    s.f_frsize, s.f_flags);
}

static const struct named modes[] = {
	{ 0644, "0644" }, { 0, "0" }, { 0777, "0777" }, { 04755, "04755" },
	{ 02755, "02755" }, { 06711, "06711" }, { 02644, "02644" },
	{ 01777, "01777" }, { 0600, "0600" },
};

static void op_chmod(struct peer *p)
{
	const char *path = pick_path(p);

	say_result(p, fchmodat(p->root, path, pick_named(p, modes, COUNT(modes)), 0));
}

static void op_fchmod(struct peer *p)
{
	int fd = pick_fd(p);

	say_result(p, fchmod(fd, pick_named(p, modes, COUNT(modes))));
}

static const struct named ids[] = {
	{ 0, "0" }, { 0, "0" }, { -1, "-1" }, { USER_ID, "user" }, { 12345, "12345" },
	{ 65534, "65534" },
};

static void op_chown(struct peer *p)
{
	const char *path = pick_path(p);
	int uid = pick_named(p, ids, COUNT(ids)), gid = pick_named(p, ids, COUNT(ids));

	say_result(p, fchownat(p->root, path, uid, gid,
			       pick_named(p, follow, COUNT(follow))));
}

static void op_fchown(struct peer *p)
{
	int fd = pick_fd(p);
	int uid = pick_named(p, ids, COUNT(ids));

	say_result(p, fchown(fd, uid, pick_named(p, ids, COUNT(ids))));
}

static struct timespec a_time(struct peer *p)
{
	static const struct named nsecs[] = {
		NAMED(UTIME_NOW), NAMED(UTIME_OMIT), { 0, "0" }, { 1, "1" },
		{ 999999999, "999999999" }, { 123456789, "123456789" },
		{ 1000000000, "1000000000" },
	};
	static const struct named secs[] = {
		{ 1, "1" }, { 0, "0" }, { 1000000000, "1000000000" },
		{ 500000000, "500000000" }, { 4000000000, "4000000000" }, { -5, "-5" },
	};
	struct timespec t;

	t.tv_sec = pick_named(p, secs, COUNT(secs));
	t.tv_nsec = pick_named(p, nsecs, COUNT(nsecs));
	return t;
}

static void op_utimens(struct peer *p)
{
	const char *path = pick_path(p);
	struct timespec t[2] = { a_time(p), a_time(p) };
	int flag = pick_named(p, follow, COUNT(follow));

	say_result(p, utimensat(p->root, path, pick(p, 5) ? t : NULL, flag));
}

static void op_futimens(struct peer *p)
{
	int fd = pick_fd(p);
	struct timespec t[2] = { a_time(p), a_time(p) };

	say_result(p, futimens(fd, t));
}

static void op_truncate(struct peer *p)
{
	const char *path = pick_path(p);
	char full[8300];

	/* It knows no directory but the current one, which is p->root. */
	snprintf(full, sizeof(full), "%s", path);
	say_result(p, truncate(full, pick_offset(p)));
}

static void op_ftruncate(struct peer *p)
{
	int fd = pick_fd(p);

	say_result(p, ftruncate(fd, pick_offset(p)));
}

static void op_access(struct peer *p)
{
	static const struct named rights[] = {
		NAMED(F_OK), NAMED(R_OK), NAMED(W_OK), NAMED(X_OK),
		NAMED(R_OK | W_OK), { 64, "64" },
	};
	static const struct named flags[] = {
		NAMED(0), NAMED(AT_EACCESS), NAMED(AT_SYMLINK_NOFOLLOW),
	};
	const char *path = pick_path(p);
	int right = pick_named(p, rights, COUNT(rights));

	say_result(p, syscall(SYS_faccessat2, p->root, path, right,
			      pick_named(p, flags, COUNT(flags))));
}

const struct op attr_ops[] = {
	{ "stat", op_stat, 50 }, { "fstat", op_fstat, 25 },
	{ "statx", op_statx, 20 }, { "statfs", op_statfs, 5 },
	{ "chmod", op_chmod, 20 }, { "fchmod", op_fchmod, 8 },
	{ "chown", op_chown, 15 }, { "fchown", op_fchown, 6 },
	{ "utimens", op_utimens, 15 }, { "futimens", op_futimens, 8 },
	{ "truncate", op_truncate, 15 }, { "ftruncate", op_ftruncate, 15 },
	{ "access", op_access, 15 },
	{ NULL, NULL, 0 },
};
