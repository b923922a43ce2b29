// SPDX-License-Identifier: GPL-2.0-only
/* dev_list(): every device that fmapfs uses, or could use after some change. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "probe.h"

struct list {
	struct dev_info *devs;
	unsigned int count;
};

static int append(struct list *list, const char *name)
{
	char path[DEV_PATH_MAX];
	const struct dev_spec spec = { .by = DEV_BY_PATH, .value = path };
	struct dev_info *more;
	int rc;

	if (snprintf(path, sizeof(path), "/dev/%s", name) >= (int)sizeof(path))
		return 0;
	more = realloc(list->devs, (list->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->devs = more;
	rc = dev_resolve(&spec, 0, &more[list->count]);
	/* It went away meanwhile, or has no node: there is nothing to tell of it. */
	if (rc && !more[list->count].size)
		return rc == -ENOMEM ? rc : 0;
	list->count++;
	return 0;
}

/* Persistent memory: with DAX, or a namespace without. Disks and partitions. */
static bool is_memory(const char *name, const struct nd_item *items, size_t count)
{
	char path[DEV_PATH_MAX];
	struct sys_dev sys;
	unsigned int n;
	size_t i;

	if (snprintf(path, sizeof(path), "/dev/%s", name) >= (int)sizeof(path) ||
	    sys_probe(path, &sys) || sys.type != SYS_BLOCK)
		return false;
	if (sys.dax)
		return true;
	for (i = 0; i < count; i++)
		for (n = 0; n < items[i].nnodes; n++)
			if (!strcmp(items[i].nodes[n], sys.disk))
				return true;
	return false;
}

static int list_blocks(struct list *list)
{
	struct nd_item *items = NULL;
	struct dirent **names = NULL;
	size_t count = 0;
	int n, i, rc = 0;

	/* Without libndctl's knowledge those with DAX are still found. */
	if (nd_list(&items, &count))
		count = 0;
	n = scandir("/sys/class/block", &names, NULL, versionsort);
	for (i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (!rc && name[0] != '.' && is_memory(name, items, count))
			rc = append(list, name);
		free(names[i]);
	}
	free(names);
	free(items);
	return rc;
}

static int list_chars(struct list *list)
{
	struct dax_item *items = NULL;
	size_t count, i;
	int rc = dax_list(&items, &count);

	if (rc)
		return rc;
	for (i = 0; i < count && !rc; i++)
		rc = append(list, items[i].name);
	free(items);
	return rc;
}

int dev_list(struct dev_info **devs, unsigned int *count)
{
	struct list list = { 0 };
	int rc = list_blocks(&list);

	if (!rc)
		rc = list_chars(&list);
	if (rc) {
		free(list.devs);
		return rc;
	}
	*devs = list.devs;
	*count = list.count;
	return 0;
}
