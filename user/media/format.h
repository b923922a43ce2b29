/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The famfs on-media format, as it lies in memory; little-endian.
 *
 *   superblock    offset 0, in a region of 2 MiB
 *   log           offset 2 MiB, a power of two of at least 8 MiB: header, entries
 *   files         from the first allocation unit after the log
 *
 * Superblock version 47 is format 2.1; 48, format 2.2, adds ADD_DAXDEV. Nothing here
 * is to be believed: these are offsets, the checks are in super.c, log.c, entry.c.
 */
#ifndef FMAPFS_MEDIA_FORMAT_H
#define FMAPFS_MEDIA_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define FAMFS_SUPER_MAGIC	0x87b282ffULL
#define FAMFS_LOG_MAGIC		0xbadcafef00dULL
#define FAMFS_VERSION_47	47
#define FAMFS_VERSION_48	48

#define FAMFS_SUPER_SIZE	(2ULL << 20)	/* its region, bytes */
#define FAMFS_LOG_OFFSET	(2ULL << 20)	/* bytes */
#define FAMFS_LOG_MIN		(8ULL << 20)	/* bytes */
#define FAMFS_DEVICE_MIN	(4ULL << 30)	/* what famfs itself accepts, bytes */

#define FAMFS_PATH_MAX		80		/* bytes, with the NUL */
#define FAMFS_EXTENTS_MAX	16
#define FAMFS_STRIPS_MAX	16
#define FAMFS_NAME_MAX		64
#define FAMFS_UUID_SIZE		16

/* Superblock flags. famfs sets none on primary devices. */
#define FAMFS_SUPER_PRIMARY	1U
#define FAMFS_SUPER_SECONDARY	2U

/* FILE flags. */
#define FAMFS_FILE_ALL_RO	1U	/* read-only on all hosts */
#define FAMFS_FILE_ALL_RW	2U	/* read-write on all hosts */

/* Entry types. */
enum famfs_entry_type {
	FAMFS_ENTRY_FILE = 0,
	FAMFS_ENTRY_MKDIR = 1,
	FAMFS_ENTRY_DELETE = 2,		/* defined, never written */
	FAMFS_ENTRY_ADD_DAXDEV = 3,	/* version 48 */
};

enum famfs_map_type {
	FAMFS_MAP_SIMPLE = 0,
	FAMFS_MAP_INTERLEAVED = 1,
};

struct famfs_daxdev {
	uint64_t size;			/* bytes */
	uint8_t uuid[FAMFS_UUID_SIZE];
	char name[FAMFS_NAME_MAX];
};

struct famfs_super {
	uint64_t magic;
	uint64_t version;
	uint64_t log_offset;		/* bytes */
	uint64_t log_len;		/* bytes */
	uint64_t alloc_unit;		/* bytes */
	uint32_t omf_major;
	uint32_t omf_minor;
	uint8_t fs_uuid[FAMFS_UUID_SIZE];
	uint8_t dev_uuid[FAMFS_UUID_SIZE];
	uint8_t system_uuid[FAMFS_UUID_SIZE];	/* of the master */
	uint64_t crc;			/* crc32 of bytes 0..95 */
	uint32_t flags;
	uint32_t reserved;
	struct famfs_daxdev primary;
};

struct famfs_log_header {
	uint64_t magic;
	uint64_t len;			/* bytes, of the whole log */
	uint64_t last_index;		/* of the last entry there is room for */
	uint64_t crc;			/* crc32 of bytes 0..23 */
	uint64_t next_seqnum;
	uint64_t next_index;
};

struct famfs_extent {
	uint64_t devindex;
	uint64_t offset;		/* bytes */
	uint64_t len;			/* bytes */
};

struct famfs_interleave {
	uint64_t nstrips;
	uint64_t chunk_size;		/* bytes */
	struct famfs_extent strips[FAMFS_STRIPS_MAX];
};

struct famfs_fmap {
	uint32_t ext_type;		/* enum famfs_map_type */
	uint32_t reserved;
	uint32_t count;
	uint32_t reserved2;
	union {
		struct famfs_extent extents[FAMFS_EXTENTS_MAX];
		struct famfs_interleave interleave;
	};
};

struct famfs_file {
	uint64_t size;			/* bytes */
	uint32_t flags;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;			/* without the type */
	char path[FAMFS_PATH_MAX];
	struct famfs_fmap fmap;
};

