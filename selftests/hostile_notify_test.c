// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications that make no sense.
 *
 * 1. What does not have the size that its code asks for, or has an unknown code:
 *    EINVAL. Names too long: ENAMETOOLONG. Nodes that nobody knows: ENOENT.
 * 2. Names that cannot be are not found. Ranges that cannot be are cut to what
 *    can.
 * 3. Whatever it was, the mount works as before, and the server hears of it by
 *    write(2) alone.
 *
 * Each is written while the file a and the directory d are in use: open, and in
 * the dcache.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/hostile.h"

/* A notification on its way out. */
struct note {
	int32_t code;
	uint8_t body[8192];
	size_t len;
	size_t huge;		/* then so many bytes of zeroes */
	int32_t len_delta;
};

struct notification {
	const char *name;
	void (*make)(struct note *n);
	int result;		/* errno of write(2), or 0 */
	bool fuse_differs;
	int fuse;
};

static int send_note(int dev, const struct note *n)
{
	struct fuse_out_header h = {
		.error = n->code,
		.len = sizeof(h) + n->len + n->huge + n->len_delta,
	};
	struct iovec iov[3] = {
		{ &h, sizeof(h) }, { (void *)n->body, n->len },
		{ n->huge ? calloc(1, n->huge) : NULL, n->huge },
	};

	return writev(dev, iov, 3) < 0 ? errno : 0;
}

static void notify(const void *arg)
{
	const struct notification *row = arg;
	struct note n = { 0 };
	struct srv *s = srv_new();
	struct stat st;
	struct mnt *m;
	int dev, a, d, f, rc;

	m = hostile_begin(s, &dev);
	tree()->a->open_flags = 0;
	a = OK(open_in(m, "a", O_RDONLY));
	d = OK(open_in(m, "d", O_RDONLY | O_DIRECTORY));
	f = OK(open_in(m, "d/f", O_RDONLY));
	row->make(&n);
	rc = send_note(dev, &n);
	if (rc != (on_fuse() && row->fuse_differs ? row->fuse : row->result))
		FAIL("write(2) gave %s", rc ? strerror(rc) : "success");
	OK(fstat(a, &st));
	OK(fstat(d, &st));
	OK(close(a));
	OK(close(d));
	OK(close(f));
	OK(close(dev));
	hostile_end(m, NULL);
}

#define NOTE(fn, CODE, type, change)					\
	static void fn(struct note *n)					\
	{								\
		type *out = (void *)n->body;				\
									\
		n->code = CODE;						\
		n->len = sizeof(*out);					\
		change;							\
		(void)out;						\
	}

/* --- what is wrong with any --- */

NOTE(code_0, 0, uint64_t, )
NOTE(code_99, 99, uint64_t, )
NOTE(code_negative, -1, uint64_t, )
NOTE(code_least, INT32_MIN, uint64_t, )
NOTE(frame_long, FUSE_NOTIFY_INVAL_INODE, struct fuse_notify_inval_inode_out,
     n->len_delta = 1)
NOTE(frame_short, FUSE_NOTIFY_INVAL_INODE, struct fuse_notify_inval_inode_out,
     n->len_delta = -1)

static const struct notification any[] = {
	{ "notify_code_0_is_einval", code_0, EINVAL, false, 0 },
	{ "notify_code_99_is_einval", code_99, EINVAL, false, 0 },
	{ "notify_code_negative_is_einval", code_negative, EINVAL, false, 0 },
	{ "notify_code_least_is_einval", code_least, EINVAL, false, 0 },
	{ "notify_longer_than_written_is_einval", frame_long, EINVAL, false, 0 },
	{ "notify_shorter_than_written_is_einval", frame_short, EINVAL, false,
	  0 },
};
TEST_ROWS(notify, any)

/* --- INVAL_INODE --- */

#define INODE(fn, change)						\
	NOTE(fn, FUSE_NOTIFY_INVAL_INODE,				\
	     struct fuse_notify_inval_inode_out, {			\
		out->ino = tree()->a->id;				\
		change; })

