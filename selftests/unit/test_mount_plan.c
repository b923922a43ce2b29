// SPDX-License-Identifier: GPL-2.0-only
/*
 * From mount(8)'s helper to fmapfsd: the command lines.
 *
 *   1. Each option of a pool becomes one of fmapfsd, flags of any mount go to its -o,
 *      what is for others is dropped; their order is kept.
 *   2. A .yaml file is a static layout, all else a pool, unless layout= says otherwise.
 *   3. Commas in quotes do not separate; fmapfsd gets them with a backslash.
 *   4. What is wrong is told, by the option's name; -s lets unknown options pass.
 *   5. A remount has the flags of mount(2), and leaves out what a mount shows of itself.
 */
#include <sys/mount.h>
#include "unit.h"
#include "mount_plan.h"

#define ARGS_MAX	16

/* Splits at blanks; in place. Return: the number. */
static int split(char *line, char **argv)
{
	char *save = NULL, *word;
	int n = 0;

	for (word = strtok_r(line, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		assert_true(n < ARGS_MAX - 1);
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n;
}

/* The words of @line after "mount.fmapfs"; the result refers to @copy. */
static int plan_of(const char *line, char *copy, struct mount_plan *plan)
{
	char *argv[ARGS_MAX];

	sprintf(copy, "mount.fmapfs %s", line);
	return mount_plan_make(split(copy, argv), argv, plan);
}

static void join(char *const *argv, char *to)
{
	*to = '\0';
	for (; *argv; argv++)
		sprintf(to + strlen(to), "%s%s", *to ? " " : "", *argv);
}

static void check(const char *line, const char *want)
{
	char copy[512], got[512];
	struct mount_plan plan;
	int rc = plan_of(line, copy, &plan);

	if (rc)
		print_message("%s: %s\n", line, plan.why);
	assert_int_equal(rc, MOUNT_FINE);
	join(plan.server, got);
	assert_string_equal(got, want);
	mount_plan_free(&plan);
}

static void options_are_translated(void **state)
{
	static const struct {
		const char *option;
		const char *want;	/* NULL: nothing */
	} each[] = {
		{ "poll=0.5", "--poll=0.5" },
		{ "strips=4", "--strips=4" },
		{ "chunk=2M", "--chunk=2M" },
		{ "writers=all", "--writers=all" },
		{ "device=/dev/pmem1", "--device=/dev/pmem1" },
		{ "device=/dev/a,device=/dev/b", "--device=/dev/a --device=/dev/b" },
		{ "degraded", "--degraded" },
		{ "client", "--client" },
		{ "system_uuid=/etc/u", "--system-uuid=/etc/u" },
		{ "staging=/var/tmp", "--staging=/var/tmp" },
		{ "private", "--private" },
		{ "push", "--push" },
		{ "no_fmap", "--no-fmap" },
		{ "threads=4", "--threads=4" },
		{ "timeout=1", "--timeout=1" },
		{ "log_level=debug", "--log-level=debug" },
		{ "rw", "-o rw" },
		{ "ro,noexec,nosuid,nodev", "-o ro,noexec,nosuid,nodev" },
		{ "relatime,nosymfollow", "-o relatime,nosymfollow" },
		{ "allow_other", "-o allow_other" },
		{ "poll=3,ro,degraded", "--poll=3 --degraded -o ro" },
		{ "defaults", NULL }, { "noauto", NULL }, { "auto", NULL },
		{ "_netdev", NULL }, { "nofail", NULL }, { "user", NULL },
		{ "user=me", NULL }, { "users", NULL }, { "group", NULL },
		{ "comment=x", NULL }, { "lazytime", NULL },
		{ "x-systemd.automount,x-gvfs-hide", NULL },
		{ "X-mount.mkdir", NULL }, { "uhelper=a", NULL }, { ",,", NULL },
	};
	char line[256], want[256];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(each); i++) {
		sprintf(line, "/dev/pmem0 /mnt -o %s", each[i].option);
		sprintf(want, "fmapfsd --layout=famfs %s%s-- /dev/pmem0 /mnt",
			each[i].want ? each[i].want : "",
			each[i].want ? " " : "");
		check(line, want);
	}
}

static void layouts_are_told_apart(void **state)
{
	(void)state;
	check("/dev/pmem0 /mnt", "fmapfsd --layout=famfs -- /dev/pmem0 /mnt");
	check("dax0.0 /mnt", "fmapfsd --layout=famfs -- dax0.0 /mnt");
	check("/etc/a.yaml /mnt", "fmapfsd --layout=static -- /etc/a.yaml /mnt");
	check("/etc/a.yml /mnt", "fmapfsd --layout=static -- /etc/a.yml /mnt");
	check("/etc/a /mnt -o layout=static",
	      "fmapfsd --layout=static -- /etc/a /mnt");
	check("/etc/a.yaml /mnt -o layout=famfs,poll=1",
	      "fmapfsd --layout=famfs --poll=1 -- /etc/a.yaml /mnt");
	check("/etc/a.yaml /mnt -o ro,timeout=3",
	      "fmapfsd --layout=static --timeout=3 -o ro -- /etc/a.yaml /mnt");
}

/* As mount(8) has them, as people have them, several times. */
static void words_stand_in_any_order(void **state)
{
	(void)state;
	check("-o rw a b", "fmapfsd --layout=famfs -o rw -- a b");
	check("a -o rw b -t fmapfs -n", "fmapfsd --layout=famfs -o rw -- a b");
	check("a b -o poll=1 -o ro", "fmapfsd --layout=famfs --poll=1 -o ro -- a b");
	check("-- -a b", "fmapfsd --layout=famfs -- -a b");
}

static void quotes_keep_commas_together(void **state)
{
	(void)state;
	check("a b -o device=\"/dev/x,y\",ro",
	      "fmapfsd --layout=famfs --device=/dev/x,y -o ro -- a b");
	check("a b -o context=\"u:s0:c0,c1\",ro",
	      "fmapfsd --layout=famfs -o context=u:s0:c0\\,c1,ro -- a b");
}

static void what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *line;
		const char *word;
	} wrong[] = {
		{ "a b -o pool=1", "pool=1" },
		{ "a b -o ro,degrade", "degrade" },
		{ "a b -o polling=1", "polling=1" },
		{ "a b -o poll=", "poll=" },
		{ "a b -o poll", "poll" },
		{ "a b -o layout=", "layout=" },
		{ "a b -o blkdev", "blkdev" },
		{ "a b -o fsname=x", "fsname=x" },
		{ "a.yaml b -o client", "client" },
		{ "a b -o device=\"x", "quote" },
		{ "a", "POOL and DIR" },
		{ "a b c", "POOL and DIR" },
		{ "a b -x", "usage" },
		{ "a b -N /proc/1/ns/mnt", "namespace" },
	};
	struct mount_plan plan;
	unsigned int i;
	char copy[512];

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(plan_of(wrong[i].line, copy, &plan), MOUNT_USAGE);
		assert_non_null(strstr(plan.why, wrong[i].word));
		mount_plan_free(&plan);
	}
}

