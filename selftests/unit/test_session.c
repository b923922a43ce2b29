// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions with the real libfuse; the test is the kernel.
 *
 *   1. INIT: fmaps are agreed on if offered and wanted, and only then.
 *   2. GET_FMAP and GET_DAXDEV reach the server as real requests, and the
 *      replies come back; other requests, and xattrs of any name, go their way.
 *   3. Replies of any size; the sized dialect asks again.
 *   4. Interrupts and threads.
 *
 * How a session is mounted and ends: test_session_end.c.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include "peer.h"
#include "session_i.h"

static void wait_for(atomic_bool *flag)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	for (i = 0; i < 20000 && !*flag; i++)
		nanosleep(&ms, NULL);
	assert_true(*flag);
}

/* What the session reports of itself after the reply has arrived. */
static void check_init(const struct peer_setup *setup, uint32_t flags,
		       uint32_t flags2, bool offered, bool agreed)
{
	struct peer *peer = peer_start(setup);
	struct fuse_init_out out;

	assert_false(fuse_fmap_offered(peer->fs));
	peer_init(peer, flags, flags2, &out);
	assert_int_equal(!!(out.flags2 & OFFERED_FLAGS2), agreed);
	if (agreed)
		assert_true(out.flags & FUSE_INIT_EXT);
	assert_int_equal(out.major, 7);
	assert_int_equal(fuse_fmap_offered(peer->fs), offered);
	assert_int_equal(fuse_fmap_agreed(peer->fs), agreed);
	assert_int_equal(peer->offered_in_init, offered);
	assert_int_equal(peer->inits, 1);
	/* Silence, unless the server does not get what it wants. */
	assert_int_equal(peer->logs, !agreed && !setup->no_get_fmap &&
				     !setup->not_wanted);
	assert_int_equal(peer_stop(peer), 0);
}

static void fmaps_are_agreed_on_if_offered_and_wanted(void **state)
{
	(void)state;
	check_init(&(struct peer_setup) { 0 }, PEER_FLAGS, OFFERED_FLAGS2, true,
		   true);
	check_init(&(struct peer_setup) { .threads = 8 }, PEER_FLAGS,
		   OFFERED_FLAGS2 | 1, true, true);
}

static void fmaps_are_not_agreed_on_if_not_offered(void **state)
{
	(void)state;
	check_init(&(struct peer_setup) { 0 }, PEER_FLAGS, 0, false, false);
	check_init(&(struct peer_setup) { 0 }, PEER_FLAGS, ~OFFERED_FLAGS2, false,
		   false);
	/* Without FUSE_INIT_EXT there is no flags2. */
	check_init(&(struct peer_setup) { 0 }, PEER_FLAGS & ~FUSE_INIT_EXT,
		   OFFERED_FLAGS2, false, false);
}

static void fmaps_are_not_agreed_on_if_not_wanted(void **state)
{
	(void)state;
	check_init(&(struct peer_setup) { .not_wanted = true }, PEER_FLAGS,
		   OFFERED_FLAGS2, true, false);
	check_init(&(struct peer_setup) { .no_get_fmap = true }, PEER_FLAGS,
		   OFFERED_FLAGS2, true, false);
}

static void get_fmap_reaches_the_server(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct msg msg = { 0 };
	struct reply reply;

	(void)state;
	msg_hex(&msg, example_simple);
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, FAMFS_FMAP_MAX, &reply),
			 0);
	assert_int_equal(reply.len, msg.len);
	assert_memory_equal(reply.body, msg.bytes, msg.len);
	assert_int_equal(peer->size, FAMFS_FMAP_MAX);
	assert_int_equal(peer->uid, 4711);
	reply_free(&reply);
	assert_int_equal(peer_get_fmap(peer, INO_PLAIN, FAMFS_FMAP_MAX, &reply),
			 -EOPNOTSUPP);
	reply_free(&reply);
	assert_int_equal(peer->get_fmaps, 2);
	assert_int_equal(peer->getxattrs, 0);
	msg_free(&msg);
	assert_int_equal(peer_stop(peer), 0);
}

static void check_device(struct peer *peer, uint32_t index, const char *path)
{
	struct fuse_daxdev_out want = { .index = index };
	struct reply reply;

	strcpy(want.name, path);
	assert_int_equal(peer_get_daxdev(peer, index, &reply), 0);
	assert_int_equal(reply.len, 280);
	assert_memory_equal(reply.body, &want, 280);
	reply_free(&reply);
}

