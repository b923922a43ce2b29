// SPDX-License-Identifier: GPL-2.0-only
/* What a medium says, in words that can be shown to people and programs. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "tool.h"

/*
 * What looks like another text than it is: line and paragraph separators, and what turns
 * the direction of writing.
 */
static bool is_sly(uint32_t code)
{
	return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/*
 * Shortest forms only, no surrogates, nothing beyond U+10FFFF, no C0 and C1; and none of
 * the last two of each plane, which are no characters and which XML forbids.
 */
size_t text_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t len, i;

	if (*p < 0x80)
		return *p >= ' ' && *p != 0x7f;
	len = *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 && *p < 0xf0 ? 3 :
	      *p >= 0xc0 && *p < 0xe0 ? 2 : 0;
	if (!len)
		return 0;
	code = *p & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[len] || code < 0xa0 || (code >= 0xd800 && code < 0xe000) ||
	    code > 0x10ffff || (code & 0xfffe) == 0xfffe || is_sly(code))
		return 0;
	return len;
}

char *text_escape(const char *name, char *buf, size_t size)
{
	size_t n = 0, len;

	while (*name) {
		len = *name == '\\' ? 0 : text_utf8(name);
		if (n + (len ? len : 4) >= size)
			break;
		if (len)
			memcpy(buf + n, name, len);
		else
			snprintf(buf + n, 5, "\\%03o", (unsigned char)*name);
		n += len ? len : 4;
		name += len ? len : 1;
	}
	buf[n] = '\0';
	return buf;
}

struct out {
	char *buf;
	size_t size;
	size_t n;
};

__attribute__((format(printf, 2, 3)))
static void add(struct out *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (out->n >= out->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(out->buf + out->n, out->size - out->n, fmt, ap);
	va_end(ap);
	out->n += n > 0 ? n : 0;
}

static void add_extents(struct out *out, const struct famfs_extent *ext,
			uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		add(out, " (dev %" PRIu64 " off 0x%" PRIx64 " len 0x%" PRIx64 ")",
		    ext[i].devindex, ext[i].offset, ext[i].len);
}

static void add_file(struct out *out, const struct famfs_file *file)
{
	const struct famfs_fmap *map = &file->fmap;
	char path[TEXT_PATH_MAX];

	add(out, "FILE %s size %" PRIu64 " flags %u mode %o uid %u gid %u "
	    "ext_type %u count %u", text_escape(file->path, path, sizeof(path)),
	    file->size, file->flags, file->mode, file->uid, file->gid,
	    map->ext_type, map->count);
	if (map->ext_type == FAMFS_MAP_INTERLEAVED) {
		add(out, " strips %" PRIu64 " chunk 0x%" PRIx64,
		    map->interleave.nstrips, map->interleave.chunk_size);
		add_extents(out, map->interleave.strips, map->interleave.nstrips);
	} else {
		add_extents(out, map->extents, map->count);
	}
}

char *text_entry(const struct famfs_entry *entry, char *buf, size_t size)
{
	struct out out = { buf, size, 0 };
	char path[TEXT_PATH_MAX], uuid[37];

	switch (entry->type) {
	case FAMFS_ENTRY_FILE:
		add_file(&out, &entry->file);
		break;
	case FAMFS_ENTRY_MKDIR:
		add(&out, "MKDIR %s mode %o uid %u gid %u",
		    text_escape(entry->mkdir.path, path, sizeof(path)),
		    entry->mkdir.mode, entry->mkdir.uid, entry->mkdir.gid);
		break;
	case FAMFS_ENTRY_ADD_DAXDEV:
		add(&out, "ADD_DAXDEV index %u uuid %s size %" PRIu64,
		    entry->add_daxdev.index, tool_uuid(entry->add_daxdev.uuid, uuid),
		    entry->add_daxdev.size);
		break;
	default:
		add(&out, "type %u", entry->type);
	}
	return buf;
}

const char *text_entry_path(const struct famfs_entry *entry)
{
	if (entry->type == FAMFS_ENTRY_FILE)
		return entry->file.path;
	return entry->type == FAMFS_ENTRY_MKDIR ? entry->mkdir.path : NULL;
}
