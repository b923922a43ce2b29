// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs fsck: what is wrong with a pool. It changes nothing. */
#include <stdio.h>
#include <string.h>

#include "commands_files.h"
#include "fsck.h"
#include "look.h"

static const char *level_name(enum fsck_level level)
{
	return level == FSCK_ERROR ? "error" : level == FSCK_MISSING ? "missing" :
	       level == FSCK_WARNING ? "warning" : "note";
}

static const char *region_name(enum media_region region)
{
	return region == MEDIA_SUPER ? "superblock" :
	       region == MEDIA_LOG_HEADER ? "log header" : "log entry";
}

static struct json_object *finding_json(const struct fsck_finding *finding)
{
	struct json_object *obj = json_object_new_object();

	tool_json_text(obj, "level", level_name(finding->level));
	tool_json_text(obj, "what", finding->what);
	tool_json_text(obj, "text", finding->text);
	if (!finding->where)
		return obj;
	tool_json_text(obj, "region", region_name(finding->err.region));
	if (finding->err.region == MEDIA_LOG_ENTRY)
		tool_json_u64(obj, "index", finding->err.index);
	tool_json_u64(obj, "offset", finding->err.offset);
	tool_json_text(obj, "field", finding->err.field);
	tool_json_u64(obj, "value", finding->err.value);
	tool_json_text(obj, "rule", finding->err.rule);
	return obj;
}

static void counts_json(const struct source *s, const struct fsck_report *report,
			struct json_object *obj)
{
	struct media_fs_counts counts = { 0 };
	struct media_usage usage = { 0 };

	if (s->fs) {
		media_fs_count(s->fs, &counts);
		media_space_usage(media_fs_space(s->fs), &usage);
	}
	tool_json_u64(obj, "log_entries", report->entries);
	tool_json_u64(obj, "log_entries_replayed", report->replayed);
	tool_json_u64(obj, "log_entries_lost", report->lost);
	tool_json_u64(obj, "log_entries_wrong", report->bad);
	tool_json_u64(obj, "log_entries_left", report->room);
	tool_json_u64(obj, "files", counts.files);
	tool_json_u64(obj, "directories", counts.directories);
	tool_json_u64(obj, "devices", counts.devices);
	tool_json_u64(obj, "size", usage.size);
	tool_json_u64(obj, "used", usage.used);
	tool_json_u64(obj, "free", usage.size - usage.reserved - usage.used);
}

static void print_json(const struct source *s, const struct fsck_report *report)
{
	struct json_object *obj = json_object_new_object(), *array;
	size_t i;

	look_json(s, obj);
	tool_json_u64(obj, "exit", report->code);
	counts_json(s, report, obj);
	array = json_object_new_array();
	for (i = 0; i < report->count; i++)
		json_object_array_add(array, finding_json(&report->findings[i]));
	json_object_object_add(obj, "findings", array);
	tool_print_json(obj);
}

static void print_counts(const struct source *s, const struct fsck_report *report)
{
	char size[TOOL_HUMAN_MAX], used[TOOL_HUMAN_MAX], rest[TOOL_HUMAN_MAX], uuid[37];
	struct media_fs_counts counts;
	struct media_usage usage;

	if (!s->fs || s->rc)
		return;
	media_fs_count(s->fs, &counts);
	media_space_usage(media_fs_space(s->fs), &usage);
	printf("pool %s, version %u: %u device%s, %s; %llu files, %llu directories, %s; "
	       "%s free; %llu of %llu log entries read, room for %llu more\n",
	       tool_uuid(s->sb.fs_uuid, uuid), s->sb.version, counts.devices,
	       counts.devices == 1 ? "" : "s", tool_human(usage.size, size),
	       (unsigned long long)counts.files,
	       (unsigned long long)counts.directories, tool_human(usage.used, used),
	       tool_human(usage.size - usage.reserved - usage.used, rest),
	       (unsigned long long)report->replayed,
	       (unsigned long long)report->entries, (unsigned long long)report->room);
}

static void print_report(const struct source *s, const struct fsck_report *report)
{
	const struct fsck_finding *f;
	enum tool_colour colour;
	size_t i;

	for (i = 0; i < report->count; i++) {
		f = &report->findings[i];
		colour = f->level == FSCK_ERROR ? TOOL_RED :
			 f->level == FSCK_NOTE ? TOOL_DIM : TOOL_YELLOW;
		printf("%s%s%s: %s\n", tool_colour(colour), level_name(f->level),
		       tool_colour(TOOL_PLAIN), f->text);
	}
	print_counts(s, report);
	if (report->code == FSCK_CLEAN)
		printf("clean\n");
	else if (report->code == FSCK_DAMAGE)
		printf("Nothing was changed. What an error hides stays hidden, the rest can be "
		       "used: copy it while it can be read, and make the pool anew.\n");
	else if (report->missing)
		printf("Nothing wrong was found, but %u device%s could not be checked.\n",
		       report->missing, report->missing == 1 ? "" : "s");
}

static int check(const struct source *source)
{
	struct fsck_report report;
	int code = FSCK_FAILED;

	if (fsck_check(source, &report)) {
		tool_error("out of memory");
	} else {
		code = report.code;
		if (tool_json)
			print_json(source, &report);
		else
			print_report(source, &report);
	}
	fsck_free(&report);
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct look look = { .args.behind = true };
	struct source source;
	int c, code = FSCK_FAILED;

	while ((c = tool_option(cmd, argc, argv)) != -1)
		look_option(&look, c, optarg);
	if (optind + 1 != argc)
		return tool_usage(cmd, "which pool?");
	look.args.name = argv[optind];
	look.args.others = look.others;
	if (!source_open(&source, &look.args, &tool_log))
		code = check(&source);
	source_close(&source);
	return code;
}

static const struct option longs[] = {
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_fsck = {
	.name = "fsck",
	.args = "POOL",
	.help = "say what is wrong with a pool; it changes nothing",
	.more = "Checked are the superblocks, the log's header and all its entries, also those\n"
		"behind one that stops the replay, the space of all files, the devices.\n"
		"Exit codes: 0 clean; 1 there is something to tell, the pool is whole;\n"
		"4 something is wrong, and stays so; 8 it, or a device, could not be checked;\n"
		"16 usage.\n"
		LOOK_HELP,
	.shorts = LOOK_SHORTS,
	.longs = longs,
	.usage = FSCK_USAGE,
	.run = run,
};
