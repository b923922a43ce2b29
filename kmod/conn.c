// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections: their phases, their end.
 */
#include <linux/fs.h>
#include <linux/list_sort.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "conn.h"
#include "daxdev.h"

#define DEFAULT_MAX_BACKGROUND		12
#define DEFAULT_CONGESTION_THRESHOLD	9

/**
 * fmapfs_conn_new - make a connection
 * @devtab: the mount's devices; the connection takes a reference of its own
 * @id: names it in traces and in sysfs
 *
 * Return: the connection, or NULL: no memory.
 */
struct fmapfs_conn *fmapfs_conn_new(struct fmapfs_devtab *devtab,
				    unsigned int id)
{
	struct fmapfs_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL_ACCOUNT);

	if (!conn)
		return NULL;
	refcount_set(&conn->count, 1);
	conn->id = id;
	spin_lock_init(&conn->lock);
	INIT_LIST_HEAD(&conn->pending);
	INIT_LIST_HEAD(&conn->background);
	INIT_LIST_HEAD(&conn->interrupts);
	INIT_LIST_HEAD(&conn->forgets);
	hash_init(conn->inflight);
	conn->polled = RB_ROOT;
	init_waitqueue_head(&conn->readers);
	init_waitqueue_head(&conn->blocked);
	conn->max_background = DEFAULT_MAX_BACKGROUND;
	conn->congestion_threshold = DEFAULT_CONGESTION_THRESHOLD;
	conn->pid_ns = get_pid_ns(task_active_pid_ns(current));
	conn->devtab = fmapfs_devtab_hold(devtab);
	return conn;
}

struct fmapfs_conn *fmapfs_conn_get(struct fmapfs_conn *conn)
{
	refcount_inc(&conn->count);
	return conn;
}

/* Requests hold references: whatever is queued is gone by now. */
static void free_forgets(struct list_head *forgets)
{
	struct fmapfs_forget *forget, *next;

	list_for_each_entry_safe(forget, next, forgets, list)
		fmapfs_forget_free(forget);
}

void fmapfs_conn_put(struct fmapfs_conn *conn)
{
	if (!refcount_dec_and_test(&conn->count))
		return;
	free_forgets(&conn->forgets);
	fmapfs_devtab_put(conn->devtab);
	put_pid_ns(conn->pid_ns);
	kfree_rcu(conn, rcu);
}

struct pid_namespace *fmapfs_conn_pid_ns(const struct fmapfs_conn *conn)
{
	return conn->pid_ns;
}

unsigned int fmapfs_conn_id(const struct fmapfs_conn *conn)
{
	return conn->id;
}

struct fmapfs_agreed *fmapfs_conn_agreed(struct fmapfs_conn *conn)
{
	return &conn->agreed;
}

/**
 * fmapfs_conn_has_work - is there something for a server thread?
 * @conn: the connection, locked
 *
 * Return: true if read(2) would not block: there is something to read, or there
 * never will be again.
 */
bool fmapfs_conn_has_work(const struct fmapfs_conn *conn)
{
	return !list_empty(&conn->pending) ||
	       !list_empty(&conn->interrupts) ||
	       !list_empty(&conn->forgets) ||
	       fmapfs_conn_is_over(conn);
}

/**
 * fmapfs_conn_is_over - is there nothing to read, ever again?
 * @conn: the connection, locked
 *
 * Return: true if read(2) is to fail with ENODEV.
 */
bool fmapfs_conn_is_over(const struct fmapfs_conn *conn)
{
	if (conn->phase == FMAPFS_CONN_CLOSING)
		return list_empty(&conn->pending) &&
		       list_empty(&conn->background) &&
		       list_empty(&conn->interrupts) &&
		       list_empty(&conn->forgets);
	return conn->phase == FMAPFS_CONN_DEAD;
}

/**
 * fmapfs_conn_wake - tell a server thread, if there is something for it
 * @conn: the connection, not locked
 */
void fmapfs_conn_wake(struct fmapfs_conn *conn)
{
	bool has_work, over;

	spin_lock(&conn->lock);
	has_work = fmapfs_conn_has_work(conn);
	over = fmapfs_conn_is_over(conn);
	spin_unlock(&conn->lock);
	if (!has_work)
		return;
	/* The end is for every thread, a request for one. */
	if (over)
		wake_up_all(&conn->readers);
	else
		wake_up(&conn->readers);
	kill_fasync(&conn->fasync, SIGIO, POLL_IN);
}

