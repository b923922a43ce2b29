// SPDX-License-Identifier: GPL-2.0
/*
 * Locks that are waited for.
 *
 * 1. A signal makes an INTERRUPT of a waiting SETLKW, and the wait ends when the
 *    server answers. SIGKILL ends it at once: a lock that is granted later is
 *    given back.
 * 2. Who asks for a lock after its owner has gone gets it: FLUSHes that nobody
 *    waits for are over before the server is asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/lock.h"

/* A child whose request the server has, and for which it does as it is told. */
struct waiter {
	struct srv *s;
	struct rule *r;
	struct mnt *m;
	struct task t;
};

static struct waiter waiter_new(uint64_t flags, uint32_t opcode, enum act act,
				struct child c)
{
	struct waiter w;
	struct node *n;

	w.s = srv_with_locks(&n, flags);
	w.r = srv_on(w.s, opcode, n->id, act, 0);
	w.m = mnt_new(w.s);
	c.m = w.m;
	w.t = task_start(child_locks, &c);
	UNTIL(w.r->hits == 1);
	return w;
}

/* ... a SETLKW. */
static struct waiter setlkw_waits(enum act act, int sa_flags)
{
	struct child c = { NULL, -1, F_SETLKW, F_WRLCK, sa_flags };

	return waiter_new(FUSE_POSIX_LOCKS, FUSE_SETLKW, act, c);
}

/* --- signals --- */

TEST(interrupted_setlkw_ends_when_the_server_says)
{
	struct waiter w = setlkw_waits(ACT_STALL_INTR, 0);

	OK(kill(w.t.pid, SIGUSR1));
	EQ(task_wait(&w.t), EINTR);
	EQ(srv_seen(w.s, FUSE_INTERRUPT), 1);
	EQ(srv_last(w.s, FUSE_INTERRUPT)->arg,
	   srv_last(w.s, FUSE_SETLKW)->unique);
	EQ(srv_seen(w.s, FUSE_SETLK), 0);
	mnt_end(w.m);
}

TEST(server_may_grant_an_interrupted_setlkw)
{
	struct waiter w = setlkw_waits(ACT_STALL, 0);

	OK(kill(w.t.pid, SIGUSR1));
	UNTIL(srv_seen(w.s, FUSE_INTERRUPT) == 1);
	TRUE(!task_done(&w.t));
	srv_release(w.s, w.r);
	EQ(task_wait(&w.t), 0);
	EQ(srv_seen(w.s, FUSE_SETLK), 0);
	mnt_end(w.m);
}

TEST(setlkw_is_restarted_for_a_handler_that_wants_so)
{
	struct waiter w = setlkw_waits(ACT_STALL_INTR, SA_RESTART);

	OK(kill(w.t.pid, SIGUSR1));
	EQ(task_wait(&w.t), 0);
	EQ(srv_seen(w.s, FUSE_SETLKW), 2);
	mnt_end(w.m);
}

/* A lock that is granted to the dead, by the three ways to ask for one. */
static const struct late {
	const char *name;
	uint32_t opcode;
	struct child child;
	uint32_t lk_flags;
	uint64_t start, end;
} lates[] = {
	{ "late_setlkw_is_given_back", FUSE_SETLKW,
	  { NULL, -1, F_SETLKW, F_WRLCK, 0 }, 0, 10, 14 },
	{ "late_setlk_is_given_back", FUSE_SETLK,
	  { NULL, -1, F_SETLK, F_RDLCK, 0 }, 0, 10, 14 },
	{ "late_flock_is_given_back", FUSE_SETLKW,
	  { NULL, -1, 0, LOCK_EX, 0 }, FUSE_LK_FLOCK, 0, INT64_MAX },
};

static void late_lock_is_given_back(const void *arg)
{
	const struct late *row = arg;
	struct waiter w = waiter_new(FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS,
				     row->opcode, ACT_STALL, row->child);
	const struct fuse_lk_in *in = last_lk(w.s, row->opcode);
	uint64_t owner = in->owner, fh = in->fh;
	int nr = srv_seen(w.s, FUSE_SETLK);

	task_kill(&w.t);
	UNTIL(srv_seen(w.s, FUSE_FLUSH) == 1);
	EQ(srv_seen(w.s, FUSE_RELEASE), 0);
	EQ(srv_seen(w.s, FUSE_SETLK), nr);
	srv_release(w.s, w.r);
	UNTIL(srv_seen(w.s, FUSE_SETLK) == nr + 1);
	in = last_lk(w.s, FUSE_SETLK);
	EQ(in->lk.type, F_UNLCK);
	EQ(in->lk.start, row->start);
	EQ(in->lk.end, row->end);
	EQ(in->lk_flags, row->lk_flags);
	TRUE(in->owner == owner);
	EQ(in->fh, fh);
	UNTIL(srv_seen(w.s, FUSE_RELEASE) == 1);
	/* In this order. */
	TRUE(srv_last(w.s, FUSE_RELEASE) > srv_last(w.s, FUSE_SETLK));
	mnt_end(w.m);
}
TEST_ROWS(late_lock_is_given_back, lates)

