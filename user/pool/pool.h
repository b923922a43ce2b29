/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libfmappool: the devices of a pool, and how to reach what lies on them.
 *
 * Memory that files are on can be mapped in one way only, on every kernel and every
 * kind of device: through a file. So there is a private mount of fmapfs, attached
 * nowhere, that this process serves in a thread of its own; a window is a file on it,
 * mapped. The kernel lets no two files have one page: what a mounted pool uses, no
 * window shows, and the other way round (-EEXIST). Image files and block devices
 * without DAX are mapped as they are.
 *
 * Functions return 0 or -errno; messages for people go to struct pool_log. A pool and
 * its windows may be used by several threads at once.
 */
#ifndef FMAPFS_POOL_H
#define FMAPFS_POOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "../devices/devices.h"
#include "../media/media.h"

/* A host is known by this; its path, unless another is given. famfs has it there. */
#define POOL_SYSTEM_UUID	"/opt/famfs/system_uuid"

/**
 * struct pool_log - who is told what is wrong
 * @line: a line without a newline; @level as for syslog(3)
 */
struct pool_log {
	void (*line)(void *ctx, int level, const char *text);
	void *ctx;
};

/* ------------------------------------------------------------------------
 * Windows. window.c, private.c
 */

/* Devices, by index, and windows into them. */
struct pool_reach;

/**
 * struct pool_window - memory, mapped
 * @mem: its first byte; @len: bytes
 * The rest is the library's.
 */
struct pool_window {
	void *mem;
	uint64_t len;
	void *impl;
};

#define POOL_WRITE	(1U << 0)	/* windows can be written */
#define POOL_PLAIN	(1U << 1)	/* image files, devices without DAX will do */
#define POOL_ALONE	(1U << 2)	/* what is mapped as it is, is claimed; see pool_claim() */

/* pool_reach_open - without devices; @flags: POOL_*; @log: must outlive it */
int pool_reach_open(struct pool_reach **reach, unsigned int flags,
		    const struct pool_log *log);
void pool_reach_close(struct pool_reach *reach);

/**
 * pool_reach_add - add a device
 * @index: 0 to 63, not used yet
 * @dev: resolved; copied
 *
 * The first DAX device has the private mount made: a program that is to go into the
 * background does so before.
 *
 * Return: 0; -EEXIST: the index is used, or the memory is that of another device here;
 * -EINVAL; -EOPNOTSUPP: no DAX, and no POOL_PLAIN; -ENOENT, -EPERM: as below; or what
 * the device says when it is opened (-EBUSY: it is another's, see also pool_claim()).
 */
int pool_reach_add(struct pool_reach *reach, unsigned int index,
		   const struct dev_info *dev);
void pool_reach_remove(struct pool_reach *reach, unsigned int index);

/**
 * pool_window_open - map ranges of devices, one behind the other, or interleaved
 * @reach: the devices
 * @map: where; its devindex are those of pool_reach_add()
 * @len: bytes of it to be mapped: a multiple of the page size, covered by @map
 * @window: result; to be closed with pool_window_close()
 *
 * The mapping is MADV_DONTFORK. A fault in it needs nobody, once it is open. @map is
 * checked; DAX devices and others cannot be mixed in it.
 *
 * Return: 0; -EEXIST: some of it is a file's, on this host, at the moment; -ENODEV: no
 * such device; -ENOENT: the module is not loaded; -EPERM: not privileged; -EINVAL,
 * -ERANGE, -EOVERFLOW: the map is none; or of mount, open, mmap.
 */
int pool_window_open(struct pool_reach *reach, const struct famfs_fmap *map,
		     uint64_t len, struct pool_window *window);
/* pool_window_range - the same for one range of one device */
int pool_window_range(struct pool_reach *reach, unsigned int index, uint64_t off,
		      uint64_t len, struct pool_window *window);
/*
 * pool_window_close - when it is back the memory may be another file's. @window is
 * emptied; to close it again does nothing.
 */
void pool_window_close(struct pool_reach *reach, struct pool_window *window);

/* ------------------------------------------------------------------------
 * Pools. pool.c
 */

/**
 * struct pool_args - which pool
 * @name: of its primary device: a path, a dax device (dax0.0), a namespace's uuid; or
 *	the uuid of the pool, which all devices are looked through for
 * @others: further devices to look at first, by path; NULL-terminated, or NULL
 * @flags: POOL_*
 * @missing_ok: go on without secondary devices that are not found
 */
struct pool_args {
	const char *name;
	const char *const *others;
	unsigned int flags;
	bool missing_ok;
};

