/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memory file that is mapped, on each kind of device and in each size of entries,
 * while the kernel is watched (watch.h).
 */
#ifndef SELFTESTS_WATCHFILE_H
#define SELFTESTS_WATCHFILE_H

#include "env.h"
#include "mem.h"
#include "watch.h"

#define WF_AT	(128 * MIB)
#define WF_LEN	(8 * MIB)

/* A memory file, open and mapped. What a case has ended itself is NULL, or -1. */
struct wfile {
	const struct daxdev *on;
	uint64_t at;		/* of the device, bytes */
	int flags;		/* of mmap() */
	struct srv *s;
	struct mnt *m;
	int dev, fd;
	uint8_t *p;
	uint64_t phys;
};

typedef void (*wfile_fn)(struct wfile *o, const void *arg);

/* A pmem device, and a character device if there is one; how many. */
int wfile_kinds(const struct daxdev *kind[2]);
/* With a file on each of them: two (of four) modes of mapping it; or all. */
void wfile_each(wfile_fn fn, const void *arg);
void wfile_each_mode(wfile_fn fn, const void *arg);
/* For a mount of the case's own. */
void wfile_map(struct wfile *o);
void wfile_end(struct wfile *o);

/* Stores to some pages; and all that were are written back, and nothing else. */
void wfile_store(struct wfile *o);
void wfile_is_flushed(const struct wfile *o);
/* Page of one of these stores. */
#define WF_STORED	512
bool wfile_covered(const struct wfile *o, uint64_t off, uint64_t len);

#endif /* SELFTESTS_WATCHFILE_H */
