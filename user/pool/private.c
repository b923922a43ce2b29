// SPDX-License-Identifier: GPL-2.0-only
/*
 * The private mount: a directory of files that are memory, attached nowhere, which a
 * thread of this process serves.
 *
 * A file is there from private_file_open() to private_file_close(). Its name is its
 * node id in digits, and no other gets that. Closing a file takes its map back from
 * the kernel (INVAL_INODE), whoever may still have it mapped or open: a child that was
 * forked at the wrong moment, for one. With the map goes the claim on the memory.
 * Then the name is deleted, and the inode goes with its last user; FORGET tells.
 *
 * The thread waits for nobody but the kernel. What it takes is the lock of the table of
 * files, which is never held while its service is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <uthash.h>

#include "fusefmap.h"
#include "mount.h"
#include "pool_i.h"

#define NAME_ROOM	24	/* bytes: 20 digits, NUL */
#define KEPT_SECONDS	86400.0	/* attributes do not change */
#define FORGET_SECONDS	10	/* how long a FORGET is waited for */

/**
 * struct private_file - a file
 * @nodeid: its number and, in digits, its name
 * @fmap: its map; NULL: it is closed
 * @size: bytes
 * @lookups: that the kernel will give back by FORGET
 * @hh: in struct private's @files
 */
struct private_file {
	uint64_t nodeid;
	struct fuse_fmap *fmap;
	uint64_t size;
	uint64_t lookups;
	UT_hash_handle hh;
};

/**
 * struct private - a private mount
 * @log: who is told what
 * @fs: the session; owned, as the device is
 * @mount: fd of the root; closing it unmounts
 * @minor: of its device number: its name in sysfs
 * @thread: the server's; @started: there is one
 * @dead: the thread has ended, or never began. By lock
 * @lock: guards @files and what is in them, @next, @dead
 * @forgotten: some file has been forgotten
 * @files: by nodeid
 * @next: node id of the next file
 */
struct private {
	const struct pool_log *log;
	struct fuse_fmap_session *fs;
	int mount;
	unsigned int minor;
	pthread_t thread;
	bool started;
	bool dead;
	pthread_mutex_t lock;
	pthread_cond_t forgotten;
	struct private_file *files;
	uint64_t next;
};

/* ------------------------------------------------------------------------
 * The table of files. By lock
 */

static struct private_file *find_file(struct private *p, uint64_t nodeid)
{
	struct private_file *file;

	HASH_FIND(hh, p->files, &nodeid, sizeof(nodeid), file);
	return file;
}

static void free_file(struct private *p, struct private_file *file)
{
	HASH_DEL(p->files, file);
	fuse_fmap_free(file->fmap);
	free(file);
}

/* Of a file that is closed, when the kernel knows it no more. */
static void free_if_unknown(struct private *p, struct private_file *file)
{
	if (!file->fmap && !file->lookups)
		free_file(p, file);
}

static struct private_file *add_file(struct private *p, struct fuse_fmap *fmap)
{
	struct private_file *file = calloc(1, sizeof(*file));
	struct fuse_fmap_info info;

	if (!file)
		return NULL;
	fuse_fmap_get_info(fmap, &info);
	file->fmap = fmap;
	file->size = info.file_size;
	pthread_mutex_lock(&p->lock);
	file->nodeid = p->next++;
	HASH_ADD(hh, p->files, nodeid, sizeof(file->nodeid), file);
	pthread_mutex_unlock(&p->lock);
	return file;
}

/* ------------------------------------------------------------------------
 * Operations, in the server's thread
 */

