/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The fmap protocol: FUSE 7.46 with DAX file maps.
 *
 * This header goes on top of the kernel's own <linux/fuse.h>, of any version
 * from 6.1 (protocol 7.38) on, and adds two things to it: what a header older
 * than 7.45 lacks, and the fmap additions. All integers are little-endian.
 * Reserved fields are sent as zero and ignored on receipt unless stated.
 *
 * Changelog
 *   7.46  FUSE_DAX_FMAP, FUSE_GET_FMAP, FUSE_GET_DAXDEV,
 *         FUSE_DEV_IOC_DAXDEV_OPEN
 *
 * GET_FMAP
 *   Request: fuse_in_header.nodeid is the file; body struct fuse_getxattr_in,
 *   whose size says how many bytes of reply the kernel can take.
 *   Reply: one struct fuse_famfs_fmap_header, then
 *     FUSE_FAMFS_EXT_SIMPLE:      nextents x struct fuse_famfs_simple_ext
 *     FUSE_FAMFS_EXT_INTERLEAVE:  nextents x (struct fuse_famfs_iext, then its
 *                                 ie_nstrips x struct fuse_famfs_simple_ext)
 *   -EOPNOTSUPP or -ENOSYS: the file has no fmap.
 *   A reply whose reserved0 is not zero is of the sized dialect: it
 *   names the size of the whole message, is free of the 32 extent cap, and may
 *   be larger than what was asked for, in which case the kernel asks again,
 *   once, with that size.
 *
 * GET_DAXDEV
 *   Request: fuse_in_header.nodeid is the device index; body struct
 *   fuse_get_daxdev_in with the same number.
 *   Reply: exactly one struct fuse_daxdev_out. The name is looked up with the
 *   credentials and in the root of the server, while it writes the reply. Nothing
 *   is opened if these are not the credentials that the request was read with.
 */
#ifndef _LINUX_FUSE_FMAP_H
#define _LINUX_FUSE_FMAP_H

#include <linux/types.h>
#include <linux/ioctl.h>
#include <linux/fuse.h>
#ifndef __KERNEL__
#include <assert.h>
#endif

/*
 * 1. The baseline, protocol 7.45.
 *
 * Enumerators cannot be tested for by the preprocessor, so what came as one is
 * supplied by the minor that brought it; macros are tested for themselves.
 */
#if FUSE_KERNEL_MINOR_VERSION < 39
enum { FUSE_STATX = 52 };

struct fuse_sx_time {
	int64_t		tv_sec;
	uint32_t	tv_nsec;
	int32_t		__reserved;
};

struct fuse_statx {
	uint32_t	mask;
	uint32_t	blksize;
	uint64_t	attributes;
	uint32_t	nlink;
	uint32_t	uid;
	uint32_t	gid;
	uint16_t	mode;
	uint16_t	__spare0[1];
	uint64_t	ino;
	uint64_t	size;
	uint64_t	blocks;
	uint64_t	attributes_mask;
	struct fuse_sx_time	atime;
	struct fuse_sx_time	btime;
	struct fuse_sx_time	ctime;
	struct fuse_sx_time	mtime;
	uint32_t	rdev_major;
	uint32_t	rdev_minor;
	uint32_t	dev_major;
	uint32_t	dev_minor;
	uint64_t	__spare2[14];
};

struct fuse_statx_in {
	uint32_t	getattr_flags;
	uint32_t	reserved;
	uint64_t	fh;
	uint32_t	sx_flags;
	uint32_t	sx_mask;
};

/* @attr_valid, @attr_valid_nsec: how long the attributes hold. */
struct fuse_statx_out {
	uint64_t	attr_valid;
	uint32_t	attr_valid_nsec;
	uint32_t	flags;
	uint64_t	spare[2];
	struct fuse_statx stat;
};
#endif
#if FUSE_KERNEL_MINOR_VERSION < 40
enum { FUSE_NOTIFY_RESEND = 7 };

struct fuse_backing_map {
	int32_t		fd;
	uint32_t	flags;
	uint64_t	padding;
};
#endif
#if FUSE_KERNEL_MINOR_VERSION < 44
enum { FUSE_NOTIFY_INC_EPOCH = 8 };
#endif
#if FUSE_KERNEL_MINOR_VERSION < 45
enum { FUSE_COPY_FILE_RANGE_64 = 53 };
enum { FUSE_NOTIFY_PRUNE = 9 };

