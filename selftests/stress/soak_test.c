// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once; soak.h tells what.
 *
 * 1. Without the devices going.
 * 2. With devices that are taken from their driver and given back.
 *
 * What must hold is told where it is looked at: broken(). Besides, no call may take
 * so long that it hangs; then the stacks of all tasks are shown.
 *
 * In the environment (run --env): SOAK_SECONDS=3600, the length of each test;
 * SOAK_SEED=N, which is printed, makes the same choices again; SOAK_WORLDS=1, less at
 * once; SOAK_REPORT=FILE has the figures. TEST_TIMEOUT has to suffice.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

/* A call that takes longer hangs: nothing waits on purpose for more than a second. */
#define HANGS_MS	(180 * 1000LL * t_slower())

#define SECONDS		12

struct soak *soak;
static __thread struct lane *lane;

static const char *const op_names[] = {
	[OP_NONE] = "nothing",
#define OP(name) [OP_##name] = #name,
#include "ops.h"
#undef OP
};

/* --- random numbers --- */

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

struct rng rng_for(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (struct rng){ mix(mix(mix(mix(soak->seed ^ a) ^ b) ^ c) ^ d) };
}

uint32_t rnd(struct rng *r, uint32_t below)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return (mix(r->state) >> 32) % below;
}

bool chance(struct rng *r, uint32_t percent)
{
	return rnd(r, 100) < percent;
}

void nap(struct rng *r, uint32_t max_ms)
{
	usleep(rnd(r, max_ms * 1000));
}

bool is_one_of(int error, const int *list)
{
	for (; *list; list++)
		if (*list == error)
			return true;
	return false;
}

/* --- lanes --- */

void lane_take(int n)
{
	lane = &soak->lanes[n];
	lane->op = OP_NONE;
	lane->pid = getpid();
}

int lane_number(void)
{
	return lane - soak->lanes;
}

void lane_clear(int n)
{
	soak->lanes[n].op = OP_NONE;
	soak->lanes[n].pid = 0;
}

void lane_begin(enum op op)
{
	lane->since = t_now_ms();
	lane->op = op;
}

void lane_end(bool failed)
{
	enum op op = lane->op;

	lane->op = OP_NONE;
	if (failed)
		soak->failed[op]++;
	else
		soak->done[op]++;
}

/* --- what does not hold --- */

/* What was found first is what counts; the rest follows from it. */
void broken(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!atomic_exchange(&soak->broken, true))
		t_diag("broken: %s", text);
	_exit(1);
}

static void show_file(const char *path, const char *indent)
{
	static char text[65536];
	char *line, *next = text;

	if (read_text(path, text, sizeof(text)) <= 0)
		return;
	while ((line = strsep(&next, "\n")))
		if (*line)
			printf("# %s%s\n", indent, line);
}

