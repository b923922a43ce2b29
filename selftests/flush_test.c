// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores to a mapping are written back from the CPU's caches, as kprobes see it
 * (lib/watch.h): on a pmem device and, where there is one, on a character device;
 * by entries of 4 KiB and of 2 MiB, with MAP_SYNC and without.
 *
 * 1. Each way to have them written back does it, for each page, and for nothing
 *    but the file; the device is asked to be done afterwards. What is clean is not
 *    written back again.
 * 2. A store to a page that was written back is written back the next time, also
 *    if several processes have mapped it: their entries are write-protected again.
 * 3. What a process has left is written back by another's fsync(2), without the
 *    server, too; or with the file: when it is unmounted, evicted or revoked.
 * 4. One device of several that needs no writing back does not spare the others.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/note.h"
#include "lib/watchfile.h"

/* --- 1, 2 --- */

static int by_fsync(struct wfile *o)
{
	return fsync(o->fd);
}

static int by_fdatasync(struct wfile *o)
{
	return fdatasync(o->fd);
}

static int by_msync(struct wfile *o)
{
	return msync(o->p, WF_LEN, MS_SYNC);
}

static int by_syncfs(struct wfile *o)
{
	return syncfs(o->fd);
}

static int by_sync(struct wfile *o)
{
	(void)o;
	sync();
	return 0;
}

static int by_sync_file_range(struct wfile *o)
{
	return sync_file_range(o->fd, 0, WF_LEN, SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER);
}

static int by_another_fd(struct wfile *o)
{
	int fd = OK(open_in(o->m, "a", O_RDONLY));

	OK(fsync(fd));
	return close(fd);
}

static int by_remount(struct wfile *o)
{
	return mount(NULL, o->m->dir, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV,
		     NULL);
}

static int without_server(struct wfile *o)
{
	if (o->m->pid)
		mnt_kill_server(o->m);
	return fsync(o->fd);
}

static const struct way {
	const char *name;
	int (*fn)(struct wfile *o);
	bool to_device;		/* asks the device, too */
} ways[] = {
	{ "fsync_writes_stores_back_each_time", by_fsync, true },
	{ "fdatasync_writes_stores_back_each_time", by_fdatasync, true },
	{ "msync_writes_stores_back_each_time", by_msync, true },
	{ "syncfs_writes_stores_back_each_time", by_syncfs, true },
	{ "sync_writes_stores_back_each_time", by_sync, true },
	{ "sync_file_range_writes_stores_back_each_time", by_sync_file_range, false },
	{ "fsync_by_another_fd_writes_stores_back_each_time", by_another_fd, true },
	{ "remount_writes_stores_back_each_time", by_remount, true },
	{ "fsync_writes_stores_back_without_a_server", without_server, true },
};

static void written_back_each_time(struct wfile *o, const void *arg)
{
	const struct way *w = arg;

	wfile_store(o);
	EQ(watch_count(WATCH_FLUSH), 0);
	OK(w->fn(o));
	wfile_is_flushed(o);
	if (w->to_device)
		TRUE(watch_after(WATCH_DEV, WATCH_FLUSH));
	/* Clean. */
	watch_clear();
	OK(w->fn(o));
	EQ(watch_count(WATCH_FLUSH), 0);
	/* Loads do not make it dirty, stores by the same entries do. */
	EQ(try_read(o->p + PAGE), 0);
	OK(w->fn(o));
	EQ(watch_count(WATCH_FLUSH), 0);
	wfile_store(o);
	OK(w->fn(o));
	wfile_is_flushed(o);
	watch_clear();
	o->p[WF_STORED * PAGE + 8]++;
	OK(w->fn(o));
	TRUE(wfile_covered(o, WF_STORED * PAGE, PAGE));
}

static void stores_are_written_back(const void *arg)
{
	const struct way *w = arg;

	(w->fn == by_fsync ? wfile_each_mode : wfile_each)
		(written_back_each_time, w);
}
TEST_ROWS(stores_are_written_back, ways)

static void part_is_written_back(struct wfile *o, const void *arg)
{
	(void)arg;
	wfile_store(o);
	OK(msync(o->p + 511 * PAGE, 2 * PAGE, MS_SYNC));
	TRUE(wfile_covered(o, 511 * PAGE, 2 * PAGE));
	/* The rest is not forgotten. */
	OK(fsync(o->fd));
	wfile_is_flushed(o);
}

TEST(msync_of_a_part_leaves_the_rest_for_fsync)
{
	wfile_each(part_is_written_back, NULL);
}

struct other {
	uint8_t *p;
	atomic_int wanted, stored;
};

static int store_when_told(void *arg)
{
	struct other *other = arg;

	while (other->wanted >= 0) {
		UNTIL(other->wanted != other->stored);
		if (other->wanted < 0)
			break;
		other->p[PAGE + 64]++;
		other->stored = other->wanted;
	}
	return 0;
}

static void two_have_it_mapped(struct wfile *o, const void *arg)
{
	struct other *other = t_shared(sizeof(*other));
	struct task t;

	(void)arg;
	other->p = o->p;
	t = task_start(store_when_told, other);
	for (int i = 1; i <= 3; i++) {
		o->p[PAGE]++;
		other->wanted = i;
		UNTIL(other->stored == i);
		watch_clear();
		OK(fsync(o->fd));
		TRUE(wfile_covered(o, PAGE, PAGE));
		/* The other one alone. */
		other->wanted = 10 + i;
		UNTIL(other->stored == 10 + i);
		watch_clear();
		OK(fsync(o->fd));
		TRUE(wfile_covered(o, PAGE, PAGE));
		watch_clear();
		OK(fsync(o->fd));
		EQ(watch_count(WATCH_FLUSH), 0);
	}
	other->wanted = -1;
	EQ(task_wait(&t), 0);
}

