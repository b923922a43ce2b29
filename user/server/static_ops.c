// SPDX-License-Identifier: GPL-2.0-only
/* The static layout as it is served. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "static.h"

#define TO_SET_OWNER	(FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define TO_SET_TIMES	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | \
			 FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)

static void copy_attr(struct layout *layout, const struct node *node,
		      struct stat *st)
{
	pthread_mutex_lock(&layout->lock);
	*st = node->st;
	pthread_mutex_unlock(&layout->lock);
}

static int static_getattr(struct layout *layout, uint64_t ino, struct stat *st)
{
	const struct node *node = layout_node(layout, ino);

	if (!node)
		return -ESTALE;
	copy_attr(layout, node, st);
	return 0;
}

static int directory(const struct layout *layout, uint64_t ino,
		     const struct node **dir)
{
	*dir = layout_node(layout, ino);
	if (!*dir)
		return -ESTALE;
	return (*dir)->is_dir ? 0 : -ENOTDIR;
}

/* Entries stand by name, and so are found by halving. */
static int static_lookup(struct layout *layout, uint64_t ino, const char *name,
			 struct stat *st)
{
	const struct node *dir, *node;
	uint64_t lo, hi, mid;
	int rc = directory(layout, ino, &dir);

	if (rc)
		return rc;
	lo = dir->first;
	hi = dir->first + dir->nentries;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		node = layout->nodes[mid];
		rc = strcmp(name, node->name);
		if (!rc) {
			copy_attr(layout, node, st);
			return 0;
		}
		if (rc < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -ENOENT;
}

static int static_entry(struct layout *layout, uint64_t ino, uint64_t pos,
			struct stat *st, const char **name)
{
	const struct node *dir, *node;
	int rc = directory(layout, ino, &dir);

	if (rc)
		return rc;
	if (pos >= dir->nentries)
		return -ENOENT;
	node = layout->nodes[dir->first + pos];
	copy_attr(layout, node, st);
	*name = node->name;
	return 0;
}

static int static_parent(struct layout *layout, uint64_t ino, uint64_t *parent)
{
	const struct node *dir;
	int rc = directory(layout, ino, &dir);

	if (!rc)
		*parent = dir->parent;
	return rc;
}

/* The extents are given: a size can be "set" to what it is, or by keep_size. */
static int may_set_size(const struct node *node, off_t size)
{
	if (node->is_dir)
		return -EISDIR;
	if (size == node->st.st_size || node->keep_size)
		return 0;
	return node->fmap ? -EOPNOTSUPP : -EROFS;
}

static void set_times(struct stat *st, const struct stat *attr, int to_set)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
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

/* In memory only: the layout file stays as it is. */
static int static_setattr(struct layout *layout, uint64_t ino,
			  const struct stat *attr, int to_set, struct stat *st)
{
	struct node *node = layout_node(layout, ino);
	int rc = 0;

	if (!node)
		return -ESTALE;
	if (to_set & FUSE_SET_ATTR_SIZE)
		rc = may_set_size(node, attr->st_size);
	if (rc)
		return rc;
	pthread_mutex_lock(&layout->lock);
	if (to_set & FUSE_SET_ATTR_MODE)
		node->st.st_mode = (node->st.st_mode & S_IFMT) |
				   (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		node->st.st_uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		node->st.st_gid = attr->st_gid;
	if (to_set & (FUSE_SET_ATTR_MODE | TO_SET_OWNER | TO_SET_TIMES))
		set_times(&node->st, attr, to_set);
	*st = node->st;
	pthread_mutex_unlock(&layout->lock);
	return 0;
}

static int static_fmap(struct layout *layout, uint64_t ino,
		       const struct fuse_fmap **fmap)
{
	const struct node *node = layout_node(layout, ino);

	if (!node)
		return -ESTALE;
	*fmap = node->fmap;
	return node->fmap ? 0 : -EOPNOTSUPP;
}

static int static_host(struct layout *layout, uint64_t ino, int *fd)
{
	const struct node *node = layout_node(layout, ino);

	if (!node)
		return -ESTALE;
	*fd = node->host;
	return node->host >= 0 ? 0 : -EOPNOTSUPP;
}

static int static_device(struct layout *layout, unsigned int index,
			 const struct dev_info **device)
{
	if (index >= layout->ndevices)
		return -ENODEV;
	*device = &layout->devices[index];
	return 0;
}

/*
 * Total: the devices. Free: what no file covers; available: nothing, for a
 * file can neither be made nor grow.
 */
static void static_statfs(struct layout *layout, struct statvfs *st)
{
	unsigned long page = sysconf(_SC_PAGESIZE);
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < layout->ndevices; i++)
		total += layout->devices[i].size;
	st->f_bsize = st->f_frsize = page;
	st->f_blocks = total / page;
	st->f_bfree = (total - layout->used) / page;
	st->f_bavail = 0;
	st->f_files = layout->nnodes;
	st->f_ffree = st->f_favail = 0;
	st->f_namemax = 255;
}

static uint64_t static_digest(struct layout *layout)
{
	return layout->digest;
}

static void static_count(struct layout *layout, struct layout_counts *counts)
{
	counts->files = layout->nfiles;
	counts->directories = layout->nnodes - layout->nfiles;
	counts->devices = layout->ndevices;
}

const struct layout_ops static_layout_ops = {
	.name = "static",
	.help = "a YAML file that lists devices and files",
	.load = static_load,
	.destroy = static_destroy,
	.count = static_count,
	.digest = static_digest,
	.getattr = static_getattr,
	.setattr = static_setattr,
	.lookup = static_lookup,
	.entry = static_entry,
	.parent = static_parent,
	.fmap = static_fmap,
	.host = static_host,
	.device = static_device,
	.statfs = static_statfs,
};