static void show_task(const char *pid, const char *tid)
{
	char path[300], comm[64] = "", stat[512] = "";

	snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", pid, tid);
	read_text(path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	snprintf(path, sizeof(path), "/proc/%s/task/%s/stat", pid, tid);
	if (read_text(path, stat, sizeof(stat)) < 0 || !strrchr(stat, ')'))
		return;
	printf("# process %s, task %s (%s), state %.1s\n", pid, tid, comm,
	       strrchr(stat, ')') + 2);
	snprintf(path, sizeof(path), "/proc/%s/task/%s/stack", pid, tid);
	show_file(path, "    ");
}

static void each_entry(const char *dir, void (*fn)(const char *name, void *arg),
		       void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
			fn(e->d_name, arg);
	if (d)
		closedir(d);
}

static void show_thread(const char *tid, void *pid)
{
	show_task(pid, tid);
}

static void show_process(const char *pid, void *arg)
{
	char path[300];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	each_entry(path, show_thread, (void *)pid);
}

static void show_requests(const char *id, void *arg)
{
	char path[300];

	(void)arg;
	snprintf(path, sizeof(path), "/sys/kernel/debug/fmapfs/%s/requests", id);
	printf("# requests of mount 0:%s\n", id);
	show_file(path, "    ");
}

static void show_all(void)
{
	each_entry("/proc", show_process, NULL);
	each_entry("/sys/kernel/debug/fmapfs", show_requests, NULL);
	fflush(stdout);
}

/* --- the watch --- */

static bool hangs(int64_t now)
{
	for (int i = 0; i < LANES; i++) {
		struct lane *l = &soak->lanes[i];
		int op = l->op;
		int64_t since = l->since;

		if (op == OP_NONE || now - since < HANGS_MS || op != l->op ||
		    since != l->since)
			continue;
		t_diag("broken: process %d hangs in %s, for %ld s", l->pid,
		       op_names[op], (long)(now - since) / 1000);
		return true;
	}
	return false;
}

static void report(void)
{
	for (int op = 1; op < NR_OPS; op++)
		if (soak->done[op] || soak->failed[op])
			t_diag("%-18s %10ld, %ld failed", op_names[op],
			       (long)soak->done[op], (long)soak->failed[op]);
}

static long ops_done(void)
{
	long n = 0;

	for (int op = 1; op < NR_OPS; op++)
		n += soak->done[op] + soak->failed[op];
	return n;
}

/* Return: that all is well. */
static bool watch(int seconds, int children)
{
	int64_t start = t_now_ms(), told = start;
	int status;

	while (children) {
		int64_t now = t_now_ms();

		if (soak->broken)
			return false;
		if (hangs(now)) {
			show_all();
			return false;
		}
		if (now - start > seconds * 1000LL)
			soak->stop = true;
		if (now - told > 60 * 1000) {
			t_diag("%ld s, %ld calls", (long)(now - start) / 1000,
			       ops_done());
			told = now;
		}
		while (waitpid(-1, &status, WNOHANG) > 0) {
			children--;
			if (status || (!soak->stop && !soak->broken)) {
				t_diag("broken: a world has ended with status %#x",
				       status);
				return false;
			}
		}
		usleep(20000);
	}
	return !soak->broken;
}

/* --- the beginning --- */

static void start(void (*fn)(int n), int n)
{
	int pid = fork();

	if (pid < 0)
		broken("fork: %s", strerror(errno));
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(n);
	_exit(0);
}

static void find_devices(void)
{
	const struct daxdev *devs;
	int n = daxdevs(&devs);

	for (int i = 0; i < n && soak->ndevs < DEVICES; i++)
		if (!strcmp(devs[i].type, "pmem"))
			soak->dev[soak->ndevs++] = devs[i];
	if (!soak->ndevs)
		broken("there is no pmem device");
	for (int i = 0; i < soak->ndevs; i++)
		if (soak->dev[i].size < WORLD_AT + WORLDS * WORLD_ROOM)
			broken("%s is too small", soak->dev[i].node);
}

static uint64_t some_seed(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return mix(ts.tv_sec * 1000000000ULL + ts.tv_nsec) % 1000000000;
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* Where the figures go, too; see vm/check-long. */
static void write_report(void)
{
	const char *path = getenv("SOAK_REPORT");

	report();
	if (!path)
		return;
	fflush(stdout);
	if (!freopen(path, "a", stdout))
		FAIL("%s: %s", path, strerror(errno));
	t_diag("seed %lu, %ld calls", soak->seed, ops_done());
	report();
}

static void run(bool removal)
{
	int seconds = env_number("SOAK_SECONDS", SECONDS);
	int worlds = env_number("SOAK_WORLDS", WORLDS);
	bool well;

	/* There is a watch. */
	alarm(0);
	soak = t_shared(sizeof(*soak));
	soak->seed = env_number("SOAK_SEED", some_seed());
	TRUE(worlds >= 1 && worlds <= WORLDS);
	find_devices();
	t_diag("SOAK_SEED=%lu SOAK_SECONDS=%d SOAK_WORLDS=%d", soak->seed,
	       seconds, worlds);
	for (int i = 0; i < worlds; i++)
		start(world_main, i);
	start(machine_main, removal);
	well = watch(seconds, worlds + 1);
	write_report();
	if (!well)
		exit(1);
}

TEST(everything_at_once)
{
	run(false);
}

TEST(everything_at_once_and_devices_go_and_come)
{
	run(true);
}
