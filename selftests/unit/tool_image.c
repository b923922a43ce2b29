// SPDX-License-Identifier: GPL-2.0-only
/* A pool of two image files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "tool_image.h"

uint8_t *image_mem[IMAGES];
char image_path[IMAGES][128];
char image_told[4096];

struct fsck_report report;

static struct media_log the_log;

static void on_line(void *ctx, int level, const char *text)
{
	size_t n = strlen(image_told);

	(void)ctx;
	(void)level;
	snprintf(image_told + n, sizeof(image_told) - n, "%s\n", text);
}

const struct pool_log image_log = { .line = on_line };

uint64_t image_entry(uint64_t index)
{
	return FAMFS_LOG_OFFSET + sizeof(struct famfs_log_header) +
	       index * sizeof(struct famfs_entry);
}

static void set_crc(uint8_t *bytes, size_t at)
{
	uint64_t crc = crc32(0, bytes, at);

	memcpy(bytes + at, &crc, sizeof(crc));
}

void image_crc_super(unsigned int image)
{
	set_crc(image_mem[image], offsetof(struct famfs_super, crc));
}

void image_crc_header(void)
{
	set_crc(image_mem[0] + FAMFS_LOG_OFFSET, offsetof(struct famfs_log_header, crc));
}

void image_crc_entry(uint64_t index)
{
	set_crc(image_mem[0] + image_entry(index), offsetof(struct famfs_entry, crc));
}

void image_append(struct famfs_entry *entry)
{
	assert_int_equal(media_log_append(&the_log, entry, NULL, NULL), 0);
}

void image_append_file(const char *path, uint64_t size, unsigned int dev, uint64_t off,
		       uint64_t len)
{
	struct famfs_fmap map = { .ext_type = FAMFS_MAP_SIMPLE, .count = 1 };
	struct famfs_entry entry;

	map.extents[0] = (struct famfs_extent){ dev, off, len };
	assert_int_equal(media_entry_file(&entry, path, size, FAMFS_FILE_ALL_RW, 0644,
					  0, 0, &map), 0);
	image_append(&entry);
}

static void append_striped(void)
{
	struct famfs_fmap map = { .ext_type = FAMFS_MAP_INTERLEAVED, .count = 1 };
	struct famfs_entry entry;
	unsigned int i;

	map.interleave.nstrips = 4;
	map.interleave.chunk_size = IMAGE_UNIT;
	for (i = 0; i < 4; i++)
		map.interleave.strips[i] = (struct famfs_extent){
			i % 2, (i < 2 ? 32 : 64) * MIB, IMAGE_UNIT };
	assert_int_equal(media_entry_file(&entry, "striped", 8 * MIB - 5, 0, 0600, 1, 2,
					  &map), 0);
	image_append(&entry);
}

static void append_all(void)
{
	struct famfs_fmap map = { .ext_type = FAMFS_MAP_SIMPLE, .count = 2 };
	struct famfs_entry entry;

	assert_int_equal(media_entry_mkdir(&entry, "d", 0755, 3, 4), 0);
	image_append(&entry);
	image_append_file("d/simple", 3 * MIB, 0, 16 * MIB, 4 * MIB);
	append_striped();
	image_append_file("d/small", 1, 1, 2 * MIB, IMAGE_UNIT);
	map.extents[0] = (struct famfs_extent){ 0, 10 * MIB, IMAGE_UNIT };
	map.extents[1] = (struct famfs_extent){ 0, 126 * MIB, IMAGE_UNIT };
	assert_int_equal(media_entry_file(&entry, "last", 4 * MIB, FAMFS_FILE_ALL_RO,
					  0444, 0, 0, &map), 0);
	image_append(&entry);
}

static int make_image(unsigned int i)
{
	int fd;

	snprintf(image_path[i], sizeof(image_path[i]), "/tmp/tool_image.XXXXXX");
	fd = mkstemp(image_path[i]);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE))
		return -1;
	image_mem[i] = mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return image_mem[i] == MAP_FAILED ? -1 : 0;
}

int image_setup(void **state)
{
	struct media_mkfs_dev devs[IMAGES] = { 0 };
	struct media_mkfs mkfs = {
		.version = FAMFS_VERSION_48, .log_len = FAMFS_LOG_MIN,
		.alloc_unit = IMAGE_UNIT, .devs = devs, .ndevs = IMAGES,
	};
	unsigned int i;

	(void)state;
	image_told[0] = '\0';
	for (i = 0; i < IMAGES; i++) {
		if (make_image(i))
			return -1;
		devs[i].super = image_mem[i];
		devs[i].size = IMAGE_SIZE;
		snprintf(devs[i].name, sizeof(devs[i].name), "/dev/pmem%u", i);
		memset(devs[i].uuid, 0xd0 + i, sizeof(devs[i].uuid));
	}
	memset(mkfs.fs_uuid, 0xf5, sizeof(mkfs.fs_uuid));
	memset(mkfs.system_uuid, 0x55, sizeof(mkfs.system_uuid));
	mkfs.log = image_mem[0] + FAMFS_LOG_OFFSET;
	assert_int_equal(media_mkfs(&mkfs, &media_memory), 0);
	the_log = (struct media_log){
		.mem = mkfs.log, .offset = FAMFS_LOG_OFFSET, .len = FAMFS_LOG_MIN,
		.version = FAMFS_VERSION_48,
	};
	append_all();
	return 0;
}

int image_teardown(void **state)
{
	unsigned int i;

	(void)state;
	fsck_free(&report);
	for (i = 0; i < IMAGES; i++) {
		munmap(image_mem[i], IMAGE_SIZE);
		unlink(image_path[i]);
	}
	return 0;
}

int image_open(struct source *source, bool both, bool behind)
{
	const char *const others[] = { both ? image_path[1] : NULL, NULL };
	const struct source_args args = {
		.name = image_path[0], .image = true, .others = others, .behind = behind,
	};

	return source_open(source, &args, &image_log);
}

int fsck(bool both)
{
	struct source source;

	fsck_free(&report);
	assert_int_equal(image_open(&source, both, true), 0);
	assert_int_equal(fsck_check(&source, &report), 0);
	source_close(&source);
	return report.code;
}

const struct fsck_finding *find(const char *what, const char *field)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		if (!strcmp(report.findings[i].what, what) &&
		    (!field || !strcmp(report.findings[i].err.field, field)))
			return &report.findings[i];
	return NULL;
}

void print_findings(void)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		print_message("%d %s: %s\n", report.findings[i].level,
			      report.findings[i].what, report.findings[i].text);
}

const struct fsck_finding *assert_found(const char *what, const char *field)
{
	const struct fsck_finding *finding = find(what, field);

	if (!finding)
		print_findings();
	assert_non_null(finding);
	return finding;
}
