// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: lookup, attributes. And what all opcodes share.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/statfs.h>
#include "proto.h"

/**
 * fmapfs_attr_version - a point in time, for attributes
 * @sb: the mount
 *
 * A reply that was asked for before an inode's attributes changed must not
 * overwrite them: see fmapfs_update_attr().
 */
u64 fmapfs_attr_version(struct super_block *sb)
{
	return atomic64_read(&fmapfs_sb(sb)->attr_version);
}

/**
 * fmapfs_proto_bad - refuse a reply
 * @sb: the mount
 * @opcode: what was asked
 * @field: the culprit
 * @value: what it says
 *
 * Return: -EIO
 */
int fmapfs_proto_bad(struct super_block *sb, u32 opcode, const char *field,
		     u64 value)
{
	fmapfs_count(sb, FMAPFS_BAD_REPLY, 1);
	fmapfs_err_rl(sb, "bad reply to opcode %u: %s %#llx\n", opcode, field,
		      value);
	return -EIO;
}

/* Has the server said that it does not know this opcode? */
bool fmapfs_proto_known_missing(struct super_block *sb, u32 opcode)
{
	return test_bit(opcode, &fmapfs_sb(sb)->no_op);
}

/**
 * fmapfs_proto_remember_missing - note that the server does not know an opcode
 * @sb: the mount
 * @opcode: FUSE_*, < 64
 * @rc: how it was answered
 *
 * Return: @rc
 */
int fmapfs_proto_remember_missing(struct super_block *sb, u32 opcode, int rc)
{
	if (rc == -ENOSYS)
		set_bit(opcode, &fmapfs_sb(sb)->no_op);
	return rc;
}

/**
 * fmapfs_proto_req - make a request about an inode
 * @inode: whose node id it names; not forgotten before the request is finished
 * @opcode: FUSE_*
 * @body_size: see fmapfs_req_new(), as the rest
 * @out_size: bytes
 * @flags: FMAPFS_REQ_*
 *
 * Return: the request, or NULL: no memory.
 */
struct fmapfs_req *fmapfs_proto_req(struct inode *inode, u32 opcode,
				    u32 body_size, u32 out_size,
				    unsigned int flags)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct fmapfs_req *req;

	req = fmapfs_req_new(fmapfs_conn_of(inode), opcode, fi->nodeid,
			     body_size, out_size, flags);
	if (req)
		req->node = fmapfs_forget_get(fi->forget);
	return req;
}

/**
 * fmapfs_proto_call - a request with a body and a reply of fixed sizes
 * @inode: whose node id it names
 * @opcode: FUSE_*
 * @body: body of the request
 * @body_size: bytes
 * @out: takes the body of the reply
 * @out_size: bytes, exactly
 */
int fmapfs_proto_call(struct inode *inode, u32 opcode, const void *body,
		      u32 body_size, void *out, u32 out_size)
{
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_proto_req(inode, opcode, body_size, out_size, 0);
	if (!req)
		return -ENOMEM;
	if (body_size)
		memcpy(fmapfs_req_body(req), body, body_size);
	rc = fmapfs_req_send(req);
	if (!rc && out_size)
		memcpy(out, req->out, out_size);
	fmapfs_req_put(req);
	return rc;
}

static u64 expiry(u64 sec, u32 nsec)
{
	struct timespec64 ts = {
		.tv_sec = min_t(u64, sec, S32_MAX),
		.tv_nsec = min_t(u32, nsec, NSEC_PER_SEC - 1),
	};

	if (!sec && !nsec)
		return 0;
	return get_jiffies_64() + timespec64_to_jiffies(&ts);
}

static struct timespec64 time_of(u64 sec, u32 nsec)
{
	return (struct timespec64) {
		.tv_sec = sec,
		.tv_nsec = min_t(u32, nsec, NSEC_PER_SEC - 1),
	};
}

static bool known_type(u32 mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) ||
	       S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) ||
	       S_ISSOCK(mode);
}

