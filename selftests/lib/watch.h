/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel does so that stores reach the medium, watched by kprobes. Under
 * emulation memory has a store at once, and nothing is lost if the CPU's caches
 * are not written back: so it is watched whether they are.
 */
#ifndef SELFTESTS_WATCH_H
#define SELFTESTS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum watched {
	WATCH_FLUSH,	/* arch_wb_cache_pmem(): caches are written back */
	WATCH_COPY,	/* from user space or the kernel, past the caches */
	WATCH_DEV,	/* fmapfs has a device make durable what it has */
	WATCH_NVDIMM,	/* and the driver of pmem does it */
	WATCH_KINDS
};

/* A call: of a range of physical memory, or (the last two kinds) of a device. */
struct watch_call {
	enum watched what;
	uint64_t addr;		/* physical, bytes; or which device it is */
	uint64_t len;		/* bytes */
};

/* The first of a program's cases sets it up, the last one ends it. */
void watch_start(void);
void watch_end(void);
/* Forgets what was called until now. */
void watch_clear(void);
/* What was called since; good until the next call of it. */
int watch_calls(const struct watch_call **calls);

/* The same in other words, of what was called since watch_clear(): */
/* Is each byte of a physical range in a call of that kind? */
bool watch_covers(enum watched what, uint64_t addr, uint64_t len);
/* How many calls; of devices: how many devices. */
int watch_count(enum watched what);
/* Has one of the kind @what come after the last one of the kind @before? */
bool watch_after(enum watched what, enum watched before);

/* Where a page is that this process has mapped and touched. */
uint64_t phys_of(const volatile void *p);

#endif /* SELFTESTS_WATCH_H */
