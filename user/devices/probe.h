/* SPDX-License-Identifier: GPL-2.0-only */
/* Where dev_resolve() has its facts from. Private to the library. */
#ifndef FMAPFS_PROBE_H
#define FMAPFS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices.h"

enum sys_type {
	SYS_BLOCK,
	SYS_DAX,
	SYS_FILE,
	SYS_OTHER,
};

/**
 * struct sys_dev - a device node (or file) as the kernel shows it
 * @type: what it is
 * @path: canonical
 * @name: in sysfs, such as pmem0p1
 * @disk: SYS_BLOCK: name of the whole disk, such as pmem0
 * @driver: SYS_DAX: the driver bound to it, or empty
 * @size: bytes
 * @start: SYS_BLOCK: bytes from the start of the whole disk
 * @id: number of the whole disk, of the character device, or of the inode
 * @dax: SYS_BLOCK: the block device has DAX
 * @numa_node: or -1
 */
struct sys_dev {
	enum sys_type type;
	char path[DEV_PATH_MAX];
	char name[DEV_NAME_MAX];
	char disk[DEV_NAME_MAX];
	char driver[DEV_NAME_MAX];
	uint64_t size;
	uint64_t start;
	uint64_t id;
	bool dax;
	int numa_node;
};

/**
 * struct nd_item - a namespace as libndctl shows it
 * @name: such as namespace0.0
 * @uuid: of what lies in it (as in ndctl list), and
 * @raw_uuid: of the namespace itself; either may be empty
 * @mode: fsdax, devdax, sector, raw or empty
 * @nodes: names of its block or DAX character devices; none if it is disabled
 * @nnodes: entries of @nodes; @more: there are others
 * @numa_node: or -1
 */
struct nd_item {
	char name[DEV_NAME_MAX];
	char uuid[37];
	char raw_uuid[37];
	char mode[16];
	char nodes[4][DEV_NAME_MAX];
	unsigned int nnodes;
	bool more;
	int numa_node;
};

/* A DAX character device as libdaxctl shows it; @size in bytes. */
struct dax_item {
	char name[DEV_NAME_MAX];
	uint64_t size;
};

/* In sys.c. -errno; the path is taken as it is, relative ones included. */
int sys_probe(const char *path, struct sys_dev *out);
bool sys_has_dax_driver(const char *driver);

/* In nd.c and dax.c: everything there is, to be freed. 0 or -errno. */
int nd_list(struct nd_item **items, size_t *count);
int dax_list(struct dax_item **items, size_t *count);

#endif /* FMAPFS_PROBE_H */
