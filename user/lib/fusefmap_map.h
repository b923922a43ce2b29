/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libfusefmap: maps: made, checked, looked into. Part of <fusefmap.h>, whose
 * conventions hold here; needs neither a session nor libfuse.
 */
#ifndef FUSEFMAP_MAP_H
#define FUSEFMAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse_fmap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A checked map of a file, as the kernel module sees it. Opaque, immutable. */
struct fuse_fmap;

/* Room for the message of fuse_fmap_strerror(), including the final NUL. */
#define FUSE_FMAP_ERROR_MAX	192

/**
 * struct fuse_fmap_error - what is wrong with a map, and where
 * @at: offset in the message of the culprit
 * @field: its name, as in <linux/fuse_fmap.h>; static storage
 * @value: what it says
 * @rule: what it should have been, in words; static storage
 */
struct fuse_fmap_error {
	size_t at;
	const char *field;
	uint64_t value;
	const char *rule;
};

/**
 * struct fuse_fmap_info - what a map says in general
 * @file_size: size of the file
 * @covered: bytes that the extents cover, at least @file_size
 * @dev_mask: bit i is set: device index i occurs
 * @message_size: bytes of the message that fuse_fmap_serialize() makes
 * @nextents: number of extents
 * @nranges: number of ranges: simple extents, or strips
 * @ext_type: enum famfs_ext_type
 * @file_type: enum fuse_famfs_file_type
 */
struct fuse_fmap_info {
	uint64_t file_size;
	uint64_t covered;
	uint64_t dev_mask;
	size_t message_size;
	uint32_t nextents;
	uint32_t nranges;
	uint32_t ext_type;
	uint32_t file_type;
};

/**
 * struct fuse_fmap_target - where a range of a file lies
 * @range: index of the range, as for fuse_fmap_range()
 * @dev: device index
 * @dev_off: bytes from the start of the device
 * @len: bytes that are contiguous from there, at most what was wanted
 */
struct fuse_fmap_target {
	uint32_t range;
	uint32_t dev;
	uint64_t dev_off;
	uint64_t len;
};

/**
 * fuse_fmap_simple - make a map of simple extents
 * @fmapp: result; to be freed with fuse_fmap_free()
 * @file_type: FUSE_FAMFS_FILE_REG, _SUPERBLOCK or _LOG
 * @file_size: size of the file
 * @ext: the extents, in the order of the file; reserved fields are ignored
 * @count: how many; 1 to FUSE_FAMFS_SIZED_MAX_EXTENTS
 * @err: says what is wrong, in terms of the message, if the return value is
 *	neither 0 nor -ENOMEM; may be NULL
 *
 * More than FUSE_FAMFS_MAX_EXTENTS extents make a message of the sized dialect.
 *
 * Return: 0, or -ENOMEM, or what the kernel would refuse the map with (see
 * fuse_fmap_parse()). On error *@fmapp is untouched.
 */
int fuse_fmap_simple(struct fuse_fmap **fmapp, uint32_t file_type,
		     uint64_t file_size,
		     const struct fuse_famfs_simple_ext *ext, uint32_t count,
		     struct fuse_fmap_error *err);

/**
 * fuse_fmap_interleaved - make a map of interleaved extents
 * @fmapp: result; to be freed with fuse_fmap_free()
 * @file_type: FUSE_FAMFS_FILE_REG, _SUPERBLOCK or _LOG
 * @file_size: size of the file
 * @iext: the extents, in the order of the file; reserved fields are ignored
 * @count: how many; 1 to FUSE_FAMFS_SIZED_MAX_EXTENTS
 * @strips: the strips of all of them one after another, so as many as the sum
 *	of their ie_nstrips
 * @err: says what is wrong; may be NULL
 *
 * More than FUSE_FAMFS_MAX_EXTENTS extents, or than FUSE_FAMFS_MAX_STRIPS strips
 * in one, make a message of the sized dialect.
 *
 * Return: as fuse_fmap_simple().
 */
int fuse_fmap_interleaved(struct fuse_fmap **fmapp, uint32_t file_type,
			  uint64_t file_size,
			  const struct fuse_famfs_iext *iext, uint32_t count,
			  const struct fuse_famfs_simple_ext *strips,
			  struct fuse_fmap_error *err);

/**
 * fuse_fmap_parse - make a map from a message, by the kernel's own code
 * @fmapp: result; to be freed with fuse_fmap_free()
 * @msg: the message, of any alignment; not referred to after the call
 * @len: bytes of it
 * @err: says what is wrong, if the return value is neither 0 nor -ENOMEM; may be
 *	NULL
 *
 * What only the kernel knows is not checked: whether devices exist and are large
 * enough (fuse_fmap_check_device()), other files (fuse_fmap_overlap()), and the
 * file's attributes. The page size is this machine's.
 *
 * Return: 0; -EINVAL, -ERANGE, -EOVERFLOW, -ENODEV: the kernel would refuse it
 * with that error; -ENOMEM. On error *@fmapp is untouched.
 */
