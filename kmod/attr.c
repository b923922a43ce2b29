// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes: asking for them, changing them, checking permissions by them.
 */
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/posix_acl.h>
#include <linux/stat.h>
#include "proto.h"

/* What decides about permissions. */
#define ATTR_PERM	(STATX_MODE | STATX_UID | STATX_GID)

/* Return: 1: they were taken over; 0: something has changed meanwhile; or -errno. */
static int try_refresh(struct inode *inode, const struct fmapfs_file *ff)
{
	struct fmapfs_attr attr;
	int rc;

	forget_all_cached_acls(inode);
	rc = fmapfs_proto_getattr(inode, ff, &attr);
	return rc ?: fmapfs_update_attr(inode, &attr);
}

static int refresh(struct inode *inode, const struct fmapfs_file *ff)
{
	return min(try_refresh(inode, ff), 0);
}

/**
 * fmapfs_try_refresh_attr - ask the server for attributes, whatever is known
 * @inode: whose
 *
 * Return: 1; 0: what came was not taken over, for something has changed meanwhile;
 * or -errno.
 */
int fmapfs_try_refresh_attr(struct inode *inode)
{
	return try_refresh(inode, NULL);
}

/**
 * fmapfs_refresh_attr - the same, if either will do
 * @inode: whose
 *
 * Return: 0 or -errno.
 */
int fmapfs_refresh_attr(struct inode *inode)
{
	return refresh(inode, NULL);
}

static bool attr_expired(struct inode *inode, u32 mask)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool rc;

	spin_lock(&fi->lock);
	rc = fi->attr_inval & mask ||
	     time_before64(fi->attr_expires, get_jiffies_64());
	spin_unlock(&fi->lock);
	return rc;
}

/**
 * fmapfs_need_attr - see to it that attributes are not past their time
 * @inode: whose
 * @ff: an open file to ask by, or NULL
 * @mask: which, of STATX_BASIC_STATS
 *
 * Return: 0 or -errno.
 */
int fmapfs_need_attr(struct inode *inode, const struct fmapfs_file *ff,
		     u32 mask)
{
	return attr_expired(inode, mask) ? refresh(inode, ff) : 0;
}

static bool must_ask(struct inode *inode, u32 mask, unsigned int flags)
{
	if (!mask)
		return false;
	if (flags & AT_STATX_FORCE_SYNC)
		return true;
	return !(flags & AT_STATX_DONT_SYNC) && attr_expired(inode, mask);
}

/*
 * Takes over what the server said, which is @said of @attr. If that is not all, or
 * the inode has changed meanwhile, it is not remembered; but who has asked is
 * told it. What a file that is memory has is known better here.
 */
static u32 take(struct inode *inode, u32 said, const struct fmapfs_attr *attr)
{
	bool all = (said & STATX_BASIC_STATS) == STATX_BASIC_STATS;

	if (all && (fmapfs_update_attr(inode, attr) ||
		    fmapfs_map_in_force(inode)))
		return 0;
	return said | STATX_TYPE;
}

/*
 * Asks for what @mask says, if it must. A server need not know STATX. What of
 * @attr is to be shown as it is, is @partial.
 */
static int ask(struct inode *inode, u32 mask, unsigned int flags, u32 *partial,
	       struct fmapfs_attr *attr)
{
	u32 said;
	int rc;

	mask &= STATX_BASIC_STATS | STATX_BTIME;
	if (mask & STATX_BTIME && must_ask(inode, mask, flags)) {
		forget_all_cached_acls(inode);
		rc = fmapfs_proto_statx(inode, &said, attr);
		if (!rc)
			*partial = take(inode, said, attr);
		if (rc != -ENOSYS)
			return rc;
	}
	mask &= STATX_BASIC_STATS;
	if (!must_ask(inode, mask, flags))
		return 0;
	forget_all_cached_acls(inode);
	rc = fmapfs_proto_getattr(inode, NULL, attr);
	if (!rc)
		*partial = take(inode, STATX_BASIC_STATS, attr);
	return rc;
}

/* What the server has left out is 0, and said not to be there. */
static void fill_partial(struct kstat *stat, const struct inode *inode,
			 u32 mask, const struct fmapfs_attr *attr)
{
	stat->result_mask = (mask & (STATX_BASIC_STATS | STATX_BTIME)) |
			    STATX_TYPE;
	stat->mode = (inode->i_mode & S_IFMT) | (attr->mode & 07777);
	stat->ino = attr->ino;
	stat->nlink = attr->nlink;
	stat->uid = attr->uid;
	stat->gid = attr->gid;
	stat->size = attr->size;
	stat->blocks = attr->blocks;
	stat->atime = attr->atime;
	stat->mtime = attr->mtime;
	stat->ctime = attr->ctime;
	stat->btime = attr->btime;
}

