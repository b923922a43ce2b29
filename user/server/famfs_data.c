// SPDX-License-Identifier: GPL-2.0-only
/* Opening, reading, writing, closing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "famfs.h"
#include "log.h"

/* How long the last close of a file may be on its way, ns. */
#define RELEASE_WAIT	200000000L

/*
 * Whose is the file to write to? What nobody may write is EACCES, also for root; what
 * another host may is EROFS here.
 */
static int may_write(const struct layout *l, const struct media_node *node)
{
	if (node->flags & FAMFS_FILE_ALL_RO)
		return -EACCES;
	if (node->flags & FAMFS_FILE_ALL_RW || l->master)
		return 0;
	return -EROFS;
}

static int open_meta(uint64_t ino, int flags, bool *direct)
{
	if (ino == MEDIA_INO_META)
		return -EISDIR;
	*direct = true;
	return for_writing(flags) ? -EOPNOTSUPP : 0;
}

/* The kernel asks for the fmap; without, the file is ours to read and write. */
static int open_logged(struct layout *l, uint64_t ino, int flags)
{
	const struct media_node *node;
	bool missing = false;
	int rc;

	pthread_rwlock_rdlock(&l->lock);
	node = media_fs_node(l->fs, ino);
	rc = !node ? -ESTALE : node->is_dir ? -EISDIR : 0;
	if (!rc) {
		missing = famfs_is_missing(l, node);
		if (missing)
			rc = -EIO;
		else if (for_writing(flags))
			rc = may_write(l, node);
	}
	pthread_rwlock_unlock(&l->lock);
	if (missing)
		complain(l, COMPLAIN_DEVICE, "node %llu cannot be opened: some of it is on a device that is missing",
			 (unsigned long long)ino);
	if (!rc && l->args.any_device)
		rc = view_hold(l, ino);
	return rc;
}

/*
 * What is in the log, and cannot be had by this id any more, is looked up again, and
 * found there: the kernel does so on ESTALE. Guarded by the locks.
 */
static int open_staged(struct layout *l, struct staged *s, int flags)
{
	int rc = s->error;

	if (!staged_stands(s))
		rc = -ESTALE;
	else if (!rc && s->log_ino && for_writing(flags))
		rc = may_write(l, media_fs_node(l->fs, s->log_ino));
	if (rc)
		return rc;
	s->opens++;
	s->writers += for_writing(flags);
	return 0;
}

/*
 * Guarded by the lock of the file. close(2) returns before the server hears that it
 * was the last one (RELEASE): who opens the file right afterwards is to find it made.
 * A shell, whose children have the file too, closes it again and again: therefore
 * not for long.
 */
static void await_release(struct layout *l, struct staged *s)
{
	struct timespec end;
	int rc = 0;

	/* One thread of the server may wait: others will be needed. */
	if (atomic_fetch_add(&l->awaiting, 1))
		rc = ETIMEDOUT;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += RELEASE_WAIT;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	while (s->flushed && s->writers && !rc)
		rc = pthread_cond_timedwait(&s->released, &s->lock, &end);
	atomic_fetch_sub(&l->awaiting, 1);
}

int famfs_open(struct layout *l, uint64_t ino, int flags, bool *direct)
{
	struct staged *s;
	int rc;

	*direct = false;
	if (is_meta(ino))
		return open_meta(ino, flags, direct);
	if (!is_provisional(ino))
		return open_logged(l, ino, flags);
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	/* It may be on its way into the log. */
	pthread_mutex_lock(&s->lock);
	await_release(l, s);
	pthread_rwlock_wrlock(&l->lock);
	rc = open_staged(l, s, flags);
	pthread_rwlock_unlock(&l->lock);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}

/* --- data --- */

/*
 * A window stays open until the last one has closed the file. Not if the kernel was
 * told where the memory is: it may want it again.
 */
static int hold_view(struct layout *l, struct staged *s)
{
	int rc = 0;

	if (!s->viewed && !s->mapped) {
		rc = view_hold(l, s->log_ino);
		s->viewed = !rc;
	}
	return rc;
}

static int64_t read_staged(struct layout *l, struct staged *s, char *buf,
			   size_t size, uint64_t off)
{
	int rc;

	if (!s->sized)
		return store_read(s, buf, size, off, s->st.st_size);
	rc = hold_view(l, s);
	return rc ? rc : view_read(l, s->log_ino, buf, size, off);
}

static int64_t write_staged(struct layout *l, struct staged *s, const char *buf,
			    size_t size, uint64_t off, int flags)
{
	int rc;

	s->flushed = false;
	if (!s->log_ino)
		return store_write(l, s, buf, size, off, flags & O_APPEND);
	/* Its writers had closed it when it was committed. */
	rc = s->sized ? hold_view(l, s) : -ESTALE;
	return rc ? rc : view_write(l, s->log_ino, buf, size, off);
}

