// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool as it is loaded.
 *
 *   1. Names, attributes, maps and listings are those of the log; node ids are its
 *      indices; what is no node is ESTALE.
 *   2. .meta and its files are there, as they lie on the medium, and read-only.
 *   3. Who is the master, the system uuid says.
 *   4. A bad entry ends the replay, is told, and what comes before is served; for a
 *      check it is a mistake.
 *   5. Devices that are missing: an error, or, degraded, files on them are EIO.
 *   6. statfs is exact.
 *   7. 100,000 files load.
 *   8. There is one master of a pool at a time, and any number of clients.
 */
#include "famfs.h"

#define FIRST	MEDIA_INO_FIRST

static void names_are_those_of_the_log(void **state)
{
	struct layout *l;
	struct stat st;
	uint64_t up;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	log_dir("a/b");
	log_file("a/b/file", 3000000, 0, 12 * MIB, FAMFS_FILE_ALL_RW);
	log_file("top", 1, 0, 16 * MIB, FAMFS_FILE_ALL_RO);
	l = open_master();
	assert_int_equal(find(l, "a"), FIRST);
	assert_int_equal(find(l, "a/b"), FIRST + 1);
	assert_int_equal(find(l, "a/b/file"), FIRST + 2);
	assert_int_equal(find(l, "top"), FIRST + 3);
	assert_int_equal(find(l, "a/c"), 0);
	st = stat_of(l, FIRST + 2);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, 33);
	assert_int_equal(st.st_gid, 44);
	assert_int_equal(st.st_size, 3000000);
	assert_int_equal(st.st_blocks, 4 * MIB / 512);
	st = stat_of(l, FIRST);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, 11);
	assert_int_equal(ops->parent(l, FIRST + 1, &up), 0);
	assert_int_equal(up, FIRST);
	assert_int_equal(ops->parent(l, ROOT, &up), 0);
	assert_int_equal(up, ROOT);
	assert_int_equal(ops->parent(l, FIRST + 3, &up), -ENOTDIR);
	assert_int_equal(ops->getattr(l, FIRST + 4, &st), -ESTALE);
	assert_int_equal(ops->getattr(l, LAYOUT_PROVISIONAL | 1, &st), -ESTALE);
	assert_int_equal(ops->lookup(l, FIRST + 3, "x", &st), -ENOTDIR);
	assert_int_equal(ops->lookup(l, 15, "x", &st), -ESTALE);
	ops->destroy(l);
}

/* "name:ino " of all entries. */
static void list(struct layout *l, uint64_t dir, char *to)
{
	const char *name;
	struct stat st;
	uint64_t pos;

	*to = '\0';
	for (pos = 0; (pos = ops->seek(l, dir, pos)) != UINT64_MAX; pos++) {
		assert_int_equal(ops->entry(l, dir, pos, &st, &name), 0);
		to += sprintf(to, "%s:%llu ", name,
			      (unsigned long long)st.st_ino);
	}
}

