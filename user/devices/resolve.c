// SPDX-License-Identifier: GPL-2.0-only
/*
 * dev_resolve(): a name → a node in /dev → what it is → can it be used?
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "devices.h"
#include "probe.h"

/* Appends a line to @out->why. */
__attribute__((format(printf, 2, 3)))
static void say(struct dev_info *out, const char *fmt, ...)
{
	size_t used = strlen(out->why);
	va_list ap;

	if (used && used < sizeof(out->why) - 1)
		out->why[used++] = '\n';
	va_start(ap, fmt);
	vsnprintf(out->why + used, sizeof(out->why) - used, fmt, ap);
	va_end(ap);
}

/* Appends to the last line of @out->why. */
static void say_more(struct dev_info *out, const char *before, const char *word)
{
	size_t used = strlen(out->why);

	snprintf(out->why + used, sizeof(out->why) - used, "%s%s", before,
		 word);
}

static bool is_uuid(const char *s)
{
	unsigned int i;

	for (i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !strchr("0123456789abcdefABCDEF", s[i])
		    || !s[i])
			return false;
	}
	return !s[36];
}

static int node_path(struct dev_info *out, const char *name)
{
	if (snprintf(out->path, sizeof(out->path), "/dev/%s", name) >=
	    (int)sizeof(out->path))
		return -EINVAL;
	return 0;
}

static void put_item(struct dev_info *out, const struct nd_item *item)
{
	snprintf(out->nspace, sizeof(out->nspace), "%s", item->name);
	snprintf(out->uuid, sizeof(out->uuid), "%s",
		 item->uuid[0] ? item->uuid : item->raw_uuid);
	snprintf(out->mode, sizeof(out->mode), "%s", item->mode);
	if (item->numa_node >= 0)
		out->numa_node = item->numa_node;
}

/* The node of the one namespace that the uuid fits. */
static int node_of_item(const struct nd_item *item, struct dev_info *out)
{
	put_item(out, item);
	if (!item->nnodes) {
		say(out, "%s (uuid %s) is disabled or not yet probed; enable it: ndctl enable-namespace %s",
		    item->name, out->uuid, item->name);
		return -ENODEV;
	}
	if (item->nnodes > 1) {
		unsigned int i;

		say(out, "%s (uuid %s) is cut into several DAX devices; name one with 'daxdev':",
		    item->name, out->uuid);
		for (i = 0; i < item->nnodes; i++)
			say_more(out, i ? ", " : " ", item->nodes[i]);
		if (item->more)
			say_more(out, ", ", "...");
		return -ENOTUNIQ;
	}
	return node_path(out, item->nodes[0]);
}

static int pick_namespace(const struct nd_item *items, size_t count,
			  const char *uuid, struct dev_info *out)
{
	const struct nd_item *found = NULL;
	unsigned int hits = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcasecmp(items[i].uuid, uuid) ||
		    !strcasecmp(items[i].raw_uuid, uuid)) {
			found = &items[i];
			hits++;
		}
	if (hits == 1)
		return node_of_item(found, out);
	if (!hits) {
		say(out, "there is no namespace with the uuid %s; 'ndctl list -Ni' shows those that there are (%zu)",
		    uuid, count);
		return -ENODEV;
	}
	say(out, "%u namespaces have the uuid %s; name one with 'path':", hits,
	    uuid);
	for (i = 0; i < count; i++)
		if (!strcasecmp(items[i].uuid, uuid) ||
		    !strcasecmp(items[i].raw_uuid, uuid))
			say_more(out, " ", items[i].nnodes ? items[i].nodes[0] :
				 items[i].name);
	return -ENOTUNIQ;
}

static int find_namespace(const char *uuid, struct dev_info *out)
{
	struct nd_item *items;
	size_t count;
	int rc;

	if (!is_uuid(uuid)) {
		say(out, "'%s' is no uuid; one looks like 6a0f9d0b-3c5e-4d52-8f2e-0d6a1c9b7e45 ('ndctl list -Ni' shows them)",
		    uuid);
		return -EINVAL;
	}
	rc = nd_list(&items, &count);
	if (rc) {
		say(out, "libndctl cannot list namespaces: %s", strerror(-rc));
		return rc;
	}
	rc = pick_namespace(items, count, uuid, out);
	free(items);
	return rc;
}

static int find_daxdev(const char *name, struct dev_info *out)
{
	struct dax_item *items;
	size_t count, i;
	int rc = dax_list(&items, &count);

	if (rc) {
		say(out, "libdaxctl cannot list devices: %s", strerror(-rc));
		return rc;
	}
	for (i = 0; i < count; i++)
		if (!strcmp(items[i].name, name))
			break;
	if (i < count) {
		rc = node_path(out, name);
	} else {
		rc = -ENODEV;
		say(out, "there is no DAX device %s; there %s", name,
		    count == 1 ? "is" : "are");
		for (i = 0; i < count && i < 8; i++)
			say_more(out, i ? ", " : " ", items[i].name);
		say_more(out, "", !count ? " none" : count > 8 ? ", ..." : "");
	}
	free(items);
	return rc;
}

