/* SPDX-License-Identifier: GPL-2.0-only */
/* The VFS, and what else there is around the protocol. Part of kernel.h. */
#ifndef FUZZ_VFS_H
#define FUZZ_VFS_H

struct backing_dev_info { unsigned long ra_pages; };
struct super_block {
	void *s_fs_info;
	dev_t s_dev;
	struct backing_dev_info *s_bdi;
};

struct address_space { char unused; };
struct address_space_operations;
struct file_operations;
struct inode_operations;
struct dentry_operations;
struct export_operations;
struct xattr_handler;
struct posix_acl;
struct dax_device;
struct dax_holder_operations;
struct vm_area_struct;
struct fiemap_extent_info;
struct pipe_inode_info;
struct fasync_struct;
struct poll_table_struct;
struct mnt_idmap;
struct path;
struct kstat;
struct file_kattr;
struct dir_context;
typedef struct poll_table_struct poll_table;

#define S_DEAD			16
struct inode {
	umode_t i_mode;
	unsigned int i_flags;
	kuid_t i_uid;
	kgid_t i_gid;
	loff_t i_size;
	struct super_block *i_sb;
	struct rw_semaphore i_rwsem;
	int i_count;
};

struct qstr {
	u32 hash;
	u32 len;
	const char *name;
};

#define QSTR_INIT(n, l)		{ .name = (n), .len = (l) }

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
	int d_count;
};

struct module;
#define THIS_MODULE		NULL
struct file {
	unsigned int f_flags;
	struct inode *f_inode;
	void *private_data;
	const struct file_operations *f_op;
};

#define IOCB_NOWAIT		1
struct kiocb {
	struct file *ki_filp;
	int ki_flags;
};

struct file_operations {
	struct module *owner;
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	ssize_t (*read_iter)(struct kiocb *iocb, struct iov_iter *to);
	ssize_t (*write_iter)(struct kiocb *iocb, struct iov_iter *from);
	ssize_t (*splice_read)(struct file *file, loff_t *pos,
			       struct pipe_inode_info *pipe, size_t len,
			       unsigned int flags);
	void *splice_write;
	__poll_t (*poll)(struct file *file, poll_table *wait);
	int (*fasync)(int fd, struct file *file, int on);
	long (*unlocked_ioctl)(struct file *file, unsigned int cmd,
			       unsigned long arg);
	void *compat_ioctl;
};

#define iter_file_splice_write	NULL
#define compat_ptr_ioctl	NULL

#define MISC_DYNAMIC_MINOR	255
struct miscdevice {
	int minor;
	const char *name;
	const struct file_operations *fops;
	umode_t mode;
};

int misc_register(struct miscdevice *misc);
#define misc_deregister(misc)	((void)(misc))

struct iattr {
	unsigned int ia_valid;
	umode_t ia_mode;
	kuid_t ia_uid;
	kgid_t ia_gid;
	loff_t ia_size;
	struct timespec64 ia_atime;
	struct timespec64 ia_mtime;
};

#define ATTR_MODE		(1 << 0)
#define ATTR_UID		(1 << 1)
#define ATTR_GID		(1 << 2)
#define ATTR_SIZE		(1 << 3)
#define ATTR_ATIME		(1 << 4)
#define ATTR_MTIME		(1 << 5)
#define ATTR_CTIME		(1 << 6)
#define ATTR_ATIME_SET		(1 << 7)
#define ATTR_MTIME_SET		(1 << 8)
#define ATTR_FILE		(1 << 13)
#define ATTR_OPEN		(1 << 15)
#define MAY_EXEC		1
#define MAY_WRITE		2
#define MAY_READ		4

struct kstatfs {
	long f_bsize;
	u64 f_blocks;
	u64 f_bfree;
	u64 f_bavail;
	u64 f_files;
	u64 f_ffree;
	long f_namelen;
	long f_frsize;
};

#define FL_SLEEP		128
struct file_lock_core {
	fl_owner_t flc_owner;
	unsigned int flc_flags;
	unsigned char flc_type;
	pid_t flc_pid;
};

struct lock_manager_operations { void *lm_grant; };
struct file_lock {
	struct file_lock_core c;
	loff_t fl_start;
	loff_t fl_end;
	const struct lock_manager_operations *fl_lmops;
};

#define fmapfs_lock_core(fl)	(&(fl)->c)

struct lsm_context {
	char *context;
	u32 len;
};

#define security_dentry_init_security(d, mode, name, xattr, ctx) \
	((void)(d), (void)(mode), (void)(name), (void)(xattr), -EOPNOTSUPP)
#define security_release_secctx(ctx) ((void)(ctx))

#define d_inode(d)		((d)->d_inode)
#define file_inode(f)		((f)->f_inode)
#define i_size_read(inode)	((inode)->i_size)
#define inode_unlock(inode)	env_unlock(&(inode)->i_rwsem)
#define nonseekable_open(i, f)	((void)(i), (void)(f), 0)
#define is_root_inode(inode)	env_is_root(inode)
#define MAJOR(dev)		((unsigned int)((dev) >> 20))
#define MINOR(dev)		((unsigned int)((dev) & 0xfffff))
#define new_decode_dev(dev)	((dev_t)(dev))
#define new_encode_dev(dev)	((u32)(dev))
#define mangle_poll(events)	(events)
#define demangle_poll(events)	((__poll_t)(u16)(events))
#define poll_wait(f, q, w)	((void)(w))
#define kill_fasync(f, s, b)	((void)(f))
#define fasync_helper(fd, f, on, p) ((void)(p), 0)
#define fget(fd)		env_fget(fd)
#define fput(file)		((void)(file))
#define full_name_hash(salt, n, l) ((void)(salt), (u32)(l))

typedef struct { u64 key[2]; } siphash_key_t;
#define get_random_bytes(p, n)	memset(p, 1, n)
#define siphash_1u64(v, by)	((u64)(v) ^ (by)->key[0])

#define pr_err_ratelimited(fmt, ...) env_log(fmt, ##__VA_ARGS__)
void env_log(const char *fmt, ...);

bool env_is_root(const struct inode *inode);
struct file *env_fget(unsigned int fd);
struct dentry *env_dentry(struct inode *inode);
void iput(struct inode *inode);
void dput(struct dentry *dentry);
struct dentry *d_find_alias(struct inode *inode);
struct dentry *d_lookup(const struct dentry *parent, const struct qstr *name);
#define d_is_dir(d)		S_ISDIR((d)->d_inode->i_mode)
#define d_really_is_positive(d)	((d)->d_inode != NULL)
#define d_mountpoint(d)		((void)(d), false)
#define d_invalidate(d)		env_may_sleep()
#define d_delete(d)		((d)->d_inode = NULL)
#define d_prune_aliases(inode)	env_may_sleep()
#define shrink_dcache_parent(d)	env_may_sleep()
#define simple_empty(d)		((void)(d), true)
#define dont_mount(d)		((void)(d))
#define clear_nlink(inode)	((void)(inode))
#define forget_all_cached_acls(inode) ((void)(inode))

#endif /* FUZZ_VFS_H */
