/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls, and what must hold of their results. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "reply.h"

typedef void (*call_fn)(void);

/* In call_names.c: names and attributes */
extern const call_fn name_calls[];
extern const unsigned int nname_calls;

/* In call_files.c: open files, memory */
extern const call_fn file_calls[];
extern const unsigned int nfile_calls;
void close_all(void);

/* A node of the mount's. */
struct inode *any_node(void);
/* An open file, or NULL; @type: S_IFREG, S_IFDIR; 0: either. */
struct file *open_file(umode_t type);
bool is_open(const struct inode *inode);
struct dentry *any_name(void);

/* In check.c */
void check_rc(long rc);
/* @rc: bytes, of at most @size; or an error. */
void check_size(ssize_t rc, u64 size);
void check_attr(const struct fmapfs_attr *attr);
void check_entry(const struct fmapfs_entry *entry);
/* Gives back what was made, too. */
void check_made(int rc, struct fmapfs_made *made, umode_t type);
void give_back(struct fmapfs_forget *forget, u64 nodeid);

#endif /* FUZZ_CALLS_H */
