// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page cache of ordinary files: who may touch it while requests are in
 * flight, and taking out of it what holds no longer.
 *
 * A folio is locked while a READ fills it, and much of the kernel waits for the
 * lock of a folio uninterruptibly. What is done to a file must not come to wait for
 * the server by that (migration and memory failure still do, as with FUSE). So an
 * inode knows the READs that hold folios of its, and whoever wants to lock
 * folios freezes the cache first: READs in flight part with their folios, which
 * are unlocked as they are, and no other READ gets any until the cache is thawed.
 * Readers then ask again. The reply to a READ that has lost its folios finds
 * nothing to fill.
 *
 * Data that a request changes at the server are brought up to date here when it
 * has been answered, with the cache frozen: what a READ that was sent before
 * brings is not to come after it. If the caller has been killed before the
 * answer came, nobody knows when the change takes place: the pages are dropped
 * at once, and again when the answer is there.
 *
 * Neither an io nor its request holds the inode. Who takes an io out of the hands
 * of all others (fmapfs_io_take()) may use the inode until the io leaves the
 * inode's list, for which eviction waits: that is short, and never the server's.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "cache.h"

/* --- requests that the cache has to do with --- */

struct fmapfs_io *fmapfs_io_new(struct inode *inode, unsigned int max_folios)
{
	struct fmapfs_io *io;

	io = kzalloc(struct_size(io, folios, max_folios), GFP_KERNEL);
	if (!io)
		return NULL;
	INIT_LIST_HEAD(&io->list);
	refcount_set(&io->count, 1);
	io->inode = inode;
	return io;
}

struct fmapfs_io *fmapfs_io_get(struct fmapfs_io *io)
{
	refcount_inc(&io->count);
	return io;
}

void fmapfs_io_put(struct fmapfs_io *io)
{
	if (refcount_dec_and_test(&io->count))
		kfree(io);
}

/**
 * fmapfs_io_take - be the one who finishes an io
 * @io: the io
 *
 * Return: the inode, which stays until fmapfs_io_done(); NULL: another was first.
 */
struct inode *fmapfs_io_take(struct fmapfs_io *io)
{
	return xchg(&io->inode, NULL);
}

/**
 * fmapfs_io_done - an io that was taken is finished
 * @inode: what fmapfs_io_take() has returned; may go from here on
 * @io: the io; the list's reference is dropped
 */
void fmapfs_io_done(struct inode *inode, struct fmapfs_io *io)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	list_del(&io->list);
	wake_up_all(&fi->io_wait);
	spin_unlock(&fi->lock);
	fmapfs_io_put(io);
}

/**
 * fmapfs_io_start_fill - a READ is about to be sent for locked folios
 * @io: the io, with its folios
 *
 * Return: true; or false: the cache is frozen, the folios are to be unlocked.
 */
bool fmapfs_io_start_fill(struct fmapfs_io *io)
{
	struct fmapfs_inode *fi = fmapfs_i(io->inode);
	bool rc;

	spin_lock(&fi->lock);
	rc = !fi->frozen;
	if (rc)
		list_add_tail(&fmapfs_io_get(io)->list, &fi->fills);
	spin_unlock(&fi->lock);
	return rc;
}

/**
 * fmapfs_io_unlock - let go of the folios
 * @io: the io, not started, or taken by the caller
 * @uptodate: they have their data
 */
void fmapfs_io_unlock(struct fmapfs_io *io, bool uptodate)
{
	unsigned int i;

	for (i = 0; i < io->nr; i++) {
		if (uptodate)
			folio_mark_uptodate(io->folios[i]);
		folio_unlock(io->folios[i]);
		folio_put(io->folios[i]);
	}
}

/* --- freezing --- */

/* Guarded by fi->lock. Those that touch the range and that nobody else has. */
static void take_ios(struct list_head *from, pgoff_t first, pgoff_t last,
		     struct list_head *to)
{
	struct fmapfs_io *io, *next;

	list_for_each_entry_safe(io, next, from, list)
		if (io->first <= last && io->last >= first &&
		    fmapfs_io_take(io))
			list_move_tail(&io->list, to);
}

