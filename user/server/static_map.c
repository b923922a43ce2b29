// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extents and strips of a file in a layout file, and the fmap that they
 * make. What is right is for the kernel's own code to say, by libfusefmap; here
 * its verdicts are put in terms of the file. Each range is tried by itself
 * first, so that one run shows all that are wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fusefmap.h>

#include "size.h"
#include "static.h"

static bool is(const struct fuse_fmap_error *err, const char *field)
{
	return !strcmp(err->field, field);
}

/* For what has no better words. */
static void report_other(struct draft *d, const char *where,
			 const struct fuse_fmap_error *err)
{
	char text[FUSE_FMAP_ERROR_MAX];

	diag_add(d->diag, doc_at(d->doc, "%s", where), "%s: %s", where,
		 fuse_fmap_strerror(err, text, sizeof(text)));
}

static void report_range(struct draft *d, const char *where, int rc,
			 const struct fuse_fmap_error *err)
{
	const char *key = is(err, "se_offset") ? "offset" : "length";
	char is_now[SIZE_SHOW_MAX], below[SIZE_SHOW_MAX], above[SIZE_SHOW_MAX];
	uint64_t page = sysconf(_SC_PAGESIZE), rest = err->value % page;
	struct mark at = doc_at(d->doc, "%s.%s", where, key);

	if (!is(err, "se_offset") && !is(err, "se_len"))
		report_other(d, where, err);
	else if (rc == -EOVERFLOW)
		diag_add(d->diag, at,
			 "%s.length: offset + length is 2^64 or more", where);
	else if (!err->value)
		diag_add(d->diag, at, "%s.length: must not be 0", where);
	else
		diag_add(d->diag, at,
			 "%s.%s: %s is not a multiple of the page size, %llu; %s and %s are",
			 where, key, size_show(err->value, is_now),
			 (unsigned long long)page,
			 size_show(err->value - rest, below),
			 size_show(err->value - rest + page, above));
}

/* Beyond the end of its device? Sizes are known once the device is resolved. */
static bool check_end(struct draft *d, const char *where,
		      const struct fuse_fmap *one,
		      const struct fuse_famfs_simple_ext *se)
{
	const struct dev_info *dev = &d->layout->devices[se->se_devindex];
	char size[SIZE_SHOW_MAX], end[SIZE_SHOW_MAX];

	if (!dev->size ||
	    !fuse_fmap_check_device(one, se->se_devindex, dev->size, NULL))
		return true;
	diag_add(d->diag, doc_at(d->doc, "%s", where),
		 "%s: ends at %s, beyond the end of device %u, %s, which has %s (%llu bytes)",
		 where, size_show(se->se_offset + se->se_len, end),
		 se->se_devindex, dev->path, size_show(dev->size, size),
		 (unsigned long long)dev->size);
	return false;
}

static bool draft_range(struct draft *d, const char *where,
			const struct raw_extent *raw,
			struct fuse_famfs_simple_ext *se)
{
	uint64_t offset = 0, length = 0;
	struct fuse_fmap_error err;
	struct fuse_fmap *one;
	unsigned int dev = 0;
	bool ok;
	int rc;

	ok = draft_index(d, where, "device", raw->device, &dev);
	ok &= draft_size(d, where, "offset", raw->offset, &offset);
	ok &= draft_size(d, where, "length", raw->length, &length);
	if (!ok || dev >= d->layout->ndevices)
		return false;
	*se = (struct fuse_famfs_simple_ext) {
		.se_devindex = dev, .se_offset = offset, .se_len = length,
	};
	rc = fuse_fmap_simple(&one, FUSE_FAMFS_FILE_REG, 0, se, 1, &err);
	if (rc) {
		report_range(d, where, rc, &err);
		return false;
	}
	ok = check_end(d, where, one, se);
	fuse_fmap_free(one);
	draft_claim(d, se, where);
	return ok;
}

/* @list: the key that holds them */
static bool draft_ranges(struct draft *d, const char *where, const char *list,
			 const struct raw_extent *raw, unsigned int count,
			 struct fuse_famfs_simple_ext *se)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < count; i++) {
		char *here = must_print("%s.%s[%u]", where, list, i);

		ok &= draft_range(d, here, &raw[i], &se[i]);
		free(here);
	}
	return ok;
}

static bool right_count(struct draft *d, const char *where, const char *list,
			unsigned int count, unsigned int max)
{
	if (count && count <= max)
		return true;
	diag_add(d->diag, doc_at(d->doc, "%s.%s", where, list),
		 "%s.%s: has %u entries; must have 1 to %u", where, list,
		 count, max);
	return false;
}

