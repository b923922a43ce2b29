// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log, followed.
 *
 *   1. What another host appends is there after a look at the log; the kernel is told
 *      of each name, and once of the directory. Nothing new: nothing is told.
 *   2. A client sees within a poll interval what the master has made.
 *   3. A bad entry is logged once, what came before stays, and when it is mended it
 *      goes on. So it is with a bad header.
 *   4. A device that is added can be used; if it is not there it is looked for at each
 *      look at the log, which is said once, and can be used as soon as it is. So can one
 *      that was missing at the mount. All devices are looked through only if there are
 *      others than before.
 *   5. What the master makes itself is told only where the kernel must look again.
 *   6. Stopping does not wait for who waits for the server; nor for a notification that
 *      nothing but a signal ends. One that comes without an end loses nothing.
 *   7. Readers and the follower do not get in each other's way.
 *   8. After a takeover all names are to be asked for anew.
 */
#include "famfs.h"

static void start(struct layout *l)
{
	assert_int_equal(ops->start(l, (void *)l, false), 0);
}

static void stop(struct layout *l)
{
	ops->stop(l, NULL, NULL);
}

/* Waits until it is so, for half a minute. */
#define until(condition) do {						\
	unsigned int tries = 0;						\
	while (!(condition)) {						\
		assert_true(tries++ < 3000);				\
		usleep(10000);						\
	}								\
} while (0)

static void new_entries_are_told(void **state)
{
	static const char news[] =
		"name 16/a\nname 16/b\nnode 10\nname 1/e\nnode 1\n";
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("d");
	l = open_client();
	log_file("d/a", 1, 0, 10 * MIB, FAMFS_FILE_ALL_RW);
	log_file("d/b", 1, 0, 12 * MIB, FAMFS_FILE_ALL_RW);
	log_dir("e");
	assert_false(find(l, "d/a"));
	start(l);
	until(was_told("node 1\n"));
	assert_true(find(l, "d/a"));
	assert_true(find(l, "d/b"));
	assert_true(find(l, "e"));
	/* Two more looks. */
	usleep(250000);
	stop(l);
	assert_string_equal(told, news);
	ops->destroy(l);
}

static void client_sees_what_the_master_makes(void **state)
{
	struct layout *m, *c;

	(void)state;
	make_pool((struct spec) { 0 });
	m = open_master();
	c = open_client();
	start(c);
	assert_int_equal(make_dir(m, ROOT, "d"), 0);
	assert_int_equal(write_file(m, find(m, "d"), "f", "abc", 3), 0);
	until(find(c, "d/f"));
	assert_holds(c, find(c, "d/f"), "abc", 3);
	assert_int_equal(find(c, "d/f"), find(m, "d/f"));
	assert_int_equal(free_bytes(c), free_bytes(m));
	stop(c);
	ops->destroy(c);
	ops->destroy(m);
}

static void bad_entry_is_said_once(void **state)
{
	uint8_t *mode;
	struct layout *l;
	unsigned int i;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	log_dir("a");
	log_dir("b");
	log_dir("c");
	mode = mapped(0) + 2 * MIB + 48 + 544 + 24;
	*mode ^= 1;
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(times_said("log entry 1"), 1);
	assert_true(find(l, "a"));
	assert_false(find(l, "b"));
	*mode ^= 1;
	famfs_follow(l);
	assert_true(find(l, "c"));
	ops->destroy(l);
}

static void bad_header_is_said_once(void **state)
{
	uint8_t *len;
	struct layout *l;
	unsigned int i;

	(void)state;
	make_pool((struct spec) { 0 });
	log_dir("a");
	l = open_client();
	log_dir("b");
	len = mapped(0) + 2 * MIB + 8;
	*len ^= 1;
	said[0] = '\0';
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(times_said("\n"), 1);
	assert_false(find(l, "b"));
	*len ^= 1;
	famfs_follow(l);
	assert_true(find(l, "b"));
	ops->destroy(l);
}

/* What another host does; its superblock is there before the log tells of it. */
static void add_device(unsigned int i)
{
	struct media_mkfs_dev dev = {
		.super = mapped(i), .size = 64 * MIB, .uuid = { 0xee, i },
	};
	struct media_log log = the_log();
	struct media_super sb;
	struct media_error err;

	assert_int_equal(media_super_read(mapped(0), 4096, 0, &sb, &err), 0);
	assert_int_equal(media_add_device(&dev, &sb, &log, i, NULL, &err), 0);
}

