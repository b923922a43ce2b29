// SPDX-License-Identifier: GPL-2.0
/*
 * Callers that leave, servers that hang or die.
 *
 * 1. A signal during a request makes the server read an INTERRUPT with that
 *    request's unique; the answer is still the server's to give.
 * 2. SIGKILL ends a caller at once although the server never answers.
 * 3. What a late reply hands out is given back: a lookup by FORGET, a handle by
 *    RELEASE or RELEASEDIR.
 *    Nodes that such a request names are not forgotten before it is over.
 * 4. Each lookup that a reply has granted is forgotten once its inode is gone.
 * 5. A dead server (kill -9) and an abort by sysfs end what waits, and all that
 *    comes after, with ENOTCONN.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"

static void on_signal(int sig)
{
	(void)sig;
}

/* In a child: an operation on a path; returns its errno, or 0. */
static int call_getxattr(void *path)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char buf[64];

	sigaction(SIGUSR1, &sa, NULL);
	return getxattr(path, "user.a", buf, sizeof(buf)) < 0 ? errno : 0;
}

static int call_stat(void *path)
{
	struct stat st;

	return stat(path, &st) ? errno : 0;
}

static int call_open(void *path)
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? errno : 0;
}

static int call_close(void *path)
{
	return close(open(path, O_RDONLY)) ? errno : 0;
}

static int call_list(void *path)
{
	DIR *d = opendir(path);

	return d && readdir(d) ? 0 : errno;
}

static int call_read(void *path)
{
	char buf[64];
	int fd = open(path, O_RDONLY);

	return read(fd, buf, sizeof(buf)) < 0 ? errno : 0;
}

static struct srv *srv_with_file(struct node **n)
{
	struct srv *s = srv_new();

	*n = srv_plain(s, "a", "content", 7);
	strcpy((*n)->xattr[0].name, "user.a");
	(*n)->xattr[0].size = 5;
	return s;
}

/* A child in getxattr(2), which the server does not answer. */
struct waiter {
	struct srv *s;
	struct rule *r;
	struct mnt *m;
	struct task t;
};

static struct waiter waits_in_getxattr(enum act act)
{
	struct waiter w;
	struct node *n;

	w.s = srv_with_file(&n);
	w.r = srv_on(w.s, FUSE_GETXATTR, n->id, act, 0);
	w.m = mnt_new(w.s);
	w.t = task_start(call_getxattr, (char *)in_mnt(w.m, "a"));
	UNTIL(w.r->hits == 1);
	return w;
}

TEST(signal_makes_an_interrupt_with_the_unique_of_the_request)
{
	struct waiter w = waits_in_getxattr(ACT_STALL_INTR);
	uint64_t unique = srv_last(w.s, FUSE_GETXATTR)->unique;

	EQ(srv_seen(w.s, FUSE_INTERRUPT), 0);
	OK(kill(w.t.pid, SIGUSR1));
	EQ(task_wait(&w.t), EINTR);
	EQ(srv_seen(w.s, FUSE_INTERRUPT), 1);
	EQ(srv_last(w.s, FUSE_INTERRUPT)->arg, unique);
	mnt_end(w.m);
}

TEST(server_that_ignores_the_interrupt_still_gives_the_answer)
{
	struct waiter w = waits_in_getxattr(ACT_STALL);

	OK(kill(w.t.pid, SIGUSR1));
	UNTIL(srv_seen(w.s, FUSE_INTERRUPT) == 1);
	TRUE(!task_done(&w.t));
	srv_release(w.s, w.r);
	EQ(task_wait(&w.t), 0);
	mnt_end(w.m);
}

TEST(signal_during_a_read_interrupts_it)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_STALL_INTR, 0);
	struct mnt *m;
	struct task t;

	/* What is read into the cache is read for others, too. */
	n->open_flags = FOPEN_DIRECT_IO;
	m = mnt_new(s);
	signal(SIGUSR1, SIG_IGN);
	t = task_start(call_read, (char *)in_mnt(m, "a"));
	UNTIL(r->hits == 1);
	/* An ignored signal is none. */
	OK(kill(t.pid, SIGUSR1));
	OK(kill(t.pid, SIGTERM));
	EQ(task_reap(&t), SIGTERM);
	UNTIL(srv_seen(s, FUSE_INTERRUPT) == 1);
	EQ(srv_last(s, FUSE_INTERRUPT)->arg, srv_last(s, FUSE_READ)->unique);
	mnt_end(m);
}

