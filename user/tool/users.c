// SPDX-License-Identifier: GPL-2.0-only
/* Who uses a device on this host. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target.h"
#include "users.h"

#define SYSFS	"/sys/fs/fmapfs"

static bool overlap(const struct dev_info *a, const struct dev_info *b)
{
	return a->id == b->id && a->start < b->start + b->size &&
	       b->start < a->start + a->size;
}

/* @name: as the kernel has it. Is it @dev, or a partition of it, or has it as one? */
static bool is_or_overlaps(const char *name, const struct dev_info *dev)
{
	struct dev_info other;
	char *path;
	bool same;

	if (!strcmp(name, dev->name))
		return true;
	path = tool_text("/dev/%s", name);
	same = !dev_resolve(&(struct dev_spec) { DEV_BY_PATH, path },
			    DEV_ALLOW_PLAIN, &other) && overlap(&other, dev);
	free(path);
	return same;
}

/* Does the mount of that minor have it open? */
static bool mount_has(const char *minor, const struct dev_info *dev)
{
	char *path = tool_text(SYSFS "/%s/devices", minor);
	FILE *file = fopen(path, "re");
	char name[DEV_NAME_MAX];
	bool has = false;

	free(path);
	if (!file)
		return false;
	while (!has && fscanf(file, "%*u %63s %*u %*s", name) == 1)
		has = is_or_overlaps(name, dev);
	fclose(file);
	return has;
}

/*
 * Of minor @id, or of that device's name: a mount that nobody has opened a file on has
 * no device yet, while its server has. Return: NULL: none; the server's own mounts are
 * attached nowhere.
 */
static char *mount_name(unsigned int id, const struct dev_info *dev)
{
	struct tool_mount *mounts;
	char *text = NULL;
	size_t count, i;

	if (tool_mounts(&mounts, &count))
		count = 0;
	for (i = 0; i < count && !text; i++)
		if (minor(mounts[i].dev) == id ||
		    !strcmp(mounts[i].source, dev->path) ||
		    !strcmp(mounts[i].source, dev->name))
			text = tool_text("mounted by fmapfs on %s", mounts[i].dir);
	tool_mounts_free(mounts, count);
	return text;
}

static char *fmapfs_user(const struct dev_info *dev)
{
	DIR *dir = opendir(SYSFS);
	struct dirent *entry;
	char *text = NULL;
	bool used = false;

	while (dir && !text && (entry = readdir(dir))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    !mount_has(entry->d_name, dev))
			continue;
		used = true;
		text = mount_name(atoi(entry->d_name), dev);
	}
	if (dir)
		closedir(dir);
	return text || !used ? text :
	       tool_text("a program has a pool open there: fmapfsd, or this tool");
}

/* A file system on the device itself. */
static char *mounted_on(const struct dev_info *dev)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], dir[1024], *text = NULL;
	unsigned int maj, min;
	struct stat st;

	if (!file)
		return NULL;
	while (!stat(dev->path, &st) && !text && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %*u %u:%u %*s %1023s", &maj, &min, dir) == 3 &&
		    S_ISBLK(st.st_mode) && makedev(maj, min) == st.st_rdev)
			text = tool_text("mounted on %s", dir);
	fclose(file);
	return text;
}

char *device_user(const struct dev_info *dev)
{
	char *text = fmapfs_user(dev);

	return text ? text : mounted_on(dev);
}

/* ------------------------------------------------------------------------
 * Processes
 */

static bool has_fd(const char *pid, const char *path)
{
	char *dir = tool_text("/proc/%s/fd", pid), target[DEV_PATH_MAX];
	DIR *fds = opendir(dir);
	struct dirent *entry;
	bool found = false;
	ssize_t n;

	free(dir);
	while (fds && !found && (entry = readdir(fds))) {
		n = readlinkat(dirfd(fds), entry->d_name, target,
			       sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			found = !strcmp(target, path);
		}
	}
	if (fds)
		closedir(fds);
	return found;
}

static bool has_mapping(const char *pid, const char *path)
{
	char *name = tool_text("/proc/%s/maps", pid), *line = NULL, *at;
	FILE *file = fopen(name, "re");
	bool found = false;
	size_t size = 0;

	free(name);
	while (file && !found && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		at = strchr(line, '/');
		found = at && !strcmp(at, path);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static char *process_name(const char *pid)
{
	char *path = tool_text("/proc/%s/comm", pid), name[32] = "?";
	FILE *file = fopen(path, "re");

	free(path);
	if (file) {
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		fclose(file);
	}
	name[strcspn(name, "\n")] = '\0';
	return tool_text("process %s (%s)", pid, name);
}

char *device_opener(const struct dev_info *dev)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char *text = NULL;

	while (proc && !text && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    atoi(entry->d_name) != getpid() &&
		    (has_fd(entry->d_name, dev->path) ||
		     has_mapping(entry->d_name, dev->path)))
			text = process_name(entry->d_name);
	if (proc)
		closedir(proc);
	return text;
}
