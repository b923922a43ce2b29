// SPDX-License-Identifier: GPL-2.0
/*
 * Ordinary files, names and notifications, when allocations fail: as nomem_test.
 *
 * Besides: what has been made, although the caller has got ENOMEM, is found.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/nomem.h"
#include "lib/note.h"

static const char *in(struct at *at, const char *name)
{
	return in_mnt(at->m, name);
}

static struct node *node(struct at *at, const char *name)
{
	return srv_find_name(at->s, ROOT_ID, name);
}

/* What an earlier call has done already is done. */
static int done(int rc, int error)
{
	return rc < 0 && errno != error ? -1 : 0;
}

/* --- names --- */

static int open_plain(struct at *at)
{
	return with_fd(open_in(at->m, "plain", O_RDWR));
}

static int stat_name(struct at *at)
{
	struct stat st;

	return stat(in(at, "dir/in"), &st);
}

static int look_for_nothing(struct at *at)
{
	return done(access(in(at, "nothing"), F_OK), ENOENT);
}

/* Makes it, and then looks: it is there if and only if the server has it. */
static int made(struct at *at, const char *name, int rc)
{
	int error = errno;
	struct stat st;

	if (rc < 0 && error != EEXIST && error != ENOMEM)
		return -1;
	if (lstat(in(at, name), &st)) {
		if (errno == ENOMEM)
			return -1;
		if (node(at, name))
			FAIL("%s was made and is not found: %s, and then %s", name,
			     strerror(error), strerror(errno));
	}
	errno = error;
	return done(rc, EEXIST);
}

static int create(struct at *at)
{
	look_for_nothing(at);
	return made(at, "nothing",
		    with_fd(open_in(at->m, "nothing", O_RDWR | O_CREAT)));
}

static int create_exclusively(struct at *at)
{
	look_for_nothing(at);
	return made(at, "nothing",
		    with_fd(open_in(at->m, "nothing",
				    O_RDWR | O_CREAT | O_EXCL)));
}

static int make_fifo(struct at *at)
{
	look_for_nothing(at);
	return made(at, "nothing", mknod(in(at, "nothing"), S_IFIFO | 0600, 0));
}

static int make_dir_there(struct at *at)
{
	look_for_nothing(at);
	return made(at, "nothing", mkdir(in(at, "nothing"), 0700));
}

static int make_link(struct at *at)
{
	look_for_nothing(at);
	return made(at, "nothing", link(in(at, "plain"), in(at, "nothing")));
}

static int make_symlink(struct at *at)
{
	char to[16] = "";

	look_for_nothing(at);
	if (made(at, "nothing", symlink("target", in(at, "nothing"))))
		return -1;
	return readlink(in(at, "nothing"), to, sizeof(to)) < 0 ? -1 : 0;
}

static int remove_name(struct at *at)
{
	return done(unlink(in(at, "other")), ENOENT);
}

static int remove_dir(struct at *at)
{
	if (done(unlink(in(at, "dir/in")), ENOENT))
		return -1;
	return done(rmdir(in(at, "dir")), ENOENT);
}

static int rename_over(struct at *at)
{
	return done(rename(in(at, "plain"), in(at, "other")), ENOENT);
}

static int rename_exchange(struct at *at)
{
	return renameat2(AT_FDCWD, in(at, "plain"), AT_FDCWD, in(at, "other"),
			 RENAME_EXCHANGE);
}

/* The kernel writes into memory that is not there yet: EFAULT if it cannot be had. */
static int list(struct at *at)
{
	DIR *d = opendir(at->m->dir);
	int error;

	if (!d)
		return -1;
	errno = 0;
	while (readdir(d))
		;
	error = errno;
	closedir(d);
	errno = error;
	return error ? -1 : 0;
}

static int by_handle(struct at *at)
{
	union {
		struct file_handle fh;
		uint8_t room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .fh = { .handle_bytes = MAX_HANDLE_SZ } };
	int dir = open(at->m->dir, O_RDONLY | O_DIRECTORY), id, rc, error;

	if (dir < 0)
		return -1;
	rc = name_to_handle_at(dir, "plain", &u.fh, &id, 0);
	if (!rc)
		rc = with_fd(open_by_handle_at(dir, &u.fh, O_RDONLY));
	error = errno;
	close(dir);
	errno = error;
	return rc;
}

/* --- attributes --- */

static int stat_fs(struct at *at)
{
	struct statfs st = { 0 };

	return statfs(at->m->dir, &st);
}

static int change_attributes(struct at *at)
{
	if (chmod(in(at, "plain"), 0640))
		return -1;
	return utimensat(AT_FDCWD, in(at, "plain"), NULL, 0);
}

static int truncate_plain(struct at *at)
{
	return truncate(in(at, "plain"), 100);
}

