// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles of files: name_to_handle_at(2), open_by_handle_at(2), NFS.
 *
 * A handle is node id and generation. What is not known here any more the server
 * is asked for, if it has agreed to FUSE_EXPORT_SUPPORT: it then finds the node by
 * the name ".", and its parent by "..".
 */
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include "proto.h"

/* Words of a handle, with and without that of the parent. */
#define NODE_WORDS	3
#define BOTH_WORDS	(2 * NODE_WORDS)

static void put_node(u32 *fh, struct inode *inode)
{
	fh[0] = upper_32_bits(fmapfs_i(inode)->nodeid);
	fh[1] = lower_32_bits(fmapfs_i(inode)->nodeid);
	fh[2] = inode->i_generation;
}

static int encode_fh(struct inode *inode, u32 *fh, int *max_len,
		     struct inode *parent)
{
	int len = parent ? BOTH_WORDS : NODE_WORDS;
	bool fits = *max_len >= len;

	*max_len = len;
	if (!fits)
		return FILEID_INVALID;
	put_node(fh, inode);
	if (parent)
		put_node(fh + NODE_WORDS, parent);
	return parent ? FILEID_INO64_GEN_PARENT : FILEID_INO64_GEN;
}

/* Consumes @forget. The root is what it is, whatever is said about it. */
static struct inode *inode_of(struct super_block *sb,
			      struct fmapfs_entry *entry,
			      struct fmapfs_forget *forget)
{
	struct inode *inode = NULL;
	int rc = 0;

	if (entry->nodeid == FUSE_ROOT_ID) {
		entry->generation = d_inode(sb->s_root)->i_generation;
		if (!S_ISDIR(entry->attr.mode))
			rc = fmapfs_proto_bad(sb, FUSE_LOOKUP, "attr.mode",
					      entry->attr.mode);
	}
	if (!rc)
		inode = fmapfs_iget(sb, entry);
	if (inode) {
		fmapfs_forget_free(forget);
		return inode;
	}
	fmapfs_forget_send(fmapfs_sb(sb)->conn, forget, entry->nodeid, 1);
	return ERR_PTR(rc ?: -ENOMEM);
}

/* Asks the server. Return: the inode, or -errno. */
static struct inode *ask_for(struct super_block *sb, u64 nodeid,
			     const char *name)
{
	struct fmapfs_forget *forget = NULL;
	struct fmapfs_entry entry;
	int rc;

	if (!(fmapfs_agreed(sb)->flags & FUSE_EXPORT_SUPPORT))
		return ERR_PTR(-ESTALE);
	rc = fmapfs_proto_lookup_node(sb, nodeid, name, &entry, &forget);
	if (rc)
		return ERR_PTR(rc == -ENOENT ? -ESTALE : rc);
	if (!entry.nodeid)
		return ERR_PTR(-ESTALE);
	return inode_of(sb, &entry, forget);
}

static struct inode *find_node(struct super_block *sb, u64 nodeid)
{
	struct inode *inode = fmapfs_find_inode(sb, nodeid);

	if (inode)
		return inode;
	inode = ask_for(sb, nodeid, ".");
	if (IS_ERR(inode) || fmapfs_i(inode)->nodeid == nodeid)
		return inode;
	iput(inode);
	return ERR_PTR(fmapfs_proto_bad(sb, FUSE_LOOKUP, "nodeid", nodeid));
}

/* The name by which it is reached, if any, is to be looked up anew. */
static struct dentry *alias_of(struct inode *inode)
{
	bool root = is_root_inode(inode);
	struct dentry *dentry = d_obtain_alias(inode);

	if (!IS_ERR(dentry) && !root)
		fmapfs_set_entry_expiry(dentry, 0);
	return dentry;
}

static struct dentry *dentry_of(struct super_block *sb, const u32 *fh)
{
	u64 nodeid = (u64)fh[0] << 32 | fh[1];
	struct inode *inode;

	if (!nodeid)
		return ERR_PTR(-ESTALE);
	inode = find_node(sb, nodeid);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	if (inode->i_generation != fh[2] || READ_ONCE(fmapfs_i(inode)->bad)) {
		iput(inode);
		return ERR_PTR(-ESTALE);
	}
	return alias_of(inode);
}

static struct dentry *fh_to_dentry(struct super_block *sb, struct fid *fid,
				   int len, int type)
{
	if ((type != FILEID_INO64_GEN && type != FILEID_INO64_GEN_PARENT) ||
	    len < NODE_WORDS)
		return NULL;
	return dentry_of(sb, fid->raw);
}

static struct dentry *fh_to_parent(struct super_block *sb, struct fid *fid,
				   int len, int type)
{
	if (type != FILEID_INO64_GEN_PARENT || len < BOTH_WORDS)
		return NULL;
	return dentry_of(sb, fid->raw + NODE_WORDS);
}

static struct dentry *get_parent(struct dentry *child)
{
	struct inode *inode;

	inode = ask_for(child->d_sb, fmapfs_i(d_inode(child))->nodeid, "..");
	return IS_ERR(inode) ? ERR_CAST(inode) : alias_of(inode);
}

const struct export_operations fmapfs_export_ops = {
	.encode_fh	= encode_fh,
	.fh_to_dentry	= fh_to_dentry,
	.fh_to_parent	= fh_to_parent,
	.get_parent	= get_parent,
};

/* For a server that says that its handles are good for telling files apart only. */
const struct export_operations fmapfs_fid_ops = {
	.encode_fh	= encode_fh,
};
