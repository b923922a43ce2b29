// SPDX-License-Identifier: GPL-2.0-only
/* Copying of one file: opened, written piece by piece, brought to memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/capability.h>

#include "../media/media.h"
#include "../pool/guard.h"
#include "copy.h"

#define LAYOUT_XATTR	"user.fmapfs.layout"

__attribute__((format(printf, 3, 4)))
static int say(char *why, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, COPY_WHY_MAX, fmt, ap);
	va_end(ap);
	return error;
}

/* What an error of the destination means in a pool, where that is something else. */
static int destination_error(char *why, int error, const char *what, bool pool)
{
	const char *more = "";

	if (pool && error == EROFS)
		more = ": files are created on the pool's master only "
		       "(see fmapfs status)";
	else if (pool && error == ENAMETOOLONG)
		more = ": a pool has paths of at most 79 bytes";
	else if (pool && error == ENOSPC)
		more = ": see fmapfs df for what is free, also in the log";
	else if (pool && error == EOPNOTSUPP)
		more = ": that is no pool, or nothing can be created in it";
	return say(why, -error, "%s: %s%s", what, strerror(error), more);
}

static bool is_dax(int fd)
{
	struct statx stx;

	return !statx(fd, "", AT_EMPTY_PATH, 0, &stx) &&
	       stx.stx_attributes & STATX_ATTR_DAX;
}

/* Owner and mode first: the log is told of them together with the size. */
static int set_size(struct copy_file *file, const struct copy_options *options,
		    char *why)
{
	const struct stat *st = &file->item->st;

	if (options->layout &&
	    fsetxattr(file->dst, LAYOUT_XATTR, options->layout,
		      strlen(options->layout), 0))
		return destination_error(why, errno, LAYOUT_XATTR, options->pool);
	if (options->keep) {
		/* Where that is not possible it is told when the data are there. */
		if (fchown(file->dst, st->st_uid, st->st_gid) ||
		    fchmod(file->dst, st->st_mode & 07777))
			errno = 0;
	}
	if (ftruncate(file->dst, st->st_size))
		return destination_error(why, errno, "its size", options->pool);
	return 0;
}

/*
 * One that is there is gone on with. Of no size it was created but not yet sized when
 * the copying was interrupted.
 */
static int open_existing(struct copy_file *file,
			 const struct copy_options *options, char *why)
{
	const struct stat *want = &file->item->st;
	struct stat st;

	if (!options->resume)
		return say(why, -EEXIST, "is there already; --resume compares it and "
			   "writes what differs");
	file->dst = open(file->item->dst, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file->dst < 0)
		return destination_error(why, errno, "open", options->pool);
	if (fstat(file->dst, &st))
		return destination_error(why, errno, "stat", options->pool);
	if (!S_ISREG(st.st_mode))
		return say(why, -EEXIST, "is there already, and is no ordinary file");
	if (st.st_dev == want->st_dev && st.st_ino == want->st_ino)
		return say(why, -EEXIST, "is the source itself");
	if (st.st_size == want->st_size)
		return 0;
	if (st.st_size)
		return say(why, -EEXIST, "is there already with %lld bytes instead of "
			   "%lld%s", (long long)st.st_size, (long long)want->st_size,
			   options->pool ?
			   ": the size of a file in a pool cannot change" : "");
	file->fresh = true;
	return set_size(file, options, why);
}

