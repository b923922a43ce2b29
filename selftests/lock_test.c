// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: POSIX, of open file descriptions, flock.
 *
 * 1. What the server has not agreed to keep is kept by this kernel, and the
 *    server does not hear of it. POSIX locks and flock are agreed on apart.
 * 2. What it has is asked of it: GETLK, SETLK, SETLKW with range, type, pid and
 *    an owner, which is the process, or the open file. Its errors are passed on;
 *    of its answers to GETLK what makes no sense is EIO.
 * 3. A close tells the owner in FLUSH, the last one of a file with a flock in
 *    RELEASE; also if the closer is killed before the server has read it.
 * 4. A signal makes an INTERRUPT of a waiting SETLKW, and the wait ends when the
 *    server answers. SIGKILL ends it at once: a lock that is granted later is
 *    given back.
 * 5. Who asks for a lock after its owner has gone gets it: FLUSHes that nobody
 *    waits for are over before the server is asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"

static const struct fuse_lk_in *last_lk(struct srv *s, uint32_t opcode)
{
	return srv_last_body(s, opcode);
}

static int lock_fd(int fd, int cmd, int type, long start, long len)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start,
		.l_len = len,
	};

	return fcntl(fd, cmd, &fl);
}

static struct srv *srv_with_locks(struct node **n, uint64_t flags)
{
	struct srv *s = srv_new();

	*n = srv_plain(s, "a", "content", 7);
	s->want |= flags;
	s->getlk.type = F_UNLCK;
	return s;
}

/* What a child process does to a file, and how that ends: errno, or 0. */
struct child {
	const struct mnt *m;
	int fd;			/* -1: it opens the file itself */
	int cmd;		/* of fcntl(2); 0: flock(2) */
	int type;		/* F_WRLCK…, LOCK_EX… */
	int sa_flags;		/* of its handler of SIGUSR1 */
};

static void on_signal(int sig)
{
	(void)sig;
}

static int child_locks(void *arg)
{
	const struct child *c = arg;
	struct sigaction sa = {
		.sa_handler = on_signal, .sa_flags = c->sa_flags,
	};
	int fd = c->fd, rc;

	sigaction(SIGUSR1, &sa, NULL);
	if (fd < 0)
		fd = open_in(c->m, "a", O_RDWR);
	rc = c->cmd ? lock_fd(fd, c->cmd, c->type, 10, 5) : flock(fd, c->type);
	return rc < 0 ? errno : 0;
}

static void end(struct mnt *m, int fd)
{
	OK(close(fd));
	mnt_end(m);
}

/* --- kept here --- */

TEST(posix_locks_are_local_without_the_flag)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_FLOCK_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct child c = { m, -1, F_SETLK, F_WRLCK, 0 };
	struct task t;

	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 100));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), EAGAIN);
	OK(lock_fd(fd, F_SETLK, F_UNLCK, 0, 100));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_GETLK) + srv_seen(s, FUSE_SETLK) +
	   srv_seen(s, FUSE_SETLKW), 0);
	end(m, fd);
}

TEST(local_posix_lock_is_tested_and_waited_for)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, 0);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct child c = { m, -1, F_SETLKW, F_WRLCK, 0 };
	struct flock fl = { .l_type = F_RDLCK };
	struct task t;

	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	OK(fcntl(fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 0));
	t = task_start(child_locks, &c);
	OK(lock_fd(fd, F_SETLK, F_UNLCK, 0, 0));
	EQ(task_wait(&t), 0);
	end(m, fd);
}

TEST(flock_is_local_without_the_flag)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct child c = { m, -1, 0, LOCK_SH | LOCK_NB, 0 };
	struct task t;

	OK(flock(fd, LOCK_EX));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), EWOULDBLOCK);
	OK(close(fd));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_SETLK) + srv_seen(s, FUSE_SETLKW), 0);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 3);
	EQ(((const struct fuse_release_in *)
	    srv_last_body(s, FUSE_RELEASE))->release_flags, 0);
	mnt_end(m);
}

TEST(local_locks_need_no_server)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, 0);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));

	mnt_kill_server(m);
	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 100));
	OK(flock(fd, LOCK_EX));
	close(fd);
	mnt_end(m);
}

/* --- kept by the server --- */

