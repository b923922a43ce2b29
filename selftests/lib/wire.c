// SPDX-License-Identifier: GPL-2.0
/* fmap messages, built by hand: nothing is checked, on purpose. */
#define _GNU_SOURCE
#include <stdio.h>

#include "tap.h"
#include "wire.h"

static void *grow(struct msg *m, size_t len)
{
	void *at;

	m->buf = realloc(m->buf, m->len + len);
	if (!m->buf)
		FAIL("out of memory");
	at = m->buf + m->len;
	memset(at, 0, len);
	m->len += len;
	return at;
}

struct fuse_famfs_fmap_header *msg_header(struct msg *m)
{
	return (void *)m->buf;
}

void msg_add(struct msg *m, const void *bytes, size_t len)
{
	memcpy(grow(m, len), bytes, len);
}

struct msg fmap_begin(uint32_t ext_type, uint64_t file_size)
{
	struct msg m = { 0 };
	struct fuse_famfs_fmap_header *h = grow(&m, sizeof(*h));

	h->fmap_version = FAMFS_FMAP_VERSION;
	h->ext_type = ext_type;
	h->file_size = file_size;
	return m;
}

static struct fuse_famfs_simple_ext *add_run(struct msg *m, uint32_t dev,
					     uint64_t off, uint64_t len)
{
	struct fuse_famfs_simple_ext *se = grow(m, sizeof(*se));

	se->se_devindex = dev;
	se->se_offset = off;
	se->se_len = len;
	return se;
}

/* A simple extent, or a strip of the interleaved one before it. */
struct fuse_famfs_simple_ext *msg_ext(struct msg *m, uint32_t dev, uint64_t off,
				      uint64_t len)
{
	if (msg_header(m)->ext_type == FUSE_FAMFS_EXT_SIMPLE)
		msg_header(m)->nextents++;
	return add_run(m, dev, off, len);
}

struct fuse_famfs_iext *msg_iext(struct msg *m, uint32_t nstrips,
				 uint32_t chunk, uint64_t nbytes)
{
	struct fuse_famfs_iext *ie = grow(m, sizeof(*ie));

	msg_header(m)->nextents++;
	ie->ie_nstrips = nstrips;
	ie->ie_chunk_size = chunk;
	ie->ie_nbytes = nbytes;
	return ie;
}

/* The fmap of a file that is one extent. */
struct msg fmap_simple1(uint32_t dev, uint64_t off, uint64_t len,
			uint64_t file_size)
{
	struct msg m = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, file_size);

	msg_ext(&m, dev, off, len);
	return m;
}

/* Make it of the sized dialect. */
void fmap_sized(struct msg *m)
{
	msg_header(m)->reserved0 = m->len;
}

/* Hex digits, white space between them. */
struct msg msg_from_hex(const char *hex)
{
	struct msg m = { 0 };
	unsigned int byte;
	uint8_t b;
	int n;

	while (sscanf(hex, " %2x%n", &byte, &n) == 1) {
		b = byte;
		msg_add(&m, &b, 1);
		hex += n;
	}
	return m;
}
