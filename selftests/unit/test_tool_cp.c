// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy engine of "fmapfs cp", on an ordinary file system.
 *
 *   1. Trees are copied: contents, modes, sparse and empty files, names of any
 *      bytes, files of many pieces, by several threads.
 *   2. Two sources that would be one file are refused, and nothing is copied.
 *   3. Links, devices and what cannot be read are told and left out; so is a
 *      directory that would be copied into itself.
 *   4. What is there already is refused, or, with resume, made equal; another size
 *      is never changed.
 *   5. Killed at random points and resumed until it is done, the copy is equal, and
 *      the size of no file was ever anything but nothing or all of it.
 *   6. Bad memory (here: a file that is cut off under the mapping) is an error of
 *      that file alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "../../user/tool/copy.h"
#include "../../user/tool/pattern.h"

static char top[] = "/tmp/test_tool_cp.XXXXXX";

static char *in(const char *name)
{
	static char paths[8][4096];
	static unsigned int n;
	char *path = paths[n++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", top, name);
	return path;
}

static void put(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put_pattern(const char *name, size_t len, uint64_t seed)
{
	char *bytes = malloc(len + 1);

	pattern_fill(bytes, 0, len, seed);
	put(name, bytes, len, 0644);
	free(bytes);
}

static void check_pattern(const char *name, size_t len, uint64_t seed)
{
	char *bytes = malloc(len + 1);
	int fd = open(in(name), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, len + 1), len);
	assert_int_equal(pattern_check(bytes, 0, len, seed), PATTERN_SAME);
	close(fd);
	free(bytes);
}

static void directory(const char *name)
{
	assert_int_equal(mkdir(in(name), 0755), 0);
}

static int setup(void **state)
{
	char cmd[256];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	if (system(cmd))
		return -1;
	return mkdir(top, 0755);
}

/* ------------------------------------------------------------------------ */

static char told[16384];

static void on_wrong(void *ctx, const char *path, const char *text)
{
	size_t n = strlen(told);

	(void)ctx;
	snprintf(told + n, sizeof(told) - n, "%s: %s\n", path, text);
}

static const struct copy_ops ops = { .wrong = on_wrong };
static struct copy_count count;
static uint64_t skipped;

/* Return: as copy_plan_make(), or copy_run(). @srcs: "a b", below top. */
static int copy(const char *srcs, const char *dst,
		const struct copy_options *options)
{
	char *text = strdup(srcs), *names[8], *save = NULL, *s;
	struct copy_plan plan;
	size_t n = 0, i;
	int rc;

	told[0] = '\0';
	memset(&count, 0, sizeof(count));
	for (s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save))
		names[n++] = strdup(in(s));
	rc = copy_plan_make(&plan, names, n, in(dst), options, &ops);
	skipped = plan.skipped;
	if (!rc)
		rc = copy_run(&plan, options, &ops, &count);
	copy_plan_free(&plan);
	for (i = 0; i < n; i++)
		free(names[i]);
	free(text);
	return rc;
}

static const struct copy_options plain = { .jobs = 3 };
static const struct copy_options deep = { .jobs = 3, .recursive = true };
static const struct copy_options again = {
	.jobs = 3, .recursive = true, .resume = true,
};

#define assert_told(text)	assert_non_null(strstr(told, text))

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(in(name), &st);
}

