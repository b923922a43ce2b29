// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files whose map the server takes back (INVAL_INODE with a range of data), under
 * live mappings.
 *
 * 1. Afterwards the memory is nobody's: another file may have it, and nothing is
 *    written to it. The next access, by a mapping, read(2), write(2), an open or
 *    an ioctl, asks for the map again; so a file is moved, and grows and shrinks.
 *    A negative offset leaves the map alone.
 * 2. If there is none any more, an access fails: SIGBUS, EIO; without a server
 *    SIGBUS, ENOTCONN. A later map mends it.
 * 3. Who waits for the new map can be killed, whatever he waits in; meanwhile his
 *    mm is not locked. He gets the map that was asked for last; so does who asks
 *    for the first. No map is refused for attributes that are old by then.
 * 4. Pinned pages are waited for, killably; then the map stays in force. That they
 *    are mapped again meanwhile makes no difference; the size is the old map's, and
 *    the server's afterwards.
 * 5. What is copied from and to a file whose own map is revoked is copied.
 * 6. Under load, of several processes, nothing is lost and nothing goes astray.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/hold.h"
#include "lib/mem.h"
#include "lib/note.h"

#define AT	(128 * MIB)
#define SMALL	(4 * MIB)
#define LARGE	(8 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* A mount with one memory file, open and mapped for twice its size. */
struct one {
	struct srv *s;
	struct node *n;
	struct mnt *m;
	int dev, fd;
	uint8_t *p;
};

static struct one one_new(void)
{
	struct one o = { .s = srv_new() };

	srv_use_pmem(o.s);
	o.n = srv_memfile(o.s, "a", fmap_simple1(0, AT, LARGE, LARGE));
	o.m = mnt_new_dev(o.s, MNT_OPTS, &o.dev);
	o.fd = OK(open_in(o.m, "a", O_RDWR));
	o.p = map_huge(2 * LARGE, RW, o.fd, 0);
	pat_fill(o.p, 1, 0, LARGE);
	return o;
}

static void one_end(struct one *o)
{
	OK(munmap(o->p, 2 * LARGE));
	OK(close(o->fd));
	OK(close(o->dev));
	mnt_end(o->m);
}

static void give(struct one *o, uint32_t dev, uint64_t off, uint64_t size)
{
	srv_set_fmap(o->s, o->n, fmap_simple1(dev, off, size, size));
	o->n->size = size;
}

static void take_back(struct one *o)
{
	OK(note_inval_inode(o->dev, o->n->id, 0, 0));
}

/* --- 1 --- */

TEST(revoked_file_moves_grows_and_shrinks)
{
	struct one o = one_new();
	struct stat st;

	give(&o, 1, AT, 2 * LARGE);
	take_back(&o);
	EQ(counter(o.m, "fmaps"), 0);
	/* Not before it is accessed. */
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 1);
	pat_fill(o.p, 2, 0, 2 * LARGE);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 2);
	EQ(counter(o.m, "fmaps"), 1);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	RAW(pmem(1)->node, AT, 2, 0, 2 * LARGE);
	OK(fstat(o.fd, &st));
	EQ(st.st_size, 2 * LARGE);
	give(&o, 1, AT, SMALL);
	take_back(&o);
	PAT(o.p, 2, 0, SMALL);
	TRUE(try_read(o.p + SMALL));
	OK(fstat(o.fd, &st));
	EQ(st.st_size, SMALL);
	one_end(&o);
}

TEST(size_of_revoked_file_is_that_of_its_attributes)
{
	struct one o = one_new();
	struct stat st;
	char c;

	give(&o, 0, AT, SMALL);
	take_back(&o);
	OK(fstat(o.fd, &st));
	EQ(st.st_size, SMALL);
	EQ(lseek(o.fd, 0, SEEK_END), SMALL);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 1);
	EQ(pread(o.fd, &c, 1, SMALL), 0);
	one_end(&o);
}

