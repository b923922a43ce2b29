// SPDX-License-Identifier: GPL-2.0-only
/*
 * The private mount of libfmappool, whose kernel is the test: its system calls are
 * replaced (--wrap in pool.mk), and the device is a socket. What only the module can
 * show, window_test does.
 *
 *   1. A window is a file with a node id that no other ever has; its map is that of the
 *      window, in terms of the devices that were pushed.
 *   2. To close it the map is taken back and the name deleted, in this order; from then
 *      on there is neither name nor map. If the kernel is at it by itself, FORGET is
 *      waited for. Memory of it is freed by FORGET, or with the mount.
 *   3. A refused map is the error of the window, and leaves nothing.
 *   4. Devices are pushed; a mount that is of no use is replaced with its last window.
 *   5. The thread takes no signal, and has ended when the reach is closed.
 *   6. What keeps it from mounting is told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "fusefmap.h"
#include "images.h"

#define WAIT_MS		20000	/* a test that hangs fails */
#define AGREED		((uint32_t)(FUSE_DAX_FMAP >> 32))

/* The kernel. */
static struct {
	int fsopen_errno;	/* of the next ones; 0: they succeed */
	bool not_offered;	/* fmaps */
	int open_errno;		/* what the map is refused with */
	bool keeps;		/* inodes whose name is deleted */
	bool is_over;		/* the connection has ended */
	bool is_evicting;	/* INVAL_INODE finds nothing; FORGET follows later */
	int fd;			/* its end of the device; -1: there is none */
	int mount;		/* fd of the mount */
	uint64_t unique;
	unsigned int mounts, pushed, invals, deletes;
	uint64_t nodeid;	/* of the last LOOKUP */
	char deleted[32];	/* the name */
	struct fuse_fmap *fmap;	/* of the last GET_FMAP */
	pthread_mutex_t lock;	/* one call at a time */
} kernel = { .fd = -1, .mount = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static void tell(uint32_t opcode, uint64_t nodeid, const void *body, size_t len)
{
	struct fuse_in_header in = {
		.len = sizeof(in) + len,
		.opcode = opcode,
		.unique = kernel.unique += 2,
		.nodeid = nodeid,
	};
	uint8_t buf[512];

	memcpy(buf, &in, sizeof(in));
	memcpy(buf + sizeof(in), body, len);
	/* There may be nobody any more. */
	send(kernel.fd, buf, in.len, MSG_NOSIGNAL);
}

static void forget(uint64_t nodeid)
{
	const struct fuse_forget_in in = { .nlookup = 1 };

	tell(FUSE_FORGET, nodeid, &in, sizeof(in));
}

/* A notification that libfuse has written by itself. */
static void notified(const struct fuse_out_header *out)
{
	const struct fuse_notify_delete_out *del = (const void *)(out + 1);

	assert_int_equal(out->error, FUSE_NOTIFY_DELETE);
	assert_int_equal(del->parent, FUSE_ROOT_ID);
	snprintf(kernel.deleted, sizeof(kernel.deleted), "%s", (char *)(del + 1));
	assert_int_equal(strtoull(kernel.deleted, NULL, 10), del->child);
	kernel.deletes++;
	if (!kernel.keeps)
		forget(del->child);
}

/* That the other end is gone is told first, and then what it has said. */
static ssize_t hear(uint8_t *buf, size_t room)
{
	ssize_t n = recv(kernel.fd, buf, room, 0);

	return n < 0 && errno == ECONNRESET ? recv(kernel.fd, buf, room, 0) : n;
}

/* Reads what there is; @unique: until the reply to it. Return: its -errno, or 0 */
static int hear_reply(uint64_t unique, uint8_t *buf, size_t room)
{
	struct fuse_out_header *out = (struct fuse_out_header *)buf;
	struct pollfd pfd = { .fd = kernel.fd, .events = POLLIN };

	do {
		if (poll(&pfd, 1, unique ? WAIT_MS : 0) != 1 ||
		    hear(buf, room) < (ssize_t)sizeof(*out))
			return -ENOTCONN;
		if (!out->unique)
			notified(out);
	} while (!unique || out->unique != unique);
	return out->error;
}

static void see_notifications(void)
{
	_Alignas(8) uint8_t buf[4096];

	hear_reply(0, buf, sizeof(buf));
}

static int ask(uint32_t opcode, uint64_t nodeid, const void *body, size_t len,
	       uint8_t *buf, size_t room)
{
	see_notifications();
	tell(opcode, nodeid, body, len);
	return hear_reply(kernel.unique, buf, room);
}

static int lookup(const char *name)
{
	_Alignas(8) uint8_t buf[4096];
	const struct fuse_entry_out *entry = (void *)(buf +
					     sizeof(struct fuse_out_header));
	int rc = ask(FUSE_LOOKUP, FUSE_ROOT_ID, name, strlen(name) + 1, buf,
		     sizeof(buf));

	if (!rc)
		kernel.nodeid = entry->nodeid;
	return rc;
}

static int get_fmap(uint64_t nodeid)
{
	const struct fuse_getxattr_in in = { .size = FAMFS_FMAP_MAX };
	_Alignas(8) uint8_t buf[4096];
	const struct fuse_out_header *out = (void *)buf;
	int rc = ask(FUSE_GET_FMAP, nodeid, &in, sizeof(in), buf, sizeof(buf));

	if (rc)
		return rc;
	fuse_fmap_free(kernel.fmap);
	return fuse_fmap_parse(&kernel.fmap, out + 1, out->len - sizeof(*out), NULL);
}

/* --- its system calls --- */

int __wrap_fsopen(const char *type, unsigned int flags);
int __wrap_fsconfig(int fd, unsigned int cmd, const char *key, const void *value,
		    int aux);
int __wrap_fsmount(int fd, unsigned int flags, unsigned int attrs);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_statx(int at, const char *path, int flags, unsigned int mask,
		 struct statx *stx);
int __wrap_ioctl(int fd, unsigned long cmd, void *arg);
ssize_t __real_writev(int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);

int __wrap_fsopen(const char *type, unsigned int flags)
{
	assert_string_equal(type, "fmapfs");
	assert_int_equal(flags, FSOPEN_CLOEXEC);
	errno = kernel.fsopen_errno;
	return errno ? -1 : __real_open("/dev/null", O_RDWR | O_CLOEXEC);
}

int __wrap_fsconfig(int fd, unsigned int cmd, const char *key, const void *value,
		    int aux)
{
	(void)fd;
	(void)cmd;
	(void)key;
	(void)value;
	(void)aux;
	return 0;
}

int __wrap_fsmount(int fd, unsigned int flags, unsigned int attrs)
{
	struct fuse_init_in in = {
		.major = 7,
		.minor = 46,
		.flags = FUSE_INIT_EXT | FUSE_MAX_PAGES,
		.flags2 = kernel.not_offered ? 0 : AGREED,
	};

	(void)fd;
	assert_int_equal(flags, FSMOUNT_CLOEXEC);
	assert_true(attrs & MOUNT_ATTR_NODEV);
	kernel.mounts++;
	kernel.is_over = false;
	kernel.mount = __real_open("/dev/null", O_RDONLY | O_CLOEXEC);
	tell(FUSE_INIT, 0, &in, sizeof(in));
	return kernel.mount;
}

int __wrap_open(const char *path, int flags, ...)
{
	int fds[2];

	/* In /sys: the abort, which ends the connection here. */
	if (strstr(path, "/sys/fs/fmapfs/77/"))
		path = "/dev/null";
	if (strcmp(path, "/dev/fmapfs"))
		return __real_open(path, flags, 0600);
	assert_true(flags & O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds),
			 0);
	if (kernel.fd >= 0) {
		see_notifications();
		close(kernel.fd);
	}
	kernel.fd = fds[0];
	return fds[1];
}

