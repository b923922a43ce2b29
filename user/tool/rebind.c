// SPDX-License-Identifier: GPL-2.0-only
/* Changing the driver of a DAX device. */
#include <errno.h>
#include <string.h>

#include "rebind.h"

static int fail(struct rebind *out, enum rebind_step step, int rc)
{
	out->step = step;
	return rc;
}

/* Of several things that cannot be undone, the first. */
static void note(struct rebind *out, int rc)
{
	if (!out->undo_rc)
		out->undo_rc = rc;
}

static int take_from(const struct rebind_ops *ops, void *ctx,
		     struct rebind *out)
{
	bool was_memory = !strcmp(out->from, DRIVER_KMEM);
	int rc = was_memory ? ops->offline(ctx) : 0;

	if (rc) {
		/* Some of it may be offline: block by block it goes. */
		note(out, ops->online(ctx));
		return fail(out, REBIND_OFFLINE, rc);
	}
	rc = ops->unbind(ctx, out->from);
	if (!rc)
		return 0;
	if (was_memory)
		note(out, ops->online(ctx));
	return fail(out, REBIND_UNBIND, rc);
}

static void give_back(const struct rebind_ops *ops, void *ctx,
		      struct rebind *out)
{
	if (!*out->from)
		return;
	note(out, ops->bind(ctx, out->from));
	if (!strcmp(out->from, DRIVER_KMEM))
		note(out, ops->online(ctx));
}

static int give_to(const struct rebind_ops *ops, void *ctx, const char *to,
		   struct rebind *out)
{
	char now[sizeof(out->from)];
	int rc = *to ? ops->bind(ctx, to) : 0;

	if (rc) {
		give_back(ops, ctx, out);
		return fail(out, REBIND_BIND, rc);
	}
	rc = ops->driver(ctx, now, sizeof(now));
	if (!rc && !strcmp(now, to))
		return 0;
	/* If it cannot be told, it is the one that was asked for. */
	if (rc ? *to : *now)
		note(out, ops->unbind(ctx, rc ? to : now));
	give_back(ops, ctx, out);
	return fail(out, REBIND_CHECK, rc ? rc : -ENODEV);
}

bool rebind_may_return(const char *driver, bool recorded)
{
	return !strcmp(driver, DRIVER_FSDEV) || (recorded && !*driver);
}

int rebind(const struct rebind_ops *ops, void *ctx, const char *to,
	   struct rebind *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = ops->driver(ctx, out->from, sizeof(out->from));
	if (rc)
		return fail(out, REBIND_LOOK, rc);
	if (!strcmp(out->from, to))
		return 0;
	rc = *to ? ops->load(ctx, to) : 0;
	if (rc)
		return fail(out, REBIND_LOAD, rc);
	rc = ops->record ? ops->record(ctx, out->from) : 0;
	if (rc)
		return fail(out, REBIND_RECORD, rc);
	rc = *out->from ? take_from(ops, ctx, out) : 0;
	if (rc)
		return rc;
	return give_to(ops, ctx, to, out);
}
