// SPDX-License-Identifier: GPL-2.0-only
/* One entry of the log: copied, and checked as far as it stands for itself. */
#include <errno.h>
#include <zlib.h>

#include "check.h"

#define AT(field)	offsetof(struct famfs_entry, field)
#define EXT(member)	offsetof(struct famfs_extent, member)
#define MODE_BITS	07777U

static const char *bad_component(const char *name, size_t len, bool first)
{
	if (!len)
		return "should have no empty component";
	if (len == 1 && name[0] == '.')
		return "should have no component \".\"";
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return "should have no component \"..\"";
	if (first && len == 5 && !memcmp(name, ".meta", 5))
		return "should not be .meta, nor below it";
	return NULL;
}

const char *media_path_check(const char *path)
{
	const char *bad, *p = path;
	size_t len;

	if (!*path)
		return "should not be empty";
	if (*path == '/')
		return "should be relative";
	if (strnlen(path, FAMFS_PATH_MAX) == FAMFS_PATH_MAX)
		return "should be shorter than 80 bytes";
	for (;; p += len + 1) {
		len = strcspn(p, "/");
		bad = bad_component(p, len, p == path);
		if (bad || !p[len])
			return bad;
	}
}

static int check_path(char path[FAMFS_PATH_MAX], size_t at, const char *field,
		      const struct media_where *where)
{
	size_t len = strnlen(path, FAMFS_PATH_MAX);
	const char *rule;

	if (len == FAMFS_PATH_MAX)
		rule = "should be shorter than 80 bytes";
	else
		rule = media_path_check(path);
	if (rule)
		return media_wrong_text(where, at, field, path, len, "%s", rule);
	memset(path + len, 0, FAMFS_PATH_MAX - len);
	return 0;
}

/* No user or group has this number: as an argument it means "none". */
static int check_id(uint32_t id, size_t at, const char *field,
		    const struct media_where *where)
{
	if (id != UINT32_MAX)
		return 0;
	return media_wrong(where, at, field, id, "should be below 2^32 - 1");
}

static int check_mode(uint32_t mode, size_t at, const char *field,
		      const struct media_where *where)
{
	if (!(mode & ~MODE_BITS))
		return 0;
	return media_wrong(where, at, field, mode,
			   "should be permissions only, at most 4095 (07777)");
}

static int check_extent(const struct famfs_extent *ext, uint32_t map_type,
			unsigned int i, const struct media_where *where)
{
	if (ext->devindex >= MEDIA_DEVICES_MAX)
		return media_wrong_extent(where, map_type, i, EXT(devindex),
					  ext->devindex, "should be below 64");
	if (ext->offset % MEDIA_PAGE || ext->offset > INT64_MAX)
		return media_wrong_extent(where, map_type, i, EXT(offset),
					  ext->offset,
					  "should be a multiple of 4096, below 2^63");
	if (!ext->len || ext->len % MEDIA_PAGE ||
	    ext->len > INT64_MAX - ext->offset)
		return media_wrong_extent(where, map_type, i, EXT(len), ext->len,
					  "should be a multiple of 4096, not 0, and end below 2^63");
	return 0;
}

static int check_extents(const struct famfs_file *file,
			 const struct media_where *where)
{
	const struct famfs_fmap *map = &file->fmap;
	uint64_t sum = 0;
	unsigned int i;
	int rc;

	if (!map->count || map->count > FAMFS_EXTENTS_MAX)
		return media_wrong(where, AT(file.fmap.count), "file.fmap.count",
				   map->count, "should be 1 to 16");
	for (i = 0; i < map->count; i++) {
		rc = check_extent(&map->extents[i], map->ext_type, i, where);
		if (rc)
			return rc;
		if (map->extents[i].len > INT64_MAX - sum)
			return media_wrong_extent(where, map->ext_type, i,
						  EXT(len), map->extents[i].len,
						  "should make a sum below 2^63");
		sum += map->extents[i].len;
	}
	if (sum < file->size)
		return media_wrong(where, AT(file.size), "file.size", file->size,
				   "should be at most %llu, as its extents are long",
				   (unsigned long long)sum);
	return 0;
}

