// SPDX-License-Identifier: GPL-2.0
/*
 * Replies changed at random, by a seed that tells them all.
 *
 * 1. Two processes call whatever makes the kernel send any opcode, again and
 *    again; half of the replies are spoilt: bytes, numbers, lengths, errors.
 * 2. Calls fail or succeed; none hangs.
 * 3. Then the replies are good again: the mount works, no request waits, and all
 *    lookups and handles that were handed out have been given back.
 *
 * The node of the file good is left out, so that it is good in the end, and so
 * is what would be remembered of the root.
 *
 * In the environment (run --env): HOSTILE_SEEDS="5 8-100" are other seeds than 1 to
 * 4; HOSTILE_REQUESTS=100000 is how many requests each has at least; TEST_TIMEOUT
 * has to suffice. With two callers the order of requests is the scheduler's, too;
 * HOSTILE_CALLERS=1 makes it the seed's alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/hostile.h"

#define SEEDS		"1-4"
#define REQUESTS	2500	/* at least, a seed */
#define CALLERS		2

static uint64_t state;

static unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static uint32_t rnd(uint32_t below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

static uint64_t number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 7, 255, 4095, 4096, 65535, 65536, INT32_MAX,
		1U << 31, ~0U, 1ULL << 32, INT64_MAX, 1ULL << 63, ~0ULL,
	};

	return numbers[rnd(ARRAY_SIZE(numbers))];
}

static void change_body(struct spoilt *sp)
{
	uint64_t n = number();
	size_t at;

	if (!sp->len)
		return;
	at = rnd(sp->len);
	switch (rnd(4)) {
	case 0:
		sp->body[at] ^= 1 << rnd(8);
		break;
	case 1:
		sp->body[at] = rnd(256);
		break;
	case 2:
		at &= ~7UL;
		memcpy(sp->body + at, &n, sp->len - at < 8 ? sp->len - at : 8);
		break;
	case 3:
		at &= ~3UL;
		memcpy(sp->body + at, &n, sp->len - at < 4 ? sp->len - at : 4);
		break;
	}
}

/* ENOSYS would make the kernel ask no more. */
static void change_frame(struct spoilt *sp)
{
	switch (rnd(8)) {
	case 0:
		sp->h.unique ^= 1ULL << rnd(64);
		break;
	case 1:
		sp->h.unique = 0;
		break;
	case 2:
		sp->len_delta = (int32_t)number();
		break;
	case 3:
		sp->len = rnd(sp->len + 1);
		break;
	case 4:
		sp->len += rnd(200);
		break;
	case 5:
		sp->h.error = -(int32_t)rnd(520);
		break;
	case 6:
		sp->h.error = -(int32_t)rnd(520);
		sp->len = 0;
		break;
	case 7:
		sp->h.error = (int32_t)number();
		sp->h.unique |= 1;
		break;
	}
	if (sp->h.error == -ENOSYS)
		sp->h.error = -EIO;
}

/*
 * Few node ids, so that they meet; good is none of them, nor is the root. And no
 * pipes: to open one waits for somebody at its other end.
 */
static void tame(struct fuse_entry_out *e)
{
	if (S_ISFIFO(e->attr.mode))
		e->attr.mode ^= S_IFIFO ^ S_IFSOCK;
	e->nodeid %= 64;
	if (e->nodeid == tree()->good->id || e->nodeid == ROOT_ID)
		e->nodeid = tree()->a->id;
}

static void tame_all(struct spoilt *sp)
{
	size_t at = 0;

	switch (sp->in->opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		tame(entry_of(sp));
		break;
	case FUSE_READDIRPLUS:
		while (at + FUSE_NAME_OFFSET_DIRENTPLUS <= sp->len) {
			struct fuse_direntplus *d = (void *)(sp->body + at);

			tame(&d->entry_out);
			if (FUSE_DIRENTPLUS_SIZE(d) > sp->len - at)
				break;
			at += FUSE_DIRENTPLUS_SIZE(d);
		}
		break;
	}
}

static bool left_out(const struct spoilt *sp)
{
	const char *name = (const char *)(sp->in + 1);

	if (sp->in->opcode == FUSE_INIT || sp->in->nodeid == tree()->good->id)
		return true;
	if (sp->in->nodeid != ROOT_ID)
		return false;
	switch (sp->in->opcode) {
	case FUSE_LOOKUP:
		return !strcmp(name, "good");
	case FUSE_GETATTR:
	case FUSE_SETATTR:
	case FUSE_STATX:
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return true;
	default:
		return false;
	}
}

static void change(struct spoilt *sp)
{
	uint32_t n = rnd(8);

	if (left_out(sp) || n < 4)
		return;
	if (n == 4)
		change_frame(sp);
	for (; n > 4; n--)
		change_body(sp);
	tame_all(sp);
}

struct round {
	struct mnt *m;
	uint64_t seed;
};

static int call_at_random(void *arg)
{
	const struct round *round = arg;
	int i;

	state = round->seed;
	/* What a call says that expects better does not matter here. */
	if (!freopen("/dev/null", "w", stdout))
		return 1;
	for (i = 0; i < 200; i++)
		opcode_calls[rnd(nopcode_calls)].call(round->m);
	return 0;
}

/* A process ends early when a call fails in another place than it should. */
static void call_much(struct mnt *m, uint64_t seed)
{
	long requests = env_number("HOSTILE_REQUESTS", REQUESTS);
	int i, callers = env_number("HOSTILE_CALLERS", CALLERS) == 1 ? 1 : 2;
	struct round rounds[2] = { { m, seed }, { m, seed + 1000 } };
	struct task t[2];

	while (m->srv->nseen < requests) {
		struct task server = { .pid = m->pid };

		/* A round must not hang; how many there are is for others to say. */
		alarm(T_GUARD);
		/* It would be this test's fault. */
		TRUE(!task_done(&server));
		for (i = 0; i < callers; i++) {
			rounds[i].seed += 7;
			t[i] = task_start(call_at_random, &rounds[i]);
		}
		for (i = 0; i < callers; i++)
			TRUE(WIFEXITED(task_reap(&t[i])));
	}
}

struct seed {
	char name[64];
	uint64_t seed;
};

static void fuzz(const void *arg)
{
	const struct seed *row = arg;
	struct srv *s = srv_new();
	struct rule *r = srv_on(s, 0, 0, ACT_SPOIL, 0);
	/* Lookups that in-tree fuse does not give back are no news. */
	struct hostile leaks = { .fuse_leaks = true };
	struct mnt *m;
	int dev;

	state = row->seed;
	r->spoil = change;
	r->answer = hostile_answer;
	r->left = -1;
	m = hostile_begin(s, &dev);
	OK(close(dev));
	call_much(m, row->seed);
	r->left = 0;
	hostile_end(m, &leaks);
}

static void add_seed(uint64_t n)
{
	struct seed *row = calloc(1, sizeof(*row));

	snprintf(row->name, sizeof(row->name), "random_replies_of_seed_%lu", n);
	row->seed = n;
	t_add(row->name, fuzz, row);
}

/* With none of them the plan is empty, which is a failure. */
static void __attribute__((constructor)) add_seeds(void)
{
	const char *text = getenv("HOSTILE_SEEDS");
	uint64_t n, last;
	char *end;

	for (text = text ? text : SEEDS; *text; text = *end ? end + 1 : end) {
		n = strtoul(text, &end, 0);
		last = *end == '-' ? strtoul(end + 1, &end, 0) : n;
		if (*end && *end != ' ')
			break;
		for (; n <= last; n++)
			add_seed(n);
	}
}
