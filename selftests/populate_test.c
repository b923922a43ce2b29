// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of a mapping that are asked for in advance: mmap(MAP_POPULATE), mlock(2),
 * madvise(MADV_POPULATE_*). The kernel tries these again as long as it is told to.
 *
 * 1. Of a file whose map was taken back, and that has none now: they end, with an
 *    error where there is one, whether the server says so or there is none.
 * 2. That is forgotten afterwards: the next access asks again.
 * 3. If there is another map, they find its memory.
 * 4. So it is with an ordinary file that cannot be read, and with one that can again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

struct file {
	struct srv *s;
	struct node *n;
	struct mnt *m;
	int dev, fd;
	uint8_t *p;
};

/* Mapped, and its map has been taken back. */
static struct file revoked_file(void)
{
	struct file f = { .s = srv_with_pmem() };

	f.n = srv_memfile(f.s, "a", fmap_simple1(0, AT, MIB, MIB));
	f.m = mnt_new_dev(f.s, MNT_OPTS, &f.dev);
	f.fd = OK(open_in(f.m, "a", O_RDWR));
	f.p = map_at(MIB, PAGE, RW, MAP_SHARED, f.fd, 0);
	pat_fill(f.p, 1, 0, MIB);
	OK(note_inval_inode(f.dev, f.n->id, 0, 0));
	return f;
}

static void end_file(struct file *f)
{
	OK(munmap(f->p, MIB));
	OK(close(f->fd));
	mnt_end(f->m);
}

/* mmap(2) does not tell. */
static void all_fail(struct file *f)
{
	OK(munmap(map_at(MIB, PAGE, RW, MAP_SHARED | MAP_POPULATE, f->fd, 0), MIB));
	FAILS(ENOMEM, mlock(f->p, MIB));
	OK(munlock(f->p, MIB));
	FAILS(EFAULT, madvise(f->p, MIB, MADV_POPULATE_READ));
	FAILS(EFAULT, madvise(f->p, MIB, MADV_POPULATE_WRITE));
}

static void all_succeed(struct file *f)
{
	uint8_t *p = map_at(MIB, PAGE, RW, MAP_SHARED | MAP_POPULATE, f->fd, 0);

	PAT(p, 1, 0, MIB);
	OK(munmap(p, MIB));
	OK(mlock(f->p, MIB));
	OK(munlock(f->p, MIB));
	OK(madvise(f->p, MIB, MADV_POPULATE_READ));
	OK(madvise(f->p, MIB, MADV_POPULATE_WRITE));
}

TEST(populating_ends_if_the_server_has_no_map)
{
	struct file f = revoked_file();

	f.n->fmap_error = EIO;
	all_fail(&f);
	f.n->fmap_error = EOPNOTSUPP;
	all_fail(&f);
	OK(close(f.dev));
	end_file(&f);
}

TEST(populating_ends_if_there_is_no_server)
{
	struct file f = revoked_file();

	OK(close(f.dev));
	mnt_kill_server(f.m);
	all_fail(&f);
	end_file(&f);
}

TEST(populating_in_vain_is_forgotten)
{
	struct file f = revoked_file();

	f.n->fmap_error = EIO;
	all_fail(&f);
	f.n->fmap_error = 0;
	PAT(f.p, 1, 0, MIB);
	OK(close(f.dev));
	end_file(&f);
}

TEST(populating_asks_for_another_map)
{
	struct file f = revoked_file();

	all_succeed(&f);
	OK(note_inval_inode(f.dev, f.n->id, 0, 0));
	OK(mlock(f.p, MIB));
	PAT(f.p, 1, 0, MIB);
	OK(close(f.dev));
	end_file(&f);
}

/* --- an ordinary file --- */

static const struct unreadable {
	const char *name;
	bool dead;
	int flags;
} unreadables[] = {
	{ "shared_pages_that_the_server_refuses", false, MAP_SHARED },
	{ "private_pages_that_the_server_refuses", false, MAP_PRIVATE },
	{ "shared_pages_without_a_server", true, MAP_SHARED },
	{ "private_pages_without_a_server", true, MAP_PRIVATE },
};

static void all_fail_to_read(int fd, int flags)
{
	uint8_t *p = map_at(MIB, PAGE, PROT_READ, flags | MAP_POPULATE, fd, 0);

	FAILS(ENOMEM, mlock(p, MIB));
	OK(munlock(p, MIB));
	FAILS(EFAULT, madvise(p, MIB, MADV_POPULATE_READ));
	EQ(try_read(p), BUS_ADRERR);
	OK(munmap(p, MIB));
}

static void all_read(int fd, int flags)
{
	uint8_t *p = map_at(MIB, PAGE, PROT_READ, flags | MAP_POPULATE, fd, 0);

	OK(mlock(p, MIB));
	PAT(p, 5, 0, MIB);
	OK(munmap(p, MIB));
}

static void populate_plain(const void *arg)
{
	const struct unreadable *row = arg;
	struct srv *s = srv_new();
	struct node *n = srv_pattern(s, "plain", 5, MIB);
	struct rule *r = srv_on(s, FUSE_READ, n->id, ACT_ERROR, EIO);
	struct mnt *m = mnt_new(s);
	int fd = OK(open_in(m, "plain", O_RDONLY));

	r->left = -1;
	if (row->dead)
		mnt_kill_server(m);
	all_fail_to_read(fd, row->flags);
	if (!row->dead) {
		r->left = 0;
		all_read(fd, row->flags);
	}
	/* FLUSH has nobody to go to. */
	close(fd);
	mnt_end(m);
}
TEST_ROWS(populate_plain, unreadables)
