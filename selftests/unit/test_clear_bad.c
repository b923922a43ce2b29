// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fuse_fmap_clear_bad() asks the kernel, and what it makes of the answers. The
 * library's ioctl(2) is the test's.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/fmapfs.h>
#include "peer.h"

static struct fmapfs_clear_bad asked;
static int asked_fd, asked_times, answer;

int ioctl(int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if ((unsigned int)cmd != FMAPFS_IOC_CLEAR_BAD)
		return syscall(SYS_ioctl, fd, cmd, arg);
	memcpy(&asked, arg, sizeof(asked));
	asked_fd = fd;
	asked_times++;
	if (!answer)
		return 0;
	errno = answer;
	return -1;
}

static void asks_for_the_range(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });

	(void)state;
	asked_times = 0;
	answer = 0;
	memset(&asked, 0xff, sizeof(asked));
	assert_int_equal(fuse_fmap_clear_bad(peer->fs, 7, 1ULL << 40, 8192), 0);
	assert_int_equal(asked_times, 1);
	assert_int_equal(asked_fd, fuse_fmap_session_fd(peer->fs));
	assert_int_equal(asked.devindex, 7);
	assert_int_equal(asked.flags, 0);
	assert_int_equal(asked.offset, 1ULL << 40);
	assert_int_equal(asked.len, 8192);
	assert_int_equal(peer_stop(peer), 0);
}

static void gives_the_answer(void **state)
{
	static const struct {
		int kernel, library;
	} errors[] = {
		{ EIO, -EIO }, { EOPNOTSUPP, -EOPNOTSUPP }, { EBUSY, -EBUSY },
		{ EROFS, -EROFS }, { EINVAL, -EINVAL }, { ENODEV, -ENODEV },
		{ ENOSPC, -ENOSPC }, { EINTR, -EINTR }, { ENOTTY, -ENOSYS },
	};
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	size_t i;

	(void)state;
	asked_times = 0;
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		answer = errors[i].kernel;
		assert_int_equal(fuse_fmap_clear_bad(peer->fs, 0, 0, 4096),
				 errors[i].library);
	}
	assert_int_equal(asked_times, ARRAY_SIZE(errors));
	assert_int_equal(peer_stop(peer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_the_range),
		cmocka_unit_test(gives_the_answer),
	};

	alarm(300);	/* whoever hangs has failed */
	return cmocka_run_group_tests_name("clear_bad", tests, NULL, NULL);
}
