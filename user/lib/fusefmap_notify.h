/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libfusefmap: what a server tells the kernel by itself. Part of <fusefmap.h>,
 * which is to be included.
 */
#ifndef FUSEFMAP_NOTIFY_H
#define FUSEFMAP_NOTIFY_H

#include <stdint.h>
#include <fuse_lowlevel.h>

struct fuse_fmap_session;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * fuse_fmap_push_daxdev - give the kernel a device before it asks for it
 * @fs: the session, after INIT
 * @index: its index, 0 to FUSE_FAMFS_MAX_DAXDEVS - 1
 * @fd: open fd of a pmem block device or DAX character device; stays the
 *	caller's, who may close it afterwards
 *
 * Return: 0, also if that index is that device already; -EINVAL: wrong index,
 * or a wrong kind of fd; -EEXIST: the index is another device; -EOPNOTSUPP:
 * fmaps were not agreed on; -ENOTCONN: no device fd; -EBUSY: the device is in
 * use otherwise.
 */
int fuse_fmap_push_daxdev(struct fuse_fmap_session *fs, uint32_t index, int fd);

/**
 * fuse_fmap_clear_bad - have memory used again that has failed
 * @fs: the session, after INIT
 * @index: its device's index
 * @offset: bytes from the start of the device; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * Where memory has failed, or its driver knows it to be poisoned, files cannot be
 * accessed; /sys/fs/fmapfs/MOUNT/bad_memory lists that. This says that what such
 * memory held may be given up: the kernel clears it, if it can, and it is zeroes
 * then. Good memory in the range is not touched. The files' maps stay; a server
 * that has other memory for a file changes its map instead.
 *
 * May be called by any thread, also by one that has a request unanswered. It may
 * take a while, as firmware may be asked.
 *
 * Return: 0: nothing there is bad any more; -EOPNOTSUPP: fmaps were not agreed on,
 * or nobody knows how to clear some of it; -EIO: the driver has failed to; -ENOSPC:
 * too many bad ranges around it, begin with another; -EBUSY: another mount has
 * files there; -EROFS: the device may only be read; -EINVAL: the range is empty, is
 * not on the device or not in whole pages, or there can be no such index; -ENODEV:
 * there is no such device, or it was removed; -EINTR; -ENOSYS: the module is too
 * old; -ENOTCONN, -EPERM: there is no mount. In the first five cases some of it may
 * have been cleared: what is listed still is bad.
 */
int fuse_fmap_clear_bad(struct fuse_fmap_session *fs, uint32_t index,
			uint64_t offset, uint64_t len);

/*
 * Notifications. libfuse's own fuse_lowlevel_notify_*() work on
 * fuse_fmap_session_fuse(); these are the ones that it lacks in some version, so
 * that a server need not care. None may be sent by a thread that has a request
 * on the same file unanswered: the kernel may wait for that.
 */

/**
 * fuse_fmap_notify_refresh - make the kernel forget a file's map and pages
 * @fs: the session, after INIT
 * @ino: node id of the file
 *
 * The kernel unmaps the file, waits for pages in use, drops the map and asks
 * again at the next access; then attributes and map are the new ones. (It is
 * INVAL_INODE with a range of data.)
 *
 * Return: 0; -ENOENT: the kernel does not know @ino, nothing was to be done;
 * -ENOTCONN: there is no device; or the error of the device write.
 */
int fuse_fmap_notify_refresh(struct fuse_fmap_session *fs, fuse_ino_t ino);

/**
 * fuse_fmap_notify_expire - have the kernel ask again for a name
 * @fs: the session, after INIT
 * @parent: node id of the directory
 * @name: the name in it
 *
 * Unlike fuse_lowlevel_notify_inval_entry() it detaches nothing that is mounted
 * on or below the name: only the time is up for which the entry was valid.
 *
 * Return: 0; -ENOENT: the kernel does not know the name; -EINVAL: no name;
 * -ENAMETOOLONG; -ENOTCONN; or the error of the device write.
 */
int fuse_fmap_notify_expire(struct fuse_fmap_session *fs, fuse_ino_t parent,
			    const char *name);

/**
 * fuse_fmap_notify_inc_epoch - have the kernel ask again for all names
 * @fs: the session, after INIT
 *
 * Every name that was looked up before is looked up again when it is used next.
 *
 * Return: 0; -ENOTCONN; or the error of the device write.
 */
int fuse_fmap_notify_inc_epoch(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_notify_prune - ask the kernel to let go of unused inodes
 * @fs: the session, after INIT
 * @inos: node ids
 * @count: how many; 1 to 4096
 *
 * Return: 0; -EINVAL: @count; -ENOTCONN; or the error of the device write.
 */
int fuse_fmap_notify_prune(struct fuse_fmap_session *fs,
			   const fuse_ino_t *inos, uint32_t count);

/**
 * fuse_fmap_notify_resend - have the kernel send again what is unanswered
 * @fs: the session
 *
 * fuse_fmap_session_resume() does so by itself. Requests that this process has
 * got, and will answer, are sent again as well.
 *
 * Return: 0; -ENOTCONN; or the error of the device write.
 */
int fuse_fmap_notify_resend(struct fuse_fmap_session *fs);

#ifdef __cplusplus
}
#endif

#endif /* FUSEFMAP_NOTIFY_H */
