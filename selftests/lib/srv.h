/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A scripted server: speaks the protocol straight on the device, and does what
 * a test tells it to, however wrong. It runs in a process of its own; all its
 * state is in shared memory, so that a test sees and changes it at any time.
 *
 *	struct srv *s = srv_new();
 *	struct node *f = srv_memfile(s, "a", fmap_simple1(0, 0, MIB, MIB));
 *	struct rule *r = srv_on(s, FUSE_OPEN, f->id, ACT_STALL, 0);
 */
#ifndef SELFTESTS_SRV_H
#define SELFTESTS_SRV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/fuse_fmap.h>
#include "wire.h"

#define SRV_NODES	8192
#define SRV_RULES	32
#define SRV_LOG		65536
#define SRV_OPS		64
#define SRV_LAST	1024
#define SRV_IOCTL_MAX	(64 * KIB)
#define SRV_STRAYS	1024
#define SRV_HEAP	(256 * MIB)
#define SRV_MAX_WRITE	(1 * MIB)

#define ROOT_ID		1

struct xattr {
	char name[64];
	char value[256];
	uint32_t size;
};

/* A file or directory. What is zero is so by default. */
struct node {
	uint64_t id;
	uint64_t generation;
	uint64_t parent;
	char name[256];
	bool gone;		/* not found by name any more */
	uint32_t mode, uid, gid, nlink, rdev;
	uint64_t size;		/* as in its attributes, bytes */
	uint64_t atime, mtime, ctime;
	uint64_t entry_ms, attr_ms;	/* time-outs */
	uint32_t open_flags;	/* FOPEN_* */
	uint8_t *data;		/* ordinary files: in the heap */
	uint64_t data_room;
	/* GET_FMAP's answer: -fmap_error, or these bytes, at most fmap_crop */
	int fmap_error;
	uint8_t *fmap;
	uint64_t fmap_len, fmap_crop;
	bool may_truncate;	/* SETATTR may change the size of a memory file */
	bool may_allocate;	/* FALLOCATE, too */
	uint8_t *fmap_other;	/* then this, of the same length, comes in turn */
	struct xattr xattr[4];
	uint64_t target;	/* another name of this node, and nothing else */
	struct fuse_sx_time btime;	/* with STATX_BTIME */
	uint32_t sx_mask;	/* what STATX tells; 0: the basic ones */
	atomic_long lookups, forgets;
};

enum act {
	ACT_ERROR,	/* answer with -arg */
	ACT_STALL,	/* answer when released */
	ACT_STALL_INTR,	/* ... or, with EINTR, when interrupted */
	ACT_BAD,	/* first a bad reply, see struct bad, then the good one */
	ACT_BODY,	/* answer with the body of struct bad */
	ACT_SPOIL,	/* first what ->spoil makes of the good reply, then that */
	ACT_DIE,	/* _exit() */
};

struct bad {
	uint64_t unique_xor;
	bool zero_unique;	/* a notification of the code in @error */
	int32_t len_delta;	/* of the header's length field */
	int32_t error;		/* of the header, as it goes out */
	bool with_body;		/* use the following one */
	const uint8_t *body;	/* in the heap; NULL: zeroes */
	uint64_t body_len;
};

/* A good reply, for ->spoil to change; sent with the length that it then has. */
struct spoilt {
	struct srv *s;
	const struct fuse_in_header *in;	/* the request, all of it */
	struct fuse_out_header h;	/* len is set when it is sent */
	int32_t len_delta;		/* and then falsified by this */
	uint8_t *body;			/* has room for SRV_MAX_WRITE * 2 bytes */
	size_t len;
	const void *arg;		/* the rule's */
};

struct call;

/* What to do with a request of this opcode (0: any) and node (0: any). */
struct rule {
	uint32_t opcode;
	uint64_t nodeid;
	enum act act;
	int arg;
	struct bad bad;
	void (*spoil)(struct spoilt *sp);
	const void *spoil_arg;
	int (*answer)(struct call *c);	/* instead of srv_answer() */
	atomic_int left;	/* how many more requests; < 0: all */
	atomic_int hits;
	atomic_bool released;
	/* errno of the write(2) of the bad and of the good reply; -1: none yet */
	atomic_int bad_errno, good_errno;
};

struct seen {
	uint32_t opcode;
	uint32_t uid, pid;
	uint64_t nodeid;
	uint64_t unique;
	uint64_t arg;		/* the first 8 bytes of the body: fh, nlookup … */
	/* of READ and WRITE */
	uint64_t off;
	uint32_t size, io_flags;
	uint8_t body[48];	/* the first bytes of it, then zeroes */
};

/* A node id that no node has, but a reply or a forget named. */
struct stray {
	uint64_t id;
	atomic_long lookups, forgets;
};

