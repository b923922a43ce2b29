// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/fmapfs: the server's side of the transport. Behaves like /dev/fuse.
 *
 * One read(2) takes one request, one INTERRUPT, or as many forgets as fit. One
 * write(2) brings one reply, or one notification.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <linux/fmapfs.h>
#include "conn.h"
#include "daxdev.h"
#include "version.h"

/* Guards the attaching of device fds to connections, which happens once each. */
static DEFINE_MUTEX(attach_lock);
static DECLARE_WAIT_QUEUE_HEAD(attached);

static struct fmapfs_dev *dev_of(const struct file *file)
{
	return file->private_data;
}

static struct fmapfs_conn *conn_of(const struct file *file)
{
	/* Pairs with the release in attach_locked(). */
	return smp_load_acquire(&dev_of(file)->conn);
}

/* --- reading --- */

static ssize_t read_interrupt(struct fmapfs_conn *conn, struct iov_iter *to)
	__releases(&conn->lock)
{
	struct fmapfs_req *req = list_first_entry(&conn->interrupts,
						  struct fmapfs_req, intr);
	struct {
		struct fuse_in_header h;
		struct fuse_interrupt_in body;
	} msg = {
		.h.len = sizeof(msg),
		.h.opcode = FUSE_INTERRUPT,
		.h.unique = req->in->unique | FMAPFS_UNIQUE_INTR,
		.body.unique = req->in->unique,
	};

	list_del_init(&req->intr);
	spin_unlock(&conn->lock);
	return copy_to_iter(&msg, sizeof(msg), to) == sizeof(msg) ?
	       sizeof(msg) : -EFAULT;
}

static ssize_t read_forget(struct fmapfs_conn *conn, struct iov_iter *to)
	__releases(&conn->lock)
{
	struct fmapfs_forget *forget = list_first_entry(&conn->forgets,
							struct fmapfs_forget,
							list);
	struct {
		struct fuse_in_header h;
		struct fuse_forget_in body;
	} msg = {
		.h.len = sizeof(msg),
		.h.opcode = FUSE_FORGET,
		.h.nodeid = forget->nodeid,
		.body.nlookup = forget->nlookup,
	};

	list_del(&forget->list);
	conn->forget_burst++;
	conn->last_unique += FMAPFS_UNIQUE_STEP;
	msg.h.unique = conn->last_unique;
	spin_unlock(&conn->lock);
	fmapfs_forget_free(forget);
	return copy_to_iter(&msg, sizeof(msg), to) == sizeof(msg) ?
	       sizeof(msg) : -EFAULT;
}

static ssize_t read_forgets(struct fmapfs_conn *conn, struct iov_iter *to)
	__releases(&conn->lock)
{
	struct {
		struct fuse_in_header h;
		struct fuse_batch_forget_in body;
	} msg = { .h.opcode = FUSE_BATCH_FORGET };
	u32 max = (iov_iter_count(to) - sizeof(msg)) /
		  sizeof(struct fuse_forget_one);
	struct fmapfs_forget *forget, *next;
	LIST_HEAD(batch);
	bool ok;

	list_for_each_entry_safe(forget, next, &conn->forgets, list) {
		if (msg.body.count == max)
			break;
		list_move_tail(&forget->list, &batch);
		msg.body.count++;
	}
	conn->forget_burst += msg.body.count;
	conn->last_unique += FMAPFS_UNIQUE_STEP;
	msg.h.unique = conn->last_unique;
	spin_unlock(&conn->lock);

	msg.h.len = sizeof(msg) +
		    msg.body.count * sizeof(struct fuse_forget_one);
	ok = copy_to_iter(&msg, sizeof(msg), to) == sizeof(msg);
	list_for_each_entry_safe(forget, next, &batch, list) {
		struct fuse_forget_one one = {
			.nodeid = forget->nodeid, .nlookup = forget->nlookup,
		};

		ok = ok && copy_to_iter(&one, sizeof(one), to) == sizeof(one);
		fmapfs_forget_free(forget);
	}
	return ok ? msg.h.len : -EFAULT;
}

/* What the server does not answer is over. */
static void finish_sent(struct fmapfs_req *req)
{
	bool mine;

	spin_lock(&req->conn->lock);
	mine = req->state == FMAPFS_REQ_SENT;
	if (mine)
		fmapfs_req_take(req);
	spin_unlock(&req->conn->lock);
	if (mine)
		fmapfs_req_finish(req, 0);
}

