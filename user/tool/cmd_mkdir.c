// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs mkdir: directories of a mounted pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands_files.h"
#include "look.h"
#include "text.h"

struct making {
	mode_t mode;
	bool parents;
};

static int make_one(const struct making *m, const char *path, mode_t mode, bool last)
{
	struct stat st;

	if (!mkdir(path, mode))
		return TOOL_FINE;
	/* A client may not make it, but it may be there. */
	if (m->parents && (errno == EEXIST || errno == EROFS || errno == EACCES)) {
		int error = errno;

		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			return TOOL_FINE;
		errno = error;
	}
	if (errno == ENOENT && last && !m->parents) {
		tool_error("%s: the directory that it is in is not there; -p makes it, too",
			   path);
		return TOOL_FAILED;
	}
	pool_error(path, "mkdir", errno, 0);
	return TOOL_FAILED;
}

/* With -p those on the way, which their owner at least can go through. */
static int make_path(const struct making *m, const char *path)
{
	char *part = tool_text("%s", path), *slash = part;
	int code = TOOL_FINE;

	while (m->parents && code == TOOL_FINE) {
		slash += strspn(slash, "/");
		slash = strchr(slash, '/');
		if (!slash || !slash[strspn(slash, "/")])
			break;
		*slash = '\0';
		code = make_one(m, part, 0777, false);
		*slash = '/';
	}
	free(part);
	return code == TOOL_FINE ? make_one(m, path, m->mode, true) : code;
}

static int make(const struct making *m, const char *path, struct json_object *dirs)
{
	char name[4096], *dir = pool_dir(path);
	struct json_object *obj;
	int code = TOOL_FAILED;

	text_escape(path, name, sizeof(name));
	if (!dir)
		tool_error("%s is not in a mounted pool; mount it with \"fmapfs mount\"",
			   name);
	else
		code = make_path(m, path);
	free(dir);
	if (dirs) {
		obj = json_object_new_object();
		tool_json_text(obj, "directory", name);
		tool_json_bool(obj, "done", code == TOOL_FINE);
		json_object_array_add(dirs, obj);
	}
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *dirs = NULL;
	struct making m = { .mode = 0777 };
	int c, i, code = TOOL_FINE;
	uint64_t n;

	while ((c = tool_option(cmd, argc, argv)) != -1) {
		m.parents |= c == 'p';
		if (c != 'm')
			continue;
		if (number_parse(optarg, 8, 07777, &n))
			return tool_usage(cmd, "--mode: '%s' is no mode; write 755 for "
					  "example", optarg);
		m.mode = n;
	}
	if (optind == argc)
		return tool_usage(cmd, "which directory?");
	if (tool_json)
		dirs = json_object_new_array();
	for (i = optind; i < argc; i++)
		code |= make(&m, argv[i], dirs);
	if (dirs)
		code |= tool_print_json(dirs);
	return code;
}

static const struct option longs[] = {
	{ "parents", no_argument, NULL, 'p' },
	{ "mode", required_argument, NULL, 'm' },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_mkdir = {
	.name = "mkdir",
	.args = "[-p] [-m MODE] DIR...",
	.help = "make directories in a mounted pool",
	.more = "  -p, --parents        those above also; one that is there is no error\n"
		"  -m, --mode MODE      777; the umask is taken from it\n",
	.shorts = "pm:",
	.longs = longs,
	.run = run,
};
