// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>
#include "peer.h"

#define TIMEOUT_MS	20000	/* a test that hangs fails */
#define TEST_UID	4711

/* The server. */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct peer *peer = userdata;

	peer->inits++;
	peer->offered_in_init = fuse_fmap_offered(peer->fs);
	if (peer->setup.not_wanted)
		fuse_fmap_want(peer->fs, false);
	if (peer->setup.slow_init)
		usleep(100000);
	if (peer->setup.want_too_much)
		conn->want |= FUSE_CAP_POSIX_ACL;
}

static void op_destroy(void *userdata)
{
	struct peer *peer = userdata;

	peer->destroys++;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = INO_SMALL };

	(void)parent;
	if (strcmp(name, "small"))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct peer *peer = fuse_fmap_req_userdata(req);

	(void)ino;
	(void)size;
	peer->getxattrs++;
	snprintf(peer->xattr_name, sizeof(peer->xattr_name), "%s", name);
	fuse_reply_buf(req, "value", 5);
}

static void held_is_interrupted(fuse_req_t req, void *data)
{
	struct peer *peer = data;

	peer->held = false;
	fuse_reply_err(req, EINTR);
}

static void count_at_once(struct peer *peer)
{
	unsigned int now = ++peer->at_once, most = peer->most_at_once;

	while (now > most &&
	       !atomic_compare_exchange_weak(&peer->most_at_once, &most, now))
		;
}

static void op_get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct peer *peer = fuse_fmap_req_userdata(req);

	peer->get_fmaps++;
	peer->uid = fuse_req_ctx(req)->uid;
	peer->size = size;
	switch (ino) {
	case INO_SMALL:
		fuse_fmap_reply(req, peer->small, size);
		break;
	case INO_LARGE:
		fuse_fmap_reply(req, peer->large, size);
		break;
	case INO_HELD:
		peer->held_req = req;
		fuse_req_interrupt_func(req, held_is_interrupted, peer);
		peer->held = true;
		break;
	case INO_MEET:
		count_at_once(peer);
		pthread_barrier_wait(&peer->meet);
		peer->at_once--;
		fuse_fmap_reply(req, peer->small, size);
		break;
	case INO_EXIT:
		/* The next thread waits for requests by then. */
		usleep(50000);
		fuse_session_exit(fuse_fmap_session_fuse(peer->fs));
		fuse_reply_err(req, EIO);
		break;
	default:
		fuse_reply_err(req, EOPNOTSUPP);
	}
}

static void op_get_daxdev(fuse_req_t req, int index)
{
	struct peer *peer = fuse_fmap_req_userdata(req);
	char path[DAXDEV_NAME_MAX + 1];

	peer->get_daxdevs++;
	/* Names as long as can be, and one longer, for two of the indices. */
	if (index == 60 || index == 61) {
		memset(path, 'x', sizeof(path));
		path[DAXDEV_NAME_MAX - (index == 60)] = '\0';
	} else {
		snprintf(path, sizeof(path), "/dev/dax%d.0", index);
		if (index == 62)
			path[0] = '\0';
	}
	fuse_fmap_reply_daxdev(req, index, path);
}

static void op_retrieve_reply(fuse_req_t req, void *cookie, fuse_ino_t ino,
			      off_t offset, struct fuse_bufvec *bufv)
{
	struct peer *peer = cookie;

	(void)ino;
	if (fuse_buf_size(bufv) < sizeof(peer->retrieved_data))
		memcpy(peer->retrieved_data, bufv->buf[0].mem,
		       fuse_buf_size(bufv));
	peer->retrieved = offset;
	fuse_reply_none(req);
}

static void op_save(void *userdata, const void *state, size_t size)
{
	struct peer *peer = userdata;
	struct pollfd pfd = { .fd = peer->fd, .events = POLLIN };

	peer->unanswered = !poll(&pfd, 1, 0);
	peer->saved_len = size;
	if (size <= sizeof(peer->saved))
		memcpy(peer->saved, state, size);
}

static void op_log(void *userdata, enum fuse_log_level level,
		   const char *message)
{
	struct peer *peer = userdata;

	(void)level;
	snprintf(peer->log, sizeof(peer->log), "%s", message);
	peer->logs++;
}

static void make_maps(struct peer *peer)
{
	struct fuse_famfs_simple_ext *ext = calloc(65536, sizeof(*ext));
	uint32_t i;

	for (i = 0; i < 65536; i++)
		ext[i] = (struct fuse_famfs_simple_ext) {
			.se_offset = i * 2ULL * PAGE, .se_len = PAGE,
		};
	assert_int_equal(fuse_fmap_simple(&peer->large, 0, 1 * MIB, ext, 65536,
					  NULL), 0);
	ext[0].se_offset = 10 * MIB;
	ext[0].se_len = 4 * MIB;
	assert_int_equal(fuse_fmap_simple(&peer->small, 0, 3 * MIB, ext, 1,
					  NULL), 0);
	free(ext);
}

static void *run(void *data)
{
	struct peer *peer = data;
	if (peer->setup.threads)
		peer->loop_result =
			fuse_fmap_session_loop_mt(peer->fs,
						  peer->setup.threads);
	else
		peer->loop_result = fuse_fmap_session_loop(peer->fs);
	return NULL;
}