TEST(setlk_says_what_is_wanted)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	const struct fuse_lk_in *in;
	uint64_t owner;

	OK(lock_fd(fd, F_SETLK, F_RDLCK, 10, 5));
	in = last_lk(s, FUSE_SETLK);
	EQ(srv_last(s, FUSE_SETLK)->nodeid, n->id);
	EQ(in->fh, srv_last(s, FUSE_OPEN)->unique);
	EQ(in->lk.start, 10);
	EQ(in->lk.end, 14);
	EQ(in->lk.type, F_RDLCK);
	EQ(in->lk.pid, getpid());
	EQ(in->lk_flags, 0);
	TRUE(in->owner);
	owner = in->owner;
	OK(lock_fd(fd, F_SETLKW, F_WRLCK, 7, 0));
	in = last_lk(s, FUSE_SETLKW);
	EQ(in->lk.start, 7);
	EQ(in->lk.end, INT64_MAX);
	EQ(in->lk.type, F_WRLCK);
	EQ(in->owner, owner);
	OK(lock_fd(fd, F_SETLK, F_UNLCK, 1, 1));
	in = last_lk(s, FUSE_SETLK);
	EQ(in->lk.type, F_UNLCK);
	EQ(in->lk.pid, 0);
	EQ(in->owner, owner);
	end(m, fd);
}

TEST(owner_is_the_process_or_the_open_file)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	int fd2 = OK(open_in(m, "a", O_RDWR));
	struct child c = { m, fd, F_SETLK, F_WRLCK, 0 };
	uint64_t mine, file;
	struct task t;

	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 1));
	mine = last_lk(s, FUSE_SETLK)->owner;
	OK(lock_fd(fd2, F_SETLK, F_WRLCK, 0, 1));
	TRUE(last_lk(s, FUSE_SETLK)->owner == mine);
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	TRUE(last_lk(s, FUSE_SETLK)->owner != mine);
	EQ(last_lk(s, FUSE_SETLK)->lk.pid, t.pid);

	OK(lock_fd(fd, F_OFD_SETLK, F_WRLCK, 0, 1));
	file = last_lk(s, FUSE_SETLK)->owner;
	TRUE(file != mine);
	OK(lock_fd(fd2, F_OFD_SETLK, F_WRLCK, 0, 1));
	TRUE(last_lk(s, FUSE_SETLK)->owner != file);
	OK(flock(fd, LOCK_EX | LOCK_NB));
	TRUE(last_lk(s, FUSE_SETLK)->owner == file);
	OK(close(fd2));
	end(m, fd);
}

TEST(getlk_tells_what_is_in_the_way)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct flock fl = { .l_type = F_WRLCK, .l_start = 3, .l_len = 4 };

	OK(fcntl(fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	EQ(last_lk(s, FUSE_GETLK)->lk.type, F_WRLCK);
	EQ(last_lk(s, FUSE_GETLK)->lk.start, 3);
	EQ(last_lk(s, FUSE_GETLK)->lk.end, 6);
	EQ(last_lk(s, FUSE_GETLK)->lk.pid, 0);
	s->getlk = (struct fuse_file_lock) {
		.start = 5, .end = 5, .type = F_RDLCK, .pid = getpid(),
	};
	fl.l_type = F_WRLCK;
	OK(fcntl(fd, F_GETLK, &fl));
	EQ(fl.l_type, F_RDLCK);
	EQ(fl.l_start, 5);
	EQ(fl.l_len, 1);
	EQ(fl.l_pid, getpid());
	/* A pid that there is not. */
	s->getlk.pid = 0x7ffffffe;
	s->getlk.end = INT64_MAX;
	fl.l_type = F_WRLCK;
	OK(fcntl(fd, F_GETLK, &fl));
	EQ(fl.l_len, 0);
	EQ(fl.l_pid, 0);
	end(m, fd);
}

static const struct bad_getlk {
	const char *name;
	struct fuse_file_lock lk;
} bad_getlks[] = {
	{ "getlk_of_unknown_type_is_eio", { .type = 77 } },
	{ "getlk_of_type_3_is_eio", { .type = 3, .end = 1 } },
	{ "getlk_that_ends_before_its_start_is_eio",
	  { .start = 2, .end = 1, .type = F_RDLCK } },
	{ "getlk_that_starts_beyond_all_files_is_eio",
	  { .start = 1ULL << 63, .end = ~0ULL, .type = F_RDLCK } },
	{ "getlk_that_ends_beyond_all_files_is_eio",
	  { .end = 1ULL << 63, .type = F_WRLCK } },
};

static void bad_getlk_is_eio(const void *arg)
{
	const struct bad_getlk *row = arg;
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct flock fl = { .l_type = F_WRLCK };
	long bad = counter(m, "bad_reply");

	s->getlk = row->lk;
	FAILS(EIO, fcntl(fd, F_GETLK, &fl));
	EQ(counter(m, "bad_reply"), bad + 1);
	/* Without a lock the range does not matter. */
	s->getlk = (struct fuse_file_lock) { .type = F_UNLCK, .start = 1 };
	OK(fcntl(fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	end(m, fd);
}
TEST_ROWS(bad_getlk_is_eio, bad_getlks)

TEST(errors_are_the_servers)
{
	static const int errors[] = { EAGAIN, EDEADLK, ENOLCK, ENOSYS };
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct flock fl = { .l_type = F_WRLCK };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		srv_on(s, FUSE_SETLK, n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], lock_fd(fd, F_SETLK, F_WRLCK, 0, 1));
		srv_on(s, FUSE_SETLKW, n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], flock(fd, LOCK_EX));
		srv_on(s, FUSE_GETLK, n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], fcntl(fd, F_GETLK, &fl));
	}
	end(m, fd);
}

