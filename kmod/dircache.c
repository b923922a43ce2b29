// SPDX-License-Identifier: GPL-2.0-only
/*
 * Remembered listings, for directories that are opened with FOPEN_CACHE_DIR.
 *
 * The entries of one listing, from its start to its end, lie one behind the
 * other in the pages of the directory's mapping, none across two pages. They are
 * appended as the server tells them; when the end has been told the listing is
 * complete, and whoever lists from the start is served from it as long as the
 * directory's mtime and i_version, and the mount's epoch, are those of then. The
 * pages may go at any time: then there is no listing.
 *
 * A page's lock guards its contents; it is never held while anything is waited
 * for.
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "proto.h"

/* There is nothing that could be listed; the server is to be asked. */
#define UNCACHED	1

/* An entry in a page, padded to 8 bytes. A name of no length: no more in it. */
struct cached_dirent {
	u64 ino;
	u64 next;		/* position after it */
	u32 namelen;
	u32 type;
	char name[];
};

static u32 size_of(u32 namelen)
{
	return ALIGN(sizeof(struct cached_dirent) + namelen, 8);
}

/* Guarded by fi->lock. */
static void reset(struct fmapfs_inode *fi)
{
	fi->listing = (struct fmapfs_listing) {
		.version = fi->listing.version + 1,
	};
}

/* Guarded by fi->lock. The listing begins: it is of the directory as it is. */
static void stamp(struct inode *dir)
{
	struct fmapfs_listing *l = &fmapfs_i(dir)->listing;

	l->mtime = inode_get_mtime(dir);
	l->iversion = inode_query_iversion(dir);
	l->epoch = READ_ONCE(fmapfs_sb(dir->i_sb)->epoch);
}

/* Guarded by fi->lock. */
static bool outdated(struct inode *dir)
{
	const struct fmapfs_listing *l = &fmapfs_i(dir)->listing;
	struct timespec64 mtime = inode_get_mtime(dir);

	return l->iversion != inode_peek_iversion(dir) ||
	       !timespec64_equal(&l->mtime, &mtime) ||
	       l->epoch != READ_ONCE(fmapfs_sb(dir->i_sb)->epoch);
}

/* Finds the place in the listing for @pos. Return: false: there is no listing. */
static bool find_listing(struct inode *dir, loff_t pos,
			 struct fmapfs_listing_at *at)
{
	struct fmapfs_inode *fi = fmapfs_i(dir);
	struct fmapfs_listing *l = &fi->listing;
	bool complete;

	spin_lock(&fi->lock);
	/* Who has begun goes on with what he has begun with. */
	if (l->complete && !pos && outdated(dir))
		reset(fi);
	complete = l->complete;
	if (!complete && !pos && !l->size)
		stamp(dir);
	if (complete && (at->pos != pos || at->version != l->version))
		*at = (struct fmapfs_listing_at) { .version = l->version };
	spin_unlock(&fi->lock);
	return complete;
}

static void lose_listing(struct fmapfs_inode *fi, u64 version)
{
	spin_lock(&fi->lock);
	if (fi->listing.version == version)
		reset(fi);
	spin_unlock(&fi->lock);
}

/*
 * Copies the page of the listing that @at is in. Return: bytes in use; 0: @at is
 * the end; -ESTALE: the listing is gone.
 */
static ssize_t copy_page_at(struct inode *dir,
			    const struct fmapfs_listing_at *at, void *to)
{
	struct fmapfs_inode *fi = fmapfs_i(dir);
	pgoff_t index = at->off >> PAGE_SHIFT;
	struct folio *folio;
	bool same, uptodate;
	loff_t size;

	spin_lock(&fi->lock);
	same = fi->listing.version == at->version;
	size = fi->listing.size;
	spin_unlock(&fi->lock);
	if (!same)
		return -ESTALE;
	if (at->off >= size)
		return 0;
	folio = filemap_lock_folio(dir->i_mapping, index);
	uptodate = !IS_ERR_OR_NULL(folio) && folio_test_uptodate(folio);
	if (uptodate)
		memcpy(to, folio_address(folio), PAGE_SIZE);
	if (!IS_ERR_OR_NULL(folio)) {
		folio_unlock(folio);
		folio_put(folio);
	}
	if (!uptodate)
		lose_listing(fi, at->version);
	spin_lock(&fi->lock);
	same = fi->listing.version == at->version;
	spin_unlock(&fi->lock);
	if (!same)
		return -ESTALE;
	return min_t(loff_t, size - ((loff_t)index << PAGE_SHIFT), PAGE_SIZE);
}