static void make_session(struct peer *peer)
{
	const struct peer_setup *s = &peer->setup;
	const struct fuse_lowlevel_ops ops = {
		.init = op_init,
		.destroy = op_destroy,
		.lookup = op_lookup,
		.getxattr = s->no_getxattr ? NULL : op_getxattr,
		.retrieve_reply = op_retrieve_reply,
	};
	const struct fuse_fmap_ops fmap_ops = {
		.get_fmap = s->no_get_fmap ? NULL : op_get_fmap,
		.get_daxdev = s->no_get_daxdev ? NULL : op_get_daxdev,
		.log = op_log,
		.save = op_save,
	};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	fuse_opt_add_arg(&args, "test");
	if (s->options) {
		fuse_opt_add_arg(&args, "-o");
		fuse_opt_add_arg(&args, s->options);
	}
	assert_int_equal(fuse_fmap_session_new(&peer->fs, &args, &ops,
					       sizeof(ops), &fmap_ops,
					       sizeof(fmap_ops), peer), 0);
	fuse_opt_free_args(&args);
}

struct peer *peer_start(const struct peer_setup *setup)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int fds[2];

	peer->setup = *setup;
	pthread_barrier_init(&peer->meet, NULL, PEER_MEET);
	make_maps(peer);
	make_session(peer);
	assert_int_equal(socketpair(AF_UNIX, setup->type ?: SOCK_SEQPACKET, 0,
				    fds), 0);
	peer->fd = fds[0];
	peer->session_fd = fds[1];
	if (setup->resume)
		assert_int_equal(fuse_fmap_session_resume(peer->fs, fds[1],
							  setup->state,
							  setup->state_len,
							  NULL), 0);
	else
		assert_int_equal(fuse_fmap_session_attach(peer->fs, fds[1],
							  NULL), 0);
	if (!setup->no_loop) {
		peer->running = true;
		assert_int_equal(pthread_create(&peer->thread, NULL, run, peer),
				 0);
	}
	return peer;
}

int peer_stop(struct peer *peer)
{
	int result;

	if (peer->fd >= 0)
		close(peer->fd);
	if (peer->running)
		pthread_join(peer->thread, NULL);
	fuse_fmap_session_unmount(peer->fs);
	fuse_fmap_session_destroy(peer->fs);
	fuse_fmap_free(peer->small);
	fuse_fmap_free(peer->large);
	pthread_barrier_destroy(&peer->meet);
	result = peer->loop_result;
	free(peer);
	return result;
}

uint64_t peer_send(struct peer *peer, uint32_t opcode, uint64_t nodeid,
		   const void *body, size_t len)
{
	uint8_t buf[512];
	struct fuse_in_header in = {
		.len = sizeof(in) + len,
		.opcode = opcode,
		.unique = peer->unique += 2,
		.nodeid = nodeid,
		.uid = TEST_UID,
	};

	assert_true(in.len <= sizeof(buf));
	memcpy(buf, &in, sizeof(in));
	if (len)
		memcpy(buf + sizeof(in), body, len);
	assert_int_equal(write(peer->fd, buf, in.len), in.len);
	return in.unique;
}

void peer_receive(struct peer *peer, struct reply *reply)
{
	static uint8_t buf[16 * MIB + 4096];
	struct pollfd pfd = { .fd = peer->fd, .events = POLLIN };
	ssize_t n, len = 0;

	do {
		if (poll(&pfd, 1, TIMEOUT_MS) != 1)
			fail_msg("no reply");
		n = read(peer->fd, buf + len, sizeof(buf) - len);
		assert_true(n > 0);
		len += n;
		memcpy(&reply->out, buf, sizeof(reply->out));
	} while (len < (ssize_t)sizeof(reply->out) || len < reply->out.len);
	assert_int_equal(len, reply->out.len);
	reply->len = len - sizeof(reply->out);
	reply->body = malloc(reply->len ?: 1);
	memcpy(reply->body, buf + sizeof(reply->out), reply->len);
}

void reply_free(struct reply *reply)
{
	free(reply->body);
	*reply = (struct reply) { 0 };
}

int peer_ask(struct peer *peer, uint32_t opcode, uint64_t nodeid,
	     const void *body, size_t len, struct reply *reply)
{
	uint64_t unique = peer_send(peer, opcode, nodeid, body, len);

	peer_receive(peer, reply);
	assert_int_equal(reply->out.unique, unique);
	return reply->out.error;
}

int peer_get_fmap(struct peer *peer, uint64_t nodeid, uint32_t size,
		  struct reply *reply)
{
	struct fuse_getxattr_in in = { .size = size };

	return peer_ask(peer, FUSE_GET_FMAP, nodeid, &in, sizeof(in), reply);
}

int peer_get_daxdev(struct peer *peer, uint32_t index, struct reply *reply)
{
	struct fuse_get_daxdev_in in = { .daxdev_num = index };

	return peer_ask(peer, FUSE_GET_DAXDEV, index, &in, sizeof(in), reply);
}

void peer_init(struct peer *peer, uint32_t flags, uint32_t flags2,
	       struct fuse_init_out *out)
{
	struct fuse_init_in in = {
		.major = 7,
		.minor = FUSE_FMAP_KERNEL_MINOR_VERSION,
		.max_readahead = 128 * 1024,
		.flags = flags,
		.flags2 = flags2,
	};
	struct reply reply;

	assert_int_equal(peer_ask(peer, FUSE_INIT, 0, &in, sizeof(in), &reply),
			 0);
	assert_int_equal(reply.len, sizeof(*out));
	memcpy(out, reply.body, sizeof(*out));
	reply_free(&reply);
}

struct peer *peer_start_agreed(const struct peer_setup *setup)
{
	struct peer *peer = peer_start(setup);
	struct fuse_init_out out;

	peer_init(peer, PEER_FLAGS, OFFERED_FLAGS2, &out);
	return peer;
}