static int decode_attr(struct super_block *sb, u32 opcode,
		       const struct fuse_attr *from, u64 version,
		       struct fmapfs_attr *attr)
{
	if (!known_type(from->mode))
		return fmapfs_proto_bad(sb, opcode, "attr.mode", from->mode);
	if (from->size > S64_MAX)
		return fmapfs_proto_bad(sb, opcode, "attr.size", from->size);

	*attr = (struct fmapfs_attr) {
		.ino = from->ino,
		.size = from->size,
		.blocks = from->blocks,
		.atime = time_of(from->atime, from->atimensec),
		.mtime = time_of(from->mtime, from->mtimensec),
		.ctime = time_of(from->ctime, from->ctimensec),
		.mode = from->mode,
		.nlink = from->nlink,
		.uid = make_kuid(&init_user_ns, from->uid),
		.gid = make_kgid(&init_user_ns, from->gid),
		.rdev = new_decode_dev(from->rdev),
		.blksize = from->blksize,
		.version = version,
	};
	return 0;
}

static int decode_any_entry(struct super_block *sb, u32 opcode,
			    const struct fuse_entry_out *from, u64 version,
			    struct fmapfs_entry *entry)
{
	int rc;

	entry->nodeid = from->nodeid;
	entry->generation = from->generation;
	entry->expires = fmapfs_entry_until(sb, version,
					    expiry(from->entry_valid,
						   from->entry_valid_nsec));
	if (!from->nodeid)
		return 0;
	rc = decode_attr(sb, opcode, &from->attr, version, &entry->attr);
	entry->attr.expires = expiry(from->attr_valid, from->attr_valid_nsec);
	return rc;
}

/**
 * fmapfs_decode_entry - check what a lookup has brought
 * @sb: the mount
 * @opcode: what was asked
 * @from: the reply
 * @version: from before it was asked
 * @entry: result; its nodeid is set in any case
 */
int fmapfs_decode_entry(struct super_block *sb, u32 opcode,
			const struct fuse_entry_out *from, u64 version,
			struct fmapfs_entry *entry)
{
	int rc = decode_any_entry(sb, opcode, from, version, entry);

	/* The root has no name: nothing may be found under its node id. */
	if (!rc && from->nodeid == FUSE_ROOT_ID)
		rc = fmapfs_proto_bad(sb, opcode, "nodeid", from->nodeid);
	return rc;
}

/**
 * fmapfs_give_back_lookup - a lookup that nobody keeps goes back
 * @req: has a forget, and been answered with a struct fuse_entry_out
 *
 * Also a ->late().
 */
void fmapfs_give_back_lookup(struct fmapfs_req *req)
{
	const struct fuse_entry_out *out = req->out;

	if (!out->nodeid)
		return;
	fmapfs_forget_send(req->conn, req->forget, out->nodeid, 1);
	req->forget = NULL;
}

typedef int (*decode_fn)(struct super_block *sb, u32 opcode,
			 const struct fuse_entry_out *from, u64 version,
			 struct fmapfs_entry *entry);

/* Sends a LOOKUP, whose entry @decode checks. Consumes @req. */
static int call_lookup(struct super_block *sb, struct fmapfs_req *req,
		       const char *name, size_t len,
		       decode_fn decode, struct fmapfs_entry *entry,
		       struct fmapfs_forget **forget)
{
	u64 version = fmapfs_attr_version(sb);
	int rc = -ENOMEM;

	req->forget = fmapfs_forget_new(GFP_KERNEL);
	if (!req->forget)
		goto put_req;
	req->late = fmapfs_give_back_lookup;
	memcpy(fmapfs_req_body(req), name, len);

