// SPDX-License-Identifier: GPL-2.0-only
/* An fmap as rows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fuse_fmap.h>

#include "../lib/fusefmap_map.h"
#include "rows.h"

/* Reads on in a message that was checked. */
static void next(const uint8_t **p, void *to, size_t len)
{
	memcpy(to, *p, len);
	*p += len;
}

static void take_strip(struct map_rows *rows, const uint8_t **p,
		       const struct map_row *of)
{
	struct fuse_famfs_simple_ext ext;
	struct map_row *row = &rows->rows[rows->count++];

	next(p, &ext, sizeof(ext));
	*row = *of;
	row->dev = ext.se_devindex;
	row->off = ext.se_offset;
	row->len = ext.se_len;
}

static void take_all(struct map_rows *rows, const uint8_t *p,
		     const struct fuse_famfs_fmap_header *header)
{
	struct map_row row = { 0 };
	struct fuse_famfs_iext iext;

	for (; row.extent < header->nextents; row.extent++) {
		if (header->ext_type == FUSE_FAMFS_EXT_SIMPLE) {
			take_strip(rows, &p, &row);
			row.file_off += rows->rows[rows->count - 1].len;
			continue;
		}
		next(&p, &iext, sizeof(iext));
		row.nstrips = iext.ie_nstrips;
		row.chunk = iext.ie_chunk_size;
		for (row.strip = 0; row.strip < iext.ie_nstrips; row.strip++)
			take_strip(rows, &p, &row);
		row.file_off += iext.ie_nbytes;
	}
}

int rows_of_message(struct map_rows *rows, const void *msg, size_t len)
{
	struct fuse_famfs_fmap_header header;
	struct fuse_fmap_info info;
	struct fuse_fmap *fmap;
	int rc;

	memset(rows, 0, sizeof(*rows));
	rc = fuse_fmap_parse(&fmap, msg, len, NULL);
	if (rc)
		return rc == -ENOMEM ? rc : -EINVAL;
	fuse_fmap_get_info(fmap, &info);
	fuse_fmap_free(fmap);
	rows->rows = calloc(info.nranges, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	memcpy(&header, msg, sizeof(header));
	rows->size = header.file_size;
	take_all(rows, (const uint8_t *)msg + sizeof(header), &header);
	return 0;
}

int rows_of_node(struct map_rows *rows, const struct media_node *node)
{
	bool striped = node->map_type == FAMFS_MAP_INTERLEAVED;
	uint64_t at = 0;
	uint32_t i;

	memset(rows, 0, sizeof(*rows));
	rows->rows = calloc(node->nextents ? node->nextents : 1, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	rows->size = node->size;
	rows->count = node->nextents;
	for (i = 0; i < node->nextents; i++) {
		rows->rows[i] = (struct map_row){
			.extent = striped ? 0 : i, .strip = striped ? i : 0,
			.nstrips = striped ? node->nextents : 0,
			.chunk = node->chunk_size, .file_off = at,
			.dev = node->extents[i].devindex,
			.off = node->extents[i].offset, .len = node->extents[i].len,
		};
		at += striped ? 0 : node->extents[i].len;
	}
	return 0;
}