/* What libndctl knows of the device; to know nothing is no error. */
static void add_namespace(const struct sys_dev *sys, struct dev_info *out)
{
	const char *node = sys->type == SYS_BLOCK ? sys->disk : sys->name;
	struct nd_item *items;
	size_t count, i;
	unsigned int n;

	if (nd_list(&items, &count))
		return;
	for (i = 0; i < count; i++)
		for (n = 0; n < items[i].nnodes; n++)
			if (!strcmp(items[i].nodes[n], node))
				put_item(out, &items[i]);
	free(items);
}

static int judge_block(const struct sys_dev *sys, struct dev_info *out)
{
	long page = sysconf(_SC_PAGESIZE);

	out->kind = DEV_PMEM;
	if (sys->dax && (sys->start % page || sys->size % page)) {
		say(out, "%s starts at byte %llu of %s and has %llu bytes; for DAX both must be multiples of %ld: partition it anew, best at multiples of 2M",
		    out->path, (unsigned long long)sys->start, sys->disk,
		    (unsigned long long)sys->size, page);
		return -EOPNOTSUPP;
	}
	if (sys->dax)
		return 0;
	if (!out->nspace[0]) {
		say(out, "%s is a block device without DAX; fmapfs needs persistent memory in mode fsdax (/dev/pmemN) or a DAX device (/dev/daxX.Y)",
		    out->path);
		return -EOPNOTSUPP;
	}
	say(out, "%s has no DAX: %s is in mode %s and must be in mode fsdax; reconfigure it (this erases it):",
	    out->path, out->nspace, out->mode);
	say(out, "  ndctl create-namespace -f -e %s --mode=fsdax --map=mem",
	    out->nspace);
	return -EOPNOTSUPP;
}

static int judge_dax(const struct sys_dev *sys, struct dev_info *out)
{
	const char *name = sys->name, *driver = sys->driver;

	out->kind = DEV_DEVDAX;
	snprintf(out->driver, sizeof(out->driver), "%s", driver);
	snprintf(out->mode, sizeof(out->mode), "%s",
		 !strcmp(driver, "fsdev_dax") ? "famfs" :
		 !strcmp(driver, "device_dax") ? "devdax" :
		 !strcmp(driver, "kmem") ? "system-ram" : "");
	if (!strcmp(driver, "fsdev_dax"))
		return 0;
	if (*driver)
		say(out, "%s is bound to the driver %s; fmapfs needs fsdev_dax. Rebind it:",
		    out->path, driver);
	else
		say(out, "%s is bound to no driver; fmapfs needs fsdev_dax. Bind it:",
		    out->path);
	if (!sys_has_dax_driver("fsdev_dax"))
		say(out, "  modprobe fsdev_dax        # Linux 7.0 or newer; older kernels can use /dev/pmemN only");
	if (!strcmp(driver, "kmem"))
		say(out, "  daxctl offline-memory %s", name);
	if (*driver)
		say(out, "  echo %s > /sys/bus/dax/drivers/%s/unbind", name,
		    driver);
	say(out, "  echo %s > /sys/bus/dax/drivers/fsdev_dax/new_id", name);
	return -EBUSY;
}

static int judge(const struct sys_dev *sys, unsigned int flags,
		 struct dev_info *out)
{
	bool plain = flags & DEV_ALLOW_PLAIN;
	int rc = -EOPNOTSUPP;

	if (sys->type == SYS_BLOCK)
		rc = judge_block(sys, out);
	else if (sys->type == SYS_DAX)
		rc = judge_dax(sys, out);
	else if (sys->type != SYS_FILE || !plain)
		say(out, "%s is no DAX device; fmapfs needs persistent memory in mode fsdax (/dev/pmemN) or a DAX device (/dev/daxX.Y)",
		    out->path);
	if (!rc || !plain || sys->type == SYS_OTHER)
		return rc;
	if (sys->type != SYS_DAX)
		out->kind = DEV_PLAIN;
	out->why[0] = '\0';
	return 0;
}

static int find(const struct dev_spec *spec, struct dev_info *out)
{
	switch (spec->by) {
	case DEV_BY_NAMESPACE:
		return find_namespace(spec->value, out);
	case DEV_BY_DAXDEV:
		return find_daxdev(spec->value, out);
	default:
		break;
	}
	if (spec->value[0] == '/' &&
	    snprintf(out->path, sizeof(out->path), "%s", spec->value) <
	    (int)sizeof(out->path))
		return 0;
	say(out, "'%s' is no absolute path of at most %d bytes", spec->value,
	    DEV_PATH_MAX - 1);
	return -EINVAL;
}

int dev_resolve(const struct dev_spec *spec, unsigned int flags,
		struct dev_info *out)
{
	struct sys_dev sys;
	int rc;

	memset(out, 0, sizeof(*out));
	out->numa_node = -1;
	rc = find(spec, out);
	if (rc)
		return rc;
	rc = sys_probe(out->path, &sys);
	if (rc) {
		say(out, "%s: %s", out->path, strerror(-rc));
		return rc == -ENOENT ? -ENODEV : rc;
	}
	strcpy(out->path, sys.path);
	strcpy(out->name, sys.name);
	out->size = sys.size;
	out->start = sys.start;
	out->id = sys.id;
	out->numa_node = sys.numa_node;
	if (sys.type == SYS_BLOCK || sys.type == SYS_DAX)
		add_namespace(&sys, out);
	return judge(&sys, flags, out);
}
