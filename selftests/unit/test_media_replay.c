// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs, replayed:
 *
 *   1. A medium of famfs's own is read as it is known to be; it is the one that is
 *      named by MEDIA_REAL (its first bytes, unpacked) if there is that.
 *   2. A bad entry stops the replay there and is named; what came before stays; once
 *      it is mended a further call goes on.
 *   3. What it has taken is given back, when it fails half-way.
 *   4. Devices may be added in any order, each once.
 */
#include <errno.h>
#include "real_medium.h"
#include "replays.h"

#define WRONG	(-EUCLEAN)

/* --- the real one --- */

static void the_made_one_is_the_real_one(void **state)
{
	size_t len = MADE_HEAD + REAL_ENTRIES * MADE_ENTRY;
	const char *path = getenv("MEDIA_REAL");
	uint8_t *bytes = calloc(1, len);
	struct made made;
	FILE *file;

	(void)state;
	real_medium(&made);
	/* Two of its crcs, as famfs has computed them. */
	assert_int_equal(made_get(made.super + 96, 8), 0x7bd721d7);
	assert_int_equal(made_get(made_entry(&made, 5) + 536, 8), 0x15cdd353);
	if (path) {
		file = fopen(path, "r");
		assert_non_null(file);
		assert_int_equal(fread(bytes, MADE_SUPER, 1, file), 1);
		assert_memory_equal(bytes, made.super, MADE_SUPER);
		assert_int_equal(fseek(file, MADE_LOG_AT, SEEK_SET), 0);
		assert_int_equal(fread(bytes, len, 1, file), 1);
		assert_memory_equal(bytes, made.log, len);
		fclose(file);
	}
	free(bytes);
	made_free(&made);
}

static void check_real(const struct media_fs *fs, unsigned int i)
{
	const struct real_entry *real = &real_entries[i];
	const struct media_node *node = media_fs_find(fs, real->path);
	char path[FAMFS_PATH_MAX];
	unsigned int k;

	assert_non_null(node);
	assert_ptr_equal(media_fs_node(fs, MEDIA_INO_FIRST + i), node);
	assert_string_equal(media_fs_path(fs, node->ino, path), real->path);
	assert_int_equal(node->is_dir, !real->size);
	assert_int_equal(node->mode, real->mode);
	assert_int_equal(node->uid, real->uid);
	assert_int_equal(node->gid, real->gid);
	assert_int_equal(node->size, real->size);
	if (!real->size)
		return;
	assert_int_equal(node->flags, 2);
	assert_int_equal(node->map_type, real->nstrips != 0);
	assert_int_equal(node->nextents, real->nstrips ? real->nstrips : 1);
	assert_int_equal(node->chunk_size, real->nstrips ? 2 * MIB : 0);
	for (k = 0; k < node->nextents; k++) {
		assert_int_equal(node->extents[k].devindex, 0);
		assert_int_equal(node->extents[k].offset, real->offsets[k]);
		assert_int_equal(node->extents[k].len, real->len);
	}
}

static void a_real_medium_is_read_as_it_is(void **state)
{
	const struct media_node *node;
	struct media_fs_counts counts;
	struct media_fs *fs;
	struct made made;
	char path[80];
	unsigned int i;

	(void)state;
	real_medium(&made);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(media_fs_next(fs), REAL_ENTRIES);
	media_fs_count(fs, &counts);
	assert_int_equal(counts.files, 45);
	assert_int_equal(counts.directories, 2);
	assert_int_equal(counts.devices, 1);
	for (i = 0; i < 7; i++)
		check_real(fs, i);
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "data/f%05u", i);
		node = media_fs_find(fs, path);
		assert_non_null(node);
		assert_int_equal(node->ino, MEDIA_INO_FIRST + 7 + i);
		assert_int_equal(node->size, 4096 + i);
		assert_int_equal(node->extents[0].offset,
				 REAL_SMALL_AT + i * 2 * MIB);
	}
	assert_int_equal(used(fs), 2 * MIB + 4 * MIB + 6 * MIB + 24 * MIB +
			 102 * MIB + 80 * MIB);
	media_fs_free(fs);
	made_free(&made);
}

/* --- what stops it --- */

/*
 * A directory "d", a file "f" of 2 MiB at 10 MiB, a device 1 of 1 GiB; then, by
 * @bad, entry 3; then a directory "after".
 */
