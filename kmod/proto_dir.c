// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: names, made and removed. CREATE is in
 * proto_create.c.
 */
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include "proto.h"

/* Puts a name with its end after what is at @to. Return: what is behind. */
static void *put_name(void *to, const struct qstr *name)
{
	/* The body has been zeroed. */
	memcpy(to, name->name, name->len);
	return to + name->len + 1;
}

static void put_other(struct fmapfs_req *req)
{
	fmapfs_forget_put(req->conn, req->priv);
}

/* A request may name a second node: that is not forgotten before, either. */
static void hold_other(struct fmapfs_req *req, struct inode *other)
{
	req->priv = fmapfs_forget_get(fmapfs_i(other)->forget);
	req->end = put_other;
}

/**
 * fmapfs_take_made - check what making a name has brought
 * @req: answered
 * @sb: the mount
 * @type: what kind of file it has to be, S_IF*
 * @version: from before it was asked
 * @made: result
 *
 * Unlike a lookup it has to bring a node. The lookup of what is refused is given
 * back by the caller, with fmapfs_give_back_lookup().
 */
int fmapfs_take_made(struct fmapfs_req *req, struct super_block *sb,
		     umode_t type, u64 version, struct fmapfs_made *made)
{
	u32 opcode = req->in->opcode;
	int rc;

	rc = fmapfs_decode_entry(sb, opcode, req->out, version, &made->entry);
	if (rc)
		return rc;
	/* They are newer than any reply that is still on its way. */
	made->entry.attr.version = U64_MAX;
	if (!made->entry.nodeid)
		return fmapfs_proto_bad(sb, opcode, "nodeid", 0);
	if ((made->entry.attr.mode ^ type) & S_IFMT)
		return fmapfs_proto_bad(sb, opcode, "attr.mode",
					made->entry.attr.mode);
	return 0;
}

/*
 * What INIT settles decides about the contents of what follows. It has been
 * settled: the name was looked up before.
 */

/**
 * struct making - a request that makes a name
 * @dir: where
 * @dentry: the name
 * @opcode: FUSE_*
 * @in: start of the body; owned by the caller
 * @in_size: bytes
 * @link: what follows the name, terminated; or NULL
 * @mode: type and mode of what is made
 * @old: what gets one more name: nothing else is new, and the request brings no
 *	extensions. Or NULL
 */
struct making {
	struct inode *dir;
	struct dentry *dentry;
	u32 opcode;
	const void *in;
	u32 in_size;
	const char *link;
	umode_t mode;
	struct inode *old;
};

static struct fmapfs_req *new_making(const struct making *m)
{
	u32 link_size = m->link ? strlen(m->link) + 1 : 0;
	struct fmapfs_ext ext = {};
	struct fmapfs_req *req;
	void *at;
	int rc = 0;

	if (!m->old)
		rc = fmapfs_make_ext(m->dir, m->dentry, m->mode, &ext);
	if (rc)
		return ERR_PTR(rc);
	req = fmapfs_proto_req(m->dir, m->opcode,
			       m->in_size + m->dentry->d_name.len + 1 +
			       link_size + ext.size,
			       sizeof(struct fuse_entry_out), 0);
	if (req) {
		at = fmapfs_req_body(req);
		memcpy(at, m->in, m->in_size);
		at = put_name(at + m->in_size, &m->dentry->d_name);
		if (m->link)
			memcpy(at, m->link, link_size);
		memcpy(at + link_size, ext.value, ext.size);
		req->in->total_extlen = ext.size / 8;
	}
	kfree(ext.value);
	return req ? req : ERR_PTR(-ENOMEM);
}

static int call_making(const struct making *m, struct fmapfs_made *made)
{
	struct super_block *sb = m->dir->i_sb;
	u64 version = fmapfs_attr_version(sb);
	struct fmapfs_req *req;
	int rc;

	req = new_making(m);
	if (IS_ERR(req))
		return PTR_ERR(req);
	rc = -ENOMEM;
	req->forget = fmapfs_forget_new(GFP_KERNEL);
	if (!req->forget)
		goto put_req;
	req->late = fmapfs_give_back_lookup;
	if (m->old)
		hold_other(req, m->old);
	rc = fmapfs_req_send(req);
	if (rc)
		goto put_req;
	rc = fmapfs_take_made(req, sb, m->mode, version, made);
	if (rc) {
		fmapfs_give_back_lookup(req);
	} else {
		made->forget = req->forget;
		req->forget = NULL;
	}
put_req:
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_mknod - MKNOD
 * @dir: where
 * @dentry: the name
 * @mode: type and mode, before the umask
 * @rdev: of a device
 * @made: result
 */
int fmapfs_proto_mknod(struct inode *dir, struct dentry *dentry, umode_t mode,
		       dev_t rdev, struct fmapfs_made *made)
{
	struct fuse_mknod_in in = {
		.mode = fmapfs_mask_mode(dir->i_sb, mode),
		.rdev = new_encode_dev(rdev),
		.umask = current_umask(),
	};
	struct making m = {
		.dir = dir, .dentry = dentry, .opcode = FUSE_MKNOD,
		.in = &in, .in_size = sizeof(in), .mode = in.mode,
	};

	return call_making(&m, made);
}

/**
 * fmapfs_proto_mkdir - MKDIR
 * @dir: where
 * @dentry: the name
 * @mode: before the umask
 * @made: result
 */
int fmapfs_proto_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode,
		       struct fmapfs_made *made)
{
	struct fuse_mkdir_in in = {
		/* Servers have never been told the type. */
		.mode = fmapfs_mask_mode(dir->i_sb, mode) & ~S_IFMT,
		.umask = current_umask(),
	};
	struct making m = {
		.dir = dir, .dentry = dentry, .opcode = FUSE_MKDIR,
		.in = &in, .in_size = sizeof(in), .mode = S_IFDIR,
	};

