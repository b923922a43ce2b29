// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries, and how they get into the log.
 *
 *   1. Entries are the ones of the real medium, byte for byte: made by hand here at
 *      offsets that are numbers, with the crc that is on that medium.
 *   2. An append is stopped after each of its stores, with three models of what has
 *      reached memory. The log is what it was or what it is to be: to the library's
 *      reader, to one that looks at one counter only, and to a replay. A further append
 *      works.
 *   3. The same on a header that is torn, in either way: the entry that one counter
 *      tells of is never seen half overwritten.
 *   4. A log takes as many entries as there is room for: 15420 in 8 MiB; then -ENOSPC,
 *      and no byte behind the last one is written. So does the part that is mapped.
 *   5. An entry that would not be accepted is refused, with the field's name, and
 *      nothing is stored. So is a header that is wrong. Bytes of an entry that are not
 *      used are stored as zero.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "stops.h"

#define LOG_LEN		(8 * MIB)
#define SUBSETS		4	/* random ones, for each stop */

static const struct famfs_fmap one_extent = {
	.ext_type = FAMFS_MAP_SIMPLE, .count = 1,
	.extents = { { 0, 0xa00000, 0x200000 } },
};

static struct media_log new_log(uint64_t len)
{
	struct media_log log = {
		.mem = aligned_alloc(4096, len),
		.offset = 2 * MIB, .len = len, .version = 48,
	};

	assert_non_null(log.mem);
	memset(log.mem, 0, len);
	make_log(log.mem, len);
	return log;
}

/* ------------------------------------------------------------------------
 * Bytes
 */

static void by_hand(uint8_t bytes[ENTRY_SIZE], uint64_t index, uint32_t type,
		    uint64_t crc)
{
	memset(bytes, 0, ENTRY_SIZE);
	put64(bytes, index);
	put32(bytes + 8, type);
	put64(bytes + 536, crc);
}

static void appended_is(struct media_log *log, struct famfs_entry *entry,
			const uint8_t bytes[ENTRY_SIZE])
{
	uint64_t index = get64(bytes);
	struct media_error err;

	assert_int_equal(media_log_append(log, entry, NULL, &err), 0);
	assert_memory_equal(entry_at(log->mem, index), bytes, ENTRY_SIZE);
	assert_int_equal(get64((uint8_t *)log->mem + LOG_SEQNUM), index + 1);
	assert_int_equal(get64((uint8_t *)log->mem + LOG_INDEX), index + 1);
}

static void mkdirs_are_those_of_the_real_medium(void **state)
{
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	uint8_t bytes[ENTRY_SIZE];

	(void)state;
	by_hand(bytes, 0, 1, 0x190b8bbd);
	put32(bytes + 16, 1000);
	put32(bytes + 20, 1000);
	put32(bytes + 24, 0755);
	memcpy(bytes + 28, "data", 4);
	assert_int_equal(media_entry_mkdir(&entry, "data", 040755, 1000, 1000), 0);
	appended_is(&log, &entry, bytes);

	by_hand(bytes, 1, 1, 0xeae5e702);
	put32(bytes + 16, 0);
	put32(bytes + 20, 1000);
	put32(bytes + 24, 0750);
	memcpy(bytes + 28, "data/deep", 9);
	assert_int_equal(media_entry_mkdir(&entry, "data/deep", 0750, 0, 1000), 0);
	appended_is(&log, &entry, bytes);
	free(log.mem);
}

static void append_mkdirs(struct media_log *log, unsigned int n)
{
	struct famfs_entry entry;
	char name[16];

	while (n--) {
		snprintf(name, sizeof(name), "d%u", n);
		assert_int_equal(media_entry_mkdir(&entry, name, 0755, 0, 0), 0);
		assert_int_equal(media_log_append(log, &entry, NULL, NULL), 0);
	}
}