static void tree_is_copied(void **state)
{
	const size_t big = 3 * COPY_PIECE + 4097;
	struct stat st;

	(void)state;
	directory("a");
	directory("a/b");
	directory("a/b/c");
	directory("a/empty");
	put("a/nothing", "", 0, 0644);
	put("a/one", "x", 1, 0640);
	put_pattern("a/b/page", 4096, 1);
	put_pattern("a/b/c/big", big, 2);
	put("a/b/\001\n\xff' \"\\", "odd", 3, 0444);
	directory("to");
	assert_int_equal(copy("a", "to", &deep), 0);
	assert_string_equal(told, "");
	assert_int_equal(count.files, 5);
	assert_int_equal(count.failed, 0);
	assert_int_equal(count.bytes, 1 + 4096 + big + 3);
	assert_int_equal(count.copied, count.bytes);
	check_pattern("to/a/b/page", 4096, 1);
	check_pattern("to/a/b/c/big", big, 2);
	assert_int_equal(stat(in("to/a/nothing"), &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(stat(in("to/a/one"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(stat(in("to/a/b/\001\n\xff' \"\\"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_true(exists("to/a/empty"));
}

static void name_of_the_copy_may_be_given(void **state)
{
	(void)state;
	directory("a");
	put("a/one", "1", 1, 0644);
	assert_int_equal(copy("a", "b", &deep), 0);
	assert_true(exists("b/one"));
	assert_int_equal(copy("a/one", "two", &plain), 0);
	assert_true(exists("two"));
	assert_int_equal(copy("a/.", "b", &again), 0);
	assert_false(exists("b/a"));
	assert_int_equal(count.same, 1);
	assert_int_equal(copy("a/one two", "none", &plain), -EINVAL);
	assert_told("several files go into a directory");
	assert_int_equal(copy("a/", "b", &again), 0);
	assert_true(exists("b/a/one"));
}

static void sparse_file_stays_sparse(void **state)
{
	const off_t size = 512 * MIB;
	struct stat st;
	char byte;
	int fd;

	(void)state;
	fd = open(in("sparse"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "m", 1, size / 2), 1);
	assert_int_equal(pwrite(fd, "e", 1, size - 1), 1);
	close(fd);
	assert_int_equal(copy("sparse", "copy", &plain), 0);
	assert_int_equal(stat(in("copy"), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 < (off_t)MIB);
	fd = open(in("copy"), O_RDONLY);
	assert_int_equal(pread(fd, &byte, 1, size / 2), 1);
	assert_int_equal(byte, 'm');
	assert_int_equal(pread(fd, &byte, 1, size - 1), 1);
	assert_int_equal(byte, 'e');
	close(fd);
}

/* What is there already need not be zeroes where the source has a hole. */
static void hole_is_compared_on_resume(void **state)
{
	char bytes[PAGE] = { 0 };
	int fd;

	(void)state;
	put_pattern("copy", 3 * MIB, 5);
	fd = open(in("sparse"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 3 * MIB), 0);
	close(fd);
	assert_int_equal(copy("sparse", "copy", &again), 0);
	assert_int_equal(count.copied, 3 * MIB);
	fd = open(in("copy"), O_RDONLY);
	assert_int_equal(pread(fd, bytes, PAGE, MIB), PAGE);
	assert_int_equal(bytes[0] | memcmp(bytes, bytes + 1, PAGE - 1), 0);
	close(fd);
}

static void owner_mode_and_times_are_kept_on_demand(void **state)
{
	static const struct copy_options keep = {
		.jobs = 1, .recursive = true, .keep = true,
	};
	struct timespec times[2] = { { 1000, 0 }, { 2000, 5 } };
	struct stat st;

	(void)state;
	directory("a");
	put("a/one", "1", 1, 0604);
	assert_int_equal(chmod(in("a"), 0711), 0);
	assert_int_equal(utimensat(AT_FDCWD, in("a/one"), times, 0), 0);
	if (!geteuid()) {
		assert_int_equal(chown(in("a/one"), 12, 34), 0);
		assert_int_equal(chown(in("a"), 56, 78), 0);
	}
	assert_int_equal(copy("a", "b", &keep), 0);
	assert_int_equal(count.failed, 0);
	assert_int_equal(stat(in("b/one"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	if (!geteuid()) {
		assert_int_equal(st.st_uid, 12);
		assert_int_equal(st.st_gid, 34);
	}
	assert_int_equal(stat(in("b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	if (!geteuid())
		assert_int_equal(st.st_uid, 56);
}

static void two_sources_of_one_name_are_refused(void **state)
{
	(void)state;
	directory("a");
	directory("a/sub");
	directory("b");
	directory("b/sub");
	directory("to");
	put("a/x", "a", 1, 0644);
	put("b/x", "b", 1, 0644);
	assert_int_equal(copy("a/x b/x", "to", &plain), -EINVAL);
	assert_told("as well as");
	assert_false(exists("to/x"));
	/* Also below directories that meet. */
	assert_int_equal(copy("a/. b/.", "to", &deep), -EINVAL);
	assert_false(exists("to/x"));
	assert_false(exists("to/sub"));
	/* The same file twice is two as well. */
	assert_int_equal(copy("a/x a/x", "to", &plain), -EINVAL);
	/* A directory and a file. */
	put("b/y", "b", 1, 0644);
	directory("a/y");
	assert_int_equal(copy("a/y b/y", "to", &deep), -EINVAL);
	assert_int_equal(copy("b/y a/y", "to", &deep), -EINVAL);
	assert_false(exists("to/y"));
	/* Directories that meet, without that, do. */
	assert_int_equal(unlink(in("b/x")), 0);
	assert_int_equal(unlink(in("b/y")), 0);
	assert_int_equal(copy("a/. b/.", "to", &deep), 0);
	assert_true(exists("to/sub"));
}

static void what_is_no_file_is_left_out(void **state)
{
	(void)state;
	directory("a");
	put("a/x", "x", 1, 0644);
	assert_int_equal(symlink("x", in("a/link")), 0);
	assert_int_equal(symlink("nowhere", in("a/broken")), 0);
	assert_int_equal(mkfifo(in("a/fifo"), 0600), 0);
	directory("to");
	assert_int_equal(copy("a nowhere", "to", &deep), 0);
	assert_int_equal(skipped, 4);
	assert_told("a/link: is a symbolic link");
	assert_told("a/broken: is a symbolic link");
	assert_told("a/fifo: is no file");
	assert_told("nowhere: No such file");
	assert_true(exists("to/a/x"));
	assert_false(exists("to/a/link"));
	/* One that is named is followed. */
	assert_int_equal(copy("a/link", "to", &plain), 0);
	assert_int_equal(skipped, 0);
	assert_true(exists("to/link"));
	assert_int_equal(copy("a", "to", &plain), 0);
	assert_told("left out without -r");
	assert_int_equal(skipped, 1);
}

static void nothing_is_copied_into_itself(void **state)
{
	(void)state;
	directory("a");
	directory("a/to");
	put("a/x", "x", 1, 0644);
	assert_int_equal(copy("a", "a/to", &deep), 0);
	assert_told("is where the copies go");
	assert_true(exists("a/to/a/x"));
	assert_false(exists("a/to/a/to"));
	assert_int_equal(copy("a/x", "a", &again), 0);
	assert_told("is the source itself");
	assert_int_equal(count.failed, 1);
}

static void what_is_there_is_refused_or_made_equal(void **state)
{
	const size_t size = 3 * MIB + 5;

	(void)state;
	directory("to");
	put_pattern("x", size, 1);
	put_pattern("to/x", size, 1);
	assert_int_equal(copy("x", "to", &plain), 0);
	assert_told("--resume");
	assert_int_equal(count.failed, 1);

	assert_int_equal(copy("x", "to", &again), 0);
	assert_string_equal(told, "");
	assert_int_equal(count.same, 1);
	assert_int_equal(count.copied, 0);

	put_pattern("to/x", size, 9);
	assert_int_equal(copy("x", "to", &again), 0);
	assert_int_equal(count.same, 0);
	assert_int_equal(count.copied, size);
	check_pattern("to/x", size, 1);

	put_pattern("to/x", size - 1, 1);
	assert_int_equal(copy("x", "to", &again), 0);
	assert_told("instead of");
	assert_int_equal(count.failed, 1);
	check_pattern("to/x", size - 1, 1);

	/* One that was interrupted before it had its size. */
	put("to/x", "", 0, 0644);
	assert_int_equal(copy("x", "to", &again), 0);
	assert_int_equal(count.failed, 0);
	check_pattern("to/x", size, 1);

	/* No link is followed to something else, no pipe waited for. */
	unlink(in("to/x"));
	assert_int_equal(symlink(in("x"), in("to/x")), 0);
	assert_int_equal(copy("x", "to", &again), 0);
	assert_int_equal(count.failed, 1);
	unlink(in("to/x"));
	assert_int_equal(mkfifo(in("to/x"), 0600), 0);
	assert_int_equal(copy("x", "to", &again), 0);
	assert_int_equal(count.failed, 1);
}

static void empty_file_is_none_of_a_pool(void **state)
{
	static const struct copy_options pool = { .jobs = 1, .pool = true };

	(void)state;
	directory("to");
	put("e", "", 0, 0644);
	put("f", "f", 1, 0644);
	assert_int_equal(copy("e f", "to", &pool), 0);
	assert_told("a pool has no empty files");
	assert_int_equal(count.failed, 1);
	assert_false(exists("to/e"));
	assert_true(exists("to/f"));
}

#define TREE_FILES	40

static size_t tree_size(unsigned int i)
{
	return i == 7 ? 2 * COPY_PIECE + 12345 : 1 + i * 40961;
}

static void no_size_in_between(void)
{
	char name[64];
	struct stat st;
	unsigned int i;

	for (i = 0; i < TREE_FILES; i++) {
		snprintf(name, sizeof(name), "to/a/%u", i);
		if (!stat(in(name), &st) && st.st_size)
			assert_int_equal(st.st_size, tree_size(i));
	}
}

/* Return: was it done before it was killed? */
static bool copy_and_kill(unsigned int us)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(copy("a", "to", &again) || count.failed);
	usleep(us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFEXITED(status);
}

static void killed_and_resumed_it_is_equal(void **state)
{
	struct rng rng = rng_start(__func__);
	unsigned int i, kills = 0, wait = 1000;
	char name[64];

	(void)state;
	directory("a");
	directory("to");
	for (i = 0; i < TREE_FILES; i++) {
		snprintf(name, sizeof(name), "a/%u", i);
		put_pattern(name, tree_size(i), i);
	}
	/* Ever longer, or a slow machine would never be done. */
	while (!copy_and_kill(rng_below(&rng, wait))) {
		no_size_in_between();
		kills++;
		wait += wait / 8;
	}
	assert_true(kills > 3);
	for (i = 0; i < TREE_FILES; i++) {
		snprintf(name, sizeof(name), "to/a/%u", i);
		check_pattern(name, tree_size(i), i);
	}
}

static void bad_memory_fails_that_file_alone(void **state)
{
	struct copy_item item = { .src = in("x"), .dst = in("y") };
	uint64_t copied = 0;
	struct copy_file file;
	char why[COPY_WHY_MAX] = "", *buf = malloc(COPY_BUFFER);

	(void)state;
	put_pattern("x", MIB, 3);
	assert_int_equal(stat(item.src, &item.st), 0);
	assert_int_equal(copy_file_open(&file, &item, &plain, why), 0);
	assert_non_null(file.map);
	assert_int_equal(ftruncate(file.dst, 4 * PAGE), 0);
	assert_int_equal(copy_file_piece(&file, 0, MIB, buf, &copied, why), -EIO);
	assert_non_null(strstr(why, "bad memory"));
	assert_int_equal(copy_file_close(&file, &plain, true, why), 0);

	/* And so when it is compared first. */
	assert_int_equal(truncate(item.dst, MIB), 0);
	assert_int_equal(copy_file_open(&file, &item, &again, why), 0);
	assert_int_equal(ftruncate(file.dst, 4 * PAGE), 0);
	assert_int_equal(copy_file_piece(&file, 0, MIB, buf, &copied, why), -EIO);
	assert_non_null(strstr(why, "bad memory at byte 16384"));
	assert_int_equal(copy_file_close(&file, &again, true, why), 0);
	free(buf);
}

static void source_that_changes_is_told(void **state)
{
	struct copy_item item = { .src = in("x"), .dst = in("y") };
	char why[COPY_WHY_MAX] = "", *buf = malloc(COPY_BUFFER);
	struct copy_file file;
	uint64_t copied = 0;

	(void)state;
	put_pattern("x", MIB, 3);
	assert_int_equal(stat(item.src, &item.st), 0);
	assert_int_equal(copy_file_open(&file, &item, &plain, why), 0);
	assert_int_equal(truncate(item.src, PAGE), 0);
	assert_int_equal(copy_file_piece(&file, PAGE, MIB - PAGE, buf, &copied, why),
			 0);	/* a hole: there is nothing to be read */
	file.fresh = false;
	assert_int_equal(copy_file_piece(&file, 0, MIB, buf, &copied, why), -EBUSY);
	assert_non_null(strstr(why, "shorter"));
	assert_int_equal(copy_file_close(&file, &plain, true, why), 0);
	assert_int_equal(copy_file_open(&file, &item, &again, why), -EBUSY);
	free(buf);
}

static void pattern_finds_the_first_wrong_byte(void **state)
{
	struct rng rng = rng_start(__func__);
	uint8_t buf[300];
	unsigned int i;
	uint64_t off;
	size_t len, at;

	(void)state;
	for (i = 0; i < 2000; i++) {
		off = rng_below(&rng, 40) + (i % 3 ? 0 : 5 * GIB);
		len = 1 + rng_below(&rng, sizeof(buf) - 1);
		at = rng_below(&rng, len);
		pattern_fill(buf, off, len, i);
		assert_int_equal(pattern_check(buf, off, len, i), PATTERN_SAME);
		assert_int_equal(buf[at], pattern_byte(off + at, i));
		buf[at] ^= 1 << i % 8;
		buf[len - 1] ^= at == len - 1 ? 0 : 1;
		assert_int_equal(pattern_check(buf, off, len, i), off + at);
	}
	pattern_fill(buf, 0, 64, 1);
	assert_int_not_equal(pattern_check(buf, 8, 64, 1), PATTERN_SAME);
	assert_int_not_equal(pattern_check(buf, 0, 64, 2), PATTERN_SAME);
}

static int make_top(void **state)
{
	(void)state;
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	int rc = setup(state);

	return rc ? rc : rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tree_is_copied, setup),
		cmocka_unit_test_setup(name_of_the_copy_may_be_given, setup),
		cmocka_unit_test_setup(sparse_file_stays_sparse, setup),
		cmocka_unit_test_setup(hole_is_compared_on_resume, setup),
		cmocka_unit_test_setup(owner_mode_and_times_are_kept_on_demand, setup),
		cmocka_unit_test_setup(two_sources_of_one_name_are_refused, setup),
		cmocka_unit_test_setup(what_is_no_file_is_left_out, setup),
		cmocka_unit_test_setup(nothing_is_copied_into_itself, setup),
		cmocka_unit_test_setup(what_is_there_is_refused_or_made_equal, setup),
		cmocka_unit_test_setup(empty_file_is_none_of_a_pool, setup),
		cmocka_unit_test_setup(killed_and_resumed_it_is_equal, setup),
		cmocka_unit_test_setup(bad_memory_fails_that_file_alone, setup),
		cmocka_unit_test_setup(source_that_changes_is_told, setup),
		cmocka_unit_test(pattern_finds_the_first_wrong_byte),
	};

	umask(022);
	return cmocka_run_group_tests_name("tool_cp", tests, make_top, remove_top);
}
