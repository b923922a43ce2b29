// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting.
 *
 * 1. The options of FUSE are taken in any order, by mount(2) and by
 *    fsopen/fsconfig, with and without a subtype, and show in /proc/mounts.
 * 2. What is missing, malformed or unknown is EINVAL; who may not mount, EPERM.
 * 3. INIT offers protocol 7.46; FUSE_DAX_FMAP only to a mounter with
 *    CAP_SYS_RAWIO, and not with nofmap (nor is there a DESTROY then); splicing
 *    to nobody. fmaps are on only if both sides set the flag, whatever the minor
 *    says.
 * 4. A server that refuses INIT, or answers it in a way that will not do, makes
 *    the mount useless, not the machine: requests end with ENOTCONN.
 * 5. With SYNC_INIT the mount itself fails, and can be killed while it waits.
 * 6. Each mount has its directory in sysfs, which goes with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/env.h"

/* The line of /proc/mounts for @dir: its type and its options. */
static void mounts_line(const char *dir, char *type, char *opts)
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[1024], at[256];
	bool found = false;

	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %255s %63s %255s", at, type, opts) == 3 &&
			!strcmp(at, dir);
	fclose(f);
	TRUE(found);
}

/* A mount with exactly these options ("%d" is the device), used once. */
static void mount_and_use(const char *type, const char *format)
{
	struct srv *s = srv_new();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev();
	char opts[256];
	struct stat st;

	strcpy(m.dir, dir);
	srv_plain(s, "a", "x", 1);
	m.pid = srv_start(s, dev);
	snprintf(opts, sizeof(opts), format, dev);
	OK(mount("test", dir, type, 0, opts));
	OK(close(dev));
	OK(stat(in_mnt(&m, "a"), &st));
	EQ(st.st_size, 1);
	mnt_end(&m);
}

TEST(options_are_taken_in_any_order)
{
	static const char * const orders[] = {
		"fd=%d,rootmode=40000,user_id=0,group_id=0",
		"allow_other,fd=%d,rootmode=40000,user_id=0,group_id=0",
		"group_id=0,user_id=0,rootmode=40000,fd=%d",
		"default_permissions,allow_other,max_read=65536,rootmode=40000,"
		"user_id=0,group_id=0,fd=%d",
		"user_id=0,max_read=65536,fd=%d,group_id=0,allow_other,"
		"rootmode=040000,default_permissions",
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		mount_and_use(FMAPFS_TYPE, orders[i]);
}

TEST(subtype_shows_in_proc_mounts)
{
	struct srv *s = srv_new();
	char type[64], opts[256], data[128];
	char *dir = make_dir();
	int dev = open_dev();
	struct mnt m = { .srv = s, .pid = srv_start(s, dev) };

	strcpy(m.dir, dir);
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	OK(mount("source", dir, FMAPFS_TYPE ".fuse", 0, data));
	OK(close(dev));
	mounts_line(dir, type, opts);
	EQ_STR(type, FMAPFS_TYPE ".fuse");
	mnt_end(&m);
}

TEST(options_show_in_proc_mounts)
{
	static const char * const shown[] = {
		"user_id=1234", "group_id=77", "default_permissions",
		"allow_other", "max_read=65536",
	};
	struct srv *s = srv_new();
	char type[64], opts[256], data[256];
	char *dir = make_dir();
	int dev = open_dev();
	struct mnt m = { .srv = s, .pid = srv_start(s, dev) };

	strcpy(m.dir, dir);
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=1234,"
		 "group_id=77,allow_other,default_permissions,max_read=65536",
		 dev);
	OK(mount("source", dir, FMAPFS_TYPE, 0, data));
	OK(close(dev));
	mounts_line(dir, type, opts);
	EQ_STR(type, FMAPFS_TYPE);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (!strstr(opts, shown[i]))
			FAIL("%s is not in \"%s\"", shown[i], opts);
	mnt_end(&m);
}

static int set_option(int fs, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING :
		       FSCONFIG_SET_FLAG, key, value, 0);
}

