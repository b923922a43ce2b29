// SPDX-License-Identifier: GPL-2.0
/*
 * Names: making, opening, moving and removing them.
 *
 * 1. Each call is one request that says what was asked for, and what it brings is
 *    there without another one.
 * 2. A server that lacks an opcode is asked once; then what takes its place.
 * 3. A directory's attributes are asked for anew after a change in it; its modes
 *    are not.
 * 4. A file with a map may be made, opened and emptied as any other.
 *
 * (Callers that are killed, errors, replies that make no sense, races: see
 * namei_reply_test.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
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
