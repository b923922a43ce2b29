/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libfmapmedia: famfs media. What lies on them is read, checked, replayed, allocated
 * and appended to here; how to reach it is the pool's (../pool/pool.h).
 *
 * No output, no globals. Functions return 0 or -errno. Unless one says otherwise, it
 * may be called from any thread, while objects that it changes are used by no other:
 * locks are the caller's. All sizes and offsets are bytes.
 *
 * Nothing on a medium is believed: each value is copied from it once, then checked,
 * then used. It is memory that other hosts write.
 */
#ifndef FMAPFS_MEDIA_H
#define FMAPFS_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* ------------------------------------------------------------------------
 * What is wrong, and where
 */

enum media_region {
	MEDIA_SUPER,
	MEDIA_LOG_HEADER,
	MEDIA_LOG_ENTRY,
};

/**
 * struct media_error - what is wrong on a medium
 * @region: where
 * @index: MEDIA_LOG_ENTRY: of the entry
 * @offset: of the field, from the start of the device (entries: of the primary one)
 * @field: its name as in format.h, "file.fmap.extents[1].len" for example
 * @value: what it says
 * @text: what it says if that is text, else empty; control characters as \ooo
 * @rule: what it should have been, in words: "should be ..."
 */
struct media_error {
	enum media_region region;
	uint64_t index;
	uint64_t offset;
	char field[48];
	uint64_t value;
	char text[4 * FAMFS_PATH_MAX];
	char rule[128];
};

/* Room for media_strerror(). */
#define MEDIA_ERROR_MAX	640

/**
 * media_strerror - put an error into words
 * @err: the error
 * @buf: takes "log entry 7, byte 2101320: file.size is 0 (0x0), should be ...", one
 *	line without a newline
 * @size: bytes at @buf; MEDIA_ERROR_MAX is enough
 *
 * Return: @buf.
 */
char *media_strerror(const struct media_error *err, char *buf, size_t size);

/* ------------------------------------------------------------------------
 * CPU caches: hosts need not be coherent. cache.c
 */

/**
 * media_writeback - bring to memory what this host has written
 * @addr: start of the range
 * @len: its length
 *
 * By clwb, clflushopt or clflush, whichever the CPU has (arm64: dc cvac), and a fence:
 * whoever reads the memory afterwards gets it.
 */
void media_writeback(const void *addr, size_t len);

/**
 * media_invalidate - drop what this host has cached
 * @addr: start of the range
 * @len: its length
 *
 * Loads that follow come from memory. Lines that are dirty are written back: for
 * memory that only others write.
 */
void media_invalidate(const void *addr, size_t len);

/* ------------------------------------------------------------------------
 * Superblock. super.c
 */

/**
 * struct media_super - a superblock that was checked
 * @version: FAMFS_VERSION_47 or _48
 * @log_offset, @log_len, @alloc_unit: bytes
 * @flags: FAMFS_SUPER_*; 0, as on media of famfs, is a primary device
 * @device: the device that it lies on: size, uuid (zeroes on media of famfs, whose
 *	superblock has it in @dev_uuid) and name, terminated
 */
struct media_super {
	uint32_t version;
	uint64_t log_offset;
	uint64_t log_len;
	uint64_t alloc_unit;
	uint8_t fs_uuid[FAMFS_UUID_SIZE];
	uint8_t dev_uuid[FAMFS_UUID_SIZE];
	uint8_t system_uuid[FAMFS_UUID_SIZE];
	uint32_t flags;
	struct famfs_daxdev device;
};

/**
 * media_super_read - check a superblock
 * @mem: the superblock region; its CPU cache lines are dropped first
 * @len: bytes there, at least sizeof(struct famfs_super)
 * @dev_size: of the device, as the kernel says; 0: not known
 * @sb: result
 * @err: says what is wrong, for all returns but 0 and -ENODATA; may be NULL
 *
 * A superblock that does not check is read once more, its cache dropped.
 *
 * Return: 0; -ENODATA: there is none (another magic); -EUCLEAN: it is wrong;
 * -EOPNOTSUPP: another version. On error *@sb is untouched.
 */
