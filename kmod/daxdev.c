// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry of DAX devices: finding, holding and releasing them.
 *
 * The module is the holder of each device that a mount uses. A device node is
 * held once, whatever the number of mounts; nodes that lie on one DAX device
 * (the partitions of a pmem disk) share its fmapfs_mem. Block devices are opened
 * exclusively, so that nobody else can mount them.
 */
#include <linux/blkdev.h>
#include <linux/cdev.h>
#include <linux/cred.h>
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "daxdev.h"
#include "trace.h"

static DEFINE_MUTEX(registry_lock);
static LIST_HEAD(registry);		/* of fmapfs_daxdev, by registry_lock */

/*
 * A DAX device of our own, without memory. It tells the major number of DAX
 * character devices, and killing it waits for everybody who is inside our
 * notify_failure().
 */
static struct dax_device *anchor;

static int refuse(struct fmapfs_found *found, int error, const char *why)
{
	found->why = why;
	return error;
}

/* Whatever keeps it from being opened; but a lack of memory passes. */
static int not_opened(struct fmapfs_found *found, int error, const char *why)
{
	return error == -ENOMEM ? refuse(found, error, "no memory") :
				  refuse(found, -ENODEV, why);
}

static bool is_block(const struct fmapfs_daxdev *dev)
{
	return S_ISBLK(dev->mode);
}

/* --- the DAX device behind a node --- */

static int mem_hold(struct fmapfs_mem *mem, struct fmapfs_daxdev *dev)
{
	u64 start;
	int rc;

	if (is_block(dev))
		return fs_dax_get_by_bdev(file_bdev(dev->bdev_file), &start,
					  mem, &fmapfs_holder_ops) ? 0 : -EBUSY;

	rc = fs_dax_get(mem->dax_dev, mem, &fmapfs_holder_ops);
	if (rc)
		return rc;
	/*
	 * The driver leaves it open whether caches must be flushed. The memory
	 * may be shared with other hosts, or persistent: fsync() has to.
	 */
	if (!dax_write_cache_enabled(mem->dax_dev)) {
		dax_write_cache(mem->dax_dev, true);
		mem->flushed = true;
	}
	return 0;
}

/* Finds or makes the fmapfs_mem of @dax_dev, for @dev. */
static int mem_use(struct dax_device *dax_dev, struct fmapfs_daxdev *dev)
{
	struct fmapfs_mem *mem = fmapfs_mem_find(dax_dev);
	int rc;

	lockdep_assert_held(&registry_lock);
	if (mem) {
		mem->users++;
		dev->mem = mem;
		fmapfs_mem_put(mem);
		return 0;
	}
	/*
	 * Somebody else's, or ours and being removed: to ask for it would wait
	 * for the removal, with registry_lock held.
	 */
	if (dax_holder(dax_dev))
		return -EBUSY;
	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	refcount_set(&mem->count, 1);
	mem->users = 1;
	mem->dax_dev = dax_dev;
	mem->claims = RB_ROOT_CACHED;
	fmapfs_bad_init(&mem->bad);
	/* Before it is held: from then on it can be removed. */
	fmapfs_mem_add(mem);
	rc = mem_hold(mem, dev);
	if (rc) {
		fmapfs_mem_del(mem);
		fmapfs_mem_put(mem);
		return rc;
	}
	dev->mem = mem;
	return 0;
}

static void mem_unuse(struct fmapfs_mem *mem)
{
	lockdep_assert_held(&registry_lock);
	if (--mem->users)
		return;
	fmapfs_mem_del(mem);
	/* Once it was removed, we are not its holder, and another may be. */
	if (READ_ONCE(mem->gone) && dax_holder(mem->dax_dev) != mem) {
		fs_put_dax(mem->dax_dev, NULL);
	} else {
		if (mem->flushed)
			dax_write_cache(mem->dax_dev, false);
		fs_put_dax(mem->dax_dev, mem);
	}
	fmapfs_mem_put(mem);
}

/* --- block devices --- */

/*
 * @file is the device, opened by who names it: what is no DAX device is told so,
 * even if it is in use.
 */
static int open_block(struct fmapfs_daxdev *dev, const struct file *file,
		      struct fmapfs_found *found)
{
	struct dax_device *dax_dev;
	struct block_device *bdev;
	int rc;

