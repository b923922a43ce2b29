// SPDX-License-Identifier: GPL-2.0
/*
 * Names, where not all goes well: what comes of each call that makes, moves or
 * removes one.
 *
 * 1. What the server answers is what the caller gets; what makes no sense is EIO,
 *    and the lookup and the handle that came with it go back.
 * 2. A caller that the server keeps waiting can be killed; what would have been
 *    his goes back when the answer comes. The server's death ends his wait.
 * 3. Of many that create a file with O_EXCL one succeeds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"

/* --- calls, one of each kind --- */

static int do_mknod(void *path)
{
	return mknod(path, S_IFREG | 0666, 0) ? errno : 0;
}

static int do_mkdir(void *path)
{
	return mkdir(path, 0777) ? errno : 0;
}

static int do_symlink(void *path)
{
	return symlink("there", path) ? errno : 0;
}

static int do_create(void *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0666);

	return fd < 0 || close(fd) ? errno : 0;
}

static int do_tmpfile(void *path)
{
	*strrchr(path, '/') = 0;
	return open(path, O_TMPFILE | O_RDWR, 0666) < 0 ? errno : 0;
}

static int do_link(void *path)
{
	char old[512];

	snprintf(old, sizeof(old), "%sold", (char *)path);
	return link(old, path) ? errno : 0;
}

static int do_unlink(void *path)
{
	strcat(path, "old");
	return unlink(path) ? errno : 0;
}

static int do_rename(void *path)
{
	char old[512];

	snprintf(old, sizeof(old), "%sold", (char *)path);
	return rename(old, path) ? errno : 0;
}

static int do_readlink(void *path)
{
	char buf[64];

	strcat(path, "sym");
	return readlink(path, buf, sizeof(buf)) < 0 ? errno : 0;
}

static const struct kind {
	const char *name;
	uint32_t opcode;
	int (*call)(void *path);
} killed[] = {
	{ "killed_mknod_is_given_back", FUSE_MKNOD, do_mknod },
	{ "killed_mkdir_is_given_back", FUSE_MKDIR, do_mkdir },
	{ "killed_symlink_is_given_back", FUSE_SYMLINK, do_symlink },
	{ "killed_create_is_given_back", FUSE_CREATE, do_create },
	{ "killed_tmpfile_is_given_back", FUSE_TMPFILE, do_tmpfile },
	{ "killed_link_is_given_back", FUSE_LINK, do_link },
	{ "killed_unlink_leaves", FUSE_UNLINK, do_unlink },
	{ "killed_rename_leaves", FUSE_RENAME, do_rename },
	{ "killed_readlink_leaves", FUSE_READLINK, do_readlink },
};

static struct srv *srv_with_old(void)
{
	struct srv *s = srv_new();
	struct node *n;

	srv_plain(s, "fold", "hello", 5);
	n = srv_node(s, ROOT_ID, "fsym", S_IFLNK | 0777);
	n->data = srv_alloc(s, 8);
	n->size = 4;
	memcpy(n->data, "fold", 4);
	return s;
}

static void killed_call(const void *arg)
{
	const struct kind *row = arg;
	struct srv *s = srv_with_old();
	struct rule *r = srv_on(s, row->opcode, 0, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	char *path = strdup(in_mnt(m, "f"));
	struct stat st;
	struct task t;

	path = realloc(path, 512);
	t = task_start(row->call, path);
	UNTIL(r->hits > 0);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(r->good_errno != -1);
	EQ(r->good_errno, 0);
	/* Whether it has been done is asked for anew. */
	stat(in_mnt(m, "f"), &st);
	stat(in_mnt(m, "fold"), &st);
	mnt_end_counted(m);
}
TEST_ROWS(killed_call, killed)

TEST(server_that_dies_ends_what_waits)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_CREATE, 0, ACT_STALL, 0);
	struct mnt *m = mnt_new(s);
	char *path = strdup(in_mnt(m, "f"));
	struct task t = task_start(do_create, path);

	UNTIL(r->hits > 0);
	mnt_kill_server(m);
	EQ(task_wait(&t), ENOTCONN);
	OK(umount2(m->dir, 0));
	OK(rmdir(m->dir));
}