/* Return: bytes read, -EFAULT, or 0: the request did not fit and has failed. */
static ssize_t read_request(struct fmapfs_conn *conn,
			    const struct fmapfs_dev *dev, struct iov_iter *to)
	__releases(&conn->lock)
{
	struct fmapfs_req *req = list_first_entry(&conn->pending,
						  struct fmapfs_req, list);
	const struct cred *reader = NULL;
	ssize_t rc = req->in_size;

	conn->forget_burst = 0;
	fmapfs_req_take(req);
	if (req->in_size > iov_iter_count(to)) {
		spin_unlock(&conn->lock);
		/* A value may be larger than what a server takes. */
		fmapfs_req_finish(req, req->in->opcode == FUSE_SETXATTR ?
				       -E2BIG : -EIO);
		return 0;
	}
	fmapfs_req_sent(req, dev);
	refcount_inc(&req->count);
	if (req->flags & FMAPFS_REQ_READER) {
		reader = req->reader;
		req->reader = get_current_cred();
	}
	spin_unlock(&conn->lock);
	put_cred(reader);

	if (copy_to_iter(req->in, req->in_size, to) != req->in_size) {
		fmapfs_req_unread(req, dev);
		rc = -EFAULT;
	} else if (req->flags & FMAPFS_REQ_NOREPLY) {
		finish_sent(req);
	}
	fmapfs_req_put(req);
	return rc;
}

static ssize_t read_some(struct fmapfs_conn *conn,
			 const struct fmapfs_dev *dev, struct iov_iter *to)
{
	spin_lock(&conn->lock);
	if (fmapfs_conn_is_over(conn)) {
		bool told = conn->abort_told;

		spin_unlock(&conn->lock);
		return told ? -ECONNABORTED : -ENODEV;
	}
	if (!list_empty(&conn->interrupts))
		return read_interrupt(conn, to);
	if (!list_empty(&conn->forgets) &&
	    (list_empty(&conn->pending) ||
	     conn->phase == FMAPFS_CONN_CLOSING ||
	     conn->forget_burst < FMAPFS_FORGET_BURST)) {
		if (conn->agreed.minor < 16 ||
		    list_is_singular(&conn->forgets))
			return read_forget(conn, to);
		return read_forgets(conn, to);
	}
	if (!list_empty(&conn->pending))
		return read_request(conn, dev, to);
	spin_unlock(&conn->lock);
	return -EAGAIN;
}

/* The least that a reader must have room for, in bytes. */
size_t fmapfs_conn_min_read(const struct fmapfs_conn *conn)
{
	return max_t(size_t, FUSE_MIN_READ_BUFFER,
		     sizeof(struct fuse_in_header) +
		     sizeof(struct fuse_write_in) +
		     READ_ONCE(conn->agreed.max_write));
}

static bool has_work(struct fmapfs_conn *conn)
{
	bool rc;

	spin_lock(&conn->lock);
	rc = fmapfs_conn_has_work(conn);
	spin_unlock(&conn->lock);
	return rc;
}

/* After SYNC_INIT the server reads before mount(2) has made the connection. */
static int wait_attached(struct file *file)
{
	if (conn_of(file))
		return 0;
	if (!READ_ONCE(dev_of(file)->sync_init))
		return -EPERM;
	if (file->f_flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible(attached, conn_of(file));
}

static ssize_t fmapfs_dev_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct fmapfs_conn *conn;
	ssize_t rc;

	rc = wait_attached(file);
	if (rc)
		return rc;
	conn = conn_of(file);
	if (iov_iter_count(to) < fmapfs_conn_min_read(conn))
		return -EINVAL;
	for (;;) {
		rc = read_some(conn, dev_of(file), to);
		/* Who has read the last of all tells the other threads. */
		if (rc > 0 && !fmapfs_conn_alive(conn))
			fmapfs_conn_wake(conn);
		if (rc && rc != -EAGAIN)
			return rc;
		if (!rc)
			continue;
		if (file->f_flags & O_NONBLOCK ||
		    iocb->ki_flags & IOCB_NOWAIT)
			return -EAGAIN;
		rc = wait_event_interruptible_exclusive(conn->readers,
							has_work(conn));
		if (rc)
			return rc;
	}
}

static ssize_t fmapfs_dev_splice_read(struct file *file, loff_t *pos,
				      struct pipe_inode_info *pipe, size_t len,
				      unsigned int flags)
{
	int rc = wait_attached(file);

	return rc ? rc : fmapfs_dev_splice(file, conn_of(file), pipe, len);
}

/* --- writing --- */

/* Takes the request of a reply out of the in-flight table, if it is there. */
static struct fmapfs_req *take_sent(struct fmapfs_conn *conn, u64 unique)
{
	struct fmapfs_req *req;

	spin_lock(&conn->lock);
	hash_for_each_possible(conn->inflight, req, hash, unique) {
		if (req->in->unique != unique)
			continue;
		fmapfs_req_take(req);
		spin_unlock(&conn->lock);
		return req;
	}
	spin_unlock(&conn->lock);
	return NULL;
}