static int do_pread(struct one *o)
{
	uint8_t buf[PAGE];

	EQ(pread(o->fd, buf, PAGE, PAGE), PAGE);
	PAT(buf, 1, PAGE, PAGE);
	return 0;
}

static int do_pwrite(struct one *o)
{
	EQ(pwrite(o->fd, "x", 1, LARGE - 1), 1);
	return 0;
}

static int do_open(struct one *o)
{
	OK(close(OK(open_in(o->m, "a", O_RDONLY))));
	return 0;
}

static int do_ioctl(struct one *o)
{
	uint8_t buf[4096];
	struct fmapfs_get_fmap arg = { (uintptr_t)buf, sizeof(buf), 0 };

	OK(ioctl(o->fd, FMAPFS_IOC_GET_FMAP, &arg));
	EQ(arg.size, fmap_msg_min_size());
	return 0;
}

static int do_read_fault(struct one *o)
{
	return try_read(o->p);
}

static int do_write_fault(struct one *o)
{
	return try_write(o->p, pat(1, 0));
}

static int do_read_into_itself(struct one *o)
{
	EQ(pread(o->fd, o->p, 2 * PAGE, SMALL), 2 * PAGE);
	EQ(pwrite(o->fd, o->p, 2 * PAGE, SMALL), 2 * PAGE);
	return 0;
}

static const struct access {
	const char *name;
	int (*fn)(struct one *o);
} accesses[] = {
	{ "read_asks_again", do_pread },
	{ "write_asks_again", do_pwrite },
	{ "open_asks_again", do_open },
	{ "ioctl_asks_again", do_ioctl },
	{ "read_fault_asks_again", do_read_fault },
	{ "write_fault_asks_again", do_write_fault },
	{ "read_into_the_file_itself_asks_again", do_read_into_itself },
};

static void asks_again(const void *arg)
{
	const struct access *a = arg;
	struct one o = one_new();

	take_back(&o);
	EQ(a->fn(&o), 0);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 2);
	EQ(a->fn(&o), 0);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 2);
	one_end(&o);
}
TEST_ROWS(asks_again, accesses)

/* A page that was mapped to be read, and is written to when it is not any more. */
TEST(write_to_what_was_read_asks_again)
{
	struct one o = one_new();

	OK(munmap(o.p, 2 * LARGE));
	o.p = map_at(2 * LARGE, PAGE, RW, MAP_SHARED, o.fd, 0);
	PAT(o.p, 1, 0, PAGE);
	give(&o, 1, AT + PAGE, LARGE);
	take_back(&o);
	EQ(try_write(o.p, 77), 0);
	EQ(o.p[0], 77);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	one_end(&o);
}

TEST(revoked_memory_can_be_anothers)
{
	struct one o = one_new();
	int b;

	srv_memfile(o.s, "b", fmap_simple1(0, AT, LARGE, LARGE));
	FAILS(EEXIST, open_in(o.m, "b", O_RDWR));
	give(&o, 1, AT, LARGE);
	take_back(&o);
	b = OK(open_in(o.m, "b", O_RDWR));
	EQ(pwrite(b, "hello", 5, 0), 5);
	pat_fill(o.p, 3, 0, LARGE);
	RAW(pmem(1)->node, AT, 3, 0, LARGE);
	/* Where it was is taken now. */
	give(&o, 0, AT, LARGE);
	take_back(&o);
	TRUE(try_read(o.p));
	FAILS(EIO, pwrite(o.fd, "x", 1, 0));
	OK(close(b));
	one_end(&o);
}

TEST(attributes_alone_leave_the_map)
{
	struct one o = one_new();
	struct stat st;

	OK(note_inval_inode(o.dev, o.n->id, -1, 0));
	EQ(counter(o.m, "fmaps"), 1);
	PAT(o.p, 1, 0, LARGE);
	OK(fstat(o.fd, &st));
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 1);
	one_end(&o);
}

/* --- 2 --- */

