// SPDX-License-Identifier: GPL-2.0
/*
 * fmaps that are not accepted: each row of the protocol's table.
 *
 * 1. An older file is mapped and holds a pattern.
 * 2. A file with a faulty fmap is opened: open(2) fails with the row's errno,
 *    fmap_refused goes up by one, no fmap is cached, the file still has none.
 * 3. The older file reads as before, by its mapping and by read(2).
 * 4. The server mends the fmap: the file can be opened and used.
 * 5. The kernel's log names the field and its value.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define OLD_AT	(64 * MIB)
#define OLD_LEN	(4 * MIB)
#define AT	(128 * MIB)	/* where a faultless extent lies */
#define SIMPLE	FUSE_FAMFS_EXT_SIMPLE
#define STRIPED	FUSE_FAMFS_EXT_INTERLEAVE

static struct msg good(void)
{
	return fmap_simple1(0, AT, MIB, MIB);
}

static struct fuse_famfs_simple_ext *ext_of(struct msg *m, int i)
{
	return (struct fuse_famfs_simple_ext *)(msg_header(m) + 1) + i;
}

/* Two strips of 1 MiB in chunks of 64 KiB, 2 MiB in all; all faultless. */
static struct msg striped(void)
{
	struct msg m = fmap_begin(STRIPED, 2 * MIB);

	msg_iext(&m, 2, 64 * KIB, 2 * MIB);
	msg_ext(&m, 0, AT, MIB);
	msg_ext(&m, 0, AT + 2 * MIB, MIB);
	return m;
}

static struct fuse_famfs_iext *iext_of(struct msg *m)
{
	return (struct fuse_famfs_iext *)(msg_header(m) + 1);
}

static struct fuse_famfs_simple_ext *strip_of(struct msg *m, int i)
{
	return (struct fuse_famfs_simple_ext *)(iext_of(m) + 1) + i;
}

/* @change of a faultless message; its first line says which. */
#define FAULTY(fn, start, change)					\
	static struct msg fn(void)					\
	{								\
		struct msg m = start;					\
									\
		change;							\
		return m;						\
	}

static void add_exts(struct msg *m, int n)
{
	while (n--)
		msg_ext(m, 0, AT + m->len * 2 * PAGE, PAGE);
}

static void add_strips(struct msg *m, uint32_t n)
{
	struct fuse_famfs_iext *ie = msg_iext(m, n, 4096, n * PAGE);

	(void)ie;
	while (n--)
		msg_ext(m, 0, AT + m->len * 2 * PAGE, PAGE);
	msg_header(m)->file_size = PAGE;
}

FAULTY(empty, good(), m.len = 0)
FAULTY(part_of_header, good(), m.len = 31)
FAULTY(header_only, good(), m.len = 32)
FAULTY(byte_short, good(), m.len--)
FAULTY(byte_long, good(), msg_add(&m, "x", 1))
FAULTY(extent_long, good(), { msg_ext(&m, 0, AT + MIB, MIB);
	msg_header(&m)->nextents = 1; })
FAULTY(strip_short, striped(), m.len -= 24)
FAULTY(strip_long, striped(), iext_of(&m)->ie_nstrips = 1)
FAULTY(version_0, good(), msg_header(&m)->fmap_version = 0)
FAULTY(version_2, good(), msg_header(&m)->fmap_version = 2)
FAULTY(ext_type_2, good(), msg_header(&m)->ext_type = 2)
FAULTY(file_type_3, good(), msg_header(&m)->file_type = 3)
FAULTY(nextents_0, good(), { m.len = 32; msg_header(&m)->nextents = 0; })
FAULTY(nextents_33, fmap_begin(SIMPLE, PAGE), add_exts(&m, 33))
FAULTY(nextents_65537, fmap_begin(SIMPLE, PAGE), { add_exts(&m, 65537);
	fmap_sized(&m); })
FAULTY(nextents_max, good(), msg_header(&m)->nextents = ~0U)
FAULTY(nstrips_0, striped(), iext_of(&m)->ie_nstrips = 0)
FAULTY(nstrips_33, fmap_begin(STRIPED, PAGE), add_strips(&m, 33))
FAULTY(nstrips_max, striped(), iext_of(&m)->ie_nstrips = ~0U)
FAULTY(iext_33, fmap_begin(STRIPED, PAGE), {
	for (int i = 0; i < 33; i++)
		add_strips(&m, 1);
	})
