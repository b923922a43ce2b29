// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading directories. With READDIRPLUS each name brings its lookup along, which
 * saves the lookups of whoever asks for the attributes of all of them.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include "proto.h"

/*
 * Is somebody going to ask for the attributes? The start of a listing is asked
 * for with them, for a try.
 */
static bool use_plus(struct inode *dir, const struct dir_context *ctx)
{
	u64 flags = fmapfs_agreed(dir->i_sb)->flags;
	struct fmapfs_inode *fi = fmapfs_i(dir);

	if (!(flags & FUSE_DO_READDIRPLUS))
		return false;
	if (!(flags & FUSE_READDIRPLUS_AUTO))
		return true;
	if (!READ_ONCE(fi->plus))
		return !ctx->pos;
	WRITE_ONCE(fi->plus, false);
	return true;
}

/* A name that the dcache has. Return: 0; -ESTALE: not any more. */
static int refresh_name(struct dentry *dentry, const struct fmapfs_entry *entry)
{
	struct inode *inode = d_inode(dentry);

	if (!inode || fmapfs_i(inode)->nodeid != entry->nodeid ||
	    READ_ONCE(fmapfs_i(inode)->bad) || fmapfs_is_stale(inode, entry)) {
		d_invalidate(dentry);
		return -ESTALE;
	}
	fmapfs_add_lookup(inode);
	WRITE_ONCE(fmapfs_i(inode)->listed, true);
	forget_all_cached_acls(inode);
	fmapfs_update_attr(inode, &entry->attr);
	fmapfs_set_entry_expiry(dentry, entry->expires);
	return 0;
}

/* A name that the dcache does not have; @dentry is in lookup. */
static int add_name(struct super_block *sb, struct dentry *dentry,
		    const struct fmapfs_entry *entry)
{
	struct inode *inode = fmapfs_iget(sb, entry);
	struct dentry *alias;

	if (!inode) {
		d_lookup_done(dentry);
		return -ENOMEM;
	}
	WRITE_ONCE(fmapfs_i(inode)->listed, true);
	fmapfs_set_entry_expiry(dentry, entry->expires);
	/* From here on the lookup is the inode's, whatever comes. */
	alias = d_splice_alias(inode, dentry);
	d_lookup_done(dentry);
	if (!IS_ERR_OR_NULL(alias)) {
		fmapfs_set_entry_expiry(alias, entry->expires);
		dput(alias);
	}
	return 0;
}

/* Return: 0: the lookup is an inode's; -errno: it is to be given back. */
static int keep_lookup(struct dentry *parent, const struct fmapfs_dirent *ent)
{
	struct qstr name = QSTR_INIT(ent->name, ent->namelen);
	struct dentry *dentry;
	int rc;

	name.hash = full_name_hash(parent, name.name, name.len);
	do {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait);

		dentry = d_lookup(parent, &name);
		if (!dentry)
			dentry = compat_d_alloc_parallel(parent, &name, &wait);
		if (IS_ERR(dentry))
			return PTR_ERR(dentry);
		if (d_in_lookup(dentry))
			rc = add_name(parent->d_sb, dentry, &ent->entry);
		else
			rc = refresh_name(dentry, &ent->entry);
		dput(dentry);
	} while (rc == -ESTALE);
	return rc;
}

static void take_entry(struct file *file, const struct fmapfs_dirent *ent)
{
	struct fmapfs_conn *conn = fmapfs_conn_of(file_inode(file));

	if (!ent->has_entry || !keep_lookup(file->f_path.dentry, ent))
		return;
	fmapfs_forget_send(conn, fmapfs_forget_new(GFP_KERNEL | __GFP_NOFAIL),
			   ent->entry.nodeid, 1);
}

static int emit_all(struct file *file, struct dir_context *ctx,
		    struct fmapfs_dirbuf *buf)
{
	const struct fmapfs_file *ff = file->private_data;
	bool remember = ff->open_flags & FOPEN_CACHE_DIR;
	struct inode *dir = file_inode(file);
	struct fmapfs_dirent ent;
	bool full = false;
	int rc;

	if (remember && !buf->req->out_len)
		fmapfs_listing_end(dir, ctx->pos);

	while ((rc = fmapfs_dirbuf_next(dir->i_sb, buf, &ent)) > 0) {
		if (!full && remember)
			fmapfs_listing_add(dir, &ent, ctx->pos);
		if (!full)
			full = !dir_emit(ctx, ent.name, ent.namelen, ent.ino,
					 ent.type | FILLDIR_FLAG_NOINTR);
		if (!full)
			ctx->pos = ent.next;
		/* The attributes are good, even if the name did not fit. */
		take_entry(file, &ent);
	}
	return rc;
}

/* Asks for what the caller has room for, but for a page at least. */
static int ask_server(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	u32 size = min_t(u32, max_t(u32, dir_context_count(ctx), PAGE_SIZE),
			 fmapfs_agreed(dir->i_sb)->max_read);
	struct fmapfs_dirbuf buf;
	int rc;

	rc = fmapfs_dir_lock(dir);
	if (rc)
		return rc;
	rc = fmapfs_proto_readdir(file, ctx->pos, size, use_plus(dir, ctx),
				  &buf);
	fmapfs_dir_unlock(dir);
	if (!rc) {
		rc = emit_all(file, ctx, &buf);
		fmapfs_dirbuf_free(&buf);
	}
	if (!IS_RDONLY(dir))
		fmapfs_expire_attr_mask(dir, STATX_ATIME);
	return rc;
}

static int fmapfs_readdir(struct file *file, struct dir_context *ctx)
{
	const struct fmapfs_file *ff = file->private_data;
	int rc;

	if (READ_ONCE(fmapfs_i(file_inode(file))->bad))
		return -EIO;
	if (ff->open_flags & FOPEN_CACHE_DIR) {
		rc = fmapfs_listing_emit(file, ctx);
		if (rc <= 0)
			return rc;
	}
	return ask_server(file, ctx);
}

static int fmapfs_dir_open(struct inode *inode, struct file *file)
{
	struct fmapfs_file *ff;
	int rc;

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return -EIO;
	rc = fmapfs_proto_open(inode, file->f_flags, &ff);
	if (rc)
		return rc;
	file->private_data = ff;
	if (ff->open_flags & (FOPEN_STREAM | FOPEN_NONSEEKABLE))
		nonseekable_open(inode, file);
	/* A listing whose pages are missing is forgotten when it is read. */
	if (!(ff->open_flags & FOPEN_KEEP_CACHE))
		invalidate_inode_pages2(inode->i_mapping);
	return 0;
}

static int fmapfs_dir_release(struct inode *inode, struct file *file)
{
	fmapfs_proto_close(file->private_data, file->f_flags);
	return 0;
}

static int fmapfs_dir_fsync(struct file *file, loff_t start, loff_t end,
			    int datasync)
{
	if (READ_ONCE(fmapfs_i(file_inode(file))->bad))
		return -EIO;
	return fmapfs_proto_fsync(file_inode(file), file->private_data,
				  datasync);
}

const struct file_operations fmapfs_dir_fops = {
	.llseek		= generic_file_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= fmapfs_readdir,
	.open		= fmapfs_dir_open,
	.release	= fmapfs_dir_release,
	.fsync		= fmapfs_dir_fsync,
	.unlocked_ioctl	= fmapfs_ioctl,
	.compat_ioctl	= fmapfs_compat_ioctl,
};
