// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a pool to be looked at is: mounted here, on devices that are free, or in image
 * files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include <uuid/uuid.h>

/* For pool_resolve(): what names a pool's device is one rule for all. */
#include "../pool/guard.h"
#include "../pool/pool_i.h"
#include "source.h"
#include "tool.h"

__attribute__((format(printf, 3, 4)))
static int say(const struct pool_log *msgs, int rc, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (msgs)
		msgs->line(msgs->ctx, LOG_ERR, text);
	return rc;
}

/* ------------------------------------------------------------------------
 * From files: images, and .meta of a mount
 */

/**
 * struct files - where superblock and log are in files
 * @fds: of each; @at: where in that
 */
struct files {
	int fds[2];
	uint64_t at[2];
};

static int64_t read_file(int fd, uint64_t at, void *buf, uint64_t len)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)buf + done, len - done, at + done);
		if (n < 0 && errno == EINTR)
			continue;
		/* Bad memory, or a bad block: what is before it counts. */
		if (n < 0 && errno != EIO && errno != EHWPOISON)
			return -errno;
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

static int64_t read_files(void *ctx, bool log, uint64_t off, void *buf, uint64_t len)
{
	const struct files *files = ctx;

	return read_file(files->fds[log], files->at[log] + off, buf, len);
}

static int open_image(const char *name, uint64_t *size, const struct pool_log *msgs)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	off_t end;

	if (fd < 0 || fstat(fd, &st))
		return say(msgs, -errno, "%s: %s", name, strerror(errno));
	end = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? lseek(fd, 0, SEEK_END) : -1;
	if (end < 0) {
		close(fd);
		return say(msgs, -EINVAL, "%s is no image file", name);
	}
	*size = end;
	return fd;
}

static struct source_super *new_super(struct source *s, const char *path)
{
	struct source_super *more;

