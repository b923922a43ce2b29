// SPDX-License-Identifier: GPL-2.0
/*
 * Listings that make no sense, by READDIR and READDIRPLUS.
 *
 * 1. A name that is empty, too long, or has a slash or a zero in it: EIO.
 *    (In-tree fuse lets a zero pass, and it cuts the name.)
 * 2. A record that is cut off is the end.
 * 3. A name whose entry is bad is listed; the entry is not used, its lookup is
 *    given back.
 * 4. Positions are the server's: if they lead nowhere, so does the listing, but
 *    whoever lists can stop.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hostile.h"

#define ENDLESS	1000

/* Entries of the directory d, at most ENDLESS of them. */
static long list_d(struct mnt *m)
{
	DIR *dir = opendir(in_mnt(m, "d"));
	long n = 0;

	TRUE(dir);
	errno = 0;
	while (n < ENDLESS && readdir(dir))
		n++;
	n = errno ? -errno : n;
	closedir(dir);
	return n;
}

/* Then what was listed is looked up as well. */
static long list_d_and_stat(struct mnt *m)
{
	long n = list_d(m);
	struct stat st;

	stat(in_mnt(m, "d/one"), &st);
	stat(in_mnt(m, "d/two"), &st);
	return n;
}

/* A record; what is in it is changed by whoever made it. */
static struct fuse_dirent *add(struct spoilt *sp, const char *name, size_t len)
{
	bool plus = sp->in->opcode == FUSE_READDIRPLUS;
	uint8_t *at = sp->body + sp->len;
	struct fuse_dirent *d = (void *)at;
	size_t size = FUSE_NAME_OFFSET + len;

	if (plus) {
		d = &((struct fuse_direntplus *)at)->dirent;
		size += sizeof(struct fuse_entry_out);
	}
	size = FUSE_DIRENT_ALIGN(size);
	memset(at, 0, size);
	if (plus)
		srv_fill_entry(tree()->f, (void *)at);
	d->ino = 77;
	d->off = sp->len + size;
	d->namelen = len;
	d->type = DT_REG;
	memcpy(d->name, name, len);
	sp->len += size;
	return d;
}

static struct fuse_entry_out *entry_before(struct fuse_dirent *d)
{
	return (struct fuse_entry_out *)d - 1;
}

/* A listing of two names: the case's one, then "two". The next is the end. */
static bool begin(struct spoilt *sp)
{
	const struct fuse_read_in *in = (const void *)(sp->in + 1);

	sp->len = 0;
	return !in->offset;
}

#define LISTING(fn, first, len, change)					\
	static void fn(struct spoilt *sp)				\
	{								\
		if (begin(sp)) {					\
			struct fuse_dirent *d = add(sp, first, len);	\
									\
			add(sp, "two", 3);				\
			change;						\
			(void)d;					\
		}							\
	}

static char long_name[2048];

static void __attribute__((constructor)) fill_long_name(void)
{
	memset(long_name, 'n', sizeof(long_name));
}

LISTING(name_empty, "one", 3, d->namelen = 0)
LISTING(name_slash, "o/e", 3, )
LISTING(name_zero, "o\0e", 3, )
LISTING(name_only_zero, "\0", 1, )
LISTING(name_300, long_name, 300, )
LISTING(name_1025, long_name, 1025, )
LISTING(name_most, "one", 3, d->namelen = ~0U)
LISTING(name_beyond, "one", 3, d->namelen = 255)
LISTING(name_wraps, "one", 3, d->namelen = -(uint32_t)FUSE_NAME_OFFSET)
LISTING(type_garbage, "one", 3, d->type = ~0U)
LISTING(ino_most, "one", 3, d->ino = ~0ULL)
LISTING(second_bad, "one", 3, ((struct fuse_dirent *)
	((uint8_t *)d + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 3) +
	 (sp->in->opcode == FUSE_READDIRPLUS ?
	  sizeof(struct fuse_entry_out) : 0)))->namelen = 0)
