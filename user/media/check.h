/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of libfmapmedia: how values are copied from a medium, and how what is wrong
 * with them is noted down.
 */
#ifndef FMAPFS_MEDIA_CHECK_H
#define FMAPFS_MEDIA_CHECK_H

#include <string.h>

#include "media.h"

/* Extents are of pages at least, whatever the allocation unit is. Bytes. */
#define MEDIA_PAGE	4096ULL

/* Units of a device, at most: bitmaps of 4 GiB. A medium that says more is wrong. */
#define MEDIA_UNITS_MAX	(1ULL << 35)
/* Of all devices of a pool together. */
#define MEDIA_UNITS_ALL	(1ULL << 36)

/* What the protocol's 32 bits say of a chunk, a power of two. Bytes. */
#define MEDIA_CHUNK_MAX	(1ULL << 31)

/**
 * struct media_where - what is being checked, and who is told
 * @err: may be NULL
 * @region, @index: as in struct media_error
 * @base: of the struct that is checked, from the start of the device
 */
struct media_where {
	struct media_error *err;
	enum media_region region;
	uint64_t index;
	uint64_t base;
};

/* In error.c; both return -EUCLEAN. @at: of the field in its struct; bytes. */
int media_wrong(const struct media_where *where, size_t at, const char *field,
		uint64_t value, const char *rule, ...)
	__attribute__((format(printf, 5, 6)));
int media_wrong_text(const struct media_where *where, size_t at,
		     const char *field, const void *text, size_t len,
		     const char *rule, ...)
	__attribute__((format(printf, 6, 7)));
int media_wrong_uuid(const struct media_where *where, size_t at,
		     const char *field, const uint8_t uuid[FAMFS_UUID_SIZE],
		     const char *rule);

/* One of the extents or strips of a map. @at: of the member in struct famfs_extent */
int media_wrong_extent(const struct media_where *where, uint32_t map_type,
		       unsigned int i, size_t at, uint64_t value,
		       const char *rule, ...)
	__attribute__((format(printf, 6, 7)));

/* In log.c: where an entry lies. */
static inline uint64_t media_entry_at(uint64_t log_offset, uint64_t index)
{
	return log_offset + sizeof(struct famfs_log_header) +
	       index * sizeof(struct famfs_entry);
}

/**
 * media_log_head_of - check the header of a log whose length is known
 * @log_len: bytes, of the superblock; 0: not known
 *
 * Else as media_log_head().
 */
int media_log_head_of(const struct media_log *log, uint64_t log_len,
		      struct media_head *head, struct media_error *err);

/**
 * media_entry_check - check all that a copy of an entry says by itself
 * @entry: in memory of our own. What is not used becomes zero, if all is right
 * @version: of the superblock
 * @where: the entry's place; its index is what seqnum should be
 *
 * Return: 0; -EUCLEAN.
 */
int media_entry_check(struct famfs_entry *entry, uint32_t version,
		      const struct media_where *where);

/* How many bytes strip @i has to have for a file of @size bytes. */
uint64_t media_strip_need(uint64_t size, uint64_t nstrips, uint64_t chunk_size,
			  unsigned int i);

/*
 * Copies from a medium, once: without the barrier the compiler might read the medium
 * again where the copy is used.
 */
static inline void media_copy(void *to, const void *mem, size_t len)
{
	memcpy(to, mem, len);
	__asm__ volatile("" : : "r"(to) : "memory");
}

static inline bool media_is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

static inline bool media_uuid_is_null(const uint8_t uuid[FAMFS_UUID_SIZE])
{
	static const uint8_t null[FAMFS_UUID_SIZE];

	return !memcmp(uuid, null, sizeof(null));
}

#endif /* FMAPFS_MEDIA_CHECK_H */
