// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes: asking for them, changing them, and what changing them does.
 *
 * 1. SETATTR says what was asked for and no more: mode, owner, times (now, or
 *    given), size; what comes back is known without another request.
 * 2. Set-id bits are taken away as agreed: by us, who ask for the mode first, by
 *    the server unasked, or by the server when told to.
 * 3. O_TRUNC is a SETATTR after the OPEN, or goes with it, as agreed.
 * 4. The time of birth comes by STATX; a server without it is asked once, whatever
 *    its minor.
 * 5. Of a change only what it can have changed is asked for anew.
 * 6. Modes are checked if that was asked for, or comes with ACLs; sticky bits are
 *    shown but are not ours to enforce otherwise.
 * 7. A file that has turned into something else is EIO from then on.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

static const void *body(struct srv *s, uint32_t opcode)
{
	return s->last_body[opcode];
}

static const struct fuse_setattr_in *setattr(struct srv *s)
{
	return body(s, FUSE_SETATTR);
}

/* Runs @fn as a user without rights. Return: what it returns. */
static int as_nobody(int (*fn)(void *arg), void *arg)
{
	int status, pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(99);
		_exit(fn(arg));
	}
	OK(waitpid(pid, &status, 0));
	TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(modes_and_owners_are_changed)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(chmod(in_mnt(m, "a"), 0640));
	EQ(setattr(s)->valid, FATTR_MODE);
	EQ(setattr(s)->mode, S_IFREG | 0640);
	OK(chown(in_mnt(m, "a"), 12, 34));
	EQ(setattr(s)->valid, FATTR_UID | FATTR_GID);
	EQ(setattr(s)->uid, 12);
	EQ(setattr(s)->gid, 34);
	OK(chown(in_mnt(m, "a"), -1, 35));
	EQ(setattr(s)->valid, FATTR_GID);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_mode, S_IFREG | 0640);
	EQ(st.st_uid, 12);
	EQ(st.st_gid, 35);
	/* Each chown has asked whether there are set-id bits to take away. */
	EQ(srv_seen(s, FUSE_GETATTR), 2);
	mnt_end(m);
}

TEST(times_are_now_or_given)
{
	struct srv *s = srv_new();
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct timespec given[2] = { { 5, 6 }, { 7, 8 } };
	struct timespec one[2] = { { 0, UTIME_OMIT }, { 9, 10 } };
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(utimensat(AT_FDCWD, in_mnt(m, "a"), now, 0));
	EQ(setattr(s)->valid, FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW |
			      FATTR_MTIME_NOW);
	OK(utimensat(AT_FDCWD, in_mnt(m, "a"), given, 0));
	EQ(setattr(s)->valid, FATTR_ATIME | FATTR_MTIME);
	EQ(setattr(s)->atime, 5);
	EQ(setattr(s)->atimensec, 6);
	EQ(setattr(s)->mtime, 7);
	EQ(setattr(s)->mtimensec, 8);
	OK(utimensat(AT_FDCWD, in_mnt(m, "a"), one, 0));
	EQ(setattr(s)->valid, FATTR_MTIME);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_atime, 5);
	EQ(st.st_mtime, 9);
	mnt_end(m);
}

