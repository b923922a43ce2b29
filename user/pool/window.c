// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows. Of DAX devices: a file of the private mount, mapped. Of others: a
 * reservation of addresses, into which each contiguous piece is mapped.
 *
 * A map is checked by what the kernel module checks it with, whatever it is of.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <sys/mman.h>

#include "fusefmap.h"
#include "reach.h"

#if __SIZEOF_SIZE_T__ != 8
#error windows are as large as files; addresses of 32 bits have no room for them
#endif

/**
 * struct pool_window_impl - what a window is made of
 * @file: of the private mount; NULL: there is none
 */
struct pool_window_impl {
	struct private_file *file;
};

/**
 * struct plan - a map that is being made a window
 * @fmap: the same map, in terms of the kernel's indices, or for DEV_PLAIN those of
 *	the reach
 * @plain: it is of DEV_PLAIN devices, else of DAX devices
 * @devs: indices of the reach that occur
 */
struct plan {
	struct fuse_fmap *fmap;
	bool plain;
	uint64_t devs;
};

static int say_device(const struct pool_reach *reach, uint64_t index)
{
	pool_say(reach->log, LOG_ERR,
		 "device %llu is not there: is it plugged in, and its namespace enabled?",
		 (unsigned long long)index);
	return -ENODEV;
}

/* ------------------------------------------------------------------------
 * From a map of the medium to one of the protocol. By lock
 */

/* One extent or strip. All must be of one sort of device. */
static int put_extent(const struct pool_reach *reach, struct plan *plan,
		      const struct famfs_extent *from,
		      struct fuse_famfs_simple_ext *to)
{
	const struct reach_dev *dev;

	if (from->devindex >= MEDIA_DEVICES_MAX ||
	    !reach->devs[from->devindex].used)
		return say_device(reach, from->devindex);
	dev = &reach->devs[from->devindex];
	if (plan->devs && plan->plain != (dev->kind == DEV_PLAIN)) {
		pool_say(reach->log, LOG_ERR,
			 "%s cannot be mapped together with %s: only one has DAX",
			 dev->path, reach->devs[__builtin_ctzll(plan->devs)].path);
		return -EINVAL;
	}
	plan->plain = dev->kind == DEV_PLAIN;
	plan->devs |= 1ULL << from->devindex;
	*to = (struct fuse_famfs_simple_ext) {
		.se_devindex = plan->plain ? from->devindex : dev->kidx,
		.se_offset = from->offset,
		.se_len = from->len,
	};
	return 0;
}

/* What of the map lies beyond @len is nobody's business. */
static int plan_simple(const struct pool_reach *reach, struct plan *plan,
		       const struct famfs_fmap *map, uint64_t len,
		       struct fuse_fmap_error *err)
{
	struct fuse_famfs_simple_ext ext[FAMFS_EXTENTS_MAX];
	uint64_t left = len;
	uint32_t n;

	if (map->count > FAMFS_EXTENTS_MAX)
		return -EINVAL;
	for (n = 0; n < map->count && left; n++) {
		int rc = put_extent(reach, plan, &map->extents[n], &ext[n]);

		if (rc)
			return rc;
		if (ext[n].se_len > left)
			ext[n].se_len = left;
		left -= ext[n].se_len;
	}
	if (left)
		return -EINVAL;
	return fuse_fmap_simple(&plan->fmap, FUSE_FAMFS_FILE_REG, len, ext, n, err);
}

static int plan_interleaved(const struct pool_reach *reach, struct plan *plan,
			    const struct famfs_fmap *map, uint64_t len,
			    struct fuse_fmap_error *err)
{
	const struct famfs_interleave *from = &map->interleave;
	struct fuse_famfs_simple_ext strips[FAMFS_STRIPS_MAX];
	struct fuse_famfs_iext iext = {
		.ie_nstrips = from->nstrips,
		.ie_chunk_size = from->chunk_size,
		.ie_nbytes = len,
	};
	uint32_t i;

