// SPDX-License-Identifier: GPL-2.0
/*
 * On whose behalf a DAX device is opened.
 *
 * 1. A device's name is looked up with the rights of the server that has read the
 *    request: if the reply is written with others, be it by a set-user-ID program
 *    whose stdout is the device, nothing is opened. Fewer capabilities are fine.
 * 2. Whoever opens a file has no say, whatever /dev and root he has made himself.
 * 3. What is no device, or none that the server may open, is ENODEV; what it may
 *    only read is read-only. A name in the mount itself hangs nobody but its
 *    server, which can be killed.
 * 4. Who is given an open /dev/fmapfs is a server, whoever he is and in whatever user
 *    namespace: with his own rights to the devices.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/other.h"

#define AT	(128 * MIB)
#define DEV	100	/* the device fd in the server's process */

/* A directory of our own, where device nodes and set-user-ID programs work. */
static char place[64];

static void make_place(unsigned long flags)
{
	char *dir = make_dir();

	strcpy(place, dir);
	OK(mount("own", dir, "tmpfs", flags, "mode=755"));
	free(dir);
}

static void end_place(void)
{
	OK(umount2(place, MNT_DETACH));
	OK(rmdir(place));
}

static const char *in_place(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", place, name);
	return path;
}

static dev_t rdev(const char *node)
{
	struct stat st;

	OK(stat(node, &st));
	return st.st_rdev;
}

/* A node of the first pmem device. */
static void make_node(const char *name, mode_t mode, uid_t uid)
{
	OK(mknod(in_place(name), S_IFBLK, rdev(pmem(0)->node)));
	OK(chown(in_place(name), uid, 0));
	OK(chmod(in_place(name), mode));
}

static struct srv *srv_with_name(const char *name)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], name);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	return s;
}

/* The file is the first pmem device's memory; or @error, and nobody holds that. */
static void opens_or_not(struct mnt *m, int error)
{
	char page[PAGE], text[4096], path[64];
	int fd;

	if (!error) {
		pat_fill(page, 5, 0, PAGE);
		fd = OK(open_in(m, "a", O_RDWR));
		EQ(pwrite(fd, page, PAGE, 0), PAGE);
		OK(close(fd));
		RAW(pmem(0)->node, AT, 5, 0, PAGE);
		return;
	}
	FAILS(error, open_in(m, "a", O_RDWR));
	snprintf(path, sizeof(path), SYSFS "/%u/devices", m->minor);
	EQ(read_text(path, text, sizeof(text)), 0);
	fd = OK(open(pmem(0)->node, O_RDWR | O_EXCL));
	OK(close(fd));
}

/* --- who writes the reply --- */

/* What the server would answer, for others to write. */
static size_t make_reply(struct call *c, struct iovec iov[2])
{
	static struct fuse_out_header h;
	int len = srv_answer(c);

	TRUE(len > 0);
	h.len = sizeof(h) + len;
	h.unique = c->in->unique;
	iov[0] = (struct iovec){ &h, sizeof(h) };
	iov[1] = (struct iovec){ c->out, len };
	return h.len;
}

static void answer_by(struct srv *s, int (*answer)(struct call *c))
{
	struct rule *r = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_STALL, 0);

	r->released = true;
	r->answer = answer;
	r->left = -1;
}

static void raise_caps(void)
{
	set_caps(~0ULL);
}

static void lower_caps(void)
{
	set_caps(0);
}

static void reader_lowers_caps(struct srv *s)
{
	(void)s;
	lower_caps();
}

static void join_a_group(void)
{
	gid_t group = 6;

	OK(setgroups(1, &group));
}

/* The server reads the request after @setup, its child replies after @change. */
static const struct deputy {
	const char *name;
	mode_t mode;		/* of the node */
	uid_t uid;
	void (*setup)(struct srv *s);
	void (*change)(void);
	int error;
} deputies[] = {
	{ "reply_by_a_child_of_the_same_rights_opens", 0600, 0, NULL, NULL, 0 },
	{ "reply_with_fewer_capabilities_opens", 0600, 0, NULL, lower_caps, 0 },
	{ "reply_with_more_capabilities_opens_nothing", 0600, 1234,
	  reader_lowers_caps, raise_caps, ENODEV },
	{ "reply_of_another_user_opens_nothing", 0666, 0, NULL, be_other,
	  ENODEV },
	{ "reply_of_another_group_opens_nothing", 0666, 0, NULL, join_a_group,
	  ENODEV },
	{ "reply_from_a_user_namespace_opens_nothing", 0666, 0, NULL,
	  own_userns, ENODEV },
};