/* An operation that the server never answers; its caller is killed. */
static const struct stuck {
	const char *name;
	uint32_t opcode;
	int (*call)(void *path);
	const char *path;
} stucks[] = {
	{ "caller_in_lookup_can_be_killed", FUSE_LOOKUP, call_stat, "a" },
	{ "caller_in_getattr_can_be_killed", FUSE_GETATTR, call_stat, "a" },
	{ "caller_in_open_can_be_killed", FUSE_OPEN, call_open, "a" },
	{ "caller_in_get_fmap_can_be_killed", FUSE_GET_FMAP, call_open, "mem" },
	{ "caller_in_get_daxdev_can_be_killed", FUSE_GET_DAXDEV, call_open,
	  "mem" },
	{ "caller_in_read_can_be_killed", FUSE_READ, call_read, "a" },
	{ "caller_in_flush_can_be_killed", FUSE_FLUSH, call_close, "a" },
	{ "caller_in_opendir_can_be_killed", FUSE_OPENDIR, call_list, "dir" },
	{ "caller_in_readdir_can_be_killed", FUSE_READDIR, call_list, "dir" },
	{ "caller_in_getxattr_can_be_killed", FUSE_GETXATTR, call_getxattr,
	  "a" },
};

static void stuck_caller_can_be_killed(const void *arg)
{
	const struct stuck *row = arg;
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, row->opcode, 0, ACT_STALL, 0);
	struct mnt *m;
	struct task t;

	r->left = -1;
	n->attr_ms = 0;
	s->want &= ~FUSE_DO_READDIRPLUS;
	srv_dir(s, ROOT_ID, "dir");
	srv_use_pmem(s);
	srv_memfile(s, "mem", fmap_simple1(0, 0, MIB, MIB));
	m = mnt_new(s);
	t = task_start(row->call, (char *)in_mnt(m, row->path));
	UNTIL(r->hits > 0);
	task_kill(&t);
	/* Nor does the mount wait for the server. */
	OK(umount2(m->dir, 0));
	OK(rmdir(m->dir));
	mnt_kill_server(m);
}
TEST_ROWS(stuck_caller_can_be_killed, stucks)

/* Nobody could kill it any more. */
TEST(task_that_exits_does_not_wait_for_its_files_to_be_flushed)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_FLUSH, n->id, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct task t = task_start(call_open, (char *)in_mnt(m, "a"));

	EQ(task_wait(&t), 0);
	UNTIL(r->hits == 1);
	srv_release(s, r);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	mnt_end(m);
}

/* Kills the caller of a stalled request, then lets the server answer. */
static struct mnt *late_reply(struct srv *s, struct rule *r,
			      int (*call)(void *path), const char *name)
{
	struct mnt *m = mnt_new(s);
	struct task t = task_start(call, (char *)in_mnt(m, name));

	UNTIL(r->hits == 1);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(r->good_errno >= 0);
	EQ(r->good_errno, 0);
	return m;
}

/* "DIR/a" to "DIR/d/a". */
static int call_names(char *path, int (*call)(const char *, const char *))
{
	char to[512];

	snprintf(to, sizeof(to), "%.*sd/a", (int)strlen(path) - 1, path);
	return call(path, to) ? errno : 0;
}

static int call_rename(void *path)
{
	return call_names(path, rename);
}

static int call_link(void *path)
{
	return call_names(path, link);
}

/* A request that names two nodes: the second as well stays until it is over. */
static const struct two {
	const char *name;
	uint32_t opcode;
	int (*call)(void *path);
	const char *second;
} twos[] = {
	{ "directory_of_a_late_rename_is_not_forgotten_before", FUSE_RENAME,
	  call_rename, "d" },
	{ "file_of_a_late_link_is_not_forgotten_before", FUSE_LINK,
	  call_link, "a" },
};

static void second_is_not_forgotten_before(const void *arg)
{
	const struct two *row = arg;
	struct node *a, *b, *second;
	struct srv *s = srv_with_file(&a);
	struct rule *r = srv_on(s, row->opcode, 0, ACT_STALL, 0);
	struct stat st;
	struct mnt *m;
	struct task t;

	b = srv_plain(s, "b", "x", 1);
	srv_dir(s, ROOT_ID, "d");
	second = srv_find_name(s, ROOT_ID, row->second);
	m = mnt_new(s);
	t = task_start(row->call, (char *)in_mnt(m, "a"));
	UNTIL(r->hits == 1);
	task_kill(&t);
	OK(stat(in_mnt(m, "b"), &st));
	UNTIL((drop_caches(), b->forgets > 0));
	EQ(second->forgets, 0);
	srv_release(s, r);
	UNTIL(r->good_errno == 0);
	UNTIL(second->forgets > 0);
	mnt_end(m);
}
TEST_ROWS(second_is_not_forgotten_before, twos)

TEST(late_lookup_is_forgotten)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	struct mnt *m = late_reply(s, r, call_stat, "a");

	EQ(n->lookups, 1);
	UNTIL(n->forgets == 1);
	mnt_end(m);
}

TEST(late_negative_lookup_forgets_nothing)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	struct mnt *m;
	struct stat st;

	s->negative_ms = 10000;
	m = late_reply(s, r, call_stat, "nothing");
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_FORGET) + srv_seen(s, FUSE_BATCH_FORGET), 0);
	mnt_end(m);
}

