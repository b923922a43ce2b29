// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache of ordinary files.
 *
 * 1. What was read once is not asked for again, by read(2), mmap or sendfile,
 *    until it is dropped: at open without KEEP_CACHE, by another size, with
 *    AUTO_INVAL_DATA by another mtime.
 * 2. READs obey max_readahead and max_read.
 * 3. What is written is at the server when write(2) returns, and in the cache.
 * 4. Mappings: private ones do not write to the file; shared ones are for reading.
 *
 * (While a READ or a WRITE is not answered: see inflight_test.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define SIZE	(64 * KIB)
#define RW	(PROT_READ | PROT_WRITE)

/* --- reading --- */

TEST(what_was_read_is_not_asked_for_again)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 1, SIZE);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDONLY)), seen;
	uint8_t *p;

	check_read(fd, 1, 0, SIZE);
	seen = srv_seen(s, FUSE_READ);
	TRUE(seen > 0);
	check_read(fd, 1, 0, SIZE);
	check_read(fd, 1, 777, 9999);
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 1, 0, SIZE);
	OK(munmap(p, SIZE));
	EQ(srv_seen(s, FUSE_READ), seen);
	/* Not the file is asked either where it ends. */
	EQ(n->size, SIZE);
	OK(close(fd));
	mnt_end(m);
}

TEST(what_was_mapped_is_not_asked_for_again)
{
	struct srv *s = srv_new();
	struct mnt *m;
	uint8_t *p;
	int fd, seen;

	srv_pattern(s, "a", 2, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 2, 0, SIZE);
	seen = srv_seen(s, FUSE_READ);
	TRUE(seen > 0);
	check_read(fd, 2, 0, SIZE);
	EQ(srv_seen(s, FUSE_READ), seen);
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}

static uint32_t largest_read(const struct srv *s)
{
	uint32_t max = 0;

	for (int i = 0; i < s->nseen; i++)
		if (s->seen[i].opcode == FUSE_READ && s->seen[i].size > max)
			max = s->seen[i].size;
	return max;
}

TEST(readahead_is_what_was_agreed_on)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int fd;

	srv_pattern(s, "a", 3, MIB);
	s->max_readahead = 16 * KIB;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	for (uint64_t off = 0; off < MIB; off += 4 * KIB)
		check_read(fd, 3, off, 4 * KIB);
	EQ(largest_read(s), 16 * KIB);
	TRUE(s->init.max_readahead >= 128 * KIB);
	OK(close(fd));
	mnt_end(m);
}

TEST(reads_into_the_cache_obey_max_read)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int fd;

	srv_pattern(s, "a", 4, MIB);
	m = mnt_new_opts(s, "allow_other,max_read=20480");
	fd = OK(open_in(m, "a", O_RDONLY));
	check_read(fd, 4, 0, MIB);
	TRUE(largest_read(s) <= 20480);
	OK(close(fd));
	mnt_end(m);
}

TEST(error_of_a_read_leaves_nothing_behind)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 6, 100);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_ERROR, EREMOTEIO);
	struct mnt *m;
	char buf[100];
	int fd;

	/* In advance, and when the reader insists. */
	r->left = 2;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	FAILS(EREMOTEIO, read(fd, buf, sizeof(buf)));
	EQ(srv_seen(s, FUSE_READ), 2);
	check_read(fd, 6, 0, 100);
	OK(close(fd));
	mnt_end(m);
}

TEST(short_read_ends_the_file_there)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 7, 10000);
	struct mnt *m;
	uint8_t buf[10000];
	struct stat st;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	n->size = 5000;
	EQ(read(fd, buf, sizeof(buf)), 5000);
	PAT(buf, 7, 0, 5000);
	OK(fstat(fd, &st));
	EQ(st.st_size, 5000);
	OK(close(fd));
	mnt_end(m);
}

TEST(read_makes_atime_unknown)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;
	int fd, seen;

	srv_pattern(s, "a", 8, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	OK(fstat(fd, &st));
	seen = srv_seen(s, FUSE_GETATTR);
	check_read(fd, 8, 0, SIZE);
	OK(fstat(fd, &st));
	EQ(srv_seen(s, FUSE_GETATTR), seen + 1);
	/* Of the cache the server knows nothing. */
	check_read(fd, 8, 0, SIZE);
	OK(fstat(fd, &st));
	EQ(srv_seen(s, FUSE_GETATTR), seen + 1);
	OK(close(fd));
	mnt_end(m);
}

