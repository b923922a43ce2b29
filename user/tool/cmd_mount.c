// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs mount: as mount -t fmapfs does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "mount_plan.h"

/* What stands elsewhere for fmapfsd, which goes to "/"; names of no file stay. */
static char *absolute(const char *name)
{
	char *real = access(name, F_OK) ? NULL : realpath(name, NULL);

	return real ? real : tool_text("%s", name);
}

static int done(const char *pool, const char *dir)
{
	struct json_object *obj;

	if (!tool_json)
		return MOUNT_FINE;
	obj = json_object_new_object();
	tool_json_text(obj, "source", pool);
	tool_json_text(obj, "directory", dir);
	tool_json_bool(obj, "mounted", true);
	return tool_print_json(obj) ? MOUNT_SYSTEM : MOUNT_FINE;
}

static int mount_it(const struct command *cmd, char *options, bool verbose,
		    char **operands)
{
	char *pool = absolute(operands[0]), *dir = absolute(operands[1]);
	char *argv[] = { "mount.fmapfs", verbose ? "-vo" : "-o", options, "--",
			 pool, dir, NULL };
	struct mount_plan plan;
	int rc = mount_plan_make(6, argv, &plan);

	if (rc) {
		tool_usage(cmd, "%s", plan.why);
	} else {
		rc = mount_plan_run(&plan, "fmapfs mount");
		if (!rc)
			rc = done(pool, dir);
	}
	mount_plan_free(&plan);
	free(pool);
	free(dir);
	return rc;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	char *options = tool_text("defaults"), *more;
	bool verbose = false;
	int c, rc;

	while ((c = tool_option(cmd, argc, argv)) >= 0) {
		if (c == 'v') {
			verbose = true;
			continue;
		}
		more = tool_text("%s,%s", options, optarg);
		free(options);
		options = more;
	}
	rc = argc - optind == 2 ?
	     mount_it(cmd, options, verbose, argv + optind) :
	     tool_usage(cmd, "POOL and DIR are wanted");
	free(options);
	return rc;
}

static const struct option longs[] = {
	{ "options", required_argument, NULL, 'o' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_mount = {
	.name = "mount",
	.args = "[-o OPTION[,...]] POOL DIR",
	.help = "mount a pool, or a static layout (a .yaml file)",
	.more =
"POOL is the primary device (a path, daxX.Y, the uuid of a namespace) or the uuid\n"
"of the pool. The same as 'mount -t fmapfs': man mount.fmapfs lists the options.\n"
"Exit codes are those of mount(8): 1 wrong command line, 32 not mounted, ...\n\n"
"  -o, --options=LIST   mount options\n"
"  -v, --verbose        show the command line of fmapfsd\n",
	.shorts = "o:v",
	.longs = longs,
	.usage = MOUNT_USAGE,
	.run = run,
};
