// SPDX-License-Identifier: GPL-2.0
/* For each opcode a call that makes the kernel send it: see hostile.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hostile.h"

/* Calls on a path. */
#define PATH_CALL(fn, expr)						\
	static long fn(struct mnt *m)					\
	{								\
		struct stat st __attribute__((unused));			\
		struct statfs sf __attribute__((unused));		\
		char buf[8192] __attribute__((unused));			\
									\
		return CALL(expr);					\
	}

PATH_CALL(do_lookup, lstat(in_mnt(m, "a"), &st))
PATH_CALL(do_setattr, chmod(in_mnt(m, "a"), 0600))
PATH_CALL(do_readlink, readlink(in_mnt(m, "l"), buf, sizeof(buf)))
PATH_CALL(do_symlink, symlink("to", in_mnt(m, "new")))
PATH_CALL(do_mknod, mknod(in_mnt(m, "new"), S_IFIFO | 0600, 0))
PATH_CALL(do_mkdir, mkdir(in_mnt(m, "new"), 0700))
PATH_CALL(do_unlink, unlink(in_mnt(m, "a")))
PATH_CALL(do_rmdir, rmdir(in_mnt(m, "d")))
PATH_CALL(do_rename, rename(in_mnt(m, "a"), in_mnt(m, "new")))
PATH_CALL(do_rename2, renameat2(AT_FDCWD, in_mnt(m, "a"), AT_FDCWD,
				in_mnt(m, "new"), RENAME_NOREPLACE))
PATH_CALL(do_link, link(in_mnt(m, "a"), in_mnt(m, "new")))
PATH_CALL(do_statfs, statfs(in_mnt(m, "a"), &sf))
PATH_CALL(do_setxattr, setxattr(in_mnt(m, "a"), "user.x", "y", 1, 0))
PATH_CALL(do_removexattr, removexattr(in_mnt(m, "a"), "user.x"))
PATH_CALL(do_getxattr, getxattr(in_mnt(m, "a"), "user.x", buf, sizeof(buf)))
PATH_CALL(do_listxattr, listxattr(in_mnt(m, "a"), buf, sizeof(buf)))
PATH_CALL(do_access, access(in_mnt(m, "a"), R_OK))

static long do_statx(struct mnt *m)
{
	struct statx stx;

	return CALL(statx(AT_FDCWD, in_mnt(m, "a"), 0,
			  STATX_BASIC_STATS | STATX_BTIME, &stx));
}

/* Opens, and says what that gave. */
static long do_open_flags(struct mnt *m, const char *name, int flags)
{
	long fd = CALL(open_in(m, name, flags));

	if (fd < 0)
		return fd;
	OK(close(fd));
	return 0;
}

static long do_open(struct mnt *m)
{
	return do_open_flags(m, "a", O_RDONLY);
}

static long do_opendir(struct mnt *m)
{
	return do_open_flags(m, "d", O_RDONLY | O_DIRECTORY);
}

static long do_create(struct mnt *m)
{
	return do_open_flags(m, "new", O_RDWR | O_CREAT | O_EXCL);
}

static long do_tmpfile(struct mnt *m)
{
	return do_open_flags(m, "d", O_RDWR | O_TMPFILE);
}

static long do_readdir(struct mnt *m)
{
	DIR *dir = opendir(m->dir);
	long n = 0;

	if (!dir)
		return -errno;
	errno = 0;
	while (readdir(dir))
		n++;
	n = errno ? -errno : n;
	closedir(dir);
	return n;
}

/* Calls on an open file: @expr, with fd and buf. */
#define FILE_CALL(fn, file, flags, expr)				\
	static long fn(struct mnt *m)					\
	{								\
		int fd = OK(open_in(m, file, flags));			\
		char buf[8192] __attribute__((unused)) = "";		\
		struct stat st __attribute__((unused));			\
		long rc = CALL(expr);					\
									\
		close(fd);						\
		return rc;						\
	}

FILE_CALL(do_getattr, "a", O_RDONLY, fstat(fd, &st))
FILE_CALL(do_read, "a", O_RDONLY, pread(fd, buf, 4096, 0))
FILE_CALL(do_write, "a", O_RDWR, pwrite(fd, "xyz", 3, 0))
FILE_CALL(do_fsync, "a", O_RDWR, fsync(fd))
FILE_CALL(do_fsyncdir, "d", O_RDONLY, fsync(fd))
FILE_CALL(do_fallocate, "a", O_RDWR, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096))
FILE_CALL(do_lseek, "a", O_RDONLY, lseek(fd, 1, SEEK_DATA))
FILE_CALL(do_ioctl, "a", O_RDONLY, ioctl(fd, _IOR('x', 77, char[16]), buf))

static long do_flush(struct mnt *m)
{
	return CALL(close(OK(open_in(m, "a", O_RDONLY))));
}

/* Nobody waits for it, nor learns what came of it. */
static long close_and_see(struct mnt *m, const char *name, uint32_t opcode)
{
	int seen = srv_seen(m->srv, opcode);

	OK(close(OK(open_in(m, name, O_RDONLY))));
	UNTIL(srv_seen(m->srv, opcode) > seen);
	return 0;
}

static long do_release(struct mnt *m)
{
	return close_and_see(m, "a", FUSE_RELEASE);
}

static long do_releasedir(struct mnt *m)
{
	return close_and_see(m, "d", FUSE_RELEASEDIR);
}

static long do_poll(struct mnt *m)
{
	struct pollfd p = { .events = POLLIN };
	long rc;

	p.fd = OK(open_in(m, "a", O_RDONLY));
	rc = CALL(poll(&p, 1, 0));
	OK(close(p.fd));
	return rc < 0 ? rc : p.revents;
}