static void detach(struct list_head *ios)
{
	struct fmapfs_io *io, *next;

	list_for_each_entry_safe(io, next, ios, list) {
		list_del(&io->list);
		fmapfs_io_unlock(io, false);
		fmapfs_io_put(io);
	}
}

/**
 * fmapfs_cache_freeze - from here on no folio is locked for the server's sake
 * @inode: a regular file
 * @first: first page
 * @last: last page
 *
 * Until fmapfs_cache_thaw(). READs of that range that are in flight lose their
 * folios, and none is started. Does not wait; freezings add up. The caller must
 * wait neither for the server nor for the mapping's invalidate_lock before it
 * thaws: a reader may hold that.
 *
 * Return: true; or false: the file has a map, and so no page cache. Nothing is to be
 * done then, nor is it thawed. While it is frozen it gets none.
 */
bool fmapfs_cache_freeze(struct inode *inode, pgoff_t first, pgoff_t last)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	LIST_HEAD(ios);
	bool rc;

	spin_lock(&fi->lock);
	rc = !fi->map;
	if (rc) {
		WRITE_ONCE(fi->frozen, fi->frozen + 1);
		take_ios(&fi->fills, first, last, &ios);
	}
	spin_unlock(&fi->lock);
	detach(&ios);
	return rc;
}

void fmapfs_cache_thaw(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	WRITE_ONCE(fi->frozen, fi->frozen - 1);
	if (!fi->frozen)
		wake_up_all(&fi->io_wait);
	spin_unlock(&fi->lock);
}

/**
 * fmapfs_cache_wait - wait until the cache is not frozen
 * @inode: a regular file
 *
 * Return: 0 or -EINTR.
 */
int fmapfs_cache_wait(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	return wait_event_killable(fi->io_wait, !READ_ONCE(fi->frozen)) ?
	       -EINTR : 0;
}

/* --- dropping pages --- */

/**
 * fmapfs_cache_invalidate - drop pages, that the next read asks the server
 * @inode: a regular file; nothing happens if it has a map
 * @first: first page
 * @last: last page
 *
 * Never waits for the server; a server's thread may call it.
 */
int fmapfs_cache_invalidate(struct inode *inode, pgoff_t first, pgoff_t last)
{
	int rc;

	if (!fmapfs_cache_freeze(inode, first, last))
		return 0;
	rc = invalidate_inode_pages2_range(inode->i_mapping, first, last);
	fmapfs_cache_thaw(inode);
	return rc;
}

/**
 * fmapfs_cache_truncate - the file ends earlier, or has ended earlier meanwhile
 * @inode: a regular file; nothing happens if it has a map
 * @size: where, bytes
 *
 * Never waits for the server.
 */
void fmapfs_cache_truncate(struct inode *inode, loff_t size)
{
	if (!fmapfs_cache_freeze(inode, size >> PAGE_SHIFT, ULONG_MAX))
		return;
	truncate_pagecache(inode, size);
	fmapfs_cache_thaw(inode);
}

/**
 * fmapfs_cache_zero - a range holds zeroes now, or nothing
 * @inode: a regular file without a map
 * @pos: bytes from the start
 * @end: its last byte
 */
void fmapfs_cache_zero(struct inode *inode, loff_t pos, loff_t end)
{
	if (pos > end ||
	    !fmapfs_cache_freeze(inode, pos >> PAGE_SHIFT, end >> PAGE_SHIFT))
		return;
	truncate_pagecache_range(inode, pos, end);
	fmapfs_cache_thaw(inode);
}

static bool idle(struct fmapfs_inode *fi)
{
	bool rc;

	spin_lock(&fi->lock);
	rc = list_empty(&fi->fills) && list_empty(&fi->changes);
	spin_unlock(&fi->lock);
	return rc;
}

/**
 * fmapfs_cache_evict - before the pages of an inode are truncated for good
 * @inode: an inode of any type, which is being evicted
 */
void fmapfs_cache_evict(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	LIST_HEAD(changes);

	fmapfs_cache_freeze(inode, 0, ULONG_MAX);
	spin_lock(&fi->lock);
	take_ios(&fi->changes, 0, ULONG_MAX, &changes);
	spin_unlock(&fi->lock);
	detach(&changes);
	/* For who has taken one before and is about to be done with it. */
	wait_event(fi->io_wait, idle(fi));
}

