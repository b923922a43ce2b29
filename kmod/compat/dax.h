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
#include <asm/tlbflush.h>

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

/* What wakes who waits for it. */
static inline void *fmapfs_dax_page_key(struct page *page)
{
	return &page->_refcount;
}

#define dax_page_is_idle(page)	compat_dax_page_is_idle(page)

/* What i_pages holds of a DAX file, in these versions: a number, of these. */
#define COMPAT_DAX_PMD		BIT(1)
#define COMPAT_DAX_NO_MEMORY	(BIT(2) | BIT(3))	/* a hole, or not known yet */
#define COMPAT_DAX_SHIFT	4

static inline struct page *compat_busy_page_of(void *entry)
{
	unsigned long value = xa_to_value(entry);
	unsigned long pfn = value >> COMPAT_DAX_SHIFT;
	unsigned long n = value & COMPAT_DAX_PMD ? PMD_SIZE >> PAGE_SHIFT : 1;

	if (value & COMPAT_DAX_NO_MEMORY)
		return NULL;
	for (; n--; pfn++)
		if (!dax_page_is_idle(pfn_to_page(pfn)))
			return pfn_to_page(pfn);
	return NULL;
}

/*
 * Some page that is pinned, of a file that is not mapped just now. In these
 * versions dax_layout_busy_page() finds none if nobody maps the file at all: but
 * what was pinned by a mapping outlives it.
 */
static inline struct page *fmapfs_dax_pinned_page(struct address_space *mapping)
{
	XA_STATE(xas, &mapping->i_pages, 0);
	struct page *page = NULL;
	unsigned int scanned = 0;
	void *entry;

	xas_lock_irq(&xas);
	xas_for_each(&xas, entry, ULONG_MAX) {
		if (!WARN_ON_ONCE(!xa_is_value(entry)))
			page = compat_busy_page_of(entry);
		if (page)
			break;
		if (++scanned % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		cond_resched();
		xas_lock_irq(&xas);
	}
	xas_unlock_irq(&xas);
	return page;
}

static inline void compat_flush_tlb(void *unused)
{
#ifdef CONFIG_X86
	__flush_tlb_all();
#else
	local_flush_tlb_all();
#endif
}

/*
 * Unmaps the file, and finds a page that is pinned. To be mapped is no reference in
 * these versions: so a thread can use a page that another one is unmapping, until
 * that one flushes the TLBs, and nobody waits for that if it has already taken its
 * mapping off the file's list.
 */
static inline struct page *fmapfs_dax_busy_page(struct address_space *mapping)
{
	if (mapping_empty(mapping))
		return NULL;
	unmap_mapping_range(mapping, 0, 0, 0);
	on_each_cpu(compat_flush_tlb, NULL, 1);
	return fmapfs_dax_pinned_page(mapping);
}

static inline void dax_delete_mapping_range(struct address_space *mapping,
					    loff_t start, loff_t end)
{
	truncate_inode_pages_range(mapping, start, end);
}

/* Of a file that is unmapped; all of it, and without waiting: more is not needed. */
static inline int dax_break_layout(struct inode *inode, loff_t start,
				   loff_t end, void (cb)(struct inode *))
{
	if (fmapfs_dax_pinned_page(inode->i_mapping))
		return -ERESTARTSYS;
	truncate_inode_pages(inode->i_mapping, 0);
	return 0;
}
#else
static inline struct page *fmapfs_dax_pinned_page(struct address_space *mapping)
{
	return dax_layout_busy_page(mapping);
}

static inline struct page *fmapfs_dax_busy_page(struct address_space *mapping)
{
	return dax_layout_busy_page(mapping);
}

static inline void *fmapfs_dax_page_key(struct page *page)
{
	return page;
}
#endif

/*
 * For who cannot give up. It looks again after a while: on 6.1 the end of the last
 * pin has been seen to wake nobody.
 */
static inline void fmapfs_dax_wait_long(struct page *page)
{
	wait_var_event_timeout(fmapfs_dax_page_key(page),
			       dax_page_is_idle(page), HZ / 5);
}

/* Waits for the pinned pages of what is not mapped, and leaves all as it is. */
static inline void wait_layout_idle(struct inode *inode)
{
	struct page *page;

	while ((page = fmapfs_dax_pinned_page(inode->i_mapping)))
		fmapfs_dax_wait_long(page);
}

/* Return: jiffies left, at least 1; 0: it is pinned still; -ERESTARTSYS. */
static inline long fmapfs_dax_wait_page(struct page *page, long timeout)
{
	return ___wait_var_event(fmapfs_dax_page_key(page),
				 ___wait_cond_timeout(dax_page_is_idle(page)),
				 TASK_INTERRUPTIBLE, 0, timeout,
				 __ret = schedule_timeout(__ret));
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
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
		page = fmapfs_dax_busy_page(mapping);
		if (!page)
			break;
		filemap_invalidate_unlock(mapping);
		fmapfs_dax_wait_long(page);
	}
	truncate_inode_pages(mapping, 0);
	filemap_invalidate_unlock(mapping);
}
#else
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
