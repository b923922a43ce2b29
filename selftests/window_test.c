// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows into memory, by libfmappool: files of a mount of its own. On each device of
 * the machine but devdax.
 *
 * 1. What is stored in a window is seen in the next one, by fmapfsd's files, and on
 *    the device; what these store, in a window. Interleaved windows, too.
 * 2. A page that a mounted file has is refused (EEXIST), its neighbours are not; and
 *    the other way round.
 * 3. A window that is closed has given its memory back, whoever else has got hold of
 *    its file: a child that was forked just then, or that keeps everything. Who is
 *    killed gives all back.
 * 4. Several threads have windows at once.
 * 5. A device that goes takes no more along than its memory: SIGBUS, and all can be
 *    closed. The same if somebody aborts the mount: windows that are open stay.
 * 6. A device that is removed is not in use any more. Who is not privileged is told.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/note.h"
#include "lib/reaching.h"
#include "lib/removable.h"
#include "lib/whole.h"

#define AT	(64 * MIB)
#define LEN	(4 * MIB)

/* Index 0 is the device. */
static struct pool_reach *reach_of(const struct daxdev *dax)
{
	struct dev_info dev = dev_of(dax);
	struct pool_reach *reach;

	EQ(pool_reach_open(&reach, POOL_WRITE, &msgs), 0);
	EQ(pool_reach_add(reach, 0, &dev), 0);
	return reach;
}

/* Opens a window and closes it. Return: 0 or -errno. */
static int try_window(struct pool_reach *reach, uint64_t off, uint64_t len)
{
	struct pool_window w;
	int rc = pool_window_range(reach, 0, off, len, &w);

	if (!rc)
		pool_window_close(reach, &w);
	return rc;
}

static void fill_window(struct pool_reach *reach, uint64_t off, uint32_t seed)
{
	struct pool_window w;

	EQ(pool_window_range(reach, 0, off, LEN, &w), 0);
	EQ(w.len, LEN);
	pat_fill(w.mem, seed, 0, LEN);
	media_writeback(w.mem, LEN);
	pool_window_close(reach, &w);
}

static void check_window(struct pool_reach *reach, uint64_t off, uint32_t seed)
{
	struct pool_window w;

	EQ(pool_window_range(reach, 0, off, LEN, &w), 0);
	PAT(w.mem, seed, 0, LEN);
	pool_window_close(reach, &w);
}

/* --- what is seen --- */

/* Mounts a layout whose file "f" is there; its directory, to be unmounted. */
static char *serve(const struct daxdev *dax)
{
	char *dir = make_dir(), path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s.yaml", dir);
	f = fopen(path, "w");
	TRUE(f);
	fprintf(f, "devices: [{ path: %s }]\n"
		"files:\n"
		"  - path: f\n"
		"    size: 4M\n"
		"    extents: [{ device: 0, offset: 64M, length: 4M }]\n",
		dax->node);
	OK(fclose(f));
	EQ(command("fmapfsd %s %s", path, dir), 0);
	OK(unlink(path));
	return dir;
}

static void see_through_fmapfsd(const struct daxdev *dax)
{
	char *dir = serve(dax), path[96];
	uint8_t *p;
	int fd;

	snprintf(path, sizeof(path), "%s/f", dir);
	fd = OK(open(path, O_RDWR));
	check_read(fd, 1, 0, LEN);
	p = malloc(LEN);
	pat_fill(p, 2, 0, LEN);
	EQ(pwrite(fd, p, LEN, 0), LEN);
	free(p);
	OK(close(fd));
	OK(umount(dir));
	OK(rmdir(dir));
	free(dir);
}

static void store_and_see(const struct removable *r)
{
	struct pool_reach *reach = reach_of(r->dev);

	fill_window(reach, AT, 1);
	check_window(reach, AT, 1);
	/* By another mount of its own. */
	pool_reach_close(reach);
	reach = reach_of(r->dev);
	check_window(reach, AT, 1);
	see_through_fmapfsd(r->dev);
	UNTIL(!try_window(reach, AT, LEN));
	check_window(reach, AT, 2);
	pool_reach_close(reach);
}

TEST(what_is_stored_is_seen)
{
	with_each_device(store_and_see);
}

#define CHUNK	(2 * MIB)

