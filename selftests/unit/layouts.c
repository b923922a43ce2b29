// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of layouts share. */
#include <errno.h>
#include <sys/stat.h>
#include "layouts.h"

unsigned int layout_dev_flags;

static const struct made_up {
	enum dev_by by;
	const char *value;
	const char *path;
	uint64_t id, start, size;
} made_up[] = {
	{ DEV_BY_PATH, "/dev/pmem0", "/dev/pmem0", 1, 0, GIB },
	{ DEV_BY_PATH, "/dev/pmem0p1", "/dev/pmem0p1", 1, GIB / 2, GIB / 2 },
	{ DEV_BY_PATH, "/dev/pmem0p2", "/dev/pmem0p2", 1, 0, GIB / 2 },
	{ DEV_BY_PATH, "/dev/pmem1", "/dev/pmem1", 2, 0, 4 * GIB },
	{ DEV_BY_NAMESPACE, LAYOUT_UUID, "/dev/pmem0", 1, 0, GIB },
	{ DEV_BY_DAXDEV, "dax0.0", "/dev/dax0.0", 3, 0, 2 * GIB },
};

/* A file that the test has made. */
static int resolve_file(const char *path, struct dev_info *out)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	strcpy(out->path, path);
	out->kind = DEV_PLAIN;
	out->id = st.st_ino;
	out->size = st.st_size;
	return 0;
}

/* In place of that of libfmapdev, which is not linked. */
int dev_resolve(const struct dev_spec *spec, unsigned int flags,
		struct dev_info *out)
{
	unsigned int i;

	layout_dev_flags = flags;
	memset(out, 0, sizeof(*out));
	for (i = 0; i < ARRAY_SIZE(made_up); i++)
		if (made_up[i].by == spec->by &&
		    !strcmp(made_up[i].value, spec->value)) {
			strcpy(out->path, made_up[i].path);
			out->id = made_up[i].id;
			out->start = made_up[i].start;
			out->size = made_up[i].size;
			return 0;
		}
	if (!strncmp(spec->value, "/tmp/", 5))
		return resolve_file(spec->value, out);
	if (!strcmp(spec->value, "dax1.0")) {
		strcpy(out->why, "is bound to device_dax\n  echo unbind");
		return -EBUSY;
	}
	strcpy(out->why, "there is none");
	return -ENODEV;
}

struct layout *layout_of(const char *text, char **mistakes)
{
	const struct layout_args args = { .source = "l" };
	struct timespec time = { .tv_sec = 1000000000 };
	struct diag *diag = diag_new("l");
	struct layout *layout;
	size_t size;
	FILE *out;

	layout = static_parse(text, strlen(text), &args, time, diag);
	out = open_memstream(mistakes, &size);
	diag_print(diag, out);
	fclose(out);
	assert_int_equal(!layout, diag_count(diag) > 0);
	diag_free(diag);
	return layout;
}

struct layout *layout_good(const char *text)
{
	char *mistakes;
	struct layout *layout = layout_of(text, &mistakes);

	assert_string_equal(mistakes, "");
	assert_non_null(layout);
	free(mistakes);
	return layout;
}
