// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "fmapfs fsck" finds; fields that are wrong are for test_tool_corrupt.c.
 *
 *   1. A good pool is clean.
 *   2. Behind the entry that stops the replay, entries that are valid are told, and so
 *      are others that are wrong.
 *   3. A header that is torn, a log that is nearly full, an entry behind the end,
 *      devices that are missing, strange, larger or too small are told.
 *   4. What is no pool is not checked. Bad memory, and images cut off, are told.
 *   5. Anything at all in the first MiBs is checked to the end, without hanging.
 */
#include <errno.h>
#include <unistd.h>

#include "tool_image.h"

#define HEADER(field)	(FAMFS_LOG_OFFSET + offsetof(struct famfs_log_header, field))
#define ENTRY(field)	offsetof(struct famfs_entry, field)

static void good_pool_is_clean(void **state)
{
	(void)state;
	assert_int_equal(fsck(true), FSCK_CLEAN);
	print_findings();
	assert_int_equal(report.count, 0);
	assert_int_equal(report.entries, ENTRIES);
	assert_int_equal(report.replayed, ENTRIES);
	assert_int_equal(report.room, media_entries_max(FAMFS_LOG_MIN) - ENTRIES);
}

/* ------------------------------------------------------------------------
 * Behind the stop
 */

static void entries_behind_the_stop_are_told(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	image_mem[0][image_entry(ENTRY_SIMPLE) + ENTRY(crc)] ^= 1;
	image_mem[0][image_entry(ENTRY_SMALL) + ENTRY(file.size)] ^= 1;
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_int_equal(report.replayed, ENTRY_SIMPLE);
	assert_int_equal(report.entries, ENTRIES);
	assert_int_equal(report.lost, 2);
	assert_int_equal(report.bad, 2);
	finding = assert_found("entry-lost", NULL);
	assert_non_null(strstr(finding->text, "log entry 3 is valid"));
	assert_non_null(strstr(finding->text, "striped"));
	assert_non_null(strstr((finding + 1)->text, "log entry 4"));
	assert_non_null(strstr((finding + 2)->text, "log entry 5 is valid"));
}

static void many_lost_entries_are_counted(void **state)
{
	unsigned int i, listed = 0;
	struct famfs_entry entry;
	char path[32];
	size_t k;

	(void)state;
	for (i = 0; i < 3 * FSCK_LISTED; i++) {
		snprintf(path, sizeof(path), "dir%u", i);
		assert_int_equal(media_entry_mkdir(&entry, path, 0755, 0, 0), 0);
		image_append(&entry);
	}
	image_mem[0][image_entry(0) + ENTRY(crc)] ^= 1;
	for (i = 0; i < 2 * FSCK_LISTED; i++)
		image_mem[0][image_entry(ENTRIES + i) + ENTRY(crc)] ^= 1;
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_int_equal(report.lost, ENTRIES - 1 + FSCK_LISTED);
	assert_int_equal(report.bad, 1 + 2 * FSCK_LISTED);
	for (k = 0; k < report.count; k++)
		listed += !!strstr(report.findings[k].text, "is valid by itself");
	assert_int_equal(listed, FSCK_LISTED);
	assert_true(report.count < 3 * FSCK_LISTED);
}

static void names_are_escaped(void **state)
{
	struct famfs_entry entry;
	size_t i;

	(void)state;
	assert_int_equal(media_entry_mkdir(&entry, "\033[2J\n\xc2\x9b\xff", 0755, 0, 0),
			 0);
	image_append(&entry);
	image_mem[0][image_entry(0) + ENTRY(crc)] ^= 1;
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	for (i = 0; i < report.count; i++)
		assert_null(strpbrk(report.findings[i].text, "\033\n\xff"));
	for (i = 0; i < report.count; i++)
		if (strstr(report.findings[i].text, "\\033[2J\\012\\302\\233\\377"))
			return;
	fail_msg("the name is not told");
}

/* Also what the library says of one that stops the replay. */
static void names_in_errors_are_escaped(void **state)
{
	struct famfs_entry entry;

	(void)state;
	assert_int_equal(media_entry_mkdir(&entry, "\x9b" "2J/d", 0755, 0, 0), 0);
	image_append(&entry);
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_non_null(strstr(assert_found("entry", "mkdir.path")->text, "\"\\2332J\""));
}

