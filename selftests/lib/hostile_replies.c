// SPDX-License-Identifier: GPL-2.0
/* Good replies to all that the hostile tests make the kernel ask: hostile.h. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/stat.h>

#include "hostile.h"

/* The entry in a reply that has one. */
struct fuse_entry_out *entry_of(struct spoilt *sp)
{
	return (void *)sp->body;
}

/* The attributes in a reply that has some. */
struct fuse_attr *attr_of(struct spoilt *sp)
{
	switch (sp->in->opcode) {
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return &((struct fuse_attr_out *)sp->body)->attr;
	default:
		return &entry_of(sp)->attr;
	}
}

static int entry_reply(struct call *c, struct node *n, uint32_t mode)
{
	n->mode = mode;
	srv_fill_entry(n, (void *)c->out);
	return sizeof(struct fuse_entry_out);
}

static int make_reply(struct call *c)
{
	const struct fuse_mknod_in *mknod = c->body;
	struct node *new = tree()->new;

	switch (c->in->opcode) {
	case FUSE_MKNOD:
		return entry_reply(c, new, mknod->mode);
	case FUSE_MKDIR:
		return entry_reply(c, new, S_IFDIR | 0755);
	case FUSE_SYMLINK:
		return entry_reply(c, new, S_IFLNK | 0777);
	default:
		return entry_reply(c, tree()->a, tree()->a->mode);
	}
}

static int create_reply(struct call *c)
{
	int len = entry_reply(c, tree()->new, S_IFREG | 0644);
	struct fuse_open_out *out = (void *)(c->out + len);

	memset(out, 0, sizeof(*out));
	out->fh = c->in->unique;
	return len + sizeof(*out);
}

static int ioctl_reply(struct call *c)
{
	const struct fuse_ioctl_in *in = c->body;
	struct fuse_ioctl_out *out = (void *)c->out;

	memset(out, 0, sizeof(*out) + in->out_size);
	return sizeof(*out) + in->out_size;
}

static int statx_reply(struct call *c)
{
	struct statx_reply *out = (void *)c->out;
	struct node *n = c->node;

	if (!n)
		return -ESTALE;
	memset(out, 0, sizeof(*out));
	out->mask = 0xfff;
	out->ino = n->id;
	out->mode = n->mode;
	out->nlink = n->nlink;
	out->size = n->size;
	out->blksize = PAGE;
	out->btime.sec = 77;
	return sizeof(*out);
}

/* Replies that are nothing but a few numbers. */
static int number_reply(struct call *c)
{
	const struct fuse_copy_file_range_in *copy = c->body;
	union {
		struct fuse_lk_out lk;
		struct fuse_poll_out poll;
		struct fuse_lseek_out lseek;
		struct fuse_write_out write;
		uint64_t copied;
	} *out = (void *)c->out;

	memset(out, 0, sizeof(*out));
	switch (c->in->opcode) {
	case FUSE_GETLK:
		out->lk.lk.type = 2;	/* F_UNLCK */
		return sizeof(out->lk);
	case FUSE_POLL:
		out->poll.revents = POLLIN;
		return sizeof(out->poll);
	case FUSE_LSEEK:
		out->lseek.offset = 5;
		return sizeof(out->lseek);
	case FUSE_COPY_FILE_RANGE:
		out->write.size = copy->len;
		return sizeof(out->write);
	default:
		out->copied = copy->len;
		return sizeof(out->copied);
	}
}

int hostile_answer(struct call *c)
{
	switch (c->in->opcode) {
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		return make_reply(c);
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		return create_reply(c);
	case FUSE_READLINK:
		*c->out = 'a';
		return 1;
	case FUSE_IOCTL:
		return ioctl_reply(c);
	case FUSE_STATX:
		return statx_reply(c);
	case FUSE_GETLK:
	case FUSE_POLL:
	case FUSE_LSEEK:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_COPY_FILE_RANGE_64:
		return number_reply(c);
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_SETLK:
	case FUSE_SETLKW:
	case FUSE_FALLOCATE:
	case FUSE_SYNCFS:
		return 0;
	default:
		return srv_answer(c);
	}
}
