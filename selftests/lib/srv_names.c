// SPDX-License-Identifier: GPL-2.0
/* What the scripted server does to names: making, moving and removing them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "srv.h"
#include "tap.h"

static struct node *make_node(struct call *c, const char *name, uint32_t mode)
{
	struct node *n;

	if (*name && srv_find_name(c->s, c->node->id, name))
		return NULL;
	n = srv_node(c->s, c->node->id, name, mode);
	n->gone = !*name;
	n->uid = c->in->uid;
	n->gid = c->in->gid;
	n->entry_ms = c->node->entry_ms;
	n->attr_ms = c->node->attr_ms;
	if (S_ISREG(mode)) {
		n->data_room = 64 * KIB;
		n->data = srv_alloc(c->s, n->data_room);
	}
	return n;
}

static int entry_reply(struct call *c, const struct node *n)
{
	if (!n)
		return -EEXIST;
	srv_fill_entry(n, (void *)c->out);
	return sizeof(struct fuse_entry_out);
}

int srv_mknod(struct call *c)
{
	const struct fuse_mknod_in *in = c->body;
	struct node *n = make_node(c, srv_name_in(c, sizeof(*in)), in->mode);

	if (n)
		n->rdev = in->rdev;
	return entry_reply(c, n);
}

int srv_mkdir(struct call *c)
{
	const struct fuse_mkdir_in *in = c->body;

	return entry_reply(c, make_node(c, srv_name_in(c, sizeof(*in)),
					in->mode | S_IFDIR));
}

int srv_symlink(struct call *c)
{
	const char *name = c->body, *link = name + strlen(name) + 1;
	struct node *n = make_node(c, name, S_IFLNK | 0777);

	if (n) {
		n->size = strlen(link);
		n->data = srv_alloc(c->s, n->size + 1);
		memcpy(n->data, link, n->size);
	}
	return entry_reply(c, n);
}

int srv_readlink(struct call *c)
{
	if (!S_ISLNK(c->node->mode))
		return -EINVAL;
	memcpy(c->out, c->node->data, c->node->size);
	return c->node->size;
}

int srv_link(struct call *c)
{
	const struct fuse_link_in *in = c->body;
	struct node *n = srv_find(c->s, in->oldnodeid), *name;

	if (!n)
		return -ESTALE;
	name = make_node(c, srv_name_in(c, sizeof(*in)), 0);
	if (!name)
		return -EEXIST;
	name->target = n->id;
	n->nlink++;
	return entry_reply(c, n);
}

static int remove_name(struct call *c, const char *name, bool dir)
{
	struct node *n = srv_name_node(c->s, c->node->id, name);
	struct node *file = n && n->target ? srv_find(c->s, n->target) : n;
	int i;

	if (!n)
		return -ENOENT;
	if (dir != S_ISDIR(file->mode))
		return dir ? -ENOTDIR : -EISDIR;
	for (i = 0; dir && i < c->s->nnodes; i++)
		if (c->s->nodes[i].parent == n->id && !c->s->nodes[i].gone)
			return -ENOTEMPTY;
	n->gone = true;
	file->nlink = dir ? 0 : file->nlink - 1;
	return 0;
}

int srv_unlink(struct call *c)
{
	return remove_name(c, c->body, false);
}

int srv_rmdir(struct call *c)
{
	return remove_name(c, c->body, true);
}

static int rename_names(struct call *c, const char *from, uint64_t newdir,
			uint32_t flags)
{
	const char *to = from + strlen(from) + 1;
	struct node *a = srv_name_node(c->s, c->node->id, from);
	struct node *b = srv_name_node(c->s, newdir, to);

	if (!a || (!b && flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (b && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (b && flags & RENAME_EXCHANGE) {
		b->parent = a->parent;
		strcpy(b->name, from);
	} else if (b) {
		b->gone = true;
		b->nlink--;
	}
	a->parent = newdir;
	strcpy(a->name, to);
	return 0;
}

int srv_rename(struct call *c)
{
	const struct fuse_rename_in *in = c->body;

	return rename_names(c, srv_name_in(c, sizeof(*in)), in->newdir, 0);
}

int srv_rename2(struct call *c)
{
	const struct fuse_rename2_in *in = c->body;

	return rename_names(c, srv_name_in(c, sizeof(*in)), in->newdir, in->flags);
}

/* Opens what is there already, unless O_EXCL; TMPFILE's has no name. */
int srv_create(struct call *c)
{
	const struct fuse_create_in *in = c->body;
	bool tmpfile = c->in->opcode == FUSE_TMPFILE;
	const char *name = tmpfile ? "" : srv_name_in(c, sizeof(*in));
	struct fuse_open_out *open;
	struct node *n = NULL;

	if (!tmpfile)
		n = srv_find_name(c->s, c->node->id, name);
	if (n && in->flags & O_EXCL)
		return -EEXIST;
	if (n && in->flags & O_TRUNC)
		n->size = 0;
	if (!n)
		n = make_node(c, name, in->mode);
	if (tmpfile)
		n->nlink = 0;
	srv_fill_entry(n, (void *)c->out);
	open = (void *)(c->out + sizeof(struct fuse_entry_out));
	memset(open, 0, sizeof(*open));
	open->fh = c->in->unique;
	open->open_flags = n->open_flags;
	return sizeof(struct fuse_entry_out) + sizeof(*open);
}
