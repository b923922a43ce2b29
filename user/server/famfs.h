/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout "famfs": a pool, whose log says what there is.
 *
 *   famfs_load.c (opens the pool, replays its log) → famfs_names.c (names,
 *   attributes) → famfs_map.c (fmaps, devices) → famfs_data.c (open, read, write)
 *   → famfs_view.c (data through windows) → famfs_meta.c (.meta) → famfs_tell.c
 *   (what the kernel is told) → famfs_follow.c (the log, while it grows) →
 *   famfs_staged.c (files that are not in the log yet) → famfs_commit.c (how they
 *   get there) → famfs_make.c (mkdir, create), famfs_size.c (ftruncate, fallocate)
 *   → famfs_xattr.c → famfs_refuse.c → famfs_ops.c (the table)
 *
 * Locks, to be taken in this order: struct staged.lock, struct layout.lock, then,
 * each the last one, those of struct views, struct teller and struct complaints.
 * None is held while the kernel is told something, or while memory is copied but
 * that of the one file.
 */
#ifndef FMAPFSD_FAMFS_H
#define FMAPFSD_FAMFS_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <fusefmap.h>

/* What cannot be added for want of memory has no table afterwards. */
#define HASH_NONFATAL_OOM	1
#include <uthash.h>

#include "../media/media.h"
#include "../pool/pool.h"
#include "layout.h"

/* ------------------------------------------------------------------------
 * What the log has no room for, or not yet
 */

/* Where the entries of a directory begin that are not in the log, see @seek. */
#define SEAT_FIRST	(1ULL << 40)

/* The extended attribute that says how a file is, or is to be, laid out. */
#define LAYOUT_XATTR	"user.fmapfs.layout"

/**
 * struct amended - what was changed of an entry's attributes, until the end
 * @ino: of a node of the log
 * @mode: permissions
 */
struct amended {
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	UT_hash_handle hh;
};

/* A map that was made; lives until the layout is destroyed. */
struct mapped {
	uint64_t ino;
	struct fuse_fmap *fmap;
	UT_hash_handle hh;
};

/* A name that is not in the log: the directory, and up to 79 bytes. */
struct staged_key {
	uint64_t dir;
	char name[FAMFS_PATH_MAX];
};

/**
 * struct staged - a file that was made here
 *
 * Staged: what is written to it is in @fd. Committed: it is in the log (@log_ino),
 * and this is what the kernel knows it by until it forgets. If it got its memory
 * with its size (@sized) that is where its data are; else who has it open still, to
 * read, reads @fd, and who opens it is sent to the node of the log.
 *
 * A kernel that was told that a file has no fmap (at CREATE, always) asks again once it
 * has given it a size; gets the fmap by @ino; and @ino stays. A file that got its size
 * otherwise, by fsync(2), it does not ask for again: who has it open goes on by READ and
 * WRITE, through a window, and who opens it once nobody has is sent to the node of the
 * log.
 *
 * @ino: LAYOUT_PROVISIONAL and a number
 * @key: its name; @name: the same, lives as long as the layout
 * These are guarded by struct layout.lock:
 * @seat: where it is listed, if it is: @seated
 * @st: attributes, while staged
 * @nlookup: how often the kernel was told @ino
 * @opens, @writers: open files, and those of them that are for writing
 * @pins: users within the server
 * @named: in struct layout.names
 * @log_ino: 0: staged
 * @sized: see above
 * @mapped: the kernel has got the fmap, by @ino
 * @viewed: it holds a view (famfs_view.c); under @lock, too
 * @timed: times were set by a user
 * @error: what a writer was told, and so all will be: the file is dropped
 * @strips, @chunk: policy, if @has_policy
 * @lock: guards what follows, and is held while data are copied
 * @fd: what was written; -1: nothing yet, or no more
 * @changed: since it was copied to @map
 * @copies: how often it was
 * @flushed: a writer has closed it since it was written to last: if he was the last
 *	one, that is still to be told; @released: it was
 * @allocated: @map is taken from the free space, and room in the log is reserved
 * @map, @map_size: for so many bytes
 * @bad: an allocation unit of @map that cannot be written to; its length is 0: none
 */
struct staged {
	uint64_t ino;
	struct staged_key key;
	const char *name;

