// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes: their life, their attributes.
 *
 * An inode is found by node id. It lives as long as the VFS keeps it; when it
 * goes, the lookups that the server has counted for it go back in one FORGET.
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "proto.h"

static struct kmem_cache *inode_cache;

static void init_once(void *p)
{
	struct fmapfs_inode *fi = p;

	inode_init_once(&fi->inode);
}

int fmapfs_inode_init(void)
{
	inode_cache = kmem_cache_create("fmapfs_inode",
					sizeof(struct fmapfs_inode), 0,
					SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT |
					SLAB_RECLAIM_ACCOUNT, init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void fmapfs_inode_exit(void)
{
	/* Inodes are freed by RCU. */
	rcu_barrier();
	kmem_cache_destroy(inode_cache);
}

struct inode *fmapfs_inode_alloc(struct super_block *sb)
{
	struct fmapfs_inode *fi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!fi)
		return NULL;
	memset_after(fi, 0, inode);
	spin_lock_init(&fi->lock);
	/* Nothing is known yet. */
	fi->attr_inval = STATX_BASIC_STATS | STATX_BTIME;
	mutex_init(&fi->open_lock);
	INIT_LIST_HEAD(&fi->fills);
	INIT_LIST_HEAD(&fi->changes);
	init_waitqueue_head(&fi->io_wait);
	init_rwsem(&fi->map_lock);
	fi->forget = fmapfs_forget_new(GFP_KERNEL);
	if (!fi->forget) {
		kmem_cache_free(inode_cache, fi);
		return NULL;
	}
	return &fi->inode;
}

void fmapfs_inode_free(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	fmapfs_locks_free(inode);
	mutex_destroy(&fi->open_lock);
	kfree(fi->link);
	fmapfs_forget_free(fi->forget);
	kmem_cache_free(inode_cache, fi);
}

/**
 * fmapfs_expire_unknown - expire the attributes of inodes that are not here
 * @sb: the mount
 *
 * What was asked for before now, and makes a new inode, is shown once, and then
 * asked for again: there was one that knew better and is no more, or the server has
 * said that it is old when there was none to tell.
 */
void fmapfs_expire_unknown(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	s64 now = atomic64_inc_return(&fs->attr_version);
	s64 was = atomic64_read(&fs->unknown_version);

	/* Of two that go at once, the later counts. */
	while (was < now &&
	       !atomic64_try_cmpxchg(&fs->unknown_version, &was, now))
		;
}

void fmapfs_inode_evict(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (fi->map)
		fmapfs_dax_evict(inode);
	fmapfs_cache_evict(inode);
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	fmapfs_fmap_evict(inode);
	fmapfs_expire_unknown(inode->i_sb);
	/* The root was never looked up: its count is 0, and nothing is sent. */
	fmapfs_forget_send(fmapfs_conn_of(inode), fi->forget, fi->nodeid,
			   fi->nlookup);
	fi->forget = NULL;
}

/* --- finding --- */

static int inode_test(struct inode *inode, void *nodeid)
{
	return fmapfs_i(inode)->nodeid == *(u64 *)nodeid;
}

static int inode_set(struct inode *inode, void *nodeid)
{
	fmapfs_i(inode)->nodeid = *(u64 *)nodeid;
	return 0;
}

static struct inode *hold_if_found(struct inode *inode, void *nodeid)
{
	if (!inode_test(inode, nodeid) ||
	    inode_state_read_once(inode) & I_NEW)
		return NULL;
	return igrab(inode);
}

/**
 * fmapfs_find_inode - the inode of a node id, if there is one
 * @sb: the mount
 * @nodeid: the node id
 *
 * Does not wait, in particular not for one that is being evicted: that may take
 * as long as its pages are pinned. Return: the inode with a reference, or NULL.
 */
struct inode *fmapfs_find_inode(struct super_block *sb, u64 nodeid)
{
	return compat_find_inode(sb, nodeid, hold_if_found, &nodeid);
}

static void init_inode(struct inode *inode, const struct fmapfs_entry *entry)
{
	const struct fmapfs_attr *attr = &entry->attr;

	fmapfs_i(inode)->generation = entry->generation;
	inode->i_generation = entry->generation;
	inode->i_mode = attr->mode & S_IFMT;
	fmapfs_init_acl(inode);
	/* Times are the server's. */
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
	if (S_ISREG(attr->mode)) {
		inode->i_op = &fmapfs_file_iops;
		inode->i_fop = &fmapfs_file_fops;
		i_size_write(inode, attr->size);
		fmapfs_cache_init(inode);
	} else if (S_ISDIR(attr->mode)) {
		inode->i_op = &fmapfs_dir_iops;
		inode->i_fop = &fmapfs_dir_fops;
	} else if (S_ISLNK(attr->mode)) {
		inode->i_op = &fmapfs_symlink_iops;
	} else {
		inode->i_op = &fmapfs_other_iops;
		init_special_inode(inode, inode->i_mode, attr->rdev);
	}
}

/**
 * fmapfs_is_stale - does an entry speak of another thing than the inode?
 * @inode: found by the entry's node id
 * @entry: the entry
 *
 * Return: true if the server has given the node id to something else.
 */
bool fmapfs_is_stale(const struct inode *inode,
		     const struct fmapfs_entry *entry)
{
	return fmapfs_i(inode)->generation != entry->generation ||
	       (inode->i_mode ^ entry->attr.mode) & S_IFMT;
}

/**
 * fmapfs_make_bad - an inode's node id was given to something else
 * @inode: the inode; everything on it fails with EIO from here on
 */
void fmapfs_make_bad(struct inode *inode)
{
	WRITE_ONCE(fmapfs_i(inode)->bad, true);
	remove_inode_hash(inode);
}

/* The inode keeps one more lookup, which it gives back when it goes. */
void fmapfs_add_lookup(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	fi->nlookup++;
	spin_unlock(&fi->lock);
}

static struct inode *get_inode(struct super_block *sb,
			       const struct fmapfs_entry *entry)
{
	u64 nodeid = entry->nodeid;
	struct inode *inode;

	for (;;) {
		inode = iget5_locked(sb, nodeid, inode_test, inode_set,
				     &nodeid);
		if (!inode)
			return NULL;
		if (inode_state_read_once(inode) & I_NEW) {
			init_inode(inode, entry);
			unlock_new_inode(inode);
			return inode;
		}
		if (!fmapfs_is_stale(inode, entry))
			return inode;
		fmapfs_make_bad(inode);
		iput(inode);
	}
}

/**
 * fmapfs_iget - the inode of an entry
 * @sb: the mount
 * @entry: an entry with a node id
 *
 * On success the entry's lookup is the inode's. Return: the inode with a
 * reference, or NULL: no memory.
 */
struct inode *fmapfs_iget(struct super_block *sb,
			  const struct fmapfs_entry *entry)
{
	struct inode *inode = get_inode(sb, entry);

	if (inode) {
		fmapfs_add_lookup(inode);
		fmapfs_update_attr(inode, &entry->attr);
	}
	return inode;
}

/**
 * fmapfs_root - make the root
 * @sb: the mount
 * @mode: its type and mode until its attributes are known
 *
 * The root is there without a lookup, and never forgotten.
 */
struct inode *fmapfs_root(struct super_block *sb, umode_t mode)
{
	struct fmapfs_entry entry = {
		.nodeid = FUSE_ROOT_ID,
		.attr.ino = FUSE_ROOT_ID,
		.attr.mode = mode,
		.attr.nlink = 1,
		.attr.uid = fmapfs_sb(sb)->user_id,
		.attr.gid = fmapfs_sb(sb)->group_id,
	};
	struct inode *inode = get_inode(sb, &entry);

	if (inode)
		fmapfs_update_attr(inode, &entry.attr);
	return inode;
}

/* --- attributes --- */

/*
 * Guarded by fi->lock. Whom a sticky bit keeps from removing a name is for the
 * server to say, unless the kernel is to check modes: the VFS is not shown it.
 */
static void set_mode(struct inode *inode, umode_t mode)
{
	mode = (inode->i_mode & S_IFMT) | (mode & 07777);
	fmapfs_i(inode)->shown_mode = mode;
	if (!fmapfs_default_permissions(inode->i_sb))
		mode &= ~S_ISVTX;
	inode->i_mode = mode;
}

/* Guarded by fi->lock. */
static void update_btime(struct fmapfs_inode *fi,
			 const struct fmapfs_attr *attr)
{
	fi->attr_inval &= ~STATX_BTIME;
	if (attr->has_btime) {
		fi->has_btime = true;
		fi->btime = attr->btime;
	}
}

/* Guarded by fi->lock. A file that is memory is written to without the server. */
static void update_times(struct inode *inode, const struct fmapfs_attr *attr)
{
	struct timespec64 mtime = inode_get_mtime(inode);
	struct timespec64 ctime = inode_get_ctime(inode);

	inode_set_atime_to_ts(inode, attr->atime);
	if (!fmapfs_has_map(inode) ||
	    timespec64_compare(&attr->mtime, &mtime) > 0)
		inode_set_mtime_to_ts(inode, attr->mtime);
	if (!fmapfs_has_map(inode) ||
	    timespec64_compare(&attr->ctime, &ctime) > 0)
		inode_set_ctime_to_ts(inode, attr->ctime);
}

/**
 * fmapfs_update_nosec - does a write to a file with a map take privileges away?
 * @inode: the file; its lock is held
 *
 * Set-id bits, yes. File capabilities are in an extended attribute; to look for
 * it would take a request to the server for every write, so they are left to
 * the server, as the data are.
 */
void fmapfs_update_nosec(struct inode *inode)
{
	lockdep_assert_held(&fmapfs_i(inode)->lock);
	inode_set_flags(inode, is_sxid(inode->i_mode) ? 0 : S_NOSEC, S_NOSEC);
}

/* What an inode had before other attributes were taken over. */
struct old_attr {
	loff_t size;
	struct timespec64 mtime;
	bool map;
};

/* What is cached of an ordinary file whose attributes were others before. */
static void update_cache(struct inode *inode, const struct old_attr *was,
			 const struct fmapfs_attr *attr)
{
	u64 flags = fmapfs_agreed(inode->i_sb)->flags;
	bool drop = false;

	if (was->size != attr->size) {
		fmapfs_cache_truncate(inode, attr->size);
		drop = flags & FUSE_AUTO_INVAL_DATA ||
		       !(flags & FUSE_EXPLICIT_INVAL_DATA);
	} else if (flags & FUSE_AUTO_INVAL_DATA) {
		drop = !timespec64_equal(&was->mtime, &attr->mtime);
	}
	if (drop)
		fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
}

/* Return: false: those that it has were asked for later. */
static bool set_attr(struct inode *inode, const struct fmapfs_attr *attr,
		     struct old_attr *was)
{
	struct fmapfs_sb *fs = fmapfs_sb(inode->i_sb);
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool old;

	spin_lock(&fi->lock);
	if (attr->version < fi->attr_version) {
		spin_unlock(&fi->lock);
		return false;
	}
	/* See fmapfs_expire_unknown(). */
	old = !fi->attr_version &&
	      attr->version < atomic64_read(&fs->unknown_version);
	fi->attr_version = atomic64_inc_return(&fs->attr_version);
	fi->attr_expires = old ? 0 : attr->expires;
	if (!old)
		fi->attr_inval &= ~STATX_BASIC_STATS;
	if (attr->by_statx)
		update_btime(fi, attr);
	fi->blksize = attr->blksize;
	fi->orig_ino = attr->ino;
	inode->i_ino = attr->ino;
	set_mode(inode, attr->mode);
	inode->i_uid = attr->uid;
	inode->i_gid = attr->gid;
	set_nlink(inode, attr->nlink);
	was->mtime = inode_get_mtime(inode);
	update_times(inode, attr);
	was->map = fmapfs_has_map(inode);
	was->size = i_size_read(inode);
	if (was->map)
		fmapfs_update_nosec(inode);
	if (!fmapfs_map_in_force(inode)) {
		inode->i_blocks = attr->blocks;
		i_size_write(inode, attr->size);
	}
	spin_unlock(&fi->lock);
	return true;
}

/**
 * fmapfs_update_attr - take over attributes that the server has sent
 * @inode: whose
 * @attr: the attributes
 *
 * Nothing happens if others, asked for later, were taken over before. The size
 * of a file with a map is what its map says, until the map changes or is taken
 * back. What is cached of an ordinary file goes, as far as has been agreed, if
 * it has changed at the server.
 *
 * Return: true if they were taken over.
 */
bool fmapfs_update_attr(struct inode *inode, const struct fmapfs_attr *attr)
{
	struct old_attr was;

	if (!set_attr(inode, attr, &was))
		return false;
	if (S_ISREG(inode->i_mode) && !was.map)
		update_cache(inode, &was, attr);
	return true;
}

/**
 * fmapfs_attr_changed - take over attributes that we have changed at the server
 * @inode: whose
 * @attr: what they are now
 *
 * No earlier reply brings back what was before. What is cached is the caller's
 * affair: another mtime does not say that the data have changed.
 */
void fmapfs_attr_changed(struct inode *inode, struct fmapfs_attr *attr)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct old_attr was;

	spin_lock(&fi->lock);
	/* Something else has changed meanwhile: it may be in it or not. */
	if (attr->version < fi->attr_version)
		attr->expires = 0;
	spin_unlock(&fi->lock);
	attr->version = U64_MAX;
	set_attr(inode, attr, &was);
}

/**
 * fmapfs_expire_attr_mask - the server may have changed them without our knowing
 *	how
 * @inode: whose attributes
 * @mask: which, STATX_*
 */
void fmapfs_expire_attr_mask(struct inode *inode, u32 mask)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	fi->attr_version =
		atomic64_inc_return(&fmapfs_sb(inode->i_sb)->attr_version);
	fi->attr_inval |= mask;
	spin_unlock(&fi->lock);
}

void fmapfs_expire_attr(struct inode *inode)
{
	fmapfs_expire_attr_mask(inode, STATX_BASIC_STATS);
}