TEST(sendfile_reads_by_the_cache)
{
	struct srv *s = srv_new();
	uint8_t buf[10000];
	off_t off = 123;
	struct mnt *m;
	int fd, p[2];

	srv_pattern(s, "a", 20, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	check_read(fd, 20, 0, SIZE);
	OK(pipe(p));
	EQ(sendfile(p[1], fd, &off, 10000), 10000);
	EQ(read(p[0], buf, 10000), 10000);
	PAT(buf, 20, 123, 10000);
	EQ(srv_seen(s, FUSE_READ), 1);
	OK(close(fd));
	mnt_end(m);
}

/* --- what is dropped when --- */

static const struct dropping {
	const char *name;
	uint64_t want;		/* INIT flags */
	uint32_t open_flags;
	bool reopen;		/* the file is opened again before */
	bool mtime, size;	/* they change at the server */
	bool kept;
} droppings[] = {
	{ "open_drops_the_cache", 0, 0, true, false, false, false },
	{ "keep_cache_keeps_it", 0, FOPEN_KEEP_CACHE, true, false, false,
	  true },
	{ "mtime_alone_drops_nothing", 0, FOPEN_KEEP_CACHE, false, true, false,
	  true },
	{ "auto_inval_data_drops_by_mtime", FUSE_AUTO_INVAL_DATA,
	  FOPEN_KEEP_CACHE, false, true, false, false },
	{ "auto_inval_data_keeps_what_is_the_same", FUSE_AUTO_INVAL_DATA,
	  FOPEN_KEEP_CACHE, false, false, false, true },
	{ "another_size_drops_it", 0, FOPEN_KEEP_CACHE, false, false, true,
	  false },
	{ "explicit_inval_data_keeps_it", FUSE_EXPLICIT_INVAL_DATA,
	  FOPEN_KEEP_CACHE, false, true, true, true },
};

static void dropped_or_kept(const void *arg)
{
	const struct dropping *row = arg;
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 10, SIZE);
	struct mnt *m;
	struct stat st;
	int fd, fd2;

	s->want |= row->want;
	n->open_flags = row->open_flags;
	n->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	check_read(fd, 10, 0, SIZE);
	pat_fill(n->data, 11, 0, SIZE);
	n->mtime += row->mtime;
	n->size += row->size;
	if (row->reopen) {
		fd2 = OK(open_in(m, "a", O_RDONLY));
		OK(close(fd2));
	}
	OK(fstat(fd, &st));
	check_read(fd, row->kept ? 10 : 11, 0, SIZE - PAGE);
	OK(close(fd));
	mnt_end(m);
}
TEST_ROWS(dropped_or_kept, droppings)

TEST(times_that_we_set_keep_the_cache)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 10, SIZE);
	struct mnt *m;
	struct stat st;
	int fd, seen;

	s->want |= FUSE_AUTO_INVAL_DATA;
	n->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	check_read(fd, 10, 0, SIZE);
	seen = srv_seen(s, FUSE_READ);
	OK(futimens(fd, times));
	OK(fstat(fd, &st));
	EQ(st.st_mtime, 2);
	check_read(fd, 10, 0, SIZE);
	EQ(srv_seen(s, FUSE_READ), seen);
	OK(close(fd));
	mnt_end(m);
}

TEST(truncation_and_extension_show_zeroes)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 12, 10000);
	uint8_t buf[10000] = { 0 }, *p;
	struct mnt *m;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 12, 0, 10000);
	p = mmap(NULL, 12288, PROT_READ, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 12, 0, 10000);
	OK(ftruncate(fd, 5000));
	memset(n->data + 5000, 0, 5000);
	OK(ftruncate(fd, 10000));
	EQ(read(fd, buf, 10000), 10000);
	PAT(buf, 12, 0, 5000);
	for (int i = 5000; i < 10000; i++) {
		EQ(buf[i], 0);
		EQ(p[i], 0);
	}
	OK(munmap(p, 12288));
	OK(close(fd));
	mnt_end(m);
}

/* --- writing --- */

TEST(what_is_written_is_at_the_server_and_in_the_cache)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", NULL, SIZE);
	uint8_t *buf = malloc(SIZE), *p;
	struct mnt *m;
	int fd;

	n->size = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	pat_fill(buf, 20, 0, SIZE);
	EQ(write(fd, buf, SIZE), SIZE);
	PAT(n->data, 20, 0, SIZE);
	EQ(srv_seen(s, FUSE_WRITE), 1);
	check_read(fd, 20, 0, SIZE);
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 20, 0, SIZE);
	/* Of pages that are there, a part is enough. */
	pat_fill(buf, 21, 5000, 10);
	EQ(pwrite(fd, buf, 10, 5000), 10);
	PAT(n->data + 5000, 21, 5000, 10);
	check_read(fd, 21, 5000, 10);
	PAT(p + 5000, 21, 5000, 10);
	check_read(fd, 20, 0, 5000);
	check_read(fd, 20, 5010, SIZE - 5010);
	EQ(srv_seen(s, FUSE_READ), 0);
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}

