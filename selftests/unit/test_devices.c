// SPDX-License-Identifier: GPL-2.0-only
/*
 * dev_resolve(), on a machine that is made up: libndctl, libdaxctl and what
 * sysfs says are replaced here, at link time.
 *
 *   1. A device is found by path, by the uuid of its namespace, by its daxctl
 *      name; what is known of it comes along.
 *   2. What is not there, ambiguous, disabled or no DAX device is refused, with
 *      what to do.
 *   3. A namespace in another mode, and a DAX device under another driver, are
 *      refused with the very commands that put it right.
 *   4. A server that reads devices itself takes any.
 *   5. Out of memory, and libraries that fail, are errors and not crashes.
 */
#include <errno.h>
#include <daxctl/libdaxctl.h>
#include <ndctl/libndctl.h>
#include "unit.h"
#include "../../user/devices/devices.h"
#include "../../user/devices/probe.h"

#define U(n)	"00000000-0000-0000-0000-0000000000" #n

/*
 * What there is: four namespaces in one region of one bus.
 */
struct ndctl_bus { int unused; };
struct ndctl_region { int unused; };
struct ndctl_pfn { const char *block; unsigned char id; };
struct ndctl_btt { const char *block; unsigned char id; };
struct daxctl_dev { const char *name; unsigned long long size; };
struct daxctl_region { struct daxctl_dev dev[3]; };
struct ndctl_dax { struct daxctl_region *region; unsigned char id; };

struct ndctl_namespace {
	const char *name;
	enum ndctl_namespace_mode mode;
	unsigned long long size;
	unsigned char id;		/* last byte of the uuid; 0: none */
	int numa_node;
	struct ndctl_pfn *pfn;
	struct ndctl_dax *dax;
	struct ndctl_btt *btt;
	const char *block;
};

static struct ndctl_bus the_bus;
static struct ndctl_region the_region;

static struct ndctl_pfn pfn0 = { "pmem0", 0x10 };
static struct ndctl_pfn pfn_off = { "", 0x15 };
static struct ndctl_btt btt1 = { "pmem1s", 0x11 };
static struct daxctl_region one = { .dev = {
	{ "dax3.0", 2 * GIB }, { "dax3.1", 0 } } };
static struct daxctl_region two = { .dev = {
	{ "dax4.0", GIB }, { "dax4.1", GIB } } };
static struct ndctl_dax dax3 = { &one, 0x13 }, dax4 = { &two, 0x14 };

static struct ndctl_namespace namespaces[] = {
	{ .name = "namespace0.0", .mode = NDCTL_NS_MODE_FSDAX, .size = GIB,
	  .id = 0xab, .numa_node = 1, .pfn = &pfn0 },
	{ .name = "namespace0.9", .size = 0 },
	{ .name = "namespace1.0", .mode = NDCTL_NS_MODE_SECTOR, .size = GIB,
	  .id = 0x91, .numa_node = -1, .btt = &btt1 },
	{ .name = "namespace2.0", .mode = NDCTL_NS_MODE_RAW, .size = GIB,
	  .id = 0x12, .numa_node = -1, .block = "pmem2" },
	{ .name = "namespace3.0", .mode = NDCTL_NS_MODE_DEVDAX,
	  .size = 2 * GIB, .numa_node = 0, .dax = &dax3 },
	{ .name = "namespace4.0", .mode = NDCTL_NS_MODE_DEVDAX,
	  .size = 2 * GIB, .numa_node = 0, .dax = &dax4 },
	{ .name = "namespace5.0", .mode = NDCTL_NS_MODE_FSDAX, .size = GIB,
	  .numa_node = -1, .pfn = &pfn_off },
	{ .name = "namespace6.0", .mode = NDCTL_NS_MODE_RAW, .size = GIB,
	  .id = 0x16, .numa_node = -1, .block = "pmem6" },
	{ .name = "namespace7.0", .mode = NDCTL_NS_MODE_RAW, .size = GIB,
	  .id = 0x16, .numa_node = -1, .block = "pmem7" },
};

#define NDEVS	ARRAY_SIZE(namespaces)