static void header_that_is_gone_is_no_end(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	memset(image_mem[0] + FAMFS_LOG_OFFSET, 0, sizeof(struct famfs_log_header));
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_found("log-header", "magic");
	finding = assert_found("entry-lost", NULL);
	assert_non_null(strstr(finding->text, "6 valid entries"));
}

static void superblock_that_is_gone_is_no_end(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	memset(image_mem[0], 0, sizeof(struct famfs_super));
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_found("super", "magic");
	finding = assert_found("entry", NULL);
	assert_non_null(strstr(finding->text, "the log is whole"));
}

/* ------------------------------------------------------------------------
 * What is told
 */

static void bump(uint64_t at, int64_t by)
{
	uint64_t value;

	memcpy(&value, image_mem[0] + at, sizeof(value));
	value += by;
	memcpy(image_mem[0] + at, &value, sizeof(value));
}

static void torn_header_is_told(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	bump(HEADER(next_seqnum), 1);
	assert_int_equal(fsck(true), FSCK_TOLD);
	finding = assert_found("log-torn", NULL);
	assert_non_null(strstr(finding->text, "entry 6, which is not complete"));
	assert_int_equal(report.replayed, ENTRIES);

	bump(HEADER(next_seqnum), -2);
	assert_int_equal(fsck(true), FSCK_TOLD);
	finding = assert_found("log-torn", NULL);
	assert_non_null(strstr(finding->text, "entry 5, which is complete"));
	assert_int_equal(report.replayed, ENTRIES - 1);
}

static void entry_behind_the_end_is_told(void **state)
{
	(void)state;
	bump(HEADER(next_seqnum), -1);
	bump(HEADER(next_index), -1);
	assert_int_equal(fsck(true), FSCK_CLEAN);
	assert_found("entry-behind", NULL);
	assert_int_equal(report.entries, ENTRIES - 1);
}

static void set_last_index(uint64_t last)
{
	memcpy(image_mem[0] + HEADER(last_index), &last, sizeof(last));
	image_crc_header();
}

static void full_log_is_told(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	set_last_index(ENTRIES - 1);
	assert_int_equal(fsck(true), FSCK_TOLD);
	finding = assert_found("log-full", NULL);
	assert_int_equal(finding->level, FSCK_NOTE);	/* room that is not used */
	assert_int_equal((++finding)->level, FSCK_WARNING);
	assert_non_null(strstr(finding->text, "room for 0 more of 6"));
	/* A twentieth is the limit. */
	set_last_index(19 * ENTRIES);
	assert_int_equal(fsck(true), FSCK_CLEAN);
}

static void missing_device_is_told(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	assert_int_equal(fsck(false), FSCK_FAILED);
	finding = assert_found("device-missing", NULL);
	assert_non_null(strstr(finding->text, "--device"));
	assert_int_equal(report.missing, 1);
	assert_int_equal(report.replayed, ENTRIES);
	/* Damage counts for more, whatever comes first. */
	image_mem[0][image_entry(ENTRY_LAST) + ENTRY(crc)] ^= 1;
	assert_int_equal(fsck(false), FSCK_DAMAGE);
	assert_found("device-missing", NULL);
}

static void size_of_devices_is_told(void **state)
{
	const struct fsck_finding *finding;

	(void)state;
	assert_int_equal(truncate(image_path[0], IMAGE_SIZE + MIB), 0);
	assert_int_equal(truncate(image_path[1], IMAGE_SIZE + MIB), 0);
	assert_int_equal(fsck(true), FSCK_CLEAN);
	finding = assert_found("device-size", NULL);
	assert_int_equal(finding->level, FSCK_NOTE);
	assert_non_null(strstr((finding + 1)->text, "device 1"));
	assert_int_equal(truncate(image_path[1], IMAGE_SIZE - MIB), 0);
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_found("device-super", "primary.size");
}

static void stray_device_is_told(void **state)
{
	(void)state;
	/* It was being added: its superblock is there, its entry is not. */
	bump(HEADER(next_seqnum), -ENTRIES);
	bump(HEADER(next_index), -ENTRIES);
	assert_int_equal(fsck(true), FSCK_TOLD);
	assert_found("device-stray", NULL);
}

