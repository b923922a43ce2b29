// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's maps.
 *
 *   1. The builders make the worked examples byte for byte, go over to the sized
 *      dialect by themselves and refuse what the kernel would.
 *   2. Errors are put into words.
 *   3. Overlaps are found, the lowest first, with the two files; touching is no
 *      overlap. On random sets the answer is that of a naive search.
 */
#include <errno.h>
#include "unit.h"
#include "fusefmap.h"

static struct fuse_famfs_simple_ext ext(uint32_t dev, uint64_t off,
					uint64_t len)
{
	return (struct fuse_famfs_simple_ext) {
		.se_devindex = dev, .se_offset = off, .se_len = len,
		.reserved = 0xffffffff,
	};
}

static void assert_message(const struct fuse_fmap *fmap, const char *hex)
{
	uint8_t buf[256];
	struct msg msg = { 0 };

	msg_hex(&msg, hex);
	assert_int_equal(fuse_fmap_serialize(fmap, buf, msg.len - 1),
			 -EOVERFLOW);
	assert_int_equal(fuse_fmap_serialize(fmap, buf, sizeof(buf)), msg.len);
	assert_memory_equal(buf, msg.bytes, msg.len);
	msg_free(&msg);
}

static void builder_makes_the_simple_example(void **state)
{
	struct fuse_famfs_simple_ext e = ext(0, 10 * MIB, 4 * MIB);
	struct fuse_fmap_info info;
	struct fuse_fmap *fmap;

	(void)state;
	assert_int_equal(fuse_fmap_simple(&fmap, FUSE_FAMFS_FILE_REG, 3 * MIB,
					  &e, 1, NULL), 0);
	assert_message(fmap, example_simple);
	fuse_fmap_get_info(fmap, &info);
	assert_int_equal(info.file_size, 3 * MIB);
	assert_int_equal(info.covered, 4 * MIB);
	assert_int_equal(info.message_size, 56);
	assert_int_equal(info.nextents, 1);
	assert_int_equal(info.nranges, 1);
	assert_int_equal(info.dev_mask, 1);
	fuse_fmap_free(fmap);
}

static void builder_makes_the_interleaved_example(void **state)
{
	struct fuse_famfs_iext ie = {
		.ie_nstrips = 4, .ie_chunk_size = 2 * MIB,
		.ie_nbytes = 23 * MIB, .reserved = 1,
	};
	struct fuse_famfs_simple_ext strips[4], range;
	struct fuse_fmap_target target;
	struct fuse_fmap *fmap;
	uint32_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		strips[i] = ext(0, 10 * MIB + i * GIB, 6 * MIB);
	assert_int_equal(fuse_fmap_interleaved(&fmap, FUSE_FAMFS_FILE_REG,
					       23 * MIB, &ie, 1, strips, NULL),
			 0);
	assert_message(fmap, example_interleaved);
	assert_int_equal(fuse_fmap_range(fmap, 3, &range), 0);
	assert_int_equal(range.se_offset, 10 * MIB + 3 * GIB);
	assert_int_equal(range.reserved, 0);
	assert_int_equal(fuse_fmap_range(fmap, 4, &range), -ERANGE);
	assert_int_equal(fuse_fmap_resolve(fmap, 9 * MIB, 4 * KIB, &target), 0);
	assert_int_equal(target.range, 0);
	assert_int_equal(target.dev_off, 13 * MIB);
	assert_int_equal(target.len, 4 * KIB);
	assert_int_equal(fuse_fmap_resolve(fmap, 0, 0, &target), -EINVAL);
	assert_int_equal(fuse_fmap_resolve(fmap, 23 * MIB, 1, &target),
			 -ERANGE);
	fuse_fmap_free(fmap);
}

static void check_dialect(uint32_t count, bool sized)
{
	struct fuse_famfs_simple_ext *e = calloc(count, sizeof(*e));
	struct fuse_famfs_iext *ie = calloc(count, sizeof(*ie));
	struct fuse_famfs_fmap_header h;
	struct fuse_fmap_info info;
	struct fuse_fmap *fmap;
	uint8_t *buf;
	uint32_t i;
	int form;

	for (i = 0; i < count; i++) {
		e[i] = ext(0, i * 2ULL * PAGE, PAGE);
		ie[i] = (struct fuse_famfs_iext) {
			.ie_nstrips = 1, .ie_chunk_size = PAGE,
			.ie_nbytes = PAGE,
		};
	}
	/* Simple extents; as many strips; as many extents of one strip. */
	for (form = 0; form < 3; form++) {
		uint32_t n = form == 1 ? 1 : count;

		ie[0].ie_nstrips = form == 1 ? count : 1;
		ie[0].ie_nbytes = ie[0].ie_nstrips * (uint64_t)PAGE;
		if (form)
			assert_int_equal(fuse_fmap_interleaved(&fmap, 0, PAGE,
							       ie, n, e, NULL),
					 0);
		else
			assert_int_equal(fuse_fmap_simple(&fmap, 0, PAGE, e, n,
							  NULL), 0);
		fuse_fmap_get_info(fmap, &info);
		assert_int_equal(info.nranges, count);
		buf = malloc(info.message_size);
		assert_int_equal(fuse_fmap_serialize(fmap, buf,
						     info.message_size),
				 info.message_size);
		memcpy(&h, buf, sizeof(h));
		assert_int_equal(h.reserved0, sized ? info.message_size : 0);
		assert_int_equal(fuse_fmap_check(buf, info.message_size, NULL),
				 0);
		free(buf);
		fuse_fmap_free(fmap);
	}
	free(e);
	free(ie);
}

