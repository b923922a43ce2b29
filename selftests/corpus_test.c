// SPDX-License-Identifier: GPL-2.0
/*
 * The corpus of fmap messages, served to the kernel.
 *
 * 1. Each file of corpus/ is a case: a message and the error that it must get.
 * 2. A server sends it for a file; open(2) gets that error, or succeeds and the
 *    ioctl gives the message back.
 * 3. Where the corpus invents devices, the real ones decide: their sizes, and that
 *    several indices may stand for one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fmapfs.h>

#include "lib/env.h"

#define MAX_RUNS	256

struct entry {
	int error;
	bool has_size;
	uint64_t size;		/* in the file's attributes */
	char live[64];		/* another file, that is open */
	struct msg msg;
};

static char corpus[4096];

static int error_named(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{ "EINVAL", EINVAL }, { "ERANGE", ERANGE },
		{ "EOVERFLOW", EOVERFLOW }, { "ENODEV", ENODEV },
		{ "EEXIST", EEXIST }, { "ESTALE", ESTALE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(name, errors[i].name))
			return errors[i].error;
	FAIL("unknown error %s", name);
}

static struct entry load(const char *name)
{
	char path[4400], line[1024], word[64];
	struct entry e = { 0 };
	bool hex = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", corpus, name);
	f = fopen(path, "r");
	TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		if (hex) {
			struct msg part = msg_from_hex(line);

			msg_add(&e.msg, part.buf, part.len);
		} else if (!strcmp(line, "message\n")) {
			hex = true;
		} else if (sscanf(line, "error %63s", word) == 1) {
			e.error = error_named(word);
		} else if (sscanf(line, "attr-size %lu", &e.size) == 1) {
			e.has_size = true;
		} else {
			sscanf(line, "live %63s", e.live);
		}
	}
	fclose(f);
	TRUE(hex);
	return e;
}

/* Even indices are the first device, odd ones the second. */
static const struct daxdev *device(uint32_t index)
{
	return pmem(index % 2);
}

struct run {
	const struct daxdev *dev;
	uint64_t off, len;
};

/* The ranges of a message without a fault. */
static int runs_of(const struct msg *m, struct run *runs)
{
	const struct fuse_famfs_fmap_header *h = (const void *)m->buf;
	const uint8_t *at = m->buf + sizeof(*h);
	uint32_t strips = 0;
	int n = 0;

	while (at < m->buf + m->len) {
		const struct fuse_famfs_simple_ext *se = (const void *)at;

		if (h->ext_type == FUSE_FAMFS_EXT_INTERLEAVE && !strips) {
			strips = ((const struct fuse_famfs_iext *)at)->ie_nstrips;
			at += sizeof(struct fuse_famfs_iext);
			continue;
		}
		strips -= !!strips;
		at += sizeof(*se);
		TRUE(n < MAX_RUNS);
		runs[n++] = (struct run){ device(se->se_devindex),
					  se->se_offset, se->se_len };
	}
	return n;
}

/* What such a message gets from the devices that there really are. */
static int error_by_devices(const struct msg *m)
{
	struct run r[MAX_RUNS];
	int n = runs_of(m, r), i, k;

	for (i = 0; i < n; i++)
		if (r[i].len > r[i].dev->size ||
		    r[i].off > r[i].dev->size - r[i].len)
			return ERANGE;
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			if (r[i].dev == r[k].dev &&
			    r[i].off < r[k].off + r[k].len &&
			    r[k].off < r[i].off + r[i].len)
				return EEXIST;
	return 0;
}

static struct node *add_file(struct srv *s, const char *name,
			     const struct entry *e)
{
	struct node *n = srv_node(s, ROOT_ID, name, S_IFREG | 0644);

	srv_set_fmap(s, n, e->msg);
	if (e->msg.len >= sizeof(struct fuse_famfs_fmap_header))
		n->size = ((struct fuse_famfs_fmap_header *)e->msg.buf)->file_size;
	if (e->has_size)
		n->size = e->size;
	/* What no attributes can say is refused before they are looked at. */
	if (n->size > INT64_MAX)
		n->size = 0;
	return n;
}

/* What comes back: the message, but reserved fields, and the plain dialect. */
static void check_ioctl(int fd, const struct msg *m)
{
	uint8_t *buf = malloc(m->len);
	struct fmapfs_get_fmap arg = { (uintptr_t)buf, m->len, 0 };
	struct fuse_famfs_fmap_header *got = (void *)buf;
	const struct fuse_famfs_fmap_header *sent = (const void *)m->buf;

	OK(ioctl(fd, FMAPFS_IOC_GET_FMAP, &arg));
	EQ(arg.size, m->len);
	EQ(got->file_size, sent->file_size);
	EQ(got->file_type, sent->file_type);
	EQ(got->ext_type, sent->ext_type);
	EQ(got->nextents, sent->nextents);
	EQ(got->reserved, 0);
	EQ(got->reserved1, 0);
}

static void corpus_file_gets_its_error(const void *name)
{
	struct entry e = load(name), live;
	struct srv *s = srv_new();
	struct mnt *m;
	int want = e.error, fd = -1;

	/* An end past the device: of which, the corpus has invented. */
	if (!want || (want == ERANGE && strstr(name, "device")))
		want = error_by_devices(&e.msg);
	for (int i = 0; i < 64; i++)
		strcpy(s->dev[i], device(i)->node);
	add_file(s, "a", &e);
	if (e.live[0]) {
		live = load(e.live);
		add_file(s, "live", &live);
	}
	m = mnt_new(s);
	if (e.live[0])
		fd = OK(open_in(m, "live", O_RDONLY));
	if (want) {
		FAILS(want, open_in(m, "a", O_RDONLY));
		EQ(counter(m, "fmaps"), !!e.live[0]);
	} else {
		int a = OK(open_in(m, "a", O_RDONLY));

		check_ioctl(a, &e.msg);
		OK(close(a));
	}
	if (e.live[0])
		OK(close(fd));
	mnt_end(m);
}

static int is_case(const struct dirent *e)
{
	return !strncmp(e->d_name, "good-", 5) || !strncmp(e->d_name, "bad-", 4);
}

static void __attribute__((constructor)) add_corpus(void)
{
	struct dirent **list;
	int i, n;

	n = readlink("/proc/self/exe", corpus, sizeof(corpus) - 8);
	corpus[n < 0 ? 0 : n] = 0;
	strcat(dirname(corpus), "/corpus");
	n = scandir(corpus, &list, is_case, alphasort);
	/* With none of them the plan is empty, which is a failure. */
	for (i = 0; i < n; i++)
		t_add(list[i]->d_name, corpus_file_gets_its_error,
		      list[i]->d_name);
}
