/* SPDX-License-Identifier: GPL-2.0 */
/* fmap messages and FUSE messages, built by hand. */
#ifndef SELFTESTS_WIRE_H
#define SELFTESTS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/fuse_fmap.h>

#define KIB	1024ULL
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)
#define PAGE	4096ULL
#define HUGE	(2 * MIB)

/* A message that grows; freed with the process. */
struct msg {
	uint8_t *buf;
	size_t len;
};

/* Each returns where the part lies in the message, until the next is added. */
struct fuse_famfs_fmap_header *msg_header(struct msg *m);
struct fuse_famfs_simple_ext *msg_ext(struct msg *m, uint32_t dev, uint64_t off,
				      uint64_t len);
struct fuse_famfs_iext *msg_iext(struct msg *m, uint32_t nstrips,
				 uint32_t chunk, uint64_t nbytes);
void msg_add(struct msg *m, const void *bytes, size_t len);
struct msg fmap_begin(uint32_t ext_type, uint64_t file_size);
struct msg fmap_simple1(uint32_t dev, uint64_t off, uint64_t len,
			uint64_t file_size);
void fmap_sized(struct msg *m);
struct msg msg_from_hex(const char *hex);

#endif /* SELFTESTS_WIRE_H */
