// SPDX-License-Identifier: GPL-2.0
/*
 * Replies about locks, readiness and ioctls that make no sense.
 *
 * 1. A lock of no type, or whose range cannot be, is EIO. One that is held by
 *    nobody we know is shown as it is.
 * 2. Events that were not asked for are not told, but errors are.
 * 3. An ioctl gets no more than its number says, and is not repeated with other
 *    memory: the server may not read what it likes from its callers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/hostile.h"

#define LOCK(fn, kind, from, to)					\
	FILL(fn, struct fuse_lk_out, {					\
		out->lk.type = kind;					\
		out->lk.start = from;					\
		out->lk.end = to;					\
		out->lk.pid = ~0U; })

LOCK(lock_type_3, 3, 0, 9)
LOCK(lock_type_most, ~0U, 0, 9)
LOCK(lock_backwards, F_WRLCK, 9, 0)
LOCK(lock_starts_beyond, F_RDLCK, 1ULL << 63, ~0ULL)
LOCK(lock_ends_beyond, F_RDLCK, 0, ~0ULL)
LOCK(lock_of_nobody, F_WRLCK, 0, INT64_MAX)
LOCK(lock_none_backwards, F_UNLCK, 9, 0)

static const struct hostile locks[] = {
	CASE("getlk_reply_of_a_type_that_is_none", GETLK, lock_type_3, NULL,
	     -EIO, 0),
	CASE("getlk_reply_of_type_most", GETLK, lock_type_most, NULL, -EIO, 0),
	CASE("getlk_reply_of_a_lock_backwards", GETLK, lock_backwards, NULL,
	     -EIO, 0),
	CASE("getlk_reply_of_a_lock_from_beyond", GETLK, lock_starts_beyond,
	     NULL, -EIO, 0),
	CASE("getlk_reply_of_a_lock_to_beyond", GETLK, lock_ends_beyond, NULL,
	     -EIO, 0),
	CASE("getlk_reply_of_a_lock_of_nobody", GETLK, lock_of_nobody, NULL, 0,
	     0),
	CASE("getlk_reply_of_no_lock_backwards", GETLK, lock_none_backwards,
	     NULL, 0, 0),
};
HOSTILE(locks)

FILL(ioctl_retry, struct fuse_ioctl_out, {
	out->flags = FUSE_IOCTL_RETRY;
	out->in_iovs = 1;
	out->out_iovs = 1; })
FILL(ioctl_iovs_most, struct fuse_ioctl_out, {
	out->flags = FUSE_IOCTL_RETRY;
	out->in_iovs = ~0U;
	out->out_iovs = ~0U; })
FILL(ioctl_flags, struct fuse_ioctl_out,
     out->flags = ~(uint32_t)FUSE_IOCTL_RETRY)
FILL(ioctl_error, struct fuse_ioctl_out, out->result = -ENOANO)
FILL(ioctl_enosys, struct fuse_ioctl_out, out->result = -ENOSYS)
FILL(ioctl_result, struct fuse_ioctl_out, out->result = INT32_MAX)
FILL(ioctl_byte_more, uint8_t, sp->len++; (void)out)
FILL(ioctl_page_more, uint8_t, sp->len = 16 + 4097; (void)out)
FILL(ioctl_head_short, uint8_t, sp->len = 15; (void)out)

static const struct hostile ioctls[] = {
	CASE("ioctl_reply_to_retry", IOCTL, ioctl_retry, NULL, -EIO, 0),
	CASE("ioctl_reply_to_retry_with_most", IOCTL, ioctl_iovs_most, NULL,
	     -EIO, 0),
	CASE("ioctl_reply_with_unknown_flags", IOCTL, ioctl_flags, NULL, 0, 0),
	CASE("ioctl_reply_of_an_error", IOCTL, ioctl_error, NULL, -ENOANO, 0),
	CASE("ioctl_reply_of_enosys", IOCTL, ioctl_enosys, NULL, -ENOTTY, 0),
	CASE("ioctl_reply_of_the_largest_result", IOCTL, ioctl_result, NULL,
	     INT32_MAX, 0),
	CASE("ioctl_reply_of_a_byte_more", IOCTL, ioctl_byte_more, NULL, -EIO,
	     0),
	CASE("ioctl_reply_of_a_page_more", IOCTL, ioctl_page_more, NULL, -EIO,
	     EINVAL),
	CASE("ioctl_reply_shorter_than_its_head", IOCTL, ioctl_head_short, NULL,
	     -EIO, EINVAL),
};
HOSTILE(ioctls)

FILL(poll_all, struct fuse_poll_out, out->revents = ~0U)

static const struct hostile polls[] = {
	CASE("poll_reply_of_all_events", POLL, poll_all, NULL,
	     POLLIN | POLLERR | POLLHUP, 0),
};
HOSTILE(polls)