LISTING(cut_in_name, "one", 3, sp->len -= 8)
LISTING(cut_in_head, "one", 3, sp->len -= 16)
LISTING(same_name, "two", 3, )
LISTING(same_off, "one", 3, d->off = 0)

/* All lead to themselves. */
static void off_loops(struct spoilt *sp)
{
	sp->len = 0;
	add(sp, "one", 3)->off = 0;
}

static void off_negative(struct spoilt *sp)
{
	if (begin(sp))
		add(sp, "one", 3)->off = 1ULL << 63;
}

static void off_most(struct spoilt *sp)
{
	if (begin(sp))
		add(sp, "one", 3)->off = ~0ULL;
}

static void dots_only(struct spoilt *sp)
{
	if (begin(sp)) {
		add(sp, ".", 1);
		add(sp, "..", 2);
	}
}

static void no_readdirplus(struct srv *s)
{
	s->want &= ~FUSE_DO_READDIRPLUS;
}

#define PLAIN(what, fn, gives)						\
	{ .name = "readdir_reply_" what, .opcode = FUSE_READDIR,	\
	  .spoil = fn, .call = list_d, .want = { gives, 0 },		\
	  .prepare = no_readdirplus, .again = true }
#define PLUS(what, fn, gives)						\
	{ .name = "readdirplus_reply_" what, .opcode = FUSE_READDIRPLUS,	\
	  .spoil = fn, .call = list_d_and_stat, .want = { gives, 0 },	\
	  .again = true }
#define BOTH(what, fn, gives)	PLAIN(what, fn, gives), PLUS(what, fn, gives)

/* In-tree fuse takes it. */
#define STRICTER_IF(what, fn, leaks)					\
	{ .name = "readdir_reply_" what, .opcode = FUSE_READDIR,	\
	  .spoil = fn, .call = list_d, .want = { -EIO, 0 },		\
	  .prepare = no_readdirplus, .again = true,			\
	  .fuse_differs = true, .fuse = { 2, 0 } },			\
	{ .name = "readdirplus_reply_" what, .opcode = FUSE_READDIRPLUS,	\
	  .spoil = fn, .call = list_d_and_stat, .want = { -EIO, 0 },	\
	  .again = true, .fuse_differs = true, .fuse = { 2, 0 },	\
	  .fuse_leaks = leaks }
#define STRICTER(what, fn)	STRICTER_IF(what, fn, false)

static const struct hostile listings[] = {
	BOTH("of_an_empty_name", name_empty, -EIO),
	PLAIN("of_a_name_with_a_slash", name_slash, -EIO),
	/* In-tree fuse forgets none of the names. */
	{ .name = "readdirplus_reply_of_a_name_with_a_slash",
	  .opcode = FUSE_READDIRPLUS, .spoil = name_slash,
	  .call = list_d_and_stat, .want = { -EIO, 0 }, .again = true,
	  .fuse_leaks = true },
	STRICTER("of_a_name_with_a_zero", name_zero),
	STRICTER("of_a_name_that_is_zero", name_only_zero),
	BOTH("of_a_name_of_300_bytes", name_300, 2),
	/* In-tree fuse allows for more in newer kernels, and counts them. */
	STRICTER_IF("of_a_name_of_1025_bytes", name_1025, true),
	BOTH("of_a_name_of_4_gib", name_most, -EIO),
	BOTH("of_a_name_that_wraps", name_wraps, -EIO),
	BOTH("of_a_name_beyond_its_end", name_beyond, 0),
	BOTH("of_a_type_that_is_none", type_garbage, 2),
	BOTH("of_the_largest_inode_number", ino_most, 2),
	/* As always: what is good comes first, and then only the error. */
	BOTH("good_and_then_bad", second_bad, 1),
	BOTH("cut_off_in_a_name", cut_in_name, 1),
	BOTH("cut_off_in_a_head", cut_in_head, 1),
	BOTH("of_one_name_twice", same_name, 2),
	BOTH("of_offsets_that_go_back", same_off, 2),
	BOTH("of_offsets_that_loop", off_loops, ENDLESS),
	BOTH("of_a_negative_offset", off_negative, 1),
	BOTH("of_the_largest_offset", off_most, 1),
	BOTH("of_dots_only", dots_only, 2),
};
HOSTILE(listings)