static void files_are_those_of_the_real_medium(void **state)
{
	struct famfs_fmap map = one_extent;
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	uint8_t bytes[ENTRY_SIZE];

	(void)state;
	append_mkdirs(&log, 2);
	by_hand(bytes, 2, 0, 0x01c3eb7f);
	put64(bytes + 16, 1);
	put32(bytes + 24, 2);
	put32(bytes + 36, 0644);
	memcpy(bytes + 40, "one", 3);
	put32(bytes + 128, 1);
	put64(bytes + 144, 0xa00000);
	put64(bytes + 152, 0x200000);
	/* What the map does not use is not copied. */
	memset(&map.extents[1], 0x55, sizeof(map.extents[1]));
	assert_int_equal(media_entry_file(&entry, "one", 1, FAMFS_FILE_ALL_RW,
					  0100644, 0, 0, &map), 0);
	appended_is(&log, &entry, bytes);

	append_mkdirs(&log, 1);
	by_hand(bytes, 4, 0, 0xb9a33f8a);
	put64(bytes + 16, 5000001);
	put32(bytes + 24, 2);
	put32(bytes + 28, 1001);
	put32(bytes + 32, 1002);
	put32(bytes + 36, 0440);
	memcpy(bytes + 40, "data/deep/odd", 13);
	put32(bytes + 128, 1);
	put64(bytes + 144, 0x1000000);
	put64(bytes + 152, 0x600000);
	map.extents[0].offset = 0x1000000;
	map.extents[0].len = 0x600000;
	assert_int_equal(media_entry_file(&entry, "data/deep/odd", 5000001,
					  FAMFS_FILE_ALL_RW, 0440, 1001, 1002,
					  &map), 0);
	appended_is(&log, &entry, bytes);
	free(log.mem);
}

static void striped_files_are_those_of_the_real_medium(void **state)
{
	static const uint64_t offs[] = {
		0x80000000, 0x180000000, 0x100000000, 0x1600000,
	};
	struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_INTERLEAVED, .count = 1,
		.interleave = { .nstrips = 4, .chunk_size = 0x200000 },
	};
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	uint8_t bytes[ENTRY_SIZE];
	unsigned int i;

	(void)state;
	append_mkdirs(&log, 5);
	by_hand(bytes, 5, 0, 0x15cdd353);
	put64(bytes + 16, 24117248);
	put32(bytes + 24, 2);
	put32(bytes + 36, 0644);
	memcpy(bytes + 40, "data/striped", 12);
	put32(bytes + 120, 1);
	put32(bytes + 128, 1);
	put64(bytes + 136, 4);
	put64(bytes + 144, 0x200000);
	memset(&map.interleave.strips, 0x55, sizeof(map.interleave.strips));
	for (i = 0; i < 4; i++) {
		put64(bytes + 152 + 24 * i + 8, offs[i]);
		put64(bytes + 152 + 24 * i + 16, 0x600000);
		map.interleave.strips[i] = (struct famfs_extent) {
			0, offs[i], 0x600000,
		};
	}
	assert_int_equal(media_entry_file(&entry, "data/striped", 24117248,
					  FAMFS_FILE_ALL_RW, 0644, 0, 0, &map), 0);
	appended_is(&log, &entry, bytes);
	free(log.mem);
}

static void devices_are_at_their_offsets(void **state)
{
	const uint8_t uuid[16] = "0123456789abcdef";
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	uint8_t bytes[ENTRY_SIZE];

	(void)state;
	by_hand(bytes, 0, 3, 0);
	put64(bytes + 16, 16 * GIB);
	memcpy(bytes + 24, uuid, 16);
	put32(bytes + 40, 63);
	put64(bytes + 536, naive_crc(bytes, 536));
	assert_int_equal(media_entry_add_daxdev(&entry, 63, 16 * GIB, uuid), 0);
	appended_is(&log, &entry, bytes);
	free(log.mem);
}

/* ------------------------------------------------------------------------
 * Stops
 */

/* A log before an append, the append, and what comes after it. */
struct run {
	struct media_log log;
	uint64_t before;		/* entries */
	uint8_t *old;			/* their bytes, those before the append */
	struct famfs_entry entry;	/* to be appended */
	struct famfs_entry next;	/* afterwards */
	struct rng rng;
	unsigned int stops, done, undone;
};

/* A map whose words all differ from zero, in an entry of the greatest length. */
static void big_entry(struct famfs_entry *entry, const char *path, uint64_t seed)
{
	struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_SIMPLE, .count = FAMFS_EXTENTS_MAX,
	};
	unsigned int i;

	for (i = 0; i < FAMFS_EXTENTS_MAX; i++)
		map.extents[i] = (struct famfs_extent) {
			0, seed + 16 * MIB + i * 4 * MIB, 2 * MIB,
		};
	assert_int_equal(media_entry_file(entry, path, 32 * MIB - 5, 2, 0644,
					  1000, 1000, &map), 0);
}

