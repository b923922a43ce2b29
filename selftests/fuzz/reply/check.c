// SPDX-License-Identifier: GPL-2.0-only
/* What must hold of the results of calls. */
#include "calls.h"

void check_rc(long rc)
{
	MUST(rc <= 0 && rc > -ERESTARTSYS);
}

void check_size(ssize_t rc, u64 size)
{
	if (rc < 0)
		check_rc(rc);
	else
		MUST((u64)rc <= size);
}

static void check_time(const struct timespec64 *t)
{
	MUST(t->tv_nsec >= 0 && t->tv_nsec < NSEC_PER_SEC);
}

void check_attr(const struct fmapfs_attr *attr)
{
	MUST(S_ISREG(attr->mode) || S_ISDIR(attr->mode) || S_ISLNK(attr->mode) ||
	     S_ISCHR(attr->mode) || S_ISBLK(attr->mode) ||
	     S_ISFIFO(attr->mode) || S_ISSOCK(attr->mode));
	MUST(attr->size <= INT64_MAX);
	MUST(!attr->expires || attr->expires >= jiffies);
	check_time(&attr->atime);
	check_time(&attr->mtime);
	check_time(&attr->ctime);
	check_time(&attr->btime);
}

void check_entry(const struct fmapfs_entry *entry)
{
	MUST(!entry->expires || entry->expires >= jiffies);
	if (entry->nodeid)
		check_attr(&entry->attr);
}

void give_back(struct fmapfs_forget *forget, u64 nodeid)
{
	fmapfs_forget_send(fs.conn, forget, nodeid, 1);
}

void check_made(int rc, struct fmapfs_made *made, umode_t type)
{
	check_rc(rc);
	if (rc)
		return;
	check_entry(&made->entry);
	MUST(made->entry.nodeid > FUSE_ROOT_ID);
	MUST(!((made->entry.attr.mode ^ type) & S_IFMT));
	give_back(made->forget, made->entry.nodeid);
}
