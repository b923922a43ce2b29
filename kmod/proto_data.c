// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: the data of files.
 */
#include <linux/fs.h>
#include <linux/uio.h>
#include "proto.h"

/**
 * fmapfs_proto_read_new - make a READ
 * @inode: of what
 * @ff: the open file
 * @flags: O_*
 * @pos: bytes from the start
 * @size: bytes; at most what is agreed on
 * @owner: of locks, or NULL
 *
 * Return: the request, to be sent; its ->out and ->out_len are the data then.
 * NULL: no memory.
 */
struct fmapfs_req *fmapfs_proto_read_new(struct inode *inode,
					 const struct fmapfs_file *ff,
					 unsigned int flags, u64 pos, u32 size,
					 fl_owner_t owner)
{
	struct fuse_read_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(inode, FUSE_READ, sizeof(*in), size,
			       FMAPFS_REQ_OUTVAR);
	if (!req)
		return NULL;
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->offset = pos;
	in->size = size;
	in->flags = flags;
	if (owner) {
		in->read_flags = FUSE_READ_LOCKOWNER;
		in->lock_owner = fmapfs_owner_id(owner);
	}
	return req;
}

/**
 * fmapfs_proto_read - READ
 * @inode: of what
 * @ff: the open file
 * @flags: O_*
 * @pos: bytes from the start
 * @size: bytes; at most what is agreed on
 * @owner: of locks, or NULL
 * @to: takes the data
 *
 * Return: bytes read, or -errno.
 */
ssize_t fmapfs_proto_read(struct inode *inode, const struct fmapfs_file *ff,
			  unsigned int flags, u64 pos, u32 size,
			  fl_owner_t owner, struct iov_iter *to)
{
	struct fmapfs_req *req;
	ssize_t rc;

	req = fmapfs_proto_read_new(inode, ff, flags, pos, size, owner);
	if (!req)
		return -ENOMEM;
	rc = fmapfs_req_send(req);
	if (!rc) {
		rc = copy_to_iter(req->out, req->out_len, to);
		if (!rc && req->out_len)
			rc = -EFAULT;
	}
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_write_new - make a WRITE
 * @inode: of what
 * @ff: the open file
 * @w: what, and how
 * @from: has the data; advanced
 *
 * If only part of the data can be read from the caller's memory, the WRITE is of
 * that part. Return: the request, to be sent with fmapfs_proto_write_send(); or
 * an error.
 */
struct fmapfs_req *fmapfs_proto_write_new(struct inode *inode,
					  const struct fmapfs_file *ff,
					  const struct fmapfs_write *w,
					  struct iov_iter *from)
{
	struct fuse_write_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(inode, FUSE_WRITE, sizeof(*in) + w->size,
			       sizeof(struct fuse_write_out), 0);
	if (!req)
		return ERR_PTR(-ENOMEM);
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->size = copy_from_iter(in + 1, w->size, from);
	if (!in->size) {
		fmapfs_req_put(req);
		return ERR_PTR(-EFAULT);
	}
	req->in_size = sizeof(*req->in) + sizeof(*in) + in->size;
	req->in->len = req->in_size;
	in->fh = ff->fh;
	in->offset = w->pos;
	in->flags = w->flags;
	if (w->owner) {
		in->write_flags |= FUSE_WRITE_LOCKOWNER;
		in->lock_owner = fmapfs_owner_id(w->owner);
	}
	if (w->kill_suidgid)
		in->write_flags |= FUSE_WRITE_KILL_SUIDGID;
	return req;
}

/* The data of a WRITE, and how many bytes. */
const void *fmapfs_proto_write_data(struct fmapfs_req *req, u32 *size)
{
	struct fuse_write_in *in = fmapfs_req_body(req);

	*size = in->size;
	return in + 1;
}

/**
 * fmapfs_proto_write_send - WRITE
 * @inode: of what
 * @req: from fmapfs_proto_write_new(); stays the caller's
 *
 * Return: bytes written, or -errno.
 */
ssize_t fmapfs_proto_write_send(struct inode *inode, struct fmapfs_req *req)
{
	const struct fuse_write_in *in = fmapfs_req_body(req);
	const struct fuse_write_out *out;
	int rc = fmapfs_req_send(req);

	if (rc)
		return rc;
	out = req->out;
	if (out->size > in->size)
		return fmapfs_proto_bad(inode->i_sb, FUSE_WRITE, "size",
					out->size);
	return out->size;
}

/**
 * fmapfs_proto_fallocate_new - make a FALLOCATE
 * @inode: of what
 * @ff: the open file
 * @mode: FALLOC_FL_*
 * @pos: bytes from the start
 * @len: bytes
 *
 * Return: the request, to be sent; NULL: no memory.
 */
struct fmapfs_req *fmapfs_proto_fallocate_new(struct inode *inode,
					      const struct fmapfs_file *ff,
					      int mode, u64 pos, u64 len)
{
	struct fuse_fallocate_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(inode, FUSE_FALLOCATE, sizeof(*in), 0, 0);
	if (!req)
		return NULL;
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->offset = pos;
	in->length = len;
	in->mode = mode;
	return req;
}

/**
 * fmapfs_proto_lseek - LSEEK
 * @inode: of what
 * @ff: the open file
 * @pos: bytes from the start
 * @whence: SEEK_HOLE or SEEK_DATA
 * @out: result: what the server says, not checked
 *
 * Return: also -ENOSYS, from then on without asking.
 */
int fmapfs_proto_lseek(struct inode *inode, const struct fmapfs_file *ff,
		       u64 pos, int whence, u64 *out)
{
	struct fuse_lseek_in *in;
	struct fmapfs_req *req;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_LSEEK))
		return -ENOSYS;
	req = fmapfs_proto_req(inode, FUSE_LSEEK, sizeof(*in),
			       sizeof(struct fuse_lseek_out), 0);
	if (!req)
		return -ENOMEM;
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->offset = pos;
	in->whence = whence;
	rc = fmapfs_req_send(req);
	if (!rc)
		*out = ((const struct fuse_lseek_out *)req->out)->offset;
	else if (rc == -ENOSYS)
		set_bit(FUSE_LSEEK, &fmapfs_sb(inode->i_sb)->no_op);
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_copy_new - make a COPY_FILE_RANGE or COPY_FILE_RANGE_64
 * @opcode: which
 * @c: what
 *
 * Return: the request, to be sent with fmapfs_proto_copy_send(); NULL: no memory.
 */
