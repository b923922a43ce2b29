/* SPDX-License-Identifier: GPL-2.0-only */
/* What fmapfs-run and its preloaded library share. */
#ifndef FMAPFS_RUN_H
#define FMAPFS_RUN_H

#include "../lib/mount.h"

/* Set: the program is to be offered fmaps. */
#define ENV_FMAP	"FMAPFS_RUN_FMAP"

#endif /* FMAPFS_RUN_H */
