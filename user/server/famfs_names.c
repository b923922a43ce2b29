// SPDX-License-Identifier: GPL-2.0-only
/* Names and attributes: the log's, and of what is not in it yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fuse_lowlevel.h>

#include "famfs.h"

/* Bytes that are a file's alone. */
static uint64_t bytes_taken(const struct media_node *node)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < node->nextents; i++)
		sum += node->extents[i].len;
	return sum;
}

static mode_t meta_mode(const struct layout *l, uint64_t ino)
{
	if (ino == MEDIA_INO_META)
		return S_IFDIR | 0755;
	return S_IFREG | (ino == MEDIA_INO_LOG && l->master ? 0644 : 0444);
}

static uint64_t meta_size(const struct layout *l, uint64_t ino)
{
	return ino == MEDIA_INO_SUPER ? FAMFS_SUPER_SIZE :
	       ino == MEDIA_INO_LOG ? l->pool->sb.log_len : 0;
}

void famfs_stat(struct layout *l, const struct media_node *node,
		struct stat *st)
{
	struct amended *a;

	memset(st, 0, sizeof(*st));
	st->st_ino = node->ino;
	st->st_mode = (node->is_dir ? S_IFDIR : S_IFREG) | node->mode;
	st->st_uid = node->uid;
	st->st_gid = node->gid;
	/* Of a directory: how many are in it nobody counts. */
	st->st_nlink = 1;
	st->st_size = node->is_dir ? 0 : node->size;
	st->st_blocks = bytes_taken(node) / 512;
	st->st_blksize = l->pool->sb.alloc_unit;
	st->st_atim = st->st_mtim = st->st_ctim = l->born;
	if (is_meta(node->ino)) {
		st->st_mode = meta_mode(l, node->ino);
		st->st_size = meta_size(l, node->ino);
		st->st_blocks = st->st_size / 512;
	}
	HASH_FIND(hh, l->amended, &node->ino, sizeof(node->ino), a);
	if (!a)
		return;
	st->st_mode = (st->st_mode & S_IFMT) | a->mode;
	st->st_uid = a->uid;
	st->st_gid = a->gid;
	st->st_atim = a->atime;
	st->st_mtim = a->mtime;
	st->st_ctim = a->ctime;
}

/* All but a size. */
void famfs_set_attr(struct stat *st, const struct stat *attr, int to_set)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to_set & FUSE_SET_ATTR_MODE)
		st->st_mode = (st->st_mode & S_IFMT) | (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		st->st_uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		st->st_gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		st->st_atim = now;
	else if (to_set & FUSE_SET_ATTR_ATIME)
		st->st_atim = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		st->st_mtim = now;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		st->st_mtim = attr->st_mtim;
	st->st_ctim = now;
}

/* In memory only: the log has no entry that changes another. */
int famfs_amend(struct layout *l, const struct media_node *node,
		const struct stat *attr, int to_set)
{
	struct amended *a;
	struct stat st;

	famfs_stat(l, node, &st);
	famfs_set_attr(&st, attr, to_set);
	HASH_FIND(hh, l->amended, &node->ino, sizeof(node->ino), a);
	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->ino = node->ino;
		HASH_ADD(hh, l->amended, ino, sizeof(a->ino), a);
		if (!a->hh.tbl) {
			free(a);
			return -ENOMEM;
		}
	}
	a->mode = st.st_mode & 07777;
	a->uid = st.st_uid;
	a->gid = st.st_gid;
	a->atime = st.st_atim;
	a->mtime = st.st_mtim;
	a->ctime = st.st_ctim;
	return 0;
}

