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
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/xattr.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

/* --- 6.2: types of kobjects are const --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define kobject_init_and_add(kobj, ktype, ...)				\
	kobject_init_and_add(kobj, (struct kobj_type *)(ktype), __VA_ARGS__)
#endif

/*
 * --- 6.2: ACLs of an inode and of a dentry are two things; the VFS sees itself
 * to the extended attributes that they are ---
 *
 * COMPAT_ACL_OPS(get_inode, get, set) are entries of the table of operations;
 * @set takes the inode. COMPAT_SET_ACL(set) goes before them in the file.
 *
 * Before, a table of xattr handlers had to have two for them. They are made by
 * COMPAT_ACL_HANDLERS(get, set, ours): the kernel's, if @ours(inode), and else
 * @get and @set, with the whole name. COMPAT_WITH_ACL_HANDLERS(last) are the
 * entries of the table, with @last.
 */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define COMPAT_SET_ACL(set)
#define COMPAT_ACL_OPS(get_inode, get, set)				\
	.get_acl = (get_inode), .set_acl = (set)

static inline const struct xattr_handler *
compat_acl_handler(const struct xattr_handler *handler)
{
	return handler->flags == ACL_TYPE_ACCESS ?
	       &posix_acl_access_xattr_handler :
	       &posix_acl_default_xattr_handler;
}

#define COMPAT_ACL_HANDLERS(get_fn, set_fn, ours)			\
static int compat_acl_get(const struct xattr_handler *handler,		\
			  struct dentry *dentry, struct inode *inode,	\
			  const char *name, void *value, size_t size)	\
{									\
	const struct xattr_handler *real = compat_acl_handler(handler);	\
									\
	return ours(inode) ?						\
	       real->get(real, dentry, inode, name, value, size) :	\
	       get_fn(handler, dentry, inode, handler->name, value, size); \
}									\
static int compat_acl_set(const struct xattr_handler *handler,		\
			  struct user_namespace *ns,			\
			  struct dentry *dentry, struct inode *inode,	\
			  const char *name, const void *value,		\
			  size_t size, int flags)			\
{									\
	const struct xattr_handler *real = compat_acl_handler(handler);	\
									\
	return ours(inode) ?						\
	       real->set(real, ns, dentry, inode, name, value, size,	\
			 flags) :					\
	       set_fn(handler, ns, dentry, inode, handler->name, value,	\
		      size, flags);					\
}									\
static const struct xattr_handler compat_acl_access = {			\
	.name = XATTR_NAME_POSIX_ACL_ACCESS, .flags = ACL_TYPE_ACCESS,	\
	.get = compat_acl_get, .set = compat_acl_set,			\
};									\
static const struct xattr_handler compat_acl_default = {		\
	.name = XATTR_NAME_POSIX_ACL_DEFAULT, .flags = ACL_TYPE_DEFAULT, \
	.get = compat_acl_get, .set = compat_acl_set,			\
}
#define COMPAT_WITH_ACL_HANDLERS(last)					\
	&compat_acl_access, &compat_acl_default, last
#else
#define COMPAT_SET_ACL(set)						\
static int compat_set_acl(struct mnt_idmap *idmap,			\
			  struct dentry *dentry, struct posix_acl *acl,	\
			  int type)					\
{									\
	return set(idmap, d_inode(dentry), acl, type);			\
}
#define COMPAT_ACL_OPS(get_inode_fn, get_fn, set_fn)			\
	.get_inode_acl = (get_inode_fn), .get_acl = (get_fn),		\
	.set_acl = compat_set_acl
#define COMPAT_ACL_HANDLERS(get, set, ours) struct xattr_handler
#define COMPAT_WITH_ACL_HANDLERS(last) last
#endif

/* --- 6.3: mounts have an idmap instead of a user namespace --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#define COMPAT_NO_IDMAP (&init_user_ns)
#else
#define COMPAT_NO_IDMAP (&nop_mnt_idmap)
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

static inline struct folio *
compat_get_folio_by_flags(struct address_space *mapping, pgoff_t index,
			  int fgp_flags, gfp_t gfp)
{
	struct folio *folio = __filemap_get_folio(mapping, index, fgp_flags,
						  gfp);

	return folio ? folio : ERR_PTR(-ENOENT);
}

#define __filemap_get_folio compat_get_folio_by_flags

static inline struct folio *compat_get_folio(struct address_space *mapping,
					     pgoff_t index)
{
	return compat_get_folio_by_flags(mapping, index, 0, 0);
}

#define filemap_get_folio compat_get_folio
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

/* --- 6.7: kinds of handles made of 64 bits and a generation have names --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define FILEID_INO64_GEN	0x81
#define FILEID_INO64_GEN_PARENT	0x82
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

/* --- 6.9: what all kinds of locks have in common is a structure of its own --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define file_lock_core	file_lock
#define flc_flags	fl_flags
#define flc_owner	fl_owner
#define flc_pid		fl_pid
#define flc_type	fl_type

static inline struct file_lock_core *fmapfs_lock_core(struct file_lock *fl)
{
	return fl;
}
#else
static inline struct file_lock_core *fmapfs_lock_core(struct file_lock *fl)
{
	return &fl->c;
}
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

/* --- 6.14: labels of security modules are a struct --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
struct lsm_context {
	char *context;
	u32 len;
};

static inline int compat_init_security(struct dentry *dentry, int mode,
				       const struct qstr *name,
				       const char **xattr_name,
				       struct lsm_context *ctx)
{
	return security_dentry_init_security(dentry, mode, name, xattr_name,
					     (void **)&ctx->context, &ctx->len);
}
#define security_dentry_init_security compat_init_security

static inline void compat_release_secctx(struct lsm_context *ctx)
{
	security_release_secctx(ctx->context, ctx->len);
}
#define security_release_secctx compat_release_secctx
#endif

/*
 * --- 6.15: mkdir() may return a dentry that has been there before ---
 *
 * COMPAT_MKDIR(fn) makes of the new form the function that the table of
 * operations takes, compat_mkdir.
 */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define COMPAT_MKDIR(fn)						\
