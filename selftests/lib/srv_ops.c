// SPDX-License-Identifier: GPL-2.0
/* What the scripted server answers by default, one function an opcode. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "srv.h"
#include "tap.h"

void srv_fill_attr(const struct node *n, struct fuse_attr *a)
{
	memset(a, 0, sizeof(*a));
	a->ino = n->id;
	a->size = n->size;
	a->blocks = (n->size + 511) / 512;
	a->atime = n->atime;
	a->mtime = n->mtime;
	a->ctime = n->ctime;
	a->rdev = n->rdev;
	a->mode = n->mode;
	a->nlink = n->nlink;
	a->uid = n->uid;
	a->gid = n->gid;
	a->blksize = PAGE;
}

void srv_fill_entry(const struct node *n, struct fuse_entry_out *e)
{
	memset(e, 0, sizeof(*e));
	e->nodeid = n->id;
	e->generation = n->generation;
	e->entry_valid = n->entry_ms / 1000;
	e->entry_valid_nsec = n->entry_ms % 1000 * 1000000;
	e->attr_valid = n->attr_ms / 1000;
	e->attr_valid_nsec = n->attr_ms % 1000 * 1000000;
	srv_fill_attr(n, &e->attr);
}

static int op_init(struct call *c)
{
	const struct fuse_init_in *in = c->body;
	struct fuse_init_out *out = (void *)c->out;
	uint64_t offered, flags;
	size_t len = c->body_len;

	if (len > sizeof(c->s->init))
		len = sizeof(c->s->init);
	memcpy(&c->s->init, in, len);
	c->s->init_len = c->body_len;
	if (c->s->init_error)
		return -c->s->init_error;
	offered = in->flags;
	if (offered & FUSE_INIT_EXT)
		offered |= (uint64_t)in->flags2 << 32;
	flags = (c->s->want & offered) | c->s->force;
	memset(out, 0, sizeof(*out));
	out->major = c->s->major;
	out->minor = c->s->minor;
	out->max_readahead = c->s->max_readahead ? c->s->max_readahead :
						   in->max_readahead;
	out->flags = flags;
	out->flags2 = flags >> 32;
	out->max_background = c->s->max_background;
	out->congestion_threshold = c->s->congestion_threshold;
	out->max_write = c->s->max_write;
	out->max_pages = c->s->max_pages;
	out->time_gran = c->s->time_gran ? c->s->time_gran : 1;
	/* Newer than the headers of some beds. */
	memcpy((uint8_t *)out + 40, &c->s->request_timeout,
	       sizeof(c->s->request_timeout));
	return sizeof(*out);
}

static int op_lookup(struct call *c)
{
	struct fuse_entry_out *out = (void *)c->out;
	const char *name = c->body;
	struct node *n;

	/* As who has agreed to FUSE_EXPORT_SUPPORT is asked. */
	if (!strcmp(name, "."))
		n = c->node;
	else if (!strcmp(name, ".."))
		n = srv_find(c->s, c->node->parent);
	else
		n = srv_find_name(c->s, c->in->nodeid, name);
	if (n) {
		srv_fill_entry(n, out);
	} else if (c->s->negative_ms) {
		memset(out, 0, sizeof(*out));
		out->entry_valid = c->s->negative_ms / 1000;
		out->entry_valid_nsec = c->s->negative_ms % 1000 * 1000000;
	} else {
		return -ENOENT;
	}
	return sizeof(*out);
}

static int op_forget(struct call *c)
{
	const struct fuse_forget_in *in = c->body;

	srv_count_forgets(c->s, c->in->nodeid, in->nlookup);
	return SRV_NO_REPLY;
}

static int op_batch_forget(struct call *c)
{
	const struct fuse_batch_forget_in *in = c->body;
	const struct fuse_forget_one *one = (const void *)(in + 1);
	uint32_t i;

	for (i = 0; i < in->count; i++)
		srv_count_forgets(c->s, one[i].nodeid, one[i].nlookup);
	return SRV_NO_REPLY;
}

static int attr_reply(struct call *c)
{
	struct fuse_attr_out *out = (void *)c->out;

	memset(out, 0, sizeof(*out));
	out->attr_valid = c->node->attr_ms / 1000;
	out->attr_valid_nsec = c->node->attr_ms % 1000 * 1000000;
	srv_fill_attr(c->node, &out->attr);
	return sizeof(*out);
}

