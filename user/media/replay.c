// SPDX-License-Identifier: GPL-2.0-only
/* A name space, made of a log. What entries say by themselves, entry.c has checked. */
#include <errno.h>
#include <stdlib.h>

#include "names.h"

#define AT(field)	offsetof(struct famfs_entry, field)
#define EXT(member)	offsetof(struct famfs_extent, member)

int media_fs_new(struct media_fs **result, const struct media_super *sb,
		 const struct media_fs_ops *ops, void *ctx)
{
	struct media_fs *fs;
	int rc;

	if (sb->flags & FAMFS_SUPER_SECONDARY)
		return -EINVAL;
	fs = calloc(1, sizeof(*fs));
	if (!fs)
		return -ENOMEM;
	fs->sb = *sb;
	fs->ops = ops;
	fs->ctx = ctx;
	fs->ndevices = 1;
	fs->devices[0].present = true;
	fs->devices[0].size = sb->device.size;
	memcpy(fs->devices[0].uuid, sb->dev_uuid, sizeof(sb->dev_uuid));
	rc = names_init(&fs->names, sb->log_len);
	if (!rc)
		rc = media_space_new(&fs->space, sb->alloc_unit);
	if (!rc)
		rc = media_space_add(fs->space, 0, sb->device.size,
				     sb->log_offset + sb->log_len);
	if (rc) {
		media_fs_free(fs);
		return rc;
	}
	*result = fs;
	return 0;
}

void media_fs_free(struct media_fs *fs)
{
	if (!fs)
		return;
	names_free(&fs->names);
	if (fs->space)
		media_space_free(fs->space);
	free(fs);
}

/* --- names --- */

/* Where a path's node is to be: its directory, and its own name in the path. */
struct place {
	struct node *parent;
	const char *name;
};

static int find_place(const struct media_fs *fs, const char *path, size_t at,
		      const char *field, const struct media_where *where,
		      struct place *place)
{
	struct node *node = names_node(&fs->names, MEDIA_INO_ROOT, fs->next);
	size_t len;

	for (; path[len = strcspn(path, "/")]; path += len + 1) {
		node = names_find(&fs->names, node->pub.ino, path, len);
		if (!node)
			return media_wrong_text(where, at, field, path, len,
						"should be a directory that an entry before makes");
		if (!node->pub.is_dir)
			return media_wrong_text(where, at, field, path, len,
						"should be a directory; entry %llu makes it a file",
						(unsigned long long)
						(node->pub.ino - MEDIA_INO_FIRST));
	}
	place->parent = node;
	place->name = path;
	node = names_find(&fs->names, node->pub.ino, path, len);
	if (!node)
		return 0;
	return media_wrong_text(where, at, field, path, len,
				"should be a new name; entry %llu has it",
				(unsigned long long)
				(node->pub.ino - MEDIA_INO_FIRST));
}

static int add_node(struct media_fs *fs, const struct place *place,
		    struct media_node *pub, const struct media_node **result)
{
	struct node *node;
	int rc;

	pub->ino = MEDIA_INO_FIRST + fs->next;
	pub->name = place->name;
	rc = names_add(&fs->names, place->parent, pub, strlen(pub->name), &node);
	if (rc)
		return rc;
	fs->next++;
	if (result)
		*result = &node->pub;
	if (fs->ops && fs->ops->node)
		fs->ops->node(fs->ctx, &node->pub);
	return 0;
}

static int add_mkdir(struct media_fs *fs, const struct famfs_mkdir *dir,
		     const struct media_where *where,
		     const struct media_node **result)
{
	struct media_node pub = {
		.is_dir = true,
		.mode = dir->mode,
		.uid = dir->uid,
		.gid = dir->gid,
	};
	struct place place;
	int rc = find_place(fs, dir->path, AT(mkdir.path), "mkdir.path", where,
			    &place);

	if (!rc)
		rc = add_node(fs, &place, &pub, result);
	if (!rc)
		fs->directories++;
	return rc;
}

/* --- space --- */

static const struct famfs_extent *extents_of(const struct famfs_fmap *map,
					     unsigned int *count)
{
	if (map->ext_type == FAMFS_MAP_INTERLEAVED) {
		*count = (unsigned int)map->interleave.nstrips;
		return map->interleave.strips;
	}
	*count = map->count;
	return map->extents;
}

static int wrong_unit(const struct media_fs *fs, const struct famfs_fmap *map,
		      const struct famfs_extent *ext, unsigned int i,
		      const struct media_where *where)
{
	bool offset = ext->offset % fs->sb.alloc_unit;

	return media_wrong_extent(where, map->ext_type, i,
				  offset ? EXT(offset) : EXT(len),
				  offset ? ext->offset : ext->len,
				  "should be a multiple of the allocation unit, %llu",
				  (unsigned long long)fs->sb.alloc_unit);
}

