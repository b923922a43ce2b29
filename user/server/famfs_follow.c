// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log while it grows. What is wrong with it is said once; what came before
 * stays served, and each look begins where the last one has stopped.
 */
#include <errno.h>
#include <string.h>

#include <uuid/uuid.h>

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

static void say_once(struct layout *l, int rc, const struct media_error *err)
{
	char text[MEDIA_ERROR_MAX];

	pool_strerror(rc, err, text, sizeof(text));
	if (!strcmp(text, l->last_wrong))
		return;
	memcpy(l->last_wrong, text, sizeof(text));
	log_line(LOG_ERR, "%s: the log cannot be followed: %s: the %llu entries before stay, and it is tried again",
		 l->args.source, text,
		 (unsigned long long)media_fs_next(l->fs));
}

/* Guarded by the lock, exclusively. */
static void say_gone(struct layout *l, const struct media_super *now)
{
	char is[37], was[37];

	uuid_unparse_lower(now->fs_uuid, is);
	uuid_unparse_lower(l->pool->sb.fs_uuid, was);
	log_line(LOG_ERR, "the pool on %s is another now (uuid %s, was %s): unmount it",
		 l->args.source, is, was);
}

/*
 * Guarded by the lock, exclusively. What another host has made there is not to be
 * taken for entries of this log, nor written over. That mkfs takes the superblock
 * away first, and only then touches the log.
 */
static int check_super(struct layout *l, struct media_error *err)
{
	struct media_super now;
	int rc;

	if (l->gone)
		return -ESTALE;
	rc = pool_super(l->pool, &now, err);
	if (rc || !memcmp(now.fs_uuid, l->pool->sb.fs_uuid, sizeof(now.fs_uuid)))
		return rc;
	l->gone = true;
	say_gone(l, &now);
	return -ESTALE;
}

/* Was an entry added, or written over that is from here? */
static bool is_foreign(struct layout *l)
{
	struct famfs_entry entry;
	struct media_head head;

	if (pool_log_head(l->pool, &head, NULL))
		return false;
	if (head.next > l->appended)
		return true;
	return l->last &&
	       !pool_log_entry(l->pool, l->appended - 1, &entry, NULL) &&
	       entry.crc != l->last;
}

/*
 * Guarded by the lock, exclusively. Nothing but a second master adds to the log of a
 * master: the space that one gives to a file the other may have given already.
 */
static void look_for_other_master(struct layout *l)
{
	if (!l->master || l->split || !is_foreign(l))
		return;
	l->split = true;
	log_line(LOG_ERR, "%s: another host adds to the log, too, as if it were the master (was a machine cloned, with its system uuid?): nothing is added here any more, until one of them has another uuid and this one has unmounted",
		 l->args.source);
}

/*
 * Guarded by the lock, exclusively: replays what is new. Return: 0; -ESTALE: the pool
 * is gone; or why the log cannot be followed. That was logged.
 */
static int catch_up(struct layout *l)
{
	struct media_error err = { 0 };
	int rc = check_super(l, &err);

	if (rc == -ESTALE)
		return rc;
	if (!rc) {
		rc = pool_replay(l->pool, l->fs, &err);
		look_for_other_master(l);
	}
	if (rc)
		say_once(l, rc, &err);
	else
		l->last_wrong[0] = '\0';
	return rc;
}

/**
 * famfs_may_add - take up what is new in the log, before something is added to it
 * @l: the layout; its lock is held exclusively
 *
 * Return: 0; -EIO: no, and why was logged; -ENOMEM.
 */
int famfs_may_add(struct layout *l)
{
	int rc = catch_up(l);

	if (!rc && l->split)
		return -EIO;
	return rc && rc != -ENOMEM ? -EIO : rc;
}

/* Takes as long as it takes: without the lock. */
static void find_device(struct layout *l, unsigned int i,
			const struct media_device *device, bool missed)
{
	uint64_t bit = 1ULL << i;
	int rc;

	famfs_muted = missed;
	rc = pool_add_device(l->pool, i, device);
	famfs_muted = false;
	pthread_rwlock_wrlock(&l->lock);
	if (rc) {
		l->missed |= bit;
	} else {
		l->wanted &= ~bit;
		l->missed &= ~bit;
		l->ready |= bit;
	}
	pthread_rwlock_unlock(&l->lock);
	if (!rc)
		log_line(LOG_INFO, "%s: device %u %s: %s", l->args.source, i,
			 missed ? "is there now" : "was added",
			 l->pool->devs[i].path);
	else if (!missed)
		log_line(LOG_ERR, "%s: device %u was added, and is not to be found (%s): files on it are EIO until it is",
			 l->args.source, i, strerror(-rc));
}

/**
 * famfs_find_devices - look for devices that the log has added
 * @l: the layout; without its lock, for this may take a while
 *
 * One that is not there may be plugged in later. In famfs_follow() only, so by one
 * thread.
 */
void famfs_find_devices(struct layout *l)
{
	struct media_device device;
	bool wanted, missed;
	unsigned int i;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		pthread_rwlock_rdlock(&l->lock);
		wanted = l->wanted & 1ULL << i;
		missed = l->missed & 1ULL << i;
		if (wanted)
			device = *media_fs_device(l->fs, i);
		pthread_rwlock_unlock(&l->lock);
		if (wanted)
			find_device(l, i, &device, missed);
	}
}

/* Is there nothing new, and nothing wrong? Asked without disturbing anybody. */
static bool is_unchanged(struct layout *l)
{
	struct media_super now;
	struct media_head head;
	uint64_t known;
	bool gone;

	pthread_rwlock_rdlock(&l->lock);
	known = media_fs_next(l->fs);
	gone = l->gone;
	pthread_rwlock_unlock(&l->lock);
	return gone ||
	       (!pool_super(l->pool, &now, NULL) &&
		!memcmp(now.fs_uuid, l->pool->sb.fs_uuid, sizeof(now.fs_uuid)) &&
		!pool_log_head(l->pool, &head, NULL) &&
		head.next == known);
}

/* famfs_follow - look at the log once */
void famfs_follow(struct layout *l)
{
	bool wanted;

	if (!is_unchanged(l)) {
		pthread_rwlock_wrlock(&l->lock);
		catch_up(l);
		pthread_rwlock_unlock(&l->lock);
	}
	pthread_rwlock_rdlock(&l->lock);
	wanted = l->wanted && !l->gone;
	pthread_rwlock_unlock(&l->lock);
	if (wanted)
		famfs_find_devices(l);
}
