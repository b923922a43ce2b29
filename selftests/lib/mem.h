/* SPDX-License-Identifier: GPL-2.0 */
/* Patterns, memory that may raise SIGBUS, and the devices read raw. */
#ifndef SELFTESTS_MEM_H
#define SELFTESTS_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tap.h"

uint8_t pat(uint32_t seed, uint64_t off);
void pat_fill(void *p, uint32_t seed, uint64_t off, size_t len);
long long pat_diff(const void *p, uint32_t seed, uint64_t off, size_t len);

/* @p holds what pat_fill() with the same arguments makes. */
#define PAT(p, seed, off, len) do {					\
	long long at_ = pat_diff(p, seed, off, len);			\
	if (at_ >= 0)							\
		FAIL("%s: wrong from byte %lld of %lld on: %#x, not %#x", #p,\
		     at_, (long long)(len), ((const uint8_t *)(p))[at_], \
		     pat(seed, (off) + at_));				\
} while (0)

/* read(2) at @off gives @len bytes of the pattern @seed. */
void check_read(int fd, uint32_t seed, uint64_t off, size_t len);

/* @got, which is from @off of a file, is @want; @how it was got, for the log. */
void check_same(const uint8_t *got, const uint8_t *want, uint64_t off,
		size_t len, const char *how);

/* One access; 0, or the si_code of the SIGBUS that it raised. */
int try_read(const volatile void *p);
int try_write(volatile void *p, uint8_t value);
void *map_at(size_t len, size_t align, int prot, int flags, int fd,
	     uint64_t off);
void *map_huge(size_t len, int prot, int fd, uint64_t off);

/* Straight from and to the device, beside every cache. */
void raw_read(const char *node, uint64_t off, void *buf, size_t len);
void raw_write(const char *node, uint64_t off, const void *buf, size_t len);
void raw_fill(const char *node, uint64_t off, uint32_t seed, uint64_t pat_off,
	      size_t len);
long long raw_diff(const char *node, uint64_t off, uint32_t seed,
		   uint64_t pat_off, size_t len);

#define RAW(node, off, seed, pat_off, len) do {				\
	long long at_ = raw_diff(node, off, seed, pat_off, len);	\
	if (at_ >= 0)							\
		FAIL("%s at %#llx + %#llx does not hold the pattern",	\
		     node, (unsigned long long)(off), at_);		\
} while (0)

#endif /* SELFTESTS_MEM_H */
