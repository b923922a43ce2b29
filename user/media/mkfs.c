// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making pools, and adding devices to them.
 *
 * A superblock is there when its magic is, which is stored last, and gone when that is,
 * which goes first. A pool is there when its primary superblock is.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "check.h"
#include "write.h"

#define OMF_MAJOR	2
#define ZEROES		4096	/* bytes stored at once */

/* What a superblock says that is not of its device. */
struct pool_facts {
	uint32_t version;
	uint64_t log_len;
	uint64_t alloc_unit;
	const uint8_t *fs_uuid;
	const uint8_t *system_uuid;
};

static const char *check_device(const struct media_mkfs_dev *dev,
				uint64_t reserved, uint64_t alloc_unit)
{
	if (!dev->super)
		return "no memory to write a superblock to";
	if (dev->size / alloc_unit > MEDIA_UNITS_MAX)
		return "a device is larger than 2^35 allocation units";
	if (dev->size < reserved || dev->size - reserved < alloc_unit)
		return "a device is too small: nothing is left for files";
	if (!memchr(dev->name, '\0', sizeof(dev->name)))
		return "a device's name is longer than 63 bytes";
	if (media_uuid_is_null(dev->uuid))
		return "a device has no uuid";
	return NULL;
}

static const char *check_devices(const struct media_mkfs *mkfs)
{
	unsigned int i, k;

	for (i = 0; i < mkfs->ndevs; i++) {
		uint64_t reserved = FAMFS_SUPER_SIZE + (i ? 0 : mkfs->log_len);
		const char *wrong = check_device(&mkfs->devs[i], reserved,
						 mkfs->alloc_unit);

		if (wrong)
			return wrong;
		for (k = 0; k < i; k++)
			if (mkfs->devs[k].super == mkfs->devs[i].super ||
			    !memcmp(mkfs->devs[k].uuid, mkfs->devs[i].uuid,
				    FAMFS_UUID_SIZE))
				return "two devices are the same";
	}
	return NULL;
}

const char *media_mkfs_check(const struct media_mkfs *mkfs)
{
	if (mkfs->version != FAMFS_VERSION_47 && mkfs->version != FAMFS_VERSION_48)
		return "the version should be 47 or 48";
	if (!media_is_power(mkfs->log_len) || mkfs->log_len < FAMFS_LOG_MIN ||
	    mkfs->log_len > INT64_MAX)
		return "the log's size should be a power of two, at least 8 MiB";
	if (mkfs->alloc_unit != 4096 && mkfs->alloc_unit != 2 << 20)
		return "the allocation unit should be 4 KiB or 2 MiB";
	if (media_uuid_is_null(mkfs->fs_uuid))
		return "the pool has no uuid";
	if (media_uuid_is_null(mkfs->system_uuid))
		return "this host has no uuid";
	if (!mkfs->log)
		return "no memory to write the log to";
	if (!mkfs->ndevs || mkfs->ndevs > MEDIA_DEVICES_MAX)
		return "there should be 1 to 64 devices";
	if (mkfs->ndevs > 1 && mkfs->version == FAMFS_VERSION_47)
		return "several devices need version 48";
	return check_devices(mkfs);
}

void media_wipe(void *super, const struct media_sink *sink)
{
	static const uint8_t zeroes[ZEROES];
	uint8_t *mem = super;
	size_t at;

	if (!sink)
		sink = &media_memory;
	sink->store(sink->ctx, mem, zeroes, sizeof(uint64_t));
	sink->flush(sink->ctx, mem, sizeof(uint64_t));
	/* What other file systems have there goes, too: libblkid would find it. */
	for (at = 0; at < FAMFS_SUPER_SIZE; at += ZEROES)
		sink->store(sink->ctx, mem + at, zeroes, ZEROES);
	sink->flush(sink->ctx, mem, FAMFS_SUPER_SIZE);
}

/* Into a region that was wiped. */
static void put_super(void *super, const struct famfs_super *raw,
		      const struct media_sink *sink)
{
	const size_t magic = sizeof(raw->magic);

	sink->store(sink->ctx, (char *)super + magic, (const char *)raw + magic,
		    sizeof(*raw) - magic);
	sink->flush(sink->ctx, super, sizeof(*raw));
	sink->store(sink->ctx, super, &raw->magic, magic);
	sink->flush(sink->ctx, super, magic);
}

/*
 * famfs leaves the flags of primary superblocks and the uuid within the device's data
 * zero, and writes this; so do we.
 */
