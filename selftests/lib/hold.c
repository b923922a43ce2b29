// SPDX-License-Identifier: GPL-2.0
/* Pages that are in use: see hold.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/loop.h>

#include "hold.h"
#include "mem.h"

/* --- the disk --- */

struct disk disk_new(struct srv *s, const char *name, uint32_t seed,
		     uint64_t size)
{
	return (struct disk){ s, srv_pattern(s, name, seed, size), -1 };
}

/* It goes with the last who has it open. */
void disk_open(struct disk *d, const struct mnt *m)
{
	struct loop_config c = {
		.block_size = PAGE, .info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, n, loop;
	char path[32];

	EQ(system("modprobe loop"), 0);
	control = OK(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
	c.fd = OK(open_in(m, d->n->name, O_RDWR));
	n = OK(ioctl(control, LOOP_CTL_GET_FREE));
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	UNTIL(!access(path, F_OK));
	loop = OK(open(path, O_RDWR | O_CLOEXEC));
	OK(ioctl(loop, LOOP_CONFIGURE, &c));
	d->fd = OK(open(path, O_RDWR | O_DIRECT | O_CLOEXEC));
	OK(close(loop));
	OK(close(c.fd));
	OK(close(control));
}

void disk_close(struct disk *d)
{
	OK(close(d->fd));
}

/* --- a pipe has the page, and not a copy --- */

static void pipe_take(struct hold *h)
{
	struct iovec iov = { h->page, PAGE };

	OK(pipe2(h->ends, O_CLOEXEC));
	EQ(vmsplice(h->ends[1], &iov, 1, 0), PAGE);
}

static void pipe_drop(struct hold *h)
{
	uint8_t buf[PAGE];

	EQ(read(h->ends[0], buf, PAGE), PAGE);
	PAT(buf, h->seed, h->off, PAGE);
	OK(close(h->ends[0]));
	OK(close(h->ends[1]));
}

/* --- direct I/O, which a process waits for --- */

static void stall(struct hold *h)
{
	h->rule = srv_on(h->disk->s, h->kind->into ? FUSE_READ : FUSE_WRITE,
			 h->disk->n->id, ACT_STALL, 0);
}

/* What has been written to the disk is what the page had. */
static void check_disk(struct hold *h)
{
	if (!h->kind->into)
		PAT(h->disk->n->data + h->off, h->seed, h->off, PAGE);
}

static int direct_io(void *arg)
{
	struct hold *h = arg;

	if (h->kind->into)
		EQ(pread(h->disk->fd, h->page, PAGE, h->off), PAGE);
	else
		EQ(pwrite(h->disk->fd, h->page, PAGE, h->off), PAGE);
	return 0;
}

static void direct_take(struct hold *h)
{
	stall(h);
	h->task = task_start(direct_io, h);
	UNTIL(h->rule->hits);
}

static void direct_drop(struct hold *h)
{
	srv_release(h->disk->s, h->rule);
	EQ(task_wait(&h->task), 0);
	check_disk(h);
}

/* --- the same by an io_uring, which nobody waits for --- */

static int uring_begin(void *arg)
{
	struct hold *h = arg;

	h->ring = uring_new();
	uring_start(&h->ring, h->kind->into ? IORING_OP_READ : IORING_OP_WRITE,
		    h->disk->fd, h->page, PAGE, h->off);
	return 0;
}

static void uring_take(struct hold *h)
{
	stall(h);
	uring_begin(h);
	UNTIL(h->rule->hits);
}

static void uring_drop(struct hold *h)
{
	srv_release(h->disk->s, h->rule);
	EQ(uring_wait(&h->ring), PAGE);
	uring_end(&h->ring);
	check_disk(h);
}

/* --- and of a process that is no more --- */

static int begin_and_stay(void *arg)
{
	uring_begin(arg);
	pause();
	return 1;
}

static void orphan_take(struct hold *h)
{
	stall(h);
	h->task = task_start(begin_and_stay, h);
	UNTIL(h->rule->hits);
	task_kill(&h->task);
}

static void orphan_drop(struct hold *h)
{
	srv_release(h->disk->s, h->rule);
}

const struct hold_kind hold_vmsplice = {
	"vmsplice", false, pipe_take, pipe_drop
};
const struct hold_kind hold_direct_write = {
	"direct write", false, direct_take, direct_drop
};
const struct hold_kind hold_direct_read = {
	"direct read", true, direct_take, direct_drop
};
const struct hold_kind hold_uring_write = {
	"io_uring write", false, uring_take, uring_drop
};
const struct hold_kind hold_uring_read = {
	"io_uring read", true, uring_take, uring_drop
};

const struct hold_kind hold_orphan = {
	"io_uring read, orphaned", true, orphan_take, orphan_drop
};

void hold_take(struct hold *h, const struct hold_kind *kind, struct disk *disk,
	       void *page, uint32_t seed, uint64_t off)
{
	*h = (struct hold){
		.kind = kind, .disk = disk, .page = page, .seed = seed,
		.off = off,
	};
	kind->take(h);
}

void hold_drop(struct hold *h)
{
	h->kind->drop(h);
}