/* The other map, of the new size. */
void srv_swap_fmaps(struct node *n)
{
	uint8_t *fmap = n->fmap_other;

	n->fmap_other = n->fmap;
	n->fmap = fmap;
	((struct fuse_famfs_fmap_header *)fmap)->file_size = n->size;
}

static int op_setattr(struct call *c)
{
	const struct fuse_setattr_in *in = c->body;
	struct node *n = c->node;

	if (in->valid & FATTR_SIZE) {
		if (n->fmap && !n->may_truncate)
			return -EOPNOTSUPP;
		if (!n->fmap && in->size > n->data_room)
			return -ENOSPC;
		if (n->data && in->size < n->size)
			memset(n->data + in->size, 0, n->size - in->size);
		n->size = in->size;
		if (n->fmap_other)
			srv_swap_fmaps(n);
	}
	if (in->valid & FATTR_MODE)
		n->mode = (n->mode & S_IFMT) | (in->mode & 07777);
	if (in->valid & FATTR_UID)
		n->uid = in->uid;
	if (in->valid & FATTR_GID)
		n->gid = in->gid;
	if (in->valid & FATTR_ATIME)
		n->atime = in->atime;
	if (in->valid & FATTR_MTIME)
		n->mtime = in->mtime;
	if (in->valid & FATTR_KILL_SUIDGID)
		n->mode &= ~S_ISUID;
	return attr_reply(c);
}

static int op_open(struct call *c)
{
	struct fuse_open_out *out = (void *)c->out;

	memset(out, 0, sizeof(*out));
	out->fh = c->in->unique;
	out->open_flags = c->node->open_flags;
	if (((const struct fuse_open_in *)c->body)->flags & O_TRUNC) {
		c->node->size = 0;
		if (c->node->fmap_other)
			srv_swap_fmaps(c->node);
	}
	return sizeof(*out);
}

static int op_read(struct call *c)
{
	const struct fuse_read_in *in = c->body;
	uint64_t n = in->size;

	if (!c->node->data)
		return -EIO;
	if (in->offset >= c->node->size)
		return 0;
	if (n > c->node->size - in->offset)
		n = c->node->size - in->offset;
	memcpy(c->out, c->node->data + in->offset, n);
	return n;
}

static int op_write(struct call *c)
{
	const struct fuse_write_in *in = c->body;
	struct fuse_write_out *out = (void *)c->out;

	if (!c->node->data)
		return -EIO;
	if (in->offset + in->size > c->node->data_room)
		return -ENOSPC;
	memcpy(c->node->data + in->offset, in + 1, in->size);
	if (in->offset + in->size > c->node->size)
		c->node->size = in->offset + in->size;
	memset(out, 0, sizeof(*out));
	out->size = in->size;
	return sizeof(*out);
}

/* "." and ".." are at the offsets 0 and 1, node i at i + 2. */
static const struct node *dir_entry(struct srv *s, struct node *dir,
				    uint64_t *off, const char **name)
{
	if (*off < 2) {
		*name = *off ? ".." : ".";
		return dir;
	}
	for (; *off - 2 < (uint64_t)s->nnodes; (*off)++) {
		const struct node *n = &s->nodes[*off - 2];

		*name = n->name;
		if (n->parent == dir->id && !n->gone)
			return n->target ? srv_find(s, n->target) : n;
	}
	return NULL;
}

static int list_dir(struct call *c, bool plus)
{
	const struct fuse_read_in *in = c->body;
	uint64_t off = in->offset;
	const struct node *n;
	size_t used = 0;
	const char *name;

	for (; (n = dir_entry(c->s, c->node, &off, &name)); off++) {
		size_t head = plus ? sizeof(struct fuse_entry_out) : 0;
		size_t len = strlen(name);
		size_t size = FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + len);
		struct fuse_dirent *d = (void *)(c->out + used + head);

		if (used + size > in->size)
			break;
		memset(c->out + used, 0, size);
		if (plus && name[0] != '.')
			srv_fill_entry(n, (void *)(c->out + used));
		d->ino = n->id;
		d->off = off + 1;
		d->namelen = len;
		d->type = (n->mode & S_IFMT) >> 12;
		memcpy(d->name, name, len);
		used += size;
	}
	return used;
}

