// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of an fmap: shown by the ioctl, dropped with its inode, replaced
 * when the size changes.
 *
 * 1. FMAPFS_IOC_GET_FMAP gives the message byte for byte, reserved fields zero:
 *    the protocol's two worked examples, and their offsets on the device.
 * 2. An fmap goes with its inode or its mount; then its memory can be given to
 *    another file, also of another mount, and not before.
 * 3. Truncating is EOPNOTSUPP unless the server allows it; then the file has the
 *    size and the map that the server says.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)

static int get_fmap(int fd, void *buf, uint32_t *size)
{
	struct fmapfs_get_fmap arg = { (uintptr_t)buf, *size, 0 };
	int rc = ioctl(fd, FMAPFS_IOC_GET_FMAP, &arg);

	*size = arg.size;
	return rc;
}

/* The ioctl on a file with @in for its fmap gives @want. */
static void ioctl_gives(struct msg in, struct msg want)
{
	struct srv *s = srv_with_pmem();
	uint8_t *buf = malloc(want.len + 100);
	uint32_t size = want.len + 100;
	struct mnt *m;
	int fd;

	srv_memfile(s, "a", in);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	memset(buf, 0x5a, size);
	OK(get_fmap(fd, buf, &size));
	EQ(size, want.len);
	TRUE(!memcmp(buf, want.buf, size));
	EQ(buf[size], 0x5a);
	/* Too small by a byte: nothing is written but the size. */
	memset(buf, 0x5a, size);
	size--;
	FAILS(EOVERFLOW, get_fmap(fd, buf, &size));
	EQ(size, want.len);
	EQ(buf[0], 0x5a);
	OK(get_fmap(fd, buf, &size));
	FAILS(EFAULT, get_fmap(fd, (void *)8, &size));
	OK(close(fd));
	mnt_end(m);
}

/* Of the protocol, "Worked examples". */
static const char simple_example[] =
	"0000010000000000 0100000000000000 0000300000000000 0000000000000000"
	"0000000000000000 0000a00000000000 0000400000000000";

static const char interleaved_example[] =
	"0000010001000000 0100000000000000 0000700100000000 0000000000000000"
	"0400000000002000 0000700100000000 0000000000000000"
	"0000000000000000 0000a00000000000 0000600000000000"
	"0000000000000000 0000a04000000000 0000600000000000"
	"0000000000000000 0000a08000000000 0000600000000000"
	"0000000000000000 0000a0c000000000 0000600000000000";

/* The same with strips a quarter as far apart, for a device of 1 GiB. */
static const char scaled_example[] =
	"0000010001000000 0100000000000000 0000700100000000 0000000000000000"
	"0400000000002000 0000700100000000 0000000000000000"
	"0000000000000000 0000a00000000000 0000600000000000"
	"0000000000000000 0000a01000000000 0000600000000000"
	"0000000000000000 0000a02000000000 0000600000000000"
	"0000000000000000 0000a03000000000 0000600000000000";

TEST(ioctl_gives_the_simple_worked_example)
{
	struct msg msg = msg_from_hex(simple_example);

	EQ(msg.len, 56);
	ioctl_gives(msg, msg);
}

TEST(ioctl_gives_the_interleaved_worked_example_scaled)
{
	struct msg msg = msg_from_hex(scaled_example);

	EQ(msg.len, 152);
	ioctl_gives(msg, msg);
}

/* Its strips go up to 3 GiB: accepted by a device that is as large. */
TEST(interleaved_worked_example_needs_a_device_as_large)
{
	struct msg msg = msg_from_hex(interleaved_example);
	const struct daxdev *devs, *large = NULL;
	struct srv *s = srv_with_pmem();
	int n = daxdevs(&devs), fd;
	struct mnt *m;

	EQ(msg.len, 152);
	for (int i = 0; i < n; i++)
		if (strcmp(devs[i].type, "devdax") &&
		    devs[i].size >= 0xc0a00000 + 6 * MIB)
			large = &devs[i];
	if (large)
		strcpy(s->dev[0], large->node);
	srv_memfile(s, "a", msg);
	m = mnt_new(s);
	if (large) {
		fd = OK(open_in(m, "a", O_RDONLY));
		OK(close(fd));
	} else {
		FAILS(ERANGE, open_in(m, "a", O_RDONLY));
	}
	mnt_end(m);
}

