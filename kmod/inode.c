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

	mutex_destroy(&fi->open_lock);
	fmapfs_forget_free(fi->forget);
	kmem_cache_free(inode_cache, fi);
}

/* What was asked for before now may be of an inode that is no more. */
static void note_eviction(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	atomic64_set(&fs->evict_version, atomic64_inc_return(&fs->attr_version));
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
	note_eviction(inode->i_sb);
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
	} else {
		inode->i_op = &fmapfs_other_iops;
		if (!S_ISLNK(attr->mode))
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

/* What is cached of an ordinary file whose attributes were others before. */
static void update_cache(struct inode *inode, loff_t old_size,
			 struct timespec64 old_mtime,
			 const struct fmapfs_attr *attr)
{
	u64 flags = fmapfs_agreed(inode->i_sb)->flags;
	bool drop = false;

	if (old_size != attr->size) {
		fmapfs_cache_truncate(inode, attr->size);
		drop = flags & FUSE_AUTO_INVAL_DATA ||
		       !(flags & FUSE_EXPLICIT_INVAL_DATA);
	} else if (flags & FUSE_AUTO_INVAL_DATA) {
		drop = !timespec64_equal(&old_mtime, &attr->mtime);
	}
	if (drop)
		fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
}

/**
 * fmapfs_update_attr - take over attributes that the server has sent
 * @inode: whose
 * @attr: the attributes
 *
 * Nothing happens if others, asked for later, were taken over before. The size
 * of a file with a map is what its map says, until the map changes or is taken
 * back.
 */
void fmapfs_update_attr(struct inode *inode, const struct fmapfs_attr *attr)
{
	struct fmapfs_sb *fs = fmapfs_sb(inode->i_sb);
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct timespec64 mtime;
	loff_t size;
	bool old, map;

	spin_lock(&fi->lock);
	if (attr->version < fi->attr_version) {
		spin_unlock(&fi->lock);
		return;
	}
	/* A new inode does not know what its predecessor knew. */
	old = !fi->attr_version &&
	      attr->version < atomic64_read(&fs->evict_version);
	fi->attr_version = atomic64_inc_return(&fs->attr_version);
	fi->attr_expires = old ? 0 : attr->expires;
	fi->blksize = attr->blksize;
	fi->orig_ino = attr->ino;
	inode->i_ino = attr->ino;
	inode->i_mode = (inode->i_mode & S_IFMT) | (attr->mode & 07777);
	inode->i_uid = attr->uid;
	inode->i_gid = attr->gid;
	set_nlink(inode, attr->nlink);
	mtime = inode_get_mtime(inode);
	update_times(inode, attr);
	map = fmapfs_has_map(inode);
	size = i_size_read(inode);
	if (map)
		fmapfs_update_nosec(inode);
	if (!fmapfs_map_in_force(inode)) {
		inode->i_blocks = attr->blocks;
		i_size_write(inode, attr->size);
	}
	spin_unlock(&fi->lock);
	if (S_ISREG(inode->i_mode) && !map)
		update_cache(inode, size, mtime, attr);
}

/**
 * fmapfs_expire_attr - the server may have changed them without our knowing how
 * @inode: whose attributes
 */
void fmapfs_expire_attr(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	fi->attr_version =
		atomic64_inc_return(&fmapfs_sb(inode->i_sb)->attr_version);
	fi->attr_expires = 0;
	spin_unlock(&fi->lock);
}

/**
 * fmapfs_refresh_attr - ask the server for attributes, whatever is known
 * @inode: whose
 *
 * Return: 0 or -errno.
 */
int fmapfs_refresh_attr(struct inode *inode)
{
	struct fmapfs_attr attr;
	int rc = fmapfs_proto_getattr(inode, &attr);

	if (!rc)
		fmapfs_update_attr(inode, &attr);
	return rc;
}

static bool attr_expired(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool rc;

	spin_lock(&fi->lock);
	rc = time_before64(fi->attr_expires, get_jiffies_64());
	spin_unlock(&fi->lock);
	return rc;
}

/**
 * fmapfs_valid_attr - see to it that the attributes are not past their time
 * @inode: whose
 *
 * Return: 0 or -errno.
 */
int fmapfs_valid_attr(struct inode *inode)
{
	return attr_expired(inode) ? fmapfs_refresh_attr(inode) : 0;
}

int fmapfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		   struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	if (READ_ONCE(fi->bad))
		return -EIO;
	if (!fmapfs_allowed(inode->i_sb)) {
		/* As in FUSE: who may not look gets what an empty file has. */
		if (!mask) {
			stat->result_mask = 0;
			stat->dev = inode->i_sb->s_dev;
			return 0;
		}
		return -EACCES;
	}
	if (flags & AT_STATX_FORCE_SYNC)
		rc = fmapfs_refresh_attr(inode);
	else if (!(flags & AT_STATX_DONT_SYNC))
		rc = fmapfs_valid_attr(inode);
	if (rc)
		return rc;
	generic_fillattr(idmap, mask, inode, stat);
	spin_lock(&fi->lock);
	stat->ino = fi->orig_ino;
	stat->blksize = fi->blksize ? fi->blksize :
				      fmapfs_sb(inode->i_sb)->blksize;
	spin_unlock(&fi->lock);
	return 0;
}

