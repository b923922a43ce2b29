/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share: properties that must hold whatever the input is.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* A finding: libFuzzer keeps the input. */
static inline _Noreturn void does_not_hold(const char *file, int line,
					   const char *property)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
	abort();
}

#define MUST(property)							\
	do {								\
		if (!(property))					\
			does_not_hold(__FILE__, __LINE__, #property);	\
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_H */
