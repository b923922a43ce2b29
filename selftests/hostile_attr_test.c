// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes that make no sense, and the numbers in other replies.
 *
 * 1. A type that is none or has changed, a size beyond 63 bits: EIO. An inode
 *    whose type has changed is an error from there on; by its name it is found
 *    anew.
 * 2. What can be shown is shown, what cannot is cut to what can.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/hostile.h"

static void mode_none(struct spoilt *sp)
{
	attr_of(sp)->mode = 0644;
}

static void mode_all(struct spoilt *sp)
{
	attr_of(sp)->mode |= S_IFMT;
}

static void mode_dir(struct spoilt *sp)
{
	attr_of(sp)->mode = S_IFDIR | 0755;
}

static void mode_beyond_16_bits(struct spoilt *sp)
{
	attr_of(sp)->mode |= 0xffff0000;
}

static void size_negative(struct spoilt *sp)
{
	attr_of(sp)->size = ~0ULL;
}

static void size_most(struct spoilt *sp)
{
	attr_of(sp)->size = INT64_MAX;
}

static void nsec_too_many(struct spoilt *sp)
{
	attr_of(sp)->mtimensec = ~0U;
}

static void sec_negative(struct spoilt *sp)
{
	attr_of(sp)->mtime = -5;
}

static void valid_for_ever(struct spoilt *sp)
{
	struct fuse_attr_out *out = (void *)sp->body;

	out->attr_valid = ~0ULL;
	out->attr_valid_nsec = ~0U;
}

static void blksize_is(struct spoilt *sp)
{
	attr_of(sp)->blksize = *(const uint32_t *)sp->arg;
}

static void nlink_0(struct spoilt *sp)
{
	attr_of(sp)->nlink = 0;
}

static void nlink_most(struct spoilt *sp)
{
	attr_of(sp)->nlink = ~0U;
}

static void uid_invalid(struct spoilt *sp)
{
	attr_of(sp)->uid = attr_of(sp)->gid = ~0U;
}

static void blocks_most(struct spoilt *sp)
{
	attr_of(sp)->blocks = ~0ULL;
}

static void ino_most(struct spoilt *sp)
{
	attr_of(sp)->ino = ~0ULL;
}

static void flags_all(struct spoilt *sp)
{
	/* A submount, memory, and what is not defined. */
	((uint32_t *)(attr_of(sp) + 1))[-1] = ~0U;
}

/* What fstat(2) shows of the open file a, which is asked for. */
#define SHOWS(fn, member)						\
	static long fn(struct mnt *m)					\
	{								\
		int fd = OK(open_in(m, "a", O_RDONLY));			\
		struct stat st;						\
		long rc = CALL(fstat(fd, &st));				\
									\
		close(fd);						\
		return rc ? rc : (long)(member);			\
	}

SHOWS(shows_mode, st.st_mode)
SHOWS(shows_size, st.st_size == INT64_MAX)
SHOWS(shows_nsec, st.st_mtim.tv_nsec)
/* A result below 0 would be an error. */
SHOWS(shows_sec, -st.st_mtim.tv_sec)
SHOWS(shows_blksize, st.st_blksize)
SHOWS(shows_nlink, st.st_nlink)
SHOWS(shows_uid, st.st_uid)
SHOWS(shows_blocks, st.st_blocks == -1)
SHOWS(shows_ino, st.st_ino == ~0UL)

/* Does it stay an error, for who has it open? */
static long fstat_twice(struct mnt *m)
{
	int fd = OK(open_in(m, "a", O_RDONLY));
	struct stat st;
	long rc;

	FAILS(EIO, fstat(fd, &st));
	rc = CALL(fstat(fd, &st));
	close(fd);
	OK(stat(in_mnt(m, "a"), &st));
	return rc;
}

static long chmod_twice(struct mnt *m)
{
	int fd = OK(open_in(m, "a", O_RDONLY));
	struct stat st;
	long rc;

	FAILS(EIO, fchmod(fd, 0600));
	rc = CALL(fstat(fd, &st));
	close(fd);
	OK(stat(in_mnt(m, "a"), &st));
	return rc;
}