static ssize_t interrupt_replied(struct fmapfs_conn *conn,
				 const struct fuse_out_header *oh)
{
	u64 unique = oh->unique & ~FMAPFS_UNIQUE_INTR;
	struct fmapfs_req *req;
	ssize_t rc = -ENOENT;

	spin_lock(&conn->lock);
	hash_for_each_possible(conn->inflight, req, hash, unique) {
		if (req->in->unique != unique)
			continue;
		rc = sizeof(*oh);
		if (oh->len != sizeof(*oh))
			rc = -EINVAL;
		else if (oh->error == -ENOSYS)
			conn->no_interrupt = true;
		else if (oh->error == -EAGAIN && req->interrupted)
			fmapfs_queue_interrupt(conn, req);
		else if (oh->error == -EAGAIN)
			rc = -EINVAL;
		break;
	}
	spin_unlock(&conn->lock);
	return rc;
}

/* Return: 0, or what write(2) is to fail with; the request then gets EIO. */
static int copy_reply(struct fmapfs_req *req, const struct fuse_out_header *oh,
		      struct iov_iter *from)
{
	u32 len = oh->len - sizeof(*oh);

	if (oh->error)
		return len ? -EINVAL : 0;
	if (len > req->out_size ||
	    len < (req->flags & FMAPFS_REQ_OUTVAR ? req->out_min :
						    req->out_size))
		return -EINVAL;
	if (copy_from_iter(req->out, len, from) != len)
		return -EFAULT;
	req->out_len = len;
	return 0;
}

static ssize_t fmapfs_dev_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct fmapfs_conn *conn = conn_of(iocb->ki_filp);
	size_t len = iov_iter_count(from);
	struct fuse_out_header oh;
	struct fmapfs_req *req;
	int rc, error;

	if (!conn)
		return -EPERM;
	if (len < sizeof(oh))
		return -EINVAL;
	if (copy_from_iter(&oh, sizeof(oh), from) != sizeof(oh))
		return -EFAULT;
	if (oh.len != len)
		return -EINVAL;
	/* Zero is a notification, and the error its code. */
	if (!oh.unique) {
		rc = fmapfs_conn_notify(conn, oh.error, from, len - sizeof(oh));
		return rc ? rc : len;
	}
	if (oh.error > 0 || oh.error <= -512)
		return -EINVAL;
	if (oh.unique & FMAPFS_UNIQUE_INTR)
		return interrupt_replied(conn, &oh);

	req = take_sent(conn, oh.unique);
	if (!req)
		return -ENOENT;
	rc = copy_reply(req, &oh, from);
	if (rc == -EFAULT && fmapfs_req_unreplied(req, dev_of(iocb->ki_filp)))
		return rc;
	error = rc ? -EIO : oh.error;
	if (!error && req->in_server)
		error = req->in_server(req);
	fmapfs_req_finish(req, error);
	return rc ? rc : len;
}

/* --- the rest --- */

static __poll_t fmapfs_dev_poll(struct file *file, poll_table *wait)
{
	struct fmapfs_conn *conn = conn_of(file);
	__poll_t mask = EPOLLOUT | EPOLLWRNORM;

	if (!conn)
		return EPOLLERR;
	poll_wait(file, &conn->readers, wait);
	spin_lock(&conn->lock);
	if (fmapfs_conn_is_over(conn))
		mask = EPOLLERR;
	else if (fmapfs_conn_has_work(conn))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&conn->lock);
	return mask;
}

static int fmapfs_dev_open(struct inode *inode, struct file *file)
{
	struct fmapfs_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);

	if (!dev)
		return -ENOMEM;
	file->private_data = dev;
	return nonseekable_open(inode, file);
}

static int fmapfs_dev_release(struct inode *inode, struct file *file)
{
	struct fmapfs_dev *dev = dev_of(file);

	if (dev->conn) {
		fmapfs_conn_drop_dev(dev->conn, dev);
		fmapfs_conn_put(dev->conn);
	}
	kfree(dev);
	return 0;
}

static int fmapfs_dev_fasync(int fd, struct file *file, int on)
{
	struct fmapfs_conn *conn = conn_of(file);

	return conn ? fasync_helper(fd, file, on, &conn->fasync) : -EPERM;
}

static const struct file_operations fmapfs_dev_fops;

/**
 * fmapfs_dev_is - is this an open /dev/fmapfs?
 * @file: any open file
 */
bool fmapfs_dev_is(const struct file *file)
{
	return file->f_op == &fmapfs_dev_fops;
}

static int attach_locked(struct fmapfs_dev *dev, struct fmapfs_conn *conn)
{
	lockdep_assert_held(&attach_lock);
	if (dev->conn)
		return -EINVAL;
	fmapfs_conn_add_dev(conn);
	/* Pairs with the acquire in conn_of(): the count is up before. */
	smp_store_release(&dev->conn, fmapfs_conn_get(conn));
	wake_up_all(&attached);
	return 0;
}

