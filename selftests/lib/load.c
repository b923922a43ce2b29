// SPDX-License-Identifier: GPL-2.0
/* Everything at once on one device: see load.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"
#include "mem.h"
#include "note.h"

#define LEN	LOAD_LEN
#define RW	(PROT_READ | PROT_WRITE)
/* More takes long where the memory is emulated, a byte at a time. */
#define CHUNK	(16 * KIB)

/**
 * struct load_state - shared by the processes
 * @may_lose: errors are in order from here on
 * @lost: all access must fail: one way of it ends before another
 * @unannounced: and what is read is any, until the errors come
 * @rounds: of each process
 */
struct load_state {
	char dir[64];
	uint32_t seed;
	int dev;
	uint64_t nodes[3];
	atomic_bool may_lose, unannounced, lost, stop;
	atomic_long rounds[LOAD_TASKS];
};

/* A process: where it is, and its random numbers. */
struct user {
	struct load_state *s;
	int index;
	uint32_t n;
	bool gone;
};

static uint32_t draw(struct user *u, uint32_t below)
{
	u->n = u->n * 1103515245 + 12345;
	return (u->n >> 8) % below;
}

static bool goes_on(struct user *u)
{
	u->s->rounds[u->index]++;
	return !u->gone && !u->s->stop;
}

/* @error: what has failed; 0: nothing. It must be @want, and not too early. */
static void note_loss(struct user *u, int error, int want)
{
	if (!error)
		return;
	EQ(error, want);
	TRUE(u->s->may_lose);
	u->gone = true;
}

