// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data of files of the log, through windows: for a server without fmaps, and for
 * files that the kernel has not asked the fmap of yet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../pool/guard.h"
#include "famfs.h"

/**
 * struct view - a window into a file
 * @ino: node id of the log
 * @size: of the file, bytes
 * @users: who holds it, or uses it just now; 0: it is closed
 */
struct view {
	uint64_t ino;
	uint64_t size;
	unsigned int users;
	struct pool_window window;
	UT_hash_handle hh;
};

/* Where a file is. */
static int locate(struct layout *l, uint64_t ino, struct famfs_fmap *map,
		  uint64_t *size)
{
	const struct media_node *node;
	int rc = 0;

	pthread_rwlock_rdlock(&l->lock);
	node = media_fs_node(l->fs, ino);
	if (!node || node->is_dir || is_meta(ino))
		rc = node ? -EISDIR : -ESTALE;
	else if (famfs_is_missing(l, node))
		rc = -EIO;
	if (!rc) {
		famfs_map_of(node, map);
		*size = node->size;
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/* Guarded by views.lock. */
static int open_view(struct layout *l, uint64_t ino, struct view **viewp)
{
	struct view *view = calloc(1, sizeof(*view));
	struct famfs_fmap map;
	int rc = view ? locate(l, ino, &map, &view->size) : -ENOMEM;

	if (!rc)
		rc = pool_window_open(l->pool->reach, &map,
				      whole_pages(view->size), &view->window);
	if (rc) {
		free(view);
		return rc;
	}
	view->ino = ino;
	HASH_ADD(hh, l->views.open, ino, sizeof(view->ino), view);
	if (!view->hh.tbl) {
		pool_window_close(l->pool->reach, &view->window);
		free(view);
		return -ENOMEM;
	}
	*viewp = view;
	return 0;
}

static int view_get(struct layout *l, uint64_t ino, struct view **view)
{
	int rc = 0;

	pthread_mutex_lock(&l->views.lock);
	HASH_FIND(hh, l->views.open, &ino, sizeof(ino), *view);
	if (!*view)
		rc = open_view(l, ino, view);
	if (!rc)
		(*view)->users++;
	pthread_mutex_unlock(&l->views.lock);
	return rc;
}

static void close_view(struct layout *l, struct view *view)
{
	HASH_DEL(l->views.open, view);
	pool_window_close(l->pool->reach, &view->window);
	free(view);
}

/* view_hold - keep a file's window open; see view_drop() */
int view_hold(struct layout *l, uint64_t ino)
{
	struct view *view;

	return view_get(l, ino, &view);
}

/* view_drop - let go of it. Of what a predecessor has held there is none. */
void view_drop(struct layout *l, uint64_t ino)
{
	struct view *view;

	pthread_mutex_lock(&l->views.lock);
	HASH_FIND(hh, l->views.open, &ino, sizeof(ino), view);
	if (view && !--view->users)
		close_view(l, view);
	pthread_mutex_unlock(&l->views.lock);
}

static size_t within(const struct view *view, size_t size, uint64_t off)
{
	if (off >= view->size)
		return 0;
	return size < view->size - off ? size : view->size - off;
}

static int bad_memory(struct layout *l, uint64_t ino, uint64_t off, size_t size)
{
	complain(l, COMPLAIN_DATA, "node %llu: some of the memory of its bytes %llu to %llu is bad",
		 (unsigned long long)ino, (unsigned long long)off,
		 (unsigned long long)(off + size - 1));
	return -EIO;
}

/* view_read - Return: bytes, less at the end; -errno */
int64_t view_read(struct layout *l, uint64_t ino, char *buf, size_t size,
		  uint64_t off)
{
	struct view *view;
	int rc = view_get(l, ino, &view);
	uint64_t good;

	if (rc)
		return rc;
	size = within(view, size, off);
	rc = guard_copy(buf, (char *)view->window.mem + off, size, &good);
	view_drop(l, ino);
	return rc ? bad_memory(l, ino, off, size) : (int64_t)size;
}

struct storing {
	char *to;
	const char *from;
	size_t size;
};

static int store(void *ctx)
{
	const struct storing *s = ctx;

	memcpy(s->to, s->from, s->size);
	media_writeback(s->to, s->size);
	return 0;
}

/* view_write - Return: bytes, less at the end; -ENOSPC: it is beyond; -errno */
int64_t view_write(struct layout *l, uint64_t ino, const char *buf, size_t size,
		   uint64_t off)
{
	struct view *view;
	struct storing s;
	size_t fits;
	int rc = view_get(l, ino, &view);

	if (rc)
		return rc;
	fits = within(view, size, off);
	s = (struct storing) {
		.to = (char *)view->window.mem + off, .from = buf, .size = fits,
	};
	if (fits)
		rc = guard_run(store, &s, NULL);
	view_drop(l, ino);
	if (rc)
		return bad_memory(l, ino, off, fits);
	return fits || !size ? (int64_t)fits : -ENOSPC;
}

/* view_sync - what is in an image file only, goes to the disk */
int view_sync(struct layout *l, uint64_t ino)
{
	struct view *view;
	int rc = view_get(l, ino, &view);

	if (rc)
		return rc;
	if (l->args.any_device &&
	    msync(view->window.mem, view->window.len, MS_SYNC))
		rc = -errno;
	view_drop(l, ino);
	return rc;
}

/* views_close - the server ends, whoever holds them */
void views_close(struct layout *l)
{
	struct view *view, *next;

	HASH_ITER(hh, l->views.open, view, next)
		close_view(l, view);
}