static void put_attr(struct stat *st, uint64_t nodeid, mode_t mode, uint64_t size)
{
	*st = (struct stat) {
		.st_ino = nodeid,
		.st_mode = mode,
		.st_nlink = 1,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_size = size,
		.st_blocks = (size + 511) / 512,
	};
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct private *p = fuse_fmap_req_userdata(req);
	struct fuse_entry_param entry = {
		.attr_timeout = KEPT_SECONDS,
		.entry_timeout = KEPT_SECONDS,
	};
	struct private_file *file = NULL;
	char *end;

	pthread_mutex_lock(&p->lock);
	if (parent == FUSE_ROOT_ID)
		file = find_file(p, strtoull(name, &end, 10));
	if (!file || !file->fmap || *end) {
		pthread_mutex_unlock(&p->lock);
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry.ino = file->nodeid;
	put_attr(&entry.attr, file->nodeid, S_IFREG | 0600, file->size);
	file->lookups++;
	/* The request is gone: nothing was looked up. */
	if (fuse_reply_entry(req, &entry))
		file->lookups--;
	pthread_mutex_unlock(&p->lock);
}

static void forget_one(struct private *p, uint64_t nodeid, uint64_t nlookup)
{
	struct private_file *file;

	pthread_mutex_lock(&p->lock);
	file = find_file(p, nodeid);
	if (file) {
		file->lookups -= nlookup < file->lookups ? nlookup : file->lookups;
		free_if_unknown(p, file);
		pthread_cond_broadcast(&p->forgotten);
	}
	pthread_mutex_unlock(&p->lock);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	forget_one(fuse_fmap_req_userdata(req), ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		forget_one(fuse_fmap_req_userdata(req), forgets[i].ino,
			   forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct private *p = fuse_fmap_req_userdata(req);
	struct private_file *file;
	struct stat st;

	(void)fi;
	if (ino == FUSE_ROOT_ID) {
		put_attr(&st, ino, S_IFDIR | 0700, 0);
		fuse_reply_attr(req, &st, KEPT_SECONDS);
		return;
	}
	pthread_mutex_lock(&p->lock);
	file = find_file(p, ino);
	if (file)
		put_attr(&st, ino, S_IFREG | 0600, file->size);
	pthread_mutex_unlock(&p->lock);
	if (file)
		fuse_reply_attr(req, &st, KEPT_SECONDS);
	else
		fuse_reply_err(req, ENOENT);
}

/* Who still has a closed file mapped asks for its map, and gets SIGBUS. */
static void op_get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct private *p = fuse_fmap_req_userdata(req);
	struct private_file *file;

	pthread_mutex_lock(&p->lock);
	file = find_file(p, ino);
	if (file && file->fmap)
		fuse_fmap_reply(req, file->fmap, size);
	else
		fuse_reply_err(req, EIO);
	pthread_mutex_unlock(&p->lock);
}

static void op_log(void *userdata, enum fuse_log_level level, const char *message)
{
	struct private *p = userdata;

	/* The levels of libfuse are those of syslog. */
	pool_say(p->log, level, "private mount: %s", message);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup		= op_lookup,
	.forget		= op_forget,
	.forget_multi	= op_forget_multi,
	.getattr	= op_getattr,
};

static const struct fuse_fmap_ops fmap_ops = {
	.get_fmap	= op_get_fmap,
	.log		= op_log,
};

/* ------------------------------------------------------------------------
 * The thread
 */

/*
 * From here on whoever asks for something gets an error at once, also if this process
 * or a child of it has the device open still. Without sysfs the device's end does it.
 */
static void abort_connection(const struct private *p)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/fmapfs/%u/abort", p->minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		pool_say(p->log, LOG_WARNING, "%s: %s", path, strerror(errno));
	close(fd);
}

static void *serve(void *arg)
{
	struct private *p = arg;

	fuse_fmap_session_loop(p->fs);
	/* Whatever has ended it: nobody is to wait for an answer. */
	abort_connection(p);
	pthread_mutex_lock(&p->lock);
	p->dead = true;
	pthread_cond_broadcast(&p->forgotten);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the threads of the program that we are a part of. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

static int start_thread(struct private *p)
{
	sigset_t old;
	int rc;

	block_signals(&old);
	rc = pthread_create(&p->thread, NULL, serve, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		pool_say(p->log, LOG_ERR, "cannot start a thread: %s", strerror(rc));
		return -rc;
	}
	pthread_setname_np(p->thread, "fmap-pool");
	p->started = true;
	return 0;
}

/* ------------------------------------------------------------------------
 * Mounting
 */

/* What the kernel has to say about a mount is read from its context. */
static void say_context(const struct pool_log *log, int context)
{
	char text[POOL_LINE_MAX / 2];
	ssize_t len;

	while ((len = read(context, text, sizeof(text) - 1)) > 0) {
		text[len] = '\0';
		/* "e " and the like tell how bad it is. */
		pool_say_lines(log, LOG_ERR, "private mount: ",
			       len > 2 && text[1] == ' ' ? text + 2 : text);
	}
}

static int say_no_module(const struct pool_log *log)
{
	pool_say(log, LOG_ERR,
		 "the module fmapfs is not loaded: \"modprobe fmapfs\" (it has to be installed: \"modinfo fmapfs\")");
	return -ENOENT;
}

static int say_unprivileged(const struct pool_log *log)
{
	pool_say(log, LOG_ERR,
		 "only root can reach the memory of a pool (CAP_SYS_ADMIN and CAP_SYS_RAWIO)");
	return -EPERM;
}

/* Has the module loaded, if that may be. Return: the fd, or -errno. */
static int open_context(const struct pool_log *log)
{
	int fd = fsopen(FMAPFS_TYPE, FSOPEN_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENODEV)
		return say_no_module(log);
	if (errno == EPERM)
		return say_unprivileged(log);
	pool_say(log, LOG_ERR, "fsopen: %s", strerror(errno));
	return -errno;
}

/* Never 0 to 2: whoever prints to stderr must not write to the device. */
static int open_device(const struct pool_log *log)
{
	int low = open(FMAPFS_DEV, O_RDWR | O_CLOEXEC);
	int rc = low < 0 ? -errno : 0;
	int fd = low;

	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		return say_no_module(log);
	if (!rc && low <= STDERR_FILENO) {
		fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		rc = fd < 0 ? -errno : 0;
		close(low);
	}
	if (!rc)
		return fd;
	if (rc == -EACCES || rc == -EPERM)
		return say_unprivileged(log);
	pool_say(log, LOG_ERR, FMAPFS_DEV ": %s", strerror(-rc));
	return rc;
}

static int set_number(int context, const char *key, const char *format,
		      unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), format, value);
	return fsconfig(context, FSCONFIG_SET_STRING, key, text, 0);
}

