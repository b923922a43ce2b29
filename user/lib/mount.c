// SPDX-License-Identifier: GPL-2.0-only
/* The flags of a mount, and the device. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "mount.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW	256
#endif

static const struct {
	const char *option;
	unsigned long flag;
	bool on;
} mount_flags[] = {
	{ "ro", MS_RDONLY, true },
	{ "rw", MS_RDONLY, false },
	{ "nosuid", MS_NOSUID, true },
	{ "suid", MS_NOSUID, false },
	{ "nodev", MS_NODEV, true },
	{ "dev", MS_NODEV, false },
	{ "noexec", MS_NOEXEC, true },
	{ "exec", MS_NOEXEC, false },
	{ "sync", MS_SYNCHRONOUS, true },
	{ "async", MS_SYNCHRONOUS, false },
	{ "dirsync", MS_DIRSYNC, true },
	{ "noatime", MS_NOATIME, true },
	{ "atime", MS_NOATIME, false },
	{ "relatime", MS_RELATIME, true },
	{ "norelatime", MS_RELATIME, false },
	{ "strictatime", MS_STRICTATIME, true },
	{ "nodiratime", MS_NODIRATIME, true },
	{ "diratime", MS_NODIRATIME, false },
	{ "nosymfollow", MS_NOSYMFOLLOW, true },
	{ "symfollow", MS_NOSYMFOLLOW, false },
};

bool fmapfs_mount_flag(unsigned long *flags, const char *option)
{
	size_t i;

	for (i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		if (strcmp(option, mount_flags[i].option))
			continue;
		if (mount_flags[i].on)
			*flags |= mount_flags[i].flag;
		else
			*flags &= ~mount_flags[i].flag;
		return true;
	}
	return false;
}

int fmapfs_device_open(void)
{
	int fd = open(FMAPFS_DEV, O_RDWR | O_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;

	if (fd >= 0 && fd <= STDERR_FILENO) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		rc = high < 0 ? -errno : 0;
		close(fd);
		fd = high;
	}
	return rc ? rc : fd;
}

bool fmapfs_device_is_missing(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO;
}
