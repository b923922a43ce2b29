// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: locks.
 */
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include "proto.h"

/* @type: F_RDLCK, F_WRLCK, F_UNLCK; the rest is as in @fl. */
static struct fmapfs_req *new_lock_req(struct file *file, u32 opcode,
				       struct file_lock *fl, int type,
				       bool flock, u32 out_size)
{
	const struct fmapfs_file *ff = file->private_data;
	struct fmapfs_req *req;
	struct fuse_lk_in *in;

	req = fmapfs_proto_req(file_inode(file), opcode, sizeof(*in), out_size,
			       0);
	if (!req)
		return NULL;
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->owner = fmapfs_owner_id(fmapfs_lock_core(fl)->flc_owner);
	in->lk.start = fl->fl_start;
	in->lk.end = fl->fl_end;
	in->lk.type = type;
	if (flock)
		in->lk_flags = FUSE_LK_FLOCK;
	return req;
}

/*
 * A pid of the server's is one of its own pid namespace; the VFS wants the
 * initial one's, and translates that for who asks. 0: it means nothing here.
 */
static pid_t pid_of(struct super_block *sb, u32 nr)
{
	struct pid_namespace *ns = fmapfs_conn_pid_ns(fmapfs_sb(sb)->conn);
	pid_t pid;

	rcu_read_lock();
	pid = pid_nr_ns(find_pid_ns(nr, ns), &init_pid_ns);
	rcu_read_unlock();
	return pid;
}

static int decode_lock(struct super_block *sb, const struct fuse_file_lock *lk,
		       struct file_lock *fl)
{
	if (lk->type != F_UNLCK && lk->type != F_RDLCK && lk->type != F_WRLCK)
		return fmapfs_proto_bad(sb, FUSE_GETLK, "lk.type", lk->type);
	if (lk->type != F_UNLCK) {
		if (lk->start > OFFSET_MAX)
			return fmapfs_proto_bad(sb, FUSE_GETLK, "lk.start",
						lk->start);
		if (lk->end > OFFSET_MAX || lk->end < lk->start)
			return fmapfs_proto_bad(sb, FUSE_GETLK, "lk.end",
						lk->end);
		fl->fl_start = lk->start;
		fl->fl_end = lk->end;
		fmapfs_lock_core(fl)->flc_pid = pid_of(sb, lk->pid);
	}
	fmapfs_lock_core(fl)->flc_type = lk->type;
	return 0;
}

/**
 * fmapfs_proto_getlk - GETLK
 * @file: of what
 * @fl: the lock to be tested; result: the one that is in its way, or of type
 *	F_UNLCK
 */
int fmapfs_proto_getlk(struct file *file, struct file_lock *fl)
{
	const struct fuse_lk_out *out;
	struct fmapfs_req *req;
	int rc;

	req = new_lock_req(file, FUSE_GETLK, fl,
			   fmapfs_lock_core(fl)->flc_type, false,
			   sizeof(*out));
	if (!req)
		return -ENOMEM;
	rc = fmapfs_req_send(req);
	if (!rc) {
		out = req->out;
		rc = decode_lock(file_inode(file)->i_sb, &out->lk, fl);
	}
	fmapfs_req_put(req);
	return rc;
}

/*
 * A lock that its caller has not waited for would be nobody's, and held as long
 * as the server lives: the FLUSH of the dead caller may have come before it. The
 * request that gives it back is made beforehand, so that it is there.
 */
static void setlk_late(struct fmapfs_req *req)
{
	if (req->priv)
		fmapfs_req_send_background(req->priv);
}

static void setlk_end(struct fmapfs_req *req)
{
	fmapfs_req_put(req->priv);
}

/* The server drops the flock when the open file goes. */
static void note_flock(struct file *file, fl_owner_t owner)
{
	const struct fmapfs_file *ff = file->private_data;
	struct fuse_release_in *in;

	if (!ff->release)
		return;
	in = fmapfs_req_body(ff->release);
	WRITE_ONCE(in->release_flags, FUSE_RELEASE_FLOCK_UNLOCK);
	WRITE_ONCE(in->lock_owner, fmapfs_owner_id(owner));
}

/**
 * fmapfs_proto_setlk - SETLK or SETLKW
 * @file: of what
 * @fl: the lock: to be taken, or dropped if it is of type F_UNLCK; with FL_SLEEP
 *	the server is to wait until it is free
 * @flock: it is one of flock(2)
 *
 * Return: also -ERESTARTSYS: the server has let itself be interrupted.
 */
int fmapfs_proto_setlk(struct file *file, struct file_lock *fl, bool flock)
{
	struct fmapfs_conn *conn = fmapfs_conn_of(file_inode(file));
	const struct file_lock_core *core = fmapfs_lock_core(fl);
	u32 opcode = core->flc_flags & FL_SLEEP ? FUSE_SETLKW : FUSE_SETLK;
	struct fmapfs_req *req;
	struct fuse_lk_in *in;
	int rc = -ENOMEM;

	/* NFS wants to be called back. */
	if (fl->fl_lmops && fl->fl_lmops->lm_grant)
		return -ENOLCK;
	req = new_lock_req(file, opcode, fl, core->flc_type, flock, 0);
	if (!req)
		return -ENOMEM;
	req->late = setlk_late;
	req->end = setlk_end;
	if (core->flc_type != F_UNLCK) {
		in = fmapfs_req_body(req);
		in->lk.pid = pid_nr_ns(task_tgid(current),
				       fmapfs_conn_pid_ns(conn));
		req->priv = new_lock_req(file, FUSE_SETLK, fl, F_UNLCK, flock,
					 0);
		if (!req->priv)
			goto put_req;
	}
	rc = fmapfs_req_send(req);
	if (!rc && flock)
		note_flock(file, core->flc_owner);
put_req:
	fmapfs_req_put(req);
	return rc == -EINTR ? -ERESTARTSYS : rc;
}
