// SPDX-License-Identifier: GPL-2.0-only
/*
 * The resolver.
 *
 *   1. The table of the protocol's worked example comes out.
 *   2. On 100,000 random maps it agrees with a naive one, which lays the file
 *      out in a list of contiguous pieces and looks at one after the other.
 *      Simple equal, simple mixed, interleaved, several interleaved; files that
 *      end within a page.
 *   3. Strips one page smaller than the naive layout needs are refused.
 *   4. Beyond what the extents cover there is nothing.
 */
#include <errno.h>
#include "unit.h"
#include "fmap_core.h"

#define MAPS		100000
#define PROBES		8	/* offsets tried in each map, beside the edges */
#define MAX_PIECES	1024
#define MAX_RUNS	64

/* A contiguous piece of the file, in the order of the file. */
struct piece {
	uint64_t file_off;
	uint64_t len;
	uint32_t run;
	uint64_t in_run;	/* bytes from the start of the run */
};

/* A map as the test makes it, and as it lays it out by itself. */
struct model {
	struct msg msg;
	uint64_t run_off[MAX_RUNS];
	uint64_t run_len[MAX_RUNS];
	uint32_t run_dev[MAX_RUNS];
	size_t run_at[MAX_RUNS];	/* in the message */
	uint32_t nruns;
	uint64_t used[MAX_RUNS];	/* bytes of the run that pieces need */
	struct piece pieces[MAX_PIECES];
	uint32_t npieces;
	uint64_t covered;
};

static void add_piece(struct model *m, uint32_t run, uint64_t len)
{
	assert_true(m->npieces < MAX_PIECES);
	m->pieces[m->npieces++] = (struct piece) {
		.file_off = m->covered,
		.len = len,
		.run = run,
		.in_run = m->used[run],
	};
	m->used[run] += len;
	m->covered += len;
}

static void put_run(struct model *m, struct rng *rng, uint64_t len)
{
	uint32_t i = m->nruns++;

	m->run_dev[i] = rng_below(rng, 64);
	m->run_off[i] = rng_below(rng, 1ULL << 40) * PAGE;
	m->run_len[i] = len;
	m->used[i] = 0;
	m->run_at[i] = m->msg.len;
	msg_simple(&m->msg, m->run_dev[i], m->run_off[i], len);
}

static void start_model(struct model *m, uint32_t ext_type, uint32_t nextents)
{
	m->nruns = 0;
	m->npieces = 0;
	m->covered = 0;
	msg_header(&m->msg, ext_type, nextents, 0);
}

static void set_file_size(struct model *m, struct rng *rng)
{
	/* Mostly somewhere in the last piece, so often within a page. */
	const struct piece *last = &m->pieces[m->npieces - 1];
	uint64_t size = rng_below(rng, 8) ?
			last->file_off + rng_below(rng, last->len) + 1 :
			rng_below(rng, m->covered + 1);

	((struct fuse_famfs_fmap_header *)m->msg.bytes)->file_size = size;
}

static void make_simple_equal(struct model *m, struct rng *rng)
{
	uint32_t i, n = rng_below(rng, 32) + 1;
	uint64_t size = (uint64_t)PAGE << rng_below(rng, 20);
	uint64_t last = rng_below(rng, size / PAGE) * PAGE + PAGE;

	start_model(m, FUSE_FAMFS_EXT_SIMPLE, n);
	for (i = 0; i < n; i++) {
		put_run(m, rng, i == n - 1 ? last : size);
		add_piece(m, i, m->run_len[i]);
	}
}

static void make_simple_mixed(struct model *m, struct rng *rng)
{
	uint32_t i, n = rng_below(rng, 32) + 1;

	start_model(m, FUSE_FAMFS_EXT_SIMPLE, n);
	for (i = 0; i < n; i++) {
		put_run(m, rng, (rng_below(rng, 1ULL << rng_below(rng, 21)) + 1)
				* PAGE);
		add_piece(m, i, m->run_len[i]);
	}
}

/* Lays out one extent by going round the strips, chunk by chunk. */
static void lay_out(struct model *m, uint32_t first, uint32_t nstrips,
		    uint64_t chunk, uint64_t nbytes)
{
	uint32_t strip = 0;

	while (nbytes) {
		uint64_t len = nbytes < chunk ? nbytes : chunk;

		add_piece(m, first + strip, len);
		nbytes -= len;
		strip = strip + 1 == nstrips ? 0 : strip + 1;
	}
}

