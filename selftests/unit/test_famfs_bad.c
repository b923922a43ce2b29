// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a pool turns out to be bad (here: an image that is cut off).
 *
 *   1. The log cannot be read: that is said once, what came before is served, and it is
 *      gone on when the memory is good again. So it is in the thread that follows it.
 *   2. Nor the superblock: the same, and nothing is added.
 *   3. An entry is half written: who made it gets EIO, no reader is told of it, and the
 *      next one takes its place.
 *   4. What was staged cannot be filled in: EIO, and there is no such file. No other gets
 *      that memory, contiguous or interleaved.
 *   5. Reading and writing what is in the pool is EIO for that file alone; so is
 *      .meta/.log.
 *   6. A mount of such a log serves what comes before; one of such a superblock, or of
 *      such a header of the log, fails.
 */
#include "famfs.h"

#define LOG_AT	(2 * MIB)
#define DATA_AT	(10 * MIB)

/* From there on it is bad; or, if that is its end, good. */
static void cut(uint64_t at)
{
	assert_int_equal(truncate(image(0), at), 0);
}

/* Cutting loses what was there. */
struct rest {
	uint64_t at;
	size_t size;
	uint8_t *data;
};

static struct rest cut_off(uint64_t at)
{
	struct rest r = { .at = at, .size = 12 * MIB - at };

	r.data = malloc(r.size);
	assert_non_null(r.data);
	memcpy(r.data, mapped(0) + at, r.size);
	cut(at);
	return r;
}

static void mend(struct rest r)
{
	cut(64 * MIB);
	memcpy(mapped(0) + r.at, r.data, r.size);
	free(r.data);
}

static void many_dirs(unsigned int n)
{
	char name[20];

	while (n--) {
		sprintf(name, "d%u", n);
		log_dir(name);
	}
}

/* Entry 7 begins in the first page of the log and ends in the second. */
static void bad_log_is_said_once(void **state)
{
	struct layout *l;
	unsigned int i;
	struct rest r;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	l = open_client();
	many_dirs(10);
	r = cut_off(LOG_AT + PAGE);
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(times_said("the memory at byte 2101248 of the device is bad"), 1);
	assert_true(find(l, "a"));
	assert_true(find(l, "d4"));
	assert_false(find(l, "d3"));
	mend(r);
	famfs_follow(l);
	assert_true(find(l, "d0"));
	ops->destroy(l);
}

static void thread_that_follows_lives(void **state)
{
	unsigned int tries = 0;
	struct layout *l;
	struct rest r;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	r = cut_off(LOG_AT);
	assert_int_equal(ops->start(l, (void *)l, false), 0);
	while (!times_said("is bad") && tries++ < 3000)
		usleep(10000);
	mend(r);
	log_dir("a");
	while (!find(l, "a") && tries++ < 3000)
		usleep(10000);
	ops->stop(l, NULL, NULL);
	assert_true(find(l, "a"));
	assert_int_equal(times_said("is bad"), 1);
	ops->destroy(l);
}

static void bad_superblock_stops_the_master(void **state)
{
	struct layout *l;
	struct rest r;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	r = cut_off(0);
	famfs_follow(l);
	assert_int_equal(make_dir(l, ROOT, "d"), -EIO);
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), -EIO);
	assert_int_equal(times_said("the memory at byte 0 of the device is bad"), 1);
	mend(r);
	assert_int_equal(make_dir(l, ROOT, "d"), 0);
	ops->destroy(l);
}

static void half_an_entry_is_none(void **state)
{
	struct layout *l, *c;
	struct rest r;

	(void)state;
	make_pool((struct spec) { 0 });
	many_dirs(7);
	l = open_master();
	r = cut_off(LOG_AT + PAGE);
	assert_int_equal(make_dir(l, ROOT, "half"), -EIO);
	assert_int_equal(make_dir(l, ROOT, "half"), -EIO);
	assert_said("nothing can be added to the log: the memory at byte 2101248 of the device is bad");
	assert_false(find(l, "half"));
	mend(r);
	/* Its first half is there. */
	assert_memory_equal(mapped(0) + LOG_AT + 48 + 7 * 544 + 28, "half", 5);
	c = open_client();
	assert_int_equal(times_said("cannot be used"), 0);
	assert_false(find(c, "half"));
	assert_int_equal(make_dir(l, ROOT, "whole"), 0);
	famfs_follow(c);
	assert_true(find(c, "whole"));
	assert_false(find(c, "half"));
	ops->destroy(c);
	ops->destroy(l);
}

static void bad_memory_is_not_filled(void **state)
{
	const struct media_node *node;
	struct layout *l;
	uint64_t before;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	before = free_bytes(l);
	cut(DATA_AT);
	assert_int_equal(set_size(l, create(l, ROOT, "sized"), 5), -EIO);
	assert_said("sized: the memory for byte 0 of it is bad");
	assert_said(": 2097152 bytes at 10485760 of device 0");
	assert_int_equal(free_bytes(l), before - 2 * MIB);
	/* Of three units the second and the third. */
	cut(DATA_AT + 4 * MIB);
	assert_int_equal(write_file(l, ROOT, "f", mapped(0), 6 * MIB), -EIO);
	assert_false(find(l, "f"));
	assert_int_equal(free_bytes(l), before - 4 * MIB);
	cut(64 * MIB);
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), 0);
	assert_int_equal(write_file(l, ROOT, "g", "def", 3), 0);
	assert_holds(l, find(l, "f"), "abc", 3);
	node = media_fs_node(l->fs, find(l, "f"));
	assert_int_equal(node->extents[0].offset, DATA_AT + 2 * MIB);
	node = media_fs_node(l->fs, find(l, "g"));
	assert_int_equal(node->extents[0].offset, DATA_AT + 6 * MIB);
	ops->destroy(l);
}

