// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL memory that goes away while it is used in every way (lib/load.h). Each device
 * of the machine, whose memory is a CXL region: a volatile one that fsdev_dax has,
 * and a namespace on a persistent one. In a guest with "--dax cxl:SIZE --dax
 * cxl-pmem:SIZE"; see "make check-cxl".
 *
 * 1. A region can be unbound from its driver, be disabled, and be destroyed; its
 *    memory device can be disabled, and be removed from the PCI bus: all access is
 *    SIGBUS or EIO, the unmount is clean, before or after the return, and the module
 *    can be removed. Who takes the device away below an active region has no memory
 *    there before the kernel tells the region's users: they read what the bus answers,
 *    until the errors come.
 * 2. When a region is there again, with whatever had to be made anew, the data are,
 *    too, and a new mount works.
 * 3. What has files on it is not resized.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/load.h"
#include "lib/removable.h"

#define CXL	"/sys/bus/cxl"

/* What is known of a device while it is away. */
static char region[32], memdev[32], pci[256];

/* The test bed gives the devices serial numbers from 1 on. */
static long serial_of(const struct daxdev *dev)
{
	const struct daxdev *devs;

	daxdevs(&devs);
	return dev - devs + 1;
}

/* And each a window of addresses. */
static int window_of(const struct daxdev *dev)
{
	const struct daxdev *devs;
	int window = 0;

	for (daxdevs(&devs); devs < dev; devs++)
		window += !strncmp(devs->type, "cxl", 3);
	return window;
}

static bool has_serial(const char *name, long serial)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), CXL "/devices/%.32s/serial", name);
	return read_text(path, text, sizeof(text)) > 0 &&
	       strtol(text, NULL, 0) == serial;
}

/* It has another name each time that it comes. */
static bool find_memdev(const struct daxdev *dev)
{
	DIR *d = opendir(CXL "/devices");
	struct dirent *e;
	bool found = false;

	TRUE(d);
	while (!found && (e = readdir(d))) {
		if (strncmp(e->d_name, "mem", 3))
			continue;
		found = has_serial(e->d_name, serial_of(dev));
		if (found)
			snprintf(memdev, sizeof(memdev), "%.31s", e->d_name);
	}
	closedir(d);
	return found;
}

/* A region of a persistent device is called the same there. */
static void note_region(const struct removable *r)
{
	sysfs_parent(r->dev, "region", region, sizeof(region));
	TRUE(find_memdev(r->dev));
}

static bool region_exists(void)
{
	char path[96];

	snprintf(path, sizeof(path), CXL "/devices/%s", region);
	return !access(path, F_OK);
}

/* What has lost its memory device stays, and is of no use, not even to the tool. */
static void make_region(const struct removable *r)
{
	char dir[64];

	snprintf(dir, sizeof(dir), CXL "/devices/decoder0.%d", window_of(r->dev));
	if (region_exists())
		sysfs_put(dir, "delete_region", region);
	TRUE(!region_exists());
	UNTIL(find_memdev(r->dev));
	EQ(command("cxl create-region -m -t %s -d decoder0.%d -w 1 %s",
		   is_block(r->dev) ? "pmem" : "ram", window_of(r->dev), memdev),
	   0);
	make_usable(r->dev);
}

/* --- the region --- */

static void unbind_region(const struct removable *r)
{
	note_region(r);
	sysfs_put(CXL "/drivers/cxl_region", "unbind", region);
}

static void bind_region(const struct removable *r)
{
	sysfs_put(CXL "/drivers/cxl_region", "bind", region);
	make_usable(r->dev);
}

static void unbind(const struct removable *r)
{
	static const struct way way = { .take = unbind_region, .back = bind_region };

	lose_and_return(r, &way, is_block(r->dev));
}

TEST(region_is_unbound_under_load)
{
	with_each_device(unbind);
}

static void disable_region(const struct removable *r)
{
	note_region(r);
	EQ(command("cxl disable-region -f %s", region), 0);
}

static void enable_region(const struct removable *r)
{
	EQ(command("cxl enable-region %s", region), 0);
	make_usable(r->dev);
}

static void disable(const struct removable *r)
{
	static const struct way way = { .take = disable_region, .back = enable_region };

	lose_and_return(r, &way, false);
}

TEST(region_is_disabled_under_load)
{
	with_each_device(disable);
}

static void destroy_region(const struct removable *r)
{
	note_region(r);
	EQ(command("cxl destroy-region -f %s", region), 0);
	TRUE(!region_exists());
}

static void destroy(const struct removable *r)
{
	static const struct way way = { .take = destroy_region, .back = make_region };

	lose_and_return(r, &way, false);
	lose_and_return(r, &way, true);
}

TEST(region_is_destroyed_and_made_anew_under_load)
{
	with_each_device(destroy);
}

/* --- the memory device --- */

static void disable_memdev(const struct removable *r)
{
	note_region(r);
	EQ(command("cxl disable-memdev -f %s", memdev), 0);
}

static void enable_memdev(const struct removable *r)
{
	EQ(command("cxl enable-memdev %s", memdev), 0);
	make_region(r);
}

static void lose_memdev(const struct removable *r)
{
	static const struct way way = {
		.take = disable_memdev, .back = enable_memdev, .unannounced = true,
	};

	lose_and_return(r, &way, true);
}

TEST(memory_device_is_disabled_under_load)
{
	with_each_device(lose_memdev);
}

static void remove_pci(const struct removable *r)
{
	char path[96], link[512], *p;

	note_region(r);
	snprintf(path, sizeof(path), CXL "/devices/%s", memdev);
	link[OK(readlink(path, link, sizeof(link) - 1))] = 0;
	*strrchr(link, '/') = 0;
	p = strrchr(link, '/') + 1;
	snprintf(pci, sizeof(pci), "/sys/bus/pci/devices/%.200s", p);
	sysfs_put(pci, "remove", "1");
	TRUE(access(pci, F_OK));
}

static void rescan_pci(const struct removable *r)
{
	sysfs_put("/sys/bus/pci", "rescan", "1");
	UNTIL(!access(pci, F_OK));
	make_region(r);
}

static void lose_pci(const struct removable *r)
{
	static const struct way way = {
		.take = remove_pci, .back = rescan_pci, .unannounced = true,
	};

	lose_and_return(r, &way, !is_block(r->dev));
}

TEST(memory_device_is_removed_from_the_bus_under_load)
{
	with_each_device(lose_pci);
}

/* --- what is in use is not resized --- */

static void resize(const struct removable *r)
{
	char dir[96];
	struct load *l;
	int fd;

	if (is_block(r->dev))
		return;
	l = load_start(r->dev->node, load_seed());
	snprintf(dir, sizeof(dir), "/sys/bus/dax/devices/%s/size", r->name);
	fd = OK(open(dir, O_WRONLY | O_CLOEXEC));
	FAILS(EBUSY, write(fd, "0", 1));
	FAILS(EBUSY, write(fd, "134217728", 9));
	OK(close(fd));
	load_stop(l);
	load_end(l);
}

TEST(device_in_use_is_not_resized)
{
	with_each_device(resize);
}