/* The protocol's table, for the scaled example. */
TEST(interleaved_worked_example_lies_where_the_table_says)
{
	static const struct { uint64_t off, dev_off, len; } table[] = {
		{ 0, 0xa00000, 2 * MIB },
		{ 2 * MIB, 0x10a00000, 2 * MIB },
		{ 9 * MIB + 4 * KIB, 0xd01000, MIB - 4 * KIB },
		{ 15 * MIB, 0x30d00000, MIB },
		{ 22 * MIB, 0x30e00000, MIB },
	};
	struct srv *s = srv_with_pmem();
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_memfile(s, "a", msg_from_hex(scaled_example));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(23 * MIB, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 11, 0, 23 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		RAW(pmem(0)->node, table[i].dev_off, 11, table[i].off,
		    table[i].len);
	OK(munmap(p, 23 * MIB));
	OK(close(fd));
	mnt_end(m);
}

TEST(ioctl_zeroes_reserved_fields)
{
	struct msg in = fmap_simple1(0, AT, MIB, MIB - 5), want;

	want = fmap_simple1(0, AT, MIB, MIB - 5);
	msg_header(&in)->reserved1 = ~0ULL;
	((struct fuse_famfs_simple_ext *)(in.buf + 32))->reserved = ~0U;
	/* Sized, but it would fit the plain dialect. */
	fmap_sized(&in);
	ioctl_gives(in, want);
}

TEST(ioctl_gives_the_sized_dialect_beyond_32_extents)
{
	struct msg msg = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 33 * PAGE);

	for (int i = 0; i < 33; i++)
		msg_ext(&msg, i % 2, AT + 2 * i * PAGE, PAGE);
	fmap_sized(&msg);
	ioctl_gives(msg, msg);
}

TEST(ioctl_refuses_flags_and_directories)
{
	struct srv *s = srv_with_pmem();
	struct fmapfs_get_fmap arg = { .flags = 1 };
	struct mnt *m;
	int fd;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	FAILS(EINVAL, ioctl(fd, FMAPFS_IOC_GET_FMAP, &arg));
	FAILS(EFAULT, ioctl(fd, FMAPFS_IOC_GET_FMAP, NULL));
	OK(close(fd));
	fd = OK(open_in(m, "", O_RDONLY));
	FAILS(ENOTTY, ioctl(fd, FMAPFS_IOC_GET_FMAP, &arg));
	OK(close(fd));
	mnt_end(m);
}

/* --- the end of an fmap --- */

TEST(fmap_goes_with_its_inode)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_memfile(s, "b", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	FAILS(EEXIST, open_in(m, "b", O_RDONLY));
	settle_inodes(m);
	EQ(counter(m, "fmaps"), 0);
	OK(close(OK(open_in(m, "b", O_RDONLY))));
	EQ(counter(m, "fmaps"), 1);
	mnt_end(m);
}

TEST(mapping_keeps_the_fmap_of_a_closed_file)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(MIB, PROT_READ | PROT_WRITE, fd, 0);
	OK(close(fd));
	drop_caches();
	EQ(counter(m, "fmaps"), 1);
	pat_fill(p, 4, 0, MIB);
	RAW(pmem(0)->node, AT, 4, 0, MIB);
	OK(munmap(p, MIB));
	settle_inodes(m);
	EQ(counter(m, "fmaps"), 0);
	mnt_end(m);
}

