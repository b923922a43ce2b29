// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of every kind.
 *
 * 1. Shared mappings, of one process or several, see each other's stores at
 *    once, and read(2) and write(2) see them, too.
 * 2. Private mappings see the file until they are written to, and the file never
 *    sees them.
 * 3. MAP_SYNC, mprotect, mremap, madvise, msync, mlock, fork and exec do what
 *    they do elsewhere.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"

#define AT	(128 * MIB)
#define LEN	(4 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

static struct mnt *mnt_with_file(int *fd)
{
	struct srv *s = srv_new();
	struct mnt *m;

	srv_use_pmem(s);
	srv_memfile(s, "a", fmap_simple1(0, AT, LEN, LEN));
	m = mnt_new(s);
	*fd = OK(open_in(m, "a", O_RDWR));
	return m;
}

static void end(struct mnt *m, int fd)
{
	OK(close(fd));
	mnt_end(m);
}

TEST(two_mappings_are_one_memory)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	/* By small entries, as the address is not congruent. */
	uint8_t *room = map_huge(LEN + HUGE, PROT_NONE, fd, 0);
	uint8_t *q = mmap(room + 3 * PAGE, LEN, RW, MAP_SHARED | MAP_FIXED, fd,
			  0);

	TRUE(q != MAP_FAILED);
	pat_fill(p, 1, 0, LEN);
	PAT(q, 1, 0, LEN);
	pat_fill(q, 2, 0, LEN);
	PAT(p, 2, 0, LEN);
	OK(munmap(room, LEN + HUGE));
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(stores_are_seen_by_read_and_writes_by_loads)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	uint8_t *buf = malloc(LEN);

	pat_fill(p, 3, 0, LEN);
	EQ(pread(fd, buf, LEN, 0), LEN);
	PAT(buf, 3, 0, LEN);
	pat_fill(buf, 4, 0, LEN);
	EQ(pwrite(fd, buf, LEN, 0), LEN);
	PAT(p, 4, 0, LEN);
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(private_mapping_never_writes_to_the_file)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	uint8_t *q = map_at(LEN, HUGE, RW, MAP_PRIVATE, fd, 0);

	pat_fill(p, 5, 0, LEN);
	PAT(q, 5, 0, LEN);
	/* What is not copied yet still follows the file. */
	pat_fill(p, 6, 0, LEN);
	PAT(q, 6, 0, LEN);
	pat_fill(q + PAGE, 7, 0, PAGE);
	pat_fill(q + 3 * MIB, 7, 0, PAGE);
	PAT(p, 6, 0, LEN);
	RAW(pmem(0)->node, AT, 6, 0, LEN);
	PAT(q + PAGE, 7, 0, PAGE);
	PAT(q + 3 * MIB, 7, 0, PAGE);
	PAT(q, 6, 0, PAGE);
	PAT(q + 2 * PAGE, 6, 2 * PAGE, PAGE);
	/* Copied pages follow no more. */
	pat_fill(p, 8, 0, LEN);
	PAT(q + PAGE, 7, 0, PAGE);
	PAT(q, 8, 0, PAGE);
	OK(munmap(p, LEN));
	OK(munmap(q, LEN));
	end(m, fd);
}

TEST(private_mapping_of_a_read_only_file_may_be_written)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	int ro = OK(open_in(m, "a", O_RDONLY));
	uint8_t *q = map_at(LEN, HUGE, RW, MAP_PRIVATE, ro, 0);

	raw_fill(pmem(0)->node, AT, 9, 0, LEN);
	*q = 1;
	PAT(q + PAGE, 9, PAGE, LEN - PAGE);
	EQ((long)mmap(NULL, LEN, RW, MAP_SHARED, ro, 0), -1);
	EQ(errno, EACCES);
	OK(munmap(q, LEN));
	OK(close(ro));
	end(m, fd);
}

struct shared {
	uint8_t *p;
	int fd;
	atomic_int turn;
};

/* In a child: waits for its turn, checks what is there, stores anew. */
static int take_turn(void *arg)
{
	struct shared *sh = arg;

	for (int round = 0; round < 10; round++) {
		UNTIL(sh->turn == 2 * round + 1);
		PAT(sh->p, 100 + round, 0, LEN);
		pat_fill(sh->p, 200 + round, 0, LEN);
		sh->turn++;
	}
	return 0;
}

