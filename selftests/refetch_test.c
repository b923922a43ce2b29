// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files whose map is replaced, with the server's consent, when they are truncated.
 *
 * 1. What the new map leaves out can be another file's at once. A new map that
 *    claims what another file has is refused, and all is as it was.
 * 2. Once truncate() is back, nothing is written to memory that was given up,
 *    whatever writes at that time.
 * 3. Memory that is pinned is waited for; a signal ends the wait, and then all
 *    is as it was.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/hold.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define SMALL	(4 * MIB)
#define LARGE	(8 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

TEST(memory_that_is_given_up_can_be_anothers)
{
	struct srv *s = srv_new();
	struct node *n;
	struct mnt *m;
	struct stat st;
	uint8_t *p;
	int a, b;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, AT, LARGE, LARGE));
	n->may_truncate = true;
	srv_memfile(s, "b", fmap_simple1(0, AT + SMALL, SMALL, SMALL));
	m = mnt_new(s);
	a = OK(open_in(m, "a", O_RDWR));
	FAILS(EEXIST, open_in(m, "b", O_RDWR));
	p = map_huge(2 * LARGE, RW, a, 0);
	pat_fill(p, 1, 0, LARGE);
	srv_set_fmap(s, n, fmap_simple1(0, AT, SMALL, SMALL));
	OK(ftruncate(a, SMALL));
	b = OK(open_in(m, "b", O_RDWR));
	PAT(p, 1, 0, SMALL);
	TRUE(try_read(p + SMALL));
	/* To another place altogether, and larger than ever. */
	srv_set_fmap(s, n, fmap_simple1(1, AT, 2 * LARGE, 2 * LARGE));
	OK(ftruncate(a, 2 * LARGE));
	pat_fill(p, 2, 0, 2 * LARGE);
	RAW(pmem(1)->node, AT, 2, 0, 2 * LARGE);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	/* Back to where the other file is now. */
	srv_set_fmap(s, n, fmap_simple1(0, AT, LARGE, LARGE));
	FAILS(EEXIST, ftruncate(a, LARGE));
	PAT(p, 2, 0, 2 * LARGE);
	pat_fill(p, 3, 0, 2 * LARGE);
	OK(fsync(a));
	RAW(pmem(1)->node, AT, 3, 0, 2 * LARGE);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	OK(fstat(b, &st));
	EQ(st.st_size, SMALL);
	OK(munmap(p, 2 * LARGE));
	OK(close(a));
	OK(close(b));
	mnt_end(m);
}

/* --- under load --- */

#define WRITERS	3

struct load {
	int fd;
	uint8_t *p;
	atomic_bool stop;
	atomic_int rounds;
};

static int write_all_over(void *arg)
{
	struct load *l = arg;
	uint32_t n = getpid();

	while (!l->stop) {
		uint64_t off;

		for (int i = 0; i < 40; i++) {
			n = n * 1103515245 + 12345;
			off = (n >> 8) % LARGE;
			if (try_write(l->p + off, n) && off < SMALL)
				FAIL("SIGBUS at %#lx", (long)off);
		}
		EQ(pwrite(l->fd, &n, sizeof(n), (n >> 8) % (SMALL - 8)),
		   sizeof(n));
		l->rounds++;
	}
	return 0;
}

TEST(nothing_is_written_to_memory_that_was_given_up)
{
	/* Where it lies in turn: entries of 2 MiB fit, and they do not. */
	const uint64_t at[2] = { AT, AT + PAGE };
	struct load *l = t_shared(sizeof(*l));
	struct srv *s = srv_new();
	struct task t[WRITERS];
	struct node *n;
	struct mnt *m;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(1, at[1], LARGE, LARGE));
	n->fmap_other = n->fmap;
	srv_set_fmap(s, n, fmap_simple1(0, at[0], LARGE, SMALL));
	n->size = SMALL;
	n->may_truncate = true;
	m = mnt_new(s);
	l->fd = OK(open_in(m, "a", O_RDWR));
	l->p = map_huge(LARGE, RW, l->fd, 0);
	for (int i = 0; i < WRITERS; i++)
		t[i] = task_start(write_all_over, l);
	for (int i = 0; i < 16; i++) {
		int old = i % 2, rounds = l->rounds;

		UNTIL(l->rounds > rounds + WRITERS);
		OK(ftruncate(l->fd, old ? SMALL : LARGE));
		raw_fill(pmem(old)->node, at[old], 4 + i, 0, LARGE);
		rounds = l->rounds;
		UNTIL(l->rounds > rounds + 2 * WRITERS);
		RAW(pmem(old)->node, at[old], 4 + i, 0, LARGE);
	}
	l->stop = true;
	for (int i = 0; i < WRITERS; i++)
		EQ(task_wait(&t[i]), 0);
	OK(munmap(l->p, LARGE));
	OK(close(l->fd));
	mnt_end(m);
}

/* --- pinned pages --- */

static int truncate_to_small(void *arg)
{
	return ftruncate(*(int *)arg, SMALL) ? -errno : 0;
}

/* It has got @answers maps in all, so it is for the pages that it sleeps. */
static void waits_for_pages(struct mnt *m, struct task *t, int answers)
{
	UNTIL(srv_seen(m->srv, FUSE_GET_FMAP) == answers);
	UNTIL(!sysfs_read(m, "waiting"));
	UNTIL(task_sleeps(t));
	TRUE(!task_done(t));
}

TEST(pinned_pages_are_waited_for_killably)
{
	struct srv *s = srv_new();
	struct node *n;
	struct hold h;
	struct task t;
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, AT, LARGE, LARGE));
	n->may_truncate = true;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(LARGE, RW, fd, 0);
	pat_fill(p, 1, 0, LARGE);
	/* As it is to be when it is let go of. */
	hold_take(&h, &hold_vmsplice, NULL, p + SMALL, 2, SMALL);
	srv_set_fmap(s, n, fmap_simple1(1, AT, SMALL, SMALL));
	t = task_start(truncate_to_small, &fd);
	waits_for_pages(m, &t, 2);
	task_kill(&t);
	PAT(p, 1, 0, LARGE);
	pat_fill(p, 2, 0, LARGE);
	RAW(pmem(0)->node, AT, 2, 0, LARGE);
	/* The pipe has the memory, not a copy, until it is read. */
	t = task_start(truncate_to_small, &fd);
	waits_for_pages(m, &t, 3);
	hold_drop(&h);
	EQ(task_wait(&t), 0);
	TRUE(try_read(p + SMALL));
	pat_fill(p, 3, 0, SMALL);
	RAW(pmem(1)->node, AT, 3, 0, SMALL);
	RAW(pmem(0)->node, AT, 2, 0, LARGE);
	OK(munmap(p, LARGE));
	OK(close(fd));
	mnt_end(m);
}
