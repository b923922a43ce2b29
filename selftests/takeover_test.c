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
 * 5. The layout changes between two lives: a file that is there no more is
 *    ESTALE; one with other extents shows what is there, through an fd from
 *    before; new names are found, though it was known that there are none.
 *    Also if the one that learned of the change is killed before it has told the
 *    kernel of all of it.
 * 6. Devices change: the old mount ends, a new one works.
 * 7. What no successor can use: a mount whose device nobody kept is cleared away.
 * 8. A successor that cannot start, for mistakes in the layout or in the command
 *    line, leaves all to the next one.
 * 9. One that is to mount elsewhere unmounts the old mount, but nothing that was
 *    mounted over it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/keeper.h"
#include "lib/tap.h"

#define WORKERS		4
#define ROUNDS		12
#define FILE_SIZE	(2UL << 20)
#define HOST_TEXT	"from the host, by READ"

/* What a test works with: a directory with layout, host file, mount point. */
struct place {
	struct keeper k;
	struct mnt m;		/* for sysfs; no server of its own */
	char dir[64];
	char layout[96];
	char host[96];
	char *argv[16];
};

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

static const char *at(const struct place *p, const char *fmt, ...)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];
	va_list ap;
	int n;

	n = snprintf(path, sizeof(paths[0]), "%s/", p->m.dir);
	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(paths[0]) - n, fmt, ap);
	va_end(ap);
	return path;
}

static void write_text(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	EQ(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

static void write_layout(const struct place *p, const char *files)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "devices: [{ path: %s }, { path: %s }]\n"
		 "files:\n"
		 "  - { path: host, from: %s }\n%s",
		 pmem(0)->node, pmem(1)->node, p->host, files);
	write_text(p->layout, text);
}

static void worker_files(char *text)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		text += sprintf(text, "  - { path: d%d/f, size: 2M, extents: [{ device: %d, offset: %dM, length: 2M }] }\n",
				i, i % 2, 2 * i + 2);
}

static struct place *place_new(const char *files)
{
	struct place *p = calloc(1, sizeof(*p));
	char *dir = make_dir();

	strcpy(p->dir, dir);
	free(dir);
	snprintf(p->m.dir, sizeof(p->m.dir), "%s/mnt", p->dir);
	snprintf(p->layout, sizeof(p->layout), "%s/l.yaml", p->dir);
	snprintf(p->host, sizeof(p->host), "%s/host", p->dir);
	OK(mkdir(p->m.dir, 0755));
	write_text(p->host, HOST_TEXT);
	write_layout(p, files);
	keeper_open(&p->k);
	return p;
}

/* Names and attributes are asked for each time. */
static void start(struct place *p, const char *option, const char *value)
{
	int n = 0;

	p->argv[n++] = "fmapfsd";
	p->argv[n++] = "--takeover";
	p->argv[n++] = "--timeout=0";
	if (option)
		p->argv[n++] = (char *)option;
	if (value)
		p->argv[n++] = (char *)value;
	p->argv[n++] = p->layout;
	p->argv[n++] = p->m.dir;
	p->argv[n] = NULL;
	keeper_start(&p->k, p->argv);
	keeper_wait(&p->k);
	p->m.minor = mount_minor(p->m.dir);
}

static void again(struct place *p)
{
	keeper_start(&p->k, p->argv);
	keeper_wait(&p->k);
}

static bool is_mounted(const struct place *p)
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[1024];
	bool found = false;

	while (fgets(line, sizeof(line), f))
		found |= strstr(line, p->m.dir) != NULL;
	fclose(f);
	return found;
}

static void end(struct place *p)
{
	EQ(keeper_end(&p->k, SIGTERM), 0);
	EQ(p->k.nstored, 0);
	TRUE(!is_mounted(p));
	keeper_close(&p->k);
	OK(unlink(p->layout));
	OK(unlink(p->host));
	OK(rmdir(p->m.dir));
	OK(rmdir(p->dir));
	free(p);
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
	WORK(stat(at(w->p, "d%d/none", w->number), &st) && errno == ENOENT);
	d = opendir(at(w->p, "d%d", w->number));
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
	fd = open(at(w->p, "host"), O_RDONLY | O_CLOEXEC);
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

	strcpy(file, at(w->p, "d%d/f", w->number));
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
	start(p, option, value);
	w = start_workers(p);
	for (round = 0; round < ROUNDS; round++) {
		let_work(w, 10 + rand() % 100);
		keeper_kill(&p->k);
		EQ(p->k.nstored, 2);
		/* At once, or when somebody waits. */
		if (round % 2)
			UNTIL(sysfs_read(&p->m, "waiting") > 0);
		again(p);
	}
	let_work(w, 100);
	stop_workers(w);
	end(p);
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

static int read_host(void *arg)
{
	struct place *p = arg;
	char text[64];
	int fd = open(at(p, "host"), O_RDONLY | O_CLOEXEC);

	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n == strlen(HOST_TEXT) ? 0 : -EIO;
}

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
		user = task_start(read_host, p);
		for (i = 0; i < 3; i++) {
			usleep(rand() % 2000);
			keeper_kill(&p->k);
			EQ(p->k.nstored, 2);
			keeper_start(&p->k, p->argv);
		}
		keeper_wait(&p->k);
		EQ(task_wait(&user), 0);
		end(p);
	}
}

