// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>
#include "made_up.h"

#define GIB	(1ULL << 30)

static const struct device {
	enum dev_by by;
	const char *value;
	const char *path;
	uint64_t id, start, size;
} devices[] = {
	{ DEV_BY_PATH, "/dev/pmem0", "/dev/pmem0", 1, 0, GIB },
	{ DEV_BY_PATH, "/dev/pmem0p1", "/dev/pmem0p1", 1, GIB / 2, GIB / 2 },
	{ DEV_BY_PATH, "/dev/pmem0p2", "/dev/pmem0p2", 1, 0, GIB / 2 },
	{ DEV_BY_PATH, "/dev/pmem1", "/dev/pmem1", 2, 0, 4 * GIB },
	{ DEV_BY_PATH, "/dev/pmem2", "/dev/pmem2", 4, 0, -4096ULL },
	{ DEV_BY_NAMESPACE, MADE_UP_UUID, "/dev/pmem0", 1, 0, GIB },
	{ DEV_BY_DAXDEV, "dax0.0", "/dev/dax0.0", 3, 0, 2 * GIB },
};

bool made_up_device(const struct dev_spec *spec, struct dev_info *out)
{
	size_t i;

	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		const struct device *dev = &devices[i];

		if (dev->by != spec->by || strcmp(dev->value, spec->value))
			continue;
		memset(out, 0, sizeof(*out));
		strcpy(out->path, dev->path);
		out->id = dev->id;
		out->start = dev->start;
		out->size = dev->size;
		return true;
	}
	return false;
}
