// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the server tells unasked: one function per notification.
 *
 * They run in the server's write(2), in which it may be the only thread of its:
 * nothing that the server has to answer is waited for, and whatever else is, is
 * waited for killably. Locks that an operation may hold while it waits for the
 * server (i_rwsem of a directory) are among that: as with FUSE, a server must
 * not send an INVAL_ENTRY or a DELETE from within the operation that it is about.
 * The difference is that one that does can be killed.
 *
 * But for one thing: a notification that takes the last name away from a memory
 * file that nobody has open evicts it, and eviction waits for pages of it that
 * are pinned (a pipe that they were spliced into, RDMA) until they are not.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "proto.h"

/* Node ids of a PRUNE that are copied at once. */
#define PRUNE_BATCH	512

/**
 * struct notice - a notification
 * @sb: the mount
 * @from: what is left of it
 * @size: bytes of that
 */
struct notice {
	struct super_block *sb;
	struct iov_iter *from;
	size_t size;
};

static int take(struct notice *n, void *to, size_t size)
{
	if (n->size < size)
		return -EINVAL;
	n->size -= size;
	return copy_from_iter(to, size, n->from) == size ? 0 : -EFAULT;
}

/* The same, if that is all there is. */
static int take_all(struct notice *n, void *to, size_t size)
{
	return n->size == size ? take(n, to, size) : -EINVAL;
}

/* --- inodes --- */

static int inval_data(struct inode *inode, loff_t offset, loff_t len)
{
	pgoff_t last = -1;
	int rc = 0;

	if (offset < 0)
		return 0;
	fmapfs_forget_link(inode);
	/* Also if there is no map yet: who is just asking for it asks again. */
	if (S_ISREG(inode->i_mode))
		rc = fmapfs_fmap_revoke(inode);
	if (rc || fmapfs_has_map(inode))
		return rc;
	/* What goes beyond any file goes to its end. */
	if (len > 0 && len <= S64_MAX - offset)
		last = (offset + len - 1) >> PAGE_SHIFT;
	/* That some page cannot be dropped just now is not the server's concern. */
	fmapfs_cache_invalidate(inode, offset >> PAGE_SHIFT, last);
	return 0;
}

/* If it is not here, it may be on its way, with attributes of before. */
static struct inode *find_or_expire(struct super_block *sb, u64 nodeid)
{
	struct inode *inode = fmapfs_find_inode(sb, nodeid);

	if (inode)
		return inode;
	fmapfs_expire_unknown(sb);
	/* It may have come before that. */
	return fmapfs_find_inode(sb, nodeid);
}

/* A negative offset: the attributes only; a length of 0: to the end. */
static int notify_inval_inode(struct notice *n)
{
	struct fuse_notify_inval_inode_out out;
	struct inode *inode;
	int rc;

	rc = take_all(n, &out, sizeof(out));
	if (rc)
		return rc;
	inode = find_or_expire(n->sb, out.ino);
	if (!inode)
		return -ENOENT;
	fmapfs_expire_attr(inode);
	forget_all_cached_acls(inode);
	rc = inval_data(inode, out.off, out.len);
	iput(inode);
	return rc;
}

static int notify_prune(struct notice *n)
{
	struct fuse_notify_prune_out out;
	struct inode *inode;
	u64 *nodeids;
	u32 i, num;
	int rc;

	rc = take(n, &out, sizeof(out));
	if (rc)
		return rc;
	if (n->size != (u64)out.count * sizeof(u64))
		return -EINVAL;
	nodeids = kmalloc_array(PRUNE_BATCH, sizeof(*nodeids), GFP_KERNEL);
	if (!nodeids)
		return -ENOMEM;
	for (; out.count && !rc; out.count -= num) {
		num = min_t(u32, out.count, PRUNE_BATCH);
		rc = take(n, nodeids, num * sizeof(*nodeids));
		for (i = 0; i < num && !rc; i++) {
			inode = fmapfs_find_inode(n->sb, nodeids[i]);
			if (inode)
				d_prune_aliases(inode);
			iput(inode);
		}
		cond_resched();
	}
	kfree(nodeids);
	return rc;
}

/* --- names --- */

/**
 * struct name - the names' part of a notification
 * @parent: node id of the directory
 * @child: node id of what is to be deleted; 0: of any
 * @expire: leave the name where it is, only look it up again
 * @name: the name
 * @buf: holds it
 */
struct name {
	u64 parent;
	u64 child;
	bool expire;
	struct qstr name;
	char buf[FMAPFS_NAME_MAX + 1];
};

/* Of @len bytes and a NUL, which is all that is left. */
static int take_name(struct notice *n, struct name *name, u32 len)
{
	int rc;

	if (len > FMAPFS_NAME_MAX)
		return -ENAMETOOLONG;
	rc = take_all(n, name->buf, len + 1);
	name->buf[len] = 0;
	name->name = (struct qstr)QSTR_INIT(name->buf, len);
	return rc;
}

/* The dentry of a name; @dir is locked. NULL: it is not known here. */
static struct dentry *find_entry(struct inode *dir, struct qstr *name)
{
	struct dentry *alias = d_find_alias(dir), *entry;

	if (!alias)
		return NULL;
	name->hash = full_name_hash(alias, name->name, name->len);
	entry = d_lookup(alias, name);
	dput(alias);
	return entry;
}

/* What is deleted must be it, and in nobody's way. Guarded by its i_rwsem. */
static int detach_child(struct dentry *entry, u64 nodeid)
{
	struct inode *inode = d_inode(entry);

	if (fmapfs_i(inode)->nodeid != nodeid)
		return -ENOENT;
	if (d_mountpoint(entry))
		return -EBUSY;
	if (d_is_dir(entry)) {
		shrink_dcache_parent(entry);
		if (!simple_empty(entry))
			return -ENOTEMPTY;
		inode->i_flags |= S_DEAD;
	}
	dont_mount(entry);
	clear_nlink(inode);
	return 0;
}

