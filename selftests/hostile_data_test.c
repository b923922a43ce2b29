// SPDX-License-Identifier: GPL-2.0
/*
 * Replies about data, links, handles and attributes that make no sense.
 *
 * 1. More than was asked for is EIO: bytes read, written, copied, of a link or an
 *    attribute.
 * 2. So are attributes that cannot be; a position that cannot be is EINVAL.
 * 3. Flags that nobody knows do nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/hostile.h"

/* --- what is read and written --- */

FILL(read_byte_more, uint8_t, sp->len = 4097; (void)out)
FILL(read_nothing, uint8_t, sp->len = 0; (void)out)
FILL(wrote_more, struct fuse_write_out, out->size++)
FILL(wrote_most, struct fuse_write_out, out->size = ~0U)
FILL(wrote_less, struct fuse_write_out, out->size--)
FILL(wrote_nothing, struct fuse_write_out, out->size = 0)
FILL(copied_more_64, uint64_t, (*out)++)
FILL(copied_most_64, uint64_t, *out = ~0ULL)

static long do_pread(struct mnt *m)
{
	int fd = OK(open_in(m, "a", O_RDONLY));
	char buf[4096];
	long rc = CALL(pread(fd, buf, sizeof(buf), 0));

	close(fd);
	return rc;
}

static void cached(struct srv *s)
{
	(void)s;
	tree()->a->open_flags = 0;
}

#define CACHED(what, OP, fn, how, gives, reply_errno)			\
	{ .name = what, .opcode = FUSE_##OP, .spoil = fn, .call = how,	\
	  .want = { gives, reply_errno }, .prepare = cached, .again = true }

static const struct hostile sizes[] = {
	CASE("read_reply_of_a_byte_more", READ, read_byte_more, do_pread, -EIO,
	     EINVAL),
	CASE("read_reply_of_nothing", READ, read_nothing, do_pread, 0, 0),
	CASE("write_reply_of_a_byte_more", WRITE, wrote_more, NULL, -EIO, 0),
	CASE("write_reply_of_4_gib", WRITE, wrote_most, NULL, -EIO, 0),
	CASE("write_reply_of_a_byte_less", WRITE, wrote_less, NULL, 2, 0),
	CASE("write_reply_of_nothing", WRITE, wrote_nothing, NULL, 0, 0),
};
HOSTILE(sizes)

static const struct hostile cached_sizes[] = {
	CACHED("cached_read_reply_of_a_mebibyte", READ, read_byte_more,
	       do_pread, -EIO, EINVAL),
	CACHED("cached_write_reply_of_a_byte_more", WRITE, wrote_more, NULL,
	       -EIO, 0),
	CACHED("cached_write_reply_of_4_gib", WRITE, wrote_most, NULL, -EIO, 0),
	CACHED("cached_write_reply_of_a_byte_less", WRITE, wrote_less, NULL, 2,
	       0),
	CACHED("cached_write_reply_of_nothing", WRITE, wrote_nothing, NULL,
	       -EIO, 0),
};
HOSTILE(cached_sizes)

/* The older of the two requests is for servers that do not know the newer. */
static void no_copy_64(struct srv *s)
{
	srv_on(s, FUSE_COPY_FILE_RANGE_64, 0, ACT_ERROR, ENOSYS);
}

static const struct hostile copies[] = {
	{ .name = "copy_reply_of_a_byte_more", .opcode = FUSE_COPY_FILE_RANGE,
	  .spoil = wrote_more, .want = { -EIO, 0 }, .prepare = no_copy_64 },
	{ .name = "copy_reply_of_4_gib", .opcode = FUSE_COPY_FILE_RANGE,
	  .spoil = wrote_most, .want = { -EIO, 0 }, .prepare = no_copy_64 },
	CASE("copy_64_reply_of_a_byte_more", COPY_FILE_RANGE_64, copied_more_64,
	     call_copy, -EIO, 0),
	CASE("copy_64_reply_of_most", COPY_FILE_RANGE_64, copied_most_64,
	     call_copy, -EIO, 0),
};
HOSTILE(copies)

/* --- symbolic links --- */

FILL(link_empty, char, sp->len = 0; (void)out)
FILL(link_zero, char, memcpy(out, "a\0b", 3); sp->len = 3)
FILL(link_only_zero, char, out[0] = 0; sp->len = 1)
FILL(link_4095, char, memset(out, 'x', 4095); sp->len = 4095)
FILL(link_4096, char, memset(out, 'x', 4096); sp->len = 4096)
FILL(link_64k, char, memset(out, 'x', 65536); sp->len = 65536)
FILL(link_itself, char, out[0] = 'l'; sp->len = 1)

