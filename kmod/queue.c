// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: making, queueing, waiting, finishing. And forgets.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "conn.h"
#include "trace.h"

static struct kmem_cache *req_cache;

int fmapfs_queue_init(void)
{
	req_cache = KMEM_CACHE(fmapfs_req, SLAB_ACCOUNT);
	return req_cache ? 0 : -ENOMEM;
}

void fmapfs_queue_exit(void)
{
	kmem_cache_destroy(req_cache);
}

static void fill_header(struct fmapfs_req *req, u32 opcode, u64 nodeid)
{
	struct fuse_in_header *h = req->in;

	h->len = req->in_size;
	h->opcode = opcode;
	h->nodeid = nodeid;
	h->uid = from_kuid_munged(&init_user_ns, current_fsuid());
	h->gid = from_kgid_munged(&init_user_ns, current_fsgid());
	h->pid = pid_nr_ns(task_pid(current), req->conn->pid_ns);
}

/**
 * fmapfs_req_new - make a request
 * @conn: the connection
 * @opcode: FUSE_*
 * @nodeid: node id
 * @body_size: bytes after the header; zeroed, for the caller to fill in
 * @out_size: bytes that the reply's body has, or may have at most
 * @flags: FMAPFS_REQ_*
 *
 * Return: the request, to be dropped with fmapfs_req_put(); NULL: no memory,
 * which with FMAPFS_REQ_SURE does not happen.
 */
struct fmapfs_req *fmapfs_req_new(struct fmapfs_conn *conn, u32 opcode,
				  u64 nodeid, u32 body_size, u32 out_size,
				  unsigned int flags)
{
	gfp_t gfp = flags & FMAPFS_REQ_SURE ? GFP_KERNEL | __GFP_NOFAIL :
					      GFP_KERNEL;
	struct fmapfs_req *req = kmem_cache_zalloc(req_cache, gfp);

	if (!req)
		return NULL;
	INIT_LIST_HEAD(&req->list);
	INIT_LIST_HEAD(&req->intr);
	INIT_HLIST_NODE(&req->hash);
	refcount_set(&req->count, 1);
	refcount_set(&req->held, 1);
	init_waitqueue_head(&req->wait);
	req->conn = fmapfs_conn_get(conn);
	req->flags = flags;
	req->in_size = sizeof(*req->in) + body_size;
	req->out_size = out_size;
	req->in = kvzalloc(req->in_size, gfp | __GFP_ACCOUNT);
	if (!req->in)
		goto put_req;
	/* Of this nobody reads more than the server has written: @out_len. */
	if (out_size) {
		req->out = kvmalloc(out_size, gfp | __GFP_ACCOUNT);
		if (!req->out)
			goto put_req;
	}
	fill_header(req, opcode, nodeid);
	return req;

put_req:
	fmapfs_req_put(req);
	return NULL;
}

/* What was waiting for this request to be over. */
static void release_holds(struct fmapfs_req *req)
{
	struct fmapfs_req *then = req->then;
	struct fmapfs_forget *node = req->node;

	req->then = NULL;
	req->node = NULL;
	if (then)
		fmapfs_req_let_go(then);
	if (node)
		fmapfs_forget_put(req->conn, node);
}

struct fmapfs_req *fmapfs_req_get(struct fmapfs_req *req)
{
	refcount_inc(&req->count);
	return req;
}

/**
 * fmapfs_req_put - drop a reference
 * @req: the request, or NULL
 */
void fmapfs_req_put(struct fmapfs_req *req)
{
	if (!req || !refcount_dec_and_test(&req->count))
		return;
	WARN_ON_ONCE(req->state != FMAPFS_REQ_NEW &&
		     req->state != FMAPFS_REQ_FINISHED);
	if (req->state == FMAPFS_REQ_NEW && req->end)
		req->end(req);
	release_holds(req);
	kvfree(req->in);
	kvfree(req->out);
	fmapfs_forget_free(req->forget);
	put_cred(req->reader);
	fmapfs_conn_put(req->conn);
	kmem_cache_free(req_cache, req);
}

/**
 * fmapfs_req_take - take a request out of its place, to finish it
 * @req: queued or sent; its connection is locked
 */
void fmapfs_req_take(struct fmapfs_req *req)
{
	lockdep_assert_held(&req->conn->lock);
	list_del_init(&req->list);
	hash_del(&req->hash);
	list_del_init(&req->intr);
	req->state = FMAPFS_REQ_TAKEN;
}

/* May a request of this kind be queued in this phase? */
static bool may_queue(const struct fmapfs_req *req)
{
	switch (req->conn->phase) {
	case FMAPFS_CONN_NEW:
		return req->flags & FMAPFS_REQ_EARLY;
	case FMAPFS_CONN_READY:
		return true;
	default:
		return false;
	}
}

