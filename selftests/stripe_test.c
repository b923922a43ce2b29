// SPDX-License-Identifier: GPL-2.0
/*
 * Files of many pieces, against a formula that is naive on purpose.
 *
 * 1. The file is filled by its mapping, or by write(2), with a pattern.
 * 2. For each page a formula that walks extents and chunks one by one says
 *    where it lies; the raw devices hold it just there.
 * 3. The devices are filled raw by the same formula, and the file reads so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define RW	(PROT_READ | PROT_WRITE)

/* One extent: @n strips (1: simple), @chunk bytes each in turn. */
struct piece {
	int n;
	uint64_t chunk;
	uint64_t bytes;		/* of the file */
	struct {
		int dev;
		uint64_t off;
	} strip[8];
};

struct layout {
	const char *name;
	uint64_t size;
	int npieces;
	struct piece piece[6];
};

/* Where the byte @off lies: chunk by chunk from the start. */
static void naive(const struct layout *l, uint64_t off, int *dev,
		  uint64_t *dev_off)
{
	const struct piece *p = l->piece;
	uint64_t at[8] = { 0 };
	int strip = 0;

	while (off >= p->bytes) {
		off -= p->bytes;
		p++;
	}
	while (off >= p->chunk) {
		off -= p->chunk;
		at[strip] += p->chunk;
		strip = strip + 1 == p->n ? 0 : strip + 1;
	}
	*dev = p->strip[strip].dev;
	*dev_off = p->strip[strip].off + at[strip] + off;
}

static struct msg message(const struct layout *l, bool simple)
{
	struct msg m = fmap_begin(simple ? FUSE_FAMFS_EXT_SIMPLE :
					   FUSE_FAMFS_EXT_INTERLEAVE, l->size);

	for (int i = 0; i < l->npieces; i++) {
		const struct piece *p = &l->piece[i];
		uint64_t stripe = p->chunk * p->n;
		uint64_t len = (p->bytes + stripe - 1) / stripe * p->chunk;

		if (!simple)
			msg_iext(&m, p->n, p->chunk, p->bytes);
		for (int k = 0; k < p->n; k++)
			msg_ext(&m, p->strip[k].dev, p->strip[k].off, len);
	}
	return m;
}

static void check_raw(const struct layout *l, uint32_t seed)
{
	for (uint64_t off = 0; off < l->size; off += PAGE) {
		uint64_t len = l->size - off < PAGE ? l->size - off : PAGE;
		uint64_t dev_off;
		int dev;

		naive(l, off, &dev, &dev_off);
		RAW(pmem(dev)->node, dev_off, seed, off, len);
	}
}

static void fill_raw(const struct layout *l, uint32_t seed)
{
	for (uint64_t off = 0; off < l->size; off += PAGE) {
		uint64_t dev_off;
		int dev;

		naive(l, off, &dev, &dev_off);
		raw_fill(pmem(dev)->node, dev_off, seed, off, PAGE);
	}
}

