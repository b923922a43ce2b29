// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications: what the server tells unasked.
 *
 * 1. Of a wrong size, of an unknown code, or about what is not known here they
 *    fail, with the errno of FUSE, and nothing happens.
 * 2. INVAL_INODE: attributes are asked for again. INVAL_ENTRY: the name is looked
 *    up again; expired, it stays where it is. DELETE: the name goes, if it is the
 *    one that is meant and not in use.
 * 3. INC_EPOCH: every name is looked up again, once; also one that was being
 *    looked up. PRUNE: inodes that nobody uses go, with their maps.
 * 4. Neither unmounting nor notifications wait for each other; and after it they
 *    fail. Who waits for a directory can be killed.
 *
 * (STORE and RETRIEVE: see store_test.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#define AT	(128 * MIB)

/* --- 1 --- */

static const struct refused {
	const char *name;
	int code;
	size_t len;	/* of the body, all of @fill */
	int fill;
	int error;
} refused[] = {
	{ "unknown_code", 99, 8, 0, EINVAL },
	{ "code_0", 0, 0, 0, EINVAL },
	{ "negative_code", -5, 0, 0, EINVAL },
	{ "short_poll", FUSE_NOTIFY_POLL, 7, 0, EINVAL },
	{ "long_poll", FUSE_NOTIFY_POLL, 9, 0, EINVAL },
	{ "short_inval_inode", FUSE_NOTIFY_INVAL_INODE, 23, 0, EINVAL },
	{ "long_inval_inode", FUSE_NOTIFY_INVAL_INODE, 25, 0, EINVAL },
	{ "unknown_inval_inode", FUSE_NOTIFY_INVAL_INODE, 24, 0, ENOENT },
	{ "short_inval_entry", FUSE_NOTIFY_INVAL_ENTRY, 15, 0, EINVAL },
	{ "inval_entry_without_nul", FUSE_NOTIFY_INVAL_ENTRY, 16, 0, EINVAL },
	{ "long_inval_entry", FUSE_NOTIFY_INVAL_ENTRY, 18, 0, EINVAL },
	{ "huge_name_inval_entry", FUSE_NOTIFY_INVAL_ENTRY, 17, 255,
	  ENAMETOOLONG },
	{ "unknown_inval_entry", FUSE_NOTIFY_INVAL_ENTRY, 17, 0, ENOENT },
	{ "short_delete", FUSE_NOTIFY_DELETE, 23, 0, EINVAL },
	{ "delete_without_nul", FUSE_NOTIFY_DELETE, 24, 0, EINVAL },
	{ "huge_name_delete", FUSE_NOTIFY_DELETE, 25, 255, ENAMETOOLONG },
	{ "unknown_delete", FUSE_NOTIFY_DELETE, 25, 0, ENOENT },
	{ "short_store", FUSE_NOTIFY_STORE, 23, 0, EINVAL },
	{ "store_with_too_much", FUSE_NOTIFY_STORE, 25, 0, EINVAL },
	{ "store_with_too_little", FUSE_NOTIFY_STORE, 24, 1, EINVAL },
	{ "unknown_store", FUSE_NOTIFY_STORE, 24, 0, ENOENT },
	{ "short_retrieve", FUSE_NOTIFY_RETRIEVE, 31, 0, EINVAL },
	{ "long_retrieve", FUSE_NOTIFY_RETRIEVE, 33, 0, EINVAL },
	{ "unknown_retrieve", FUSE_NOTIFY_RETRIEVE, 32, 0, ENOENT },
	{ "retrieve_from_nowhere", FUSE_NOTIFY_RETRIEVE, 32, 255, EINVAL },
	{ "short_prune", FUSE_NOTIFY_PRUNE, 15, 0, EINVAL },
	{ "prune_with_too_much", FUSE_NOTIFY_PRUNE, 24, 0, EINVAL },
	{ "prune_with_too_little", FUSE_NOTIFY_PRUNE, 16, 255, EINVAL },
};

static void is_refused(const void *arg)
{
	const struct refused *r = arg;
	struct srv *s = srv_new();
	uint8_t body[64];
	struct mnt *m;
	int dev;

	srv_plain(s, "a", "x", 1);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	OK(access(in_mnt(m, "a"), F_OK));
	memset(body, r->fill, sizeof(body));
	FAILS(r->error, note(dev, r->code, body, r->len, NULL, 0));
	OK(access(in_mnt(m, "a"), F_OK));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	OK(close(dev));
	mnt_end(m);
}
TEST_ROWS(is_refused, refused)

TEST(body_that_is_not_there_is_efault)
{
	struct srv *s = srv_new();
	struct fuse_out_header h = {
		.error = FUSE_NOTIFY_INVAL_INODE, .len = sizeof(h) + 24,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)16, 24 } };
	struct mnt *m;
	int dev;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	OK(access(m->dir, F_OK));
	FAILS(EFAULT, writev(dev, iov, 2));
	OK(close(dev));
	mnt_end(m);
}

