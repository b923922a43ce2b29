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
struct fuse_fmap_session;

/* Private to the layout. */
struct layout;

/* Node ids with this bit are of files that are not in the layout yet. */
#define LAYOUT_PROVISIONAL	(1ULL << 62)

/* Who may write to the data of new files. */
enum layout_writers {
	WRITERS_ALL,		/* all hosts */
	WRITERS_MASTER,		/* the master */
	WRITERS_NONE,		/* nobody */
};

/**
 * struct layout_pool_args - what there is to be said of a pool
 * @poll: seconds between two looks at its log
 * @system_uuid: file that says by what this host is known; NULL: as famfs has it
 * @staging: directory for what is written and not in the pool yet; NULL: memory
 * @strips: of new files; 0 or 1: not interleaved
 * @chunk: bytes, of new files; 0: the allocation unit
 * @writers: of new files
 * @devices: where to look for devices first; NULL-terminated, or NULL
 * @degraded: go on without devices that are not there
 * @client: never be the master
 */
struct layout_pool_args {
	double poll;
	const char *system_uuid;
	const char *staging;
	unsigned int strips;
	uint64_t chunk;
	enum layout_writers writers;
	const char *const *devices;
	bool degraded;
	bool client;
};

/**
 * struct layout_args - what a layout is loaded from
 * @source: the operand of the command line
 * @any_device: devices will do that are not DAX (struct layout_args is for a
 *	server that reads and writes them itself)
 * @no_devices: take devices as given, of any size: for a check only
 * @check: only to be looked at, not to be served
 * @pool: for layouts that are pools
 */
struct layout_args {
	const char *source;
	bool any_device;
	bool no_devices;
	bool check;
	struct layout_pool_args pool;
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
 * struct layout_new - what is to be made
 * @dir: node id of the directory; @name: in it
 * @mode: permissions, of which the umask was taken; @uid, @gid: whose
 */
struct layout_new {
	uint64_t dir;
	const char *name;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* What a layout may have no word for; see @refuse of struct layout_ops. */
enum layout_refusal {
	REFUSE_RMDIR,
	REFUSE_LINK,
	REFUSE_SYMLINK,
	REFUSE_MKNOD,
};

/**
 * struct layout_ops - a kind of layout
 *
 * Node ids are stable: a node has the same one after a restart, and as long as it
 * stays in the layout, and no other node ever gets it. The root is 1. Any number
 * may be asked for; what is no node, or no more, is -ESTALE. Those with
 * LAYOUT_PROVISIONAL end with the server.
 * Operations return 0 or -errno and may be called from several threads at once,
 * but for @load, @prepare, @start, @stop and @destroy. Pointers they return are
 * good until @destroy.
 */
struct layout_ops {
	/** @name: for --layout; @help: what its operand is */
	const char *name;
	const char *help;
	/** @is_pool: struct layout_pool_args is for it */
	bool is_pool;

	/**
	 * @load: make a layout, or write to @err all that is wrong with it and
	 * return NULL
	 */
	struct layout *(*load)(const struct layout_args *args, FILE *err);
	void (*destroy)(struct layout *layout);
	/**
	 * @prepare: what is left of loading for the process that serves, or
	 * checks: what it maps does not survive fork(2). What is wrong is logged.
	 * May be NULL.
	 */
	int (*prepare)(struct layout *layout);
	/**
	 * @start: the session is up, and is to be told of what changes
	 * @taken: the kernel knows what a predecessor has told it
	 * May be NULL; so may @stop, after which the session is not used.
	 */
	int (*start)(struct layout *layout, struct fuse_fmap_session *session,
		     bool taken);
	/**
	 * @stop: the loop has ended, and nothing is asked any more
	 * @free_us: called if that takes long, for a thread may wait, in the
	 *	kernel, for who waits for the server
	 */
	void (*stop)(struct layout *layout, void (*free_us)(void *arg),
		     void *arg);
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
	/**
	 * @seek: the first position from @pos on at which there is an entry;
	 * UINT64_MAX: none. NULL: there are no gaps.
	 */
	uint64_t (*seek)(struct layout *layout, uint64_t dir, uint64_t pos);
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

	/*
	 * What follows may be NULL: a layout without it is not changed by its
	 * users (EROFS), and its data are read and written by the server.
	 */

	/**
	 * @open: a file is opened; @flags: of open(2)
	 * @direct: result: the kernel is to keep no data of it
	 */
	int (*open)(struct layout *layout, uint64_t ino, int flags,
		    bool *direct);
	/** @release: what @open or @create has opened, with these flags */
	void (*release)(struct layout *layout, uint64_t ino, int flags);
	/** @read: data without an fmap. Return: bytes, less at the end */
	int64_t (*read)(struct layout *layout, uint64_t ino, char *buf,
			size_t size, uint64_t off);
	/** @write: the same. Return: bytes */
	int64_t (*write)(struct layout *layout, uint64_t ino, const char *buf,
			 size_t size, uint64_t off, int flags);
	/** @flush: close(2) is to say what is wrong */
	int (*flush)(struct layout *layout, uint64_t ino, int flags);
	int (*fsync)(struct layout *layout, uint64_t ino, int flags);
	/** @fallocate: as fallocate(2) */
	int (*fallocate)(struct layout *layout, uint64_t ino, int mode,
			 uint64_t off, uint64_t len);

	/** @mkdir: make a directory */
	int (*mkdir)(struct layout *layout, const struct layout_new *new,
		     struct stat *st);
	/** @create: make a file, and open it */
	int (*create)(struct layout *layout, const struct layout_new *new,
		      int flags, struct stat *st);
	int (*unlink)(struct layout *layout, uint64_t dir, const char *name);
	/** @rename: @flags as of renameat2(2) */
	int (*rename)(struct layout *layout, uint64_t dir, const char *name,
		      uint64_t newdir, const char *newname, unsigned int flags);
	/** @refuse: the error for what there is no operation for */
	int (*refuse)(struct layout *layout, enum layout_refusal what,
		      uint64_t dir, const char *name);
	/**
	 * @forget: the kernel has forgotten @count of the answers of @lookup and
	 * @create that named this node, or did not get them
	 */
	void (*forget)(struct layout *layout, uint64_t ino, uint64_t count);

	int (*setxattr)(struct layout *layout, uint64_t ino, const char *name,
			const char *value, size_t size, int flags);
	/** @getxattr: Return: bytes; @size 0: how many there are; -ERANGE */
	ssize_t (*getxattr)(struct layout *layout, uint64_t ino,
			    const char *name, char *value, size_t size);
	/** @listxattr: likewise, names each with a NUL */
	ssize_t (*listxattr)(struct layout *layout, uint64_t ino, char *list,
			     size_t size);
};

extern const struct layout_ops static_layout_ops;
extern const struct layout_ops famfs_layout_ops;

#endif /* FMAPFSD_LAYOUT_H */
