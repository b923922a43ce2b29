// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting, unmounting, aborting, loading and unloading the module, when allocations
 * fail. See nomem_test for how.
 *
 * 1. mount(2), and fsopen(2) with fsconfig(2), INIT with it: ENOMEM, or a mount that
 *    works. After ENOMEM another can be made by the same device fd, unless there was a
 *    mount already, for which there then was no place: its server has been told.
 * 2. Unmounting, with and without files in use, and aborting: what was open stays
 *    usable as without a server; all is gone afterwards.
 * 3. A request that could not be read, or answered, for want of memory is not lost: it
 *    can be read, or answered, again.
 * 4. The module: ENOMEM, or it is loaded and a mount works. It can be removed each
 *    time. Removing it never fails for want of memory, or can be done again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/nomem.h"

/* --- mounting --- */

static int set_option(int fs, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING :
		       FSCONFIG_SET_FLAG, key, value, 0);
}

static int set_all(int fs, int dev)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", dev);
	return set_option(fs, "source", "source") ||
	       set_option(fs, "subtype", "new") ||
	       set_option(fs, "allow_other", NULL) ||
	       set_option(fs, "rootmode", "40000") ||
	       set_option(fs, "group_id", "0") ||
	       set_option(fs, "user_id", "0") ||
	       set_option(fs, "fd", number) ||
	       syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int mount_new(int dev, const char *dir)
{
	int fs = syscall(SYS_fsopen, FMAPFS_TYPE, FSOPEN_CLOEXEC);
	int mfd = -1, rc = -1, error;

	if (fs < 0)
		return -1;
	if (!set_all(fs, dev))
		mfd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mfd >= 0) {
		rc = syscall(SYS_move_mount, mfd, "", AT_FDCWD, dir,
			     MOVE_MOUNT_F_EMPTY_PATH);
		error = errno;
		close(mfd);
		errno = error;
	}
	error = errno;
	close(fs);
	errno = error;
	return rc;
}

static int mount_old(int dev, const char *dir)
{
	return mount_fd(dev, dir, MNT_OPTS);
}

struct way {
	const char *name;
	int (*mount)(int dev, const char *dir);
};

/* It is answered, and a file can be read. */
static void mount_works(const char *dir)
{
	char path[96], buf[PAGE] = { 1 };
	struct statfs st;
	int fd;

	OK(statfs(dir, &st));
	snprintf(path, sizeof(path), "%s/plain", dir);
	fd = OK(open(path, O_RDONLY | O_CLOEXEC));
	EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	PAT(buf, 1, 0, sizeof(buf));
	OK(close(fd));
}

/* After a mount that has failed: another; or there was one, and it has ended. */
static bool mount_again(const struct way *way, const struct srv *s, int dev,
			const char *dir)
{
	if (!way->mount(dev, dir))
		return true;
	EQ(errno, EINVAL);
	UNTIL(s->end_errno == ENODEV);
	return false;
}

static void one_mount(const struct way *way, struct nth *nth, bool server)
{
	struct srv *s = nomem_srv();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev(), rc, error;

	m.pid = srv_start(s, dev);
	UNTIL(s->up);
	nth_arm(nth, server ? m.pid : 0);
	rc = way->mount(dev, dir);
	error = errno;
	if (!rc && server)
		mount_works(dir);
	nth_judge(nth, rc, error, 0);
	if (!rc || mount_again(way, s, dev, dir)) {
		mount_works(dir);
		OK(umount2(dir, 0));
	}
	OK(close(dev));
	srv_reap(&m);
	EQ(s->end_errno, ENODEV);
	OK(close(s->wake[0]));
	srv_free(s);
	OK(rmdir(dir));
	free(dir);
}

static void mounting(const void *arg)
{
	const struct way *way = arg;

	nth_prepare();
	for (int server = 0; server < 2; server++) {
		struct nth nth = { 0 };

		while (nth_next(&nth))
			one_mount(way, &nth, server);
		nth_tell(&nth, server ? "server" : way->name);
	}
}

static const struct way ways[] = {
	{ "mount", mount_old },
	{ "fsconfig", mount_new },
};
TEST_ROWS(mounting, ways)

/* --- the end of a mount --- */

struct end {
	const char *name;
	int (*end)(struct at *at);
	bool in_use;	/* a file is open and mapped, and outlives the mount */
};

static int unmount(struct at *at)
{
	return umount2(at->m->dir, 0);
}

static int unmount_lazily(struct at *at)
{
	return umount2(at->m->dir, MNT_DETACH);
}

