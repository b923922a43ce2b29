// SPDX-License-Identifier: GPL-2.0
/*
 * Memory files, when allocations fail. Needs a kernel with fault injection, as
 * debug beds have it; so do nomem_plain_test and nomem_mount_test.
 *
 * For each operation:
 * 1. On a fresh mount the first allocation that the calling task makes fails, on
 *    the next the second, and so on, until it makes no more. Expected each time:
 *    the operation succeeds, or fails with ENOMEM; a fault never raises a signal.
 *    The same operation works afterwards; what the server has handed out comes
 *    back; the mount ends.
 * 2. The same for the allocations of the server's process: those of its read(2) and
 *    write(2). Nobody waits for ever.
 * 3. Of all tasks' allocations in the module, one in five fails by chance.
 *
 * What is left behind in the kernel is kmemleak's to tell, and who uses what is
 * gone, KASAN's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fmapfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/nomem.h"
#include "lib/note.h"

#define RW	(PROT_READ | PROT_WRITE)

static int open_memory(struct at *at)
{
	return with_fd(open_in(at->m, "a", O_RDWR));
}

static int open_striped(struct at *at)
{
	return with_fd(open_in(at->m, "striped", O_RDWR));
}

static int open_many_extents(struct at *at)
{
	return with_fd(open_in(at->m, "many", O_RDWR));
}

static int open_on_last_device(struct at *at)
{
	return with_fd(open_in(at->m, "last", O_RDWR));
}

static int push_device(struct at *at)
{
	struct fuse_daxdev_open in = { .daxdev_index = 5 };
	int rc;

	in.fd = open(pmem(1)->node, O_RDWR | O_CLOEXEC);
	if (in.fd < 0)
		return -1;
	rc = ioctl(at->dev, FUSE_DEV_IOC_DAXDEV_OPEN, &in);
	close(in.fd);
	return rc;
}

/* --- access --- */

static int fault_huge(struct at *at)
{
	EQ(try_read(at->p + PAGE), 0);
	EQ(try_write(at->p + 3 * MIB, 1), 0);
	return 0;
}

