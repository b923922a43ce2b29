// SPDX-License-Identifier: GPL-2.0-only
/* What `create --fill` writes and `verify --fill` expects: a pattern of a seed. */
#include <string.h>

#include "pattern.h"

/* The finalizer of splitmix64: every bit of the result depends on every bit. */
static uint64_t word_at(uint64_t index, uint64_t seed)
{
	uint64_t x = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

uint8_t pattern_byte(uint64_t off, uint64_t seed)
{
	return word_at(off / 8, seed) >> (off % 8 * 8);
}

void pattern_fill(void *mem, uint64_t off, size_t len, uint64_t seed)
{
	uint8_t *p = mem;
	uint64_t word;

	for (; len && off % 8; len--)
		*p++ = pattern_byte(off++, seed);
	for (; len >= 8; len -= 8, off += 8, p += 8) {
		word = word_at(off / 8, seed);
		memcpy(p, &word, 8);
	}
	for (; len; len--)
		*p++ = pattern_byte(off++, seed);
}

static uint64_t check_bytes(const uint8_t *p, uint64_t off, size_t len,
			    uint64_t seed)
{
	for (; len; len--, off++)
		if (*p++ != pattern_byte(off, seed))
			return off;
	return PATTERN_SAME;
}

uint64_t pattern_check(const void *mem, uint64_t off, size_t len, uint64_t seed)
{
	const uint8_t *p = mem;
	uint64_t word, wrong;
	size_t head = -off % 8;

	if (head > len)
		head = len;
	wrong = check_bytes(p, off, head, seed);
	if (wrong != PATTERN_SAME)
		return wrong;
	for (p += head, off += head, len -= head; len >= 8;
	     len -= 8, off += 8, p += 8) {
		memcpy(&word, p, 8);
		if (word != word_at(off / 8, seed))
			return check_bytes(p, off, 8, seed);
	}
	return check_bytes(p, off, len, seed);
}