/* --- replies that make no sense --- */

static const struct nonsense {
	const char *name;
	uint32_t opcode;
	int (*call)(void *path);
	uint64_t nodeid;	/* 0: none; 1: the root; else a fresh one */
	uint32_t mode;
} nonsenses[] = {
	{ "mknod_without_a_node_is_eio", FUSE_MKNOD, do_mknod, 0, S_IFREG },
	{ "mknod_of_the_root_is_eio", FUSE_MKNOD, do_mknod, 1, S_IFREG },
	{ "mknod_of_a_directory_is_eio", FUSE_MKNOD, do_mknod, 9, S_IFDIR },
	{ "mkdir_of_a_file_is_eio", FUSE_MKDIR, do_mkdir, 9, S_IFREG },
	{ "mkdir_without_a_node_is_eio", FUSE_MKDIR, do_mkdir, 0, S_IFDIR },
	{ "symlink_to_a_file_is_eio", FUSE_SYMLINK, do_symlink, 9, S_IFREG },
	{ "link_of_another_type_is_eio", FUSE_LINK, do_link, 9, S_IFDIR },
	{ "create_without_a_node_is_eio", FUSE_CREATE, do_create, 0, S_IFREG },
	{ "create_of_the_root_is_eio", FUSE_CREATE, do_create, 1, S_IFREG },
	{ "create_of_a_directory_is_eio", FUSE_CREATE, do_create, 9, S_IFDIR },
	{ "create_without_a_type_is_eio", FUSE_CREATE, do_create, 9, 0 },
	{ "tmpfile_of_a_fifo_is_eio", FUSE_TMPFILE, do_tmpfile, 9, S_IFIFO },
};

static void nonsense_is_eio(const void *arg)
{
	const struct nonsense *row = arg;
	struct srv *s = srv_with_old();
	struct rule *r = srv_on(s, row->opcode, 0, ACT_BODY, 0);
	struct fuse_entry_out *e = srv_alloc(s, 1024);
	bool opens = row->opcode == FUSE_CREATE || row->opcode == FUSE_TMPFILE;
	struct node *n = srv_node(s, 99, "fresh", row->mode);
	struct mnt *m = mnt_new(s);
	char path[512];

	e->nodeid = row->nodeid > 1 ? n->id : row->nodeid;
	e->attr.mode = row->mode | 0644;
	e->attr.nlink = 1;
	r->bad.body = (void *)e;
	r->bad.body_len = sizeof(*e) +
			  (opens ? sizeof(struct fuse_open_out) : 0);
	strcpy(path, in_mnt(m, "f"));
	EQ(row->call(path), EIO);
	if (opens && row->nodeid)
		UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	else
		s->count[FUSE_CREATE] = 0;
	UNTIL(n->forgets == n->lookups);
	if (row->nodeid > 1)
		EQ(n->forgets, 1);
	s->nodes[0].lookups = 0;
	mnt_end_counted(m);
}
TEST_ROWS(nonsense_is_eio, nonsenses)

/* --- errors --- */

static const struct kind failings[] = {
	{ "error_of_mknod_reaches_the_caller", FUSE_MKNOD, do_mknod },
	{ "error_of_mkdir_reaches_the_caller", FUSE_MKDIR, do_mkdir },
	{ "error_of_symlink_reaches_the_caller", FUSE_SYMLINK, do_symlink },
	{ "error_of_create_reaches_the_caller", FUSE_CREATE, do_create },
	{ "error_of_link_reaches_the_caller", FUSE_LINK, do_link },
	{ "error_of_unlink_reaches_the_caller", FUSE_UNLINK, do_unlink },
	{ "error_of_rename_reaches_the_caller", FUSE_RENAME, do_rename },
	{ "error_of_readlink_reaches_the_caller", FUSE_READLINK, do_readlink },
};

