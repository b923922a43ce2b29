// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name space that is made of a log:
 *
 *   1. Nodes keep their ids and their addresses; they are found by path, by name, by
 *      position.
 *   2. .meta and its files are there from the beginning.
 *   3. When memory runs out, at any allocation, nothing has changed, and a further call
 *      goes on.
 */
#include <errno.h>
#include "replays.h"

/* Allocations until one fails; 0: none does. */
static unsigned int fail_in;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails(void)
{
	return fail_in && !--fail_in;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

/* --- memory --- */

static void without_memory_nothing_changes(void **state)
{
	struct media_fs_counts before, after;
	struct media_super sb;
	struct media_fs *fs = NULL;
	struct made made;
	unsigned int n, failed = 0;
	uint64_t next;
	int rc = -ENOMEM;

	(void)state;
	made_new(&made, 48, 600);
	made_mkdir(&made, "d");
	for (n = 1; n < 600; n++) {
		char path[80];

		snprintf(path, sizeof(path), n % 2 ? "d/%u" : "%u", n);
		if (n == 40)
			made_add_daxdev(&made, 1, GIB, 0xd1);
		else
			made_file(&made, path, 1, 10 * MIB + n * 2 * MIB, 2 * MIB);
	}
	media_super_read(made.super, MADE_SUPER, 0, &sb, NULL);
	for (n = 1; rc; n++) {
		fail_in = n;
		rc = media_fs_new(&fs, &sb, NULL, NULL);
		fail_in = 0;
		assert_true(rc == 0 || rc == -ENOMEM);
	}
	assert_true(n > 5);
	/* Each allocation fails once; then it goes on from where it was. */
	for (rc = -ENOMEM; rc;) {
		next = media_fs_next(fs);
		fail_in = 1;
		rc = replay(fs, &made, NULL);
		fail_in = 0;
		if (!rc)
			break;
		assert_int_equal(rc, -ENOMEM);
		failed++;
		assert_true(media_fs_next(fs) >= next);
		next = media_fs_next(fs);
		assert_int_equal(used(fs), (next > 40 ? next - 2 :
					    next ? next - 1 : 0) * 2 * MIB);
		assert_null(media_fs_node(fs, MEDIA_INO_FIRST + next));
		/* One allocation each time: the entry that failed gets further. */
		for (n = 2; n < 10 && media_fs_next(fs) == next; n++) {
			media_fs_count(fs, &before);
			fail_in = n;
			rc = replay(fs, &made, NULL);
			fail_in = 0;
			media_fs_count(fs, &after);
			if (media_fs_next(fs) == next)
				assert_int_equal(after.files, before.files);
		}
		if (!rc)
			break;
	}
	assert_true(failed > 5);
	assert_int_equal(media_fs_next(fs), 600);
	assert_int_equal(used(fs), 598 * 2 * MIB);
	media_fs_free(fs);
	made_free(&made);
}

/* --- what is there --- */

static void meta_is_there_from_the_beginning(void **state)
{
	const struct media_node *node;
	struct media_fs *fs;
	struct made made;
	char path[FAMFS_PATH_MAX];

	(void)state;
	made_new(&made, 48, 1);
	fs = fs_of(&made);
	assert_int_equal(media_fs_find(fs, "")->ino, MEDIA_INO_ROOT);
	assert_int_equal(media_fs_find(fs, ".meta")->ino, MEDIA_INO_META);
	node = media_fs_find(fs, ".meta/.superblock");
	assert_int_equal(node->ino, MEDIA_INO_SUPER);
	assert_int_equal(node->mode, 0444);
	assert_int_equal(node->size, 2 * MIB);
	node = media_fs_lookup(fs, MEDIA_INO_META, ".log");
	assert_int_equal(node->ino, MEDIA_INO_LOG);
	assert_int_equal(node->mode, 0644);
	assert_int_equal(node->size, 8 * MIB);
	assert_int_equal(node->nextents, 0);
	assert_string_equal(media_fs_path(fs, node->ino, path), ".meta/.log");
	assert_string_equal(media_fs_path(fs, MEDIA_INO_ROOT, path), "");
	assert_ptr_equal(media_fs_entry(fs, MEDIA_INO_ROOT, 0),
			 media_fs_node(fs, MEDIA_INO_META));
	assert_null(media_fs_entry(fs, MEDIA_INO_ROOT, 1));
	assert_null(media_fs_entry(fs, MEDIA_INO_LOG, 0));
	assert_null(media_fs_node(fs, 0));
	assert_null(media_fs_node(fs, 5));
	assert_null(media_fs_node(fs, 15));
	assert_null(media_fs_node(fs, 16));
	assert_null(media_fs_node(fs, UINT64_MAX));
	media_fs_free(fs);
	made_free(&made);
}

struct told {
	unsigned int nodes;
	unsigned int devices;
	const struct media_node *last;
};

static void tell_node(void *ctx, const struct media_node *node)
{
	struct told *told = ctx;

	assert_int_equal(node->ino, MEDIA_INO_FIRST + told->nodes);
	told->nodes++;
	told->last = node;
}

static void tell_device(void *ctx, unsigned int dev,
			const struct media_device *device)
{
	struct told *told = ctx;

	assert_int_equal(dev, 5);
	assert_int_equal(device->size, GIB);
	told->devices++;
}

#define MANY	2000U

/* Two directories, names that are alike in both. */
static void nodes_are_found_in_every_way(void **state)
{
	static const struct media_fs_ops ops = { tell_node, tell_device };
	const struct media_node *nodes[MANY], *node;
	struct told told = { 0 };
	struct media_super sb;
	struct media_fs *fs;
	struct made made;
	char path[80];
	unsigned int i;

	(void)state;
	made_new(&made, 48, MANY + 1);
	media_super_read(made.super, MADE_SUPER, 0, &sb, NULL);
	assert_int_equal(media_fs_new(&fs, &sb, &ops, &told), 0);
	made_mkdir(&made, "a");
	made_mkdir(&made, "b");
	for (i = 2; i < MANY; i++) {
		snprintf(path, sizeof(path), "%c/n%u", 'a' + i % 2, i / 2);
		made_file(&made, path, i, 10 * MIB + i * 2 * MIB, 2 * MIB);
		assert_int_equal(replay(fs, &made, NULL), 0);
		nodes[i] = told.last;
	}
	made_add_daxdev(&made, 5, GIB, 0xd5);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(told.nodes, MANY);
	assert_int_equal(told.devices, 1);
	for (i = 2; i < MANY; i++) {
		snprintf(path, sizeof(path), "%c/n%u", 'a' + i % 2, i / 2);
		node = media_fs_node(fs, MEDIA_INO_FIRST + i);
		/* Its address has not changed. */
		assert_ptr_equal(node, nodes[i]);
		assert_int_equal(node->size, i);
		assert_ptr_equal(media_fs_find(fs, path), node);
		assert_ptr_equal(media_fs_lookup(fs, MEDIA_INO_FIRST + i % 2,
						 path + 2), node);
		assert_ptr_equal(media_fs_entry(fs, MEDIA_INO_FIRST + i % 2,
						i / 2 - 1), node);
	}
	assert_int_equal(media_fs_node(fs, MEDIA_INO_FIRST)->nentries,
			 MANY / 2 - 1);
	assert_null(media_fs_entry(fs, MEDIA_INO_FIRST, MANY / 2 - 1));
	assert_null(media_fs_lookup(fs, MEDIA_INO_ROOT, "n1"));
	assert_null(media_fs_lookup(fs, MEDIA_INO_FIRST, "n"));
	assert_null(media_fs_find(fs, "a/"));
	assert_null(media_fs_find(fs, "/a"));
	assert_null(media_fs_find(fs, "a/n1/x"));
	memset(path, 'x', 79);
	path[79] = '\0';
	assert_null(media_fs_lookup(fs, MEDIA_INO_ROOT, path));
	media_fs_free(fs);
	made_free(&made);
}

/* Depth: 40 components of one byte are 79 bytes; so is one component. */
static void the_longest_paths_fit(void **state)
{
	struct media_fs *fs;
	struct made made;
	char path[80] = "", found[FAMFS_PATH_MAX];
	unsigned int i;

	(void)state;
	made_new(&made, 48, 41);
	for (i = 0; i < 40; i++) {
		strcat(path, i ? "/a" : "a");
		made_mkdir(&made, path);
	}
	memset(found, 'y', 79);
	found[79] = '\0';
	made_mkdir(&made, found);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_string_equal(media_fs_path(fs, MEDIA_INO_FIRST + 39, found), path);
	media_fs_path(fs, MEDIA_INO_FIRST + 40, found);
	assert_int_equal(strspn(found, "y"), 79);
	assert_ptr_equal(media_fs_find(fs, found),
			 media_fs_node(fs, MEDIA_INO_FIRST + 40));
	media_fs_free(fs);
	made_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meta_is_there_from_the_beginning),
		cmocka_unit_test(nodes_are_found_in_every_way),
		cmocka_unit_test(the_longest_paths_fit),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests_name("media_names", tests, NULL, NULL);
}
