// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools on image files.
 *
 *   1. A pool of one, two, three devices is opened; what the log says of a device and
 *      what its superblock says must agree, and what does not is told.
 *   2. A superblock, a log header, a version, a device that is wrong has its error
 *      and its message.
 */
#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "images.h"

#define LOG_LEN		FAMFS_LOG_MIN

static const uint8_t fs_uuid[16] = { 1, 2, 3, 4 };

static void put_super(unsigned int i, const struct famfs_super *changed)
{
	struct famfs_super super = *changed;

	super.crc = crc32(0, (const void *)&super, offsetof(struct famfs_super, crc));
	store(i, 0, &super, sizeof(super));
}

static struct famfs_super good_super(unsigned int i)
{
	struct famfs_super super = {
		.magic = FAMFS_SUPER_MAGIC,
		.version = FAMFS_VERSION_48,
		.log_offset = FAMFS_LOG_OFFSET,
		.log_len = LOG_LEN,
		.alloc_unit = 2 * MIB,
		.omf_major = 2,
		.omf_minor = 2,
		.dev_uuid = { 0xd0 + i },
		.system_uuid = { 5 },
		.flags = i ? FAMFS_SUPER_SECONDARY : FAMFS_SUPER_PRIMARY,
		.primary.size = DEV_SIZE,
	};

	memcpy(super.fs_uuid, fs_uuid, sizeof(fs_uuid));
	return super;
}

static void put_entry(uint64_t index, struct famfs_entry *entry)
{
	entry->seqnum = index;
	entry->crc = crc32(0, (const void *)entry, offsetof(struct famfs_entry, crc));
	store(0, FAMFS_LOG_OFFSET + sizeof(struct famfs_log_header) +
	      index * sizeof(*entry), entry, sizeof(*entry));
}

static void put_add_daxdev(uint64_t index, unsigned int i, uint64_t size)
{
	struct famfs_entry entry = {
		.type = FAMFS_ENTRY_ADD_DAXDEV,
		.add_daxdev = { .size = size, .uuid = { 0xd0 + i }, .index = i },
	};

	put_entry(index, &entry);
}

static void put_head(uint64_t count)
{
	struct famfs_log_header head = {
		.magic = FAMFS_LOG_MAGIC,
		.len = LOG_LEN,
		.last_index = 15419,
		.next_seqnum = count,
		.next_index = count,
	};

	head.crc = crc32(0, (const void *)&head, offsetof(struct famfs_log_header, crc));
	store(0, FAMFS_LOG_OFFSET, &head, sizeof(head));
}

/* A pool of so many devices: a directory, then each device but the first. */
static void make_pool(unsigned int ndevs)
{
	struct famfs_entry entry = {
		.type = FAMFS_ENTRY_MKDIR,
		.mkdir = { .mode = 0755, .path = "d" },
	};
	unsigned int i;

	put_entry(0, &entry);
	for (i = 0; i < ndevs; i++) {
		struct famfs_super super = good_super(i);

		put_super(i, &super);
		if (i)
			put_add_daxdev(i, i, DEV_SIZE);
	}
	put_head(ndevs);
}

/* Opens it, with image files 1 to @nothers named beside. */
static int open_it(struct pool **pool, unsigned int nothers, bool missing_ok)
{
	const char *others[NDEVS + 1] = { NULL };
	struct pool_args args = {
		.name = image(0),
		.others = others,
		.flags = POOL_PLAIN | POOL_WRITE,
		.missing_ok = missing_ok,
	};
	unsigned int i;

	/* In another order than the log has it. */
	for (i = 0; i < nothers; i++)
		others[i] = image(nothers - i);
	return pool_open(pool, &args, &msgs);
}

/* Opens it; it must fail like this, and say so. */
static void fails(unsigned int nothers, int error, const char *text)
{
	struct pool *pool = NULL;
	int fd = free_fd();

	said[0] = '\0';
	assert_int_equal(open_it(&pool, nothers, false), error);
	assert_null(pool);
	assert_said(text);
	assert_int_equal(free_fd(), fd);
}

