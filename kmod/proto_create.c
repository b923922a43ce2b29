// SPDX-License-Identifier: GPL-2.0-only
/*
 * CREATE and TMPFILE, which open what they make; and what all requests that make
 * something say about the caller.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/xattr.h>
#include "proto.h"

/* --- about the caller --- */

/* A server that looks at the umask itself is told the mode as it was asked for. */
umode_t fmapfs_mask_mode(struct super_block *sb, umode_t mode)
{
	if (fmapfs_agreed(sb)->flags & FUSE_DONT_MASK)
		return mode;
	return mode & ~current_umask();
}

/* Room for one more extension, zeroed. Return: where; NULL: no memory. */
static void *extend(struct fmapfs_ext *ext, u32 size)
{
	void *value = krealloc(ext->value, ext->size + size, GFP_KERNEL);

	if (!value)
		return NULL;
	memset(value + ext->size, 0, size);
	ext->value = value;
	ext->size += size;
	return value + ext->size - size;
}

/* The label that the new file is to have; a header alone if there is none. */
static int add_secctx(struct dentry *dentry, umode_t mode,
		      struct fmapfs_ext *ext)
{
	u32 size = sizeof(struct fuse_secctx_header), name_size = 0;
	struct fuse_secctx_header *header;
	struct lsm_context ctx = {};
	struct fuse_secctx *one;
	const char *name = NULL;
	int rc;

	rc = security_dentry_init_security(dentry, mode, &dentry->d_name,
					   &name, &ctx);
	if (rc && rc != -EOPNOTSUPP)
		return rc;
	if (ctx.len) {
		name_size = strlen(name) + 1;
		size += FUSE_REC_ALIGN(sizeof(*one) + name_size + ctx.len);
	}
	header = extend(ext, size);
	if (header) {
		header->size = size;
		header->nr_secctx = ctx.len ? 1 : 0;
	}
	if (header && ctx.len) {
		one = (void *)(header + 1);
		one->size = ctx.len;
		memcpy(one + 1, name, name_size);
		memcpy((void *)(one + 1) + name_size, ctx.context, ctx.len);
	}
	if (ctx.len)
		security_release_secctx(&ctx);
	return header ? 0 : -ENOMEM;
}

/* The directory's group, if the caller has it as one of his other groups. */
static int add_group(const struct inode *dir, struct fmapfs_ext *ext)
{
	struct fuse_supp_groups *groups;
	struct fuse_ext_header *header;
	u32 size = FUSE_REC_ALIGN(sizeof(*header) + sizeof(*groups) +
				  sizeof(groups->groups[0]));

	if (gid_eq(dir->i_gid, current_fsgid()) || !in_group_p(dir->i_gid))
		return 0;
	header = extend(ext, size);
	if (!header)
		return -ENOMEM;
	header->size = size;
	header->type = FUSE_EXT_GROUPS;
	groups = (void *)(header + 1);
	groups->nr_groups = 1;
	groups->groups[0] = from_kgid(&init_user_ns, dir->i_gid);
	return 0;
}

/**
 * fmapfs_make_ext - the extensions of a request that makes something
 * @dir: where
 * @dentry: its name
 * @mode: its type and mode
 * @ext: result
 *
 * There are those that INIT has settled.
 */
int fmapfs_make_ext(struct inode *dir, struct dentry *dentry, umode_t mode,
		    struct fmapfs_ext *ext)
{
	u64 flags = fmapfs_agreed(dir->i_sb)->flags;
	int rc = 0;

	*ext = (struct fmapfs_ext) {};
	if (flags & FUSE_SECURITY_CTX)
		rc = add_secctx(dentry, mode, ext);
	if (!rc && flags & FUSE_CREATE_SUPP_GROUP)
		rc = add_group(dir, ext);
	if (rc)
		kfree(ext->value);
	return rc;
}

/* --- CREATE --- */

/* CREATE's reply: struct fuse_entry_out, then struct fuse_open_out. */
static const struct fuse_open_out *reply_open(const struct fmapfs_req *req)
{
	const struct fuse_entry_out *entry = req->out;

	return (const void *)(entry + 1);
}

/* The RELEASE of what is not there yet: says what is known when it is. */
static struct fmapfs_req *new_release(struct inode *dir, unsigned int flags)
{
	struct fuse_release_in *in;
	struct fmapfs_req *req;

	req = fmapfs_req_new(fmapfs_conn_of(dir), FUSE_RELEASE, 0, sizeof(*in),
			     0, 0);
	if (req) {
		fmapfs_req_of_nobody(req);
		in = fmapfs_req_body(req);
		in->flags = flags;
	}
	return req;
}

static void fill_release(struct fmapfs_req *release,
			 const struct fmapfs_req *create)
{
	const struct fuse_entry_out *entry = create->out;
	struct fuse_release_in *in = fmapfs_req_body(release);

	release->in->nodeid = entry->nodeid;
	in->fh = reply_open(create)->fh;
}

/*
 * Nobody wants what the reply has brought: the handle goes back, then the
 * lookup. A reply that names no node has brought neither.
 */
static void give_back_both(struct fmapfs_req *req)
{
	const struct fuse_entry_out *entry = req->out;
	struct fmapfs_req *release = req->priv;

	if (!entry->nodeid)
		return;
	fill_release(release, req);
	release->node = fmapfs_forget_get(req->forget);
	fmapfs_req_send_background(release);
	fmapfs_give_back_lookup(req);
}

