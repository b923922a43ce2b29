// SPDX-License-Identifier: GPL-2.0-only
/*
 * This host's uuid.
 *
 *   1. It is created on demand only: a line of text, mode 0644 whatever the umask is, in
 *      directories that are made; nothing else is left there. It stays what it is.
 *   2. One that is there is read, with blanks around it as well, in capitals as well.
 *   3. What is no uuid is -EINVAL, and not overwritten.
 *   4. Of many who create it at once all get the same. Who looks meanwhile sees no
 *      file, or that one: never a part of it.
 *   5. Errors of the path are told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "../../user/pool/pool.h"

#define CREATORS	8
#define ROUNDS		50

static char dir[] = "/tmp/pool_system.XXXXXX";
static char file[64];	/* in a directory of a directory */

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a/b/system_uuid", dir);
	return 0;
}

/* There is nothing but the file. */
static void remove_all(void)
{
	static const char *const names[] = { "a/b/system_uuid", "a/b", "a" };
	char path[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (remove(path))
			assert_int_equal(errno, ENOENT);
	}
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void put(const char *text, size_t len)
{
	FILE *f;
	char path[64];

	remove_all();
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static size_t get(char *text, size_t size)
{
	FILE *f = fopen(file, "r");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, size, f);
	fclose(f);
	return len;
}

static void file_is_created_on_demand(void **state)
{
	uint8_t uuid[16] = { 0 }, again[16], null[16] = { 0 };
	char text[64], want[64];
	struct stat st;
	mode_t mask;
	int i, n = 0;

	(void)state;
	assert_int_equal(pool_system_uuid(file, false, uuid), -ENOENT);
	assert_memory_equal(uuid, null, 16);
	assert_int_equal(access(file, F_OK), -1);
	mask = umask(0077);
	assert_int_equal(pool_system_uuid(file, true, uuid), 0);
	umask(mask);
	assert_memory_not_equal(uuid, null, 16);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_nlink, 1);
	for (i = 0; i < 16; i++)
		n += sprintf(want + n, "%s%02x", i == 4 || i == 6 || i == 8 ||
			     i == 10 ? "-" : "", uuid[i]);
	assert_int_equal(get(text, sizeof(text)), 37);
	assert_memory_equal(text, want, 36);
	assert_int_equal(text[36], '\n');
	assert_int_equal(pool_system_uuid(file, true, again), 0);
	assert_memory_equal(uuid, again, 16);
	assert_int_equal(pool_system_uuid(file, false, again), 0);
	assert_memory_equal(uuid, again, 16);
	remove_all();
}

static void file_of_famfs_is_read(void **state)
{
	static const char *const texts[] = {
		"9253b7ea-421e-464d-ac85-89ea3418d3dc",
		"9253b7ea-421e-464d-ac85-89ea3418d3dc\n",
		"9253B7EA-421E-464D-AC85-89EA3418D3DC\n",
		" \t9253b7ea-421e-464d-ac85-89ea3418d3dc \r\n\n",
	};
	static const uint8_t want[16] = {
		0x92, 0x53, 0xb7, 0xea, 0x42, 0x1e, 0x46, 0x4d,
		0xac, 0x85, 0x89, 0xea, 0x34, 0x18, 0xd3, 0xdc,
	};
	uint8_t uuid[16];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		put(texts[i], strlen(texts[i]));
		assert_int_equal(pool_system_uuid(file, i & 1, uuid), 0);
		assert_memory_equal(uuid, want, 16);
	}
	remove_all();
}

