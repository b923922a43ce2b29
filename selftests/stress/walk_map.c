// SPDX-License-Identifier: GPL-2.0-only
/* Opening, and mappings: of memory files, and ordinary ones to be read. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "walker.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define MAP_ROOM	(4 * MIB)

/* --- opening --- */

static int flags_of(struct walker *w, enum kind kind)
{
	int flags = O_CLOEXEC | (chance(&w->r, 70) ? O_RDWR : O_RDONLY);

	if (chance(&w->r, 15))
		flags |= O_DIRECT;
	if (chance(&w->r, 5))
		flags |= O_SYNC;
	if (kind == PLAIN && chance(&w->r, 5) && flags & O_RDWR)
		flags |= O_TRUNC;
	return flags;
}

static void open_memory(struct walker *w)
{
	struct opened *o = open_slot(w);
	int i = rnd(&w->r, MEMFILES), flags = flags_of(w, MEMORY);
	struct memfile *f = memfile(w, i);
	struct look at = look(w, f);
	const struct version *v;
	char name[16];
	int fd;

	sprintf(name, "m%d", i);
	/* While it is moved its size may be one, and the map of another. */
	fd = CALL(w, open, openat(w->root, name, flags), EIO, ESTALE);
	v = same(w, f, at);
	if (fd < 0) {
		if (v && v->size && errno != EINTR && errno != ENOMEM)
			broken("world %d, life %lu: m%d cannot be opened: %m",
			       w->l->world, w->l->number, i);
		return;
	}
	*o = (struct opened){
		.fd = fd, .kind = MEMORY, .index = i,
		.writable = flags & O_RDWR, .direct = flags & O_DIRECT,
	};
}

static void open_plain(struct walker *w)
{
	struct opened *o = open_slot(w);
	int i = rnd(&w->r, PLAINFILES), flags = flags_of(w, PLAIN);
	char name[16];
	int fd;

	sprintf(name, "p%d", i);
	fd = CALL(w, open, openat(w->root, name, flags), ESTALE);
	if (fd >= 0)
		*o = (struct opened){
			.fd = fd, .kind = PLAIN, .index = i,
			.writable = flags & O_RDWR, .direct = flags & O_DIRECT,
		};
}

static void duplicate(struct walker *w)
{
	struct opened *from = some_open(w, NOTHING), *to = open_slot(w);
	struct opened o;
	int fd;

	if (!from || from == to || from->kind == NOTHING)
		return;
	o = *from;
	fd = CALL(w, dup, fcntl(o.fd, F_DUPFD_CLOEXEC, 0));
	if (fd < 0)
		return;
	o.fd = fd;
	*to = o;
}

void walk_open(struct walker *w)
{
	uint32_t n = rnd(&w->r, 10);
	struct opened *o;

	if (n < 4) {
		open_memory(w);
	} else if (n < 7) {
		open_plain(w);
	} else if (n < 8) {
		duplicate(w);
	} else {
		o = some_open(w, NOTHING);
		if (o)
			close_it(w, o);
	}
}

/* --- mapping --- */

static void unmap(struct walker *w, struct mapped *m)
{
	CALL(w, munmap, munmap(m->p, m->len));
	m->kind = NOTHING;
}

