// SPDX-License-Identifier: GPL-2.0-only
/* The devices of a layout file. */
#include "static.h"

/* Exactly one of the three keys says which device it is. */
static bool spec_of(struct draft *d, unsigned int i, struct dev_spec *spec,
		    const char **key)
{
	const struct raw_device *raw = &d->raw->devices[i];
	unsigned int given = 0;

	if (raw->path) {
		*spec = (struct dev_spec){ DEV_BY_PATH, raw->path };
		*key = "path";
		given++;
	}
	if (raw->nspace) {
		*spec = (struct dev_spec){ DEV_BY_NAMESPACE, raw->nspace };
		*key = "namespace";
		given++;
	}
	if (raw->daxdev) {
		*spec = (struct dev_spec){ DEV_BY_DAXDEV, raw->daxdev };
		*key = "daxdev";
		given++;
	}
	if (given == 1)
		return true;
	diag_add(d->diag, doc_at(d->doc, "devices[%u]", i),
		 "devices[%u]: has %s of path, namespace and daxdev; must have exactly one",
		 i, given ? "several" : "none");
	return false;
}

/* Do two entries reach the same memory, by whatever names? */
static bool meet(const struct dev_info *a, const struct dev_info *b)
{
	return a->size && b->size && a->id == b->id &&
	       a->start < b->start + b->size && b->start < a->start + a->size;
}

static void refuse_same(struct draft *d, unsigned int i, const char *key)
{
	const struct dev_info *dev = d->layout->devices;
	unsigned int j;

	for (j = 0; j < i; j++)
		if (meet(&dev[j], &dev[i]))
			diag_add(d->diag, doc_at(d->doc, "devices[%u].%s", i,
						 key),
				 "devices[%u].%s: %s is the same memory as devices[%u] (line %u), %s; list it once",
				 i, key, dev[i].path, j,
				 doc_at(d->doc, "devices[%u]", j).line,
				 dev[j].path);
}

static void draft_device(struct draft *d, unsigned int i)
{
	struct dev_info *dev = &d->layout->devices[i];
	struct dev_spec spec;
	const char *key;

	if (!spec_of(d, i, &spec, &key) || d->args->no_devices)
		return;
	if (dev_resolve(&spec, d->args->any_device ? DEV_ALLOW_PLAIN : 0,
			dev)) {
		diag_add(d->diag, doc_at(d->doc, "devices[%u].%s", i, key),
			 "devices[%u].%s: %s", i, key, dev->why);
		dev->size = 0;
		return;
	}
	if (!dev->size)
		diag_add(d->diag, doc_at(d->doc, "devices[%u].%s", i, key),
			 "devices[%u].%s: %s has a size of 0", i, key,
			 dev->path);
	refuse_same(d, i, key);
}

void draft_devices(struct draft *d)
{
	unsigned int i, count = d->raw->ndevices;

	if (count > FUSE_FAMFS_MAX_DAXDEVS) {
		diag_add(d->diag, doc_at(d->doc, "devices[%u]",
					 FUSE_FAMFS_MAX_DAXDEVS),
			 "devices: %u are listed; a mount can have %u at most",
			 count, FUSE_FAMFS_MAX_DAXDEVS);
		count = FUSE_FAMFS_MAX_DAXDEVS;
	}
	d->layout->ndevices = count;
	for (i = 0; i < count; i++)
		draft_device(d, i);
}
