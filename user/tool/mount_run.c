// SPDX-License-Identifier: GPL-2.0-only
/* Starting fmapfsd, and what becomes of it in the words of mount(8). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mount_plan.h"
#include "run.h"
#include "tool.h"

/* Exit codes of fmapfsd. */
enum {
	SERVER_WRONG = 1,
	SERVER_USAGE = 2,
};

/* Of a uuid nobody knows without a look at all devices. */
static bool is_missing(const char *source)
{
	char *node = NULL;
	bool missing;

	if (!strncmp(source, "dax", 3))
		node = tool_text("/dev/%s", source);
	else if (source[0] != '/')
		return false;
	missing = access(node ? node : source, F_OK) && errno == ENOENT;
	free(node);
	return missing;
}

static int remount(const struct mount_plan *plan, const char *who)
{
	if (!mount(NULL, plan->dir, NULL, MS_REMOUNT | plan->flags, NULL))
		return MOUNT_FINE;
	fprintf(stderr, "%s: %s: cannot be remounted: %s\n", who, plan->dir,
		strerror(errno));
	return errno == EPERM ? MOUNT_USAGE : MOUNT_FAILED;
}

static void tell(char *const *command)
{
	for (; *command; command++)
		fprintf(stderr, "%s%c", *command, command[1] ? ' ' : '\n');
}

/* What fmapfsd did not do it has said itself. */
static int code_of(int status, const char *who, const char *server)
{
	switch (status) {
	case 0:
		return MOUNT_FINE;
	case SERVER_USAGE:
		return MOUNT_USAGE;
	case TOOL_NO_PROGRAM:
		fprintf(stderr, "%s: %s cannot be executed; is fmapfs installed in full?\n",
			who, server);
		return MOUNT_SYSTEM;
	case 256 + SIGINT:
	case 256 + SIGTERM:
		return MOUNT_USER;
	default:
		break;
	}
	if (status < 0)
		fprintf(stderr, "%s: no process: %s\n", who, strerror(-status));
	else if (status > 256)
		fprintf(stderr, "%s: fmapfsd was ended by signal %d\n", who,
			status - 256);
	return status < 0 ? MOUNT_SYSTEM : MOUNT_FAILED;
}

static int start_server(const struct mount_plan *plan, const char *who)
{
	const char *server = secure_getenv("FMAPFSD");
	pid_t pid;

	if (!server)
		server = FMAPFSD;
	tool_need_module();
	pid = tool_start(server, plan->server);
	return code_of(pid < 0 ? pid : tool_wait(pid), who, server);
}

int mount_plan_run(const struct mount_plan *plan, const char *who)
{
	if (plan->remount)
		return plan->fake ? MOUNT_FINE : remount(plan, who);
	if (plan->verbose)
		tell(plan->server);
	if (plan->nofail && is_missing(plan->source))
		return MOUNT_FINE;
	if (geteuid()) {
		fprintf(stderr, "%s: only root can mount; try sudo\n", who);
		return MOUNT_USAGE;
	}
	return plan->fake ? MOUNT_FINE : start_server(plan, who);
}

int mount_helper(int argc, char **argv)
{
	struct mount_plan plan;
	int rc = mount_plan_make(argc, argv, &plan);

	if (rc)
		fprintf(stderr, "mount.fmapfs: %s\n", plan.why);
	else
		rc = mount_plan_run(&plan, "mount.fmapfs");
	mount_plan_free(&plan);
	return rc;
}