static const struct layout layouts[] = {
	{ "two_devices_in_chunks_of_2_mib", 11 * MIB, 1, {
		{ 2, 2 * MIB, 11 * MIB, { { 0, 64 * MIB }, { 1, 64 * MIB } } },
	} },
	{ "two_devices_in_chunks_of_a_page", 300 * KIB + 5, 1, {
		{ 2, PAGE, 300 * KIB + 5, { { 0, 64 * MIB }, { 1, 0 } } },
	} },
	{ "four_strips_in_chunks_of_64_kib", 5 * MIB + 123, 1, {
		{ 4, 64 * KIB, 5 * MIB + 123, {
			{ 0, 64 * MIB }, { 1, 96 * MIB },
			{ 0, 32 * MIB }, { 1, 64 * MIB } } },
	} },
	{ "three_strips_are_no_power_of_two", 3 * MIB + PAGE, 1, {
		{ 3, 128 * KIB, 3 * MIB + PAGE, {
			{ 1, 64 * MIB }, { 0, 96 * MIB }, { 1, 32 * MIB } } },
	} },
	{ "seven_strips_with_a_last_chunk_cut_short", 2 * MIB + 9000, 1, {
		{ 7, 32 * KIB, 2 * MIB + 9000, {
			{ 0, 10 * MIB }, { 0, 20 * MIB }, { 0, 30 * MIB },
			{ 1, 40 * MIB }, { 1, 50 * MIB }, { 1, 60 * MIB },
			{ 0, 70 * MIB } } },
	} },
	{ "one_strip_is_contiguous", MIB, 1, {
		{ 1, 16 * KIB, MIB, { { 1, 10 * MIB } } },
	} },
	{ "interleaved_extents_follow_each_other", 4 * MIB + 100, 3, {
		{ 2, 64 * KIB, MIB + 12 * KIB, {
			{ 0, 64 * MIB }, { 1, 64 * MIB } } },
		{ 3, 16 * KIB, 2 * MIB - 12 * KIB, {
			{ 0, 96 * MIB }, { 1, 96 * MIB }, { 0, 128 * MIB } } },
		{ 2, 256 * KIB, MIB + 100, {
			{ 1, 200 * MIB }, { 0, 200 * MIB } } },
	} },
};

static void lies_where_the_formula_says(const struct layout *l, struct msg f)
{
	struct srv *s = srv_new();
	uint8_t *buf = malloc(l->size);
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_use_pmem(s);
	srv_memfile(s, "a", f);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(l->size, RW, fd, 0);
	pat_fill(p, 51, 0, l->size);
	check_raw(l, 51);
	pat_fill(buf, 52, 0, l->size);
	EQ(pwrite(fd, buf, l->size, 0), l->size);
	check_raw(l, 52);
	PAT(p, 52, 0, l->size);
	fill_raw(l, 53);
	PAT(p, 53, 0, l->size);
	EQ(pread(fd, buf, l->size, 0), l->size);
	PAT(buf, 53, 0, l->size);
	OK(munmap(p, l->size));
	OK(close(fd));
	mnt_end(m);
}

static void stripes_lie_where_the_formula_says(const void *arg)
{
	lies_where_the_formula_says(arg, message(arg, false));
}
TEST_ROWS(stripes_lie_where_the_formula_says, layouts)

/* Simple extents are pieces of one strip and one chunk. */
#define SIMPLE(dev, off, len)	{ 1, len, len, { { dev, off } } }

static const struct layout simples[] = {
	{ "equal_extents_of_a_power_of_two", 4 * MIB - 50, 4, {
		SIMPLE(0, 64 * MIB, MIB), SIMPLE(1, 64 * MIB, MIB),
		SIMPLE(1, 10 * MIB, MIB), SIMPLE(0, 20 * MIB, MIB),
	} },
	{ "equal_extents_with_a_shorter_last", 2 * MIB + 64 * KIB, 3, {
		SIMPLE(1, 64 * MIB, MIB), SIMPLE(0, 64 * MIB, MIB),
		SIMPLE(1, 10 * MIB, 64 * KIB),
	} },
	{ "equal_extents_with_a_longer_last", 3 * MIB, 3, {
		SIMPLE(1, 64 * MIB, 512 * KIB), SIMPLE(0, 64 * MIB, 512 * KIB),
		SIMPLE(1, 10 * MIB, 2 * MIB),
	} },
	{ "extents_of_any_length", 3 * MIB, 6, {
		SIMPLE(0, 64 * MIB, 12 * KIB), SIMPLE(0, 10 * MIB, 4 * KIB),
		SIMPLE(1, 64 * MIB, MIB), SIMPLE(0, 20 * MIB, 28 * KIB),
		SIMPLE(1, 10 * MIB, 500 * KIB), SIMPLE(0, 30 * MIB, 2 * MIB),
	} },
};

static void extents_lie_where_the_formula_says(const void *arg)
{
	lies_where_the_formula_says(arg, message(arg, true));
}
TEST_ROWS(extents_lie_where_the_formula_says, simples)
