// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) and epoll(7).
 *
 * 1. What a file is ready for is the server's to say. It is asked to notify only
 *    if somebody waits. ENOSYS: files are always ready, and it is not asked again.
 * 2. A notification makes those who wait for that file ask again, and nobody
 *    else; one of a file that there is not is nothing.
 * 3. The server's end wakes who waits; a hung server's caller can be killed.
 * 4. A POLL is not waited for long: until it is answered the file is not ready, no
 *    other is sent, and its late answer wakes who waits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/vfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"

static const struct fuse_poll_in *last(struct srv *s)
{
	return srv_last_body(s, FUSE_POLL);
}

static int poll_fd(int fd, int events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc = poll(&p, 1, ms);

	return rc < 0 ? -errno : p.revents;
}

struct poller {
	int fd, dev;
	int events, ms;
};

/* The server answers one request after the other: those before this one it has. */
static void all_are_answered(int fd)
{
	struct statfs st;

	OK(fstatfs(fd, &st));
}

/* The device is for the server alone to hold open, when its end is to be seen. */
static int child_polls(void *arg)
{
	const struct poller *p = arg;

	close(p->dev);
	return poll_fd(p->fd, p->events, p->ms);
}

static int child_epolls(void *arg)
{
	const struct poller *p = arg;
	struct epoll_event ev = { .events = p->events };
	int ep = epoll_create1(0);

	close(p->dev);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, p->fd, &ev))
		return -errno;
	return epoll_wait(ep, &ev, 1, p->ms) == 1 ? (int)ev.events : -errno;
}

static int notify(int dev, uint64_t kh)
{
	struct fuse_notify_poll_wakeup_out out = { .kh = kh };
	struct fuse_out_header h = {
		.len = sizeof(h) + sizeof(out), .error = FUSE_NOTIFY_POLL,
	};
	struct iovec iov[] = { { &h, sizeof(h) }, { &out, sizeof(out) } };

	return writev(dev, iov, 2);
}

static struct mnt *mnt_with_file(struct srv **s, int *dev, int *fd)
{
	struct mnt *m;

	*s = srv_new();
	srv_plain(*s, "a", "content", 7);
	m = mnt_new_dev(*s, MNT_OPTS, dev);
	*fd = OK(open_in(m, "a", O_RDWR));
	return m;
}

static void end(struct mnt *m, int fd, int dev)
{
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

TEST(server_says_what_is_ready)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);

	s->revents = POLLIN | POLLHUP;
	EQ(poll_fd(fd, POLLIN | POLLOUT, 0), POLLIN | POLLHUP);
	EQ(last(s)->fh, srv_last(s, FUSE_OPEN)->unique);
	EQ(last(s)->events, POLLIN | POLLOUT | POLLERR | POLLHUP);
	EQ(last(s)->flags, 0);
	TRUE(last(s)->kh);
	s->revents = 0;
	EQ(poll_fd(fd, POLLIN, 0), 0);
	/* Now somebody waits, if not for long. */
	EQ(poll_fd(fd, POLLIN, 1), 0);
	s->revents = POLLOUT;
	EQ(poll_fd(fd, POLLOUT, -1), POLLOUT);
	EQ(last(s)->flags, FUSE_POLL_SCHEDULE_NOTIFY);
	end(m, fd, dev);
}

TEST(open_files_have_numbers_of_their_own)
{
	int fd, fd2, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	uint64_t kh;

	poll_fd(fd, POLLIN, 0);
	kh = last(s)->kh;
	fd2 = OK(open_in(m, "a", O_RDONLY));
	poll_fd(fd2, POLLIN, 0);
	TRUE(last(s)->kh != kh);
	poll_fd(fd, POLLIN, 0);
	EQ(last(s)->kh, kh);
	OK(close(fd2));
	end(m, fd, dev);
}

TEST(enosys_makes_all_files_ready_for_ever)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);

	srv_on(s, FUSE_POLL, 0, ACT_ERROR, ENOSYS);
	EQ(poll_fd(fd, POLLIN | POLLOUT | POLLPRI, -1), POLLIN | POLLOUT);
	EQ(poll_fd(fd, POLLIN, -1), POLLIN);
	EQ(srv_seen(s, FUSE_POLL), 1);
	end(m, fd, dev);
}

TEST(other_errors_are_pollerr)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);

	srv_on(s, FUSE_POLL, 0, ACT_ERROR, EPERM);
	EQ(poll_fd(fd, POLLIN, -1), POLLERR);
	s->revents = ~0U;
	EQ(poll_fd(fd, POLLIN, -1), POLLIN | POLLERR | POLLHUP);
	EQ(srv_seen(s, FUSE_POLL), 2);
	end(m, fd, dev);
}

static const struct waiting {
	const char *name;
	int (*fn)(void *arg);
} waitings[] = {
	{ "notification_wakes_who_polls", child_polls },
	{ "notification_wakes_who_epolls", child_epolls },
};

static void notification_wakes(const void *arg)
{
	const struct waiting *row = arg;
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct poller p = { fd, dev, POLLIN, -1 };
	struct task t = task_start(row->fn, &p);
	uint64_t kh;
	int n;

	UNTIL(srv_seen(s, FUSE_POLL) == 1);
	EQ(last(s)->flags, FUSE_POLL_SCHEDULE_NOTIFY);
	kh = last(s)->kh;
	/* No file has these. */
	EQ(notify(dev, kh + 1), 24);
	EQ(notify(dev, 0), 24);
	EQ(notify(dev, ~0ULL), 24);
	EQ(srv_seen(s, FUSE_POLL), 1);
	/* Nothing has happened, in spite of what it says. */
	EQ(notify(dev, kh), 24);
	UNTIL((n = srv_seen(s, FUSE_POLL)) >= 2);
	all_are_answered(fd);
	TRUE(!task_done(&t));
	s->revents = POLLIN;
	EQ(notify(dev, kh), 24);
	EQ(task_wait(&t), POLLIN);
	TRUE(srv_seen(s, FUSE_POLL) > n);
	end(m, fd, dev);
}
TEST_ROWS(notification_wakes, waitings)

