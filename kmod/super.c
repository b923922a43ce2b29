// SPDX-License-Identifier: GPL-2.0-only
/*
 * The super block: mounting and unmounting.
 *
 * Teardown has one owner, fmapfs_kill_sb(), also for a mount that has failed
 * half-way. It never waits for the server.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/workqueue.h>
#include "proto.h"

static struct workqueue_struct *unmount_wq;
static void finish_unmount(struct work_struct *work);

/**
 * struct mount_options - what mount(2) or fsconfig(2) has said so far
 * @file: /dev/fmapfs, from fd=; holds a reference
 * @subtype: what comes after the dot in the type; owned
 * @rootmode: type and mode of the root
 * @uid: user_id=
 * @gid: group_id=
 * @max_read: bytes
 * @blksize: bytes
 * @has_rootmode: rootmode= was there
 * @has_uid: user_id= was there
 * @has_gid: group_id= was there
 * @default_permissions: the kernel checks modes
 * @allow_other: others than the owner may use it
 * @nofmap: FUSE_DAX_FMAP is not to be offered: to the server the bit is, or may
 *	be, what it is to the in-tree fuse. Nor does it get a DESTROY
 */
struct mount_options {
	struct file *file;
	const char *subtype;
	umode_t rootmode;
	kuid_t uid;
	kgid_t gid;
	u32 max_read;
	u32 blksize;
	bool has_rootmode;
	bool has_uid;
	bool has_gid;
	bool default_permissions;
	bool allow_other;
	bool nofmap;
};

enum {
	OPT_SOURCE, OPT_SUBTYPE, OPT_FD, OPT_ROOTMODE, OPT_USER_ID,
	OPT_GROUP_ID, OPT_DEFAULT_PERMISSIONS, OPT_ALLOW_OTHER, OPT_MAX_READ,
	OPT_BLKSIZE, OPT_NOFMAP,
};

static const struct fs_parameter_spec fmapfs_parameters[] = {
	fsparam_string("source", OPT_SOURCE),
	fsparam_string("subtype", OPT_SUBTYPE),
	fsparam_fd("fd", OPT_FD),
	fsparam_u32oct("rootmode", OPT_ROOTMODE),
	fsparam_u32("user_id", OPT_USER_ID),
	fsparam_u32("group_id", OPT_GROUP_ID),
	fsparam_flag("default_permissions", OPT_DEFAULT_PERMISSIONS),
	fsparam_flag("allow_other", OPT_ALLOW_OTHER),
	fsparam_u32("max_read", OPT_MAX_READ),
	fsparam_u32("blksize", OPT_BLKSIZE),
	fsparam_flag("nofmap", OPT_NOFMAP),
	{}
};

static int set_string(struct fs_context *fc, const char **to,
		      struct fs_parameter *param)
{
	if (*to)
		return invalfc(fc, "%s= is given twice", param->key);
	*to = param->string;
	param->string = NULL;
	return 0;
}

static int set_fd(struct fs_context *fc, struct mount_options *opts,
		  const struct fs_parameter *param, unsigned int fd)
{
	struct file *file;

	if (opts->file)
		return invalfc(fc, "fd= is given twice");
	file = param->type == fs_value_is_file ? get_file(param->file) :
						 fget(fd);
	if (!file)
		return invalfc(fc, "fd=%u is not open", fd);
	if (!fmapfs_dev_is(file)) {
		fput(file);
		return invalfc(fc, "fd= is not an open /dev/fmapfs");
	}
	opts->file = file;
	return 0;
}

static int set_rootmode(struct fs_context *fc, struct mount_options *opts,
			u32 mode)
{
	if (!S_ISDIR(mode))
		return invalfc(fc, "rootmode=%o is not a directory", mode);
	opts->rootmode = mode;
	opts->has_rootmode = true;
	return 0;
}

static int set_user(struct fs_context *fc, struct mount_options *opts, u32 id)
{
	opts->uid = make_kuid(fc->user_ns, id);
	opts->has_uid = uid_valid(opts->uid);
	return opts->has_uid ? 0 : invalfc(fc, "user_id=%u is not valid", id);
}

static int set_group(struct fs_context *fc, struct mount_options *opts, u32 id)
{
	opts->gid = make_kgid(fc->user_ns, id);
	opts->has_gid = gid_valid(opts->gid);
	return opts->has_gid ? 0 : invalfc(fc, "group_id=%u is not valid", id);
}

