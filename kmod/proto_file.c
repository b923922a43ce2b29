// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function per opcode: open files and directories.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "proto.h"

/*
 * The request that closes a file is made before the file is opened, so that
 * closing cannot fail, and so that it is there for the reply to an OPEN whose
 * caller has been killed. It is held back by the open file, and by each request
 * that names the handle until it is finished: the server sees it after them.
 */
static struct fmapfs_req *new_release(struct inode *inode, unsigned int flags)
{
	bool dir = S_ISDIR(inode->i_mode);
	struct fuse_release_in *in;
	struct fmapfs_req *req;

	req = fmapfs_proto_req(inode, dir ? FUSE_RELEASEDIR : FUSE_RELEASE,
			       sizeof(*in), 0, 0);
	if (req) {
		fmapfs_req_of_nobody(req);
		in = fmapfs_req_body(req);
		in->flags = flags;
	}
	return req;
}

static void set_handle(struct fmapfs_req *release, u64 fh)
{
	struct fuse_release_in *in = fmapfs_req_body(release);

	in->fh = fh;
}

static void open_late(struct fmapfs_req *req)
{
	const struct fuse_open_out *out = req->out;

	set_handle(req->priv, out->fh);
	fmapfs_req_send_background(req->priv);
}

static void open_end(struct fmapfs_req *req)
{
	fmapfs_req_put(req->priv);
}

/* What a server that empties files itself, and takes set-id bits away, is told. */
static void encode_trunc(struct inode *inode, unsigned int flags,
			 struct fuse_open_in *in)
{
	u64 agreed = fmapfs_agreed(inode->i_sb)->flags;

	if (!(agreed & FUSE_ATOMIC_O_TRUNC) || !(flags & O_TRUNC))
		return;
	in->flags |= O_TRUNC;
	if (agreed & FUSE_HANDLE_KILLPRIV_V2 && !capable(CAP_FSETID))
		in->open_flags |= FUSE_OPEN_KILL_SUIDGID;
}

static int call_open(struct inode *inode, u32 opcode, unsigned int flags,
		     struct fmapfs_file *ff)
{
	struct fuse_open_out *out;
	struct fuse_open_in *in;
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_proto_req(inode, opcode, sizeof(*in), sizeof(*out), 0);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->flags = ff->flags;
	encode_trunc(inode, flags, in);
	req->priv = fmapfs_req_get(ff->release);
	req->late = open_late;
	req->end = open_end;
	rc = fmapfs_req_send(req);
	if (!rc) {
		out = req->out;
		ff->fh = out->fh;
		ff->open_flags = out->open_flags;
		set_handle(ff->release, ff->fh);
	}
	fmapfs_req_put(req);
	return rc;
}

/*
 * Opens by asking. A server without the opcode needs neither that nor a RELEASE;
 * what is read may be kept from one open to the next then.
 */
static int open_handle(struct inode *inode, unsigned int flags,
		       struct fmapfs_file *ff)
{
	bool dir = S_ISDIR(inode->i_mode);
	u32 opcode = dir ? FUSE_OPENDIR : FUSE_OPEN;
	int rc;

	ff->open_flags = FOPEN_KEEP_CACHE | (dir ? FOPEN_CACHE_DIR : 0);
	if (fmapfs_proto_known_missing(inode->i_sb, opcode))
		return 0;
	ff->release = new_release(inode, ff->flags);
	if (!ff->release)
		return -ENOMEM;
	rc = call_open(inode, opcode, flags, ff);
	if (!rc)
		return 0;
	fmapfs_req_put(ff->release);
	ff->release = NULL;
	if (rc != -ENOSYS)
		return rc;
	set_bit(opcode, &fmapfs_sb(inode->i_sb)->no_op);
	return 0;
}

/**
 * fmapfs_file_new - an open file that the server has not opened yet
 * @flags: O_*
 *
 * Return: to be freed with kfree() as long as it is not open; NULL: no memory.
 */
struct fmapfs_file *fmapfs_file_new(unsigned int flags)
{
	struct fmapfs_file *ff = kzalloc(sizeof(*ff), GFP_KERNEL_ACCOUNT);

	if (ff)
		ff->flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
	return ff;
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
	struct fmapfs_file *ff = fmapfs_file_new(flags);
	int rc;

	if (!ff)
		return -ENOMEM;
	rc = open_handle(inode, flags, ff);
	if (rc)
		kfree(ff);
	else
		*ffp = ff;
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
	if (ff->release)
		fmapfs_req_let_go(ff->release);
	kfree(ff);
}

/**
 * fmapfs_proto_close - RELEASE or RELEASEDIR of a file that was in use
 * @ff: consumed
 * @flags: O_* that it has at its end: fcntl(F_SETFL) may have changed them
 *
 * Neither waits nor fails.
 */
void fmapfs_proto_close(struct fmapfs_file *ff, unsigned int flags)
{
	struct fuse_release_in *in;

	/* Held back: nobody else looks at it before it is let go. */
	if (ff->release) {
		fmapfs_req_of_nobody(ff->release);
		in = fmapfs_req_body(ff->release);
		in->flags = flags;
	}
	fmapfs_proto_release(ff);
}

