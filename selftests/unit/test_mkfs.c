// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs mkfs and add, as commands, on image files; and what --json writes.
 *
 *   1. A pool is made as asked for, and --json says what it is.
 *   2. What holds anything known is refused, by its name, and not a byte of it has
 *      changed: ext2, a partition table, swap, a RAID at its end, a pool, a pool that
 *      is damaged. Nor has this host got a uuid.
 *   3. With --force none of that is found afterwards.
 *   4. A device twice, by whatever name, is refused.
 *   5. A wrong command line is 2, and nothing was done.
 *   6. add: the next index; refused for version 47, for other hosts, for what holds
 *      something.
 *   7. Killed at any moment, mkfs leaves no pool or a whole one.
 *   8. What devices and status write with --json is JSON.
 *   9. Images that another program has locked are refused, with --force also.
 *  10. What add has to refuse it refuses before it writes, with --force also.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <json-c/json.h>
#include <zlib.h>
#include "unit.h"
#include "../../user/media/media.h"

#define IMAGE	(32 * MIB)
#define KILLS	40

/* Where a test puts its files; gone when it ends. */
static char dir[64];
static char said[8192];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_mkfs.XXXXXX");
	return !mkdtemp(dir) || chdir(dir);
}

static int drop_dir(void **state)
{
	char command[100];

	(void)state;
	sprintf(command, "rm -rf %s", dir);
	return chdir("/") || system(command);
}

static void make_image(const char *name, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void put(const char *name, uint64_t at, const void *bytes, size_t len)
{
	int fd = open(name, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

/* Runs "fmapfs ARGS"; what it writes goes to @said. Return: exit code */
static int run(const char *args, bool errors)
{
	char command[1024];
	size_t n;
	FILE *f;
	int rc;

	snprintf(command, sizeof(command), FMAPFS " %s %s", args,
		 errors ? "2>&1" : "2>/dev/null");
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	rc = pclose(f);
	assert_true(WIFEXITED(rc));
	return WEXITSTATUS(rc);
}

static void succeeds(const char *args)
{
	int rc = run(args, true);

	if (rc)
		print_message("%s: %s\n", args, said);
	assert_int_equal(rc, 0);
}

static void fails(int code, const char *args, const char *word)
{
	assert_int_equal(run(args, true), code);
	if (!strstr(said, word))
		print_message("%s: \"%s\" is not in: %s\n", args, word, said);
	assert_non_null(strstr(said, word));
}

static struct json_object *json_of(const char *args)
{
	struct json_object *value;

	assert_int_equal(run(args, false), 0);
	value = json_tokener_parse(said);
	assert_non_null(value);
	return value;
}

static uint64_t number(struct json_object *obj, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(obj, key, &value));
	assert_true(json_object_is_type(value, json_type_int));
	return json_object_get_uint64(value);
}

static const char *text(struct json_object *obj, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(obj, key, &value));
	assert_true(json_object_is_type(value, json_type_string));
	return json_object_get_string(value);
}

/* Whole image, to be freed. */
static uint8_t *read_image(const char *name)
{
	uint8_t *bytes = malloc(IMAGE);
	int fd = open(name, O_RDONLY);

	assert_true(fd >= 0 && bytes);
	assert_int_equal(read(fd, bytes, IMAGE), IMAGE);
	close(fd);
	return bytes;
}

static void a_pool_is_as_asked_for(void **state)
{
	struct json_object *obj, *devs;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE / 2);
	obj = json_of("mkfs --json --image --system-uuid su --unit 4K --log-size 16M --uuid 01234567-89ab-cdef-0123-456789abcdef a b");
	assert_string_equal(text(obj, "uuid"), "01234567-89ab-cdef-0123-456789abcdef");
	assert_int_equal(number(obj, "version"), 48);
	assert_int_equal(number(obj, "unit"), 4096);
	assert_int_equal(number(obj, "log_size"), 16 * MIB);
	assert_int_equal(number(obj, "log_entries"), (16 * MIB - 48) / 544);
	assert_int_equal(number(obj, "size"), IMAGE + IMAGE / 2);
	assert_int_equal(number(obj, "free"), IMAGE + IMAGE / 2 - 20 * MIB);
	assert_int_equal(strlen(text(obj, "system_uuid")), 36);
	devs = json_object_object_get(obj, "devices");
	assert_int_equal(json_object_array_length(devs), 2);
	assert_int_equal(number(json_object_array_get_idx(devs, 1), "size"),
			 IMAGE / 2);
	json_object_put(obj);
	obj = json_of("mkfs --json --image --system-uuid su --force --version 47 a");
	assert_int_equal(number(obj, "version"), 47);
	json_object_put(obj);
}

