// SPDX-License-Identifier: GPL-2.0-only
/*
 * Good messages, damaged at random. What counts is the build with ASan and
 * UBSan.
 *
 *   1. Decoding ends, with an error of the protocol and a culprit within the
 *      message, or with a map.
 *   2. Such a map keeps what the protocol promises: wherever it resolves to is
 *      within its runs, and walking it covers it.
 *   3. Encoding such a map, and decoding that, gives the same map.
 */
#include <errno.h>
#include "corpus.h"
#include "fmap_core.h"

#define ROUNDS		300000
#define MAX_STEPS	64

static const char *const seeds[] = {
	"good-simple", "good-interleaved", "good-32-extents",
	"good-two-interleaved", "good-sized-33-strips", "good-offset-top",
};

static const uint64_t favourites[] = {
	0, 1, 2, 31, 32, 33, 63, 64, 0xfff, 0x1000, 0x1001, 0x200000, 65535,
	65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 62,
	(1ULL << 63) - 1, 1ULL << 63, 0xfffffffffffff000, UINT64_MAX,
};

/* One change: a bit, a byte, an aligned number of 2, 4 or 8 bytes, the length. */
static void damage(struct msg *msg, struct rng *rng)
{
	size_t size = 1ULL << rng_below(rng, 4);
	size_t at = rng_below(rng, msg->len) & ~(size - 1);
	uint64_t value = favourites[rng_below(rng, ARRAY_SIZE(favourites))];

	switch (rng_below(rng, 8)) {
	case 0:
		msg->bytes[at] ^= 1 << rng_below(rng, 8);
		break;
	case 1:
		msg->len -= rng_below(rng, msg->len);
		break;
	case 2:
		value = rng_next(rng);
		/* fall through */
	default:
		if (at + size <= msg->len)
			memcpy(msg->bytes + at, &value, size);
	}
}

static void walk(const struct fmap *fmap, struct rng *rng)
{
	uint64_t off = rng_below(rng, fmap->covered);
	unsigned int i;

	for (i = 0; i < MAX_STEPS && off < fmap->covered; i++) {
		const struct fmap_run *run;
		struct fmap_target t;

		assert_int_equal(fmap_resolve(fmap, off, UINT64_MAX, &t), 0);
		assert_true(t.run < fmap->nruns);
		run = &fmap->runs[t.run];
		assert_int_equal(t.dev, run->dev);
		assert_true(fmap->dev_mask & 1ULL << t.dev);
		assert_true(t.len > 0 && t.len <= fmap->covered - off);
		assert_true(t.dev_off >= run->dev_off);
		assert_true(t.dev_off - run->dev_off + t.len <= run->len);
		off += t.len;
	}
}

static void assert_round_trip(const struct fmap *fmap)
{
	uint8_t *buf = malloc(fmap->wire_size);
	struct fmap_error err;
	struct fmap *again;

	assert_int_equal(fmap_encode(fmap, buf, fmap->wire_size), 0);
	assert_int_equal(fmap_decode(buf, fmap->wire_size, PAGE, &again, &err),
			 0);
	assert_true(fmap_equal(fmap, again));
	assert_int_equal(again->extent_shift, fmap->extent_shift);
	fmap_destroy(again);
	free(buf);
}

static bool is_protocol_error(int rc)
{
	return rc == -EINVAL || rc == -ERANGE || rc == -EOVERFLOW ||
	       rc == -ENODEV;
}

static void damaged_messages_do_no_harm(void **state)
{
	struct corpus_entry seed[ARRAY_SIZE(seeds)];
	struct rng rng = rng_start("damage");
	unsigned int i, n, accepted = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(corpus_load(&seed[i], seeds[i]), 0);
	for (i = 0; i < ROUNDS; i++) {
		const struct msg *from = &seed[i % ARRAY_SIZE(seeds)].msg;
		struct fmap_error err = { 0 };
		struct fmap *fmap;
		struct msg msg;
		int rc;

		/* Of just its size, so that ASan sees the first byte beyond. */
		msg.bytes = malloc(from->len);
		msg.len = from->len;
		memcpy(msg.bytes, from->bytes, msg.len);
		for (n = rng_below(&rng, 3) + 1; n; n--)
			damage(&msg, &rng);
		msg.bytes = realloc(msg.bytes, msg.len);
		rc = fmap_decode(msg.bytes, msg.len, PAGE, &fmap, &err);
		free(msg.bytes);
		if (rc) {
			assert_true(is_protocol_error(rc));
			assert_true(err.at <= msg.len);
			assert_non_null(err.field);
			assert_non_null(err.rule);
			continue;
		}
		accepted++;
		walk(fmap, &rng);
		assert_round_trip(fmap);
		fmap_destroy(fmap);
	}
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		corpus_free(&seed[i]);
	printf("# %u of %u were accepted\n", accepted, ROUNDS);
	assert_true(accepted > ROUNDS / 100);
	assert_true(accepted < ROUNDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_messages_do_no_harm),
	};

	return cmocka_run_group_tests_name("mutate", tests, NULL, NULL);
}