int famfs_getattr(struct layout *l, uint64_t ino, struct stat *st)
{
	const struct media_node *node;
	const struct staged *s;
	int rc = -ESTALE;

	pthread_rwlock_rdlock(&l->lock);
	if (is_provisional(ino)) {
		s = staged_find(l, ino);
		if (s) {
			staged_stat(l, s, st);
			rc = 0;
		}
	} else {
		node = media_fs_node(l->fs, ino);
		if (node) {
			famfs_stat(l, node, st);
			rc = 0;
		}
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/* Guarded by the lock. */
static int directory(struct layout *l, uint64_t ino,
		     const struct media_node **dir)
{
	*dir = NULL;
	if (is_provisional(ino))
		return staged_find(l, ino) ? -ENOTDIR : -ESTALE;
	*dir = media_fs_node(l->fs, ino);
	if (!*dir)
		return -ESTALE;
	return (*dir)->is_dir ? 0 : -ENOTDIR;
}

static int lookup_logged(struct layout *l, uint64_t dir, const char *name,
			 struct stat *st)
{
	const struct media_node *parent, *node;
	int rc = directory(l, dir, &parent);

	if (rc)
		return rc;
	node = media_fs_lookup(l->fs, dir, name);
	if (!node)
		return -ENOENT;
	famfs_stat(l, node, st);
	return 0;
}

/* What has a name of its own here goes first: the kernel may know it by that. */
int famfs_lookup(struct layout *l, uint64_t dir, const char *name,
		 struct stat *st)
{
	struct staged *s;
	int rc = 0;

	pthread_rwlock_rdlock(&l->lock);
	s = staged_name(l, dir, name);
	if (!s)
		rc = lookup_logged(l, dir, name, st);
	pthread_rwlock_unlock(&l->lock);
	if (!s)
		return rc;
	/* It is counted, and may be gone by now. */
	pthread_rwlock_wrlock(&l->lock);
	s = staged_name(l, dir, name);
	if (s && staged_stands(s)) {
		staged_stat(l, s, st);
		s->nlookup++;
	} else {
		if (s)
			staged_unname(l, s);
		rc = lookup_logged(l, dir, name, st);
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/* Guarded by the lock: the staged file with the lowest seat from @seat on. */
static const struct staged *next_seat(struct layout *l, uint64_t dir,
				      uint64_t seat)
{
	const struct staged *s;

	for (; seat < l->nseats; seat++) {
		s = l->seats[seat];
		if (s && s->key.dir == dir)
			return s;
	}
	return NULL;
}

uint64_t famfs_seek(struct layout *l, uint64_t dir, uint64_t pos)
{
	const struct media_node *node;
	const struct staged *s = NULL;
	bool logged = false;

	pthread_rwlock_rdlock(&l->lock);
	if (!directory(l, dir, &node)) {
		logged = pos < node->nentries;
		if (!logged)
			s = next_seat(l, dir, pos < SEAT_FIRST ? 0 :
						pos - SEAT_FIRST);
	}
	pos = logged ? pos : s ? SEAT_FIRST + s->seat : UINT64_MAX;
	pthread_rwlock_unlock(&l->lock);
	return pos;
}

/* Guarded by the lock. */
static int logged_entry(struct layout *l, uint64_t dir, uint64_t pos,
			struct stat *st, const char **name)
{
	const struct media_node *node = media_fs_entry(l->fs, dir, pos);
	const struct staged *s;

	if (!node)
		return -ENOENT;
	*name = node->name;
	s = l->names ? staged_name(l, dir, node->name) : NULL;
	if (s && staged_stands(s))
		staged_stat(l, s, st);
	else
		famfs_stat(l, node, st);
	return 0;
}

int famfs_entry(struct layout *l, uint64_t dir, uint64_t pos, struct stat *st,
		const char **name)
{
	const struct media_node *node;
	const struct staged *s;
	int rc;

	pthread_rwlock_rdlock(&l->lock);
	rc = directory(l, dir, &node);
	if (!rc && pos < SEAT_FIRST) {
		rc = logged_entry(l, dir, pos, st, name);
	} else if (!rc) {
		s = next_seat(l, dir, pos - SEAT_FIRST);
		rc = s && s->seat == pos - SEAT_FIRST ? 0 : -ENOENT;
		if (!rc) {
			staged_stat(l, s, st);
			*name = s->name;
		}
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

int famfs_parent(struct layout *l, uint64_t dir, uint64_t *parent)
{
	const struct media_node *node;
	int rc;

	pthread_rwlock_rdlock(&l->lock);
	rc = directory(l, dir, &node);
	if (!rc)
		*parent = dir == MEDIA_INO_ROOT ? dir : node->parent;
	pthread_rwlock_unlock(&l->lock);
	return rc;
}