/**
 * fmapfs_dev_attach - give a device fd to a new connection
 * @file: for which fmapfs_dev_is() holds
 * @conn: the connection
 * @sync_init: set to whether the server wants INIT to be answered in mount(2)
 *
 * Return: 0, or -EINVAL: it has a connection already.
 */
int fmapfs_dev_attach(struct file *file, struct fmapfs_conn *conn,
		      bool *sync_init)
{
	struct fmapfs_dev *dev = dev_of(file);
	int rc;

	mutex_lock(&attach_lock);
	rc = attach_locked(dev, conn);
	*sync_init = dev->sync_init;
	mutex_unlock(&attach_lock);
	return rc;
}

static long ioctl_clone(struct fmapfs_dev *dev, u32 __user *arg)
{
	struct fmapfs_conn *conn;
	struct file *from;
	long rc = -EINVAL;
	u32 fd;

	if (get_user(fd, arg))
		return -EFAULT;
	from = fget(fd);
	if (!from)
		return -EINVAL;
	if (fmapfs_dev_is(from)) {
		conn = conn_of(from);
		mutex_lock(&attach_lock);
		if (conn)
			rc = attach_locked(dev, conn);
		mutex_unlock(&attach_lock);
	}
	fput(from);
	return rc;
}

static long ioctl_sync_init(struct fmapfs_dev *dev)
{
	long rc = 0;

	mutex_lock(&attach_lock);
	if (dev->conn)
		rc = -EINVAL;
	else
		WRITE_ONCE(dev->sync_init, true);
	mutex_unlock(&attach_lock);
	return rc;
}

static long ioctl_daxdev_open(struct fmapfs_conn *conn,
			      struct fuse_daxdev_open __user *arg)
{
	struct fuse_daxdev_open in;
	struct file *file;
	int rc;

	if (!conn)
		return -EPERM;
	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	/* Before INIT is answered nothing is agreed on. */
	if (!fmapfs_conn_has_dax(conn))
		return -EOPNOTSUPP;
	if (in.flags || in.daxdev_index >= FUSE_FAMFS_MAX_DAXDEVS)
		return -EINVAL;
	file = fget(in.fd);
	if (!file)
		return -EBADF;
	rc = fmapfs_devtab_add_file(conn->devtab, in.daxdev_index, file);
	fput(file);
	return rc;
}

static long ioctl_clear_bad(struct fmapfs_conn *conn, void __user *arg)
{
	if (!conn || !fmapfs_conn_has_dax(conn))
		return conn ? -EOPNOTSUPP : -EPERM;
	return fmapfs_devtab_clear_bad(conn->devtab, arg);
}

static long ioctl_version(struct fmapfs_version __user *arg)
{
	struct fmapfs_version out = {
		.api = FMAPFS_API_VERSION,
		.fuse_minor = FUSE_FMAP_KERNEL_MINOR_VERSION,
		.features = FMAPFS_FEATURE_PMEM | FMAPFS_FEATURE_SIZED |
			    FMAPFS_FEATURE_PUSH | FMAPFS_FEATURE_CLEAR_BAD |
			    (fmapfs_daxdev_has_char() ?
			     FMAPFS_FEATURE_DEVDAX : 0),
		.module = FMAPFS_VERSION,
	};

	return copy_to_user(arg, &out, sizeof(out)) ? -EFAULT : 0;
}

static long fmapfs_dev_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case FUSE_DEV_IOC_CLONE:
		return ioctl_clone(dev_of(file), p);
	case FUSE_DEV_IOC_SYNC_INIT:
		return ioctl_sync_init(dev_of(file));
	case FUSE_DEV_IOC_DAXDEV_OPEN:
		return ioctl_daxdev_open(conn_of(file), p);
	case FMAPFS_IOC_CLEAR_BAD:
		return ioctl_clear_bad(conn_of(file), p);
	case FMAPFS_IOC_VERSION:
		return ioctl_version(p);
	}
	return -ENOTTY;
}

static const struct file_operations fmapfs_dev_fops = {
	.owner		= THIS_MODULE,
	.open		= fmapfs_dev_open,
	.release	= fmapfs_dev_release,
	.read_iter	= fmapfs_dev_read,
	.write_iter	= fmapfs_dev_write,
	.splice_read	= fmapfs_dev_splice_read,
	.splice_write	= iter_file_splice_write,
	.poll		= fmapfs_dev_poll,
	.fasync		= fmapfs_dev_fasync,
	.unlocked_ioctl	= fmapfs_dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice fmapfs_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "fmapfs",
	.fops	= &fmapfs_dev_fops,
	.mode	= 0600,
};

int fmapfs_dev_init(void)
{
	return misc_register(&fmapfs_misc);
}

void fmapfs_dev_exit(void)
{
	misc_deregister(&fmapfs_misc);
}
