// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions with the real libfuse; the test is the kernel.
 *
 *   1. What ends a loop: another thread, an operation, a signal, a failed INIT.
 *   2. Unmount.
 *   3. Sessions and mounts that cannot be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "peer.h"

static void exit_from_elsewhere_ends_an_idle_loop(void **state)
{
	static const unsigned int threads[] = { 0, 1, 4 };
	struct peer *peer;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		peer = peer_start_agreed(&(struct peer_setup) { .threads = threads[i] });
		fuse_fmap_session_exit(peer->fs);
		pthread_join(peer->thread, NULL);
		peer->running = false;
		assert_int_equal(peer_stop(peer), 0);
	}
	/* Before it has begun, too. */
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		peer = peer_start(&(struct peer_setup) { .no_loop = true });
		fuse_fmap_session_exit(peer->fs);
		assert_int_equal(threads[i] ?
				 fuse_fmap_session_loop_mt(peer->fs, threads[i]) :
				 fuse_fmap_session_loop(peer->fs), 0);
		peer_stop(peer);
	}
}

/* Brings PEER_MEET threads into being. */
static void meet(struct peer *peer)
{
	struct fuse_getxattr_in in = { .size = 4096 };
	struct reply reply;
	int i;

	for (i = 0; i < PEER_MEET; i++)
		peer_send(peer, FUSE_GET_FMAP, INO_MEET, &in, sizeof(in));
	for (i = 0; i < PEER_MEET; i++) {
		peer_receive(peer, &reply);
		reply_free(&reply);
	}
}

/* Also if another thread waits for requests by then. */
static void exit_within_an_operation_ends_the_loop(void **state)
{
	static const unsigned int threads[] = { 0, 1, 8 };
	struct reply reply;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		struct peer *peer = peer_start_agreed(&(struct peer_setup) {
			.threads = threads[i],
		});

		if (threads[i] >= PEER_MEET)
			meet(peer);
		assert_int_equal(peer_get_fmap(peer, INO_EXIT, 4096, &reply),
				 -EIO);
		pthread_join(peer->thread, NULL);
		peer->running = false;
		reply_free(&reply);
		assert_int_equal(peer_stop(peer), 0);
	}
}

/* Sends the signal to the thread of the loop again and again, at all moments. */
static void signals_end_the_loop(void **state)
{
	static const unsigned int threads[] = { 0, 4 };
	const struct timespec delay = { .tv_nsec = 20000 };
	unsigned int round;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct peer *peer = peer_start_agreed(&(struct peer_setup) {
			.threads = threads[round % 2],
		});

		fuse_set_signal_handlers(fuse_fmap_session_fuse(peer->fs));
		if (round % 4 > 1)
			nanosleep(&delay, NULL);
		pthread_kill(peer->thread, SIGTERM);
		pthread_join(peer->thread, NULL);
		peer->running = false;
		assert_int_equal(peer->loop_result, SIGTERM);
		fuse_remove_signal_handlers(fuse_fmap_session_fuse(peer->fs));
		peer_stop(peer);
	}
}

static void init_that_fails_ends_the_loop(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) {
		.want_too_much = true,
	});
	const struct fuse_init_in in = { .major = 7, .minor = 46 };
	struct reply reply;

	(void)state;
	assert_int_equal(peer_ask(peer, FUSE_INIT, 0, &in, sizeof(in), &reply),
			 -EPROTO);
	reply_free(&reply);
	pthread_join(peer->thread, NULL);
	peer->running = false;
	assert_int_equal(peer_stop(peer), -EPROTO);
}