INODE(inode_short, n->len--)
INODE(inode_long, n->len++)
INODE(inode_empty, n->len = 0)
INODE(inode_unknown, out->ino = 4711)
INODE(inode_zero, out->ino = 0)
INODE(inode_root, out->ino = ROOT_ID)
INODE(inode_dir, out->ino = tree()->d->id)
INODE(inode_off_negative, out->off = INT64_MIN)
INODE(inode_off_most, out->off = INT64_MAX; out->len = INT64_MAX)
INODE(inode_len_negative, out->off = 5; out->len = INT64_MIN)

static const struct notification inodes[] = {
	{ "inval_inode_a_byte_short_is_einval", inode_short, EINVAL, false, 0 },
	{ "inval_inode_a_byte_long_is_einval", inode_long, EINVAL, false, 0 },
	{ "inval_inode_empty_is_einval", inode_empty, EINVAL, false, 0 },
	{ "inval_inode_of_an_unknown_node_is_enoent", inode_unknown, ENOENT,
	  false, 0 },
	{ "inval_inode_of_no_node_is_enoent", inode_zero, ENOENT, false, 0 },
	{ "inval_inode_of_the_root_is_nothing", inode_root, 0, false, 0 },
	{ "inval_inode_of_a_directory_is_nothing", inode_dir, 0, false, 0 },
	{ "inval_inode_from_a_negative_offset", inode_off_negative, 0, false,
	  0 },
	{ "inval_inode_beyond_all_sizes", inode_off_most, 0, false, 0 },
	{ "inval_inode_of_a_negative_length", inode_len_negative, 0, false, 0 },
};
TEST_ROWS(notify, inodes)

/* --- INVAL_ENTRY and DELETE --- */

static void add_name(struct note *n, const char *name, size_t len)
{
	memcpy(n->body + n->len, name, len);
	n->len += len + 1;
}

#define ENTRY(fn, name, size, change)					\
	NOTE(fn, FUSE_NOTIFY_INVAL_ENTRY,				\
	     struct fuse_notify_inval_entry_out, {			\
		out->parent = ROOT_ID;					\
		out->namelen = size;					\
		add_name(n, name, size);				\
		change; })
#define DELETE(fn, name, size, change)					\
	NOTE(fn, FUSE_NOTIFY_DELETE, struct fuse_notify_delete_out, {	\
		out->parent = ROOT_ID;					\
		out->child = tree()->a->id;				\
		out->namelen = size;					\
		add_name(n, name, size);				\
		change; })