	if (map->count != 1 || from->nstrips > FAMFS_STRIPS_MAX ||
	    from->chunk_size > UINT32_MAX)
		return -EINVAL;
	for (i = 0; i < from->nstrips; i++) {
		int rc = put_extent(reach, plan, &from->strips[i], &strips[i]);

		if (rc)
			return rc;
	}
	return fuse_fmap_interleaved(&plan->fmap, FUSE_FAMFS_FILE_REG, len, &iext,
				     1, strips, err);
}

/* Of DAX devices, the kernel sees to it also. */
static int check_sizes(const struct pool_reach *reach, const struct plan *plan,
		       struct fuse_fmap_error *err)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < MEDIA_DEVICES_MAX && !rc; i++)
		if (plan->devs & 1ULL << i)
			rc = fuse_fmap_check_device(plan->fmap, plan->plain ? i :
						    reach->devs[i].kidx,
						    reach->devs[i].size, err);
	return rc;
}

static int make_plan(const struct pool_reach *reach, struct plan *plan,
		     const struct famfs_fmap *map, uint64_t len)
{
	struct fuse_fmap_error err = { 0 };
	char text[FUSE_FMAP_ERROR_MAX];
	int rc = -EINVAL;

	if (!len || len % sysconf(_SC_PAGESIZE))
		return -EINVAL;
	if (map->ext_type == FAMFS_MAP_SIMPLE)
		rc = plan_simple(reach, plan, map, len, &err);
	else if (map->ext_type == FAMFS_MAP_INTERLEAVED)
		rc = plan_interleaved(reach, plan, map, len, &err);
	if (!rc)
		rc = check_sizes(reach, plan, &err);
	if (!rc)
		return 0;
	if (err.field)
		pool_say(reach->log, LOG_ERR, "%llu bytes cannot be mapped: %s",
			 (unsigned long long)len,
			 fuse_fmap_strerror(&err, text, sizeof(text)));
	fuse_fmap_free(plan->fmap);
	plan->fmap = NULL;
	return rc;
}

/* ------------------------------------------------------------------------
 * Mapping
 */

static int protection(const struct pool_reach *reach)
{
	return PROT_READ | (reach->flags & POOL_WRITE ? PROT_WRITE : 0);
}