static const struct sys_dev nodes[] = {
	{ .type = SYS_BLOCK, .path = "/dev/pmem0", .name = "pmem0",
	  .disk = "pmem0", .size = GIB, .id = 259 << 8, .dax = true,
	  .numa_node = -1 },
	{ .type = SYS_BLOCK, .path = "/dev/pmem0p1", .name = "pmem0p1",
	  .disk = "pmem0", .size = 2 * MIB, .start = MIB, .id = 259 << 8,
	  .dax = true, .numa_node = -1 },
	{ .type = SYS_BLOCK, .path = "/dev/pmem0p2", .name = "pmem0p2",
	  .disk = "pmem0", .size = MIB, .start = 34 * 512, .id = 259 << 8,
	  .dax = true, .numa_node = -1 },
	{ .type = SYS_BLOCK, .path = "/dev/pmem1s", .name = "pmem1s",
	  .disk = "pmem1s", .size = GIB, .id = 1, .numa_node = -1 },
	{ .type = SYS_BLOCK, .path = "/dev/pmem2", .name = "pmem2",
	  .disk = "pmem2", .size = GIB, .id = 2, .numa_node = -1 },
	{ .type = SYS_BLOCK, .path = "/dev/sda", .name = "sda",
	  .disk = "sda", .size = GIB, .id = 8 << 8, .numa_node = -1 },
	{ .type = SYS_DAX, .path = "/dev/dax3.0", .name = "dax3.0",
	  .driver = "device_dax", .size = 2 * GIB, .id = 3, .numa_node = 0 },
	{ .type = SYS_DAX, .path = "/dev/dax4.0", .name = "dax4.0",
	  .driver = "fsdev_dax", .size = GIB, .id = 4, .numa_node = 0 },
	{ .type = SYS_DAX, .path = "/dev/dax4.1", .name = "dax4.1",
	  .driver = "kmem", .size = GIB, .id = 5, .numa_node = 0 },
	{ .type = SYS_DAX, .path = "/dev/dax5.0", .name = "dax5.0",
	  .size = GIB, .id = 6, .numa_node = -1 },
	{ .type = SYS_FILE, .path = "/tmp/file", .size = MIB, .numa_node = -1 },
	{ .type = SYS_OTHER, .path = "/dev/null", .name = "null",
	  .numa_node = -1 },
};

static bool has_fsdev;
static int nd_error, dax_error;

/*
 * sysfs
 */
int sys_probe(const char *path, struct sys_dev *out)
{
	unsigned int i;

	if (!strcmp(path, "/dev/link"))
		path = "/dev/pmem0";
	for (i = 0; i < ARRAY_SIZE(nodes); i++)
		if (!strcmp(nodes[i].path, path)) {
			*out = nodes[i];
			return 0;
		}
	return strcmp(path, "/dev/secret") ? -ENOENT : -EACCES;
}

bool sys_has_dax_driver(const char *driver)
{
	return has_fsdev && !strcmp(driver, "fsdev_dax");
}

/*
 * libndctl
 */
int ndctl_new(struct ndctl_ctx **ctx)
{
	*ctx = NULL;
	return nd_error;
}

struct ndctl_ctx *ndctl_unref(struct ndctl_ctx *ctx)
{
	return ctx;
}

struct ndctl_bus *ndctl_bus_get_first(struct ndctl_ctx *ctx)
{
	(void)ctx;
	return &the_bus;
}

struct ndctl_bus *ndctl_bus_get_next(struct ndctl_bus *bus)
{
	(void)bus;
	return NULL;
}

struct ndctl_region *ndctl_region_get_first(struct ndctl_bus *bus)
{
	(void)bus;
	return &the_region;
}

struct ndctl_region *ndctl_region_get_next(struct ndctl_region *region)
{
	(void)region;
	return NULL;
}

struct ndctl_namespace *ndctl_namespace_get_first(struct ndctl_region *region)
{
	(void)region;
	return namespaces;
}

struct ndctl_namespace *ndctl_namespace_get_next(struct ndctl_namespace *ndns)
{
	return ++ndns < namespaces + NDEVS ? ndns : NULL;
}

unsigned long long ndctl_namespace_get_size(struct ndctl_namespace *ndns)
{
	return ndns->size;
}

const char *ndctl_namespace_get_devname(struct ndctl_namespace *ndns)
{
	return ndns->name;
}

enum ndctl_namespace_mode ndctl_namespace_get_mode(struct ndctl_namespace *ndns)
{
	return ndns->mode;
}

int ndctl_namespace_get_numa_node(struct ndctl_namespace *ndns)
{
	return ndns->numa_node;
}

