// SPDX-License-Identifier: GPL-2.0
/*
 * What outlives what: server, mount, mapping, module.
 *
 * 1. A file that is open with an fmap goes on working without its server:
 *    faults, loads, stores, read, write, sync, close. What needs the server is
 *    ENOTCONN.
 * 2. A mount in use is EBUSY; a lazy unmount takes it away when the last user
 *    goes; a forced one ends what waits for the server. All of it under load.
 * 3. The data are there for the next mount.
 * 4. The module cannot be removed while there is a mount, and can be after it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define LEN	(16 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

static struct mnt *mnt_with_files(void)
{
	struct srv *s = srv_new();

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, AT, LEN, LEN));
	srv_memfile(s, "b", fmap_simple1(0, AT + LEN, LEN, LEN));
	srv_plain(s, "plain", "content", 7);
	return mnt_new(s);
}

struct reader {
	uint8_t *p;
	atomic_bool stop;
	atomic_int rounds;
};

/* Faults the whole file in, again and again. */
static int read_in_a_loop(void *arg)
{
	struct reader *r = arg;

	while (!r->stop) {
		OK(madvise(r->p, LEN, MADV_DONTNEED));
		PAT(r->p, 1, 0, LEN);
		r->rounds++;
	}
	return 0;
}

TEST(reader_of_a_mapping_outlives_its_server)
{
	struct mnt *m = mnt_with_files();
	struct reader *r = t_shared(sizeof(*r));
	int fd = OK(open_in(m, "a", O_RDWR)), rounds;
	struct task t;

	r->p = map_huge(LEN, RW, fd, 0);
	pat_fill(r->p, 1, 0, LEN);
	t = task_start(read_in_a_loop, r);
	UNTIL(r->rounds > 0);
	mnt_kill_server(m);
	rounds = r->rounds;
	UNTIL(r->rounds > rounds + 2);
	r->stop = true;
	EQ(task_wait(&t), 0);
	OK(munmap(r->p, LEN));
	OK(close(fd));
	mnt_end(m);
}

TEST(open_file_outlives_its_server)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *buf = malloc(LEN), *p;
	char x[8];

	mnt_kill_server(m);
	/* Mapped, faulted and written for the first time only now. */
	p = map_huge(LEN, RW, fd, 0);
	pat_fill(p, 2, 0, LEN);
	EQ(pread(fd, buf, LEN, 0), LEN);
	PAT(buf, 2, 0, LEN);
	pat_fill(buf, 3, 0, MIB);
	EQ(pwrite(fd, buf, MIB, 0), MIB);
	PAT(p, 3, 0, MIB);
	OK(msync(p, LEN, MS_SYNC));
	OK(fsync(fd));
	RAW(pmem(0)->node, AT, 3, 0, MIB);
	OK(munmap(p, LEN));
	FAILS(ENOTCONN, ftruncate(fd, 0));
	FAILS(ENOTCONN, fgetxattr(fd, "user.x", x, sizeof(x)));
	OK(close(fd));
	mnt_end(m);
}

TEST(without_a_server_all_else_is_enotconn)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "plain", O_RDWR));
	struct statx stx;
	char x[8];

	OK(close(OK(open_in(m, "a", O_RDONLY))));
	mnt_kill_server(m);
	FAILS(ENOTCONN, open_in(m, "a", O_RDONLY));
	FAILS(ENOTCONN, open_in(m, "b", O_RDONLY));
	FAILS(ENOTCONN, open_in(m, "new", O_RDONLY));
	FAILS(ENOTCONN, pread(fd, x, 1, 0));
	FAILS(ENOTCONN, pwrite(fd, x, 1, 0));
	FAILS(ENOTCONN, fsync(fd));
	FAILS(ENOTCONN, open_in(m, "", O_RDONLY | O_DIRECTORY));
	FAILS(ENOTCONN, statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
			      STATX_BASIC_STATS, &stx));
	close(fd);
	mnt_end(m);
}

