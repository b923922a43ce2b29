/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transport, as the protocol layer sees it: connections and requests.
 *
 * A request owns its buffers. A caller that is killed therefore leaves at once,
 * whatever the server does: the request lives on without it, and its reply, if
 * one ever comes, goes to ->late(), which gives back what the server has
 * handed out (a lookup count, a file handle).
 */
#ifndef FMAPFS_TRANSPORT_H
#define FMAPFS_TRANSPORT_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/fuse_fmap.h>

struct cred;
struct file;
struct iov_iter;
struct fmapfs_conn;
struct fmapfs_devtab;
struct pid_namespace;

/**
 * struct fmapfs_agreed - what INIT has settled
 * @flags: FUSE_* INIT bits that are in both request and reply
 * @minor: of the protocol
 * @max_write: bytes of data in a WRITE
 * @max_read: bytes of data in a READ
 * @time_gran: granularity of times, nanoseconds
 * @max_readahead: bytes to read in advance
 *
 * Written once, before the connection is ready; constant from then on.
 */
struct fmapfs_agreed {
	u64 flags;
	u32 minor;
	u32 max_write;
	u32 max_read;
	u32 time_gran;
	u32 max_readahead;
};

/**
 * struct fmapfs_conn_ops - what the transport asks of the file system
 * @get: hold the file system, so that it stays while a notification is seen to.
 *	Called under the connection's lock: must not sleep. False: it is going
 * @put: the hold ends, and maybe the file system. Does not wait for that
 * @ready: INIT was answered; before anything else is sent
 * @notify: see to a notification, of which @size bytes are left in @from. Runs
 *	in the server's write(2), which fails with what it returns: 0 or -errno.
 *	Waits for nothing that the server has to answer; other waits are killable,
 *	but for that of eviction for pinned pages
 *
 * The file system is known from fmapfs_conn_bind() to fmapfs_conn_unbind(), with
 * which unmounting begins. Neither of unmounting and notifications waits for the
 * other: an unmount that finds a notification under way is left to its @put.
 */
struct fmapfs_conn_ops {
	bool (*get)(void *fs);
	void (*put)(void *fs);
	void (*ready)(void *fs);
	int (*notify)(void *fs, u32 code, struct iov_iter *from, size_t size);
};

/**
 * struct fmapfs_forget - lookups to give back; allocated before they are taken
 * @count: holds. An inode has one until it goes, and so has each request that
 *	names the inode's node id until it is finished, whether its caller waits
 *	for it or not: the FORGET goes out with the last, so that no node is
 *	forgotten that the server is still asked about.
 * @list: in the connection's queue; guarded by its lock
 * @nodeid: node id
 * @nlookup: number of lookups to forget; 0: nothing is sent
 */
struct fmapfs_forget {
	refcount_t count;
	struct list_head list;
	u64 nodeid;
	u64 nlookup;
};

enum fmapfs_req_state {
	FMAPFS_REQ_NEW,		/* the caller's alone */
	FMAPFS_REQ_QUEUED,	/* in the pending or the background queue */
	FMAPFS_REQ_SENT,	/* read by the server, in the in-flight table */
	FMAPFS_REQ_TAKEN,	/* in no list; somebody is about to finish it */
	FMAPFS_REQ_FINISHED,	/* error and out are valid */
};

/* How a request behaves; fixed when it is made. */
#define FMAPFS_REQ_OUTVAR	BIT(0) /* the reply may be shorter */
#define FMAPFS_REQ_EARLY	BIT(1) /* goes out before INIT is answered */
#define FMAPFS_REQ_NOREPLY	BIT(2) /* is over when the server has read it */
#define FMAPFS_REQ_SURE		BIT(3) /* is made, and sent, whatever the caller suffers */
#define FMAPFS_REQ_READER	BIT(4) /* remembers who has read it */

