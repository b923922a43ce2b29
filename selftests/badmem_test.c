// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that fails, and who is hit. It is made to by MADV_HWPOISON and by the
 * files with which the kernel lets a page be taken offline; on each device of the
 * machine but devdax.
 *
 * 1. Just the page is lost. Who has it mapped gets SIGBUS with its address: at
 *    once if he wants to (PR_MCE_KILL), else when he touches it; nobody else does.
 *    All around it, and all other files, go on, also where 2 MiB were mapped.
 * 2. read, write, splice and copy_file_range end before it, and there are EIO.
 * 3. What was stored there and not synced is an error of fsync, once.
 * 4. An interleaved file loses the page of that strip only.
 * 5. bad_memory in sysfs has it; see also badclear_test.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/badfiles.h"

/* --- who is hit --- */

static void spoil(const struct files *f, enum poison how, uint64_t bad)
{
	/* First those that may get entries of 2 MiB. */
	struct viewer *huge = viewer_new(f->a, 1, 0, LEN, VIEW_EARLY | VIEW_HUGE);
	struct viewer *other = viewer_new(f->b, 2, 0, LEN, VIEW_EARLY | VIEW_HUGE);
	struct viewer *before = viewer_new(f->a, 1, 0, bad, VIEW_EARLY | VIEW_HUGE);
	struct viewer *early = viewer_new(f->a, 1, 0, LEN, VIEW_EARLY);
	struct viewer *late = viewer_new(f->a, 1, bad, PAGE, 0);
	struct viewer *after = viewer_new(f->a, 1, bad + PAGE, PAGE, VIEW_EARLY);
	struct viewer *private = viewer_new(f->a, 1, bad - PAGE, 3 * PAGE,
					    VIEW_PRIVATE);
	struct viewer *copied = viewer_new(f->a, 1, bad - PAGE, 3 * PAGE,
					   VIEW_PRIVATE | VIEW_COPIED);

	poison(how, f->a, bad);
	/* At once. The size is that of the entry, which is gone. */
	viewer_was_told(early, bad, 12);
	viewer_was_told(huge, bad, 21);
	viewer_was_not_told(late);
	viewer_was_not_told(private);
	viewer_was_not_told(before);
	viewer_was_not_told(after);
	viewer_was_not_told(other);
	/* When it is touched. */
	viewer_loses(early, bad);
	viewer_loses(huge, bad);
	viewer_loses(late, bad);
	viewer_loses(private, bad);
	viewer_loses(copied, NOTHING);
	viewer_loses(before, NOTHING);
	viewer_loses(after, NOTHING);
	viewer_loses(other, NOTHING);
	viewers_end();
}

static void spoil_in_each_way(const struct removable *r)
{
	static const uint64_t bad[] = { BAD, 4 * MIB, LEN - 2 * PAGE };
	uint64_t off[3];

	for (int how = 0; how < 3; how++) {
		struct files f = files_new(r);

		files_list_none(&f);
		spoil(&f, how, bad[how]);
		only_bad(f.a, 1, bad[how]);
		check_read(f.b, 2, 0, LEN);
		off[how] = AT + bad[how];
		files_list_one(&f, off[how]);
		files_end(&f);
		give_back(r);
	}
}

TEST(only_mappers_of_the_page_get_sigbus)
{
	with_each_device(spoil_in_each_way);
}

/* There is nobody whom the kernel tells; then it unmaps nothing. */
static void spoil_unheard(const struct removable *r)
{
	struct files f = files_new(r);
	struct viewer *huge = viewer_new(f.a, 1, 0, LEN, VIEW_HUGE);
	struct viewer *small = viewer_new(f.a, 1, 0, LEN, 0);

	poison(OFFLINED, f.a, BAD);
	viewer_loses(huge, BAD);
	viewer_loses(small, BAD);
	viewers_end();
	files_end(&f);
}

TEST(who_does_not_want_to_know_gets_sigbus_when_he_touches_it)
{
	with_each_device(spoil_unheard);
}

