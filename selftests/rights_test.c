// SPDX-License-Identifier: GPL-2.0
/*
 * Who may mount, who may be a server, and what others may do with files.
 *
 * 1. Only who is privileged in the initial user namespace mounts, whoever has
 *    prepared it. There are fmaps if the mounter has CAP_SYS_RAWIO then; what
 *    becomes of his capabilities later is of no account. An id-mapped mount is
 *    refused.
 * 2. Others cannot open /dev/fmapfs, nor get at an open one. To open one anew by
 *    /proc is to open another.
 * 3. Where the memory of a file lies is told (FIEMAP, FMAPFS_IOC_GET_FMAP) to who
 *    has it open, as with any file system; that it is there (O_PATH) is not enough.
 * 4. Root of a user namespace has the rights of who he is outside.
 * 5. A memory file's set-id bits work, unless the mount is nosuid. Who may not set
 *    them takes them away by writing, whatever the server has agreed to do itself:
 *    it does not see the write. If it is gone, there is no such write.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/other.h"

#define AT	(128 * MIB)
#define DEV	100	/* the device fd in the server's process */

static struct srv *srv_with_name(const char *name)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], name);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	return s;
}

static void can_be_used(struct mnt *m)
{
	int fd = OK(open_in(m, "a", O_RDWR));

	EQ(pwrite(fd, "x", 1, 0), 1);
	OK(close(fd));
}

/* --- mounting --- */

static int prepare(int dev)
{
	static const char * const opts[][2] = {
		{ "source", "test" }, { "rootmode", "40000" },
		{ "user_id", "0" }, { "group_id", "0" },
	};
	int fs = OK(syscall(SYS_fsopen, FMAPFS_TYPE, 0));
	char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(opts); i++)
		OK(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, opts[i][0],
			   opts[i][1], 0));
	snprintf(number, sizeof(number), "%d", dev);
	OK(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "fd", number, 0));
	return fs;
}

static int create(void *fs)
{
	return syscall(SYS_fsconfig, *(int *)fs, FSCONFIG_CMD_CREATE, NULL,
		       NULL, 0) ? errno : 0;
}

TEST(what_root_has_prepared_others_cannot_mount)
{
	int dev = open_dev(), fs = prepare(dev);

	EQ(as_other(create, &fs), EPERM);
	OK(close(fs));
	OK(close(dev));
}

/* Something that a child in a user namespace does, and stays. */
struct inside {
	int dev;	/* -1: it opens its own */
	atomic_int fs;
};

static int prepare_inside(void *arg)
{
	struct inside *in = arg;

	own_userns();
	in->fs = prepare(in->dev < 0 ? open_dev() : in->dev);
	pause();
	return 0;
}

static void mount_for_a_user_namespace(int dev, int error)
{
	struct inside *in = t_shared(sizeof(*in));
	struct task t;
	int fs;

	in->dev = dev;
	t = task_start(prepare_inside, in);
	UNTIL(in->fs);
	fs = OK(fd_of(t.pid, in->fs));
	EQ(create(&fs), error);
	OK(close(fs));
	task_kill(&t);
}

TEST(root_does_not_mount_what_a_user_namespace_has_prepared)
{
	int dev = open_dev();

	mount_for_a_user_namespace(-1, EPERM);
	/* It was opened elsewhere: who has done that is asked first. */
	mount_for_a_user_namespace(dev, EINVAL);
	OK(close(dev));
}

static int stay_in_userns(void *ready)
{
	own_userns();
	*(atomic_int *)ready = 1;
	pause();
	return 0;
}

TEST(id_mapped_mount_is_refused)
{
	struct mnt *m = mnt_new(srv_with_name(pmem(0)->node));
	atomic_int *ready = t_shared(sizeof(*ready));
	struct task t = task_start(stay_in_userns, ready);
	int tree = OK(syscall(SYS_open_tree, AT_FDCWD, m->dir,
			      OPEN_TREE_CLONE));
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	char path[64];

	UNTIL(*ready);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", t.pid);
	attr.userns_fd = OK(open(path, O_RDONLY));
	FAILS(EINVAL, syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
			      sizeof(attr)));
	OK(close(attr.userns_fd));
	OK(close(tree));
	task_kill(&t);
	mnt_end(m);
}

static int push(int dev, int fd)
{
	struct fuse_daxdev_open arg = { .fd = fd };

	return ioctl(dev, FUSE_DEV_IOC_DAXDEV_OPEN, &arg);
}

/* The capabilities at the time of the mount, and afterwards. */
static void mount_and_push(uint64_t before, uint64_t after, int error)
{
	struct srv *s = srv_with_name("");
	int dev, fd = OK(open(pmem(0)->node, O_RDWR));
	int path = OK(open(pmem(0)->node, O_PATH));
	struct stat st;
	struct mnt *m;

	set_caps(before);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	set_caps(after);
	FAILS(ENOENT, stat(in_mnt(m, "nothing"), &st));
	FAILS(error ? error : EBADF, push(dev, path));
	if (error) {
		FAILS(error, push(dev, fd));
		fd = OK(open_in(m, "a", O_RDONLY));
		EQ(srv_seen(s, FUSE_GET_FMAP), 0);
	} else {
		OK(push(dev, fd));
		can_be_used(m);
	}
	OK(close(fd));
	OK(close(path));
	OK(close(dev));
	set_caps(~0ULL);
	mnt_end(m);
}

