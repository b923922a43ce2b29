// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making pools.
 *
 *   1. Superblock and log are those of the real medium, byte for byte, given its uuids;
 *      so is all of it, once its entries are appended. Version 47 differs in two
 *      numbers. Secondary superblocks have their own device's data, and flags 2.
 *   2. What cannot be made is refused, each with a reason, and nothing is stored.
 */
#include <errno.h>
#include <string.h>

#include "pools.h"

/* ------------------------------------------------------------------------
 * Bytes
 */

static const struct media_mkfs_dev real_dev = {
	.size = 8589934592, .name = "/dev/dax0.0",
	.uuid = { 0x0a, 0xea, 0xfb, 0xca, 0x81, 0xca, 0x4a, 0x34,
		  0x8c, 0x5e, 0x47, 0x94, 0x96, 0x86, 0xc4, 0x57 },
};

static struct media_mkfs real_mkfs(struct media_mkfs_dev *dev)
{
	*dev = real_dev;
	dev->super = mem[0];
	return (struct media_mkfs) {
		.version = 48, .log = mem[0] + REGION, .log_len = 8 * MIB,
		.alloc_unit = 2 * MIB,
		.fs_uuid = { 0xb0, 0xe5, 0xac, 0xed, 0x31, 0x4a, 0x44, 0x64,
			     0xbd, 0xc4, 0xc4, 0x37, 0xbc, 0x9e, 0x27, 0x8e },
		.system_uuid = { 0x92, 0x53, 0xb7, 0xea, 0x42, 0x1e, 0x46, 0x4d,
				 0xac, 0x85, 0x89, 0xea, 0x34, 0x18, 0xd3, 0xdc },
		.devs = dev, .ndevs = 1,
	};
}

static void real_super(uint8_t bytes[REGION])
{
	memset(bytes, 0, REGION);
	put64(bytes, 0x87b282ff);
	put64(bytes + 8, 48);
	put64(bytes + 16, 2097152);
	put64(bytes + 24, 8388608);
	put64(bytes + 32, 2097152);
	put32(bytes + 40, 2);
	put32(bytes + 44, 2);
	put64(bytes + 48, 0x64444a31edace5b0);
	put64(bytes + 56, 0x8e279ebc37c4c4bd);
	put64(bytes + 64, 0x344aca81cafbea0a);
	put64(bytes + 72, 0x57c4869694475e8c);
	put64(bytes + 80, 0x4d461e42eab75392);
	put64(bytes + 88, 0xdcd31834ea8985ac);
	put64(bytes + 96, 0x7bd721d7);
	put64(bytes + 112, 8589934592);
	memcpy(bytes + 136, "/dev/dax0.0", 11);
}

static void super_and_log_are_those_of_the_real_medium(void **state)
{
	static uint8_t bytes[REGION];
	struct media_mkfs_dev dev;
	struct media_mkfs mkfs = real_mkfs(&dev);

	(void)state;
	memset(mem[0], 0x55, REGION);
	assert_null(media_mkfs_check(&mkfs));
	assert_int_equal(media_mkfs(&mkfs, NULL), 0);
	real_super(bytes);
	assert_memory_equal(mem[0], bytes, REGION);
	memset(bytes, 0, HEADER_SIZE);
	put64(bytes, 0xbadcafef00d);
	put64(bytes + 8, 8388608);
	put64(bytes + 16, 15419);
	put64(bytes + 24, 0xa5875078);
	assert_memory_equal(mem[0] + REGION, bytes, HEADER_SIZE);
}

static void version_47_differs_in_two_numbers(void **state)
{
	static uint8_t bytes[REGION];
	struct media_mkfs_dev dev;
	struct media_mkfs mkfs = real_mkfs(&dev);

	(void)state;
	mkfs.version = 47;
	assert_int_equal(media_mkfs(&mkfs, NULL), 0);
	real_super(bytes);
	put64(bytes + 8, 47);
	put32(bytes + 44, 1);
	put64(bytes + 96, naive_crc(bytes, 96));
	assert_memory_equal(mem[0], bytes, REGION);
}

struct real_file {
	const char *path;	/* NULL: data/fNNNNN */
	uint64_t size;
	uint32_t mode, uid, gid;
	unsigned int nstrips;	/* 0: simple */
	uint64_t len;		/* of the extent, or of each strip */
	uint64_t off[4];
};

static void append_real_file(struct media_log *log, const struct real_file *f)
{
	struct famfs_fmap map = { .count = 1 };
	struct famfs_extent *ext = map.extents;
	struct famfs_entry entry;
	unsigned int i = 0;

	if (f->nstrips) {
		map.ext_type = FAMFS_MAP_INTERLEAVED;
		map.interleave.nstrips = f->nstrips;
		map.interleave.chunk_size = 2 * MIB;
		ext = map.interleave.strips;
	}
	do {
		ext[i] = (struct famfs_extent) { 0, f->off[i], f->len };
	} while (++i < f->nstrips);
	assert_int_equal(media_entry_file(&entry, f->path, f->size, 2, f->mode,
					  f->uid, f->gid, &map), 0);
	assert_int_equal(media_log_append(log, &entry, NULL, NULL), 0);
}

