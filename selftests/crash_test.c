// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing that was written is lost by a kill -9. Writers of two files, on different
 * devices, write numbered records in all ways (lib/record.h) and tell of each when
 * it is written. All are killed one after another, in random order, with work of
 * the others in between, the server among them, which is
 *
 * 1. the scripted one;
 * 2. fmapfsd.
 *
 * Without it the others go on writing. Afterwards a new mount by a new server has
 * all that was told of, no word is torn, and writers go on from there; read(2),
 * mappings and the device (where it is pmem) say the same.
 *
 * CRASH_ROUNDS and CRASH_SEED in the environment; the seed makes the ways and the
 * order of the killing, but not the instructions at which it strikes. What a dying
 * machine leaves is for vm/crash to see.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/keeper.h"
#include "lib/mem.h"
#include "lib/place.h"
#include "lib/record.h"

#define FILES	2
#define WRITERS	(FILES * REC_WRITERS)
#define SERVER	WRITERS		/* as a victim */
/* Off by a page, each page of the second file is an entry. */
#define AT(f)	(128 * MIB + (f) * PAGE)

struct crash;

/* Who serves. */
struct kind {
	const char *name;
	void (*start)(struct crash *c);
	void (*kill)(struct crash *c);
};

struct crash {
	const struct kind *kind;
	uint64_t random;
	const struct daxdev *dev[FILES];
	char dir[64];		/* where it is mounted */
	struct mnt *m;		/* the scripted server's */
	struct keeper k;	/* fmapfsd's */
	char layout[64];
	int ends[2];		/* the writers' pipe */
	struct rec_writer w[WRITERS];
	struct task task[WRITERS];
	uint64_t done[WRITERS];
	uint64_t told;
};

/* What a writer tells. */
struct told {
	uint64_t number, n;
};

static uint64_t draw(struct crash *c, uint64_t below)
{
	c->random = c->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (c->random >> 33) % below;
}

static uint64_t from_env(const char *name, uint64_t missing)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : missing;
}

/* --- servers --- */

static void start_scripted(struct crash *c)
{
	struct srv *s = srv_new();

	for (int f = 0; f < FILES; f++) {
		char name[16];

		strcpy(s->dev[f], c->dev[f]->node);
		snprintf(name, sizeof(name), "f%d", f);
		srv_memfile(s, name, fmap_simple1(f, AT(f), REC_FILE, REC_FILE));
	}
	c->m = mnt_new(s);
	strcpy(c->dir, c->m->dir);
}

static void kill_scripted(struct crash *c)
{
	mnt_kill_server(c->m);
}

