// SPDX-License-Identifier: GPL-2.0
/*
 * fmaps that are accepted: how they are asked for, kept, shown and dropped.
 *
 * 1. However many open a file at once, its fmap and its device are asked for
 *    once; whoever is killed meanwhile takes nothing with him.
 * 2. Both dialects work, with their own limits; a message that is larger than
 *    the first buffer is asked for again, once.
 * 3. What the ioctl shows is the message, byte for byte, reserved fields zero:
 *    the protocol's two worked examples.
 * 4. An fmap goes with its inode; then its memory can be given to another file,
 *    also of another mount.
 * 5. Sizes change only with the server's consent, and the map with them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)

static int call_open(void *path)
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? errno : 0;
}

#define OPENERS	8

TEST(many_open_at_once_and_one_asks)
{
	struct srv *s = srv_with_pmem();
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	struct rule *fmap = srv_on(s, FUSE_GET_FMAP, n->id, ACT_STALL, 0);
	struct rule *dev = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct task t[OPENERS];

	for (int i = 0; i < OPENERS; i++)
		t[i] = task_start(call_open, (char *)in_mnt(m, "a"));
	UNTIL(srv_seen(s, FUSE_OPEN) == OPENERS);
	UNTIL(fmap->hits == 1);
	srv_release(s, fmap);
	UNTIL(dev->hits == 1);
	srv_release(s, dev);
	for (int i = 0; i < OPENERS; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	EQ(srv_seen(s, FUSE_GET_DAXDEV), 1);
	EQ(counter(m, "get_fmap"), 1);
	EQ(counter(m, "get_daxdev"), 1);
	EQ(counter(m, "fmaps"), 1);
	EQ(srv_last(s, FUSE_GET_DAXDEV)->nodeid, 0);
	EQ((uint32_t)srv_last(s, FUSE_GET_FMAP)->arg, FAMFS_FMAP_MAX);
	mnt_end(m);
}

TEST(many_open_files_of_one_device_and_one_asks_for_it)
{
	struct srv *s = srv_with_pmem();
	struct rule *dev = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_STALL, 0);
	static const char * const names[] = { "a", "b", "c", "d" };
	struct task t[4];
	struct mnt *m;

	for (int i = 0; i < 4; i++)
		srv_memfile(s, names[i],
			    fmap_simple1(0, AT + i * MIB, MIB, MIB));
	m = mnt_new(s);
	for (int i = 0; i < 4; i++)
		t[i] = task_start(call_open, (char *)in_mnt(m, names[i]));
	UNTIL(srv_seen(s, FUSE_GET_FMAP) == 4);
	UNTIL(dev->hits == 1);
	srv_release(s, dev);
	for (int i = 0; i < 4; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(srv_seen(s, FUSE_GET_DAXDEV), 1);
	EQ(counter(m, "fmaps"), 4);
	mnt_end(m);
}

TEST(opener_that_is_killed_leaves_the_others_to_ask)
{
	struct srv *s = srv_with_pmem();
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	struct rule *r = srv_on(s, FUSE_GET_FMAP, n->id, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct task first = task_start(call_open, (char *)in_mnt(m, "a"));
	struct task second;

	UNTIL(r->hits == 1);
	second = task_start(call_open, (char *)in_mnt(m, "a"));
	UNTIL(srv_seen(s, FUSE_OPEN) == 2);
	task_kill(&first);
	EQ(task_wait(&second), 0);
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	srv_release(s, r);
	UNTIL(r->good_errno >= 0);
	EQ(counter(m, "fmaps"), 1);
	mnt_end(m);
}

TEST(two_opens_share_one_fmap)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;
	int a, b;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	a = OK(open_in(m, "a", O_RDONLY));
	b = OK(open_in(m, "a", O_RDWR));
	EQ(counter(m, "fmaps"), 1);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	OK(close(a));
	OK(close(b));
	/* As long as the inode is there, so is the fmap. */
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	mnt_end(m);
}

