// SPDX-License-Identifier: GPL-2.0-only
/* From a layout file to a layout, or to all that is wrong with the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fusefmap.h>

#include "static.h"

#define TEXT_MAX	(64 << 20)	/* bytes of a layout file */

void node_free(struct node *node)
{
	fuse_fmap_free(node->fmap);
	if (node->host >= 0)
		close(node->host);
	free(node->path);
	free(node->where);
	free(node);
}

void static_destroy(struct layout *layout)
{
	uint64_t i;

	for (i = 0; i < layout->nnodes; i++)
		node_free(layout->nodes[i]);
	free(layout->nodes);
	free(layout->by_id);
	pthread_mutex_destroy(&layout->lock);
	free(layout);
}

static unsigned int depth(const char *path)
{
	unsigned int n = *path != '\0';

	while ((path = strchr(path, '/'))) {
		path++;
		n++;
	}
	return n;
}

/*
 * The root comes first, then what is in it, and so on. Within a level the
 * entries of a directory stand together, for their paths begin alike, and by
 * name.
 */
static int by_level(const void *pa, const void *pb)
{
	const char *a = (*(struct node *const *)pa)->path;
	const char *b = (*(struct node *const *)pb)->path;
	unsigned int da = depth(a), db = depth(b);

	if (da != db)
		return da < db ? -1 : 1;
	return strcmp(a, b);
}

/* Moves all nodes from the draft to the layout and gives them their ids. */
static void number(struct draft *d)
{
	struct layout *layout = d->layout;
	struct node *node, *next;

	layout->nodes = must_alloc(HASH_COUNT(d->by_path),
				   sizeof(*layout->nodes));
	HASH_ITER(hh, d->by_path, node, next)
		layout->nodes[layout->nnodes++] = node;
	qsort(layout->nodes, layout->nnodes, sizeof(*layout->nodes), by_level);
	for (uint64_t i = 0; i < layout->nnodes; i++) {
		node = layout->nodes[i];
		node->is_dir = S_ISDIR(node->st.st_mode);
		node->st.st_ino = node_id(node->path, node->is_dir);
	}
}

static void refuse_same_id(struct draft *d, const struct node *node)
{
	diag_add(d->diag, (struct mark){ 0, 0 },
		 "/%s has the same node id as another path, by chance; give it another name",
		 node->path);
}

static struct node *parent_of(struct draft *d, const struct node *node)
{
	size_t len = node->name - node->path;
	struct node *parent;

	HASH_FIND(hh, d->by_path, node->path, len ? len - 1 : 0, parent);
	return parent;
}

static void link_nodes(struct draft *d)
{
	struct layout *layout = d->layout;
	uint64_t i;

	layout->nodes[0]->parent = layout->nodes[0]->st.st_ino;
	layout->nodes[0]->st.st_nlink = 2;
	for (i = 1; i < layout->nnodes; i++) {
		struct node *node = layout->nodes[i];
		struct node *parent = parent_of(d, node);

		node->parent = parent->st.st_ino;
		if (!parent->nentries++)
			parent->first = i;
		if (node->is_dir) {
			node->st.st_nlink = 2;
			parent->st.st_nlink++;
		} else {
			layout->nfiles++;
		}
	}
}

static void drop_nodes(struct draft *d)
{
	struct node *node, *next;

	HASH_ITER(hh, d->by_path, node, next) {
		HASH_DEL(d->by_path, node);
		node_free(node);
	}
}

static bool draft_all(struct draft *d)
{
	if (!doc_has(d->doc, "files"))
		diag_add(d->diag, (struct mark){ 0, 0 },
			 "'files' is missing; a layout lists 'devices' and 'files' ('files: []' if there are none)");
	draft_devices(d);
	draft_names(d);
	draft_overlaps(d);
	return !diag_count(d->diag);
}

struct layout *static_parse(const char *text, size_t len,
			    const struct layout_args *args,
			    struct timespec time, struct diag *diag)
{
	struct draft d = { .args = args, .diag = diag, .time = time };
	struct doc *doc;
	struct raw_layout *raw = raw_load(text, len, &doc, diag);
	const struct node *same;

	if (!raw) {
		doc_free(doc);
		return NULL;
	}
	d.raw = raw;
	d.doc = doc;
	d.layout = must_alloc(1, sizeof(*d.layout));
	pthread_mutex_init(&d.layout->lock, NULL);
	d.layout->digest = text_digest(text, len);
	if (draft_all(&d)) {
		number(&d);
		link_nodes(&d);
		HASH_CLEAR(hh, d.by_path);
		same = layout_index(d.layout);
		if (same)
			refuse_same_id(&d, same);
	} else {
		drop_nodes(&d);
	}
	if (diag_count(diag)) {
		static_destroy(d.layout);
		d.layout = NULL;
	}
	draft_free_claims(&d);
	raw_free(raw);
	doc_free(doc);
	return d.layout;
}

/* The whole file, to be freed, or NULL with errno. */
static char *slurp(const char *path, size_t *len, struct timespec *time)
{
	char *text = NULL;
	struct stat st;
	size_t got = 0;
	ssize_t n = 1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st))
		goto close_fd;
	*time = st.st_mtim;
	while (n > 0 && got < TEXT_MAX) {
		text = must_resize(text, got + 65536, 1);
		n = read(fd, text + got, 65536);
		got += n > 0 ? n : 0;
	}
	if (n) {
		errno = n < 0 ? errno : EFBIG;
		free(text);
		text = NULL;
	}
	*len = got;
close_fd:
	close(fd);
	return text;
}

struct layout *static_load(const struct layout_args *args, FILE *err)
{
	struct layout *layout = NULL;
	struct timespec time;
	struct diag *diag;
	size_t len;
	char *text = slurp(args->source, &len, &time);

	diag = diag_new(args->source);
	if (!text)
		diag_add(diag, (struct mark){ 0, 0 }, "cannot be read: %s",
			 strerror(errno));
	else
		layout = static_parse(text, len, args, time, diag);
	diag_print(diag, err);
	if (diag_count(diag) > 1)
		fprintf(err, "%s: %zu mistakes\n", args->source,
			diag_count(diag));
	diag_free(diag);
	free(text);
	return layout;
}
