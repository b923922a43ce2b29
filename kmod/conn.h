/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transport's private header: what conn.c, queue.c, dev.c and devsplice.c share.
 *
 * Lifetime. A connection is held by its mount, by each device fd attached to
 * it, and by each request. It dies (FMAPFS_CONN_DEAD) when the last device fd
 * closes, when it is aborted, or when INIT fails, and is freed with the last
 * reference. An unmount does not wait for the server: it leaves what is queued
 * for it to read (FMAPFS_CONN_CLOSING), and forgets about it.
 *
 * A request is in at most one place: the pending or background queue, the
 * in-flight table, or somebody's hands (FMAPFS_REQ_TAKEN): a server thread's that
 * is replying, or an abort's. Whoever takes it out of its place, by
 * fmapfs_req_take() under the lock, finishes it, which drops the reference that
 * queueing took.
 *
 * What a killed caller leaves behind stays until the server answers. There is a
 * limit to that (FMAPFS_MAX_ABANDONED): beyond it, new callers wait.
 */
#ifndef FMAPFS_CONN_H
#define FMAPFS_CONN_H

#include <linux/hashtable.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "transport.h"

struct fasync_struct;
struct pipe_inode_info;
struct pid_namespace;

enum fmapfs_conn_phase {
	FMAPFS_CONN_NEW,	/* INIT is not answered yet */
	FMAPFS_CONN_READY,
	FMAPFS_CONN_CLOSING,	/* unmounted; the server reads what is left */
	FMAPFS_CONN_DEAD,	/* everything ends with ENOTCONN */
};

/* FUSE: even numbers for requests, the odd one above for its INTERRUPT. */
#define FMAPFS_UNIQUE_STEP	2
#define FMAPFS_UNIQUE_INTR	1ULL

/* Forgets read in a row before a pending request gets its turn. */
#define FMAPFS_FORGET_BURST	16

/* Requests in flight whose callers have left. Each may have 1 MiB of data. */
#define FMAPFS_MAX_ABANDONED	256

/**
 * struct fmapfs_conn - a connection
 * @count: references
 * @id: names it in traces: the minor of the mount's st_dev; constant
 * @lock: innermost; guards all below, and the fields of requests that say so
 * @phase: only ever grows
 * @agreed: INIT's result; constant once @phase is beyond NEW
 * @pending: requests for the server to read
 * @background: requests that wait for others of their kind to end
 * @interrupts: requests whose INTERRUPT is to be read
 * @forgets: struct fmapfs_forget
 * @forget_burst: forgets read since a request last was
 * @inflight: requests that the server has read, by unique
 * @last_unique: last number given to a request
 * @nr_waiting: requests queued and not finished
 * @nr_abandoned: of those, requests whose callers have left
 * @nr_background: of those, requests that nobody waits for and not in @background
 * @max_background: limit of @nr_background
 * @congestion_threshold: the server's advice; shown, and set, in sysfs
 * @no_interrupt: the server answered INTERRUPT with ENOSYS
 * @nr_devs: device fds attached
 * @polled: files that are polled, struct fmapfs_polled
 * @last_kh: last number given to one
 * @readers: server threads in read(2) and poll(2)
 * @blocked: callers that wait until they may send
 * @fasync: readers by signal; has its own lock
 * @abort_told: read(2) on the device says that it was aborted
 * @timeout: how old a request may get, jiffies; 0: as old as it likes. Constant
 *	once @phase is beyond NEW
 * @timer: looks for requests that are too old; while it is to run it has a
 *	reference to the connection
 * @ops: of the file system; NULL if there is none
 * @fs: the file system, for @ops; valid as long as @ops is not NULL
 * @pid_ns: in which the server sees its callers' pids; constant
 * @devtab: where DAXDEV_OPEN puts devices; holds a reference; constant
 * @rcu: for freeing it: a path walk by RCU may look at @agreed after the unmount
 */
struct fmapfs_conn {
	refcount_t count;
	unsigned int id;
	spinlock_t lock;
	enum fmapfs_conn_phase phase;
	struct fmapfs_agreed agreed;
	struct list_head pending;
	struct list_head background;
	struct list_head interrupts;
	struct list_head forgets;
	unsigned int forget_burst;
	DECLARE_HASHTABLE(inflight, 8);
	u64 last_unique;
	unsigned int nr_waiting;
	unsigned int nr_abandoned;
	unsigned int nr_background;
	unsigned int max_background;
	unsigned int congestion_threshold;
	bool no_interrupt;
	unsigned int nr_devs;
	struct rb_root polled;
	u64 last_kh;
	wait_queue_head_t readers;
	wait_queue_head_t blocked;
	struct fasync_struct *fasync;
	bool abort_told;
	unsigned long timeout;
	struct delayed_work timer;
	const struct fmapfs_conn_ops *ops;
	void *fs;
	struct pid_namespace *pid_ns;
	struct fmapfs_devtab *devtab;
	struct rcu_head rcu;
};

/**
 * struct fmapfs_dev - an open /dev/fmapfs; file.private_data
 * @conn: set once, by mount or CLONE, under attach_lock in dev.c; holds a
 *	reference; read with smp_load_acquire()
 * @sync_init: mount(2) waits for INIT; guarded by attach_lock
 */
struct fmapfs_dev {
	struct fmapfs_conn *conn;
	bool sync_init;
};

/* In conn.c */
void fmapfs_conn_wake(struct fmapfs_conn *conn);
bool fmapfs_conn_has_work(const struct fmapfs_conn *conn);
bool fmapfs_conn_has_dax(struct fmapfs_conn *conn);
bool fmapfs_conn_is_over(const struct fmapfs_conn *conn);
void fmapfs_conn_add_dev(struct fmapfs_conn *conn);
int fmapfs_conn_notify(struct fmapfs_conn *conn, u32 code,
		       struct iov_iter *from, size_t size);
void fmapfs_conn_drop_dev(struct fmapfs_conn *conn, const void *dev);

/* In dev.c */
size_t fmapfs_conn_min_read(const struct fmapfs_conn *conn);

/* In devsplice.c */
ssize_t fmapfs_dev_splice(struct file *file, struct fmapfs_conn *conn,
			  struct pipe_inode_info *pipe, size_t len);

/* In polled.c */
void fmapfs_polled_wake_all(struct fmapfs_conn *conn);

/* In timeout.c */
void fmapfs_timeout_stop(struct fmapfs_conn *conn);

/* In queue.c */
void fmapfs_req_take(struct fmapfs_req *req);
void fmapfs_queue_last(struct fmapfs_req *req);
void fmapfs_req_finish(struct fmapfs_req *req, int error);
void fmapfs_req_sent(struct fmapfs_req *req, const void *dev);
void fmapfs_req_unread(struct fmapfs_req *req, const void *dev);
bool fmapfs_req_unreplied(struct fmapfs_req *req, const void *dev);
void fmapfs_queue_interrupt(struct fmapfs_conn *conn, struct fmapfs_req *req);
void fmapfs_flush_background(struct fmapfs_conn *conn);

#endif /* FMAPFS_CONN_H */
