// SPDX-License-Identifier: GPL-2.0
/*
 * Handles of files.
 *
 * 1. A handle leads to its file, by whatever name that has meanwhile.
 * 2. What the kernel has forgotten it asks the server for, if that has agreed to
 *    FUSE_EXPORT_SUPPORT; else, and of another generation, a handle is stale.
 * 3. A server may say that there are none to open by.
 * 4. An answer of another node is an error, and its lookup goes back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"

struct handle {
	struct file_handle h;
	unsigned char room[64];
	int mount_id;
};

static void take_handle(struct mnt *m, const char *name, struct handle *h)
{
	h->h.handle_bytes = sizeof(h->room);
	OK(name_to_handle_at(AT_FDCWD, in_mnt(m, name), &h->h, &h->mount_id,
			     0));
	EQ(h->h.handle_bytes, 12);
}

static int open_handle(struct mnt *m, struct handle *h)
{
	int at = OK(open(in_mnt(m, ""), O_RDONLY | O_DIRECTORY));
	int fd = open_by_handle_at(at, &h->h, O_RDONLY);
	int error = errno;

	OK(close(at));
	errno = error;
	return fd;
}

/* Until the server has got back what it has handed out. */
static void forget(struct node *n)
{
	struct t_deadline d = t_deadline();

	drop_caches();
	while (n->forgets < n->lookups && t_pause(&d))
		drop_caches();
}

TEST(handle_leads_to_its_file_by_any_name)
{
	struct srv *s = srv_new();
	struct handle h;
	struct stat st;
	struct mnt *m;
	int fd;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	take_handle(m, "a", &h);
	OK(rename(in_mnt(m, "a"), in_mnt(m, "b")));
	fd = OK(open_handle(m, &h));
	OK(fstat(fd, &st));
	EQ(st.st_size, 1);
	OK(close(fd));
	mnt_end(m);
}

TEST(too_small_a_handle_tells_the_size)
{
	struct srv *s = srv_new();
	struct handle h = { .h.handle_bytes = 8 };
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	FAILS(EOVERFLOW, name_to_handle_at(AT_FDCWD, in_mnt(m, "a"), &h.h,
					   &h.mount_id, 0));
	EQ(h.h.handle_bytes, 12);
	mnt_end(m);
}

TEST(forgotten_file_is_stale_if_the_server_cannot_be_asked)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct handle h;
	struct mnt *m;

	m = mnt_new(s);
	take_handle(m, "a", &h);
	forget(n);
	FAILS(ESTALE, open_handle(m, &h));
	mnt_end(m);
}

TEST(forgotten_file_is_asked_for)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct handle h;
	struct mnt *m;
	char c;
	int fd;

	s->want |= FUSE_EXPORT_SUPPORT;
	m = mnt_new(s);
	take_handle(m, "a", &h);
	forget(n);
	fd = OK(open_handle(m, &h));
	EQ(read(fd, &c, 1), 1);
	EQ(c, 'x');
	OK(close(fd));
	mnt_end(m);
}

TEST(forgotten_directory_is_reached_from_the_root)
{
	struct srv *s = srv_new();
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct node *e = srv_dir(s, d->id, "e");
	char path[64], target[4096] = "";
	struct handle h;
	struct mnt *m;
	int fd;

	s->want |= FUSE_EXPORT_SUPPORT;
	m = mnt_new(s);
	take_handle(m, "d/e", &h);
	forget(e);
	forget(d);
	fd = OK(open_handle(m, &h));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(readlink(path, target, sizeof(target) - 1));
	TRUE(strlen(target) > 4);
	EQ(strcmp(target + strlen(target) - 4, "/d/e"), 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(server_may_have_no_handles_to_open_by)
{
	struct srv *s = srv_new();
	struct handle h = { .h.handle_bytes = sizeof(h.room) };
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	s->want |= FUSE_INIT_EXT | FUSE_NO_EXPORT_SUPPORT;
	m = mnt_new(s);
	OK(access(in_mnt(m, "a"), F_OK));
	FAILS(EOPNOTSUPP, name_to_handle_at(AT_FDCWD, in_mnt(m, "a"), &h.h,
					    &h.mount_id, 0));
	mnt_end(m);
}

TEST(another_generation_is_stale)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct handle h;
	struct mnt *m;

	s->want |= FUSE_EXPORT_SUPPORT;
	m = mnt_new(s);
	take_handle(m, "a", &h);
	forget(n);
	n->generation++;
	FAILS(ESTALE, open_handle(m, &h));
	mnt_end(m);
	EQ(n->lookups, n->forgets);
}

TEST(answer_of_another_node_is_an_error)
{
	struct srv *s = srv_new();
	struct node *a = srv_plain(s, "a", "x", 1);
	struct node *b = srv_plain(s, "b", "x", 1);
	struct fuse_entry_out *out = srv_alloc(s, sizeof(*out));
	struct handle h;
	struct rule *r;
	struct mnt *m;

	s->want |= FUSE_EXPORT_SUPPORT;
	m = mnt_new(s);
	take_handle(m, "a", &h);
	forget(a);
	srv_fill_entry(b, out);
	r = srv_on(s, FUSE_LOOKUP, a->id, ACT_BODY, 0);
	r->bad.with_body = true;
	r->bad.body = (void *)out;
	r->bad.body_len = sizeof(*out);
	/* What goes wrong in finding it is all the same to open_by_handle_at(). */
	FAILS(ESTALE, open_handle(m, &h));
	EQ(r->hits, 1);
	mnt_end(m);
	EQ(b->lookups, b->forgets);
}
