// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are polled: by numbers that the server knows them by. They are the
 * connection's, so that its end wakes whoever waits.
 */
#include <linux/rbtree.h>
#include <linux/wait.h>
#include "conn.h"

/**
 * fmapfs_polled_prepare - make an open file one that can be polled
 * @conn: the connection
 * @polled: the file's part in this; zeroes before
 */
void fmapfs_polled_prepare(struct fmapfs_conn *conn,
			   struct fmapfs_polled *polled)
{
	spin_lock(&conn->lock);
	if (!polled->kh) {
		init_waitqueue_head(&polled->wait);
		polled->kh = ++conn->last_kh;
	}
	spin_unlock(&conn->lock);
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
 * @polled: prepared
 *
 * It stays so until fmapfs_polled_del(): who has waited once will again.
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
 * fmapfs_polled_del - a file is closed: nobody waits for it any more
 * @conn: the connection
 * @polled: whether prepared and added, or not
 */
void fmapfs_polled_del(struct fmapfs_conn *conn, struct fmapfs_polled *polled)
{
	spin_lock(&conn->lock);
	if (polled->added)
		rb_erase(&polled->node, &conn->polled);
	polled->added = false;
	spin_unlock(&conn->lock);
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
