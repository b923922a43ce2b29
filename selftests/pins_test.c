// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is in use by the kernel (pinned) when its file is revoked.
 *
 * 1. However a page came to be pinned, by whatever mapping, and whether that is
 *    still there: as long as it is, INVAL_INODE does not return, and nobody gets
 *    the memory, of this mount or another. Then all is as if it had not been: what
 *    the device has stored is in the old memory, and nothing comes after it. Who
 *    uses the mapping meanwhile does not make it wait for longer.
 * 2. The same for a file that is closed and forgotten.
 * 3. A signal ends the wait with EINTR; the map stays, and nothing is lost.
 * 4. What may be kept for ever (FOLL_LONGTERM: io_uring's fixed buffers) is
 *    refused by the kernel; nothing is pinned then.
 * 5. Who waits on a futex in the file is woken by it wherever the file has moved.
 * 6. The notification itself may lie in the file that it revokes; if that is what
 *    pins the page, the server waits for itself, and can be killed.
 * 7. Memory that was taken back is free at once, whoever is just asking for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/hold.h"
#include "lib/mem.h"
#include "lib/note.h"

#define AT	(128 * MIB)
#define LEN	(8 * MIB)
#define PINNED	(4 * MIB + 5 * PAGE)	/* the page */
#define DISK	(8 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* The seeds of what is in the files, and on the disk. */
#define OURS	1
#define THEIRS	2
#define ON_DISK	3

/*
 * One mount with the file, another with a rival for its memory, and a disk. "near"
 * is such a rival in the first mount.
 */
struct two {
	struct srv *s, *other_s;
	struct mnt *m, *other;
	struct node *n;
	struct disk disk;
	int dev, fd;
	uint8_t *p;
};

static struct two two_new(void)
{
	struct two t = { .s = srv_with_pmem(), .other_s = srv_with_pmem() };

	t.n = srv_memfile(t.s, "a", fmap_simple1(0, AT, LEN, LEN));
	srv_memfile(t.s, "near", fmap_simple1(0, AT, LEN, LEN));
	srv_memfile(t.other_s, "far", fmap_simple1(0, AT, LEN, LEN));
	t.disk = disk_new(t.other_s, "disk", ON_DISK, DISK);
	t.m = mnt_new_dev(t.s, MNT_OPTS, &t.dev);
	t.other = mnt_new(t.other_s);
	disk_open(&t.disk, t.other);
	t.fd = OK(open_in(t.m, "a", O_RDWR));
	t.p = map_huge(LEN, RW, t.fd, 0);
	pat_fill(t.p, OURS, 0, LEN);
	raw_fill(pmem(1)->node, AT, OURS, 0, LEN);
	return t;
}

static void two_end(struct two *t)
{
	OK(close(t->fd));
	OK(close(t->dev));
	disk_close(&t->disk);
	mnt_end(t->m);
	mnt_end(t->other);
}

/* The file is elsewhere, with the same content, from the next access on. */
static void move(struct two *t)
{
	srv_set_fmap(t->s, t->n, fmap_simple1(1, AT, LEN, LEN));
}

static int take_back(void *arg)
{
	struct two *t = arg;

	return note_inval_inode(t->dev, t->n->id, 0, 0) < 0 ? -errno : 0;
}

/* It sleeps, and nobody gets the memory. */
static void still_waits(struct two *t, struct task *task)
{
	UNTIL(task_done(task) || task_sleeps(task));
	FAILS(EEXIST, open_in(t->m, "near", O_RDWR));
	FAILS(EEXIST, open_in(t->other, "far", O_RDWR));
	TRUE(!task_done(task));
}

/* The rival has it, and nobody else uses it; the file is where it is now. */
static void is_free_now(struct two *t)
{
	int far = OK(open_in(t->other, "far", O_RDWR));
	uint8_t *q = map_huge(LEN, RW, far, 0);
	uint8_t buf[PAGE];

	pat_fill(q, THEIRS, 0, LEN);
	EQ(pread(t->fd, buf, PAGE, PINNED), PAGE);
	PAT(buf, OURS, PINNED, PAGE);
	PAT(q, THEIRS, 0, LEN);
	OK(munmap(q, LEN));
	RAW(pmem(0)->node, AT, THEIRS, 0, LEN);
	OK(close(far));
}

/* --- 1 --- */

enum mapped {
	STAYS,		/* and is used */
	GOES,		/* once the page is pinned */
	PRIVATE,	/* stays, and is used */
	SMALL,		/* small pages, and only this one is mapped at all */
};

static const struct pinned {
	const char *name;
	const struct hold_kind *kind;
	enum mapped how;
} rows[] = {
	{ "vmsplice_from_a_mapping", &hold_vmsplice, STAYS },
	{ "vmsplice_from_what_is_unmapped_then", &hold_vmsplice, GOES },
	{ "vmsplice_from_a_private_mapping", &hold_vmsplice, PRIVATE },
	{ "vmsplice_from_a_small_page", &hold_vmsplice, SMALL },
	{ "direct_write_from_a_mapping", &hold_direct_write, STAYS },
	{ "direct_write_from_what_is_unmapped_then", &hold_direct_write, GOES },
	{ "direct_write_from_a_small_page", &hold_direct_write, SMALL },
	{ "direct_read_into_a_mapping", &hold_direct_read, STAYS },
	{ "direct_read_into_what_is_unmapped_then", &hold_direct_read, GOES },
	{ "direct_read_into_a_small_page", &hold_direct_read, SMALL },
	{ "io_uring_write_from_a_mapping", &hold_uring_write, STAYS },
	{ "io_uring_write_from_what_is_unmapped_then", &hold_uring_write, GOES },
	{ "io_uring_read_into_a_mapping", &hold_uring_read, STAYS },
	{ "io_uring_read_into_what_is_unmapped_then", &hold_uring_read, GOES },
	{ "io_uring_read_of_a_process_that_is_killed", &hold_orphan, STAYS },
	{ "io_uring_read_of_the_last_that_had_it_mapped", &hold_orphan, GOES },
};

static void map_as(struct two *t, enum mapped how)
{
	if (how == STAYS || how == GOES)
		return;
	OK(munmap(t->p, LEN));
	if (how == PRIVATE) {
		t->p = map_at(LEN, HUGE, RW, MAP_PRIVATE, t->fd, 0);
		return;
	}
	/* Where no entry of 2 MiB can be. */
	t->p = (uint8_t *)map_at(LEN + PAGE, HUGE, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + PAGE;
	OK(mmap(t->p, LEN, RW, MAP_SHARED | MAP_FIXED, t->fd, 0) == t->p ? 0 :
	   -1);
}

/* What is not to be written to yet holds what it did. */
static void use_mapping(struct two *t, const struct pinned *row)
{
	if (row->kind->into)
		EQ(try_write(t->p + PINNED, pat(OURS, PINNED)), 0);
	else
		PAT(t->p + PINNED, OURS, PINNED, PAGE);
	PAT(t->p, OURS, 0, PAGE);
}

static void pinned(const void *arg)
{
	const struct pinned *row = arg;
	struct two t = two_new();
	struct task task;
	struct hold h;

	map_as(&t, row->how);
	hold_take(&h, row->kind, &t.disk, t.p + PINNED, OURS, PINNED);
	if (row->how == GOES)
		OK(munmap(t.p, LEN));
	move(&t);
	task = task_start(take_back, &t);
	still_waits(&t, &task);
	if (row->how != GOES)
		use_mapping(&t, row);
	still_waits(&t, &task);
	hold_drop(&h);
	EQ(task_wait(&task), 0);
	if (row->kind->into)
		RAW(pmem(0)->node, AT + PINNED, ON_DISK, PINNED, PAGE);
	is_free_now(&t);
	if (row->how != GOES)
		OK(munmap(t.p, LEN));
	two_end(&t);
}
TEST_ROWS(pinned, rows)

/* --- 2 --- */

static int prune(void *arg)
{
	struct two *t = arg;

	return note_prune(t->dev, &t->n->id, 1) < 0 ? -errno : 0;
}

TEST(forgotten_file_has_its_memory_as_long_as_it_is_pinned)
{
	struct two t = two_new();
	struct task task;
	struct hold h;

	hold_take(&h, &hold_uring_read, &t.disk, t.p + PINNED, OURS, PINNED);
	OK(munmap(t.p, LEN));
	OK(close(t.fd));
	UNTIL(!sysfs_read(t.m, "waiting"));
	task = task_start(prune, &t);
	UNTIL(task_done(&task) || task_blocked(&task));
	still_waits(&t, &task);
	hold_drop(&h);
	EQ(task_wait(&task), 0);
	RAW(pmem(0)->node, AT + PINNED, ON_DISK, PINNED, PAGE);
	move(&t);
	t.fd = OK(open_in(t.m, "a", O_RDWR));
	is_free_now(&t);
	two_end(&t);
}

/* --- 3 --- */

static void nothing(int sig)
{
	(void)sig;
}

static int take_back_and_be_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = nothing };

	OK(sigaction(SIGUSR1, &sa, NULL));
	return take_back(arg);
}

