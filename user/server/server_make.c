// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names that come and go. Without an operation of the layout for it, names are what
 * they are: EROFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "server.h"

static struct layout_new what_is_new(fuse_req_t req, fuse_ino_t parent,
				     const char *name, mode_t mode)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct layout_new) {
		.dir = parent, .name = name, .mode = mode & 07777,
		.uid = ctx->uid, .gid = ctx->gid,
	};
}

/* As in other file systems: in a directory with the bit set, the group is its. */
static int take_group(struct server *srv, struct layout_new *new, bool is_dir)
{
	struct stat st;
	int rc = srv->ops->getattr(srv->layout, new->dir, &st);

	if (!rc && st.st_mode & S_ISGID) {
		new->gid = st.st_gid;
		if (is_dir)
			new->mode |= S_ISGID;
	}
	return rc;
}

void server_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode)
{
	struct layout_new new = what_is_new(req, parent, name, mode);
	struct server *srv = server_of(req);
	struct fuse_entry_param e;
	struct stat st;
	int rc = srv->ops->mkdir ? take_group(srv, &new, true) : -EROFS;

	if (!rc)
		rc = srv->ops->mkdir(srv->layout, &new, &st);
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	server_fill_entry(srv, &st, &e);
	fuse_reply_entry(req, &e);
}

void server_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		   mode_t mode, struct fuse_file_info *fi)
{
	struct layout_new new = what_is_new(req, parent, name, mode);
	struct server *srv = server_of(req);
	struct fuse_entry_param e;
	struct stat st;
	int rc = srv->ops->create ? take_group(srv, &new, false) : -EROFS;

	if (!rc)
		rc = srv->ops->create(srv->layout, &new, fi->flags, &st);
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	server_fill_entry(srv, &st, &e);
	fi->fh = fi->flags & O_ACCMODE;
	if (fuse_reply_create(req, &e, fi)) {
		srv->ops->release(srv->layout, st.st_ino, fi->flags);
		srv->ops->forget(srv->layout, st.st_ino, 1);
	}
}

static void refuse(fuse_req_t req, enum layout_refusal what, fuse_ino_t parent,
		   const char *name)
{
	struct server *srv = server_of(req);
	int rc = srv->ops->refuse ?
		srv->ops->refuse(srv->layout, what, parent, name) : -EROFS;

	fuse_reply_err(req, -rc);
}

void server_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, dev_t rdev)
{
	(void)mode, (void)rdev;
	refuse(req, REFUSE_MKNOD, parent, name);
}

void server_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		    const char *name)
{
	(void)target;
	refuse(req, REFUSE_SYMLINK, parent, name);
}

void server_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
		 const char *newname)
{
	(void)ino;
	refuse(req, REFUSE_LINK, newparent, newname);
}

void server_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	refuse(req, REFUSE_RMDIR, parent, name);
}

void server_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *srv = server_of(req);
	int rc = srv->ops->unlink ?
		srv->ops->unlink(srv->layout, parent, name) : -EROFS;

	fuse_reply_err(req, -rc);
}

void server_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		   fuse_ino_t newparent, const char *newname,
		   unsigned int flags)
{
	struct server *srv = server_of(req);
	int rc = srv->ops->rename ?
		srv->ops->rename(srv->layout, parent, name, newparent, newname,
				 flags) : -EROFS;

	fuse_reply_err(req, -rc);
}

void server_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct server *srv = server_of(req);

	if (srv->ops->forget)
		srv->ops->forget(srv->layout, ino, count);
	fuse_reply_none(req);
}

void server_forget_multi(fuse_req_t req, size_t count,
			 struct fuse_forget_data *forgets)
{
	struct server *srv = server_of(req);
	size_t i;

	for (i = 0; i < count && srv->ops->forget; i++)
		srv->ops->forget(srv->layout, forgets[i].ino,
				 forgets[i].nlookup);
	fuse_reply_none(req);
}
