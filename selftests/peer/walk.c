// SPDX-License-Identifier: GPL-2.0-only
/* The tree before and after: made, and told name by name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "peer.h"

static int put(const char *name, size_t size, off_t offset)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0644);
	char text[4096];
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = 'A' + (i + name[0]) % 50;
	for (i = 0; fd >= 0 && i < size; i += sizeof(text))
		if (pwrite(fd, text, size - i < sizeof(text) ? size - i : sizeof(text),
			   offset + i) < 0)
			return -1;
	return fd < 0 ? -1 : close(fd);
}

/* Deep enough that no ".." of a test leaves it. */
int populate(const char *dir)
{
	static const char work[] = "1/2/3/4/5/work";
	char path[sizeof(work)];
	const char *slash;
	int i, rc = chdir(dir);

	for (slash = strchr(work, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, slash - work + 1, "%s", work);
		rc |= mkdir(path, 0755);
	}
	rc |= mkdir(work, 0777) | chmod(work, 0777) | chdir(work);
	rc |= mkdir("a", 0755) | mkdir("a/a", 0777) | mkdir("b", 0700) | mkdir("b/c", 0755);
	rc |= put("c", 10000, 0) | put("a/b", 100, 0) | put("a/c", 300000, 0);
	rc |= put("d", 5000, 200000) | put("a/a/a", 0, 0);
	rc |= symlink("a/b", "e") | symlink("a", "f") | symlink("nowhere", "a/d");
	rc |= link("c", "a/e") | mkfifo("a/f", 0666);
	/* More than one buffer of a readdir has. */
	rc |= mkdir("a/h", 0755);
	for (i = 0; i < 300; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a/h/a-file-of-a-large-directory-%d", i);
		rc |= put(name, 0, 0);
	}
	if (rc)
		fprintf(stderr, "peer: %s: %s\n", dir, strerror(errno));
	return rc ? 1 : 0;
}

/*
 * Holes may be large, and not each server tells of them; what is there is a few
 * hundred KiB, at the beginning and at the end. Of what is longer the middle is left
 * out.
 */
static void say_content(struct peer *p, const char *path, off_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const off_t ends = 16 * DATA_ROOM;
	uint32_t sum = 0;
	off_t at = 0;
	ssize_t n;

	if (fd < 0) {
		say(p, " %s", strerrorname_np(errno));
		return;
	}
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 &&
	       (n = pread(fd, p->data, DATA_ROOM, at)) > 0) {
		/* Zeroes count as holes. */
		while (n && !p->data[n - 1])
			n--;
		sum += sum_of(p->data, n);
		at += DATA_ROOM;
		if (at >= ends && at < size - ends)
			at = size - ends;
	}
	say(p, " content=%08x", sum);
	close(fd);
}

static void say_xattrs(struct peer *p, const char *path)
{
	char names[4096], value[4096];
	ssize_t size = llistxattr(path, names, sizeof(names)), at, n;

	for (at = 0; at < size; at += strlen(names + at) + 1) {
		n = lgetxattr(path, names + at, value, sizeof(value));
		say(p, " %.40s", names + at);
		if (n >= 0)
			say_sum(p, value, n);
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int walk(struct peer *p, const char *dir)
{
	char *const dirs[] = { (char *)dir, NULL };
	/* From within each directory: a long path is many LOOKUPs, if none is kept. */
	FTS *fts = fts_open(dirs, FTS_PHYSICAL, by_name);
	FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP)
			continue;
		p->line_len = 0;
		say(p, "end %s", e->fts_path + strlen(dir));
		say_stat(p, e->fts_statp);
		if (S_ISREG(e->fts_statp->st_mode) && e->fts_statp->st_size)
			say_content(p, e->fts_accpath, e->fts_statp->st_size);
		if (!S_ISLNK(e->fts_statp->st_mode))
			say_xattrs(p, e->fts_accpath);
		puts(p->line);
	}
	return !fts;
}
