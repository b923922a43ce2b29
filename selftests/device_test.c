// SPDX-License-Identifier: GPL-2.0
/*
 * DAX devices: how they are named, pushed, shared and refused.
 *
 * 1. A name is looked up in the mount namespace, in the root and with the rights
 *    of the server, never of the process that opens the file.
 * 2. A device can be pushed by ioctl before it is asked for; what may not be
 *    pushed is refused.
 * 3. There are 64 indices; several may stand for one device.
 * 4. Every DAX device of the machine serves files, a partition of one as well.
 * 5. What others use is EBUSY, both ways.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/parts.h"

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

static dev_t rdev(const char *node)
{
	struct stat st;

	OK(stat(node, &st));
	return st.st_rdev;
}

/* The file "a" of the mount is the first MiB at AT of the pmem device @i. */
static void is_on(struct mnt *m, int i)
{
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *p = map_huge(MIB, RW, fd, 0);

	raw_fill(pmem(!i)->node, AT, 1, 0, MIB);
	pat_fill(p, 2, 0, MIB);
	RAW(pmem(i)->node, AT, 2, 0, MIB);
	RAW(pmem(!i)->node, AT, 1, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(fd));
}

static struct srv *srv_with_name(const char *name)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], name);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	return s;
}

struct elsewhere {
	struct mnt *m;
	char path[256];
};

/* Opens where the first device's name stands for the second one. */
static int open_elsewhere(void *arg)
{
	struct elsewhere *e = arg;
	dev_t other = rdev(pmem(1)->node);
	int fd;

	pmem(0);
	OK(unshare(CLONE_NEWNS));
	OK(mount("fake", "/dev", "tmpfs", 0, NULL));
	OK(mknod(pmem(0)->node, S_IFBLK | 0600, other));
	fd = open(e->path, O_RDONLY);
	return fd < 0 ? errno : 0;
}

TEST(device_is_looked_up_in_the_servers_mount_namespace)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct mnt *m = mnt_new(s);
	struct elsewhere e = { .m = m };
	struct task t;

	strcpy(e.path, in_mnt(m, "a"));
	t = task_start(open_elsewhere, &e);
	EQ(task_wait(&t), 0);
	is_on(m, 0);
	mnt_end(m);
}

static void setup_own_dev(struct srv *s)
{
	dev_t dev = rdev(pmem(1)->node);

	(void)s;
	OK(unshare(CLONE_NEWNS));
	OK(mount("own", "/mnt", "tmpfs", 0, NULL));
	OK(mknod("/mnt/only-the-server-sees-this", S_IFBLK | 0600, dev));
}

TEST(device_that_only_the_server_sees_is_found)
{
	struct srv *s = srv_with_name("/mnt/only-the-server-sees-this");
	struct mnt *m;

	s->setup = setup_own_dev;
	m = mnt_new(s);
	is_on(m, 1);
	EQ(access("/mnt/only-the-server-sees-this", F_OK), -1);
	mnt_end(m);
}

static void setup_root(struct srv *s)
{
	dev_t dev = rdev(pmem(1)->node);

	(void)s;
	OK(unshare(CLONE_NEWNS));
	OK(mount("own", "/mnt", "tmpfs", 0, NULL));
	OK(mknod("/mnt/node", S_IFBLK | 0600, dev));
	OK(chroot("/mnt"));
	OK(chdir("/"));
}

TEST(device_is_looked_up_in_the_servers_root)
{
	struct srv *s = srv_with_name("/node");
	struct mnt *m;

	s->setup = setup_root;
	m = mnt_new(s);
	is_on(m, 1);
	mnt_end(m);
}

static void setup_nobody(struct srv *s)
{
	(void)s;
	OK(setgroups(0, NULL));
	OK(setresgid(65534, 65534, 65534));
	OK(setresuid(65534, 65534, 65534));
}

