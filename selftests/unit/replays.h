/* SPDX-License-Identifier: GPL-2.0-only */
/* Replaying media that were made by hand. */
#ifndef UNIT_REPLAYS_H
#define UNIT_REPLAYS_H

#include "../../user/media/media.h"
#include "made_medium.h"
#include "unit.h"

/* The log, of which just what was made is mapped. */
static inline struct media_log log_of(const struct made *made)
{
	return (struct media_log) {
		made->log, MADE_LOG_AT, MADE_HEAD + made->room * MADE_ENTRY,
		(uint32_t)made_get(made->super + 8, 8),
	};
}

/* An empty name space; media_fs_free() frees it. */
static inline struct media_fs *fs_of(const struct made *made)
{
	struct media_super sb;
	struct media_fs *fs;

	assert_int_equal(media_super_read(made->super, MADE_SUPER, 0, &sb, NULL), 0);
	assert_int_equal(media_fs_new(&fs, &sb, NULL, NULL), 0);
	return fs;
}

static inline int replay(struct media_fs *fs, const struct made *made,
			 struct media_error *err)
{
	const struct media_log log = log_of(made);

	return media_fs_replay(fs, &log, err);
}

/* Bytes that files have. */
static inline uint64_t used(struct media_fs *fs)
{
	struct media_usage usage;

	media_space_usage(media_fs_space(fs), &usage);
	return usage.used;
}

#endif /* UNIT_REPLAYS_H */
