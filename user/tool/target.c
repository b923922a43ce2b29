// SPDX-License-Identifier: GPL-2.0-only
/* Devices that are to be written over. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>
#include <uuid/uuid.h>

#include "../pool/guard.h"
#include "target.h"
#include "users.h"

/* So much of a DAX character device is looked at: all superblocks but few lie there. */
#define LOOK_AT		(16ULL << 20)	/* bytes */
#define BUSY_TRIES	50
#define BUSY_PAUSE	20000		/* us */

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* Lines of @why after @name; the caller's message came first. */
static bool say_why(const char *name, const char *why)
{
	tool_error("%s: %s", name, why);
	return false;
}

bool tool_resolve(const char *name, bool image, struct dev_info *dev)
{
	struct dev_spec spec = { DEV_BY_PATH, NULL };
	char *path = NULL;
	uuid_t uuid;
	int rc;

	if (strchr(name, '/') || exists(name)) {
		path = realpath(name, NULL);
	} else if (!strncmp(name, "dax", 3)) {
		spec.by = DEV_BY_DAXDEV;
	} else if (!uuid_parse(name, uuid)) {
		spec.by = DEV_BY_NAMESPACE;
	} else {
		path = tool_text("/dev/%s", name);
		if (!exists(path)) {
			free(path);
			path = NULL;
		}
	}
	if (spec.by == DEV_BY_PATH && !path)
		return say_why(name, "there is no such device; 'fmapfs devices' shows which there are");
	spec.value = path ? path : name;
	rc = dev_resolve(&spec, image ? DEV_ALLOW_PLAIN : 0, dev);
	free(path);
	if (!rc)
		return true;
	say_why(name, dev->why[0] ? dev->why : strerror(-rc));
	if (rc == -EBUSY)
		fprintf(stderr, "  or: fmapfs bind %s\n", dev->path);
	if (rc == -EOPNOTSUPP)
		fprintf(stderr, "An image file, or a device without DAX, takes --image.\n");
	return false;
}

static bool overlap(const struct dev_info *a, const struct dev_info *b)
{
	return a->id == b->id && a->start < b->start + b->size &&
	       b->start < a->start + a->size;
}

/* Under whatever name: links, /dev/disk/..., a partition and its disk. */
static bool is_new(const struct target *targets, unsigned int n,
		   const struct dev_info *others, unsigned int nothers)
{
	const struct target *last = &targets[n];
	unsigned int i;

	for (i = 0; i < n; i++)
		if (overlap(&targets[i].dev, &last->dev)) {
			tool_error("%s and %s are the same memory, or share some (%s, %s); each device goes in once",
				   targets[i].name, last->name,
				   targets[i].dev.path, last->dev.path);
			return false;
		}
	for (i = 0; i < nothers; i++)
		if (others[i].size && overlap(&others[i], &last->dev)) {
			tool_error("%s is device %u of the pool already, or shares memory with it (%s)",
				   last->name, i, others[i].path);
			return false;
		}
	return true;
}

bool targets_resolve(struct target *targets, char **names, unsigned int n,
		     bool image, const struct dev_info *others,
		     unsigned int nothers)
{
	unsigned int i;

	memset(targets, 0, n * sizeof(*targets));
	for (i = 0; i < n; i++) {
		targets[i].name = names[i];
		if (!tool_resolve(names[i], image, &targets[i].dev) ||
		    !is_new(targets, i, others, nothers))
			return false;
	}
	return true;
}

void targets_free(struct target *targets, unsigned int n)
{
	while (n--)
		free(targets[n].found);
}

/* ------------------------------------------------------------------------
 * Is it in use, and what is on it?
 */

static bool refuse_used(const struct target *target, const char *user)
{
	tool_error("%s is in use: %s. It is not written over, with --force neither: unmount it first, here and on all other hosts",
		   target->name, user);
	return false;
}

/*
 * A block device: nobody else has it now, mounts, swap and our module included. Who has
 * just ended may have it for a moment yet. Return: fd or -1 and errno.
 */
static int open_exclusively(const char *path)
{
	int tries = BUSY_TRIES, fd;

	do
		fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	while (fd < 0 && errno == EBUSY && --tries && !usleep(BUSY_PAUSE));
	return fd;
}

