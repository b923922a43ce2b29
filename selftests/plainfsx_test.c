// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations on an ordinary file against a plain array.
 *
 * 1. A file and an array in memory begin equal.
 * 2. Thousands of random reads and writes, by the cache and past it, loads by
 *    mappings, truncations, holes, copies, with dropping and reopening in between,
 *    are done to both.
 * 3. Each read gives what the array holds, and so does the server at the end. The
 *    seed is fixed, so that a failure can be repeated.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/falloc.h>

#include "lib/env.h"
#include "lib/mem.h"

#define ROOM	(700 * KIB)
#define ROUNDS	3000
#define LONGEST	(150 * KIB)

struct fsx {
	struct mnt *m;
	struct node *n;
	int fd, direct;
	uint8_t *p;		/* a mapping of ROOM bytes */
	uint8_t *want, *buf;
	uint64_t size;
	uint64_t rng;
	uint32_t seed;		/* of what is written next */
};

static uint64_t rnd(struct fsx *f, uint64_t below)
{
	f->rng ^= f->rng << 13;
	f->rng ^= f->rng >> 7;
	f->rng ^= f->rng << 17;
	return f->rng % below;
}

static void range(struct fsx *f, uint64_t *off, uint64_t *len)
{
	*off = rnd(f, ROOM - LONGEST);
	*len = 1 + rnd(f, rnd(f, 4) ? 9000 : LONGEST);
	if (!rnd(f, 4)) {
		*off &= ~(PAGE - 1UL);
		*len = (*len + PAGE - 1) & ~(PAGE - 1UL);
	}
}

static uint64_t clip(const struct fsx *f, uint64_t off, uint64_t len)
{
	if (off >= f->size)
		return 0;
	return off + len > f->size ? f->size - off : len;
}

static void check(struct fsx *f, const uint8_t *got, uint64_t off,
		  uint64_t len, const char *how)
{
	check_same(got, f->want + off, off, len, how);
}

static void do_read(struct fsx *f)
{
	bool direct = !rnd(f, 4);
	uint64_t off, len;

	range(f, &off, &len);
	EQ(pread(direct ? f->direct : f->fd, f->buf, len, off),
	   clip(f, off, len));
	check(f, f->buf, off, clip(f, off, len), direct ? "O_DIRECT" : "read");
}

static void grow(struct fsx *f, uint64_t end)
{
	if (end > f->size)
		f->size = end;
}

static void do_write(struct fsx *f)
{
	uint64_t off, len;

	range(f, &off, &len);
	pat_fill(f->buf, ++f->seed, off, len);
	EQ(pwrite(rnd(f, 4) ? f->fd : f->direct, f->buf, len, off), len);
	memcpy(f->want + off, f->buf, len);
	grow(f, off + len);
}

static void do_load(struct fsx *f)
{
	uint64_t off, len;

	range(f, &off, &len);
	check(f, f->p + off, off, clip(f, off, len), "load");
}

static void do_sendfile(struct fsx *f)
{
	uint64_t off, len;
	off_t pos;
	int p[2];

	range(f, &off, &len);
	if (len > 60000)
		len = 60000;
	pos = off;
	OK(pipe(p));
	EQ(sendfile(p[1], f->fd, &pos, len), clip(f, off, len));
	OK(close(p[1]));
	for (uint64_t at = 0, n; at < clip(f, off, len); at += n)
		n = OK(read(p[0], f->buf + at, len));
	check(f, f->buf, off, clip(f, off, len), "sendfile");
	OK(close(p[0]));
}

static void do_truncate(struct fsx *f)
{
	uint64_t size = rnd(f, ROOM);

	OK(ftruncate(f->fd, size));
	if (size < f->size)
		memset(f->want + size, 0, f->size - size);
	f->size = size;
}

static void do_zero(struct fsx *f)
{
	bool punch = rnd(f, 2);
	uint64_t off, len;

	range(f, &off, &len);
	OK(fallocate(f->fd, punch ? FALLOC_FL_PUNCH_HOLE |
				    FALLOC_FL_KEEP_SIZE :
				    FALLOC_FL_ZERO_RANGE, off, len));
	memset(f->want + off, 0, punch ? clip(f, off, len) : len);
	if (!punch)
		grow(f, off + len);
}

static void do_copy(struct fsx *f)
{
	uint64_t from, to, len, done = 0;
	loff_t in, out;

	range(f, &from, &len);
	range(f, &to, &len);
	len = clip(f, from, len);
	if (!len || (from < to + len && to < from + len))
		return;
	in = from;
	out = to;
	while (done < len)
		done += OK(copy_file_range(f->fd, &in, f->fd, &out, len - done,
					   0));
	memcpy(f->want + to, f->want + from, len);
	grow(f, to + len);
}

static void do_stat(struct fsx *f)
{
	struct stat st;

	OK(fstat(f->fd, &st));
	EQ(st.st_size, f->size);
}

static void do_drop(struct fsx *f)
{
	if (rnd(f, 2))
		OK(madvise(f->p, ROOM, MADV_DONTNEED));
	else
		OK(posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED));
}

static void do_reopen(struct fsx *f)
{
	f->n->open_flags = rnd(f, 2) ? FOPEN_KEEP_CACHE : 0;
	OK(close(f->fd));
	f->fd = OK(open_in(f->m, "a", O_RDWR));
}

static void (* const ops[])(struct fsx *f) = {
	do_read, do_read, do_read, do_read, do_write, do_write, do_write,
	do_write, do_load, do_load, do_load, do_load, do_sendfile,
	do_truncate, do_zero, do_copy, do_stat, do_drop, do_reopen,
};

static void exercise(uint64_t seed, uint32_t direct_flags, const char *opts)
{
	struct srv *s = srv_new();
	struct fsx f = { .rng = seed, .want = calloc(1, ROOM),
			 .buf = malloc(ROOM) };

	f.n = srv_plain(s, "a", NULL, ROOM);
	f.n->size = 0;
	f.m = mnt_new_opts(s, opts);
	f.fd = OK(open_in(f.m, "a", O_RDWR));
	f.n->open_flags = direct_flags | FOPEN_KEEP_CACHE;
	f.direct = OK(open_in(f.m, "a",
			      O_RDWR | (direct_flags ? 0 : O_DIRECT)));
	f.p = mmap(NULL, ROOM, PROT_READ, MAP_SHARED, f.fd, 0);
	TRUE(f.p != MAP_FAILED);
	for (int i = 0; i < ROUNDS; i++)
		ops[rnd(&f, ARRAY_SIZE(ops))](&f);
	EQ(f.n->size, f.size);
	check(&f, f.n->data, 0, f.size, "what the server has");
	check(&f, f.p, 0, f.size, "last look");
	OK(munmap(f.p, ROOM));
	OK(close(f.fd));
	OK(close(f.direct));
	mnt_end(f.m);
}

TEST(random_operations_with_o_direct)
{
	exercise(20260301, 0, MNT_OPTS);
}

TEST(random_operations_with_fopen_direct_io)
{
	exercise(4711, FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES,
		 MNT_OPTS);
}

TEST(random_operations_in_small_requests)
{
	exercise(815, 0, "allow_other,max_read=12288");
}
