// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices of a reach. The kernel takes no device's index back while the private
 * mount lives, so that one of which a device was removed is replaced by another, once
 * it has no windows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "reach.h"

/* A program that was killed, or udev, may have a lock for a moment yet. */
#define CLAIM_TRIES	25
#define CLAIM_PAUSE	20000		/* us */

int pool_reach_open(struct pool_reach **result, unsigned int flags,
		    const struct pool_log *log)
{
	struct pool_reach *reach = calloc(1, sizeof(*reach));

	if (!reach)
		return -ENOMEM;
	reach->log = log;
	reach->flags = flags;
	pthread_mutex_init(&reach->lock, NULL);
	*result = reach;
	return 0;
}

/* By lock, unless nobody else is left. */
static void unmount(struct pool_reach *reach)
{
	if (reach->priv)
		private_close(reach->priv);
	reach->priv = NULL;
	reach->stale = false;
	reach->next_kidx = 0;
}

static void close_device(struct reach_dev *dev)
{
	if (dev->used && dev->fd >= 0)
		close(dev->fd);
	dev->used = false;
}

void pool_reach_close(struct pool_reach *reach)
{
	unsigned int i;

	if (!reach)
		return;
	unmount(reach);
	for (i = 0; i < MEDIA_DEVICES_MAX; i++)
		close_device(&reach->devs[i]);
	pthread_mutex_destroy(&reach->lock);
	free(reach);
}

/* ------------------------------------------------------------------------
 * The private mount. By lock
 */

static void say_push(const struct pool_reach *reach, const struct reach_dev *dev,
		     int rc)
{
	if (rc == -EBUSY)
		pool_say(reach->log, LOG_ERR,
			 "%s is in use: it is mounted by another file system, it is the disk or a partition of what fmapfs uses already, or its driver is not fsdev_dax (\"fmapfs bind\" changes that)",
			 dev->path);
	else
		pool_say(reach->log, LOG_ERR,
			 "%s cannot be used by the module fmapfs: %s (the kernel's log says more)",
			 dev->path, strerror(-rc));
}

/* Return: fd, or -errno. */
static int open_path(const struct pool_reach *reach, const char *path)
{
	int flags = reach->flags & POOL_WRITE ? O_RDWR : O_RDONLY;
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		return fd;
	fd = -errno;
	pool_say(reach->log, LOG_ERR, "%s: %s", path, strerror(-fd));
	return fd;
}

/* Has a DAX device been replaced by another since it was added? */
static int check_number(const struct pool_reach *reach, struct reach_dev *dev, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!dev->used)
		dev->devt = st.st_rdev;
	if (dev->devt == st.st_rdev)
		return 0;
	pool_say(reach->log, LOG_ERR, "%s is another device meanwhile", dev->path);
	return -ENODEV;
}

static int push(struct pool_reach *reach, struct reach_dev *dev)
{
	int fd = open_path(reach, dev->path);
	int rc;

	if (fd < 0)
		return fd;
	rc = check_number(reach, dev, fd);
	if (!rc) {
		rc = reach->next_kidx < MEDIA_DEVICES_MAX ?
		     private_push(reach->priv, reach->next_kidx, fd) : -ENOSPC;
		if (rc)
			say_push(reach, dev, rc);
	}
	close(fd);
	if (!rc)
		dev->kidx = reach->next_kidx++;
	return rc;
}

static int push_all(struct pool_reach *reach)
{
	unsigned int i;
	int rc;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		struct reach_dev *dev = &reach->devs[i];

		if (!dev->used || dev->kind == DEV_PLAIN)
			continue;
		rc = push(reach, dev);
		if (rc)
			return rc;
	}
	return 0;
}

/* Gives up a mount that is of no use any more, if nobody uses it. */
static void tidy(struct pool_reach *reach)
{
	if (reach->priv && !reach->users &&
	    (reach->stale || private_is_dead(reach->priv)))
		unmount(reach);
}

/* Has a mount that has all devices. */
static int mount_all(struct pool_reach *reach)
{
	int rc;

	tidy(reach);
	if (reach->priv)
		return 0;
	rc = private_open(&reach->priv, reach->log);
	if (rc)
		return rc;
	rc = push_all(reach);
	if (rc)
		unmount(reach);
	return rc;
}

bool reach_has_dax(const struct pool_reach *reach)
{
	unsigned int i;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++)
		if (reach->devs[i].used && reach->devs[i].kind != DEV_PLAIN)
			return true;
	return false;
}