TEST(fsopen_and_fsconfig_mount)
{
	struct srv *s = srv_new();
	char type[64], opts[256], number[16];
	char *dir = make_dir();
	int dev = open_dev(), fs, mfd;
	struct mnt m = { .srv = s, .pid = srv_start(s, dev) };
	struct stat st;

	strcpy(m.dir, dir);
	srv_plain(s, "a", "x", 1);
	snprintf(number, sizeof(number), "%d", dev);
	fs = OK(syscall(SYS_fsopen, FMAPFS_TYPE, FSOPEN_CLOEXEC));
	OK(set_option(fs, "source", "source"));
	OK(set_option(fs, "subtype", "new"));
	OK(set_option(fs, "allow_other", NULL));
	OK(set_option(fs, "rootmode", "40000"));
	OK(set_option(fs, "group_id", "0"));
	OK(set_option(fs, "user_id", "0"));
	OK(set_option(fs, "fd", number));
	OK(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	mfd = OK(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0));
	OK(close(fs));
	OK(syscall(SYS_move_mount, mfd, "", AT_FDCWD, dir,
		   MOVE_MOUNT_F_EMPTY_PATH));
	OK(close(mfd));
	OK(close(dev));
	mounts_line(dir, type, opts);
	EQ_STR(type, FMAPFS_TYPE ".new");
	OK(stat(in_mnt(&m, "a"), &st));
	mnt_end(&m);
}

TEST(remount_read_only_and_back)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int fd;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(mount(NULL, m->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	FAILS(EROFS, open_in(m, "a", O_RDWR));
	fd = OK(open_in(m, "a", O_RDONLY));
	OK(close(fd));
	OK(mount(NULL, m->dir, NULL, MS_REMOUNT, NULL));
	fd = OK(open_in(m, "a", O_RDWR));
	OK(close(fd));
	mnt_end(m);
}

/* What is wrong with the options, "%d" being the device. */
static const struct bad_opts {
	const char *name;
	const char *format;
} bad_opts[] = {
	{ "mount_without_fd_is_einval",
	  "rootmode=40000,user_id=0,group_id=0" },
	{ "mount_without_rootmode_is_einval", "fd=%d,user_id=0,group_id=0" },
	{ "mount_without_user_id_is_einval", "fd=%d,rootmode=40000,group_id=0" },
	{ "mount_without_group_id_is_einval", "fd=%d,rootmode=40000,user_id=0" },
	{ "mount_with_rootmode_of_no_type_is_einval",
	  "fd=%d,rootmode=755,user_id=0,group_id=0" },
	{ "mount_with_bad_user_id_is_einval",
	  "fd=%d,rootmode=40000,user_id=x,group_id=0" },
	{ "mount_with_bad_max_read_is_einval",
	  "fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=much" },
	{ "mount_with_unknown_option_is_einval",
	  "fd=%d,rootmode=40000,user_id=0,group_id=0,whatever" },
	{ "mount_with_closed_fd_is_einval",
	  "fd=999,rootmode=40000,user_id=0,group_id=0" },
	{ "mount_with_fd_of_another_file_is_einval",
	  "fd=0,rootmode=40000,user_id=0,group_id=0" },
};

static void bad_opts_are_einval(const void *arg)
{
	const struct bad_opts *row = arg;
	char *dir = make_dir();
	int dev = open_dev();
	char data[256];
	int null = OK(open("/dev/null", O_RDWR));

	OK(dup2(null, 0));
	snprintf(data, sizeof(data), row->format, dev);
	FAILS(EINVAL, mount("x", dir, FMAPFS_TYPE, 0, data));
	/* The device is none the worse for it. */
	OK(mount_fd(dev, dir, ""));
	OK(umount2(dir, MNT_DETACH));
	OK(close(dev));
	OK(rmdir(dir));
}
TEST_ROWS(bad_opts_are_einval, bad_opts)

static int mount_as_nobody(void *arg)
{
	int dev = open_dev();

	OK(setgroups(0, NULL));
	OK(setresgid(65534, 65534, 65534));
	OK(setresuid(65534, 65534, 65534));
	return mount_fd(dev, arg, "") ? errno : 0;
}

static void write_text(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY));

	OK(write(fd, text, strlen(text)));
	OK(close(fd));
}

/* Where it is root, too. */
static int mount_in_user_namespace(void *arg)
{
	int dev = open_dev();

	OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", "0 0 1");
	write_text("/proc/self/gid_map", "0 0 1");
	return mount_fd(dev, arg, "") ? errno : 0;
}

TEST(mount_without_privilege_is_eperm)
{
	char *dir = make_dir();
	struct task t = task_start(mount_as_nobody, dir);

	EQ(task_wait(&t), EPERM);
	OK(rmdir(dir));
}

