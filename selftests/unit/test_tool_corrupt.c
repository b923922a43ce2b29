// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "fmapfs fsck" says of a pool when something of it is wrong. With
 * CORRUPTION_TABLE in the environment the first step prints its table: field, what is
 * done to it, what is said, exit code.
 *
 *   1. Each field of superblock, log header, entries and of the other device's
 *      superblock, made wrong, is found: which, where, and the exit code.
 *   2. No byte of superblock, header and entries can change unnoticed, but for those
 *      that no checksum covers and nobody uses.
 */
#include "tool_image.h"

#define SUPER(field)	offsetof(struct famfs_super, field)

enum part {
	IN_SUPER,		/* of the primary device */
	IN_HEADER,
	IN_ENTRY,		/* of .entry */
	IN_SECONDARY,		/* superblock of the other device */
};

/**
 * struct corruption - something wrong
 * @at: offset in the part; @len: bytes there; @value: what is written
 * @crc: and the crc made right again
 * @what, @field: of the finding; @code: FSCK_*
 */
struct corruption {
	enum part part;
	unsigned int entry;
	const char *name;
	size_t at;
	size_t len;
	uint64_t value;
	bool crc;
	const char *what;
	const char *field;
	int code;
};

#define IN_STRUCT(type, f)	offsetof(struct type, f), sizeof(((struct type *)0)->f)
#define S(f, value, crc, field) { IN_SUPER, 0, #f, IN_STRUCT(famfs_super, f), value, \
	crc, "super", field, FSCK_DAMAGE }
#define H(f, value, crc, field) { IN_HEADER, 0, #f, IN_STRUCT(famfs_log_header, f), \
	value, crc, "log-header", field, FSCK_DAMAGE }
#define E(n, f, value, crc, field) { IN_ENTRY, n, #f, IN_STRUCT(famfs_entry, f), value, \
	crc, "entry", field, FSCK_DAMAGE }
#define D(f, value, crc, field) { IN_SECONDARY, 0, #f, IN_STRUCT(famfs_super, f), value, \
	crc, "device-super", field, FSCK_DAMAGE }

