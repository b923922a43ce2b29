// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each file of the corpus, a test of its own, through the library.
 *
 *   1. good-*: is accepted; encoding what was decoded gives the message again,
 *      but for reserved fields, which are zero, and the dialect, which is plain
 *      where that can be.
 *   2. bad-*: is refused with the error that the file names, at the byte and for
 *      the field that it names; nothing is handed out.
 *   3. A message that a file refers to as live is there.
 *
 * What only the kernel knows (attributes) is checked as far as it goes here:
 * the message by itself is good.
 */
#include <dirent.h>
#include <errno.h>
#include "corpus.h"
#include "fusefmap.h"

static int check_devices(const struct corpus_entry *entry,
			 const struct fuse_fmap *fmap,
			 struct fuse_fmap_error *err)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS && !rc; i++)
		if (entry->dev_size[i])
			rc = fuse_fmap_check_device(fmap, i,
						    entry->dev_size[i], err);
	return rc;
}

/* Does it overlap what is live, or itself? */
static int check_overlaps(const struct corpus_entry *entry,
			  const struct fuse_fmap *fmap)
{
	const struct fuse_fmap *both[2] = { fmap };
	struct corpus_entry live;
	struct fuse_fmap *other;
	int rc;

	if (!entry->live[0])
		return fuse_fmap_overlaps(both, 1, NULL);
	assert_int_equal(corpus_load(&live, entry->live), 0);
	assert_int_equal(fuse_fmap_parse(&other, live.msg.bytes, live.msg.len,
					 NULL), 0);
	both[1] = other;
	rc = fuse_fmap_overlaps(both, 2, NULL);
	fuse_fmap_free(other);
	corpus_free(&live);
	return rc;
}

/* Reserved fields zero, and the plain dialect where that can be. */
static void normalize(struct msg *msg, const struct fuse_fmap *fmap)
{
	struct fuse_famfs_fmap_header *h = (void *)msg->bytes;
	struct fuse_fmap_info info;
	uint8_t *at = msg->bytes + sizeof(*h);
	uint32_t i, strip, n;

	fuse_fmap_get_info(fmap, &info);
	h->reserved = 0;
	h->reserved1 = 0;
	if (info.nextents <= FUSE_FAMFS_MAX_EXTENTS &&
	    info.nranges <= FUSE_FAMFS_MAX_STRIPS)
		h->reserved0 = 0;
	for (i = 0; i < info.nextents; i++) {
		n = 1;
		if (info.ext_type == FUSE_FAMFS_EXT_INTERLEAVE) {
			struct fuse_famfs_iext *ie = (void *)at;

			ie->reserved = 0;
			n = ie->ie_nstrips;
			at += sizeof(*ie);
		}
		for (strip = 0; strip < n; strip++) {
			((struct fuse_famfs_simple_ext *)at)->reserved = 0;
			at += sizeof(struct fuse_famfs_simple_ext);
		}
	}
}

static void assert_round_trip(struct corpus_entry *entry,
			      const struct fuse_fmap *fmap)
{
	uint8_t *buf = malloc(entry->msg.len);

	assert_int_equal(fuse_fmap_serialize(fmap, buf, entry->msg.len),
			 entry->msg.len);
	normalize(&entry->msg, fmap);
	assert_memory_equal(buf, entry->msg.bytes, entry->msg.len);
	free(buf);
}

static void corpus_entry_is_judged_rightly(void **state)
{
	struct corpus_entry *entry = *state;
	struct fuse_fmap_error err = { .field = "" };
	struct fuse_fmap *fmap = NULL;
	int rc;

	rc = fuse_fmap_parse(&fmap, entry->msg.bytes, entry->msg.len, &err);
	if (rc)
		assert_null(fmap);
	assert_int_equal(fuse_fmap_check(entry->msg.bytes, entry->msg.len,
					 NULL), rc);
	if (!rc)
		rc = check_devices(entry, fmap, &err);
	if (!rc)
		rc = check_overlaps(entry, fmap);
	if (entry->error == -ESTALE) {
		struct fuse_fmap_info info;

		assert_int_equal(rc, 0);
		fuse_fmap_get_info(fmap, &info);
		assert_true(entry->has_attr_size);
		assert_int_not_equal(info.file_size, entry->attr_size);
	} else {
		if (rc != entry->error)
			print_error("%s at %zu is %#llx, should be %s\n",
				    err.field, err.at,
				    (unsigned long long)err.value, err.rule);
		assert_int_equal(rc, entry->error);
	}
	if (rc && entry->at >= 0)
		assert_int_equal(err.at, entry->at);
	if (rc && entry->field[0])
		assert_string_equal(err.field, entry->field);
	if (!rc && !entry->error)
		assert_round_trip(entry, fmap);
	fuse_fmap_free(fmap);
}

/* good- and bad- are what the name says. */
static void check_name(const struct corpus_entry *entry)
{
	bool good = !strncmp(entry->name, "good-", 5);
	bool bad = !strncmp(entry->name, "bad-", 4);

	if (good == bad || good != !entry->error) {
		print_error("%s: name and error do not agree\n", entry->name);
		exit(EXIT_FAILURE);
	}
}

static int is_entry(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int main(void)
{
	struct corpus_entry *entries;
	struct CMUnitTest *tests;
	struct dirent **names;
	int i, rc, n = scandir(corpus_dir(), &names, is_entry, alphasort);

	if (n < 30) {
		print_error("%s: the corpus is not there\n", corpus_dir());
		return EXIT_FAILURE;
	}
	entries = calloc(n, sizeof(*entries));
	tests = calloc(n, sizeof(*tests));
	for (i = 0; i < n; i++) {
		if (corpus_load(&entries[i], names[i]->d_name))
			return EXIT_FAILURE;
		check_name(&entries[i]);
		tests[i] = (struct CMUnitTest) {
			.name = entries[i].name,
			.test_func = corpus_entry_is_judged_rightly,
			.initial_state = &entries[i],
		};
		free(names[i]);
	}
	free(names);
	rc = _cmocka_run_group_tests("corpus", tests, n, NULL, NULL);
	for (i = 0; i < n; i++)
		corpus_free(&entries[i]);
	free(entries);
	free(tests);
	return rc;
}
