// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser and the resolver of fmaps, from the module's own files.
 *
 *   1. A message is accepted just if a naive reader finds that it breaks no rule;
 *      else the error is one of those that belong to the rules it breaks, and
 *      what is said of the culprit is what the message says there.
 *   2. What is accepted resolves, byte for byte, to where the naive one says.
 *      Pieces follow one another without gap or overlap, in the file as well as
 *      in each run, and none leaves its run.
 *   3. A run that ends beyond a device is found, and only that.
 *   4. Encoded and decoded again it is the same.
 *   5. Without memory it is ENOMEM, and nothing else happens.
 *
 * Input: 8 bytes (the size of all devices; its lowest bits: the page size, and
 * whether there is memory), then the message.
 */
#include <errno.h>
#include <string.h>
#include "fmap_core.h"
#include "fuzz.h"
#include "naive.h"

#define MAX_STEPS	2048
#define PROBES		16

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static uint32_t bit_of(int rc)
{
	switch (rc) {
	case -EINVAL:
		return BREAKS_EINVAL;
	case -ERANGE:
		return BREAKS_ERANGE;
	case -EOVERFLOW:
		return BREAKS_EOVERFLOW;
	case -ENODEV:
		return BREAKS_ENODEV;
	}
	return 0;
}

static const struct {
	const char *field;
	size_t size;
} fields[] = {
	{ "fmap_version", 2 }, { "ext_type", 4 }, { "file_type", 1 },
	{ "nextents", 4 }, { "reserved0", 4 }, { "file_size", 8 },
	{ "se_devindex", 4 }, { "se_offset", 8 }, { "se_len", 8 },
	{ "ie_nstrips", 4 }, { "ie_chunk_size", 4 }, { "ie_nbytes", 8 },
};

static void check_error(const struct fmap_error *err, const uint8_t *msg,
			size_t len)
{
	uint64_t said = 0;
	size_t i;

	MUST(err->rule);
	MUST(err->field);
	if (!strcmp(err->field, "length")) {
		MUST(err->value == len);
		MUST(err->at <= len);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(err->field, fields[i].field))
			break;
	MUST(i < ARRAY_SIZE(fields));
	MUST(err->at + fields[i].size <= len);
	memcpy(&said, msg + err->at, fields[i].size);
	MUST(err->value == said);
}

static void check_same(const struct fmap *fmap, const struct naive *m,
		       uint64_t off, uint64_t wanted)
{
	struct fmap_target t;
	uint64_t dev_off;
	uint32_t run;
	wide left;

	naive_resolve(m, off, &run, &dev_off, &left);
	MUST(!fmap_resolve(fmap, off, wanted, &t));
	MUST(t.run == run);
	MUST(t.dev == m->runs[run].dev);
	MUST(t.dev_off == dev_off);
	MUST(t.len == (wanted < left ? wanted : left));
}

/* From end to end. */
static void walk(const struct fmap *fmap)
{
	uint64_t *used = calloc(fmap->nruns, sizeof(*used));
	struct fmap_target t;
	uint64_t off = 0;

	while (off < fmap->covered) {
		MUST(!fmap_resolve(fmap, off, UINT64_MAX, &t));
		MUST(t.run < fmap->nruns);
		MUST(t.len && t.len <= fmap->covered - off);
		MUST(t.dev_off == fmap->runs[t.run].dev_off + used[t.run]);
		used[t.run] += t.len;
		MUST(used[t.run] <= fmap->runs[t.run].len);
		off += t.len;
	}
	free(used);
}

static void check_resolver(const struct fmap *fmap, const struct naive *m,
			   uint64_t seed)
{
	struct fmap_target t;
	unsigned int i;

	if (m->npieces <= MAX_STEPS)
		walk(fmap);
	check_same(fmap, m, 0, 1);
	check_same(fmap, m, fmap->covered - 1, UINT64_MAX);
	for (i = 0; i < PROBES; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		check_same(fmap, m, seed % fmap->covered, 1 + (seed >> 40));
	}
	MUST(fmap_resolve(fmap, fmap->covered, 1, &t) == -ERANGE);
	MUST(fmap_resolve(fmap, UINT64_MAX, 1, &t) == -ERANGE);
}

static void check_devices(const struct fmap *fmap, const struct naive *m,
			  uint64_t size)
{
	struct fmap_error err;
	uint64_t mask = 0;
	uint32_t i;

	for (i = 0; i < m->nruns; i++) {
		MUST(fmap_run_at(fmap, i) == m->runs[i].at);
		mask |= 1ULL << m->runs[i].dev;
	}
	MUST(fmap->dev_mask == mask);
	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS; i++)
		MUST(fmap_check_device(fmap, i, size, &err) ==
		     (naive_exceeds(m, i, size) ? -ERANGE : 0));
}

static void check_round_trip(const struct fmap *fmap, uint32_t page)
{
	uint8_t *buf = malloc(fmap->wire_size);
	struct fmap_error err;
	struct fmap *again;

	MUST(fmap_encode(fmap, buf, fmap->wire_size - 1) == -EOVERFLOW);
	MUST(!fmap_encode(fmap, buf, fmap->wire_size));
	MUST(!fmap_decode(buf, fmap->wire_size, page, &again, &err));
	MUST(fmap_equal(fmap, again));
	MUST(again->extent_shift == fmap->extent_shift);
	fmap_destroy(again);
	free(buf);
}

static void check_accepted(const struct fmap *fmap, const struct naive *m,
			   size_t len, uint64_t dev_size)
{
	MUST(fmap->covered == m->covered);
	MUST(fmap->file_size == m->h.file_size);
	MUST(fmap->file_size <= fmap->covered);
	MUST(fmap->nextents == m->nexts && fmap->nruns == m->nruns);
	MUST(fmap->ext_type == m->h.ext_type);
	MUST(fmap->file_type == m->h.file_type);
	MUST(fmap->wire_size == len);
	check_resolver(fmap, m, dev_size ^ len);
	check_devices(fmap, m, dev_size);
	check_round_trip(fmap, m->page);
}

static void fuzz(const uint8_t *msg, size_t len, uint64_t control)
{
	static const uint32_t pages[] = { 4096, 4096, 16384, 65536 };
	struct fmap_error err = { 0 };
	struct fmap *fmap = NULL;
	struct naive m;
	int rc;

	MUST(fmap_wanted_size(msg, len) == 0 ||
	     fmap_wanted_size(msg, len) > len);
	naive_read(&m, msg, len, pages[control % 4]);
	no_memory = control & 4;
	rc = fmap_decode(msg, len, m.page, &fmap, &err);
	no_memory = false;
	if (m.breaks) {
		MUST(m.breaks & bit_of(rc));
		check_error(&err, msg, len);
	} else if (control & 4) {
		MUST(rc == -ENOMEM);
	} else {
		MUST(rc == 0);
		check_accepted(fmap, &m, len, control & ~4095ULL);
	}
	MUST(!fmap == !!rc);
	fmap_destroy(fmap);
	naive_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t control;
	uint8_t *msg;
	size_t len;

	if (size < sizeof(control))
		return 0;
	memcpy(&control, data, sizeof(control));
	len = size - sizeof(control);
	/* Of just its size, so that ASan sees the first byte beyond. */
	msg = malloc(len);
	memcpy(msg, data + sizeof(control), len);
	fuzz(msg, len, control);
	free(msg);
	return 0;
}
