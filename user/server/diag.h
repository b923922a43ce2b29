/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mistakes in a file, collected so that one run shows many of them, in the
 * order of the file.
 */
#ifndef FMAPFSD_DIAG_H
#define FMAPFSD_DIAG_H

#include <stddef.h>
#include <stdio.h>

/* A place in the file, counted from 1; line 0: the file as a whole. */
struct mark {
	unsigned int line;
	unsigned int column;
};

struct diag;

/**
 * diag_new - start a collection
 * @file: name of the file, for the messages
 *
 * Ends the program if there is no memory, as do all functions here: mistakes
 * are found before anything is mounted.
 */
struct diag *diag_new(const char *file);

/**
 * diag_add - one mistake
 * @diag: the collection
 * @at: where
 * @fmt: what is wrong and what would be right; further lines are hints
 */
void diag_add(struct diag *diag, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * diag_count - how many mistakes so far?
 * @diag: the collection
 */
size_t diag_count(const struct diag *diag);

/**
 * diag_print - write them, "FILE:LINE:COLUMN: error: ..."; no more than 100
 * @diag: the collection
 * @to: where to
 */
void diag_print(struct diag *diag, FILE *to);

/**
 * diag_free - free a collection
 * @diag: the collection, or NULL
 */
void diag_free(struct diag *diag);

/* Memory for what is made before the mount; ends the program without it. */
void *must_alloc(size_t count, size_t size);
void *must_resize(void *p, size_t count, size_t size);
char *must_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* FMAPFSD_DIAG_H */