/* --- 2 --- */

TEST(inval_inode_expires_attributes)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "hello", 5);
	struct stat st;
	struct mnt *m;
	int dev, asked;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	OK(stat(in_mnt(m, "a"), &st));
	asked = srv_seen(s, FUSE_GETATTR);
	n->size = 3;
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 5);
	EQ(note_inval_inode(dev, n->id, -1, 0), 40);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 3);
	EQ(srv_seen(s, FUSE_GETATTR), asked + 1);
	OK(note_inval_inode(dev, ROOT_ID, 0, 0));
	OK(close(dev));
	mnt_end(m);
}

static int do_stat(void *arg)
{
	struct stat st;

	return stat(arg, &st) ? -errno : 0;
}

/* The file "a", of a mount of its own, that is just being looked up. */
struct looked_up {
	struct srv *s;
	struct node *n;
	struct rule *r;
	struct task t;
	struct mnt *m;
	int dev;
};

static struct looked_up looked_up_begin(void)
{
	struct looked_up l = { .s = srv_new() };

	l.n = srv_plain(l.s, "a", "x", 1);
	l.r = srv_on(l.s, FUSE_LOOKUP, ROOT_ID, ACT_STALL, 0);
	l.m = mnt_new_dev(l.s, MNT_OPTS, &l.dev);
	l.t = task_start(do_stat, (void *)in_mnt(l.m, "a"));
	UNTIL(l.r->hits);
	return l;
}

/* The server answers. */
static void looked_up_go_on(struct looked_up *l)
{
	srv_release(l->s, l->r);
	EQ(task_wait(&l->t), 0);
	EQ(srv_seen(l->s, FUSE_LOOKUP), 1);
}

static void looked_up_end(struct looked_up *l)
{
	OK(close(l->dev));
	mnt_end(l->m);
}

TEST(inval_inode_expires_attributes_that_are_on_their_way)
{
	struct looked_up l = looked_up_begin();
	int asked = srv_seen(l.s, FUSE_GETATTR);

	FAILS(ENOENT, note_inval_inode(l.dev, l.n->id, -1, 0));
	looked_up_go_on(&l);
	/* Those that the name came with may have been of before. */
	EQ(srv_seen(l.s, FUSE_GETATTR), asked + 1);
	EQ(do_stat((void *)in_mnt(l.m, "a")), 0);
	EQ(srv_seen(l.s, FUSE_GETATTR), asked + 1);
	EQ(srv_seen(l.s, FUSE_LOOKUP), 1);
	looked_up_end(&l);
}

TEST(inval_entry_looks_up_again)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct stat st;
	struct mnt *m;
	int dev, fd;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	OK(note_inval_entry(dev, ROOT_ID, "a", 0));
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 2);
	/* Only of names that are known. */
	FAILS(ENOENT, note_inval_entry(dev, ROOT_ID, "b", 0));
	FAILS(ENOENT, note_inval_entry(dev, 4711, "a", 0));
	FAILS(ENOTDIR, note_inval_entry(dev, n->id, "a", 0));
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

static bool is_deleted(int fd)
{
	char path[64], text[256];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = OK(readlink(path, text, sizeof(text) - 1));
	text[len] = 0;
	return strstr(text, " (deleted)");
}

TEST(expired_entry_stays)
{
	struct srv *s = srv_new();
	struct stat st;
	struct mnt *m;
	int dev, dir;

	srv_dir(s, ROOT_ID, "d");
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	dir = OK(open_in(m, "d", O_RDONLY));
	OK(note_inval_entry(dev, ROOT_ID, "d", FUSE_EXPIRE_ONLY));
	TRUE(!is_deleted(dir));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	OK(stat(in_mnt(m, "d"), &st));
	EQ(srv_seen(s, FUSE_LOOKUP), 2);
	TRUE(!is_deleted(dir));
	OK(note_inval_entry(dev, ROOT_ID, "d", 0));
	TRUE(is_deleted(dir));
	OK(close(dir));
	OK(close(dev));
	mnt_end(m);
}

