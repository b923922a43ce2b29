// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes, and the lists of rights that are in some of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "peer.h"

#define ACL_USER_OBJ	0x01
#define ACL_USER	0x02
#define ACL_GROUP_OBJ	0x04
#define ACL_MASK	0x10
#define ACL_OTHER	0x20

struct acl {
	struct posix_acl_xattr_header h;
	struct posix_acl_xattr_entry e[5];
};

static const char *pick_name(struct peer *p)
{
	static const char *const names[] = {
		"user.a", "user.b", "user.c", "trusted.a", "security.a",
		"system.posix_acl_access", "system.posix_acl_default",
		"system.other", "", "nonsense", "user.", "security.capability",
	};
	static char longest[258];
	const char *name = names[pick(p, COUNT(names))];

	if (pick(p, 30) == 0) {
		size_t len = 255 + pick(p, 2);

		memset(longest, 'n', len);
		memcpy(longest, "user.", 5);
		longest[len] = 0;
		say(p, " <%zu bytes>", len);
		return longest;
	}
	say(p, " \"%s\"", name);
	return name;
}

/* A list of rights, or one with something wrong; its size. */
static size_t an_acl(struct peer *p, struct acl *acl)
{
	static const uint16_t tags[] = {
		ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER,
	};
	int kind = pick(p, 8);
	size_t i;

	acl->h.a_version = kind == 6 ? 3 : POSIX_ACL_XATTR_VERSION;
	for (i = 0; i < 5; i++) {
		acl->e[i].e_tag = tags[i];
		acl->e[i].e_perm = pick(p, 8);
		acl->e[i].e_id = tags[i] == ACL_USER ? USER_ID : -1;
	}
	say(p, " acl %d %x%x%x", kind, acl->e[0].e_perm, acl->e[2].e_perm,
	    acl->e[4].e_perm);
	if (kind == 7) /* no entry for the others */
		return sizeof(*acl) - sizeof(acl->e[0]);
	if (kind == 5)
		return sizeof(*acl) - 1;
	return kind == 4 ? sizeof(acl->h) : sizeof(*acl);
}

static void op_set(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(0), NAMED(0), NAMED(XATTR_CREATE), NAMED(XATTR_REPLACE),
		{ 8, "8" },
	};
	static const uint16_t sizes[] = { 0, 1, 20, 20, 20, 300, 3000 };
	const char *path = pick_path(p), *name = pick_name(p);
	size_t size = sizes[pick(p, COUNT(sizes))];
	int flag = pick_named(p, flags, COUNT(flags));
	struct acl acl = {};
	bool is_acl = !strncmp(name, "system.posix_acl", 16);
	bool link = pick(p, 4) == 0;

	fill(p, size);
	if (is_acl)
		size = an_acl(p, &acl);
	say(p, " %zu%s", size, link ? " l" : "");
	say_result(p, (link ? lsetxattr : setxattr)(path, name,
			is_acl ? (void *)&acl : p->data, size, flag));
}

static void op_fset(struct peer *p)
{
	int fd = pick_fd(p);
	const char *name = pick_name(p);

	fill(p, 10);
	say_result(p, fsetxattr(fd, name, p->data, 10, 0));
}

static void op_get(struct peer *p)
{
	static const struct named sizes[] = {
		{ 4096, "4096" }, { 4096, "4096" }, { 0, "0" }, { 5, "5" },
		{ 65536, "65536" },
	};
	const char *path = pick_path(p), *name = pick_name(p);
	size_t size = pick_named(p, sizes, COUNT(sizes));
	bool link = pick(p, 4) == 0;
	long n = (link ? lgetxattr : getxattr)(path, name, p->data, size);

	say_result(p, n);
	if (n > 0 && size)
		say_sum(p, p->data, n);
}

static void op_fget(struct peer *p)
{
	int fd = pick_fd(p);
	const char *name = pick_name(p);
	long n = fgetxattr(fd, name, p->data, 4096);

	say_result(p, n);
	if (n > 0)
		say_sum(p, p->data, n);
}

static void say_list(struct peer *p, long n)
{
	long at;

	say_result(p, n);
	for (at = 0; at < n; at += strlen((char *)p->data + at) + 1)
		say(p, " %.40s", (char *)p->data + at);
}

static void op_list(struct peer *p)
{
	const char *path = pick_path(p);
	size_t size = pick(p, 3) ? 4096 : pick(p, 10);
	long n = listxattr(path, (char *)p->data, size);

	say(p, " %zu", size);
	say_list(p, size ? n : n < 0 ? -1 : 0);
}

static void op_flist(struct peer *p)
{
	say_list(p, flistxattr(pick_fd(p), (char *)p->data, 4096));
}

static void op_remove(struct peer *p)
{
	const char *path = pick_path(p), *name = pick_name(p);
	bool link = pick(p, 4) == 0;

	say_result(p, (link ? lremovexattr : removexattr)(path, name));
}

const struct op xattr_ops[] = {
	{ "setxattr", op_set, 20 }, { "fsetxattr", op_fset, 6 },
	{ "getxattr", op_get, 15 }, { "fgetxattr", op_fget, 6 },
	{ "listxattr", op_list, 8 }, { "flistxattr", op_flist, 4 },
	{ "removexattr", op_remove, 8 },
	{ NULL, NULL, 0 },
};
