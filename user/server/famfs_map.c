// SPDX-License-Identifier: GPL-2.0-only
/* Where files lie, as the kernel is told, and on what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "famfs.h"
#include "log.h"

/* famfs_map_of - the map of a node, as the medium has it */
void famfs_map_of(const struct media_node *node, struct famfs_fmap *map)
{
	bool striped = node->map_type == FAMFS_MAP_INTERLEAVED;
	struct famfs_extent *to = striped ? map->interleave.strips :
					    map->extents;

	memset(map, 0, sizeof(*map));
	map->ext_type = node->map_type;
	map->count = striped ? 1 : node->nextents;
	if (striped) {
		map->interleave.nstrips = node->nextents;
		map->interleave.chunk_size = node->chunk_size;
	}
	memcpy(to, node->extents, node->nextents * sizeof(*to));
}

static int make_fmap(const struct media_node *node, struct fuse_fmap **fmap,
		     struct fuse_fmap_error *err)
{
	struct fuse_famfs_simple_ext ext[FAMFS_EXTENTS_MAX] = { 0 };
	struct fuse_famfs_iext iext = {
		.ie_nstrips = node->nextents,
		.ie_chunk_size = node->chunk_size,
		.ie_nbytes = whole_pages(node->size),
	};
	uint32_t i;

	for (i = 0; i < node->nextents; i++) {
		ext[i].se_devindex = node->extents[i].devindex;
		ext[i].se_offset = node->extents[i].offset;
		ext[i].se_len = node->extents[i].len;
	}
	if (node->map_type == FAMFS_MAP_SIMPLE)
		return fuse_fmap_simple(fmap, FUSE_FAMFS_FILE_REG, node->size,
					ext, node->nextents, err);
	/* Of 32 bits only, in the protocol. */
	if (node->chunk_size > UINT32_MAX)
		return -EFBIG;
	return fuse_fmap_interleaved(fmap, FUSE_FAMFS_FILE_REG, node->size,
				     &iext, 1, ext, err);
}

/* The lock is held exclusively. Extents never change: a map is made once. */
static int keep_fmap(struct layout *l, const struct media_node *node,
		     const struct fuse_fmap **fmap)
{
	struct mapped *m = calloc(1, sizeof(*m));
	struct fuse_fmap_error err = { 0 };
	char text[FUSE_FMAP_ERROR_MAX];
	int rc = m ? make_fmap(node, &m->fmap, &err) : -ENOMEM;

	if (!rc) {
		m->ino = node->ino;
		HASH_ADD(hh, l->maps, ino, sizeof(m->ino), m);
		*fmap = m->fmap;
		if (m->hh.tbl)
			return 0;
		fuse_fmap_free(m->fmap);
		rc = -ENOMEM;
	}
	free(m);
	if (rc != -ENOMEM)
		log_line(LOG_ERR, "node %llu cannot be a file of memory here: %s",
			 (unsigned long long)node->ino, err.field ?
			 fuse_fmap_strerror(&err, text, sizeof(text)) :
			 strerror(-rc));
	return rc;
}

static int find_fmap(struct layout *l, uint64_t ino,
		     const struct fuse_fmap **fmap)
{
	struct mapped *m;

	HASH_FIND(hh, l->maps, &ino, sizeof(ino), m);
	if (!m)
		return -ENOENT;
	*fmap = m->fmap;
	return 0;
}

/* famfs_is_missing - is some of a file on a device that is not there? */
bool famfs_is_missing(const struct layout *l, const struct media_node *node)
{
	uint32_t i;

	for (i = 0; i < node->nextents; i++)
		if (!(l->ready & 1ULL << node->extents[i].devindex))
			return true;
	return false;
}

static int logged_fmap(struct layout *l, uint64_t ino,
		       const struct fuse_fmap **fmap)
{
	const struct media_node *node;
	int rc;

	pthread_rwlock_rdlock(&l->lock);
	rc = find_fmap(l, ino, fmap);
	pthread_rwlock_unlock(&l->lock);
	if (!rc)
		return 0;
	pthread_rwlock_wrlock(&l->lock);
	node = media_fs_node(l->fs, ino);
	if (!node)
		rc = -ESTALE;
	else if (node->is_dir || is_meta(ino))
		rc = -EOPNOTSUPP;
	else if (famfs_is_missing(l, node))
		rc = -EIO;
	else if (find_fmap(l, ino, fmap))
		rc = keep_fmap(l, node, fmap);
	else
		rc = 0;
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/*
 * The kernel is going to have the memory of a file that it knows by the id of before:
 * the window into it goes first, and none is held from here on. If somebody uses the
 * file just then it takes it for an ordinary one still, and reads and writes go on.
 */
static int staged_fmap(struct layout *l, uint64_t ino,
		       const struct fuse_fmap **fmap)
{
	struct staged *s = staged_pin(l, ino);
	uint64_t log_ino = 0;
	bool viewed = false;
	int rc = -EOPNOTSUPP;

	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	pthread_rwlock_wrlock(&l->lock);
	if (s->log_ino && s->sized && s->named) {
		log_ino = s->log_ino;
		viewed = s->viewed;
		s->viewed = false;
	}
	pthread_rwlock_unlock(&l->lock);
	if (viewed)
		view_drop(l, log_ino);
	if (log_ino)
		rc = logged_fmap(l, log_ino, fmap);
	if (!rc) {
		pthread_rwlock_wrlock(&l->lock);
		s->mapped = true;
		pthread_rwlock_unlock(&l->lock);
	}
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}

int famfs_fmap(struct layout *l, uint64_t ino, const struct fuse_fmap **fmap)
{
	return is_provisional(ino) ? staged_fmap(l, ino, fmap) :
				     logged_fmap(l, ino, fmap);
}

/* There are no files of the host in a pool. */
int famfs_host(struct layout *l, uint64_t ino, int *fd)
{
	struct stat st;
	int rc = famfs_getattr(l, ino, &st);

	(void)fd;
	return rc ? rc : -EOPNOTSUPP;
}

int famfs_device(struct layout *l, unsigned int index,
		 const struct dev_info **device)
{
	bool ready;

	if (index >= MEDIA_DEVICES_MAX)
		return -ENODEV;
	pthread_rwlock_rdlock(&l->lock);
	ready = l->ready & 1ULL << index;
	pthread_rwlock_unlock(&l->lock);
	if (!ready)
		return -ENODEV;
	*device = &l->pool->devs[index];
	return 0;
}
