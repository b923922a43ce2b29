// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults: how many, of which size, and what memory they bring.
 *
 * 1. Extents that are aligned to 2 MiB give 2 MiB entries, in a mapping that is
 *    congruent: as many faults as there are 2 MiB, and none of 4 KiB.
 * 2. Everything else works with 4 KiB entries, one fault a page.
 * 3. What is stored lies on the device where the fmap says, byte for byte.
 * 4. Beyond the end of the file is SIGBUS; the last page is all there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* A mount with the one file "a", open. */
struct one {
	struct mnt *m;
	int fd;
	long pte, pmd, error;	/* counters at the last look */
};

static struct one one_file(struct msg fmap)
{
	struct srv *s = srv_new();
	struct one o = { 0 };

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap);
	o.m = mnt_new(s);
	o.fd = OK(open_in(o.m, "a", O_RDWR));
	return o;
}

static void one_end(struct one *o)
{
	OK(close(o->fd));
	mnt_end(o->m);
}

/* Since the last call there were that many faults. */
#define FAULTS(o, pmds, ptes) do {					\
	long pmd_ = counter((o)->m, "fault_pmd");			\
	long pte_ = counter((o)->m, "fault_pte");			\
	EQ(pmd_ - (o)->pmd, pmds);					\
	EQ(pte_ - (o)->pte, ptes);					\
	EQ(counter((o)->m, "fault_pud"), 0);				\
	(o)->pmd = pmd_;						\
	(o)->pte = pte_;						\
} while (0)

static void touch(volatile uint8_t *p, size_t len, size_t step)
{
	for (size_t i = 0; i < len; i += step)
		p[i] = i / step;
}

static uint8_t look(const volatile uint8_t *p, size_t len, size_t step)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i += step)
		sum += p[i];
	return sum;
}

TEST(aligned_file_of_16_mib_takes_8_large_faults)
{
	struct one o = one_file(fmap_simple1(0, AT, 16 * MIB, 16 * MIB));
	uint8_t *p = map_huge(16 * MIB, RW, o.fd, 0);

	FAULTS(&o, 0, 0);
	touch(p, 16 * MIB, PAGE);
	FAULTS(&o, 8, 0);
	look(p, 16 * MIB, PAGE);
	touch(p, 16 * MIB, 512);
	FAULTS(&o, 0, 0);
	EQ(counter(o.m, "fault_error"), 0);
	OK(munmap(p, 16 * MIB));
	one_end(&o);
}

TEST(reading_and_then_writing_takes_a_large_fault_each)
{
	struct one o = one_file(fmap_simple1(0, AT, 8 * MIB, 8 * MIB));
	uint8_t *p = map_huge(8 * MIB, RW, o.fd, 0);

	look(p, 8 * MIB, PAGE);
	FAULTS(&o, 4, 0);
	touch(p, 8 * MIB, PAGE);
	FAULTS(&o, 4, 0);
	OK(munmap(p, 8 * MIB));
	p = map_huge(8 * MIB, PROT_READ, o.fd, 0);
	look(p, 8 * MIB, PAGE);
	FAULTS(&o, 4, 0);
	OK(munmap(p, 8 * MIB));
	one_end(&o);
}

TEST(plain_mmap_of_a_large_file_is_placed_for_large_faults)
{
	struct one o = one_file(fmap_simple1(0, AT, 16 * MIB, 16 * MIB));
	uint8_t *p = mmap(NULL, 16 * MIB, RW, MAP_SHARED, o.fd, 0);

	TRUE(p != MAP_FAILED);
	EQ((uintptr_t)p % HUGE, 0);
	touch(p, 16 * MIB, PAGE);
	FAULTS(&o, 8, 0);
	OK(munmap(p, 16 * MIB));
	one_end(&o);
}

TEST(memory_within_2_mib_takes_small_faults)
{
	struct one o = one_file(fmap_simple1(0, AT + PAGE, 4 * MIB, 4 * MIB));
	uint8_t *p = map_huge(4 * MIB, RW, o.fd, 0);

	touch(p, 4 * MIB, PAGE);
	FAULTS(&o, 0, 1024);
	touch(p, 4 * MIB, PAGE);
	FAULTS(&o, 0, 0);
	OK(munmap(p, 4 * MIB));
	one_end(&o);
}

