// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path of a file with a map: what the DAX core makes of it.
 *
 * The map is stable under map_lock (read, write, fiemap) or invalidate_lock
 * (faults, mmap), held shared. If the server has revoked it, another is asked for
 * with neither of them held.
 */
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uio.h>
#include <linux/writeback.h>
#include "fmapfs_i.h"
#include "place.h"
#include "trace.h"

/* write(2) looks for signals after so many bytes. */
#define COPY_MAX	SZ_2M

/* How often a copy may get nowhere though the caller's buffer is in memory. */
#define COPY_TRIES	100

/* No server can answer that. The map was revoked: ask for another. */
#define REVOKED		(-ERESTARTNOINTR)

/* --- mmap and faults --- */

static void count_fault(struct super_block *sb, unsigned int order,
			vm_fault_t ret)
{
	if (ret & VM_FAULT_FALLBACK)
		return;
	if (ret & VM_FAULT_ERROR)
		fmapfs_count(sb, FMAPFS_FAULT_ERROR, 1);
	else if (!order)
		fmapfs_count(sb, FMAPFS_FAULT_PTE, 1);
	else if (order == PMD_ORDER)
		fmapfs_count(sb, FMAPFS_FAULT_PMD, 1);
	else
		fmapfs_count(sb, FMAPFS_FAULT_PUD, 1);
}

/*
 * What this fault has ended with when it was tried before; 0: it was not, or may be
 * tried again.
 */
static int error_before(const struct vm_fault *vmf, struct fmapfs_inode *fi)
{
	if (fmapfs_fault_failed_before(fi, vmf) || vmf->flags & FAULT_FLAG_TRIED)
		return READ_ONCE(fi->map_error);
	return 0;
}

/*
 * The map was revoked: asks for another, without the lock that the fault came
 * with, and has the fault tried again. There it ends if asking has failed.
 */
static vm_fault_t renew_in_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct inode *inode = file_inode(file);
	int error;

	/* It is not mapped any more, not even to be read: from the start. */
	if (vmf->flags & FAULT_FLAG_MKWRITE)
		return VM_FAULT_NOPAGE;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	error = error_before(vmf, fmapfs_i(inode));
	/* As userfaultfd does: who cannot let go of mmap_lock cannot wait. */
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY) || error) {
		fmapfs_count(inode->i_sb, FMAPFS_FAULT_ERROR, 1);
		/* Without memory the access is tried anew, as on any mapping. */
		return error == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	}
	get_file(file);
	release_fault_lock(vmf);
	if (fmapfs_fmap_renew(inode))
		fmapfs_fault_failed(fmapfs_i(inode), vmf);
	fput(file);
	return VM_FAULT_RETRY | VM_FAULT_MAJOR;
}

/* Guarded by invalidate_lock. A fault of a page has failed: for bad memory? */
static vm_fault_t check_memory(const struct inode *inode, pgoff_t pgoff,
			       vm_fault_t ret)
{
	struct fmapfs_place place;

	if (fmapfs_find_place(inode, (u64)pgoff << PAGE_SHIFT, PAGE_SIZE, false,
			      &place))
		return ret;
	fmapfs_learn_bad(&place);
	if (fmapfs_bad_avoid(place.mem, PHYS_PFN(place.addr), 1))
		return ret;
	return (ret & ~VM_FAULT_SIGBUS) | VM_FAULT_HWPOISON;
}

static vm_fault_t fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	/* A write to a private mapping does not write to the file. */
	bool write = vmf->flags & FAULT_FLAG_WRITE &&
		     vmf->vma->vm_flags & VM_SHARED;
	vm_fault_t ret = 0;
	bool revoked;

	if (write) {
		sb_start_pagefault(inode->i_sb);
		file_update_time(vmf->vma->vm_file);
	}
	filemap_invalidate_lock_shared(inode->i_mapping);
	revoked = fmapfs_i(inode)->revoked;
	if (!revoked)
		ret = dax_iomap_fault(vmf, order, NULL, NULL,
				      &fmapfs_dax_iomap_ops);
	if (ret & (VM_FAULT_SIGBUS | VM_FAULT_HWPOISON))
		ret = check_memory(inode, vmf->pgoff, ret);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (write)
		sb_end_pagefault(inode->i_sb);

	if (revoked)
		return renew_in_fault(vmf);
	count_fault(inode->i_sb, order, ret);
	trace_fmapfs_fault(inode, vmf->pgoff, order, vmf->flags, ret);
	return ret;
}

