// SPDX-License-Identifier: GPL-2.0
/*
 * INIT answered in ways that make no sense.
 *
 * 1. A reply that will not do (its size, an older minor than we can read) makes
 *    the mount useless and nothing more: all ends with ENOTCONN. (In-tree fuse
 *    speaks the oldest minors, too.)
 * 2. Limits that make no sense are cut to what does; flags that were not offered
 *    and can be ignored are. The mount then works.
 * 3. A second reply to INIT is ENOENT, and notifications before the first are
 *    EINVAL.
 * 4. What a server can make the kernel say is limited, and no text of its own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/hostile.h"

static struct fuse_init_out *init_of(struct spoilt *sp)
{
	return (void *)sp->body;
}

struct init {
	const char *name;
	void (*spoil)(struct spoilt *sp);
	int result;		/* of a call: errno, or 0 */
	int reply;		/* errno of the write(2) of the reply */
	/* In-tree fuse takes it, or ends what waits with another error. */
	bool fuse_differs;
};

static void init_empty(struct spoilt *sp)
{
	sp->len = 0;
}

static void init_8_bytes(struct spoilt *sp)
{
	sp->len = 8;
}

static void init_long(struct spoilt *sp)
{
	sp->len += 8;
}

static void init_minor_3(struct spoilt *sp)
{
	init_of(sp)->minor = 3;
	sp->len = 8;
}

static void init_minor_22(struct spoilt *sp)
{
	init_of(sp)->minor = 22;
}

static void init_minor_most(struct spoilt *sp)
{
	init_of(sp)->minor = ~0U;
}

static void init_write_0(struct spoilt *sp)
{
	init_of(sp)->max_write = 0;
}

static void init_write_1(struct spoilt *sp)
{
	init_of(sp)->max_write = 1;
}

static void init_write_most(struct spoilt *sp)
{
	init_of(sp)->max_write = ~0U;
}

static void init_pages_0(struct spoilt *sp)
{
	init_of(sp)->max_pages = 0;
}

static void init_readahead_most(struct spoilt *sp)
{
	init_of(sp)->max_readahead = ~0U;
}

static void init_gran(struct spoilt *sp)
{
	init_of(sp)->time_gran = 1000000007;
}

static void init_gran_most(struct spoilt *sp)
{
	init_of(sp)->time_gran = ~0U;
}

static void init_background_most(struct spoilt *sp)
{
	init_of(sp)->max_background = 0xffff;
	init_of(sp)->congestion_threshold = 0xffff;
}

static void init_unused(struct spoilt *sp)
{
	memset(init_of(sp)->unused, 0xff, sizeof(init_of(sp)->unused));
	init_of(sp)->map_alignment = 0xffff;
}

/* Splicing needs nothing of the kernel but its own code for it. */
static void init_flags(struct spoilt *sp)
{
	init_of(sp)->flags |= FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE |
			      FUSE_SPLICE_READ;
}

static void init_with_error(struct spoilt *sp)
{
	sp->h.error = -EPERM;
	sp->len = 0;
}

static const struct init inits[] = {
	{ "init_reply_empty", init_empty, ENOTCONN, 0, true },
	{ "init_reply_of_8_bytes", init_8_bytes, ENOTCONN, 0, true },
	{ "init_reply_too_long", init_long, ENOTCONN, EINVAL, true },
	{ "init_reply_of_minor_3", init_minor_3, ENOTCONN, 0, true },
	{ "init_reply_of_minor_22", init_minor_22, ENOTCONN, 0, true },
	{ "init_reply_of_an_error", init_with_error, ENOTCONN, 0, true },
	{ "init_reply_of_minor_most", init_minor_most, 0, 0, false },
	{ "init_reply_of_max_write_0", init_write_0, 0, 0, false },
	{ "init_reply_of_max_write_1", init_write_1, 0, 0, false },
	{ "init_reply_of_max_write_most", init_write_most, 0, 0, true },
	{ "init_reply_of_max_pages_0", init_pages_0, 0, 0, false },
	{ "init_reply_of_max_readahead_most", init_readahead_most, 0, 0,
	  false },
	{ "init_reply_of_a_granularity_above_a_second", init_gran, 0, 0,
	  false },
	{ "init_reply_of_granularity_most", init_gran_most, 0, 0, false },
	{ "init_reply_of_most_in_background", init_background_most, 0, 0,
	  false },
	{ "init_reply_with_what_is_unused_set", init_unused, 0, 0, false },
	{ "init_reply_with_splicing", init_flags, 0, 0, false },
};

