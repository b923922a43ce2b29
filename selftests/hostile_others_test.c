// SPDX-License-Identifier: GPL-2.0
/*
 * Others than the owner of a mount, to whom its server could do harm.
 *
 * 1. Without allow_other another user gets EACCES from whatever asks the server
 *    about a name or an attribute, by a path and by a file that the owner has
 *    opened; the server does not hear of it. What the owner has opened can be read
 *    and written: that is as good as having been told.
 * 2. With allow_other the same calls work, and the server hears who makes them.
 * 3. With default_permissions the modes decide, without the server.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/hostile.h"

#define OTHER	1000

/* What the owner has opened. */
static int fd_a, fd_root;
static char buf[256];
static struct stat st;
static struct statx stx;
static struct statfs sf;

struct other {
	const char *name;
	long (*call)(struct mnt *m);
	long alone, allowed, modes;	/* by the mount's options */
	bool quiet;			/* the server hears nothing, alone */
};

#define CALLS(fn, expr)							\
	static long fn(struct mnt *m)					\
	{								\
		(void)m;						\
		return CALL(expr);					\
	}

CALLS(by_stat, stat(in_mnt(m, "a"), &st))
CALLS(by_open, open(in_mnt(m, "a"), O_RDONLY) < 0 ? -1 : 0)
CALLS(by_openat, openat(fd_root, "a", O_RDONLY) < 0 ? -1 : 0)
CALLS(by_opendir, open(m->dir, O_RDONLY | O_DIRECTORY) < 0 ? -1 : 0)
CALLS(by_access, access(in_mnt(m, "a"), R_OK))
CALLS(by_chmod, chmod(in_mnt(m, "a"), 0600))
CALLS(by_truncate, truncate(in_mnt(m, "a"), 10))
CALLS(by_getxattr, getxattr(in_mnt(m, "a"), "user.x", buf, sizeof(buf)))
CALLS(by_unlinkat, unlinkat(fd_root, "a", 0))
CALLS(by_mkdirat, mkdirat(fd_root, "new", 0700))
CALLS(by_mknodat, mknodat(fd_root, "new", S_IFIFO | 0600, 0))
CALLS(by_symlinkat, symlinkat("to", fd_root, "new"))
CALLS(by_linkat, linkat(fd_root, "a", fd_root, "new", 0))
CALLS(by_renameat, renameat(fd_root, "a", fd_root, "new"))
CALLS(by_creat, openat(fd_root, "new", O_CREAT | O_EXCL | O_RDWR, 0600) < 0 ?
      -1 : 0)
CALLS(by_tmpfile, openat(fd_root, ".", O_TMPFILE | O_RDWR, 0600) < 0 ? -1 : 0)
CALLS(by_readlinkat, readlinkat(fd_root, "l", buf, sizeof(buf)))
CALLS(by_fstat, fstat(fd_a, &st))
CALLS(by_statx, statx(fd_a, "", AT_EMPTY_PATH, STATX_BTIME, &stx))
CALLS(by_fchmod, fchmod(fd_a, 0600))
CALLS(by_futimens, futimens(fd_a, NULL))
CALLS(by_fgetxattr, fgetxattr(fd_a, "user.x", buf, sizeof(buf)))
CALLS(by_fsetxattr, fsetxattr(fd_a, "user.x", "y", 1, 0))
CALLS(by_flistxattr, flistxattr(fd_a, buf, sizeof(buf)))
CALLS(by_fremovexattr, fremovexattr(fd_a, "user.x"))
CALLS(by_ioctl, ioctl(fd_a, _IOR('x', 77, char[16]), buf))
CALLS(by_fchdir, fchdir(fd_root))
CALLS(by_pread, pread(fd_a, buf, 10, 0))
CALLS(by_pwrite, pwrite(fd_a, "0", 1, 0))
CALLS(by_fsync, fsync(fd_a))
/* As FUSE has it: no error, and nothing is told. */
CALLS(by_fstatfs, fstatfs(fd_a, &sf) ? -1 : (long)sf.f_blocks)

