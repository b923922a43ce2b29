// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes and sizes. A file gets its size once: by ftruncate(2) or fallocate(2)
 * while it is empty, and then all its memory, zeroed; or by what is written to it.
 */
#include <errno.h>
#include <string.h>

#include <fuse_lowlevel.h>
#include <linux/falloc.h>

#include "famfs.h"

static int refuse_size(struct layout *l, const struct media_node *node,
		       uint64_t size)
{
	complain(l, COMPLAIN_SIZE, "\"%s\", of %llu bytes, cannot be made one of %llu: a file in the log of a pool keeps its size",
		 node->name, (unsigned long long)node->size,
		 (unsigned long long)size);
	return -EOPNOTSUPP;
}

/* Guarded by the lock, exclusively. */
static int set_logged(struct layout *l, uint64_t ino, const struct stat *attr,
		      int to_set, struct stat *st)
{
	const struct media_node *node = media_fs_node(l->fs, ino);
	bool sized = to_set & FUSE_SET_ATTR_SIZE;
	int rc = 0;

	if (!node)
		return -ESTALE;
	if (sized && node->is_dir)
		return -EISDIR;
	if (is_meta(ino))
		return sized ? -EOPNOTSUPP : -EPERM;
	/* To the size that it has, anybody may. */
	if (!l->master && (!sized || (uint64_t)attr->st_size != node->size))
		return -EROFS;
	if (sized && (uint64_t)attr->st_size != node->size)
		return refuse_size(l, node, attr->st_size);
	if (l->master && to_set & TO_SET_ANY)
		rc = famfs_amend(l, node, attr, to_set);
	if (!rc)
		famfs_stat(l, node, st);
	return rc;
}

/* The lock of the file is held. */
static int size_staged(struct layout *l, struct staged *s, uint64_t size)
{
	if (s->error)
		return s->error;
	if (!s->st.st_size && size && s->named)
		return commit(l, s, size, true);
	return store_resize(l, s, size, false);
}

static int set_staged(struct layout *l, struct staged *s,
		      const struct stat *attr, int to_set, struct stat *st)
{
	int rc = 0;

	if (to_set & FUSE_SET_ATTR_SIZE && !s->log_ino) {
		rc = size_staged(l, s, attr->st_size);
		to_set &= ~FUSE_SET_ATTR_SIZE;
	}
	if (rc)
		return rc;
	pthread_rwlock_wrlock(&l->lock);
	if (!s->log_ino && to_set & TO_SET_ANY) {
		famfs_set_attr(&s->st, attr, to_set);
		s->timed |= to_set & TO_SET_TIMES;
	} else if (s->log_ino && to_set & (TO_SET_ANY | FUSE_SET_ATTR_SIZE)) {
		rc = set_logged(l, s->log_ino, attr, to_set, st);
	}
	if (!rc)
		staged_stat(l, s, st);
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

int famfs_setattr(struct layout *l, uint64_t ino, const struct stat *attr,
		  int to_set, struct stat *st)
{
	struct staged *s;
	int rc;

	if (to_set & FUSE_SET_ATTR_SIZE && attr->st_size < 0)
		return -EINVAL;
	if (!is_provisional(ino)) {
		pthread_rwlock_wrlock(&l->lock);
		rc = set_logged(l, ino, attr, to_set, st);
		pthread_rwlock_unlock(&l->lock);
		return rc;
	}
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	rc = set_staged(l, s, attr, to_set, st);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}

/* What a file of the log is to have, it has, as far as it goes. */
static int allocate_logged(struct layout *l, uint64_t ino, uint64_t end)
{
	const struct media_node *node;
	int rc;

	pthread_rwlock_rdlock(&l->lock);
	node = media_fs_node(l->fs, ino);
	rc = !node ? -ESTALE : node->is_dir ? -EISDIR :
	     is_meta(ino) ? -EOPNOTSUPP : 0;
	if (!rc && end > node->size)
		rc = l->master ? refuse_size(l, node, end) : -EROFS;
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/* The lock of the file is held. */
static int allocate_staged(struct layout *l, struct staged *s, uint64_t end)
{
	uint64_t size = s->st.st_size;

	if (s->log_ino)
		return allocate_logged(l, s->log_ino, end);
	if (!size)
		return size_staged(l, s, end);
	return end > size ? store_resize(l, s, end, true) : 0;
}

int famfs_fallocate(struct layout *l, uint64_t ino, int mode, uint64_t off,
		    uint64_t len)
{
	struct staged *s;
	int rc;

	if (!len || off > INT64_MAX || len > INT64_MAX - off)
		return len ? -EFBIG : -EINVAL;
	/* There are no holes, and no memory behind the end. */
	if (mode)
		return -EOPNOTSUPP;
	if (!is_provisional(ino))
		return allocate_logged(l, ino, off + len);
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	rc = allocate_staged(l, s, off + len);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}