static int set_blksize(struct fs_context *fc, struct mount_options *opts,
		       u32 size)
{
	if (size < 512 || !is_power_of_2(size))
		return invalfc(fc, "blksize=%u is not a power of two from 512",
			       size);
	opts->blksize = size;
	return 0;
}

static int fmapfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct mount_options *opts = fc->fs_private;
	struct fs_parse_result result;
	int opt;

	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		/* mount -o remount repeats the options that are in force. */
		if (fc->oldapi)
			return 0;
		return invalfc(fc, "%s cannot be changed", param->key);
	}
	opt = fs_parse(fc, fmapfs_parameters, param, &result);
	switch (opt) {
	case OPT_SOURCE:
		return set_string(fc, &fc->source, param);
	case OPT_SUBTYPE:
		return set_string(fc, &opts->subtype, param);
	case OPT_FD:
		return set_fd(fc, opts, param, result.uint_32);
	case OPT_ROOTMODE:
		return set_rootmode(fc, opts, result.uint_32);
	case OPT_USER_ID:
		return set_user(fc, opts, result.uint_32);
	case OPT_GROUP_ID:
		return set_group(fc, opts, result.uint_32);
	case OPT_DEFAULT_PERMISSIONS:
		opts->default_permissions = true;
		return 0;
	case OPT_ALLOW_OTHER:
		opts->allow_other = true;
		return 0;
	case OPT_MAX_READ:
		opts->max_read = max_t(u32, result.uint_32, PAGE_SIZE);
		return 0;
	case OPT_BLKSIZE:
		return set_blksize(fc, opts, result.uint_32);
	case OPT_NOFMAP:
		opts->nofmap = true;
		return 0;
	default:
		return opt;
	}
}

/* --- the mount --- */

static void free_counters(struct fmapfs_sb *fs)
{
	int i;

	for (i = 0; i < FMAPFS_NR_COUNTERS; i++)
		percpu_counter_destroy(&fs->counters[i]);
}

static void free_fs(struct fmapfs_sb *fs)
{
	free_counters(fs);
	kfree_rcu(fs, rcu);
}

static struct fmapfs_sb *new_fs(struct super_block *sb,
				const struct mount_options *opts)
{
	struct fmapfs_sb *fs = kzalloc(sizeof(*fs), GFP_KERNEL_ACCOUNT);
	int i;

	if (!fs)
		return NULL;
	fs->sb = sb;
	INIT_WORK(&fs->unmount, finish_unmount);
	spin_lock_init(&fs->epoch_lock);
	fs->user_id = opts->uid;
	fs->group_id = opts->gid;
	fs->default_permissions = opts->default_permissions;
	fs->allow_other = opts->allow_other;
	fs->max_read = opts->max_read;
	fs->blksize = opts->blksize;
	fs->nofmap = opts->nofmap;
	fs->dax = !opts->nofmap && capable(CAP_SYS_RAWIO);
	for (i = 0; i < FMAPFS_NR_COUNTERS; i++)
		if (percpu_counter_init(&fs->counters[i], 0, GFP_KERNEL))
			goto free_fs;
	fs->devtab = fmapfs_devtab_new();
	if (!fs->devtab)
		goto free_fs;
	fs->conn = fmapfs_conn_new(fs->devtab, MINOR(sb->s_dev));
	if (!fs->conn)
		goto put_devtab;
	return fs;

put_devtab:
	fmapfs_devtab_put(fs->devtab);
free_fs:
	free_fs(fs);
	return NULL;
}

static struct inode *fmapfs_alloc_inode(struct super_block *sb)
{
	return fmapfs_inode_alloc(sb);
}

static int fmapfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	buf->f_type = FUSE_SUPER_MAGIC;
	if (!fmapfs_allowed(dentry->d_sb))
		return 0;
	return fmapfs_proto_statfs(dentry, buf);
}

/* The inodes' pages have been written back: out of the devices' buffers. */
static int fmapfs_sync_fs(struct super_block *sb, int wait)
{
	return wait ? fmapfs_devtab_flush(fmapfs_sb(sb)->devtab) : 0;
}

static void fmapfs_umount_begin(struct super_block *sb)
{
	fmapfs_conn_abort(fmapfs_sb(sb)->conn);
}

