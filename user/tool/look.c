// SPDX-License-Identifier: GPL-2.0-only
/* What the commands share that look at a pool. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "look.h"
#include "text.h"

bool look_option(struct look *look, int c, const char *value)
{
	switch (c) {
	case LOOK_IMAGE:
		look->args.image = true;
		return true;
	case 'd':
		if (look->nothers < MEDIA_DEVICES_MAX)
			look->others[look->nothers++] = value;
		return true;
	}
	return false;
}

static bool tell_super(const struct source *s, const char *name)
{
	char text[MEDIA_ERROR_MAX], uuid[37];

	switch (s->rc) {
	case 0:
		if (!(s->sb.flags & FAMFS_SUPER_SECONDARY))
			return true;
		tool_error("%s is a secondary device of the pool %s: name its primary "
			   "device, or the pool by that uuid", name,
			   tool_uuid(s->sb.fs_uuid, uuid));
		return false;
	case -ENODATA:
		tool_error("%s holds no pool: there is no superblock", name);
		return false;
	case -EIO:
		tool_error("%s: the superblock cannot be read: bad memory", name);
		return false;
	}
	tool_error("%s: %s; \"fmapfs fsck\" tells what else is wrong", name,
		   media_strerror(&s->super_err, text, sizeof(text)));
	return false;
}

bool look_open(struct look *look, const char *name, struct source *source)
{
	char text[MEDIA_ERROR_MAX];
	bool good;

	look->args.name = name;
	look->args.others = look->others;
	good = !source_open(source, &look->args, &tool_log) &&
	       tell_super(source, name);
	if (good && source->stop && source->err.region == MEDIA_LOG_HEADER) {
		tool_error("%s: %s; \"fmapfs fsck\" tells what else is wrong", name,
			   media_strerror(&source->err, text, sizeof(text)));
		good = false;
	}
	if (!good)
		source_close(source);
	return good;
}

int look_close(struct source *source, int code)
{
	char text[MEDIA_ERROR_MAX];

	if (source->stop) {
		tool_error("%s. The replay stops there: entries from %llu on are not seen; "
			   "\"fmapfs fsck\" tells more",
			   media_strerror(&source->err, text, sizeof(text)),
			   (unsigned long long)media_fs_next(source->fs));
		code = TOOL_FAILED;
	}
	source_close(source);
	return code;
}

void look_json(const struct source *source, struct json_object *obj)
{
	char text[MEDIA_ERROR_MAX], uuid[37];

	tool_json_text(obj, "pool", tool_uuid(source->sb.fs_uuid, uuid));
	tool_json_text(obj, "mount", source->dir);
	tool_json_text(obj, "device", source->path);
	tool_json_text(obj, "stopped", source->stop ?
		       media_strerror(&source->err, text, sizeof(text)) : NULL);
}

const struct media_node *look_node(const struct source *source, const char *path)
{
	const struct media_node *node;
	char full[FAMFS_PATH_MAX];

	if (!*path) {
		/* By number where the kernel tells it; a new file's is not the log's. */
		node = media_fs_node(source->fs, source->ino);
		if (node && source->ino != MEDIA_INO_ROOT)
			return node;
		path = source->inside;
	} else if (*source->inside) {
		if (snprintf(full, sizeof(full), "%s/%s", source->inside, path) >=
		    (int)sizeof(full))
			return NULL;
		path = full;
	}
	while (*path == '/')
		path++;
	return *path ? media_fs_find(source->fs, path) :
		       media_fs_node(source->fs, MEDIA_INO_ROOT);
}