FAULTY(chunk_0, striped(), iext_of(&m)->ie_chunk_size = 0)
FAULTY(chunk_odd, striped(), iext_of(&m)->ie_chunk_size = 3 * PAGE)
FAULTY(chunk_small, striped(), iext_of(&m)->ie_chunk_size = 2048)
FAULTY(offset_odd, good(), ext_of(&m, 0)->se_offset += 512)
FAULTY(len_odd, good(), ext_of(&m, 0)->se_len += 1)
FAULTY(len_0, good(), { ext_of(&m, 0)->se_len = 0;
	msg_header(&m)->file_size = 0; })
FAULTY(strip_offset_odd, striped(), strip_of(&m, 1)->se_offset += 8)
FAULTY(strip_len_odd, striped(), strip_of(&m, 1)->se_len += 8)
FAULTY(strip_len_0, striped(), strip_of(&m, 1)->se_len = 0)
FAULTY(end_overflows, good(), ext_of(&m, 0)->se_offset = -PAGE)
FAULTY(sum_overflows, good(), { ext_of(&m, 0)->se_offset = 0;
	ext_of(&m, 0)->se_len = 1ULL << 63;
	msg_ext(&m, 0, 0, 1ULL << 63); })
FAULTY(strip_end_overflows, striped(), strip_of(&m, 0)->se_offset = -PAGE)
FAULTY(iext_sum_overflows, fmap_begin(STRIPED, PAGE), {
	for (int i = 0; i < 2; i++) {
		msg_iext(&m, 2, 4096, 1ULL << 63);
		msg_ext(&m, 0, 0, 1ULL << 62);
		msg_ext(&m, 0, 0, 1ULL << 62);
	} })
FAULTY(covers_less, good(), msg_header(&m)->file_size = MIB + 1)
FAULTY(nbytes_less, striped(), iext_of(&m)->ie_nbytes = 2 * MIB - PAGE)
FAULTY(nbytes_0, striped(), iext_of(&m)->ie_nbytes = 0)
FAULTY(strips_hold_less, striped(), strip_of(&m, 1)->se_len = MIB - PAGE)
FAULTY(past_device, good(), ext_of(&m, 0)->se_offset = pmem(0)->size - MIB / 2)
FAULTY(far_past_device, good(), ext_of(&m, 0)->se_offset = 1ULL << 50)
FAULTY(page_past_device, good(),
	ext_of(&m, 0)->se_offset = pmem(0)->size - MIB + PAGE)
FAULTY(strip_past_device, striped(), strip_of(&m, 1)->se_offset = pmem(0)->size)
FAULTY(index_64, good(), ext_of(&m, 0)->se_devindex = 64)
FAULTY(index_max, good(), ext_of(&m, 0)->se_devindex = ~0U)
FAULTY(index_unknown, good(), ext_of(&m, 0)->se_devindex = 5)
FAULTY(no_such_path, good(), ext_of(&m, 0)->se_devindex = 10)
FAULTY(char_device, good(), ext_of(&m, 0)->se_devindex = 11)
FAULTY(regular_file, good(), ext_of(&m, 0)->se_devindex = 12)
FAULTY(directory, good(), ext_of(&m, 0)->se_devindex = 13)
FAULTY(disk_without_dax, good(), ext_of(&m, 0)->se_devindex = 14)
FAULTY(endless_name, good(), ext_of(&m, 0)->se_devindex = 15)
FAULTY(second_index_unknown, good(), msg_ext(&m, 5, AT, MIB))
FAULTY(overlap, good(), ext_of(&m, 0)->se_offset = OLD_AT)
FAULTY(overlap_first_page, good(),
	ext_of(&m, 0)->se_offset = OLD_AT - MIB + PAGE)
FAULTY(overlap_last_page, good(),
	ext_of(&m, 0)->se_offset = OLD_AT + OLD_LEN - PAGE)
