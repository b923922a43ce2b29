/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of commands_files.c, each in its cmd_*.c. */
#ifndef FMAPFS_TOOL_COMMANDS_FILES_H
#define FMAPFS_TOOL_COMMANDS_FILES_H

#include "tool.h"

extern const struct command cmd_create;
extern const struct command cmd_cp;
extern const struct command cmd_mkdir;
extern const struct command cmd_ls;
extern const struct command cmd_fmap;
extern const struct command cmd_map;
extern const struct command cmd_df;
extern const struct command cmd_fsck;
extern const struct command cmd_flush;
extern const struct command cmd_logplay;
extern const struct command cmd_verify;

#endif /* FMAPFS_TOOL_COMMANDS_FILES_H */