int media_super_read(const void *mem, size_t len, uint64_t dev_size,
		     struct media_super *sb, struct media_error *err);

/* ------------------------------------------------------------------------
 * Log. log.c, entry.c
 */

/**
 * struct media_log - a log, mapped
 * @mem: its first byte (the header)
 * @offset: of it, from the start of the device
 * @len: bytes of it that are mapped; at most what the superblock says, at least
 *	FAMFS_LOG_MIN
 * @version: of the superblock
 */
struct media_log {
	void *mem;
	uint64_t offset;
	uint64_t len;
	uint32_t version;
};

/**
 * struct media_head - a log header that was checked
 * @entries_max: so many entries there is room for (last_index + 1)
 * @next: index, and sequence number, of the entry to come; so many entries there are
 * @torn: next_seqnum and next_index differ: a writer died between the two. @next is
 *	the lower: the entry that was being written was not told to be there
 */
struct media_head {
	uint64_t entries_max;
	uint64_t next;
	bool torn;
};

/**
 * media_log_head - check a log's header
 * @log: the log
 * @head: result
 * @err: as for media_super_read()
 *
 * Its CPU cache lines are dropped first; if it does not check, once more.
 *
 * Return: 0; -EUCLEAN. On error *@head is untouched.
 */
int media_log_head(const struct media_log *log, struct media_head *head,
		   struct media_error *err);

/**
 * media_log_entry - copy an entry, and check all that it says by itself
 * @log: the log
 * @index: of the entry, below head.next
 * @entry: result; paths are terminated, what is not used is zero
 * @err: as for media_super_read()
 *
 * Checked are crc, seqnum, type, counts, and per type: modes, sizes, the path
 * (relative, no empty component, no "." nor "..", shorter than FAMFS_PATH_MAX, neither
 * ".meta" nor below it), extents (aligned, not empty, no overflow, enough for the size),
 * strips and chunk. What depends on other entries or on devices, replay checks. CPU
 * cache lines are dropped as for the header.
 *
 * Return: 0; -ERANGE: no such index; -EUCLEAN. On error *@entry is undefined.
 */
int media_log_entry(const struct media_log *log, uint64_t index,
		    struct famfs_entry *entry, struct media_error *err);

/**
 * media_entries_max - how many entries a log has room for
 * @log_len: bytes
 */
uint64_t media_entries_max(uint64_t log_len);

/**
 * media_path_check - may a pool have this path?
 * @path: terminated
 *
 * Return: NULL, or the rule that it breaks ("should be ..."), static storage.
 */
const char *media_path_check(const char *path);

/* ------------------------------------------------------------------------
 * Space. space.c, alloc.c
 */

/* Which allocation units of which device are used. */
struct media_space;

/**
 * struct media_policy - how a file is laid out
 * @nstrips: 0 or 1: in as few extents as possible, preferably one; else interleaved
 *	over so many strips, at most FAMFS_STRIPS_MAX
 * @chunk_size: of interleaved files; a power of two, a multiple of the allocation
 *	unit; 0: the allocation unit
 * @seed: where the random order of buckets begins; any number
 *
 * With several devices strips go round over the devices first; on one device each lies
 * in another bucket (at most 64 buckets of at least 1 GiB, as famfs has it). A file
 * has no more strips than chunks: one of at most one chunk is contiguous.
 */
struct media_policy {
	unsigned int nstrips;
	uint64_t chunk_size;
	uint64_t seed;
};

/**
 * media_space_new - a map of free space without devices
 * @space: result; to be freed with media_space_free()
 * @alloc_unit: a power of two
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int media_space_new(struct media_space **space, uint64_t alloc_unit);
void media_space_free(struct media_space *space);

/**
 * media_space_add - add a device
 * @space: the map
 * @dev: its index, 0 to FUSE_FAMFS_MAX_DAXDEVS - 1 (63)
 * @size: bytes; a rest below one unit is not used
 * @reserved: bytes from its start that are no file's
 *
 * Return: 0; -EINVAL: @dev or @reserved beyond, no whole unit, or more than 2^35 of
 * them; -EEXIST: that index is there already; -ENOMEM.
 */
