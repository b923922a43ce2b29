// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/media/media.h"
#include "medium_program.h"
#include "naive_medium.h"

#define ROOM	24U

#define HOLDS(property)						\
	do {							\
		if (!(property))				\
			return #property;			\
	} while (0)

struct program {
	const uint8_t *bytes;
	size_t left;
};

static uint64_t take(struct program *p, unsigned int bytes)
{
	uint64_t value = 0;

	for (; bytes; bytes--) {
		value <<= 8;
		if (p->left) {
			value |= *p->bytes++;
			p->left--;
		}
	}
	return value;
}

/* Names of few kinds, so that they meet: up to three components. */
static const char *take_path(struct program *p, char path[200])
{
	static const char *const odd[] = {
		".", "..", ".meta", "", "e\001", ".metal", "a.", "...",
		"forty-bytes-long-0123456789-0123456789-0",
		"thirty-nine-bytes-0123456789-0123456789",
	};
	static const uint8_t components[] = { 1, 1, 1, 1, 1, 1, 2, 3 };
	uint8_t n = (uint8_t)take(p, 1), i, name;
	char letter[2] = "";
	size_t at = 0;

	for (i = 0; i < components[n % 8]; i++) {
		name = (uint8_t)take(p, 1);
		letter[0] = (char)('a' + name % 16);
		at += (size_t)sprintf(path + at, "%s%s", i ? "/" : "",
				      n >= 240 ? odd[name % 10] : letter);
	}
	return path;
}

/* Where a file may be; mostly some unit of the first ones. */
static uint64_t take_offset(struct program *p)
{
	return MADE_FREE + take(p, 1) * MADE_UNIT;
}

/* A field of 4 or 8 bytes, or one byte, anywhere. */
static void patch(struct program *p, uint8_t *mem, size_t len)
{
	static const uint64_t notable[] = {
		0, 1, 2, 3, 16, 17, 47, 48, 63, 64, 4096, 1 << 21, 1ULL << 31,
		1ULL << 32, INT64_MAX, UINT32_MAX, UINT64_MAX, 0xfffffffffffff000,
	};
	unsigned int how = (unsigned int)take(p, 1);
	unsigned int bytes = how % 3 == 0 ? 1 : how % 3 == 1 ? 4 : 8;
	size_t at = take(p, 2) % (len / bytes) * bytes;

	if (how & 64)
		made_put(mem + at, bytes,
			 notable[take(p, 1) % (sizeof(notable) / 8)]);
	else if (how & 128)
		made_put(mem + at, bytes,
			 made_get(mem + at, bytes) + (uint64_t)(int8_t)take(p, 1));
	else
		made_put(mem + at, bytes, take(p, bytes));
}

static void append_device(struct program *p, struct made *made)
{
	unsigned int index = (unsigned int)take(p, 1) % 66;
	uint64_t size = take(p, 1) * MADE_UNIT;

	made_add_daxdev(made, index, size, (uint8_t)take(p, 1));
}

static void append_file(struct program *p, struct made *made, const char *path)
{
	uint64_t off = take_offset(p), len = take(p, 1) % 8 * MADE_UNIT, dev;
	uint8_t *e = made_file(made, path, len - take(p, 2), off, len);

	if (take(p, 1) % 4)
		return;
	dev = take(p, 1) % 2;
	made_extent(e, 1, dev, take_offset(p), MADE_UNIT);
}

static void append_striped(struct program *p, struct made *made,
			   const char *path)
{
	uint64_t off = take_offset(p), len = take(p, 1) % 8 * MADE_UNIT;
	unsigned int nstrips = (unsigned int)take(p, 1) % 18;
	uint64_t chunk = MADE_UNIT << take(p, 1) % 3;
	unsigned int devices = 1 + take(p, 1) % 3;

	made_striped(made, path, take(p, 4) % (nstrips * len + MADE_UNIT),
		     nstrips, chunk, off, len, devices);
}

static void append(struct program *p, struct made *made, unsigned int kind)
{
	char path[200];

	if (made->n == made->room)
		return;
	if (kind == 3) {
		append_device(p, made);
		return;
	}
	take_path(p, path);
	if (kind == 0)
		made_mkdir(made, path);
	else if (kind == 1)
		append_file(p, made, path);
	else
		append_striped(p, made, path);
}

/* One step. Patches mostly have the crc right again. */
static void step(struct program *p, struct made *made)
{
	unsigned int what = (unsigned int)take(p, 1);
	bool seal = take(p, 1) < 224;
	uint8_t *e;

	switch (what) {
	case 0: case 1:
		patch(p, made->super, MADE_SUPER);
		if (seal)
			made_seal_super(made->super);
		return;
	case 2: case 3:
		patch(p, made->log, MADE_HEAD);
		if (seal)
			made_seal_head(made->log);
		return;
	case 4 ... 31:
		e = made_entry(made, take(p, 1) % made->room);
		patch(p, e, MADE_ENTRY);
		if (seal)
			made_seal_entry(e);
		return;
	case 32 ... 35:
		made_put(made->log + 32 + 8 * (take(p, 1) % 2), 8,
			 take(p, 1) % (ROOM + 4));
		return;
	}
	append(p, made, what % 4);
}

