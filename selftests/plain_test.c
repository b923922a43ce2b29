// SPDX-License-Identifier: GPL-2.0
/*
 * Ordinary files: those for which the server has no fmap.
 *
 * 1. GET_FMAP is asked once a file; EOPNOTSUPP makes it an ordinary one, ENOSYS
 *    all of the mount.
 * 2. Reads and writes go to the server, in pieces of at most max_write, max_read
 *    or max_pages; sizes, ends and errors are the server's. (The cache in between:
 *    see cache_test.)
 * 3. Extended attributes are read and listed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/mem.h"

TEST(eopnotsupp_makes_an_ordinary_file_and_is_remembered)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	srv_plain(s, "b", "x", 1);
	m = mnt_new(s);
	for (int i = 0; i < 3; i++)
		OK(close(OK(open_in(m, "a", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	EQ(counter(m, "get_fmap"), 1);
	OK(close(OK(open_in(m, "b", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	EQ(counter(m, "fmaps"), 0);
	EQ(counter(m, "fmap_refused"), 0);
	mnt_end(m);
}

TEST(enosys_is_remembered_for_the_mount)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1)->fmap_error = ENOSYS;
	srv_plain(s, "b", "x", 1)->fmap_error = ENOSYS;
	m = mnt_new(s);
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	OK(close(OK(open_in(m, "b", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	mnt_end(m);
}

TEST(ordinary_file_has_no_fmap)
{
	struct srv *s = srv_new();
	struct fmapfs_get_fmap arg = { 0 };
	struct statx stx;
	struct mnt *m;
	int fd;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	FAILS(ENODATA, ioctl(fd, FMAPFS_IOC_GET_FMAP, &arg));
	EQ(srv_seen(s, FUSE_IOCTL), 0);
	OK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx));
	EQ(stx.stx_attributes & STATX_ATTR_DAX, 0);
	OK(close(fd));
	mnt_end(m);
}

#define BIG	(5 * MIB + 12345)

TEST(release_has_the_flags_of_the_end)
{
	struct srv *s = srv_new();
	struct fuse_release_in in;
	struct mnt *m;
	int fd;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	OK(fcntl(fd, F_SETFL, O_APPEND));
	OK(close(fd));
	UNTIL(srv_seen(s, FUSE_RELEASE));
	memcpy(&in, srv_last(s, FUSE_RELEASE)->body, sizeof(in));
	EQ(in.flags & O_APPEND, O_APPEND);
	mnt_end(m);
}

TEST(large_reads_are_split_and_whole)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(BIG + 100);
	struct node *n = srv_plain(s, "a", NULL, BIG);
	struct mnt *m;
	int fd;

	pat_fill(n->data, 1, 0, BIG);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(read(fd, buf, BIG + 100), BIG);
	PAT(buf, 1, 0, BIG);
	/* 5 of a megabyte, and the rest. */
	EQ(srv_seen(s, FUSE_READ), 6);
	EQ(read(fd, buf, 100), 0);
	EQ(pread(fd, buf, 100, BIG - 30), 30);
	PAT(buf, 1, BIG - 30, 30);
	EQ(pread(fd, buf, 100, BIG + 30), 0);
	EQ(pread(fd, buf, 77, 4095), 77);
	PAT(buf, 1, 4095, 77);
	OK(close(fd));
	mnt_end(m);
}

TEST(reads_obey_max_read)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(256 * KIB);
	struct mnt *m;
	int fd;

	srv_pattern(s, "a", 2, 256 * KIB);
	m = mnt_new_opts(s, "allow_other,max_read=65536");
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(read(fd, buf, 256 * KIB), 256 * KIB);
	PAT(buf, 2, 0, 256 * KIB);
	EQ(srv_seen(s, FUSE_READ), 4);
	OK(close(fd));
	mnt_end(m);
}

TEST(large_writes_are_split_and_whole)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(BIG);
	struct node *n = srv_plain(s, "a", NULL, BIG);
	struct mnt *m;
	struct stat st;
	int fd;

	n->size = 0;
	pat_fill(buf, 3, 0, BIG);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(write(fd, buf, BIG), BIG);
	EQ(srv_seen(s, FUSE_WRITE), 6);
	EQ(n->size, BIG);
	PAT(n->data, 3, 0, BIG);
	/* The size is known without asking, or asked for. */
	OK(fstat(fd, &st));
	EQ(st.st_size, BIG);
	EQ(pwrite(fd, "hello", 5, 4094), 5);
	TRUE(!memcmp(n->data + 4094, "hello", 5));
	OK(close(fd));
	mnt_end(m);
}

TEST(writes_obey_max_write)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(128 * KIB);
	struct node *n = srv_plain(s, "a", NULL, 128 * KIB);
	struct mnt *m;
	int fd;

	s->max_write = 32 * KIB;
	pat_fill(buf, 4, 0, 128 * KIB);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_WRONLY));
	EQ(write(fd, buf, 128 * KIB), 128 * KIB);
	EQ(srv_seen(s, FUSE_WRITE), 4);
	PAT(n->data, 4, 0, 128 * KIB);
	OK(close(fd));
	mnt_end(m);
}

