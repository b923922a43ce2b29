/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A layout file as it is written: what libcyaml loads. Nothing is checked yet
 * but the shape; all values are text, for a message can then quote them.
 */
#ifndef FMAPFSD_RAW_H
#define FMAPFSD_RAW_H

#include <stddef.h>

#include "doc.h"

struct raw_device {
	char *path;
	char *nspace;
	char *daxdev;
};

struct raw_directory {
	char *path;
	char *mode;
	char *owner;
	char *group;
};

/* A simple extent or a strip. */
struct raw_extent {
	char *device;
	char *offset;
	char *length;
};

struct raw_stripe {
	char *chunk;
	char *bytes;
	struct raw_extent *strips;
	unsigned int nstrips;
};

struct raw_file {
	char *path;
	char *mode;
	char *owner;
	char *group;
	char *size;
	char *truncate;
	char *from;
	struct raw_extent *extents;
	unsigned int nextents;
	struct raw_stripe *stripe;
	struct raw_stripe *stripes;
	unsigned int nstripes;
};

struct raw_layout {
	struct raw_device *devices;
	unsigned int ndevices;
	struct raw_directory *directories;
	unsigned int ndirectories;
	struct raw_file *files;
	unsigned int nfiles;
};

/**
 * raw_load - check the shape of a layout file and load it
 * @text: the text of the file
 * @len: bytes of it
 * @doc: result: the same with its places; NULL if it is no YAML
 * @diag: takes all mistakes of shape
 *
 * Return: the layout, to be freed with raw_free(), perhaps with mistakes in
 * @diag all the same; NULL if it cannot be loaded.
 */
struct raw_layout *raw_load(const char *text, size_t len, struct doc **doc,
			    struct diag *diag);

/**
 * raw_free - free a layout
 * @raw: the layout, or NULL
 */
void raw_free(struct raw_layout *raw);

#endif /* FMAPFSD_RAW_H */