static void get_daxdev_reaches_the_server(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	char longest[DAXDEV_NAME_MAX];
	struct reply reply;

	(void)state;
	check_device(peer, 0, "/dev/dax0.0");
	check_device(peer, 1, "/dev/dax1.0");
	check_device(peer, 63, "/dev/dax63.0");
	memset(longest, 'x', sizeof(longest));
	longest[DAXDEV_NAME_MAX - 1] = '\0';
	check_device(peer, 60, longest);
	assert_int_equal(peer_get_daxdev(peer, 61, &reply), -ENAMETOOLONG);
	reply_free(&reply);
	assert_int_equal(peer_get_daxdev(peer, 62, &reply), -EINVAL);
	reply_free(&reply);
	assert_int_equal(peer->get_daxdevs, 6);
	assert_int_equal(peer_get_daxdev(peer, 64, &reply), -EINVAL);
	reply_free(&reply);
	assert_int_equal(peer_get_daxdev(peer, UINT32_MAX, &reply), -EINVAL);
	reply_free(&reply);
	assert_int_equal(peer->get_daxdevs, 6);
	assert_int_equal(peer_stop(peer), 0);
}

static void operations_left_out_are_not_supported(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) {
		.no_get_fmap = true, .no_get_daxdev = true,
	});
	struct reply reply;

	(void)state;
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply),
			 -EOPNOTSUPP);
	reply_free(&reply);
	assert_int_equal(peer_get_daxdev(peer, 0, &reply), -EOPNOTSUPP);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static int ask_xattr(struct peer *peer, const char *name, struct reply *reply)
{
	struct fuse_getxattr_in in = { .size = 4096 };
	uint8_t body[300];

	memcpy(body, &in, sizeof(in));
	strcpy((char *)body + sizeof(in), name);
	return peer_ask(peer, FUSE_GETXATTR, INO_SMALL, body,
			sizeof(in) + strlen(name) + 1, reply);
}

/* Names as the library's own look, from a user who does not know the token. */
static const char *const forged[] = {
	"user.ordinary", "", "fmapfs.", "fmapfs..fmap", "fmapfs.fmap",
	"fmapfs.00000000000000000000000000000000.fmap",
	"fmapfs.00000000000000000000000000000000.daxdev",
	"fmapfs.ffffffffffffffffffffffffffffffff.fmap",
};

