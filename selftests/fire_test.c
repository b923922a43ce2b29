// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that moves, grows, shrinks and is revoked under fire: it is mapped by large
 * and small entries, shared and private, read, written, forked, and pinned by direct
 * I/O, io_uring and pipes, by several processes of two threads each.
 *
 * 1. It has the same content at all times, for all of them. No access fails but
 *    beyond its end, or while the server has no map for it.
 * 2. Once INVAL_INODE is back, nobody sees or alters the memory where it was: that
 *    has another content then, by another file of the same mount, of another one,
 *    or by the bare device, and keeps it.
 * 3. That memory can be had at once, and no notification waits for ever.
 *
 * All that is random comes from a seed, which is told. In the environment:
 * FIRE_SEED=N, instead of one that never is the same; FIRE_ROUNDS=N moves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/fire.h"
#include "lib/mem.h"
#include "lib/note.h"
#include "lib/touch.h"

#define PROCESSES	(USERS / 2)
#define RW		(PROT_READ | PROT_WRITE)

static long from_env(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? atol(text) : otherwise;
}

/* --- the users --- */

static int run_two(void *arg)
{
	struct user *u = arg;
	pthread_t other;

	touch_begin();
	if (pthread_create(&other, NULL, user_run, u + 1))
		FAIL("no thread");
	user_run(u);
	pthread_join(other, NULL);
	return 0;
}

static bool all_have_done(struct world *w, const int *rounds, struct task *t)
{
	for (int i = 0; i < USERS; i++) {
		/* It has failed, and says why. */
		if (task_done(&t[i / 2]))
			_exit(1);
		if (w->user[i].rounds <= rounds[i] + 1)
			return false;
	}
	return true;
}

/* Each has done one thing, at least, from the start to the end. */
static void wait_for_users(struct world *w, struct task *t)
{
	struct t_deadline d = t_deadline();
	int rounds[USERS];

	for (int i = 0; i < USERS; i++)
		rounds[i] = w->user[i].rounds;
	while (!all_have_done(w, rounds, t)) {
		if (t_pause(&d))
			continue;
		for (int i = 0; i < USERS; i++)
			t_diag("user %d: %s, after %d", i, w->user[i].what,
			       w->user[i].rounds - rounds[i]);
		FAIL("some user hangs");
	}
}

/* --- who gets the memory --- */

/**
 * struct rival - who has a place that the file has left
 * @m: its mount; NULL: it is a bare device
 * @p: the place mapped, by a file of its own
 */
struct rival {
	struct mnt *m;
	struct node *n;
	int dev, fd;
	uint8_t *p;
};

static struct rival rival_take(struct world *w, struct spot *spot, int kind,
			       uint32_t seed)
{
	struct rival r = { .m = kind == 1 ? w->m : kind == 2 ? w->far : NULL };

	if (!r.m) {
		spot_fill(spot, seed);
		return r;
	}
	r.dev = kind == 1 ? w->dev : w->far_dev;
	r.n = srv_find_name(r.m->srv, ROOT_ID, kind == 1 ? "near" : "far");
	r.n->fmap_error = 0;
	r.n->fmap = spot->map[1].buf;
	r.n->fmap_len = spot->map[1].len;
	r.fd = OK(open_in(r.m, r.n->name, O_RDWR));
	r.p = map_huge(LARGE, RW, r.fd, 0);
	pat_fill(r.p, seed, 0, LARGE);
	spot->seed = seed;
	return r;
}

static void rival_leave(struct rival *r, const struct spot *spot)
{
	if (r->m)
		PAT(r->p, spot->seed, 0, LARGE);
	spot_check(spot, spot->seed);
	if (!r->m)
		return;
	OK(munmap(r->p, LARGE));
	OK(close(r->fd));
	OK(note_inval_inode(r->dev, r->n->id, 0, 0));
}

/* --- the server's doings --- */

static int notify_once(void *arg)
{
	struct world *w = arg;

	OK(note_inval_inode(w->dev, w->n->id, 0, 0));
	return 0;
}

/* By this thread, or by two besides, at once. */
static void notify(struct world *w, bool by_more)
{
	struct task t[2];

	for (int i = 0; by_more && i < 2; i++)
		t[i] = task_start(notify_once, w);
	notify_once(w);
	for (int i = 0; by_more && i < 2; i++)
		EQ(task_wait(&t[i]), 0);
}

/* From @from to another place, maybe after a while of being nowhere. */
static int move(struct world *w, int from, uint64_t *random, uint32_t seed,
		struct task *t)
{
	int to = (from + 1 + draw(random, PLACES - 1)) % PLACES;
	unsigned int at = 2 * to + draw(random, 2);
	bool gone = !draw(random, 4);
	struct rival rival;

	spot_check(&w->spot[to], w->spot[to].seed);
	spot_fill(&w->spot[to], FILE_SEED);
	if (gone)
		w->fails++;
	w->now = gone ? NOWHERE : at;
	notify(w, !draw(random, 4));
	rival = rival_take(w, &w->spot[from], draw(random, 3), seed);
	wait_for_users(w, t);
	if (gone) {
		w->now = at;
		w->fails++;
		wait_for_users(w, t);
	}
	rival_leave(&rival, &w->spot[from]);
	return to;
}

TEST(file_under_fire)
{
	uint64_t seed = from_env("FIRE_SEED", time(NULL) % 1000000);
	long rounds = from_env("FIRE_ROUNDS", 15);
	uint64_t random = seed;
	struct task t[PROCESSES];
	struct world *w;
	int at = 0;

	t_diag("FIRE_SEED=%llu FIRE_ROUNDS=%ld", (unsigned long long)seed,
	       rounds);
	alarm(T_GUARD * (1 + rounds / 15));
	w = world_new(seed);
	for (int i = 0; i < PROCESSES; i++)
		t[i] = task_start(run_two, &w->user[2 * i]);
	wait_for_users(w, t);
	for (long i = 0; i < rounds; i++)
		at = move(w, at, &random, 2000 + i, t);
	w->stop = true;
	for (int i = 0; i < PROCESSES; i++)
		EQ(task_wait(&t[i]), 0);
	spot_check(&w->spot[at], FILE_SEED);
	EQ(counter(w->m, "fmap_refused"), 0);
	EQ(counter(w->far, "fmap_refused"), 0);
	EQ(counter(w->m, "bad_reply"), 0);
	world_end(w);
}