/* Return: fd of the mount, or -errno. */
static int mount_device(int context, int device, const struct pool_log *log)
{
	int fd = -1;

	if (!fsconfig(context, FSCONFIG_SET_STRING, "source", "fmapfs-pool", 0) &&
	    !set_number(context, "fd", "%u", device) &&
	    !set_number(context, "rootmode", "%o", S_IFDIR) &&
	    !set_number(context, "user_id", "%u", getuid()) &&
	    !set_number(context, "group_id", "%u", getgid()) &&
	    !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = fsmount(context, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			     MOUNT_ATTR_NOEXEC);
	if (fd >= 0)
		return fd;
	fd = -errno;
	say_context(log, context);
	pool_say(log, LOG_ERR, "cannot mount fmapfs privately: %s", strerror(-fd));
	return fd;
}

/* The device is the session's, or closed. */
static int attach(struct private *p, int device)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int rc = fuse_opt_add_arg(&args, "fmapfs-pool") ? -ENOMEM : 0;

	if (!rc)
		rc = fuse_fmap_session_new(&p->fs, &args, &ops, sizeof(ops),
					   &fmap_ops, sizeof(fmap_ops), p);
	fuse_opt_free_args(&args);
	if (!rc)
		rc = fuse_fmap_session_attach(p->fs, device, NULL);
	if (rc)
		close(device);
	return rc;
}

static int mount_and_attach(struct private *p)
{
	int context = open_context(p->log);
	int device, rc;

	if (context < 0)
		return context;
	device = open_device(p->log);
	rc = device;
	if (device >= 0) {
		p->mount = mount_device(context, device, p->log);
		rc = p->mount;
		if (rc < 0)
			close(device);
		else
			rc = attach(p, device);
	}
	close(context);
	return rc;
}