static int fmapfs_show_options(struct seq_file *m, struct dentry *root)
{
	struct fmapfs_sb *fs = fmapfs_sb(root->d_sb);

	seq_printf(m, ",user_id=%u",
		   from_kuid_munged(seq_user_ns(m), fs->user_id));
	seq_printf(m, ",group_id=%u",
		   from_kgid_munged(seq_user_ns(m), fs->group_id));
	if (fs->default_permissions)
		seq_puts(m, ",default_permissions");
	if (fs->allow_other)
		seq_puts(m, ",allow_other");
	if (fs->max_read != U32_MAX)
		seq_printf(m, ",max_read=%u", fs->max_read);
	if (fs->blksize != PAGE_SIZE)
		seq_printf(m, ",blksize=%u", fs->blksize);
	if (fs->nofmap)
		seq_puts(m, ",nofmap");
	return 0;
}

static const struct super_operations fmapfs_super_ops = {
	.alloc_inode	= fmapfs_alloc_inode,
	.free_inode	= fmapfs_inode_free,
	.evict_inode	= fmapfs_inode_evict,
	.drop_inode	= inode_just_drop,
	.sync_fs	= fmapfs_sync_fs,
	.statfs		= fmapfs_statfs,
	.umount_begin	= fmapfs_umount_begin,
	.show_options	= fmapfs_show_options,
};

/**
 * fmapfs_allowed - may the current process use the mount?
 * @sb: the mount
 *
 * As in FUSE: without allow_other nobody but the owner, with all of his ids, so
 * that a server cannot trick a process of more rights into waiting for it.
 */
bool fmapfs_allowed(struct super_block *sb)
{
	const struct fmapfs_sb *fs = fmapfs_sb(sb);
	const struct cred *cred = current_cred();

	return fs->allow_other ||
	       (uid_eq(cred->uid, fs->user_id) &&
		uid_eq(cred->euid, fs->user_id) &&
		uid_eq(cred->suid, fs->user_id) &&
		gid_eq(cred->gid, fs->group_id) &&
		gid_eq(cred->egid, fs->group_id) &&
		gid_eq(cred->sgid, fs->group_id));
}

/* --- notifications hold the mount --- */

/*
 * A notification has an active reference. When nothing but notifications have,
 * the mount is being unmounted: there are to be no more of them, or it would
 * never come to that.
 */
static bool hold_mount(void *p)
{
	struct super_block *sb = p;
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	if (READ_ONCE(fs->going) ||
	    atomic_read(&sb->s_active) <= atomic_read(&fs->notifying) ||
	    !atomic_inc_not_zero(&sb->s_active))
		return false;
	atomic_inc(&fs->notifying);
	return true;
}

static void finish_unmount(struct work_struct *work)
{
	struct fmapfs_sb *fs = container_of(work, struct fmapfs_sb, unmount);

	deactivate_super(fs->sb);
}

static void let_go_of_mount(void *p)
{
	struct super_block *sb = p;
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	atomic_dec(&fs->notifying);
	if (atomic_add_unless(&sb->s_active, -1, 1))
		return;
	/*
	 * The last: what is left of unmounting waits for pinned pages, which
	 * the server's thread must not.
	 */
	WRITE_ONCE(fs->going, true);
	queue_work(unmount_wq, &fs->unmount);
}

static void server_ready(void *p)
{
	struct super_block *sb = p;

	sb->s_time_gran = fmapfs_agreed(sb)->time_gran;
	if (fmapfs_agreed(sb)->flags & FUSE_NO_EXPORT_SUPPORT)
		WRITE_ONCE(sb->s_export_op, &fmapfs_fid_ops);
}

static const struct fmapfs_conn_ops fmapfs_conn_ops = {
	.get	= hold_mount,
	.put	= let_go_of_mount,
	.ready	= server_ready,
	.notify	= fmapfs_notify,
};

static void init_super(struct super_block *sb)
{
	sb->s_magic = FUSE_SUPER_MAGIC;
	sb->s_op = &fmapfs_super_ops;
	sb->s_export_op = &fmapfs_export_ops;
	sb->s_xattr = FMAPFS_S_XATTR(fmapfs_xattr_handlers);
	/* The umask is for us, or for the server, to look at; see proto_create.c. */
	sb->s_flags |= SB_POSIXACL;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	/* What is read twice may differ. */
	sb->s_iflags |= SB_I_IMA_UNVERIFIABLE_SIGNATURE;
	/* DAX entries are pages; fsdax checks that blocks are, too. */
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	set_default_d_op(sb, &fmapfs_dops);
}

static int connect_server(struct super_block *sb, struct file *file)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	bool sync_init;
	int rc;

	rc = fmapfs_dev_attach(file, fs->conn, &sync_init);
	if (!rc)
		rc = fmapfs_proto_init(sb);
	if (!rc && sync_init)
		rc = fmapfs_conn_wait_ready(fs->conn);
	return rc;
}

