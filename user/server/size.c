// SPDX-License-Identifier: GPL-2.0-only
/* Sizes and numbers as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

static const char units[] = "KMGT";

int size_parse(const char *text, uint64_t *size)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text, *unit;
	unsigned long long n;
	unsigned int shift = 0;
	char *end;

	/* strtoull() would take blanks, signs and a second 0x. */
	if (!(hex ? isxdigit((unsigned char)*digits) :
		    isdigit((unsigned char)*digits)) ||
	    (hex && (digits[1] == 'x' || digits[1] == 'X')))
		return -EINVAL;
	errno = 0;
	n = strtoull(digits, &end, hex ? 16 : 10);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unit - units + 1);
	}
	if (errno || n > UINT64_MAX >> shift)
		return -EOVERFLOW;
	*size = (uint64_t)n << shift;
	return 0;
}

char *size_show(uint64_t size, char buf[SIZE_SHOW_MAX])
{
	unsigned int unit = 0;

	while (size && unit < strlen(units) && !(size & 1023)) {
		size >>= 10;
		unit++;
	}
	if (unit)
		snprintf(buf, SIZE_SHOW_MAX, "%llu%c",
			 (unsigned long long)size, units[unit - 1]);
	else
		snprintf(buf, SIZE_SHOW_MAX, "%llu", (unsigned long long)size);
	return buf;
}

int number_parse(const char *text, int base, uint64_t max, uint64_t *value)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, base);
	if (*end)
		return -EINVAL;
	if (errno || n > max)
		return -ERANGE;
	*value = n;
	return 0;
}
