/* SPDX-License-Identifier: GPL-2.0-only */
/* The DAX devices of a machine that is made up, for tests of layouts. */
#ifndef UNIT_MADE_UP_H
#define UNIT_MADE_UP_H

#include <stdbool.h>
#include "../../user/devices/devices.h"

#define MADE_UP_UUID	"6a0f9d0b-3c5e-4d52-8f2e-0d6a1c9b7e45"

/**
 * made_up_device - look for a device on the made-up machine
 * @spec: which one
 * @out: what dev_resolve() would tell of it; else unchanged
 *
 * There are /dev/pmem0 (1 GiB), /dev/pmem0p1 and p2 (its second half, and its
 * first), /dev/pmem1 (4 GiB) and /dev/pmem2 (all that 64 bits can say, but for a
 * page) by path; the namespace MADE_UP_UUID is /dev/pmem0; the daxdev dax0.0 is
 * /dev/dax0.0 (2 GiB). Return: whether it is one of them.
 */
bool made_up_device(const struct dev_spec *spec, struct dev_info *out);

#endif /* UNIT_MADE_UP_H */
