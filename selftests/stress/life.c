// SPDX-License-Identifier: GPL-2.0-only
/* A life: what it begins with. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>

#include "soak.h"

void life_lock(struct life *l)
{
	int rc = pthread_mutex_lock(&l->lock);

	if (rc)
		broken("somebody has died with the lock of life %lu: %s",
		       l->number, strerror(rc));
}

void life_unlock(struct life *l)
{
	pthread_mutex_unlock(&l->lock);
}

int life_state(const struct life *l)
{
	int st = l->state;

	for (int i = 0; i < soak->ndevs; i++)
		if (!device_usable(l, i))
			st |= LIFE_REMOVED;
	return st;
}

static void draw_traits(struct life *l, struct rng *r)
{
	static const uint32_t ms[] = { 0, 0, 10, 1000, 3600 * 1000 };
	static const uint64_t maybe[] = {
		FUSE_ASYNC_READ, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO,
		FUSE_PARALLEL_DIROPS, FUSE_AUTO_INVAL_DATA, FUSE_CACHE_SYMLINKS,
		FUSE_ATOMIC_O_TRUNC, FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS,
		FUSE_EXPLICIT_INVAL_DATA, FUSE_EXPORT_SUPPORT, FUSE_BIG_WRITES,
	};
	static const uint32_t open_flags[] = {
		0, 0, FOPEN_KEEP_CACHE, FOPEN_DIRECT_IO, FOPEN_NOFLUSH,
	};
	struct traits *t = &l->traits;

	t->want = FUSE_INIT_EXT | FUSE_DAX_FMAP | FUSE_MAX_PAGES |
		  FUSE_HAS_RESEND;
	for (size_t i = 0; i < ARRAY_SIZE(maybe); i++)
		if (chance(r, 60))
			t->want |= maybe[i];
	t->entry_ms = ms[rnd(r, ARRAY_SIZE(ms))];
	t->attr_ms = ms[rnd(r, ARRAY_SIZE(ms))];
	t->open_flags = open_flags[rnd(r, ARRAY_SIZE(open_flags))];
	t->threads = 1 + rnd(r, SERVER_THREADS);
	t->clones = chance(r, 50);
	t->keeper = chance(r, 80);
	t->permissions = chance(r, 50);
	t->clients = 1 + rnd(r, CLIENTS);
	t->notifiers = 1 + rnd(r, NOTIFIERS);
	t->pause_ms = 10 + rnd(r, chance(r, 50) ? 40 : 400);
	t->slow = chance(r, 50) ? rnd(r, 10) : 0;
	/* Some are over at once. */
	t->length_ms = chance(r, 25) ? rnd(r, 500) : 1000 + rnd(r, 12000);
}

/* What is left of the life before is forgotten, but for what is in the memory. */
static void reset(struct life *l)
{
	pthread_mutexattr_t attr;

	place_reset(l);
	l->state = 0;
	l->stop_clients = l->stop_notifiers = false;
	for (int i = 0; i < DEVICES; i++)
		l->removals[i] = soak->removals[i];
	memset(l->mem, 0, sizeof(l->mem));
	memset(l->handles, 0, sizeof(l->handles));
	for (int i = 0; i < JOURNAL; i++)
		l->journal[i].unique = 0;
	for (int i = 0; i < SERVER_THREADS; i++) {
		((struct fuse_in_header *)l->desks[i].in)->len = 0;
		l->desks[i].written = NULL;
	}
	for (int i = 0; i < CLIENTS; i++)
		l->in[i] = false;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&l->lock, &attr);
}

static void make_memfile(struct life *l, struct rng *r, int i)
{
	struct memfile *f = &l->mem[i];
	uint32_t gen = 1 + l->number * 1000;
	struct version *v = version_of(f, gen);
	char name[16];
	struct node *n;

	sprintf(name, "m%d", i);
	n = srv_memfile(l->srv, name, fmap_simple1(0, 0, 1, 1));
	n->entry_ms = l->traits.entry_ms;
	n->attr_ms = l->traits.attr_ms;
	f->id = ID_MEMORY | l->world << 4 | i;
	f->node = n->id;
	f->fmap = srv_alloc(l->srv, 1024);
	v->size = some_size(r);
	if (!place_take(l, r, v, chance(r, 40)))
		broken("no memory for %s", name);
	/* Else it has no memory yet. */
	if (!place_fill(l, f, gen, v))
		v->size = 0;
	memfile_show(l, f, gen);
	f->sure = gen;
}

static void make_plain(struct life *l, struct rng *r, int i)
{
	uint64_t size = rnd(r, REGION / 8) * 8;
	char name[16];
	struct node *n;

	sprintf(name, "p%d", i);
	n = srv_plain(l->srv, name, NULL, size);
	n->data_room = size + REGION;
	n->mode |= 0022;
	n->entry_ms = l->traits.entry_ms;
	n->attr_ms = l->traits.attr_ms;
	for (uint64_t off = 0; off < size; off += 8)
		*(uint64_t *)(n->data + off) = word_written(ID_PLAIN + i, off);
	l->plain[i] = n->id;
}

static void make_tree(struct life *l, struct rng *r)
{
	l->srv = srv_new();
	l->srv->want = l->traits.want;
	l->srv->max_write = PLAIN_ROOM;
	l->srv->max_pages = PLAIN_ROOM / PAGE;
	for (int i = 0; i < soak->ndevs; i++)
		strcpy(l->srv->dev[i], soak->dev[i].node);
	for (int i = 0; i < MEMFILES; i++)
		make_memfile(l, r, i);
	for (int i = 0; i < PLAINFILES; i++)
		make_plain(l, r, i);
	for (int i = 0; i < 2; i++) {
		struct node *n = srv_dir(l->srv, ROOT_ID, i ? "d1" : "d0");

		n->mode |= 0022;
		n->entry_ms = l->traits.entry_ms;
		n->attr_ms = l->traits.attr_ms;
		l->dirs[i] = n->id;
	}
}

/* All but the mount. */
void life_begin(struct life *l, struct rng *r)
{
	reset(l);
	draw_traits(l, r);
	make_tree(l, r);
}
