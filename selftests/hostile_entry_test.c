// SPDX-License-Identifier: GPL-2.0
/*
 * Entries that make no sense, in the reply to each opcode that brings one.
 *
 * 1. What cannot be (a node id that is none, a type that is none or another than
 *    the one made, a size beyond 63 bits) is EIO. The lookup and, from CREATE and
 *    TMPFILE, the handle that came along are given back: in-tree fuse keeps both
 *    for ever.
 * 2. What can be, but does not fit what is known, is taken: the server is right,
 *    and the inode that was known under the node id before is an error.
 * 3. A directory that would lie within itself is ELOOP.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hostile.h"

static void id_none(struct spoilt *sp)
{
	entry_of(sp)->nodeid = 0;
}

static void id_root(struct spoilt *sp)
{
	entry_of(sp)->nodeid = ROOT_ID;
}

static void mode_none(struct spoilt *sp)
{
	attr_of(sp)->mode = 0644;
}

static void mode_all(struct spoilt *sp)
{
	attr_of(sp)->mode |= S_IFMT;
}

static void size_negative(struct spoilt *sp)
{
	attr_of(sp)->size = 1ULL << 63;
}

static void type_socket(struct spoilt *sp)
{
	attr_of(sp)->mode = S_IFSOCK | 0600;
}

/* All of an entry that has limits, at once. */
static void all_extreme(struct spoilt *sp)
{
	struct fuse_entry_out *e = entry_of(sp);
	uint32_t type = e->attr.mode & S_IFMT;

	e->entry_valid = e->attr_valid = ~0ULL;
	e->entry_valid_nsec = e->attr_valid_nsec = ~0U;
	e->generation = ~0ULL;
	memset(&e->attr, 0xff, sizeof(e->attr));
	e->attr.mode = ~S_IFMT | type;
	e->attr.size = INT64_MAX;
}

static void all_zero(struct spoilt *sp)
{
	struct fuse_entry_out *e = entry_of(sp);
	uint32_t type = e->attr.mode & S_IFMT;
	uint64_t id = e->nodeid;

	memset(e, 0, sizeof(*e));
	e->nodeid = id;
	e->attr.mode = type;
}

/* Of the node of the directory d, and of the type that is asked for. */
static void id_of_dir(struct spoilt *sp)
{
	entry_of(sp)->nodeid = tree()->d->id;
}

/* Of the node of the open file a, and of the type that is asked for. */
static void id_of_file(struct spoilt *sp)
{
	entry_of(sp)->nodeid = tree()->a->id;
}

static void id_of_file_made_anew(struct spoilt *sp)
{
	id_of_file(sp);
	entry_of(sp)->generation = 77;
}

#define ROW(op, OP, what, fn, gives, leaks)				\
	{ .name = #op "_reply_" what, .opcode = FUSE_##OP, .spoil = fn,	\
	  .want = { gives, 0 }, .fuse_leaks = leaks }

/* What the opcodes that make something have in common, and those that open it. */
#define MAKERS_AND(what, fn, gives, leaks, leaks_handle)		\
	ROW(mknod, MKNOD, what, fn, gives, leaks),			\
	ROW(mkdir, MKDIR, what, fn, gives, leaks),			\
	ROW(symlink, SYMLINK, what, fn, gives, leaks),			\
	ROW(link, LINK, what, fn, gives, leaks),			\
	ROW(create, CREATE, what, fn, gives, leaks_handle),		\
	ROW(tmpfile, TMPFILE, what, fn, gives, leaks_handle)

#define MAKERS(what, fn, gives, leaks)					\
	MAKERS_AND(what, fn, gives, leaks, leaks)

static const struct hostile lookups[] = {
	ROW(lookup, LOOKUP, "of_no_node", id_none, -ENOENT, false),
	/* In-tree fuse takes it, and the root is a file from there on. */
	{ .name = "lookup_reply_of_the_root", .opcode = FUSE_LOOKUP,
	  .spoil = id_root, .want = { -EIO, 0 }, .fuse_ruins = true,
	  .fuse_leaks = true },
	ROW(lookup, LOOKUP, "of_no_type", mode_none, -EIO, true),
	ROW(lookup, LOOKUP, "of_all_types", mode_all, -EIO, true),
	ROW(lookup, LOOKUP, "of_a_negative_size", size_negative, -EIO, true),
	ROW(lookup, LOOKUP, "of_extremes", all_extreme, 0, false),
	ROW(lookup, LOOKUP, "of_zeroes", all_zero, 0, false),
	/* A file, then; but its attributes are those of a directory. */
	ROW(lookup, LOOKUP, "of_another_node", id_of_dir, -EIO, false),
	ROW(lookup, LOOKUP, "of_another_generation", id_of_file_made_anew, 0,
	    false),
};
HOSTILE(lookups)

static const struct hostile makers[] = {
	MAKERS_AND("of_no_node", id_none, -EIO, false, true),
	MAKERS("of_the_root", id_root, -EIO, true),
	MAKERS("of_no_type", mode_none, -EIO, true),
	MAKERS("of_all_types", mode_all, -EIO, true),
	MAKERS("of_a_negative_size", size_negative, -EIO, true),
	MAKERS("of_another_type", type_socket, -EIO, true),
	MAKERS("of_extremes", all_extreme, 0, false),
	MAKERS("of_zeroes", all_zero, 0, false),
	MAKERS("of_a_directorys_node", id_of_dir, 0, false),
	MAKERS("of_a_files_node", id_of_file, 0, false),
	MAKERS("of_a_files_node_made_anew", id_of_file_made_anew, 0, false),
};
HOSTILE(makers)
