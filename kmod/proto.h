/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protocol: one function per opcode, in terms of the VFS's types. Nobody
 * else builds or reads wire structures.
 *
 * All return 0 or -errno unless they say otherwise. -EIO is also what a reply
 * gets that makes no sense. All wait for the server, killably, unless they say
 * otherwise.
 */
#ifndef FMAPFS_PROTO_H
#define FMAPFS_PROTO_H

#include <linux/uio.h>
#include "fmapfs_i.h"

/* Longest name of an entry, bytes; as in FUSE. */
#define FMAPFS_NAME_MAX		1024

/**
 * struct fmapfs_attr - attributes, checked
 * @ino: inode number to show
 * @size: bytes, at most S64_MAX
 * @blocks: units of 512 bytes
 * @blksize: preferred size of I/O, bytes; 0: the mount's
 * @has_btime: there is a time of birth
 * @by_statx: STATX was asked: whether there is one is known now
 * @expires: jiffies64 until which they hold
 * @version: what fmapfs_attr_version() said before they were asked for
 */
struct fmapfs_attr {
	u64 ino;
	u64 size;
	u64 blocks;
	struct timespec64 atime;
	struct timespec64 mtime;
	struct timespec64 ctime;
	struct timespec64 btime;
	bool has_btime;
	bool by_statx;
	umode_t mode;
	u32 nlink;
	kuid_t uid;
	kgid_t gid;
	dev_t rdev;
	u32 blksize;
	u64 expires;
	u64 version;
};

/**
 * struct fmapfs_entry - the result of a lookup: one lookup count, to keep or to
 *	give back
 * @nodeid: node id; 0: there is no such name, and that may be cached
 * @generation: of the node id
 * @expires: until when the name holds, for fmapfs_set_entry_expiry()
 * @attr: attributes, unless @nodeid is 0
 */
struct fmapfs_entry {
	u64 nodeid;
	u64 generation;
	u64 expires;
	struct fmapfs_attr attr;
};

/* A name from a directory, within the buffer that it was read into. */
struct fmapfs_dirent {
	u64 ino;
	u64 next;		/* position after it */
	const char *name;	/* not terminated */
	u32 namelen;
	u32 type;		/* DT_* */
	bool has_entry;		/* READDIRPLUS: @entry is set */
	struct fmapfs_entry entry;
};

/**
 * struct fmapfs_made - what a request that makes a name has brought
 * @entry: the node
 * @forget: gives the lookup back, by fmapfs_forget_send(), or is freed if the
 *	lookup is kept
 */
struct fmapfs_made {
	struct fmapfs_entry entry;
	struct fmapfs_forget *forget;
};

/**
 * struct fmapfs_ext - extensions of a request that makes something
 * @value: to be freed with kfree(), or NULL
 * @size: bytes, a multiple of 8
 */
struct fmapfs_ext {
	void *value;
	u32 size;
};

struct fmapfs_dirbuf {
	struct fmapfs_req *req;
	u32 at;			/* bytes consumed */
	bool plus;
	u64 version;		/* see fmapfs_attr.version */
};

/**
 * struct fmapfs_write - what a WRITE is to do
 * @pos: bytes from the start
 * @size: bytes; at most what is agreed on
 * @flags: O_*
 * @owner: of locks, or NULL
 * @kill_suidgid: the server is to take set-id bits away
 */
struct fmapfs_write {
	u64 pos;
	u32 size;
	u32 flags;
	fl_owner_t owner;
	bool kill_suidgid;
};

/* What is to be copied from where to where; in bytes. */
struct fmapfs_copy {
	struct file *in;
	u64 pos_in;
	struct file *out;
	u64 pos_out;
	u64 len;
	unsigned int flags;
};

/**
 * struct fmapfs_ioctl - an ioctl for the server
 * @cmd: its number
 * @arg: its argument, as it is; for the server to look at
 * @in_size: bytes that it reads
 * @out_size: bytes that it may write
 * @from: what it reads
 * @to: takes what it writes
 * @compat: the caller is a 32-bit program
 * @x32: ... of the x32 kind
 * @exact: neither more nor less than @out_size will do
 */
