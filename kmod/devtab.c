// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices of one mount, by the index that the server gives them.
 */
#include <linux/dax.h>
#include <linux/fmapfs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include "daxdev.h"

struct fmapfs_devtab *fmapfs_devtab_new(void)
{
	struct fmapfs_devtab *tab = kzalloc(sizeof(*tab), GFP_KERNEL);

	if (!tab)
		return NULL;
	refcount_set(&tab->count, 1);
	mutex_init(&tab->ask);
	mutex_init(&tab->lock);
	return tab;
}

struct fmapfs_devtab *fmapfs_devtab_hold(struct fmapfs_devtab *tab)
{
	refcount_inc(&tab->count);
	return tab;
}

void fmapfs_devtab_put(struct fmapfs_devtab *tab)
{
	if (!tab || !refcount_dec_and_test(&tab->count))
		return;
	/* A mount that never came about has no unmounting. */
	fmapfs_devtab_close(tab);
	kfree(tab);
}

void fmapfs_devtab_close(struct fmapfs_devtab *tab)
{
	unsigned int i;

	mutex_lock(&tab->lock);
	tab->closed = true;
	mutex_unlock(&tab->lock);
	/* Nothing is added any more, and who would read is gone. */
	for (i = 0; i < ARRAY_SIZE(tab->devs); i++) {
		fmapfs_daxdev_put(tab->devs[i]);
		tab->devs[i] = NULL;
	}
}

static int add_locked(struct fmapfs_devtab *tab, u32 index,
		      struct fmapfs_found *found)
{
	lockdep_assert_held(&tab->lock);
	if (tab->closed)
		return -ENODEV;
	if (tab->devs[index])
		return tab->devs[index] == found->dev ? 0 : -EEXIST;
	if (found->read_only)
		set_bit(index, tab->read_only);
	/* Pairs with fmapfs_devtab_get(). */
	smp_store_release(&tab->devs[index], found->dev);
	found->dev = NULL;
	return 0;
}

/**
 * fmapfs_devtab_add - give a device an index
 * @tab: the table
 * @index: the server's index
 * @found: the device; its reference is consumed
 *
 * Return: 0, also if the index has this device already; -EEXIST: it has
 * another; -ENODEV: there is no such index, or the mount is gone.
 */
int fmapfs_devtab_add(struct fmapfs_devtab *tab, u32 index,
		      struct fmapfs_found *found)
{
	int rc = -ENODEV;

	if (index < ARRAY_SIZE(tab->devs)) {
		mutex_lock(&tab->lock);
		rc = add_locked(tab, index, found);
		mutex_unlock(&tab->lock);
	}
	fmapfs_daxdev_put(found->dev);
	found->dev = NULL;
	return rc;
}

/**
 * fmapfs_devtab_add_file - give the device that a file is an index
 * @tab: the table
 * @index: the server's index
 * @file: an open device, which is not kept
 *
 * Return: as fmapfs_devtab_add(); or -EINVAL: wrong kind of file or no such
 * index, -ENODEV, -EBUSY: the device cannot be had.
 */
int fmapfs_devtab_add_file(struct fmapfs_devtab *tab, u32 index,
			   struct file *file)
{
	struct fmapfs_found found;
	int rc;

	if (index >= ARRAY_SIZE(tab->devs))
		return -EINVAL;
	rc = fmapfs_daxdev_open_file(file, &found);
	if (rc) {
		dev_t devt = file_inode(file)->i_rdev;

		pr_err_ratelimited("fmapfs: DAXDEV_OPEN: index %u: device %u:%u: %s (%d)\n",
				   index, MAJOR(devt), MINOR(devt), found.why,
				   rc);
		return rc;
	}
	return fmapfs_devtab_add(tab, index, &found);
}

/**
 * fmapfs_devtab_flusher - whose cache flags decide about writing back
 * @tab: the table
 *
 * dax_writeback_mapping_range() writes back the pages of all devices but looks
 * at the flag of one: it must be one that has it, if there is any. Return: such
 * a device, else any, else NULL. It lives as long as the mount.
 */
struct dax_device *fmapfs_devtab_flusher(struct fmapfs_devtab *tab)
{
	struct dax_device *any = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab->devs); i++) {
		struct fmapfs_daxdev *dev = fmapfs_devtab_get(tab, i);

		if (!dev)
			continue;
		any = dev->mem->dax_dev;
		if (dax_write_cache_enabled(any))
			break;
	}
	return any;
}

/**
 * fmapfs_devtab_flush - make durable what has left the CPU's caches
 * @tab: the table
 *
 * Return: 0, or the first error; all devices are flushed in any case.
 */
int fmapfs_devtab_flush(struct fmapfs_devtab *tab)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < ARRAY_SIZE(tab->devs); i++) {
		struct fmapfs_daxdev *dev = fmapfs_devtab_get(tab, i);
		int err = dev ? fmapfs_daxdev_flush(dev) : 0;

		if (!rc)
			rc = err;
	}
	return rc;
}

/**
 * fmapfs_devtab_show - a line for each device: index, name, bytes, state
 * @tab: the table
 * @buf: a page, for sysfs
 * @size: bytes at @buf
 *
 * Return: bytes written.
 */
