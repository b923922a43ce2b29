// SPDX-License-Identifier: GPL-2.0
/*
 * The device, as a server sees it. The test itself is the server here.
 *
 * 1. Before a mount: read and write are EPERM, poll says POLLERR, ioctls that
 *    need no mount work.
 * 2. read(2) takes one request at a time, into one buffer or several, refuses
 *    one that could not hold every request, does not block with O_NONBLOCK;
 *    poll tells when there is one. splice(2) takes one as well, with the data of
 *    a WRITE at a page of their own: fit for O_DIRECT.
 * 3. Several threads and cloned fds share a connection; what a closed clone has
 *    read ends with ENOTCONN, everything when the last fd is closed.
 * 4. After the unmount the server reads DESTROY, then ENODEV.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"
#include "lib/mem.h"

#define ROOM	(SRV_MAX_WRITE + 2 * PAGE)
#define AT	(128 * MIB)

/* A mount whose server is the test. */
struct raw {
	int dev;
	char *dir;
	char buf[ROOM];
};

static struct fuse_in_header *take(struct raw *r, int fd)
{
	OK(read(fd, r->buf, ROOM));
	return (void *)r->buf;
}

static int answer(int fd, uint64_t unique, int error, const void *body,
		  size_t len)
{
	struct fuse_out_header h = {
		.unique = unique, .error = error, .len = sizeof(h) + len,
	};
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)body, len } };

	return writev(fd, iov, len ? 2 : 1);
}

static struct raw *raw_mount(void)
{
	struct raw *r = calloc(1, sizeof(*r));

	r->dir = make_dir();
	r->dev = open_dev();
	OK(mount_fd(r->dev, r->dir, MNT_OPTS));
	return r;
}

static void answer_init(struct raw *r)
{
	struct fuse_in_header *in = take(r, r->dev);
	struct fuse_init_out out = {
		.major = 7, .minor = 46, .max_write = SRV_MAX_WRITE,
		.max_pages = SRV_MAX_WRITE / PAGE,
		.flags = FUSE_INIT_EXT | FUSE_BIG_WRITES | FUSE_MAX_PAGES,
	};

	EQ(in->opcode, FUSE_INIT);
	OK(answer(r->dev, in->unique, 0, &out, sizeof(out)));
}

static struct raw *raw_ready(void)
{
	struct raw *r = raw_mount();

	answer_init(r);
	return r;
}

static void raw_end(struct raw *r)
{
	OK(umount2(r->dir, 0));
	OK(close(r->dev));
	OK(rmdir(r->dir));
}

/* In a child: one GETXATTR of the root, which is never cached. */
static int call_getxattr(void *arg)
{
	struct raw *r = arg;
	char buf[16];

	close(r->dev);
	return getxattr(r->dir, "user.x", buf, sizeof(buf)) < 0 ? errno : 0;
}

/* Takes requests until it is a GETXATTR; others are told ENOSYS. */
static uint64_t take_getxattr(struct raw *r, int fd)
{
	for (;;) {
		struct fuse_in_header *in = take(r, fd);

		if (in->opcode == FUSE_GETXATTR)
			return in->unique;
		OK(answer(fd, in->unique, -ENOSYS, NULL, 0));
	}
}

TEST(device_is_useless_before_the_mount)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	struct fuse_out_header h = { .len = sizeof(h), .unique = 2 };
	struct fmapfs_version v;
	char buf[8192];
	uint32_t fd;

	p.fd = open_dev();
	FAILS(EPERM, read(p.fd, buf, sizeof(buf)));
	FAILS(EPERM, write(p.fd, &h, sizeof(h)));
	EQ(poll(&p, 1, 0), 1);
	EQ(p.revents, POLLERR);
	fd = p.fd;
	FAILS(EINVAL, ioctl(p.fd, FUSE_DEV_IOC_CLONE, &fd));
	FAILS(ENOTTY, ioctl(p.fd, 0x1234, &fd));
	OK(ioctl(p.fd, FMAPFS_IOC_VERSION, &v));
	FAILS(EFAULT, ioctl(p.fd, FMAPFS_IOC_VERSION, NULL));
}

