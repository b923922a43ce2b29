/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mount, its callers and its server in one thread: whoever waits lets the
 * server act (env_serve()), and the input says how.
 */
#ifndef FUZZ_REPLY_H
#define FUZZ_REPLY_H

#include "proto.h"

/* --- the input: what is missing is 0 --- */

struct input {
	const uint8_t *at;
	size_t left;
};

extern struct input input;

uint64_t take(unsigned int bytes);

/* --- in around.c: what is around the protocol --- */

enum { NODE_ROOT, NODE_DIR, NODE_FILE, NODE_LINK, NR_NODES };

extern struct super_block sb;
extern struct fmapfs_sb fs;
extern struct fmapfs_inode nodes[NR_NODES];
extern const struct file_operations *dev_fops;
extern const struct fmapfs_conn_ops conn_ops;

/* Node ids of the same kind of node are that far from one another. */
#define NODE_STEP	16

void around_begin(void);
void around_end(void);
umode_t mode_of(u64 nodeid);
/* Of a node that is not open, and not the root. */
void evict(struct fmapfs_inode *fi);

/* --- in server.c --- */

extern struct file dev;

void server_begin(void);
/* What the mount already has. */
void server_hands_out(u64 nodeid);
/* Reads and answers all there is, well. */
void server_drain(void);
/* What was handed out has been given back. */
void server_check_balance(void);
void server_end(void);

#endif /* FUZZ_REPLY_H */
