// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs cp, as a command, and what is special with pools: here directories that are
 * said to be mounts, in which no owner can be changed.
 *
 *   1. -p: directories in directories of others have their owner from the beginning, on
 *      root's behalf. (Needs root.)
 *   2. Directories that fail count as such, and not as files that were copied.
 *   3. Out of a pool .meta is not copied, and that is no failure; elsewhere it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "../../user/tool/commands_files.h"

static char top[64];
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

/* "pool" is one. */
int __wrap_tool_mounts(struct tool_mount **mounts, size_t *count);

int __wrap_tool_mounts(struct tool_mount **mounts, size_t *count)
{
	struct stat st;

	*mounts = tool_alloc(1, sizeof(**mounts));
	(*mounts)->dir = tool_text("%s/pool", top);
	*count = !stat((*mounts)->dir, &st);
	(*mounts)->dev = st.st_dev;
	return 0;
}

/* As in a pool: not, unless it is so already. */
int __real_chown(const char *path, uid_t uid, gid_t gid);
int __wrap_chown(const char *path, uid_t uid, gid_t gid);

int __wrap_chown(const char *path, uid_t uid, gid_t gid)
{
	struct stat st;

	if (!stat(path, &st) && st.st_uid == uid && st.st_gid == gid)
		return 0;
	errno = EOPNOTSUPP;
	return -1;
}

/* ------------------------------------------------------------------------ */

static void directory(const char *path, mode_t mode, uid_t owner)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(__real_chown(path, owner, owner), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_tool_cp_pool.XXXXXX");
	return !mkdtemp(top) || chdir(top);
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	sprintf(command, "rm -rf %s", top);
	return chdir("/") || system(command);
}

static void child(const char *args)
{
	char *argv[16] = { "fmapfs cp" }, *text = strdup(args), *save = NULL;
	int argc = 1, fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);

	while ((argv[argc] = strtok_r(argc == 1 ? text : NULL, " ", &save)))
		argc++;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	optind = 0;
	argc = cmd_cp.run(&cmd_cp, argc, argv);
	fflush(stdout);
	_exit(argc);
}

/* Return: exit code. What it says goes to @said. */
static int cp(const char *args)
{
	pid_t pid = fork();
	int status, fd;
	ssize_t n;

	if (!pid)
		child(args);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fd = open("said", O_RDONLY);
	n = read(fd, said, sizeof(said) - 1);
	close(fd);
	said[n < 0 ? 0 : n] = '\0';
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(const char *path, mode_t mode, uid_t owner)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_uid, owner);
	assert_int_equal(st.st_gid, owner);
}

static void owners_below_roots_directories_are_kept(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	directory("a", 0755, 0);
	directory("a/user", 0555, 1234);
	directory("a/user/other", 0700, 4321);
	directory("a/user/other/user", 0755, 1234);
	directory("to", 0755, 0);
	assert_int_equal(cp("-r -p a to"), 0);
	check("to/a", 0755, 0);
	check("to/a/user", 0555, 1234);
	check("to/a/user/other", 0700, 4321);
	check("to/a/user/other/user", 0755, 1234);
}

static void directories_that_fail_are_counted(void **state)
{
	(void)state;
	directory("a", 0755, geteuid());
	directory("a/d", 0755, geteuid());
	directory("a/e", 0755, geteuid());
	file("a/f", "x", 1);
	directory("to", 0755, geteuid());
	directory("to/a", 0755, geteuid());
	file("to/a/d", "x", 1);
	file("to/a/e", "x", 1);
	assert_int_equal(cp("-r a to"), TOOL_FAILED);
	if (!strstr(said, "\n1 file, 1 written"))
		fail_msg("%s", said);
	assert_non_null(strstr(said, "; 2 failed, 0 left out"));
	assert_int_equal(unlink("a/f"), 0);
	assert_int_equal(cp("-r a to"), TOOL_FAILED);
	if (!strstr(said, "\n0 files, 0 written"))
		fail_msg("%s", said);
}

static void meta_of_a_pool_is_left_out(void **state)
{
	static const uint64_t super[sizeof(struct famfs_super) / 8] = {
		FAMFS_SUPER_MAGIC
	};

	(void)state;
	directory("pool", 0755, geteuid());
	directory("pool/.meta", 0755, geteuid());
	file("pool/.meta/.superblock", super, sizeof(super));
	directory("pool/d", 0755, geteuid());
	directory("pool/d/.meta", 0755, geteuid());
	file("pool/d/.meta/.superblock", super, sizeof(super));
	directory("to", 0755, geteuid());
	assert_int_equal(cp("-r pool to"), 0);
	assert_int_equal(access("to/pool/.meta", F_OK), -1);
	assert_int_equal(access("to/pool/d/.meta/.superblock", F_OK), 0);
	assert_non_null(strstr(said, "1 file,"));
	assert_null(strstr(said, "left out"));
	/* Asked for by name it is. */
	assert_int_equal(cp("-r pool/.meta to"), 0);
	assert_int_equal(access("to/.meta/.superblock", F_OK), 0);
}

#define TEST(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(owners_below_roots_directories_are_kept),
		TEST(directories_that_fail_are_counted),
		TEST(meta_of_a_pool_is_left_out),
	};

	umask(022);
	return cmocka_run_group_tests_name("tool_cp_pool", tests, NULL, NULL);
}