	uint64_t seat;
	bool seated;
	struct stat st;
	uint64_t nlookup;
	unsigned int opens;
	unsigned int writers;
	unsigned int pins;
	bool named;
	uint64_t log_ino;
	bool sized;
	bool mapped;
	bool viewed;
	bool timed;
	int error;
	bool has_policy;
	unsigned int strips;
	uint64_t chunk;

	pthread_mutex_t lock;
	int fd;
	bool changed;
	unsigned int copies;
	bool flushed;
	pthread_cond_t released;
	bool allocated;
	struct famfs_fmap map;
	uint64_t map_size;
	struct famfs_extent bad;

	UT_hash_handle by_ino;
	UT_hash_handle by_name;
};

/* A string that lives as long as the layout. */
struct kept_name {
	struct kept_name *next;
	char name[];
};

/* ------------------------------------------------------------------------
 * Parts of a layout
 */

/* Windows into files, by node id of the log; see famfs_view.c. */
struct view;
struct views {
	pthread_mutex_t lock;
	struct view *open;
};

/**
 * struct teller - what the kernel is to be told, and the thread that does
 * @first, @last: what waits to be told; @waiting: how much
 * @lost: some of it was not kept: all names are to be asked for anew
 * @running: there is a @thread; constant while the session runs
 */
struct news;
struct teller {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct news *first;
	struct news **last;
	unsigned int waiting;
	bool lost;
	bool ending;
	bool running;
	pthread_t thread;
};

/* One line in so many seconds about a thing that goes on. */
#define COMPLAIN_AFTER	5

enum complaint {
	COMPLAIN_UNLINK,
	COMPLAIN_RMDIR,
	COMPLAIN_RENAME,
	COMPLAIN_LINK,
	COMPLAIN_SYMLINK,
	COMPLAIN_MKNOD,
	COMPLAIN_SIZE,
	COMPLAIN_PATH,
	COMPLAIN_LOG_FULL,
	COMPLAIN_DEVICE,
	COMPLAIN_DATA,
	COMPLAINTS,
};

struct complaints {
	pthread_mutex_t lock;
	time_t last[COMPLAINTS];
	unsigned int kept[COMPLAINTS];
};

/**
 * struct layout - a pool that is served
 * @args: copied; what it points to is the command line's
 * @msgs: for the pool library
 * @host: by what this host is known, if @has_host
 * @master: it appends to the log; constant once prepared
 * @pool: open; its log is written under @lock, exclusively
 * @born: when it was prepared: the times of all that is in the log
 * @entries_max: room in the log
 * @session: what is to be told; NULL before start and after stop
 * @awaiting: threads in await_release()
 * @lock: guards what follows; whoever changes any of it has it exclusively
 * @fs: what was replayed
 * @ready: bit i: device i can be used
 * @wanted: bit i: device i was added to the log, but is not found yet
 * @missed: those of them that were looked for, and that was said
 * @quiet: what is replayed is known to the kernel
 * @gone: the superblock is that of another pool: the log is not looked at any more
 * @split: another host adds to the log, of which this one is the master: it does not
 *	any more
 * @appended: entries that were there when it was prepared, or are from here
 * @last: crc of the last one of these that is from here; 0: none is
 * @held: entries of the log that are reserved for staged files
 * @next_ino: of the next staged file, without LAYOUT_PROVISIONAL
 * @amended, @maps: by node id; @staged: by node id, @names: by name
 * @seats: those that are listed, in the order in which they came; @nseats: up to
 *	the last one; @room: of @seats
 * @kept: names
 * @last_wrong: what was wrong with the log last, and is not to be said again
 */
struct layout {
	struct layout_args args;
	struct pool_log msgs;
	uint8_t host[FAMFS_UUID_SIZE];
	bool has_host;
	bool master;
	struct pool *pool;
	struct timespec born;
	uint64_t entries_max;
	struct fuse_fmap_session *session;
	atomic_uint awaiting;

	pthread_rwlock_t lock;
	struct media_fs *fs;
	uint64_t ready;
	uint64_t wanted;
	uint64_t missed;
	bool quiet;
	bool gone;
	bool split;
	uint64_t appended;
	uint64_t last;
	uint64_t held;
	uint64_t next_ino;
	struct amended *amended;
	struct mapped *maps;
	struct staged *staged;
	struct staged *names;
	struct staged **seats;
	uint64_t nseats;
	uint64_t room;
	struct kept_name *kept;
	char last_wrong[MEDIA_ERROR_MAX];