/* With the server's consent the size of a file with a map changes: a new map. */
static int size_changed(struct inode *inode, const struct fmapfs_attr *attr)
{
	if (attr->size == i_size_read(inode))
		return 0;
	return fmapfs_fmap_refetch(inode, attr->size);
}

/*
 * To take set-id bits away, the VFS has made a mode of the one that we know,
 * which may be old: makes it anew. Return: 0; 1: nothing is to be changed.
 */
static int drop_set_id(struct inode *inode, struct iattr *iattr)
{
	unsigned int kill = iattr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID);
	int rc;

	if (!kill)
		return 0;
	rc = fmapfs_refresh_attr(inode);
	if (rc)
		return rc;
	iattr->ia_valid &= ~(ATTR_KILL_SUID | ATTR_KILL_SGID | ATTR_MODE);
	iattr->ia_mode = inode->i_mode;
	if (kill & ATTR_KILL_SUID)
		iattr->ia_mode &= ~S_ISUID;
	if (kill & ATTR_KILL_SGID)
		iattr->ia_mode &= ~S_ISGID;
	if (iattr->ia_mode != inode->i_mode)
		iattr->ia_valid |= ATTR_MODE;
	return !(iattr->ia_valid & ~(ATTR_FORCE | ATTR_FILE | ATTR_OPEN |
				     ATTR_CTIME));
}

/* Asks the server, and takes over what it says. */
static int change_attr(struct inode *inode, const struct iattr *iattr)
{
	struct fmapfs_file *ff = NULL;
	loff_t size = i_size_read(inode);
	struct fmapfs_attr attr;
	int rc;

	/* A handle to read by, which an open with O_TRUNC may have, will not do. */
	if (iattr->ia_valid & ATTR_FILE && !(iattr->ia_valid & ATTR_OPEN))
		ff = iattr->ia_file->private_data;
	rc = fmapfs_proto_setattr(inode, iattr, ff, &attr);
	if (rc) {
		fmapfs_expire_attr(inode);
		return rc;
	}
	/* From here on no earlier reply may bring back what was before. */
	attr.version = U64_MAX;
	fmapfs_update_attr(inode, &attr);
	if (iattr->ia_valid & ATTR_SIZE && fmapfs_has_map(inode))
		rc = size_changed(inode, &attr);
	else if (S_ISREG(inode->i_mode) && size != attr.size &&
		 !fmapfs_has_map(inode))
		fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
	return rc;
}

int fmapfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		   struct iattr *iattr)
{
	struct inode *inode = d_inode(dentry);
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_allowed(inode->i_sb))
		return -EACCES;
	if (!fmapfs_sb(inode->i_sb)->default_permissions)
		iattr->ia_valid |= ATTR_FORCE;
	rc = setattr_prepare(idmap, dentry, iattr);
	if (rc)
		return rc;
	rc = drop_set_id(inode, iattr);
	if (rc)
		return rc < 0 ? rc : 0;
	return change_attr(inode, iattr);
}

static int check_access(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	bool exec_file = mask & MAY_EXEC && S_ISREG(inode->i_mode);
	int rc = 0;

	if (fmapfs_sb(inode->i_sb)->default_permissions || exec_file)
		rc = fmapfs_valid_attr(inode);
	if (rc)
		return rc;
	if (fmapfs_sb(inode->i_sb)->default_permissions)
		return generic_permission(idmap, inode, mask);
	if (mask & (MAY_ACCESS | MAY_CHDIR))
		rc = fmapfs_proto_access(inode, mask);
	if (!rc && exec_file && !(inode->i_mode & 0111))
		rc = -EACCES;
	return rc;
}

/* By RCU only what needs no server; to refuse may need one, see below. */
static int permission_rcu(struct mnt_idmap *idmap, struct inode *inode,
			  int mask)
{
	int rc;

	if (fmapfs_sb(inode->i_sb)->default_permissions) {
		if (attr_expired(inode))
			return -ECHILD;
		rc = generic_permission(idmap, inode, mask);
		return rc == -EACCES ? -ECHILD : rc;
	}
	if (mask & (MAY_ACCESS | MAY_CHDIR) ||
	    (mask & MAY_EXEC && S_ISREG(inode->i_mode)))
		return -ECHILD;
	return 0;
}

int fmapfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	struct super_block *sb = inode->i_sb;
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_allowed(sb))
		return -EACCES;
	if (mask & MAY_NOT_BLOCK)
		return permission_rcu(idmap, inode, mask);
	rc = check_access(idmap, inode, mask);
	/* The modes may be old, or as those of the root not yet known. */
	if (rc == -EACCES && fmapfs_sb(sb)->default_permissions) {
		rc = fmapfs_refresh_attr(inode);
		if (!rc)
			rc = generic_permission(idmap, inode, mask);
	}
	return rc;
}
