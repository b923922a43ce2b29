// SPDX-License-Identifier: GPL-2.0
/*
 * A server is killed, and another goes on where it was. The test keeps the device
 * fd meanwhile, as a supervisor does.
 *
 * 1. What the old server has read comes again after RESEND, the oldest first,
 *    marked as such, and is answered by that name only. Not one operation fails,
 *    whatever it is, INIT and GET_DAXDEV included.
 * 2. Without a server callers wait, and can be killed; what a killed one would
 *    have got is given back when the new server answers. INTERRUPTs come again.
 *    Unmounting does not wait.
 * 3. What a closed clone has read comes again if the server has agreed to RESEND.
 * 4. Under load, with the server killed at any moment, nothing fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#define AT	(128 * MIB)

static struct srv *srv_resend(void)
{
	struct srv *s = srv_new();

	s->want |= FUSE_HAS_RESEND;
	srv_use_pmem(s);
	return s;
}

static void start_another(struct mnt *m, int dev)
{
	struct srv *s = m->srv;

	OK(close(s->wake[1]));
	OK(pipe2(s->wake, O_NONBLOCK | O_CLOEXEC));
	s->ready = false;
	m->pid = srv_start(s, dev);
	OK(close(s->wake[0]));
}

static void take_over(struct mnt *m, int dev)
{
	mnt_kill_server(m);
	start_another(m, dev);
	OK(note_resend(dev));
}

/* --- 1 --- */

struct op {
	const char *name;
	uint32_t opcode;
	int (*fn)(const char *path);
};

static int op_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int op_open(const char *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? -1 : close(fd);
}

static int op_read(const char *path)
{
	char buf[8];
	int fd = open(path, O_RDONLY);

	return fd < 0 || read(fd, buf, 8) != 5 || memcmp(buf, "hello", 5) ?
	       -1 : close(fd);
}

static int op_write(const char *path)
{
	int fd = open(path, O_WRONLY);

	return fd < 0 || write(fd, "hello", 5) != 5 ? -1 : close(fd);
}

static int op_fsync(const char *path)
{
	int fd = open(path, O_WRONLY);

	return fd < 0 || fsync(fd) ? -1 : close(fd);
}

static int op_chmod(const char *path)
{
	return chmod(path, 0600);
}

static int op_truncate(const char *path)
{
	return truncate(path, 5);
}

static const struct op ops[] = {
	{ "lookup_is_resent", FUSE_LOOKUP, op_stat },
	{ "open_is_resent", FUSE_OPEN, op_open },
	{ "read_is_resent", FUSE_READ, op_read },
	{ "write_is_resent", FUSE_WRITE, op_write },
	{ "flush_is_resent", FUSE_FLUSH, op_open },
	{ "fsync_is_resent", FUSE_FSYNC, op_fsync },
	{ "setattr_is_resent", FUSE_SETATTR, op_chmod },
	{ "truncate_is_resent", FUSE_SETATTR, op_truncate },
	{ "get_fmap_is_resent", FUSE_GET_FMAP, op_open },
};

struct job {
	const struct op *op;
	char path[256];
};

static int run(void *arg)
{
	struct job *j = arg;

	return j->op->fn(j->path) ? errno : 0;
}

static void is_resent(const void *arg)
{
	struct job j = { .op = arg };
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, j.op->opcode, 0, ACT_STALL, 0);
	struct mnt *m;
	struct task t;
	int dev;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	snprintf(j.path, sizeof(j.path), "%s/a", m->dir);
	t = task_start(run, &j);
	UNTIL(r->hits);
	take_over(m, dev);
	EQ(task_wait(&t), 0);
	TRUE(srv_seen(s, j.op->opcode) > 1);
	EQ(run(&j), 0);
	OK(close(dev));
	mnt_end(m);
}
TEST_ROWS(is_resent, ops)

static int open_it(void *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? errno : close(fd);
}

TEST(get_daxdev_is_resent)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_GET_DAXDEV, 0, ACT_STALL, 0);
	struct mnt *m;
	struct task t;
	int dev;

	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	t = task_start(open_it, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	take_over(m, dev);
	EQ(task_wait(&t), 0);
	EQ(counter(m, "fmaps"), 1);
	OK(close(dev));
	mnt_end(m);
}

