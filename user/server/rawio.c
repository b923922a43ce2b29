// SPDX-License-Identifier: GPL-2.0-only
/* Reading and writing devices oneself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fusefmap.h>

#include "log.h"
#include "rawio.h"

#define CACHE_LINE	64U	/* bytes, at most what the CPUs below have */

#if defined(__x86_64__)
#include <emmintrin.h>
#define CAN_FLUSH	1
#define flush_line(p)	_mm_clflush(p)
#define flush_done()	_mm_sfence()
#elif defined(__aarch64__)
#define CAN_FLUSH	1
#define flush_line(p)	__asm__ volatile("dc cvac, %0" : : "r" (p) : "memory")
#define flush_done()	__asm__ volatile("dsb sy" : : : "memory")
#else
#define CAN_FLUSH	0
#define flush_line(p)	(void)(p)
#define flush_done()
#endif

struct rawdev {
	int fd;
	uint64_t size;	/* bytes */
	char *map;	/* DAX character devices, else NULL */
};

struct rawio {
	unsigned int count;
	struct rawdev dev[FUSE_FAMFS_MAX_DAXDEVS];
};

/*
 * Against mkfs, and masters of a pool, which lock images exclusively. Servers of
 * layouts share them.
 */
static bool share(const struct rawdev *dev, const char *path)
{
	struct stat st;

	if (fstat(dev->fd, &st) || !S_ISREG(st.st_mode) ||
	    !flock(dev->fd, LOCK_SH | LOCK_NB))
		return true;
	log_line(LOG_ERR, "%s: %s", path, errno == EWOULDBLOCK ?
		 "in use by another program: a pool's master, or mkfs" :
		 strerror(errno));
	return false;
}

static bool open_device(struct rawdev *dev, const struct dev_info *info)
{
	/* O_EXCL: not while something is mounted from it. */
	int flags = O_RDWR | O_CLOEXEC |
		    (!strncmp(info->path, "/dev/", 5) &&
		     info->kind != DEV_DEVDAX ? O_EXCL : 0);

	dev->size = info->size;
	dev->fd = open(info->path, flags);
	if (dev->fd < 0) {
		log_line(LOG_ERR, "%s: %s%s", info->path, strerror(errno),
			 errno == EBUSY ? " (in use, perhaps mounted)" : "");
		return false;
	}
	if (info->kind != DEV_DEVDAX)
		return share(dev, info->path);
	dev->map = mmap(NULL, dev->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			dev->fd, 0);
	if (dev->map != MAP_FAILED)
		return true;
	log_line(LOG_ERR, "%s: cannot be mapped: %s (driver %s; device_dax can, fsdev_dax cannot: use it without --no-fmap)",
		 info->path, strerror(errno), info->driver);
	dev->map = NULL;
	return false;
}

struct rawio *rawio_open(const struct layout_ops *ops, struct layout *layout)
{
	struct rawio *raw = calloc(1, sizeof(*raw));
	const struct dev_info *info;

	if (!raw) {
		log_line(LOG_ERR, "out of memory");
		return NULL;
	}
	while (raw->count < FUSE_FAMFS_MAX_DAXDEVS &&
	       !ops->device(layout, raw->count, &info))
		if (!open_device(&raw->dev[raw->count++], info)) {
			rawio_close(raw);
			return NULL;
		}
	return raw;
}

/*
 * Out of the CPU's caches. A mapping of device-dax has no msync(2): this is what
 * it would do, and so it is done at each write.
 */
static void flush(const char *p, size_t len)
{
	const char *end = p + len;

	p -= (uintptr_t)p % CACHE_LINE;
	for (; p < end; p += CACHE_LINE)
		flush_line(p);
	flush_done();
}

/* One contiguous range of a device. */
static int transfer(const struct rawdev *dev, char *in, const char *out,
		    size_t len, uint64_t off)
{
	ssize_t n;

	if (off > dev->size || len > dev->size - off)
		return -EIO;
	if (dev->map) {
		if (in) {
			memcpy(in, dev->map + off, len);
		} else {
			memcpy(dev->map + off, out, len);
			flush(dev->map + off, len);
		}
		return 0;
	}
	while (len) {
		n = in ? pread(dev->fd, in, len, off) :
			 pwrite(dev->fd, out, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (in)
			in += n;
		else
			out += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* Either @in or @out is NULL. */
static int walk(struct rawio *raw, const struct fuse_fmap *fmap, char *in,
		const char *out, size_t size, off_t off)
{
	struct fuse_fmap_target t;
	int rc;

	while (size) {
		rc = fuse_fmap_resolve(fmap, off, size, &t);
		if (!rc && t.dev >= raw->count)
			rc = -ENODEV;
		if (!rc)
			rc = transfer(&raw->dev[t.dev], in, out, t.len,
				      t.dev_off);
		if (rc)
			return rc;
		if (in)
			in += t.len;
		else
			out += t.len;
		off += t.len;
		size -= t.len;
	}
	return 0;
}

int rawio_read(struct rawio *raw, const struct fuse_fmap *fmap, char *buf,
	       size_t size, off_t off)
{
	return walk(raw, fmap, buf, NULL, size, off);
}

int rawio_write(struct rawio *raw, const struct fuse_fmap *fmap,
		const char *buf, size_t size, off_t off)
{
	return walk(raw, fmap, NULL, buf, size, off);
}

int rawio_sync(struct rawio *raw, const struct fuse_fmap *fmap)
{
	struct fuse_fmap_info info;
	unsigned int i;
	int rc = 0;

	fuse_fmap_get_info(fmap, &info);
	for (i = 0; i < raw->count; i++) {
		struct rawdev *dev = &raw->dev[i];

		if (!(info.dev_mask & 1ULL << i))
			continue;
		if (dev->map)
			rc = CAN_FLUSH ? rc : -EOPNOTSUPP;
		else if (fdatasync(dev->fd))
			rc = -errno;
	}
	return rc;
}

void rawio_close(struct rawio *raw)
{
	unsigned int i;

	for (i = 0; raw && i < raw->count; i++) {
		if (raw->dev[i].map)
			munmap(raw->dev[i].map, raw->dev[i].size);
		if (raw->dev[i].fd >= 0)
			close(raw->dev[i].fd);
	}
	free(raw);
}
