// SPDX-License-Identifier: GPL-2.0
/* Mounts, sysfs, devices: see env.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"

/* Mounts of a test that fails go with its mount namespace. */
void t_setup(void)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static int count_mounts(char *last, size_t size)
{
	DIR *d = opendir(SYSFS);
	struct dirent *e;
	int n = 0;

	if (!d)
		return 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(last, size, SYSFS "/%.40s", e->d_name);
		n++;
	}
	closedir(d);
	return n;
}

/* No mount may outlive its test. */
const char *t_leftover(void)
{
	struct t_deadline d = t_deadline();
	static char last[64];

	while (count_mounts(last, sizeof(last)))
		if (!t_pause(&d))
			return last;
	return NULL;
}

char *make_dir(void)
{
	char *dir = strdup("/tmp/fmapfs-XXXXXX");

	if (!mkdtemp(dir))
		FAIL("mkdtemp: %s", strerror(errno));
	return dir;
}

/*
 * With HOSTILE_ON=fuse in the environment the tests that allow for it run on the
 * in-tree fuse, to compare.
 */
bool on_fuse(void)
{
	const char *on = getenv("HOSTILE_ON");

	return on && !strcmp(on, "fuse");
}

int open_dev(void)
{
	return OK(open(on_fuse() ? "/dev/fuse" : FMAPFS_NODE,
		       O_RDWR | O_CLOEXEC));
}

int mount_fd(int dev, const char *dir, const char *opts)
{
	char data[512];

	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0%s%s", dev,
		 *opts ? "," : "", opts);
	return mount("test", dir, on_fuse() ? "fuse" : FMAPFS_TYPE,
		     MS_NOSUID | MS_NODEV, data);
}

/* From mountinfo, which asks no server. */
unsigned int mount_minor(const char *dir)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	unsigned int major, minor = 0, found = 0, min;
	char line[1024], at[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*u %*u %u:%u %*s %255s", &major, &min, at) == 3 &&
		    !strcmp(at, dir)) {
			minor = min;
			found = 1;
		}
	}
	if (f)
		fclose(f);
	if (!found)
		FAIL("%s is not mounted", dir);
	return minor;
}

/* The server's process; it alone keeps @dev once the caller closes it. */
int srv_start(struct srv *s, int dev)
{
	int pid = fork();

	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (pid) {
		UNTIL(s->ready);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Keep nothing open that belongs to the test. */
	OK(dup3(dev, 100, O_CLOEXEC));
	OK(dup3(s->wake[0], 101, O_CLOEXEC));
	OK(syscall(SYS_close_range, 3, 99, 0));
	OK(syscall(SYS_close_range, 102, ~0U, 0));
	if (s->setup)
		s->setup(s);
	s->ready = true;
	srv_loop(s, 100, 101);
	_exit(1);
}

/* The caller keeps the device fd, beside the server. */
struct mnt *mnt_new_dev(struct srv *s, const char *opts, int *dev)
{
	struct mnt *m = calloc(1, sizeof(*m));
	char *dir = make_dir();

	*dev = open_dev();
	m->srv = s;
	m->pid = srv_start(s, *dev);
	strcpy(m->dir, dir);
	free(dir);
	OK(mount_fd(*dev, m->dir, opts));
	OK(close(s->wake[0]));
	m->minor = mount_minor(m->dir);
	return m;
}

struct mnt *mnt_new_opts(struct srv *s, const char *opts)
{
	int dev;
	struct mnt *m = mnt_new_dev(s, opts, &dev);

	OK(close(dev));
	return m;
}

struct mnt *mnt_new(struct srv *s)
{
	return mnt_new_opts(s, MNT_OPTS);
}

/* Waits for the server's end, which must be of its own accord. */
void srv_reap(struct mnt *m)
{
	struct task t = { .pid = m->pid };
	int status;

	if (!m->pid)
		return;
	UNTIL(task_done(&t));
	OK(waitpid(m->pid, &status, 0));
	EQ(status, 0);
	m->pid = 0;
}

/* The orderly end; the server is told and leaves. */
void mnt_end(struct mnt *m)
{
	bool served = m->pid;

	OK(umount2(m->dir, 0));
	srv_reap(m);
	if (served)
		EQ(m->srv->end_errno, ENODEV);
	OK(rmdir(m->dir));
}

/* And what the server has handed out has come back: lookups and handles. */
void mnt_end_counted(struct mnt *m)
{
	struct srv *s = m->srv;

	/* What a RELEASE holds back is not sent any more after the DESTROY. */
	UNTIL(sysfs_read(m, "waiting") == 0);
	OK(umount2(m->dir, 0));
	OK(rmdir(m->dir));
	UNTIL(s->end_errno);
	srv_reap(m);
	for (int i = 1; i < s->nnodes; i++)
		if (s->nodes[i].lookups != s->nodes[i].forgets)
			FAIL("node %d: %ld lookups, %ld forgotten", i + 1,
			     (long)s->nodes[i].lookups,
			     (long)s->nodes[i].forgets);
	EQ(srv_seen(s, FUSE_RELEASE),
	   srv_seen(s, FUSE_OPEN) + srv_seen(s, FUSE_CREATE) +
	   srv_seen(s, FUSE_TMPFILE));
}

void mnt_kill_server(struct mnt *m)
{
	OK(kill(m->pid, SIGKILL));
	OK(waitpid(m->pid, NULL, 0));
	m->pid = 0;
}

/* A path; good until eight more have been asked for. */
const char *in_mnt(const struct mnt *m, const char *name)
{
	static char paths[8][512];
	static int next;
	char *p = paths[next++ % 8];

	snprintf(p, sizeof(paths[0]), "%s/%s", m->dir, name);
	return p;
}

int open_in(const struct mnt *m, const char *name, int flags)
{
	return open(in_mnt(m, name), flags | O_CLOEXEC, 0600);
}

int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return n;
}

