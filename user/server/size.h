/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes and numbers as people write them. */
#ifndef FMAPFSD_SIZE_H
#define FMAPFSD_SIZE_H

#include <stdint.h>

/* Room for what size_show() writes. */
#define SIZE_SHOW_MAX	24

/**
 * size_parse - a size in bytes
 * @text: digits, decimal or hexadecimal after 0x, then perhaps K, M, G or T, in
 *	either case: 1024 bytes, and so on; nothing before or after
 * @size: result
 *
 * Return: 0; -EINVAL: no such thing; -EOVERFLOW: 2^64 or more. On error *@size
 * is untouched.
 */
int size_parse(const char *text, uint64_t *size);

/**
 * size_show - write a size as short as is exact: 2M, 4097
 * @size: bytes
 * @buf: takes it
 *
 * Return: @buf.
 */
char *size_show(uint64_t size, char buf[SIZE_SHOW_MAX]);

/**
 * number_parse - a number in a given base, digits only
 * @text: what was written
 * @base: 8 or 10
 * @max: the largest that will do
 * @value: result
 *
 * Return: 0; -EINVAL: no such number; -ERANGE: beyond @max.
 */
int number_parse(const char *text, int base, uint64_t max, uint64_t *value);

#endif /* FMAPFSD_SIZE_H */
