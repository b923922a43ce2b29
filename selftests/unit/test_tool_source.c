// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at a pool, and the commands that do, on image files.
 *
 *   1. A pool in images is opened and replayed; other devices are told apart by what
 *      lies on them; one that is missing is known to be.
 *   2. What is no pool, or cannot be read, is told. A bad superblock or log is not an
 *      error of opening.
 *   3. Memory that fails is not read again and again: what is before it counts.
 *   4. Names are escaped so that nothing is lost, and nothing gets through.
 *   5. An fmap of the kernel and one of the log give the same rows.
 *   6. Each command shows what is there, as text and as JSON; stops where the log does,
 *      says so, and has the exit code for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tool_image.h"
#include "../../user/tool/rows.h"
#include "../../user/tool/text.h"

static struct source source;

static void pool_is_opened(void **state)
{
	const struct media_node *node;

	(void)state;
	assert_int_equal(image_open(&source, true, false), 0);
	assert_int_equal(source.rc, 0);
	assert_int_equal(source.stop, 0);
	assert_string_equal(source.path, image_path[0]);
	assert_string_equal(source.devices[1].path, image_path[1]);
	assert_false(source.devices[1].missing);
	assert_int_equal(media_fs_next(source.fs), ENTRIES);
	node = media_fs_find(source.fs, "d/simple");
	assert_non_null(node);
	assert_int_equal(node->size, 3 * MIB);
	/* Nothing behind the end was read, but for fsck. */
	assert_int_equal(source.read, image_entry(ENTRIES) - FAMFS_LOG_OFFSET);
	source_close(&source);
	assert_int_equal(image_open(&source, false, true), 0);
	assert_true(source.devices[1].missing);
	assert_true(source.read > image_entry(ENTRIES) - FAMFS_LOG_OFFSET);
	source_close(&source);
}

static void snapshot_holds_nothing_of_the_pool(void **state)
{
	(void)state;
	assert_int_equal(image_open(&source, true, false), 0);
	memset(image_mem[0], 0, 16 * MIB);
	assert_non_null(media_fs_find(source.fs, "striped"));
	assert_int_equal(media_fs_replay(source.fs, &source.log, NULL), 0);
	source_close(&source);
}

static void wrong_media_are_opened_nevertheless(void **state)
{
	(void)state;
	image_mem[0][image_entry(ENTRY_STRIPED) + 20] ^= 1;
	assert_int_equal(image_open(&source, true, false), 0);
	assert_int_equal(source.stop, -EUCLEAN);
	assert_int_equal(source.err.index, ENTRY_STRIPED);
	assert_int_equal(media_fs_next(source.fs), ENTRY_STRIPED);
	source_close(&source);
	image_mem[0][FAMFS_LOG_OFFSET] ^= 1;
	assert_int_equal(image_open(&source, true, false), 0);
	assert_int_equal(source.stop, -EUCLEAN);
	assert_int_equal(source.err.region, MEDIA_LOG_HEADER);
	source_close(&source);
	image_mem[0][0] ^= 1;
	assert_int_equal(image_open(&source, true, false), 0);
	assert_int_equal(source.rc, -ENODATA);
	source_close(&source);
	assert_string_equal(image_told, "");
}

static void what_cannot_be_opened_is_told(void **state)
{
	struct source_args args = { .image = true };

	(void)state;
	args.name = "/nowhere/at/all";
	assert_int_equal(source_open(&source, &args, &image_log), -ENOENT);
	assert_non_null(strstr(image_told, "/nowhere/at/all"));
	source_close(&source);
	args.name = "/tmp";
	assert_int_equal(source_open(&source, &args, &image_log), -EINVAL);
	source_close(&source);
	args.image = false;
	args.name = image_path[0];
	assert_int_equal(source_open(&source, &args, &image_log), -EINVAL);
	assert_non_null(strstr(image_told, "--image"));
	source_close(&source);
	args.name = "/tmp";
	assert_int_equal(source_open(&source, &args, &image_log), -EINVAL);
	source_close(&source);
}

