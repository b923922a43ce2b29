/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fmapfs: what the files of the file system share. Also its table of contents.
 *
 * Lock order, outermost first:
 *
 *   i_rwsem of a file             shared: read, write; exclusive: size
 *     fmapfs_inode.open_lock      single flight of asking for a map
 *       fmapfs_devtab.ask, .lock, and what is below them (daxdev.h)
 *       fmapfs_inode.map_lock     shared: read, write; exclusive: the map changes
 *         mapping.invalidate_lock   shared: fault; exclusive: the map changes
 *   mmap_lock
 *     mapping.invalidate_lock     shared: the page cache is being read into
 *       lock of a folio           as long as a READ fills it; see cache.c
 *   fmapfs_inode.lock             spinlock: attributes, lists; innermost
 *
 * open_lock of a directory is another thing: it is taken under its i_rwsem, and
 * nothing below it but requests is waited for.
 *
 * Requests are waited for, killably, under i_rwsem and open_lock, and under
 * fmapfs_devtab.ask; never under a lock that a fault of a file with a map takes,
 * nor under map_lock, which the server's own thread takes when it revokes a map.
 * As a fault may wait for the server, too, nothing under map_lock may fault: what
 * is copied there is copied with faults disabled. A fault that waits for a map
 * holds no lock: not even mmap_lock.
 * An ordinary file's READs are waited for under its invalidate_lock, held shared,
 * and the locks of folios: of such a file nobody takes the invalidate_lock for
 * writing, and who wants folios freezes the cache first.
 */
#ifndef FMAPFS_I_H
#define FMAPFS_I_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/percpu_counter.h>
#include <linux/workqueue.h>
#include <linux/fuse_fmap.h>
#include <linux/fmapfs.h>
#include "daxdev.h"
#include "fmap_core.h"
#include "transport.h"

/* What sysfs counts, per mount; see counter_names in sysfs.c. */
enum fmapfs_counter {
	FMAPFS_FAULT_PTE,	/* faults served with a 4 KiB entry */
	FMAPFS_FAULT_PMD,	/* ... with a 2 MiB entry */
	FMAPFS_FAULT_PUD,	/* ... with a 1 GiB entry */
	FMAPFS_FAULT_ERROR,	/* faults that failed */
	FMAPFS_FMAPS,		/* fmaps cached now */
	FMAPFS_GET_FMAP_SENT,
	FMAPFS_GET_DAXDEV_SENT,
	FMAPFS_FMAP_REFUSED,	/* fmaps that the protocol does not accept */
	FMAPFS_READ_BYTES,	/* straight from the memory */
	FMAPFS_WRITE_BYTES,
	FMAPFS_BAD_REPLY,	/* replies that were refused with EIO */
	FMAPFS_NR_COUNTERS,
};

/* Bits of fmapfs_sb.state. */
#define FMAPFS_SB_READAHEAD	0	/* readahead is as INIT has settled it */

/**
 * struct fmapfs_sb - a mount; super_block.s_fs_info
 * @sb: the super block
 * @conn: the connection; the mount holds a reference
 * @user_id: owner of the mount
 * @group_id: its group
 * @default_permissions: the kernel checks modes
 * @allow_other: others than the owner may use it
 * @max_read: limit of a READ, bytes; mount option
 * @blksize: preferred size of I/O, bytes; mount option
 * @nofmap: FUSE_DAX_FMAP is not offered; mount option
 * @dax: it is: the mounter may map memory (CAP_SYS_RAWIO)
 * @no_fmap: the server answered GET_FMAP with ENOSYS, no need to ask again
 * @no_op: bit n: the server answered opcode n with ENOSYS (opcodes < 64)
 * @state: FMAPFS_SB_*
 * @attr_version: counts the changes of attributes
 * @unknown_version: @attr_version when fmapfs_expire_unknown() was last called
 * @devtab: its devices; shared with the connection
 * @counters: enum fmapfs_counter
 * @kobj: /sys/fs/fmapfs/ID
 * @kobj_added: it has been made, and is to be put
 * @kobj_done: the last sysfs reader has left
 * @debugfs: /sys/kernel/debug/fmapfs/ID; may be an error
 * @notifying: notifications under way, each with an active reference to @sb
 * @going: the last of them has found nobody else; only ever set
 * @unmount: drops that last reference
 * @epoch: names that came before it are to be looked up again; see
 *	fmapfs_entry_until(). Changes under @epoch_lock
 * @epoch_version: @attr_version when it began
 * @epoch_lock: one new epoch at a time
 * @rcu: it is freed when no path walk can be looking at it
 */
