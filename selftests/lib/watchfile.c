// SPDX-License-Identifier: GPL-2.0-only
/* Files for tests that watch the kernel: see watchfile.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "watchfile.h"

#define RW	(PROT_READ | PROT_WRITE)
#define SYNCED	(MAP_SHARED_VALIDATE | MAP_SYNC)

static const uint64_t stored[] = { 0, 1, 511, WF_STORED, 1000, 1535, 2047 };

void wfile_map(struct wfile *o)
{
	o->fd = OK(open_in(o->m, "a", O_RDWR));
	o->p = map_at(WF_LEN, HUGE, RW, o->flags, o->fd, 0);
	EQ(try_read(o->p), 0);
	o->phys = phys_of(o->p);
}

static void start(struct wfile *o)
{
	o->s = srv_with_pmem();
	strcpy(o->s->dev[2], o->on->node);
	srv_memfile(o->s, "a", fmap_simple1(2, o->at, WF_LEN, WF_LEN));
	o->m = mnt_new_dev(o->s, MNT_OPTS, &o->dev);
	wfile_map(o);
	/* Up to 6.1 a load makes an entry dirty when it makes it. */
	OK(fsync(o->fd));
	watch_start();
}

void wfile_end(struct wfile *o)
{
	if (o->p)
		OK(munmap(o->p, WF_LEN));
	if (o->fd >= 0)
		OK(close(o->fd));
	OK(close(o->dev));
	if (o->m)
		mnt_end(o->m);
}

int wfile_kinds(const struct daxdev *kind[2])
{
	const struct daxdev *devs;
	int n = daxdevs(&devs), k = 1;

	kind[0] = pmem(0);
	for (int i = 0; i < n && k == 1; i++)
		if (!strcmp(devs[i].type, "fsdev"))
			kind[k++] = &devs[i];
	return k;
}

/* Off by a page, each page is an entry. */
static const struct mode {
	uint64_t at;
	int flags;
	const char *text;
} modes[] = {
	{ WF_AT, MAP_SHARED, "2 MiB" },
	{ WF_AT + PAGE, SYNCED, "4 KiB, MAP_SYNC" },
	{ WF_AT, SYNCED, "2 MiB, MAP_SYNC" },
	{ WF_AT + PAGE, MAP_SHARED, "4 KiB" },
};

static void with_modes(int n, wfile_fn fn, const void *arg)
{
	const struct daxdev *kind[2];
	int k = wfile_kinds(kind);

	for (int i = 0; i < k * n; i++) {
		const struct mode *mode = &modes[i % 4];
		struct wfile o = {
			.on = kind[i / n], .at = mode->at, .flags = mode->flags,
		};

		t_diag("%s: %s", o.on->node, mode->text);
		start(&o);
		fn(&o, arg);
		wfile_end(&o);
	}
}

void wfile_each(wfile_fn fn, const void *arg)
{
	with_modes(2, fn, arg);
}

void wfile_each_mode(wfile_fn fn, const void *arg)
{
	with_modes(ARRAY_SIZE(modes), fn, arg);
}

void wfile_store(struct wfile *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		o->p[stored[i] * PAGE + i * 64]++;
}

bool wfile_covered(const struct wfile *o, uint64_t off, uint64_t len)
{
	return watch_covers(WATCH_FLUSH, o->phys + off, len);
}

void wfile_is_flushed(const struct wfile *o)
{
	const struct watch_call *c;
	int n = watch_calls(&c);

	for (int i = 0; i < n; i++)
		if (c[i].what == WATCH_FLUSH &&
		    (c[i].addr < o->phys ||
		     c[i].addr + c[i].len > o->phys + WF_LEN))
			FAIL("%#lx + %#lx is written back, which is not the file's",
			     (long)c[i].addr, (long)c[i].len);
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		if (!wfile_covered(o, stored[i] * PAGE, PAGE))
			FAIL("page %lu is not written back", (long)stored[i]);
}
