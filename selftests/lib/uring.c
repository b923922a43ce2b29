// SPDX-License-Identifier: GPL-2.0
/* An io_uring: see uring.h. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"
#include "uring.h"

static _Atomic uint32_t *ring(const struct uring *u, uint32_t off)
{
	return (void *)(u->rings + off);
}

static void *map_ring(int fd, size_t size, uint64_t at)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, at);

	if (p == MAP_FAILED)
		FAIL("no ring: %s", strerror(errno));
	return p;
}

struct uring uring_new(void)
{
	struct uring u = {};
	size_t sq, cq;

	u.fd = OK(syscall(SYS_io_uring_setup, 2, &u.p));
	TRUE(u.p.features & IORING_FEAT_SINGLE_MMAP);
	sq = u.p.sq_off.array + u.p.sq_entries * sizeof(uint32_t);
	cq = u.p.cq_off.cqes + u.p.cq_entries * sizeof(struct io_uring_cqe);
	u.rings_size = sq > cq ? sq : cq;
	u.rings = map_ring(u.fd, u.rings_size, IORING_OFF_SQ_RING);
	u.sqes = map_ring(u.fd, u.p.sq_entries * sizeof(*u.sqes),
			  IORING_OFF_SQES);
	return u;
}

void uring_end(struct uring *u)
{
	OK(munmap(u->rings, u->rings_size));
	OK(munmap(u->sqes, u->p.sq_entries * sizeof(*u->sqes)));
	OK(close(u->fd));
}

void uring_start(struct uring *u, int op, int fd, void *buf, uint32_t len,
		 uint64_t off)
{
	uint32_t tail = *ring(u, u->p.sq_off.tail);
	uint32_t at = tail & *ring(u, u->p.sq_off.ring_mask);

	u->sqes[at] = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .off = off, .addr = (uintptr_t)buf,
		.len = len,
	};
	ring(u, u->p.sq_off.array)[at] = at;
	*ring(u, u->p.sq_off.tail) = tail + 1;
	EQ(syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0), 1);
}

int uring_wait(struct uring *u)
{
	const struct io_uring_cqe *cqes = (void *)(u->rings + u->p.cq_off.cqes);
	uint32_t head = *ring(u, u->p.cq_off.head);
	int res;

	while (head == *ring(u, u->p.cq_off.tail))
		if (syscall(SYS_io_uring_enter, u->fd, 0, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			EQ(errno, EINTR);
	res = cqes[head & *ring(u, u->p.cq_off.ring_mask)].res;
	*ring(u, u->p.cq_off.head) = head + 1;
	return res;
}

int uring_rw(struct uring *u, int op, int fd, void *buf, uint32_t len,
	     uint64_t off)
{
	uring_start(u, op, fd, buf, len, off);
	return uring_wait(u);
}

int uring_register(struct uring *u, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_BUFFERS,
		       &iov, 1) < 0 ? -errno : 0;
}
