// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of layouts share. */
#include <errno.h>
#include <sys/stat.h>
#include "layouts.h"

unsigned int layout_dev_flags;

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
	layout_dev_flags = flags;
	if (made_up_device(spec, out))
		return 0;
	memset(out, 0, sizeof(*out));
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