int media_space_add(struct media_space *space, unsigned int dev, uint64_t size,
		    uint64_t reserved);

/**
 * media_space_take - a range is a file's
 * Return: 0; -ENODEV: no such device; -ERANGE: not within it; -EEXIST: some of it is
 * reserved or another file's; -EINVAL: not in whole units, or empty. On error nothing
 * has changed.
 */
int media_space_take(struct media_space *space, unsigned int dev, uint64_t off,
		     uint64_t len);

/* media_space_give - a range that was taken is free again */
void media_space_give(struct media_space *space, unsigned int dev, uint64_t off,
		      uint64_t len);

/* media_space_give_map - so are all extents of a map that was allocated */
void media_space_give_map(struct media_space *space,
			  const struct famfs_fmap *map);

/**
 * media_space_alloc - find room for a file, and take it
 * @space: the map
 * @size: of the file, not 0; rounded up to units
 * @policy: how
 * @map: result
 *
 * All or nothing. An interleaved file falls back to fewer strips, then to extents,
 * where there is no room for as many.
 *
 * Return: 0; -ENOSPC: no 16 extents make so much room; -EINVAL: the policy.
 */
int media_space_alloc(struct media_space *space, uint64_t size,
		      const struct media_policy *policy, struct famfs_fmap *map);

/**
 * struct media_usage - what space there is
 * @size: bytes of all whole units, or of one device's
 * @reserved: of these, superblock and log
 * @used: of these, files
 * @largest: bytes of the largest free range
 *
 * Free is size - reserved - used.
 */
struct media_usage {
	uint64_t size;
	uint64_t reserved;
	uint64_t used;
	uint64_t largest;
};

/* media_space_usage - of all devices; media_space_usage_of - of one, or -ENODEV */
void media_space_usage(const struct media_space *space, struct media_usage *usage);
int media_space_usage_of(const struct media_space *space, unsigned int dev,
			 struct media_usage *usage);

/* ------------------------------------------------------------------------
 * Replay: a name space made of a log. replay.c, names.c
 */

/* Node ids. Those of entries are their index and MEDIA_INO_FIRST, for ever. */
#define MEDIA_INO_ROOT		1
#define MEDIA_INO_META		2	/* .meta */
#define MEDIA_INO_SUPER		3	/* .meta/.superblock */
#define MEDIA_INO_LOG		4	/* .meta/.log */
#define MEDIA_INO_FIRST		16

/* Everything that a log's entries say. */
struct media_fs;

/**
 * struct media_node - a directory or file
 * @ino: MEDIA_INO_FIRST and the index of its entry; or one of the above
 * @parent: ino
 * @name: the last component; owned by the media_fs, lives as long as that
 * @is_dir: else a regular file
 * @mode: permissions only; @uid, @gid
 * @flags: FAMFS_FILE_*
 * @size: of a file
 * @nentries: of a directory; grows
 * @map_type: enum famfs_map_type
 * @nextents: extents, or strips
 * @chunk_size: of an interleaved file
 * @extents: owned by the media_fs
 *
 * Immutable but for @nentries. Pointers stay good while the media_fs lives.
 */
struct media_node {
	uint64_t ino;
	uint64_t parent;
	const char *name;
	bool is_dir;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t flags;
	uint64_t size;
	uint64_t nentries;
	uint32_t map_type;
	uint32_t nextents;
	uint64_t chunk_size;
	const struct famfs_extent *extents;
};

/**
 * struct media_device - a device of a pool
 * @present: there is one of this index
 * @size: bytes
 * @uuid: by which it is known (of its own superblock's dev_uuid)
 */
struct media_device {
	bool present;
	uint64_t size;
	uint8_t uuid[FAMFS_UUID_SIZE];
};

#define MEDIA_DEVICES_MAX	64

/**
 * struct media_fs_ops - what a user wants to know; all may be NULL
 * @node: an entry was replayed that made @node
 * @device: an entry was replayed that made device @dev
 */
struct media_fs_ops {
	void (*node)(void *ctx, const struct media_node *node);
	void (*device)(void *ctx, unsigned int dev,
		       const struct media_device *device);
};

