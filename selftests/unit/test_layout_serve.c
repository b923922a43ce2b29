// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfsd's operations, on a layout; the test is the kernel.
 *
 *   1. Names, attributes, directories and an ordinary file are what the layout
 *      says, as lookup, getattr, readdir, readdirplus and read have it.
 *   2. Maps and devices are answered; files without a map say so.
 *   3. A kernel without fmaps ends the session, unless it is served without.
 *   4. Without fmaps, contents come from the device by read and write requests.
 *   5. What would change names is EROFS.
 *   6. Node ids, sizes and offsets that make no sense are errors, and every
 *      request is answered exactly once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>
#include "layouts.h"
#include "peer.h"
#include "../../user/server/server.h"

#define FLAGS	(FUSE_INIT_EXT | FUSE_ASYNC_READ | FUSE_MAX_PAGES | \
		 FUSE_DO_READDIRPLUS | FUSE_ATOMIC_O_TRUNC)

static const char layout_text[] =
	"devices: [{ path: /dev/pmem0 }, { daxdev: dax0.0 }]\n"
	"files:\n"
	"  - { path: a, size: 3M, extents: [{ device: 0, offset: 10M, length: 4M }] }\n"
	"  - { path: d/host, from: /etc/passwd }\n"
	"  - { path: d/keep, size: 4K, mode: 0640, owner: 4711, truncate: keep, extents: [{ device: 1, offset: 0, length: 4K }] }\n";

struct served {
	struct server srv;
	struct peer *peer;
};

static void *run(void *arg)
{
	struct peer *peer = arg;

	peer->loop_result = fuse_fmap_session_loop(peer->fs);
	return NULL;
}

/* As peer_start(), but with the operations of fmapfsd. */
static void serve(struct served *s, struct layout *layout, bool no_fmap)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct peer *peer = calloc(1, sizeof(*peer));
	int fds[2];

	memset(s, 0, sizeof(*s));
	s->srv.ops = &static_layout_ops;
	s->srv.layout = layout;
	s->srv.no_fmap = no_fmap;
	s->srv.timeout = 100;
	if (no_fmap) {
		s->srv.raw = rawio_open(s->srv.ops, layout);
		assert_non_null(s->srv.raw);
	}
	fuse_opt_add_arg(&args, "test");
	assert_int_equal(fuse_fmap_session_new(&s->srv.session, &args,
					       &server_ops, sizeof(server_ops),
					       &server_fmap_ops,
					       sizeof(server_fmap_ops),
					       &s->srv), 0);
	fuse_opt_free_args(&args);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	peer->fs = s->srv.session;
	peer->fd = fds[0];
	peer->session_fd = fds[1];
	pthread_barrier_init(&peer->meet, NULL, 1);
	assert_int_equal(fuse_fmap_session_attach(peer->fs, fds[1], NULL), 0);
	peer->running = true;
	assert_int_equal(pthread_create(&peer->thread, NULL, run, peer), 0);
	s->peer = peer;
}

static void finish(struct served *s)
{
	struct pollfd pfd = { .fd = s->peer->fd, .events = POLLIN };

	/* No reply is left over. */
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(peer_stop(s->peer), 0);
	rawio_close(s->srv.raw);
	s->srv.ops->destroy(s->srv.layout);
}

static void start(struct served *s)
{
	struct fuse_init_out out;

	serve(s, layout_good(layout_text), false);
	peer_init(s->peer, FLAGS, OFFERED_FLAGS2, &out);
	assert_true(fuse_fmap_agreed(s->peer->fs));
	/* Truncation by open(2) has to come as SETATTR. */
	assert_false(out.flags & FUSE_ATOMIC_O_TRUNC);
}

static uint64_t lookup(struct served *s, uint64_t dir, const char *name,
		       struct fuse_entry_out *e)
{
	struct reply reply;

	assert_int_equal(peer_ask(s->peer, FUSE_LOOKUP, dir, name,
				  strlen(name) + 1, &reply), 0);
	assert_int_equal(reply.len, sizeof(*e));
	memcpy(e, reply.body, sizeof(*e));
	reply_free(&reply);
	return e->nodeid;
}

static uint64_t find(struct served *s, const char *dir, const char *name)
{
	struct fuse_entry_out e;
	uint64_t ino = dir ? lookup(s, 1, dir, &e) : 1;

	return lookup(s, ino, name, &e);
}

