/* SPDX-License-Identifier: GPL-2.0-only */
/* What `create --fill` writes and `verify --fill` expects: a pattern of a seed. */
#ifndef FMAPFS_TOOL_PATTERN_H
#define FMAPFS_TOOL_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_SAME	UINT64_MAX

/**
 * pattern_fill - write a part of the pattern
 * @mem: takes it
 * @off: where in the file that is, bytes; any
 * @len: bytes
 * @seed: of the pattern
 *
 * Each 8 bytes depend on the seed and on where they are, so that nothing that is
 * somewhere else, or of another seed, passes for them.
 */
void pattern_fill(void *mem, uint64_t off, size_t len, uint64_t seed);

/**
 * pattern_check - compare with the pattern
 *
 * Return: the offset in the file of the first byte that differs, or PATTERN_SAME.
 */
uint64_t pattern_check(const void *mem, uint64_t off, size_t len, uint64_t seed);

/* pattern_byte - what the byte at @off should be */
uint8_t pattern_byte(uint64_t off, uint64_t seed);

#endif /* FMAPFS_TOOL_PATTERN_H */