static bool is_mounted(const char *dir)
{
	char line[512], at[256];
	FILE *f = fopen("/proc/self/mounts", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %255s", at) == 1 && !strcmp(at, dir);
	if (f)
		fclose(f);
	return found;
}

static void start_fmapfsd(struct crash *c)
{
	char *argv[] = { "fmapfsd", "-f", c->layout, c->dir, NULL };
	char *dir = make_dir();
	char text[512];

	strcpy(c->dir, dir);
	free(dir);
	snprintf(c->layout, sizeof(c->layout), "/tmp/crash-%d.yaml", getpid());
	snprintf(text, sizeof(text),
		 "devices: [{ path: %s }, { path: %s }]\n"
		 "files:\n"
		 "  - { path: f0, size: %llu, extents: [{ device: 0, offset: %llu, length: %llu }] }\n"
		 "  - { path: f1, size: %llu, extents: [{ device: 1, offset: %llu, length: %llu }] }\n",
		 c->dev[0]->node, c->dev[1]->node, REC_FILE, AT(0), REC_FILE,
		 REC_FILE, AT(1), REC_FILE);
	write_text(c->layout, text);
	keeper_open(&c->k);
	c->k.deaf = true;
	keeper_start(&c->k, argv);
	UNTIL(is_mounted(c->dir));
}

static void kill_fmapfsd(struct crash *c)
{
	keeper_kill(&c->k);
	keeper_close(&c->k);
	OK(unlink(c->layout));
}

static const struct kind scripted = {
	"scripted server", start_scripted, kill_scripted
};
static const struct kind fmapfsd = { "fmapfsd", start_fmapfsd, kill_fmapfsd };

/* --- writers --- */

static void tell(struct rec_writer *w, uint64_t n)
{
	struct told t = { w->number, n };

	if (write(w->to, &t, sizeof(t)) != sizeof(t))
		FAIL("the pipe is broken");
}

/* Reads what was told; true: there is nobody left to tell more. */
static bool hear(struct crash *c)
{
	struct told t[256];
	ssize_t n;

	while ((n = read(c->ends[0], t, sizeof(t))) > 0) {
		EQ(n % sizeof(t[0]), 0);
		for (size_t i = 0; i < n / sizeof(t[0]); i++) {
			EQ(t[i].n, c->done[t[i].number] + 1);
			c->done[t[i].number] = t[i].n;
			c->told++;
		}
	}
	if (n < 0)
		EQ(errno, EAGAIN);
	return !n;
}

static void start_writers(struct crash *c)
{
	uint64_t first = draw(c, rec_nways);

	OK(pipe2(c->ends, O_CLOEXEC));
	for (int i = 0; i < WRITERS; i++) {
		struct rec_writer *w = &c->w[i];

		*w = (struct rec_writer){
			.way = &rec_ways[(first + i) % rec_nways],
			.id = i % REC_WRITERS, .done = c->done[i],
			.tell = tell, .to = c->ends[1], .number = i,
		};
		snprintf(w->path, sizeof(w->path), "%s/f%d", c->dir,
			 i / REC_WRITERS);
		c->task[i] = task_start(rec_write, w);
	}
	OK(close(c->ends[1]));
	OK(fcntl(c->ends[0], F_SETFL, O_NONBLOCK));
}

/* Each that is left tells of something more, and all together of some more. */
static void let_them_work(struct crash *c, const int *victims, int n)
{
	uint64_t until, before[WRITERS];

	hear(c);
	memcpy(before, c->done, sizeof(before));
	for (int i = 0; i < n; i++)
		if (victims[i] != SERVER)
			UNTIL((hear(c),
			       c->done[victims[i]] > before[victims[i]]));
	until = c->told + draw(c, 64);
	UNTIL((hear(c), c->told >= until || n < 2));
}

static void kill_one(struct crash *c, int victim)
{
	if (victim == SERVER)
		c->kind->kill(c);
	else
		task_kill(&c->task[victim]);
}

static void kill_all(struct crash *c)
{
	int victims[WRITERS + 1];

	for (int i = 0; i <= WRITERS; i++) {
		int k = draw(c, i + 1);

		victims[i] = victims[k];
		victims[k] = i;
	}
	for (int n = WRITERS + 1; n; n--) {
		let_them_work(c, victims, n);
		kill_one(c, victims[n - 1]);
	}
	UNTIL(hear(c));
	OK(close(c->ends[0]));
}

/* --- what is there --- */

static void check_file(struct crash *c, int f, const uint8_t *data,
		       const char *how)
{
	for (int i = 0; i < REC_WRITERS; i++)
		rec_check(data, i, c->done[f * REC_WRITERS + i], how);
}

static void check_files(struct crash *c)
{
	uint8_t *buf = malloc(REC_FILE), *p;

	for (int f = 0; f < FILES; f++) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/f%d", c->dir, f);
		fd = OK(open(path, O_RDONLY | O_CLOEXEC));
		EQ(pread(fd, buf, REC_FILE, 0), REC_FILE);
		check_file(c, f, buf, "by read(2)");
		p = map_at(REC_FILE, HUGE, PROT_READ, MAP_SHARED, fd, 0);
		check_file(c, f, p, "by a mapping");
		OK(munmap(p, REC_FILE));
		OK(close(fd));
		if (strcmp(c->dev[f]->type, "pmem"))
			continue;
		raw_read(c->dev[f]->node, AT(f), buf, REC_FILE);
		check_file(c, f, buf, "on the device");
	}
	free(buf);
}

static void make_empty(struct crash *c)
{
	uint8_t *zeroes = calloc(1, REC_FILE);

	for (int f = 0; f < FILES; f++) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/f%d", c->dir, f);
		fd = OK(open(path, O_WRONLY | O_CLOEXEC));
		EQ(pwrite(fd, zeroes, REC_FILE, 0), REC_FILE);
		OK(close(fd));
	}
	free(zeroes);
}

static void unmount(struct crash *c)
{
	/* Its server is dead. */
	OK(umount2(c->dir, draw(c, 2) ? MNT_FORCE : 0));
	OK(rmdir(c->dir));
}

static void crash_often(const struct kind *kind)
{
	uint64_t seed = from_env("CRASH_SEED", 1);
	uint64_t rounds = from_env("CRASH_ROUNDS", 2);
	struct crash *c = calloc(1, sizeof(*c));
	const struct daxdev *devs;
	int n = daxdevs(&devs);

	c->kind = kind;
	c->random = seed;
	c->dev[0] = pmem(0);
	c->dev[1] = pmem(1);
	for (int i = 0; i < n; i++)
		if (!strcmp(devs[i].type, "fsdev"))
			c->dev[1] = &devs[i];
	t_diag("%s, CRASH_SEED=%lu CRASH_ROUNDS=%lu", kind->name, (long)seed,
	       (long)rounds);
	kind->start(c);
	make_empty(c);
	for (uint64_t i = 0; i < rounds; i++) {
		start_writers(c);
		kill_all(c);
		unmount(c);
		kind->start(c);
		check_files(c);
	}
	t_diag("%lu records, all are there", (long)c->told);
	kind->kill(c);
	unmount(c);
}

TEST(nothing_is_lost_when_writers_and_server_are_killed)
{
	crash_often(&scripted);
}

TEST(nothing_is_lost_when_writers_and_fmapfsd_are_killed)
{
	crash_often(&fmapfsd);
}