static int unmount_by_force(struct at *at)
{
	return umount2(at->m->dir, MNT_FORCE);
}

static int abort_and_unmount(struct at *at)
{
	if (sysfs_write(at->m, "abort", "1"))
		return -1;
	return umount2(at->m->dir, MNT_DETACH);
}

static void one_end(const struct end *end, struct nth *nth, bool server)
{
	const struct op with_files = { .open = true };
	struct at at;
	int rc, error;

	nomem_begin(&at, &with_files);
	EQ(try_write(at.p, 1), 0);
	OK(close(at.plain));
	OK(close(at.fd));
	OK(close(at.dev));
	if (!end->in_use)
		OK(munmap(at.p, NOMEM_LEN));
	UNTIL(!sysfs_read(at.m, "waiting"));
	nth_arm(nth, server ? at.m->pid : 0);
	rc = end->end(&at);
	error = errno;
	nth_judge(nth, rc, error, 0);
	/* The first half may have been done. */
	if (rc)
		OK(umount2(at.m->dir, MNT_DETACH));
	if (end->in_use) {
		EQ(try_write(at.p + PAGE, 1), 0);
		OK(munmap(at.p, NOMEM_LEN));
	}
	srv_reap(at.m);
	EQ(at.s->end_errno, ENODEV);
	OK(rmdir(at.m->dir));
	srv_free(at.s);
	free(at.m);
}

static void ending(const void *arg)
{
	const struct end *end = arg;

	nth_prepare();
	for (int server = 0; server < 2; server++) {
		struct nth nth = { 0 };

		while (nth_next(&nth))
			one_end(end, &nth, server);
		nth_tell(&nth, server ? "server" : end->name);
	}
}

static const struct end ends[] = {
	{ "unmount", unmount, false },
	{ "unmount_by_force", unmount_by_force, false },
	{ "unmount_in_use", unmount_lazily, true },
	{ "abort_in_use", abort_and_unmount, true },
};
TEST_ROWS(ending, ends)

/* --- a server's reading and writing --- */

#define ROOM	(64 * KIB)

/* A mount whose server is the test. */
struct raw {
	int dev, ends[2];	/* of a pipe */
	char *dir;
	char buf[ROOM];
};

static int child_getxattr(void *arg)
{
	struct raw *r = arg;
	char buf[16];

	close(r->dev);
	return getxattr(r->dir, "user.x", buf, sizeof(buf)) < 0 ? errno : 0;
}

static int take(struct raw *r)
{
	return read(r->dev, r->buf, ROOM);
}

static int take_by_splice(struct raw *r)
{
	int n = splice(r->dev, NULL, r->ends[1], NULL, ROOM, 0);

	if (n > 0)
		EQ(read(r->ends[0], r->buf, ROOM), n);
	return n;
}

static struct fuse_out_header enodata(const struct raw *r)
{
	const struct fuse_in_header *in = (const void *)r->buf;

	return (struct fuse_out_header){
		.unique = in->unique, .error = -ENODATA,
		.len = sizeof(struct fuse_out_header),
	};
}

static int answer(struct raw *r)
{
	struct fuse_out_header h = enodata(r);

	return write(r->dev, &h, sizeof(h));
}

/* In more pieces than the kernel has room for on its stack. */
static int answer_in_pieces(struct raw *r)
{
	struct fuse_out_header h = enodata(r);
	struct iovec iov[sizeof(h)];

	for (size_t i = 0; i < sizeof(h); i++)
		iov[i] = (struct iovec){ (char *)&h + i, 1 };
	return writev(r->dev, iov, sizeof(h));
}

/* What could not be spliced is still in the pipe. */
static int answer_by_splice(struct raw *r)
{
	struct fuse_out_header h = enodata(r);
	int n;

	OK(ioctl(r->ends[0], FIONREAD, &n));
	if (!n && write(r->ends[1], &h, sizeof(h)) != sizeof(h))
		return -1;
	return splice(r->ends[0], NULL, r->dev, NULL, sizeof(h), 0);
}

static struct raw *raw_mount(void)
{
	struct fuse_init_out out = {
		.major = 7, .minor = 46, .max_write = PAGE, .max_pages = 1,
		.flags = FUSE_INIT_EXT | FUSE_BIG_WRITES | FUSE_MAX_PAGES,
	};
	struct fuse_out_header h = { .len = sizeof(h) + sizeof(out) };
	struct iovec iov[] = { { &h, sizeof(h) }, { &out, sizeof(out) } };
	struct raw *r = calloc(1, sizeof(*r));