/* All of it as it was at one time: no mtime of one reply and size of another. */
static void fill_stat(struct mnt_idmap *idmap, u32 mask, struct inode *inode,
		      struct kstat *stat)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	generic_fillattr(idmap, mask, inode, stat);
	stat->mode = fi->shown_mode;
	stat->ino = fi->orig_ino;
	stat->blksize = fi->blksize ? rounddown_pow_of_two(fi->blksize) :
				      fmapfs_sb(inode->i_sb)->blksize;
	if (fi->has_btime) {
		stat->btime = fi->btime;
		stat->result_mask |= STATX_BTIME;
	}
	spin_unlock(&fi->lock);
}

int fmapfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		   struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct fmapfs_attr attr;
	u32 partial = 0;
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
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
	rc = ask(inode, mask, flags, &partial, &attr);
	if (rc)
		return rc;
	fill_stat(idmap, mask, inode, stat);
	if (partial)
		fill_partial(stat, inode, partial, &attr);
	return 0;
}

/* --- changing --- */

/**
 * fmapfs_size_changed - with the server's consent the size of a file with a map
 *	is another: it gets another map
 * @inode: the file; its i_rwsem is held for writing
 * @size: bytes
 */
int fmapfs_size_changed(struct inode *inode, u64 size)
{
	if (size == i_size_read(inode))
		return 0;
	return fmapfs_fmap_refetch(inode, size);
}

/**
 * fmapfs_memory_changed - the same, if only the server knows the size
 * @inode: the file; its i_rwsem is held for writing
 *
 * Return: 0 or -errno.
 */
int fmapfs_memory_changed(struct inode *inode)
{
	struct fmapfs_attr attr;
	int rc = fmapfs_proto_getattr(inode, NULL, &attr);

	if (rc)
		return rc;
	fmapfs_update_attr(inode, &attr);
	return fmapfs_size_changed(inode, attr.size);
}

/*
 * Has the server agreed to take set-id bits away when it makes this change? Of a
 * write to memory it hears nothing.
 */
static bool server_drops_set_id(const struct inode *inode,
				const struct iattr *iattr)
{
	const u64 by_server = FUSE_HANDLE_KILLPRIV | FUSE_HANDLE_KILLPRIV_V2;
	const unsigned int changes = ATTR_SIZE | ATTR_UID | ATTR_GID;

	return fmapfs_agreed(inode->i_sb)->flags & by_server &&
	       (!fmapfs_has_map(inode) || iattr->ia_valid & changes);
}

/*
 * To take set-id bits away, the VFS has made a mode of the one that we know,
 * which may be old: makes it anew, unless the server sees to it.
 */
static int drop_set_id(struct inode *inode, struct iattr *iattr)
{
	struct fmapfs_file *ff = NULL;
	int rc;

	if (!(iattr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)))
		return 0;
	iattr->ia_valid &= ~(ATTR_KILL_SUID | ATTR_KILL_SGID | ATTR_MODE);
	if (server_drops_set_id(inode, iattr))
		return 0;
	if (iattr->ia_valid & ATTR_FILE)
		ff = iattr->ia_file->private_data;
	rc = refresh(inode, ff);
	if (rc)
		return rc;
	iattr->ia_mode = inode->i_mode & ~S_ISUID;
	if ((inode->i_mode & 02010) == 02010)
		iattr->ia_mode &= ~S_ISGID;
	if (iattr->ia_mode != inode->i_mode)
		iattr->ia_valid |= ATTR_MODE;
	return 0;
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
	/* Who knows whether it has been done. */
	if (rc == -EINTR)
		fmapfs_expire_attr(inode);
	if (rc)
		return rc;
	fmapfs_attr_changed(inode, &attr);
	if (iattr->ia_valid & ATTR_SIZE && fmapfs_has_map(inode))
		return fmapfs_size_changed(inode, attr.size);
	if (S_ISREG(inode->i_mode) && size != attr.size &&
	    !fmapfs_has_map(inode)) {
		fmapfs_cache_truncate(inode, attr.size);
		fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
	}
	return iattr->ia_valid & ATTR_SIZE && attr.size ?
	       fmapfs_fmap_ask_again(inode) : 0;
}

/**
 * fmapfs_cut_back - a write past the end has failed: what the server has of it goes
 * @file: an ordinary file; its i_rwsem is held for writing
 *
 * If the server does not do that either, so be it: the write has failed.
 */
void fmapfs_cut_back(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct iattr iattr = {
		.ia_valid = ATTR_SIZE | ATTR_FILE,
		.ia_size = i_size_read(inode),
		.ia_file = file,
	};

	change_attr(inode, &iattr);
}