static void run_start(struct run *r, uint64_t before, const char *name)
{
	uint64_t i;
	char path[16];

	*r = (struct run) { .log = new_log(LOG_LEN), .before = before,
			    .rng = rng_start(name) };
	for (i = 0; i < before; i++) {
		snprintf(path, sizeof(path), "f%u", (unsigned int)i);
		big_entry(&r->entry, path, (100 + 100 * i) * MIB);
		assert_int_equal(media_log_append(&r->log, &r->entry, NULL, NULL),
				 0);
	}
	r->old = malloc(before * ENTRY_SIZE + 1);
	assert_non_null(r->old);
	memcpy(r->old, entry_at(r->log.mem, 0), before * ENTRY_SIZE);
	big_entry(&r->entry, "the-new-one", 8 * GIB);
	big_entry(&r->next, "another", 9 * GIB);
}

static void run_end(struct run *r)
{
	printf("# %u stops: %u times as before, %u times as after\n", r->stops,
	       r->undone, r->done);
	assert_true(r->done && r->undone);
	free(r->old);
	free(r->log.mem);
}

static void assert_same_entry(const struct famfs_entry *a,
			      const struct famfs_entry *b)
{
	/* Without seqnum and crc. */
	assert_memory_equal(&a->type, &b->type, 536 - 8);
}

/* Both readers see whole entries only. Return: how many. */
static uint64_t look(struct run *r)
{
	uint8_t *log = r->log.mem;
	uint64_t i, most = get64(log + LOG_INDEX);
	struct famfs_entry entry;
	struct media_error err;
	struct media_head head;

	if (get64(log + LOG_SEQNUM) > most)
		most = get64(log + LOG_SEQNUM);
	for (i = 0; i < most; i++)
		assert_true(entry_is_whole(log, i));
	assert_memory_equal(entry_at(log, 0), r->old, r->before * ENTRY_SIZE);
	assert_int_equal(media_log_head(&r->log, &head, &err), 0);
	assert_true(head.next <= most && most <= head.next + 1);
	assert_int_equal(head.torn, head.next != most);
	for (i = 0; i < head.next; i++)
		assert_int_equal(media_log_entry(&r->log, i, &entry, &err), 0);
	return head.next;
}

static void replay(struct run *r, uint64_t entries)
{
	struct media_super sb = {
		.version = 48, .log_offset = 2 * MIB, .log_len = LOG_LEN,
		.alloc_unit = 2 * MIB, .flags = FAMFS_SUPER_PRIMARY,
		.device.size = 16 * GIB,
	};
	struct media_error err;
	struct media_fs *fs;

	assert_int_equal(media_fs_new(&fs, &sb, NULL, NULL), 0);
	assert_int_equal(media_fs_replay(fs, &r->log, &err), 0);
	assert_int_equal(media_fs_next(fs), entries);
	media_fs_free(fs);
}

/* After a stop: the log is one of two, and goes on from there. */
static void look_after(struct run *r, struct stops *s)
{
	struct famfs_entry entry;
	struct media_error err;
	uint64_t next = look(r);

	assert_true(next == r->before || next == r->before + 1);
	if (next > r->before) {
		assert_int_equal(media_log_entry(&r->log, r->before, &entry, &err),
				 0);
		assert_same_entry(&entry, &r->entry);
		r->done++;
	} else {
		r->undone++;
	}
	assert_int_equal(media_log_append(&r->log, &r->next, &s->sink, &err), 0);
	assert_int_equal(look(r), next + 1);
	assert_int_equal(media_log_entry(&r->log, next, &entry, &err), 0);
	assert_same_entry(&entry, &r->next);
	replay(r, next + 1);
}

/* Return: it was done before it could be stopped. */
static bool stop_at(struct run *r, struct stops *s, long n, enum reach reach)
{
	bool done;

	stops_start(s, n);
	done = STOPS_AT(s, media_log_append(&r->log, &r->entry, &s->sink, NULL));
	stops_died(s, reach, &r->rng);
	/* What was done has reached memory. */
	if (done)
		assert_int_equal(look(r), r->before + 1);
	look_after(r, s);
	stops_undo(s);
	r->stops++;
	return done;
}

