// SPDX-License-Identifier: GPL-2.0
/*
 * What replies hand out and requests give back: lookups and handles. At the end
 * of a test both must be in balance, whatever the server has replied.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "srv.h"
#include "tap.h"

/* Counts a node id that no node has. */
static struct stray *srv_stray(struct srv *s, uint64_t id)
{
	int i;

	for (i = 0; i < s->nstrays; i++)
		if (s->strays[i].id == id)
			return &s->strays[i];
	if (i == SRV_STRAYS)
		FAIL("too many node ids that are no nodes");
	s->strays[i].id = id;
	s->nstrays++;
	return &s->strays[i];
}

static void count_lookup(struct srv *s, uint64_t id, int sign)
{
	struct node *n = srv_find(s, id);

	if (!id)
		return;
	if (n)
		n->lookups += sign;
	else
		srv_stray(s, id)->lookups += sign;
}

void srv_count_forgets(struct srv *s, uint64_t id, uint64_t n)
{
	struct node *node = srv_find(s, id);

	if (node)
		node->forgets += n;
	else
		srv_stray(s, id)->forgets += n;
}

static bool is_dot(const struct fuse_dirent *d)
{
	return d->name[0] == '.' &&
	       (d->namelen == 1 || (d->namelen == 2 && d->name[1] == '.'));
}

/* Up to the first record that cannot be one; "." and ".." do not count. */
static void count_listing(struct srv *s, const uint8_t *out, size_t len,
			  int sign)
{
	size_t at = 0;

	while (len - at >= FUSE_NAME_OFFSET_DIRENTPLUS) {
		const struct fuse_direntplus *d = (const void *)(out + at);

		if (!d->dirent.namelen || d->dirent.namelen > 1024 ||
		    FUSE_DIRENTPLUS_SIZE(d) > len - at)
			break;
		if (!is_dot(&d->dirent))
			count_lookup(s, d->entry_out.nodeid, sign);
		at += FUSE_DIRENTPLUS_SIZE(d);
	}
}

static void count_handle(struct srv *s, const void *open_out, int sign)
{
	const struct fuse_open_out *o = open_out;

	s->handles += sign;
	s->handle_sum += sign * o->fh;
}

/* The reply to a successful request: @sign 1: is given; -1: was refused. */
void srv_count_reply(struct srv *s, uint32_t opcode, const uint8_t *out,
		     size_t len, int sign)
{
	size_t entry = sizeof(struct fuse_entry_out);
	size_t handle = sizeof(struct fuse_open_out);

	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		if (len == entry)
			count_lookup(s, ((struct fuse_entry_out *)out)->nodeid,
				     sign);
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		/* What names no node has opened none. */
		if (len == entry + handle &&
		    ((struct fuse_entry_out *)out)->nodeid) {
			count_lookup(s, ((struct fuse_entry_out *)out)->nodeid,
				     sign);
			count_handle(s, out + entry, sign);
		}
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		if (len == handle)
			count_handle(s, out, sign);
		break;
	case FUSE_READDIRPLUS:
		count_listing(s, out, len, sign);
		break;
	}
}

/* What a request gives back. */
void srv_count_request(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_release_in *r = (const void *)(in + 1);

	if (in->opcode != FUSE_RELEASE && in->opcode != FUSE_RELEASEDIR)
		return;
	s->handles--;
	s->handle_sum -= r->fh;
}

/* All nodes but the root, which is never looked up. */
bool srv_all_forgotten(struct srv *s)
{
	for (int i = 1; i < s->nnodes; i++)
		if (s->nodes[i].forgets != s->nodes[i].lookups)
			return false;
	return true;
}

/* NULL, or which count is out of balance, in words. */
const char *srv_imbalance(struct srv *s)
{
	static char text[128];
	int i;

	for (i = 0; i < s->nnodes; i++)
		if (s->nodes[i].lookups != s->nodes[i].forgets) {
			snprintf(text, sizeof(text),
				 "node %#lx: %ld lookups, %ld forgets",
				 s->nodes[i].id, s->nodes[i].lookups,
				 s->nodes[i].forgets);
			return text;
		}
	for (i = 0; i < s->nstrays; i++)
		if (s->strays[i].lookups != s->strays[i].forgets) {
			snprintf(text, sizeof(text),
				 "no node %#lx: %ld lookups, %ld forgets",
				 s->strays[i].id, s->strays[i].lookups,
				 s->strays[i].forgets);
			return text;
		}
	if (s->handles || s->handle_sum) {
		snprintf(text, sizeof(text), "%ld handles are open, their sum %#lx",
			 s->handles, s->handle_sum);
		return text;
	}
	return NULL;
}
