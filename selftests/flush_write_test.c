// SPDX-License-Identifier: GPL-2.0-only
/*
 * What write(2) writes gets to the medium, as kprobes see it (lib/watch.h), on each
 * kind of device.
 *
 * 1. Each byte goes past the CPU's caches, by splice(2) as well.
 * 2. The device itself is asked to be done (REQ_PREFLUSH, for pmem) when a caller
 *    wants that, afterwards, and otherwise not; each device that the file has, and
 *    those that it had. So is what was stored by a mapping in that range.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/note.h"
#include "lib/watchfile.h"

/* --- 1 --- */

static const struct span {
	uint64_t off, len;
} spans[] = {
	{ 0, 1 }, { 7, 1 }, { 1, 7 }, { 4, 4 }, { 5, 3 }, { 8, 8 }, { 60, 8 },
	{ 63, 130 }, { 4090, 12 }, { 0, 4096 }, { 100, 70000 },
	{ HUGE - 3, 7 }, { 1, WF_LEN - 2 },
};

static void is_past_the_caches(struct wfile *o, const struct span *s)
{
	if (!watch_covers(WATCH_COPY, o->phys + s->off, s->len))
		FAIL("%lu bytes at %lu were not copied past the caches",
		     (long)s->len, (long)s->off);
	EQ(watch_count(WATCH_DEV), 0);
	watch_clear();
}

static void write_past(struct wfile *o, const void *arg)
{
	uint8_t *buf = malloc(WF_LEN);

	(void)arg;
	pat_fill(buf, 1, 0, WF_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		const struct span *s = &spans[i];

		EQ(pwrite(o->fd, buf + s->off, s->len, s->off), s->len);
		is_past_the_caches(o, s);
	}
	/* Nothing is left to be written back, though it is mapped. */
	OK(fsync(o->fd));
	EQ(watch_count(WATCH_FLUSH), 0);
	EQ(watch_count(WATCH_DEV), 1);
	free(buf);
}

TEST(write_goes_past_the_caches)
{
	wfile_each(write_past, NULL);
}

static void splice_past(struct wfile *o, const void *arg)
{
	uint8_t buf[PAGE];
	int ends[2];

	(void)arg;
	OK(pipe(ends));
	pat_fill(buf, 1, 0, PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		const struct span *s = &spans[i];
		loff_t off = s->off;

		if (s->len > PAGE)
			continue;
		EQ(write(ends[1], buf, s->len), s->len);
		EQ(splice(ends[0], NULL, o->fd, &off, s->len, 0), s->len);
		is_past_the_caches(o, s);
	}
	OK(close(ends[0]));
	OK(close(ends[1]));
}

TEST(splice_goes_past_the_caches)
{
	wfile_each(splice_past, NULL);
}

/* --- 2 --- */

static ssize_t write_with(struct wfile *o, int open_flags, int rwf)
{
	int fd = OK(open_in(o->m, "a", O_RDWR | open_flags));
	struct iovec iov = { "abcdefgh", 8 };
	ssize_t n = pwritev2(fd, &iov, 1, 1000 * PAGE + 16, rwf);

	OK(close(fd));
	return n;
}

static const struct durably {
	const char *name;
	int open_flags, rwf;
} durably[] = {
	{ "o_dsync_makes_the_write_durable", O_DSYNC, 0 },
	{ "o_sync_makes_the_write_durable", O_SYNC, 0 },
	{ "rwf_dsync_makes_the_write_durable", 0, RWF_DSYNC },
	{ "rwf_sync_makes_the_write_durable", 0, RWF_SYNC },
};

static void asks_the_device(struct wfile *o)
{
	EQ(watch_count(WATCH_DEV), 1);
	EQ(watch_count(WATCH_NVDIMM), !strcmp(o->on->type, "pmem"));
	watch_clear();
}

static void write_durably(struct wfile *o, const void *arg)
{
	const struct durably *d = arg;

	EQ(write_with(o, 0, 0), 8);
	EQ(watch_count(WATCH_DEV), 0);
	watch_clear();
	EQ(write_with(o, d->open_flags, d->rwf), 8);
	TRUE(watch_covers(WATCH_COPY, o->phys + 1000 * PAGE + 16, 8));
	TRUE(watch_after(WATCH_DEV, WATCH_COPY));
	asks_the_device(o);
	/* And what was stored where it writes; later stores are the next's. */
	wfile_store(o);
	watch_clear();
	EQ(write_with(o, d->open_flags, d->rwf), 8);
	TRUE(wfile_covered(o, 1000 * PAGE, PAGE));
	TRUE(watch_after(WATCH_DEV, WATCH_FLUSH));
	OK(fsync(o->fd));
	wfile_is_flushed(o);
	asks_the_device(o);
}

static void write_is_durable(const void *arg)
{
	wfile_each(write_durably, arg);
}
TEST_ROWS(write_is_durable, durably)

static void moved(struct wfile *o, const void *arg)
{
	(void)arg;
	wfile_store(o);
	srv_set_fmap(o->s, &o->s->nodes[1],
		     fmap_simple1(1, WF_AT, WF_LEN, WF_LEN));
	OK(note_inval_inode(o->dev, 2, 0, 0));
	wfile_is_flushed(o);
	wfile_store(o);
	watch_clear();
	OK(fsync(o->fd));
	TRUE(watch_covers(WATCH_FLUSH, phys_of(o->p), PAGE));
	EQ(watch_count(WATCH_DEV), 2);
	EQ(watch_count(WATCH_NVDIMM), 1 + !strcmp(o->on->type, "pmem"));
}

TEST(fsync_asks_the_devices_that_the_file_had_too)
{
	wfile_each(moved, NULL);
}

/* The last: what follows is not watched. */
TEST(kernel_is_left_as_it_was)
{
	watch_end();
}
