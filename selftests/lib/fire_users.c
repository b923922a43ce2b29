// SPDX-License-Identifier: GPL-2.0
/*
 * What the users of fire_test's file do, see fire.h: each is a thread, which does
 * one thing after another, drawn from its own random numbers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fire.h"
#include "mem.h"
#include "touch.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

#define RW	(PROT_READ | PROT_WRITE)

/**
 * struct range - a part of the file that is accessed
 * @off: bytes, as @len
 * @p: where it is mapped
 * @fails: the world's, before the access
 */
struct range {
	uint64_t off, len;
	uint8_t *p;
	unsigned int fails;
};

static struct range some(struct user *u, uint64_t align, uint64_t max)
{
	struct world *w = u->w;
	struct range r = { .len = align + draw(&u->random, max / align) * align };

	/* Mostly where it always is. */
	r.off = draw(&u->random, ((draw(&u->random, 4) ? SMALL : LARGE) -
				  r.len) / align) * align;
	r.p = (draw(&u->random, 2) ? w->p : w->small) + r.off;
	r.fails = w->fails;
	return r;
}

/*
 * May an access have failed? If there was no map at some time since it began, or
 * if the file may have ended before.
 */
static bool may_fail(struct user *u, const struct range *r)
{
	return r->fails % 2 || u->w->fails != r->fails ||
	       r->off + r->len > SMALL;
}

static void must(struct user *u, const struct range *r, bool good)
{
	if (!good && !may_fail(u, r))
		FAIL("%s of %llu bytes at %llu failed (errno %d)", u->what,
		     (unsigned long long)r->len, (unsigned long long)r->off,
		     errno);
}

/* What was got, of @n bytes, is the file's. */
static void check(struct user *u, const struct range *r, const void *got,
		  uint64_t n)
{
	long long at = pat_diff(got, FILE_SEED, r->off, n);

	if (at >= 0)
		FAIL("%s of %llu bytes at %llu: byte %lld is not the file's",
		     u->what, (unsigned long long)r->len,
		     (unsigned long long)r->off, at);
}

/* The same of a transfer: of what system calls return. */
static void check_some(struct user *u, const struct range *r, const void *got,
		       ssize_t n)
{
	must(u, r, n == (ssize_t)r->len);
	if (n > 0)
		check(u, r, got, n);
}

/* --- loads and stores --- */

static void load_all(struct user *u, const struct range *r, const void *p)
{
	bool good = !touch_copy(u->buf, p, r->len);

	must(u, r, good);
	if (good)
		check(u, r, u->buf, r->len);
}

static void load(struct user *u)
{
	struct range r = some(u, 8, 16 * KIB);

	load_all(u, &r, r.p);
}

static void store(struct user *u)
{
	struct range r = some(u, 8, 16 * KIB);

	pat_fill(u->buf, FILE_SEED, r.off, r.len);
	must(u, &r, !touch_copy(r.p, u->buf, r.len));
}

/* What is written to a private mapping is its own, whatever the file does. */
static void use_private(struct user *u)
{
	struct range r = some(u, PAGE, 256 * KIB);
	uint8_t *p = mmap(NULL, r.len, RW, MAP_PRIVATE, u->w->fd, r.off);
	const char mine[] = "a private matter";

	TRUE(p != MAP_FAILED);
	load_all(u, &r, p);
	if (!touch_copy(p + r.len / 2, mine, sizeof(mine))) {
		load(u);
		EQ(memcmp(p + r.len / 2, mine, sizeof(mine)), 0);
	} else {
		must(u, &r, false);
	}
	OK(munmap(p, r.len));
}