static const uint32_t n0 = 0, n3 = 3, n511 = 511, n2g = 1U << 31, nmost = ~0U;

#define GETATTR(what, fn, shows, gives)					\
	{ .name = "getattr_reply_" what, .opcode = FUSE_GETATTR,	\
	  .spoil = fn, .call = shows, .want = { gives, 0 } }
#define SETATTR(what, fn, shows, gives)					\
	{ .name = "setattr_reply_" what, .opcode = FUSE_SETATTR,	\
	  .spoil = fn, .call = shows, .want = { gives, 0 } }
#define BLKSIZE(what, number, gives)					\
	{ .name = "getattr_reply_of_block_size_" what,			\
	  .opcode = FUSE_GETATTR, .spoil = blksize_is, .arg = &number,	\
	  .call = shows_blksize, .want = { gives, 0 } }

static const struct hostile attrs[] = {
	GETATTR("of_no_type", mode_none, fstat_twice, -EIO),
	GETATTR("of_all_types", mode_all, fstat_twice, -EIO),
	GETATTR("of_another_type", mode_dir, fstat_twice, -EIO),
	GETATTR("of_a_negative_size", size_negative, fstat_twice, -EIO),
	GETATTR("of_the_largest_size", size_most, shows_size, 1),
	GETATTR("of_a_mode_of_32_bits", mode_beyond_16_bits, shows_mode,
		S_IFREG | 0644),
	GETATTR("of_too_many_nanoseconds", nsec_too_many, shows_nsec, 999999999),
	GETATTR("of_a_negative_time", sec_negative, shows_sec, 5),
	GETATTR("valid_for_ever", valid_for_ever, NULL, 0),
	GETATTR("without_links", nlink_0, shows_nlink, 0),
	GETATTR("of_4_billion_links", nlink_most, shows_nlink, ~0U),
	GETATTR("of_an_invalid_owner", uid_invalid, shows_uid, 65534),
	GETATTR("of_too_many_blocks", blocks_most, shows_blocks, 1),
	GETATTR("of_the_largest_inode_number", ino_most, shows_ino, 1),
	GETATTR("with_all_flags", flags_all, NULL, 0),
	BLKSIZE("0", n0, 4096),
	BLKSIZE("3", n3, 2),
	BLKSIZE("511", n511, 256),
	BLKSIZE("2_gib", n2g, 1L << 31),
	BLKSIZE("4_gib", nmost, 1L << 31),
	SETATTR("of_no_type", mode_none, chmod_twice, -EIO),
	SETATTR("of_all_types", mode_all, chmod_twice, -EIO),
	SETATTR("of_another_type", mode_dir, chmod_twice, -EIO),
	SETATTR("of_a_negative_size", size_negative, chmod_twice, -EIO),
	SETATTR("of_the_largest_size", size_most, NULL, 0),
	SETATTR("of_too_many_nanoseconds", nsec_too_many, NULL, 0),
	SETATTR("without_links", nlink_0, NULL, 0),
	SETATTR("of_an_invalid_owner", uid_invalid, NULL, 0),
	SETATTR("valid_for_ever", valid_for_ever, NULL, 0),
};
HOSTILE(attrs)

/* STATFS: nothing in it is checked, all of it is shown. */
static void statfs_zeroes(struct spoilt *sp)
{
	memset(sp->body, 0, sp->len);
}

static void statfs_ones(struct spoilt *sp)
{
	memset(sp->body, 0xff, sp->len);
}

static long shows_statfs(struct mnt *m)
{
	struct statfs sf;

	OK(statfs(m->dir, &sf));
	return (uint32_t)sf.f_bsize;
}

static const struct hostile statfss[] = {
	{ .name = "statfs_reply_of_zeroes", .opcode = FUSE_STATFS,
	  .spoil = statfs_zeroes, .call = shows_statfs, .want = { 0, 0 } },
	{ .name = "statfs_reply_of_ones", .opcode = FUSE_STATFS,
	  .spoil = statfs_ones, .call = shows_statfs, .want = { ~0U, 0 } },
};
HOSTILE(statfss)
