// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include "corpus.h"

const char *corpus_dir(void)
{
	const char *dir = getenv("FMAP_CORPUS");

	return dir ? dir : CORPUS_DIR;
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{ "EINVAL", EINVAL }, { "ERANGE", ERANGE },
		{ "EOVERFLOW", EOVERFLOW }, { "ENODEV", ENODEV },
		{ "EEXIST", EEXIST }, { "ESTALE", ESTALE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(name, errors[i].name))
			return -errors[i].error;
	return 0;
}

static int take_line(struct corpus_entry *entry, const char *line)
{
	unsigned long long a, b;
	char word[64];

	if (line[0] == '#' || line[0] == '\n')
		return 0;
	if (sscanf(line, "error %63s", word) == 1) {
		entry->error = error_of(word);
		return entry->error ? 0 : -1;
	}
	if (sscanf(line, "device %llu %llu", &a, &b) == 2 &&
	    a < FUSE_FAMFS_MAX_DAXDEVS) {
		entry->dev_size[a] = b;
		return 0;
	}
	if (sscanf(line, "attr-size %llu", &a) == 1) {
		entry->attr_size = a;
		entry->has_attr_size = true;
		return 0;
	}
	if (sscanf(line, "live %63s", entry->live) == 1 ||
	    sscanf(line, "field %63[^\n]", entry->field) == 1 ||
	    sscanf(line, "at %ld", &entry->at) == 1)
		return 0;
	return -1;
}

static int take_file(struct corpus_entry *entry, FILE *file)
{
	bool in_message = false;
	char line[512];
	int rc = 0;

	while (!rc && fgets(line, sizeof(line), file)) {
		if (in_message)
			rc = msg_hex(&entry->msg, line);
		else if (!strcmp(line, "message\n"))
			in_message = true;
		else
			rc = take_line(entry, line);
	}
	if (rc)
		print_error("%s: cannot read: %s", entry->name, line);
	else if (!in_message)
		print_error("%s: there is no message\n", entry->name);
	return in_message ? rc : -1;
}

int corpus_load(struct corpus_entry *entry, const char *name)
{
	char path[4096];
	FILE *file;
	int rc;

	*entry = (struct corpus_entry) { .at = -1 };
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s", corpus_dir(), name);
	file = fopen(path, "r");
	if (!file) {
		print_error("%s: %s\n", path, strerror(errno));
		return -1;
	}
	rc = take_file(entry, file);
	fclose(file);
	if (rc)
		corpus_free(entry);
	return rc;
}

void corpus_free(struct corpus_entry *entry)
{
	msg_free(&entry->msg);
}
