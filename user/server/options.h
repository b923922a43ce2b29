/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of fmapfsd. */
#ifndef FMAPFSD_OPTIONS_H
#define FMAPFSD_OPTIONS_H

#include <stdbool.h>

#include "layout.h"

/* Exit codes. */
enum {
	EXIT_FINE = 0,		/* served and unmounted, or nothing wrong */
	EXIT_WRONG = 1,		/* not mounted, or mistakes in the layout */
	EXIT_USAGE = 2,		/* wrong command line */
	EXIT_BROKE = 3,		/* mounted, but ended by an error */
};

/**
 * struct options - what the command line says
 * @source, @mountpoint: the operands
 * @mount_options: those of all -o, separated by commas, to be freed; or NULL
 * @ops: the kind of layout
 * @level: LOG_ERR to LOG_DEBUG
 * @threads: at most so many serve
 * @timeout: seconds
 * @pool: for layouts that are pools; @pool_option: the first one of these that was
 *	given, or NULL
 * @devices: those of @pool, to be freed
 */
struct options {
	const char *source;
	const char *mountpoint;
	char *mount_options;
	const struct layout_ops *ops;
	int level;
	unsigned int threads;
	double timeout;
	bool foreground;
	bool check;
	bool no_devices;
	bool no_fmap;
	bool plain_fuse;
	bool push;
	bool private;
	bool takeover;
	struct layout_pool_args pool;
	const char *pool_option;
	const char **devices;
	unsigned int ndevices;
};

/**
 * options_parse - read the command line
 * @opt: result
 *
 * Return: -1: go on; else exit with that code, everything is said.
 */
int options_parse(int argc, char **argv, struct options *opt);

/* options_free - what the command line has taken */
void options_free(struct options *opt);

#endif /* FMAPFSD_OPTIONS_H */
