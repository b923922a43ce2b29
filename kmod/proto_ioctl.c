// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: ioctls and polling.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include "proto.h"

/* What the kernel keeps to itself; a server's errors are smaller. */
#define FIRST_INTERNAL_ERRNO	512

static struct fmapfs_req *new_ioctl_req(struct inode *inode,
					const struct fmapfs_file *ff,
					const struct fmapfs_ioctl *io, u32 room)
{
	struct fuse_ioctl_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(inode, FUSE_IOCTL, sizeof(*in) + io->in_size,
			       sizeof(struct fuse_ioctl_out) + room,
			       io->exact ? 0 : FMAPFS_REQ_OUTVAR);
	if (!req)
		return NULL;
	req->out_min = sizeof(struct fuse_ioctl_out);
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->cmd = io->cmd;
	in->arg = io->arg;
	in->in_size = io->in_size;
	in->out_size = io->out_size;
	if (S_ISDIR(inode->i_mode))
		in->flags |= FUSE_IOCTL_DIR;
	if (io->compat)
		in->flags |= FUSE_IOCTL_COMPAT | FUSE_IOCTL_32BIT;
	if (io->x32)
		in->flags |= FUSE_IOCTL_COMPAT_X32;
	return req;
}

/* An ioctl that takes and brings what its number says cannot ask for more. */
static int check_ioctl_out(struct super_block *sb,
			   const struct fuse_ioctl_out *out)
{
	if (out->flags & FUSE_IOCTL_RETRY)
		return fmapfs_proto_bad(sb, FUSE_IOCTL, "flags", out->flags);
	if (out->result <= -FIRST_INTERNAL_ERRNO)
		return fmapfs_proto_bad(sb, FUSE_IOCTL, "result", out->result);
	return 0;
}

/**
 * fmapfs_proto_ioctl - IOCTL
 * @inode: of what
 * @ff: the open file or directory
 * @io: the ioctl; from and to are advanced
 *
 * Return: the ioctl's result, which may be negative; or -errno, of which -ENOTTY
 * means that the server knows no ioctls, or not this one.
 */
long fmapfs_proto_ioctl(struct inode *inode, const struct fmapfs_file *ff,
			struct fmapfs_ioctl *io)
{
	/* A server may say more than fits: that is an error of its own. */
	u32 room = io->exact ? io->out_size : max_t(u32, io->out_size, PAGE_SIZE);
	const struct fuse_ioctl_out *out;
	struct fmapfs_req *req;
	long rc = -EFAULT;
	u32 len;

	req = new_ioctl_req(inode, ff, io, room);
	if (!req)
		return -ENOMEM;
	if (copy_from_iter(fmapfs_req_body(req) + sizeof(struct fuse_ioctl_in),
			   io->in_size, &io->from) != io->in_size)
		goto put_req;
	rc = fmapfs_req_send(req);
	if (rc)
		goto put_req;
	out = req->out;
	rc = check_ioctl_out(inode->i_sb, out);
	if (rc)
		goto put_req;
	len = req->out_len - sizeof(*out);
	rc = out->result;
	if (len > io->out_size)
		rc = fmapfs_proto_bad(inode->i_sb, FUSE_IOCTL, "bytes", len);
	else if (copy_to_iter(out + 1, len, &io->to) != len)
		rc = -EFAULT;
put_req:
	fmapfs_req_put(req);
	return rc == -ENOSYS ? -ENOTTY : rc;
}

/*
 * How long a POLL is waited for. Its caller may hold a mutex of an epoll's, which
 * others wait for unkillably.
 */
#define POLL_PATIENCE	HZ

static void poll_late(struct fmapfs_req *req)
{
	const struct fuse_poll_out *out = req->out;

	fmapfs_polled_answer(req->priv, req, out->revents);
}

static void poll_end(struct fmapfs_req *req)
{
	fmapfs_polled_over(req->priv, req);
}

/**
 * fmapfs_proto_poll - POLL
 * @inode: of what
 * @ff: the open file
 * @events: those of interest
 * @notify: somebody waits: the server is to send NOTIFY_POLL when there are any
 * @revents: result
 *
 * Return: also -ENOSYS: the server does not know when files are ready. 0 also
 * without an answer that comes in time, with no events: who polls is woken by it.
 */
int fmapfs_proto_poll(struct inode *inode, const struct fmapfs_file *ff,
		      __poll_t events, bool notify, __poll_t *revents)
{
	const struct fuse_poll_out *out;
	struct fuse_poll_in *in;
	struct fmapfs_req *req;
	u32 said;
	int rc;

	if (fmapfs_polled_is_asked(fmapfs_conn_of(inode), ff->polled, &said))
		return 0;
	*revents = demangle_poll(said) & (events | EPOLLERR | EPOLLHUP);
	if (*revents)
		return 0;
	req = fmapfs_proto_req(inode, FUSE_POLL, sizeof(*in), sizeof(*out),
			       FMAPFS_REQ_SURE);
	if (!req)
		return -ENOMEM;
	req->priv = fmapfs_polled_get(ff->polled);
	req->late = poll_late;
	req->end = poll_end;
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->kh = ff->polled->kh;
	in->flags = notify ? FUSE_POLL_SCHEDULE_NOTIFY : 0;
	in->events = mangle_poll(events);
	rc = fmapfs_req_send_briefly(req, POLL_PATIENCE);
	if (!rc) {
		out = req->out;
		*revents = demangle_poll(out->revents);
	} else if (rc == -ENOSYS) {
		set_bit(FUSE_POLL, &fmapfs_sb(inode->i_sb)->no_op);
	} else if (rc == -ERESTARTSYS) {
		fmapfs_polled_left(ff->polled, req);
		rc = 0;
	}
	fmapfs_req_put(req);
	return rc;
}
