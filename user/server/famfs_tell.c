// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel is told, and the thread that does: it waits in the kernel for
 * locks that users hold who wait for the server, and for pages that they have pinned,
 * so no thread of the server's may. Between times it looks at the log.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "famfs.h"
#include "log.h"
#include "wake.h"

/* At most so many wait; then the kernel is told to ask for all names anew. */
#define NEWS_MAX	100000U

/* How long a notification may take when the server is to end, seconds. */
#define PATIENCE	1

/**
 * struct news - something to be told
 * @dir: node id of a directory
 * @name: a name in it that is another's, or somebody's, by now
 */
struct news {
	struct news *next;
	uint64_t dir;
	char name[];
};

/* tell_name - @name in @dir is new, or another's */
void tell_name(struct layout *l, uint64_t dir, const char *name)
{
	struct teller *t = &l->teller;
	size_t len = strlen(name) + 1;
	struct news *n;

	pthread_mutex_lock(&t->lock);
	n = t->running && !t->ending && t->waiting < NEWS_MAX ?
		malloc(sizeof(*n) + len) : NULL;
	if (n) {
		n->next = NULL;
		n->dir = dir;
		memcpy(n->name, name, len);
		*t->last = n;
		t->last = &n->next;
		t->waiting++;
	} else {
		t->lost = true;
	}
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static struct news *take_news(struct teller *t, bool *lost)
{
	struct news *first;

	pthread_mutex_lock(&t->lock);
	first = t->first;
	t->first = NULL;
	t->last = &t->first;
	t->waiting = 0;
	*lost = t->lost;
	t->lost = false;
	pthread_mutex_unlock(&t->lock);
	return first;
}

static bool is_ending(struct teller *t)
{
	bool rc;

	pthread_mutex_lock(&t->lock);
	rc = t->ending;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* Return: is it to be told again? So it is if no end was what has woken us. */
static bool told(struct layout *l, int rc)
{
	if (rc == -EINTR)
		return !is_ending(&l->teller);
	/* Of most, the kernel has never heard; at the end there is no kernel. */
	if (rc && rc != -ENOENT && rc != -ENOTCONN)
		log_line(LOG_WARNING, "the kernel cannot be told of what is new: %s",
			 strerror(-rc));
	return false;
}

/*
 * A name that was not there is asked for again; of its directory, listing and
 * attributes. Many names of one directory come one after another.
 */
static void tell(struct layout *l, const struct news *n)
{
	struct fuse_fmap_session *session = l->session;

	while (told(l, fuse_fmap_notify_expire(session, n->dir, n->name)))
		;
	if (n->next && n->next->dir == n->dir)
		return;
	while (told(l, fuse_fmap_notify_refresh(session, n->dir)))
		;
}

static void tell_all(struct layout *l)
{
	struct news *n, *next;
	bool lost;

	n = take_news(&l->teller, &lost);
	for (; n; n = next) {
		next = n->next;
		if (l->session && !is_ending(&l->teller))
			tell(l, n);
		free(n);
	}
	while (lost && l->session && !is_ending(&l->teller))
		lost = told(l, fuse_fmap_notify_inc_epoch(l->session));
}

/* The next look at the log is due then. */
static struct timespec due(double seconds)
{
	struct timespec t;
	uint64_t nsec;

	clock_gettime(CLOCK_MONOTONIC, &t);
	nsec = t.tv_nsec + (uint64_t)(seconds * 1e9);
	t.tv_sec += nsec / 1000000000;
	t.tv_nsec = nsec % 1000000000;
	return t;
}

static void *run_teller(void *arg)
{
	struct layout *l = arg;
	struct teller *t = &l->teller;
	struct timespec next = due(l->args.pool.poll);
	int rc;

	pthread_mutex_lock(&t->lock);
	while (!t->ending) {
		rc = 0;
		while (!t->ending && !t->first && !t->lost && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&t->wake, &t->lock, &next);
		pthread_mutex_unlock(&t->lock);
		if (rc == ETIMEDOUT) {
			famfs_follow(l);
			next = due(l->args.pool.poll);
		}
		tell_all(l);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void teller_init(struct layout *l)
{
	struct teller *t = &l->teller;
	pthread_condattr_t attr;

	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	t->last = &t->first;
}

void teller_destroy(struct layout *l)
{
	struct news *n;

	while ((n = l->teller.first)) {
		l->teller.first = n->next;
		free(n);
	}
	pthread_cond_destroy(&l->teller.wake);
	pthread_mutex_destroy(&l->teller.lock);
}

int famfs_start(struct layout *l, struct fuse_fmap_session *session, bool taken)
{
	struct teller *t = &l->teller;
	int rc;

	l->session = session;
	t->running = true;
	/* What came while nobody served, and what was provisional. */
	t->lost = taken;
	rc = wake_start(&t->thread, run_teller, l);
	if (rc) {
		t->running = false;
		l->session = NULL;
	}
	return rc;
}

void famfs_stop(struct layout *l, void (*free_us)(void *arg), void *arg)
{
	struct teller *t = &l->teller;
	struct timespec end;

	if (!t->running)
		return;
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	if (pthread_timedjoin_np(t->thread, NULL, &end)) {
		if (free_us)
			free_us(arg);
		wake_join(t->thread);
	}
	t->running = false;
	l->session = NULL;
}