TEST(only_opening_a_file_asks)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;
	struct stat st;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_dir(s, ROOT_ID, "dir");
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	OK(close(OK(open_in(m, "dir", O_RDONLY | O_DIRECTORY))));
	OK(close(OK(open_in(m, "a", O_PATH))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 0);
	EQ(counter(m, "get_fmap"), 0);
	mnt_end(m);
}

TEST(device_that_could_not_be_named_is_asked_for_again)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;

	srv_on(s, FUSE_GET_DAXDEV, 0, ACT_ERROR, EIO);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	FAILS(ENODEV, open_in(m, "a", O_RDONLY));
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_DAXDEV), 2);
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	mnt_end(m);
}

/* EEXIST, say, which the module has a meaning of its own for. */
TEST(no_error_of_the_server_s_is_taken_for_a_device)
{
	struct srv *s = srv_with_pmem();
	struct rule *r = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_ERROR, 1);
	struct mnt *m;

	r->left = -1;
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	for (; r->arg <= EHWPOISON; r->arg++)
		TRUE(open_in(m, "a", O_RDONLY) < 0);
	r->left = 0;
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	mnt_end(m);
}

TEST(device_reply_for_another_index_is_enodev)
{
	struct srv *s = srv_with_pmem();
	struct fuse_daxdev_out *out = srv_alloc(s, sizeof(*out));
	struct rule *r = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_BODY, 0);
	struct mnt *m;

	out->index = 1;
	strcpy(out->name, pmem(0)->node);
	r->bad.body = (void *)out;
	r->bad.body_len = sizeof(*out);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	FAILS(ENODEV, open_in(m, "a", O_RDONLY));
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	mnt_end(m);
}

TEST(server_that_dies_in_get_fmap_fails_the_open)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_on(s, FUSE_GET_FMAP, 0, ACT_DIE, 0);
	m = mnt_new(s);
	FAILS(ENOTCONN, open_in(m, "a", O_RDONLY));
	EQ(counter(m, "fmaps"), 0);
	srv_reap(m);
	mnt_end(m);
}

/* --- dialects --- */

#define MANY		65536
#define MANY_AT		(256 * MIB)

/* Pages in reverse order, so that no two of them are one. */
static uint64_t many_page(uint64_t i)
{
	return MANY_AT + (MANY - 1 - i) * PAGE;
}

static struct msg many_extents(int n)
{
	struct msg m = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, n * PAGE);

	for (int i = 0; i < n; i++)
		msg_ext(&m, 0, many_page(i), PAGE);
	fmap_sized(&m);
	return m;
}

static void check_page(uint8_t *p, uint64_t i)
{
	pat_fill(p + i * PAGE, 9, i * PAGE, PAGE);
	RAW(pmem(0)->node, many_page(i), 9, i * PAGE, PAGE);
}

static void use_many(uint64_t crop)
{
	struct srv *s = srv_with_pmem();
	struct node *n = srv_memfile(s, "a", many_extents(MANY));
	struct mnt *m;
	uint8_t *p;
	int fd;

	n->fmap_crop = crop;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	EQ((uint32_t)srv_last(s, FUSE_GET_FMAP)->arg, 32 + 24 * MANY);
	p = map_huge(MANY * PAGE, PROT_READ | PROT_WRITE, fd, 0);
	for (uint64_t i = 1; i < MANY; i *= 4)
		check_page(p, i);
	check_page(p, 0);
	check_page(p, MANY - 1);
	EQ(counter(m, "fault_pmd"), 0);
	OK(munmap(p, MANY * PAGE));
	OK(close(fd));
	mnt_end(m);
}

TEST(sized_dialect_takes_65536_extents_of_a_page)
{
	use_many(0);
}

TEST(sized_dialect_may_answer_with_the_header_first)
{
	use_many(sizeof(struct fuse_famfs_fmap_header));
}

TEST(sized_dialect_that_fits_at_once_is_asked_for_once)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m;

	srv_memfile(s, "a", many_extents(1000));
	srv_memfile(s, "b", many_extents(1));
	m = mnt_new(s);
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	EQ(counter(m, "fmaps"), 1);
	settle_inodes(m);
	mnt_end(m);
}