	more = reallocarray(s->supers, s->nsupers + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->supers = more;
	more += s->nsupers++;
	memset(more, 0, sizeof(*more));
	snprintf(more->path, sizeof(more->path), "%s", path);
	return more;
}

static int image_super(struct source *s, const char *name,
		       const struct pool_log *msgs)
{
	struct source_super *super;
	uint64_t size;
	int64_t n;
	int fd;

	fd = open_image(name, &size, msgs);
	if (fd < 0)
		return fd;
	super = new_super(s, name);
	if (super) {
		super->size = size;
		n = read_file(fd, 0, super->mem, sizeof(super->mem));
		super->rc = n < 0 ? n : n < (int64_t)sizeof(super->mem) ? -EIO : 0;
	}
	close(fd);
	return super ? 0 : -ENOMEM;
}

static int from_image(struct source *s, const struct source_args *args,
		      const struct pool_log *msgs)
{
	struct files files = { .at = { 0, FAMFS_LOG_OFFSET } };
	const struct source_reader reader = { read_files, &files };
	const char *const *other;
	int fd, rc;

	fd = open_image(args->name, &s->dev_size, msgs);
	if (fd < 0)
		return fd;
	if (s->dev_size < FAMFS_SUPER_SIZE + FAMFS_LOG_MIN) {
		close(fd);
		return say(msgs, -ENODATA, "%s has %llu bytes only: there is no pool in it",
			   args->name, (unsigned long long)s->dev_size);
	}
	snprintf(s->path, sizeof(s->path), "%s", args->name);
	files.fds[0] = files.fds[1] = fd;
	rc = source_load(s, &reader, args->behind);
	close(fd);
	if (rc)
		return say(msgs, rc, "%s: %s", args->name, strerror(-rc));
	for (other = args->others; other && *other && !rc; other++)
		rc = image_super(s, *other, msgs);
	return rc;
}

/* ------------------------------------------------------------------------
 * From devices that no mount uses
 */

/**
 * struct windows - into a device
 * @reach: the device is its number 0
 */
struct windows {
	struct pool_reach *reach;
};

/* Windows are of some MiB, each for a short while. */
static int64_t read_window(void *ctx, bool log, uint64_t off, void *buf, uint64_t len)
{
	uint64_t page = sysconf(_SC_PAGESIZE), good, from, to;
	struct windows *w = ctx;
	struct pool_window window;
	const char *mem;
	int rc;

	off += log ? FAMFS_LOG_OFFSET : 0;
	from = off / page * page;
	to = (off + len + page - 1) / page * page;
	rc = pool_window_range(w->reach, 0, from, to - from, &window);
	if (rc)
		return rc;
	mem = (const char *)window.mem + (off - from);
	/* What this CPU has cached may be older than what another host wrote. */
	guard_copy(buf, mem, len, &good);
	if (good == len) {
		media_invalidate(mem, len);
		guard_copy(buf, mem, len, &good);
	}
	pool_window_close(w->reach, &window);
	return good;
}

static int device_super(struct source *s, const struct dev_info *dev)
{
	struct source_super *super = new_super(s, dev->path);
	struct windows w = { 0 };
	int64_t n;

	if (!super)
		return -ENOMEM;
	super->size = dev->size;
	super->rc = pool_reach_open(&w.reach, 0, NULL);
	if (super->rc)
		return 0;
	super->rc = pool_reach_add(w.reach, 0, dev);
	if (!super->rc) {
		n = read_window(&w, false, 0, super->mem, sizeof(super->mem));
		super->rc = n < 0 ? n : n < (int64_t)sizeof(super->mem) ? -EIO : 0;
	}
	pool_reach_close(w.reach);
	return 0;
}

/* Those that were named, then all that there are. */
static int other_devices(struct source *s, const struct source_args *args,
			 const struct pool_log *msgs)
{
	const char *const *other;
	struct pool_found *found;
	unsigned int count, i;
	struct dev_info dev;
	int rc = 0;

	for (other = args->others; other && *other && !rc; other++)
		if (!pool_resolve(*other, 0, msgs, &dev))
			rc = device_super(s, &dev);
	if (rc || !s->fs || !media_fs_device(s->fs, 1))
		return rc;
	/* What was named may be enough; what is not found is told as missing. */
	rc = pool_scan(&found, &count, NULL);
	if (rc) {
		say(msgs, rc, "the DAX devices of this host cannot be listed: %s; other "
		    "devices of the pool can be named with --device", strerror(-rc));
		return 0;
	}
	for (i = 0; i < count && !rc; i++)
		if (strcmp(found[i].dev.path, s->path))
			rc = device_super(s, &found[i].dev);
	free(found);
	return rc;
}

static int from_device(struct source *s, const struct source_args *args,
		       const struct pool_log *msgs)
{
	struct windows w = { 0 };
	const struct source_reader reader = { read_window, &w };
	struct dev_info dev;
	int rc;

	rc = pool_resolve(args->name, 0, msgs, &dev);
	if (rc)
		return rc;
	snprintf(s->path, sizeof(s->path), "%s", dev.path);
	s->dev_size = dev.size;
	rc = pool_reach_open(&w.reach, 0, msgs);
	if (rc)
		return rc;
	rc = pool_reach_add(w.reach, 0, &dev);
	if (!rc)
		rc = source_load(s, &reader, args->behind);
	pool_reach_close(w.reach);
	if (rc == -EEXIST)
		return say(msgs, rc, "%s is in use, but not mounted where this can see "
			   "it: in another mount namespace (a container) perhaps",
			   dev.path);
	if (rc)
		return say(msgs, rc, "%s: %s", dev.path, strerror(-rc));
	return other_devices(s, args, msgs);
}

/* ------------------------------------------------------------------------
 * From a mount
 */

static int meta_open(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/.meta/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* "0 pmem0 1073741824 rw", a line each. Return: bytes of device 0; 0: not known. */
static uint64_t read_devices(struct source_device *devices, uint64_t dev)
{
	char line[512], path[128], name[256];
	unsigned long long size;
	uint64_t first = 0;
	unsigned int index;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/fs/fmapfs/%u/devices", minor(dev));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %250s %llu", &index, name, &size) != 3 ||
		    index >= MEDIA_DEVICES_MAX)
			continue;
		snprintf(devices[index].path, sizeof(devices[index].path), "%s%.250s",
			 *name == '/' ? "" : "/dev/", name);
		if (!index)
			first = size;
	}
	if (file)
		fclose(file);
	return first;
}

