// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended attributes, of any name: the server decides.
 */
#include <linux/fs.h>
#include <linux/xattr.h>
#include "proto.h"

/**
 * fmapfs_setxattr - set an extended attribute
 * @inode: of what; its ctime is not known any more
 * @name: with its prefix
 * @value: the value
 * @size: bytes
 * @flags: XATTR_*
 * @extra: FUSE_SETXATTR_*
 */
int fmapfs_setxattr(struct inode *inode, const char *name, const void *value,
		    size_t size, int flags, u32 extra)
{
	int rc = fmapfs_proto_setxattr(inode, name, value, size, flags, extra);

	if (!rc)
		fmapfs_expire_attr_mask(inode, STATX_CTIME);
	return rc;
}

int fmapfs_removexattr(struct inode *inode, const char *name)
{
	int rc = fmapfs_proto_removexattr(inode, name);

	if (!rc)
		fmapfs_expire_attr_mask(inode, STATX_CTIME);
	return rc;
}

static int fmapfs_xattr_get(const struct xattr_handler *handler,
			    struct dentry *dentry, struct inode *inode,
			    const char *name, void *value, size_t size)
{
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	return fmapfs_proto_getxattr(inode, name, value, size);
}

static int fmapfs_xattr_set(const struct xattr_handler *handler,
			    struct mnt_idmap *idmap, struct dentry *dentry,
			    struct inode *inode, const char *name,
			    const void *value, size_t size, int flags)
{
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	return value ? fmapfs_setxattr(inode, name, value, size, flags, 0) :
		       fmapfs_removexattr(inode, name);
}

static bool __maybe_unused acl_is_ours(const struct inode *inode)
{
	return fmapfs_agreed(inode->i_sb)->flags & FUSE_POSIX_ACL;
}

COMPAT_ACL_HANDLERS(fmapfs_xattr_get, fmapfs_xattr_set, acl_is_ours);

static const struct xattr_handler fmapfs_xattr_handler = {
	.prefix	= "",
	.get	= fmapfs_xattr_get,
	.set	= fmapfs_xattr_set,
};

const struct xattr_handler * const fmapfs_xattr_handlers[] = {
	COMPAT_WITH_ACL_HANDLERS(&fmapfs_xattr_handler),
	NULL
};

ssize_t fmapfs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	struct inode *inode = d_inode(dentry);

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_allowed(inode->i_sb))
		return -EACCES;
	return fmapfs_proto_listxattr(inode, list, size);
}
