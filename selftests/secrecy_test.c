// SPDX-License-Identifier: GPL-2.0
/*
 * What is told to whom.
 *
 * 1. Requests of every kind have zeroes where they have nothing to say, and end
 *    where they should: a server reads no memory of the kernel's.
 * 2. sysfs and debugfs tell everybody numbers only; devices, and requests under
 *    way, root alone, who alone may abort and set limits. Names of files are
 *    nowhere in them.
 * 3. Nor are they in the kernel's log, whatever goes wrong with a file. What a
 *    server calls a device is there, but cannot play tricks on a terminal.
 * 4. Callers' pids are those of the mounter's namespace.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/other.h"

#define AT	(128 * MIB)
#define SECRET	"a-name-that-is-nobodys-business"

/* --- requests --- */

/* A body: @fixed bytes with these holes, then @names strings; -1: data. */
static const struct layout {
	uint32_t opcode;
	size_t fixed;
	int names;
	struct {
		size_t at, len;
	} hole[3];
} layouts[] = {
	{ FUSE_LOOKUP, 0, 1, {} },
	{ FUSE_FORGET, 8, 0, {} },
	{ FUSE_GETATTR, 16, 0, { { 4, 4 } } },
	{ FUSE_SETATTR, 88, 0, { { 4, 4 }, { 72, 4 }, { 84, 4 } } },
	{ FUSE_READLINK, 0, 0, {} },
	{ FUSE_SYMLINK, 0, 2, {} },
	{ FUSE_MKNOD, 16, 1, { { 12, 4 } } },
	{ FUSE_MKDIR, 8, 1, {} },
	{ FUSE_UNLINK, 0, 1, {} },
	{ FUSE_RMDIR, 0, 1, {} },
	{ FUSE_RENAME, 8, 2, {} },
	{ FUSE_LINK, 8, 1, {} },
	{ FUSE_OPEN, 8, 0, {} },
	{ FUSE_READ, 40, 0, { { 36, 4 } } },
	{ FUSE_WRITE, 40, -1, { { 36, 4 } } },
	{ FUSE_STATFS, 0, 0, {} },
	{ FUSE_RELEASE, 24, 0, {} },
	{ FUSE_FSYNC, 16, 0, { { 12, 4 } } },
	{ FUSE_SETXATTR, 16, -1, { { 12, 4 } } },
	{ FUSE_GETXATTR, 8, 1, { { 4, 4 } } },
	{ FUSE_LISTXATTR, 8, 0, { { 4, 4 } } },
	{ FUSE_REMOVEXATTR, 0, 1, {} },
	{ FUSE_FLUSH, 24, 0, { { 8, 8 } } },
	{ FUSE_INIT, 64, 0, { { 20, 44 } } },
	{ FUSE_OPENDIR, 8, 0, {} },
	{ FUSE_READDIRPLUS, 40, 0, { { 36, 4 } } },
	{ FUSE_RELEASEDIR, 24, 0, {} },
	{ FUSE_FSYNCDIR, 16, 0, { { 12, 4 } } },
	{ FUSE_GETLK, 48, 0, { { 44, 4 } } },
	{ FUSE_SETLK, 48, 0, { { 44, 4 } } },
	{ FUSE_SETLKW, 48, 0, { { 44, 4 } } },
	{ FUSE_ACCESS, 8, 0, { { 4, 4 } } },
	{ FUSE_CREATE, 16, 1, {} },
	{ FUSE_IOCTL, 32, -1, {} },
	{ FUSE_POLL, 24, 0, {} },
	{ FUSE_FALLOCATE, 32, 0, { { 28, 4 } } },
	{ FUSE_LSEEK, 24, 0, { { 20, 4 } } },
	{ FUSE_COPY_FILE_RANGE_64, 56, 0, {} },
	{ FUSE_RENAME2, 16, 2, { { 12, 4 } } },
	{ FUSE_STATX, 24, 0, { { 4, 4 } } },
	{ FUSE_GET_FMAP, 8, 0, { { 4, 4 } } },
	{ FUSE_GET_DAXDEV, 4, 0, {} },
};

static void check_zero(const uint8_t *p, size_t len, uint32_t opcode,
		       const char *where, size_t at)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			FAIL("opcode %u: %s, byte %zu is %#x", opcode, where,
			     at + i, p[i]);
}