static long lock(struct mnt *m, int cmd, int type)
{
	struct flock fl = { .l_type = type, .l_len = 10 };
	int fd = OK(open_in(m, "a", O_RDWR));
	long rc = CALL(fcntl(fd, cmd, &fl));

	close(fd);
	return rc;
}

static long do_getlk(struct mnt *m)
{
	return lock(m, F_GETLK, F_WRLCK);
}

static long do_setlk(struct mnt *m)
{
	return lock(m, F_SETLK, F_WRLCK);
}

static long do_setlkw(struct mnt *m)
{
	return lock(m, F_SETLKW, F_WRLCK);
}

long call_copy(struct mnt *m)
{
	int in = OK(open_in(m, "a", O_RDONLY));
	int out = OK(open_in(m, "good", O_RDWR));
	loff_t from = 0, to = 0;
	long rc = CALL(copy_file_range(in, &from, out, &to, 4, 0));

	close(in);
	close(out);
	return rc;
}

const struct opcode_call opcode_calls[] = {
	{ FUSE_LOOKUP, "lookup", do_lookup, 0, BODY_FIXED, -EIO },
	{ FUSE_GETATTR, "getattr", do_getattr, 0, BODY_FIXED, -EIO },
	{ FUSE_SETATTR, "setattr", do_setattr, 0, BODY_FIXED, -EIO },
	{ FUSE_OPEN, "open", do_open, 0, BODY_FIXED, -EIO },
	{ FUSE_READ, "read", do_read, 10, BODY_VARIES, -EIO },
	{ FUSE_WRITE, "write", do_write, 3, BODY_FIXED, -EIO },
	{ FUSE_STATFS, "statfs", do_statfs, 0, BODY_FIXED, -EIO },
	{ FUSE_RELEASE, "release", do_release, 0, BODY_NONE, 0 },
	{ FUSE_FSYNC, "fsync", do_fsync, 0, BODY_NONE, -EIO },
	{ FUSE_GETXATTR, "getxattr", do_getxattr, -ENODATA, BODY_VARIES, -EIO },
	{ FUSE_LISTXATTR, "listxattr", do_listxattr, 0, BODY_VARIES, -EIO },
	{ FUSE_FLUSH, "flush", do_flush, 0, BODY_NONE, -EIO },
	{ FUSE_OPENDIR, "opendir", do_opendir, 0, BODY_FIXED, -EIO },
	{ FUSE_READDIRPLUS, "readdir", do_readdir, 6, BODY_VARIES, -EIO },
	{ FUSE_RELEASEDIR, "releasedir", do_releasedir, 0, BODY_NONE, 0 },
	{ FUSE_FSYNCDIR, "fsyncdir", do_fsyncdir, 0, BODY_NONE, -EIO },
	{ FUSE_ACCESS, "access", do_access, 0, BODY_NONE, -EIO },
	{ FUSE_READLINK, "readlink", do_readlink, 1, BODY_VARIES, -EIO },
	{ FUSE_SYMLINK, "symlink", do_symlink, 0, BODY_FIXED, -EIO },
	{ FUSE_MKNOD, "mknod", do_mknod, 0, BODY_FIXED, -EIO },
	{ FUSE_MKDIR, "mkdir", do_mkdir, 0, BODY_FIXED, -EIO },
	{ FUSE_UNLINK, "unlink", do_unlink, 0, BODY_NONE, -EIO },
	{ FUSE_RMDIR, "rmdir", do_rmdir, 0, BODY_NONE, -EIO },
	{ FUSE_RENAME, "rename", do_rename, 0, BODY_NONE, -EIO },
	{ FUSE_RENAME2, "rename2", do_rename2, 0, BODY_NONE, -EIO },
	{ FUSE_LINK, "link", do_link, 0, BODY_FIXED, -EIO },
	{ FUSE_CREATE, "create", do_create, 0, BODY_FIXED, -EIO },
	{ FUSE_TMPFILE, "tmpfile", do_tmpfile, 0, BODY_FIXED, -EIO },
	{ FUSE_SETXATTR, "setxattr", do_setxattr, 0, BODY_NONE, -EIO },
	{ FUSE_REMOVEXATTR, "removexattr", do_removexattr, 0, BODY_NONE, -EIO },
	{ FUSE_FALLOCATE, "fallocate", do_fallocate, 0, BODY_NONE, -EIO },
	{ FUSE_LSEEK, "lseek", do_lseek, 5, BODY_FIXED, -EIO },
	{ FUSE_STATX, "statx", do_statx, 0, BODY_FIXED, -EIO },
	{ FUSE_COPY_FILE_RANGE, "copy_file_range", call_copy, 4,
	  BODY_FIXED, -EIO },
	{ FUSE_GETLK, "getlk", do_getlk, 0, BODY_FIXED, -EIO },
	{ FUSE_SETLK, "setlk", do_setlk, 0, BODY_NONE, -EIO },
	{ FUSE_SETLKW, "setlkw", do_setlkw, 0, BODY_NONE, -EIO },
	{ FUSE_IOCTL, "ioctl", do_ioctl, 0, BODY_VARIES, -EIO },
	{ FUSE_POLL, "poll", do_poll, POLLIN, BODY_FIXED, POLLERR },
};
const int nopcode_calls = ARRAY_SIZE(opcode_calls);

const struct opcode_call *call_of(uint32_t opcode)
{
	int i;

	for (i = 0; i < nopcode_calls; i++)
		if (opcode_calls[i].opcode == opcode)
			return &opcode_calls[i];
	FAIL("nothing makes the kernel send opcode %u", opcode);
}
