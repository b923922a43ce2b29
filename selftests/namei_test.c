// SPDX-License-Identifier: GPL-2.0
/*
 * Names: making, opening, moving and removing them.
 *
 * 1. Each call is one request that says what was asked for, and what it brings is
 *    there without another one.
 * 2. What the server answers is what the caller gets; what makes no sense is EIO,
 *    and the lookup and the handle that came with it go back.
 * 3. A server that lacks an opcode is asked once; then what takes its place.
 * 4. A caller that the server keeps waiting can be killed; what would have been
 *    his goes back when the answer comes.
 * 5. Of many that create a file with O_EXCL one succeeds.
 * 6. A file with a map may be made, opened and emptied as any other.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

static const void *body(struct srv *s, uint32_t opcode)
{
	return s->last_body[opcode];
}

TEST(files_and_devices_are_made)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);
	const struct fuse_mknod_in *in = body(s, FUSE_MKNOD);
	struct stat st;

	umask(0027);
	OK(mknod(in_mnt(m, "f"), S_IFREG | 0666, 0));
	EQ(in->mode, S_IFREG | 0640);
	EQ(in->umask, 0027);
	EQ_STR((const char *)(in + 1), "f");
	OK(mknod(in_mnt(m, "c"), S_IFCHR | 0600, makedev(1, 300)));
	OK(mknod(in_mnt(m, "p"), S_IFIFO | 0600, 0));
	EQ(srv_seen(s, FUSE_MKNOD), 3);
	OK(stat(in_mnt(m, "c"), &st));
	TRUE(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 300));
	OK(stat(in_mnt(m, "p"), &st));
	TRUE(S_ISFIFO(st.st_mode));
	/* What the requests brought needs no lookup: there was one before each. */
	EQ(srv_seen(s, FUSE_LOOKUP), 3);
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	FAILS(EEXIST, mknod(in_mnt(m, "f"), S_IFREG | 0666, 0));
	mnt_end_counted(m);
}

TEST(directories_are_made_and_removed)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);
	const struct fuse_mkdir_in *in = body(s, FUSE_MKDIR);
	struct stat st;

	umask(0022);
	OK(mkdir(in_mnt(m, "d"), 01777));
	EQ(in->mode, 01755);
	EQ(in->umask, 0022);
	EQ_STR((const char *)(in + 1), "d");
	OK(mkdir(in_mnt(m, "d/e"), 0755));
	FAILS(ENOTEMPTY, rmdir(in_mnt(m, "d")));
	OK(rmdir(in_mnt(m, "d/e")));
	EQ_STR(body(s, FUSE_RMDIR), "e");
	FAILS(ENOENT, stat(in_mnt(m, "d/e"), &st));
	OK(rmdir(in_mnt(m, "d")));
	FAILS(ENOENT, stat(in_mnt(m, "d"), &st));
	mnt_end_counted(m);
}

TEST(mask_is_the_servers_if_it_says_so)
{
	struct srv *s = srv_new();
	const struct fuse_mkdir_in *dir = body(s, FUSE_MKDIR);
	const struct fuse_create_in *file = body(s, FUSE_CREATE);
	struct mnt *m;

	s->want |= FUSE_DONT_MASK;
	m = mnt_new(s);
	umask(0077);
	OK(mkdir(in_mnt(m, "d"), 0777));
	EQ(dir->mode, 0777);
	EQ(dir->umask, 0077);
	OK(close(OK(open(in_mnt(m, "f"), O_CREAT | O_RDWR, 0666))));
	EQ(file->mode, S_IFREG | 0666);
	EQ(file->umask, 0077);
	mnt_end_counted(m);
}

