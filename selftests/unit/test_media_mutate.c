// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random media, against a naive reader (naive_medium.c):
 *
 *   1. What it refuses is refused, what it accepts is accepted: superblock, header,
 *      and so many entries of the log.
 *   2. The name space, the devices and the used space are what it has.
 *   3. An error names a field and a value that is there.
 *   4. Nothing beyond the medium is read (ASan).
 */
#include "medium_program.h"
#include "unit.h"

#define ROUNDS	200000U
#define LEN_MAX	160U

static void random_media_are_read_as_a_naive_reader_does(void **state)
{
	struct rng rng = rng_start("random media");
	unsigned int i, k, len, entries, some = 0;
	uint8_t program[LEN_MAX];
	const char *why;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		len = (unsigned int)rng_below(&rng, LEN_MAX);
		for (k = 0; k < len; k++)
			program[k] = (uint8_t)rng_next(&rng);
		why = medium_program(program, len, &entries);
		if (why)
			fail_msg("medium %u: does not hold: %s", i, why);
		some += entries > 2;
	}
	/* It is of no use if nothing gets there. */
	assert_true(some > ROUNDS / 20);
	printf("# %u of %u media had more than two good entries\n", some, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_media_are_read_as_a_naive_reader_does),
	};

	return cmocka_run_group_tests_name("media_mutate", tests, NULL, NULL);
}