struct fmapfs_sb {
	struct super_block *sb;
	struct fmapfs_conn *conn;
	kuid_t user_id;
	kgid_t group_id;
	bool default_permissions;
	bool allow_other;
	u32 max_read;
	u32 blksize;
	bool nofmap;
	bool dax;
	bool no_fmap;
	unsigned long no_op;
	unsigned long state;
	atomic64_t attr_version;
	atomic64_t unknown_version;
	struct fmapfs_devtab *devtab;
	struct percpu_counter counters[FMAPFS_NR_COUNTERS];
	struct kobject kobj;
	bool kobj_added;
	struct completion kobj_done;
	struct dentry *debugfs;
	atomic_t notifying;
	bool going;
	struct work_struct unmount;
	u64 epoch;
	u64 epoch_version;
	spinlock_t epoch_lock;
	struct rcu_head rcu;
};

/* Attributes that change with the data, with their size, with a name in them. */
#define FMAPFS_ATTR_MODIFY	(STATX_MTIME | STATX_CTIME | STATX_BLOCKS)
#define FMAPFS_ATTR_MODSIZE	(FMAPFS_ATTR_MODIFY | STATX_SIZE)
#define FMAPFS_ATTR_MODDIR	(FMAPFS_ATTR_MODSIZE | STATX_NLINK)

/* What may be done with a map. */
enum fmapfs_map_state {
	FMAPFS_MAP_NEW,		/* is not in force yet */
	FMAPFS_MAP_LIVE,	/* in force */
	FMAPFS_MAP_STOPPED,	/* being replaced or evicted: leave its inode alone */
};

/**
 * struct fmapfs_map - an fmap that has been checked
 * @fmap: the decoded message; constant
 * @inode: the file; constant. It outlives the map
 * @claims: its ranges in the devices' interval trees, one for each of fmap->runs
 * @state: guarded by fmapfs_claims_lock
 * @pins: handlers of removal and of memory errors that use @inode without a
 *	reference to it, which keep the map live; guarded by fmapfs_claims_lock
 * @gone: a device was removed: errors from now on. Written under
 *	fmapfs_claims_lock; whoever sets it cycles the invalidate_lock then, so
 *	that a fault that has not seen it is over
 * @read_only: a device may not be written to; constant
 */
struct fmapfs_map {
	struct fmap *fmap;
	struct inode *inode;
	struct fmapfs_claim *claims;
	enum fmapfs_map_state state;
	unsigned int pins;
	bool gone;
	bool read_only;
};

/**
 * struct fmapfs_listing - what is remembered of a directory; see dircache.c
 * @complete: up to the end
 * @size: bytes of the mapping in use
 * @pos: position of the next entry, in the server's terms
 * @version: another one for each listing that was begun
 * @mtime: the directory's, when it was begun
 * @iversion: the same
 * @epoch: the mount's, at that time
 *
 * Guarded by fmapfs_inode.lock.
 */
struct fmapfs_listing {
	bool complete;
	loff_t size;
	loff_t pos;
	u64 version;
	struct timespec64 mtime;
	u64 iversion;
	u64 epoch;
};

/**
 * struct fmapfs_listing_at - a place in a listing
 * @pos: position, in the server's terms
 * @off: bytes from the start of the mapping
 * @version: of the listing
 */
struct fmapfs_listing_at {
	loff_t pos;
	loff_t off;
	u64 version;
};

