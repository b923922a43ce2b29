/* SPDX-License-Identifier: GPL-2.0 */
/* Two files of one device, some of whose memory is going to be bad. */
#ifndef SELFTESTS_BADFILES_H
#define SELFTESTS_BADFILES_H

#include "env.h"
#include "mem.h"
#include "poison.h"
#include "removable.h"

/* Where they begin, bytes of each, and a page in the middle of 2 MiB. */
#define AT	(128 * MIB)
#define LEN	(8 * MIB)
#define BAD	(2 * MIB + 5 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

/* Files a and b, side by side. */
struct files {
	const struct removable *r;
	struct mnt *m;
	int dev, a, b;
};

struct files files_mount(const struct removable *r);
/* And fills them with the patterns 1 and 2. */
struct files files_new(const struct removable *r);
void files_unmount(struct files *f);
/* What is bad is good again when the driver has been unbound: it is. */
void files_end(struct files *f);
void fill_file(int fd, uint32_t seed);

void read_list(const struct files *f, char *text, size_t size);
/* bad_memory is these pages, a line for each: bytes from the device's start. */
void files_list(const struct files *f, const uint64_t *off, int n);
void files_list_one(const struct files *f, uint64_t off);
void files_list_none(const struct files *f);

/* Just the page at @bad cannot be read or written; the rest is the pattern. */
void only_bad(int fd, uint32_t seed, uint64_t bad);

#endif /* SELFTESTS_BADFILES_H */