/* Guarded by conn->lock. Takes the queue's reference. */
static void enqueue(struct fmapfs_req *req, struct list_head *queue)
{
	struct fmapfs_conn *conn = req->conn;

	lockdep_assert_held(&conn->lock);
	if (!(req->flags & FMAPFS_REQ_NOREPLY)) {
		conn->last_unique += FMAPFS_UNIQUE_STEP;
		req->in->unique = conn->last_unique;
	}
	req->created = jiffies;
	req->state = FMAPFS_REQ_QUEUED;
	refcount_inc(&req->count);
	conn->nr_waiting++;
	list_add_tail(&req->list, queue);
	trace_fmapfs_req_send(conn->id, req->in->unique, req->in->opcode,
			      req->in->nodeid);
}

/**
 * fmapfs_flush_background - move on what the limit has held back
 * @conn: the connection, locked
 */
void fmapfs_flush_background(struct fmapfs_conn *conn)
{
	lockdep_assert_held(&conn->lock);
	while (conn->nr_background < conn->max_background &&
	       !list_empty(&conn->background)) {
		list_move_tail(conn->background.next, &conn->pending);
		conn->nr_background++;
	}
}

/**
 * fmapfs_req_finish - end a request
 * @req: the request, which the caller has taken out of its place
 * @error: 0 or -errno
 *
 * Wakes the caller, or gives back what a caller that has left would have got.
 * Drops the queue's reference. May sleep.
 */
void fmapfs_req_finish(struct fmapfs_req *req, int error)
{
	struct fmapfs_conn *conn = req->conn;
	bool abandoned;

	spin_lock(&conn->lock);
	req->error = error;
	req->state = FMAPFS_REQ_FINISHED;
	abandoned = req->abandoned;
	if (abandoned)
		conn->nr_abandoned--;
	conn->nr_waiting--;
	if (req->background) {
		conn->nr_background--;
		fmapfs_flush_background(conn);
	}
	spin_unlock(&conn->lock);

	trace_fmapfs_req_end(req->in->unique, error);
	if (abandoned && !error && req->late)
		req->late(req);
	if (req->end)
		req->end(req);
	release_holds(req);
	wake_up(&req->wait);
	if (abandoned)
		wake_up(&conn->blocked);
	fmapfs_conn_wake(conn);
	fmapfs_req_put(req);
}

/**
 * fmapfs_queue_interrupt - let the server read an INTERRUPT
 * @conn: the connection, locked
 * @req: a request that the server has read
 */
void fmapfs_queue_interrupt(struct fmapfs_conn *conn, struct fmapfs_req *req)
{
	lockdep_assert_held(&conn->lock);
	if (req->state == FMAPFS_REQ_SENT && !conn->no_interrupt &&
	    list_empty(&req->intr))
		list_add_tail(&req->intr, &conn->interrupts);
}

/**
 * fmapfs_req_sent - a server thread reads a request
 * @req: the request, just taken; its connection is locked
 * @dev: the device fd that it is read through
 */
void fmapfs_req_sent(struct fmapfs_req *req, const void *dev)
{
	struct fmapfs_conn *conn = req->conn;

	lockdep_assert_held(&conn->lock);
	req->state = FMAPFS_REQ_SENT;
	req->dev = dev;
	/* The number of one that is not answered is not one of ours. */
	if (!(req->flags & FMAPFS_REQ_NOREPLY))
		hash_add(conn->inflight, &req->hash, req->in->unique);
	if (req->interrupted)
		fmapfs_queue_interrupt(conn, req);
}

/**
 * fmapfs_req_unread - a server thread could not read a request
 * @req: the request, by fmapfs_req_sent()
 * @dev: by what
 *
 * It fails with EIO; but if the thread is being killed, that is not its fault,
 * and another thread, maybe of another server, will find it.
 */
void fmapfs_req_unread(struct fmapfs_req *req, const void *dev)
{
	struct fmapfs_conn *conn = req->conn;
	bool again = fatal_signal_pending(current);
	bool mine;

	spin_lock(&conn->lock);
	mine = req->state == FMAPFS_REQ_SENT && req->dev == dev;
	if (mine)
		fmapfs_req_take(req);
	if (mine && again) {
		req->state = FMAPFS_REQ_QUEUED;
		list_add(&req->list, &conn->pending);
	}
	spin_unlock(&conn->lock);
	if (mine && !again)
		fmapfs_req_finish(req, -EIO);
	else
		fmapfs_conn_wake(conn);
}

/**
 * fmapfs_req_unreplied - a server thread could not write a reply
 * @req: the request, which it has taken
 * @dev: the device fd that it was written to
 *
 * If that is because the thread is being killed, the request is as if there had
 * been no reply, unless all ends. Return: true if it is.
 */
