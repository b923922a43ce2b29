// SPDX-License-Identifier: GPL-2.0-only
/* What the library has to say. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pool_i.h"

void pool_say(const struct pool_log *log, int level, const char *fmt, ...)
{
	char line[POOL_LINE_MAX];
	va_list ap;

	if (!log || !log->line)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->line(log->ctx, level, line);
}

void pool_say_lines(const struct pool_log *log, int level, const char *prefix,
		    const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		pool_say(log, level, "%s%.*s", prefix, (int)len, text);
		text += len + !!text[len];
	}
}