static const struct deputy *deputy;

static int reply_by_child(struct call *c)
{
	struct iovec iov[2];
	ssize_t len = make_reply(c, iov);
	int status, pid = OK(fork());

	if (!pid) {
		if (deputy->change)
			deputy->change();
		_exit(writev(DEV, iov, 2) != len);
	}
	OK(waitpid(pid, &status, 0));
	EQ(status, 0);
	return SRV_NO_REPLY;
}

static void deputy_replies(const void *arg)
{
	struct srv *s;
	struct mnt *m;

	deputy = arg;
	make_place(0);
	make_node("node", deputy->mode, deputy->uid);
	s = srv_with_name(in_place("node"));
	s->setup = deputy->setup;
	answer_by(s, reply_by_child);
	m = mnt_new(s);
	opens_or_not(m, deputy->error);
	mnt_end(m);
	end_place();
}
TEST_ROWS(deputy_replies, deputies)

/* cat(1) from a file to the device: what it writes is the server's. */
static int reply_by_program(struct call *c)
{
	int file = OK(memfd_create("reply", 0)), status, pid;
	struct iovec iov[2];
	ssize_t len = make_reply(c, iov);

	EQ(writev(file, iov, 2), len);
	OK(lseek(file, 0, SEEK_SET));
	pid = OK(fork());
	if (!pid) {
		OK(dup2(file, 0));
		OK(dup2(DEV, 1));
		execl(in_place("cat"), "cat", NULL);
		_exit(127);
	}
	OK(waitpid(pid, &status, 0));
	EQ(status, 0);
	OK(close(file));
	return SRV_NO_REPLY;
}

static void copy_program(const char *name, mode_t mode)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cp /bin/%s %s && chmod %o %s/%s", name,
		 place, mode, place, name);
	EQ(system(cmd), 0);
}

static void setup_other(struct srv *s)
{
	(void)s;
	be_other();
}

/* Who the server is, and what that has it write gains nothing by being root's. */
static const struct program {
	const char *name;
	mode_t program, node;
	int error;
} programs[] = {
	{ "reply_by_a_program_of_the_servers_rights_opens", 0755, 0666, 0 },
	{ "reply_by_a_set_user_id_program_opens_nothing", 04755, 0600, ENODEV },
	{ "reply_by_a_set_user_id_program_opens_not_even_what_the_server_may",
	  04755, 0666, ENODEV },
};

static void program_replies(const void *arg)
{
	const struct program *row = arg;
	struct srv *s;
	struct mnt *m;

	make_place(0);
	make_node("node", row->node, 0);
	copy_program("cat", row->program);
	s = srv_with_name(in_place("node"));
	s->setup = setup_other;
	answer_by(s, reply_by_program);
	m = mnt_new(s);
	opens_or_not(m, row->error);
	mnt_end(m);
	end_place();
}
TEST_ROWS(program_replies, programs)

/* --- who opens the file --- */

struct opener {
	int dir;
	char name[64];
};

static int open_in_a_world_of_his_own(void *arg)
{
	struct opener *o = arg;

	own_userns();
	OK(mount("fake", "/mnt", "tmpfs", 0, NULL));
	OK(mkdir("/mnt/dev", 0755));
	OK(chdir("/mnt"));
	OK(symlink("/dev/null", o->name + 1));
	OK(chroot("/mnt"));
	return openat(o->dir, "a", O_RDWR) < 0 ? errno : 0;
}

TEST(opener_in_a_user_namespace_and_a_root_of_his_own_has_no_say)
{
	struct srv *s = srv_with_name(pmem(0)->node);
	struct mnt *m = mnt_new(s);
	struct opener o = { .dir = OK(open(m->dir, O_RDONLY | O_DIRECTORY)) };

	strcpy(o.name, pmem(0)->node);
	EQ(as_other(open_in_a_world_of_his_own, &o), 0);
	opens_or_not(m, 0);
	OK(close(o.dir));
	mnt_end(m);
}

/* --- what is named --- */

static void name_fifo(void)
{
	OK(mkfifo(in_place("node"), 0666));
}

static void name_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));

	strcpy(at.sun_path, in_place("node"));
	OK(bind(fd, (void *)&at, sizeof(at)));
	OK(close(fd));
}

static void name_dangling_link(void)
{
	OK(symlink("nowhere", in_place("node")));
}