TEST(overlap_across_mounts_is_refused)
{
	struct srv *s1 = srv_with_pmem(), *s2 = srv_with_pmem();
	struct mnt *m1, *m2;
	int fd;

	srv_memfile(s1, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_memfile(s2, "b", fmap_simple1(0, AT + MIB - PAGE, MIB, MIB));
	m1 = mnt_new(s1);
	m2 = mnt_new(s2);
	fd = OK(open_in(m1, "a", O_RDONLY));
	FAILS(EEXIST, open_in(m2, "b", O_RDONLY));
	EQ(counter(m2, "fmap_refused"), 1);
	EQ(counter(m1, "fmap_refused"), 0);
	OK(close(fd));
	mnt_end(m1);
	fd = OK(open_in(m2, "b", O_RDONLY));
	OK(close(fd));
	mnt_end(m2);
}

TEST(two_mounts_may_use_one_device)
{
	struct srv *s1 = srv_with_pmem(), *s2 = srv_with_pmem();
	struct mnt *m1, *m2;
	uint8_t *p, *q;
	int a, b;

	srv_memfile(s1, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_memfile(s2, "b", fmap_simple1(0, AT + MIB, MIB, MIB));
	m1 = mnt_new(s1);
	m2 = mnt_new(s2);
	a = OK(open_in(m1, "a", O_RDWR));
	b = OK(open_in(m2, "b", O_RDWR));
	p = map_huge(MIB, PROT_READ | PROT_WRITE, a, 0);
	q = map_huge(MIB, PROT_READ | PROT_WRITE, b, 0);
	pat_fill(p, 1, 0, MIB);
	pat_fill(q, 2, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(a));
	mnt_end(m1);
	PAT(q, 2, 0, MIB);
	RAW(pmem(0)->node, AT, 1, 0, MIB);
	OK(munmap(q, MIB));
	OK(close(b));
	mnt_end(m2);
}

TEST(remount_finds_the_data_again)
{
	for (int round = 0; round < 2; round++) {
		struct srv *s = srv_with_pmem();
		struct mnt *m;
		uint8_t *p;
		int fd;

		srv_memfile(s, "a", fmap_simple1(1, AT, MIB, MIB));
		m = mnt_new(s);
		fd = OK(open_in(m, "a", O_RDWR));
		p = map_huge(MIB, PROT_READ | PROT_WRITE, fd, 0);
		if (!round)
			pat_fill(p, 77, 0, MIB);
		else
			PAT(p, 77, 0, MIB);
		OK(munmap(p, MIB));
		OK(close(fd));
		mnt_end(m);
	}
}

/* --- sizes --- */

TEST(truncating_is_eopnotsupp_unless_the_server_allows_it)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;
	struct stat st;
	int fd;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(EOPNOTSUPP, ftruncate(fd, 0));
	FAILS(EOPNOTSUPP, ftruncate(fd, 2 * MIB));
	FAILS(EOPNOTSUPP, truncate(in_mnt(m, "a"), 5));
	FAILS(EOPNOTSUPP, open_in(m, "a", O_RDWR | O_TRUNC));
	FAILS(EOPNOTSUPP, fallocate(fd, 0, 0, 2 * MIB));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				    FALLOC_FL_KEEP_SIZE, 0, PAGE));
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	OK(close(fd));
	mnt_end(m);
}

/* The server says yes, and the file stays as it is. */
TEST(truncate_that_the_server_ignores_changes_nothing)
{
	struct srv *s = srv_with_pmem();
	struct fuse_attr_out *out = srv_alloc(s, sizeof(*out));
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	struct rule *r = srv_on(s, FUSE_SETATTR, n->id, ACT_BODY, 0);
	struct mnt *m;
	struct stat st;
	uint8_t *p;
	int fd;

	out->attr_valid = 3600;
	out->attr = (struct fuse_attr){ .ino = n->id, .size = MIB,
					.mode = n->mode, .nlink = 1 };
	r->bad.body = (void *)out;
	r->bad.body_len = sizeof(*out);
	r->left = -1;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(MIB, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 6, 0, MIB);
	OK(ftruncate(fd, 0));
	OK(close(OK(open_in(m, "a", O_RDWR | O_TRUNC))));
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	PAT(p, 6, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(fd));
	mnt_end(m);
}

TEST(truncate_that_the_server_allows_brings_another_map)
{
	struct srv *s = srv_with_pmem();
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, AT, 2 * MIB, 2 * MIB));
	struct mnt *m;
	struct stat st;
	uint8_t *p;
	int fd;

	n->may_truncate = true;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(4 * MIB, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 6, 0, 2 * MIB);
	/* Smaller: what is cut off is gone from the mapping, too. */
	srv_set_fmap(s, n, fmap_simple1(0, AT, MIB, MIB));
	OK(ftruncate(fd, MIB));
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	PAT(p, 6, 0, MIB);
	TRUE(try_read(p + MIB));
	FAILS(ENOSPC, pwrite(fd, "x", 1, MIB));
	/* Larger, the new part elsewhere, for the same mapping. */
	srv_set_fmap(s, n, fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 4 * MIB));
	{
		struct msg msg = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 4 * MIB);

		msg_ext(&msg, 0, AT, MIB);
		msg_ext(&msg, 1, AT, 3 * MIB);
		srv_set_fmap(s, n, msg);
	}
	OK(ftruncate(fd, 4 * MIB));
	OK(fstat(fd, &st));
	EQ(st.st_size, 4 * MIB);
	pat_fill(p + MIB, 8, 0, 3 * MIB);
	RAW(pmem(1)->node, AT, 8, 0, 3 * MIB);
	PAT(p, 6, 0, MIB);
	EQ(counter(m, "fmaps"), 1);
	OK(munmap(p, 4 * MIB));
	OK(close(fd));
	mnt_end(m);
}
