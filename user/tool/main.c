// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs: pools of shared memory. Called as mount.fmapfs it is what mount(8) wants.
 *
 * Read on in this order: tool.h (what commands share), commands_pools.c and
 * commands_files.c (which there are), cmd_*.c (each one).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount_plan.h"
#include "tool.h"

#define LONGS_MAX	32
/* Below those of the commands. */
#define OPT_JSON	(TOOL_OPT - 1)

static const struct {
	const char *title;
	const struct command *const *commands;
} groups[] = {
	{ "Devices, pools, mounts", commands_pools },
	{ "Files, and what lies where", commands_files },
};

#define NGROUPS	(sizeof(groups) / sizeof(groups[0]))

/* What every command takes. */
static const struct option common[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL, 0, NULL, 0 }
};

static int show_help(void)
{
	const struct command *const *cmd;
	unsigned int i;

	puts("Usage: fmapfs COMMAND [options] [operands]\n"
	     "       fmapfs COMMAND --help\n"
	     "       fmapfs --version\n"
	     "Pools of shared memory, in the format of famfs.");
	for (i = 0; i < NGROUPS; i++) {
		if (!groups[i].commands[0])
			continue;
		printf("\n%s:\n", groups[i].title);
		for (cmd = groups[i].commands; *cmd; cmd++)
			printf("  %-10s %s\n", (*cmd)->name, (*cmd)->help);
	}
	puts("\nAll commands take --json. Exit codes, unless a command tells others:\n"
	     "0 done; 1 failed; 2 wrong command line, nothing was done.");
	return TOOL_FINE;
}

static void show_command(const struct command *cmd)
{
	printf("Usage: fmapfs %s %s\n%s.\n\n%s"
	       "  %s --json           one JSON value instead of text\n"
	       "  -h, --help\n",
	       cmd->name, cmd->args, cmd->help, cmd->more ? cmd->more : "",
	       cmd->shorts && strchr(cmd->shorts, 'j') ? "   " : "-j,");
}

static int usage_code(const struct command *cmd)
{
	return cmd->usage ? cmd->usage : TOOL_USAGE;
}

int tool_usage(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fmapfs %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'fmapfs %s --help'.\n", cmd->name);
	return usage_code(cmd);
}

int tool_option(const struct command *cmd, int argc, char **argv)
{
	struct option longs[LONGS_MAX + sizeof(common) / sizeof(common[0])];
	const struct option *own = cmd->longs;
	bool own_j = cmd->shorts && strchr(cmd->shorts, 'j');
	char shorts[80];
	size_t n = 0;
	int c;

	for (; own && own->name && n < LONGS_MAX; own++)
		longs[n++] = *own;
	memcpy(&longs[n], common, sizeof(common));
	snprintf(shorts, sizeof(shorts), "%sh%s", cmd->shorts ? cmd->shorts : "",
		 own_j ? "" : "j");
	for (;;) {
		c = getopt_long(argc, argv, shorts, longs, NULL);
		switch (c) {
		case OPT_JSON:
			tool_json = true;
			continue;
		case 'j':
			if (!own_j) {
				tool_json = true;
				continue;
			}
			return c;
		case 'h':
			show_command(cmd);
			exit(TOOL_FINE);
		case '?':
			/* getopt_long() has said which. */
			fprintf(stderr, "Try 'fmapfs %s --help'.\n", cmd->name);
			exit(usage_code(cmd));
		default:
			return c;
		}
	}
}

static const struct command *find(const char *name)
{
	const struct command *const *cmd;
	unsigned int i;

	for (i = 0; i < NGROUPS; i++)
		for (cmd = groups[i].commands; *cmd; cmd++)
			if (!strcmp((*cmd)->name, name))
				return *cmd;
	return NULL;
}

/* What is opened later must not be taken for one of these three. */
static bool fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	int code;

	tool_command = cmd->name;
	/* What getopt_long() says begins with it. */
	argv[0] = tool_text("fmapfs %s", cmd->name);
	code = cmd->run(cmd, argc, argv);
	/* A full disk or a closed pipe must not pass for success. */
	if ((fflush(stdout) || ferror(stdout)) && code == TOOL_FINE) {
		tool_error("stdout: %s", strerror(errno));
		code = TOOL_FAILED;
	}
	free(argv[0]);
	return code;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	const struct command *cmd;

	if (!fill_stdio())
		return TOOL_FAILED;
	name = name ? name + 1 : argv[0];
	if (!strncmp(name, "mount.", 6))
		return mount_helper(argc, argv);
	if (argc < 2) {
		fputs("fmapfs: which command? Try 'fmapfs --help'.\n", stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return show_help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return puts("fmapfs " VERSION) < 0;
	cmd = find(argv[1]);
	if (!cmd) {
		fprintf(stderr, "fmapfs: there is no command %s\nTry 'fmapfs --help'.\n",
			argv[1]);
		return TOOL_USAGE;
	}
	return run(cmd, argc - 1, argv + 1);
}
