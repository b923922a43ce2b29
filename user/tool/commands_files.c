// SPDX-License-Identifier: GPL-2.0-only
/* Commands for files, and for what lies where. */
#include "commands_files.h"

const struct command *const commands_files[] = {
	&cmd_create,
	&cmd_cp,
	&cmd_mkdir,
	&cmd_ls,
	&cmd_fmap,
	&cmd_map,
	&cmd_df,
	&cmd_fsck,
	&cmd_flush,
	&cmd_verify,
	&cmd_logplay,
	NULL
};
