// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of files, and other ways to their data.
 *
 * 1. FALLOCATE: modes, sizes, errors; what it makes zero is not cached; memory
 *    files are the server's to allow, and get the map of the new size.
 * 2. LSEEK for holes and data; without it, a file is data up to its end.
 * 3. COPY_FILE_RANGE_64, else COPY_FILE_RANGE, else copied here: as between
 *    mounts, and from and to memory.
 * 4. splice; appending; O_SYNC; writes that the caller's limit or bad memory cut.
 *
 * (sendfile and mappings: see cache_test.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/falloc.h>

#include "lib/env.h"
#include "lib/mem.h"

#define SIZE	(64 * KIB)
#define RW	(PROT_READ | PROT_WRITE)

static void check_zero(int fd, uint64_t off, size_t len)
{
	uint8_t *buf = malloc(len);

	EQ(pread(fd, buf, len, off), len);
	for (size_t i = 0; i < len; i++)
		EQ(buf[i], 0);
	free(buf);
}

/* --- FALLOCATE --- */

TEST(fallocate_grows_a_file)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 1, SIZE);
	struct mnt *m;
	struct stat st;
	int fd;

	n->size = 10000;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 1, 0, 10000);
	memset(n->data + 10000, 0, SIZE - 10000);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SIZE));
	OK(fstat(fd, &st));
	EQ(st.st_size, 10000);
	OK(fallocate(fd, 0, 5000, 20000));
	OK(fstat(fd, &st));
	EQ(st.st_size, 25000);
	EQ(n->size, 25000);
	check_read(fd, 1, 0, 10000);
	check_zero(fd, 10000, 15000);
	/* Nothing shrinks. */
	OK(fallocate(fd, 0, 0, 100));
	OK(fstat(fd, &st));
	EQ(st.st_size, 25000);
	OK(close(fd));
	mnt_end(m);
}

static void makes_zero(int mode)
{
	struct srv *s = srv_new();
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_pattern(s, "a", 2, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 2, 0, SIZE);
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	EQ(p[6000], pat(2, 6000));
	OK(fallocate(fd, mode, 5000, 20000));
	check_read(fd, 2, 0, 5000);
	check_zero(fd, 5000, 20000);
	check_read(fd, 2, 25000, SIZE - 25000);
	EQ(p[6000], 0);
	EQ(p[4999], pat(2, 4999));
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}