TEST(links_are_followed_and_read_each_time)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;
	char buf[64];

	srv_plain(s, "a", "hello", 5);
	m = mnt_new(s);
	OK(symlink("a", in_mnt(m, "l")));
	EQ_STR(body(s, FUSE_SYMLINK), "l");
	EQ_STR((const char *)body(s, FUSE_SYMLINK) + 2, "a");
	OK(stat(in_mnt(m, "l"), &st));
	EQ(st.st_size, 5);
	EQ(readlink(in_mnt(m, "l"), buf, sizeof(buf)), 1);
	EQ(buf[0], 'a');
	EQ(srv_seen(s, FUSE_READLINK), 2);
	OK(lstat(in_mnt(m, "l"), &st));
	TRUE(S_ISLNK(st.st_mode));
	mnt_end_counted(m);
}

TEST(links_are_remembered_if_the_server_says_so)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	s->want |= FUSE_CACHE_SYMLINKS;
	srv_plain(s, "a", "hello", 5);
	m = mnt_new(s);
	OK(symlink("a", in_mnt(m, "l")));
	for (int i = 0; i < 3; i++)
		OK(stat(in_mnt(m, "l"), &st));
	EQ(srv_seen(s, FUSE_READLINK), 1);
	mnt_end_counted(m);
}

TEST(hard_links_are_made_and_counted)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "hello", 5);
	struct mnt *m = mnt_new(s);
	const struct fuse_link_in *in = body(s, FUSE_LINK);
	struct stat a, b;

	OK(link(in_mnt(m, "a"), in_mnt(m, "b")));
	EQ(in->oldnodeid, n->id);
	EQ_STR((const char *)(in + 1), "b");
	OK(stat(in_mnt(m, "a"), &a));
	OK(stat(in_mnt(m, "b"), &b));
	EQ(a.st_ino, b.st_ino);
	EQ(a.st_nlink, 2);
	OK(unlink(in_mnt(m, "a")));
	EQ_STR(body(s, FUSE_UNLINK), "a");
	OK(stat(in_mnt(m, "b"), &b));
	EQ(b.st_nlink, 1);
	mnt_end_counted(m);
}

TEST(link_that_the_server_lacks_is_eperm)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "hello", 5);
	srv_on(s, FUSE_LINK, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	FAILS(EPERM, link(in_mnt(m, "a"), in_mnt(m, "b")));
	FAILS(EPERM, link(in_mnt(m, "a"), in_mnt(m, "b")));
	EQ(srv_seen(s, FUSE_LINK), 1);
	mnt_end_counted(m);
}

TEST(unlinked_file_goes_on_while_open)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;
	char buf[8];
	int fd;

	srv_plain(s, "a", "hello", 5);
	m = mnt_new(s);
	fd = OK(open(in_mnt(m, "a"), O_RDWR));
	OK(unlink(in_mnt(m, "a")));
	FAILS(ENOENT, stat(in_mnt(m, "a"), &st));
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	EQ(read(fd, buf, 8), 5);
	OK(close(fd));
	mnt_end_counted(m);
}

TEST(names_are_moved)
{
	struct srv *s = srv_new();
	const struct fuse_rename_in *in = body(s, FUSE_RENAME);
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct node *a = srv_plain(s, "a", "aa", 2);
	struct mnt *m;
	struct stat st;

	srv_plain(s, "b", "bbb", 3);
	m = mnt_new(s);
	OK(rename(in_mnt(m, "a"), in_mnt(m, "d/x")));
	EQ(in->newdir, d->id);
	EQ_STR((const char *)(in + 1), "a");
	EQ_STR((const char *)(in + 1) + 2, "x");
	OK(stat(in_mnt(m, "d/x"), &st));
	EQ(st.st_ino, a->id);
	FAILS(ENOENT, stat(in_mnt(m, "a"), &st));
	OK(rename(in_mnt(m, "d/x"), in_mnt(m, "b")));
	OK(stat(in_mnt(m, "b"), &st));
	EQ(st.st_size, 2);
	EQ(srv_seen(s, FUSE_RENAME), 2);
	EQ(srv_seen(s, FUSE_RENAME2), 0);
	mnt_end_counted(m);
}

