/* SPDX-License-Identifier: GPL-2.0-only */
/* Media by the byte: offsets are numbers, nothing is taken from format.h. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>

#include "unit.h"

#define ENTRY_SIZE	544
#define HEADER_SIZE	48

/* Where fields are, in bytes from the start of what they are in. */
#define SUPER_LOG_LEN	24
#define SUPER_FS_UUID	48
#define SUPER_DEV_UUID	64
#define SUPER_CRC	96
#define SUPER_FLAGS	104
#define LOG_LAST	16
#define LOG_CRC		24
#define LOG_SEQNUM	32
#define LOG_INDEX	40
#define ENTRY_CRC	536

uint64_t get64(const uint8_t *at);
uint32_t get32(const uint8_t *at);
void put64(uint8_t *at, uint64_t value);
void put32(uint8_t *at, uint32_t value);
/* Bit by bit. */
uint32_t naive_crc(const uint8_t *bytes, size_t len);

static inline uint8_t *entry_at(uint8_t *log, uint64_t index)
{
	return log + HEADER_SIZE + index * ENTRY_SIZE;
}

/* seqnum and crc are right. */
bool entry_is_whole(uint8_t *log, uint64_t index);
/* An empty log of @len bytes. */
void make_log(uint8_t *log, uint64_t len);

#endif /* BYTES_H */
