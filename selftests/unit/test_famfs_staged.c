// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are written before they have a size.
 *
 *   1. What was written is in the log, and in memory, when the last writer has closed
 *      the file; not before, whoever else closes or syncs it. A writer's fsync will do.
 *   2. Mode, owner and times are those that were set meanwhile.
 *   3. Who has it open to read reads on, what was written; who opens it by the old id
 *      is sent to the log's.
 *   4. Without room the writer is told, at the latest when he closes it; the file is
 *      gone, and its room is there again.
 *   5. Empty files are listed, and stay until they have contents, or the end.
 *   6. Files that were never closed are never in the log.
 *   7. O_APPEND, truncation, holes.
 *   8. Before it is in the log a file can be removed and renamed.
 *   9. Many at once.
 */
#include "famfs.h"

static uint64_t entries(struct layout *l)
{
	return media_fs_next(l->fs);
}

static unsigned int listed(struct layout *l, const char *want)
{
	const char *name;
	unsigned int n = 0;
	struct stat st;
	uint64_t pos;

	for (pos = 0; (pos = ops->seek(l, ROOT, pos)) != UINT64_MAX; pos++) {
		assert_int_equal(ops->entry(l, ROOT, pos, &st, &name), 0);
		n += !strcmp(name, want);
	}
	return n;
}

static void closed_file_is_in_the_log(void **state)
{
	static char data[5 * MIB + 17];
	struct layout *l, *other;
	unsigned int i;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { .ndevs = 2 });
	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 4096;
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(ops->write(l, f, data, sizeof(data), 0, O_RDWR),
			 sizeof(data));
	assert_int_equal(stat_of(l, f).st_size, sizeof(data));
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 1);
	ops->release(l, f, O_RDWR);
	assert_int_equal(entries(l), 2);
	assert_int_equal(find(l, "f"), MEDIA_INO_FIRST + 1);
	other = open_client();
	assert_holds(other, find(other, "f"), data, sizeof(data));
	assert_holds(l, find(l, "f"), data, sizeof(data));
	assert_int_equal(stat_of(l, f).st_size, sizeof(data));
	ops->destroy(other);
	ops->destroy(l);
}

static void last_writer_decides(void **state)
{
	struct layout *l;
	uint64_t f;
	bool direct;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "one", 0), 3);
	assert_int_equal(ops->open(l, f, O_WRONLY, &direct), 0);
	assert_int_equal(ops->open(l, f, O_RDONLY, &direct), 0);
	/* Of a shell and its children: one file, closed by each. */
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(put(l, f, "two", 3), 3);
	assert_int_equal(ops->fsync(l, f, O_RDONLY), 0);
	assert_int_equal(close_file(l, f, O_RDONLY), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 0);
	assert_int_equal(put(l, f, "six", 6), 3);
	assert_int_equal(close_file(l, f, O_WRONLY), 0);
	assert_int_equal(entries(l), 1);
	assert_holds(l, find(l, "f"), "onetwosix", 9);
	ops->destroy(l);
}

struct closing {
	struct layout *l;
	uint64_t f;
};

static void *close_later(void *arg)
{
	const struct closing *c = arg;

	/* So that who opens it is likely to be there first. */
	usleep(20000);
	assert_int_equal(close_file(c->l, c->f, O_RDWR), 0);
	return NULL;
}

/* What close(2) has told the server, the kernel tells it in two requests. */
static void who_opens_what_is_being_closed_finds_it_made(void **state)
{
	struct closing c;
	pthread_t thread;
	bool direct;
	int i;

	(void)state;
	make_pool((struct spec) { 0 });
	c.l = open_master();
	for (i = 0; i < 2; i++) {
		c.f = create(c.l, ROOT, i ? "g" : "f");
		assert_int_equal(put(c.l, c.f, "abc", 0), 3);
		assert_int_equal(ops->flush(c.l, c.f, O_RDWR), 0);
		assert_int_equal(pthread_create(&thread, NULL, close_later, &c),
				 0);
		if (i)
			assert_int_equal(ops->fsync(c.l, c.f, O_RDONLY), 0);
		else
			assert_int_equal(ops->open(c.l, c.f, O_RDWR, &direct),
					 -ESTALE);
		assert_int_equal(entries(c.l), i + 1);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	ops->destroy(c.l);
}

static void fsync_of_a_writer_is_enough(void **state)
{
	struct layout *l, *other;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->fsync(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 1);
	/* It may be changed, but has its size. */
	assert_int_equal(put(l, f, "X", 1), 1);
	assert_int_equal(put(l, f, "d", 3), -ENOSPC);
	assert_int_equal(ops->fsync(l, f, O_RDWR), 0);
	other = open_client();
	assert_holds(other, find(other, "f"), "aXc", 3);
	ops->destroy(other);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 1);
	ops->destroy(l);
}

