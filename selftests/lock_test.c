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
 *
 * (Waiting for locks: see lock_wait_test.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/lock.h"

/* --- kept here --- */

TEST(posix_locks_are_local_without_the_flag)
{
	struct locks l = locks_new(FUSE_FLOCK_LOCKS);
	struct child c = { l.m, -1, F_SETLK, F_WRLCK, 0 };
	struct task t;

	OK(lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 100));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), EAGAIN);
	OK(lock_fd(l.fd, F_SETLK, F_UNLCK, 0, 100));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(l.s, FUSE_GETLK) + srv_seen(l.s, FUSE_SETLK) +
	   srv_seen(l.s, FUSE_SETLKW), 0);
	locks_end(&l);
}

TEST(local_posix_lock_is_tested_and_waited_for)
{
	struct locks l = locks_new(0);
	struct child c = { l.m, -1, F_SETLKW, F_WRLCK, 0 };
	struct flock fl = { .l_type = F_RDLCK };
	struct task t;

	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	OK(fcntl(l.fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	OK(lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 0));
	t = task_start(child_locks, &c);
	OK(lock_fd(l.fd, F_SETLK, F_UNLCK, 0, 0));
	EQ(task_wait(&t), 0);
	locks_end(&l);
}

TEST(flock_is_local_without_the_flag)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct child c = { l.m, -1, 0, LOCK_SH | LOCK_NB, 0 };
	struct task t;

	OK(flock(l.fd, LOCK_EX));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), EWOULDBLOCK);
	OK(close(l.fd));
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	EQ(srv_seen(l.s, FUSE_SETLK) + srv_seen(l.s, FUSE_SETLKW), 0);
	UNTIL(srv_seen(l.s, FUSE_RELEASE) == 3);
	EQ(((const struct fuse_release_in *)
	    srv_last_body(l.s, FUSE_RELEASE))->release_flags, 0);
	mnt_end(l.m);
}

TEST(local_locks_need_no_server)
{
	struct locks l = locks_new(0);

	mnt_kill_server(l.m);
	OK(lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 100));
	OK(flock(l.fd, LOCK_EX));
	close(l.fd);
	mnt_end(l.m);
}

/* --- kept by the server --- */

TEST(setlk_says_what_is_wanted)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	const struct fuse_lk_in *in;
	uint64_t owner;

	OK(lock_fd(l.fd, F_SETLK, F_RDLCK, 10, 5));
	in = last_lk(l.s, FUSE_SETLK);
	EQ(srv_last(l.s, FUSE_SETLK)->nodeid, l.n->id);
	EQ(in->fh, srv_last(l.s, FUSE_OPEN)->unique);
	EQ(in->lk.start, 10);
	EQ(in->lk.end, 14);
	EQ(in->lk.type, F_RDLCK);
	EQ(in->lk.pid, getpid());
	EQ(in->lk_flags, 0);
	TRUE(in->owner);
	owner = in->owner;
	OK(lock_fd(l.fd, F_SETLKW, F_WRLCK, 7, 0));
	in = last_lk(l.s, FUSE_SETLKW);
	EQ(in->lk.start, 7);
	EQ(in->lk.end, INT64_MAX);
	EQ(in->lk.type, F_WRLCK);
	EQ(in->owner, owner);
	OK(lock_fd(l.fd, F_SETLK, F_UNLCK, 1, 1));
	in = last_lk(l.s, FUSE_SETLK);
	EQ(in->lk.type, F_UNLCK);
	EQ(in->lk.pid, 0);
	EQ(in->owner, owner);
	locks_end(&l);
}

TEST(owner_is_the_process_or_the_open_file)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	int fd2 = OK(open_in(l.m, "a", O_RDWR));
	struct child c = { l.m, l.fd, F_SETLK, F_WRLCK, 0 };
	uint64_t mine, file;
	struct task t;

	OK(lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 1));
	mine = last_lk(l.s, FUSE_SETLK)->owner;
	OK(lock_fd(fd2, F_SETLK, F_WRLCK, 0, 1));
	TRUE(last_lk(l.s, FUSE_SETLK)->owner == mine);
	t = task_start(child_locks, &c);
	EQ(task_wait(&t), 0);
	TRUE(last_lk(l.s, FUSE_SETLK)->owner != mine);
	EQ(last_lk(l.s, FUSE_SETLK)->lk.pid, t.pid);

	OK(lock_fd(l.fd, F_OFD_SETLK, F_WRLCK, 0, 1));
	file = last_lk(l.s, FUSE_SETLK)->owner;
	TRUE(file != mine);
	OK(lock_fd(fd2, F_OFD_SETLK, F_WRLCK, 0, 1));
	TRUE(last_lk(l.s, FUSE_SETLK)->owner != file);
	OK(flock(l.fd, LOCK_EX | LOCK_NB));
	TRUE(last_lk(l.s, FUSE_SETLK)->owner == file);
	OK(close(fd2));
	locks_end(&l);
}

