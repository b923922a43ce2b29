// SPDX-License-Identifier: GPL-2.0
/* Where "fmapfsd --takeover" is tested: see place.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "tap.h"

const char *place_at(const struct place *p, const char *fmt, ...)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];
	va_list ap;
	int n;

	n = snprintf(path, sizeof(paths[0]), "%s/", p->m.dir);
	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(paths[0]) - n, fmt, ap);
	va_end(ap);
	return path;
}

void write_text(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

void place_write_layout(const struct place *p, const char *files)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "devices: [{ path: %s }, { path: %s }]\n"
		 "files:\n"
		 "  - { path: host, from: %s }\n%s",
		 pmem(0)->node, pmem(1)->node, p->host, files);
	write_text(p->layout, text);
}

struct place *place_new(const char *files)
{
	struct place *p = calloc(1, sizeof(*p));
	char *dir = make_dir();

	strcpy(p->dir, dir);
	free(dir);
	snprintf(p->m.dir, sizeof(p->m.dir), "%s/mnt", p->dir);
	snprintf(p->layout, sizeof(p->layout), "%s/l.yaml", p->dir);
	snprintf(p->host, sizeof(p->host), "%s/host", p->dir);
	OK(mkdir(p->m.dir, 0755));
	write_text(p->host, HOST_TEXT);
	place_write_layout(p, files);
	keeper_open(&p->k);
	return p;
}

void place_start(struct place *p, const char *option, const char *value)
{
	int n = 0;

	p->argv[n++] = "fmapfsd";
	p->argv[n++] = "--takeover";
	p->argv[n++] = "--timeout=0";
	if (option)
		p->argv[n++] = (char *)option;
	if (value)
		p->argv[n++] = (char *)value;
	p->argv[n++] = p->layout;
	p->argv[n++] = p->m.dir;
	p->argv[n] = NULL;
	keeper_start(&p->k, p->argv);
	keeper_wait(&p->k);
	p->m.minor = mount_minor(p->m.dir);
}

void place_again(struct place *p)
{
	keeper_start(&p->k, p->argv);
	keeper_wait(&p->k);
}

bool place_is_mounted(const struct place *p)
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[1024];
	bool found = false;

	while (fgets(line, sizeof(line), f))
		found |= strstr(line, p->m.dir) != NULL;
	fclose(f);
	return found;
}

void place_end(struct place *p)
{
	EQ(keeper_end(&p->k, SIGTERM), 0);
	EQ(p->k.nstored, 0);
	TRUE(!place_is_mounted(p));
	keeper_close(&p->k);
	OK(unlink(p->layout));
	OK(unlink(p->host));
	OK(rmdir(p->m.dir));
	OK(rmdir(p->dir));
	free(p);
}

int place_read_host(void *arg)
{
	struct place *p = arg;
	char text[64];
	int fd = open(place_at(p, "host"), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n == strlen(HOST_TEXT) ? 0 : -EIO;
}
