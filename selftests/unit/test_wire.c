// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire format.
 *
 *   1. The worked examples of the protocol decode to what they say and encode
 *      to the same bytes.
 *   2. The sized dialect carries 65,536 extents, or strips, and no more.
 *   3. What the kernel asks for again is what says that it is larger.
 *   4. Messages at odd addresses, and other page sizes.
 */
#include <errno.h>
#include "unit.h"
#include "fmap_core.h"

static struct fmap *decode(const struct msg *msg)
{
	struct fmap_error err = { 0 };
	struct fmap *fmap = NULL;
	int rc = fmap_decode(msg->bytes, msg->len, PAGE, &fmap, &err);

	if (rc)
		print_error("%s at %zu is %#llx, should be %s\n", err.field,
			    err.at, (unsigned long long)err.value, err.rule);
	assert_int_equal(rc, 0);
	return fmap;
}

static void assert_encodes_to(const struct fmap *fmap, const struct msg *msg)
{
	uint8_t *buf = malloc(msg->len);

	assert_int_equal(fmap->wire_size, msg->len);
	assert_int_equal(fmap_encode(fmap, buf, msg->len), 0);
	assert_memory_equal(buf, msg->bytes, msg->len);
	free(buf);
}

static void worked_example_simple(void **state)
{
	struct msg msg = { 0 };
	struct fmap *fmap;

	(void)state;
	assert_int_equal(msg_hex(&msg, example_simple), 0);
	assert_int_equal(msg.len, 56);
	fmap = decode(&msg);
	assert_int_equal(fmap->file_size, 3 * MIB);
	assert_int_equal(fmap->covered, 4 * MIB);
	assert_int_equal(fmap->file_type, FUSE_FAMFS_FILE_REG);
	assert_int_equal(fmap->ext_type, FUSE_FAMFS_EXT_SIMPLE);
	assert_int_equal(fmap->nextents, 1);
	assert_int_equal(fmap->nruns, 1);
	assert_int_equal(fmap->dev_mask, 1);
	assert_int_equal(fmap->runs[0].dev, 0);
	assert_int_equal(fmap->runs[0].dev_off, 10 * MIB);
	assert_int_equal(fmap->runs[0].len, 4 * MIB);
	assert_encodes_to(fmap, &msg);
	fmap_destroy(fmap);
	msg_free(&msg);
}

static void worked_example_interleaved(void **state)
{
	struct msg msg = { 0 };
	struct fmap *fmap;
	uint32_t i;

	(void)state;
	assert_int_equal(msg_hex(&msg, example_interleaved), 0);
	assert_int_equal(msg.len, 152);
	fmap = decode(&msg);
	assert_int_equal(fmap->file_size, 23 * MIB);
	assert_int_equal(fmap->covered, 23 * MIB);
	assert_int_equal(fmap->ext_type, FUSE_FAMFS_EXT_INTERLEAVE);
	assert_int_equal(fmap->nextents, 1);
	assert_int_equal(fmap->nruns, 4);
	assert_int_equal(fmap->extents[0].nruns, 4);
	assert_int_equal(fmap->extents[0].chunk_shift, 21);
	for (i = 0; i < 4; i++) {
		assert_int_equal(fmap->runs[i].dev_off, 10 * MIB + i * GIB);
		assert_int_equal(fmap->runs[i].len, 6 * MIB);
	}
	assert_encodes_to(fmap, &msg);
	fmap_destroy(fmap);
	msg_free(&msg);
}

static void encode_needs_room(void **state)
{
	struct msg msg = { 0 };
	uint8_t buf[56], untouched[56];
	struct fmap *fmap;

	(void)state;
	msg_hex(&msg, example_simple);
	fmap = decode(&msg);
	memset(buf, 0x5a, sizeof(buf));
	memset(untouched, 0x5a, sizeof(untouched));
	assert_int_equal(fmap_encode(fmap, buf, 55), -EOVERFLOW);
	assert_memory_equal(buf, untouched, sizeof(buf));
	fmap_destroy(fmap);
	msg_free(&msg);
}

