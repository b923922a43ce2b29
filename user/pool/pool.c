// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools: from a name to windows on superblock and log, and to all the devices that
 * the log tells of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <uuid/uuid.h>

#include "reach.h"

/**
 * struct pool_impl - what a pool knows beside what its user sees
 * @pool: what he sees
 * @names: of devices to look at first, up to NULL; may be NULL
 * @others: those of them that are in nobody's use, with their superblocks
 * @nothers: how many
 * @seen: devices that there were last; @nseen: how many; @seen_no: how often others
 * @looked: by index: @seen_no when all devices were looked through for it
 * @again: when that is to be done again though there are no others; CLOCK_MONOTONIC
 */
struct pool_impl {
	struct pool pool;
	char **names;
	struct pool_found *others;
	unsigned int nothers;
	struct dev_info *seen;
	unsigned int nseen;
	unsigned int seen_no;
	unsigned int looked[MEDIA_DEVICES_MAX];
	time_t again[MEDIA_DEVICES_MAX];
};

/*
 * To look at a device is to have it exclusively for a moment: that must not be done all
 * the time while one is missing. Seconds.
 */
#define SCAN_AGAIN	30

static struct pool_impl *impl_of(struct pool *pool)
{
	return (struct pool_impl *)pool;
}

static const char *uuid_text(const uint8_t uuid[16], char text[37])
{
	uuid_unparse_lower(uuid, text);
	return text;
}

/* ------------------------------------------------------------------------
 * Superblock and log
 */

/* What pool_super() or pool_log_head() did not like. */
static int say_media(struct pool *pool, int rc, const struct media_error *err)
{
	const char *path = pool->devs[0].path;
	char text[MEDIA_ERROR_MAX];

	if (rc == -ENODATA) {
		pool_say(pool->msgs, LOG_ERR,
			 "%s holds no pool: there is no superblock (\"fmapfs mkfs\" makes one)",
			 path);
		return rc;
	}
	pool_say(pool->msgs, LOG_ERR, "%s: %s", path,
		 pool_strerror(rc, err, text, sizeof(text)));
	if (rc == -EOPNOTSUPP)
		pool_say(pool->msgs, LOG_ERR,
			 "it is of another version of famfs; versions %d and %d are known",
			 FAMFS_VERSION_47, FAMFS_VERSION_48);
	else if (rc != -EIO)
		pool_say(pool->msgs, LOG_ERR,
			 "the pool is damaged; \"fmapfs fsck\" tells what else is wrong");
	return rc;
}

static int say_secondary(struct pool *pool)
{
	char text[37];

	pool_say(pool->msgs, LOG_ERR,
		 "%s is a secondary device of the pool %s: name its primary device, or the pool by that uuid",
		 pool->devs[0].path, uuid_text(pool->sb.fs_uuid, text));
	return -EINVAL;
}

static int open_super(struct pool *pool)
{
	struct media_error err = { 0 };
	int rc;

	if (pool->devs[0].size < FAMFS_SUPER_SIZE)
		return say_media(pool, -ENODATA, &err);
	rc = pool_window_range(pool->reach, 0, 0, FAMFS_SUPER_SIZE, &pool->super);
	if (rc)
		return rc;
	rc = pool_super(pool, &pool->sb, &err);
	if (rc)
		return say_media(pool, rc, &err);
	/* Media of famfs have no flags. */
	if (pool->sb.flags & FAMFS_SUPER_SECONDARY)
		return say_secondary(pool);
	return 0;
}

static int open_log(struct pool *pool, struct media_head *head)
{
	struct media_error err = { 0 };
	int rc;

	rc = pool_window_range(pool->reach, 0, pool->sb.log_offset,
			       pool->sb.log_len, &pool->log);
	if (rc)
		return rc;
	pool->media_log = (struct media_log) {
		.mem = pool->log.mem,
		.offset = pool->sb.log_offset,
		.len = pool->log.len,
		.version = pool->sb.version,
	};
	rc = pool_log_head(pool, head, &err);
	return rc ? say_media(pool, rc, &err) : 0;
}

/* ------------------------------------------------------------------------
 * Further devices
 */

static bool is_in_use(const struct pool *pool, const char *path)
{
	unsigned int i;

	for (i = 0; i < pool->ndevs; i++)
		if (pool->devs[i].size && !strcmp(pool->devs[i].path, path))
			return true;
	return false;
}

static void look_at(struct pool_impl *impl, const char *name)
{
	struct pool_found *found = &impl->others[impl->nothers];
	const struct pool_log *msgs = impl->pool.msgs;
	char text[MEDIA_ERROR_MAX];
	struct media_error err;
	int rc;

	rc = pool_resolve(name, impl->pool.flags, msgs, &found->dev);
	/* To name one again that is in use does no harm. */
	if (rc || is_in_use(&impl->pool, found->dev.path))
		return;
	rc = pool_look(&found->dev, impl->pool.flags, msgs, &found->sb, &err);
	if (!rc)
		impl->nothers++;
	else if (rc == -ENODATA)
		pool_say(msgs, LOG_WARNING, "%s is of no pool", found->dev.path);
	else if (err.field[0] || rc == -EIO)
		pool_say(msgs, LOG_WARNING, "%s: %s", found->dev.path,
			 pool_strerror(rc, &err, text, sizeof(text)));
}

