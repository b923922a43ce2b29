// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: made, checked, looked into. A struct fuse_fmap is the struct fmap of the
 * kernel's own code, under a name that servers may see.
 */
#include <stdio.h>
#include <unistd.h>
#include "fusefmap_map.h"
#include "fmap_core.h"

static const struct fmap *core(const struct fuse_fmap *fmap)
{
	return (const struct fmap *)fmap;
}

static void tell(struct fuse_fmap_error *to, const struct fmap_error *from)
{
	if (!to)
		return;
	to->at = from->at;
	to->field = from->field;
	to->value = from->value;
	to->rule = from->rule;
}

int fuse_fmap_parse(struct fuse_fmap **fmapp, const void *msg, size_t len,
		    struct fuse_fmap_error *err)
{
	struct fmap_error why = { 0 };
	struct fmap *fmap;
	int rc;

	rc = fmap_decode(msg, len, sysconf(_SC_PAGESIZE), &fmap, &why);
	if (rc) {
		tell(err, &why);
		return rc;
	}
	*fmapp = (struct fuse_fmap *)fmap;
	return 0;
}

int fuse_fmap_check(const void *msg, size_t len, struct fuse_fmap_error *err)
{
	struct fuse_fmap *fmap;
	int rc = fuse_fmap_parse(&fmap, msg, len, err);

	if (!rc)
		fuse_fmap_free(fmap);
	return rc;
}

/* A number of entries that no message can say. */
static int refuse_count(struct fuse_fmap_error *err, const char *field,
			uint64_t value, size_t at)
{
	struct fmap_error why = {
		.at = at, .field = field, .value = value, .rule = "1 to 65536",
	};

	tell(err, &why);
	return -ERANGE;
}

/*
 * Checks a message that was made here. Whatever the plain dialect can say is
 * said in that, since every kernel understands it.
 */
static int parse_made(struct fuse_fmap **fmapp, void *msg, size_t len,
		      bool sized, struct fuse_fmap_error *err)
{
	struct fuse_famfs_fmap_header *header = msg;

	if (len > FAMFS_FMAP_SIZED_MAX) {
		struct fmap_error why = {
			.field = "length", .value = len,
			.rule = "at most 16 MiB",
		};

		tell(err, &why);
		return -ERANGE;
	}
	header->reserved0 = sized ? len : 0;
	return fuse_fmap_parse(fmapp, msg, len, err);
}

static struct fuse_famfs_fmap_header header_of(uint32_t file_type,
					       uint32_t ext_type,
					       uint64_t file_size,
					       uint32_t count)
{
	return (struct fuse_famfs_fmap_header) {
		/* One that does not fit must not turn into one that does. */
		.file_type = file_type > UINT8_MAX ? UINT8_MAX : file_type,
		.fmap_version = FAMFS_FMAP_VERSION,
		.ext_type = ext_type,
		.nextents = count,
		.file_size = file_size,
	};
}

static void put_ranges(struct fuse_famfs_simple_ext *to,
		       const struct fuse_famfs_simple_ext *from, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		to[i] = (struct fuse_famfs_simple_ext) {
			.se_devindex = from[i].se_devindex,
			.se_offset = from[i].se_offset,
			.se_len = from[i].se_len,
		};
}

int fuse_fmap_simple(struct fuse_fmap **fmapp, uint32_t file_type,
		     uint64_t file_size,
		     const struct fuse_famfs_simple_ext *ext, uint32_t count,
		     struct fuse_fmap_error *err)
{
	struct fuse_famfs_fmap_header *msg;
	size_t len;
	int rc;

	if (!count || count > FUSE_FAMFS_SIZED_MAX_EXTENTS)
		return refuse_count(err, "nextents", count,
				    offsetof(struct fuse_famfs_fmap_header,
					     nextents));
	len = sizeof(*msg) + sizeof(*ext) * (size_t)count;
	msg = malloc(len);
	if (!msg)
		return -ENOMEM;
	*msg = header_of(file_type, FUSE_FAMFS_EXT_SIMPLE, file_size, count);
	put_ranges((struct fuse_famfs_simple_ext *)(msg + 1), ext, count);
	rc = parse_made(fmapp, msg, len, count > FUSE_FAMFS_MAX_EXTENTS, err);
	free(msg);
	return rc;
}

