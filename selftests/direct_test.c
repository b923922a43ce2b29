// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes past the page cache.
 *
 * 1. With FOPEN_DIRECT_IO each read(2) and write(2) is the server's, whatever is
 *    known about the size; READ and WRITE name the owner of locks.
 * 2. O_DIRECT asks for no more than there is in the file.
 * 3. What is cached is dropped where a direct write changes it.
 * 4. Direct writes are parallel with FOPEN_PARALLEL_DIRECT_WRITES, within the
 *    file, as long as nobody uses its cache; else one comes after the other.
 * 5. Mappings: private ones; shared ones with DIRECT_IO_ALLOW_MMAP.
 * 6. A caller can be killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define SIZE	(64 * KIB)

static struct node *file_of(struct srv *s, unsigned int pattern,
			    uint32_t open_flags)
{
	struct node *n = srv_pattern(s, "a", pattern, SIZE);

	n->open_flags = open_flags;
	return n;
}

TEST(each_read_is_the_servers)
{
	struct srv *s = srv_new();
	struct node *n = file_of(s, 1, FOPEN_DIRECT_IO);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDONLY));
	const struct seen *r;
	uint8_t buf[200];

	for (int i = 1; i <= 3; i++) {
		pat_fill(n->data, i, 0, SIZE);
		check_read(fd, i, 1000, 150);
		EQ(srv_seen(s, FUSE_READ), i);
	}
	r = srv_last(s, FUSE_READ);
	EQ(r->off, 1000);
	EQ(r->size, 150);
	EQ(r->io_flags, FUSE_READ_LOCKOWNER);
	/* It may have more than its attributes say. */
	n->size = SIZE + 100;
	EQ(pread(fd, buf, 200, SIZE), 100);
	EQ(pread(fd, buf, 200, SIZE + 100), 0);
	EQ(srv_last(s, FUSE_READ)->off, SIZE + 100);
	OK(close(fd));
	mnt_end(m);
}

TEST(o_direct_reads_what_there_is)
{
	struct srv *s = srv_new();
	struct mnt *m;
	uint8_t buf[200];
	int fd;

	file_of(s, 4, 0);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY | O_DIRECT));
	check_read(fd, 4, 1000, 150);
	check_read(fd, 4, 1000, 150);
	EQ(srv_seen(s, FUSE_READ), 2);
	EQ(srv_last(s, FUSE_READ)->size, 150);
	EQ(pread(fd, buf, 200, SIZE), 0);
	EQ(pread(fd, buf, 200, SIZE + 5000), 0);
	EQ(srv_seen(s, FUSE_READ), 2);
	EQ(pread(fd, buf, 200, SIZE - 50), 50);
	PAT(buf, 4, SIZE - 50, 50);
	OK(close(fd));
	mnt_end(m);
}

static void direct_write_drops(uint32_t open_flags, int flags)
{
	struct srv *s = srv_new();
	struct node *n = file_of(s, 5, 0);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR)), direct;
	uint8_t buf[6000], *p;

	n->open_flags = open_flags | FOPEN_KEEP_CACHE;
	direct = OK(open_in(m, "a", O_RDWR | flags));
	check_read(fd, 5, 0, SIZE);
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 5, 0, SIZE);
	pat_fill(buf, 6, 10000, 6000);
	EQ(pwrite(direct, buf, 6000, 10000), 6000);
	EQ(srv_seen(s, FUSE_WRITE), 1);
	EQ(srv_last(s, FUSE_WRITE)->off, 10000);
	EQ(srv_last(s, FUSE_WRITE)->size, 6000);
	EQ(srv_last(s, FUSE_WRITE)->io_flags, FUSE_WRITE_LOCKOWNER);
	check_read(fd, 6, 10000, 6000);
	check_read(fd, 5, 0, 10000);
	check_read(fd, 5, 16000, SIZE - 16000);
	PAT(p + 10000, 6, 10000, 6000);
	OK(munmap(p, SIZE));
	OK(close(direct));
	OK(close(fd));
	mnt_end(m);
}

TEST(fopen_direct_io_write_drops_what_is_cached)
{
	direct_write_drops(FOPEN_DIRECT_IO, 0);
}