static void write_super(const struct media_mkfs_dev *dev,
			const struct pool_facts *pool, uint32_t flags,
			const struct media_sink *sink)
{
	struct famfs_super raw = {
		.magic = FAMFS_SUPER_MAGIC,
		.version = pool->version,
		.log_offset = FAMFS_LOG_OFFSET,
		.log_len = pool->log_len,
		.alloc_unit = pool->alloc_unit,
		.omf_major = OMF_MAJOR,
		.omf_minor = pool->version == FAMFS_VERSION_47 ? 1 : 2,
		.flags = flags,
		.primary.size = dev->size,
	};

	memcpy(raw.fs_uuid, pool->fs_uuid, FAMFS_UUID_SIZE);
	memcpy(raw.dev_uuid, dev->uuid, FAMFS_UUID_SIZE);
	memcpy(raw.system_uuid, pool->system_uuid, FAMFS_UUID_SIZE);
	memcpy(raw.primary.name, dev->name, strnlen(dev->name, FAMFS_NAME_MAX - 1));
	raw.crc = crc32(0, (const void *)&raw, offsetof(struct famfs_super, crc));
	put_super(dev->super, &raw, sink);
}

/* With an entry for each device but the primary one. */
static void write_log(const struct media_mkfs *mkfs, const struct media_sink *sink)
{
	uint64_t i, n = mkfs->ndevs - 1;
	struct famfs_log_header header = {
		.magic = FAMFS_LOG_MAGIC,
		.len = mkfs->log_len,
		.last_index = media_entries_max(mkfs->log_len) - 1,
		.next_seqnum = n,
		.next_index = n,
	};
	struct famfs_entry entry;
	char *slot;

	for (i = 0; i < n; i++) {
		media_entry_add_daxdev(&entry, i + 1, mkfs->devs[i + 1].size,
				       mkfs->devs[i + 1].uuid);
		media_entry_seal(&entry, i);
		slot = (char *)mkfs->log + media_entry_at(0, i);
		sink->store(sink->ctx, slot, &entry, sizeof(entry));
		sink->flush(sink->ctx, slot, sizeof(entry));
	}
	header.crc = crc32(0, (const void *)&header,
			   offsetof(struct famfs_log_header, crc));
	sink->store(sink->ctx, mkfs->log, &header, sizeof(header));
	sink->flush(sink->ctx, mkfs->log, sizeof(header));
}

/*
 * A primary superblock of old goes before those of its other devices, wherever it is:
 * without them that pool would not be whole.
 */
static void wipe_all(const struct media_mkfs *mkfs, const struct media_sink *sink)
{
	uint64_t secondary = 0;
	unsigned int i;

	for (i = 0; i < mkfs->ndevs; i++) {
		const struct famfs_super *old = mkfs->devs[i].super;

		media_invalidate(old, sizeof(*old));
		if (old->flags == FAMFS_SUPER_SECONDARY)
			secondary |= 1ULL << i;
		else
			media_wipe(mkfs->devs[i].super, sink);
	}
	for (i = 0; i < mkfs->ndevs; i++)
		if (secondary & 1ULL << i)
			media_wipe(mkfs->devs[i].super, sink);
}

int media_mkfs(const struct media_mkfs *mkfs, const struct media_sink *sink)
{
	const struct pool_facts pool = {
		.version = mkfs->version,
		.log_len = mkfs->log_len,
		.alloc_unit = mkfs->alloc_unit,
		.fs_uuid = mkfs->fs_uuid,
		.system_uuid = mkfs->system_uuid,
	};
	unsigned int i;

	if (media_mkfs_check(mkfs))
		return -EINVAL;
	if (!sink)
		sink = &media_memory;
	wipe_all(mkfs, sink);
	write_log(mkfs, sink);
	for (i = 1; i < mkfs->ndevs; i++)
		write_super(&mkfs->devs[i], &pool, FAMFS_SUPER_SECONDARY, sink);
	write_super(&mkfs->devs[0], &pool, 0, sink);
	return 0;
}

int media_add_check(const struct media_mkfs_dev *dev, const struct media_super *sb,
		    const struct media_log *log, unsigned int index,
		    struct media_error *err)
{
	struct media_head head;

	if (sb->version == FAMFS_VERSION_47)
		return -EOPNOTSUPP;
	if (!index || index >= MEDIA_DEVICES_MAX ||
	    check_device(dev, FAMFS_SUPER_SIZE, sb->alloc_unit))
		return -EINVAL;
	return media_log_room(log, &head, err);
}

int media_add_device(const struct media_mkfs_dev *dev,
		     const struct media_super *sb, const struct media_log *log,
		     unsigned int index, const struct media_sink *sink,
		     struct media_error *err)
{
	const struct pool_facts pool = {
		.version = sb->version,
		.log_len = sb->log_len,
		.alloc_unit = sb->alloc_unit,
		.fs_uuid = sb->fs_uuid,
		.system_uuid = sb->system_uuid,
	};
	struct famfs_entry entry;
	int rc = media_add_check(dev, sb, log, index, err);

	if (!rc)
		rc = media_entry_add_daxdev(&entry, index, dev->size, dev->uuid);
	if (rc)
		return rc;
	if (!sink)
		sink = &media_memory;
	media_wipe(dev->super, sink);
	write_super(dev, &pool, FAMFS_SUPER_SECONDARY, sink);
	rc = media_log_append(log, &entry, sink, err);
	if (rc)
		media_wipe(dev->super, sink);
	return rc;
}
