// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is no device yet: of which somebody must make one first. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <daxctl/libdaxctl.h>
#include <ndctl/libndctl.h>

#include "spare.h"
#include "tool.h"

#define CXL	"/sys/bus/cxl/devices"

struct list {
	struct spare *all;
	size_t n;
};

__attribute__((format(printf, 6, 7)))
static void add(struct list *list, const char *name, const char *what,
		uint64_t size, int numa_node, const char *todo, ...)
{
	struct spare *more = tool_alloc(list->n + 1, sizeof(*more)), *to;
	va_list ap;

	if (list->n)
		memcpy(more, list->all, list->n * sizeof(*more));
	free(list->all);
	list->all = more;
	to = &more[list->n++];
	snprintf(to->name, sizeof(to->name), "%s", name);
	snprintf(to->what, sizeof(to->what), "%s", what);
	to->size = size;
	to->numa_node = numa_node;
	va_start(ap, todo);
	vsnprintf(to->todo, sizeof(to->todo), todo, ap);
	va_end(ap);
}

/* ------------------------------------------------------------------------
 * Persistent memory
 */

/* It is used by itself, or by what makes a device with page structures, say, of it. */
static bool is_on(struct ndctl_namespace *ndns)
{
	struct ndctl_btt *btt = ndctl_namespace_get_btt(ndns);
	struct ndctl_pfn *pfn = ndctl_namespace_get_pfn(ndns);
	struct ndctl_dax *dax = ndctl_namespace_get_dax(ndns);

	return ndctl_namespace_is_enabled(ndns) ||
	       (btt && ndctl_btt_is_enabled(btt)) ||
	       (pfn && ndctl_pfn_is_enabled(pfn)) ||
	       (dax && ndctl_dax_is_enabled(dax));
}

static void look_at_namespaces(struct list *list, struct ndctl_region *region)
{
	struct ndctl_namespace *ndns;
	uint64_t size;

	ndctl_namespace_foreach(region, ndns) {
		size = ndctl_namespace_get_size(ndns);
		if (size && !is_on(ndns))
			add(list, ndctl_namespace_get_devname(ndns),
			    "a namespace that is switched off", size,
			    ndctl_namespace_get_numa_node(ndns),
			    "ndctl enable-namespace %s",
			    ndctl_namespace_get_devname(ndns));
	}
}

static void look_at_region(struct list *list, struct ndctl_region *region)
{
	const char *name = ndctl_region_get_devname(region);
	int node = ndctl_region_get_numa_node(region);
	uint64_t left;

	if (!ndctl_region_is_enabled(region)) {
		add(list, name, "a region that is switched off",
		    ndctl_region_get_size(region), node,
		    "ndctl enable-region %s", name);
		return;
	}
	left = ndctl_region_get_available_size(region);
	if (left && left != UINT64_MAX)
		add(list, name, "persistent memory without a namespace", left,
		    node, "ndctl create-namespace -r %s --mode=fsdax", name);
	look_at_namespaces(list, region);
}

static void look_at_nd(struct list *list)
{
	struct ndctl_region *region;
	struct ndctl_ctx *ndctl;
	struct ndctl_bus *bus;

	if (ndctl_new(&ndctl))
		return;
	ndctl_bus_foreach(ndctl, bus)
		ndctl_region_foreach(bus, region)
			look_at_region(list, region);
	ndctl_unref(ndctl);
}

/* ------------------------------------------------------------------------
 * Volatile memory that DAX devices can be made of
 */

static void look_at_dax(struct list *list)
{
	struct daxctl_region *region;
	struct daxctl_ctx *daxctl;
	uint64_t left;
	char name[64];

	if (daxctl_new(&daxctl))
		return;
	daxctl_region_foreach(daxctl, region) {
		left = daxctl_region_get_available_size(region);
		if (!left || left == UINT64_MAX)
			continue;
		snprintf(name, sizeof(name), "dax region %d",
			 daxctl_region_get_id(region));
		add(list, name, "memory without a DAX device", left, -1,
		    "daxctl create-device -r %d", daxctl_region_get_id(region));
	}
	daxctl_unref(daxctl);
}

/* ------------------------------------------------------------------------
 * CXL
 */

static uint64_t read_number(const char *dir, const char *attr, uint64_t none)
{
	char *path = tool_text("%s/%s", dir, attr), text[32] = "";
	FILE *file = fopen(path, "re");
	uint64_t value = none;

	free(path);
	if (!file)
		return none;
	if (fgets(text, sizeof(text), file))
		value = strtoull(text, NULL, 0);
	fclose(file);
	return value;
}

/* Bytes that the decoders of an endpoint map: what is in regions. */
static uint64_t mapped_by(const char *endpoint)
{
	char *pattern = tool_text("%s/decoder*", endpoint);
	uint64_t size = 0;
	glob_t found;
	size_t i;

	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			size += read_number(found.gl_pathv[i], "size", 0);
		globfree(&found);
	}
	free(pattern);
	return size;
}

/* Endpoints stand beside the memory devices, and have a link to theirs. */
static uint64_t mapped_of(const char *name)
{
	char *link, *memdev;
	uint64_t size = 0;
	glob_t found;
	size_t i;

	if (glob(CXL "/endpoint*", 0, NULL, &found))
		return 0;
	for (i = 0; i < found.gl_pathc; i++) {
		link = tool_text("%s/uport", found.gl_pathv[i]);
		memdev = realpath(link, NULL);
		if (memdev && !strcmp(strrchr(memdev, '/') + 1, name))
			size += mapped_by(found.gl_pathv[i]);
		free(memdev);
		free(link);
	}
	globfree(&found);
	return size;
}

static void look_at_memdev(struct list *list, const char *dir)
{
	const char *name = strrchr(dir, '/') + 1;
	uint64_t ram = read_number(dir, "ram/size", 0);
	uint64_t pmem = read_number(dir, "pmem/size", 0);
	uint64_t mapped = mapped_of(name);
	int node = (int)read_number(dir, "numa_node", UINT64_MAX);

	if (!ram && !pmem)
		return;
	if (mapped < ram + pmem)
		add(list, name, "CXL memory without a region", ram + pmem - mapped,
		    node, "cxl create-region -m -t %s -d DECODER -w 1 %s   # cxl list -D shows decoders",
		    ram ? "ram" : "pmem", name);
}

static void look_at_cxl(struct list *list)
{
	glob_t found;
	size_t i;

	if (glob(CXL "/mem*", 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		look_at_memdev(list, found.gl_pathv[i]);
	globfree(&found);
}

size_t spare_list(struct spare **spares)
{
	struct list list = { 0 };

	look_at_nd(&list);
	look_at_dax(&list);
	look_at_cxl(&list);
	*spares = list.all;
	return list.n;
}
