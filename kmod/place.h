/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a file with a map lies in memory; see place.c. */
#ifndef FMAPFS_PLACE_H
#define FMAPFS_PLACE_H

#include <linux/iomap.h>
#include "fmapfs_i.h"

/**
 * struct fmapfs_place - where a range of a file lies in memory
 * @mem: the memory
 * @addr: bytes from the start of its DAX device
 * @dev_off: bytes from the start of the device node, as in the fmap
 * @len: bytes that are contiguous from there
 */
struct fmapfs_place {
	struct fmapfs_mem *mem;
	u64 addr;
	u64 dev_off;
	u64 len;
};

extern const struct iomap_ops fmapfs_dax_iomap_ops;

/* The map, which is stable under map_lock or invalidate_lock, held shared. */
static inline const struct fmapfs_map *fmapfs_map_of(const struct inode *inode)
{
	lockdep_assert(lockdep_is_held(&fmapfs_i(inode)->map_lock) ||
		       lockdep_is_held(&inode->i_mapping->invalidate_lock));
	return fmapfs_i(inode)->map;
}

int fmapfs_find_place(const struct inode *inode, u64 off, u64 wanted,
		      bool write, struct fmapfs_place *place);
int fmapfs_find_good_place(const struct inode *inode, u64 off, u64 wanted,
			   bool write, struct fmapfs_place *place);
bool fmapfs_learn_bad(const struct fmapfs_place *place);

#endif /* FMAPFS_PLACE_H */