struct bad {
	const char *what;
	void (*make)(struct made *made);
	const char *field;
	unsigned int at;
	uint64_t value;
	const char *text;
	const char *rule;
};

static void no_parent(struct made *m) { made_mkdir(m, "none/x"); }
static void no_grandparent(struct made *m) { made_mkdir(m, "d/none/x"); }
static void below_file(struct made *m) { made_mkdir(m, "f/x"); }
static void dir_twice(struct made *m) { made_mkdir(m, "d"); }
static void file_as_dir(struct made *m)
{
	made_file(m, "d", 1, 12 * MIB, 2 * MIB);
}

static void file_twice(struct made *m)
{
	made_file(m, "f", 1, 12 * MIB, 2 * MIB);
}

static void in_super(struct made *m) { made_file(m, "x", 1, 0, 2 * MIB); }
static void in_log(struct made *m) { made_file(m, "x", 1, 8 * MIB, 4 * MIB); }
static void in_file(struct made *m) { made_file(m, "x", 1, 10 * MIB, 2 * MIB); }
static void past_end(struct made *m)
{
	made_file(m, "x", 1, MADE_DEVICE - 2 * MIB, 4 * MIB);
}

static void beyond_end(struct made *m)
{
	made_file(m, "x", 1, MADE_DEVICE, 2 * MIB);
}

static void odd_offset(struct made *m)
{
	made_file(m, "x", 1, 12 * MIB + 4096, 2 * MIB);
}

static void odd_len(struct made *m) { made_file(m, "x", 1, 12 * MIB, 4096); }

static void no_device(struct made *m)
{
	made_extent(made_file(m, "x", 1, 12 * MIB, 2 * MIB), 1, 2, 12 * MIB,
		    2 * MIB);
}

/* The first extent would be good, and is given back. */
static void over_itself(struct made *m)
{
	made_extent(made_file(m, "x", 1, 12 * MIB, 4 * MIB), 1, 0, 14 * MIB,
		    2 * MIB);
}

static void others_super(struct made *m)
{
	made_extent(made_file(m, "x", 1, 12 * MIB, 2 * MIB), 1, 1, 0, 2 * MIB);
}

static void strip_past_end(struct made *m)
{
	/* Strips 1 and 3 are on device 1, of 1 GiB. */
	made_striped(m, "x", 1, 4, 2 * MIB, GIB - 2 * MIB, 2 * MIB, 2);
}

static void small_chunk(struct made *m)
{
	made_striped(m, "x", 1, 2, MIB, 12 * MIB, 2 * MIB, 2);
}

static void device_twice(struct made *m) { made_add_daxdev(m, 1, GIB, 0xd2); }
static void uuid_twice(struct made *m) { made_add_daxdev(m, 2, GIB, 0xd1); }
static void uuid_of_primary(struct made *m) { made_add_daxdev(m, 2, GIB, 0xd0); }
static void small_device(struct made *m)
{
	made_add_daxdev(m, 2, 4 * MIB - 1, 0xd2);
}

static void huge_device(struct made *m)
{
	made_add_daxdev(m, 2, (1ULL << 56) + 2 * MIB, 0xd2);
}

static void delete(struct made *m)
{
	uint8_t *e = made_mkdir(m, "x");

	made_put(e + 8, 4, 2);
	made_seal_entry(e);
}

#define EXTENT(i)	"file.fmap.extents[" #i "]"
#define STRIP(i)	"file.fmap.interleave.strips[" #i "]"
#define NO_DIR		"should be a directory that an entry before makes"
#define IN_UNITS	"should be a multiple of the allocation unit, 2097152"
#define NOT_FREE(n)	"should be free, and " #n " bytes from there: some of it is another file's, or no file's"

