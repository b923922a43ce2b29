// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoding, checking and encoding of fmap messages. Shared with user space.
 *
 * A message is walked twice: once to check it and count what it holds, once to
 * fill in an fmap of just that size. Both walks read the same bytes, which must
 * therefore not be in memory that somebody else can write to.
 */
#include "fmap_core.h"

struct walk {
	const u8 *msg;
	size_t len;		/* bytes of the message */
	size_t at;		/* bytes consumed */
	struct fmap_error *err;
	u32 page_size;		/* bytes */
	u32 max_strips;
	struct fmap *fmap;	/* NULL in the counting walk */
	u32 nruns;		/* seen so far */
	u64 covered;		/* bytes of the file, so far */
};

#define WIRE_AT(type, field)	offsetof(struct fuse_famfs_ ## type, field)

static int refuse(struct fmap_error *err, int error, size_t at,
		  const char *field, u64 value, const char *rule)
{
	err->at = at;
	err->field = field;
	err->value = value;
	err->rule = rule;
	return error;
}

/* Copies the next @size bytes of the message to @to; they may be unaligned. */
static int take(struct walk *w, void *to, size_t size)
{
	if (size > w->len - w->at)
		return refuse(w->err, -EINVAL, w->len, "length", w->len,
			      "as many bytes as the counts say");
	memcpy(to, w->msg + w->at, size);
	w->at += size;
	return 0;
}

static int check_header(const struct fuse_famfs_fmap_header *h, size_t len,
			struct fmap_error *err)
{
	u32 cap = h->reserved0 ? FUSE_FAMFS_SIZED_MAX_EXTENTS :
				 FUSE_FAMFS_MAX_EXTENTS;

	if (h->fmap_version != FAMFS_FMAP_VERSION)
		return refuse(err, -EINVAL, WIRE_AT(fmap_header, fmap_version),
			      "fmap_version", h->fmap_version, "1");
	if (h->ext_type > FUSE_FAMFS_EXT_INTERLEAVE)
		return refuse(err, -EINVAL, WIRE_AT(fmap_header, ext_type),
			      "ext_type", h->ext_type, "0 or 1");
	if (h->file_type > FUSE_FAMFS_FILE_LOG)
		return refuse(err, -EINVAL, WIRE_AT(fmap_header, file_type),
			      "file_type", h->file_type, "0, 1 or 2");
	if (!h->nextents || h->nextents > cap)
		return refuse(err, -ERANGE, WIRE_AT(fmap_header, nextents),
			      "nextents", h->nextents,
			      h->reserved0 ? "1 to 65536" : "1 to 32");
	if (h->reserved0 && h->reserved0 != len)
		return refuse(err, -EINVAL, WIRE_AT(fmap_header, reserved0),
			      "reserved0", h->reserved0,
			      "the length of the message");
	if (h->file_size > S64_MAX)
		return refuse(err, -EOVERFLOW, WIRE_AT(fmap_header, file_size),
			      "file_size", h->file_size, "below 2^63");
	return 0;
}

/* Takes one simple extent, or one strip, and checks it by itself. */
static int take_run(struct walk *w, struct fuse_famfs_simple_ext *se)
{
	size_t at = w->at;
	u64 end;
	int rc = take(w, se, sizeof(*se));

	if (rc)
		return rc;
	if (se->se_devindex >= FUSE_FAMFS_MAX_DAXDEVS)
		return refuse(w->err, -ENODEV,
			      at + WIRE_AT(simple_ext, se_devindex),
			      "se_devindex", se->se_devindex, "0 to 63");
	if (se->se_offset & (w->page_size - 1))
		return refuse(w->err, -EINVAL,
			      at + WIRE_AT(simple_ext, se_offset), "se_offset",
			      se->se_offset, "a multiple of the page size");
	if (!se->se_len || se->se_len & (w->page_size - 1))
		return refuse(w->err, -EINVAL,
			      at + WIRE_AT(simple_ext, se_len), "se_len",
			      se->se_len, "a multiple of the page size, not 0");
	if (check_add_overflow(se->se_offset, se->se_len, &end))
		return refuse(w->err, -EOVERFLOW,
			      at + WIRE_AT(simple_ext, se_len), "se_len",
			      se->se_len, "se_offset + se_len below 2^64");

	if (w->fmap) {
		struct fmap_run *run = &w->fmap->runs[w->nruns];

		run->dev_off = se->se_offset;
		run->len = se->se_len;
		run->dev = se->se_devindex;
		w->fmap->dev_mask |= 1ULL << se->se_devindex;
	}
	w->nruns++;
	return 0;
}

