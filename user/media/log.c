// SPDX-License-Identifier: GPL-2.0-only
/* The log's header. */
#include <errno.h>
#include <zlib.h>

#include "check.h"

#define AT(field)	offsetof(struct famfs_log_header, field)

uint64_t media_entries_max(uint64_t log_len)
{
	if (log_len < sizeof(struct famfs_log_header))
		return 0;
	return (log_len - sizeof(struct famfs_log_header)) /
	       sizeof(struct famfs_entry);
}

static int check_fixed(const struct famfs_log_header *raw, uint64_t mapped,
		       uint64_t log_len, const struct media_where *where)
{
	uint64_t crc = crc32(0, (const void *)raw, AT(crc));

	if (raw->magic != FAMFS_LOG_MAGIC)
		return media_wrong(where, AT(magic), "magic", raw->magic,
				   "should be 0x%llx", FAMFS_LOG_MAGIC);
	if (raw->crc != crc)
		return media_wrong(where, AT(crc), "crc", raw->crc,
				   "should be 0x%llx, of bytes 0 to 23",
				   (unsigned long long)crc);
	if (log_len && raw->len != log_len)
		return media_wrong(where, AT(len), "len", raw->len,
				   "should be %llu, as the superblock says",
				   (unsigned long long)log_len);
	if (!media_is_power(raw->len) || raw->len < FAMFS_LOG_MIN ||
	    raw->len > INT64_MAX || raw->len < mapped)
		return media_wrong(where, AT(len), "len", raw->len,
				   "should be a power of two, at least %llu",
				   (unsigned long long)(mapped > FAMFS_LOG_MIN ?
							mapped : FAMFS_LOG_MIN));
	if (raw->last_index >= media_entries_max(raw->len))
		return media_wrong(where, AT(last_index), "last_index",
				   raw->last_index, "should be at most %llu",
				   (unsigned long long)
				   media_entries_max(raw->len) - 1);
	return 0;
}

/*
 * The two counters are stored one after the other, with no crc over them: who dies
 * between leaves them one apart, in whichever order they get to memory.
 */
static int check_counters(const struct famfs_log_header *raw,
			  const struct media_where *where)
{
	uint64_t most = raw->last_index + 1;

	if (raw->next_seqnum > most)
		return media_wrong(where, AT(next_seqnum), "next_seqnum",
				   raw->next_seqnum, "should be at most %llu",
				   (unsigned long long)most);
	if (raw->next_index > most)
		return media_wrong(where, AT(next_index), "next_index",
				   raw->next_index, "should be at most %llu",
				   (unsigned long long)most);
	if (raw->next_index > raw->next_seqnum + 1 ||
	    raw->next_seqnum > raw->next_index + 1)
		return media_wrong(where, AT(next_index), "next_index",
				   raw->next_index,
				   "should be %llu like next_seqnum, give or take 1",
				   (unsigned long long)raw->next_seqnum);
	return 0;
}

int media_log_head_of(const struct media_log *log, uint64_t log_len,
		      struct media_head *head, struct media_error *err)
{
	const struct media_where where = {
		.err = err, .region = MEDIA_LOG_HEADER, .base = log->offset,
	};
	struct famfs_log_header raw;
	int rc, tries;

	if (log->len < sizeof(raw))
		return media_wrong(&where, AT(len), "len", log->len,
				   "should be at least %llu", FAMFS_LOG_MIN);
	for (tries = 0; tries < 2; tries++) {
		media_invalidate(log->mem, sizeof(raw));
		media_copy(&raw, log->mem, sizeof(raw));
		rc = check_fixed(&raw, log->len, log_len, &where);
		if (!rc)
			rc = check_counters(&raw, &where);
		if (!rc)
			break;
	}
	if (rc)
		return rc;
	head->entries_max = raw.last_index + 1;
	head->torn = raw.next_seqnum != raw.next_index;
	head->next = raw.next_seqnum < raw.next_index ? raw.next_seqnum :
							raw.next_index;
	return 0;
}

int media_log_head(const struct media_log *log, struct media_head *head,
		   struct media_error *err)
{
	return media_log_head_of(log, 0, head, err);
}