/* Bytes of the message; 0, and @err, if it cannot be. */
static size_t interleaved_len(const struct fuse_famfs_iext *iext,
			      uint32_t count, bool *sized,
			      struct fuse_fmap_error *err)
{
	size_t len = sizeof(struct fuse_famfs_fmap_header);
	uint32_t i;

	*sized = count > FUSE_FAMFS_MAX_EXTENTS;
	for (i = 0; i < count; i++) {
		uint32_t n = iext[i].ie_nstrips;

		if (!n || n > FUSE_FAMFS_SIZED_MAX_STRIPS) {
			refuse_count(err, "ie_nstrips", n, len);
			return 0;
		}
		if (n > FUSE_FAMFS_MAX_STRIPS)
			*sized = true;
		len += sizeof(*iext);
		len += n * sizeof(struct fuse_famfs_simple_ext);
		if (len > FAMFS_FMAP_SIZED_MAX)
			break;	/* parse_made() says so */
	}
	return len;
}

static void put_interleaved(uint8_t *to, const struct fuse_famfs_iext *iext,
			    uint32_t count,
			    const struct fuse_famfs_simple_ext *strips)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		uint32_t n = iext[i].ie_nstrips;
		struct fuse_famfs_iext *ie = (struct fuse_famfs_iext *)to;
		struct fuse_famfs_simple_ext *se =
			(struct fuse_famfs_simple_ext *)(ie + 1);

		*ie = (struct fuse_famfs_iext) {
			.ie_nstrips = n,
			.ie_chunk_size = iext[i].ie_chunk_size,
			.ie_nbytes = iext[i].ie_nbytes,
		};
		put_ranges(se, strips, n);
		strips += n;
		to = (uint8_t *)(se + n);
	}
}

int fuse_fmap_interleaved(struct fuse_fmap **fmapp, uint32_t file_type,
			  uint64_t file_size,
			  const struct fuse_famfs_iext *iext, uint32_t count,
			  const struct fuse_famfs_simple_ext *strips,
			  struct fuse_fmap_error *err)
{
	struct fuse_famfs_fmap_header *msg;
	bool sized;
	size_t len;
	int rc;

	if (!count || count > FUSE_FAMFS_SIZED_MAX_EXTENTS)
		return refuse_count(err, "nextents", count,
				    offsetof(struct fuse_famfs_fmap_header,
					     nextents));
	len = interleaved_len(iext, count, &sized, err);
	if (!len)
		return -ERANGE;
	msg = malloc(len);
	if (!msg)
		return -ENOMEM;
	*msg = header_of(file_type, FUSE_FAMFS_EXT_INTERLEAVE, file_size,
			 count);
	if (len <= FAMFS_FMAP_SIZED_MAX)
		put_interleaved((uint8_t *)(msg + 1), iext, count, strips);
	rc = parse_made(fmapp, msg, len, sized, err);
	free(msg);
	return rc;
}

int fuse_fmap_check_device(const struct fuse_fmap *fmap, uint32_t dev,
			   uint64_t dev_size, struct fuse_fmap_error *err)
{
	struct fmap_error why;
	int rc = fmap_check_device(core(fmap), dev, dev_size, &why);

	if (rc)
		tell(err, &why);
	return rc;
}

char *fuse_fmap_strerror(const struct fuse_fmap_error *err, char *buf,
			 size_t size)
{
	unsigned long long value = err->value;

	snprintf(buf, size, "%s at byte %zu is %llu (0x%llx), should be %s",
		 err->field, err->at, value, value, err->rule);
	return buf;
}

void fuse_fmap_free(struct fuse_fmap *fmap)
{
	fmap_destroy((struct fmap *)fmap);
}

void fuse_fmap_get_info(const struct fuse_fmap *fmap,
			struct fuse_fmap_info *info)
{
	const struct fmap *f = core(fmap);