struct fmapfs_ioctl {
	unsigned int cmd;
	unsigned long arg;
	u32 in_size;
	u32 out_size;
	struct iov_iter from;
	struct iov_iter to;
	bool compat;
	bool x32;
	bool exact;
};

/* In init.c */
int fmapfs_proto_init(struct super_block *sb);
void fmapfs_proto_goodbye(struct fmapfs_conn *conn);

/* In proto.c */
u64 fmapfs_attr_version(struct super_block *sb);
bool fmapfs_proto_known_missing(struct super_block *sb, u32 opcode);
int fmapfs_proto_lookup(struct inode *dir, const struct qstr *name,
			struct fmapfs_entry *entry,
			struct fmapfs_forget **forget);
int fmapfs_proto_lookup_node(struct super_block *sb, u64 nodeid,
			     const char *name, struct fmapfs_entry *entry,
			     struct fmapfs_forget **forget);
int fmapfs_proto_getattr(struct inode *inode, const struct fmapfs_file *ff,
			 struct fmapfs_attr *attr);
int fmapfs_proto_statx(struct inode *inode, u32 *mask,
		       struct fmapfs_attr *attr);
int fmapfs_proto_setattr(struct inode *inode, const struct iattr *iattr,
			 const struct fmapfs_file *ff,
			 struct fmapfs_attr *attr);
int fmapfs_proto_access(struct inode *inode, int mask);
int fmapfs_proto_statfs(struct dentry *dentry, struct kstatfs *buf);

/* In proto_xattr.c */
ssize_t fmapfs_proto_getxattr(struct inode *inode, const char *name,
			      void *value, size_t size);
ssize_t fmapfs_proto_listxattr(struct inode *inode, char *list, size_t size);
int fmapfs_proto_setxattr(struct inode *inode, const char *name,
			  const void *value, size_t size, int flags, u32 extra);
int fmapfs_proto_removexattr(struct inode *inode, const char *name);

/* In proto_dir.c */
ssize_t fmapfs_proto_readlink(struct inode *inode, char *link, u32 size);
int fmapfs_proto_mknod(struct inode *dir, struct dentry *dentry, umode_t mode,
		       dev_t rdev, struct fmapfs_made *made);
int fmapfs_proto_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode,
		       struct fmapfs_made *made);
int fmapfs_proto_symlink(struct inode *dir, struct dentry *dentry,
			 const char *link, struct fmapfs_made *made);
int fmapfs_proto_link(struct inode *inode, struct inode *dir,
		      struct dentry *dentry, struct fmapfs_made *made);
int fmapfs_proto_unlink(struct inode *dir, const struct qstr *name);
int fmapfs_proto_rmdir(struct inode *dir, const struct qstr *name);
int fmapfs_proto_rename(struct inode *olddir, const struct qstr *oldname,
			struct inode *newdir, const struct qstr *newname,
			unsigned int flags);
int fmapfs_take_made(struct fmapfs_req *req, struct super_block *sb,
		     umode_t type, u64 version, struct fmapfs_made *made);

/* In proto_create.c */
int fmapfs_proto_create(struct inode *dir, struct dentry *dentry,
			unsigned int flags, umode_t mode, bool tmpfile,
			struct fmapfs_made *made, struct fmapfs_file **ffp);
void fmapfs_created_of(struct fmapfs_file *ff, struct fmapfs_forget *node);
umode_t fmapfs_mask_mode(struct super_block *sb, umode_t mode);
int fmapfs_make_ext(struct inode *dir, struct dentry *dentry, umode_t mode,
		    struct fmapfs_ext *ext);

/* In proto_file.c */
void fmapfs_proto_file_init(void);
u64 fmapfs_owner_id(fl_owner_t owner);
struct fmapfs_file *fmapfs_file_new(unsigned int flags);
int fmapfs_proto_open(struct inode *inode, unsigned int flags,
		      struct fmapfs_file **ffp);
