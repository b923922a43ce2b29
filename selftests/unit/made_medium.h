/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Media made by hand, byte by byte: offsets are numbers here, and the crc is computed
 * bit by bit, so that a mistake in user/media/format.h is none of these.
 */
#ifndef UNIT_MADE_MEDIUM_H
#define UNIT_MADE_MEDIUM_H

#include <stddef.h>
#include <stdint.h>

#define MADE_SUPER	200U			/* bytes */
#define MADE_HEAD	48U
#define MADE_ENTRY	544U
#define MADE_LOG_AT	2097152ULL		/* of the device */
#define MADE_LOG_LEN	8388608ULL
#define MADE_DEVICE	8589934592ULL
#define MADE_FREE	10485760ULL		/* files may begin there */
#define MADE_UNIT	2097152ULL		/* bytes, of an allocation unit */

/**
 * struct made - a medium
 * @super: its superblock: MADE_SUPER bytes, as malloc() gives them
 * @log: header and entries: as many bytes as are needed, and no more
 * @room: entries there is room for in @log
 * @n: entries that were made
 */
struct made {
	uint8_t *super;
	uint8_t *log;
	unsigned int room;
	unsigned int n;
};

/* A medium of a version (47, 48) with room for @room entries; made_free() frees it. */
void made_new(struct made *made, unsigned int version, unsigned int room);
void made_free(struct made *made);

/* Appends an entry; it can be changed, and sealed again. Return: its 544 bytes. */
uint8_t *made_mkdir(struct made *made, const char *path);
uint8_t *made_file(struct made *made, const char *path, uint64_t size,
		   uint64_t offset, uint64_t len);
/* Strip i is on device i % devices, strips of a device lie one behind the other. */
uint8_t *made_striped(struct made *made, const char *path, uint64_t size,
		      unsigned int nstrips, uint64_t chunk, uint64_t offset,
		      uint64_t len, unsigned int devices);
uint8_t *made_add_daxdev(struct made *made, unsigned int index, uint64_t size,
			 uint8_t uuid);
uint8_t *made_entry(const struct made *made, unsigned int i);
/* One more extent (the i-th) of a simple file. */
void made_extent(uint8_t *entry, unsigned int i, uint64_t dev, uint64_t offset,
		 uint64_t len);

/* Have the crc right again. */
void made_seal_super(uint8_t *super);
void made_seal_head(uint8_t *log);
void made_seal_entry(uint8_t *entry);
/* Says in the header that there are @n entries. */
void made_count(struct made *made, uint64_t n);

uint32_t made_crc(const uint8_t *bytes, size_t len);
/* Little-endian numbers of @bytes bytes. */
void made_put(uint8_t *at, unsigned int bytes, uint64_t value);
uint64_t made_get(const uint8_t *at, unsigned int bytes);

#endif /* UNIT_MADE_MEDIUM_H */