/* ------------------------------------------------------------------------
 * What is known
 */

static void put_ext2(const char *name)
{
	uint8_t super[1024] = { 0 };

	super[0] = 16;			/* inodes */
	super[5] = 32;			/* 8192 blocks */
	super[56] = 0x53;		/* magic */
	super[57] = 0xef;
	super[76] = 1;			/* dynamic revision */
	memset(super + 104, 7, 16);	/* uuid */
	put(name, 1024, super, sizeof(super));
}

static void put_partitions(const char *name)
{
	uint8_t sector[512] = { 0 };

	sector[450] = 0x83;		/* type of the first */
	sector[455] = 8;		/* starts at sector 2048 */
	sector[459] = 8;		/* and has 2048 */
	sector[510] = 0x55;
	sector[511] = 0xaa;
	put(name, 0, sector, sizeof(sector));
}

static void put_swap(const char *name)
{
	uint32_t header[] = { 1, 8191, 0 };

	put(name, 1024, header, sizeof(header));
	put(name, 4086, "SWAPSPACE2", 10);
}

/* At the end, where mkfs itself does not write. */
static void put_raid(const char *name)
{
	uint32_t super[1024] = { 0xa92b4efc, 0, 90 };

	put(name, IMAGE - 64 * KIB, super, sizeof(super));
}

static void put_pool(const char *name)
{
	char args[100];

	sprintf(args, "mkfs --image --system-uuid su %s", name);
	succeeds(args);
}

static void put_damaged_pool(const char *name)
{
	put_pool(name);
	put(name, 40, "\xff", 1);
}

static const struct {
	const char *name;
	void (*put)(const char *name);
} known[] = {
	{ "ext2", put_ext2 },
	{ "partition table (dos)", put_partitions },
	{ "swap", put_swap },
	{ "linux_raid_member", put_raid },
	{ "famfs pool", put_pool },
	{ "damaged", put_damaged_pool },
};

static void what_holds_something_is_refused(void **state)
{
	uint8_t *before, *after;
	unsigned int i;

	(void)state;
	make_image("empty", IMAGE);
	make_image("a", IMAGE);
	put_ext2("a");
	fails(1, "mkfs --image --system-uuid new/su a", "ext2");
	assert_int_equal(access("new", F_OK), -1);
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		make_image("a", IMAGE);
		known[i].put("a");
		before = read_image("a");
		fails(1, "mkfs --image --system-uuid su a", known[i].name);
		assert_non_null(strstr(said, "--force"));
		/* And as a further device. */
		fails(1, "mkfs --image --system-uuid su empty a", known[i].name);
		after = read_image("a");
		assert_memory_equal(before, after, IMAGE);
		free(before);
		free(after);
	}
	/* Nothing was written to the one that was empty. */
	after = read_image("empty");
	for (i = 0; i < IMAGE; i++)
		assert_int_equal(after[i], 0);
	free(after);
}

static void force_leaves_nothing_to_be_found(void **state)
{
	unsigned int i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		make_image("a", IMAGE);
		known[i].put("a");
		succeeds("mkfs --image --system-uuid su -f a");
		fails(1, "mkfs --image --system-uuid su a", "famfs pool");
		for (k = 0; k < ARRAY_SIZE(known); k++)
			if (known[k].put != put_pool)
				assert_null(strstr(said, known[k].name));
	}
}

static void a_device_goes_in_once(void **state)
{
	char args[200];

	(void)state;
	make_image("a", IMAGE);
	assert_int_equal(symlink("a", "soft"), 0);
	assert_int_equal(link("a", "hard"), 0);
	fails(1, "mkfs --image --system-uuid su a a", "same memory");
	fails(1, "mkfs --image --system-uuid su a ./a", "same memory");
	fails(1, "mkfs --image --system-uuid su -f a soft", "same memory");
	fails(1, "mkfs --image --system-uuid su -f a hard", "same memory");
	sprintf(args, "mkfs --image --system-uuid su -f soft %s/hard", dir);
	fails(1, args, "same memory");
}

