/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of layouts share: a machine with made-up devices, and a layout
 * file from a text.
 */
#ifndef UNIT_LAYOUTS_H
#define UNIT_LAYOUTS_H

#include "unit.h"
#include "made_up.h"
#include "../../user/server/static.h"

/*
 * Besides the devices of made_up.h there is dax1.0, bound to device_dax. Paths in
 * /tmp are those of files.
 */

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