static void attributes_are_kept(void **state)
{
	const struct stat attr = {
		.st_mode = 0751, .st_uid = 100, .st_gid = 200,
		.st_mtim = { .tv_sec = 1000000 },
	};
	struct layout *l, *other;
	struct stat st;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->setattr(l, f, &attr, FUSE_SET_ATTR_MODE |
				      FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID |
				      FUSE_SET_ATTR_MTIME, &st), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	st = stat_of(l, find(l, "f"));
	assert_int_equal(st.st_mode, S_IFREG | 0751);
	assert_int_equal(st.st_uid, 100);
	assert_int_equal(st.st_mtim.tv_sec, 1000000);
	other = open_client();
	st = stat_of(other, find(other, "f"));
	assert_int_equal(st.st_mode, S_IFREG | 0751);
	assert_int_equal(st.st_gid, 200);
	ops->destroy(other);
	ops->destroy(l);
}

static void readers_read_on(void **state)
{
	struct layout *l;
	char buf[4] = "";
	bool direct;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->open(l, f, O_RDONLY, &direct), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 1);
	/* Not by a window: the kernel may have the memory by now. */
	assert_int_equal(ops->read(l, f, buf, 4, 0), 3);
	assert_string_equal(buf, "abc");
	assert_null(l->views.open);
	assert_int_equal(put(l, f, "x", 0), -ESTALE);
	assert_int_equal(ops->open(l, f, O_RDONLY, &direct), -ESTALE);
	assert_int_equal(find(l, "f"), MEDIA_INO_FIRST);
	ops->forget(l, f, 1);
	assert_int_equal(ops->read(l, f, buf, 4, 0), 3);
	ops->release(l, f, O_RDONLY);
	assert_int_equal(ops->read(l, f, buf, 4, 0), -ESTALE);
	ops->destroy(l);
}

static void writer_is_told_that_there_is_no_room(void **state)
{
	static char data[28 * MIB];
	struct layout *l;
	uint64_t f, g;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	/* 54 MiB: both fit, but not together. */
	f = create(l, ROOT, "f");
	g = create(l, ROOT, "g");
	assert_int_equal(ops->write(l, f, data, sizeof(data), 0, O_RDWR),
			 sizeof(data));
	assert_int_equal(ops->write(l, g, data, sizeof(data), 0, O_RDWR),
			 sizeof(data));
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(free_bytes(l), 26 * MIB);
	assert_int_equal(close_file(l, g, O_RDWR), -ENOSPC);
	assert_said("\"g\" is dropped");
	assert_false(find(l, "g"));
	ops->release(l, f, O_RDWR);
	assert_int_equal(entries(l), 1);
	assert_int_equal(free_bytes(l), 26 * MIB);

	/* What can never fit, write says. Who goes on all the same is told again. */
	f = create(l, ROOT, "h");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(put(l, f, "abc", 26 * MIB - 2), -ENOSPC);
	assert_int_equal(close_file(l, f, O_RDWR), -ENOSPC);
	assert_false(find(l, "h"));
	assert_int_equal(write_file(l, ROOT, "i", data, 26 * MIB), 0);
	assert_int_equal(free_bytes(l), 0);
	ops->destroy(l);
}

