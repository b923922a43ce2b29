// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a server tells the kernel by itself.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include "session_i.h"

#define PRUNE_MAX	4096

/* A notification that libfuse does not know. */
int notify_write(struct fuse_fmap_session *fs, int code, const void *body,
		 size_t size)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + size,
		.error = code,
	};
	struct iovec iov[2] = {
		{ &out, sizeof(out) },
		{ (void *)body, size },
	};

	if (fs->fd < 0)
		return -ENOTCONN;
	return writev(fs->fd, iov, size ? 2 : 1) < 0 ? -errno : 0;
}

int fuse_fmap_notify_refresh(struct fuse_fmap_session *fs, fuse_ino_t ino)
{
	if (fs->fd < 0)
		return -ENOTCONN;
	return fuse_lowlevel_notify_inval_inode(fs->se, ino, 0, 0);
}

int fuse_fmap_notify_prune(struct fuse_fmap_session *fs,
			   const fuse_ino_t *inos, uint32_t count)
{
	struct {
		struct fuse_notify_prune_out out;
		uint64_t nodeid[PRUNE_MAX];
	} body;
	uint32_t i;

	if (!count || count > PRUNE_MAX)
		return -EINVAL;
	body.out = (struct fuse_notify_prune_out) { .count = count };
	for (i = 0; i < count; i++)
		body.nodeid[i] = inos[i];
	return notify_write(fs, FUSE_NOTIFY_PRUNE, &body,
			    sizeof(body.out) + count * sizeof(body.nodeid[0]));
}

int fuse_fmap_push_daxdev(struct fuse_fmap_session *fs, uint32_t index, int fd)
{
	struct fuse_daxdev_open arg = { .fd = fd, .daxdev_index = index };

	if (fs->fd < 0)
		return -ENOTCONN;
	return ioctl(fs->fd, FUSE_DEV_IOC_DAXDEV_OPEN, &arg) ? -errno : 0;
}
