// SPDX-License-Identifier: GPL-2.0-only
/* Which ranges of which device the files of a layout file claim. */
#include <stdlib.h>

#include "size.h"
#include "static.h"

void draft_claim(struct draft *d, const struct fuse_famfs_simple_ext *range,
		 const char *where)
{
	if (d->nclaims == d->room) {
		d->room = d->room ? 2 * d->room : 64;
		d->claims = must_resize(d->claims, d->room,
					sizeof(*d->claims));
	}
	d->claims[d->nclaims++] = (struct claim) {
		.dev = range->se_devindex,
		.off = range->se_offset,
		.len = range->se_len,
		.where = must_print("%s", where),
	};
}

static int by_place(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return 0;
}

static bool stands_before(struct mark a, struct mark b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Reported where the later of the two stands in the file. */
static void refuse_overlap(struct draft *d, const struct claim *a,
			   const struct claim *b)
{
	struct mark at_a = doc_at(d->doc, "%s", a->where);
	struct mark at_b = doc_at(d->doc, "%s", b->where);
	char off[SIZE_SHOW_MAX], end[SIZE_SHOW_MAX];
	const struct claim *later = b, *other = a;
	uint64_t a_end = a->off + a->len, b_end = b->off + b->len;

	if (stands_before(at_b, at_a)) {
		later = a;
		other = b;
	}
	diag_add(d->diag, later == a ? at_a : at_b,
		 "%s: overlaps %s (line %u): both have bytes %s to %s of device %u; each byte may be in one place only",
		 later->where, other->where,
		 later == a ? at_b.line : at_a.line, size_show(b->off, off),
		 size_show(a_end < b_end ? a_end : b_end, end), b->dev);
}

/*
 * In order of their place, a range overlaps one before it just if it overlaps
 * the one that reaches farthest.
 */
void draft_overlaps(struct draft *d)
{
	const struct claim *far = NULL, *c;
	size_t i;

	if (d->nclaims)
		qsort(d->claims, d->nclaims, sizeof(*d->claims), by_place);
	for (i = 0; i < d->nclaims; i++) {
		c = &d->claims[i];
		d->layout->used += c->len;
		if (far && far->dev == c->dev && c->off < far->off + far->len)
			refuse_overlap(d, far, c);
		if (!far || far->dev != c->dev ||
		    far->off + far->len < c->off + c->len)
			far = c;
	}
}

void draft_free_claims(struct draft *d)
{
	size_t i;

	for (i = 0; i < d->nclaims; i++)
		free(d->claims[i].where);
	free(d->claims);
}
