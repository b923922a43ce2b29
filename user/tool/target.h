/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that are to be written over: mkfs and add look at them closely first.
 *
 *   targets_resolve    names → devices, none twice
 *   targets_look       nobody has them; what lies on block devices
 *   targets_check      no file has their memory; what lies on DAX devices; --force
 *   targets_wipe       with --force: have them hold nothing that anybody knows
 */
#ifndef FMAPFS_TOOL_TARGET_H
#define FMAPFS_TOOL_TARGET_H

#include "tool.h"

/**
 * struct target - a device
 * @name: as it was written
 * @dev: resolved
 * @found: what lies on it, in words; to be freed; NULL: nothing known
 */
struct target {
	const char *name;
	struct dev_info dev;
	char *found;
};

/* tool_resolve - a path, daxX.Y, or a namespace's uuid. Says what is wrong: false. */
bool tool_resolve(const char *name, bool image, struct dev_info *dev);

/**
 * targets_resolve - find devices
 * @names: @n of them
 * @image: files and block devices without DAX will do
 * @others: devices that these must not overlap with, @nothers; elements whose size is 0
 *	do not count
 *
 * Return: false: something is wrong, and was said. @targets are to be freed with
 * targets_free() in any case.
 */
bool targets_resolve(struct target *targets, char **names, unsigned int n,
		     bool image, const struct dev_info *others,
		     unsigned int nothers);
void targets_free(struct target *targets, unsigned int n);

/**
 * targets_look - is it certain that nobody on this host has them?
 *
 * To be asked before a reach has them: the module holds its devices exclusively. Return:
 * false: somebody has one, or it cannot be looked at, and it was said who or why.
 */
bool targets_look(struct target *targets, unsigned int n);

/**
 * targets_check - may they be written over?
 * @reach: has them, at their index and @first
 * @force: what lies on them is no reason against it; that they are in use is
 *
 * Return: false: no, and it was said why, and what to do.
 */
bool targets_check(struct target *targets, unsigned int n,
		   struct pool_reach *reach, unsigned int first, bool force);

/* target_describe - for the library: size, name, a new uuid */
void target_describe(const struct target *target, struct media_mkfs_dev *to);

/**
 * targets_guard - call a function that touches windows, which may be of bad memory
 * @fn, @ctx: as for guard_run(), but that @fn itself does not return -EIO
 * @supers: windows of the superblocks of @targets, @n of each
 * @other: what else it touches is of this device
 *
 * Return: what @fn returns; -EIO: bad memory, which was told.
 */
int targets_guard(int (*fn)(void *ctx), void *ctx, const struct target *targets,
		  unsigned int n, const struct pool_window *supers,
		  const char *other);

/**
 * targets_wipe - remove from those that hold something what others might take for theirs
 * @supers: their superblock regions, mapped
 *
 * To be called when nothing can go wrong any more. Primary superblocks of famfs go
 * first, by their magic: killed in between there is no pool that lacks a device.
 */
bool targets_wipe(const struct target *targets, unsigned int n,
		  const struct pool_window *supers);

/*
 * target_settle - have it on the device, and the kernel and others see what lies there
 * now. Return: false: it cannot be written back, which was said.
 */
bool target_settle(const struct target *target);

/* In signature.c */

/**
 * signature_find - what is known to lie on a device
 * @fd: of it, a copy of its start, or an image
 * @super: its first bytes
 * @len: of @super
 *
 * Return: words, to be freed; NULL: nothing.
 */
char *signature_find(int fd, const void *super, size_t len);

/* signature_wipe - remove what libblkid knows. 0 or -errno */
int signature_wipe(int fd);

#endif /* FMAPFS_TOOL_TARGET_H */
