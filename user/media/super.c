// SPDX-License-Identifier: GPL-2.0-only
/* Superblocks: read and checked. */
#include <errno.h>
#include <zlib.h>

#include "check.h"

#define AT(field)	offsetof(struct famfs_super, field)

static int check_version(const struct famfs_super *raw,
			 const struct media_where *where)
{
	if (raw->version == FAMFS_VERSION_47 || raw->version == FAMFS_VERSION_48)
		return 0;
	media_wrong(where, AT(version), "version", raw->version,
		    "should be 47 or 48");
	return -EOPNOTSUPP;
}

static int check_format(const struct famfs_super *raw,
			const struct media_where *where)
{
	uint32_t minor = raw->version == FAMFS_VERSION_47 ? 1 : 2;
	uint64_t crc = crc32(0, (const void *)raw, AT(crc));

	if (raw->crc != crc)
		return media_wrong(where, AT(crc), "crc", raw->crc,
				   "should be 0x%llx, of bytes 0 to 95",
				   (unsigned long long)crc);
	if (raw->omf_major != 2)
		return media_wrong(where, AT(omf_major), "omf_major",
				   raw->omf_major, "should be 2");
	if (raw->omf_minor != minor)
		return media_wrong(where, AT(omf_minor), "omf_minor",
				   raw->omf_minor, "should be %u in version %u",
				   minor, (unsigned int)raw->version);
	return 0;
}

static int check_log(const struct famfs_super *raw,
		     const struct media_where *where)
{
	if (raw->log_offset != FAMFS_LOG_OFFSET)
		return media_wrong(where, AT(log_offset), "log_offset",
				   raw->log_offset, "should be 2097152");
	if (!media_is_power(raw->log_len) || raw->log_len < FAMFS_LOG_MIN ||
	    raw->log_len > INT64_MAX)
		return media_wrong(where, AT(log_len), "log_len", raw->log_len,
				   "should be a power of two, at least 8388608");
	if (raw->alloc_unit != 4096 && raw->alloc_unit != 2 << 20)
		return media_wrong(where, AT(alloc_unit), "alloc_unit",
				   raw->alloc_unit,
				   "should be 4096 or 2097152");
	return 0;
}

static int check_uuids(const struct famfs_super *raw,
		       const struct media_where *where)
{
	const char *rule = "should be an UUID, not zero";

	if (media_uuid_is_null(raw->fs_uuid))
		return media_wrong_uuid(where, AT(fs_uuid), "fs_uuid",
					raw->fs_uuid, rule);
	if (media_uuid_is_null(raw->dev_uuid))
		return media_wrong_uuid(where, AT(dev_uuid), "dev_uuid",
					raw->dev_uuid, rule);
	/* A host without an UUID must not be everybody's master. */
	if (media_uuid_is_null(raw->system_uuid))
		return media_wrong_uuid(where, AT(system_uuid), "system_uuid",
					raw->system_uuid, rule);
	return 0;
}

/* No crc tells of these. Media of famfs have no flags set; it is a primary one then. */
static int check_device(const struct famfs_super *raw, uint64_t dev_size,
			const struct media_where *where)
{
	uint64_t size = raw->primary.size;
	uint64_t least = FAMFS_SUPER_SIZE + raw->alloc_unit;

	if (raw->flags > FAMFS_SUPER_SECONDARY)
		return media_wrong(where, AT(flags), "flags", raw->flags,
				   "should be 0, 1 (primary) or 2 (secondary)");
	if (raw->flags != FAMFS_SUPER_SECONDARY)
		least += raw->log_len;
	if (size < least || size / raw->alloc_unit > MEDIA_UNITS_MAX)
		return media_wrong(where, AT(primary.size), "primary.size", size,
				   "should be at least %llu, at most 2^35 allocation units",
				   (unsigned long long)least);
	if (dev_size && size > dev_size)
		return media_wrong(where, AT(primary.size), "primary.size", size,
				   "should be at most %llu, as large as the device is",
				   (unsigned long long)dev_size);
	return 0;
}

static int check(const struct famfs_super *raw, uint64_t dev_size,
		 const struct media_where *where)
{
	int rc;

	if (raw->magic != FAMFS_SUPER_MAGIC)
		return -ENODATA;
	/* Before the crc: another version may have that elsewhere. */
	rc = check_version(raw, where);
	if (!rc)
		rc = check_format(raw, where);
	if (!rc)
		rc = check_log(raw, where);
	if (!rc)
		rc = check_uuids(raw, where);
	if (!rc)
		rc = check_device(raw, dev_size, where);
	return rc;
}

static void take_over(const struct famfs_super *raw, struct media_super *sb)
{
	*sb = (struct media_super) {
		.version = (uint32_t)raw->version,
		.log_offset = raw->log_offset,
		.log_len = raw->log_len,
		.alloc_unit = raw->alloc_unit,
		.flags = raw->flags,
		.device = raw->primary,
	};
	memcpy(sb->fs_uuid, raw->fs_uuid, sizeof(sb->fs_uuid));
	memcpy(sb->dev_uuid, raw->dev_uuid, sizeof(sb->dev_uuid));
	memcpy(sb->system_uuid, raw->system_uuid, sizeof(sb->system_uuid));
	/* It is for people only: one that fills its field is cut. */
	sb->device.name[sizeof(sb->device.name) - 1] = '\0';
}

int media_super_read(const void *mem, size_t len, uint64_t dev_size,
		     struct media_super *sb, struct media_error *err)
{
	const struct media_where where = { .err = err, .region = MEDIA_SUPER };
	struct famfs_super raw;
	int rc, tries;

	if (len < sizeof(raw))
		return -ENODATA;
	for (tries = 0; tries < 2; tries++) {
		media_invalidate(mem, sizeof(raw));
		media_copy(&raw, mem, sizeof(raw));
		rc = check(&raw, dev_size, &where);
		if (!rc)
			break;
	}
	if (!rc)
		take_over(&raw, sb);
	return rc;
}