static void check_layout(struct srv *s, const struct layout *l)
{
	const struct fuse_in_header *in = &s->last_in[l->opcode];
	const uint8_t *body = s->last_body[l->opcode];
	size_t len = in->len - sizeof(*in), at = l->fixed;

	if (!srv_seen(s, l->opcode))
		FAIL("there was no request %u", l->opcode);
	EQ(in->total_extlen, 0);
	EQ(in->padding, 0);
	for (size_t i = 0; i < ARRAY_SIZE(l->hole); i++)
		check_zero(body + l->hole[i].at, l->hole[i].len, l->opcode,
			   "hole", l->hole[i].at);
	TRUE(len < SRV_LAST);
	for (int i = 0; i < l->names; i++)
		at += strlen((const char *)body + at) + 1;
	if (l->names >= 0 && at != len)
		FAIL("opcode %u: %zu bytes, not %zu", l->opcode, len, at);
	TRUE(at <= len);
}

static void use_names(struct mnt *m)
{
	char text[64];
	struct statvfs st;
	int fd;

	OK(mknod(in_mnt(m, "fifo"), S_IFIFO | 0600, 0));
	OK(mkdir(in_mnt(m, "dir"), 0755));
	OK(symlink("to", in_mnt(m, "link")));
	OK(readlink(in_mnt(m, "link"), text, sizeof(text)));
	OK(link(in_mnt(m, "plain"), in_mnt(m, "hard")));
	OK(rename(in_mnt(m, "fifo"), in_mnt(m, "pipe")));
	OK(renameat2(AT_FDCWD, in_mnt(m, "pipe"), AT_FDCWD, in_mnt(m, "tube"),
		     RENAME_NOREPLACE));
	OK(unlink(in_mnt(m, "tube")));
	OK(rmdir(in_mnt(m, "dir")));
	OK(statvfs(m->dir, &st));
	OK(access(in_mnt(m, "plain"), R_OK));
	fd = OK(open_in(m, "new", O_RDWR | O_CREAT | O_EXCL));
	OK(close(fd));
	fd = OK(open(m->dir, O_RDONLY | O_DIRECTORY));
	OK(getdents64(fd, text, sizeof(text)));
	OK(fsync(fd));
	OK(close(fd));
	OK(setxattr(in_mnt(m, "plain"), "user.n", "value", 5, 0));
	OK(getxattr(in_mnt(m, "plain"), "user.n", text, sizeof(text)));
	OK(listxattr(in_mnt(m, "plain"), text, sizeof(text)));
	OK(removexattr(in_mnt(m, "plain"), "user.n"));
}

static void use_file(struct mnt *m)
{
	int fd = OK(open_in(m, "plain", O_RDWR)), to;
	struct flock lk = { .l_type = F_WRLCK };
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct statx stx;
	char text[64];

	OK(pread(fd, text, sizeof(text), 0));
	EQ(pwrite(fd, "hello", 5, 3), 5);
	OK(ftruncate(fd, 5000));
	OK(fsync(fd));
	OK(fcntl(fd, F_GETLK, &lk));
	OK(fcntl(fd, F_SETLK, &lk));
	OK(fcntl(fd, F_SETLKW, &lk));
	OK(ioctl(fd, _IOWR('x', 1, int), text));
	OK(poll(&p, 1, 0));
	OK(fallocate(fd, 0, 0, 6000));
	OK(lseek(fd, 0, SEEK_DATA));
	to = OK(open_in(m, "other", O_RDWR));
	OK(copy_file_range(fd, NULL, to, NULL, 100, 0));
	OK(statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		 STATX_BASIC_STATS | STATX_BTIME, &stx));
	OK(close(to));
	OK(close(fd));
	fd = OK(open_in(m, "memory", O_RDWR));
	EQ(write(fd, "hello", 5), 5);
	OK(close(fd));
}

TEST(requests_have_zeroes_where_they_have_nothing_to_say)
{
	struct srv *s = srv_with_pmem();
	struct stat st;
	struct mnt *m;

	s->want |= FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_SETXATTR_EXT |
		   FUSE_HAS_IOCTL_DIR;
	srv_pattern(s, "plain", 1, 10000)->attr_ms = 0;
	srv_pattern(s, "other", 1, 10000);
	srv_memfile(s, "memory", fmap_simple1(0, AT, MIB, MIB));
	/* FORGET, and GETATTR beside STATX. */
	srv_plain(s, "brief", "x", 1)->entry_ms = 0;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "brief"), &st));
	use_names(m);
	use_file(m);
	OK(stat(in_mnt(m, "plain"), &st));
	OK(unlink(in_mnt(m, "brief")));
	UNTIL(srv_seen(s, FUSE_FORGET) && sysfs_read(m, "waiting") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		check_layout(s, &layouts[i]);
	mnt_end(m);
}