static bool draft_chunk(struct draft *d, const char *where, const char *text,
			uint64_t *chunk)
{
	/* One strip that is large enough for any chunk. */
	struct fuse_famfs_simple_ext strip = { .se_len = 1ULL << 62 };
	struct fuse_famfs_iext ie = { .ie_nstrips = 1, .ie_nbytes = 1 };
	struct fuse_fmap *one;

	if (!draft_size(d, where, "chunk", text, chunk))
		return false;
	ie.ie_chunk_size = *chunk;
	if (*chunk <= UINT32_MAX &&
	    !fuse_fmap_interleaved(&one, FUSE_FAMFS_FILE_REG, 0, &ie, 1,
				   &strip, NULL)) {
		fuse_fmap_free(one);
		return true;
	}
	diag_add(d->diag, doc_at(d->doc, "%s.chunk", where),
		 "%s.chunk: '%s' will not do; must be a power of two, from the page size, %ld, to 2G",
		 where, text, sysconf(_SC_PAGESIZE));
	return false;
}

/* What all strips hold of whole stripes. */
static uint64_t capacity(uint64_t chunk,
			 const struct fuse_famfs_simple_ext *strips,
			 unsigned int count)
{
	uint64_t least = UINT64_MAX, all;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (strips[i].se_len < least)
			least = strips[i].se_len;
	if (__builtin_mul_overflow(least / chunk * chunk, (uint64_t)count,
				   &all))
		return UINT64_MAX;
	return all;
}

static void report_stripe(struct draft *d, const char *where,
			  const struct fuse_famfs_iext *ie, uint64_t wanted,
			  const struct fuse_fmap_error *err)
{
	const size_t first = sizeof(struct fuse_famfs_fmap_header) +
			     sizeof(struct fuse_famfs_iext);
	char has[SIZE_SHOW_MAX], chunk[SIZE_SHOW_MAX], bytes[SIZE_SHOW_MAX];
	size_t i;

	if (is(err, "se_len") && err->at >= first) {
		i = (err->at - first) / sizeof(struct fuse_famfs_simple_ext);
		diag_add(d->diag, doc_at(d->doc, "%s.strips[%zu].length",
					 where, i),
			 "%s.strips[%zu].length: %s is too short: the stripe is to cover %s of the file by chunks of %s over %u strips",
			 where, i, size_show(err->value, has),
			 size_show(wanted, bytes),
			 size_show(ie->ie_chunk_size, chunk), ie->ie_nstrips);
	} else if (is(err, "ie_nbytes") && !err->value) {
		diag_add(d->diag, doc_at(d->doc, "%s", where),
			 "%s: covers nothing; 'bytes' must not be 0, nor a strip be shorter than a chunk",
			 where);
	} else {
		report_other(d, where, err);
	}
}

/* The mapping of one stripe, and its strips, which are counted already. */
static bool draft_stripe(struct draft *d, const char *where,
			 const struct raw_stripe *raw, uint64_t left,
			 struct fuse_famfs_iext *ie,
			 struct fuse_famfs_simple_ext *strips)
{
	struct fuse_fmap_error err;
	uint64_t chunk, bytes = 0;
	struct fuse_fmap *one;
	bool ok;

	ok = draft_chunk(d, where, raw->chunk, &chunk);
	if (raw->bytes)
		ok &= draft_size(d, where, "bytes", raw->bytes, &bytes);
	ok &= right_count(d, where, "strips", raw->nstrips,
			  FUSE_FAMFS_SIZED_MAX_STRIPS);
	ok &= draft_ranges(d, where, "strips", raw->strips, raw->nstrips,
			   strips);
	if (!ok)
		return false;
	if (!raw->bytes)
		bytes = left ? left : capacity(chunk, strips, raw->nstrips);
	*ie = (struct fuse_famfs_iext) {
		.ie_nstrips = raw->nstrips, .ie_chunk_size = chunk,
		.ie_nbytes = bytes,
	};
	if (fuse_fmap_interleaved(&one, FUSE_FAMFS_FILE_REG, 0, ie, 1, strips,
				  &err)) {
		report_stripe(d, where, ie, bytes, &err);
		return false;
	}
	fuse_fmap_free(one);
	return true;
}

/* The extents are right each, but not the whole. */
static void report_whole(struct draft *d, const char *where, const char *list,
			 uint64_t covered, const struct fuse_fmap_error *err)
{
	char size[SIZE_SHOW_MAX], covers[SIZE_SHOW_MAX];

	if (is(err, "file_size"))
		diag_add(d->diag, doc_at(d->doc, "%s.size", where),
			 "%s.size: %s is larger than the %s that its %s cover",
			 where, size_show(err->value, size),
			 size_show(covered, covers), list);
	else
		report_other(d, where, err);
}

/* Which of the stripes a message is wrong about. */
static unsigned int stripe_at(const struct fuse_famfs_iext *ie,
			      unsigned int count, size_t at)
{
	size_t end = sizeof(struct fuse_famfs_fmap_header);
	unsigned int i;

	for (i = 0; i < count; i++) {
		end += sizeof(*ie) + (size_t)ie[i].ie_nstrips *
		       sizeof(struct fuse_famfs_simple_ext);
		if (at < end)
			break;
	}
	return i;
}

