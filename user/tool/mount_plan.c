// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the command line of mount(8)'s helper to that of fmapfsd.
 *
 * mount(8) hands on all that stands in fstab: flags of any mount, options of a pool
 * or a layout, those of fmapfsd, and notes for others, which are dropped here.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/mount.h"
#include "mount_plan.h"
#include "tool.h"

enum kind {
	KIND_NONE,
	KIND_MOUNT,	/* to fmapfsd's -o, as it is */
	KIND_DROP,	/* for mount(8), systemd and others */
	KIND_OLD,	/* shown of a mount there is, and given again at a remount */
	KIND_SERVER,	/* an option of fmapfsd */
	KIND_POOL,	/* one for pools only */
	KIND_NOFAIL,
	KIND_REMOUNT,
	KIND_LAYOUT,
};

/* With '=' at the end of @name there is a value. @server: if it has another name. */
static const struct known {
	const char *name;
	enum kind kind;
	const char *server;
} known[] = {
	{ "poll=", KIND_POOL, NULL },
	{ "strips=", KIND_POOL, NULL },
	{ "chunk=", KIND_POOL, NULL },
	{ "writers=", KIND_POOL, NULL },
	{ "device=", KIND_POOL, NULL },
	{ "degraded", KIND_POOL, NULL },
	{ "client", KIND_POOL, NULL },
	{ "system_uuid=", KIND_POOL, "system-uuid=" },
	{ "staging=", KIND_POOL, NULL },
	{ "layout=", KIND_LAYOUT, NULL },
	{ "private", KIND_SERVER, NULL },
	{ "push", KIND_SERVER, NULL },
	{ "no_fmap", KIND_SERVER, "no-fmap" },
	{ "threads=", KIND_SERVER, NULL },
	{ "timeout=", KIND_SERVER, NULL },
	{ "log_level=", KIND_SERVER, "log-level=" },
	{ "allow_other", KIND_MOUNT, NULL },
	{ "default_permissions", KIND_MOUNT, NULL },
	{ "max_read=", KIND_MOUNT, NULL },
	{ "subtype=", KIND_MOUNT, NULL },
	{ "context=", KIND_MOUNT, NULL },
	{ "fscontext=", KIND_MOUNT, NULL },
	{ "defcontext=", KIND_MOUNT, NULL },
	{ "rootcontext=", KIND_MOUNT, NULL },
	{ "rootmode=", KIND_OLD, NULL },
	{ "user_id=", KIND_OLD, NULL },
	{ "group_id=", KIND_OLD, NULL },
	{ "blksize=", KIND_OLD, NULL },
	{ "nofail", KIND_NOFAIL, NULL },
	{ "remount", KIND_REMOUNT, NULL },
	{ "defaults", KIND_DROP, NULL },
	{ "auto", KIND_DROP, NULL },
	{ "noauto", KIND_DROP, NULL },
	{ "_netdev", KIND_DROP, NULL },
	{ "user", KIND_DROP, NULL },
	{ "user=", KIND_DROP, NULL },
	{ "nouser", KIND_DROP, NULL },
	{ "users", KIND_DROP, NULL },
	{ "nousers", KIND_DROP, NULL },
	{ "owner", KIND_DROP, NULL },
	{ "noowner", KIND_DROP, NULL },
	{ "group", KIND_DROP, NULL },
	{ "nogroup", KIND_DROP, NULL },
	{ "comment=", KIND_DROP, NULL },
	{ "helper=", KIND_DROP, NULL },
	{ "uhelper=", KIND_DROP, NULL },
	{ "silent", KIND_DROP, NULL },
	{ "loud", KIND_DROP, NULL },
	{ "lazytime", KIND_DROP, NULL },
	{ "nolazytime", KIND_DROP, NULL },
	{ "nostrictatime", KIND_DROP, NULL },
	{ "iversion", KIND_DROP, NULL },
	{ "noiversion", KIND_DROP, NULL },
	{ "mand", KIND_DROP, NULL },
	{ "nomand", KIND_DROP, NULL },
	{ NULL, KIND_NONE, NULL }
};

/**
 * struct parse - a command line being read
 * @pool: options of pools: the first of them, for messages
 * @layout: "famfs", "static" or what layout= says; owned
 * @server: arguments so far, @n of them
 * @rest: those of -o of fmapfsd; owned, or NULL
 */
struct parse {
	struct mount_plan *plan;
	bool sloppy;
	const char *pool;
	char *layout;
	char **server;
	size_t n;
	char *rest;
};

static void add_arg(struct parse *p, char *arg)
{
	char **more = tool_alloc(p->n + 2, sizeof(*more));

	if (p->n)
		memcpy(more, p->server, p->n * sizeof(*more));
	more[p->n++] = arg;
	free(p->server);
	p->server = more;
}

/* libfuse wants a backslash where fstab has quotes. */
static void add_mount_option(struct parse *p, const char *option)
{
	char *all = tool_text("%s%s", p->rest ? p->rest : "", p->rest ? "," : "");
	size_t n = strlen(all);
	char *to = tool_alloc(n + 2 * strlen(option) + 1, 1);

	memcpy(to, all, n);
	for (; *option; option++) {
		if (*option == ',' || *option == '\\')
			to[n++] = '\\';
		to[n++] = *option;
	}
	free(all);
	free(p->rest);
	p->rest = to;
}

static const struct known *find(const char *option)
{
	const struct known *k;

	for (k = known; k->name; k++) {
		size_t len = strlen(k->name);

		if (k->name[len - 1] == '=' ? !strncmp(option, k->name, len) :
					      !strcmp(option, k->name))
			break;
	}
	return k;
}

