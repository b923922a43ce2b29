// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools on real devices, as libfmappool finds and opens them.
 *
 * 1. A pool of two devices is opened by its primary one's path, by its uuid, by the
 *    uuid of the namespace, and the second device is found. What was appended to the
 *    log is there when it is opened again. Of one device: on each of the machine.
 * 2. While it is open it cannot be opened again (EEXIST), nor while a mount has its
 *    pages; and it is left out of a scan.
 * 3. A device that is missing is told of; with missing_ok it is done without.
 * 4. Bytes that are wrong in superblock and log header are EUCLEAN, and the message
 *    says which field it is; a wiped one is ENODATA.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/reaching.h"
#include "lib/removable.h"
#include "lib/whole.h"

#define POOL_UUID	"1f0a5c3e-0000-4000-8000-00000000abcd"

static const uint8_t fs_uuid[16] = {
	0x1f, 0x0a, 0x5c, 0x3e, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0xab, 0xcd,
};

/* --- making --- */

/* Windows that mkfs writes to: superblocks, and the log. */
struct maker {
	struct pool_reach *reach;
	struct pool_window super[2];
	struct pool_window log;
	struct media_mkfs_dev devs[2];
	int n;
};

static void maker_add(struct maker *k, const struct daxdev *dax)
{
	struct dev_info dev = dev_of(dax);
	int i = k->n++;

	EQ(pool_reach_add(k->reach, i, &dev), 0);
	EQ(pool_window_range(k->reach, i, 0, FAMFS_SUPER_SIZE, &k->super[i]), 0);
	k->devs[i] = (struct media_mkfs_dev) {
		.super = k->super[i].mem,
		.size = dev.size,
		.uuid = { 0xd0 + i },
	};
	strcpy(k->devs[i].name, dev.name);
}

static void maker_end(struct maker *k)
{
	for (int i = 0; i < k->n; i++)
		pool_window_close(k->reach, &k->super[i]);
	pool_window_close(k->reach, &k->log);
	pool_reach_close(k->reach);
}

/* @b may be NULL. */
static void make_pool(const struct daxdev *a, const struct daxdev *b)
{
	struct maker k = { 0 };
	struct media_mkfs mkfs = {
		.version = FAMFS_VERSION_48,
		.log_len = FAMFS_LOG_MIN,
		.alloc_unit = 2 * MIB,
		.system_uuid = { 9 },
		.devs = k.devs,
	};

	EQ(pool_reach_open(&k.reach, POOL_WRITE, &msgs), 0);
	maker_add(&k, a);
	if (b)
		maker_add(&k, b);
	EQ(pool_window_range(k.reach, 0, FAMFS_LOG_OFFSET, FAMFS_LOG_MIN, &k.log), 0);
	memcpy(mkfs.fs_uuid, fs_uuid, sizeof(fs_uuid));
	mkfs.log = k.log.mem;
	mkfs.ndevs = k.n;
	if (media_mkfs_check(&mkfs))
		FAIL("%s", media_mkfs_check(&mkfs));
	EQ(media_mkfs(&mkfs, NULL), 0);
	maker_end(&k);
}

/* Stores bytes of the primary device; what was there comes back in @was. */
static void swap_bytes(const struct daxdev *dax, uint64_t off, const void *bytes,
		       void *was, size_t len)
{
	struct dev_info dev = dev_of(dax);
	struct pool_reach *reach;
	struct pool_window w;
	uint8_t *at;

	EQ(pool_reach_open(&reach, POOL_WRITE, &msgs), 0);
	EQ(pool_reach_add(reach, 0, &dev), 0);
	EQ(pool_window_range(reach, 0, off & -PAGE, PAGE, &w), 0);
	at = (uint8_t *)w.mem + off % PAGE;
	memcpy(was, at, len);
	memcpy(at, bytes, len);
	media_writeback(at, len);
	pool_window_close(reach, &w);
	pool_reach_close(reach);
}

/* Others are not to find what a test has made. */
static void wipe(const struct daxdev *dax)
{
	uint8_t zeroes[200] = { 0 }, was[200];

	swap_bytes(dax, 0, zeroes, was, sizeof(was));
}

