// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: who has which, and what is in it. It is filled and looked at straight on
 * the device, when no file has it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "soak.h"

#define CHECK_BITS	11

static uint64_t with_check(uint64_t v)
{
	return v | (v * 0x9e3779b97f4a7c15ULL) >> (64 - CHECK_BITS);
}

/* The word at @off of a file; of memory that is no file's, see below. */
uint64_t word_of(uint32_t id, uint32_t gen, uint64_t off)
{
	return with_check((uint64_t)(id & 0xfff) << 51 |
			  (uint64_t)(gen & 0xffff) << 35 |
			  (off / 8 & 0xffffff) << CHECK_BITS);
}

/* What clients write, as it is or with the flag: a mixture of the two is either. */
uint64_t word_written(uint32_t id, uint64_t off)
{
	return word_of(id, 0, off);
}

static uint64_t word_in(const struct memfile *f, uint32_t gen, uint64_t off)
{
	return is_writable(off) ? word_written(f->id, off) :
				  word_of(f->id, gen, off);
}

static uint64_t word_free(const struct life *l, int dev, uint64_t off)
{
	return word_of(ID_FREE | l->world, dev + 1, off - WORLD_AT);
}

static uint64_t slot_at(const struct life *l, int slot)
{
	return WORLD_AT + l->world * WORLD_ROOM + slot * PLACE_ROOM;
}

/* Can it be that it is not there, or is another one than the life began with? */
bool device_usable(const struct life *l, int dev)
{
	return !soak->gone[dev] && soak->removals[dev] == l->removals[dev];
}

/* Return: false if the device has gone. */
static bool device_io(struct life *l, int dev, uint64_t at, void *buf,
		      size_t len, bool write)
{
	int fd = open(soak->dev[dev].node, O_RDWR | O_DIRECT | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0)
		n = write ? pwrite(fd, buf, len, at) : pread(fd, buf, len, at);
	if (n != (ssize_t)len && device_usable(l, dev))
		broken("%s of %zu bytes at %#lx of %s: %zd, %s",
		       write ? "write" : "read", len, at, soak->dev[dev].node,
		       n, strerror(errno));
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)len;
}

/**
 * struct run - a part of a file that is contiguous on a device
 * @off: in the file
 */
struct run {
	int dev;
	uint64_t at;
	uint64_t off;
	uint64_t len;
};

/* The first half of a file of two places, if they do not take turns. */
static uint64_t split_of(const struct version *v)
{
	return (v->size / 2 + PAGE - 1) & ~(PAGE - 1);
}

static struct run run_at(const struct life *l, const struct version *v,
			 uint64_t off)
{
	const struct place *p = &v->place;
	uint64_t end = (v->size + PAGE - 1) & ~(PAGE - 1), in = off;
	struct run r = { .off = off, .len = end - off };
	int i = 0;

	if (p->n == 2 && p->chunk) {
		uint64_t left = p->chunk - off % p->chunk;

		i = off / p->chunk % 2;
		in = off / p->chunk / 2 * p->chunk + off % p->chunk;
		r.len = r.len < left ? r.len : left;
	} else if (p->n == 2) {
		uint64_t split = split_of(v);

		i = off >= split;
		in = i ? off - split : off;
		r.len = i ? end - off : split - off;
	}
	r.dev = p->dev[i];
	r.at = slot_at(l, p->slot[i]) + p->shift + in;
	return r;
}

#define BOUNCE	(256 * KIB)

static uint64_t *bounce(void)
{
	static uint64_t *buf;

	if (!buf && posix_memalign((void **)&buf, PAGE, BOUNCE))
		broken("no memory");
	return buf;
}

enum what { FILL, FREE, CHECK, CHECK_FREE };

static uint64_t want(struct life *l, const struct memfile *f, uint32_t gen,
		     const struct run *r, uint64_t i, enum what what)
{
	return what == FILL || what == CHECK ?
	       word_in(f, gen, r->off + i) : word_free(l, r->dev, r->at + i);
}

static void wrong(const struct life *l, const struct memfile *f, uint32_t gen,
		  const struct run *r, uint64_t got, uint64_t want)
{
	broken("world %d, life %lu: file %#x, generation %u, offset %#lx, at %#lx of %s: %#lx, not %#lx",
	       l->world, l->number, f ? f->id : 0, gen, r->off, r->at,
	       soak->dev[r->dev].node, got, want);
}

/* What of a run is known to have been free. */
static struct run known_part(const struct life *l, struct run r)
{
	uint64_t first = WORLD_AT + l->world * WORLD_ROOM;
	int slot = (r.at - first) / PLACE_ROOM;
	uint64_t at = slot_at(l, slot), end = r.at + r.len;
	const struct range *k = &l->known[r.dev][slot];

	if (r.at < at + k->from)
		r.at = at + k->from;
	if (end > at + k->to)
		end = at + k->to;
	r.len = end > r.at ? end - r.at : 0;
	return r;
}

/* Return: false: it could not be written. */
static bool see_to_part(struct life *l, const struct memfile *f, uint32_t gen,
			struct run r, enum what what)
{
	uint64_t *buf = bounce(), i;
	bool check = what == CHECK || what == CHECK_FREE;