static void forged_names_are_ordinary_xattrs(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct reply reply;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		assert_int_equal(ask_xattr(peer, forged[i], &reply), 0);
		assert_int_equal(reply.len, 5);
		assert_memory_equal(reply.body, "value", 5);
		assert_string_equal(peer->xattr_name, forged[i]);
		reply_free(&reply);
	}
	assert_int_equal(peer->getxattrs, ARRAY_SIZE(forged));
	assert_int_equal(peer->get_fmaps, 0);
	assert_int_equal(peer->get_daxdevs, 0);
	assert_int_equal(peer_stop(peer), 0);

	peer = peer_start_agreed(&(struct peer_setup) { .no_getxattr = true });
	assert_int_equal(ask_xattr(peer, forged[5], &reply), -ENOSYS);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void other_requests_go_their_way(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_entry_out *entry;
	struct reply reply;

	(void)state;
	assert_int_equal(peer_ask(peer, FUSE_LOOKUP, 1, "small", 6, &reply), 0);
	entry = (void *)reply.body;
	assert_int_equal(entry->nodeid, INO_SMALL);
	reply_free(&reply);
	assert_int_equal(peer_ask(peer, FUSE_LOOKUP, 1, "none", 5, &reply),
			 -ENOENT);
	reply_free(&reply);
	assert_int_equal(peer_ask(peer, 61, 1, NULL, 0, &reply), -ENOSYS);
	reply_free(&reply);
	/* Too short to be what they say. */
	assert_int_equal(peer_ask(peer, FUSE_GET_FMAP, 1, "1234567", 7, &reply),
			 -ENOSYS);
	reply_free(&reply);
	assert_int_equal(peer_ask(peer, FUSE_GET_DAXDEV, 1, "123", 3, &reply),
			 -ENOSYS);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void large_maps_say_their_size_first(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { .type = SOCK_STREAM });
	struct fuse_famfs_fmap_header h;
	const size_t size = 32 + 65536 * 24;
	struct fuse_fmap *fmap;
	struct reply reply;

	(void)state;
	assert_int_equal(peer_get_fmap(peer, INO_LARGE, FAMFS_FMAP_MAX, &reply),
			 0);
	assert_int_equal(reply.len, 32);
	memcpy(&h, reply.body, sizeof(h));
	assert_int_equal(h.reserved0, size);
	assert_int_equal(h.nextents, 65536);
	reply_free(&reply);
	assert_int_equal(peer_get_fmap(peer, INO_LARGE, h.reserved0, &reply),
			 0);
	assert_int_equal(reply.len, size);
	assert_int_equal(fuse_fmap_parse(&fmap, reply.body, reply.len, NULL),
			 0);
	assert_true(fuse_fmap_equal(fmap, peer->large));
	fuse_fmap_free(fmap);
	reply_free(&reply);
	/* Of a small one too, if there is no room even for that. */
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 55, &reply), 0);
	assert_int_equal(reply.len, 32);
	memcpy(&h, reply.body, sizeof(h));
	assert_int_equal(h.reserved0, 56);
	reply_free(&reply);
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 31, &reply), -ERANGE);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void the_largest_message_gets_through(void **state)
{
	enum { N = 65536, EXTENTS = 10 };
	struct fuse_famfs_simple_ext *strips;
	struct fuse_famfs_iext ie[EXTENTS];
	struct fuse_fmap_info info;
	struct reply reply;
	struct peer *peer;
	uint32_t i;

	(void)state;
	peer = peer_start_agreed(&(struct peer_setup) { .type = SOCK_STREAM });
	strips = calloc(N * EXTENTS, sizeof(*strips));
	for (i = 0; i < N * EXTENTS; i++)
		strips[i] = (struct fuse_famfs_simple_ext) {
			.se_offset = i * (uint64_t)PAGE, .se_len = PAGE,
		};
	for (i = 0; i < EXTENTS; i++)
		ie[i] = (struct fuse_famfs_iext) {
			.ie_nstrips = N, .ie_chunk_size = PAGE,
			.ie_nbytes = (uint64_t)N * PAGE,
		};
	fuse_fmap_free(peer->large);
	peer->large = NULL;
	assert_int_equal(fuse_fmap_interleaved(&peer->large, 0, 1, ie, EXTENTS,
					       strips, NULL), 0);
	free(strips);
	fuse_fmap_get_info(peer->large, &info);
	assert_true(info.message_size > 15 * MIB);
	assert_int_equal(peer_get_fmap(peer, INO_LARGE, FAMFS_FMAP_SIZED_MAX,
				       &reply), 0);
	assert_int_equal(reply.len, info.message_size);
	assert_int_equal(fuse_fmap_check(reply.body, reply.len, NULL), 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void interrupts_reach_get_fmap(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_getxattr_in in = { .size = 4096 };
	struct fuse_interrupt_in intr;
	struct reply reply;

	(void)state;
	intr.unique = peer_send(peer, FUSE_GET_FMAP, INO_HELD, &in, sizeof(in));
	wait_for(&peer->held);
	peer_send(peer, FUSE_INTERRUPT, 0, &intr, sizeof(intr));
	peer_receive(peer, &reply);
	assert_int_equal(reply.out.unique, intr.unique);
	assert_int_equal(reply.out.error, -EINTR);
	assert_false(peer->held);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void requests_are_served_at_once_by_threads(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { .threads = 8 });
	struct fuse_getxattr_in in = { .size = 4096 };
	uint64_t uniques[PEER_MEET], seen = 0;
	struct reply reply;
	unsigned int i, k;

	(void)state;
	for (i = 0; i < PEER_MEET; i++)
		uniques[i] = peer_send(peer, FUSE_GET_FMAP, INO_MEET, &in,
				       sizeof(in));
	for (i = 0; i < PEER_MEET; i++) {
		peer_receive(peer, &reply);
		assert_int_equal(reply.out.error, 0);
		assert_int_equal(reply.len, 56);
		for (k = 0; k < PEER_MEET; k++)
			if (reply.out.unique == uniques[k])
				seen |= 1 << k;
		reply_free(&reply);
	}
	assert_int_equal(seen, (1 << PEER_MEET) - 1);
	assert_int_equal(peer_stop(peer), 0);
}

/* More requests than threads: the rest waits its turn, none is lost. */
static void threads_are_no_more_than_asked_for(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { .threads = 4 });
	struct fuse_getxattr_in in = { .size = 4096 };
	struct reply reply;
	unsigned int i;

	(void)state;
	for (i = 0; i < 50 * PEER_MEET; i++)
		peer_send(peer, FUSE_GET_FMAP, INO_MEET, &in, sizeof(in));
	for (i = 0; i < 50 * PEER_MEET; i++) {
		peer_receive(peer, &reply);
		assert_int_equal(reply.out.error, 0);
		reply_free(&reply);
	}
	assert_int_equal(peer->most_at_once, 4);
	assert_int_equal(peer_stop(peer), 0);
}

/* libfuse refuses it unless init says the same; a server need not know. */
static void max_read_needs_nothing_of_the_server(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) {
		.options = "max_read=65536",
	});

	(void)state;
	assert_true(fuse_fmap_agreed(peer->fs));
	assert_int_equal(peer_stop(peer), 0);
}