/* The group that the directory has, after the name: a multiple of eight bytes. */
TEST(extension_of_a_request_ends_in_zeroes)
{
	struct srv *s = srv_new();
	const struct fuse_in_header *in = &s->last_in[FUSE_MKDIR];
	const uint8_t *body = s->last_body[FUSE_MKDIR];
	size_t at = sizeof(struct fuse_mkdir_in) + sizeof("d"), used;
	uint32_t words[3];	/* size, type, groups */
	gid_t group = 6;
	struct stat st;
	struct mnt *m;

	s->want |= FUSE_CREATE_SUPP_GROUP;
	s->nodes[0].gid = group;
	OK(setgroups(1, &group));
	m = mnt_new(s);
	/* Whose group it is, the kernel knows when it has asked. */
	OK(stat(m->dir, &st));
	OK(mkdir(in_mnt(m, "d"), 0755));
	TRUE(in->total_extlen);
	EQ(in->len, sizeof(*in) + at + in->total_extlen * 8);
	memcpy(words, body + at, sizeof(words));
	EQ(words[0], in->total_extlen * 8);
	EQ(words[1], FUSE_EXT_GROUPS);
	EQ(words[2], 1);
	used = sizeof(words) + words[2] * 4;
	TRUE(used <= words[0]);
	check_zero(body + at + used, words[0] - used, FUSE_MKDIR, "extension",
		   at + used);
	mnt_end(m);
}

/* --- sysfs, debugfs --- */

static int try_to_write(void *path)
{
	int fd = open(path, O_WRONLY);

	return fd < 0 ? errno : 0;
}

static int try_to_read(void *path)
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? errno : 0;
}

/* Of each file below: who may what, and that it does not hold the secret. */
static void check_files(const char *dir, int *n)
{
	DIR *d = opendir(dir);
	char path[512], text[4096];
	struct dirent *e;
	struct stat st;

	TRUE(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		OK(lstat(path, &st));
		EQ(st.st_uid, 0);
		if (S_ISDIR(st.st_mode)) {
			check_files(path, n);
			continue;
		}
		(*n)++;
		if (st.st_mode & 022)
			FAIL("%s: mode %o", path, st.st_mode);
		EQ(as_other(try_to_write, path), EACCES);
		if (!(st.st_mode & 0400))
			continue;
		OK(read_text(path, text, sizeof(text)));
		if (strstr(text, SECRET) ||
		    (strstr(text, "pmem") && strcmp(e->d_name, "devices")))
			FAIL("%s holds \"%s\"", path, text);
	}
	closedir(d);
}

static int open_secret(void *m)
{
	return open_in(m, SECRET, O_RDONLY) < 0 ? errno : 0;
}

TEST(sysfs_and_debugfs_tell_no_names)
{
	static const char * const roots[] = { "abort", "devices" };
	struct srv *s = srv_with_pmem();
	struct rule *r = srv_on(s, FUSE_LOOKUP, 0, ACT_STALL, 0);
	char path[128], *debug = make_dir();
	struct mnt *m;
	struct task t;
	int n = 0;

	srv_memfile(s, SECRET, fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	OK(mount("debugfs", debug, "debugfs", 0, NULL));
	t = task_start(open_secret, m);
	UNTIL(r->hits);
	snprintf(path, sizeof(path), "%s/fmapfs/%u", debug, m->minor);
	check_files(path, &n);
	EQ(n, 1);
	snprintf(path, sizeof(path), "%s/fmapfs/%u/requests", debug, m->minor);
	EQ(as_other(try_to_read, path), EACCES);
	srv_release(s, r);
	EQ(task_wait(&t), 0);
	snprintf(path, sizeof(path), SYSFS "/%u", m->minor);
	check_files(path, &n);
	TRUE(n > 10);
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), SYSFS "/%u/%s", m->minor,
			 roots[i]);
		EQ(as_other(try_to_read, path), EACCES);
	}
	OK(umount(debug));
	OK(rmdir(debug));
	mnt_end(m);
}

/* --- the kernel's log --- */

