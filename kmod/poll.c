// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2) and its kin: the server says whether a file is ready, and tells by
 * NOTIFY_POLL when that may have changed.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include "proto.h"

__poll_t fmapfs_poll(struct file *file, poll_table *wait)
{
	struct inode *inode = file_inode(file);
	struct fmapfs_conn *conn = fmapfs_conn_of(inode);
	struct fmapfs_file *ff = file->private_data;
	struct fmapfs_polled *polled;
	__poll_t revents = 0;
	bool waited_for;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_POLL))
		return DEFAULT_POLLMASK;
	polled = fmapfs_polled_of(conn, &ff->polled);
	if (!polled)
		return EPOLLERR;
	poll_wait(file, &polled->wait, wait);
	/* Of others who come to wait now: they ask, too, and say so. */
	waited_for = waitqueue_active(&polled->wait);
	if (waited_for)
		fmapfs_polled_add(conn, polled);
	rc = fmapfs_proto_poll(inode, ff, poll_requested_events(wait),
			       waited_for, &revents);
	if (!rc)
		return revents;
	/* Memory is ready without a server. */
	if (rc == -ENOSYS || (rc == -ENOTCONN && fmapfs_has_map(inode)))
		return DEFAULT_POLLMASK;
	return EPOLLERR;
}

/**
 * fmapfs_notify_poll - NOTIFY_POLL: what a file is ready for may have changed
 * @sb: the mount
 * @kh: names the file; nothing happens if it names none
 *
 * Return: 0. Does not sleep.
 */
int fmapfs_notify_poll(struct super_block *sb, u64 kh)
{
	fmapfs_polled_wake(fmapfs_sb(sb)->conn, kh);
	return 0;
}
