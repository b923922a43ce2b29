/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server: a layout behind libfuse's low-level operations.
 *
 * Each handler answers its request exactly once. What a request says is taken
 * for what it is: the layout refuses node ids that it does not have, names come
 * from outside, and sizes are bounded before memory is asked for.
 */
#ifndef FMAPFSD_SERVER_H
#define FMAPFSD_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include <fusefmap.h>

#include "layout.h"
#include "rawio.h"
#include "store.h"

/**
 * struct server - what the handlers work with
 * @ops: the kind of layout
 * @layout: the layout
 * @session: the session, once it is made
 * @raw: with @no_fmap, if the layout does not read by itself: the devices, open;
 *	else NULL
 * @store: what is kept for a successor
 * @no_fmap: serve files by READ and WRITE, without fmaps
 * @timeout: for how many seconds the kernel may believe names and attributes
 * @failed: the session ends because of an error
 * @released: how many files were closed by their last users
 *
 * Immutable while the session runs, but for @failed and @released.
 */
struct server {
	const struct layout_ops *ops;
	struct layout *layout;
	struct fuse_fmap_session *session;
	struct rawio *raw;
	struct store *store;
	bool no_fmap;
	double timeout;
	atomic_bool failed;
	atomic_uint released;
};

/* The largest READ, WRITE or READDIR that is answered, in bytes. */
#define SERVER_IO_MAX	(16U << 20)

static inline struct server *server_of(fuse_req_t req)
{
	return fuse_fmap_req_userdata(req);
}

/* In server_ops.c: the tables, for fuse_fmap_session_new() */
extern const struct fuse_lowlevel_ops server_ops;
extern const struct fuse_fmap_ops server_fmap_ops;

/* In server_names.c */
void server_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void server_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void server_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		    int to_set, struct fuse_file_info *fi);
void server_access(fuse_req_t req, fuse_ino_t ino, int mask);
void server_statfs(fuse_req_t req, fuse_ino_t ino);
void server_fill_entry(const struct server *srv, const struct stat *st,
		       struct fuse_entry_param *e);

/* In server_xattr.c */
void server_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		     size_t size);
void server_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void server_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		     const char *value, size_t size, int flags);

/* In server_make.c */
void server_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode);
void server_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		   mode_t mode, struct fuse_file_info *fi);
void server_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, dev_t rdev);
void server_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		    const char *name);
void server_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
		 const char *newname);
void server_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void server_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void server_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		   fuse_ino_t newparent, const char *newname,
		   unsigned int flags);
void server_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void server_forget_multi(fuse_req_t req, size_t count,
			 struct fuse_forget_data *forgets);

/* In server_dir.c */
void server_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void server_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void server_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi);

/* In server_data.c */
void server_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void server_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi);
void server_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		  off_t off, struct fuse_file_info *fi);
void server_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		  struct fuse_file_info *fi);
void server_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void server_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void server_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		      off_t len, struct fuse_file_info *fi);
void server_get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size);
void server_get_daxdev(fuse_req_t req, int index);

#endif /* FMAPFSD_SERVER_H */
