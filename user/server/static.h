/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The static layout: a YAML file that lists devices and files.
 *
 *   raw.c (text) → static_devices.c → static_names.c, static_files.c →
 *   static_map.c → static_claims.c → static_load.c, static_ids.c (a layout) →
 *   static_ops.c (serves it)
 */
#ifndef FMAPFSD_STATIC_H
#define FMAPFSD_STATIC_H

#include <pthread.h>

#include <linux/fuse_fmap.h>
#include <uthash.h>

#include "layout.h"
#include "raw.h"

/**
 * struct node - a file or a directory
 * @path: below the root, without a slash at either end; the root's is empty
 * @name: the last component, within @path
 * @parent: node id
 * @first: directory: index of the first entry in struct layout.nodes; the others
 *	follow, by name
 * @nentries: directory: how many there are
 * @st: attributes; mode, owner and times guarded by struct layout.lock
 * @is_dir: constant, unlike the whole of @st.st_mode
 * @keep_size: truncation is accepted and changes nothing
 * @fmap: regular file: owned, or NULL
 * @host: regular file without fmap: owned fd of the host's file, or -1
 * @where: while loading: its path in the layout file, or NULL if it is implied
 * @hh: while loading: in struct draft.by_path
 */
struct node {
	char *path;
	const char *name;
	uint64_t parent;
	uint64_t first;
	uint64_t nentries;
	struct stat st;
	bool is_dir;
	bool keep_size;
	struct fuse_fmap *fmap;
	int host;
	char *where;
	UT_hash_handle hh;
};

/**
 * struct layout - a static layout
 * @nodes: the root, then what is in it, and so on; owned; immutable but for what
 *	struct node says
 * @by_id: the same, by node id
 * @digest: of the text that it was made from
 * @used: bytes of all devices that files cover
 */
struct layout {
	struct node **nodes;
	struct node **by_id;
	uint64_t nnodes;
	uint64_t digest;
	uint64_t nfiles;
	struct dev_info devices[FUSE_FAMFS_MAX_DAXDEVS];
	unsigned int ndevices;
	uint64_t used;
	pthread_mutex_t lock;
};

/* A range of a device that a file claims; @where as in struct node. */
struct claim {
	unsigned int dev;
	uint64_t off;
	uint64_t len;
	char *where;
};

/**
 * struct draft - a layout while its file is checked
 * @by_path: all nodes, the root included; owned until the layout has them
 * @time: what files are dated: the layout file's own time
 * @claims: all ranges that are right by themselves
 */
struct draft {
	const struct layout_args *args;
	const struct raw_layout *raw;
	const struct doc *doc;
	struct diag *diag;
	struct layout *layout;
	struct node *by_path;
	struct timespec time;
	struct claim *claims;
	size_t nclaims;
	size_t room;
};

/* In static_devices.c */
void draft_devices(struct draft *d);

/* In static_names.c */
void draft_names(struct draft *d);

/* In static_files.c: all but the name; mistakes are reported */
void draft_file(struct draft *d, const struct raw_file *raw, struct node *node);

/* In static_map.c: the fmap of one file, or NULL, with mistakes reported */
struct fuse_fmap *draft_map(struct draft *d, const struct raw_file *file,
			    const char *where, uint64_t size);

/* In static_claims.c: what several files want */
void draft_claim(struct draft *d, const struct fuse_famfs_simple_ext *range,
		 const char *where);
void draft_overlaps(struct draft *d);
void draft_free_claims(struct draft *d);

/*
 * In static_text.c: values as they are written. @where is the path of the
 * mapping that holds @key. False if the value is missing or wrong, and then it
 * is reported.
 */
bool draft_size(struct draft *d, const char *where, const char *key,
		const char *text, uint64_t *size);
bool draft_index(struct draft *d, const char *where, const char *key,
		 const char *text, unsigned int *index);
bool draft_mode(struct draft *d, const char *where, const char *text,
		mode_t *mode);
bool draft_owner(struct draft *d, const char *where, const char *text,
		 uid_t *uid);
bool draft_group(struct draft *d, const char *where, const char *text,
		 gid_t *gid);

/* In static_ids.c */
uint64_t text_digest(const char *text, size_t len);
uint64_t node_id(const char *path, bool is_dir);
const struct node *layout_index(struct layout *layout);
struct node *layout_node(const struct layout *layout, uint64_t id);

/* In static_load.c; static_parse() is static_load() of a text, for tests too. */
struct layout *static_load(const struct layout_args *args, FILE *err);
void static_destroy(struct layout *layout);
struct layout *static_parse(const char *text, size_t len,
			    const struct layout_args *args,
			    struct timespec time, struct diag *diag);
void node_free(struct node *node);

#endif /* FMAPFSD_STATIC_H */
