// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log while it grows. What is wrong with it is said once; what came before
 * stays served, and each look begins where the last one has stopped.
 */
#include <errno.h>
#include <string.h>

#include "famfs.h"
#include "log.h"

/* Guarded by the lock. */
static void new_node(void *ctx, const struct media_node *node)
{
	struct layout *l = ctx;

	if (l->teller.running && !l->quiet)
		tell_name(l, node->parent, node->name);
}

static void new_device(void *ctx, unsigned int dev,
		       const struct media_device *device)
{
	struct layout *l = ctx;

	(void)device;
	l->wanted |= 1ULL << dev;
}

const struct media_fs_ops famfs_news = {
	.node = new_node,
	.device = new_device,
};

/* @err is empty if it is not the medium's fault. */
static void say_once(struct layout *l, int rc, const struct media_error *err)
{
	char text[MEDIA_ERROR_MAX];

	if (rc == -EUCLEAN)
		media_strerror(err, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s", strerror(-rc));
	if (!strcmp(text, l->last_wrong))
		return;
	memcpy(l->last_wrong, text, sizeof(text));
	log_line(LOG_ERR, "%s: the log cannot be followed: %s: the %llu entries before stay, and it is tried again",
		 l->args.source, text,
		 (unsigned long long)media_fs_next(l->fs));
}

/**
 * famfs_catch_up - replay what is new
 * @l: the layout; its lock is held exclusively
 *
 * Return: as media_fs_replay(); what is wrong was logged.
 */
int famfs_catch_up(struct layout *l)
{
	struct media_error err = { 0 };
	int rc = media_fs_replay(l->fs, &l->pool->media_log, &err);

	if (rc)
		say_once(l, rc, &err);
	else
		l->last_wrong[0] = '\0';
	return rc;
}

/**
 * famfs_find_devices - look for devices that the log has added
 * @l: the layout; without its lock, for this may take a while
 *
 * In famfs_follow() only, so by one thread.
 */
void famfs_find_devices(struct layout *l)
{
	struct media_device device;
	unsigned int i;
	int rc;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		pthread_rwlock_rdlock(&l->lock);
		rc = l->wanted & 1ULL << i ? 0 : -ENOENT;
		if (!rc)
			device = *media_fs_device(l->fs, i);
		pthread_rwlock_unlock(&l->lock);
		if (rc)
			continue;
		rc = pool_add_device(l->pool, i, &device);
		pthread_rwlock_wrlock(&l->lock);
		l->wanted &= ~(1ULL << i);
		if (!rc)
			l->ready |= 1ULL << i;
		pthread_rwlock_unlock(&l->lock);
		if (rc)
			log_line(LOG_ERR, "%s: device %u was added, and is not to be found (%s): files on it are EIO",
				 l->args.source, i, strerror(-rc));
		else
			log_line(LOG_INFO, "%s: device %u was added: %s",
				 l->args.source, i, l->pool->devs[i].path);
	}
}

/* famfs_follow - look at the log once; nobody is disturbed if there is nothing */
void famfs_follow(struct layout *l)
{
	struct media_error err = { 0 };
	struct media_head head = { 0 };
	uint64_t known;
	bool wanted;
	int rc = media_log_head(&l->pool->media_log, &head, &err);

	pthread_rwlock_rdlock(&l->lock);
	known = media_fs_next(l->fs);
	wanted = l->wanted;
	pthread_rwlock_unlock(&l->lock);
	if (!rc && head.next == known && !wanted)
		return;
	pthread_rwlock_wrlock(&l->lock);
	if (rc)
		say_once(l, rc, &err);
	else
		famfs_catch_up(l);
	wanted = l->wanted;
	pthread_rwlock_unlock(&l->lock);
	if (wanted)
		famfs_find_devices(l);
}