static void directories_are_listed(void **state)
{
	struct layout *l;
	char got[200];

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("z");
	log_file("z/2", 1, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	log_file("z/1", 1, 0, 12 * MIB, FAMFS_FILE_ALL_RW);
	log_dir("y");
	l = open_master();
	list(l, ROOT, got);
	assert_string_equal(got, ".meta:2 z:16 y:19 ");
	list(l, 16, got);
	assert_string_equal(got, "2:17 1:18 ");
	list(l, MEDIA_INO_META, got);
	assert_string_equal(got, ".superblock:3 .log:4 ");
	list(l, 17, got);
	assert_string_equal(got, "");
	ops->destroy(l);
}

static void maps_are_those_of_the_log(void **state)
{
	const struct fuse_fmap *fmap, *again;
	struct fuse_famfs_simple_ext range;
	const struct dev_info *dev;
	struct fuse_fmap_info info;
	struct layout *l;

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	log_file("f", 3000000, 1, 12 * MIB, FAMFS_FILE_ALL_RW);
	l = open_master();
	assert_int_equal(ops->fmap(l, find(l, "f"), &fmap), 0);
	fuse_fmap_get_info(fmap, &info);
	assert_int_equal(info.file_size, 3000000);
	assert_int_equal(info.nranges, 1);
	assert_int_equal(fuse_fmap_range(fmap, 0, &range), 0);
	assert_int_equal(range.se_devindex, 1);
	assert_int_equal(range.se_offset, 12 * MIB);
	assert_int_equal(range.se_len, 4 * MIB);
	assert_int_equal(ops->fmap(l, find(l, "f"), &again), 0);
	assert_ptr_equal(fmap, again);
	assert_int_equal(ops->fmap(l, ROOT, &fmap), -EOPNOTSUPP);
	assert_int_equal(ops->fmap(l, MEDIA_INO_LOG, &fmap), -EOPNOTSUPP);
	assert_int_equal(ops->fmap(l, 1000, &fmap), -ESTALE);
	assert_int_equal(ops->device(l, 1, &dev), 0);
	assert_string_equal(dev->path, image(1));
	assert_int_equal(ops->device(l, 2, &dev), -ENODEV);
	assert_int_equal(ops->device(l, 64, &dev), -ENODEV);
	ops->destroy(l);
}

static void meta_files_are_the_medium(void **state)
{
	static char buf[MIB];
	struct layout *m, *c;
	bool direct = false;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("d");
	m = open_master();
	c = open_client();
	assert_int_equal(find(m, ".meta"), MEDIA_INO_META);
	assert_int_equal(find(m, ".meta/.superblock"), MEDIA_INO_SUPER);
	assert_int_equal(find(m, ".meta/.log"), MEDIA_INO_LOG);
	assert_int_equal(stat_of(m, 3).st_mode, S_IFREG | 0444);
	assert_int_equal(stat_of(m, 3).st_size, 2 * MIB);
	assert_int_equal(stat_of(m, 4).st_mode, S_IFREG | 0644);
	assert_int_equal(stat_of(m, 4).st_size, 8 * MIB);
	assert_int_equal(stat_of(c, 4).st_mode, S_IFREG | 0444);
	assert_int_equal(ops->open(m, 4, O_RDONLY, &direct), 0);
	assert_true(direct);
	assert_int_equal(ops->read(m, 4, buf, MIB, 0), MIB);
	assert_memory_equal(buf, mapped(0) + 2 * MIB, MIB);
	assert_int_equal(ops->read(m, 4, buf, MIB, 8 * MIB - 7), 7);
	assert_int_equal(ops->read(m, 4, buf, MIB, 8 * MIB), 0);
	assert_int_equal(ops->read(m, 3, buf, 200, 0), 200);
	assert_memory_equal(buf, mapped(0), 200);
	/* It is read anew each time. */
	log_dir("e");
	assert_int_equal(ops->read(c, 4, buf, MIB, 0), MIB);
	assert_memory_equal(buf, mapped(0) + 2 * MIB, MIB);
	ops->release(m, 4, O_RDONLY);
	assert_int_equal(ops->open(m, 4, O_RDWR, &direct), -EOPNOTSUPP);
	assert_int_equal(ops->write(m, 4, buf, 1, 0, O_RDWR), -EOPNOTSUPP);
	assert_int_equal(set_size(m, 4, 0), -EOPNOTSUPP);
	assert_int_equal(make_dir(m, ROOT, ".meta"), -EEXIST);
	assert_int_equal(make_dir(m, MEDIA_INO_META, "x"), -EPERM);
	ops->destroy(m);
	ops->destroy(c);
}

static bool is_master(struct layout_args args)
{
	struct layout *l = open_args(args);
	bool rc = l->master;

	ops->destroy(l);
	return rc;
}

static void the_uuid_says_who_is_master(void **state)
{
	struct layout_args args;
	FILE *f;

	(void)state;
	make_pool((struct spec) { 0 });
	assert_true(is_master(master_args()));
	assert_false(is_master(client_args()));
	args = master_args();
	args.pool.system_uuid = in_dir("none");
	assert_false(is_master(args));
	assert_said("this host is a client");
	f = fopen(in_dir("none"), "w");
	fputs("12345678-9abc-def0-0102-030405060709\n", f);
	fclose(f);
	assert_false(is_master(args));
	args = master_args();
	args.check = true;
	assert_false(is_master(args));
}

static void a_bad_entry_ends_the_replay(void **state)
{
	struct layout_args args;
	struct layout *l;
	int rc;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	log_dir("b");
	log_dir("c");
	/* The mode of b. */
	mapped(0)[2 * MIB + 48 + 544 + 24] ^= 1;
	l = open_master();
	assert_said("log entry 1");
	assert_said("crc");
	assert_true(find(l, "a"));
	assert_false(find(l, "b"));
	assert_false(find(l, "c"));
	/* Nor can it be added to. */
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	ops->destroy(l);
	args = master_args();
	args.check = true;
	assert_null(try_open(args, &rc));
	assert_int_equal(rc, -EUCLEAN);
}

static void what_is_no_pool_is_refused(void **state)
{
	struct layout_args args;
	int rc;

	(void)state;
	make_pool((struct spec) { 0 });
	memset(mapped(0), 0, 8);
	assert_null(try_open(master_args(), &rc));
	assert_int_equal(rc, -ENODATA);
	args = master_args();
	args.source = in_dir("none");
	assert_null(try_open(args, &rc));
	assert_int_equal(rc, -ENODEV);
}

static void missing_devices_are_an_error_or_EIO(void **state)
{
	struct layout_args args;
	const struct fuse_fmap *fmap;
	struct layout *l;
	bool direct;
	int rc;

	(void)state;
	make_pool((struct spec) { .ndevs = 3 });
	log_file("there", 5, 2, 4 * MIB, FAMFS_FILE_ALL_RW);
	log_file("gone", 5, 1, 4 * MIB, FAMFS_FILE_ALL_RW);
	assert_int_equal(rename(image(1), in_dir("away")), 0);
	assert_null(try_open(master_args(), &rc));
	assert_int_equal(rc, -ENODEV);
	args = master_args();
	args.pool.degraded = true;
	l = open_args(args);
	assert_said("device 1 is missing");
	assert_int_equal(ops->open(l, find(l, "gone"), O_RDONLY, &direct), -EIO);
	assert_int_equal(ops->fmap(l, find(l, "gone"), &fmap), -EIO);
	assert_int_equal(stat_of(l, find(l, "gone")).st_size, 5);
	assert_holds(l, find(l, "there"), "\0\0\0\0\0", 5);
	ops->destroy(l);
}

static void statfs_is_exact(void **state)
{
	struct statvfs st = { 0 };
	struct layout *l;

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	log_file("f", 3 * MIB, 1, 4 * MIB, FAMFS_FILE_ALL_RW);
	l = open_master();
	ops->statfs(l, &st);
	/* 2 x 64 MiB, without 10 MiB and 2 MiB; 4 MiB are the file's. */
	assert_int_equal(st.f_frsize, 2 * MIB);
	assert_int_equal(st.f_blocks, (128 - 12) / 2);
	assert_int_equal(st.f_bfree, (128 - 12 - 4) / 2);
	assert_int_equal(st.f_bavail, st.f_bfree);
	assert_int_equal(st.f_files, 15420);
	assert_int_equal(st.f_ffree, 15420 - 2);
	ops->destroy(l);
}

static void many_files_load(void **state)
{
	struct layout_counts n;
	struct layout *l;
	char path[40];
	unsigned int i;

	(void)state;
	make_pool((struct spec) {
		.size = GIB, .log_len = 64 * MIB, .alloc_unit = 4096,
	});
	for (i = 0; i < 100; i++) {
		sprintf(path, "d%u", i);
		log_dir(path);
	}
	for (i = 0; i < 100000; i++) {
		sprintf(path, "d%u/file%u", i % 100, i);
		log_file(path, i % 4096 + 1, 0, 66 * MIB + i * 4096ULL,
			 FAMFS_FILE_ALL_RW);
	}
	l = open_master();
	ops->count(l, &n);
	assert_int_equal(n.files, 100000);
	assert_int_equal(n.directories, 100);
	assert_int_equal(n.devices, 1);
	for (i = 0; i < 100000; i += 99) {
		sprintf(path, "d%u/file%u", i % 100, i);
		assert_int_equal(find(l, path), FIRST + 100 + i);
	}
	ops->destroy(l);
}

static void there_is_one_master(void **state)
{
	struct layout *l, *client, *other;
	int rc;

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	client = open_client();
	l = open_master();
	assert_null(try_open(master_args(), &rc));
	assert_int_equal(rc, -EBUSY);
	assert_said("is in use by another program");
	other = open_client();
	ops->destroy(l);
	l = open_master();
	ops->destroy(l);
	ops->destroy(other);
	ops->destroy(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(names_are_those_of_the_log),
		FAMFS_TEST(directories_are_listed),
		FAMFS_TEST(maps_are_those_of_the_log),
		FAMFS_TEST(meta_files_are_the_medium),
		FAMFS_TEST(the_uuid_says_who_is_master),
		FAMFS_TEST(a_bad_entry_ends_the_replay),
		FAMFS_TEST(what_is_no_pool_is_refused),
		FAMFS_TEST(missing_devices_are_an_error_or_EIO),
		FAMFS_TEST(statfs_is_exact),
		FAMFS_TEST(many_files_load),
		FAMFS_TEST(there_is_one_master),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
