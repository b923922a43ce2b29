// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vm/crash runs in its guests: writers (lib/record.h) of a file on each device,
 * who tell of each record that is durable in a file of the host's, and, after the
 * machine has died, the look at what is there. One case at a time:
 *
 * check_records	all that was told of is there, by read(2), by a mapping and
 *			(pmem) on the device
 * write_records	until the machine dies; by itself once CRASH_AFTER records
 *			are told of, if CRASH_SYSRQ names a key that does it
 *
 * On a fresh device check_records finds that nothing was told of, and nothing there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/record.h"

#define SHARE	"/mnt/share"
#define AT	(16 * MIB)
#define FILES	4

/* Off by a page, each page of every other file is an entry. */
static uint64_t file_at(int f)
{
	return AT + f % 2 * PAGE;
}

static int devices(const struct daxdev *dev[FILES])
{
	const struct daxdev *devs;
	int n = daxdevs(&devs), files = 0;

	for (int i = 0; i < n && files < FILES; i++)
		if (strcmp(devs[i].type, "devdax"))
			dev[files++] = &devs[i];
	TRUE(files > 0);
	return files;
}

static struct mnt *mount_files(int files, const struct daxdev *dev[FILES])
{
	struct srv *s = srv_new();

	for (int f = 0; f < files; f++) {
		char name[16];

		strcpy(s->dev[f], dev[f]->node);
		snprintf(name, sizeof(name), "f%d", f);
		srv_memfile(s, name,
			    fmap_simple1(f, file_at(f), REC_FILE, REC_FILE));
	}
	return mnt_new(s);
}

/* The host's file in which writer @id of file @f tells: the last number. */
static int open_told(int f, int id)
{
	char path[64];

	snprintf(path, sizeof(path), SHARE "/f%d-%d", f, id);
	return OK(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static uint64_t told(int f, int id)
{
	int fd = open_told(f, id);
	uint64_t n = 0;

	if (pread(fd, &n, sizeof(n), 0) != sizeof(n))
		n = 0;
	OK(close(fd));
	return n;
}

/* --- looking --- */

static uint64_t check_file(int f, const uint8_t *data, const char *how)
{
	uint64_t sum = 0;

	for (int id = 0; id < REC_WRITERS; id++) {
		rec_check(data, id, told(f, id), how);
		sum += told(f, id);
	}
	return sum;
}

TEST(check_records)
{
	const struct daxdev *dev[FILES];
	int files = devices(dev);
	struct mnt *m = mount_files(files, dev);
	uint8_t *buf = malloc(REC_FILE), *p;

	for (int f = 0; f < files; f++) {
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "f%d", f);
		fd = OK(open_in(m, name, O_RDONLY));
		p = map_at(REC_FILE, HUGE, PROT_READ, MAP_SHARED, fd, 0);
		check_file(f, p, "by a mapping");
		OK(munmap(p, REC_FILE));
		EQ(pread(fd, buf, REC_FILE, 0), REC_FILE);
		t_diag("%s (%s): %lu records are there", dev[f]->node,
		       dev[f]->type, (long)check_file(f, buf, "by read(2)"));
		OK(close(fd));
		if (strcmp(dev[f]->type, "pmem"))
			continue;
		raw_read(dev[f]->node, file_at(f), buf, REC_FILE);
		check_file(f, buf, "on the device");
	}
	mnt_end(m);
}

/* --- writing --- */

/* 9p without a cache: QEMU has written it when this returns. */
static void tell(struct rec_writer *w, uint64_t n)
{
	EQ(pwrite(w->to, &n, sizeof(n), 0), sizeof(n));
}

/* Is each writer at work, and have all written so many records? */
static bool far_enough(const uint64_t *before, int files, uint64_t count)
{
	uint64_t sum = 0;

	for (int i = 0; i < files * REC_WRITERS; i++) {
		uint64_t n = told(i / REC_WRITERS, i % REC_WRITERS) - before[i];

		if (!n)
			return false;
		sum += n;
	}
	return sum >= count;
}

/* Into @before: what they have done before. */
static void start_writers(const struct mnt *m, int files, uint64_t *before)
{
	const char *seed = getenv("CRASH_SEED");
	int first = seed ? atoi(seed) : 0;

	for (int i = 0; i < files * REC_WRITERS; i++) {
		struct rec_writer *w = calloc(1, sizeof(*w));
		int f = i / REC_WRITERS, id = i % REC_WRITERS;

		w->way = &rec_ways[(first + i) % rec_ndurable];
		w->id = id;
		w->done = before[i] = told(f, id);
		w->tell = tell;
		w->to = open_told(f, id);
		snprintf(w->path, sizeof(w->path), "%s/f%d", m->dir, f);
		task_start(rec_write, w);
	}
}

static void press(const char *key)
{
	int fd = OK(open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));

	EQ(write(fd, key, 1), 1);
}

TEST(write_records)
{
	const char *after = getenv("CRASH_AFTER"), *key = getenv("CRASH_SYSRQ");
	const struct daxdev *dev[FILES];
	int files = devices(dev);
	uint64_t before[FILES * REC_WRITERS];

	start_writers(mount_files(files, dev), files, before);
	if (key && *key && after) {
		UNTIL(far_enough(before, files, strtoull(after, NULL, 0)));
		press(key);
	}
	for (;;)
		pause();
}