TEST(flock_is_asked_of_the_server)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_FLOCK_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	const struct fuse_release_in *rel;
	const struct fuse_lk_in *in;
	uint64_t owner;

	OK(flock(fd, LOCK_SH | LOCK_NB));
	in = last_lk(s, FUSE_SETLK);
	EQ(in->lk_flags, FUSE_LK_FLOCK);
	EQ(in->lk.type, F_RDLCK);
	EQ(in->lk.start, 0);
	EQ(in->lk.end, INT64_MAX);
	EQ(in->lk.pid, getpid());
	owner = in->owner;
	OK(flock(fd, LOCK_EX));
	in = last_lk(s, FUSE_SETLKW);
	EQ(in->lk_flags, FUSE_LK_FLOCK);
	EQ(in->lk.type, F_WRLCK);
	TRUE(in->owner == owner);
	OK(close(fd));
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	rel = srv_last_body(s, FUSE_RELEASE);
	EQ(rel->release_flags, FUSE_RELEASE_FLOCK_UNLOCK);
	TRUE(rel->lock_owner == owner);
	mnt_end(m);
}

TEST(flock_that_was_refused_is_not_released)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_FLOCK_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));

	srv_on(s, FUSE_SETLK, n->id, ACT_ERROR, EAGAIN);
	FAILS(EAGAIN, flock(fd, LOCK_SH | LOCK_NB));
	OK(close(fd));
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(((const struct fuse_release_in *)
	    srv_last_body(s, FUSE_RELEASE))->release_flags, 0);
	mnt_end(m);
}

TEST(close_tells_the_owner_of_posix_locks)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR)), fd2 = OK(dup(fd));
	const struct fuse_flush_in *in;
	uint64_t owner;

	OK(lock_fd(fd, F_SETLK, F_WRLCK, 0, 1));
	owner = last_lk(s, FUSE_SETLK)->owner;
	OK(close(fd2));
	EQ(srv_seen(s, FUSE_FLUSH), 1);
	in = srv_last_body(s, FUSE_FLUSH);
	TRUE(in->lock_owner == owner);
	EQ(in->fh, srv_last(s, FUSE_OPEN)->unique);
	end(m, fd);
}

static int child_closes(void *arg)
{
	return close(((struct child *)arg)->fd);
}

/* It has left the table of descriptors: nobody can close it again. */
TEST(flush_reaches_the_server_although_its_caller_is_killed)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	struct child c = { m, OK(open_in(m, "a", O_RDWR)), 0, 0, 0 };
	struct task t;

	OK(kill(m->pid, SIGSTOP));
	t = task_start(child_closes, &c);
	UNTIL(sysfs_read(m, "waiting") == 1);
	task_kill(&t);
	OK(kill(m->pid, SIGCONT));
	UNTIL(srv_seen(s, FUSE_FLUSH) == 1);
	UNTIL(sysfs_read(m, "waiting") == 0);
	end(m, c.fd);
}

/* --- waiting --- */

TEST(interrupted_setlkw_ends_when_the_server_says)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct rule *r = srv_on(s, FUSE_SETLKW, n->id, ACT_STALL_INTR, 0);
	struct mnt *m = mnt_new(s);
	struct child c = { m, -1, F_SETLKW, F_WRLCK, 0 };
	struct task t = task_start(child_locks, &c);

	UNTIL(r->hits == 1);
	OK(kill(t.pid, SIGUSR1));
	EQ(task_wait(&t), EINTR);
	EQ(srv_seen(s, FUSE_INTERRUPT), 1);
	EQ(srv_last(s, FUSE_INTERRUPT)->arg, srv_last(s, FUSE_SETLKW)->unique);
	EQ(srv_seen(s, FUSE_SETLK), 0);
	mnt_end(m);
}

TEST(server_may_grant_an_interrupted_setlkw)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct rule *r = srv_on(s, FUSE_SETLKW, n->id, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct child c = { m, -1, F_SETLKW, F_WRLCK, 0 };
	struct task t = task_start(child_locks, &c);

	UNTIL(r->hits == 1);
	OK(kill(t.pid, SIGUSR1));
	UNTIL(srv_seen(s, FUSE_INTERRUPT) == 1);
	TRUE(!task_done(&t));
	srv_release(s, r);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_SETLK), 0);
	mnt_end(m);
}

