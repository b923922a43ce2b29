// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications about what is in a file.
 *
 * 1. STORE: data are in the cache, the file is longer; not for a file with a map.
 * 2. RETRIEVE: they come back, in a NOTIFY_REPLY.
 * 3. Neither waits for a READ that is not answered.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#define AT	(128 * MIB)

/* --- STORE --- */

TEST(store_is_for_regular_files_without_a_map)
{
	struct srv *s = srv_new();
	struct node *n;
	struct stat st;
	struct mnt *m;
	char buf[16] = "stored";
	int dev, fd;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_plain(s, "b", "x", 1);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "a", O_RDWR));
	EQ(pwrite(fd, "memory", 7, 0), 7);
	FAILS(EOPNOTSUPP, note_store(dev, n->id, 0, buf, 6));
	EQ(pread(fd, buf, 7, 0), 7);
	EQ_STR(buf, "memory");
	OK(stat(in_mnt(m, "b"), &st));
	FAILS(EINVAL, note_store(dev, ROOT_ID, 0, buf, 6));
	FAILS(EINVAL, note_retrieve(dev, 1, ROOT_ID, 0, 6));
	FAILS(EINVAL, note_store(dev, n->id + 1, 1ULL << 63, buf, 6));
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

TEST(store_makes_the_file_longer)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct stat st;
	struct mnt *m;
	char *data = malloc(3 * PAGE);
	int dev;

	m = mnt_new_dev(s, MNT_OPTS, &dev);
	OK(stat(in_mnt(m, "a"), &st));
	pat_fill(data, 1, 0, 3 * PAGE);
	EQ(note_store(dev, n->id, 100, data, 2 * PAGE), 40 + 2 * PAGE);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 2 * PAGE + 100);
	OK(close(dev));
	mnt_end(m);
}

TEST(stored_data_are_read_without_a_read)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", NULL, 2 * PAGE);
	uint8_t *data = malloc(2 * PAGE), *buf = malloc(2 * PAGE);
	struct mnt *m;
	int dev, fd;

	n->open_flags = FOPEN_KEEP_CACHE;
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	fd = OK(open_in(m, "a", O_RDONLY));
	pat_fill(data, 1, 0, 2 * PAGE);
	OK(note_store(dev, n->id, 0, data, 2 * PAGE));
	EQ(read(fd, buf, 2 * PAGE), 2 * PAGE);
	PAT(buf, 1, 0, 2 * PAGE);
	EQ(srv_seen(s, FUSE_READ), 0);
	/* A page of two is dropped, and is the server's again. */
	pat_fill(n->data, 2, 0, 2 * PAGE);
	OK(note_inval_inode(dev, n->id, PAGE, 1));
	EQ(pread(fd, buf, 2 * PAGE, 0), 2 * PAGE);
	PAT(buf, 1, 0, PAGE);
	PAT(buf + PAGE, 2, PAGE, PAGE);
	TRUE(srv_seen(s, FUSE_READ) > 0);
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

/* --- RETRIEVE --- */

/* The server is the test: it reads what it has asked for. */
static const struct fuse_notify_retrieve_in *retrieved(int dev, uint8_t *buf,
						       uint64_t unique)
{
	const struct fuse_in_header *in = (void *)buf;
	ssize_t n = OK(read(dev, buf, SRV_MAX_WRITE + 2 * PAGE));
	const struct fuse_notify_retrieve_in *r = (const void *)(in + 1);

	EQ(in->opcode, FUSE_NOTIFY_REPLY);
	EQ(in->unique, unique);
	EQ(n, sizeof(*in) + sizeof(*r) + r->size);
	return r;
}

static int lookup_and_stay(void *arg)
{
	int fd = open(arg, O_PATH);

	return fd < 0 ? -errno : pause();
}

static void reply_to(int dev, const struct fuse_in_header *in, const void *body,
		     size_t len)
{
	struct fuse_out_header h = {
		.unique = in->unique, .len = sizeof(h) + len,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)body, len } };

	OK(writev(dev, iov, 2));
}

