/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Media made from any bytes: what they say is done to a medium that was good. Random
 * numbers and libFuzzer both write such programs.
 */
#ifndef UNIT_MEDIUM_PROGRAM_H
#define UNIT_MEDIUM_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

/**
 * medium_program - make a medium, replay it, and have the naive reader judge
 * @bytes, @len: the program; see run() in medium_program.c
 * @entries: result: so many were replayed; may be NULL
 *
 * Return: NULL, or which property does not hold.
 */
const char *medium_program(const uint8_t *bytes, size_t len,
			   unsigned int *entries);

#endif /* UNIT_MEDIUM_PROGRAM_H */
