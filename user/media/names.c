// SPDX-License-Identifier: GPL-2.0-only
/* Nodes by index and by name. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "names.h"

/* The key of a node: parent's ino, name. */
#define KEY_MAX	(sizeof(uint64_t) + FAMFS_PATH_MAX)

static uint64_t rotate(uint64_t n, unsigned int bits)
{
	return n << bits | n >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3: names on a medium are somebody else's choice, and so are collisions. */
static unsigned int hash(const struct names *names, const void *key, size_t len)
{
	uint64_t v[4] = {
		names->seed[0] ^ 0x736f6d6570736575,
		names->seed[1] ^ 0x646f72616e646f6d,
		names->seed[0] ^ 0x6c7967656e657261,
		names->seed[1] ^ 0x7465646279746573,
	};
	const char *p = key;
	uint64_t word;
	size_t left;

	for (left = len; left >= sizeof(word); left -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		p += sizeof(word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, p, left);
	word |= (uint64_t)len << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return (unsigned int)(word ^ word >> 32);
}

/* --- the arena --- */

/* Room for @size bytes, aligned to 8; names_unalloc() takes back the last. */
static void *arena_alloc(struct names *names, size_t size)
{
	struct arena_block *block = names->arena;
	size_t bytes = ARENA_SIZE - sizeof(*block);
	void *room;

	size = (size + 7) & ~(size_t)7;
	if (!block || size > bytes - block->used) {
		block = malloc(ARENA_SIZE);
		if (!block)
			return NULL;
		block->next = names->arena;
		block->used = 0;
		names->arena = block;
		names->memory += ARENA_SIZE;
	}
	room = block->bytes + block->used;
	block->used += size;
	return room;
}

static void arena_unalloc(struct names *names, const char *room)
{
	names->arena->used = (size_t)(room - names->arena->bytes);
}

/* --- nodes by index --- */

static int slots_grow(struct names *names, size_t chunk)
{
	size_t n = names->nchunks ? names->nchunks : 16;
	struct node **chunks;

	while (n <= chunk)
		n *= 2;
	chunks = realloc(names->chunks, n * sizeof(*chunks));
	if (!chunks)
		return -ENOMEM;
	memset(chunks + names->nchunks, 0,
	       (n - names->nchunks) * sizeof(*chunks));
	names->memory += (n - names->nchunks) * sizeof(*chunks);
	names->chunks = chunks;
	names->nchunks = n;
	return 0;
}

/* The slot of a node to be; -ENOMEM: NULL. */
static struct node *slot(struct names *names, uint64_t ino)
{
	uint64_t index = ino - MEDIA_INO_FIRST;
	uint64_t chunk = index / NODES_A_CHUNK;

	if (ino < MEDIA_INO_FIRST)
		return &names->special[ino];
	if (chunk > SIZE_MAX / 2 / sizeof(*names->chunks))
		return NULL;
	if (chunk >= names->nchunks && slots_grow(names, (size_t)chunk))
		return NULL;
	if (!names->chunks[chunk]) {
		names->chunks[chunk] = calloc(NODES_A_CHUNK, sizeof(struct node));
		if (!names->chunks[chunk])
			return NULL;
		names->memory += NODES_A_CHUNK * sizeof(struct node);
	}
	return &names->chunks[chunk][index % NODES_A_CHUNK];
}

struct node *names_node(const struct names *names, uint64_t ino, uint64_t next)
{
	uint64_t index = ino - MEDIA_INO_FIRST;
	struct node *chunk, *node;

	if (ino <= MEDIA_INO_LOG)
		return ino ? (struct node *)&names->special[ino] : NULL;
	if (ino < MEDIA_INO_FIRST || index >= next ||
	    index / NODES_A_CHUNK >= names->nchunks)
		return NULL;
	/* One that has ADD_DAXDEV entries only is not there. */
	chunk = names->chunks[index / NODES_A_CHUNK];
	if (!chunk)
		return NULL;
	node = &chunk[index % NODES_A_CHUNK];
	return node->pub.name ? node : NULL;
}

/* --- nodes by name --- */

struct node *names_find(const struct names *names, uint64_t parent,
			const char *name, size_t len)
{
	char key[KEY_MAX];
	struct node *found;
	unsigned int value;

	if (len >= FAMFS_PATH_MAX)
		return NULL;
	memcpy(key, &parent, sizeof(parent));
	memcpy(key + sizeof(parent), name, len);
	len += sizeof(parent);
	value = hash(names, key, len);
	HASH_FIND_BYHASHVALUE(hh, names->by_name, key, len, value, found);
	return found;
}

/* Room for one more entry of @dir; it counts when nentries does. */
static int entries_grow(struct names *names, struct node *dir)
{
	uint64_t n = dir->pub.nentries;
	struct node **entries;

	/* There is room for the next power of two. */
	if (n & (n - 1))
		return 0;
	entries = realloc(dir->entries, (n ? 2 * n : 1) * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	names->memory += (n ? n : 1) * sizeof(*entries);
	dir->entries = entries;
	return 0;
}

/* Copies of the key and of the extents, these first: they need the alignment. */
static char *copy_in(struct names *names, const struct node *parent,
		     const struct media_node *pub, size_t len)
{
	size_t extents = pub->nextents * sizeof(*pub->extents);
	char *room = arena_alloc(names, extents + sizeof(pub->parent) + len + 1);
	char *key;

	if (!room)
		return NULL;
	if (extents)
		memcpy(room, pub->extents, extents);
	key = room + extents;
	memcpy(key, &parent->pub.ino, sizeof(parent->pub.ino));
	memcpy(key + sizeof(parent->pub.ino), pub->name, len);
	key[sizeof(parent->pub.ino) + len] = '\0';
	return room;
}

int names_add(struct names *names, struct node *parent,
	      const struct media_node *pub, size_t len, struct node **result)
{
	struct node *node = slot(names, pub->ino);
	unsigned int value, key_len = sizeof(pub->parent) + (unsigned int)len;
	char *room, *key;
	bool grown;

	/*
	 * A room that was grown for nothing stays: it is asked for again, and realloc()
	 * of the same size does nothing. Only the sum must not count it twice.
	 */
	grown = !(parent->pub.nentries & (parent->pub.nentries - 1));
	if (!node || entries_grow(names, parent))
		return -ENOMEM;
	room = copy_in(names, parent, pub, len);
	if (!room)
		goto nomem;
	key = room + pub->nextents * sizeof(*pub->extents);
	value = hash(names, key, key_len);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, names->by_name, key, key_len, value, node);
	if (!node->hh.tbl) {
		arena_unalloc(names, room);
		goto nomem;
	}
	node->pub = *pub;
	node->pub.parent = parent->pub.ino;
	node->pub.name = key + sizeof(pub->parent);
	node->pub.extents = pub->nextents ? (void *)room : NULL;
	parent->entries[parent->pub.nentries++] = node;
	*result = node;
	return 0;
nomem:
	if (grown)
		names->memory -= (parent->pub.nentries ? parent->pub.nentries : 1) *
				 sizeof(*parent->entries);
	return -ENOMEM;
}

size_t names_memory(const struct names *names)
{
	const UT_hash_table *table = names->by_name ? names->by_name->hh.tbl : NULL;

	return names->memory + (table ? sizeof(*table) +
		table->num_buckets * sizeof(*table->buckets) : 0);
}

/* --- what is always there --- */

static int add_special(struct names *names, uint64_t parent,
		       const struct media_node *pub)
{
	struct node *node;

	return names_add(names, &names->special[parent], pub, strlen(pub->name),
			 &node);
}

int names_init(struct names *names, uint64_t log_len)
{
	const struct media_node root = {
		.ino = MEDIA_INO_ROOT, .parent = MEDIA_INO_ROOT, .name = "",
		.is_dir = true, .mode = 0755,
	};
	const struct media_node meta = {
		.ino = MEDIA_INO_META, .name = ".meta", .is_dir = true,
		.mode = 0755,
	};
	const struct media_node super = {
		.ino = MEDIA_INO_SUPER, .name = ".superblock", .mode = 0444,
		.size = FAMFS_SUPER_SIZE,
	};
	const struct media_node log = {
		.ino = MEDIA_INO_LOG, .name = ".log", .mode = 0644,
		.size = log_len,
	};
	int rc;

	/* Without random numbers the hash is as good as any other. */
	if (getrandom(names->seed, sizeof(names->seed), GRND_NONBLOCK) < 0)
		names->seed[0] = (uintptr_t)names;
	names->special[MEDIA_INO_ROOT].pub = root;
	rc = add_special(names, MEDIA_INO_ROOT, &meta);
	if (!rc)
		rc = add_special(names, MEDIA_INO_META, &super);
	if (!rc)
		rc = add_special(names, MEDIA_INO_META, &log);
	return rc;
}

void names_free(struct names *names)
{
	struct arena_block *block;
	size_t i, n;

	HASH_CLEAR(hh, names->by_name);
	for (i = 0; i < names->nchunks; i++) {
		for (n = 0; names->chunks[i] && n < NODES_A_CHUNK; n++)
			free(names->chunks[i][n].entries);
		free(names->chunks[i]);
	}
	free(names->chunks);
	for (i = 0; i <= MEDIA_INO_LOG; i++)
		free(names->special[i].entries);
	while (names->arena) {
		block = names->arena;
		names->arena = block->next;
		free(block);
	}
}