static void a_wrong_command_line_is_2(void **state)
{
	static const char *const wrong[] = {
		"", "frobnicate", "mkfs", "mkfs --image --version 46 a",
		"mkfs --image --version 49 a", "mkfs --image --log-size 9M a",
		"mkfs --image --log-size 4M a", "mkfs --image --log-size x a",
		"mkfs --image --unit 8K a", "mkfs --image --uuid x a",
		"mkfs --image --version 47 a b", "mkfs --image --nope a", "add a",
		"add --image a b c", "bind", "unbind", "umount",
		"devices x", "unbind --to nix dax0.0",
	};
	uint8_t *bytes;
	unsigned int i;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		fails(2, wrong[i], "");
	bytes = read_image("a");
	for (i = 0; i < IMAGE; i++)
		assert_int_equal(bytes[i], 0);
	free(bytes);
	fails(1, "mkfs --image nowhere", "no such device");
	fails(1, "mkfs a", "--image");
	fails(1, "mount", "POOL and DIR");
	make_image("tiny", 4 * MIB);
	fails(1, "mkfs --image --system-uuid su tiny", "too small");
	assert_int_equal(access("su", F_OK), -1);
}

static void add_is_careful_too(void **state)
{
	struct json_object *obj;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE);
	make_image("c", IMAGE);
	succeeds("mkfs --image --system-uuid su a");
	fails(1, "add --image --system-uuid nowhere a b", "master");
	run("mkfs --image --system-uuid other c", true);
	fails(1, "add --image --system-uuid other a b", "master");
	fails(1, "add --image --system-uuid su a c", "famfs pool");
	fails(1, "add --image --system-uuid su a a", "a");
	put_ext2("b");
	fails(1, "add --image --system-uuid su a b", "ext2");
	obj = json_of("add --json --image --system-uuid su -f a b");
	assert_int_equal(number(obj, "index"), 1);
	json_object_put(obj);
	obj = json_of("add --json --image --system-uuid su --device b -f a c");
	assert_int_equal(number(obj, "index"), 2);
	json_object_put(obj);
	fails(1, "add --image --system-uuid su --device b --device c -f a b",
	      "already");
	succeeds("mkfs --image --system-uuid su --version 47 -f a");
	make_image("b", IMAGE);
	fails(1, "add --image --system-uuid su a b", "version 47");
}

/* ------------------------------------------------------------------------
 * Killed
 */

/* Return: true: whole; false: there is none. Anything else fails. */
static bool is_whole(const char *name)
{
	uint8_t *bytes = read_image(name);
	struct media_log log = { .offset = FAMFS_LOG_OFFSET };
	struct media_error err;
	struct media_super sb;
	struct media_fs *fs;
	int rc;

	rc = media_super_read(bytes, FAMFS_SUPER_SIZE, IMAGE, &sb, &err);
	if (!rc) {
		log.mem = bytes + sb.log_offset;
		log.len = sb.log_len;
		log.version = sb.version;
		assert_int_equal(media_fs_new(&fs, &sb, NULL, NULL), 0);
		assert_int_equal(media_fs_replay(fs, &log, &err), 0);
		assert_int_equal(media_fs_next(fs), 1);
		media_fs_free(fs);
	} else {
		assert_int_equal(rc, -ENODATA);
	}
	free(bytes);
	return !rc;
}