TEST(device_that_the_server_may_not_open_is_enodev)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct mnt *m;

	s->setup = setup_nobody;
	m = mnt_new(s);
	FAILS(ENODEV, open_in(m, "a", O_RDONLY));
	mnt_end(m);
}

TEST(device_name_may_be_a_symbolic_link)
{
	struct srv *s = srv_with_name("/tmp/link-to-pmem");
	struct mnt *m;

	OK(symlink(pmem(0)->node, "/tmp/link-to-pmem"));
	m = mnt_new(s);
	is_on(m, 0);
	OK(unlink("/tmp/link-to-pmem"));
	mnt_end(m);
}

TEST(sysfs_lists_the_devices)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct mnt *m = mnt_new(s);
	char path[64], text[4096], want[128];

	snprintf(path, sizeof(path), SYSFS "/%u/devices", m->minor);
	EQ(read_text(path, text, sizeof(text)), 0);
	is_on(m, 0);
	OK(read_text(path, text, sizeof(text)));
	snprintf(want, sizeof(want), "0 %s %lu rw\n", pmem(0)->node + 5,
		 pmem(0)->size);
	EQ_STR(text, want);
	mnt_end(m);
}

/* A device that may not be written to: the files are read-only, too. */
TEST(read_only_device_is_read_only)
{
	struct srv *s = srv_with_name(pmem(1)->node);
	struct mnt *m = mnt_new(s);
	int dev = OK(open(pmem(1)->node, O_RDONLY)), fd, on = 1, off = 0;
	uint8_t *p, *buf = malloc(MIB);

	raw_fill(pmem(1)->node, AT, 6, 0, MIB);
	OK(ioctl(dev, BLKROSET, &on));
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(pread(fd, buf, MIB, 0), MIB);
	PAT(buf, 6, 0, MIB);
	p = map_huge(MIB, PROT_READ, fd, 0);
	PAT(p, 6, 0, MIB);
	FAILS(EROFS, pwrite(fd, buf, 1, 0));
	EQ((long)mmap(NULL, MIB, RW, MAP_SHARED, fd, 0), -1);
	EQ(errno, EACCES);
	FAILS(EACCES, mprotect(p, MIB, RW));
	/* A private copy is anybody's to write to. */
	OK(munmap(p, MIB));
	p = map_at(MIB, HUGE, RW, MAP_PRIVATE, fd, 0);
	pat_fill(p, 7, 0, PAGE);
	PAT(p + PAGE, 6, PAGE, MIB - PAGE);
	OK(munmap(p, MIB));
	OK(close(fd));
	mnt_end(m);
	OK(ioctl(dev, BLKROSET, &off));
	OK(close(dev));
	RAW(pmem(1)->node, AT, 6, 0, MIB);
}

/* --- pushing --- */

static int push(int dev, int fd, uint64_t index)
{
	struct fuse_daxdev_open arg = { .fd = fd, .daxdev_index = index };

	return ioctl(dev, FUSE_DEV_IOC_DAXDEV_OPEN, &arg);
}

/* INIT has been answered once something else has. */
static struct mnt *mnt_pushing(struct srv *s, int *dev)
{
	struct mnt *m = mnt_new_dev(s, MNT_OPTS, dev);
	struct stat st;

	OK(stat(m->dir, &st));
	FAILS(ENOENT, stat(in_mnt(m, "nothing"), &st));
	return m;
}

TEST(pushed_device_is_not_asked_for)
{
	struct srv *s = srv_with_name("");
	int dev, fd = OK(open(pmem(1)->node, O_RDWR));
	struct mnt *m = mnt_pushing(s, &dev);

	OK(push(dev, fd, 0));
	OK(push(dev, fd, 0));
	OK(close(fd));
	OK(close(dev));
	is_on(m, 1);
	EQ(srv_seen(s, FUSE_GET_DAXDEV), 0);
	EQ(counter(m, "get_daxdev"), 0);
	mnt_end(m);
}

