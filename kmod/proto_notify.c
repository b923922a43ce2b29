// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol: what notifications are answered with.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include "proto.h"

/**
 * fmapfs_proto_notify_reply - NOTIFY_REPLY: what the cache has
 * @inode: a regular file
 * @unique: the server's name for what it has asked
 * @pos: from where, bytes
 * @size: how much, bytes
 *
 * As much as is there without a gap, in one message, which the server reads when
 * it gets to it, and does not answer. Does not wait.
 */
int fmapfs_proto_notify_reply(struct inode *inode, u64 unique, loff_t pos,
			      u32 size)
{
	const struct fmapfs_agreed *agreed = fmapfs_agreed(inode->i_sb);
	loff_t end = i_size_read(inode);
	struct fuse_notify_retrieve_in *in;
	struct fmapfs_req *req;
	u32 len;
	int rc;

	len = min3(size, agreed->max_write,
		   agreed->max_read - (u32)offset_in_page(pos));
	len = pos < end ? min_t(u64, len, end - pos) : 0;
	req = fmapfs_proto_req(inode, FUSE_NOTIFY_REPLY, sizeof(*in) + len, 0,
			       FMAPFS_REQ_NOREPLY);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->offset = pos;
	in->size = fmapfs_copy_cached(inode, pos, in + 1, len);
	fmapfs_req_shrink(req, sizeof(*in) + in->size);
	rc = fmapfs_req_send_answer(req, unique);
	fmapfs_req_put(req);
	return rc;
}