/* Those that were named, as they are now. */
static void look_at_others(struct pool_impl *impl)
{
	char **name;

	impl->nothers = 0;
	for (name = impl->names; name && *name; name++)
		look_at(impl, *name);
}

static int name_others(struct pool_impl *impl, const char *const *names)
{
	unsigned int i, n = 0;

	while (names && names[n])
		n++;
	impl->names = calloc(n + 1, sizeof(*impl->names));
	impl->others = calloc(n + 1, sizeof(*impl->others));
	if (!impl->names || !impl->others)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		impl->names[i] = strdup(names[i]);
		if (!impl->names[i])
			return -ENOMEM;
	}
	return 0;
}

static void free_others(struct pool_impl *impl)
{
	char **name;

	for (name = impl->names; name && *name; name++)
		free(*name);
	free(impl->names);
	free(impl->others);
	free(impl->seen);
}

/* Is it the one? Tells why not, if it is nearly. */
static bool fits(const struct pool *pool, const struct pool_found *found,
		 const struct media_device *device)
{
	const char *path = found->dev.path;
	char text[37];

	if (memcmp(found->sb.dev_uuid, device->uuid, FAMFS_UUID_SIZE))
		return false;
	if (memcmp(found->sb.fs_uuid, pool->sb.fs_uuid, FAMFS_UUID_SIZE)) {
		pool_say(pool->msgs, LOG_WARNING,
			 "%s has the right uuid, but is of another pool, %s", path,
			 uuid_text(found->sb.fs_uuid, text));
		return false;
	}
	if (!(found->sb.flags & FAMFS_SUPER_SECONDARY)) {
		pool_say(pool->msgs, LOG_WARNING,
			 "%s has the right uuid, but is no secondary device", path);
		return false;
	}
	if (found->dev.size >= device->size)
		return true;
	pool_say(pool->msgs, LOG_ERR,
		 "%s has %llu bytes; the pool's log says that it has %llu: it was made smaller",
		 path, (unsigned long long)found->dev.size,
		 (unsigned long long)device->size);
	return false;
}

static const struct pool_found *pick(const struct pool *pool,
				     const struct pool_found *found,
				     unsigned int count,
				     const struct media_device *device)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (fits(pool, &found[i], device))
			return &found[i];
	return NULL;
}

/* What has been found on all devices, which are looked at when first needed. */
struct scan {
	struct pool_found *found;
	unsigned int count;
	bool done;
};

/* Return: 0: @dev is it; -ENODEV; or what keeps the devices from being looked at. */
static int find_device(struct pool *pool, const struct media_device *device,
		       struct scan *scan, struct dev_info *dev)
{
	const struct pool_impl *impl = impl_of(pool);
	const struct pool_found *found;

	found = pick(pool, impl->others, impl->nothers, device);
	/* Image files are on no list. */
	if (!found && pool->devs[0].kind != DEV_PLAIN) {
		if (!scan->done) {
			int rc = pool_scan(&scan->found, &scan->count, pool->msgs);

			if (rc)
				return rc;
			scan->done = true;
		}
		found = pick(pool, scan->found, scan->count, device);
	}
	if (!found)
		return -ENODEV;
	*dev = found->dev;
	return 0;
}

static void say_missing(struct pool *pool, unsigned int index,
			const struct media_device *device, int level)
{
	char text[37];

	pool_say(pool->msgs, level,
		 "device %u of the pool, with the uuid %s and %llu bytes, is not there%s", index,
		 uuid_text(device->uuid, text), (unsigned long long)device->size,
		 pool->devs[0].kind == DEV_PLAIN ? ": name its image file, too" :
		 ": is it plugged in, its namespace enabled, its driver fsdev_dax (\"fmapfs devices\")?");
}

static int add_device(struct pool *pool, unsigned int index,
		      const struct media_device *device, struct scan *scan)
{
	struct dev_info dev;
	int rc;

	if (!index || index >= MEDIA_DEVICES_MAX)
		return -EINVAL;
	if (pool->devs[index].size)
		return 0;
	rc = find_device(pool, device, scan, &dev);
	if (!rc)
		rc = pool_reach_add(pool->reach, index, &dev);
	if (rc)
		return rc;
	pool->devs[index] = dev;
	if (pool->ndevs <= index)
		pool->ndevs = index + 1;
	return 0;
}