TEST(push_refuses_what_makes_no_sense)
{
	struct srv *s = srv_with_name("");
	struct fuse_daxdev_open flags = { .flags = 1 };
	int dev, fd = OK(open(pmem(0)->node, O_RDWR));
	int other = OK(open(pmem(1)->node, O_RDWR));
	int null = OK(open("/dev/null", O_RDWR));
	int file = OK(open("/bin/true", O_RDONLY));
	int dir = OK(open("/", O_RDONLY | O_DIRECTORY));
	struct mnt *m = mnt_pushing(s, &dev);

	FAILS(EINVAL, push(dev, fd, 64));
	FAILS(EINVAL, push(dev, fd, 1ULL << 32));
	FAILS(EINVAL, push(dev, null, 0));
	FAILS(EINVAL, push(dev, file, 0));
	FAILS(EINVAL, push(dev, dir, 0));
	FAILS(EINVAL, push(dev, dev, 0));
	flags.fd = fd;
	FAILS(EINVAL, ioctl(dev, FUSE_DEV_IOC_DAXDEV_OPEN, &flags));
	FAILS(EFAULT, ioctl(dev, FUSE_DEV_IOC_DAXDEV_OPEN, NULL));
	OK(push(dev, fd, 63));
	FAILS(EEXIST, push(dev, other, 63));
	OK(push(dev, other, 62));
	OK(close(dev));
	FAILS(ENODEV, open_in(m, "a", O_RDONLY));
	mnt_end(m);
}

TEST(push_without_the_flag_is_eopnotsupp)
{
	struct srv *s = srv_with_name("");
	int dev, fd = OK(open(pmem(0)->node, O_RDWR));
	struct mnt *m;

	s->want &= ~FUSE_DAX_FMAP;
	m = mnt_pushing(s, &dev);
	FAILS(EOPNOTSUPP, push(dev, fd, 0));
	OK(close(dev));
	mnt_end(m);
}

/* --- indices --- */

TEST(all_64_indices_can_be_used)
{
	struct srv *s = srv_new();
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 64 * 16 * KIB);
	struct mnt *m;
	uint8_t *p;
	int fd;

	for (int i = 0; i < 64; i++) {
		strcpy(s->dev[i], pmem(i % 2)->node);
		msg_ext(&f, i, AT + i * MIB, 16 * KIB);
	}
	fmap_sized(&f);
	srv_memfile(s, "a", f);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(srv_seen(s, FUSE_GET_DAXDEV), 64);
	p = map_huge(64 * 16 * KIB, RW, fd, 0);
	pat_fill(p, 3, 0, 64 * 16 * KIB);
	for (int i = 0; i < 64; i++)
		RAW(pmem(i % 2)->node, AT + i * MIB, 3, i * 16 * KIB, 16 * KIB);
	OK(munmap(p, 64 * 16 * KIB));
	OK(close(fd));
	mnt_end(m);
}

/* The pages are the same, whatever the index. */
TEST(overlap_by_another_index_of_the_same_device_is_refused)
{
	struct srv *s = srv_new();
	struct mnt *m;

	strcpy(s->dev[3], pmem(0)->node);
	strcpy(s->dev[60], pmem(0)->node);
	srv_memfile(s, "a", fmap_simple1(3, AT, MIB, MIB));
	srv_memfile(s, "b", fmap_simple1(60, AT + MIB / 2, MIB, MIB));
	m = mnt_new(s);
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	FAILS(EEXIST, open_in(m, "b", O_RDONLY));
	mnt_end(m);
}

/* --- kinds --- */