void source_kernel_devices(struct source_device devices[MEDIA_DEVICES_MAX],
			   uint64_t dev)
{
	read_devices(devices, dev);
}

static void kernel_devices(struct source *s, uint64_t dev)
{
	s->dev_size = read_devices(s->devices, dev);
	memcpy(s->path, s->devices[0].path, sizeof(s->path));
}

/* Superblocks of other devices are no file's, so windows show them. */
static int mounted_supers(struct source *s)
{
	struct dev_info dev;
	unsigned int i;
	int rc = 0;

	for (i = 1; i < MEDIA_DEVICES_MAX && !rc; i++)
		if (s->devices[i].path[0] &&
		    !pool_resolve(s->devices[i].path, 0, NULL, &dev))
			rc = device_super(s, &dev);
	return rc;
}

static int from_mount(struct source *s, const struct tool_mount *mount,
		      const struct source_args *args, const struct pool_log *msgs)
{
	struct files files = { .at = { 0, 0 } };
	const struct source_reader reader = { read_files, &files };
	int rc;

	if (tool_life(mount->dir) != TOOL_ALIVE)
		return say(msgs, -ENOTCONN, "%s: its server is dead or does not answer; "
			   "see \"fmapfs status\", then unmount it and mount it again",
			   mount->dir);
	files.fds[0] = meta_open(mount->dir, ".superblock");
	if (files.fds[0] < 0)
		return say(msgs, files.fds[0], "%s is no pool (no .meta/.superblock): %s",
			   mount->dir, strerror(-files.fds[0]));
	files.fds[1] = meta_open(mount->dir, ".log");
	rc = files.fds[1] < 0 ? files.fds[1] : 0;
	s->dir = strdup(mount->dir);
	if (!rc && !s->dir)
		rc = -ENOMEM;
	if (!rc) {
		kernel_devices(s, mount->dev);
		rc = source_load(s, &reader, args->behind);
	}
	close(files.fds[0]);
	if (files.fds[1] >= 0)
		close(files.fds[1]);
	if (rc)
		return say(msgs, rc, "%s/.meta: %s", mount->dir, strerror(-rc));
	return args->behind ? mounted_supers(s) : 0;
}

