// SPDX-License-Identifier: GPL-2.0-only
/* What is wrong with a pool. In the order of the medium: superblock, log, devices. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsck.h"
#include "text.h"
#include "tool.h"

/**
 * struct fsck - a check under way
 * @s: the pool
 * @r: what was found
 * @head: of the log, if @head_good
 * @nomem: something could not be noted down
 */
struct fsck {
	const struct source *s;
	struct fsck_report *r;
	struct media_head head;
	bool head_good;
	bool nomem;
};

/* ------------------------------------------------------------------------
 * Findings
 */

static void raise_code(struct fsck_report *r, enum fsck_level level)
{
	static const int codes[] = {
		[FSCK_NOTE] = FSCK_CLEAN, [FSCK_WARNING] = FSCK_TOLD,
		[FSCK_MISSING] = FSCK_FAILED, [FSCK_ERROR] = FSCK_DAMAGE,
	};

	/* Damage that is known counts for more than what is not known. */
	if (level == FSCK_ERROR || (codes[level] > r->code && r->code != FSCK_DAMAGE))
		r->code = codes[level];
}

static void add(struct fsck *f, enum fsck_level level, const char *what,
		const struct media_error *err, char *text)
{
	struct fsck_report *r = f->r;
	struct fsck_finding *more;

	raise_code(r, level);
	more = text ? reallocarray(r->findings, r->count + 1, sizeof(*more)) : NULL;
	if (!more) {
		free(text);
		f->nomem = true;
		return;
	}
	r->findings = more;
	more += r->count++;
	*more = (struct fsck_finding){ .level = level, .what = what, .text = text };
	if (err) {
		more->where = true;
		more->err = *err;
	}
}

__attribute__((format(printf, 4, 5)))
static void tell(struct fsck *f, enum fsck_level level, const char *what,
		 const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	add(f, level, what, NULL, n < 0 ? NULL : text);
}

/* What a check of the library did not like. @prefix: of which device; or "" */
static void tell_err(struct fsck *f, enum fsck_level level, const char *what,
		     const char *prefix, const struct media_error *err)
{
	char words[MEDIA_ERROR_MAX], *text;

	media_strerror(err, words, sizeof(words));
	if (asprintf(&text, "%s%s%s", prefix, *prefix ? ": " : "", words) < 0)
		text = NULL;
	add(f, level, what, err, text);
}

/* ------------------------------------------------------------------------
 * Superblock
 */

static uint64_t magic_of(const uint8_t *super)
{
	uint64_t magic;

	memcpy(&magic, super, sizeof(magic));
	return magic;
}

/* Nothing is there; but a log of a pool tells that there was something. */
static void check_no_super(struct fsck *f)
{
	struct media_error err = {
		.region = MEDIA_SUPER, .field = "magic", .value = magic_of(f->s->super),
	};

	snprintf(err.rule, sizeof(err.rule), "should be 0x%llx", FAMFS_SUPER_MAGIC);
	if (magic_of(f->s->log.mem) == FAMFS_LOG_MAGIC) {
		tell_err(f, FSCK_ERROR, "super", "", &err);
		return;
	}
	tell(f, FSCK_ERROR, "super", "there is no pool: neither a superblock nor a log");
	f->r->code = FSCK_FAILED;
}

static void check_super(struct fsck *f)
{
	const struct source *s = f->s;
	char uuid[37];

	if (s->rc == -EIO)
		tell(f, FSCK_ERROR, "super", "superblock: cannot be read: bad memory");
	else if (s->rc == -ENODATA)
		check_no_super(f);
	else if (s->rc)
		tell_err(f, FSCK_ERROR, "super", "", &s->super_err);
	if (s->rc)
		return;
	if (s->sb.flags & FAMFS_SUPER_SECONDARY) {
		tell(f, FSCK_ERROR, "super", "this is a secondary device of the pool %s: "
		     "name its primary device, or the pool by that uuid",
		     tool_uuid(s->sb.fs_uuid, uuid));
		f->r->code = FSCK_FAILED;
	} else if (s->dev_size > s->sb.device.size) {
		tell(f, FSCK_NOTE, "device-size", "the device has %" PRIu64 " bytes, of "
		     "which the pool uses %" PRIu64, s->dev_size, s->sb.device.size);
	}
}

/* ------------------------------------------------------------------------
 * Log
 */

