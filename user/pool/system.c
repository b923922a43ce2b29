// SPDX-License-Identifier: GPL-2.0-only
/*
 * This host's uuid: text in a file, as famfs has it. It says whose pools are ours, so
 * it never changes: two who create it at once agree, and a file that is there, whatever
 * it says, is never overwritten.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "pool.h"

#define UUID_TEXT	36	/* characters */

/* Blanks around it are no harm: famfs reads a word. */
static int parse(char *text, uint8_t uuid[16])
{
	size_t len;
	uuid_t parsed;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	if (len != UUID_TEXT || uuid_parse(text, parsed) || uuid_is_null(parsed))
		return -EINVAL;
	memcpy(uuid, parsed, sizeof(parsed));
	return 0;
}

static int read_uuid(const char *path, uint8_t uuid[16])
{
	char text[128];
	ssize_t n;
	int fd, rc = 0;

	/* It may be anything, a FIFO too. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		rc = -errno;
	close(fd);
	if (rc)
		return rc;
	/* So that what comes behind a NUL is seen to be wrong. */
	if (memchr(text, '\0', n))
		return -EINVAL;
	text[n] = '\0';
	return parse(text, uuid);
}

/* The directories that a file is to be in. @path is as it was on return. */
static int make_dirs(char *path)
{
	char *slash = path;

	for (;;) {
		int rc;

		slash = strchr(slash + 1, '/');
		if (!slash)
			return 0;
		*slash = '\0';
		rc = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (rc)
			return rc;
	}
}

static int write_uuid(int fd)
{
	char text[UUID_TEXT + 2];
	uuid_t uuid;

	uuid_generate(uuid);
	uuid_unparse_lower(uuid, text);
	text[UUID_TEXT] = '\n';
	errno = EIO;	/* of a short write */
	if (write(fd, text, UUID_TEXT + 1) != UUID_TEXT + 1 ||
	    fchmod(fd, 0644) || fsync(fd))
		return -errno;
	return 0;
}

/* Its name is to be found after a crash, too. Best effort: not all can sync it. */
static void sync_dir(char *path)
{
	char *slash = strrchr(path, '/');
	int fd;

	if (slash)
		*slash = '\0';
	fd = open(!slash ? "." : *path ? path : "/",
		  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (slash)
		*slash = '/';
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/*
 * The file gets its name when it is whole, by link(2): that is the first one's only,
 * where rename(2) would have the last one win. -EEXIST: another was first.
 */
static int create_uuid(const char *path)
{
	char dest[PATH_MAX], temp[PATH_MAX];
	int fd, rc;

	if (snprintf(dest, sizeof(dest), "%s", path) >= PATH_MAX ||
	    snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	rc = make_dirs(dest);
	if (rc)
		return rc;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write_uuid(fd);
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && link(temp, path))
		rc = -errno;
	unlink(temp);
	if (!rc)
		sync_dir(dest);
	return rc;
}

int pool_system_uuid(const char *path, bool create, uint8_t uuid[16])
{
	int rc;

	if (!path)
		path = POOL_SYSTEM_UUID;
	rc = read_uuid(path, uuid);
	if (rc != -ENOENT || !create)
		return rc;
	rc = create_uuid(path);
	if (rc && rc != -EEXIST)
		return rc;
	return read_uuid(path, uuid);
}