	struct views views;
	struct teller teller;
	struct complaints complaints;
};

static inline bool is_provisional(uint64_t ino)
{
	return ino & LAYOUT_PROVISIONAL;
}

static inline bool is_meta(uint64_t ino)
{
	return ino == MEDIA_INO_META || ino == MEDIA_INO_SUPER ||
	       ino == MEDIA_INO_LOG;
}

static inline uint64_t whole_pages(uint64_t size)
{
	return (size + 4095) & ~4095ULL;
}

static inline bool for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* In famfs_load.c. What the pool library says in this thread is not worth a line. */
extern _Thread_local bool famfs_muted;
struct layout *famfs_load(const struct layout_args *args, FILE *err);
int famfs_prepare(struct layout *layout);
void famfs_destroy(struct layout *layout);
void famfs_count(struct layout *layout, struct layout_counts *counts);
uint64_t famfs_digest(struct layout *layout);
void famfs_statfs(struct layout *layout, struct statvfs *st);

/*
 * In famfs_names.c. famfs_stat(), famfs_amend() want the lock (famfs_amend()
 * exclusively); st_ino is the log's.
 */
int famfs_getattr(struct layout *layout, uint64_t ino, struct stat *st);
int famfs_lookup(struct layout *layout, uint64_t dir, const char *name,
		 struct stat *st);
int famfs_entry(struct layout *layout, uint64_t dir, uint64_t pos,
		struct stat *st, const char **name);
uint64_t famfs_seek(struct layout *layout, uint64_t dir, uint64_t pos);
int famfs_parent(struct layout *layout, uint64_t dir, uint64_t *parent);
void famfs_stat(struct layout *layout, const struct media_node *node,
		struct stat *st);
int famfs_amend(struct layout *layout, const struct media_node *node,
		const struct stat *attr, int to_set);
void famfs_set_attr(struct stat *st, const struct stat *attr, int to_set);
/* FUSE_SET_ATTR_* that are of no matter to the data. */
#define TO_SET_OWNER	(FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define TO_SET_TIMES	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | \
			 FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)
#define TO_SET_ANY	(FUSE_SET_ATTR_MODE | TO_SET_OWNER | TO_SET_TIMES)

/* In famfs_map.c. famfs_is_missing() wants the lock. */
int famfs_fmap(struct layout *layout, uint64_t ino,
	       const struct fuse_fmap **fmap);
int famfs_host(struct layout *layout, uint64_t ino, int *fd);
int famfs_device(struct layout *layout, unsigned int index,
		 const struct dev_info **device);
bool famfs_is_missing(const struct layout *layout,
		      const struct media_node *node);
void famfs_map_of(const struct media_node *node, struct famfs_fmap *map);

/* In famfs_data.c */
int famfs_open(struct layout *layout, uint64_t ino, int flags, bool *direct);
void famfs_release(struct layout *layout, uint64_t ino, int flags);
int64_t famfs_read(struct layout *layout, uint64_t ino, char *buf, size_t size,
		   uint64_t off);
int64_t famfs_write(struct layout *layout, uint64_t ino, const char *buf,
		    size_t size, uint64_t off, int flags);
int famfs_flush(struct layout *layout, uint64_t ino, int flags);
int famfs_fsync(struct layout *layout, uint64_t ino, int flags);

/*
 * In famfs_view.c: data of files of the log, by their node id there. A view that
 * is held stays open; none must be while the kernel has the file's fmap.
 */
int view_hold(struct layout *layout, uint64_t ino);
void view_drop(struct layout *layout, uint64_t ino);
int64_t view_read(struct layout *layout, uint64_t ino, char *buf, size_t size,
		  uint64_t off);
int64_t view_write(struct layout *layout, uint64_t ino, const char *buf,
		   size_t size, uint64_t off);
int view_sync(struct layout *layout, uint64_t ino);
void views_close(struct layout *layout);

/* In famfs_meta.c */
int64_t meta_read(struct layout *layout, uint64_t ino, char *buf, size_t size,
		  uint64_t off);

/*
 * In famfs_tell.c. What is to be told is told later, by a thread of its own; not
 * at all without a session.
 */
