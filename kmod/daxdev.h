/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAX devices: one registry for the module (daxdev.c), one table a mount
 * (devtab.c), who uses which memory (claim.c), and which is bad (badmem.c).
 *
 *   devtab, by index → daxdev: a device node → mem: the DAX device behind it
 *                                                 └ interval tree of claims
 *
 * Locks, outermost first:
 *
 *   fmapfs_devtab.ask		held while GET_DAXDEV is waited for; killable
 *   fmapfs_devtab.lock		innermost, too
 *   registry_lock (daxdev.c)	devices come and go; taken around the opening
 *				of block devices and around device_lock()
 *   fmapfs_claims_lock		innermost. The kernel calls us with a device's
 *				device_lock() when it is removed, so nothing
 *				that holds this lock may wait for that one, and
 *				as eviction takes it, nothing may be allocated.
 */
#ifndef FMAPFS_DAXDEV_H
#define FMAPFS_DAXDEV_H

#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "fmap_core.h"

struct cred;
struct dax_device;
struct dax_holder_operations;
struct file;
struct fmapfs_clear_bad;
struct fmapfs_map;
struct inode;

/* So many ranges of bad memory are told apart, for each DAX device. */
#define FMAPFS_BAD_MAX	256

/**
 * struct fmapfs_bad_range - some bad memory
 * @first: first page, of the DAX device
 * @last: last page
 * @hard: the error may be the hardware's, and not just have been simulated
 */
struct fmapfs_bad_range {
	u64 first;
	u64 last;
	bool hard;
};

/**
 * struct fmapfs_bad - the bad memory of a DAX device
 * @lock: guards all of it; innermost. @n may be read without
 * @n: how many ranges there are
 * @marks: counts additions
 * @ranges: sorted, apart from each other
 */
struct fmapfs_bad {
	spinlock_t lock;	/* all of it; innermost */
	unsigned int n;
	unsigned long marks;
	struct fmapfs_bad_range ranges[FMAPFS_BAD_MAX];
};

/**
 * struct fmapfs_mem - a DAX device that this module holds
 * @list: among those in use; guarded by fmapfs_claims_lock
 * @count: references: the registry's, and one of each removal or memory error
 *	that is being handled
 * @users: daxdevs that lie on it (partitions of a disk share one); guarded by
 *	registry_lock
 * @dax_dev: holds a reference
 * @claims: who uses which of its pages; guarded by fmapfs_claims_lock
 * @gone: it was removed, and @dax_dev may belong to others by now. Set once,
 *	under fmapfs_claims_lock
 * @flushed: we have switched its write cache flag on
 * @end: where, of all the daxdevs on it so far, the last one ends; pages. Written
 *	under registry_lock
 * @bad: what of it is bad
 */
struct fmapfs_mem {
	struct list_head list;
	refcount_t count;
	unsigned int users;
	struct dax_device *dax_dev;
	struct rb_root_cached claims;
	bool gone;
	bool flushed;
	u64 end;
	struct fmapfs_bad bad;
};

/**
 * struct fmapfs_daxdev - a device node, /dev/pmemN, a partition or /dev/daxX.Y
 * @list: in the registry; guarded by registry_lock
 * @users: table entries and callers that hold it; guarded by registry_lock
 * @mem: the memory; constant, as all that follows
 * @devt: its number
 * @mode: S_IFBLK or S_IFCHR
 * @start: where in @mem it begins, bytes
 * @size: bytes when it was opened; see fmapfs_daxdev_size()
 * @bdev_file: block device, opened exclusively; NULL: a character device
 * @segs: ends of its segments from its start, in bytes: a character device may
 *	be made of several ranges of memory, which no access may cross
 * @nsegs: entries of @segs; 0: one range
 * @name: as the kernel calls it
 */
struct fmapfs_daxdev {
	struct list_head list;
	unsigned int users;
	struct fmapfs_mem *mem;
	dev_t devt;
	umode_t mode;
	u64 start;
	u64 size;
	struct file *bdev_file;
	u64 *segs;
	unsigned int nsegs;
	char name[32];
};

/**
 * struct fmapfs_found - what looking for a device has brought
 * @dev: the device, with a reference; or NULL
 * @read_only: it may not be written to by who opened it, or by nobody
 * @why: what is wrong, in words, if there is an error; static storage
 */
struct fmapfs_found {
	struct fmapfs_daxdev *dev;
	bool read_only;
	const char *why;
};

/* In daxdev.c */
int fmapfs_daxdev_init(void);
void fmapfs_daxdev_exit(void);
bool fmapfs_daxdev_has_char(void);
int fmapfs_daxdev_open_path(const char *path, const struct cred *cred,
			    struct fmapfs_found *found);
int fmapfs_daxdev_open_file(struct file *file, struct fmapfs_found *found);
struct fmapfs_daxdev *fmapfs_daxdev_hold(struct fmapfs_daxdev *dev);
void fmapfs_daxdev_put(struct fmapfs_daxdev *dev);
int fmapfs_daxdev_flush(struct fmapfs_daxdev *dev);
u64 fmapfs_daxdev_size(const struct fmapfs_daxdev *dev);