TEST(punched_hole_is_not_cached)
{
	makes_zero(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

TEST(zeroed_range_is_not_cached)
{
	makes_zero(FALLOC_FL_ZERO_RANGE);
}

TEST(fallocate_is_asked_for_once_if_it_is_missing)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 3, SIZE);
	struct mnt *m;
	int fd;

	srv_on(s, FUSE_FALLOCATE, n->id, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
	EQ(srv_seen(s, FUSE_FALLOCATE), 0);
	FAILS(EOPNOTSUPP, fallocate(fd, 0, 0, SIZE));
	FAILS(EOPNOTSUPP, fallocate(fd, 0, 0, SIZE));
	EQ(srv_seen(s, FUSE_FALLOCATE), 1);
	OK(close(fd));
	mnt_end(m);
}

TEST(fallocate_fails_as_the_server_says)
{
	struct srv *s = srv_new();
	struct rlimit lim = { 2 * SIZE, 2 * SIZE };
	struct mnt *m;
	struct stat st;
	int fd;

	srv_pattern(s, "a", 4, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(ENOSPC, fallocate(fd, 0, 0, MIB));
	OK(fstat(fd, &st));
	EQ(st.st_size, SIZE);
	/* Some limits are the caller's. */
	OK(setrlimit(RLIMIT_FSIZE, &lim));
	signal(SIGXFSZ, SIG_IGN);
	FAILS(EFBIG, fallocate(fd, 0, 0, MIB));
	EQ(srv_seen(s, FUSE_FALLOCATE), 1);
	OK(close(fd));
	mnt_end(m);
}

TEST(memory_is_allocated_by_the_server_or_not)
{
	struct srv *s = srv_new();
	struct msg big = fmap_simple1(0, 64 * MIB, 4 * MIB, 3 * MIB);
	struct node *n;
	struct mnt *m;
	struct stat st;
	int fd;

	srv_use_pmem(s);
	n = srv_memfile(s, "mem", fmap_simple1(0, 64 * MIB, 2 * MIB, MIB));
	n->fmap_other = srv_alloc(s, big.len);
	memcpy(n->fmap_other, big.buf, big.len);
	m = mnt_new(s);
	fd = OK(open_in(m, "mem", O_RDWR));
	EQ(pwrite(fd, "hello", 5, MIB - 5), 5);
	FAILS(EOPNOTSUPP, fallocate(fd, 0, 0, 3 * MIB));
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	n->may_allocate = true;
	OK(fallocate(fd, 0, 0, 3 * MIB));
	OK(fstat(fd, &st));
	EQ(st.st_size, 3 * MIB);
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	EQ(pwrite(fd, "world", 5, 3 * MIB - 5), 5);
	EQ(srv_seen(s, FUSE_WRITE), 0);
	OK(close(fd));
	mnt_end(m);
}

/* --- LSEEK --- */

static void make_holes(struct node *n)
{
	memset(n->data + PAGE, 0, 2 * PAGE);
	memset(n->data + 8 * PAGE, 0, SIZE - 8 * PAGE);
}

TEST(holes_are_where_the_server_says)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 5, SIZE);
	struct mnt *m;
	int fd;

	make_holes(n);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(lseek(fd, 0, SEEK_HOLE), PAGE);
	EQ(lseek(fd, PAGE, SEEK_DATA), 3 * PAGE);
	EQ(lseek(fd, 0, SEEK_CUR), 3 * PAGE);
	EQ(lseek(fd, 3 * PAGE, SEEK_HOLE), 8 * PAGE);
	FAILS(ENXIO, lseek(fd, 8 * PAGE, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, SIZE, SEEK_HOLE));
	EQ(lseek(fd, -10, SEEK_END), SIZE - 10);
	FAILS(EINVAL, lseek(fd, 0, 77));
	OK(close(fd));
	mnt_end(m);
}

TEST(without_lseek_all_is_data)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 6, SIZE);
	struct mnt *m;
	int fd;

	make_holes(n);
	srv_on(s, FUSE_LSEEK, n->id, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(lseek(fd, 0, SEEK_HOLE), SIZE);
	EQ(lseek(fd, PAGE, SEEK_DATA), PAGE);
	FAILS(ENXIO, lseek(fd, SIZE, SEEK_DATA));
	EQ(srv_seen(s, FUSE_LSEEK), 1);
	OK(close(fd));
	mnt_end(m);
}

TEST(seek_end_asks_for_the_size)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 7, SIZE);
	struct mnt *m;
	int fd;

	n->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	n->size = 1000;
	EQ(lseek(fd, 0, SEEK_END), 1000);
	OK(close(fd));
	mnt_end(m);
}

/* --- copies --- */

static const struct copying {
	const char *name;
	bool no_64, no_32;
	int asked_64, asked_32, read;	/* whether; -1: at most once */
} copyings[] = {
	{ "copy_is_the_servers", false, false, 2, 0, 0 },
	{ "copy_by_the_older_request", true, false, 1, 2, 0 },
	{ "copy_without_either_is_done_here", true, true, 1, 1, 1 },
};