/* What there is of a name space is a tree, and is what the naive one has. */
static const char *compare(const struct media_fs *fs,
			   const struct naive_medium *naive)
{
	const struct media_node *node;
	unsigned int i, names = 0;
	struct media_fs_counts counts;
	char path[FAMFS_PATH_MAX];

	HOLDS(media_fs_next(fs) == naive->n);
	for (i = 0; i < naive->n; i++) {
		node = media_fs_node(fs, MEDIA_INO_FIRST + i);
		HOLDS(!node == !naive->paths[i][0]);
		if (!node)
			continue;
		names++;
		HOLDS(node->ino == MEDIA_INO_FIRST + i);
		HOLDS(node->is_dir == naive->is_dir[i]);
		HOLDS(!strcmp(media_fs_path(fs, node->ino, path),
			      naive->paths[i]));
		HOLDS(media_fs_find(fs, path) == node);
		HOLDS(media_fs_lookup(fs, node->parent, node->name) == node);
	}
	HOLDS(!media_fs_node(fs, MEDIA_INO_FIRST + i));
	media_fs_count(fs, &counts);
	HOLDS(counts.files + counts.directories == names);
	for (i = 0; i < 64; i++)
		HOLDS(!media_fs_device(fs, i) == !naive->has_dev[i]);
	return NULL;
}

/* What is used is what was taken: nothing of a bad entry is left. */
static const char *compare_space(struct media_fs *fs,
				 const struct naive_medium *naive)
{
	struct media_usage usage;
	wide taken = 0;
	unsigned int i;

	for (i = 0; i < naive->nranges; i++)
		if (naive->ranges[i].start)
			taken += naive->ranges[i].end - naive->ranges[i].start;
	media_space_usage(media_fs_space(fs), &usage);
	HOLDS(usage.used == taken);
	return NULL;
}

/* The bytes that an error tells of say what it tells. */
static const char *check_error(const struct media_error *err,
			       const struct made *made)
{
	uint64_t at = err->offset;
	char line[MEDIA_ERROR_MAX];
	unsigned int bytes;

	HOLDS(!strncmp(err->rule, "should ", 7));
	HOLDS(err->field[0]);
	HOLDS(strlen(media_strerror(err, line, sizeof(line))) <
	      MEDIA_ERROR_MAX - 1);
	HOLDS(strspn(line, "\n\r") == 0 && !strchr(line, '\n'));
	if (err->region == MEDIA_SUPER) {
		HOLDS(at < MADE_SUPER);
	} else {
		at -= MADE_LOG_AT;
		HOLDS(at < MADE_HEAD + made->room * MADE_ENTRY);
		HOLDS((at < MADE_HEAD) == (err->region == MEDIA_LOG_HEADER));
	}
	if (err->region != MEDIA_LOG_ENTRY)
		return NULL;
	HOLDS((at - MADE_HEAD) / MADE_ENTRY == err->index);
	if (err->text[0] || strstr(err->field, "path"))
		return NULL;
	bytes = made_get(made->log + at, 8) == err->value ? 8 : 4;
	HOLDS(made_get(made->log + at, bytes) == err->value);
	return NULL;
}

static const char *replay(struct media_fs *fs, const struct made *made,
			  struct naive_medium *naive)
{
	const struct media_log log = {
		made->log, MADE_LOG_AT, MADE_HEAD + made->room * MADE_ENTRY,
		naive->version,
	};
	struct media_error err = { 0 };
	const char *why = NULL;
	bool good;
	uint64_t n;
	int rc;

	good = naive_head(naive, made->log, &n) && n <= made->room;
	while (good && naive->n < n)
		good = naive_next(naive, made_entry(made, naive->n));
	rc = media_fs_replay(fs, &log, &err);
	HOLDS(rc == (good ? 0 : -EUCLEAN));
	if (rc)
		why = check_error(&err, made);
	if (!why)
		why = compare(fs, naive);
	if (!why)
		why = compare_space(fs, naive);
	if (why)
		return why;
	/* A further call says the same, and changes nothing. */
	HOLDS(media_fs_replay(fs, &log, NULL) == rc);
	return compare(fs, naive);
}

static const char *judge(const struct made *made, unsigned int *entries)
{
	static const int expected[] = {
		[NAIVE_GOOD] = 0, [NAIVE_BAD] = -EUCLEAN,
		[NAIVE_NONE] = -ENODATA, [NAIVE_OTHER] = -EOPNOTSUPP,
	};
	struct media_error err = { 0 };
	struct naive_medium naive;
	struct media_super sb;
	struct media_fs *fs;
	const char *why;
	int rc;

	rc = media_super_read(made->super, MADE_SUPER, MADE_DEVICE, &sb, &err);
	HOLDS(rc == expected[naive_super(&naive, made->super, MADE_DEVICE)]);
	if (rc && rc != -ENODATA)
		return check_error(&err, made);
	if (rc)
		return NULL;
	rc = media_fs_new(&fs, &sb, NULL, NULL);
	HOLDS(rc == (sb.flags == 2 ? -EINVAL : 0));
	if (rc)
		return NULL;
	why = replay(fs, made, &naive);
	if (entries)
		*entries = naive.n;
	media_fs_free(fs);
	return why;
}

const char *medium_program(const uint8_t *bytes, size_t len,
			   unsigned int *entries)
{
	struct program p = { bytes, len };
	unsigned int version;
	struct made made;
	const char *why;

	version = take(&p, 1) % 4 ? 48 : 47;
	made_new(&made, version, 1 + take(&p, 1) % ROOM);
	if (entries)
		*entries = 0;
	while (p.left)
		step(&p, &made);
	why = judge(&made, entries);
	made_free(&made);
	return why;
}
