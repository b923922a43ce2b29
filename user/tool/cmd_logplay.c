// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs logplay: what the log says, entry by entry. */
#include <stdio.h>
#include <string.h>

#include "commands_files.h"
#include "look.h"
#include "text.h"

#define OPT_FROM	TOOL_OPT

static void add_extents(struct json_object *obj, const char *key,
			const struct famfs_extent *ext, uint64_t count)
{
	struct json_object *array = json_object_new_array(), *one;
	uint64_t i;

	for (i = 0; i < count; i++) {
		one = json_object_new_object();
		tool_json_u64(one, "device", ext[i].devindex);
		tool_json_u64(one, "offset", ext[i].offset);
		tool_json_u64(one, "length", ext[i].len);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, key, array);
}

static void file_json(struct json_object *obj, const struct famfs_file *file)
{
	tool_json_u64(obj, "size", file->size);
	tool_json_u64(obj, "flags", file->flags);
	if (file->fmap.ext_type == FAMFS_MAP_INTERLEAVED) {
		tool_json_u64(obj, "chunk", file->fmap.interleave.chunk_size);
		add_extents(obj, "strips", file->fmap.interleave.strips,
			    file->fmap.interleave.nstrips);
	} else {
		add_extents(obj, "extents", file->fmap.extents, file->fmap.count);
	}
}

static void owner_json(struct json_object *obj, uint32_t mode, uint32_t uid,
		       uint32_t gid)
{
	char text[12];

	snprintf(text, sizeof(text), "%04o", mode);
	tool_json_text(obj, "mode", text);
	tool_json_u64(obj, "uid", uid);
	tool_json_u64(obj, "gid", gid);
}

static struct json_object *entry_json(const struct famfs_entry *entry)
{
	struct json_object *obj = json_object_new_object();
	char text[TEXT_PATH_MAX], uuid[37];

	tool_json_u64(obj, "index", entry->seqnum);
	if (text_entry_path(entry))
		tool_json_text(obj, "path", text_escape(text_entry_path(entry), text,
							sizeof(text)));
	switch (entry->type) {
	case FAMFS_ENTRY_FILE:
		tool_json_text(obj, "type", "FILE");
		owner_json(obj, entry->file.mode, entry->file.uid, entry->file.gid);
		file_json(obj, &entry->file);
		break;
	case FAMFS_ENTRY_MKDIR:
		tool_json_text(obj, "type", "MKDIR");
		owner_json(obj, entry->mkdir.mode, entry->mkdir.uid, entry->mkdir.gid);
		break;
	case FAMFS_ENTRY_ADD_DAXDEV:
		tool_json_text(obj, "type", "ADD_DAXDEV");
		tool_json_u64(obj, "device", entry->add_daxdev.index);
		tool_json_u64(obj, "size", entry->add_daxdev.size);
		tool_json_text(obj, "uuid", tool_uuid(entry->add_daxdev.uuid, uuid));
	}
	return obj;
}

/* What stands by itself and is refused in its place is the end as well. */
static void show_entries(const struct source *s, uint64_t from,
			 struct json_object *entries)
{
	uint64_t end = media_fs_next(s->fs), i;
	char text[TEXT_ENTRY_MAX];
	struct famfs_entry entry;

	for (i = from; i < end; i++) {
		if (media_log_entry(&s->log, i, &entry, NULL))
			break;
		if (entries)
			json_object_array_add(entries, entry_json(&entry));
		else
			printf("%llu %s\n", (unsigned long long)i,
			       text_entry(&entry, text, sizeof(text)));
	}
}

static int show(const struct source *s, uint64_t from)
{
	struct json_object *obj, *entries;
	struct media_head head = { 0 };
	char uuid[37];

	media_log_head(&s->log, &head, NULL);
	if (!tool_json) {
		printf("pool %s version %u device size %llu log len %llu\n",
		       tool_uuid(s->sb.fs_uuid, uuid), s->sb.version,
		       (unsigned long long)s->sb.device.size,
		       (unsigned long long)s->sb.log_len);
		printf("log entries %llu, room for %llu%s\n",
		       (unsigned long long)head.next,
		       (unsigned long long)head.entries_max,
		       head.torn ? ", torn" : "");
		show_entries(s, from, NULL);
		return TOOL_FINE;
	}
	obj = json_object_new_object();
	entries = json_object_new_array();
	look_json(s, obj);
	tool_json_u64(obj, "version", s->sb.version);
	tool_json_u64(obj, "log_entries", head.next);
	tool_json_u64(obj, "log_entries_max", head.entries_max);
	tool_json_bool(obj, "torn", head.torn);
	show_entries(s, from, entries);
	json_object_object_add(obj, "entries", entries);
	return tool_print_json(obj);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct look look = { 0 };
	struct source source;
	uint64_t from = 0;
	int c, code;

	while ((c = tool_option(cmd, argc, argv)) != -1) {
		look_option(&look, c, optarg);
		if (c == OPT_FROM && !tool_number("--from", optarg, 0, UINT64_MAX, &from))
			return TOOL_USAGE;
	}
	if (optind + 1 != argc)
		return tool_usage(cmd, "which pool?");
	if (!look_open(&look, argv[optind], &source))
		return TOOL_FAILED;
	code = show(&source, from);
	return look_close(&source, code);
}

static const struct option longs[] = {
	{ "from", required_argument, NULL, OPT_FROM },
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_logplay = {
	.name = "logplay",
	.args = "[--from N] POOL",
	.help = "show the log of a pool, an entry a line",
	.more = "      --from N         begin with entry N\n" LOOK_HELP,
	.shorts = LOOK_SHORTS,
	.longs = longs,
	.run = run,
};