FAULTY(overlap_strip, striped(), strip_of(&m, 1)->se_offset = OLD_AT + MIB)
FAULTY(overlap_itself, good(), msg_ext(&m, 0, AT + MIB - PAGE, MIB))
FAULTY(overlap_own_strip, striped(), strip_of(&m, 1)->se_offset = AT)

static const struct row {
	const char *name;
	int error;
	struct msg (*make)(void);
} rows[] = {
	{ "fmap_reply_of_nothing_is_einval", EINVAL, empty },
	{ "fmap_with_part_of_a_header_is_einval", EINVAL, part_of_header },
	{ "fmap_without_its_extent_is_einval", EINVAL, header_only },
	{ "fmap_a_byte_short_is_einval", EINVAL, byte_short },
	{ "fmap_a_byte_long_is_einval", EINVAL, byte_long },
	{ "fmap_an_extent_long_is_einval", EINVAL, extent_long },
	{ "fmap_a_strip_short_is_einval", EINVAL, strip_short },
	{ "fmap_a_strip_long_is_einval", EINVAL, strip_long },
	{ "fmap_version_0_is_einval", EINVAL, version_0 },
	{ "fmap_version_2_is_einval", EINVAL, version_2 },
	{ "fmap_ext_type_2_is_einval", EINVAL, ext_type_2 },
	{ "fmap_file_type_3_is_einval", EINVAL, file_type_3 },
	{ "fmap_of_no_extents_is_erange", ERANGE, nextents_0 },
	{ "fmap_of_33_extents_is_erange", ERANGE, nextents_33 },
	{ "fmap_of_65537_extents_is_erange", ERANGE, nextents_65537 },
	{ "fmap_of_most_extents_is_erange", ERANGE, nextents_max },
	{ "fmap_of_33_interleaved_extents_is_erange", ERANGE, iext_33 },
	{ "fmap_of_no_strips_is_erange", ERANGE, nstrips_0 },
	{ "fmap_of_33_strips_is_erange", ERANGE, nstrips_33 },
	{ "fmap_of_most_strips_is_erange", ERANGE, nstrips_max },
	{ "fmap_chunk_size_0_is_einval", EINVAL, chunk_0 },
	{ "fmap_chunk_size_no_power_of_two_is_einval", EINVAL, chunk_odd },
	{ "fmap_chunk_size_below_a_page_is_einval", EINVAL, chunk_small },
	{ "fmap_offset_within_a_page_is_einval", EINVAL, offset_odd },
	{ "fmap_length_of_part_of_a_page_is_einval", EINVAL, len_odd },
	{ "fmap_length_0_is_einval", EINVAL, len_0 },
	{ "fmap_strip_offset_within_a_page_is_einval", EINVAL,
	  strip_offset_odd },
	{ "fmap_strip_length_of_part_of_a_page_is_einval", EINVAL,
	  strip_len_odd },
	{ "fmap_strip_length_0_is_einval", EINVAL, strip_len_0 },
	{ "fmap_extent_end_above_64_bits_is_eoverflow", EOVERFLOW,
	  end_overflows },
	{ "fmap_sum_above_64_bits_is_eoverflow", EOVERFLOW, sum_overflows },
	{ "fmap_strip_end_above_64_bits_is_eoverflow", EOVERFLOW,
	  strip_end_overflows },
	{ "fmap_interleaved_sum_above_64_bits_is_eoverflow", EOVERFLOW,
	  iext_sum_overflows },
	{ "fmap_that_covers_less_than_the_file_is_einval", EINVAL,
	  covers_less },
	{ "fmap_nbytes_below_the_file_size_is_einval", EINVAL, nbytes_less },
	{ "fmap_nbytes_0_is_einval", EINVAL, nbytes_0 },
	{ "fmap_strips_that_hold_less_than_nbytes_is_einval", EINVAL,
	  strips_hold_less },
	{ "fmap_extent_past_its_device_is_erange", ERANGE, past_device },
	{ "fmap_extent_far_past_its_device_is_erange", ERANGE,
	  far_past_device },
	{ "fmap_extent_a_page_past_its_device_is_erange", ERANGE,
	  page_past_device },
	{ "fmap_strip_past_its_device_is_erange", ERANGE, strip_past_device },
	{ "fmap_device_index_64_is_enodev", ENODEV, index_64 },
	{ "fmap_device_index_max_is_enodev", ENODEV, index_max },
	{ "fmap_device_that_cannot_be_named_is_enodev", ENODEV,
	  index_unknown },
	{ "fmap_device_path_that_is_missing_is_enodev", ENODEV, no_such_path },
	{ "fmap_device_that_is_dev_null_is_enodev", ENODEV, char_device },
	{ "fmap_device_that_is_a_file_is_enodev", ENODEV, regular_file },
	{ "fmap_device_that_is_a_directory_is_enodev", ENODEV, directory },
	{ "fmap_device_without_dax_is_enodev", ENODEV, disk_without_dax },
	{ "fmap_device_name_without_an_end_is_enodev", ENODEV, endless_name },
	{ "fmap_second_device_unknown_is_enodev", ENODEV,
	  second_index_unknown },
	{ "fmap_overlap_is_refused", EEXIST, overlap },
	{ "fmap_overlap_of_the_first_page_is_refused", EEXIST,
	  overlap_first_page },
	{ "fmap_overlap_of_the_last_page_is_refused", EEXIST,
	  overlap_last_page },
	{ "fmap_overlap_of_a_strip_is_refused", EEXIST, overlap_strip },
	{ "fmap_overlap_with_itself_is_refused", EEXIST, overlap_itself },
	{ "fmap_overlap_of_its_strips_is_refused", EEXIST,
	  overlap_own_strip },
};

