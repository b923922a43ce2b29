/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DAX devices: from what a person writes to what the kernel is told.
 *
 * Reads sysfs, libndctl and libdaxctl; changes nothing. Keeps no state and
 * prints nothing: thread-safe.
 */
#ifndef FMAPFS_DEVICES_H
#define FMAPFS_DEVICES_H

#include <stdint.h>

#define DEV_PATH_MAX	256	/* bytes with NUL: DAXDEV_NAME_MAX */
#define DEV_NAME_MAX	64
#define DEV_WHY_MAX	1024

/* How a device is named. */
enum dev_by {
	DEV_BY_PATH,		/* /dev/pmem0, /dev/dax0.0 or a link to it */
	DEV_BY_NAMESPACE,	/* uuid, as ndctl list shows it */
	DEV_BY_DAXDEV,		/* dax0.0, as daxctl list shows it */
};

enum dev_kind {
	DEV_PMEM,		/* a pmem block device or a partition of one */
	DEV_DEVDAX,		/* a DAX character device */
	DEV_PLAIN,		/* a block device without DAX, or a file */
};

/**
 * struct dev_spec - a device as a person names it
 * @by: how
 * @value: the path, uuid or name
 */
struct dev_spec {
	enum dev_by by;
	const char *value;
};

/*
 * For servers that read and write the device themselves: DEV_PLAIN will do
 * also, and so does a DAX character device under any driver.
 */
#define DEV_ALLOW_PLAIN	(1U << 0)

/**
 * struct dev_info - what there is to know about a device
 * @path: canonical path, such as /dev/pmem0
 * @name: the kernel's name of it, such as pmem0p1 or dax0.0
 * @kind: what it is
 * @size: bytes
 * @id: what tells it from others; two with the same @id share memory where
 *	their ranges @start to @start + @size meet
 * @start: bytes from the start of the whole device; not 0 for partitions only
 * @driver: DEV_DEVDAX: the driver that it is bound to, or empty
 * @mode: fsdax, devdax, famfs (devdax under fsdev_dax), raw, sector,
 *	system-ram, or empty if unknown
 * @nspace: the kernel's name of its namespace, such as namespace0.0, or empty
 * @uuid: the one of its namespace, or empty
 * @numa_node: or -1 if unknown
 * @why: on error: what is wrong and what to do; one or several lines
 */
struct dev_info {
	char path[DEV_PATH_MAX];
	char name[DEV_NAME_MAX];
	enum dev_kind kind;
	uint64_t size;
	uint64_t id;
	uint64_t start;
	char driver[DEV_NAME_MAX];
	char mode[16];
	char nspace[DEV_NAME_MAX];
	char uuid[37];
	int numa_node;
	char why[DEV_WHY_MAX];
};

/**
 * dev_resolve - find a device and say whether fmapfs can use it
 * @spec: how it is named
 * @flags: DEV_ALLOW_*
 * @out: result; on error only @out->why is certain to make sense
 *
 * Return: 0, or
 * -ENODEV: there is no such device, or it is disabled;
 * -ENOTUNIQ: several devices fit;
 * -EOPNOTSUPP: it is no DAX device, or its mode has no DAX;
 * -EBUSY: a DAX character device, bound to another driver;
 * -EINVAL: no uuid, no path, or one of more than DEV_PATH_MAX - 1 bytes;
 * or what the system calls said.
 */
int dev_resolve(const struct dev_spec *spec, unsigned int flags,
		struct dev_info *out);

/**
 * dev_list - all devices of persistent or CXL memory that this host has
 * @devs: result, to be freed: as dev_resolve() would have them. @why is empty if
 *	fmapfs can use the device as it is, else it says what to change
 * @count: result
 *
 * These are pmem block devices, their partitions, and DAX character devices under any
 * driver; each sort in the order of their names.
 *
 * Return: 0; -ENOMEM; or what libdaxctl said.
 */
int dev_list(struct dev_info **devs, unsigned int *count);

#endif /* FMAPFS_DEVICES_H */