static pid_t start_mkfs(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	freopen("/dev/null", "w", stdout);
	freopen("/dev/null", "w", stderr);
	execl(FMAPFS, "fmapfs", "mkfs", "--image", "--system-uuid", "su", "-f",
	      "a", "b", NULL);
	_exit(127);
}

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void killed_it_leaves_none_or_a_whole_one(void **state)
{
	struct rng rng = rng_start("kills");
	unsigned int i, killed = 0, whole = 0;
	uint64_t begin, takes;
	int status;
	pid_t pid;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE);
	waitpid(start_mkfs(), &status, 0);
	/* The first one is slower. */
	begin = microseconds();
	waitpid(start_mkfs(), &status, 0);
	takes = microseconds() - begin;
	assert_true(is_whole("a"));
	for (i = 0; i < KILLS; i++) {
		pid = start_mkfs();
		usleep(rng_below(&rng, takes));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		killed += WIFSIGNALED(status);
		whole += is_whole("a");
	}
	print_message("# %u of %u killed, then %u whole\n", killed, KILLS, whole);
	assert_true(killed > 0);
	succeeds("mkfs --image --system-uuid su -f a b");
	assert_true(is_whole("a"));
}

static void json_is_json(void **state)
{
	struct json_object *obj;

	(void)state;
	obj = json_of("devices --json");
	assert_true(json_object_is_type(json_object_object_get(obj, "devices"),
					json_type_array));
	assert_true(json_object_is_type(json_object_object_get(obj, "spare"),
					json_type_array));
	json_object_put(obj);
	obj = json_of("status --json");
	assert_true(json_object_is_type(obj, json_type_array));
	json_object_put(obj);
	/* One value also when something is wrong, or none. */
	assert_int_equal(run("umount --json /", false), 1);
	obj = json_tokener_parse(said);
	assert_true(json_object_is_type(obj, json_type_array));
	json_object_put(obj);
}

static void what_is_locked_is_left_alone(void **state)
{
	uint8_t *before, *after;
	int fd;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE);
	make_image("c", IMAGE);
	succeeds("mkfs --image --system-uuid su a b");
	before = read_image("a");
	fd = open("a", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	fails(1, "mkfs --image --system-uuid su -f a", "is in use");
	fails(1, "mkfs --image --system-uuid su -f c a", "is in use");
	fails(1, "add --image --system-uuid su --device b a c", "in use");
	close(fd);
	fd = open("c", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	fails(1, "add --image --system-uuid su --device b -f a c", "in use");
	close(fd);
	after = read_image("a");
	assert_memory_equal(before, after, IMAGE);
	free(before);
	free(after);
	succeeds("add --image --system-uuid su --device b a c");
}

/* No room for more than what is there. */
static void fill_log(const char *name, uint64_t entries)
{
	struct famfs_log_header header;
	uint8_t *bytes = read_image(name);

	memcpy(&header, bytes + FAMFS_LOG_OFFSET, sizeof(header));
	assert_int_equal(header.next_index, entries);
	header.last_index = entries - 1;
	header.crc = crc32(0, (void *)&header, offsetof(struct famfs_log_header, crc));
	put(name, FAMFS_LOG_OFFSET, &header, sizeof(header));
	free(bytes);
}

static void what_add_refuses_is_as_it_was(void **state)
{
	uint8_t *before, *after;

	(void)state;
	make_image("a", IMAGE);
	make_image("b", IMAGE);
	make_image("c", IMAGE);
	put_ext2("c");
	succeeds("mkfs --image --system-uuid su a b");
	before = read_image("c");
	/* The allocation unit does not fit behind the superblock. */
	assert_int_equal(truncate("c", 3 * MIB), 0);
	fails(1, "add --image --system-uuid su --device b -f a c", "too small");
	assert_int_equal(truncate("c", IMAGE), 0);
	fill_log("a", 1);
	fails(1, "add --image --system-uuid su --device b -f a c", "log is full");
	after = read_image("c");
	assert_memory_equal(before, after, IMAGE);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pool_is_as_asked_for, make_dir,
						drop_dir),
		cmocka_unit_test_setup_teardown(what_holds_something_is_refused,
						make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(force_leaves_nothing_to_be_found,
						make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_device_goes_in_once, make_dir,
						drop_dir),
		cmocka_unit_test_setup_teardown(a_wrong_command_line_is_2, make_dir,
						drop_dir),
		cmocka_unit_test_setup_teardown(add_is_careful_too, make_dir,
						drop_dir),
		cmocka_unit_test_setup_teardown(killed_it_leaves_none_or_a_whole_one,
						make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(what_is_locked_is_left_alone,
						make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(json_is_json, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(what_add_refuses_is_as_it_was,
						make_dir, drop_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
