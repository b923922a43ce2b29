// SPDX-License-Identifier: GPL-2.0-only
/* Names and attributes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

void server_fill_entry(const struct server *srv, const struct stat *st,
		       struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = st->st_ino;
	e->attr = *st;
	e->attr_timeout = srv->timeout;
	e->entry_timeout = srv->timeout;
}

void server_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *srv = server_of(req);
	struct fuse_entry_param e = { .entry_timeout = srv->timeout };
	struct stat st;
	int rc = srv->ops->lookup(srv->layout, parent, name, &st);

	if (!rc)
		server_fill_entry(srv, &st, &e);
	/* Node id 0: that there is none may be remembered, too. */
	if (rc && rc != -ENOENT)
		fuse_reply_err(req, -rc);
	else if (fuse_reply_entry(req, &e) && e.ino && srv->ops->forget)
		srv->ops->forget(srv->layout, e.ino, 1);
}

void server_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	struct stat st;
	int rc = srv->ops->getattr(srv->layout, ino, &st);

	(void)fi;
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_attr(req, &st, srv->timeout);
}

void server_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		    int to_set, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	struct stat st;
	int rc = srv->ops->setattr(srv->layout, ino, attr, to_set, &st);

	(void)fi;
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_attr(req, &st, srv->timeout);
}

/* Asked only when mounted without default_permissions. */
void server_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct server *srv = server_of(req);
	unsigned int granted;
	struct stat st;
	int rc = srv->ops->getattr(srv->layout, ino, &st);

	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	granted = ctx->uid == st.st_uid ? st.st_mode >> 6 :
		  ctx->gid == st.st_gid ? st.st_mode >> 3 : st.st_mode;
	/* root may do all, but execute what nobody may. */
	if (!ctx->uid)
		granted = R_OK | W_OK | (S_ISDIR(st.st_mode) ||
					 st.st_mode & 0111 ? X_OK : 0);
	fuse_reply_err(req, mask & ~granted & (R_OK | W_OK | X_OK) ?
		       EACCES : 0);
}

void server_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct server *srv = server_of(req);
	struct statvfs st;

	(void)ino;
	memset(&st, 0, sizeof(st));
	srv->ops->statfs(srv->layout, &st);
	fuse_reply_statfs(req, &st);
}
