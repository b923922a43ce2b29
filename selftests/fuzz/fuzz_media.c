// SPDX-License-Identifier: GPL-2.0-only
/*
 * famfs media: superblock, log, replay.
 *
 *   1. What a naive reader (../unit/naive_medium.c) refuses is refused, and what it
 *      accepts is accepted; the name space, the devices and the used space are what it
 *      has; an error tells of a field, and of a value that is there.
 *   2. Nothing beyond the medium is read.
 *
 * Input: a program that makes a medium (../unit/medium_program.c): version, room,
 * then steps that append entries, or change fields, mostly with the crc made right.
 */
#include "fuzz.h"
#include "../unit/medium_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *property = medium_program(data, size, NULL);

	if (property)
		does_not_hold(__FILE__, __LINE__, property);
	return 0;
}