static const struct gone {
	const char *name;
	int error;	/* of GET_FMAP */
	int open_error, io_error;
} gones[] = {
	{ "no_map_any_more", EOPNOTSUPP, EIO, EIO },
	{ "error_instead_of_a_map", ENOSPC, ENOSPC, EIO },
	{ "interrupted_by_the_server_alone", EINTR, EINTR, EINTR },
};

static void access_fails(const void *arg)
{
	const struct gone *g = arg;
	struct one o = one_new();
	char c;

	o.n->fmap_error = g->error;
	take_back(&o);
	EQ(try_read(o.p), BUS_ADRERR);
	EQ(try_write(o.p + SMALL, 1), BUS_ADRERR);
	FAILS(g->io_error, pread(o.fd, &c, 1, 0));
	FAILS(g->io_error, pwrite(o.fd, "x", 1, 0));
	FAILS(EFAULT, write(o.dev, o.p, 16));
	FAILS(g->open_error, open_in(o.m, "a", O_RDONLY));
	o.n->fmap_error = 0;
	PAT(o.p, 1, 0, LARGE);
	OK(close(OK(open_in(o.m, "a", O_RDONLY))));
	one_end(&o);
}
TEST_ROWS(access_fails, gones)

TEST(without_a_server_there_is_no_new_map)
{
	struct one o = one_new();
	char c;

	take_back(&o);
	OK(close(o.dev));
	mnt_kill_server(o.m);
	EQ(try_read(o.p), BUS_ADRERR);
	FAILS(ENOTCONN, pread(o.fd, &c, 1, 0));
	FAILS(ENOTCONN, pwrite(o.fd, "x", 1, 0));
	OK(munmap(o.p, 2 * LARGE));
	OK(close(o.fd));
	mnt_end(o.m);
}

/* The map is of another size than the attributes until it is asked again. */
TEST(map_that_is_behind_is_asked_for_again)
{
	struct one o = one_new();

	give(&o, 0, AT, SMALL);
	o.n->size = LARGE;
	take_back(&o);
	/* But not for ever. */
	EQ(try_read(o.p), BUS_ADRERR);
	TRUE(srv_seen(o.s, FUSE_GET_FMAP) > 2);
	o.n->size = SMALL;
	PAT(o.p, 1, 0, SMALL);
	one_end(&o);
}

/* --- 3 --- */

struct job {
	struct one *o;
	int (*fn)(struct one *o);
};

static int run_job(void *arg)
{
	struct job *j = arg;

	return j->fn(j->o);
}

static void waiter_is_killable(const void *arg)
{
	const struct access *a = arg;
	struct one o = one_new();
	struct job j = { &o, a->fn };
	struct rule *r = srv_on(o.s, FUSE_GET_FMAP, o.n->id, ACT_STALL, 0);
	struct task t[2];
	char path[64], text[4096];

	take_back(&o);
	for (int i = 0; i < 2; i++)
		t[i] = task_start(run_job, &j);
	UNTIL(r->hits);
	/* His mm can be looked at. */
	snprintf(path, sizeof(path), "/proc/%d/maps", t[0].pid);
	OK(read_text(path, text, sizeof(text)));
	for (int i = 0; i < 2; i++) {
		OK(kill(t[i].pid, SIGKILL));
		task_reap(&t[i]);
	}
	srv_release(o.s, r);
	EQ(a->fn(&o), 0);
	one_end(&o);
}

static const struct access waiters[] = {
	{ "killable_read", do_pread },
	{ "killable_write", do_pwrite },
	{ "killable_open", do_open },
	{ "killable_ioctl", do_ioctl },
	{ "killable_read_fault", do_read_fault },
	{ "killable_write_fault", do_write_fault },
	{ "killable_read_into_the_file_itself", do_read_into_itself },
};
TEST_ROWS(waiter_is_killable, waiters)

static void *fault_for_ever(void *arg)
{
	struct one *o = arg;

	try_read(o->p);
	return NULL;
}

static int map_beside_a_fault(void *arg)
{
	struct one *o = arg;
	pthread_t thread;
	void *p;

	if (pthread_create(&thread, NULL, fault_for_ever, o))
		FAIL("no thread");
	UNTIL(o->s->rules[0].hits);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	OK(munmap(p, PAGE));
	return 0;
}