static vm_fault_t dax_fault(struct vm_fault *vmf)
{
	return fault(vmf, 0);
}

static vm_fault_t dax_huge_fault(struct vm_fault *vmf, fmapfs_fault_size size)
{
	return fault(vmf, fmapfs_fault_order(size));
}

static const struct vm_operations_struct dax_vm_ops = {
	.fault		= dax_fault,
	.huge_fault	= dax_huge_fault,
	.page_mkwrite	= dax_fault,
	.pfn_mkwrite	= dax_fault,
};

/* May the file be mapped with MAP_SYNC? There is no metadata to write back. */
static bool is_synchronous(struct inode *inode)
{
	struct fmapfs_devtab *tab = fmapfs_sb(inode->i_sb)->devtab;
	u64 mask = fmapfs_map_of(inode)->fmap->dev_mask;

	for (; mask; mask &= mask - 1)
		if (!dax_synchronous(fmapfs_devtab_get(tab, __ffs64(mask))->mem->dax_dev))
			return false;
	return true;
}

/* Takes no i_rwsem: the caller has the mmap_lock. */
int fmapfs_dax_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	int rc = 0;

	filemap_invalidate_lock_shared(inode->i_mapping);
	if (vma->vm_flags & VM_SYNC && !is_synchronous(inode))
		rc = -EOPNOTSUPP;
	else if (vma->vm_flags & VM_SHARED && fmapfs_map_of(inode)->read_only)
		rc = vma->vm_flags & VM_WRITE ? -EACCES : 1;
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (rc < 0)
		return rc;

	if (rc)
		vm_flags_clear(vma, VM_MAYWRITE);
	file_accessed(file);
	vma->vm_ops = &dax_vm_ops;
	vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}

/* --- read --- */

static int lock_shared(struct inode *inode, bool nowait)
{
	if (nowait)
		return down_read_trylock(&inode->i_rwsem) ? 0 : -EAGAIN;
	/* Killable: who has it for writing may wait for the server. */
	return down_read_killable(&inode->i_rwsem);
}

/* Return: 0, and the map is locked; REVOKED; -EAGAIN; -EINTR. */
static int lock_map(struct inode *inode, bool nowait)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (nowait) {
		if (!down_read_trylock(&fi->map_lock))
			return -EAGAIN;
	} else if (down_read_killable(&fi->map_lock)) {
		return -EINTR;
	}
	if (!fi->revoked)
		return 0;
	up_read(&fi->map_lock);
	return REVOKED;
}

/* With no lock held. What read(2) and write(2) tell of a failure to get a map. */
static int renew(struct inode *inode, bool nowait)
{
	int rc = nowait ? -EAGAIN : fmapfs_fmap_renew(inode);

	switch (rc) {
	case 0:
	case -EAGAIN:
	case -EINTR:
	case -ENOMEM:
	case -ENOTCONN:
	case -ECONNABORTED:
		return rc;
	default:
		return -EIO;
	}
}

/* With no lock held: has the next part of the caller's buffer in memory. */
static int fault_in(struct iov_iter *iter, bool read)
{
	size_t len = min_t(size_t, iov_iter_count(iter), COPY_MAX);
	size_t missing = len;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (user_backed_iter(iter))
		missing = read ? fault_in_iov_iter_writeable(iter, len) :
				 fault_in_iov_iter_readable(iter, len);
	return missing == len ? -EFAULT : 0;
}

/*
 * Reads or writes, in as many attempts as it takes: an attempt holds map_lock,
 * and so neither faults nor asks for a map. If the caller's buffer is there, and
 * yet nothing is copied, it is the file's memory that has failed: EIO.
 */