TEST(parent_and_child_share_the_mapping)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	struct shared *sh = t_shared(sizeof(*sh));
	struct task t;

	sh->p = map_huge(LEN, RW, fd, 0);
	*sh->p = 1;
	t = task_start(take_turn, sh);
	for (int round = 0; round < 10; round++) {
		pat_fill(sh->p, 100 + round, 0, LEN);
		sh->turn++;
		UNTIL(sh->turn == 2 * round + 2);
		PAT(sh->p, 200 + round, 0, LEN);
	}
	EQ(task_wait(&t), 0);
	OK(munmap(sh->p, LEN));
	end(m, fd);
}

static int copy_and_change(void *arg)
{
	uint8_t *q = arg;

	PAT(q, 11, 0, LEN);
	pat_fill(q, 12, 0, MIB);
	PAT(q, 12, 0, MIB);
	return 0;
}

TEST(child_has_its_own_copy_of_a_private_mapping)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *q = map_at(LEN, HUGE, RW, MAP_PRIVATE, fd, 0);
	struct task t;

	pat_fill(q, 11, 0, LEN);
	t = task_start(copy_and_change, q);
	EQ(task_wait(&t), 0);
	PAT(q, 11, 0, LEN);
	OK(munmap(q, LEN));
	end(m, fd);
}

struct adder {
	const char *path;
	int index;
};

/* Opens and maps by itself; counts in a word of its own. */
static int count_up(void *arg)
{
	struct adder *a = arg;
	int fd = OK(open(a->path, O_RDWR));
	_Atomic uint64_t *p = map_huge(LEN, RW, fd, 0);

	for (int i = 0; i < 20000; i++) {
		p[0]++;
		p[64 + a->index]++;
	}
	return 0;
}

TEST(processes_that_map_it_themselves_share_the_memory)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint64_t *p = map_huge(LEN, RW, fd, 0);
	struct adder a[4];
	struct task t[4];

	memset(p, 0, PAGE);
	for (int i = 0; i < 4; i++) {
		a[i] = (struct adder){ in_mnt(m, "a"), i };
		t[i] = task_start(count_up, &a[i]);
	}
	for (int i = 0; i < 4; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(p[0], 80000);
	for (int i = 0; i < 4; i++)
		EQ(p[64 + i], 20000);
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(map_sync_is_allowed)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_at(LEN, HUGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
			    0);

	pat_fill(p, 13, 0, LEN);
	RAW(pmem(0)->node, AT, 13, 0, LEN);
	OK(munmap(p, LEN));
	end(m, fd);
}

static int store_byte(void *p)
{
	*(volatile uint8_t *)p = 1;
	return 0;
}

TEST(mprotect_takes_and_gives_the_right_to_write)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	struct task t;

	pat_fill(p, 14, 0, LEN);
	/* In the middle of a large entry. */
	OK(mprotect(p + MIB, PAGE, PROT_READ));
	PAT(p, 14, 0, LEN);
	t = task_start(store_byte, p + MIB);
	EQ(task_reap(&t), SIGSEGV);
	t = task_start(store_byte, p + MIB - 1);
	EQ(task_wait(&t), 0);
	OK(mprotect(p + MIB, PAGE, RW));
	pat_fill(p, 15, 0, LEN);
	RAW(pmem(0)->node, AT, 15, 0, LEN);
	OK(mprotect(p, LEN, PROT_NONE));
	t = task_start(store_byte, p);
	EQ(task_reap(&t), SIGSEGV);
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(mremap_moves_grows_and_shrinks)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = mmap(NULL, MIB, RW, MAP_SHARED, fd, 0), *q;

	TRUE(p != MAP_FAILED);
	pat_fill(p, 16, 0, MIB);
	raw_fill(pmem(0)->node, AT + MIB, 16, MIB, LEN - MIB);
	q = mremap(p, MIB, LEN, MREMAP_MAYMOVE);
	TRUE(q != MAP_FAILED);
	PAT(q, 16, 0, LEN);
	p = map_huge(LEN, PROT_NONE, fd, 0);
	p = mremap(q, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	TRUE(p != MAP_FAILED);
	PAT(p, 16, 0, LEN);
	q = mremap(p, LEN, PAGE, 0);
	TRUE(q == p);
	PAT(q, 16, 0, PAGE);
	OK(munmap(q, PAGE));
	end(m, fd);
}

