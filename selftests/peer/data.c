// SPDX-License-Identifier: GPL-2.0-only
/* Opening, reading, writing, copying. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peer.h"

static const struct named access_modes[] = {
	NAMED(O_RDONLY), NAMED(O_RDWR), NAMED(O_RDWR), NAMED(O_RDWR),
	NAMED(O_WRONLY),
};

static void put_fd(struct peer *p, int slot, int fd)
{
	say_result(p, fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	if (p->fd[slot] >= 0)
		close(p->fd[slot]);
	p->fd[slot] = fd;
}

/* Never without O_NONBLOCK: it may be a FIFO. */
static void op_open(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(O_CREAT), NAMED(O_CREAT), NAMED(O_CREAT | O_EXCL), NAMED(O_TRUNC),
		NAMED(O_APPEND), NAMED(O_DIRECT), NAMED(O_SYNC), NAMED(O_DSYNC),
		NAMED(O_NOFOLLOW), NAMED(O_DIRECTORY), NAMED(O_NOATIME), NAMED(O_PATH),
	};
	int slot = pick_slot(p);
	const char *path = pick_path(p);
	int set = pick_named(p, access_modes, COUNT(access_modes));

	set |= pick_set(p, flags, COUNT(flags), 3);
	put_fd(p, slot, openat(p->root, path, set | O_NONBLOCK | O_CLOEXEC, 0664));
}

static void op_tmpfile(struct peer *p)
{
	int slot = pick_slot(p);
	const char *path = pick(p, 2) ? "." : pick_path(p);
	int set = pick_named(p, access_modes, COUNT(access_modes));
	int excl = pick(p, 4) ? 0 : O_EXCL;

	say(p, " %x", excl);
	put_fd(p, slot, openat(p->root, path, O_TMPFILE | set | excl | O_CLOEXEC, 0640));
}

/* Once more, by /proc: an open of the inode, without a name. */
static void op_reopen(struct peer *p)
{
	int slot = pick_slot(p), from = pick_fd(p);
	int set = pick_named(p, access_modes, COUNT(access_modes));
	char path[64];

	sprintf(path, "/proc/self/fd/%d", from);
	put_fd(p, slot, open(path, set | O_NONBLOCK | O_CLOEXEC));
}

static void op_close(struct peer *p)
{
	int slot = pick_slot(p);

	say_result(p, close(p->fd[slot]));
	p->fd[slot] = -1;
}

static void say_read(struct peer *p, long n)
{
	say_result(p, n);
	if (n > 0)
		say_sum(p, p->data, n);
}

static void op_pread(struct peer *p)
{
	int fd = pick_fd(p);
	long size = pick_size(p);

	say_read(p, pread(fd, p->data, size, pick_offset(p)));
}

static void op_read(struct peer *p)
{
	int fd = pick_fd(p);
	long n = read(fd, p->data, pick_size(p));

	say_read(p, n);
	say_result(p, lseek(fd, 0, SEEK_CUR));
}

static void op_pwrite(struct peer *p)
{
	int fd = pick_fd(p);
	long size = pick_size(p), offset = pick_offset(p);

	fill(p, size);
	say_result(p, pwrite(fd, p->data, size, offset));
}

static void op_write(struct peer *p)
{
	int fd = pick_fd(p);
	long size = pick_size(p);

	fill(p, size);
	say_result(p, write(fd, p->data, size));
	say_result(p, lseek(fd, 0, SEEK_CUR));
}

/* From memory that begins and ends anywhere. */
static void op_vector(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(0), NAMED(0), NAMED(RWF_HIPRI), NAMED(RWF_DSYNC),
		NAMED(RWF_SYNC), NAMED(RWF_NOWAIT), NAMED(RWF_APPEND), { 0x800000, "?" },
	};
	int fd = pick_fd(p), writing = pick(p, 2);
	long size = pick_size(p), offset = pick_offset(p), cut = size / 3;
	struct iovec v[3] = {
		{ p->data, cut }, { p->data + cut, 0 }, { p->data + cut, size - cut },
	};
	int flag = pick_named(p, flags, COUNT(flags));

	say(p, writing ? " write" : " read");
	fill(p, size);
	if (writing)
		say_result(p, pwritev2(fd, v, 3, offset, flag));
	else if (flag == RWF_NOWAIT) /* what is cached is a matter of time */
		say_result(p, preadv2(fd, v, 3, offset, flag) < -1);
	else
		say_read(p, preadv2(fd, v, 3, offset, flag));
}

static void op_lseek(struct peer *p)
{
	static const struct named whences[] = {
		NAMED(SEEK_SET), NAMED(SEEK_CUR), NAMED(SEEK_END), NAMED(SEEK_DATA),
		NAMED(SEEK_HOLE), NAMED(SEEK_DATA), NAMED(SEEK_HOLE), { 9, "9" },
	};
	int fd = pick_fd(p);
	long offset = pick_offset(p);
	struct stat st;
	long at = lseek(fd, offset, pick_named(p, whences, COUNT(whences)));

	/* In a directory these are the server's cookies. */
	say_result(p, at > 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode) ? 1 : at);
}