TEST(setlkw_is_restarted_for_a_handler_that_wants_so)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct rule *r = srv_on(s, FUSE_SETLKW, n->id, ACT_STALL_INTR, 0);
	struct mnt *m = mnt_new(s);
	struct child c = { m, -1, F_SETLKW, F_WRLCK, SA_RESTART };
	struct task t = task_start(child_locks, &c);

	UNTIL(r->hits == 1);
	OK(kill(t.pid, SIGUSR1));
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_SETLKW), 2);
	mnt_end(m);
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
	struct child c = row->child;
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	struct rule *r = srv_on(s, row->opcode, n->id, ACT_STALL, 0);
	const struct fuse_lk_in *in;
	uint64_t owner, fh;
	struct task t;
	struct mnt *m;
	int nr;

	c.m = m = mnt_new(s);
	t = task_start(child_locks, &c);
	UNTIL(r->hits == 1);
	owner = last_lk(s, row->opcode)->owner;
	fh = last_lk(s, row->opcode)->fh;
	nr = srv_seen(s, FUSE_SETLK);
	task_kill(&t);
	UNTIL(srv_seen(s, FUSE_FLUSH) == 1);
	EQ(srv_seen(s, FUSE_RELEASE), 0);
	EQ(srv_seen(s, FUSE_SETLK), nr);
	srv_release(s, r);
	UNTIL(srv_seen(s, FUSE_SETLK) == nr + 1);
	in = last_lk(s, FUSE_SETLK);
	EQ(in->lk.type, F_UNLCK);
	EQ(in->lk.start, row->start);
	EQ(in->lk.end, row->end);
	EQ(in->lk_flags, row->lk_flags);
	TRUE(in->owner == owner);
	EQ(in->fh, fh);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	/* In this order. */
	TRUE(srv_last(s, FUSE_RELEASE) > srv_last(s, FUSE_SETLK));
	mnt_end(m);
}
TEST_ROWS(late_lock_is_given_back, lates)

TEST(late_refusal_gives_nothing_back)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct rule *r = srv_on(s, FUSE_SETLKW, n->id, ACT_STALL_INTR, 0);
	struct mnt *m = mnt_new(s);
	struct child c = { m, -1, F_SETLKW, F_WRLCK, 0 };
	struct task t = task_start(child_locks, &c);

	UNTIL(r->hits == 1);
	task_kill(&t);
	UNTIL(srv_seen(s, FUSE_INTERRUPT) == 1);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(srv_seen(s, FUSE_SETLK), 0);
	mnt_end(m);
}

TEST(late_unlock_is_that)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct rule *r = srv_on(s, FUSE_SETLK, n->id, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	struct child c = { m, -1, F_SETLK, F_UNLCK, 0 };
	struct task t = task_start(child_locks, &c);

	UNTIL(r->hits == 1);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(srv_seen(s, FUSE_SETLK), 1);
	mnt_end(m);
}

/* --- who goes --- */

/* A child takes a lock and goes; its FLUSH stays with the server. */
static struct rule *owner_goes(struct mnt *m, struct node *n)
{
	struct rule *flush = srv_on(m->srv, FUSE_FLUSH, n->id, ACT_STALL, 0);
	struct child c = { m, -1, F_SETLK, F_WRLCK, 0 };
	struct task t = task_start(child_locks, &c);

	EQ(task_wait(&t), 0);
	UNTIL(flush->hits == 1);
	return flush;
}

TEST(lock_is_asked_for_when_those_who_went_have_dropped_theirs)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct rule *flush = owner_goes(m, n);
	struct child c = { m, fd, F_SETLK, F_WRLCK, 0 };
	struct child killed = { m, fd, F_SETLKW, F_WRLCK, 0 };
	struct task t, k;

	/* Unlocking waits for nobody. */
	OK(lock_fd(fd, F_SETLK, F_UNLCK, 0, 0));
	EQ(srv_seen(s, FUSE_SETLK), 2);
	t = task_start(child_locks, &c);
	k = task_start(child_locks, &killed);
	UNTIL(task_blocked(&t) && task_blocked(&k));
	EQ(srv_seen(s, FUSE_SETLK), 2);
	EQ(srv_seen(s, FUSE_SETLKW), 0);
	task_kill(&k);
	TRUE(!task_done(&t));
	srv_release(s, flush);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_SETLK), 3);
	end(m, fd);
}

TEST(flush_with_an_error_lets_the_next_go_on)
{
	struct node *n;
	struct srv *s = srv_with_locks(&n, FUSE_POSIX_LOCKS);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "a", O_RDWR));
	struct child c = { m, fd, F_SETLK, F_WRLCK, 0 };
	struct rule *flush = owner_goes(m, n);
	struct task t = task_start(child_locks, &c);

	OK(sysfs_write(m, "abort", "1"));
	EQ(task_wait(&t), ENOTCONN);
	EQ(flush->good_errno, -1);
	close(fd);
	srv_reap(m);
	mnt_end(m);
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