/*
 * An image: no master of a pool, and no layout, has it. A moment later the reach locks
 * it for good; asked here it is refused together with all else that is wrong.
 */
static int open_alone(const char *path)
{
	int tries = BUSY_TRIES, fd = open(path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return fd;
	do
		rc = flock(fd, LOCK_EX | LOCK_NB);
	while (rc && errno == EWOULDBLOCK && --tries && !usleep(BUSY_PAUSE));
	if (!rc || errno != EWOULDBLOCK)
		return fd;
	close(fd);
	errno = EBUSY;
	return -1;
}

/* Block devices and images. */
static bool look_at_fd(struct target *target)
{
	uint8_t super[sizeof(struct famfs_super)];
	struct stat st;
	ssize_t n;
	int fd;

	fd = stat(target->dev.path, &st) ? -1 :
	     S_ISBLK(st.st_mode) ? open_exclusively(target->dev.path) :
	     open_alone(target->dev.path);
	if (fd < 0 && errno == EBUSY)
		return refuse_used(target, S_ISBLK(st.st_mode) ?
				   "the kernel, a mount, swap or another device has it or a partition of it" :
				   "another program has it locked, fmapfsd or fmapfs");
	if (fd < 0)
		return say_why(target->name, strerror(errno));
	/* What was cached may be older than what lies there: DAX goes past the cache. */
	if (S_ISBLK(st.st_mode))
		ioctl(fd, BLKFLSBUF, 0);
	n = pread(fd, super, sizeof(super), 0);
	if (n >= 0)
		target->found = signature_find(fd, super, n);
	else
		say_why(target->name, strerror(errno));
	close(fd);
	return n >= 0;
}

/* Of what cannot be read nobody knows what it is: that is no reason to go on. */
static bool look_at_memory(struct target *target,
			   const struct pool_window *window)
{
	int fd = memfd_create("probe", MFD_CLOEXEC), rc = -ENOMEM;
	uint64_t good = 0;
	void *copy = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, window->len))
		copy = mmap(NULL, window->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (copy != MAP_FAILED) {
		rc = guard_copy(copy, window->mem, window->len, &good);
		if (!rc)
			target->found = signature_find(fd, copy, window->len);
		munmap(copy, window->len);
	}
	if (fd >= 0)
		close(fd);
	if (rc == -EIO)
		tool_error("%s: bad memory at byte %llu: what lies there cannot be told",
			   target->name, (unsigned long long)good);
	return !rc || (rc != -EIO &&
		       say_why(target->name, "no memory for a copy of what lies there"));
}

/*
 * What is mapped here, no mounted file of this host has; so this shows also whether a
 * mounted pool has its superblock there.
 */
static bool look_by_window(struct target *target, struct pool_reach *reach,
			   unsigned int index)
{
	const struct dev_info *dev = &target->dev;
	bool is_char = dev->kind == DEV_DEVDAX, good = true;
	uint64_t len = is_char ? LOOK_AT : FAMFS_SUPER_SIZE;
	struct pool_window window;
	int rc;

	if (len > dev->size)
		len = dev->size & ~(FAMFS_SUPER_SIZE - 1);
	rc = len ? pool_window_range(reach, index, 0, len, &window) : -ERANGE;
	if (rc == -EEXIST)
		return refuse_used(target, "a mounted pool or layout has files there");
	if (rc)
		return say_why(target->name, rc == -ERANGE ?
			       "is smaller than 2 MiB" : strerror(-rc));
	if (is_char)
		good = look_at_memory(target, &window);
	pool_window_close(reach, &window);
	return good;
}

static bool look(struct target *target)
{
	char *user = device_user(&target->dev);

	if (!user)
		return target->dev.kind == DEV_DEVDAX || look_at_fd(target);
	refuse_used(target, user);
	free(user);
	return false;
}

bool targets_look(struct target *targets, unsigned int n)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < n; i++)
		good &= look(&targets[i]);
	return good;
}

