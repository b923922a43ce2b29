/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool to be looked at: a copy of its superblock and log, replayed, whether the pool
 * is mounted here, is not, or is an image file. It changes nothing, and holds nothing
 * of the pool when it is open: mounting is not in its way.
 */
#ifndef FMAPFS_TOOL_SOURCE_H
#define FMAPFS_TOOL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../media/media.h"

struct pool_log;

/**
 * struct source_args - which pool
 * @name: a path in a mount; or, of a pool that is not mounted here, what pool_open()
 *	takes; or an image file
 * @image: @name is an image file, and so are @others
 * @others: further devices to be looked at, by path; NULL-terminated, or NULL
 * @behind: have entries behind the log's end as well, as far as there is room: fsck
 */
struct source_args {
	const char *name;
	bool image;
	const char *const *others;
	bool behind;
};

/**
 * struct source_super - the superblock of a device that is not the primary one
 * @path: of the device
 * @size: of it, bytes
 * @mem: a copy of the superblock, sizeof(struct famfs_super) bytes
 * @rc: 0: @mem is there; or why it could not be read
 */
struct source_super {
	char path[256];
	uint64_t size;
	uint8_t mem[sizeof(struct famfs_super)];
	int rc;
};

/**
 * struct source_device - a device of the pool
 * @path: or "" if it is not known
 * @missing: it was looked for, and is not there
 */
struct source_device {
	char path[256];
	bool missing;
};

/**
 * struct source - a pool
 * @dir: where it is mounted; or NULL
 * @inside: for a path in a mount: the rest of it, relative to @dir; else ""; owned
 * @ino: likewise: its node id; else MEDIA_INO_ROOT
 * @path: of the primary device or image, or ""
 * @dev_size: of it; 0: not known
 * @super: a copy of the superblock, sizeof(struct famfs_super) bytes
 * @rc: of media_super_read() on it, which says @super_err; -EIO: bad memory
 * @sb: its result; if @rc, what can be guessed, for the log to be read at all
 * @log: a copy of the log
 * @read: bytes of the log that were read; the rest of @log is zeroes
 * @bad: bytes of the log, from its start, before memory that cannot be read; else
 *	UINT64_MAX
 * @fs: what was replayed; NULL if the superblock is wrong
 * @stop: of the replay: 0, or -EUCLEAN and @err
 * @devices: by index, those that the pool has
 * @supers: of other devices that were found; @nsupers of them
 */
struct source {
	char *dir;
	char *inside;
	uint64_t ino;
	char path[256];
	uint64_t dev_size;
	uint8_t super[sizeof(struct famfs_super)];
	int rc;
	struct media_error super_err;
	struct media_super sb;
	struct media_log log;
	uint64_t read;
	uint64_t bad;
	struct media_fs *fs;
	int stop;
	struct media_error err;
	struct source_device devices[MEDIA_DEVICES_MAX];
	struct source_super *supers;
	unsigned int nsupers;
};

/**
 * source_open - have a look at a pool
 * @source: result; to be freed with source_close(), also on error
 * @args: which
 * @msgs: is told what is wrong, if that is an error; outlives the call
 *
 * A superblock or a log that is wrong is no error: look at @rc and @stop. Memory that
 * cannot be read is none, either: see @bad.
 *
 * Return: 0; or -errno, which was told: there is no such pool, it cannot be read.
 */
int source_open(struct source *source, const struct source_args *args,
		const struct pool_log *msgs);
void source_close(struct source *source);

/* source_kernel_devices - paths by the kernel's table of a mount (root only), st_dev */
void source_kernel_devices(struct source_device devices[MEDIA_DEVICES_MAX],
			   uint64_t dev);

/* ------------------------------------------------------------------------
 * Within: source.c for source_find.c
 */

/**
 * struct source_reader - how bytes of a pool are read
 * @read: some bytes of superblock region or log; @off is from the start of that.
 *	Return: bytes from @off that are good, at most @len; -errno
 */
struct source_reader {
	int64_t (*read)(void *ctx, bool log, uint64_t off, void *buf, uint64_t len);
	void *ctx;
};

/* source_load - read superblock and log, and replay them. 0 or -errno, nothing told */
int source_load(struct source *source, const struct source_reader *reader,
		bool behind);

#endif /* FMAPFS_TOOL_SOURCE_H */
