/* SPDX-License-Identifier: GPL-2.0 */
/* Memory errors that are made, and processes that are hit by them, or are not. */
#ifndef SELFTESTS_POISON_H
#define SELFTESTS_POISON_H

#include <signal.h>
#include <stdint.h>

#ifndef BUS_MCEERR_AR
#define BUS_MCEERR_AR	4
#define BUS_MCEERR_AO	5
#endif

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

enum poison {
	MADVISED,	/* MADV_HWPOISON */
	OFFLINED,	/* hard_offline_page; nobody has it mapped for that */
	CORRUPTED,	/* hwpoison/corrupt-pfn in debugfs; the same */
};

/* The page at @off of a file becomes bad; the caller need not have it mapped. */
void poison(enum poison how, int fd, uint64_t off);
/* A page that is mapped; a file of /sys/devices/system/memory. 0, or -1: errno */
int offline_page(const volatile void *p, const char *file);

/* How a viewer has the file mapped: else shared, by small entries. */
#define VIEW_EARLY	1	/* wants to know of errors at once */
#define VIEW_HUGE	2	/* by entries of 2 MiB, if they are to be had */
#define VIEW_PRIVATE	4	/* privately */
#define VIEW_COPIED	8	/* has written to all of it */

/* A process that has a part of a file mapped, and all of that in its tables. */
struct viewer;

/* @seed: of the pattern that the file holds; 0: whatever. */
struct viewer *viewer_new(int fd, uint32_t seed, uint64_t off, uint64_t len,
			  int flags);
/* It was told without asking, of that page, 2^@lsb bytes; or nothing so far. */
void viewer_was_told(struct viewer *v, uint64_t off, int lsb);
void viewer_was_not_told(struct viewer *v);
/* It reads all that it has mapped: just that page of the file is SIGBUS. */
#define NOTHING		UINT64_MAX
void viewer_loses(struct viewer *v, uint64_t off);
/* All of them. */
void viewers_end(void);

#endif /* SELFTESTS_POISON_H */
