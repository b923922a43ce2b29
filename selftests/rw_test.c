// SPDX-License-Identifier: GPL-2.0
/*
 * read(2), write(2) and their kin on files with an fmap.
 *
 * 1. They go straight to the memory: no request, and the bytes are counted.
 * 2. Reads end at the end of the file, writes as well: ENOSPC beyond it, short
 *    across it. The file never grows. A resource limit ends them as well.
 * 3. Any buffer will do: vectors, other DAX files, the same file's mapping,
 *    pages that must be faulted in, none at all.
 * 4. FIEMAP and statx tell what the file is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define LEN	(4 * MIB)
#define SIZE	(3 * MIB + 777)
#define RW	(PROT_READ | PROT_WRITE)

static struct mnt *mnt_with_file(int *fd, int flags)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, AT, LEN, SIZE));
	srv_memfile(s, "b", fmap_simple1(1, AT, LEN, SIZE));
	m = mnt_new(s);
	*fd = OK(open_in(m, "a", O_RDWR | flags));
	return m;
}

static void end(struct mnt *m, int fd)
{
	OK(close(fd));
	mnt_end(m);
}

TEST(reads_and_writes_need_no_server_and_are_counted)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t *buf = malloc(LEN);

	pat_fill(buf, 1, 0, SIZE);
	EQ(write(fd, buf, SIZE), SIZE);
	EQ(counter(m, "write_bytes"), SIZE);
	RAW(pmem(0)->node, AT, 1, 0, SIZE);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	memset(buf, 0, LEN);
	EQ(read(fd, buf, LEN), SIZE);
	PAT(buf, 1, 0, SIZE);
	EQ(read(fd, buf, LEN), 0);
	EQ(counter(m, "read_bytes"), SIZE);
	EQ(pread(fd, buf, 5, 4094), 5);
	PAT(buf, 1, 4094, 5);
	EQ(counter(m, "read_bytes"), SIZE + 5);
	EQ(srv_seen(m->srv, FUSE_READ) + srv_seen(m->srv, FUSE_WRITE), 0);
	EQ(counter(m, "fault_pte") + counter(m, "fault_pmd"), 0);
	end(m, fd);
}

TEST(writes_end_where_the_file_does)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t buf[100];
	struct stat st;

	raw_fill(pmem(0)->node, AT, 2, 0, LEN);
	pat_fill(buf, 3, SIZE - 30, sizeof(buf));
	EQ(pwrite(fd, buf, 100, SIZE - 30), 30);
	FAILS(ENOSPC, pwrite(fd, buf, 1, SIZE));
	FAILS(ENOSPC, pwrite(fd, buf, 1, SIZE + PAGE));
	FAILS(ENOSPC, pwrite(fd, buf, 1, 1ULL << 40));
	EQ(pwrite(fd, buf, 0, SIZE), 0);
	RAW(pmem(0)->node, AT + SIZE - 30, 3, SIZE - 30, 30);
	RAW(pmem(0)->node, AT + SIZE, 2, SIZE, LEN - SIZE);
	RAW(pmem(0)->node, AT, 2, 0, SIZE - 30);
	OK(fstat(fd, &st));
	EQ(st.st_size, SIZE);
	EQ(counter(m, "write_bytes"), 30);
	end(m, fd);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

TEST(writes_end_at_the_resource_limit)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	const struct rlimit limit = { MIB, RLIM_INFINITY };
	struct rlimit old;
	uint8_t buf[100];

	pat_fill(buf, 4, MIB - 30, sizeof(buf));
	OK(getrlimit(RLIMIT_FSIZE, &old));
	TRUE(signal(SIGXFSZ, on_signal) != SIG_ERR);
	OK(setrlimit(RLIMIT_FSIZE, &limit));
	EQ(pwrite(fd, buf, 100, MIB - 30), 30);
	/* Only who writes nothing but what is beyond it gets the signal. */
	EQ(signals, 0);
	FAILS(EFBIG, pwrite(fd, buf, 100, MIB));
	EQ(signals, 1);
	OK(setrlimit(RLIMIT_FSIZE, &old));
	RAW(pmem(0)->node, AT + MIB - 30, 4, MIB - 30, 30);
	end(m, fd);
}

TEST(reads_end_where_the_file_does)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t buf[100];

	raw_fill(pmem(0)->node, AT, 2, 0, LEN);
	memset(buf, 0x5a, sizeof(buf));
	EQ(pread(fd, buf, 100, SIZE - 30), 30);
	PAT(buf, 2, SIZE - 30, 30);
	EQ(buf[30], 0x5a);
	EQ(pread(fd, buf, 100, SIZE), 0);
	EQ(pread(fd, buf, 100, 1ULL << 40), 0);
	FAILS(EINVAL, pread(fd, buf, 100, -1));
	EQ(lseek(fd, 0, SEEK_END), SIZE);
	EQ(read(fd, buf, 1), 0);
	EQ(lseek(fd, -1, SEEK_END), SIZE - 1);
	EQ(read(fd, buf, 2), 1);
	end(m, fd);
}

