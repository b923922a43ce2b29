/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that may turn out to be bad: SIGBUS becomes an error. */
#ifndef FMAPFS_POOL_GUARD_H
#define FMAPFS_POOL_GUARD_H

#include <stdint.h>

/**
 * guard_run - call a function whose loads and stores may fail
 * @fn: called once with @ctx. It may be left at any access to memory that is mapped from
 *	a file, so at none of these it holds a lock, or has allocated anything
 * @ctx: for @fn
 * @fault: result with -EIO: the address that could not be accessed; may be NULL
 *
 * SIGBUS is handled from the first call on, for the process; outside of @fn it ends the
 * program as ever. The thread may have it blocked. Any number of threads may be here at once.
 *
 * Return: what @fn returns; -EIO: SIGBUS.
 */
int guard_run(int (*fn)(void *ctx), void *ctx, const void **fault);

/**
 * guard_copy - copy from memory that may be bad
 * @dst: ours
 * @src: theirs
 * @len: bytes
 * @good: result: bytes from the start that were copied, whole pages of @src unless all
 *
 * Return: 0; -EIO.
 */
int guard_copy(void *dst, const void *src, uint64_t len, uint64_t *good);

#endif /* FMAPFS_POOL_GUARD_H */