TEST(version_ioctl_tells_what_the_module_is)
{
	struct fmapfs_version v;
	char text[64];
	int dev = open_dev();
	bool devdax;

	memset(&v, 0xff, sizeof(v));
	OK(ioctl(dev, FMAPFS_IOC_VERSION, &v));
	EQ(v.api, FMAPFS_API_VERSION);
	EQ(v.fuse_minor, 46);
	TRUE(v.features & FMAPFS_FEATURE_PMEM);
	TRUE(v.features & FMAPFS_FEATURE_SIZED);
	TRUE(v.features & FMAPFS_FEATURE_PUSH);
	TRUE(v.features & FMAPFS_FEATURE_CLEAR_BAD);
	devdax = read_text(SYSFS "/features/devdax", text, sizeof(text)) > 0;
	EQ(!!(v.features & FMAPFS_FEATURE_DEVDAX), devdax);
	TRUE(memchr(v.module, 0, sizeof(v.module)));
	TRUE(read_text("/sys/module/fmapfs/version", text, sizeof(text)) > 0);
	text[strcspn(text, "\n")] = 0;
	EQ_STR(v.module, text);
}

TEST(read_into_too_small_a_buffer_is_einval)
{
	struct raw *r = raw_mount();
	struct fuse_in_header *in;

	FAILS(EINVAL, read(r->dev, r->buf, FUSE_MIN_READ_BUFFER - 1));
	/* INIT is still there. */
	OK(read(r->dev, r->buf, FUSE_MIN_READ_BUFFER));
	in = (void *)r->buf;
	EQ(in->opcode, FUSE_INIT);
	EQ(answer(r->dev, in->unique, -EPROTO, NULL, 0), 16);
	raw_end(r);
}

TEST(read_must_have_room_for_the_largest_write)
{
	struct raw *r = raw_ready();

	FAILS(EINVAL, read(r->dev, r->buf, SRV_MAX_WRITE));
	OK(fcntl(r->dev, F_SETFL, O_NONBLOCK));
	FAILS(EAGAIN, read(r->dev, r->buf, ROOM));
	raw_end(r);
}

