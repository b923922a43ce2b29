// SPDX-License-Identifier: GPL-2.0-only
/* What lies where on each device of a pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "text.h"

/* Of what is taken; map_device.ranges is made of it when all are known. */
struct claim {
	unsigned int dev;
	struct map_range range;
};

static int by_place(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->range.off < y->range.off ? -1 : x->range.off > y->range.off;
}

/* Return: how many files, and extents of all of them. */
static size_t count_all(const struct media_fs *fs, size_t *extents)
{
	uint64_t ino, end = MEDIA_INO_FIRST + media_fs_next(fs);
	const struct media_node *node;
	size_t files = 0;

	*extents = 0;
	for (ino = MEDIA_INO_FIRST; ino < end; ino++) {
		node = media_fs_node(fs, ino);
		if (!node || node->is_dir)
			continue;
		files++;
		*extents += node->nextents;
	}
	return files;
}

static void claim_files(struct map *map, struct claim *claims, size_t *n)
{
	const struct media_fs *fs = map->source->fs;
	uint64_t ino, end = MEDIA_INO_FIRST + media_fs_next(fs);
	const struct media_node *node;
	const struct famfs_extent *ext;
	struct map_file *file;
	unsigned int i;

	for (ino = MEDIA_INO_FIRST; ino < end; ino++) {
		node = media_fs_node(fs, ino);
		if (!node || node->is_dir)
			continue;
		file = &map->files[map->nfiles];
		file->node = node;
		for (i = 0; i < node->nextents; i++) {
			ext = &node->extents[i];
			file->allocated += ext->len;
			claims[(*n)++] = (struct claim){ ext->devindex, {
				.off = ext->offset, .len = ext->len, .kind = MAP_FILE,
				.part = i, .file = map->nfiles } };
		}
		map->nfiles++;
	}
}

static int claim_meta(struct map *map, struct claim *claims, size_t *n)
{
	const struct media_super *sb = &map->source->sb;
	const struct media_device *dev;
	struct media_usage usage;
	struct map_device *d;
	unsigned int i;

	map->devices = calloc(MEDIA_DEVICES_MAX, sizeof(*map->devices));
	if (!map->devices)
		return -ENOMEM;
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		dev = media_fs_device(map->source->fs, i);
		if (!dev || !dev->present ||
		    media_space_usage_of(media_fs_space(map->source->fs), i, &usage))
			continue;
		d = &map->devices[map->ndevices++];
		*d = (struct map_device){
			.index = i, .size = dev->size, .used = usage.used,
			.reserved = usage.reserved,
			.free = usage.size - usage.reserved - usage.used,
			.largest = usage.largest,
		};
		memcpy(d->uuid, dev->uuid, sizeof(d->uuid));
		memcpy(d->path, i ? map->source->devices[i].path : map->source->path,
		       sizeof(d->path));
		claims[(*n)++] = (struct claim){ i, {
			.len = FAMFS_SUPER_SIZE, .kind = MAP_SUPER } };
		if (!i)
			claims[(*n)++] = (struct claim){ i, {
				.off = sb->log_offset, .len = sb->log_len,
				.kind = MAP_LOG } };
	}
	return 0;
}

static void put_free(struct map_device *d, uint64_t from, uint64_t to)
{
	if (to > from)
		d->ranges[d->nranges++] = (struct map_range){
			.off = from, .len = to - from, .kind = MAP_FREE };
}

/* @claims: of this device, @count of them, in order. */
static int fill_device(struct map_device *d, const struct claim *claims,
		       size_t count)
{
	uint64_t at = 0;
	size_t i;

	d->ranges = calloc(2 * count + 1, sizeof(*d->ranges));
	if (!d->ranges)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		put_free(d, at, claims[i].range.off);
		d->ranges[d->nranges++] = claims[i].range;
		at = claims[i].range.off + claims[i].range.len;
	}
	put_free(d, at, d->size);
	return 0;
}

static int fill(struct map *map, struct claim *claims, size_t n)
{
	unsigned int i;
	size_t from = 0, to;
	int rc = 0;

	qsort(claims, n, sizeof(*claims), by_place);
	for (i = 0; i < map->ndevices && !rc; i++, from = to) {
		for (to = from; to < n && claims[to].dev == map->devices[i].index; to++)
			;
		rc = fill_device(&map->devices[i], claims + from, to - from);
	}
	return rc;
}

int map_make(struct map *map, const struct source *source)
{
	struct claim *claims;
	size_t files, extents, n = 0;
	int rc;

	memset(map, 0, sizeof(*map));
	map->source = source;
	files = count_all(source->fs, &extents);
	map->files = calloc(files ? files : 1, sizeof(*map->files));
	claims = calloc(extents + 2 * MEDIA_DEVICES_MAX, sizeof(*claims));
	rc = map->files && claims ? claim_meta(map, claims, &n) : -ENOMEM;
	if (!rc) {
		claim_files(map, claims, &n);
		rc = fill(map, claims, n);
	}
	free(claims);
	if (rc)
		map_free(map);
	return rc;
}

void map_free(struct map *map)
{
	unsigned int i;

	for (i = 0; i < map->ndevices; i++)
		free(map->devices[i].ranges);
	free(map->devices);
	free(map->files);
	memset(map, 0, sizeof(*map));
}

char *map_path(const struct map *map, size_t file, char *buf)
{
	char path[FAMFS_PATH_MAX];

	media_fs_path(map->source->fs, map->files[file].node->ino, path);
	return text_escape(path, buf, TEXT_PATH_MAX);
}

/* By the golden angle: of any few in a row no two are alike. */
unsigned int map_hue(size_t file)
{
	return (file * 137508ULL / 1000 + 205) % 360;
}

size_t map_largest(const struct map *map, size_t *files, size_t count)
{
	size_t i, j, n = 0;

	for (i = 0; i < map->nfiles; i++) {
		if (n == count &&
		    map->files[i].allocated <= map->files[files[n - 1]].allocated)
			continue;
		j = n < count ? n++ : n - 1;
		for (; j && map->files[files[j - 1]].allocated < map->files[i].allocated;
		     j--)
			files[j] = files[j - 1];
		files[j] = i;
	}
	return n;
}