uint64_t media_strip_need(uint64_t size, uint64_t nstrips, uint64_t chunk_size,
			  unsigned int i)
{
	uint64_t stripe = nstrips * chunk_size;
	uint64_t need = size / stripe * chunk_size;
	uint64_t rest = size % stripe;

	if (rest > i * chunk_size)
		need += rest - i * chunk_size < chunk_size ?
			rest - i * chunk_size : chunk_size;
	return need;
}

static int check_strips(const struct famfs_file *file,
			const struct media_where *where)
{
	const struct famfs_interleave *il = &file->fmap.interleave;
	uint64_t need;
	unsigned int i;
	int rc;

	if (file->fmap.count != 1)
		return media_wrong(where, AT(file.fmap.count), "file.fmap.count",
				   file->fmap.count, "should be 1");
	if (!il->nstrips || il->nstrips > FAMFS_STRIPS_MAX)
		return media_wrong(where, AT(file.fmap.interleave.nstrips),
				   "file.fmap.interleave.nstrips", il->nstrips,
				   "should be 1 to 16");
	if (!media_is_power(il->chunk_size) || il->chunk_size < MEDIA_PAGE ||
	    il->chunk_size > MEDIA_CHUNK_MAX)
		return media_wrong(where, AT(file.fmap.interleave.chunk_size),
				   "file.fmap.interleave.chunk_size",
				   il->chunk_size,
				   "should be a power of two from 4096 to 2^31");
	for (i = 0; i < il->nstrips; i++) {
		rc = check_extent(&il->strips[i], FAMFS_MAP_INTERLEAVED, i, where);
		if (rc)
			return rc;
		need = media_strip_need(file->size, il->nstrips, il->chunk_size, i);
		if (il->strips[i].len < need)
			return media_wrong_extent(where, FAMFS_MAP_INTERLEAVED,
						  i, EXT(len), il->strips[i].len,
						  "should be at least %llu for the file's size",
						  (unsigned long long)need);
	}
	return 0;
}

static int check_map(const struct famfs_file *file,
		     const struct media_where *where)
{
	switch (file->fmap.ext_type) {
	case FAMFS_MAP_SIMPLE:
		return check_extents(file, where);
	case FAMFS_MAP_INTERLEAVED:
		return check_strips(file, where);
	}
	return media_wrong(where, AT(file.fmap.ext_type), "file.fmap.ext_type",
			   file->fmap.ext_type,
			   "should be 0 (simple) or 1 (interleaved)");
}

static int check_file(struct famfs_file *file, const struct media_where *where)
{
	int rc;

	if (!file->size || file->size > INT64_MAX)
		return media_wrong(where, AT(file.size), "file.size", file->size,
				   "should be 1 or more, below 2^63");
	if (file->flags > FAMFS_FILE_ALL_RW)
		return media_wrong(where, AT(file.flags), "file.flags",
				   file->flags,
				   "should be 0, 1 (read-only) or 2 (read-write)");
	rc = check_id(file->uid, AT(file.uid), "file.uid", where);
	if (!rc)
		rc = check_id(file->gid, AT(file.gid), "file.gid", where);
	if (!rc)
		rc = check_mode(file->mode, AT(file.mode), "file.mode", where);
	if (!rc)
		rc = check_path(file->path, AT(file.path), "file.path", where);
	if (!rc)
		rc = check_map(file, where);
	return rc;
}

static int check_mkdir(struct famfs_mkdir *dir, const struct media_where *where)
{
	int rc = check_id(dir->uid, AT(mkdir.uid), "mkdir.uid", where);

	if (!rc)
		rc = check_id(dir->gid, AT(mkdir.gid), "mkdir.gid", where);
	if (!rc)
		rc = check_mode(dir->mode, AT(mkdir.mode), "mkdir.mode", where);
	if (!rc)
		rc = check_path(dir->path, AT(mkdir.path), "mkdir.path", where);
	return rc;
}

