/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copying of files, many at a time, each of which gets its size at once and is never
 * truncated or grown: as files of a pool want it, and as any file system can.
 *
 * plan.c makes the list, copy.c works through it, copyfile.c is about one file. Nothing
 * is printed: what is wrong is told to copy_ops.
 */
#ifndef FMAPFS_TOOL_COPY_H
#define FMAPFS_TOOL_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* A file larger than this is copied by several threads. */
#define COPY_PIECE	(32ULL << 20)

/**
 * struct copy_options - how
 * @recursive: directories also
 * @resume: a file that is there already, of the right size, is compared, and where it
 *	differs written; without it such a file is an error
 * @keep: owner, mode, and times as far as they can be kept
 * @pool: the destination is a pool: empty files are refused, paths are short
 * @layout: value of the attribute user.fmapfs.layout of new files, or NULL
 * @jobs: threads; at least 1
 */
struct copy_options {
	bool recursive;
	bool resume;
	bool keep;
	bool pool;
	const char *layout;
	unsigned int jobs;
};

/**
 * struct copy_item - a file, or a directory, to be made
 * @src, @dst: paths; owned
 * @st: of the source
 */
struct copy_item {
	char *src;
	char *dst;
	struct stat st;
};

/**
 * struct copy_plan - what is to be done
 * @dirs: to be made, parents first
 * @files: to be copied
 * @bytes: of all files
 * @skipped: what was left out, each of which was told
 */
struct copy_plan {
	struct copy_item *dirs;
	size_t ndirs;
	struct copy_item *files;
	size_t nfiles;
	uint64_t bytes;
	uint64_t skipped;
};

/**
 * struct copy_count - how far it is; each only grows
 * @files, @bytes: done with, copied or not
 * @copied: bytes that were written
 * @same: files that were there already, unchanged
 * @failed: files that were not copied, or not all
 * @dirs_failed: directories that were not made, or have another owner or mode
 */
struct copy_count {
	uint64_t files;
	uint64_t bytes;
	uint64_t copied;
	uint64_t same;
	uint64_t failed;
	uint64_t dirs_failed;
};

/**
 * struct copy_ops - who is told
 * @wrong: something is wrong with @path; @text says what and what to do. From any
 *	thread, one at a time
 * @done: a file was copied, or was there; may be NULL. Likewise
 * @leave: a directory within a source: is it to be left out, and nothing told? May be
 *	NULL
 * @progress: some four times a second, from the thread that called; may be NULL
 */
struct copy_ops {
	void (*wrong)(void *ctx, const char *path, const char *text);
	void (*done)(void *ctx, const struct copy_item *item, bool same);
	bool (*leave)(void *ctx, const char *path);
	void (*progress)(void *ctx, const struct copy_count *count);
	void *ctx;
};

/**
 * copy_plan_make - what is to be copied, and to where
 * @plan: result, to be freed with copy_plan_free(), also on error
 * @sources: paths; symbolic links are followed here, but not in directories
 * @dst: a directory that is there: sources are put into it; else what the one source
 *	is to be called
 *
 * Two sources that would be one file are refused: nothing is to be copied then. Links,
 * devices and the like are told and left out, and so is what cannot be read.
 *
 * Return: 0; -EINVAL: refused, and told; -ENOMEM.
 */
int copy_plan_make(struct copy_plan *plan, char *const *sources, size_t nsources,
		   const char *dst, const struct copy_options *options,
		   const struct copy_ops *ops);
void copy_plan_free(struct copy_plan *plan);

/**
 * copy_run - do it
 * @count: result
 *
 * Data are in memory, or on the disk, when this returns. What was interrupted, however,
 * is completed by another run with @resume.
 *
 * Return: 0: look at @count for files that failed; or -errno: no threads.
 */
int copy_run(const struct copy_plan *plan, const struct copy_options *options,
	     const struct copy_ops *ops, struct copy_count *count);

/* ------------------------------------------------------------------------
 * One file. copyfile.c
 */

/**
 * struct copy_file - a file that is being copied
 * @item: what
 * @src, @dst: open
 * @map: the destination, mapped; NULL: it cannot be
 * @dax: its memory is what lasts: CPU caches are written back, nothing else
 * @fresh: it was made here, and is zeroes
 *
 * Pieces may be copied by several threads at once.
 */
struct copy_file {
	const struct copy_item *item;
	int src;
	int dst;
	char *map;
	bool dax;
	bool fresh;
};

#define COPY_WHY_MAX	256

/**
 * copy_file_open - open both, and have the destination be of its size
 * @why: COPY_WHY_MAX bytes: on error says what is wrong
 *
 * Return: 0 or -errno; then nothing is open.
 */
int copy_file_open(struct copy_file *file, const struct copy_item *item,
		   const struct copy_options *options, char *why);

/**
 * copy_file_piece - copy, or compare and copy, a piece; it is in memory then
 * @buf: COPY_BUFFER bytes, the caller's
 * @copied: grows by the bytes that were written; atomic
 */
int copy_file_piece(const struct copy_file *file, uint64_t off, uint64_t len,
		    void *buf, uint64_t *copied, char *why);

#define COPY_BUFFER	(1U << 20)

/* copy_file_close - when all pieces are done; @failed: they are not all well */
int copy_file_close(struct copy_file *file, const struct copy_options *options,
		    bool failed, char *why);

/* copy_make_directory - make one, or have it there. 0 or -errno */
int copy_make_directory(const struct copy_item *item,
			const struct copy_options *options, char *why);

#endif /* FMAPFS_TOOL_COPY_H */
