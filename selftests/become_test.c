// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ordinary files that are given a size, and with it memory.
 *
 * 1. By truncate or fallocate: who has made a file can map it by the handle that he
 *    has. A map that is wrong fails the call; it is asked for again.
 * 2. Not while somebody has it mapped as an ordinary file, whatever became of the
 *    mapping: then whoever opens it next, without one, gets the map.
 * 3. It may become memory at any time, whoever reads, writes, reads ahead, splices and
 *    maps it just then: no call is in both worlds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define SIZE	(2 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* A file without a map, until it has a size. */
static struct node *new_file(struct srv *s, const char *name)
{
	struct node *n = srv_plain(s, name, NULL, SIZE);

	n->size = 0;
	n->may_truncate = true;
	n->may_allocate = true;
	return n;
}

static void *map_rw(int fd)
{
	return mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
}

static void is_memory(int fd, uint64_t at)
{
	uint8_t *p = map_rw(fd);

	TRUE(p != MAP_FAILED);
	pat_fill(p, 4, 0, SIZE);
	RAW(pmem(0)->node, at, 4, 0, SIZE);
	OK(munmap(p, SIZE));
}

static void is_ordinary(int fd)
{
	TRUE(map_rw(fd) == MAP_FAILED);
	EQ(errno, ENODEV);
}

static int allocate(int fd, off_t size)
{
	return fallocate(fd, 0, 0, size);
}

static const struct giving {
	const char *name;
	int (*fn)(int fd, off_t size);
} givings[] = {
	{ "truncate_may_bring_a_map", ftruncate },
	{ "fallocate_may_bring_a_map", allocate },
};

static void a_size_may_bring_a_map(const void *arg)
{
	const struct giving *row = arg;
	struct srv *s = srv_new();
	struct node *n;
	struct mnt *m;
	int fd;

	srv_use_pmem(s);
	n = new_file(s, "a");
	new_file(s, "none");
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	is_ordinary(fd);
	srv_set_fmap(s, n, fmap_simple1(0, AT, SIZE, SIZE));
	OK(row->fn(fd, SIZE));
	is_memory(fd, AT);
	OK(close(fd));
	fd = OK(open_in(m, "none", O_RDWR));
	OK(row->fn(fd, SIZE));
	is_ordinary(fd);
	EQ(pwrite(fd, "x", 1, 0), 1);
	OK(close(fd));
	mnt_end(m);
}
TEST_ROWS(a_size_may_bring_a_map, givings)

TEST(map_that_is_wrong_is_asked_for_again)
{
	struct srv *s = srv_new();
	struct node *n;
	struct mnt *m;
	int fd, other;

	srv_use_pmem(s);
	srv_memfile(s, "other", fmap_simple1(0, AT, SIZE, SIZE));
	n = new_file(s, "a");
	m = mnt_new(s);
	other = OK(open_in(m, "other", O_RDWR));
	fd = OK(open_in(m, "a", O_RDWR));
	srv_set_fmap(s, n, fmap_simple1(0, AT, SIZE, SIZE));
	FAILS(EEXIST, ftruncate(fd, SIZE));
	is_ordinary(fd);
	FAILS(EEXIST, open_in(m, "a", O_RDWR));
	srv_set_fmap(s, n, fmap_simple1(0, AT + SIZE, SIZE, SIZE));
	OK(ftruncate(fd, SIZE));
	is_memory(fd, AT + SIZE);
	OK(close(fd));
	OK(close(other));
	mnt_end(m);
}

/* --- mapped as an ordinary file --- */

static int child_holds(void *arg)
{
	volatile const char *p = arg;

	for (;;) {
		if (*p != 'c')
			return 1;
		usleep(1000);
	}
}

/* Parts of it, and what a child has of it. */
TEST(what_is_mapped_has_a_map_when_it_is_opened_again)
{
	struct srv *s = srv_new();
	struct node *n;
	struct task t;
	struct mnt *m;
	char *p;
	int fd, again;

	srv_use_pmem(s);
	n = srv_plain(s, "a", "content", 7);
	n->may_truncate = true;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	TRUE(p != MAP_FAILED);
	EQ(p[0], 'c');
	srv_set_fmap(s, n, fmap_simple1(0, AT, SIZE, SIZE));
	OK(ftruncate(fd, SIZE));
	is_ordinary(fd);
	EQ(p[0], 'c');
	t = task_start(child_holds, p);
	OK(mprotect(p + PAGE, PAGE, RW));
	OK(munmap(p + 2 * PAGE, SIZE - 2 * PAGE));
	OK(munmap(p, PAGE));
	OK(munmap(p + PAGE, PAGE));
	again = OK(open_in(m, "a", O_RDWR));
	is_ordinary(again);
	OK(close(again));
	task_kill(&t);
	again = OK(open_in(m, "a", O_RDWR));
	is_memory(again, AT);
	is_memory(fd, AT);
	OK(close(again));
	OK(close(fd));
	mnt_end(m);
}

/* --- under load --- */

#define ROUNDS	24

/**
 * struct load - users of one file
 * @fd: the file
 * @turn: each user uses it once in a turn, then waits for the next
 * @done: so many have, in this turn
 * @stop: there is no next
 */
struct load {
	int fd;
	atomic_uint turn;
	atomic_uint done;
	atomic_bool stop;
};

static int reads(struct load *l, uint64_t off)
{
	char buf[3 * PAGE];
	ssize_t n = pread(l->fd, buf, sizeof(buf), off);

	return n > 0 ? 0 : 1;
}

static int writes(struct load *l, uint64_t off)
{
	return pwrite(l->fd, "some", 4, off) == 4 ? 0 : 1;
}

static int reads_ahead(struct load *l, uint64_t off)
{
	return posix_fadvise(l->fd, off, SIZE - off,
			     off & 1 ? POSIX_FADV_DONTNEED : POSIX_FADV_WILLNEED);
}

static int splices(struct load *l, uint64_t off)
{
	static int null = -1;
	off_t at = off;

	if (null < 0)
		null = OK(open("/dev/null", O_WRONLY));
	return sendfile(null, l->fd, &at, 4 * PAGE) > 0 ? 0 : 1;
}

static int maps(struct load *l, uint64_t off)
{
	volatile uint8_t *p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, l->fd, 0);
	int rc;

	if (p == MAP_FAILED)
		return 1;
	rc = try_read((uint8_t *)p + off) ? 1 : 0;
	return munmap((void *)p, SIZE) ? 1 : rc;
}

