/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VFS of older kernels, in the shape of the newest. Each part says which
 * kernel makes it unnecessary.
 */
#ifndef FMAPFS_COMPAT_VFS_H
#define FMAPFS_COMPAT_VFS_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/xattr.h>

/* --- 6.2: types of kobjects are const --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define kobject_init_and_add(kobj, ktype, ...)				\
	kobject_init_and_add(kobj, (struct kobj_type *)(ktype), __VA_ARGS__)
#endif

/* --- 6.3: mounts have an idmap instead of a user namespace --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#endif

/* --- 6.4: folios of a page cache are found or an error --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline struct folio *filemap_grab_folio(struct address_space *mapping,
					       pgoff_t index)
{
	struct folio *folio;

	folio = __filemap_get_folio(mapping, index,
				    FGP_LOCK | FGP_ACCESSED | FGP_CREAT,
				    mapping_gfp_mask(mapping));
	return folio ? folio : ERR_PTR(-ENOMEM);
}
#endif

/* --- 6.5: splice without the page cache has a name of its own --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
#define filemap_splice_read generic_file_splice_read
#endif

/* --- 6.6: generic_fillattr() takes the request mask --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define generic_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, inode, stat)
#endif

/* --- 6.6: ctime of inodes by accessors; some older ones have them, too --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline struct timespec64 compat_get_ctime(const struct inode *inode)
{
	return inode->i_ctime;
}
#define inode_get_ctime compat_get_ctime

static inline void compat_set_ctime(struct inode *inode, struct timespec64 ts)
{
	inode->i_ctime = ts;
}
#define inode_set_ctime_to_ts compat_set_ctime
#endif

/* --- 6.7: the other times, too; tables of xattr handlers are const --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct timespec64 compat_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}
#define inode_get_mtime compat_get_mtime

static inline void compat_set_atime(struct inode *inode, struct timespec64 ts)
{
	inode->i_atime = ts;
}
#define inode_set_atime_to_ts compat_set_atime

static inline void compat_set_mtime(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
}
#define inode_set_mtime_to_ts compat_set_mtime

#define FMAPFS_S_XATTR(handlers) ((const struct xattr_handler **)(handlers))
#else
#define FMAPFS_S_XATTR(handlers) (handlers)
#endif

/* --- 6.8: a copy by splice has a name of its own --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define splice_copy_file_range(in, pos_in, out, pos_out, len) \
	generic_copy_file_range(in, pos_in, out, pos_out, len, 0)
#endif

/* --- 6.10: fop_flags; before, MAP_SYNC was a field --- */

#ifdef FOP_MMAP_SYNC
#define FMAPFS_FOP_MMAP_SYNC .fop_flags = FOP_MMAP_SYNC
#else
#define FMAPFS_FOP_MMAP_SYNC .mmap_supported_flags = MAP_SYNC
#endif

/* --- 6.12: large folios up to a given order; before, none --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
static inline void mapping_set_folio_order_range(struct address_space *mapping,
						 unsigned int min,
						 unsigned int max)
{
}
#endif

/*
 * --- 6.14: d_revalidate() is told the directory and a name that stays ---
 *
 * COMPAT_D_REVALIDATE(fn) makes of the new form the function that the table of
 * operations takes, compat_d_revalidate.
 */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define COMPAT_D_REVALIDATE(fn)						\
static int compat_d_revalidate(struct dentry *dentry, unsigned int flags) \
{									\
	struct name_snapshot name;					\
	struct dentry *parent;						\
	int rc;								\
									\
	if (flags & LOOKUP_RCU) {					\
		struct inode *dir;					\
									\
		dir = d_inode_rcu(READ_ONCE(dentry->d_parent));		\
		return dir ? fn(dir, &dentry->d_name, dentry, flags) :	\
			     -ECHILD;					\
	}								\
	parent = dget_parent(dentry);					\
	take_dentry_name_snapshot(&name, dentry);			\
	rc = fn(d_inode(parent), &name.name, dentry, flags);		\
	release_dentry_name_snapshot(&name);				\
	dput(parent);							\
	return rc;							\
}
#else
#define COMPAT_D_REVALIDATE(fn)						\
static int compat_d_revalidate(struct inode *dir, const struct qstr *name, \
			       struct dentry *dentry, unsigned int flags) \
{									\
	return fn(dir, name, dentry, flags);				\
}
#endif