/**
 * struct failing - memory that fails from some byte of the log on
 * @calls: how often it was touched beyond
 */
struct failing {
	uint64_t good;
	unsigned int calls;
};

static int64_t read_failing(void *ctx, bool log, uint64_t off, void *buf, uint64_t len)
{
	struct failing *f = ctx;
	uint64_t good = log ? f->good : PAGE;

	if (off + len > good) {
		f->calls++;
		len = off < good ? good - off : 0;
	}
	memcpy(buf, image_mem[0] + (log ? FAMFS_LOG_OFFSET : 0) + off, len);
	return len;
}

static void bad_memory_ends_the_log(void **state)
{
	struct failing f = { .good = image_entry(3) - FAMFS_LOG_OFFSET };
	const struct source_reader reader = { .read = read_failing, .ctx = &f };
	struct source s = { .dev_size = IMAGE_SIZE };

	(void)state;
	assert_int_equal(source_load(&s, &reader, true), 0);
	assert_int_equal(s.bad, f.good);
	assert_int_equal(f.calls, 1);
	assert_int_equal(s.stop, -EUCLEAN);
	assert_int_equal(media_fs_next(s.fs), 3);
	source_close(&s);
	/* Not even the header. */
	f.good = 20;
	memset(&s, 0, sizeof(s));
	assert_int_equal(source_load(&s, &reader, true), 0);
	assert_int_equal(s.err.region, MEDIA_LOG_HEADER);
	source_close(&s);
}

/* ------------------------------------------------------------------------ */

static void assert_escaped(const char *name, const char *expected)
{
	char buf[TEXT_PATH_MAX];

	assert_string_equal(text_escape(name, buf, sizeof(buf)), expected);
}

