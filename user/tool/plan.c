// SPDX-License-Identifier: GPL-2.0-only
/* What is to be copied, and to where. */
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "copy.h"

/* A destination, and the source that is to be there. */
struct claim {
	UT_hash_handle hh;
	const char *dst;
	const char *src;
};

/**
 * struct planning - a plan in the making
 * @claims: of files and directories; their texts are the plan's
 * @root: the destination's directory, if it is there: not to be walked into
 */
struct planning {
	struct copy_plan *plan;
	const struct copy_options *options;
	const struct copy_ops *ops;
	struct claim *claims;
	bool has_root;
	struct stat root;
	bool refused;
};

static void skip(struct planning *p, const char *path, const char *why)
{
	p->plan->skipped++;
	p->ops->wrong(p->ops->ctx, path, why);
}

/* By doubling. */
static struct copy_item *new_item(struct copy_item **items, size_t *count)
{
	struct copy_item *more;

	if (!(*count & (*count - 1))) {
		more = reallocarray(*items, *count ? *count * 2 : 1, sizeof(*more));
		if (!more)
			return NULL;
		*items = more;
	}
	return &(*items)[*count];
}

/* Directories may meet; a file meets nothing. */
static int claim(struct planning *p, const char *src, const char *dst, bool dir,
		 bool *known)
{
	char why[64 + 2 * PATH_MAX];
	struct claim *c;

	HASH_FIND_STR(p->claims, dst, c);
	*known = c;
	if (c && !(dir && !c->src)) {
		snprintf(why, sizeof(why), "would be %s as well as %s: nothing is copied",
			 dst, c->src ? c->src : "a directory of that name");
		p->ops->wrong(p->ops->ctx, src, why);
		p->refused = true;
		return -EINVAL;
	}
	if (c)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->dst = dst;
	c->src = dir ? NULL : src;
	HASH_ADD_KEYPTR(hh, p->claims, c->dst, strlen(c->dst), c);
	return 0;
}

static int add(struct planning *p, const char *src, const char *dst,
	       const struct stat *st)
{
	struct copy_plan *plan = p->plan;
	bool dir = S_ISDIR(st->st_mode), known = false;
	size_t *count = dir ? &plan->ndirs : &plan->nfiles;
	struct copy_item *item;
	int rc = -ENOMEM;

	item = new_item(dir ? &plan->dirs : &plan->files, count);
	if (!item)
		return -ENOMEM;
	*item = (struct copy_item){ strdup(src), strdup(dst), *st };
	if (item->src && item->dst)
		rc = claim(p, item->src, item->dst, dir, &known);
	if (rc || known) {
		free(item->src);
		free(item->dst);
		return rc == -EINVAL ? 0 : rc;
	}
	++*count;
	if (!dir)
		plan->bytes += st->st_size;
	return 0;
}

static bool is_root(const struct planning *p, const struct stat *st)
{
	return p->has_root && st->st_dev == p->root.st_dev &&
	       st->st_ino == p->root.st_ino;
}

/* @tail: what comes behind the operand in ent's path, with its slash. */
static int take(struct planning *p, FTS *fts, FTSENT *ent, const char *dst)
{
	const char *tail = ent->fts_path;
	char *path;
	int rc;

	switch (ent->fts_info) {
	case FTS_DP:
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		skip(p, ent->fts_path, strerror(ent->fts_errno));
		return 0;
	case FTS_DC:
		skip(p, ent->fts_path, "is a directory within itself: left out");
		return 0;
	case FTS_D:
		if (!p->options->recursive) {
			skip(p, ent->fts_path, "is a directory: left out without -r");
			fts_set(fts, ent, FTS_SKIP);
			return 0;
		}
		if (ent->fts_level && p->ops->leave &&
		    p->ops->leave(p->ops->ctx, ent->fts_path)) {
			fts_set(fts, ent, FTS_SKIP);
			return 0;
		}
		if (is_root(p, ent->fts_statp)) {
			skip(p, ent->fts_path, "is where the copies go: left out");
			fts_set(fts, ent, FTS_SKIP);
			return 0;
		}
		break;
	case FTS_F:
		break;
	case FTS_SL:
	case FTS_SLNONE:
		skip(p, ent->fts_path, "is a symbolic link: left out");
		return 0;
	default:
		skip(p, ent->fts_path, "is no file and no directory: left out");
		return 0;
	}
	/* The operand's own length is kept in fts_number of its entry's children. */
	tail += ent->fts_level ? ent->fts_number : (long)strlen(tail);
	if (asprintf(&path, "%s%s%s", dst, *tail && *tail != '/' ? "/" : "", tail) < 0)
		return -ENOMEM;
	rc = add(p, ent->fts_path, path, ent->fts_statp);
	free(path);
	return rc;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int walk(struct planning *p, const char *src, const char *dst)
{
	char *const roots[] = { (char *)src, NULL };
	FTSENT *ent;
	int rc = 0;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!fts)
		return -errno;
	while (!rc && (ent = fts_read(fts))) {
		ent->fts_number = strlen(src);
		rc = take(p, fts, ent, dst);
	}
	fts_close(fts);
	return rc;
}

/* "a/b/" is called b; ".", ".." and "/" have no name: what they hold goes in. */
static char *destination(const char *src, const char *dst, bool into)
{
	size_t end = strlen(src), start;
	char *path;
	int n;

	while (end > 1 && src[end - 1] == '/')
		end--;
	for (start = end; start && src[start - 1] != '/'; start--)
		;
	src += start;
	end -= start;
	if (!into || (end == 1 && *src == '.') || (end == 2 && !memcmp(src, "..", 2)) ||
	    !end || *src == '/')
		return strdup(dst);
	n = asprintf(&path, "%s%s%.*s", dst, dst[strlen(dst) - 1] == '/' ? "" : "/",
		     (int)end, src);
	return n < 0 ? NULL : path;
}

static void drop_claims(struct planning *p)
{
	struct claim *c, *next;

	HASH_ITER(hh, p->claims, c, next) {
		HASH_DELETE(hh, p->claims, c);
		free(c);
	}
}

static int refuse(const struct planning *p, const char *path, const char *why)
{
	p->ops->wrong(p->ops->ctx, path, why);
	return -EINVAL;
}

int copy_plan_make(struct copy_plan *plan, char *const *sources, size_t nsources,
		   const char *dst, const struct copy_options *options,
		   const struct copy_ops *ops)
{
	struct planning p = { .plan = plan, .options = options, .ops = ops };
	bool into;
	char *path;
	size_t i;
	int rc = 0;

	memset(plan, 0, sizeof(*plan));
	p.has_root = !stat(dst, &p.root);
	into = p.has_root && S_ISDIR(p.root.st_mode);
	if (!into && nsources > 1)
		return refuse(&p, dst, p.has_root ? "is no directory" :
			      "is not there: several files go into a directory that is");
	if (!into && *dst && dst[strlen(dst) - 1] == '/' && !options->recursive)
		return refuse(&p, dst, "is no directory");
	for (i = 0; i < nsources && !rc; i++) {
		path = destination(sources[i], dst, into);
		rc = path ? walk(&p, sources[i], path) : -ENOMEM;
		free(path);
	}
	drop_claims(&p);
	return rc ? rc : p.refused ? -EINVAL : 0;
}

static void free_items(struct copy_item *items, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(items[i].src);
		free(items[i].dst);
	}
	free(items);
}

void copy_plan_free(struct copy_plan *plan)
{
	free_items(plan->dirs, plan->ndirs);
	free_items(plan->files, plan->nfiles);
	memset(plan, 0, sizeof(*plan));
}