static const struct fmapfs_conn_ops *hold_fs(struct fmapfs_conn *conn,
					     void **fs)
{
	const struct fmapfs_conn_ops *ops = NULL;

	spin_lock(&conn->lock);
	if (conn->ops && conn->ops->get(conn->fs)) {
		ops = conn->ops;
		*fs = conn->fs;
	}
	spin_unlock(&conn->lock);
	return ops;
}

/**
 * fmapfs_conn_ready - INIT was answered; let the requests go
 * @conn: the connection; its agreed part is filled in
 * @max_background: the server's limit, or 0
 * @congestion_threshold: the server's, or 0
 */
void fmapfs_conn_ready(struct fmapfs_conn *conn, u16 max_background,
		       u16 congestion_threshold)
{
	const struct fmapfs_conn_ops *ops;
	void *fs;

	ops = hold_fs(conn, &fs);
	if (ops) {
		ops->ready(fs);
		ops->put(fs);
	}
	spin_lock(&conn->lock);
	if (max_background)
		conn->max_background = max_background;
	if (congestion_threshold)
		conn->congestion_threshold = congestion_threshold;
	if (conn->phase == FMAPFS_CONN_NEW)
		conn->phase = FMAPFS_CONN_READY;
	spin_unlock(&conn->lock);
	wake_up_all(&conn->blocked);
}

static enum fmapfs_conn_phase phase_of(struct fmapfs_conn *conn)
{
	enum fmapfs_conn_phase phase;

	spin_lock(&conn->lock);
	phase = conn->phase;
	spin_unlock(&conn->lock);
	return phase;
}

static bool may_send(struct fmapfs_conn *conn)
{
	bool rc;

	spin_lock(&conn->lock);
	rc = conn->phase > FMAPFS_CONN_READY ||
	     (conn->phase == FMAPFS_CONN_READY &&
	      conn->nr_abandoned < FMAPFS_MAX_ABANDONED);
	spin_unlock(&conn->lock);
	return rc;
}

/**
 * fmapfs_conn_wait_ready - wait until INIT is answered, and one may send
 * @conn: the connection
 *
 * Return: 0; -EINTR: killed; -ENOTCONN: there is no server.
 */
int fmapfs_conn_wait_ready(struct fmapfs_conn *conn)
{
	if (wait_event_killable(conn->blocked, may_send(conn)))
		return -EINTR;
	return phase_of(conn) == FMAPFS_CONN_READY ? 0 : -ENOTCONN;
}

/* Are fmaps agreed on? Not before INIT is answered. */
bool fmapfs_conn_has_dax(struct fmapfs_conn *conn)
{
	return phase_of(conn) != FMAPFS_CONN_NEW &&
	       conn->agreed.flags & FUSE_DAX_FMAP;
}

/* Is it mounted, and is there a server? */
bool fmapfs_conn_alive(struct fmapfs_conn *conn)
{
	return phase_of(conn) < FMAPFS_CONN_CLOSING;
}

/* Guarded by conn->lock. Those that @dev has read, or all if it is NULL. */
static void take_inflight(struct fmapfs_conn *conn, const void *dev,
			  struct list_head *to)
{
	struct fmapfs_req *req;
	struct hlist_node *next;
	int bucket;

	lockdep_assert_held(&conn->lock);
	hash_for_each_safe(conn->inflight, bucket, next, req, hash) {
		if (dev && req->dev != dev)
			continue;
		fmapfs_req_take(req);
		list_add_tail(&req->list, to);
	}
}

/* Guarded by conn->lock. Those that no server thread has read. */
static void take_pending(struct fmapfs_conn *conn, struct list_head *to)
{
	struct fmapfs_req *req, *next;

	lockdep_assert_held(&conn->lock);
	list_for_each_entry_safe(req, next, &conn->pending, list) {
		fmapfs_req_take(req);
		list_add_tail(&req->list, to);
	}
}

static void finish_all(struct list_head *reqs)
{
	struct fmapfs_req *req, *next;

	list_for_each_entry_safe(req, next, reqs, list) {
		list_del_init(&req->list);
		fmapfs_req_finish(req, -ENOTCONN);
	}
}

/**
 * fmapfs_conn_bind - say what file system a connection is for
 * @conn: the connection
 * @ops: what to call
 * @fs: with what
 */
void fmapfs_conn_bind(struct fmapfs_conn *conn,
		      const struct fmapfs_conn_ops *ops, void *fs)
{
	spin_lock(&conn->lock);
	conn->fs = fs;
	conn->ops = ops;
	spin_unlock(&conn->lock);
}

/**
 * fmapfs_conn_unbind - the file system is being unmounted
 * @conn: the connection
 *
 * Nothing of it is called from here on, but for the ->put() that goes with an
 * earlier ->get(); if there is one, this is not called before.
 */
