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

/**
 * fmapfs_fault_failed - a fault was in vain, and is to be tried again
 * @fi: the file's
 * @vmf: the fault; mmap_lock may be released already
 *
 * Context: the task that faults. Takes fi->lock.
 */
void fmapfs_fault_failed(struct fmapfs_inode *fi, const struct vm_fault *vmf)
{
	spin_lock(&fi->lock);
	WRITE_ONCE(fi->failed_task, current);
	fi->failed_at = vmf->address;
	spin_unlock(&fi->lock);
}

/**
 * fmapfs_fault_failed_before - was fmapfs_fault_failed() called for this fault?
 * @fi: the file's
 * @vmf: the fault
 *
 * It is forgotten thereby. As the fault may not have been tried again, but be
 * another of the same task at the same place, later, the caller should see that what
 * it has failed for is still so.
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
	if (rc)
		WRITE_ONCE(fi->failed_task, NULL);
	spin_unlock(&fi->lock);
	return rc;
}