static void report_stripes(struct draft *d, const char *where,
			   const struct fuse_famfs_iext *ie,
			   unsigned int count,
			   const struct fuse_fmap_error *err)
{
	uint64_t covered = 0;
	unsigned int i;

	if (is(err, "ie_nbytes") && err->value) {
		i = stripe_at(ie, count, err->at);
		diag_add(d->diag, doc_at(d->doc, "%s.stripes[%u].bytes", where,
					 i),
			 "%s.stripes[%u].bytes: %llu is not a multiple of the page size, %ld; only the last stripe may end within a page",
			 where, i, (unsigned long long)err->value,
			 sysconf(_SC_PAGESIZE));
		return;
	}
	for (i = 0; i < count; i++)
		covered += ie[i].ie_nbytes;
	report_whole(d, where, count == 1 ? "strips" : "stripes", covered, err);
}

/* What the reply to GET_FMAP can hold. */
static struct fuse_fmap *fit(struct draft *d, const char *where,
			     struct fuse_fmap *fmap)
{
	struct fuse_fmap_info info;

	fuse_fmap_get_info(fmap, &info);
	if (info.message_size <= FAMFS_FMAP_SIZED_MAX)
		return fmap;
	diag_add(d->diag, doc_at(d->doc, "%s", where),
		 "%s: its map takes %zu bytes; must be %u at most: use fewer extents or strips",
		 where, info.message_size, FAMFS_FMAP_SIZED_MAX);
	fuse_fmap_free(fmap);
	return NULL;
}

static struct fuse_fmap *draft_simple(struct draft *d,
				      const struct raw_file *file,
				      const char *where, uint64_t size)
{
	struct fuse_famfs_simple_ext *se;
	struct fuse_fmap *fmap = NULL;
	struct fuse_fmap_error err;
	uint64_t covered = 0;
	unsigned int i;
	bool ok;

	se = must_alloc(file->nextents, sizeof(*se));
	ok = right_count(d, where, "extents", file->nextents,
			 FUSE_FAMFS_SIZED_MAX_EXTENTS);
	ok &= draft_ranges(d, where, "extents", file->extents, file->nextents,
			   se);
	if (ok && fuse_fmap_simple(&fmap, FUSE_FAMFS_FILE_REG, size, se,
				   file->nextents, &err)) {
		for (i = 0; i < file->nextents; i++)
			covered += se[i].se_len;
		report_whole(d, where, "extents", covered, &err);
	}
	free(se);
	return fmap;
}

/* One stripe after another; the last covers what is left of the file. */
static bool draft_stripes(struct draft *d, const char *where,
			  const struct raw_stripe *raw, unsigned int count,
			  uint64_t size, struct fuse_famfs_iext *ie,
			  struct fuse_famfs_simple_ext *strips)
{
	uint64_t covered = 0, left = 0;
	bool ok = true;
	unsigned int i;

	for (i = 0; i < count; i++) {
		bool only = doc_has(d->doc, "%s.stripe", where);
		char *here = only ? must_print("%s.stripe", where) :
				    must_print("%s.stripes[%u]", where, i);

		if (i == count - 1 && ok && covered < size)
			left = size - covered;
		ok &= draft_stripe(d, here, &raw[i], left, &ie[i], strips);
		strips += raw[i].nstrips;
		covered += ok ? ie[i].ie_nbytes : 0;
		free(here);
	}
	return ok;
}

static struct fuse_fmap *draft_interleaved(struct draft *d,
					   const struct raw_file *file,
					   const char *where, uint64_t size)
{
	unsigned int i, count = file->stripe ? 1 : file->nstripes;
	const struct raw_stripe *raw = file->stripe ? file->stripe :
						      file->stripes;
	struct fuse_famfs_simple_ext *strips;
	struct fuse_famfs_iext *ie;
	struct fuse_fmap *fmap = NULL;
	struct fuse_fmap_error err;
	size_t nstrips = 0;
	bool ok;

	for (i = 0; i < count; i++)
		nstrips += raw[i].nstrips;
	strips = must_alloc(nstrips, sizeof(*strips));
	ie = must_alloc(count, sizeof(*ie));
	ok = right_count(d, where, "stripes", count,
			 FUSE_FAMFS_SIZED_MAX_EXTENTS);
	ok &= draft_stripes(d, where, raw, count, size, ie, strips);
	if (ok && fuse_fmap_interleaved(&fmap, FUSE_FAMFS_FILE_REG, size, ie,
					count, strips, &err))
		report_stripes(d, where, ie, count, &err);
	free(strips);
	free(ie);
	return fmap;
}

struct fuse_fmap *draft_map(struct draft *d, const struct raw_file *file,
			    const char *where, uint64_t size)
{
	struct fuse_fmap *fmap;

	if (doc_has(d->doc, "%s.extents", where))
		fmap = draft_simple(d, file, where, size);
	else
		fmap = draft_interleaved(d, file, where, size);
	return fmap ? fit(d, where, fmap) : NULL;
}
