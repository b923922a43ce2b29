// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else takes DAX devices away, while they are used in every way (lib/load.h):
 * tools, regions, the bus, partitions, modules. Each device of the machine but
 * devdax, in turn.
 *
 * 1. The region that a device is part of can be disabled, and the bus of all
 *    devices removed: all access is SIGBUS or EIO, the unmount is clean, before or
 *    after the return, the module can be removed, and the data are there again.
 * 2. Tools that ask whether a device is used are told so (EBUSY), and nothing
 *    happens to the files. They ask of block devices; of what fsdev_dax has they do
 *    not, and it goes as in 1.
 * 3. A namespace can be made anew under a mount that has lost it.
 * 4. The partitions of a disk cannot be read anew while one is used; one that is
 *    used cannot be deleted, others can; and all go with the disk.
 * 5. A driver's module cannot be removed while it drives what is used, or its
 *    removal is that of the devices.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/load.h"
#include "lib/mem.h"
#include "lib/removable.h"

static void lose_region(const struct removable *r)
{
	static const struct way way = { .take = take_away, .back = give_back };
	struct removable whole;

	removable_region(&whole, r->dev);
	lose_and_return(&whole, &way, r->dev == pmem(0));
}

TEST(region_is_disabled_under_load)
{
	with_each_device(lose_region);
}

/* All devices are used, and all go at once. */
TEST(bus_is_removed_under_load)
{
	const struct daxdev *devs;
	struct load *loads[16];
	struct removable bus;
	uint32_t seeds[16];
	int n = daxdevs(&devs), used = 0;

	removable_bus(&bus, pmem(0));
	for (int i = 0; i < n; i++) {
		if (!strcmp(devs[i].type, "devdax"))
			continue;
		seeds[i] = load_seed();
		loads[used++] = load_start(devs[i].node, seeds[i]);
	}
	for (int i = 0; i < used; i++)
		load_may_lose(loads[i]);
	take_away(&bus);
	for (int i = 0; i < used; i++)
		load_is_lost(loads[i]);
	load_end(loads[--used]);
	give_back(&bus);
	while (used)
		load_end(loads[--used]);
	module_goes();
	for (int i = 0; i < n; i++) {
		if (!strcmp(devs[i].type, "devdax"))
			continue;
		make_usable(&devs[i]);
		load_data_are_there(devs[i].node, seeds[i]);
	}
}

/* --- tools --- */

static void namespace_of(const struct daxdev *dev, char *name, size_t size)
{
	char part[64], path[160];

	sysfs_parent(dev, is_block(dev) ? "pfn" : "dax", part, sizeof(part));
	snprintf(path, sizeof(path), "/sys/bus/nd/devices/%s/namespace", part);
	TRUE(read_text(path, name, size) > 0);
	name[strcspn(name, "\n")] = 0;
}

static const char *const asking_tools[] = {
	"ndctl disable-namespace %s",
	"ndctl destroy-namespace -f %s",
	"ndctl create-namespace -f -e %s -m fsdax -M mem",
	"ndctl create-namespace -f -e %s -m devdax -M mem",
};

/* They find that the block device is in use. */
static void refuse_tools(const struct removable *r)
{
	struct load *l = load_start(r->dev->node, load_seed());
	uint32_t seed = l->seed;
	char name[64], cmd[128];

	namespace_of(r->dev, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(asking_tools); i++) {
		snprintf(cmd, sizeof(cmd), asking_tools[i], name);
		TRUE(command("%s", cmd));
	}
	load_stop(l);
	load_end(l);
	TRUE(is_usable(r->dev));
	load_data_are_there(r->dev->node, seed);
}

/* It does it all the same, or finds that there is nothing to do. */
static void tool_decides(const struct removable *r, const char *tool)
{
	struct load *l = load_start(r->dev->node, load_seed());
	uint32_t seed = l->seed;

	load_may_lose(l);
	EQ(command("%s %s", tool, r->name), 0);
	if (is_usable(r->dev))
		load_stop(l);
	else
		load_is_lost(l);
	if (!has_driver(r->dev))
		sysfs_put(r->driver, "new_id", r->name);
	make_usable(r->dev);
	load_end(l);
	module_goes();
	load_data_are_there(r->dev->node, seed);
}

static char disabled[64];	/* a namespace */

static void disable_namespace(const struct removable *r)
{
	namespace_of(r->dev, disabled, sizeof(disabled));
	EQ(command("ndctl disable-namespace %s", disabled), 0);
	TRUE(!is_usable(r->dev));
}

static void enable_namespace(const struct removable *r)
{
	EQ(command("ndctl enable-namespace %s", disabled), 0);
	make_usable(r->dev);
}