static bool was_read(const struct source *s, uint64_t index)
{
	return sizeof(struct famfs_log_header) +
	       (index + 1) * sizeof(struct famfs_entry) <= s->read;
}

static void check_torn(struct fsck *f)
{
	struct famfs_entry entry;
	bool whole = was_read(f->s, f->head.next) &&
		     !media_log_entry(&f->s->log, f->head.next, &entry, NULL);

	tell(f, FSCK_WARNING, "log-torn", "log header: next_seqnum and next_index differ: "
	     "a writer died while it appended entry %" PRIu64 ", which %s; it is not "
	     "counted, and the next append writes over it", f->head.next,
	     whole ? "is complete" : "is not complete");
}

static void check_head(struct fsck *f)
{
	const struct source *s = f->s;
	struct media_error err;
	uint64_t most;

	if (s->stop && s->err.region == MEDIA_LOG_HEADER) {
		tell_err(f, FSCK_ERROR, "log-header", "", &s->err);
		return;
	}
	if (media_log_head(&s->log, &f->head, &err)) {
		tell_err(f, FSCK_ERROR, "log-header", "", &err);
		return;
	}
	f->head_good = true;
	f->r->entries = f->head.next;
	f->r->room = f->head.entries_max - f->head.next;
	if (f->head.torn)
		check_torn(f);
	most = media_entries_max(s->sb.log_len);
	if (f->head.entries_max < most)
		tell(f, FSCK_NOTE, "log-full", "log header: last_index leaves %" PRIu64
		     " entries of the log's room unused", most - f->head.entries_max);
	if (f->r->room <= f->head.entries_max / 20)
		tell(f, FSCK_WARNING, "log-full", "the log is nearly full: there is room "
		     "for %" PRIu64 " more of %" PRIu64 " entries", f->r->room,
		     f->head.entries_max);
}

static void check_readable(struct fsck *f)
{
	const struct source *s = f->s;

	if (s->bad != UINT64_MAX)
		tell(f, FSCK_ERROR, "log-unreadable", "log, byte %" PRIu64 ": cannot be "
		     "read: bad memory, or the image ends there; nothing behind it is "
		     "checked", s->log.offset + s->bad);
}

static void tell_lost(struct fsck *f, const struct famfs_entry *entry)
{
	char text[TEXT_ENTRY_MAX];

	if (f->r->lost++ >= FSCK_LISTED)
		return;
	/* Not all its extents: the line is for knowing it again. */
	if (text_entry_path(entry))
		text_escape(text_entry_path(entry), text, sizeof(text));
	else
		text_entry(entry, text, sizeof(text));
	tell(f, FSCK_ERROR, "entry-lost", "log entry %" PRIu64 " is valid by itself, but "
	     "lies behind the one that stops the replay: %s %s is not seen",
	     entry->seqnum, entry->type == FAMFS_ENTRY_FILE ? "file" :
	     entry->type == FAMFS_ENTRY_MKDIR ? "directory" : "device", text);
}

static void tell_bad(struct fsck *f, const struct media_error *err)
{
	if (f->r->bad++ < FSCK_LISTED)
		tell_err(f, FSCK_ERROR, "entry", "", err);
}

/* Those from @from up to @end, of which no one is replayed. */
static void check_unreplayed(struct fsck *f, uint64_t from, uint64_t end)
{
	struct famfs_entry entry;
	struct media_error err;
	uint64_t i;

	for (i = from; i < end && was_read(f->s, i); i++) {
		if (media_log_entry(&f->s->log, i, &entry, &err))
			tell_bad(f, &err);
		else
			tell_lost(f, &entry);
	}
	if (f->r->lost > FSCK_LISTED)
		tell(f, FSCK_ERROR, "entry-lost", "and %" PRIu64 " more like these",
		     f->r->lost - FSCK_LISTED);
	if (f->r->bad > FSCK_LISTED)
		tell(f, FSCK_ERROR, "entry", "and %" PRIu64 " more that are wrong",
		     f->r->bad - FSCK_LISTED);
}

/* Without a header that says how many: as long as they are good. */
static void check_headless(struct fsck *f)
{
	const struct source *s = f->s;
	uint64_t most = media_entries_max(s->log.len), i;
	struct famfs_entry entry;

	for (i = 0; i < most && was_read(s, i); i++)
		if (media_log_entry(&s->log, i, &entry, NULL))
			break;
	f->r->entries = i;
	if (!i)
		tell(f, FSCK_NOTE, "entry-lost", "the log has no valid entry");
	else
		tell(f, FSCK_ERROR, "entry-lost", "the log has %" PRIu64 " valid entries, "
		     "which nobody reads without its header", i);
	f->r->lost = i;
}

