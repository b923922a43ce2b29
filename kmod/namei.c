// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: making, opening, moving and removing them. Symbolic links.
 *
 * The VFS holds the directories' i_rwsem. What is made is newer than any reply
 * that is on its way; what a caller that has been killed would have got is given
 * back (proto_dir.c, proto_create.c), and what it has asked for may have been
 * done all the same: the names are then looked up anew.
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/slab.h>
#include "proto.h"

static void dir_changed(struct inode *dir)
{
	fmapfs_expire_attr_mask(dir, FMAPFS_ATTR_MODDIR);
	inode_maybe_inc_iversion(dir, false);
}

static bool is_bad(const struct inode *inode)
{
	return READ_ONCE(fmapfs_i(inode)->bad);
}

/* --- making --- */

/* Return: the inode of what was made; or NULL: no memory, it was given back. */
static struct inode *made_inode(struct inode *dir, struct fmapfs_made *made)
{
	struct inode *inode = fmapfs_iget(dir->i_sb, &made->entry);

	if (inode)
		fmapfs_forget_free(made->forget);
	else
		fmapfs_forget_send(fmapfs_conn_of(dir), made->forget,
				   made->entry.nodeid, 1);
	return inode;
}

/*
 * May the name be there, although it was not before? Memory may have been lacking
 * for what the server has made.
 */
static bool is_perhaps_made(int rc)
{
	return rc == -EEXIST || rc == -EINTR || rc == -ENOMEM;
}

/*
 * Ends the making of a name that was answered with @rc. Return: NULL; or the
 * dentry of a directory that has been there before; or -errno.
 */
static struct dentry *finish_making(struct inode *dir, struct dentry *dentry,
				    int rc, struct fmapfs_made *made)
{
	struct inode *inode = NULL;
	struct dentry *alias;

	if (!rc) {
		inode = made_inode(dir, made);
		rc = inode ? 0 : -ENOMEM;
	}
	if (is_perhaps_made(rc))
		fmapfs_forget_name(dentry);
	if (rc)
		return ERR_PTR(rc);
	/* A server may well answer with a directory that has a name already. */
	d_drop(dentry);
	alias = d_splice_alias(inode, dentry);
	if (IS_ERR(alias))
		return alias;
	fmapfs_set_entry_expiry(alias ? alias : dentry, made->entry.expires);
	dir_changed(dir);
	return alias;
}

static int make_node(struct inode *dir, struct dentry *dentry, umode_t mode,
		     dev_t rdev)
{
	struct fmapfs_made made;
	int rc;

	if (is_bad(dir))
		return -EIO;
	rc = fmapfs_proto_mknod(dir, dentry, mode, rdev, &made);
	return PTR_ERR_OR_ZERO(finish_making(dir, dentry, rc, &made));
}

static int fmapfs_mknod(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, umode_t mode, dev_t rdev)
{
	return make_node(dir, dentry, mode, rdev);
}

static int fmapfs_create(struct mnt_idmap *idmap, struct inode *dir,
			 struct dentry *dentry, umode_t mode)
{
	return make_node(dir, dentry, mode, 0);
}

COMPAT_CREATE(fmapfs_create)

static struct dentry *fmapfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				   struct dentry *dentry, umode_t mode)
{
	struct fmapfs_made made;
	int rc;

	if (is_bad(dir))
		return ERR_PTR(-EIO);
	rc = fmapfs_proto_mkdir(dir, dentry, mode, &made);
	return finish_making(dir, dentry, rc, &made);
}

COMPAT_MKDIR(fmapfs_mkdir)

static int fmapfs_symlink(struct mnt_idmap *idmap, struct inode *dir,
			  struct dentry *dentry, const char *link)
{
	struct fmapfs_made made;
	int rc;

	if (is_bad(dir))
		return -EIO;
	rc = fmapfs_proto_symlink(dir, dentry, link, &made);
	return PTR_ERR_OR_ZERO(finish_making(dir, dentry, rc, &made));
}

static int fmapfs_link(struct dentry *old, struct inode *dir,
		       struct dentry *dentry)
{
	struct inode *inode = d_inode(old);
	struct fmapfs_made made;
	int rc;

	if (is_bad(dir))
		return -EIO;
	rc = fmapfs_proto_link(inode, dir, dentry, &made);
	if (rc == -EINTR)
		fmapfs_expire_attr(inode);
	/* As of file systems that have no links. */
	if (rc == -ENOSYS)
		rc = -EPERM;
	return PTR_ERR_OR_ZERO(finish_making(dir, dentry, rc, &made));
}

/* --- making and opening --- */

/* Called by the VFS when @file is nearly open: its handle becomes its own. */
static int open_created(struct inode *inode, struct file *file)
{
	struct fmapfs_file *ff = file->private_data;
	int rc;

	file->private_data = NULL;
	rc = generic_file_open(inode, file);
	if (rc)
		fmapfs_proto_release(ff);
	else
		rc = fmapfs_finish_open(inode, file, ff);
	if (rc)
		file->private_data = NULL;
	return rc;
}