/* By lock: the devices' fds are used. */
static int map_pieces(const struct pool_reach *reach, const struct fuse_fmap *fmap,
		      uint8_t *mem, uint64_t len)
{
	struct fuse_fmap_target piece;
	uint64_t at;

	for (at = 0; at < len; at += piece.len) {
		int rc = fuse_fmap_resolve(fmap, at, len - at, &piece);

		if (rc)
			return rc;
		if (mmap(mem + at, piece.len, protection(reach),
			 MAP_SHARED | MAP_FIXED, reach->devs[piece.dev].fd,
			 piece.dev_off) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

/* By lock. */
static int map_plain(const struct pool_reach *reach, const struct fuse_fmap *fmap,
		     struct pool_window *window)
{
	uint8_t *mem = mmap(NULL, window->len, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int rc;

	if (mem == MAP_FAILED)
		return -errno;
	rc = map_pieces(reach, fmap, mem, window->len);
	if (!rc && madvise(mem, window->len, MADV_DONTFORK))
		rc = -errno;
	if (rc) {
		munmap(mem, window->len);
		pool_say(reach->log, LOG_ERR, "mmap of %llu bytes: %s%s",
			 (unsigned long long)window->len, strerror(-rc),
			 rc == -ENOMEM ? ": more pieces than vm.max_map_count?" : "");
		return rc;
	}
	window->mem = mem;
	return 0;
}

static void say_open(struct pool_reach *reach, const struct plan *plan, int rc)
{
	const char *path = reach->devs[__builtin_ctzll(plan->devs)].path;
	const char *others = plan->devs & (plan->devs - 1) ? " or others" : "";

	pthread_mutex_lock(&reach->lock);
	if (rc == -EEXIST)
		pool_say(reach->log, LOG_ERR,
			 "%s%s: that memory is a file's on this host at the moment: is the pool mounted, or another command at work on it?",
			 path, others);
	else
		pool_say(reach->log, LOG_ERR,
			 "%s%s: memory cannot be had: %s (the kernel's log says more)",
			 path, others, strerror(-rc));
	pthread_mutex_unlock(&reach->lock);
}

/* Maps an open file. The mapping keeps it; a child that is forked has no use for it. */
static int map_file(const struct pool_reach *reach, int fd,
		    struct pool_window *window)
{
	void *mem = mmap(NULL, window->len, protection(reach), MAP_SHARED, fd, 0);
	int rc;

	if (mem == MAP_FAILED) {
		rc = -errno;
		pool_say(reach->log, LOG_ERR, "mmap of %llu bytes: %s",
			 (unsigned long long)window->len, strerror(-rc));
		return rc;
	}
	if (madvise(mem, window->len, MADV_DONTFORK)) {
		rc = -errno;
		munmap(mem, window->len);
		return rc;
	}
	window->mem = mem;
	return 0;
}

/* The private mount is held, and nothing locked. Consumes the plan's map. */
static int map_dax(struct pool_reach *reach, struct plan *plan,
		   struct pool_window *window)
{
	struct pool_window_impl *impl = window->impl;
	int flags = reach->flags & POOL_WRITE ? O_RDWR : O_RDONLY;
	int fd, rc;

	fd = private_file_open(reach->priv, plan->fmap, flags, &impl->file);
	plan->fmap = NULL;
	if (fd < 0) {
		say_open(reach, plan, fd);
		return fd;
	}
	rc = map_file(reach, fd, window);
	close(fd);
	if (rc)
		private_file_close(reach->priv, impl->file);
	return rc;
}

/*
 * By lock. The private mount comes first if there is to be one: what a map says is in
 * terms of its indices. @held: result: it is held
 */
static int prepare(struct pool_reach *reach, const struct famfs_fmap *map,
		   struct pool_window *window, struct plan *plan, bool *held)
{
	int rc = 0;

	*held = false;
	if (reach_has_dax(reach)) {
		rc = reach_hold(reach);
		*held = !rc;
	}
	if (!rc)
		rc = make_plan(reach, plan, map, window->len);
	if (!rc && plan->plain)
		rc = map_plain(reach, plan->fmap, window);
	if (*held && (rc || plan->plain)) {
		reach_put(reach);
		*held = false;
	}
	return rc;
}

static int open_window(struct pool_reach *reach, const struct famfs_fmap *map,
		       struct pool_window *window)
{
	struct plan plan = { 0 };
	bool held;
	int rc;

	pthread_mutex_lock(&reach->lock);
	rc = prepare(reach, map, window, &plan, &held);
	pthread_mutex_unlock(&reach->lock);
	if (held) {
		rc = map_dax(reach, &plan, window);
		if (rc) {
			pthread_mutex_lock(&reach->lock);
			reach_put(reach);
			pthread_mutex_unlock(&reach->lock);
		}
	}
	fuse_fmap_free(plan.fmap);
	return rc;
}

int pool_window_open(struct pool_reach *reach, const struct famfs_fmap *map,
		     uint64_t len, struct pool_window *window)
{
	int rc;

	*window = (struct pool_window) { .len = len };
	window->impl = calloc(1, sizeof(struct pool_window_impl));
	if (!window->impl)
		return -ENOMEM;
	rc = open_window(reach, map, window);
	if (rc) {
		free(window->impl);
		*window = (struct pool_window) { 0 };
	}
	return rc;
}

int pool_window_range(struct pool_reach *reach, unsigned int index, uint64_t off,
		      uint64_t len, struct pool_window *window)
{
	const struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_SIMPLE,
		.count = 1,
		.extents = { { .devindex = index, .offset = off, .len = len } },
	};

	return pool_window_open(reach, &map, len, window);
}

void pool_window_close(struct pool_reach *reach, struct pool_window *window)
{
	struct pool_window_impl *impl = window->impl;

	if (!impl)
		return;
	munmap(window->mem, window->len);
	if (impl->file) {
		private_file_close(reach->priv, impl->file);
		pthread_mutex_lock(&reach->lock);
		reach_put(reach);
		pthread_mutex_unlock(&reach->lock);
	}
	free(impl);
	*window = (struct pool_window) { 0 };
}
