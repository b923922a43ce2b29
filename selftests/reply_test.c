// SPDX-License-Identifier: GPL-2.0
/*
 * Replies that are wrong.
 *
 * 1. What does not fit the protocol's frame is refused by write(2) and changes
 *    nothing: the request still waits, and the right reply still comes.
 * 2. A reply of the wrong length for its request is refused by write(2) too, but
 *    ends the request: the caller gets EIO.
 * 3. Contents that make no sense give the caller EIO, count in bad_reply, and
 *    what they hand out (lookups, handles) is given back.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"

/* A LOOKUP whose reply is spoilt in its frame. */
static const struct frame {
	const char *name;
	struct bad bad;
	int bad_errno;		/* of the first write */
	int good_errno;		/* of the second one */
	int result;		/* the caller's */
} frames[] = {
	{ "reply_with_unknown_unique_is_enoent",
	  { .unique_xor = 0x7000 }, ENOENT, 0, 0 },
	{ "reply_with_length_above_the_written_is_einval",
	  { .len_delta = 8 }, EINVAL, 0, 0 },
	{ "reply_with_length_below_the_written_is_einval",
	  { .len_delta = -8 }, EINVAL, 0, 0 },
	{ "reply_with_positive_error_is_einval",
	  { .error = EIO }, EINVAL, 0, 0 },
	{ "reply_with_error_below_511_is_einval",
	  { .error = -512 }, EINVAL, 0, 0 },
	{ "reply_with_error_of_min_int_is_einval",
	  { .error = INT32_MIN }, EINVAL, 0, 0 },
	{ "reply_too_short_for_its_request_is_eio",
	  { .with_body = true, .body_len = 8 }, EINVAL, ENOENT, EIO },
	{ "reply_without_a_body_is_eio",
	  { .with_body = true, .body_len = 0 }, EINVAL, ENOENT, EIO },
	{ "reply_too_long_for_its_request_is_eio",
	  { .with_body = true, .body_len = 129 }, EINVAL, ENOENT, EIO },
	{ "reply_of_a_mebibyte_is_eio",
	  { .with_body = true, .body_len = MIB }, EINVAL, ENOENT, EIO },
	{ "reply_with_an_error_and_a_body_is_eio",
	  { .error = -ENOENT, .with_body = true, .body_len = 128 },
	  EINVAL, ENOENT, EIO },
	{ "notification_of_an_unknown_code_is_einval",
	  { .zero_unique = true, .error = 77, .with_body = true, .body_len = 16 },
	  EINVAL, 0, 0 },
};

static void spoilt_frame(const void *arg)
{
	const struct frame *row = arg;
	struct srv *s = srv_new();
	struct rule *r;
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "x", 1);
	r = srv_on(s, FUSE_LOOKUP, 0, ACT_BAD, 0);
	r->bad = row->bad;
	m = mnt_new(s);
	if (row->result)
		FAILS(row->result, stat(in_mnt(m, "a"), &st));
	else
		OK(stat(in_mnt(m, "a"), &st));
	UNTIL(r->good_errno >= 0);
	EQ(r->bad_errno, row->bad_errno);
	EQ(r->good_errno, row->good_errno);
	/* Nothing sticks. */
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 1);
	mnt_end(m);
}
TEST_ROWS(spoilt_frame, frames)

TEST(reply_shorter_than_a_header_is_einval)
{
	struct srv *s = srv_new();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev();
	struct stat st;
	void *no_access = mmap(NULL, PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	strcpy(m.dir, dir);
	srv_plain(s, "a", "x", 1);
	OK(mount_fd(dev, dir, MNT_OPTS));
	m.pid = srv_start(s, dev);
	OK(stat(in_mnt(&m, "a"), &st));
	FAILS(EINVAL, write(dev, "0123456789abcde", 15));
	FAILS(EINVAL, write(dev, "", 0));
	FAILS(EFAULT, write(dev, no_access, 16));
	OK(close(dev));
	mnt_end(&m);
}

/* The body of a LOOKUP's reply, changed. */
static void change_id_to_root(struct fuse_entry_out *e)
{
	e->nodeid = FUSE_ROOT_ID;
}

static void change_mode_to_none(struct fuse_entry_out *e)
{
	e->attr.mode = 0644;
}

static void change_mode_to_all(struct fuse_entry_out *e)
{
	e->attr.mode |= S_IFMT;
}

static void change_size_to_negative(struct fuse_entry_out *e)
{
	e->attr.size = 1ULL << 63;
}

static const struct content {
	const char *name;
	void (*change)(struct fuse_entry_out *e);
	bool given_back;
} contents[] = {
	{ "lookup_of_the_root_id_is_eio", change_id_to_root, false },
	{ "lookup_of_no_file_type_is_eio", change_mode_to_none, true },
	{ "lookup_of_all_file_types_is_eio", change_mode_to_all, true },
	{ "lookup_of_a_size_above_63_bits_is_eio", change_size_to_negative,
	  true },
};

static void spoilt_lookup(const void *arg)
{
	const struct content *row = arg;
	struct srv *s = srv_new();
	struct fuse_entry_out *e = srv_alloc(s, sizeof(*e));
	struct node *n = srv_plain(s, "a", "x", 1);
	struct rule *r;
	struct mnt *m;
	struct stat st;

	*e = (struct fuse_entry_out){
		.nodeid = n->id, .attr.ino = n->id, .attr.nlink = 1,
		.attr.mode = S_IFREG | 0644,
	};
	row->change(e);
	r = srv_on(s, FUSE_LOOKUP, 0, ACT_BODY, 0);
	r->bad.body = (void *)e;
	r->bad.body_len = sizeof(*e);
	m = mnt_new(s);
	FAILS(EIO, stat(in_mnt(m, "a"), &st));
	EQ(counter(m, "bad_reply"), 1);
	if (row->given_back)
		UNTIL(n->forgets == n->lookups);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(counter(m, "bad_reply"), 1);
	mnt_end(m);
}
TEST_ROWS(spoilt_lookup, contents)

TEST(getattr_that_changes_the_type_is_eio)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;
	int fd;

	n->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	OK(fstat(fd, &st));
	n->mode = S_IFIFO | 0644;
	FAILS(EIO, fstat(fd, &st));
	EQ(counter(m, "bad_reply"), 1);
	n->mode = S_IFREG | 0644;
	/* It is not believed any more. */
	FAILS(EIO, fstat(fd, &st));
	FAILS(EIO, close(fd));
	OK(stat(in_mnt(m, "a"), &st));
	mnt_end(m);
}