TEST(renameat2_goes_to_the_server)
{
	struct srv *s = srv_new();
	const struct fuse_rename2_in *in = body(s, FUSE_RENAME2);
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "aa", 2);
	srv_plain(s, "b", "bbb", 3);
	m = mnt_new(s);
	FAILS(EEXIST, renameat2(AT_FDCWD, in_mnt(m, "a"), AT_FDCWD,
				in_mnt(m, "b"), RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, in_mnt(m, "a"), AT_FDCWD, in_mnt(m, "c"),
		     RENAME_NOREPLACE));
	EQ(in->flags, RENAME_NOREPLACE);
	OK(renameat2(AT_FDCWD, in_mnt(m, "c"), AT_FDCWD, in_mnt(m, "b"),
		     RENAME_EXCHANGE));
	EQ(in->flags, RENAME_EXCHANGE);
	OK(stat(in_mnt(m, "b"), &st));
	EQ(st.st_size, 2);
	OK(stat(in_mnt(m, "c"), &st));
	EQ(st.st_size, 3);
	mnt_end_counted(m);
}

TEST(renameat2_that_the_server_lacks_is_einval)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "aa", 2);
	srv_on(s, FUSE_RENAME2, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	for (int i = 0; i < 2; i++)
		FAILS(EINVAL, renameat2(AT_FDCWD, in_mnt(m, "a"), AT_FDCWD,
					in_mnt(m, "c"), RENAME_NOREPLACE));
	EQ(srv_seen(s, FUSE_RENAME2), 1);
	OK(rename(in_mnt(m, "a"), in_mnt(m, "c")));
	mnt_end_counted(m);
}

TEST(creating_opens_in_one_request)
{
	struct srv *s = srv_new();
	const struct fuse_create_in *in = body(s, FUSE_CREATE);
	struct mnt *m = mnt_new(s);
	struct stat st;
	char buf[8];
	int fd;

	umask(0022);
	fd = OK(open(in_mnt(m, "f"), O_CREAT | O_EXCL | O_RDWR, 0666));
	EQ(in->mode, S_IFREG | 0644);
	EQ(in->umask, 0022);
	EQ(in->flags & (O_CREAT | O_EXCL | O_ACCMODE),
	   O_CREAT | O_EXCL | O_RDWR);
	EQ_STR((const char *)(in + 1), "f");
	EQ(pwrite(fd, "hello", 5, 0), 5);
	EQ(pread(fd, buf, 8, 0), 5);
	OK(fstat(fd, &st));
	EQ(st.st_size, 5);
	OK(close(fd));
	EQ(srv_seen(s, FUSE_CREATE), 1);
	EQ(srv_seen(s, FUSE_OPEN), 0);
	EQ(srv_seen(s, FUSE_MKNOD), 0);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	EQ(srv_last(s, FUSE_RELEASE)->arg, srv_last(s, FUSE_CREATE)->unique);
	EQ(srv_last(s, FUSE_RELEASE)->nodeid, st.st_ino);
	/* What is there is opened. */
	fd = OK(open(in_mnt(m, "f"), O_CREAT | O_RDWR, 0666));
	OK(close(fd));
	EQ(srv_seen(s, FUSE_CREATE), 1);
	EQ(srv_seen(s, FUSE_OPEN), 1);
	FAILS(EEXIST, open(in_mnt(m, "f"), O_CREAT | O_EXCL | O_RDWR, 0666));
	mnt_end_counted(m);
}

TEST(server_without_create_makes_first)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_on(s, FUSE_CREATE, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	OK(close(OK(open(in_mnt(m, "f"), O_CREAT | O_RDWR, 0666))));
	OK(close(OK(open(in_mnt(m, "g"), O_CREAT | O_EXCL | O_RDWR, 0666))));
	EQ(srv_seen(s, FUSE_CREATE), 1);
	EQ(srv_seen(s, FUSE_MKNOD), 2);
	EQ(srv_seen(s, FUSE_OPEN), 2);
	s->count[FUSE_CREATE] = 0;
	mnt_end_counted(m);
}

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