static int open_one(struct user *u, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", u->s->dir, name);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int fd_of(struct user *u, const char *name)
{
	return OK(open_one(u, name));
}

/* Once all of it is lost, it is so in each way of access. */
static void end_as_lost(struct user *u, int fd)
{
	uint8_t *p, buf[16];

	if (!u->gone)
		return;
	UNTIL(u->s->lost);
	p = map_huge(LEN, RW, fd, 0);
	TRUE(try_read(p + draw(u, LEN)));
	TRUE(try_write(p + draw(u, LEN), 1));
	FAILS(EIO, pread(fd, buf, sizeof(buf), draw(u, LEN / 2)));
	FAILS(EIO, pwrite(fd, buf, sizeof(buf), draw(u, LEN / 2)));
	FAILS(EIO, fsync(fd));
	OK(munmap(p, LEN));
}

static void fault_in(struct user *u, const char *name)
{
	int fd = fd_of(u, name);

	while (goes_on(u)) {
		uint8_t *p = map_huge(LEN, RW, fd, 0);

		for (int i = 0; i < 30 && !u->gone; i++) {
			uint32_t at = draw(u, LEN);
			bool write = draw(u, 2);

			if (write ? try_write(p + at, at) : try_read(p + at))
				note_loss(u, EIO, EIO);
		}
		OK(munmap(p, LEN));
	}
	end_as_lost(u, fd);
}

static void small_faults(struct user *u)
{
	fault_in(u, "small");
}

static void huge_faults(struct user *u)
{
	fault_in(u, "huge");
}

static void copies(struct user *u)
{
	uint8_t *buf = malloc(CHUNK);
	int fd = fd_of(u, "huge");

	memset(buf, 0x5a, CHUNK);
	while (goes_on(u)) {
		size_t len = 1 + draw(u, CHUNK);
		uint64_t at = draw(u, LEN - len);
		ssize_t n = draw(u, 2) ? pwrite(fd, buf, len, at) :
					 pread(fd, buf, len, at);

		note_loss(u, n < 0 ? errno : 0, EIO);
		/* Some of it, and then the device has gone. */
		if (n >= 0 && n < (ssize_t)len)
			note_loss(u, EIO, EIO);
	}
	end_as_lost(u, fd);
}

static void syncs(struct user *u)
{
	int fd = fd_of(u, "huge");
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	while (goes_on(u)) {
		if (try_write(p + draw(u, LEN), 1))
			note_loss(u, EIO, EIO);
		note_loss(u, fsync(fd) ? errno : 0, EIO);
		note_loss(u, msync(p, LEN, MS_SYNC) ? errno : 0, EIO);
	}
	OK(munmap(p, LEN));
	end_as_lost(u, fd);
}

static void check_kept(struct user *u, const uint8_t *buf, uint64_t at, size_t n)
{
	/* What the bus answers for memory that has gone unannounced. */
	if (u->s->may_lose && u->s->unannounced)
		return;
	PAT(buf, u->s->seed, at, n);
}

/* What is read is right, as long as there is something. */
static void checks(struct user *u)
{
	int fd = fd_of(u, "kept"), ends[2];
	uint8_t *p = map_huge(LEN, PROT_READ, fd, 0), buf[64];

	OK(pipe(ends));
	while (goes_on(u)) {
		uint32_t at = draw(u, LEN - sizeof(buf));
		ssize_t n = pread(fd, buf, sizeof(buf), at);

		note_loss(u, n < 0 ? errno : 0, EIO);
		if (n > 0)
			check_kept(u, buf, at, n);
		/* The kernel fetches it: no SIGBUS between a look and the next. */
		n = write(ends[1], p + at, sizeof(buf));
		note_loss(u, n < 0 ? errno : 0, EFAULT);
		if (n > 0) {
			EQ(read(ends[0], buf, n), n);
			check_kept(u, buf, at, n);
		}
	}
	OK(munmap(p, LEN));
	end_as_lost(u, fd);
}

/* Pins a page for a short time; and opens another file. */
static void pins(struct user *u)
{
	int fd = fd_of(u, "small"), ends[2];
	uint8_t *p = map_huge(LEN, RW, fd, 0), buf[PAGE];

	OK(pipe(ends));
	while (goes_on(u)) {
		struct iovec iov = { p + draw(u, LEN / PAGE) * PAGE, PAGE };
		ssize_t n = vmsplice(ends[1], &iov, 1, 0);
		int other;

		note_loss(u, n < 0 ? errno : 0, EFAULT);
		if (n > 0)
			EQ(read(ends[0], buf, PAGE), PAGE);
		other = open_one(u, "kept");
		if (other < 0)
			note_loss(u, errno, ENODEV);
		else
			OK(close(other));
	}
	OK(munmap(p, LEN));
	end_as_lost(u, fd);
}

static long others(struct user *u)
{
	long sum = 0;

	for (int i = 0; i < LOAD_TASKS; i++)
		if (i != u->index)
			sum += u->s->rounds[i];
	return sum;
}

/*
 * As the server does, each time that the others have used the maps; until all is
 * lost, and then once more.
 */
static void refreshes(struct user *u)
{
	static const char *const names[] = { "huge", "small", "kept" };
	struct load_state *s = u->s;
	bool lost;

	/* What nobody has looked up is not known. */
	for (int i = 0; i < 3; i++)
		fd_of(u, names[i]);
	do {
		long before = others(u);

		lost = s->lost;
		for (int i = 0; i < 3; i++)
			TRUE(note_inval_inode(s->dev, s->nodes[i], 0, 0) > 0);
		UNTIL(others(u) >= before + 2 || s->may_lose || s->stop);
	} while (goes_on(u) && !lost);
}

static void (*const uses[LOAD_TASKS])(struct user *u) = {
	small_faults, huge_faults, copies, syncs, checks, pins, refreshes,
};

struct start {
	struct load_state *s;
	int index;
};

static int use(void *arg)
{
	struct start *start = arg;
	struct user u = { .s = start->s, .index = start->index };

	u.n = u.s->seed * 1000 + u.index;
	uses[u.index](&u);
	return 0;
}

static struct srv *srv_with_files(const char *node, uint64_t *nodes)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], node);
	nodes[0] = srv_memfile(s, "huge", fmap_simple1(0, LOAD_AT, LEN,
						       LEN))->id;
	/* Off by a page: no entry of 2 MiB fits. */
	nodes[1] = srv_memfile(s, "small", fmap_simple1(0, LOAD_AT + 2 * LEN +
							PAGE, LEN, LEN))->id;
	nodes[2] = srv_memfile(s, "kept", fmap_simple1(0, LOAD_KEPT_AT, LEN,
						       LEN))->id;
	srv_memfile(s, "late", fmap_simple1(0, LOAD_KEPT_AT + LEN, LEN, LEN));
	return s;
}

static void fill(int fd, uint32_t seed)
{
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	pat_fill(p, seed, 0, LEN);
	OK(fsync(fd));
	OK(munmap(p, LEN));
}

