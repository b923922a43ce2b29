// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mount whose layout has changed: names, attributes and maps that the kernel
 * has from another life of the server are wrong, perhaps. Names are looked up
 * again, and each node of the layout is refreshed. Nodes that the layout has no
 * more keep what they have: memory that they are mapped to stays theirs until
 * they are closed, for the kernel gives it to no other file before that.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "refresh.h"

/* How deep directories may be: names of one byte in a path of PATH_MAX. */
#define DEPTH_MAX	2048

/* A directory that is being gone through. */
struct place {
	uint64_t dir;
	uint64_t pos;
};

static int refresh_node(struct server *srv, uint64_t ino)
{
	int rc = fuse_fmap_notify_refresh(srv->session, ino);

	/* Most of them the kernel has never heard of. */
	return rc == -ENOENT ? 0 : rc;
}

/* All below the root, without recursion: depth is the layout's to choose. */
static int refresh_nodes(struct server *srv)
{
	static struct place way[DEPTH_MAX];
	unsigned int depth = 0;
	const char *name;
	struct stat st;
	int rc;

	way[0] = (struct place) { .dir = FUSE_ROOT_ID };
	rc = refresh_node(srv, FUSE_ROOT_ID);
	while (!rc) {
		struct place *at = &way[depth];

		if (srv->ops->entry(srv->layout, at->dir, at->pos++, &st,
				    &name)) {
			if (!depth--)
				break;
			continue;
		}
		rc = refresh_node(srv, st.st_ino);
		if (!rc && S_ISDIR(st.st_mode) && depth + 1 < DEPTH_MAX)
			way[++depth] = (struct place) { .dir = st.st_ino };
	}
	return rc;
}

bool refresh(struct server *srv)
{
	int rc = fuse_fmap_notify_inc_epoch(srv->session);

	if (!rc)
		rc = refresh_nodes(srv);
	if (rc)
		log_line(LOG_WARNING, "the layout has changed; the kernel cannot be told: %s",
			 strerror(-rc));
	else
		log_line(LOG_INFO, "the layout has changed; the kernel asks anew");
	return !rc;
}