static int (*const uses[])(struct load *l, uint64_t off) = {
	reads, writes, reads_ahead, splices, maps,
};

#define USERS	ARRAY_SIZE(uses)

struct user {
	struct load *load;
	unsigned int which;
};

static int uses_it(void *arg)
{
	const struct user *u = arg;
	struct load *l = u->load;
	uint32_t n = getpid();
	unsigned int turn = 0;

	while (!l->stop) {
		if (l->turn == turn) {
			usleep(20);
			continue;
		}
		turn = l->turn;
		n = n * 1103515245 + 12345;
		if (uses[u->which](l, (n >> 8) % (SIZE - 4 * PAGE)))
			FAIL("use %u: %s", u->which, strerror(errno));
		l->done++;
	}
	return 0;
}

static void next_turn(struct load *l)
{
	l->done = 0;
	l->turn++;
}

/*
 * Beside what the users do in a turn, however long they take, and once more when they
 * have done it: no user may keep the others from it for ever. Reading ahead may go on
 * when who has asked for it has returned: then in another turn.
 */
static uint8_t *give_size(struct load *l)
{
	uint8_t *p = MAP_FAILED;
	bool idle;

	for (unsigned int i = 0; p == MAP_FAILED; i++) {
		next_turn(l);
		usleep(i * 7919 % 400);
		do {
			idle = l->done == USERS;
			OK(ftruncate(l->fd, SIZE));
			p = map_rw(l->fd);
			TRUE(p != MAP_FAILED || errno == ENODEV);
		} while (p == MAP_FAILED && !idle);
	}
	return p;
}

/* And when it is memory. */
static void use_on(struct load *l)
{
	for (unsigned int i = 0; i < 4; i++) {
		while (l->done < USERS)
			usleep(20);
		next_turn(l);
	}
}

TEST(no_use_is_in_both_worlds)
{
	struct load *l = t_shared(sizeof(*l));
	struct srv *s = srv_new();
	struct user u[USERS];
	struct task t[USERS];
	struct node *n[ROUNDS];
	char name[8];
	struct mnt *m;
	uint8_t *p;

	srv_use_pmem(s);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		n[i] = new_file(s, name);
	}
	m = mnt_new(s);
	for (int i = 0; i < ROUNDS; i++) {
		l->stop = false;
		l->turn = 0;
		snprintf(name, sizeof(name), "f%d", i);
		l->fd = OK(open_in(m, name, O_RDWR));
		OK(ftruncate(l->fd, SIZE));
		for (unsigned int k = 0; k < USERS; k++) {
			u[k] = (struct user) { l, k };
			t[k] = task_start(uses_it, &u[k]);
		}
		srv_set_fmap(s, n[i], fmap_simple1(0, AT + i * SIZE, SIZE, SIZE));
		p = give_size(l);
		use_on(l);
		l->stop = true;
		for (unsigned int k = 0; k < USERS; k++)
			EQ(task_wait(&t[k]), 0);
		pat_fill(p, 5 + i, 0, SIZE);
		RAW(pmem(0)->node, AT + i * SIZE, 5 + i, 0, SIZE);
		OK(munmap(p, SIZE));
		OK(close(l->fd));
	}
	mnt_end(m);
}