TEST(interleaved_window_lies_on_two_devices)
{
	const struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_INTERLEAVED,
		.count = 1,
		.interleave = {
			2, CHUNK, { { 7, AT, 2 * CHUNK }, { 3, 2 * AT, 2 * CHUNK } },
		},
	};
	struct dev_info a = dev_of(pmem(0)), b = dev_of(pmem(1));
	struct pool_reach *reach;
	struct pool_window w;

	EQ(pool_reach_open(&reach, POOL_WRITE, &msgs), 0);
	EQ(pool_reach_add(reach, 7, &a), 0);
	EQ(pool_reach_add(reach, 3, &b), 0);
	EQ(pool_window_open(reach, &map, 4 * CHUNK, &w), 0);
	pat_fill(w.mem, 5, 0, 4 * CHUNK);
	media_writeback(w.mem, 4 * CHUNK);
	pool_window_close(reach, &w);
	pool_reach_close(reach);
	RAW(pmem(0)->node, AT, 5, 0, CHUNK);
	RAW(pmem(1)->node, 2 * AT, 5, CHUNK, CHUNK);
	RAW(pmem(0)->node, AT + CHUNK, 5, 2 * CHUNK, CHUNK);
	RAW(pmem(1)->node, 2 * AT + CHUNK, 5, 3 * CHUNK, CHUNK);
}

/* --- one page, one file --- */

/* A mount with a file "f" at AT; @dev: its device fd. */
static struct mnt *mount_of(const struct daxdev *dax, struct node **n, int *dev)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], dax->node);
	*n = whole_file(s, "f", 0, AT, LEN);
	return mnt_new_dev(s, MNT_OPTS, dev);
}

static void unmount(struct mnt *m, int dev)
{
	OK(close(dev));
	mnt_end(m);
}

static void refuse_pages(const struct removable *r)
{
	struct pool_reach *reach = reach_of(r->dev);
	struct pool_window w;
	struct node *n;
	int dev, fd;
	struct mnt *m = mount_of(r->dev, &n, &dev);

	fd = OK(open_in(m, "f", O_RDWR));
	EQ(try_window(reach, AT, LEN), -EEXIST);
	SAID("that memory is a file's on this host");
	SAID(r->dev->node);
	EQ(try_window(reach, AT + LEN - PAGE, 2 * PAGE), -EEXIST);
	EQ(try_window(reach, AT - PAGE, PAGE), 0);
	EQ(try_window(reach, AT + LEN, PAGE), 0);
	OK(close(fd));
	OK(note_prune(dev, &n->id, 1));
	EQ(pool_window_range(reach, 0, AT + PAGE, PAGE, &w), 0);
	EQ(whole_open(m, "f"), EEXIST);
	pool_window_close(reach, &w);
	EQ(whole_open(m, "f"), 0);
	unmount(m, dev);
	pool_reach_close(reach);
}

TEST(page_has_one_file)
{
	with_each_device(refuse_pages);
}

static void alternate(const struct removable *r)
{
	struct pool_reach *a = reach_of(r->dev), *b = reach_of(r->dev);
	struct node *n;
	int dev;
	struct mnt *m = mount_of(r->dev, &n, &dev);

	for (int i = 0; i < 200; i++) {
		struct pool_window w;

		EQ(pool_window_range(a, 0, AT, LEN, &w), 0);
		memset(w.mem, i, PAGE);
		if (!(i % 50)) {
			EQ(try_window(b, AT, PAGE), -EEXIST);
			EQ(whole_open(m, "f"), EEXIST);
		}
		pool_window_close(a, &w);
		EQ(try_window(b, AT, LEN), 0);
		EQ(whole_open(m, "f"), 0);
		OK(note_prune(dev, &n->id, 1));
	}
	unmount(m, dev);
	pool_reach_close(a);
	pool_reach_close(b);
}

TEST(memory_is_given_back_at_once)
{
	with_each_device(alternate);
}

/* --- children --- */

static int keep_everything(void *arg)
{
	(void)arg;
	while (pause())
		;
	return 0;
}