static void copy(const void *arg)
{
	const struct copying *row = arg;
	struct srv *s = srv_new();
	loff_t from = 1000, to = 3000;
	struct mnt *m;
	int fd, out;

	srv_pattern(s, "a", 8, SIZE);
	srv_pattern(s, "b", 9, SIZE);
	if (row->no_64)
		srv_on(s, FUSE_COPY_FILE_RANGE_64, 0, ACT_ERROR, ENOSYS);
	if (row->no_32)
		srv_on(s, FUSE_COPY_FILE_RANGE, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	out = OK(open_in(m, "b", O_RDWR));
	check_read(out, 9, 0, SIZE);
	EQ(copy_file_range(fd, &from, out, &to, 20000, 0), 20000);
	EQ(from, 21000);
	EQ(to, 23000);
	check_read(out, 9, 0, 3000);
	check_read(out, 9, 23000, SIZE - 23000);
	PAT(srv_find_name(s, ROOT_ID, "b")->data + 3000, 8, 1000, 20000);
	/* Beyond the end, too. */
	from = 0;
	to = SIZE - 10;
	EQ(copy_file_range(fd, &from, out, &to, 100, 0), 100);
	EQ(lseek(out, 0, SEEK_END), SIZE + 90);
	EQ(srv_seen(s, FUSE_COPY_FILE_RANGE_64), row->asked_64);
	EQ(srv_seen(s, FUSE_COPY_FILE_RANGE), row->asked_32);
	EQ(srv_seen(s, FUSE_WRITE) > 0, row->read);
	OK(close(fd));
	OK(close(out));
	mnt_end(m);
}
TEST_ROWS(copy, copyings)

TEST(copied_bytes_are_seen)
{
	struct srv *s = srv_new();
	uint8_t buf[20000];
	struct mnt *m;
	loff_t from = 0, to = 0;
	int fd, out;

	srv_pattern(s, "a", 10, SIZE);
	srv_pattern(s, "b", 11, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	out = OK(open_in(m, "b", O_RDWR));
	check_read(out, 11, 0, SIZE);
	EQ(copy_file_range(fd, &from, out, &to, 20000, 0), 20000);
	EQ(pread(out, buf, 20000, 0), 20000);
	PAT(buf, 10, 0, 20000);
	check_read(out, 11, 20480, SIZE - 20480);
	OK(close(fd));
	OK(close(out));
	mnt_end(m);
}

TEST(copy_that_claims_too_much_is_refused)
{
	struct srv *s = srv_new();
	struct fuse_copy_file_range_out *o = srv_alloc(s, sizeof(*o));
	struct rule *r = srv_on(s, FUSE_COPY_FILE_RANGE_64, 0, ACT_BODY, 0);
	struct mnt *m;
	int fd, out;

	o->bytes_copied = 101;
	r->bad.body = (void *)o;
	r->bad.body_len = sizeof(*o);
	srv_pattern(s, "a", 12, SIZE);
	srv_pattern(s, "b", 13, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	out = OK(open_in(m, "b", O_RDWR));
	FAILS(EIO, copy_file_range(fd, NULL, out, NULL, 100, 0));
	OK(close(fd));
	OK(close(out));
	mnt_end(m);
}

/* The server has no data of these. */
TEST(memory_is_copied_here)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(SIZE);
	loff_t zero = 0, at = 0;
	struct node *n;
	struct mnt *m;
	int mem, fd;

	srv_use_pmem(s);
	srv_memfile(s, "mem", fmap_simple1(0, 64 * MIB, 2 * MIB, SIZE));
	n = srv_pattern(s, "a", 14, SIZE);
	m = mnt_new(s);
	mem = OK(open_in(m, "mem", O_RDWR));
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(copy_file_range(fd, &zero, mem, &at, SIZE, 0), SIZE);
	EQ(pread(mem, buf, SIZE, 0), SIZE);
	PAT(buf, 14, 0, SIZE);
	pat_fill(buf, 15, 0, SIZE);
	EQ(pwrite(mem, buf, SIZE, 0), SIZE);
	zero = at = 0;
	EQ(copy_file_range(mem, &zero, fd, &at, SIZE, 0), SIZE);
	PAT(n->data, 15, 0, SIZE);
	check_read(fd, 15, 0, SIZE);
	EQ(srv_seen(s, FUSE_COPY_FILE_RANGE_64), 0);
	EQ(srv_seen(s, FUSE_COPY_FILE_RANGE), 0);
	OK(close(mem));
	OK(close(fd));
	mnt_end(m);
}

static int call_copy(void *dir)
{
	char path[2][600];
	int fd[2];

	for (int i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%c", (char *)dir,
			 'a' + i);
		fd[i] = open(path[i], O_RDWR);
	}
	return copy_file_range(fd[0], NULL, fd[1], NULL, 100, 0);
}

TEST(copier_can_be_killed_and_handles_are_kept)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_COPY_FILE_RANGE_64, 0, ACT_STALL, 0);
	struct mnt *m;
	struct task t;
	int fd;

	srv_pattern(s, "a", 16, SIZE);
	srv_pattern(s, "b", 17, SIZE)->open_flags = FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	fd = OK(open_in(m, "b", O_RDONLY));
	t = task_start(call_copy, m->dir);
	UNTIL(r->hits == 1);
	task_kill(&t);
	check_read(fd, 17, 0, SIZE);
	EQ(srv_seen(s, FUSE_RELEASE), 0);
	srv_release(s, r);
	UNTIL(r->good_errno == 0);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 2);
	check_read(fd, 16, 0, 100);
	OK(close(fd));
	mnt_end(m);
}