/* Gives each strip what it needs, in whole pages, and sometimes more. */
static void size_strips(struct model *m, struct rng *rng, uint32_t first,
			uint32_t nstrips)
{
	struct fuse_famfs_simple_ext *se;
	uint32_t i;

	for (i = first; i < first + nstrips; i++) {
		uint64_t len = (m->used[i] + PAGE - 1) / PAGE * PAGE;

		if (!len || !rng_below(rng, 3))
			len += (rng_below(rng, 5) + 1) * PAGE;
		m->run_len[i] = len;
		se = (void *)(m->msg.bytes + m->run_at[i]);
		se->se_len = len;
	}
}

static void put_interleaved(struct model *m, struct rng *rng, bool last,
			    uint32_t max_strips)
{
	uint32_t i, n = rng_below(rng, max_strips) + 1, first = m->nruns;
	uint32_t chunk = PAGE << rng_below(rng, 12);
	uint64_t nbytes = rng_below(rng, (uint64_t)chunk * 40) + 1;

	if (!last)
		nbytes = (nbytes + PAGE - 1) / PAGE * PAGE;
	msg_iext(&m->msg, n, chunk, nbytes);
	for (i = 0; i < n; i++)
		put_run(m, rng, 0);
	lay_out(m, first, n, chunk, nbytes);
	size_strips(m, rng, first, n);
}

static void make_interleaved(struct model *m, struct rng *rng)
{
	start_model(m, FUSE_FAMFS_EXT_INTERLEAVE, 1);
	put_interleaved(m, rng, true, 32);
}

static void make_several_interleaved(struct model *m, struct rng *rng)
{
	uint32_t i, n = rng_below(rng, 7) + 2;

	start_model(m, FUSE_FAMFS_EXT_INTERLEAVE, n);
	for (i = 0; i < n; i++)
		put_interleaved(m, rng, i == n - 1, 8);
}

static struct fmap *decode(const struct model *m)
{
	struct fmap_error err = { 0 };
	struct fmap *fmap = NULL;
	int rc = fmap_decode(m->msg.bytes, m->msg.len, PAGE, &fmap, &err);

	if (rc)
		fail_msg("%d: %s at %zu is %#llx, should be %s", rc, err.field,
			 err.at, (unsigned long long)err.value, err.rule);
	assert_int_equal(fmap->covered, m->covered);
	return fmap;
}

static void compare_at(const struct model *m, const struct fmap *fmap,
		       uint64_t off, uint64_t wanted)
{
	struct fmap_target t;
	uint64_t left;
	uint32_t i;

	assert_int_equal(fmap_resolve(fmap, off, wanted, &t), 0);
	for (i = 0; i < m->npieces; i++)
		if (off < m->pieces[i].file_off + m->pieces[i].len)
			break;
	assert_true(i < m->npieces);
	off -= m->pieces[i].file_off;
	left = m->pieces[i].len - off;
	assert_int_equal(t.run, m->pieces[i].run);
	assert_int_equal(t.dev, m->run_dev[t.run]);
	assert_int_equal(t.dev_off,
			 m->run_off[t.run] + m->pieces[i].in_run + off);
	assert_int_equal(t.len, wanted < left ? wanted : left);
}

/* Walking from piece to piece meets each of them, whole, and then the end. */
static void walk(const struct model *m, const struct fmap *fmap)
{
	struct fmap_target t;
	uint64_t off = 0;
	uint32_t i;

	for (i = 0; i < m->npieces; i++) {
		assert_int_equal(off, m->pieces[i].file_off);
		assert_int_equal(fmap_resolve(fmap, off, UINT64_MAX, &t), 0);
		assert_int_equal(t.run, m->pieces[i].run);
		assert_int_equal(t.len, m->pieces[i].len);
		off += t.len;
	}
	assert_int_equal(fmap_resolve(fmap, off, 1, &t), -ERANGE);
	assert_int_equal(fmap_resolve(fmap, UINT64_MAX, 1, &t), -ERANGE);
}

static void assert_round_trip(const struct model *m, const struct fmap *fmap)
{
	static uint8_t buf[64 * 1024];

	assert_true(m->msg.len <= sizeof(buf));
	assert_int_equal(fmap_encode(fmap, buf, sizeof(buf)), 0);
	assert_int_equal(fmap->wire_size, m->msg.len);
	assert_memory_equal(buf, m->msg.bytes, m->msg.len);
}