/**
 * struct fmapfs_req - one request to the server
 * @list: in the pending or background queue; guarded by the connection's lock
 * @hash: in-flight table by unique; guarded by the connection's lock
 * @intr: in the interrupt queue; guarded by the connection's lock
 * @count: references: the maker's, and one from queueing to the end
 * @conn: the connection; holds a reference to it
 * @dev: the device fd it was read through; guarded by the connection's lock
 * @reader: with FMAPFS_REQ_READER: the credentials of who has read it last, with a
 *	reference; guarded by the connection's lock, constant once it is taken
 * @flags: FMAPFS_REQ_*; constant
 * @state: guarded by the connection's lock
 * @interrupted: the caller has seen a signal; guarded by the connection's lock
 * @created: when it was queued first, jiffies
 * @abandoned: the caller has left; guarded by the connection's lock
 * @background: nobody waits; constant once queued
 * @wait: the caller sleeps here
 * @in: what the server reads, header and body in one; constant once queued, but for
 *	FUSE_UNIQUE_RESEND in its number: a server has read it before. That is guarded
 *	by the connection's lock
 * @in_size: bytes of @in
 * @out: where the reply's body goes; the caller's once finished
 * @out_size: bytes of room at @out
 * @out_min: bytes that it has at least, if it may be shorter than @out_size
 * @out_len: bytes of the reply's body
 * @error: 0 or -errno; valid once finished
 * @in_server: if the reply is a success, runs in the server's write(2) before
 *	the caller wakes; its return value becomes @error. May sleep. The caller
 *	may have left, and the mount may be gone.
 * @late: runs in the server's write(2) instead of waking a caller that has
 *	left, if the reply is a success
 * @end: runs once when the request is finished, however that came, or freed
 *	unsent. May sleep. Releases @priv.
 * @forget: for the lookup that the request may bring, or NULL
 * @node: holds the node that the request names until it is finished, or NULL
 * @then: a request that is held back until this one is finished, or NULL: the
 *	RELEASE of the handle that this one names
 * @held: how many hold this one back: those whose @then it is, and its maker
 * @priv: for the callbacks
 */
struct fmapfs_req {
	struct list_head list;
	struct hlist_node hash;
	struct list_head intr;
	refcount_t count;
	struct fmapfs_conn *conn;
	const void *dev;
	const struct cred *reader;
	unsigned int flags;
	enum fmapfs_req_state state;
	unsigned long created;
	bool interrupted;
	bool abandoned;
	bool background;
	wait_queue_head_t wait;
	struct fuse_in_header *in;
	u32 in_size;
	void *out;
	u32 out_size;
	u32 out_min;
	u32 out_len;
	int error;
	int (*in_server)(struct fmapfs_req *req);
	void (*late)(struct fmapfs_req *req);
	void (*end)(struct fmapfs_req *req);
	struct fmapfs_forget *forget;
	struct fmapfs_forget *node;
	struct fmapfs_req *then;
	refcount_t held;
	void *priv;
};

/* The body of the request, after the header. */
static inline void *fmapfs_req_body(struct fmapfs_req *req)
{
	return req->in + 1;
}

/* Holds a request back until fmapfs_req_let_go(); NULL: nothing happens. */
static inline struct fmapfs_req *fmapfs_req_hold(struct fmapfs_req *then)
{
	if (then)
		refcount_inc(&then->held);
	return then;
}

/**
 * struct fmapfs_polled - what an open file has that is polled
 * @count: holds: the open file's, and one of each POLL until it is finished
 * @node: in the connection's tree, by @kh; guarded by the connection's lock
 * @added: it is in there; guarded by the connection's lock
 * @kh: the server's name for it; constant
 * @wait: who polls it
 * @asked: a POLL that its caller has left: when it is finished, who polls is
 *	woken. NULL: there is none; guarded by the connection's lock
 * @revents: what it has brought; POLL*; guarded by the connection's lock
 * @until: jiffies64 until which that can be used, once; guarded by the
 *	connection's lock
 */
struct fmapfs_polled {
	refcount_t count;
	struct rb_node node;
	bool added;
	u64 kh;
	wait_queue_head_t wait;
	const struct fmapfs_req *asked;
	u32 revents;
	u64 until;
};

/* In queue.c */
int fmapfs_queue_init(void);
void fmapfs_queue_exit(void);
struct fmapfs_req *fmapfs_req_new(struct fmapfs_conn *conn, u32 opcode,
				  u64 nodeid, u32 body_size, u32 out_size,
				  unsigned int flags);
