// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "made_medium.h"

/* Reflected, 0xedb88320: what zlib has, the slow way. */
uint32_t made_crc(const uint8_t *bytes, size_t len)
{
	uint32_t crc = 0xffffffff;
	int bit;

	for (; len; len--) {
		crc ^= *bytes++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

void made_put(uint8_t *at, unsigned int bytes, uint64_t value)
{
	for (; bytes; bytes--) {
		*at++ = (uint8_t)value;
		value >>= 8;
	}
}

uint64_t made_get(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

void made_seal_super(uint8_t *super)
{
	made_put(super + 96, 8, made_crc(super, 96));
}

void made_seal_head(uint8_t *log)
{
	made_put(log + 24, 8, made_crc(log, 24));
}

void made_seal_entry(uint8_t *entry)
{
	made_put(entry + 536, 8, made_crc(entry, 536));
}

void made_count(struct made *made, uint64_t n)
{
	made_put(made->log + 32, 8, n);
	made_put(made->log + 40, 8, n);
}

static void make_super(uint8_t *super, unsigned int version)
{
	made_put(super + 0, 8, 0x87b282ff);
	made_put(super + 8, 8, version);
	made_put(super + 16, 8, MADE_LOG_AT);
	made_put(super + 24, 8, MADE_LOG_LEN);
	made_put(super + 32, 8, MADE_UNIT);
	made_put(super + 40, 4, 2);
	made_put(super + 44, 4, version == 47 ? 1 : 2);
	memset(super + 48, 0xf5, 16);
	memset(super + 64, 0xd0, 16);
	memset(super + 80, 0x55, 16);
	made_put(super + 112, 8, MADE_DEVICE);
	memcpy(super + 136, "/dev/dax0.0", 11);
	made_seal_super(super);
}

void made_new(struct made *made, unsigned int version, unsigned int room)
{
	made->super = calloc(1, MADE_SUPER);
	made->log = calloc(1, MADE_HEAD + room * MADE_ENTRY);
	if (!made->super || !made->log)
		abort();
	made->room = room;
	made->n = 0;
	make_super(made->super, version);
	made_put(made->log + 0, 8, 0xbadcafef00d);
	made_put(made->log + 8, 8, MADE_LOG_LEN);
	made_put(made->log + 16, 8, 15419);
	made_seal_head(made->log);
}

void made_free(struct made *made)
{
	free(made->super);
	free(made->log);
}

uint8_t *made_entry(const struct made *made, unsigned int i)
{
	return made->log + MADE_HEAD + i * MADE_ENTRY;
}

static uint8_t *append(struct made *made, unsigned int type)
{
	uint8_t *entry = made_entry(made, made->n);

	if (made->n == made->room)
		abort();
	memset(entry, 0, MADE_ENTRY);
	made_put(entry + 0, 8, made->n);
	made_put(entry + 8, 4, type);
	made->n++;
	made_count(made, made->n);
	return entry;
}

static void put_path(uint8_t *at, const char *path)
{
	size_t len = strlen(path);

	memcpy(at, path, len < 80 ? len : 80);
}

uint8_t *made_mkdir(struct made *made, const char *path)
{
	uint8_t *entry = append(made, 1);

	made_put(entry + 16, 4, 1000);
	made_put(entry + 20, 4, 1001);
	made_put(entry + 24, 4, 0755);
	put_path(entry + 28, path);
	made_seal_entry(entry);
	return entry;
}

static uint8_t *append_file(struct made *made, const char *path, uint64_t size)
{
	uint8_t *entry = append(made, 0);

	made_put(entry + 16, 8, size);
	made_put(entry + 24, 4, 2);
	made_put(entry + 28, 4, 1000);
	made_put(entry + 32, 4, 1001);
	made_put(entry + 36, 4, 0640);
	put_path(entry + 40, path);
	made_put(entry + 128, 4, 1);
	return entry;
}

void made_extent(uint8_t *entry, unsigned int i, uint64_t dev, uint64_t offset,
		 uint64_t len)
{
	made_put(entry + 128, 4, i + 1);
	made_put(entry + 136 + 24 * i, 8, dev);
	made_put(entry + 144 + 24 * i, 8, offset);
	made_put(entry + 152 + 24 * i, 8, len);
	made_seal_entry(entry);
}

uint8_t *made_file(struct made *made, const char *path, uint64_t size,
		   uint64_t offset, uint64_t len)
{
	uint8_t *entry = append_file(made, path, size);

	made_extent(entry, 0, 0, offset, len);
	return entry;
}

uint8_t *made_striped(struct made *made, const char *path, uint64_t size,
		      unsigned int nstrips, uint64_t chunk, uint64_t offset,
		      uint64_t len, unsigned int devices)
{
	uint8_t *entry = append_file(made, path, size);
	unsigned int i;

	made_put(entry + 120, 4, 1);
	made_put(entry + 136, 8, nstrips);
	made_put(entry + 144, 8, chunk);
	for (i = 0; i < nstrips && i < 16; i++) {
		made_put(entry + 152 + 24 * i, 8, i % devices);
		made_put(entry + 160 + 24 * i, 8, offset + i / devices * len);
		made_put(entry + 168 + 24 * i, 8, len);
	}
	made_seal_entry(entry);
	return entry;
}

uint8_t *made_add_daxdev(struct made *made, unsigned int index, uint64_t size,
			 uint8_t uuid)
{
	uint8_t *entry = append(made, 3);

	made_put(entry + 16, 8, size);
	memset(entry + 24, uuid, 16);
	made_put(entry + 40, 4, index);
	made_seal_entry(entry);
	return entry;
}
