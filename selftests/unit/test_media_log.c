// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log's header, made byte by byte:
 *
 *   1. A good one is read as it is, of any length; each wrong field is named.
 *   2. One that is torn between its two counters is taken, by the lower; if they are
 *      further apart it is refused.
 *   3. A log that is mapped in part has the entries that are mapped.
 *   4. What does not check is read once more, its cache dropped each time.
 */
#include <errno.h>
#include "../../user/media/media.h"
#include "made_medium.h"
#include "unit.h"

#define WRONG	(-EUCLEAN)

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

static struct media_log log_of(const struct made *made)
{
	return (struct media_log) {
		made->log, MADE_LOG_AT, MADE_HEAD + made->room * MADE_ENTRY, 48,
	};
}

struct field {
	const char *name;
	unsigned int at;
	uint64_t value;
	int sealed;
};

static const struct field fields[] = {
	{ "magic", 0, 0, WRONG },
	{ "magic", 0, 0xbadcafef00c, WRONG },
	{ "magic", 0, 0xbadcafef00d + (1ULL << 63), WRONG },
	{ "len", 8, 0, WRONG },
	{ "len", 8, 4 * MIB, WRONG },
	{ "len", 8, 8 * MIB + 1, WRONG },
	{ "len", 8, 24 * MIB, WRONG },
	{ "len", 8, 1ULL << 63, WRONG },
	{ "len", 8, 16 * MIB, 0 },
	{ "last_index", 16, 15420, WRONG },
	{ "last_index", 16, UINT64_MAX, WRONG },
	{ "last_index", 16, 15418, 0 },
	{ "last_index", 16, 2, 0 },
	/* No crc covers the counters; the other one is 3. */
	{ "next_seqnum", 32, 15421, WRONG },
	{ "next_seqnum", 32, UINT64_MAX, WRONG },
	{ "next_index", 40, 15421, WRONG },
	{ "next_index", 40, UINT64_MAX, WRONG },
	{ "next_index", 40, 5, WRONG },
	{ "next_index", 40, 1, WRONG },
	{ "next_index", 40, 0, WRONG },
	{ "next_index", 40, 4, 0 },
	{ "next_index", 40, 2, 0 },
};