static void sloppiness_lets_unknown_options_pass(void **state)
{
	(void)state;
	check("a b -s -o pool=1,ro", "fmapfsd --layout=famfs -o ro -- a b");
	check("a b -o pool=1,ro -s", "fmapfsd --layout=famfs -o ro -- a b");
	check("a.yaml b -so client", "fmapfsd --layout=static --client -- a.yaml b");
}

static void notes_for_the_helper_are_taken(void **state)
{
	struct mount_plan plan;
	char copy[512];

	(void)state;
	assert_int_equal(plan_of("a b -fv -o nofail", copy, &plan), MOUNT_FINE);
	assert_true(plan.fake && plan.verbose && plan.nofail && !plan.remount);
	assert_string_equal(plan.source, "a");
	assert_string_equal(plan.dir, "b");
	mount_plan_free(&plan);
	assert_int_equal(plan_of("a b", copy, &plan), MOUNT_FINE);
	assert_false(plan.fake || plan.verbose || plan.nofail);
	mount_plan_free(&plan);
}

static void a_remount_has_flags(void **state)
{
	struct mount_plan plan;
	char copy[512];

	(void)state;
	assert_int_equal(plan_of("a b -o remount,ro,noexec,user_id=0,group_id=0,rootmode=40000,allow_other,poll=1",
				 copy, &plan), MOUNT_FINE);
	assert_true(plan.remount);
	assert_int_equal(plan.flags, MS_RDONLY | MS_NOEXEC | MS_NOSUID | MS_NODEV);
	mount_plan_free(&plan);
	assert_int_equal(plan_of("a b -o remount,ro,suid,rw", copy, &plan),
			 MOUNT_FINE);
	assert_int_equal(plan.flags, MS_NODEV);
	mount_plan_free(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_translated),
		cmocka_unit_test(layouts_are_told_apart),
		cmocka_unit_test(words_stand_in_any_order),
		cmocka_unit_test(quotes_keep_commas_together),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(sloppiness_lets_unknown_options_pass),
		cmocka_unit_test(notes_for_the_helper_are_taken),
		cmocka_unit_test(a_remount_has_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
