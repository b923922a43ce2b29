// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mount options of a session.
 *
 *   1. Flags, file system options, source and subtype are found; the last of
 *      several wins.
 *   2. What libfuse knows stays in the arguments, what it does not know is taken
 *      out, so that fuse_session_new() accepts them.
 *   3. What fmapfs cannot have is refused, by name.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "unit.h"
#include "session_i.h"

struct parsed {
	struct mount_options mo;
	struct fuse_args args;
};

static int parse(struct parsed *p, const char *options)
{
	*p = (struct parsed) { 0 };
	fuse_opt_add_arg(&p->args, "test");
	fuse_opt_add_arg(&p->args, "-o");
	fuse_opt_add_arg(&p->args, options);
	return mount_options_parse(&p->mo, &p->args);
}

static void drop(struct parsed *p)
{
	mount_options_free(&p->mo);
	fuse_opt_free_args(&p->args);
}

/* Do the arguments that are left hold that option? */
static bool left(const struct parsed *p, const char *option)
{
	int i;

	for (i = 1; i < p->args.argc; i++)
		if (strstr(p->args.argv[i], option))
			return true;
	return false;
}

static void default_flags_are_those_of_libfuse(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, "rw"), 0);
	assert_int_equal(p.mo.flags, MS_NOSUID | MS_NODEV);
	assert_null(p.mo.fsname);
	assert_null(p.mo.subtype);
	assert_null(p.mo.kernel);
	drop(&p);
}

static void flags_are_found(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, "ro,suid,dev,noexec,sync,dirsync,noatime"),
			 0);
	assert_int_equal(p.mo.flags, MS_RDONLY | MS_NOEXEC | MS_SYNCHRONOUS |
				     MS_DIRSYNC | MS_NOATIME);
	drop(&p);
	assert_int_equal(parse(&p, "ro,rw,noexec,exec,noatime,atime"), 0);
	assert_int_equal(p.mo.flags, MS_NOSUID | MS_NODEV);
	drop(&p);
}

static void flags_libfuse_does_not_know_are_taken_out(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, "relatime,nodiratime,nosymfollow,defaults,_netdev,x-gvfs-hide,allow_root,max_read=4096"),
			 0);
	assert_int_equal(p.mo.flags, MS_NOSUID | MS_NODEV | MS_RELATIME |
				     MS_NODIRATIME | 256);
	assert_false(left(&p, "relatime"));
	assert_false(left(&p, "nodiratime"));
	assert_false(left(&p, "nosymfollow"));
	assert_false(left(&p, "defaults"));
	assert_false(left(&p, "_netdev"));
	assert_false(left(&p, "x-gvfs"));
	assert_true(left(&p, "allow_root"));
	assert_true(left(&p, "max_read=4096"));
	drop(&p);
}

static void file_system_options_reach_the_kernel(void **state)
{
	struct parsed p;
	char *string, want[256];

	(void)state;
	assert_int_equal(parse(&p, "allow_other,default_permissions,max_read=65536,fsname=a b,subtype=mem,fsname=c"),
			 0);
	assert_string_equal(p.mo.fsname, "c");
	assert_string_equal(p.mo.subtype, "mem");
	string = mount_options_string(&p.mo, 7, S_IFDIR | 0755);
	snprintf(want, sizeof(want),
		 "fd=7,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions,max_read=65536",
		 getuid(), getgid());
	assert_string_equal(string, want);
	free(string);
	drop(&p);
}

static void plain_mount_has_the_four_options_only(void **state)
{
	struct parsed p;
	char *string, want[128];

	(void)state;
	assert_int_equal(parse(&p, "rw"), 0);
	string = mount_options_string(&p.mo, 3, S_IFREG | 0644);
	snprintf(want, sizeof(want),
		 "fd=3,rootmode=100000,user_id=%u,group_id=%u", getuid(),
		 getgid());
	assert_string_equal(string, want);
	free(string);
	drop(&p);
}

static void what_needs_fusermount_is_refused(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(&p, "ro,auto_unmount"), -EOPNOTSUPP);
	assert_string_equal(p.mo.refused, "auto_unmount");
	drop(&p);
	assert_int_equal(parse(&p, "blkdev"), -EOPNOTSUPP);
	assert_string_equal(p.mo.refused, "blkdev");
	drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_flags_are_those_of_libfuse),
		cmocka_unit_test(flags_are_found),
		cmocka_unit_test(flags_libfuse_does_not_know_are_taken_out),
		cmocka_unit_test(file_system_options_reach_the_kernel),
		cmocka_unit_test(plain_mount_has_the_four_options_only),
		cmocka_unit_test(what_needs_fusermount_is_refused),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