/* So that entries of 2 MiB fit, or just anywhere. */
static void *address_for(struct walker *w, size_t len, uint64_t off)
{
	uint8_t *room;
	uintptr_t at;

	if (chance(&w->r, 50))
		return NULL;
	room = mmap(NULL, len + 2 * HUGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return NULL;
	munmap(room, len + 2 * HUGE);
	at = (((uintptr_t)room + HUGE - 1) & ~(HUGE - 1)) + off % HUGE;
	/* A hint: another thread may be there before. */
	return (void *)at;
}

static void map_memory(struct walker *w, struct opened *o, struct mapped *m)
{
	uint64_t off = chance(&w->r, 50) ? 0 : rnd(&w->r, 256) * PAGE;
	size_t len = chance(&w->r, 50) ? MAP_ROOM : (1 + rnd(&w->r, 600)) * PAGE;
	bool shared = chance(&w->r, 80);
	int prot = PROT_READ | (o->writable && chance(&w->r, 80) ? PROT_WRITE : 0);
	int flags = shared ? MAP_SHARED : MAP_PRIVATE;
	void *p;

	if (shared && chance(&w->r, 20))
		flags = MAP_SHARED_VALIDATE | MAP_SYNC;
	if (chance(&w->r, 10))
		flags |= MAP_POPULATE;
	p = (void *)CALL(w, mmap, mmap(address_for(w, len, off), len, prot,
				       flags, o->fd, off));
	if (p == MAP_FAILED)
		return;
	*m = (struct mapped){
		.p = p, .len = len, .off = off, .kind = MEMORY,
		.index = o->index, .writable = prot & PROT_WRITE,
		.shared = shared, .prot = prot,
	};
}

static void map_plain(struct walker *w, struct opened *o, struct mapped *m)
{
	size_t len = (1 + rnd(&w->r, 32)) * PAGE;
	bool shared = chance(&w->r, 50);
	void *p;

	/* Nobody maps what is read beside the cache. */
	p = (void *)CALL(w, mmap, mmap(NULL, len, PROT_READ, shared ?
				       MAP_SHARED : MAP_PRIVATE, o->fd, 0),
			 ENODEV);
	if (p == MAP_FAILED)
		return;
	*m = (struct mapped){
		.p = p, .len = len, .kind = PLAIN, .index = o->index,
		.shared = shared, .prot = PROT_READ,
	};
}

static void map_one(struct walker *w)
{
	struct opened *o = some_open(w, chance(&w->r, 80) ? MEMORY : PLAIN);
	struct mapped *m = &w->m[rnd(&w->r, MAPS)];

	if (!o)
		return;
	if (m->kind != NOTHING)
		unmap(w, m);
	if (o->kind == MEMORY)
		map_memory(w, o, m);
	else
		map_plain(w, o, m);
}

/* --- loads and stores --- */

/* Mostly where there is something; bytes from the mapping's start. */
static uint64_t some_offset(struct walker *w, const struct mapped *m)
{
	struct memfile *f = memfile(w, m->index);
	uint64_t size = version_of(f, f->begun)->size;

	if (chance(&w->r, 10) || size < m->off + 8)
		return rnd(&w->r, m->len / 8) * 8;
	size -= m->off;
	return rnd(&w->r, (size < m->len ? size : m->len) / 8) * 8;
}

static void load_memory(struct walker *w, struct mapped *m)
{
	struct memfile *f = memfile(w, m->index);
	size_t at = some_offset(w, m);
	size_t len = 8 << rnd(&w->r, 10);
	const struct version *v;
	struct look since;
	bool ok;

	if (len > m->len - at)
		len = m->len - at;
	since = look(w, f);
	lane_begin(OP_load);
	ok = load(w->buf, m->p + at, len);
	lane_end(!ok);
	v = same(w, f, since);
	if (ok)
		check_words(w, f, m->off + at, w->buf, len, since);
	/* The last page is there as a whole, the next one not at all. */
	if (v && ok && m->off + at + len > ((v->size + PAGE - 1) & ~(PAGE - 1)))
		broken("world %d, life %lu: m%d has memory at %#lx, beyond its size %#lx",
		       w->l->world, w->l->number, m->index,
		       m->off + at + len, v->size);
	if (v && !ok && m->off + at + len <= v->size && !soak->pressure)
		broken("world %d, life %lu: m%d raises SIGBUS at %#lx to %#zx, its size is %#lx, generation %u",
		       w->l->world, w->l->number, m->index, m->off + at, len,
		       v->size, since.from);
}

static void load_plain(struct walker *w, struct mapped *m)
{
	size_t at = rnd(&w->r, m->len / 8) * 8;
	size_t len = 8 << rnd(&w->r, 8);
	bool ok;

	if (len > m->len - at)
		len = m->len - at;
	lane_begin(OP_load);
	ok = load(w->buf, m->p + at, len);
	lane_end(!ok);
	if (ok)
		check_plain(w, m->index, at, w->buf, len);
}

static void load_some(struct walker *w)
{
	struct mapped *m = some_map(w, NOTHING);

	if (!m || !(m->prot & PROT_READ))
		return;
	/* What a private mapping has copied stays as it was. */
	if (m->kind == MEMORY && m->writable && !m->shared)
		return;
	if (m->kind == MEMORY)
		load_memory(w, m);
	else
		load_plain(w, m);
}

/* Anywhere in a region that is written to. */
static void store_some(struct walker *w)
{
	struct mapped *m = some_map(w, MEMORY);
	struct memfile *f;
	struct look since;
	const struct version *v;
	uint64_t at, word;
	bool ok;

	if (!m || !m->writable)
		return;
	f = memfile(w, m->index);
	at = some_offset(w, m);
	if (!is_writable(m->off + at) || is_lanes(m->off + at))
		return;
	word = word_written(f->id, m->off + at) |
	       (chance(&w->r, 50) ? WORD_FLAG : 0);
	since = look(w, f);
	lane_begin(OP_store_to_map);
	ok = store_word(m->p + at, word);
	lane_end(!ok);
	v = same(w, f, since);
	if (v && !ok && m->off + at < v->size && !soak->pressure)
		broken("world %d, life %lu: a store to m%d raises SIGBUS at %#lx, its size is %#lx",
		       w->l->world, w->l->number, m->index, m->off + at,
		       v->size);
}

static struct opened *writable_open(struct walker *w, int index)
{
	for (int i = 0; i < FDS; i++) {
		struct opened *o = &w->o[i];

		if (o->kind == MEMORY && o->index == index && o->writable &&
		    !o->direct)
			return o;
	}
	return NULL;
}

/* The walker's own word: it is what it was made, in whatever way it is looked at. */
static void own_word(struct walker *w)
{
	struct mapped *m = some_map(w, MEMORY);
	struct opened *o = m ? writable_open(w, m->index) : NULL;
	uint64_t off, word, got;
	const struct version *v;
	struct memfile *f;
	struct look since;
	bool by_map, ok;

	if (!o || !m->writable || !m->shared)
		return;
	f = memfile(w, m->index);
	off = (2 * rnd(&w->r, chance(&w->r, 20) ? 16 : 2) + 2) * REGION - PAGE + w->lane * 8;
	if (off < m->off || off + 8 > m->off + m->len)
		return;
	word = word_written(f->id, off) | (chance(&w->r, 50) ? WORD_FLAG : 0);
	by_map = chance(&w->r, 50);
	since = look(w, f);
	lane_begin(OP_lane);
	ok = by_map ? store_word(m->p + off - m->off, word) :
		      pwrite(o->fd, &word, 8, off) == 8;
	if (by_map)
		ok = ok && pread(o->fd, &got, 8, off) == 8;
	else
		ok = ok && load(&got, m->p + off - m->off, 8);
	lane_end(!ok);
	v = same(w, f, since);
	if (ok && v && got != word)
		broken("world %d, life %lu: m%d at %#lx: %#lx was written, %#lx is there",
		       w->l->world, w->l->number, m->index, off, word, got);
}

/* --- changing mappings --- */

/* Not if it is several for the kernel, as after madvise(2) of a part. */
static void change_size(struct walker *w, struct mapped *m)
{
	size_t len = (1 + rnd(&w->r, 600)) * PAGE;
	void *p;

	p = (void *)CALL(w, mremap, mremap(m->p, m->len, len, MREMAP_MAYMOVE),
			 ENOMEM, EFAULT, EAGAIN);
	if (p == MAP_FAILED)
		return;
	m->p = p;
	m->len = len;
}

static void advise(struct walker *w, struct mapped *m)
{
	static const int advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD,
		MADV_PAGEOUT, MADV_REMOVE, MADV_FREE, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_COLLAPSE, MADV_MERGEABLE,
	};
	size_t at = rnd(&w->r, m->len / PAGE) * PAGE;
	size_t len = (1 + rnd(&w->r, (m->len - at) / PAGE)) * PAGE;

	CALL(w, madvise, madvise(m->p + at, len, advice[rnd(&w->r, ARRAY_SIZE(advice))]),
	     EINVAL, EFAULT, EIO, EAGAIN, EBUSY, EACCES, EOPNOTSUPP, ENOMEM,
	     EHWPOISON, EBADF, EPERM);
}

