// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading, writing and mapping ordinary files: by the page cache, or, with
 * FOPEN_DIRECT_IO or O_DIRECT, past it. What is written goes to the server at
 * once; the cache is never dirty.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/task_io_accounting_ops.h>
#include <linux/uio.h>
#include "proto.h"

static const struct fmapfs_file *ff_of(const struct kiocb *iocb)
{
	return iocb->ki_filp->private_data;
}

/**
 * fmapfs_ordinary_begin - have a file stay an ordinary one, if it is
 * @inode: a regular file
 *
 * Return: true: until fmapfs_ordinary_end() it gets no map; false: it has one.
 */
bool fmapfs_ordinary_begin(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool rc;

	/* Memory is to be read by any number at a time. */
	if (fmapfs_has_map(inode))
		return false;
	spin_lock(&fi->lock);
	rc = !fi->map;
	fi->ordinary += rc;
	spin_unlock(&fi->lock);
	return rc;
}

void fmapfs_ordinary_end(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	fi->ordinary--;
	spin_unlock(&fi->lock);
}

/* --- reading --- */

/* The server has noted the time, if it does such things. */
void fmapfs_was_read(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (IS_RDONLY(inode))
		return;
	/* What is on its way is no older for that. */
	spin_lock(&fi->lock);
	fi->attr_inval |= STATX_ATIME;
	spin_unlock(&fi->lock);
}

/* From the server, in as many requests as it takes, up to a short one. */
static ssize_t direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u32 limit = fmapfs_read_limit(inode->i_sb);
	ssize_t done = 0, rc = 0;

	while (iov_iter_count(to)) {
		u32 size = min_t(size_t, iov_iter_count(to), limit);

		rc = fmapfs_proto_read(inode, ff_of(iocb),
				       iocb->ki_filp->f_flags, iocb->ki_pos,
				       size, current->files, to);
		if (rc <= 0)
			break;
		iocb->ki_pos += rc;
		done += rc;
		if (rc < size)
			break;
	}
	fmapfs_was_read(inode);
	return done ? done : rc;
}

/* The server is asked where the file ends if that matters and is not known. */
static ssize_t cached_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = 0;

	if (fmapfs_agreed(inode->i_sb)->flags & FUSE_AUTO_INVAL_DATA ||
	    iocb->ki_pos + iov_iter_count(to) > i_size_read(inode))
		rc = fmapfs_need_attr(inode, ff_of(iocb), STATX_SIZE);
	if (rc || !iov_iter_count(to))
		return rc;
	if (iocb->ki_flags & IOCB_DIRECT) {
		if (iocb->ki_pos >= i_size_read(inode))
			return 0;
		rc = direct_read(iocb, to);
		/* What a short read leaves is read as otherwise. */
		if (rc < 0 || !iov_iter_count(to) ||
		    iocb->ki_pos >= i_size_read(inode))
			return rc;
	}
	return filemap_read(iocb, to, rc);
}

ssize_t fmapfs_plain_read(struct kiocb *iocb, struct iov_iter *to)
{
	if (ff_of(iocb)->open_flags & FOPEN_DIRECT_IO)
		return direct_read(iocb, to);
	return cached_read(iocb, to);
}

/* --- writing --- */

static unsigned int write_flags(const struct kiocb *iocb)
{
	unsigned int flags = iocb->ki_filp->f_flags;

	if (iocb_is_dsync(iocb))
		flags |= O_DSYNC;
	if (iocb->ki_flags & IOCB_SYNC)
		flags |= O_SYNC;
	return flags;
}

/**
 * fmapfs_written - the server has changed the data of a file
 * @inode: a regular file without a map
 * @end: the file ends there or later, bytes
 */
void fmapfs_written(struct inode *inode, loff_t end)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	/* Times and blocks have changed with the data. */
	fmapfs_expire_attr_mask(inode, FMAPFS_ATTR_MODSIZE);
	spin_lock(&fi->lock);
	if (end > i_size_read(inode))
		i_size_write(inode, end);
	spin_unlock(&fi->lock);
}

