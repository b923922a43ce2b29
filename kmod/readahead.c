// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading into the page cache of ordinary files. See cache.c for what happens if
 * the server does not answer.
 */
#include <linux/backing-dev.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "cache.h"

/* Bytes of data in a READ. */
u32 fmapfs_read_limit(struct super_block *sb)
{
	return min(fmapfs_agreed(sb)->max_read, fmapfs_sb(sb)->max_read);
}

/**
 * fmapfs_cache_init - prepare the mapping of a new regular file
 * @inode: the inode; INIT is answered, unless it is the root
 */
void fmapfs_cache_init(struct inode *inode)
{
	u32 pages = fmapfs_read_limit(inode->i_sb) >> PAGE_SHIFT;

	inode->i_mapping->a_ops = &fmapfs_cache_aops;
	/* A READ fills whole folios. */
	if (pages > 1)
		mapping_set_folio_order_range(inode->i_mapping, 0,
					      min_t(unsigned int, ilog2(pages),
						    MAX_PAGECACHE_ORDER));
}

/**
 * fmapfs_cache_open - what INIT has settled about readahead
 * @file: an ordinary file that is being opened
 *
 * Once a mount, as the administrator may change it from then on.
 */
void fmapfs_cache_open(struct file *file)
{
	struct super_block *sb = file_inode(file)->i_sb;
	const struct fmapfs_agreed *agreed = fmapfs_agreed(sb);

	if (test_and_set_bit(FMAPFS_SB_READAHEAD, &fmapfs_sb(sb)->state))
		return;
	sb->s_bdi->ra_pages = min_t(unsigned long, sb->s_bdi->ra_pages,
				    agreed->max_readahead >> PAGE_SHIFT);
	sb->s_bdi->io_pages = agreed->max_read >> PAGE_SHIFT;
	file->f_ra.ra_pages = sb->s_bdi->ra_pages;
}

/* --- a READ --- */

static void add_folio(struct fmapfs_io *io, struct folio *folio)
{
	if (!io->nr) {
		io->pos = folio_pos(folio);
		io->first = folio->index;
	}
	io->last = folio->index + folio_nr_pages(folio) - 1;
	io->size += folio_size(folio);
	folio_get(folio);
	io->folios[io->nr++] = folio;
}

static void fill_folios(struct fmapfs_io *io, const void *data, size_t len)
{
	unsigned int i;

	for (i = 0; i < io->nr; i++) {
		size_t n = min(len, folio_size(io->folios[i]));
		void *to = folio_address(io->folios[i]);

		memcpy(to, data, n);
		memset(to + n, 0, folio_size(io->folios[i]) - n);
		flush_dcache_folio(io->folios[i]);
		data += n;
		len -= n;
	}
}

/* The server has nothing more: the file ends there, unless it has changed. */
static void note_end(struct inode *inode, loff_t end, u64 version)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	spin_lock(&fi->lock);
	if (version >= fi->attr_version && end < i_size_read(inode)) {
		fi->attr_version = atomic64_inc_return(&fmapfs_sb(inode->i_sb)->attr_version);
		i_size_write(inode, end);
	}
	spin_unlock(&fi->lock);
}

/* Runs in the server's write(2). */
static int fill_replied(struct fmapfs_req *req)
{
	struct fmapfs_io *io = req->priv;
	struct inode *inode = fmapfs_io_take(io);

	if (!inode)
		return 0;
	fill_folios(io, req->out, req->out_len);
	if (req->out_len < req->out_size)
		note_end(inode, io->pos + req->out_len, io->version);
	fmapfs_was_read(inode);
	io->filled = true;
	fmapfs_io_unlock(io, true);
	fmapfs_io_done(inode, io);
	return 0;
}

/* The folios stay as they are. */
static void give_up(struct fmapfs_io *io)
{
	struct inode *inode = fmapfs_io_take(io);

	if (!inode)
		return;
	fmapfs_io_unlock(io, false);
	fmapfs_io_done(inode, io);
}

static void fill_ended(struct fmapfs_req *req)
{
	give_up(req->priv);
	fmapfs_io_put(req->priv);
}

/* Return: the request, to be sent; or an error, and the folios are unlocked. */
static struct fmapfs_req *start_fill(struct file *file, struct fmapfs_io *io)
{
	struct inode *inode = io->inode;
	struct fmapfs_req *req;
	u32 size = io->size;
	int rc = -ENOMEM;