/**
 * media_fs_new - an empty name space: the root, .meta and its two files
 * @fs: result; to be freed with media_fs_free()
 * @sb: the primary superblock
 * @ops: told of what is replayed; may be NULL; must outlive the media_fs
 * @ctx: for these
 *
 * Return: 0; -EINVAL: @sb is not a primary one; -ENOMEM.
 */
int media_fs_new(struct media_fs **fs, const struct media_super *sb,
		 const struct media_fs_ops *ops, void *ctx);
void media_fs_free(struct media_fs *fs);

/**
 * media_fs_replay - replay what is new in the log
 * @fs: the name space
 * @log: its log, the same each time
 * @err: what stopped it
 *
 * A log that has fewer entries than were replayed is wrong, too (-EUCLEAN).
 *
 * Return: 0: all of it was replayed; -EUCLEAN: a bad header, or a bad entry: what came
 * before it stays, and a further call begins there again; -ENOMEM: likewise.
 */
int media_fs_replay(struct media_fs *fs, const struct media_log *log,
		    struct media_error *err);

/**
 * media_fs_add - take up an entry as media_fs_replay() would
 * @fs: the name space
 * @entry: checked by media_log_entry(); its index is the next one
 * @claimed: the space of its extents was allocated from media_fs_space() already
 * @node: result for FILE and MKDIR; may be NULL
 * @err: as for media_fs_replay()
 *
 * Return: 0; -EUCLEAN; -ENOMEM. On error nothing has changed.
 */
int media_fs_add(struct media_fs *fs, const struct famfs_entry *entry,
		 bool claimed, const struct media_node **node,
		 struct media_error *err);

/* media_fs_next - index of the entry to be replayed next; so many were */
uint64_t media_fs_next(const struct media_fs *fs);
const struct media_super *media_fs_super(const struct media_fs *fs);
/* media_fs_space - the map of free space, which replay keeps */
struct media_space *media_fs_space(struct media_fs *fs);
/* media_fs_device - a device, or NULL; 0 is the primary one */
const struct media_device *media_fs_device(const struct media_fs *fs,
					   unsigned int dev);

/* media_fs_node - by ino, in O(1); NULL: there is none */
const struct media_node *media_fs_node(const struct media_fs *fs, uint64_t ino);
/* media_fs_lookup - an entry of a directory, in O(1); NULL: there is none */
const struct media_node *media_fs_lookup(const struct media_fs *fs, uint64_t dir,
					 const char *name);
/* media_fs_entry - entry number @pos of a directory, in the log's order, O(1) */
const struct media_node *media_fs_entry(const struct media_fs *fs, uint64_t dir,
					uint64_t pos);
/* media_fs_path - of a node, without a slash in front; "" of the root. Return: @buf */
char *media_fs_path(const struct media_fs *fs, uint64_t ino,
		    char buf[FAMFS_PATH_MAX]);
/* media_fs_find - by path; NULL: there is none */
const struct media_node *media_fs_find(const struct media_fs *fs,
				       const char *path);

struct media_fs_counts {
	uint64_t files;
	uint64_t directories;	/* without the root and .meta */
	unsigned int devices;
	size_t memory;		/* bytes that the name space takes */
};

void media_fs_count(const struct media_fs *fs, struct media_fs_counts *counts);

/* ------------------------------------------------------------------------
 * Writing. write.c, mkfs.c
 */

/**
 * struct media_sink - how memory is written: tests have others
 * @store: copy @len bytes to @dst. Of at most 8 aligned bytes: in one store
 * @flush: bring a range to memory before anything is stored after it
 */
struct media_sink {
	void (*store)(void *ctx, void *dst, const void *src, size_t len);
	void (*flush)(void *ctx, const void *addr, size_t len);
	void *ctx;
};

/* Plain stores and media_writeback(). */
extern const struct media_sink media_memory;

/*
 * media_entry_file, _mkdir, _add_daxdev - fill in all but seqnum and crc; what is not
 * used is zero. Of @mode the permissions are kept.
 *
 * Return: 0; -ENAMETOOLONG; -EINVAL: media_path_check(), counts of @map or @index. The
 * rest is checked when the entry is appended.
 */
