// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs ls: what the log says that there is, mounted or not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands_files.h"
#include "look.h"
#include "text.h"

/**
 * struct listing - a command line
 * @json: array, or NULL
 */
struct listing {
	const struct source *source;
	struct json_object *json;
	bool more;
	bool recursive;
};

static const char *const heads[] = {
	"MODE", ">UID", ">GID", ">SIZE", "LAYOUT", "HOSTS", "NAME",
};

#define NCOLUMNS	(sizeof(heads) / sizeof(heads[0]))

static void mode_text(const struct media_node *node, char buf[11])
{
	static const char bits[] = "rwxrwxrwx";
	unsigned int i;

	buf[0] = node->is_dir ? 'd' : '-';
	for (i = 0; i < 9; i++)
		buf[i + 1] = node->mode >> (8 - i) & 1 ? bits[i] : '-';
	buf[10] = '\0';
	if (node->mode & 04000)
		buf[3] = buf[3] == 'x' ? 's' : 'S';
	if (node->mode & 02000)
		buf[6] = buf[6] == 'x' ? 's' : 'S';
	if (node->mode & 01000)
		buf[9] = buf[9] == 'x' ? 't' : 'T';
}

static void layout_text(const struct media_node *node, char *buf, size_t size)
{
	char chunk[SIZE_SHOW_MAX];

	buf[0] = '\0';
	if (node->is_dir)
		return;
	if (node->map_type == FAMFS_MAP_INTERLEAVED)
		snprintf(buf, size, "%u strips of %s", node->nextents,
			 size_show(node->chunk_size, chunk));
	else
		snprintf(buf, size, "%u extent%s", node->nextents,
			 node->nextents == 1 ? "" : "s");
}

static const char *hosts_text(const struct media_node *node)
{
	return node->is_dir ? "" : node->flags & FAMFS_FILE_ALL_RO ? "all ro" :
	       node->flags & FAMFS_FILE_ALL_RW ? "all rw" : "";
}

static void add_row(struct table *table, const struct media_node *node,
		    const char *name)
{
	char mode[11], uid[12], gid[12], size[24], layout[40];
	const char *const cells[NCOLUMNS] = {
		mode, uid, gid, size, layout, hosts_text(node), name,
	};

	mode_text(node, mode);
	snprintf(uid, sizeof(uid), "%u", node->uid);
	snprintf(gid, sizeof(gid), "%u", node->gid);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)node->size);
	if (node->is_dir)
		size[0] = '\0';
	layout_text(node, layout, sizeof(layout));
	table_row(table, cells);
}

static void add_json(struct json_object *array, const struct source *s,
		     const struct media_node *node)
{
	struct json_object *obj = json_object_new_object();
	char path[FAMFS_PATH_MAX], text[TEXT_PATH_MAX], mode[8];

	media_fs_path(s->fs, node->ino, path);
	tool_json_text(obj, "path", text_escape(path, text, sizeof(text)));
	tool_json_text(obj, "type", node->is_dir ? "directory" : "file");
	snprintf(mode, sizeof(mode), "%04o", node->mode);
	tool_json_text(obj, "mode", mode);
	tool_json_u64(obj, "uid", node->uid);
	tool_json_u64(obj, "gid", node->gid);
	tool_json_u64(obj, "entry", node->ino - MEDIA_INO_FIRST);
	if (!node->is_dir) {
		tool_json_u64(obj, "size", node->size);
		tool_json_u64(obj, "flags", node->flags);
		tool_json_text(obj, "layout", node->map_type == FAMFS_MAP_INTERLEAVED ?
			       "interleaved" : "simple");
		tool_json_u64(obj, "ranges", node->nextents);
		if (node->map_type == FAMFS_MAP_INTERLEAVED)
			tool_json_u64(obj, "chunk", node->chunk_size);
	}
	json_object_array_add(array, obj);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct media_node *const *)a)->name,
		      (*(const struct media_node *const *)b)->name);
}