static int open_by(struct pool **pool, const char *name)
{
	const struct pool_args args = { .name = name, .flags = POOL_WRITE };

	said[0] = 0;
	return pool_open(pool, &args, &msgs);
}

/* --- opening --- */

static void check_both(const char *name)
{
	struct pool *pool;

	EQ(open_by(&pool, name), 0);
	EQ(pool->ndevs, 2);
	EQ(memcmp(pool->sb.fs_uuid, fs_uuid, 16), 0);
	EQ_STR(pool->devs[0].path, pmem(0)->node);
	EQ_STR(pool->devs[1].path, pmem(1)->node);
	EQ(pool->log.len, FAMFS_LOG_MIN);
	pool_close(pool);
}

TEST(pool_is_found_by_each_of_its_names)
{
	struct dev_info dev = dev_of(pmem(0)), other = dev_of(pmem(1));
	struct pool *pool;

	make_pool(pmem(0), pmem(1));
	check_both(pmem(0)->node);
	check_both(dev.name);
	check_both(POOL_UUID);
	TRUE(dev.uuid[0]);
	/* The test bed's namespaces are copies of one. */
	if (strcmp(dev.uuid, other.uuid))
		check_both(dev.uuid);
	else
		EQ(open_by(&pool, dev.uuid), -ENOTUNIQ);
	EQ(open_by(&pool, pmem(1)->node), -EINVAL);
	SAID("is a secondary device of the pool " POOL_UUID);
	EQ(open_by(&pool, "/dev/null"), -EOPNOTSUPP);
	EQ(open_by(&pool, "/dev/pmem77"), -ENODEV);
	wipe(pmem(0));
	wipe(pmem(1));
	EQ(open_by(&pool, POOL_UUID), -ENODEV);
	SAID("no namespace and no pool with the uuid");
	EQ(open_by(&pool, pmem(0)->node), -ENODATA);
	SAID("holds no pool");
}

static void append_and_reopen(const struct removable *r)
{
	struct famfs_entry entry = { 0 }, again;
	struct media_error err;
	struct media_head head;
	struct pool *pool;

	make_pool(r->dev, NULL);
	EQ(open_by(&pool, is_block(r->dev) ? r->dev->node :
		   strrchr(r->dev->node, '/') + 1), 0);
	EQ(pool->ndevs, 1);
	EQ(media_entry_mkdir(&entry, "somewhere", 0755, 1, 2), 0);
	EQ(media_log_append(&pool->media_log, &entry, NULL, &err), 0);
	pool_close(pool);
	EQ(open_by(&pool, r->dev->node), 0);
	EQ(media_log_head(&pool->media_log, &head, &err), 0);
	EQ(head.next, 1);
	EQ(media_log_entry(&pool->media_log, 0, &again, &err), 0);
	EQ_STR(again.mkdir.path, "somewhere");
	pool_close(pool);
	wipe(r->dev);
}

TEST(what_was_appended_is_there)
{
	with_each_device(append_and_reopen);
}

/* --- in use --- */

TEST(pool_is_opened_once)
{
	struct pool *pool, *second;

	make_pool(pmem(0), NULL);
	EQ(open_by(&pool, pmem(0)->node), 0);
	EQ(open_by(&second, pmem(0)->node), -EEXIST);
	SAID("is the pool mounted");
	EQ(open_by(&second, POOL_UUID), -ENODEV);
	pool_close(pool);
	EQ(open_by(&pool, pmem(0)->node), 0);
	pool_close(pool);
	wipe(pmem(0));
}

static bool is_found(const struct daxdev *dax)
{
	struct pool_found *found;
	unsigned int count, hits = 0;

	EQ(pool_scan(&found, &count, &msgs), 0);
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(found[i].dev.path, dax->node)) {
			EQ(memcmp(found[i].sb.fs_uuid, fs_uuid, 16), 0);
			hits++;
		}
	free(found);
	TRUE(hits <= 1);
	return hits;
}

