// SPDX-License-Identifier: GPL-2.0-only
/*
 * Superblocks, made byte by byte:
 *
 *   1. A good one is read as it is.
 *   2. Each field, corrupted: the error names it, where it is, what it says and what
 *      it should be; with the crc right, and with the crc left as it was.
 *   3. Each bit of what the crc covers, and of the crc, that is not right is refused.
 *   4. What does not check is read once more, its cache dropped each time; on error
 *      the result is untouched.
 *   5. Caches are dropped for the range and no line beyond.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../user/media/media.h"
#include "made_medium.h"
#include "unit.h"

#define OTHER	(-EOPNOTSUPP)
#define WRONG	(-EUCLEAN)

static unsigned int invalidated;
static uint8_t *mend_at;		/* becomes right at the second try */
static uint8_t mend_to;

void __real_media_invalidate(const void *addr, size_t len);
void __wrap_media_invalidate(const void *addr, size_t len);

void __wrap_media_invalidate(const void *addr, size_t len)
{
	if (++invalidated == 2 && mend_at)
		*mend_at = mend_to;
	__real_media_invalidate(addr, len);
}

struct field {
	const char *name;
	unsigned int at;
	unsigned int bytes;
	uint64_t value;
	int sealed;		/* what becomes of it with the crc made right */
	int unsealed;		/* and with the crc as it was */
};

static const struct field fields[] = {
	{ "magic", 0, 8, 0x87b282fe, -ENODATA, -ENODATA },
	{ "magic", 0, 8, 0, -ENODATA, -ENODATA },
	{ "magic", 0, 8, 0x187b282ff, -ENODATA, -ENODATA },
	{ "version", 8, 8, 46, OTHER, OTHER },
	{ "version", 8, 8, 49, OTHER, OTHER },
	{ "version", 8, 8, 0x100000030, OTHER, OTHER },
	{ "log_offset", 16, 8, 0, WRONG, WRONG },
	{ "log_offset", 16, 8, 4 * MIB, WRONG, WRONG },
	{ "log_offset", 16, 8, UINT64_MAX, WRONG, WRONG },
	{ "log_len", 24, 8, 0, WRONG, WRONG },
	{ "log_len", 24, 8, 4 * MIB, WRONG, WRONG },
	{ "log_len", 24, 8, 12 * MIB, WRONG, WRONG },
	{ "log_len", 24, 8, 1ULL << 63, WRONG, WRONG },
	{ "alloc_unit", 32, 8, 0, WRONG, WRONG },
	{ "alloc_unit", 32, 8, 8192, WRONG, WRONG },
	{ "alloc_unit", 32, 8, 1ULL << 32, WRONG, WRONG },
	{ "alloc_unit", 32, 8, 4096, 0, WRONG },
	{ "omf_major", 40, 4, 1, WRONG, WRONG },
	{ "omf_major", 40, 4, 3, WRONG, WRONG },
	{ "omf_minor", 44, 4, 1, WRONG, WRONG },
	{ "omf_minor", 44, 4, 3, WRONG, WRONG },
	/* No crc covers the rest. */
	{ "flags", 104, 4, 1, 0, 0 },
	{ "flags", 104, 4, 2, 0, 0 },
	{ "flags", 104, 4, 3, WRONG, WRONG },
	{ "flags", 104, 4, 4, WRONG, WRONG },
	{ "flags", 104, 4, 1U << 31, WRONG, WRONG },
	{ "reserved", 108, 4, 1, 0, 0 },
	{ "primary.size", 112, 8, 0, WRONG, WRONG },
	{ "primary.size", 112, 8, 12 * MIB - 1, WRONG, WRONG },
	{ "primary.size", 112, 8, 12 * MIB, 0, 0 },
	{ "primary.size", 112, 8, MADE_DEVICE + 1, WRONG, WRONG },
	{ "primary.size", 112, 8, 1ULL << 57, WRONG, WRONG },
	{ "primary.size", 112, 8, UINT64_MAX, WRONG, WRONG },
	{ "primary.uuid", 120, 8, 1, 0, 0 },
	{ "primary.name", 136, 8, 0xffffffff, 0, 0 },
};