static void name_devices(struct srv *s)
{
	srv_use_pmem(s);
	strcpy(s->dev[10], "/dev/no-such-device");
	strcpy(s->dev[11], "/dev/null");
	strcpy(s->dev[12], "/proc/self/exe");
	strcpy(s->dev[13], "/dev");
	strcpy(s->dev[14], "/dev/loop0");
	memset(s->dev[15], 'x', sizeof(s->dev[15]));
}

/* An older file, mapped and full of a pattern. */
struct old {
	int fd;
	uint8_t *p;
};

static struct old old_file(struct mnt *m)
{
	struct old o;

	o.fd = OK(open_in(m, "old", O_RDWR));
	o.p = map_huge(OLD_LEN, PROT_READ | PROT_WRITE, o.fd, 0);
	pat_fill(o.p, 7, 0, OLD_LEN);
	EQ(counter(m, "fmaps"), 1);
	return o;
}

static void check_old(struct mnt *m, struct old *o)
{
	uint8_t *buf = malloc(OLD_LEN);
	uint8_t *p;

	EQ(counter(m, "fmaps"), 1);
	PAT(o->p, 7, 0, OLD_LEN);
	EQ(pread(o->fd, buf, OLD_LEN, 0), OLD_LEN);
	PAT(buf, 7, 0, OLD_LEN);
	p = map_huge(OLD_LEN, PROT_READ, o->fd, 0);
	PAT(p, 7, 0, OLD_LEN);
	OK(munmap(p, OLD_LEN));
	RAW(pmem(0)->node, OLD_AT, 7, 0, OLD_LEN);
	free(buf);
}

static void check_usable(struct mnt *m)
{
	uint8_t *p;
	int fd = OK(open_in(m, "bad", O_RDWR));

	EQ(counter(m, "fmaps"), 2);
	p = map_huge(MIB, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 8, 0, MIB);
	RAW(pmem(0)->node, AT, 8, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(fd));
}

static void fmap_is_refused(const void *arg)
{
	const struct row *row = arg;
	struct srv *s = srv_new();
	struct msg msg = row->make();
	struct mnt *m;
	struct node *n;
	struct old o;

	if (row->make == disk_without_dax)
		EQ(system("modprobe loop max_loop=1"), 0);
	name_devices(s);
	srv_memfile(s, "old", fmap_simple1(0, OLD_AT, OLD_LEN, OLD_LEN));
	n = srv_memfile(s, "bad", good());
	srv_set_fmap(s, n, msg);
	if (msg.len >= 32)
		n->size = msg_header(&msg)->file_size;
	m = mnt_new(s);
	o = old_file(m);

	FAILS(row->error, open_in(m, "bad", O_RDWR));
	EQ(counter(m, "fmap_refused"), 1);
	check_old(m, &o);
	FAILS(row->error, open_in(m, "bad", O_RDONLY));
	EQ(counter(m, "fmap_refused"), 2);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 2);

	srv_set_fmap(s, n, good());
	n->size = MIB;
	check_usable(m);
	EQ(counter(m, "fmap_refused"), 2);
	OK(munmap(o.p, OLD_LEN));
	OK(close(o.fd));
	mnt_end(m);
}
TEST_ROWS(fmap_is_refused, rows)

