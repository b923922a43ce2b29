/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of libfmappool know of each other.
 *
 * Locks: that of a reach is taken before that of its private mount. The server thread
 * takes the latter only, and nobody waits for the server with it held.
 */
#ifndef FMAPFS_POOL_I_H
#define FMAPFS_POOL_I_H

#include "pool.h"

struct fuse_fmap;
struct private;
struct private_file;

/* Bytes of a message, at most. */
#define POOL_LINE_MAX	1024

/* ------------------------------------------------------------------------
 * Messages. log.c
 */

/* pool_say - tell a line; @level as for syslog(3). @log may be NULL: nobody is told */
void pool_say(const struct pool_log *log, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* pool_say_lines - the same, of a text of several lines, each after @prefix */
void pool_say_lines(const struct pool_log *log, int level, const char *prefix,
		    const char *text);

/* ------------------------------------------------------------------------
 * The private mount. private.c
 */

/**
 * private_open - mount fmapfs, attached nowhere, and serve it in a thread
 * @p: result; to be closed with private_close()
 * @log: is told what is wrong, and what to do; outlives it
 *
 * Return: 0; -ENOENT: the module is not there; -EPERM: not privileged; or of fsopen,
 * fsconfig, fsmount, INIT.
 */
int private_open(struct private **p, const struct pool_log *log);

/* private_close - unmount, and end the thread; its files are closed */
void private_close(struct private *p);

/* private_push - make an open device index @index. As fuse_fmap_push_daxdev() */
int private_push(struct private *p, unsigned int index, int fd);

/**
 * private_file_open - make a file, and open it
 * @p: the mount
 * @fmap: its map; it is the file's from here on, also on error
 * @flags: of open(2)
 * @file: result; to be given to private_file_close() when it is not mapped any more
 *
 * Return: its fd, to be closed by the caller; or -errno.
 */
int private_file_open(struct private *p, struct fuse_fmap *fmap, int flags,
		      struct private_file **file);

/* private_file_close - when it is back the memory is nobody's */
void private_file_close(struct private *p, struct private_file *file);

/* Has the connection ended, so that there is nothing to be had any more? */
bool private_is_dead(struct private *p);

/* ------------------------------------------------------------------------
 * What lies on devices. medium.c
 */

/* pool_read_super - that of any device; as pool_super() */
int pool_read_super(const struct pool_window *window, uint64_t dev_size,
		    struct media_super *sb, struct media_error *err);

/*
 * pool_next_daxdev - index of the next entry, from @index on, that adds a device. Return:
 * @head's next if there is none, or none before memory that is bad
 */
uint64_t pool_next_daxdev(const struct pool *pool, uint64_t index,
			  const struct media_head *head);

/* ------------------------------------------------------------------------
 * Finding. find.c
 */

/**
 * pool_resolve - the device that a person has named
 * @name: a path, a dax device's name, or the uuid of a namespace
 * @flags: POOL_PLAIN
 * @log: is told what is wrong
 * @dev: result
 *
 * Return: as dev_resolve().
 */
int pool_resolve(const char *name, unsigned int flags, const struct pool_log *log,
		 struct dev_info *dev);

/**
 * pool_look - read the superblock of a device that is in nobody's use
 * @dev: resolved
 * @flags: POOL_PLAIN
 * @log: is told why the device cannot be read; NULL: nobody
 * @sb: result
 * @err: as for media_super_read(); its field is empty if that was not called
 *
 * Return: as media_super_read(), or as pool_reach_add() and pool_window_open().
 */
int pool_look(const struct dev_info *dev, unsigned int flags,
	      const struct pool_log *log, struct media_super *sb,
	      struct media_error *err);

#endif /* FMAPFS_POOL_I_H */