TEST(every_dax_device_of_the_machine_serves_files)
{
	const struct daxdev *devs;
	int n = daxdevs(&devs);

	TRUE(n >= 2);
	for (int i = 0; i < n; i++) {
		uint64_t at = (devs[i].size - 32 * MIB) & ~(HUGE - 1);
		struct srv *s = srv_with_name(devs[i].node);
		struct mnt *m;
		uint8_t *p;
		int fd;

		if (!strcmp(devs[i].type, "devdax"))
			continue;
		srv_memfile(s, "big", fmap_simple1(0, at, 16 * MIB, 16 * MIB));
		m = mnt_new(s);
		fd = OK(open_in(m, "big", O_RDWR));
		p = map_huge(16 * MIB, RW, fd, 0);
		pat_fill(p, 70 + i, 0, 16 * MIB);
		EQ(counter(m, "fault_pmd"), 8);
		EQ(counter(m, "fault_pte"), 0);
		OK(fsync(fd));
		OK(munmap(p, 16 * MIB));
		OK(close(fd));
		mnt_end(m);
	}
	/* Another mount, the map cut in two, finds it. */
	for (int i = 0; i < n; i++) {
		uint64_t at = (devs[i].size - 32 * MIB) & ~(HUGE - 1);
		struct srv *s = srv_with_name(devs[i].node);
		uint8_t *buf = malloc(8 * MIB);
		struct mnt *m;
		int fd;

		if (!strcmp(devs[i].type, "devdax"))
			continue;
		srv_memfile(s, "half", fmap_simple1(0, at + 8 * MIB, 8 * MIB,
						    8 * MIB));
		m = mnt_new(s);
		fd = OK(open_in(m, "half", O_RDONLY));
		EQ(read(fd, buf, 8 * MIB), 8 * MIB);
		PAT(buf, 70 + i, 8 * MIB, 8 * MIB);
		OK(close(fd));
		mnt_end(m);
		free(buf);
	}
}

TEST(partition_of_a_device_serves_files)
{
	static const struct part part = { 16 * MIB, 64 * MIB };
	char path[80];
	struct srv *s;
	struct mnt *m;
	uint8_t *p;
	int fd;

	partition(pmem(0)->node, &part, 1);
	snprintf(path, sizeof(path), "%sp1", pmem(0)->node);
	s = srv_with_name(path);
	srv_memfile(s, "start", fmap_simple1(0, 0, 4 * MIB, 4 * MIB));
	srv_memfile(s, "past", fmap_simple1(0, 63 * MIB, 2 * MIB, 2 * MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "start", O_RDWR));
	p = map_huge(4 * MIB, RW, fd, 0);
	pat_fill(p, 5, 0, 4 * MIB);
	EQ(counter(m, "fault_pmd"), 2);
	RAW(pmem(0)->node, 16 * MIB, 5, 0, 4 * MIB);
	FAILS(ERANGE, open_in(m, "past", O_RDONLY));
	OK(munmap(p, 4 * MIB));
	OK(close(fd));
	mnt_end(m);
	partition(pmem(0)->node, NULL, 0);
}

/* --- others --- */

static int run(const char *format, const char *arg)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), format, arg);
	return system(cmd);
}

TEST(device_with_a_mounted_file_system_is_ebusy)
{
	struct srv *s = srv_with_name(pmem(1)->node);
	struct mnt *m;
	char *dir = make_dir();

	EQ(run("mkfs.ext4 -q -F %s", pmem(1)->node), 0);
	EQ(run("modprobe -q ext4 || grep -q ext4 /proc/filesystems%s", ""), 0);
	OK(mount(pmem(1)->node, dir, "ext4", 0, NULL));
	m = mnt_new(s);
	FAILS(EBUSY, open_in(m, "a", O_RDONLY));
	EQ(counter(m, "fmaps"), 0);
	OK(umount(dir));
	/* And the other way round, from the first use to the unmount. */
	OK(close(OK(open_in(m, "a", O_RDONLY))));
	FAILS(EBUSY, mount(pmem(1)->node, dir, "ext4", 0, NULL));
	TRUE(run("mkfs.ext4 -q -F %s 2>/dev/null", pmem(1)->node));
	mnt_end(m);
	OK(mount(pmem(1)->node, dir, "ext4", 0, NULL));
	OK(umount(dir));
	OK(rmdir(dir));
}