/* An old file may have been opened for a new one, and emptied. */
static int created_truncated(struct inode *inode, u64 size)
{
	int rc = 0;

	if (!(fmapfs_agreed(inode->i_sb)->flags & FUSE_ATOMIC_O_TRUNC))
		return 0;
	/* Who has it may be waiting for the server. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	if (fmapfs_has_map(inode))
		rc = fmapfs_size_changed(inode, size);
	else
		fmapfs_cache_truncate(inode, 0);
	inode_unlock(inode);
	return rc;
}

static int open_made(struct inode *inode, struct dentry *dentry,
		     struct file *file, struct fmapfs_file *ff)
{
	int rc;

	file->private_data = ff;
	rc = finish_open(file, dentry, open_created);
	/* The VFS has given up before it came to our part. */
	if (rc && file->private_data) {
		file->private_data = NULL;
		fmapfs_proto_release(ff);
	}
	return rc;
}

/* Return: 0: @file is open; -ENOSYS: the server cannot do it; or -errno. */
static int create_open(struct inode *dir, struct dentry *dentry,
		       struct file *file, unsigned int flags, umode_t mode,
		       bool tmpfile)
{
	struct fmapfs_made made;
	struct fmapfs_file *ff;
	struct inode *inode;
	int rc;

	rc = fmapfs_proto_create(dir, dentry, flags, mode, tmpfile, &made, &ff);
	if (rc)
		return rc;
	inode = fmapfs_iget(dir->i_sb, &made.entry);
	fmapfs_created_of(ff, inode ? fmapfs_i(inode)->forget : made.forget);
	if (!inode) {
		fmapfs_proto_release(ff);
		fmapfs_forget_send(fmapfs_conn_of(dir), made.forget,
				   made.entry.nodeid, 1);
		return -ENOMEM;
	}
	fmapfs_forget_free(made.forget);
	d_instantiate(dentry, inode);
	fmapfs_set_entry_expiry(dentry, made.entry.expires);
	dir_changed(dir);
	rc = open_made(inode, dentry, file, ff);
	if (!rc && flags & O_TRUNC)
		rc = created_truncated(inode, made.entry.attr.size);
	return rc;
}

/*
 * The last part of open(2), when the name is not known to lead to anything. A
 * server without CREATE makes the file first; the VFS opens it then.
 */
static int fmapfs_atomic_open(struct inode *dir, struct dentry *dentry,
			      struct file *file, unsigned int flags,
			      umode_t mode)
{
	int rc;

	if (is_bad(dir))
		return -EIO;
	if (d_in_lookup(dentry)) {
		struct dentry *alias = fmapfs_lookup(dir, dentry, 0);

		if (IS_ERR(alias))
			return PTR_ERR(alias);
		if (alias || d_really_is_positive(dentry))
			return finish_no_open(file, alias);
	}
	if (!(flags & O_CREAT))
		return finish_no_open(file, NULL);

	file->f_mode |= FMODE_CREATED;
	rc = create_open(dir, dentry, file, flags, mode, false);
	if (rc == -ENOSYS) {
		rc = make_node(dir, dentry, mode, 0);
		return rc ? rc : finish_no_open(file, NULL);
	}
	if (is_perhaps_made(rc))
		fmapfs_forget_name(dentry);
	return rc;
}

static int fmapfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir,
			  struct file *file, umode_t mode)
{
	int rc;

	if (is_bad(dir))
		return -EIO;
	rc = create_open(dir, file->f_path.dentry, file, file->f_flags, mode,
			 true);
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/* --- removing and moving --- */

/* A name of it is gone. What a server says of links may be wrong: not our worry. */
static void unlinked(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	if (S_ISDIR(inode->i_mode))
		clear_nlink(inode);
	else if (inode->i_nlink)
		drop_nlink(inode);
	spin_unlock(&fi->lock);
	fmapfs_set_entry_expiry(dentry, 0);
	fmapfs_expire_attr_mask(inode, STATX_CTIME);
}

/* Has it perhaps been done, or has somebody else done it? */
static bool names_unsure(int rc)
{
	return rc == -EINTR || rc == -ENOENT;
}

static int finish_removing(struct inode *dir, struct dentry *dentry, int rc)
{
	if (!rc) {
		dir_changed(dir);
		unlinked(dentry);
	} else if (names_unsure(rc)) {
		fmapfs_forget_name(dentry);
	}
	return rc;
}

static int fmapfs_unlink(struct inode *dir, struct dentry *dentry)
{
	if (is_bad(dir))
		return -EIO;
	return finish_removing(dir, dentry,
			       fmapfs_proto_unlink(dir, &dentry->d_name));
}

static int fmapfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	if (is_bad(dir))
		return -EIO;
	return finish_removing(dir, dentry,
			       fmapfs_proto_rmdir(dir, &dentry->d_name));
}