TEST(o_direct_write_drops_what_is_cached)
{
	direct_write_drops(0, O_DIRECT);
}

/* What the server has done of it before it failed is undone. */
TEST(o_direct_write_past_the_end_that_fails_is_cut_back)
{
	struct srv *s = srv_new();
	struct node *n = file_of(s, 5, 0);
	const struct fuse_setattr_in *in;
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR | O_DIRECT));
	char buf[6000] = { 0 };

	srv_on(s, FUSE_WRITE, n->id, ACT_ERROR, EREMOTEIO);
	FAILS(EREMOTEIO, pwrite(fd, buf, 6000, SIZE - 6000));
	EQ(srv_seen(s, FUSE_SETATTR), 0);
	srv_on(s, FUSE_WRITE, n->id, ACT_ERROR, EREMOTEIO);
	FAILS(EREMOTEIO, pwrite(fd, buf, 6000, SIZE - 5999));
	EQ(srv_seen(s, FUSE_SETATTR), 1);
	in = srv_last_body(s, FUSE_SETATTR);
	EQ(in->valid, FATTR_SIZE | FATTR_FH | FATTR_LOCKOWNER);
	EQ(in->size, SIZE);
	OK(close(fd));
	mnt_end(m);
}

TEST(direct_writes_grow_the_file_and_append)
{
	struct srv *s = srv_new();
	struct node *n = file_of(s, 7, FOPEN_DIRECT_IO);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR | O_APPEND));
	struct stat st;

	EQ(write(fd, "hello", 5), 5);
	EQ(srv_last(s, FUSE_WRITE)->off, SIZE);
	OK(fstat(fd, &st));
	EQ(st.st_size, SIZE + 5);
	EQ(n->size, SIZE + 5);
	OK(close(fd));
	mnt_end(m);
}

/* One who may not set such bits himself must not write past them either. */
static int call_write_unprivileged(void *path)
{
	int fd = open(path, O_RDWR);

	OK(setresuid(1000, 1000, 1000));
	return pwrite(fd, "x", 1, 0) == 1 ? 0 : errno;
}

TEST(direct_write_tells_who_may_not_set_bits)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct task t;

	file_of(s, 8, FOPEN_DIRECT_IO)->mode |= 06777;
	m = mnt_new(s);
	t = task_start(call_write_unprivileged, (char *)in_mnt(m, "a"));
	EQ(task_wait(&t), 0);
	EQ(srv_last(s, FUSE_WRITE)->io_flags,
	   FUSE_WRITE_LOCKOWNER | FUSE_WRITE_KILL_SUIDGID);
	mnt_end(m);
}

/* --- at the same time --- */

/* Is it blocked in that system call? */
static bool waits_in(const struct task *t, long nr)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/syscall", t->pid);
	return read_text(path, text, sizeof(text)) > 0 &&
	       text[0] != 'r' && strtol(text, NULL, 10) == nr;
}

static int call_write_low(void *path)
{
	int fd = open(path, O_RDWR);

	return pwrite(fd, "low", 3, 100) == 3 ? 0 : errno;
}

static int call_write_high(void *path)
{
	int fd = open(path, O_RDWR);

	return pwrite(fd, "high", 4, 40000) == 4 ? 0 : errno;
}

static int call_write_beyond(void *path)
{
	int fd = open(path, O_RDWR);

	return pwrite(fd, "high", 4, SIZE) == 4 ? 0 : errno;
}

#define PARALLEL	(FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES)

static const struct together {
	const char *name;
	uint32_t open_flags;
	int (*second)(void *path);
	bool cached;		/* somebody uses the cache */
	bool together;
} togethers[] = {
	{ "parallel_writes_are_parallel", PARALLEL, call_write_high, false,
	  true },
	{ "direct_writes_are_not_parallel_unasked", FOPEN_DIRECT_IO,
	  call_write_high, false, false },
	{ "write_beyond_the_end_is_not_parallel", PARALLEL, call_write_beyond,
	  false, false },
	{ "writes_to_a_cached_file_are_not_parallel", PARALLEL,
	  call_write_high, true, false },
	{ "parallel_alone_does_nothing", FOPEN_PARALLEL_DIRECT_WRITES,
	  call_write_high, false, false },
};