TEST(data_written_before_the_kill_are_there_after_it)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	pat_fill(p, 5, 0, LEN);
	mnt_kill_server(m);
	OK(munmap(p, LEN));
	OK(close(fd));
	mnt_end(m);

	m = mnt_with_files();
	fd = OK(open_in(m, "a", O_RDONLY));
	p = map_huge(LEN, PROT_READ, fd, 0);
	PAT(p, 5, 0, LEN);
	OK(munmap(p, LEN));
	OK(close(fd));
	mnt_end(m);
}

/* --- unmounting --- */

TEST(mount_in_use_is_ebusy)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	FAILS(EBUSY, umount2(m->dir, 0));
	OK(close(fd));
	/* The mapping alone. */
	FAILS(EBUSY, umount2(m->dir, 0));
	pat_fill(p, 6, 0, LEN);
	OK(munmap(p, LEN));
	mnt_end(m);
}

static bool in_sysfs(const struct mnt *m)
{
	char path[64];

	snprintf(path, sizeof(path), SYSFS "/%u", m->minor);
	return !access(path, F_OK);
}

TEST(lazy_unmount_leaves_a_mapping_in_peace)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	OK(umount2(m->dir, MNT_DETACH));
	FAILS(ENOENT, open_in(m, "a", O_RDONLY));
	pat_fill(p, 7, 0, LEN);
	RAW(pmem(0)->node, AT, 7, 0, LEN);
	TRUE(in_sysfs(m));
	EQ(srv_seen(m->srv, FUSE_DESTROY), 0);
	OK(close(fd));
	OK(madvise(p, LEN, MADV_DONTNEED));
	PAT(p, 7, 0, LEN);
	TRUE(in_sysfs(m));
	OK(munmap(p, LEN));
	srv_reap(m);
	EQ(m->srv->end_errno, ENODEV);
	EQ(srv_seen(m->srv, FUSE_DESTROY), 1);
	UNTIL(!in_sysfs(m));
	OK(rmdir(m->dir));
}

static int call_getxattr(void *path)
{
	char buf[16];

	return getxattr(path, "user.x", buf, sizeof(buf)) < 0 ? errno : 0;
}

TEST(forced_unmount_ends_what_waits_for_the_server)
{
	struct mnt *m = mnt_with_files();
	struct rule *r = srv_on(m->srv, FUSE_GETXATTR, 0, ACT_STALL, 0);
	int fd = OK(open_in(m, "a", O_RDWR));
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	struct task t = task_start(call_getxattr, (char *)in_mnt(m, "plain"));

	UNTIL(r->hits == 1);
	FAILS(EBUSY, umount2(m->dir, MNT_FORCE));
	EQ(task_wait(&t), ENOTCONN);
	/* What is open with an fmap goes on. */
	pat_fill(p, 8, 0, LEN);
	RAW(pmem(0)->node, AT, 8, 0, LEN);
	OK(munmap(p, LEN));
	OK(close(fd));
	OK(umount2(m->dir, MNT_FORCE));
	srv_reap(m);
	OK(rmdir(m->dir));
}

/* --- under load --- */

struct load {
	char path[256];
	atomic_bool stop;
	atomic_int rounds;
};

/* Opens, maps, stores, reads, lists, until told or until nothing works. */
static int use_all(void *arg)
{
	struct load *l = arg;
	uint8_t *buf = malloc(MIB);

	while (!l->stop) {
		int fd = open(l->path, O_RDWR);
		struct stat st;
		uint8_t *p;

		l->rounds++;
		if (fd < 0)
			continue;
		stat(l->path, &st);
		p = mmap(NULL, LEN, RW, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			for (size_t i = 0; i < LEN; i += 256 * KIB)
				p[i]++;
			munmap(p, LEN);
		}
		if (pread(fd, buf, MIB, 0) == MIB)
			pwrite(fd, buf, MIB, MIB);
		fsync(fd);
		close(fd);
	}
	return 0;
}

#define USERS	4

