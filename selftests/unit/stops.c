// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "stops.h"

static void note(struct stops *s, uint64_t *at)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->stores = realloc(s->stores, s->room * sizeof(*s->stores));
		assert_non_null(s->stores);
	}
	s->stores[s->n++] = (struct stops_store) { .at = at, .before = *at };
}

static void store(void *ctx, void *dst, const void *src, size_t len)
{
	struct stops *s = ctx;
	uint64_t word;
	size_t i;

	assert_int_equal((uintptr_t)dst % sizeof(word), 0);
	assert_int_equal(len % sizeof(word), 0);
	if (!memcmp(dst, src, len))
		return;
	for (i = 0; i < len / sizeof(word); i++) {
		uint64_t *at = (uint64_t *)dst + i;

		memcpy(&word, (const char *)src + i * sizeof(word), sizeof(word));
		if (*at == word)
			continue;
		if (!s->left)
			longjmp(s->end, 1);
		if (s->left > 0)
			s->left--;
		note(s, at);
		*at = word;
	}
}

static void flush(void *ctx, const void *addr, size_t len)
{
	struct stops *s = ctx;
	uintptr_t from = (uintptr_t)addr / STOPS_LINE;
	uintptr_t to = ((uintptr_t)addr + len - 1) / STOPS_LINE;
	size_t i;

	for (i = 0; i < s->n; i++) {
		uintptr_t line = (uintptr_t)s->stores[i].at / STOPS_LINE;

		if (line >= from && line <= to)
			s->stores[i].flushed = true;
	}
}

void stops_start(struct stops *s, long left)
{
	s->sink = (struct media_sink) {
		.store = store, .flush = flush, .ctx = s,
	};
	s->left = left;
	s->n = 0;
}

void stops_died(struct stops *s, enum reach reach, struct rng *rng)
{
	size_t i;

	for (i = s->n; reach != REACH_ALL && i--; )
		if (!s->stores[i].flushed &&
		    (reach == REACH_FLUSHED || rng_below(rng, 2)))
			*s->stores[i].at = s->stores[i].before;
	s->left = -1;
}

void stops_undo(struct stops *s)
{
	size_t i;

	for (i = s->n; i--; )
		*s->stores[i].at = s->stores[i].before;
	s->n = 0;
}

void stops_free(struct stops *s)
{
	free(s->stores);
	s->stores = NULL;
	s->n = s->room = 0;
}