	rc = fmapfs_req_send(req);
	if (rc)
		goto put_req;
	rc = decode(sb, FUSE_LOOKUP, req->out, version, entry);
	if (rc) {
		fmapfs_give_back_lookup(req);
	} else if (entry->nodeid) {
		*forget = req->forget;
		req->forget = NULL;
	}
put_req:
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_lookup - LOOKUP
 * @dir: where
 * @name: what
 * @entry: result
 * @forget: result, if @entry->nodeid is not 0: gives the lookup back, by
 *	fmapfs_forget_send(), or is freed if the lookup is kept
 *
 * Return: also -ENOENT, which unlike a node id of 0 must not be cached.
 */
int fmapfs_proto_lookup(struct inode *dir, const struct qstr *name,
			struct fmapfs_entry *entry,
			struct fmapfs_forget **forget)
{
	struct fmapfs_req *req;

	if (name->len > FMAPFS_NAME_MAX)
		return -ENAMETOOLONG;
	req = fmapfs_proto_req(dir, FUSE_LOOKUP, name->len + 1,
			       sizeof(struct fuse_entry_out), 0);
	if (!req)
		return -ENOMEM;
	return call_lookup(dir->i_sb, req, name->name, name->len,
			   fmapfs_decode_entry, entry, forget);
}

/**
 * fmapfs_proto_lookup_node - LOOKUP of "." or ".."
 * @sb: the mount
 * @nodeid: of what; the server need not have been asked about it before
 * @name: "." or ".."
 * @entry: result; may be the root's
 * @forget: as with fmapfs_proto_lookup()
 *
 * For servers that have agreed to FUSE_EXPORT_SUPPORT.
 */
int fmapfs_proto_lookup_node(struct super_block *sb, u64 nodeid,
			     const char *name, struct fmapfs_entry *entry,
			     struct fmapfs_forget **forget)
{
	size_t len = strlen(name);
	struct fmapfs_req *req;

	req = fmapfs_req_new(fmapfs_sb(sb)->conn, FUSE_LOOKUP, nodeid, len + 1,
			     sizeof(struct fuse_entry_out), 0);
	if (!req)
		return -ENOMEM;
	return call_lookup(sb, req, name, len, decode_any_entry, entry,
			   forget);
}

/*
 * An inode whose attributes are another thing's is of no use any more. Without
 * the root the whole mount would be of no use: that is spared.
 */
static int take_attr_out(struct inode *inode, u32 opcode,
			 const struct fuse_attr_out *out, u64 version,
			 struct fmapfs_attr *attr)
{
	int rc = decode_attr(inode->i_sb, opcode, &out->attr, version, attr);

	if (!rc && (attr->mode ^ inode->i_mode) & S_IFMT)
		rc = fmapfs_proto_bad(inode->i_sb, opcode, "attr.mode",
				      attr->mode);
	if (rc && !is_root_inode(inode))
		fmapfs_make_bad(inode);
	else if (!rc)
		attr->expires = expiry(out->attr_valid, out->attr_valid_nsec);
	return rc;
}

/**
 * fmapfs_proto_getattr - GETATTR
 * @inode: of what
 * @ff: an open file to ask by, or NULL; that of a directory is not used
 * @attr: result
 */
int fmapfs_proto_getattr(struct inode *inode, const struct fmapfs_file *ff,
			 struct fmapfs_attr *attr)
{
	u64 version = fmapfs_attr_version(inode->i_sb);
	struct fuse_getattr_in *in;
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_proto_req(inode, FUSE_GETATTR, sizeof(*in),
			       sizeof(struct fuse_attr_out), 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	if (ff && S_ISREG(inode->i_mode)) {
		in->getattr_flags = FUSE_GETATTR_FH;
		in->fh = ff->fh;
		fmapfs_req_hold_back(req, ff->release);
	}
	rc = fmapfs_req_send(req);
	if (!rc)
		rc = take_attr_out(inode, FUSE_GETATTR, req->out, version,
				   attr);
	fmapfs_req_put(req);
	return rc;
}

/* What take_attr_out() looks at, as a server without STATX would put it. */
static void statx_to_attr_out(const struct fuse_statx_out *from,
			      struct fuse_attr_out *to)
{
	const struct fuse_statx *sx = &from->stat;