/* Of several threads none gets ahead of the one that handles INIT. */
static void nothing_overtakes_init(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) {
		.threads = 4, .slow_init = true,
	});
	const struct fuse_init_in in = {
		.major = 7, .minor = 46, .flags = FUSE_INIT_EXT,
		.flags2 = OFFERED_FLAGS2,
	};
	uint64_t init, lookup;
	struct reply reply;

	(void)state;
	init = peer_send(peer, FUSE_INIT, 0, &in, sizeof(in));
	lookup = peer_send(peer, FUSE_LOOKUP, 1, "small", 6);
	peer_receive(peer, &reply);
	assert_int_equal(reply.out.unique, init);
	reply_free(&reply);
	peer_receive(peer, &reply);
	assert_int_equal(reply.out.unique, lookup);
	assert_int_equal(reply.out.error, 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void requests_before_init_are_refused(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) { .threads = 4 });
	struct fuse_init_out out;
	struct reply reply;

	(void)state;
	assert_int_equal(peer_ask(peer, FUSE_LOOKUP, 1, "small", 6, &reply),
			 -EIO);
	reply_free(&reply);
	peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, &out);
	assert_int_equal(peer_ask(peer, FUSE_LOOKUP, 1, "small", 6, &reply), 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

/* The kernel refuses to hand out any request to a smaller one. */
static void buffers_grow_with_max_write(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) { 0 });
	const size_t before = peer->fs->bufsize;
	struct fuse_init_out out;
	struct reply reply;

	(void)state;
	assert_true(before >= FUSE_MIN_READ_BUFFER);
	peer_init(peer, PEER_FLAGS, 0, &out);
	assert_true(out.max_write > before);
	assert_true(peer->fs->bufsize >= out.max_write +
					 sizeof(struct fuse_in_header) +
					 sizeof(struct fuse_write_in));
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply), 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fmaps_are_agreed_on_if_offered_and_wanted),
		cmocka_unit_test(fmaps_are_not_agreed_on_if_not_offered),
		cmocka_unit_test(fmaps_are_not_agreed_on_if_not_wanted),
		cmocka_unit_test(get_fmap_reaches_the_server),
		cmocka_unit_test(get_daxdev_reaches_the_server),
		cmocka_unit_test(operations_left_out_are_not_supported),
		cmocka_unit_test(forged_names_are_ordinary_xattrs),
		cmocka_unit_test(other_requests_go_their_way),
		cmocka_unit_test(large_maps_say_their_size_first),
		cmocka_unit_test(the_largest_message_gets_through),
		cmocka_unit_test(interrupts_reach_get_fmap),
		cmocka_unit_test(requests_are_served_at_once_by_threads),
		cmocka_unit_test(threads_are_no_more_than_asked_for),
		cmocka_unit_test(max_read_needs_nothing_of_the_server),
		cmocka_unit_test(nothing_overtakes_init),
		cmocka_unit_test(requests_before_init_are_refused),
		cmocka_unit_test(buffers_grow_with_max_write),
	};

	alarm(300);	/* whoever hangs has failed */
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
