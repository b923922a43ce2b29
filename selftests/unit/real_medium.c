// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "real_medium.h"

const struct real_entry real_entries[7] = {
	{ "data", 0, 0755, 1000, 1000, 0, { 0 }, 0 },
	{ "data/deep", 0, 0750, 0, 1000, 0, { 0 }, 0 },
	{ "one", 1, 0644, 0, 0, 0, { 0xa00000 }, 0x200000 },
	{ "data/three-mib", 3145728, 0600, 1000, 1000, 0, { 0xc00000 }, 0x400000 },
	{ "data/deep/odd", 5000001, 0440, 1001, 1002, 0, { 0x1000000 }, 0x600000 },
	{ "data/striped", 24117248, 0644, 0, 0, 4,
	  { 0x80000000, 0x180000000, 0x100000000, 0x1600000 }, 0x600000 },
	{ "data/striped3", 104861697, 0644, 0, 0, 3,
	  { 0x80600000, 0x100600000, 0x1c00000 }, 0x2200000 },
};

static const uint8_t uuids[48] = {
	0xb0, 0xe5, 0xac, 0xed, 0x31, 0x4a, 0x44, 0x64,
	0xbd, 0xc4, 0xc4, 0x37, 0xbc, 0x9e, 0x27, 0x8e,
	0x0a, 0xea, 0xfb, 0xca, 0x81, 0xca, 0x4a, 0x34,
	0x8c, 0x5e, 0x47, 0x94, 0x96, 0x86, 0xc4, 0x57,
	0x92, 0x53, 0xb7, 0xea, 0x42, 0x1e, 0x46, 0x4d,
	0xac, 0x85, 0x89, 0xea, 0x34, 0x18, 0xd3, 0xdc,
};

/* Owner and permissions, which begin at @at. */
static void put_rights(uint8_t *entry, unsigned int at,
		       const struct real_entry *real)
{
	made_put(entry + at, 4, real->uid);
	made_put(entry + at + 4, 4, real->gid);
	made_put(entry + at + 8, 4, real->mode);
	made_seal_entry(entry);
}

static void make(struct made *made, const struct real_entry *real)
{
	unsigned int i;
	uint8_t *entry;

	if (!real->size) {
		entry = made_mkdir(made, real->path);
		put_rights(entry, 16, real);
		return;
	}
	if (real->nstrips) {
		entry = made_striped(made, real->path, real->size,
				     real->nstrips, 2097152, 0, real->len, 1);
		for (i = 0; i < real->nstrips; i++)
			made_put(entry + 160 + 24 * i, 8, real->offsets[i]);
	} else {
		entry = made_file(made, real->path, real->size,
				  real->offsets[0], real->len);
	}
	put_rights(entry, 28, real);
}

void real_medium(struct made *made)
{
	char path[80];
	struct real_entry small = {
		.path = path, .mode = 0644, .len = 0x200000,
	};
	unsigned int i;

	made_new(made, 48, REAL_ENTRIES);
	memcpy(made->super + 48, uuids, sizeof(uuids));
	made_seal_super(made->super);
	for (i = 0; i < 7; i++)
		make(made, &real_entries[i]);
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "data/f%05u", i);
		small.size = 4096 + i;
		small.offsets[0] = REAL_SMALL_AT + i * small.len;
		make(made, &small);
	}
}
