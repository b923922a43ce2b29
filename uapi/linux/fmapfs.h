/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ioctls of fmapfs itself, beside those of FUSE.
 *
 * Changelog
 *   1  FMAPFS_IOC_VERSION, FMAPFS_IOC_GET_FMAP
 */
#ifndef _LINUX_FMAPFS_H
#define _LINUX_FMAPFS_H

#include <linux/types.h>
#include <linux/ioctl.h>
#ifndef __KERNEL__
#include <assert.h>
#endif

#define FMAPFS_IOC_MAGIC	0xfa

/* The version of this header. */
#define FMAPFS_API_VERSION	1

/* struct fmapfs_version.features */
#define FMAPFS_FEATURE_PMEM	(1ULL << 0)	/* /dev/pmemN can be used */
#define FMAPFS_FEATURE_DEVDAX	(1ULL << 1)	/* /dev/daxX.Y under fsdev_dax */
#define FMAPFS_FEATURE_SIZED	(1ULL << 2)	/* sized dialect of GET_FMAP */
#define FMAPFS_FEATURE_PUSH	(1ULL << 3)	/* FUSE_DEV_IOC_DAXDEV_OPEN */

/**
 * struct fmapfs_version - what the loaded module is and can do
 * @api: FMAPFS_API_VERSION of the module
 * @fuse_minor: minor of the FUSE protocol that it offers in INIT
 * @features: FMAPFS_FEATURE_*
 * @module: version of the module, NUL-terminated
 */
struct fmapfs_version {
	__u32	api;
	__u32	fuse_minor;
	__u64	features;
	char	module[32];
};

/**
 * struct fmapfs_get_fmap - ask for the cached fmap of an open file
 * @buf: in: address of the buffer that takes the message (GET_FMAP's reply)
 * @size: in: bytes at @buf; out: bytes of the message
 * @flags: zero
 *
 * Whoever has the file open may ask, as with FIEMAP; O_PATH is not enough.
 * The message is what the kernel works by, encoded anew: reserved fields are
 * zero, and it is of the sized dialect only if it exceeds the plain one's caps.
 * ENODATA: the file has no fmap; EOVERFLOW: @buf is too small, @size says what
 * is needed, nothing was written to @buf; EINVAL: unknown @flags.
 */
struct fmapfs_get_fmap {
	__u64	buf;
	__u32	size;
	__u32	flags;
};

/* On an open /dev/fmapfs, mounted or not. */
#define FMAPFS_IOC_VERSION	_IOR(FMAPFS_IOC_MAGIC, 0, struct fmapfs_version)
/* On a regular file of an fmapfs mount. */
#define FMAPFS_IOC_GET_FMAP	_IOWR(FMAPFS_IOC_MAGIC, 1, struct fmapfs_get_fmap)

static_assert(sizeof(struct fmapfs_version) == 48, "layout");
static_assert(__builtin_offsetof(struct fmapfs_version, features) == 8, "layout");
static_assert(__builtin_offsetof(struct fmapfs_version, module) == 16, "layout");
static_assert(sizeof(struct fmapfs_get_fmap) == 16, "layout");
static_assert(__builtin_offsetof(struct fmapfs_get_fmap, size) == 8, "layout");

#endif /* _LINUX_FMAPFS_H */
