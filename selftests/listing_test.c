// SPDX-License-Identifier: GPL-2.0
/*
 * Remembered listings of directories.
 *
 * 1. With FOPEN_CACHE_DIR a listing is asked for once, whole as ever, while the
 *    directory does not change, and with FOPEN_KEEP_CACHE from one open to the
 *    next; a server without OPENDIR gets both.
 * 2. A name that is made or removed, another mtime, or pages that are taken away
 *    make it asked for anew.
 * 3. Without the flag it is asked for each time.
 * 4. An entry of READDIRPLUS that makes no sense is a name all the same.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"

#define NAMES	400

static struct node *fill_dir(struct srv *s, int n)
{
	struct node *d = srv_dir(s, ROOT_ID, "d");
	char name[64];

	s->want &= ~(FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "a-name-of-some-length-%d", i);
		srv_node(s, d->id, name, S_IFREG | 0644);
	}
	return d;
}

/* Lists it, with every name once. Return: how many. */
static int list(DIR *dir)
{
	static char seen[SRV_NODES];
	struct dirent *e;
	int n = 0;

	memset(seen, 0, sizeof(seen));
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		TRUE(!seen[e->d_ino]++);
		n++;
	}
	return n;
}

static int list_once(struct mnt *m)
{
	DIR *dir = opendir(in_mnt(m, "d"));
	int n;

	TRUE(dir);
	n = list(dir);
	OK(closedir(dir));
	return n;
}

TEST(listing_is_remembered_from_open_to_open)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int asked;

	fill_dir(s, NAMES)->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	EQ(list_once(m), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	TRUE(asked);
	EQ(list_once(m), NAMES);
	EQ(list_once(m), NAMES);
	EQ(srv_seen(s, FUSE_READDIR), asked);
	mnt_end(m);
}

TEST(listing_is_remembered_while_open)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int asked;
	DIR *dir;

	fill_dir(s, NAMES)->open_flags = FOPEN_CACHE_DIR;
	m = mnt_new(s);
	dir = opendir(in_mnt(m, "d"));
	EQ(list(dir), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	rewinddir(dir);
	EQ(list(dir), NAMES);
	EQ(srv_seen(s, FUSE_READDIR), asked);
	OK(closedir(dir));
	/* The next open drops it. */
	EQ(list_once(m), NAMES);
	TRUE(srv_seen(s, FUSE_READDIR) > asked);
	mnt_end(m);
}

TEST(listing_is_asked_for_each_time_otherwise)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int asked;

	fill_dir(s, NAMES)->open_flags = FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	EQ(list_once(m), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	EQ(list_once(m), NAMES);
	EQ(srv_seen(s, FUSE_READDIR), 2 * asked);
	mnt_end(m);
}

TEST(server_without_opendir_has_its_listings_remembered)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int asked;

	fill_dir(s, NAMES);
	srv_on(s, FUSE_OPENDIR, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	EQ(list_once(m), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	EQ(list_once(m), NAMES);
	EQ(srv_seen(s, FUSE_READDIR), asked);
	EQ(srv_seen(s, FUSE_OPENDIR), 1);
	EQ(srv_seen(s, FUSE_RELEASEDIR), 0);
	mnt_end(m);
}

TEST(changed_directory_is_listed_anew)
{
	struct srv *s = srv_new();
	struct node *d = fill_dir(s, NAMES);
	struct mnt *m;
	char path[128];

	d->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	snprintf(path, sizeof(path), "%s/d/new", m->dir);
	EQ(list_once(m), NAMES);
	OK(mkdir(path, 0755));
	EQ(list_once(m), NAMES + 1);
	EQ(list_once(m), NAMES + 1);
	OK(rmdir(path));
	EQ(list_once(m), NAMES);
	mnt_end(m);
}

TEST(directory_with_another_mtime_is_listed_anew)
{
	struct srv *s = srv_new();
	struct node *d = fill_dir(s, NAMES);
	struct mnt *m;

	s->want |= FUSE_AUTO_INVAL_DATA;
	d->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	d->attr_ms = 0;
	m = mnt_new(s);
	EQ(list_once(m), NAMES);
	srv_node(s, d->id, "more", S_IFREG | 0644);
	EQ(list_once(m), NAMES);
	d->mtime++;
	EQ(list_once(m), NAMES + 1);
	mnt_end(m);
}

TEST(listing_whose_pages_are_taken_away_is_asked_for_anew)
{
	struct srv *s = srv_new();
	struct node *d = fill_dir(s, NAMES);
	struct mnt *m;
	int asked, fd;

	d->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	/* So that the inode stays. */
	fd = OK(open_in(m, "d", O_RDONLY | O_DIRECTORY));
	EQ(list_once(m), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	drop_caches();
	EQ(list_once(m), NAMES);
	EQ(list_once(m), NAMES);
	EQ(srv_seen(s, FUSE_READDIR), 2 * asked);
	OK(close(fd));
	mnt_end(m);
}

TEST(listing_goes_on_from_any_position)
{
	struct srv *s = srv_new();
	struct mnt *m;
	long pos[NAMES + 3];
	char name[NAMES + 2][64];
	struct dirent *e;
	int n = 0, asked;
	DIR *dir;

	fill_dir(s, NAMES)->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	EQ(list_once(m), NAMES);
	asked = srv_seen(s, FUSE_READDIR);
	dir = opendir(in_mnt(m, "d"));
	for (pos[0] = 0; (e = readdir(dir)); pos[++n] = telldir(dir))
		snprintf(name[n], sizeof(name[n]), "%.60s", e->d_name);
	EQ(n, NAMES + 2);
	for (int i = n - 1; i >= 0; i -= 7) {
		seekdir(dir, pos[i]);
		e = readdir(dir);
		TRUE(e);
		EQ_STR(e->d_name, name[i]);
	}
	EQ(srv_seen(s, FUSE_READDIR), asked);
	OK(closedir(dir));
	mnt_end(m);
}

static int list_many(void *arg)
{
	DIR *dir = opendir(arg);

	for (int i = 0; i < 50; i++) {
		if (list(dir) < NAMES)
			return 1;
		rewinddir(dir);
	}
	return closedir(dir);
}

TEST(many_list_while_names_come_and_go)
{
	struct srv *s = srv_new();
	struct task t[3];
	struct mnt *m;
	char path[128], *dir;

	fill_dir(s, NAMES)->open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	m = mnt_new(s);
	snprintf(path, sizeof(path), "%s/d/new", m->dir);
	dir = strdup(in_mnt(m, "d"));
	for (int i = 0; i < 3; i++)
		t[i] = task_start(list_many, dir);
	for (int i = 0; i < 100; i++) {
		OK(mkdir(path, 0755));
		OK(rmdir(path));
	}
	for (int i = 0; i < 3; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(list_once(m), NAMES);
	mnt_end(m);
}

TEST(entry_that_makes_no_sense_is_listed)
{
	struct srv *s = srv_new();
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct node *n = srv_node(s, d->id, "x", S_IFREG | 0644);
	struct mnt *m;

	srv_node(s, d->id, "y", S_IFREG | 0644);
	n->mode = 0644;
	m = mnt_new(s);
	EQ(list_once(m), 2);
	UNTIL(n->lookups && n->lookups == n->forgets);
	mnt_end(m);
}