TEST(part_of_a_page_that_is_not_there_is_read)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 22, SIZE);
	struct mnt *m;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(pwrite(fd, "hello", 5, 100), 5);
	TRUE(!memcmp(n->data + 100, "hello", 5));
	EQ(srv_seen(s, FUSE_READ), 0);
	check_read(fd, 22, 0, 100);
	check_read(fd, 22, 105, SIZE - 105);
	TRUE(srv_seen(s, FUSE_READ) > 0);
	OK(close(fd));
	mnt_end(m);
}

/* As the in-tree client cuts them. */
TEST(writes_are_cut_at_pages)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(20000);
	struct node *n = srv_plain(s, "a", NULL, 40000);
	struct mnt *m;
	int fd;

	pat_fill(buf, 23, 100, 20000);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	/* The first page goes by itself: its other part is not known. */
	EQ(pwrite(fd, buf, 20000, 100), 20000);
	EQ(srv_seen(s, FUSE_WRITE), 2);
	EQ(srv_last(s, FUSE_WRITE)->off, PAGE);
	PAT(n->data + 100, 23, 100, 20000);
	check_read(fd, 23, 100, 20000);
	/* Now it is. */
	EQ(pwrite(fd, buf, 20000, 100), 20000);
	EQ(srv_seen(s, FUSE_WRITE), 3);
	EQ(srv_last(s, FUSE_WRITE)->off, 100);
	OK(close(fd));
	mnt_end(m);
}

TEST(hole_before_a_write_past_the_end_is_zero)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", NULL, 40000);
	struct mnt *m;
	uint8_t buf[300];
	int fd;

	n->size = 100;
	pat_fill(n->data, 24, 0, 200);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 24, 0, 100);
	/* The server has made zeroes of what was behind the end. */
	memset(n->data + 100, 0, 100);
	EQ(pwrite(fd, "x", 1, 20000), 1);
	EQ(pread(fd, buf, 300, 0), 300);
	for (int i = 100; i < 300; i++)
		EQ(buf[i], 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(short_write_caches_what_was_written)
{
	struct srv *s = srv_new();
	struct fuse_write_out *w = srv_alloc(s, sizeof(*w));
	struct node *n = srv_pattern(s, "a", 25, SIZE);
	uint8_t *buf = malloc(SIZE);
	struct rule *r;
	struct mnt *m;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 25, 0, SIZE);
	w->size = 6000;
	r = srv_on(s, FUSE_WRITE, n->id, ACT_BODY, 0);
	r->bad.body = (void *)w;
	r->bad.body_len = sizeof(*w);
	pat_fill(buf, 26, 0, SIZE);
	EQ(write(fd, buf, SIZE), 6000);
	check_read(fd, 26, 0, 6000);
	check_read(fd, 25, 6000, SIZE - 6000);
	OK(close(fd));
	mnt_end(m);
}

/* --- mappings --- */

TEST(private_mapping_is_private)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 30, SIZE);
	struct mnt *m;
	uint8_t *p;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	p = mmap(NULL, 2 * SIZE, RW, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 30, 0, SIZE);
	memset(p, 0, SIZE);
	EQ(try_read(p + SIZE), BUS_ADRERR);
	OK(munmap(p, 2 * SIZE));
	PAT(n->data, 30, 0, SIZE);
	check_read(fd, 30, 0, SIZE);
	EQ(srv_seen(s, FUSE_WRITE), 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(shared_mapping_is_for_reading)
{
	struct srv *s = srv_new();
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_pattern(s, "a", 31, SIZE);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	TRUE(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0) == MAP_FAILED);
	EQ(errno, ENODEV);
	TRUE(mmap(NULL, SIZE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
		  0) == MAP_FAILED);
	EQ(errno, EOPNOTSUPP);
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 31, 0, SIZE);
	FAILS(EACCES, mprotect(p, SIZE, RW));
	EQ(pwrite(fd, "hello", 5, 10), 5);
	TRUE(!memcmp(p + 10, "hello", 5));
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}

/* A program is read by mapping it. */
TEST(page_that_cannot_be_read_raises_sigbus)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 32, SIZE);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_ERROR, EREMOTEIO);
	struct mnt *m;
	uint8_t *p;
	int fd;

	r->left = -1;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	EQ(try_read(p), BUS_ADRERR);
	r->left = 0;
	PAT(p, 32, 0, SIZE);
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}

/* Of a mapping of the file itself. */
TEST(file_is_written_to_itself)
{
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "a", 26, SIZE);
	struct mnt *m;
	uint8_t *p;
	int fd;

	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	EQ(pwrite(fd, p + 2 * PAGE, 2 * PAGE, 4 * PAGE), 2 * PAGE);
	PAT(n->data + 4 * PAGE, 26, 2 * PAGE, 2 * PAGE);
	PAT(p + 4 * PAGE, 26, 2 * PAGE, 2 * PAGE);
	EQ(pread(fd, (void *)p, 1, 0), -1);
	EQ(errno, EFAULT);
	OK(munmap(p, SIZE));
	OK(close(fd));
	mnt_end(m);
}