struct srv {
	/* INIT's reply */
	uint64_t want;		/* flags, as far as they are offered */
	uint64_t force;		/* flags, whether offered or not */
	uint32_t major, minor, max_write, max_pages;
	uint32_t max_background, congestion_threshold;
	uint32_t max_readahead;	/* 0: as much as is offered */
	int init_error;
	uint16_t request_timeout;	/* seconds */
	uint32_t time_gran;
	uint64_t negative_ms;	/* how long an unknown name is known to be so */
	/* Its devices. "": ENODEV */
	char dev[64][DAXDEV_NAME_MAX];
	struct fuse_statfs_out statfs;
	void (*setup)(struct srv *s);	/* in its process, before the mount */
	atomic_bool ready;

	struct fuse_file_lock getlk;	/* GETLK's answer: what is in the way */
	/* IOCTL's answer: what it brings, and what the last one has taken */
	struct fuse_ioctl_out ioctl;
	uint8_t ioctl_data[SRV_IOCTL_MAX], ioctl_taken[SRV_IOCTL_MAX];
	uint32_t ioctl_len;
	uint32_t revents;		/* POLL's answer */

	/* What it has seen */
	struct fuse_init_in init;
	uint32_t init_len;
	atomic_int count[SRV_OPS];	/* requests by opcode */
	atomic_int nseen;
	struct seen seen[SRV_LOG];
	/* The latest request of each opcode, as far as it goes. */
	struct fuse_in_header last_in[SRV_OPS];
	uint8_t last_body[SRV_OPS][SRV_LAST];
	atomic_bool up;			/* its process has all the memory it needs */
	atomic_int end_errno;		/* why it ended; 0: it has not */

	int wake[2];
	atomic_int nrules;
	struct rule rules[SRV_RULES];
	atomic_int nnodes;
	struct node nodes[SRV_NODES];
	atomic_int nstrays;
	struct stray strays[SRV_STRAYS];
	atomic_long handles;		/* opened and not released */
	atomic_ulong handle_sum;	/* of these */
	size_t heap_used;
	uint8_t heap[];
};

struct srv *srv_new(void);
void srv_free(struct srv *s);
void *srv_alloc(struct srv *s, size_t size);
struct node *srv_node(struct srv *s, uint64_t parent, const char *name,
		      uint32_t mode);
struct node *srv_dir(struct srv *s, uint64_t parent, const char *name);
struct node *srv_plain(struct srv *s, const char *name, const void *data,
		       uint64_t size);
struct node *srv_pattern(struct srv *s, const char *name, uint32_t seed,
			 uint64_t size);
struct node *srv_memfile(struct srv *s, const char *name, struct msg fmap);
void srv_set_fmap(struct srv *s, struct node *n, struct msg fmap);
struct node *srv_find(struct srv *s, uint64_t id);
struct node *srv_find_name(struct srv *s, uint64_t parent, const char *name);
struct node *srv_name_node(struct srv *s, uint64_t parent, const char *name);
struct rule *srv_on(struct srv *s, uint32_t opcode, uint64_t nodeid,
		    enum act act, int arg);
void srv_release(struct srv *s, struct rule *r);
const void *srv_last_body(struct srv *s, uint32_t opcode);
void srv_loop(struct srv *s, int dev, int wake);
int srv_seen(struct srv *s, uint32_t opcode);
const struct seen *srv_last(struct srv *s, uint32_t opcode);

/* In srv_ops.c. A request on its way through the server. */
struct call {
	struct srv *s;
	struct fuse_in_header *in;
	const void *body;
	size_t body_len;
	struct node *node;
	uint8_t *out;		/* room for SRV_MAX_WRITE bytes */
};

#define SRV_NO_REPLY	(-100000)

/* The length of the reply's body, -errno, or SRV_NO_REPLY. */
int srv_answer(struct call *c);
void srv_swap_fmaps(struct node *n);
void srv_fill_attr(const struct node *n, struct fuse_attr *a);
void srv_fill_entry(const struct node *n, struct fuse_entry_out *e);

/* In srv_count.c */
void srv_count_reply(struct srv *s, uint32_t opcode, const uint8_t *out,
		     size_t len, int sign);
void srv_count_request(struct srv *s, const struct fuse_in_header *in);
void srv_count_forgets(struct srv *s, uint64_t id, uint64_t n);
const char *srv_imbalance(struct srv *s);
bool srv_all_forgotten(struct srv *s);

/* In srv_data.c */
int srv_fallocate(struct call *c);
int srv_lseek(struct call *c);
int srv_copy(struct call *c);

/* What follows the first @size bytes of the body: strings. */
static inline const char *srv_name_in(const struct call *c, size_t size)
{
	return (const char *)c->body + size;
}

/* In srv_names.c */
int srv_mknod(struct call *c);
int srv_mkdir(struct call *c);
int srv_symlink(struct call *c);
int srv_readlink(struct call *c);
int srv_link(struct call *c);
int srv_unlink(struct call *c);
int srv_rmdir(struct call *c);
int srv_rename(struct call *c);
int srv_rename2(struct call *c);
int srv_create(struct call *c);

/* In srv_lock.c: locks, ioctls, polling. */
int srv_op_getlk(struct call *c);
int srv_op_ioctl(struct call *c);
int srv_op_poll(struct call *c);

#endif /* SELFTESTS_SRV_H */
