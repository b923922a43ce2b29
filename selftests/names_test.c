// SPDX-License-Identifier: GPL-2.0
/*
 * Names and attributes: what is asked, what is remembered, for how long.
 *
 * 1. A name is looked up once while its time-out lasts, again afterwards; one
 *    that does not exist as well, if the server gives it a time-out.
 * 2. Attributes are asked for once while their time-out lasts.
 * 3. A name that comes to stand for another node is another file; one whose node
 *    id is used for another thing makes the old one an error.
 * 4. Directories of any size are listed completely, once each, from any
 *    position, with and without READDIRPLUS.
 * 5. statfs, access and the file system's magic are those of FUSE.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/env.h"

/* Waits until a time-out of @ms has certainly passed. */
static void pass_ms(int64_t ms)
{
	int64_t end = t_now_ms() + ms;

	while (t_now_ms() <= end)
		usleep(5000);
}

TEST(names_are_asked_for_once_while_they_hold)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	for (int i = 0; i < 5; i++)
		OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	EQ(st.st_ino, s->nodes[1].id);
	mnt_end(m);
}

TEST(names_without_a_timeout_are_asked_for_each_time)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;

	n->entry_ms = 0;
	m = mnt_new(s);
	for (int i = 0; i < 5; i++)
		OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 5);
	EQ(n->lookups, 5);
	mnt_end(m);
}

TEST(names_are_asked_for_again_after_their_timeout)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;

	n->entry_ms = 100;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	pass_ms(200);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 2);
	n->entry_ms = 3600 * 1000;
	pass_ms(200);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 3);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 3);
	mnt_end(m);
}

TEST(missing_names_are_asked_for_each_time)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);
	struct stat st;

	for (int i = 0; i < 3; i++)
		FAILS(ENOENT, stat(in_mnt(m, "nothing"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 3);
	srv_plain(s, "nothing", "x", 1);
	OK(stat(in_mnt(m, "nothing"), &st));
	mnt_end(m);
}

TEST(missing_names_are_remembered_if_the_server_says_so)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	s->negative_ms = 3600 * 1000;
	m = mnt_new(s);
	for (int i = 0; i < 3; i++)
		FAILS(ENOENT, stat(in_mnt(m, "nothing"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	s->negative_ms = 1;
	FAILS(ENOENT, stat(in_mnt(m, "other"), &st));
	pass_ms(100);
	srv_plain(s, "other", "x", 1);
	OK(stat(in_mnt(m, "other"), &st));
	mnt_end(m);
}

TEST(name_that_was_removed_is_gone_after_its_timeout)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;
	int fd;

	n->entry_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	n->gone = true;
	FAILS(ENOENT, stat(in_mnt(m, "a"), &st));
	/* The open file is none the worse for it. */
	OK(fstat(fd, &st));
	OK(close(fd));
	mnt_end(m);
}

TEST(name_of_another_node_is_another_file)
{
	struct srv *s = srv_new();
	struct node *a = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st, old;
	int fd;

	a->entry_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	a->gone = true;
	srv_plain(s, "a", "yy", 2);
	OK(stat(in_mnt(m, "a"), &st));
	OK(fstat(fd, &old));
	EQ(st.st_size, 2);
	EQ(old.st_size, 1);
	TRUE(st.st_ino != old.st_ino);
	OK(close(fd));
	mnt_end(m);
}

TEST(node_that_becomes_a_directory_makes_the_open_file_fail)
{
	struct srv *s = srv_new();
	struct node *a = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;
	int fd;

	a->entry_ms = a->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	a->mode = S_IFDIR | 0755;
	OK(stat(in_mnt(m, "a"), &st));
	TRUE(S_ISDIR(st.st_mode));
	FAILS(EIO, fstat(fd, &st));
	close(fd);
	mnt_end(m);
}

TEST(node_of_another_generation_makes_the_open_file_fail)
{
	struct srv *s = srv_new();
	struct node *a = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;
	int fd;

	a->entry_ms = a->attr_ms = 0;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	a->generation = 2;
	OK(stat(in_mnt(m, "a"), &st));
	FAILS(EIO, fstat(fd, &st));
	close(fd);
	UNTIL((drop_caches(), a->forgets > 0));
	mnt_end(m);
	EQ(a->forgets, a->lookups);
}

TEST(attributes_are_asked_for_once_while_they_hold)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m = mnt_new(s);
	struct stat st;
	int before;

	OK(stat(in_mnt(m, "a"), &st));
	before = srv_seen(s, FUSE_GETATTR);
	for (int i = 0; i < 5; i++)
		OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), before);
	EQ(st.st_size, 1);
	EQ(st.st_mode, S_IFREG | 0644);
	EQ(st.st_nlink, 1);
	EQ(st.st_blksize, 4096);
	EQ(st.st_mtime, 1000000000);
	EQ(n->id, st.st_ino);
	mnt_end(m);
}

