/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications, written to a device fd that the test has kept (mnt_new_dev()).
 * Each returns what write(2) does.
 */
#ifndef SELFTESTS_NOTE_H
#define SELFTESTS_NOTE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/fuse_fmap.h>

#ifndef FUSE_EXPIRE_ONLY
#define FUSE_EXPIRE_ONLY	(1 << 0)
#endif

/* Any code and body; @more: a second part of the body. */
ssize_t note(int dev, int code, const void *body, size_t len, const void *more,
	     size_t more_len);
ssize_t note_inval_inode(int dev, uint64_t node, int64_t off, int64_t len);
ssize_t note_inval_entry(int dev, uint64_t parent, const char *name,
			 uint32_t flags);
ssize_t note_delete(int dev, uint64_t parent, uint64_t child, const char *name);
ssize_t note_store(int dev, uint64_t node, uint64_t off, const void *data,
		   uint32_t size);
ssize_t note_retrieve(int dev, uint64_t unique, uint64_t node, uint64_t off,
		      uint32_t size);
ssize_t note_prune(int dev, const uint64_t *nodes, uint32_t count);
ssize_t note_resend(int dev);
ssize_t note_inc_epoch(int dev);

#endif /* SELFTESTS_NOTE_H */