const char *ndctl_namespace_get_block_device(struct ndctl_namespace *ndns)
{
	return ndns->block;
}

struct ndctl_pfn *ndctl_namespace_get_pfn(struct ndctl_namespace *ndns)
{
	return ndns->pfn;
}

struct ndctl_dax *ndctl_namespace_get_dax(struct ndctl_namespace *ndns)
{
	return ndns->dax;
}

struct ndctl_btt *ndctl_namespace_get_btt(struct ndctl_namespace *ndns)
{
	return ndns->btt;
}

static void put_id(unsigned char uu[16], unsigned char id)
{
	memset(uu, 0, 16);
	uu[15] = id;
}

void ndctl_namespace_get_uuid(struct ndctl_namespace *ndns, unsigned char uu[16])
{
	put_id(uu, ndns->id);
}

void ndctl_pfn_get_uuid(struct ndctl_pfn *pfn, unsigned char uu[16])
{
	put_id(uu, pfn->id);
}

void ndctl_dax_get_uuid(struct ndctl_dax *dax, unsigned char uu[16])
{
	put_id(uu, dax->id);
}

void ndctl_btt_get_uuid(struct ndctl_btt *btt, unsigned char uu[16])
{
	put_id(uu, btt->id);
}

const char *ndctl_pfn_get_block_device(struct ndctl_pfn *pfn)
{
	return pfn->block;
}

const char *ndctl_btt_get_block_device(struct ndctl_btt *btt)
{
	return btt->block;
}

struct daxctl_region *ndctl_dax_get_daxctl_region(struct ndctl_dax *dax)
{
	return dax->region;
}

/*
 * libdaxctl: region "one", then "two"
 */
int daxctl_new(struct daxctl_ctx **ctx)
{
	*ctx = NULL;
	return dax_error;
}

void daxctl_unref(struct daxctl_ctx *ctx)
{
	(void)ctx;
}

struct daxctl_region *daxctl_region_get_first(struct daxctl_ctx *ctx)
{
	(void)ctx;
	return &one;
}

struct daxctl_region *daxctl_region_get_next(struct daxctl_region *region)
{
	return region == &one ? &two : NULL;
}

struct daxctl_dev *daxctl_dev_get_first(struct daxctl_region *region)
{
	return region->dev;
}

struct daxctl_dev *daxctl_dev_get_next(struct daxctl_dev *dev)
{
	return dev[1].name ? dev + 1 : NULL;
}

const char *daxctl_dev_get_devname(struct daxctl_dev *dev)
{
	return dev->name;
}

unsigned long long daxctl_dev_get_size(struct daxctl_dev *dev)
{
	return dev->size;
}

/*
 * The tests
 */
static int resolve(enum dev_by by, const char *value, struct dev_info *info)
{
	const struct dev_spec spec = { by, value };

	return dev_resolve(&spec, 0, info);
}

static void refused(enum dev_by by, const char *value, int rc, const char *why)
{
	struct dev_info info;

	assert_int_equal(resolve(by, value, &info), rc);
	assert_string_equal(info.why, why);
}

static void devices_are_found_by_path(void **state)
{
	struct dev_info info;

	(void)state;
	assert_int_equal(resolve(DEV_BY_PATH, "/dev/link", &info), 0);
	assert_string_equal(info.path, "/dev/pmem0");
	assert_string_equal(info.name, "pmem0");
	assert_int_equal(info.kind, DEV_PMEM);
	assert_int_equal(info.size, GIB);
	assert_string_equal(info.nspace, "namespace0.0");
	assert_string_equal(info.uuid, U(10));
	assert_string_equal(info.mode, "fsdax");
	assert_int_equal(info.numa_node, 1);
	assert_string_equal(info.why, "");

	assert_int_equal(resolve(DEV_BY_PATH, "/dev/pmem0p1", &info), 0);
	assert_int_equal(info.start, MIB);
	assert_int_equal(info.id, 259 << 8);
	assert_string_equal(info.nspace, "namespace0.0");

	assert_int_equal(resolve(DEV_BY_PATH, "/dev/dax4.0", &info), 0);
	assert_int_equal(info.kind, DEV_DEVDAX);
	assert_string_equal(info.driver, "fsdev_dax");
	assert_string_equal(info.mode, "famfs");
	assert_int_equal(info.numa_node, 0);
}

