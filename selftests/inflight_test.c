// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache of ordinary files while a READ or a WRITE is not answered.
 *
 * 1. Several READs are under way at once if ASYNC_READ is agreed on, one if not.
 * 2. A READ that the server does not answer makes nobody unkillable, and nobody
 *    wait who wants its pages gone: truncate, open, write, eviction, unmounting.
 *    That goes for what is to be read after it, too.
 * 3. What comes late, of a READ or of a WRITE whose caller was killed, leaves
 *    nothing old in the cache.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#define SIZE	(64 * KIB)

/* A file that a child uses, by a request that the server does not answer. */
struct stalled {
	struct srv *s;
	struct node *n;
	struct rule *r;
	struct mnt *m;
	struct task t;
};

static struct stalled stalled_new(uint32_t opcode, uint32_t seed)
{
	struct stalled st;

	st.s = srv_new();
	st.n = srv_pattern(st.s, "a", seed, SIZE);
	st.r = srv_on(st.s, opcode, st.n->id, ACT_STALL, 0);
	return st;
}

static void stalled_begin(struct stalled *st, int (*call)(void *path))
{
	st->m = mnt_new(st->s);
	st->t = task_start(call, (char *)in_mnt(st->m, "a"));
	UNTIL(st->r->hits > 0);
}

/* In a child. */
static int call_read_all(void *path)
{
	uint8_t *buf = malloc(MIB);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, MIB);

	return n < 0 ? -errno : n;
}

static int call_load(void *path)
{
	int fd = open(path, O_RDONLY);
	volatile uint8_t *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	return *p;
}

static int call_sendfile(void *path)
{
	int pipe_fd[2], fd = open(path, O_RDONLY);

	OK(pipe(pipe_fd));
	return splice(fd, NULL, pipe_fd[1], NULL, PAGE, 0);
}

static int call_write_page(void *path)
{
	int fd = open(path, O_RDWR);
	uint8_t buf[PAGE];

	pat_fill(buf, 38, 0, PAGE);
	return pwrite(fd, buf, PAGE, 0);
}

/* --- several at once --- */

/* No READ of 8 KiB is answered; @dev: the test's own device fd. */
static struct stalled small_reads(bool async, int *dev)
{
	struct stalled st = stalled_new(FUSE_READ, 5);

	if (async)
		st.s->want |= FUSE_ASYNC_READ;
	else
		st.s->want &= ~FUSE_ASYNC_READ;
	st.r->left = -1;
	st.m = mnt_new_dev(st.s, "allow_other,max_read=8192", dev);
	st.t = task_start(call_read_all, (char *)in_mnt(st.m, "a"));
	return st;
}

TEST(reads_are_parallel_if_the_server_agrees)
{
	int dev;
	struct stalled st = small_reads(true, &dev);

	UNTIL(st.r->hits == 8);
	srv_release(st.s, st.r);
	EQ(task_wait(&st.t), SIZE);
	OK(close(dev));
	mnt_end(st.m);
}

TEST(reads_are_one_by_one_otherwise)
{
	int dev;
	struct stalled st = small_reads(false, &dev);

	UNTIL(st.r->hits == 1);
	/* What is sent later is read later. */
	OK(statx(AT_FDCWD, in_mnt(st.m, "a"), AT_STATX_FORCE_SYNC,
		 STATX_BASIC_STATS, &(struct statx){}));
	EQ(st.r->hits, 1);
	srv_release(st.s, st.r);
	EQ(task_wait(&st.t), SIZE);
	OK(close(dev));
	mnt_end(st.m);
}

TEST(folios_of_later_reads_do_not_wait_for_the_server)
{
	int dev;
	struct stalled st = small_reads(false, &dev);

	UNTIL(st.r->hits == 1);
	OK(note_inval_inode(dev, st.n->id, 0, 0));
	srv_release(st.s, st.r);
	EQ(task_wait(&st.t), SIZE);
	OK(close(dev));
	mnt_end(st.m);
}

/* --- nobody waits --- */

static const struct hung {
	const char *name;
	int (*call)(void *path);
	uint64_t without;	/* INIT flags */
} hungs[] = {
	{ "reader_can_be_killed", call_read_all, 0 },
	{ "reader_of_one_by_one_can_be_killed", call_read_all,
	  FUSE_ASYNC_READ },
	{ "task_in_a_fault_can_be_killed", call_load, 0 },
	{ "task_in_splice_can_be_killed", call_sendfile, 0 },
};

/* ... and the mount goes, and the server, with the READ unanswered. */
static void killed_and_unmounted(const void *arg)
{
	const struct hung *row = arg;
	struct stalled st = stalled_new(FUSE_READ, 30);

	st.s->want &= ~row->without;
	st.r->left = -1;
	stalled_begin(&st, row->call);
	task_kill(&st.t);
	mnt_end(st.m);
	EQ(st.r->good_errno, -1);
}
TEST_ROWS(killed_and_unmounted, hungs)

