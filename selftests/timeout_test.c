// SPDX-License-Identifier: GPL-2.0
/*
 * Servers that do not answer in time, and looking at what they have not answered.
 *
 * 1. A request that is older than the time-out ends its connection: that which
 *    the server has named, or by default, or at most. Others live on.
 * 2. debugfs shows what is not answered, and in which state; to root.
 * 3. What was aborted is told to a server that has agreed to be; times are of
 *    the granularity that INIT has settled.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#define PARAMS	"/sys/module/fmapfs/parameters/"
#define DEBUGFS	"/sys/kernel/debug"
#define AT	(128 * MIB)

static void set_param(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = OK(open(path, O_WRONLY | O_CLOEXEC));
	OK(write(fd, value, strlen(value)));
	OK(close(fd));
}

static int do_stat(void *path)
{
	struct stat st;

	return stat(path, &st) ? errno : 0;
}

/* --- 1 --- */

/* A mount on which a LOOKUP is not answered. */
struct slow {
	struct mnt *m;
	struct rule *r;
	struct task t;
};

static struct slow slow_new(uint16_t seconds)
{
	struct srv *s = srv_new();
	struct slow w;

	s->request_timeout = seconds;
	if (seconds)
		s->want |= FUSE_REQUEST_TIMEOUT;
	srv_plain(s, "a", "x", 1);
	w.r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	w.m = mnt_new(s);
	w.t = task_start(do_stat, strdup(in_mnt(w.m, "a")));
	UNTIL(w.r->hits);
	return w;
}

static void is_aborted(struct slow *w)
{
	EQ(task_wait(&w->t), ENOTCONN);
	UNTIL(w->m->srv->end_errno == ENODEV);
	mnt_end(w->m);
}

TEST(request_that_is_too_old_ends_its_connection)
{
	struct slow named, capped, by_default, without;

	without = slow_new(0);
	named = slow_new(1);
	set_param("max_request_timeout", "1");
	capped = slow_new(65535);
	set_param("max_request_timeout", "0");
	set_param("default_request_timeout", "1");
	by_default = slow_new(0);
	set_param("default_request_timeout", "0");
	is_aborted(&named);
	is_aborted(&capped);
	is_aborted(&by_default);
	TRUE(!task_done(&without.t));
	srv_release(without.m->srv, without.r);
	EQ(task_wait(&without.t), 0);
	mnt_end(without.m);
}

TEST(parameters_are_checked)
{
	int fd = OK(open(PARAMS "max_request_timeout", O_WRONLY | O_CLOEXEC));

	FAILS(ERANGE, write(fd, "65536", 5));
	FAILS(EINVAL, write(fd, "x", 1));
	OK(close(fd));
}

TEST(unmounting_ends_the_timer)
{
	for (int i = 0; i < 10; i++) {
		struct srv *s = srv_new();
		struct mnt *m;

		s->request_timeout = 20;
		s->want |= FUSE_REQUEST_TIMEOUT;
		m = mnt_new(s);
		OK(access(m->dir, F_OK));
		if (i & 1)
			mnt_kill_server(m);
		mnt_end(m);
	}
}

/* --- 2 --- */

static void mount_debugfs(void)
{
	struct statfs sfs;

	OK(statfs(DEBUGFS, &sfs));
	if (sfs.f_type != 0x64626720)
		OK(mount("debugfs", DEBUGFS, "debugfs", 0, NULL));
}

static const char *requests(const struct mnt *m)
{
	static char text[65536];
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/fmapfs/%u/requests", m->minor);
	OK(read_text(path, text, sizeof(text)));
	return text;
}

TEST(debugfs_shows_what_is_not_answered)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_LOOKUP, ROOT_ID, ACT_STALL, 0);
	char who[64], path[128];
	struct stat st;
	struct task t;
	struct mnt *m;

	mount_debugfs();
	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(access(m->dir, F_OK));
	EQ_STR(requests(m), "");
	t = task_start(do_stat, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	UNTIL(strstr(requests(m), " sent\n"));
	snprintf(who, sizeof(who), " %u LOOKUP node 1 pid %d age ", FUSE_LOOKUP,
		 t.pid);
	TRUE(strstr(requests(m), who));
	OK(kill(t.pid, SIGKILL));
	task_reap(&t);
	TRUE(strstr(requests(m), " sent interrupted abandoned\n"));
	srv_release(s, r);
	UNTIL(!*requests(m));
	snprintf(path, sizeof(path), DEBUGFS "/fmapfs/%u/requests", m->minor);
	OK(stat(path, &st));
	EQ(st.st_mode, S_IFREG | 0400);
	mnt_end(m);
	FAILS(ENOENT, stat(path, &st));
}

TEST(debugfs_shows_what_is_not_read)
{
	char *dir = make_dir();
	struct mnt m = { 0 };
	int dev = open_dev(), fd;
	char path[128], text[512];

	mount_debugfs();
	OK(mount_fd(dev, dir, MNT_OPTS));
	m.minor = mount_minor(dir);
	TRUE(strstr(requests(&m), " INIT node 1 pid "));
	TRUE(strstr(requests(&m), " queued\n"));
	snprintf(path, sizeof(path), DEBUGFS "/fmapfs/%u/requests", m.minor);
	fd = OK(open(path, O_RDONLY));
	OK(umount2(dir, 0));
	/* It was open when the mount went. */
	TRUE(read(fd, text, sizeof(text)) <= 0);
	OK(close(fd));
	OK(close(dev));
	OK(rmdir(dir));
}

static int look_and_look(void *arg)
{
	const struct mnt *m = arg;
	char path[128], text[4096];

	snprintf(path, sizeof(path), DEBUGFS "/fmapfs/%u/requests", m->minor);
	for (;;)
		read_text(path, text, sizeof(text));
	return 0;
}

TEST(debugfs_is_looked_at_while_all_goes)
{
	mount_debugfs();
	for (int i = 0; i < 10; i++) {
		struct srv *s = srv_new();
		struct task t;
		struct mnt *m;

		srv_plain(s, "a", "x", 1)->entry_ms = 0;
		m = mnt_new(s);
		t = task_start(look_and_look, m);
		for (int k = 0; k < 200; k++)
			EQ(do_stat((void *)in_mnt(m, "a")), 0);
		mnt_end(m);
		OK(kill(t.pid, SIGKILL));
		task_reap(&t);
	}
}

/* --- 3 --- */

TEST(abort_is_told_to_who_wants_to_know)
{
	for (int i = 0; i < 2; i++) {
		struct srv *s = srv_new();
		struct mnt *m;

		if (i)
			s->want |= FUSE_ABORT_ERROR;
		m = mnt_new(s);
		OK(access(m->dir, F_OK));
		OK(sysfs_write(m, "abort", "1"));
		UNTIL(s->end_errno);
		EQ(s->end_errno, i ? ECONNABORTED : ENODEV);
		OK(umount2(m->dir, 0));
		srv_reap(m);
		OK(rmdir(m->dir));
	}
}

TEST(times_are_of_the_settled_granularity)
{
	struct srv *s = srv_new();
	struct stat st;
	struct mnt *m;
	int fd;

	s->time_gran = 1000000000;
	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	for (int i = 0; i < 5; i++) {
		EQ(pwrite(fd, "x", 1, i), 1);
		OK(fstat(fd, &st));
		TRUE(st.st_mtim.tv_sec > 1000000000);
		EQ(st.st_mtim.tv_nsec, 0);
	}
	OK(close(fd));
	mnt_end(m);
}
