// SPDX-License-Identifier: GPL-2.0-only
/* Namespaces, from libndctl. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <daxctl/libdaxctl.h>
#include <ndctl/libndctl.h>

#include "probe.h"

static void put_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* All zeroes means that there is none. */
static void put_uuid(char to[37], const unsigned char *uu)
{
	static const unsigned char none[16];
	unsigned int i;

	to[0] = '\0';
	if (!memcmp(uu, none, sizeof(none)))
		return;
	for (i = 0; i < sizeof(none); i++)
		to += sprintf(to, "%s%02x", i == 4 || i == 6 || i == 8 ||
			      i == 10 ? "-" : "", uu[i]);
}

static const char *mode_name(struct ndctl_namespace *ndns)
{
	switch (ndctl_namespace_get_mode(ndns)) {
	case NDCTL_NS_MODE_FSDAX:
		return "fsdax";
	case NDCTL_NS_MODE_DEVDAX:
		return "devdax";
	case NDCTL_NS_MODE_SECTOR:
		return "sector";
	case NDCTL_NS_MODE_RAW:
		return "raw";
	default:
		return "";
	}
}

static void add_node(struct nd_item *item, const char *name)
{
	const size_t max = sizeof(item->nodes) / sizeof(item->nodes[0]);

	if (!name || !*name)
		return;
	if (item->nnodes == max) {
		item->more = true;
		return;
	}
	put_name(item->nodes[item->nnodes++], DEV_NAME_MAX, name);
}

/* A devdax namespace is a region of libdaxctl, cut into devices. */
static void add_dax_nodes(struct nd_item *item, struct ndctl_dax *dax)
{
	struct daxctl_region *region = ndctl_dax_get_daxctl_region(dax);
	struct daxctl_dev *dev;

	if (!region)
		return;
	daxctl_dev_foreach(region, dev)
		if (daxctl_dev_get_size(dev))
			add_node(item, daxctl_dev_get_devname(dev));
}

static void fill(struct nd_item *item, struct ndctl_namespace *ndns)
{
	struct ndctl_pfn *pfn = ndctl_namespace_get_pfn(ndns);
	struct ndctl_dax *dax = ndctl_namespace_get_dax(ndns);
	struct ndctl_btt *btt = ndctl_namespace_get_btt(ndns);
	unsigned char uu[16] = { 0 };

	put_name(item->name, sizeof(item->name),
		 ndctl_namespace_get_devname(ndns));
	put_name(item->mode, sizeof(item->mode), mode_name(ndns));
	item->numa_node = ndctl_namespace_get_numa_node(ndns);
	ndctl_namespace_get_uuid(ndns, uu);
	put_uuid(item->raw_uuid, uu);
	if (pfn) {
		ndctl_pfn_get_uuid(pfn, uu);
		add_node(item, ndctl_pfn_get_block_device(pfn));
	} else if (dax) {
		ndctl_dax_get_uuid(dax, uu);
		add_dax_nodes(item, dax);
	} else if (btt) {
		ndctl_btt_get_uuid(btt, uu);
		add_node(item, ndctl_btt_get_block_device(btt));
	} else {
		add_node(item, ndctl_namespace_get_block_device(ndns));
	}
	put_uuid(item->uuid, uu);
}

static int append(struct nd_item **items, size_t *count,
		  struct ndctl_namespace *ndns)
{
	struct nd_item *more;

	/* The seed, from which the kernel makes the next one. */
	if (!ndctl_namespace_get_size(ndns))
		return 0;
	more = realloc(*items, (*count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*items = more;
	memset(&more[*count], 0, sizeof(*more));
	fill(&more[(*count)++], ndns);
	return 0;
}

int nd_list(struct nd_item **items, size_t *count)
{
	struct ndctl_namespace *ndns;
	struct ndctl_region *region;
	struct ndctl_ctx *ctx;
	struct ndctl_bus *bus;
	int rc;

	*items = NULL;
	*count = 0;
	rc = ndctl_new(&ctx);
	if (rc < 0)
		return rc;
	ndctl_bus_foreach(ctx, bus)
		ndctl_region_foreach(bus, region)
			ndctl_namespace_foreach(region, ndns) {
				rc = append(items, count, ndns);
				if (rc)
					goto unref;
			}
unref:
	ndctl_unref(ctx);
	if (rc < 0) {
		free(*items);
		*items = NULL;
		*count = 0;
		return rc;
	}
	return 0;
}
