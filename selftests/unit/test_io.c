// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes from the device to libfuse and back, byte by byte.
 *
 *   1. Of INIT's flags2 libfuse sees neither FUSE_DAX_FMAP, which it would take
 *      for something else, nor io_uring, which would go past the library. Its
 *      reply gets FUSE_DAX_FMAP, and FUSE_INIT_EXT, and keeps the rest.
 *   2. The two requests become GETXATTR of the same number and caller.
 *   3. Errors of the device are passed on; the end of a socket is an unmount.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/uio.h>
#include "peer.h"
#include "session_i.h"

#define IO_URING_FLAGS2	((uint32_t)(FUSE_OVER_IO_URING >> 32))

struct request {
	struct fuse_in_header in;
	uint8_t body[4096 - sizeof(struct fuse_in_header)];
};

static struct peer *start(void)
{
	return peer_start(&(struct peer_setup) { .no_loop = true });
}

static ssize_t read_request(struct peer *peer, struct request *r, size_t room)
{
	memset(r, 0x5a, sizeof(*r));
	return session_receive(peer->fs, r, room);
}

static void send_init(struct peer *peer, struct request *r, uint32_t flags2)
{
	const struct fuse_init_in in = {
		.major = 7, .minor = 46, .flags = FUSE_INIT_EXT | 1,
		.flags2 = flags2,
	};

	peer_send(peer, FUSE_INIT, 0, &in, sizeof(in));
	assert_int_equal(read_request(peer, r, sizeof(*r)),
			 sizeof(r->in) + sizeof(in));
}

static void libfuse_sees_no_private_bits_of_init(void **state)
{
	struct peer *peer = start();
	struct fuse_init_in *in;
	struct request r;

	(void)state;
	send_init(peer, &r, UINT32_MAX);
	in = (void *)r.body;
	assert_int_equal(r.in.opcode, FUSE_INIT);
	assert_int_equal(in->flags, FUSE_INIT_EXT | 1);
	assert_int_equal(in->flags2,
			 (uint32_t)~(OFFERED_FLAGS2 | IO_URING_FLAGS2));
	assert_int_equal(in->minor, 46);
	peer_stop(peer);
}

/* Sends libfuse's reply to INIT of @size bytes in two parts, as libfuse does. */
static void reply_init(struct peer *peer, uint64_t unique, int error,
		       uint32_t flags, uint32_t flags2, size_t size,
		       struct reply *reply)
{
	struct fuse_init_out init = {
		.major = 7, .minor = 31, .flags = flags, .flags2 = flags2,
		.max_write = 4096,
	};
	struct fuse_out_header out = {
		.len = sizeof(out) + size, .unique = unique, .error = error,
	};
	struct iovec iov[2] = { { &out, sizeof(out) }, { &init, size } };

	assert_int_equal(writev(peer->fs->libfuse_fd, iov, 2), out.len);
	if (session_is_early(peer->fs))
		session_relay(peer->fs);
	peer_receive(peer, reply);
	assert_int_equal(reply->out.unique, unique);
	assert_int_equal(reply->len, size);
}

static void reply_to_init_gets_the_bit(void **state)
{
	static const struct {
		uint32_t offered, flags, flags2;	/* of libfuse's reply */
		uint32_t want_flags, want_flags2;
	} cases[] = {
		{ OFFERED_FLAGS2, FUSE_INIT_EXT | 9, 0x11,
		  FUSE_INIT_EXT | 9, 0x11 | OFFERED_FLAGS2 },
		/* A libfuse that does not know flags2. */
		{ OFFERED_FLAGS2, 9, 0x11,
		  FUSE_INIT_EXT | 9, OFFERED_FLAGS2 },
		{ 0, FUSE_INIT_EXT | 9, 0x11, FUSE_INIT_EXT | 9, 0x11 },
	};
	struct fuse_init_out *init;
	struct reply reply;
	struct request r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer *peer = start();

		send_init(peer, &r, cases[i].offered);
		reply_init(peer, r.in.unique, 0, cases[i].flags,
			   cases[i].flags2, sizeof(*init), &reply);
		init = (void *)reply.body;
		assert_int_equal(init->flags, cases[i].want_flags);
		assert_int_equal(init->flags2, cases[i].want_flags2);
		assert_int_equal(init->max_write, 4096);
		assert_int_equal(init->minor, 31);
		reply_free(&reply);
		/* Then libfuse has the device itself. */
		assert_false(session_is_early(peer->fs));
		reply_init(peer, r.in.unique, 0, cases[i].flags,
			   cases[i].flags2, sizeof(*init), &reply);
		assert_int_equal(((struct fuse_init_out *)reply.body)->flags2,
				 cases[i].flags2);
		reply_free(&reply);
		peer_stop(peer);
	}
}

static void short_and_failed_replies_to_init_stay_as_they_are(void **state)
{
	struct peer *peer = start();
	struct reply reply;
	struct request r;

	(void)state;
	send_init(peer, &r, OFFERED_FLAGS2);
	reply_init(peer, r.in.unique, -EPROTO, 0, 0, 0, &reply);
	assert_false(fuse_fmap_agreed(peer->fs));
	assert_int_equal(reply.out.error, -EPROTO);
	assert_true(session_is_early(peer->fs));
	reply_free(&reply);
	send_init(peer, &r, OFFERED_FLAGS2);
	reply_init(peer, r.in.unique, 0, 1, 0, 24, &reply);
	assert_int_equal(((struct fuse_init_out *)reply.body)->flags, 1);
	assert_false(fuse_fmap_agreed(peer->fs));
	assert_int_equal(peer->logs, 1);
	reply_free(&reply);
	peer_stop(peer);
}