/* Appends to the file an extent of @nbytes whose runs were just taken. */
static int cover(struct walk *w, u32 i, u64 nbytes, u32 nruns, u32 chunk_size,
		 size_t at, const char *field)
{
	if (w->fmap) {
		struct fmap_extent *ext = &w->fmap->extents[i];

		ext->file_off = w->covered;
		ext->nbytes = nbytes;
		ext->first_run = w->nruns - nruns;
		ext->nruns = nruns;
		ext->chunk_shift = chunk_size ? ilog2(chunk_size) : 0;
	}
	if (check_add_overflow(w->covered, nbytes, &w->covered))
		return refuse(w->err, -EOVERFLOW, at, field, nbytes,
			      "a sum of all extents below 2^64");
	return 0;
}

static int walk_simple(struct walk *w, u32 i)
{
	size_t at = w->at + WIRE_AT(simple_ext, se_len);
	struct fuse_famfs_simple_ext se;
	int rc = take_run(w, &se);

	return rc ? rc : cover(w, i, se.se_len, 1, 0, at, "se_len");
}

static int check_iext(const struct walk *w, const struct fuse_famfs_iext *ie,
		      size_t at, bool last)
{
	if (!ie->ie_nstrips || ie->ie_nstrips > w->max_strips)
		return refuse(w->err, -ERANGE, at + WIRE_AT(iext, ie_nstrips),
			      "ie_nstrips", ie->ie_nstrips,
			      w->max_strips == FUSE_FAMFS_MAX_STRIPS ?
			      "1 to 32" : "1 to 65536");
	if (!is_power_of_2(ie->ie_chunk_size) ||
	    ie->ie_chunk_size < w->page_size)
		return refuse(w->err, -EINVAL,
			      at + WIRE_AT(iext, ie_chunk_size),
			      "ie_chunk_size", ie->ie_chunk_size,
			      "a power of two, at least the page size");
	if (!ie->ie_nbytes)
		return refuse(w->err, -EINVAL, at + WIRE_AT(iext, ie_nbytes),
			      "ie_nbytes", ie->ie_nbytes, "not 0");
	/* A page of the file must not lie on two extents. */
	if (!last && ie->ie_nbytes & (w->page_size - 1))
		return refuse(w->err, -EINVAL, at + WIRE_AT(iext, ie_nbytes),
			      "ie_nbytes", ie->ie_nbytes,
			      "a multiple of the page size, but in the last");
	return 0;
}

/* How much strip @i must hold for @ie to cover its ie_nbytes, in bytes. */
static u64 strip_need(const struct fuse_famfs_iext *ie, u32 i)
{
	u64 chunk = ie->ie_chunk_size;
	u64 stripe = chunk * ie->ie_nstrips;	/* 32 bit each: no overflow */
	u64 rest = ie->ie_nbytes % stripe;
	u64 need = ie->ie_nbytes / stripe * chunk;

	if (rest > i * chunk)
		need += rest - i * chunk < chunk ? rest - i * chunk : chunk;
	return need;
}

static int walk_interleaved(struct walk *w, u32 i, bool last)
{
	size_t at = w->at;
	struct fuse_famfs_iext ie;
	u32 strip;
	int rc = take(w, &ie, sizeof(ie));

	if (!rc)
		rc = check_iext(w, &ie, at, last);
	if (rc)
		return rc;

	for (strip = 0; strip < ie.ie_nstrips; strip++) {
		size_t strip_at = w->at;
		struct fuse_famfs_simple_ext se;

		rc = take_run(w, &se);
		if (rc)
			return rc;
		if (se.se_len < strip_need(&ie, strip))
			return refuse(w->err, -EINVAL,
				      strip_at + WIRE_AT(simple_ext, se_len),
				      "se_len", se.se_len,
				      "what ie_nbytes needs of the strip");
	}
	return cover(w, i, ie.ie_nbytes, ie.ie_nstrips, ie.ie_chunk_size,
		     at + WIRE_AT(iext, ie_nbytes), "ie_nbytes");
}