static void bad_strip_is_not_filled(void **state)
{
	const struct famfs_extent *strip;
	struct layout_args args;
	struct layout *l;
	struct staged *s;
	uint64_t before;
	char text[80];

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	args = master_args();
	args.pool.strips = 2;
	args.pool.chunk = 4 * MIB;
	l = open_args(args);
	before = free_bytes(l);
	s = staged_pin(l, create(l, ROOT, "f"));
	pthread_mutex_lock(&s->lock);
	assert_int_equal(commit_reserve(l, s, 16 * MIB), 0);
	assert_int_equal(s->map.ext_type, FAMFS_MAP_INTERLEAVED);
	/* Its fourth unit: of its second chunk, the file's fourth. */
	strip = &s->map.interleave.strips[1];
	assert_int_equal(truncate(image(strip->devindex),
				  strip->offset + 6 * MIB), 0);
	assert_int_equal(commit_fill(l, s), -EIO);
	pthread_mutex_unlock(&s->lock);
	assert_said("f: the memory for byte 14680064 of it is bad");
	sprintf(text, "2097152 bytes at %llu of device %u",
		(unsigned long long)strip->offset + 6 * MIB,
		(unsigned int)strip->devindex);
	assert_said(text);
	pthread_rwlock_wrlock(&l->lock);
	commit_give_back(l, s);
	pthread_rwlock_unlock(&l->lock);
	staged_unpin(l, s);
	assert_int_equal(free_bytes(l), before - 2 * MIB);
	ops->destroy(l);
}

static void bad_file_cannot_be_read_or_written(void **state)
{
	struct layout *l;
	uint64_t good, bad;
	char buf[64];
	bool direct;

	(void)state;
	make_pool((struct spec) { 0 });
	log_file("good", 5, 0, DATA_AT, FAMFS_FILE_ALL_RW);
	log_file("bad", 5, 0, DATA_AT + 2 * MIB, FAMFS_FILE_ALL_RW);
	l = open_client();
	good = find(l, "good");
	bad = find(l, "bad");
	assert_int_equal(ops->open(l, good, O_RDWR, &direct), 0);
	assert_int_equal(ops->open(l, bad, O_RDWR, &direct), 0);
	cut(DATA_AT + 2 * MIB);
	assert_int_equal(ops->read(l, bad, buf, 5, 0), -EIO);
	assert_int_equal(ops->write(l, bad, "abc", 3, 0, O_RDWR), -EIO);
	assert_said("some of the memory of its bytes 0 to 4 is bad");
	assert_int_equal(ops->write(l, good, "abc", 3, 0, O_RDWR), 3);
	assert_int_equal(ops->read(l, good, buf, 5, 0), 5);
	cut(LOG_AT + PAGE);
	assert_int_equal(ops->read(l, MEDIA_INO_LOG, buf, 64, 0), 64);
	assert_int_equal(ops->read(l, MEDIA_INO_LOG, buf, 64, PAGE), -EIO);
	ops->release(l, good, O_RDWR);
	ops->release(l, bad, O_RDWR);
	ops->destroy(l);
}

/* What becomes bad once a window, the how manieth, is open. */
static unsigned int cut_when;
static uint64_t cut_where;

int __real_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len,
			     struct pool_window *window);
int __wrap_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len,
			     struct pool_window *window);
int __wrap_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len,
			     struct pool_window *window)
{
	int rc = __real_pool_window_range(reach, index, off, len, window);

	if (cut_when && !--cut_when)
		cut(cut_where);
	return rc;
}

static struct layout *open_and_cut(unsigned int when, uint64_t where, int *rc)
{
	make_pool((struct spec) { 0 });
	many_dirs(10);
	said[0] = '\0';
	cut_when = when;
	cut_where = where;
	return try_open(client_args(), rc);
}

static void mount_serves_what_is_good(void **state)
{
	struct layout *l;
	int rc;

	(void)state;
	assert_null(open_and_cut(1, 0, &rc));
	assert_int_equal(rc, -EIO);
	assert_int_equal(times_said("the memory at byte 0 of the device is bad"), 1);
	cut(64 * MIB);
	assert_null(open_and_cut(2, LOG_AT, &rc));
	assert_int_equal(rc, -EIO);
	assert_int_equal(times_said("the memory at byte 2097152 of the device is bad"), 1);
	cut(64 * MIB);
	l = open_and_cut(2, LOG_AT + PAGE, &rc);
	assert_non_null(l);
	assert_said("the memory at byte 2101248 of the device is bad: what comes before it, 7 entries, is all");
	assert_true(find(l, "d3"));
	assert_false(find(l, "d2"));
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(bad_log_is_said_once),
		FAMFS_TEST(thread_that_follows_lives),
		FAMFS_TEST(bad_superblock_stops_the_master),
		FAMFS_TEST(half_an_entry_is_none),
		FAMFS_TEST(bad_memory_is_not_filled),
		FAMFS_TEST(bad_strip_is_not_filled),
		FAMFS_TEST(bad_file_cannot_be_read_or_written),
		FAMFS_TEST(mount_serves_what_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
