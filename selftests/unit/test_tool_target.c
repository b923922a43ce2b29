// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs mkfs and add on image files that go wrong while they are written.
 *
 *   1. What cannot be written back is no success: the device is named.
 *   2. Memory that turns bad (here: an image that is cut off under its mapping) while
 *      it is wiped, written, read back: likewise.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "../../user/tool/commands.h"

#define IMAGE	(32 * MIB)

static char dir[64];
static char said[8192];

/* main.c's, which is not linked. */
int tool_option(const struct command *cmd, int argc, char **argv)
{
	return getopt_long(argc, argv, cmd->shorts, cmd->longs, NULL);
}

int tool_usage(const struct command *cmd, const char *fmt, ...)
{
	(void)cmd;
	(void)fmt;
	return TOOL_USAGE;
}

/* Of the file of this name, if any, fsync(2) fails. */
static const char *no_sync;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static bool is_file(int fd, const char *name)
{
	struct stat a, b;

	return name && !stat(name, &a) && !fstat(fd, &b) && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int __wrap_fsync(int fd)
{
	if (!is_file(fd, no_sync))
		return __real_fsync(fd);
	errno = EIO;
	return -1;
}

/* When @cut_file loses all its memory. */
static enum {
	NEVER,
	MAPPED,		/* its superblock, to be wiped or written */
	BEFORE_MKFS,
	AFTER_MKFS,
	BEFORE_ADD,
	BEFORE_REPLAY,
} cut_when;

static const char *cut_file;
/* Windows until then; 0: not so. */
static unsigned int windows;

static void cut(unsigned int when)
{
	if (cut_when == when)
		assert_int_equal(truncate(cut_file, 0), 0);
}

int __real_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len, struct pool_window *window);
int __wrap_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len, struct pool_window *window);
int __real_media_mkfs(const struct media_mkfs *mkfs, const struct media_sink *sink);
int __wrap_media_mkfs(const struct media_mkfs *mkfs, const struct media_sink *sink);
int __real_media_add_device(const struct media_mkfs_dev *dev,
			    const struct media_super *sb, const struct media_log *log,
			    unsigned int index, const struct media_sink *sink,
			    struct media_error *err);
int __wrap_media_add_device(const struct media_mkfs_dev *dev,
			    const struct media_super *sb, const struct media_log *log,
			    unsigned int index, const struct media_sink *sink,
			    struct media_error *err);
int __real_media_fs_new(struct media_fs **fs, const struct media_super *sb,
			const struct media_fs_ops *fs_ops, void *ctx);
int __wrap_media_fs_new(struct media_fs **fs, const struct media_super *sb,
			const struct media_fs_ops *fs_ops, void *ctx);

int __wrap_media_fs_new(struct media_fs **fs, const struct media_super *sb,
			const struct media_fs_ops *fs_ops, void *ctx)
{
	cut(BEFORE_REPLAY);
	return __real_media_fs_new(fs, sb, fs_ops, ctx);
}

int __wrap_pool_window_range(struct pool_reach *reach, unsigned int index,
			     uint64_t off, uint64_t len, struct pool_window *window)
{
	int rc = __real_pool_window_range(reach, index, off, len, window);

	if (windows && !--windows)
		cut(MAPPED);
	return rc;
}

int __wrap_media_mkfs(const struct media_mkfs *mkfs, const struct media_sink *sink)
{
	int rc;

	cut(BEFORE_MKFS);
	rc = __real_media_mkfs(mkfs, sink);
	cut(AFTER_MKFS);
	return rc;
}

int __wrap_media_add_device(const struct media_mkfs_dev *dev,
			    const struct media_super *sb, const struct media_log *log,
			    unsigned int index, const struct media_sink *sink,
			    struct media_error *err)
{
	cut(BEFORE_ADD);
	return __real_media_add_device(dev, sb, log, index, sink, err);
}

/* ------------------------------------------------------------------------ */

static void make_image(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, IMAGE), 0);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_tool_target.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir))
		return -1;
	make_image("a");
	make_image("b");
	no_sync = NULL;
	cut_when = NEVER;
	windows = 0;
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	sprintf(command, "rm -rf %s", dir);
	return chdir("/") || system(command);
}

