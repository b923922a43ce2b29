// SPDX-License-Identifier: GPL-2.0-only
/* What the daemon has to say while it runs. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <fuse_log.h>

#include "log.h"

static atomic_int max_level = LOG_INFO;
static atomic_bool use_syslog;

static const struct {
	const char *name;
	int level;
} levels[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

int log_level(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(levels[i].name, name))
			return levels[i].level;
	return -1;
}

static void put(int level, const char *fmt, va_list ap)
{
	char line[1024];
	size_t len;

	if (level > max_level)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	/* libfuse ends its lines itself. */
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		line[len - 1] = '\0';
	if (use_syslog)
		syslog(level, "%s", line);
	else
		fprintf(stderr, "fmapfsd: %s\n", line);
}

/* The levels of libfuse are those of syslog. */
static void put_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	put(level, fmt, ap);
}

void log_open(int level, bool to_syslog)
{
	max_level = level;
	if (to_syslog && !use_syslog)
		openlog("fmapfsd", LOG_PID, LOG_DAEMON);
	use_syslog = to_syslog;
	fuse_set_log_func(put_fuse);
}

void log_line(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(level, fmt, ap);
	va_end(ap);
}