static long follow(struct mnt *m)
{
	struct stat st;

	return CALL(stat(in_mnt(m, "l"), &st));
}

static const struct hostile links[] = {
	CASE("readlink_reply_empty", READLINK, link_empty, NULL, 0, 0),
	/* It leads to where it is. */
	CASE("readlink_reply_empty_is_followed", READLINK, link_empty, follow,
	     0, 0),
	CASE("readlink_reply_with_a_zero", READLINK, link_zero, NULL, 1, 0),
	CASE("readlink_reply_of_a_zero", READLINK, link_only_zero, NULL, 0, 0),
	CASE("readlink_reply_of_4095_bytes", READLINK, link_4095, NULL, 4095,
	     0),
	/* In-tree fuse allows for longer names in newer kernels. */
	{ .name = "readlink_reply_of_4095_bytes_is_followed",
	  .opcode = FUSE_READLINK, .spoil = link_4095, .call = follow,
	  .want = { -ENAMETOOLONG, 0 }, .fuse_differs = true,
	  .fuse = { -ENOENT, 0 } },
	CASE("readlink_reply_of_4096_bytes", READLINK, link_4096, NULL, -EIO,
	     EINVAL),
	CASE("readlink_reply_of_64_kib", READLINK, link_64k, NULL, -EIO,
	     EINVAL),
	{ .name = "readlink_reply_to_itself", .opcode = FUSE_READLINK,
	  .spoil = link_itself, .call = follow, .want = { -ELOOP, 0 },
	  .again = true },
};
HOSTILE(links)

/* --- extended attributes --- */

FILL(xattr_size_most, struct fuse_getxattr_out, out->size = ~0U;
     sp->len = sizeof(*out))
FILL(xattr_byte_more, char, (void)out; sp->len = 17)
FILL(list_not_ended, char, memcpy(out, "user.a", 6); sp->len = 6)
FILL(list_empty_name, char, memcpy(out, "user.a\0", 8); sp->len = 8)

static long getxattr_size(struct mnt *m)
{
	return CALL(getxattr(in_mnt(m, "a"), "user.x", NULL, 0));
}

static long getxattr_16(struct mnt *m)
{
	char buf[16];

	return CALL(getxattr(in_mnt(m, "a"), "user.x", buf, sizeof(buf)));
}

static long listxattr_size(struct mnt *m)
{
	return CALL(listxattr(in_mnt(m, "a"), NULL, 0));
}

static long listxattr_16(struct mnt *m)
{
	char buf[16];

	return CALL(listxattr(in_mnt(m, "a"), buf, sizeof(buf)));
}

static const struct hostile xattrs[] = {
	CASE("getxattr_reply_of_4_gib", GETXATTR, xattr_size_most,
	     getxattr_size, 65536, 0),
	CASE("getxattr_reply_of_a_byte_more", GETXATTR, xattr_byte_more,
	     getxattr_16, -EIO, EINVAL),
	CASE("listxattr_reply_of_4_gib", LISTXATTR, xattr_size_most,
	     listxattr_size, 65536, 0),
	CASE("listxattr_reply_of_a_byte_more", LISTXATTR, xattr_byte_more,
	     listxattr_16, -EIO, EINVAL),
	CASE("listxattr_reply_not_ended", LISTXATTR, list_not_ended,
	     listxattr_16, -EIO, 0),
	CASE("listxattr_reply_of_an_empty_name", LISTXATTR, list_empty_name,
	     listxattr_16, -EIO, 0),
};
HOSTILE(xattrs)

/* --- handles --- */

static struct fuse_open_out *open_out(struct spoilt *sp)
{
	return (void *)(sp->body + sp->len - sizeof(struct fuse_open_out));
}

static void open_unknown_flags(struct spoilt *sp)
{
	open_out(sp)->open_flags = 0xffff0000;
}

/* To pass requests through to a file was not agreed on. */
static void open_passthrough(struct spoilt *sp)
{
	open_out(sp)->open_flags = FOPEN_PASSTHROUGH;
}

static void open_all_flags(struct spoilt *sp)
{
	open_out(sp)->open_flags = ~(uint32_t)FOPEN_PASSTHROUGH;
}

static void open_handle_most(struct spoilt *sp)
{
	open_out(sp)->fh = ~0ULL;
}