/* --- 6.17: the default dentry operations are set by a function --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
static inline void set_default_d_op(struct super_block *sb,
				    const struct dentry_operations *ops)
{
	sb->s_d_op = ops;
}
#endif

/* --- 6.18: generic_delete_inode() has a better name --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define inode_just_drop generic_delete_inode
#endif

/* --- 6.19: the state of inodes by accessors --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
static inline unsigned long inode_state_read_once(struct inode *inode)
{
	return READ_ONCE(inode->i_state);
}
#endif

/*
 * --- 7.x: inodes are hashed by 64 bits on all architectures ---
 *
 * compat_find_inode() is find_inode_nowait() for a @hold that takes a reference
 * to the inode that it likes, or returns NULL.
 */
struct compat_find {
	struct inode *(*hold)(struct inode *inode, void *data);
	void *data;
};

static inline int compat_find_match(struct inode *inode,
				    const struct compat_find *find)
{
	if (!find->hold(inode, find->data))
		return 0;
	return 1;
}

static inline int compat_match_long(struct inode *inode, unsigned long hash,
				    void *find)
{
	return compat_find_match(inode, find);
}

static inline int compat_match_u64(struct inode *inode, u64 hash, void *find)
{
	return compat_find_match(inode, find);
}

typedef struct inode *(*compat_find_long_fn)
	(struct super_block *, unsigned long,
	 int (*)(struct inode *, unsigned long, void *), void *);
typedef struct inode *(*compat_find_u64_fn)
	(struct super_block *, u64, int (*)(struct inode *, u64, void *),
	 void *);

static inline struct inode *compat_find_long(compat_find_long_fn fn,
					     struct super_block *sb, u64 hash,
					     struct compat_find *find)
{
	return fn(sb, hash, compat_match_long, find);
}

static inline struct inode *compat_find_u64(compat_find_u64_fn fn,
					    struct super_block *sb, u64 hash,
					    struct compat_find *find)
{
	return fn(sb, hash, compat_match_u64, find);
}

#define compat_find_inode(sb, hash, hold, data)				\
	_Generic(&find_inode_nowait,					\
		 compat_find_long_fn: compat_find_long,			\
		 compat_find_u64_fn: compat_find_u64)			\
		(&find_inode_nowait, sb, hash,				\
		 &(struct compat_find) { hold, data })

/*
 * --- 7.x: d_alloc_parallel() does without a wait queue of the caller's ---
 *
 * Which kernel exactly was the first is told by its type. Before it, @wait must
 * be fresh, and last until d_lookup_done(): who waits there never takes himself
 * off it.
 */
typedef struct dentry *(*compat_alloc_fn)(struct dentry *, const struct qstr *);
typedef struct dentry *(*compat_alloc_wait_fn)(struct dentry *,
					       const struct qstr *,
					       wait_queue_head_t *);

static inline struct dentry *compat_alloc(compat_alloc_fn alloc,
					  struct dentry *parent,
					  const struct qstr *name,
					  wait_queue_head_t *wait)
{
	return alloc(parent, name);
}

static inline struct dentry *compat_alloc_wait(compat_alloc_wait_fn alloc,
					       struct dentry *parent,
					       const struct qstr *name,
					       wait_queue_head_t *wait)
{
	return alloc(parent, name, wait);
}

#define compat_d_alloc_parallel(parent, name, wait)			\
	_Generic(&d_alloc_parallel,					\
		 compat_alloc_fn: compat_alloc,				\
		 compat_alloc_wait_fn: compat_alloc_wait)		\
		(&d_alloc_parallel, parent, name, wait)

#endif /* FMAPFS_COMPAT_VFS_H */