static void builder_goes_over_to_the_sized_dialect(void **state)
{
	(void)state;
	check_dialect(32, false);
	check_dialect(33, true);
	check_dialect(65536, true);
}

static void builder_refuses_what_no_message_can_say(void **state)
{
	struct fuse_famfs_simple_ext e = ext(0, 0, PAGE);
	struct fuse_famfs_iext ie = {
		.ie_nstrips = 65537, .ie_chunk_size = PAGE, .ie_nbytes = PAGE,
	};
	struct fuse_famfs_iext *many = calloc(11, sizeof(*many));
	struct fuse_fmap_error err;
	struct fuse_fmap *fmap;
	uint32_t i;

	(void)state;
	assert_int_equal(fuse_fmap_simple(&fmap, 0, 0, &e, 0, &err), -ERANGE);
	assert_string_equal(err.field, "nextents");
	assert_int_equal(fuse_fmap_simple(&fmap, 0, 0, &e, 65537, &err),
			 -ERANGE);
	assert_int_equal(err.value, 65537);
	assert_int_equal(fuse_fmap_interleaved(&fmap, 0, 0, &ie, 1, &e, &err),
			 -ERANGE);
	assert_string_equal(err.field, "ie_nstrips");
	ie.ie_nstrips = 0;
	assert_int_equal(fuse_fmap_interleaved(&fmap, 0, 0, &ie, 1, &e, &err),
			 -ERANGE);
	/* Eleven times the most strips are more than 16 MiB. No strip is read. */
	for (i = 0; i < 11; i++)
		many[i].ie_nstrips = 65536;
	assert_int_equal(fuse_fmap_interleaved(&fmap, 0, 0, many, 11, NULL,
					       &err), -ERANGE);
	assert_string_equal(err.field, "length");
	free(many);
	/* 256 would be 0 in the message's 8 bits. */
	assert_int_equal(fuse_fmap_simple(&fmap, 256, 0, &e, 1, &err), -EINVAL);
	assert_string_equal(err.field, "file_type");
}

static void builder_refuses_what_the_kernel_would(void **state)
{
	struct fuse_famfs_simple_ext e = ext(0, 1, PAGE);
	struct fuse_fmap *mark = (struct fuse_fmap *)state, *fmap = mark;
	struct fuse_fmap_error err;
	char text[FUSE_FMAP_ERROR_MAX];

	assert_int_equal(fuse_fmap_simple(&fmap, 0, PAGE, &e, 1, &err),
			 -EINVAL);
	assert_ptr_equal(fmap, mark);
	assert_string_equal(fuse_fmap_strerror(&err, text, sizeof(text)),
			    "se_offset at byte 40 is 1 (0x1), should be a multiple of the page size");
	assert_string_equal(fuse_fmap_strerror(&err, text, 10), "se_offset");
	assert_int_equal(fuse_fmap_simple(&fmap, 0, PAGE, &e, 1, NULL),
			 -EINVAL);
}

static void equal_compares_what_is_said(void **state)
{
	struct fuse_famfs_simple_ext e = ext(0, 0, PAGE);
	struct fuse_fmap *a, *b, *c;

	(void)state;
	assert_int_equal(fuse_fmap_simple(&a, 0, PAGE, &e, 1, NULL), 0);
	assert_int_equal(fuse_fmap_simple(&b, 0, PAGE, &e, 1, NULL), 0);
	assert_int_equal(fuse_fmap_simple(&c, 0, 1, &e, 1, NULL), 0);
	assert_true(fuse_fmap_equal(a, b));
	assert_false(fuse_fmap_equal(a, c));
	fuse_fmap_free(a);
	fuse_fmap_free(b);
	fuse_fmap_free(c);
	fuse_fmap_free(NULL);
}

