// SPDX-License-Identifier: GPL-2.0-only
/* The names in a layout file, and the tree that they make. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "static.h"

#define DIR_MODE	(S_IFDIR | 0755)

static struct node *node_new(struct draft *d, char *path, mode_t mode,
			     char *where)
{
	struct node *node = must_alloc(1, sizeof(*node));
	const char *slash = strrchr(path, '/');

	node->path = path;
	node->name = slash ? slash + 1 : path;
	node->where = where;
	node->host = -1;
	node->st.st_mode = mode;
	node->st.st_nlink = 1;
	node->st.st_atim = node->st.st_mtim = node->st.st_ctim = d->time;
	return node;
}

static struct node *find(struct draft *d, const char *path, size_t len)
{
	struct node *node;

	HASH_FIND(hh, d->by_path, path, len, node);
	return node;
}

static void add(struct draft *d, struct node *node)
{
	HASH_ADD_KEYPTR(hh, d->by_path, node->path, strlen(node->path), node);
}

/* What is wrong with one component, or NULL. */
static const char *bad_component(const char *name, size_t len)
{
	if (!len)
		return "has an empty component (a slash too many)";
	if (len == 1 && name[0] == '.')
		return "has a component '.'";
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return "has a component '..'";
	if (len > NAME_MAX)
		return "has a component of more than 255 bytes";
	return NULL;
}

/* The path below the root, to be freed, or NULL. */
static char *draft_path(struct draft *d, const char *where, const char *text)
{
	const char *start, *p, *problem = NULL;
	size_t len;

	if (!text) {
		diag_add(d->diag, doc_at(d->doc, "%s", where),
			 "%s: 'path' is missing", where);
		return NULL;
	}
	start = text + (*text == '/');
	for (p = start; *start && !problem; p += len + 1) {
		len = strcspn(p, "/");
		problem = bad_component(p, len);
		if (!p[len])
			break;
	}
	if (!problem && strlen(text) >= PATH_MAX)
		problem = "has more than 4095 bytes";
	if (!problem)
		return must_print("%s", start);
	diag_add(d->diag, doc_at(d->doc, "%s.path", where),
		 "%s.path: '%s' %s; must be names with single slashes between, such as /models/a.bin",
		 where, text, problem);
	return NULL;
}

/* Takes @node, whose path may be NULL, into the draft, or frees it. */
static void admit(struct draft *d, struct node *node)
{
	struct node *other = find(d, node->path, strlen(node->path));

	if (!other) {
		add(d, node);
		return;
	}
	diag_add(d->diag, doc_at(d->doc, "%s.path", node->where),
		 "%s.path: /%s is there already: %s (line %u)", node->where,
		 node->path, other->where,
		 doc_at(d->doc, "%s.path", other->where).line);
	node_free(node);
}

static void draft_directory(struct draft *d, unsigned int i)
{
	const struct raw_directory *raw = &d->raw->directories[i];
	char *where = must_print("directories[%u]", i);
	char *path = draft_path(d, where, raw->path);
	struct node *node;

	node = node_new(d, path ? path : must_print("%s", ""), DIR_MODE, where);
	draft_mode(d, where, raw->mode, &node->st.st_mode);
	draft_owner(d, where, raw->owner, &node->st.st_uid);
	draft_group(d, where, raw->group, &node->st.st_gid);
	if (path)
		admit(d, node);
	else
		node_free(node);
}

static void draft_one_file(struct draft *d, unsigned int i)
{
	const struct raw_file *raw = &d->raw->files[i];
	char *where = must_print("files[%u]", i);
	char *path = draft_path(d, where, raw->path);
	struct node *node;

	if (path && !*path) {
		diag_add(d->diag, doc_at(d->doc, "%s.path", where),
			 "%s.path: '%s' is the root, which is a directory",
			 where, raw->path);
		free(path);
		path = NULL;
	}
	node = node_new(d, path ? path : must_print("%s", ""), S_IFREG, where);
	draft_file(d, raw, node);
	if (path)
		admit(d, node);
	else
		node_free(node);
}

/* Sees to it that all directories above @node are there, and are directories. */
static void draft_parents(struct draft *d, struct node *node)
{
	size_t len = strlen(node->path);
	struct node *up;

	while (len) {
		while (len && node->path[len - 1] != '/')
			len--;
		len -= len > 0;
		up = find(d, node->path, len);
		if (!up) {
			char *path = must_print("%.*s", (int)len, node->path);

			add(d, node_new(d, path, DIR_MODE, NULL));
		} else if (!S_ISDIR(up->st.st_mode)) {
			diag_add(d->diag, doc_at(d->doc, "%s.path",
						 node->where),
				 "%s.path: /%s lies below /%s, which is a file: %s (line %u)",
				 node->where, node->path, up->path, up->where,
				 doc_at(d->doc, "%s.path", up->where).line);
			return;
		}
	}
}

void draft_names(struct draft *d)
{
	struct node *node, *next;
	unsigned int i;

	for (i = 0; i < d->raw->ndirectories; i++)
		draft_directory(d, i);
	for (i = 0; i < d->raw->nfiles; i++)
		draft_one_file(d, i);
	if (!find(d, "", 0))
		add(d, node_new(d, must_print("%s", ""), DIR_MODE, NULL));
	/* Those that it adds come at the end, and have all theirs by then. */
	HASH_ITER(hh, d->by_path, node, next)
		if (node->where)
			draft_parents(d, node);
}
