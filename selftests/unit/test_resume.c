// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that take over from others, and notifications; the test is the
 * kernel, libfuse the real one.
 *
 *   1. The state is saved before the kernel has the reply to INIT.
 *   2. A successor sends no INIT reply, asks for what is unanswered, and serves
 *      requests that were sent before; it may have a successor itself.
 *   3. The predecessor may end at any time: before it has read INIT, before it
 *      has answered, before the answer has reached the kernel.
 *   4. A successor that agrees on something else ends. State that is none is
 *      refused.
 *   5. Notifications of ours, and those of libfuse, reach the kernel; what
 *      RETRIEVE brings reaches the server.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>
#include "peer.h"

/* A peer that begins where @old ended. */
static struct peer *succeed(const uint8_t *state, int len, unsigned int threads)
{
	return peer_start(&(struct peer_setup) {
		.resume = true, .state = state, .state_len = len,
		.threads = threads,
	});
}

static void expect_notification(struct peer *peer, int code, size_t len,
				struct reply *reply)
{
	peer_receive(peer, reply);
	assert_int_equal(reply->out.unique, 0);
	assert_int_equal(reply->out.error, code);
	assert_int_equal(reply->len, len);
}

static void expect_resend(struct peer *peer)
{
	struct reply reply;

	expect_notification(peer, FUSE_NOTIFY_RESEND, 0, &reply);
	reply_free(&reply);
}

static int save(uint8_t *saved, struct fuse_init_out *out)
{
	struct peer *peer = peer_start(&(struct peer_setup) { 0 });
	int len;

	peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, out);
	len = fuse_fmap_session_state(peer->fs, saved, FUSE_FMAP_STATE_MAX);
	assert_true(len > 0);
	assert_int_equal(peer_stop(peer), 0);
	return len;
}

static void the_state_is_saved_before_the_reply(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) { 0 });
	uint8_t saved[FUSE_FMAP_STATE_MAX];
	struct fuse_init_out out;
	int len;

	(void)state;
	assert_int_equal(fuse_fmap_session_state(peer->fs, saved,
						 sizeof(saved)), -EAGAIN);
	peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, &out);
	assert_true(peer->unanswered);
	assert_int_equal(fuse_fmap_session_state(peer->fs, saved, 8), -ERANGE);
	len = fuse_fmap_session_state(peer->fs, saved, sizeof(saved));
	assert_int_equal(len, peer->saved_len);
	assert_memory_equal(saved, peer->saved, len);
	assert_int_equal(peer_stop(peer), 0);
}

static void a_successor_takes_over(void **state)
{
	static const unsigned int threads[] = { 0, 1, 4 };
	uint8_t saved[FUSE_FMAP_STATE_MAX], again[FUSE_FMAP_STATE_MAX];
	struct fuse_init_out out;
	int len = save(saved, &out);
	struct reply reply;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		struct peer *peer = succeed(saved, len, threads[i]);

		/* No reply to INIT, but the wish to get requests again. */
		expect_resend(peer);
		assert_int_equal(peer->inits, 1);
		assert_true(fuse_fmap_agreed(peer->fs));
		assert_int_equal(peer->saved_len, 0);
		/* A request that was sent before has the high bit. */
		peer->unique |= FUSE_UNIQUE_RESEND;
		assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply),
				 0);
		assert_int_equal(reply.len, 56);
		reply_free(&reply);
		/* It may have a successor itself. */
		assert_int_equal(fuse_fmap_session_state(peer->fs, again,
							 sizeof(again)), len);
		assert_memory_equal(again, saved, len);
		assert_int_equal(peer_stop(peer), 0);
	}
}

/* INTERRUPT names the request by the unique that it was sent again with. */
static void requests_sent_again_can_be_interrupted(void **state)
{
	uint8_t saved[FUSE_FMAP_STATE_MAX];
	struct fuse_getxattr_in in = { .size = 4096 };
	struct fuse_init_out out;
	int len = save(saved, &out);
	struct peer *peer = succeed(saved, len, 0);
	struct fuse_interrupt_in intr;
	struct reply reply;

	(void)state;
	expect_resend(peer);
	peer->unique |= FUSE_UNIQUE_RESEND;
	intr.unique = peer_send(peer, FUSE_GET_FMAP, INO_HELD, &in, sizeof(in));
	peer_send(peer, FUSE_INTERRUPT, 0, &intr, sizeof(intr));
	peer_receive(peer, &reply);
	assert_int_equal(reply.out.unique, intr.unique);
	assert_int_equal(reply.out.error, -EINTR);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

/* The predecessor has no state yet: INIT comes, for the first time or again. */
static void a_successor_may_come_before_init(void **state)
{
	static const unsigned int threads[] = { 0, 4 };
	struct fuse_init_out out;
	struct reply reply;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ARRAY_SIZE(threads); i++) {
		struct peer *peer = succeed(NULL, 0, threads[i / 2]);

		expect_resend(peer);
		if (i % 2)
			peer->unique |= FUSE_UNIQUE_RESEND;
		peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, &out);
		assert_true(peer->saved_len > 0);
		assert_true(fuse_fmap_agreed(peer->fs));
		assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply),
				 0);
		reply_free(&reply);
		assert_int_equal(peer_stop(peer), 0);
	}
}

