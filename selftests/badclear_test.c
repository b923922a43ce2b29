// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of memory that is bad.
 *
 * 1. When the server says so it is cleared, and nothing else, if the kernel can do
 *    that: an error that was simulated, and what the driver can clear. Otherwise it
 *    stays bad.
 * 2. It stays so for a later mount, until the driver has been unbound.
 * 3. What another mount uses, or the server may not write to, is not cleared.
 * 4. What the driver knows to be poisoned, before the device is used or later, is
 *    not touched, and write() does not make it good.
 *
 * QEMU's nvdimm has no command that clears errors: its badblocks stay, with EIO. A
 * pmem from the firmware's memory map does clear them: with BADMEM_E820=NODE (and
 * the kernel's memmap=256M!768M) that is tested as well.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fmapfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/badfiles.h"

/* --- clearing --- */

static int clear(const struct files *f, uint64_t off, uint64_t len)
{
	struct fmapfs_clear_bad what = { .offset = off, .len = len };

	return ioctl(f->dev, FMAPFS_IOC_CLEAR_BAD, &what);
}

static void zeroes_at(int fd, uint64_t off)
{
	static const uint8_t zeroes[PAGE];
	uint8_t buf[PAGE];

	EQ(pread(fd, buf, PAGE, off), PAGE);
	EQ(memcmp(buf, zeroes, PAGE), 0);
}

/* Several pages; a part of them; all of the device. */
static void clear_some(const struct removable *r)
{
	static const uint64_t bad[] = {
		AT + BAD, AT + BAD + 3 * PAGE, AT + BAD + 5 * PAGE,
	};
	struct files f = files_new(r);
	char byte;
	struct viewer *v = viewer_new(f.a, 0, 0, LEN, VIEW_HUGE);

	for (int i = 0; i < 3; i++)
		poison(i, f.a, bad[i] - AT);
	files_list(&f, bad, 3);
	OK(clear(&f, bad[1] - PAGE, 3 * PAGE));
	files_list(&f, (uint64_t []){ bad[0], bad[2] }, 2);
	zeroes_at(f.a, bad[1] - AT);
	check_read(f.a, 1, bad[1] - AT + PAGE, PAGE);
	FAILS(EIO, pread(f.a, &byte, 1, bad[2] - AT));
	OK(clear(&f, 0, r->dev->size & ~(PAGE - 1)));
	files_list_none(&f);
	for (int i = 0; i < 3; i++)
		zeroes_at(f.a, bad[i] - AT);
	check_read(f.a, 1, 0, BAD);
	check_read(f.a, 1, bad[2] - AT + PAGE, AT + LEN - bad[2] - PAGE);
	check_read(f.b, 2, 0, LEN);
	/* Who had it mapped has it again. */
	viewer_loses(v, NOTHING);
	viewers_end();
	/* There is nothing left to clear, and it may fail again. */
	fill_file(f.a, 1);
	OK(clear(&f, AT, LEN));
	check_read(f.a, 1, 0, LEN);
	poison(MADVISED, f.a, BAD);
	only_bad(f.a, 1, BAD);
	OK(clear(&f, AT + BAD, PAGE));
	zeroes_at(f.a, BAD);
	files_unmount(&f);
	f = files_mount(r);
	files_list_none(&f);
	files_unmount(&f);
}

TEST(server_has_bad_memory_cleared)
{
	with_each_device(clear_some);
}

/* The page has never been mapped. */
static void refuse_to_clear(const struct removable *r)
{
	struct fmapfs_clear_bad what = { .offset = AT, .len = PAGE };
	struct files f = files_new(r);
	uint64_t size = r->dev->size & ~(PAGE - 1);
	int dev = open_dev();

	poison(OFFLINED, f.a, BAD);
	FAILS(EPERM, ioctl(dev, FMAPFS_IOC_CLEAR_BAD, &what));
	OK(close(dev));
	FAILS(EFAULT, ioctl(f.dev, FMAPFS_IOC_CLEAR_BAD, NULL));
	what.flags = 1;
	FAILS(EINVAL, ioctl(f.dev, FMAPFS_IOC_CLEAR_BAD, &what));
	what = (struct fmapfs_clear_bad){ 1, 0, AT, PAGE };
	FAILS(ENODEV, ioctl(f.dev, FMAPFS_IOC_CLEAR_BAD, &what));
	what.devindex = UINT32_MAX;
	FAILS(EINVAL, ioctl(f.dev, FMAPFS_IOC_CLEAR_BAD, &what));
	FAILS(EINVAL, clear(&f, AT + BAD, 0));
	FAILS(EINVAL, clear(&f, AT + BAD, PAGE - 1));
	FAILS(EINVAL, clear(&f, AT + BAD + 512, PAGE));
	FAILS(EINVAL, clear(&f, size, PAGE));
	FAILS(EINVAL, clear(&f, PAGE, size));
	FAILS(EINVAL, clear(&f, PAGE, -PAGE));
	FAILS(EINVAL, clear(&f, -PAGE, 2 * PAGE));
	files_list_one(&f, AT + BAD);
	files_unmount(&f);

	/* It outlives the mount. That it was simulated is not known any more. */
	f = files_mount(r);
	files_list_one(&f, AT + BAD);
	only_bad(f.a, 1, BAD);
	FAILS(EOPNOTSUPP, clear(&f, AT, LEN));
	files_list_one(&f, AT + BAD);
	only_bad(f.a, 1, BAD);
	take_away(r);
	FAILS(ENODEV, clear(&f, AT, LEN));
	files_unmount(&f);
	give_back(r);
	f = files_mount(r);
	files_list_none(&f);
	files_unmount(&f);
}

