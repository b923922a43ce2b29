// SPDX-License-Identifier: GPL-2.0-only
/* What is written to a file before it has memory: in a file without a name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "famfs.h"
#include "log.h"

static int open_store(struct layout *l, struct staged *s)
{
	const char *dir = l->args.pool.staging;

	if (s->fd >= 0)
		return 0;
	s->fd = dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) :
		      memfd_create("fmapfs", MFD_CLOEXEC);
	if (s->fd >= 0)
		return 0;
	return -errno;
}

void store_drop(struct staged *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/*
 * What cannot be in the pool in the end, whatever happens, is not taken. What is
 * allocated for the file already is its own.
 */
static bool is_too_large(struct layout *l, const struct staged *s, uint64_t end)
{
	struct media_usage usage;
	uint64_t unit = l->pool->sb.alloc_unit;
	uint64_t room;

	pthread_rwlock_rdlock(&l->lock);
	media_space_usage(media_fs_space(l->fs), &usage);
	pthread_rwlock_unlock(&l->lock);
	room = usage.size - usage.reserved - usage.used;
	if (s->allocated)
		room += (s->map_size + unit - 1) / unit * unit;
	return end > room;
}

static void set_size(struct layout *l, struct staged *s, uint64_t size)
{
	pthread_rwlock_wrlock(&l->lock);
	s->st.st_size = size;
	s->st.st_blocks = (size + 511) / 512;
	if (!s->timed)
		clock_gettime(CLOCK_REALTIME, &s->st.st_mtim);
	s->st.st_ctim = s->st.st_mtim;
	pthread_rwlock_unlock(&l->lock);
	s->changed = true;
}

/* A writer is told @rc, and so is the one who closes it. */
static int wrong(struct layout *l, struct staged *s, int rc)
{
	pthread_rwlock_wrlock(&l->lock);
	s->error = rc;
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

static int write_all(int fd, const char *buf, size_t size, uint64_t off)
{
	ssize_t n;

	while (size) {
		n = pwrite(fd, buf, size, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf += n;
		off += n;
		size -= n;
	}
	return 0;
}

/* store_write - Return: bytes, all of them; or an error, and the file is lost */
int64_t store_write(struct layout *l, struct staged *s, const char *buf,
		    size_t size, uint64_t off, bool append)
{
	uint64_t end = s->st.st_size;
	int rc;

	if (append)
		off = end;
	if (off > INT64_MAX - size)
		return -EFBIG;
	if (s->error)
		return s->error;
	if (!size)
		return 0;
	rc = is_too_large(l, s, off + size) ? -ENOSPC : open_store(l, s);
	if (!rc)
		rc = write_all(s->fd, buf, size, off);
	if (rc)
		return wrong(l, s, rc);
	set_size(l, s, off + size > end ? off + size : end);
	return size;
}

/* store_read - @end: of the file. Return: bytes, less at the end; -errno */
int64_t store_read(struct staged *s, char *buf, size_t size, uint64_t off,
		   uint64_t end)
{
	size_t done = 0;
	ssize_t n;

	if (off >= end)
		return 0;
	if (size > end - off)
		size = end - off;
	while (done < size) {
		n = pread(s->fd, buf + done, size - done, off + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	return done;
}

/* store_resize - truncate(2), or fallocate(2) if it is to have memory for it */
int store_resize(struct layout *l, struct staged *s, uint64_t size, bool fill)
{
	uint64_t old = s->st.st_size;
	int rc;

	if (s->error)
		return s->error;
	if (size == old)
		return 0;
	if (size > old && is_too_large(l, s, size))
		return -ENOSPC;
	rc = open_store(l, s);
	if (!rc && fill && size > old)
		rc = -posix_fallocate(s->fd, old, size - old);
	else if (!rc)
		rc = ftruncate(s->fd, size) ? -errno : 0;
	if (!rc)
		set_size(l, s, size);
	return rc;
}