static int ask(struct served *s, uint32_t opcode, uint64_t nodeid,
	       const void *body, size_t len)
{
	struct reply reply;
	int rc = peer_ask(s->peer, opcode, nodeid, body, len, &reply);

	reply_free(&reply);
	return rc;
}

static void names_and_attributes_are_those_of_the_layout(void **state)
{
	struct fuse_entry_out e;
	struct served s;
	uint64_t d;

	(void)state;
	start(&s);
	assert_true(lookup(&s, 1, "a", &e));
	assert_int_equal(e.attr.ino, e.nodeid);
	assert_int_equal(e.attr.size, 3 * MIB);
	assert_int_equal(e.attr.mode, S_IFREG | 0644);
	assert_int_equal(e.entry_valid, 100);
	assert_int_equal(e.attr_valid, 100);
	d = lookup(&s, 1, "d", &e);
	assert_int_equal(e.attr.mode, S_IFDIR | 0755);
	assert_true(lookup(&s, d, "keep", &e));
	assert_int_equal(e.attr.mode, S_IFREG | 0640);
	assert_int_equal(e.attr.uid, 4711);
	/* That there is none may be cached, too. */
	assert_int_equal(lookup(&s, d, "none", &e), 0);
	assert_int_equal(e.entry_valid, 100);
	finish(&s);
}

/* Reads a directory by bits of @size bytes; "name:ino " for each entry. */
static void list(struct served *s, uint64_t dir, uint32_t opcode,
		 uint32_t size, char *to)
{
	struct fuse_read_in in = { .size = size };
	struct reply reply;
	size_t at;

	do {
		assert_int_equal(peer_ask(s->peer, opcode, dir, &in,
					  sizeof(in), &reply), 0);
		assert_true(reply.len <= size);
		for (at = 0; at < reply.len;) {
			size_t head = opcode == FUSE_READDIRPLUS ?
				sizeof(struct fuse_entry_out) : 0;
			struct fuse_dirent *de =
				(void *)(reply.body + at + head);

			to += sprintf(to, "%.*s:%llu ", (int)de->namelen,
				      de->name, (unsigned long long)de->ino);
			in.offset = de->off;
			at += head + FUSE_DIRENT_SIZE(de);
		}
		at = reply.len;
		reply_free(&reply);
	} while (at);
	*to = '\0';
}

static void directories_are_listed(void **state)
{
	char want[200], got[200];
	struct served s;
	uint64_t d;

	(void)state;
	start(&s);
	d = find(&s, NULL, "d");
	sprintf(want, ".:%llu ..:1 host:%llu keep:%llu ", (unsigned long long)d,
		(unsigned long long)find(&s, "d", "host"),
		(unsigned long long)find(&s, "d", "keep"));
	list(&s, d, FUSE_READDIR, 4096, got);
	assert_string_equal(got, want);
	list(&s, d, FUSE_READDIR, 40, got);
	assert_string_equal(got, want);
	list(&s, d, FUSE_READDIRPLUS, 4096, got);
	assert_string_equal(got, want);
	list(&s, d, FUSE_READDIRPLUS, 170, got);
	assert_string_equal(got, want);
	finish(&s);
}

static void maps_and_devices_are_answered(void **state)
{
	struct msg want = { 0 };
	struct served s;
	struct reply reply;

	(void)state;
	start(&s);
	msg_hex(&want, example_simple);
	assert_int_equal(peer_get_fmap(s.peer, find(&s, NULL, "a"),
				       FAMFS_FMAP_MAX, &reply), 0);
	assert_int_equal(reply.len, want.len);
	assert_memory_equal(reply.body, want.bytes, want.len);
	reply_free(&reply);
	assert_int_equal(peer_get_fmap(s.peer, find(&s, "d", "host"),
				       FAMFS_FMAP_MAX, &reply), -EOPNOTSUPP);
	reply_free(&reply);
	assert_int_equal(peer_get_daxdev(s.peer, 1, &reply), 0);
	assert_string_equal(((struct fuse_daxdev_out *)reply.body)->name,
			    "/dev/dax0.0");
	reply_free(&reply);
	assert_int_equal(peer_get_daxdev(s.peer, 2, &reply), -ENODEV);
	reply_free(&reply);
	msg_free(&want);
	finish(&s);
}