TEST(getlk_tells_what_is_in_the_way)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct flock fl = { .l_type = F_WRLCK, .l_start = 3, .l_len = 4 };

	OK(fcntl(l.fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	EQ(last_lk(l.s, FUSE_GETLK)->lk.type, F_WRLCK);
	EQ(last_lk(l.s, FUSE_GETLK)->lk.start, 3);
	EQ(last_lk(l.s, FUSE_GETLK)->lk.end, 6);
	EQ(last_lk(l.s, FUSE_GETLK)->lk.pid, 0);
	l.s->getlk = (struct fuse_file_lock) {
		.start = 5, .end = 5, .type = F_RDLCK, .pid = getpid(),
	};
	fl.l_type = F_WRLCK;
	OK(fcntl(l.fd, F_GETLK, &fl));
	EQ(fl.l_type, F_RDLCK);
	EQ(fl.l_start, 5);
	EQ(fl.l_len, 1);
	EQ(fl.l_pid, getpid());
	/* A pid that there is not. */
	l.s->getlk.pid = 0x7ffffffe;
	l.s->getlk.end = INT64_MAX;
	fl.l_type = F_WRLCK;
	OK(fcntl(l.fd, F_GETLK, &fl));
	EQ(fl.l_len, 0);
	EQ(fl.l_pid, 0);
	locks_end(&l);
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
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct flock fl = { .l_type = F_WRLCK };
	long bad = counter(l.m, "bad_reply");

	l.s->getlk = row->lk;
	FAILS(EIO, fcntl(l.fd, F_GETLK, &fl));
	EQ(counter(l.m, "bad_reply"), bad + 1);
	/* Without a lock the range does not matter. */
	l.s->getlk = (struct fuse_file_lock) { .type = F_UNLCK, .start = 1 };
	OK(fcntl(l.fd, F_GETLK, &fl));
	EQ(fl.l_type, F_UNLCK);
	locks_end(&l);
}
TEST_ROWS(bad_getlk_is_eio, bad_getlks)

TEST(errors_are_the_servers)
{
	static const int errors[] = { EAGAIN, EDEADLK, ENOLCK, ENOSYS };
	struct locks l = locks_new(FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS);
	struct flock fl = { .l_type = F_WRLCK };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		srv_on(l.s, FUSE_SETLK, l.n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 1));
		srv_on(l.s, FUSE_SETLKW, l.n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], flock(l.fd, LOCK_EX));
		srv_on(l.s, FUSE_GETLK, l.n->id, ACT_ERROR, errors[i]);
		FAILS(errors[i], fcntl(l.fd, F_GETLK, &fl));
	}
	locks_end(&l);
}

TEST(flock_is_asked_of_the_server)
{
	struct locks l = locks_new(FUSE_FLOCK_LOCKS);
	const struct fuse_release_in *rel;
	const struct fuse_lk_in *in;
	uint64_t owner;

	OK(flock(l.fd, LOCK_SH | LOCK_NB));
	in = last_lk(l.s, FUSE_SETLK);
	EQ(in->lk_flags, FUSE_LK_FLOCK);
	EQ(in->lk.type, F_RDLCK);
	EQ(in->lk.start, 0);
	EQ(in->lk.end, INT64_MAX);
	EQ(in->lk.pid, getpid());
	owner = in->owner;
	OK(flock(l.fd, LOCK_EX));
	in = last_lk(l.s, FUSE_SETLKW);
	EQ(in->lk_flags, FUSE_LK_FLOCK);
	EQ(in->lk.type, F_WRLCK);
	TRUE(in->owner == owner);
	OK(close(l.fd));
	UNTIL(srv_seen(l.s, FUSE_RELEASE) == 1);
	rel = srv_last_body(l.s, FUSE_RELEASE);
	EQ(rel->release_flags, FUSE_RELEASE_FLOCK_UNLOCK);
	TRUE(rel->lock_owner == owner);
	mnt_end(l.m);
}

TEST(flock_that_was_refused_is_not_released)
{
	struct locks l = locks_new(FUSE_FLOCK_LOCKS);

	srv_on(l.s, FUSE_SETLK, l.n->id, ACT_ERROR, EAGAIN);
	FAILS(EAGAIN, flock(l.fd, LOCK_SH | LOCK_NB));
	OK(close(l.fd));
	UNTIL(srv_seen(l.s, FUSE_RELEASE) == 1);
	EQ(((const struct fuse_release_in *)
	    srv_last_body(l.s, FUSE_RELEASE))->release_flags, 0);
	mnt_end(l.m);
}

TEST(close_tells_the_owner_of_posix_locks)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	int fd2 = OK(dup(l.fd));
	const struct fuse_flush_in *in;
	uint64_t owner;

	OK(lock_fd(l.fd, F_SETLK, F_WRLCK, 0, 1));
	owner = last_lk(l.s, FUSE_SETLK)->owner;
	OK(close(fd2));
	EQ(srv_seen(l.s, FUSE_FLUSH), 1);
	in = srv_last_body(l.s, FUSE_FLUSH);
	TRUE(in->lock_owner == owner);
	EQ(in->fh, srv_last(l.s, FUSE_OPEN)->unique);
	locks_end(&l);
}

static int child_closes(void *arg)
{
	return close(((struct child *)arg)->fd);
}

/* It has left the table of descriptors: nobody can close it again. */
TEST(flush_reaches_the_server_although_its_caller_is_killed)
{
	struct locks l = locks_new(FUSE_POSIX_LOCKS);
	struct child c = { l.m, l.fd, 0, 0, 0 };
	struct task t;

	OK(kill(l.m->pid, SIGSTOP));
	t = task_start(child_closes, &c);
	UNTIL(sysfs_read(l.m, "waiting") == 1);
	task_kill(&t);
	OK(kill(l.m->pid, SIGCONT));
	UNTIL(srv_seen(l.s, FUSE_FLUSH) == 1);
	UNTIL(sysfs_read(l.m, "waiting") == 0);
	locks_end(&l);
}