/* A mapping that comes, is moved, emptied, and goes. */
static void use_own_mapping(struct user *u)
{
	struct range r = { .len = 64 * KIB, .fails = u->w->fails };
	uint8_t *p = mmap(NULL, SMALL, RW, MAP_SHARED, u->w->fd, 0), *to;

	TRUE(p != MAP_FAILED);
	if (draw(&u->random, 2))
		must(u, &r, !madvise(p, SMALL, MADV_POPULATE_WRITE));
	load_all(u, &r, p);
	if (draw(&u->random, 2))
		mlock(p, SMALL);
	if (draw(&u->random, 2))
		OK(madvise(p, SMALL, MADV_DONTNEED));
	to = mmap(NULL, SMALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRUE(mremap(p, SMALL, SMALL, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	r.fails = u->w->fails;
	load_all(u, &r, to);
	OK(munmap(to, SMALL));
}

/* Status of the child: 1: SIGBUS, 2: not the file's. */
static void use_in_child(struct user *u)
{
	struct range r = some(u, 8, PAGE);
	int status, pid = fork();

	if (!pid) {
		if (touch_copy(u->buf, r.p, r.len))
			_exit(1);
		if (pat_diff(u->buf, FILE_SEED, r.off, r.len) >= 0)
			_exit(2);
		_exit(touch_copy(r.p, u->buf, r.len) ? 1 : 0);
	}
	OK(pid);
	EQ(waitpid(pid, &status, 0), pid);
	must(u, &r, !status);
	if (status && (!WIFEXITED(status) || WEXITSTATUS(status) != 1))
		FAIL("a child ended with status %#x", status);
}

/* --- read and write --- */

static void do_read(struct user *u)
{
	struct range r = some(u, 1, 64 * KIB);

	check_some(u, &r, u->buf, pread(u->w->fd, u->buf, r.len, r.off));
}

static void do_write(struct user *u)
{
	struct range r = some(u, 1, 64 * KIB);

	pat_fill(u->buf, FILE_SEED, r.off, r.len);
	must(u, &r, pwrite(u->w->fd, u->buf, r.len, r.off) == (ssize_t)r.len);
}

/* From the file to itself, by its mapping. */
static void copy_to_itself(struct user *u)
{
	struct range r = some(u, 8, 64 * KIB);

	must(u, &r, pread(u->w->fd, r.p, r.len, r.off) == (ssize_t)r.len);
	must(u, &r, pwrite(u->w->fd, r.p, r.len, r.off) == (ssize_t)r.len);
}

static void open_anew(struct user *u)
{
	struct range r = { .len = PAGE, .fails = u->w->fails };
	int fd = open_in(u->w->m, "file", O_RDWR);
	struct stat st;

	must(u, &r, fd >= 0);
	if (fd < 0)
		return;
	OK(fstat(fd, &st));
	TRUE(st.st_size == LARGE || st.st_size == SMALL);
	check_some(u, &r, u->buf, pread(fd, u->buf, r.len, r.off));
	must(u, &r, !fsync(fd));
	OK(close(fd));
}

/* --- by others' hands --- */

static void direct_write(struct user *u)
{
	struct range r = some(u, PAGE, 256 * KIB);
	ssize_t n = pwrite(u->disk, r.p, r.len, u->disk_off + r.off);

	must(u, &r, n == (ssize_t)r.len);
	if (n <= 0)
		return;
	EQ(pread(u->disk, u->buf, n, u->disk_off + r.off), n);
	check(u, &r, u->buf, n);
}

static void direct_read(struct user *u)
{
	struct range r = some(u, PAGE, 256 * KIB);

	must(u, &r, pread(u->disk, r.p, r.len, u->disk_off + r.off) ==
	     (ssize_t)r.len);
}

/* It may be short: one bio has no pages of two devices. */
static void uring_direct(struct user *u)
{
	struct range r = some(u, PAGE, 256 * KIB);
	int op = draw(&u->random, 2) ? IORING_OP_READ : IORING_OP_WRITE;

	must(u, &r, uring_rw(&u->ring, op, u->disk, r.p, r.len,
			     u->disk_off + r.off) > 0);
}

static void uring_file(struct user *u)
{
	struct range r = some(u, 8, 64 * KIB);
	int op = draw(&u->random, 2) ? IORING_OP_READ : IORING_OP_WRITE;

	must(u, &r, uring_rw(&u->ring, op, u->w->fd, r.p, r.len, r.off) ==
	     (int)r.len);
}

static void vm_copy(struct user *u)
{
	struct range r = some(u, 8, 64 * KIB);
	struct iovec here = { u->buf, r.len }, there = { r.p, r.len };
	ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	check_some(u, &r, u->buf, n);
	pat_fill(u->buf, FILE_SEED, r.off, r.len);
	n = process_vm_writev(getpid(), &here, 1, &there, 1, 0);
	must(u, &r, n == (ssize_t)r.len);
}

static void use_futex(struct user *u)
{
	struct range r = some(u, 8, 8);
	uint32_t value;

	if (touch_copy(&value, r.p, sizeof(value))) {
		must(u, &r, false);
		return;
	}
	must(u, &r, syscall(SYS_futex, r.p, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	must(u, &r, syscall(SYS_futex, r.p, FUTEX_WAIT, value + 1, NULL, NULL,
			    0) < 0 && errno == EAGAIN);
}

static void use_something(struct user *u);

/* The pipe has the pages; meanwhile the file is used, and maybe unmapped here. */
static void hold_in_pipe(struct user *u)
{
	struct range r = some(u, PAGE, 8 * PAGE);
	bool own = draw(&u->random, 2);
	struct iovec iov = { r.p, r.len };
	int ends[2];
	ssize_t n;

	if (u->depth)
		return;
	OK(pipe2(ends, O_CLOEXEC));
	if (own)
		iov.iov_base = mmap(NULL, r.len, RW, MAP_SHARED, u->w->fd,
				    r.off);
	TRUE(iov.iov_base != MAP_FAILED);
	n = vmsplice(ends[1], &iov, 1, 0);
	must(u, &r, n > 0);
	if (own)
		OK(munmap(iov.iov_base, r.len));
	u->depth++;
	use_something(u);
	u->depth--;
	u->what = "vmsplice";
	if (n > 0) {
		EQ(read(ends[0], u->buf, n), n);
		check(u, &r, u->buf, n);
	}
	OK(close(ends[0]));
	OK(close(ends[1]));
}

/* --- the life of a user --- */

static const struct deed {
	const char *name;
	void (*fn)(struct user *u);
	int weight;
} deeds[] = {
	{ "a load", load, 6 },
	{ "a store", store, 6 },
	{ "a private mapping", use_private, 2 },
	{ "a mapping of its own", use_own_mapping, 1 },
	{ "access in a child", use_in_child, 1 },
	{ "read", do_read, 4 },
	{ "write", do_write, 4 },
	{ "read and write of the mapping", copy_to_itself, 2 },
	{ "open", open_anew, 1 },
	{ "direct write", direct_write, 4 },
	{ "direct read", direct_read, 4 },
	{ "direct I/O by io_uring", uring_direct, 4 },
	{ "I/O of the mapping by io_uring", uring_file, 2 },
	{ "process_vm_readv and _writev", vm_copy, 2 },
	{ "futex", use_futex, 2 },
	{ "vmsplice", hold_in_pipe, 6 },
};

static void use_something(struct user *u)
{
	int total = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		total += deeds[i].weight;
	at = draw(&u->random, total);
	for (i = 0; at >= deeds[i].weight; i++)
		at -= deeds[i].weight;
	u->what = deeds[i].name;
	deeds[i].fn(u);
}

void *user_run(void *user)
{
	struct user *u = user;

	u->buf = aligned_alloc(PAGE, LARGE);
	u->disk = OK(open(pmem(1)->node, O_RDWR | O_DIRECT | O_CLOEXEC));
	u->ring = uring_new();
	while (!u->w->stop) {
		use_something(u);
		u->rounds++;
	}
	uring_end(&u->ring);
	OK(close(u->disk));
	free(u->buf);
	return NULL;
}