struct famfs_mkdir {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;			/* without the type */
	char path[FAMFS_PATH_MAX];
};

struct famfs_add_daxdev {
	uint64_t size;			/* bytes */
	uint8_t uuid[FAMFS_UUID_SIZE];
	uint32_t index;
};

struct famfs_entry {
	uint64_t seqnum;		/* its index */
	uint32_t type;			/* enum famfs_entry_type */
	uint32_t reserved;
	union {
		struct famfs_file file;
		struct famfs_mkdir mkdir;
		struct famfs_add_daxdev add_daxdev;
		uint8_t body[520];
	};
	uint64_t crc;			/* crc32 of bytes 0..535 */
};

#define FAMFS_AT(type, field, at) \
	static_assert(offsetof(struct type, field) == (at), #type "." #field)
#define FAMFS_SIZE(type, bytes) \
	static_assert(sizeof(struct type) == (bytes), #type)

FAMFS_SIZE(famfs_daxdev, 88);
FAMFS_AT(famfs_daxdev, size, 0);
FAMFS_AT(famfs_daxdev, uuid, 8);
FAMFS_AT(famfs_daxdev, name, 24);

FAMFS_SIZE(famfs_super, 200);
FAMFS_AT(famfs_super, magic, 0);
FAMFS_AT(famfs_super, version, 8);
FAMFS_AT(famfs_super, log_offset, 16);
FAMFS_AT(famfs_super, log_len, 24);
FAMFS_AT(famfs_super, alloc_unit, 32);
FAMFS_AT(famfs_super, omf_major, 40);
FAMFS_AT(famfs_super, omf_minor, 44);
FAMFS_AT(famfs_super, fs_uuid, 48);
FAMFS_AT(famfs_super, dev_uuid, 64);
FAMFS_AT(famfs_super, system_uuid, 80);
FAMFS_AT(famfs_super, crc, 96);
FAMFS_AT(famfs_super, flags, 104);
FAMFS_AT(famfs_super, primary, 112);

FAMFS_SIZE(famfs_log_header, 48);
FAMFS_AT(famfs_log_header, magic, 0);
FAMFS_AT(famfs_log_header, len, 8);
FAMFS_AT(famfs_log_header, last_index, 16);
FAMFS_AT(famfs_log_header, crc, 24);
FAMFS_AT(famfs_log_header, next_seqnum, 32);
FAMFS_AT(famfs_log_header, next_index, 40);

FAMFS_SIZE(famfs_extent, 24);
FAMFS_AT(famfs_extent, devindex, 0);
FAMFS_AT(famfs_extent, offset, 8);
FAMFS_AT(famfs_extent, len, 16);

FAMFS_SIZE(famfs_entry, 544);
FAMFS_AT(famfs_entry, seqnum, 0);
FAMFS_AT(famfs_entry, type, 8);
FAMFS_AT(famfs_entry, file, 16);
FAMFS_AT(famfs_entry, file.flags, 24);
FAMFS_AT(famfs_entry, file.uid, 28);
FAMFS_AT(famfs_entry, file.gid, 32);
FAMFS_AT(famfs_entry, file.mode, 36);
FAMFS_AT(famfs_entry, file.path, 40);
FAMFS_AT(famfs_entry, file.fmap, 120);
FAMFS_AT(famfs_entry, file.fmap.count, 128);
FAMFS_AT(famfs_entry, file.fmap.extents, 136);
FAMFS_AT(famfs_entry, file.fmap.interleave.nstrips, 136);
FAMFS_AT(famfs_entry, file.fmap.interleave.chunk_size, 144);
FAMFS_AT(famfs_entry, file.fmap.interleave.strips, 152);
FAMFS_AT(famfs_entry, mkdir.uid, 16);
FAMFS_AT(famfs_entry, mkdir.gid, 20);
FAMFS_AT(famfs_entry, mkdir.mode, 24);
FAMFS_AT(famfs_entry, mkdir.path, 28);
FAMFS_AT(famfs_entry, add_daxdev.size, 16);
FAMFS_AT(famfs_entry, add_daxdev.uuid, 24);
FAMFS_AT(famfs_entry, add_daxdev.index, 40);
FAMFS_AT(famfs_entry, crc, 536);

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "media are little-endian");

#endif /* FMAPFS_MEDIA_FORMAT_H */