static bool are_same(const struct dev_info *a, const struct dev_info *b,
		     unsigned int count)
{
	for (; count--; a++, b++)
		if (strcmp(a->path, b->path) || strcmp(a->why, b->why) ||
		    a->id != b->id || a->start != b->start || a->size != b->size)
			return false;
	return true;
}

/* Which devices are there now? */
static int see_devices(struct pool_impl *impl)
{
	struct dev_info *devs;
	unsigned int count;
	int rc = pool_list_devices(&devs, &count);

	if (rc)
		return rc;
	if (!impl->seen || impl->nseen != count ||
	    !are_same(impl->seen, devs, count))
		impl->seen_no++;
	free(impl->seen);
	impl->seen = devs;
	impl->nseen = count;
	return 0;
}

/* Was anything plugged in since all were looked through for this one, or is it long ago? */
static bool is_scan_due(struct pool_impl *impl, unsigned int index)
{
	struct timespec now;

	if (impl->pool.devs[0].kind == DEV_PLAIN || index >= MEDIA_DEVICES_MAX ||
	    see_devices(impl))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (impl->looked[index] == impl->seen_no && now.tv_sec < impl->again[index])
		return false;
	impl->looked[index] = impl->seen_no;
	impl->again[index] = now.tv_sec + SCAN_AGAIN;
	return true;
}

int pool_add_device(struct pool *pool, unsigned int index,
		    const struct media_device *device)
{
	struct scan scan = { .done = !is_scan_due(impl_of(pool), index) };
	int rc;

	look_at_others(impl_of(pool));
	rc = add_device(pool, index, device, &scan);

	free(scan.found);
	if (rc == -ENODEV)
		say_missing(pool, index, device, LOG_ERR);
	return rc;
}

static int add_of_entry(struct pool *pool, const struct famfs_add_daxdev *add,
			bool missing_ok, struct scan *scan)
{
	struct media_device device = { .present = true, .size = add->size };
	int rc;

	memcpy(device.uuid, add->uuid, sizeof(device.uuid));
	if (pool->ndevs <= add->index && add->index < MEDIA_DEVICES_MAX)
		pool->ndevs = add->index + 1;
	rc = add_device(pool, add->index, &device, scan);
	if (rc == -ENODEV)
		say_missing(pool, add->index, &device,
			    missing_ok ? LOG_WARNING : LOG_ERR);
	return rc == -ENODEV && missing_ok ? 0 : rc;
}

/* What is wrong with the log otherwise, who replays it will tell. */
static int add_devices(struct pool *pool, const struct media_head *head,
		       bool missing_ok)
{
	struct scan scan = { 0 };
	struct famfs_entry entry;
	uint64_t i;
	int rc = 0;

	if (pool->sb.version < FAMFS_VERSION_48)
		return 0;
	for (i = 0; !rc; i++) {
		i = pool_next_daxdev(pool, i, head);
		if (i >= head->next || pool_log_entry(pool, i, &entry, NULL))
			break;
		if (entry.type == FAMFS_ENTRY_ADD_DAXDEV)
			rc = add_of_entry(pool, &entry.add_daxdev, missing_ok,
					  &scan);
	}
	free(scan.found);
	return rc;
}

/* ------------------------------------------------------------------------
 * Opening and closing
 */

static int open_all(struct pool_impl *impl, const struct pool_args *args)
{
	struct pool *pool = &impl->pool;
	struct media_head head;
	int rc;

	rc = pool_resolve(args->name, args->flags, pool->msgs, &pool->devs[0]);
	if (!rc)
		rc = pool_reach_open(&pool->reach, args->flags, pool->msgs);
	if (!rc)
		rc = pool_reach_add(pool->reach, 0, &pool->devs[0]);
	if (rc)
		return rc;
	pool->ndevs = 1;
	rc = open_super(pool);
	if (!rc)
		rc = open_log(pool, &head);
	if (!rc)
		rc = name_others(impl, args->others);
	if (rc)
		return rc;
	look_at_others(impl);
	return add_devices(pool, &head, args->missing_ok);
}

int pool_open(struct pool **result, const struct pool_args *args,
	      const struct pool_log *log)
{
	struct pool_impl *impl = calloc(1, sizeof(*impl));
	int rc;

	if (!impl)
		return -ENOMEM;
	impl->pool.msgs = log;
	impl->pool.flags = args->flags;
	rc = open_all(impl, args);
	if (rc) {
		pool_close(&impl->pool);
		return rc;
	}
	*result = &impl->pool;
	return 0;
}

int pool_claim(struct pool *pool)
{
	return reach_claim(pool->reach, 0);
}

void pool_close(struct pool *pool)
{
	if (!pool)
		return;
	if (pool->reach) {
		pool_window_close(pool->reach, &pool->log);
		pool_window_close(pool->reach, &pool->super);
	}
	pool_reach_close(pool->reach);
	free_others(impl_of(pool));
	free(impl_of(pool));
}