struct load *load_start(const char *node, uint32_t seed)
{
	struct load *l = calloc(1, sizeof(*l));
	struct load_state *s = t_shared(sizeof(*s));

	l->m = mnt_new_dev(srv_with_files(node, s->nodes), MNT_OPTS, &l->dev);
	l->kept = OK(open_in(l->m, "kept", O_RDWR));
	l->seed = seed;
	l->state = s;
	fill(l->kept, seed);
	strcpy(s->dir, l->m->dir);
	s->seed = seed;
	s->dev = l->dev;
	for (int i = 0; i < LOAD_TASKS; i++) {
		struct start start = { s, i };

		l->tasks[i] = task_start(use, &start);
	}
	load_goes_on(l);
	return l;
}

/* Where it is stuck, for the log. */
static void show_task(int i, const struct task *t)
{
	char path[64], text[2048];

	snprintf(path, sizeof(path), "/proc/%d/stack", t->pid);
	if (read_text(path, text, sizeof(text)) < 0)
		strcpy(text, "ended");
	t_diag("process %d, pid %d:", i, t->pid);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		t_diag("    %s", line);
}

static void show_tasks(const struct load *l)
{
	for (int i = 0; i < LOAD_TASKS; i++)
		show_task(i, &l->tasks[i]);
}

void load_goes_on(struct load *l)
{
	struct t_deadline d = t_deadline();

	for (int i = 0; i < LOAD_TASKS; i++) {
		long before = l->state->rounds[i];

		while (l->state->rounds[i] < before + 3) {
			if (t_pause(&d))
				continue;
			show_tasks(l);
			FAIL("process %d: %ld rounds", i,
			     (long)l->state->rounds[i] - before);
		}
	}
}

void load_may_lose(struct load *l)
{
	l->state->may_lose = true;
}

void load_may_lose_unannounced(struct load *l)
{
	l->state->unannounced = true;
	load_may_lose(l);
}

static void wait_tasks(struct load *l)
{
	for (int i = 0; i < LOAD_TASKS; i++)
		EQ(task_wait(&l->tasks[i]), 0);
}

void load_is_lost(struct load *l)
{
	l->state->lost = true;
	wait_tasks(l);
	FAILS(ENODEV, open_in(l->m, "late", O_RDWR));
	FAILS(EIO, fsync(l->kept));
}

void load_stop(struct load *l)
{
	load_goes_on(l);
	l->state->stop = true;
	wait_tasks(l);
	check_read(l->kept, l->seed, LEN / 2, CHUNK);
}

void load_end(struct load *l)
{
	OK(close(l->kept));
	OK(close(l->dev));
	mnt_end(l->m);
	free(l);
}

void load_data_are_there(const char *node, uint32_t seed)
{
	uint64_t nodes[3];
	struct mnt *m = mnt_new(srv_with_files(node, nodes));
	int fd = OK(open_in(m, "kept", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	PAT(p, seed, 0, LEN);
	check_read(fd, seed, LEN / 4, CHUNK);
	OK(munmap(p, LEN));
	fill(fd, seed + 1);
	check_read(fd, seed + 1, LEN / 4, CHUNK);
	OK(close(fd));
	mnt_end(m);
}

uint32_t load_seed(void)
{
	static uint32_t next;
	const char *given = getenv("LOAD_SEED");

	if (!next) {
		next = given ? strtoul(given, NULL, 0) :
			       (getpid() & 0xffff) * 16U + 1;
		t_diag("LOAD_SEED=%u", next);
	}
	return next++;
}

void module_goes(void)
{
	OK(syscall(SYS_delete_module, "fmapfs", O_NONBLOCK));
	EQ(command("modprobe fmapfs"), 0);
}

void lose_and_return(const struct removable *r, const struct way *way,
		     bool back_first)
{
	uint32_t seed = load_seed();
	struct load *l = load_start(r->dev->node, seed);

	if (way->unannounced)
		load_may_lose_unannounced(l);
	else
		load_may_lose(l);
	way->take(r);
	load_is_lost(l);
	if (back_first)
		way->back(r);
	load_end(l);
	module_goes();
	if (!back_first)
		way->back(r);
	load_data_are_there(r->dev->node, seed);
}
