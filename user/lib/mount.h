/* SPDX-License-Identifier: GPL-2.0-only */
/* What libfusefmap and fmapfs-run know of mounting, without libfuse. */
#ifndef FUSEFMAP_MOUNT_H
#define FUSEFMAP_MOUNT_H

#include <stdbool.h>
#include <sys/mount.h>

#define FMAPFS_DEV	"/dev/fmapfs"
#define FMAPFS_TYPE	"fmapfs"

/* Flags of a mount that nothing is said about, as with libfuse. */
#define MOUNT_FLAGS	(MS_NOSUID | MS_NODEV)

/**
 * fmapfs_mount_flag - understand an option that is a flag of mount(2)
 * @flags: MS_*; changed
 * @option: such as "ro"
 *
 * Return: is it one?
 */
bool fmapfs_mount_flag(unsigned long *flags, const char *option);

/**
 * fmapfs_device_open - open FMAPFS_DEV
 *
 * Return: the fd, never 0 to 2: whoever prints to stderr must not write to the
 * device. Or -errno.
 */
int fmapfs_device_open(void);

/* Does that error of fmapfs_device_open() mean that the module is not loaded? */
bool fmapfs_device_is_missing(int error);

#endif /* FUSEFMAP_MOUNT_H */
