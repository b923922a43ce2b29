/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of layouts share: a machine with made-up devices, and a layout
 * file from a text.
 */
#ifndef UNIT_LAYOUTS_H
#define UNIT_LAYOUTS_H

#include "unit.h"
#include "../../user/server/static.h"

/*
 * There are /dev/pmem0 (1 GiB), /dev/pmem0p1 and p2 (its second half, and its
 * first) and /dev/pmem1 (4 GiB) by path; the namespace LAYOUT_UUID is /dev/pmem0,
 * the daxdev dax0.0 is /dev/dax0.0 (2 GiB); dax1.0 is bound to device_dax. Paths
 * in /tmp are those of files.
 */
#define LAYOUT_UUID	"6a0f9d0b-3c5e-4d52-8f2e-0d6a1c9b7e45"

/* The flags that dev_resolve() was last called with. */
extern unsigned int layout_dev_flags;

/**
 * layout_of - a layout from the text of a file
 * @text: the text
 * @mistakes: result: what is reported, to be freed; the file is called "l"
 */
struct layout *layout_of(const char *text, char **mistakes);

/* The same where nothing is to be wrong; ends the test if something is. */
struct layout *layout_good(const char *text);

#endif /* UNIT_LAYOUTS_H */