static void check_field(const struct field *f, bool seal)
{
	int expected = seal ? f->sealed : f->unsealed, rc;
	bool by_crc = !seal && f->sealed != f->unsealed;
	struct media_super sb, before;
	struct media_error err = { 0 };
	struct made made;

	made_new(&made, 48, 1);
	made_put(made.super + f->at, f->bytes, f->value);
	if (seal)
		made_seal_super(made.super);
	/* The crc is looked at before what it covers, but for the version. */
	if (!seal && f->at > 8 && f->at < 96)
		by_crc = true;
	memset(&sb, 0x5a, sizeof(sb));
	before = sb;
	rc = media_super_read(made.super, MADE_SUPER, MADE_DEVICE, &sb, &err);
	if (rc != expected)
		fail_msg("%s %#llx: %d", f->name, (unsigned long long)f->value,
			 rc);
	if (rc)
		assert_memory_equal(&sb, &before, sizeof(sb));
	if (rc && rc != -ENODATA) {
		assert_int_equal(err.region, MEDIA_SUPER);
		assert_string_equal(err.field, by_crc ? "crc" : f->name);
		assert_int_equal(err.offset, by_crc ? 96 : f->at);
		assert_int_equal(err.value,
				 by_crc ? made_get(made.super + 96, 8) : f->value);
		assert_int_equal(strncmp(err.rule, "should be ", 10), 0);
	}
	made_free(&made);
}

static void each_field_is_checked(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		check_field(&fields[i], true);
		check_field(&fields[i], false);
	}
}

static void uuids_are_not_zero(void **state)
{
	static const char *const names[] = { "fs_uuid", "dev_uuid", "system_uuid" };
	struct media_super sb;
	struct media_error err;
	struct made made;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		made_new(&made, 48, 1);
		memset(made.super + 48 + 16 * i, 0, 16);
		made_seal_super(made.super);
		assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb,
						  &err), WRONG);
		assert_string_equal(err.field, names[i]);
		assert_int_equal(err.offset, 48 + 16 * i);
		assert_string_equal(err.text,
				    "00000000-0000-0000-0000-000000000000");
		made_free(&made);
	}
}

static void good_ones_are_read_as_they_are(void **state)
{
	struct media_super sb;
	struct media_error err;
	unsigned int version;
	struct made made;

	(void)state;
	for (version = 47; version <= 48; version++) {
		made_new(&made, version, 1);
		memset(made.super + 136, 'x', 64);
		assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb,
						  &err), 0);
		assert_int_equal(sb.version, version);
		assert_int_equal(sb.log_offset, 2 * MIB);
		assert_int_equal(sb.log_len, 8 * MIB);
		assert_int_equal(sb.alloc_unit, 2 * MIB);
		assert_memory_equal(sb.fs_uuid, made.super + 48, 16);
		assert_memory_equal(sb.dev_uuid, made.super + 64, 16);
		assert_memory_equal(sb.system_uuid, made.super + 80, 16);
		assert_int_equal(sb.flags, 0);
		assert_int_equal(sb.device.size, MADE_DEVICE);
		/* A name that is not terminated is cut. */
		assert_int_equal(strlen(sb.device.name), 63);
		made_free(&made);
	}
}

static void each_wrong_bit_under_the_crc_is_refused(void **state)
{
	struct media_super sb;
	struct made made;
	unsigned int bit;

	(void)state;
	made_new(&made, 48, 1);
	for (bit = 0; bit < 104 * 8; bit++) {
		made.super[bit / 8] ^= 1 << bit % 8;
		if (!media_super_read(made.super, MADE_SUPER, 0, &sb, NULL))
			fail_msg("bit %u", bit);
		made.super[bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL), 0);
	made_free(&made);
}