/* Nothing that libfuse writes before INIT is answered gets lost or changed. */
static void early_replies_are_passed_on(void **state)
{
	struct peer *peer = start();
	struct fuse_out_header out = {
		.len = sizeof(out), .unique = 88, .error = -EIO,
	};
	uint8_t too_long[INIT_MAX + 1] = { 0 };
	struct reply reply;

	(void)state;
	assert_int_equal(write(peer->fs->libfuse_fd, too_long,
			       sizeof(too_long)), sizeof(too_long));
	assert_int_equal(write(peer->fs->libfuse_fd, &out, sizeof(out)),
			 sizeof(out));
	session_relay(peer->fs);
	peer_receive(peer, &reply);
	assert_memory_equal(&reply.out, &out, sizeof(out));
	assert_int_equal(peer->logs, 1);
	assert_true(session_is_early(peer->fs));
	reply_free(&reply);
	peer_stop(peer);
}

static void assert_getxattr(const struct request *r, ssize_t len,
			    uint64_t nodeid, uint32_t size, const char *name)
{
	struct fuse_getxattr_in arg;

	assert_int_equal(len, sizeof(r->in) + sizeof(arg) + strlen(name) + 1);
	assert_int_equal(r->in.len, len);
	assert_int_equal(r->in.opcode, FUSE_GETXATTR);
	assert_int_equal(r->in.nodeid, nodeid);
	assert_int_equal(r->in.uid, 4711);
	memcpy(&arg, r->body, sizeof(arg));
	assert_int_equal(arg.size, size);
	assert_int_equal(arg.padding, 0);
	assert_string_equal((const char *)r->body + sizeof(arg), name);
}

static void requests_become_getxattr(void **state)
{
	struct peer *peer = start(), *other = start();
	const struct fuse_getxattr_in fmap = { .size = 32768, .padding = 77 };
	const struct fuse_get_daxdev_in dax = { .daxdev_num = 0 };
	struct request r;
	uint64_t unique;
	ssize_t len;

	(void)state;
	unique = peer_send(peer, FUSE_GET_FMAP, 1234, &fmap, sizeof(fmap));
	len = read_request(peer, &r, sizeof(r));
	assert_getxattr(&r, len, 1234, 32768, peer->fs->name_fmap);
	assert_int_equal(r.in.unique, unique);
	/* Node id 0, as index 0 has it, is none. */
	unique = peer_send(peer, FUSE_GET_DAXDEV, 0, &dax, sizeof(dax));
	len = read_request(peer, &r, sizeof(r));
	assert_getxattr(&r, len, FUSE_ROOT_ID, 0, peer->fs->name_daxdev);
	assert_int_equal(r.in.unique, unique);
	/* Each session has names of its own. */
	assert_string_not_equal(peer->fs->name_fmap, other->fs->name_fmap);
	assert_string_not_equal(peer->fs->name_fmap, peer->fs->name_daxdev);
	assert_true(strlen(peer->fs->name_daxdev) < NAME_ROOM);
	peer_stop(other);
	peer_stop(peer);
}

static void nothing_is_written_beyond_the_buffer(void **state)
{
	const struct fuse_getxattr_in fmap = { .size = 32768 };
	const size_t room = sizeof(struct fuse_in_header) + sizeof(fmap) + 8;
	struct peer *peer = start();
	struct request r;

	(void)state;
	peer_send(peer, FUSE_GET_FMAP, 1, &fmap, sizeof(fmap));
	assert_int_equal(read_request(peer, &r, room), 48);
	assert_int_equal(r.in.opcode, FUSE_GET_FMAP);
	assert_int_equal(r.body[sizeof(fmap)], 0x5a);
	peer_stop(peer);
}

static void errors_of_the_device_are_passed_on(void **state)
{
	struct peer *peer = start();
	struct request r;
	int fd = peer->session_fd;

	(void)state;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(read_request(peer, &r, sizeof(r)), -EAGAIN);
	assert_int_equal(write(peer->fd, &r, 39), 39);
	assert_int_equal(read_request(peer, &r, sizeof(r)), -EIO);
	close(peer->fd);
	peer->fd = -1;
	assert_int_equal(read_request(peer, &r, sizeof(r)), -ENODEV);
	peer->fs->fd = -1;
	assert_int_equal(read_request(peer, &r, sizeof(r)), -EBADF);
	peer->fs->fd = fd;
	peer_stop(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libfuse_sees_no_private_bits_of_init),
		cmocka_unit_test(reply_to_init_gets_the_bit),
		cmocka_unit_test(short_and_failed_replies_to_init_stay_as_they_are),
		cmocka_unit_test(early_replies_are_passed_on),
		cmocka_unit_test(requests_become_getxattr),
		cmocka_unit_test(nothing_is_written_beyond_the_buffer),
		cmocka_unit_test(errors_of_the_device_are_passed_on),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
