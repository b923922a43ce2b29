// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of the log, made byte by byte, each by itself:
 *
 *   1. A good one is read as it is, and what it does not use is zero.
 *   2. Each field of each type, corrupted: the error names it, where it is, what it
 *      says and what it should be. With the crc as it was, it is the crc that is wrong.
 *   3. Each wrong bit is refused.
 *   4. Paths are relative, have no odd component, are none of ours.
 *   5. What does not check is read once more, its cache dropped each time.
 */
#include <errno.h>
#include "../../user/media/media.h"
#include "made_medium.h"
#include "unit.h"

#define WRONG	(-EUCLEAN)
/* Where the entry that is looked at begins: it is the second one. */
#define AT	(MADE_LOG_AT + MADE_HEAD + MADE_ENTRY)

static unsigned int invalidated;
static uint8_t *mend_at;
static uint8_t mend_to;

void __real_media_invalidate(const void *addr, size_t len);
void __wrap_media_invalidate(const void *addr, size_t len);

void __wrap_media_invalidate(const void *addr, size_t len)
{
	if (++invalidated == 2 && mend_at)
		*mend_at = mend_to;
	__real_media_invalidate(addr, len);
}

enum kind { SIMPLE, STRIPED, DIRECTORY, DEVICE };

/* A directory, then an entry of this kind. */
static uint8_t *make(struct made *made, enum kind kind, unsigned int version)
{
	uint8_t *e = NULL;

	made_new(made, version, 2);
	made_mkdir(made, "dir");
	switch (kind) {
	case SIMPLE:
		e = made_file(made, "dir/file", 5 * MIB, 10 * MIB, 4 * MIB);
		made_extent(e, 1, 1, 20 * MIB, 2 * MIB);
		break;
	case STRIPED:
		e = made_striped(made, "dir/striped", 23 * MIB, 4, 2 * MIB,
				 64 * MIB, 6 * MIB, 2);
		break;
	case DIRECTORY:
		e = made_mkdir(made, "dir/sub");
		break;
	case DEVICE:
		e = made_add_daxdev(made, 1, 8 * GIB, 0xd1);
	}
	return e;
}

static int read_entry(const struct made *made, unsigned int version,
		      struct famfs_entry *entry, struct media_error *err)
{
	const struct media_log log = {
		made->log, MADE_LOG_AT, MADE_HEAD + made->room * MADE_ENTRY,
		version,
	};

	return media_log_entry(&log, 1, entry, err);
}

struct field {
	enum kind kind;
	const char *name;
	unsigned int at;
	unsigned int bytes;
	uint64_t value;
	int rc;
};

#define EXTENT(i)	"file.fmap.extents[" #i "]"
#define STRIP(i)	"file.fmap.interleave.strips[" #i "]"