TEST(sized_message_above_16_mib_is_einval_at_once)
{
	struct srv *s = srv_with_pmem();
	struct msg msg = many_extents(1);
	struct mnt *m;

	msg_header(&msg)->reserved0 = FAMFS_FMAP_SIZED_MAX + 1;
	srv_memfile(s, "a", msg);
	m = mnt_new(s);
	FAILS(EINVAL, open_in(m, "a", O_RDONLY));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	EQ(counter(m, "fmap_refused"), 1);
	mnt_end(m);
}

TEST(sized_message_that_grows_is_asked_for_only_twice)
{
	struct srv *s = srv_with_pmem();
	struct msg msg = many_extents(1);
	struct mnt *m;

	msg_header(&msg)->reserved0 = 5 * MIB;
	srv_memfile(s, "a", msg);
	m = mnt_new(s);
	FAILS(EINVAL, open_in(m, "a", O_RDONLY));
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	EQ((uint32_t)srv_last(s, FUSE_GET_FMAP)->arg, 5 * MIB);
	EQ(counter(m, "fmap_refused"), 1);
	mnt_end(m);
}

TEST(sized_message_that_claims_too_little_is_einval)
{
	struct srv *s = srv_with_pmem();
	struct msg msg = many_extents(2);
	struct mnt *m;

	msg_header(&msg)->reserved0 -= 24;
	srv_memfile(s, "a", msg);
	m = mnt_new(s);
	FAILS(EINVAL, open_in(m, "a", O_RDONLY));
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	mnt_end(m);
}

TEST(reply_larger_than_was_asked_for_fails_the_open)
{
	struct srv *s = srv_with_pmem();
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	struct rule *r = srv_on(s, FUSE_GET_FMAP, n->id, ACT_BAD, 0);
	struct mnt *m;

	r->bad.with_body = true;
	r->bad.body_len = FAMFS_FMAP_MAX + 1;
	m = mnt_new(s);
	FAILS(EIO, open_in(m, "a", O_RDONLY));
	/* The caller wakes before the server's write(2) returns. */
	UNTIL(r->bad_errno >= 0);
	EQ(r->bad_errno, EINVAL);
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	mnt_end(m);
}

TEST(plain_dialect_takes_32_extents_of_32_strips)
{
	struct srv *s = srv_with_pmem();
	struct msg msg = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, 32 * 32 * PAGE);
	struct mnt *m;
	uint8_t *p;
	int fd;

	for (int e = 0; e < 32; e++) {
		msg_iext(&msg, 32, PAGE, 32 * PAGE);
		for (int i = 0; i < 32; i++)
			msg_ext(&msg, 0, AT + (e * 32 + 31 - i) * 2 * PAGE,
				PAGE);
	}
	srv_memfile(s, "a", msg);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(32 * 32 * PAGE, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 3, 0, 32 * 32 * PAGE);
	for (uint64_t i = 0; i < 32 * 32; i++)
		RAW(pmem(0)->node,
		    AT + (i / 32 * 32 + 31 - i % 32) * 2 * PAGE, 3, i * PAGE,
		    PAGE);
	OK(munmap(p, 32 * 32 * PAGE));
	OK(close(fd));
	mnt_end(m);
}

TEST(reserved_fields_are_ignored_and_file_types_accepted)
{
	for (int type = 0; type <= 2; type++) {
		struct srv *s = srv_with_pmem();
		struct msg msg = fmap_simple1(0, AT, MIB, MIB);
		struct mnt *m;

		msg_header(&msg)->file_type = type;
		msg_header(&msg)->reserved = 0xab;
		msg_header(&msg)->reserved1 = ~0ULL;
		((struct fuse_famfs_simple_ext *)(msg.buf + 32))->reserved = 7;
		srv_memfile(s, "a", msg);
		m = mnt_new(s);
		OK(close(OK(open_in(m, "a", O_RDONLY))));
		mnt_end(m);
	}
}