/**
 * fmapfs_opened_truncated - a file was opened with O_TRUNC
 * @inode: the file
 *
 * If the server has emptied it with that, it is so from here on. The VFS comes
 * back for the rest, with the file's lock: see truncated_by_open().
 */
void fmapfs_opened_truncated(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (!(fmapfs_agreed(inode->i_sb)->flags & FUSE_ATOMIC_O_TRUNC))
		return;
	fmapfs_expire_attr_mask(inode, FMAPFS_ATTR_MODSIZE);
	if (fmapfs_has_map(inode))
		return;
	spin_lock(&fi->lock);
	if (!fi->map)
		i_size_write(inode, 0);
	spin_unlock(&fi->lock);
}

/*
 * The second half of an open with O_TRUNC: the server has emptied the file when
 * it opened it.
 */
static int truncated_by_open(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (fmapfs_has_map(inode))
		return fmapfs_memory_changed(inode);
	spin_lock(&fi->lock);
	if (!fi->map)
		i_size_write(inode, 0);
	spin_unlock(&fi->lock);
	fmapfs_cache_truncate(inode, 0);
	return 0;
}

static int do_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		      struct iattr *iattr)
{
	struct inode *inode = d_inode(dentry);
	int rc;

	if (!fmapfs_default_permissions(inode->i_sb))
		iattr->ia_valid |= ATTR_FORCE;
	rc = setattr_prepare(idmap, dentry, iattr);
	if (rc)
		return rc;
	if (iattr->ia_valid & ATTR_OPEN &&
	    fmapfs_agreed(inode->i_sb)->flags & FUSE_ATOMIC_O_TRUNC)
		return truncated_by_open(inode);
	return change_attr(inode, iattr);
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
	rc = drop_set_id(inode, iattr);
	if (rc || !iattr->ia_valid)
		return rc;
	rc = do_setattr(idmap, dentry, iattr);
	if (rc)
		return rc;
	/* The server may have changed the lists along with the mode. */
	if (fmapfs_agreed(inode->i_sb)->flags & FUSE_POSIX_ACL)
		forget_all_cached_acls(inode);
	/* What is in it may not be seen any more. */
	if (d_is_dir(dentry) && iattr->ia_valid & ATTR_MODE)
		fmapfs_set_entry_expiry(dentry, 0);
	return 0;
}

/* --- permissions --- */

static bool is_exec_of_file(const struct inode *inode, int mask)
{
	return mask & MAY_EXEC && S_ISREG(inode->i_mode);
}

/* The kernel checks; @fresh: the attributes have just been asked for. */
static int check_modes(struct mnt_idmap *idmap, struct inode *inode, int mask,
		       bool fresh)
{
	int rc = generic_permission(idmap, inode, mask);

	/* The modes may be old, or as those of the root not yet known. */
	if (rc == -EACCES && !fresh) {
		rc = fmapfs_refresh_attr(inode);
		if (!rc)
			rc = generic_permission(idmap, inode, mask);
	}
	return rc;
}

/* Somebody has to have the right to execute a file, even if the server checks. */
static int check_exec(struct inode *inode, bool fresh)
{
	int rc = 0;

	if (!(inode->i_mode & 0111) && !fresh)
		rc = fmapfs_refresh_attr(inode);
	if (!rc && !(inode->i_mode & 0111))
		rc = -EACCES;
	return rc;
}

static int check_access(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	bool modes = fmapfs_default_permissions(inode->i_sb);
	bool exec_file = is_exec_of_file(inode, mask), fresh = false;
	int rc;

	if ((modes || exec_file) && attr_expired(inode, ATTR_PERM)) {
		rc = fmapfs_refresh_attr(inode);
		if (rc)
			return rc;
		fresh = true;
	}
	if (modes)
		return check_modes(idmap, inode, mask, fresh);
	if (mask & (MAY_ACCESS | MAY_CHDIR))
		return fmapfs_proto_access(inode, mask);
	return exec_file ? check_exec(inode, fresh) : 0;
}

/* By RCU only what needs no server; to refuse may need one, see above. */
static int permission_rcu(struct mnt_idmap *idmap, struct inode *inode,
			  int mask)
{
	int rc;

	if (fmapfs_default_permissions(inode->i_sb)) {
		if (attr_expired(inode, ATTR_PERM))
			return -ECHILD;
		rc = generic_permission(idmap, inode, mask);
		return rc == -EACCES ? -ECHILD : rc;
	}
	if (mask & (MAY_ACCESS | MAY_CHDIR) || is_exec_of_file(inode, mask))
		return -ECHILD;
	return 0;
}

int fmapfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_allowed(inode->i_sb))
		return -EACCES;
	if (mask & MAY_NOT_BLOCK)
		return permission_rcu(idmap, inode, mask);
	return check_access(idmap, inode, mask);
}
