// SPDX-License-Identifier: GPL-2.0
/*
 * Partitions of a pmem device.
 *
 * 1. A disk and its partitions exclude each other, EBUSY, whatever pages they are
 *    about, within a mount and between mounts.
 * 2. Partitions are devices of their own, to the page. If they overlap, a page has
 *    one file all the same. One that begins or ends within a page is none.
 * 3. One that is in use cannot be deleted. One that is made smaller meanwhile gives
 *    no more than it has; what is in use of it is nobody else's.
 * 4. A file system on one partition does not keep fmapfs from the other.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include <linux/blkpg.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/parts.h"
#include "lib/whole.h"

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* Index 0 is the disk, the others are its partitions. */
static struct srv *srv_of_disk(void)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], pmem(0)->node);
	for (int i = 1; i <= 4; i++)
		snprintf(s->dev[i], sizeof(s->dev[i]), "%.40sp%d", pmem(0)->node,
			 i);
	return s;
}

static const struct part two[] = {
	{ 16 * MIB, 64 * MIB }, { 80 * MIB, 32 * MIB },
};

static struct mnt *mnt_of_both(void)
{
	struct srv *s = srv_of_disk();

	whole_file(s, "disk", 0, AT, MIB);
	whole_file(s, "one", 1, 0, MIB);
	whole_file(s, "two", 2, 0, MIB);
	return mnt_new(s);
}

/* Whatever pages they are about. */
TEST(disk_and_its_partitions_exclude_each_other)
{
	struct mnt *m, *m2;

	partition(pmem(0)->node, two, 2);
	m = mnt_of_both();
	m2 = mnt_of_both();
	EQ(whole_open(m, "disk"), 0);
	EQ(whole_open(m, "one"), EBUSY);
	EQ(whole_open(m2, "two"), EBUSY);
	EQ(whole_open(m2, "disk"), EEXIST);
	mnt_end(m);
	/* The second mount holds the disk, although it has no file. */
	m = mnt_of_both();
	EQ(whole_open(m, "one"), EBUSY);
	mnt_end(m2);
	EQ(whole_open(m, "one"), 0);
	m2 = mnt_of_both();
	EQ(whole_open(m2, "disk"), EBUSY);
	EQ(whole_open(m, "disk"), EBUSY);
	EQ(whole_open(m2, "one"), EEXIST);
	EQ(whole_open(m2, "two"), 0);
	mnt_end(m);
	mnt_end(m2);
	partition(pmem(0)->node, NULL, 0);
}

TEST(partitions_are_devices_of_their_own)
{
	const char *node = pmem(0)->node;
	struct srv *s = srv_of_disk();
	struct mnt *m;

	partition(pmem(0)->node, two, 2);
	whole_file(s, "start1", 1, 0, 2 * MIB);
	whole_file(s, "end1", 1, 62 * MIB, 2 * MIB);
	whole_file(s, "start2", 2, 0, 2 * MIB);
	whole_file(s, "past1", 1, 62 * MIB + PAGE, 2 * MIB);
	whole_file(s, "page1", 1, 64 * MIB, PAGE);
	whole_file(s, "far1", 1, 70 * MIB, PAGE);
	whole_file(s, "past2", 2, 32 * MIB, PAGE);
	whole_file(s, "table", 1, -15ULL * MIB, PAGE);
	m = mnt_new(s);
	raw_fill(node, 16 * MIB - PAGE, 9, 0, PAGE);
	whole_fill(m, "end1", 2, 2 * MIB);
	whole_fill(m, "start2", 3, 2 * MIB);
	whole_fill(m, "start1", 1, 2 * MIB);
	EQ(counter(m, "fault_pmd"), 3);
	RAW(node, 16 * MIB - PAGE, 9, 0, PAGE);
	RAW(node, 16 * MIB, 1, 0, 2 * MIB);
	RAW(node, 78 * MIB, 2, 0, 2 * MIB);
	RAW(node, 80 * MIB, 3, 0, 2 * MIB);
	EQ(whole_open(m, "past1"), ERANGE);
	EQ(whole_open(m, "page1"), ERANGE);
	EQ(whole_open(m, "far1"), ERANGE);
	EQ(whole_open(m, "past2"), ERANGE);
	EQ(whole_open(m, "table"), ERANGE);
	mnt_end(m);
	partition(pmem(0)->node, NULL, 0);
}

TEST(overlapping_partitions_share_no_page)
{
	static const struct part over[] = {
		{ 16 * MIB, 48 * MIB }, { 48 * MIB, 64 * MIB },
	};
	struct srv *s = srv_of_disk(), *s2 = srv_of_disk();
	struct mnt *m, *m2;

	partition(pmem(0)->node, over, 2);
	whole_file(s, "a", 1, 40 * MIB, MIB);	/* 56 MiB of the disk */
	whole_file(s, "same", 2, 8 * MIB, MIB);
	whole_file(s2, "same", 2, 8 * MIB, MIB);
	whole_file(s2, "page", 2, 9 * MIB - PAGE, MIB);
	whole_file(s2, "next", 2, 9 * MIB, MIB);
	m = mnt_new(s);
	m2 = mnt_new(s2);
	EQ(whole_open(m, "a"), 0);
	EQ(whole_open(m, "same"), EEXIST);
	EQ(whole_open(m2, "same"), EEXIST);
	EQ(whole_open(m2, "page"), EEXIST);
	EQ(whole_open(m2, "next"), 0);
	settle_inodes(m);
	settle_inodes(m2);
	EQ(whole_open(m2, "same"), 0);
	EQ(whole_open(m, "a"), EEXIST);
	mnt_end(m);
	mnt_end(m2);
	partition(pmem(0)->node, NULL, 0);
}

