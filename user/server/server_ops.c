// SPDX-License-Identifier: GPL-2.0-only
/* The table of operations, and those with nothing to do but to refuse. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "server.h"

/* Of the protocol: from it on, the kernel sends again what is unanswered. */
#define MINOR_RESEND	40

static void refuse_to_serve(struct server *srv, const char *why)
{
	log_line(LOG_ERR, "%s", why);
	srv->failed = true;
	fuse_session_exit(fuse_fmap_session_fuse(srv->session));
}

static void server_init(void *userdata, struct fuse_conn_info *conn)
{
	struct server *srv = userdata;

	/* Truncation is for setattr to judge, also that by open(2). */
	conn->want &= ~FUSE_CAP_ATOMIC_O_TRUNC;
	if (srv->no_fmap)
		fuse_fmap_want(srv->session, false);
	else if (!fuse_fmap_offered(srv->session))
		refuse_to_serve(srv, "there is no serving without fmaps, which the kernel does not offer; --no-fmap serves by read and write requests");
	/* Who waits for a request that was read, and is lost, cannot be killed. */
	if (srv->store && srv->store->keep && conn->proto_minor < MINOR_RESEND)
		refuse_to_serve(srv, "--takeover: this kernel's own fuse sends nothing again to a successor (Linux 6.9 and newer do, and fmapfs does)");
}

static void server_log(void *userdata, enum fuse_log_level level,
		       const char *message)
{
	(void)userdata;
	log_line(level, "%s", message);
}

static void server_save(void *userdata, const void *state, size_t size)
{
	struct server *srv = userdata;

	if (srv->store)
		store_init(srv->store, state, size);
}

/* Names are what the layout says. */
static void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	fuse_reply_err(req, EROFS);
}

static void refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			  mode_t mode, struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	fuse_reply_err(req, EROFS);
}

static void refuse_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void refuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
			   const char *name)
{
	(void)link, (void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void refuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			  fuse_ino_t newparent, const char *newname,
			  unsigned int flags)
{
	(void)parent, (void)name, (void)newparent, (void)newname, (void)flags;
	fuse_reply_err(req, EROFS);
}

static void refuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
			const char *newname)
{
	(void)ino, (void)newparent, (void)newname;
	fuse_reply_err(req, EROFS);
}

static void refuse_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			    const char *value, size_t size, int flags)
{
	(void)ino, (void)name, (void)value, (void)size, (void)flags;
	fuse_reply_err(req, EOPNOTSUPP);
}

static void refuse_removexattr(fuse_req_t req, fuse_ino_t ino,
			       const char *name)
{
	(void)ino, (void)name;
	fuse_reply_err(req, ENODATA);
}

/* Nothing is to be done on forget, flush and release: libfuse does it. */
const struct fuse_lowlevel_ops server_ops = {
	.init = server_init,
	.lookup = server_lookup,
	.getattr = server_getattr,
	.setattr = server_setattr,
	.access = server_access,
	.statfs = server_statfs,
	.getxattr = server_getxattr,
	.listxattr = server_listxattr,
	.opendir = server_opendir,
	.readdir = server_readdir,
	.readdirplus = server_readdirplus,
	.open = server_open,
	.read = server_read,
	.write = server_write,
	.fsync = server_fsync,
	.mknod = refuse_mknod,
	.create = refuse_create,
	.mkdir = refuse_mkdir,
	.unlink = refuse_remove,
	.rmdir = refuse_remove,
	.symlink = refuse_symlink,
	.rename = refuse_rename,
	.link = refuse_link,
	.setxattr = refuse_setxattr,
	.removexattr = refuse_removexattr,
};

const struct fuse_fmap_ops server_fmap_ops = {
	.get_fmap = server_get_fmap,
	.get_daxdev = server_get_daxdev,
	.log = server_log,
	.save = server_save,
};