static void op_fallocate(struct peer *p)
{
	static const struct named modes[] = {
		NAMED(0), NAMED(FALLOC_FL_KEEP_SIZE),
		NAMED(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
		NAMED(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
		NAMED(FALLOC_FL_PUNCH_HOLE), NAMED(FALLOC_FL_ZERO_RANGE),
		NAMED(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE),
		NAMED(FALLOC_FL_COLLAPSE_RANGE), NAMED(FALLOC_FL_INSERT_RANGE),
		NAMED(FALLOC_FL_UNSHARE_RANGE), { 0x1000, "0x1000" },
	};
	int fd = pick_fd(p), mode = pick_named(p, modes, COUNT(modes));
	long offset = pick_offset(p);

	say_result(p, fallocate(fd, mode, offset, pick_size(p)));
}

static void op_copy(struct peer *p)
{
	int from = pick_fd(p), to = pick_fd(p);
	off_t in = pick_offset(p), out = pick_offset(p);
	bool at = pick(p, 2);
	long size = pick_size(p);

	say(p, at ? " at" : "");
	say_result(p, copy_file_range(from, at ? &in : NULL, to, at ? &out : NULL,
				      size, 0));
}

static void op_sendfile(struct peer *p)
{
	int from = pick_fd(p), slot = pick_slot(p), to = p->fd[slot];
	off_t offset = pick_offset(p);
	long size = pick_size(p), n;
	int mem = memfd_create("peer", 0);

	if (pick(p, 2))
		to = mem;
	n = sendfile(to, from, &offset, size);
	say_result(p, n);
	if (n > 0)
		say(p, " @%ld", (long)offset);
	if (to == mem && n > 0)
		say_read(p, pread(mem, p->data, n, 0));
	close(mem);
}

/* Files into pipes and back: no more than a pipe takes. */
static void op_splice(struct peer *p)
{
	int fd = pick_fd(p), ends[2];
	off_t offset = pick_offset(p);
	long size = pick_size(p), n;
	bool writing = pick(p, 2);

	if (size > 65536)
		size = 65536;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		abort();
	fill(p, size);
	if (writing) {
		n = write(ends[1], p->data, size);
		say(p, " write %ld", n);
		say_result(p, splice(ends[0], NULL, fd, &offset, size, SPLICE_F_NONBLOCK));
	} else {
		n = splice(fd, &offset, ends[1], NULL, size, SPLICE_F_NONBLOCK);
		/* In one go or in two: the pipe's affair. */
		say_result(p, n > 0 ? 1 : n);
		n = n > 0 ? read(ends[0], p->data, n) : 0;
		if (n > 0)
			say_sum(p, p->data, n < 4096 ? n : 4096);
	}
	close(ends[0]);
	close(ends[1]);
}

static void op_sync(struct peer *p)
{
	int fd = pick_fd(p), kind = pick(p, 6);

	say(p, " %d", kind);
	switch (kind) {
	case 0:
	case 1:
		say_result(p, fsync(fd));
		break;
	case 2:
		say_result(p, fdatasync(fd));
		break;
	case 3:
		say_result(p, syncfs(fd));
		break;
	case 4:
		say_result(p, sync_file_range(fd, 4096, 65536, 7));
		break;
	default:
		say_result(p, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	}
}

/* What F_SETFL may change of an open file. */
static void op_setfl(struct peer *p)
{
	static const struct named flags[] = {
		NAMED(0), NAMED(O_APPEND), NAMED(O_DIRECT), NAMED(O_NOATIME),
	};
	int fd = pick_fd(p);
	int set = pick_named(p, flags, COUNT(flags));

	say_result(p, fcntl(fd, F_SETFL, set | O_NONBLOCK));
	say_result(p, fcntl(fd, F_GETFL));
}

static void op_cat(struct peer *p)
{
	const char *path = pick_path(p);
	int fd = openat(p->root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		say_result(p, -1);
		return;
	}
	say_read(p, read(fd, p->data, DATA_ROOM));
	close(fd);
}

const struct op data_ops[] = {
	{ "open", op_open, 80 }, { "tmpfile", op_tmpfile, 10 },
	{ "reopen", op_reopen, 10 }, { "close", op_close, 15 },
	{ "pread", op_pread, 40 }, { "read", op_read, 20 },
	{ "pwrite", op_pwrite, 40 }, { "write", op_write, 25 },
	{ "vector", op_vector, 25 }, { "lseek", op_lseek, 20 },
	{ "fallocate", op_fallocate, 20 }, { "copy", op_copy, 15 },
	{ "sendfile", op_sendfile, 15 }, { "splice", op_splice, 15 },
	{ "sync", op_sync, 20 }, { "setfl", op_setfl, 8 }, { "cat", op_cat, 25 },
	{ NULL, NULL, 0 },
};