/* What the kernel has logged since @fd was opened at its end. */
static bool log_has(int fd, const char *one, const char *two)
{
	char line[4096];
	ssize_t n;

	while ((n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		if (strstr(line, one) && strstr(line, two))
			return true;
	}
	return false;
}

TEST(refusal_names_the_field_and_the_value_in_the_log)
{
	struct srv *s = srv_new();
	int log = OK(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));
	struct t_deadline d = t_deadline();
	struct mnt *m;
	bool found;

	srv_memfile(s, "bad", chunk_odd());
	m = mnt_new(s);
	OK(lseek(log, 0, SEEK_END));
	/* Messages are rate-limited: some are dropped, but not for ever. */
	do {
		FAILS(EINVAL, open_in(m, "bad", O_RDONLY));
		found = log_has(log, "ie_chunk_size", "12288");
	} while (!found && t_pause(&d));
	TRUE(found);
	mnt_end(m);
}

TEST(neighbours_may_touch)
{
	struct srv *s = srv_new();
	struct mnt *m;
	int fd[3];

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, AT, MIB, MIB));
	srv_memfile(s, "b", fmap_simple1(0, AT + MIB, PAGE, PAGE));
	srv_memfile(s, "c", fmap_simple1(0, AT + MIB + PAGE, MIB, MIB));
	m = mnt_new(s);
	fd[0] = OK(open_in(m, "a", O_RDWR));
	fd[2] = OK(open_in(m, "c", O_RDWR));
	fd[1] = OK(open_in(m, "b", O_RDWR));
	EQ(counter(m, "fmaps"), 3);
	for (int i = 0; i < 3; i++)
		OK(close(fd[i]));
	mnt_end(m);
}

TEST(extent_may_end_where_its_device_does)
{
	struct srv *s = srv_new();
	uint64_t at = pmem(0)->size - MIB;
	struct mnt *m;
	uint8_t *p;
	int fd;

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, at, MIB, MIB));
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(MIB, PROT_READ | PROT_WRITE, fd, 0);
	pat_fill(p, 5, 0, MIB);
	RAW(pmem(0)->node, at, 5, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(fd));
	mnt_end(m);
}

/* The attributes say another size than the map: asked for anew, once. */
TEST(fmap_of_another_size_is_estale_after_one_getattr)
{
	struct srv *s = srv_new();
	struct node *n;
	struct mnt *m;
	struct stat st;
	int before;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", good());
	n->size = MIB - 1;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	before = srv_seen(s, FUSE_GETATTR);
	/* The VFS itself tries once more when it gets ESTALE. */
	FAILS(ESTALE, open_in(m, "a", O_RDONLY));
	TRUE(srv_seen(s, FUSE_GET_FMAP) <= 2);
	EQ(srv_seen(s, FUSE_GETATTR), before + srv_seen(s, FUSE_GET_FMAP));
	EQ(counter(m, "fmap_refused"), srv_seen(s, FUSE_GET_FMAP));
	EQ(counter(m, "fmaps"), 0);
	mnt_end(m);
}

TEST(fmap_of_the_size_in_fresh_attributes_is_accepted)
{
	struct srv *s = srv_new();
	struct node *n;
	struct mnt *m;
	struct stat st;
	int before, fd;

	srv_use_pmem(s);
	n = srv_memfile(s, "a", good());
	n->size = 77;
	m = mnt_new(s);
	OK(stat(in_mnt(m, "a"), &st));
	EQ(st.st_size, 77);
	n->size = MIB;
	before = srv_seen(s, FUSE_GETATTR);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(srv_seen(s, FUSE_GETATTR), before + 1);
	OK(fstat(fd, &st));
	EQ(st.st_size, MIB);
	OK(close(fd));
	mnt_end(m);
}