static void create_end(struct fmapfs_req *req)
{
	fmapfs_req_put(req->priv);
}

static void fill_create(struct fmapfs_req *req, struct inode *dir,
			const struct qstr *name, unsigned int flags,
			umode_t mode, const struct fmapfs_ext *ext)
{
	struct fuse_create_in *in = fmapfs_req_body(req);

	in->flags = flags & ~O_NOCTTY;
	in->mode = mode;
	in->umask = current_umask();
	if (fmapfs_agreed(dir->i_sb)->flags & FUSE_HANDLE_KILLPRIV_V2 &&
	    flags & O_TRUNC && !(flags & O_EXCL) && !capable(CAP_FSETID))
		in->open_flags |= FUSE_OPEN_KILL_SUIDGID;
	memcpy(in + 1, name->name, name->len);
	memcpy((void *)(in + 1) + name->len + 1, ext->value, ext->size);
	req->in->total_extlen = ext->size / 8;
}

static struct fmapfs_req *new_create(struct inode *dir, struct dentry *dentry,
				     unsigned int flags, umode_t mode,
				     u32 opcode)
{
	const struct qstr *name = &dentry->d_name;
	struct fmapfs_ext ext;
	struct fmapfs_req *req;
	int rc;

	mode = fmapfs_mask_mode(dir->i_sb, mode);
	rc = fmapfs_make_ext(dir, dentry, mode, &ext);
	if (rc)
		return ERR_PTR(rc);
	req = fmapfs_proto_req(dir, opcode, sizeof(struct fuse_create_in) +
			       name->len + 1 + ext.size,
			       sizeof(struct fuse_entry_out) +
			       sizeof(struct fuse_open_out), 0);
	if (req)
		fill_create(req, dir, name, flags, mode, &ext);
	kfree(ext.value);
	return req ? req : ERR_PTR(-ENOMEM);
}

/* Sends it. On success @ff has its handle and @made the node. */
static int call_create(struct fmapfs_req *req, struct super_block *sb,
		       struct fmapfs_file *ff, struct fmapfs_made *made)
{
	u64 version = fmapfs_attr_version(sb);
	int rc;

	req->forget = fmapfs_forget_new(GFP_KERNEL);
	if (!req->forget)
		return -ENOMEM;
	req->priv = fmapfs_req_get(ff->release);
	req->late = give_back_both;
	req->end = create_end;
	rc = fmapfs_req_send(req);
	if (rc)
		return rc;
	rc = fmapfs_take_made(req, sb, S_IFREG, version, made);
	if (rc) {
		give_back_both(req);
		return rc;
	}
	fill_release(ff->release, req);
	ff->fh = reply_open(req)->fh;
	ff->open_flags = reply_open(req)->open_flags;
	made->forget = req->forget;
	req->forget = NULL;
	return 0;
}

static int create(struct inode *dir, struct dentry *dentry, unsigned int flags,
		  umode_t mode, u32 opcode, struct fmapfs_made *made,
		  struct fmapfs_file *ff)
{
	struct fmapfs_req *req;
	int rc;

	ff->release = new_release(dir, ff->flags);
	if (!ff->release)
		return -ENOMEM;
	req = new_create(dir, dentry, flags, mode, opcode);
	rc = PTR_ERR_OR_ZERO(req);
	if (!rc) {
		rc = call_create(req, dir->i_sb, ff, made);
		fmapfs_req_put(req);
	}
	if (rc)
		fmapfs_req_put(ff->release);
	return rc;
}

/**
 * fmapfs_proto_create - CREATE or TMPFILE
 * @dir: where
 * @dentry: the name
 * @flags: O_*
 * @mode: before the umask
 * @tmpfile: TMPFILE: it is to have no name
 * @made: result: the node
 * @ffp: result: the open file. Before anything else, fmapfs_created_of() it
 *
 * Return: also -ENOSYS, which is remembered.
 */
int fmapfs_proto_create(struct inode *dir, struct dentry *dentry,
			unsigned int flags, umode_t mode, bool tmpfile,
			struct fmapfs_made *made, struct fmapfs_file **ffp)
{
	u32 opcode = tmpfile ? FUSE_TMPFILE : FUSE_CREATE;
	struct super_block *sb = dir->i_sb;
	struct fmapfs_file *ff;
	int rc;

	/* What INIT settles decides about the contents. */
	rc = fmapfs_conn_wait_ready(fmapfs_conn_of(dir));
	if (rc)
		return rc;
	if (fmapfs_proto_known_missing(sb, opcode))
		return -ENOSYS;
	ff = fmapfs_file_new(flags);
	if (!ff)
		return -ENOMEM;
	rc = create(dir, dentry, flags, mode, opcode, made, ff);
	if (rc)
		kfree(ff);
	else
		*ffp = ff;
	return fmapfs_proto_remember_missing(sb, opcode, rc);
}

/**
 * fmapfs_created_of - say whose file it is that CREATE has opened
 * @ff: the open file, not yet in use
 * @node: of the inode, or of the lookup that is given back for want of one; not
 *	forgotten before the file is released
 */
void fmapfs_created_of(struct fmapfs_file *ff, struct fmapfs_forget *node)
{
	ff->release->node = fmapfs_forget_get(node);
}