	*info = (struct fuse_fmap_info) {
		.file_size = f->file_size,
		.covered = f->covered,
		.dev_mask = f->dev_mask,
		.message_size = f->wire_size,
		.nextents = f->nextents,
		.nranges = f->nruns,
		.ext_type = f->ext_type,
		.file_type = f->file_type,
	};
}

int fuse_fmap_range(const struct fuse_fmap *fmap, uint32_t i,
		    struct fuse_famfs_simple_ext *range)
{
	const struct fmap *f = core(fmap);

	if (i >= f->nruns)
		return -ERANGE;
	*range = (struct fuse_famfs_simple_ext) {
		.se_devindex = f->runs[i].dev,
		.se_offset = f->runs[i].dev_off,
		.se_len = f->runs[i].len,
	};
	return 0;
}

int fuse_fmap_resolve(const struct fuse_fmap *fmap, uint64_t off,
		      uint64_t wanted, struct fuse_fmap_target *target)
{
	struct fmap_target t;
	int rc;

	if (!wanted)
		return -EINVAL;
	rc = fmap_resolve(core(fmap), off, wanted, &t);
	if (rc)
		return rc;
	target->range = t.run;
	target->dev = t.dev;
	target->dev_off = t.dev_off;
	target->len = t.len;
	return 0;
}

bool fuse_fmap_equal(const struct fuse_fmap *a, const struct fuse_fmap *b)
{
	return fmap_equal(core(a), core(b));
}

int fuse_fmap_serialize(const struct fuse_fmap *fmap, void *buf, size_t size)
{
	int rc = fmap_encode(core(fmap), buf, size);

	return rc ? rc : (int)core(fmap)->wire_size;
}

/* A range and whose it is. */
struct claim {
	struct fmap_run run;
	size_t owner;
};

static uint64_t end_of(const struct claim *claim)
{
	return claim->run.dev_off + claim->run.len;
}

static int compare_claims(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;

	if (a->run.dev != b->run.dev)
		return a->run.dev < b->run.dev ? -1 : 1;
	if (a->run.dev_off != b->run.dev_off)
		return a->run.dev_off < b->run.dev_off ? -1 : 1;
	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	return 0;
}

/*
 * Sorted by start, two claims overlap only if two neighbours do: the first that
 * overlap are the lowest.
 */
static int find_overlap(const struct claim *claims, size_t n,
			struct fuse_fmap_overlap *overlap)
{
	size_t i;

	for (i = 1; i < n; i++) {
		const struct claim *a = &claims[i - 1], *b = &claims[i];
		uint64_t end;

		if (a->run.dev != b->run.dev || b->run.dev_off >= end_of(a))
			continue;
		end = end_of(a) < end_of(b) ? end_of(a) : end_of(b);
		if (overlap)
			*overlap = (struct fuse_fmap_overlap) {
				.first = a->owner < b->owner ? a->owner :
							       b->owner,
				.second = a->owner < b->owner ? b->owner :
								a->owner,
				.dev = b->run.dev,
				.dev_off = b->run.dev_off,
				.len = end - b->run.dev_off,
			};
		return -EEXIST;
	}
	return 0;
}

int fuse_fmap_overlaps(const struct fuse_fmap *const *fmaps, size_t count,
		       struct fuse_fmap_overlap *overlap)
{
	struct claim *claims;
	size_t i, n = 0;
	uint32_t r;
	int rc;

	for (i = 0; i < count; i++)
		n += fmaps[i] ? core(fmaps[i])->nruns : 0;
	claims = malloc((n ? n : 1) * sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	n = 0;
	for (i = 0; i < count; i++)
		for (r = 0; fmaps[i] && r < core(fmaps[i])->nruns; r++)
			claims[n++] = (struct claim) {
				core(fmaps[i])->runs[r], i
			};
	qsort(claims, n, sizeof(*claims), compare_claims);
	rc = find_overlap(claims, n, overlap);
	free(claims);
	return rc;
}