static int refuse(struct parse *p, const char *fmt, const char *what)
{
	snprintf(p->plan->why, sizeof(p->plan->why), fmt, what);
	return MOUNT_USAGE;
}

static int add_server_option(struct parse *p, const struct known *k,
			     const char *option)
{
	const char *value = option + strlen(k->name);

	if (strchr(k->name, '=') && !*value)
		return refuse(p, "option %s has no value", option);
	if (k->kind == KIND_POOL && !p->pool)
		p->pool = k->name;
	add_arg(p, tool_text("--%s%s", k->server ? k->server : k->name, value));
	return MOUNT_FINE;
}

static int set_layout(struct parse *p, const char *value)
{
	if (!*value)
		return refuse(p, "%s", "option layout= has no value");
	free(p->layout);
	p->layout = tool_text("%s", value);
	return MOUNT_FINE;
}

static int add_option(struct parse *p, const char *option)
{
	const struct known *k = find(option);

	if (!*option || !strncmp(option, "x-", 2) || !strncmp(option, "X-", 2))
		return MOUNT_FINE;
	if (fmapfs_mount_flag(&p->plan->flags, option)) {
		add_mount_option(p, option);
		return MOUNT_FINE;
	}
	switch (k->kind) {
	case KIND_MOUNT:
		add_mount_option(p, option);
		return MOUNT_FINE;
	case KIND_SERVER:
	case KIND_POOL:
		return add_server_option(p, k, option);
	case KIND_LAYOUT:
		return set_layout(p, option + strlen(k->name));
	case KIND_NOFAIL:
		p->plan->nofail = true;
		return MOUNT_FINE;
	case KIND_REMOUNT:
		p->plan->remount = true;
		return MOUNT_FINE;
	case KIND_DROP:
	case KIND_OLD:
		return MOUNT_FINE;
	default:
		break;
	}
	return p->sloppy ? MOUNT_FINE :
	       refuse(p, "unknown option %s; man mount.fmapfs lists them", option);
}

/* Splits at commas, but for those in quotes, which go. */
static int add_options(struct parse *p, const char *text)
{
	char *option = tool_alloc(strlen(text) + 1, 1);
	bool quoted = false;
	size_t n = 0;
	int rc = MOUNT_FINE;

	for (; !rc; text++) {
		if (!*text || (*text == ',' && !quoted)) {
			option[n] = '\0';
			n = 0;
			rc = add_option(p, option);
			if (!*text)
				break;
		} else if (*text == '"') {
			quoted = !quoted;
		} else {
			option[n++] = *text;
		}
	}
	free(option);
	return !rc && quoted ? refuse(p, "%s", "a quote in the options is not closed") :
			       rc;
}

static int parse_args(struct parse *p, int argc, char **argv)
{
	struct mount_plan *plan = p->plan;
	int c, rc = MOUNT_FINE;

	optind = 0;
	opterr = 0;
	/* What sloppiness allows may stand before it. */
	while ((c = getopt(argc, argv, "sfnvo:t:N:")) >= 0)
		p->sloppy |= c == 's';
	optind = 0;
	while (!rc && (c = getopt(argc, argv, "sfnvo:t:N:")) >= 0) {
		switch (c) {
		case 'f':
			plan->fake = true;
			break;
		case 'v':
			plan->verbose = true;
			break;
		case 'o':
			rc = add_options(p, optarg);
			break;
		case 'N':
			rc = refuse(p, "%s", "mounting in another namespace is not offered; use nsenter(1)");
			break;
		case '?':
			rc = refuse(p, "%s", "usage: mount.fmapfs POOL DIR [-sfnv] [-o OPTION[,...]]");
			break;
		default:
			break;
		}
	}
	if (!rc && argc - optind != 2)
		rc = refuse(p, "%s", "POOL and DIR are wanted");
	if (rc)
		return rc;
	plan->source = argv[optind];
	plan->dir = argv[optind + 1];
	return MOUNT_FINE;
}

static bool is_yaml(const char *source)
{
	const char *dot = strrchr(source, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* The whole command line of fmapfsd. */
static int assemble(struct parse *p)
{
	char **options = p->server;
	size_t n = p->n, i;

	if (!p->layout)
		p->layout = tool_text("%s", is_yaml(p->plan->source) ? "static" :
								       "famfs");
	if (p->pool && strcmp(p->layout, "famfs") && !p->sloppy)
		return refuse(p, "option %s is one of pools, and this is none: give a device, or the pool's uuid",
			      p->pool);
	p->server = NULL;
	p->n = 0;
	add_arg(p, tool_text("fmapfsd"));
	add_arg(p, tool_text("--layout=%s", p->layout));
	for (i = 0; i < n; i++)
		add_arg(p, options[i]);
	free(options);
	if (p->rest) {
		add_arg(p, tool_text("-o"));
		add_arg(p, p->rest);
		p->rest = NULL;
	}
	add_arg(p, tool_text("--"));
	add_arg(p, tool_text("%s", p->plan->source));
	add_arg(p, tool_text("%s", p->plan->dir));
	return MOUNT_FINE;
}

int mount_plan_make(int argc, char **argv, struct mount_plan *plan)
{
	struct parse p = { .plan = plan };
	int rc;

	memset(plan, 0, sizeof(*plan));
	plan->flags = MOUNT_FLAGS;
	rc = parse_args(&p, argc, argv);
	if (!rc)
		rc = assemble(&p);
	plan->server = p.server;
	free(p.layout);
	free(p.rest);
	return rc;
}

void mount_plan_free(struct mount_plan *plan)
{
	char **arg;

	for (arg = plan->server; arg && *arg; arg++)
		free(*arg);
	free(plan->server);
	plan->server = NULL;
}