static void parallel_or_not(const void *arg)
{
	const struct together *row = arg;
	struct srv *s = srv_new();
	struct node *n = file_of(s, 9, 0);
	struct rule *r = srv_on(s, FUSE_WRITE, n->id, ACT_STALL, 0);
	struct mnt *m;
	struct task t, u;
	int fd;

	r->left = -1;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	if (!row->cached)
		OK(close(fd));
	n->open_flags = row->open_flags;
	t = task_start(call_write_low, (char *)in_mnt(m, "a"));
	UNTIL(r->hits == 1);
	u = task_start(row->second, (char *)in_mnt(m, "a"));
	UNTIL(srv_seen(s, FUSE_OPEN) == 3);
	if (row->together) {
		UNTIL(r->hits == 2);
	} else {
		/* What it would send now is read before this. */
		UNTIL(waits_in(&u, SYS_pwrite64));
		OK(statx(AT_FDCWD, in_mnt(m, "a"), AT_STATX_FORCE_SYNC,
			 STATX_BASIC_STATS, &(struct statx){}));
		EQ(r->hits, 1);
	}
	srv_release(s, r);
	EQ(task_wait(&t), 0);
	EQ(task_wait(&u), 0);
	if (row->cached)
		OK(close(fd));
	mnt_end(m);
}
TEST_ROWS(parallel_or_not, togethers)

/* --- mappings --- */

static void map_direct(uint64_t want, bool shared_too)
{
	struct srv *s = srv_new();
	struct node *n = file_of(s, 10, FOPEN_DIRECT_IO);
	struct mnt *m;
	uint8_t *p;
	int fd;

	s->want |= want;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 10, 0, SIZE);
	OK(munmap(p, SIZE));
	/* A new mapping is of what the server has now. */
	pat_fill(n->data, 11, 0, SIZE);
	p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	PAT(p, 11, 0, SIZE);
	OK(munmap(p, SIZE));
	p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	TRUE(shared_too == (p != MAP_FAILED));
	if (!shared_too) {
		EQ(errno, ENODEV);
	} else {
		PAT(p, 11, 0, SIZE);
		FAILS(EACCES, mprotect(p, SIZE, PROT_READ | PROT_WRITE));
		OK(munmap(p, SIZE));
	}
	OK(close(fd));
	mnt_end(m);
}

TEST(direct_file_is_mapped_privately)
{
	map_direct(0, false);
}

TEST(direct_file_is_mapped_if_the_server_allows)
{
	map_direct(FUSE_DIRECT_IO_ALLOW_MMAP, true);
}

/* --- callers that leave --- */

static int call_read(void *path)
{
	char buf[100];
	int fd = open(path, O_RDONLY);

	return read(fd, buf, sizeof(buf));
}

static int call_read_o_direct(void *path)
{
	char buf[100];
	int fd = open(path, O_RDONLY | O_DIRECT);

	return read(fd, buf, sizeof(buf));
}

static const struct stuck {
	const char *name;
	uint32_t opcode, open_flags;
	int (*call)(void *path);
} stucks[] = {
	{ "direct_reader_can_be_killed", FUSE_READ, FOPEN_DIRECT_IO,
	  call_read },
	{ "o_direct_reader_can_be_killed", FUSE_READ, 0, call_read_o_direct },
	{ "direct_writer_can_be_killed", FUSE_WRITE, FOPEN_DIRECT_IO,
	  call_write_low },
	{ "parallel_writer_can_be_killed", FUSE_WRITE, PARALLEL,
	  call_write_low },
};

static void stuck_caller_can_be_killed(const void *arg)
{
	const struct stuck *row = arg;
	struct srv *s = srv_new();
	struct node *n = file_of(s, 12, row->open_flags);
	struct rule *r = srv_on(s, row->opcode, n->id, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct task t = task_start(row->call, (char *)in_mnt(m, "a"));

	UNTIL(r->hits == 1);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(r->good_errno == 0);
	/* The handle was kept for it. */
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	mnt_end(m);
}
TEST_ROWS(stuck_caller_can_be_killed, stucks)