static void check_entries(struct fsck *f)
{
	const struct source *s = f->s;
	struct famfs_entry entry;

	if (!f->head_good) {
		check_headless(f);
		return;
	}
	f->r->replayed = s->fs ? media_fs_next(s->fs) : 0;
	if (s->stop) {
		f->r->bad++;
		tell_err(f, FSCK_ERROR, "entry", "", &s->err);
		tell(f, FSCK_ERROR, "entry", "the replay stops at entry %" PRIu64 ": the %"
		     PRIu64 " before it are seen, the %" PRIu64 " from it on are not",
		     f->r->replayed, f->r->replayed, f->head.next - f->r->replayed);
		check_unreplayed(f, f->r->replayed + 1, f->head.next);
	}
	if (s->rc && s->fs && !s->stop)
		tell(f, FSCK_NOTE, "entry", "the log is whole, as far as can be told without "
		     "the superblock: %" PRIu64 " entries, which nobody sees",
		     f->r->replayed);
	/* An older pool has left such ones, too, so it means nothing by itself. */
	if (!f->head.torn && f->head.next < f->head.entries_max &&
	    was_read(s, f->head.next) &&
	    !media_log_entry(&s->log, f->head.next, &entry, NULL))
		tell(f, FSCK_NOTE, "entry-behind", "behind the log's end lies a valid "
		     "entry %" PRIu64 ": of an append that was not completed, or of an "
		     "older pool; the next append writes over it", f->head.next);
}

/* ------------------------------------------------------------------------
 * Space
 */

/* Of all files, added up, what the map of free space should have as used. */
static void check_space(struct fsck *f)
{
	uint64_t used[MEDIA_DEVICES_MAX] = { 0 }, ino, end;
	const struct source *s = f->s;
	const struct media_node *node;
	struct media_usage usage;
	unsigned int i;

	if (!s->fs)
		return;
	end = MEDIA_INO_FIRST + media_fs_next(s->fs);
	for (ino = MEDIA_INO_FIRST; ino < end; ino++) {
		node = media_fs_node(s->fs, ino);
		for (i = 0; node && !node->is_dir && i < node->nextents; i++)
			used[node->extents[i].devindex % MEDIA_DEVICES_MAX] +=
				node->extents[i].len;
	}
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		if (media_space_usage_of(media_fs_space((struct media_fs *)s->fs), i,
					 &usage))
			continue;
		if (usage.used != used[i] || usage.used + usage.reserved > usage.size)
			tell(f, FSCK_ERROR, "space", "device %u: files take %" PRIu64
			     " bytes, the map of free space says %" PRIu64 " of %" PRIu64,
			     i, used[i], usage.used, usage.size);
	}
}

/* ------------------------------------------------------------------------
 * Other devices
 */

/* Which device of the pool a superblock is of; 0: none, or @raw is no superblock. */
static unsigned int device_of(const struct fsck *f, const struct source_super *super)
{
	struct famfs_super raw;
	const struct media_device *dev;
	unsigned int i;

	memcpy(&raw, super->mem, sizeof(raw));
	for (i = 1; i < MEDIA_DEVICES_MAX && !super->rc; i++) {
		dev = media_fs_device(f->s->fs, i);
		if (dev && dev->present &&
		    !memcmp(dev->uuid, raw.dev_uuid, sizeof(raw.dev_uuid)))
			return i;
	}
	/* By where it is, for one whose superblock is gone. */
	for (i = 1; i < MEDIA_DEVICES_MAX; i++)
		if (f->s->devices[i].path[0] &&
		    !strcmp(f->s->devices[i].path, super->path))
			return i;
	return 0;
}

