/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of rebind() in sysfs and libdaxctl. daxbus.c */
#ifndef FMAPFS_TOOL_DAXBUS_H
#define FMAPFS_TOOL_DAXBUS_H

#include "rebind.h"

/* Their ctx is the device's name, "dax0.0". */
extern const struct rebind_ops daxbus_ops;

/* daxbus_has_driver - is it there, loaded? */
bool daxbus_has_driver(const char *driver);

#endif /* FMAPFS_TOOL_DAXBUS_H */