	*to = (struct fuse_attr_out) {
		.attr_valid = from->attr_valid,
		.attr_valid_nsec = from->attr_valid_nsec,
		.attr.ino = sx->ino,
		.attr.size = sx->size,
		.attr.blocks = sx->blocks,
		.attr.atime = sx->atime.tv_sec,
		.attr.mtime = sx->mtime.tv_sec,
		.attr.ctime = sx->ctime.tv_sec,
		.attr.atimensec = sx->atime.tv_nsec,
		.attr.mtimensec = sx->mtime.tv_nsec,
		.attr.ctimensec = sx->ctime.tv_nsec,
		.attr.mode = sx->mode,
		.attr.nlink = sx->nlink,
		.attr.uid = sx->uid,
		.attr.gid = sx->gid,
		.attr.blksize = sx->blksize,
	};
}

static int take_statx_out(struct inode *inode, const struct fuse_statx_out *out,
			  u64 version, struct fmapfs_attr *attr)
{
	const struct fuse_statx *sx = &out->stat;
	struct fuse_attr_out attr_out;
	int rc;

	statx_to_attr_out(out, &attr_out);
	/* Of what the server leaves out there is nothing to check. */
	if (!(sx->mask & STATX_TYPE))
		attr_out.attr.mode = (inode->i_mode & S_IFMT) |
				     (sx->mode & 07777);
	if (!(sx->mask & STATX_SIZE))
		attr_out.attr.size = 0;
	rc = take_attr_out(inode, FUSE_STATX, &attr_out, version, attr);
	if (rc)
		return rc;
	attr->by_statx = true;
	attr->has_btime = sx->mask & STATX_BTIME;
	attr->btime = time_of(sx->btime.tv_sec, sx->btime.tv_nsec);
	return 0;
}

/**
 * fmapfs_proto_statx - STATX: also the time of birth
 * @inode: of what
 * @mask: result: what the server has told, STATX_*
 * @attr: result
 *
 * Return: also -ENOSYS, which is remembered.
 */
int fmapfs_proto_statx(struct inode *inode, u32 *mask, struct fmapfs_attr *attr)
{
	u64 version = fmapfs_attr_version(inode->i_sb);
	struct fuse_statx_in in = {
		.sx_mask = STATX_BASIC_STATS | STATX_BTIME,
	};
	struct fuse_statx_out out;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_STATX))
		return -ENOSYS;
	rc = fmapfs_proto_call(inode, FUSE_STATX, &in, sizeof(in), &out,
			       sizeof(out));
	if (rc)
		return fmapfs_proto_remember_missing(inode->i_sb, FUSE_STATX,
						     rc);
	*mask = out.stat.mask;
	return take_statx_out(inode, &out, version, attr);
}

/* Is it the size, changed by an open or through an open file? */
static bool is_by_open_file(const struct iattr *iattr)
{
	return iattr->ia_valid & ATTR_SIZE &&
	       iattr->ia_valid & (ATTR_OPEN | ATTR_FILE);
}

static void encode_times(const struct iattr *iattr, struct fuse_setattr_in *in)
{
	if (iattr->ia_valid & ATTR_ATIME) {
		in->valid |= FATTR_ATIME;
		if (!(iattr->ia_valid & ATTR_ATIME_SET))
			in->valid |= FATTR_ATIME_NOW;
		in->atime = iattr->ia_atime.tv_sec;
		in->atimensec = iattr->ia_atime.tv_nsec;
	}
	/* The time of such a truncation is the server's to say. */
	if (iattr->ia_valid & ATTR_MTIME &&
	    (iattr->ia_valid & ATTR_MTIME_SET || !is_by_open_file(iattr))) {
		in->valid |= FATTR_MTIME;
		if (!(iattr->ia_valid & ATTR_MTIME_SET))
			in->valid |= FATTR_MTIME_NOW;
		in->mtime = iattr->ia_mtime.tv_sec;
		in->mtimensec = iattr->ia_mtime.tv_nsec;
	}
}