/* --- changing data --- */

/* Return: bytes dealt with. Under a frozen cache. */
static size_t store(struct address_space *mapping, loff_t pos,
		    const void *data, size_t len)
{
	size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos)), at;
	/* A page that is written in part and not cached is not worth a READ. */
	bool create = n == PAGE_SIZE;
	struct folio *folio;

	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT,
				    FGP_LOCK | FGP_ACCESSED |
				    (create ? FGP_CREAT : 0),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return n;
	at = offset_in_folio(folio, pos);
	n = min_t(size_t, len, folio_size(folio) - at);
	if (folio_test_uptodate(folio) || n == folio_size(folio)) {
		memcpy(folio_address(folio) + at, data, n);
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	return n;
}

/**
 * fmapfs_cache_written - the server has taken data
 * @inode: a regular file without a map; its i_rwsem is held for writing
 * @pos: bytes from the start
 * @data: the data
 * @len: bytes
 *
 * Whole pages are cached, parts of pages if the page is.
 */
void fmapfs_cache_written(struct inode *inode, loff_t pos, const void *data,
			  size_t len)
{
	size_t n;

	if (!fmapfs_cache_freeze(inode, pos >> PAGE_SHIFT,
				 (pos + len - 1) >> PAGE_SHIFT))
		return;
	for (; len; pos += n, data += n, len -= n)
		n = store(inode->i_mapping, pos, data, len);
	fmapfs_cache_thaw(inode);
}

/* Runs when a request that changes data is finished; see transport.h. */
static void change_ended(struct fmapfs_req *req)
{
	struct fmapfs_io *io = req->priv;
	struct inode *inode = req->abandoned ? fmapfs_io_take(io) : NULL;

	if (inode) {
		fmapfs_cache_invalidate(inode, io->first, io->last);
		fmapfs_expire_attr_mask(inode, FMAPFS_ATTR_MODSIZE);
		fmapfs_io_done(inode, io);
	}
	if (io->then)
		fmapfs_req_let_go(io->then);
	fmapfs_forget_put(req->conn, io->node);
	fmapfs_io_put(io);
}

/**
 * fmapfs_change_begin - a request is about to change data of a file
 * @file: an open file without a map, whose handle the request names
 * @pos: bytes from the start
 * @len: bytes
 * @req: the request, not yet sent; its ->end and ->priv are set
 *
 * Return: for fmapfs_change_end(); NULL: no memory.
 */
struct fmapfs_io *fmapfs_change_begin(struct file *file, loff_t pos, u64 len,
				      struct fmapfs_req *req)
{
	const struct fmapfs_file *ff = file->private_data;
	struct fmapfs_inode *fi = fmapfs_i(file_inode(file));
	struct fmapfs_io *io = fmapfs_io_new(&fi->inode, 0);

	if (!io)
		return NULL;
	io->first = pos >> PAGE_SHIFT;
	io->last = (pos + len - 1) >> PAGE_SHIFT;
	io->then = fmapfs_req_hold(ff->release);
	io->node = fmapfs_forget_get(fi->forget);
	spin_lock(&fi->lock);
	list_add_tail(&fmapfs_io_get(io)->list, &fi->changes);
	spin_unlock(&fi->lock);
	req->priv = fmapfs_io_get(io);
	req->end = change_ended;
	return io;
}

/**
 * fmapfs_change_end - the request has been answered, or the caller leaves
 * @io: from fmapfs_change_begin(); consumed
 * @req: the request; to be put only after this
 * @rc: what sending it has returned
 *
 * Of a WRITE that failed it is not known how far it got, and of what the server
 * still has, how it ends: their pages are dropped. Space or a copy that it has
 * refused leaves the data as they were.
 */
void fmapfs_change_end(struct fmapfs_io *io, struct fmapfs_req *req, ssize_t rc)
{
	struct inode *inode = io->inode;

	/* The caller has the inode, whoever has taken the io. */
	if (rc < 0 && inode &&
	    (req->abandoned || req->in->opcode == FUSE_WRITE))
		fmapfs_cache_invalidate(inode, io->first, io->last);
	if (!req->abandoned) {
		inode = fmapfs_io_take(io);
		fmapfs_io_done(inode, io);
	}
	fmapfs_io_put(io);
}
