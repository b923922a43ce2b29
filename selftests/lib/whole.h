/* SPDX-License-Identifier: GPL-2.0 */
/* Memory files of one extent, for tests of who may have which memory. */
#ifndef SELFTESTS_WHOLE_H
#define SELFTESTS_WHOLE_H

#include "env.h"

/* On device index @dev. */
struct node *whole_file(struct srv *s, const char *name, uint32_t dev,
			uint64_t off, uint64_t len);
/* Opens it to read and write, and closes it. Return: 0 or errno. */
int whole_open(struct mnt *m, const char *name);
/* Has it hold the pattern @seed; it is closed, and stays. */
void whole_fill(struct mnt *m, const char *name, uint32_t seed, size_t len);

#endif /* SELFTESTS_WHOLE_H */