TEST(fault_that_waits_does_not_hold_mmap_lock)
{
	struct one o = one_new();
	struct rule *r = srv_on(o.s, FUSE_GET_FMAP, o.n->id, ACT_STALL, 0);
	struct task t;

	take_back(&o);
	t = task_start(map_beside_a_fault, &o);
	EQ(task_wait(&t), 0);
	srv_release(o.s, r);
	one_end(&o);
}

TEST(attributes_expire_while_the_map_is_checked)
{
	struct one o = one_new();
	struct rule *r;
	struct task t;

	give(&o, 1, AT, SMALL);
	raw_fill(pmem(1)->node, AT, 1, 0, SMALL);
	take_back(&o);
	r = srv_on(o.s, FUSE_GETATTR, o.n->id, ACT_STALL, 0);
	t = task_start((int (*)(void *))do_pread, &o);
	UNTIL(r->hits);
	OK(note_inval_inode(o.dev, o.n->id, -1, 0));
	srv_release(o.s, r);
	EQ(task_wait(&t), 0);
	/* The answer was old, and the map is not to blame. */
	EQ(counter(o.m, "fmap_refused"), 0);
	one_end(&o);
}

TEST(revoked_again_while_it_is_asked_for)
{
	struct one o = one_new();
	struct rule *first, *second;
	struct job j = { &o, do_write_fault };
	struct task t;

	first = srv_on(o.s, FUSE_GET_FMAP, o.n->id, ACT_STALL, 0);
	second = srv_on(o.s, FUSE_GET_FMAP, o.n->id, ACT_STALL, 0);
	take_back(&o);
	t = task_start(run_job, &j);
	UNTIL(first->hits);
	take_back(&o);
	/* This is the map that was revoked. */
	srv_release(o.s, first);
	UNTIL(second->hits);
	EQ(counter(o.m, "fmaps"), 0);
	give(&o, 1, AT, LARGE);
	srv_release(o.s, second);
	EQ(task_wait(&t), 0);
	pat_fill(o.p, 2, 0, LARGE);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	RAW(pmem(1)->node, AT, 2, 0, LARGE);
	one_end(&o);
}

static int open_it(void *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? -errno : close(fd);
}

TEST(first_map_is_revoked_while_it_is_asked_for)
{
	struct srv *s = srv_new();
	struct node *n;
	struct rule *r;
	struct task t;
	struct mnt *m;
	int dev, fd;
	uint8_t *p;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, AT, SMALL, SMALL));
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	r = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_STALL, 0);
	t = task_start(open_it, (char *)in_mnt(m, "a"));
	/* The server has told the map, but it is not in force yet. */
	UNTIL(r->hits);
	OK(note_inval_inode(dev, n->id, 0, 0));
	srv_set_fmap(s, n, fmap_simple1(1, AT, SMALL, SMALL));
	srv_release(s, r);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(SMALL, RW, fd, 0);
	pat_fill(p, 3, 0, SMALL);
	OK(munmap(p, SMALL));
	OK(fsync(fd));
	OK(close(fd));
	RAW(pmem(1)->node, AT, 3, 0, SMALL);
	OK(close(dev));
	mnt_end(m);
}

/* --- 4 --- */

static int revoke_task(void *arg)
{
	struct one *o = arg;

	return note_inval_inode(o->dev, o->n->id, 0, 0) < 0 ? -errno : 0;
}

/* It waits for a page that @h holds from now on. */
static struct task revoke_held(struct one *o, struct hold *h)
{
	struct task t;

	hold_take(h, &hold_vmsplice, NULL, o->p + SMALL, 1, SMALL);
	t = task_start(revoke_task, o);
	UNTIL(task_sleeps(&t));
	return t;
}

