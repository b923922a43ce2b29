// SPDX-License-Identifier: GPL-2.0-only
/* Copying of many files by several threads. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copy.h"

#define PROGRESS_NS	250000000L

/**
 * struct flight - a file that is being copied
 * @next: of those with pieces that nobody has taken yet
 * @file: open
 * @taken: bytes of it that somebody has taken
 * @pieces: that are being copied
 * @copied: bytes that were written; atomic
 * @failed: a piece was; the others are left
 */
struct flight {
	struct flight *next;
	struct copy_file file;
	uint64_t taken;
	unsigned int pieces;
	uint64_t copied;
	bool failed;
};

/**
 * struct work - what the threads share
 * @lock: guards all that follows, and flights but for what is atomic
 * @changed: there may be something to do, or nothing more to come
 * @open: files with pieces to be taken
 * @next: index of the file to be opened next
 * @opening: threads that open one, which may bring pieces
 * @running: threads
 */
struct work {
	const struct copy_plan *plan;
	const struct copy_options *options;
	const struct copy_ops *ops;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct flight *open;
	size_t next;
	unsigned int opening;
	unsigned int running;
	struct copy_count count;
};

/* Under the lock. @why: NULL if it was told already. */
static void file_done(struct work *w, const struct copy_item *item, bool failed,
		      const char *why, bool same)
{
	w->count.files++;
	w->count.failed += failed;
	w->count.same += same;
	if (why)
		w->ops->wrong(w->ops->ctx, item->dst, why);
	else if (!failed && w->ops->done)
		w->ops->done(w->ops->ctx, item, same);
}

/* Under the lock, which is let go of meanwhile. Frees it. */
static void finish(struct work *w, struct flight *f)
{
	const struct copy_item *item = f->file.item;
	bool same = !f->file.fresh && !f->copied;
	char why[COPY_WHY_MAX];
	int rc;

	pthread_mutex_unlock(&w->lock);
	rc = copy_file_close(&f->file, w->options, f->failed, why);
	pthread_mutex_lock(&w->lock);
	file_done(w, item, rc || f->failed, rc ? why : NULL,
		  same && !rc && !f->failed);
	free(f);
}

/* Likewise. */
static void open_next(struct work *w)
{
	const struct copy_item *item = &w->plan->files[w->next++];
	struct flight *f = calloc(1, sizeof(*f));
	char why[COPY_WHY_MAX] = "out of memory";
	int rc = -ENOMEM;

	w->opening++;
	pthread_mutex_unlock(&w->lock);
	if (f)
		rc = copy_file_open(&f->file, item, w->options, why);
	pthread_mutex_lock(&w->lock);
	w->opening--;
	pthread_cond_broadcast(&w->changed);
	if (rc) {
		w->count.bytes += item->st.st_size;
		file_done(w, item, true, why, false);
		free(f);
	} else if (!item->st.st_size) {
		finish(w, f);
	} else {
		f->next = w->open;
		w->open = f;
	}
}

/* Likewise. Of a file that has failed, what is left is not copied but done with. */
static void next_piece(struct work *w, void *buf)
{
	struct flight *f = w->open;
	uint64_t size = f->file.item->st.st_size, off = f->taken;
	uint64_t len = f->failed || size - off < COPY_PIECE ? size - off : COPY_PIECE;
	char why[COPY_WHY_MAX];
	bool failed = f->failed;
	int rc = 0;

	f->taken += len;
	f->pieces++;
	if (f->taken == size)
		w->open = f->next;
	pthread_mutex_unlock(&w->lock);
	if (!failed)
		rc = copy_file_piece(&f->file, off, len, buf, &f->copied, why);
	pthread_mutex_lock(&w->lock);
	w->count.bytes += len;
	if (rc && !f->failed) {
		f->failed = true;
		w->ops->wrong(w->ops->ctx, f->file.item->dst, why);
	}
	if (!--f->pieces && f->taken == size) {
		w->count.copied += f->copied;
		finish(w, f);
	}
}

static void *worker(void *ctx)
{
	struct work *w = ctx;
	void *buf = malloc(COPY_BUFFER);

	pthread_mutex_lock(&w->lock);
	while (buf) {
		if (w->open)
			next_piece(w, buf);
		else if (w->next < w->plan->nfiles)
			open_next(w);
		else if (w->opening)
			pthread_cond_wait(&w->changed, &w->lock);
		else
			break;
	}
	w->running--;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	free(buf);
	return NULL;
}

static void make_directories(struct work *w)
{
	const struct copy_plan *plan = w->plan;
	char why[COPY_WHY_MAX];
	size_t i;

	for (i = 0; i < plan->ndirs; i++) {
		if (!copy_make_directory(&plan->dirs[i], w->options, why))
			continue;
		w->ops->wrong(w->ops->ctx, plan->dirs[i].dst, why);
		w->count.dirs_failed++;
	}
}

/* Until there is no thread any more. */
static void watch(struct work *w)
{
	struct copy_count count;
	struct timespec until;

	pthread_mutex_lock(&w->lock);
	while (w->running) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PROGRESS_NS;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) != ETIMEDOUT ||
		    !w->ops->progress)
			continue;
		count = w->count;
		pthread_mutex_unlock(&w->lock);
		w->ops->progress(w->ops->ctx, &count);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
}

int copy_run(const struct copy_plan *plan, const struct copy_options *options,
	     const struct copy_ops *ops, struct copy_count *count)
{
	struct work w = {
		.plan = plan, .options = options, .ops = ops,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	pthread_t *threads = calloc(options->jobs, sizeof(*threads));
	unsigned int i, n;
	int rc = threads ? 0 : ENOMEM;

	make_directories(&w);
	pthread_mutex_lock(&w.lock);
	for (n = 0; n < options->jobs && !rc; n++) {
		rc = pthread_create(&threads[n], NULL, worker, &w);
		if (rc)
			break;
		w.running++;
	}
	pthread_mutex_unlock(&w.lock);
	watch(&w);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	*count = w.count;
	/* Fewer threads than wanted will do; and then the last has left nothing. */
	return n && w.count.files == plan->nfiles ? 0 : rc ? -rc : -ENOMEM;
}
