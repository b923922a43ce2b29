// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks. Those that the server has agreed to keep, POSIX and flock apart, are
 * its alone: this kernel keeps no record, and the server drops them when it is
 * told of a close, by FLUSH and RELEASE. The others are this kernel's, which
 * the server does not hear of.
 *
 * Not every FLUSH is waited for by whom it is sent for: see fmapfs_flush() in
 * file.c. Who asks for a lock and has seen its owner go must find it dropped
 * all the same: so it is he who waits for the FLUSHes that are under way.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "proto.h"

/**
 * struct fmapfs_unflushed - the FLUSHes of an inode that are not finished
 * @count: holds: the inode's, and one of each FLUSH. Who waits for them has the
 *	inode
 * @lock: innermost; guards what follows
 * @flushes: struct fmapfs_flushing, the oldest first
 * @last: number of the latest
 * @wait: for the oldest to be over
 */
struct fmapfs_unflushed {
	refcount_t count;
	spinlock_t lock;
	struct list_head flushes;
	u64 last;
	wait_queue_head_t wait;
};

/**
 * struct fmapfs_flushing - one of them
 * @list: in fmapfs_unflushed.flushes
 * @of: holds a reference
 * @number: its place in time
 */
struct fmapfs_flushing {
	struct list_head list;
	struct fmapfs_unflushed *of;
	u64 number;
};

static void unflushed_put(struct fmapfs_unflushed *of)
{
	if (of && refcount_dec_and_test(&of->count))
		kfree(of);
}

/* The inode goes. Does not sleep. */
void fmapfs_locks_free(struct inode *inode)
{
	unflushed_put(fmapfs_i(inode)->unflushed);
}

static struct fmapfs_unflushed *unflushed(struct inode *inode)
{
	/* Pairs with the release in make_unflushed(). */
	return smp_load_acquire(&fmapfs_i(inode)->unflushed);
}

/* Once there are remote locks, FLUSHes matter. */
static struct fmapfs_unflushed *make_unflushed(struct inode *inode)
{
	struct fmapfs_unflushed *of = unflushed(inode), *other;

	if (of)
		return of;
	of = kzalloc(sizeof(*of), GFP_KERNEL_ACCOUNT);
	if (!of)
		return NULL;
	refcount_set(&of->count, 1);
	spin_lock_init(&of->lock);
	INIT_LIST_HEAD(&of->flushes);
	init_waitqueue_head(&of->wait);
	/* Pairs with the acquire in unflushed(). */
	other = cmpxchg_release(&fmapfs_i(inode)->unflushed, NULL, of);
	if (!other)
		return of;
	kfree(of);
	return unflushed(inode);
}

/**
 * fmapfs_flush_begin - a FLUSH is about to be sent
 * @inode: of what
 *
 * Return: for fmapfs_flush_over() when it is finished; NULL: there are no locks
 * that it could drop. Does not fail.
 */
struct fmapfs_flushing *fmapfs_flush_begin(struct inode *inode)
{
	struct fmapfs_unflushed *of = unflushed(inode);
	struct fmapfs_flushing *flush;

	if (!of)
		return NULL;
	flush = kmalloc(sizeof(*flush), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	refcount_inc(&of->count);
	flush->of = of;
	spin_lock(&of->lock);
	flush->number = ++of->last;
	list_add_tail(&flush->list, &of->flushes);
	spin_unlock(&of->lock);
	return flush;
}

void fmapfs_flush_over(struct fmapfs_flushing *flush)
{
	struct fmapfs_unflushed *of = flush->of;

	spin_lock(&of->lock);
	list_del(&flush->list);
	spin_unlock(&of->lock);
	wake_up_all(&of->wait);
	unflushed_put(of);
	kfree(flush);
}

static u64 last_number(struct fmapfs_unflushed *of)
{
	u64 last;

	spin_lock(&of->lock);
	last = of->last;
	spin_unlock(&of->lock);
	return last;
}

/* Are those up to this one over? */
static bool over_up_to(struct fmapfs_unflushed *of, u64 number)
{
	struct fmapfs_flushing *oldest;
	bool rc;

	spin_lock(&of->lock);
	oldest = list_first_entry_or_null(&of->flushes, struct fmapfs_flushing,
					  list);
	rc = !oldest || oldest->number > number;
	spin_unlock(&of->lock);
	return rc;
}

/* Waits, killably, until the locks are dropped of what was closed before now. */
static int wait_flushed(struct inode *inode)
{
	struct fmapfs_unflushed *of = make_unflushed(inode);
	u64 number;

	if (!of)
		return -ENOMEM;
	number = last_number(of);
	return wait_event_killable(of->wait, over_up_to(of, number));
}

static bool is_remote(const struct file *file, u64 flag)
{
	return fmapfs_agreed(file_inode(file)->i_sb)->flags & flag;
}

static int lock_here(struct file *file, int cmd, struct file_lock *fl)
{
	if (cmd != F_GETLK)
		return posix_lock_file(file, fl, NULL);
	posix_test_lock(file, fl);
	return 0;
}

/**
 * fmapfs_lock - fcntl(2) with a POSIX lock, or one of an open file description
 * @file: of what
 * @cmd: F_GETLK, F_SETLK, F_SETLKW, F_CANCELLK
 * @fl: the lock
 */
int fmapfs_lock(struct file *file, int cmd, struct file_lock *fl)
{
	int rc = 0;

	if (cmd == F_CANCELLK)
		return 0;
	if (!is_remote(file, FUSE_POSIX_LOCKS))
		return lock_here(file, cmd, fl);
	if (fmapfs_lock_core(fl)->flc_type != F_UNLCK)
		rc = wait_flushed(file_inode(file));
	if (rc)
		return rc;
	return cmd == F_GETLK ? fmapfs_proto_getlk(file, fl) :
				fmapfs_proto_setlk(file, fl, false);
}

/**
 * fmapfs_flock - flock(2)
 * @file: of what
 * @cmd: F_SETLK or F_SETLKW; @fl says so, too
 * @fl: the lock
 */
int fmapfs_flock(struct file *file, int cmd, struct file_lock *fl)
{
	if (!is_remote(file, FUSE_FLOCK_LOCKS))
		return locks_lock_file_wait(file, fl);
	return fmapfs_proto_setlk(file, fl, true);
}