TEST(rawio_counts_when_it_is_mounted_and_not_later)
{
	mount_and_push(~(1ULL << CAP_SYS_RAWIO), ~0ULL, EOPNOTSUPP);
	mount_and_push(~0ULL, ~(1ULL << CAP_SYS_RAWIO), 0);
	mount_and_push(~0ULL, 0, 0);
}

/* --- the device --- */

static int open_path_rw(void *path)
{
	return open(path, O_RDWR) < 0 ? errno : 0;
}

static int open_path_in_userns(void *path)
{
	own_userns();
	return open_path_rw(path);
}

static int take_servers_fd(void *m)
{
	return fd_of(((struct mnt *)m)->pid, DEV) < 0 ? errno : 0;
}

/* The number is the server's, and nothing here. */
static int clone_by_number(void *dev)
{
	uint32_t from = DEV;

	return ioctl(*(int *)dev, FUSE_DEV_IOC_CLONE, &from) ? errno : 0;
}

TEST(others_cannot_open_the_device_nor_get_an_open_one)
{
	struct mnt *m = mnt_new(srv_with_name(pmem(0)->node));
	int fresh = open_dev();
	char path[64];
	struct stat st;

	OK(stat(FMAPFS_NODE, &st));
	EQ(st.st_mode, S_IFCHR | 0600);
	EQ(st.st_uid, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", m->pid, DEV);
	EQ(as_other(open_path_rw, FMAPFS_NODE), EACCES);
	EQ(as_other(open_path_in_userns, FMAPFS_NODE), EACCES);
	EQ(as_other(open_path_rw, path), EACCES);
	EQ(as_other(take_servers_fd, m), EPERM);
	EQ(as_other(clone_by_number, &fresh), EINVAL);
	OK(close(fresh));
	can_be_used(m);
	mnt_end(m);
}

TEST(device_opened_anew_by_proc_is_another)
{
	struct mnt *m = mnt_new(srv_with_name(pmem(0)->node));
	struct pollfd p = { .events = POLLIN | POLLOUT };
	char path[64], buf[FUSE_MIN_READ_BUFFER];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", m->pid, DEV);
	p.fd = OK(open(path, O_RDWR));
	FAILS(EPERM, read(p.fd, buf, sizeof(buf)));
	EQ(poll(&p, 1, 0), 1);
	EQ(p.revents, POLLERR);
	FAILS(EPERM, push(p.fd, p.fd));
	OK(close(p.fd));
	/* Root's way to the very same one. */
	p.fd = OK(fd_of(m->pid, DEV));
	FAILS(ENOENT, stat(in_mnt(m, "nothing"), &st));
	EQ(poll(&p, 1, 0), 1);
	EQ(p.revents, POLLOUT);
	OK(close(p.fd));
	mnt_end(m);
}

/* --- where the memory lies --- */

static int ask_layout(void *fd)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent;
	} map = { .head = { .fm_length = ~0ULL, .fm_extent_count = 1 } };
	char buf[256];
	struct fmapfs_get_fmap get = {
		.buf = (uintptr_t)buf, .size = sizeof(buf),
	};

	if (ioctl(*(int *)fd, FMAPFS_IOC_GET_FMAP, &get) ||
	    ioctl(*(int *)fd, FS_IOC_FIEMAP, &map))
		return errno;
	EQ(get.size, fmap_msg_min_size());
	EQ(map.head.fm_mapped_extents, 1);
	EQ(map.extent.fe_physical, AT);
	return 0;
}

static int open_and_ask(void *m)
{
	int fd = open_in(m, "a", O_RDONLY);

	return fd < 0 ? errno : ask_layout(&fd);
}

TEST(layout_is_told_to_who_has_the_file_open)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct node *n = srv_find_name(s, ROOT_ID, "a");
	struct mnt *m;
	int fd, path;

	n->mode = S_IFREG | 0644;
	m = mnt_new_opts(s, "allow_other,default_permissions");
	EQ(as_other(open_and_ask, m), 0);
	OK(chmod(in_mnt(m, "a"), 0600));
	EQ(as_other(open_and_ask, m), EACCES);
	fd = OK(open_in(m, "a", O_WRONLY));
	EQ(as_other(ask_layout, &fd), 0);
	path = OK(open_in(m, "a", O_PATH));
	EQ(ask_layout(&path), EBADF);
	OK(close(fd));
	OK(close(path));
	mnt_end(m);
}

/* --- root of a user namespace --- */

static int use_in_userns(void *arg)
{
	struct mnt *m = arg;
	struct stat st;

	own_userns();
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_uid, OTHER_ID);	/* nobody who is known here */
	OK(stat(in_mnt(m, "own"), &st));
	EQ(st.st_uid, 0);
	FAILS(EACCES, open_in(m, "a", O_RDONLY));
	FAILS(EPERM, chmod(in_mnt(m, "a"), 0777));
	FAILS(EPERM, chown(in_mnt(m, "a"), 0, 0));
	FAILS(EPERM, setxattr(in_mnt(m, "own"), "trusted.t", "v", 1, 0));
	OK(open_in(m, "own", O_RDWR));
	return 0;
}