/* Asking for the root's attributes, which waits for INIT. */
static int wait_for_init(struct private *p)
{
	struct stat st;

	if (fstat(p->mount, &st)) {
		int rc = -errno;

		pool_say(p->log, LOG_ERR, "the private mount does not begin: %s",
			 strerror(-rc));
		return rc;
	}
	if (!fuse_fmap_agreed(p->fs))
		return say_unprivileged(p->log);
	return 0;
}

/* From mountinfo's point of view it is nowhere, but it has a number; no request. */
static int know_number(struct private *p)
{
	struct statx stx;

	if (statx(p->mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx))
		return -errno;
	p->minor = stx.stx_dev_minor;
	return 0;
}

int private_open(struct private **result, const struct pool_log *log)
{
	struct private *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->log = log;
	p->mount = -1;
	p->next = FUSE_ROOT_ID + 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->forgotten, NULL);
	rc = mount_and_attach(p);
	if (!rc)
		rc = know_number(p);
	if (!rc)
		rc = start_thread(p);
	if (!rc)
		rc = wait_for_init(p);
	if (rc) {
		private_close(p);
		return rc;
	}
	*result = p;
	return 0;
}

void private_close(struct private *p)
{
	struct private_file *file, *next;

	if (p->started) {
		fuse_fmap_session_exit(p->fs);
		pthread_join(p->thread, NULL);
	}
	/* Unmounting waits for no server. */
	if (p->mount >= 0)
		close(p->mount);
	fuse_fmap_session_destroy(p->fs);
	HASH_ITER(hh, p->files, file, next)
		free_file(p, file);
	pthread_cond_destroy(&p->forgotten);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

bool private_is_dead(struct private *p)
{
	bool dead;

	pthread_mutex_lock(&p->lock);
	dead = p->dead;
	pthread_mutex_unlock(&p->lock);
	return dead;
}

int private_push(struct private *p, unsigned int index, int fd)
{
	return fuse_fmap_push_daxdev(p->fs, index, fd);
}

/* ------------------------------------------------------------------------
 * Files
 */

int private_file_open(struct private *p, struct fuse_fmap *fmap, int flags,
		      struct private_file **result)
{
	struct private_file *file = add_file(p, fmap);
	char name[NAME_ROOM];
	int fd;

	if (!file) {
		fuse_fmap_free(fmap);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "%llu", (unsigned long long)file->nodeid);
	fd = openat(p->mount, name, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		fd = -errno;
		private_file_close(p, file);
		return fd;
	}
	*result = file;
	return fd;
}

/* The kernel asks for the map no more; if it does not know the file, it is freed. */
static uint64_t disown(struct private *p, struct private_file *file)
{
	uint64_t nodeid = file->nodeid;

	pthread_mutex_lock(&p->lock);
	fuse_fmap_free(file->fmap);
	file->fmap = NULL;
	free_if_unknown(p, file);
	pthread_mutex_unlock(&p->lock);
	return nodeid;
}

/*
 * The kernel is letting go of the file by itself: it has it no more when it has sent
 * the FORGET. If that does not come, a page of it is pinned by something.
 */
static void wait_for_forget(struct private *p, uint64_t nodeid)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FORGET_SECONDS;
	pthread_mutex_lock(&p->lock);
	while (!rc && !p->dead && find_file(p, nodeid))
		rc = pthread_cond_timedwait(&p->forgotten, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
	if (rc)
		pool_say(p->log, LOG_WARNING,
			 "the kernel has not let go of a window's memory after %d s: is it used by I/O?",
			 FORGET_SECONDS);
}

void private_file_close(struct private *p, struct private_file *file)
{
	uint64_t nodeid = disown(p, file);
	char name[NAME_ROOM];
	sigset_t old;
	int rc;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)nodeid);
	/* A signal would end the kernel's waiting for pages that are being used. */
	block_signals(&old);
	rc = fuse_fmap_notify_refresh(p->fs, nodeid);
	if (!rc || rc == -ENOENT)
		fuse_lowlevel_notify_delete(fuse_fmap_session_fuse(p->fs),
					    FUSE_ROOT_ID, nodeid, name,
					    strlen(name));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		wait_for_forget(p, nodeid);
}
