// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs df: what space there is, and what room in the log. */
#include <stdio.h>
#include <string.h>

#include "commands_files.h"
#include "look.h"
#include "text.h"

static const char *const heads[] = {
	"DEVICE", ">SIZE", ">USED", ">FREE", ">LARGEST", ">USE%", "NAME",
};

#define NCOLUMNS	(sizeof(heads) / sizeof(heads[0]))

static uint64_t free_of(const struct media_usage *usage)
{
	return usage->size - usage->reserved - usage->used;
}

static void add_row(struct table *table, const char *device, uint64_t size,
		    const struct media_usage *usage, const char *name)
{
	char sizes[4][TOOL_HUMAN_MAX], percent[8];
	uint64_t files = usage->size - usage->reserved;
	const char *const cells[NCOLUMNS] = {
		device, tool_human(size, sizes[0]), tool_human(usage->used, sizes[1]),
		tool_human(free_of(usage), sizes[2]),
		tool_human(usage->largest, sizes[3]), percent, name,
	};

	/* Rounded up: full is only what is full. */
	snprintf(percent, sizeof(percent), "%u%%", files ?
		 (unsigned int)(100.0L * usage->used / files + 0.999L) : 100);
	table_row(table, cells);
}

static void add_json(struct json_object *obj, uint64_t size,
		     const struct media_usage *usage)
{
	tool_json_u64(obj, "size", size);
	tool_json_u64(obj, "reserved", usage->reserved);
	tool_json_u64(obj, "used", usage->used);
	tool_json_u64(obj, "free", free_of(usage));
	tool_json_u64(obj, "largest", usage->largest);
}

static void one_device(const struct source *s, unsigned int i,
		       const struct media_device *dev, struct table *table,
		       struct json_object *devices)
{
	const char *path = i ? s->devices[i].path : s->path;
	char number[12], name[sizeof(s->path)], uuid[37];
	struct json_object *obj;
	struct media_usage usage;

	if (media_space_usage_of(media_fs_space(s->fs), i, &usage))
		return;
	snprintf(number, sizeof(number), "%u", i);
	text_escape(path, name, sizeof(name));
	if (table) {
		add_row(table, number, dev->size, &usage,
			s->devices[i].missing ? "(missing)" : name);
		return;
	}
	obj = json_object_new_object();
	tool_json_u64(obj, "index", i);
	tool_json_text(obj, "path", name);
	tool_json_text(obj, "uuid", tool_uuid(dev->uuid, uuid));
	tool_json_bool(obj, "missing", s->devices[i].missing);
	add_json(obj, dev->size, &usage);
	json_object_array_add(devices, obj);
}

/* Return: bytes of all devices. */
static uint64_t all_devices(const struct source *s, struct table *table,
			    struct json_object *devices)
{
	const struct media_device *dev;
	uint64_t size = 0;
	unsigned int i;

	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		dev = media_fs_device(s->fs, i);
		if (!dev || !dev->present)
			continue;
		one_device(s, i, dev, table, devices);
		size += dev->size;
	}
	return size;
}

static void say_pool(const struct source *s, const struct media_fs_counts *counts,
		     uint64_t entries, uint64_t most)
{
	char uuid[37];

	printf("Pool %s%s%s: %llu files, %llu directories, %llu of %llu log entries "
	       "(%llu left)\n", tool_uuid(s->sb.fs_uuid, uuid),
	       s->dir ? " on " : "", s->dir ? s->dir : "",
	       (unsigned long long)counts->files,
	       (unsigned long long)counts->directories, (unsigned long long)entries,
	       (unsigned long long)most, (unsigned long long)(most - entries));
}

static void show_pool(const struct source *s, struct json_object *pools)
{
	struct media_fs_counts counts;
	struct json_object *obj, *devices;
	struct media_usage usage;
	struct media_head head = { 0 };
	struct table *table;
	uint64_t size;

	media_fs_count(s->fs, &counts);
	media_space_usage(media_fs_space(s->fs), &usage);
	media_log_head(&s->log, &head, NULL);
	if (!pools) {
		say_pool(s, &counts, head.next, head.entries_max);
		table = table_new(heads, NCOLUMNS);
		size = all_devices(s, table, NULL);
		if (counts.devices > 1)
			add_row(table, "all", size, &usage, "");
		table_print(table);
		return;
	}
	obj = json_object_new_object();
	devices = json_object_new_array();
	look_json(s, obj);
	size = all_devices(s, NULL, devices);
	add_json(obj, size, &usage);
	tool_json_u64(obj, "files", counts.files);
	tool_json_u64(obj, "directories", counts.directories);
	tool_json_u64(obj, "log_entries", head.next);
	tool_json_u64(obj, "log_entries_max", head.entries_max);
	tool_json_u64(obj, "log_entries_left", head.entries_max - head.next);
	json_object_object_add(obj, "devices", devices);
	json_object_array_add(pools, obj);
}

static int one_pool(struct look *look, const char *name, struct json_object *pools,
		    bool first)
{
	struct source source;

	if (!look_open(look, name, &source))
		return TOOL_FAILED;
	if (!first && !pools)
		putchar('\n');
	show_pool(&source, pools);
	return look_close(&source, TOOL_FINE);
}

/* A mount of something else is none of ours. */
static int all_mounts(struct look *look, struct json_object *pools)
{
	struct tool_mount *mounts;
	int code = TOOL_FINE;
	bool first = true;
	size_t count, i;
	char *dir;

	if (tool_mounts(&mounts, &count))
		count = 0;
	for (i = 0; i < count; i++) {
		if (tool_life(mounts[i].dir) != TOOL_ALIVE) {
			tool_error("%s: its server is dead or does not answer; see "
				   "\"fmapfs status\"", mounts[i].dir);
			code = TOOL_FAILED;
			continue;
		}
		dir = pool_dir(mounts[i].dir);
		if (dir && one_pool(look, mounts[i].dir, pools, first))
			code = TOOL_FAILED;
		first = first && !dir;
		free(dir);
	}
	tool_mounts_free(mounts, count);
	if (first && code == TOOL_FINE)
		tool_say("No pool is mounted here; \"fmapfs df POOL\" shows one that is "
			 "not.");
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *pools = NULL;
	struct look look = { 0 };
	int code = TOOL_FINE, c, i;

	while ((c = tool_option(cmd, argc, argv)) != -1)
		look_option(&look, c, optarg);
	if (tool_json)
		pools = json_object_new_array();
	if (optind == argc)
		code = all_mounts(&look, pools);
	for (i = optind; i < argc; i++)
		if (one_pool(&look, argv[i], pools, i == optind))
			code = TOOL_FAILED;
	if (pools && tool_print_json(pools))
		code = TOOL_FAILED;
	return code;
}

static const struct option longs[] = {
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_df = {
	.name = "df",
	.args = "[POOL...]",
	.help = "show the space of pools, by device, and the room in their logs",
	.more = "Without POOL all that are mounted here are shown. LARGEST is the largest free\n"
		"range. A file takes whole allocation units, of at most 16 ranges.\n" LOOK_HELP,
	.shorts = LOOK_SHORTS,
	.longs = longs,
	.run = run,
};
