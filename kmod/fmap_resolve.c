// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resolving: offset in the file → extent → range of a device. Shared with user
 * space. Runs in the fault path: takes no lock, allocates nothing.
 */
#include "fmap_core.h"

/* The extent that covers @off, which is below fmap->covered. */
static const struct fmap_extent *extent_of(const struct fmap *fmap, u64 off)
{
	u32 lo = 0, hi = fmap->nextents - 1;

	if (fmap->extent_shift)
		return &fmap->extents[off >> fmap->extent_shift];

	while (lo < hi) {
		u32 mid = lo + (hi - lo + 1) / 2;

		if (fmap->extents[mid].file_off <= off)
			lo = mid;
		else
			hi = mid - 1;
	}
	return &fmap->extents[lo];
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* @rel: bytes from the start of the extent; @left: bytes from there to its end */
static void resolve_strip(const struct fmap *fmap,
			  const struct fmap_extent *ext, u64 rel, u64 left,
			  struct fmap_target *t)
{
	u64 chunk_size = 1ULL << ext->chunk_shift;
	u64 chunk = rel >> ext->chunk_shift;
	u64 in_chunk = rel & (chunk_size - 1);
	u64 stripe = chunk / ext->nruns;
	u32 strip = chunk % ext->nruns;

	t->run = ext->first_run + strip;
	t->dev_off = fmap->runs[t->run].dev_off +
		     (stripe << ext->chunk_shift) + in_chunk;
	t->len = min_u64(left, chunk_size - in_chunk);
}

/**
 * fmap_resolve - where a range of a file lies
 * @fmap: the fmap
 * @off: bytes from the start of the file
 * @wanted: bytes, not 0
 * @target: result
 *
 * Return: 0, or -ERANGE if @off is beyond what the extents cover.
 */
int fmap_resolve(const struct fmap *fmap, u64 off, u64 wanted,
		 struct fmap_target *target)
{
	const struct fmap_extent *ext;
	u64 rel, left;

	if (off >= fmap->covered)
		return -ERANGE;
	ext = extent_of(fmap, off);
	rel = off - ext->file_off;
	left = ext->nbytes - rel;
	if (fmap->ext_type == FUSE_FAMFS_EXT_SIMPLE) {
		target->run = ext->first_run;
		target->dev_off = fmap->runs[ext->first_run].dev_off + rel;
		target->len = left;
	} else {
		resolve_strip(fmap, ext, rel, left, target);
	}
	target->dev = fmap->runs[target->run].dev;
	target->len = min_u64(target->len, wanted);
	return 0;
}

/**
 * fmap_equal - do two fmaps say the same?
 * @a: one
 * @b: the other
 *
 * Return: true if they have the same type, size, extents and runs.
 */
bool fmap_equal(const struct fmap *a, const struct fmap *b)
{
	u32 i;

	if (a->file_size != b->file_size || a->ext_type != b->ext_type ||
	    a->file_type != b->file_type || a->nextents != b->nextents ||
	    a->nruns != b->nruns)
		return false;
	for (i = 0; i < a->nextents; i++)
		if (a->extents[i].nbytes != b->extents[i].nbytes ||
		    a->extents[i].nruns != b->extents[i].nruns ||
		    a->extents[i].chunk_shift != b->extents[i].chunk_shift)
			return false;
	for (i = 0; i < a->nruns; i++)
		if (a->runs[i].dev_off != b->runs[i].dev_off ||
		    a->runs[i].len != b->runs[i].len ||
		    a->runs[i].dev != b->runs[i].dev)
			return false;
	return true;
}