TEST(appending_is_enospc)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, O_APPEND);
	struct iovec iov = { "xyz", 3 };

	FAILS(ENOSPC, write(fd, "xyz", 3));
	FAILS(ENOSPC, pwritev2(fd, &iov, 1, 0, 0));
	end(m, fd);
}

TEST(vectors_of_any_shape)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t *a = malloc(MIB), *b = malloc(MIB), c[3];
	struct iovec iov[3] = { { a, 12345 }, { c, 3 }, { b, 700000 } };
	size_t sum = 12345 + 3 + 700000;

	pat_fill(a, 4, 99, 12345);
	pat_fill(c, 4, 99 + 12345, 3);
	pat_fill(b, 4, 99 + 12348, 700000);
	EQ(pwritev(fd, iov, 3, 99), sum);
	RAW(pmem(0)->node, AT + 99, 4, 99, sum);
	memset(a, 0, MIB);
	memset(b, 0, MIB);
	memset(c, 0, 3);
	EQ(preadv(fd, iov, 3, 99), sum);
	PAT(a, 4, 99, 12345);
	PAT(c, 4, 99 + 12345, 3);
	PAT(b, 4, 99 + 12348, 700000);
	end(m, fd);
}

TEST(direct_io_needs_no_alignment)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, O_DIRECT);
	uint8_t *buf = malloc(MIB);

	pat_fill(buf + 1, 5, 333, 77777);
	EQ(pwrite(fd, buf + 1, 77777, 333), 77777);
	RAW(pmem(0)->node, AT + 333, 5, 333, 77777);
	memset(buf, 0, MIB);
	EQ(pread(fd, buf + 3, 77777, 333), 77777);
	PAT(buf + 3, 5, 333, 77777);
	end(m, fd);
}

TEST(synchronous_writes)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, O_SYNC);
	struct iovec iov = { "abc", 3 };

	EQ(pwrite(fd, "xyz", 3, 10), 3);
	EQ(pwritev2(fd, &iov, 1, 20, RWF_DSYNC), 3);
	end(m, fd);
}

/* The buffer is a mapping of the very file: no deadlock, and right. */
TEST(buffer_may_be_a_mapping_of_the_same_file)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t *p = map_huge(SIZE, RW, fd, 0);

	raw_fill(pmem(0)->node, AT, 6, 0, SIZE);
	/* Not faulted in yet, either side. */
	EQ(pread(fd, p + 2 * MIB, MIB, 0), MIB);
	PAT(p + 2 * MIB, 6, 0, MIB);
	OK(madvise(p, SIZE, MADV_DONTNEED));
	EQ(pwrite(fd, p + 2 * MIB, PAGE, PAGE), PAGE);
	PAT(p + PAGE, 6, 0, PAGE);
	OK(madvise(p, SIZE, MADV_DONTNEED));
	EQ(pwrite(fd, p, MIB, 0), MIB);
	OK(munmap(p, SIZE));
	end(m, fd);
}

TEST(buffer_may_be_a_mapping_of_another_file)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	int other = OK(open_in(m, "b", O_RDWR));
	uint8_t *q = map_huge(SIZE, RW, other, 0);

	raw_fill(pmem(0)->node, AT, 7, 0, SIZE);
	EQ(pread(fd, q, SIZE, 0), SIZE);
	RAW(pmem(1)->node, AT, 7, 0, SIZE);
	OK(madvise(q, SIZE, MADV_DONTNEED));
	raw_fill(pmem(1)->node, AT, 8, 0, SIZE);
	EQ(pwrite(fd, q, SIZE, 0), SIZE);
	RAW(pmem(0)->node, AT, 8, 0, SIZE);
	OK(munmap(q, SIZE));
	OK(close(other));
	end(m, fd);
}

/* Another file system's direct I/O, to and from the memory. */
TEST(mapping_may_be_the_buffer_of_raw_device_io)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t *p = map_huge(LEN - MIB, RW, fd, 0);
	int dev = OK(open(pmem(1)->node, O_RDWR | O_DIRECT));

	raw_fill(pmem(1)->node, 0, 9, 0, 2 * MIB);
	EQ(pread(dev, p, 2 * MIB, 0), 2 * MIB);
	RAW(pmem(0)->node, AT, 9, 0, 2 * MIB);
	pat_fill(p, 10, 0, 2 * MIB);
	EQ(pwrite(dev, p, 2 * MIB, 0), 2 * MIB);
	RAW(pmem(1)->node, 0, 10, 0, 2 * MIB);
	OK(close(dev));
	OK(munmap(p, LEN - MIB));
	end(m, fd);
}