static void check_field(const struct field *f, bool seal)
{
	bool covered = f->at < 24, by_crc = !seal && covered && f->at;
	int expected = by_crc ? WRONG : f->sealed, rc;
	struct media_head head, before;
	struct media_error err = { 0 };
	struct media_log log;
	struct made made;

	made_new(&made, 48, 4);
	made_count(&made, 3);
	made_put(made.log + f->at, 8, f->value);
	if (seal)
		made_seal_head(made.log);
	log = log_of(&made);
	memset(&head, 0x5a, sizeof(head));
	before = head;
	rc = media_log_head(&log, &head, &err);
	if (rc != expected)
		fail_msg("%s %#llx: %d", f->name, (unsigned long long)f->value,
			 rc);
	if (rc) {
		assert_memory_equal(&head, &before, sizeof(head));
		assert_int_equal(err.region, MEDIA_LOG_HEADER);
		assert_string_equal(err.field, by_crc ? "crc" : f->name);
		assert_int_equal(err.offset, MADE_LOG_AT + (by_crc ? 24 : f->at));
		assert_int_equal(err.value, by_crc ?
				 made_get(made.log + 24, 8) : f->value);
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

static void each_wrong_bit_under_the_crc_is_refused(void **state)
{
	struct media_head head;
	struct media_log log;
	struct made made;
	unsigned int bit;

	(void)state;
	made_new(&made, 48, 1);
	log = log_of(&made);
	for (bit = 0; bit < 32 * 8; bit++) {
		made.log[bit / 8] ^= 1 << bit % 8;
		if (!media_log_head(&log, &head, NULL))
			fail_msg("bit %u", bit);
		made.log[bit / 8] ^= 1 << bit % 8;
	}
	made_free(&made);
}

static void so_many_entries_have_room(void **state)
{
	static const struct { uint64_t len, entries; } logs[] = {
		{ 0, 0 }, { 47, 0 }, { 48, 0 }, { 591, 0 }, { 592, 1 },
		{ 8 * MIB, 15420 }, { 16 * MIB, 30840 }, { GIB, 1973790 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(logs); i++)
		assert_int_equal(media_entries_max(logs[i].len),
				 logs[i].entries);
}

static void a_good_header_says_how_many_there_are(void **state)
{
	struct media_head head;
	struct media_log log;
	struct made made;

	(void)state;
	made_new(&made, 48, 4);
	log = log_of(&made);
	assert_int_equal(media_log_head(&log, &head, NULL), 0);
	assert_int_equal(head.entries_max, 15420);
	assert_int_equal(head.next, 0);
	assert_false(head.torn);
	made_count(&made, 15420);
	assert_int_equal(media_log_head(&log, &head, NULL), 0);
	assert_int_equal(head.next, 15420);
	made_free(&made);
}

static void a_torn_header_counts_by_the_lower(void **state)
{
	static const unsigned int counters[][3] = {
		{ 3, 2, 2 }, { 2, 3, 2 }, { 1, 0, 0 }, { 0, 1, 0 },
		{ 15420, 15419, 15419 },
	};
	struct media_head head;
	struct media_log log;
	struct made made;
	unsigned int i;

	(void)state;
	made_new(&made, 48, 4);
	log = log_of(&made);
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		made_put(made.log + 32, 8, counters[i][0]);
		made_put(made.log + 40, 8, counters[i][1]);
		assert_int_equal(media_log_head(&log, &head, NULL), 0);
		assert_true(head.torn);
		assert_int_equal(head.next, counters[i][2]);
	}
	made_free(&made);
}

static void a_log_mapped_in_part_has_these_entries(void **state)
{
	struct famfs_entry entry;
	struct media_head head;
	struct media_error err;
	struct media_log log;
	struct made made;

	(void)state;
	made_new(&made, 48, 2);
	made_mkdir(&made, "a");
	made_mkdir(&made, "b");
	log = log_of(&made);
	assert_int_equal(media_log_entry(&log, 1, &entry, &err), 0);
	assert_int_equal(media_log_entry(&log, 2, &entry, &err), -ERANGE);
	assert_int_equal(media_log_entry(&log, UINT64_MAX / 544, &entry, &err),
			 -ERANGE);
	assert_int_equal(media_log_entry(&log, UINT64_MAX, &entry, &err),
			 -ERANGE);
	log.len--;
	assert_int_equal(media_log_entry(&log, 1, &entry, &err), -ERANGE);
	assert_int_equal(media_log_entry(&log, 0, &entry, &err), 0);
	log.len = MADE_HEAD;
	assert_int_equal(media_log_head(&log, &head, &err), 0);
	assert_int_equal(media_log_entry(&log, 0, &entry, &err), -ERANGE);
	log.len--;
	assert_int_equal(media_log_head(&log, &head, &err), WRONG);
	made_free(&made);
}

/* More is mapped than the log has by its own account. */
static void a_log_is_not_shorter_than_what_is_mapped(void **state)
{
	struct media_head head;
	struct media_error err;
	struct media_log log;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	log = log_of(&made);
	log.len = 16 * MIB;
	assert_int_equal(media_log_head(&log, &head, &err), WRONG);
	assert_string_equal(err.field, "len");
	assert_string_equal(err.rule,
			    "should be a power of two, at least 16777216");
	made_free(&made);
}

static void what_is_wrong_is_read_once_more(void **state)
{
	struct media_head head;
	struct media_log log;
	struct made made;

	(void)state;
	made_new(&made, 48, 1);
	log = log_of(&made);
	invalidated = 0;
	assert_int_equal(media_log_head(&log, &head, NULL), 0);
	assert_int_equal(invalidated, 1);

	mend_at = made.log + 9;
	mend_to = *mend_at;
	*mend_at ^= 0x10;
	invalidated = 0;
	assert_int_equal(media_log_head(&log, &head, NULL), 0);
	assert_int_equal(invalidated, 2);

	mend_at = NULL;
	made.log[9] ^= 0x10;
	invalidated = 0;
	assert_int_equal(media_log_head(&log, &head, NULL), WRONG);
	assert_int_equal(invalidated, 2);
	made_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_header_says_how_many_there_are),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(each_wrong_bit_under_the_crc_is_refused),
		cmocka_unit_test(so_many_entries_have_room),
		cmocka_unit_test(a_torn_header_counts_by_the_lower),
		cmocka_unit_test(a_log_mapped_in_part_has_these_entries),
		cmocka_unit_test(a_log_is_not_shorter_than_what_is_mapped),
		cmocka_unit_test(what_is_wrong_is_read_once_more),
	};

	return cmocka_run_group_tests_name("media_log", tests, NULL, NULL);
}
