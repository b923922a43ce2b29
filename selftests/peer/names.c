// SPDX-License-Identifier: GPL-2.0-only
/* Calls that make, move and list names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "peer.h"

static const struct named modes[] = {
	{ 0644, "0644" }, { 0600, "0600" }, { 0755, "0755" }, { 0, "0" },
	{ 0777, "0777" }, { 04755, "04755" }, { 02775, "02775" },
	{ 01777, "01777" }, { 0666, "0666" },
};

static void op_mkdir(struct peer *p)
{
	const char *path = pick_new_path(p);

	say_result(p, mkdirat(p->root, path, pick_named(p, modes, COUNT(modes))));
}

static void op_mknod(struct peer *p)
{
	static const struct named types[] = {
		NAMED(S_IFREG), NAMED(S_IFREG), NAMED(S_IFIFO), NAMED(S_IFSOCK),
		NAMED(S_IFCHR), NAMED(S_IFBLK), NAMED(S_IFDIR), NAMED(0),
	};
	const char *path = pick_new_path(p);
	mode_t mode = pick_named(p, types, COUNT(types)) |
		pick_named(p, modes, COUNT(modes));
	dev_t dev = pick(p, 2) ? makedev(1, 3) : makedev(259, 70000);

	say_result(p, mknodat(p->root, path, mode, dev));
}

static void op_creat(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(O_EXCL), NAMED(O_TRUNC), NAMED(O_NOFOLLOW), NAMED(O_DIRECTORY),
	};
	const char *path = pick_new_path(p);
	int set = pick_set(p, flags, COUNT(flags), 2);
	int fd = openat(p->root, path, O_CREAT | O_RDWR | O_NONBLOCK | set,
			pick_named(p, modes, COUNT(modes)));

	say_result(p, fd < 0 ? -1 : 0);
	if (fd >= 0)
		close(fd);
}

static void op_symlink(struct peer *p)
{
	const char *target = pick_path(p);
	const char *path = pick_new_path(p);

	say_result(p, symlinkat(target, p->root, path));
}

static void op_readlink(struct peer *p)
{
	const char *path = pick_path(p);
	size_t size = pick(p, 8) ? 4096 : 1;
	char target[4097];
	long n = readlinkat(p->root, path, target, size);

	say_result(p, n);
	if (n > 0)
		say_sum(p, target, n);
}

static void op_link(struct peer *p)
{
	const char *path = pick_path(p);
	const char *to = pick_new_path(p);
	int flags = pick(p, 3) ? 0 : AT_SYMLINK_FOLLOW;

	say(p, " %x", flags);
	say_result(p, linkat(p->root, path, p->root, to, flags));
}

/* Of an open file, which may be one of O_TMPFILE. */
static void op_link_fd(struct peer *p)
{
	int fd = pick_fd(p);
	const char *to = pick_new_path(p);

	say_result(p, linkat(fd, "", p->root, to, AT_EMPTY_PATH));
}

static void op_unlink(struct peer *p)
{
	say_result(p, unlinkat(p->root, pick_path(p), 0));
}

static void op_rmdir(struct peer *p)
{
	say_result(p, unlinkat(p->root, pick_path(p), AT_REMOVEDIR));
}

static void op_rename(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(0), NAMED(0), NAMED(0), NAMED(RENAME_NOREPLACE),
		NAMED(RENAME_EXCHANGE), NAMED(RENAME_EXCHANGE),
		NAMED(RENAME_WHITEOUT), NAMED(RENAME_NOREPLACE | RENAME_EXCHANGE),
		{ 1 << 10, "1<<10" },
	};
	const char *path = pick_path(p);
	const char *to = pick_new_path(p);

	say_result(p, renameat2(p->root, path, p->root, to,
				pick_named(p, flags, COUNT(flags))));
}