static void make_simple(struct msg *msg, uint32_t n)
{
	uint32_t i;

	msg_header(msg, FUSE_FAMFS_EXT_SIMPLE, n, (uint64_t)n * PAGE);
	for (i = 0; i < n; i++)
		msg_simple(msg, i % 64, i * 2ULL * PAGE, PAGE);
}

static void make_strips(struct msg *msg, uint32_t n)
{
	uint32_t i;

	msg_header(msg, FUSE_FAMFS_EXT_INTERLEAVE, 1, (uint64_t)n * PAGE);
	msg_iext(msg, n, PAGE, (uint64_t)n * PAGE);
	for (i = 0; i < n; i++)
		msg_simple(msg, i % 64, i * 2ULL * PAGE, PAGE);
}

static void check_largest(void (*make)(struct msg *msg, uint32_t n),
			  const char *field)
{
	struct fmap_target target;
	struct fmap_error err;
	struct msg msg = { 0 };
	struct fmap *fmap;

	make(&msg, 65536);
	msg_sized(&msg);
	fmap = decode(&msg);
	assert_int_equal(fmap->nruns, 65536);
	assert_encodes_to(fmap, &msg);
	assert_int_equal(fmap_resolve(fmap, 65535 * PAGE + 1, 1, &target), 0);
	assert_int_equal(target.run, 65535);
	assert_int_equal(target.dev, 63);
	assert_int_equal(target.dev_off, 65535ULL * 2 * PAGE + 1);
	fmap_destroy(fmap);

	make(&msg, 65537);
	msg_sized(&msg);
	assert_int_equal(fmap_decode(msg.bytes, msg.len, PAGE, &fmap, &err),
			 -ERANGE);
	assert_string_equal(err.field, field);
	msg_free(&msg);
}

static void sized_dialect_carries_65536_extents(void **state)
{
	(void)state;
	check_largest(make_simple, "nextents");
}

static void sized_dialect_carries_65536_strips(void **state)
{
	(void)state;
	check_largest(make_strips, "ie_nstrips");
}

/* The plain dialect is what every kernel understands. */
static void encode_uses_plain_dialect_up_to_its_caps(void **state)
{
	struct fuse_famfs_fmap_header h;
	struct msg msg = { 0 };
	struct fmap *fmap;
	uint8_t buf[1024];
	uint32_t n;

	(void)state;
	for (n = 32; n <= 33; n++) {
		make_simple(&msg, n);
		msg_sized(&msg);
		fmap = decode(&msg);
		assert_int_equal(fmap_encode(fmap, buf, sizeof(buf)), 0);
		memcpy(&h, buf, sizeof(h));
		assert_int_equal(h.reserved0, n == 32 ? 0 : msg.len);
		fmap_destroy(fmap);
	}
	msg_free(&msg);
}

static void wanted_size_is_what_a_short_reply_says(void **state)
{
	struct msg msg = { 0 };

	(void)state;
	make_simple(&msg, 100);
	assert_int_equal(fmap_wanted_size(msg.bytes, msg.len), 0);
	msg_sized(&msg);
	assert_int_equal(fmap_wanted_size(msg.bytes, msg.len), 0);
	assert_int_equal(fmap_wanted_size(msg.bytes, msg.len - 1), msg.len);
	assert_int_equal(fmap_wanted_size(msg.bytes, 32), msg.len);
	assert_int_equal(fmap_wanted_size(msg.bytes, 31), 0);
	msg_free(&msg);
}