static void init(const void *arg)
{
	const struct init *row = arg;
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_INIT, 0, ACT_SPOIL, 0);
	struct stat st;
	struct mnt *m;
	int dev;

	r->spoil = row->spoil;
	m = hostile_begin(s, &dev);
	OK(close(dev));
	if (on_fuse() && row->fuse_differs)
		stat(in_mnt(m, "a"), &st);
	else if (row->result)
		FAILS(row->result, stat(in_mnt(m, "a"), &st));
	else
		OK(stat(in_mnt(m, "a"), &st));
	if (on_fuse() && row->fuse_differs)
		return;
	UNTIL(r->good_errno >= 0);
	EQ(r->bad_errno, row->reply);
	if (!row->result) {
		/* The right one came second. */
		EQ(r->good_errno, ENOENT);
		hostile_end(m, NULL);
		return;
	}
	OK(umount2(m->dir, 0));
	srv_reap(m);
	OK(rmdir(m->dir));
}
TEST_ROWS(init, inits)

static int notify_inval(int dev)
{
	struct fuse_notify_inval_inode_out out = { .ino = ROOT_ID };
	struct fuse_out_header h = {
		.len = sizeof(h) + sizeof(out),
		.error = FUSE_NOTIFY_INVAL_INODE,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { &out, sizeof(out) } };

	return writev(dev, iov, 2) < 0 ? errno : 0;
}

TEST(notification_before_init_is_answered_is_einval)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_INIT, 0, ACT_STALL, 0);
	struct stat st;
	struct mnt *m;
	int dev;

	m = hostile_begin(s, &dev);
	UNTIL(r->hits);
	EQ(notify_inval(dev), EINVAL);
	srv_release(s, r);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(notify_inval(dev), 0);
	OK(close(dev));
	hostile_end(m, NULL);
}

/* --- what is said about it --- */

/* Lines of the kernel's log that have @what in them. */
static int log_lines(const char *what, const char *not)
{
	int size = klogctl(10, NULL, 0), n = 0;
	char *log = calloc(1, size + 1), *line;

	if (klogctl(3, log, size) < 0)
		FAIL("no kernel log: %s", strerror(errno));
	for (line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, what))
			n++;
		if (strstr(line, not))
			FAIL("in the log: %s", line);
	}
	free(log);
	return n;
}

static void mode_none(struct spoilt *sp)
{
	attr_of(sp)->mode = 0;
}

static void list_evil(struct spoilt *sp)
{
	struct fuse_dirent *d = (void *)sp->body;

	memset(sp->body, 0, 64);
	d->namelen = 22;
	d->off = 1;
	memcpy(d->name, "evil\n<0>EVIL\033[2J/evil", 22);
	sp->len = 48;
}

TEST(bad_replies_do_not_flood_the_log)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_SPOIL, 0);
	int before = log_lines("bad reply", "EVIL"), i, dev;
	struct stat st;
	struct mnt *m;

	if (on_fuse())
		return;		/* which says nothing */
	r->spoil = mode_none;
	r->left = -1;
	m = hostile_begin(s, &dev);
	OK(close(dev));
	for (i = 0; i < 500; i++)
		FAILS(EIO, stat(in_mnt(m, "a"), &st));
	EQ(counter(m, "bad_reply"), 500);
	i = log_lines("bad reply", "EVIL") - before;
	if (i > 100)
		FAIL("%d lines in the log for 500 bad replies", i);
	r->left = 0;
	hostile_end(m, NULL);
}

TEST(names_from_the_server_are_not_in_the_log)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_READDIR, 0, ACT_SPOIL, 0);
	struct mnt *m;
	int dev;

	s->want &= ~FUSE_DO_READDIRPLUS;
	r->spoil = list_evil;
	m = hostile_begin(s, &dev);
	OK(close(dev));
	EQ(call_of(FUSE_READDIRPLUS)->call(m), -EIO);
	log_lines("evil", "EVIL");
	hostile_end(m, NULL);
}