/**
 * struct fmapfs_inode - an inode
 * @inode: the VFS's
 * @nodeid: the server's name for it; constant
 * @generation: of the node id; constant
 * @lock: guards the attribute fields below and the inode's attributes
 * @nlookup: lookups that the server counts; guarded by @lock
 * @attr_expires: jiffies64 until which the attributes hold; guarded by @lock
 * @attr_inval: those that do not hold whatever @attr_expires says, STATX_*;
 *	guarded by @lock
 * @attr_version: of the last change; guarded by @lock
 * @shown_mode: type and mode as the server has them; guarded by @lock
 * @btime: time of birth, if @has_btime; guarded by @lock
 * @has_btime: the server has told it; guarded by @lock
 * @link: of a symbolic link: where to, if that may be remembered, or NULL;
 *	guarded by @lock
 * @listing: of a directory: its remembered entries
 * @blksize: preferred size of I/O, bytes; 0: the mount's; guarded by @lock
 * @orig_ino: inode number to show; guarded by @lock
 * @bad: the node id was given to something else: EIO. Only ever set.
 * @plus: READDIRPLUS would be of use: names in here are being looked up. A hint.
 * @listed: came by READDIRPLUS and was not used yet. A hint.
 * @open_lock: single flight of GET_FMAP; for a directory, one request at a time if
 *	the server did not agree to more
 * @map_lock: with invalidate_lock, guards the map
 * @map: the file's map, or NULL. Written under @map_lock and invalidate_lock, both
 *	held for writing; read under either. Once there is one, there is until
 *	eviction: fmapfs_has_map(); and none comes while @ordinary, @frozen, or with
 *	@fills or @changes
 * @revoked: the server has taken @map back: it has no memory any more, and who
 *	needs one asks for another. Guarded as @map, and by @lock: meanwhile the
 *	size is that of the attributes
 * @revocations: how often that has happened, or would have if there had been a
 *	map: what was asked for earlier is not put in force. Guarded by @map_lock
 * @map_error: what the last attempt to get a map for a revoked one has ended with;
 *	for a fault that is tried again
 * @failed_task: whose fault, or read, was in vain, or NULL: refault.c; to be compared
 *	with, nothing else. Written under @lock
 * @failed_at: at which address, of a fault; guarded by @lock
 * @devs_used: devices of all the maps that the file has had; only grows
 * @asked: GET_FMAP was answered, since the file was last given a size: with @map, or
 *	with "none". Guarded by @open_lock
 * @ordinary: calls under way, and mappings, that have the file for an ordinary one:
 *	it gets no map meanwhile. Guarded by @lock
 * @fills: READs that hold locked folios: struct fmapfs_io; guarded by @lock
 * @changes: requests that change data: struct fmapfs_io; guarded by @lock
 * @frozen: how many want no READ to get folios now; guarded by @lock
 * @io_wait: for @frozen to be 0, or the lists to be empty
 * @nr_cached: open files that use the page cache; guarded by @lock
 * @unflushed: FLUSHes that may drop locks (lock.c), or NULL: nobody has asked the
 *	server for any; set once
 * @forget: gives the lookups back; held by requests, too; NULL once evicted
 */
struct fmapfs_inode {
	struct inode inode;
	u64 nodeid;
	u64 generation;
	spinlock_t lock;
	u64 nlookup;
	u64 attr_expires;
	u32 attr_inval;
	u64 attr_version;
	umode_t shown_mode;
	bool has_btime;
	struct timespec64 btime;
	char *link;
	struct fmapfs_listing listing;
	u32 blksize;
	u64 orig_ino;
	bool bad;
	bool plus;
	bool listed;
	struct mutex open_lock;
	struct rw_semaphore map_lock;
	struct fmapfs_map *map;
	bool revoked;
	u64 revocations;
	int map_error;
	const struct task_struct *failed_task;
	unsigned long failed_at;
	u64 devs_used;
	bool asked;
	unsigned int ordinary;
	struct list_head fills;
	struct list_head changes;
	unsigned int frozen;
	wait_queue_head_t io_wait;
	unsigned int nr_cached;
	struct fmapfs_unflushed *unflushed;
	struct fmapfs_forget *forget;
};

/**
 * struct fmapfs_file - an open file or directory; file.private_data
 * @fh: the server's handle
 * @flags: O_* that it was opened with
 * @open_flags: FOPEN_*
 * @cached: it counts in fmapfs_inode.nr_cached; guarded by that inode's lock
 * @at: of a directory: where its listing from memory is; guarded by f_pos_lock
 * @release: the RELEASE or RELEASEDIR request, made at open so that close cannot
 *	fail; NULL if the server wants none
 * @polled: for poll(2); NULL until then, then constant
 */
