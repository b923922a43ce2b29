/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the layout "famfs" share: pools on image files, made for each
 * test; layouts on them, as many as it wants; and what these log and tell the kernel.
 */
#ifndef UNIT_FAMFS_H
#define UNIT_FAMFS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <fuse_lowlevel.h>

#include "unit.h"
#include "../../user/server/famfs.h"

#define ROOT	MEDIA_INO_ROOT

/*
 * A pool to be made; 0: a device of 64 MiB, a log of 8 MiB, units of 2 MiB, an uuid that
 * begins with 7.
 */
struct spec {
	uint8_t uuid;
	unsigned int ndevs;
	uint64_t size;
	uint64_t log_len;
	uint64_t alloc_unit;
};

int famfs_setup(void **state);
int famfs_teardown(void **state);
#define FAMFS_TEST(test) \
	cmocka_unit_test_setup_teardown(test, famfs_setup, famfs_teardown)

void make_pool(struct spec spec);
/* Path of image @i, or of another file in the test's directory. */
const char *image(unsigned int i);
const char *in_dir(const char *name);
/* The image, mapped, until the end of the test. */
uint8_t *mapped(unsigned int i);
/* The log of image 0 */
struct media_log the_log(void);

/* Entries, as another host appends them. */
void log_dir(const char *path);
void log_file(const char *path, uint64_t size, unsigned int dev, uint64_t off,
	      uint32_t flags);

/* What layouts are made from: of the master, or a client; may be changed. */
struct layout_args master_args(void);
struct layout_args client_args(void);
struct layout *try_open(struct layout_args args, int *rc);
struct layout *open_args(struct layout_args args);
struct layout *open_master(void);
struct layout *open_client(void);
extern const struct layout_ops *const ops;

/* What was logged; and told to the kernel: "name 1/a", "node 17", "epoch". */
extern char said[65536];
extern char told[65536];
void assert_said(const char *text);
unsigned int times_said(const char *text);
bool was_told(const char *text);
/* What a notification does first, if it does anything. */
extern void (*before_telling)(void);
/* What the next notification of a name returns, once. */
extern int telling_fails;

/* Node id by path; 0: there is none. Not counted. */
uint64_t find(struct layout *l, const char *path);
struct stat stat_of(struct layout *l, uint64_t ino);
/* Steps of a user. */
int make_dir(struct layout *l, uint64_t dir, const char *name);
uint64_t create(struct layout *l, uint64_t dir, const char *name);
int64_t put(struct layout *l, uint64_t ino, const char *text, uint64_t off);
int close_file(struct layout *l, uint64_t ino, int flags);
/* All of it: creates, writes, closes, forgets. */
int write_file(struct layout *l, uint64_t dir, const char *name,
	       const void *data, size_t size);
int set_size(struct layout *l, uint64_t ino, uint64_t size);
/* Opens it, reads all, closes it; checks that it is this. */
void assert_holds(struct layout *l, uint64_t ino, const void *data,
		  size_t size);
uint64_t free_bytes(struct layout *l);
uint64_t free_entries(struct layout *l);

#endif /* UNIT_FAMFS_H */