bool fmapfs_req_unreplied(struct fmapfs_req *req, const void *dev)
{
	struct fmapfs_conn *conn = req->conn;
	bool again;

	if (!fatal_signal_pending(current))
		return false;
	spin_lock(&conn->lock);
	again = conn->phase != FMAPFS_CONN_DEAD;
	if (again)
		fmapfs_req_sent(req, dev);
	spin_unlock(&conn->lock);
	return again;
}

static bool finished(struct fmapfs_req *req)
{
	bool rc;

	spin_lock(&req->conn->lock);
	rc = req->state == FMAPFS_REQ_FINISHED;
	spin_unlock(&req->conn->lock);
	return rc;
}

/*
 * Guarded by conn->lock. Of what is to be sent again a server knows already: it may
 * be at work at it yet, or have left it to its successor. It hears how that ends, and
 * nothing of what is to come after that before, a FORGET, say.
 */
static bool is_unsent(const struct fmapfs_req *req)
{
	return req->state == FMAPFS_REQ_QUEUED &&
	       !(req->flags & FMAPFS_REQ_SURE) &&
	       !(req->in->unique & FUSE_UNIQUE_RESEND);
}

/* The caller waits no longer. Return: whether the request was finished before. */
static bool leave(struct fmapfs_req *req)
{
	struct fmapfs_conn *conn = req->conn;
	bool over, unsent;

	spin_lock(&conn->lock);
	over = req->state == FMAPFS_REQ_FINISHED;
	unsent = is_unsent(req);
	if (unsent) {
		fmapfs_req_take(req);
	} else if (!over) {
		req->abandoned = true;
		conn->nr_abandoned++;
	}
	spin_unlock(&conn->lock);
	if (unsent)
		fmapfs_req_finish(req, -EINTR);
	return over;
}

static int wait_answer(struct fmapfs_req *req)
{
	struct fmapfs_conn *conn = req->conn;

	if (!wait_event_interruptible(req->wait, finished(req)))
		return req->error;

	spin_lock(&conn->lock);
	req->interrupted = true;
	fmapfs_queue_interrupt(conn, req);
	spin_unlock(&conn->lock);
	fmapfs_conn_wake(conn);

	if (!wait_event_killable(req->wait, finished(req)))
		return req->error;
	return leave(req) ? req->error : -EINTR;
}

static int queue_pending(struct fmapfs_req *req)
{
	struct fmapfs_conn *conn = req->conn;

	spin_lock(&conn->lock);
	if (!may_queue(req)) {
		spin_unlock(&conn->lock);
		return -ENOTCONN;
	}
	enqueue(req, &conn->pending);
	spin_unlock(&conn->lock);
	fmapfs_conn_wake(conn);
	return 0;
}

/**
 * fmapfs_req_send - send a request and wait for its answer
 * @req: the request
 *
 * A signal makes an INTERRUPT for the server; a fatal one ends the wait. If
 * that happens, -EINTR is returned, the reply's body is not there, and ->late()
 * gets it should it still come.
 *
 * Return: 0 and the body in @req->out; or -errno, of which -ENOTCONN means that
 * there is no server.
 */
int fmapfs_req_send(struct fmapfs_req *req)
{
	int rc;

	if (!(req->flags & FMAPFS_REQ_EARLY)) {
		rc = fmapfs_conn_wait_ready(req->conn);
		if (rc && !(rc == -EINTR && req->flags & FMAPFS_REQ_SURE))
			return rc;
	}
	rc = queue_pending(req);
	return rc ? rc : wait_answer(req);
}

/**
 * fmapfs_req_send_briefly - send a request and do not wait long for its answer
 * @req: the request, with FMAPFS_REQ_SURE
 * @timeout: jiffies
 *
 * For callers that may hold locks of others, which these cannot be killed in
 * waiting for. Any signal ends the wait.
 *
 * Return: as fmapfs_req_send(); or -ERESTARTSYS: there is no answer yet, ->late()
 * gets it.
 */
int fmapfs_req_send_briefly(struct fmapfs_req *req, unsigned long timeout)
{
	int rc = queue_pending(req);

	if (rc)
		return rc;
	if (wait_event_interruptible_timeout(req->wait, finished(req),
					     timeout) <= 0 && !leave(req))
		return -ERESTARTSYS;
	return req->error;
}

/**
 * fmapfs_req_send_background - send a request that nobody waits for
 * @req: the request; its callbacks tell the outcome
 *
 * Return: 0, or -ENOTCONN: not queued, and no callback but ->end(), when the
 * last reference goes. The caller's reference stays the caller's.
 */
