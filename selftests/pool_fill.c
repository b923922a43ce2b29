// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool_fill DEVICE OTHER COUNT: append directories d0000, ... of a thousand files
 * each, f000000, ... of one allocation unit, to the log of a pool that is not mounted:
 * many files in no time, for poolmount_test.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../user/media/media.h"
#include "../user/pool/pool.h"

#define FILES_A_DIRECTORY	1000

static void print_line(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "pool_fill: %s\n", text);
}

static int append(struct pool *pool, struct media_fs *fs,
		  struct famfs_entry *entry, bool claimed)
{
	struct media_error err;
	char text[MEDIA_ERROR_MAX];
	int rc = media_log_append(&pool->media_log, entry, NULL, &err);

	if (!rc)
		rc = media_fs_add(fs, entry, claimed, NULL, &err);
	if (rc)
		fprintf(stderr, "pool_fill: %s: %s\n", strerror(-rc),
			media_strerror(&err, text, sizeof(text)));
	return rc;
}

static int add_directory(struct pool *pool, struct media_fs *fs,
			 unsigned int number)
{
	struct famfs_entry entry;
	char path[FAMFS_PATH_MAX];

	snprintf(path, sizeof(path), "d%04u", number);
	return media_entry_mkdir(&entry, path, 0755, 0, 0) ?:
	       append(pool, fs, &entry, false);
}

static int add_file(struct pool *pool, struct media_fs *fs, unsigned int number)
{
	struct media_policy policy = { 0 };
	struct famfs_entry entry;
	struct famfs_fmap map;
	char path[FAMFS_PATH_MAX];
	uint64_t size = pool->sb.alloc_unit;
	int rc = media_space_alloc(media_fs_space(fs), size, &policy, &map);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "d%04u/f%06u", number / FILES_A_DIRECTORY,
		 number);
	return media_entry_file(&entry, path, size, FAMFS_FILE_ALL_RW, 0644, 0, 0,
				&map) ?:
	       append(pool, fs, &entry, true);
}

static int fill(struct pool *pool, struct media_fs *fs, unsigned int count)
{
	struct media_error err;
	int rc = media_fs_replay(fs, &pool->media_log, &err);
	unsigned int i;

	for (i = 0; i < count && !rc; i++) {
		if (!(i % FILES_A_DIRECTORY))
			rc = add_directory(pool, fs, i / FILES_A_DIRECTORY);
		if (!rc)
			rc = add_file(pool, fs, i);
	}
	return rc;
}

int main(int argc, char **argv)
{
	const struct pool_log log = { .line = print_line };
	const char *others[2] = { argc > 2 ? argv[2] : NULL, NULL };
	struct pool_args args = { .others = others, .flags = POOL_WRITE };
	struct media_fs *fs;
	struct pool *pool;
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: pool_fill DEVICE OTHER COUNT\n");
		return 2;
	}
	args.name = argv[1];
	rc = pool_open(&pool, &args, &log);
	if (rc)
		return 1;
	rc = media_fs_new(&fs, &pool->sb, NULL, NULL);
	if (!rc) {
		rc = fill(pool, fs, strtoul(argv[3], NULL, 10));
		media_fs_free(fs);
	}
	pool_close(pool);
	if (rc)
		fprintf(stderr, "pool_fill: %s\n", strerror(-rc));
	return rc ? 1 : 0;
}
