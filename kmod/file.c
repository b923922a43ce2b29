// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files. Each operation goes one of two ways, which opening decides for
 * as long as the file is open: a file with a map is memory (dax.c), any other is
 * read and written by the server, without a cache in between.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <linux/splice.h>
#include "proto.h"

static int open_mode(struct inode *inode, struct file *file,
		     const struct fmapfs_file *ff)
{
	file->f_mode |= FMODE_CAN_ODIRECT;
	if (fmapfs_has_map(inode)) {
		file->f_mode |= FMODE_NOWAIT;
		return 0;
	}
	if (ff->open_flags & FOPEN_STREAM)
		return stream_open(inode, file);
	if (ff->open_flags & FOPEN_NONSEEKABLE)
		return nonseekable_open(inode, file);
	return 0;
}

/**
 * fmapfs_finish_open - what is left to do when the server has opened a file
 * @inode: a regular file
 * @file: the VFS's
 * @ff: the server's; @file's on success, else released
 *
 * Return: 0 or -errno.
 */
int fmapfs_finish_open(struct inode *inode, struct file *file,
		       struct fmapfs_file *ff)
{
	int rc = fmapfs_fmap_fetch(inode);

	if (!rc)
		rc = open_mode(inode, file, ff);
	if (rc)
		fmapfs_proto_release(ff);
	else
		file->private_data = ff;
	return rc;
}

static int fmapfs_open(struct inode *inode, struct file *file)
{
	struct fmapfs_file *ff;
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	rc = generic_file_open(inode, file);
	if (!rc)
		rc = fmapfs_proto_open(inode, file->f_flags, &ff);
	return rc ? rc : fmapfs_finish_open(inode, file, ff);
}

static int fmapfs_release(struct inode *inode, struct file *file)
{
	fmapfs_proto_release(file->private_data);
	return 0;
}

/*
 * Memory needs no server: closing it neither waits for one nor fails because
 * there is none.
 */
static int fmapfs_flush(struct file *file, fl_owner_t owner)
{
	struct inode *inode = file_inode(file);
	const struct fmapfs_file *ff = file->private_data;
	bool memory = fmapfs_has_map(inode);
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (ff->open_flags & FOPEN_NOFLUSH)
		return 0;
	rc = fmapfs_proto_flush(inode, ff, owner,
				!memory && !(current->flags & PF_EXITING));
	return memory ? 0 : rc;
}

static int fmapfs_fsync(struct file *file, loff_t start, loff_t end,
			int datasync)
{
	struct inode *inode = file_inode(file);
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (fmapfs_has_map(inode))
		return fmapfs_dax_fsync(file, start, end);
	/* Who has it may be waiting for the server. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	rc = fmapfs_proto_fsync(inode, file->private_data, datasync);
	inode_unlock(inode);
	return rc;
}

static u32 read_limit(struct super_block *sb)
{
	return min(fmapfs_agreed(sb)->max_read, fmapfs_sb(sb)->max_read);
}

/* From the server, in as many requests as it takes, up to a short one. */
static ssize_t server_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	u32 limit = read_limit(inode->i_sb);
	ssize_t done = 0, rc = 0;

	while (iov_iter_count(to)) {
		u32 size = min_t(size_t, iov_iter_count(to), limit);

		rc = fmapfs_proto_read(inode, file->private_data,
				       file->f_flags, iocb->ki_pos, size, to);
		if (rc <= 0)
			break;
		iocb->ki_pos += rc;
		done += rc;
		if (rc < size)
			break;
	}
	return done ? done : rc;
}

static void grow(struct inode *inode, loff_t end)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	/* Times and blocks have changed with the data. */
	fmapfs_expire_attr(inode);
	spin_lock(&fi->lock);
	if (end > i_size_read(inode))
		i_size_write(inode, end);
	spin_unlock(&fi->lock);
}

static ssize_t write_chunks(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	u32 limit = fmapfs_agreed(inode->i_sb)->max_write;
	ssize_t done = 0, rc = 0;

	while (iov_iter_count(from)) {
		u32 size = min_t(size_t, iov_iter_count(from), limit);

		rc = fmapfs_proto_write(inode, file->private_data,
					file->f_flags, iocb->ki_pos, size,
					from);
		if (rc <= 0) {
			fmapfs_expire_attr(inode);
			break;
		}
		iocb->ki_pos += rc;
		done += rc;
		grow(inode, iocb->ki_pos);
		if (rc < size)
			break;
	}
	return done ? done : rc;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t rc = generic_write_checks(iocb, from);
	int error;

	if (rc <= 0)
		return rc;
	error = file_remove_privs(iocb->ki_filp);
	return error ? error : write_chunks(iocb, from);
}

static ssize_t server_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	/* Where the end is, is the server's to say. */
	if (iocb->ki_flags & IOCB_APPEND) {
		rc = fmapfs_refresh_attr(inode);
		if (rc)
			return rc;
	}
	/* Who has it may be waiting for the server. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	rc = write_locked(iocb, from);
	inode_unlock(inode);
	return rc > 0 ? generic_write_sync(iocb, rc) : rc;
}

static ssize_t fmapfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	return fmapfs_has_map(inode) ? fmapfs_dax_read_iter(iocb, to) :
				       server_read(iocb, to);
}

static ssize_t fmapfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	return fmapfs_has_map(inode) ? fmapfs_dax_write_iter(iocb, from) :
				       server_write(iocb, from);
}

static int fmapfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (READ_ONCE(fmapfs_i(file_inode(file))->bad))
		return -EIO;
	/* What the server reads and writes has no pages to map. */
	if (!fmapfs_has_map(file_inode(file)))
		return -ENODEV;
	return fmapfs_dax_mmap(file, vma);
}

static loff_t fmapfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	int rc = 0;

	if (whence != SEEK_SET && whence != SEEK_CUR &&
	    !fmapfs_has_map(inode))
		rc = fmapfs_valid_attr(inode);
	return rc ? rc : generic_file_llseek(file, offset, whence);
}

static long fmapfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != FMAPFS_IOC_GET_FMAP)
		return -ENOTTY;
	return fmapfs_fmap_ioctl(file_inode(file), (void __user *)arg);
}

static int fmapfs_fiemap(struct inode *inode, struct fiemap_extent_info *info,
			 u64 start, u64 len)
{
	if (!fmapfs_has_map(inode))
		return -EOPNOTSUPP;
	return fmapfs_dax_fiemap(inode, info, start, len);
}

const struct file_operations fmapfs_file_fops = {
	.llseek			= fmapfs_llseek,
	.read_iter		= fmapfs_read_iter,
	.write_iter		= fmapfs_write_iter,
	.mmap			= fmapfs_mmap,
	.get_unmapped_area	= thp_get_unmapped_area,
	.open			= fmapfs_open,
	.flush			= fmapfs_flush,
	.release		= fmapfs_release,
	.fsync			= fmapfs_fsync,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.unlocked_ioctl		= fmapfs_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	FMAPFS_FOP_MMAP_SYNC,
};

const struct inode_operations fmapfs_file_iops = {
	.permission	= fmapfs_permission,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
	.fiemap		= fmapfs_fiemap,
};

/* Symbolic links cannot be followed, as nobody asks the server where to. */
const struct inode_operations fmapfs_other_iops = {
	.permission	= fmapfs_permission,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
};
