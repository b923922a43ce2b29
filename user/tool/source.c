// SPDX-License-Identifier: GPL-2.0-only
/* A pool to be looked at: superblock and log, copied and replayed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "source.h"

#define BLOCK	(1ULL << 20)	/* bytes read at a time */

/* Bytes that were read; what is beyond bad memory is left zero. */
static int load_range(struct source *s, const struct source_reader *reader,
		      uint64_t off, uint64_t end)
{
	int64_t n;

	for (; off < end; off += n) {
		uint64_t want = end - off < BLOCK ? end - off : BLOCK;

		n = reader->read(reader->ctx, true, off, (char *)s->log.mem + off,
				 want);
		if (n < 0)
			return n;
		s->read = off + n;
		if ((uint64_t)n < want) {
			s->bad = off + n;
			break;
		}
	}
	return 0;
}

/* Of a log whose header does not say where it ends: until there is nothing more. */
static int load_all(struct source *s, const struct source_reader *reader)
{
	const char *mem = s->log.mem;
	uint64_t off, end;
	int rc = 0;

	for (off = 0; off < s->log.len && !rc && s->bad == UINT64_MAX; off = end) {
		end = s->log.len - off < BLOCK ? s->log.len : off + BLOCK;
		rc = load_range(s, reader, off, end);
		if (off && !mem[off] && !memcmp(mem + off, mem + off + 1, end - off - 1))
			break;
	}
	return rc;
}

/*
 * The header before the entries: those that it tells of do not change any more, what
 * a master appends meanwhile is not seen.
 */
static int load_log(struct source *s, const struct source_reader *reader, bool behind)
{
	uint64_t end = sizeof(struct famfs_log_header);
	struct media_head head;
	int rc;

	rc = load_range(s, reader, 0, end);
	if (rc || s->bad != UINT64_MAX)
		return rc;
	if (media_log_head(&s->log, &head, NULL))
		return load_all(s, reader);
	end += (head.next + head.torn) * sizeof(struct famfs_entry);
	if (behind)
		end += BLOCK;
	if (end > s->log.len)
		end = s->log.len;
	return load_range(s, reader, sizeof(struct famfs_log_header), end);
}

/* What fits any pool when the superblock cannot be believed. */
static int guess_super(struct source *s, const struct source_reader *reader)
{
	struct famfs_log_header raw;
	uint64_t len = FAMFS_LOG_MIN;
	int64_t n;

	n = reader->read(reader->ctx, true, 0, &raw, sizeof(raw));
	if (n == sizeof(raw) && raw.magic == FAMFS_LOG_MAGIC && raw.len > len &&
	    !(raw.len & (raw.len - 1)) && s->dev_size > FAMFS_LOG_OFFSET &&
	    raw.len <= s->dev_size - FAMFS_LOG_OFFSET)
		len = raw.len;
	s->sb = (struct media_super) {
		.version = FAMFS_VERSION_48,
		.log_offset = FAMFS_LOG_OFFSET,
		.log_len = len,
		.alloc_unit = 4096,
		.flags = FAMFS_SUPER_PRIMARY,
		.device.size = s->dev_size,
	};
	return n < 0 ? n : 0;
}

static int load_super(struct source *s, const struct source_reader *reader)
{
	int64_t n = reader->read(reader->ctx, false, 0, s->super, sizeof(s->super));

	if (n < 0)
		return n;
	s->rc = n < (int64_t)sizeof(s->super) ? -EIO :
		media_super_read(s->super, sizeof(s->super), s->dev_size, &s->sb,
				 &s->super_err);
	return s->rc ? guess_super(s, reader) : 0;
}

int source_load(struct source *s, const struct source_reader *reader, bool behind)
{
	void *mem;
	int rc;

	s->bad = UINT64_MAX;
	rc = load_super(s, reader);
	if (rc)
		return rc;
	/* Most of it is never touched. */
	mem = mmap(NULL, s->sb.log_len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	s->log = (struct media_log) {
		.mem = mem, .offset = s->sb.log_offset, .len = s->sb.log_len,
		.version = s->sb.version,
	};
	rc = load_log(s, reader, behind);
	/* A secondary device has no log: who asked will be told. */
	if (rc || s->sb.flags & FAMFS_SUPER_SECONDARY)
		return rc;
	rc = media_fs_new(&s->fs, &s->sb, NULL, NULL);
	if (rc == -EINVAL && s->rc)
		rc = 0;		/* not even guessed well: too small a device */
	else if (!rc)
		s->stop = media_fs_replay(s->fs, &s->log, &s->err);
	if (!rc && s->stop && s->stop != -EUCLEAN)
		rc = s->stop;
	return rc;
}

void source_close(struct source *s)
{
	media_fs_free(s->fs);
	if (s->log.mem)
		munmap(s->log.mem, s->log.len);
	free(s->supers);
	free(s->dir);
	free(s->inside);
	memset(s, 0, sizeof(*s));
}