static ssize_t write_one(struct kiocb *iocb, struct iov_iter *from,
			 const struct fmapfs_write *w, bool cached)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fmapfs_req *req;
	struct fmapfs_io *io;
	ssize_t rc = -ENOMEM;
	const void *data;
	u32 size;

	req = fmapfs_proto_write_new(inode, ff_of(iocb), w, from);
	if (IS_ERR(req))
		return PTR_ERR(req);
	data = fmapfs_proto_write_data(req, &size);
	io = fmapfs_change_begin(iocb->ki_filp, w->pos, size, req);
	if (io) {
		rc = fmapfs_proto_write_send(inode, req);
		fmapfs_change_end(io, req, rc);
	}
	if (rc > 0 && cached)
		fmapfs_cache_written(inode, w->pos, data, rc);
	if (rc > 0)
		fmapfs_written(inode, w->pos + rc);
	else
		fmapfs_expire_attr_mask(inode, FMAPFS_ATTR_MODSIZE);
	iov_iter_revert(from, size - max_t(ssize_t, rc, 0));
	fmapfs_req_put(req);
	return rc;
}

static bool page_is_uptodate(struct inode *inode, loff_t pos)
{
	struct folio *folio = filemap_get_folio(inode->i_mapping,
						pos >> PAGE_SHIFT);
	bool rc;

	if (IS_ERR(folio))
		return false;
	rc = folio_test_uptodate(folio);
	folio_put(folio);
	return rc;
}

/*
 * How much goes into one WRITE: as many pages as agreed on, and no more than one
 * that is written from its middle on and is not cached. Servers see the same from
 * the in-tree client.
 */
static u32 cached_chunk(struct inode *inode, loff_t pos, size_t count)
{
	const struct fmapfs_agreed *agreed = fmapfs_agreed(inode->i_sb);
	u32 in_page = offset_in_page(pos);
	u32 size = min_t(size_t, count, agreed->max_write);
	bool one = !(agreed->flags & FUSE_BIG_WRITES);

	size = min(size, agreed->max_read - in_page);
	if (in_page && in_page + size > PAGE_SIZE &&
	    !page_is_uptodate(inode, pos))
		one = true;
	return one ? min_t(u32, size, PAGE_SIZE - in_page) : size;
}

static ssize_t write_cached(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool kill = fmapfs_agreed(inode->i_sb)->flags &
		    FUSE_HANDLE_KILLPRIV_V2 && !capable(CAP_FSETID);
	ssize_t done = 0, rc = 0;

	/* What the last page has beyond the end is in the file from now on. */
	fmapfs_cache_zero(inode, i_size_read(inode), iocb->ki_pos - 1);
	while (iov_iter_count(from)) {
		struct fmapfs_write w = {
			.pos = iocb->ki_pos,
			.size = cached_chunk(inode, iocb->ki_pos,
					     iov_iter_count(from)),
			.flags = write_flags(iocb),
			.kill_suidgid = kill,
		};

		rc = write_one(iocb, from, &w, true);
		/* It does not fail, but never gets anywhere. */
		if (!rc)
			rc = fmapfs_proto_bad(inode->i_sb, FUSE_WRITE, "size",
					      0);
		if (rc < 0)
			break;
		iocb->ki_pos += rc;
		done += rc;
		if (rc < w.size)
			break;
	}
	return done ? done : rc;
}

static ssize_t write_direct(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u32 limit = fmapfs_agreed(inode->i_sb)->max_write;
	bool kill = !capable(CAP_FSETID);
	ssize_t done = 0, rc = 0;

	while (iov_iter_count(from)) {
		struct fmapfs_write w = {
			.pos = iocb->ki_pos,
			.size = min_t(size_t, iov_iter_count(from), limit),
			.flags = write_flags(iocb),
			.owner = current->files,
			.kill_suidgid = kill,
		};

		rc = write_one(iocb, from, &w, false);
		if (rc <= 0)
			break;
		iocb->ki_pos += rc;
		done += rc;
		if (rc < w.size)
			break;
	}
	return done ? done : rc;
}

