// SPDX-License-Identifier: GPL-2.0
/* Notifications: see note.h. */
#include <string.h>
#include <sys/uio.h>

#include "note.h"

ssize_t note(int dev, int code, const void *body, size_t len, const void *more,
	     size_t more_len)
{
	struct fuse_out_header h = {
		.error = code, .len = sizeof(h) + len + more_len,
	};
	struct iovec iov[3] = {
		{ &h, sizeof(h) }, { (void *)body, len },
		{ (void *)more, more_len },
	};

	return writev(dev, iov, more_len ? 3 : len ? 2 : 1);
}

ssize_t note_inval_inode(int dev, uint64_t node, int64_t off, int64_t len)
{
	struct fuse_notify_inval_inode_out out = {
		.ino = node, .off = off, .len = len,
	};

	return note(dev, FUSE_NOTIFY_INVAL_INODE, &out, sizeof(out), NULL, 0);
}

ssize_t note_inval_entry(int dev, uint64_t parent, const char *name,
			 uint32_t flags)
{
	struct fuse_notify_inval_entry_out out = {
		.parent = parent, .namelen = strlen(name), .flags = flags,
	};

	return note(dev, FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof(out), name,
		    out.namelen + 1);
}

ssize_t note_delete(int dev, uint64_t parent, uint64_t child, const char *name)
{
	struct fuse_notify_delete_out out = {
		.parent = parent, .child = child, .namelen = strlen(name),
	};

	return note(dev, FUSE_NOTIFY_DELETE, &out, sizeof(out), name,
		    out.namelen + 1);
}

ssize_t note_store(int dev, uint64_t node, uint64_t off, const void *data,
		   uint32_t size)
{
	struct fuse_notify_store_out out = {
		.nodeid = node, .offset = off, .size = size,
	};

	return note(dev, FUSE_NOTIFY_STORE, &out, sizeof(out), data, size);
}

ssize_t note_retrieve(int dev, uint64_t unique, uint64_t node, uint64_t off,
		      uint32_t size)
{
	struct fuse_notify_retrieve_out out = {
		.notify_unique = unique, .nodeid = node, .offset = off,
		.size = size,
	};

	return note(dev, FUSE_NOTIFY_RETRIEVE, &out, sizeof(out), NULL, 0);
}

ssize_t note_prune(int dev, const uint64_t *nodes, uint32_t count)
{
	struct fuse_notify_prune_out out = { .count = count };

	return note(dev, FUSE_NOTIFY_PRUNE, &out, sizeof(out), nodes,
		    count * sizeof(*nodes));
}

ssize_t note_resend(int dev)
{
	return note(dev, FUSE_NOTIFY_RESEND, NULL, 0, NULL, 0);
}

ssize_t note_inc_epoch(int dev)
{
	return note(dev, FUSE_NOTIFY_INC_EPOCH, NULL, 0, NULL, 0);
}