	dax_dev = fs_dax_get_by_bdev(I_BDEV(file->f_mapping->host),
				     &dev->start, NULL, NULL);
	if (!dax_dev)
		return refuse(found, -ENODEV,
			      "it has no DAX: a namespace must be in mode fsdax, a partition aligned to pages");
	dev->bdev_file = bdev_file_open_by_dev(dev->devt, BLK_OPEN_READ,
					       &registry, NULL);
	if (IS_ERR(dev->bdev_file)) {
		rc = PTR_ERR(dev->bdev_file);
		rc = rc == -EBUSY ?
		     refuse(found, rc,
			    "it is mounted, or used by another driver, or partly used by fmapfs") :
		     not_opened(found, rc, "it cannot be opened");
		goto put_dax;
	}
	bdev = file_bdev(dev->bdev_file);
	dev->size = bdev_nr_bytes(bdev);
	snprintf(dev->name, sizeof(dev->name), "%pg", bdev);
	rc = mem_use(dax_dev, dev);
	if (rc)
		rc = refuse(found, rc, rc == -EBUSY ?
			    "somebody else holds its memory" :
			    "its memory cannot be held");
	if (rc)
		bdev_fput(dev->bdev_file);

put_dax:
	/* What mem_use() holds has a reference of its own. */
	fs_put_dax(dax_dev, NULL);
	return rc;
}

/* --- character devices --- */

static bool accessible(struct dax_device *dax_dev, u64 pgoff, u64 npages)
{
	void *kaddr;

	return dax_direct_access(dax_dev, pgoff, npages, DAX_ACCESS, &kaddr,
				 NULL) > 0;
}

/*
 * How many pages from @pgoff lie in one range: none if @pgoff is past the end.
 * The driver tells only whether all of some pages do.
 */
static u64 range_pages(struct dax_device *dax_dev, u64 pgoff)
{
	u64 good = 0, bad = 1;

	while (accessible(dax_dev, pgoff, bad)) {
		good = bad;
		bad *= 2;
	}
	while (bad - good > 1) {
		u64 mid = good + (bad - good) / 2;

		if (accessible(dax_dev, pgoff, mid))
			good = mid;
		else
			bad = mid;
	}
	return good;
}

/* Finds out size and segments, by asking: the kernel has no other way. */
static int measure(struct fmapfs_daxdev *dev, struct dax_device *dax_dev)
{
	u64 pgoff = 0, n;
	int rc = 0, id;

	id = dax_read_lock();
	while ((n = range_pages(dax_dev, pgoff))) {
		u64 *segs = krealloc(dev->segs,
				     (dev->nsegs + 1) * sizeof(*segs),
				     GFP_KERNEL);

		if (!segs) {
			rc = -ENOMEM;
			break;
		}
		pgoff += n;
		segs[dev->nsegs++] = pgoff << PAGE_SHIFT;
		dev->segs = segs;
	}
	dax_read_unlock(id);
	dev->size = pgoff << PAGE_SHIFT;
	if (dev->nsegs == 1)
		dev->nsegs = 0;
	return rc ? rc : dev->size ? 0 : -ENODEV;
}

static void name_char(struct fmapfs_daxdev *dev, const struct file *file)
{
	const struct cdev *cdev = READ_ONCE(file_inode(file)->i_cdev);

	/* The file keeps the cdev, which keeps the device, its parent. */
	if (cdev && cdev->kobj.parent)
		strscpy(dev->name, kobject_name(cdev->kobj.parent),
			sizeof(dev->name));
	else
		snprintf(dev->name, sizeof(dev->name), "%u:%u",
			 MAJOR(dev->devt), MINOR(dev->devt));
}

/* Only fsdev_dax lets file systems have the memory. */
static int refuse_char(struct fmapfs_found *found, const char *name, int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		pr_info_ratelimited("fmapfs: to rebind %s: modprobe fsdev_dax; echo %s > /sys/bus/dax/drivers/device_dax/unbind; echo %s > /sys/bus/dax/drivers/fsdev_dax/new_id\n",
				    name, name, name);
		return refuse(found, -EBUSY, "it is bound to another driver");
	case -EBUSY:
		return refuse(found, error, "somebody else holds its memory");
	case -ENODEV:
		return refuse(found, error, "it is not bound to a driver");
	default:
		return refuse(found, error, "its memory cannot be held");
	}
}

/* @file keeps the device's number from becoming another's meanwhile. */
static int open_char(struct fmapfs_daxdev *dev, const struct file *file,
		     struct fmapfs_found *found)
{
	struct dax_device *dax_dev;
	int rc;