/* Return: false: the caller has no room for more. */
static bool emit_page(struct dir_context *ctx, struct fmapfs_listing_at *at,
		      const void *page, u32 size, bool *found)
{
	const struct cached_dirent *d;
	u32 off = offset_in_page(at->off);

	for (; size - off > sizeof(*d); off += size_of(d->namelen)) {
		d = page + off;
		if (!d->namelen)
			break;
		if (at->pos == ctx->pos) {
			*found = true;
			if (!dir_emit(ctx, d->name, d->namelen, d->ino,
				      d->type | FILLDIR_FLAG_NOINTR))
				return false;
			ctx->pos = d->next;
		}
		at->pos = d->next;
		at->off += size_of(d->namelen);
	}
	at->off = round_up(at->off, PAGE_SIZE);
	return true;
}

static int emit_listing(struct inode *dir, struct dir_context *ctx,
			struct fmapfs_listing_at *at, void *page)
{
	ssize_t size;

	while (find_listing(dir, ctx->pos, at)) {
		bool found = at->pos == ctx->pos;

		while ((size = copy_page_at(dir, at, page)) > 0)
			if (!emit_page(ctx, at, page, size, &found))
				return 0;
		/*
		 * A position that none of its entries has is the server's, and
		 * so is the end, unless this file has come there by reading.
		 */
		if (!size)
			return found ? 0 : UNCACHED;
	}
	return UNCACHED;
}

/**
 * fmapfs_listing_emit - list from what is remembered
 * @file: an open directory
 * @ctx: the caller
 *
 * Return: 0: done; 1: the server is to be asked; or -errno.
 */
int fmapfs_listing_emit(struct file *file, struct dir_context *ctx)
{
	struct fmapfs_file *ff = file->private_data;
	struct inode *dir = file_inode(file);
	void *page;
	int rc;

	if (!ctx->pos &&
	    fmapfs_agreed(dir->i_sb)->flags & FUSE_AUTO_INVAL_DATA) {
		rc = fmapfs_need_attr(dir, NULL, STATX_MTIME);
		if (rc)
			return rc;
	}
	if (!find_listing(dir, ctx->pos, &ff->at))
		return UNCACHED;
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	rc = emit_listing(dir, ctx, &ff->at, page);
	kfree(page);
	return rc;
}

/* Guarded by fi->lock and the page's. */
static void append(struct fmapfs_listing *l, struct folio *folio, loff_t start,
		   const struct fmapfs_dirent *ent)
{
	struct cached_dirent *d = folio_address(folio) + offset_in_page(start);

	if (!offset_in_page(start)) {
		memset(d, 0, PAGE_SIZE);
		folio_mark_uptodate(folio);
	}
	d->ino = ent->ino;
	d->next = ent->next;
	d->namelen = ent->namelen;
	d->type = ent->type;
	memcpy(d->name, ent->name, ent->namelen);
	l->size = start + size_of(ent->namelen);
	l->pos = ent->next;
}

/**
 * fmapfs_listing_add - remember an entry
 * @dir: the directory
 * @ent: what the server has told
 * @pos: its position
 *
 * Nothing happens if it is not the next one, or there is no memory.
 */
void fmapfs_listing_add(struct inode *dir, const struct fmapfs_dirent *ent,
			loff_t pos)
{
	struct fmapfs_inode *fi = fmapfs_i(dir);
	struct fmapfs_listing *l = &fi->listing;
	struct fmapfs_listing was;
	struct folio *folio;
	loff_t start;

	spin_lock(&fi->lock);
	was = *l;
	spin_unlock(&fi->lock);
	if (was.complete || was.pos != pos || size_of(ent->namelen) > PAGE_SIZE)
		return;
	start = was.size;
	if (offset_in_page(start) + size_of(ent->namelen) > PAGE_SIZE)
		start = round_up(start, PAGE_SIZE);
	folio = offset_in_page(start) ?
		filemap_lock_folio(dir->i_mapping, start >> PAGE_SHIFT) :
		filemap_grab_folio(dir->i_mapping, start >> PAGE_SHIFT);
	if (IS_ERR_OR_NULL(folio))
		return;
	spin_lock(&fi->lock);
	if (l->version == was.version && l->size == was.size && !l->complete &&
	    (!offset_in_page(start) || folio_test_uptodate(folio)))
		append(l, folio, start, ent);
	spin_unlock(&fi->lock);
	folio_unlock(folio);
	folio_put(folio);
}

/**
 * fmapfs_listing_end - the server has told the end
 * @dir: the directory
 * @pos: where it is
 */
void fmapfs_listing_end(struct inode *dir, loff_t pos)
{
	struct fmapfs_inode *fi = fmapfs_i(dir);
	struct fmapfs_listing *l = &fi->listing;

	loff_t size = -1;

	spin_lock(&fi->lock);
	if (l->pos == pos) {
		l->complete = true;
		size = l->size;
	}
	spin_unlock(&fi->lock);
	/* What a longer one has left. */
	if (size >= 0)
		truncate_inode_pages(dir->i_mapping, round_up(size, PAGE_SIZE));
}