	return call_making(&m, made);
}

/**
 * fmapfs_proto_symlink - SYMLINK
 * @dir: where
 * @dentry: the name
 * @link: where to
 * @made: result
 */
int fmapfs_proto_symlink(struct inode *dir, struct dentry *dentry,
			 const char *link, struct fmapfs_made *made)
{
	struct making m = {
		.dir = dir, .dentry = dentry, .opcode = FUSE_SYMLINK,
		.link = link, .mode = S_IFLNK,
	};

	return call_making(&m, made);
}

/**
 * fmapfs_proto_link - LINK
 * @inode: of what
 * @dir: where
 * @dentry: the name
 * @made: result
 *
 * Return: also -ENOSYS, which is remembered.
 */
int fmapfs_proto_link(struct inode *inode, struct inode *dir,
		      struct dentry *dentry, struct fmapfs_made *made)
{
	struct fuse_link_in in = { .oldnodeid = fmapfs_i(inode)->nodeid };
	struct making m = {
		.dir = dir, .dentry = dentry, .opcode = FUSE_LINK,
		.in = &in, .in_size = sizeof(in), .mode = inode->i_mode,
		.old = inode,
	};

	if (fmapfs_proto_known_missing(dir->i_sb, FUSE_LINK))
		return -ENOSYS;
	return fmapfs_proto_remember_missing(dir->i_sb, FUSE_LINK,
					     call_making(&m, made));
}

static int call_removing(struct inode *dir, u32 opcode, const struct qstr *name)
{
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_proto_req(dir, opcode, name->len + 1, 0, 0);
	if (!req)
		return -ENOMEM;
	put_name(fmapfs_req_body(req), name);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	return rc;
}

int fmapfs_proto_unlink(struct inode *dir, const struct qstr *name)
{
	return call_removing(dir, FUSE_UNLINK, name);
}

int fmapfs_proto_rmdir(struct inode *dir, const struct qstr *name)
{
	return call_removing(dir, FUSE_RMDIR, name);
}

/**
 * fmapfs_proto_rename - RENAME, or RENAME2 if there are flags
 * @olddir: from where
 * @oldname: what
 * @newdir: where to
 * @newname: what it is to be
 * @flags: RENAME_*
 *
 * Return: also -ENOSYS for RENAME2, which is remembered.
 */
int fmapfs_proto_rename(struct inode *olddir, const struct qstr *oldname,
			struct inode *newdir, const struct qstr *newname,
			unsigned int flags)
{
	u32 opcode = flags ? FUSE_RENAME2 : FUSE_RENAME;
	/* The one is the beginning of the other. */
	struct fuse_rename2_in in = {
		.newdir = fmapfs_i(newdir)->nodeid,
		.flags = flags,
	};
	u32 size = flags ? sizeof(in) : sizeof(struct fuse_rename_in);
	struct fmapfs_req *req;
	void *at;
	int rc;

	if (flags && fmapfs_proto_known_missing(olddir->i_sb, opcode))
		return -ENOSYS;
	req = fmapfs_proto_req(olddir, opcode,
			       size + oldname->len + newname->len + 2, 0, 0);
	if (!req)
		return -ENOMEM;
	at = fmapfs_req_body(req);
	memcpy(at, &in, size);
	at = put_name(at + size, oldname);
	put_name(at, newname);
	hold_other(req, newdir);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	if (flags)
		fmapfs_proto_remember_missing(olddir->i_sb, opcode, rc);
	return rc;
}

/**
 * fmapfs_proto_readlink - READLINK
 * @inode: a symbolic link
 * @link: takes where it leads to; not terminated
 * @size: bytes at @link
 *
 * Return: bytes, or -errno.
 */
ssize_t fmapfs_proto_readlink(struct inode *inode, char *link, u32 size)
{
	struct fmapfs_req *req;
	ssize_t rc;

	req = fmapfs_proto_req(inode, FUSE_READLINK, 0, size,
			       FMAPFS_REQ_OUTVAR);
	if (!req)
		return -ENOMEM;
	rc = fmapfs_req_send(req);
	if (!rc) {
		rc = req->out_len;
		memcpy(link, req->out, rc);
	}
	fmapfs_req_put(req);
	return rc;
}
