// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pool has no word for, and who may do what.
 *
 *   1. What is in the log is not removed, renamed, linked, grown or shrunk, not even by
 *      a rename over it: EOPNOTSUPP, and the log says why, once for many.
 *   2. To its own size it may be truncated.
 *   3. Mode, owner, times: the master changes them until the end, clients do not.
 *   4. Data are written by whom the file's flags allow.
 */
#include "famfs.h"

static void log_is_only_added_to(void **state)
{
	struct layout *l;
	unsigned int i;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("d");
	log_file("f", 5, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	l = open_master();
	f = find(l, "f");
	for (i = 0; i < 100; i++)
		assert_int_equal(ops->unlink(l, ROOT, "f"), -EOPNOTSUPP);
	assert_int_equal(times_said("\"f\" cannot be removed"), 1);
	assert_int_equal(ops->unlink(l, ROOT, "none"), -ENOENT);
	assert_int_equal(ops->refuse(l, REFUSE_RMDIR, ROOT, "d"), -EOPNOTSUPP);
	assert_said("\"d\" cannot be removed");
	assert_int_equal(ops->rename(l, ROOT, "f", ROOT, "g", 0), -EOPNOTSUPP);
	assert_said("\"f\" cannot become \"g\"");
	assert_int_equal(ops->rename(l, ROOT, "none", ROOT, "g", 0), -ENOENT);
	assert_int_equal(ops->refuse(l, REFUSE_LINK, ROOT, "g"), -EOPNOTSUPP);
	assert_int_equal(ops->refuse(l, REFUSE_SYMLINK, ROOT, "g"), -EOPNOTSUPP);
	assert_int_equal(ops->refuse(l, REFUSE_MKNOD, ROOT, "g"), -EOPNOTSUPP);
	assert_int_equal(times_said("\"g\" cannot be"), 3);
	assert_int_equal(set_size(l, f, 0), -EOPNOTSUPP);
	assert_int_equal(set_size(l, f, 6), -EOPNOTSUPP);
	assert_int_equal(times_said("keeps its size"), 1);
	assert_int_equal(set_size(l, f, 5), 0);
	assert_int_equal(set_size(l, ROOT, 5), -EISDIR);
	/* Nor by a file that is not in it. */
	create(l, ROOT, "new");
	assert_int_equal(ops->rename(l, ROOT, "new", ROOT, "f", 0), -EOPNOTSUPP);
	assert_int_equal(ops->rename(l, ROOT, "new", ROOT, "f",
				     RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(ops->rename(l, ROOT, "new", ROOT, "f",
				     RENAME_EXCHANGE), -EINVAL);
	assert_true(find(l, "new"));
	assert_int_equal(media_fs_next(l->fs), 2);
	ops->destroy(l);
}

static void clients_change_nothing(void **state)
{
	struct layout *l;
	struct stat attr = { .st_mode = 0777, .st_size = 5 }, st;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	log_file("f", 5, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	l = open_client();
	f = find(l, "f");
	assert_int_equal(ops->unlink(l, ROOT, "f"), -EROFS);
	assert_int_equal(ops->rename(l, ROOT, "f", ROOT, "g", 0), -EROFS);
	assert_int_equal(ops->refuse(l, REFUSE_RMDIR, ROOT, "d"), -EROFS);
	assert_int_equal(ops->setattr(l, f, &attr, FUSE_SET_ATTR_MODE, &st),
			 -EROFS);
	assert_int_equal(ops->setattr(l, f, &attr, FUSE_SET_ATTR_MTIME_NOW,
				      &st), -EROFS);
	assert_int_equal(set_size(l, f, 6), -EROFS);
	assert_int_equal(ops->fallocate(l, f, 0, 0, 6), -EROFS);
	assert_int_equal(set_size(l, f, 5), 0);
	assert_int_equal(stat_of(l, f).st_mode, S_IFREG | 0640);
	ops->destroy(l);
}

static void attributes_are_changed_until_the_end(void **state)
{
	struct stat attr = { .st_mode = 0611, .st_uid = 9, .st_gid = 10 }, st;
	struct layout *l;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	log_file("f", 5, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	l = open_master();
	f = find(l, "f");
	assert_int_equal(ops->setattr(l, f, &attr, TO_SET_OWNER |
				      FUSE_SET_ATTR_MODE, &st), 0);
	assert_int_equal(ops->getattr(l, f, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0611);
	assert_int_equal(st.st_uid, 9);
	assert_int_equal(st.st_gid, 10);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(ops->setattr(l, MEDIA_INO_LOG, &attr,
				      FUSE_SET_ATTR_MODE, &st), -EPERM);
	ops->destroy(l);
	l = open_master();
	assert_int_equal(stat_of(l, f).st_mode, S_IFREG | 0640);
	ops->destroy(l);
}

static int open_for(struct layout *l, const char *name, int flags)
{
	uint64_t ino = find(l, name);
	bool direct;
	int rc = ops->open(l, ino, flags, &direct);

	if (!rc)
		ops->release(l, ino, flags);
	return rc;
}

static void flags_say_who_writes(void **state)
{
	struct layout *m, *c;

	(void)state;
	make_pool((struct spec) { 0 });
	log_file("all", 5, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	log_file("none", 5, 0, 12 * MIB, FAMFS_FILE_ALL_RO);
	log_file("master", 5, 0, 14 * MIB, 0);
	m = open_master();
	c = open_client();
	assert_int_equal(open_for(m, "all", O_RDWR), 0);
	assert_int_equal(open_for(c, "all", O_RDWR), 0);
	assert_int_equal(open_for(m, "none", O_WRONLY), -EACCES);
	assert_int_equal(open_for(c, "none", O_WRONLY), -EACCES);
	assert_int_equal(open_for(m, "master", O_RDWR), 0);
	assert_int_equal(open_for(c, "master", O_RDWR), -EROFS);
	assert_int_equal(open_for(c, "master", O_RDONLY), 0);
	assert_int_equal(open_for(c, "none", O_RDONLY), 0);
	assert_int_equal(open_for(c, ".meta", O_RDONLY), -EISDIR);
	/* What one writes the other reads: it is the same memory. */
	assert_int_equal(put(c, find(c, "all"), "hello", 0), 5);
	assert_holds(m, find(m, "all"), "hello", 5);
	ops->destroy(m);
	ops->destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(log_is_only_added_to),
		FAMFS_TEST(clients_change_nothing),
		FAMFS_TEST(attributes_are_changed_until_the_end),
		FAMFS_TEST(flags_say_who_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