static int op_readdir(struct call *c)
{
	return list_dir(c, false);
}

static int op_readdirplus(struct call *c)
{
	return list_dir(c, true);
}

static int op_statfs(struct call *c)
{
	memcpy(c->out, &c->s->statfs, sizeof(c->s->statfs));
	return sizeof(c->s->statfs);
}

/* The answer to a question with a size: the size, the bytes, or ERANGE. */
static int sized_reply(struct call *c, const void *bytes, uint32_t size)
{
	const struct fuse_getxattr_in *in = c->body;
	struct fuse_getxattr_out *out = (void *)c->out;

	if (!in->size) {
		memset(out, 0, sizeof(*out));
		out->size = size;
		return sizeof(*out);
	}
	if (size > in->size)
		return -ERANGE;
	memcpy(c->out, bytes, size);
	return size;
}

static int op_getxattr(struct call *c)
{
	const char *name = (const char *)c->body +
			   sizeof(struct fuse_getxattr_in);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c->node->xattr); i++)
		if (!strcmp(name, c->node->xattr[i].name))
			return sized_reply(c, c->node->xattr[i].value,
					   c->node->xattr[i].size);
	return -ENODATA;
}

static int op_listxattr(struct call *c)
{
	char list[sizeof(c->node->xattr)];
	size_t i, used = 0;

	for (i = 0; i < ARRAY_SIZE(c->node->xattr); i++) {
		const char *name = c->node->xattr[i].name;

		if (*name) {
			strcpy(list + used, name);
			used += strlen(name) + 1;
		}
	}
	return sized_reply(c, list, used);
}

static int op_setxattr(struct call *c)
{
	const struct fuse_setxattr_in *in = c->body;
	size_t head = c->s->want & FUSE_SETXATTR_EXT ? sizeof(*in) :
		      FUSE_COMPAT_SETXATTR_IN_SIZE;
	const char *name = srv_name_in(c, head);
	struct xattr *x = NULL, *free = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c->node->xattr); i++) {
		if (!strcmp(name, c->node->xattr[i].name))
			x = &c->node->xattr[i];
		else if (!c->node->xattr[i].name[0])
			free = &c->node->xattr[i];
	}
	if (x && in->flags & XATTR_CREATE)
		return -EEXIST;
	if (!x && in->flags & XATTR_REPLACE)
		return -ENODATA;
	x = x ? x : free;
	if (!x || in->size > sizeof(x->value))
		return -ENOSPC;
	strcpy(x->name, name);
	memcpy(x->value, name + strlen(name) + 1, in->size);
	x->size = in->size;
	return 0;
}

static int op_removexattr(struct call *c)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c->node->xattr); i++)
		if (!strcmp(c->body, c->node->xattr[i].name)) {
			c->node->xattr[i].name[0] = 0;
			return 0;
		}
	return -ENODATA;
}

static int op_statx(struct call *c)
{
	struct fuse_statx_out *out = (void *)c->out;
	const struct node *n = c->node;
	struct fuse_statx *sx = &out->stat;

	memset(out, 0, sizeof(*out));
	out->attr_valid = n->attr_ms / 1000;
	out->attr_valid_nsec = n->attr_ms % 1000 * 1000000;
	sx->mask = n->sx_mask ? n->sx_mask : STATX_BASIC_STATS;
	sx->blksize = PAGE;
	sx->nlink = n->nlink;
	sx->uid = n->uid;
	sx->gid = n->gid;
	sx->mode = n->mode;
	sx->ino = n->id;
	sx->size = n->size;
	sx->blocks = (n->size + 511) / 512;
	sx->atime.tv_sec = n->atime;
	sx->mtime.tv_sec = n->mtime;
	sx->ctime.tv_sec = n->ctime;
	sx->btime = n->btime;
	return sizeof(*out);
}

