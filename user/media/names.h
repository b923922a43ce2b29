/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of a struct media_fs: nodes, and how they are found.
 *
 * A file costs, on 64 bits: its node 152 bytes (88 of struct media_node, 56 of uthash),
 * its name and 9 bytes, 24 bytes an extent, 8 to 16 in its directory, about 4 of the
 * hash table: about 220 bytes for one extent and a name of 10 bytes.
 */
#ifndef FMAPFS_MEDIA_NAMES_H
#define FMAPFS_MEDIA_NAMES_H

#include "check.h"

/* Memory that uthash does not get is -ENOMEM, not exit(3). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Nodes are allocated in chunks, by index: pointers to them stay good. */
#define NODES_A_CHUNK	256U
#define ARENA_SIZE	65536U		/* bytes, of a block of the arena */

/**
 * struct node - a directory or file
 * @pub: what is seen of it; without a name it is no node (ADD_DAXDEV entries)
 * @hh: in by_name; the key is the parent's ino (8 bytes) and the name
 * @entries: of a directory, in the log's order; room for the power of two that holds
 *	pub.nentries
 */
struct node {
	struct media_node pub;
	UT_hash_handle hh;
	struct node **entries;
};

/* Memory that is freed all at once: names and extents. */
struct arena_block {
	struct arena_block *next;
	size_t used;
	_Alignas(8) char bytes[];
};

struct names {
	struct node **chunks;		/* of NODES_A_CHUNK nodes; by index */
	size_t nchunks;			/* slots; those behind the last are NULL */
	struct node special[MEDIA_INO_LOG + 1];		/* by ino; 0 is none */
	struct node *by_name;
	struct arena_block *arena;	/* the one in use, then those that are full */
	uint64_t seed[2];		/* so that no medium can choose collisions */
	size_t memory;			/* bytes, but for by_name's table */
};

struct media_fs {
	struct media_super sb;
	const struct media_fs_ops *ops;
	void *ctx;
	struct media_space *space;
	struct names names;
	uint64_t next;			/* index of the entry to be replayed next */
	uint64_t files;
	uint64_t directories;
	unsigned int ndevices;
	struct media_device devices[MEDIA_DEVICES_MAX];
};

/* names_init - the root and .meta. Return: 0; -ENOMEM; freed by names_free() */
int names_init(struct names *names, uint64_t log_len);
void names_free(struct names *names);

struct node *names_node(const struct names *names, uint64_t ino, uint64_t next);
struct node *names_find(const struct names *names, uint64_t parent,
			const char *name, size_t len);

/**
 * names_add - take up a node
 * @parent: a directory that has no such name
 * @pub: what it is; @pub->name need not be terminated and, like @pub->extents, is
 *	copied; its ino is MEDIA_INO_FIRST and an index that has no node yet
 * @len: bytes of the name
 *
 * Return: 0; -ENOMEM: nothing has changed.
 */
int names_add(struct names *names, struct node *parent,
	      const struct media_node *pub, size_t len, struct node **node);

/* names_memory - bytes, of everything here */
size_t names_memory(const struct names *names);

#endif /* FMAPFS_MEDIA_NAMES_H */