TEST(scan_finds_what_is_not_in_use)
{
	struct srv *s = srv_with_pmem();
	struct pool *pool;
	struct mnt *m;
	int fd;

	TRUE(!is_found(pmem(0)));
	make_pool(pmem(0), pmem(1));
	TRUE(is_found(pmem(0)));
	TRUE(is_found(pmem(1)));
	whole_file(s, "super", 0, 0, 2 * MIB);
	m = mnt_new(s);
	fd = OK(open_in(m, "super", O_RDONLY));
	TRUE(!is_found(pmem(0)));
	TRUE(is_found(pmem(1)));
	EQ(open_by(&pool, pmem(0)->node), -EEXIST);
	OK(close(fd));
	mnt_end(m);
	check_both(pmem(0)->node);
	wipe(pmem(0));
	wipe(pmem(1));
}

TEST(list_has_all_devices)
{
	const struct daxdev *dax;
	struct dev_info *devs;
	unsigned int count, k;
	int n = daxdevs(&dax);

	EQ(pool_list_devices(&devs, &count), 0);
	for (int i = 0; i < n; i++) {
		for (k = 0; k < count; k++)
			if (!strcmp(devs[k].path, dax[i].node))
				break;
		TRUE(k < count);
		EQ(devs[k].size, dax[i].size);
		/* What has another driver says how to change that. */
		EQ(!!devs[k].why[0], !strcmp(dax[i].type, "devdax"));
	}
	free(devs);
}

/* --- a device is missing --- */

TEST(missing_device_is_told_of)
{
	struct pool_args args = { .name = pmem(0)->node, .missing_ok = true };
	struct media_device second = { .present = true, .uuid = { 0xd1 } };
	struct removable r;
	struct pool *pool;

	make_pool(pmem(0), pmem(1));
	second.size = dev_of(pmem(1)).size;
	removable_device(&r, pmem(1));
	take_away(&r);
	EQ(open_by(&pool, pmem(0)->node), -ENODEV);
	SAID("device 1 of the pool, with the uuid d1000000-");
	EQ(pool_open(&pool, &args, &msgs), 0);
	EQ(pool->ndevs, 2);
	EQ(pool->devs[1].size, 0);
	EQ(pool_add_device(pool, 1, &second), -ENODEV);
	give_back(&r);
	EQ(pool_add_device(pool, 1, &second), 0);
	EQ_STR(pool->devs[1].path, pmem(1)->node);
	pool_close(pool);
	wipe(pmem(0));
	wipe(pmem(1));
}

/* --- wrong bytes --- */

static const struct spoilt_byte {
	uint64_t off;
	uint8_t value;
	int error;
	const char *says;
} spoilt_bytes[] = {
	{ 0, 0, -ENODATA, "holds no pool" },
	{ 8, 49, -EOPNOTSUPP, "version is 49" },
	{ 24, 1, -EUCLEAN, "crc is" },
	{ 63, 0xff, -EUCLEAN, "crc is" },
	{ 96, 0xee, -EUCLEAN, "crc is" },
	{ 104, 7, -EUCLEAN, "flags is 7" },
	{ 119, 0x7f, -EUCLEAN, "primary.size is" },
	{ FAMFS_LOG_OFFSET, 0xee, -EUCLEAN, "magic is" },
	{ FAMFS_LOG_OFFSET + 24, 0xee, -EUCLEAN, "crc is" },
};

TEST(wrong_bytes_are_told_of)
{
	struct pool *pool;

	make_pool(pmem(0), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(spoilt_bytes); i++) {
		const struct spoilt_byte *b = &spoilt_bytes[i];
		uint8_t was, now;

		t_diag("byte %llu", (unsigned long long)b->off);
		swap_bytes(pmem(0), b->off, &b->value, &was, 1);
		TRUE(was != b->value);
		EQ(open_by(&pool, pmem(0)->node), b->error);
		SAID(b->says);
		SAID(pmem(0)->node);
		swap_bytes(pmem(0), b->off, &was, &now, 1);
		EQ(open_by(&pool, pmem(0)->node), 0);
		pool_close(pool);
	}
	wipe(pmem(0));
}