static int xattr(struct at *at)
{
	char value[64] = "";

	if (setxattr(in(at, "plain"), "user.x", "y", 1, 0) ||
	    listxattr(in(at, "plain"), value, sizeof(value)) < 0 ||
	    getxattr(in(at, "plain"), "user.x", value, sizeof(value)) < 0)
		return -1;
	return done(removexattr(in(at, "plain"), "user.x"), ENODATA);
}

/* --- data --- */

static int read_cached(struct at *at)
{
	static char buf[NOMEM_PLAIN] = { 1 };

	memset(buf, 1, sizeof(buf));
	if (pread(at->plain, buf, sizeof(buf), 0) != sizeof(buf))
		return -1;
	PAT(buf, 1, 0, sizeof(buf));
	return posix_fadvise(at->plain, 0, 0, POSIX_FADV_DONTNEED);
}

static int read_past_cache(struct at *at)
{
	static uint8_t buf[NOMEM_PLAIN] __attribute__((aligned(PAGE)));
	int fd = open_in(at->m, "plain", O_RDONLY | O_DIRECT), rc, error;

	if (fd < 0)
		return -1;
	memset(buf, 1, sizeof(buf));
	rc = read(fd, buf, sizeof(buf));
	error = errno;
	close(fd);
	errno = error;
	/* As much as there was memory for. */
	if (rc > 0)
		PAT(buf, 1, 0, rc);
	return rc <= 0 ? -1 : 0;
}

/* Written, it is what is read, whatever has failed. */
static int write_cached(struct at *at)
{
	static uint8_t buf[64 * KIB], got[64 * KIB];
	ssize_t n;

	pat_fill(buf, 1, 100, sizeof(buf));
	memset(got, 1, sizeof(got));
	n = pwrite(at->plain, buf, sizeof(buf), 100);
	if (n <= 0 || pread(at->plain, got, n, 100) != n)
		return -1;
	PAT(got, 1, 100, n);
	return 0;
}

static int append(struct at *at)
{
	static const uint8_t buf[3 * PAGE] = { 1 };
	int fd = open_in(at->m, "other", O_WRONLY | O_APPEND), rc, error;

	if (fd < 0)
		return -1;
	rc = write(fd, buf, sizeof(buf));
	error = errno;
	close(fd);
	errno = error;
	return rc < 0 ? -1 : 0;
}

static int write_past_cache(struct at *at)
{
	static uint8_t buf[4 * PAGE] __attribute__((aligned(PAGE)));
	int fd = open_in(at->m, "plain", O_WRONLY | O_DIRECT), rc, error;

	if (fd < 0)
		return -1;
	pat_fill(buf, 1, 0, sizeof(buf));
	rc = write(fd, buf, sizeof(buf));
	error = errno;
	close(fd);
	errno = error;
	return rc < 0 ? -1 : 0;
}

static int ranges(struct at *at)
{
	if (fallocate(at->plain, 0, 0, NOMEM_PLAIN + PAGE) ||
	    lseek(at->plain, 0, SEEK_DATA) < 0)
		return -1;
	return 0;
}

static int copy_range(struct at *at)
{
	loff_t from = 0, to = 0;
	int fd = open_in(at->m, "other", O_RDWR), rc, error;

	if (fd < 0)
		return -1;
	rc = copy_file_range(at->plain, &from, fd, &to, PAGE, 0);
	error = errno;
	close(fd);
	errno = error;
	return rc < 0 ? -1 : 0;
}

static int sync_plain(struct at *at)
{
	return fsync(at->plain) || fdatasync(at->plain) ? -1 : 0;
}

/* A page that cannot be read, be it for want of memory, is SIGBUS: filemap_fault(). */
static int map_plain(struct at *at)
{
	uint8_t *p = mmap(NULL, NOMEM_PLAIN, PROT_READ, MAP_SHARED, at->plain,
			  0);
	int rc;

	if (p == MAP_FAILED)
		return -1;
	rc = try_read(p + 3 * PAGE);
	if (!rc)
		EQ(p[3 * PAGE], pat(1, 3 * PAGE));
	OK(munmap(p, NOMEM_PLAIN));
	errno = ENOMEM;
	return rc ? -1 : 0;
}

/* --- locks, ioctl, poll --- */

static int lock(struct at *at)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };

	if (fcntl(at->plain, F_SETLK, &l) ||
	    flock(at->plain, LOCK_EX | LOCK_NB) ||
	    fcntl(at->plain, F_GETLK, &l))
		return -1;
	l = (struct flock){ .l_type = F_UNLCK };
	return fcntl(at->plain, F_SETLK, &l) || flock(at->plain, LOCK_UN);
}

static int do_ioctl(struct at *at)
{
	char buf[128] = "";

	return ioctl(at->plain, _IOWR('x', 1, buf), buf) < 0 ? -1 : 0;
}