static void pools_of_several_devices_are_opened(void **state)
{
	unsigned int n, i;

	(void)state;
	for (n = 1; n <= NDEVS; n++) {
		struct pool_window window;
		struct famfs_entry entry;
		struct pool *pool;

		make_pool(n);
		said[0] = '\0';
		assert_int_equal(open_it(&pool, n - 1, false), 0);
		assert_string_equal(said, "");
		assert_int_equal(pool->ndevs, n);
		assert_memory_equal(pool->sb.fs_uuid, fs_uuid, 16);
		assert_int_equal(media_log_entry(&pool->media_log, 0, &entry, NULL), 0);
		assert_string_equal(entry.mkdir.path, "d");
		assert_int_equal(pool->super.len, FAMFS_SUPER_SIZE);
		assert_int_equal(pool->log.len, LOG_LEN);
		for (i = 0; i < n; i++) {
			assert_string_equal(pool->devs[i].path, image(i));
			assert_int_equal(pool_window_range(pool->reach, i, 0, PAGE,
							   &window), 0);
			assert_memory_equal((uint8_t *)window.mem +
					    offsetof(struct famfs_super, dev_uuid),
					    &(uint8_t) { 0xd0 + i }, 1);
			pool_window_close(pool->reach, &window);
		}
		pool_close(pool);
	}
}

/* That of famfs has no flags, and names its device in the superblock only. */
static void pool_without_flags_is_opened(void **state)
{
	struct famfs_super super = good_super(0);
	struct pool *pool;

	(void)state;
	make_pool(1);
	super.flags = 0;
	put_super(0, &super);
	assert_int_equal(open_it(&pool, 0, false), 0);
	pool_close(pool);
	/* Version 47 knows one device, whatever its log says. */
	super.version = FAMFS_VERSION_47;
	super.omf_minor = 1;
	put_super(0, &super);
	assert_int_equal(open_it(&pool, 0, false), 0);
	assert_int_equal(pool->ndevs, 1);
	pool_close(pool);
}

static void missing_devices_are_told_of(void **state)
{
	const struct media_device second = {
		.present = true, .size = DEV_SIZE, .uuid = { 0xd0 + 2 },
	};
	struct pool *pool;

	(void)state;
	make_pool(3);
	fails(1, -ENODEV, "device 2 of the pool, with the uuid d2000000-");
	assert_said("name its image file, too");
	assert_int_equal(open_it(&pool, 1, true), 0);
	assert_int_equal(pool->ndevs, 3);
	assert_int_equal(pool->devs[1].size, DEV_SIZE);
	assert_int_equal(pool->devs[2].size, 0);
	assert_int_equal(pool_add_device(pool, 2, &second), -ENODEV);
	assert_int_equal(pool_add_device(pool, 0, &second), -EINVAL);
	assert_int_equal(pool_add_device(pool, 64, &second), -EINVAL);
	pool_close(pool);
	/* It need not be in the log yet when it is named. */
	put_head(2);
	assert_int_equal(open_it(&pool, 3, false), 0);
	assert_int_equal(pool->ndevs, 2);
	assert_int_equal(pool_add_device(pool, 2, &second), 0);
	assert_int_equal(pool_add_device(pool, 2, &second), 0);
	assert_int_equal(pool->ndevs, 3);
	assert_string_equal(pool->devs[2].path, image(2));
	pool_close(pool);
}

static void devices_must_be_what_the_log_says(void **state)
{
	struct famfs_super super = good_super(1);
	struct pool *pool;

	(void)state;
	make_pool(2);
	super.dev_uuid[15] = 1;
	put_super(1, &super);
	fails(1, -ENODEV, "device 1 of the pool, with the uuid d1000000-");
	super = good_super(1);
	super.fs_uuid[15] = 1;
	put_super(1, &super);
	fails(1, -ENODEV, "is of another pool, 01020304-0000-0000-0000-000000000001");
	super = good_super(1);
	super.flags = FAMFS_SUPER_PRIMARY;
	put_super(1, &super);
	fails(1, -ENODEV, "is no secondary device");
	super = good_super(1);
	put_super(1, &super);
	put_add_daxdev(1, 1, DEV_SIZE + PAGE);
	fails(1, -ENODEV, "has 16777216 bytes; the pool's log says that it has 16781312");
	put_add_daxdev(1, 1, DEV_SIZE - PAGE);
	assert_int_equal(open_it(&pool, 1, false), 0);
	pool_close(pool);
	/* Smaller than its own superblock says. */
	resize(1, DEV_SIZE - PAGE);
	fails(1, -ENODEV, "primary.size is 16777216");
	resize(1, PAGE);
	fails(1, -ENODEV, "is of no pool");
	unlink(image(1));
	fails(1, -ENODEV, "No such file");
}

