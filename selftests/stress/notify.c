// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifiers: they give files other maps and other sizes, or none, and tell the
 * kernel whatever a server may tell. A notifier may be killed at any time; what it
 * has not finished is finished by another.
 *
 * A file's life with its maps: the next one has its memory and what is in it;
 * the server knows it (begun); the kernel has been told, and has confirmed (sure);
 * then nobody uses the old memory, and that is free again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "soak.h"

struct notifier {
	struct life *l;
	struct rng r;
	int dev;
	int index;
};

static const uint64_t sizes[] = {
	PAGE, 3 * PAGE + 8, REGION, 2 * REGION, 2 * REGION, 3 * REGION + PAGE,
	5 * REGION + 512, MIB, HUGE, HUGE + REGION, HUGE + PAGE,
};

uint64_t some_size(struct rng *r)
{
	return chance(r, 70) ? sizes[rnd(r, ARRAY_SIZE(sizes))] :
			       (1 + (uint64_t)rnd(r, 512 * KIB / 8)) * 8;
}

/* Life locked: the server answers with this version from now on. */
void memfile_show(struct life *l, struct memfile *f, uint32_t gen)
{
	struct node *n = srv_find(l->srv, f->node);
	struct version *v = version_of(f, gen);
	struct msg m;

	if (!v->size) {
		n->fmap_error = EIO;
	} else {
		m = place_fmap(l, v);
		memcpy(f->fmap, m.buf, m.len);
		free(m.buf);
		n->fmap = f->fmap;
		n->fmap_len = m.len;
		n->fmap_error = 0;
		n->size = v->size;
	}
	f->begun = gen;
}

/* Life locked. What a killed notifier has left. */
static void give_back_next(struct life *l, struct memfile *f)
{
	struct version v = f->next;

	if (!v.place.n)
		return;
	life_unlock(l);
	place_clear(l, &v);
	life_lock(l);
	place_give(l, &f->next.place);
}

/* Life locked. Return: false: there is no memory, or it has gone. */
static bool prepare(struct notifier *o, struct memfile *f)
{
	struct life *l = o->l;
	struct version v;
	bool filled;

	give_back_next(l, f);
	f->next = (struct version){ 0 };
	if (chance(&o->r, 15))
		return true;
	f->next.size = some_size(&o->r);
	if (!place_take(l, &o->r, &f->next, chance(&o->r, 40)))
		return false;
	v = f->next;
	life_unlock(l);
	filled = place_fill(l, f, f->begun + 1, &v);
	life_lock(l);
	return filled;
}

static bool ended_well(int st, const char *what, bool expected)
{
	if (!expected && !(st & (LIFE_DYING | LIFE_DETACHED)))
		broken("%s: %s", what, strerror(errno));
	return expected;
}

#define TELL(o, op, call, ...) ({					\
	int st_ = life_state((o)->l);					\
	bool ok_;							\
	lane_begin(OP_##op);						\
	errno = 0;							\
	ok_ = (call) >= 0;						\
	lane_end(!ok_);							\
	st_ |= life_state((o)->l);					\
	ended_well(st_, #op, ok_ || is_one_of(errno, (const int[]){	\
		ENOENT, EINTR, ##__VA_ARGS__, 0 }));			\
})

/* The kernel is told of the newest version. */
static void tell(struct notifier *o, struct memfile *f)
{
	struct life *l = o->l;
	uint32_t gen = f->begun;
	struct version old = *version_of(f, gen - 1);
	uint64_t off = chance(&o->r, 50) ? 0 : rnd(&o->r, MIB);
	bool ok;

	if (version_of(f, gen)->size)
		ok = TELL(o, map_moved, note_inval_inode(o->dev, f->node, off, rnd(&o->r, 2) * PAGE));
	else
		ok = TELL(o, map_revoked, note_inval_inode(o->dev, f->node, off, 0));
	/* Of an inode that is not there nobody has a map. */
	if (!ok || errno == EINTR)
		return;
	place_clear(l, &old);
	life_lock(l);
	place_give(l, &version_of(f, gen - 1)->place);
	f->sure = gen;
	life_unlock(l);
}

static void move_file(struct notifier *o)
{
	struct life *l = o->l;
	struct memfile *f = &l->mem[rnd(&o->r, MEMFILES)];
	bool ready = true;

	life_lock(l);
	if (f->mover) {
		life_unlock(l);
		return;
	}
	f->mover = 1 + o->index;
	if (f->begun == f->sure) {
		ready = prepare(o, f);
		if (ready) {
			*version_of(f, f->begun + 1) = f->next;
			f->next = (struct version){ 0 };
			memfile_show(l, f, f->begun + 1);
		}
	}
	life_unlock(l);
	if (ready)
		tell(o, f);
	life_lock(l);
	f->mover = 0;
	life_unlock(l);
}

/* --- whatever else --- */

