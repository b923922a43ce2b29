/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of commands_pools.c, each in its cmd_*.c. */
#ifndef FMAPFS_TOOL_COMMANDS_H
#define FMAPFS_TOOL_COMMANDS_H

#include "tool.h"

extern const struct command cmd_devices;
extern const struct command cmd_bind;
extern const struct command cmd_unbind;
extern const struct command cmd_mkfs;
extern const struct command cmd_add;
extern const struct command cmd_mount;
extern const struct command cmd_umount;
extern const struct command cmd_status;

#endif /* FMAPFS_TOOL_COMMANDS_H */
