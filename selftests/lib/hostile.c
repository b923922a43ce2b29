// SPDX-License-Identifier: GPL-2.0
/* Bad replies, one a test: see hostile.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"

static struct hostile_tree nodes;

const struct hostile_tree *tree(void)
{
	return &nodes;
}

static struct node *forgetful(struct node *n)
{
	n->entry_ms = n->attr_ms = 0;
	return n;
}

void hostile_tree(struct srv *s)
{
	s->want |= FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_ATOMIC_O_TRUNC;
	nodes.a = forgetful(srv_plain(s, "a", "0123456789", 10));
	/* What is read ahead, and fails, is read again. */
	nodes.a->open_flags = FOPEN_DIRECT_IO;
	nodes.d = forgetful(srv_dir(s, ROOT_ID, "d"));
	nodes.f = forgetful(srv_node(s, nodes.d->id, "f", S_IFREG | 0644));
	nodes.l = forgetful(srv_node(s, ROOT_ID, "l", S_IFLNK | 0777));
	nodes.good = forgetful(srv_plain(s, "good", "good", 4));
	nodes.new = forgetful(srv_node(s, 0, "", S_IFREG | 0644));
	nodes.new->parent = ~0ULL;
}

struct mnt *hostile_begin(struct srv *s, int *dev)
{
	hostile_tree(s);
	return mnt_new_dev(s, MNT_OPTS, dev);
}

static bool lists_good(const struct mnt *m)
{
	DIR *dir = opendir(m->dir);
	bool found = false;
	struct dirent *e;

	TRUE(dir);
	while ((e = readdir(dir)))
		found |= !strcmp(e->d_name, "good");
	closedir(dir);
	return found;
}

/* What is good still works: looking up, listing, opening, reading, writing. */
static void use_good(const struct mnt *m)
{
	struct stat st;
	char buf[8];
	int fd;

	OK(stat(in_mnt(m, "good"), &st));
	EQ(st.st_size, 4);
	TRUE(lists_good(m));
	fd = OK(open_in(m, "good", O_RDWR));
	EQ(pread(fd, buf, sizeof(buf), 0), 4);
	TRUE(!memcmp(buf, "good", 4));
	EQ(pwrite(fd, "good", 4, 0), 4);
	OK(close(fd));
}

/* Until all lookups and handles have been given back. */
static void settle(const struct mnt *m, bool leaks)
{
	struct t_deadline d = t_deadline();
	const char *what;

	if (on_fuse())
		d.ends_ms = t_now_ms() + 3000;
	do {
		drop_caches();
		what = srv_imbalance(m->srv);
	} while (what && t_pause(&d));
	if (what && !leaks)
		FAIL("not given back: %s", what);
	if (!what && leaks)
		FAIL("all is given back");
}

/* The orderly end of any such test: nothing has been lost. @row: may be NULL. */
void hostile_end(struct mnt *m, const struct hostile *row)
{
	bool fuse = row && on_fuse();

	if (!fuse || !row->fuse_ruins)
		use_good(m);
	settle(m, fuse && row->fuse_leaks);
	if (!on_fuse())
		EQ(sysfs_read(m, "waiting"), 0);
	mnt_end(m);
}

static const char *told(long result)
{
	static char text[4][64];
	static int next;
	char *p = text[next++ % 4];

	if (result < 0)
		snprintf(p, sizeof(text[0]), "%s", strerror(-result));
	else
		snprintf(p, sizeof(text[0]), "%ld", result);
	return p;
}

static void compare(const struct outcome *got, const struct outcome *want)
{
	if (got->call == want->call && got->reply == want->reply)
		return;
	FAIL("the call gave %s, not %s; the bad reply %s, not %s",
	     told(got->call), told(want->call), told(-got->reply),
	     told(-want->reply));
}

void hostile_run(const void *arg)
{
	const struct hostile *row = arg;
	struct srv *s = srv_new();
	bool differs = on_fuse() && row->fuse_differs;
	struct outcome got;
	struct rule *r;
	struct mnt *m;

	r = srv_on(s, row->opcode, 0, ACT_SPOIL, 0);
	r->spoil = row->spoil;
	r->spoil_arg = row->arg;
	r->answer = hostile_answer;
	if (row->again)
		r->left = -1;
	hostile_tree(s);
	if (row->prepare)
		row->prepare(s);
	m = mnt_new(s);
	got.call = (row->call ? row->call : call_of(row->opcode)->call)(m);
	if (!r->hits)
		FAIL("opcode %u was never sent; the call gave %s", row->opcode,
		     told(got.call));
	UNTIL(r->good_errno >= 0);
	r->left = 0;
	got.reply = r->bad_errno;
	compare(&got, differs ? &row->fuse : &row->want);
	EQ(r->good_errno, row->waits ? 0 : ENOENT);
	/* What is refused for what it says, and not for its size, is counted. */
	if (!on_fuse() && got.call == -EIO && !got.reply)
		TRUE(counter(m, "bad_reply") > 0);
	hostile_end(m, row);
}