TEST(late_refusal_gives_nothing_back)
{
	struct waiter w = setlkw_waits(ACT_STALL_INTR, 0);

	task_kill(&w.t);
	UNTIL(srv_seen(w.s, FUSE_INTERRUPT) == 1);
	UNTIL(srv_seen(w.s, FUSE_RELEASE) == 1);
	EQ(srv_seen(w.s, FUSE_SETLK), 0);
	mnt_end(w.m);
}

TEST(late_unlock_is_that)
{
	struct child c = { NULL, -1, F_SETLK, F_UNLCK, 0 };
	struct waiter w = waiter_new(FUSE_POSIX_LOCKS, FUSE_SETLK, ACT_STALL, c);

	task_kill(&w.t);
	srv_release(w.s, w.r);
	UNTIL(srv_seen(w.s, FUSE_RELEASE) == 1);
	EQ(srv_seen(w.s, FUSE_SETLK), 1);
	mnt_end(w.m);
}

/* --- who goes --- */

/* A child takes a lock and goes; its FLUSH stays with the server. */
static struct rule *owner_goes(const struct locks *l)
{
	struct rule *flush = srv_on(l->s, FUSE_FLUSH, l->n->id, ACT_STALL, 0);
	struct child c = { l->m, -1, F_SETLK, F_WRLCK, 0 };
	struct task t = task_start(child_locks, &c);

	EQ(task_wait(&t), 0);
	UNTIL(flush->hits == 1);
	return flush;
}

TEST(lock_is_asked_for_when_those_who_went_have_dropped_theirs)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct rule *flush = owner_goes(&l);
	struct child c = { l.m, l.fd, F_SETLK, F_WRLCK, 0 };
	struct child killed = { l.m, l.fd, F_SETLKW, F_WRLCK, 0 };
	struct task t, k;

	/* Unlocking waits for nobody. */
	OK(lock_fd(l.fd, F_SETLK, F_UNLCK, 0, 0));
	EQ(srv_seen(l.s, FUSE_SETLK), 2);
	t = task_start(child_locks, &c);
	k = task_start(child_locks, &killed);
	UNTIL(task_blocked(&t) && task_blocked(&k));
	EQ(srv_seen(l.s, FUSE_SETLK), 2);
	EQ(srv_seen(l.s, FUSE_SETLKW), 0);
	task_kill(&k);
	TRUE(!task_done(&t));
	srv_release(l.s, flush);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(l.s, FUSE_SETLK), 3);
	locks_end(&l);
}

TEST(flush_with_an_error_lets_the_next_go_on)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct child c = { l.m, l.fd, F_SETLK, F_WRLCK, 0 };
	struct rule *flush = owner_goes(&l);
	struct task t = task_start(child_locks, &c);

	OK(sysfs_write(l.m, "abort", "1"));
	EQ(task_wait(&t), ENOTCONN);
	EQ(flush->good_errno, -1);
	close(l.fd);
	srv_reap(l.m);
	mnt_end(l.m);
}

TEST(memory_file_has_locks_and_closes_without_waiting)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	struct rule *flush;
	struct child c;
	struct mnt *m;
	struct task t;
	int fd, fd2;

	n->gone = true;
	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, 0, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	fd2 = OK(open_in(m, "a", O_RDWR));
	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 1));
	OK(flock(fd, LOCK_EX));
	flush = srv_on(s, FUSE_FLUSH, n->id, ACT_STALL, 0);
	OK(close(fd));
	UNTIL(flush->hits == 1);
	c = (struct child) { m, fd2, F_SETLK, F_WRLCK, 0 };
	t = task_start(child_locks, &c);
	UNTIL(task_blocked(&t));
	EQ(srv_seen(s, FUSE_SETLK), 1);
	srv_release(s, flush);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_SETLK), 2);
	/* Without a server there are no locks; memory closes as ever. */
	mnt_kill_server(m);
	FAILS(ENOTCONN, lock_fd(fd2, F_SETLK, F_WRLCK, 0, 1));
	FAILS(ENOTCONN, flock(fd2, LOCK_EX));
	OK(close(fd2));
	mnt_end(m);
}