static struct fuse_fmap *map_of(const struct fuse_famfs_simple_ext *e,
				uint32_t n)
{
	struct fuse_fmap *fmap = NULL;

	assert_int_equal(fuse_fmap_simple(&fmap, 0, 0, e, n, NULL), 0);
	return fmap;
}

static void overlaps_name_the_two_files(void **state)
{
	const struct fuse_famfs_simple_ext a[] = {
		ext(0, 8 * PAGE, 4 * PAGE), ext(1, 0, 2 * PAGE),
	};
	const struct fuse_famfs_simple_ext touching[] = {
		ext(0, 12 * PAGE, PAGE), ext(0, 7 * PAGE, PAGE),
		ext(2, 8 * PAGE, PAGE),
	};
	const struct fuse_famfs_simple_ext over[] = {
		ext(0, 5 * PAGE, PAGE), ext(1, PAGE, 3 * PAGE),
	};
	const struct fuse_famfs_simple_ext itself[] = {
		ext(3, 0, 2 * PAGE), ext(3, PAGE, PAGE),
	};
	struct fuse_fmap_overlap o;
	struct fuse_fmap *f[4] = {
		map_of(a, 2), map_of(touching, 3), map_of(over, 2),
		map_of(itself, 2),
	};
	const struct fuse_fmap *set[] = { f[0], NULL, f[1], f[2] };

	(void)state;
	assert_int_equal(fuse_fmap_overlaps(set, 0, &o), 0);
	assert_int_equal(fuse_fmap_overlaps(set, 3, &o), 0);
	assert_int_equal(fuse_fmap_overlaps(set, 4, &o), -EEXIST);
	assert_int_equal(o.first, 0);
	assert_int_equal(o.second, 3);
	assert_int_equal(o.dev, 1);
	assert_int_equal(o.dev_off, PAGE);
	assert_int_equal(o.len, PAGE);
	assert_int_equal(fuse_fmap_overlaps(set, 4, NULL), -EEXIST);
	set[0] = f[3];
	assert_int_equal(fuse_fmap_overlaps(set, 1, &o), -EEXIST);
	assert_int_equal(o.first, 0);
	assert_int_equal(o.second, 0);
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		fuse_fmap_free(f[i]);
}

/* Page by page: who owns it already? */
static bool naive_overlap(const struct fuse_famfs_simple_ext *e, uint32_t n)
{
	bool owned[2][64] = { 0 };
	uint32_t i, page;

	for (i = 0; i < n; i++)
		for (page = e[i].se_offset / PAGE;
		     page < (e[i].se_offset + e[i].se_len) / PAGE; page++) {
			if (owned[e[i].se_devindex][page])
				return true;
			owned[e[i].se_devindex][page] = true;
		}
	return false;
}

static void overlaps_agree_with_a_naive_search(void **state)
{
	struct rng rng = rng_start("overlaps");
	unsigned int round, found = 0;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct fuse_famfs_simple_ext e[6];
		struct fuse_fmap *fmaps[6];
		const struct fuse_fmap *set[6];
		struct fuse_fmap_overlap o;
		uint32_t i, n = rng_below(&rng, 6) + 1;
		bool naive;

		for (i = 0; i < n; i++) {
			e[i] = ext(rng_below(&rng, 2),
				   rng_below(&rng, 48) * PAGE,
				   (1 + rng_below(&rng, 8)) * PAGE);
			fmaps[i] = map_of(&e[i], 1);
			set[i] = fmaps[i];
		}
		naive = naive_overlap(e, n);
		assert_int_equal(fuse_fmap_overlaps(set, n, &o),
				 naive ? -EEXIST : 0);
		if (naive) {
			struct fuse_famfs_simple_ext both[2] = {
				e[o.first], e[o.second],
			};

			assert_true(o.first < o.second && o.second < n);
			assert_true(naive_overlap(both, 2));
			found++;
		}
		for (i = 0; i < n; i++)
			fuse_fmap_free(fmaps[i]);
	}
	assert_true(found > 1000 && found < 19000);
}

static void version_is_the_header_s(void **state)
{
	(void)state;
	assert_int_equal(fuse_fmap_version(), FUSE_FMAP_VERSION_MAJOR * 1000 +
					      FUSE_FMAP_VERSION_MINOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builder_makes_the_simple_example),
		cmocka_unit_test(builder_makes_the_interleaved_example),
		cmocka_unit_test(builder_goes_over_to_the_sized_dialect),
		cmocka_unit_test(builder_refuses_what_no_message_can_say),
		cmocka_unit_test(builder_refuses_what_the_kernel_would),
		cmocka_unit_test(equal_compares_what_is_said),
		cmocka_unit_test(overlaps_name_the_two_files),
		cmocka_unit_test(overlaps_agree_with_a_naive_search),
		cmocka_unit_test(version_is_the_header_s),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
