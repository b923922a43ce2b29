// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node ids. One is made of a node's path and kind and of nothing else, so it is
 * the same in each life of the server, whatever was looked up in which order. If
 * the layout has been changed between two lives, what is there no more has an id
 * that no other node gets: its users are told ESTALE, never shown another file.
 *
 * Two paths with one id are very improbable (a million files: one in ten
 * million), but are looked for and refused.
 */
#include <stdlib.h>
#include <string.h>

#include "static.h"

#define ROOT_ID		1
/* Below 2^63, for those who take st_ino for signed. */
#define ID_MASK		(UINT64_MAX >> 1)

/* FNV-1a, 64 bits. */
#define FNV_START	0xcbf29ce484222325ULL
#define FNV_PRIME	0x100000001b3ULL

static uint64_t fnv(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *byte = data;

	while (len--) {
		hash ^= *byte++;
		hash *= FNV_PRIME;
	}
	return hash;
}

/* Spreads each bit over all (the finish of MurmurHash3). */
static uint64_t spread(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;
	hash *= 0xc4ceb9fe1a85ec53ULL;
	return hash ^ hash >> 33;
}

uint64_t text_digest(const char *text, size_t len)
{
	return spread(fnv(FNV_START, text, len));
}

/* 0 is no node, and 1 is the root. */
uint64_t node_id(const char *path, bool is_dir)
{
	uint64_t hash = fnv(FNV_START, is_dir ? "d" : "f", 1), id;

	if (!*path)
		return ROOT_ID;
	id = spread(fnv(hash, path, strlen(path))) & ID_MASK;
	return id > ROOT_ID ? id : id + ROOT_ID + 1;
}

static int by_id(const void *pa, const void *pb)
{
	const struct node *a = *(struct node *const *)pa;
	const struct node *b = *(struct node *const *)pb;

	return a->st.st_ino < b->st.st_ino ? -1 : a->st.st_ino > b->st.st_ino;
}

/**
 * layout_index - make nodes be found by their ids
 * @layout: has its nodes, and these their ids
 *
 * Return: NULL, or one of two nodes that have the same id; the other is next to
 * it in @layout->by_id.
 */
const struct node *layout_index(struct layout *layout)
{
	uint64_t i;

	layout->by_id = must_alloc(layout->nnodes, sizeof(*layout->by_id));
	memcpy(layout->by_id, layout->nodes,
	       layout->nnodes * sizeof(*layout->by_id));
	qsort(layout->by_id, layout->nnodes, sizeof(*layout->by_id), by_id);
	for (i = 1; i < layout->nnodes; i++)
		if (!by_id(&layout->by_id[i - 1], &layout->by_id[i]))
			return layout->by_id[i - 1];
	return NULL;
}

/* Return: the node with that id, or NULL. */
struct node *layout_node(const struct layout *layout, uint64_t id)
{
	uint64_t lo = 0, hi = layout->nnodes, mid;

	while (lo < hi) {
		struct node *node;

		mid = lo + (hi - lo) / 2;
		node = layout->by_id[mid];
		if (node->st.st_ino == id)
			return node;
		if (node->st.st_ino < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