struct fuse_copy_file_range_out {
	uint64_t	bytes_copied;
};

/* Followed by @count nodeids of 8 bytes each. */
struct fuse_notify_prune_out {
	uint32_t	count;
	uint32_t	padding;
	uint64_t	spare;
};
#endif

#ifndef FUSE_DEV_IOC_MAGIC
#define FUSE_DEV_IOC_MAGIC		229
#endif
#ifndef FUSE_DEV_IOC_BACKING_OPEN
#define FUSE_DEV_IOC_BACKING_OPEN	_IOW(FUSE_DEV_IOC_MAGIC, 1, \
					     struct fuse_backing_map)
#endif
#ifndef FUSE_DEV_IOC_BACKING_CLOSE
#define FUSE_DEV_IOC_BACKING_CLOSE	_IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
#endif
/* After it, INIT is sent and answered inside mount(2). */
#ifndef FUSE_DEV_IOC_SYNC_INIT
#define FUSE_DEV_IOC_SYNC_INIT		_IO(FUSE_DEV_IOC_MAGIC, 3)
#endif

#ifndef FUSE_CREATE_SUPP_GROUP
#define FUSE_CREATE_SUPP_GROUP		(1ULL << 34)

enum { FUSE_EXT_GROUPS = 32 };

/* Follows a struct fuse_ext_header of that type. */
struct fuse_supp_groups {
	uint32_t	nr_groups;
	uint32_t	groups[];
};
#endif
#ifndef FUSE_HAS_EXPIRE_ONLY
#define FUSE_HAS_EXPIRE_ONLY		(1ULL << 35)
#endif
#ifndef FOPEN_PASSTHROUGH
#define FOPEN_PASSTHROUGH		(1 << 7)
#endif
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP	(1ULL << 36)
#endif
#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH		(1ULL << 37)
#endif
#ifndef FUSE_NO_EXPORT_SUPPORT
#define FUSE_NO_EXPORT_SUPPORT		(1ULL << 38)
#endif
#ifndef FUSE_HAS_RESEND
#define FUSE_HAS_RESEND			(1ULL << 39)
#endif
#ifndef FUSE_ALLOW_IDMAP
#define FUSE_ALLOW_IDMAP		(1ULL << 40)
#endif
#ifndef FUSE_OVER_IO_URING
#define FUSE_OVER_IO_URING		(1ULL << 41)
#endif
#ifndef FUSE_REQUEST_TIMEOUT
#define FUSE_REQUEST_TIMEOUT		(1ULL << 42)
#endif
/* The high bit of a request's unique: it was sent before. */
#ifndef FUSE_UNIQUE_RESEND
#define FUSE_UNIQUE_RESEND		(1ULL << 63)
#endif

/*
 * 2. The additions, protocol 7.46.
 */
#define FUSE_FMAP_KERNEL_MINOR_VERSION	46

/*
 * The flag in both INIT request and reply turns fmaps on; the minor does not.
 * Needs FUSE_INIT_EXT. On /dev/fmapfs the bit is private to the module and its
 * server: since 7.46 the in-tree fuse uses the same bit for an io_uring buffer
 * pool, so it must not reach a libfuse.
 */
#define FUSE_DAX_FMAP			(1ULL << 43)

#define FUSE_GET_FMAP			54
#define FUSE_GET_DAXDEV			55

#define FAMFS_FMAP_VERSION		1
/* The largest message of the plain dialect, and the first buffer, in bytes. */
#define FAMFS_FMAP_MAX			32768
/* The largest message of the sized dialect, in bytes. */
#define FAMFS_FMAP_SIZED_MAX		(16 * 1024 * 1024)
/* Caps of the plain dialect. */
#define FUSE_FAMFS_MAX_EXTENTS		32
#define FUSE_FAMFS_MAX_STRIPS		32
/* Caps of the sized dialect: extents of a file, strips of an extent. */
#define FUSE_FAMFS_SIZED_MAX_EXTENTS	65536
#define FUSE_FAMFS_SIZED_MAX_STRIPS	65536
/* Device indices of a connection are 0 .. 63. */
#define FUSE_FAMFS_MAX_DAXDEVS		64
#define DAXDEV_NAME_MAX			256

