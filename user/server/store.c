// SPDX-License-Identifier: GPL-2.0-only
/* What outlives the server. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "log.h"
#include "store.h"

#define STORE_NAME	"fmapfs"
#define SAVED_MAGIC	0x3253465041564153ULL	/* "SAVAPFS2" */

static bool is_device(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode);
}

/* An unmounted device has nothing to say but that. */
static bool is_over(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLERR | POLLHUP);
}

static bool read_saved(int fd, struct saved *saved)
{
	return pread(fd, saved, sizeof(*saved), 0) == sizeof(*saved) &&
	       saved->magic == SAVED_MAGIC &&
	       saved->ndevices <= FUSE_FAMFS_MAX_DAXDEVS &&
	       saved->init_size <= sizeof(saved->init) &&
	       memchr(saved->mountpoint, 0, sizeof(saved->mountpoint));
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Takes @fd, or closes it. */
static void take_fd(struct store *s, int fd)
{
	int *place = is_device(fd) ? &s->dev : &s->state;

	if (place == &s->dev && is_over(fd)) {
		close(fd);
		return;
	}
	drop(place);
	*place = fd;
}

static void free_names(char **names, int count)
{
	while (count-- > 0)
		free(names[count]);
	free(names);
}

void store_open(struct store *s, bool keep)
{
	char **names = NULL;
	int i, n;

	*s = (struct store) { .keep = keep, .dev = -1, .state = -1 };
	n = sd_listen_fds_with_names(1, &names);
	for (i = 0; i < n; i++)
		if (!strcmp(names[i], STORE_NAME))
			take_fd(s, SD_LISTEN_FDS_START + i);
	free_names(names, n);
	if (s->dev >= 0 && s->state >= 0 && read_saved(s->state, &s->saved)) {
		s->keep = true;
		return;
	}
	if (s->dev >= 0)
		log_line(LOG_ERR, "a device was handed over without its state: it is given up");
	if (s->dev >= 0 || s->state >= 0)
		store_forget(s);
	drop(&s->dev);
	drop(&s->state);
}

void store_close(struct store *s)
{
	drop(&s->dev);
	drop(&s->state);
}

/* 0: that cannot be told. Asks no server. */
static uint64_t dev_at(const char *mountpoint)
{
	struct statx stx;

	if (statx(AT_FDCWD, mountpoint,
		  AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW, 0,
		  &stx))
		return 0;
	return makedev(stx.stx_dev_major, stx.stx_dev_minor);
}

bool store_is_mounted(const struct store *s)
{
	return s->saved.mount_dev &&
	       dev_at(s->saved.mountpoint) == s->saved.mount_dev;
}

/* Where the kernel and the layout must not mean different things. */
static bool same_devices(const struct saved *saved,
			 const struct layout_ops *ops, struct layout *layout)
{
	const struct dev_info *dev;
	unsigned int i;

	for (i = 0; i < saved->ndevices; i++)
		if (saved->devices[i].path[0] && !ops->device(layout, i, &dev) &&
		    (dev->id != saved->devices[i].id ||
		     strcmp(dev->path, saved->devices[i].path)))
			return false;
	return true;
}

const char *store_refusal(const struct store *s, const struct layout_ops *ops,
			  struct layout *layout, const char *mountpoint,
			  bool plain_fuse)
{
	if (strcmp(s->saved.mountpoint, mountpoint))
		return "it is mounted elsewhere";
	if (s->saved.plain_fuse != plain_fuse)
		return "--plain-fuse was given to one of the two only";
	if (!same_devices(&s->saved, ops, layout))
		return "the layout's devices are others, or in another order";
	return NULL;
}

/* Those of a predecessor are kept even if the layout has less by now. */
static void save_devices(struct saved *saved, const struct layout_ops *ops,
			 struct layout *layout)
{
	const struct dev_info *dev;
	unsigned int i;

	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS; i++) {
		if (ops->device(layout, i, &dev))
			continue;
		saved->devices[i].id = dev->id;
		memcpy(saved->devices[i].path, dev->path, DEV_PATH_MAX);
		if (i >= saved->ndevices)
			saved->ndevices = i + 1;
	}
}

static int write_part(const struct store *s, size_t off, size_t size)
{
	ssize_t n = pwrite(s->state, (const char *)&s->saved + off, size, off);

	return n < 0 ? -errno : n < (ssize_t)size ? -EIO : 0;
}

/* Who is killed may have written some pages only; what counts is in the first. */
static int write_saved(const struct store *s)
{
	const size_t rest = offsetof(struct saved, devices);
	int rc = write_part(s, rest, sizeof(s->saved) - rest);

	return rc ? rc : write_part(s, 0, rest);
}

/* Return: is there a service manager that has taken them? */
static bool give_to_manager(const struct store *s, int dev)
{
	const int fds[2] = { dev, s->state };
	int rc = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORE_NAME,
					fds, 2);

	if (rc < 0)
		log_line(LOG_ERR, "the service manager cannot be told to keep the device: %s",
			 strerror(-rc));
	else if (!rc)
		log_line(LOG_WARNING, "--takeover: no service manager is there to keep the device (NOTIFY_SOCKET is not set)");
	return rc > 0;
}

void store_begin(struct store *s, const struct layout_ops *ops,
		 struct layout *layout, const char *mountpoint, bool plain_fuse,
		 int dev)
{
	bool is_new = s->state < 0;
	int rc;

	if (!s->keep)
		return;
	if (is_new) {
		memset(&s->saved, 0, sizeof(s->saved));
		s->saved.magic = SAVED_MAGIC;
		s->saved.plain_fuse = plain_fuse;
		strncpy(s->saved.mountpoint, mountpoint,
			sizeof(s->saved.mountpoint) - 1);
		s->saved.mount_dev = dev_at(mountpoint);
		s->saved.digest = ops->digest(layout);
		s->state = memfd_create("fmapfsd", MFD_CLOEXEC);
	} else if (s->saved.digest != ops->digest(layout)) {
		s->saved.digest = 0;
	}
	save_devices(&s->saved, ops, layout);
	rc = s->state < 0 ? -errno : write_saved(s);
	if (!rc && (!is_new || give_to_manager(s, dev)))
		return;
	if (rc)
		log_line(LOG_ERR, "nothing can be kept for a successor: %s",
			 strerror(-rc));
	s->keep = false;
	drop(&s->state);
}

void store_refreshed(struct store *s, const struct layout_ops *ops,
		     struct layout *layout)
{
	int rc;

	if (!s->keep)
		return;
	s->saved.digest = ops->digest(layout);
	rc = write_part(s, offsetof(struct saved, digest),
			sizeof(s->saved.digest));
	if (rc)
		log_line(LOG_WARNING, "a successor will refresh all once more: %s",
			 strerror(-rc));
}

/* The size goes last: with it, the state is complete. */
void store_init(struct store *s, const void *state, size_t size)
{
	int rc;

	if (!s->keep || size > sizeof(s->saved.init))
		return;
	memcpy(s->saved.init, state, size);
	s->saved.init_size = size;
	rc = write_part(s, offsetof(struct saved, init), size);
	if (!rc)
		rc = write_part(s, offsetof(struct saved, init_size),
				sizeof(s->saved.init_size));
	if (rc)
		log_line(LOG_ERR, "the state cannot be kept for a successor: %s",
			 strerror(-rc));
}

void store_forget(struct store *s)
{
	if (s->state >= 0 || s->dev >= 0)
		sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORE_NAME);
}

void store_tell(const char *what)
{
	sd_notify(0, what);
}