TEST(signal_ends_the_wait_for_pinned_pages)
{
	struct two t = two_new();
	struct task task;
	struct hold h;

	hold_take(&h, &hold_vmsplice, &t.disk, t.p + PINNED, OURS, PINNED);
	task = task_start(take_back, &t);
	still_waits(&t, &task);
	task_kill(&task);
	task = task_start(take_back_and_be_interrupted, &t);
	still_waits(&t, &task);
	UNTIL((kill(task.pid, SIGUSR1), task_done(&task)));
	EQ(task_wait(&task), -EINTR);
	EQ(counter(t.m, "fmaps"), 1);
	PAT(t.p, OURS, 0, LEN);
	FAILS(EEXIST, open_in(t.other, "far", O_RDWR));
	hold_drop(&h);
	move(&t);
	EQ(take_back(&t), 0);
	is_free_now(&t);
	OK(munmap(t.p, LEN));
	two_end(&t);
}

/* --- 4 --- */

TEST(fixed_buffers_are_refused)
{
	struct two t = two_new();
	struct uring u = uring_new();

	/* Mapped by entries of 2 MiB, by small ones, and not at all yet. */
	EQ(uring_register(&u, t.p, LEN), -EOPNOTSUPP);
	EQ(uring_register(&u, t.p + PINNED, PAGE), -EOPNOTSUPP);
	map_as(&t, SMALL);
	EQ(uring_register(&u, t.p + PINNED, PAGE), -EOPNOTSUPP);
	PAT(t.p, OURS, 0, LEN);
	EQ(uring_register(&u, t.p + PINNED, PAGE), -EOPNOTSUPP);
	move(&t);
	EQ(take_back(&t), 0);
	EQ(uring_register(&u, t.p + PINNED, PAGE), -EOPNOTSUPP);
	is_free_now(&t);
	uring_end(&u);
	OK(munmap(t.p, LEN));
	two_end(&t);
}