/* The predecessor has saved its state and not written the reply. */
static void init_that_was_not_answered_is_answered_alike(void **state)
{
	uint8_t saved[FUSE_FMAP_STATE_MAX];
	struct fuse_init_out first, second;
	int len = save(saved, &first);
	struct peer *peer = succeed(saved, len, 0);
	struct reply reply;

	(void)state;
	expect_resend(peer);
	peer->unique |= FUSE_UNIQUE_RESEND;
	peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, &second);
	assert_memory_equal(&first, &second, sizeof(first));
	/* libfuse has seen it once. */
	assert_int_equal(peer->inits, 1);
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply), 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void a_successor_must_agree_on_the_same(void **state)
{
	static const unsigned int threads[] = { 0, 4 };
	uint8_t saved[FUSE_FMAP_STATE_MAX];
	struct pollfd pfd = { .events = POLLIN };
	struct fuse_init_out out;
	int len = save(saved, &out);
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ARRAY_SIZE(threads); i++) {
		/* It wants other things, or fails. */
		struct peer *peer = peer_start(&(struct peer_setup) {
			.resume = true, .state = saved, .state_len = len,
			.threads = threads[i / 2],
			.not_wanted = i % 2, .want_too_much = !(i % 2),
		});

		pthread_join(peer->thread, NULL);
		peer->running = false;
		assert_int_equal(peer->loop_result, -EPROTO);
		assert_non_null(strstr(peer->log, "differs"));
		pfd.fd = peer->fd;
		assert_int_equal(poll(&pfd, 1, 0), 0);
		assert_int_equal(peer_stop(peer), -EPROTO);
	}
}

static void state_that_is_none_is_refused(void **state)
{
	uint8_t saved[FUSE_FMAP_STATE_MAX];
	struct fuse_init_out out;
	int len = save(saved, &out);
	struct peer *other = peer_start(&(struct peer_setup) {
		.no_loop = true,
	});
	uint32_t too_long = 100000;

	(void)state;
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, saved, len - 1,
						  NULL), -EINVAL);
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, saved, 0, NULL),
			 -EINVAL);
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, NULL, len,
						  NULL), -EINVAL);
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, saved, len,
						  NULL), -EBUSY);
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, NULL, 0, NULL),
			 -EBUSY);
	memcpy(saved + 24, &too_long, 4);
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, saved, len,
						  NULL), -EINVAL);
	memset(saved, 0, sizeof(saved));
	assert_int_equal(fuse_fmap_session_resume(other->fs, 0, saved, len,
						  NULL), -EINVAL);
	peer_stop(other);
}