/* All there is, as it is. */
static char *read_log(void)
{
	size_t size = OK(klogctl(10, NULL, 0));
	char *text = malloc(size + 1);

	text[OK(klogctl(3, text, size))] = 0;
	return text;
}

/* Until the log has @what since @mark: messages are rate-limited. */
static char *log_after(const char *mark, const char *what,
		       int (*again)(void *arg), void *arg)
{
	struct t_deadline d = t_deadline();

	do {
		char *text, *since;

		again(arg);
		text = read_log();
		since = strstr(text, mark);
		if (since && strstr(since, what))
			return since;
		free(text);
	} while (t_pause(&d));
	FAIL("\"%s\" did not come into the log", what);
}

static void set_mark(char mark[64])
{
	int fd = OK(open("/dev/kmsg", O_WRONLY));
	static int n;

	snprintf(mark, 64, "secrecy_test %d %d", getpid(), ++n);
	EQ(write(fd, mark, strlen(mark)), strlen(mark));
	OK(close(fd));
}

static int open_both(void *m)
{
	open_secret(m);
	return open_in(m, SECRET "2", O_RDONLY) < 0 ? errno : 0;
}

TEST(log_tells_no_names_of_files)
{
	struct srv *s = srv_with_pmem();
	struct node *bad;
	char mark[64], *text;
	struct mnt *m;

	strcpy(s->dev[7], "");
	bad = srv_memfile(s, SECRET, fmap_simple1(0, AT + 512, MIB, MIB));
	srv_memfile(s, SECRET "2", fmap_simple1(7, AT, MIB, MIB));
	srv_memfile(s, SECRET "3", fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	set_mark(mark);
	text = log_after(mark, "fmap refused", open_both, m);
	TRUE(!strstr(text, SECRET));
	text = log_after(mark, "GET_DAXDEV", open_both, m);
	TRUE(!strstr(text, SECRET));
	OK(open_in(m, SECRET "3", O_RDONLY));
	srv_set_fmap(s, bad, fmap_simple1(0, AT + MIB / 2, MIB, MIB));
	text = log_after(mark, "overlap", open_both, m);
	TRUE(!strstr(text, SECRET));
	mnt_kill_server(m);
	OK(umount2(m->dir, MNT_DETACH));
}

TEST(log_has_what_a_device_is_called_without_its_tricks)
{
	struct srv *s = srv_new();
	char mark[64], *text;
	struct mnt *m;

	strcpy(s->dev[0], "/dev/\033[2J\r\n<0>fmapfs: all is well\a\x9b");
	srv_memfile(s, SECRET, fmap_simple1(0, AT, MIB, MIB));
	m = mnt_new(s);
	set_mark(mark);
	text = log_after(mark, "all is well", open_secret, m);
	for (; *text; text++)
		if ((*text < ' ' && *text != '\n') || *text == '\177')
			FAIL("%#x is in the log, before \"%.40s\"",
			     *text & 0xff, text + 1);
	mnt_end(m);
}

/* --- who is who --- */

struct inside {
	struct srv *s;
	char path[128];
	atomic_bool mounted, seen;
};

static int look_up(void *path)
{
	struct stat st;

	return stat(path, &st) ? errno : 0;
}

static int mount_in_pid_namespace(void *arg)
{
	struct inside *in = arg;
	struct mnt *m = mnt_new(in->s);
	struct task t;

	strcpy(in->path, in_mnt(m, "brief"));
	t = task_start(look_up, in->path);
	/* Whom it knows, by the pid that he has here. */
	EQ(task_wait(&t), 0);
	EQ(in->s->last_in[FUSE_LOOKUP].pid, t.pid);
	in->mounted = true;
	UNTIL(in->seen);
	mnt_end(m);
	return 0;
}

/* The first process of a pid namespace mounts. */
TEST(pids_are_those_of_the_mounters_namespace)
{
	struct inside *in = t_shared(sizeof(*in));
	struct task t;

	in->s = srv_new();
	srv_plain(in->s, "brief", "x", 1)->entry_ms = 0;
	OK(unshare(CLONE_NEWPID));
	t = task_start(mount_in_pid_namespace, in);
	UNTIL(in->mounted || task_done(&t));
	/* Who is outside has none there. */
	EQ(look_up(in->path), 0);
	EQ(in->s->last_in[FUSE_LOOKUP].pid, 0);
	in->seen = true;
	EQ(task_wait(&t), 0);
}
