// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a file gets into the log: space is taken and room in the log kept, the memory
 * is written through a window, the window is closed, the log tells of it. So nothing
 * half-made is ever told of, and the kernel is the only one to map what was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "../pool/guard.h"
#include "famfs.h"
#include "log.h"

/* So much is copied, and brought to memory, at a time; bytes. */
#define COPY_SIZE	(16U << 20)

/* --- the log --- */

static int log_full(struct layout *l)
{
	complain(l, COMPLAIN_LOG_FULL, "the log is full: it has room for %llu entries (a pool made by \"mkfs --log-size\" has more)",
		 (unsigned long long)l->entries_max);
	return -ENOSPC;
}

static int cannot_append(struct layout *l, int rc, const struct media_error *err)
{
	char text[MEDIA_ERROR_MAX];

	if (rc == -ENOSPC)
		return log_full(l);
	log_line(LOG_ERR, "%s: nothing can be added to the log: %s",
		 l->args.source, pool_strerror(rc, err, text, sizeof(text)));
	return rc == -ENOMEM ? rc : -EIO;
}

/*
 * famfs_append - add an entry to the log, and take it up
 *
 * @appended: result, if not NULL: it is in the log, whatever is returned. If it cannot
 * be taken up all the same, its space is free again in our map, and is nobody's to give
 * back: the next look at the log takes it.
 */
int famfs_append(struct layout *l, struct famfs_entry *entry, bool claimed,
		 bool *appended, const struct media_node **node)
{
	struct media_error err = { 0 };
	int rc = famfs_may_add(l);

	if (rc)
		return rc;
	rc = pool_append(l->pool, entry, &err);
	/* If the memory is bad, it may be there or not. */
	if (!rc || rc == -EIO) {
		l->appended = media_fs_next(l->fs) + 1;
		l->last = rc ? 0 : entry->crc;
	}
	if (rc)
		return cannot_append(l, rc, &err);
	if (appended)
		*appended = true;
	l->quiet = true;
	rc = media_fs_add(l->fs, entry, claimed, node, &err);
	l->quiet = false;
	if (!rc)
		return 0;
	if (claimed)
		media_space_give_map(media_fs_space(l->fs),
				     &entry->file.fmap);
	return cannot_append(l, rc, &err);
}

/* --- space --- */

/*
 * commit_give_back - what was reserved is not needed; the layout's lock is held
 *
 * But for what is bad, which the next file would get, and the one after it.
 */
void commit_give_back(struct layout *l, struct staged *s)
{
	struct media_space *space = media_fs_space(l->fs);

	if (!s->allocated)
		return;
	media_space_give_map(space, &s->map);
	if (s->bad.len)
		media_space_take(space, s->bad.devindex, s->bad.offset,
				 s->bad.len);
	s->bad.len = 0;
	l->held--;
	s->allocated = false;
}

static uint64_t units(const struct layout *l, uint64_t size)
{
	uint64_t unit = l->pool->sb.alloc_unit;

	return size / unit + !!(size % unit);
}

static int allocate(struct layout *l, struct staged *s, uint64_t size)
{
	const struct layout_pool_args *pool = &l->args.pool;
	const struct media_policy policy = {
		.nstrips = s->has_policy ? s->strips : pool->strips,
		.chunk_size = s->has_policy ? s->chunk : pool->chunk,
		.seed = s->ino * 0x9e3779b97f4a7c15ULL + l->born.tv_nsec,
	};
	int rc;

	if (media_fs_next(l->fs) + l->held >= l->entries_max)
		return log_full(l);
	rc = media_space_alloc(media_fs_space(l->fs), size, &policy, &s->map);
	if (rc)
		return rc;
	l->held++;
	s->allocated = true;
	s->changed = true;
	return 0;
}

/**
 * commit_reserve - have space, and room in the log
 * @l: the layout
 * @s: a staged file; its lock is held
 * @size: bytes, not 0
 *
 * The memory is written next: it must not have become somebody else's.
 *
 * Return: 0; -ENOSPC; or an error, and nothing is reserved.
 */
int commit_reserve(struct layout *l, struct staged *s, uint64_t size)
{
	int rc;

	pthread_rwlock_wrlock(&l->lock);
	rc = famfs_may_add(l);
	if (s->allocated && (rc || units(l, s->map_size) != units(l, size)))
		commit_give_back(l, s);
	if (!rc && !s->allocated)
		rc = allocate(l, s, size);
	pthread_rwlock_unlock(&l->lock);
	s->map_size = size;
	return rc;
}

/* --- memory --- */

static int read_part(const struct staged *s, char *to, size_t size,
		     uint64_t off)
{
	ssize_t n;

	if (s->fd < 0) {
		memset(to, 0, size);
		return 0;
	}
	while (size) {
		n = pread(s->fd, to, size, off);
		if (n < 0 && errno == EINTR)
			continue;
		/* If the memory is bad, this is where: the guard is to know. */
		if (n < 0 && errno == EFAULT)
			*(volatile char *)to = 0;
		if (n < 0)
			return -errno;
		/* Behind its end, the page is empty. */
		if (!n) {
			memset(to, 0, size);
			return 0;
		}
		to += n;
		off += n;
		size -= n;
	}
	return 0;
}

struct filling {
	const struct staged *s;
	const struct pool_window *window;
};

