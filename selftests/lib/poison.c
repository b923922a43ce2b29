// SPDX-License-Identifier: GPL-2.0
/* Memory errors: see poison.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "mem.h"
#include "poison.h"

#define VIEWERS_MAX	16
#define COPY_SEED	9

/* A mapping that is not by large entries: the address is not congruent. */
static uint8_t *map_small(size_t len, int prot, int flags, int fd, uint64_t off)
{
	uint8_t *room = mmap(NULL, len + 2 * HUGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t at = ((uintptr_t)room + HUGE - 1) & ~(HUGE - 1);
	uint8_t *p;

	if (room == MAP_FAILED)
		FAIL("no address space: %s", strerror(errno));
	at += (off + PAGE) & (HUGE - 1);
	p = mmap((void *)at, len, prot, flags | MAP_FIXED, fd, off);
	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return p;
}

/* --- making errors --- */

struct place {
	int fd;
	uint64_t off;
	uint64_t pfn;		/* result */
};

static uint64_t pfn_of(const volatile void *p)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry;

	EQ(pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8), 8);
	OK(close(fd));
	/* Present, and we may see where. */
	TRUE(entry >> 63 && entry << 9 >> 9);
	return entry << 9 >> 9;
}

static volatile uint8_t *touch(const struct place *at)
{
	volatile uint8_t *p = map_small(PAGE, PROT_READ, MAP_SHARED, at->fd,
					at->off);

	(void)*p;
	return p;
}

/* By the page beside it, so that nobody need have had it mapped. */
static int find_pfn(void *arg)
{
	struct place *at = arg;
	uint64_t off = at->off;

	at->off = off ^ PAGE;
	at->pfn = pfn_of(touch(at)) + (off / PAGE - at->off / PAGE);
	return 0;
}

static volatile uint8_t *bad_page;

/* The page of who makes the error is always known. */
static void told_of_own(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	_exit(si->si_code == BUS_MCEERR_AR && si->si_addr == bad_page &&
	      si->si_addr_lsb == 12 ? 42 : 1);
}

static int advise(void *arg)
{
	struct sigaction sa = {
		.sa_sigaction = told_of_own,
		.sa_flags = SA_SIGINFO,
	};

	bad_page = touch(arg);
	OK(sigaction(SIGBUS, &sa, NULL));
	OK(madvise((void *)bad_page, PAGE, MADV_HWPOISON));
	return 0;
}

static int put_number(const char *path, uint64_t number)
{
	char text[32];
	int fd = OK(open(path, O_WRONLY | O_CLOEXEC)), rc, err;

	snprintf(text, sizeof(text), "%#llx\n", (unsigned long long)number);
	rc = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	err = errno;
	close(fd);
	errno = err;
	return rc;
}

static int offline_pfn(uint64_t pfn, const char *file)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/%s", file);
	return put_number(path, pfn * PAGE);
}

int offline_page(const volatile void *p, const char *file)
{
	return offline_pfn(pfn_of(p), file);
}

void poison(enum poison how, int fd, uint64_t off)
{
	struct place *at = t_shared(sizeof(*at));
	struct task t;

	at->fd = fd;
	at->off = off;
	if (how == MADVISED) {
		t = task_start(advise, at);
		EQ(WEXITSTATUS(task_reap(&t)), 42);
		return;
	}
	t = task_start(find_pfn, at);
	EQ(task_wait(&t), 0);
	if (how == OFFLINED) {
		OK(offline_pfn(at->pfn, "hard_offline_page"));
		return;
	}
	EQ(system("modprobe hwpoison_inject"), 0);
	OK(put_number("/sys/kernel/debug/hwpoison/corrupt-pfn", at->pfn));
}

/* --- viewers --- */

/* What a SIGBUS says. */
struct bus {
	int code;
	int lsb;
	uint64_t off;		/* of the file */
};

struct viewer {
	int fd, flags;
	uint32_t seed;
	uint64_t off, len;
	struct task task;
	atomic_int wanted, done;	/* rounds of looking */
	atomic_bool told;
	struct bus by_signal;
	bool may_be_told;		/* the test has waited for it */
	/* Of the latest round */
	int nlost;
	struct bus by_access;
	uint64_t wrong;			/* where the contents are; or NOTHING */
};