enum fuse_famfs_file_type {
	FUSE_FAMFS_FILE_REG = 0,
	FUSE_FAMFS_FILE_SUPERBLOCK = 1,
	FUSE_FAMFS_FILE_LOG = 2,
};

enum famfs_ext_type {
	FUSE_FAMFS_EXT_SIMPLE = 0,
	FUSE_FAMFS_EXT_INTERLEAVE = 1,
};

/**
 * struct fuse_famfs_fmap_header - start of a GET_FMAP reply
 * @file_type: enum fuse_famfs_file_type
 * @reserved: zero
 * @fmap_version: FAMFS_FMAP_VERSION
 * @ext_type: enum famfs_ext_type
 * @nextents: number of simple or of interleaved extents
 * @reserved0: sized dialect: bytes of the whole message; 0: plain dialect
 * @file_size: bytes
 * @reserved1: zero
 */
struct fuse_famfs_fmap_header {
	uint8_t		file_type;
	uint8_t		reserved;
	uint16_t	fmap_version;
	uint32_t	ext_type;
	uint32_t	nextents;
	uint32_t	reserved0;
	uint64_t	file_size;
	uint64_t	reserved1;
};

/**
 * struct fuse_famfs_simple_ext - one contiguous range of a device
 * @se_devindex: index of the device in the connection's table
 * @reserved: zero
 * @se_offset: bytes from the start of the device, a multiple of the page size
 * @se_len: bytes, a multiple of the page size, not zero
 */
struct fuse_famfs_simple_ext {
	uint32_t	se_devindex;
	uint32_t	reserved;
	uint64_t	se_offset;
	uint64_t	se_len;
};

/**
 * struct fuse_famfs_iext - an interleaved extent; its strips follow directly
 * @ie_nstrips: number of strips
 * @ie_chunk_size: bytes, a power of two, at least the page size
 * @ie_nbytes: bytes of the file that the extent covers; the strips may hold
 *	more
 * @reserved: zero
 */
struct fuse_famfs_iext {
	uint32_t	ie_nstrips;
	uint32_t	ie_chunk_size;
	uint64_t	ie_nbytes;
	uint64_t	reserved;
};

/**
 * struct fuse_get_daxdev_in - body of a GET_DAXDEV request
 * @daxdev_num: the device index asked for, the same as the header's nodeid
 */
struct fuse_get_daxdev_in {
	uint32_t	daxdev_num;
};

/**
 * struct fuse_daxdev_out - the reply to GET_DAXDEV
 * @index: the device index that was asked for
 * @name: NUL-terminated path, such as /dev/pmem0 or /dev/dax0.0
 */
struct fuse_daxdev_out {
	uint16_t	index;
	uint16_t	reserved;
	uint32_t	reserved2;
	uint64_t	reserved3;
	uint64_t	reserved4;
	char		name[DAXDEV_NAME_MAX];
};

/**
 * struct fuse_daxdev_open - argument of FUSE_DEV_IOC_DAXDEV_OPEN
 * @fd: an open fd of a pmem block device or of a DAX character device
 * @flags: zero
 * @daxdev_index: the device index to give it, < FUSE_FAMFS_MAX_DAXDEVS
 *
 * Hands over a device before the kernel has to ask for it. Idempotent.
 * EINVAL: index out of range, unknown flags, or a wrong kind of fd;
 * EEXIST: the index names another device already;
 * EOPNOTSUPP: FUSE_DAX_FMAP was not agreed on.
 */
struct fuse_daxdev_open {
	int32_t		fd;
	uint32_t	flags;
	uint64_t	daxdev_index;
};

#define FUSE_DEV_IOC_DAXDEV_OPEN	_IOW(FUSE_DEV_IOC_MAGIC, 4, \
					     struct fuse_daxdev_open)

/* The smallest fmap message: a header and one simple extent, in bytes. */
#define fmap_msg_min_size() \
	(sizeof(struct fuse_famfs_fmap_header) + \
	 sizeof(struct fuse_famfs_simple_ext))

