// SPDX-License-Identifier: GPL-2.0
/*
 * Replies that do not fit the frame of the protocol, to each opcode.
 *
 * 1. What the header says cannot be: write(2) fails, and changes nothing. The
 *    caller still waits, the right reply comes, the call succeeds.
 * 2. The length is none that the request can have: write(2) fails, and the caller
 *    gets EIO. The right reply comes too late: ENOENT.
 * 3. After each: nobody waits; afterwards all lookups and handles are given back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/hostile.h"

static void unknown_unique(struct spoilt *sp)
{
	sp->h.unique += 0x7000;
}

static void no_unique(struct spoilt *sp)
{
	sp->h.unique = 0;
}

static void unique_of_interrupt(struct spoilt *sp)
{
	sp->h.unique |= 1;
	sp->len = 1;
}

static void interrupt_enosys(struct spoilt *sp)
{
	sp->h.unique |= 1;
	sp->h.error = -ENOSYS;
	sp->len = 0;
}

static void interrupt_eagain(struct spoilt *sp)
{
	interrupt_enosys(sp);
	sp->h.error = -EAGAIN;
}

static void length_above(struct spoilt *sp)
{
	sp->len_delta = 1;
}

static void length_below(struct spoilt *sp)
{
	sp->len_delta = -1;
}

static void length_zero(struct spoilt *sp)
{
	sp->len_delta = -(int)(sizeof(sp->h) + sp->len);
}

static void length_huge(struct spoilt *sp)
{
	sp->len_delta = INT32_MAX;
}

static void error_positive(struct spoilt *sp)
{
	sp->h.error = EIO;
	sp->len = 0;
}

static void error_512(struct spoilt *sp)
{
	sp->h.error = -512;
	sp->len = 0;
}

static void error_min(struct spoilt *sp)
{
	sp->h.error = INT32_MIN;
	sp->len = 0;
}

static void error_with_body(struct spoilt *sp)
{
	sp->h.error = -ENOENT;
	sp->len = sp->len ? sp->len : 8;
}

static void byte_short(struct spoilt *sp)
{
	sp->len--;
}

static void without_body(struct spoilt *sp)
{
	sp->len = 0;
}

static void byte_long(struct spoilt *sp)
{
	sp->body[sp->len++] = 0;
}

static void mebibyte_long(struct spoilt *sp)
{
	sp->len += MIB;
}

static const struct frame {
	const char *name;
	void (*spoil)(struct spoilt *sp);
	int reply;		/* errno of write(2) */
	bool waits;		/* the caller still does */
	bool fixed_only;	/* concerns replies of a fixed size */
	bool not_varying;	/* ... or without a body */
} frames[] = {
	{ "any_reply_of_an_unknown_unique_is_enoent",
	  unknown_unique, ENOENT, .waits = true },
	{ "any_reply_without_a_unique_is_einval",
	  no_unique, EINVAL, .waits = true },
	{ "any_reply_to_an_interrupt_with_a_body_is_einval",
	  unique_of_interrupt, EINVAL, .waits = true },
	{ "any_reply_to_an_interrupt_nobody_sent_changes_nothing",
	  interrupt_enosys, 0, .waits = true },
	{ "any_reply_to_repeat_an_interrupt_nobody_sent_is_einval",
	  interrupt_eagain, EINVAL, .waits = true },
	{ "any_reply_longer_than_written_is_einval",
	  length_above, EINVAL, .waits = true },
	{ "any_reply_shorter_than_written_is_einval",
	  length_below, EINVAL, .waits = true },
	{ "any_reply_of_length_0_is_einval", length_zero, EINVAL, .waits = true },
	{ "any_reply_of_2_gib_is_einval", length_huge, EINVAL, .waits = true },
	{ "any_reply_with_a_positive_error_is_einval",
	  error_positive, EINVAL, .waits = true },
	{ "any_reply_with_error_512_is_einval",
	  error_512, EINVAL, .waits = true },
	{ "any_reply_with_the_least_error_is_einval",
	  error_min, EINVAL, .waits = true },
	{ "any_reply_with_an_error_and_a_body_is_eio", error_with_body, EINVAL,
	  .waits = false },
	{ "any_reply_a_byte_short_is_eio",
	  byte_short, EINVAL, .fixed_only = true },
	{ "any_reply_without_its_body_is_eio",
	  without_body, EINVAL, .fixed_only = true },
	{ "any_reply_a_byte_long_is_eio",
	  byte_long, EINVAL, .not_varying = true },
	{ "any_reply_a_mebibyte_long_is_eio", mebibyte_long, EINVAL,
	  .waits = false },
};

static void arm(struct rule *r, const struct frame *frame, uint32_t opcode)
{
	r->opcode = opcode;
	r->spoil = frame->spoil;
	r->hits = 0;
	r->bad_errno = r->good_errno = -1;
	r->left = 1;
}

static void spoil_one(struct mnt *m, struct rule *r, const struct frame *frame,
		      const struct opcode_call *call)
{
	long got;

	arm(r, frame, call->opcode);
	got = call->call(m);
	if (!r->hits)
		FAIL("%s: was never sent; the call gave %ld", call->name, got);
	UNTIL(r->good_errno >= 0);
	if (got != (frame->waits ? call->good : call->bad))
		FAIL("%s: the call gave %ld", call->name, got);
	if (r->bad_errno != frame->reply)
		FAIL("%s: the bad reply gave %s", call->name,
		     strerror(r->bad_errno));
	if (r->good_errno != (frame->waits ? 0 : ENOENT))
		FAIL("%s: the right reply gave %s", call->name,
		     strerror(r->good_errno));
	/* And the next one is good. */
	r->act = ACT_STALL;
	r->released = true;
	r->good_errno = -1;
	r->left = 1;
	got = call->call(m);
	UNTIL(r->good_errno >= 0);
	if (got != call->good)
		FAIL("%s: a good reply gave %ld", call->name, got);
	r->left = 0;
	r->act = ACT_SPOIL;
}

static void each_opcode(const void *arg)
{
	const struct frame *frame = arg;
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, 0, 0, ACT_SPOIL, 0);
	struct mnt *m;
	int i, dev;

	r->left = 0;
	r->answer = hostile_answer;
	/* Else the older one would not be asked. */
	srv_on(s, FUSE_COPY_FILE_RANGE_64, 0, ACT_ERROR, ENOSYS);
	m = hostile_begin(s, &dev);
	OK(close(dev));
	for (i = 0; i < nopcode_calls; i++) {
		const struct opcode_call *call = &opcode_calls[i];

		if ((frame->fixed_only && call->body != BODY_FIXED) ||
		    (frame->not_varying && call->body == BODY_VARIES))
			continue;
		spoil_one(m, r, frame, call);
	}
	hostile_end(m, NULL);
}
TEST_ROWS(each_opcode, frames)