TEST(attributes_are_asked_for_again_after_their_timeout)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;
	int before;

	n->attr_ms = 100;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	before = srv_seen(s, FUSE_GETATTR);
	n->uid = 1234;
	pass_ms(200);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), before + 1);
	EQ(st.st_uid, 1234);
	mnt_end(m);
}

TEST(statx_decides_whether_attributes_are_asked_for)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m = mnt_new(s);
	struct statx stx;
	int before;

	OK(statx(AT_FDCWD, in_mnt(m, "a"), 0, STATX_BASIC_STATS, &stx));
	before = srv_seen(s, FUSE_GETATTR);
	OK(statx(AT_FDCWD, in_mnt(m, "a"), AT_STATX_FORCE_SYNC,
		 STATX_BASIC_STATS, &stx));
	EQ(srv_seen(s, FUSE_GETATTR), before + 1);
	n->attr_ms = 0;
	OK(statx(AT_FDCWD, in_mnt(m, "a"), AT_STATX_FORCE_SYNC,
		 STATX_BASIC_STATS, &stx));
	OK(statx(AT_FDCWD, in_mnt(m, "a"), AT_STATX_DONT_SYNC,
		 STATX_BASIC_STATS, &stx));
	EQ(srv_seen(s, FUSE_GETATTR), before + 2);
	mnt_end(m);
}

TEST(setattr_changes_mode_owner_and_times)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m = mnt_new(s);
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { 12345, 0 } };
	struct stat st;

	OK(chmod(in_mnt(m, "a"), 0600));
	OK(chown(in_mnt(m, "a"), 11, 22));
	OK(utimensat(AT_FDCWD, in_mnt(m, "a"), ts, 0));
	EQ(srv_seen(s, FUSE_SETATTR), 3);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_mode, S_IFREG | 0600);
	EQ(st.st_uid, 11);
	EQ(st.st_gid, 22);
	EQ(st.st_mtime, 12345);
	EQ(n->mode, S_IFREG | 0600);
	mnt_end(m);
}

#define BIG_DIR	3000

static void fill_dir(struct srv *s)
{
	char name[200];

	/* Names of all lengths, so that entries end anywhere in a reply. */
	for (int i = 0; i < BIG_DIR; i++) {
		snprintf(name, sizeof(name), "f%04d%.*s", i, i % 150,
			 "......................................................"
			 "......................................................"
			 "..........................................");
		srv_node(s, ROOT_ID, name, S_IFREG | 0644);
	}
}

static void list_big_dir(bool plus)
{
	struct srv *s = srv_new();
	uint8_t *found = calloc(BIG_DIR, 1);
	struct dirent *e;
	struct mnt *m;
	DIR *d;
	int n = 0;

	if (!plus)
		s->want &= ~FUSE_DO_READDIRPLUS;
	fill_dir(s);
	m = mnt_new(s);
	d = opendir(m->dir);
	TRUE(d);
	while ((e = readdir(d))) {
		n++;
		if (e->d_name[0] == '.')
			continue;
		EQ(found[atoi(e->d_name + 1)]++, 0);
		EQ(e->d_type, DT_REG);
		EQ(e->d_ino, atoi(e->d_name + 1) + 2);
	}
	EQ(n, BIG_DIR + 2);
	closedir(d);
	EQ(srv_seen(s, plus ? FUSE_READDIR : FUSE_READDIRPLUS), 0);
	TRUE(srv_seen(s, plus ? FUSE_READDIRPLUS : FUSE_READDIR) > 1);
	mnt_end(m);
}

TEST(large_directory_is_listed_completely_by_readdir)
{
	list_big_dir(false);
}

TEST(large_directory_is_listed_completely_by_readdirplus)
{
	list_big_dir(true);
}

TEST(readdirplus_spares_the_lookups)
{
	struct srv *s = srv_new();
	struct dirent *e;
	struct mnt *m;
	struct stat st;
	DIR *d;

	srv_plain(s, "a", "x", 1);
	srv_plain(s, "b", "x", 1);
	m = mnt_new(s);
	d = opendir(m->dir);
	while ((e = readdir(d)))
		;
	closedir(d);
	OK(stat(in_mnt(m, "a"), &st));
	OK(stat(in_mnt(m, "b"), &st));
	EQ(st.st_size, 1);
	EQ(srv_seen(s, FUSE_LOOKUP), 0);
	mnt_end(m);
}

