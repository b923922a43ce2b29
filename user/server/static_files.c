// SPDX-License-Identifier: GPL-2.0-only
/* The files of a layout file, but for their names. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "static.h"

static const char *const contents[] = { "extents", "stripe", "stripes", "from" };

/* Exactly one key says what is in the file; NULL if not so. */
static const char *content_of(struct draft *d, const char *where)
{
	const char *found = NULL;
	unsigned int i, given = 0;

	for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		if (doc_has(d->doc, "%s.%s", where, contents[i])) {
			found = contents[i];
			given++;
		}
	if (given == 1)
		return found;
	diag_add(d->diag, doc_at(d->doc, "%s", where),
		 "%s: has %s of extents, stripe, stripes and from; must have exactly one",
		 where, given ? "several" : "none");
	return NULL;
}

/* An open file of the host, regular, or -1. */
static int open_host(struct draft *d, const char *where, const char *path,
		     struct stat *st)
{
	const char *problem = NULL;
	int fd = -1;

	if (*path != '/')
		problem = "must be an absolute path";
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (!problem && (fd < 0 || fstat(fd, st)))
		problem = strerror(errno);
	else if (!problem && !S_ISREG(st->st_mode))
		problem = "must be a regular file";
	if (!problem)
		return fd;
	diag_add(d->diag, doc_at(d->doc, "%s.from", where), "%s.from: %s: %s",
		 where, path, problem);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void refuse_key(struct draft *d, const char *where, const char *key,
		       const char *text)
{
	if (text)
		diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
			 "%s.%s: a file with 'from' is what it is on the host; leave '%s' out",
			 where, key, key);
}

static void draft_host_file(struct draft *d, const struct raw_file *raw,
			    struct node *node)
{
	struct stat st;

	refuse_key(d, node->where, "size", raw->size);
	refuse_key(d, node->where, "truncate", raw->truncate);
	node->host = open_host(d, node->where, raw->from, &st);
	if (node->host < 0)
		return;
	node->st.st_size = st.st_size;
	node->st.st_atim = st.st_atim;
	node->st.st_mtim = st.st_mtim;
	node->st.st_ctim = st.st_ctim;
}

static void draft_mapped_file(struct draft *d, const struct raw_file *raw,
			      struct node *node)
{
	uint64_t size = 0;
	bool ok = draft_size(d, node->where, "size", raw->size, &size);

	if (ok && size > INT64_MAX) {
		diag_add(d->diag, doc_at(d->doc, "%s.size", node->where),
			 "%s.size: '%s' is too large; a file must be below 2^63 bytes",
			 node->where, raw->size);
		size = 0;
	}
	node->st.st_size = size;
	node->fmap = draft_map(d, raw, node->where, size);
	if (!raw->truncate || !strcmp(raw->truncate, "refuse"))
		return;
	node->keep_size = !strcmp(raw->truncate, "keep");
	if (!node->keep_size)
		diag_add(d->diag, doc_at(d->doc, "%s.truncate", node->where),
			 "%s.truncate: '%s' is unknown; must be refuse or keep",
			 node->where, raw->truncate);
}

void draft_file(struct draft *d, const struct raw_file *raw, struct node *node)
{
	const char *content = content_of(d, node->where);
	bool host = content && !strcmp(content, "from");

	node->st.st_mode |= host ? 0444 : 0644;
	draft_mode(d, node->where, raw->mode, &node->st.st_mode);
	draft_owner(d, node->where, raw->owner, &node->st.st_uid);
	draft_group(d, node->where, raw->group, &node->st.st_gid);
	if (!content)
		return;
	if (host)
		draft_host_file(d, raw, node);
	else
		draft_mapped_file(d, raw, node);
	/* The size may be the largest there is. */
	node->st.st_blocks = node->st.st_size / 512 +
			     (node->st.st_size % 512 != 0);
}
