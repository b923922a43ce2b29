// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include "fuzz.h"
#include "naive.h"

#define MAX_U64	((wide)UINT64_MAX)

struct reader {
	const uint8_t *msg;
	size_t len;
	size_t at;
};

static bool next(struct reader *r, void *to, size_t size)
{
	if (r->len - r->at < size)
		return false;
	memcpy(to, r->msg + r->at, size);
	r->at += size;
	return true;
}

static bool on_page(const struct naive *m, uint64_t n)
{
	return n % m->page == 0;
}

static void judge_header(struct naive *m, size_t len)
{
	const struct fuse_famfs_fmap_header *h = &m->h;
	uint32_t cap = h->reserved0 ? FUSE_FAMFS_SIZED_MAX_EXTENTS :
				      FUSE_FAMFS_MAX_EXTENTS;

	if (h->fmap_version != 1)
		m->breaks |= BREAKS_EINVAL;
	if (h->ext_type != FUSE_FAMFS_EXT_SIMPLE &&
	    h->ext_type != FUSE_FAMFS_EXT_INTERLEAVE)
		m->breaks |= BREAKS_EINVAL;
	if (h->file_type != FUSE_FAMFS_FILE_REG &&
	    h->file_type != FUSE_FAMFS_FILE_SUPERBLOCK &&
	    h->file_type != FUSE_FAMFS_FILE_LOG)
		m->breaks |= BREAKS_EINVAL;
	if (h->nextents == 0 || h->nextents > cap)
		m->breaks |= BREAKS_ERANGE;
	if (h->reserved0 != 0 && h->reserved0 != len)
		m->breaks |= BREAKS_EINVAL;
	if (h->file_size > INT64_MAX)
		m->breaks |= BREAKS_EOVERFLOW;
}

static bool read_run(struct naive *m, struct reader *r)
{
	struct fuse_famfs_simple_ext se;
	struct naive_run *run = &m->runs[m->nruns];

	run->at = r->at;
	if (!next(r, &se, sizeof(se)))
		return false;
	run->dev = se.se_devindex;
	run->off = se.se_offset;
	run->len = se.se_len;
	m->nruns++;
	if (run->dev >= 64)
		m->breaks |= BREAKS_ENODEV;
	if (!on_page(m, run->off) || !on_page(m, run->len) || run->len == 0)
		m->breaks |= BREAKS_EINVAL;
	if ((wide)run->off + run->len > MAX_U64)
		m->breaks |= BREAKS_EOVERFLOW;
	return true;
}

static bool is_power(wide n)
{
	while (n > 1 && n % 2 == 0)
		n /= 2;
	return n == 1;
}

/* How many chunks there are, the last perhaps not whole. */
static wide chunks_of(const struct naive_ext *e)
{
	return (e->nbytes + e->chunk - 1) / e->chunk;
}

/* Strip @i has the chunks @i, @i + n, @i + 2n, ... */
static wide on_strip(const struct naive_ext *e, uint32_t i)
{
	wide chunks = chunks_of(e), bytes;

	if (chunks <= i)
		return 0;
	bytes = ((chunks - 1 - i) / e->nruns + 1) * e->chunk;
	if ((chunks - 1) % e->nruns == i)
		bytes -= chunks * e->chunk - e->nbytes;
	return bytes;
}

static void judge_iext(struct naive *m, const struct naive_ext *e, bool last)
{
	uint32_t cap = m->h.reserved0 ? FUSE_FAMFS_SIZED_MAX_STRIPS :
					FUSE_FAMFS_MAX_STRIPS;

	if (e->nruns == 0 || e->nruns > cap)
		m->breaks |= BREAKS_ERANGE;
	if (!is_power(e->chunk) || e->chunk < m->page)
		m->breaks |= BREAKS_EINVAL;
	if (e->nbytes == 0 || (!last && e->nbytes % m->page != 0))
		m->breaks |= BREAKS_EINVAL;
}

static bool read_iext(struct naive *m, struct reader *r, struct naive_ext *e,
		      bool last)
{
	struct fuse_famfs_iext ie;
	uint32_t i;

	if (!next(r, &ie, sizeof(ie)))
		return false;
	e->nbytes = ie.ie_nbytes;
	e->chunk = ie.ie_chunk_size;
	e->nruns = ie.ie_nstrips;
	judge_iext(m, e, last);
	for (i = 0; i < ie.ie_nstrips; i++) {
		if (!read_run(m, r))
			return false;
		if (e->chunk && m->runs[m->nruns - 1].len < on_strip(e, i))
			m->breaks |= BREAKS_EINVAL;
	}
	return true;
}

static bool read_ext(struct naive *m, struct reader *r)
{
	struct naive_ext *e = &m->exts[m->nexts];
	bool last = m->nexts == m->h.nextents - 1;

	*e = (struct naive_ext) { .first = m->nruns, .nruns = 1 };
	if (m->h.ext_type == FUSE_FAMFS_EXT_INTERLEAVE) {
		if (!read_iext(m, r, e, last))
			return false;
	} else {
		if (!read_run(m, r))
			return false;
		e->nbytes = m->runs[e->first].len;
	}
	m->nexts++;
	m->covered += e->nbytes;
	if (m->covered > MAX_U64)
		m->breaks |= BREAKS_EOVERFLOW;
	m->npieces += e->chunk ? chunks_of(e) : 1;
	return true;
}

void naive_read(struct naive *m, const uint8_t *msg, size_t len, uint32_t page)
{
	struct reader r = { .msg = msg, .len = len };

	*m = (struct naive) { .page = page };
	if (!next(&r, &m->h, sizeof(m->h))) {
		m->breaks = BREAKS_EINVAL;
		return;
	}
	judge_header(m, len);
	if (m->h.ext_type > FUSE_FAMFS_EXT_INTERLEAVE)
		return;
	/* No more than that can be in so many bytes. */
	m->exts = calloc(len / sizeof(struct fuse_famfs_iext) + 1,
			 sizeof(*m->exts));
	m->runs = calloc(len / sizeof(struct fuse_famfs_simple_ext) + 1,
			 sizeof(*m->runs));
	while (m->nexts < m->h.nextents)
		if (!read_ext(m, &r)) {
			m->breaks |= BREAKS_EINVAL;
			return;
		}
	if (r.at != len)
		m->breaks |= BREAKS_EINVAL;
	if (m->covered < m->h.file_size)
		m->breaks |= BREAKS_EINVAL;
}

void naive_free(struct naive *m)
{
	free(m->exts);
	free(m->runs);
}

void naive_resolve(const struct naive *m, uint64_t off, uint32_t *run,
		   uint64_t *dev_off, wide *left)
{
	const struct naive_ext *e = m->exts;
	wide rel = off, chunk;

	while (rel >= e->nbytes) {
		rel -= e->nbytes;
		e++;
	}
	*left = e->nbytes - rel;
	*run = e->first;
	if (!e->chunk) {
		*dev_off = m->runs[*run].off + rel;
		return;
	}
	chunk = rel / e->chunk;
	*run += chunk % e->nruns;
	*dev_off = m->runs[*run].off + chunk / e->nruns * e->chunk +
		   rel % e->chunk;
	if (*left > e->chunk - rel % e->chunk)
		*left = e->chunk - rel % e->chunk;
}

bool naive_exceeds(const struct naive *m, uint32_t dev, uint64_t size)
{
	uint32_t i;

	for (i = 0; i < m->nruns; i++)
		if (m->runs[i].dev == dev &&
		    (wide)m->runs[i].off + m->runs[i].len > size)
			return true;
	return false;
}