/* The first name's entry is bad, the second one's is good. */
LISTING(entry_none, "one", 3, entry_before(d)->nodeid = 0)
LISTING(entry_root, "one", 3, entry_before(d)->nodeid = ROOT_ID)
LISTING(entry_mode, "one", 3, entry_before(d)->attr.mode = 0644)
LISTING(entry_size, "one", 3, entry_before(d)->attr.size = ~0ULL)
LISTING(entry_dir, "one", 3, entry_before(d)->attr.mode = S_IFDIR | 0755)
LISTING(entry_generation, "one", 3, entry_before(d)->generation = 5)
LISTING(entry_known, "one", 3, entry_before(d)->nodeid = tree()->a->id)
LISTING(entry_extreme, "one", 3, {
	memset(entry_before(d), 0xff, sizeof(struct fuse_entry_out));
	entry_before(d)->attr.mode = S_IFREG | 0777;
	entry_before(d)->attr.size = INT64_MAX; })
/* A directory within itself, and one that is its parent's parent. */
LISTING(entry_itself, "one", 3,
	srv_fill_entry(tree()->d, entry_before(d)))

static const struct hostile entries[] = {
	PLUS("without_a_node", entry_none, 2),
	PLUS("of_the_root", entry_root, 2),
	PLUS("of_no_type", entry_mode, 2),
	PLUS("of_a_negative_size", entry_size, 2),
	PLUS("of_another_type", entry_dir, 2),
	PLUS("of_another_generation", entry_generation, 2),
	PLUS("of_a_known_node", entry_known, 2),
	PLUS("of_extremes", entry_extreme, 2),
	PLUS("of_the_directory_itself", entry_itself, 2),
};
HOSTILE(entries)

/* LOOKUP of a name in d that is d. */
static void lookup_itself(struct spoilt *sp)
{
	srv_fill_entry(tree()->d, entry_of(sp));
	sp->h.error = 0;
	sp->len = sizeof(struct fuse_entry_out);
}

static long stat_in_d(struct mnt *m)
{
	int d = OK(open_in(m, "d", O_RDONLY | O_DIRECTORY));
	struct stat st;
	long rc;

	rc = CALL(fstatat(d, "f", &st, 0));
	OK(close(d));
	return rc;
}

static bool is_in_d(struct spoilt *sp)
{
	return sp->in->nodeid == tree()->d->id;
}

static void lookup_in_itself(struct spoilt *sp)
{
	if (is_in_d(sp))
		lookup_itself(sp);
}

/* The name a leads to the directory d, which then has two parents. */
static void lookup_moves(struct spoilt *sp)
{
	if (!strcmp((const char *)(sp->in + 1), "a"))
		lookup_itself(sp);
}

static long stat_both(struct mnt *m)
{
	int d = OK(open_in(m, "d", O_RDONLY | O_DIRECTORY));
	struct stat st;
	long rc = CALL(stat(in_mnt(m, "a"), &st));

	OK(fstat(d, &st));
	OK(fstatat(d, "f", &st, 0));
	OK(close(d));
	return rc;
}

static long mkdir_in_d(struct mnt *m)
{
	return CALL(mkdir(in_mnt(m, "d/new"), 0700));
}

static const struct hostile loops[] = {
	{ .name = "lookup_reply_of_the_directory_itself", .opcode = FUSE_LOOKUP,
	  .spoil = lookup_in_itself, .call = stat_in_d, .again = true,
	  .want = { -ELOOP, 0 } },
	{ .name = "lookup_reply_of_a_directory_of_another_name",
	  .opcode = FUSE_LOOKUP, .spoil = lookup_moves, .call = stat_both,
	  .again = true, .want = { 0, 0 } },
	{ .name = "mkdir_reply_of_the_directory_itself", .opcode = FUSE_MKDIR,
	  .spoil = lookup_itself, .call = mkdir_in_d, .want = { -ELOOP, 0 } },
};
HOSTILE(loops)