static int touch(struct at *at, const char *name, int flags)
{
	int fd = open_in(at->m, name, O_RDWR);
	uint8_t *p;

	if (fd < 0)
		return -1;
	p = mmap(NULL, NOMEM_LEN, RW, flags, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -1;
	EQ(try_read(p + PAGE), 0);
	EQ(try_write(p + PAGE, 1), 0);
	EQ(try_write(p + 3 * MIB, 1), 0);
	return munmap(p, NOMEM_LEN);
}

static int fault_small(struct at *at)
{
	return touch(at, "small", MAP_SHARED);
}

static int fault_many_extents(struct at *at)
{
	return touch(at, "many", MAP_SHARED);
}

static int fault_private(struct at *at)
{
	return touch(at, "a", MAP_PRIVATE);
}

static int map_sync(struct at *at)
{
	void *p = mmap(NULL, NOMEM_LEN, RW, MAP_SHARED_VALIDATE | MAP_SYNC,
		       at->fd, 0);

	return p == MAP_FAILED ? -1 : munmap(p, NOMEM_LEN);
}

static int read_memory(struct at *at)
{
	char buf[2 * PAGE] = { 1 };

	return pread(at->fd, buf, sizeof(buf), 100) < 0 ? -1 : 0;
}

static int write_memory(struct at *at)
{
	char buf[2 * PAGE] = { 1 };

	return pwrite(at->fd, buf, sizeof(buf), 100) < 0 ? -1 : 0;
}

static int sync_memory(struct at *at)
{
	at->p[0]++;
	return msync(at->p, NOMEM_LEN, MS_SYNC) || fsync(at->fd) ? -1 : 0;
}

static int fiemap(struct at *at)
{
	union {
		struct fiemap fm;
		uint8_t room[sizeof(struct fiemap) +
			     4 * sizeof(struct fiemap_extent)];
	} u = { .fm = { .fm_length = NOMEM_LEN, .fm_extent_count = 4 } };

	return ioctl(at->fd, FS_IOC_FIEMAP, &u.fm);
}

static int get_fmap(struct at *at)
{
	uint8_t buf[PAGE] = { 0 };
	struct fmapfs_get_fmap get = {
		.buf = (uintptr_t)buf, .size = sizeof(buf),
	};

	return ioctl(at->fd, FMAPFS_IOC_GET_FMAP, &get);
}

/* --- another map --- */

/* ENOMEM under another name. */
static int not_done(int name)
{
	if (errno == name)
		errno = ENOMEM;
	return -1;
}

static int refresh(struct at *at)
{
	uint64_t node = srv_find_name(at->s, ROOT_ID, "a")->id;

	return note_inval_inode(at->dev, node, 0, 0) < 0 ? -1 : 0;
}

/* The map of an open, mapped file goes, and comes anew with the fault. */
static int refresh_and_fault(struct at *at)
{
	if (refresh(at))
		return -1;
	EQ(try_read(at->p), 0);
	return 0;
}

static int refresh_and_fault_to_write(struct at *at)
{
	if (refresh(at))
		return -1;
	EQ(try_write(at->p + PAGE, 1), 0);
	return 0;
}

static int refresh_and_read(struct at *at)
{
	return refresh(at) || read_memory(at) ? -1 : 0;
}

static int refresh_and_write(struct at *at)
{
	return refresh(at) || write_memory(at) ? -1 : 0;
}

static int refresh_and_open(struct at *at)
{
	return refresh(at) || open_memory(at) ? -1 : 0;
}

static int refresh_and_fiemap(struct at *at)
{
	return refresh(at) || fiemap(at) ? -1 : 0;
}

/*
 * The kernel itself faults: a pipe gets the memory. It may say EFAULT then; and
 * ENFILE, if it has no memory for the pipe.
 */
static int refresh_and_pin(struct at *at)
{
	struct iovec iov = { at->p, PAGE };
	int ends[2], rc, error;

	if (refresh(at))
		return -1;
	if (pipe(ends))
		return not_done(ENFILE);
	rc = vmsplice(ends[1], &iov, 1, 0);
	error = errno;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return rc < 0 ? -1 : 0;
}

/* A file's data are read into a mapping whose map is gone. */
static int refresh_and_copy(struct at *at)
{
	if (refresh(at))
		return -1;
	return pread(at->plain, at->p, PAGE, 0) == PAGE ? 0 : -1;
}

/* With the server's consent; it gets another map. */
static int truncate_memory(struct at *at)
{
	struct node *n = srv_find_name(at->s, ROOT_ID, "a");
	uint64_t half = NOMEM_LEN / 2;

	srv_set_fmap(at->s, n, fmap_simple1(0, 128 * MIB, half, half));
	return ftruncate(at->fd, half);
}

static const struct op ops[] = {
	OP(open_memory),
	OP(open_striped),
	OP(open_many_extents),
	OP(open_on_last_device),
	OP(push_device),
	OP(fault_huge, .open = true),
	OP(fault_small),
	OP(fault_many_extents),
	OP(fault_private, .open = true),
	OP(map_sync, .open = true),
	OP(read_memory, .open = true),
	OP(write_memory, .open = true),
	OP(sync_memory, .open = true),
	OP(fiemap, .open = true),
	OP(get_fmap, .open = true),
	OP(refresh_and_fault, .open = true),
	OP(refresh_and_fault_to_write, .open = true),
	OP(refresh_and_read, .open = true),
	OP(refresh_and_write, .open = true),
	OP(refresh_and_open, .open = true),
	OP(refresh_and_fiemap, .open = true),
	OP(refresh_and_pin, .open = true, .other = EFAULT),
	OP(refresh_and_copy, .open = true, .other = EFAULT),
	OP(truncate_memory, .open = true),
};
TEST_ROWS(each_allocation_fails, ops)