static struct viewer *viewers[VIEWERS_MAX];
static int nviewers;

/* In a viewer's process */
static struct viewer *me;
static uint8_t *view;
static sigjmp_buf lost;
static volatile sig_atomic_t looking;

static void on_bus(int sig, siginfo_t *si, void *context)
{
	struct bus bus = {
		.code = si->si_code,
		.lsb = si->si_addr_lsb,
		.off = (uint8_t *)si->si_addr - view + me->off,
	};

	(void)sig;
	(void)context;
	if (looking) {
		looking = 0;
		me->by_access = bus;
		siglongjmp(lost, 1);
	}
	me->by_signal = bus;
	me->told = true;
}

static uint32_t seed_of_view(void)
{
	return me->flags & VIEW_COPIED ? COPY_SEED : me->seed;
}

/* A page. Return: it is lost. */
static bool look_at(uint64_t at)
{
	uint8_t page[PAGE];

	if (sigsetjmp(lost, 1))
		return true;
	looking = 1;
	memcpy(page, view + at, PAGE);
	looking = 0;
	if (me->seed &&
	    pat_diff(page, seed_of_view(), me->off + at, PAGE) >= 0)
		me->wrong = me->off + at;
	return false;
}

static void look(void)
{
	me->nlost = 0;
	me->wrong = NOTHING;
	for (uint64_t at = 0; at < me->len; at += PAGE)
		me->nlost += look_at(at);
}

static void map_view(void)
{
	int flags = me->flags & VIEW_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	int prot = PROT_READ | PROT_WRITE;

	view = me->flags & VIEW_HUGE ?
	       map_at(me->len, HUGE, prot, flags, me->fd, me->off) :
	       map_small(me->len, prot, flags, me->fd, me->off);
	if (me->flags & VIEW_COPIED)
		pat_fill(view, COPY_SEED, me->off, me->len);
}

static int be_viewer(void *arg)
{
	struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	me = arg;
	OK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, me->flags & VIEW_EARLY ?
		 PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE, 0, 0));
	map_view();
	OK(sigaction(SIGBUS, &sa, NULL));
	for (int round = 1;; round++) {
		while (me->wanted < round)
			usleep(1000);
		look();
		me->done = round;
	}
}

static void have_it_look(struct viewer *v)
{
	v->wanted++;
	UNTIL(v->done == v->wanted);
	if (v->wrong != NOTHING)
		FAIL("wrong contents at %#llx", (unsigned long long)v->wrong);
}

struct viewer *viewer_new(int fd, uint32_t seed, uint64_t off, uint64_t len,
			  int flags)
{
	struct viewer *v = t_shared(sizeof(*v));

	TRUE(nviewers < VIEWERS_MAX);
	v->fd = fd;
	v->seed = seed;
	v->off = off;
	v->len = len;
	v->flags = flags;
	v->task = task_start(be_viewer, v);
	viewers[nviewers++] = v;
	have_it_look(v);
	EQ(v->nlost, 0);
	return v;
}

void viewer_was_told(struct viewer *v, uint64_t off, int lsb)
{
	UNTIL(v->told);
	EQ(v->by_signal.code, BUS_MCEERR_AO);
	EQ(v->by_signal.off, off);
	EQ(v->by_signal.lsb, lsb);
	v->may_be_told = true;
}

void viewer_was_not_told(struct viewer *v)
{
	TRUE(!v->told);
}

void viewer_loses(struct viewer *v, uint64_t off)
{
	have_it_look(v);
	EQ(v->told, v->may_be_told);
	EQ(v->nlost, off != NOTHING);
	if (off == NOTHING)
		return;
	EQ(v->by_access.code, BUS_MCEERR_AR);
	EQ(v->by_access.off, off);
	EQ(v->by_access.lsb, 12);
}

void viewers_end(void)
{
	while (nviewers) {
		struct viewer *v = viewers[--nviewers];

		task_kill(&v->task);
	}
}