/* As /proc tells it, a letter. */
static char task_state(const struct task *t)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", t->pid);
	OK(read_text(path, text, sizeof(text)));
	return strrchr(text, ')')[2];
}

bool task_sleeps(const struct task *t)
{
	return !!strchr("SD", task_state(t));
}

bool task_blocked(const struct task *t)
{
	return task_state(t) == 'D';
}

long sysfs_read(const struct mnt *m, const char *name)
{
	char path[256], text[64], *end;
	int rc;
	long v;

	snprintf(path, sizeof(path), SYSFS "/%u/%s", m->minor, name);
	rc = read_text(path, text, sizeof(text));
	if (rc < 0)
		FAIL("%s: %s", path, strerror(-rc));
	v = strtol(text, &end, 10);
	if (end == text || strcmp(end, "\n"))
		FAIL("%s: \"%s\" is not a number and a newline", path, text);
	return v;
}

long counter(const struct mnt *m, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "counters/%s", name);
	return sysfs_read(m, path);
}

int sysfs_write(const struct mnt *m, const char *name, const char *text)
{
	char path[256];
	int fd, rc;

	snprintf(path, sizeof(path), SYSFS "/%u/%s", m->minor, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text));
	close(fd);
	return rc < 0 ? -1 : 0;
}

int daxdevs(const struct daxdev **devs)
{
	static struct daxdev list[16];
	static int n = -1;
	FILE *f;

	*devs = list;
	if (n >= 0)
		return n;
	n = 0;
	f = fopen("/run/fmapfs/dax", "r");
	if (!f)
		FAIL("/run/fmapfs/dax: %s", strerror(errno));
	while (n < 16 && fscanf(f, "%15s %63s %lu", list[n].type, list[n].node,
				&list[n].size) == 3)
		n++;
	fclose(f);
	return n;
}

/* The machine's pmem device number @i. */
const struct daxdev *pmem(int i)
{
	const struct daxdev *devs;
	int n = daxdevs(&devs), k;

	for (k = 0; k < n; k++)
		if (!strcmp(devs[k].type, "pmem") && !i--)
			return &devs[k];
	FAIL("this machine has too few pmem devices");
}

/* Device index 0 and 1 are the first two pmem devices. */
void srv_use_pmem(struct srv *s)
{
	strcpy(s->dev[0], pmem(0)->node);
	strcpy(s->dev[1], pmem(1)->node);
}

struct srv *srv_with_pmem(void)
{
	struct srv *s = srv_new();

	srv_use_pmem(s);
	return s;
}

void drop_caches(void)
{
	int fd = OK(open("/proc/sys/vm/drop_caches", O_WRONLY));

	sync();
	EQ(write(fd, "3", 1), 1);
	OK(close(fd));
}

/* Until no unused inode of a file with an fmap is left. */
void settle_inodes(const struct mnt *m)
{
	struct t_deadline d = t_deadline();

	drop_caches();
	while (counter(m, "fmaps") && t_pause(&d))
		drop_caches();
}