/* A log that is damaged meanwhile: it is the writer's to know, if there is one. */
static void failure_leaves_nothing(void **state)
{
	struct layout *l;
	uint8_t *len;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	len = mapped(0) + 2 * MIB + 8;
	*len ^= 1;
	ops->release(l, f, O_RDWR);
	assert_said("\"f\" is dropped");
	assert_false(find(l, "f"));
	assert_int_equal(free_bytes(l), 54 * MIB);
	assert_int_equal(free_entries(l), 15420);
	f = create(l, ROOT, "g");
	assert_int_equal(set_size(l, f, 5), -EIO);
	assert_int_equal(free_bytes(l), 54 * MIB);
	*len ^= 1;
	assert_int_equal(set_size(l, f, 5), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_int_equal(entries(l), 1);
	ops->destroy(l);
}

static void empty_files_stay(void **state)
{
	struct layout *l;
	bool direct;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	assert_int_equal(write_file(l, ROOT, "e", "", 0), 0);
	assert_int_equal(write_file(l, ROOT, "f", "", 0), 0);
	assert_int_equal(entries(l), 0);
	f = find(l, "f");
	assert_true(is_provisional(f));
	assert_int_equal(listed(l, "f"), 1);
	assert_int_equal(ops->open(l, f, O_WRONLY, &direct), 0);
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(close_file(l, f, O_WRONLY), 0);
	assert_int_equal(entries(l), 1);
	assert_int_equal(listed(l, "f"), 1);
	assert_int_equal(listed(l, "e"), 1);
	ops->destroy(l);
	l = open_master();
	assert_true(find(l, "f"));
	assert_false(find(l, "e"));
	ops->destroy(l);
}

static void open_files_are_never_in_the_log(void **state)
{
	struct layout *l;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	ops->destroy(l);
	l = open_master();
	assert_false(find(l, "f"));
	assert_int_equal(free_bytes(l), 54 * MIB);
	/* Who has it open still, of another life of the server, is told so. */
	assert_int_not_equal(create(l, ROOT, "g"), f);
	assert_true(create(l, ROOT, "h") > f);
	assert_int_equal(put(l, f, "abc", 0), -ESTALE);
	assert_int_equal(ops->flush(l, f, O_RDWR), -ESTALE);
	ops->release(l, f, O_RDWR);
	ops->destroy(l);
}

static void contents_are_what_was_done(void **state)
{
	struct layout *l;
	uint64_t f;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abcdef", 0), 6);
	assert_int_equal(set_size(l, f, 3), 0);
	assert_int_equal(ops->write(l, f, "XY", 2, 0, O_RDWR | O_APPEND), 2);
	assert_int_equal(put(l, f, "z", 7), 1);
	/* Copied once; then it grows, and shrinks. */
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(put(l, f, "end", 5 * MIB), 3);
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(free_bytes(l), 48 * MIB);
	assert_int_equal(set_size(l, f, 9), 0);
	assert_int_equal(entries(l), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_holds(l, find(l, "f"), "abcXY\0\0z\0", 9);
	assert_int_equal(free_bytes(l), 52 * MIB);
	/* Emptied by who writes it, it may get a size instead. */
	f = create(l, ROOT, "g");
	assert_int_equal(put(l, f, "abcdef", 0), 6);
	assert_int_equal(set_size(l, f, 0), 0);
	assert_int_equal(set_size(l, f, 4), 0);
	assert_int_equal(entries(l), 2);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_holds(l, find(l, "g"), "\0\0\0\0", 4);
	ops->destroy(l);
}

static void names_can_be_changed_before(void **state)
{
	struct layout *l;
	uint64_t f, g;

	(void)state;
	make_pool((struct spec) { 0 });
	l = open_master();
	assert_int_equal(make_dir(l, ROOT, "d"), 0);
	f = create(l, ROOT, "f");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->rename(l, ROOT, "f", find(l, "d"), "g", 0), 0);
	assert_false(find(l, "f"));
	assert_int_equal(find(l, "d/g"), f);
	assert_int_equal(listed(l, "f"), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_holds(l, find(l, "d/g"), "abc", 3);
	/* Over another; that is gone, and what is written to it. */
	f = create(l, ROOT, "f");
	g = create(l, ROOT, "g");
	assert_int_equal(put(l, f, "new", 0), 3);
	assert_int_equal(put(l, g, "old", 0), 3);
	assert_int_equal(ops->rename(l, ROOT, "f", ROOT, "g", RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(ops->rename(l, ROOT, "f", ROOT, "g", 0), 0);
	assert_int_equal(close_file(l, g, O_RDWR), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	assert_holds(l, find(l, "g"), "new", 3);
	assert_false(find(l, "f"));
	/* Removed, while it is open: it is not in the log when it is closed. */
	f = create(l, ROOT, "h");
	assert_int_equal(put(l, f, "abc", 0), 3);
	assert_int_equal(ops->flush(l, f, O_RDWR), 0);
	assert_int_equal(ops->unlink(l, ROOT, "h"), 0);
	assert_false(find(l, "h"));
	assert_int_equal(listed(l, "h"), 0);
	assert_int_equal(close_file(l, f, O_RDWR), 0);
	ops->forget(l, f, 1);
	assert_int_equal(entries(l), 3);
	assert_int_equal(free_bytes(l), 50 * MIB);
	assert_int_equal(free_entries(l), 15420 - 3);
	ops->destroy(l);
}

#define MAKERS	6
#define MADE	60

static void *maker(void *arg)
{
	struct layout *l = arg;
	static _Atomic unsigned int number;
	unsigned int me = number++ % MAKERS, i;
	char name[20];

	for (i = 0; i < MADE; i++) {
		sprintf(name, "f%u-%u", me, i);
		if (write_file(l, ROOT, name, name, strlen(name)))
			return "failed";
	}
	return NULL;
}

static void many_are_made_at_once(void **state)
{
	pthread_t threads[MAKERS];
	struct layout *l, *other;
	unsigned int i, k;
	char name[20];
	void *wrong;

	(void)state;
	make_pool((struct spec) { .alloc_unit = 4096 });
	l = open_master();
	for (i = 0; i < MAKERS; i++)
		pthread_create(&threads[i], NULL, maker, l);
	for (i = 0; i < MAKERS; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(entries(l), MAKERS * MADE);
	assert_null(l->staged);
	other = open_client();
	for (i = 0; i < MAKERS; i++)
		for (k = 0; k < MADE; k++) {
			sprintf(name, "f%u-%u", i, k);
			assert_holds(other, find(other, name), name,
				     strlen(name));
		}
	ops->destroy(other);
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMFS_TEST(closed_file_is_in_the_log),
		FAMFS_TEST(last_writer_decides),
		FAMFS_TEST(who_opens_what_is_being_closed_finds_it_made),
		FAMFS_TEST(fsync_of_a_writer_is_enough),
		FAMFS_TEST(attributes_are_kept),
		FAMFS_TEST(readers_read_on),
		FAMFS_TEST(writer_is_told_that_there_is_no_room),
		FAMFS_TEST(failure_leaves_nothing),
		FAMFS_TEST(empty_files_stay),
		FAMFS_TEST(open_files_are_never_in_the_log),
		FAMFS_TEST(contents_are_what_was_done),
		FAMFS_TEST(names_can_be_changed_before),
		FAMFS_TEST(many_are_made_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
