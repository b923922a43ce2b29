// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a server tells the kernel by itself.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/uio.h>
#include "session_i.h"

#define PRUNE_MAX	4096

static int notify_write(struct fuse_fmap_session *fs, int code,
			const void *body, size_t size)
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

/* A length of 0 is "to the end". */
int fuse_fmap_notify_refresh(struct fuse_fmap_session *fs, fuse_ino_t ino)
{
	const struct fuse_notify_inval_inode_out out = { .ino = ino };

	return notify_write(fs, FUSE_NOTIFY_INVAL_INODE, &out, sizeof(out));
}

int fuse_fmap_notify_expire(struct fuse_fmap_session *fs, fuse_ino_t parent,
			    const char *name)
{
	size_t len = strlen(name);
	struct {
		struct fuse_notify_inval_entry_out out;
		char name[NAME_MAX + 1];
	} body = {
		.out = {
			.parent = parent,
			.namelen = len,
			.flags = FUSE_EXPIRE_ONLY,
		},
	};

	if (!len)
		return -EINVAL;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(body.name, name, len);
	return notify_write(fs, FUSE_NOTIFY_INVAL_ENTRY, &body,
			    sizeof(body.out) + len + 1);
}

int fuse_fmap_notify_inc_epoch(struct fuse_fmap_session *fs)
{
	return notify_write(fs, FUSE_NOTIFY_INC_EPOCH, NULL, 0);
}

int fuse_fmap_notify_resend(struct fuse_fmap_session *fs)
{
	return notify_write(fs, FUSE_NOTIFY_RESEND, NULL, 0);
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

/* For a successor: what its predecessor has got and not answered. */
void session_resend(struct fuse_fmap_session *fs)
{
	int rc = fuse_fmap_notify_resend(fs);

	if (rc)
		session_log(fs, FUSE_LOG_WARNING,
			    "what the predecessor left unanswered is not sent again: %s",
			    strerror(-rc));
}
