// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fs.h>

#include "env.h"
#include "mem.h"
#include "parts.h"

static void set_entry(uint8_t *mbr, int i, const struct part *p)
{
	uint32_t start = p->start / 512, count = p->len / 512;
	uint8_t *entry = mbr + 446 + 16 * i;

	entry[4] = 0x83;
	memcpy(entry + 8, &start, 4);
	memcpy(entry + 12, &count, 4);
}

void partition(const char *node, const struct part *parts, int n)
{
	uint8_t mbr[PAGE] = { 0 };
	char path[80];
	int fd;

	for (int i = 0; i < n; i++)
		set_entry(mbr, i, &parts[i]);
	if (n) {
		mbr[510] = 0x55;
		mbr[511] = 0xaa;
	}
	raw_write(node, 0, mbr, sizeof(mbr));
	fd = OK(open(node, O_RDONLY));
	OK(ioctl(fd, BLKRRPART));
	OK(close(fd));
	for (int i = 1; i <= n; i++) {
		snprintf(path, sizeof(path), "%sp%d", node, i);
		UNTIL(!access(path, F_OK));
	}
}
