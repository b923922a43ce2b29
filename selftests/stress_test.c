// SPDX-License-Identifier: GPL-2.0
/*
 * Much at once. What must hold afterwards:
 *
 * 1. Callers that are killed at any point leave nothing behind: each lookup is
 *    forgotten, each handle released.
 * 2. Inodes that come and go while they are used give back what they have taken,
 *    and nothing else.
 * 3. Two files that claim the same memory never have it both.
 * 4. A file whose map is replaced under its readers shows them the old or the
 *    new memory, and nothing else.
 * 5. Closing waits for nobody, however many files and however slow the server.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define FILES	20
#define USERS	4
#define RW	(PROT_READ | PROT_WRITE)

static struct mnt *mnt_with_many(void)
{
	struct srv *s = srv_new();
	char name[16];

	srv_use_pmem(s);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		srv_memfile(s, name, fmap_simple1(i % 2, AT + i * MIB, MIB,
						  MIB))->entry_ms = 0;
		snprintf(name, sizeof(name), "p%d", i);
		srv_plain(s, name, "content", 7)->attr_ms = 0;
	}
	return mnt_new(s);
}

struct use {
	char dir[64];
	atomic_bool stop;
	atomic_int rounds;
};

static void use_file(struct use *u, const char *name)
{
	char path[384], c;
	struct stat st;
	uint8_t *p;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", u->dir, name);
	if (stat(path, &st))
		return;
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	p = mmap(NULL, MIB, RW, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		p[0]++;
		p[MIB - 1]++;
		munmap(p, MIB);
	}
	if (pread(fd, &c, 1, 0) == 1)
		fsync(fd);
	close(fd);
}

/* Lists the directory and uses what it finds. */
static int use_all(void *arg)
{
	struct use *u = arg;
	struct dirent *e;
	DIR *d;

	while (!u->stop) {
		d = opendir(u->dir);
		while (d && (e = readdir(d)) && !u->stop)
			if (e->d_name[0] != '.')
				use_file(u, e->d_name);
		if (d)
			closedir(d);
		u->rounds++;
	}
	return 0;
}

/* The unmount and the balance after it. */
static void end_and_balance(struct mnt *m)
{
	struct srv *s = m->srv;

	mnt_end(m);
	for (int i = 1; i < s->nnodes; i++)
		if (s->nodes[i].forgets != s->nodes[i].lookups)
			FAIL("%s: %ld lookups, %ld forgotten",
			     s->nodes[i].name, s->nodes[i].lookups,
			     s->nodes[i].forgets);
	EQ(srv_seen(s, FUSE_RELEASE), srv_seen(s, FUSE_OPEN));
	EQ(srv_seen(s, FUSE_RELEASEDIR), srv_seen(s, FUSE_OPENDIR));
	EQ(srv_seen(s, FUSE_DESTROY), 1);
}

TEST(killed_callers_leave_nothing_behind)
{
	struct mnt *m = mnt_with_many();
	struct use *u = t_shared(sizeof(*u));

	strcpy(u->dir, m->dir);
	for (int i = 0; i < 150; i++) {
		int seen = m->srv->nseen;
		struct task t = task_start(use_all, u);
		int status;

		/* At a request that is another one each time. */
		UNTIL(m->srv->nseen > seen + i % 37);
		OK(kill(t.pid, SIGKILL));
		status = task_reap(&t);
		EQ(status, SIGKILL);
	}
	end_and_balance(m);
}

static void start_users(struct mnt *m, struct use **u, struct task *t)
{
	for (int i = 0; i < USERS; i++) {
		u[i] = t_shared(sizeof(*u[i]));
		strcpy(u[i]->dir, m->dir);
		t[i] = task_start(use_all, u[i]);
	}
}

static void stop_users(struct use **u, struct task *t)
{
	for (int i = 0; i < USERS; i++)
		u[i]->stop = true;
	for (int i = 0; i < USERS; i++)
		EQ(task_wait(&t[i]), 0);
}

TEST(inodes_come_and_go_under_load)
{
	struct mnt *m = mnt_with_many();
	struct use *u[USERS];
	struct task t[USERS];

	start_users(m, u, t);
	for (int i = 0; i < 60; i++) {
		int rounds = u[i % USERS]->rounds;

		drop_caches();
		if (i % 10 == 9)
			UNTIL(u[i % USERS]->rounds > rounds);
	}
	stop_users(u, t);
	settle_inodes(m);
	EQ(counter(m, "fmaps"), 0);
	EQ(counter(m, "fmap_refused"), 0);
	EQ(counter(m, "bad_reply"), 0);
	end_and_balance(m);
}

struct rival {
	char path[256];
	atomic_int *owners;
	atomic_bool *stop;
	atomic_int won, lost;
};

/* Whoever has the file open has the memory, and nobody else. */
static int fight(void *arg)
{
	struct rival *r = arg;

	while (!*r->stop) {
		int fd = open(r->path, O_RDWR);

		if (fd < 0) {
			EQ(errno, EEXIST);
			r->lost++;
			continue;
		}
		EQ(++*r->owners, 1);
		r->won++;
		--*r->owners;
		close(fd);
	}
	return 0;
}

