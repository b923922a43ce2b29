// SPDX-License-Identifier: GPL-2.0-only
/*
 * .meta/.superblock and .meta/.log: the medium itself, to be read. The memory is
 * shown by this server's own windows, so it can be in no file of the kernel's.
 */
#include <errno.h>
#include <string.h>

#include "../pool/guard.h"
#include "famfs.h"

struct loading {
	char *to;
	const char *from;
	size_t size;
};

static int load(void *ctx)
{
	const struct loading *a = ctx;

	/* Other hosts write to it. */
	media_invalidate(a->from, a->size);
	memcpy(a->to, a->from, a->size);
	return 0;
}

/* meta_read - Return: bytes, less at the end; -errno */
int64_t meta_read(struct layout *l, uint64_t ino, char *buf, size_t size,
		  uint64_t off)
{
	struct loading a;
	const char *from;
	uint64_t mapped, end;

	if (ino == MEDIA_INO_SUPER) {
		from = l->pool->super.mem;
		mapped = l->pool->super.len;
		end = FAMFS_SUPER_SIZE;
	} else {
		from = l->pool->media_log.mem;
		mapped = l->pool->media_log.len;
		end = l->pool->sb.log_len;
	}
	if (off >= end)
		return 0;
	if (size > end - off)
		size = end - off;
	/* The rest of the region is nobody's, and not always mapped. */
	if (off >= mapped)
		return -EIO;
	if (size > mapped - off)
		size = mapped - off;
	a = (struct loading) { .to = buf, .from = from + off, .size = size };
	if (!guard_run(load, &a, NULL))
		return size;
	complain(l, COMPLAIN_DATA, "some of the memory of superblock or log is bad");
	return -EIO;
}