	if (!FMAPFS_HAS_CHAR_DAX)
		return refuse(found, -ENODEV,
			      "character devices need a kernel from 7.0 on");
	dax_dev = dax_dev_get(dev->devt);
	if (!dax_dev)
		return refuse(found, -ENODEV, "it is not there");
	name_char(dev, file);
	rc = mem_use(dax_dev, dev);
	if (rc) {
		rc = refuse_char(found, dev->name, rc);
		goto put_dax;
	}
	rc = measure(dev, dax_dev);
	if (rc) {
		found->why = "its size cannot be found out";
		mem_unuse(dev->mem);
	}

put_dax:
	put_dax(dax_dev);
	return rc;
}

/* --- the registry --- */

static struct fmapfs_daxdev *registry_find(umode_t mode, dev_t devt)
{
	struct fmapfs_daxdev *dev;

	lockdep_assert_held(&registry_lock);
	list_for_each_entry(dev, &registry, list)
		if (dev->mode == mode && dev->devt == devt &&
		    !READ_ONCE(dev->mem->gone))
			return dev;
	return NULL;
}

static void daxdev_free(struct fmapfs_daxdev *dev)
{
	kfree(dev->segs);
	kfree(dev);
}

static void daxdev_close(struct fmapfs_daxdev *dev)
{
	mem_unuse(dev->mem);
	if (dev->bdev_file)
		bdev_fput(dev->bdev_file);
}

/* What has failed before is not to be touched. */
static int look_for_bad(struct fmapfs_daxdev *dev, struct fmapfs_found *found)
{
	u64 first = dev->start >> PAGE_SHIFT;
	u64 npages = dev->size >> PAGE_SHIFT;

	lockdep_assert_held(&registry_lock);
	WRITE_ONCE(dev->mem->end, max(dev->mem->end, first + npages));
	fmapfs_bad_look(dev->mem, first, npages);
	return fatal_signal_pending(current) ?
	       refuse(found, -EINTR, "interrupted") : 0;
}

static int registry_add(umode_t mode, dev_t devt, const struct file *file,
			struct fmapfs_found *found)
{
	struct fmapfs_daxdev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int rc;

	if (!dev)
		return refuse(found, -ENOMEM, "no memory");
	dev->users = 1;
	dev->mode = mode;
	dev->devt = devt;
	rc = is_block(dev) ? open_block(dev, file, found) :
			     open_char(dev, file, found);
	if (!rc) {
		rc = look_for_bad(dev, found);
		if (rc)
			daxdev_close(dev);
	}
	if (rc) {
		daxdev_free(dev);
		return rc;
	}
	list_add(&dev->list, &registry);
	trace_fmapfs_dev_up(devt);
	found->dev = dev;
	return 0;
}

static bool is_dax_char(const struct inode *inode)
{
	return S_ISCHR(inode->i_mode) &&
	       MAJOR(inode->i_rdev) == MAJOR(dax_inode(anchor)->i_rdev);
}

/**
 * fmapfs_daxdev_open_file - hold the device that a file is
 * @file: an open file
 * @found: result; its device is to be dropped with fmapfs_daxdev_put()
 *
 * Return: 0, -EINVAL: it is no device of the right kind, -ENODEV: it cannot be
 * used, -EBUSY: somebody else has it, or another error. @found->why says more.
 */
int fmapfs_daxdev_open_file(struct file *file, struct fmapfs_found *found)
{
	const struct inode *inode = file_inode(file);
	int rc = 0;

	*found = (struct fmapfs_found){};
	if (!S_ISBLK(inode->i_mode) && !is_dax_char(inode))
		return refuse(found, -EINVAL,
			      "it is neither a block device nor a DAX character device");
	if (mutex_lock_killable(&registry_lock))
		return refuse(found, -EINTR, "interrupted");

	found->dev = registry_find(inode->i_mode & S_IFMT, inode->i_rdev);
	if (found->dev)
		found->dev->users++;
	else
		rc = registry_add(inode->i_mode & S_IFMT, inode->i_rdev, file,
				  found);
	mutex_unlock(&registry_lock);
	if (rc)
		return rc;

	found->read_only = !(file->f_mode & FMODE_WRITE);
	if (found->dev->bdev_file &&
	    bdev_read_only(file_bdev(found->dev->bdev_file)))
		found->read_only = true;
	return 0;
}

/* May the caller open what @cred may open, and no more than that? */
static bool acts_for(const struct cred *cred)
{
	const struct cred *own = current_cred();

	return own == cred ||
	       (own->user_ns == cred->user_ns && !cred_fscmp(own, cred) &&
		cap_issubset(own->cap_effective, cred->cap_effective));
}