int reach_hold(struct pool_reach *reach)
{
	int rc = mount_all(reach);

	if (!rc)
		reach->users++;
	return rc;
}

void reach_put(struct pool_reach *reach)
{
	reach->users--;
	tidy(reach);
}

/* ------------------------------------------------------------------------
 * Adding and removing
 */

/* Does it lie on memory that another of them lies on? */
static bool is_there_already(const struct pool_reach *reach,
			     const struct dev_info *info)
{
	unsigned int i;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		const struct reach_dev *dev = &reach->devs[i];

		if (dev->used && dev->id == info->id &&
		    dev->start < info->start + info->size &&
		    info->start < dev->start + dev->size)
			return true;
	}
	return false;
}

/* What is wrong with it before the kernel is asked? */
static int check_device(const struct pool_reach *reach, unsigned int index,
			const struct dev_info *info)
{
	if (index >= MEDIA_DEVICES_MAX || !info->size)
		return -EINVAL;
	if (reach->devs[index].used)
		return -EEXIST;
	if (is_there_already(reach, info)) {
		pool_say(reach->log, LOG_ERR,
			 "%s is, or overlaps, another device of the pool",
			 info->path);
		return -EEXIST;
	}
	if (info->kind != DEV_PLAIN || reach->flags & POOL_PLAIN)
		return 0;
	pool_say(reach->log, LOG_ERR, "%s is no DAX device", info->path);
	return -EOPNOTSUPP;
}

/* The lock is that of the open file: it ends when the last one closes it. */
static int claim(const struct pool_reach *reach, const struct reach_dev *dev)
{
	int tries = CLAIM_TRIES, rc;

	do
		rc = flock(dev->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	while ((rc == -EWOULDBLOCK || rc == -EINTR) && --tries &&
	       !usleep(CLAIM_PAUSE));
	if (rc != -EWOULDBLOCK)
		return rc;
	pool_say(reach->log, LOG_ERR,
		 "%s is in use by another program: it is mounted by its master, or being written over",
		 dev->path);
	return -EBUSY;
}

static int open_plain(const struct pool_reach *reach, struct reach_dev *dev)
{
	int rc;

	dev->fd = open_path(reach, dev->path);
	if (dev->fd < 0)
		return dev->fd;
	rc = reach->flags & POOL_ALONE ? claim(reach, dev) : 0;
	if (rc)
		close(dev->fd);
	return rc;
}

int reach_claim(struct pool_reach *reach, unsigned int index)
{
	const struct reach_dev *dev = &reach->devs[index];
	int rc = 0;

	pthread_mutex_lock(&reach->lock);
	if (dev->used && dev->kind == DEV_PLAIN)
		rc = claim(reach, dev);
	pthread_mutex_unlock(&reach->lock);
	return rc;
}

static int add_locked(struct pool_reach *reach, unsigned int index,
		      const struct dev_info *info)
{
	struct reach_dev *dev = &reach->devs[index];
	int rc = check_device(reach, index, info);

	/* A new mount gets those that are there; this one is not yet. */
	if (!rc && info->kind != DEV_PLAIN)
		rc = mount_all(reach);
	if (rc)
		return rc;
	*dev = (struct reach_dev) {
		.kind = info->kind,
		.size = info->size,
		.id = info->id,
		.start = info->start,
	};
	strcpy(dev->path, info->path);
	if (dev->kind == DEV_PLAIN) {
		rc = open_plain(reach, dev);
	} else {
		dev->fd = -1;
		rc = push(reach, dev);
	}
	dev->used = !rc;
	return rc;
}

int pool_reach_add(struct pool_reach *reach, unsigned int index,
		   const struct dev_info *dev)
{
	int rc;

	pthread_mutex_lock(&reach->lock);
	rc = add_locked(reach, index, dev);
	pthread_mutex_unlock(&reach->lock);
	return rc;
}

void pool_reach_remove(struct pool_reach *reach, unsigned int index)
{
	struct reach_dev *dev;

	if (index >= MEDIA_DEVICES_MAX)
		return;
	dev = &reach->devs[index];
	pthread_mutex_lock(&reach->lock);
	if (dev->used) {
		close_device(dev);
		if (dev->kind != DEV_PLAIN)
			reach->stale = true;
		tidy(reach);
	}
	pthread_mutex_unlock(&reach->lock);
}