TEST(clearing_is_refused)
{
	with_each_device(refuse_to_clear);
}

/* Mounts that share a device: each can clear what no other has files on. */
static void clear_for_others(const struct removable *r)
{
	struct files f = files_new(r);
	struct files other = { .r = r };
	struct srv *s = srv_new();

	strcpy(s->dev[0], r->dev->node);
	srv_memfile(s, "c", fmap_simple1(0, AT + 2 * LEN, LEN, LEN));
	other.m = mnt_new_dev(s, MNT_OPTS, &other.dev);
	other.a = OK(open_in(other.m, "c", O_RDWR));
	fill_file(other.a, 3);
	poison(MADVISED, other.a, BAD);
	files_list_one(&f, AT + 2 * LEN + BAD);
	files_list_one(&other, AT + 2 * LEN + BAD);
	FAILS(EBUSY, clear(&f, AT + LEN, 2 * LEN));
	FAILS(EIO, pread(other.a, s, 1, BAD));
	OK(clear(&other, AT + 2 * LEN, LEN));
	zeroes_at(other.a, BAD);
	OK(close(other.a));
	OK(close(other.dev));
	mnt_end(other.m);
	files_unmount(&f);
}

TEST(memory_of_other_mounts_is_not_cleared)
{
	with_each_device(clear_for_others);
}

static void clear_without_leave(const struct removable *r)
{
	int on = 1, off = 0, disk;
	struct files f;

	/* A character device that its server may not write to: device_test.c */
	if (!strcmp(r->dev->type, "fsdev"))
		return;
	f = files_new(r);
	poison(MADVISED, f.a, BAD);
	files_unmount(&f);
	disk = OK(open(r->dev->node, O_RDONLY | O_CLOEXEC));
	OK(ioctl(disk, BLKROSET, &on));
	f = files_mount(r);
	files_list_one(&f, AT + BAD);
	FAILS(EROFS, clear(&f, AT, LEN));
	files_list_one(&f, AT + BAD);
	files_unmount(&f);
	OK(ioctl(disk, BLKROSET, &off));
	OK(close(disk));
	take_away(r);
}

TEST(device_that_may_only_be_read_is_not_cleared)
{
	with_each_device(clear_without_leave);
}

/* --- what the driver knows --- */

static void add_badblock(const struct daxdev *dev, uint64_t off)
{
	char path[96], text[64];

	snprintf(path, sizeof(path), "/sys/class/block/%s",
		 strrchr(dev->node, '/') + 1);
	snprintf(text, sizeof(text), "%llu 8\n", (unsigned long long)off / 512);
	sysfs_put(path, "badblocks", text);
}

/* Known before the device is used; nothing that users do makes it good. */
static void know_before(const struct removable *r)
{
	struct files f = files_new(r);
	uint8_t *p;

	files_unmount(&f);
	add_badblock(r->dev, AT + BAD);
	f = files_mount(r);
	files_list_one(&f, AT + BAD);
	only_bad(f.a, 1, BAD);
	check_read(f.b, 2, 0, LEN);
	p = map_huge(LEN, RW, f.a, 0);
	EQ(try_write(p + BAD, 1), BUS_MCEERR_AR);
	EQ(try_read(p + BAD), BUS_MCEERR_AR);
	PAT(p + BAD + PAGE, 1, BAD + PAGE, LEN - BAD - PAGE);
	OK(munmap(p, LEN));
	/* This one's firmware cannot. */
	FAILS(EIO, clear(&f, AT, LEN));
	files_list_one(&f, AT + BAD);
	only_bad(f.a, 1, BAD);
	files_end(&f);
}