static void added_device_can_be_used(void **state)
{
	struct media_log log;
	struct layout_args args;
	const struct dev_info *info;
	const char *others[2];
	uint8_t before[8192], after[8192];
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	others[0] = image(1);
	others[1] = NULL;
	log = the_log();
	memcpy(before, log.mem, sizeof(before));
	add_device(1);
	memcpy(after, log.mem, sizeof(after));
	memcpy(log.mem, before, sizeof(before));
	args = client_args();
	args.pool.devices = others;
	l = open_args(args);
	assert_int_equal(ops->device(l, 1, &info), -ENODEV);
	memcpy(log.mem, after, sizeof(after));
	log_file("f", 5, 1, 4 * MIB, FAMFS_FILE_ALL_RW);
	famfs_follow(l);
	assert_said("device 1 was added");
	assert_int_equal(ops->device(l, 1, &info), 0);
	assert_string_equal(info->path, image(1));
	assert_holds(l, find(l, "f"), "\0\0\0\0\0", 5);
	assert_int_equal(free_bytes(l), (54 + 62 - 2) * MIB);
	ops->destroy(l);
}

static void device_is_plugged_in_later(void **state)
{
	const char *others[] = { image(1), NULL };
	struct layout_args args;
	const struct dev_info *info;
	struct layout *l;
	unsigned int i;

	(void)state;
	make_pool((struct spec) { 0 });
	args = client_args();
	args.pool.devices = others;
	l = open_args(args);
	add_device(1);
	log_file("f", 5, 1, 4 * MIB, FAMFS_FILE_ALL_RW);
	assert_int_equal(rename(image(1), in_dir("away")), 0);
	said[0] = '\0';
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(times_said("is not to be found"), 1);
	assert_int_equal(times_said("is not there"), 1);
	assert_int_equal(times_said(image(1)), 1);
	assert_int_equal(ops->device(l, 1, &info), -ENODEV);
	assert_int_equal(rename(in_dir("away"), image(1)), 0);
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(times_said("device 1 is there now: "), 1);
	assert_int_equal(ops->device(l, 1, &info), 0);
	assert_holds(l, find(l, "f"), "\0\0\0\0\0", 5);
	ops->destroy(l);
}

static void missing_device_comes_back(void **state)
{
	struct layout_args args;
	struct layout *l;

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	log_file("f", 5, 1, 4 * MIB, FAMFS_FILE_ALL_RW);
	assert_int_equal(rename(image(1), in_dir("away")), 0);
	args = client_args();
	args.pool.degraded = true;
	l = open_args(args);
	famfs_follow(l);
	assert_int_equal(times_said("device 1"), 2);
	assert_int_equal(rename(in_dir("away"), image(1)), 0);
	famfs_follow(l);
	assert_holds(l, find(l, "f"), "\0\0\0\0\0", 5);
	ops->destroy(l);
}

/* There is one device, which cannot be used; another one for another number. */
static unsigned int listings;
static uint64_t listed;

int __wrap_dev_list(struct dev_info **devs, unsigned int *count);
int __wrap_dev_list(struct dev_info **devs, unsigned int *count)
{
	struct dev_info *dev = calloc(1, sizeof(*dev));

	assert_non_null(dev);
	strcpy(dev->why, "because");
	dev->size = listed;
	*devs = dev;
	*count = 1;
	listings++;
	return 0;
}

static void devices_are_looked_through_for_a_reason(void **state)
{
	struct layout *l;
	unsigned int i;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	add_device(1);
	add_device(2);
	/* If it were an image file, the others would be, too: these are on no list. */
	l->pool->devs[0].kind = DEV_DEVDAX;
	listings = 0;
	famfs_follow(l);
	/* For each of the two: which devices are there, and what lies on them? */
	assert_int_equal(listings, 4);
	for (i = 0; i < 5; i++)
		famfs_follow(l);
	assert_int_equal(listings, 14);
	listed++;
	famfs_follow(l);
	assert_int_equal(listings, 18);
	famfs_follow(l);
	assert_int_equal(listings, 20);
	assert_int_equal(times_said("is not to be found"), 2);
	ops->destroy(l);
}

static void own_files_are_told_where_it_matters(void **state)
{
	struct layout_args args;
	struct layout *l;
	char news[40];
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	args = master_args();
	args.pool.poll = 3600;
	l = open_args(args);
	start(l);
	assert_int_equal(make_dir(l, ROOT, "d"), 0);
	/* Its name leads to another node from here on. */
	assert_int_equal(write_file(l, ROOT, "f", "abc", 3), 0);
	until(was_told("name 1/f\nnode 1\n"));
	/* Who has given it its size asks for its map. */
	f = create(l, ROOT, "g");
	assert_int_equal(set_size(l, f, 3), 0);
	assert_int_equal(write_file(l, ROOT, "h", "abc", 3), 0);
	until(was_told("name 1/h\nnode 1\n"));
	sprintf(news, "node %llx\n", (unsigned long long)f);
	assert_false(was_told(news));
	assert_false(was_told("/d"));
	assert_false(was_told("/g"));
	stop(l);
	ops->destroy(l);
}