TEST(negative_entry_is_forgotten)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int dev;

	s->negative_ms = 3600 * 1000;
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	FAILS(ENOENT, access(in_mnt(m, "a"), F_OK));
	FAILS(ENOENT, access(in_mnt(m, "a"), F_OK));
	EQ(srv_seen(s, FUSE_LOOKUP), 1);
	OK(note_inval_entry(dev, ROOT_ID, "a", 0));
	srv_plain(s, "a", "x", 1);
	OK(access(in_mnt(m, "a"), F_OK));
	OK(close(dev));
	mnt_end(m);
}

TEST(delete_takes_the_name_away)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct node *in = srv_node(s, d->id, "in", S_IFREG | 0644);
	struct stat st;
	struct mnt *m;
	int dev, fd, dir;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "a", O_RDONLY));
	dir = OK(open_in(m, "d", O_RDONLY));
	OK(fstatat(dir, "in", &st, 0));
	FAILS(ENOENT, note_delete(dev, ROOT_ID, n->id + 1, "a"));
	OK(stat(in_mnt(m, "a"), &st));
	n->gone = true;
	OK(note_delete(dev, ROOT_ID, n->id, "a"));
	FAILS(ENOENT, stat(in_mnt(m, "a"), &st));
	OK(fstat(fd, &st));
	TRUE(is_deleted(fd));
	/* It is not empty as far as is known here, unless that is not in use. */
	OK(close(OK(openat(dir, "in", O_RDONLY))));
	OK(stat(in_mnt(m, "d/in"), &st));
	fd = (OK(close(fd)), OK(open_in(m, "d/in", O_RDONLY)));
	FAILS(ENOTEMPTY, note_delete(dev, ROOT_ID, d->id, "d"));
	OK(close(fd));
	(void)in;
	OK(close(dir));
	OK(close(dev));
	mnt_end(m);
}

TEST(mountpoint_is_not_deleted)
{
	struct srv *s = srv_new();
	struct node *d = srv_dir(s, ROOT_ID, "d");
	struct mnt *m;
	int dev;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	OK(mount("none", in_mnt(m, "d"), "tmpfs", 0, NULL));
	/* What is mounted there goes with the name, which is no name any more. */
	note_delete(dev, ROOT_ID, d->id, "d");
	OK(access(m->dir, F_OK));
	umount2(in_mnt(m, "d"), MNT_DETACH);
	OK(close(dev));
	mnt_end(m);
}

/* --- 3 --- */

TEST(new_epoch_looks_up_all_names_once)
{
	struct srv *s = srv_new();
	struct stat st;
	struct mnt *m;
	int dev;

	s->negative_ms = 3600 * 1000;
	srv_plain(s, "a", "x", 1);
	srv_dir(s, ROOT_ID, "d");
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	for (int i = 0; i < 3; i++) {
		int asked = srv_seen(s, FUSE_LOOKUP);

		for (int k = 0; k < 2; k++) {
			OK(stat(in_mnt(m, "a"), &st));
			OK(stat(in_mnt(m, "d"), &st));
			FAILS(ENOENT, stat(in_mnt(m, "none"), &st));
		}
		EQ(srv_seen(s, FUSE_LOOKUP), asked + 3);
		EQ(note_inc_epoch(dev), 16);
	}
	OK(close(dev));
	mnt_end(m);
}

TEST(what_is_being_looked_up_is_of_the_old_epoch)
{
	struct looked_up l = looked_up_begin();

	OK(note_inc_epoch(l.dev));
	looked_up_go_on(&l);
	EQ(do_stat((void *)in_mnt(l.m, "a")), 0);
	EQ(srv_seen(l.s, FUSE_LOOKUP), 2);
	EQ(do_stat((void *)in_mnt(l.m, "a")), 0);
	EQ(srv_seen(l.s, FUSE_LOOKUP), 2);
	looked_up_end(&l);
}

#define MANY	1500

