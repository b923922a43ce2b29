// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: open files and directories.
 */
#include <linux/fs.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "proto.h"

/*
 * The request that closes a file is made before the file is opened, so that
 * closing cannot fail, and so that it is there for the reply to an OPEN whose
 * caller has been killed.
 */
static struct fmapfs_req *new_release(struct inode *inode, unsigned int flags)
{
	bool dir = S_ISDIR(inode->i_mode);
	struct fuse_release_in *in;
	struct fmapfs_req *req;

	req = fmapfs_req_new(fmapfs_conn_of(inode),
			     dir ? FUSE_RELEASEDIR : FUSE_RELEASE,
			     fmapfs_i(inode)->nodeid, sizeof(*in), 0,
			     FMAPFS_REQ_LAST);
	if (req) {
		in = fmapfs_req_body(req);
		in->flags = flags;
	}
	return req;
}

static void send_release(struct fmapfs_req *release, u64 fh)
{
	struct fuse_release_in *in = fmapfs_req_body(release);

	in->fh = fh;
	fmapfs_req_send_background(release);
}

static void open_late(struct fmapfs_req *req)
{
	const struct fuse_open_out *out = req->out;

	send_release(req->priv, out->fh);
}

static void open_end(struct fmapfs_req *req)
{
	fmapfs_req_put(req->priv);
}

static int call_open(struct inode *inode, unsigned int flags,
		     struct fmapfs_file *ff)
{
	bool dir = S_ISDIR(inode->i_mode);
	struct fuse_open_out *out;
	struct fuse_open_in *in;
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_req_new(fmapfs_conn_of(inode),
			     dir ? FUSE_OPENDIR : FUSE_OPEN,
			     fmapfs_i(inode)->nodeid, sizeof(*in),
			     sizeof(*out), 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->flags = flags;
	req->priv = fmapfs_req_get(ff->release);
	req->late = open_late;
	req->end = open_end;
	rc = fmapfs_req_send(req);
	if (!rc) {
		out = req->out;
		ff->fh = out->fh;
		ff->open_flags = out->open_flags;
	}
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_open - OPEN or OPENDIR
 * @inode: a file or directory
 * @flags: O_*
 * @ffp: result, to be closed with fmapfs_proto_release()
 */
int fmapfs_proto_open(struct inode *inode, unsigned int flags,
		      struct fmapfs_file **ffp)
{
	struct fmapfs_file *ff = kzalloc(sizeof(*ff), GFP_KERNEL_ACCOUNT);
	int rc = -ENOMEM;

	if (!ff)
		return -ENOMEM;
	flags &= ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
	ff->flags = flags;
	ff->release = new_release(inode, flags);
	if (!ff->release)
		goto free_ff;
	rc = call_open(inode, flags, ff);
	if (rc)
		goto put_release;
	*ffp = ff;
	return 0;

put_release:
	fmapfs_req_put(ff->release);
free_ff:
	kfree(ff);
	return rc;
}

/**
 * fmapfs_proto_release - RELEASE or RELEASEDIR
 * @ff: consumed
 *
 * Neither waits nor fails.
 */
void fmapfs_proto_release(struct fmapfs_file *ff)
{
	send_release(ff->release, ff->fh);
	fmapfs_req_put(ff->release);
	kfree(ff);
}

/* An opcode without a reply body that a server may lack: then nothing is due. */
static int call_optional(struct inode *inode, u32 opcode, const void *in,
			 u32 size)
{
	struct fmapfs_sb *fs = fmapfs_sb(inode->i_sb);
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, opcode))
		return 0;
	rc = fmapfs_proto_call(fs->conn, opcode, fmapfs_i(inode)->nodeid, in,
			       size, NULL, 0);
	if (rc != -ENOSYS)
		return rc;
	set_bit(opcode, &fs->no_op);
	return 0;
}

/* Tells owners of locks apart, and tells no kernel address. */
static u64 owner_id(fl_owner_t owner)
{
	static siphash_key_t key __read_mostly;

	get_random_once(&key, sizeof(key));
	return siphash_1u64((unsigned long)owner, &key);
}