/*
 * An opcode that names a handle, has no reply body, and may be missing: then
 * nothing is due.
 */
static int call_optional(struct inode *inode, const struct fmapfs_file *ff,
			 u32 opcode, const void *in, u32 size)
{
	struct fmapfs_req *req;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, opcode))
		return 0;
	req = fmapfs_proto_req(inode, opcode, size, 0, 0);
	if (!req)
		return -ENOMEM;
	memcpy(fmapfs_req_body(req), in, size);
	fmapfs_req_hold_back(req, ff->release);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	if (rc != -ENOSYS)
		return rc;
	set_bit(opcode, &fmapfs_sb(inode->i_sb)->no_op);
	return 0;
}

static siphash_key_t owner_key __ro_after_init;

void __init fmapfs_proto_file_init(void)
{
	get_random_bytes(&owner_key, sizeof(owner_key));
}

/* Tells owners of locks apart, and tells no kernel address. */
u64 fmapfs_owner_id(fl_owner_t owner)
{
	return siphash_1u64((unsigned long)owner, &owner_key);
}

static void flush_end(struct fmapfs_req *req)
{
	if (req->priv)
		fmapfs_flush_over(req->priv);
}

/**
 * fmapfs_proto_flush - FLUSH: a file descriptor is closed
 * @inode: of what
 * @ff: the open file
 * @owner: of locks
 * @wait: for the answer; not in a task that is exiting, which takes no signals
 *	any more and could never be freed from a hung server
 *
 * The server drops the owner's POSIX locks by it, so it is sent even if the
 * caller is killed: nobody could do it again.
 */
int fmapfs_proto_flush(struct inode *inode, const struct fmapfs_file *ff,
		       fl_owner_t owner, bool wait)
{
	struct fuse_flush_in *in;
	struct fmapfs_req *req;
	int rc;

	if (fmapfs_proto_known_missing(inode->i_sb, FUSE_FLUSH))
		return 0;
	req = fmapfs_proto_req(inode, FUSE_FLUSH, sizeof(*in), 0,
			       FMAPFS_REQ_SURE);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->fh = ff->fh;
	in->lock_owner = fmapfs_owner_id(owner);
	fmapfs_req_hold_back(req, ff->release);
	req->priv = fmapfs_flush_begin(inode);
	req->end = flush_end;
	rc = wait ? fmapfs_req_send(req) : fmapfs_req_send_background(req);
	fmapfs_req_put(req);
	if (rc != -ENOSYS)
		return rc;
	set_bit(FUSE_FLUSH, &fmapfs_sb(inode->i_sb)->no_op);
	return 0;
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
	u32 opcode = S_ISDIR(inode->i_mode) ? FUSE_FSYNCDIR : FUSE_FSYNC;
	struct fuse_fsync_in in = {
		.fh = ff->fh,
		.fsync_flags = datasync ? FUSE_FSYNC_FDATASYNC : 0,
	};

	return call_optional(inode, ff, opcode, &in, sizeof(in));
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

static void forget_entry(struct fmapfs_dirbuf *buf, u64 nodeid)
{
	fmapfs_forget_send(buf->req->conn,
			   fmapfs_forget_new(GFP_KERNEL | __GFP_NOFAIL),
			   nodeid, 1);
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
			forget_entry(buf, entry->nodeid);
	}
}

static void readdirplus_late(struct fmapfs_req *req)
{
	struct fmapfs_dirbuf buf = { .req = req, .plus = true };

	forget_rest(&buf);
}

/**
 * fmapfs_proto_readdir - READDIR or READDIRPLUS
 * @file: the open directory
 * @pos: where to start: 0, or fmapfs_dirent.next of the entry before
 * @size: bytes of entries at most
 * @plus: with a lookup of each entry
 * @buf: result; to be walked with fmapfs_dirbuf_next(), freed with
 *	fmapfs_dirbuf_free()
 */
int fmapfs_proto_readdir(struct file *file, u64 pos, u32 size, bool plus,
			 struct fmapfs_dirbuf *buf)
{
	const struct fmapfs_file *ff = file->private_data;
	struct inode *dir = file_inode(file);
	struct fuse_read_in *in;
	int rc;

	buf->plus = plus;
	buf->at = 0;
	buf->version = fmapfs_attr_version(dir->i_sb);
	buf->req = fmapfs_proto_req(dir, plus ? FUSE_READDIRPLUS : FUSE_READDIR,
				    sizeof(*in), size, FMAPFS_REQ_OUTVAR);
	if (!buf->req)
		return -ENOMEM;
	fmapfs_req_hold_back(buf->req, ff->release);
	if (plus)
		buf->req->late = readdirplus_late;
	in = fmapfs_req_body(buf->req);
	in->fh = ff->fh;
	in->offset = pos;
	in->size = size;
	in->flags = file->f_flags;
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
	/* As in FUSE: a name is listed also if what came along is of no use. */
	if (ent->has_entry &&
	    fmapfs_decode_entry(sb, opcode, entry, buf->version,
				&ent->entry)) {
		forget_entry(buf, entry->nodeid);
		ent->has_entry = false;
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
