/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The corpus: messages as text, each with what is expected of it.
 *
 *   # comment
 *   device INDEX SIZE    the device has SIZE bytes (any number of lines)
 *   live NAME            that message's file is live on the same devices
 *   attr-size SIZE       the file's attributes say SIZE
 *   error NAME           refused with that error (EINVAL, ...); none: accepted
 *   at OFFSET            ... at that byte of the message
 *   field NAME           ... because of that field
 *   message              hexadecimal text follows to the end of the file
 */
#ifndef CORPUS_H
#define CORPUS_H

#include "unit.h"

struct corpus_entry {
	char name[64];
	char live[64];
	char field[64];
	int error;		/* -errno, or 0 */
	long at;		/* -1: does not matter */
	uint64_t attr_size;
	bool has_attr_size;
	uint64_t dev_size[FUSE_FAMFS_MAX_DAXDEVS];	/* 0: does not matter */
	struct msg msg;
};

/* The directory: from the environment (FMAP_CORPUS), or that of the sources. */
const char *corpus_dir(void);
/* Return: 0, or -1, having said why. */
int corpus_load(struct corpus_entry *entry, const char *name);
void corpus_free(struct corpus_entry *entry);

#endif /* CORPUS_H */
