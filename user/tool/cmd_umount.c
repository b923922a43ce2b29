// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs umount: and wait for the server, so that its devices are free. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "commands.h"

#define WAIT_MS		10000	/* for a server to end */
#define COMMAND_MAX	4096

/*
 * Absolute, without asking a server what lies at @dir: only the directory above it
 * is looked at. "." and ".." are looked at, too: whoever is in there asks anyway.
 */
static char *absolute(const char *dir)
{
	char *copy = tool_text("%s", dir), *slash, *up, *path = NULL;
	size_t n = strlen(copy);

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	if (!strcmp(copy, "/") || !strcmp(slash ? slash + 1 : copy, ".") ||
	    !strcmp(slash ? slash + 1 : copy, "..")) {
		path = realpath(copy, NULL);
	} else {
		if (slash)
			*slash = '\0';
		up = realpath(!slash ? "." : *copy ? copy : "/", NULL);
		if (up)
			path = tool_text("%s/%s", strcmp(up, "/") ? up : "",
					 slash ? slash + 1 : copy);
		free(up);
	}
	free(copy);
	return path;
}

static bool is_mount(const char *dir)
{
	struct tool_mount *mounts;
	size_t count, i;
	bool found = false;

	if (tool_mounts(&mounts, &count))
		return false;
	for (i = 0; i < count; i++)
		found |= !strcmp(mounts[i].dir, dir);
	tool_mounts_free(mounts, count);
	return found;
}

/* Is it a fmapfsd whose last argument is @dir? */
static bool serves(const char *pid, const char *dir)
{
	char path[64], command[COMMAND_MAX];
	const char *last = command, *name;
	size_t n, i;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(command, 1, sizeof(command) - 1, file);
	fclose(file);
	command[n] = '\0';
	for (i = 0; i + 1 < n; i++)
		if (!command[i])
			last = command + i + 1;
	name = strrchr(command, '/');
	return n && !strcmp(name ? name + 1 : command, "fmapfsd") &&
	       !strcmp(last, dir);
}

/* Return: a pidfd of the server, or -1 if there is none to be seen. */
static int find_server(const char *dir)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int fd = -1;

	while (proc && fd < 0 && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    serves(entry->d_name, dir))
			fd = syscall(SYS_pidfd_open, atoi(entry->d_name), 0);
	if (proc)
		closedir(proc);
	return fd;
}

static void wait_for(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return;
	if (poll(&end, 1, WAIT_MS) == 0)
		tool_warn("unmounted, but fmapfsd has not ended yet; until it has, the pool's devices are in use");
	close(pidfd);
}

static int fail(const char *dir)
{
	int error = errno;

	tool_error("%s: %s%s", dir, strerror(error),
		   error == EBUSY ? "; fuser -vm shows who uses it, -l unmounts it all the same" :
		   error == EPERM ? "; only root can unmount" : "");
	return TOOL_FAILED;
}

static int unmount(const char *operand, int flags)
{
	char *dir = absolute(operand);
	int pidfd, rc = TOOL_FINE;

	if (!dir || !is_mount(dir)) {
		tool_error("%s: no fmapfs is mounted there; 'fmapfs status' shows where one is",
			   dir ? dir : operand);
		free(dir);
		return TOOL_FAILED;
	}
	pidfd = find_server(dir);
	if (umount2(dir, UMOUNT_NOFOLLOW | flags)) {
		rc = fail(dir);
		if (pidfd >= 0)
			close(pidfd);
	} else if (flags & MNT_DETACH) {
		/* It ends when the last user goes. */
		if (pidfd >= 0)
			close(pidfd);
	} else {
		wait_for(pidfd);
	}
	free(dir);
	return rc;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *all = json_object_new_array(), *obj;
	int c, flags = 0, code = TOOL_FINE, rc;

	while ((c = tool_option(cmd, argc, argv)) >= 0)
		flags |= c == 'l' ? MNT_DETACH : MNT_FORCE;
	if (optind == argc) {
		json_object_put(all);
		return tool_usage(cmd, "DIR is wanted");
	}
	for (; optind < argc; optind++) {
		rc = unmount(argv[optind], flags);
		obj = json_object_new_object();
		tool_json_text(obj, "directory", argv[optind]);
		tool_json_bool(obj, "unmounted", !rc);
		json_object_array_add(all, obj);
		if (rc)
			code = rc;
	}
	if (!tool_json)
		json_object_put(all);
	else if (tool_print_json(all))
		code = TOOL_FAILED;
	return code;
}

static const struct option longs[] = {
	{ "lazy", no_argument, NULL, 'l' },
	{ "force", no_argument, NULL, 'f' },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_umount = {
	.name = "umount",
	.args = "[-lf] DIR...",
	.help = "unmount, and wait until the server has let go of the devices",
	.more =
"  -l, --lazy           take it away now, and end it when nobody uses it any more\n"
"  -f, --force          have requests that wait for the server fail\n",
	.shorts = "lf",
	.longs = longs,
	.run = run,
};