static void wrong_media_are_told_of(void **state)
{
	struct famfs_super super = good_super(0);
	struct pool *pool;

	(void)state;
	fails(0, -ENODATA, "holds no pool");
	make_pool(2);
	super.version = 49;
	put_super(0, &super);
	fails(0, -EOPNOTSUPP, "version is 49");
	super = good_super(0);
	super.alloc_unit = 4097;
	put_super(0, &super);
	fails(0, -EUCLEAN, "alloc_unit is 4097");
	assert_said("fmapfs fsck");
	super = good_super(0);
	put_super(0, &super);
	store(0, 48, "x", 1);
	fails(0, -EUCLEAN, "crc is ");
	put_super(0, &super);
	resize(0, DEV_SIZE - PAGE);
	fails(0, -EUCLEAN, "primary.size is 16777216");
	resize(0, FAMFS_SUPER_SIZE - PAGE);
	fails(0, -ENODATA, "holds no pool");
	resize(0, DEV_SIZE);
	make_pool(2);
	store(0, FAMFS_LOG_OFFSET, "x", 1);
	fails(1, -EUCLEAN, "magic");
	put_head(2);
	assert_int_equal(open_it(&pool, 1, false), 0);
	pool_close(pool);
	super = good_super(1);
	put_super(0, &super);
	fails(0, -EINVAL, "is a secondary device of the pool 01020304-0000-");
}

/* Devices that a bad entry tells of are not looked for: nobody replays that far. */
static void bad_entries_add_no_device(void **state)
{
	struct pool *pool;

	(void)state;
	make_pool(2);
	/* Of the entry's uuid. */
	store(0, FAMFS_LOG_OFFSET + 48 + 544 + 24, "x", 1);
	assert_int_equal(open_it(&pool, 1, false), 0);
	assert_int_equal(pool->ndevs, 1);
	pool_close(pool);
}

static void pools_are_named_by_path(void **state)
{
	struct pool_args args = { .flags = POOL_PLAIN };
	char was[4096], link[96];
	struct pool *pool;

	(void)state;
	make_pool(1);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(image(0), link), 0);
	args.name = link;
	assert_int_equal(pool_open(&pool, &args, &msgs), 0);
	assert_string_equal(pool->devs[0].path, image(0));
	pool_close(pool);
	unlink(link);
	assert_non_null(getcwd(was, sizeof(was)));
	assert_int_equal(chdir(dir), 0);
	args.name = "dev0";
	assert_int_equal(pool_open(&pool, &args, &msgs), 0);
	pool_close(pool);
	assert_int_equal(chdir(was), 0);
	/* Without POOL_PLAIN an image will not do. */
	args = (struct pool_args) { .name = image(0) };
	assert_int_equal(pool_open(&pool, &args, &msgs), -EOPNOTSUPP);
	assert_said("is no DAX device");
	args.name = "/nowhere/at/all";
	assert_int_equal(pool_open(&pool, &args, &msgs), -ENODEV);
	assert_said("/nowhere/at/all: No such file");
	args.name = dir;
	args.flags = POOL_PLAIN;
	assert_int_equal(pool_open(&pool, &args, &msgs), -EOPNOTSUPP);
	args.name = "dax77.77";
	assert_int_equal(pool_open(&pool, &args, &msgs), -ENODEV);
	assert_said("no DAX device dax77.77");
	args.name = "12345678-1234-1234-1234-123456789abc";
	assert_int_equal(pool_open(&pool, &args, &msgs), -ENODEV);
	assert_said("no namespace and no pool with the uuid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(pools_of_several_devices_are_opened),
		IMAGE_TEST(pool_without_flags_is_opened),
		IMAGE_TEST(missing_devices_are_told_of),
		IMAGE_TEST(devices_must_be_what_the_log_says),
		IMAGE_TEST(wrong_media_are_told_of),
		IMAGE_TEST(bad_entries_add_no_device),
		IMAGE_TEST(pools_are_named_by_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