static void devices_are_found_by_uuid(void **state)
{
	struct dev_info info;

	(void)state;
	assert_int_equal(resolve(DEV_BY_NAMESPACE, U(10), &info), 0);
	assert_string_equal(info.path, "/dev/pmem0");
	/* That of the namespace itself will do as well, in either case. */
	assert_int_equal(resolve(DEV_BY_NAMESPACE, U(AB), &info), 0);
	assert_int_equal(resolve(DEV_BY_NAMESPACE, U(ab), &info), 0);
	assert_string_equal(info.path, "/dev/pmem0");
	assert_string_equal(info.uuid, U(10));
}

static void devices_are_found_by_name(void **state)
{
	struct dev_info info;

	(void)state;
	assert_int_equal(resolve(DEV_BY_DAXDEV, "dax4.0", &info), 0);
	assert_string_equal(info.path, "/dev/dax4.0");
	assert_int_equal(info.size, GIB);
}

static void what_is_not_there_is_refused(void **state)
{
	(void)state;
	refused(DEV_BY_PATH, "/dev/none", -ENODEV,
		"/dev/none: No such file or directory");
	refused(DEV_BY_PATH, "/dev/secret", -EACCES,
		"/dev/secret: Permission denied");
	refused(DEV_BY_PATH, "pmem0", -EINVAL,
		"'pmem0' is no absolute path of at most 255 bytes");
	refused(DEV_BY_NAMESPACE, U(99), -ENODEV,
		"there is no namespace with the uuid " U(99) "; 'ndctl list -Ni' shows those that there are (8)");
	refused(DEV_BY_NAMESPACE, "namespace0.0", -EINVAL,
		"'namespace0.0' is no uuid; one looks like 6a0f9d0b-3c5e-4d52-8f2e-0d6a1c9b7e45 ('ndctl list -Ni' shows them)");
	refused(DEV_BY_NAMESPACE, U(10) "0", -EINVAL,
		"'" U(10) "0' is no uuid; one looks like 6a0f9d0b-3c5e-4d52-8f2e-0d6a1c9b7e45 ('ndctl list -Ni' shows them)");
	refused(DEV_BY_DAXDEV, "dax9.9", -ENODEV,
		"there is no DAX device dax9.9; there are dax3.0, dax4.0, dax4.1");
	/* The seed has no size and is no device. */
	refused(DEV_BY_DAXDEV, "dax3.1", -ENODEV,
		"there is no DAX device dax3.1; there are dax3.0, dax4.0, dax4.1");
}

static void what_is_ambiguous_is_refused(void **state)
{
	(void)state;
	refused(DEV_BY_NAMESPACE, U(16), -ENOTUNIQ,
		"2 namespaces have the uuid " U(16) "; name one with 'path': pmem6 pmem7");
	refused(DEV_BY_NAMESPACE, U(14), -ENOTUNIQ,
		"namespace4.0 (uuid " U(14) ") is cut into several DAX devices; name one with 'daxdev': dax4.0, dax4.1");
}

static void what_is_disabled_is_refused(void **state)
{
	(void)state;
	refused(DEV_BY_NAMESPACE, U(15), -ENODEV,
		"namespace5.0 (uuid " U(15) ") is disabled or not yet probed; enable it: ndctl enable-namespace namespace5.0");
}

static void what_has_no_dax_is_refused(void **state)
{
	(void)state;
	refused(DEV_BY_PATH, "/dev/sda", -EOPNOTSUPP,
		"/dev/sda is a block device without DAX; fmapfs needs persistent memory in mode fsdax (/dev/pmemN) or a DAX device (/dev/daxX.Y)");
	refused(DEV_BY_PATH, "/tmp/file", -EOPNOTSUPP,
		"/tmp/file is no DAX device; fmapfs needs persistent memory in mode fsdax (/dev/pmemN) or a DAX device (/dev/daxX.Y)");
	refused(DEV_BY_PATH, "/dev/null", -EOPNOTSUPP,
		"/dev/null is no DAX device; fmapfs needs persistent memory in mode fsdax (/dev/pmemN) or a DAX device (/dev/daxX.Y)");
	refused(DEV_BY_PATH, "/dev/pmem0p2", -EOPNOTSUPP,
		"/dev/pmem0p2 starts at byte 17408 of pmem0 and has 1048576 bytes; for DAX both must be multiples of 4096: partition it anew, best at multiples of 2M");
}

