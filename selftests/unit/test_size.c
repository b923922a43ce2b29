// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes and numbers as people write them.
 *
 *   1. Decimal, hexadecimal and every unit, in either case, give their bytes.
 *   2. What is no size is -EINVAL, what is 2^64 or more is -EOVERFLOW; neither
 *      touches the result.
 *   3. What size_show() writes is short, and size_parse() reads it back.
 *   4. Numbers have digits only, of their base, and a limit.
 */
#include <errno.h>
#include "unit.h"
#include "../../user/server/size.h"

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 }, { "512", 512 }, { "4K", 4 * KIB },
		{ "4k", 4 * KIB }, { "2M", 2 * MIB }, { "1G", GIB },
		{ "3t", 3 * 1024 * GIB }, { "0xA00000", 10 * MIB },
		{ "0Xa00000", 10 * MIB }, { "0x10K", 16 * KIB },
		{ "010", 10 }, { "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "16777215T", 16777215ULL << 40 },
	};
	unsigned int i;
	uint64_t n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		n = 1;
		assert_int_equal(size_parse(good[i].text, &n), 0);
		assert_int_equal(n, good[i].bytes);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "M", "x", "-1", "+1", " 1", "1 ", "1 M", "1MB", "1MiB",
		"1.5G", "0x", "0xg", "0x0x1", "1Q", "1KK", "0b1", "1e3", "٣",
	};
	unsigned int i;
	uint64_t n = 42;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(size_parse(bad[i], &n), -EINVAL);
	assert_int_equal(n, 42);
}

static void sizes_of_2_to_the_64_are_refused(void **state)
{
	static const char *const large[] = {
		"18446744073709551616", "0x10000000000000000", "16777216T",
		"17179869184G", "99999999999999999999999999K",
		"18446744073709551615K",
	};
	unsigned int i;
	uint64_t n = 42;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(size_parse(large[i], &n), -EOVERFLOW);
	assert_int_equal(n, 42);
}

static void what_is_shown_can_be_read(void **state)
{
	struct rng rng = rng_start("size_show");
	char buf[SIZE_SHOW_MAX];
	unsigned int i;
	uint64_t n, back;

	(void)state;
	assert_string_equal(size_show(0, buf), "0");
	assert_string_equal(size_show(4097, buf), "4097");
	assert_string_equal(size_show(4096, buf), "4K");
	assert_string_equal(size_show(23 * MIB, buf), "23M");
	assert_string_equal(size_show(1022 * MIB, buf), "1022M");
	assert_string_equal(size_show(1ULL << 50, buf), "1024T");
	assert_string_equal(size_show(UINT64_MAX, buf), "18446744073709551615");
	for (i = 0; i < 10000; i++) {
		n = rng_next(&rng) >> rng_below(&rng, 64);
		n <<= rng_below(&rng, 64);
		assert_int_equal(size_parse(size_show(n, buf), &back), 0);
		assert_int_equal(back, n);
	}
}

static void numbers_have_a_base_and_a_limit(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(number_parse("0644", 8, 07777, &n), 0);
	assert_int_equal(n, 0644);
	assert_int_equal(number_parse("644", 8, 07777, &n), 0);
	assert_int_equal(n, 0644);
	assert_int_equal(number_parse("7777", 8, 07777, &n), 0);
	assert_int_equal(number_parse("10000", 8, 07777, &n), -ERANGE);
	assert_int_equal(number_parse("0689", 8, 07777, &n), -EINVAL);
	assert_int_equal(number_parse("rw-r--r--", 8, 07777, &n), -EINVAL);
	assert_int_equal(number_parse("-1", 10, 100, &n), -EINVAL);
	assert_int_equal(number_parse("", 10, 100, &n), -EINVAL);
	assert_int_equal(number_parse("100", 10, 100, &n), 0);
	assert_int_equal(number_parse("101", 10, 100, &n), -ERANGE);
	assert_int_equal(number_parse("99999999999999999999", 10, UINT64_MAX,
				      &n), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(sizes_of_2_to_the_64_are_refused),
		cmocka_unit_test(what_is_shown_can_be_read),
		cmocka_unit_test(numbers_have_a_base_and_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
