// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended attributes, of any name: the server decides.
 */
#include <linux/fs.h>
#include <linux/xattr.h>
#include "proto.h"

static int fmapfs_xattr_get(const struct xattr_handler *handler,
			    struct dentry *dentry, struct inode *inode,
			    const char *name, void *value, size_t size)
{
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	return fmapfs_proto_getxattr(inode, name, value, size);
}

static const struct xattr_handler fmapfs_xattr_handler = {
	.prefix	= "",
	.get	= fmapfs_xattr_get,
};

const struct xattr_handler * const fmapfs_xattr_handlers[] = {
	&fmapfs_xattr_handler,
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
