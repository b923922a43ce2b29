// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that may turn out to be bad (here: a file that is cut off under the mapping).
 *
 *   1. An access to it is EIO, and its address is told; what is good can be accessed.
 *   2. Copying gets as far as the memory is good, in whole pages.
 *   3. So it is in a thread that has all signals blocked, and has them blocked after.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"
#include "../../user/pool/guard.h"

/* Three pages, of which the first is good. */
static char *map_three(void)
{
	FILE *file = tmpfile();
	char *map;

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), 3 * PAGE), 0);
	map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fileno(file), 0);
	assert_true(map != MAP_FAILED);
	memset(map, 'x', 3 * PAGE);
	assert_int_equal(ftruncate(fileno(file), PAGE), 0);
	fclose(file);
	return map;
}

static int read_byte(void *ctx)
{
	return *(volatile char *)ctx & 0;
}

static void bad_memory_is_an_error(void **state)
{
	char *map = map_three();
	const void *fault;

	(void)state;
	assert_int_equal(guard_run(read_byte, map, &fault), 0);
	assert_int_equal(guard_run(read_byte, map + PAGE + 17, &fault), -EIO);
	assert_ptr_equal(fault, map + PAGE + 17);
	assert_int_equal(guard_run(read_byte, map, &fault), 0);
	munmap(map, 3 * PAGE);
}

static void good_part_is_copied(void **state)
{
	char *map = map_three(), buf[3 * PAGE] = { 0 };
	uint64_t good;

	(void)state;
	assert_int_equal(guard_copy(buf, map + 1, sizeof(buf) - 1, &good), -EIO);
	assert_int_equal(good, PAGE - 1);
	assert_memory_equal(buf, map + 1, PAGE - 1);
	munmap(map, 3 * PAGE);
}

static void signals_may_be_blocked(void **state)
{
	char *map = map_three();
	sigset_t all, old, now;

	(void)state;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	assert_int_equal(guard_run(read_byte, map + PAGE, NULL), -EIO);
	pthread_sigmask(SIG_SETMASK, &old, &now);
	assert_true(sigismember(&now, SIGBUS));
	munmap(map, 3 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_memory_is_an_error),
		cmocka_unit_test(good_part_is_copied),
		cmocka_unit_test(signals_may_be_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
