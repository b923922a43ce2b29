// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories and files with a size, as the master makes them.
 *
 *   1. mkdir is in the log at once, with mode and owner.
 *   2. A file gets its memory when it gets its size, by ftruncate or fallocate, zeroed
 *      also where old data were; it is in the log then, and has a map.
 *   3. It lies as options say, or its attribute.
 *   4. Its id of before leads to it while it is open or mapped; afterwards the log's.
 *   5. The last byte can be had, and not one more; nothing is lost by who fails.
 *   6. The log's last entry likewise, also by those promised to other files.
 *   7. Names: too long, taken, reserved; paths are of 79 bytes.
 *   8. Clients make nothing.
 */
#include <linux/falloc.h>
#include "famfs.h"

static int try_create(struct layout *l, uint64_t dir, const char *name)
{
	const struct layout_new new = { .dir = dir, .name = name, .mode = 0600 };
	struct stat st;

	return ops->create(l, &new, O_RDWR, &st);
}

/* A file of that size, as who calls truncate(1) has it. */
static int make_file(struct layout *l, uint64_t dir, const char *name,
		     uint64_t size)
{
	uint64_t ino = create(l, dir, name);
	int rc = set_size(l, ino, size);

	assert_int_equal(close_file(l, ino, O_RDWR), 0);
	ops->forget(l, ino, 1);
	return rc;
}

static void mkdir_is_in_the_log(void **state)
{
	struct layout *l, *other;
	struct stat st;
	uint64_t d;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	assert_int_equal(make_dir(l, ROOT, "d"), 0);
	d = find(l, "d");
	assert_int_equal(d, MEDIA_INO_FIRST);
	assert_int_equal(make_dir(l, d, "e"), 0);
	assert_int_equal(make_dir(l, d, "e"), -EEXIST);
	assert_int_equal(make_dir(l, 99, "e"), -ESTALE);
	other = open_client();
	st = stat_of(other, find(other, "d/e"));
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 6);
	ops->destroy(other);
	ops->destroy(l);
}

static void sized_file_is_zeroed_memory(void **state)
{
	const struct fuse_fmap *fmap;
	uint8_t *dev;
	struct layout *l, *other;
	static char zeroes[3 * MIB];
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	dev = mapped(0);
	memset(dev + 10 * MIB, 0x55, 54 * MIB);
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(ops->fmap(l, f, &fmap), -EOPNOTSUPP);
	assert_int_equal(set_size(l, f, 3 * MIB), 0);
	assert_int_equal(ops->fmap(l, f, &fmap), 0);
	assert_int_equal(stat_of(l, f).st_size, 3 * MIB);
	assert_int_equal(stat_of(l, f).st_mode, S_IFREG | 0604);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	other = open_client();
	assert_holds(other, find(other, "f"), zeroes, 3 * MIB);
	assert_int_equal(stat_of(other, find(other, "f")).st_uid, 7);
	ops->destroy(other);
	ops->destroy(l);
}

static void fallocate_is_as_good(void **state)
{
	struct layout *l;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(ops->fallocate(l, f, FALLOC_FL_KEEP_SIZE, 0, 5),
			 -EOPNOTSUPP);
	assert_int_equal(ops->fallocate(l, f, 0, 0, 0), -EINVAL);
	assert_int_equal(ops->fallocate(l, f, 0, 1000, 5000), 0);
	assert_int_equal(stat_of(l, f).st_size, 6000);
	assert_int_equal(media_fs_next(l->fs), 1);
	/* What it has it may have again, but no more. */
	assert_int_equal(ops->fallocate(l, f, 0, 0, 6000), 0);
	assert_int_equal(ops->fallocate(l, f, 0, 0, 6001), -EOPNOTSUPP);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	ops->destroy(l);
}

static void assert_layout(struct layout *l, uint64_t ino, const char *want)
{
	char got[64] = "";

	assert_int_equal(ops->getxattr(l, ino, LAYOUT_XATTR, got, sizeof(got)),
			 strlen(want));
	assert_string_equal(got, want);
}

static int set_layout(struct layout *l, uint64_t ino, const char *value)
{
	return ops->setxattr(l, ino, LAYOUT_XATTR, value, strlen(value), 0);
}

