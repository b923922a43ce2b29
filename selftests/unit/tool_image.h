/* SPDX-License-Identifier: GPL-2.0-only */
/* A pool of two image files, for the tests of the tool's commands for files. */
#ifndef UNIT_TOOL_IMAGE_H
#define UNIT_TOOL_IMAGE_H

#include "../../user/tool/fsck.h"
#include "../../user/tool/source.h"
#include "../../user/pool/pool.h"
#include "unit.h"

#define IMAGES		2
#define IMAGE_SIZE	(128 * MIB)
#define IMAGE_UNIT	(2 * MIB)

/* Of each new pool: the log's entries, by index. */
enum {
	ENTRY_DEVICE,		/* ADD_DAXDEV 1 */
	ENTRY_DIR,		/* d */
	ENTRY_SIMPLE,		/* d/simple: 3 MiB on device 0 */
	ENTRY_STRIPED,		/* striped: 4 strips of 2 MiB over both devices */
	ENTRY_SMALL,		/* d/small: 1 byte on device 1 */
	ENTRY_LAST,		/* last: 2 extents on device 0 */
	ENTRIES
};

/* Mapped, so that tests change them; and their paths. */
extern uint8_t *image_mem[IMAGES];
extern char image_path[IMAGES][128];

/* For cmocka: made anew for each test; and removed. */
int image_setup(void **state);
int image_teardown(void **state);

/* Where an entry lies in the primary image; bytes. */
uint64_t image_entry(uint64_t index);
/* Make crcs right again, of what a test has changed. */
void image_crc_super(unsigned int image);
void image_crc_header(void);
void image_crc_entry(uint64_t index);
/* Append one more. */
void image_append(struct famfs_entry *entry);
/* A simple file of one extent. */
void image_append_file(const char *path, uint64_t size, unsigned int dev, uint64_t off,
		       uint64_t len);

/* What was told. */
extern char image_told[4096];
extern const struct pool_log image_log;

/* source_open() on them; @behind as there. With the second image also if @both. */
int image_open(struct source *source, bool both, bool behind);

/* What fsck has found last; freed by image_teardown(). */
extern struct fsck_report report;

/* Return: exit code. @both: the second image is there. */
int fsck(bool both);
/* A finding of that kind, about that field (NULL: any); or NULL. */
const struct fsck_finding *find(const char *what, const char *field);
/* The same; there must be one. */
const struct fsck_finding *assert_found(const char *what, const char *field);
void print_findings(void);

#endif /* UNIT_TOOL_IMAGE_H */