static int poll_and_epoll(struct at *at)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC), rc, error;
	struct pollfd p = { .fd = at->plain, .events = POLLIN };

	if (ep < 0)
		return -1;
	rc = poll(&p, 1, 0);
	if (rc >= 0)
		rc = epoll_ctl(ep, EPOLL_CTL_ADD, at->plain, &ev);
	error = errno;
	close(ep);
	errno = error;
	return rc < 0 ? -1 : 0;
}

/* --- the device, sysfs, debugfs --- */

static int clone_device(struct at *at)
{
	uint32_t from = at->dev;
	int fd = open("/dev/fmapfs", O_RDWR | O_CLOEXEC), rc, error;

	if (fd < 0)
		return -1;
	rc = ioctl(fd, FUSE_DEV_IOC_CLONE, &from);
	error = errno;
	close(fd);
	errno = error;
	return rc;
}

static int read_all(const char *dir, int minor)
{
	char path[300], text[PAGE];
	struct dirent *e;
	int rc = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%d", dir, minor);
	d = opendir(path);
	if (!d)
		return -1;
	while (!rc && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%d/%.200s", dir, minor,
			 e->d_name);
		if (e->d_type == DT_REG && strcmp(e->d_name, "abort"))
			rc = read_text(path, text, sizeof(text));
		if (rc > 0)
			rc = 0;
	}
	closedir(d);
	errno = -rc;
	return rc ? -1 : 0;
}

static int read_sysfs(struct at *at)
{
	return read_all(SYSFS, at->m->minor);
}

static int read_debugfs(struct at *at)
{
	return read_all("/sys/kernel/debug/fmapfs", at->m->minor);
}

/* --- notifications --- */

static int invalidate(struct at *at)
{
	return note_inval_inode(at->dev, node(at, "plain")->id, 0, 0) < 0 ? -1 :
									    0;
}

static int invalidate_name(struct at *at)
{
	return done(note_inval_entry(at->dev, ROOT_ID, "plain", 0), ENOENT);
}

static int delete_name(struct at *at)
{
	return done(note_delete(at->dev, ROOT_ID, node(at, "plain")->id, "plain"),
		    ENOENT);
}

static int store(struct at *at)
{
	uint8_t data[5000];

	pat_fill(data, 1, 0, sizeof(data));
	return note_store(at->dev, node(at, "plain")->id, 0, data,
			  sizeof(data)) < 0 ? -1 : 0;
}

static int retrieve(struct at *at)
{
	return note_retrieve(at->dev, 7, node(at, "plain")->id, 0, PAGE) < 0 ?
	       -1 : 0;
}

static int prune(struct at *at)
{
	uint64_t nodes[2] = { node(at, "plain")->id, node(at, "a")->id };

	return note_prune(at->dev, nodes, 2) < 0 ? -1 : 0;
}

static int resend(struct at *at)
{
	return note_resend(at->dev) < 0 || note_inc_epoch(at->dev) < 0 ? -1 : 0;
}

static const struct op ops[] = {
	OP(open_plain),
	OP(stat_name),
	OP(look_for_nothing),
	OP(create),
	OP(create_exclusively),
	OP(make_fifo),
	OP(make_dir_there),
	OP(make_link),
	OP(make_symlink, .want = FUSE_CACHE_SYMLINKS),
	OP(remove_name),
	OP(remove_dir),
	OP(rename_over),
	OP(rename_exchange),
	OP(list, .other = EFAULT),
	OP(by_handle, .want = FUSE_EXPORT_SUPPORT),
	OP(stat_fs),
	OP(change_attributes),
	OP(truncate_plain),
	OP(xattr),
	OP(read_cached, .open = true, .want = FUSE_ASYNC_READ),
	OP(read_past_cache),
	OP(write_cached, .open = true),
	OP(append),
	OP(write_past_cache),
	OP(ranges, .open = true),
	OP(copy_range, .open = true),
	OP(sync_plain, .open = true),
	OP(map_plain, .open = true),
	OP(lock, .open = true, .want = FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS,
	   .other = ENOLCK),
	OP(do_ioctl, .open = true),
	OP(poll_and_epoll, .open = true),
	OP(clone_device),
	OP(read_sysfs),
	OP(read_debugfs),
	OP(invalidate, .open = true),
	OP(invalidate_name, .open = true),
	OP(delete_name, .open = true),
	OP(store, .open = true),
	OP(retrieve, .open = true),
	OP(prune, .open = true),
	OP(resend, .open = true),
};
TEST_ROWS(each_allocation_fails, ops)

/* Entries and attributes with the names: another way, with other allocations. */
static const struct op plus[] = {
	{ .name = "list_with_attributes", .fn = list, .other = EFAULT,
	  .want = FUSE_DO_READDIRPLUS },
	{ .name = "read_one_at_a_time", .fn = read_cached, .open = true },
	{ .name = "lock_here", .fn = lock, .open = true, .other = ENOLCK },
};
TEST_ROWS(each_allocation_fails, plus)
