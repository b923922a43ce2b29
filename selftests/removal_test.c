// SPDX-License-Identifier: GPL-2.0-only
/*
 * DAX devices that go away and memory that fails, under the files on them. Each
 * device of the machine but devdax is taken from its driver and given back.
 *
 * 1. A device can be removed whatever uses it. Then a file that has memory on it
 *    is dead: loads and stores are SIGBUS; read, write and fsync EIO; opening
 *    another is ENODEV. That lasts, even when the device is back.
 * 2. Files that have all their memory elsewhere go on.
 * 3. A device that is back serves new mounts, with the data, beside the old one,
 *    whose end does no harm. It can be removed again.
 * 4. All that under load, with the unmount before or after the return.
 * 5. Memory that fails kills who has mapped it, and nobody else; also while its
 *    map is to be revoked and pinned pages are waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"
#include "lib/removable.h"

#define AT	(128 * MIB)
#define LEN	(16 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* Device index 0 of the server is @dev. */
static struct srv *srv_with_files(const struct daxdev *dev)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], dev->node);
	srv_memfile(s, "a", fmap_simple1(0, AT, LEN, LEN));
	srv_memfile(s, "b", fmap_simple1(0, AT + LEN, LEN, LEN));
	srv_memfile(s, "c", fmap_simple1(0, AT + 2 * LEN, LEN, LEN));
	return s;
}

static void is_dead(int fd, uint8_t *p)
{
	char c = 'x';

	TRUE(try_read(p));
	TRUE(try_write(p + PAGE, 1));
	FAILS(EIO, pread(fd, &c, 1, 0));
	FAILS(EIO, pwrite(fd, &c, 1, 0));
}

/* --- removal --- */

static void remove_and_return(const struct removable *r)
{
	struct mnt *old = mnt_new(srv_with_files(r->dev)), *new;
	int a = OK(open_in(old, "a", O_RDWR)), fd;
	int b = OK(open_in(old, "b", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, a, 0), *q;
	char c;

	pat_fill(p, 1, 0, LEN);
	EQ(pwrite(b, "x", 1, 5), 1);
	take_away(r);
	is_dead(a, p);
	FAILS(EIO, fsync(a));
	FAILS(EIO, pread(b, &c, 1, 5));
	FAILS(ENODEV, open_in(old, "c", O_RDWR));
	give_back(r);
	is_dead(a, p);
	FAILS(EIO, pread(b, &c, 1, 5));
	OK(munmap(p, LEN));
	OK(close(a));
	OK(close(b));

	new = mnt_new(srv_with_files(r->dev));
	fd = OK(open_in(new, "a", O_RDWR));
	q = map_huge(LEN, RW, fd, 0);
	PAT(q, 1, 0, LEN);
	mnt_end(old);
	pat_fill(q, 2, 0, LEN);
	OK(fsync(fd));
	PAT(q, 2, 0, LEN);
	take_away(r);
	is_dead(fd, q);
	OK(munmap(q, LEN));
	OK(close(fd));
	mnt_end(new);
}

TEST(device_is_removed_under_a_mapping_and_serves_a_new_mount)
{
	with_each_device(remove_and_return);
}

static void remove_one_of_two(const struct removable *r)
{
	const struct daxdev *other = pmem(!strcmp(r->dev->node, pmem(0)->node));
	struct srv *s = srv_with_files(other);
	struct msg both = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 2 * MIB);
	struct mnt *m;
	uint8_t *p, *q;
	int a, fd;

	strcpy(s->dev[1], r->dev->node);
	msg_ext(&both, 0, 64 * MIB, MIB);
	msg_ext(&both, 1, 64 * MIB, MIB);
	srv_memfile(s, "both", both);
	m = mnt_new(s);
	a = OK(open_in(m, "a", O_RDWR));
	fd = OK(open_in(m, "both", O_RDWR));
	p = map_huge(LEN, RW, a, 0);
	q = map_huge(2 * MIB, RW, fd, 0);
	pat_fill(p, 3, 0, LEN);
	pat_fill(q, 4, 0, 2 * MIB);
	take_away(r);
	is_dead(fd, q);
	is_dead(fd, q + MIB);
	/* Mapped before, and only now. */
	PAT(p, 3, 0, LEN);
	OK(munmap(p, LEN));
	p = map_huge(LEN, RW, a, 0);
	PAT(p, 3, 0, LEN);
	pat_fill(p, 5, 0, LEN);
	OK(fsync(a));
	OK(close(OK(open_in(m, "b", O_RDWR))));
	RAW(other->node, AT, 5, 0, LEN);
	OK(munmap(p, LEN));
	OK(munmap(q, 2 * MIB));
	OK(close(a));
	OK(close(fd));
	mnt_end(m);
}

TEST(files_on_another_device_go_on)
{
	with_each_device(remove_one_of_two);
}

/* --- under load --- */

#define USERS	3

struct load {
	char path[128];
	atomic_int rounds;
	atomic_bool removed;	/* wholly: one way of access ends before another */
};

/* Maps, stores, writes and syncs until it is told that the memory is gone. */
static int use_until_gone(void *arg)
{
	struct load *l = arg;
	int fd = OK(open(l->path, O_RDWR));
	uint32_t n = getpid();
	bool gone = false;

	while (!gone) {
		uint8_t *p = map_huge(LEN, RW, fd, 0);

		for (int i = 0; i < 40 && !gone; i++) {
			n = n * 1103515245 + 12345;
			gone = try_write(p + (n >> 8) % LEN, n);
		}
		if (!gone && pwrite(fd, "x", 1, n % LEN) != 1) {
			EQ(errno, EIO);
			gone = true;
		}
		if (fsync(fd))
			EQ(errno, EIO);
		if (gone) {
			UNTIL(l->removed);
			is_dead(fd, p);
		}
		OK(munmap(p, LEN));
		l->rounds++;
	}
	return 0;
}

