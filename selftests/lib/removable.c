// SPDX-License-Identifier: GPL-2.0
/* Devices that come and go: see removable.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "removable.h"

#define DAX	"/sys/bus/dax"
#define FSDEV	DAX "/drivers/fsdev_dax"

bool is_block(const struct daxdev *dev)
{
	return !strncmp(dev->node, "/dev/pmem", 9);
}

static const char *base_name(const struct daxdev *dev)
{
	return strrchr(dev->node, '/') + 1;
}

static void copy_name(char *to, size_t size, const char *name)
{
	size_t n = strlen(name) + 1;

	TRUE(n <= size);
	memcpy(to, name, n);
}

void sysfs_put(const char *dir, const char *file, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = OK(open(path, O_WRONLY | O_CLOEXEC));
	EQ(OK(write(fd, text, strlen(text))), strlen(text));
	OK(close(fd));
}

int command(const char *format, ...)
{
	char cmd[512];
	va_list ap;
	int status;

	va_start(ap, format);
	vsnprintf(cmd, sizeof(cmd) - 8, format, ap);
	va_end(ap);
	strcat(cmd, " >&2");
	status = system(cmd);
	t_diag("%s: %#x", cmd, status);
	return status;
}

/* Its directory, without symbolic links; false: it is not there. */
static bool device_path(const struct daxdev *dev, char *path)
{
	char link[128];

	snprintf(link, sizeof(link), !is_block(dev) ? DAX "/devices/%s" :
		 "/sys/class/block/%s/device", base_name(dev));
	return realpath(link, path);
}

/* The directory up to that part of it, and the part. */
static void find_part(const struct daxdev *dev, const char *begin, char *path,
		      const char **part)
{
	char want[32], *p;

	if (!device_path(dev, path))
		FAIL("%s is not in sysfs", dev->node);
	snprintf(want, sizeof(want), "/%s", begin);
	p = strstr(path, want);
	if (!p)
		FAIL("no %s in %s", begin, path);
	p[1 + strcspn(p + 1, "/")] = 0;
	*part = p + 1;
}

void sysfs_parent(const struct daxdev *dev, const char *begin, char *name,
		  size_t size)
{
	char path[PATH_MAX];
	const char *part;

	find_part(dev, begin, path, &part);
	copy_name(name, size, part);
}

/* What drives the device in the directory @path. */
static void set_driver(struct removable *r, const char *path)
{
	char link[PATH_MAX + 16], driver[PATH_MAX];

	snprintf(link, sizeof(link), "%s/driver", path);
	if (!realpath(link, driver))
		FAIL("%s has no driver", path);
	copy_name(r->driver, sizeof(r->driver), driver);
	copy_name(r->name, sizeof(r->name), strrchr(path, '/') + 1);
}

void removable_device(struct removable *r, const struct daxdev *dev)
{
	char path[PATH_MAX];

	r->dev = dev;
	TRUE(device_path(dev, path));
	set_driver(r, path);
}

void removable_region(struct removable *r, const struct daxdev *dev)
{
	char path[PATH_MAX];
	const char *part;

	r->dev = dev;
	find_part(dev, "region", path, &part);
	set_driver(r, path);
}

/* The bus itself comes from a device of the platform, which has a driver. */
void removable_bus(struct removable *r, const struct daxdev *dev)
{
	char path[PATH_MAX];
	const char *part;

	r->dev = dev;
	find_part(dev, "ndbus", path, &part);
	*strrchr(path, '/') = 0;
	set_driver(r, path);
}

bool is_bound(const struct removable *r)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", r->driver, r->name);
	return !access(path, F_OK);
}

void take_away(const struct removable *r)
{
	sysfs_put(r->driver, "unbind", r->name);
	TRUE(!is_bound(r));
}

void give_back(const struct removable *r)
{
	sysfs_put(r->driver, "bind", r->name);
	make_usable(r->dev);
}

static bool dax_driver(const struct daxdev *dev, char *name, size_t size)
{
	char link[128], target[PATH_MAX];

	snprintf(link, sizeof(link), DAX "/devices/%s/driver", base_name(dev));
	if (!realpath(link, target))
		return false;
	copy_name(name, size, strrchr(target, '/') + 1);
	return true;
}

bool has_driver(const struct daxdev *dev)
{
	char name[64];

	return is_block(dev) || dax_driver(dev, name, sizeof(name));
}

bool is_usable(const struct daxdev *dev)
{
	char name[64];

	if (access(dev->node, F_OK))
		return false;
	return is_block(dev) ||
	       (dax_driver(dev, name, sizeof(name)) &&
		!strcmp(name, "fsdev_dax"));
}

/* Drivers come asynchronously, and fsdev_dax not by itself. */
void make_usable(const struct daxdev *dev)
{
	char name[64], dir[128];

	if (is_block(dev)) {
		UNTIL(is_usable(dev));
		return;
	}
	UNTIL(dax_driver(dev, name, sizeof(name)));
	if (strcmp(name, "fsdev_dax")) {
		snprintf(dir, sizeof(dir), DAX "/drivers/%s", name);
		sysfs_put(dir, "unbind", base_name(dev));
		/* Unlike "bind", also if it does not know the device any more. */
		sysfs_put(FSDEV, "new_id", base_name(dev));
	}
	UNTIL(is_usable(dev));
}

void with_each_device(void (*fn)(const struct removable *r))
{
	const struct daxdev *devs;
	int n = daxdevs(&devs), status, pid;

	TRUE(n >= 1);
	for (int i = 0; i < n; i++) {
		struct removable r;

		if (!strcmp(devs[i].type, "devdax"))
			continue;
		TRUE(is_usable(&devs[i]));
		removable_device(&r, &devs[i]);
		pid = OK(fork());
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fn(&r);
			_exit(0);
		}
		EQ(waitpid(pid, &status, 0), pid);
		if (!is_usable(r.dev))
			give_back(&r);
		if (status)
			FAIL("with %s: status %#x", r.dev->node, status);
	}
}