TEST(address_within_2_mib_takes_small_faults)
{
	struct one o = one_file(fmap_simple1(0, AT, 4 * MIB, 4 * MIB));
	uint8_t *room = map_huge(6 * MIB, PROT_NONE, o.fd, 0);
	uint8_t *p = mmap(room + PAGE, 4 * MIB, RW, MAP_SHARED | MAP_FIXED,
			  o.fd, 0);

	TRUE(p == room + PAGE);
	touch(p, 4 * MIB, PAGE);
	FAULTS(&o, 0, 1024);
	OK(munmap(room, 6 * MIB));
	one_end(&o);
}

TEST(tail_below_2_mib_takes_small_faults)
{
	struct one o = one_file(fmap_simple1(0, AT, 4 * MIB, 3 * MIB));
	uint8_t *p = map_huge(4 * MIB, RW, o.fd, 0);

	touch(p, 3 * MIB, PAGE);
	FAULTS(&o, 1, 256);
	OK(munmap(p, 4 * MIB));
	one_end(&o);
}

/* Four extents, of which the second and the third share 2 MiB of the file. */
TEST(each_2_mib_takes_the_faults_that_its_extents_allow)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 8 * MIB);
	struct one o;
	uint8_t *p;

	msg_ext(&f, 0, AT, 2 * MIB);
	msg_ext(&f, 0, AT + 4 * MIB, MIB);
	msg_ext(&f, 1, AT + 5 * MIB, MIB);
	msg_ext(&f, 1, AT, 4 * MIB);
	o = one_file(f);
	p = map_huge(8 * MIB, RW, o.fd, 0);
	touch(p, 8 * MIB, PAGE);
	FAULTS(&o, 3, 512);
	pat_fill(p, 3, 0, 8 * MIB);
	RAW(pmem(0)->node, AT, 3, 0, 2 * MIB);
	RAW(pmem(0)->node, AT + 4 * MIB, 3, 2 * MIB, MIB);
	RAW(pmem(1)->node, AT + 5 * MIB, 3, 3 * MIB, MIB);
	RAW(pmem(1)->node, AT, 3, 4 * MIB, 4 * MIB);
	OK(munmap(p, 8 * MIB));
	one_end(&o);
}

TEST(stripes_in_chunks_of_2_mib_take_large_faults)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, 16 * MIB);
	struct one o;
	uint8_t *p;

	msg_iext(&f, 4, 2 * MIB, 16 * MIB);
	for (int i = 0; i < 4; i++)
		msg_ext(&f, i % 2, AT + i * 8 * MIB, 4 * MIB);
	o = one_file(f);
	p = map_huge(16 * MIB, RW, o.fd, 0);
	touch(p, 16 * MIB, PAGE);
	FAULTS(&o, 8, 0);
	OK(munmap(p, 16 * MIB));
	one_end(&o);
}

TEST(stripes_in_chunks_of_a_mib_take_small_faults)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, 4 * MIB);
	struct one o;
	uint8_t *p;

	msg_iext(&f, 2, MIB, 4 * MIB);
	msg_ext(&f, 0, AT, 2 * MIB);
	msg_ext(&f, 1, AT, 2 * MIB);
	o = one_file(f);
	p = map_huge(4 * MIB, RW, o.fd, 0);
	touch(p, 4 * MIB, PAGE);
	FAULTS(&o, 0, 1024);
	OK(munmap(p, 4 * MIB));
	one_end(&o);
}

/* Where the data lie, stored and loaded, by large and small entries. */
static const struct where {
	const char *name;
	uint64_t at;
	uint64_t size;
} wheres[] = {
	{ "data_lie_at_the_extent_by_large_faults", AT, 4 * MIB },
	{ "data_lie_at_the_extent_by_small_faults", AT + 3 * PAGE, MIB },
	{ "data_lie_at_the_start_of_the_device", 0, 2 * MIB },
	{ "data_lie_in_a_single_page", AT + 7 * PAGE, PAGE },
	{ "data_lie_in_a_partial_page", AT, 2 * MIB + 1234 },
};

static void data_lie_at_the_extent(const void *arg)
{
	const struct where *w = arg;
	uint64_t len = (w->size + PAGE - 1) & ~(PAGE - 1);
	struct one o = one_file(fmap_simple1(0, w->at, len, w->size));
	uint8_t *p = map_huge(len, RW, o.fd, 0);
	uint8_t *buf = malloc(len);

	pat_fill(p, 21, 0, w->size);
	RAW(pmem(0)->node, w->at, 21, 0, w->size);
	EQ(pread(o.fd, buf, len, 0), w->size);
	PAT(buf, 21, 0, w->size);
	/* And the other way round. */
	raw_fill(pmem(0)->node, w->at, 22, 0, w->size);
	PAT(p, 22, 0, w->size);
	EQ(pread(o.fd, buf, len, 0), w->size);
	PAT(buf, 22, 0, w->size);
	OK(munmap(p, len));
	one_end(&o);
}
TEST_ROWS(data_lie_at_the_extent, wheres)