static const struct field fields[] = {
	{ SIMPLE, "seqnum", 0, 8, 0, WRONG },
	{ SIMPLE, "seqnum", 0, 8, 2, WRONG },
	{ SIMPLE, "seqnum", 0, 8, 0x100000001, WRONG },
	{ SIMPLE, "type", 8, 4, 2, WRONG },		/* DELETE */
	{ SIMPLE, "type", 8, 4, 4, WRONG },
	{ SIMPLE, "type", 8, 4, UINT32_MAX, WRONG },
	{ SIMPLE, "reserved", 12, 4, UINT32_MAX, 0 },

	{ SIMPLE, "file.size", 16, 8, 0, WRONG },
	{ SIMPLE, "file.size", 16, 8, 1, 0 },
	{ SIMPLE, "file.size", 16, 8, 6 * MIB, 0 },
	{ SIMPLE, "file.size", 16, 8, 6 * MIB + 1, WRONG },
	{ SIMPLE, "file.size", 16, 8, 1ULL << 63, WRONG },
	{ SIMPLE, "file.size", 16, 8, UINT64_MAX, WRONG },
	{ SIMPLE, "file.flags", 24, 4, 0, 0 },
	{ SIMPLE, "file.flags", 24, 4, 1, 0 },
	{ SIMPLE, "file.flags", 24, 4, 3, WRONG },
	{ SIMPLE, "file.flags", 24, 4, 4, WRONG },
	{ SIMPLE, "file.uid", 28, 4, UINT32_MAX, WRONG },
	{ SIMPLE, "file.uid", 28, 4, UINT32_MAX - 1, 0 },
	{ SIMPLE, "file.gid", 32, 4, UINT32_MAX, WRONG },
	{ SIMPLE, "file.mode", 36, 4, 07777, 0 },
	{ SIMPLE, "file.mode", 36, 4, 010000, WRONG },
	{ SIMPLE, "file.mode", 36, 4, 0100644, WRONG },
	{ SIMPLE, "file.fmap.ext_type", 120, 4, 2, WRONG },
	{ SIMPLE, "file.fmap.ext_type", 120, 4, UINT32_MAX, WRONG },
	{ SIMPLE, "reserved", 124, 4, 1, 0 },
	{ SIMPLE, "file.fmap.count", 128, 4, 0, WRONG },
	{ SIMPLE, "file.size", 128, 4, 1, WRONG },	/* 4 MiB are too few */
	{ SIMPLE, "file.fmap.count", 128, 4, 17, WRONG },
	{ SIMPLE, "file.fmap.count", 128, 4, UINT32_MAX, WRONG },
	{ SIMPLE, "reserved", 132, 4, 1, 0 },
	{ SIMPLE, EXTENT(0) ".devindex", 136, 8, 64, WRONG },
	{ SIMPLE, EXTENT(0) ".devindex", 136, 8, 1ULL << 32, WRONG },
	{ SIMPLE, EXTENT(0) ".offset", 144, 8, 1, WRONG },
	{ SIMPLE, EXTENT(0) ".offset", 144, 8, 1ULL << 63, WRONG },
	{ SIMPLE, EXTENT(0) ".len", 152, 8, 0, WRONG },
	{ SIMPLE, EXTENT(0) ".len", 152, 8, 4 * MIB + 1, WRONG },
	{ SIMPLE, EXTENT(0) ".len", 152, 8, 1ULL << 63, WRONG },
	{ SIMPLE, EXTENT(0) ".len", 152, 8, (1ULL << 63) - 10 * MIB, WRONG },
	{ SIMPLE, EXTENT(1) ".devindex", 160, 8, UINT64_MAX, WRONG },
	{ SIMPLE, EXTENT(1) ".offset", 168, 8, 4095, WRONG },
	{ SIMPLE, EXTENT(1) ".len", 176, 8, 0, WRONG },
	{ SIMPLE, EXTENT(1) ".len", 176, 8, (1ULL << 63) - 20 * MIB, WRONG },
	/* What is not used, is not looked at. */
	{ SIMPLE, "unused", 184, 8, UINT64_MAX, 0 },
	{ SIMPLE, "unused", 528, 8, UINT64_MAX, 0 },

	{ STRIPED, "file.size", 16, 8, 0, WRONG },
	{ STRIPED, "file.size", 16, 8, 24 * MIB, 0 },
	{ STRIPED, STRIP(0) ".len", 16, 8, 24 * MIB + 1, WRONG },
	{ STRIPED, "file.fmap.count", 128, 4, 0, WRONG },
	{ STRIPED, "file.fmap.count", 128, 4, 2, WRONG },
	{ STRIPED, "file.fmap.interleave.nstrips", 136, 8, 0, WRONG },
	{ STRIPED, "file.fmap.interleave.nstrips", 136, 8, 17, WRONG },
	{ STRIPED, "file.fmap.interleave.nstrips", 136, 8, 0x100000004, WRONG },
	{ STRIPED, "file.fmap.interleave.nstrips", 136, 8, UINT64_MAX, WRONG },
	{ STRIPED, STRIP(0) ".len", 136, 8, 3, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 0, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 2048, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 3 * MIB, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 1ULL << 32, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 1ULL << 63, WRONG },
	{ STRIPED, "file.fmap.interleave.chunk_size", 144, 8, 4096, 0 },
	{ STRIPED, STRIP(0) ".devindex", 152, 8, 64, WRONG },
	{ STRIPED, STRIP(0) ".offset", 160, 8, 512, WRONG },
	{ STRIPED, STRIP(0) ".len", 168, 8, 4 * MIB, WRONG },
	{ STRIPED, STRIP(3) ".devindex", 224, 8, 64, WRONG },
	{ STRIPED, STRIP(3) ".offset", 232, 8, UINT64_MAX - 4095, WRONG },
	{ STRIPED, STRIP(3) ".len", 240, 8, 0, WRONG },
	/* The last chunk is 1 MiB, on the last strip: 5 MiB there are enough. */
	{ STRIPED, STRIP(3) ".len", 240, 8, 5 * MIB, 0 },
	{ STRIPED, STRIP(3) ".len", 240, 8, 5 * MIB - 4096, WRONG },
	{ STRIPED, "unused", 248, 8, UINT64_MAX, 0 },

	{ DIRECTORY, "mkdir.uid", 16, 4, UINT32_MAX, WRONG },
	{ DIRECTORY, "mkdir.gid", 20, 4, UINT32_MAX, WRONG },
	{ DIRECTORY, "mkdir.mode", 24, 4, 07777, 0 },
	{ DIRECTORY, "mkdir.mode", 24, 4, 0040755, WRONG },
	{ DIRECTORY, "unused", 108, 4, UINT32_MAX, 0 },

	{ DEVICE, "add_daxdev.size", 16, 8, 0, WRONG },
	{ DEVICE, "add_daxdev.size", 16, 8, 2 * MIB, WRONG },
	{ DEVICE, "add_daxdev.size", 16, 8, 1ULL << 63, WRONG },
	{ DEVICE, "add_daxdev.index", 40, 4, 0, WRONG },
	{ DEVICE, "add_daxdev.index", 40, 4, 63, 0 },
	{ DEVICE, "add_daxdev.index", 40, 4, 64, WRONG },
	{ DEVICE, "add_daxdev.index", 40, 4, UINT32_MAX, WRONG },
	{ DEVICE, "unused", 44, 4, UINT32_MAX, 0 },
};