static void child(const struct command *cmd, const char *args)
{
	char *argv[16] = { "fmapfs" }, *text = strdup(args), *save = NULL;
	int argc = 1, fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);

	while ((argv[argc] = strtok_r(argc == 1 ? text : NULL, " ", &save)))
		argc++;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	tool_command = cmd->name;
	optind = 0;
	argc = cmd->run(cmd, argc, argv);
	fflush(stdout);
	_exit(argc);
}

/* Return: exit code. What it says goes to @said. */
static int run(const struct command *cmd, const char *args)
{
	pid_t pid = fork();
	int status, fd;
	ssize_t n;

	if (!pid)
		child(cmd, args);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fd = open("said", O_RDONLY);
	n = read(fd, said, sizeof(said) - 1);
	close(fd);
	said[n < 0 ? 0 : n] = '\0';
	if (!WIFEXITED(status))
		fail_msg("%s %s: ended by signal %d: %s", cmd->name, args,
			 WTERMSIG(status), said);
	return WEXITSTATUS(status);
}

static void fails(const struct command *cmd, const char *args, const char *word)
{
	assert_int_equal(run(cmd, args), TOOL_FAILED);
	if (!strstr(said, word))
		fail_msg("%s %s: \"%s\" is not in: %s", cmd->name, args, word, said);
}

#define MKFS	"--image --system-uuid su "

static void what_is_not_written_back_is_told(void **state)
{
	(void)state;
	no_sync = "b";
	fails(&cmd_mkfs, MKFS "a b", "b: what was written may not be there: Input/output");
	assert_null(strstr(said, "mount it"));
	no_sync = NULL;
	assert_int_equal(run(&cmd_mkfs, MKFS "-f a"), 0);
	make_image("b");
	no_sync = "b";
	fails(&cmd_add, MKFS "a b", "b: what was written");
	make_image("b");
	assert_int_equal(run(&cmd_mkfs, MKFS "-f a"), 0);
	/* The log's. */
	no_sync = "a";
	fails(&cmd_add, MKFS "a b", "a: what was written");
}

static void fails_when(unsigned int when, const char *file, const struct command *cmd,
		       const char *args)
{
	char word[32];

	cut_when = when;
	cut_file = file;
	snprintf(word, sizeof(word), "%s: bad memory", file);
	fails(cmd, args, word);
	cut_when = NEVER;
	make_image(file);
}

static void bad_memory_is_told_by_mkfs(void **state)
{
	(void)state;
	assert_int_equal(run(&cmd_mkfs, MKFS "a b"), 0);
	/* Both are looked at, and then mapped. */
	windows = 4;
	fails_when(MAPPED, "b", &cmd_mkfs, MKFS "-f a b");
	windows = 0;
	fails_when(BEFORE_MKFS, "a", &cmd_mkfs, MKFS "-f a b");
	fails_when(BEFORE_MKFS, "b", &cmd_mkfs, MKFS "-f a b");
	fails_when(AFTER_MKFS, "a", &cmd_mkfs, MKFS "-f a b");
}

static void bad_memory_is_told_by_add(void **state)
{
	(void)state;
	assert_int_equal(run(&cmd_mkfs, MKFS "-f b"), 0);
	assert_int_equal(run(&cmd_mkfs, MKFS "a"), 0);
	fails_when(BEFORE_ADD, "b", &cmd_add, MKFS "-f a b");
	fails_when(BEFORE_ADD, "a", &cmd_add, MKFS "a b");
	assert_int_equal(run(&cmd_mkfs, MKFS "a"), 0);
	assert_int_equal(run(&cmd_mkfs, MKFS "-f b"), 0);
	/* The pool's superblock and log, what lies on b, and it to be written. */
	windows = 4;
	fails_when(MAPPED, "b", &cmd_add, MKFS "-f a b");
	fails_when(MAPPED, "a", &cmd_add, MKFS "-f a b");
	windows = 0;
	assert_int_equal(run(&cmd_mkfs, MKFS "a"), 0);
	fails_when(BEFORE_REPLAY, "a", &cmd_add, MKFS "a b");
}

#define TEST(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_written_back_is_told),
		TEST(bad_memory_is_told_by_mkfs),
		TEST(bad_memory_is_told_by_add),
	};

	return cmocka_run_group_tests_name("tool_target", tests, NULL, NULL);
}
