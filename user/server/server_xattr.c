// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes: most layouts have none. */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

/* The answer to a request that may only want to know how much there is. */
static void reply_bytes(fuse_req_t req, const char *buf, size_t size, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, -n);
	else if (size)
		fuse_reply_buf(req, buf, n);
	else
		fuse_reply_xattr(req, n);
}

void server_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		     size_t size)
{
	struct server *srv = server_of(req);
	char *buf = NULL;
	ssize_t n = -ENODATA;

	if (srv->ops->getxattr && size > SERVER_IO_MAX) {
		n = -EINVAL;
	} else if (srv->ops->getxattr) {
		buf = size ? malloc(size) : NULL;
		n = size && !buf ? -ENOMEM :
		    srv->ops->getxattr(srv->layout, ino, name, buf, size);
	}
	reply_bytes(req, buf, size, n);
	free(buf);
}

void server_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct server *srv = server_of(req);
	char *buf = NULL;
	ssize_t n = 0;

	if (srv->ops->listxattr && size > SERVER_IO_MAX) {
		n = -EINVAL;
	} else if (srv->ops->listxattr) {
		buf = size ? malloc(size) : NULL;
		n = size && !buf ? -ENOMEM :
		    srv->ops->listxattr(srv->layout, ino, buf, size);
	}
	reply_bytes(req, buf, size, n);
	free(buf);
}

void server_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		     const char *value, size_t size, int flags)
{
	struct server *srv = server_of(req);
	int rc = -EOPNOTSUPP;

	if (srv->ops->setxattr)
		rc = srv->ops->setxattr(srv->layout, ino, name, value, size,
					flags);
	fuse_reply_err(req, -rc);
}