TEST(buffers_that_are_not_there_are_efault)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	uint8_t *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	raw_fill(pmem(0)->node, AT, 11, 0, 2 * PAGE);
	OK(munmap(p + PAGE, PAGE));
	FAILS(EFAULT, pread(fd, p + PAGE, 10, 0));
	FAILS(EFAULT, pwrite(fd, p + PAGE, 10, 0));
	/* Half of it is there: a short one. */
	EQ(pread(fd, p, 2 * PAGE, 0), PAGE);
	PAT(p, 11, 0, PAGE);
	pat_fill(p, 12, 0, PAGE);
	EQ(pwrite(fd, p, 2 * PAGE, 0), PAGE);
	RAW(pmem(0)->node, AT, 12, 0, PAGE);
	RAW(pmem(0)->node, AT + PAGE, 11, PAGE, PAGE);
	end(m, fd);
}

TEST(sendfile_splice_and_copy_file_range)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	int other = OK(open_in(m, "b", O_RDWR));
	int tmp = OK(open("/tmp", O_TMPFILE | O_RDWR, 0600));
	uint8_t *buf = malloc(LEN);
	off_t at = 0, to = 0;
	ssize_t n, sum = 0;

	raw_fill(pmem(0)->node, AT, 13, 0, SIZE);
	while ((n = OK(sendfile(tmp, fd, &at, SIZE))) > 0)
		sum += n;
	EQ(sum, SIZE);
	EQ(pread(tmp, buf, SIZE, 0), SIZE);
	PAT(buf, 13, 0, SIZE);
	at = 0;
	while (to < (off_t)SIZE)
		TRUE(OK(copy_file_range(fd, &at, other, &to, SIZE - to, 0)) > 0);
	RAW(pmem(1)->node, AT, 13, 0, SIZE);
	OK(close(tmp));
	OK(close(other));
	end(m, fd);
}

TEST(seek_data_and_hole_see_no_hole)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);

	EQ(lseek(fd, 0, SEEK_DATA), 0);
	EQ(lseek(fd, 5000, SEEK_DATA), 5000);
	EQ(lseek(fd, 0, SEEK_HOLE), SIZE);
	FAILS(ENXIO, lseek(fd, SIZE, SEEK_DATA));
	end(m, fd);
}

TEST(statx_says_dax)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd, 0);
	struct statx stx;

	OK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx));
	TRUE(stx.stx_attributes_mask & STATX_ATTR_DAX);
	TRUE(stx.stx_attributes & STATX_ATTR_DAX);
	EQ(stx.stx_size, SIZE);
	EQ(stx.stx_blocks, (SIZE + 511) / 512);
	end(m, fd);
}

/* The extents that FIEMAP tells. */
static int fiemap(int fd, uint64_t start, uint64_t len, struct fiemap *fm)
{
	memset(fm, 0, sizeof(*fm));
	fm->fm_start = start;
	fm->fm_length = len;
	fm->fm_extent_count = 64;
	OK(ioctl(fd, FS_IOC_FIEMAP, fm));
	return fm->fm_mapped_extents;
}

TEST(fiemap_tells_the_extents_of_the_map)
{
	struct fiemap *fm = malloc(sizeof(*fm) +
				   64 * sizeof(struct fiemap_extent));
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 3 * MIB - 1000);
	struct srv *s = srv_new();
	struct mnt *m;
	int fd;

	srv_use_pmem(s);
	msg_ext(&f, 0, AT, MIB);
	msg_ext(&f, 0, AT + 4 * MIB, MIB);
	msg_ext(&f, 1, AT, 2 * MIB);
	srv_memfile(s, "a", f);
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDONLY));
	EQ(fiemap(fd, 0, ~0ULL, fm), 3);
	for (int i = 0; i < 3; i++) {
		static const uint64_t at[] = { AT, AT + 4 * MIB, AT };

		EQ(fm->fm_extents[i].fe_logical, i * MIB);
		EQ(fm->fm_extents[i].fe_physical, at[i]);
		/* Whole pages, of which the file ends in the last. */
		EQ(fm->fm_extents[i].fe_length, MIB);
		EQ(fm->fm_extents[i].fe_flags,
		   i == 2 ? FIEMAP_EXTENT_LAST : 0);
	}
	EQ(fiemap(fd, MIB + PAGE, PAGE, fm), 1);
	EQ(fiemap(fd, 100 * MIB, MIB, fm), 0);
	OK(close(fd));
	mnt_end(m);
}