static void protect(struct walker *w, struct mapped *m)
{
	int prot = m->writable && chance(&w->r, 50) ? PROT_READ :
		   chance(&w->r, 20) ? PROT_NONE : m->prot;

	if (CALL(w, mprotect, mprotect(m->p, m->len, prot)))
		return;
	CALL(w, mprotect, mprotect(m->p, m->len, m->prot));
}

static void lock(struct walker *w, struct mapped *m)
{
	size_t len = (1 + rnd(&w->r, m->len / PAGE)) * PAGE;

	/* What is beyond the end, or has no map, cannot be locked. */
	if (!CALL(w, mlock, mlock2(m->p, len, chance(&w->r, 30) ? MLOCK_ONFAULT : 0),
		  ENOMEM, EAGAIN, EFAULT, EIO, EPERM))
		CALL(w, mlock, munlock(m->p, len), ENOMEM);
}

static void sync_it(struct walker *w, struct mapped *m)
{
	size_t at = rnd(&w->r, m->len / PAGE) * PAGE;

	CALL(w, msync, msync(m->p + at, m->len - at,
			     chance(&w->r, 80) ? MS_SYNC : MS_ASYNC), EIO);
}

static void read_from_outside(struct walker *w, struct mapped *m)
{
	struct iovec to = { w->buf, PAGE };
	struct iovec from = { m->p + rnd(&w->r, m->len / PAGE) * PAGE, PAGE };

	CALL(w, process_vm_readv, process_vm_readv(getpid(), &to, 1, &from, 1, 0),
	     EFAULT, EPERM, ESRCH);
}

static void change_one(struct walker *w)
{
	struct mapped *m = some_map(w, NOTHING);

	if (!m)
		return;
	switch (rnd(&w->r, 9)) {
	case 0:
		unmap(w, m);
		break;
	case 1:
		change_size(w, m);
		break;
	case 2:
	case 3:
		advise(w, m);
		break;
	case 4:
		protect(w, m);
		break;
	case 5:
		lock(w, m);
		break;
	case 6:
	case 7:
		sync_it(w, m);
		break;
	default:
		read_from_outside(w, m);
	}
}

void walk_map(struct walker *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 15)
		map_one(w);
	else if (n < 50)
		load_some(w);
	else if (n < 75)
		store_some(w);
	else if (n < 85)
		own_word(w);
	else
		change_one(w);
}