TEST(umount_ends_it_for_good)
{
	struct place *p = place_new("");

	start(p, NULL, NULL);
	keeper_kill(&p->k);
	again(p);
	EQ(read_host(p), 0);
	OK(umount(p->m.dir));
	EQ(keeper_end(&p->k, 0), 0);
	EQ(p->k.nstored, 0);
	TRUE(!is_mounted(p));
	/* And so does one while there is no server: the next one learns of it. */
	start(p, NULL, NULL);
	keeper_kill(&p->k);
	OK(umount2(p->m.dir, MNT_DETACH));
	keeper_start(&p->k, p->argv);
	EQ(keeper_end(&p->k, 0), 0);
	EQ(p->k.nstored, 0);
	TRUE(!is_mounted(p));
	/* After which it can be mounted again. */
	again(p);
	EQ(read_host(p), 0);
	end(p);
}

TEST(a_mapping_needs_no_server)
{
	char files[1024];
	struct place *p;
	volatile char *map;
	int fd, i;

	worker_files(files);
	p = place_new(files);
	start(p, NULL, NULL);
	fd = OK(open(at(p, "d1/f"), O_RDWR | O_CLOEXEC));
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TRUE(map != MAP_FAILED);
	map[0] = 1;
	keeper_kill(&p->k);
	for (i = 0; i < 512; i++)
		map[i * 4096] = i;
	EQ(pwrite(fd, "x", 1, 1), 1);
	again(p);
	EQ(map[511 * 4096], (char)511);
	EQ(map[1], 'x');
	OK(munmap((void *)map, FILE_SIZE));
	OK(close(fd));
	end(p);
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
	UNTIL(is_mounted(p));
	EQ(read_host(p), 0);
	end(p);
}

/* --- changes between two lives --- */

#define AT(name, dev, off)	\
	"  - { path: " name ", size: 2M, extents: [{ device: " dev ", offset: " off ", length: 2M }] }\n"

static void fill(const struct place *p, const char *name, char c)
{
	int fd = OK(open(at(p, name), O_RDWR | O_CLOEXEC));

	EQ(pwrite(fd, &c, 1, 0), 1);
	OK(close(fd));
}

static int first_byte(int fd)
{
	unsigned char c;

	return pread(fd, &c, 1, 0) == 1 ? c : -errno;
}

TEST(a_changed_layout_is_seen)
{
	struct place *p = place_new(AT("stays", "0", "4M") AT("moves", "0", "8M")
				    AT("goes", "0", "12M"));
	int stays, moves, goes;
	struct stat st;

	/* Believed for long, were it not for the change. */
	start(p, "--timeout=1000", NULL);
	fill(p, "stays", 's');
	fill(p, "moves", 'm');
	stays = OK(open(at(p, "stays"), O_RDONLY | O_CLOEXEC));
	moves = OK(open(at(p, "moves"), O_RDONLY | O_CLOEXEC));
	goes = OK(open(at(p, "goes"), O_RDONLY | O_CLOEXEC));
	FAILS(ENOENT, stat(at(p, "comes"), &st));
	EQ(first_byte(moves), 'm');
	keeper_kill(&p->k);
	write_layout(p, AT("stays", "0", "4M") AT("moves", "1", "8M")
		     AT("comes", "1", "16M"));
	again(p);
	fill(p, "moves", 'M');
	EQ(first_byte(moves), 'M');
	EQ(first_byte(stays), 's');
	OK(stat(at(p, "comes"), &st));
	FAILS(ENOENT, stat(at(p, "goes"), &st));
	FAILS(ESTALE, fchmod(goes, 0600));
	OK(close(stays));
	OK(close(moves));
	OK(close(goes));
	end(p);
}