TEST(retrieve_gets_what_was_stored)
{
	uint8_t *buf = malloc(SRV_MAX_WRITE + 2 * PAGE);
	uint8_t *data = malloc(4 * PAGE);
	const struct fuse_in_header *in = (void *)buf;
	struct fuse_init_out init = {
		.major = 7, .minor = 46, .max_write = 2 * PAGE,
		.flags = FUSE_BIG_WRITES,
	};
	struct fuse_entry_out entry = {
		.nodeid = 2, .entry_valid = 3600, .attr_valid = 3600,
		.attr = { .ino = 2, .mode = S_IFREG | 0644, .nlink = 1 },
	};
	struct fuse_out_header late = { .len = sizeof(late), .unique = 4712 };
	const struct fuse_notify_retrieve_in *r;
	char *dir = make_dir(), path[64];
	int dev = open_dev();
	struct task t;

	OK(mount_fd(dev, dir, MNT_OPTS));
	OK(read(dev, buf, SRV_MAX_WRITE));
	reply_to(dev, in, &init, sizeof(init));
	snprintf(path, sizeof(path), "%s/a", dir);
	t = task_start(lookup_and_stay, path);
	do {
		OK(read(dev, buf, SRV_MAX_WRITE));
		if (in->opcode == FUSE_ACCESS)
			reply_to(dev, in, NULL, 0);
	} while (in->opcode != FUSE_LOOKUP);
	reply_to(dev, in, &entry, sizeof(entry));
	pat_fill(data, 1, 0, 4 * PAGE);
	UNTIL(note_store(dev, 2, 0, data, 3 * PAGE) > 0);
	OK(note_retrieve(dev, 4712, 2, 10, PAGE));
	r = retrieved(dev, buf, 4712);
	EQ(r->offset, 10);
	EQ(r->size, PAGE);
	PAT((uint8_t *)(r + 1), 1, 10, PAGE);
	/* Not more than a WRITE has, nor beyond the end. */
	OK(note_retrieve(dev, 2, 2, 0, 3 * PAGE));
	EQ(retrieved(dev, buf, 2)->size, 2 * PAGE);
	OK(note_retrieve(dev, 3, 2, 3 * PAGE - 5, PAGE));
	EQ(retrieved(dev, buf, 3)->size, 5);
	OK(note_retrieve(dev, 4, 2, 3 * PAGE, PAGE));
	EQ(retrieved(dev, buf, 4)->size, 0);
	/* It is not to be answered. */
	FAILS(ENOENT, write(dev, &late, sizeof(late)));
	OK(note_inval_inode(dev, 2, PAGE, PAGE));
	OK(note_retrieve(dev, 5, 2, 0, 2 * PAGE));
	EQ(retrieved(dev, buf, 5)->size, PAGE);
	task_kill(&t);
	OK(umount2(dir, MNT_DETACH));
	OK(close(dev));
	OK(rmdir(dir));
}

/* --- both --- */

static int read_a(void *path)
{
	char buf[PAGE];
	int fd = open(path, O_RDONLY);

	return fd < 0 || read(fd, buf, PAGE) != (ssize_t)PAGE ? -1 : close(fd);
}

TEST(nothing_waits_for_a_read_that_is_not_answered)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", NULL, PAGE);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_STALL, 0);
	char data[PAGE] = "stored";
	struct task t;
	struct mnt *m;
	int dev;

	r->left = -1;
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	t = task_start(read_a, (void *)in_mnt(m, "a"));
	UNTIL(r->hits);
	OK(note_inval_inode(dev, n->id, 0, 0));
	OK(note_store(dev, n->id, 0, data, 100));
	OK(note_retrieve(dev, 1, n->id, 0, PAGE));
	OK(note_store(dev, n->id, 0, data, PAGE));
	srv_release(s, r);
	EQ(task_wait(&t), 0);
	OK(close(dev));
	mnt_end(m);
}