static void no_pool_is_not_checked(void **state)
{
	struct source source;

	(void)state;
	memset(image_mem[0], 0, 16 * MIB);
	assert_int_equal(fsck(true), FSCK_FAILED);
	memset(image_mem[0], 0xff, 16 * MIB);
	assert_int_equal(fsck(true), FSCK_FAILED);
	assert_int_equal(truncate(image_path[0], MIB), 0);
	assert_int_equal(image_open(&source, true, true), -ENODATA);
	source_close(&source);
}

static uint64_t good_end;

static int64_t read_until_bad(void *ctx, bool log, uint64_t off, void *buf, uint64_t len)
{
	uint64_t good = log ? good_end : sizeof(struct famfs_super);

	(void)ctx;
	good = off > good ? 0 : good - off < len ? good - off : len;
	memcpy(buf, image_mem[0] + (log ? FAMFS_LOG_OFFSET : 0) + off, good);
	return good;
}

static void bad_memory_is_told(void **state)
{
	const struct source_reader reader = { .read = read_until_bad };
	const struct fsck_finding *finding;
	struct source source = { .dev_size = IMAGE_SIZE, .dir = strdup("") };
	char text[64];

	(void)state;
	good_end = image_entry(ENTRY_STRIPED) - FAMFS_LOG_OFFSET + 100;
	assert_int_equal(source_load(&source, &reader, true), 0);
	fsck_free(&report);
	assert_int_equal(fsck_check(&source, &report), 0);
	assert_int_equal(report.code, FSCK_DAMAGE);
	assert_int_equal(report.replayed, ENTRY_STRIPED);
	assert_int_equal(report.lost, 0);
	finding = assert_found("log-unreadable", NULL);
	snprintf(text, sizeof(text), "byte %llu:",
		 (unsigned long long)(good_end + FAMFS_LOG_OFFSET));
	assert_non_null(strstr(finding->text, text));
	source_close(&source);
}

static void cut_image_is_told(void **state)
{
	(void)state;
	assert_int_equal(truncate(image_path[0], 11 * MIB), 0);
	assert_int_equal(fsck(true), FSCK_DAMAGE);
	assert_found("super", "primary.size");
}

/* Whatever lies there: as long as nothing but the first MiBs is read, and it ends. */
static void garbage_is_checked_to_the_end(void **state)
{
	struct rng rng = rng_start(__func__);
	uint64_t at, value;
	unsigned int i, k;

	for (i = 0; i < 300; i++) {
		for (k = rng_below(&rng, 8) + 1; k--;) {
			at = rng_below(&rng, 3) ?
			     FAMFS_LOG_OFFSET + rng_below(&rng, image_entry(ENTRIES) -
							  FAMFS_LOG_OFFSET) :
			     rng_below(&rng, 200);
			value = rng_below(&rng, 2) ? rng_next(&rng) :
			       rng_below(&rng, 2) ? UINT64_MAX : 1ULL << rng_below(&rng, 64);
			memcpy(image_mem[0] + at, &value, 1 + rng_below(&rng, 8));
		}
		if (rng_below(&rng, 2))
			image_crc_super(0);
		if (rng_below(&rng, 2))
			image_crc_header();
		for (k = 0; k < ENTRIES; k++)
			if (rng_below(&rng, 2))
				image_crc_entry(k);
		fsck(rng_below(&rng, 2));
		if (i % 4 == 3) {
			image_teardown(state);
			assert_int_equal(image_setup(state), 0);
		}
	}
}

#define IMAGE(test) \
	cmocka_unit_test_setup_teardown(test, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE(good_pool_is_clean),
		IMAGE(entries_behind_the_stop_are_told),
		IMAGE(many_lost_entries_are_counted),
		IMAGE(names_are_escaped),
		IMAGE(names_in_errors_are_escaped),
		IMAGE(header_that_is_gone_is_no_end),
		IMAGE(superblock_that_is_gone_is_no_end),
		IMAGE(torn_header_is_told),
		IMAGE(entry_behind_the_end_is_told),
		IMAGE(full_log_is_told),
		IMAGE(missing_device_is_told),
		IMAGE(size_of_devices_is_told),
		IMAGE(stray_device_is_told),
		IMAGE(no_pool_is_not_checked),
		IMAGE(bad_memory_is_told),
		IMAGE(cut_image_is_told),
		IMAGE(garbage_is_checked_to_the_end),
	};

	return cmocka_run_group_tests_name("tool_fsck", tests, NULL, NULL);
}
