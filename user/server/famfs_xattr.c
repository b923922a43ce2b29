// SPDX-License-Identifier: GPL-2.0-only
/*
 * user.fmapfs.layout: "strips=4,chunk=2097152": how a file is laid out, and, set on
 * one that is empty still, how it is to be. "strips=1" is not interleaved.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "famfs.h"
#include "size.h"

#define VALUE_MAX	64

/* One word of it. */
static int parse_word(const struct layout *l, const char *word,
		      unsigned int *strips, uint64_t *chunk)
{
	uint64_t n;

	if (!strncmp(word, "strips=", 7)) {
		if (number_parse(word + 7, 10, FAMFS_STRIPS_MAX, &n) || !n)
			return -EINVAL;
		*strips = n;
		return 0;
	}
	if (strncmp(word, "chunk=", 6) || size_parse(word + 6, &n))
		return -EINVAL;
	if (!n || n & (n - 1) || n % l->pool->sb.alloc_unit || n > UINT32_MAX)
		return -EINVAL;
	*chunk = n;
	return 0;
}

static int parse(const struct layout *l, const char *value, size_t size,
		 unsigned int *strips, uint64_t *chunk)
{
	char text[VALUE_MAX], *word, *save;
	int rc = 0;

	if (!size || size >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, size);
	text[size] = '\0';
	if (strlen(text) != size)
		return -EINVAL;
	*strips = 1;
	*chunk = 0;
	for (word = strtok_r(text, ",", &save); word && !rc;
	     word = strtok_r(NULL, ",", &save))
		rc = parse_word(l, word, strips, chunk);
	return rc;
}

int famfs_setxattr(struct layout *l, uint64_t ino, const char *name,
		   const char *value, size_t size, int flags)
{
	unsigned int strips;
	struct staged *s;
	uint64_t chunk;
	int rc;

	(void)flags;
	if (strcmp(name, LAYOUT_XATTR))
		return -EOPNOTSUPP;
	if (!l->master)
		return -EROFS;
	rc = parse(l, value, size, &strips, &chunk);
	if (rc)
		return rc;
	pthread_rwlock_wrlock(&l->lock);
	s = is_provisional(ino) ? staged_find(l, ino) : NULL;
	if (is_provisional(ino) && !s)
		rc = -ESTALE;
	else if (!s || s->log_ino || s->st.st_size)
		rc = -EOPNOTSUPP;
	if (!rc) {
		s->has_policy = true;
		s->strips = strips;
		s->chunk = chunk;
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

static int show(char text[VALUE_MAX], unsigned int strips, uint64_t chunk)
{
	if (strips <= 1)
		return snprintf(text, VALUE_MAX, "strips=1");
	return snprintf(text, VALUE_MAX, "strips=%u,chunk=%llu", strips,
			(unsigned long long)chunk);
}

static int show_logged(struct layout *l, uint64_t ino, char text[VALUE_MAX])
{
	const struct media_node *node = media_fs_node(l->fs, ino);

	if (!node)
		return -ESTALE;
	if (node->is_dir || is_meta(ino))
		return -ENODATA;
	if (node->map_type != FAMFS_MAP_INTERLEAVED)
		return show(text, 1, 0);
	return show(text, node->nextents, node->chunk_size);
}

/* Guarded by the lock. Return: bytes, or -errno. */
static int show_any(struct layout *l, uint64_t ino, char text[VALUE_MAX])
{
	const struct staged *s;

	if (!is_provisional(ino))
		return show_logged(l, ino, text);
	s = staged_find(l, ino);
	if (!s)
		return -ESTALE;
	if (s->log_ino)
		return show_logged(l, s->log_ino, text);
	return s->has_policy ? show(text, s->strips, s->chunk) : -ENODATA;
}

ssize_t famfs_getxattr(struct layout *l, uint64_t ino, const char *name,
		       char *value, size_t size)
{
	char text[VALUE_MAX];
	int n;

	if (strcmp(name, LAYOUT_XATTR))
		return -ENODATA;
	pthread_rwlock_rdlock(&l->lock);
	n = show_any(l, ino, text);
	pthread_rwlock_unlock(&l->lock);
	if (n < 0 || !size)
		return n;
	if ((size_t)n > size)
		return -ERANGE;
	memcpy(value, text, n);
	return n;
}

ssize_t famfs_listxattr(struct layout *l, uint64_t ino, char *list, size_t size)
{
	ssize_t n = famfs_getxattr(l, ino, LAYOUT_XATTR, NULL, 0);

	if (n < 0)
		return n == -ENODATA ? 0 : n;
	n = sizeof(LAYOUT_XATTR);
	if (!size)
		return n;
	if ((size_t)n > size)
		return -ERANGE;
	memcpy(list, LAYOUT_XATTR, n);
	return n;
}