static pthread_mutex_t hanging = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool hangs;

static void hang(void)
{
	hangs = true;
	pthread_mutex_lock(&hanging);
	pthread_mutex_unlock(&hanging);
}

static void let_go(void *arg)
{
	*(bool *)arg = true;
	pthread_mutex_unlock(&hanging);
}

static void stopping_frees_who_waits(void **state)
{
	bool freed = false;
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	before_telling = hang;
	pthread_mutex_lock(&hanging);
	start(l);
	log_dir("d");
	log_dir("e");
	until(hangs);
	ops->stop(l, let_go, &freed);
	assert_true(freed);
	/* And what is left is not told any more. */
	assert_false(was_told("/e"));
	ops->destroy(l);
}

/* What waits in the kernel for a pinned page waits on, whatever becomes of the mount. */
static void wait_for_signal(void)
{
	hangs = true;
	pause();
}

static void stopping_interrupts_who_waits(void **state)
{
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	hangs = false;
	before_telling = wait_for_signal;
	start(l);
	log_dir("d");
	until(hangs);
	alarm(30);
	stop(l);
	alarm(0);
	ops->destroy(l);
}

static void interrupted_news_are_told_again(void **state)
{
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_client();
	telling_fails = -EINTR;
	start(l);
	log_dir("d");
	until(was_told("node 1\n"));
	stop(l);
	assert_string_equal(told, "name 1/d\nnode 1\n");
	assert_int_equal(times_said("cannot be told"), 0);
	ops->destroy(l);
}

static _Atomic bool over;

/* Looks at all there is, again and again. */
static void *reader(void *arg)
{
	struct layout *l = arg;
	const struct fuse_fmap *fmap;
	const char *name;
	struct stat st;
	uint64_t pos, n = 0;

	while (!over) {
		for (pos = 0; !ops->entry(l, ROOT, pos, &st, &name); pos++) {
			if (ops->lookup(l, ROOT, name, &st))
				return "lookup";
			if (S_ISREG(st.st_mode) &&
			    ops->fmap(l, st.st_ino, &fmap))
				return "fmap";
		}
		if (pos < n)
			return "gone";
		n = pos;
	}
	return NULL;
}

static void readers_are_not_disturbed(void **state)
{
	pthread_t threads[3];
	struct layout *m, *c;
	unsigned int i;
	char name[20];
	void *wrong;

	(void)state;
	make_pool((struct spec) { .alloc_unit = 4096 });
	m = open_master();
	c = open_client();
	start(c);
	over = false;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, reader, i ? c : m);
	for (i = 0; i < 300; i++) {
		sprintf(name, "f%u", i);
		assert_int_equal(write_file(m, ROOT, name, "abc", 3), 0);
		if (i % 30 == 0)
			famfs_follow(m);
	}
	until(find(c, "f299"));
	over = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &wrong);
		if (wrong)
			fail_msg("%s", (char *)wrong);
	}
	stop(c);
	ops->destroy(c);
	ops->destroy(m);
}

static void successor_has_all_asked_anew(void **state)
{
	struct layout *l;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	assert_int_equal(ops->digest(l), 7);
	assert_int_equal(ops->start(l, (void *)l, true), 0);
	until(was_told("epoch\n"));
	stop(l);
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(new_entries_are_told),
		FAMFS_TEST(client_sees_what_the_master_makes),
		FAMFS_TEST(bad_entry_is_said_once),
		FAMFS_TEST(bad_header_is_said_once),
		FAMFS_TEST(added_device_can_be_used),
		FAMFS_TEST(device_is_plugged_in_later),
		FAMFS_TEST(missing_device_comes_back),
		FAMFS_TEST(devices_are_looked_through_for_a_reason),
		FAMFS_TEST(own_files_are_told_where_it_matters),
		FAMFS_TEST(stopping_frees_who_waits),
		FAMFS_TEST(stopping_interrupts_who_waits),
		FAMFS_TEST(interrupted_news_are_told_again),
		FAMFS_TEST(readers_are_not_disturbed),
		FAMFS_TEST(successor_has_all_asked_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