struct fmapfs_req *fmapfs_req_get(struct fmapfs_req *req);
void fmapfs_req_put(struct fmapfs_req *req);
int fmapfs_req_send(struct fmapfs_req *req);
int fmapfs_req_send_briefly(struct fmapfs_req *req, unsigned long timeout);
int fmapfs_req_send_background(struct fmapfs_req *req);
void fmapfs_req_of_nobody(struct fmapfs_req *req);
void fmapfs_req_shrink(struct fmapfs_req *req, u32 body_size);
int fmapfs_req_send_answer(struct fmapfs_req *req, u64 unique);
void fmapfs_req_hold_back(struct fmapfs_req *req, struct fmapfs_req *then);
void fmapfs_req_let_go(struct fmapfs_req *then);
struct fmapfs_forget *fmapfs_forget_new(gfp_t gfp);
struct fmapfs_forget *fmapfs_forget_get(struct fmapfs_forget *forget);
void fmapfs_forget_put(struct fmapfs_conn *conn, struct fmapfs_forget *forget);
void fmapfs_forget_free(struct fmapfs_forget *forget);
void fmapfs_forget_send(struct fmapfs_conn *conn, struct fmapfs_forget *forget,
			u64 nodeid, u64 nlookup);

/* In conn.c */
struct fmapfs_conn *fmapfs_conn_new(struct fmapfs_devtab *devtab,
				    unsigned int id);
struct fmapfs_conn *fmapfs_conn_get(struct fmapfs_conn *conn);
void fmapfs_conn_put(struct fmapfs_conn *conn);
void fmapfs_conn_bind(struct fmapfs_conn *conn,
		      const struct fmapfs_conn_ops *ops, void *fs);
void fmapfs_conn_unbind(struct fmapfs_conn *conn);
struct pid_namespace *fmapfs_conn_pid_ns(const struct fmapfs_conn *conn);
unsigned int fmapfs_conn_id(const struct fmapfs_conn *conn);
struct fmapfs_agreed *fmapfs_conn_agreed(struct fmapfs_conn *conn);
void fmapfs_conn_ready(struct fmapfs_conn *conn, u16 max_background,
		       u16 congestion_threshold);
int fmapfs_conn_wait_ready(struct fmapfs_conn *conn);
void fmapfs_conn_close(struct fmapfs_conn *conn, struct fmapfs_req *last);
void fmapfs_conn_abort(struct fmapfs_conn *conn);
void fmapfs_conn_abort_by_user(struct fmapfs_conn *conn);
bool fmapfs_conn_congested(struct fmapfs_conn *conn);
bool fmapfs_conn_alive(struct fmapfs_conn *conn);
unsigned int fmapfs_conn_waiting(struct fmapfs_conn *conn);
void fmapfs_conn_for_each(struct fmapfs_conn *conn,
			  void (*fn)(const struct fmapfs_req *req,
				     const char *where, void *arg), void *arg);
void fmapfs_conn_limits(struct fmapfs_conn *conn, unsigned int *max_background,
			unsigned int *congestion_threshold);
void fmapfs_conn_set_limits(struct fmapfs_conn *conn,
			    unsigned int max_background,
			    unsigned int congestion_threshold);

/* In polled.c */
struct fmapfs_polled *fmapfs_polled_of(struct fmapfs_conn *conn,
				       struct fmapfs_polled **place);
struct fmapfs_polled *fmapfs_polled_get(struct fmapfs_polled *polled);
void fmapfs_polled_add(struct fmapfs_conn *conn, struct fmapfs_polled *polled);
void fmapfs_polled_close(struct fmapfs_conn *conn,
			 struct fmapfs_polled *polled);
void fmapfs_polled_left(struct fmapfs_polled *polled, struct fmapfs_req *req);
void fmapfs_polled_answer(struct fmapfs_polled *polled, struct fmapfs_req *req,
			  u32 revents);
void fmapfs_polled_over(struct fmapfs_polled *polled, struct fmapfs_req *req);
bool fmapfs_polled_is_asked(struct fmapfs_conn *conn,
			    struct fmapfs_polled *polled, u32 *revents);
void fmapfs_polled_wake(struct fmapfs_conn *conn, u64 kh);

/* In timeout.c */
int fmapfs_timeout_init(void);
void fmapfs_timeout_exit(void);
void fmapfs_timeout_start(struct fmapfs_conn *conn, unsigned int seconds);

/* In dev.c */
int fmapfs_dev_init(void);
void fmapfs_dev_exit(void);
bool fmapfs_dev_is(const struct file *file);
int fmapfs_dev_attach(struct file *file, struct fmapfs_conn *conn,
		      bool *sync_init);

#endif /* FMAPFS_TRANSPORT_H */