TEST(poll_tells_of_a_request)
{
	struct raw *r = raw_ready();
	struct pollfd p = { .fd = r->dev, .events = POLLIN | POLLOUT };
	struct task t;

	EQ(poll(&p, 1, 0), 1);
	EQ(p.revents, POLLOUT);
	t = task_start(call_getxattr, r);
	p.events = POLLIN;
	EQ(poll(&p, 1, T_WAIT * 1000), 1);
	EQ(p.revents, POLLIN);
	OK(answer(r->dev, take_getxattr(r, r->dev), -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	raw_end(r);
}

TEST(readv_and_writev_in_small_pieces)
{
	struct raw *r = raw_ready();
	struct task t = task_start(call_getxattr, r);
	static char rest[ROOM];
	struct iovec in[] = {
		{ r->buf, 4 }, { r->buf + 4, 1 }, { r->buf + 5, 40 },
		{ rest, ROOM },
	};
	struct fuse_in_header *h = (void *)r->buf;
	struct fuse_out_header oh = { 0 };
	struct iovec out[] = {
		{ &oh, 5 }, { (char *)&oh + 5, 3 }, { (char *)&oh + 8, 8 },
		{ "val", 1 }, { "alu", 2 },
	};
	ssize_t n;

	n = OK(readv(r->dev, in, 4));
	EQ(h->len, n);
	while (h->opcode != FUSE_GETXATTR) {
		OK(answer(r->dev, h->unique, -ENOSYS, NULL, 0));
		n = OK(readv(r->dev, in, 4));
		EQ(h->len, n);
	}
	/* struct fuse_getxattr_in ends at 48, the name follows. */
	EQ_STR(rest + 48 - 45, "user.x");
	oh.unique = h->unique;
	oh.len = sizeof(oh) + 3;
	EQ(writev(r->dev, out, 5), 19);
	EQ(task_wait(&t), 0);
	raw_end(r);
}

/* In a child: a WRITE of two pages. */
static int call_write(void *arg)
{
	struct raw *r = arg;
	char path[64];
	uint8_t *data = malloc(2 * PAGE);
	int fd;

	close(r->dev);
	pat_fill(data, 7, 0, 2 * PAGE);
	snprintf(path, sizeof(path), "%s/a", r->dir);
	fd = OK(open(path, O_WRONLY));
	EQ(write(fd, data, 2 * PAGE), 2 * PAGE);
	return 0;
}

/* A pipe for the largest request, as libfuse has it. */
static void make_pipe(int ends[2])
{
	OK(pipe(ends));
	OK(fcntl(ends[1], F_SETPIPE_SZ, SRV_MAX_WRITE + PAGE));
}

/* Takes a request by splice; its head of @len bytes is in the buffer. */
static struct fuse_in_header *take_spliced(struct raw *r, const int ends[2],
					   size_t len)
{
	struct fuse_in_header *in = (void *)r->buf;
	ssize_t n = OK(splice(r->dev, NULL, ends[1], NULL,
			      SRV_MAX_WRITE + PAGE, 0));

	TRUE(n >= (ssize_t)sizeof(*in));
	OK(read(ends[0], r->buf, sizeof(*in)));
	EQ(in->len, n);
	if (in->opcode != FUSE_WRITE)
		len = n;
	EQ(read(ends[0], r->buf + sizeof(*in), len - sizeof(*in)),
	   len - sizeof(*in));
	return in;
}

/* Answers what comes before the WRITE of a file that is there. */
static void answer_open(struct raw *r, const struct fuse_in_header *in)
{
	struct fuse_entry_out entry = {
		.nodeid = 2, .entry_valid = 3600, .attr_valid = 3600,
		.attr = { .ino = 2, .mode = S_IFREG | 0644, .nlink = 1 },
	};
	struct fuse_open_out open = { .open_flags = FOPEN_DIRECT_IO };

	if (in->opcode == FUSE_LOOKUP)
		OK(answer(r->dev, in->unique, 0, &entry, sizeof(entry)));
	else if (in->opcode == FUSE_OPEN)
		OK(answer(r->dev, in->unique, 0, &open, sizeof(open)));
	else if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET)
		OK(answer(r->dev, in->unique, -ENOSYS, NULL, 0));
}

TEST(spliced_write_is_fit_for_direct_io)
{
	const size_t head = sizeof(struct fuse_in_header) +
			    sizeof(struct fuse_write_in);
	int to = OK(open(pmem(0)->node, O_WRONLY | O_DIRECT));
	struct raw *r = raw_ready();
	struct task t = task_start(call_write, r);
	struct fuse_write_out out = { .size = 2 * PAGE };
	struct fuse_in_header *in;
	loff_t at = AT;
	int ends[2];

	make_pipe(ends);
	raw_fill(pmem(0)->node, AT, 1, 0, 2 * PAGE);
	while ((in = take_spliced(r, ends, head))->opcode != FUSE_WRITE)
		answer_open(r, in);
	EQ(splice(ends[0], NULL, to, &at, 2 * PAGE, 0), 2 * PAGE);
	OK(answer(r->dev, in->unique, 0, &out, sizeof(out)));
	EQ(task_wait(&t), 0);
	OK(fsync(to));
	RAW(pmem(0)->node, AT, 7, 0, 2 * PAGE);
	OK(close(to));
	OK(close(ends[0]));
	OK(close(ends[1]));
	raw_end(r);
}

TEST(splice_into_what_has_no_room_or_no_reader_takes_nothing)
{
	struct raw *r = raw_ready();
	struct task t = task_start(call_getxattr, r);
	struct pollfd p = { .fd = r->dev, .events = POLLIN };
	static char full[SRV_MAX_WRITE + PAGE];
	int ends[2];

	UNTIL(poll(&p, 1, 0) == 1);
	make_pipe(ends);
	/* All but a page: less than the largest request needs. */
	EQ(write(ends[1], full, SRV_MAX_WRITE), SRV_MAX_WRITE);
	FAILS(EINVAL, splice(r->dev, NULL, ends[1], NULL, ROOM, 0));
	signal(SIGPIPE, SIG_IGN);
	OK(close(ends[0]));
	FAILS(EPIPE, splice(r->dev, NULL, ends[1], NULL, ROOM, 0));
	OK(close(ends[1]));
	OK(answer(r->dev, take_getxattr(r, r->dev), -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	raw_end(r);
}

struct serving {
	struct raw *r;
	atomic_int *served;
};

/* Serves until the end of the connection; a process of several. */
static int serve(void *arg)
{
	struct serving *s = arg;
	struct fuse_in_header *in;
	ssize_t n;

	while ((n = read(s->r->dev, s->r->buf, ROOM)) > 0) {
		in = (void *)s->r->buf;
		if (in->opcode == FUSE_GETXATTR) {
			(*s->served)++;
			OK(answer(s->r->dev, in->unique, -ENODATA, NULL, 0));
		} else if (in->opcode != FUSE_FORGET &&
			   in->opcode != FUSE_BATCH_FORGET) {
			OK(answer(s->r->dev, in->unique, -ENOSYS, NULL, 0));
		}
	}
	return errno;
}

static int call_often(void *arg)
{
	struct raw *r = arg;
	char buf[16];

	for (int i = 0; i < 100; i++)
		FAILS(ENODATA, getxattr(r->dir, "user.x", buf, sizeof(buf)));
	return 0;
}

TEST(several_servers_and_callers_at_once)
{
	struct raw *r = raw_ready();
	struct serving s = { r, t_shared(sizeof(atomic_int)) };
	struct task servers[4], callers[4];

	for (int i = 0; i < 4; i++)
		servers[i] = task_start(serve, &s);
	for (int i = 0; i < 4; i++)
		callers[i] = task_start(call_often, r);
	for (int i = 0; i < 4; i++)
		EQ(task_wait(&callers[i]), 0);
	EQ(*s.served, 400);
	OK(umount2(r->dir, 0));
	for (int i = 0; i < 4; i++)
		EQ(task_wait(&servers[i]), ENODEV);
}

static int clone_dev(struct raw *r)
{
	int fd = open_dev();
	uint32_t from = r->dev;

	OK(ioctl(fd, FUSE_DEV_IOC_CLONE, &from));
	return fd;
}

TEST(clone_serves_the_same_connection)
{
	struct raw *r = raw_ready();
	int fd = clone_dev(r);
	uint32_t from = r->dev;
	struct task t;
	uint64_t u;

	FAILS(EINVAL, ioctl(fd, FUSE_DEV_IOC_CLONE, &from));
	from = 0;
	FAILS(EINVAL, ioctl(open_dev(), FUSE_DEV_IOC_CLONE, &from));
	from = 9999;
	FAILS(EINVAL, ioctl(open_dev(), FUSE_DEV_IOC_CLONE, &from));
	t = task_start(call_getxattr, r);
	u = take_getxattr(r, fd);
	OK(answer(fd, u, -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	OK(close(fd));
	/* The connection goes on without the clone. */
	t = task_start(call_getxattr, r);
	OK(answer(r->dev, take_getxattr(r, r->dev), -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	raw_end(r);
}

/* The clone alone must hold what it has read: no other process may. */
static int call_without(void *arg)
{
	int *fds = arg;
	char buf[16];

	close(fds[0]);
	close(fds[1]);
	return getxattr((char *)(fds + 2), "user.x", buf, sizeof(buf)) < 0 ?
	       errno : 0;
}

TEST(what_a_closed_clone_has_read_ends_with_enotconn)
{
	struct raw *r = raw_ready();
	struct { int fds[2]; char dir[64]; } a;
	struct task t;

	a.fds[0] = r->dev;
	a.fds[1] = clone_dev(r);
	strcpy(a.dir, r->dir);
	t = task_start(call_without, &a);
	take_getxattr(r, a.fds[1]);
	TRUE(!task_done(&t));
	OK(close(a.fds[1]));
	EQ(task_wait(&t), ENOTCONN);
	/* The connection itself lives. */
	a.fds[1] = -1;
	t = task_start(call_without, &a);
	OK(answer(r->dev, take_getxattr(r, r->dev), -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	raw_end(r);
}

TEST(closing_the_last_fd_ends_all_requests_with_enotconn)
{
	struct raw *r = raw_ready();
	struct task sent = task_start(call_getxattr, r), queued;
	char buf[16];

	take_getxattr(r, r->dev);
	queued = task_start(call_getxattr, r);
	UNTIL(poll(&(struct pollfd){ r->dev, POLLIN, 0 }, 1, 0) == 1);
	OK(close(r->dev));
	EQ(task_wait(&sent), ENOTCONN);
	EQ(task_wait(&queued), ENOTCONN);
	FAILS(ENOTCONN, getxattr(r->dir, "user.x", buf, sizeof(buf)));
	OK(umount2(r->dir, 0));
	OK(rmdir(r->dir));
}

TEST(server_reads_destroy_and_then_enodev_after_the_unmount)
{
	struct raw *r = raw_ready();
	struct fuse_out_header h = { .len = sizeof(h), .unique = 12345678 };
	struct pollfd p = { .fd = r->dev, .events = POLLIN };
	struct fuse_in_header *in;

	OK(umount2(r->dir, 0));
	do {
		in = take(r, r->dev);
	} while (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET);
	EQ(in->opcode, FUSE_DESTROY);
	OK(answer(r->dev, in->unique, 0, NULL, 0));
	FAILS(ENODEV, read(r->dev, r->buf, ROOM));
	EQ(poll(&p, 1, 0), 1);
	TRUE(p.revents & POLLERR);
	FAILS(ENOENT, write(r->dev, &h, sizeof(h)));
}

TEST(unmount_waits_for_no_server)
{
	struct raw *r = raw_ready();

	/* Nobody reads the device. */
	OK(umount2(r->dir, 0));
	OK(rmdir(r->dir));
	EQ(take(r, r->dev)->opcode, FUSE_DESTROY);
}

TEST(unmount_before_init_is_answered)
{
	struct raw *r = raw_mount();
	struct fuse_in_header *in = take(r, r->dev);
	uint64_t unique = in->unique;

	OK(umount2(r->dir, 0));
	FAILS(ENOENT, answer(r->dev, unique, -EPROTO, NULL, 0));
	FAILS(ENODEV, read(r->dev, r->buf, ROOM));
}

TEST(requests_wait_until_init_is_answered)
{
	struct raw *r = raw_mount();
	struct task t = task_start(call_getxattr, r);
	struct task killed = task_start(call_getxattr, r);
	struct fuse_in_header *in = take(r, r->dev);
	uint64_t unique = in->unique;
	struct fuse_init_out out = {
		.major = 7, .minor = 46, .max_write = PAGE,
		.flags = FUSE_INIT_EXT,
	};

	EQ(in->opcode, FUSE_INIT);
	/* Even so they can be killed. */
	task_kill(&killed);
	OK(answer(r->dev, unique, 0, &out, sizeof(out)));
	OK(answer(r->dev, take_getxattr(r, r->dev), -ENODATA, NULL, 0));
	EQ(task_wait(&t), ENODATA);
	raw_end(r);
}