static void op_chdir(struct peer *p)
{
	const char *path = pick_path(p);
	char cwd[8192], *tail;

	if (chdir(path)) {
		say_result(p, -1);
		return;
	}
	tail = getcwd(cwd, sizeof(cwd));
	say(p, " = %s", tail ? strstr(cwd, "/work") ?: "outside" :
	    strerrorname_np(errno));
	if (fchdir(p->root)) {
		perror("peer: fchdir");
		exit(2);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The order is the server's affair and told: both have the same. d_ino is
 * compared with what fstatat() tells.
 */
static void op_list(struct peer *p)
{
	const char *path = pick_path(p);
	bool look = pick(p, 2);
	int back = pick(p, 6);
	int fd = openat(p->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char *names[256];
	size_t n = 0, i;
	struct dirent *e;
	struct stat st;
	long at = -1;

	say(p, " back %d", back);
	if (!d) {
		say_result(p, -1);
		return;
	}
	errno = 0;
	while (n < COUNT(names) && (e = readdir(d))) {
		names[n] = NULL;
		if (asprintf(&names[n], "%s/%d%s", e->d_name, e->d_type,
			     look && !fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			     strcmp(e->d_name, "..") && st.st_ino != e->d_ino ?
			     "/other ino" : "") < 0)
			abort();
		if ((int)n++ == back)
			at = telldir(d);
	}
	say(p, " = %s", errno ? strerrorname_np(errno) : "end");
	qsort(names, n, sizeof(names[0]), by_name);
	for (i = 0; i < n; i++) {
		say(p, " %s", names[i]);
		free(names[i]);
	}
	if (at != -1) {
		seekdir(d, at);
		for (i = 0; readdir(d); i++)
			;
		say(p, " again %zu", i);
	}
	closedir(d);
}

/* getdents64 itself, with too small a buffer, on any open file. */
static void op_getdents(struct peer *p)
{
	int fd = pick_fd(p);
	size_t size = pick(p, 2) ? 20 : 64 * 1024;
	char buf[64 * 1024];
	ssize_t n;

	say(p, " %zu", size);
	if (pick(p, 2))
		lseek(fd, 0, SEEK_SET);
	n = getdents64(fd, buf, size);
	say_result(p, n < 0 ? -1 : n > 0);
}

static void op_handle(struct peer *p)
{
	const char *path = pick_path(p);
	struct {
		struct file_handle h;
		char bytes[MAX_HANDLE_SZ];
	} a = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount, fd;

	if (name_to_handle_at(p->root, path, &a.h, &mount, 0)) {
		say_result(p, -1);
		return;
	}
	say(p, " bytes=%u type=%d", a.h.handle_bytes, a.h.handle_type);
	fd = open_by_handle_at(p->root, &a.h, O_PATH | O_CLOEXEC);
	say_result(p, fd < 0 ? -1 : 0);
	if (fd >= 0)
		close(fd);
}

/* Symlinks that lead to each other. */
static void op_loop(struct peer *p)
{
	int fd;

	symlinkat("loop2", p->root, "loop1");
	symlinkat("loop1", p->root, "loop2");
	fd = openat(p->root, pick(p, 2) ? "loop1" : "loop2/x", O_RDONLY);
	say_result(p, fd);
	say_result(p, unlinkat(p->root, "loop1", 0));
	say_result(p, unlinkat(p->root, "loop2", 0));
}

/* What happened in the working directory since the last time. */
static void op_watch(struct peer *p)
{
	char buf[65536] __attribute__((aligned(8)));
	struct inotify_event *e;
	ssize_t n, at;

	if (p->watch < 0) {
		p->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		say_result(p, inotify_add_watch(p->watch, ".", IN_ALL_EVENTS));
		return;
	}
	n = read(p->watch, buf, sizeof(buf));
	for (at = 0; at < n; at += sizeof(*e) + e->len) {
		e = (void *)(buf + at);
		/* "#" and its inode's number is what has no name yet. */
		say(p, " %x:%.20s", e->mask, !e->len ? "" :
		    *e->name == '#' ? "#" : e->name);
	}
}

/* Are two names one file? */
static void op_same(struct peer *p)
{
	struct stat a, b;
	int rc = fstatat(p->root, pick_path(p), &a, 0);

	say_result(p, rc);
	rc |= fstatat(p->root, pick_path(p), &b, AT_SYMLINK_NOFOLLOW);
	if (!rc)
		say(p, " = %d %d", a.st_ino == b.st_ino, a.st_dev == b.st_dev);
}

static void op_umask(struct peer *p)
{
	static const struct named masks[] = {
		{ 022, "022" }, { 0, "0" }, { 077, "077" },
	};

	umask(pick_named(p, masks, COUNT(masks)));
}

const struct op name_ops[] = {
	{ "mkdir", op_mkdir, 40 }, { "mknod", op_mknod, 25 },
	{ "creat", op_creat, 40 }, { "symlink", op_symlink, 20 },
	{ "readlink", op_readlink, 15 }, { "link", op_link, 20 },
	{ "linkfd", op_link_fd, 6 }, { "unlink", op_unlink, 35 },
	{ "rmdir", op_rmdir, 12 }, { "rename", op_rename, 40 },
	{ "chdir", op_chdir, 8 }, { "list", op_list, 20 },
	{ "getdents", op_getdents, 6 }, { "handle", op_handle, 6 },
	{ "loop", op_loop, 3 }, { "watch", op_watch, 10 },
	{ "same", op_same, 15 }, { "umask", op_umask, 4 },
	{ NULL, NULL, 0 },
};
