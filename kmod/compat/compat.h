/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Force-included first, so that the sources are those of the newest kernel.
 *
 * This is the one place that states the range of kernels.
 */
#ifndef FMAPFS_COMPAT_H
#define FMAPFS_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "fmapfs needs Linux 6.1, or 6.9 and newer"
#endif
/* Between the two, the opening of block devices changed three times. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#error "fmapfs needs Linux 6.1, or 6.9 and newer"
#endif
#endif

#ifndef CONFIG_64BIT
#error "fmapfs needs a 64-bit kernel, as DAX does"
#endif

/* Messages name the module themselves, along with the mount. */
#undef pr_fmt
#define pr_fmt(fmt) fmt

#include "vfs.h"
#include "dax.h"

#endif /* FMAPFS_COMPAT_H */