/* A task that is exiting takes no signals: it must not wait for a server. */
static int flush_at_exit(struct inode *inode, const struct fuse_flush_in *in)
{
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_req_new(fmapfs_conn_of(inode), FUSE_FLUSH,
			     fmapfs_i(inode)->nodeid, sizeof(*in), 0, 0);
	if (!req)
		return -ENOMEM;
	memcpy(fmapfs_req_body(req), in, sizeof(*in));
	rc = fmapfs_req_send_background(req);
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_flush - FLUSH: a file descriptor is closed
 * @inode: of what
 * @ff: the open file
 * @owner: of locks
 *
 * Does not wait in a task that is exiting; it goes out before the RELEASE.
 */
int fmapfs_proto_flush(struct inode *inode, const struct fmapfs_file *ff,
		       fl_owner_t owner)
{
	struct fuse_flush_in in = {
		.fh = ff->fh,
		.lock_owner = owner_id(owner),
	};

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_FLUSH))
		return 0;
	if (current->flags & PF_EXITING)
		return flush_at_exit(inode, &in);
	return call_optional(inode, FUSE_FLUSH, &in, sizeof(in));
}

/**
 * fmapfs_proto_fsync - FSYNC or FSYNCDIR
 * @inode: of what
 * @ff: the open file
 * @datasync: the data only
 */
int fmapfs_proto_fsync(struct inode *inode, const struct fmapfs_file *ff,
		       bool datasync)
{
	struct fuse_fsync_in in = {
		.fh = ff->fh,
		.fsync_flags = datasync ? FUSE_FSYNC_FDATASYNC : 0,
	};

	return call_optional(inode, S_ISDIR(inode->i_mode) ?
			     FUSE_FSYNCDIR : FUSE_FSYNC, &in, sizeof(in));
}

/**
 * fmapfs_proto_read - READ
 * @inode: of what
 * @ff: the open file
 * @flags: O_*
 * @pos: bytes from the start
 * @size: bytes; at most what is agreed on
 * @to: takes the data
 *
 * Return: bytes read, or -errno.
 */
ssize_t fmapfs_proto_read(struct inode *inode, const struct fmapfs_file *ff,
			  unsigned int flags, u64 pos, u32 size,
			  struct iov_iter *to)
{
	struct fuse_read_in *in;
	struct fmapfs_req *req;
	ssize_t rc;

	req = fmapfs_req_new(fmapfs_conn_of(inode), FUSE_READ,
			     fmapfs_i(inode)->nodeid, sizeof(*in), size,
			     FMAPFS_REQ_OUTVAR);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->offset = pos;
	in->size = size;
	in->flags = flags;
	rc = fmapfs_req_send(req);
	if (!rc) {
		rc = copy_to_iter(req->out, req->out_len, to);
		if (!rc && req->out_len)
			rc = -EFAULT;
	}
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_write - WRITE
 * @inode: of what
 * @ff: the open file
 * @flags: O_*
 * @pos: bytes from the start
 * @size: bytes; at most what is agreed on
 * @from: has the data; advanced by @size, the caller reverts what is not written
 *
 * Return: bytes written, or -errno.
 */
ssize_t fmapfs_proto_write(struct inode *inode, const struct fmapfs_file *ff,
			   unsigned int flags, u64 pos, u32 size,
			   struct iov_iter *from)
{
	const struct fuse_write_out *out;
	struct fuse_write_in *in;
	struct fmapfs_req *req;
	ssize_t rc = -EFAULT;