TEST(getattr_of_a_size_above_63_bits_is_eio)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;

	n->attr_ms = 0;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	n->size = ~0ULL;
	FAILS(EIO, stat(in_mnt(m, "a"), &st));
	n->size = 1;
	OK(stat(in_mnt(m, "a"), &st));
	mnt_end(m);
}

/* A directory's contents, spoilt. */
static void dirent_without_a_name(struct fuse_dirent *d)
{
	d->namelen = 0;
}

static void dirent_beyond_the_reply(struct fuse_dirent *d)
{
	d->namelen = 255;
}

static void dirent_of_a_huge_name(struct fuse_dirent *d)
{
	d->namelen = ~0U;
}

static void dirent_with_a_slash(struct fuse_dirent *d)
{
	memcpy(d->name, "a/b", 3);
}

static const struct listing {
	const char *name;
	void (*change)(struct fuse_dirent *d);
	int result;
} listings[] = {
	{ "readdir_of_an_empty_name_is_eio", dirent_without_a_name, EIO },
	{ "readdir_of_a_huge_name_is_eio", dirent_of_a_huge_name, EIO },
	{ "readdir_of_a_name_with_a_slash_is_eio", dirent_with_a_slash, EIO },
	/* As in FUSE: what is cut off is asked for again, from there on. */
	{ "readdir_of_a_name_cut_off_is_the_end", dirent_beyond_the_reply, 0 },
};

static void spoilt_readdir(const void *arg)
{
	const struct listing *row = arg;
	struct srv *s = srv_new();
	struct fuse_dirent *d = srv_alloc(s, 64);
	struct rule *r;
	struct mnt *m;
	DIR *dir;

	s->want &= ~FUSE_DO_READDIRPLUS;
	d->ino = 5;
	d->off = 1;
	d->namelen = 3;
	d->type = DT_REG;
	memcpy(d->name, "abc", 3);
	row->change(d);
	r = srv_on(s, FUSE_READDIR, 0, ACT_BODY, 0);
	r->bad.body = (void *)d;
	r->bad.body_len = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 3);
	r->left = -1;
	m = mnt_new(s);
	dir = opendir(m->dir);
	TRUE(dir);
	errno = 0;
	TRUE(!readdir(dir));
	EQ(errno, row->result);
	closedir(dir);
	mnt_end(m);
}
TEST_ROWS(spoilt_readdir, listings)

TEST(write_reply_of_more_than_was_written_is_eio)
{
	struct srv *s = srv_new();
	struct fuse_write_out *w = srv_alloc(s, sizeof(*w));
	struct node *n = srv_plain(s, "a", "x", 1);
	struct rule *r;
	struct mnt *m;
	int fd;

	w->size = 11;
	r = srv_on(s, FUSE_WRITE, n->id, ACT_BODY, 0);
	r->bad.body = (void *)w;
	r->bad.body_len = sizeof(*w);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(EIO, pwrite(fd, "0123456789", 10, 0));
	EQ(pwrite(fd, "0123456789", 10, 0), 10);
	OK(close(fd));
	mnt_end(m);
}

TEST(read_reply_of_more_than_was_asked_for_is_eio)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", NULL, 100);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_BAD, 0);
	struct mnt *m;
	char buf[10];
	int fd;

	/* What is read ahead, and fails, is read again. */
	n->open_flags = FOPEN_DIRECT_IO;
	r->bad.with_body = true;
	r->bad.body_len = 64 * KIB;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	FAILS(EIO, pread(fd, buf, sizeof(buf), 0));
	EQ(pread(fd, buf, sizeof(buf), 0), 10);
	OK(close(fd));
	mnt_end(m);
}

/* Names of extended attributes end with a zero and are not empty. */
static const struct list {
	const char *name;
	const char *bytes;
	size_t len;
} lists[] = {
	{ "listxattr_without_an_end_is_eio", "user.a\0user.b", 13 },
	{ "listxattr_of_an_empty_name_is_eio", "user.a\0\0user.b", 15 },
	{ "listxattr_that_begins_empty_is_eio", "\0user.a", 8 },
};

static void spoilt_listxattr(const void *arg)
{
	const struct list *row = arg;
	struct srv *s = srv_new();
	uint8_t *bytes = srv_alloc(s, 64);
	struct node *n = srv_plain(s, "a", "x", 1);
	struct rule *r = srv_on(s, FUSE_LISTXATTR, n->id, ACT_BODY, 0);
	struct mnt *m;
	char buf[256];

	memcpy(bytes, row->bytes, row->len);
	r->bad.body = bytes;
	r->bad.body_len = row->len;
	m = mnt_new(s);
	FAILS(EIO, listxattr(in_mnt(m, "a"), buf, sizeof(buf)));
	mnt_end(m);
}
TEST_ROWS(spoilt_listxattr, lists)
