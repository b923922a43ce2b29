// SPDX-License-Identifier: GPL-2.0
/* Allocations that fail on purpose: see nomem.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mem.h"
#include "nomem.h"

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)
/* More allocations than any operation makes: something goes on for ever. */
#define MANY	20000
/* With so many percent of the allocations failing, it is tried so often. */
#define CHANCE	20
#define CHANCES	10

/* --- making allocations fail --- */

static void set_knob(const char *kind, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	fd = OK(open(path, O_WRONLY | O_CLOEXEC));
	EQ(write(fd, value, strlen(value)), strlen(value));
	OK(close(fd));
}

static void set_both(const char *name, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%#lx", value);
	set_knob("failslab", name, text);
	set_knob("fail_page_alloc", name, text);
}

/* All allocations, also those that may wait; without a word about it. */
void nth_prepare(void)
{
	chance_disarm();
	set_knob("failslab", "ignore-gfp-wait", "N");
	set_knob("fail_page_alloc", "ignore-gfp-wait", "N");
	set_knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	set_knob("fail_page_alloc", "min-order", "0");
	set_both("verbose", 0);
}

bool nth_next(struct nth *nth)
{
	if (nth->n && !nth->failed)
		return false;
	if (nth->n == MANY)
		FAIL("more than %d allocations", MANY);
	nth->n++;
	return true;
}

static void write_nth(const struct nth *nth, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	EQ(pwrite(nth->fd, text, len, 0), len);
}

/* @pid: of a task of one thread; 0: the caller. */
void nth_arm(struct nth *nth, int pid)
{
	char path[64] = "/proc/thread-self/fail-nth";

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	nth->fd = OK(open(path, O_RDWR | O_CLOEXEC));
	write_nth(nth, nth->n);
}

void nth_disarm(struct nth *nth)
{
	char text[16] = "";

	if (nth->fd < 0)
		return;
	OK(pread(nth->fd, text, sizeof(text) - 1, 0));
	nth->failed = !atoi(text);
	write_nth(nth, 0);
	OK(close(nth->fd));
	nth->fd = -1;
}

/* The operation has ended with @rc and @error; it may with ENOMEM or @other. */
void nth_judge(struct nth *nth, int rc, int error, int other)
{
	nth_disarm(nth);
	if (rc && !nth->failed)
		FAIL("without allocation %d: %s", nth->n, strerror(error));
	if (rc && error != ENOMEM && error != other)
		FAIL("allocation %d: %s", nth->n, strerror(error));
	nth->noticed += !!rc;
}

void nth_tell(const struct nth *nth, const char *what)
{
	t_diag("%s: %d allocations failed, and %d times it did", what,
	       nth->n - 1, nth->noticed);
}

/* Where the module is: it is the only one on a debug bed. */
static void text_range(unsigned long *start, unsigned long *end)
{
	char line[256], text[64];
	unsigned long size = 0;
	FILE *f = fopen("/proc/modules", "re");

	OK(read_text("/sys/module/fmapfs/sections/.text", text, sizeof(text)));
	*start = strtoul(text, NULL, 16);
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "fmapfs %lu ", &size);
	if (f)
		fclose(f);
	TRUE(*start && size);
	*end = *start + size;
}

/* Of the kernel's own function. */
static void function_range(const char *name, unsigned long *start,
			   unsigned long *end)
{
	char line[512], symbol[256];
	unsigned long at;
	FILE *f;

	*start = 0;
	*end = -1UL;
	for (int pass = 0; pass < 2; pass++) {
		f = fopen("/proc/kallsyms", "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%lx %*c %255s", &at, symbol) != 2)
				continue;
			if (!pass && !strcmp(symbol, name))
				*start = at;
			if (pass && at > *start && at < *end)
				*end = at;
		}
		if (f)
			fclose(f);
	}
	TRUE(*start && *end != -1UL);
}

static void only_below(unsigned long start, unsigned long end)
{
	set_both("require-start", start);
	set_both("require-end", end);
	set_both("stacktrace-depth", 32);
}

/* Only what @function, or who it calls, allocates counts from here on. */
void nth_only_below(const char *function)
{
	unsigned long start, end;

	function_range(function, &start, &end);
	only_below(start, end);
}

void chance_arm(int percent)
{
	unsigned long start, end;

	text_range(&start, &end);
	only_below(start, end);
	set_both("interval", 1);
	set_both("space", 0);
	set_knob("failslab", "times", "-1");
	set_knob("fail_page_alloc", "times", "-1");
	set_both("probability", percent);
}

void chance_disarm(void)
{
	set_both("probability", 0);
	set_both("require-start", 0);
	set_both("require-end", -1UL);
}

/* --- operations on a mount --- */

