// SPDX-License-Identifier: GPL-2.0-only
/* A pool is opened, and its log replayed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "famfs.h"
#include "log.h"

_Thread_local bool famfs_muted;

static void pool_line(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (!famfs_muted)
		log_line(level, "%s", text);
}

/* By what this host is known; without that it can be no master. */
static void read_host(struct layout *l)
{
	const char *path = l->args.pool.system_uuid;
	int rc;

	if (l->args.pool.client)
		return;
	rc = pool_system_uuid(path, false, l->host);
	l->has_host = !rc;
	if (rc && (path || rc != -ENOENT))
		log_line(LOG_WARNING, "%s: %s: this host is a client",
			 path ? path : POOL_SYSTEM_UUID,
			 rc == -EINVAL ? "is no uuid" : strerror(-rc));
}

static int init_locks(struct layout *l)
{
	pthread_rwlockattr_t attr;
	int rc;

	pthread_rwlockattr_init(&attr);
	/* Readers never stop coming; who follows the log is to get in. */
	pthread_rwlockattr_setkind_np(&attr,
			PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	rc = pthread_rwlock_init(&l->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&l->views.lock, NULL);
	pthread_mutex_init(&l->complaints.lock, NULL);
	teller_init(l);
	return -rc;
}

struct layout *famfs_load(const struct layout_args *args, FILE *err)
{
	struct layout *l = calloc(1, sizeof(*l));

	if (!l || init_locks(l)) {
		fputs("fmapfsd: out of memory\n", err);
		free(l);
		return NULL;
	}
	l->args = *args;
	l->msgs.line = pool_line;
	read_host(l);
	return l;
}

/* What the allocator would say of each new file. */
static int check_policy(const struct layout *l)
{
	uint64_t unit = l->pool->sb.alloc_unit;

	if (l->args.pool.chunk % unit == 0)
		return 0;
	log_line(LOG_ERR, "--chunk must be a multiple of the pool's allocation unit, %llu bytes",
		 (unsigned long long)unit);
	return -EINVAL;
}

static int open_pool(struct layout *l)
{
	const struct pool_args args = {
		.name = l->args.source,
		.others = l->args.pool.devices,
		.flags = (l->args.any_device ? POOL_PLAIN : 0) |
			 (l->args.check ? 0 : POOL_WRITE),
		.missing_ok = l->args.pool.degraded,
	};
	int rc = pool_open(&l->pool, &args, &l->msgs);

	if (rc)
		log_line(LOG_ERR, "%s: the pool cannot be opened: %s",
			 l->args.source, strerror(-rc));
	return rc;
}

/* A log that is bad from some entry on is a log up to there. */
static int replay(struct layout *l)
{
	struct media_error err = { 0 };
	struct media_head head;
	int rc = media_fs_new(&l->fs, &l->pool->sb, &famfs_news, l);

	if (!rc)
		rc = pool_log_head(l->pool, &head, &err);
	if (!rc) {
		l->entries_max = head.entries_max;
		l->appended = head.next;
		rc = pool_replay(l->pool, l->fs, &err);
		if (!rc || rc == -ENOMEM)
			return rc;
		pool_strerror(rc, &err, l->last_wrong, sizeof(l->last_wrong));
		log_line(LOG_ERR, "%s: %s: what comes before it, %llu entries, is all that can be used",
			 l->args.source, l->last_wrong,
			 (unsigned long long)media_fs_next(l->fs));
		return l->args.check ? rc : 0;
	}
	if (rc == -EUCLEAN || rc == -EIO)
		log_line(LOG_ERR, "%s: %s", l->args.source,
			 pool_strerror(rc, &err, l->last_wrong,
				       sizeof(l->last_wrong)));
	return rc;
}

/* The library has said so. */
static void note_missing(struct layout *l, unsigned int i)
{
	l->wanted |= 1ULL << i;
	l->missed |= 1ULL << i;
	log_line(LOG_WARNING, "%s: device %u is missing: files on it are EIO until it is found",
		 l->args.source, i);
}

static void note_devices(struct layout *l)
{
	unsigned int i;

	l->wanted = 0;
	for (i = 0; i < MEDIA_DEVICES_MAX; i++) {
		if (!media_fs_device(l->fs, i))
			continue;
		if (i < l->pool->ndevs && l->pool->devs[i].size)
			l->ready |= 1ULL << i;
		else
			note_missing(l, i);
	}
}

/*
 * What is open still of a predecessor must not be taken for another file. So they
 * begin with the time, in microseconds: nobody makes files faster than that.
 */
static void begin_provisional(struct layout *l)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	l->next_ino = now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void say_role(const struct layout *l)
{
	if (l->args.check)
		return;
	log_line(LOG_INFO, "%s: this host is %s", l->args.source,
		 l->master ? "the master: it makes files" :
		 "a client: it makes no files (the system uuid is not the pool's)");
}

/* Two masters of one pool would write over each other's files. */
static int take_role(struct layout *l)
{
	l->master = l->has_host && !l->args.check &&
		    !memcmp(l->host, l->pool->sb.system_uuid, sizeof(l->host));
	return l->master ? pool_claim(l->pool) : 0;
}

int famfs_prepare(struct layout *l)
{
	int rc = open_pool(l);

	if (!rc)
		rc = take_role(l);
	if (!rc)
		rc = check_policy(l);
	if (!rc)
		rc = replay(l);
	if (rc) {
		if (rc == -ENOMEM)
			log_line(LOG_ERR, "out of memory");
		return rc;
	}
	clock_gettime(CLOCK_REALTIME, &l->born);
	note_devices(l);
	begin_provisional(l);
	say_role(l);
	return 0;
}

static void free_tables(struct layout *l)
{
	struct amended *a, *next_a;
	struct mapped *m, *next_m;
	struct kept_name *k;

	HASH_ITER(hh, l->amended, a, next_a) {
		HASH_DEL(l->amended, a);
		free(a);
	}
	HASH_ITER(hh, l->maps, m, next_m) {
		HASH_DEL(l->maps, m);
		fuse_fmap_free(m->fmap);
		free(m);
	}
	while ((k = l->kept)) {
		l->kept = k->next;
		free(k);
	}
}

void famfs_destroy(struct layout *l)
{
	teller_destroy(l);
	staged_free_all(l);
	views_close(l);
	free_tables(l);
	media_fs_free(l->fs);
	if (l->pool)
		pool_close(l->pool);
	pthread_mutex_destroy(&l->views.lock);
	pthread_mutex_destroy(&l->complaints.lock);
	pthread_rwlock_destroy(&l->lock);
	free(l);
}

void famfs_count(struct layout *l, struct layout_counts *counts)
{
	struct media_fs_counts n;

	pthread_rwlock_rdlock(&l->lock);
	media_fs_count(l->fs, &n);
	pthread_rwlock_unlock(&l->lock);
	counts->files = n.files;
	counts->directories = n.directories;
	counts->devices = n.devices;
}

/*
 * Of the pool only: what an entry says never changes, and for names that have come
 * since, a successor has the kernel ask anew by itself.
 */
uint64_t famfs_digest(struct layout *l)
{
	uint64_t half[2];

	memcpy(half, l->pool->sb.fs_uuid, sizeof(half));
	return half[0] ^ half[1];
}

void famfs_statfs(struct layout *l, struct statvfs *st)
{
	uint64_t unit = l->pool->sb.alloc_unit, next;
	struct media_usage usage;

	pthread_rwlock_rdlock(&l->lock);
	media_space_usage(media_fs_space(l->fs), &usage);
	next = media_fs_next(l->fs) + l->held;
	pthread_rwlock_unlock(&l->lock);
	st->f_bsize = st->f_frsize = unit;
	st->f_blocks = (usage.size - usage.reserved) / unit;
	st->f_bfree = (usage.size - usage.reserved - usage.used) / unit;
	st->f_bavail = st->f_bfree;
	st->f_files = l->entries_max;
	st->f_ffree = next < l->entries_max ? l->entries_max - next : 0;
	st->f_favail = st->f_ffree;
	st->f_namemax = FAMFS_PATH_MAX - 1;
}
