// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files. Each operation goes one of two ways: a file with a map is memory
 * (dax.c), any other is read and written by the server, with the page cache in
 * between (plain.c). Opening decides that, and an ordinary file that is given a size
 * may become memory: not under a call that has begun, nor under a mapping.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include "proto.h"

static int open_mode(struct inode *inode, struct file *file,
		     struct fmapfs_file *ff)
{
	file->f_mode |= FMODE_CAN_ODIRECT;
	if (fmapfs_has_map(inode)) {
		file->f_mode |= FMODE_NOWAIT;
		return 0;
	}
	/* This is never agreed on: the server takes it for another file. */
	if (ff->open_flags & FOPEN_PASSTHROUGH)
		return fmapfs_proto_bad(inode->i_sb, FUSE_OPEN, "open_flags",
					ff->open_flags);
	if (!(ff->open_flags & FOPEN_DIRECT_IO))
		ff->open_flags &= ~FOPEN_PARALLEL_DIRECT_WRITES;
	if (ff->open_flags & FOPEN_STREAM)
		return stream_open(inode, file);
	if (ff->open_flags & FOPEN_NONSEEKABLE)
		return nonseekable_open(inode, file);
	return 0;
}

/* The page cache when an ordinary file is opened; nothing can fail from here on. */
static void open_cache(struct inode *inode, struct file *file,
		       struct fmapfs_file *ff)
{
	fmapfs_cache_open(file);
	if (!(ff->open_flags & FOPEN_DIRECT_IO))
		fmapfs_file_caches(inode, ff);
	if (!(ff->open_flags & FOPEN_KEEP_CACHE))
		fmapfs_cache_invalidate(inode, 0, ULONG_MAX);
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
	if (rc) {
		fmapfs_proto_release(ff);
		return rc;
	}
	if (!fmapfs_has_map(inode))
		open_cache(inode, file, ff);
	file->private_data = ff;
	return 0;
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
	if (!rc)
		rc = fmapfs_finish_open(inode, file, ff);
	if (!rc && file->f_flags & O_TRUNC)
		fmapfs_opened_truncated(inode);
	return rc;
}

static int fmapfs_release(struct inode *inode, struct file *file)
{
	struct fmapfs_file *ff = file->private_data;

	fmapfs_file_uncaches(inode, ff);
	fmapfs_polled_close(fmapfs_conn_of(inode), ff->polled);
	fmapfs_proto_close(ff, file->f_flags);
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

static ssize_t fmapfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_ordinary_begin(inode))
		return fmapfs_dax_read_iter(iocb, to);
	rc = fmapfs_plain_read(iocb, to);
	fmapfs_ordinary_end(inode);
	return rc;
}

static ssize_t fmapfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_ordinary_begin(inode))
		return fmapfs_dax_write_iter(iocb, from);
	rc = fmapfs_plain_write(iocb, from);
	fmapfs_ordinary_end(inode);
	return rc;
}

static int fmapfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!fmapfs_ordinary_begin(inode))
		return fmapfs_dax_mmap(file, vma);
	rc = fmapfs_plain_mmap(file, vma);
	if (rc)
		fmapfs_ordinary_end(inode);
	return rc;
}

/*
 * Reads by the page cache what goes by it, and nothing else. Memory is copied
 * from, and so is what the server wants to be asked for each time.
 */
static ssize_t fmapfs_splice_read(struct file *file, loff_t *pos,
				  struct pipe_inode_info *pipe, size_t len,
				  unsigned int flags)
{
	const struct fmapfs_file *ff = file->private_data;
	struct inode *inode = file_inode(file);
	ssize_t rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (ff->open_flags & FOPEN_DIRECT_IO || !fmapfs_ordinary_begin(inode))
		return copy_splice_read(file, pos, pipe, len, flags);
	rc = filemap_splice_read(file, pos, pipe, len, flags);
	fmapfs_ordinary_end(inode);
	return rc;
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
	.lock			= fmapfs_lock,
	.flock			= fmapfs_flock,
	.setlease		= generic_setlease,
	.flush			= fmapfs_flush,
	.release		= fmapfs_release,
	.fsync			= fmapfs_fsync,
	.splice_read		= fmapfs_splice_read,
	.splice_write		= iter_file_splice_write,
	.unlocked_ioctl		= fmapfs_ioctl,
	.compat_ioctl		= fmapfs_compat_ioctl,
	.fallocate		= fmapfs_fallocate,
	.copy_file_range	= fmapfs_copy_file_range,
	.fadvise		= fmapfs_fadvise,
	.poll			= fmapfs_poll,
	FMAPFS_FOP_MMAP_SYNC,
};

COMPAT_SET_ACL(fmapfs_set_inode_acl)

const struct inode_operations fmapfs_file_iops = {
	.permission	= fmapfs_permission,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
	.fiemap		= fmapfs_fiemap,
	COMPAT_ACL_OPS(fmapfs_get_inode_acl, fmapfs_get_acl,
		       fmapfs_set_inode_acl),
	.fileattr_get	= fmapfs_fileattr_get,
	.fileattr_set	= fmapfs_fileattr_set,
};

const struct inode_operations fmapfs_other_iops = {
	.permission	= fmapfs_permission,
	.getattr	= fmapfs_getattr,
	.setattr	= fmapfs_setattr,
	.listxattr	= fmapfs_listxattr,
	COMPAT_ACL_OPS(fmapfs_get_inode_acl, fmapfs_get_acl,
		       fmapfs_set_inode_acl),
	.fileattr_get	= fmapfs_fileattr_get,
	.fileattr_set	= fmapfs_fileattr_set,
};
