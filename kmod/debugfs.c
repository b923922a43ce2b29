// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/fmapfs: one directory a mount, named as in sysfs.
 *
 * requests: what the server has not answered yet, a line each: its number, opcode,
 * name, node id, the caller's pid as the server sees it, age in milliseconds, and
 * where it is: waiting until others of its kind are over (background), or to be
 * read (queued), or read (sent); and, if so, that the caller has seen a signal
 * (interrupted), or has left (abandoned).
 */
#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/seq_file.h>
#include "fmapfs_i.h"

static struct dentry *fmapfs_debugfs;

static const char * const opcode_names[] = {
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_GETLK] = "GETLK",
	[FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_BMAP] = "BMAP",
	[FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL",
	[FUSE_POLL] = "POLL",
	[FUSE_NOTIFY_REPLY] = "NOTIFY_REPLY",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_SYNCFS] = "SYNCFS",
	[FUSE_TMPFILE] = "TMPFILE",
	[FUSE_STATX] = "STATX",
	[FUSE_COPY_FILE_RANGE_64] = "COPY_FILE_RANGE_64",
	[FUSE_GET_FMAP] = "GET_FMAP",
	[FUSE_GET_DAXDEV] = "GET_DAXDEV",
};

static const char *name_of(u32 opcode)
{
	if (opcode >= ARRAY_SIZE(opcode_names) || !opcode_names[opcode])
		return "?";
	return opcode_names[opcode];
}

/* Called with the connection locked. */
static void show_request(const struct fmapfs_req *req, const char *where,
			 void *m)
{
	const struct fuse_in_header *in = req->in;

	seq_printf(m, "%llu %u %s node %llu pid %u age %u %s%s%s\n", in->unique,
		   in->opcode, name_of(in->opcode), in->nodeid, in->pid,
		   jiffies_to_msecs(jiffies - req->created), where,
		   req->interrupted ? " interrupted" : "",
		   req->abandoned ? " abandoned" : "");
}

static int requests_show(struct seq_file *m, void *unused)
{
	fmapfs_conn_for_each(m->private, show_request, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(requests);

/**
 * fmapfs_debugfs_add - show what goes on in a mount
 * @sb: the mount
 *
 * That it cannot be shown is no reason for anything to fail.
 */
void fmapfs_debugfs_add(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	char name[16];

	snprintf(name, sizeof(name), "%u", MINOR(sb->s_dev));
	fs->debugfs = debugfs_create_dir(name, fmapfs_debugfs);
	debugfs_create_file("requests", 0400, fs->debugfs, fs->conn,
			    &requests_fops);
}

/* No longer; waits until nobody is looking. */
void fmapfs_debugfs_del(struct super_block *sb)
{
	debugfs_remove(fmapfs_sb(sb)->debugfs);
}

void fmapfs_debugfs_init(void)
{
	fmapfs_debugfs = debugfs_create_dir("fmapfs", NULL);
}

void fmapfs_debugfs_exit(void)
{
	debugfs_remove(fmapfs_debugfs);
}