static const struct bad bad[] = {
	{ "no parent", no_parent, "mkdir.path", 28, 0, "none", NO_DIR },
	{ "no grandparent", no_grandparent, "mkdir.path", 28, 0, "none", NO_DIR },
	{ "below a file", below_file, "mkdir.path", 28, 0, "f",
	  "should be a directory; entry 1 makes it a file" },
	{ "directory twice", dir_twice, "mkdir.path", 28, 0, "d",
	  "should be a new name; entry 0 has it" },
	{ "file, was a directory", file_as_dir, "file.path", 40, 0, "d",
	  "should be a new name; entry 0 has it" },
	{ "file twice", file_twice, "file.path", 40, 0, "f",
	  "should be a new name; entry 1 has it" },
	{ "in the superblock", in_super, EXTENT(0) ".offset", 144, 0, "",
	  NOT_FREE(2097152) },
	{ "in the log", in_log, EXTENT(0) ".offset", 144, 8 * MIB, "",
	  NOT_FREE(4194304) },
	{ "in a file", in_file, EXTENT(0) ".offset", 144, 10 * MIB, "",
	  NOT_FREE(2097152) },
	{ "past the end", past_end, EXTENT(0) ".len", 152, 4 * MIB, "",
	  "should end within device 0, which has 8589934592 bytes" },
	{ "beyond the end", beyond_end, EXTENT(0) ".offset", 144, MADE_DEVICE, "",
	  "should end within device 0, which has 8589934592 bytes" },
	{ "odd offset", odd_offset, EXTENT(0) ".offset", 144, 12 * MIB + 4096, "",
	  IN_UNITS },
	{ "odd length", odd_len, EXTENT(0) ".len", 152, 4096, "", IN_UNITS },
	{ "no device", no_device, EXTENT(1) ".devindex", 160, 2, "",
	  "should be 0 or a device that an entry before adds" },
	{ "over itself", over_itself, EXTENT(1) ".offset", 168, 14 * MIB, "",
	  NOT_FREE(2097152) },
	{ "in another superblock", others_super, EXTENT(1) ".offset", 168, 0, "",
	  NOT_FREE(2097152) },
	{ "strip beyond the end", strip_past_end, STRIP(3) ".offset", 232, GIB, "",
	  "should end within device 1, which has 1073741824 bytes" },
	{ "small chunk", small_chunk, "file.fmap.interleave.chunk_size", 144, MIB,
	  "", IN_UNITS },
	{ "device twice", device_twice, "add_daxdev.index", 40, 1, "",
	  "should be one that no entry before adds" },
	{ "uuid twice", uuid_twice, "add_daxdev.uuid", 24, 0,
	  "d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1",
	  "should be no other device's" },
	{ "uuid of the primary", uuid_of_primary, "add_daxdev.uuid", 24, 0,
	  "d0d0d0d0-d0d0-d0d0-d0d0-d0d0d0d0d0d0",
	  "should be no other device's" },
	{ "small device", small_device, "add_daxdev.size", 16, 4 * MIB - 1, "",
	  "should be at least 4194304, at most 2^35 allocation units" },
	{ "huge device", huge_device, "add_daxdev.size", 16,
	  (1ULL << 56) + 2 * MIB, "",
	  "should be at least 4194304, at most 2^35 allocation units" },
	{ "DELETE", delete, "type", 8, 2, "",
	  "should be 0 (FILE), 1 (MKDIR) or 3 (ADD_DAXDEV)" },
};

static void check_stopped(struct media_fs *fs, const struct bad *b,
			  const struct media_error *err)
{
	struct media_fs_counts counts;

	assert_int_equal(err->region, MEDIA_LOG_ENTRY);
	assert_int_equal(err->index, 3);
	assert_string_equal(err->field, b->field);
	assert_int_equal(err->offset, MADE_LOG_AT + MADE_HEAD + 3 * MADE_ENTRY +
			 b->at);
	assert_true(err->value == b->value);
	assert_string_equal(err->text, b->text);
	assert_string_equal(err->rule, b->rule);
	/* What came before stays, and no more. */
	assert_int_equal(media_fs_next(fs), 3);
	assert_int_equal(used(fs), 2 * MIB);
	assert_non_null(media_fs_find(fs, "f"));
	assert_null(media_fs_find(fs, "x"));
	assert_null(media_fs_find(fs, "after"));
	assert_null(media_fs_node(fs, MEDIA_INO_FIRST + 3));
	assert_int_equal(media_fs_node(fs, MEDIA_INO_ROOT)->nentries, 3);
	media_fs_count(fs, &counts);
	assert_int_equal(counts.files, 1);
	assert_int_equal(counts.directories, 1);
	assert_int_equal(counts.devices, 2);
}

