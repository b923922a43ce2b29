/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is no device yet. spare.c */
#ifndef FMAPFS_TOOL_SPARE_H
#define FMAPFS_TOOL_SPARE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct spare - memory that nothing is made of, or that is switched off
 * @name: as the kernel has it: region0, namespace0.1, mem0
 * @what: in words
 * @size: bytes
 * @numa_node: or -1
 * @todo: a command that makes a device of it, and perhaps a remark
 */
struct spare {
	char name[64];
	char what[64];
	uint64_t size;
	int numa_node;
	char todo[192];
};

/**
 * spare_list - all of it on this host
 * @spares: result, to be freed
 *
 * Return: how many. What libndctl, libdaxctl or sysfs do not tell is left out.
 */
size_t spare_list(struct spare **spares);

#endif /* FMAPFS_TOOL_SPARE_H */