static ssize_t in_attempts(struct kiocb *iocb, struct iov_iter *iter, bool read,
			   ssize_t (*attempt)(struct kiocb *iocb,
					      struct iov_iter *iter))
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	ssize_t done = 0, rc = 0;
	int tries = COPY_TRIES;

	while (iov_iter_count(iter)) {
		rc = attempt(iocb, iter);
		if (rc > 0) {
			done += rc;
			tries = COPY_TRIES;
			continue;
		}
		if (rc == REVOKED)
			rc = renew(inode, nowait);
		else if (rc == -EFAULT)
			rc = tries-- ? fault_in(iter, read) : -EIO;
		else
			break;
		if (rc)
			break;
	}
	return done ?: rc;
}

/*
 * Guarded by map_lock. The DAX core asks for all of an extent at once, and if any
 * of it is poisoned, copies nothing: then once more, up to there. Its own word for
 * a device that is removed between our look and its own is -ENXIO.
 */
static ssize_t copy_good(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = dax_iomap_rw(iocb, to, &fmapfs_dax_iomap_ops);
	struct fmapfs_place place;

	if (rc == -EIO && iov_iter_count(to) &&
	    !fmapfs_find_good_place(inode, iocb->ki_pos, iov_iter_count(to),
				    false, &place) && fmapfs_learn_bad(&place))
		rc = dax_iomap_rw(iocb, to, &fmapfs_dax_iomap_ops);
	return rc == -ENXIO ? -EIO : rc;
}

/* Guarded by i_rwsem and map_lock. */
static ssize_t copy_out(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u64 left = max_t(loff_t, i_size_read(inode) - iocb->ki_pos, 0);
	size_t cut = 0;
	ssize_t rc;

	if (iov_iter_count(to) > left) {
		cut = iov_iter_count(to) - left;
		iov_iter_truncate(to, left);
	}
	pagefault_disable();
	rc = copy_good(iocb, to);
	pagefault_enable();
	iov_iter_reexpand(to, iov_iter_count(to) + cut);
	return rc;
}

static ssize_t try_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	ssize_t rc = lock_shared(inode, nowait);

	if (rc)
		return rc;
	rc = lock_map(inode, nowait);
	if (!rc) {
		rc = copy_out(iocb, to);
		up_read(&fmapfs_i(inode)->map_lock);
	}
	up_read(&inode->i_rwsem);
	return rc;
}

ssize_t fmapfs_dax_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t rc = in_attempts(iocb, to, true, try_read);

	if (rc > 0)
		fmapfs_count(file_inode(iocb->ki_filp)->i_sb, FMAPFS_READ_BYTES,
			     rc);
	file_accessed(iocb->ki_filp);
	return rc;
}

/* --- write --- */

/*
 * Under dax_read_lock. What is poisoned is not made good by writing: it is for the
 * server to say what becomes of it. Return: bytes copied past the CPU's caches;
 * -EAGAIN: less than all of it is good; or another error.
 */
static ssize_t store(const struct fmapfs_place *place, struct iov_iter *from)
{
	size_t in_page = offset_in_page(place->addr);
	u64 len = min_t(u64, place->len, COPY_MAX);
	pgoff_t pgoff = PHYS_PFN(place->addr);
	void *kaddr;
	long n;

	n = dax_direct_access(place->mem->dax_dev, pgoff, PFN_UP(in_page + len),
			      DAX_ACCESS, &kaddr, NULL);
	if (n == FMAPFS_DAX_POISON)
		return fmapfs_learn_bad(place) ? -EAGAIN : -EIO;
	/* The device is being removed; see copy_good(), too. */
	if (n < 0)
		return -EIO;

	len = min_t(u64, len, PFN_PHYS(n) - in_page);
	return _copy_from_iter_flushcache(kaddr + in_page, len, from);
}

/*
 * dax_iomap_rw() wants i_rwsem held for writing, as a write may allocate. Here
 * none does, and writers of one file need not wait for each other.
 */
