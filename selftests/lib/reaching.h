/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of libfmappool, which they alone are linked with: what it has said, and
 * devices as it knows them.
 */
#ifndef SELFTESTS_REACHING_H
#define SELFTESTS_REACHING_H

#include <stdio.h>

#include "../../user/pool/pool.h"
#include "env.h"

/* Lines that the library has said; to the log of the test, also. */
static char said[8192];

static inline void hear(void *ctx, int level, const char *text)
{
	size_t used = strlen(said);

	(void)ctx;
	(void)level;
	t_diag("said: %s", text);
	snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

static const struct pool_log msgs = { .line = hear };

#define SAID(text) do {							\
	if (!strstr(said, text))					\
		FAIL("\"%s\" was not said", text);			\
} while (0)

static inline struct dev_info dev_of(const struct daxdev *dax)
{
	const struct dev_spec spec = { DEV_BY_PATH, dax->node };
	struct dev_info dev;

	EQ(dev_resolve(&spec, 0, &dev), 0);
	return dev;
}

#endif /* SELFTESTS_REACHING_H */
