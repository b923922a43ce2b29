// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the server puts into the page cache of an ordinary file, and what it gets
 * out of it. A file with a map has no page cache: its data are where they are.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "proto.h"

/*
 * The file has grown, if it is shorter: the server knows more than we do. If it
 * has just got a map, its size is that of the map.
 */
static void grow(struct inode *inode, loff_t end)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	if (end > i_size_read(inode) && !fi->map) {
		fi->attr_version =
			atomic64_inc_return(&fmapfs_sb(inode->i_sb)->attr_version);
		i_size_write(inode, end);
	}
	spin_unlock(&fi->lock);
}

/*
 * Puts bytes that lie within a page into the cache. A folio that gets all of its
 * bytes, or all up to the end of the file, needs not be read any more.
 */
static int store_piece(struct inode *inode, loff_t pos, const void *buf,
		       size_t len, bool at_end)
{
	struct folio *folio = filemap_grab_folio(inode->i_mapping,
						 pos >> PAGE_SHIFT);
	size_t at;
	void *to;

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	at = offset_in_folio(folio, pos);
	to = kmap_local_folio(folio, at);
	memcpy(to, buf, len);
	kunmap_local(to);
	flush_dcache_folio(folio);
	if (!folio_test_uptodate(folio) && !at &&
	    (len == folio_size(folio) || at_end)) {
		folio_zero_segment(folio, len, folio_size(folio));
		folio_mark_uptodate(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

/* The file cannot get a map, and with it memory instead of pages, meanwhile. */
static int store_locked(struct inode *inode, loff_t pos, const void *buf,
			size_t len, bool at_end)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	int rc = -EOPNOTSUPP;

	if (down_read_killable(&inode->i_mapping->invalidate_lock))
		return -EINTR;
	/* A READ that this very thread has to answer may have the page. */
	if (fmapfs_cache_freeze(inode, index, index)) {
		rc = store_piece(inode, pos, buf, len, at_end);
		fmapfs_cache_thaw(inode);
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return rc;
}

/**
 * fmapfs_store - put data into the page cache
 * @inode: a file without a map
 * @pos: where, bytes
 * @len: bytes
 * @from: the data
 *
 * The data go by a buffer, for they may lie in a mapping of the very page that
 * they are for. Return: 0; -EINVAL: no regular file; -EOPNOTSUPP: it has a map:
 * its data are in memory that is not ours to write to; or -errno.
 */
int fmapfs_store(struct inode *inode, loff_t pos, u64 len,
		 struct iov_iter *from)
{
	bool at_end;
	void *buf;
	int rc = 0;

	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	if (fmapfs_has_map(inode))
		return -EOPNOTSUPP;
	buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	grow(inode, pos + len);
	at_end = pos + len == i_size_read(inode);
	while (len && !rc) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));

		if (copy_from_iter(buf, n, from) != n)
			rc = -EFAULT;
		else if (fatal_signal_pending(current))
			rc = -EINTR;
		else
			rc = store_locked(inode, pos, buf, n,
					  at_end && n == len);
		pos += n;
		len -= n;
		cond_resched();
	}
	kfree(buf);
	return rc;
}

/**
 * fmapfs_copy_cached - get data out of the page cache
 * @inode: a file without a map
 * @pos: from where, bytes
 * @buf: where to
 * @len: bytes
 *
 * Return: bytes from @pos on that are in the cache. Does not wait.
 */
u32 fmapfs_copy_cached(struct inode *inode, loff_t pos, void *buf, u32 len)
{
	u32 done = 0;

	while (done < len && !fmapfs_has_map(inode)) {
		size_t n = min_t(u32, len - done,
				 PAGE_SIZE - offset_in_page(pos));
		struct folio *folio = filemap_get_folio(inode->i_mapping,
							pos >> PAGE_SHIFT);
		bool uptodate;
		void *at;

		if (IS_ERR(folio))
			break;
		uptodate = folio_test_uptodate(folio);
		if (uptodate) {
			at = kmap_local_folio(folio, offset_in_folio(folio, pos));
			memcpy(buf + done, at, n);
			kunmap_local(at);
		}
		folio_put(folio);
		if (!uptodate)
			break;
		pos += n;
		done += n;
		cond_resched();
	}
	return done;
}