struct fmapfs_file {
	u64 fh;
	u32 flags;
	u32 open_flags;
	bool cached;
	struct fmapfs_listing_at at;
	struct fmapfs_req *release;
	struct fmapfs_polled *polled;
};

static inline struct fmapfs_sb *fmapfs_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct fmapfs_inode *fmapfs_i(const struct inode *inode)
{
	return container_of(inode, struct fmapfs_inode, inode);
}

static inline struct fmapfs_conn *fmapfs_conn_of(const struct inode *inode)
{
	return fmapfs_sb(inode->i_sb)->conn;
}

static inline const struct fmapfs_agreed *fmapfs_agreed(struct super_block *sb)
{
	return fmapfs_conn_agreed(fmapfs_sb(sb)->conn);
}

/* Does the kernel check modes? A server that has ACLs relies on it. */
static inline bool fmapfs_default_permissions(struct super_block *sb)
{
	return fmapfs_sb(sb)->default_permissions ||
	       fmapfs_agreed(sb)->flags & FUSE_POSIX_ACL;
}

static inline void fmapfs_count(struct super_block *sb,
				enum fmapfs_counter which, s64 n)
{
	percpu_counter_add(&fmapfs_sb(sb)->counters[which], n);
}

/*
 * Has the file a map? If it has, it is memory for good. If not, it may be at any time,
 * but for who has fmapfs_ordinary_begin().
 */
static inline bool fmapfs_has_map(const struct inode *inode)
{
	/* Pairs with the release where fmap.c publishes the map. */
	return smp_load_acquire(&fmapfs_i(inode)->map);
}

/* Has it a map that is in force just now? */
static inline bool fmapfs_map_in_force(const struct inode *inode)
{
	return fmapfs_has_map(inode) && !READ_ONCE(fmapfs_i(inode)->revoked);
}

/* Messages name the mount. What a server causes is rate-limited. */
#define fmapfs_err_rl(sb, fmt, ...) \
	pr_err_ratelimited("fmapfs (%u:%u): " fmt, \
			   MAJOR((sb)->s_dev), MINOR((sb)->s_dev), \
			   ##__VA_ARGS__)

struct vm_fault;
struct fmapfs_attr;
struct fmapfs_dirent;
struct fmapfs_entry;
struct fmapfs_io;
struct fmapfs_unflushed;
struct fmapfs_flushing;

/* In super.c */
int fmapfs_super_init(void);
void fmapfs_super_exit(void);
bool fmapfs_allowed(struct super_block *sb);

/* In inode.c */
int fmapfs_inode_init(void);
void fmapfs_inode_exit(void);
struct inode *fmapfs_inode_alloc(struct super_block *sb);
void fmapfs_inode_free(struct inode *inode);
void fmapfs_inode_evict(struct inode *inode);
struct inode *fmapfs_iget(struct super_block *sb,
			  const struct fmapfs_entry *entry);
struct inode *fmapfs_root(struct super_block *sb, umode_t mode);
bool fmapfs_is_stale(const struct inode *inode,
		     const struct fmapfs_entry *entry);
struct inode *fmapfs_find_inode(struct super_block *sb, u64 nodeid);
void fmapfs_expire_unknown(struct super_block *sb);
void fmapfs_add_lookup(struct inode *inode);
void fmapfs_make_bad(struct inode *inode);
void fmapfs_update_nosec(struct inode *inode);
bool fmapfs_update_attr(struct inode *inode, const struct fmapfs_attr *attr);
void fmapfs_attr_changed(struct inode *inode, struct fmapfs_attr *attr);
void fmapfs_expire_attr(struct inode *inode);
void fmapfs_expire_attr_mask(struct inode *inode, u32 mask);

/* In attr.c */
int fmapfs_try_refresh_attr(struct inode *inode);
int fmapfs_refresh_attr(struct inode *inode);
int fmapfs_need_attr(struct inode *inode, const struct fmapfs_file *ff,
		     u32 mask);
void fmapfs_opened_truncated(struct inode *inode);
int fmapfs_size_changed(struct inode *inode, u64 size);
int fmapfs_memory_changed(struct inode *inode);
void fmapfs_cut_back(struct file *file);
int fmapfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		   struct kstat *stat, u32 mask, unsigned int flags);
int fmapfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		   struct iattr *iattr);
int fmapfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);

