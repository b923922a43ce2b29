// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a file with a map lies in memory: offset → extent → device → memory, and
 * how the kernel's iomap code is told.
 */
#include <linux/fiemap.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "fmapfs_i.h"
#include "place.h"

/**
 * fmapfs_find_place - find where a range of a file lies
 * @inode: a file with a map, which is stable
 * @off: bytes from the file's start
 * @wanted: bytes
 * @write: it is to be written to
 * @place: result; may be less than is wanted
 *
 * Return: 0; -EIO: nowhere, or where a device was removed; -EROFS.
 */
int fmapfs_find_place(const struct inode *inode, u64 off, u64 wanted,
		      bool write, struct fmapfs_place *place)
{
	struct fmapfs_devtab *tab = fmapfs_sb(inode->i_sb)->devtab;
	const struct fmapfs_map *map = fmapfs_map_of(inode);
	const struct fmapfs_daxdev *dev;
	struct fmap_target target;

	if (!map || READ_ONCE(map->gone))
		return -EIO;
	if (fmap_resolve(map->fmap, off, wanted, &target))
		return -EIO;
	if (write && test_bit(target.dev, tab->read_only))
		return -EROFS;
	dev = fmapfs_devtab_get(tab, target.dev);
	place->mem = dev->mem;
	place->addr = dev->start + target.dev_off;
	place->dev_off = target.dev_off;
	place->len = min(target.len,
			 fmapfs_daxdev_contiguous(dev, target.dev_off));
	return 0;
}

static u64 pages_of(const struct fmapfs_place *place)
{
	return PFN_UP(place->addr + place->len) - PHYS_PFN(place->addr);
}

/**
 * fmapfs_find_good_place - the same, up to the first bad page
 * @inode: as above
 * @off: as above
 * @wanted: as above
 * @write: as above
 * @place: result; may be less than is wanted
 *
 * Return: as above; -EIO also if the first page of all is bad.
 */
int fmapfs_find_good_place(const struct inode *inode, u64 off, u64 wanted,
			   bool write, struct fmapfs_place *place)
{
	int rc = fmapfs_find_place(inode, off, wanted, write, place);
	u64 good;

	if (rc)
		return rc;
	good = fmapfs_bad_avoid(place->mem, PHYS_PFN(place->addr),
				pages_of(place));
	if (!good)
		return -EIO;
	place->len = min(place->len,
			 PFN_PHYS(good) - offset_in_page(place->addr));
	return 0;
}

/**
 * fmapfs_learn_bad - an access to what was taken for good has failed
 * @place: where
 *
 * Return: is some of it known to be bad now, so that the next access will go
 * around it?
 */
bool fmapfs_learn_bad(const struct fmapfs_place *place)
{
	return fmapfs_bad_look(place->mem, PHYS_PFN(place->addr),
			       pages_of(place));
}

static int report_hole(loff_t pos, loff_t length, struct iomap *iomap)
{
	iomap->type = IOMAP_HOLE;
	iomap->addr = IOMAP_NULL_ADDR;
	iomap->offset = pos;
	iomap->length = length;
	return 0;
}

static int iomap_begin(struct inode *inode, loff_t pos, loff_t length,
		       unsigned int flags, struct iomap *iomap,
		       struct iomap *srcmap)
{
	/* The DAX core wants whole pages. The last one is all the file's. */
	u64 off = round_down((u64)pos, PAGE_SIZE);
	u64 wanted = round_up((u64)pos + length, PAGE_SIZE) - off;
	bool report = flags & IOMAP_REPORT;
	struct fmapfs_place place;
	int rc;

	if (report) {
		u64 end = round_up((u64)i_size_read(inode), PAGE_SIZE);

		/* A walk over all extents has many steps. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (off >= end)
			return report_hole(pos, length, iomap);
		wanted = min(wanted, end - off);
	}
	rc = report ? fmapfs_find_place(inode, off, wanted, false, &place) :
		      fmapfs_find_good_place(inode, off, wanted,
					     flags & IOMAP_WRITE, &place);
	if (rc)
		return rc;
	iomap->type = IOMAP_MAPPED;
	iomap->dax_dev = place.mem->dax_dev;
	iomap->addr = report ? place.dev_off : place.addr;
	iomap->offset = off;
	iomap->length = round_up(place.len, PAGE_SIZE);
	return 0;
}

const struct iomap_ops fmapfs_dax_iomap_ops = {
	.iomap_begin = iomap_begin,
};

/* An extent at a time: what tells the caller about it may fault. */
static int report_begin(struct inode *inode, loff_t pos, loff_t length,
			unsigned int flags, struct iomap *iomap,
			struct iomap *srcmap)
{
	int rc = fmapfs_map_lock(inode);

	if (rc)
		return rc;
	rc = iomap_begin(inode, pos, length, flags, iomap, srcmap);
	up_read(&fmapfs_i(inode)->map_lock);
	return rc;
}

static const struct iomap_ops report_iomap_ops = {
	.iomap_begin = report_begin,
};

int fmapfs_dax_fiemap(struct inode *inode, struct fiemap_extent_info *info,
		      u64 start, u64 len)
{
	return iomap_fiemap(inode, info, start, len, &report_iomap_ops);
}