int __wrap_fstat(int fd, struct stat *st)
{
	_Alignas(8) uint8_t buf[4096];

	if (fd != kernel.mount)
		return __real_fstat(fd, st);
	errno = -hear_reply(kernel.unique, buf, sizeof(buf));
	return errno ? -1 : 0;
}

int __wrap_statx(int at, const char *path, int flags, unsigned int mask,
		 struct statx *stx)
{
	(void)path;
	(void)flags;
	(void)mask;
	assert_int_equal(at, kernel.mount);
	stx->stx_dev_minor = 77;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long cmd, void *arg)
{
	const struct fuse_daxdev_open *open_arg = arg;

	(void)fd;
	assert_int_equal(cmd, FUSE_DEV_IOC_DAXDEV_OPEN);
	assert_true(fcntl(open_arg->fd, F_GETFD) >= 0);
	assert_int_equal(open_arg->daxdev_index, kernel.pushed);
	kernel.pushed++;
	return 0;
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	struct fuse_fmap_info info;
	int fd = -1, rc;

	assert_int_equal(at, kernel.mount);
	assert_true(flags & O_CLOEXEC);
	pthread_mutex_lock(&kernel.lock);
	rc = lookup(path);
	if (!rc)
		rc = get_fmap(kernel.nodeid);
	if (!rc)
		rc = -kernel.open_errno;
	if (!rc) {
		fuse_fmap_get_info(kernel.fmap, &info);
		fd = memfd_create("file", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, info.file_size), 0);
	}
	pthread_mutex_unlock(&kernel.lock);
	errno = -rc;
	return fd;
}

