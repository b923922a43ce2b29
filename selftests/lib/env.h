/* SPDX-License-Identifier: GPL-2.0 */
/* Mounts with a scripted server, sysfs, the DAX devices of the machine. */
#ifndef SELFTESTS_ENV_H
#define SELFTESTS_ENV_H

#include "srv.h"
#include "tap.h"

#ifndef FMAPFS_NODE
#define FMAPFS_NODE	"/dev/fmapfs"
#define FMAPFS_TYPE	"fmapfs"
#endif
#define SYSFS		"/sys/fs/fmapfs"

/* A mount and its server's process. */
struct mnt {
	struct srv *srv;
	int pid;		/* of the server; 0: it has been reaped */
	unsigned int minor;	/* of st_dev: its name in sysfs */
	char dir[64];
};

#define MNT_OPTS	"allow_other"

struct mnt *mnt_new(struct srv *s);
struct mnt *mnt_new_opts(struct srv *s, const char *opts);
struct mnt *mnt_new_dev(struct srv *s, const char *opts, int *dev);
void mnt_end(struct mnt *m);
void mnt_end_counted(struct mnt *m);
void mnt_kill_server(struct mnt *m);
void srv_reap(struct mnt *m);
const char *in_mnt(const struct mnt *m, const char *name);
int open_in(const struct mnt *m, const char *name, int flags);

/* Parts of it, for tests that do their own mounting. */
char *make_dir(void);
bool on_fuse(void);
int open_dev(void);
int mount_fd(int dev, const char *dir, const char *opts);
int srv_start(struct srv *s, int dev);
unsigned int mount_minor(const char *dir);

long counter(const struct mnt *m, const char *name);
long sysfs_read(const struct mnt *m, const char *name);
int sysfs_write(const struct mnt *m, const char *name, const char *text);
int read_text(const char *path, char *buf, size_t size);
/* Is it waiting? And for what only SIGKILL ends? */
bool task_sleeps(const struct task *t);
bool task_blocked(const struct task *t);

/* The machine's DAX devices, from /run/fmapfs/dax. */
struct daxdev {
	char type[16];		/* pmem, devdax, fsdev */
	char node[64];
	uint64_t size;		/* bytes */
};

int daxdevs(const struct daxdev **devs);
const struct daxdev *pmem(int i);
void srv_use_pmem(struct srv *s);
struct srv *srv_with_pmem(void);
void drop_caches(void);
void settle_inodes(const struct mnt *m);

#endif /* SELFTESTS_ENV_H */