static int walk_extents(struct walk *w, const struct fuse_famfs_fmap_header *h)
{
	int rc = 0;
	u32 i;

	w->at = sizeof(*h);
	w->nruns = 0;
	w->covered = 0;
	for (i = 0; i < h->nextents && !rc; i++) {
		if (h->ext_type == FUSE_FAMFS_EXT_SIMPLE)
			rc = walk_simple(w, i);
		else
			rc = walk_interleaved(w, i, i == h->nextents - 1);
	}
	if (rc)
		return rc;
	if (w->at != w->len)
		return refuse(w->err, -EINVAL, w->at, "length", w->len,
			      "no more bytes than the counts say");
	if (w->covered < h->file_size)
		return refuse(w->err, -EINVAL, WIRE_AT(fmap_header, file_size),
			      "file_size", h->file_size,
			      "no more than the extents cover");
	return 0;
}

static struct fmap *fmap_new(u32 nextents, u32 nruns)
{
	struct fmap *fmap;
	size_t extents = sizeof(*fmap->extents) * (size_t)nextents;
	size_t runs = sizeof(*fmap->runs) * (size_t)nruns;

	fmap = fmap_alloc(sizeof(*fmap) + extents + runs);
	if (!fmap)
		return NULL;
	fmap->extents = (void *)(fmap + 1);
	fmap->runs = (void *)((u8 *)(fmap + 1) + extents);
	fmap->nextents = nextents;
	fmap->nruns = nruns;
	return fmap;
}

/* Equal extents of a power of two allow a lookup by shift. */
static u8 common_shift(const struct fmap *fmap)
{
	u64 size = fmap->extents[0].nbytes;
	u32 i;

	if (!is_power_of_2(size))
		return 0;
	for (i = 1; i < fmap->nextents; i++) {
		if (fmap->extents[i].nbytes == size)
			continue;
		if (i < fmap->nextents - 1 || fmap->extents[i].nbytes > size)
			return 0;
	}
	return ilog2(size);
}

/**
 * fmap_wanted_size - how large a buffer a reply asks for
 * @msg: the reply to GET_FMAP, perhaps cut short
 * @len: bytes of it
 *
 * Return: the size in bytes that a message of the sized dialect claims to have,
 * if that is more than @len; else 0, and the message can be decoded.
 */
size_t fmap_wanted_size(const void *msg, size_t len)
{
	struct fuse_famfs_fmap_header h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, msg, sizeof(h));
	return h.reserved0 > len ? h.reserved0 : 0;
}

/**
 * fmap_decode - check a message and make an fmap of it
 * @msg: the reply to GET_FMAP, of any alignment; nobody may write to it
 * @len: bytes of it
 * @page_size: bytes, a power of two
 * @fmapp: result; to be freed with fmap_destroy()
 * @err: says what is wrong, if the return value is neither 0 nor -ENOMEM
 *
 * Everything that can be checked without knowing the devices is. Return: 0,
 * -EINVAL, -ERANGE, -EOVERFLOW, -ENODEV as the protocol says, or -ENOMEM. On
 * error *@fmapp is untouched.
 */
int fmap_decode(const void *msg, size_t len, u32 page_size,
		struct fmap **fmapp, struct fmap_error *err)
{
	struct fuse_famfs_fmap_header h;
	struct walk w = {
		.msg = msg, .len = len, .err = err, .page_size = page_size,
	};
	int rc = take(&w, &h, sizeof(h));

	if (!rc)
		rc = check_header(&h, len, err);
	if (rc)
		return rc;
	w.max_strips = h.reserved0 ? FUSE_FAMFS_SIZED_MAX_STRIPS :
				     FUSE_FAMFS_MAX_STRIPS;
	rc = walk_extents(&w, &h);
	if (rc)
		return rc;

	w.fmap = fmap_new(h.nextents, w.nruns);
	if (!w.fmap)
		return -ENOMEM;
	w.fmap->file_size = h.file_size;
	w.fmap->covered = w.covered;
	w.fmap->ext_type = h.ext_type;
	w.fmap->file_type = h.file_type;
	w.fmap->wire_size = len;
	rc = walk_extents(&w, &h);
	if (rc) {
		fmap_destroy(w.fmap);
		return rc;
	}
	w.fmap->extent_shift = common_shift(w.fmap);
	*fmapp = w.fmap;
	return 0;
}

