// SPDX-License-Identifier: GPL-2.0-only
/*
 * Superblock and log, whose memory may be bad. What of libfmapmedia is called here
 * accesses the medium only where it copies from it or to it: it has no lock, and
 * nothing allocated that is not in its place, then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "pool_i.h"

/* What is done, to what; of the rest each function uses what it needs. */
struct access {
	const struct pool_window *window;
	const struct media_log *log;
	uint64_t dev_size;
	uint64_t index;
	uint64_t end;
	struct media_super *super;
	struct media_head *head;
	struct famfs_entry *entry;
	struct media_fs *fs;
	struct media_error *err;
};

/* @base: of what is accessed, from the start of the device; it is mapped at @mem. */
static int try(int (*fn)(void *ctx), struct access *a, uint64_t base,
	       const void *mem)
{
	const void *fault;
	int rc = guard_run(fn, a, &fault);

	if (rc == -EIO && a->err)
		a->err->offset = base + ((const char *)fault - (const char *)mem);
	return rc;
}

static int try_log(int (*fn)(void *ctx), const struct pool *pool,
		   struct access *a)
{
	a->log = &pool->media_log;
	return try(fn, a, a->log->offset, a->log->mem);
}

static int read_super(void *ctx)
{
	struct access *a = ctx;

	return media_super_read(a->window->mem, a->window->len, a->dev_size,
				a->super, a->err);
}

int pool_read_super(const struct pool_window *window, uint64_t dev_size,
		    struct media_super *sb, struct media_error *err)
{
	struct access a = {
		.window = window, .dev_size = dev_size, .super = sb, .err = err,
	};

	return try(read_super, &a, 0, window->mem);
}

int pool_super(const struct pool *pool, struct media_super *now,
	       struct media_error *err)
{
	return pool_read_super(&pool->super, pool->devs[0].size, now, err);
}

static int read_head(void *ctx)
{
	struct access *a = ctx;

	return media_log_head(a->log, a->head, a->err);
}

int pool_log_head(const struct pool *pool, struct media_head *head,
		  struct media_error *err)
{
	return try_log(read_head, pool,
		       &(struct access){ .head = head, .err = err });
}

static int read_entry(void *ctx)
{
	struct access *a = ctx;

	return media_log_entry(a->log, a->index, a->entry, a->err);
}

int pool_log_entry(const struct pool *pool, uint64_t index,
		   struct famfs_entry *entry, struct media_error *err)
{
	return try_log(read_entry, pool, &(struct access){
			.index = index, .entry = entry, .err = err });
}

/* Of a log entry, as little as tells whether it is worth being checked. */
static bool is_add_daxdev(const struct media_log *log, uint64_t index)
{
	const struct famfs_entry *entries =
		(const void *)((const uint8_t *)log->mem +
			       sizeof(struct famfs_log_header));
	const uint32_t *type = &entries[index].type;

	media_invalidate(type, sizeof(*type));
	return *(const volatile uint32_t *)type == FAMFS_ENTRY_ADD_DAXDEV;
}

static int find_daxdev(void *ctx)
{
	struct access *a = ctx;

	while (a->index < a->end && !is_add_daxdev(a->log, a->index))
		a->index++;
	return 0;
}

uint64_t pool_next_daxdev(const struct pool *pool, uint64_t index,
			  const struct media_head *head)
{
	struct access a = { .index = index, .end = head->next };

	return try_log(find_daxdev, pool, &a) ? head->next : a.index;
}

static int replay(void *ctx)
{
	struct access *a = ctx;

	return media_fs_replay(a->fs, a->log, a->err);
}

int pool_replay(const struct pool *pool, struct media_fs *fs,
		struct media_error *err)
{
	return try_log(replay, pool, &(struct access){ .fs = fs, .err = err });
}

static int append(void *ctx)
{
	struct access *a = ctx;

	return media_log_append(a->log, a->entry, NULL, a->err);
}

int pool_append(const struct pool *pool, struct famfs_entry *entry,
		struct media_error *err)
{
	return try_log(append, pool,
		       &(struct access){ .entry = entry, .err = err });
}

char *pool_strerror(int rc, const struct media_error *err, char *buf, size_t size)
{
	switch (rc) {
	case -EIO:
		snprintf(buf, size, "the memory at byte %llu of the device is bad",
			 (unsigned long long)err->offset);
		return buf;
	case -ENODATA:
		snprintf(buf, size, "there is no superblock");
		return buf;
	case -EUCLEAN:
	case -EOPNOTSUPP:
	case -EINVAL:
		return media_strerror(err, buf, size);
	}
	snprintf(buf, size, "%s", strerror(-rc));
	return buf;
}