/* --- 5 --- */

static long futex(void *at, int op, uint32_t value)
{
	return syscall(SYS_futex, at, op, value, NULL, NULL, 0);
}

static uint32_t *futex_of(struct two *t)
{
	return (uint32_t *)(t->p + PINNED);
}

static int wait_on_futex(void *arg)
{
	return futex(futex_of(arg), FUTEX_WAIT, *futex_of(arg)) ? -errno : 0;
}

TEST(futex_is_where_the_file_is)
{
	struct two t = two_new();
	struct task task = task_start(wait_on_futex, &t);

	UNTIL(task_sleeps(&task));
	move(&t);
	EQ(take_back(&t), 0);
	UNTIL(futex(futex_of(&t), FUTEX_WAKE, 1) == 1);
	EQ(task_wait(&task), 0);
	EQ(take_back(&t), 0);
	EQ(futex(futex_of(&t), FUTEX_WAKE, 1), 0);
	EQ(take_back(&t), 0);
	FAILS(EAGAIN, futex(futex_of(&t), FUTEX_WAIT, *futex_of(&t) + 1));
	is_free_now(&t);
	OK(munmap(t.p, LEN));
	two_end(&t);
}

/* --- 6 --- */

struct message {
	struct fuse_out_header head;
	struct fuse_notify_inval_inode_out body;
};

