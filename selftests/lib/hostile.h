/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bad replies, one a test. The tree of such a test, all of it ordinary:
 *
 *	/a	a file, "0123456789"	/d	a directory	/d/f	a file
 *	/l	a symbolic link to a	/good	a file that no case touches
 *
 * Any other name is for calls that make something; a good reply to these speaks
 * of the node tree()->new. All time-outs are 0: nothing is remembered, each call
 * asks.
 */
#ifndef SELFTESTS_HOSTILE_H
#define SELFTESTS_HOSTILE_H

#include "env.h"

struct hostile_tree {
	struct node *a, *d, *f, *l, *good, *new;
};

/* What comes of a case. */
struct outcome {
	long call;	/* the application's: a result, or -errno */
	int reply;	/* errno of the server's write(2) of the bad reply */
};

struct hostile {
	const char *name;
	uint32_t opcode;		/* whose reply is spoilt */
	void (*spoil)(struct spoilt *sp);
	const void *arg;		/* of ->spoil */
	long (*call)(struct mnt *m);	/* see CALL(); NULL: that of call_of() */
	struct outcome want;
	bool waits;			/* then the right reply still counts */
	/* In-tree fuse, where it differs: what comes of it, ... */
	bool fuse_differs;
	struct outcome fuse;
	/* ... and whether lookups or handles are never given back. */
	bool fuse_leaks;
	bool fuse_ruins;		/* the mount is of no use any more */
	bool again;			/* all such replies, not just the first */
	void (*prepare)(struct srv *s);	/* before the mount */
};

/* A mount with the tree above; @dev: the test's own device fd. */
void hostile_tree(struct srv *s);
struct mnt *hostile_begin(struct srv *s, int *dev);
void hostile_end(struct mnt *m, const struct hostile *row);
void hostile_run(const void *row);
const struct hostile_tree *tree(void);

#define HOSTILE(rows)	TEST_ROWS(hostile_run, rows)

/* A row that has the reply to @OP spoilt by @fn, and no more. */
#define CASE(what, OP, fn, how, gives, reply_errno)			\
	{ .name = what, .opcode = FUSE_##OP, .spoil = fn, .call = how,	\
	  .want = { gives, reply_errno } }

/* @fn, for ->spoil: makes a reply of success of @out, a @type. */
#define FILL(fn, type, change)						\
	static void fn(struct spoilt *sp)				\
	{								\
		type *out = (void *)sp->body;				\
									\
		sp->h.error = 0;					\
		change;							\
	}

/* What a call returns, or -errno. */
#define CALL(expr) ({							\
	errno = 0;							\
	long long v_ = (long long)(expr);				\
	v_ < 0 ? -(long)errno : (long)v_; })

/* STATX's reply, which the oldest headers do not have. */
struct statx_reply {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, flags;
	uint64_t spare[2];
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t reserved;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare2[14];
};

_Static_assert(sizeof(struct statx_reply) == 288, "as on the wire");

/* In hostile_replies.c: good replies to all that may be asked. */
int hostile_answer(struct call *c);
struct fuse_entry_out *entry_of(struct spoilt *sp);
struct fuse_attr *attr_of(struct spoilt *sp);

/* In hostile_calls.c: for each opcode a call that makes the kernel send it. */
struct opcode_call {
	uint32_t opcode;
	const char *name;
	long (*call)(struct mnt *m);
	long good;		/* what it gives if all is well */
	enum { BODY_NONE, BODY_FIXED, BODY_VARIES } body;	/* the reply's */
	long bad;		/* what it gives for EIO */
};

extern const struct opcode_call opcode_calls[];
extern const int nopcode_calls;
const struct opcode_call *call_of(uint32_t opcode);
long call_copy(struct mnt *m);

#endif /* SELFTESTS_HOSTILE_H */