void tell_name(struct layout *layout, uint64_t dir, const char *name);
int famfs_start(struct layout *layout, struct fuse_fmap_session *session,
		bool taken);
void famfs_stop(struct layout *layout, void (*free_us)(void *arg), void *arg);
void teller_init(struct layout *layout);
void teller_destroy(struct layout *layout);

/*
 * In famfs_follow.c. famfs_follow() looks at the log once; famfs_may_add() too, with
 * the lock held exclusively, and says whether this host may add to it.
 */
void famfs_follow(struct layout *layout);
int famfs_may_add(struct layout *layout);
void famfs_find_devices(struct layout *layout);
extern const struct media_fs_ops famfs_news;

/*
 * In famfs_staged.c. staged_pin() finds one and keeps it from being freed until
 * staged_unpin(). The others want the lock exclusively, but for staged_find(),
 * staged_name() and staged_stat(), which want it.
 */
struct staged *staged_pin(struct layout *layout, uint64_t ino);
void staged_unpin(struct layout *layout, struct staged *s);
struct staged *staged_find(struct layout *layout, uint64_t ino);
struct staged *staged_name(struct layout *layout, uint64_t dir,
			   const char *name);
void staged_stat(struct layout *layout, const struct staged *s,
		 struct stat *st);
bool staged_stands(const struct staged *s);
struct staged *staged_new(struct layout *layout, const struct layout_new *new);
void staged_unname(struct layout *layout, struct staged *s);
void staged_unseat(struct layout *layout, struct staged *s);
int staged_rename(struct layout *layout, struct staged *s, uint64_t dir,
		  const char *name);
void staged_put(struct layout *layout, struct staged *s);
void staged_free_all(struct layout *layout);
void famfs_forget(struct layout *layout, uint64_t ino, uint64_t count);

/* In famfs_store.c: what is written to a staged file; its lock is held. */
int64_t store_read(struct staged *s, char *buf, size_t size, uint64_t off,
		   uint64_t end);
int64_t store_write(struct layout *layout, struct staged *s, const char *buf,
		    size_t size, uint64_t off, bool append);
int store_resize(struct layout *layout, struct staged *s, uint64_t size,
		 bool fill);
void store_drop(struct staged *s);

/*
 * In famfs_commit.c; the lock of the staged file is held. famfs_append() and
 * commit_give_back() want that of the layout, exclusively, and only that.
 */
int commit_reserve(struct layout *layout, struct staged *s, uint64_t size);
void commit_give_back(struct layout *layout, struct staged *s);
int commit_fill(struct layout *layout, struct staged *s);
int commit(struct layout *layout, struct staged *s, uint64_t size, bool sized);
int famfs_append(struct layout *layout, struct famfs_entry *entry,
		 bool claimed, bool *appended, const struct media_node **node);

/*
 * In famfs_make.c. famfs_path() is the path of what is to be in the log, or why it
 * cannot be; wants the lock.
 */
int famfs_path(struct layout *layout, uint64_t dir, const char *name,
	       char path[FAMFS_PATH_MAX]);
int famfs_mkdir(struct layout *layout, const struct layout_new *new,
		struct stat *st);
int famfs_create(struct layout *layout, const struct layout_new *new,
		 int flags, struct stat *st);
int famfs_unlink(struct layout *layout, uint64_t dir, const char *name);
int famfs_rename(struct layout *layout, uint64_t dir, const char *name,
		 uint64_t newdir, const char *newname, unsigned int flags);

/* In famfs_size.c */
int famfs_setattr(struct layout *layout, uint64_t ino, const struct stat *attr,
		  int to_set, struct stat *st);
int famfs_fallocate(struct layout *layout, uint64_t ino, int mode,
		    uint64_t off, uint64_t len);

/* In famfs_xattr.c */
int famfs_setxattr(struct layout *layout, uint64_t ino, const char *name,
		   const char *value, size_t size, int flags);
ssize_t famfs_getxattr(struct layout *layout, uint64_t ino, const char *name,
		       char *value, size_t size);
ssize_t famfs_listxattr(struct layout *layout, uint64_t ino, char *list,
			size_t size);

/* In famfs_refuse.c */
int famfs_refuse(struct layout *layout, enum layout_refusal what, uint64_t dir,
		 const char *name);
void complain(struct layout *layout, enum complaint what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* FMAPFSD_FAMFS_H */
