/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounting: what "fmapfs mount" and mount.fmapfs share. */
#ifndef FMAPFS_TOOL_MOUNT_PLAN_H
#define FMAPFS_TOOL_MOUNT_PLAN_H

#include <stdbool.h>

/* Exit codes of mount(8). */
enum {
	MOUNT_FINE = 0,
	MOUNT_USAGE = 1,	/* wrong command line, or not permitted */
	MOUNT_SYSTEM = 2,	/* no memory, no process, no fmapfsd */
	MOUNT_INTERNAL = 4,
	MOUNT_USER = 8,		/* interrupted */
	MOUNT_MTAB = 16,
	MOUNT_FAILED = 32,
	MOUNT_SOME = 64,
};

/**
 * struct mount_plan - what is to be done
 * @server: the command line of fmapfsd, NULL-terminated; owned, as are its strings
 * @source, @dir: of the command line that was read
 * @fake: only say whether it could be
 * @verbose: tell the command
 * @nofail: a pool that is not there is no error
 * @remount: there is a mount already, which gets @flags (MS_*)
 * @why: what is wrong with the command line
 */
struct mount_plan {
	char **server;
	const char *source;
	const char *dir;
	bool fake;
	bool verbose;
	bool nofail;
	bool remount;
	unsigned long flags;
	char why[256];
};

/**
 * mount_plan_make - translate a command line: a pure function
 * @argv: mount.fmapfs POOL DIR [-sfnv] [-t TYPE] [-o OPTION[,...]]; may be permuted
 * @plan: result; to be freed with mount_plan_free() in any case; refers to @argv
 *
 * Return: MOUNT_FINE, or MOUNT_USAGE with plan->why.
 */
int mount_plan_make(int argc, char **argv, struct mount_plan *plan);
void mount_plan_free(struct mount_plan *plan);

/**
 * mount_plan_run - do it; returns when the mount can be used
 * @who: "mount.fmapfs", for messages to stderr
 *
 * Return: exit code of mount(8).
 */
int mount_plan_run(const struct mount_plan *plan, const char *who);

/* mount_helper - main() of mount.fmapfs. Return: exit code */
int mount_helper(int argc, char **argv);

#endif /* FMAPFS_TOOL_MOUNT_PLAN_H */