TEST(sizes_are_changed_by_name_and_by_handle)
{
	struct srv *s = srv_new();
	struct mnt *m;
	uint64_t owner;
	int fd;

	srv_plain(s, "a", "0123456789", 10);
	m = mnt_new(s);
	OK(truncate(in_mnt(m, "a"), 4));
	EQ(setattr(s)->valid, FATTR_SIZE | FATTR_LOCKOWNER);
	EQ(setattr(s)->size, 4);
	owner = setattr(s)->lock_owner;
	TRUE(owner);
	fd = OK(open_in(m, "a", O_RDWR));
	OK(ftruncate(fd, 8));
	EQ(setattr(s)->valid, FATTR_SIZE | FATTR_LOCKOWNER | FATTR_FH);
	EQ(setattr(s)->fh, srv_last(s, FUSE_OPEN)->unique);
	EQ(setattr(s)->lock_owner, owner);
	OK(close(fd));
	fd = OK(open_in(m, "a", O_RDWR | O_TRUNC));
	EQ(((const struct fuse_open_in *)body(s, FUSE_OPEN))->flags & O_TRUNC,
	   0);
	EQ(setattr(s)->valid, FATTR_SIZE | FATTR_LOCKOWNER);
	EQ(setattr(s)->size, 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(o_trunc_goes_with_the_open_if_agreed)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "0123456789", 10);
	struct mnt *m;
	struct stat st;
	char c;
	int fd;

	s->want |= FUSE_ATOMIC_O_TRUNC;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 10);
	fd = OK(open_in(m, "a", O_RDWR | O_TRUNC));
	TRUE(((const struct fuse_open_in *)body(s, FUSE_OPEN))->flags &
	     O_TRUNC);
	EQ(srv_seen(s, FUSE_SETATTR), 0);
	EQ(n->size, 0);
	EQ(read(fd, &c, 1), 0);
	OK(fstat(fd, &st));
	EQ(st.st_size, 0);
	OK(close(fd));
	mnt_end(m);
}

TEST(o_trunc_with_the_open_gives_a_file_another_map)
{
	struct srv *s = srv_new();
	struct node *n = srv_memfile(s, "a", fmap_simple1(0, 0, MIB, MIB));
	struct mnt *m;
	struct stat st;
	int fd, other;

	s->want |= FUSE_ATOMIC_O_TRUNC;
	srv_use_pmem(s);
	n->may_truncate = true;
	n->fmap_other = n->fmap;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	EQ(srv_seen(s, FUSE_GET_FMAP), 1);
	other = OK(open_in(m, "a", O_RDWR | O_TRUNC));
	EQ(srv_seen(s, FUSE_SETATTR), 0);
	EQ(srv_seen(s, FUSE_GET_FMAP), 2);
	OK(fstat(fd, &st));
	EQ(st.st_size, 0);
	OK(close(fd));
	OK(close(other));
	mnt_end(m);
}

/* --- set-id bits --- */

static int chown_group(void *arg)
{
	return chown(arg, -1, 65534) ? errno : 0;
}

static struct node *setid_file(struct srv *s)
{
	struct node *n = srv_plain(s, "a", "0123456789", 10);

	n->mode = S_IFREG | 06777;
	n->uid = n->gid = 65534;
	return n;
}

TEST(set_id_bits_are_taken_away_by_us)
{
	struct srv *s = srv_new();
	struct node *n = setid_file(s);
	struct mnt *m = mnt_new(s);

	OK(chmod(in_mnt(m, "a"), 06777));
	/* Meanwhile, behind our back. */
	n->mode = S_IFREG | 06770;
	EQ(as_nobody(chown_group, (char *)in_mnt(m, "a")), 0);
	EQ(srv_seen(s, FUSE_GETATTR), 1);
	EQ(setattr(s)->valid, FATTR_GID | FATTR_MODE);
	EQ(setattr(s)->mode, S_IFREG | 0770);
	mnt_end(m);
}

TEST(set_id_bits_are_taken_away_by_the_server_unasked)
{
	struct srv *s = srv_new();
	struct mnt *m;

	setid_file(s);
	s->want |= FUSE_HANDLE_KILLPRIV;
	m = mnt_new(s);
	EQ(as_nobody(chown_group, (char *)in_mnt(m, "a")), 0);
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	EQ(setattr(s)->valid, FATTR_GID);
	mnt_end(m);
}

static int truncate_it(void *arg)
{
	return truncate(arg, 5) ? errno : 0;
}

static int open_trunc(void *arg)
{
	int fd = open(arg, O_RDWR | O_TRUNC);

	return fd < 0 || close(fd) ? errno : 0;
}