TEST(beyond_the_end_is_sigbus)
{
	struct one o = one_file(fmap_simple1(0, AT, 4 * MIB, 2 * MIB + 5000));
	uint8_t *p = map_huge(8 * MIB, RW, o.fd, 0);

	/* The last page is there as a whole, as with any file system. */
	EQ(try_read(p + 2 * MIB + 4999), 0);
	EQ(try_read(p + 2 * MIB + 5000), 0);
	EQ(try_write(p + 2 * MIB + 8191, 1), 0);
	EQ(counter(o.m, "fault_error"), 0);
	EQ(try_read(p + 2 * MIB + 8192), BUS_ADRERR);
	EQ(try_write(p + 2 * MIB + 8192, 1), BUS_ADRERR);
	EQ(try_read(p + 4 * MIB), BUS_ADRERR);
	EQ(try_write(p + 8 * MIB - 1, 1), BUS_ADRERR);
	EQ(counter(o.m, "fault_error"), 4);
	/* Nobody else's memory was touched. */
	OK(munmap(p, 8 * MIB));
	one_end(&o);
}

TEST(mapping_wholly_beyond_the_end_is_sigbus)
{
	struct one o = one_file(fmap_simple1(0, AT, 2 * MIB, 2 * MIB));
	uint8_t *p = map_huge(2 * MIB, RW, o.fd, 4 * MIB);

	EQ(try_read(p), BUS_ADRERR);
	EQ(try_write(p + MIB, 1), BUS_ADRERR);
	OK(munmap(p, 2 * MIB));
	one_end(&o);
}

TEST(empty_file_is_sigbus)
{
	struct one o = one_file(fmap_simple1(0, AT, 2 * MIB, 0));
	uint8_t *p = map_huge(2 * MIB, RW, o.fd, 0);
	char c;

	EQ(try_read(p), BUS_ADRERR);
	EQ(read(o.fd, &c, 1), 0);
	FAILS(ENOSPC, write(o.fd, "x", 1));
	OK(munmap(p, 2 * MIB));
	one_end(&o);
}

/* An extent may cover more than the file: that is not the file's. */
TEST(memory_beyond_the_last_page_stays_as_it_is)
{
	struct one o;
	uint8_t *p, buf[PAGE];

	raw_fill(pmem(0)->node, AT, 31, 0, 4 * MIB);
	o = one_file(fmap_simple1(0, AT, 4 * MIB, MIB));
	p = map_huge(4 * MIB, RW, o.fd, 0);
	pat_fill(p, 32, 0, MIB);
	EQ(pwrite(o.fd, p, PAGE, MIB - PAGE), PAGE);
	FAILS(ENOSPC, pwrite(o.fd, buf, 1, MIB));
	OK(fsync(o.fd));
	RAW(pmem(0)->node, AT + MIB, 31, MIB, 3 * MIB);
	OK(munmap(p, 4 * MIB));
	one_end(&o);
}

TEST(scattered_accesses_across_extents)
{
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 0);
	uint64_t size = 0;
	struct one o;
	uint8_t *p;

	/* Of growing lengths, in turns on both devices, from high to low. */
	for (int i = 0; i < 32; i++) {
		msg_ext(&f, i % 2, 600 * MIB - (i + 1) * 16 * MIB,
			(i + 1) * 3 * PAGE);
		size += (i + 1) * 3 * PAGE;
	}
	size -= 100;
	msg_header(&f)->file_size = size;
	o = one_file(f);
	p = map_huge(size, RW, o.fd, 0);
	for (uint64_t i = 0, at = 0; i < 32; i++) {
		uint64_t len = (i + 1) * 3 * PAGE;
		uint64_t last = at + len > size ? size - at : len;

		/* Both sides of each border, by bytes. */
		pat_fill(p + at, 41, at, 8);
		pat_fill(p + at + last - 8, 41, at + last - 8, 8);
		RAW(pmem(i % 2)->node, 600 * MIB - (i + 1) * 16 * MIB, 41, at,
		    8);
		RAW(pmem(i % 2)->node,
		    600 * MIB - (i + 1) * 16 * MIB + last - 8, 41,
		    at + last - 8, 8);
		at += len;
	}
	OK(munmap(p, size));
	one_end(&o);
}
