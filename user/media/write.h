/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of libfmapmedia: what write.c does for mkfs.c. */
#ifndef FMAPFS_MEDIA_WRITE_H
#define FMAPFS_MEDIA_WRITE_H

#include "media.h"

/* Fills in seqnum and crc. */
void media_entry_seal(struct famfs_entry *entry, uint64_t index);
/* As media_log_head(); -ENOSPC: there is room for no further entry. */
int media_log_room(const struct media_log *log, struct media_head *head,
		   struct media_error *err);

#endif /* FMAPFS_MEDIA_WRITE_H */