	if (what == CHECK_FREE)
		r = known_part(l, r);
	if (!r.len)
		return true;
	/* A device that goes may lose what was to be written. */
	if (check && (!device_io(l, r.dev, r.at, buf, r.len, false) ||
		      !device_usable(l, r.dev)))
		return true;
	for (i = 0; i < r.len; i += 8) {
		uint64_t w = want(l, f, gen, &r, i, what), got = buf[i / 8];

		if (!check) {
			buf[i / 8] = w;
		} else if (got != w && !(what == CHECK &&
					 is_writable(r.off + i) &&
					 got == (w | WORD_FLAG))) {
			r.at += i;
			r.off += i;
			wrong(l, f, gen, &r, got, w);
		}
	}
	return check || device_io(l, r.dev, r.at, buf, r.len, true);
}

/* As above. */
static bool see_to(struct life *l, const struct memfile *f, uint32_t gen,
		   const struct version *v, enum what what)
{
	uint64_t end = (v->size + PAGE - 1) & ~(PAGE - 1), off = 0;
	bool ok = true;

	while (off < end) {
		struct run r = run_at(l, v, off);

		if (r.len > BOUNCE)
			r.len = BOUNCE;
		ok = see_to_part(l, f, gen, r, what) && ok;
		off += r.len;
	}
	return ok;
}

static bool take_slot(struct life *l, struct rng *r, struct place *p)
{
	int dev = rnd(r, soak->ndevs), from = rnd(r, PLACES), i;

	for (i = 0; i < PLACES; i++) {
		int slot = (from + i) % PLACES;

		if (l->taken[dev][slot])
			continue;
		l->taken[dev][slot] = true;
		p->dev[p->n] = dev;
		p->slot[p->n++] = slot;
		return true;
	}
	return false;
}

static void note_used(struct version *v)
{
	struct place *p = &v->place;
	uint64_t end = (v->size + PAGE - 1) & ~(PAGE - 1), len[2] = { end, 0 };

	if (p->n == 2 && p->chunk) {
		len[0] = (end + p->chunk * 2 - 1) / (p->chunk * 2) * p->chunk;
		len[1] = len[0];
	} else if (p->n == 2) {
		len[0] = split_of(v);
		len[1] = end - len[0];
	}
	for (int i = 0; i < p->n; i++)
		p->used[i] = (struct range){ p->shift, p->shift + len[i] };
}

/**
 * place_take - take memory for a file
 * @v: the size is set; the place is the result
 * @huge: entries of 2 MiB should fit
 *
 * Life locked. Return: false: there is none.
 */
bool place_take(struct life *l, struct rng *r, struct version *v, bool huge)
{
	struct place p = { .shift = huge ? 0 : PAGE * rnd(r, 3) };
	int n = v->size > 2 * PAGE && !huge && chance(r, 50) ? 2 : 1;

	if (n == 2 && chance(r, 50))
		p.chunk = 4096U << rnd(r, 9);
	while (p.n < n)
		if (!take_slot(l, r, &p)) {
			place_give(l, &p);
			return false;
		}
	v->place = p;
	note_used(v);
	return true;
}

/* Life locked. What is in there has been made that of free memory. */
void place_give(struct life *l, struct place *p)
{
	while (p->n) {
		p->n--;
		l->taken[p->dev[p->n]][p->slot[p->n]] = false;
	}
}

static void set_known(struct life *l, const struct version *v, bool free)
{
	for (int i = 0; i < v->place.n; i++) {
		struct range *k = &l->known[v->place.dev[i]][v->place.slot[i]];

		*k = free ? v->place.used[i] : (struct range){ 0, 0 };
		/* The last stripe may not be full. */
		if (free && v->place.chunk)
			k->to = k->from + v->size / 2 / v->place.chunk *
					  v->place.chunk;
	}
}

/**
 * place_fill - nobody has changed what was free; now it is a file's
 *
 * Return: false: not all of it was written, for a device is going. If it comes back,
 * a mount that has not had it before can use it: so no file may have this memory.
 */
bool place_fill(struct life *l, const struct memfile *f, uint32_t gen,
		const struct version *v)
{
	see_to(l, NULL, 0, v, CHECK_FREE);
	set_known(l, v, false);
	return see_to(l, f, gen, v, FILL);
}

/* Nobody writes there any more: it becomes free memory. */
void place_clear(struct life *l, const struct version *v)
{
	see_to(l, NULL, 0, v, FREE);
	set_known(l, v, true);
}

/* Is on the device what is in the file? */
void place_check(struct life *l, const struct memfile *f, uint32_t gen)
{
	see_to(l, f, gen, &f->v[gen % VERSIONS], CHECK);
}

/* For a life that begins: of what was not given back nothing is known. */
void place_reset(struct life *l)
{
	for (int dev = 0; dev < DEVICES; dev++)
		for (int i = 0; i < PLACES; i++) {
			if (l->taken[dev][i] || !device_usable(l, dev))
				l->known[dev][i] = (struct range){ 0, 0 };
			l->taken[dev][i] = false;
		}
}

/* GET_FMAP's reply. */
struct msg place_fmap(const struct life *l, const struct version *v)
{
	const struct place *p = &v->place;
	uint64_t end = (v->size + PAGE - 1) & ~(PAGE - 1);
	struct msg m = fmap_begin(p->chunk ? FUSE_FAMFS_EXT_INTERLEAVE :
					     FUSE_FAMFS_EXT_SIMPLE, v->size);

	if (p->chunk)
		msg_iext(&m, p->n, p->chunk, end);
	for (int i = 0; i < p->n; i++)
		msg_ext(&m, p->dev[i], slot_at(l, p->slot[i]) + p->shift,
			p->used[i].to - p->used[i].from);
	return m;
}
