// SPDX-License-Identifier: GPL-2.0-only
/* New names: directories at once, files when they have contents. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "famfs.h"

static int too_long(struct layout *l, const char *dir, const char *name)
{
	complain(l, COMPLAIN_PATH, "\"%s%s%s\" cannot be made: the famfs format has room for paths of %d bytes, from the root of the pool on",
		 dir, *dir ? "/" : "", name, FAMFS_PATH_MAX - 1);
	return -ENAMETOOLONG;
}

int famfs_path(struct layout *l, uint64_t dir, const char *name,
	       char path[FAMFS_PATH_MAX])
{
	char buf[FAMFS_PATH_MAX];
	const char *parent = media_fs_path(l->fs, dir, buf);
	int n = snprintf(path, FAMFS_PATH_MAX, "%s%s%s", parent,
			 *parent ? "/" : "", name);

	if (n >= FAMFS_PATH_MAX)
		return too_long(l, parent, name);
	return media_path_check(path) ? -EINVAL : 0;
}

/* Guarded by the lock: may something of that name be made there? */
static int may_make(struct layout *l, uint64_t dir, const char *name,
		    char path[FAMFS_PATH_MAX])
{
	const struct media_node *node;

	if (!l->master)
		return -EROFS;
	if (l->gone || l->split)
		return -EIO;
	if (is_provisional(dir))
		return staged_find(l, dir) ? -ENOTDIR : -ESTALE;
	node = media_fs_node(l->fs, dir);
	if (!node)
		return -ESTALE;
	if (!node->is_dir)
		return -ENOTDIR;
	if (dir == MEDIA_INO_META)
		return -EPERM;
	if (staged_name(l, dir, name) || media_fs_lookup(l->fs, dir, name))
		return -EEXIST;
	return famfs_path(l, dir, name, path);
}

/* Guarded by the lock. */
static int make_dir(struct layout *l, const struct layout_new *new,
		    struct stat *st)
{
	const struct media_node *node;
	char path[FAMFS_PATH_MAX];
	struct famfs_entry entry;
	int rc = may_make(l, new->dir, new->name, path);

	if (rc)
		return rc;
	/* The last ones may be promised to files. */
	if (media_fs_next(l->fs) + l->held >= l->entries_max) {
		complain(l, COMPLAIN_LOG_FULL, "the log is full: it has room for %llu entries (a pool made by \"mkfs --log-size\" has more)",
			 (unsigned long long)l->entries_max);
		return -ENOSPC;
	}
	rc = media_entry_mkdir(&entry, path, new->mode & 07777, new->uid,
			       new->gid);
	if (!rc)
		rc = famfs_append(l, &entry, false, NULL, &node);
	if (!rc)
		famfs_stat(l, node, st);
	return rc;
}

int famfs_mkdir(struct layout *l, const struct layout_new *new, struct stat *st)
{
	int rc;

	pthread_rwlock_wrlock(&l->lock);
	rc = make_dir(l, new, st);
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

int famfs_create(struct layout *l, const struct layout_new *new, int flags,
		 struct stat *st)
{
	char path[FAMFS_PATH_MAX];
	struct staged *s;
	int rc;

	pthread_rwlock_wrlock(&l->lock);
	rc = may_make(l, new->dir, new->name, path);
	if (!rc) {
		s = staged_new(l, new);
		rc = s ? 0 : -ENOMEM;
	}
	if (!rc) {
		s->nlookup = 1;
		s->opens = 1;
		s->writers = for_writing(flags);
		staged_stat(l, s, st);
	}
	pthread_rwlock_unlock(&l->lock);
	return rc;
}

/* --- names that are not in the log yet --- */

/* Guarded by the lock. Return: NULL, and @rc why not. */
static struct staged *find_staged(struct layout *l, uint64_t dir,
				  const char *name, int *rc)
{
	struct staged *s = staged_name(l, dir, name);

	*rc = 0;
	if (s && !s->log_ino)
		return s;
	*rc = !l->master ? -EROFS :
	      s || media_fs_lookup(l->fs, dir, name) ? -EOPNOTSUPP : -ENOENT;
	return NULL;
}

int famfs_unlink(struct layout *l, uint64_t dir, const char *name)
{
	struct staged *s;
	int rc;

	pthread_rwlock_wrlock(&l->lock);
	s = find_staged(l, dir, name, &rc);
	if (s) {
		staged_unname(l, s);
		s->st.st_nlink = 0;
		staged_put(l, s);
	}
	pthread_rwlock_unlock(&l->lock);
	if (rc == -EOPNOTSUPP)
		complain(l, COMPLAIN_UNLINK, "\"%s\" cannot be removed: the log of a pool is only ever added to",
			 name);
	return rc;
}

/* Guarded by the lock: from one name that is not in the log to another. */
static int rename_staged(struct layout *l, struct staged *s, uint64_t dir,
			 const char *name, unsigned int flags)
{
	struct staged *old = staged_name(l, dir, name);
	char path[FAMFS_PATH_MAX];
	int rc;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (old && (old->log_ino || flags))
		return flags ? -EEXIST : -EOPNOTSUPP;
	if (old == s)
		return 0;
	if (old)
		staged_unname(l, old);
	rc = may_make(l, dir, name, path);
	if (rc == -EEXIST && !flags)
		rc = -EOPNOTSUPP;
	if (!rc)
		rc = staged_rename(l, s, dir, name);
	if (old && rc)
		staged_rename(l, old, dir, name);
	else if (old)
		staged_put(l, old);
	return rc;
}

int famfs_rename(struct layout *l, uint64_t dir, const char *name,
		 uint64_t newdir, const char *newname, unsigned int flags)
{
	struct staged *s;
	int rc;

	pthread_rwlock_wrlock(&l->lock);
	s = find_staged(l, dir, name, &rc);
	if (s)
		rc = rename_staged(l, s, newdir, newname, flags);
	pthread_rwlock_unlock(&l->lock);
	if (rc == -EOPNOTSUPP)
		complain(l, COMPLAIN_RENAME, "\"%s\" cannot become \"%s\": what is in the log of a pool keeps its name",
			 name, newname);
	return rc;
}