static const struct corruption table[] = {
	S(magic, 1, false, "magic"),
	S(version, 49, true, "version"),
	S(version, 46, true, "version"),
	S(log_offset, 4 * MIB, true, "log_offset"),
	S(log_len, 4 * MIB, true, "log_len"),
	S(log_len, 9 * MIB, true, "log_len"),
	S(log_len, GIB, true, NULL),
	S(alloc_unit, 8192, true, "alloc_unit"),
	S(alloc_unit, 0, true, "alloc_unit"),
	S(omf_major, 3, true, "omf_major"),
	S(omf_minor, 1, true, "omf_minor"),
	S(omf_minor, 3, false, "crc"),
	S(fs_uuid, 0, false, "crc"),
	S(fs_uuid, 0, true, "fs_uuid"),
	S(dev_uuid, 0, true, "dev_uuid"),
	S(system_uuid, 0, true, "system_uuid"),
	S(crc, 0, false, "crc"),
	S(flags, 4, false, "flags"),
	{ IN_SUPER, 0, "flags", IN_STRUCT(famfs_super, flags), 2, false, "super", NULL,
	  FSCK_FAILED },
	S(primary.size, 0, false, "primary.size"),
	S(primary.size, 129 * MIB, false, "primary.size"),
	S(primary.size, MIB, false, "primary.size"),

	H(magic, 0, true, "magic"),
	H(len, 16 * MIB, true, "len"),
	H(len, 16 * MIB, false, "crc"),
	H(last_index, 15420, true, "last_index"),
	H(last_index, 3, true, "next_seqnum"),
	H(crc, 0, false, "crc"),
	H(next_seqnum, 20000, false, "next_seqnum"),
	H(next_index, 20000, false, "next_index"),
	H(next_index, 2, false, "next_index"),

	E(ENTRY_DIR, seqnum, 7, true, "seqnum"),
	E(ENTRY_DIR, seqnum, 7, false, "crc"),
	E(ENTRY_DIR, type, 2, true, "type"),
	E(ENTRY_DIR, type, 4, true, "type"),
	E(ENTRY_DIR, crc, 0, false, "crc"),
	E(ENTRY_DIR, mkdir.uid, 0xffffffff, true, "mkdir.uid"),
	E(ENTRY_DIR, mkdir.gid, 0xffffffff, true, "mkdir.gid"),
	E(ENTRY_DIR, mkdir.mode, 040755, true, "mkdir.mode"),
	E(ENTRY_DIR, mkdir.path[0], '/', true, "mkdir.path"),
	E(ENTRY_DIR, mkdir.path[0], 0, true, "mkdir.path"),

	E(ENTRY_SIMPLE, file.size, 0, true, "file.size"),
	E(ENTRY_SIMPLE, file.size, 5 * MIB, true, "file.size"),
	E(ENTRY_SIMPLE, file.size, UINT64_MAX, true, "file.size"),
	E(ENTRY_SIMPLE, file.flags, 3, true, "file.flags"),
	E(ENTRY_SIMPLE, file.uid, 0xffffffff, true, "file.uid"),
	E(ENTRY_SIMPLE, file.gid, 0xffffffff, true, "file.gid"),
	E(ENTRY_SIMPLE, file.mode, 0100644, true, "file.mode"),
	E(ENTRY_SIMPLE, file.path[0], '/', true, "file.path"),
	E(ENTRY_SIMPLE, file.path[0], 'x', true, "file.path"),
	E(ENTRY_SIMPLE, file.path[2], 0, true, "file.path"),
	E(ENTRY_SIMPLE, file.path[2], '/', true, "file.path"),
	E(ENTRY_SIMPLE, file.fmap.ext_type, 2, true, "file.fmap.ext_type"),
	E(ENTRY_SIMPLE, file.fmap.count, 0, true, "file.fmap.count"),
	E(ENTRY_SIMPLE, file.fmap.count, 17, true, "file.fmap.count"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].devindex, 2, true,
	  "file.fmap.extents[0].devindex"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].devindex, 64, true,
	  "file.fmap.extents[0].devindex"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].offset, 16 * MIB + 1, true,
	  "file.fmap.extents[0].offset"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].offset, 16 * MIB + 4096, true,
	  "file.fmap.extents[0].offset"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].offset, 128 * MIB, true,
	  "file.fmap.extents[0].offset"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].offset, 0, true,
	  "file.fmap.extents[0].offset"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].offset, 8 * MIB, true,
	  "file.fmap.extents[0].offset"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].len, 0, true, "file.fmap.extents[0].len"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].len, UINT64_MAX - 4095, true,
	  "file.fmap.extents[0].len"),
	E(ENTRY_SIMPLE, file.fmap.extents[0].len, 114 * MIB, true,
	  "file.fmap.extents[0].len"),

	E(ENTRY_STRIPED, file.size, 9 * MIB, true, NULL),
	E(ENTRY_STRIPED, file.fmap.count, 2, true, "file.fmap.count"),
	E(ENTRY_STRIPED, file.fmap.interleave.nstrips, 0, true,
	  "file.fmap.interleave.nstrips"),
	E(ENTRY_STRIPED, file.fmap.interleave.nstrips, 17, true,
	  "file.fmap.interleave.nstrips"),
	E(ENTRY_STRIPED, file.fmap.interleave.chunk_size, 3 * MIB, true,
	  "file.fmap.interleave.chunk_size"),
	E(ENTRY_STRIPED, file.fmap.interleave.chunk_size, MIB, true,
	  "file.fmap.interleave.chunk_size"),
	E(ENTRY_STRIPED, file.fmap.interleave.chunk_size, 4 * GIB, true,
	  "file.fmap.interleave.chunk_size"),
	E(ENTRY_STRIPED, file.fmap.interleave.strips[2].devindex, 5, true,
	  "file.fmap.interleave.strips[2].devindex"),
	E(ENTRY_STRIPED, file.fmap.interleave.strips[2].offset, 32 * MIB, true,
	  "file.fmap.interleave.strips[2].offset"),
	E(ENTRY_STRIPED, file.fmap.interleave.strips[2].len, 4096, true,
	  "file.fmap.interleave.strips[2].len"),

	E(ENTRY_DEVICE, add_daxdev.size, MIB, true, "add_daxdev.size"),
	E(ENTRY_DEVICE, add_daxdev.uuid, 0, true, "add_daxdev.uuid"),
	E(ENTRY_DEVICE, add_daxdev.index, 0, true, "add_daxdev.index"),
	E(ENTRY_DEVICE, add_daxdev.index, 64, true, "add_daxdev.index"),

	{ IN_SECONDARY, 0, "magic", IN_STRUCT(famfs_super, magic), 0, false,
	  "device-super", NULL, FSCK_DAMAGE },
	D(version, 49, true, "version"),
	D(crc, 0, false, "crc"),
	D(flags, 1, false, NULL),
	D(fs_uuid, 0, true, "fs_uuid"),
	{ IN_SECONDARY, 0, "fs_uuid[0]", IN_STRUCT(famfs_super, fs_uuid[0]), 1, true,
	  "device-super", NULL, FSCK_DAMAGE },
	{ IN_SECONDARY, 0, "dev_uuid[0]", IN_STRUCT(famfs_super, dev_uuid[0]), 1, true,
	  "device-missing", NULL, FSCK_FAILED },
	D(primary.size, 129 * MIB, false, "primary.size"),
};