TEST(vectors_appends_and_short_writes)
{
	struct srv *s = srv_new();
	struct fuse_write_out *w = srv_alloc(s, sizeof(*w));
	struct node *n = srv_plain(s, "a", "0123", 4);
	struct iovec iov[2] = { { "ab", 2 }, { "cde", 3 } };
	struct rule *r;
	struct mnt *m;
	char x[3], y[6];
	struct iovec in[2] = { { x, 3 }, { y, 6 } };
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR | O_APPEND));
	EQ(writev(fd, iov, 2), 5);
	EQ(n->size, 9);
	TRUE(!memcmp(n->data, "0123abcde", 9));
	EQ(preadv(fd, in, 2, 0), 9);
	TRUE(!memcmp(x, "012", 3) && !memcmp(y, "3abcde", 6));
	/* A write that the server cuts short is short. */
	w->size = 2;
	r = srv_on(s, FUSE_WRITE, n->id, ACT_BODY, 0);
	r->bad.body = (void *)w;
	r->bad.body_len = sizeof(*w);
	EQ(write(fd, "xyz", 3), 2);
	OK(close(fd));
	mnt_end(m);
}

/* What the server says is what the caller gets. */
static const struct failing {
	const char *name;
	uint32_t opcode;
	int error;
} failings[] = {
	{ "error_of_open_reaches_the_caller", FUSE_OPEN, ETXTBSY },
	{ "error_of_get_fmap_fails_the_open", FUSE_GET_FMAP, EPERM },
	{ "error_of_read_reaches_the_caller", FUSE_READ, EREMOTEIO },
	{ "error_of_write_reaches_the_caller", FUSE_WRITE, EDQUOT },
	{ "error_of_flush_reaches_the_caller", FUSE_FLUSH, ENOSPC },
	{ "error_of_fsync_reaches_the_caller", FUSE_FSYNC, ENOSPC },
};

static int open_read_write_sync_close(struct mnt *m)
{
	int fd = open_in(m, "a", O_RDWR), rc = 0;
	char c = 'x';

	if (fd < 0)
		return errno;
	if (pwrite(fd, &c, 1, 0) != 1 || pread(fd, &c, 1, 0) != 1 ||
	    fsync(fd))
		rc = errno;
	if (close(fd) && !rc)
		rc = errno;
	return rc;
}

static void error_reaches_the_caller(const void *arg)
{
	const struct failing *row = arg;
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;

	srv_on(s, row->opcode, n->id, ACT_ERROR, row->error);
	/* One read, one READ. */
	n->open_flags = FOPEN_DIRECT_IO;
	m = mnt_new(s);
	EQ(open_read_write_sync_close(m), row->error);
	/* And the next time it works. */
	EQ(open_read_write_sync_close(m), 0);
	mnt_end(m);
}
TEST_ROWS(error_reaches_the_caller, failings)

TEST(flush_and_fsync_may_be_missing)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;

	srv_on(s, FUSE_FLUSH, n->id, ACT_ERROR, ENOSYS);
	srv_on(s, FUSE_FSYNC, n->id, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	EQ(open_read_write_sync_close(m), 0);
	EQ(open_read_write_sync_close(m), 0);
	EQ(srv_seen(s, FUSE_FLUSH), 1);
	EQ(srv_seen(s, FUSE_FSYNC), 1);
	mnt_end(m);
}

TEST(truncate_is_the_servers)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "0123456789", 10);
	struct mnt *m = mnt_new(s);
	struct stat st;
	char buf[16];
	int fd;

	OK(truncate(in_mnt(m, "a"), 4));
	EQ(n->size, 4);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 4);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(read(fd, buf, sizeof(buf)), 4);
	OK(ftruncate(fd, 8));
	EQ(n->size, 8);
	OK(close(fd));
	fd = OK(open_in(m, "a", O_RDWR | O_TRUNC));
	EQ(n->size, 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(xattrs_are_read_and_listed)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	char buf[256];

	strcpy(n->xattr[0].name, "user.one");
	memcpy(n->xattr[0].value, "val\0ue", 6);
	n->xattr[0].size = 6;
	strcpy(n->xattr[1].name, "trusted.two");
	m = mnt_new(s);
	EQ(getxattr(in_mnt(m, "a"), "user.one", NULL, 0), 6);
	EQ(getxattr(in_mnt(m, "a"), "user.one", buf, sizeof(buf)), 6);
	TRUE(!memcmp(buf, "val\0ue", 6));
	FAILS(ERANGE, getxattr(in_mnt(m, "a"), "user.one", buf, 5));
	EQ(getxattr(in_mnt(m, "a"), "trusted.two", buf, sizeof(buf)), 0);
	FAILS(ENODATA, getxattr(in_mnt(m, "a"), "user.none", buf, 10));
	EQ(listxattr(in_mnt(m, "a"), NULL, 0), 21);
	EQ(listxattr(in_mnt(m, "a"), buf, sizeof(buf)), 21);
	TRUE(!memcmp(buf, "user.one\0trusted.two", 21));
	FAILS(ERANGE, listxattr(in_mnt(m, "a"), buf, 20));
	EQ(listxattr(m->dir, buf, sizeof(buf)), 0);
	mnt_end(m);
}

TEST(server_without_xattrs_is_asked_once)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	char buf[16];

	srv_on(s, FUSE_GETXATTR, n->id, ACT_ERROR, ENOSYS);
	srv_on(s, FUSE_LISTXATTR, n->id, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	for (int i = 0; i < 3; i++) {
		FAILS(EOPNOTSUPP, getxattr(in_mnt(m, "a"), "user.a", buf, 16));
		FAILS(EOPNOTSUPP, listxattr(in_mnt(m, "a"), buf, 16));
	}
	EQ(srv_seen(s, FUSE_GETXATTR), 1);
	EQ(srv_seen(s, FUSE_LISTXATTR), 1);
	mnt_end(m);
}