static void name_loop(void)
{
	OK(symlink("node", in_place("node")));
}

static void name_directory_by_link(void)
{
	OK(symlink(".", in_place("node")));
}

static void name_char_of_that_number(void)
{
	OK(mknod(in_place("node"), S_IFCHR | 0666, rdev(pmem(0)->node)));
}

static void name_own_device(void)
{
	OK(mknod(in_place("node"), S_IFCHR | 0666, rdev(FMAPFS_NODE)));
}

static void name_number_of_nothing(void)
{
	OK(mknod(in_place("node"), S_IFBLK | 0666, makedev(250, 77)));
}

static void name_node(void)
{
	make_node("node", 0600, 0);
}

static const struct named {
	const char *name;
	void (*make)(void);
	unsigned long flags;	/* of the file system that it is on */
} named[] = {
	{ "name_of_a_fifo_is_enodev", name_fifo, 0 },
	{ "name_of_a_socket_is_enodev", name_socket, 0 },
	{ "name_of_a_dangling_link_is_enodev", name_dangling_link, 0 },
	{ "name_of_a_loop_of_links_is_enodev", name_loop, 0 },
	{ "name_of_a_link_to_a_directory_is_enodev", name_directory_by_link,
	  0 },
	{ "name_of_a_char_device_with_the_number_of_pmem_is_enodev",
	  name_char_of_that_number, 0 },
	{ "name_of_our_own_device_is_enodev", name_own_device, 0 },
	{ "name_of_a_node_without_a_device_is_enodev", name_number_of_nothing,
	  0 },
	{ "name_of_a_node_on_a_nodev_mount_is_enodev", name_node, MS_NODEV },
};

static void named_is_enodev(const void *arg)
{
	const struct named *row = arg;
	struct mnt *m;

	make_place(row->flags);
	row->make();
	m = mnt_new(srv_with_name(in_place("node")));
	opens_or_not(m, ENODEV);
	mnt_end(m);
	end_place();
}
TEST_ROWS(named_is_enodev, named)

TEST(device_that_the_server_may_only_read_is_read_only)
{
	struct srv *s;
	struct mnt *m;
	int fd;

	make_place(0);
	make_node("node", 0444, 0);
	s = srv_with_name(in_place("node"));
	s->setup = setup_other;
	m = mnt_new(s);
	raw_fill(pmem(0)->node, AT, 6, 0, PAGE);
	fd = OK(open_in(m, "a", O_RDWR));
	check_read(fd, 6, 0, PAGE);
	FAILS(EROFS, pwrite(fd, "x", 1, 0));
	EQ((long)mmap(NULL, MIB, PROT_WRITE, MAP_SHARED, fd, 0), -1);
	EQ(errno, EACCES);
	OK(close(fd));
	mnt_end(m);
	end_place();
}

static int open_a(void *arg)
{
	return open_in(arg, "a", O_RDONLY) < 0 ? errno : 0;
}

TEST(name_in_the_mount_itself_hangs_nobody_but_its_server)
{
	struct srv *s = srv_with_name("");
	struct mnt *m = mnt_new(s);
	struct task killed, t, server = { .pid = m->pid };

	srv_plain(s, "other", "x", 1);
	snprintf(s->dev[0], sizeof(s->dev[0]), "%s/other", m->dir);
	killed = task_start(open_a, m);
	UNTIL(srv_seen(s, FUSE_GET_DAXDEV) == 1 && task_sleeps(&server) &&
	      sysfs_read(m, "waiting") == 2);
	t = task_start(open_a, m);
	UNTIL(task_sleeps(&t));
	task_kill(&killed);
	mnt_kill_server(m);
	EQ(task_wait(&t), ENOTCONN);
	mnt_end(m);
}

/* --- who the server is --- */

static void setup_userns(struct srv *s)
{
	(void)s;
	be_other();
	own_userns();
}

/* In a user namespace it is root, which makes nothing of the device's. */
TEST(server_that_was_given_an_open_device_has_its_own_rights)
{
	struct srv *s;
	struct mnt *m;
	struct stat st;

	make_place(0);
	make_node("node", 0600, 0);
	s = srv_with_name(in_place("node"));
	srv_plain(s, "other", "x", 1);
	s->setup = setup_userns;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "other"), &st));
	opens_or_not(m, ENODEV);
	OK(chmod(in_place("node"), 0666));
	opens_or_not(m, 0);
	mnt_end(m);
	end_place();
}