static void check_sealed(const struct field *f)
{
	struct famfs_entry entry;
	struct media_error err = { 0 };
	struct made made;
	uint8_t *e = make(&made, f->kind, 48);
	unsigned int at = f->at;
	uint64_t value;
	int rc;

	made_put(e + at, f->bytes, f->value);
	made_seal_entry(e);
	rc = read_entry(&made, 48, &entry, &err);
	if (rc != f->rc)
		fail_msg("%s at %u is %#llx: %d", f->name, at,
			 (unsigned long long)f->value, rc);
	if (rc) {
		/* Some make another field wrong. */
		if (!strcmp(f->name, "file.size"))
			at = 16;
		if (!strcmp(f->name, STRIP(0) ".len"))
			at = 168;
		value = made_get(e + at, at == f->at ? f->bytes : 8);
		assert_int_equal(err.region, MEDIA_LOG_ENTRY);
		assert_int_equal(err.index, 1);
		assert_string_equal(err.field, f->name);
		assert_int_equal(err.offset, AT + at);
		assert_true(err.value == value);
		assert_string_equal(err.text, "");
		assert_int_equal(strncmp(err.rule, "should ", 7), 0);
	}
	made_free(&made);
}

/* With the crc as it was. */
static void check_unsealed(const struct field *f)
{
	struct famfs_entry entry;
	struct media_error err = { 0 };
	struct made made;
	uint8_t *e = make(&made, f->kind, 48);

	made_put(e + f->at, f->bytes, f->value);
	assert_int_equal(read_entry(&made, 48, &entry, &err), WRONG);
	assert_int_equal(err.index, 1);
	assert_string_equal(err.field, "crc");
	assert_int_equal(err.offset, AT + 536);
	assert_true(err.value == made_get(e + 536, 8));
	made_free(&made);
}

static void each_field_is_checked(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		check_sealed(&fields[i]);
		check_unsealed(&fields[i]);
	}
}

static void each_wrong_bit_is_refused(void **state)
{
	struct famfs_entry entry;
	struct made made;
	enum kind kind;
	unsigned int bit;
	uint8_t *e;

	(void)state;
	for (kind = SIMPLE; kind <= DEVICE; kind++) {
		e = make(&made, kind, 48);
		for (bit = 0; bit < MADE_ENTRY * 8; bit++) {
			e[bit / 8] ^= 1 << bit % 8;
			if (!read_entry(&made, 48, &entry, NULL))
				fail_msg("kind %d, bit %u", kind, bit);
			e[bit / 8] ^= 1 << bit % 8;
		}
		assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
		made_free(&made);
	}
}

static void version_47_has_no_devices(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	struct made made;

	(void)state;
	make(&made, DEVICE, 47);
	assert_int_equal(read_entry(&made, 47, &entry, &err), WRONG);
	assert_string_equal(err.field, "type");
	assert_int_equal(err.value, 3);
	assert_string_equal(err.rule, "should be 0 (FILE) or 1 (MKDIR)");
	assert_int_equal(read_entry(&made, 48, &entry, &err), 0);
	made_free(&made);
}

static void a_device_has_an_uuid(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	struct made made;
	uint8_t *e = make(&made, DEVICE, 48);

	(void)state;
	memset(e + 24, 0, 16);
	made_seal_entry(e);
	assert_int_equal(read_entry(&made, 48, &entry, &err), WRONG);
	assert_string_equal(err.field, "add_daxdev.uuid");
	assert_int_equal(err.offset, AT + 24);
	e[39] = 1;
	made_seal_entry(e);
	assert_int_equal(read_entry(&made, 48, &entry, &err), 0);
	made_free(&made);
}