/* The memory may be bad. */
static int fill(void *ctx)
{
	const struct filling *f = ctx;
	uint64_t at, size;
	char *to;
	int rc;

	for (at = 0; at < f->window->len; at += size) {
		to = (char *)f->window->mem + at;
		size = f->window->len - at < COPY_SIZE ? f->window->len - at :
							 COPY_SIZE;
		rc = read_part(f->s, to, size, at);
		if (rc)
			return rc;
		media_writeback(to, size);
	}
	return 0;
}

/* The unit of a map that byte @at of the file lies in. */
static struct famfs_extent unit_of(const struct famfs_fmap *map, uint64_t at,
				   uint64_t unit)
{
	const struct famfs_interleave *il = &map->interleave;
	const struct famfs_extent *ext = map->extents;
	struct famfs_extent found;

	if (map->ext_type == FAMFS_MAP_INTERLEAVED) {
		ext = &il->strips[at / il->chunk_size % il->nstrips];
		at = at / il->chunk_size / il->nstrips * il->chunk_size +
		     at % il->chunk_size;
	} else {
		for (; at >= ext->len; ext++)
			at -= ext->len;
	}
	found = (struct famfs_extent) {
		.devindex = ext->devindex,
		.offset = ext->offset + at / unit * unit,
		.len = unit,
	};
	return found;
}

static int fill_window(const struct layout *l, struct staged *s,
		       const struct pool_window *window)
{
	struct filling f = { .s = s, .window = window };
	const void *fault = NULL;
	int rc = guard_run(fill, &f, &fault);
	uint64_t at;

	if (!fault)
		return rc;
	at = (const char *)fault - (const char *)window->mem;
	s->bad = unit_of(&s->map, at, l->pool->sb.alloc_unit);
	log_line(LOG_ERR, "%s: the memory for byte %llu of it is bad, and used no more until the mount ends: %llu bytes at %llu of device %llu",
		 s->name, (unsigned long long)at,
		 (unsigned long long)s->bad.len,
		 (unsigned long long)s->bad.offset,
		 (unsigned long long)s->bad.devindex);
	return rc;
}

/**
 * commit_fill - write what was staged to the memory that is reserved
 * @l: the layout
 * @s: a file with reserved memory; its lock is held
 *
 * Return: 0; or an error of the window, or of what was staged.
 */
int commit_fill(struct layout *l, struct staged *s)
{
	struct pool_window window;
	int rc;

	if (!s->changed)
		return 0;
	rc = pool_window_open(l->pool->reach, &s->map,
			      whole_pages(s->map_size), &window);
	if (!rc) {
		rc = fill_window(l, s, &window);
		pool_window_close(l->pool->reach, &window);
	}
	s->copies++;
	if (!rc)
		s->changed = false;
	else
		log_line(LOG_ERR, "%s: the file cannot be written to its memory: %s",
			 s->name, strerror(-rc));
	return rc == -ENOMEM ? rc : rc ? -EIO : 0;
}

/* --- both --- */

static uint32_t flags_of_new(const struct layout *l)
{
	switch (l->args.pool.writers) {
	case WRITERS_MASTER:
		return 0;
	case WRITERS_NONE:
		return FAMFS_FILE_ALL_RO;
	default:
		return FAMFS_FILE_ALL_RW;
	}
}

/* Guarded by the layout's lock. Times are not in the log: they are kept here. */
static int append_file(struct layout *l, struct staged *s)
{
	const struct stat was = s->st;
	const struct media_node *node;
	char path[FAMFS_PATH_MAX];
	struct famfs_entry entry;
	bool appended = false;
	int rc = s->named ? famfs_path(l, s->key.dir, s->key.name, path) :
			    -ENOENT;

	if (!rc)
		rc = media_entry_file(&entry, path, s->map_size,
				      flags_of_new(l), was.st_mode & 07777,
				      was.st_uid, was.st_gid, &s->map);
	if (!rc && media_fs_lookup(l->fs, s->key.dir, s->key.name))
		rc = -EEXIST;
	if (!rc)
		rc = famfs_append(l, &entry, true, &appended, &node);
	if (appended) {
		l->held--;
		s->allocated = false;
	}
	if (rc)
		return rc;
	s->log_ino = node->ino;
	staged_unseat(l, s);
	/* Without memory for them, it has the times of all others. */
	famfs_amend(l, node, &was,
		    FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME);
	return 0;
}

static void give_up(struct layout *l, struct staged *s)
{
	pthread_rwlock_wrlock(&l->lock);
	commit_give_back(l, s);
	pthread_rwlock_unlock(&l->lock);
}

/**
 * commit - a staged file becomes one of the log
 * @l: the layout
 * @s: the file; its lock is held
 * @size: bytes, not 0
 * @sized: its data are in its memory from here on: it may be written to still
 *
 * Return: 0; or an error, and nothing is reserved any more.
 */
int commit(struct layout *l, struct staged *s, uint64_t size, bool sized)
{
	int rc = commit_reserve(l, s, size);

	if (rc)
		return rc;
	rc = commit_fill(l, s);
	if (!rc) {
		pthread_rwlock_wrlock(&l->lock);
		rc = append_file(l, s);
		if (!rc && !sized) {
			staged_unname(l, s);
			tell_name(l, s->key.dir, s->key.name);
		}
		s->sized |= !rc && sized;
		pthread_rwlock_unlock(&l->lock);
	}
	if (rc)
		give_up(l, s);
	else if (sized)
		store_drop(s);
	return rc;
}
