// SPDX-License-Identifier: GPL-2.0-only
/* DAX character devices, from libdaxctl. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <daxctl/libdaxctl.h>

#include "probe.h"

static int append(struct dax_item **items, size_t *count,
		  struct daxctl_dev *dev)
{
	uint64_t size = daxctl_dev_get_size(dev);
	struct dax_item *more;

	/* The seed, from which the kernel makes the next one. */
	if (!size)
		return 0;
	more = realloc(*items, (*count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*items = more;
	snprintf(more[*count].name, DEV_NAME_MAX, "%s",
		 daxctl_dev_get_devname(dev));
	more[(*count)++].size = size;
	return 0;
}

int dax_list(struct dax_item **items, size_t *count)
{
	struct daxctl_region *region;
	struct daxctl_ctx *ctx;
	struct daxctl_dev *dev;
	int rc;

	*items = NULL;
	*count = 0;
	rc = daxctl_new(&ctx);
	if (rc < 0)
		return rc;
	daxctl_region_foreach(ctx, region)
		daxctl_dev_foreach(region, dev) {
			rc = append(items, count, dev);
			if (rc)
				goto unref;
		}
unref:
	daxctl_unref(ctx);
	if (rc < 0) {
		free(*items);
		*items = NULL;
		*count = 0;
		return rc;
	}
	return 0;
}