TEST(mount_in_a_user_namespace_is_eperm)
{
	char *dir = make_dir();
	struct task t = task_start(mount_in_user_namespace, dir);

	EQ(task_wait(&t), EPERM);
	OK(rmdir(dir));
}

/* As in FUSE: the same connection, so the same file system twice. */
TEST(second_mount_with_one_fd_is_no_second_connection)
{
	struct srv *s = srv_new();
	char *dir = make_dir(), *dir2 = make_dir();
	int dev = open_dev();
	struct mnt m = { .srv = s, .pid = srv_start(s, dev) };
	struct stat a, b;

	strcpy(m.dir, dir);
	OK(mount_fd(dev, dir, ""));
	if (!mount_fd(dev, dir2, "")) {
		OK(stat(dir, &a));
		OK(stat(dir2, &b));
		EQ(a.st_dev, b.st_dev);
		OK(umount2(dir2, 0));
	} else {
		EQ(errno, EINVAL);
	}
	OK(close(dev));
	EQ(srv_seen(s, FUSE_DESTROY), 0);
	OK(stat(dir, &a));
	OK(rmdir(dir2));
	EQ(srv_seen(s, FUSE_INIT), 1);
	mnt_end(&m);
}

static uint64_t offered(const struct srv *s)
{
	return s->init.flags | (uint64_t)s->init.flags2 << 32;
}

/* Whether an open asks for an fmap. */
static bool asks_for_fmaps(struct mnt *m, const char *name)
{
	int fd = OK(open_in(m, name, O_RDONLY));

	OK(close(fd));
	return srv_seen(m->srv, FUSE_GET_FMAP);
}

TEST(init_offers_7_46_and_dax_fmap_but_no_splice)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	TRUE(asks_for_fmaps(m, "a"));
	EQ(s->init.major, 7);
	EQ(s->init.minor, 46);
	TRUE(offered(s) & FUSE_INIT_EXT);
	TRUE(offered(s) & FUSE_DAX_FMAP);
	EQ(offered(s) & (FUSE_SPLICE_READ | FUSE_SPLICE_WRITE |
			 FUSE_SPLICE_MOVE), 0);
	EQ(srv_seen(s, FUSE_INIT), 1);
	mnt_end(m);
}

TEST(minor_of_a_stock_libfuse_does_not_turn_fmaps_off)
{
	struct srv *s = srv_new();
	struct mnt *m;

	s->minor = 31;
	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	TRUE(asks_for_fmaps(m, "a"));
	mnt_end(m);
}

TEST(no_fmaps_without_the_flag_in_the_reply)
{
	struct srv *s = srv_new();
	struct mnt *m;

	s->want &= ~FUSE_DAX_FMAP;
	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	TRUE(!asks_for_fmaps(m, "a"));
	mnt_end(m);
}

TEST(no_fmaps_without_init_ext_in_the_reply)
{
	struct srv *s = srv_new();
	struct mnt *m;

	s->want &= ~FUSE_INIT_EXT;
	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	TRUE(!asks_for_fmaps(m, "a"));
	mnt_end(m);
}

static void drop_rawio(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	OK(syscall(SYS_capget, &h, d));
	d[0].effective &= ~(1U << CAP_SYS_RAWIO);
	d[0].permitted &= ~(1U << CAP_SYS_RAWIO);
	OK(syscall(SYS_capset, &h, d));
}

TEST(no_fmaps_for_a_mounter_without_rawio)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	drop_rawio();
	m = mnt_new(s);
	TRUE(!asks_for_fmaps(m, "a"));
	EQ(offered(s) & FUSE_DAX_FMAP, 0);
	mnt_end(m);
}

TEST(no_fmaps_with_nofmap)
{
	struct srv *s = srv_new();
	char type[64], opts[256];
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	m = mnt_new_opts(s, "nofmap");
	TRUE(!asks_for_fmaps(m, "a"));
	EQ(offered(s) & FUSE_DAX_FMAP, 0);
	mounts_line(m->dir, type, opts);
	TRUE(strstr(opts, ",nofmap"));
	mnt_end(m);
	/* As with the in-tree fuse: its threads may still be at FORGETs. */
	EQ(s->end_errno, ENODEV);
	EQ(srv_seen(s, FUSE_DESTROY), 0);
}