TEST(init_is_resent)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_INIT, 0, ACT_STALL, 0);
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	UNTIL(r->hits);
	take_over(m, dev);
	EQ(open_it((void *)in_mnt(m, "a")), 0);
	EQ(srv_seen(s, FUSE_INIT), 2);
	OK(close(dev));
	mnt_end(m);
}

/* The test is the server. */
static struct fuse_in_header *take(int dev, uint8_t *buf)
{
	OK(read(dev, buf, SRV_MAX_WRITE + 2 * PAGE));
	return (void *)buf;
}

static int answer(int dev, uint64_t unique, int error, const void *body,
		  size_t len)
{
	struct fuse_out_header h = {
		.unique = unique, .error = error, .len = sizeof(h) + len,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)body, len } };

	return writev(dev, iov, len ? 2 : 1);
}

static void answer_init(int dev, uint8_t *buf, uint64_t flags)
{
	struct fuse_init_out out = {
		.major = 7, .minor = 46, .max_write = PAGE,
		.flags = FUSE_INIT_EXT | FUSE_PARALLEL_DIROPS,
		.flags2 = flags >> 32,
	};
	struct fuse_in_header *in = take(dev, buf);

	EQ(in->opcode, FUSE_INIT);
	OK(answer(dev, in->unique, 0, &out, sizeof(out)));
}

/* Several that look up a name each, one after the other. */
#define LOOKERS	5

TEST(resent_requests_are_marked_and_the_oldest_comes_first)
{
	uint8_t *buf = malloc(SRV_MAX_WRITE + 2 * PAGE);
	char *dir = make_dir(), paths[LOOKERS + 1][64];
	struct fuse_in_header *in;
	uint64_t unique[LOOKERS];
	struct task t[LOOKERS + 1];
	int dev = open_dev();

	OK(mount_fd(dev, dir, MNT_OPTS));
	answer_init(dev, buf, 0);
	for (int i = 0; i <= LOOKERS; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
	for (int i = 0; i < LOOKERS; i++) {
		t[i] = task_start(open_it, paths[i]);
		in = take(dev, buf);
		EQ(in->opcode, FUSE_LOOKUP);
		unique[i] = in->unique;
	}
	OK(note_resend(dev));
	for (int i = 0; i < LOOKERS; i++) {
		in = take(dev, buf);
		EQ(in->unique, unique[i] | FUSE_UNIQUE_RESEND);
		EQ(((char *)(in + 1))[0], '0' + i);
		/* Not by its former name, and once only. */
		FAILS(ENOENT, answer(dev, unique[i], -ENOENT, NULL, 0));
		OK(answer(dev, in->unique, -EXDEV, NULL, 0));
		FAILS(ENOENT, answer(dev, in->unique, -EXDEV, NULL, 0));
		EQ(task_wait(&t[i]), EXDEV);
	}
	OK(umount2(dir, MNT_DETACH));
	OK(close(dev));
	OK(rmdir(dir));
}

/* --- 2 --- */

TEST(callers_wait_for_the_next_server_and_for_resend)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_OPEN, 0, ACT_STALL, 0);
	struct task before, after;
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "hello", 5);
	srv_plain(s, "b", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	before = task_start(open_it, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	mnt_kill_server(m);
	after = task_start(open_it, (void *)in_mnt(m, "b"));
	UNTIL(sysfs_read(m, "waiting") == 2);
	start_another(m, dev);
	EQ(task_wait(&after), 0);
	UNTIL(sysfs_read(m, "waiting") == 1);
	OK(note_resend(dev));
	EQ(task_wait(&before), 0);
	OK(close(dev));
	mnt_end(m);
}

TEST(callers_can_be_killed_without_a_server)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	struct node *a = srv_plain(s, "a", "hello", 5);
	struct node *b = srv_plain(s, "b", "hello", 5);
	struct task read, unread;
	struct mnt *m;
	int dev;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	read = task_start(open_it, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	mnt_kill_server(m);
	unread = task_start(open_it, (void *)in_mnt(m, "b"));
	UNTIL(sysfs_read(m, "waiting") == 2);
	OK(kill(read.pid, SIGKILL));
	task_reap(&read);
	OK(kill(unread.pid, SIGKILL));
	task_reap(&unread);
	start_another(m, dev);
	OK(note_resend(dev));
	/* The one that was read is answered, and given back. */
	UNTIL(a->lookups == 1 && a->forgets == 1);
	EQ(b->lookups, 0);
	EQ(sysfs_read(m, "waiting"), 0);
	EQ(open_it((void *)in_mnt(m, "a")), 0);
	OK(close(dev));
	mnt_end(m);
}

/* The old server may have done it, and the new one has to know what becomes of it. */
TEST(caller_that_is_killed_between_servers_gives_back)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	struct node *a = srv_plain(s, "a", "hello", 5);
	struct task t;
	struct mnt *m;
	int dev;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	t = task_start(open_it, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	mnt_kill_server(m);
	/* Back in the queue, and nobody reads it. */
	OK(note_resend(dev));
	task_kill(&t);
	EQ(sysfs_read(m, "waiting"), 1);
	start_another(m, dev);
	UNTIL(a->lookups == 1 && a->forgets == 1);
	EQ(sysfs_read(m, "waiting"), 0);
	EQ(open_it((void *)in_mnt(m, "a")), 0);
	OK(close(dev));
	mnt_end(m);
}

static int get_xattr(void *path)
{
	char value[8];

	return getxattr(path, "user.a", value, sizeof(value)) < 0 ? errno : 0;
}

/* Which of the requests that were seen it is, from 1 on; 0: none. */
static int seen_at(const struct srv *s, uint32_t opcode, bool again)
{
	for (int i = 0; i < s->nseen; i++)
		if (s->seen[i].opcode == opcode &&
		    !(s->seen[i].unique & FUSE_UNIQUE_RESEND) == !again)
			return i + 1;
	return 0;
}

/* A server that is at work at it hears of the end of it before the FORGET. */
TEST(forget_waits_for_what_is_sent_again)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_GETXATTR, 0, ACT_STALL, 0);
	struct node *a = srv_plain(s, "a", "hello", 5);
	int dev, again, forget;
	struct task t;
	struct mnt *m;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	t = task_start(get_xattr, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	OK(kill(m->pid, SIGSTOP));
	OK(note_resend(dev));
	task_kill(&t);
	drop_caches();
	OK(kill(m->pid, SIGCONT));
	UNTIL(a->forgets && a->forgets == a->lookups);
	again = seen_at(s, FUSE_GETXATTR, true);
	forget = seen_at(s, FUSE_FORGET, false) ?:
		 seen_at(s, FUSE_BATCH_FORGET, false);
	TRUE(again && again < forget);
	srv_release(s, r);
	UNTIL(r->good_errno == ENOENT);
	OK(close(dev));
	mnt_end(m);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static int open_with_alarm(void *path)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	OK(sigaction(SIGUSR1, &sa, NULL));
	return open_it(path);
}