static void a_bad_entry_stops_it_and_is_named(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		made_new(&made, 48, 5);
		made_mkdir(&made, "d");
		made_file(&made, "f", 1, 10 * MIB, 2 * MIB);
		made_add_daxdev(&made, 1, GIB, 0xd1);
		bad[i].make(&made);
		made_mkdir(&made, "after");
		fs = fs_of(&made);
		assert_int_equal(replay(fs, &made, &err), WRONG);
		check_stopped(fs, &bad[i], &err);
		/* Again: the same. */
		memset(&err, 0, sizeof(err));
		assert_int_equal(replay(fs, &made, &err), WRONG);
		check_stopped(fs, &bad[i], &err);
		/* Mended, it goes on. */
		made.n = 3;
		made_mkdir(&made, "d/x");
		made_count(&made, 5);
		assert_int_equal(replay(fs, &made, &err), 0);
		assert_int_equal(media_fs_next(fs), 5);
		assert_int_equal(media_fs_find(fs, "d/x")->ino,
				 MEDIA_INO_FIRST + 3);
		assert_non_null(media_fs_find(fs, "after"));
		media_fs_free(fs);
		made_free(&made);
	}
}

static void version_47_has_no_devices(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 47, 2);
	made_mkdir(&made, "d");
	made_add_daxdev(&made, 1, GIB, 0xd1);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, &err), WRONG);
	assert_string_equal(err.field, "type");
	assert_int_equal(media_fs_next(fs), 1);
	media_fs_free(fs);
	made_free(&made);
}

static void devices_are_bounded_together(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 3);
	made_add_daxdev(&made, 1, 1ULL << 56, 0xd1);
	/* With this one and the primary it is 2^36 units and a unit. */
	made_add_daxdev(&made, 2, (1ULL << 56) - MADE_DEVICE + 2 * MIB, 0xd2);
	made_mkdir(&made, "d");
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, &err), WRONG);
	assert_int_equal(err.index, 1);
	assert_string_equal(err.field, "add_daxdev.size");
	made.n = 1;
	made_add_daxdev(&made, 2, (1ULL << 56) - MADE_DEVICE, 0xd2);
	assert_int_equal(replay(fs, &made, &err), 0);
	media_fs_free(fs);
	made_free(&made);
}

static void devices_come_in_any_order(void **state)
{
	struct media_fs *fs;
	struct made made;
	unsigned int i;

	(void)state;
	made_new(&made, 48, 64);
	for (i = 63; i; i--)
		made_add_daxdev(&made, i, i * GIB, (uint8_t)i);
	made_extent(made_file(&made, "f", 4 * MIB, 10 * MIB, 2 * MIB), 1, 63,
		    63 * GIB - 2 * MIB, 2 * MIB);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, NULL), 0);
	for (i = 1; i < 64; i++) {
		assert_int_equal(media_fs_device(fs, i)->size, i * GIB);
		assert_int_equal(media_fs_device(fs, i)->uuid[7], i);
	}
	assert_int_equal(media_fs_device(fs, 0)->uuid[7], 0xd0);
	assert_null(media_fs_device(fs, 64));
	assert_null(media_fs_device(fs, UINT32_MAX));
	/* An entry of a device is no node. */
	assert_null(media_fs_node(fs, MEDIA_INO_FIRST));
	assert_int_equal(media_fs_find(fs, "f")->ino, MEDIA_INO_FIRST + 63);
	media_fs_free(fs);
	made_free(&made);
}

static void small_units_are_units(void **state)
{
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 2);
	made_put(made.super + 32, 8, 4096);
	made_seal_super(made.super);
	made_file(&made, "f", 1, 10 * MIB, 4096);
	made_striped(&made, "s", 8192, 2, 4096, 10 * MIB + 4096, 4096, 1);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(used(fs), 3 * 4096);
	media_fs_free(fs);
	made_free(&made);
}

/* --- the log as it grows --- */

static void the_log_is_followed(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 3);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, NULL), 0);
	made_mkdir(&made, "a");
	made_mkdir(&made, "a/b");
	/* The second is being written: a header torn in this way or in that. */
	made_put(made.log + 40, 8, 1);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(media_fs_next(fs), 1);
	made_put(made.log + 32, 8, 1);
	made_put(made.log + 40, 8, 2);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(media_fs_next(fs), 1);
	made_count(&made, 2);
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(media_fs_next(fs), 2);
	/* It never gets shorter. */
	made_count(&made, 1);
	assert_int_equal(replay(fs, &made, &err), WRONG);
	assert_int_equal(err.region, MEDIA_LOG_HEADER);
	assert_string_equal(err.field, "next_index");
	assert_int_equal(err.offset, MADE_LOG_AT + 40);
	assert_int_equal(media_fs_next(fs), 2);
	/* More than is mapped is told, and not read. */
	made_count(&made, 4);
	assert_int_equal(replay(fs, &made, &err), WRONG);
	assert_string_equal(err.rule, "should be at most 3: so many are mapped");
	media_fs_free(fs);
	made_free(&made);
}