static void check_secondary(struct fsck *f, unsigned int index,
			    const struct source_super *super)
{
	const struct media_device *dev = media_fs_device(f->s->fs, index);
	struct media_error err = { 0 };
	struct media_super sb;
	char uuid[37];
	int rc;

	if (super->rc) {
		tell(f, super->rc == -EIO ? FSCK_ERROR : FSCK_NOTE,
		     super->rc == -EIO ? "device-super" : "device-unseen",
		     "device %u, %s: its superblock cannot be read: %s", index,
		     super->path, strerror(-super->rc));
		return;
	}
	rc = media_super_read(super->mem, sizeof(super->mem), super->size, &sb, &err);
	if (rc == -ENODATA)
		tell(f, FSCK_ERROR, "device-super", "device %u, %s: has no superblock "
		     "(magic is 0x%" PRIx64 ")", index, super->path,
		     magic_of(super->mem));
	else if (rc)
		tell_err(f, FSCK_ERROR, "device-super", super->path, &err);
	if (rc)
		return;
	if (!(sb.flags & FAMFS_SUPER_SECONDARY))
		tell(f, FSCK_ERROR, "device-super", "device %u, %s: is not marked as a "
		     "secondary device (flags are %u)", index, super->path, sb.flags);
	if (memcmp(sb.fs_uuid, f->s->sb.fs_uuid, sizeof(sb.fs_uuid)))
		tell(f, FSCK_ERROR, "device-super", "device %u, %s: is of another pool, "
		     "%s", index, super->path, tool_uuid(sb.fs_uuid, uuid));
	if (super->size < dev->size)
		tell(f, FSCK_ERROR, "device-size", "device %u, %s: has %" PRIu64 " bytes; "
		     "the log says %" PRIu64, index, super->path, super->size, dev->size);
	else if (super->size > dev->size)
		tell(f, FSCK_NOTE, "device-size", "device %u, %s: has %" PRIu64 " bytes, "
		     "of which the pool uses %" PRIu64, index, super->path, super->size,
		     dev->size);
}

/* Is of this pool, but the log does not tell of it. */
static void check_stray(struct fsck *f, const struct source_super *super)
{
	struct famfs_super raw;

	memcpy(&raw, super->mem, sizeof(raw));
	if (super->rc || raw.magic != FAMFS_SUPER_MAGIC ||
	    memcmp(raw.fs_uuid, f->s->sb.fs_uuid, sizeof(raw.fs_uuid)) ||
	    !(raw.flags & FAMFS_SUPER_SECONDARY))
		return;
	tell(f, FSCK_WARNING, "device-stray", "%s is a secondary device of this pool, but "
	     "%s", super->path, f->s->stop ? "of no entry before the one that stops the "
	     "replay" : "the log does not tell of it: it was being added when its host "
	     "died; \"fmapfs add\" does it again");
}

static void check_devices(struct fsck *f)
{
	const struct media_device *dev;
	bool seen[MEDIA_DEVICES_MAX] = { false };
	unsigned int i, index;
	char uuid[37];

	if (!f->s->fs)
		return;
	for (i = 0; i < f->s->nsupers; i++) {
		index = device_of(f, &f->s->supers[i]);
		if (!index)
			check_stray(f, &f->s->supers[i]);
		else if (!seen[index])
			check_secondary(f, index, &f->s->supers[i]);
		seen[index] = true;
	}
	for (i = 1; i < MEDIA_DEVICES_MAX; i++) {
		dev = media_fs_device(f->s->fs, i);
		if (!dev || !dev->present || seen[i])
			continue;
		/* Of one that is mounted, the server has it. */
		f->r->missing += !f->s->dir;
		tell(f, f->s->dir ? FSCK_NOTE : FSCK_MISSING,
		     f->s->dir ? "device-unseen" : "device-missing",
		     "device %u of the pool, with the uuid %s and %" PRIu64 " bytes, %s", i,
		     tool_uuid(dev->uuid, uuid), dev->size, f->s->dir ?
		     "was not looked at: it is in use" : "was not found, and "
		     "not checked: attach or bind it, or name it with --device");
	}
}

int fsck_check(const struct source *source, struct fsck_report *report)
{
	struct fsck f = { .s = source, .r = report };

	memset(report, 0, sizeof(*report));
	check_super(&f);
	if (report->code == FSCK_FAILED)
		return f.nomem ? -ENOMEM : 0;
	check_readable(&f);
	check_head(&f);
	check_entries(&f);
	check_space(&f);
	check_devices(&f);
	return f.nomem ? -ENOMEM : 0;
}

void fsck_free(struct fsck_report *report)
{
	size_t i;

	for (i = 0; i < report->count; i++)
		free(report->findings[i].text);
	free(report->findings);
	memset(report, 0, sizeof(*report));
}