static void *forget_later(void *arg)
{
	usleep(300000);
	forget((uintptr_t)arg);
	return NULL;
}

/* The library's notifications; those of libfuse come by the socket. */
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	const struct fuse_notify_inval_inode_out *inval = iov[1].iov_base;
	pthread_t thread;

	if (n != 2 || out->unique || out->error != FUSE_NOTIFY_INVAL_INODE)
		return __real_writev(fd, iov, n);
	errno = ENODEV;
	if (kernel.is_over)
		return -1;
	assert_int_equal(inval->off, 0);
	/* The name is still there: nothing but this can make the inode go. */
	see_notifications();
	assert_int_equal(kernel.deletes, kernel.invals);
	kernel.invals++;
	if (!kernel.is_evicting)
		return iov[0].iov_len + iov[1].iov_len;
	pthread_create(&thread, NULL, forget_later, (void *)(uintptr_t)inval->ino);
	pthread_detach(thread);
	errno = ENOENT;
	return -1;
}

/* --- tests --- */

static int start(void **state)
{
	kernel.fsopen_errno = kernel.open_errno = 0;
	kernel.not_offered = kernel.is_evicting = kernel.keeps = false;
	kernel.mounts = kernel.pushed = kernel.invals = kernel.deletes = 0;
	return images_setup(state);
}

static int end(void **state)
{
	if (kernel.fd >= 0)
		close(kernel.fd);
	kernel.fd = -1;
	fuse_fmap_free(kernel.fmap);
	kernel.fmap = NULL;
	return images_teardown(state);
}

/* An image that is taken for persistent memory. */
static int add(struct pool_reach *reach, unsigned int index, unsigned int i)
{
	struct dev_info dev = { .kind = DEV_PMEM, .size = DEV_SIZE, .id = 100 + i };

	strcpy(dev.path, image(i));
	return pool_reach_add(reach, index, &dev);
}

static struct pool_reach *reach_new(void)
{
	struct pool_reach *reach;

	assert_int_equal(pool_reach_open(&reach, POOL_WRITE, &msgs), 0);
	assert_int_equal(add(reach, 5, 0), 0);
	assert_int_equal(add(reach, 9, 1), 0);
	assert_int_equal(kernel.mounts, 1);
	assert_int_equal(kernel.pushed, 2);
	return reach;
}