/**
 * fmap_run_at - where a run is in the message
 * @fmap: the fmap
 * @i: index of a run
 *
 * Return: its offset in what fmap_decode() has read and fmap_encode() makes.
 */
size_t fmap_run_at(const struct fmap *fmap, u32 i)
{
	size_t at = sizeof(struct fuse_famfs_fmap_header);
	u32 e;

	at += sizeof(struct fuse_famfs_simple_ext) * (size_t)i;
	if (fmap->ext_type == FUSE_FAMFS_EXT_SIMPLE)
		return at;
	for (e = 0; e < fmap->nextents; e++) {
		if (fmap->extents[e].first_run > i)
			break;
		at += sizeof(struct fuse_famfs_iext);
	}
	return at;
}

/**
 * fmap_check_device - does every range of one device lie on it?
 * @fmap: the fmap
 * @dev: device index
 * @dev_size: size of that device in bytes
 * @err: says what is wrong, on error
 *
 * Return: 0, or -ERANGE if one ends past the device.
 */
int fmap_check_device(const struct fmap *fmap, u32 dev, u64 dev_size,
		      struct fmap_error *err)
{
	u32 i;

	for (i = 0; i < fmap->nruns; i++) {
		const struct fmap_run *run = &fmap->runs[i];

		if (run->dev == dev && run->dev_off + run->len > dev_size)
			return refuse(err, -ERANGE,
				      fmap_run_at(fmap, i) +
				      WIRE_AT(simple_ext, se_len),
				      "se_offset + se_len",
				      run->dev_off + run->len,
				      "no more than the device's size");
	}
	return 0;
}

static u8 *put(u8 *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return to + size;
}

static bool exceeds_plain_dialect(const struct fmap *fmap)
{
	u32 i;

	if (fmap->nextents > FUSE_FAMFS_MAX_EXTENTS)
		return true;
	for (i = 0; i < fmap->nextents; i++)
		if (fmap->extents[i].nruns > FUSE_FAMFS_MAX_STRIPS)
			return true;
	return false;
}

/**
 * fmap_encode - make the message that fmap_decode() reads
 * @fmap: the fmap
 * @buf: takes the message
 * @size: bytes at @buf, at least @fmap->wire_size
 *
 * The sized dialect is used only for what exceeds the caps of the plain one.
 * Return: 0, or -EOVERFLOW if @size is too small, with @buf untouched.
 */
int fmap_encode(const struct fmap *fmap, void *buf, size_t size)
{
	struct fuse_famfs_fmap_header h = {
		.file_type = fmap->file_type,
		.fmap_version = FAMFS_FMAP_VERSION,
		.ext_type = fmap->ext_type,
		.nextents = fmap->nextents,
		.file_size = fmap->file_size,
	};
	u8 *to = buf;
	u32 i, r;

	if (size < fmap->wire_size)
		return -EOVERFLOW;
	if (exceeds_plain_dialect(fmap))
		h.reserved0 = fmap->wire_size;
	to = put(to, &h, sizeof(h));
	for (i = 0; i < fmap->nextents; i++) {
		const struct fmap_extent *ext = &fmap->extents[i];

		if (fmap->ext_type == FUSE_FAMFS_EXT_INTERLEAVE) {
			struct fuse_famfs_iext ie = {
				.ie_nstrips = ext->nruns,
				.ie_chunk_size = 1U << ext->chunk_shift,
				.ie_nbytes = ext->nbytes,
			};

			to = put(to, &ie, sizeof(ie));
		}
		for (r = 0; r < ext->nruns; r++) {
			const struct fmap_run *run =
				&fmap->runs[ext->first_run + r];
			struct fuse_famfs_simple_ext se = {
				.se_devindex = run->dev,
				.se_offset = run->dev_off,
				.se_len = run->len,
			};

			to = put(to, &se, sizeof(se));
		}
	}
	return 0;
}

/**
 * fmap_destroy - free an fmap
 * @fmap: from fmap_decode(), or NULL
 */
void fmap_destroy(struct fmap *fmap)
{
	fmap_dealloc(fmap);
}
