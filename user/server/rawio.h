/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading and writing devices oneself, for a server without fmaps: by pread(2)
 * and pwrite(2) on block devices and files, by mmap(2) on DAX character devices.
 */
#ifndef FMAPFSD_RAWIO_H
#define FMAPFSD_RAWIO_H

#include <stdint.h>
#include <sys/types.h>

#include "layout.h"

struct rawio;

/**
 * rawio_open - open all devices of a layout
 * @ops: the kind of layout
 * @layout: the layout
 *
 * Return: what the other functions want, to be closed with rawio_close(); NULL:
 * a device cannot be read and written, and the log says why.
 */
struct rawio *rawio_open(const struct layout_ops *ops, struct layout *layout);

/**
 * rawio_read, rawio_write - a range of a file
 * @raw: the devices
 * @fmap: where the file lies
 * @buf: to, from
 * @size: bytes, within what the fmap covers
 * @off: bytes from the start of the file
 *
 * Thread-safe. Return: 0 or -errno.
 */
int rawio_read(struct rawio *raw, const struct fuse_fmap *fmap, char *buf,
	       size_t size, off_t off);
int rawio_write(struct rawio *raw, const struct fuse_fmap *fmap,
		const char *buf, size_t size, off_t off);

/**
 * rawio_sync - bring to the devices what was written to a file
 * @raw: the devices
 * @fmap: where the file lies
 *
 * Thread-safe. Return: 0 or -errno.
 */
int rawio_sync(struct rawio *raw, const struct fuse_fmap *fmap);

/**
 * rawio_close - close all devices
 * @raw: the devices, or NULL
 */
void rawio_close(struct rawio *raw);

#endif /* FMAPFSD_RAWIO_H */