static int wrong_range(const struct media_fs *fs, const struct famfs_fmap *map,
		       const struct famfs_extent *ext, unsigned int i,
		       const struct media_where *where)
{
	uint64_t size = fs->devices[ext->devindex].size;
	bool offset = ext->offset >= size;

	return media_wrong_extent(where, map->ext_type, i,
				  offset ? EXT(offset) : EXT(len),
				  offset ? ext->offset : ext->len,
				  "should end within device %u, which has %llu bytes",
				  (unsigned int)ext->devindex,
				  (unsigned long long)size);
}

/* What media_space_take() says of extent @i, in words. */
static int wrong_space(const struct media_fs *fs, const struct famfs_fmap *map,
		       unsigned int i, int rc, const struct media_where *where)
{
	unsigned int count;
	const struct famfs_extent *ext = &extents_of(map, &count)[i];

	switch (rc) {
	case -ENODEV:
		return media_wrong_extent(where, map->ext_type, i, EXT(devindex),
					  ext->devindex,
					  "should be 0 or a device that an entry before adds");
	case -EINVAL:
		return wrong_unit(fs, map, ext, i, where);
	case -ERANGE:
		return wrong_range(fs, map, ext, i, where);
	case -EEXIST:
		return media_wrong_extent(where, map->ext_type, i, EXT(offset),
					  ext->offset,
					  "should be free, and %llu bytes from there: some of it is another file's, or no file's",
					  (unsigned long long)ext->len);
	}
	return rc;
}

static void give_space(struct media_fs *fs, const struct famfs_fmap *map,
		       unsigned int n)
{
	const struct famfs_extent *ext = extents_of(map, &(unsigned int){ 0 });

	while (n--)
		media_space_give(fs->space, (unsigned int)ext[n].devindex,
				 ext[n].offset, ext[n].len);
}

/* All of the extents, or none. */
static int take_space(struct media_fs *fs, const struct famfs_fmap *map,
		      const struct media_where *where)
{
	unsigned int i, count;
	const struct famfs_extent *ext = extents_of(map, &count);
	int rc;

	for (i = 0; i < count; i++) {
		rc = media_space_take(fs->space, (unsigned int)ext[i].devindex,
				      ext[i].offset, ext[i].len);
		if (rc) {
			give_space(fs, map, i);
			return wrong_space(fs, map, i, rc, where);
		}
	}
	return 0;
}

static int check_chunk(const struct media_fs *fs, const struct famfs_fmap *map,
		       const struct media_where *where)
{
	if (map->ext_type != FAMFS_MAP_INTERLEAVED ||
	    map->interleave.chunk_size % fs->sb.alloc_unit == 0)
		return 0;
	return media_wrong(where, AT(file.fmap.interleave.chunk_size),
			   "file.fmap.interleave.chunk_size",
			   map->interleave.chunk_size,
			   "should be a multiple of the allocation unit, %llu",
			   (unsigned long long)fs->sb.alloc_unit);
}

static int add_file(struct media_fs *fs, const struct famfs_file *file,
		    bool claimed, const struct media_where *where,
		    const struct media_node **result)
{
	const struct famfs_fmap *map = &file->fmap;
	struct media_node pub = {
		.mode = file->mode,
		.uid = file->uid,
		.gid = file->gid,
		.flags = file->flags,
		.size = file->size,
		.map_type = map->ext_type,
	};
	struct place place;
	int rc = find_place(fs, file->path, AT(file.path), "file.path", where,
			    &place);

	if (!rc)
		rc = check_chunk(fs, map, where);
	if (!rc && !claimed)
		rc = take_space(fs, map, where);
	if (rc)
		return rc;
	if (map->ext_type == FAMFS_MAP_INTERLEAVED)
		pub.chunk_size = map->interleave.chunk_size;
	pub.extents = extents_of(map, &pub.nextents);
	rc = add_node(fs, &place, &pub, result);
	if (!rc)
		fs->files++;
	else if (!claimed)
		give_space(fs, map, pub.nextents);
	return rc;
}

/* --- devices --- */

