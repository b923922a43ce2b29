// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations against a plain array.
 *
 * 1. A file and an array in memory begin equal.
 * 2. Thousands of random reads, writes, loads and stores, by several mappings,
 *    with unmapping, syncing and dropping in between, are done to both.
 * 3. Each read gives what the array holds, and so do the raw devices at the end.
 *    The seed is fixed, so that a failure can be repeated.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define RW	(PROT_READ | PROT_WRITE)
#define SIZE	(6 * MIB + 4321)
#define ROUNDS	4000
#define LONGEST	(200 * KIB)

struct fsx {
	struct mnt *m;
	int fd;
	uint8_t *p;		/* a mapping, or NULL */
	uint8_t *want;		/* what the file must hold */
	uint8_t *buf;
	uint64_t rng;
};

static uint64_t rnd(struct fsx *f, uint64_t below)
{
	f->rng ^= f->rng << 13;
	f->rng ^= f->rng >> 7;
	f->rng ^= f->rng << 17;
	return f->rng % below;
}

/* A range within the file, or beyond its end. */
static void range(struct fsx *f, uint64_t *off, uint64_t *len)
{
	*off = rnd(f, SIZE);
	*len = 1 + rnd(f, rnd(f, 4) ? 5000 : LONGEST);
}

static uint64_t clip(uint64_t off, uint64_t len)
{
	return off + len > SIZE ? SIZE - off : len;
}

static void check(struct fsx *f, const uint8_t *got, uint64_t off,
		  uint64_t len, const char *how)
{
	check_same(got, f->want + off, off, len, how);
}

static void do_read(struct fsx *f)
{
	uint64_t off, len;

	range(f, &off, &len);
	EQ(pread(f->fd, f->buf, len, off), clip(off, len));
	check(f, f->buf, off, clip(off, len), "read");
}

static void do_write(struct fsx *f)
{
	uint64_t off, len;

	range(f, &off, &len);
	pat_fill(f->buf, rnd(f, 1000), off, len);
	EQ(pwrite(f->fd, f->buf, len, off), clip(off, len));
	memcpy(f->want + off, f->buf, clip(off, len));
}

static void need_mapping(struct fsx *f)
{
	if (f->p)
		return;
	/* Sometimes for large entries, sometimes not. */
	f->p = rnd(f, 2) ? map_huge(SIZE, RW, f->fd, 0) :
			   map_at(SIZE, PAGE, RW, MAP_SHARED, f->fd, 0);
}

static void do_load(struct fsx *f)
{
	uint64_t off, len;

	need_mapping(f);
	range(f, &off, &len);
	check(f, f->p + off, off, clip(off, len), "load");
}

static void do_store(struct fsx *f)
{
	uint64_t off, len;

	need_mapping(f);
	range(f, &off, &len);
	len = clip(off, len);
	pat_fill(f->p + off, rnd(f, 1000), off, len);
	memcpy(f->want + off, f->p + off, len);
}

static void do_copy_within(struct fsx *f)
{
	uint64_t from, to, len;

	need_mapping(f);
	range(f, &from, &len);
	range(f, &to, &len);
	len = clip(from, clip(to, len));
	EQ(pwrite(f->fd, f->p + from, len, to), len);
	/* Where they overlap, what is copied may have been changed already. */
	if (from + len <= to || to + len <= from)
		memcpy(f->want + to, f->want + from, len);
	else
		memcpy(f->want + to, f->p + to, len);
}

static void do_unmap(struct fsx *f)
{
	if (f->p)
		OK(munmap(f->p, SIZE));
	f->p = NULL;
}

static void do_sync(struct fsx *f)
{
	if (f->p && rnd(f, 2))
		OK(msync(f->p, SIZE, MS_SYNC));
	else
		OK(fsync(f->fd));
}

static void do_drop(struct fsx *f)
{
	if (f->p)
		OK(madvise(f->p, SIZE, MADV_DONTNEED));
}

static void do_reopen(struct fsx *f)
{
	OK(close(f->fd));
	f->fd = OK(open_in(f->m, "a", O_RDWR));
}

static void (* const ops[])(struct fsx *f) = {
	do_read, do_read, do_read, do_write, do_write, do_write,
	do_load, do_load, do_load, do_store, do_store, do_store,
	do_copy_within, do_unmap, do_sync, do_drop, do_reopen,
};

static void exercise(struct msg fmap, uint64_t seed)
{
	struct srv *s = srv_new();
	struct fsx f = { .rng = seed, .want = calloc(1, SIZE),
			 .buf = malloc(LONGEST + 1) };

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap);
	f.m = mnt_new(s);
	f.fd = OK(open_in(f.m, "a", O_RDWR));
	EQ(write(f.fd, f.want, SIZE), SIZE);
	for (int i = 0; i < ROUNDS; i++)
		ops[rnd(&f, ARRAY_SIZE(ops))](&f);
	do_unmap(&f);
	need_mapping(&f);
	check(&f, f.p, 0, SIZE, "last look");
	do_unmap(&f);
	OK(close(f.fd));
	mnt_end(f.m);
}

TEST(random_operations_on_one_extent)
{
	exercise(fmap_simple1(0, 128 * MIB, 8 * MIB, SIZE), 20260101);
}

TEST(random_operations_on_many_extents)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, SIZE);

	for (int i = 0; i < 30; i++)
		msg_ext(&f, i % 2, (200 + i) * MIB, 216 * KIB);
	exercise(f, 77);
}

TEST(random_operations_on_stripes)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, SIZE);

	msg_iext(&f, 3, 64 * KIB, SIZE);
	for (int i = 0; i < 3; i++)
		msg_ext(&f, i % 2, (128 + 8 * i) * MIB, 4 * MIB);
	exercise(f, 4711);
}