int media_entry_file(struct famfs_entry *entry, const char *path, uint64_t size,
		     uint32_t flags, uint32_t mode, uint32_t uid, uint32_t gid,
		     const struct famfs_fmap *map);
int media_entry_mkdir(struct famfs_entry *entry, const char *path, uint32_t mode,
		      uint32_t uid, uint32_t gid);
int media_entry_add_daxdev(struct famfs_entry *entry, unsigned int index,
			   uint64_t size, const uint8_t uuid[FAMFS_UUID_SIZE]);

/**
 * media_log_append - append an entry
 * @log: the log; only one appends at a time, and only the master
 * @entry: seqnum and crc are filled in
 * @sink: how; NULL: media_memory
 * @err: as for media_super_read()
 *
 * The entry is in memory before the header's counters tell of it; next_seqnum is
 * stored before next_index. A header that is torn is mended first: the entry that was
 * not told to be there by both counters is overwritten. Killed at any store,
 * the log is what it was before or what it is afterwards (media_head.torn apart).
 *
 * Return: 0; -ENOSPC: the log is full; -EUCLEAN: its header is wrong; -EINVAL: the
 * entry would not be accepted, @err says why.
 */
int media_log_append(const struct media_log *log, struct famfs_entry *entry,
		     const struct media_sink *sink, struct media_error *err);

/**
 * struct media_mkfs_dev - a device to be formatted
 * @super: its superblock region, FAMFS_SUPER_SIZE bytes
 * @size: bytes
 * @name: path, for people
 * @uuid: its own
 */
struct media_mkfs_dev {
	void *super;
	uint64_t size;
	char name[FAMFS_NAME_MAX];
	uint8_t uuid[FAMFS_UUID_SIZE];
};

/**
 * struct media_mkfs - a pool to be made
 * @version: FAMFS_VERSION_47 or _48
 * @log: the primary device's log: @log_len bytes
 * @log_len: a power of two, at least FAMFS_LOG_MIN
 * @alloc_unit: 2 MiB or 4 KiB
 * @devs: the primary device, then others (these: version 48)
 */
struct media_mkfs {
	uint32_t version;
	void *log;
	uint64_t log_len;
	uint64_t alloc_unit;
	uint8_t fs_uuid[FAMFS_UUID_SIZE];
	uint8_t system_uuid[FAMFS_UUID_SIZE];
	const struct media_mkfs_dev *devs;
	unsigned int ndevs;
};

/* media_mkfs_check - NULL, or what is wrong with it, in words */
const char *media_mkfs_check(const struct media_mkfs *mkfs);

/**
 * media_mkfs - make a pool
 *
 * In this order, each in memory before the next: superblocks of old are made invalid
 * (primary ones first), the log's header and an ADD_DAXDEV entry for each other
 * device, their superblocks, the primary superblock. Killed at any store there is no
 * pool, or a whole one.
 *
 * Return: 0; -EINVAL: media_mkfs_check().
 */
int media_mkfs(const struct media_mkfs *mkfs, const struct media_sink *sink);

/**
 * media_wipe - have a device hold no pool any more
 * @super: its superblock region
 */
void media_wipe(void *super, const struct media_sink *sink);

/**
 * media_add_check - could media_add_device() add it? Nothing is written
 * @dev: the device
 * @sb: the primary superblock
 * @log: the pool's log
 * @index: the lowest free one, from media_fs_device()
 *
 * Return: 0; -EOPNOTSUPP: version 47; -EINVAL: @index or its size; -ENOSPC: the log is
 * full; -EUCLEAN: its header is wrong, which @err says.
 */
int media_add_check(const struct media_mkfs_dev *dev, const struct media_super *sb,
		    const struct media_log *log, unsigned int index,
		    struct media_error *err);

/**
 * media_add_device - make a device one more of a pool
 * @dev: the device; its superblock is written before the log tells of it
 *
 * Return: as media_add_check(), before anything is written; or media_log_append().
 */
int media_add_device(const struct media_mkfs_dev *dev,
		     const struct media_super *sb, const struct media_log *log,
		     unsigned int index, const struct media_sink *sink,
		     struct media_error *err);

#endif /* FMAPFS_MEDIA_H */