TEST(file_without_a_name_is_made)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);
	struct stat st;
	char proc[64];
	int fd;

	fd = OK(open(m->dir, O_TMPFILE | O_RDWR, 0600));
	EQ(srv_seen(s, FUSE_TMPFILE), 1);
	OK(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	EQ(pwrite(fd, "hello", 5, 0), 5);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, proc, AT_FDCWD, in_mnt(m, "f"),
		  AT_SYMLINK_FOLLOW));
	OK(close(fd));
	OK(stat(in_mnt(m, "f"), &st));
	EQ(st.st_size, 5);
	mnt_end_counted(m);
}

TEST(server_without_tmpfile_is_asked_once)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_on(s, FUSE_TMPFILE, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	FAILS(EOPNOTSUPP, open(m->dir, O_TMPFILE | O_RDWR, 0600));
	FAILS(EOPNOTSUPP, open(m->dir, O_TMPFILE | O_RDWR, 0600));
	EQ(srv_seen(s, FUSE_TMPFILE), 1);
	s->count[FUSE_TMPFILE] = 0;
	mnt_end_counted(m);
}

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

/* --- directories' attributes --- */

TEST(directory_is_asked_for_anew_when_it_has_changed)
{
	struct srv *s = srv_new();
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct mnt *m = mnt_new(s);
	struct stat st;
	int asked;

	OK(stat(in_mnt(m, "d"), &st));
	asked = srv_seen(s, FUSE_GETATTR);
	OK(stat(in_mnt(m, "d"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), asked);
	OK(mkdir(in_mnt(m, "d/e"), 0755));
	d->nlink = 3;
	OK(stat(in_mnt(m, "d"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), asked + 1);
	EQ(st.st_nlink, 3);
	OK(rmdir(in_mnt(m, "d/e")));
	OK(stat(in_mnt(m, "d"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), asked + 2);
	mnt_end_counted(m);
}

TEST(changed_directory_keeps_its_modes)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int asked;

	srv_dir(s, ROOT_ID, "d");
	m = mnt_new_opts(s, "allow_other,default_permissions");
	OK(mkdir(in_mnt(m, "d/e"), 0755));
	asked = srv_seen(s, FUSE_GETATTR);
	OK(mkdir(in_mnt(m, "d/f"), 0755));
	OK(mkdir(in_mnt(m, "d/g"), 0755));
	/* Who may make a name there is known all the while. */
	EQ(srv_seen(s, FUSE_GETATTR), asked);
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
	struct mnt *m = mnt_new(s), *other = m;
	struct task t[RACERS];
	int i;

	strcpy(race->dir, other->dir);
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

/* --- files with a map --- */

TEST(created_file_may_have_a_map)
{
	struct srv *s = srv_new();
	struct node *n = srv_memfile(s, "f", fmap_simple1(0, 0, MIB, MIB));
	struct mnt *m;
	struct stat st;
	uint8_t *p;
	int fd;

	/* Not found, but there when it is to be created. */
	srv_on(s, FUSE_LOOKUP, 0, ACT_ERROR, ENOENT);
	srv_use_pmem(s);
	m = mnt_new(s);
	fd = OK(open(in_mnt(m, "f"), O_CREAT | O_RDWR, 0666));
	EQ(srv_seen(s, FUSE_CREATE), 1);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	EQ(counter(m, "fmaps"), 1);
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TRUE(p != MAP_FAILED);
	pat_fill(p, 5, 0, MIB);
	PAT(p, 5, 0, MIB);
	OK(munmap(p, MIB));
	OK(fstat(fd, &st));
	EQ(st.st_ino, n->id);
	OK(close(fd));
	OK(unlink(in_mnt(m, "f")));
	UNTIL((drop_caches(), counter(m, "fmaps") == 0));
	mnt_end_counted(m);
}

TEST(created_file_whose_map_fails_is_released)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);

	srv_on(s, FUSE_GET_FMAP, 0, ACT_ERROR, EPERM);
	FAILS(EPERM, open(in_mnt(m, "f"), O_CREAT | O_RDWR, 0666));
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	/* It has been made all the same. */
	OK(close(OK(open(in_mnt(m, "f"), O_RDWR))));
	mnt_end_counted(m);
}

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
