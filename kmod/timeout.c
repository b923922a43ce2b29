// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that the server does not answer in time. As with FUSE, one that is
 * older than what INIT has settled ends its connection, and with it every other
 * request. It is looked for every now and then, so it may be that much older.
 *
 * What FUSE has as sysctls are parameters of the module:
 * /sys/module/fmapfs/parameters/{default,max}_request_timeout.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include "conn.h"

/* How often it is looked, and the shortest time-out, in seconds. */
#define PERIOD	15

static unsigned short default_request_timeout;
module_param(default_request_timeout, ushort, 0644);
MODULE_PARM_DESC(default_request_timeout,
		 "seconds until an unanswered request ends its connection, where the server names none; 0: never");

static unsigned short max_request_timeout;
module_param(max_request_timeout, ushort, 0644);
MODULE_PARM_DESC(max_request_timeout,
		 "the same, at most, whatever the server names; 0: as it likes");

static struct workqueue_struct *timeout_wq;

int fmapfs_timeout_init(void)
{
	timeout_wq = alloc_workqueue("fmapfs_timeout", WQ_UNBOUND, 0);
	return timeout_wq ? 0 : -ENOMEM;
}

void fmapfs_timeout_exit(void)
{
	/* No connection is left, but what ended one may be about to return. */
	destroy_workqueue(timeout_wq);
}

static bool is_old(const struct fmapfs_req *req)
{
	return time_is_before_jiffies(req->created + req->conn->timeout);
}

static bool list_has_old(const struct list_head *reqs)
{
	const struct fmapfs_req *req;

	list_for_each_entry(req, reqs, list)
		if (is_old(req))
			return true;
	return false;
}

/* Guarded by conn->lock. */
static bool has_old(struct fmapfs_conn *conn)
{
	const struct fmapfs_req *req;
	int bucket;

	hash_for_each(conn->inflight, bucket, req, hash)
		if (is_old(req))
			return true;
	return list_has_old(&conn->pending) || list_has_old(&conn->background);
}

/* Guarded by conn->lock. */
static void look_again(struct fmapfs_conn *conn)
{
	queue_delayed_work(timeout_wq, &conn->timer, PERIOD * HZ);
}

static void look(struct work_struct *work)
{
	struct fmapfs_conn *conn = container_of(to_delayed_work(work),
						struct fmapfs_conn, timer);
	bool ready, old;

	spin_lock(&conn->lock);
	ready = conn->phase == FMAPFS_CONN_READY;
	old = ready && has_old(conn);
	if (ready && !old)
		look_again(conn);
	spin_unlock(&conn->lock);
	if (ready && !old)
		return;
	if (old) {
		pr_err_ratelimited("fmapfs (0:%u): the server has not answered for %lu seconds: aborted\n",
				   conn->id, conn->timeout / HZ);
		fmapfs_conn_abort(conn);
	}
	fmapfs_conn_put(conn);
}

/**
 * fmapfs_timeout_start - from here on requests are to be answered in time
 * @conn: the connection; INIT is just being answered
 * @seconds: what the server has named; 0: nothing
 */
void fmapfs_timeout_start(struct fmapfs_conn *conn, unsigned int seconds)
{
	unsigned int max = READ_ONCE(max_request_timeout);

	if (!seconds)
		seconds = READ_ONCE(default_request_timeout);
	seconds = min_not_zero(seconds, max);
	if (!seconds)
		return;
	INIT_DELAYED_WORK(&conn->timer, look);
	spin_lock(&conn->lock);
	/* Who ends the connection from here on stops the timer. */
	if (conn->phase == FMAPFS_CONN_NEW) {
		conn->timeout = max(seconds, PERIOD + 0U) * HZ;
		fmapfs_conn_get(conn);
		look_again(conn);
	}
	spin_unlock(&conn->lock);
}

/**
 * fmapfs_timeout_stop - it does not matter any more
 * @conn: the connection, which is beyond FMAPFS_CONN_READY
 *
 * Does not wait for the timer's work, which may be where this is called.
 */
void fmapfs_timeout_stop(struct fmapfs_conn *conn)
{
	if (conn->timeout && cancel_delayed_work(&conn->timer))
		fmapfs_conn_put(conn);
}
