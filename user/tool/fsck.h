/* SPDX-License-Identifier: GPL-2.0-only */
/* What is wrong with a pool: all of it, without changing anything. */
#ifndef FMAPFS_TOOL_FSCK_H
#define FMAPFS_TOOL_FSCK_H

#include "source.h"

/* Exit codes of "fmapfs fsck", as far as they go those of fsck(8). */
enum {
	FSCK_CLEAN = 0,
	FSCK_TOLD = 1,		/* something to tell; the pool is whole */
	FSCK_DAMAGE = 4,	/* something is wrong, and stays so */
	FSCK_FAILED = 8,	/* could not be checked: no pool, cannot be read, not all there */
	FSCK_USAGE = 16,
};

enum fsck_level {
	FSCK_NOTE,		/* good to know: no reason for another exit code */
	FSCK_WARNING,
	FSCK_MISSING,		/* what is not here could not be checked */
	FSCK_ERROR,
};

/**
 * struct fsck_finding - one thing
 * @level: how bad
 * @what: which, for programs: "super", "log-header", "log-torn", "log-unreadable",
 *	"log-full", "entry", "entry-lost", "entry-behind", "space", "device-missing",
 *	"device-super", "device-size", "device-stray", "device-unseen"; static
 * @where: @err says region, index, offset, field, value
 * @text: in words, one line; owned
 */
struct fsck_finding {
	enum fsck_level level;
	const char *what;
	bool where;
	struct media_error err;
	char *text;
};

/* So many of each kind are listed; the rest is counted. */
#define FSCK_LISTED	20

/**
 * struct fsck_report - all of them
 * @findings: in the order of the medium; @count of them
 * @code: FSCK_*; of damage and what could not be checked, damage
 * @missing: so many devices of the pool are not here
 * @entries: that the log's header tells of, or, if that is wrong, that are found
 * @replayed: of these, before the replay stopped
 * @lost: of these, valid, but behind where it stopped
 * @bad: of these, wrong
 * @room: for so many more
 */
struct fsck_report {
	struct fsck_finding *findings;
	size_t count;
	int code;
	unsigned int missing;
	uint64_t entries;
	uint64_t replayed;
	uint64_t lost;
	uint64_t bad;
	uint64_t room;
};

/**
 * fsck_check - check a pool
 * @source: opened, with entries behind the end
 * @report: result, to be freed with fsck_free()
 *
 * Takes time proportional to the log, and ends whatever is in it. Return: 0 or -ENOMEM.
 */
int fsck_check(const struct source *source, struct fsck_report *report);
void fsck_free(struct fsck_report *report);

#endif /* FMAPFS_TOOL_FSCK_H */