TEST(pinned_pages_are_waited_for_killably)
{
	struct one o = one_new();
	uint8_t buf[PAGE];
	struct hold h;
	struct task t;

	give(&o, 1, AT, LARGE);
	t = revoke_held(&o, &h);
	/* Faults go on. */
	EQ(try_write(o.p, pat(1, 0)), 0);
	TRUE(!task_done(&t));
	task_kill(&t);
	EQ(counter(o.m, "fmaps"), 1);
	PAT(o.p, 1, 0, LARGE);
	EQ(pread(o.fd, buf, PAGE, 0), PAGE);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 1);
	t = task_start(revoke_task, &o);
	UNTIL(task_sleeps(&t));
	TRUE(!task_done(&t));
	hold_drop(&h);
	EQ(task_wait(&t), 0);
	pat_fill(o.p, 2, 0, LARGE);
	RAW(pmem(1)->node, AT, 2, 0, LARGE);
	RAW(pmem(0)->node, AT, 1, 0, LARGE);
	one_end(&o);
}

TEST(pinned_page_may_be_mapped_again_meanwhile)
{
	struct one o = one_new();
	struct hold h;
	struct task t;

	t = revoke_held(&o, &h);
	EQ(try_write(o.p + SMALL, pat(1, SMALL)), 0);
	hold_drop(&h);
	EQ(task_wait(&t), 0);
	PAT(o.p, 1, 0, LARGE);
	EQ(srv_seen(o.s, FUSE_GET_FMAP), 2);
	one_end(&o);
}

TEST(attributes_of_meanwhile_are_asked_for_again)
{
	struct one o = one_new();
	struct stat st;
	struct hold h;
	struct task t;

	give(&o, 0, AT, SMALL);
	t = revoke_held(&o, &h);
	/* The server says what it is to be, but its map is in force yet. */
	OK(fstat(o.fd, &st));
	EQ(st.st_size, LARGE);
	hold_drop(&h);
	EQ(task_wait(&t), 0);
	OK(fstat(o.fd, &st));
	EQ(st.st_size, SMALL);
	one_end(&o);
}

TEST(unmount_of_what_is_revoked)
{
	struct one o = one_new();

	take_back(&o);
	one_end(&o);
}

/* --- 6 --- */

#define WRITERS	4
#define PLACES	2

struct load {
	struct one *o;
	atomic_bool stop;
	atomic_int rounds;
};

/* Each page of its own, written and read back by whatever way. */
static int write_and_check(void *arg)
{
	struct load *l = arg;
	uint32_t n = getpid();
	uint8_t buf[64];

	while (!l->stop) {
		uint64_t off;

		n = n * 1103515245 + 12345;
		off = (n >> 8) % (LARGE - PAGE);
		if (try_write(l->o->p + off, n) || try_read(l->o->p + off))
			FAIL("SIGBUS at %#lx", (long)off);
		EQ(pwrite(l->o->fd, l->o->p + off, 64, off), 64);
		EQ(pread(l->o->fd, buf, 64, off), 64);
		l->rounds++;
	}
	return 0;
}

TEST(storm_of_revocations_under_load)
{
	struct one o = one_new();
	struct load *l = t_shared(sizeof(*l));
	const uint64_t at[PLACES] = { AT, AT + PAGE };
	struct task t[WRITERS];

	l->o = &o;
	for (int i = 0; i < WRITERS; i++)
		t[i] = task_start(write_and_check, l);
	for (int i = 0; i < 60; i++) {
		int rounds = l->rounds, now = (i + 1) % PLACES;

		UNTIL(l->rounds > rounds + WRITERS);
		give(&o, now, at[now], LARGE);
		take_back(&o);
		/* Where it was, nobody writes any more. */
		raw_fill(pmem(!now)->node, at[!now], 4 + i, 0, LARGE);
		rounds = l->rounds;
		UNTIL(l->rounds > rounds + 2 * WRITERS);
		RAW(pmem(!now)->node, at[!now], 4 + i, 0, LARGE);
	}
	l->stop = true;
	for (int i = 0; i < WRITERS; i++)
		EQ(task_wait(&t[i]), 0);
	one_end(&o);
}
