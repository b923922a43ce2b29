// SPDX-License-Identifier: GPL-2.0-only
/* What stat(2) and sysfs say about a device node. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe.h"

#define SECTOR	512ULL	/* the unit of size and start in sysfs, always */

/* One attribute, without its newline. */
static int read_attr(const char *dir, const char *attr, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, attr) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int read_u64(const char *dir, const char *attr, uint64_t *value)
{
	char buf[32], *end;
	int rc = read_attr(dir, attr, buf, sizeof(buf));

	if (rc)
		return rc;
	errno = 0;
	*value = strtoull(buf, &end, 0);
	return errno || end == buf ? -EINVAL : 0;
}

static int read_node(const char *dir, const char *attr)
{
	char buf[32];

	return read_attr(dir, attr, buf, sizeof(buf)) ? -1 : atoi(buf);
}

/* The last component of where the link @dir/@attr leads; empty without one. */
static void read_link_name(const char *dir, const char *attr, char *to,
			   size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	to[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%s", dir, attr) >= PATH_MAX)
		return;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(to, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
}

/* @dir: of the disk, or of a partition, which lies in that of its disk */
static int whole_disk(const char *dir, bool part, char *disk)
{
	char up[PATH_MAX];

	if (snprintf(up, sizeof(up), "%s%s", dir, part ? "/.." : "") >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return realpath(up, disk) ? 0 : -errno;
}

static int probe_disk(const char *dir, struct sys_dev *out)
{
	char disk[PATH_MAX], attr[32];
	unsigned int maj, min;
	uint64_t value;
	bool part;
	int rc;

	part = !read_attr(dir, "partition", attr, sizeof(attr));
	rc = whole_disk(dir, part, disk);
	if (!rc)
		rc = read_u64(dir, "size", &value);
	if (rc)
		return rc;
	out->size = value * SECTOR;
	if (part && !read_u64(dir, "start", &value))
		out->start = value * SECTOR;
	if (!read_u64(disk, "queue/dax", &value))
		out->dax = value;
	if (!read_attr(disk, "dev", attr, sizeof(attr)) &&
	    sscanf(attr, "%u:%u", &maj, &min) == 2)
		out->id = makedev(maj, min);
	snprintf(out->disk, sizeof(out->disk), "%.*s", DEV_NAME_MAX - 1,
		 strrchr(disk, '/') + 1);
	out->numa_node = read_node(disk, "device/numa_node");
	return 0;
}

static int probe_dax(const char *dir, struct sys_dev *out)
{
	char subsystem[DEV_NAME_MAX];

	read_link_name(dir, "subsystem", subsystem, sizeof(subsystem));
	if (strcmp(subsystem, "dax")) {
		out->type = SYS_OTHER;
		return 0;
	}
	if (read_u64(dir, "size", &out->size))
		return -ENODEV;
	read_link_name(dir, "driver", out->driver, sizeof(out->driver));
	out->numa_node = read_node(dir, "numa_node");
	return 0;
}

static int probe_node(const struct stat *st, struct sys_dev *out)
{
	char link[64], dir[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/dev/%s/%u:%u",
		 out->type == SYS_BLOCK ? "block" : "char",
		 major(st->st_rdev), minor(st->st_rdev));
	if (!realpath(link, dir))
		return -errno;
	snprintf(out->name, sizeof(out->name), "%.*s", DEV_NAME_MAX - 1,
		 strrchr(dir, '/') + 1);
	out->id = st->st_rdev;
	return out->type == SYS_BLOCK ? probe_disk(dir, out) :
					probe_dax(dir, out);
}

int sys_probe(const char *path, struct sys_dev *out)
{
	char real[PATH_MAX];
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->numa_node = -1;
	if (!realpath(path, real) || stat(real, &st))
		return -errno;
	if (strlen(real) >= sizeof(out->path))
		return -EINVAL;
	strcpy(out->path, real);
	if (S_ISBLK(st.st_mode)) {
		out->type = SYS_BLOCK;
		return probe_node(&st, out);
	}
	if (S_ISCHR(st.st_mode)) {
		out->type = SYS_DAX;
		return probe_node(&st, out);
	}
	out->type = S_ISREG(st.st_mode) ? SYS_FILE : SYS_OTHER;
	out->size = st.st_size;
	/* Bit 63 keeps it apart from the numbers of devices. */
	out->id = 1ULL << 63 | ((uint64_t)st.st_dev << 32 ^ st.st_ino);
	return 0;
}

bool sys_has_dax_driver(const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/%s", driver);
	return !access(path, F_OK);
}
