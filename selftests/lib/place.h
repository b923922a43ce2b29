/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where "fmapfsd --takeover" is tested: a directory with a layout, a file of the
 * host, and a mount point; and a service manager.
 */
#ifndef SELFTESTS_PLACE_H
#define SELFTESTS_PLACE_H

#include <stdbool.h>

#include "env.h"
#include "keeper.h"

/* What the file "host" says, which each layout has. */
#define HOST_TEXT	"from the host, by READ"

/**
 * struct place - what a test works with
 * @m: the mount, for sysfs; no server of its own
 * @argv: what the server is started with
 */
struct place {
	struct keeper k;
	struct mnt m;
	char dir[64];
	char layout[96];
	char host[96];
	char *argv[16];
};

/* @files: lines of the layout's "files", beside "host" */
struct place *place_new(const char *files);
void place_write_layout(const struct place *p, const char *files);
/* The first server; names and attributes are asked for each time. */
void place_start(struct place *p, const char *option, const char *value);
/* The next one. */
void place_again(struct place *p);
/* Ends the server, in good order, and frees the place. */
void place_end(struct place *p);
bool place_is_mounted(const struct place *p);
/* A path below the mount point; of the last eight calls. */
const char *place_at(const struct place *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* For task_start(), with the place: reads "host". Return: 0 or -errno. */
int place_read_host(void *arg);
void write_text(const char *path, const char *text);

#endif /* SELFTESTS_PLACE_H */