/* Bytes from @off, which is on the device, that one access may cover. */
static inline u64 fmapfs_daxdev_contiguous(const struct fmapfs_daxdev *dev,
					   u64 off)
{
	unsigned int i;

	for (i = 0; i < dev->nsegs; i++)
		if (off < dev->segs[i])
			return dev->segs[i] - off;
	return dev->size - off;
}

/**
 * struct fmapfs_devtab - the devices of one mount, by the server's index
 * @count: references: the mount's and its connection's, which may outlive it
 *	(the push ioctl)
 * @closed: the mount is gone, nothing can be added; guarded by @lock
 * @ask: single flight of GET_DAXDEV
 * @lock: guards additions to @devs and @read_only
 * @devs: published with release semantics, never replaced or cleared while the
 *	mount lives, so that readers need no lock; each holds a reference
 * @read_only: bit i: the server may only read device i; written before devs[i]
 */
struct fmapfs_devtab {
	refcount_t count;
	bool closed;
	struct mutex ask;	/* one GET_DAXDEV at a time */
	struct mutex lock;	/* additions */
	struct fmapfs_daxdev *devs[FUSE_FAMFS_MAX_DAXDEVS];
	DECLARE_BITMAP(read_only, FUSE_FAMFS_MAX_DAXDEVS);
};

/* In devtab.c */
struct fmapfs_devtab *fmapfs_devtab_new(void);
struct fmapfs_devtab *fmapfs_devtab_hold(struct fmapfs_devtab *tab);
void fmapfs_devtab_put(struct fmapfs_devtab *tab);
/* Unmount, after the last inode: drops the devices. Additions: -ENODEV. */
void fmapfs_devtab_close(struct fmapfs_devtab *tab);
int fmapfs_devtab_add(struct fmapfs_devtab *tab, u32 index,
		      struct fmapfs_found *found);
int fmapfs_devtab_add_file(struct fmapfs_devtab *tab, u32 index,
			   struct file *file);
struct dax_device *fmapfs_devtab_flusher(struct fmapfs_devtab *tab);
int fmapfs_devtab_flush(struct fmapfs_devtab *tab);
int fmapfs_devtab_show(struct fmapfs_devtab *tab, char *buf, size_t size);
int fmapfs_devtab_show_bad(struct fmapfs_devtab *tab, char *buf, size_t size);
int fmapfs_devtab_clear_bad(struct fmapfs_devtab *tab,
			    const struct fmapfs_clear_bad __user *arg);

/* NULL: the index is not known (yet). @index < FUSE_FAMFS_MAX_DAXDEVS. */
static inline struct fmapfs_daxdev *fmapfs_devtab_get(struct fmapfs_devtab *tab,
						      u32 index)
{
	/* Pairs with fmapfs_devtab_add(). */
	return smp_load_acquire(&tab->devs[index]);
}

/**
 * struct fmapfs_claim - a range of memory that a file's map uses
 * @node: in fmapfs_mem.claims, unit: pages of the DAX device
 * @mem: whose tree it is in, or NULL; guarded by fmapfs_claims_lock
 * @map: the map; constant, as @extent
 * @extent: which of its extents
 *
 * The i-th claim of a map is that of its i-th run.
 */
struct fmapfs_claim {
	struct interval_tree_node node;
	struct fmapfs_mem *mem;
	struct fmapfs_map *map;
	u32 extent;
};

/**
 * struct fmapfs_clash - why a map cannot have its memory
 * @run: the run of the map that cannot be had
 * @dev: mount of the other file
 * @nodeid: its node id; 0: it is of the same map
 */
struct fmapfs_clash {
	u32 run;
	dev_t dev;
	u64 nodeid;
};

/* In badmem.c */
void fmapfs_bad_init(struct fmapfs_bad *bad);
void fmapfs_bad_add(struct fmapfs_mem *mem, u64 first, u64 last, bool hard);
bool fmapfs_bad_next(struct fmapfs_mem *mem, u64 first, u64 last,
		     struct fmapfs_bad_range *range);
u64 fmapfs_bad_avoid(struct fmapfs_mem *mem, u64 page, u64 npages);
bool fmapfs_bad_look(struct fmapfs_mem *mem, u64 first, u64 npages);
void fmapfs_bad_flag(struct fmapfs_mem *mem, u64 first, u64 last);
int fmapfs_bad_clear(struct fmapfs_mem *mem, u64 first, u64 last);

/* In claim.c */
extern struct mutex fmapfs_claims_lock;
extern const struct dax_holder_operations fmapfs_holder_ops;

void fmapfs_mem_add(struct fmapfs_mem *mem);
void fmapfs_mem_del(struct fmapfs_mem *mem);
struct fmapfs_mem *fmapfs_mem_find(struct dax_device *dax_dev);
void fmapfs_mem_put(struct fmapfs_mem *mem);

int fmapfs_claims_insert(struct fmapfs_map *map, struct fmapfs_devtab *tab,
			 struct fmapfs_clash *clash);
void fmapfs_claims_start(struct fmapfs_map *map);
void fmapfs_claims_stop(struct fmapfs_map *map);
int fmapfs_claims_stop_killable(struct fmapfs_map *map);
void fmapfs_claims_remove(struct fmapfs_map *map);
bool fmapfs_claims_by_others(struct fmapfs_mem *mem, u64 first, u64 last,
			     const struct fmapfs_devtab *tab);

#endif /* FMAPFS_DAXDEV_H */
