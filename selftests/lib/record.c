// SPDX-License-Identifier: GPL-2.0-only
/* Records that survive, or do not: see record.h. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mem.h"
#include "record.h"
#include "tap.h"

#define LINE	64UL

/* --- ways to make it durable --- */

static int by_fsync(struct rec_writer *w, uint64_t off)
{
	(void)off;
	return fsync(w->fd);
}

static int by_fdatasync(struct rec_writer *w, uint64_t off)
{
	(void)off;
	return fdatasync(w->fd);
}

static int by_syncfs(struct rec_writer *w, uint64_t off)
{
	(void)off;
	return syncfs(w->fd);
}

static int by_msync(struct rec_writer *w, uint64_t off)
{
	uint64_t start = off & ~(PAGE - 1);

	return msync(w->map + start, off + REC_BYTES - start, MS_SYNC);
}

static int by_sync_file_range(struct rec_writer *w, uint64_t off)
{
	return sync_file_range(w->fd, off, REC_BYTES,
			       SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER);
}

/* A bit of what CPUID leaf 7 has in EBX. */
static bool cpu_has(unsigned int bit)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
	       ebx & 1U << bit;
}

/* Each line of the cache; by what each CPU has, if this one has no better. */
#define EACH_LINE(w, off, has, insn) do {				\
	uint8_t *end_ = (w)->map + (off) + REC_BYTES;			\
	uint8_t *p_ = (uint8_t *)((uintptr_t)((w)->map + (off)) &	\
				  ~(LINE - 1));				\
	bool has_ = (has);						\
	for (; p_ < end_; p_ += LINE) {					\
		if (has_)						\
			asm volatile(insn " %0" : "+m" (*p_));		\
		else							\
			asm volatile("clflush %0" : "+m" (*p_));	\
	}								\
	asm volatile("sfence" ::: "memory");				\
} while (0)

static int by_clwb(struct rec_writer *w, uint64_t off)
{
	EACH_LINE(w, off, cpu_has(24), "clwb");
	return 0;
}

static int by_clflushopt(struct rec_writer *w, uint64_t off)
{
	EACH_LINE(w, off, cpu_has(23), "clflushopt");
	return 0;
}

static int by_clflush(struct rec_writer *w, uint64_t off)
{
	EACH_LINE(w, off, true, "clflush");
	return 0;
}

#define SYNCED	(MAP_SHARED_VALIDATE | MAP_SYNC)

const struct rec_way rec_ways[] = {
	{ .name = "write, fsync", .finish = by_fsync },
	{ .name = "stores, msync", .map_flags = MAP_SHARED, .finish = by_msync },
	{ .name = "MAP_SYNC, clwb", .map_flags = SYNCED, .finish = by_clwb },
	{ .name = "write, O_DSYNC", .open_flags = O_DSYNC },
	{ .name = "stores, fsync", .map_flags = MAP_SHARED, .finish = by_fsync },
	{ .name = "write, RWF_DSYNC", .rwf = RWF_DSYNC },
	{ .name = "MAP_SYNC, clflushopt", .map_flags = SYNCED,
	  .finish = by_clflushopt },
	{ .name = "write, fdatasync", .finish = by_fdatasync },
	{ .name = "stores, sync_file_range", .map_flags = MAP_SHARED,
	  .finish = by_sync_file_range },
	{ .name = "write, O_SYNC", .open_flags = O_SYNC },
	{ .name = "MAP_SYNC, clflush", .map_flags = SYNCED,
	  .finish = by_clflush },
	{ .name = "MAP_SYNC, fdatasync", .map_flags = SYNCED,
	  .finish = by_fdatasync },
	{ .name = "stores, syncfs", .map_flags = MAP_SHARED,
	  .finish = by_syncfs },
	/* From here on the machine must not die. */
	{ .name = "stores", .killed_only = true, .map_flags = MAP_SHARED },
	{ .name = "write", .killed_only = true },
};

const int rec_nways = ARRAY_SIZE(rec_ways);
const int rec_ndurable = ARRAY_SIZE(rec_ways) - 2;

/* --- writing --- */

static uint64_t slot_at(unsigned int id, uint64_t n)
{
	return REC_AT + (n % REC_SLOTS * REC_WRITERS + id) * REC_BYTES;
}

/* The number in the upper half, the check sum in the lower. */
static uint64_t word(unsigned int id, uint64_t n, unsigned int i)
{
	uint64_t x = (n * REC_WRITERS + id) * REC_WORDS + i + 1;

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	return n << 32 | x >> 32;
}

static void write_words(struct rec_writer *w, uint64_t n, uint64_t off)
{
	uint64_t words[REC_WORDS];
	struct iovec iov = { words, REC_BYTES };

	for (unsigned int i = 0; i < REC_WORDS; i++)
		words[i] = word(w->id, n, i);
	if (!w->way->map_flags) {
		EQ(pwritev2(w->fd, &iov, 1, off, w->way->rwf), REC_BYTES);
		return;
	}
	for (unsigned int i = 0; i < REC_WORDS; i++)
		((volatile uint64_t *)(w->map + off))[i] = words[i];
}

/* What may be half written is the first to be written anew. */
int rec_write(void *writer)
{
	struct rec_writer *w = writer;

	w->fd = OK(open(w->path, O_RDWR | O_CLOEXEC | w->way->open_flags));
	if (w->way->map_flags)
		w->map = map_at(REC_FILE, HUGE, PROT_READ | PROT_WRITE,
				w->way->map_flags, w->fd, 0);
	for (uint64_t n = w->done + 1;; n++) {
		uint64_t off = slot_at(w->id, n);

		write_words(w, n, off);
		if (w->way->finish)
			OK(w->way->finish(w, off));
		w->tell(w, n);
	}
}

/* --- looking --- */

/* The latest record of slot @s that is done; 0: there is none. */
static uint64_t last_in_slot(uint64_t s, uint64_t done)
{
	uint64_t n = done - done % REC_SLOTS + s;

	if (n <= done)
		return n;
	return n < REC_SLOTS ? 0 : n - REC_SLOTS;
}

static void check_word(uint64_t got, unsigned int id, uint64_t s,
		       unsigned int i, uint64_t done, const char *how)
{
	uint64_t want = last_in_slot(s, done), n = got >> 32;

	if (got && (got != word(id, n, i) || n % REC_SLOTS != s))
		FAIL("%s: writer %u, slot %lu, word %u is torn: %#lx; record %lu should be there",
		     how, id, (long)s, i, (long)got, (long)want);
	if (n < want)
		FAIL("%s: writer %u, slot %lu, word %u: record %lu is lost, %lu is there; %lu are done",
		     how, id, (long)s, i, (long)want, (long)n, (long)done);
	/* One may be written without the word having come. */
	if (n > want && n != done + 1)
		FAIL("%s: writer %u: record %lu is there, only %lu are done",
		     how, id, (long)n, (long)done);
}

void rec_check(const uint8_t *file, unsigned int id, uint64_t done,
	       const char *how)
{
	for (uint64_t s = 0; s < REC_SLOTS; s++) {
		uint64_t got[REC_WORDS];

		memcpy(got, file + slot_at(id, s), REC_BYTES);
		for (unsigned int i = 0; i < REC_WORDS; i++)
			check_word(got[i], id, s, i, done, how);
	}
}
