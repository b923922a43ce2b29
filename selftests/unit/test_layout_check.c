// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfsd as a command.
 *
 *   1. --check: 0 and one line for a file without mistakes, the example that is
 *      installed for one; 1 and all mistakes, with file and line, for others.
 *   2. Devices are looked for unless --no-devices says otherwise.
 *   3. A wrong command line is 2.
 *   4. What fails before the mount is 1, with the reason on stderr, in the
 *      background as well.
 *   5. That is so with stdin, stdout and stderr closed, too.
 *   6. By --plain-fuse: the command returns when the mount can be used; files
 *      are what the layout says; SIGTERM and umount end it, with 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "unit.h"

/* Where a test puts its files; gone when it ends. */
static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_layout_check.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir) || mkdir("mnt", 0755))
		return -1;
	return setenv("LD_LIBRARY_PATH", LIBDIR, 1);
}

static int drop_dir(void **state)
{
	char command[100];

	(void)state;
	umount2("mnt", MNT_DETACH);
	sprintf(command, "rm -rf %s", dir);
	return chdir("/") || system(command);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, strlen(text), 1, f), 1);
	fclose(f);
}

/* Runs "fmapfsd ARGS"; what it writes anywhere goes to @out. */
static int run(const char *args, char *out, size_t size)
{
	char command[1024];
	size_t n;
	FILE *f;
	int rc;

	snprintf(command, sizeof(command), FMAPFSD " %s 2>&1", args);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	rc = pclose(f);
	assert_true(WIFEXITED(rc));
	return WEXITSTATUS(rc);
}

static void expect(const char *args, int code, const char *out)
{
	char got[8192];

	assert_int_equal(run(args, got, sizeof(got)), code);
	assert_string_equal(got, out);
}

static void expect_part(const char *args, int code, const char *part)
{
	char got[8192];

	assert_int_equal(run(args, got, sizeof(got)), code);
	if (!strstr(got, part))
		print_error("%s\n", got);
	assert_non_null(strstr(got, part));
}

static void the_example_is_right(void **state)
{
	(void)state;
	expect("--check --no-devices " EXAMPLE, 0, EXAMPLE
	       ": nothing wrong: files 4, directories 2, devices 1 (not looked for)\n");
}

static void all_mistakes_are_told(void **state)
{
	(void)state;
	put("l.yaml", "devices:\n"
		      "  - path: /dev/pmem0\n"
		      "files:\n"
		      "  - path: /a/../b\n"
		      "    size: 2Q\n"
		      "    extents:\n"
		      "      - { device: 0, offset: 0, length: 2M }\n"
		      "  - path: /c\n"
		      "    colour: red\n"
		      "    size: 8M\n"
		      "    extents:\n"
		      "      - { device: 0, offset: 1M, length: 4M }\n"
		      "      - { device: 7, offset: 9M, length: 4M }\n");
	expect("--check --no-devices l.yaml", 1,
	       "l.yaml:4:11: error: files[0].path: '/a/../b' has a component '..'; must be names with single slashes between, such as /models/a.bin\n"
	       "l.yaml:5:11: error: files[0].size: '2Q' is no size; a size is a number of bytes, decimal or 0x..., perhaps with K, M, G or T after it: 2M\n"
	       "l.yaml:9:5: error: files[1]: unknown key 'colour'; known here are: path, mode, owner, group, size, truncate, from, extents, stripe, stripes\n"
	       "l.yaml:12:9: error: files[1].extents[0]: overlaps files[0].extents[0] (line 7): both have bytes 1M to 2M of device 0; each byte may be in one place only\n"
	       "l.yaml:13:19: error: files[1].extents[1].device: there is no device 7: 'devices' lists 1, counted from 0, so the last is 0\n"
	       "l.yaml: 5 mistakes\n");
}

static void a_flood_of_mistakes_ends(void **state)
{
	char got[65536], *p;
	unsigned int i, n = 0;
	FILE *f = fopen("l.yaml", "w");

	(void)state;
	assert_non_null(f);
	fputs("files:\n", f);
	for (i = 0; i < 1000; i++)
		fprintf(f, "  - { path: f%u, size: none, extents: [] }\n", i);
	fclose(f);
	assert_int_equal(run("--check l.yaml", got, sizeof(got)), 1);
	for (p = got; (p = strstr(p, " error: ")); p++)
		n++;
	assert_int_equal(n, 100);
	assert_non_null(strstr(got, "\nl.yaml: the first 100 mistakes are shown\n"
				    "l.yaml: "));
}

