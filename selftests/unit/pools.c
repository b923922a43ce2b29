// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pools.h"

uint8_t *mem[DEVICES];

int set_up_mem(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < DEVICES; i++) {
		mem[i] = aligned_alloc(4096, REGION + LOG_MOST);
		assert_non_null(mem[i]);
		memset(mem[i], 0, REGION + LOG_MOST);
	}
	return 0;
}

int tear_down_mem(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < DEVICES; i++)
		free(mem[i]);
	return 0;
}

/* Of device @i of a pool, or, -1, of the pool. */
static void make_uuid(uint8_t uuid[16], const struct pool *pool, int i)
{
	memset(uuid, pool->id, 16);
	uuid[0] = i + 1;
}

void describe_device(const struct pool *pool, unsigned int i,
		     struct media_mkfs_dev *dev)
{
	*dev = (struct media_mkfs_dev) {
		.super = mem[pool->dev[i]],
		.size = (8 + pool->dev[i]) * GIB,
	};
	make_uuid(dev->uuid, pool, i);
	snprintf(dev->name, sizeof(dev->name), "/dev/dax%u.0", pool->dev[i]);
}

struct media_mkfs describe(const struct pool *pool,
			   struct media_mkfs_dev devs[DEVICES])
{
	struct media_mkfs mkfs = {
		.version = 48, .log = mem[pool->dev[0]] + REGION,
		.log_len = pool->log_len, .alloc_unit = 2 * MIB,
		.devs = devs, .ndevs = pool->ndevs,
	};
	unsigned int i;

	make_uuid(mkfs.fs_uuid, pool, -1);
	memset(mkfs.system_uuid, 0x77, sizeof(mkfs.system_uuid));
	for (i = 0; i < pool->ndevs; i++)
		describe_device(pool, i, &devs[i]);
	return mkfs;
}

struct media_log log_of(const struct pool *pool)
{
	return (struct media_log) {
		.mem = mem[pool->dev[0]] + REGION, .offset = REGION,
		.len = pool->log_len, .version = 48,
	};
}

int make(const struct pool *pool, const struct media_sink *sink)
{
	struct media_mkfs_dev devs[DEVICES];
	struct media_mkfs mkfs = describe(pool, devs);

	return media_mkfs(&mkfs, sink);
}

void append_files(const struct pool *pool, unsigned int n,
		  const struct media_sink *sink)
{
	struct media_log log = log_of(pool);
	struct famfs_entry entry;
	char name[16];

	while (n--) {
		snprintf(name, sizeof(name), "d%u", n);
		assert_int_equal(media_entry_mkdir(&entry, name, 0755, 0, 0), 0);
		assert_int_equal(media_log_append(&log, &entry, sink, NULL), 0);
	}
}

/* ------------------------------------------------------------------------
 * Looking, by the byte
 */

bool has_super(unsigned int dev)
{
	struct media_super sb;
	struct media_error err;
	int rc = media_super_read(mem[dev], REGION, 0, &sb, &err);

	/* Whole, or none: never a wrong one. */
	if (get64(mem[dev]) != 0x87b282ff) {
		assert_int_equal(rc, -ENODATA);
		return false;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(get64(mem[dev] + SUPER_CRC),
			 naive_crc(mem[dev], SUPER_CRC));
	return true;
}

static void check_super(const struct pool *pool, unsigned int i)
{
	const uint8_t *sb = mem[pool->dev[i]];
	uint8_t uuid[16];
	char name[16];

	assert_true(has_super(pool->dev[i]));
	assert_int_equal(get64(sb + SUPER_LOG_LEN), pool->log_len);
	make_uuid(uuid, pool, -1);
	assert_memory_equal(sb + SUPER_FS_UUID, uuid, 16);
	make_uuid(uuid, pool, i);
	assert_memory_equal(sb + SUPER_DEV_UUID, uuid, 16);
	assert_int_equal(get32(sb + SUPER_FLAGS), i ? 2 : 0);
	assert_int_equal(get64(sb + 112), (8 + pool->dev[i]) * GIB);
	snprintf(name, sizeof(name), "/dev/dax%u.0", pool->dev[i]);
	assert_string_equal((const char *)sb + 136, name);
}

static void check_log(const struct pool *pool)
{
	uint8_t *log = mem[pool->dev[0]] + REGION, uuid[16];
	uint64_t i, n = pool->ndevs - 1 + pool->files;

	assert_int_equal(get64(log), 0xbadcafef00d);
	assert_int_equal(get64(log + LOG_CRC), naive_crc(log, LOG_CRC));
	assert_int_equal(get64(log + 8), pool->log_len);
	assert_int_equal(get64(log + LOG_LAST), (pool->log_len - 48) / 544 - 1);
	assert_int_equal(get64(log + LOG_SEQNUM), n);
	assert_int_equal(get64(log + LOG_INDEX), n);
	for (i = 0; i < n; i++) {
		const uint8_t *entry = entry_at(log, i);

		assert_true(entry_is_whole(log, i));
		assert_int_equal(get32(entry + 8), i < pool->ndevs - 1 ? 3 : 1);
		if (i >= pool->ndevs - 1)
			continue;
		assert_int_equal(get64(entry + 16),
				 (8 + pool->dev[i + 1]) * GIB);
		make_uuid(uuid, pool, i + 1);
		assert_memory_equal(entry + 24, uuid, 16);
		assert_int_equal(get32(entry + 40), i + 1);
	}
}

void check_pool(const struct pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->ndevs; i++)
		check_super(pool, i);
	check_log(pool);
}

bool is_there(const struct pool *pool)
{
	unsigned int dev = pool->dev[0];

	if (!pool->id || !has_super(dev) || mem[dev][SUPER_FS_UUID + 1] != pool->id ||
	    get32(mem[dev] + SUPER_FLAGS) == 2)
		return false;
	check_pool(pool);
	return true;
}
