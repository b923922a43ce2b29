/* SPDX-License-Identifier: GPL-2.0 */
/* DAX devices that are taken from their drivers and given back, by sysfs. */
#ifndef SELFTESTS_REMOVABLE_H
#define SELFTESTS_REMOVABLE_H

#include "env.h"

/* A device, and what is unbound to take it away: it, or what it is part of. */
struct removable {
	const struct daxdev *dev;
	char driver[128];	/* a directory of sysfs */
	char name[64];		/* what that driver calls it */
};

/* Each fills in all of it: the driver of the device's own... */
void removable_device(struct removable *r, const struct daxdev *dev);
/* ...of its nvdimm region, of the bus of all nvdimms. */
void removable_region(struct removable *r, const struct daxdev *dev);
void removable_bus(struct removable *r, const struct daxdev *dev);

bool is_bound(const struct removable *r);
void take_away(const struct removable *r);
/* The device's node is there again, and who lets files use it has it. */
void give_back(const struct removable *r);

/* A block device, /dev/pmemN; or a character device, /dev/daxN.M. */
bool is_block(const struct daxdev *dev);
/* Of a character device: any driver. */
bool has_driver(const struct daxdev *dev);
/* Is it there, as files can use it? */
bool is_usable(const struct daxdev *dev);
/* Makes it so, after whatever else has had it. */
void make_usable(const struct daxdev *dev);

/* The name of the part of the device's path in sysfs that begins like this. */
void sysfs_parent(const struct daxdev *dev, const char *begin, char *name,
		  size_t size);
void sysfs_put(const char *dir, const char *file, const char *text);
/* Runs a tool; its status. What it says goes to the log. */
int command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * For each device, devdax excepted, with its own driver; in a process of its own.
 * The device is there again afterwards.
 */
void with_each_device(void (*fn)(const struct removable *r));

#endif /* SELFTESTS_REMOVABLE_H */
