// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs fmap: where a file lies; by the kernel, or by the log of an unmounted pool. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fmapfs.h>
#include <linux/fuse_fmap.h>

#include "commands_files.h"
#include "look.h"
#include "rows.h"
#include "text.h"

static const char *const heads[] = {
	">EXTENT", ">STRIP", ">FILE OFFSET", "DEVICE", ">OFFSET", ">LENGTH", ">CHUNK",
};

#define NCOLUMNS	(sizeof(heads) / sizeof(heads[0]))

static void device_text(const struct source_device *devices, uint32_t dev, char *buf,
			size_t size)
{
	char path[256] = "";

	if (dev < MEDIA_DEVICES_MAX)
		text_escape(devices[dev].path, path, sizeof(path));
	snprintf(buf, size, "%" PRIu32 "%s%s", dev, *path ? " " : "", path);
}

static void print_rows(const struct map_rows *rows,
		       const struct source_device *devices)
{
	struct table *table = table_new(heads, NCOLUMNS);
	char extent[12], strip[12], at[24], device[280], off[24], len[24], chunk[24];
	const char *const cells[NCOLUMNS] = { extent, strip, at, device, off, len, chunk };
	const struct map_row *row;

	for (row = rows->rows; row < rows->rows + rows->count; row++) {
		snprintf(extent, sizeof(extent), "%" PRIu32, row->extent);
		strip[0] = chunk[0] = '\0';
		if (row->nstrips) {
			snprintf(strip, sizeof(strip), "%" PRIu32, row->strip);
			snprintf(chunk, sizeof(chunk), "%" PRIu64, row->chunk);
		}
		snprintf(at, sizeof(at), "%" PRIu64, row->file_off);
		device_text(devices, row->dev, device, sizeof(device));
		snprintf(off, sizeof(off), "%" PRIu64, row->off);
		snprintf(len, sizeof(len), "%" PRIu64, row->len);
		table_row(table, cells);
	}
	table_print(table);
}

static int print_json(const char *name, const struct map_rows *rows,
		      const struct source_device *devices, const char *by)
{
	struct json_object *obj = json_object_new_object(), *array, *one;
	const struct map_row *row;

	tool_json_text(obj, "file", name);
	tool_json_text(obj, "by", by);
	tool_json_u64(obj, "size", rows->size);
	array = json_object_new_array();
	for (row = rows->rows; row < rows->rows + rows->count; row++) {
		one = json_object_new_object();
		tool_json_u64(one, "extent", row->extent);
		if (row->nstrips) {
			tool_json_u64(one, "strip", row->strip);
			tool_json_u64(one, "strips", row->nstrips);
			tool_json_u64(one, "chunk", row->chunk);
		}
		tool_json_u64(one, "file_offset", row->file_off);
		tool_json_u64(one, "device", row->dev);
		tool_json_text(one, "path", row->dev < MEDIA_DEVICES_MAX ?
			       devices[row->dev].path : NULL);
		tool_json_u64(one, "offset", row->off);
		tool_json_u64(one, "length", row->len);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "ranges", array);
	return tool_print_json(obj);
}

static int show(const char *name, const struct map_rows *rows,
		const struct source_device *devices, const char *by)
{
	char text[4096];

	text_escape(name, text, sizeof(text));
	if (tool_json)
		return print_json(text, rows, devices, by);
	printf("%s: %" PRIu64 " bytes (by the %s)\n", text, rows->size, by);
	print_rows(rows, devices);
	return TOOL_FINE;
}

/* The message as long as it is. Return: bytes of *@msg, to be freed; or -errno. */
static int ask_kernel(int fd, void **msg)
{
	struct fmapfs_get_fmap get = { .size = FAMFS_FMAP_MAX };
	int tries;

	for (tries = 0; tries < 4; tries++) {
		*msg = tool_alloc(1, get.size);
		get.buf = (uintptr_t)*msg;
		if (!ioctl(fd, FMAPFS_IOC_GET_FMAP, &get))
			return get.size;
		free(*msg);
		if (errno != EOVERFLOW || get.size > FAMFS_FMAP_SIZED_MAX)
			break;
	}
	return -errno;
}

static int kernel_error(const char *name, int error)
{
	if (error == ENODATA)
		tool_error("%s has no fmap: it is an ordinary file of the mount, or new and "
			   "without a size yet", name);
	else if (error == ENOTTY)
		tool_error("%s is on no mount of fmapfs; of a pool that is not mounted: "
			   "fmapfs fmap POOL PATH", name);
	else
		tool_error("%s: %s", name, strerror(error));
	return TOOL_FAILED;
}

static int by_kernel(const char *name)
{
	struct source_device *devices;
	struct map_rows rows;
	struct stat st;
	int fd, n, code;
	void *msg;

	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return kernel_error(name, errno);
	n = S_ISREG(st.st_mode) ? ask_kernel(fd, &msg) : -ENOTTY;
	close(fd);
	if (n < 0)
		return kernel_error(name, -n);
	n = rows_of_message(&rows, msg, n);
	free(msg);
	if (n)
		return kernel_error(name, -n);
	devices = tool_alloc(MEDIA_DEVICES_MAX, sizeof(*devices));
	source_kernel_devices(devices, st.st_dev);
	code = show(name, &rows, devices, "kernel");
	free(devices);
	free(rows.rows);
	return code;
}

static int by_log(struct look *look, const char *pool, const char *path)
{
	const struct media_node *node;
	struct source source;
	struct map_rows rows;
	int code = TOOL_FAILED;

	if (!look_open(look, pool, &source))
		return TOOL_FAILED;
	node = look_node(&source, path);
	if (!node || node->is_dir)
		tool_error("%s: the log tells of no such file", path);
	else if (rows_of_node(&rows, node))
		tool_error("out of memory");
	else
		code = show(path, &rows, source.devices, "log");
	if (code == TOOL_FINE)
		free(rows.rows);
	return look_close(&source, code);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct look look = { 0 };
	int c;

	while ((c = tool_option(cmd, argc, argv)) != -1)
		look_option(&look, c, optarg);
	if (optind + 1 == argc && !look.args.image)
		return by_kernel(argv[optind]);
	if (optind + 2 == argc)
		return by_log(&look, argv[optind], argv[optind + 1]);
	return tool_usage(cmd, "which file? FILE, or POOL and PATH");
}

static const struct option longs[] = {
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_fmap = {
	.name = "fmap",
	.args = "FILE | POOL PATH",
	.help = "show where a file lies: its extents, or strips and chunk",
	.more = "Of FILE, on any mount of fmapfs, it is what the kernel works by; of PATH, relative\n"
		"to POOL, what the log says.\n" LOOK_HELP,
	.shorts = LOOK_SHORTS,
	.longs = longs,
	.run = run,
};