static const char *const part_names[] = {
	"superblock", "log header", "log entry", "other device",
};

static uint8_t *place_of(const struct corruption *c)
{
	switch (c->part) {
	case IN_HEADER:
		return image_mem[0] + FAMFS_LOG_OFFSET + c->at;
	case IN_ENTRY:
		return image_mem[0] + image_entry(c->entry) + c->at;
	default:
		return image_mem[c->part == IN_SECONDARY] + c->at;
	}
}

static void right_crc(const struct corruption *c)
{
	if (c->part == IN_HEADER)
		image_crc_header();
	else if (c->part == IN_ENTRY)
		image_crc_entry(c->entry);
	else
		image_crc_super(c->part == IN_SECONDARY);
}

/* Zeroes, or a number, or the first byte of something longer. */
static void corrupt(const struct corruption *c)
{
	uint8_t *place = place_of(c);

	memset(place, 0, c->len);
	memcpy(place, &c->value, c->len < sizeof(c->value) ? c->len : sizeof(c->value));
	if (c->crc)
		right_crc(c);
}

static void print_row(const struct corruption *c, const struct fsck_finding *finding)
{
	static bool begun;

	if (!getenv("CORRUPTION_TABLE"))
		return;
	if (!begun)
		puts("| part | field | written | crc | what fsck says | exit |\n"
		     "|---|---|---|---|---|---|");
	begun = true;
	printf("| %s | %s | 0x%llx | %s | %s | %d |\n", part_names[c->part], c->name,
	       (unsigned long long)c->value, c->crc ? "right" : "as it was",
	       finding->text, report.code);
}

static void each_field_is_checked(void **state)
{
	const struct fsck_finding *finding;
	const struct corruption *c;
	struct media_error expected;

	for (c = table; c < table + ARRAY_SIZE(table); c++) {
		corrupt(c);
		if (fsck(true) != c->code) {
			print_message("%s %s: exit %d\n", part_names[c->part], c->name,
				      report.code);
			print_findings();
		}
		assert_int_equal(report.code, c->code);
		finding = assert_found(c->what, c->field);
		expected = finding->err;
		if (c->field && c->part == IN_ENTRY) {
			assert_int_equal(expected.index, c->entry);
			assert_true(expected.offset >= image_entry(c->entry));
			assert_true(expected.offset < image_entry(c->entry + 1));
		}
		/* What is before it is seen. */
		if (c->part == IN_ENTRY)
			assert_int_equal(report.replayed, c->entry);
		print_row(c, finding);
		image_teardown(state);
		assert_int_equal(image_setup(state), 0);
	}
}

/* What no crc covers, and no rule is about. */
static bool is_free(uint64_t at)
{
	return (at >= SUPER(reserved) && at < SUPER(primary.size)) ||
	       (at >= SUPER(primary.uuid) && at < sizeof(struct famfs_super));
}

static void no_byte_changes_unnoticed(void **state)
{
	uint64_t at, end = image_entry(ENTRIES);
	uint8_t was;

	(void)state;
	for (at = 0; at < end; at++) {
		if (at == sizeof(struct famfs_super))
			at = FAMFS_LOG_OFFSET;
		was = image_mem[0][at];
		image_mem[0][at] ^= 0x40;
		if ((fsck(true) == FSCK_CLEAN) != is_free(at))
			print_message("byte %llu\n", (unsigned long long)at);
		assert_int_equal(report.code == FSCK_CLEAN, is_free(at));
		image_mem[0][at] = was;
	}
	assert_int_equal(fsck(true), FSCK_CLEAN);
}

#define IMAGE(test) \
	cmocka_unit_test_setup_teardown(test, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE(each_field_is_checked),
		IMAGE(no_byte_changes_unnoticed),
	};

	return cmocka_run_group_tests_name("tool_corrupt", tests, NULL, NULL);
}