static void renamed(struct inode *olddir, struct dentry *old,
		    struct inode *newdir, struct dentry *new,
		    unsigned int flags)
{
	fmapfs_expire_attr_mask(d_inode(old), STATX_CTIME);
	if (flags & RENAME_EXCHANGE)
		fmapfs_expire_attr_mask(d_inode(new), STATX_CTIME);
	dir_changed(olddir);
	if (olddir != newdir)
		dir_changed(newdir);
	if (!(flags & RENAME_EXCHANGE) && d_really_is_positive(new))
		unlinked(new);
}

static int fmapfs_rename(struct mnt_idmap *idmap, struct inode *olddir,
			 struct dentry *old, struct inode *newdir,
			 struct dentry *new, unsigned int flags)
{
	int rc;

	if (is_bad(olddir) || is_bad(newdir))
		return -EIO;
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	rc = fmapfs_proto_rename(olddir, &old->d_name, newdir, &new->d_name,
				 flags);
	if (!rc) {
		renamed(olddir, old, newdir, new, flags);
	} else if (names_unsure(rc)) {
		fmapfs_forget_name(old);
		if (d_really_is_positive(new))
			fmapfs_forget_name(new);
	}
	return flags && rc == -ENOSYS ? -EINVAL : rc;
}

/* --- symbolic links --- */

static void free_link(void *link)
{
	kfree(link);
}

/* Asks where it leads to. Return: a string to be freed with kfree(), or -errno. */
static char *ask_link(struct inode *inode)
{
	char *link = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT), *exact;
	ssize_t len;

	if (!link)
		return ERR_PTR(-ENOMEM);
	len = fmapfs_proto_readlink(inode, link, PAGE_SIZE - 1);
	if (len >= 0)
		link[len] = 0;
	exact = len < 0 ? ERR_PTR(len) :
		kstrdup(link, GFP_KERNEL_ACCOUNT);
	kfree(link);
	return exact ? exact : ERR_PTR(-ENOMEM);
}

/* Return: a copy of what is remembered; NULL: nothing is, or no memory. */
static char *known_link(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	char *link = NULL;

	spin_lock(&fi->lock);
	if (fi->link)
		link = kstrdup(fi->link, GFP_ATOMIC | __GFP_ACCOUNT);
	spin_unlock(&fi->lock);
	return link;
}

/* Unless something has changed since @version, when it was not asked for yet. */
static void remember_link(struct inode *inode, const char *link, u64 version)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	char *copy = kstrdup(link, GFP_KERNEL_ACCOUNT);

	spin_lock(&fi->lock);
	if (fi->attr_version <= version)
		swap(fi->link, copy);
	spin_unlock(&fi->lock);
	kfree(copy);
}

/**
 * fmapfs_forget_link - ask anew where a symbolic link leads to
 * @inode: any inode
 */
void fmapfs_forget_link(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	char *old;

	spin_lock(&fi->lock);
	old = fi->link;
	fi->link = NULL;
	spin_unlock(&fi->lock);
	kfree(old);
}

/*
 * Who walks gets a copy of his own: what is remembered may go at any time. It is
 * not kept in the page cache, whose locks nobody could be killed from.
 */
static const char *fmapfs_get_link(struct dentry *dentry, struct inode *inode,
				   struct delayed_call *done)
{
	bool remember = fmapfs_agreed(inode->i_sb)->flags & FUSE_CACHE_SYMLINKS;
	u64 version = fmapfs_attr_version(inode->i_sb);
	char *link;

	if (is_bad(inode))
		return ERR_PTR(-EIO);
	if (!dentry)
		return ERR_PTR(-ECHILD);
	link = known_link(inode);
	if (!link) {
		link = ask_link(inode);
		if (remember && !IS_ERR(link))
			remember_link(inode, link, version);
		if (!IS_RDONLY(inode))
			fmapfs_expire_attr_mask(inode, STATX_ATIME);
		if (IS_ERR(link))
			return link;
	}
	set_delayed_call(done, free_link, link);
	return link;
}

const struct inode_operations fmapfs_symlink_iops = {
	.get_link	= fmapfs_get_link,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
};

COMPAT_SET_ACL(fmapfs_set_inode_acl)

const struct inode_operations fmapfs_dir_iops = {
	.lookup		= fmapfs_lookup,
	.create		= COMPAT_CREATE_OP(fmapfs_create),
	.atomic_open	= fmapfs_atomic_open,
	.tmpfile	= fmapfs_tmpfile,
	.mknod		= fmapfs_mknod,
	.mkdir		= compat_mkdir,
	.symlink	= fmapfs_symlink,
	.link		= fmapfs_link,
	.unlink		= fmapfs_unlink,
	.rmdir		= fmapfs_rmdir,
	.rename		= fmapfs_rename,
	.permission	= fmapfs_permission,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
	COMPAT_ACL_OPS(fmapfs_get_inode_acl, fmapfs_get_acl,
		       fmapfs_set_inode_acl),
	.fileattr_get	= fmapfs_fileattr_get,
	.fileattr_set	= fmapfs_fileattr_set,
};
