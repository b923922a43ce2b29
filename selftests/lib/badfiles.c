// SPDX-License-Identifier: GPL-2.0
/* Files with bad memory: see badfiles.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "badfiles.h"

void fill_file(int fd, uint32_t seed)
{
	uint8_t *buf = malloc(LEN);

	pat_fill(buf, seed, 0, LEN);
	EQ(pwrite(fd, buf, LEN, 0), LEN);
	free(buf);
}

struct files files_mount(const struct removable *r)
{
	struct files f = { .r = r };
	struct srv *s = srv_new();

	strcpy(s->dev[0], r->dev->node);
	srv_memfile(s, "a", fmap_simple1(0, AT, LEN, LEN));
	srv_memfile(s, "b", fmap_simple1(0, AT + LEN, LEN, LEN));
	f.m = mnt_new_dev(s, MNT_OPTS, &f.dev);
	f.a = OK(open_in(f.m, "a", O_RDWR));
	f.b = OK(open_in(f.m, "b", O_RDWR));
	return f;
}

struct files files_new(const struct removable *r)
{
	struct files f = files_mount(r);

	fill_file(f.a, 1);
	fill_file(f.b, 2);
	return f;
}

void files_unmount(struct files *f)
{
	OK(close(f->a));
	OK(close(f->b));
	OK(close(f->dev));
	mnt_end(f->m);
}

void files_end(struct files *f)
{
	files_unmount(f);
	take_away(f->r);
}

void read_list(const struct files *f, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), SYSFS "/%u/bad_memory", f->m->minor);
	OK(read_text(path, text, size));
}

void files_list(const struct files *f, const uint64_t *off, int n)
{
	const char *name = strrchr(f->r->dev->node, '/') + 1;
	char got[8192], want[8192] = "";

	for (int i = 0; i < n; i++)
		sprintf(want + strlen(want), "0 %s %llu %llu\n", name,
			(unsigned long long)off[i], PAGE);
	read_list(f, got, sizeof(got));
	EQ_STR(got, want);
}

void files_list_one(const struct files *f, uint64_t off)
{
	files_list(f, &off, 1);
}

void files_list_none(const struct files *f)
{
	files_list(f, NULL, 0);
}

void only_bad(int fd, uint32_t seed, uint64_t bad)
{
	uint8_t *buf = malloc(LEN);

	EQ(pread(fd, buf, LEN, 0), bad);
	PAT(buf, seed, 0, bad);
	FAILS(EIO, pread(fd, buf, LEN, bad));
	FAILS(EIO, pread(fd, buf, 1, bad + PAGE - 1));
	FAILS(EIO, pwrite(fd, buf, 1, bad + 17));
	FAILS(EIO, pwrite(fd, buf, PAGE, bad));
	EQ(pread(fd, buf, 3 * PAGE, bad - PAGE - 8), PAGE + 8);
	check_read(fd, seed, bad + PAGE, LEN - bad - PAGE);
	free(buf);
}