void fmapfs_conn_unbind(struct fmapfs_conn *conn)
{
	fmapfs_conn_bind(conn, NULL, NULL);
}

static int older(void *unused, const struct list_head *a,
		 const struct list_head *b)
{
	const struct fmapfs_req *r = list_entry(a, struct fmapfs_req, list);
	const struct fmapfs_req *s = list_entry(b, struct fmapfs_req, list);

	return (r->in->unique & ~FUSE_UNIQUE_RESEND) >
	       (s->in->unique & ~FUSE_UNIQUE_RESEND);
}

/*
 * Guarded by conn->lock. Lets the server read again what @dev has read, or all
 * that was read if it is NULL: the oldest first, and before all else. The reply
 * to what was read before is no reply to what is read again.
 */
static void send_again(struct fmapfs_conn *conn, const void *dev)
{
	struct fmapfs_req *req;
	LIST_HEAD(reqs);

	take_inflight(conn, dev, &reqs);
	list_for_each_entry(req, &reqs, list) {
		req->state = FMAPFS_REQ_QUEUED;
		req->in->unique |= FUSE_UNIQUE_RESEND;
	}
	list_sort(NULL, &reqs, older);
	list_splice(&reqs, &conn->pending);
}

/*
 * A new server goes on where one has ended that has left its device fd to it. It
 * may have ended before it had answered INIT. INTERRUPTs go out again with their
 * requests; forgets that the old one has read do not.
 */
static int resend(struct fmapfs_conn *conn)
{
	bool dead;

	spin_lock(&conn->lock);
	dead = conn->phase == FMAPFS_CONN_DEAD;
	if (!dead)
		send_again(conn, NULL);
	spin_unlock(&conn->lock);
	if (dead)
		return -EINVAL;
	/* There may be work for every thread. */
	wake_up_all(&conn->readers);
	fmapfs_conn_wake(conn);
	return 0;
}

/**
 * fmapfs_conn_notify - the server tells something unasked
 * @conn: the connection
 * @code: FUSE_NOTIFY_*
 * @from: the body
 * @size: bytes of it
 *
 * Return: 0; -EINVAL: INIT is not answered yet, or all is over; -ENOENT: it is
 * being unmounted; or what the file system says.
 */
int fmapfs_conn_notify(struct fmapfs_conn *conn, u32 code,
		       struct iov_iter *from, size_t size)
{
	const struct fmapfs_conn_ops *ops;
	void *fs;
	int rc;

	if (code == FUSE_NOTIFY_RESEND)
		return resend(conn);
	if (phase_of(conn) != FMAPFS_CONN_READY)
		return -EINVAL;
	ops = hold_fs(conn, &fs);
	if (!ops)
		return -ENOENT;
	rc = ops->notify(fs, code, from, size);
	ops->put(fs);
	return rc;
}

/**
 * fmapfs_conn_abort - end everything, now
 * @conn: the connection
 *
 * Every request, queued or sent, ends with ENOTCONN. The owner of this
 * teardown is whoever first moves the phase to DEAD. May sleep.
 */
void fmapfs_conn_abort(struct fmapfs_conn *conn)
{
	LIST_HEAD(reqs);
	LIST_HEAD(forgets);

	spin_lock(&conn->lock);
	if (conn->phase == FMAPFS_CONN_DEAD) {
		spin_unlock(&conn->lock);
		return;
	}
	conn->phase = FMAPFS_CONN_DEAD;
	/* What is held back counts as running from here on: it is finished. */
	conn->max_background = UINT_MAX;
	fmapfs_flush_background(conn);
	take_pending(conn, &reqs);
	take_inflight(conn, NULL, &reqs);
	list_splice_init(&conn->forgets, &forgets);
	spin_unlock(&conn->lock);

	fmapfs_timeout_stop(conn);
	finish_all(&reqs);
	free_forgets(&forgets);
	wake_up_all(&conn->blocked);
	fmapfs_polled_wake_all(conn);
	wake_up_all(&conn->readers);
	kill_fasync(&conn->fasync, SIGIO, POLL_ERR);
}

/**
 * fmapfs_conn_abort_by_user - the same, by the abort file
 * @conn: the connection
 *
 * The server learns that it was, if it has agreed to be told so.
 */
void fmapfs_conn_abort_by_user(struct fmapfs_conn *conn)
{
	spin_lock(&conn->lock);
	conn->abort_told = conn->agreed.flags & FUSE_ABORT_ERROR &&
			   conn->phase != FMAPFS_CONN_DEAD;
	spin_unlock(&conn->lock);
	fmapfs_conn_abort(conn);
}

