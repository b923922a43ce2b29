// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are polled: by numbers that the server knows them by. They are the
 * connection's, so that its end wakes whoever waits.
 */
#include <linux/jiffies.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include "conn.h"

/* How long what a POLL brings late can be used, for those whom it wakes. */
#define ANSWER_JIFFIES	HZ

/**
 * fmapfs_polled_of - what an open file needs to be polled
 * @conn: the connection
 * @place: where the file has it, or NULL the first time
 *
 * Return: it; it is the file's, until fmapfs_polled_close(). NULL: no memory.
 */
struct fmapfs_polled *fmapfs_polled_of(struct fmapfs_conn *conn,
				       struct fmapfs_polled **place)
{
	/* Pairs with the release below. */
	struct fmapfs_polled *polled = smp_load_acquire(place), *other;

	if (polled)
		return polled;
	polled = kzalloc(sizeof(*polled), GFP_KERNEL_ACCOUNT);
	if (!polled)
		return NULL;
	refcount_set(&polled->count, 1);
	init_waitqueue_head(&polled->wait);
	spin_lock(&conn->lock);
	polled->kh = ++conn->last_kh;
	spin_unlock(&conn->lock);
	other = cmpxchg_release(place, NULL, polled);
	if (!other)
		return polled;
	kfree(polled);
	/* Pairs with the release above, which another has done. */
	return smp_load_acquire(place);
}

struct fmapfs_polled *fmapfs_polled_get(struct fmapfs_polled *polled)
{
	refcount_inc(&polled->count);
	return polled;
}

static void polled_put(struct fmapfs_polled *polled)
{
	if (refcount_dec_and_test(&polled->count))
		kfree(polled);
}

/* The place of a number in the tree. Guarded by conn->lock. */
static struct rb_node **find_place(struct fmapfs_conn *conn, u64 kh,
				   struct rb_node **parent)
{
	struct rb_node **place = &conn->polled.rb_node;
	struct fmapfs_polled *polled;

	lockdep_assert_held(&conn->lock);
	*parent = NULL;
	while (*place) {
		polled = rb_entry(*place, struct fmapfs_polled, node);
		if (kh == polled->kh)
			break;
		*parent = *place;
		place = kh < polled->kh ? &(*place)->rb_left :
					  &(*place)->rb_right;
	}
	return place;
}

/**
 * fmapfs_polled_add - somebody waits for a file
 * @conn: the connection
 * @polled: the file's
 *
 * It stays so until fmapfs_polled_close(): who has waited once will again.
 */
void fmapfs_polled_add(struct fmapfs_conn *conn, struct fmapfs_polled *polled)
{
	struct rb_node **place, *parent;

	spin_lock(&conn->lock);
	if (!polled->added) {
		place = find_place(conn, polled->kh, &parent);
		rb_link_node(&polled->node, parent, place);
		rb_insert_color(&polled->node, &conn->polled);
		polled->added = true;
	}
	spin_unlock(&conn->lock);
}

/**
 * fmapfs_polled_close - a file is closed: nobody waits for it any more
 * @conn: the connection
 * @polled: the file's, or NULL
 */
void fmapfs_polled_close(struct fmapfs_conn *conn, struct fmapfs_polled *polled)
{
	if (!polled)
		return;
	spin_lock(&conn->lock);
	if (polled->added)
		rb_erase(&polled->node, &conn->polled);
	polled->added = false;
	spin_unlock(&conn->lock);
	polled_put(polled);
}

/* The caller of a POLL has left. It may be finished by now. */
void fmapfs_polled_left(struct fmapfs_polled *polled, struct fmapfs_req *req)
{
	spin_lock(&req->conn->lock);
	if (req->state != FMAPFS_REQ_FINISHED)
		polled->asked = req;
	spin_unlock(&req->conn->lock);
}

/* A POLL whose caller has left has brought something. */
void fmapfs_polled_answer(struct fmapfs_polled *polled, struct fmapfs_req *req,
			  u32 revents)
{
	spin_lock(&req->conn->lock);
	polled->revents = revents;
	polled->until = get_jiffies_64() + ANSWER_JIFFIES;
	spin_unlock(&req->conn->lock);
}

/* A POLL is finished, with its caller or without. Its hold ends. */
void fmapfs_polled_over(struct fmapfs_polled *polled, struct fmapfs_req *req)
{
	bool abandoned;

	spin_lock(&req->conn->lock);
	if (polled->asked == req)
		polled->asked = NULL;
	abandoned = req->abandoned;
	spin_unlock(&req->conn->lock);
	if (abandoned)
		wake_up_interruptible_all(&polled->wait);
	polled_put(polled);
}

/**
 * fmapfs_polled_is_asked - need the server be asked?
 * @conn: the connection
 * @polled: the file's
 * @revents: result: what the server has said lately, POLL*; 0: nothing
 *
 * Return: true: it was asked, and @polled is woken when it says something.
 */
bool fmapfs_polled_is_asked(struct fmapfs_conn *conn,
			    struct fmapfs_polled *polled, u32 *revents)
{
	bool rc;

	spin_lock(&conn->lock);
	*revents = time_before64(get_jiffies_64(), polled->until) ?
		   polled->revents : 0;
	polled->until = 0;
	rc = polled->asked;
	spin_unlock(&conn->lock);
	return rc;
}

/**
 * fmapfs_polled_wake - let those ask again who wait for a file
 * @conn: the connection
 * @kh: the file's number; there may be none of it
 */
void fmapfs_polled_wake(struct fmapfs_conn *conn, u64 kh)
{
	struct rb_node **place, *parent;

	spin_lock(&conn->lock);
	place = find_place(conn, kh, &parent);
	if (*place)
		wake_up_interruptible(&rb_entry(*place, struct fmapfs_polled,
						node)->wait);
	spin_unlock(&conn->lock);
}

/* The end of the connection: they will be told that there is no server. */
void fmapfs_polled_wake_all(struct fmapfs_conn *conn)
{
	struct rb_node *node;

	spin_lock(&conn->lock);
	for (node = rb_first(&conn->polled); node; node = rb_next(node))
		wake_up_interruptible_all(&rb_entry(node, struct fmapfs_polled,
						    node)->wait);
	spin_unlock(&conn->lock);
}