#define X70	"0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
	const char *path;
	const char *rule;	/* NULL: none is broken */
} paths[] = {
	{ "a", NULL },
	{ "a/b/c", NULL },
	{ ".a/..b/...", NULL },
	{ "a/.meta", NULL },
	{ ".metal", NULL },
	{ ".met", NULL },
	{ "a b\n\xff", NULL },
	{ X70 "/12345678", NULL },			/* 79 bytes */
	{ "", "should not be empty" },
	{ "/a", "should be relative" },
	{ "/", "should be relative" },
	{ "a/", "should have no empty component" },
	{ "a//b", "should have no empty component" },
	{ ".", "should have no component \".\"" },
	{ "a/.", "should have no component \".\"" },
	{ "./a", "should have no component \".\"" },
	{ "..", "should have no component \"..\"" },
	{ "../a", "should have no component \"..\"" },
	{ "a/../b", "should have no component \"..\"" },
	{ "a/..", "should have no component \"..\"" },
	{ ".meta", "should not be .meta, nor below it" },
	{ ".meta/a", "should not be .meta, nor below it" },
	{ X70 "/123456789", "should be shorter than 80 bytes" },
};

static void paths_are_relative_and_plain(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	const char *field, *rule;
	struct made made;
	unsigned int i, dir, at;
	uint8_t *e;

	(void)state;
	for (i = 0; i < 2 * ARRAY_SIZE(paths); i++) {
		dir = i % 2;
		at = dir ? 28 : 40;
		field = dir ? "mkdir.path" : "file.path";
		rule = paths[i / 2].rule;
		e = make(&made, dir ? DIRECTORY : SIMPLE, 48);
		memset(e + at, 0, 80);
		memcpy(e + at, paths[i / 2].path, strlen(paths[i / 2].path));
		made_seal_entry(e);
		assert_int_equal(read_entry(&made, 48, &entry, &err),
				 rule ? WRONG : 0);
		if (rule) {
			assert_string_equal(err.field, field);
			assert_int_equal(err.offset, AT + at);
			assert_string_equal(err.text, paths[i / 2].path);
			assert_string_equal(err.rule, rule);
		}
		made_free(&made);
	}
}

/* A path that fills its field, and goes on in what comes then, is none. */
static void paths_are_terminated(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	struct made made;
	uint8_t *e = make(&made, DIRECTORY, 48);

	(void)state;
	memset(e + 28, 'x', 508);
	made_seal_entry(e);
	assert_int_equal(read_entry(&made, 48, &entry, &err), WRONG);
	assert_string_equal(err.rule, "should be shorter than 80 bytes");
	assert_int_equal(strlen(err.text), 80);
	/* What is behind the path's end is nobody's. */
	e[28 + 79] = 0;
	made_seal_entry(e);
	assert_int_equal(read_entry(&made, 48, &entry, &err), 0);
	assert_int_equal(strlen(entry.mkdir.path), 79);
	e[28 + 1] = 0;
	made_seal_entry(e);
	assert_int_equal(read_entry(&made, 48, &entry, &err), 0);
	assert_int_equal(entry.mkdir.path[2], 0);
	assert_int_equal(entry.body[507], 0);
	made_free(&made);
}

static void good_ones_are_read_as_they_are(void **state)
{
	struct famfs_entry entry;
	struct made made;
	enum kind kind;
	uint8_t *e;

	(void)state;
	for (kind = SIMPLE; kind <= DEVICE; kind++) {
		e = make(&made, kind, 48);
		assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
		assert_memory_equal(&entry, e, MADE_ENTRY);
		made_free(&made);
	}
}

static void what_is_not_used_is_cleared(void **state)
{
	static const unsigned int used[] = { 184, 248, 108, 44 };
	struct famfs_entry entry, clean;
	struct made made;
	enum kind kind;
	uint8_t *e;

	(void)state;
	for (kind = SIMPLE; kind <= DEVICE; kind++) {
		e = make(&made, kind, 48);
		memcpy(&clean, e, MADE_ENTRY);
		memset(e + used[kind], 0xee, 536 - used[kind]);
		made_put(e + 12, 4, UINT32_MAX);
		if (kind == SIMPLE || kind == STRIPED) {
			made_put(e + 124, 4, UINT32_MAX);
			made_put(e + 132, 4, UINT32_MAX);
			memset(e + 60, 0xee, 60);
		}
		made_seal_entry(e);
		assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
		assert_memory_equal(&entry, &clean, 536);
		made_free(&made);
	}
}