static void devices_are_looked_for(void **state)
{
	(void)state;
	put("l.yaml", "devices: [path: /dev/no-such]\nfiles: []\n");
	expect("--check l.yaml", 1,
	       "l.yaml:1:17: error: devices[0].path: /dev/no-such: No such file or directory\n");
	expect("--check --no-devices l.yaml", 0,
	       "l.yaml: nothing wrong: files 0, directories 1, devices 1 (not looked for)\n");
	put("l.yaml", "devices: [path: /dev/null]\nfiles: []\n");
	expect_part("--check l.yaml", 1, "/dev/null is no DAX device");
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	expect("--check none.yaml", 1,
	       "none.yaml: error: cannot be read: No such file or directory\n");
	expect("--check mnt", 1, "mnt: error: cannot be read: Is a directory\n");
}

static void a_wrong_command_line_is_2(void **state)
{
	static const char *const wrong[] = {
		"", "l.yaml", "l.yaml mnt more", "--check", "--check l.yaml mnt",
		"--nonsense l.yaml mnt", "-l loud l.yaml mnt",
		"--layout=other l.yaml mnt", "--threads=0 l.yaml mnt",
		"--threads=many l.yaml mnt", "--timeout=-1 l.yaml mnt",
		"--timeout=nan l.yaml mnt", "--no-devices l.yaml mnt",
		"--push --no-fmap l.yaml mnt", "--plain-fuse -o ro l.yaml mnt",
	};
	unsigned int i;

	(void)state;
	put("l.yaml", "files: []\n");
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_part(wrong[i], 2, "Try 'fmapfsd --help'.\n");
	expect_part("--help", 0, "Usage: fmapfsd");
	expect_part("--version", 0, "fmapfsd 0.1.0,");
}

static void what_fails_before_the_mount_is_1(void **state)
{
	(void)state;
	put("l.yaml", "files: []\n");
	expect("l.yaml nowhere", 1,
	       "fmapfsd: nowhere: No such file or directory\n");
	expect("-f l.yaml nowhere", 1,
	       "fmapfsd: nowhere: No such file or directory\n");
	expect_part("l.yaml l.yaml", 1, "l.yaml: is not a directory\n");
	put("l.yaml", "devices: [path: /dev/no-such]\nfiles: []\n");
	expect("l.yaml mnt", 1,
	       "l.yaml:1:17: error: devices[0].path: /dev/no-such: No such file or directory\n");
}

/* The pipe to the parent must not be where the child prints to. */
static void closed_stdio_changes_nothing(void **state)
{
	static const char *const closed[] = {
		"<&- >&- 2>&-", "2>&-", "<&- 2>&-", "<&-",
	};
	char command[1024];
	unsigned int i;
	int rc;

	(void)state;
	put("l.yaml", "files: []\n");
	for (i = 0; i < ARRAY_SIZE(closed); i++) {
		snprintf(command, sizeof(command),
			 FMAPFSD " l.yaml %s/no/such %s", dir, closed[i]);
		rc = system(command);
		assert_true(WIFEXITED(rc));
		assert_int_equal(WEXITSTATUS(rc), 1);
	}
}

/* The daemon may be looking at its mount still. */
static int unmount(void)
{
	int i;

	for (i = 0; i < 500 && umount2("mnt", 0); i++) {
		if (errno != EBUSY)
			return -1;
		usleep(10000);
	}
	return i < 500 ? 0 : -1;
}

static int have_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && !geteuid();
}

/* Opens N/abort of a mount with the fuse control file system, mounted or not. */
static int open_abort(unsigned int n)
{
	const char *dir = "/sys/fs/fuse/connections";
	int mine = !mount("fusectl", dir, "fusectl", 0, NULL), fd;
	char path[80];

	sprintf(path, "%s/%u/abort", dir, n);
	fd = open(path, O_WRONLY);
	if (mine)
		assert_int_equal(umount2(dir, MNT_DETACH), 0);
	return fd;
}