static void encode_iattr(const struct iattr *iattr, struct fuse_setattr_in *in)
{
	if (iattr->ia_valid & ATTR_MODE) {
		in->valid |= FATTR_MODE;
		in->mode = iattr->ia_mode;
	}
	if (iattr->ia_valid & ATTR_UID) {
		in->valid |= FATTR_UID;
		in->uid = from_kuid(&init_user_ns, iattr->ia_uid);
	}
	if (iattr->ia_valid & ATTR_GID) {
		in->valid |= FATTR_GID;
		in->gid = from_kgid(&init_user_ns, iattr->ia_gid);
	}
	if (iattr->ia_valid & ATTR_SIZE) {
		in->valid |= FATTR_SIZE;
		in->size = iattr->ia_size;
	}
	encode_times(iattr, in);
}

/* Which changes make the server take set-id bits away, if it has agreed to. */
static void encode_killpriv(const struct inode *inode,
			    const struct iattr *iattr,
			    struct fuse_setattr_in *in)
{
	bool owner = iattr->ia_valid & (ATTR_UID | ATTR_GID) &&
		     !S_ISDIR(inode->i_mode);
	bool size = iattr->ia_valid & ATTR_SIZE && !capable(CAP_FSETID);

	if (fmapfs_agreed(inode->i_sb)->flags & FUSE_HANDLE_KILLPRIV_V2 &&
	    (owner || size))
		in->valid |= FATTR_KILL_SUIDGID;
}

/**
 * fmapfs_proto_setattr - SETATTR
 * @inode: of what
 * @iattr: what is to be changed
 * @ff: an open file that it is to be done by, or NULL
 * @attr: result: the attributes afterwards
 */
int fmapfs_proto_setattr(struct inode *inode, const struct iattr *iattr,
			 const struct fmapfs_file *ff, struct fmapfs_attr *attr)
{
	u64 version = fmapfs_attr_version(inode->i_sb);
	struct fuse_setattr_in *in;
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_proto_req(inode, FUSE_SETATTR, sizeof(*in),
			       sizeof(struct fuse_attr_out), 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	encode_iattr(iattr, in);
	encode_killpriv(inode, iattr, in);
	/* For mandatory locks. */
	if (iattr->ia_valid & ATTR_SIZE) {
		in->valid |= FATTR_LOCKOWNER;
		in->lock_owner = fmapfs_owner_id(current->files);
	}
	if (ff) {
		in->valid |= FATTR_FH;
		in->fh = ff->fh;
		fmapfs_req_hold_back(req, ff->release);
	}
	rc = fmapfs_req_send(req);
	if (!rc)
		rc = take_attr_out(inode, FUSE_SETATTR, req->out, version,
				   attr);
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_access - ACCESS
 * @inode: of what
 * @mask: MAY_*
 */
int fmapfs_proto_access(struct inode *inode, int mask)
{
	struct fuse_access_in in = {
		.mask = mask & (MAY_READ | MAY_WRITE | MAY_EXEC),
	};
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_ACCESS))
		return 0;
	rc = fmapfs_proto_call(inode, FUSE_ACCESS, &in, sizeof(in), NULL, 0);
	rc = fmapfs_proto_remember_missing(inode->i_sb, FUSE_ACCESS, rc);
	return rc == -ENOSYS ? 0 : rc;
}

int fmapfs_proto_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct inode *inode = d_inode(dentry);
	struct fuse_statfs_out out;
	int rc;

	rc = fmapfs_proto_call(inode, FUSE_STATFS, NULL, 0, &out,
			       sizeof(out));
	if (rc)
		return rc;
	buf->f_bsize = out.st.bsize;
	buf->f_frsize = out.st.frsize;
	buf->f_blocks = out.st.blocks;
	buf->f_bfree = out.st.bfree;
	buf->f_bavail = out.st.bavail;
	buf->f_files = out.st.files;
	buf->f_ffree = out.st.ffree;
	buf->f_namelen = out.st.namelen;
	return 0;
}