static void window_is_a_file_of_its_own(void **state)
{
	struct pool_reach *reach = reach_new();
	struct famfs_fmap map = {
		.count = 2,
		.extents = { { 9, MIB, PAGE }, { 5, 2 * MIB, 9 * PAGE } },
	};
	struct fuse_famfs_simple_ext ext;
	struct fuse_fmap_info info;
	struct pool_window a, b;
	char name[32];
	uint64_t first;

	(void)state;
	assert_int_equal(pool_window_open(reach, &map, 3 * PAGE, &a), 0);
	fuse_fmap_get_info(kernel.fmap, &info);
	assert_int_equal(info.file_size, 3 * PAGE);
	assert_int_equal(info.nextents, 2);
	assert_int_equal(fuse_fmap_range(kernel.fmap, 0, &ext), 0);
	assert_int_equal(ext.se_devindex, 1);
	assert_int_equal(ext.se_offset, MIB);
	assert_int_equal(fuse_fmap_range(kernel.fmap, 1, &ext), 0);
	assert_int_equal(ext.se_devindex, 0);
	/* Not more than the window shows. */
	assert_int_equal(ext.se_len, 2 * PAGE);
	memset(a.mem, 1, 3 * PAGE);
	first = kernel.nodeid;
	assert_true(first > FUSE_ROOT_ID);
	snprintf(name, sizeof(name), "%llux", (unsigned long long)first);
	assert_int_equal(lookup(name), -ENOENT);
	/* Somebody has it open still: a child. */
	kernel.keeps = true;
	pool_window_close(reach, &a);
	assert_int_equal(kernel.invals, 1);
	see_notifications();
	assert_int_equal(kernel.deletes, 1);
	assert_int_equal(lookup(kernel.deleted), -ENOENT);
	assert_int_equal(get_fmap(first), -EIO);
	forget(first);
	kernel.keeps = false;

	assert_int_equal(pool_window_range(reach, 5, 0, PAGE, &a), 0);
	assert_true(kernel.nodeid > first);
	first = kernel.nodeid;
	assert_int_equal(pool_window_range(reach, 5, PAGE, PAGE, &b), 0);
	assert_true(kernel.nodeid > first);
	pool_window_close(reach, &b);
	/* The other one is as it was. */
	assert_int_equal(get_fmap(first), 0);
	pool_window_close(reach, &a);
	pool_reach_close(reach);
	assert_string_equal(said, "");
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void close_waits_for_what_goes_by_itself(void **state)
{
	struct pool_reach *reach = reach_new();
	struct pool_window window;
	int64_t since;

	(void)state;
	kernel.is_evicting = true;
	assert_int_equal(pool_window_range(reach, 5, 0, PAGE, &window), 0);
	since = now_ms();
	pool_window_close(reach, &window);
	assert_in_range(now_ms() - since, 250, 5000);
	pool_reach_close(reach);
	assert_string_equal(said, "");
}

static void refused_map_leaves_nothing(void **state)
{
	struct pool_reach *reach = reach_new();
	struct pool_window window;
	int fd = free_fd();

	(void)state;
	kernel.open_errno = EEXIST;
	assert_int_equal(pool_window_range(reach, 5, 0, PAGE, &window), -EEXIST);
	assert_said("that memory is a file's on this host");
	assert_said(image(0));
	assert_int_equal(free_fd(), fd);
	assert_int_equal(kernel.invals, 1);
	kernel.open_errno = 0;
	assert_int_equal(pool_window_range(reach, 5, 0, PAGE, &window), 0);
	pool_window_close(reach, &window);
	pool_reach_close(reach);
}

/* With its last window; until then it cannot be. */
static void mount_of_no_use_is_replaced(void **state)
{
	struct pool_reach *reach = reach_new();
	struct pool_window window, other;

	(void)state;
	assert_int_equal(pool_window_range(reach, 7, 0, PAGE, &window), -ENODEV);
	assert_int_equal(pool_window_range(reach, 9, 0, PAGE, &window), 0);
	pool_reach_remove(reach, 5);
	assert_int_equal(pool_window_range(reach, 9, PAGE, PAGE, &other), 0);
	assert_int_equal(kernel.mounts, 1);
	assert_int_equal(add(reach, 5, 2), 0);
	assert_int_equal(kernel.pushed, 3);
	pool_window_close(reach, &other);
	pool_window_close(reach, &window);
	kernel.pushed = 0;
	assert_int_equal(pool_window_range(reach, 5, 0, PAGE, &window), 0);
	assert_int_equal(kernel.mounts, 2);
	assert_int_equal(kernel.pushed, 2);

	/* The connection ends: the memory stays, and nobody waits. */
	see_notifications();
	kernel.is_over = true;
	shutdown(kernel.fd, SHUT_RDWR);
	memset(window.mem, 1, PAGE);
	assert_int_equal(pool_window_range(reach, 9, 0, PAGE, &other), -ENOTCONN);
	pool_window_close(reach, &window);
	kernel.pushed = 0;
	assert_int_equal(pool_window_range(reach, 9, 0, PAGE, &other), 0);
	assert_int_equal(kernel.mounts, 3);
	pool_window_close(reach, &other);
	/* And if its windows are left open, its memory goes all the same. */
	assert_int_equal(pool_window_range(reach, 9, 0, PAGE, &other), 0);
	munmap(other.mem, other.len);
	free(other.impl);
	pool_reach_close(reach);
}

/* How many threads there are of this name; what they block. */
static unsigned int servers(uint64_t *blocked)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned int n = 0;
	struct dirent *e;
	char path[320], line[128];

	while ((e = readdir(tasks))) {
		bool is_it = false;
		FILE *status;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		status = fopen(path, "r");
		while (status && fgets(line, sizeof(line), status)) {
			if (!strcmp(line, "Name:\tfmap-pool\n"))
				is_it = true;
			if (is_it && !strncmp(line, "SigBlk:", 7))
				*blocked = strtoull(line + 7, NULL, 16);
		}
		n += is_it;
		if (status)
			fclose(status);
	}
	closedir(tasks);
	return n;
}

