// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of a file is written back from the CPU's caches once a page of it is bad, as
 * kprobes see it (lib/watch.h). The kernel may have taken such a page out of its own
 * mapping: to write it back would be an oops. On each device of the machine but
 * devdax, by entries of 4 KiB and of 2 MiB.
 *
 * 1. What was stored all around it is written back, the page is not: neither when
 *    it becomes bad, nor by fsync(2).
 * 2. Nor later, when there are stores beside it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/badfiles.h"
#include "lib/watch.h"

/* 2 MiB with the page that is going to be bad, all of it dirty; and one more. */
#define FROM	(BAD & ~(HUGE - 1))

static void make_dirty(uint8_t *p)
{
	for (uint64_t off = FROM; off < FROM + HUGE; off += PAGE)
		p[off] = pat(1, off);
	p[BAD + HUGE] = pat(1, BAD + HUGE);
}

static bool is_flushed(uint64_t phys, uint64_t off)
{
	return watch_covers(WATCH_FLUSH, phys + off, PAGE);
}

static void write_back_what_is_good(const struct removable *r, bool huge)
{
	struct files f = files_new(r);
	uint8_t *p = map_huge(LEN, RW, f.a, 0);
	uint64_t phys, off;

	if (!huge)
		OK(madvise(p, LEN, MADV_NOHUGEPAGE));
	OK(fsync(f.a));
	make_dirty(p);
	phys = phys_of(p + FROM) - FROM;
	watch_clear();
	poison(MADVISED, f.a, BAD);
	FAILS(EIO, fsync(f.a));
	for (off = FROM; off < FROM + HUGE; off += PAGE)
		EQ(is_flushed(phys, off), off != BAD);
	TRUE(is_flushed(phys, BAD + HUGE));
	watch_clear();
	p[BAD - PAGE]++;
	p[BAD + PAGE]++;
	OK(fsync(f.a));
	TRUE(is_flushed(phys, BAD - PAGE));
	TRUE(is_flushed(phys, BAD + PAGE));
	TRUE(!is_flushed(phys, BAD));
	OK(munmap(p, LEN));
	files_end(&f);
	give_back(r);
}

static void by_both_sizes(const struct removable *r)
{
	write_back_what_is_good(r, true);
	write_back_what_is_good(r, false);
}

TEST(bad_page_is_not_written_back)
{
	watch_start();
	with_each_device(by_both_sizes);
	watch_end();
}