static void wrong_modes_come_with_the_cure(void **state)
{
	(void)state;
	refused(DEV_BY_PATH, "/dev/pmem2", -EOPNOTSUPP,
		"/dev/pmem2 has no DAX: namespace2.0 is in mode raw and must be in mode fsdax; reconfigure it (this erases it):\n"
		"  ndctl create-namespace -f -e namespace2.0 --mode=fsdax --map=mem");
	refused(DEV_BY_NAMESPACE, U(11), -EOPNOTSUPP,
		"/dev/pmem1s has no DAX: namespace1.0 is in mode sector and must be in mode fsdax; reconfigure it (this erases it):\n"
		"  ndctl create-namespace -f -e namespace1.0 --mode=fsdax --map=mem");
}

static void wrong_drivers_come_with_the_cure(void **state)
{
	(void)state;
	has_fsdev = true;
	refused(DEV_BY_NAMESPACE, U(13), -EBUSY,
		"/dev/dax3.0 is bound to the driver device_dax; fmapfs needs fsdev_dax. Rebind it:\n"
		"  echo dax3.0 > /sys/bus/dax/drivers/device_dax/unbind\n"
		"  echo dax3.0 > /sys/bus/dax/drivers/fsdev_dax/new_id");
	refused(DEV_BY_DAXDEV, "dax4.1", -EBUSY,
		"/dev/dax4.1 is bound to the driver kmem; fmapfs needs fsdev_dax. Rebind it:\n"
		"  daxctl offline-memory dax4.1\n"
		"  echo dax4.1 > /sys/bus/dax/drivers/kmem/unbind\n"
		"  echo dax4.1 > /sys/bus/dax/drivers/fsdev_dax/new_id");
	has_fsdev = false;
	refused(DEV_BY_PATH, "/dev/dax5.0", -EBUSY,
		"/dev/dax5.0 is bound to no driver; fmapfs needs fsdev_dax. Bind it:\n"
		"  modprobe fsdev_dax        # Linux 7.0 or newer; older kernels can use /dev/pmemN only\n"
		"  echo dax5.0 > /sys/bus/dax/drivers/fsdev_dax/new_id");
}

static void any_device_will_do_if_asked_for(void **state)
{
	static const struct {
		const char *path;
		enum dev_kind kind;
		int rc;
	} any[] = {
		{ "/dev/pmem0", DEV_PMEM, 0 }, { "/dev/sda", DEV_PLAIN, 0 },
		{ "/dev/pmem2", DEV_PLAIN, 0 }, { "/tmp/file", DEV_PLAIN, 0 },
		{ "/dev/dax3.0", DEV_DEVDAX, 0 },
		{ "/dev/null", DEV_PLAIN, -EOPNOTSUPP },
	};
	struct dev_info info;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(any); i++) {
		const struct dev_spec spec = { DEV_BY_PATH, any[i].path };

		assert_int_equal(dev_resolve(&spec, DEV_ALLOW_PLAIN, &info),
				 any[i].rc);
		if (any[i].rc)
			continue;
		assert_int_equal(info.kind, any[i].kind);
		assert_string_equal(info.why, "");
	}
}

static void libraries_that_fail_are_errors(void **state)
{
	struct dev_info info;

	(void)state;
	nd_error = -ENOMEM;
	dax_error = -ENXIO;
	refused(DEV_BY_NAMESPACE, U(10), -ENOMEM,
		"libndctl cannot list namespaces: Cannot allocate memory");
	refused(DEV_BY_DAXDEV, "dax4.0", -ENXIO,
		"libdaxctl cannot list devices: No such device or address");
	/* By path all that matters is known from sysfs. */
	assert_int_equal(resolve(DEV_BY_PATH, "/dev/pmem0", &info), 0);
	assert_string_equal(info.nspace, "");
	nd_error = dax_error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_are_found_by_path),
		cmocka_unit_test(devices_are_found_by_uuid),
		cmocka_unit_test(devices_are_found_by_name),
		cmocka_unit_test(what_is_not_there_is_refused),
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(what_is_disabled_is_refused),
		cmocka_unit_test(what_has_no_dax_is_refused),
		cmocka_unit_test(wrong_modes_come_with_the_cure),
		cmocka_unit_test(wrong_drivers_come_with_the_cure),
		cmocka_unit_test(any_device_will_do_if_asked_for),
		cmocka_unit_test(libraries_that_fail_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
