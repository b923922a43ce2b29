// SPDX-License-Identifier: GPL-2.0-only
/* What a pool has no word for; and saying so, but not a thousand times. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "famfs.h"
#include "log.h"

/* May this be said? @kept: result: so many were not since the last one. */
static bool may_say(struct layout *l, enum complaint what, unsigned int *kept)
{
	struct complaints *c = &l->complaints;
	struct timespec now;
	bool rc;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&c->lock);
	rc = !c->last[what] || now.tv_sec - c->last[what] >= COMPLAIN_AFTER;
	*kept = c->kept[what];
	c->kept[what] = rc ? 0 : c->kept[what] + 1;
	if (rc)
		c->last[what] = now.tv_sec ? now.tv_sec : 1;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* complain - log a line, unless one of the kind was just now */
void complain(struct layout *l, enum complaint what, const char *fmt, ...)
{
	unsigned int kept;
	char text[512];
	va_list ap;

	if (!may_say(l, what, &kept))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (kept)
		log_line(LOG_WARNING, "%s (and %u of the kind before)", text,
			 kept);
	else
		log_line(LOG_WARNING, "%s", text);
}

int famfs_refuse(struct layout *l, enum layout_refusal what, uint64_t dir,
		 const char *name)
{
	static const struct {
		enum complaint kind;
		const char *why;
	} reasons[] = {
		[REFUSE_RMDIR] = { COMPLAIN_RMDIR,
			"cannot be removed: the log of a pool is only ever added to" },
		[REFUSE_LINK] = { COMPLAIN_LINK,
			"cannot be a further name of a file: a file in a pool has one" },
		[REFUSE_SYMLINK] = { COMPLAIN_SYMLINK,
			"cannot be a symbolic link: a pool has files and directories only" },
		[REFUSE_MKNOD] = { COMPLAIN_MKNOD,
			"cannot be made by mknod(2): a pool has files and directories only" },
	};

	(void)dir;
	if (!l->master)
		return -EROFS;
	complain(l, reasons[what].kind, "\"%s\" %s", name, reasons[what].why);
	return -EOPNOTSUPP;
}