TEST(set_id_bits_are_taken_away_by_the_server_when_told)
{
	struct srv *s = srv_new();
	const struct fuse_open_in *opened = body(s, FUSE_OPEN);
	char *path;
	struct mnt *m;

	setid_file(s);
	s->want |= FUSE_HANDLE_KILLPRIV_V2 | FUSE_ATOMIC_O_TRUNC;
	m = mnt_new(s);
	path = strdup(in_mnt(m, "a"));
	EQ(as_nobody(chown_group, path), 0);
	EQ(setattr(s)->valid, FATTR_GID | FATTR_KILL_SUIDGID);
	EQ(as_nobody(truncate_it, path), 0);
	EQ(setattr(s)->valid, FATTR_SIZE | FATTR_LOCKOWNER |
			      FATTR_KILL_SUIDGID);
	EQ(as_nobody(open_trunc, path), 0);
	EQ(opened->open_flags, FUSE_OPEN_KILL_SUIDGID);
	/* Who has CAP_FSETID need not have it done. */
	EQ(truncate_it(path), 0);
	EQ(setattr(s)->valid, FATTR_SIZE | FATTR_LOCKOWNER);
	EQ(open_trunc(path), 0);
	EQ(opened->open_flags, 0);
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	mnt_end(m);
}

/* --- STATX --- */

static struct statx stx;

static void get_statx(struct mnt *m, uint32_t mask, int flags)
{
	memset(&stx, 0, sizeof(stx));
	OK(statx(AT_FDCWD, in_mnt(m, "a"), flags, mask, &stx));
}

TEST(time_of_birth_comes_by_statx)
{
	struct srv *s = srv_new();
	const struct fuse_statx_in *in = body(s, FUSE_STATX);
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;

	n->btime.tv_sec = 77;
	n->btime.tv_nsec = 88;
	n->sx_mask = STATX_BASIC_STATS | STATX_BTIME;
	m = mnt_new(s);
	get_statx(m, STATX_BASIC_STATS, 0);
	EQ(srv_seen(s, FUSE_STATX), 0);
	get_statx(m, STATX_BASIC_STATS | STATX_BTIME, 0);
	EQ(srv_seen(s, FUSE_STATX), 1);
	EQ(in->sx_mask, STATX_BASIC_STATS | STATX_BTIME);
	TRUE(stx.stx_mask & STATX_BTIME);
	EQ(stx.stx_btime.tv_sec, 77);
	EQ(stx.stx_btime.tv_nsec, 88);
	EQ(stx.stx_size, 1);
	/* It is known from here on. */
	get_statx(m, STATX_BASIC_STATS | STATX_BTIME, 0);
	EQ(srv_seen(s, FUSE_STATX), 1);
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	EQ(stx.stx_btime.tv_sec, 77);
	get_statx(m, STATX_BTIME, AT_STATX_FORCE_SYNC);
	EQ(srv_seen(s, FUSE_STATX), 2);
	mnt_end(m);
}

TEST(server_may_leave_things_out_of_statx)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;

	n->sx_mask = STATX_TYPE | STATX_MODE | STATX_BTIME;
	n->btime.tv_sec = 77;
	m = mnt_new(s);
	get_statx(m, STATX_BASIC_STATS | STATX_BTIME, 0);
	EQ(stx.stx_mask & (STATX_BASIC_STATS | STATX_BTIME),
	   STATX_TYPE | STATX_MODE | STATX_BTIME);
	EQ(stx.stx_btime.tv_sec, 77);
	/* That is not remembered. */
	get_statx(m, STATX_BASIC_STATS, 0);
	EQ(stx.stx_size, 1);
	mnt_end(m);
}

TEST(server_without_statx_is_asked_once)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	srv_on(s, FUSE_STATX, 0, ACT_ERROR, ENOSYS);
	/* Its minor is one of before STATX: it is asked nevertheless. */
	s->minor = 31;
	m = mnt_new(s);
	get_statx(m, STATX_BASIC_STATS | STATX_BTIME, 0);
	get_statx(m, STATX_BASIC_STATS | STATX_BTIME, AT_STATX_FORCE_SYNC);
	EQ(srv_seen(s, FUSE_STATX), 1);
	EQ(srv_seen(s, FUSE_GETATTR), 1);
	EQ(stx.stx_mask & STATX_BTIME, 0);
	EQ(stx.stx_size, 1);
	mnt_end(m);
}

/* --- what is asked for anew --- */