TEST(root_of_a_user_namespace_is_who_he_is_outside)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct node *own;
	struct mnt *m;

	srv_find_name(s, ROOT_ID, "a")->mode = S_IFREG | 0600;
	own = srv_memfile(s, "own", fmap_simple1(0, AT + MIB, MIB, MIB));
	own->mode = S_IFREG | 0600;
	own->uid = own->gid = OTHER_ID;
	m = mnt_new_opts(s, "allow_other,default_permissions");
	EQ(as_other(use_in_userns, m), 0);
	EQ(s->last_in[FUSE_OPEN].uid, OTHER_ID);
	EQ(s->last_in[FUSE_OPEN].gid, OTHER_ID);
	mnt_end(m);
}

/* --- set-id bits --- */

/* A memory file that is id(1). */
static struct mnt *mnt_with_program(struct srv *s, mode_t mode)
{
	int id = OK(open("/usr/bin/id", O_RDONLY)), fd;
	struct stat st;
	struct mnt *m;
	char *buf;

	OK(fstat(id, &st));
	buf = malloc(st.st_size);
	EQ(read(id, buf, st.st_size), st.st_size);
	OK(close(id));
	srv_memfile(s, "id", fmap_simple1(0, AT, (st.st_size + PAGE - 1) &
					  ~(PAGE - 1), st.st_size));
	srv_find_name(s, ROOT_ID, "id")->mode = S_IFREG | mode;
	m = mnt_new(s);
	fd = OK(open_in(m, "id", O_WRONLY));
	EQ(write(fd, buf, st.st_size), st.st_size);
	OK(close(fd));
	free(buf);
	return m;
}

static int who_it_runs_as(void *m)
{
	char cmd[128];
	FILE *f;
	int uid = -1;

	snprintf(cmd, sizeof(cmd), "%s -u", in_mnt(m, "id"));
	f = popen(cmd, "r");
	if (!f || fscanf(f, "%d", &uid) != 1 || pclose(f))
		return -1;
	return uid;
}

TEST(set_user_id_program_in_memory_works_unless_nosuid)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m = mnt_with_program(s, 04755);

	EQ(as_other(who_it_runs_as, m), OTHER_ID);
	OK(mount(NULL, m->dir, NULL, MS_REMOUNT | MS_BIND, NULL));
	EQ(as_other(who_it_runs_as, m), 0);
	mnt_end(m);
}

static int write_a_byte(void *m)
{
	int fd = open_in(m, "id", O_RDWR);

	/* Where it does no harm: what is there already. */
	if (fd < 0 || pwrite(fd, "\177", 1, 0) != 1)
		return errno;
	/* What is open for writing cannot be run. */
	OK(close(fd));
	return 0;
}

static mode_t mode_of(struct mnt *m)
{
	struct stat st;

	OK(stat(in_mnt(m, "id"), &st));
	return st.st_mode & 07777;
}

static const struct killer {
	const char *name;
	uint64_t want;
} killers[] = {
	{ "write_to_memory_takes_set_id_bits_away", 0 },
	{ "write_to_memory_takes_set_id_bits_away_with_killpriv",
	  FUSE_HANDLE_KILLPRIV },
	{ "write_to_memory_takes_set_id_bits_away_with_killpriv_v2",
	  FUSE_HANDLE_KILLPRIV_V2 },
};

static void write_takes_set_id_away(const void *arg)
{
	const struct killer *row = arg;
	struct srv *s = srv_with_pmem();
	struct mnt *m;

	s->want |= row->want;
	m = mnt_with_program(s, 06777);
	OK(mount(NULL, m->dir, NULL, MS_REMOUNT | MS_BIND, NULL));
	EQ(write_a_byte(m), 0);
	EQ(mode_of(m), 06777);
	EQ(as_other(who_it_runs_as, m), 0);
	EQ(as_other(write_a_byte, m), 0);
	EQ(mode_of(m), 0777);
	EQ(srv_find_name(s, ROOT_ID, "id")->mode, S_IFREG | 0777);
	EQ(as_other(who_it_runs_as, m), OTHER_ID);
	mnt_end(m);
}
TEST_ROWS(write_takes_set_id_away, killers)

static int spoil_first_byte(void *fd)
{
	return pwrite(*(int *)fd, "x", 1, 0) < 0 ? errno : 0;
}

TEST(without_a_server_set_id_bits_keep_others_from_writing)
{
	struct srv *s = srv_with_pmem();
	struct mnt *m = mnt_with_program(s, 04777);
	int fd = OK(open_in(m, "id", O_RDWR));
	char byte;

	mnt_kill_server(m);
	EQ(as_other(spoil_first_byte, &fd), ENOTCONN);
	EQ(pread(fd, &byte, 1, 0), 1);
	EQ(byte, 0177);
	EQ(spoil_first_byte(&fd), 0);
	OK(close(fd));
	mnt_end(m);
}