TEST(late_open_is_released)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_OPEN, n->id, ACT_STALL, 0);
	struct mnt *m = late_reply(s, r, call_open, "a");

	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(srv_last(s, FUSE_RELEASE)->arg, srv_last(s, FUSE_OPEN)->unique);
	EQ(srv_last(s, FUSE_RELEASE)->nodeid, n->id);
	mnt_end(m);
}

TEST(late_opendir_is_released)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_OPENDIR, 0, ACT_STALL, 0);
	struct mnt *m = late_reply(s, r, call_list, "");

	UNTIL(srv_seen(s, FUSE_RELEASEDIR) == 1);
	EQ(srv_last(s, FUSE_RELEASEDIR)->arg,
	   srv_last(s, FUSE_OPENDIR)->unique);
	mnt_end(m);
}

TEST(late_readdirplus_is_forgotten)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct rule *r = srv_on(s, FUSE_READDIRPLUS, 0, ACT_STALL, 0);
	struct mnt *m;

	srv_plain(s, "b", "x", 1);
	m = late_reply(s, r, call_list, "");
	EQ(n->lookups, 1);
	UNTIL(n->forgets == 1);
	UNTIL(s->nodes[n->id].forgets == s->nodes[n->id].lookups);
	EQ(s->nodes[n->id].forgets, 1);
	mnt_end(m);
}

/* Each file open is released with its handle, and flushed before. */
TEST(close_flushes_and_releases)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDONLY)), fd2;
	uint64_t fh = srv_last(s, FUSE_OPEN)->unique;

	fd2 = OK(dup(fd));
	OK(close(fd));
	EQ(srv_seen(s, FUSE_FLUSH), 1);
	EQ(srv_seen(s, FUSE_RELEASE), 0);
	OK(close(fd2));
	EQ(srv_seen(s, FUSE_FLUSH), 2);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(srv_last(s, FUSE_RELEASE)->arg, fh);
	mnt_end(m);
}

#define MANY	200

static void make_many(struct srv *s)
{
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		srv_plain(s, name, "x", 1);
	}
}

static long list_and_stat(struct mnt *m)
{
	DIR *d = opendir(m->dir);
	struct dirent *e;
	struct stat st;
	long n = 0;

	TRUE(d);
	while ((e = readdir(d))) {
		OK(fstatat(dirfd(d), e->d_name, &st, 0));
		n++;
	}
	closedir(d);
	return n;
}

TEST(lookups_are_forgotten_when_the_caches_are_dropped)
{
	struct srv *s = srv_new();
	struct mnt *m;

	make_many(s);
	/* So that each name is looked up several times. */
	for (int i = 1; i <= MANY; i++)
		s->nodes[i].entry_ms = 0;
	m = mnt_new(s);
	EQ(list_and_stat(m), MANY + 2);
	EQ(list_and_stat(m), MANY + 2);
	for (int i = 1; i <= MANY; i++)
		TRUE(s->nodes[i].lookups >= 2);
	drop_caches();
	UNTIL((drop_caches(), srv_all_forgotten(s)));
	mnt_end(m);
}

TEST(lookups_are_forgotten_by_the_unmount)
{
	struct srv *s = srv_new();
	struct mnt *m;

	make_many(s);
	m = mnt_new(s);
	EQ(list_and_stat(m), MANY + 2);
	mnt_end(m);
	TRUE(srv_all_forgotten(s));
	EQ(srv_seen(s, FUSE_DESTROY), 1);
}

TEST(killed_server_ends_all_requests_with_enotconn)
{
	struct waiter w = waits_in_getxattr(ACT_STALL);
	struct stat st;

	mnt_kill_server(w.m);
	EQ(task_wait(&w.t), ENOTCONN);
	FAILS(ENOTCONN, stat(in_mnt(w.m, "b"), &st));
	FAILS(ENOTCONN, open_in(w.m, "a", O_RDONLY));
	mnt_end(w.m);
}

TEST(server_that_dies_in_a_request_ends_it_with_enotconn)
{
	struct node *n;
	struct srv *s = srv_with_file(&n);
	struct mnt *m;
	struct stat st;

	srv_on(s, FUSE_OPEN, n->id, ACT_DIE, 0);
	m = mnt_new(s);
	FAILS(ENOTCONN, open_in(m, "a", O_RDONLY));
	FAILS(ENOTCONN, stat(in_mnt(m, "b"), &st));
	srv_reap(m);
	mnt_end(m);
}

TEST(abort_by_sysfs_ends_all_requests_with_enotconn)
{
	struct waiter w = waits_in_getxattr(ACT_STALL);
	struct stat st;

	EQ(sysfs_read(w.m, "waiting"), 1);
	OK(sysfs_write(w.m, "abort", "1"));
	EQ(task_wait(&w.t), ENOTCONN);
	FAILS(ENOTCONN, stat(in_mnt(w.m, "b"), &st));
	EQ(sysfs_read(w.m, "waiting"), 0);
	srv_reap(w.m);
	EQ(w.s->end_errno, ENODEV);
	mnt_end(w.m);
}
