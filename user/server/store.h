/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What outlives the server: its device fd, and what a successor has to know, in
 * a file in memory (memfd_create(2)). The service manager keeps both in its fd
 * store (sd_notify(3), FDSTORE=1) and hands them to the successor
 * (sd_listen_fds(3)). While the device fd is open somewhere the mount lives on:
 * whoever needs the server waits.
 *
 * Whatever the moment at which a server is killed, the fd store holds what the
 * next one needs: the state goes into the memfd before the kernel has the reply
 * to INIT, and is marked as complete last.
 */
#ifndef FMAPFSD_STORE_H
#define FMAPFSD_STORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fusefmap.h>

#include "layout.h"

/**
 * struct saved - what is in the memfd
 * @magic: SAVED_MAGIC
 * @digest: of the layout that the kernel knows; 0: it may have learned of
 *	several, and was not told to forget them
 * @plain_fuse: the device is that of the kernel's own fuse
 * @ndevices: how many of @devices there are
 * @init_size: bytes of @init; 0: INIT was not answered yet
 * @mount_dev: device number of the mount, which no other has while the device fd
 *	is open; 0: not known
 * @mountpoint: where it is mounted
 * @devices: what the kernel may have been told that device indices mean
 * @init: for fuse_fmap_session_resume()
 */
struct saved {
	uint64_t magic;
	uint64_t digest;
	uint32_t plain_fuse;
	uint32_t ndevices;
	uint64_t init_size;
	uint64_t mount_dev;
	char mountpoint[PATH_MAX];
	struct {
		uint64_t id;
		char path[DEV_PATH_MAX];
	} devices[FUSE_FAMFS_MAX_DAXDEVS];
	uint8_t init[FUSE_FMAP_STATE_MAX];
};

/**
 * struct store - this server's end of the fd store
 * @keep: things are to be kept for a successor
 * @dev: device fd of a predecessor, or -1; owned until it is taken
 * @state: the memfd, or -1; owned
 * @saved: what is in it
 */
struct store {
	bool keep;
	int dev;
	int state;
	struct saved saved;
};

/**
 * store_open - see what the service manager has handed over
 * @s: result; closed by store_close(). @dev is -1 if there is nothing to be taken
 *	over, also if what there was has been unmounted since.
 * @keep: whether things are to be kept for a successor
 */
void store_open(struct store *s, bool keep);
void store_close(struct store *s);

/**
 * store_refusal - may what was handed over be gone on with?
 * @s: the store, with a @dev
 * @ops, @layout: what would be served
 * @mountpoint: where
 * @plain_fuse: by the kernel's own fuse
 *
 * Return: NULL, or why not.
 */
const char *store_refusal(const struct store *s, const struct layout_ops *ops,
			  struct layout *layout, const char *mountpoint,
			  bool plain_fuse);

/**
 * store_is_mounted - is what was handed over still what its mount point shows?
 * @s: the store, with a @dev
 */
bool store_is_mounted(const struct store *s);

/**
 * store_begin - keep a device fd that has just been mounted, or taken over
 * @s: the store
 * @ops, @layout: what is served
 * @mountpoint, @plain_fuse: as for store_refusal()
 * @dev: the device fd
 *
 * Does nothing if nothing is to be kept. What goes wrong is logged.
 */
void store_begin(struct store *s, const struct layout_ops *ops,
		 struct layout *layout, const char *mountpoint, bool plain_fuse,
		 int dev);

/* The kernel knows of no other layout any more; after store_begin(). */
void store_refreshed(struct store *s, const struct layout_ops *ops,
		     struct layout *layout);

/* For the save operation of the session. */
void store_init(struct store *s, const void *state, size_t size);

/* Nothing is to be taken over any more; from any thread. */
void store_forget(struct store *s);

/* "READY=1", "STATUS=..." and so on, to the service manager, if there is one. */
void store_tell(const char *what);

#endif /* FMAPFSD_STORE_H */
