// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a log is replayed, and what its name space takes: 10^3 to 10^6 files of one
 * extent each, 1000 in a directory, on a log in anonymous memory.
 *
 * Times are the CPU's, so that other programs do not count; the best of three. They
 * include dropping the CPU cache of each entry, its crc, and all checks. Memory is the
 * name space (media_fs_count()) and what the process has grown by (RSS), which has the
 * map of free space in it. Lookups are of every file once, by path, in an order that is
 * not the log's.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "../../user/media/media.h"

#define DIR_FILES	1000U
#define UNIT		4096ULL
#define TRIES		3

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		err(1, "/proc/self/statm");
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void seal(struct famfs_entry *entry, uint64_t index)
{
	entry->seqnum = index;
	entry->crc = crc32(0, (const void *)entry,
			   offsetof(struct famfs_entry, crc));
}

static void put_dir(struct famfs_entry *entry, uint64_t index, uint64_t dir)
{
	memset(entry, 0, sizeof(*entry));
	entry->type = FAMFS_ENTRY_MKDIR;
	entry->mkdir.mode = 0755;
	snprintf(entry->mkdir.path, FAMFS_PATH_MAX, "dir%04llu",
		 (unsigned long long)dir);
	seal(entry, index);
}

static void put_file(struct famfs_entry *entry, uint64_t index, uint64_t file,
		     uint64_t offset)
{
	memset(entry, 0, sizeof(*entry));
	entry->type = FAMFS_ENTRY_FILE;
	entry->file.size = UNIT;
	entry->file.mode = 0644;
	snprintf(entry->file.path, FAMFS_PATH_MAX, "dir%04llu/file%06llu",
		 (unsigned long long)(file / DIR_FILES),
		 (unsigned long long)file);
	entry->file.fmap.count = 1;
	entry->file.fmap.extents[0].offset = offset;
	entry->file.fmap.extents[0].len = UNIT;
	seal(entry, index);
}

/* The log of a pool with @files files, and a superblock to go with it. */
static void make(uint64_t files, struct media_log *log, struct media_super *sb)
{
	uint64_t n = 0, file, entries = files + (files + DIR_FILES - 1) / DIR_FILES;
	struct famfs_log_header *header;
	struct famfs_entry *slots;

	*log = (struct media_log) {
		.offset = FAMFS_LOG_OFFSET,
		.len = FAMFS_LOG_MIN,
		.version = FAMFS_VERSION_48,
	};
	while (media_entries_max(log->len) < entries)
		log->len *= 2;
	log->mem = mmap(NULL, log->len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (log->mem == MAP_FAILED)
		err(1, "mmap");
	*sb = (struct media_super) {
		.version = FAMFS_VERSION_48,
		.log_offset = FAMFS_LOG_OFFSET,
		.log_len = log->len,
		.alloc_unit = UNIT,
		.device.size = FAMFS_LOG_OFFSET + log->len + files * UNIT,
		.dev_uuid = { 1 },
	};
	header = log->mem;
	slots = (void *)(header + 1);
	for (file = 0; file < files; file++) {
		if (file % DIR_FILES == 0) {
			put_dir(&slots[n], n, file / DIR_FILES);
			n++;
		}
		put_file(&slots[n], n, file,
			 FAMFS_LOG_OFFSET + log->len + file * UNIT);
		n++;
	}
	header->magic = FAMFS_LOG_MAGIC;
	header->len = log->len;
	header->last_index = media_entries_max(log->len) - 1;
	header->crc = crc32(0, (const void *)header,
			    offsetof(struct famfs_log_header, crc));
	header->next_seqnum = n;
	header->next_index = n;
}

static double look_up(const struct media_fs *fs, uint64_t files)
{
	double start = seconds();
	uint64_t i, file;
	char path[FAMFS_PATH_MAX];

	for (i = 0; i < files; i++) {
		/* A prime: each file comes once. */
		file = i * 7919 % files;
		snprintf(path, sizeof(path), "dir%04llu/file%06llu",
			 (unsigned long long)(file / DIR_FILES),
			 (unsigned long long)file);
		if (!media_fs_find(fs, path))
			errx(1, "%s is not there", path);
	}
	return (double)files / (seconds() - start);
}

static void measure(uint64_t files)
{
	double start, took, best = 0, lookups = 0;
	char line[MEDIA_ERROR_MAX];
	struct media_fs_counts counts;
	struct media_error error;
	uint64_t before, grown = 0, n = 0;
	struct media_super sb;
	struct media_log log;
	struct media_fs *fs;
	int i;

	make(files, &log, &sb);
	for (i = 0; i < TRIES; i++) {
		before = resident();
		if (media_fs_new(&fs, &sb, NULL, NULL))
			errx(1, "no name space");
		start = seconds();
		if (media_fs_replay(fs, &log, &error))
			errx(1, "%s", media_strerror(&error, line, sizeof(line)));
		took = seconds() - start;
		if (!i || took < best)
			best = took;
		/* Later ones reuse what the first has left with malloc(). */
		if (!i)
			grown = resident() - before;
		media_fs_count(fs, &counts);
		n = media_fs_next(fs);
		if (i == TRIES - 1)
			lookups = look_up(fs, files);
		media_fs_free(fs);
	}
	munmap(log.mem, log.len);
	printf("%10llu %10llu %12.3f %14.0f %14.0f %12.1f %12.1f\n",
	       (unsigned long long)files, (unsigned long long)log.len >> 20,
	       best, (double)n / best, lookups,
	       (double)counts.memory / (double)files,
	       (double)grown / (double)files);
	fflush(stdout);
}

int main(void)
{
	uint64_t files;

	printf("%10s %10s %12s %14s %14s %12s %12s\n", "files", "log, MiB",
	       "CPU, s", "entries/s", "lookups/s", "bytes/file", "RSS/file");
	for (files = 1000; files <= 1000000; files *= 10)
		measure(files);
	return 0;
}
