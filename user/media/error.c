// SPDX-License-Identifier: GPL-2.0-only
/* What is wrong on a medium: noted down, and in words. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "check.h"

/*
 * Quotes and backslashes as well, so that a text ends where its quotes do; and all that
 * is no ASCII: a lone 0x9b begins a terminal's escape sequence.
 */
static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void escape(char *to, size_t room, const void *text, size_t len)
{
	const unsigned char *p = text;
	size_t n = 0;

	for (; len && *p && room - n > 4; p++, len--) {
		if (is_plain(*p))
			to[n++] = (char)*p;
		else
			n += (size_t)sprintf(to + n, "\\%03o", *p);
	}
	to[n] = '\0';
}

static void note(const struct media_where *where, size_t at, const char *field,
		 uint64_t value, const char *rule, va_list args)
	__attribute__((format(printf, 5, 0)));

static void note(const struct media_where *where, size_t at, const char *field,
		 uint64_t value, const char *rule, va_list args)
{
	struct media_error *err = where->err;

	err->region = where->region;
	err->index = where->index;
	err->offset = where->base + at;
	snprintf(err->field, sizeof(err->field), "%s", field);
	err->value = value;
	err->text[0] = '\0';
	vsnprintf(err->rule, sizeof(err->rule), rule, args);
}

int media_wrong(const struct media_where *where, size_t at, const char *field,
		uint64_t value, const char *rule, ...)
{
	va_list args;

	if (where->err) {
		va_start(args, rule);
		note(where, at, field, value, rule, args);
		va_end(args);
	}
	return -EUCLEAN;
}

int media_wrong_text(const struct media_where *where, size_t at,
		     const char *field, const void *text, size_t len,
		     const char *rule, ...)
{
	va_list args;

	if (where->err) {
		va_start(args, rule);
		note(where, at, field, 0, rule, args);
		va_end(args);
		escape(where->err->text, sizeof(where->err->text), text, len);
	}
	return -EUCLEAN;
}

int media_wrong_uuid(const struct media_where *where, size_t at,
		     const char *field, const uint8_t uuid[FAMFS_UUID_SIZE],
		     const char *rule)
{
	char text[2 * FAMFS_UUID_SIZE + 5];
	size_t i, n = 0;

	for (i = 0; i < FAMFS_UUID_SIZE; i++)
		n += (size_t)sprintf(text + n, "%s%02x",
				     i == 4 || i == 6 || i == 8 || i == 10 ?
				     "-" : "", uuid[i]);
	return media_wrong_text(where, at, field, text, n, "%s", rule);
}

int media_wrong_extent(const struct media_where *where, uint32_t map_type,
		       unsigned int i, size_t at, uint64_t value,
		       const char *rule, ...)
{
	bool simple = map_type == FAMFS_MAP_SIMPLE;
	const char *member;
	char field[48];
	va_list args;

	if (!where->err)
		return -EUCLEAN;
	if (at == offsetof(struct famfs_extent, devindex))
		member = "devindex";
	else
		member = at == offsetof(struct famfs_extent, len) ? "len" :
								    "offset";
	snprintf(field, sizeof(field), "file.fmap.%s[%u].%s",
		 simple ? "extents" : "interleave.strips", i, member);
	at += i * sizeof(struct famfs_extent) +
	      (simple ? offsetof(struct famfs_entry, file.fmap.extents) :
			offsetof(struct famfs_entry, file.fmap.interleave.strips));
	va_start(args, rule);
	note(where, at, field, value, rule, args);
	va_end(args);
	return -EUCLEAN;
}

/* An empty path is a text, too. */
static bool is_text(const struct media_error *err)
{
	return err->text[0] || strstr(err->field, "path");
}

char *media_strerror(const struct media_error *err, char *buf, size_t size)
{
	char where[40], what[sizeof(err->text) + 2];

	if (err->region == MEDIA_SUPER)
		snprintf(where, sizeof(where), "superblock");
	else if (err->region == MEDIA_LOG_HEADER)
		snprintf(where, sizeof(where), "log header");
	else
		snprintf(where, sizeof(where), "log entry %" PRIu64, err->index);

	if (is_text(err))
		snprintf(what, sizeof(what), "\"%s\"", err->text);
	else
		snprintf(what, sizeof(what), "%" PRIu64 " (0x%" PRIx64 ")",
			 err->value, err->value);
	snprintf(buf, size, "%s, byte %" PRIu64 ": %s is %s, %s", where,
		 err->offset, err->field, what, err->rule);
	return buf;
}
