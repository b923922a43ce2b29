/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices that windows are made of. Between reach.c and window.c. */
#ifndef FMAPFS_REACH_H
#define FMAPFS_REACH_H

#include <pthread.h>
#include <sys/types.h>

#include "pool_i.h"

/**
 * struct reach_dev - a device
 * @used: there is one
 * @kind: DEV_PLAIN is mapped as it is
 * @path: for people
 * @size: bytes
 * @id, @start: as in struct dev_info
 * @fd: DEV_PLAIN: open; owned. A DAX device is not kept open: some drivers cannot be
 *	bound again while it is
 * @devt: its number; another device may get its path
 * @kidx: its index at the kernel's
 */
struct reach_dev {
	bool used;
	enum dev_kind kind;
	char path[DEV_PATH_MAX];
	uint64_t size;
	uint64_t id;
	uint64_t start;
	int fd;
	dev_t devt;
	unsigned int kidx;
};

/**
 * struct pool_reach - devices, and the private mount that shows them
 * @lock: guards all but @log and @flags
 * @priv: the private mount; NULL: none is needed yet, or it was given up
 * @users: windows of it that are open, or being opened
 * @stale: it has devices that were removed: it goes with its last user
 * @next_kidx: the kernel's index of the next device; it takes none back
 */
struct pool_reach {
	const struct pool_log *log;
	unsigned int flags;
	pthread_mutex_t lock;
	struct private *priv;
	unsigned int users;
	bool stale;
	unsigned int next_kidx;
	struct reach_dev devs[MEDIA_DEVICES_MAX];
};

/* reach_has_dax - are some devices reached by the private mount? By lock */
bool reach_has_dax(const struct pool_reach *reach);

/* reach_claim - lock a device that is mapped as it is. 0; -EBUSY, and it was said */
int reach_claim(struct pool_reach *reach, unsigned int index);

/*
 * reach_hold - the private mount, for a window; to be given back with reach_put().
 * By lock. Return: 0 or -errno.
 */
int reach_hold(struct pool_reach *reach);
void reach_put(struct pool_reach *reach);

#endif /* FMAPFS_REACH_H */