/*
 * 3. The layout, checked wherever this header is used.
 */
#define FUSE_FMAP_SIZE(type, bytes) \
	static_assert(sizeof(struct type) == (bytes), \
		      "struct " #type " is " #bytes " bytes")
#define FUSE_FMAP_AT(type, field, at) \
	static_assert(__builtin_offsetof(struct type, field) == (at), \
		      #type "." #field " is at " #at)

FUSE_FMAP_SIZE(fuse_notify_prune_out, 16);
FUSE_FMAP_AT(fuse_notify_prune_out, count, 0);
FUSE_FMAP_AT(fuse_notify_prune_out, padding, 4);
FUSE_FMAP_AT(fuse_notify_prune_out, spare, 8);

FUSE_FMAP_SIZE(fuse_backing_map, 16);

FUSE_FMAP_SIZE(fuse_statx, 256);
FUSE_FMAP_SIZE(fuse_statx_in, 24);
FUSE_FMAP_SIZE(fuse_statx_out, 288);

FUSE_FMAP_SIZE(fuse_famfs_fmap_header, 32);
FUSE_FMAP_AT(fuse_famfs_fmap_header, file_type, 0);
FUSE_FMAP_AT(fuse_famfs_fmap_header, reserved, 1);
FUSE_FMAP_AT(fuse_famfs_fmap_header, fmap_version, 2);
FUSE_FMAP_AT(fuse_famfs_fmap_header, ext_type, 4);
FUSE_FMAP_AT(fuse_famfs_fmap_header, nextents, 8);
FUSE_FMAP_AT(fuse_famfs_fmap_header, reserved0, 12);
FUSE_FMAP_AT(fuse_famfs_fmap_header, file_size, 16);
FUSE_FMAP_AT(fuse_famfs_fmap_header, reserved1, 24);

FUSE_FMAP_SIZE(fuse_famfs_simple_ext, 24);
FUSE_FMAP_AT(fuse_famfs_simple_ext, se_devindex, 0);
FUSE_FMAP_AT(fuse_famfs_simple_ext, reserved, 4);
FUSE_FMAP_AT(fuse_famfs_simple_ext, se_offset, 8);
FUSE_FMAP_AT(fuse_famfs_simple_ext, se_len, 16);

FUSE_FMAP_SIZE(fuse_famfs_iext, 24);
FUSE_FMAP_AT(fuse_famfs_iext, ie_nstrips, 0);
FUSE_FMAP_AT(fuse_famfs_iext, ie_chunk_size, 4);
FUSE_FMAP_AT(fuse_famfs_iext, ie_nbytes, 8);
FUSE_FMAP_AT(fuse_famfs_iext, reserved, 16);

FUSE_FMAP_SIZE(fuse_get_daxdev_in, 4);
FUSE_FMAP_AT(fuse_get_daxdev_in, daxdev_num, 0);

FUSE_FMAP_SIZE(fuse_daxdev_out, 280);
FUSE_FMAP_AT(fuse_daxdev_out, index, 0);
FUSE_FMAP_AT(fuse_daxdev_out, reserved, 2);
FUSE_FMAP_AT(fuse_daxdev_out, reserved2, 4);
FUSE_FMAP_AT(fuse_daxdev_out, reserved3, 8);
FUSE_FMAP_AT(fuse_daxdev_out, reserved4, 16);
FUSE_FMAP_AT(fuse_daxdev_out, name, 24);

FUSE_FMAP_SIZE(fuse_daxdev_open, 16);
FUSE_FMAP_AT(fuse_daxdev_open, fd, 0);
FUSE_FMAP_AT(fuse_daxdev_open, flags, 4);
FUSE_FMAP_AT(fuse_daxdev_open, daxdev_index, 8);

static_assert(FUSE_DEV_IOC_DAXDEV_OPEN == 0x4010e504,
	      "FUSE_DEV_IOC_DAXDEV_OPEN is 0x4010e504");
static_assert(fmap_msg_min_size() == 56, "the smallest fmap is 56 bytes");

#undef FUSE_FMAP_SIZE
#undef FUSE_FMAP_AT

#endif /* _LINUX_FUSE_FMAP_H */
