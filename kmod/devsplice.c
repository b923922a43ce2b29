// SPDX-License-Identifier: GPL-2.0-only
/*
 * splice(2) from the device: a request is copied into pages of a pipe. libfuse
 * does so by default, whatever INIT says.
 *
 * The data of a WRITE begin at a page of their own, as they do with the in-tree
 * fuse: a server may splice them on to a file that it has open with O_DIRECT.
 */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include "conn.h"

/* What comes before the data of a WRITE: the end of the first page. */
#define WRITE_HEAD	(sizeof(struct fuse_in_header) + \
			 sizeof(struct fuse_write_in))

/**
 * struct stage - the pages of a request before they are the pipe's
 * @nr: how many
 * @bvecs: the pages, and what of them can be used: all but the start of the first
 */
struct stage {
	unsigned int nr;
	struct bio_vec *bvecs;
};

/* Those from @first on. */
static void stage_free(struct stage *st, unsigned int first)
{
	while (st->nr > first)
		__free_page(st->bvecs[--st->nr].bv_page);
	kvfree(st->bvecs);
}

static bool stage_add(struct stage *st)
{
	size_t start = st->nr ? 0 : PAGE_SIZE - WRITE_HEAD;
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return false;
	bvec_set_page(&st->bvecs[st->nr++], page, PAGE_SIZE - start, start);
	return true;
}

/* Room for @size bytes. */
static int stage_new(struct stage *st, size_t size)
{
	unsigned int nr = 1;

	if (size > WRITE_HEAD)
		nr += DIV_ROUND_UP(size - WRITE_HEAD, PAGE_SIZE);
	st->nr = 0;
	st->bvecs = kvcalloc(nr, sizeof(*st->bvecs), GFP_KERNEL);
	if (!st->bvecs)
		return -ENOMEM;
	while (st->nr < nr) {
		if (!stage_add(st)) {
			stage_free(st, 0);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The first @len bytes; there is room in the pipe. The stage is no more. */
static ssize_t stage_to_pipe(struct stage *st, struct pipe_inode_info *pipe,
			     size_t len)
{
	size_t done = 0;
	unsigned int i;
	ssize_t rc = 0;

	for (i = 0; done < len && rc >= 0; i++) {
		struct pipe_buffer buf = {
			.page = st->bvecs[i].bv_page,
			.offset = st->bvecs[i].bv_offset,
			.len = min_t(size_t, len - done, st->bvecs[i].bv_len),
			.ops = &nosteal_pipe_buf_ops,
		};

		/* The page is its own from here on, whatever it returns. */
		rc = add_to_pipe(pipe, &buf);
		if (rc > 0)
			done += rc;
	}
	stage_free(st, i);
	return done ? done : rc;
}

/* What a request can have at most here. */
static size_t capacity(struct fmapfs_conn *conn,
		       const struct pipe_inode_info *pipe, size_t len)
{
	unsigned int used = pipe_occupancy(pipe->head, pipe->tail);
	size_t most = max_t(size_t, fmapfs_conn_min_read(conn),
			    READ_ONCE(conn->agreed.max_read) + PAGE_SIZE);

	if (used >= pipe->max_usage)
		return 0;
	return min3(len, most, WRITE_HEAD +
		    (size_t)(pipe->max_usage - used - 1) * PAGE_SIZE);
}

/**
 * fmapfs_dev_splice - read a request into a pipe
 * @file: the device fd
 * @conn: its connection
 * @pipe: the pipe, locked
 * @len: bytes that the server wants at most
 *
 * The pages for the largest request that there may be are allocated first,
 * however short it is. Return: as read(2); -EAGAIN: the pipe is full.
 */
ssize_t fmapfs_dev_splice(struct file *file, struct fmapfs_conn *conn,
			  struct pipe_inode_info *pipe, size_t len)
{
	size_t size = capacity(conn, pipe, len);
	struct iov_iter to;
	struct kiocb iocb;
	struct stage st;
	ssize_t rc;

	if (!size)
		return -EAGAIN;
	/* A request that is read must come to somebody. */
	if (!pipe->readers) {
		send_sig(SIGPIPE, current, 0);
		return -EPIPE;
	}
	rc = stage_new(&st, size);
	if (rc)
		return rc;
	iov_iter_bvec(&to, ITER_DEST, st.bvecs, st.nr, size);
	init_sync_kiocb(&iocb, file);
	rc = file->f_op->read_iter(&iocb, &to);
	if (rc > 0)
		return stage_to_pipe(&st, pipe, rc);
	stage_free(&st, 0);
	return rc;
}