/* The caller is gone; the inode goes, and then the answer comes. */
static void evict_and_answer(struct stalled *st)
{
	task_kill(&st->t);
	drop_caches();
	drop_caches();
	srv_release(st->s, st->r);
	UNTIL(st->r->good_errno == 0);
}

static bool is_forgotten(struct srv *s)
{
	return srv_seen(s, FUSE_FORGET) + srv_seen(s, FUSE_BATCH_FORGET) > 0;
}

TEST(inode_with_a_read_in_flight_is_evicted)
{
	struct stalled st = stalled_new(FUSE_READ, 31);
	int fd;

	stalled_begin(&st, call_read_all);
	evict_and_answer(&st);
	UNTIL(is_forgotten(st.s));
	fd = OK(open_in(st.m, "a", O_RDONLY));
	check_read(fd, 31, 0, SIZE);
	OK(close(fd));
	mnt_end(st.m);
}

TEST(truncation_does_not_wait_for_a_read)
{
	struct stalled st = stalled_new(FUSE_READ, 32);
	int fd;

	stalled_begin(&st, call_read_all);
	OK(truncate(in_mnt(st.m, "a"), 1000));
	/* The reader asks again, and that is answered. */
	EQ(task_wait(&st.t), 1000);
	/* The late answer is of a longer file. */
	st.n->size = SIZE;
	srv_release(st.s, st.r);
	UNTIL(st.r->good_errno == 0);
	st.n->size = 1000;
	fd = OK(open_in(st.m, "a", O_RDONLY));
	check_read(fd, 32, 0, 1000);
	OK(close(fd));
	mnt_end(st.m);
}

TEST(open_does_not_wait_for_a_read)
{
	struct stalled st = stalled_new(FUSE_READ, 33);

	stalled_begin(&st, call_read_all);
	OK(close(OK(open_in(st.m, "a", O_RDONLY))));
	EQ(task_wait(&st.t), SIZE);
	srv_release(st.s, st.r);
	mnt_end(st.m);
}

TEST(write_does_not_wait_for_a_read)
{
	struct stalled st = stalled_new(FUSE_READ, 34);
	uint8_t *buf = malloc(SIZE);
	int fd;

	st.n->open_flags = FOPEN_KEEP_CACHE;
	stalled_begin(&st, call_read_all);
	fd = OK(open_in(st.m, "a", O_RDWR));
	pat_fill(buf, 35, 0, SIZE);
	EQ(write(fd, buf, SIZE), SIZE);
	EQ(task_wait(&st.t), SIZE);
	/* The answer to the READ is from before the WRITE. */
	pat_fill(st.n->data, 34, 0, SIZE);
	srv_release(st.s, st.r);
	UNTIL(st.r->good_errno == 0);
	check_read(fd, 35, 0, SIZE);
	OK(close(fd));
	mnt_end(st.m);
}

TEST(end_of_the_server_ends_the_reads)
{
	struct stalled st = stalled_new(FUSE_READ, 36);

	stalled_begin(&st, call_read_all);
	mnt_kill_server(st.m);
	EQ(task_wait(&st.t), -ENOTCONN);
	mnt_end(st.m);
}

/* --- writing --- */

TEST(late_write_leaves_nothing_old_in_the_cache)
{
	struct stalled st = stalled_new(FUSE_WRITE, 37);
	struct srv *s = st.s;
	int fd, seen;

	st.n->open_flags = FOPEN_KEEP_CACHE;
	st.m = mnt_new(s);
	fd = OK(open_in(st.m, "a", O_RDONLY));
	check_read(fd, 37, 0, SIZE);
	st.t = task_start(call_write_page, (char *)in_mnt(st.m, "a"));
	UNTIL(st.r->hits == 1);
	check_read(fd, 37, 0, SIZE);
	seen = srv_seen(s, FUSE_READ);
	task_kill(&st.t);
	/* Nobody knows whether it is written. */
	check_read(fd, 37, 0, SIZE);
	EQ(srv_seen(s, FUSE_READ), seen + 1);
	srv_release(s, st.r);
	UNTIL(st.r->good_errno == 0);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	check_read(fd, 38, 0, PAGE);
	check_read(fd, 37, PAGE, SIZE - PAGE);
	OK(close(fd));
	mnt_end(st.m);
}

TEST(inode_with_a_write_in_flight_is_evicted)
{
	struct stalled st = stalled_new(FUSE_WRITE, 39);

	stalled_begin(&st, call_write_page);
	evict_and_answer(&st);
	PAT(st.n->data, 38, 0, PAGE);
	UNTIL(is_forgotten(st.s));
	mnt_end(st.m);
}