static ssize_t copy_in(struct inode *inode, loff_t pos, struct iov_iter *from)
{
	ssize_t done = 0, n = 0;
	struct fmapfs_place place;
	int id;

	id = dax_read_lock();
	while (iov_iter_count(from)) {
		n = fatal_signal_pending(current) ? -EINTR :
		    fmapfs_find_good_place(inode, pos + done,
					   iov_iter_count(from), true, &place);
		if (n)
			break;
		n = store(&place, from);
		if (n == -EAGAIN)
			continue;
		if (n <= 0) {
			n = n ?: -EFAULT;
			break;
		}
		done += n;
		cond_resched();
	}
	dax_read_unlock(id);
	return done ?: n;
}

/* Guarded by i_rwsem. */
static ssize_t copy_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = lock_map(inode, iocb->ki_flags & IOCB_NOWAIT);

	if (rc)
		return rc;
	iov_iter_truncate(from, max_t(loff_t, i_size_read(inode) -
					      iocb->ki_pos, 0));
	pagefault_disable();
	rc = copy_in(inode, iocb->ki_pos, from);
	pagefault_enable();
	up_read(&fmapfs_i(inode)->map_lock);
	if (rc > 0)
		iocb->ki_pos += rc;
	return rc;
}

/* Under i_rwsem, exclusively if privileges may have to go. */
static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t count = iov_iter_count(from);
	ssize_t rc;

	if (READ_ONCE(fmapfs_i(inode)->revoked))
		return REVOKED;
	rc = generic_write_checks(iocb, from);
	if (rc > 0 && iocb->ki_pos >= i_size_read(inode))
		rc = -ENOSPC;
	if (rc > 0)
		rc = kiocb_modified(iocb) ?: copy_locked(iocb, from);
	/*
	 * What there is no room for is left out, if all else is written: to try
	 * that would be another write(2), and with RLIMIT_FSIZE a signal.
	 */
	if (rc <= 0 || iov_iter_count(from))
		iov_iter_reexpand(from, count - (rc > 0 ? rc : 0));
	return rc;
}

static ssize_t write_exclusive(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (!inode_trylock(inode))
			return -EAGAIN;
	} else if (down_write_killable(&inode->i_rwsem)) {
		return -EINTR;
	}
	rc = write_locked(iocb, from);
	inode_unlock(inode);
	return rc;
}

static ssize_t try_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc = lock_shared(inode, iocb->ki_flags & IOCB_NOWAIT);

	if (rc)
		return rc;
	if (IS_NOSEC(inode)) {
		rc = write_locked(iocb, from);
		up_read(&inode->i_rwsem);
		return rc;
	}
	up_read(&inode->i_rwsem);
	return write_exclusive(iocb, from);
}

ssize_t fmapfs_dax_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t rc = in_attempts(iocb, from, false, try_write);

	if (rc <= 0)
		return rc;
	fmapfs_count(file_inode(iocb->ki_filp)->i_sb, FMAPFS_WRITE_BYTES, rc);
	return generic_write_sync(iocb, rc);
}

/* --- writing back --- */

/* Those of earlier maps, too: what was written to them is the file's. */
static int flush_devices(struct inode *inode)
{
	struct fmapfs_devtab *tab = fmapfs_sb(inode->i_sb)->devtab;
	u64 mask = READ_ONCE(fmapfs_i(inode)->devs_used);
	int rc = 0;

	for (; mask; mask &= mask - 1) {
		int err;

		err = fmapfs_daxdev_flush(fmapfs_devtab_get(tab, __ffs64(mask)));
		if (!rc)
			rc = err;
	}
	return rc;
}

int fmapfs_dax_fsync(struct file *file, loff_t start, loff_t end)
{
	int rc = file_write_and_wait_range(file, start, end);

	return rc ? rc : flush_devices(file_inode(file));
}

static int dax_writepages(struct address_space *mapping,
			  struct writeback_control *wbc)
{
	struct fmapfs_devtab *tab = fmapfs_sb(mapping->host->i_sb)->devtab;

	return dax_writeback_mapping_range(mapping, fmapfs_devtab_flusher(tab),
					   wbc);
}

const struct address_space_operations fmapfs_dax_aops = {
	.writepages	= dax_writepages,
	.dirty_folio	= noop_dirty_folio,
	.direct_IO	= noop_direct_IO,
};