/**
 * fmapfs_daxdev_open_path - hold the device that a path names
 * @path: looked up with the caller's credentials, root and mounts
 * @cred: who is to have no more rights than these: the caller
 * @found: result; its device is to be dropped with fmapfs_daxdev_put()
 *
 * Who may not write to the device has it read-only. Return: as
 * fmapfs_daxdev_open_file(), but -ENODEV for whatever is no DAX device; -ENOMEM;
 * or -EPERM: the caller has other rights than @cred.
 */
int fmapfs_daxdev_open_path(const char *path, const struct cred *cred,
			    struct fmapfs_found *found)
{
	int flags = O_LARGEFILE | O_NONBLOCK | O_NOCTTY;
	struct file *file;
	int rc;

	*found = (struct fmapfs_found){};
	if (!acts_for(cred))
		return refuse(found, -EPERM,
			      "who answers has other rights than who has read the request");
	file = filp_open(path, O_RDWR | flags, 0);
	if (file == ERR_PTR(-EACCES) || file == ERR_PTR(-EPERM) ||
	    file == ERR_PTR(-EROFS))
		file = filp_open(path, O_RDONLY | flags, 0);
	switch (PTR_ERR_OR_ZERO(file)) {
	case 0:
		break;
	case -EBUSY:
		return refuse(found, -EBUSY, "it is in use");
	case -ENXIO:
		return refuse(found, -ENODEV,
			      "it has no driver (a DAX character device needs fsdev_dax)");
	default:
		return not_opened(found, PTR_ERR(file),
				  "the server cannot open it");
	}
	rc = fmapfs_daxdev_open_file(file, found);
	fput(file);
	return rc == -EINVAL ? -ENODEV : rc;
}

/**
 * fmapfs_daxdev_hold - keep a device
 * @dev: the device, which somebody else holds
 *
 * Return: @dev. May sleep.
 */
struct fmapfs_daxdev *fmapfs_daxdev_hold(struct fmapfs_daxdev *dev)
{
	mutex_lock(&registry_lock);
	dev->users++;
	mutex_unlock(&registry_lock);
	return dev;
}

/**
 * fmapfs_daxdev_put - drop a device
 * @dev: the device, or NULL
 *
 * The last user's device is released before this returns. May sleep.
 */
void fmapfs_daxdev_put(struct fmapfs_daxdev *dev)
{
	if (!dev)
		return;
	mutex_lock(&registry_lock);
	if (--dev->users) {
		mutex_unlock(&registry_lock);
		return;
	}
	list_del(&dev->list);
	daxdev_close(dev);
	mutex_unlock(&registry_lock);
	trace_fmapfs_dev_down(dev->devt);
	daxdev_free(dev);
}

/**
 * fmapfs_daxdev_flush - make durable what has left the CPU's caches
 * @dev: the device
 *
 * Return: 0 or -errno.
 */
int fmapfs_daxdev_flush(struct fmapfs_daxdev *dev)
{
	if (READ_ONCE(dev->mem->gone))
		return -EIO;
	if (!dev->bdev_file) {
		/* No driver is asked, which would order the stores. */
		wmb();
		return 0;
	}
	return blkdev_issue_flush(file_bdev(dev->bdev_file));
}

/**
 * fmapfs_daxdev_size - how large is a device just now?
 * @dev: the device
 *
 * A partition can be made smaller while it is in use, and what was its end be
 * another's. If it becomes larger, that is for the next one to use. A device that was
 * removed has the size that it had: what is wrong with it is not that. Return: bytes.
 */
u64 fmapfs_daxdev_size(const struct fmapfs_daxdev *dev)
{
	u64 size;

	if (!dev->bdev_file)
		return dev->size;
	size = min_t(u64, dev->size, bdev_nr_bytes(file_bdev(dev->bdev_file)));
	/* We are told of a removal before the disk has no size any more. */
	smp_rmb();
	return READ_ONCE(dev->mem->gone) ? dev->size : size;
}

/* Can this kernel use /dev/daxX.Y? */
bool fmapfs_daxdev_has_char(void)
{
	return FMAPFS_HAS_CHAR_DAX;
}

int fmapfs_daxdev_init(void)
{
	anchor = alloc_dax(NULL, NULL);
	return PTR_ERR_OR_ZERO(anchor);
}

void fmapfs_daxdev_exit(void)
{
	kill_dax(anchor);
	put_dax(anchor);
}