static void ordinary_files_are_read(void **state)
{
	struct fuse_open_in open_in = { .flags = O_RDONLY };
	struct fuse_read_in in = { .size = 100000, .offset = 5 };
	char want[100000];
	struct reply reply;
	struct served s;
	uint64_t host;
	ssize_t n;
	int fd;

	(void)state;
	start(&s);
	host = find(&s, "d", "host");
	fd = open("/etc/passwd", O_RDONLY);
	n = pread(fd, want, sizeof(want), 5);
	close(fd);
	assert_int_equal(ask(&s, FUSE_OPEN, host, &open_in, sizeof(open_in)), 0);
	assert_int_equal(peer_ask(s.peer, FUSE_READ, host, &in, sizeof(in),
				  &reply), 0);
	assert_int_equal(reply.len, n);
	assert_memory_equal(reply.body, want, n);
	reply_free(&reply);
	in.offset = n + 5;
	assert_int_equal(peer_ask(s.peer, FUSE_READ, host, &in, sizeof(in),
				  &reply), 0);
	assert_int_equal(reply.len, 0);
	reply_free(&reply);
	open_in.flags = O_RDWR;
	assert_int_equal(ask(&s, FUSE_OPEN, host, &open_in, sizeof(open_in)),
			 -EROFS);
	/* With a map, reading and writing is the kernel's. */
	in.offset = 0;
	assert_int_equal(ask(&s, FUSE_READ, find(&s, NULL, "a"), &in,
			     sizeof(in)), -EOPNOTSUPP);
	finish(&s);
}

static void a_kernel_without_fmaps_ends_the_session(void **state)
{
	struct fuse_init_out out;
	struct served s;

	(void)state;
	serve(&s, layout_good(layout_text), false);
	peer_init(s.peer, FLAGS, 0, &out);
	pthread_join(s.peer->thread, NULL);
	s.peer->running = false;
	assert_true(s.srv.failed);
	finish(&s);
}

/* A file of 1 MiB in place of a device; byte i of page p is p + i. */
static void make_device(char *path)
{
	uint8_t page[PAGE];
	unsigned int p, i;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (p = 0; p < 256; p++) {
		for (i = 0; i < PAGE; i++)
			page[i] = p + i;
		assert_int_equal(write(fd, page, PAGE), PAGE);
	}
	close(fd);
}

static int read_byte(struct served *s, uint64_t ino, uint64_t off,
		     uint32_t size, size_t *len)
{
	struct fuse_read_in in = { .size = size, .offset = off };
	struct reply reply;
	int rc = peer_ask(s->peer, FUSE_READ, ino, &in, sizeof(in), &reply);

	if (!rc) {
		*len = reply.len;
		rc = reply.len ? reply.body[0] : -1;
	}
	reply_free(&reply);
	return rc;
}

static int write_bytes(struct served *s, uint64_t ino, uint64_t off,
		       const char *text, uint32_t *written)
{
	struct {
		struct fuse_write_in in;
		char text[16];
	} req = { .in = { .offset = off, .size = strlen(text) } };
	struct reply reply;
	int rc;

	strcpy(req.text, text);
	rc = peer_ask(s->peer, FUSE_WRITE, ino, &req,
		      sizeof(req.in) + req.in.size, &reply);
	if (!rc)
		*written = ((struct fuse_write_out *)reply.body)->size;
	reply_free(&reply);
	return rc;
}

static void serve_device(struct served *s, char *path)
{
	struct fuse_init_out out;
	char text[400];

	make_device(path);
	sprintf(text, "devices: [path: %s]\nfiles:\n"
		"  - { path: s, size: 0x5001, stripe: { chunk: 4K, strips: "
		"[{ device: 0, offset: 64K, length: 12K }, "
		"{ device: 0, offset: 128K, length: 12K }] } }\n", path);
	serve(s, layout_good(text), true);
	peer_init(s->peer, FLAGS, OFFERED_FLAGS2, &out);
	assert_false(out.flags2 & OFFERED_FLAGS2);
}

