// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs map: a picture of what lies where. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands_files.h"
#include "look.h"
#include "map.h"
#include "text.h"

enum {
	OPT_SVG = TOOL_OPT,
	OPT_WIDTH,
};

static void ranges_json(const struct map *map, const struct map_device *d,
			struct json_object *obj)
{
	static const char *const kinds[] = {
		[MAP_FREE] = "free", [MAP_SUPER] = "superblock", [MAP_LOG] = "log",
		[MAP_FILE] = "file",
	};
	struct json_object *array = json_object_new_array(), *one;
	char path[TEXT_PATH_MAX];
	size_t i;

	for (i = 0; i < d->nranges; i++) {
		one = json_object_new_object();
		tool_json_u64(one, "offset", d->ranges[i].off);
		tool_json_u64(one, "length", d->ranges[i].len);
		tool_json_text(one, "kind", kinds[d->ranges[i].kind]);
		if (d->ranges[i].kind == MAP_FILE) {
			tool_json_text(one, "path", map_path(map, d->ranges[i].file, path));
			tool_json_u64(one, "part", d->ranges[i].part);
		}
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "ranges", array);
}

static int print_json(const struct map *map)
{
	struct json_object *obj = json_object_new_object(), *devices, *one;
	char uuid[37];
	unsigned int i;

	look_json(map->source, obj);
	devices = json_object_new_array();
	for (i = 0; i < map->ndevices; i++) {
		one = json_object_new_object();
		tool_json_u64(one, "index", map->devices[i].index);
		tool_json_text(one, "path", map->devices[i].path);
		tool_json_text(one, "uuid", tool_uuid(map->devices[i].uuid, uuid));
		tool_json_u64(one, "size", map->devices[i].size);
		tool_json_u64(one, "free", map->devices[i].free);
		ranges_json(map, &map->devices[i], one);
		json_object_array_add(devices, one);
	}
	json_object_object_add(obj, "devices", devices);
	return tool_print_json(obj);
}

static int write_svg(const struct map *map, const char *name)
{
	FILE *out = strcmp(name, "-") ? fopen(name, "we") : stdout;
	bool bad;

	if (!out) {
		tool_error("%s: %s", name, strerror(errno));
		return TOOL_FAILED;
	}
	map_svg(map, out);
	bad = fflush(out) || ferror(out);
	if (out != stdout)
		bad |= fclose(out) != 0;
	if (bad)
		tool_error("%s: %s", name, strerror(errno));
	return bad ? TOOL_FAILED : TOOL_FINE;
}

static int show(const struct source *source, const char *svg, unsigned int width)
{
	int code = TOOL_FINE;
	struct map map;
	char uuid[37];

	if (map_make(&map, source)) {
		tool_error("out of memory");
		return TOOL_FAILED;
	}
	if (svg)
		code = write_svg(&map, svg);
	if (tool_json) {
		if (!svg || strcmp(svg, "-"))
			code |= print_json(&map);
	} else if (!svg) {
		printf("Pool %s\n", tool_uuid(source->sb.fs_uuid, uuid));
		map_term(&map, stdout, width, tool_colours());
	}
	map_free(&map);
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	uint64_t width = tool_columns();
	struct look look = { 0 };
	const char *svg = NULL;
	struct source source;
	int c, code;

	while ((c = tool_option(cmd, argc, argv)) != -1) {
		look_option(&look, c, optarg);
		if (c == OPT_SVG)
			svg = optarg;
		if (c == OPT_WIDTH && !tool_number("--width", optarg, 20, 1000, &width))
			return TOOL_USAGE;
	}
	if (optind + 1 != argc)
		return tool_usage(cmd, "which pool?");
	if (!look_open(&look, argv[optind], &source))
		return TOOL_FAILED;
	code = show(&source, svg, width);
	return look_close(&source, code);
}

static const struct option longs[] = {
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "width", required_argument, NULL, OPT_WIDTH },
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_map = {
	.name = "map",
	.args = "[--svg FILE] POOL",
	.help = "draw what lies where on each device of a pool",
	.more = "A block stands for an equal part of the device; it is free only if all of it is.\n"
		"Colours, where the terminal has them, else letters, tell files apart; the strips\n"
		"of a file have one.\n"
		"      --svg FILE       write a figure instead; -: to stdout\n"
		"      --width N        characters in a line; else those of the terminal\n"
		LOOK_HELP,
	.shorts = LOOK_SHORTS,
	.longs = longs,
	.run = run,
};