static void use_it_otherwise(const struct removable *r)
{
	struct files f = files_new(r);
	uint8_t *p = map_huge(LEN, RW, f.a, 0);
	int tmp = OK(open("/run", O_TMPFILE | O_RDWR, 0600)), ends[2];
	loff_t in = BAD - PAGE, to = 0;

	PAT(p, 1, 0, LEN);
	poison(MADVISED, f.a, BAD);
	OK(pipe(ends));
	EQ(splice(f.a, &in, ends[1], NULL, 4 * PAGE, 0), PAGE);
	FAILS(EIO, splice(f.a, &in, ends[1], NULL, PAGE, 0));
	in = BAD - 2 * PAGE;
	EQ(copy_file_range(f.a, &in, f.b, &to, 4 * PAGE, 0), 2 * PAGE);
	FAILS(EIO, copy_file_range(f.a, &in, f.b, &to, PAGE, 0));
	in = 0;
	to = BAD;
	FAILS(EIO, copy_file_range(f.b, &in, f.a, &to, PAGE, 0));
	/* The buffer of another read or write. */
	FAILS(EFAULT, pwrite(tmp, p + BAD, PAGE, 0));
	EQ(pwrite(tmp, p + BAD + PAGE, PAGE, 0), PAGE);
	FAILS(EFAULT, pread(tmp, p + BAD, PAGE, 0));
	EQ(try_write(p + BAD, 1), BUS_MCEERR_AR);
	EQ(try_write(p + BAD - PAGE, 1), 0);
	OK(munmap(p, LEN));
	/* An entry of 2 MiB there, made anew, would take its neighbours along. */
	p = map_huge(LEN, RW, f.a, 0);
	EQ(try_read(p + BAD), BUS_MCEERR_AR);
	PAT(p + BAD + PAGE, 1, BAD + PAGE, LEN - BAD - PAGE);
	OK(munmap(p, LEN));
	OK(close(tmp));
	OK(close(ends[0]));
	OK(close(ends[1]));
	files_end(&f);
}

TEST(other_calls_end_before_the_page)
{
	with_each_device(use_it_otherwise);
}

static void lose_what_is_dirty(const struct removable *r)
{
	struct files f = files_new(r);
	uint8_t *p = map_huge(LEN, RW, f.a, 0);

	OK(fsync(f.a));
	p[BAD] = 1;
	poison(MADVISED, f.a, BAD);
	/* What was stored there is lost: said once. */
	FAILS(EIO, fsync(f.a));
	p[BAD + PAGE] = 1;
	OK(fsync(f.a));
	OK(munmap(p, LEN));
	files_end(&f);
}

TEST(fsync_tells_that_data_are_lost)
{
	with_each_device(lose_what_is_dirty);
}

static void offline_softly(const struct removable *r)
{
	struct files f = files_new(r);
	uint8_t *p = map_huge(LEN, RW, f.a, 0);

	PAT(p, 1, 0, LEN);
	FAILS(EIO, madvise(p + BAD, PAGE, MADV_SOFT_OFFLINE));
	FAILS(EIO, offline_page(p + BAD, "soft_offline_page"));
	PAT(p, 1, 0, LEN);
	check_read(f.a, 1, 0, LEN);
	files_list_none(&f);
	OK(munmap(p, LEN));
	files_unmount(&f);
}

TEST(page_cannot_be_taken_offline_softly)
{
	with_each_device(offline_softly);
}

/* --- an interleaved file --- */

#define CHUNK	(2 * MIB)

static void spoil_a_strip(const struct removable *r)
{
	struct msg m = fmap_begin(FUSE_FAMFS_EXT_INTERLEAVE, LEN);
	struct files f = { .r = r };
	struct srv *s = srv_new();
	/* The second chunk of the second strip: the file's fourth. */
	uint64_t bad = 3 * CHUNK + 7 * PAGE;

	msg_iext(&m, 2, CHUNK, LEN);
	msg_ext(&m, 0, AT, LEN / 2);
	msg_ext(&m, 0, AT + LEN, LEN / 2);
	strcpy(s->dev[0], r->dev->node);
	srv_memfile(s, "a", m);
	srv_memfile(s, "b", fmap_simple1(0, AT + 2 * LEN, LEN, LEN));
	f.m = mnt_new_dev(s, MNT_OPTS, &f.dev);
	f.a = OK(open_in(f.m, "a", O_RDWR));
	f.b = OK(open_in(f.m, "b", O_RDWR));
	fill_file(f.a, 1);
	fill_file(f.b, 2);
	spoil(&f, OFFLINED, bad);
	only_bad(f.a, 1, bad);
	files_list_one(&f, AT + LEN + CHUNK + 7 * PAGE);
	files_end(&f);
}

TEST(interleaved_file_loses_one_page)
{
	with_each_device(spoil_a_strip);
}
