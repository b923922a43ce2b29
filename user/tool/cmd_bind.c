// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs bind, unbind: a DAX character device to fsdev_dax, which has what file systems
 * need, and back. What it was bound to is kept in /run until the next boot.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "daxbus.h"
#include "target.h"
#include "users.h"

#define STATE_DIR	"/run/fmapfs"

/* ------------------------------------------------------------------------
 * What a device was bound to
 */

static char *state_path(const char *name)
{
	return tool_text(STATE_DIR "/driver-%s", name);
}

/*
 * To keep it is of help, not more: without it unbind goes to device_dax. It is done
 * before anything else, so that a bind that is killed can be undone; one after it finds
 * no driver, and what is kept stays.
 */
static int remember(void *ctx, const char *driver)
{
	char *path = state_path(ctx);
	FILE *file;

	if (!*driver && !access(path, F_OK)) {
		free(path);
		return 0;
	}
	if (mkdir(STATE_DIR, 0755) && errno != EEXIST)
		tool_warn("%s: %s", STATE_DIR, strerror(errno));
	file = fopen(path, "we");
	if (!file || fprintf(file, "%s\n", driver) < 0)
		tool_warn("%s: %s; 'fmapfs unbind' will bind it to %s", path,
			  strerror(errno), DRIVER_DEVDAX);
	if (file)
		fclose(file);
	free(path);
	return 0;
}

static void forget(const char *name)
{
	char *path = state_path(name);

	unlink(path);
	free(path);
}

/* Return: false: it is not known, and @driver is what is likely. */
static bool recall(const char *name, char *driver, size_t size)
{
	char *path = state_path(name);
	FILE *file = fopen(path, "re");
	bool known;

	free(path);
	known = file && fgets(driver, size, file);
	if (!known)
		snprintf(driver, size, "%s", DRIVER_DEVDAX);
	if (file)
		fclose(file);
	driver[strcspn(driver, "\n")] = '\0';
	return known;
}

/* ------------------------------------------------------------------------
 * Which devices
 */

static int refuse_kind(const char *name, const struct dev_info *dev)
{
	if (dev->kind == DEV_PMEM)
		tool_error("%s (%s) needs no binding: it is in mode fsdax and can be used as it is: fmapfs mkfs %s",
			   name, dev->path, dev->path);
	else if (dev->nspace[0])
		tool_error("%s (%s, mode %s) is no DAX device. To make it one (this erases it): ndctl create-namespace -f -e %s --mode=fsdax --map=mem",
			   name, dev->nspace, dev->mode, dev->nspace);
	else
		tool_error("%s is no DAX device; 'fmapfs devices' shows which there are",
			   name);
	return TOOL_FAILED;
}

static int find(const char *name, struct dev_info *dev)
{
	char *user;

	if (!tool_resolve(name, true, dev))
		return TOOL_FAILED;
	if (dev->kind != DEV_DEVDAX)
		return refuse_kind(name, dev);
	user = device_user(dev);
	if (!user)
		user = device_opener(dev);
	if (!user)
		return TOOL_FINE;
	tool_error("%s is in use: %s has it; to change its driver would take it away",
		   dev->path, user);
	free(user);
	return TOOL_FAILED;
}

/* ------------------------------------------------------------------------
 * Telling
 */

static void say_failed(const char *name, const char *to, int rc,
		       const struct rebind *how)
{
	static const char *const what[] = {
		[REBIND_LOOK] = "its driver cannot be told",
		[REBIND_LOAD] = "the driver is not there",
		[REBIND_RECORD] = "it cannot be noted what it was bound to",
		[REBIND_OFFLINE] = "the system uses it as memory, and does not let go of it",
		[REBIND_UNBIND] = "it cannot be taken from its driver",
		[REBIND_BIND] = "the driver does not take it",
		[REBIND_CHECK] = "the driver has not taken it",
	};

	tool_error("%s cannot be bound to %s: %s: %s", name,
		   *to ? to : "no driver", what[how->step], strerror(-rc));
	if (rc == -EACCES || rc == -EPERM)
		tool_error("only root may do this; try sudo");
	if (how->step == REBIND_LOAD && !strcmp(to, DRIVER_FSDEV))
		tool_error("%s comes with Linux 7.0. On older kernels only persistent memory in mode fsdax can be used (/dev/pmemN): ndctl create-namespace -f -e NAMESPACE --mode=fsdax (this erases it)",
			   to);
	if (how->step == REBIND_OFFLINE)
		tool_error("programs that use this memory must end first; then: daxctl offline-memory %s",
			   name);
	if (how->undo_rc)
		tool_error("%s is not as it was: bound to %s it had been, and that failed also: %s. To try again: daxctl reconfigure-device",
			   name, *how->from ? how->from : "nothing",
			   strerror(-how->undo_rc));
	else if (how->step > REBIND_LOAD)
		tool_error("%s is as it was (%s)", name,
			   *how->from ? how->from : "no driver");
}

