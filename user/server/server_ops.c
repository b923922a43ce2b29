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

static void refuse_removexattr(fuse_req_t req, fuse_ino_t ino,
			       const char *name)
{
	(void)ino, (void)name;
	fuse_reply_err(req, ENODATA);
}

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
	.flush = server_flush,
	.release = server_release,
	.fallocate = server_fallocate,
	.forget = server_forget,
	.forget_multi = server_forget_multi,
	.mknod = server_mknod,
	.create = server_create,
	.mkdir = server_mkdir,
	.unlink = server_unlink,
	.rmdir = server_rmdir,
	.symlink = server_symlink,
	.rename = server_rename,
	.link = server_link,
	.setxattr = server_setxattr,
	.removexattr = refuse_removexattr,
};

const struct fuse_fmap_ops server_fmap_ops = {
	.get_fmap = server_get_fmap,
	.get_daxdev = server_get_daxdev,
	.log = server_log,
	.save = server_save,
};
