/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon has to say while it runs: to stderr, later to syslog. */
#ifndef FMAPFSD_LOG_H
#define FMAPFSD_LOG_H

#include <stdbool.h>
#include <syslog.h>

/**
 * log_level - the level of a name
 * @name: error, warning, info or debug
 *
 * Return: LOG_ERR and so on, or -1.
 */
int log_level(const char *name);

/**
 * log_open - say where messages go
 * @level: the least urgent that is wanted: LOG_ERR to LOG_DEBUG
 * @to_syslog: to syslog; else to stderr
 *
 * libfuse's own messages go the same way from then on.
 */
void log_open(int level, bool to_syslog);

/**
 * log_line - say something; thread-safe
 * @level: LOG_ERR to LOG_DEBUG
 * @fmt: one line, without a newline
 */
void log_line(int level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* FMAPFSD_LOG_H */