static int op_get_fmap(struct call *c)
{
	const struct fuse_getxattr_in *in = c->body;
	uint64_t len = c->node->fmap_len;

	if (c->node->fmap_error)
		return -c->node->fmap_error;
	if (len > in->size)
		len = c->node->fmap_crop ? c->node->fmap_crop : in->size;
	memcpy(c->out, c->node->fmap, len);
	return len;
}

static int op_get_daxdev(struct call *c)
{
	const struct fuse_get_daxdev_in *in = c->body;
	struct fuse_daxdev_out *out = (void *)c->out;

	if (in->daxdev_num >= 64 || in->daxdev_num != c->in->nodeid ||
	    !c->s->dev[in->daxdev_num][0])
		return -ENODEV;
	memset(out, 0, sizeof(*out));
	out->index = in->daxdev_num;
	memcpy(out->name, c->s->dev[in->daxdev_num], sizeof(out->name));
	return sizeof(*out);
}

static int op_ok(struct call *c)
{
	(void)c;
	return 0;
}

static const struct {
	int (*fn)(struct call *c);
	bool node;	/* needs one */
} ops[SRV_OPS] = {
	[FUSE_LOOKUP] = { op_lookup, true },
	[FUSE_FORGET] = { op_forget, false },
	[FUSE_GETATTR] = { attr_reply, true },
	[FUSE_SETATTR] = { op_setattr, true },
	[FUSE_READLINK] = { srv_readlink, true },
	[FUSE_SYMLINK] = { srv_symlink, true },
	[FUSE_MKNOD] = { srv_mknod, true },
	[FUSE_MKDIR] = { srv_mkdir, true },
	[FUSE_UNLINK] = { srv_unlink, true },
	[FUSE_RMDIR] = { srv_rmdir, true },
	[FUSE_RENAME] = { srv_rename, true },
	[FUSE_LINK] = { srv_link, true },
	[FUSE_OPEN] = { op_open, true },
	[FUSE_READ] = { op_read, true },
	[FUSE_WRITE] = { op_write, true },
	[FUSE_STATFS] = { op_statfs, true },
	[FUSE_RELEASE] = { op_ok, true },
	[FUSE_FSYNC] = { op_ok, true },
	[FUSE_SETXATTR] = { op_setxattr, true },
	[FUSE_GETXATTR] = { op_getxattr, true },
	[FUSE_LISTXATTR] = { op_listxattr, true },
	[FUSE_REMOVEXATTR] = { op_removexattr, true },
	[FUSE_FLUSH] = { op_ok, true },
	[FUSE_INIT] = { op_init, false },
	[FUSE_OPENDIR] = { op_open, true },
	[FUSE_READDIR] = { op_readdir, true },
	[FUSE_READDIRPLUS] = { op_readdirplus, true },
	[FUSE_RELEASEDIR] = { op_ok, true },
	[FUSE_FSYNCDIR] = { op_ok, true },
	[FUSE_GETLK] = { srv_op_getlk, true },
	[FUSE_SETLK] = { op_ok, true },
	[FUSE_SETLKW] = { op_ok, true },
	[FUSE_ACCESS] = { op_ok, true },
	[FUSE_CREATE] = { srv_create, true },
	[FUSE_DESTROY] = { op_ok, false },
	[FUSE_IOCTL] = { srv_op_ioctl, true },
	[FUSE_POLL] = { srv_op_poll, true },
	[FUSE_BATCH_FORGET] = { op_batch_forget, false },
	[FUSE_FALLOCATE] = { srv_fallocate, true },
	[FUSE_LSEEK] = { srv_lseek, true },
	[FUSE_COPY_FILE_RANGE] = { srv_copy, true },
	[FUSE_COPY_FILE_RANGE_64] = { srv_copy, true },
	[FUSE_RENAME2] = { srv_rename2, true },
	[FUSE_TMPFILE] = { srv_create, true },
	[FUSE_STATX] = { op_statx, true },
	[FUSE_GET_FMAP] = { op_get_fmap, true },
	[FUSE_GET_DAXDEV] = { op_get_daxdev, false },
};

int srv_answer(struct call *c)
{
	uint32_t op = c->in->opcode;

	if (op >= SRV_OPS || !ops[op].fn)
		return -ENOSYS;
	if (ops[op].node && !c->node)
		return -ESTALE;
	return ops[op].fn(c);
}