static void append_real_entries(struct media_log *log)
{
	static const struct real_file files[] = {
		{ "one", 1, 0644, 0, 0, 0, 0x200000, { 0xa00000 } },
		{ "data/three-mib", 3145728, 0600, 1000, 1000, 0, 0x400000,
		  { 0xc00000 } },
		{ "data/deep/odd", 5000001, 0440, 1001, 1002, 0, 0x600000,
		  { 0x1000000 } },
		{ "data/striped", 24117248, 0644, 0, 0, 4, 0x600000,
		  { 0x80000000, 0x180000000, 0x100000000, 0x1600000 } },
		{ "data/striped3", 104861697, 0644, 0, 0, 3, 0x2200000,
		  { 0x80600000, 0x100600000, 0x1c00000 } },
	};
	struct real_file small = { NULL, 4096, 0644, 0, 0, 0, 0x200000,
				   { 0x3e00000 } };
	struct famfs_entry entry;
	char path[24];
	size_t i;

	assert_int_equal(media_entry_mkdir(&entry, "data", 0755, 1000, 1000), 0);
	assert_int_equal(media_log_append(log, &entry, NULL, NULL), 0);
	assert_int_equal(media_entry_mkdir(&entry, "data/deep", 0750, 0, 1000), 0);
	assert_int_equal(media_log_append(log, &entry, NULL, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		append_real_file(log, &files[i]);
	small.path = path;
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "data/f%05zu", i);
		append_real_file(log, &small);
		small.size++;
		small.off[0] += 0x200000;
	}
}

/* The crc is that of the file the real medium is in, all 10 MiB of it. */
static void all_of_the_real_medium_comes_out(void **state)
{
	struct media_mkfs_dev dev;
	struct media_mkfs mkfs = real_mkfs(&dev);
	struct media_log log = {
		.mem = mem[0] + REGION, .offset = REGION, .len = 8 * MIB,
		.version = 48,
	};

	(void)state;
	memset(mem[0], 0, REGION + 8 * MIB);
	assert_int_equal(media_mkfs(&mkfs, NULL), 0);
	append_real_entries(&log);
	assert_int_equal(naive_crc(mem[0], REGION + 8 * MIB), 0x28c20d97);
}

static void secondary_devices_are_described(void **state)
{
	static const struct pool pool = { 1, 3, { 1, 2, 0 }, 16 * MIB, 0 };

	(void)state;
	assert_int_equal(make(&pool, NULL), 0);
	check_pool(&pool);
}

/* ------------------------------------------------------------------------
 * Refusals
 */

static void refused(const struct media_mkfs *mkfs, const char *why)
{
	struct stops s = { 0 };

	stops_start(&s, 0);
	assert_non_null(media_mkfs_check(mkfs));
	assert_non_null(strstr(media_mkfs_check(mkfs), why));
	assert_true(STOPS_AT(&s, assert_int_equal(media_mkfs(mkfs, &s.sink),
						  -EINVAL)));
	stops_free(&s);
}

#define REFUSED(change, why)						\
	do {								\
		struct media_mkfs_dev devs[DEVICES];			\
		struct media_mkfs mkfs = describe(&pool, devs);		\
									\
		assert_null(media_mkfs_check(&mkfs));			\
		change;							\
		refused(&mkfs, why);					\
	} while (0)

static void wrong_pools_are_refused(void **state)
{
	static const struct pool pool = { 1, 2, { 0, 1 }, 8 * MIB, 0 };

	(void)state;
	REFUSED(mkfs.version = 46, "version");
	REFUSED(mkfs.version = 49, "version");
	REFUSED(mkfs.version = 47, "several devices");
	REFUSED(mkfs.log_len = 4 * MIB, "log");
	REFUSED(mkfs.log_len = 12 * MIB, "log");
	REFUSED(mkfs.log_len = 1ULL << 63, "log");
	REFUSED(mkfs.log_len = 0, "log");
	REFUSED(mkfs.alloc_unit = 0, "allocation unit");
	REFUSED(mkfs.alloc_unit = 1 * MIB, "allocation unit");
	REFUSED(memset(mkfs.fs_uuid, 0, 16), "uuid");
	REFUSED(memset(mkfs.system_uuid, 0, 16), "uuid");
	REFUSED(mkfs.log = NULL, "memory");
	REFUSED(mkfs.ndevs = 0, "devices");
	REFUSED(mkfs.ndevs = 65, "devices");
	REFUSED(devs[1].super = NULL, "memory");
	REFUSED(devs[0].size = 12 * MIB - 1, "too small");
	REFUSED(devs[1].size = 4 * MIB - 1, "too small");
	REFUSED(devs[1].size = UINT64_MAX, "larger");
	REFUSED(memset(devs[1].name, 'x', 64), "name");
	REFUSED(memset(devs[1].uuid, 0, 16), "uuid");
	REFUSED(memcpy(devs[1].uuid, devs[0].uuid, 16), "same");
	REFUSED(devs[1].super = devs[0].super, "same");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(super_and_log_are_those_of_the_real_medium),
		cmocka_unit_test(version_47_differs_in_two_numbers),
		cmocka_unit_test(all_of_the_real_medium_comes_out),
		cmocka_unit_test(secondary_devices_are_described),
		cmocka_unit_test(wrong_pools_are_refused),
	};

	return cmocka_run_group_tests_name("media_mkfs", tests, set_up_mem,
					   tear_down_mem);
}