static int check_device(const struct media_fs *fs,
			const struct famfs_add_daxdev *add,
			const struct media_where *where)
{
	uint64_t units = add->size / fs->sb.alloc_unit;
	unsigned int i;

	if (fs->devices[add->index].present)
		return media_wrong(where, AT(add_daxdev.index),
				   "add_daxdev.index", add->index,
				   "should be one that no entry before adds");
	for (i = 0; i < MEDIA_DEVICES_MAX; i++)
		if (fs->devices[i].present &&
		    !memcmp(fs->devices[i].uuid, add->uuid, sizeof(add->uuid)))
			return media_wrong_uuid(where, AT(add_daxdev.uuid),
						"add_daxdev.uuid", add->uuid,
						"should be no other device's");
	if (add->size < FAMFS_SUPER_SIZE + fs->sb.alloc_unit ||
	    add->size / fs->sb.alloc_unit > MEDIA_UNITS_MAX)
		return media_wrong(where, AT(add_daxdev.size), "add_daxdev.size",
				   add->size,
				   "should be at least %llu, at most 2^35 allocation units",
				   (unsigned long long)
				   (FAMFS_SUPER_SIZE + fs->sb.alloc_unit));
	for (i = 0; i < MEDIA_DEVICES_MAX; i++)
		if (fs->devices[i].present)
			units += fs->devices[i].size / fs->sb.alloc_unit;
	if (units > MEDIA_UNITS_ALL)
		return media_wrong(where, AT(add_daxdev.size), "add_daxdev.size",
				   add->size,
				   "should leave the devices at most 2^36 allocation units together");
	return 0;
}

/* Indices may come in any order: the format has no rule for that. */
static int add_daxdev(struct media_fs *fs, const struct famfs_add_daxdev *add,
		      const struct media_where *where)
{
	struct media_device *dev = &fs->devices[add->index];
	int rc = check_device(fs, add, where);

	if (!rc)
		rc = media_space_add(fs->space, add->index, add->size,
				     FAMFS_SUPER_SIZE);
	if (rc)
		return rc;
	dev->present = true;
	dev->size = add->size;
	memcpy(dev->uuid, add->uuid, sizeof(dev->uuid));
	fs->ndevices++;
	fs->next++;
	if (fs->ops && fs->ops->device)
		fs->ops->device(fs->ctx, add->index, dev);
	return 0;
}

/* --- entries --- */

int media_fs_add(struct media_fs *fs, const struct famfs_entry *entry,
		 bool claimed, const struct media_node **node,
		 struct media_error *err)
{
	const struct media_where where = {
		.err = err, .region = MEDIA_LOG_ENTRY, .index = fs->next,
		.base = media_entry_at(fs->sb.log_offset, fs->next),
	};

	if (entry->seqnum != fs->next)
		return media_wrong(&where, AT(seqnum), "seqnum", entry->seqnum,
				   "should be %llu, the next one",
				   (unsigned long long)fs->next);
	switch (entry->type) {
	case FAMFS_ENTRY_FILE:
		return add_file(fs, &entry->file, claimed, &where, node);
	case FAMFS_ENTRY_MKDIR:
		return add_mkdir(fs, &entry->mkdir, &where, node);
	case FAMFS_ENTRY_ADD_DAXDEV:
		return add_daxdev(fs, &entry->add_daxdev, &where);
	}
	return media_wrong(&where, AT(type), "type", entry->type,
			   "should be 0, 1 or 3");
}

static int check_next(const struct media_fs *fs, const struct media_log *log,
		      const struct media_head *head, struct media_error *err)
{
	const struct media_where where = {
		.err = err, .region = MEDIA_LOG_HEADER, .base = log->offset,
	};
	size_t at = offsetof(struct famfs_log_header, next_index);

	if (head->next < fs->next)
		return media_wrong(&where, at, "next_index", head->next,
				   "should be at least %llu: so many were there before",
				   (unsigned long long)fs->next);
	if (head->next > media_entries_max(log->len))
		return media_wrong(&where, at, "next_index", head->next,
				   "should be at most %llu: so many are mapped",
				   (unsigned long long)
				   media_entries_max(log->len));
	return 0;
}

int media_fs_replay(struct media_fs *fs, const struct media_log *log,
		    struct media_error *err)
{
	struct famfs_entry entry;
	struct media_head head;
	int rc = media_log_head_of(log, fs->sb.log_len, &head, err);

	if (!rc)
		rc = check_next(fs, log, &head, err);
	while (!rc && fs->next < head.next) {
		rc = media_log_entry(log, fs->next, &entry, err);
		if (!rc)
			rc = media_fs_add(fs, &entry, false, NULL, err);
	}
	return rc;
}

/* --- what is there --- */

uint64_t media_fs_next(const struct media_fs *fs)
{
	return fs->next;
}

const struct media_super *media_fs_super(const struct media_fs *fs)
{
	return &fs->sb;
}

struct media_space *media_fs_space(struct media_fs *fs)
{
	return fs->space;
}

const struct media_device *media_fs_device(const struct media_fs *fs,
					   unsigned int dev)
{
	if (dev >= MEDIA_DEVICES_MAX || !fs->devices[dev].present)
		return NULL;
	return &fs->devices[dev];
}

void media_fs_count(const struct media_fs *fs, struct media_fs_counts *counts)
{
	*counts = (struct media_fs_counts) {
		.files = fs->files,
		.directories = fs->directories,
		.devices = fs->ndevices,
		.memory = sizeof(*fs) + names_memory(&fs->names),
	};
}