static void what_is_no_uuid_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;	/* 0: all of it */
	} cases[] = {
		{ "", 0 }, { "\n", 0 }, { "none\n", 0 },
		{ "9253b7ea-421e-464d-ac85-89ea3418d3d\n", 0 },
		{ "9253b7ea-421e-464d-ac85-89ea3418d3dcc\n", 0 },
		{ "9253b7ea-421e-464d-ac85-89ea3418d3dg\n", 0 },
		{ "9253b7ea421e464dac8589ea3418d3dc\n", 0 },
		{ "00000000-0000-0000-0000-000000000000\n", 0 },
		{ "9253b7ea-421e-464d-ac85-89ea3418d3dc x\n", 0 },
		{ "9253b7ea-421e-464d-ac85-89ea3418d3dc\0\n", 38 },
	};
	uint8_t uuid[16];
	char text[64];
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		len = cases[i].len ? cases[i].len : strlen(cases[i].text);
		put(cases[i].text, len);
		assert_int_equal(pool_system_uuid(file, false, uuid), -EINVAL);
		assert_int_equal(pool_system_uuid(file, true, uuid), -EINVAL);
		assert_int_equal(get(text, sizeof(text)), len);
		assert_memory_equal(text, cases[i].text, len);
	}
	remove_all();
}

/* ------------------------------------------------------------------------
 * Several at once
 */

struct result {
	int rc;
	uint8_t uuid[16];
};

/* Waits until all are there: reading ends when nobody has the pipe to write to. */
static void wait_for_all(int gate[2])
{
	char c;

	close(gate[1]);
	while (read(gate[0], &c, 1) > 0)
		;
}

static void create(struct result *r, int gate[2])
{
	wait_for_all(gate);
	r->rc = pool_system_uuid(file, true, r->uuid);
	_exit(0);
}

/* Until there is one, or something is wrong. */
static void look(struct result *r, int gate[2])
{
	wait_for_all(gate);
	do {
		r->rc = pool_system_uuid(file, false, r->uuid);
	} while (r->rc == -ENOENT);
	_exit(0);
}

static void race(struct result *results)
{
	pid_t pids[2 * CREATORS];
	int gate[2], i, status;

	assert_int_equal(pipe(gate), 0);
	for (i = 0; i < 2 * CREATORS; i++) {
		pids[i] = fork();
		assert_int_not_equal(pids[i], -1);
		if (!pids[i] && i < CREATORS)
			create(&results[i], gate);
		if (!pids[i])
			look(&results[i], gate);
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < 2 * CREATORS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static unsigned int files_beside(void)
{
	char path[64];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/a/b", dir);
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d)))
		n++;
	closedir(d);
	return n;
}

static void creators_at_once_agree(void **state)
{
	const size_t size = 2 * CREATORS * sizeof(struct result);
	struct result *results;
	int i, round;

	(void)state;
	results = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(results != MAP_FAILED);
	for (round = 0; round < ROUNDS; round++) {
		memset(results, 0x55, size);
		race(results);
		for (i = 0; i < 2 * CREATORS; i++) {
			assert_int_equal(results[i].rc, 0);
			assert_memory_equal(results[i].uuid, results[0].uuid, 16);
		}
		/* It, "." and "..". */
		assert_int_equal(files_beside(), 3);
		remove_all();
	}
	munmap(results, size);
}

static void errors_of_the_path_are_told(void **state)
{
	static char longer[2 * 4096];
	char path[128];
	uint8_t uuid[16];

	(void)state;
	assert_int_equal(pool_system_uuid(dir, true, uuid), -EISDIR);
	put("x", 1);
	snprintf(path, sizeof(path), "%s/below/it", file);
	assert_int_equal(pool_system_uuid(path, true, uuid), -ENOTDIR);
	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(pool_system_uuid(longer, true, uuid), -ENAMETOOLONG);
	/* A link that leads nowhere is nobody's uuid, and not replaced. */
	remove_all();
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(pool_system_uuid(path, true, uuid), -ENOENT);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_created_on_demand),
		cmocka_unit_test(file_of_famfs_is_read),
		cmocka_unit_test(what_is_no_uuid_is_refused),
		cmocka_unit_test(creators_at_once_agree),
		cmocka_unit_test(errors_of_the_path_are_told),
	};

	return cmocka_run_group_tests_name("pool_system", tests, set_up, tear_down);
}