static void messages_may_lie_at_odd_addresses(void **state)
{
	struct msg msg = { 0 };
	uint8_t *odd;
	struct fmap_error err;
	struct fmap *fmap;

	(void)state;
	msg_hex(&msg, example_interleaved);
	odd = malloc(msg.len + 1);
	memcpy(odd + 1, msg.bytes, msg.len);
	assert_int_equal(fmap_decode(odd + 1, msg.len, PAGE, &fmap, &err), 0);
	memset(odd, 0xff, msg.len + 1);
	assert_int_equal(fmap_encode(fmap, odd + 1, msg.len), 0);
	assert_memory_equal(odd + 1, msg.bytes, msg.len);
	fmap_destroy(fmap);
	free(odd);
	msg_free(&msg);
}

static void page_size_is_the_granularity(void **state)
{
	struct msg msg = { 0 };
	struct fmap_error err;
	struct fmap *fmap;

	(void)state;
	msg_header(&msg, FUSE_FAMFS_EXT_SIMPLE, 1, PAGE);
	msg_simple(&msg, 0, PAGE, 64 * KIB);
	assert_int_equal(fmap_decode(msg.bytes, msg.len, 64 * KIB, &fmap, &err),
			 -EINVAL);
	assert_string_equal(err.field, "se_offset");
	fmap_destroy(decode(&msg));

	msg_header(&msg, FUSE_FAMFS_EXT_INTERLEAVE, 1, PAGE);
	msg_iext(&msg, 1, PAGE, PAGE);
	msg_simple(&msg, 0, 0, 64 * KIB);
	assert_int_equal(fmap_decode(msg.bytes, msg.len, 64 * KIB, &fmap, &err),
			 -EINVAL);
	assert_string_equal(err.field, "ie_chunk_size");
	fmap_destroy(decode(&msg));
	msg_free(&msg);
}

static void errors_leave_the_result_alone(void **state)
{
	struct fmap *mark = (struct fmap *)state, *fmap = mark;
	struct fmap_error err;
	struct msg msg = { 0 };

	msg_hex(&msg, example_simple);
	assert_int_equal(fmap_decode(msg.bytes, 55, PAGE, &fmap, &err),
			 -EINVAL);
	assert_ptr_equal(fmap, mark);
	msg_free(&msg);
}

static void equal_tells_every_field(void **state)
{
	struct msg msg = { 0 };
	struct fmap *a, *b;

	(void)state;
	msg_hex(&msg, example_interleaved);
	a = decode(&msg);
	b = decode(&msg);
	assert_true(fmap_equal(a, b));
#define DIFFERS_BY(field) do {					\
		b->field ^= 1;					\
		assert_false(fmap_equal(a, b));			\
		b->field ^= 1;					\
	} while (0)
	DIFFERS_BY(file_size);
	DIFFERS_BY(file_type);
	DIFFERS_BY(ext_type);
	DIFFERS_BY(nextents);
	DIFFERS_BY(nruns);
	DIFFERS_BY(extents[0].nbytes);
	DIFFERS_BY(extents[0].nruns);
	DIFFERS_BY(extents[0].chunk_shift);
	DIFFERS_BY(runs[3].dev);
	DIFFERS_BY(runs[3].dev_off);
	DIFFERS_BY(runs[3].len);
#undef DIFFERS_BY
	assert_true(fmap_equal(a, b));
	fmap_destroy(a);
	fmap_destroy(b);
	msg_free(&msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_example_simple),
		cmocka_unit_test(worked_example_interleaved),
		cmocka_unit_test(encode_needs_room),
		cmocka_unit_test(sized_dialect_carries_65536_extents),
		cmocka_unit_test(sized_dialect_carries_65536_strips),
		cmocka_unit_test(encode_uses_plain_dialect_up_to_its_caps),
		cmocka_unit_test(wanted_size_is_what_a_short_reply_says),
		cmocka_unit_test(messages_may_lie_at_odd_addresses),
		cmocka_unit_test(page_size_is_the_granularity),
		cmocka_unit_test(errors_leave_the_result_alone),
		cmocka_unit_test(equal_tells_every_field),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
