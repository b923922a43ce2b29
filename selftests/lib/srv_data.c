// SPDX-License-Identifier: GPL-2.0
/* What the scripted server answers about ranges of files: see srv_ops.c. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#include <linux/falloc.h>

#include "srv.h"
#include "tap.h"

static int memory_fallocate(struct node *n, uint64_t end)
{
	if (!n->may_allocate)
		return -EOPNOTSUPP;
	if (end > n->size) {
		n->size = end;
		if (n->fmap_other)
			srv_swap_fmaps(n);
	}
	return 0;
}

int srv_fallocate(struct call *c)
{
	const struct fuse_fallocate_in *in = c->body;
	uint64_t end = in->offset + in->length;
	struct node *n = c->node;

	if (n->fmap)
		return memory_fallocate(n, end);
	if (!n->data)
		return -EIO;
	if (!(in->mode & FALLOC_FL_KEEP_SIZE)) {
		if (end > n->data_room)
			return -ENOSPC;
		if (end > n->size)
			n->size = end;
	}
	if (in->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) &&
	    in->offset < n->size)
		memset(n->data + in->offset, 0,
		       (end < n->size ? end : n->size) - in->offset);
	return 0;
}

static bool is_hole(const struct node *n, uint64_t page)
{
	uint64_t i, end = (page + 1) * PAGE;

	for (i = page * PAGE; i < end && i < n->size; i++)
		if (n->data[i])
			return false;
	return true;
}

/* Pages of zeroes are holes. */
int srv_lseek(struct call *c)
{
	const struct fuse_lseek_in *in = c->body;
	struct fuse_lseek_out *out = (void *)c->out;
	const struct node *n = c->node;
	bool hole = in->whence == SEEK_HOLE;
	uint64_t off = in->offset;

	if (!n->data)
		return -EIO;
	if (off >= n->size)
		return -ENXIO;
	while (off < n->size && is_hole(n, off / PAGE) != hole)
		off = (off / PAGE + 1) * PAGE;
	if (off >= n->size) {
		if (!hole)
			return -ENXIO;
		off = n->size;
	}
	out->offset = off;
	return sizeof(*out);
}

int srv_copy(struct call *c)
{
	const struct fuse_copy_file_range_in *in = c->body;
	struct node *from = c->node, *to = srv_find(c->s, in->nodeid_out);
	uint64_t len = in->len;

	if (!to || !to->data || !from->data)
		return -EIO;
	if (in->off_in >= from->size)
		len = 0;
	else if (len > from->size - in->off_in)
		len = from->size - in->off_in;
	if (in->off_out + len > to->data_room)
		return -ENOSPC;
	memmove(to->data + in->off_out, from->data + in->off_in, len);
	if (len && in->off_out + len > to->size)
		to->size = in->off_out + len;
	memset(c->out, 0, sizeof(uint64_t));
	if (c->in->opcode == FUSE_COPY_FILE_RANGE_64) {
		((struct fuse_copy_file_range_out *)c->out)->bytes_copied = len;
		return sizeof(struct fuse_copy_file_range_out);
	}
	((struct fuse_write_out *)c->out)->size = len;
	return sizeof(struct fuse_write_out);
}
