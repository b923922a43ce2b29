// SPDX-License-Identifier: GPL-2.0-only
/* Files of a mounted pool: is it one, and what its errors mean. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "look.h"
#include "text.h"

/* The directory that @path is in, or would be. */
static void parent_of(const char *path, char dir[PATH_MAX])
{
	const char *end = path + strlen(path);
	size_t len;

	while (end > path + 1 && end[-1] == '/')
		end--;
	while (end > path && end[-1] != '/')
		end--;
	len = end - path < PATH_MAX ? end - path : PATH_MAX - 1;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (!len)
		strcpy(dir, ".");
}

static bool has_super(const char *dir, struct famfs_super *raw)
{
	char path[PATH_MAX];
	bool good;
	int fd;

	if (snprintf(path, sizeof(path), "%s/.meta/.superblock", dir) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	good = pread(fd, raw, sizeof(*raw), 0) == sizeof(*raw) &&
	       raw->magic == FAMFS_SUPER_MAGIC;
	close(fd);
	return good;
}

/* Of what is not there, the nearest directory above that is. */
static bool nearest(const char *path, struct stat *st)
{
	char dir[PATH_MAX], up[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	while (stat(dir, st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			return false;
		parent_of(dir, up);
		if (!strcmp(up, dir))
			return false;
		memcpy(dir, up, sizeof(dir));
	}
	return true;
}

char *pool_dir(const char *path)
{
	struct tool_mount *mounts;
	struct famfs_super raw;
	char *dir = NULL;
	struct stat st;
	size_t count, i;

	if (!nearest(path, &st) || tool_mounts(&mounts, &count))
		return NULL;
	for (i = count; i-- && !dir;)
		if (mounts[i].dev == st.st_dev &&
		    tool_life(mounts[i].dir) == TOOL_ALIVE &&
		    has_super(mounts[i].dir, &raw))
			dir = tool_text("%s", mounts[i].dir);
	tool_mounts_free(mounts, count);
	return dir;
}

bool pool_is_meta(const char *path)
{
	const char *name = strrchr(path, '/');
	struct tool_mount *mounts;
	struct famfs_super raw;
	struct stat st, root;
	char dir[PATH_MAX];
	bool found = false;
	size_t count, i;

	parent_of(path, dir);
	if (strcmp(name ? name + 1 : path, ".meta") || stat(dir, &st) ||
	    tool_mounts(&mounts, &count))
		return false;
	for (i = 0; i < count && !found; i++)
		found = mounts[i].dev == st.st_dev && !stat(mounts[i].dir, &root) &&
			root.st_dev == st.st_dev && root.st_ino == st.st_ino &&
			has_super(dir, &raw);
	tool_mounts_free(mounts, count);
	return found;
}

static void tell_master(const char *path, const char *what, const char *dir)
{
	struct famfs_super raw;
	char uuid[37] = "";

	if (dir && has_super(dir, &raw))
		tool_uuid(raw.system_uuid, uuid);
	tool_error("%s: %s: this host may only read the pool's log. Do it on the pool's "
		   "master, the host whose " POOL_SYSTEM_UUID " says %s", path, what,
		   *uuid ? uuid : "what the superblock says");
}

static void tell_full(const char *path, const char *what, const char *dir, uint64_t size)
{
	char free_text[TOOL_HUMAN_MAX], wanted[TOOL_HUMAN_MAX];
	struct statvfs st;

	if (!dir || statvfs(dir, &st)) {
		tool_error("%s: %s: %s", path, what, strerror(ENOSPC));
		return;
	}
	tool_error("%s: %s: no room%s%s: %s is free, of which a file has at most %u "
		   "ranges, and the log takes no more than it has room for; "
		   "\"fmapfs df %s\" shows both", path, what, size ? " for " : "",
		   size ? tool_human(size, wanted) : "",
		   tool_human((uint64_t)st.f_bavail * st.f_frsize, free_text),
		   FAMFS_EXTENTS_MAX, dir);
}

void pool_error(const char *name, const char *what, int error, uint64_t size)
{
	char *dir = pool_dir(name), path[2 * PATH_MAX];

	text_escape(name, path, sizeof(path));
	if (dir && error == EROFS)
		tell_master(path, what, dir);
	else if (error == ENOSPC)
		tell_full(path, what, dir, size);
	else if (!dir && error != ENOENT && error != EACCES)
		tool_error("%s: %s: %s; this is not in a mounted pool", path, what,
			   strerror(error));
	else if (error == EOPNOTSUPP)
		tool_error("%s: %s: the format of famfs has no way to say that", path,
			   what);
	else if (error == ENAMETOOLONG)
		tool_error("%s: %s: a pool has paths of at most %d bytes", path, what,
			   FAMFS_PATH_MAX - 1);
	else
		tool_error("%s: %s: %s", path, what, strerror(error));
	free(dir);
}