TEST(interrupt_comes_again)
{
	struct srv *s = srv_resend();
	struct rule *old = srv_on(s, FUSE_OPEN, 0, ACT_STALL, 0);
	struct rule *new = srv_on(s, FUSE_OPEN, 0, ACT_STALL_INTR, 0);
	struct task t;
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	t = task_start(open_with_alarm, (void *)in_mnt(m, "a"));
	UNTIL(old->hits);
	OK(kill(t.pid, SIGUSR1));
	UNTIL(srv_seen(s, FUSE_INTERRUPT) == 1);
	take_over(m, dev);
	EQ(task_wait(&t), EINTR);
	EQ(new->hits, 1);
	EQ(srv_seen(s, FUSE_INTERRUPT), 2);
	TRUE(srv_last(s, FUSE_INTERRUPT)->unique & FUSE_UNIQUE_RESEND);
	OK(close(dev));
	mnt_end(m);
}

TEST(unmounting_waits_for_no_server)
{
	struct srv *s = srv_resend();
	struct rule *r = srv_on(s, FUSE_RELEASE, 0, ACT_STALL, 0);
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	EQ(open_it((void *)in_mnt(m, "a")), 0);
	UNTIL(r->hits);
	mnt_kill_server(m);
	OK(umount2(m->dir, 0));
	OK(rmdir(m->dir));
	/* A server that comes too late hears the end of it. */
	OK(note_resend(dev));
	start_another(m, dev);
	srv_reap(m);
	EQ(s->end_errno, ENODEV);
	EQ(srv_seen(s, FUSE_DESTROY), 1);
	EQ(srv_seen(s, FUSE_RELEASE), 2);
	OK(close(dev));
}