static void stop_everywhere(struct run *r)
{
	struct stops s = { 0 };
	bool done = false;
	unsigned int i;
	long n;

	for (n = 0; !done; n++) {
		stop_at(r, &s, n, REACH_ALL);
		stop_at(r, &s, n, REACH_FLUSHED);
		for (i = 0; i < SUBSETS; i++)
			done = stop_at(r, &s, n, REACH_SOME);
	}
	/* 16 extents of two words that are not zero, and more. */
	assert_true(n > 40);
	stops_free(&s);
}

static void append_stopped_anywhere_is_all_or_nothing(void **state)
{
	static const uint64_t before[] = { 0, 1, 3 };
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(before); i++) {
		run_start(&r, before[i], "stops");
		stop_everywhere(&r);
		run_end(&r);
	}
}

/* Somebody died between the counters, having written an entry of his own. */
static void tear(struct run *r, size_t counter)
{
	uint8_t *log = r->log.mem;
	struct famfs_entry entry;

	assert_int_equal(media_entry_mkdir(&entry, "of-a-dead-host", 0755, 0, 0),
			 0);
	assert_int_equal(media_log_append(&r->log, &entry, NULL, NULL), 0);
	put64(log + counter, r->before);
}

static void torn_headers_are_mended(void **state)
{
	static const size_t behind[] = { LOG_SEQNUM, LOG_INDEX };
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(behind); i++) {
		run_start(&r, 2, "torn");
		tear(&r, behind[i]);
		assert_int_equal(look(&r), 2);
		stop_everywhere(&r);
		run_end(&r);
	}
}

/* ------------------------------------------------------------------------
 * Limits
 */

static void fill(uint64_t len, uint64_t mapped)
{
	struct media_log log = new_log(len);
	uint64_t i, room = (mapped - HEADER_SIZE) / ENTRY_SIZE;
	uint8_t *end = entry_at(log.mem, room);
	struct famfs_entry entry;
	size_t left = log.len - (end - (uint8_t *)log.mem);

	log.len = mapped;
	memset(end, 0x55, left);
	for (i = 0; i < room; i++) {
		assert_int_equal(media_entry_mkdir(&entry, "d", 0755, 0, 0), 0);
		assert_int_equal(media_log_append(&log, &entry, NULL, NULL), 0);
		assert_true(entry_is_whole(log.mem, i));
	}
	assert_int_equal(media_log_append(&log, &entry, NULL, NULL), -ENOSPC);
	assert_int_equal(get64((uint8_t *)log.mem + LOG_INDEX), room);
	for (i = 0; i < left; i++)
		assert_int_equal(end[i], 0x55);
	free(log.mem);
}

static void full_log_takes_no_more(void **state)
{
	(void)state;
	assert_int_equal(media_entries_max(8 * MIB), 15420);
	fill(8 * MIB, 8 * MIB);
	fill(16 * MIB, 8 * MIB);
}

/* famfs takes last_index for what it says, and so do we. */
static void last_index_is_that_of_the_last(void **state)
{
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;

	(void)state;
	put64((uint8_t *)log.mem + LOG_LAST, 2);
	put64((uint8_t *)log.mem + LOG_CRC, naive_crc(log.mem, LOG_CRC));
	append_mkdirs(&log, 3);
	media_entry_mkdir(&entry, "d", 0755, 0, 0);
	assert_int_equal(media_log_append(&log, &entry, NULL, NULL), -ENOSPC);
	free(log.mem);
}

static void paths_that_no_pool_has_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "/a", "a/", "a//b", ".", "a/..", "../a", ".meta", ".meta/x",
	};
	char longest[FAMFS_PATH_MAX + 1];
	struct famfs_entry entry;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(media_entry_mkdir(&entry, bad[i], 0755, 0, 0),
				 -EINVAL);
		assert_int_equal(media_entry_file(&entry, bad[i], 1, 2, 0644, 0, 0,
						  &one_extent), -EINVAL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[80] = '\0';
	assert_int_equal(media_entry_mkdir(&entry, longest, 0755, 0, 0),
			 -ENAMETOOLONG);
	longest[79] = '\0';
	assert_int_equal(media_entry_mkdir(&entry, longest, 0755, 0, 0), 0);
}