/* --- other ways --- */

TEST(splice_writes)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 21, SIZE);
	uint8_t buf[10000];
	loff_t off = 5000;
	struct mnt *m;
	int fd, p[2];

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 21, 0, SIZE);
	OK(pipe(p));
	pat_fill(buf, 22, 5000, 10000);
	EQ(write(p[1], buf, 10000), 10000);
	EQ(splice(p[0], NULL, fd, &off, 10000, 0), 10000);
	PAT(n->data + 5000, 22, 5000, 10000);
	check_read(fd, 22, 5000, 10000);
	OK(close(fd));
	mnt_end(m);
}

TEST(appends_go_to_the_end)
{
	struct srv *s = srv_new();
	struct iovec v = { "two", 3 };
	struct node *n;
	struct mnt *m;
	int fd;

	n = srv_plain(s, "a", "01234", 5);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_WRONLY | O_APPEND));
	EQ(write(fd, "one", 3), 3);
	EQ(srv_last(s, FUSE_WRITE)->off, 5);
	OK(close(fd));
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(pwritev2(fd, &v, 1, 0, RWF_APPEND), 3);
	EQ(n->size, 11);
	TRUE(!memcmp(n->data, "01234onetwo", 11));
	FAILS(EOPNOTSUPP, preadv2(fd, &v, 1, 0, RWF_NOWAIT));
	OK(close(fd));
	mnt_end(m);
}

TEST(o_sync_syncs)
{
	struct srv *s = srv_new();
	struct iovec v = { "x", 1 };
	struct mnt *m;
	int fd;

	srv_pattern(s, "a", 23, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR | O_SYNC));
	EQ(write(fd, "x", 1), 1);
	EQ(srv_seen(s, FUSE_FSYNC), 1);
	OK(close(fd));
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(write(fd, "x", 1), 1);
	EQ(srv_seen(s, FUSE_FSYNC), 1);
	EQ(pwritev2(fd, &v, 1, 0, RWF_DSYNC), 1);
	EQ(srv_seen(s, FUSE_FSYNC), 2);
	OK(close(fd));
	mnt_end(m);
}

TEST(limit_of_the_caller_cuts_a_write)
{
	struct srv *s = srv_new();
	struct rlimit lim = { SIZE + 10, SIZE + 10 };
	struct node *n = srv_pattern(s, "a", 24, SIZE);
	char buf[100] = { 0 };
	struct mnt *m;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	OK(setrlimit(RLIMIT_FSIZE, &lim));
	signal(SIGXFSZ, SIG_IGN);
	EQ(pwrite(fd, buf, 100, SIZE), 10);
	EQ(n->size, SIZE + 10);
	FAILS(EFBIG, pwrite(fd, buf, 100, SIZE + 10));
	OK(close(fd));
	mnt_end(m);
}

TEST(write_from_bad_memory_writes_what_it_can)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 25, SIZE);
	uint8_t *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	struct mnt *m;
	int fd;

	OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(EFAULT, pwrite(fd, p + PAGE, 100, 0));
	EQ(srv_seen(s, FUSE_WRITE), 0);
	memset(p, 'x', PAGE);
	EQ(pwrite(fd, p + PAGE - 100, 200, 0), 100);
	EQ(srv_last(s, FUSE_WRITE)->size, 100);
	EQ(n->data[99], 'x');
	check_read(fd, 25, 100, 1000);
	OK(close(fd));
	mnt_end(m);
}
