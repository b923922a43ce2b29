// SPDX-License-Identifier: GPL-2.0-only
/*
 * The YAML layout of fmapfsd: all between the text and what is served.
 *
 *   1. There is a layout just if no mistake is reported; mistakes can be printed.
 *   2. Its nodes are a tree: each is found by its name in its directory, and is
 *      met once on the way through all of them; names are names.
 *   3. The map of each file is one that the kernel accepts, of the size that the
 *      file has, within its devices.
 *   4. No byte of any memory is in two places, by whatever names devices go; no
 *      two of these have any byte in common.
 *
 * The machine is made up: devices, users, files of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <fusefmap.h>
#include "fmap_core.h"
#include "fuzz.h"
#include "../unit/made_up.h"
#include "../../user/server/static.h"

#define MAX_RANGES	4096

static const struct layout_ops *const ops = &static_layout_ops;

/* --- the machine --- */

int dev_resolve(const struct dev_spec *spec, unsigned int flags,
		struct dev_info *out)
{
	(void)flags;
	if (made_up_device(spec, out))
		return 0;
	memset(out, 0, sizeof(*out));
	strcpy(out->why, "there is none");
	return -ENODEV;
}

int __wrap_open(const char *path, int flags, ...)
{
	if (!strcmp(path, "/etc/hostname"))
		return memfd_create("host", MFD_CLOEXEC);
	errno = strlen(path) % 2 ? ENOENT : EACCES;
	(void)flags;
	return -1;
}

struct passwd *__wrap_getpwnam(const char *name)
{
	static struct passwd root = { .pw_name = "root" };

	return strcmp(name, "root") ? NULL : &root;
}

struct group *__wrap_getgrnam(const char *name)
{
	static struct group root = { .gr_name = "root" };

	return strcmp(name, "root") ? NULL : &root;
}

/* --- what holds of a layout --- */

/* A range of some memory that a file has. */
struct range {
	uint64_t memory;
	uint64_t start;
	uint64_t len;
};

static struct range ranges[MAX_RANGES];
static size_t nranges;

static void take_range(struct layout *l, const struct fuse_famfs_simple_ext *se)
{
	const struct dev_info *dev;

	MUST(!ops->device(l, se->se_devindex, &dev));
	MUST(se->se_len && se->se_len % 4096 == 0 && se->se_offset % 4096 == 0);
	MUST(se->se_len <= dev->size);
	MUST(se->se_offset <= dev->size - se->se_len);
	/* What is beyond is compared no more: an input can be made to be so. */
	if (nranges < MAX_RANGES)
		ranges[nranges++] = (struct range) {
			dev->id, dev->start + se->se_offset, se->se_len,
		};
}

static void check_overlaps(void)
{
	size_t i, k;

	for (i = 0; i < nranges; i++)
		for (k = 0; k < i; k++)
			MUST(ranges[i].memory != ranges[k].memory ||
			     ranges[i].start + ranges[i].len <= ranges[k].start ||
			     ranges[k].start + ranges[k].len <= ranges[i].start);
}

static void check_map(struct layout *l, const struct fuse_fmap *fmap,
		      const struct stat *st)
{
	struct fuse_fmap_info info;
	struct fuse_famfs_simple_ext se;
	struct fmap_error err;
	struct fmap *kernels;
	uint32_t i;
	void *msg;

	fuse_fmap_get_info(fmap, &info);
	MUST(info.file_size == (uint64_t)st->st_size);
	MUST(info.covered >= info.file_size);
	msg = malloc(info.message_size);
	MUST(fuse_fmap_serialize(fmap, msg, info.message_size) ==
	     (int)info.message_size);
	MUST(!fmap_wanted_size(msg, info.message_size));
	MUST(!fmap_decode(msg, info.message_size, 4096, &kernels, &err));
	MUST(kernels->nruns == info.nranges);
	fmap_destroy(kernels);
	free(msg);
	for (i = 0; i < info.nranges; i++) {
		MUST(!fuse_fmap_range(fmap, i, &se));
		take_range(l, &se);
	}
}

static void check_file(struct layout *l, const struct stat *st)
{
	const struct fuse_fmap *fmap;
	int fd = -1;
	int rc = ops->fmap(l, st->st_ino, &fmap);

	MUST(S_ISREG(st->st_mode));
	MUST(ops->host(l, st->st_ino, &fd) == (rc ? 0 : -EOPNOTSUPP));
	if (!rc)
		check_map(l, fmap, st);
	else
		MUST(rc == -EOPNOTSUPP && fd >= 0);
}

static void check_dir(struct layout *l, uint64_t dir,
		      struct layout_counts *met)
{
	struct stat st, same;
	const char *name;
	uint64_t pos, parent;

	met->directories++;
	for (pos = 0; !ops->entry(l, dir, pos, &st, &name); pos++) {
		MUST(*name && !strchr(name, '/') && strlen(name) <= 255);
		MUST(strcmp(name, ".") && strcmp(name, ".."));
		MUST(!ops->lookup(l, dir, name, &same));
		MUST(same.st_ino == st.st_ino);
		MUST(!ops->getattr(l, st.st_ino, &same));
		MUST(same.st_mode == st.st_mode && same.st_size == st.st_size);
		if (S_ISDIR(st.st_mode)) {
			MUST(!ops->parent(l, st.st_ino, &parent));
			MUST(parent == dir);
			check_dir(l, st.st_ino, met);
		} else {
			met->files++;
			check_file(l, &st);
		}
	}
}

static void check_devices(struct layout *l)
{
	const struct dev_info *a, *b;
	unsigned int i, k;

	for (i = 0; !ops->device(l, i, &a); i++)
		for (k = 0; k < i; k++) {
			MUST(!ops->device(l, k, &b));
			MUST(a->id != b->id || a->start + a->size <= b->start ||
			     b->start + b->size <= a->start);
		}
	MUST(i <= FUSE_FAMFS_MAX_DAXDEVS);
}

static void check_layout(struct layout *l)
{
	struct layout_counts counts, met = { 0 };
	struct statvfs st = { 0 };

	nranges = 0;
	ops->count(l, &counts);
	check_devices(l);
	check_dir(l, 1, &met);
	MUST(met.files == counts.files);
	MUST(met.directories == counts.directories);
	check_overlaps();
	ops->statfs(l, &st);
	MUST(st.f_bfree <= st.f_blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct layout_args args = { .source = "l" };
	struct timespec time = { .tv_sec = 1000000000 };
	struct diag *diag = diag_new("l");
	/* Of just its size, so that ASan sees the first byte beyond. */
	char *text = malloc(size), *mistakes;
	struct layout *l;
	size_t len;
	FILE *out;

	memcpy(text, data, size);
	l = static_parse(text, size, &args, time, diag);
	free(text);
	MUST(!l == (diag_count(diag) > 0));
	out = open_memstream(&mistakes, &len);
	diag_print(diag, out);
	fclose(out);
	MUST(!l == (len > 0));
	free(mistakes);
	diag_free(diag);
	if (l) {
		check_layout(l);
		ops->destroy(l);
	}
	return 0;
}