static void refresh_names_all_of_the_file(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_notify_inval_inode_out *inval;
	struct reply reply;

	(void)state;
	assert_int_equal(fuse_fmap_notify_refresh(peer->fs, 1ULL << 40), 0);
	expect_notification(peer, FUSE_NOTIFY_INVAL_INODE, sizeof(*inval),
			    &reply);
	inval = (void *)reply.body;
	assert_int_equal(inval->ino, 1ULL << 40);
	assert_int_equal(inval->off, 0);
	assert_int_equal(inval->len, 0);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

static void prune_names_inodes(void **state)
{
	const fuse_ino_t inos[3] = { 7, 8, 1ULL << 40 };
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_notify_prune_out *prune;
	struct reply reply;

	(void)state;
	assert_int_equal(fuse_fmap_notify_prune(peer->fs, inos, 3), 0);
	expect_notification(peer, FUSE_NOTIFY_PRUNE, 16 + 3 * 8, &reply);
	prune = (void *)reply.body;
	assert_int_equal(prune->count, 3);
	assert_int_equal(prune->padding, 0);
	assert_int_equal(prune->spare, 0);
	assert_memory_equal(reply.body + 16, inos, 3 * 8);
	reply_free(&reply);
	assert_int_equal(fuse_fmap_notify_prune(peer->fs, inos, 0), -EINVAL);
	assert_int_equal(fuse_fmap_notify_prune(peer->fs, inos, 4097),
			 -EINVAL);
	assert_int_equal(peer_stop(peer), 0);
}

static void expire_names_an_entry(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_notify_inval_entry_out *out;
	char name[NAME_MAX + 2] = { 0 };
	struct reply reply;

	(void)state;
	memset(name, 'x', NAME_MAX);
	assert_int_equal(fuse_fmap_notify_expire(peer->fs, 5, name), 0);
	/* The name's NUL comes with it. */
	expect_notification(peer, FUSE_NOTIFY_INVAL_ENTRY,
			    sizeof(*out) + NAME_MAX + 1, &reply);
	out = (void *)reply.body;
	assert_int_equal(out->parent, 5);
	assert_int_equal(out->namelen, NAME_MAX);
	assert_int_equal(out->flags, FUSE_EXPIRE_ONLY);
	assert_string_equal((char *)(out + 1), name);
	reply_free(&reply);
	name[NAME_MAX] = 'x';
	assert_int_equal(fuse_fmap_notify_expire(peer->fs, 5, name),
			 -ENAMETOOLONG);
	assert_int_equal(fuse_fmap_notify_expire(peer->fs, 5, ""), -EINVAL);

	assert_int_equal(fuse_fmap_notify_inc_epoch(peer->fs), 0);
	expect_notification(peer, FUSE_NOTIFY_INC_EPOCH, 0, &reply);
	reply_free(&reply);
	assert_int_equal(fuse_fmap_notify_resend(peer->fs), 0);
	expect_resend(peer);
	assert_int_equal(peer_stop(peer), 0);
}

/* libfuse writes them by itself. */
static void notifications_of_libfuse_reach_the_kernel(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_session *se = fuse_fmap_session_fuse(peer->fs);
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(5);
	struct fuse_notify_store_out *store;
	struct reply reply;

	(void)state;
	assert_int_equal(fuse_lowlevel_notify_inval_inode(se, 9, 4096, 8192),
			 0);
	expect_notification(peer, FUSE_NOTIFY_INVAL_INODE, 24, &reply);
	reply_free(&reply);
	assert_int_equal(fuse_lowlevel_notify_inval_entry(se, 1, "name", 4), 0);
	expect_notification(peer, FUSE_NOTIFY_INVAL_ENTRY, 16 + 5, &reply);
	reply_free(&reply);
	assert_int_equal(fuse_lowlevel_notify_delete(se, 1, 9, "name", 4), 0);
	expect_notification(peer, FUSE_NOTIFY_DELETE, 24 + 5, &reply);
	reply_free(&reply);
	data.buf[0].mem = "bytes";
	assert_int_equal(fuse_lowlevel_notify_store(se, 9, 4096, &data, 0), 0);
	expect_notification(peer, FUSE_NOTIFY_STORE, sizeof(*store) + 5,
			    &reply);
	store = (void *)reply.body;
	assert_int_equal(store->nodeid, 9);
	assert_int_equal(store->offset, 4096);
	assert_memory_equal(store + 1, "bytes", 5);
	reply_free(&reply);
	assert_int_equal(peer_stop(peer), 0);
}

/* What it brings is a request, with the unique that libfuse gave. */
static void retrieved_data_reaches_the_server(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct fuse_session *se = fuse_fmap_session_fuse(peer->fs);
	struct {
		struct fuse_notify_retrieve_in in;
		char data[5];
	} __attribute__((packed)) body = {
		.in = { .offset = 8192, .size = 5 }, .data = "bytes",
	};
	struct fuse_notify_retrieve_out *out;
	struct reply reply;

	(void)state;
	assert_int_equal(fuse_lowlevel_notify_retrieve(se, 9, 5, 8192, peer),
			 0);
	expect_notification(peer, FUSE_NOTIFY_RETRIEVE, sizeof(*out), &reply);
	out = (void *)reply.body;
	assert_int_equal(out->nodeid, 9);
	peer->unique = out->notify_unique - 2;
	reply_free(&reply);
	peer_send(peer, FUSE_NOTIFY_REPLY, 9, &body, sizeof(body));
	/* It has no reply; the next request comes when it is done. */
	peer->unique = 1000;
	assert_int_equal(peer_get_fmap(peer, INO_SMALL, 4096, &reply), 0);
	reply_free(&reply);
	assert_int_equal(peer->retrieved, 8192);
	assert_string_equal(peer->retrieved_data, "bytes");
	assert_int_equal(peer_stop(peer), 0);
}

static void notifications_need_a_device(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) {
		.no_loop = true,
	});
	const fuse_ino_t ino = 7;

	(void)state;
	fuse_fmap_session_unmount(peer->fs);
	assert_int_equal(fuse_fmap_notify_refresh(peer->fs, 1), -ENOTCONN);
	assert_int_equal(fuse_fmap_notify_expire(peer->fs, 1, "x"), -ENOTCONN);
	assert_int_equal(fuse_fmap_notify_prune(peer->fs, &ino, 1), -ENOTCONN);
	assert_int_equal(fuse_fmap_notify_inc_epoch(peer->fs), -ENOTCONN);
	assert_int_equal(fuse_fmap_notify_resend(peer->fs), -ENOTCONN);
	peer_stop(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_is_saved_before_the_reply),
		cmocka_unit_test(a_successor_takes_over),
		cmocka_unit_test(requests_sent_again_can_be_interrupted),
		cmocka_unit_test(a_successor_may_come_before_init),
		cmocka_unit_test(init_that_was_not_answered_is_answered_alike),
		cmocka_unit_test(a_successor_must_agree_on_the_same),
		cmocka_unit_test(state_that_is_none_is_refused),
		cmocka_unit_test(refresh_names_all_of_the_file),
		cmocka_unit_test(prune_names_inodes),
		cmocka_unit_test(expire_names_an_entry),
		cmocka_unit_test(notifications_of_libfuse_reach_the_kernel),
		cmocka_unit_test(retrieved_data_reaches_the_server),
		cmocka_unit_test(notifications_need_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