static bool check(struct target *target, struct pool_reach *reach,
		  unsigned int index, bool force)
{
	if (!look_by_window(target, reach, index))
		return false;
	if (!target->found)
		return true;
	if (force) {
		tool_warn("%s holds %s: written over, as --force says",
			  target->name, target->found);
		return true;
	}
	tool_error("%s holds %s. If that may be lost: --force", target->name,
		   target->found);
	return false;
}

bool targets_check(struct target *targets, unsigned int n,
		   struct pool_reach *reach, unsigned int first, bool force)
{
	bool good = true;
	unsigned int i;

	/* All of them, so that all is told that is wrong. */
	for (i = 0; i < n; i++)
		good &= check(&targets[i], reach, first + i, force);
	return good;
}

void target_describe(const struct target *target, struct media_mkfs_dev *to)
{
	const struct dev_info *dev = &target->dev;
	bool fits = strlen(dev->path) < sizeof(to->name);

	to->size = dev->size;
	snprintf(to->name, sizeof(to->name), "%.63s", fits ? dev->path : dev->name);
	uuid_generate(to->uuid);
}

/* ------------------------------------------------------------------------
 * Wiping
 */

static bool is_primary(const void *super)
{
	struct media_super sb;

	return !media_super_read(super, FAMFS_SUPER_SIZE, 0, &sb, NULL) &&
	       !(sb.flags & FAMFS_SUPER_SECONDARY);
}

/* Backups at the device's end and the like; by the block device, so it is flushed. */
static bool wipe_by_fd(const struct target *target)
{
	int fd = open(target->dev.path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return say_why(target->name, strerror(errno));
	ioctl(fd, BLKFLSBUF, 0);
	rc = signature_wipe(fd);
	ioctl(fd, BLKFLSBUF, 0);
	close(fd);
	return !rc || say_why(target->name, strerror(-rc));
}

int targets_guard(int (*fn)(void *ctx), void *ctx, const struct target *targets,
		  unsigned int n, const struct pool_window *supers,
		  const char *other)
{
	const char *start;
	const void *fault;
	unsigned int i;
	int rc = guard_run(fn, ctx, &fault);

	if (rc != -EIO)
		return rc;
	for (i = 0; i < n; i++) {
		start = supers[i].mem;
		if ((const char *)fault >= start &&
		    (const char *)fault < start + supers[i].len)
			other = targets[i].name;
	}
	tool_error("%s: bad memory where the superblock or the log is: it ends here, and may be half done",
		   other);
	return rc;
}

struct wiping {
	const struct target *targets;
	unsigned int n;
	const struct pool_window *supers;
};

static int wipe_supers(void *ctx)
{
	const struct wiping *w = ctx;
	unsigned int i;

	for (i = 0; i < w->n; i++)
		if (w->targets[i].found && is_primary(w->supers[i].mem))
			media_wipe(w->supers[i].mem, &media_memory);
	for (i = 0; i < w->n; i++)
		if (w->targets[i].found)
			media_wipe(w->supers[i].mem, &media_memory);
	return 0;
}

bool targets_wipe(const struct target *targets, unsigned int n,
		  const struct pool_window *supers)
{
	struct wiping w = { targets, n, supers };
	unsigned int i;

	if (targets_guard(wipe_supers, &w, targets, n, supers, targets[0].name))
		return false;
	for (i = 0; i < n; i++)
		if (targets[i].found && targets[i].dev.kind != DEV_DEVDAX &&
		    !wipe_by_fd(&targets[i]))
			return false;
	return true;
}

/* Those of old are none any more. */
static void read_partitions(const char *path)
{
	int fd = open_exclusively(path);

	if (fd < 0)
		return;
	ioctl(fd, BLKRRPART, 0);
	close(fd);
}

bool target_settle(const struct target *target)
{
	int fd, rc = 0;

	if (target->dev.kind == DEV_DEVDAX)
		return true;
	fd = open(target->dev.path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		rc = errno;
	if (fd >= 0) {
		ioctl(fd, BLKFLSBUF, 0);
		close(fd);
	}
	if (rc) {
		tool_error("%s: what was written may not be there: %s", target->name,
			   strerror(rc));
		return false;
	}
	if (target->found && !target->dev.start)
		read_partitions(target->dev.path);
	return true;
}