TEST(rivals_never_have_the_memory_both)
{
	struct srv *s = srv_new();
	struct rival *r[2];
	atomic_int *owners = t_shared(sizeof(*owners));
	atomic_bool *stop = t_shared(sizeof(*stop));
	struct task t[2];
	struct mnt *m;

	srv_use_pmem(s);
	srv_memfile(s, "r0", fmap_simple1(0, AT, MIB, MIB));
	srv_memfile(s, "r1", fmap_simple1(0, AT + MIB / 2, MIB, MIB));
	m = mnt_new(s);
	for (int i = 0; i < 2; i++) {
		r[i] = t_shared(sizeof(*r[i]));
		snprintf(r[i]->path, sizeof(r[i]->path), "%s/r%d", m->dir, i);
		r[i]->owners = owners;
		r[i]->stop = stop;
		t[i] = task_start(fight, r[i]);
	}
	/* An inode that is dropped lets the other one have it. */
	UNTIL((drop_caches(), r[0]->won && r[1]->won && r[0]->lost &&
	       r[1]->lost));
	*stop = true;
	EQ(task_wait(&t[0]), 0);
	EQ(task_wait(&t[1]), 0);
	EQ(counter(m, "fmap_refused"), r[0]->lost + r[1]->lost);
	mnt_end(m);
}

#define SMALL	(4 * MIB)
#define LARGE	(8 * MIB)

struct looker {
	int fd;
	uint8_t *p;
	atomic_bool stop;
	atomic_int rounds;
};

/* The common part is always right; beyond it there may be nothing. */
static int look_at_pages(void *arg)
{
	struct looker *l = arg;
	uint8_t buf[64];

	while (!l->stop) {
		for (uint64_t off = 0; off < LARGE; off += 64 * KIB) {
			int code = try_read(l->p + off);

			if (!code && off < SMALL)
				PAT(l->p + off, 3, off, 64);
			if (code && off < SMALL)
				FAIL("SIGBUS at %#lx", (long)off);
			if (off < SMALL) {
				EQ(pread(l->fd, buf, 64, off), 64);
				PAT(buf, 3, off, 64);
			}
		}
		l->rounds++;
	}
	return 0;
}

TEST(map_is_replaced_under_its_readers)
{
	struct msg one = fmap_simple1(0, AT, LARGE, SMALL);
	struct msg other = fmap_simple1(1, AT + PAGE, LARGE, LARGE);
	struct srv *s = srv_new();
	struct looker *l = t_shared(sizeof(*l));
	struct node *n;
	struct task t[3];
	struct mnt *m;
	struct stat st;

	raw_fill(pmem(0)->node, AT, 3, 0, LARGE);
	raw_fill(pmem(1)->node, AT + PAGE, 3, 0, LARGE);
	srv_use_pmem(s);
	n = srv_memfile(s, "a", other);
	n->fmap_other = n->fmap;
	srv_set_fmap(s, n, one);
	n->size = SMALL;
	n->may_truncate = true;
	m = mnt_new(s);
	l->fd = OK(open_in(m, "a", O_RDWR));
	l->p = map_huge(LARGE, PROT_READ, l->fd, 0);
	for (int i = 0; i < 3; i++)
		t[i] = task_start(look_at_pages, l);
	for (int i = 0; i < 40; i++) {
		int rounds = l->rounds;

		OK(ftruncate(l->fd, i % 2 ? SMALL : LARGE));
		OK(fstat(l->fd, &st));
		EQ(st.st_size, i % 2 ? SMALL : LARGE);
		UNTIL(l->rounds > rounds);
	}
	l->stop = true;
	for (int i = 0; i < 3; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(srv_seen(s, FUSE_GET_FMAP), 41);
	EQ(counter(m, "fmaps"), 1);
	OK(munmap(l->p, LARGE));
	OK(close(l->fd));
	mnt_end(m);
}

TEST(closing_waits_for_no_server)
{
	struct mnt *m = mnt_with_many();
	struct rule *r = srv_on(m->srv, FUSE_RELEASE, 0, ACT_STALL, 0);
	int fd[2 * FILES];
	char name[16];

	r->left = -1;
	for (int i = 0; i < 2 * FILES; i++) {
		snprintf(name, sizeof(name), "%c%d", i % 2 ? 'm' : 'p', i / 2);
		fd[i] = OK(open_in(m, name, O_RDONLY));
	}
	for (int i = 0; i < 2 * FILES; i++)
		OK(close(fd[i]));
	/* No more of them are out than the limit says. */
	UNTIL(r->hits == sysfs_read(m, "max_background"));
	EQ(sysfs_read(m, "waiting"), 2 * FILES);
	EQ(r->hits, sysfs_read(m, "max_background"));
	srv_release(m->srv, r);
	UNTIL(srv_seen(m->srv, FUSE_RELEASE) == 2 * FILES);
	UNTIL(sysfs_read(m, "waiting") == 0);
	end_and_balance(m);
}