/* What a server killed on the way has not said, the next one says. */
TEST(a_change_is_seen_though_its_server_is_killed)
{
	struct place *p = place_new(AT("moves", "0", "8M"));
	const char *const offsets[] = { AT("moves", "0", "8M"),
					AT("moves", "1", "8M") };
	int fd, round;

	start(p, "--timeout=1000", NULL);
	fill(p, "moves", 0);
	fd = OK(open(at(p, "moves"), O_RDWR | O_CLOEXEC));
	keeper_kill(&p->k);
	write_layout(p, offsets[1]);
	again(p);
	fill(p, "moves", 1);
	for (round = 0; round < 2 * ROUNDS; round++) {
		EQ(first_byte(fd), !(round % 2));
		keeper_kill(&p->k);
		write_layout(p, offsets[round % 2]);
		keeper_start(&p->k, p->argv);
		usleep(rand() % 8000);
		keeper_kill(&p->k);
		again(p);
	}
	OK(close(fd));
	end(p);
}

static void fails_to_start(struct place *p, int status)
{
	keeper_start(&p->k, p->argv);
	EQ(WEXITSTATUS(keeper_end(&p->k, 0)), status);
	EQ(p->k.nstored, 2);
}

TEST(a_mistake_costs_no_mount)
{
	struct place *p = place_new("");
	char *option;
	struct task user;

	start(p, "--push", NULL);
	keeper_kill(&p->k);
	user = task_start(read_host, p);
	UNTIL(sysfs_read(&p->m, "waiting") > 0);
	write_text(p->layout, "files: [");
	fails_to_start(p, 1);
	fails_to_start(p, 1);
	write_layout(p, "");
	option = p->argv[3];
	p->argv[3] = "--no-such-option";
	fails_to_start(p, 2);
	p->argv[3] = option;
	again(p);
	EQ(task_wait(&user), 0);
	end(p);
}

/* Has a file open; in shared memory. */
struct holder {
	struct place *p;
	atomic_bool open, go_on;
};

/*
 * In a process of its own: whoever starts the next server must not have it open,
 * for closing it, in the child, would wait for that server. Return: -errno of
 * what the fd is good for in the end.
 */
static int hold_host(void *arg)
{
	struct holder *h = arg;
	int fd = OK(open(at(h->p, "host"), O_RDONLY | O_CLOEXEC));

	/* It is no keeper of the device. */
	keeper_forget(&h->p->k);
	h->open = true;
	UNTIL(h->go_on);
	return fchmod(fd, 0600) ? -errno : 0;
}

TEST(changed_devices_end_the_mount)
{
	struct place *p = place_new(AT("f", "0", "4M"));
	struct holder *h = t_shared(sizeof(*h));
	struct task holder;
	char text[512];

	h->p = p;
	start(p, NULL, NULL);
	holder = task_start(hold_host, h);
	UNTIL(h->open);
	keeper_kill(&p->k);
	snprintf(text, sizeof(text),
		 "devices: [{ path: %s }, { path: %s }]\nfiles:\n"
		 "  - { path: host, from: %s }\n" AT("f", "0", "4M"),
		 pmem(1)->node, pmem(0)->node, p->host);
	write_text(p->layout, text);
	again(p);
	EQ(p->k.nstored, 2);
	EQ(read_host(p), 0);
	fill(p, "f", 'f');
	h->go_on = true;
	EQ(task_wait(&holder), -ENOTCONN);
	end(p);
}

/* The successor mounts on "elsewhere", and ends. */
static void mount_elsewhere(struct place *p)
{
	char *dir = p->argv[4], elsewhere[96];

	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", p->dir);
	OK(mkdir(elsewhere, 0755));
	keeper_kill(&p->k);
	p->argv[4] = elsewhere;
	again(p);
	EQ(p->k.nstored, 2);
	EQ(keeper_end(&p->k, SIGTERM), 0);
	OK(rmdir(elsewhere));
	p->argv[4] = dir;
}

TEST(what_is_mounted_over_it_stays)
{
	struct place *p = place_new("");
	struct stat st;

	start(p, NULL, NULL);
	mount_elsewhere(p);
	TRUE(!is_mounted(p));
	again(p);
	OK(mount("over", p->m.dir, "tmpfs", 0, NULL));
	OK(mkdir(at(p, "d"), 0755));
	mount_elsewhere(p);
	OK(stat(at(p, "d"), &st));
	OK(umount(p->m.dir));
	FAILS(ENOTCONN, stat(p->m.dir, &st));
	again(p);
	EQ(read_host(p), 0);
	end(p);
}

TEST(a_mount_that_nobody_kept_is_cleared_away)
{
	struct place *p = place_new("");
	struct stat st;

	start(p, NULL, NULL);
	keeper_kill(&p->k);
	keeper_forget(&p->k);
	FAILS(ENOTCONN, stat(p->m.dir, &st));
	again(p);
	EQ(read_host(p), 0);
	end(p);
}