static void unused_bytes_become_zero(void **state)
{
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	const uint8_t *bytes = entry_at(log.mem, 0);
	size_t i;

	(void)state;
	media_entry_mkdir(&entry, "d", 0755, 0, 0);
	memset(&entry.mkdir.path[2], 0x55, 536 - 30);
	entry.reserved = 0x55;
	assert_int_equal(media_log_append(&log, &entry, NULL, NULL), 0);
	assert_true(entry_is_whole(log.mem, 0));
	assert_int_equal(get32(bytes + 12), 0);
	for (i = 29; i < 536; i++)
		assert_int_equal(bytes[i], 0);
	free(log.mem);
}

/* Each is refused by the builder or by the append, and stores nothing. */
static void entry_is_refused(const char *field, struct famfs_entry *entry)
{
	struct media_log log = new_log(LOG_LEN);
	struct media_error err = { 0 };
	uint8_t *before = malloc(LOG_LEN);

	assert_non_null(before);
	memcpy(before, log.mem, LOG_LEN);
	assert_int_equal(media_log_append(&log, entry, NULL, &err), -EINVAL);
	assert_string_equal(err.field, field);
	assert_memory_equal(log.mem, before, LOG_LEN);
	free(before);
	free(log.mem);
}

static void wrong_entries_are_refused(void **state)
{
	const uint8_t null[16] = { 0 };
	struct famfs_fmap map = one_extent;
	struct famfs_entry entry;

	(void)state;
	media_entry_file(&entry, "f", 0, 2, 0644, 0, 0, &map);
	entry_is_refused("file.size", &entry);
	media_entry_file(&entry, "f", 2 * MIB + 1, 2, 0644, 0, 0, &map);
	entry_is_refused("file.size", &entry);
	media_entry_file(&entry, "f", 1, 4, 0644, 0, 0, &map);
	entry_is_refused("file.flags", &entry);
	media_entry_add_daxdev(&entry, 1, 16 * GIB, null);
	entry_is_refused("add_daxdev.uuid", &entry);
	media_entry_mkdir(&entry, "d", 0755, 0, 0);
	entry.type = FAMFS_ENTRY_DELETE;
	entry_is_refused("type", &entry);

	map.count = 0;
	assert_int_equal(media_entry_file(&entry, "f", 1, 2, 0644, 0, 0, &map),
			 -EINVAL);
	map.count = 17;
	assert_int_equal(media_entry_file(&entry, "f", 1, 2, 0644, 0, 0, &map),
			 -EINVAL);
	map.ext_type = 2;
	assert_int_equal(media_entry_file(&entry, "f", 1, 2, 0644, 0, 0, &map),
			 -EINVAL);
	assert_int_equal(media_entry_add_daxdev(&entry, 0, GIB, null), -EINVAL);
	assert_int_equal(media_entry_add_daxdev(&entry, 64, GIB, null), -EINVAL);
}

static void wrong_headers_are_refused(void **state)
{
	struct media_log log = new_log(LOG_LEN);
	struct famfs_entry entry;
	struct media_error err;

	(void)state;
	media_entry_mkdir(&entry, "d", 0755, 0, 0);
	put64((uint8_t *)log.mem + LOG_INDEX, 15421);
	assert_int_equal(media_log_append(&log, &entry, NULL, &err), -EUCLEAN);
	assert_int_equal(err.region, MEDIA_LOG_HEADER);
	assert_int_equal(get64(entry_at(log.mem, 0)), 0);
	assert_int_equal(get64(entry_at(log.mem, 0) + ENTRY_CRC), 0);
	free(log.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mkdirs_are_those_of_the_real_medium),
		cmocka_unit_test(files_are_those_of_the_real_medium),
		cmocka_unit_test(striped_files_are_those_of_the_real_medium),
		cmocka_unit_test(devices_are_at_their_offsets),
		cmocka_unit_test(append_stopped_anywhere_is_all_or_nothing),
		cmocka_unit_test(torn_headers_are_mended),
		cmocka_unit_test(full_log_takes_no_more),
		cmocka_unit_test(last_index_is_that_of_the_last),
		cmocka_unit_test(paths_that_no_pool_has_are_refused),
		cmocka_unit_test(unused_bytes_become_zero),
		cmocka_unit_test(wrong_entries_are_refused),
		cmocka_unit_test(wrong_headers_are_refused),
	};

	return cmocka_run_group_tests_name("media_append", tests, NULL, NULL);
}