int fmapfs_req_send_background(struct fmapfs_req *req)
{
	struct fmapfs_conn *conn = req->conn;

	spin_lock(&conn->lock);
	if (!may_queue(req)) {
		spin_unlock(&conn->lock);
		return -ENOTCONN;
	}
	req->background = true;
	enqueue(req, &conn->background);
	fmapfs_flush_background(conn);
	spin_unlock(&conn->lock);
	fmapfs_conn_wake(conn);
	return 0;
}

/**
 * fmapfs_req_of_nobody - what is sent now is sent for no user's sake
 * @req: not yet sent
 *
 * Its header has no ids, and the pid of the current task.
 */
void fmapfs_req_of_nobody(struct fmapfs_req *req)
{
	req->in->uid = 0;
	req->in->gid = 0;
	req->in->pid = pid_nr_ns(task_pid(current), req->conn->pid_ns);
}

/**
 * fmapfs_req_shrink - a request turns out shorter than it was made
 * @req: not yet sent
 * @body_size: bytes after the header
 */
void fmapfs_req_shrink(struct fmapfs_req *req, u32 body_size)
{
	req->in_size = sizeof(*req->in) + body_size;
	req->in->len = req->in_size;
}

/**
 * fmapfs_req_send_answer - send what the server has asked for by a notification
 * @req: made with FMAPFS_REQ_NOREPLY
 * @unique: what the server knows it by
 *
 * Return: 0, or -ENOTCONN, as fmapfs_req_send_background().
 */
int fmapfs_req_send_answer(struct fmapfs_req *req, u64 unique)
{
	req->in->unique = unique;
	return queue_pending(req);
}

/**
 * fmapfs_queue_last - queue the last request of a connection
 * @req: the request; its connection is locked, and ready
 *
 * Behind all others that nobody waits for. Nothing can be sent after it.
 */
void fmapfs_queue_last(struct fmapfs_req *req)
{
	lockdep_assert_held(&req->conn->lock);
	req->background = true;
	enqueue(req, &req->conn->background);
	fmapfs_flush_background(req->conn);
}

/**
 * fmapfs_req_hold_back - do not send one request before another is finished
 * @req: not yet sent
 * @then: to be held back; NULL: nothing happens
 */
void fmapfs_req_hold_back(struct fmapfs_req *req, struct fmapfs_req *then)
{
	if (!then)
		return;
	refcount_inc(&then->held);
	req->then = then;
}

/**
 * fmapfs_req_let_go - stop holding a request back
 * @then: the request
 *
 * The last to do so sends it, and drops the maker's reference. Does not wait.
 */
void fmapfs_req_let_go(struct fmapfs_req *then)
{
	if (!refcount_dec_and_test(&then->held))
		return;
	fmapfs_req_send_background(then);
	fmapfs_req_put(then);
}

struct fmapfs_forget *fmapfs_forget_new(gfp_t gfp)
{
	struct fmapfs_forget *forget;

	forget = kzalloc(sizeof(*forget), gfp | __GFP_ACCOUNT);
	if (forget)
		refcount_set(&forget->count, 1);
	return forget;
}

struct fmapfs_forget *fmapfs_forget_get(struct fmapfs_forget *forget)
{
	refcount_inc(&forget->count);
	return forget;
}

void fmapfs_forget_free(struct fmapfs_forget *forget)
{
	kfree(forget);
}

/**
 * fmapfs_forget_put - drop a hold; with the last, give the lookups back
 * @conn: the connection
 * @forget: the hold is consumed
 *
 * Never waits, never fails. Without a server there is nothing to give back, nor
 * after DESTROY.
 */
void fmapfs_forget_put(struct fmapfs_conn *conn, struct fmapfs_forget *forget)
{
	bool queued = false;

	if (!refcount_dec_and_test(&forget->count))
		return;
	spin_lock(&conn->lock);
	if (forget->nlookup && conn->phase < FMAPFS_CONN_CLOSING) {
		list_add_tail(&forget->list, &conn->forgets);
		queued = true;
	}
	spin_unlock(&conn->lock);
	if (queued)
		fmapfs_conn_wake(conn);
	else
		fmapfs_forget_free(forget);
}

/**
 * fmapfs_forget_send - give lookups back to the server
 * @conn: the connection
 * @forget: the caller's hold is consumed
 * @nodeid: node id
 * @nlookup: number of lookups
 *
 * They go out when nobody else holds @forget.
 */
void fmapfs_forget_send(struct fmapfs_conn *conn, struct fmapfs_forget *forget,
			u64 nodeid, u64 nlookup)
{
	forget->nodeid = nodeid;
	forget->nlookup = nlookup;
	fmapfs_forget_put(conn, forget);
}