static int compat_mkdir(struct mnt_idmap *idmap, struct inode *dir,	\
			struct dentry *dentry, umode_t mode)		\
{									\
	struct dentry *there = fn(idmap, dir, dentry, mode);		\
									\
	if (!IS_ERR(there))						\
		dput(there);						\
	return PTR_ERR_OR_ZERO(there);					\
}
#else
#define COMPAT_MKDIR(fn)						\
static struct dentry *compat_mkdir(struct mnt_idmap *idmap,		\
				   struct inode *dir,			\
				   struct dentry *dentry, umode_t mode)	\
{									\
	return fn(idmap, dir, dentry, mode);				\
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

/* --- 6.17: what chattr(1) changes has a longer name --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define file_kattr fileattr
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

/*
 * --- 6.x: posix_acl_to_xattr() allocates ---
 *
 * Which kernel exactly was the first is told by its type.
 */
typedef void *(*compat_acl_alloc_fn)(struct user_namespace *,
				     const struct posix_acl *, size_t *, gfp_t);
typedef int (*compat_acl_fill_fn)(struct user_namespace *,
				  const struct posix_acl *, void *, size_t);

static inline void *compat_acl_alloc(compat_acl_alloc_fn alloc,
				     struct user_namespace *ns,
				     const struct posix_acl *acl, size_t *size,
				     gfp_t gfp)
{
	return alloc(ns, acl, size, gfp);
}

static inline void *compat_acl_fill(compat_acl_fill_fn fill,
				    struct user_namespace *ns,
				    const struct posix_acl *acl, size_t *size,
				    gfp_t gfp)
{
	void *value;

	*size = posix_acl_xattr_size(acl->a_count);
	value = kmalloc(*size, gfp);
	if (value)
		fill(ns, acl, value, *size);
	return value;
}

#define compat_posix_acl_to_xattr(ns, acl, size, gfp)			\
	_Generic(&posix_acl_to_xattr,					\
		 compat_acl_alloc_fn: compat_acl_alloc,			\
		 compat_acl_fill_fn: compat_acl_fill)			\
		(&posix_acl_to_xattr, ns, acl, size, gfp)

/*
 * --- 7.x: create() is not told about O_EXCL any more ---
 *
 * Which kernel exactly was the first is told by the type of the operation.
 * COMPAT_CREATE(fn) makes of the new form the one that is passed a bool;
 * COMPAT_CREATE_OP(fn) is the one that the table of operations takes.
 */
typedef int (*compat_create_excl_fn)(struct mnt_idmap *, struct inode *,
				     struct dentry *, umode_t, bool);

#define COMPAT_CREATE(fn)						\
static int __maybe_unused compat_create(struct mnt_idmap *idmap,	\
					struct inode *dir,		\
					struct dentry *dentry,		\
					umode_t mode, bool excl)	\
{									\
	return fn(idmap, dir, dentry, mode);				\
}

#define COMPAT_CREATE_OP(fn)						\
	_Generic(((struct inode_operations *)NULL)->create,		\
		 compat_create_excl_fn: compat_create, default: fn)
/* --- no kernel: only some have the x32 system calls --- */

#ifdef CONFIG_X86_X32_ABI
#define fmapfs_in_x32_syscall() in_x32_syscall()
#else
#define fmapfs_in_x32_syscall() false
#endif

/* --- 7.0, or before: who lists a directory says how many bytes there is room for --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define dir_context_count(ctx) SZ_32K
#else
#define dir_context_count(ctx) ((ctx)->count)
#endif

/* --- 7.0, or before: what is already here is listed whatever signal is pending --- */

#ifndef FILLDIR_FLAG_NOINTR
#define FILLDIR_FLAG_NOINTR 0
#endif

#endif /* FMAPFS_COMPAT_VFS_H */