static void error_reaches_the_caller(const void *arg)
{
	const struct kind *row = arg;
	struct srv *s = srv_with_old();
	struct mnt *m = mnt_new(s);
	char path[512];

	srv_on(s, row->opcode, 0, ACT_ERROR, EDQUOT);
	strcpy(path, in_mnt(m, "f"));
	EQ(row->call(path), EDQUOT);
	strcpy(path, in_mnt(m, "f"));
	EQ(row->call(path), 0);
	if (row->opcode == FUSE_CREATE)
		s->count[FUSE_CREATE]--;
	mnt_end_counted(m);
}
TEST_ROWS(error_reaches_the_caller, failings)

TEST(file_that_somebody_else_has_made_meanwhile_is_eexist)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);
	struct rule *r = srv_on(s, FUSE_CREATE, 0, ACT_ERROR, EEXIST);

	s->negative_ms = 3600 * 1000;
	r->left = -1;
	FAILS(EEXIST, open(in_mnt(m, "f"), O_CREAT | O_EXCL | O_RDWR, 0666));
	r->left = 0;
	/* That it is not there is not believed any more. */
	srv_plain(s, "f", "hello", 5);
	OK(close(OK(open(in_mnt(m, "f"), O_RDWR))));
	s->count[FUSE_CREATE] = 0;
	mnt_end_counted(m);
}

TEST(name_that_is_gone_already_is_looked_up_anew)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "hello", 5);
	struct mnt *m = mnt_new(s);
	struct stat st;

	OK(stat(in_mnt(m, "a"), &st));
	n->gone = true;
	FAILS(ENOENT, unlink(in_mnt(m, "a")));
	FAILS(ENOENT, stat(in_mnt(m, "a"), &st));
	mnt_end_counted(m);
}

/* --- races --- */

#define RACERS	4
#define ROUNDS	50

struct race {
	char dir[64];
	atomic_int turn[ROUNDS];
	atomic_int won[ROUNDS];
};

static int racer(void *arg)
{
	struct race *race = arg;
	char path[128];
	int i, fd;

	for (i = 0; i < ROUNDS; i++) {
		race->turn[i]++;
		while (race->turn[i] < RACERS)
			sched_yield();
		snprintf(path, sizeof(path), "%s/f%d", race->dir, i);
		fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd >= 0) {
			race->won[i]++;
			close(fd);
		} else if (errno != EEXIST) {
			return errno;
		}
	}
	return 0;
}

static void race_for_creating(struct srv *s)
{
	struct race *race = t_shared(sizeof(*race));
	struct mnt *m = mnt_new(s);
	struct task t[RACERS];
	int i;

	strcpy(race->dir, m->dir);
	for (i = 0; i < RACERS; i++)
		t[i] = task_start(racer, race);
	for (i = 0; i < RACERS; i++)
		EQ(task_wait(&t[i]), 0);
	for (i = 0; i < ROUNDS; i++)
		EQ(race->won[i], 1);
	s->count[FUSE_CREATE] = srv_seen(s, FUSE_RELEASE) -
				srv_seen(s, FUSE_OPEN);
	UNTIL(srv_seen(s, FUSE_RELEASE) == ROUNDS);
	UNTIL(sysfs_read(m, "waiting") == 0);
	OK(umount2(m->dir, 0));
	OK(rmdir(m->dir));
	UNTIL(s->end_errno);
	srv_reap(m);
	TRUE(srv_all_forgotten(s));
}

TEST(one_of_many_creates_with_o_excl)
{
	race_for_creating(srv_new());
}

TEST(one_of_many_creates_with_o_excl_without_create)
{
	struct srv *s = srv_new();

	srv_on(s, FUSE_CREATE, 0, ACT_ERROR, ENOSYS)->left = -1;
	race_for_creating(s);
}

TEST(one_of_many_creates_while_names_are_believed_missing)
{
	struct srv *s = srv_new();

	s->negative_ms = 3600 * 1000;
	race_for_creating(s);
}