static const struct hostile opens[] = {
	CASE("open_reply_with_unknown_flags", OPEN, open_unknown_flags, NULL, 0,
	     0),
	CASE("open_reply_with_all_flags", OPEN, open_all_flags, NULL, 0, 0),
	CASE("open_reply_of_handle_most", OPEN, open_handle_most, NULL, 0, 0),
	CASE("opendir_reply_with_all_flags", OPENDIR, open_all_flags, NULL, 0,
	     0),
	CASE("open_reply_with_passthrough", OPEN, open_passthrough, NULL, -EIO,
	     0),
};
HOSTILE(opens)

static const struct hostile creates[] = {
	CASE("create_reply_with_all_flags", CREATE, open_all_flags, NULL, 0, 0),
	CASE("create_reply_with_passthrough", CREATE, open_passthrough, NULL,
	     -EIO, 0),
	CASE("create_reply_of_handle_most", CREATE, open_handle_most, NULL, 0,
	     0),
	CASE("tmpfile_reply_with_all_flags", TMPFILE, open_all_flags, NULL, 0,
	     0),
};
HOSTILE(creates)

/* --- positions --- */

FILL(seek_negative, struct fuse_lseek_out, out->offset = 1ULL << 63)
FILL(seek_most, struct fuse_lseek_out, out->offset = ~0ULL)
FILL(seek_far, struct fuse_lseek_out, out->offset = INT64_MAX)
FILL(seek_back, struct fuse_lseek_out, out->offset = 0)

static const struct hostile seeks[] = {
	CASE("lseek_reply_of_a_negative_position", LSEEK, seek_negative, NULL,
	     -EINVAL, 0),
	CASE("lseek_reply_of_most", LSEEK, seek_most, NULL, -EINVAL, 0),
	CASE("lseek_reply_of_the_largest_position", LSEEK, seek_far, NULL,
	     INT64_MAX, 0),
	CASE("lseek_reply_of_an_earlier_position", LSEEK, seek_back, NULL, 0,
	     0),
};
HOSTILE(seeks)

/* --- STATX --- */

FILL(statx_nothing, struct statx_reply, out->mask = 0)
FILL(statx_all, struct statx_reply, out->mask = ~0U; out->attributes = ~0ULL;
     out->attributes_mask = ~0ULL)
FILL(statx_no_type, struct statx_reply, out->mode = 0644)
FILL(statx_other_type, struct statx_reply, out->mode = S_IFDIR | 0755)
FILL(statx_size, struct statx_reply, out->size = ~0ULL)
FILL(statx_nsec, struct statx_reply, out->btime.nsec = ~0U)
/* What is not said to be there is not looked at. */
FILL(statx_size_unsaid, struct statx_reply, out->size = ~0ULL; out->mask = 0)
FILL(statx_type_unsaid, struct statx_reply, out->mode = 0; out->mask = 0)

static long btime_nsec(struct mnt *m)
{
	struct statx stx;
	long rc = CALL(statx(AT_FDCWD, in_mnt(m, "a"), 0, STATX_BTIME, &stx));

	return rc ? rc : stx.stx_btime.tv_nsec;
}

static long statx_mask(struct mnt *m)
{
	struct statx stx;
	long rc = CALL(statx(AT_FDCWD, in_mnt(m, "a"), 0,
			     STATX_BASIC_STATS | STATX_BTIME, &stx));

	return rc ? rc : stx.stx_mask & (STATX_BASIC_STATS | STATX_BTIME);
}

static const struct hostile statxs[] = {
	CASE("statx_reply_of_nothing", STATX, statx_nothing, statx_mask,
	     STATX_TYPE, 0),
	CASE("statx_reply_of_all", STATX, statx_all, statx_mask,
	     STATX_BASIC_STATS | STATX_BTIME, 0),
	CASE("statx_reply_of_no_type", STATX, statx_no_type, NULL, -EIO, 0),
	CASE("statx_reply_of_another_type", STATX, statx_other_type, NULL, -EIO,
	     0),
	CASE("statx_reply_of_a_negative_size", STATX, statx_size, NULL, -EIO,
	     0),
	CASE("statx_reply_of_too_many_nanoseconds", STATX, statx_nsec,
	     btime_nsec, 999999999, 0),
	CASE("statx_reply_of_an_unsaid_size", STATX, statx_size_unsaid, NULL, 0,
	     0),
	CASE("statx_reply_of_an_unsaid_type", STATX, statx_type_unsaid, NULL, 0,
	     0),
};
HOSTILE(statxs)