static uint64_t some_node(struct notifier *o)
{
	struct life *l = o->l;

	switch (rnd(&o->r, 4)) {
	case 0:
		return l->mem[rnd(&o->r, MEMFILES)].node;
	case 1:
		return l->plain[rnd(&o->r, PLAINFILES)];
	case 2:
		return l->dirs[rnd(&o->r, 2)];
	default:
		return 1 + rnd(&o->r, l->srv->nnodes);
	}
}

static uint64_t some_name(struct notifier *o, char *name, uint64_t *child)
{
	struct life *l = o->l;
	int i;

	switch (rnd(&o->r, 3)) {
	case 0:
		i = rnd(&o->r, MEMFILES);
		sprintf(name, "m%d", i);
		*child = l->mem[i].node;
		return ROOT_ID;
	case 1:
		i = rnd(&o->r, PLAINFILES);
		sprintf(name, "p%d", i);
		*child = l->plain[i];
		return ROOT_ID;
	default:
		sprintf(name, "s%d", rnd(&o->r, SCRATCH_NAMES));
		*child = 1 + rnd(&o->r, l->srv->nnodes);
		return chance(&o->r, 50) ? ROOT_ID : l->dirs[rnd(&o->r, 2)];
	}
}

static void inval(struct notifier *o)
{
	uint64_t node = some_node(o);
	int64_t off = rnd(&o->r, 64) * PAGE;

	if (chance(&o->r, 50))
		TELL(o, inval_attr, note_inval_inode(o->dev, node, -1, 0));
	else
		TELL(o, inval_inode, note_inval_inode(o->dev, node, off, rnd(&o->r, 3) * PAGE));
}

static void forget_name(struct notifier *o)
{
	uint64_t child, parent;
	char name[16];

	parent = some_name(o, name, &child);
	if (chance(&o->r, 60))
		TELL(o, inval_entry, note_inval_entry(o->dev, parent, name, rnd(&o->r, 2)));
	else
		TELL(o, delete_entry, note_delete(o->dev, parent, child, name),
		     ENOTEMPTY, EBUSY, ENOTDIR);
}

static void store_data(struct notifier *o)
{
	static uint64_t words[REGION / 8];
	int i = rnd(&o->r, PLAINFILES);
	uint64_t off = rnd(&o->r, 8) * PAGE + rnd(&o->r, 3) * 8;
	uint32_t len = 8 + rnd(&o->r, sizeof(words) / 8) * 8;

	if (chance(&o->r, 40)) {
		TELL(o, retrieve, note_retrieve(o->dev, rnd(&o->r, 1000),
						o->l->plain[i], off, len));
		return;
	}
	for (uint32_t k = 0; k < len / 8; k++)
		words[k] = word_written(ID_PLAIN + i, off + k * 8);
	TELL(o, store, note_store(o->dev, o->l->plain[i], off, words, len));
}

static void prune(struct notifier *o)
{
	uint64_t nodes[16];
	int n = rnd(&o->r, 17);

	for (int i = 0; i < n; i++)
		nodes[i] = some_node(o);
	TELL(o, prune, note_prune(o->dev, nodes, n));
}

static void push(struct notifier *o)
{
	int i = rnd(&o->r, soak->ndevs);
	struct fuse_daxdev_open in = {
		.fd = open(soak->dev[i].node, O_RDWR | O_CLOEXEC),
		.daxdev_index = chance(&o->r, 80) ? i : soak->ndevs,
	};

	if (in.fd < 0)
		return;
	TELL(o, push_device, ioctl(o->dev, FUSE_DEV_IOC_DAXDEV_OPEN, &in),
	     EEXIST, EOPNOTSUPP, device_usable(o->l, i) ? 0 : ENODEV);
	close(in.fd);
}

static void something_else(struct notifier *o)
{
	switch (rnd(&o->r, 10)) {
	case 0:
	case 1:
		inval(o);
		break;
	case 2:
	case 3:
	case 4:
		forget_name(o);
		break;
	case 5:
	case 6:
		store_data(o);
		break;
	case 7:
		prune(o);
		break;
	case 8:
		TELL(o, poll_wakeup, note(o->dev, FUSE_NOTIFY_POLL,
					  &(struct fuse_notify_poll_wakeup_out){ .kh = rnd(&o->r, 50) },
					  8, NULL, 0));
		break;
	default:
		if (chance(&o->r, 30))
			TELL(o, new_epoch, note_inc_epoch(o->dev));
		else
			push(o);
	}
}

void notifier_main(struct life *l, int dev, int index, uint64_t start)
{
	struct notifier o = {
		.l = l, .dev = dev, .index = index,
		.r = rng_for(l->world, l->number, start, 200 + index),
	};

	while (!l->stop_notifiers && !soak->stop) {
		if (chance(&o.r, 40))
			move_file(&o);
		else
			something_else(&o);
		nap(&o.r, l->traits.pause_ms);
	}
}

/* It is dead. Life locked. */
void notifier_forget(struct life *l, int index)
{
	for (int i = 0; i < MEMFILES; i++)
		if (l->mem[i].mover == 1 + index)
			l->mem[i].mover = 0;
}