TEST(directory_can_be_read_from_any_position)
{
	struct srv *s = srv_new();
	long pos[64];
	char names[64][256];
	struct dirent *e;
	struct mnt *m;
	int n = 0;
	DIR *d;

	for (int i = 0; i < 40; i++) {
		snprintf(names[0], sizeof(names[0]), "entry%d", i);
		srv_node(s, ROOT_ID, names[0], S_IFREG | 0644);
	}
	m = mnt_new(s);
	d = opendir(m->dir);
	for (pos[0] = telldir(d); (e = readdir(d)); pos[n] = telldir(d))
		strcpy(names[n++], e->d_name);
	EQ(n, 42);
	while (n--) {
		seekdir(d, pos[n]);
		e = readdir(d);
		TRUE(e);
		EQ_STR(e->d_name, names[n]);
	}
	rewinddir(d);
	EQ_STR(readdir(d)->d_name, names[0]);
	closedir(d);
	mnt_end(m);
}

TEST(directories_nest)
{
	struct srv *s = srv_new();
	char path[512] = "";
	uint64_t parent = ROOT_ID;
	struct mnt *m;
	struct stat st;

	for (int i = 0; i < 20; i++) {
		parent = srv_dir(s, parent, "d")->id;
		strcat(path, "d/");
	}
	srv_node(s, parent, "f", S_IFREG | 0644)->size = 5;
	m = mnt_new(s);
	strcat(path, "f");
	OK(stat(in_mnt(m, path), &st));
	EQ(st.st_size, 5);
	FAILS(ENOTDIR, stat(in_mnt(m, strcat(path, "/x")), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 21);
	mnt_end(m);
}

TEST(access_is_the_servers_to_judge_without_default_permissions)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct rule *r = srv_on(s, FUSE_ACCESS, n->id, ACT_ERROR, EACCES);
	struct mnt *m = mnt_new(s);

	FAILS(EACCES, access(in_mnt(m, "a"), R_OK));
	EQ(r->hits, 1);
	OK(access(in_mnt(m, "a"), R_OK));
	/* A server without the operation is not asked again. */
	srv_on(s, FUSE_ACCESS, n->id, ACT_ERROR, ENOSYS);
	OK(access(in_mnt(m, "a"), R_OK));
	EQ(srv_seen(s, FUSE_ACCESS), 3);
	OK(access(in_mnt(m, "a"), R_OK));
	EQ(srv_seen(s, FUSE_ACCESS), 3);
	mnt_end(m);
}

static int open_as_nobody(void *path)
{
	int fd;

	OK(setresgid(65534, 65534, 65534));
	OK(setresuid(65534, 65534, 65534));
	fd = open(path, O_RDONLY);
	return fd < 0 ? errno : 0;
}

TEST(default_permissions_check_the_mode)
{
	struct srv *s = srv_new();
	struct node *a = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct task t;

	srv_plain(s, "b", "x", 1);
	a->mode = S_IFREG | 0600;
	m = mnt_new_opts(s, "allow_other,default_permissions");
	OK(chmod(m->dir, 0755));
	t = task_start(open_as_nobody, (char *)in_mnt(m, "a"));
	EQ(task_wait(&t), EACCES);
	t = task_start(open_as_nobody, (char *)in_mnt(m, "b"));
	EQ(task_wait(&t), 0);
	EQ(srv_seen(s, FUSE_ACCESS), 0);
	mnt_end(m);
}

TEST(without_allow_other_others_are_kept_out)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct task t;

	srv_plain(s, "a", "x", 1);
	m = mnt_new_opts(s, "");
	t = task_start(open_as_nobody, (char *)in_mnt(m, "a"));
	EQ(task_wait(&t), EACCES);
	mnt_end(m);
}

TEST(statfs_is_the_servers_and_the_magic_is_that_of_fuse)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct statfs sf;
	struct statvfs vfs;

	s->statfs.st = (struct fuse_kstatfs){
		.blocks = 1000, .bfree = 600, .bavail = 500, .files = 70,
		.ffree = 30, .bsize = 8192, .namelen = 200, .frsize = 4096,
	};
	m = mnt_new(s);
	OK(statfs(m->dir, &sf));
	EQ(sf.f_type, FUSE_SUPER_MAGIC);
	EQ(sf.f_blocks, 1000);
	EQ(sf.f_bfree, 600);
	EQ(sf.f_bavail, 500);
	EQ(sf.f_files, 70);
	EQ(sf.f_ffree, 30);
	EQ(sf.f_bsize, 8192);
	EQ(sf.f_frsize, 4096);
	EQ(sf.f_namelen, 200);
	OK(statvfs(m->dir, &vfs));
	mnt_end(m);
}