TEST(notification_of_a_closed_file_is_nothing)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	uint64_t kh;

	EQ(poll_fd(fd, POLLIN, 1), 0);
	kh = last(s)->kh;
	OK(close(fd));
	EQ(notify(dev, kh), 24);
	fd = OK(open_in(m, "a", O_RDWR));
	end(m, fd, dev);
}

TEST(many_files_are_told_apart)
{
	enum { N = 20 };
	int fd, dev, fds[N];
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct poller p[N];
	struct task t[N];
	uint64_t kh[N];

	for (int i = 0; i < N; i++) {
		fds[i] = OK(open_in(m, "a", O_RDONLY));
		p[i] = (struct poller) { fds[i], dev, POLLIN, -1 };
		t[i] = task_start(child_polls, &p[i]);
		UNTIL(srv_seen(s, FUSE_POLL) == i + 1);
		kh[i] = last(s)->kh;
	}
	all_are_answered(fd);
	s->revents = POLLIN;
	for (int i = 0; i < N; i++) {
		int which = i * 7 % N;

		EQ(notify(dev, kh[which]), 24);
		EQ(task_wait(&t[which]), POLLIN);
		EQ(srv_seen(s, FUSE_POLL), N + i + 1);
		OK(close(fds[which]));
	}
	end(m, fd, dev);
}

TEST(end_of_the_server_wakes_who_polls)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct poller p = { fd, dev, POLLIN, -1 };
	struct task t = task_start(child_polls, &p);
	struct task e = task_start(child_epolls, &p);

	UNTIL(srv_seen(s, FUSE_POLL) == 2);
	OK(close(dev));
	mnt_kill_server(m);
	EQ(task_wait(&t), POLLERR);
	EQ(task_wait(&e), EPOLLERR);
	close(fd);
	mnt_end(m);
}

TEST(memory_is_ready_without_a_server)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int fd, dev;

	srv_use_pmem(s);
	srv_memfile(s, "mem", fmap_simple1(0, 0, MIB, MIB));
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "mem", O_RDWR));
	s->revents = POLLPRI;
	EQ(poll_fd(fd, POLLIN | POLLPRI, -1), POLLPRI);
	OK(close(dev));
	mnt_kill_server(m);
	EQ(poll_fd(fd, POLLIN | POLLPRI, -1), POLLIN);
	OK(close(fd));
	mnt_end(m);
}

static const struct waiting hung[] = {
	{ "caller_of_poll_can_be_killed", child_polls },
	{ "caller_of_epoll_can_be_killed", child_epolls },
};

static void caller_can_be_killed(const void *arg)
{
	const struct waiting *row = arg;
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct poller p = { fd, dev, POLLIN, -1 };
	struct rule *r = srv_on(s, FUSE_POLL, 0, ACT_STALL, 0);
	struct task t = task_start(row->fn, &p);

	UNTIL(r->hits == 1);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(r->good_errno == 0);
	end(m, fd, dev);
}
TEST_ROWS(caller_can_be_killed, hung)

TEST(late_answer_wakes_who_waits)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct rule *r = srv_on(s, FUSE_POLL, 0, ACT_STALL, 0);
	struct poller p = { fd, dev, POLLIN, -1 };
	struct task t;

	r->left = -1;
	EQ(poll_fd(fd, POLLIN, 0), 0);
	EQ(srv_seen(s, FUSE_POLL), 1);
	/* It is not asked again: these take no time. */
	EQ(poll_fd(fd, POLLIN, 0), 0);
	t = task_start(child_polls, &p);
	EQ(poll_fd(fd, POLLIN, 10), 0);
	EQ(srv_seen(s, FUSE_POLL), 1);
	TRUE(!task_done(&t));
	s->revents = POLLIN;
	srv_release(s, r);
	EQ(task_wait(&t), POLLIN);
	end(m, fd, dev);
}

/* What holds the epoll's mutex lets it go. */
TEST(hung_server_holds_up_no_epoll)
{
	int fd, dev, ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct rule *r = srv_on(s, FUSE_POLL, 0, ACT_STALL, 0);

	r->left = -1;
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	OK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	EQ(epoll_wait(ep, &ev, 1, 0), 0);
	EQ(srv_seen(s, FUSE_POLL), 1);
	s->revents = POLLIN;
	srv_release(s, r);
	EQ(epoll_wait(ep, &ev, 1, -1), 1);
	EQ(ev.events, EPOLLIN);
	OK(close(ep));
	end(m, fd, dev);
}

TEST(file_is_closed_before_its_poll_is_answered)
{
	int fd, dev;
	struct srv *s;
	struct mnt *m = mnt_with_file(&s, &dev, &fd);
	struct rule *r = srv_on(s, FUSE_POLL, 0, ACT_STALL, 0);

	EQ(poll_fd(fd, POLLIN, 0), 0);
	OK(close(fd));
	EQ(srv_seen(s, FUSE_RELEASE), 0);
	s->revents = POLLIN;
	srv_release(s, r);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	OK(close(dev));
	mnt_end(m);
}
