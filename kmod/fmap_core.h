/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fmap of a file: which ranges of which devices make it up.
 *
 * Pure functions on immutable data: no locks, no messages, no globals. The same
 * code runs in the kernel, in libfusefmap and in fmapfsd. Rules and errors are
 * those of the protocol (uapi/linux/fuse_fmap.h).
 */
#ifndef FMAPFS_FMAP_CORE_H
#define FMAPFS_FMAP_CORE_H

#include "fmap_env.h"

/**
 * struct fmap_run - one contiguous range of a device: a simple extent or a strip
 * @dev_off: bytes from the start of the device
 * @len: bytes
 * @dev: device index, < FUSE_FAMFS_MAX_DAXDEVS
 */
struct fmap_run {
	u64 dev_off;
	u64 len;
	u32 dev;
};

/**
 * struct fmap_extent - one extent of a file
 * @file_off: where in the file it begins, bytes: the sum of those before it
 * @nbytes: how much of the file it covers, bytes; the last interleaved one may
 *	end within a page
 * @first_run: index of its run, or of the first of its strips, in fmap.runs
 * @nruns: 1, or the number of strips
 * @chunk_shift: interleaved: log2 of the chunk size in bytes; simple: 0
 */
struct fmap_extent {
	u64 file_off;
	u64 nbytes;
	u32 first_run;
	u32 nruns;
	u8 chunk_shift;
};

/**
 * struct fmap - the checked, decoded map of a file; immutable once made
 * @file_size: bytes of the file; @covered is no less
 * @covered: bytes that the extents cover
 * @dev_mask: bit i: device index i occurs
 * @nextents: entries of @extents
 * @nruns: entries of @runs
 * @wire_size: bytes of the message that fmap_encode() makes
 * @ext_type: enum famfs_ext_type
 * @file_type: enum fuse_famfs_file_type
 * @extent_shift: log2 of the size in bytes that all extents but the last share
 *	(the last is no larger), which makes the lookup O(1); 0: they share none
 * @extents: in file order, within the same allocation
 * @runs: within the same allocation
 */
struct fmap {
	u64 file_size;
	u64 covered;
	u64 dev_mask;
	u32 nextents;
	u32 nruns;
	u32 wire_size;
	u8 ext_type;
	u8 file_type;
	u8 extent_shift;
	struct fmap_extent *extents;
	struct fmap_run *runs;
};

/**
 * struct fmap_error - what is wrong with a message, and where
 * @at: offset of the culprit in the message, bytes
 * @field: name of the culprit, as in the uapi header; static storage
 * @value: what the field says
 * @rule: what it should have been, in words; static storage
 */
struct fmap_error {
	size_t at;
	const char *field;
	u64 value;
	const char *rule;
};

/**
 * struct fmap_target - where a range of a file lies
 * @run: index of the run in fmap.runs
 * @dev: device index
 * @dev_off: bytes from the start of the device
 * @len: bytes that are contiguous from there, at most what was wanted
 */
struct fmap_target {
	u32 run;
	u32 dev;
	u64 dev_off;
	u64 len;
};

/* In fmap_wire.c */
size_t fmap_wanted_size(const void *msg, size_t len);
int fmap_decode(const void *msg, size_t len, u32 page_size,
		struct fmap **fmapp, struct fmap_error *err);
int fmap_check_device(const struct fmap *fmap, u32 dev, u64 dev_size,
		      struct fmap_error *err);
size_t fmap_run_at(const struct fmap *fmap, u32 i);
int fmap_encode(const struct fmap *fmap, void *buf, size_t size);
void fmap_destroy(struct fmap *fmap);

/* In fmap_resolve.c */
int fmap_resolve(const struct fmap *fmap, u64 off, u64 wanted,
		 struct fmap_target *target);
bool fmap_equal(const struct fmap *a, const struct fmap *b);

#endif /* FMAPFS_FMAP_CORE_H */