/* The cache does not have the range before, nor what was read meanwhile after. */
static ssize_t write_past_cache(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	pgoff_t first = iocb->ki_pos >> PAGE_SHIFT;
	pgoff_t last = (iocb->ki_pos + iov_iter_count(from) - 1) >> PAGE_SHIFT;
	ssize_t rc = fmapfs_cache_invalidate(inode, first, last);

	if (rc)
		return rc;
	rc = write_direct(iocb, from);
	if (rc > 0)
		fmapfs_cache_invalidate(inode, first, last);
	return rc;
}

static bool past_end(const struct kiocb *iocb, const struct iov_iter *from)
{
	return iocb->ki_pos + iov_iter_count(from) >
	       i_size_read(file_inode(iocb->ki_filp));
}

/*
 * O_DIRECT for a file that is otherwise cached. What the server has written past
 * the end before it failed is not to be there, as with the in-tree client.
 */
static ssize_t write_o_direct(struct kiocb *iocb, struct iov_iter *from)
{
	bool longer = past_end(iocb, from);
	ssize_t rc = write_past_cache(iocb, from);

	/* For who is killed, the server may not have begun yet. */
	if (rc < 0 && longer && !fatal_signal_pending(current))
		fmapfs_cut_back(iocb->ki_filp);
	return rc;
}

/* Under i_rwsem. */
static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t rc = generic_write_checks(iocb, from), rest;
	int error;

	if (rc <= 0)
		return rc;
	task_io_account_write(rc);
	error = kiocb_modified(iocb);
	if (error)
		return error;
	if (!(iocb->ki_flags & IOCB_DIRECT))
		return write_cached(iocb, from);
	rc = write_o_direct(iocb, from);
	if (rc < 0 || !iov_iter_count(from))
		return rc;
	/* What a short write leaves is written as otherwise. */
	rest = write_cached(iocb, from);
	return rc ? rc + max_t(ssize_t, rest, 0) : rest;
}

static ssize_t cached_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	/* Who has it may be waiting for the server. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	rc = write_locked(iocb, from);
	inode_unlock(inode);
	return rc > 0 ? generic_write_sync(iocb, rc) : rc;
}

/* --- FOPEN_DIRECT_IO --- */

/* May others write at the same time? Not if the file grows, or is cached. */
static bool may_share(const struct kiocb *iocb, const struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	return ff_of(iocb)->open_flags & FOPEN_PARALLEL_DIRECT_WRITES &&
	       !(iocb->ki_flags & IOCB_APPEND) &&
	       !READ_ONCE(fmapfs_i(inode)->nr_cached) &&
	       !past_end(iocb, from);
}

/* Return: 1: shared; 0: exclusive; -EINTR. */
static int lock_direct(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (may_share(iocb, from)) {
		if (down_read_killable(&inode->i_rwsem))
			return -EINTR;
		/* It may have been truncated meanwhile. */
		if (may_share(iocb, from))
			return 1;
		inode_unlock_shared(inode);
	}
	return down_write_killable(&inode->i_rwsem);
}

/* Privileges are the server's to take away: see FUSE_WRITE_KILL_SUIDGID. */
static ssize_t direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	int shared = lock_direct(iocb, from);
	ssize_t rc;

	if (shared < 0)
		return shared;
	rc = generic_write_checks(iocb, from);
	if (rc > 0) {
		task_io_account_write(rc);
		rc = write_past_cache(iocb, from);
	}
	if (shared)
		inode_unlock_shared(inode);
	else
		inode_unlock(inode);
	return rc;
}

ssize_t fmapfs_plain_write(struct kiocb *iocb, struct iov_iter *from)
{
	if (ff_of(iocb)->open_flags & FOPEN_DIRECT_IO)
		return direct_write(iocb, from);
	return cached_write(iocb, from);
}