/**
 * fmapfs_conn_close - unmount
 * @conn: the connection
 * @last: a request for the server to read last (DESTROY), or NULL
 *
 * Does not wait. Nothing can be sent from here on, and what is given back from
 * here on goes nowhere: after @last the server wants nothing back. If nobody has
 * answered INIT there is nobody to say goodbye to.
 */
void fmapfs_conn_close(struct fmapfs_conn *conn, struct fmapfs_req *last)
{
	bool abort;

	spin_lock(&conn->lock);
	abort = conn->phase == FMAPFS_CONN_NEW;
	if (conn->phase == FMAPFS_CONN_READY) {
		conn->phase = FMAPFS_CONN_CLOSING;
		if (last)
			fmapfs_queue_last(last);
	}
	spin_unlock(&conn->lock);

	if (abort) {
		fmapfs_conn_abort(conn);
	} else {
		fmapfs_timeout_stop(conn);
		fmapfs_conn_wake(conn);
	}
}

void fmapfs_conn_add_dev(struct fmapfs_conn *conn)
{
	spin_lock(&conn->lock);
	conn->nr_devs++;
	spin_unlock(&conn->lock);
}

/**
 * fmapfs_conn_drop_dev - a device fd is closed
 * @conn: the connection
 * @dev: the device fd
 *
 * What it has read can no longer be answered by it: others get to read it, if the
 * server knows how to tell that; else it fails. Thus a server whose threads have
 * device fds of their own, and which is killed, leaves nothing that fails to who
 * has kept one of them. With the last one goes the connection.
 */
void fmapfs_conn_drop_dev(struct fmapfs_conn *conn, const void *dev)
{
	LIST_HEAD(reqs);
	bool last;

	spin_lock(&conn->lock);
	last = !--conn->nr_devs;
	if (!last && conn->agreed.flags & FUSE_HAS_RESEND)
		send_again(conn, dev);
	else
		take_inflight(conn, dev, &reqs);
	spin_unlock(&conn->lock);
	finish_all(&reqs);
	if (last)
		fmapfs_conn_abort(conn);
	else
		fmapfs_conn_wake(conn);
}

unsigned int fmapfs_conn_waiting(struct fmapfs_conn *conn)
{
	unsigned int n;

	spin_lock(&conn->lock);
	n = conn->nr_waiting;
	spin_unlock(&conn->lock);
	return n;
}

/* Has the server enough to do, so that what is not needed yet can wait? */
bool fmapfs_conn_congested(struct fmapfs_conn *conn)
{
	bool rc;

	spin_lock(&conn->lock);
	rc = conn->nr_background >= conn->congestion_threshold;
	spin_unlock(&conn->lock);
	return rc;
}

void fmapfs_conn_limits(struct fmapfs_conn *conn, unsigned int *max_background,
			unsigned int *congestion_threshold)
{
	spin_lock(&conn->lock);
	*max_background = conn->max_background;
	*congestion_threshold = conn->congestion_threshold;
	spin_unlock(&conn->lock);
}

/**
 * fmapfs_conn_set_limits - change the limits
 * @conn: the connection
 * @max_background: requests that nobody waits for; 0: as it is
 * @congestion_threshold: 0: as it is
 */
void fmapfs_conn_set_limits(struct fmapfs_conn *conn,
			    unsigned int max_background,
			    unsigned int congestion_threshold)
{
	spin_lock(&conn->lock);
	if (conn->phase != FMAPFS_CONN_DEAD) {
		if (max_background)
			conn->max_background = max_background;
		if (congestion_threshold)
			conn->congestion_threshold = congestion_threshold;
		fmapfs_flush_background(conn);
	}
	spin_unlock(&conn->lock);
	fmapfs_conn_wake(conn);
}

/**
 * fmapfs_conn_for_each - look at what is not finished
 * @conn: the connection
 * @fn: called with each request, where it is, and @arg; under the connection's
 *	lock
 * @arg: anything
 */
void fmapfs_conn_for_each(struct fmapfs_conn *conn,
			  void (*fn)(const struct fmapfs_req *req,
				     const char *where, void *arg), void *arg)
{
	const struct fmapfs_req *req;
	int bucket;

	spin_lock(&conn->lock);
	hash_for_each(conn->inflight, bucket, req, hash)
		fn(req, "sent", arg);
	list_for_each_entry(req, &conn->pending, list)
		fn(req, "queued", arg);
	list_for_each_entry(req, &conn->background, list)
		fn(req, "background", arg);
	spin_unlock(&conn->lock);
}
