// SPDX-License-Identifier: GPL-2.0-only
/* Directories. An offset is the number of the entry that comes next. */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

#define DOTS	2	/* "." and "..", which layouts do not list */

void server_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	uint64_t parent;
	int rc = srv->ops->parent(srv->layout, ino, &parent);

	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* Entry number @pos, the dots included. */
static int entry_at(struct server *srv, fuse_ino_t ino, off_t pos,
		    struct stat *st, const char **name)
{
	uint64_t target = ino;
	int rc = 0;

	if (pos < 0)
		return -EINVAL;
	if (pos >= DOTS)
		return srv->ops->entry(srv->layout, ino, pos - DOTS, st, name);
	*name = pos ? ".." : ".";
	if (pos)
		rc = srv->ops->parent(srv->layout, ino, &target);
	return rc ? rc : srv->ops->getattr(srv->layout, target, st);
}

/* The next one, where there may be gaps. @pos: result: its number. */
static int entry_from(struct server *srv, fuse_ino_t ino, off_t *pos,
		      struct stat *st, const char **name)
{
	uint64_t next;
	int rc;

	if (!srv->ops->seek || *pos < DOTS)
		return entry_at(srv, ino, *pos, st, name);
	do {
		next = srv->ops->seek(srv->layout, ino, *pos - DOTS);
		if (next == UINT64_MAX)
			return -ENOENT;
		*pos = next + DOTS;
		rc = entry_at(srv, ino, *pos, st, name);
		/* It may have gone since. */
	} while (rc == -ENOENT && ++*pos);
	return rc;
}

/* Return: bytes that the entry takes; more than @size: it was not added. */
static size_t add(fuse_req_t req, bool plus, char *buf, size_t size,
		  const char *name, const struct stat *st, off_t next)
{
	struct fuse_entry_param e;

	if (!plus)
		return fuse_add_direntry(req, buf, size, name, st, next);
	server_fill_entry(server_of(req), st, &e);
	/* The dots are not looked up, nor what is counted. */
	if (next <= DOTS || e.ino & LAYOUT_PROVISIONAL)
		e.ino = 0;
	return fuse_add_direntry_plus(req, buf, size, name, &e, next);
}

static void read_entries(fuse_req_t req, fuse_ino_t ino, size_t size,
			 off_t off, bool plus)
{
	struct server *srv = server_of(req);
	size_t used = 0, need;
	const char *name;
	uint64_t parent;
	char *buf = NULL;
	struct stat st;
	int rc;

	rc = size > SERVER_IO_MAX ? -EINVAL :
				    srv->ops->parent(srv->layout, ino, &parent);
	if (!rc) {
		buf = malloc(size ? size : 1);
		rc = buf ? 0 : -ENOMEM;
	}
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	while (!(rc = entry_from(srv, ino, &off, &st, &name))) {
		need = add(req, plus, buf + used, size - used, name, &st,
			   off + 1);
		if (need > size - used)
			break;
		used += need;
		off++;
	}
	if (rc && rc != -ENOENT && !used)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
}

void server_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	(void)fi;
	read_entries(req, ino, size, off, false);
}

void server_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	(void)fi;
	read_entries(req, ino, size, off, true);
}
