// SPDX-License-Identifier: GPL-2.0
/* Memory helpers: see mem.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"
#include "wire.h"

static uint64_t word(uint32_t seed, uint64_t index)
{
	uint64_t x = (index + 1) * 0x9e3779b97f4a7c15ULL +
		     seed * 0xd1342543de82ef95ULL;

	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ULL;
}

/* The byte at @off of the endless pattern @seed. */
uint8_t pat(uint32_t seed, uint64_t off)
{
	return word(seed, off / 8) >> (off % 8 * 8);
}

void pat_fill(void *p, uint32_t seed, uint64_t off, size_t len)
{
	uint8_t *b = p;
	size_t i = 0;

	while (i < len) {
		if ((off + i) % 8 || len - i < 8) {
			b[i] = pat(seed, off + i);
			i++;
		} else {
			uint64_t w = word(seed, (off + i) / 8);

			memcpy(b + i, &w, 8);
			i += 8;
		}
	}
}

/* Where the first wrong byte is, or -1. */
long long pat_diff(const void *p, uint32_t seed, uint64_t off, size_t len)
{
	const uint8_t *b = p;
	size_t i = 0;

	while (i < len) {
		uint64_t w;

		if (!((off + i) % 8) && len - i >= 8) {
			memcpy(&w, b + i, 8);
			if (w == word(seed, (off + i) / 8)) {
				i += 8;
				continue;
			}
		}
		if (b[i] != pat(seed, off + i))
			return i;
		i++;
	}
	return -1;
}

void check_read(int fd, uint32_t seed, uint64_t off, size_t len)
{
	uint8_t *buf = malloc(len);

	EQ(pread(fd, buf, len, off), len);
	PAT(buf, seed, off, len);
	free(buf);
}

void check_same(const uint8_t *got, const uint8_t *want, uint64_t off,
		size_t len, const char *how)
{
	for (size_t i = 0; i < len; i++)
		if (got[i] != want[i])
			FAIL("%s of %zu bytes at %llu: byte %zu is %#x, not %#x",
			     how, len, (unsigned long long)off, i, got[i],
			     want[i]);
}

static sigjmp_buf bus_env;
static volatile int bus_code;

static void on_bus(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	bus_code = si->si_code;
	siglongjmp(bus_env, 1);
}

static int try_access(volatile uint8_t *p, bool write, uint8_t value)
{
	struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	struct sigaction old;

	sigaction(SIGBUS, &sa, &old);
	bus_code = 0;
	if (!sigsetjmp(bus_env, 1)) {
		if (write)
			*p = value;
		else
			value = *p;
	}
	sigaction(SIGBUS, &old, NULL);
	return bus_code;
}

int try_read(const volatile void *p)
{
	return try_access((volatile uint8_t *)p, false, 0);
}

int try_write(volatile void *p, uint8_t value)
{
	return try_access(p, true, value);
}

/* mmap at an address that is congruent to @off modulo @align. */
void *map_at(size_t len, size_t align, int prot, int flags, int fd,
	     uint64_t off)
{
	uint8_t *room = mmap(NULL, len + 2 * align, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at, *p;

	if (room == MAP_FAILED)
		FAIL("no address space: %s", strerror(errno));
	at = (uint8_t *)((((uintptr_t)room + align - 1) & ~(align - 1)) +
			 (off & (align - 1)));
	p = mmap(at, len, prot, flags | MAP_FIXED, fd, off);
	if (p == MAP_FAILED)
		FAIL("mmap of %zu bytes at %#llx: %s", len,
		     (unsigned long long)off, strerror(errno));
	return p;
}

/* Shared, and so that 2 MiB entries fit. */
void *map_huge(size_t len, int prot, int fd, uint64_t off)
{
	return map_at(len, HUGE, prot, MAP_SHARED, fd, off);
}

#define BOUNCE	(1 * MIB)

static void raw_io(const char *node, uint64_t off, uint8_t *buf, size_t len,
		   bool write)
{
	uint64_t start = off & ~(PAGE - 1);
	uint8_t *bounce = aligned_alloc(PAGE, BOUNCE + PAGE);
	int fd = OK(open(node, O_RDWR | O_DIRECT | O_CLOEXEC));

	while (len) {
		size_t skip = off - start;
		size_t n = len < BOUNCE - skip ? len : BOUNCE - skip;
		size_t io = (skip + n + PAGE - 1) & ~(PAGE - 1);

		if (!write || skip || io != n)
			EQ(pread(fd, bounce, io, start), io);
		if (write) {
			memcpy(bounce + skip, buf, n);
			EQ(pwrite(fd, bounce, io, start), io);
		} else {
			memcpy(buf, bounce + skip, n);
		}
		buf += n;
		off += n;
		start = off;
		len -= n;
	}
	close(fd);
	free(bounce);
}

void raw_read(const char *node, uint64_t off, void *buf, size_t len)
{
	raw_io(node, off, buf, len, false);
}

void raw_write(const char *node, uint64_t off, const void *buf, size_t len)
{
	raw_io(node, off, (void *)buf, len, true);
}

/* The pattern @seed from @pat_off on, at @off of the device. */
void raw_fill(const char *node, uint64_t off, uint32_t seed, uint64_t pat_off,
	      size_t len)
{
	uint8_t *buf = malloc(len);

	pat_fill(buf, seed, pat_off, len);
	raw_write(node, off, buf, len);
	free(buf);
}

long long raw_diff(const char *node, uint64_t off, uint32_t seed,
		   uint64_t pat_off, size_t len)
{
	uint8_t *buf = malloc(len);
	long long at;

	raw_read(node, off, buf, len);
	at = pat_diff(buf, seed, pat_off, len);
	free(buf);
	return at;
}
