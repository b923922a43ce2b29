/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounting for a program that is given /dev/fd/N as its mount point. */
#ifndef FMAPFS_RUN_FD_H
#define FMAPFS_RUN_FD_H

#include <stdbool.h>

/* Exit codes, as those of env(1). */
enum {
	RUN_FAILED = 125,
	RUN_NOT_EXECUTED = 126,
	RUN_NOT_FOUND = 127,
	RUN_SIGNAL = 128,
};

/**
 * struct fd_mount - what is to be mounted
 * @dir: where
 * @flags: MS_*
 * @options: for the file system, each with a comma before it; owned, or NULL
 * @fsname: source of the mount, or NULL; owned
 * @subtype: or NULL; owned
 * @fmap: offer fmaps
 */
struct fd_mount {
	const char *dir;
	unsigned long flags;
	char *options;
	char *fsname;
	char *subtype;
	bool fmap;
};

/* Adds the options of one -o. Return: 0, or -1 and errno. */
int fd_options(struct fd_mount *m, const char *options);

/**
 * fd_run - mount, run the command, unmount when nobody serves any more
 * @command: its arguments; those that are @m->dir become /dev/fd/N
 * @m: the mount
 * @fd: /dev/fmapfs; closed by the call
 *
 * Return: exit code.
 */
int fd_run(char **command, const struct fd_mount *m, int fd);

/* In run.c: becomes the command. Return: exit code, if it cannot. */
int run_command(char **command);

#endif /* FMAPFS_RUN_FD_H */