	req = fmapfs_req_new(fmapfs_conn_of(inode), FUSE_WRITE,
			     fmapfs_i(inode)->nodeid, sizeof(*in) + size,
			     sizeof(*out), 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->offset = pos;
	in->size = size;
	in->flags = flags;
	if (copy_from_iter(in + 1, size, from) != size)
		goto put_req;
	rc = fmapfs_req_send(req);
	if (rc)
		goto put_req;
	out = req->out;
	rc = out->size;
	if (out->size > size)
		rc = fmapfs_proto_bad(inode->i_sb, FUSE_WRITE, "size",
				      out->size);
put_req:
	fmapfs_req_put(req);
	return rc;
}

/* --- directories --- */

static bool is_dot(const struct fuse_dirent *d)
{
	return d->name[0] == '.' &&
	       (d->namelen == 1 || (d->namelen == 2 && d->name[1] == '.'));
}

/*
 * The raw entry at buf->at. Return: its size in bytes; 0: the end, or no more
 * than a part of one; -EIO: nothing that can be read on from.
 */
static ssize_t raw_dirent(const struct fmapfs_dirbuf *buf,
			  const struct fuse_entry_out **entry,
			  const struct fuse_dirent **dirent)
{
	const void *p = buf->req->out + buf->at;
	size_t left = buf->req->out_len - buf->at, size;

	if (left < (buf->plus ? FUSE_NAME_OFFSET_DIRENTPLUS :
				FUSE_NAME_OFFSET))
		return 0;
	*entry = buf->plus ? &((const struct fuse_direntplus *)p)->entry_out :
			     NULL;
	*dirent = buf->plus ? &((const struct fuse_direntplus *)p)->dirent : p;
	if (!(*dirent)->namelen || (*dirent)->namelen > FMAPFS_NAME_MAX)
		return -EIO;
	size = buf->plus ? FUSE_DIRENTPLUS_SIZE((struct fuse_direntplus *)p) :
			   FUSE_DIRENT_SIZE(*dirent);
	return size <= left ? size : 0;
}

/* Gives back the lookups of the entries that nobody has consumed. */
static void forget_rest(struct fmapfs_dirbuf *buf)
{
	const struct fuse_entry_out *entry;
	const struct fuse_dirent *dirent;
	ssize_t size;

	while (buf->plus && (size = raw_dirent(buf, &entry, &dirent)) > 0) {
		buf->at += size;
		if (entry->nodeid && !is_dot(dirent))
			fmapfs_forget_send(buf->req->conn,
					   fmapfs_forget_new(GFP_KERNEL |
							     __GFP_NOFAIL),
					   entry->nodeid, 1);
	}
}

static void readdirplus_late(struct fmapfs_req *req)
{
	struct fmapfs_dirbuf buf = { .req = req, .plus = true };

	forget_rest(&buf);
}

/**
 * fmapfs_proto_readdir - READDIR or READDIRPLUS
 * @dir: of what
 * @ff: the open directory
 * @pos: where to start: 0, or fmapfs_dirent.next of the entry before
 * @size: bytes of entries at most
 * @plus: with a lookup of each entry
 * @buf: result; to be walked with fmapfs_dirbuf_next(), freed with
 *	fmapfs_dirbuf_free()
 */
int fmapfs_proto_readdir(struct inode *dir, const struct fmapfs_file *ff,
			 u64 pos, u32 size, bool plus,
			 struct fmapfs_dirbuf *buf)
{
	struct fuse_read_in *in;
	int rc;

	buf->plus = plus;
	buf->at = 0;
	buf->version = fmapfs_attr_version(dir->i_sb);
	buf->req = fmapfs_req_new(fmapfs_conn_of(dir),
				  plus ? FUSE_READDIRPLUS : FUSE_READDIR,
				  fmapfs_i(dir)->nodeid, sizeof(*in), size,
				  FMAPFS_REQ_OUTVAR);
	if (!buf->req)
		return -ENOMEM;
	if (plus)
		buf->req->late = readdirplus_late;
	in = fmapfs_req_body(buf->req);
	in->fh = ff->fh;
	in->offset = pos;
	in->size = size;
	rc = fmapfs_req_send(buf->req);
	if (rc)
		fmapfs_req_put(buf->req);
	return rc;
}

/**
 * fmapfs_dirbuf_next - the next entry
 * @sb: the mount
 * @buf: the entries
 * @ent: result; if it has an entry, its lookup is the caller's
 *
 * Return: 1: @ent is set; 0: that was all; -EIO: the rest makes no sense.
 */
int fmapfs_dirbuf_next(struct super_block *sb, struct fmapfs_dirbuf *buf,
		       struct fmapfs_dirent *ent)
{
	u32 opcode = buf->req->in->opcode;
	const struct fuse_entry_out *entry;
	const struct fuse_dirent *dirent;
	ssize_t size = raw_dirent(buf, &entry, &dirent);
	int rc;

	if (!size)
		return 0;
	if (size < 0)
		return fmapfs_proto_bad(sb, opcode, "namelen",
					dirent->namelen);
	if (memchr(dirent->name, '/', dirent->namelen) ||
	    memchr(dirent->name, 0, dirent->namelen))
		return fmapfs_proto_bad(sb, opcode, "name", dirent->off);

	ent->ino = dirent->ino;
	ent->next = dirent->off;
	ent->name = dirent->name;
	ent->namelen = dirent->namelen;
	ent->type = dirent->type;
	ent->has_entry = entry && entry->nodeid && !is_dot(dirent);
	if (ent->has_entry) {
		rc = fmapfs_decode_entry(sb, opcode, entry, buf->version,
					 &ent->entry);
		if (rc)
			return rc;
	}
	buf->at += size;
	return 1;
}

/**
 * fmapfs_dirbuf_free - free entries, and give back the lookups of the unread
 * @buf: the entries
 */
void fmapfs_dirbuf_free(struct fmapfs_dirbuf *buf)
{
	forget_rest(buf);
	fmapfs_req_put(buf->req);
}