/* .meta is in no log; what is shown is. Return: how many. */
static size_t sorted(const struct source *s, const struct media_node *dir,
		     const struct media_node ***result)
{
	const struct media_node **nodes = tool_alloc(dir->nentries, sizeof(*nodes));
	uint64_t pos;
	size_t n = 0;

	for (pos = 0; pos < dir->nentries; pos++) {
		nodes[n] = media_fs_entry(s->fs, dir->ino, pos);
		n += nodes[n] && nodes[n]->ino >= MEDIA_INO_FIRST;
	}
	qsort(nodes, n, sizeof(*nodes), by_name);
	*result = nodes;
	return n;
}

static void print_nodes(struct listing *l, const struct media_node *const *nodes,
			size_t n)
{
	struct table *table = l->more && n ? table_new(heads, NCOLUMNS) : NULL;
	char name[TEXT_PATH_MAX + 1];
	size_t i;

	for (i = 0; i < n; i++) {
		if (l->json) {
			add_json(l->json, l->source, nodes[i]);
			continue;
		}
		text_escape(nodes[i]->name, name, TEXT_PATH_MAX);
		if (nodes[i]->is_dir)
			strcat(name, "/");
		if (table)
			add_row(table, nodes[i], name);
		else
			puts(name);
	}
	if (table && !l->json)
		table_print(table);
}

static void list(struct listing *l, const struct media_node *dir, bool title)
{
	const struct media_node **nodes;
	char path[FAMFS_PATH_MAX], text[TEXT_PATH_MAX];
	size_t n, i;

	n = sorted(l->source, dir, &nodes);
	if (title && !l->json) {
		media_fs_path(l->source->fs, dir->ino, path);
		printf("%s:\n", *path ? text_escape(path, text, sizeof(text)) : ".");
	}
	print_nodes(l, nodes, n);
	for (i = 0; i < n && l->recursive; i++) {
		if (!nodes[i]->is_dir)
			continue;
		if (!l->json)
			putchar('\n');
		list(l, nodes[i], true);
	}
	free(nodes);
}

static int list_path(struct listing *l, const char *path, bool title)
{
	const struct media_node *node = look_node(l->source, path);
	char text[TEXT_PATH_MAX];

	if (!node) {
		tool_error("%s: the log tells of no such file or directory",
			   text_escape(*path ? path : l->source->inside, text,
				       sizeof(text)));
		return TOOL_FAILED;
	}
	if (node->is_dir)
		list(l, node, title || l->recursive);
	else
		print_nodes(l, &node, 1);
	return TOOL_FINE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct listing l = { 0 };
	struct look look = { 0 };
	struct source source;
	int c, i, code = TOOL_FINE;

	while ((c = tool_option(cmd, argc, argv)) != -1) {
		l.more |= c == 'l';
		l.recursive |= c == 'R';
		look_option(&look, c, optarg);
	}
	if (optind == argc)
		return tool_usage(cmd, "which pool?");
	if (!look_open(&look, argv[optind], &source))
		return TOOL_FAILED;
	l.source = &source;
	l.json = tool_json ? json_object_new_array() : NULL;
	if (optind + 1 == argc)
		code = list_path(&l, "", false);
	for (i = optind + 1; i < argc; i++)
		if (list_path(&l, argv[i], optind + 2 < argc))
			code = TOOL_FAILED;
	if (l.json && tool_print_json(l.json))
		code = TOOL_FAILED;
	return look_close(&source, code);
}

static const struct option longs[] = {
	LOOK_LONGS,
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_ls = {
	.name = "ls",
	.args = "[-l] [-R] POOL [PATH...]",
	.help = "list the files of a pool, mounted or not",
	.more = "PATH is relative to POOL. Control characters in names are shown as \\ooo.\n"
		"  -l                   mode, owner, size, layout also; \"all ro\", \"all rw\": what\n"
		"                       all hosts may do with the file, as the log says\n"
		"  -R                   directories below also\n" LOOK_HELP,
	.shorts = "lR" LOOK_SHORTS,
	.longs = longs,
	.run = run,
};