	memset(r->buf, 1, ROOM);
	r->dir = make_dir();
	r->dev = open_dev();
	OK(pipe(r->ends));
	OK(mount_fd(r->dev, r->dir, MNT_OPTS));
	OK(take(r));
	h.unique = ((struct fuse_in_header *)r->buf)->unique;
	EQ(writev(r->dev, iov, 2), h.len);
	return r;
}

struct io {
	const char *name;
	int (*take)(struct raw *r);
	int (*answer)(struct raw *r);
};

/* Does it, and if that has failed, again. Return: bytes. */
static int twice(int (*fn)(struct raw *r), struct raw *r, struct nth *nth)
{
	int n, error;

	nth_arm(nth, 0);
	n = fn(r);
	error = errno;
	nth_judge(nth, n < 0 ? -1 : 0, error, 0);
	return OK(n < 0 ? fn(r) : n);
}

static void nothing_is_lost(const void *arg)
{
	struct nth taking = { 0 }, answering = { 0 };
	const struct io *io = arg;
	struct raw *r = raw_mount();

	nth_prepare();
	while (nth_next(&taking) | nth_next(&answering)) {
		struct task t = task_start(child_getxattr, r);
		struct fuse_in_header *in = (void *)r->buf;
		struct pollfd p = { .fd = r->dev, .events = POLLIN };

		UNTIL(poll(&p, 1, 0) == 1);
		EQ(twice(io->take, r, &taking), in->len);
		EQ(in->opcode, FUSE_GETXATTR);
		OK(twice(io->answer, r, &answering));
		EQ(task_wait(&t), ENODATA);
	}
	nth_tell(&taking, "reading");
	nth_tell(&answering, "answering");
	OK(umount2(r->dir, 0));
	OK(close(r->dev));
	OK(rmdir(r->dir));
}

static const struct io ios[] = {
	{ "read_and_write", take, answer },
	{ "splice_from_device", take_by_splice, answer },
	{ "write_in_pieces", take, answer_in_pieces },
	{ "splice_to_device", take, answer_by_splice },
};
TEST_ROWS(nothing_is_lost, ios)

/* --- the module --- */

static int module_fd(void)
{
	struct utsname u;
	char path[256];

	OK(uname(&u));
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/fmapfs.ko",
		 u.release);
	return OK(open(path, O_RDONLY | O_CLOEXEC));
}

static int load(void)
{
	int fd = module_fd(), rc, error;

	rc = syscall(SYS_finit_module, fd, "", 0);
	error = errno;
	close(fd);
	errno = error;
	return rc;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "fmapfs", O_NONBLOCK);
}

static void mount_once(void)
{
	struct srv *s = nomem_srv();
	struct mnt m = { .srv = s };
	char *dir = make_dir();
	int dev = open_dev();

	m.pid = srv_start(s, dev);
	OK(mount_fd(dev, dir, MNT_OPTS));
	OK(close(dev));
	mount_works(dir);
	OK(umount2(dir, 0));
	srv_reap(&m);
	OK(close(s->wake[0]));
	srv_free(s);
	OK(rmdir(dir));
	free(dir);
}

/* What an earlier test has left is on its way out. */
static void unload_at_last(void)
{
	UNTIL(!unload() || errno == ENOENT);
}

/* What the module's own initialisation allocates. */
TEST(load_module)
{
	struct nth nth = { 0 };

	nth_prepare();
	nth_only_below("do_init_module");
	unload_at_last();
	while (nth_next(&nth)) {
		int rc, error;

		nth_arm(&nth, 0);
		rc = load();
		error = errno;
		nth_judge(&nth, rc, error, 0);
		if (!rc) {
			mount_once();
			unload_at_last();
		}
	}
	nth_tell(&nth, "load");
	chance_disarm();
	OK(load());
}

static int module_users(void)
{
	char text[32];

	OK(read_text("/sys/module/fmapfs/refcnt", text, sizeof(text)));
	return atoi(text);
}

TEST(unload_module)
{
	struct nth nth = { 0 };

	nth_prepare();
	while (nth_next(&nth)) {
		int rc, error;

		mount_once();
		UNTIL(!module_users());
		nth_arm(&nth, 0);
		rc = unload();
		error = errno;
		nth_judge(&nth, rc, error, 0);
		if (rc)
			unload_at_last();
		OK(load());
	}
	nth_tell(&nth, "unload");
}