static void start_load(struct mnt *m, struct load **l, struct task *t)
{
	for (int i = 0; i < USERS; i++) {
		l[i] = t_shared(sizeof(*l[i]));
		snprintf(l[i]->path, sizeof(l[i]->path), "%s/%s", m->dir,
			 i % 2 ? "a" : "b");
		t[i] = task_start(use_all, l[i]);
	}
	for (int i = 0; i < USERS; i++)
		UNTIL(l[i]->rounds > 2);
}

static void stop_load(struct load **l, struct task *t)
{
	for (int i = 0; i < USERS; i++) {
		int rounds = l[i]->rounds;

		/* None of them is stuck. */
		UNTIL(l[i]->rounds > rounds + 1);
		l[i]->stop = true;
	}
	for (int i = 0; i < USERS; i++)
		EQ(task_wait(&t[i]), 0);
}

TEST(server_is_killed_under_load)
{
	for (int round = 0; round < 5; round++) {
		struct mnt *m = mnt_with_files();
		struct load *l[USERS];
		struct task t[USERS];

		start_load(m, l, t);
		mnt_kill_server(m);
		stop_load(l, t);
		mnt_end(m);
	}
}

TEST(lazy_unmount_under_load)
{
	for (int round = 0; round < 5; round++) {
		struct mnt *m = mnt_with_files();
		struct load *l[USERS];
		struct task t[USERS];

		start_load(m, l, t);
		OK(umount2(m->dir, MNT_DETACH));
		stop_load(l, t);
		srv_reap(m);
		EQ(m->srv->end_errno, ENODEV);
		OK(rmdir(m->dir));
	}
}

TEST(forced_unmount_under_load)
{
	for (int round = 0; round < 5; round++) {
		struct mnt *m = mnt_with_files();
		struct load *l[USERS];
		struct task t[USERS];

		start_load(m, l, t);
		if (umount2(m->dir, MNT_FORCE))
			EQ(errno, EBUSY);
		stop_load(l, t);
		if (umount2(m->dir, 0))
			EQ(errno, EINVAL);	/* it was unmounted above */
		srv_reap(m);
		OK(rmdir(m->dir));
	}
}

static int read_sysfs(void *arg)
{
	struct load *l = arg;
	char text[4096];

	while (!l->stop) {
		l->rounds++;
		read_text(l->path, text, sizeof(text));
	}
	return 0;
}

TEST(mounts_come_and_go_while_sysfs_is_read)
{
	struct load *l = t_shared(sizeof(*l));
	struct task t;

	for (int round = 0; round < 50; round++) {
		struct mnt *m = mnt_with_files();

		snprintf(l->path, sizeof(l->path), SYSFS "/%u/devices",
			 m->minor);
		if (!round)
			t = task_start(read_sysfs, l);
		OK(close(OK(open_in(m, "a", O_RDONLY))));
		mnt_end(m);
	}
	UNTIL(l->rounds > 50);
	l->stop = true;
	EQ(task_wait(&t), 0);
}

/* --- the module --- */

TEST(module_cannot_be_removed_while_there_is_a_mount)
{
	struct mnt *m = mnt_with_files();
	int fd = OK(open_in(m, "a", O_RDWR)), dev;
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	TRUE(system("rmmod fmapfs 2>/dev/null"));
	OK(close(fd));
	OK(umount2(m->dir, MNT_DETACH));
	TRUE(system("rmmod fmapfs 2>/dev/null"));
	pat_fill(p, 9, 0, LEN);
	RAW(pmem(0)->node, AT, 9, 0, LEN);
	OK(munmap(p, LEN));
	srv_reap(m);
	OK(rmdir(m->dir));
	/* An open device is enough, too. */
	dev = open_dev();
	TRUE(system("rmmod fmapfs 2>/dev/null"));
	OK(close(dev));
	UNTIL(!system("rmmod fmapfs 2>/dev/null"));
	EQ(access(FMAPFS_NODE, F_OK), -1);
	EQ(access(SYSFS, F_OK), -1);
	EQ(system("modprobe fmapfs"), 0);
	UNTIL(!access(FMAPFS_NODE, F_OK));
	mnt_end(mnt_with_files());
}