#define ENTRY_AND_DELETE(fn, name, size, change)			\
	ENTRY(entry_##fn, name, size, change)				\
	DELETE(delete_##fn, name, size, change)

static const char nnn[5000] = { [0 ... 4999] = 'n' };

ENTRY_AND_DELETE(head_short, "", 0, n->len = 8)
ENTRY_AND_DELETE(no_zero, "a", 1, n->len--)
ENTRY_AND_DELETE(byte_long, "a", 1, n->len++)
ENTRY_AND_DELETE(name_short, "a", 1, out->namelen = 2)
ENTRY_AND_DELETE(name_most, "a", 1, out->namelen = ~0U)
ENTRY_AND_DELETE(name_empty, "", 0, )
ENTRY_AND_DELETE(name_4096, nnn, 4096, )
ENTRY_AND_DELETE(name_slash, "d/f", 3, )
ENTRY_AND_DELETE(name_zero, "a\0b", 3, )
ENTRY_AND_DELETE(name_dot, ".", 1, )
ENTRY_AND_DELETE(name_dots, "..", 2, )
ENTRY_AND_DELETE(name_unknown, "what", 4, )
ENTRY_AND_DELETE(parent_unknown, "a", 1, out->parent = 4711)
ENTRY_AND_DELETE(parent_none, "a", 1, out->parent = 0)
ENTRY_AND_DELETE(parent_file, "a", 1, out->parent = tree()->a->id)
ENTRY(entry_flags, "a", 1, out->flags = ~1U)
DELETE(delete_other_child, "a", 1, out->child = tree()->d->id)
DELETE(delete_no_child, "a", 1, out->child = 0)
/* The directory's child f is in use. */
DELETE(delete_full_dir, "d", 1, out->child = tree()->d->id)

#define BOTH(what, fn, gives)						\
	{ "inval_entry_" what, entry_##fn, gives, false, 0 },		\
	{ "delete_" what, delete_##fn, gives, false, 0 }

static const struct notification names[] = {
	BOTH("with_half_a_head_is_einval", head_short, EINVAL),
	BOTH("without_its_zero_is_einval", no_zero, EINVAL),
	BOTH("a_byte_long_is_einval", byte_long, EINVAL),
	BOTH("of_a_name_not_all_there_is_einval", name_short, EINVAL),
	BOTH("of_a_name_of_4_gib_is_enametoolong", name_most, ENAMETOOLONG),
	BOTH("of_a_name_of_4096_bytes_is_enametoolong", name_4096,
	     ENAMETOOLONG),
	BOTH("of_an_empty_name_is_enoent", name_empty, ENOENT),
	BOTH("of_a_name_with_a_slash_is_enoent", name_slash, ENOENT),
	BOTH("of_a_name_with_a_zero_is_enoent", name_zero, ENOENT),
	BOTH("of_a_dot_is_enoent", name_dot, ENOENT),
	BOTH("of_two_dots_is_enoent", name_dots, ENOENT),
	BOTH("of_an_unknown_name_is_enoent", name_unknown, ENOENT),
	BOTH("in_an_unknown_node_is_enoent", parent_unknown, ENOENT),
	BOTH("in_no_node_is_enoent", parent_none, ENOENT),
	BOTH("in_a_file_is_enotdir", parent_file, ENOTDIR),
	{ "inval_entry_with_unknown_flags", entry_flags, 0, false, 0 },
	{ "delete_of_another_node_is_enoent", delete_other_child, ENOENT,
	  false, 0 },
	{ "delete_of_no_node", delete_no_child, 0, false, 0 },
	{ "delete_of_a_full_directory_is_enotempty", delete_full_dir,
	  ENOTEMPTY, false, 0 },
};
TEST_ROWS(notify, names)

/* --- STORE and RETRIEVE --- */

#define STORE(fn, change)						\
	NOTE(fn, FUSE_NOTIFY_STORE, struct fuse_notify_store_out, {	\
		out->nodeid = tree()->a->id;				\
		change; })
#define RETRIEVE(fn, change)						\
	NOTE(fn, FUSE_NOTIFY_RETRIEVE, struct fuse_notify_retrieve_out, {	\
		out->nodeid = tree()->a->id;				\
		out->notify_unique = 5;					\
		change; })

STORE(store_head_short, n->len = 8)
STORE(store_less, out->size = 10; n->len += 9)
STORE(store_more, out->size = 10; n->len += 11)
STORE(store_most, out->size = ~0U)
STORE(store_unknown, out->nodeid = 4711)
STORE(store_none, out->nodeid = 0)
STORE(store_dir, out->nodeid = tree()->d->id)
STORE(store_off_most, out->offset = ~0ULL; out->size = 10; n->len += 10)
STORE(store_off_beyond, out->offset = INT64_MAX; out->size = 10; n->len += 10)
STORE(store_huge, out->size = 8 * MIB; n->huge = 8 * MIB)
RETRIEVE(retrieve_short, n->len--)
RETRIEVE(retrieve_long, n->len++)
RETRIEVE(retrieve_unknown, out->nodeid = 4711)
RETRIEVE(retrieve_dir, out->nodeid = tree()->d->id)
RETRIEVE(retrieve_most, out->size = ~0U)
RETRIEVE(retrieve_off_most, out->offset = ~0ULL; out->size = 10)
RETRIEVE(retrieve_off_far, out->offset = 1ULL << 62; out->size = ~0U)

static const struct notification stores[] = {
	{ "store_with_half_a_head_is_einval", store_head_short, EINVAL, false,
	  0 },
	{ "store_of_less_than_told_is_einval", store_less, EINVAL, false, 0 },
	{ "store_of_more_than_told_is_einval", store_more, EINVAL, false, 0 },
	{ "store_of_4_gib_told_is_einval", store_most, EINVAL, false, 0 },
	{ "store_in_an_unknown_node_is_enoent", store_unknown, ENOENT, false,
	  0 },
	{ "store_in_no_node_is_enoent", store_none, ENOENT, false, 0 },
	{ "store_in_a_directory_is_einval", store_dir, EINVAL, false, 0 },
	{ "store_at_the_largest_offset_is_einval", store_off_most, EINVAL,
	  false, 0 },
	{ "store_beyond_all_sizes_is_einval", store_off_beyond, EINVAL, false,
	  0 },
	{ "store_of_8_mib", store_huge, 0, false, 0 },
	{ "retrieve_a_byte_short_is_einval", retrieve_short, EINVAL, false, 0 },
	{ "retrieve_a_byte_long_is_einval", retrieve_long, EINVAL, false, 0 },
	{ "retrieve_from_an_unknown_node_is_enoent", retrieve_unknown, ENOENT,
	  false, 0 },
	{ "retrieve_from_a_directory_is_einval", retrieve_dir, EINVAL, false,
	  0 },
	{ "retrieve_of_4_gib_gives_what_there_is", retrieve_most, 0, false, 0 },
	{ "retrieve_at_the_largest_offset_is_einval", retrieve_off_most, EINVAL,
	  false, 0 },
	{ "retrieve_beyond_the_end_gives_nothing", retrieve_off_far, 0, false,
	  0 },
};
TEST_ROWS(notify, stores)

/* --- the others --- */

NOTE(poll_short, FUSE_NOTIFY_POLL, struct fuse_notify_poll_wakeup_out, n->len--)
NOTE(poll_long, FUSE_NOTIFY_POLL, struct fuse_notify_poll_wakeup_out, n->len++)
NOTE(poll_unknown, FUSE_NOTIFY_POLL, struct fuse_notify_poll_wakeup_out,
     out->kh = 4711)
NOTE(poll_most, FUSE_NOTIFY_POLL, struct fuse_notify_poll_wakeup_out,
     out->kh = ~0ULL)
NOTE(resend_body, 7, uint64_t, )
NOTE(epoch_body, 8, uint64_t, )

/* PRUNE: a count, a spare word, and a u64 for each. */
struct prune {
	uint32_t count, padding;
	uint64_t spare, ids[4];
};

#define PRUNE(fn, change)	NOTE(fn, FUSE_NOTIFY_PRUNE, struct prune, change)

PRUNE(prune_half_head, n->len = 4)
PRUNE(prune_less, out->count = 4; n->len -= 8)
PRUNE(prune_more, out->count = 3)
PRUNE(prune_most, out->count = ~0U)
PRUNE(prune_unknown, {
	out->count = 4;
	out->ids[0] = 4711;
	out->ids[1] = 0;
	out->ids[2] = ROOT_ID;
	out->ids[3] = ~0ULL; })
PRUNE(prune_in_use, {
	out->count = 4;
	out->ids[0] = tree()->a->id;
	out->ids[1] = tree()->d->id;
	out->ids[2] = tree()->f->id;
	out->ids[3] = tree()->a->id; })

static const struct notification others[] = {
	{ "notify_poll_a_byte_short_is_einval", poll_short, EINVAL, false, 0 },
	{ "notify_poll_a_byte_long_is_einval", poll_long, EINVAL, false, 0 },
	{ "notify_poll_of_nobody_is_nothing", poll_unknown, 0, false, 0 },
	{ "notify_poll_of_handle_most_is_nothing", poll_most, 0, false, 0 },
	{ "resend_with_a_body_is_a_resend", resend_body, 0, false, 0 },
	{ "epoch_with_a_body_is_an_epoch", epoch_body, 0, false, 0 },
	{ "prune_with_half_a_head_is_einval", prune_half_head, EINVAL, false,
	  0 },
	{ "prune_of_less_than_told_is_einval", prune_less, EINVAL, false, 0 },
	{ "prune_of_more_than_told_is_einval", prune_more, EINVAL, false, 0 },
	{ "prune_of_4_billion_told_is_einval", prune_most, EINVAL, false, 0 },
	{ "prune_of_unknown_nodes_is_nothing", prune_unknown, 0, false, 0 },
	{ "prune_of_what_is_in_use_is_nothing", prune_in_use, 0, false, 0 },
};
TEST_ROWS(notify, others)