/* Has this mount what it takes, and the whole tree? Not so a bind mount of a part. */
static bool has_meta(const struct tool_mount *mount)
{
	int fd;

	if (tool_life(mount->dir) != TOOL_ALIVE)
		return true;	/* which will be told */
	fd = meta_open(mount->dir, ".superblock");
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strncmp(path, dir, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* A mount that @path is in. Of a dead server no file can be looked at, but names. */
static const struct tool_mount *mount_of_path(const char *path,
					      const struct tool_mount *mounts,
					      size_t count)
{
	const struct tool_mount *best = NULL;
	uint64_t dev = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < count; i++)
		if (below(path, mounts[i].dir) &&
		    (!best || strlen(mounts[i].dir) >= strlen(best->dir)))
			best = &mounts[i];
	if (best)
		dev = best->dev;
	if (!best || (tool_life(best->dir) == TOOL_ALIVE &&
		      (stat(path, &st) || st.st_dev != dev)))
		return NULL;	/* something else is mounted on it */
	for (i = 0; i < count && !has_meta(best); i++)
		if (mounts[i].dev == dev && has_meta(&mounts[i]))
			best = &mounts[i];
	return best;
}

static bool has_uuid(const struct tool_mount *mount, const uuid_t uuid)
{
	struct famfs_super raw = { 0 };
	int fd = -1;

	if (tool_life(mount->dir) == TOOL_ALIVE)
		fd = meta_open(mount->dir, ".superblock");
	if (fd < 0)
		return false;
	read_file(fd, 0, &raw, sizeof(raw));
	close(fd);
	return raw.magic == FAMFS_SUPER_MAGIC &&
	       !memcmp(raw.fs_uuid, uuid, sizeof(raw.fs_uuid));
}

static bool has_device(const struct tool_mount *mount, const char *path)
{
	struct source s = { 0 };
	char real[PATH_MAX];

	kernel_devices(&s, mount->dev);
	if (s.path[0] && realpath(s.path, real) && !strcmp(real, path))
		return true;
	return *mount->source == '/' && realpath(mount->source, real) &&
	       !strcmp(real, path);
}

/* A mount of the pool that goes by this name. */
static const struct tool_mount *mount_of_name(const char *name, const char *path,
					      const struct tool_mount *mounts,
					      size_t count)
{
	bool is_uuid;
	uuid_t uuid;
	size_t i;

	is_uuid = !uuid_parse(name, uuid);
	for (i = 0; i < count; i++)
		if (!strcmp(mounts[i].source, name) ||
		    (is_uuid ? has_uuid(&mounts[i], uuid) :
			       has_device(&mounts[i], path)))
			return &mounts[i];
	return NULL;
}

/* Absolute; of a file in a mount without a server also, which has only a name. */
static void absolute(const char *name, char path[PATH_MAX])
{
	char dev[PATH_MAX], cwd[PATH_MAX] = "";

	if (realpath(name, path))
		return;
	snprintf(dev, sizeof(dev), "/dev/%s", name);
	if (!strchr(name, '/') && realpath(dev, path))
		return;
	if (*name != '/' && !getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	if (snprintf(path, PATH_MAX, "%s%s%s", cwd, *name == '/' ? "" : "/", name) >=
	    PATH_MAX)
		path[0] = '\0';
}

static int where_in_mount(struct source *s, const char *path)
{
	const char *rest = below(path, s->dir);
	struct stat st;

	s->inside = strdup(rest ? rest : "");
	if (!stat(path, &st))
		s->ino = st.st_ino;
	return s->inside ? 0 : -ENOMEM;
}

static int find(struct source *s, const struct source_args *args,
		const struct tool_mount *mounts, size_t count,
		const struct pool_log *msgs)
{
	const struct tool_mount *mount;
	char path[PATH_MAX];
	struct stat st;
	int rc;

	absolute(args->name, path);
	mount = mount_of_path(path, mounts, count);
	if (mount) {
		rc = from_mount(s, mount, args, msgs);
		return rc ? rc : where_in_mount(s, path);
	}
	mount = mount_of_name(args->name, path, mounts, count);
	if (mount)
		return from_mount(s, mount, args, msgs);
	if (!stat(args->name, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return say(msgs, -EINVAL, "%s is neither in a mounted pool nor a device"
			   "%s", args->name, S_ISREG(st.st_mode) ?
			   "; of an image file, say --image" : "");
	return from_device(s, args, msgs);
}

/* Which of those that were found is which, by the uuid that the log has. */
static void name_devices(struct source *s)
{
	const struct media_device *dev;
	struct famfs_super raw;
	unsigned int i, k;

	snprintf(s->devices[0].path, sizeof(s->devices[0].path), "%s", s->path);
	for (i = 1; i < MEDIA_DEVICES_MAX && !s->dir; i++) {
		dev = media_fs_device(s->fs, i);
		s->devices[i].missing = dev && dev->present;
		for (k = 0; k < s->nsupers && s->devices[i].missing; k++) {
			memcpy(&raw, s->supers[k].mem, sizeof(raw));
			if (s->supers[k].rc ||
			    memcmp(raw.dev_uuid, dev->uuid, sizeof(dev->uuid)))
				continue;
			memcpy(s->devices[i].path, s->supers[k].path,
			       sizeof(s->devices[i].path));
			s->devices[i].missing = false;
		}
	}
}

int source_open(struct source *s, const struct source_args *args,
		const struct pool_log *msgs)
{
	struct tool_mount *mounts;
	size_t count;
	int rc;

	memset(s, 0, sizeof(*s));
	s->ino = MEDIA_INO_ROOT;
	if (args->image) {
		rc = from_image(s, args, msgs);
	} else {
		rc = tool_mounts(&mounts, &count);
		if (rc)
			return say(msgs, rc, "mounts: %s", strerror(-rc));
		rc = find(s, args, mounts, count, msgs);
		tool_mounts_free(mounts, count);
	}
	if (!rc && s->fs)
		name_devices(s);
	if (!rc && !s->inside) {
		s->inside = strdup("");
		rc = s->inside ? 0 : -ENOMEM;
	}
	return rc;
}