static int open_destination(struct copy_file *file,
			    const struct copy_options *options, char *why)
{
	const struct copy_item *item = file->item;
	/* Whoever may not write it later may write it through this fd. */
	mode_t mode = options->keep ? 0600 : item->st.st_mode & 0777;

	file->dst = open(item->dst, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (file->dst < 0 && errno == EEXIST)
		return open_existing(file, options, why);
	if (file->dst < 0)
		return destination_error(why, errno, "create", options->pool);
	file->fresh = true;
	return set_size(file, options, why);
}

static int open_source(struct copy_file *file, char *why)
{
	const struct stat *want = &file->item->st;
	struct stat st;

	/* A pipe that has taken its place must not make us wait. */
	file->src = open(file->item->src, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->src < 0 || fstat(file->src, &st))
		return say(why, -errno, "%s: %s", file->item->src, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_dev != want->st_dev ||
	    st.st_ino != want->st_ino || st.st_size != want->st_size)
		return say(why, -EBUSY, "%s has changed meanwhile", file->item->src);
	posix_fadvise(file->src, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static void close_both(struct copy_file *file)
{
	if (file->map)
		munmap(file->map, file->item->st.st_size);
	if (file->src >= 0)
		close(file->src);
	if (file->dst >= 0)
		close(file->dst);
	file->map = NULL;
	file->src = file->dst = -1;
}

int copy_file_open(struct copy_file *file, const struct copy_item *item,
		   const struct copy_options *options, char *why)
{
	int rc;

	*file = (struct copy_file){ .item = item, .src = -1, .dst = -1 };
	if (!item->st.st_size && options->pool)
		return say(why, -EINVAL, "is empty: a pool has no empty files");
	rc = open_source(file, why);
	if (!rc)
		rc = open_destination(file, options, why);
	if (rc) {
		close_both(file);
		return rc;
	}
	if (item->st.st_size) {
		/* Where files cannot be mapped shared they are written. */
		file->map = mmap(NULL, item->st.st_size, PROT_READ | PROT_WRITE,
				 MAP_SHARED, file->dst, 0);
		if (file->map == MAP_FAILED)
			file->map = NULL;
	}
	file->dax = file->map && is_dax(file->dst);
	return 0;
}

static int source_error(const struct copy_file *file, ssize_t n, int error,
			uint64_t off, char *why)
{
	if (n < 0)
		return say(why, -error, "%s, at byte %llu: %s", file->item->src,
			   (unsigned long long)off, strerror(error));
	return say(why, -EBUSY, "%s has become shorter meanwhile", file->item->src);
}

/* From the source's page cache into the memory: nothing in between. */
static int read_into_map(const struct copy_file *file, uint64_t off, uint64_t len,
			 char *why)
{
	ssize_t n;

	while (len) {
		n = pread(file->src, file->map + off, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EFAULT)
			return say(why, -EIO, "bad memory near byte %llu",
				   (unsigned long long)off);
		if (n <= 0)
			return source_error(file, n, errno, off, why);
		off += n;
		len -= n;
	}
	return 0;
}

static int read_source(const struct copy_file *file, uint64_t off, uint64_t len,
		       char *buf, char *why)
{
	ssize_t n;

	while (len) {
		n = pread(file->src, buf, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return source_error(file, n, errno, off, why);
		off += n;
		buf += n;
		len -= n;
	}
	return 0;
}

struct comparing {
	const void *a;
	const void *b;
	uint64_t len;
};

static int compare(void *ctx)
{
	const struct comparing *c = ctx;

	return memcmp(c->a, c->b, c->len) != 0;
}

/* Return: 1: they differ (bad memory does; it may do when it is written). */
static int differs(const struct copy_file *file, const void *data, uint64_t off,
		   uint64_t len)
{
	struct comparing c = { data, NULL, len };
	char there[4096];
	ssize_t n;

	if (file->map) {
		c.b = file->map + off;
		return guard_run(compare, &c, NULL) != 0;
	}
	for (c.b = there; len; len -= n, off += n) {
		n = pread(file->dst, there, len < sizeof(there) ? len : sizeof(there),
			  off);
		c.len = n;
		if (n <= 0 || compare(&c))
			return 1;
		c.a = (const char *)c.a + n;
	}
	return 0;
}

struct storing {
	void *dst;
	const void *src;
	uint64_t len;
};

static int store(void *ctx)
{
	const struct storing *s = ctx;

	memcpy(s->dst, s->src, s->len);
	return 0;
}

static int write_data(const struct copy_file *file, const char *data, uint64_t off,
		      uint64_t len, char *why)
{
	struct storing s = { file->map + off, data, len };
	const void *fault;
	ssize_t n;

	if (file->map) {
		if (guard_run(store, &s, &fault))
			return say(why, -EIO, "bad memory at byte %llu", (unsigned long long)
				   ((const char *)fault - file->map));
		return 0;
	}
	while (len) {
		n = pwrite(file->dst, data, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return say(why, n ? -errno : -EIO, "write, at byte %llu: %s",
				   (unsigned long long)off, strerror(n ? errno : EIO));
		data += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* A stretch that has data, or is to be compared. */
static int copy_stretch(const struct copy_file *file, uint64_t off, uint64_t len,
			void *buf, uint64_t *copied, char *why)
{
	uint64_t n;
	int rc = 0;

	if (file->fresh && file->map) {
		rc = read_into_map(file, off, len, why);
		if (!rc)
			__atomic_add_fetch(copied, len, __ATOMIC_RELAXED);
		return rc;
	}
	for (; len && !rc; off += n, len -= n) {
		n = len < COPY_BUFFER ? len : COPY_BUFFER;
		rc = read_source(file, off, n, buf, why);
		if (rc || (!file->fresh && !differs(file, buf, off, n)))
			continue;
		rc = write_data(file, buf, off, n, why);
		__atomic_add_fetch(copied, n, __ATOMIC_RELAXED);
	}
	return rc;
}

/* Of a file that is all zeroes yet, holes of the source are left as they are. */
static int copy_sparse(const struct copy_file *file, uint64_t off, uint64_t end,
		       void *buf, uint64_t *copied, char *why)
{
	off_t data, hole;
	int rc = 0;

	while (off < end && !rc) {
		data = lseek(file->src, off, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return copy_stretch(file, off, end - off, buf, copied, why);
		if ((uint64_t)data >= end)
			break;
		hole = lseek(file->src, data, SEEK_HOLE);
		if (hole <= data || (uint64_t)hole > end)
			hole = end;
		rc = copy_stretch(file, data, hole - data, buf, copied, why);
		off = hole;
	}
	return rc;
}

int copy_file_piece(const struct copy_file *file, uint64_t off, uint64_t len,
		    void *buf, uint64_t *copied, char *why)
{
	int rc;

	if (file->fresh)
		rc = copy_sparse(file, off, off + len, buf, copied, why);
	else
		rc = copy_stretch(file, off, len, buf, copied, why);
	/*
	 * Also of what is the same: whoever wrote it may have died before it left the
	 * caches, which nobody sees from here.
	 */
	if (!rc && file->dax)
		media_writeback(file->map + off, len);
	return rc;
}

/* Times are nowhere on a medium; that they cannot be set is no failure. */
static int keep_attributes(const struct copy_file *file, char *why)
{
	const struct stat *st = &file->item->st;
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	struct stat now;

	futimens(file->dst, times);
	if (fstat(file->dst, &now))
		return say(why, -errno, "stat: %s", strerror(errno));
	if ((now.st_uid != st->st_uid || now.st_gid != st->st_gid) &&
	    fchown(file->dst, st->st_uid, st->st_gid))
		return say(why, -errno, "its owner: %s", strerror(errno));
	if ((now.st_mode ^ st->st_mode) & 07777 &&
	    fchmod(file->dst, st->st_mode & 07777))
		return say(why, -errno, "its mode: %s", strerror(errno));
	return 0;
}

int copy_file_close(struct copy_file *file, const struct copy_options *options,
		    bool failed, char *why)
{
	int rc = 0;

	if (!failed && !file->dax && fsync(file->dst))
		rc = say(why, -errno, "fsync: %s", strerror(errno));
	if (!failed && !rc && options->keep)
		rc = keep_attributes(file, why);
	close_both(file);
	return rc;
}

/* Of this thread. Return: false: it cannot be; nothing has changed. */
static bool capabilities(bool set, struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return !syscall(set ? SYS_capset : SYS_capget, &header, data);
}

/*
 * The log is told of a directory's owner when it is made, never later: as that owner,
 * if this is root. With its capabilities, which setfsuid(2) takes away: it may well be in
 * one that its owner may not write.
 */
static int make_as(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct __user_cap_data_struct caps[2];
	bool known = capabilities(false, caps);
	int rc;

	setfsgid(gid);
	setfsuid(uid);
	if (known)
		capabilities(true, caps);
	rc = mkdir(path, mode) ? -errno : 0;
	setfsuid(geteuid());
	setfsgid(getegid());
	return rc;
}

int copy_make_directory(const struct copy_item *item,
			const struct copy_options *options, char *why)
{
	mode_t mode = item->st.st_mode & 07777;
	struct stat st;
	int rc = -EACCES;

	if (options->keep && !geteuid())
		rc = make_as(item->dst, mode, item->st.st_uid, item->st.st_gid);
	if (rc == -EACCES)
		rc = mkdir(item->dst, options->keep ? mode : mode & 0777) ? -errno : 0;
	if (rc == -EEXIST) {
		if (stat(item->dst, &st) || !S_ISDIR(st.st_mode))
			return say(why, -ENOTDIR, "is there already, and is no directory");
		return 0;
	}
	if (rc)
		return destination_error(why, -rc, "mkdir", options->pool);
	if (options->keep && (chown(item->dst, item->st.st_uid, item->st.st_gid) ||
			      chmod(item->dst, mode)))
		return destination_error(why, errno, "its owner and mode",
					 options->pool);
	return 0;
}