static void thread_takes_no_signals_and_ends(void **state)
{
	int fd = free_fd();
	struct pool_reach *reach = reach_new();
	uint64_t blocked = 0;

	(void)state;
	assert_int_equal(servers(&blocked), 1);
	assert_true(blocked & 1ULL << (SIGTERM - 1));
	assert_true(blocked & 1ULL << (SIGCHLD - 1));
	assert_true(blocked & 1ULL << (SIGALRM - 1));
	pool_reach_close(reach);
	assert_int_equal(servers(&blocked), 0);
	close(kernel.fd);
	kernel.fd = -1;
	assert_int_equal(free_fd(), fd);
}

static void what_keeps_it_from_mounting_is_told(void **state)
{
	struct pool_reach *reach;

	(void)state;
	assert_int_equal(pool_reach_open(&reach, 0, &msgs), 0);
	kernel.fsopen_errno = ENODEV;
	assert_int_equal(add(reach, 0, 0), -ENOENT);
	assert_said("modprobe fmapfs");
	said[0] = '\0';
	kernel.fsopen_errno = EPERM;
	assert_int_equal(add(reach, 0, 0), -EPERM);
	assert_said("only root can");
	said[0] = '\0';
	kernel.fsopen_errno = 0;
	kernel.not_offered = true;
	assert_int_equal(add(reach, 0, 0), -EPERM);
	assert_said("only root can");
	kernel.not_offered = false;
	assert_int_equal(add(reach, 0, 0), 0);
	pool_reach_close(reach);
}

#define PRIVATE_TEST(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRIVATE_TEST(window_is_a_file_of_its_own),
		PRIVATE_TEST(close_waits_for_what_goes_by_itself),
		PRIVATE_TEST(refused_map_leaves_nothing),
		PRIVATE_TEST(mount_of_no_use_is_replaced),
		PRIVATE_TEST(thread_takes_no_signals_and_ends),
		PRIVATE_TEST(what_keeps_it_from_mounting_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
