/* SPDX-License-Identifier: GPL-2.0-only */
/* What the server writes: good replies, and what the input makes of them. */
#ifndef FUZZ_ANSWER_H
#define FUZZ_ANSWER_H

#include "reply.h"

/* The beginning of a request. */
struct question {
	u8 msg[256] __attribute__((aligned(8)));
};

static inline const struct fuse_in_header *
question_header(const struct question *q)
{
	return (const void *)q->msg;
}

struct answer {
	size_t len;	/* of the message, header and all */
	struct {
		struct fuse_out_header h;
		u8 body[16384];
	} msg;
};

void answer_well(struct answer *a, const struct question *q);
/* A notification. */
void answer_unasked(struct answer *a);
void answer_spoil(struct answer *a);

#endif /* FUZZ_ANSWER_H */