TEST(link_count_and_ctime_are_asked_for_when_a_name_goes)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m;
	struct stat st;

	n->nlink = 2;
	m = mnt_new(s);
	OK(link(in_mnt(m, "a"), in_mnt(m, "b")));
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	OK(unlink(in_mnt(m, "b")));
	/* What has not to do with it is not asked for. */
	get_statx(m, STATX_SIZE, 0);
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	get_statx(m, STATX_CTIME, 0);
	EQ(srv_seen(s, FUSE_GETATTR), 1);
	mnt_end(m);
}

TEST(failed_change_asks_for_nothing)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct stat st;

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	srv_on(s, FUSE_SETATTR, 0, ACT_ERROR, EPERM);
	FAILS(EPERM, chmod(in_mnt(m, "a"), 0600));
	OK(stat(in_mnt(m, "a"), &st));
	EQ(srv_seen(s, FUSE_GETATTR), 0);
	mnt_end(m);
}

TEST(block_size_is_a_power_of_two)
{
	static const uint32_t sizes[][2] = {
		{ 3, 2 }, { 511, 256 }, { 4096, 4096 }, { ~0U, 1U << 31 },
	};
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct fuse_attr_out *out = srv_alloc(s, sizeof(*out));
	struct rule *r = srv_on(s, FUSE_GETATTR, n->id, ACT_BODY, 0);
	struct mnt *m = mnt_new(s);
	size_t i;

	r->left = -1;
	r->bad.body = (void *)out;
	r->bad.body_len = sizeof(*out);
	out->attr.mode = S_IFREG | 0644;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		out->attr.blksize = sizes[i][0];
		get_statx(m, STATX_BASIC_STATS, AT_STATX_FORCE_SYNC);
		EQ(stx.stx_blksize, sizes[i][1]);
	}
	mnt_end(m);
}

/* --- permissions --- */

static int unlink_it(void *arg)
{
	return unlink(arg) ? errno : 0;
}

static void sticky_directory(const char *opts, int want)
{
	struct srv *s = srv_new();
	struct node *d = srv_dir(s, ROOT_ID, "d"), *n;
	struct mnt *m;
	struct stat st;

	d->mode = S_IFDIR | 01777;
	n = srv_plain(s, "f", "x", 1);
	n->parent = d->id;
	m = mnt_new_opts(s, opts);
	OK(stat(in_mnt(m, "d"), &st));
	EQ(st.st_mode, S_IFDIR | 01777);
	EQ(as_nobody(unlink_it, (char *)in_mnt(m, "d/f")), want);
	mnt_end(m);
}

TEST(sticky_bit_is_the_servers_to_enforce)
{
	sticky_directory("allow_other", 0);
}

TEST(sticky_bit_is_enforced_with_default_permissions)
{
	sticky_directory("allow_other,default_permissions", EPERM);
}

static int read_it(void *arg)
{
	int fd = open(arg, O_RDONLY);

	return fd < 0 || close(fd) ? errno : 0;
}

TEST(acls_imply_that_modes_are_checked)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1)->mode = S_IFREG | 0600;
	s->want |= FUSE_POSIX_ACL;
	m = mnt_new(s);
	EQ(as_nobody(read_it, (char *)in_mnt(m, "a")), EACCES);
	mnt_end(m);
}

TEST(modes_are_not_checked_otherwise)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1)->mode = S_IFREG | 0600;
	m = mnt_new(s);
	EQ(as_nobody(read_it, (char *)in_mnt(m, "a")), 0);
	mnt_end(m);
}

/* --- what has turned into something else --- */

TEST(file_that_has_become_a_directory_is_eio_for_good)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	struct mnt *m = mnt_new(s);
	struct stat st;
	int fd = OK(open_in(m, "a", O_RDONLY));

	n->attr_ms = 0;
	n->mode = S_IFDIR | 0755;
	get_statx(m, 0, 0);
	FAILS(EIO, statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
			 STATX_BASIC_STATS, &stx));
	n->mode = S_IFREG | 0644;
	FAILS(EIO, fstat(fd, &st));
	FAILS(EIO, close(fd));
	/* Under its name there is the new one. */
	OK(stat(in_mnt(m, "a"), &st));
	mnt_end(m);
}