/**
 * struct pool - a pool that is not mounted here, open
 * @reach: its devices, at the pool's own indices
 * @super, @log: windows
 * @sb: checked
 * @media_log: for media_log_*(); in @log
 * @devs: resolved; devs[i].size 0: missing
 * @ndevs: highest index + 1
 */
struct pool {
	struct pool_reach *reach;
	struct pool_window super;
	struct pool_window log;
	struct media_super sb;
	struct media_log media_log;
	struct dev_info devs[MEDIA_DEVICES_MAX];
	unsigned int ndevs;
	const struct pool_log *msgs;
	unsigned int flags;
};

/**
 * pool_open - find a pool and its devices, and map superblock and log
 * @pool: result; to be closed with pool_close()
 * @args: which
 * @log: is told what is wrong, what it means, and what to do; outlives the pool
 *
 * Return: 0; -ENODATA: there is no pool on it; -EUCLEAN: superblock or log header are
 * wrong; -EOPNOTSUPP: another version; -ENODEV: a device of it is not there; -EEXIST: it
 * is mounted on this host; -EINVAL: it is a secondary device; -ENOTUNIQ: several fit; or
 * as dev_resolve(), pool_reach_add() and pool_window_open().
 */
int pool_open(struct pool **pool, const struct pool_args *args,
	      const struct pool_log *log);
void pool_close(struct pool *pool);

/**
 * pool_claim - be the only one that appends to a pool
 *
 * The module holds DAX devices exclusively; of image files and other devices without DAX
 * the primary one is locked, by flock(2), until the pool is closed. The master does this.
 * Clients, and who only looks, take no lock, and may be there at the same time, also in
 * the same process. Who writes devices over (mkfs) or adds some opens with POOL_ALONE,
 * which does the same with each of them when it is added.
 *
 * Return: 0; -EBUSY: another program (or another pool of this one) has it, which is told.
 */
int pool_claim(struct pool *pool);

/**
 * pool_add_device - have the pool reach a device that its log has added meanwhile
 *
 * Looks for it as pool_open() does, whose @others are still used. May be called again
 * and again: all devices are looked through only if there are others than last time,
 * or after half a minute. By one thread at a time.
 *
 * Return: 0 (also if it is there already), -ENODEV, ...
 */
int pool_add_device(struct pool *pool, unsigned int index,
		    const struct media_device *device);

/* ------------------------------------------------------------------------
 * Superblock and log, whose memory may be bad. medium.c
 *
 * As the functions of libfmapmedia, and -EIO: err->offset says where. An entry whose
 * appending has failed so is in the log only if the header tells of it.
 */

/* pool_super - as it is now. As media_super_read() */
int pool_super(const struct pool *pool, struct media_super *now,
	       struct media_error *err);
/* pool_log_head, _log_entry, _append - as media_log_*() */
int pool_log_head(const struct pool *pool, struct media_head *head,
		  struct media_error *err);
int pool_log_entry(const struct pool *pool, uint64_t index,
		   struct famfs_entry *entry, struct media_error *err);
int pool_append(const struct pool *pool, struct famfs_entry *entry,
		struct media_error *err);
/* pool_replay - as media_fs_replay() */
int pool_replay(const struct pool *pool, struct media_fs *fs,
		struct media_error *err);

/* pool_strerror - what one of these has returned, in words; as media_strerror() */
char *pool_strerror(int rc, const struct media_error *err, char *buf, size_t size);

/* ------------------------------------------------------------------------
 * All pools. find.c
 */

/**
 * struct pool_found - a device that a pool lies on
 */
struct pool_found {
	struct dev_info dev;
	struct media_super sb;
};

/**
 * pool_scan - look at all DAX devices of this host
 * @found: result, one element for each that has a superblock; to be freed
 * @count: result
 *
 * Devices that are in use cannot be looked at in this way; they are left out.
 */
int pool_scan(struct pool_found **found, unsigned int *count,
	      const struct pool_log *log);

/* pool_list_devices - all that could be used, pools or not; as dev_list() */
int pool_list_devices(struct dev_info **devs, unsigned int *count);

/* ------------------------------------------------------------------------
 * This host. system.c
 */

/**
 * pool_system_uuid - by what this host is known
 * @path: file with the uuid in text; NULL: POOL_SYSTEM_UUID
 * @create: make one if there is none (its directory also)
 *
 * Return: 0; -ENOENT; -EINVAL: that is no uuid; or of open, read, write, rename.
 */
int pool_system_uuid(const char *path, bool create, uint8_t uuid[16]);

#endif /* FMAPFS_POOL_H */
