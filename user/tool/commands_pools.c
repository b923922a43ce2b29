// SPDX-License-Identifier: GPL-2.0-only
/* Commands for devices, pools and mounts. */
#include "commands.h"

const struct command *const commands_pools[] = {
	&cmd_devices,
	&cmd_bind,
	&cmd_unbind,
	&cmd_mkfs,
	&cmd_add,
	&cmd_mount,
	&cmd_umount,
	&cmd_status,
	NULL
};
