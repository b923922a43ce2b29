// SPDX-License-Identifier: GPL-2.0-only
/*
 * The drivers of DAX devices.
 *
 * libdaxctl does what it knows: memory, and the two drivers that it can enable. Of
 * fsdev_dax only new versions know; there it is sysfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <daxctl/libdaxctl.h>

#include "daxbus.h"
#include "run.h"
#include "tool.h"

#define BUS		"/sys/bus/dax"
#define LOAD_TRIES	100	/* of 10 ms each, for a driver to show */
#define BIND_TRIES	100	/* the same for a device to be bound */

static int write_sys(const char *driver, const char *file, const char *text)
{
	char *path = tool_text(BUS "/drivers/%s/%s", driver, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	free(path);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int driver_of(void *ctx, char *name, size_t size)
{
	char *path = tool_text(BUS "/devices/%s/driver", (const char *)ctx);
	char target[PATH_MAX];
	const char *slash;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int rc = n < 0 ? -errno : 0;

	*strrchr(path, '/') = '\0';
	if (rc == -ENOENT && !access(path, F_OK))
		rc = n = 0;
	free(path);
	if (rc)
		return rc;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%s", slash ? slash + 1 : target);
	return 0;
}

bool daxbus_has_driver(const char *driver)
{
	char *path = tool_text(BUS "/drivers/%s", driver);
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

static int load(void *ctx, const char *driver)
{
	unsigned int i;

	(void)ctx;
	if (daxbus_has_driver(driver))
		return 0;
	tool_load_module(driver);
	for (i = 0; i < LOAD_TRIES && !daxbus_has_driver(driver); i++)
		usleep(10000);
	return daxbus_has_driver(driver) ? 0 : -ENOENT;
}

/* ------------------------------------------------------------------------
 * libdaxctl
 */

/* Calls @fn with the device of that name. */
static int with_device(const char *name, int (*fn)(struct daxctl_dev *dev))
{
	struct daxctl_region *region;
	struct daxctl_ctx *daxctl;
	struct daxctl_dev *dev;
	int rc = daxctl_new(&daxctl);

	if (rc)
		return rc;
	rc = -ENODEV;
	daxctl_region_foreach(daxctl, region)
		daxctl_dev_foreach(region, dev)
			if (rc == -ENODEV &&
			    !strcmp(daxctl_dev_get_devname(dev), name))
				rc = fn(dev);
	daxctl_unref(daxctl);
	return rc;
}

static int memory_offline(struct daxctl_dev *dev)
{
	struct daxctl_memory *mem = daxctl_dev_get_memory(dev);
	int rc = mem ? daxctl_memory_is_online(mem) : 0;

	if (rc > 0)
		rc = daxctl_memory_offline(mem);
	return rc < 0 ? rc : 0;
}

static int memory_online(struct daxctl_dev *dev)
{
	struct daxctl_memory *mem = daxctl_dev_get_memory(dev);
	int rc = mem ? daxctl_memory_online(mem) : -ENODEV;

	return rc < 0 ? rc : 0;
}

static int offline(void *ctx)
{
	return with_device(ctx, memory_offline);
}

static int online(void *ctx)
{
	return with_device(ctx, memory_online);
}

/* ------------------------------------------------------------------------
 * Binding
 */

static bool is_bound(void *ctx, const char *driver)
{
	char now[64];

	return !driver_of(ctx, now, sizeof(now)) && !strcmp(now, driver);
}

static int unbind(void *ctx, const char *driver)
{
	int rc = -ENODEV;

	if (strcmp(driver, DRIVER_FSDEV))
		rc = with_device(ctx, daxctl_dev_disable);
	if (rc || !is_bound(ctx, ""))
		rc = write_sys(driver, "unbind", ctx);
	if (is_bound(ctx, ""))
		rc = 0;
	/* Else the driver would have it again when the kernel next looks for one. */
	if (!rc)
		write_sys(driver, "remove_id", ctx);
	return rc;
}

/*
 * A driver takes a device whose name it was told, at once; only device_dax takes any. It
 * was told already: "bind".
 */
static int bind_by_sysfs(void *ctx, const char *driver)
{
	int rc = write_sys(driver, "new_id", ctx);
	unsigned int i;

	for (i = 0; !rc && i < BIND_TRIES && !is_bound(ctx, driver); i++)
		usleep(10000);
	if (!is_bound(ctx, driver))
		rc = write_sys(driver, "bind", ctx);
	if (rc)
		write_sys(driver, "remove_id", ctx);
	return is_bound(ctx, driver) ? 0 : rc ? rc : -ENODEV;
}

static int bind_to(void *ctx, const char *driver)
{
	int rc = -ENODEV;

	if (!strcmp(driver, DRIVER_DEVDAX))
		rc = with_device(ctx, daxctl_dev_enable_devdax);
	else if (!strcmp(driver, DRIVER_KMEM))
		rc = with_device(ctx, daxctl_dev_enable_ram);
	return !rc && is_bound(ctx, driver) ? 0 : bind_by_sysfs(ctx, driver);
}

const struct rebind_ops daxbus_ops = {
	.driver = driver_of,
	.load = load,
	.offline = offline,
	.online = online,
	.unbind = unbind,
	.bind = bind_to,
};
