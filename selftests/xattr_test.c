// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes and ACLs.
 *
 * 1. They are set, replaced and removed as the caller says; a server that lacks
 *    an opcode is asked once.
 * 2. What the longer form of SETXATTR says is sent to who has agreed to it.
 * 3. ACLs pass through; if the server has agreed to them they are kept, and
 *    decide about permissions.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"

#define ACL_NAME	"system.posix_acl_access"

TEST(xattrs_are_set_replaced_and_removed)
{
	struct srv *s = srv_new();
	struct mnt *m;
	char buf[16];

	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(setxattr(in_mnt(m, "a"), "user.n", "value", 5, 0));
	EQ(getxattr(in_mnt(m, "a"), "user.n", buf, sizeof(buf)), 5);
	TRUE(!memcmp(buf, "value", 5));
	FAILS(EEXIST, setxattr(in_mnt(m, "a"), "user.n", "v", 1,
			       XATTR_CREATE));
	OK(setxattr(in_mnt(m, "a"), "user.n", "v", 1, XATTR_REPLACE));
	EQ(getxattr(in_mnt(m, "a"), "user.n", buf, sizeof(buf)), 1);
	OK(removexattr(in_mnt(m, "a"), "user.n"));
	FAILS(ENODATA, getxattr(in_mnt(m, "a"), "user.n", buf, sizeof(buf)));
	FAILS(ENODATA, removexattr(in_mnt(m, "a"), "user.n"));
	FAILS(ENODATA, setxattr(in_mnt(m, "a"), "user.n", "v", 1,
				XATTR_REPLACE));
	mnt_end(m);
}

TEST(longer_setxattr_is_for_who_has_agreed)
{
	struct srv *s = srv_new();
	struct mnt *m;
	char buf[16];

	s->want |= FUSE_SETXATTR_EXT;
	srv_plain(s, "a", "x", 1);
	m = mnt_new(s);
	OK(setxattr(in_mnt(m, "a"), "user.n", "value", 5, 0));
	EQ(getxattr(in_mnt(m, "a"), "user.n", buf, sizeof(buf)), 5);
	mnt_end(m);
}

TEST(server_without_setxattr_is_asked_once)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_plain(s, "a", "x", 1);
	srv_on(s, FUSE_SETXATTR, 0, ACT_ERROR, ENOSYS);
	srv_on(s, FUSE_REMOVEXATTR, 0, ACT_ERROR, ENOSYS);
	m = mnt_new(s);
	for (int i = 0; i < 2; i++) {
		FAILS(EOPNOTSUPP, setxattr(in_mnt(m, "a"), "user.n", "v", 1,
					   0));
		FAILS(EOPNOTSUPP, removexattr(in_mnt(m, "a"), "user.n"));
	}
	EQ(srv_seen(s, FUSE_SETXATTR), 1);
	EQ(srv_seen(s, FUSE_REMOVEXATTR), 1);
	mnt_end(m);
}

/* Version 2: u::rw-, u:65534:r--, g::---, m::r--, o::---. */
static const uint16_t acl[] = {
	2, 0,
	0x01, 6, 0xffff, 0xffff,
	0x02, 4, 65534, 0,
	0x04, 0, 0xffff, 0xffff,
	0x10, 4, 0xffff, 0xffff,
	0x20, 0, 0xffff, 0xffff,
};

static int open_as(uid_t uid, const char *path)
{
	int status, pid = fork();

	if (!pid) {
		if (setgid(uid) || setuid(uid))
			_exit(99);
		_exit(open(path, O_RDONLY) < 0 ? errno : 0);
	}
	OK(waitpid(pid, &status, 0));
	return WEXITSTATUS(status);
}

static int asked_of(struct srv *s, const struct node *n)
{
	int i, count = 0;

	for (i = 0; i < s->nseen; i++)
		count += s->seen[i].opcode == FUSE_GETXATTR &&
			 s->seen[i].nodeid == n->id;
	return count;
}

TEST(acls_decide_if_the_server_has_agreed)
{
	struct srv *s = srv_new();
	struct node *n = srv_plain(s, "a", "x", 1);
	char buf[sizeof(acl)];
	struct mnt *m;
	int asked;

	s->want |= FUSE_POSIX_ACL;
	n->mode = S_IFREG | 0640;
	m = mnt_new(s);
	EQ(open_as(65534, in_mnt(m, "a")), EACCES);
	OK(setxattr(in_mnt(m, "a"), ACL_NAME, acl, sizeof(acl), 0));
	EQ(open_as(65534, in_mnt(m, "a")), 0);
	EQ(open_as(65533, in_mnt(m, "a")), EACCES);
	EQ(getxattr(in_mnt(m, "a"), ACL_NAME, buf, sizeof(buf)), sizeof(acl));
	TRUE(!memcmp(buf, acl, sizeof(acl)));
	/*
	 * It is known from here on. The root's is not: as in FUSE, that inode is
	 * there before INIT says that lists may be kept.
	 */
	asked = asked_of(s, n);
	EQ(open_as(65534, in_mnt(m, "a")), 0);
	EQ(asked_of(s, n), asked);
	OK(removexattr(in_mnt(m, "a"), ACL_NAME));
	EQ(open_as(65534, in_mnt(m, "a")), EACCES);
	mnt_end(m);
}

TEST(acls_pass_through_otherwise)
{
	struct srv *s = srv_new();
	char buf[sizeof(acl)];
	struct mnt *m;
	int i;

	srv_plain(s, "a", "x", 1)->mode = S_IFREG | 0600;
	m = mnt_new(s);
	OK(setxattr(in_mnt(m, "a"), ACL_NAME, acl, sizeof(acl), 0));
	for (i = 0; i < 2; i++)
		EQ(getxattr(in_mnt(m, "a"), ACL_NAME, buf, sizeof(buf)),
		   sizeof(acl));
	TRUE(!memcmp(buf, acl, sizeof(acl)));
	EQ(srv_seen(s, FUSE_GETXATTR), 2);
	EQ(open_as(65533, in_mnt(m, "a")), 0);
	mnt_end(m);
}