static int fmapfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct mount_options *opts = fc->fs_private;
	struct inode *root;
	int rc;

	sb->s_fs_info = new_fs(sb, opts);
	if (!sb->s_fs_info)
		return -ENOMEM;
	init_super(sb);
	/*
	 * sync(2) writes back nothing that has no backing device. By this name
	 * udev's rules and administrators find the one of FUSE, too.
	 */
	rc = super_setup_bdi_name(sb, "%u:%u", MAJOR(sb->s_dev),
				  MINOR(sb->s_dev));
	if (rc)
		return rc;
	root = fmapfs_root(sb, opts->rootmode);
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;
	rc = fmapfs_sysfs_add(sb);
	if (rc)
		return rc;
	fmapfs_debugfs_add(sb);
	sb->s_subtype = opts->subtype;
	opts->subtype = NULL;
	fmapfs_conn_bind(fmapfs_sb(sb)->conn, &fmapfs_conn_ops, sb);
	return connect_server(sb, opts->file);
}

static int fmapfs_get_tree(struct fs_context *fc)
{
	struct mount_options *opts = fc->fs_private;

	if (!opts->file)
		return invalfc(fc, "fd= is missing");
	/* Who opened the device answers for the mount. */
	if (opts->file->f_cred->user_ns != fc->user_ns)
		return invalfc(fc, "fd= was opened in another user namespace");
	if (!opts->has_rootmode)
		return invalfc(fc, "rootmode= is missing");
	if (!opts->has_uid)
		return invalfc(fc, "user_id= is missing");
	if (!opts->has_gid)
		return invalfc(fc, "group_id= is missing");
	return get_tree_nodev(fc, fmapfs_fill_super);
}

static int fmapfs_reconfigure(struct fs_context *fc)
{
	sync_filesystem(fc->root->d_sb);
	return 0;
}

static void fmapfs_free_fc(struct fs_context *fc)
{
	struct mount_options *opts = fc->fs_private;

	if (!opts)
		return;
	if (opts->file)
		fput(opts->file);
	kfree(opts->subtype);
	kfree(opts);
}

static const struct fs_context_operations fmapfs_context_ops = {
	.parse_param	= fmapfs_parse_param,
	.get_tree	= fmapfs_get_tree,
	.reconfigure	= fmapfs_reconfigure,
	.free		= fmapfs_free_fc,
};

static int fmapfs_init_fs_context(struct fs_context *fc)
{
	struct mount_options *opts = kzalloc(sizeof(*opts), GFP_KERNEL_ACCOUNT);

	if (!opts)
		return -ENOMEM;
	opts->max_read = U32_MAX;
	opts->blksize = PAGE_SIZE;
	fc->fs_private = opts;
	fc->ops = &fmapfs_context_ops;
	return 0;
}

static void fmapfs_kill_sb(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	if (fs) {
		fmapfs_conn_unbind(fs->conn);
		fmapfs_debugfs_del(sb);
		fmapfs_sysfs_del(sb);
	}
	/* Evicts the inodes, whose forgets are the last things to be sent. */
	kill_anon_super(sb);
	if (!fs)
		return;
	/*
	 * The in-tree fuse sends no DESTROY. A server that does not expect it may
	 * have threads that are still at the last FORGETs.
	 */
	if (fs->nofmap)
		fmapfs_conn_close(fs->conn, NULL);
	else
		fmapfs_proto_goodbye(fs->conn);
	fmapfs_conn_put(fs->conn);
	/* What eviction has written back is still on its way. */
	fmapfs_devtab_flush(fs->devtab);
	fmapfs_devtab_close(fs->devtab);
	fmapfs_devtab_put(fs->devtab);
	free_fs(fs);
}

static struct file_system_type fmapfs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "fmapfs",
	.fs_flags		= FS_HAS_SUBTYPE,
	.init_fs_context	= fmapfs_init_fs_context,
	.parameters		= fmapfs_parameters,
	.kill_sb		= fmapfs_kill_sb,
};
MODULE_ALIAS_FS("fmapfs");

int fmapfs_super_init(void)
{
	int rc;

	unmount_wq = alloc_workqueue("fmapfs_unmount", WQ_UNBOUND, 0);
	if (!unmount_wq)
		return -ENOMEM;
	rc = register_filesystem(&fmapfs_fs_type);
	if (rc)
		destroy_workqueue(unmount_wq);
	return rc;
}

void fmapfs_super_exit(void)
{
	unregister_filesystem(&fmapfs_fs_type);
	/* A mount's last work may be on its last instructions. */
	destroy_workqueue(unmount_wq);
}
