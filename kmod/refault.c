// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that are tried again. One that waits lets go of mmap_lock, and can only
 * have itself tried again, whatever it has waited for. The kernel says by
 * FAULT_FLAG_TRIED that this is the second time, but mm_populate() does not
 * (mlock(2), MAP_POPULATE; in 6.1 MADV_POPULATE_READ): if nothing but the flag ended
 * a fault that fails, it would be tried for ever. Therefore a failure is noted: the
 * inode's last, of which task, at which address.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include "fmapfs_i.h"

/* For a read that has failed, of which it is not known whether a fault wants it. */
#define ANY_ADDRESS	ULONG_MAX

static void note(struct fmapfs_inode *fi, unsigned long address)
{
	spin_lock(&fi->lock);
	WRITE_ONCE(fi->failed_task, current);
	fi->failed_at = address;
	spin_unlock(&fi->lock);
}

/**
 * fmapfs_read_failed - a page could not be read
 * @fi: the file's
 *
 * Context: the task that reads it, maybe for a fault. Takes fi->lock.
 */
void fmapfs_read_failed(struct fmapfs_inode *fi)
{
	note(fi, ANY_ADDRESS);
}

/**
 * fmapfs_read_has_failed - was fmapfs_read_failed() called in this fault?
 * @fi: the file's; fmapfs_fault_failed_before() was called when the fault began
 *
 * Context: the task that faults. Takes fi->lock.
 */
bool fmapfs_read_has_failed(struct fmapfs_inode *fi)
{
	bool rc;

	spin_lock(&fi->lock);
	rc = fi->failed_task == current && fi->failed_at == ANY_ADDRESS;
	spin_unlock(&fi->lock);
	return rc;
}

/**
 * fmapfs_fault_failed - a fault was in vain, and is to be tried again
 * @fi: the file's
 * @vmf: the fault; mmap_lock may be released already
 *
 * Context: the task that faults. Takes fi->lock.
 */
void fmapfs_fault_failed(struct fmapfs_inode *fi, const struct vm_fault *vmf)
{
	note(fi, vmf->address);
}

/**
 * fmapfs_fault_failed_before - was fmapfs_fault_failed() called for this fault?
 * @fi: the file's
 * @vmf: the fault
 *
 * Whatever this task has failed in is forgotten thereby. As the fault may not have been
 * tried again, but be another of the same task at the same place, later, the caller
 * should see that what it has failed for is still so.
 *
 * Context: the task that faults. Takes fi->lock.
 */
bool fmapfs_fault_failed_before(struct fmapfs_inode *fi,
				const struct vm_fault *vmf)
{
	bool rc;

	/* Only this task could make it true. */
	if (READ_ONCE(fi->failed_task) != current)
		return false;
	spin_lock(&fi->lock);
	rc = fi->failed_task == current && fi->failed_at == vmf->address;
	if (fi->failed_task == current)
		WRITE_ONCE(fi->failed_task, NULL);
	spin_unlock(&fi->lock);
	return rc;
}
