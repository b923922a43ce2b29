// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "bytes.h"

static uint64_t get(const uint8_t *at, unsigned int len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | at[len];
	return value;
}

static void put(uint8_t *at, unsigned int len, uint64_t value)
{
	for (; len--; value >>= 8)
		*at++ = value;
}

uint64_t get64(const uint8_t *at)
{
	return get(at, 8);
}

uint32_t get32(const uint8_t *at)
{
	return get(at, 4);
}

void put64(uint8_t *at, uint64_t value)
{
	put(at, 8, value);
}

void put32(uint8_t *at, uint32_t value)
{
	put(at, 4, value);
}

uint32_t naive_crc(const uint8_t *bytes, size_t len)
{
	uint32_t crc = ~0U;
	int bit;

	while (len--) {
		crc ^= *bytes++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

bool entry_is_whole(uint8_t *log, uint64_t index)
{
	const uint8_t *entry = entry_at(log, index);

	return get64(entry) == index &&
	       get64(entry + ENTRY_CRC) == naive_crc(entry, ENTRY_CRC);
}

void make_log(uint8_t *log, uint64_t len)
{
	memset(log, 0, HEADER_SIZE);
	put64(log, 0xbadcafef00d);
	put64(log + 8, len);
	/* As many as fit: 8 MiB gives 15420, the last is 15419. */
	put64(log + LOG_LAST, (len - HEADER_SIZE) / ENTRY_SIZE - 1);
	put64(log + LOG_CRC, naive_crc(log, LOG_CRC));
}
