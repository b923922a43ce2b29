// SPDX-License-Identifier: GPL-2.0-only
/* Kernel functions watched by kprobes: see watch.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "watch.h"
#include "wire.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/fmapfs_watch"
#define ENABLE		INSTANCE "/events/fmapfs_watch/enable"
#define MAX_CALLS	65536
/* Where the kernel has all memory, if it is not put elsewhere by chance. */
#define DIRECT_MAP	0xffff888000000000ULL

/* The event, the function (or what older kernels call it), its arguments. */
static const struct probe {
	const char *event;
	enum watched what;
	const char *function, *older;
	const char *args;
} probes[] = {
	{ "flush", WATCH_FLUSH, "arch_wb_cache_pmem", NULL,
	  "addr=%di:x64 len=%si:x64" },
	{ "copy_user", WATCH_COPY, "copy_user_flushcache",
	  "__copy_user_flushcache", "addr=%di:x64 len=%dx:x64" },
	{ "copy", WATCH_COPY, "__memcpy_flushcache", NULL,
	  "addr=%di:x64 len=%dx:x64" },
	{ "dev", WATCH_DEV, "fmapfs_daxdev_flush", NULL, "addr=%di:x64" },
	{ "nvdimm", WATCH_NVDIMM, "nvdimm_flush", NULL, "addr=%di:x64" },
};

static struct watch_call calls[MAX_CALLS];
static int ncalls;
static FILE *pipe_of_trace;

/* --- setting up --- */

static int put(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static void must_put(const char *path, const char *text, int flags)
{
	int rc = put(path, text, flags);

	if (rc)
		FAIL("\"%s\" to %s: %s", text, path, strerror(-rc));
}

static bool has_symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", symbol) == 1 &&
			!strcmp(symbol, name);
	if (f)
		fclose(f);
	return found;
}

static void each_event(const char *fmt, bool must)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		char text[128];

		snprintf(text, sizeof(text), fmt, probes[i].event);
		if (must)
			must_put(TRACING "/kprobe_events", text, O_APPEND);
		else
			put(TRACING "/kprobe_events", text, O_APPEND);
	}
}

/* Also what a test that has failed has left. */
static void clear_away(bool must)
{
	put(ENABLE, "0", 0);
	rmdir(INSTANCE);
	each_event("-:fmapfs_watch/%s", must);
}

static bool is_set_up(void)
{
	int fd = open(ENABLE, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return false;
	EQ(read(fd, &c, 1), 1);
	close(fd);
	return c == '1';
}

/* The direct map's address is at hand in each call: it may be random. */
static void add_probe(const struct probe *p, const char *base)
{
	const char *function = p->function;
	char text[256];

	if (p->older && !has_symbol(function))
		function = p->older;
	snprintf(text, sizeof(text), "p:fmapfs_watch/%s %s %s%s", p->event,
		 function, p->args, base);
	must_put(TRACING "/kprobe_events", text, O_APPEND);
}

static void set_up(void)
{
	const char *base = has_symbol("page_offset_base") ?
			   " base=@page_offset_base:x64" : "";

	clear_away(false);
	put("/proc/sys/debug/kprobes-optimization", "0", 0);
	must_put(TRACING "/trace_options", "norecord-cmd", 0);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		add_probe(&probes[i], base);
	OK(mkdir(INSTANCE, 0700));
	must_put(INSTANCE "/trace_options", "nocontext-info", 0);
	must_put(INSTANCE "/buffer_size_kb", "4096", 0);
	must_put(ENABLE, "1", 0);
}

/*
 * Once for a program: it changes the kernel's text, which takes its time. Nor is
 * the scheduler's changed (record-cmd), or any later (kprobes-optimization): an
 * emulated CPU that runs there meanwhile may fall over it.
 */
void watch_start(void)
{
	if (!is_set_up())
		set_up();
	if (!pipe_of_trace)
		pipe_of_trace = fdopen(OK(open(INSTANCE "/trace_pipe",
					       O_RDONLY | O_NONBLOCK |
					       O_CLOEXEC)), "r");
	watch_clear();
}

void watch_end(void)
{
	clear_away(true);
	must_put(TRACING "/trace_options", "record-cmd", 0);
}

/* --- looking --- */

static uint64_t field(const char *line, const char *name, uint64_t missing)
{
	const char *p = strstr(line, name);

	return p ? strtoull(p + strlen(name), NULL, 16) : missing;
}

static void add_call(const char *line, const struct probe *p)
{
	struct watch_call *c = &calls[ncalls];

	if (ncalls++ == MAX_CALLS)
		FAIL("more than %d calls", MAX_CALLS);
	c->what = p->what;
	c->addr = field(line, " addr=", 0);
	c->len = field(line, " len=", 0);
	if (p->what == WATCH_FLUSH || p->what == WATCH_COPY)
		c->addr -= field(line, " base=", DIRECT_MAP);
}

static void read_line(const char *line)
{
	char name[64];

	if (strstr(line, "LOST"))
		FAIL("the trace is not complete: %s", line);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		snprintf(name, sizeof(name), "%s: (", probes[i].event);
		if (!strncmp(line, name, strlen(name))) {
			add_call(line, &probes[i]);
			return;
		}
	}
	FAIL("an unknown line of the trace: %s", line);
}

int watch_calls(const struct watch_call **list)
{
	char line[512];

	clearerr(pipe_of_trace);
	while (fgets(line, sizeof(line), pipe_of_trace))
		read_line(line);
	EQ(errno, EAGAIN);
	*list = calls;
	return ncalls;
}

void watch_clear(void)
{
	const struct watch_call *c;

	watch_calls(&c);
	ncalls = 0;
}

bool watch_covers(enum watched what, uint64_t addr, uint64_t len)
{
	const struct watch_call *c;
	uint64_t at = addr;
	int n = watch_calls(&c), i = 0;

	while (at < addr + len && i < n) {
		if (c[i].what == what && c[i].addr <= at &&
		    at < c[i].addr + c[i].len) {
			at = c[i].addr + c[i].len;
			i = 0;
		} else {
			i++;
		}
	}
	return at >= addr + len;
}

int watch_count(enum watched what)
{
	const struct watch_call *c;
	int n = watch_calls(&c), count = 0;

	for (int i = 0; i < n; i++) {
		bool again = false;

		for (int k = 0; k < i && what >= WATCH_DEV; k++)
			again |= c[k].what == what && c[k].addr == c[i].addr;
		count += c[i].what == what && !again;
	}
	return count;
}

bool watch_after(enum watched what, enum watched before)
{
	const struct watch_call *c;
	int i = watch_calls(&c);

	while (i-- && c[i].what != before)
		if (c[i].what == what)
			return true;
	return false;
}

uint64_t phys_of(const volatile void *p)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry, at = (uintptr_t)p;

	EQ(pread(fd, &entry, 8, at / PAGE * 8), 8);
	OK(close(fd));
	if (!(entry >> 63) || !(entry & ((1ULL << 55) - 1)))
		FAIL("%p is not in memory", p);
	return (entry & ((1ULL << 55) - 1)) * PAGE + at % PAGE;
}
