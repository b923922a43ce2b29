// SPDX-License-Identifier: GPL-2.0-only
/* What an entry is made of, and how it gets into the log. */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "check.h"
#include "write.h"

#define MODE_BITS	07777U

/*
 * Counters and magic numbers go in one store, and after all that was stored before:
 * other hosts and threads look at them to know what else is there.
 */
static void store(void *ctx, void *dst, const void *src, size_t len)
{
	uint64_t word;

	(void)ctx;
	if (len == sizeof(word) && !((uintptr_t)dst % sizeof(word))) {
		memcpy(&word, src, sizeof(word));
		__atomic_store_n((uint64_t *)dst, word, __ATOMIC_RELEASE);
	} else {
		memcpy(dst, src, len);
	}
}

static void flush(void *ctx, const void *addr, size_t len)
{
	(void)ctx;
	media_writeback(addr, len);
}

const struct media_sink media_memory = { .store = store, .flush = flush };

/* ------------------------------------------------------------------------
 * Entries
 */

/* @to is zero. */
static int set_path(char to[FAMFS_PATH_MAX], const char *path)
{
	size_t len = strlen(path);

	if (len >= FAMFS_PATH_MAX)
		return -ENAMETOOLONG;
	if (media_path_check(path))
		return -EINVAL;
	memcpy(to, path, len);
	return 0;
}

/* Only what the map uses: the rest of @to stays zero. */
static int set_map(struct famfs_fmap *to, const struct famfs_fmap *map)
{
	uint64_t n = map->count;

	to->ext_type = map->ext_type;
	to->count = map->count;
	if (map->ext_type == FAMFS_MAP_SIMPLE) {
		if (!n || n > FAMFS_EXTENTS_MAX)
			return -EINVAL;
		memcpy(to->extents, map->extents, n * sizeof(to->extents[0]));
		return 0;
	}
	n = map->interleave.nstrips;
	if (map->ext_type != FAMFS_MAP_INTERLEAVED || map->count != 1 ||
	    !n || n > FAMFS_STRIPS_MAX)
		return -EINVAL;
	to->interleave.nstrips = n;
	to->interleave.chunk_size = map->interleave.chunk_size;
	memcpy(to->interleave.strips, map->interleave.strips,
	       n * sizeof(to->interleave.strips[0]));
	return 0;
}

int media_entry_file(struct famfs_entry *entry, const char *path, uint64_t size,
		     uint32_t flags, uint32_t mode, uint32_t uid, uint32_t gid,
		     const struct famfs_fmap *map)
{
	int rc;

	memset(entry, 0, sizeof(*entry));
	entry->type = FAMFS_ENTRY_FILE;
	entry->file.size = size;
	entry->file.flags = flags;
	entry->file.uid = uid;
	entry->file.gid = gid;
	entry->file.mode = mode & MODE_BITS;
	rc = set_path(entry->file.path, path);
	return rc ? rc : set_map(&entry->file.fmap, map);
}

int media_entry_mkdir(struct famfs_entry *entry, const char *path, uint32_t mode,
		      uint32_t uid, uint32_t gid)
{
	memset(entry, 0, sizeof(*entry));
	entry->type = FAMFS_ENTRY_MKDIR;
	entry->mkdir.uid = uid;
	entry->mkdir.gid = gid;
	entry->mkdir.mode = mode & MODE_BITS;
	return set_path(entry->mkdir.path, path);
}

int media_entry_add_daxdev(struct famfs_entry *entry, unsigned int index,
			   uint64_t size, const uint8_t uuid[FAMFS_UUID_SIZE])
{
	memset(entry, 0, sizeof(*entry));
	entry->type = FAMFS_ENTRY_ADD_DAXDEV;
	entry->add_daxdev.size = size;
	entry->add_daxdev.index = index;
	memcpy(entry->add_daxdev.uuid, uuid, FAMFS_UUID_SIZE);
	return index && index < MEDIA_DEVICES_MAX ? 0 : -EINVAL;
}

/* ------------------------------------------------------------------------
 * The log
 */

void media_entry_seal(struct famfs_entry *entry, uint64_t index)
{
	entry->seqnum = index;
	entry->crc = crc32(0, (const void *)entry, offsetof(struct famfs_entry, crc));
}

int media_log_room(const struct media_log *log, struct media_head *head,
		   struct media_error *err)
{
	int rc = media_log_head(log, head, err);

	if (rc)
		return rc;
	return head->next < head->entries_max &&
	       head->next < media_entries_max(log->len) ? 0 : -ENOSPC;
}

/* Who dies between the two leaves a header that is torn. */
static void set_counters(struct famfs_log_header *header, uint64_t next,
			 const struct media_sink *sink)
{
	sink->store(sink->ctx, &header->next_seqnum, &next, sizeof(next));
	sink->store(sink->ctx, &header->next_index, &next, sizeof(next));
	sink->flush(sink->ctx, header, sizeof(*header));
}

int media_log_append(const struct media_log *log, struct famfs_entry *entry,
		     const struct media_sink *sink, struct media_error *err)
{
	struct media_where where = { .err = err, .region = MEDIA_LOG_ENTRY };
	struct media_head head;
	void *slot;
	int rc;

	if (!sink)
		sink = &media_memory;
	rc = media_log_room(log, &head, err);
	if (rc)
		return rc;
	where.index = head.next;
	where.base = media_entry_at(log->offset, head.next);
	media_entry_seal(entry, head.next);
	if (media_entry_check(entry, log->version, &where))
		return -EINVAL;
	/* The check has cleared what is not used. */
	media_entry_seal(entry, head.next);
	/*
	 * A slot is written only while no counter tells of it: there are readers
	 * that look at one of them.
	 */
	if (head.torn)
		set_counters(log->mem, head.next, sink);
	slot = (char *)log->mem + media_entry_at(0, head.next);
	sink->store(sink->ctx, slot, entry, sizeof(*entry));
	sink->flush(sink->ctx, slot, sizeof(*entry));
	set_counters(log->mem, head.next + 1, sink);
	return 0;
}
