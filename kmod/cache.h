/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page cache's private header: what cache.c and readahead.c share.
 */
#ifndef FMAPFS_CACHE_H
#define FMAPFS_CACHE_H

#include "proto.h"

/**
 * struct fmapfs_io - a request in flight that the page cache has to do with: a
 *	READ that fills folios, or one that changes data
 * @list: in fmapfs_inode.fills or .changes; guarded by fmapfs_inode.lock
 * @count: references: the list's, the request's, the caller's
 * @inode: whose pages; NULL once somebody has taken it: see fmapfs_io_take()
 * @first: first page
 * @last: last page
 * @pos: READ: bytes from the start of the file
 * @size: READ: bytes of @folios
 * @version: READ: fmapfs_attr_version() before it was sent
 * @filled: READ: the reply has come, and the folios have it
 * @then: change: a request that is held back until this one is finished, or NULL
 * @node: change: holds the node of @inode until then
 * @nr: number of @folios
 * @folios: READ: locked, each with a reference; whoever takes the io unlocks them
 */
struct fmapfs_io {
	struct list_head list;
	refcount_t count;
	struct inode *inode;
	pgoff_t first;
	pgoff_t last;
	loff_t pos;
	size_t size;
	u64 version;
	bool filled;
	struct fmapfs_req *then;
	struct fmapfs_forget *node;
	unsigned int nr;
	struct folio *folios[];
};

/* In cache.c */
struct fmapfs_io *fmapfs_io_new(struct inode *inode, unsigned int max_folios);
struct fmapfs_io *fmapfs_io_get(struct fmapfs_io *io);
void fmapfs_io_put(struct fmapfs_io *io);
struct inode *fmapfs_io_take(struct fmapfs_io *io);
void fmapfs_io_done(struct inode *inode, struct fmapfs_io *io);
bool fmapfs_io_start_fill(struct fmapfs_io *io);
void fmapfs_io_unlock(struct fmapfs_io *io, bool uptodate);
int fmapfs_cache_wait(struct inode *inode);

#endif /* FMAPFS_CACHE_H */