static void sixteen_extents_and_strips_are_the_most(void **state)
{
	struct famfs_entry entry;
	struct made made;
	unsigned int i;
	uint8_t *e;

	(void)state;
	made_new(&made, 48, 2);
	made_mkdir(&made, "dir");
	e = made_file(&made, "file", 32 * MIB, 10 * MIB, 2 * MIB);
	for (i = 1; i < 16; i++)
		made_extent(e, i, 0, (10 + 2 * i) * MIB, 2 * MIB);
	assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
	assert_int_equal(entry.file.fmap.extents[15].offset, 40 * MIB);
	made.n--;
	made_striped(&made, "striped", 32 * MIB, 16, 2 * MIB, 10 * MIB, 2 * MIB, 1);
	assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
	assert_int_equal(entry.file.fmap.interleave.strips[15].offset, 40 * MIB);
	made_free(&made);
}

static void extents_make_a_sum_below_2_to_the_63(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	struct made made;
	uint8_t *e = make(&made, SIMPLE, 48);

	(void)state;
	made_extent(e, 0, 0, 0, 1ULL << 62);
	made_extent(e, 1, 0, 0, 1ULL << 62);
	assert_int_equal(read_entry(&made, 48, &entry, &err), WRONG);
	assert_string_equal(err.field, "file.fmap.extents[1].len");
	assert_string_equal(err.rule, "should make a sum below 2^63");
	made_extent(e, 1, 0, 0, (1ULL << 62) - 4096);
	assert_int_equal(read_entry(&made, 48, &entry, &err), 0);
	made_free(&made);
}

static void what_is_wrong_is_read_once_more(void **state)
{
	struct famfs_entry entry;
	struct made made;
	uint8_t *e = make(&made, SIMPLE, 48);

	(void)state;
	invalidated = 0;
	assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
	assert_int_equal(invalidated, 1);

	mend_at = e + 300;
	mend_to = *mend_at;
	*mend_at ^= 1;
	invalidated = 0;
	assert_int_equal(read_entry(&made, 48, &entry, NULL), 0);
	assert_int_equal(invalidated, 2);

	mend_at = NULL;
	e[300] ^= 1;
	invalidated = 0;
	assert_int_equal(read_entry(&made, 48, &entry, NULL), WRONG);
	assert_int_equal(invalidated, 2);
	made_free(&made);
}

static void errors_are_told_in_one_line(void **state)
{
	struct famfs_entry entry;
	struct media_error err;
	char line[MEDIA_ERROR_MAX];
	struct made made;
	uint8_t *e = make(&made, SIMPLE, 48);

	(void)state;
	made_put(e + 16, 8, 0);
	made_seal_entry(e);
	read_entry(&made, 48, &entry, &err);
	assert_string_equal(media_strerror(&err, line, sizeof(line)),
			    "log entry 1, byte 2097760: file.size is 0 (0x0), should be 1 or more, below 2^63");
	made_put(e + 16, 8, 1);
	memcpy(e + 40, "a\n\"b\\//", 8);
	made_seal_entry(e);
	read_entry(&made, 48, &entry, &err);
	assert_string_equal(media_strerror(&err, line, sizeof(line)),
			    "log entry 1, byte 2097784: file.path is \"a\\012\\042b\\134//\", should have no empty component");
	memset(e + 40, 1, 80);
	made_seal_entry(e);
	read_entry(&made, 48, &entry, &err);
	assert_true(strlen(media_strerror(&err, line, sizeof(line))) > 380);
	memset(e + 40, 0, 80);
	made_seal_entry(e);
	read_entry(&made, 48, &entry, &err);
	assert_string_equal(media_strerror(&err, line, sizeof(line)),
			    "log entry 1, byte 2097784: file.path is \"\", should not be empty");
	made_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_are_read_as_they_are),
		cmocka_unit_test(what_is_not_used_is_cleared),
		cmocka_unit_test(sixteen_extents_and_strips_are_the_most),
		cmocka_unit_test(extents_make_a_sum_below_2_to_the_63),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(each_wrong_bit_is_refused),
		cmocka_unit_test(version_47_has_no_devices),
		cmocka_unit_test(a_device_has_an_uuid),
		cmocka_unit_test(paths_are_relative_and_plain),
		cmocka_unit_test(paths_are_terminated),
		cmocka_unit_test(what_is_wrong_is_read_once_more),
		cmocka_unit_test(errors_are_told_in_one_line),
	};

	return cmocka_run_group_tests_name("media_entry", tests, NULL, NULL);
}
