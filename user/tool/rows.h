/* SPDX-License-Identifier: GPL-2.0-only */
/* An fmap as rows: what "fmapfs fmap" shows. */
#ifndef FMAPFS_TOOL_ROWS_H
#define FMAPFS_TOOL_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "../media/media.h"

/**
 * struct map_row - a range of a device that a file has
 * @extent: number of the simple or interleaved extent
 * @strip: number of the strip in it; 0 in a simple one
 * @nstrips: of the extent; 0: it is a simple one
 * @chunk: of an interleaved extent; bytes
 * @file_off: where the extent begins in the file; bytes
 * @dev, @off, @len: the range; bytes
 */
struct map_row {
	uint32_t extent;
	uint32_t strip;
	uint32_t nstrips;
	uint64_t chunk;
	uint64_t file_off;
	uint32_t dev;
	uint64_t off;
	uint64_t len;
};

/**
 * struct map_rows - an fmap
 * @size: of the file, bytes
 * @rows: owned; @count of them
 */
struct map_rows {
	uint64_t size;
	struct map_row *rows;
	size_t count;
};

/**
 * rows_of_message - from what the kernel says (FMAPFS_IOC_GET_FMAP)
 * Return: 0; -EINVAL: that is no fmap; -ENOMEM. @rows->rows is to be freed.
 */
int rows_of_message(struct map_rows *rows, const void *msg, size_t len);
/* rows_of_node - from what the log says. 0 or -ENOMEM */
int rows_of_node(struct map_rows *rows, const struct media_node *node);

#endif /* FMAPFS_TOOL_ROWS_H */