int64_t famfs_read(struct layout *l, uint64_t ino, char *buf, size_t size,
		   uint64_t off)
{
	struct staged *s;
	int64_t n;

	if (ino == MEDIA_INO_SUPER || ino == MEDIA_INO_LOG)
		return meta_read(l, ino, buf, size, off);
	if (!is_provisional(ino))
		return l->args.any_device ? view_read(l, ino, buf, size, off) :
					    -EOPNOTSUPP;
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	n = read_staged(l, s, buf, size, off);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return n;
}

int64_t famfs_write(struct layout *l, uint64_t ino, const char *buf,
		    size_t size, uint64_t off, int flags)
{
	struct staged *s;
	int64_t n;

	if (is_meta(ino))
		return -EOPNOTSUPP;
	if (!is_provisional(ino))
		return l->args.any_device ? view_write(l, ino, buf, size, off) :
					    -EOPNOTSUPP;
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	n = write_staged(l, s, buf, size, off, flags);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return n;
}

/* --- closing --- */

static bool is_to_be_written(struct layout *l, const struct staged *s)
{
	bool rc;

	pthread_rwlock_rdlock(&l->lock);
	rc = s->named && !s->log_ino && s->st.st_size;
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/*
 * Is there room for it, and can it be written to? The second time that somebody
 * closes it without being the last, it is likely not to be the end either.
 */
static int settle(struct layout *l, struct staged *s)
{
	int rc = s->error;

	if (rc || !is_to_be_written(l, s))
		return rc;
	rc = commit_reserve(l, s, s->st.st_size);
	if (!rc && !s->copies)
		rc = commit_fill(l, s);
	if (rc) {
		pthread_rwlock_wrlock(&l->lock);
		s->error = rc;
		pthread_rwlock_unlock(&l->lock);
	}
	return rc;
}

/* famfs_flush - the last chance to tell a writer */
int famfs_flush(struct layout *l, uint64_t ino, int flags)
{
	struct staged *s;
	int rc;

	if (!is_provisional(ino) || !for_writing(flags))
		return 0;
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	rc = settle(l, s);
	s->flushed = !rc;
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}

/* What a writer has synced is in the log, and gets no longer. */
static int sync_staged(struct layout *l, struct staged *s)
{
	if (s->error)
		return s->error;
	if (is_to_be_written(l, s))
		return commit(l, s, s->st.st_size, true);
	return s->sized && !s->mapped ? view_sync(l, s->log_ino) : 0;
}

int famfs_fsync(struct layout *l, uint64_t ino, int flags)
{
	struct staged *s;
	int rc = 0;

	if (is_meta(ino))
		return 0;
	if (!is_provisional(ino))
		return l->args.any_device ? view_sync(l, ino) : 0;
	s = staged_pin(l, ino);
	if (!s)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	/* Who reads does not say that the writers are done. */
	if (for_writing(flags))
		rc = sync_staged(l, s);
	else
		await_release(l, s);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
	return rc;
}

/* Guarded by the lock, exclusively. What was removed meanwhile is no loss. */
static void drop(struct layout *l, struct staged *s, int error)
{
	s->error = error;
	if (!s->named || s->log_ino)
		return;
	log_line(LOG_ERR, "\"%s\" is dropped: %s", s->name, strerror(-error));
	staged_unname(l, s);
	tell_name(l, s->key.dir, s->key.name);
}

/* The last writer is gone: into the log, or away. */
static void finish(struct layout *l, struct staged *s)
{
	int rc = s->error;

	if (!rc && is_to_be_written(l, s))
		rc = commit(l, s, s->st.st_size, false);
	if (!rc)
		return;
	pthread_rwlock_wrlock(&l->lock);
	drop(l, s, rc);
	pthread_rwlock_unlock(&l->lock);
}

/* Guarded by the lock of the file. */
static void close_staged(struct layout *l, struct staged *s, int flags)
{
	bool last_writer;

	/*
	 * Once nobody has it open its name leads to the node of the log, and its memory is
	 * to be that one's.
	 */
	if (s->opens == 1 && s->viewed) {
		view_drop(l, s->log_ino);
		s->viewed = false;
	}
	pthread_rwlock_wrlock(&l->lock);
	s->opens -= !!s->opens;
	last_writer = for_writing(flags) && s->writers && !--s->writers;
	pthread_rwlock_unlock(&l->lock);
	if (!last_writer)
		return;
	finish(l, s);
	s->flushed = false;
	pthread_cond_broadcast(&s->released);
}

void famfs_release(struct layout *l, uint64_t ino, int flags)
{
	struct staged *s;

	if (is_meta(ino))
		return;
	if (!is_provisional(ino)) {
		if (l->args.any_device)
			view_drop(l, ino);
		return;
	}
	s = staged_pin(l, ino);
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	close_staged(l, s, flags);
	pthread_mutex_unlock(&s->lock);
	staged_unpin(l, s);
}