#define ROW(call, alone, allowed, modes, quiet)				\
	{ #call, by_##call, alone, allowed, modes, quiet }

static const struct other names[] = {
	ROW(stat, -EACCES, 0, 0, true),
	ROW(open, -EACCES, 0, 0, true),
	ROW(openat, -EACCES, 0, 0, true),
	ROW(opendir, -EACCES, 0, 0, true),
	ROW(access, -EACCES, 0, 0, true),
	ROW(chmod, -EACCES, 0, -EPERM, true),
	ROW(truncate, -EACCES, 0, 0, true),
	ROW(getxattr, -EACCES, -ENODATA, -ENODATA, true),
	ROW(fstat, -EACCES, 0, 0, true),
	ROW(fchmod, -EACCES, 0, -EPERM, true),
	ROW(futimens, -EACCES, 0, 0, true),
	ROW(fgetxattr, -EACCES, -ENODATA, -ENODATA, true),
	ROW(flistxattr, -EACCES, 0, 0, true),
	ROW(fchdir, -EACCES, 0, 0, true),
	ROW(fstatfs, 0, 1000, 1000, true),
	ROW(pread, 10, 10, 10, false),
	ROW(pwrite, 1, 1, 1, false),
	ROW(fsync, 0, 0, 0, false),
};

static const struct other makers[] = {
	ROW(unlinkat, -EACCES, 0, -EACCES, true),
	ROW(mkdirat, -EACCES, 0, -EACCES, true),
	ROW(mknodat, -EACCES, 0, -EACCES, true),
	ROW(symlinkat, -EACCES, 0, -EACCES, true),
	ROW(linkat, -EACCES, 0, -EACCES, true),
	ROW(renameat, -EACCES, 0, -EACCES, true),
	ROW(creat, -EACCES, 0, -EACCES, true),
	ROW(tmpfile, -EACCES, 0, -EACCES, true),
	ROW(readlinkat, -EACCES, 1, 1, true),
	ROW(fsetxattr, -EACCES, 0, 0, true),
	ROW(fremovexattr, -EACCES, 0, 0, true),
	ROW(statx, -EACCES, 0, 0, true),
	ROW(ioctl, -EACCES, 0, 0, true),
};

struct doing {
	struct mnt *m;
	const struct other *row;
};

static int as_other(void *arg)
{
	const struct doing *doing = arg;

	OK(setresgid(OTHER, OTHER, OTHER));
	OK(setresuid(OTHER, OTHER, OTHER));
	return doing->row->call(doing->m);
}

/* At its end the other's process closes what it has inherited: FLUSH. */
static void do_as_other(struct mnt *m, const struct other *row, long want,
			bool quiet)
{
	struct doing doing = { m, row };
	int seen = m->srv->nseen;
	struct task t = task_start(as_other, &doing);
	long got = task_wait(&t);

	if (got != want)
		FAIL("%s: gave %s, not %s", row->name,
		     got < 0 ? strerror(-got) : "success",
		     want < 0 ? strerror(-want) : "success");
	for (; quiet && seen < m->srv->nseen; seen++)
		if (m->srv->seen[seen].uid == OTHER &&
		    m->srv->seen[seen].opcode != FUSE_FLUSH)
			FAIL("%s: the server hears of it", row->name);
}

enum options { ALONE, ALLOWED, MODES };

static void each(enum options options, const struct other *rows, size_t n)
{
	static const char * const opts[] = {
		"", "allow_other", "allow_other,default_permissions",
	};
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, 0, 0, ACT_STALL, 0);
	struct mnt *m;
	size_t i;

	/* Answered at once, and as in the other tests. */
	r->released = true;
	r->answer = hostile_answer;
	r->left = -1;
	s->statfs.st.blocks = 1000;
	hostile_tree(s);
	tree()->a->mode = S_IFREG | 0666;
	m = mnt_new_opts(s, opts[options]);
	fd_a = OK(open_in(m, "a", O_RDWR));
	fd_root = OK(open(m->dir, O_RDONLY | O_DIRECTORY));
	for (i = 0; i < n; i++)
		do_as_other(m, &rows[i], options == ALONE ? rows[i].alone :
			    options == ALLOWED ? rows[i].allowed :
			    rows[i].modes, options == ALONE && rows[i].quiet);
	OK(close(fd_a));
	OK(close(fd_root));
	hostile_end(m, NULL);
}

TEST(others_are_kept_out_of_names_and_attributes)
{
	each(ALONE, names, ARRAY_SIZE(names));
}

TEST(others_may_with_allow_other)
{
	each(ALLOWED, names, ARRAY_SIZE(names));
}

TEST(others_may_what_the_modes_allow_with_default_permissions)
{
	each(MODES, names, ARRAY_SIZE(names));
}

TEST(others_are_kept_out_of_making_and_removing)
{
	each(ALONE, makers, ARRAY_SIZE(makers));
}

TEST(others_may_make_and_remove_with_allow_other)
{
	each(ALLOWED, makers, ARRAY_SIZE(makers));
}

TEST(others_may_make_what_the_modes_allow_with_default_permissions)
{
	each(MODES, makers, ARRAY_SIZE(makers));
}
