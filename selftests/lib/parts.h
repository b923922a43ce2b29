/* SPDX-License-Identifier: GPL-2.0 */
/* Partitions of a pmem device. */
#ifndef SELFTESTS_PARTS_H
#define SELFTESTS_PARTS_H

#include <stdint.h>

struct part {
	uint64_t start, len;	/* bytes */
};

/*
 * The device @node has these, in its partition table and as nodes, from NODEp1 on,
 * and no others. Nobody may use it.
 */
void partition(const char *node, const struct part *parts, int n);

#endif /* SELFTESTS_PARTS_H */