/* A device that is none of primary's size has no log. */
static void a_secondary_device_may_be_smaller(void **state)
{
	struct media_super sb;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	made_put(made.super + 104, 4, 2);
	made_put(made.super + 112, 8, 4 * MIB);
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL), 0);
	made_put(made.super + 112, 8, 4 * MIB - 1);
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL),
			 WRONG);
	made_free(&made);
}

static void what_is_wrong_is_read_once_more(void **state)
{
	struct media_super sb;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	invalidated = 0;
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL), 0);
	assert_int_equal(invalidated, 1);

	mend_at = made.super + 20;
	mend_to = *mend_at;
	*mend_at ^= 1;
	invalidated = 0;
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL), 0);
	assert_int_equal(invalidated, 2);

	mend_at = NULL;
	made.super[20] ^= 1;
	invalidated = 0;
	assert_int_equal(media_super_read(made.super, MADE_SUPER, 0, &sb, NULL),
			 WRONG);
	assert_int_equal(invalidated, 2);
	made_free(&made);
}

static void too_few_bytes_hold_no_superblock(void **state)
{
	struct media_super sb;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	assert_int_equal(media_super_read(made.super, MADE_SUPER - 1, 0, &sb, NULL),
			 -ENODATA);
	assert_int_equal(media_super_read(made.super, 0, 0, &sb, NULL), -ENODATA);
	made_free(&made);
}

static void errors_are_told_in_one_line(void **state)
{
	struct media_super sb;
	struct media_error err;
	char line[MEDIA_ERROR_MAX], few[20];
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	made_put(made.super + 8, 8, 49);
	media_super_read(made.super, MADE_SUPER, 0, &sb, &err);
	assert_string_equal(media_strerror(&err, line, sizeof(line)),
			    "superblock, byte 8: version is 49 (0x31), should be 47 or 48");
	assert_string_equal(media_strerror(&err, few, sizeof(few)),
			    "superblock, byte 8:");
	made_put(made.super + 8, 8, 48);
	made_put(made.super + 44, 4, 1);
	made_seal_super(made.super);
	media_super_read(made.super, MADE_SUPER, 0, &sb, &err);
	assert_string_equal(media_strerror(&err, line, sizeof(line)),
			    "superblock, byte 44: omf_minor is 1 (0x1), should be 2 in version 48");
	made_free(&made);
}

/* A line of memory that is not mapped would be SIGSEGV. */
static void caches_of_just_the_range_are_dropped(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	char *mem = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	(void)state;
	assert_ptr_not_equal(mem, MAP_FAILED);
	mem += page;
	assert_int_equal(mprotect(mem, page, PROT_READ | PROT_WRITE), 0);
	memset(mem, 0x77, page);
	/* Read-only memory will do: no byte of it is changed. */
	assert_int_equal(mprotect(mem, page, PROT_READ), 0);
	media_invalidate(mem, page);
	media_writeback(mem, page);
	media_invalidate(mem + page - 1, 1);
	media_writeback(mem + 1, page - 1);
	/* Nothing is touched of no bytes. */
	media_invalidate(mem + page, 0);
	media_writeback(mem + page, 0);
	for (i = 0; i < page; i++)
		assert_int_equal(mem[i], 0x77);
	munmap(mem - page, 3 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_are_read_as_they_are),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(uuids_are_not_zero),
		cmocka_unit_test(each_wrong_bit_under_the_crc_is_refused),
		cmocka_unit_test(a_secondary_device_may_be_smaller),
		cmocka_unit_test(what_is_wrong_is_read_once_more),
		cmocka_unit_test(too_few_bytes_hold_no_superblock),
		cmocka_unit_test(errors_are_told_in_one_line),
		cmocka_unit_test(caches_of_just_the_range_are_dropped),
	};

	return cmocka_run_group_tests_name("media_super", tests, NULL, NULL);
}
