/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one environment of the shared fmap core.
 *
 * fmap_wire.c and fmap_resolve.c compile in the kernel and, from the same
 * files, into libfusefmap, fmapfsd and the unit tests. This is the only header
 * through which they see the world around them.
 */
#ifndef FMAPFS_FMAP_ENV_H
#define FMAPFS_FMAP_ENV_H

#ifdef __KERNEL__

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/fuse_fmap.h>

#define fmap_alloc(bytes)	kvzalloc(bytes, GFP_KERNEL_ACCOUNT)
#define fmap_dealloc(p)		kvfree(p)

#else /* !__KERNEL__ */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fuse_fmap.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define S64_MAX			INT64_MAX
#define fmap_alloc(bytes)	calloc(1, bytes)
#define fmap_dealloc(p)		free(p)

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

static inline int ilog2(u64 n)
{
	return 63 - __builtin_clzll(n);
}

#endif /* __KERNEL__ */

/*
 * The wire is little-endian, and so is every machine that this runs on: DAX
 * needs one (x86-64, arm64, riscv64, ppc64le).
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "fmapfs runs on little-endian machines only"
#endif

#endif /* FMAPFS_FMAP_ENV_H */
