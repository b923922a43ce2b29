/* SPDX-License-Identifier: GPL-2.0-only */
/* Who uses a device on this host. users.c */
#ifndef FMAPFS_TOOL_USERS_H
#define FMAPFS_TOOL_USERS_H

#include "../devices/devices.h"

/**
 * device_user - the mount that uses a device
 *
 * One of fmapfs that has opened it (only root sees that), or a file system on it.
 * Return: words, to be freed; NULL: none is seen.
 */
char *device_user(const struct dev_info *dev);

/* device_opener - a process that has it open or mapped: words, to be freed; or NULL */
char *device_opener(const struct dev_info *dev);

#endif /* FMAPFS_TOOL_USERS_H */
