// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loops.
 *
 * libfuse's own would read requests by themselves, untranslated. Here one thread
 * at a time waits and reads, the others stand in line for that; whoever has got
 * a request lets the next one read while it handles it. So a request wakes one
 * thread, and to end them all it is enough to wake the one that waits.
 *
 * Signals are taken by the thread that called, and only while it waits: between
 * the look at fuse_session_exited(), which handlers set, and the wait none can
 * get lost.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "session_i.h"

#define DEFAULT_THREADS	10	/* as libfuse */
#define MAX_THREADS	1024

/* A request buffer of a thread. */
struct buffer {
	void *mem;
	size_t size;
};

/**
 * struct pool - the threads of a loop
 * @fs: the session
 * @reading: held by the one that waits and reads; guards the rest, and what
 *	session_is_early() says
 * @threads: those that were started
 * @nthreads: how many
 * @max: how many there may be
 * @in_line: how many want @reading, or have it; atomic
 * @error: -errno that ended the loop, or 0
 */
struct pool {
	struct fuse_fmap_session *fs;
	pthread_mutex_t reading;
	pthread_t *threads;
	unsigned int nthreads;
	unsigned int max;
	atomic_uint in_line;
	int error;
};

void fuse_fmap_session_exit(struct fuse_fmap_session *fs)
{
	const uint64_t one = 1;
	int saved_errno = errno;

	fuse_session_exit(fs->se);
	/* It fails only if it is readable already. */
	if (write(fs->wake_fd, &one, sizeof(one)) < 0)
		errno = saved_errno;
}

static int fit(struct buffer *buf, size_t size)
{
	void *mem;

	if (buf->size >= size)
		return 0;
	mem = realloc(buf->mem, size);
	if (!mem)
		return -ENOMEM;
	buf->mem = mem;
	buf->size = size;
	return 0;
}

/*
 * Waits for a request, taking signals by @mask while it does (NULL: as ever), and
 * reads it. Return: its length; 0: the loop is to end; -errno.
 */
static ssize_t next_request(struct fuse_fmap_session *fs, struct buffer *buf,
			    const sigset_t *mask)
{
	struct pollfd pfds[2] = {
		{ .fd = fs->fd, .events = POLLIN },
		{ .fd = fs->wake_fd, .events = POLLIN },
	};
	ssize_t len = fit(buf, fs->bufsize);

	if (len)
		return len;
	while (!fuse_session_exited(fs->se)) {
		/* The INIT of a predecessor needs no waiting for. */
		if (atomic_load(&fs->replay) != REPLAY_REQUEST &&
		    ppoll(pfds, 2, NULL, mask) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (pfds[1].revents)
			break;
		len = session_receive(fs, buf->mem, buf->size);
		if (len == -ENODEV)
			break;
		if (len != -EAGAIN && len != -EINTR && len != -ENOENT)
			return len;
	}
	return 0;
}

/* Every handler but those of the thread's own faults. */
static void block_signals(sigset_t *old)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT,
	};
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&set, faults[i]);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

/*
 * The result of a loop that has ended with @error. libfuse alone knows of a
 * signal, or that the server refused INIT; its loop, which does not begin if it
 * is to end, says so.
 */
static int finish(struct fuse_fmap_session *fs, int error)
{
	uint64_t count;
	int rc;

	fuse_session_exit(fs->se);
	rc = fuse_session_loop(fs->se);
	if (read(fs->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		session_log(fs, FUSE_LOG_WARNING, "eventfd cannot be read");
	return error ? error : fs->failed ? fs->failed : rc;
}

int fuse_fmap_session_loop(struct fuse_fmap_session *fs)
{
	struct buffer buf = { 0 };
	sigset_t mask;
	ssize_t len;

	if (fs->fd < 0)
		return -ENOTCONN;
	do {
		block_signals(&mask);
		len = next_request(fs, &buf, &mask);
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
		if (len > 0)
			session_process(fs, buf.mem, len);
	} while (len > 0);
	free(buf.mem);
	return finish(fs, len);
}

static void *work(void *arg);

/* One more, unless there are enough; @reading is held. */
static int start_thread(struct pool *pool)
{
	int rc;

	if (pool->nthreads == pool->max)
		return 0;
	rc = pthread_create(&pool->threads[pool->nthreads], NULL, work, pool);
	if (!rc)
		pool->nthreads++;
	return -rc;
}

/* A burst of FORGETs must not make a thread for each. */
static bool is_quick(const void *request)
{
	const struct fuse_in_header *in = request;

	return in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	       in->opcode == FUSE_INTERRUPT;
}

/* Reads a request and handles it. Return: is there to be another? */
static bool work_once(struct pool *pool, struct buffer *buf)
{
	struct fuse_fmap_session *fs = pool->fs;
	ssize_t len;

	pool->in_line++;
	pthread_mutex_lock(&pool->reading);
	len = next_request(fs, buf, NULL);
	while (len > 0 && session_is_early(fs)) {
		session_process(fs, buf->mem, len);
		len = next_request(fs, buf, NULL);
	}
	if (len < 0 && !pool->error)
		pool->error = len;
	if (len > 0 && pool->in_line == 1 && !is_quick(buf->mem))
		start_thread(pool);
	pool->in_line--;
	pthread_mutex_unlock(&pool->reading);

	if (len > 0)
		session_process(fs, buf->mem, len);
	return len > 0 && !fuse_session_exited(fs->se);
}

static void *work(void *arg)
{
	struct pool *pool = arg;
	struct buffer buf = { 0 };

	while (work_once(pool, &buf))
		;
	free(buf.mem);
	fuse_fmap_session_exit(pool->fs);
	return NULL;
}

/* Until somebody wants the loop to end: a thread, or a signal's handler. */
static void wait_for_end(struct fuse_fmap_session *fs, const sigset_t *mask)
{
	struct pollfd pfd = { .fd = fs->wake_fd, .events = POLLIN };

	while (!fuse_session_exited(fs->se) && ppoll(&pfd, 1, NULL, mask) < 0 &&
	       errno == EINTR)
		;
	fuse_fmap_session_exit(fs);
}

int fuse_fmap_session_loop_mt(struct fuse_fmap_session *fs,
			      unsigned int max_threads)
{
	struct pool pool = {
		.fs = fs,
		.reading = PTHREAD_MUTEX_INITIALIZER,
		.max = max_threads ? max_threads : DEFAULT_THREADS,
	};
	unsigned int i, n;
	sigset_t mask;

	if (fs->fd < 0)
		return -ENOTCONN;
	if (pool.max > MAX_THREADS)
		pool.max = MAX_THREADS;
	pool.threads = calloc(pool.max, sizeof(*pool.threads));
	if (!pool.threads)
		return finish(fs, -ENOMEM);

	block_signals(&mask);
	pthread_mutex_lock(&pool.reading);
	pool.error = start_thread(&pool);
	pthread_mutex_unlock(&pool.reading);
	if (!pool.error)
		wait_for_end(fs, &mask);
	/* Whoever reads from now on gets nothing, and starts no others. */
	pthread_mutex_lock(&pool.reading);
	n = pool.nthreads;
	pthread_mutex_unlock(&pool.reading);
	for (i = 0; i < n; i++)
		pthread_join(pool.threads[i], NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	free(pool.threads);
	return finish(fs, pool.error);
}
