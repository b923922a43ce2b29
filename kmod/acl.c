// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX ACLs. They are extended attributes of the server's. If it has agreed to
 * FUSE_POSIX_ACL the kernel knows what they mean, keeps them, and checks
 * permissions by them; else they pass through as they are.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include "proto.h"

static bool is_ours(const struct inode *inode)
{
	return fmapfs_agreed(inode->i_sb)->flags & FUSE_POSIX_ACL;
}

static const char *acl_name(int type)
{
	return type == ACL_TYPE_ACCESS ? XATTR_NAME_POSIX_ACL_ACCESS :
					 XATTR_NAME_POSIX_ACL_DEFAULT;
}

static struct posix_acl *decode(const void *value, ssize_t size)
{
	switch (size) {
	case 0:
	case -ENODATA:
		return NULL;
	case -ERANGE:
		return ERR_PTR(-E2BIG);
	default:
		return size < 0 ? ERR_PTR(size) :
		       posix_acl_from_xattr(&init_user_ns, value, size);
	}
}

static struct posix_acl *ask(struct inode *inode, int type)
{
	struct super_block *sb = inode->i_sb;
	struct posix_acl *acl;
	ssize_t size;
	void *value;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return ERR_PTR(-EIO);
	if (fmapfs_proto_known_missing(sb, FUSE_GETXATTR))
		return NULL;
	value = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!value)
		return ERR_PTR(-ENOMEM);
	size = fmapfs_proto_getxattr(inode, acl_name(type), value, PAGE_SIZE);
	/* A server without extended attributes has no lists. */
	if (size == -EOPNOTSUPP &&
	    fmapfs_proto_known_missing(sb, FUSE_GETXATTR))
		size = 0;
	acl = decode(value, size);
	kfree(value);
	return acl;
}

/* What permissions are checked by. */
struct posix_acl *fmapfs_get_inode_acl(struct inode *inode, int type, bool rcu)
{
	if (!is_ours(inode))
		return NULL;
	return rcu ? ERR_PTR(-ECHILD) : ask(inode, type);
}

/* What a process wants to see. */
struct posix_acl *fmapfs_get_acl(struct mnt_idmap *idmap, struct dentry *dentry,
				 int type)
{
	return ask(d_inode(dentry), type);
}

static int send_acl(struct inode *inode, const struct posix_acl *acl, int type)
{
	size_t size;
	u32 extra = 0;
	void *value;
	int rc;

	value = compat_posix_acl_to_xattr(&init_user_ns, acl, &size,
					  GFP_KERNEL);
	if (!value)
		return -ENOMEM;
	/* It changes the mode; who may not set set-id bits loses them. */
	if (is_ours(inode) && !in_group_p(inode->i_gid) &&
	    !capable_wrt_inode_uidgid(COMPAT_NO_IDMAP, inode, CAP_FSETID))
		extra = FUSE_SETXATTR_ACL_KILL_SGID;
	rc = size > PAGE_SIZE ? -E2BIG :
	     fmapfs_setxattr(inode, acl_name(type), value, size, 0, extra);
	kfree(value);
	return rc;
}

/**
 * fmapfs_set_inode_acl - set or remove a list
 * @idmap: there is none
 * @inode: of what
 * @acl: the list; NULL: none
 * @type: ACL_TYPE_*
 *
 * The server sees to it that the mode fits, therefore it is asked for anew.
 */
int fmapfs_set_inode_acl(struct mnt_idmap *idmap, struct inode *inode,
			 struct posix_acl *acl, int type)
{
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_SETXATTR))
		return -EOPNOTSUPP;
	rc = acl ? send_acl(inode, acl, type) :
		   fmapfs_removexattr(inode, acl_name(type));
	if (is_ours(inode)) {
		forget_all_cached_acls(inode);
		fmapfs_expire_attr(inode);
	}
	return rc;
}

/**
 * fmapfs_init_acl - a new inode's lists
 * @inode: the inode; nobody knows it yet
 *
 * A server that checks them itself is asked each time.
 */
void fmapfs_init_acl(struct inode *inode)
{
	if (is_ours(inode))
		return;
	inode->i_acl = ACL_DONT_CACHE;
	inode->i_default_acl = ACL_DONT_CACHE;
}
