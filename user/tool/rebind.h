/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing the driver of a DAX device: the order of steps, and the way back. rebind.c */
#ifndef FMAPFS_TOOL_REBIND_H
#define FMAPFS_TOOL_REBIND_H

#include <stdbool.h>
#include <stddef.h>

#define DRIVER_FSDEV	"fsdev_dax"
#define DRIVER_DEVDAX	"device_dax"
#define DRIVER_KMEM	"kmem"

/**
 * struct rebind_ops - the steps, each 0 or -errno; a driver "" is none
 * @driver: the one that has the device, to @name
 * @load: have that driver there
 * @record: note, before the first step that changes anything, what driver it has; may be
 *	NULL. If it cannot be noted, nothing is done
 * @offline: take the device's memory, which the system uses (kmem), from it
 * @online: the reverse
 * @unbind: from its driver
 * @bind: to a driver; the device has none
 */
struct rebind_ops {
	int (*driver)(void *ctx, char *name, size_t size);
	int (*load)(void *ctx, const char *driver);
	int (*record)(void *ctx, const char *driver);
	int (*offline)(void *ctx);
	int (*online)(void *ctx);
	int (*unbind)(void *ctx, const char *driver);
	int (*bind)(void *ctx, const char *driver);
};

/* Where it failed. */
enum rebind_step {
	REBIND_NONE,
	REBIND_LOOK,
	REBIND_LOAD,
	REBIND_RECORD,
	REBIND_OFFLINE,
	REBIND_UNBIND,
	REBIND_BIND,
	REBIND_CHECK,	/* bound, the kernel says, and is not */
};

/**
 * struct rebind - what happened
 * @from: the driver that it had
 * @step: where it failed
 * @undo_rc: 0: everything is as it was; else what kept it from being so
 */
struct rebind {
	char from[64];
	enum rebind_step step;
	int undo_rc;
};

/**
 * rebind - give a device another driver
 * @to: the driver; "": none
 * @out: what happened
 *
 * What was done is undone in reverse if a step fails.
 *
 * Return: 0 (also if it has that driver already), or of the step that failed.
 */
int rebind(const struct rebind_ops *ops, void *ctx, const char *to,
	   struct rebind *out);

/**
 * rebind_may_return - may a device be given back to "what it was bound to before"?
 * @driver: that it has now; "": none
 * @recorded: it is known what it was bound to
 *
 * Only what bind has taken, or has begun to take, is given back: any other driver, kmem
 * say, has the device by somebody else's wish.
 */
bool rebind_may_return(const char *driver, bool recorded);

#endif /* FMAPFS_TOOL_REBIND_H */