static void unmount_closes_the_device(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) {
		.no_loop = true,
	});
	struct fuse_session *se = fuse_fmap_session_fuse(peer->fs);
	char c;

	(void)state;
	assert_int_equal(fuse_fmap_session_fd(peer->fs), peer->session_fd);
	fuse_fmap_session_unmount(peer->fs);
	assert_int_equal(read(peer->fd, &c, 1), 0);
	/* The number is not free for others while libfuse believes it its own. */
	assert_int_equal(fcntl(fuse_session_fd(se), F_GETFD), FD_CLOEXEC);
	assert_int_equal(fuse_fmap_session_fd(peer->fs), -ENOTCONN);
	assert_int_equal(fuse_fmap_push_daxdev(peer->fs, 0, 0), -ENOTCONN);
	assert_int_equal(fuse_fmap_clear_bad(peer->fs, 0, 0, 4096), -ENOTCONN);
	assert_int_equal(fuse_fmap_session_attach(peer->fs, 0, NULL), -EBUSY);
	fuse_fmap_session_unmount(peer->fs);
	peer_stop(peer);
}

/* Once INIT is answered there are two numbers for it. */
static void unmount_after_init_closes_the_device(void **state)
{
	struct peer *peer = peer_start_agreed(&(struct peer_setup) { 0 });
	struct pollfd pfd = { .fd = peer->fd };

	(void)state;
	fuse_fmap_session_exit(peer->fs);
	pthread_join(peer->thread, NULL);
	peer->running = false;
	assert_int_equal(poll(&pfd, 1, 0), 0);
	fuse_fmap_session_unmount(peer->fs);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_true(pfd.revents & POLLHUP);
	peer_stop(peer);
}

static void refused_options_are_named(void **state)
{
	const struct fuse_lowlevel_ops ops = { 0 };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_fmap_ops fmap_ops = { 0 };
	struct fuse_fmap_session *fs = NULL;

	(void)state;
	fuse_opt_add_arg(&args, "test");
	fuse_opt_add_arg(&args, "-oauto_unmount");
	assert_int_equal(fuse_fmap_session_new(&fs, &args, &ops, sizeof(ops),
					       &fmap_ops, sizeof(fmap_ops),
					       NULL), -EOPNOTSUPP);
	assert_null(fs);
	fuse_opt_free_args(&args);
	assert_int_equal(fuse_fmap_session_new(&fs, &args, &ops, sizeof(ops),
					       NULL, 0, NULL), -EINVAL);
}

static void mount_tells_what_is_missing(void **state)
{
	struct peer *peer = peer_start(&(struct peer_setup) {
		.no_loop = true,
	});
	struct peer *fresh = calloc(1, sizeof(*fresh));
	const struct fuse_lowlevel_ops ops = { 0 };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_fmap_ops fmap_ops = { 0 };
	char path[32];

	(void)state;
	assert_int_equal(fuse_fmap_session_mount(peer->fs, "/"), -EBUSY);

	fuse_opt_add_arg(&args, "test");
	fuse_opt_add_arg(&args, "-orelatime,fsname=x,subtype=y,ro");
	assert_int_equal(fuse_fmap_session_new(&fresh->fs, &args, &ops,
					       sizeof(ops), &fmap_ops,
					       sizeof(fmap_ops), fresh), 0);
	assert_int_equal(fuse_fmap_session_mount(fresh->fs, "/nonexistent"),
			 -ENOENT);
	snprintf(path, sizeof(path), "/dev/fd/%d", dup(peer->fd));
	assert_int_equal(fuse_fmap_session_mount(fresh->fs, path), 0);
	assert_int_equal(fuse_fmap_session_fd(fresh->fs), atoi(path + 8));
	fuse_fmap_session_destroy(fresh->fs);
	free(fresh);
	fuse_opt_free_args(&args);
	peer_stop(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_from_elsewhere_ends_an_idle_loop),
		cmocka_unit_test(exit_within_an_operation_ends_the_loop),
		cmocka_unit_test(signals_end_the_loop),
		cmocka_unit_test(init_that_fails_ends_the_loop),
		cmocka_unit_test(unmount_closes_the_device),
		cmocka_unit_test(unmount_after_init_closes_the_device),
		cmocka_unit_test(refused_options_are_named),
		cmocka_unit_test(mount_tells_what_is_missing),
	};

	alarm(300);	/* whoever hangs has failed */
	return cmocka_run_group_tests_name("session_end", tests, NULL, NULL);
}