static void remove_under_load(const struct removable *r)
{
	struct load *l = t_shared(sizeof(*l));
	struct task t[USERS];

	for (int round = 0; round < 4; round++) {
		/* With entries of 2 MiB, and without. */
		uint64_t at = AT + round % 2 * PAGE;
		struct srv *s = srv_new();
		struct mnt *m;

		strcpy(s->dev[0], r->dev->node);
		srv_memfile(s, "a", fmap_simple1(0, at, LEN, LEN));
		m = mnt_new(s);
		strcpy(l->path, in_mnt(m, "a"));
		l->rounds = 0;
		l->removed = false;
		for (int i = 0; i < USERS; i++)
			t[i] = task_start(use_until_gone, l);
		UNTIL(l->rounds > 10 * (round + 1));
		take_away(r);
		l->removed = true;
		for (int i = 0; i < USERS; i++)
			EQ(task_wait(&t[i]), 0);
		if (round < 2)
			give_back(r);
		mnt_end(m);
		if (round >= 2)
			give_back(r);
	}
}

TEST(device_is_removed_under_load)
{
	with_each_device(remove_under_load);
}

/* --- memory errors --- */

#define BAD	(5 * PAGE)
#define GOOD	(9 * PAGE)

struct mapper {
	int fd;
	uint64_t off;
	atomic_bool has_it;
};

/* Killed by default, early: also when it does not touch the page again. */
static int map_a_page(void *arg)
{
	struct mapper *mapper = arg;
	volatile uint8_t *p = map_at(PAGE, PAGE, RW, MAP_SHARED, mapper->fd,
				     mapper->off);

	OK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	p[0] = 1;
	mapper->has_it = true;
	for (;;)
		pause();
}

static int spoil(void *arg)
{
	struct mapper *mapper = arg;
	uint8_t *p = map_at(PAGE, PAGE, RW, MAP_SHARED, mapper->fd, mapper->off);

	p[0] = 1;
	madvise(p, PAGE, MADV_HWPOISON);
	return 0;
}

static void spoil_a_page(const struct removable *r)
{
	struct mapper *bad = t_shared(sizeof(*bad));
	struct mapper *good = t_shared(sizeof(*good));
	struct srv *s = srv_new();
	struct task victim, bystander, spoiler;
	struct mnt *m;
	int fd, status;

	strcpy(s->dev[0], r->dev->node);
	/* Off by a page, so that each page is an entry. */
	srv_memfile(s, "a", fmap_simple1(0, AT + PAGE, LEN, LEN));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	bad->fd = fd;
	bad->off = BAD;
	good->fd = fd;
	good->off = GOOD;
	victim = task_start(map_a_page, bad);
	bystander = task_start(map_a_page, good);
	UNTIL(bad->has_it && good->has_it);
	spoiler = task_start(spoil, bad);
	/* It has mapped the page, too. */
	task_reap(&spoiler);
	status = task_reap(&victim);
	TRUE(WIFSIGNALED(status));
	EQ(WTERMSIG(status), SIGBUS);
	TRUE(!task_done(&bystander));
	EQ(pwrite(fd, "x", 1, GOOD), 1);
	OK(kill(bystander.pid, SIGKILL));
	task_reap(&bystander);
	OK(close(fd));
	mnt_end(m);
	/* The kernel forgets what it holds against the page. */
	take_away(r);
}

TEST(memory_error_kills_the_mappers_of_the_page_only)
{
	with_each_device(spoil_a_page);
}

static int revoke_it(void *arg)
{
	return note_inval_inode(*(int *)arg, 2, 0, 0) < 0 ? -errno : 0;
}

static void spoil_while_revoked(const struct removable *r)
{
	struct mapper *bad = t_shared(sizeof(*bad));
	struct srv *s = srv_new();
	struct task revoker, spoiler;
	uint8_t buf[PAGE];
	struct iovec iov;
	struct mnt *m;
	int dev, ends[2];
	uint8_t *p;

	strcpy(s->dev[0], r->dev->node);
	EQ(srv_memfile(s, "a", fmap_simple1(0, AT + PAGE, LEN, LEN))->id, 2);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	bad->fd = OK(open_in(m, "a", O_RDWR));
	bad->off = BAD;
	p = map_at(LEN, PAGE, RW, MAP_SHARED, bad->fd, 0);
	OK(pipe(ends));
	iov = (struct iovec){ p + GOOD, PAGE };
	EQ(vmsplice(ends[1], &iov, 1, 0), PAGE);
	revoker = task_start(revoke_it, &dev);
	UNTIL(task_sleeps(&revoker));
	spoiler = task_start(spoil, bad);
	task_reap(&spoiler);
	TRUE(!task_done(&revoker));
	EQ(read(ends[0], buf, PAGE), PAGE);
	EQ(task_wait(&revoker), 0);
	OK(close(ends[0]));
	OK(close(ends[1]));
	OK(munmap(p, LEN));
	OK(close(bad->fd));
	OK(close(dev));
	mnt_end(m);
	take_away(r);
}

TEST(memory_error_does_not_wait_for_pinned_pages)
{
	with_each_device(spoil_while_revoked);
}
