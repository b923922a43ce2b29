// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other hosts must not do to a pool that is mounted, and do.
 *
 *   1. Another pool is made of its device. A client looks at the log no more: what was
 *      there is served, what is new in the other's is not taken for this one's. One
 *      line says so.
 *   2. The master finds out before it writes: neither the log nor a file of the other
 *      pool changes, and who makes something gets EIO.
 *   3. While that pool is being made there is no superblock: nothing is written, and
 *      nothing is over yet.
 *   4. Another master adds to the log: what it has added is served here, too; one line
 *      says what is wrong, and who makes something gets EIO. That also holds if it has
 *      taken the space of a file that is being written here, which it keeps.
 *   5. Or it writes over the last entry from here.
 *   6. What was added before the mount is no other master's, though it could be
 *      replayed only later.
 */
#include "famfs.h"

#define LOG_AT	(2 * MIB)
#define DATA_AT	(10 * MIB)

static void follow(struct layout *l, unsigned int times)
{
	while (times--)
		famfs_follow(l);
}

static void client_leaves_another_pool_alone(void **state)
{
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	l = open_client();
	make_pool((struct spec) { .uuid = 9 });
	log_dir("b");
	log_dir("c");
	follow(l, 5);
	assert_true(find(l, "a"));
	assert_false(find(l, "b"));
	assert_false(find(l, "c"));
	assert_int_equal(times_said("is another now (uuid 09000000-0000-0000-0000-000000000000, was 07000000-0000-0000-0000-000000000000): unmount it"), 1);
	assert_int_equal(times_said("cannot be followed"), 0);
	ops->destroy(l);
}

static void master_leaves_another_pool_alone(void **state)
{
	uint8_t *log = malloc(8 * MIB);
	struct layout *l;
	struct stat st;
	uint64_t f;

	(void)state;
	assert_non_null(log);
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "mine", 0), 4);
	make_pool((struct spec) { .uuid = 9 });
	log_file("theirs", 6, 0, DATA_AT, FAMFS_FILE_ALL_RW);
	memcpy(mapped(0) + DATA_AT, "theirs", 6);
	memcpy(log, mapped(0) + LOG_AT, 8 * MIB);
	assert_int_equal(close_file(l, f, O_RDWR), -EIO);
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	assert_int_equal(ops->create(l, &(struct layout_new) {
			.dir = ROOT, .name = "g",
		}, O_RDWR, &st), -EIO);
	assert_memory_equal(log, mapped(0) + LOG_AT, 8 * MIB);
	assert_memory_equal(mapped(0) + DATA_AT, "theirs", 6);
	assert_int_equal(times_said("is another now"), 1);
	ops->forget(l, f, 1);
	ops->destroy(l);
	free(log);
}

static void pool_without_superblock_is_waited_for(void **state)
{
	uint8_t super[4096], log[4096];
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	memcpy(super, mapped(0), sizeof(super));
	memset(mapped(0), 0, sizeof(super));
	/* The log is the other's already. */
	memcpy(log, mapped(0) + LOG_AT, sizeof(log));
	log_dir("theirs");
	follow(l, 5);
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), -EIO);
	assert_int_equal(times_said("there is no superblock"), 1);
	memcpy(mapped(0) + LOG_AT, log, sizeof(log));
	memcpy(mapped(0), super, sizeof(super));
	assert_int_equal(make_dir(l, ROOT, "d"), 0);
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), 0);
	ops->destroy(l);
}

static void second_master_is_noticed(void **state)
{
	uint8_t *log = malloc(8 * MIB);
	struct layout *l;
	struct stat st;

	(void)state;
	assert_non_null(log);
	make_pool((struct spec) { 0 });
	l = open_master();
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), 0);
	log_file("theirs", 6, 0, DATA_AT + 2 * MIB, FAMFS_FILE_ALL_RW);
	memcpy(log, mapped(0) + LOG_AT, 8 * MIB);
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	assert_int_equal(ops->create(l, &(struct layout_new) {
			.dir = ROOT, .name = "g",
		}, O_RDWR, &st), -EIO);
	follow(l, 5);
	assert_memory_equal(log, mapped(0) + LOG_AT, 8 * MIB);
	assert_int_equal(times_said("another host adds to the log"), 1);
	assert_holds(l, find(l, "f"), "abc", 3);
	assert_holds(l, find(l, "theirs"), "\0\0\0\0\0\0", 6);
	ops->destroy(l);
	free(log);
}

static void space_of_second_master_is_not_written(void **state)
{
	uint64_t f, before;
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	before = free_bytes(l);
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "mine", 0), 4);
	/* Its space is reserved, and filled. */
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	log_file("theirs", 6, 0, DATA_AT, FAMFS_FILE_ALL_RW);
	memcpy(mapped(0) + DATA_AT, "theirs", 6);
	assert_int_equal(put(l, f, "more", 0), 4);
	ops->release(l, f, O_RDWR);
	ops->forget(l, f, 1);
	assert_memory_equal(mapped(0) + DATA_AT, "theirs", 6);
	assert_int_equal(times_said("another host adds to the log"), 1);
	assert_false(find(l, "f"));
	follow(l, 1);
	assert_holds(l, find(l, "theirs"), "theirs", 6);
	assert_int_equal(free_bytes(l), before - 2 * MIB);
	ops->destroy(l);
}

static void overwritten_entry_is_noticed(void **state)
{
	uint8_t header[48];
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	memcpy(header, mapped(0) + LOG_AT, sizeof(header));
	assert_int_equal(make_dir(l, ROOT, "mine"), 0);
	memcpy(mapped(0) + LOG_AT, header, sizeof(header));
	log_dir("theirs");
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	assert_int_equal(times_said("another host adds to the log"), 1);
	ops->destroy(l);
}

static void entries_of_before_are_nobody_elses(void **state)
{
	uint8_t *mode = NULL;
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	log_dir("b");
	mode = mapped(0) + LOG_AT + 48 + 544 + 24;
	*mode ^= 1;
	l = open_master();
	assert_int_equal(make_dir(l, ROOT, "c"), -EIO);
	*mode ^= 1;
	assert_int_equal(make_dir(l, ROOT, "c"), 0);
	assert_true(find(l, "b"));
	assert_int_equal(times_said("another host adds to the log"), 0);
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(client_leaves_another_pool_alone),
		FAMFS_TEST(master_leaves_another_pool_alone),
		FAMFS_TEST(pool_without_superblock_is_waited_for),
		FAMFS_TEST(second_master_is_noticed),
		FAMFS_TEST(space_of_second_master_is_not_written),
		FAMFS_TEST(overwritten_entry_is_noticed),
		FAMFS_TEST(entries_of_before_are_nobody_elses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