/* Two pages in a file; /f is the second, then the first. */
static void put_served(void)
{
	char page[PAGE], text[300];
	FILE *f = fopen("device", "w");

	memset(page, '0', PAGE);
	assert_int_equal(fwrite(page, PAGE, 1, f), 1);
	memset(page, '1', PAGE);
	assert_int_equal(fwrite(page, PAGE, 1, f), 1);
	fclose(f);
	sprintf(text, "devices: [path: %s/device]\nfiles:\n"
		"  - { path: d/f, size: 5000, truncate: keep, extents: ["
		"{ device: 0, offset: 4K, length: 4K }, "
		"{ device: 0, offset: 0, length: 4K }] }\n", dir);
	put("l.yaml", text);
}

static void check_served(void)
{
	char buf[6000];
	int fd = open("mnt/d/f", O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 5000);
	assert_int_equal(buf[4095], '1');
	assert_int_equal(buf[4096], '0');
	close(fd);
	assert_int_equal(access("mnt/d/g", F_OK), -1);
	assert_int_equal(errno, ENOENT);
	/* As "echo new > mnt/d/f" does. */
	fd = open("mnt/d/f", O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	fd = open("device", O_RDONLY);
	assert_int_equal(pread(fd, buf, 4, PAGE), 4);
	assert_memory_equal(buf, "new1", 4);
	close(fd);
}

static void in_the_background_it_returns_when_it_can_be_used(void **state)
{
	struct stat root, mnt;

	(void)state;
	put_served();
	expect_part("--plain-fuse l.yaml mnt", 0, "l.yaml is mounted on ");
	assert_int_equal(stat(".", &root), 0);
	assert_int_equal(stat("mnt", &mnt), 0);
	assert_int_not_equal(root.st_dev, mnt.st_dev);
	check_served();
	assert_int_equal(unmount(), 0);
}

static pid_t start_in_foreground(void)
{
	struct stat st;
	pid_t pid = fork();
	int i;

	if (!pid) {
		/* Who runs the tests by nohup has them ignored. */
		signal(SIGHUP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		execl(FMAPFSD, "fmapfsd", "-f", "-l", "error", "--plain-fuse",
		      "l.yaml", "mnt", NULL);
		_exit(127);
	}
	/* The root of the mount has node id 1. */
	for (i = 0; i < 1000; i++) {
		if (!stat("mnt", &st) && st.st_ino == 1)
			return pid;
		usleep(10000);
	}
	fail_msg("not mounted");
	return -1;
}

static void signals_end_it_well(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct stat st;
	unsigned int i;
	int status;
	pid_t pid;

	(void)state;
	put_served();
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		pid = start_in_foreground();
		check_served();
		put_served();
		kill(pid, signals[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(stat("mnt", &st), 0);
		assert_int_not_equal(st.st_ino, 1);
	}
}

static void umount_ends_it_well(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	put_served();
	pid = start_in_foreground();
	assert_int_equal(unmount(), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* "echo 1 > /sys/fs/fuse/connections/N/abort", while the mount is in use. */
static void an_aborted_mount_goes_away(void **state)
{
	struct stat st;
	int fd, file, status;
	pid_t pid;

	(void)state;
	put_served();
	pid = start_in_foreground();
	file = open("mnt/d/f", O_RDONLY);
	assert_true(file >= 0);
	assert_int_equal(stat("mnt", &st), 0);
	fd = open_abort(minor(st.st_dev));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "1", 1), 1);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(file);
	assert_int_equal(stat("mnt", &st), 0);
	assert_int_not_equal(st.st_ino, 1);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_example_is_right),
		TEST(all_mistakes_are_told),
		TEST(a_flood_of_mistakes_ends),
		TEST(devices_are_looked_for),
		TEST(what_cannot_be_read_is_told),
		TEST(a_wrong_command_line_is_2),
		TEST(what_fails_before_the_mount_is_1),
		TEST(closed_stdio_changes_nothing),
	};
	/* These need what a user's machine may not have. */
	const struct CMUnitTest mounted[] = {
		TEST(in_the_background_it_returns_when_it_can_be_used),
		TEST(signals_end_it_well),
		TEST(umount_ends_it_well),
		TEST(an_aborted_mount_goes_away),
	};
	int failed;

	alarm(300);	/* whoever hangs has failed */
	failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (have_fuse())
		failed += cmocka_run_group_tests(mounted, NULL, NULL);
	else
		fprintf(stderr, "not root, or no /dev/fuse: nothing is mounted\n");
	return failed;
}