TEST(dropped_pages_come_back_from_the_memory)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);
	long before;

	pat_fill(p, 17, 0, LEN);
	before = counter(m, "fault_pmd");
	EQ(before, 2);
	OK(madvise(p, LEN, MADV_DONTNEED));
	PAT(p, 17, 0, LEN);
	EQ(counter(m, "fault_pmd"), before + 2);
	OK(madvise(p, LEN, MADV_SEQUENTIAL));
	OK(madvise(p, LEN, MADV_WILLNEED));
	OK(madvise(p, LEN, MADV_DONTFORK));
	FAILS(EOPNOTSUPP, madvise(p, LEN, MADV_REMOVE));
	PAT(p, 17, 0, LEN);
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(mlock_and_populate_fault_everything_in)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_at(LEN, HUGE, RW, MAP_SHARED | MAP_POPULATE, fd, 0);
	unsigned char in[LEN / PAGE];
	long pmd = counter(m, "fault_pmd");

	EQ(pmd, 2);
	EQ(counter(m, "fault_pte"), 0);
	/* To read: a shared mapping is not made dirty for nothing. */
	pat_fill(p, 18, 0, LEN);
	EQ(counter(m, "fault_pmd"), pmd + 2);
	OK(mlock(p, LEN));
	OK(mincore(p, LEN, in));
	for (size_t i = 0; i < sizeof(in); i++)
		TRUE(in[i] & 1);
	OK(munlock(p, LEN));
	OK(munmap(p, LEN));
	end(m, fd);
}

TEST(msync_and_fsync_write_back)
{
	int fd;
	struct mnt *m = mnt_with_file(&fd);
	uint8_t *p = map_huge(LEN, RW, fd, 0);

	pat_fill(p, 19, 0, LEN);
	OK(msync(p, LEN, MS_SYNC));
	OK(msync(p + PAGE, PAGE, MS_SYNC));
	OK(msync(p, LEN, MS_ASYNC));
	OK(msync(p, LEN, MS_INVALIDATE));
	OK(fsync(fd));
	OK(fdatasync(fd));
	pat_fill(p, 20, 0, LEN);
	OK(sync_file_range(fd, 0, LEN, SYNC_FILE_RANGE_WRITE |
			   SYNC_FILE_RANGE_WAIT_AFTER));
	OK(syncfs(fd));
	RAW(pmem(0)->node, AT, 20, 0, LEN);
	PAT(p, 20, 0, LEN);
	/* The memory needs no server for it. */
	EQ(srv_seen(m->srv, FUSE_FSYNC), 0);
	OK(munmap(p, LEN));
	end(m, fd);
}

static int run_copy(void *arg)
{
	char *path = arg;

	execl(path, path, "--version", NULL);
	return errno;
}

TEST(program_runs_from_memory)
{
	struct srv *s = srv_new();
	int from = OK(open("/bin/true", O_RDONLY)), fd;
	struct stat st;
	struct node *n;
	struct mnt *m;
	struct task t;
	char buf[4096];
	ssize_t k;
	int status;

	OK(fstat(from, &st));
	srv_use_pmem(s);
	n = srv_memfile(s, "a", fmap_simple1(0, AT, LEN, st.st_size));
	n->mode = S_IFREG | 0755;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_WRONLY));
	while ((k = OK(read(from, buf, sizeof(buf)))) > 0)
		EQ(write(fd, buf, k), k);
	OK(close(fd));
	fd = OK(open("/dev/null", O_RDWR));
	OK(dup2(fd, 1));
	t = task_start(run_copy, (char *)in_mnt(m, "a"));
	status = task_reap(&t);
	TRUE(WIFEXITED(status));
	EQ(WEXITSTATUS(status), 0);
	/* Never returned: it became the program. */
	EQ(*t.result, -1);
	OK(dup2(2, 1));
	mnt_end(m);
}
