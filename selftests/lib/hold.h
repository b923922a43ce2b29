/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Having pages of memory in use by the kernel for as long as a test wants, in
 * ways that do not need the mapping any more once they have begun.
 *
 *	struct disk d = disk_new(s, "disk", seed, size);	before the mount
 *	disk_open(&d, m);
 *	hold_take(&h, &hold_vmsplice, &d, page, seed, off);
 *	hold_drop(&h);
 */
#ifndef SELFTESTS_HOLD_H
#define SELFTESTS_HOLD_H

#include "env.h"
#include "uring.h"

/*
 * A block device whose I/O waits for the test: a loop device on an ordinary file,
 * the server of which does not answer until then.
 */
struct disk {
	struct srv *s;
	struct node *n;
	int fd;		/* of the device, O_DIRECT */
};

struct disk disk_new(struct srv *s, const char *name, uint32_t seed,
		     uint64_t size);
void disk_open(struct disk *d, const struct mnt *m);
void disk_close(struct disk *d);

struct hold;

/**
 * struct hold_kind - a way to hold a page
 * @name: what does it
 * @into: it is written into: that it holds the disk's pattern is checked by who
 *	knows where the page is
 * @take: has the page held when it returns
 * @drop: ends that, and waits for the end, but for hold_orphan; checks what was
 *	taken from the page
 */
struct hold_kind {
	const char *name;
	bool into;
	void (*take)(struct hold *h);
	void (*drop)(struct hold *h);
};

/* What is on the disk, and in the page, is pattern @seed from @off on. */
struct hold {
	const struct hold_kind *kind;
	struct disk *disk;
	uint8_t *page;
	uint32_t seed;
	uint64_t off;
	int ends[2];
	struct rule *rule;
	struct task task;
	struct uring ring;
};

extern const struct hold_kind hold_vmsplice, hold_direct_write, hold_direct_read,
	hold_uring_write, hold_uring_read, hold_orphan;

void hold_take(struct hold *h, const struct hold_kind *kind, struct disk *disk,
	       void *page, uint32_t seed, uint64_t off);
void hold_drop(struct hold *h);

#endif /* SELFTESTS_HOLD_H */
