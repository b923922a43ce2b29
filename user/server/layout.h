/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A layout: what there is to be served. Names and attributes, the fmaps of
 * files, and the devices that these speak of.
 */
#ifndef FMAPFSD_LAYOUT_H
#define FMAPFSD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "../devices/devices.h"

struct fuse_fmap;

/* Private to the layout. */
struct layout;

/**
 * struct layout_args - what a layout is loaded from
 * @source: the operand of the command line
 * @any_device: devices will do that are not DAX (struct layout_args is for a
 *	server that reads and writes them itself)
 * @no_devices: take devices as given, of any size: for a check only
 */
struct layout_args {
	const char *source;
	bool any_device;
	bool no_devices;
};

/**
 * struct layout_counts - what a layout holds, for people
 */
struct layout_counts {
	uint64_t files;
	uint64_t directories;
	unsigned int devices;
};

/**
 * struct layout_ops - a kind of layout
 *
 * Node ids are stable: a node has the same one after a restart, and as long as it
 * stays in the layout, and no other node ever gets it. The root is 1. Any number
 * may be asked for; what is no node, or no more, is -ESTALE.
 * Operations return 0 or -errno and may be called from several threads at once,
 * but for @load and @destroy. Pointers they return are good until @destroy.
 */
struct layout_ops {
	/** @name: for --layout; @help: what its operand is */
	const char *name;
	const char *help;

	/**
	 * @load: make a layout, or write to @err all that is wrong with it and
	 * return NULL
	 */
	struct layout *(*load)(const struct layout_args *args, FILE *err);
	void (*destroy)(struct layout *layout);
	void (*count)(struct layout *layout, struct layout_counts *counts);
	/** @digest: another number if there is anything else in the layout */
	uint64_t (*digest)(struct layout *layout);

	/** @getattr: st_ino is the node id */
	int (*getattr)(struct layout *layout, uint64_t ino, struct stat *st);
	/**
	 * @setattr: change what the layout allows to be changed
	 * @to_set: FUSE_SET_ATTR_* of libfuse; @attr: the new values
	 * @st: result: all attributes
	 */
	int (*setattr)(struct layout *layout, uint64_t ino,
		       const struct stat *attr, int to_set, struct stat *st);

	/** @lookup: the entry @name of a directory */
	int (*lookup)(struct layout *layout, uint64_t dir, const char *name,
		      struct stat *st);
	/**
	 * @entry: the entry number @pos of a directory, counted from 0
	 * @name: result
	 */
	int (*entry)(struct layout *layout, uint64_t dir, uint64_t pos,
		     struct stat *st, const char **name);
	/** @parent: of a directory; the root's is the root */
	int (*parent)(struct layout *layout, uint64_t dir, uint64_t *parent);

	/** @fmap: the map of a file; -EOPNOTSUPP: it has none */
	int (*fmap)(struct layout *layout, uint64_t ino,
		    const struct fuse_fmap **fmap);
	/** @host: the fd of the host's file that a file without fmap shows */
	int (*host)(struct layout *layout, uint64_t ino, int *fd);
	/** @device: what a device index means; -ENODEV */
	int (*device)(struct layout *layout, unsigned int index,
		      const struct dev_info **device);
	/** @statfs: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files */
	void (*statfs)(struct layout *layout, struct statvfs *st);
};

extern const struct layout_ops static_layout_ops;

#endif /* FMAPFSD_LAYOUT_H */