/* In dir.c */
extern const struct dentry_operations fmapfs_dops;
u64 fmapfs_entry_until(struct super_block *sb, u64 version, u64 expires);
void fmapfs_new_epoch(struct super_block *sb);
void fmapfs_set_entry_expiry(struct dentry *dentry, u64 expires);
void fmapfs_forget_name(struct dentry *dentry);
int fmapfs_dir_lock(struct inode *dir);
void fmapfs_dir_unlock(struct inode *dir);
struct dentry *fmapfs_lookup(struct inode *dir, struct dentry *dentry,
			     unsigned int flags);

/* In export.c */
extern const struct export_operations fmapfs_export_ops;
extern const struct export_operations fmapfs_fid_ops;

/* In namei.c */
extern const struct inode_operations fmapfs_dir_iops;
extern const struct inode_operations fmapfs_symlink_iops;
void fmapfs_forget_link(struct inode *inode);

/* In readdir.c */
extern const struct file_operations fmapfs_dir_fops;

/* In dircache.c */
int fmapfs_listing_emit(struct file *file, struct dir_context *ctx);
void fmapfs_listing_add(struct inode *dir, const struct fmapfs_dirent *ent,
			loff_t pos);
void fmapfs_listing_end(struct inode *dir, loff_t pos);

/* In file.c */
extern const struct inode_operations fmapfs_file_iops;
extern const struct inode_operations fmapfs_other_iops;
extern const struct file_operations fmapfs_file_fops;
int fmapfs_finish_open(struct inode *inode, struct file *file,
		       struct fmapfs_file *ff);

/* In plain.c */
ssize_t fmapfs_plain_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t fmapfs_plain_write(struct kiocb *iocb, struct iov_iter *from);
int fmapfs_plain_mmap(struct file *file, struct vm_area_struct *vma);
bool fmapfs_ordinary_begin(struct inode *inode);
void fmapfs_ordinary_end(struct inode *inode);
void fmapfs_was_read(struct inode *inode);
void fmapfs_written(struct inode *inode, loff_t end);
void fmapfs_file_caches(struct inode *inode, struct fmapfs_file *ff);
void fmapfs_file_uncaches(struct inode *inode, struct fmapfs_file *ff);

/* In refault.c */
void fmapfs_read_failed(struct fmapfs_inode *fi);
bool fmapfs_read_has_failed(struct fmapfs_inode *fi);
void fmapfs_fault_failed(struct fmapfs_inode *fi, const struct vm_fault *vmf);
bool fmapfs_fault_failed_before(struct fmapfs_inode *fi,
				const struct vm_fault *vmf);

/* In range.c */
loff_t fmapfs_llseek(struct file *file, loff_t offset, int whence);
long fmapfs_fallocate(struct file *file, int mode, loff_t pos, loff_t len);
int fmapfs_fadvise(struct file *file, loff_t pos, loff_t len, int advice);
ssize_t fmapfs_copy_file_range(struct file *in, loff_t pos_in,
			       struct file *out, loff_t pos_out, size_t len,
			       unsigned int flags);

/* In cache.c */
bool fmapfs_cache_freeze(struct inode *inode, pgoff_t first, pgoff_t last);
void fmapfs_cache_thaw(struct inode *inode);
int fmapfs_cache_invalidate(struct inode *inode, pgoff_t first, pgoff_t last);
void fmapfs_cache_truncate(struct inode *inode, loff_t size);
void fmapfs_cache_zero(struct inode *inode, loff_t pos, loff_t end);
void fmapfs_cache_evict(struct inode *inode);
void fmapfs_cache_written(struct inode *inode, loff_t pos, const void *data,
			  size_t len);
struct fmapfs_io *fmapfs_change_begin(struct file *file, loff_t pos, u64 len,
				      struct fmapfs_req *req);
void fmapfs_change_end(struct fmapfs_io *io, struct fmapfs_req *req,
		       ssize_t rc);

