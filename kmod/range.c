// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of files: holes, preallocation, copies, advice.
 */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include "proto.h"

/* --- holes --- */

static loff_t seek_end(struct file *file, loff_t offset)
{
	int rc = fmapfs_need_attr(file_inode(file), file->private_data,
				  STATX_SIZE);

	return rc ? rc : generic_file_llseek(file, offset, SEEK_END);
}

static loff_t seek_hole_data(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	u64 found;
	int rc;

	rc = fmapfs_proto_lseek(inode, file->private_data, offset, whence,
				&found);
	if (!rc)
		return vfs_setpos(file, found, inode->i_sb->s_maxbytes);
	if (rc == -ENOSYS)
		rc = fmapfs_need_attr(inode, file->private_data, STATX_SIZE);
	return rc ? rc : generic_file_llseek(file, offset, whence);
}

loff_t fmapfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence == SEEK_SET || whence == SEEK_CUR ||
	    fmapfs_map_in_force(inode))
		return generic_file_llseek(file, offset, whence);
	if (fmapfs_has_map(inode))
		return fmapfs_need_attr(inode, file->private_data,
					STATX_SIZE) ?:
		       generic_file_llseek(file, offset, whence);
	if (whence != SEEK_END && whence != SEEK_HOLE && whence != SEEK_DATA)
		return -EINVAL;
	/* Who has it may be waiting for the server. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	offset = whence == SEEK_END ? seek_end(file, offset) :
				      seek_hole_data(file, offset, whence);
	inode_unlock(inode);
	return offset;
}

/* --- preallocation --- */

static void plain_allocated(struct inode *inode, int mode, loff_t pos,
			    loff_t end)
{
	loff_t old = i_size_read(inode);

	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		fmapfs_cache_zero(inode, pos, end - 1);
	if (mode & FALLOC_FL_KEEP_SIZE) {
		fmapfs_expire_attr_mask(inode, FMAPFS_ATTR_MODSIZE);
		return;
	}
	fmapfs_cache_zero(inode, old, end - 1);
	fmapfs_written(inode, end);
}

static int send_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct fmapfs_io *io = NULL;
	struct fmapfs_req *req;
	int rc = -ENOMEM;

	req = fmapfs_proto_fallocate_new(inode, file->private_data, mode, pos,
					 len);
	if (!req)
		return -ENOMEM;
	if (!fmapfs_has_map(inode)) {
		io = fmapfs_change_begin(file, pos, len, req);
		if (!io)
			goto put_req;
	}
	rc = fmapfs_req_send(req);
	if (io)
		fmapfs_change_end(io, req, rc);
put_req:
	fmapfs_req_put(req);
	if (rc != -ENOSYS)
		return rc;
	set_bit(FUSE_FALLOCATE, &fmapfs_sb(inode->i_sb)->no_op);
	return -EOPNOTSUPP;
}

static int try_allocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	int rc = 0;

	if (!(mode & FALLOC_FL_KEEP_SIZE) && pos + len > i_size_read(inode))
		rc = inode_newsize_ok(inode, pos + len);
	if (!rc)
		rc = file_modified(file);
	return rc ? rc : send_fallocate(file, mode, pos, len);
}

/* Under i_rwsem. */
static int allocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	bool ordinary = fmapfs_ordinary_begin(inode);
	loff_t size = i_size_read(inode);
	int rc = try_allocate(file, mode, pos, len);

	if (!ordinary)
		return rc ? rc : fmapfs_memory_changed(inode);
	if (!rc)
		plain_allocated(inode, mode, pos, pos + len);
	fmapfs_ordinary_end(inode);
	if (rc || i_size_read(inode) == size)
		return rc;
	return fmapfs_fmap_ask_again(inode);
}

long fmapfs_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |
		     FALLOC_FL_ZERO_RANGE) ||
	    fmapfs_proto_known_missing(inode->i_sb, FUSE_FALLOCATE))
		return -EOPNOTSUPP;
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	rc = allocate(file, mode, pos, len);
	inode_unlock(inode);
	return rc;
}

/* --- copies --- */

static ssize_t copy_by(u32 opcode, const struct fmapfs_copy *c)
{
	struct inode *out = file_inode(c->out);
	struct fmapfs_req *req;
	struct fmapfs_io *io;
	ssize_t rc = -ENOMEM;

	if (fmapfs_proto_known_missing(out->i_sb, opcode))
		return -ENOSYS;
	req = fmapfs_proto_copy_new(opcode, c);
	if (!req)
		return -ENOMEM;
	io = fmapfs_change_begin(c->out, c->pos_out, c->len, req);
	if (io) {
		rc = fmapfs_proto_copy_send(file_inode(c->in), req);
		fmapfs_change_end(io, req, rc);
	}
	fmapfs_req_put(req);
	return rc;
}

static ssize_t copy_at_server(struct fmapfs_copy *c)
{
	ssize_t rc = copy_by(FUSE_COPY_FILE_RANGE_64, c);

	if (rc != -ENOSYS)
		return rc;
	/* The older one has 32 bits to tell how much it has copied. */
	c->len = min_t(u64, c->len, UINT_MAX & PAGE_MASK);
	rc = copy_by(FUSE_COPY_FILE_RANGE, c);
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/* Under the i_rwsem of the file that is copied to. */
static ssize_t copy_locked(struct fmapfs_copy *c)
{
	struct inode *out = file_inode(c->out);
	ssize_t rc = file_modified(c->out);

	if (!rc)
		rc = copy_at_server(c);
	if (rc < 0)
		return rc;
	if (rc)
		fmapfs_cache_invalidate(out, c->pos_out >> PAGE_SHIFT,
					(c->pos_out + rc - 1) >> PAGE_SHIFT);
	fmapfs_written(out, rc ? c->pos_out + rc : 0);
	return rc;
}

/* What is memory the server may not know: it is copied here. */
static ssize_t try_copy(struct fmapfs_copy *c)
{
	struct inode *in = file_inode(c->in), *out = file_inode(c->out);
	ssize_t rc;

	if (in->i_sb != out->i_sb)
		return -EXDEV;
	if (fmapfs_has_map(in) ||
	    fmapfs_proto_known_missing(in->i_sb, FUSE_COPY_FILE_RANGE) ||
	    !fmapfs_ordinary_begin(out))
		return -EOPNOTSUPP;
	rc = down_write_killable(&out->i_rwsem);
	if (!rc) {
		rc = copy_locked(c);
		inode_unlock(out);
	}
	fmapfs_ordinary_end(out);
	return rc;
}

ssize_t fmapfs_copy_file_range(struct file *in, loff_t pos_in,
			       struct file *out, loff_t pos_out, size_t len,
			       unsigned int flags)
{
	struct fmapfs_copy c = {
		.in = in, .pos_in = pos_in, .out = out, .pos_out = pos_out,
		.len = len, .flags = flags,
	};
	ssize_t rc = try_copy(&c);

	if (rc == -EOPNOTSUPP || rc == -EXDEV)
		rc = splice_copy_file_range(in, pos_in, out, pos_out, len);
	return rc;
}

/* --- advice --- */

/* Reads ahead, for one. */
int fmapfs_fadvise(struct file *file, loff_t pos, loff_t len, int advice)
{
	struct inode *inode = file_inode(file);
	bool ordinary = fmapfs_ordinary_begin(inode);
	int rc = generic_fadvise(file, pos, len, advice);

	if (ordinary)
		fmapfs_ordinary_end(inode);
	return rc;
}
