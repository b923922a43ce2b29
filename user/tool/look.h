/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands share that look at a pool (source.h), and those that write files. */
#ifndef FMAPFS_TOOL_LOOK_H
#define FMAPFS_TOOL_LOOK_H

#include "source.h"
#include "tool.h"

/* ------------------------------------------------------------------------
 * Looking at a pool. look.c
 */

/**
 * struct look - which pool, by the options of a command
 * @args: for source_open()
 * @others: of --device, for @args
 */
struct look {
	struct source_args args;
	const char *others[MEDIA_DEVICES_MAX + 1];
	unsigned int nothers;
};

/* In the command's short options, long options, and help. */
#define LOOK_SHORTS	"d:"
#define LOOK_IMAGE	(TOOL_OPT + 100)
#define LOOK_LONGS \
	{ "image", no_argument, NULL, LOOK_IMAGE }, \
	{ "device", required_argument, NULL, 'd' }
#define LOOK_HELP \
	"  POOL is a mount point or any path in a mount, or, if it is not mounted here, its\n" \
	"  primary device (/dev/pmem0, dax0.0), the uuid of a namespace, or that of the pool.\n" \
	"      --image          POOL is an image file\n" \
	"  -d, --device DEV     look at this device (or image), too, for others of the pool\n"

/* look_option - was it one of these? */
bool look_option(struct look *look, int c, const char *value);

/**
 * look_open - open a pool whose superblock and log header are right
 * @source: result, to be given to look_close()
 *
 * Return: false: it cannot be, which was told.
 */
bool look_open(struct look *look, const char *name, struct source *source);

/**
 * look_close - say if the replay has stopped, and free
 * @code: so far
 *
 * Return: @code; or TOOL_FAILED if it has stopped: what was shown is not all.
 */
int look_close(struct source *source, int code);

/* look_json - uuid, where, and what stopped the replay: members "pool", "mount", ... */
void look_json(const struct source *source, struct json_object *obj);

/* look_node - @path of a pool, relative; "" is what source_open() was given. Or NULL */
const struct media_node *look_node(const struct source *source, const char *path);

/* ------------------------------------------------------------------------
 * Files of a mounted pool. write.c
 */

/**
 * pool_dir - the mount of a pool that a path is in, or would be
 * Return: where it is mounted, to be freed; NULL: in none.
 */
char *pool_dir(const char *path);

/* pool_is_meta - is this directory what the server has beside a pool's files? */
bool pool_is_meta(const char *path);

/**
 * pool_error - say that something cannot be done in a pool, why, and what to do
 * @path: with what
 * @what: "create" for example
 * @error: errno
 * @size: bytes that were wanted, or 0
 */
void pool_error(const char *path, const char *what, int error, uint64_t size);

/* ------------------------------------------------------------------------
 * Progress. progress.c
 */

/**
 * struct progress - a bar on a terminal, from the second second on
 * @total: bytes in all
 * @start: CLOCK_MONOTONIC, ns
 * @shown: there is one
 */
struct progress {
	uint64_t total;
	uint64_t start;
	bool shown;
};

void progress_start(struct progress *progress, uint64_t total);
/* progress_show - @more: "12 of 40 files", or "" */
void progress_show(struct progress *progress, uint64_t done, const char *more);
/* progress_clear - take it away: before a message, and at the end */
void progress_clear(struct progress *progress);
/* progress_seconds - since the start */
double progress_seconds(const struct progress *progress);

#endif /* FMAPFS_TOOL_LOOK_H */
