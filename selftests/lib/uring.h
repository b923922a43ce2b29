/* SPDX-License-Identifier: GPL-2.0 */
/* An io_uring of one request at a time, by its system calls. */
#ifndef SELFTESTS_URING_H
#define SELFTESTS_URING_H

#include <stddef.h>
#include <stdint.h>
#include <linux/io_uring.h>

struct uring {
	int fd;
	uint8_t *rings;
	size_t rings_size;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

struct uring uring_new(void);
void uring_end(struct uring *u);
/* @op: IORING_OP_READ or IORING_OP_WRITE. Returns once it is under way. */
void uring_start(struct uring *u, int op, int fd, void *buf, uint32_t len,
		 uint64_t off);
/* Waits for it. Return: bytes or -errno. */
int uring_wait(struct uring *u);
int uring_rw(struct uring *u, int op, int fd, void *buf, uint32_t len,
	     uint64_t off);
/* As a fixed buffer. Return: 0 or -errno. */
int uring_register(struct uring *u, void *buf, size_t len);

#endif /* SELFTESTS_URING_H */
