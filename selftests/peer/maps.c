// SPDX-License-Identifier: GPL-2.0-only
/* Mappings. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peer.h"

static sigjmp_buf on_sigbus;

static void sigbus(int signal)
{
	(void)signal;
	siglongjmp(on_sigbus, 1);
}

/* What can be read of [@map, @map + @size), and that more is a SIGBUS. */
static void look(struct peer *p, volatile uint8_t *map, size_t size)
{
	struct sigaction old, new = { .sa_handler = sigbus };
	volatile uint32_t sum = 0;
	volatile size_t i = 0;

	sigaction(SIGBUS, &new, &old);
	if (!sigsetjmp(on_sigbus, 1))
		for (; i < size; i++)
			sum = sum * 31 + map[i];
	sigaction(SIGBUS, &old, NULL);
	say(p, " seen=%zu sum=%08x", i, sum);
}

static const struct named sizes[] = {
	{ 4096, "4096" }, { 1, "1" }, { 20000, "20000" }, { 131072, "131072" },
	{ 0, "0" },
};

static const struct named offsets[] = {
	{ 0, "@0" }, { 0, "@0" }, { 4096, "@4096" }, { 65536, "@65536" },
	{ 100, "@100" },
};

static const struct named advices[] = {
	NAMED(MADV_NORMAL), NAMED(MADV_WILLNEED), NAMED(MADV_DONTNEED),
	NAMED(MADV_REMOVE),
};

static void op_read_map(struct peer *p)
{
	static const struct named kinds[] = {
		NAMED(MAP_PRIVATE), NAMED(MAP_SHARED), NAMED(MAP_SHARED_VALIDATE),
		NAMED(MAP_SHARED_VALIDATE | MAP_SYNC),
	};
	int fd = pick_fd(p), kind = pick_named(p, kinds, COUNT(kinds));
	size_t size = pick_named(p, sizes, COUNT(sizes));
	off_t offset = pick_named(p, offsets, COUNT(offsets));
	uint8_t *map = mmap(NULL, size, PROT_READ, kind, fd, offset);

	say_result(p, map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	look(p, map, size);
	munmap(map, size);
}

static void op_private_map(struct peer *p)
{
	int fd = pick_fd(p), advice = pick_named(p, advices, COUNT(advices) - 1);
	size_t size = pick_named(p, sizes, COUNT(sizes));
	off_t offset = pick_named(p, offsets, COUNT(offsets));
	struct sigaction old, new = { .sa_handler = sigbus };
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);

	say_result(p, map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	sigaction(SIGBUS, &new, &old);
	if (!sigsetjmp(on_sigbus, 1))
		map[size / 2] = 77;
	sigaction(SIGBUS, &old, NULL);
	look(p, map, size);
	say_result(p, madvise(map, size, advice));
	look(p, map, size);
	say_result(p, msync(map, size, MS_SYNC));
	munmap(map, size);
}

/*
 * Nothing is stored: where this is refused, the file is to have what it has
 * where it is not.
 */
static void op_shared_map(struct peer *p)
{
	int fd = pick_fd(p);
	size_t size = pick_named(p, sizes, COUNT(sizes));
	off_t offset = pick_named(p, offsets, COUNT(offsets));
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	say_result(p, map == MAP_FAILED ? -1 : 0);
	if (map != MAP_FAILED)
		munmap(map, size);
}

/* Reading first, writing asked for later. */
static void op_protect(struct peer *p)
{
	int fd = pick_fd(p);
	uint8_t *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	say_result(p, map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	say_result(p, mprotect(map, 4096, PROT_READ | PROT_WRITE));
	munmap(map, 4096);
}

/* What is written by a call shows in a mapping at once, and a cut as well. */
static void op_coherent(struct peer *p)
{
	int fd = pick_fd(p);
	long size = pick_size(p);
	uint8_t *map = mmap(NULL, 16384, PROT_READ, MAP_SHARED, fd, 0);

	fill(p, size);
	say_result(p, map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	look(p, map, 16384);
	say_result(p, pwrite(fd, p->data, size, 3000));
	look(p, map, 16384);
	say_result(p, ftruncate(fd, 5000));
	look(p, map, 16384);
	munmap(map, 16384);
}

const struct op map_ops[] = {
	{ "mapread", op_read_map, 20 }, { "mapprivate", op_private_map, 10 },
	{ "mapshared", op_shared_map, 8 }, { "mapprotect", op_protect, 4 },
	{ "mapcoherent", op_coherent, 8 },
	{ NULL, NULL, 0 },
};
