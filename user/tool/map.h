/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies where on each device of a pool: the model (map.c), and its pictures, for a
 * terminal (map_term.c) and as a figure (map_svg.c).
 */
#ifndef FMAPFS_TOOL_MAP_H
#define FMAPFS_TOOL_MAP_H

#include <stdbool.h>
#include <stdio.h>

#include "source.h"

enum map_kind {
	MAP_FREE,
	MAP_SUPER,
	MAP_LOG,
	MAP_FILE,
};

/**
 * struct map_range - a part of a device
 * @off, @len: bytes
 * @file: MAP_FILE: index in map.files
 * @part: MAP_FILE: number of the extent or strip in the file
 */
struct map_range {
	uint64_t off;
	uint64_t len;
	enum map_kind kind;
	uint32_t part;
	size_t file;
};

/**
 * struct map_device - a device
 * @index: in the pool
 * @size: bytes
 * @used, @reserved, @free, @largest: of these; bytes
 * @path: or ""
 * @uuid: its own
 * @ranges: all of it, without gaps, in order; owned
 * @nranges: how many
 */
struct map_device {
	unsigned int index;
	uint64_t size;
	uint64_t used;
	uint64_t reserved;
	uint64_t free;
	uint64_t largest;
	char path[256];
	uint8_t uuid[FAMFS_UUID_SIZE];
	struct map_range *ranges;
	size_t nranges;
};

/**
 * struct map_file - a file
 * @node: of the media_fs
 * @allocated: bytes of its extents
 */
struct map_file {
	const struct media_node *node;
	uint64_t allocated;
};

/**
 * struct map - a pool's map; it lives no longer than its source
 * @files: in the order of the log
 * @devices: @ndevices of them, by index
 */
struct map {
	const struct source *source;
	struct map_file *files;
	size_t nfiles;
	struct map_device *devices;
	unsigned int ndevices;
};

/* map_make - of an open source with a media_fs; for map_free(). 0 or -ENOMEM */
int map_make(struct map *map, const struct source *source);
void map_free(struct map *map);

/* map_path - of a file, escaped. Return: @buf, of TEXT_PATH_MAX bytes */
char *map_path(const struct map *map, size_t file, char *buf);

/* map_hue - the colour of a file: 0 to 359, far from that of those beside it */
unsigned int map_hue(size_t file);

/* map_largest - indices of the @count largest files. Return: so many there are */
size_t map_largest(const struct map *map, size_t *files, size_t count);

/**
 * map_term - print a picture of blocks
 * @out: to there
 * @columns: that fit in a line
 * @colours: with escape sequences
 */
void map_term(const struct map *map, FILE *out, unsigned int columns, bool colours);

/**
 * map_svg - print a figure: SVG that needs nothing else, for light and dark
 *
 * Ranges that are not wider than a hair are drawn together with what is beside them
 * when there are more than MAP_SVG_MAX; else each is there by itself.
 */
void map_svg(const struct map *map, FILE *out);

#define MAP_SVG_MAX	8192

#endif /* FMAPFS_TOOL_MAP_H */