static void files_lie_as_is_wanted(void **state)
{
	struct layout_args args;
	struct layout *l;
	uint64_t f;
	char list[64];
	int rc;

	(void)state;
	make_pool((struct spec) { .ndevs = 4 });
	args = master_args();
	args.pool.strips = 4;
	args.pool.chunk = MIB;
	assert_null(try_open(args, &rc));
	assert_int_equal(rc, -EINVAL);
	assert_said("--chunk");
	args.pool.chunk = 2 * MIB;
	l = open_args(args);
	assert_int_equal(make_file(l, ROOT, "striped", 16 * MIB), 0);
	assert_layout(l, find(l, "striped"), "strips=4,chunk=2097152");
	f = create(l, ROOT, "other");
	assert_int_equal(ops->getxattr(l, f, LAYOUT_XATTR, list, 0), -ENODATA);
	assert_int_equal(ops->listxattr(l, f, list, 0), 0);
	assert_int_equal(set_layout(l, f, "strips=0"), -EINVAL);
	assert_int_equal(set_layout(l, f, "strips=17"), -EINVAL);
	assert_int_equal(set_layout(l, f, "strips=2,chunk=3M"), -EINVAL);
	assert_int_equal(set_layout(l, f, "strips=2,chunk=4K"), -EINVAL);
	assert_int_equal(set_layout(l, f, "stripes=2"), -EINVAL);
	assert_int_equal(ops->setxattr(l, f, "user.x", "1", 1, 0), -EOPNOTSUPP);
	assert_int_equal(set_layout(l, f, "strips=2,chunk=4M"), 0);
	assert_layout(l, f, "strips=2,chunk=4194304");
	assert_int_equal(set_size(l, f, 16 * MIB), 0);
	assert_layout(l, f, "strips=2,chunk=4194304");
	assert_int_equal(set_layout(l, f, "strips=1"), -EOPNOTSUPP);
	assert_int_equal(ops->getxattr(l, f, LAYOUT_XATTR, list, 3), -ERANGE);
	assert_int_equal(ops->listxattr(l, f, list, 64), sizeof(LAYOUT_XATTR));
	assert_int_equal(ops->getxattr(l, f, "user.x", list, 0), -ENODATA);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	f = create(l, ROOT, "plain");
	assert_int_equal(set_layout(l, f, "strips=1"), 0);
	assert_int_equal(set_size(l, f, 16 * MIB), 0);
	assert_layout(l, find(l, "plain"), "strips=1");
	ops->destroy(l);
}

static void writers_are_as_is_wanted(void **state)
{
	static const uint32_t flags[] = {
		[WRITERS_ALL] = FAMFS_FILE_ALL_RW, [WRITERS_MASTER] = 0,
		[WRITERS_NONE] = FAMFS_FILE_ALL_RO,
	};
	struct layout_args args;
	struct layout *l;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		make_pool((struct spec) { 0 });
		args = master_args();
		args.pool.writers = i;
		l = open_args(args);
		assert_int_equal(make_file(l, ROOT, "f", 1), 0);
		assert_int_equal(media_fs_find(l->fs, "f")->flags, flags[i]);
		ops->destroy(l);
	}
}

static void old_id_leads_to_it_while_it_must(void **state)
{
	const struct fuse_fmap *fmap;
	struct layout *l;
	struct stat st;
	uint64_t f, log;
	char c;
	bool direct;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(find(l, "f"), f);
	assert_int_equal(set_size(l, f, 100), 0);
	log = MEDIA_INO_FIRST;
	/* Open: its data go through the server. */
	assert_int_equal(find(l, "f"), f);
	assert_int_equal(put(l, f, "abc", 50), 3);
	assert_int_equal(ops->read(l, f, &c, 1, 51), 1);
	assert_int_equal(c, 'b');
	assert_int_equal(put(l, f, "abc", 98), 2);
	assert_int_equal(put(l, f, "abc", 100), -ENOSPC);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	/* Neither open nor mapped: it is looked up again. */
	assert_int_equal(ops->open(l, f, O_RDONLY, &direct), -ESTALE);
	assert_int_equal(find(l, "f"), log);
	assert_int_equal(stat_of(l, f).st_size, 100);
	assert_int_equal(ops->fmap(l, f, &fmap), -EOPNOTSUPP);
	ops->forget(l, f, 1);
	assert_int_equal(ops->getattr(l, f, &st), -ESTALE);

	/* Mapped by it: that is what the kernel knows, until it forgets. */
	f = create(l, ROOT, "g");
	assert_int_equal(set_size(l, f, 100), 0);
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_non_null(l->views.open);
	assert_int_equal(ops->fmap(l, f, &fmap), 0);
	/* Not in a window and in a file of the kernel's at the same time. */
	assert_null(l->views.open);
	/* It may have found the file in use: then it reads on, and no window stays. */
	assert_int_equal(ops->read(l, f, &c, 1, 0), 1);
	assert_int_equal(c, 'a');
	assert_null(l->views.open);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_int_equal(find(l, "g"), f);
	assert_int_equal(ops->open(l, f, O_RDONLY, &direct), 0);
	ops->release(l, f, O_RDONLY);
	ops->forget(l, f, 1);
	assert_int_equal(find(l, "g"), log + 1);
	ops->destroy(l);
}