static struct message *put_message(struct two *t)
{
	struct message *msg = (void *)(t->p + PINNED);

	*msg = (struct message){
		.head = { sizeof(*msg), FUSE_NOTIFY_INVAL_INODE, 0 },
		.body.ino = t->n->id,
	};
	return msg;
}

TEST(notification_in_the_file_that_it_revokes)
{
	struct two t = two_new();
	struct message *msg = put_message(&t);

	move(&t);
	EQ(write(t.dev, msg, sizeof(*msg)), sizeof(*msg));
	is_free_now(&t);
	OK(munmap(t.p, LEN));
	two_end(&t);
}

static int splice_message(void *arg)
{
	struct two *t = arg;
	struct message *msg = put_message(t);
	struct iovec iov = { msg, sizeof(*msg) };
	int ends[2];

	OK(pipe(ends));
	EQ(vmsplice(ends[1], &iov, 1, 0), sizeof(*msg));
	OK(splice(ends[0], NULL, t->dev, NULL, sizeof(*msg), 0));
	return 0;
}

TEST(server_that_pins_the_notification_waits_for_itself_killably)
{
	struct two t = two_new();
	struct task task;

	task = task_start(splice_message, &t);
	/* It is there once the message is. */
	UNTIL(pat_diff(t.p + PINNED, OURS, PINNED, PAGE) >= 0);
	still_waits(&t, &task);
	task_kill(&task);
	pat_fill(t.p + PINNED, OURS, PINNED, PAGE);
	move(&t);
	EQ(take_back(&t), 0);
	is_free_now(&t);
	OK(munmap(t.p, LEN));
	two_end(&t);
}

/* --- 7 --- */

#define USERS	4
#define MOVES	400

struct user {
	int fd;
	uint32_t seed;
	atomic_bool *stop;
	atomic_int rounds;
};

static int read_always(void *arg)
{
	struct user *u = arg;
	uint8_t buf[64];

	while (!*u->stop) {
		EQ(pread(u->fd, buf, sizeof(buf), PINNED), sizeof(buf));
		u->rounds++;
	}
	return 0;
}

/* Two files on three places: one moves to where the other has just been. */
TEST(what_was_taken_back_is_free_at_once)
{
	struct srv *s = srv_with_pmem();
	struct node *n[2];
	struct user *u[USERS];
	struct task t[USERS];
	atomic_bool *stop = t_shared(sizeof(*stop));
	int dev, fd[2], free = 2, at[2] = { 0, 1 };
	struct mnt *m;

	for (int i = 0; i < 2; i++)
		n[i] = srv_memfile(s, i ? "b" : "a",
				   fmap_simple1(0, AT + i * LEN, LEN, LEN));
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	for (int i = 0; i < 2; i++)
		fd[i] = OK(open_in(m, i ? "b" : "a", O_RDWR));
	for (int i = 0; i < USERS; i++) {
		u[i] = t_shared(sizeof(*u[i]));
		u[i]->fd = fd[i % 2];
		u[i]->stop = stop;
		t[i] = task_start(read_always, u[i]);
	}
	for (int i = 0; i < MOVES; i++) {
		int k = i % 2, old = at[k];

		srv_set_fmap(s, n[k], fmap_simple1(0, AT + free * LEN, LEN,
						   LEN));
		OK(note_inval_inode(dev, n[k]->id, 0, 0));
		at[k] = free;
		free = old;
	}
	for (int i = 0; i < USERS; i++)
		UNTIL(u[i]->rounds > 10 || task_done(&t[i]));
	*stop = true;
	for (int i = 0; i < USERS; i++)
		EQ(task_wait(&t[i]), 0);
	EQ(counter(m, "fmap_refused"), 0);
	OK(close(fd[0]));
	OK(close(fd[1]));
	OK(close(dev));
	mnt_end(m);
}
