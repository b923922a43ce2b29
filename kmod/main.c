// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs: files that are memory. Loading and unloading.
 */
#include <linux/module.h>
#include "proto.h"
#include "version.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init fmapfs_init(void)
{
	int rc;

	fmapfs_proto_file_init();
	rc = fmapfs_daxdev_init();
	if (rc)
		return rc;
	rc = fmapfs_timeout_init();
	if (rc)
		goto exit_daxdev;
	rc = fmapfs_queue_init();
	if (rc)
		goto exit_timeout;
	rc = fmapfs_inode_init();
	if (rc)
		goto exit_queue;
	rc = fmapfs_sysfs_init();
	if (rc)
		goto exit_inode;
	fmapfs_debugfs_init();
	rc = fmapfs_dev_init();
	if (rc)
		goto exit_debugfs;
	rc = fmapfs_super_init();
	if (rc)
		goto exit_dev;
	return 0;

exit_dev:
	fmapfs_dev_exit();
exit_debugfs:
	fmapfs_debugfs_exit();
	fmapfs_sysfs_exit();
exit_inode:
	fmapfs_inode_exit();
exit_queue:
	fmapfs_queue_exit();
exit_timeout:
	fmapfs_timeout_exit();
exit_daxdev:
	fmapfs_daxdev_exit();
	return rc;
}

static void __exit fmapfs_exit(void)
{
	fmapfs_super_exit();
	fmapfs_dev_exit();
	fmapfs_debugfs_exit();
	fmapfs_sysfs_exit();
	fmapfs_inode_exit();
	fmapfs_queue_exit();
	fmapfs_timeout_exit();
	/* The last unmount has given back every device. */
	fmapfs_daxdev_exit();
}

module_init(fmapfs_init);
module_exit(fmapfs_exit);

MODULE_DESCRIPTION("FUSE variant whose files are DAX memory");
MODULE_AUTHOR("The fmapfs developers");
MODULE_VERSION(FMAPFS_VERSION);
MODULE_LICENSE("GPL");