/* --- mapping --- */

/* Then it is in the cache, and yet not; whoever reads a page has it locked. */
static bool was_read_in_vain(struct inode *inode, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(inode->i_mapping, index);
	bool rc;

	if (IS_ERR(folio))
		return false;
	rc = !folio_test_locked(folio) && !folio_test_uptodate(folio);
	folio_put(folio);
	return rc;
}

/*
 * filemap_fault() has a fault tried again even if the page could not be read, and
 * gives up only if it is told that this is the second time.
 */
static vm_fault_t plain_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct inode *inode = file_inode(file);
	vm_fault_t ret;

	if (fmapfs_fault_failed_before(fmapfs_i(inode), vmf) &&
	    was_read_in_vain(inode, vmf->pgoff))
		return VM_FAULT_SIGBUS;
	/* The mapping may be gone when the fault is to be tried again. */
	get_file(file);
	ret = filemap_fault(vmf);
	/* Not if the page was only taken out of the reader's hands. */
	if (ret & VM_FAULT_RETRY && fmapfs_read_has_failed(fmapfs_i(inode)))
		fmapfs_fault_failed(fmapfs_i(inode), vmf);
	fput(file);
	return ret;
}

/*
 * Mappings are counted. The kernel may merge a new one with another without telling:
 * then the count stays too high, never too low.
 */
static void plain_vm_open(struct vm_area_struct *vma)
{
	struct fmapfs_inode *fi = fmapfs_i(file_inode(vma->vm_file));

	spin_lock(&fi->lock);
	fi->ordinary++;
	spin_unlock(&fi->lock);
}

static void plain_vm_close(struct vm_area_struct *vma)
{
	fmapfs_ordinary_end(file_inode(vma->vm_file));
}

static const struct vm_operations_struct plain_vm_ops = {
	.open		= plain_vm_open,
	.close		= plain_vm_close,
	.fault		= plain_fault,
	.map_pages	= filemap_map_pages,
};

/**
 * fmapfs_file_caches - an open file uses the page cache from here on
 * @inode: an ordinary file
 * @ff: the open file
 *
 * As long as there is one, direct writes are not parallel.
 */
void fmapfs_file_caches(struct inode *inode, struct fmapfs_file *ff)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	WRITE_ONCE(fi->nr_cached, fi->nr_cached + !ff->cached);
	ff->cached = true;
	spin_unlock(&fi->lock);
}

void fmapfs_file_uncaches(struct inode *inode, struct fmapfs_file *ff)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	WRITE_ONCE(fi->nr_cached, fi->nr_cached - ff->cached);
	ff->cached = false;
	spin_unlock(&fi->lock);
}

static int map_direct(struct inode *inode, struct fmapfs_file *ff, bool shared)
{
	u64 flags = fmapfs_agreed(inode->i_sb)->flags;

	if (shared && !(flags & FUSE_DIRECT_IO_ALLOW_MMAP))
		return -ENODEV;
	fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
	if (shared)
		fmapfs_file_caches(inode, ff);
	return 0;
}

/*
 * The cache is never dirty: what is shared is for reading. Under
 * fmapfs_ordinary_begin(), which on success becomes the mapping's.
 */
int fmapfs_plain_mmap(struct file *file, struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_MAYSHARE;
	struct fmapfs_file *ff = file->private_data;
	int rc = 0;

	if (vma->vm_flags & VM_SYNC)
		return -EOPNOTSUPP;
	if (shared && vma->vm_flags & VM_WRITE)
		return -ENODEV;
	if (ff->open_flags & FOPEN_DIRECT_IO)
		rc = map_direct(file_inode(file), ff, shared);
	if (rc)
		return rc;
	if (shared)
		vm_flags_clear(vma, VM_MAYWRITE);
	file_accessed(file);
	vma->vm_ops = &plain_vm_ops;
	return 0;
}