	/* The last page that there can be goes a byte too far. */
	if (io->pos > LLONG_MAX - size)
		size--;
	io->version = fmapfs_attr_version(inode->i_sb);
	req = fmapfs_proto_read_new(inode, file->private_data, file->f_flags,
				    io->pos, size, NULL);
	if (!req)
		goto unlock;
	rc = -EAGAIN;
	if (!fmapfs_io_start_fill(io))
		goto put_req;
	req->priv = fmapfs_io_get(io);
	req->in_server = fill_replied;
	req->end = fill_ended;
	return req;

put_req:
	fmapfs_req_put(req);
unlock:
	fmapfs_io_unlock(io, false);
	return ERR_PTR(rc);
}

/* --- a single folio --- */

static int read_one(struct file *file, struct inode *inode,
		    struct fmapfs_io *io)
{
	struct fmapfs_req *req = start_fill(file, io);
	int rc;

	if (IS_ERR(req)) {
		rc = PTR_ERR(req);
		if (rc == -EAGAIN)
			rc = fmapfs_cache_wait(inode) ?: AOP_TRUNCATED_PAGE;
		return rc;
	}
	rc = fmapfs_req_send(req);
	if (rc)
		give_up(io);
	else if (!io->filled)
		rc = AOP_TRUNCATED_PAGE;
	fmapfs_req_put(req);
	return rc;
}

/* Waits, unlike readahead, as the reader is to learn if he has to ask again. */
static int fmapfs_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct fmapfs_io *io;
	int rc = -EIO;

	if (!file || READ_ONCE(fmapfs_i(inode)->bad))
		goto unlock;
	rc = -ENOMEM;
	io = fmapfs_io_new(inode, 1);
	if (!io)
		goto unlock;
	add_folio(io, folio);
	rc = read_one(file, inode, io);
	fmapfs_io_put(io);
	if (rc && rc != AOP_TRUNCATED_PAGE)
		fmapfs_read_failed(fmapfs_i(inode));
	return rc;

unlock:
	folio_unlock(folio);
	fmapfs_read_failed(fmapfs_i(inode));
	return rc;
}

/* --- readahead --- */

/*
 * Consumes @io. If the server wants one READ at a time, it comes to @later: while
 * one is waited for, every folio must belong to an io that can part with it.
 */
static void read_some(struct file *file, struct fmapfs_io *io,
		      struct list_head *later)
{
	bool async = fmapfs_agreed(io->inode->i_sb)->flags & FUSE_ASYNC_READ;
	struct fmapfs_req *req = start_fill(file, io);

	fmapfs_io_put(io);
	if (IS_ERR(req))
		return;
	if (async) {
		fmapfs_req_send_background(req);
		fmapfs_req_put(req);
	} else {
		list_add_tail(&req->list, later);
	}
}

/* One after the other. */
static void read_later(struct list_head *later)
{
	struct fmapfs_req *req, *next;

	list_for_each_entry_safe(req, next, later, list) {
		struct fmapfs_io *io = fmapfs_io_get(req->priv);

		list_del_init(&req->list);
		if (fmapfs_req_send(req))
			give_up(io);
		fmapfs_req_put(req);
		fmapfs_io_put(io);
	}
}

/* Is this only in advance, and the server has enough to do? */
static bool not_worth_it(struct readahead_control *rac)
{
	return rac->ra->async_size >= readahead_count(rac) &&
	       fmapfs_conn_congested(fmapfs_conn_of(rac->mapping->host));
}

static void fmapfs_readahead(struct readahead_control *rac)
{
	struct inode *inode = rac->mapping->host;
	u32 limit = fmapfs_read_limit(inode->i_sb);
	struct fmapfs_io *io = NULL;
	struct folio *folio;
	LIST_HEAD(later);

	if (READ_ONCE(fmapfs_i(inode)->bad))
		return;
	while ((folio = readahead_folio(rac))) {
		if (io && io->size + folio_size(folio) > limit) {
			read_some(rac->file, io, &later);
			io = NULL;
		}
		if (!io && !not_worth_it(rac))
			io = fmapfs_io_new(inode, min(limit >> PAGE_SHIFT,
						      readahead_count(rac)));
		if (io) {
			add_folio(io, folio);
			continue;
		}
		folio_unlock(folio);
		/* Who is about to wait unlocks all of them. */
		if (list_empty(&later))
			return;
	}
	if (io)
		read_some(rac->file, io, &later);
	read_later(&later);
}

/* The file is on no block device: FIBMAP has 0 for an answer, as from FUSE. */
static sector_t fmapfs_bmap(struct address_space *mapping, sector_t block)
{
	return 0;
}

const struct address_space_operations fmapfs_cache_aops = {
	.read_folio	= fmapfs_read_folio,
	.readahead	= fmapfs_readahead,
	.dirty_folio	= noop_dirty_folio,
	.migrate_folio	= filemap_migrate_folio,
	.direct_IO	= noop_direct_IO,
	.bmap		= fmapfs_bmap,
};