static void space_is_exact(void **state)
{
	struct layout *l;
	uint64_t room;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	room = free_bytes(l);
	assert_int_equal(room, 54 * MIB);
	assert_int_equal(make_file(l, ROOT, "a", room + 1), -ENOSPC);
	assert_int_equal(free_bytes(l), room);
	assert_int_equal(make_file(l, ROOT, "b", room - 2 * MIB), 0);
	assert_int_equal(free_bytes(l), 2 * MIB);
	assert_int_equal(make_file(l, ROOT, "c", 2 * MIB + 1), -ENOSPC);
	assert_int_equal(make_file(l, ROOT, "d", 2 * MIB), 0);
	assert_int_equal(free_bytes(l), 0);
	assert_int_equal(make_file(l, ROOT, "e", 1), -ENOSPC);
	assert_int_equal(media_fs_next(l->fs), 2);
	/* Nothing that failed is left in the log, nor is a reservation. */
	assert_int_equal(free_entries(l), 15420 - 2);
	ops->destroy(l);
}

static void fill_log(uint64_t left)
{
	struct media_log log = the_log();
	struct famfs_entry entry;
	struct media_error err;
	char path[24];
	uint64_t i;

	for (i = 0; i < 15420 - left; i++) {
		sprintf(path, "d%llu", (unsigned long long)i);
		assert_int_equal(media_entry_mkdir(&entry, path, 0755, 0, 0), 0);
		assert_int_equal(media_log_append(&log, &entry, NULL, &err), 0);
	}
}

static void room_in_the_log_is_exact(void **state)
{
	struct layout *l;
	uint64_t f, g;

	(void)state;
	make_pool((struct spec) { 0 });
	fill_log(2);
	l = open_master();
	assert_int_equal(free_entries(l), 2);
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	/* One is promised to f. */
	assert_int_equal(free_entries(l), 1);
	assert_int_equal(make_dir(l, ROOT, "x"), 0);
	assert_int_equal(make_dir(l, ROOT, "y"), -ENOSPC);
	assert_said("--log-size");
	g = create(l, ROOT, "g");
	assert_int_equal(put(l, g, "abc", 0), 3);
	assert_int_equal(close_file(l, g, O_RDWR), -ENOSPC);
	assert_int_equal(free_bytes(l), 52 * MIB);
	ops->release(l, f, O_RDWR);
	assert_int_equal(free_entries(l), 0);
	assert_int_equal(media_fs_next(l->fs), 15420);
	assert_true(find(l, "f"));
	assert_false(find(l, "g"));
	ops->destroy(l);
}

static void names_have_rules(void **state)
{
	char name[81];
	struct layout *l;
	uint64_t d;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	memset(name, 'n', 80);
	name[80] = '\0';
	assert_int_equal(make_dir(l, ROOT, name), -ENAMETOOLONG);
	assert_int_equal(try_create(l, ROOT, name), -ENAMETOOLONG);
	assert_said("79 bytes");
	assert_int_equal(make_dir(l, ROOT, name + 1), 0);
	assert_int_equal(make_dir(l, ROOT, "dir"), 0);
	d = find(l, "dir");
	assert_int_equal(try_create(l, d, name + 4), -ENAMETOOLONG);
	assert_int_equal(make_file(l, d, name + 5, 1), 0);
	assert_int_equal(try_create(l, ROOT, "dir"), -EEXIST);
	assert_int_equal(try_create(l, ROOT, ".meta"), -EEXIST);
	assert_int_equal(try_create(l, MEDIA_INO_META, "x"), -EPERM);
	assert_int_equal(try_create(l, ROOT, "empty"), 0);
	assert_int_equal(try_create(l, ROOT, "empty"), -EEXIST);
	assert_int_equal(make_dir(l, ROOT, "empty"), -EEXIST);
	assert_int_equal(make_dir(l, find(l, "empty"), "x"), -ENOTDIR);
	ops->destroy(l);
}

static void clients_make_nothing(void **state)
{
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	assert_int_equal(make_dir(l, ROOT, "d"), -EROFS);
	assert_int_equal(try_create(l, ROOT, "f"), -EROFS);
	assert_int_equal(set_layout(l, ROOT, "strips=1"), -EROFS);
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(mkdir_is_in_the_log),
		FAMFS_TEST(sized_file_is_zeroed_memory),
		FAMFS_TEST(fallocate_is_as_good),
		FAMFS_TEST(files_lie_as_is_wanted),
		FAMFS_TEST(writers_are_as_is_wanted),
		FAMFS_TEST(old_id_leads_to_it_while_it_must),
		FAMFS_TEST(space_is_exact),
		FAMFS_TEST(room_in_the_log_is_exact),
		FAMFS_TEST(names_have_rules),
		FAMFS_TEST(clients_make_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