/* How a server spoils INIT. */
static const struct bad_init {
	const char *name;
	uint32_t major, minor;
	int error;
	uint64_t force;
} bad_inits[] = {
	{ "init_refused_by_the_server_fails_requests", 7, 46, EPROTO, 0 },
	{ "init_of_an_older_major_fails_requests", 6, 46, 0, 0 },
	{ "init_of_a_newer_major_fails_requests", 8, 46, 0, 0 },
	{ "init_with_a_foreign_flag_fails_requests", 7, 46, 0,
	  FUSE_WRITEBACK_CACHE },
	{ "init_with_an_unknown_flag_fails_requests", 7, 46, 0, 1ULL << 60 },
};

static void bad_init_fails_requests(const void *arg)
{
	const struct bad_init *row = arg;
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	s->major = row->major;
	s->minor = row->minor;
	s->init_error = row->error;
	s->force = row->force;
	m = mnt_new(s);
	FAILS(ENOTCONN, stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 0);
	OK(umount2(m->dir, 0));
	srv_reap(m);
	OK(rmdir(m->dir));
}
TEST_ROWS(bad_init_fails_requests, bad_inits)

/* --- FUSE_DEV_IOC_SYNC_INIT --- */

TEST(sync_init_is_answered_within_the_mount)
{
	struct srv *s = srv_new();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev();

	strcpy(m.dir, dir);
	OK(ioctl(dev, FUSE_DEV_IOC_SYNC_INIT));
	m.pid = srv_start(s, dev);
	OK(mount_fd(dev, dir, ""));
	EQ(srv_seen(s, FUSE_INIT), 1);
	TRUE(offered(s) & FUSE_DAX_FMAP);
	FAILS(EINVAL, ioctl(dev, FUSE_DEV_IOC_SYNC_INIT));
	OK(close(dev));
	mnt_end(&m);
}

TEST(sync_init_that_is_refused_fails_the_mount)
{
	struct srv *s = srv_new();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev();

	s->init_error = EPROTO;
	OK(ioctl(dev, FUSE_DEV_IOC_SYNC_INIT));
	m.pid = srv_start(s, dev);
	TRUE(mount_fd(dev, dir, ""));
	OK(close(dev));
	srv_reap(&m);
	OK(rmdir(dir));
}

struct mounting {
	int dev;
	char *dir;
};

static int do_mount(void *arg)
{
	struct mounting *a = arg;

	return mount_fd(a->dev, a->dir, "") ? errno : 0;
}

TEST(sync_init_that_nobody_answers_can_be_killed)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_INIT, 0, ACT_STALL, 0);
	struct mounting a = { open_dev(), make_dir() };
	struct mnt m = { .srv = s };
	struct task t;

	OK(ioctl(a.dev, FUSE_DEV_IOC_SYNC_INIT));
	m.pid = srv_start(s, a.dev);
	t = task_start(do_mount, &a);
	UNTIL(r->hits == 1);
	task_kill(&t);
	OK(close(a.dev));
	/* There is no mount any more, so there is nothing to serve. */
	srv_reap(&m);
	OK(rmdir(a.dir));
}

TEST(limits_of_the_init_reply_show_in_sysfs)
{
	struct srv *s = srv_new();
	struct mnt *m;
	char path[64];
	struct stat st;

	s->max_background = 24;
	s->congestion_threshold = 17;
	m = mnt_new(s);
	OK(stat(m->dir, &st));
	EQ(st.st_mode, S_IFDIR | 0755);
	EQ(minor(st.st_dev), m->minor);
	EQ(sysfs_read(m, "waiting"), 0);
	EQ(sysfs_read(m, "max_background"), 24);
	EQ(sysfs_read(m, "congestion_threshold"), 17);
	OK(sysfs_write(m, "max_background", "9"));
	EQ(sysfs_read(m, "max_background"), 9);
	OK(sysfs_write(m, "congestion_threshold", "5"));
	EQ(sysfs_read(m, "congestion_threshold"), 5);
	FAILS(EINVAL, sysfs_write(m, "max_background", "many"));
	EQ(counter(m, "fmaps"), 0);
	snprintf(path, sizeof(path), SYSFS "/%u", m->minor);
	mnt_end(m);
	UNTIL(access(path, F_OK) && errno == ENOENT);
}

TEST(features_read_supported)
{
	static const char * const names[] = {
		"dax_fmap", "sized_fmap", "daxdev_push", "pmem", "clear_bad",
	};
	char path[128], text[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), SYSFS "/features/%s", names[i]);
		TRUE(read_text(path, text, sizeof(text)) > 0);
		EQ_STR(text, "supported\n");
	}
}
