// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

const char example_simple[] =
	"0000010000000000 0100000000000000 0000300000000000 0000000000000000"
	"0000000000000000 0000a00000000000 0000400000000000";

const char example_interleaved[] =
	"0000010001000000 0100000000000000 0000700100000000 0000000000000000"
	"0400000000002000 0000700100000000 0000000000000000"
	"0000000000000000 0000a00000000000 0000600000000000"
	"0000000000000000 0000a04000000000 0000600000000000"
	"0000000000000000 0000a08000000000 0000600000000000"
	"0000000000000000 0000a0c000000000 0000600000000000";

/* splitmix64 */
uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return rng_next(rng) % n;
}

struct rng rng_start(const char *what)
{
	const char *seed = getenv("FMAP_TEST_SEED");
	struct rng rng = { seed ? strtoull(seed, NULL, 0) : 1 };

	printf("# %s: FMAP_TEST_SEED=%llu\n", what,
	       (unsigned long long)rng.state);
	fflush(stdout);
	return rng;
}

void msg_add(struct msg *msg, const void *bytes, size_t len)
{
	if (msg->len + len > msg->room) {
		msg->room = 2 * (msg->len + len);
		msg->bytes = realloc(msg->bytes, msg->room);
		if (!msg->bytes)
			abort();
	}
	memcpy(msg->bytes + msg->len, bytes, len);
	msg->len += len;
}

void msg_header(struct msg *msg, uint32_t ext_type, uint32_t nextents,
		uint64_t file_size)
{
	struct fuse_famfs_fmap_header h = {
		.fmap_version = 1,
		.ext_type = ext_type,
		.nextents = nextents,
		.file_size = file_size,
	};

	msg->len = 0;
	msg_add(msg, &h, sizeof(h));
}

void msg_simple(struct msg *msg, uint32_t dev, uint64_t off, uint64_t len)
{
	struct fuse_famfs_simple_ext se = {
		.se_devindex = dev,
		.se_offset = off,
		.se_len = len,
	};

	msg_add(msg, &se, sizeof(se));
}

void msg_iext(struct msg *msg, uint32_t nstrips, uint32_t chunk,
	      uint64_t nbytes)
{
	struct fuse_famfs_iext ie = {
		.ie_nstrips = nstrips,
		.ie_chunk_size = chunk,
		.ie_nbytes = nbytes,
	};

	msg_add(msg, &ie, sizeof(ie));
}

void msg_sized(struct msg *msg)
{
	((struct fuse_famfs_fmap_header *)msg->bytes)->reserved0 = msg->len;
}

int msg_hex(struct msg *msg, const char *text)
{
	unsigned int byte;
	uint8_t b;

	for (; *text; text++) {
		if (*text == ' ' || *text == '\n')
			continue;
		if (sscanf(text, "%2x", &byte) != 1 || !text[1])
			return -1;
		b = byte;
		msg_add(msg, &b, 1);
		text++;
	}
	return 0;
}

void msg_free(struct msg *msg)
{
	free(msg->bytes);
	*msg = (struct msg) { 0 };
}
