/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that somebody writes who dies: a media_sink that makes so many stores and no
 * more. What of them has reached memory then, there are three models of.
 *
 * A store is of 8 aligned bytes; those that change nothing are not counted. To memory go
 * lines of 64 bytes when they are flushed; before that each word of them on its own, or
 * not.
 */
#ifndef STOPS_H
#define STOPS_H

#include <setjmp.h>

#include "unit.h"
#include "media.h"

#define STOPS_LINE	64	/* bytes */

enum reach {
	REACH_ALL,	/* the process died, the host goes on */
	REACH_FLUSHED,	/* the host died, with its caches */
	REACH_SOME,	/* so it did, having written back some words, anyhow */
	REACHES,
};

struct stops_store {
	uint64_t *at;
	uint64_t before;
	bool flushed;
};

/**
 * struct stops
 * @sink: to be given to what writes
 * @end: where it goes when it dies
 * @left: stores that it lives for; negative: it does not die
 * @stores: all since stops_start(), @n of them
 */
struct stops {
	struct media_sink sink;
	jmp_buf end;
	long left;
	struct stops_store *stores;
	size_t n, room;
};

void stops_start(struct stops *s, long left);

/* True: @operation was done; false: it died on the way, at store number @left. */
#define STOPS_AT(s, operation)						\
	(setjmp((s)->end) ? false : ((void)(operation), true))

/* Who died has left this; from now on nobody dies. */
void stops_died(struct stops *s, enum reach reach, struct rng *rng);
/* Memory is again as it was at stops_start(). */
void stops_undo(struct stops *s);
void stops_free(struct stops *s);

#endif /* STOPS_H */
