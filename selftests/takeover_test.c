// SPDX-License-Identifier: GPL-2.0
/*
 * fmapfsd --takeover under a service manager: killed, and succeeded by another.
 *
 * 1. Several processes use files in all ways; the server is killed in the middle,
 *    many times; the next one takes the device from the fd store. No operation
 *    fails, all that was written is there. With fmaps, and without; with several
 *    threads, and with one.
 * 2. The same at the very beginning, before INIT is answered.
 * 3. SIGTERM and umount end it for good: unmounted, nothing left in the store.
 * 4. A mapping goes on working while there is no server.
 * 5. On the kernel's own fuse it works where that sends again what is unanswered,
 *    and is refused where it does not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/place.h"
#include "lib/tap.h"

#define WORKERS		4
#define ROUNDS		12
#define FILE_SIZE	(2UL << 20)

/* One process that uses the files; in shared memory. */
struct worker {
	const struct place *p;
	int number;
	atomic_bool *stop;
	atomic_ulong done;
	int failed_errno;
	int failed_line;
	struct task task;
};

static void worker_files(char *text)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		text += sprintf(text, "  - { path: d%d/f, size: 2M, extents: [{ device: %d, offset: %dM, length: 2M }] }\n",
				i, i % 2, 2 * i + 2);
}

/* --- the load --- */

#define WORK(holds) do {						\
	errno = 0;							\
	if (!(holds)) {							\
		w->failed_errno = errno;				\
		w->failed_line = __LINE__;				\
		return false;						\
	}								\
	w->done++;							\
} while (0)

static bool work_names(struct worker *w, const char *file)
{
	struct stat st;
	int n = 0;
	DIR *d;

	WORK(!stat(file, &st) && st.st_size == FILE_SIZE);
	WORK(stat(place_at(w->p, "d%d/none", w->number), &st) && errno == ENOENT);
	d = opendir(place_at(w->p, "d%d", w->number));
	WORK(d);
	while (readdir(d))
		n++;
	closedir(d);
	WORK(n == 3);
	WORK(!access(file, R_OK | W_OK));
	return true;
}

static bool work_data(struct worker *w, const char *file, uint64_t value)
{
	off_t off = value * 4096 % FILE_SIZE;
	int fd = open(file, O_RDWR | O_CLOEXEC);
	uint64_t got = 0;
	char text[64] = "";

	WORK(fd >= 0);
	WORK(pwrite(fd, &value, 8, off) == 8);
	WORK(pread(fd, &got, 8, off) == 8 && got == value);
	WORK(!fsync(fd));
	close(fd);
	fd = open(place_at(w->p, "host"), O_RDONLY | O_CLOEXEC);
	WORK(fd >= 0);
	WORK(pread(fd, text, sizeof(text), 0) == strlen(HOST_TEXT));
	WORK(!strcmp(text, HOST_TEXT));
	close(fd);
	return true;
}

/* Mappings are shared only where there is an fmap. */
static bool work_mapping(struct worker *w, const char *file, uint64_t value)
{
	off_t off = value * 4096 % FILE_SIZE;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *p;

	WORK(fd >= 0);
	p = mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	WORK(p != MAP_FAILED);
	WORK(*(uint64_t *)(p + off) == value);
	munmap(p, FILE_SIZE);
	close(fd);
	return true;
}

static int work(void *arg)
{
	struct worker *w = arg;
	char file[256];
	uint64_t value = 0;

	strcpy(file, place_at(w->p, "d%d/f", w->number));
	while (!*w->stop) {
		value++;
		if (!work_names(w, file) || !work_data(w, file, value) ||
		    !work_mapping(w, file, value))
			break;
		/* Maps, pages and inodes are to be asked for anew, too. */
		if (!w->number && value % 16 == 0)
			drop_caches();
	}
	return 0;
}

static struct worker *start_workers(struct place *p)
{
	struct worker *w = t_shared(WORKERS * sizeof(*w));
	atomic_bool *stop = t_shared(sizeof(*stop));
	int i;

	for (i = 0; i < WORKERS; i++) {
		w[i].p = p;
		w[i].number = i;
		w[i].stop = stop;
		w[i].task = task_start(work, &w[i]);
	}
	return w;
}

static void check_workers(const struct worker *w)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		if (w[i].failed_line)
			FAIL("worker %d: line %d, after %lu operations: %s", i,
			     w[i].failed_line, w[i].done,
			     strerror(w[i].failed_errno));
}

static bool all_did(const struct worker *w, const unsigned long *since,
		    unsigned long more)
{
	int i;

	check_workers(w);
	for (i = 0; i < WORKERS; i++)
		if (w[i].done < since[i] + more)
			return false;
	return true;
}

