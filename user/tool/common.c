// SPDX-License-Identifier: GPL-2.0-only
/* Messages, numbers, JSON: what all commands need. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <uuid/uuid.h>

#include "text.h"
#include "tool.h"

bool tool_json;
const char *tool_command = "";

static void message(const char *fmt, va_list ap)
{
	/* In order, should both be the same terminal. */
	fflush(stdout);
	fprintf(stderr, "fmapfs %s: ", tool_command);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void tool_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

void tool_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

void tool_say(const char *fmt, ...)
{
	va_list ap;

	if (tool_json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void log_line(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level <= LOG_NOTICE)
		tool_error("%s", text);
}

const struct pool_log tool_log = { .line = log_line };

bool tool_size(const char *what, const char *text, uint64_t *size)
{
	if (!size_parse(text, size))
		return true;
	tool_error("%s: '%s' is no size; write 4096, 64K, 8M, 2G or 1T", what, text);
	return false;
}

bool tool_number(const char *what, const char *text, uint64_t min, uint64_t max,
		 uint64_t *value)
{
	uint64_t n;

	if (!number_parse(text, 10, max, &n) && n >= min) {
		*value = n;
		return true;
	}
	tool_error("%s: '%s' is no number from %llu to %llu", what, text,
		   (unsigned long long)min, (unsigned long long)max);
	return false;
}

char *tool_human(uint64_t size, char buf[TOOL_HUMAN_MAX])
{
	static const char units[] = "BKMGTPE";
	double value = size;
	unsigned int unit = 0;

	while (value >= 1023.5 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(buf, TOOL_HUMAN_MAX, "%u", (unsigned int)size);
	else
		snprintf(buf, TOOL_HUMAN_MAX, "%.*f%c",
			 value < 9.95 && value != (unsigned int)value, value,
			 units[unit]);
	return buf;
}

char *tool_uuid(const uint8_t uuid[16], char buf[37])
{
	buf[0] = '\0';
	if (!uuid_is_null(uuid))
		uuid_unparse_lower(uuid, buf);
	return buf;
}

static void *must(void *ptr)
{
	if (ptr)
		return ptr;
	fputs("fmapfs: out of memory\n", stderr);
	exit(TOOL_FAILED);
}

int tool_print_json(struct json_object *value)
{
	const char *text = must((void *)json_object_to_json_string_ext(value,
						JSON_C_TO_STRING_PRETTY |
						JSON_C_TO_STRING_NOSLASHESCAPE));
	int rc = puts(text);

	json_object_put(value);
	return rc < 0 ? TOOL_FAILED : TOOL_FINE;
}

/* Controls of ASCII are left to json-c, which has a way to write them. */
static struct json_object *new_string(const char *text)
{
	char *copy = tool_alloc(4 * strlen(text) + 1, 1);
	struct json_object *value;
	size_t n = 0, len;

	for (; *text; text += len ? len : 1) {
		len = (unsigned char)*text < ' ' ? 1 : text_utf8(text);
		if (len)
			memcpy(copy + n, text, len);
		else
			snprintf(copy + n, 5, "\\%03o", (unsigned char)*text);
		n += len ? len : 4;
	}
	value = must(json_object_new_string(copy));
	free(copy);
	return value;
}

void tool_json_text(struct json_object *obj, const char *key, const char *text)
{
	json_object_object_add(obj, key, text && *text ? new_string(text) : NULL);
}

void tool_json_u64(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, must(json_object_new_uint64(value)));
}

void tool_json_bool(struct json_object *obj, const char *key, bool value)
{
	json_object_object_add(obj, key, must(json_object_new_boolean(value)));
}

void *tool_alloc(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

char *tool_text(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : text);
}