/* How a child ends that touches the memory. */
static int end_of_toucher(volatile uint8_t *mem)
{
	int pid = OK(fork()), status;

	if (!pid) {
		(void)*mem;
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void fork_a_keeper(const struct removable *r)
{
	struct pool_reach *a = reach_of(r->dev), *b = reach_of(r->dev);
	struct pool_window w;
	struct task t;

	EQ(pool_window_range(a, 0, AT, LEN, &w), 0);
	memset(w.mem, 1, LEN);
	EQ(end_of_toucher(w.mem), SIGSEGV);
	t = task_start(keep_everything, NULL);
	pool_window_close(a, &w);
	EQ(try_window(b, AT, LEN), 0);
	EQ(try_window(a, AT, LEN), 0);
	pool_reach_close(a);
	EQ(try_window(b, AT, LEN), 0);
	TRUE(!task_done(&t));
	task_kill(&t);
	pool_reach_close(b);
}

TEST(child_that_keeps_everything_is_in_nobodys_way)
{
	with_each_device(fork_a_keeper);
}

static const struct daxdev *holders_dev;

/* Tells by its result, which is shared, that it has the window. */
static int hold_a_window(void *arg)
{
	struct pool_reach *reach = reach_of(holders_dev);
	struct pool_window w;
	int *ready = arg;

	EQ(pool_window_range(reach, 0, AT, LEN, &w), 0);
	memset(w.mem, 3, LEN);
	*ready = 1;
	return keep_everything(NULL);
}

static void kill_a_holder(const struct removable *r)
{
	volatile int *ready = t_shared(sizeof(int));
	struct pool_reach *reach;
	struct task t;

	holders_dev = r->dev;
	t = task_start(hold_a_window, (void *)ready);
	UNTIL(*ready);
	reach = reach_of(r->dev);
	EQ(try_window(reach, AT, PAGE), -EEXIST);
	task_kill(&t);
	UNTIL(!try_window(reach, AT, LEN));
	pool_reach_close(reach);
}

TEST(who_is_killed_gives_all_back)
{
	with_each_device(kill_a_holder);
}

static volatile bool stop_forking;

/* Children that are forked at any moment, and end at once or become another program. */
static void *fork_on_and_on(void *arg)
{
	long n = 0;

	(void)arg;
	for (; !stop_forking; n++) {
		int pid = fork();

		if (!pid && n % 4 == 0)
			execl("/bin/true", "true", NULL);
		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return (void *)n;
}

static void fork_while_windows_come_and_go(const struct removable *r)
{
	struct pool_reach *a = reach_of(r->dev), *b = reach_of(r->dev);
	pthread_t thread;
	void *forks;

	EQ(pthread_create(&thread, NULL, fork_on_and_on, NULL), 0);
	for (int i = 0; i < 200; i++) {
		EQ(try_window(a, AT, LEN), 0);
		EQ(try_window(b, AT, LEN), 0);
	}
	stop_forking = true;
	EQ(pthread_join(thread, &forks), 0);
	TRUE((long)forks > 0);
	pool_reach_close(a);
	pool_reach_close(b);
}

TEST(forking_keeps_no_memory)
{
	with_each_device(fork_while_windows_come_and_go);
}

/* --- threads --- */

struct walker {
	struct pool_reach *reach;
	uint64_t off;
	bool may_clash;
	long opened;
	const char *wrong;
};

static void *come_and_go(void *arg)
{
	struct walker *k = arg;

	for (uint32_t i = 0; i < 100; i++) {
		struct pool_window w;
		int rc = pool_window_range(k->reach, 0, k->off, 4 * PAGE, &w);

		if (rc == -EEXIST && k->may_clash)
			continue;
		if (rc) {
			k->wrong = strerror(-rc);
			return NULL;
		}
		k->opened++;
		pat_fill(w.mem, i, k->off, 4 * PAGE);
		if (pat_diff(w.mem, i, k->off, 4 * PAGE) >= 0)
			k->wrong = "another writes there";
		pool_window_close(k->reach, &w);
	}
	return NULL;
}

/* Four have memory of their own, two the same. */
static void use_threads(const struct removable *r)
{
	struct pool_reach *reach = reach_of(r->dev);
	struct walker k[6] = { 0 };
	pthread_t threads[ARRAY_SIZE(k)];

	for (size_t i = 0; i < ARRAY_SIZE(k); i++) {
		k[i].reach = reach;
		k[i].off = AT + (i < 4 ? i : 4) * 4 * PAGE;
		k[i].may_clash = i >= 4;
		EQ(pthread_create(&threads[i], NULL, come_and_go, &k[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(k); i++) {
		EQ(pthread_join(threads[i], NULL), 0);
		if (k[i].wrong)
			FAIL("thread %zu: %s", i, k[i].wrong);
		if (!k[i].may_clash)
			EQ(k[i].opened, 100);
	}
	TRUE(k[4].opened + k[5].opened > 0);
	pool_reach_close(reach);
}

TEST(threads_have_windows_at_once)
{
	with_each_device(use_threads);
}

/* --- what goes away --- */

static void lose_device(const struct removable *r)
{
	struct pool_reach *reach = reach_of(r->dev);
	struct pool_window w;

	fill_window(reach, AT, 6);
	EQ(pool_window_range(reach, 0, AT, LEN, &w), 0);
	PAT(w.mem, 6, 0, LEN);
	take_away(r);
	TRUE(try_read(w.mem));
	TRUE(try_write((uint8_t *)w.mem + LEN - 1, 1));
	TRUE(try_window(reach, AT + LEN, LEN) < 0);
	pool_window_close(reach, &w);
	TRUE(try_window(reach, AT, LEN) < 0);
	give_back(r);
	/* It is another one now. */
	pool_reach_close(reach);
	reach = reach_of(r->dev);
	check_window(reach, AT, 6);
	pool_reach_close(reach);
}

TEST(device_goes_under_a_window)
{
	with_each_device(lose_device);
}

/* Of the one mount that there is. */
static void abort_mount(void)
{
	DIR *d = opendir(SYSFS);
	struct dirent *e;
	char path[320];
	int n = 0;

	TRUE(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), SYSFS "/%s", e->d_name);
		n++;
	}
	OK(closedir(d));
	EQ(n, 1);
	sysfs_put(path, "abort", "1");
}

TEST(windows_outlive_an_abort)
{
	struct pool_reach *reach = reach_of(pmem(0));
	struct pool_window w;

	fill_window(reach, AT, 7);
	EQ(pool_window_range(reach, 0, AT, LEN, &w), 0);
	abort_mount();
	PAT(w.mem, 7, 0, LEN);
	TRUE(try_window(reach, AT + LEN, LEN) < 0);
	pool_window_close(reach, &w);
	/* With the last window the mount went, and there is a new one. */
	check_window(reach, AT, 7);
	pool_reach_close(reach);
}

TEST(removed_device_is_free)
{
	struct dev_info other = dev_of(pmem(1));
	struct pool_reach *reach = reach_of(pmem(0));
	struct pool_window w;
	int fd;

	fill_window(reach, AT, 8);
	FAILS(EBUSY, open(pmem(0)->node, O_RDWR | O_EXCL | O_CLOEXEC));
	EQ(pool_reach_add(reach, 1, &other), 0);
	EQ(pool_window_range(reach, 1, AT, LEN, &w), 0);
	memset(w.mem, 9, LEN);
	pool_reach_remove(reach, 0);
	EQ(try_window(reach, AT, LEN), -ENODEV);
	/* The other one's window needs the mount. */
	EQ(((uint8_t *)w.mem)[LEN - 1], 9);
	pool_window_close(reach, &w);
	fd = OK(open(pmem(0)->node, O_RDWR | O_EXCL | O_CLOEXEC));
	OK(close(fd));
	EQ(pool_window_range(reach, 1, AT, LEN, &w), 0);
	EQ(((uint8_t *)w.mem)[LEN - 1], 9);
	pool_window_close(reach, &w);
	pool_reach_close(reach);
}

static int add_as_nobody(void *arg)
{
	struct dev_info *dev = arg;
	struct pool_reach *reach;

	OK(setresgid(65534, 65534, 65534));
	OK(setresuid(65534, 65534, 65534));
	EQ(pool_reach_open(&reach, POOL_WRITE, &msgs), 0);
	EQ(pool_reach_add(reach, 0, dev), -EPERM);
	SAID("only root can reach the memory");
	pool_reach_close(reach);
	return 0;
}

TEST(who_is_not_privileged_is_told)
{
	struct dev_info dev = dev_of(pmem(0));
	struct task t = task_start(add_as_nobody, &dev);

	EQ(task_wait(&t), 0);
}