/* Nobody tells: it is learnt when it is used. */
static void know_later(const struct removable *r)
{
	static const uint64_t bad[] = {
		AT + BAD, AT + BAD + HUGE, AT + BAD + 2 * HUGE,
	};
	struct files f = files_new(r);
	uint8_t *buf = malloc(LEN), *p;

	for (int i = 0; i < 3; i++)
		add_badblock(r->dev, bad[i]);
	files_list_none(&f);
	EQ(pread(f.a, buf, HUGE, HUGE), BAD - HUGE);
	PAT(buf, 1, HUGE, BAD - HUGE);
	FAILS(EIO, pread(f.a, buf, HUGE, BAD));
	p = map_huge(LEN, RW, f.a, 0);
	EQ(try_read(p + BAD + HUGE), BUS_MCEERR_AR);
	EQ(try_read(p + BAD + HUGE + PAGE), 0);
	EQ(pwrite(f.a, buf, 3 * PAGE, BAD + 2 * HUGE - PAGE), PAGE);
	FAILS(EIO, pwrite(f.a, buf, PAGE, BAD + 2 * HUGE));
	files_list(&f, bad, 3);
	OK(munmap(p, LEN));
	free(buf);
	files_end(&f);
}

#define MANY	300
#define RANGES	256		/* FMAPFS_BAD_MAX */

/* Too many to be told apart: some good pages between them are given up. */
static void know_many(const struct removable *r)
{
	struct files f = files_new(r);
	char text[8192], byte;
	int lost = 0;

	files_unmount(&f);
	for (int i = 0; i < MANY; i++)
		add_badblock(r->dev, AT + HUGE + i * 2 * PAGE);
	f = files_mount(r);
	for (int i = 0; i < 2 * MANY; i++) {
		int n = pread(f.a, &byte, 1, HUGE + i * PAGE);

		TRUE(n < 0 ? errno == EIO : n && i % 2);
		lost += n < 0;
	}
	EQ(lost, MANY + MANY - RANGES);
	check_read(f.a, 1, 0, HUGE);
	check_read(f.a, 1, HUGE + 2 * MANY * PAGE, PAGE);
	check_read(f.b, 2, 0, LEN);
	/* The file has no room for all of them, and says so. */
	read_list(&f, text, sizeof(text));
	TRUE(strlen(text) < PAGE);
	EQ_STR(text + strlen(text) - 5, "\n...\n");
	files_end(&f);
}

/* A character device has no such list: the flags of its pages are tested above. */
static void know_from_driver(const struct removable *r)
{
	static void (* const fn[])(const struct removable *r) = {
		know_before, know_later, know_many,
	};

	for (int i = 0; i < 3 && strcmp(r->dev->type, "fsdev"); i++) {
		fn[i](r);
		give_back(r);
	}
}

TEST(poison_that_the_driver_knows_is_not_touched)
{
	with_each_device(know_from_driver);
}

/* See above. @node's driver says that it can clear whatever there is. */
static void clear_by_driver(const struct daxdev *dev)
{
	struct removable r = { .dev = dev };
	struct files f = files_new(&r);

	files_unmount(&f);
	add_badblock(dev, AT + BAD);
	f = files_mount(&r);
	files_list_one(&f, AT + BAD);
	only_bad(f.a, 1, BAD);
	OK(clear(&f, AT, LEN));
	files_list_none(&f);
	zeroes_at(f.a, BAD);
	check_read(f.a, 1, 0, BAD);
	check_read(f.a, 1, BAD + PAGE, LEN - BAD - PAGE);
	/* With the page's flag as well. */
	poison(MADVISED, f.a, BAD);
	add_badblock(dev, AT + BAD);
	files_unmount(&f);
	f = files_mount(&r);
	files_list_one(&f, AT + BAD);
	OK(clear(&f, AT, LEN));
	zeroes_at(f.a, BAD);
	files_unmount(&f);
	f = files_mount(&r);
	files_list_none(&f);
	files_unmount(&f);
}

TEST(driver_clears_its_poison)
{
	const char *node = getenv("BADMEM_E820");
	struct daxdev dev = { .type = "pmem" };
	struct removable r;

	if (node) {
		snprintf(dev.node, sizeof(dev.node), "%s", node);
		clear_by_driver(&dev);
		return;
	}
	/* One that cannot: it stays bad. */
	removable_device(&r, pmem(0));
	know_before(&r);
	give_back(&r);
}