static int delete_child(struct dentry *entry, u64 nodeid)
{
	struct inode *inode = d_inode(entry);
	int rc;

	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	rc = detach_child(entry, nodeid);
	inode_unlock(inode);
	if (!rc)
		d_delete(entry);
	return rc;
}

/* Guarded by the directory's i_rwsem. */
static int inval_entry(struct inode *dir, struct name *name)
{
	struct dentry *entry;
	int rc = 0;

	if (!S_ISDIR(dir->i_mode))
		return -ENOTDIR;
	entry = find_entry(dir, &name->name);
	if (!entry)
		return -ENOENT;
	fmapfs_expire_attr(dir);
	if (!name->expire)
		d_invalidate(entry);
	fmapfs_set_entry_expiry(entry, 0);
	if (name->child && d_really_is_positive(entry))
		rc = delete_child(entry, name->child);
	dput(entry);
	return rc;
}

static int inval_name(struct notice *n, struct name *name)
{
	struct inode *dir = fmapfs_find_inode(n->sb, name->parent);
	int rc = -EINTR;

	if (!dir)
		return -ENOENT;
	/* Who has it may be waiting for the server: maybe for this thread. */
	if (!down_write_killable_nested(&dir->i_rwsem, I_MUTEX_PARENT)) {
		rc = inval_entry(dir, name);
		inode_unlock(dir);
	}
	iput(dir);
	return rc;
}

static int take_inval_entry(struct notice *n, struct name *name)
{
	struct fuse_notify_inval_entry_out out;
	int rc = take(n, &out, sizeof(out));

	if (rc)
		return rc;
	name->parent = out.parent;
	/* Called padding by a header older than the flag. */
	name->expire = ((u32 *)&out)[3] & FUSE_EXPIRE_ONLY;
	return take_name(n, name, out.namelen);
}

static int take_delete(struct notice *n, struct name *name)
{
	struct fuse_notify_delete_out out;
	int rc = take(n, &out, sizeof(out));

	if (rc)
		return rc;
	name->parent = out.parent;
	name->child = out.child;
	return take_name(n, name, out.namelen);
}

static int notify_name(struct notice *n, u32 code)
{
	struct name *name = kzalloc(sizeof(*name), GFP_KERNEL);
	int rc;

	if (!name)
		return -ENOMEM;
	rc = code == FUSE_NOTIFY_DELETE ? take_delete(n, name) :
					  take_inval_entry(n, name);
	if (!rc)
		rc = inval_name(n, name);
	kfree(name);
	return rc;
}

/* --- the page cache --- */

static int notify_store(struct notice *n)
{
	struct fuse_notify_store_out out;
	struct inode *inode;
	int rc;

	rc = take(n, &out, sizeof(out));
	if (rc)
		return rc;
	if (n->size != out.size)
		return -EINVAL;
	if (out.offset >= MAX_LFS_FILESIZE)
		return -EINVAL;
	inode = fmapfs_find_inode(n->sb, out.nodeid);
	if (!inode)
		return -ENOENT;
	rc = fmapfs_store(inode, out.offset,
			  min_t(u64, out.size, MAX_LFS_FILESIZE - out.offset),
			  n->from);
	iput(inode);
	return rc;
}

static int notify_retrieve(struct notice *n)
{
	struct fuse_notify_retrieve_out out;
	struct inode *inode;
	int rc;

	rc = take_all(n, &out, sizeof(out));
	if (rc)
		return rc;
	if (out.offset >= MAX_LFS_FILESIZE)
		return -EINVAL;
	inode = fmapfs_find_inode(n->sb, out.nodeid);
	if (!inode)
		return -ENOENT;
	rc = -EINVAL;
	if (S_ISREG(inode->i_mode))
		rc = fmapfs_proto_notify_reply(inode, out.notify_unique,
					       out.offset, out.size);
	iput(inode);
	return rc;
}

static int notify_poll(struct notice *n)
{
	struct fuse_notify_poll_wakeup_out out;
	int rc;

	rc = take_all(n, &out, sizeof(out));
	return rc ? rc : fmapfs_notify_poll(n->sb, out.kh);
}

/**
 * fmapfs_notify - see to a notification
 * @fs: the mount
 * @code: FUSE_NOTIFY_*
 * @from: the body
 * @size: bytes of it
 *
 * Return: 0 or -errno, as the server is to get it from write(2): -EINVAL: of a
 * wrong size, or unknown; -ENOENT: that inode or name is not known here;
 * -ENAMETOOLONG, -ENOTDIR, -ENOTEMPTY, -EBUSY: see the single ones.
 */
int fmapfs_notify(void *fs, u32 code, struct iov_iter *from, size_t size)
{
	struct notice n = { .sb = fs, .from = from, .size = size };

	switch (code) {
	case FUSE_NOTIFY_POLL:
		return notify_poll(&n);
	case FUSE_NOTIFY_INVAL_INODE:
		return notify_inval_inode(&n);
	case FUSE_NOTIFY_INVAL_ENTRY:
	case FUSE_NOTIFY_DELETE:
		return notify_name(&n, code);
	case FUSE_NOTIFY_STORE:
		return notify_store(&n);
	case FUSE_NOTIFY_RETRIEVE:
		return notify_retrieve(&n);
	case FUSE_NOTIFY_INC_EPOCH:
		fmapfs_new_epoch(n.sb);
		return 0;
	case FUSE_NOTIFY_PRUNE:
		return notify_prune(&n);
	default:
		return -EINVAL;
	}
}
