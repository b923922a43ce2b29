// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: extended attributes.
 */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include "proto.h"

/*
 * GETXATTR and LISTXATTR share their form: with a size of 0 they ask for the
 * size, in a reply of its own.
 */
static ssize_t call_xattr(struct inode *inode, u32 opcode, const char *name,
			  void *buf, size_t size)
{
	size_t namesize = name ? strlen(name) + 1 : 0;
	struct fuse_getxattr_out *out;
	struct fuse_getxattr_in *in;
	struct fmapfs_req *req;
	ssize_t rc;

	if (fmapfs_proto_known_missing(inode->i_sb, opcode))
		return -EOPNOTSUPP;
	req = fmapfs_proto_req(inode, opcode, sizeof(*in) + namesize,
			       size ? size : sizeof(*out),
			       size ? FMAPFS_REQ_OUTVAR : 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->size = size;
	if (name)
		memcpy(in + 1, name, namesize);
	rc = fmapfs_req_send(req);
	if (!rc && size) {
		rc = req->out_len;
		memcpy(buf, req->out, rc);
	} else if (!rc) {
		out = req->out;
		rc = min_t(u32, out->size, XATTR_SIZE_MAX);
	}
	fmapfs_req_put(req);
	if (fmapfs_proto_remember_missing(inode->i_sb, opcode, rc) == -ENOSYS)
		rc = -EOPNOTSUPP;
	return rc;
}

/**
 * fmapfs_proto_getxattr - GETXATTR
 * @inode: of what
 * @name: name of the attribute, with its prefix
 * @value: takes the value
 * @size: bytes at @value; 0: only ask for the size
 *
 * Return: bytes of the value, or -errno.
 */
ssize_t fmapfs_proto_getxattr(struct inode *inode, const char *name,
			      void *value, size_t size)
{
	return call_xattr(inode, FUSE_GETXATTR, name, value,
			  min_t(size_t, size, XATTR_SIZE_MAX));
}

/* Names, none empty, each terminated. */
static bool is_xattr_list(const char *list, size_t size)
{
	size_t at = 0, len;

	while (at < size) {
		len = strnlen(list + at, size - at);
		if (!len || len == size - at)
			return false;
		at += len + 1;
	}
	return true;
}

/**
 * fmapfs_proto_listxattr - LISTXATTR
 * @inode: of what
 * @list: takes the names, each terminated
 * @size: bytes at @list; 0: only ask for the size
 *
 * Return: bytes of the list, or -errno.
 */
ssize_t fmapfs_proto_listxattr(struct inode *inode, char *list, size_t size)
{
	ssize_t rc = call_xattr(inode, FUSE_LISTXATTR, NULL, list,
				min_t(size_t, size, XATTR_LIST_MAX));

	if (rc > 0 && size && !is_xattr_list(list, rc))
		return fmapfs_proto_bad(inode->i_sb, FUSE_LISTXATTR, "size",
					rc);
	return rc;
}

/**
 * fmapfs_proto_setxattr - SETXATTR
 * @inode: of what
 * @name: name of the attribute, with its prefix
 * @value: the value
 * @size: bytes at @value
 * @flags: XATTR_*
 * @extra: FUSE_SETXATTR_*, for a server that has agreed to be told
 */
int fmapfs_proto_setxattr(struct inode *inode, const char *name,
			  const void *value, size_t size, int flags, u32 extra)
{
	size_t namesize = strlen(name) + 1;
	struct fuse_setxattr_in *in;
	struct fmapfs_req *req;
	u32 in_size;
	void *at;
	bool ext;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_SETXATTR))
		return -EOPNOTSUPP;
	/* What INIT settles decides about the layout; the root needs no lookup. */
	rc = fmapfs_conn_wait_ready(fmapfs_conn_of(inode));
	if (rc)
		return rc;
	ext = fmapfs_agreed(inode->i_sb)->flags & FUSE_SETXATTR_EXT;
	in_size = ext ? sizeof(struct fuse_setxattr_in) :
			FUSE_COMPAT_SETXATTR_IN_SIZE;
	req = fmapfs_proto_req(inode, FUSE_SETXATTR, in_size + namesize + size,
			       0, 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->size = size;
	in->flags = flags;
	if (ext)
		in->setxattr_flags = extra;
	at = (void *)in + in_size;
	memcpy(at, name, namesize);
	memcpy(at + namesize, value, size);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	rc = fmapfs_proto_remember_missing(inode->i_sb, FUSE_SETXATTR, rc);
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/**
 * fmapfs_proto_removexattr - REMOVEXATTR
 * @inode: of what
 * @name: name of the attribute, with its prefix
 */
int fmapfs_proto_removexattr(struct inode *inode, const char *name)
{
	size_t namesize = strlen(name) + 1;
	struct fmapfs_req *req;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_REMOVEXATTR))
		return -EOPNOTSUPP;
	req = fmapfs_proto_req(inode, FUSE_REMOVEXATTR, namesize, 0, 0);
	if (!req)
		return -ENOMEM;
	memcpy(fmapfs_req_body(req), name, namesize);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	rc = fmapfs_proto_remember_missing(inode->i_sb, FUSE_REMOVEXATTR, rc);
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}
