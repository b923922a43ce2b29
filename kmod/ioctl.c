// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctls on files and directories. But for our own they are the server's, which
 * sees no more of the caller's memory than the number of the ioctl says: what
 * FUSE calls restricted.
 */
#include <linux/compat.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/uio.h>
#include "proto.h"

/* Longest salt, or signature, of ENABLE_VERITY; bytes. */
#define VERITY_MAX	(256 * PAGE_SIZE)

/* The argument, and what it points to. */
#define MAX_PARTS	3

/**
 * struct ioctl_mem - the memory that an ioctl reads or writes
 * @part: user addresses and bytes, the argument's own first
 * @nr: of them that are read; one is written at most
 */
struct ioctl_mem {
	struct iovec part[MAX_PARTS];
	unsigned int nr;
};

/* The digest's size is in front of it. */
static int measure_verity_size(struct ioctl_mem *mem)
{
	struct fsverity_digest __user *arg = mem->part[0].iov_base;
	u16 size;

	if (get_user(size, &arg->digest_size))
		return -EFAULT;
	mem->part[0].iov_len = sizeof(*arg) + size;
	return 0;
}

static int add_part(struct ioctl_mem *mem, u64 ptr, u32 size)
{
	if (size > VERITY_MAX)
		return -ENOMEM;
	if (size)
		mem->part[mem->nr++] = (struct iovec) {
			.iov_base = u64_to_user_ptr(ptr), .iov_len = size,
		};
	return 0;
}

/* Salt and signature are behind pointers. */
static int enable_verity_parts(struct ioctl_mem *mem)
{
	struct fsverity_enable_arg arg;
	int rc;

	if (copy_from_user(&arg, mem->part[0].iov_base, sizeof(arg)))
		return -EFAULT;
	rc = add_part(mem, arg.salt_ptr, arg.salt_size);
	return rc ? rc : add_part(mem, arg.sig_ptr, arg.sig_size);
}

static int find_mem(unsigned int cmd, unsigned long arg, struct ioctl_mem *mem)
{
	mem->part[0].iov_base = (void __user *)arg;
	mem->part[0].iov_len = _IOC_SIZE(cmd);
	mem->nr = 1;
	switch (cmd) {
	case FS_IOC_MEASURE_VERITY:
		return measure_verity_size(mem);
	case FS_IOC_ENABLE_VERITY:
		return enable_verity_parts(mem);
	default:
		return 0;
	}
}

static long server_ioctl(struct file *file, unsigned int cmd, unsigned long arg,
			 bool compat)
{
	struct inode *inode = file_inode(file);
	struct fmapfs_ioctl io = {
		.cmd = cmd,
		.arg = arg,
		.compat = compat,
		.x32 = compat && fmapfs_in_x32_syscall(),
	};
	struct ioctl_mem mem = {};
	int rc;

	if (!fmapfs_allowed(inode->i_sb))
		return -EACCES;
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	rc = find_mem(cmd, arg, &mem);
	if (rc)
		return rc;
	if (_IOC_DIR(cmd) & _IOC_WRITE)
		io.in_size = iov_length(mem.part, mem.nr);
	if (_IOC_DIR(cmd) & _IOC_READ)
		io.out_size = mem.part[0].iov_len;
	if (max(io.in_size, io.out_size) > fmapfs_agreed(inode->i_sb)->max_read)
		return -ENOMEM;
	iov_iter_init(&io.from, ITER_SOURCE, mem.part, mem.nr, io.in_size);
	iov_iter_init(&io.to, ITER_DEST, mem.part, 1, io.out_size);
	return fmapfs_proto_ioctl(inode, file->private_data, &io);
}

/* Our own; a directory has no fmap, but the number is not the server's. */
static long own_ioctl(struct file *file, void __user *arg)
{
	if (!S_ISREG(file_inode(file)->i_mode))
		return -ENOTTY;
	return fmapfs_fmap_ioctl(file_inode(file), arg);
}

long fmapfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == FMAPFS_IOC_GET_FMAP)
		return own_ioctl(file, (void __user *)arg);
	return server_ioctl(file, cmd, arg, false);
}

long fmapfs_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == FMAPFS_IOC_GET_FMAP)
		return own_ioctl(file, compat_ptr(arg));
	return server_ioctl(file, cmd, arg, true);
}

/* --- the flags that chattr(1) shows and changes --- */

/* An ioctl of the kernel's own, on @buf, by a file opened for it alone. */
static int attr_ioctl(struct inode *inode, unsigned int cmd, void *buf,
		      u32 size)
{
	struct kvec vec = { .iov_base = buf, .iov_len = size };
	struct fmapfs_ioctl io = { .cmd = cmd, .exact = true };
	struct fmapfs_file *ff;
	long rc;

	if (!fmapfs_allowed(inode->i_sb))
		return -EACCES;
	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	if (!S_ISREG(inode->i_mode) && !S_ISDIR(inode->i_mode))
		return -ENOTTY;
	rc = fmapfs_proto_open(inode, O_RDONLY, &ff);
	if (rc)
		return rc;
	if (_IOC_DIR(cmd) & _IOC_WRITE)
		io.in_size = size;
	if (_IOC_DIR(cmd) & _IOC_READ)
		io.out_size = size;
	iov_iter_kvec(&io.from, ITER_SOURCE, &vec, 1, io.in_size);
	iov_iter_kvec(&io.to, ITER_DEST, &vec, 1, io.out_size);
	rc = fmapfs_proto_ioctl(inode, ff, &io);
	fmapfs_proto_release(ff);
	return min(rc, 0L);
}

int fmapfs_fileattr_get(struct dentry *dentry, struct file_kattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct fsxattr x;
	u32 flags;
	int rc;

	if (fa->flags_valid) {
		rc = attr_ioctl(inode, FS_IOC_GETFLAGS, &flags, sizeof(flags));
		if (!rc)
			fileattr_fill_flags(fa, flags);
		return rc;
	}
	rc = attr_ioctl(inode, FS_IOC_FSGETXATTR, &x, sizeof(x));
	if (rc)
		return rc;
	fileattr_fill_xflags(fa, x.fsx_xflags);
	fa->fsx_extsize = x.fsx_extsize;
	fa->fsx_nextents = x.fsx_nextents;
	fa->fsx_projid = x.fsx_projid;
	fa->fsx_cowextsize = x.fsx_cowextsize;
	return 0;
}

int fmapfs_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry,
			struct file_kattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct fsxattr x = {
		.fsx_xflags = fa->fsx_xflags,
		.fsx_extsize = fa->fsx_extsize,
		.fsx_nextents = fa->fsx_nextents,
		.fsx_projid = fa->fsx_projid,
		.fsx_cowextsize = fa->fsx_cowextsize,
	};
	u32 flags = fa->flags;

	if (fa->flags_valid)
		return attr_ioctl(inode, FS_IOC_SETFLAGS, &flags,
				  sizeof(flags));
	return attr_ioctl(inode, FS_IOC_FSSETXATTR, &x, sizeof(x));
}
