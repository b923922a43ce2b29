/* SPDX-License-Identifier: GPL-2.0-only */
/* What a medium says, in words that can be shown to people and programs. */
#ifndef FMAPFS_TOOL_TEXT_H
#define FMAPFS_TOOL_TEXT_H

#include <stddef.h>

#include "../media/media.h"

/* Room for a path of a medium, each byte of it escaped. */
#define TEXT_PATH_MAX	(4 * FAMFS_PATH_MAX + 1)

/**
 * text_escape - a name as it may be shown
 * @name: bytes that somebody else has chosen
 * @buf: takes it: control characters (C1 and those of direction also), backslashes,
 *	and what is not UTF-8, as \ooo. So it can be undone, and no terminal and no parser is fooled
 * @size: bytes at @buf, at least 1; what does not fit is left out
 *
 * Return: @buf.
 */
char *text_escape(const char *name, char *buf, size_t size);

/*
 * Bytes of the UTF-8 sequence that @p begins with; 0: it is none, a control, or turns
 * the direction of what comes behind it.
 */
size_t text_utf8(const char *p);

/* Room for text_entry(). */
#define TEXT_ENTRY_MAX	2048

/**
 * text_entry - a log entry in words
 * @entry: as media_log_entry() gives it
 * @buf: takes "MKDIR data mode 755 uid 1000 gid 1000" for example
 * @size: bytes at @buf; TEXT_ENTRY_MAX is enough
 *
 * Return: @buf.
 */
char *text_entry(const struct famfs_entry *entry, char *buf, size_t size);

/* text_entry_path - of FILE and MKDIR; else NULL */
const char *text_entry_path(const struct famfs_entry *entry);

#endif /* FMAPFS_TOOL_TEXT_H */