static void resolver_agrees_with_a_naive_one(void **state)
{
	static void (*const make[])(struct model *m, struct rng *rng) = {
		make_simple_equal, make_simple_mixed, make_interleaved,
		make_several_interleaved,
	};
	static struct model m;
	struct rng rng = rng_start("resolver");
	unsigned int i, probe;

	(void)state;
	for (i = 0; i < MAPS; i++) {
		struct fmap *fmap;

		make[i % ARRAY_SIZE(make)](&m, &rng);
		set_file_size(&m, &rng);
		fmap = decode(&m);
		compare_at(&m, fmap, 0, 1);
		compare_at(&m, fmap, m.covered - 1, 2);
		for (probe = 0; probe < PROBES; probe++)
			compare_at(&m, fmap, rng_below(&rng, m.covered),
				   1 + rng_below(&rng, 1 << 22));
		if (!(i % 16))
			walk(&m, fmap);
		assert_round_trip(&m, fmap);
		fmap_destroy(fmap);
	}
	msg_free(&m.msg);
}

static void strips_one_page_short_are_refused(void **state)
{
	static struct model m;
	struct rng rng = rng_start("short strips");
	unsigned int i, tried = 0;

	(void)state;
	for (i = 0; i < 5000; i++) {
		struct fuse_famfs_simple_ext *se;
		struct fmap_error err;
		struct fmap *fmap;
		uint32_t run;

		make_several_interleaved(&m, &rng);
		run = rng_below(&rng, m.nruns);
		if (m.used[run] <= PAGE)
			continue;
		se = (void *)(m.msg.bytes + m.run_at[run]);
		se->se_len = (m.used[run] - 1) / PAGE * PAGE;
		assert_int_equal(fmap_decode(m.msg.bytes, m.msg.len, PAGE,
					     &fmap, &err), -EINVAL);
		assert_int_equal(err.at, m.run_at[run] + 16);
		se->se_len += PAGE;
		fmap_destroy(decode(&m));
		tried++;
	}
	assert_true(tried > 1000);
	msg_free(&m.msg);
}

static void table_of_the_worked_example_comes_out(void **state)
{
	static const struct {
		uint64_t off;
		uint32_t run;
		uint64_t dev_off;
		uint64_t len;
	} table[] = {
		{ 0, 0, 0xA00000, 2 * MIB },
		{ 2 * MIB, 1, 0x40A00000, 2 * MIB },
		{ 9 * MIB + 4 * KIB, 0, 0xD01000, 1 * MIB - 4 * KIB },
		{ 15 * MIB, 3, 0xC0D00000, 1 * MIB },
		{ 22 * MIB, 3, 0xC0E00000, 1 * MIB },
	};
	struct fmap_target t;
	struct fmap_error err;
	struct msg msg = { 0 };
	struct fmap *fmap;
	size_t i;

	(void)state;
	msg_hex(&msg, example_interleaved);
	assert_int_equal(fmap_decode(msg.bytes, msg.len, PAGE, &fmap, &err), 0);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(fmap_resolve(fmap, table[i].off, 1 * GIB, &t),
				 0);
		assert_int_equal(t.run, table[i].run);
		assert_int_equal(t.dev, 0);
		assert_int_equal(t.dev_off, table[i].dev_off);
		assert_int_equal(t.len, table[i].len);
	}
	assert_int_equal(fmap_resolve(fmap, 23 * MIB - 1, 1 * GIB, &t), 0);
	assert_int_equal(t.len, 1);
	assert_int_equal(fmap_resolve(fmap, 23 * MIB, 1, &t), -ERANGE);
	fmap_destroy(fmap);
	msg_free(&msg);
}

/* The O(1) lookup is for extents of one power of two, the last maybe smaller. */
static void equal_extents_are_found_by_shift(void **state)
{
	static const struct {
		uint64_t pages[4];
		unsigned int shift;
	} cases[] = {
		{ { 4, 4, 4, 4 }, 14 }, { { 4, 4, 4, 1 }, 14 },
		{ { 4, 4, 4, 5 }, 0 }, { { 4, 4, 2, 4 }, 0 },
		{ { 3, 3, 3, 3 }, 0 }, { { 4, 8, 4, 4 }, 0 },
	};
	static struct model m;
	struct rng rng = { 1 };
	struct fmap *fmap;
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		start_model(&m, FUSE_FAMFS_EXT_SIMPLE, 4);
		for (k = 0; k < 4; k++) {
			put_run(&m, &rng, cases[i].pages[k] * PAGE);
			add_piece(&m, k, cases[i].pages[k] * PAGE);
		}
		fmap = decode(&m);
		assert_int_equal(fmap->extent_shift, cases[i].shift);
		walk(&m, fmap);
		fmap_destroy(fmap);
	}
	msg_free(&m.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_of_the_worked_example_comes_out),
		cmocka_unit_test(equal_extents_are_found_by_shift),
		cmocka_unit_test(resolver_agrees_with_a_naive_one),
		cmocka_unit_test(strips_one_page_short_are_refused),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
