/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAX as the newest kernel has it, on older ones. Each shim says which kernel
 * makes it unnecessary.
 */
#ifndef FMAPFS_COMPAT_DAX_H
#define FMAPFS_COMPAT_DAX_H

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/version.h>
#include <linux/wait_bit.h>

/* Exported, but declared in a header of drivers/dax only (up to 7.3). */
struct inode *dax_inode(struct dax_device *dax_dev);

/* --- 7.0: files on a DAX character device --- */

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define FMAPFS_HAS_CHAR_DAX	1
#else
#define FMAPFS_HAS_CHAR_DAX	0

static inline struct dax_device *dax_dev_get(dev_t devt)
{
	return NULL;
}

static inline int fs_dax_get(struct dax_device *dax_dev, void *holder,
			     const struct dax_holder_operations *hops)
{
	return -EOPNOTSUPP;
}
#endif

/* --- 6.15: waiting for pinned pages; before, an idle page has one reference - */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
static inline bool compat_dax_page_is_idle(struct page *page)
{
	return page_ref_count(page) == 1;
}

static inline int dax_break_layout(struct inode *inode, loff_t start,
				   loff_t end, void (cb)(struct inode *))
{
	struct page *page;
	int error = 0;

	for (;;) {
		page = dax_layout_busy_page_range(inode->i_mapping, start, end);
		if (!page)
			break;
		error = ___wait_var_event(&page->_refcount,
					  compat_dax_page_is_idle(page),
					  TASK_INTERRUPTIBLE, 0, 0, cb(inode));
		if (error)
			return error;
	}
	truncate_inode_pages_range(inode->i_mapping, start,
				   end == LLONG_MAX ? -1 : end);
	return 0;
}

/* Waits for pinned pages, and leaves all as it is. */
static inline void wait_layout_idle(struct inode *inode)
{
	struct page *page;

	while ((page = dax_layout_busy_page(inode->i_mapping)))
		wait_var_event(&page->_refcount, compat_dax_page_is_idle(page));
}

static inline void dax_break_layout_final(struct inode *inode)
{
	if (!IS_DAX(inode))
		return;
	wait_layout_idle(inode);
	truncate_inode_pages(inode->i_mapping, 0);
}

/* For an inode that is in use: no fault may come between. */
static inline void fmapfs_dax_revoke(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	struct page *page;

	for (;;) {
		filemap_invalidate_lock(mapping);
		page = dax_layout_busy_page(mapping);
		if (!page)
			break;
		filemap_invalidate_unlock(mapping);
		wait_var_event(&page->_refcount, compat_dax_page_is_idle(page));
	}
	truncate_inode_pages(mapping, 0);
	filemap_invalidate_unlock(mapping);
}
#else
static inline void wait_layout_idle(struct inode *inode)
{
	struct page *page;

	while ((page = dax_layout_busy_page(inode->i_mapping)))
		wait_var_event(page, dax_page_is_idle(page));
}

static inline void fmapfs_dax_revoke(struct inode *inode)
{
	dax_break_layout_final(inode);
}
#endif

/* --- 6.9: an opened block device is a file --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define BLK_OPEN_READ	FMODE_READ

/* The file is the block device in disguise: for file_bdev(), bdev_fput() only. */
static inline struct file *bdev_file_open_by_dev(dev_t dev, fmode_t mode,
						 void *holder, const void *hops)
{
	struct block_device *bdev;

	bdev = blkdev_get_by_dev(dev, mode | FMODE_EXCL, holder);
	return (struct file *)bdev;
}

static inline struct block_device *file_bdev(struct file *bdev_file)
{
	return (struct block_device *)bdev_file;
}

static inline void bdev_fput(struct file *bdev_file)
{
	blkdev_put(file_bdev(bdev_file), FMODE_READ | FMODE_EXCL);
}
#endif

/* --- 6.8: removal of a device is told apart from an error of all its memory - */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline bool fmapfs_mf_is_removal(u64 off, u64 len, int mf_flags)
{
	return !off && len == U64_MAX;
}
#else
static inline bool fmapfs_mf_is_removal(u64 off, u64 len, int mf_flags)
{
	return mf_flags & MF_MEM_PRE_REMOVE;
}
#endif

/* --- 6.6: the size of a fault is an order --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define PMD_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define PUD_ORDER	(PUD_SHIFT - PAGE_SHIFT)

/* What vm_operations_struct.huge_fault is given. */
typedef enum page_entry_size fmapfs_fault_size;

static inline unsigned int fmapfs_fault_order(fmapfs_fault_size size)
{
	switch (size) {
	case PE_SIZE_PMD:
		return PMD_ORDER;
	case PE_SIZE_PUD:
		return PUD_ORDER;
	default:
		return 0;
	}
}

static inline vm_fault_t
compat_dax_iomap_fault(struct vm_fault *vmf, unsigned int order, void *pfnp,
		       int *errp, const struct iomap_ops *ops)
{
	fmapfs_fault_size size = PE_SIZE_PTE;

	if (order)
		size = order == PMD_ORDER ? PE_SIZE_PMD : PE_SIZE_PUD;
	return dax_iomap_fault(vmf, size, pfnp, errp, ops);
}

#define dax_iomap_fault(vmf, order, pfnp, errp, ops) \
	compat_dax_iomap_fault(vmf, order, pfnp, errp, ops)
#else
typedef unsigned int fmapfs_fault_size;

static inline unsigned int fmapfs_fault_order(fmapfs_fault_size size)
{
	return size;
}
#endif

/* --- 6.6: a fault may come with the lock of a vma instead of mmap_lock --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* --- 6.5: poison is told apart from other errors --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define FMAPFS_DAX_POISON	(-EIO)

static inline int dax_mem2blk_err(int err)
{
	return err;
}
#else
#define FMAPFS_DAX_POISON	(-EHWPOISON)
#endif

/* --- 6.3: flags of a vma are changed by functions --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#endif /* FMAPFS_COMPAT_DAX_H */