TEST(partition_that_cuts_a_page_is_none)
{
	static const struct part odd[] = {
		{ 16 * MIB + 512, 16 * MIB }, { 64 * MIB, 16 * MIB + 512 },
	};
	struct srv *s = srv_of_disk();
	struct mnt *m;

	partition(pmem(0)->node, odd, 2);
	whole_file(s, "start", 1, 0, MIB);
	whole_file(s, "end", 2, 0, MIB);
	m = mnt_new(s);
	EQ(whole_open(m, "start"), ENODEV);
	EQ(whole_open(m, "end"), ENODEV);
	mnt_end(m);
	partition(pmem(0)->node, NULL, 0);
}

/* What partprobe(8) and the like do. */
static int blkpg(int op, int number, uint64_t start, uint64_t len)
{
	struct blkpg_partition p = {
		.start = start, .length = len, .pno = number,
	};
	struct blkpg_ioctl_arg arg = {
		.op = op, .datalen = sizeof(p), .data = &p,
	};
	int fd = OK(open(pmem(0)->node, O_RDWR)), rc;

	rc = ioctl(fd, BLKPG, &arg) ? errno : 0;
	OK(close(fd));
	return rc;
}

TEST(partition_in_use_cannot_go_but_may_shrink)
{
	struct srv *s = srv_of_disk(), *s2 = srv_of_disk();
	struct mnt *m, *m2;
	struct node *n;
	uint8_t *p;
	int fd;

	partition(pmem(0)->node, two, 1);
	n = whole_file(s, "end", 1, 62 * MIB, 2 * MIB);
	n->may_truncate = true;
	whole_file(s, "cut", 1, 40 * MIB, 2 * MIB);
	whole_file(s, "left", 1, 30 * MIB, 2 * MIB);
	whole_file(s2, "same", 2, 30 * MIB, 2 * MIB);
	m = mnt_new(s);
	m2 = mnt_new(s2);
	fd = OK(open_in(m, "end", O_RDWR));
	p = map_huge(2 * MIB, RW, fd, 0);
	pat_fill(p, 1, 0, 2 * MIB);
	EQ(blkpg(BLKPG_DEL_PARTITION, 1, 0, 0), EBUSY);
	EQ(blkpg(BLKPG_RESIZE_PARTITION, 1, 16 * MIB, 32 * MIB), 0);
	/* The rest is another's. */
	EQ(blkpg(BLKPG_ADD_PARTITION, 2, 48 * MIB, 32 * MIB), 0);
	UNTIL(!access(s->dev[2], F_OK));
	EQ(whole_open(m, "cut"), ERANGE);
	EQ(whole_open(m, "left"), 0);
	EQ(whole_open(m2, "same"), EEXIST);
	/* The map that there was, is. */
	pat_fill(p, 2, 0, 2 * MIB);
	RAW(pmem(0)->node, 78 * MIB, 2, 0, 2 * MIB);
	srv_set_fmap(s, n, fmap_simple1(1, 60 * MIB, MIB, MIB));
	FAILS(ERANGE, ftruncate(fd, MIB));
	PAT(p, 2, 0, 2 * MIB);
	OK(munmap(p, 2 * MIB));
	OK(close(fd));
	mnt_end(m);
	EQ(whole_open(m2, "same"), 0);
	mnt_end(m2);
	partition(pmem(0)->node, NULL, 0);
}

TEST(file_system_on_one_partition_leaves_us_the_other)
{
	struct srv *s = srv_of_disk();
	char cmd[512], *dir = make_dir();
	struct mnt *m;
	int fd;

	partition(pmem(0)->node, two, 2);
	snprintf(cmd, sizeof(cmd), "modprobe -q ext4; mkfs.ext4 -q -F -b 4096 %s",
		 s->dev[1]);
	EQ(system(cmd), 0);
	OK(mount(s->dev[1], dir, "ext4", 0, "dax"));
	whole_file(s, "disk", 0, AT, MIB);
	whole_file(s, "one", 1, 0, MIB);
	whole_file(s, "two", 2, 0, MIB);
	m = mnt_new(s);
	EQ(whole_open(m, "one"), EBUSY);
	EQ(whole_open(m, "disk"), EBUSY);
	whole_fill(m, "two", 4, MIB);
	RAW(pmem(0)->node, 80 * MIB, 4, 0, MIB);
	snprintf(cmd, sizeof(cmd), "%s/f", dir);
	fd = OK(open(cmd, O_CREAT | O_RDWR, 0600));
	EQ(pwrite(fd, cmd, sizeof(cmd), 0), sizeof(cmd));
	OK(fsync(fd));
	OK(close(fd));
	OK(umount(dir));
	EQ(whole_open(m, "one"), 0);
	FAILS(EBUSY, mount(s->dev[1], dir, "ext4", 0, "dax"));
	mnt_end(m);
	OK(mount(s->dev[1], dir, "ext4", 0, "dax"));
	OK(umount(dir));
	OK(rmdir(dir));
	partition(pmem(0)->node, NULL, 0);
}
