// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs devices: what memory there is, what is on it, and what is to be done with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "run.h"
#include "spare.h"
#include "users.h"

#define BLOCK	4096	/* bytes, O_DIRECT reads so much */

/**
 * struct row - a device
 * @has_pool: a superblock was found, @sb
 * @user: who has it mounted; to be freed, or NULL
 */
struct row {
	struct dev_info dev;
	bool has_pool;
	struct media_super sb;
	char *user;
};

/* ------------------------------------------------------------------------
 * What pool is on it?
 */

/* Of a block device that is in use: past the cache, as DAX goes. */
static bool read_super(const struct dev_info *dev, struct media_super *sb)
{
	int fd = dev->kind == DEV_DEVDAX ? -1 :
		 open(dev->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	bool good = false;
	void *buf;

	if (fd < 0)
		return false;
	if (!posix_memalign(&buf, BLOCK, BLOCK)) {
		good = pread(fd, buf, BLOCK, 0) == BLOCK &&
		       !media_super_read(buf, BLOCK, 0, sb, NULL);
		free(buf);
	}
	close(fd);
	return good;
}

static void find_pools(struct row *rows, unsigned int n)
{
	/* What cannot be looked at is no error here. */
	const struct pool_log quiet = { 0 };
	struct pool_found *found = NULL;
	unsigned int count = 0, i, k;

	if (!geteuid()) {
		tool_need_module();
		if (pool_scan(&found, &count, &quiet))
			count = 0;
	}
	for (i = 0; i < n; i++) {
		for (k = 0; k < count; k++)
			if (!strcmp(found[k].dev.path, rows[i].dev.path))
				break;
		rows[i].has_pool = k < count;
		if (k < count)
			rows[i].sb = found[k].sb;
		else
			rows[i].has_pool = read_super(&rows[i].dev, &rows[i].sb);
	}
	free(found);
}

static const char *role(const struct row *row)
{
	return !row->has_pool ? "" :
	       row->sb.flags & FAMFS_SUPER_SECONDARY ? "secondary" : "primary";
}

/* ------------------------------------------------------------------------
 * JSON
 */

static const char *kind_name(const struct dev_info *dev)
{
	return dev->kind == DEV_PMEM ? "pmem" :
	       dev->kind == DEV_DEVDAX ? "dax" : "block";
}

static void add_node(struct json_object *obj, int node)
{
	json_object_object_add(obj, "numa_node", node < 0 ? NULL :
						 json_object_new_int(node));
}

static struct json_object *row_json(const struct row *row)
{
	struct json_object *obj = json_object_new_object(), *pool = NULL;
	const struct dev_info *dev = &row->dev;
	char uuid[37];

	tool_json_text(obj, "path", dev->path);
	tool_json_text(obj, "name", dev->name);
	tool_json_text(obj, "kind", kind_name(dev));
	tool_json_text(obj, "mode", dev->mode);
	tool_json_text(obj, "driver", dev->driver);
	tool_json_u64(obj, "size", dev->size);
	add_node(obj, dev->numa_node);
	tool_json_text(obj, "namespace", dev->nspace);
	tool_json_text(obj, "namespace_uuid", dev->uuid);
	tool_json_bool(obj, "usable", !dev->why[0]);
	tool_json_text(obj, "todo", dev->why);
	tool_json_text(obj, "used_by", row->user);
	if (row->has_pool) {
		pool = json_object_new_object();
		tool_json_text(pool, "uuid", tool_uuid(row->sb.fs_uuid, uuid));
		tool_json_text(pool, "role", role(row));
		tool_json_u64(pool, "version", row->sb.version);
	}
	json_object_object_add(obj, "pool", pool);
	return obj;
}

static struct json_object *spare_json(const struct spare *spare)
{
	struct json_object *obj = json_object_new_object();

	tool_json_text(obj, "name", spare->name);
	tool_json_text(obj, "what", spare->what);
	tool_json_u64(obj, "size", spare->size);
	add_node(obj, spare->numa_node);
	tool_json_text(obj, "todo", spare->todo);
	return obj;
}

static int show_json(const struct row *rows, unsigned int n,
		     const struct spare *spares, size_t nspares)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	struct json_object *unused = json_object_new_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_array_add(devices, row_json(&rows[i]));
	for (i = 0; i < nspares; i++)
		json_object_array_add(unused, spare_json(&spares[i]));
	json_object_object_add(obj, "devices", devices);
	json_object_object_add(obj, "spare", unused);
	return tool_print_json(obj);
}

