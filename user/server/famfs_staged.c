// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that were made here, from CREATE until the kernel has forgotten the id that
 * it was told then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "famfs.h"

static struct staged_key key_of(uint64_t dir, const char *name)
{
	struct staged_key key;

	/* The whole of it is compared. */
	memset(&key, 0, sizeof(key));
	key.dir = dir;
	strncpy(key.name, name, sizeof(key.name) - 1);
	return key;
}

struct staged *staged_find(struct layout *l, uint64_t ino)
{
	struct staged *s;

	HASH_FIND(by_ino, l->staged, &ino, sizeof(ino), s);
	return s;
}

struct staged *staged_name(struct layout *l, uint64_t dir, const char *name)
{
	struct staged_key key;
	struct staged *s;

	if (!l->names || strlen(name) >= sizeof(key.name))
		return NULL;
	key = key_of(dir, name);
	HASH_FIND(by_name, l->names, &key, sizeof(key), s);
	return s;
}

void staged_stat(struct layout *l, const struct staged *s, struct stat *st)
{
	if (!s->log_ino) {
		*st = s->st;
		return;
	}
	famfs_stat(l, media_fs_node(l->fs, s->log_ino), st);
	st->st_ino = s->ino;
}

/*
 * staged_stands - is its name to lead to it, and not to the node of the log?
 *
 * So it is while the data are to be had by it only: the kernel has the memory, or
 * somebody who has it open reads and writes through this server.
 */
bool staged_stands(const struct staged *s)
{
	return !s->log_ino || (s->sized && (s->mapped || s->opens));
}

struct staged *staged_pin(struct layout *l, uint64_t ino)
{
	struct staged *s;

	pthread_rwlock_wrlock(&l->lock);
	s = staged_find(l, ino);
	if (s)
		s->pins++;
	pthread_rwlock_unlock(&l->lock);
	return s;
}

void staged_unpin(struct layout *l, struct staged *s)
{
	pthread_rwlock_wrlock(&l->lock);
	s->pins--;
	staged_put(l, s);
	pthread_rwlock_unlock(&l->lock);
}

/* --- its place in listings --- */

static int seat(struct layout *l, struct staged *s)
{
	uint64_t room = l->room ? 2 * l->room : 64;
	struct staged **seats;

	if (l->nseats == l->room) {
		seats = realloc(l->seats, room * sizeof(*seats));
		if (!seats)
			return -ENOMEM;
		l->seats = seats;
		l->room = room;
	}
	s->seat = l->nseats;
	s->seated = true;
	l->seats[l->nseats++] = s;
	return 0;
}

/* staged_unseat - it is not to be listed: any more, or beside the log */
void staged_unseat(struct layout *l, struct staged *s)
{
	if (!s->seated)
		return;
	s->seated = false;
	l->seats[s->seat] = NULL;
	while (l->nseats && !l->seats[l->nseats - 1])
		l->nseats--;
}

/* --- its name --- */

static const char *keep_name(struct layout *l, const char *name)
{
	size_t len = strlen(name) + 1;
	struct kept_name *k = malloc(sizeof(*k) + len);

	if (!k)
		return NULL;
	memcpy(k->name, name, len);
	k->next = l->kept;
	l->kept = k;
	return k->name;
}

static int give_name(struct layout *l, struct staged *s, uint64_t dir,
		     const char *name)
{
	const char *kept = keep_name(l, name);
	int rc = kept ? seat(l, s) : -ENOMEM;

	if (rc)
		return rc;
	s->name = kept;
	s->key = key_of(dir, name);
	HASH_ADD(by_name, l->names, key, sizeof(s->key), s);
	s->named = s->by_name.tbl;
	if (s->named)
		return 0;
	staged_unseat(l, s);
	return -ENOMEM;
}

void staged_unname(struct layout *l, struct staged *s)
{
	if (!s->named)
		return;
	staged_unseat(l, s);
	HASH_DELETE(by_name, l->names, s);
	s->named = false;
}

/* staged_rename - on error it has its old name */
int staged_rename(struct layout *l, struct staged *s, uint64_t dir,
		  const char *name)
{
	struct staged_key old = s->key;
	int rc;

	staged_unname(l, s);
	rc = give_name(l, s, dir, name);
	/* There was room for it just now. */
	if (rc)
		give_name(l, s, old.dir, old.name);
	return rc;
}

/* --- making and freeing --- */

static void init_stat(struct layout *l, const struct layout_new *new,
		      struct staged *s)
{
	struct stat *st = &s->st;

	st->st_ino = s->ino;
	st->st_mode = S_IFREG | (new->mode & 07777);
	st->st_uid = new->uid;
	st->st_gid = new->gid;
	st->st_nlink = 1;
	st->st_blksize = l->pool->sb.alloc_unit;
	clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

/* staged_new - an empty file; NULL: no memory */
struct staged *staged_new(struct layout *l, const struct layout_new *new)
{
	struct staged *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->ino = LAYOUT_PROVISIONAL | l->next_ino++;
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->released, &attr);
	pthread_condattr_destroy(&attr);
	init_stat(l, new, s);
	HASH_ADD(by_ino, l->staged, ino, sizeof(s->ino), s);
	if (s->by_ino.tbl && !give_name(l, s, new->dir, new->name))
		return s;
	if (s->by_ino.tbl)
		HASH_DELETE(by_ino, l->staged, s);
	pthread_cond_destroy(&s->released);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

static void staged_free(struct layout *l, struct staged *s)
{
	staged_unname(l, s);
	HASH_DELETE(by_ino, l->staged, s);
	commit_give_back(l, s);
	store_drop(s);
	pthread_cond_destroy(&s->released);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/*
 * staged_put - free it if nobody has it
 *
 * A file that has a name and is not in the log has nothing else: it stays, if
 * nothing went wrong with it. It is empty, or is open.
 */
void staged_put(struct layout *l, struct staged *s)
{
	if (s->nlookup || s->opens || s->pins)
		return;
	if (s->named && !s->log_ino && !s->error)
		return;
	staged_free(l, s);
}

void staged_free_all(struct layout *l)
{
	struct staged *s, *next;

	HASH_ITER(by_ino, l->staged, s, next)
		staged_free(l, s);
	free(l->seats);
}

void famfs_forget(struct layout *l, uint64_t ino, uint64_t count)
{
	struct staged *s;

	if (!is_provisional(ino))
		return;
	pthread_rwlock_wrlock(&l->lock);
	s = staged_find(l, ino);
	if (s) {
		s->nlookup -= count < s->nlookup ? count : s->nlookup;
		staged_put(l, s);
	}
	pthread_rwlock_unlock(&l->lock);
}