/* In readahead.c */
extern const struct address_space_operations fmapfs_cache_aops;
u32 fmapfs_read_limit(struct super_block *sb);
void fmapfs_cache_init(struct inode *inode);
void fmapfs_cache_open(struct file *file);
/* In lock.c */
int fmapfs_lock(struct file *file, int cmd, struct file_lock *fl);
int fmapfs_flock(struct file *file, int cmd, struct file_lock *fl);
struct fmapfs_flushing *fmapfs_flush_begin(struct inode *inode);
void fmapfs_flush_over(struct fmapfs_flushing *flush);
void fmapfs_locks_free(struct inode *inode);

/* In ioctl.c */
long fmapfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long fmapfs_compat_ioctl(struct file *file, unsigned int cmd,
			 unsigned long arg);
int fmapfs_fileattr_get(struct dentry *dentry, struct file_kattr *fa);
int fmapfs_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry,
			struct file_kattr *fa);

/* In poll.c */
__poll_t fmapfs_poll(struct file *file, struct poll_table_struct *wait);
int fmapfs_notify_poll(struct super_block *sb, u64 kh);

/* In xattr.c */
extern const struct xattr_handler * const fmapfs_xattr_handlers[];
int fmapfs_setxattr(struct inode *inode, const char *name, const void *value,
		    size_t size, int flags, u32 extra);
int fmapfs_removexattr(struct inode *inode, const char *name);
ssize_t fmapfs_listxattr(struct dentry *dentry, char *list, size_t size);

/* In notify.c */
int fmapfs_notify(void *fs, u32 code, struct iov_iter *from, size_t size);

/* In store.c */
int fmapfs_store(struct inode *inode, loff_t pos, u64 len,
		 struct iov_iter *from);
u32 fmapfs_copy_cached(struct inode *inode, loff_t pos, void *buf, u32 len);

/* In acl.c; see COMPAT_ACL_OPS for the operations */
struct posix_acl *fmapfs_get_inode_acl(struct inode *inode, int type,
				       bool rcu);
struct posix_acl *fmapfs_get_acl(struct mnt_idmap *idmap,
				 struct dentry *dentry, int type);
int fmapfs_set_inode_acl(struct mnt_idmap *idmap, struct inode *inode,
			 struct posix_acl *acl, int type);
void fmapfs_init_acl(struct inode *inode);

/* In sysfs.c */
int fmapfs_sysfs_init(void);
void fmapfs_sysfs_exit(void);
int fmapfs_sysfs_add(struct super_block *sb);
void fmapfs_sysfs_del(struct super_block *sb);

/* In debugfs.c */
void fmapfs_debugfs_init(void);
void fmapfs_debugfs_exit(void);
void fmapfs_debugfs_add(struct super_block *sb);
void fmapfs_debugfs_del(struct super_block *sb);

/*
 * Of a map that was asked for: ask again, something has changed meanwhile. No server
 * can answer that: its errors are smaller.
 */
#define FMAPFS_MAP_IS_OLD	(-ERESTARTNOINTR)

/* In map.c */
int fmapfs_map_new(struct inode *inode, const u64 *size,
		   struct fmapfs_map **mapp);
int fmapfs_map_claim(struct fmapfs_map *map);
void fmapfs_map_drop(struct fmapfs_map *map);
long fmapfs_fmap_ioctl(struct inode *inode, struct fmapfs_get_fmap __user *arg);

/* In fmap.c */
int fmapfs_fmap_fetch(struct inode *inode);
int fmapfs_fmap_ask_again(struct inode *inode);
int fmapfs_fmap_refetch(struct inode *inode, u64 size);
int fmapfs_fmap_renew(struct inode *inode);
int fmapfs_fmap_revoke(struct inode *inode);
int fmapfs_map_lock(struct inode *inode);
void fmapfs_fmap_evict(struct inode *inode);

/* In dax.c */
extern const struct address_space_operations fmapfs_dax_aops;
int fmapfs_dax_mmap(struct file *file, struct vm_area_struct *vma);
ssize_t fmapfs_dax_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t fmapfs_dax_write_iter(struct kiocb *iocb, struct iov_iter *from);
int fmapfs_dax_fsync(struct file *file, loff_t start, loff_t end);
int fmapfs_dax_fiemap(struct inode *inode, struct fiemap_extent_info *info,
		      u64 start, u64 len);
void fmapfs_dax_evict(struct inode *inode);

#endif /* FMAPFS_I_H */
