/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FMAPFS_VERSION_H
#define FMAPFS_VERSION_H

#define FMAPFS_VERSION	"0.1.0"

#endif /* FMAPFS_VERSION_H */