TEST(stores_of_two_processes_are_written_back_each_time)
{
	wfile_each(two_have_it_mapped, NULL);
}

/* --- 3 --- */

static int store_and_be_killed(void *arg)
{
	wfile_store(arg);
	return raise(SIGKILL);
}

static void left_by_a_process(struct wfile *o, const void *arg)
{
	struct task t;
	int fd;

	(void)arg;
	t = task_start(store_and_be_killed, o);
	EQ(task_reap(&t), SIGKILL);
	OK(munmap(o->p, WF_LEN));
	o->p = NULL;
	OK(close(o->fd));
	/* What is dirty stays, or is written back. */
	fd = OK(open("/proc/sys/vm/drop_caches", O_WRONLY));
	EQ(write(fd, "3", 1), 1);
	OK(close(fd));
	o->fd = OK(open_in(o->m, "a", O_RDONLY));
	OK(fsync(o->fd));
	wfile_is_flushed(o);
	TRUE(watch_after(WATCH_DEV, WATCH_FLUSH));
}

TEST(what_a_killed_process_has_stored_is_written_back_by_another)
{
	wfile_each(left_by_a_process, NULL);
}

static void leave(struct wfile *o)
{
	wfile_store(o);
	OK(munmap(o->p, WF_LEN));
	o->p = NULL;
	OK(close(o->fd));
	o->fd = -1;
}

static void unmounted(struct wfile *o, const void *arg)
{
	(void)arg;
	leave(o);
	mnt_end(o->m);
	o->m = NULL;
	wfile_is_flushed(o);
	TRUE(watch_after(WATCH_DEV, WATCH_FLUSH));
}

TEST(unmount_writes_stores_back)
{
	wfile_each(unmounted, NULL);
}

/* No name and no user: it goes at once, and nobody calls sync(2) before. */
static void removed(struct wfile *o, const void *arg)
{
	(void)arg;
	OK(unlink(in_mnt(o->m, "a")));
	leave(o);
	EQ(counter(o->m, "fmaps"), 0);
	wfile_is_flushed(o);
}

TEST(eviction_writes_stores_back)
{
	wfile_each(removed, NULL);
}

static void revoked(struct wfile *o, const void *arg)
{
	(void)arg;
	wfile_store(o);
	OK(note_inval_inode(o->dev, 2, 0, 0));
	wfile_is_flushed(o);
	watch_clear();
	OK(fsync(o->fd));
	EQ(watch_count(WATCH_FLUSH), 0);
	wfile_store(o);
	OK(fsync(o->fd));
	wfile_is_flushed(o);
}

TEST(revocation_writes_stores_back)
{
	wfile_each(revoked, NULL);
}

/* --- 4 --- */

static void set_write_cache(const struct daxdev *dev, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/dax/write_cache",
		 strrchr(dev->node, '/') + 1);
	fd = OK(open(path, O_WRONLY | O_CLOEXEC));
	EQ(write(fd, value, 1), 1);
	OK(close(fd));
}

/* Half a file here, half there; index 0 is @first. */
static void flush_both(const struct daxdev *first, const struct daxdev *second)
{
	struct msg fmap = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, WF_LEN);
	struct wfile o = { .s = srv_new() };
	uint64_t phys[2];

	strcpy(o.s->dev[0], first->node);
	strcpy(o.s->dev[1], second->node);
	msg_ext(&fmap, 0, WF_AT, WF_LEN / 2);
	msg_ext(&fmap, 1, WF_AT, WF_LEN / 2);
	srv_memfile(o.s, "a", fmap);
	o.m = mnt_new_dev(o.s, MNT_OPTS, &o.dev);
	o.flags = MAP_SHARED;
	wfile_map(&o);
	EQ(try_read(o.p + WF_LEN / 2), 0);
	phys[0] = o.phys;
	phys[1] = phys_of(o.p + WF_LEN / 2);
	watch_start();
	for (int i = 0; i < 2; i++) {
		o.p[0]++;
		o.p[WF_LEN / 2]++;
		OK(fsync(o.fd));
		/* The first one may, or may not. */
		TRUE(watch_covers(WATCH_FLUSH, phys[1], PAGE));
		EQ(watch_count(WATCH_DEV), 2);
		if (i)
			TRUE(watch_covers(WATCH_FLUSH, phys[0], PAGE));
		set_write_cache(pmem(0), "1");
		watch_clear();
	}
	wfile_end(&o);
}

TEST(device_without_a_write_cache_does_not_spare_another)
{
	const struct daxdev *kind[2];
	int n = wfile_kinds(kind);

	set_write_cache(pmem(0), "0");
	flush_both(pmem(0), pmem(1));
	if (n > 1) {
		set_write_cache(pmem(0), "0");
		flush_both(pmem(0), kind[1]);
	}
}

/* The last: what follows is not watched, and has its caches flushed. */
TEST(kernel_is_left_as_it_was)
{
	set_write_cache(pmem(0), "1");
	watch_end();
}