struct fmapfs_req *fmapfs_proto_copy_new(u32 opcode,
					 const struct fmapfs_copy *c)
{
	u32 size = opcode == FUSE_COPY_FILE_RANGE ?
		   sizeof(struct fuse_write_out) :
		   sizeof(struct fuse_copy_file_range_out);
	const struct fmapfs_file *ff = c->in->private_data;
	const struct fmapfs_file *to = c->out->private_data;
	struct fuse_copy_file_range_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(file_inode(c->in), opcode, sizeof(*in), size, 0);
	if (!req)
		return NULL;
	/* The other one by fmapfs_change_begin(). */
	fmapfs_req_hold_back(req, ff->release);
	in = fmapfs_req_body(req);
	in->fh_in = ff->fh;
	in->off_in = c->pos_in;
	in->nodeid_out = fmapfs_i(file_inode(c->out))->nodeid;
	in->fh_out = to->fh;
	in->off_out = c->pos_out;
	in->len = c->len;
	in->flags = c->flags;
	return req;
}

/**
 * fmapfs_proto_copy_send - COPY_FILE_RANGE or COPY_FILE_RANGE_64
 * @inode: of the file that is copied from
 * @req: from fmapfs_proto_copy_new(); stays the caller's
 *
 * Return: bytes copied, or -errno.
 */
ssize_t fmapfs_proto_copy_send(struct inode *inode, struct fmapfs_req *req)
{
	const struct fuse_copy_file_range_in *in = fmapfs_req_body(req);
	u32 opcode = req->in->opcode;
	int rc = fmapfs_req_send(req);
	u64 done;

	if (rc == -ENOSYS)
		set_bit(opcode, &fmapfs_sb(inode->i_sb)->no_op);
	if (rc)
		return rc;
	if (opcode == FUSE_COPY_FILE_RANGE)
		done = ((const struct fuse_write_out *)req->out)->size;
	else
		done = ((const struct fuse_copy_file_range_out *)req->out)->bytes_copied;
	if (done > in->len)
		return fmapfs_proto_bad(inode->i_sb, opcode, "size", done);
	return done;
}
