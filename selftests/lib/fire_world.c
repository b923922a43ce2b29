// SPDX-License-Identifier: GPL-2.0
/* The places, the server and the mounts of fire_test: see fire.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fire.h"
#include "mem.h"

#define AT	(128 * MIB)
#define DISK_AT	(512 * MIB)
#define CHUNK	(1 * MIB)

static struct world *world;	/* for the server's process */

uint64_t draw(uint64_t *random, uint64_t below)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*random >> 33) % below;
}

/* --- places --- */

static void add_seg(struct spot *spot, uint32_t dev, uint64_t off, uint64_t len)
{
	uint64_t at = 0;

	for (int i = 0; i < spot->nsegs; i++)
		at += spot->seg[i].len;
	spot->seg[spot->nsegs++] = (struct seg){ at, len, off, dev };
}

/* Aligned, and not; in two pieces; striped; on either device. */
static void lay_out(struct world *w)
{
	struct spot *spot = w->spot;

	add_seg(&spot[0], 0, AT, LARGE);
	add_seg(&spot[1], 1, AT + PAGE, LARGE);
	add_seg(&spot[2], 1, AT + 16 * MIB, SMALL);
	add_seg(&spot[2], 0, AT + 16 * MIB + PAGE, LARGE - SMALL);
	for (uint64_t i = 0; i < LARGE / CHUNK; i++)
		add_seg(&spot[3], i % 2, AT + 32 * MIB + i / 2 * CHUNK, CHUNK);
	spot[3].striped = true;
	add_seg(&spot[4], 1, AT + 48 * MIB, LARGE);
}

static struct msg map_of(const struct spot *spot, uint64_t size)
{
	struct msg m;

	if (spot->striped) {
		m = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, size);
		msg_iext(&m, 2, CHUNK, LARGE);
		for (int i = 0; i < 2; i++)
			msg_ext(&m, spot->seg[i].dev, spot->seg[i].off,
				LARGE / 2);
		return m;
	}
	m = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, size);
	for (int i = 0; i < spot->nsegs; i++)
		msg_ext(&m, spot->seg[i].dev, spot->seg[i].off,
			spot->seg[i].len);
	return m;
}

void spot_fill(struct spot *spot, uint32_t seed)
{
	spot->seed = seed;
	for (int i = 0; i < spot->nsegs; i++)
		raw_fill(pmem(spot->seg[i].dev)->node, spot->seg[i].off, seed,
			 spot->seg[i].at, spot->seg[i].len);
}

void spot_check(const struct spot *spot, uint32_t seed)
{
	for (int i = 0; i < spot->nsegs; i++)
		RAW(pmem(spot->seg[i].dev)->node, spot->seg[i].off, seed,
		    spot->seg[i].at, spot->seg[i].len);
}

/* --- the server --- */

/* One look for all of an answer. */
static int answer_now(struct call *c)
{
	unsigned int now = world->now;

	c->node->fmap_error = now == NOWHERE ? EIO : 0;
	if (now != NOWHERE) {
		const struct msg *map = &world->spot[now / 2].map[now % 2];

		c->node->size = now % 2 ? LARGE : SMALL;
		c->node->fmap = map->buf;
		c->node->fmap_len = map->len;
	}
	return srv_answer(c);
}

static void answer_by_it(struct world *w, uint32_t opcode)
{
	struct rule *r = srv_on(w->s, opcode, w->n->id, ACT_ERROR, 0);

	r->act = ACT_STALL;
	r->released = true;
	r->answer = answer_now;
	r->left = -1;
}

/* --- all of it --- */

static void mount_both(struct world *w)
{
	w->s = srv_with_pmem();
	w->far_s = srv_with_pmem();
	/* What would wait in io_uring waits for the server to say so. */
	w->s->revents = POLLIN | POLLOUT;
	w->n = srv_memfile(w->s, "file", w->spot[0].map[1]);
	srv_memfile(w->s, "near", w->spot[1].map[1]);
	srv_memfile(w->far_s, "far", w->spot[1].map[1]);
	answer_by_it(w, FUSE_GET_FMAP);
	answer_by_it(w, FUSE_GETATTR);
	answer_by_it(w, FUSE_STATX);
	w->m = mnt_new_dev(w->s, MNT_OPTS, &w->dev);
	w->far = mnt_new_dev(w->far_s, MNT_OPTS, &w->far_dev);
}

static void map_file(struct world *w)
{
	uint8_t *room = map_at(LARGE + PAGE, HUGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	w->fd = OK(open_in(w->m, "file", O_RDWR));
	w->p = map_huge(LARGE, PROT_READ | PROT_WRITE, w->fd, 0);
	w->small = mmap(room + PAGE, LARGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, w->fd, 0);
	TRUE(w->small == room + PAGE);
}

static void user_init(struct world *w, int i, uint64_t seed)
{
	struct user *u = &w->user[i];

	u->w = w;
	u->random = (seed + 1) * 1000003 + i;
	u->what = "nothing yet";
	u->disk_off = DISK_AT + i * LARGE;
	raw_fill(pmem(1)->node, u->disk_off, FILE_SEED, 0, LARGE);
}

struct world *world_new(uint64_t seed)
{
	struct world *w = t_shared(sizeof(*w));

	world = w;
	lay_out(w);
	for (int i = 0; i < PLACES; i++) {
		w->spot[i].map[0] = map_of(&w->spot[i], SMALL);
		w->spot[i].map[1] = map_of(&w->spot[i], LARGE);
		spot_fill(&w->spot[i], i ? 1000 + i : FILE_SEED);
	}
	for (int i = 0; i < USERS; i++)
		user_init(w, i, seed);
	w->now = 1;
	mount_both(w);
	map_file(w);
	return w;
}

void world_end(struct world *w)
{
	OK(munmap(w->p, LARGE));
	OK(munmap(w->small, LARGE));
	OK(close(w->fd));
	OK(close(w->dev));
	OK(close(w->far_dev));
	mnt_end(w->m);
	mnt_end(w->far);
}