static void without_fmaps_contents_are_read(void **state)
{
	char path[] = "/tmp/test_layout_serve.XXXXXX";
	struct served s;
	uint64_t ino;
	size_t len;

	(void)state;
	serve_device(&s, path);
	ino = find(&s, NULL, "s");
	/* The pages of the file: 16, 32, 17, 33, 18, 34 of the device. */
	assert_int_equal(read_byte(&s, ino, 0, 65536, &len), 16);
	assert_int_equal(len, 0x5001);
	assert_int_equal(read_byte(&s, ino, 4096, 10000, &len), 32);
	assert_int_equal(len, 10000);
	assert_int_equal(read_byte(&s, ino, 8193, 1, &len), 18);
	assert_int_equal(read_byte(&s, ino, 0x5000, 4096, &len), 34);
	assert_int_equal(len, 1);
	assert_int_equal(read_byte(&s, ino, 0x5001, 4096, &len), -1);
	assert_int_equal(len, 0);
	finish(&s);
	unlink(path);
}

static void without_fmaps_contents_are_written(void **state)
{
	char path[] = "/tmp/test_layout_serve.XXXXXX", back[8];
	struct fuse_fsync_in sync = { 0 };
	struct served s;
	uint32_t n;
	uint64_t ino;
	int fd;

	(void)state;
	serve_device(&s, path);
	ino = find(&s, NULL, "s");
	/* Across two chunks; at the end; beyond it. */
	assert_int_equal(write_bytes(&s, ino, 4094, "abcd", &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(write_bytes(&s, ino, 0x5000, "xyz", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(write_bytes(&s, ino, 0x5001, "no", &n), -ENOSPC);
	assert_int_equal(ask(&s, FUSE_FSYNC, ino, &sync, sizeof(sync)), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, back, 2, 17 * PAGE - 2), 2);
	assert_memory_equal(back, "ab", 2);
	assert_int_equal(pread(fd, back, 2, 32 * PAGE), 2);
	assert_memory_equal(back, "cd", 2);
	assert_int_equal(pread(fd, back, 2, 34 * PAGE), 2);
	assert_int_equal(back[0], 'x');
	assert_int_equal(back[1], 35);
	close(fd);
	finish(&s);
	unlink(path);
}

static void names_cannot_be_changed(void **state)
{
	struct {
		struct fuse_mkdir_in in;
		char name[4];
	} mkdir_req = { .name = "new" };
	struct {
		struct fuse_create_in in;
		char name[4];
	} create_req = { .name = "new" };
	struct {
		struct fuse_rename_in in;
		char names[8];
	} rename_req = { .in = { 1 }, .names = "a\0new" };
	struct {
		struct fuse_link_in in;
		char name[4];
	} link_req = { .in = { 2 }, .name = "new" };
	struct served s;

	(void)state;
	start(&s);
	assert_int_equal(ask(&s, FUSE_MKDIR, 1, &mkdir_req, 12), -EROFS);
	assert_int_equal(ask(&s, FUSE_CREATE, 1, &create_req, 20), -EROFS);
	assert_int_equal(ask(&s, FUSE_RENAME, 1, &rename_req, 14), -EROFS);
	assert_int_equal(ask(&s, FUSE_LINK, 1, &link_req, 12), -EROFS);
	assert_int_equal(ask(&s, FUSE_UNLINK, 1, "a", 2), -EROFS);
	assert_int_equal(ask(&s, FUSE_RMDIR, 1, "d", 2), -EROFS);
	assert_int_equal(ask(&s, FUSE_SYMLINK, 1, "new\0a", 6), -EROFS);
	finish(&s);
}

static void truncation_is_as_the_layout_says(void **state)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE };
	struct served s;
	struct reply reply;

	(void)state;
	start(&s);
	assert_int_equal(ask(&s, FUSE_SETATTR, find(&s, NULL, "a"), &in,
			     sizeof(in)), -EOPNOTSUPP);
	assert_int_equal(peer_ask(s.peer, FUSE_SETATTR, find(&s, "d", "keep"),
				  &in, sizeof(in), &reply), 0);
	assert_int_equal(((struct fuse_attr_out *)reply.body)->attr.size, 4096);
	reply_free(&reply);
	finish(&s);
}

static void extended_attributes_are_none(void **state)
{
	struct {
		struct fuse_getxattr_in in;
		char name[10];
	} get = { .in = { .size = 100 }, .name = "user.test" };
	struct served s;
	struct reply reply;

	(void)state;
	start(&s);
	assert_int_equal(ask(&s, FUSE_GETXATTR, 2, &get, 18), -ENODATA);
	assert_int_equal(peer_ask(s.peer, FUSE_LISTXATTR, 2, &get.in, 8,
				  &reply), 0);
	assert_int_equal(reply.len, 0);
	reply_free(&reply);
	get.in.size = 0;
	assert_int_equal(peer_ask(s.peer, FUSE_LISTXATTR, 2, &get.in, 8,
				  &reply), 0);
	assert_int_equal(((struct fuse_getxattr_out *)reply.body)->size, 0);
	reply_free(&reply);
	finish(&s);
}

static void node_ids_out_of_range_are_refused(void **state)
{
	static const uint64_t inos[] = { 0, 6, 1ULL << 32, 1ULL << 63,
					 UINT64_MAX };
	struct fuse_setattr_in set = { .valid = FATTR_MODE };
	struct fuse_getattr_in get = { 0 };
	struct fuse_read_in read_in = { .size = 4096 };
	struct fuse_open_in open_in = { 0 };
	struct fuse_access_in access_in = { .mask = 4 };
	struct reply reply;
	struct served s;
	unsigned int i;

	(void)state;
	start(&s);
	for (i = 0; i < ARRAY_SIZE(inos); i++) {
		uint64_t n = inos[i];

		assert_int_equal(ask(&s, FUSE_GETATTR, n, &get, sizeof(get)),
				 -ESTALE);
		assert_int_equal(ask(&s, FUSE_SETATTR, n, &set, sizeof(set)),
				 -ESTALE);
		assert_int_equal(ask(&s, FUSE_OPEN, n, &open_in,
				     sizeof(open_in)), -ESTALE);
		assert_int_equal(ask(&s, FUSE_OPENDIR, n, &open_in,
				     sizeof(open_in)), -ESTALE);
		assert_int_equal(ask(&s, FUSE_READ, n, &read_in,
				     sizeof(read_in)), -ESTALE);
		assert_int_equal(ask(&s, FUSE_READDIR, n, &read_in,
				     sizeof(read_in)), -ESTALE);
		assert_int_equal(ask(&s, FUSE_ACCESS, n, &access_in,
				     sizeof(access_in)), -ESTALE);
		assert_int_equal(peer_get_fmap(s.peer, n, 4096, &reply),
				 -ESTALE);
		reply_free(&reply);
	}
	finish(&s);
}

static void sizes_and_offsets_are_bounded(void **state)
{
	struct fuse_read_in in = { .size = UINT32_MAX };
	struct served s;
	uint64_t host;

	(void)state;
	start(&s);
	host = find(&s, "d", "host");
	assert_int_equal(ask(&s, FUSE_READ, host, &in, sizeof(in)), -EINVAL);
	assert_int_equal(ask(&s, FUSE_READDIR, 1, &in, sizeof(in)), -EINVAL);
	in.size = 4096;
	in.offset = 1ULL << 63;
	assert_int_equal(ask(&s, FUSE_READ, host, &in, sizeof(in)), -EINVAL);
	assert_int_equal(ask(&s, FUSE_READDIR, 1, &in, sizeof(in)), -EINVAL);
	in.offset = INT64_MAX;
	assert_int_equal(ask(&s, FUSE_READ, host, &in, sizeof(in)), 0);
	assert_int_equal(ask(&s, FUSE_READDIR, 1, &in, sizeof(in)), 0);
	in.offset = 0;
	in.size = 0;
	assert_int_equal(ask(&s, FUSE_READDIR, 1, &in, sizeof(in)), 0);
	/* A directory is no file, and the other way round. */
	in.size = 4096;
	assert_int_equal(ask(&s, FUSE_READ, 1, &in, sizeof(in)), 0);
	assert_int_equal(ask(&s, FUSE_READDIR, host, &in, sizeof(in)),
			 -ENOTDIR);
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_attributes_are_those_of_the_layout),
		cmocka_unit_test(directories_are_listed),
		cmocka_unit_test(maps_and_devices_are_answered),
		cmocka_unit_test(ordinary_files_are_read),
		cmocka_unit_test(a_kernel_without_fmaps_ends_the_session),
		cmocka_unit_test(without_fmaps_contents_are_read),
		cmocka_unit_test(without_fmaps_contents_are_written),
		cmocka_unit_test(names_cannot_be_changed),
		cmocka_unit_test(truncation_is_as_the_layout_says),
		cmocka_unit_test(extended_attributes_are_none),
		cmocka_unit_test(node_ids_out_of_range_are_refused),
		cmocka_unit_test(sizes_and_offsets_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