TEST(resend_with_nothing_to_resend)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	EQ(note_resend(dev), 16);
	EQ(open_it((void *)in_mnt(m, "a")), 0);
	EQ(note_resend(dev), 16);
	OK(sysfs_write(m, "abort", "1"));
	FAILS(EINVAL, note_resend(dev));
	OK(close(dev));
	OK(umount2(m->dir, 0));
	srv_reap(m);
}

/* --- 3 --- */

static void closed_clone(uint64_t flags, bool again)
{
	uint8_t *buf = malloc(SRV_MAX_WRITE + 2 * PAGE);
	char *dir = make_dir(), path[64];
	struct fuse_in_header *in;
	int dev = open_dev(), clone;
	uint64_t unique;
	struct task t;

	OK(mount_fd(dev, dir, MNT_OPTS));
	answer_init(dev, buf, flags);
	snprintf(path, sizeof(path), "%s/a", dir);
	t = task_start(open_it, path);
	/* Of which the task has none. */
	clone = open_dev();
	OK(ioctl(clone, FUSE_DEV_IOC_CLONE, &dev));
	in = take(clone, buf);
	EQ(in->opcode, FUSE_LOOKUP);
	unique = in->unique;
	OK(close(clone));
	if (again) {
		in = take(dev, buf);
		EQ(in->unique, unique | FUSE_UNIQUE_RESEND);
		OK(answer(dev, in->unique, -EXDEV, NULL, 0));
	}
	EQ(task_wait(&t), again ? EXDEV : ENOTCONN);
	OK(umount2(dir, MNT_DETACH));
	OK(close(dev));
	OK(rmdir(dir));
}

TEST(closed_clone_hands_on_what_it_has_read)
{
	closed_clone(FUSE_HAS_RESEND, true);
}

TEST(closed_clone_fails_what_it_has_read_without_resend)
{
	closed_clone(0, false);
}

/* --- 4 --- */

#define WORKERS	6
#define KILLS	40

struct load {
	char dir[64];
	atomic_bool stop;
	atomic_int rounds;
};

static int work(void *arg)
{
	struct load *l = arg;
	uint32_t seed = getpid();
	char path[128], buf[256];
	struct stat st;

	while (!l->stop) {
		uint32_t n = (seed = seed * 1103515245 + 12345) >> 8;
		int fd;

		snprintf(path, sizeof(path), "%s/f%u", l->dir, n % 16);
		OK(stat(path, &st));
		fd = OK(open(path, O_RDWR));
		EQ(pwrite(fd, "0123456789", 10, n % 4096), 10);
		EQ(pread(fd, buf, 10, n % 4096), 10);
		OK(fstat(fd, &st));
		OK(fchmod(fd, 0600 | (n & 077)));
		OK(fsync(fd));
		OK(close(fd));
		snprintf(path, sizeof(path), "%s/none%u", l->dir, n % 1000);
		FAILS(ENOENT, stat(path, &st));
		l->rounds++;
	}
	return 0;
}

TEST(nothing_fails_when_servers_are_killed_under_load)
{
	struct load *l = t_shared(sizeof(*l));
	struct srv *s = srv_resend();
	struct task t[WORKERS];
	uint32_t seed = 4711;
	struct mnt *m;
	int dev;

	for (int i = 0; i < 16; i++) {
		char name[16];
		struct node *n;

		snprintf(name, sizeof(name), "f%d", i);
		n = srv_plain(s, name, NULL, 8192);
		n->entry_ms = n->attr_ms = 0;
	}
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	strcpy(l->dir, m->dir);
	for (int i = 0; i < WORKERS; i++)
		t[i] = task_start(work, l);
	for (int i = 0; i < KILLS; i++) {
		int from = s->nseen;

		seed = seed * 1103515245 + 12345;
		UNTIL(s->nseen - from > (int)(seed >> 16) % 300);
		take_over(m, dev);
	}
	l->stop = true;
	for (int i = 0; i < WORKERS; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(sysfs_read(m, "waiting"), 0);
	OK(close(dev));
	mnt_end(m);
}