/* ------------------------------------------------------------------------
 * For people
 */

static char *node_text(int node)
{
	return node < 0 ? tool_text("-") : tool_text("%d", node);
}

static char *pool_text(const struct row *row)
{
	char uuid[37];

	if (!row->has_pool)
		return tool_text("%s", row->user ? row->user : "");
	return tool_text("%s %s%s%s", tool_uuid(row->sb.fs_uuid, uuid), role(row),
			 row->user ? ", " : "", row->user ? row->user : "");
}

static void show_rows(const struct row *rows, unsigned int n)
{
	static const char *const heads[] = { "DEVICE", "MODE", "DRIVER", ">SIZE",
					     ">NODE", "NAMESPACE", "POOL" };
	struct table *table = table_new(heads, 7);
	char size[TOOL_HUMAN_MAX];
	unsigned int i;

	for (i = 0; i < n; i++) {
		char *node = node_text(rows[i].dev.numa_node);
		char *pool = pool_text(&rows[i]);

		table_row(table, (const char *const []) {
			rows[i].dev.path, rows[i].dev.mode, rows[i].dev.driver,
			tool_human(rows[i].dev.size, size), node,
			rows[i].dev.nspace, pool });
		free(node);
		free(pool);
	}
	table_print(table);
}

static void show_spares(const struct spare *spares, size_t n)
{
	static const char *const heads[] = { "UNUSED MEMORY", "WHAT", ">SIZE",
					     ">NODE", "WHAT TO DO" };
	struct table *table = table_new(heads, 5);
	char size[TOOL_HUMAN_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		char *node = node_text(spares[i].numa_node);

		table_row(table, (const char *const []) {
			spares[i].name, spares[i].what,
			tool_human(spares[i].size, size), node, spares[i].todo });
		free(node);
	}
	table_print(table);
}

static int show(const struct row *rows, unsigned int n,
		const struct spare *spares, size_t nspares)
{
	unsigned int i;

	if (n)
		show_rows(rows, n);
	for (i = 0; i < n; i++) {
		if (!rows[i].dev.why[0])
			continue;
		printf("\n%s\n", rows[i].dev.why);
		if (rows[i].dev.kind == DEV_DEVDAX)
			printf("  or: fmapfs bind %s\n", rows[i].dev.name);
	}
	if (nspares && n)
		putchar('\n');
	if (nspares)
		show_spares(spares, nspares);
	if (!n && !nspares)
		tool_say("this host has no persistent or CXL memory that the kernel shows (modules nfit, nd_pmem, dax_pmem, cxl_mem, dax_cxl)");
	if (geteuid())
		tool_warn("what is on the devices, and who uses them, only root can see");
	return TOOL_FINE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct dev_info *devs = NULL;
	struct spare *spares;
	struct row *rows;
	unsigned int n, i;
	size_t nspares;
	int rc;

	while (tool_option(cmd, argc, argv) >= 0)
		;
	if (optind < argc)
		return tool_usage(cmd, "no operands are wanted");
	rc = pool_list_devices(&devs, &n);
	if (rc) {
		tool_error("devices cannot be listed: %s", strerror(-rc));
		return TOOL_FAILED;
	}
	rows = tool_alloc(n, sizeof(*rows));
	for (i = 0; i < n; i++) {
		rows[i].dev = devs[i];
		rows[i].user = device_user(&devs[i]);
	}
	free(devs);
	find_pools(rows, n);
	nspares = spare_list(&spares);
	rc = tool_json ? show_json(rows, n, spares, nspares) :
			 show(rows, n, spares, nspares);
	for (i = 0; i < n; i++)
		free(rows[i].user);
	free(rows);
	free(spares);
	return rc;
}

const struct command cmd_devices = {
	.name = "devices",
	.args = "",
	.help = "the memory of this host, what pool is on it, and what to do with it",
	.run = run,
};
