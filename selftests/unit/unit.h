/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the unit tests share: random numbers, hexadecimal text, messages made by
 * hand. Messages are not made by the code that is tested.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/fuse_fmap.h>

#define KIB	1024ULL
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)
#define PAGE	4096U

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* A sequence of pseudorandom numbers, the same on every machine. */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
/* 0 .. @n - 1 */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* From the environment (FMAP_TEST_SEED) or always the same; says so. */
struct rng rng_start(const char *what);

/* A message in the making. */
struct msg {
	uint8_t *bytes;
	size_t len;
	size_t room;
};

void msg_add(struct msg *msg, const void *bytes, size_t len);
void msg_header(struct msg *msg, uint32_t ext_type, uint32_t nextents,
		uint64_t file_size);
void msg_simple(struct msg *msg, uint32_t dev, uint64_t off, uint64_t len);
void msg_iext(struct msg *msg, uint32_t nstrips, uint32_t chunk,
	      uint64_t nbytes);
/* Makes it one of the sized dialect. */
void msg_sized(struct msg *msg);
/* Appends the bytes that hexadecimal text says; blanks are skipped. */
int msg_hex(struct msg *msg, const char *text);
void msg_free(struct msg *msg);

/* The two worked examples of the protocol. */
extern const char example_simple[];
extern const char example_interleaved[];

#endif /* UNIT_H */
