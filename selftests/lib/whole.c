// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"
#include "whole.h"

struct node *whole_file(struct srv *s, const char *name, uint32_t dev,
			uint64_t off, uint64_t len)
{
	return srv_memfile(s, name, fmap_simple1(dev, off, len, len));
}

int whole_open(struct mnt *m, const char *name)
{
	int fd = open_in(m, name, O_RDWR);

	if (fd >= 0)
		OK(close(fd));
	return fd < 0 ? errno : 0;
}

void whole_fill(struct mnt *m, const char *name, uint32_t seed, size_t len)
{
	int fd = OK(open_in(m, name, O_RDWR));
	uint8_t *p = map_huge(len, PROT_READ | PROT_WRITE, fd, 0);

	pat_fill(p, seed, 0, len);
	OK(munmap(p, len));
	OK(close(fd));
}
