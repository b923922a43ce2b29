/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ioctls of fmapfs itself, beside those of FUSE.
 *
 * Changelog
 *   1  FMAPFS_IOC_VERSION, FMAPFS_IOC_GET_FMAP
 *   2  FMAPFS_IOC_CLEAR_BAD
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
#define FMAPFS_API_VERSION	2

/* struct fmapfs_version.features */
#define FMAPFS_FEATURE_PMEM	(1ULL << 0)	/* /dev/pmemN can be used */
#define FMAPFS_FEATURE_DEVDAX	(1ULL << 1)	/* /dev/daxX.Y under fsdev_dax */
#define FMAPFS_FEATURE_SIZED	(1ULL << 2)	/* sized dialect of GET_FMAP */
#define FMAPFS_FEATURE_PUSH	(1ULL << 3)	/* FUSE_DEV_IOC_DAXDEV_OPEN */
#define FMAPFS_FEATURE_CLEAR_BAD (1ULL << 4)	/* FMAPFS_IOC_CLEAR_BAD */

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

/**
 * struct fmapfs_clear_bad - have bad memory used again; its content is lost
 * @devindex: the device, by the server's index
 * @flags: zero
 * @offset: bytes from the start of the device; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * Of the range, what is bad (/sys/fs/fmapfs/MOUNT/bad_memory) is cleared, if that
 * is possible: it is then zeroes, and files that lie there can be accessed again.
 * Good memory is not touched. On an error from EBUSY on some of it may have been
 * cleared: what is listed still is bad.
 *
 * EPERM: no mount belongs to the fd; ENODEV: nor any more, there is no such
 * device, or it was removed; EINVAL: unknown @flags, the range is empty, is not on
 * the device, or no multiple of the page size; EROFS: the server may only read the
 * device; EBUSY: another mount has files there; EINTR: killed; EOPNOTSUPP: fmaps
 * were not agreed on, or nobody knows how to clear that memory: only what its
 * driver keeps a list of, as nd_pmem does (badblocks), can be cleared, and, as
 * long as no mount has let go of the device since, an error that was simulated
 * (MADV_HWPOISON); EIO: the driver has failed to clear it, or it fails again and
 * again; ENOSPC: it lies amidst bad memory, of which there are too many ranges:
 * begin with another.
 */
struct fmapfs_clear_bad {
	__u32	devindex;
	__u32	flags;
	__u64	offset;
	__u64	len;
};

/* On an open /dev/fmapfs, mounted or not. */
#define FMAPFS_IOC_VERSION	_IOR(FMAPFS_IOC_MAGIC, 0, struct fmapfs_version)
/* On a regular file of an fmapfs mount. */
#define FMAPFS_IOC_GET_FMAP	_IOWR(FMAPFS_IOC_MAGIC, 1, struct fmapfs_get_fmap)
/* On the /dev/fmapfs of a mount, by its server. */
#define FMAPFS_IOC_CLEAR_BAD	_IOW(FMAPFS_IOC_MAGIC, 2, struct fmapfs_clear_bad)

static_assert(sizeof(struct fmapfs_version) == 48, "layout");
static_assert(__builtin_offsetof(struct fmapfs_version, features) == 8, "layout");
static_assert(__builtin_offsetof(struct fmapfs_version, module) == 16, "layout");
static_assert(sizeof(struct fmapfs_get_fmap) == 16, "layout");
static_assert(__builtin_offsetof(struct fmapfs_get_fmap, size) == 8, "layout");
static_assert(sizeof(struct fmapfs_clear_bad) == 24, "layout");
static_assert(__builtin_offsetof(struct fmapfs_clear_bad, offset) == 8, "layout");

#endif /* _LINUX_FMAPFS_H */