/* Where the device is a character device, nobody tells that it is in use. */
static void obey_tools(const struct removable *r)
{
	static const struct way by_ndctl = {
		.take = disable_namespace, .back = enable_namespace,
	};

	tool_decides(r, "daxctl reconfigure-device -f -m devdax");
	tool_decides(r, "daxctl disable-device");
	lose_and_return(r, &by_ndctl, true);
}

static void use_tools(const struct removable *r)
{
	if (is_block(r->dev))
		refuse_tools(r);
	else
		obey_tools(r);
}

TEST(tools_disable_what_is_in_use_or_are_refused)
{
	with_each_device(use_tools);
}

static void make_anew(const struct removable *r)
{
	char name[64];

	namespace_of(r->dev, name, sizeof(name));
	take_away(r);
	EQ(command("ndctl create-namespace -f -e %s -m %s -M mem", name,
	       is_block(r->dev) ? "fsdax" : "devdax"), 0);
	make_usable(r->dev);
}

/* The driver is not bound again, but to a new namespace. */
static void lose_namespace(const struct removable *r)
{
	struct load *l = load_start(r->dev->node, load_seed());

	load_may_lose(l);
	make_anew(r);
	load_is_lost(l);
	load_data_are_there(r->dev->node, l->seed);
	load_end(l);
	module_goes();
}

TEST(namespace_is_made_anew_under_load)
{
	with_each_device(lose_namespace);
}

/* --- partitions --- */

#define PART_AT		(64 * MIB)
#define PART_LEN	(512 * MIB)

static int partition(int fd, int op, int n, uint64_t start, uint64_t len)
{
	struct blkpg_partition p = { .pno = n, .start = start, .length = len };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(p),
				       .data = &p };

	return ioctl(fd, BLKPG, &arg);
}

TEST(partitions_change_under_load)
{
	struct removable r;
	char part[80];
	struct load *l;
	int fd;

	removable_device(&r, pmem(0));
	fd = OK(open(r.dev->node, O_RDONLY | O_CLOEXEC));
	OK(partition(fd, BLKPG_ADD_PARTITION, 1, PART_AT, PART_LEN));
	OK(partition(fd, BLKPG_ADD_PARTITION, 2, PART_AT + PART_LEN, PART_AT));
	snprintf(part, sizeof(part), "%sp1", r.dev->node);
	UNTIL(!access(part, F_OK));
	l = load_start(part, load_seed());

	FAILS(EBUSY, ioctl(fd, BLKRRPART));
	FAILS(EBUSY, partition(fd, BLKPG_DEL_PARTITION, 1, 0, 0));
	OK(partition(fd, BLKPG_DEL_PARTITION, 2, 0, 0));
	/* Not to less than the files have. */
	OK(partition(fd, BLKPG_RESIZE_PARTITION, 1, PART_AT, PART_LEN / 2));
	load_goes_on(l);
	OK(close(fd));
	load_may_lose(l);
	take_away(&r);
	load_is_lost(l);
	give_back(&r);
	TRUE(access(part, F_OK));
	RAW(r.dev->node, PART_AT + LOAD_KEPT_AT, l->seed, 0, LOAD_LEN);
	load_end(l);
	module_goes();
}

/* --- modules of drivers --- */

static int remove_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

/* Is it one? Kernels may have it built in. */
static bool is_module(const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return !access(path, F_OK);
}

/* It drives what is used, or drives what drives that. */
static void module_stays(const char *name)
{
	FAILS(is_module(name) ? EWOULDBLOCK : ENOENT, remove_module(name));
}

static void remove_fsdev(const struct removable *r)
{
	if (is_module("fsdev_dax"))
		OK(remove_module("fsdev_dax"));
	else
		take_away(r);
	TRUE(!is_usable(r->dev));
}

static void load_fsdev(const struct removable *r)
{
	EQ(command("modprobe -q fsdev_dax || test -d %s", r->driver), 0);
	if (!is_usable(r->dev))
		sysfs_put(r->driver, "new_id", r->name);
	make_usable(r->dev);
}

static void try_modules(const struct removable *r)
{
	static const struct way by_module = { .take = remove_fsdev, .back = load_fsdev };
	struct load *l;

	if (!is_block(r->dev)) {
		lose_and_return(r, &by_module, false);
		return;
	}
	l = load_start(r->dev->node, load_seed());
	module_stays("nd_pmem");
	module_stays("nfit");
	module_stays("libnvdimm");
	module_stays("fmapfs");
	load_stop(l);
	load_end(l);
}

TEST(driver_modules_are_removed_under_load)
{
	with_each_device(try_modules);
}
