// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the demo does with a file by way of a mapping.
 *
 *   mapdemo put FILE         copies standard input into FILE, byte by byte in
 *                            memory, and has the caches written back
 *   mapdemo new FILE SIZE    makes FILE, gives it SIZE bytes, and then the same, all by
 *                            one handle
 *   mapdemo get FILE         copies FILE to standard output
 *   mapdemo speed map FILE   adds up FILE, and prints MiB a second
 *   mapdemo speed read FILE  the same by read(2)
 *   mapdemo hold FILE        adds up FILE again and again; a line each time
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Passes of "speed", and bytes that one read(2) asks for. */
#define PASSES	8
#define BLOCK	(1 << 20)

struct map {
	int fd;
	uint8_t *mem;
	size_t size;	/* bytes */
};

static struct map map_fd(int fd, const char *path, int prot)
{
	struct map m = { .fd = fd };
	struct stat st;

	if (m.fd < 0 || fstat(m.fd, &st))
		err(1, "%s", path);
	m.size = st.st_size;
	m.mem = mmap(NULL, m.size, prot, MAP_SHARED, m.fd, 0);
	if (m.mem == MAP_FAILED)
		err(1, "mmap %s", path);
	return m;
}

static struct map map_file(const char *path, int prot)
{
	return map_fd(open(path, prot & PROT_WRITE ? O_RDWR : O_RDONLY), path, prot);
}

static void unmap(struct map *m)
{
	munmap(m->mem, m->size);
	close(m->fd);
}

static void fill(struct map m, const char *path)
{
	size_t done = 0;
	ssize_t n;

	while (done < m.size && (n = read(0, m.mem + done, m.size - done))) {
		if (n < 0)
			err(1, "standard input");
		done += n;
	}
	if (done != m.size)
		errx(1, "%s holds %zu bytes, %zu came", path, m.size, done);
	if (msync(m.mem, m.size, MS_SYNC))
		err(1, "msync %s", path);
	unmap(&m);
}

static void put(const char *path)
{
	fill(map_file(path, PROT_READ | PROT_WRITE), path);
}

static void make(const char *path, const char *size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0666);

	if (fd < 0 || ftruncate(fd, strtoll(size, NULL, 0)))
		err(1, "%s", path);
	fill(map_fd(fd, path, PROT_READ | PROT_WRITE), path);
}

static void get(const char *path)
{
	struct map m = map_file(path, PROT_READ);
	size_t done = 0;
	ssize_t n;

	for (; done < m.size; done += n) {
		n = write(1, m.mem + done, m.size - done);
		if (n < 0)
			err(1, "standard output");
	}
	unmap(&m);
}

static uint64_t add(const uint8_t *mem, size_t size)
{
	uint64_t sum = 0, word;
	size_t i;

	for (i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
		memcpy(&word, mem + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static uint64_t add_mapped(const char *path, size_t *size)
{
	struct map m = map_file(path, PROT_READ);
	uint64_t sum = add(m.mem, m.size);

	*size = m.size;
	unmap(&m);
	return sum;
}

static uint64_t add_read(const char *path, size_t *size)
{
	static uint8_t buf[BLOCK];
	int fd = open(path, O_RDONLY);
	uint64_t sum = 0;
	ssize_t n;

	if (fd < 0)
		err(1, "%s", path);
	*size = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		sum += add(buf, n);
		*size += n;
	}
	if (n < 0)
		err(1, "read %s", path);
	close(fd);
	return sum;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void speed(const char *how, const char *path)
{
	uint64_t first = 0, sum;
	double start = now();
	size_t size = 0;
	int i;

	for (i = 0; i < PASSES; i++) {
		sum = !strcmp(how, "map") ? add_mapped(path, &size) :
					    add_read(path, &size);
		if (i && sum != first)
			errx(1, "%s has changed", path);
		first = sum;
	}
	printf("%.0f\n", PASSES * (double)size / (1 << 20) / (now() - start));
}

static void hold(const char *path)
{
	struct map m = map_file(path, PROT_READ);
	unsigned long pass;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (pass = 1;; pass++) {
		/* No page stays mapped: each pass faults anew. */
		if (madvise(m.mem, m.size, MADV_DONTNEED))
			err(1, "madvise");
		printf("%lu %016jx\n", pass, (uintmax_t)add(m.mem, m.size));
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "put"))
		put(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "new"))
		make(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "get"))
		get(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "speed"))
		speed(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "hold"))
		hold(argv[2]);
	else
		errx(2, "usage: mapdemo put|get|hold FILE, mapdemo new FILE SIZE, mapdemo speed map|read FILE");
	return 0;
}