int fmapfs_devtab_show(struct fmapfs_devtab *tab, char *buf, size_t size)
{
	unsigned int i;
	int n = 0;

	mutex_lock(&tab->lock);
	for (i = 0; i < ARRAY_SIZE(tab->devs); i++) {
		const struct fmapfs_daxdev *dev = tab->devs[i];

		if (!dev)
			continue;
		n += scnprintf(buf + n, size - n, "%u %s %llu %s\n", i,
			       dev->name, fmapfs_daxdev_size(dev),
			       READ_ONCE(dev->mem->gone) ? "gone" :
			       test_bit(i, tab->read_only) ? "ro" : "rw");
	}
	mutex_unlock(&tab->lock);
	return n;
}

/* --- bad memory --- */

static u64 first_page(const struct fmapfs_daxdev *dev)
{
	return dev->start >> PAGE_SHIFT;
}

static u64 last_page(const struct fmapfs_daxdev *dev)
{
	return ((dev->start + dev->size) >> PAGE_SHIFT) - 1;
}

/* Said instead of the ranges that there is no room for. */
#define MORE	"...\n"

/* Adds to the @n bytes at @buf. Return: there was room for all. */
static bool show_bad_of(const struct fmapfs_daxdev *dev, unsigned int index,
			char *buf, size_t size, int *n)
{
	u64 at = first_page(dev), last = last_page(dev);
	struct fmapfs_bad_range range;

	while (at <= last && fmapfs_bad_next(dev->mem, at, last, &range)) {
		size_t room = size - *n - sizeof(MORE);
		int len = snprintf(buf + *n, room, "%u %s %llu %llu\n", index,
				   dev->name,
				   (range.first << PAGE_SHIFT) - dev->start,
				   (range.last - range.first + 1) << PAGE_SHIFT);

		if (len >= room) {
			*n += scnprintf(buf + *n, size - *n, MORE);
			return false;
		}
		*n += len;
		at = range.last + 1;
	}
	return true;
}

/**
 * fmapfs_devtab_show_bad - a line for each range: index, name, bytes from the
 * device's start, bytes
 * @tab: the table
 * @buf: a page, for sysfs
 * @size: bytes at @buf
 *
 * If they do not fit, the last line says so. Return: bytes written.
 */
int fmapfs_devtab_show_bad(struct fmapfs_devtab *tab, char *buf, size_t size)
{
	bool room = true;
	unsigned int i;
	int n = 0;

	mutex_lock(&tab->lock);
	for (i = 0; i < ARRAY_SIZE(tab->devs) && room; i++)
		if (tab->devs[i])
			room = show_bad_of(tab->devs[i], i, buf, size, &n);
	mutex_unlock(&tab->lock);
	return n;
}

/* Return: the device, with a reference, or an error. */
static struct fmapfs_daxdev *get_writable(struct fmapfs_devtab *tab, u32 index)
{
	struct fmapfs_daxdev *dev = ERR_PTR(-ENODEV);

	mutex_lock(&tab->lock);
	if (!tab->closed && tab->devs[index])
		dev = test_bit(index, tab->read_only) ? ERR_PTR(-EROFS) :
		      fmapfs_daxdev_hold(tab->devs[index]);
	mutex_unlock(&tab->lock);
	return dev;
}

/* All of it lies on the device, in whole pages. */
static bool is_range_of(const struct fmapfs_daxdev *dev,
			const struct fmapfs_clear_bad *what)
{
	u64 size = fmapfs_daxdev_size(dev);

	return what->len && PAGE_ALIGNED(what->offset | what->len) &&
	       what->offset < size && what->len <= size - what->offset;
}

static int clear_bad_of(struct fmapfs_daxdev *dev, struct fmapfs_devtab *tab,
			const struct fmapfs_clear_bad *what)
{
	u64 first = (dev->start + what->offset) >> PAGE_SHIFT;
	u64 last = first + (what->len >> PAGE_SHIFT) - 1;
	int rc, err;

	if (fmapfs_claims_by_others(dev->mem, first, last, tab))
		return -EBUSY;
	rc = fmapfs_bad_clear(dev->mem, first, last);
	/* The zeroes have to stay. */
	err = fmapfs_daxdev_flush(dev);
	return rc ? rc : err;
}

/**
 * fmapfs_devtab_clear_bad - FMAPFS_IOC_CLEAR_BAD
 * @tab: the table
 * @arg: what the server says
 *
 * Return: 0 or -errno, as documented with the structure.
 */
int fmapfs_devtab_clear_bad(struct fmapfs_devtab *tab,
			    const struct fmapfs_clear_bad __user *arg)
{
	struct fmapfs_clear_bad what;
	struct fmapfs_daxdev *dev;
	int rc = -EINVAL;

	if (copy_from_user(&what, arg, sizeof(what)))
		return -EFAULT;
	if (what.flags || what.devindex >= ARRAY_SIZE(tab->devs))
		return -EINVAL;
	dev = get_writable(tab, what.devindex);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (READ_ONCE(dev->mem->gone))
		rc = -ENODEV;
	else if (is_range_of(dev, &what))
		rc = clear_bad_of(dev, tab, &what);
	fmapfs_daxdev_put(dev);
	return rc;
}
