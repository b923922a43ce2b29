// SPDX-License-Identifier: GPL-2.0-only
/* What lies on a device: libblkid knows all but famfs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "target.h"

/* More than that a device does not hold at once. */
#define FINDS_MAX	32

static blkid_probe new_probe(int fd)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_free_probe(probe);
		return NULL;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
					  BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC |
					 BLKID_PARTS_FORCE_GPT);
	return probe;
}

static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

/* Appends to @all, which may be NULL. */
static void add(char **all, char *more)
{
	char *both = tool_text("%s%s%s", *all ? *all : "", *all ? "; " : "", more);

	free(*all);
	free(more);
	*all = both;
}

static void add_find(char **all, blkid_probe probe)
{
	const char *type = value_of(probe, "TYPE"), *table, *label, *uuid;

	if (!type) {
		table = value_of(probe, "PTTYPE");
		add(all, tool_text("a partition table (%s)",
				   table ? table : "unknown"));
		return;
	}
	label = value_of(probe, "LABEL");
	uuid = value_of(probe, "UUID");
	add(all, tool_text("%s%s%s%s%s%s", type, label ? ", label \"" : "",
			   label ? label : "", label ? "\"" : "",
			   uuid ? ", uuid " : "", uuid ? uuid : ""));
}

static void add_famfs(char **all, const void *super, size_t len)
{
	struct media_super sb;
	char uuid[37];
	int rc = media_super_read(super, len, 0, &sb, NULL);

	if (rc == -ENODATA || (rc && rc != -EUCLEAN && rc != -EOPNOTSUPP))
		return;
	if (rc)
		add(all, tool_text("a famfs superblock that is %s",
				   rc == -EUCLEAN ? "damaged" :
						    "of another version"));
	else
		add(all, tool_text("a famfs pool, uuid %s, of which it is %s",
				   tool_uuid(sb.fs_uuid, uuid),
				   sb.flags & FAMFS_SUPER_SECONDARY ?
				   "a further device" : "the primary device"));
}

char *signature_find(int fd, const void *super, size_t len)
{
	blkid_probe probe = new_probe(fd);
	int rc = probe ? 0 : -EIO;
	char *all = NULL;
	unsigned int i;

	if (len >= sizeof(struct famfs_super))
		add_famfs(&all, super, len);
	for (i = 0; !rc && i < FINDS_MAX; i++) {
		/* 1: no more. */
		rc = blkid_do_probe(probe);
		if (!rc)
			add_find(&all, probe);
	}
	/* What cannot be looked at might hold anything. */
	if (rc < 0)
		add(&all, tool_text("what libblkid cannot look at"));
	blkid_free_probe(probe);
	return all;
}

int signature_wipe(int fd)
{
	blkid_probe probe = new_probe(fd);
	unsigned int i;
	int rc = probe ? 0 : -EIO;

	/* Where it cannot look it finds nothing: that is told, and meant by --force. */
	for (i = 0; !rc && i < FINDS_MAX && !blkid_do_probe(probe); i++)
		rc = blkid_do_wipe(probe, 0) ? -EIO : 0;
	blkid_free_probe(probe);
	return rc || !fsync(fd) ? rc : -errno;
}
