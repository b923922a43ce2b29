// SPDX-License-Identifier: GPL-2.0-only
/* The ways through a name space. */
#include "names.h"

const struct media_node *media_fs_node(const struct media_fs *fs, uint64_t ino)
{
	const struct node *node = names_node(&fs->names, ino, fs->next);

	return node ? &node->pub : NULL;
}

const struct media_node *media_fs_lookup(const struct media_fs *fs, uint64_t dir,
					 const char *name)
{
	const struct node *node = names_find(&fs->names, dir, name,
					     strnlen(name, FAMFS_PATH_MAX));

	return node ? &node->pub : NULL;
}

const struct media_node *media_fs_entry(const struct media_fs *fs, uint64_t dir,
					uint64_t pos)
{
	const struct node *node = names_node(&fs->names, dir, fs->next);

	if (!node || pos >= node->pub.nentries)
		return NULL;
	return &node->entries[pos]->pub;
}

/* Written from the end: the way is from the node to the root. */
char *media_fs_path(const struct media_fs *fs, uint64_t ino,
		    char buf[FAMFS_PATH_MAX])
{
	const struct media_node *node;
	size_t len, at = FAMFS_PATH_MAX - 1;

	buf[at] = '\0';
	for (; ino != MEDIA_INO_ROOT; ino = node->parent) {
		node = media_fs_node(fs, ino);
		/* Who asks for no node gets "". */
		if (!node)
			return strcpy(buf, "");
		/* It fits: what is in a log has paths that do. */
		if (buf[at])
			buf[--at] = '/';
		len = strlen(node->name);
		at -= len;
		memcpy(buf + at, node->name, len);
	}
	return memmove(buf, buf + at, FAMFS_PATH_MAX - at);
}

const struct media_node *media_fs_find(const struct media_fs *fs,
				       const char *path)
{
	const struct node *node = names_node(&fs->names, MEDIA_INO_ROOT, fs->next);
	size_t len;

	while (node && *path) {
		len = strcspn(path, "/");
		node = names_find(&fs->names, node->pub.ino, path, len);
		path += len;
		/* A slash is followed by another component. */
		if (*path && !*++path)
			return NULL;
	}
	return node ? &node->pub : NULL;
}