int with_fd(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

/* As many extents as a message can have; every other one is of one page. */
static struct msg many_extents(uint64_t at)
{
	struct msg m = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, NOMEM_LEN);
	uint64_t left = NOMEM_LEN;

	for (unsigned int i = 0; i < FUSE_FAMFS_MAX_EXTENTS; i++) {
		uint64_t len = i % 2 ? PAGE : 64 * KIB;

		if (i == FUSE_FAMFS_MAX_EXTENTS - 1)
			len = left;
		msg_ext(&m, i % 2, at + i * MIB, len);
		left -= len;
	}
	return m;
}

static struct msg striped(uint64_t at)
{
	struct msg m = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, NOMEM_LEN);

	msg_iext(&m, 2, 2 * MIB, NOMEM_LEN);
	msg_ext(&m, 0, at, NOMEM_LEN / 2);
	msg_ext(&m, 1, at, NOMEM_LEN / 2);
	return m;
}

struct srv *nomem_srv(void)
{
	struct srv *s = srv_with_pmem();
	const struct daxdev *devs;
	int n = daxdevs(&devs);

	/* Of another kind, where there is one. */
	strcpy(s->dev[2], devs[n - 1].node);
	/* What a name is known to lead to is known for long. */
	s->negative_ms = 3600 * 1000;
	srv_memfile(s, "a", fmap_simple1(0, AT, NOMEM_LEN, NOMEM_LEN))
		->may_truncate = true;
	srv_memfile(s, "striped", striped(AT + 16 * MIB));
	srv_memfile(s, "many", many_extents(AT + 32 * MIB));
	srv_memfile(s, "last", fmap_simple1(2, AT + 128 * MIB, NOMEM_LEN,
					    NOMEM_LEN));
	/* No entry of 2 MiB fits. */
	srv_memfile(s, "small", fmap_simple1(0, AT + 144 * MIB + PAGE,
					     NOMEM_LEN, NOMEM_LEN));
	srv_pattern(s, "plain", 1, NOMEM_PLAIN);
	srv_pattern(s, "other", 2, PAGE);
	srv_node(s, srv_dir(s, ROOT_ID, "dir")->id, "in", S_IFREG | 0666);
	return s;
}

void nomem_begin(struct at *at, const struct op *op)
{
	struct statfs st;

	memset(at, 0, sizeof(*at));
	at->s = nomem_srv();
	at->s->want |= op->want;
	at->m = mnt_new_dev(at->s, MNT_OPTS, &at->dev);
	/* INIT has been answered: before that no device can be pushed. */
	OK(statfs(at->m->dir, &st));
	if (!op->open)
		return;
	at->fd = OK(open_in(at->m, "a", O_RDWR));
	at->plain = OK(open_in(at->m, "plain", O_RDWR));
	at->p = map_huge(NOMEM_LEN, RW, at->fd, 0);
}

/* What the server has handed out comes back. */
void nomem_end(struct at *at, const struct op *op)
{
	const char *lost;

	if (op->open) {
		OK(munmap(at->p, NOMEM_LEN));
		OK(close(at->fd));
		OK(close(at->plain));
	}
	OK(close(at->dev));
	mnt_end_counted(at->m);
	lost = srv_imbalance(at->s);
	if (lost)
		FAIL("%s", lost);
	srv_free(at->s);
	free(at->m);
}

/* What it asks for in the background is part of it. */
static int run(struct at *at, const struct op *op, int *error)
{
	int rc;

	errno = 0;
	rc = op->fn(at);
	*error = errno;
	UNTIL(!sysfs_read(at->m, "waiting"));
	return rc;
}

static void then_it_works(struct at *at, const struct op *op, int n)
{
	int error;

	if (run(at, op, &error))
		FAIL("after allocation %d: %s", n, strerror(error));
}

static void by_number(const struct op *op, bool server)
{
	struct nth nth = { 0 };
	char what[64];

	while (nth_next(&nth)) {
		struct at at;
		int rc, error;

		nomem_begin(&at, op);
		nth_arm(&nth, server ? at.m->pid : 0);
		rc = op->fn(&at);
		error = errno;
		if (!server)
			nth_disarm(&nth);
		UNTIL(!sysfs_read(at.m, "waiting"));
		nth_judge(&nth, rc, error, op->other);
		then_it_works(&at, op, nth.n);
		nomem_end(&at, op);
	}
	snprintf(what, sizeof(what), "%s%s", op->name, server ? ", server" : "");
	nth_tell(&nth, what);
}

static void by_chance(const struct op *op)
{
	int failed = 0;
	struct at at;

	nomem_begin(&at, op);
	chance_arm(CHANCE);
	for (int i = 0; i < CHANCES; i++) {
		int error, rc = run(&at, op, &error);

		failed += !!rc;
		if (rc && error != ENOMEM && error != op->other) {
			chance_disarm();
			FAIL("by chance: %s", strerror(error));
		}
	}
	chance_disarm();
	then_it_works(&at, op, 0);
	nomem_end(&at, op);
	t_diag("%s, by chance: failed %d times in %d", op->name, failed, CHANCES);
}

void each_allocation_fails(const void *arg)
{
	const struct op *op = arg;

	nth_prepare();
	by_number(op, false);
	by_number(op, true);
	by_chance(op);
}
