/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools made in memory, and looked at by the byte. */
#ifndef POOLS_H
#define POOLS_H

#include "bytes.h"
#include "stops.h"

#define DEVICES		3
#define REGION		(2 * MIB)
#define LOG_MOST	(16 * MIB)

/* The start of devices: superblock and log. */
extern uint8_t *mem[DEVICES];

/**
 * struct pool - one that is made in @mem
 * @id: byte that its uuids are made of
 * @dev: where it lies: the primary device first
 * @files: entries behind those of devices
 */
struct pool {
	uint8_t id;
	unsigned int ndevs;
	unsigned int dev[DEVICES];
	uint64_t log_len;
	unsigned int files;
};

int set_up_mem(void **state);
int tear_down_mem(void **state);

void describe_device(const struct pool *pool, unsigned int i,
		     struct media_mkfs_dev *dev);
struct media_mkfs describe(const struct pool *pool,
			   struct media_mkfs_dev devs[DEVICES]);
struct media_log log_of(const struct pool *pool);
int make(const struct pool *pool, const struct media_sink *sink);
/* @n entries; the pool's @files is the caller's to change. */
void append_files(const struct pool *pool, unsigned int n,
		  const struct media_sink *sink);

/* There is a superblock on a device. It is whole, or there is none. */
bool has_super(unsigned int dev);
/* All of the pool is there, and right. */
void check_pool(const struct pool *pool);
/* Its primary superblock is there, and so is all the rest. */
bool is_there(const struct pool *pool);

#endif /* POOLS_H */
