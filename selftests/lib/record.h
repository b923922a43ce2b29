/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered records, written to a file in every way that there is by processes that
 * are to be killed, and looked for afterwards.
 *
 * A file has REC_WRITERS writers. Record n of a writer lies in its slot n modulo
 * REC_SLOTS; the slots of all writers lie between each other, so that they share
 * pages and lines of the cache, and across the border of a 2 MiB entry. Each word
 * of a record tells its number and has a check sum: a torn one shows.
 */
#ifndef SELFTESTS_RECORD_H
#define SELFTESTS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define REC_WRITERS	8
#define REC_SLOTS	128
#define REC_WORDS	25
#define REC_BYTES	(REC_WORDS * 8)
/* Where they lie in a file, and its size. */
#define REC_AT		(HUGE - 96 * KIB)
#define REC_LEN		((uint64_t)REC_SLOTS * REC_WRITERS * REC_BYTES)
#define REC_FILE	(4 * MIB)

struct rec_writer;

/* How a record is written. */
struct rec_way {
	const char *name;
	bool killed_only;	/* durable if the process dies, not if the machine */
	int open_flags;
	int rwf;		/* of pwritev2(2) */
	int map_flags;		/* stores to a mapping instead; 0: none */
	/* Makes durable what was written at @off; 0 or -errno. */
	int (*finish)(struct rec_writer *w, uint64_t off);
};

extern const struct rec_way rec_ways[];
extern const int rec_nways, rec_ndurable;	/* the latter come first */

struct rec_writer {
	char path[256];
	const struct rec_way *way;
	unsigned int id;	/* among the writers of the file */
	uint64_t done;		/* records before it starts */
	/* Tells somebody that record @n is written; by the writer. */
	void (*tell)(struct rec_writer *w, uint64_t n);
	int to;			/* for it */
	unsigned int number;	/* for it */
	int fd;
	uint8_t *map;
};

/* For task_start(): writes from record done + 1 on, for ever. */
int rec_write(void *writer);
/* Fails unless @file, of REC_FILE bytes, has what writer @id has done. */
void rec_check(const uint8_t *file, unsigned int id, uint64_t done,
	       const char *how);

#endif /* SELFTESTS_RECORD_H */