/* A device has a superblock of its own; index 0 is the primary one. */
static int check_add_daxdev(const struct famfs_add_daxdev *add,
			    const struct media_where *where)
{
	if (add->size <= FAMFS_SUPER_SIZE || add->size > INT64_MAX)
		return media_wrong(where, AT(add_daxdev.size), "add_daxdev.size",
				   add->size,
				   "should be more than 2097152, below 2^63");
	if (media_uuid_is_null(add->uuid))
		return media_wrong_uuid(where, AT(add_daxdev.uuid),
					"add_daxdev.uuid", add->uuid,
					"should be an UUID, not zero");
	if (!add->index || add->index >= MEDIA_DEVICES_MAX)
		return media_wrong(where, AT(add_daxdev.index),
				   "add_daxdev.index", add->index,
				   "should be 1 to 63");
	return 0;
}

static int check_type(uint32_t type, uint32_t version,
		      const struct media_where *where)
{
	if (type == FAMFS_ENTRY_FILE || type == FAMFS_ENTRY_MKDIR)
		return 0;
	if (version == FAMFS_VERSION_47)
		return media_wrong(where, AT(type), "type", type,
				   "should be 0 (FILE) or 1 (MKDIR)");
	if (type == FAMFS_ENTRY_ADD_DAXDEV)
		return 0;
	return media_wrong(where, AT(type), "type", type,
			   "should be 0 (FILE), 1 (MKDIR) or 3 (ADD_DAXDEV)");
}

/* So that nobody uses what was not checked. */
static void clear_rest(struct famfs_entry *entry)
{
	const struct famfs_fmap *map = &entry->file.fmap;
	size_t end;

	entry->reserved = 0;
	if (entry->type == FAMFS_ENTRY_MKDIR) {
		end = AT(mkdir.path) + FAMFS_PATH_MAX;
	} else if (entry->type == FAMFS_ENTRY_ADD_DAXDEV) {
		end = AT(add_daxdev.index) + sizeof(entry->add_daxdev.index);
	} else {
		entry->file.fmap.reserved = 0;
		entry->file.fmap.reserved2 = 0;
		if (map->ext_type == FAMFS_MAP_SIMPLE)
			end = AT(file.fmap.extents[map->count]);
		else
			end = AT(file.fmap.interleave.strips
				 [map->interleave.nstrips]);
	}
	memset((char *)entry + end, 0, AT(crc) - end);
}

int media_entry_check(struct famfs_entry *entry, uint32_t version,
		      const struct media_where *where)
{
	uint64_t crc = crc32(0, (const void *)entry, AT(crc));
	int rc;

	if (entry->crc != crc)
		return media_wrong(where, AT(crc), "crc", entry->crc,
				   "should be 0x%llx, of bytes 0 to 535",
				   (unsigned long long)crc);
	if (entry->seqnum != where->index)
		return media_wrong(where, AT(seqnum), "seqnum", entry->seqnum,
				   "should be %llu, as the entry's index",
				   (unsigned long long)where->index);
	rc = check_type(entry->type, version, where);
	if (rc)
		return rc;
	if (entry->type == FAMFS_ENTRY_FILE)
		rc = check_file(&entry->file, where);
	else if (entry->type == FAMFS_ENTRY_MKDIR)
		rc = check_mkdir(&entry->mkdir, where);
	else
		rc = check_add_daxdev(&entry->add_daxdev, where);
	if (!rc)
		clear_rest(entry);
	return rc;
}

/*
 * The cache is dropped before the first try, too: lines of a pool that was here before
 * may have been cached for long, with crc and seqnum that are right.
 */
int media_log_entry(const struct media_log *log, uint64_t index,
		    struct famfs_entry *entry, struct media_error *err)
{
	const struct media_where where = {
		.err = err, .region = MEDIA_LOG_ENTRY, .index = index,
		.base = media_entry_at(log->offset, index),
	};
	const char *mem;
	int rc, tries;

	if (index >= media_entries_max(log->len))
		return -ERANGE;
	mem = (const char *)log->mem + media_entry_at(0, index);
	for (tries = 0; tries < 2; tries++) {
		media_invalidate(mem, sizeof(*entry));
		media_copy(entry, mem, sizeof(*entry));
		rc = media_entry_check(entry, log->version, &where);
		if (!rc)
			break;
	}
	return rc;
}