TEST(prune_drops_what_is_not_used)
{
	struct srv *s = srv_new();
	struct node *used, *unused;
	uint64_t nodes[MANY];
	struct mnt *m;
	int dev, fd;

	srv_use_pmem(s);
	used = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	unused = srv_memfile(s, "b", fmap_simple1(0, AT + MIB, MIB, MIB));
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "a", O_RDONLY));
	OK(close(OK(open_in(m, "b", O_RDONLY))));
	EQ(counter(m, "fmaps"), 2);
	for (int i = 0; i < MANY; i++)
		nodes[i] = 1000000 + i;
	nodes[0] = used->id;
	nodes[MANY - 1] = unused->id;
	EQ(note_prune(dev, nodes, MANY), 32 + 8 * MANY);
	UNTIL(unused->forgets == unused->lookups);
	EQ(counter(m, "fmaps"), 1);
	EQ(used->forgets, 0);
	OK(note_prune(dev, NULL, 0));
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

/* --- 4 --- */

#define STORMERS 4

struct storm {
	int dev;
	atomic_bool stop;
	atomic_int rounds, late;
};

static int blow(void *arg)
{
	struct storm *st = arg;
	uint64_t nodes[3] = { 1, 2, 3 };
	char data[100] = "";

	while (!st->stop) {
		note_inval_inode(st->dev, 2, 0, 0);
		note_inval_inode(st->dev, 3, 0, 0);
		note_inval_entry(st->dev, ROOT_ID, "a", 0);
		note_delete(st->dev, ROOT_ID, 3, "b");
		note_store(st->dev, 3, 5, data, sizeof(data));
		note_inc_epoch(st->dev);
		note_prune(st->dev, nodes, 3);
		if (note_inval_inode(st->dev, ROOT_ID, 0, 0) < 0)
			st->late++;
		st->rounds++;
		/* Who has to ask anew each time is to get somewhere, too. */
		usleep(1000);
	}
	return 0;
}

TEST(storm_while_mounted_and_unmounted)
{
	struct storm *st = t_shared(sizeof(*st));

	for (int i = 0; i < 20; i++) {
		struct srv *s = srv_new();
		struct task t[STORMERS];
		struct mnt *m;
		uint8_t *p;
		int fd;

		srv_use_pmem(s);
		srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
		srv_plain(s, "b", "x", 1);
		m = mnt_new_dev(s, MNT_OPTS, &st->dev);
		st->stop = false;
		st->rounds = st->late = 0;
		for (int k = 0; k < STORMERS; k++)
			t[k] = task_start(blow, st);
		fd = OK(open_in(m, "a", O_RDWR));
		p = map_at(MIB, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		for (int k = 0; k < 50; k++) {
			char c;
			int b = open_in(m, "b", O_RDWR);

			EQ(try_write(p + k * PAGE, k), 0);
			if (b < 0)
				continue;
			TRUE(pread(b, &c, 1, 0) >= 0);
			OK(close(b));
		}
		OK(munmap(p, MIB));
		OK(close(fd));
		/* No wait in here for the storm to end. */
		OK(umount2(m->dir, 0));
		srv_reap(m);
		EQ(s->end_errno, ENODEV);
		UNTIL(st->late > STORMERS);
		st->stop = true;
		for (int k = 0; k < STORMERS; k++)
			EQ(task_wait(&t[k]), 0);
		OK(close(st->dev));
		OK(rmdir(m->dir));
	}
}

TEST(before_init_and_after_unmount_they_are_refused)
{
	char *dir = make_dir();
	int dev = open_dev();

	OK(mount_fd(dev, dir, MNT_OPTS));
	FAILS(EINVAL, note_inval_inode(dev, ROOT_ID, 0, 0));
	FAILS(EINVAL, note_inc_epoch(dev));
	OK(umount2(dir, 0));
	FAILS(EINVAL, note_inval_inode(dev, ROOT_ID, 0, 0));
	OK(close(dev));
	OK(rmdir(dir));
}

struct entry_note {
	int dev;
};

static int inval_a(void *arg)
{
	struct entry_note *e = arg;

	return note_inval_entry(e->dev, ROOT_ID, "a", 0) < 0 ? -errno : 0;
}

TEST(waiting_for_a_directory_is_killable)
{
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, FUSE_LOOKUP, ROOT_ID, ACT_STALL, 0);
	struct entry_note e;
	struct task look, tell;
	struct mnt *m;

	m = mnt_new_dev(s, MNT_OPTS, &e.dev);
	look = task_start(do_stat, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	tell = task_start(inval_a, &e);
	UNTIL(task_sleeps(&tell));
	task_kill(&tell);
	srv_release(s, r);
	EQ(task_wait(&look), -ENOENT);
	OK(close(e.dev));
	mnt_end(m);
}
