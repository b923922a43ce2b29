// SPDX-License-Identifier: GPL-2.0-only
/* Finding devices: by how a person names them, and by what lies on them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "pool_i.h"

/* Bytes that the superblock lies in; those after it may be a file's meanwhile. */
static uint64_t look_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

int pool_look(const struct dev_info *dev, unsigned int flags,
	      const struct pool_log *log, struct media_super *sb,
	      struct media_error *err)
{
	struct pool_window window;
	struct pool_reach *reach;
	int rc;

	*err = (struct media_error) { 0 };
	/* Smaller than any pool's. */
	if (dev->size < FAMFS_SUPER_SIZE)
		return -ENODATA;
	rc = pool_reach_open(&reach, flags & POOL_PLAIN, log);
	if (rc)
		return rc;
	rc = pool_reach_add(reach, 0, dev);
	if (!rc)
		rc = pool_window_range(reach, 0, 0, look_size(), &window);
	if (!rc) {
		rc = pool_read_super(&window, dev->size, sb, err);
		pool_window_close(reach, &window);
	}
	pool_reach_close(reach);
	return rc;
}

/* ------------------------------------------------------------------------
 * All devices
 */

int pool_list_devices(struct dev_info **devs, unsigned int *count)
{
	return dev_list(devs, count);
}

/* Its superblock, or why there is none to be seen; only what is odd is told. */
static bool look_at(const struct dev_info *dev, const struct pool_log *log,
		    struct media_super *sb)
{
	char text[MEDIA_ERROR_MAX];
	struct media_error err;
	int rc;

	if (dev->why[0]) {
		pool_say(log, LOG_DEBUG, "%s is not looked at: %.*s", dev->path,
			 (int)strcspn(dev->why, "\n"), dev->why);
		return false;
	}
	rc = pool_look(dev, 0, NULL, sb, &err);
	if (rc == -EUCLEAN || rc == -EOPNOTSUPP)
		pool_say(log, LOG_WARNING, "%s: %s", dev->path, err.field[0] ?
			 media_strerror(&err, text, sizeof(text)) : strerror(-rc));
	else if (rc && rc != -ENODATA)
		pool_say(log, LOG_DEBUG, "%s is not looked at: %s", dev->path,
			 rc == -EEXIST || rc == -EBUSY ? "it is in use" :
			 strerror(-rc));
	return !rc;
}

int pool_scan(struct pool_found **result, unsigned int *count,
	      const struct pool_log *log)
{
	struct pool_found *found;
	struct dev_info *devs;
	unsigned int i, n;
	int rc = pool_list_devices(&devs, &n);

	if (rc) {
		pool_say(log, LOG_ERR, "devices cannot be listed: %s",
			 strerror(-rc));
		return rc;
	}
	found = calloc(n ? n : 1, sizeof(*found));
	if (!found) {
		free(devs);
		return -ENOMEM;
	}
	*count = 0;
	for (i = 0; i < n; i++)
		if (look_at(&devs[i], log, &found[*count].sb))
			found[(*count)++].dev = devs[i];
	free(devs);
	*result = found;
	return 0;
}

/* ------------------------------------------------------------------------
 * Names
 */

static int resolve(enum dev_by by, const char *value, unsigned int flags,
		   struct dev_info *dev)
{
	const struct dev_spec spec = { .by = by, .value = value };

	return dev_resolve(&spec, flags & POOL_PLAIN ? DEV_ALLOW_PLAIN : 0, dev);
}

static bool is_daxdev(const char *name)
{
	int end = 0;

	return sscanf(name, "dax%*u.%*u%n", &end) == 0 && end && !name[end];
}

static int resolve_path(const char *name, unsigned int flags, struct dev_info *dev)
{
	char path[PATH_MAX];

	/* pmem0 is /dev/pmem0, unless a file is called so. */
	if (!strchr(name, '/') && access(name, F_OK) &&
	    snprintf(path, sizeof(path), "/dev/%s", name) < (int)sizeof(path) &&
	    !access(path, F_OK))
		return resolve(DEV_BY_PATH, path, flags, dev);
	if (!realpath(name, path)) {
		memset(dev, 0, sizeof(*dev));
		snprintf(dev->why, sizeof(dev->why), "%s: %s", name,
			 strerror(errno));
		return errno == ENOENT ? -ENODEV : -errno;
	}
	return resolve(DEV_BY_PATH, path, flags, dev);
}

/* The primary device of a pool, by the pool's uuid. */
static int find_pool(const uuid_t uuid, const struct pool_log *log,
		     struct dev_info *dev)
{
	struct pool_found *found;
	unsigned int count, i, hits = 0;
	int rc = pool_scan(&found, &count, log);

	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		if (memcmp(found[i].sb.fs_uuid, uuid, sizeof(uuid_t)) ||
		    found[i].sb.flags & FAMFS_SUPER_SECONDARY)
			continue;
		if (hits++)
			pool_say(log, LOG_ERR, "%s and %s are copies of one pool; name the device",
				 dev->path, found[i].dev.path);
		*dev = found[i].dev;
	}
	free(found);
	return hits == 1 ? 0 : hits ? -ENOTUNIQ : -ENODEV;
}

static int resolve_uuid(const char *name, const uuid_t uuid,
			const struct pool_log *log, struct dev_info *dev)
{
	int rc = resolve(DEV_BY_NAMESPACE, name, 0, dev);

	if (rc != -ENODEV)
		return rc;
	rc = find_pool(uuid, log, dev);
	if (rc == -ENODEV)
		snprintf(dev->why, sizeof(dev->why),
			 "there is no namespace and no pool with the uuid %s that is not in use (\"fmapfs devices\" shows those that there are)",
			 name);
	return rc;
}

int pool_resolve(const char *name, unsigned int flags, const struct pool_log *log,
		 struct dev_info *dev)
{
	uuid_t uuid;
	int rc;

	dev->why[0] = '\0';
	if (!uuid_parse(name, uuid))
		rc = resolve_uuid(name, uuid, log, dev);
	else if (is_daxdev(name))
		rc = resolve(DEV_BY_DAXDEV, name, flags, dev);
	else
		rc = resolve_path(name, flags, dev);
	if (rc)
		pool_say_lines(log, LOG_ERR, "", dev->why);
	return rc;
}