static struct json_object *result(const struct dev_info *dev, const char *from,
				  const char *to, bool good)
{
	struct json_object *obj = json_object_new_object();

	tool_json_text(obj, "device", dev->name);
	tool_json_text(obj, "path", dev->path);
	tool_json_text(obj, "was", from);
	tool_json_text(obj, "driver", to);
	tool_json_bool(obj, "done", good);
	return obj;
}

/* A signal between two steps would leave it without a driver: it waits. */
static int rebind_whole(const char *name, const char *to, struct rebind *how)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct rebind_ops ops = daxbus_ops;
	sigset_t wait, before;
	size_t i;
	int rc;

	sigemptyset(&wait);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&wait, signals[i]);
	ops.record = strcmp(to, DRIVER_FSDEV) ? NULL : remember;
	sigprocmask(SIG_BLOCK, &wait, &before);
	rc = rebind(&ops, (void *)name, to, how);
	/* What is as it was needs no record. */
	if (rc ? ops.record && how->step > REBIND_LOAD && !how->undo_rc && *how->from :
		 !ops.record && strcmp(how->from, to))
		forget(name);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* @to: a driver, "" for none. */
static bool change(const struct dev_info *dev, const char *to,
		   struct json_object *all)
{
	struct rebind how;
	int rc = rebind_whole(dev->name, to, &how);

	if (rc)
		say_failed(dev->name, to, rc, &how);
	else if (!strcmp(how.from, to))
		tool_say("%s is bound to %s already", dev->name,
			 *to ? to : "nothing");
	else
		tool_say("%s is bound to %s now (was: %s)", dev->name,
			 *to ? to : "nothing", *how.from ? how.from : "nothing");
	json_object_array_add(all, result(dev, how.from, rc ? how.from : to, !rc));
	return !rc;
}

static const char *driver_arg(const char *text)
{
	return !strcmp(text, "none") ? "" : text;
}

/* Where to, if that was not said? Return: false: nowhere, and it was said why. */
static bool where_from(const struct dev_info *dev, char *driver, size_t size)
{
	bool recorded = recall(dev->name, driver, size);
	char now[64];
	int rc = daxbus_ops.driver((void *)dev->name, now, sizeof(now));

	if (rc)
		tool_error("%s: its driver cannot be told: %s", dev->name,
			   strerror(-rc));
	else if (rebind_may_return(now, recorded))
		return true;
	else
		tool_error("%s is not bound to %s, but to %s: there is nothing to be undone. To give it another driver nevertheless: --to",
			   dev->name, DRIVER_FSDEV, *now ? now : "nothing");
	return false;
}

/* @to: NULL: what it was bound to before. */
static int change_all(int n, char **names, const char *to)
{
	struct json_object *all = json_object_new_array();
	int code = TOOL_FINE, i, rc;
	struct dev_info dev;
	char driver[64];

	for (i = 0; i < n; i++) {
		rc = find(names[i], &dev);
		if (!rc) {
			if (to)
				snprintf(driver, sizeof(driver), "%s", to);
			rc = (to || where_from(&dev, driver, sizeof(driver))) &&
			     change(&dev, driver, all) ? TOOL_FINE : TOOL_FAILED;
		}
		if (rc)
			code = rc;
	}
	if (!tool_json)
		json_object_put(all);
	else if (tool_print_json(all))
		code = TOOL_FAILED;
	return code;
}

static int run_bind(const struct command *cmd, int argc, char **argv)
{
	while (tool_option(cmd, argc, argv) >= 0)
		;
	if (optind == argc)
		return tool_usage(cmd, "DEV is wanted");
	return change_all(argc - optind, argv + optind, DRIVER_FSDEV);
}

static int run_unbind(const struct command *cmd, int argc, char **argv)
{
	const char *to = NULL;

	while (tool_option(cmd, argc, argv) >= 0)
		to = driver_arg(optarg);
	if (optind == argc)
		return tool_usage(cmd, "DEV is wanted");
	if (to && *to && strcmp(to, DRIVER_DEVDAX) && strcmp(to, DRIVER_KMEM))
		return tool_usage(cmd, "--to is %s, %s or none, not %s",
				  DRIVER_DEVDAX, DRIVER_KMEM, to);
	return change_all(argc - optind, argv + optind, to);
}

static const struct option unbind_longs[] = {
	{ "to", required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_bind = {
	.name = "bind",
	.args = "DEV...",
	.help = "bind DAX devices to fsdev_dax, as files need it (Linux 7.0)",
	.more =
"DEV is dax0.0 or /dev/dax0.0. Fails a step, everything is undone. Until the next\n"
"boot it is kept in " STATE_DIR " what it was bound to.\n\n",
	.run = run_bind,
};

const struct command cmd_unbind = {
	.name = "unbind",
	.args = "[--to DRIVER] DEV...",
	.help = "bind them to what they were bound to before",
	.more =
"      --to=DRIVER      device_dax, kmem or none, whatever it was before, and\n"
"                       whatever it is bound to now; else that is fsdev_dax\n",
	.shorts = "t:",
	.longs = unbind_longs,
	.run = run_unbind,
};
