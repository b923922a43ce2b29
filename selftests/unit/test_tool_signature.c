// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known to lie on a device, when libblkid cannot tell.
 *
 *   1. Nothing is found on what is empty.
 *   2. An error of libblkid, at once or behind what it has found, is something found.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "unit.h"
#include "../../user/tool/target.h"

#define NEVER	99

/* The call that fails. */
static unsigned int fails_at;
static unsigned int calls;

int __real_blkid_do_probe(blkid_probe probe);
int __wrap_blkid_do_probe(blkid_probe probe);

int __wrap_blkid_do_probe(blkid_probe probe)
{
	return calls++ == fails_at ? -1 : __real_blkid_do_probe(probe);
}

/* Return: to be freed. */
static char *find(bool swap, unsigned int fails)
{
	int fd = memfd_create("device", MFD_CLOEXEC);
	static const uint32_t header[] = { 1, 511, 0 };
	static const char nothing[1];
	char *found;

	assert_int_equal(ftruncate(fd, 2 * MIB), 0);
	if (swap) {
		assert_int_equal(pwrite(fd, header, 12, 1024), 12);
		assert_int_equal(pwrite(fd, "SWAPSPACE2", 10, 4086), 10);
	}
	fails_at = fails;
	calls = 0;
	found = signature_find(fd, nothing, 1);
	close(fd);
	return found;
}

static void nothing_is_found_on_nothing(void **state)
{
	(void)state;
	assert_null(find(false, NEVER));
}

static void error_is_something_found(void **state)
{
	char *found = find(false, 0);

	(void)state;
	assert_non_null(found);
	assert_non_null(strstr(found, "cannot look at"));
	free(found);
	found = find(true, 1);
	assert_non_null(found);
	assert_non_null(strstr(found, "swap"));
	assert_non_null(strstr(found, "cannot look at"));
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_on_nothing),
		cmocka_unit_test(error_is_something_found),
	};

	return cmocka_run_group_tests_name("tool_signature", tests, NULL, NULL);
}