void fmapfs_proto_release(struct fmapfs_file *ff);
void fmapfs_proto_close(struct fmapfs_file *ff, unsigned int flags);
int fmapfs_proto_flush(struct inode *inode, const struct fmapfs_file *ff,
		       fl_owner_t owner, bool wait);
int fmapfs_proto_fsync(struct inode *inode, const struct fmapfs_file *ff,
		       bool datasync);
int fmapfs_proto_readdir(struct file *file, u64 pos, u32 size, bool plus,
			 struct fmapfs_dirbuf *buf);
int fmapfs_dirbuf_next(struct super_block *sb, struct fmapfs_dirbuf *buf,
		       struct fmapfs_dirent *ent);
void fmapfs_dirbuf_free(struct fmapfs_dirbuf *buf);

u64 fmapfs_owner_id(fl_owner_t owner);

/* In proto_data.c */
struct fmapfs_req *fmapfs_proto_read_new(struct inode *inode,
					 const struct fmapfs_file *ff,
					 unsigned int flags, u64 pos, u32 size,
					 fl_owner_t owner);
ssize_t fmapfs_proto_read(struct inode *inode, const struct fmapfs_file *ff,
			  unsigned int flags, u64 pos, u32 size,
			  fl_owner_t owner, struct iov_iter *to);
struct fmapfs_req *fmapfs_proto_write_new(struct inode *inode,
					  const struct fmapfs_file *ff,
					  const struct fmapfs_write *w,
					  struct iov_iter *from);
const void *fmapfs_proto_write_data(struct fmapfs_req *req, u32 *size);
ssize_t fmapfs_proto_write_send(struct inode *inode, struct fmapfs_req *req);
struct fmapfs_req *fmapfs_proto_fallocate_new(struct inode *inode,
					      const struct fmapfs_file *ff,
					      int mode, u64 pos, u64 len);
int fmapfs_proto_lseek(struct inode *inode, const struct fmapfs_file *ff,
		       u64 pos, int whence, u64 *out);
struct fmapfs_req *fmapfs_proto_copy_new(u32 opcode,
					 const struct fmapfs_copy *c);
ssize_t fmapfs_proto_copy_send(struct inode *inode, struct fmapfs_req *req);

/* In proto_ioctl.c */
long fmapfs_proto_ioctl(struct inode *inode, const struct fmapfs_file *ff,
			struct fmapfs_ioctl *io);
int fmapfs_proto_poll(struct inode *inode, const struct fmapfs_file *ff,
		      __poll_t events, bool notify, __poll_t *revents);

/* In proto_lock.c */
int fmapfs_proto_getlk(struct file *file, struct file_lock *fl);
int fmapfs_proto_setlk(struct file *file, struct file_lock *fl, bool flock);

/* In proto_fmap.c */
ssize_t fmapfs_proto_get_fmap(struct inode *inode, u32 size, void **msgp);
int fmapfs_proto_get_daxdev(struct super_block *sb, u32 index);

/* In proto_notify.c */
int fmapfs_proto_notify_reply(struct inode *inode, u64 unique, loff_t pos,
			      u32 size);

/* Shared by init.c and proto*.c */
int fmapfs_proto_remember_missing(struct super_block *sb, u32 opcode, int rc);
void fmapfs_give_back_lookup(struct fmapfs_req *req);
struct fmapfs_req *fmapfs_proto_req(struct inode *inode, u32 opcode,
				    u32 body_size, u32 out_size,
				    unsigned int flags);
int fmapfs_proto_call(struct inode *inode, u32 opcode, const void *body,
		      u32 body_size, void *out, u32 out_size);
int fmapfs_proto_bad(struct super_block *sb, u32 opcode, const char *field,
		     u64 value);
int fmapfs_decode_entry(struct super_block *sb, u32 opcode,
			const struct fuse_entry_out *from, u64 version,
			struct fmapfs_entry *entry);

#endif /* FMAPFS_PROTO_H */