int fuse_fmap_parse(struct fuse_fmap **fmapp, const void *msg, size_t len,
		    struct fuse_fmap_error *err);

/**
 * fuse_fmap_check - would the kernel accept this message?
 * @msg: the message, of any alignment
 * @len: bytes of it
 * @err: as for fuse_fmap_parse(); may be NULL
 *
 * Return: as fuse_fmap_parse().
 */
int fuse_fmap_check(const void *msg, size_t len, struct fuse_fmap_error *err);

/**
 * fuse_fmap_check_device - does a map stay within a device?
 * @fmap: the map
 * @dev: device index
 * @dev_size: size of that device
 * @err: says what is wrong; may be NULL
 *
 * Return: 0; -ERANGE: a range ends beyond the device.
 */
int fuse_fmap_check_device(const struct fuse_fmap *fmap, uint32_t dev,
			   uint64_t dev_size, struct fuse_fmap_error *err);

/**
 * fuse_fmap_strerror - put an error into words
 * @err: the error
 * @buf: takes the message, NUL-terminated, cut short if need be
 * @size: bytes at @buf; FUSE_FMAP_ERROR_MAX is enough
 *
 * Return: @buf, "se_offset at byte 40 is 4097 (0x1001), should be a multiple of
 * the page size" for example.
 */
char *fuse_fmap_strerror(const struct fuse_fmap_error *err, char *buf,
			 size_t size);

/**
 * fuse_fmap_free - free a map
 * @fmap: the map, or NULL
 */
void fuse_fmap_free(struct fuse_fmap *fmap);

/**
 * fuse_fmap_get_info - what a map says in general
 * @fmap: the map
 * @info: result
 */
void fuse_fmap_get_info(const struct fuse_fmap *fmap,
			struct fuse_fmap_info *info);

/**
 * fuse_fmap_range - one contiguous range of a device that a map names
 * @fmap: the map
 * @i: 0 to nranges - 1; the order is that of the message
 * @range: result
 *
 * Return: 0; -ERANGE: @i.
 */
int fuse_fmap_range(const struct fuse_fmap *fmap, uint32_t i,
		    struct fuse_famfs_simple_ext *range);

/**
 * fuse_fmap_resolve - where a range of a file lies, by the kernel's own code
 * @fmap: the map
 * @off: bytes from the start of the file
 * @wanted: bytes, not 0
 * @target: result
 *
 * Return: 0; -ERANGE: @off is beyond what the extents cover; -EINVAL: @wanted
 * is 0.
 */
int fuse_fmap_resolve(const struct fuse_fmap *fmap, uint64_t off,
		      uint64_t wanted, struct fuse_fmap_target *target);

/**
 * fuse_fmap_equal - do two maps say the same?
 * @a: one
 * @b: the other
 */
bool fuse_fmap_equal(const struct fuse_fmap *a, const struct fuse_fmap *b);

/**
 * fuse_fmap_serialize - make the message that says what a map says
 * @fmap: the map
 * @buf: takes the message
 * @size: bytes at @buf, at least message_size of struct fuse_fmap_info
 *
 * Return: the bytes written; -EOVERFLOW: @size is too small.
 */
int fuse_fmap_serialize(const struct fuse_fmap *fmap, void *buf, size_t size);

/**
 * struct fuse_fmap_overlap - two maps claim the same bytes of a device
 * @first: index of one of the maps; less than or equal to @second
 * @second: index of the other; the same: the map overlaps itself
 * @dev: device index
 * @dev_off: bytes from the start of the device to the first byte in common
 * @len: bytes in common
 */
struct fuse_fmap_overlap {
	size_t first;
	size_t second;
	uint32_t dev;
	uint64_t dev_off;
	uint64_t len;
};

/**
 * fuse_fmap_overlaps - do maps of live files overlap? The kernel refuses that.
 * @fmaps: the maps, all in terms of the same device indices; NULL entries are
 *	skipped
 * @count: how many
 * @overlap: result, the one lowest on the lowest device; may be NULL
 *
 * Takes O(n log n) for n ranges in all. The same map given twice overlaps.
 *
 * Return: 0: no two overlap; -EEXIST: two do, see @overlap; -ENOMEM.
 */
int fuse_fmap_overlaps(const struct fuse_fmap *const *fmaps, size_t count,
		       struct fuse_fmap_overlap *overlap);

#ifdef __cplusplus
}
#endif

#endif /* FUSEFMAP_MAP_H */
