// SPDX-License-Identifier: GPL-2.0-only
/* Mounts of fmapfs on this host, and whether somebody serves them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "run.h"
#include "tool.h"

/* In place: \ooo of mountinfo, which has blanks and backslashes so. */
static char *unescape(char *text)
{
	char *from = text, *to = text;

	while (*from) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
		    from[3] <= '7') {
			*to++ = (from[1] - '0') << 6 | (from[2] - '0') << 3 |
				(from[3] - '0');
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

/*
 * "36 35 98:0 / /dir rw,nosuid shared:1 - fmapfs.fuse source rw,user_id=0". Return:
 * false: it is no mount of ours.
 */
static bool parse_line(char *line, struct tool_mount *mount)
{
	char *rest = strstr(line, " - "), *save = NULL, *field[6], *last[3];
	unsigned int i, maj, min;

	if (!rest)
		return false;
	*rest = '\0';
	for (i = 0; i < 6; i++)
		field[i] = strtok_r(i ? NULL : line, " ", &save);
	for (i = 0; i < 3; i++)
		last[i] = strtok_r(i ? NULL : rest + 3, " \n", &save);
	if (!field[5] || !last[1] || strncmp(last[0], "fmapfs", 6) ||
	    sscanf(field[2], "%u:%u", &maj, &min) != 2)
		return false;
	mount->dev = makedev(maj, min);
	mount->dir = tool_text("%s", unescape(field[4]));
	mount->source = tool_text("%s", unescape(last[1]));
	mount->type = tool_text("%s", last[0]);
	mount->options = tool_text("%s%s%s", field[5], last[2] ? "," : "",
				   last[2] ? last[2] : "");
	return true;
}

int tool_mounts(struct tool_mount **mounts, size_t *count)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct tool_mount one, *more;
	size_t size = 0, n = 0;
	char *line = NULL;

	*mounts = NULL;
	*count = 0;
	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		if (!parse_line(line, &one))
			continue;
		more = tool_alloc(n + 1, sizeof(*more));
		if (n)
			memcpy(more, *mounts, n * sizeof(*more));
		more[n++] = one;
		free(*mounts);
		*mounts = more;
	}
	*count = n;
	free(line);
	fclose(file);
	return 0;
}

void tool_mounts_free(struct tool_mount *mounts, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(mounts[i].dir);
		free(mounts[i].source);
		free(mounts[i].type);
		free(mounts[i].options);
	}
	free(mounts);
}

/* In the child. What is cached would be no answer. */
static void ask(void *dir, void *life)
{
	struct statx stx;

	if (statx(AT_FDCWD, dir, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &stx) &&
	    errno == ENOTCONN)
		*(int *)life = TOOL_DEAD;
	else
		*(int *)life = TOOL_ALIVE;
}

enum tool_life tool_life(const char *dir)
{
	int life;

	return tool_guarded(ask, (void *)dir, &life, sizeof(life)) ? TOOL_HUNG :
								     life;
}