static void names_are_escaped(void **state)
{
	char longest[FAMFS_PATH_MAX], buf[TEXT_PATH_MAX], small[6];

	(void)state;
	assert_escaped("plain name-1.txt", "plain name-1.txt");
	assert_escaped("\n\033[0m\177", "\\012\\033[0m\\177");
	assert_escaped("a\\b", "a\\134b");
	assert_escaped("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	assert_escaped("\xc3", "\\303");
	assert_escaped("\xc0\xaf", "\\300\\257");
	assert_escaped("\xe2\x82", "\\342\\202");
	assert_escaped("\xc2\x9b" "31m", "\\302\\23331m");
	assert_escaped("a\xe2\x80\xaegpj", "a\\342\\200\\256gpj");
	assert_escaped("\xe2\x81\xa6\xe2\x80\xa8", "\\342\\201\\246\\342\\200\\250");
	assert_escaped("\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf");
	assert_escaped("\xf4\x90\x80\x80", "\\364\\220\\200\\200");
	memset(longest, 1, sizeof(longest));
	longest[FAMFS_PATH_MAX - 1] = '\0';
	assert_int_equal(strlen(text_escape(longest, buf, sizeof(buf))),
			 4 * (FAMFS_PATH_MAX - 1));
	assert_string_equal(text_escape("ab\001cd", small, sizeof(small)), "ab");
	assert_string_equal(text_escape("\xe2\x82\xac\xe2\x82\xac", small, sizeof(small)),
			    "\xe2\x82\xac");
}

static void entries_are_put_into_words(void **state)
{
	static const char *const words[ENTRIES] = {
		"ADD_DAXDEV index 1 uuid d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1 size 134217728",
		"MKDIR d mode 755 uid 3 gid 4",
		"FILE d/simple size 3145728 flags 2 mode 644 uid 0 gid 0 ext_type 0 count 1 "
		"(dev 0 off 0x1000000 len 0x400000)",
		"FILE striped size 8388603 flags 0 mode 600 uid 1 gid 2 ext_type 1 count 1 "
		"strips 4 chunk 0x200000 (dev 0 off 0x2000000 len 0x200000) "
		"(dev 1 off 0x2000000 len 0x200000) (dev 0 off 0x4000000 len 0x200000) "
		"(dev 1 off 0x4000000 len 0x200000)",
		"FILE d/small size 1 flags 2 mode 644 uid 0 gid 0 ext_type 0 count 1 "
		"(dev 1 off 0x200000 len 0x200000)",
		"FILE last size 4194304 flags 1 mode 444 uid 0 gid 0 ext_type 0 count 2 "
		"(dev 0 off 0xa00000 len 0x200000) (dev 0 off 0x7e00000 len 0x200000)",
	};
	struct famfs_entry entry;
	char buf[TEXT_ENTRY_MAX];
	unsigned int i;

	(void)state;
	assert_int_equal(image_open(&source, true, false), 0);
	for (i = 0; i < ENTRIES; i++) {
		assert_int_equal(media_log_entry(&source.log, i, &entry, NULL), 0);
		assert_string_equal(text_entry(&entry, buf, sizeof(buf)), words[i]);
		text_entry(&entry, buf, 20);
		assert_int_equal(strlen(buf), 19);
	}
	source_close(&source);
}

static void assert_same_rows(const struct msg *msg, const char *path)
{
	struct map_rows kernel, log;

	assert_int_equal(rows_of_message(&kernel, msg->bytes, msg->len), 0);
	assert_int_equal(rows_of_node(&log, media_fs_find(source.fs, path)), 0);
	assert_int_equal(kernel.count, log.count);
	assert_int_equal(kernel.size, log.size);
	assert_memory_equal(kernel.rows, log.rows, log.count * sizeof(*log.rows));
	free(kernel.rows);
	free(log.rows);
}

static void kernel_and_log_give_the_same_rows(void **state)
{
	struct msg msg = { 0 };
	struct map_rows rows;

	(void)state;
	assert_int_equal(image_open(&source, true, false), 0);
	msg_header(&msg, FUSE_FAMFS_EXT_SIMPLE, 2, 4 * MIB);
	msg_simple(&msg, 0, 10 * MIB, IMAGE_UNIT);
	msg_simple(&msg, 0, 126 * MIB, IMAGE_UNIT);
	assert_same_rows(&msg, "last");
	assert_int_equal(rows_of_message(&rows, msg.bytes, msg.len - 1), -EINVAL);
	msg_free(&msg);
	memset(&msg, 0, sizeof(msg));
	msg_header(&msg, FUSE_FAMFS_EXT_INTERLEAVE, 1, 8 * MIB - 5);
	msg_iext(&msg, 4, IMAGE_UNIT, 8 * MIB - 5);
	msg_simple(&msg, 0, 32 * MIB, IMAGE_UNIT);
	msg_simple(&msg, 1, 32 * MIB, IMAGE_UNIT);
	msg_simple(&msg, 0, 64 * MIB, IMAGE_UNIT);
	msg_simple(&msg, 1, 64 * MIB, IMAGE_UNIT);
	assert_same_rows(&msg, "striped");
	msg_free(&msg);
	source_close(&source);
}

/* ------------------------------------------------------------------------
 * The commands
 */

static char out[65536];

/* Runs "fmapfs ..."; %0 and %1 are the images. Return: exit code; @out what it says. */
static int fmapfs(const char *args)
{
	char cmd[1024] = FMAPFS " ", *at = cmd + strlen(cmd);
	size_t n;
	FILE *pipe;
	int status;

	for (; *args; args++) {
		if (*args == '%') {
			at = stpcpy(at, image_path[*++args - '0']);
		} else {
			*at++ = *args;
			*at = '\0';
		}
	}
	strcpy(at, " 2>&1");
	pipe = popen(cmd, "r");
	assert_non_null(pipe);
	n = fread(out, 1, sizeof(out) - 1, pipe);
	out[n] = '\0';
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_fmapfs(const char *args, int code, const char *says)
{
	if (fmapfs(args) == code && strstr(out, says))
		return;
	print_message("fmapfs %s\n%s", args, out);
	assert_int_equal(fmapfs(args), code);
	fail_msg("it does not say \"%s\"", says);
}

static struct json_object *json(const char *args)
{
	struct json_object *value;

	assert_int_equal(fmapfs(args), 0);
	value = json_tokener_parse(out);
	if (!value)
		print_message("%s\n", out);
	assert_non_null(value);
	return value;
}

static uint64_t member(struct json_object *obj, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(obj, key, &value));
	return json_object_get_uint64(value);
}

static void commands_show_what_is_there(void **state)
{
	(void)state;
	assert_fmapfs("ls --image %0", 0, "d/\nlast\nstriped\n");
	assert_fmapfs("ls --image %0 d", 0, "simple\nsmall\n");
	assert_fmapfs("ls --image %0 d/small", 0, "small\n");
	assert_fmapfs("ls -lR --image %0", 0, "4 strips of 2M");
	assert_fmapfs("ls --image %0 nothing", 1, "no such file");
	assert_fmapfs("df --image %0 -d %1", 0, "4 files, 1 directories, 6 of 15420");
	assert_fmapfs("df --image %0", 0, "(missing)");
	assert_fmapfs("map --image %0", 0, "striped (4 strips)");
	assert_fmapfs("map --svg - --image %0", 0, "</svg>");
	assert_fmapfs("map --svg /nowhere/x --image %0", 1, "/nowhere/x");
	assert_fmapfs("fmap --image %0 last", 0, "132120576");
	assert_fmapfs("fmap --image %0 d", 1, "no such file");
	assert_fmapfs("logplay --image %0", 0, "\n5 FILE last size 4194304");
	assert_fmapfs("logplay --from 5 --image %0", 0, "5 FILE");
	assert_null(strstr(out, "\n4 FILE"));
	assert_fmapfs("fsck --image %0 -d %1", 0, "clean");
	assert_fmapfs("fsck --image %0", 8, "device 1 of the pool");
	assert_non_null(strstr(out, "name it with --device"));
	assert_null(strstr(out, "make the pool anew"));
	assert_fmapfs("fsck --image %1", 8, "secondary");
	assert_fmapfs("ls --image %1", 1, "secondary");
}

static void commands_speak_json(void **state)
{
	struct json_object *value, *one;

	(void)state;
	value = json("df --json --image %0 -d %1");
	one = json_object_array_get_idx(value, 0);
	assert_int_equal(member(one, "size"), 2 * IMAGE_SIZE);
	assert_int_equal(member(one, "used"), 18 * MIB);
	assert_int_equal(member(one, "log_entries"), ENTRIES);
	json_object_put(value);
	value = json("ls -R --json --image %0");
	assert_int_equal(json_object_array_length(value), 5);
	json_object_put(value);
	value = json("logplay --json --image %0");
	assert_true(json_object_object_get_ex(value, "entries", &one));
	assert_int_equal(json_object_array_length(one), ENTRIES);
	json_object_put(value);
	value = json("fsck --json --image %0 -d %1");
	assert_int_equal(member(value, "exit"), 0);
	assert_int_equal(member(value, "files"), 4);
	json_object_put(value);
	value = json("map --json --image %0");
	assert_true(json_object_object_get_ex(value, "devices", &one));
	assert_int_equal(json_object_array_length(one), IMAGES);
	json_object_put(value);
	value = json("fmap --json --image %0 striped");
	assert_true(json_object_object_get_ex(value, "ranges", &one));
	assert_int_equal(json_object_array_length(one), 4);
	json_object_put(value);
}

/* Paths are any bytes, JSON is not. */
static void json_is_utf8(void **state)
{
	static char link[] = "/tmp/tool_image.\xff\x9b.link";
	struct json_object *value, *device;
	char args[128];

	(void)state;
	unlink(link);
	assert_int_equal(symlink(image_path[0], link), 0);
	snprintf(args, sizeof(args), "fsck --json -d %%1 --image %s", link);
	value = json(args);
	unlink(link);
	assert_null(strpbrk(out, "\xff\x9b"));
	assert_true(json_object_object_get_ex(value, "device", &device));
	assert_string_equal(json_object_get_string(device),
			    "/tmp/tool_image.\\377\\233.link");
	json_object_put(value);
}

static void commands_go_on_up_to_the_stop(void **state)
{
	(void)state;
	image_mem[0][image_entry(ENTRY_SMALL) + 100] ^= 1;
	assert_fmapfs("ls -R --image %0", 1, "simple");
	assert_non_null(strstr(out, "log entry 4, byte"));
	assert_null(strstr(out, "small"));
	assert_fmapfs("df --image %0 -d %1", 1, "2 files");
	assert_fmapfs("map --image %0", 1, "striped (4 strips)");
	assert_fmapfs("logplay --image %0", 1, "\n3 FILE striped");
	assert_null(strstr(out, "\n4 FILE"));
	assert_fmapfs("fsck --image %0 -d %1", 4, "the replay stops at entry 4");
	image_mem[0][40] ^= 1;
	assert_fmapfs("ls --image %0", 1, "fsck");
}

static void wrong_command_lines_are_refused(void **state)
{
	(void)state;
	assert_fmapfs("fsck", 16, "which pool?");
	assert_fmapfs("fsck --nonsense", 16, "--help");
	assert_fmapfs("ls", 2, "which pool?");
	assert_fmapfs("create /tmp/x", 2, "which size?");
	assert_fmapfs("create -s 0 /tmp/x", 2, "which size?");
	assert_fmapfs("create -s 1M --chunk 2M /tmp/x", 2, "--stripe");
	assert_fmapfs("create -s 1M /tmp/x", 1, "not in a mounted pool");
	assert_fmapfs("mkdir /tmp/x", 1, "not in a mounted pool");
	assert_fmapfs("cp /tmp", 2, "to where?");
	assert_fmapfs("cp --stripe 2 /etc/passwd /tmp", 2, "not in a mounted pool");
	assert_fmapfs("fmap /etc/passwd", 1, "no mount of fmapfs");
	assert_fmapfs("verify /nowhere", 1, "No such file");
	assert_fmapfs("flush /nowhere", 1, "No such file");
	assert_fmapfs("logplay --from x --image %0", 2, "no number");
	assert_true(access("/tmp/x", F_OK) != 0);
}

static void files_are_verified_and_flushed(void **state)
{
	(void)state;
	assert_fmapfs("verify %0 %1", 0, "2 of 2 files are good");
	assert_fmapfs("flush %0", 0, "");
	assert_fmapfs("flush --invalidate --json %0", 0, "\"done\":true");
	assert_fmapfs("verify --fill 1 %0", 1, "byte 0 is 0xff, should be");
	assert_fmapfs("verify --json --fill 1 %0", 1, "\"wrong_at\":0");
	assert_fmapfs("cp %0 %1", 1, "--resume");
	assert_fmapfs("cp --json %0 /nowhere/x", 1, "\"failed\":1");
}

#define IMAGE(test) \
	cmocka_unit_test_setup_teardown(test, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE(pool_is_opened),
		IMAGE(snapshot_holds_nothing_of_the_pool),
		IMAGE(wrong_media_are_opened_nevertheless),
		IMAGE(what_cannot_be_opened_is_told),
		IMAGE(bad_memory_ends_the_log),
		cmocka_unit_test(names_are_escaped),
		IMAGE(entries_are_put_into_words),
		IMAGE(kernel_and_log_give_the_same_rows),
		IMAGE(commands_show_what_is_there),
		IMAGE(commands_speak_json),
		IMAGE(json_is_utf8),
		IMAGE(commands_go_on_up_to_the_stop),
		IMAGE(wrong_command_lines_are_refused),
		IMAGE(files_are_verified_and_flushed),
	};

	return cmocka_run_group_tests_name("tool_source", tests, NULL, NULL);
}
