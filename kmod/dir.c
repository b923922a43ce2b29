// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: lookup and revalidation.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/posix_acl.h>
#include "proto.h"

/*
 * Until when a name holds is kept in d_time, which is a long, and has 64 bits
 * wherever there is DAX: the jiffies64 in the lower 40 bits, which is for 34
 * years, and above them the epoch that the name is of.
 */
#define UNTIL_BITS	40
#define UNTIL_MASK	((1ULL << UNTIL_BITS) - 1)

/**
 * fmapfs_entry_until - for fmapfs_set_entry_expiry()
 * @sb: the mount
 * @version: fmapfs_attr_version() from before the name was asked for
 * @expires: jiffies64 until which it holds, as far as the server has said
 *
 * What was asked for in an earlier epoch does not hold.
 */
u64 fmapfs_entry_until(struct super_block *sb, u64 version, u64 expires)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	/* Pairs with fmapfs_new_epoch(): who sees the epoch sees its start. */
	u64 epoch = smp_load_acquire(&fs->epoch);

	if (version < READ_ONCE(fs->epoch_version))
		expires = 0;
	return epoch << UNTIL_BITS | min(expires, UNTIL_MASK);
}

/* From here on all names that are known are to be asked for again. */
void fmapfs_new_epoch(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	spin_lock(&fs->epoch_lock);
	WRITE_ONCE(fs->epoch_version, atomic64_inc_return(&fs->attr_version));
	/* Pairs with fmapfs_entry_until(). */
	smp_store_release(&fs->epoch, fs->epoch + 1);
	spin_unlock(&fs->epoch_lock);
}

void fmapfs_set_entry_expiry(struct dentry *dentry, u64 expires)
{
	WRITE_ONCE(dentry->d_time, expires);
}

/* What is behind a name is not known any more. It goes, if nobody is in it. */
void fmapfs_forget_name(struct dentry *dentry)
{
	d_invalidate(dentry);
	fmapfs_set_entry_expiry(dentry, 0);
}

static bool entry_expired(const struct dentry *dentry)
{
	u64 until = READ_ONCE(dentry->d_time);
	u64 epoch = READ_ONCE(fmapfs_sb(dentry->d_sb)->epoch);

	return (until ^ epoch << UNTIL_BITS) & ~UNTIL_MASK ||
	       time_before64(until & UNTIL_MASK, get_jiffies_64());
}

/**
 * fmapfs_dir_lock - one request at a time in a directory
 * @dir: the directory
 *
 * Does nothing if the server has agreed to parallel ones. Return: 0 or -EINTR.
 */
int fmapfs_dir_lock(struct inode *dir)
{
	if (fmapfs_agreed(dir->i_sb)->flags & FUSE_PARALLEL_DIROPS)
		return 0;
	return mutex_lock_killable(&fmapfs_i(dir)->open_lock);
}

void fmapfs_dir_unlock(struct inode *dir)
{
	if (!(fmapfs_agreed(dir->i_sb)->flags & FUSE_PARALLEL_DIROPS))
		mutex_unlock(&fmapfs_i(dir)->open_lock);
}

/* LOOKUP. Return: the inode; NULL: none; -errno. Sets when the name expires. */
static struct inode *lookup_inode(struct inode *dir, const struct qstr *name,
				  u64 *expires)
{
	struct fmapfs_forget *forget = NULL;
	struct fmapfs_entry entry;
	struct inode *inode;
	int rc;

	*expires = 0;
	rc = fmapfs_proto_lookup(dir, name, &entry, &forget);
	if (rc == -ENOENT)
		return NULL;
	if (rc)
		return ERR_PTR(rc);
	*expires = entry.expires;
	if (!entry.nodeid)
		return NULL;
	inode = fmapfs_iget(dir->i_sb, &entry);
	if (!inode) {
		fmapfs_forget_send(fmapfs_conn_of(dir), forget, entry.nodeid,
				   1);
		return ERR_PTR(-ENOMEM);
	}
	fmapfs_forget_free(forget);
	return inode;
}

/* The same, one at a time if the server did not agree to more. */
static struct inode *lookup_locked(struct inode *dir, const struct qstr *name,
				   u64 *expires)
{
	struct inode *inode;
	int rc;

	/* What INIT settles decides about the lock. */
	rc = fmapfs_conn_wait_ready(fmapfs_conn_of(dir));
	if (!rc)
		rc = fmapfs_dir_lock(dir);
	if (rc)
		return ERR_PTR(rc);
	inode = lookup_inode(dir, name, expires);
	fmapfs_dir_unlock(dir);
	return inode;
}

struct dentry *fmapfs_lookup(struct inode *dir, struct dentry *dentry,
			     unsigned int flags)
{
	struct inode *inode;
	struct dentry *alias;
	u64 expires;

	if (READ_ONCE(fmapfs_i(dir)->bad))
		return ERR_PTR(-EIO);
	inode = lookup_locked(dir, &dentry->d_name, &expires);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	if (inode)
		WRITE_ONCE(fmapfs_i(dir)->plus, true);
	fmapfs_set_entry_expiry(dentry, expires);
	alias = d_splice_alias(inode, dentry);
	if (!IS_ERR_OR_NULL(alias))
		fmapfs_set_entry_expiry(alias, expires);
	return alias;
}

/*
 * Does the name still lead to the inode? As in FUSE, without the directory's
 * lock: a path can be walked while it is being listed. Return: 1, 0, or -errno.
 */
static int relookup(struct inode *dir, const struct qstr *name,
		    struct dentry *dentry, struct inode *inode)
{
	struct inode *found;
	u64 expires;
	int rc;

	found = lookup_inode(dir, name, &expires);
	if (IS_ERR(found)) {
		rc = PTR_ERR(found);
		return rc == -ENOMEM || rc == -EINTR || rc == -ENOTCONN ?
		       rc : 0;
	}
	rc = found == inode;
	if (rc) {
		forget_all_cached_acls(inode);
		fmapfs_set_entry_expiry(dentry, expires);
	}
	iput(found);
	return rc;
}

static int fmapfs_d_revalidate(struct inode *dir, const struct qstr *name,
			       struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode_rcu(dentry);

	if (inode && READ_ONCE(fmapfs_i(inode)->bad))
		return 0;
	if (!entry_expired(dentry) &&
	    !(flags & (LOOKUP_EXCL | LOOKUP_REVAL | LOOKUP_RENAME_TARGET))) {
		if (inode && READ_ONCE(fmapfs_i(inode)->listed)) {
			WRITE_ONCE(fmapfs_i(inode)->listed, false);
			WRITE_ONCE(fmapfs_i(dir)->plus, true);
		}
		return 1;
	}
	if (!inode)
		return 0;
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	return relookup(dir, name, dentry, inode);
}

COMPAT_D_REVALIDATE(fmapfs_d_revalidate)

const struct dentry_operations fmapfs_dops = {
	.d_revalidate	= compat_d_revalidate,
};