static void let_work(const struct worker *w, unsigned long more)
{
	unsigned long since[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		since[i] = w[i].done;
	UNTIL(all_did(w, since, more));
}

static void stop_workers(struct worker *w)
{
	int i;

	*w->stop = true;
	for (i = 0; i < WORKERS; i++)
		EQ(task_wait(&w[i].task), 0);
	check_workers(w);
}

static void kill_under_load(const char *option, const char *value)
{
	char files[1024];
	struct place *p;
	struct worker *w;
	int round;

	worker_files(files);
	p = place_new(files);
	place_start(p, option, value);
	w = start_workers(p);
	for (round = 0; round < ROUNDS; round++) {
		let_work(w, 10 + rand() % 100);
		keeper_kill(&p->k);
		EQ(p->k.nstored, 2);
		/* At once, or when somebody waits. */
		if (round % 2)
			UNTIL(sysfs_read(&p->m, "waiting") > 0);
		place_again(p);
	}
	let_work(w, 100);
	stop_workers(w);
	place_end(p);
}

TEST(nobody_notices_that_the_server_is_killed)
{
	kill_under_load(NULL, NULL);
}

TEST(nor_with_ordinary_files)
{
	kill_under_load("--no-fmap", NULL);
}

TEST(nor_with_one_thread)
{
	kill_under_load("--threads=1", NULL);
}

TEST(nor_with_devices_pushed)
{
	kill_under_load("--push", NULL);
}

/* --- beginnings and ends --- */

/* As soon as the device is in the store; a user waits from the beginning. */
TEST(a_server_may_be_killed_before_init)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		struct place *p = place_new("");
		struct task user;
		int i;

		p->argv[0] = "fmapfsd";
		p->argv[1] = "--takeover";
		p->argv[2] = p->layout;
		p->argv[3] = p->m.dir;
		keeper_start(&p->k, p->argv);
		UNTIL((keeper_hear(&p->k), p->k.nstored));
		user = task_start(place_read_host, p);
		for (i = 0; i < 3; i++) {
			usleep(rand() % 2000);
			keeper_kill(&p->k);
			EQ(p->k.nstored, 2);
			keeper_start(&p->k, p->argv);
		}
		keeper_wait(&p->k);
		EQ(task_wait(&user), 0);
		place_end(p);
	}
}

TEST(umount_ends_it_for_good)
{
	struct place *p = place_new("");

	place_start(p, NULL, NULL);
	keeper_kill(&p->k);
	place_again(p);
	EQ(place_read_host(p), 0);
	OK(umount(p->m.dir));
	EQ(keeper_end(&p->k, 0), 0);
	EQ(p->k.nstored, 0);
	TRUE(!place_is_mounted(p));
	/* And so does one while there is no server: the next one learns of it. */
	place_start(p, NULL, NULL);
	keeper_kill(&p->k);
	OK(umount2(p->m.dir, MNT_DETACH));
	keeper_start(&p->k, p->argv);
	EQ(keeper_end(&p->k, 0), 0);
	EQ(p->k.nstored, 0);
	TRUE(!place_is_mounted(p));
	/* After which it can be mounted again. */
	place_again(p);
	EQ(place_read_host(p), 0);
	place_end(p);
}

TEST(a_mapping_needs_no_server)
{
	char files[1024];
	struct place *p;
	volatile char *map;
	int fd, i;

	worker_files(files);
	p = place_new(files);
	place_start(p, NULL, NULL);
	fd = OK(open(place_at(p, "d1/f"), O_RDWR | O_CLOEXEC));
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TRUE(map != MAP_FAILED);
	map[0] = 1;
	keeper_kill(&p->k);
	for (i = 0; i < 512; i++)
		map[i * 4096] = i;
	EQ(pwrite(fd, "x", 1, 1), 1);
	place_again(p);
	EQ(map[511 * 4096], (char)511);
	EQ(map[1], 'x');
	OK(munmap((void *)map, FILE_SIZE));
	OK(close(fd));
	place_end(p);
}

TEST(without_a_manager_it_mounts_as_ever)
{
	struct place *p = place_new("");

	p->k.deaf = true;
	p->argv[0] = "fmapfsd";
	p->argv[1] = "--takeover";
	p->argv[2] = p->layout;
	p->argv[3] = p->m.dir;
	keeper_start(&p->k, p->argv);
	UNTIL(place_is_mounted(p));
	EQ(place_read_host(p), 0);
	place_end(p);
}

/* NOTIFY_RESEND came with Linux 6.9. */
static bool fuse_sends_again(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	OK(uname(&name));
	EQ(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 9);
}

TEST(plain_fuse_must_send_again)
{
	struct place *p = place_new("");
	struct task user;

	EQ(system("modprobe fuse"), 0);
	p->argv[0] = "fmapfsd";
	p->argv[1] = "--takeover";
	p->argv[2] = "--plain-fuse";
	p->argv[3] = p->layout;
	p->argv[4] = p->m.dir;
	keeper_start(&p->k, p->argv);
	if (fuse_sends_again()) {
		keeper_wait(&p->k);
		keeper_kill(&p->k);
		user = task_start(place_read_host, p);
		place_again(p);
		EQ(task_wait(&user), 0);
	} else {
		EQ(WEXITSTATUS(keeper_end(&p->k, 0)), 1);
		EQ(p->k.nstored, 0);
		TRUE(!place_is_mounted(p));
		p->argv[1] = "--foreground";
		keeper_start(&p->k, p->argv);
		keeper_wait(&p->k);
		EQ(place_read_host(p), 0);
	}
	place_end(p);
}