static void entries_cut_off_stop_it(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;
	unsigned int cut;

	(void)state;
	/* The third entry was written in part when its writer died. */
	for (cut = 0; cut < MADE_ENTRY; cut += 8) {
		made_new(&made, 48, 3);
		made_mkdir(&made, "a");
		made_mkdir(&made, "b");
		made_file(&made, "c", 1, 10 * MIB, 2 * MIB);
		memset(made_entry(&made, 2) + cut, 0, MADE_ENTRY - cut);
		fs = fs_of(&made);
		assert_int_equal(replay(fs, &made, &err), WRONG);
		assert_int_equal(err.index, 2);
		assert_string_equal(err.field, "crc");
		assert_int_equal(media_fs_next(fs), 2);
		media_fs_free(fs);
		made_free(&made);
	}
}

static void the_log_is_as_long_as_the_superblock_says(void **state)
{
	struct media_error err;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	made_put(made.log + 8, 8, 16 * MIB);
	made_seal_head(made.log);
	fs = fs_of(&made);
	assert_int_equal(replay(fs, &made, &err), WRONG);
	assert_string_equal(err.field, "len");
	assert_string_equal(err.rule,
			    "should be 8388608, as the superblock says");
	media_fs_free(fs);
	made_free(&made);
}

static void a_secondary_device_has_no_log(void **state)
{
	struct media_super sb;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	made_put(made.super + 104, 4, 2);
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL), 0);
	assert_int_equal(media_fs_new(&fs, &sb, NULL, NULL), -EINVAL);
	made_free(&made);
}

/* --- taken up without a log --- */

static void an_entry_is_taken_up_by_itself(void **state)
{
	const struct media_node *node;
	const struct media_log *log;
	struct famfs_entry entry;
	struct media_error err;
	struct media_fs *fs;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	made_file(&made, "f", 1, 10 * MIB, 2 * MIB);
	fs = fs_of(&made);
	log = &(struct media_log) { log_of(&made).mem, MADE_LOG_AT,
				    log_of(&made).len, 48 };
	assert_int_equal(media_log_entry(log, 0, &entry, NULL), 0);
	entry.seqnum = 1;
	assert_int_equal(media_fs_add(fs, &entry, false, &node, &err), WRONG);
	assert_string_equal(err.field, "seqnum");
	entry.seqnum = 0;
	/* Its space was allocated. */
	assert_int_equal(media_space_take(media_fs_space(fs), 0, 10 * MIB,
					  2 * MIB), 0);
	assert_int_equal(media_fs_add(fs, &entry, false, &node, &err), WRONG);
	assert_int_equal(media_fs_add(fs, &entry, true, &node, &err), 0);
	assert_ptr_equal(node, media_fs_find(fs, "f"));
	assert_int_equal(media_fs_next(fs), 1);
	/* The log tells it, too: it is not replayed twice. */
	assert_int_equal(replay(fs, &made, NULL), 0);
	assert_int_equal(media_fs_next(fs), 1);
	media_fs_free(fs);
	made_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_made_one_is_the_real_one),
		cmocka_unit_test(a_real_medium_is_read_as_it_is),
		cmocka_unit_test(a_bad_entry_stops_it_and_is_named),
		cmocka_unit_test(version_47_has_no_devices),
		cmocka_unit_test(devices_are_bounded_together),
		cmocka_unit_test(devices_come_in_any_order),
		cmocka_unit_test(small_units_are_units),
		cmocka_unit_test(the_log_is_followed),
		cmocka_unit_test(entries_cut_off_stop_it),
		cmocka_unit_test(the_log_is_as_long_as_the_superblock_says),
		cmocka_unit_test(a_secondary_device_has_no_log),
		cmocka_unit_test(an_entry_is_taken_up_by_itself),
	};

	return cmocka_run_group_tests_name("media_replay", tests, NULL, NULL);
}
