// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: processes of several threads, each of which makes calls at random, and
 * looks at what it gets.
 *
 * A file's generation is known before and after a call: if it is the same, and the
 * kernel has confirmed it, there is one right answer; if not, it is that of any
 * generation in between, or of the lack of one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "walker.h"

/* --- what may be --- */

void check_error(struct walker *w, const char *op, int error, int state,
		 const int *allowed)
{
	static const int dying[] = { ENOTCONN, ECONNABORTED, EIO, 0 };
	static const int removed[] = { EIO, ENODEV, 0 };

	if (is_one_of(error, allowed) || error == EINTR ||
	    (state & LIFE_DYING && is_one_of(error, dying)) ||
	    (state & LIFE_REMOVED && is_one_of(error, removed)) ||
	    (soak->pressure && error == ENOMEM))
		return;
	broken("world %d, life %lu, state %d: %s fails with %s", w->l->world,
	       w->l->number, state, op, strerror(error));
}

struct look look(const struct walker *w, const struct memfile *f)
{
	return (struct look){ .from = f->sure, .state = life_state(w->l) };
}

const struct version *same(const struct walker *w, struct memfile *f,
			   struct look look)
{
	struct version *v = version_of(f, look.from);

	if (f->begun != look.from || (look.state | life_state(w->l)) &
				     (LIFE_DYING | LIFE_REMOVED))
		return NULL;
	return v;
}

static bool is_right(const struct memfile *f, uint64_t off, uint64_t word,
		     struct look look, uint32_t to)
{
	uint32_t gen;

	if (is_writable(off))
		return (word & ~WORD_FLAG) == word_written(f->id, off);
	for (gen = look.from; gen != to + 1; gen++)
		if (word == word_of(f->id, gen, off))
			return true;
	return false;
}

void check_words(struct walker *w, struct memfile *f, uint64_t off,
		 const void *buf, size_t len, struct look look)
{
	uint32_t to = f->begun;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, buf + i, 8);
		if (is_right(f, off + i, word, look, to))
			continue;
		broken("world %d, life %lu: memory file %#x at %#lx is %#lx: not of generation %u to %u (%#lx)",
		       w->l->world, w->l->number, f->id, off + i, word,
		       look.from, to, is_writable(off + i) ?
		       word_written(f->id, off + i) :
		       word_of(f->id, to, off + i));
	}
}

uint32_t plain_id(int index)
{
	return index == SCRATCH ? ID_SCRATCH : ID_PLAIN + index;
}

/* Each byte is that of a word that is written there, or of a hole. */
static bool is_mixture(uint64_t got, uint64_t want)
{
	for (int i = 0; i < 64; i += 8) {
		uint8_t g = got >> i, a = want >> i;

		if (g && g != a && !(i == 56 && g == (a | 0x80)))
			return false;
	}
	return true;
}

void check_plain(struct walker *w, int index, uint64_t off, const void *buf,
		 size_t len)
{
	uint32_t id = plain_id(index);

	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, buf + i, 8);
		if (is_mixture(word, word_written(id, off + i)))
			continue;
		broken("world %d, life %lu: ordinary file %#x at %#lx is %#lx, not %#lx or zeroes",
		       w->l->world, w->l->number, id, off + i, word,
		       word_written(id, off + i));
	}
}

void fill_written(struct walker *w, uint32_t id, uint64_t off, size_t len)
{
	uint64_t flag = chance(&w->r, 50) ? WORD_FLAG : 0;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = word_written(id, off + i) | flag;

		memcpy(w->buf + i, &word, 8);
	}
}

/* --- memory that may not be there --- */

static __thread sigjmp_buf bus_env;
static __thread volatile sig_atomic_t bus_expected;

static void on_bus(int sig, siginfo_t *si, void *context)
{
	(void)context;
	if (!bus_expected)
		broken("signal %d at %p", sig, si->si_addr);
	siglongjmp(bus_env, 1);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* And whatever else comes: calls are interrupted, and not begun again. */
void catch_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	struct sigaction usr = { .sa_handler = on_signal };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGUSR1, &usr, NULL);
}

bool load(void *to, const uint8_t *from, size_t len)
{
	volatile const uint64_t *p = (const void *)from;
	bool ok = false;

	if (!sigsetjmp(bus_env, 1)) {
		bus_expected = 1;
		for (size_t i = 0; i < len / 8; i++) {
			uint64_t word = p[i];

			memcpy(to + i * 8, &word, 8);
		}
		ok = true;
	}
	bus_expected = 0;
	return ok;
}

bool store_word(uint8_t *to, uint64_t word)
{
	bool ok = false;

	if (!sigsetjmp(bus_env, 1)) {
		bus_expected = 1;
		*(volatile uint64_t *)to = word;
		ok = true;
	}
	bus_expected = 0;
	return ok;
}

/* --- what there is --- */

struct opened *some_open(struct walker *w, enum kind kind)
{
	int from = rnd(&w->r, FDS);

	for (int i = 0; i < FDS; i++) {
		struct opened *o = &w->o[(from + i) % FDS];

		if (o->kind != NOTHING && (kind == NOTHING || o->kind == kind))
			return o;
	}
	return NULL;
}

void close_it(struct walker *w, struct opened *o)
{
	CALL(w, close, close(o->fd), EIO, ENOTCONN);
	o->kind = NOTHING;
}

/* One is closed, if need be. */
struct opened *open_slot(struct walker *w)
{
	struct opened *o = &w->o[rnd(&w->r, FDS)];

	if (o->kind != NOTHING)
		close_it(w, o);
	return o;
}

struct mapped *some_map(struct walker *w, enum kind kind)
{
	int from = rnd(&w->r, MAPS);

	for (int i = 0; i < MAPS; i++) {
		struct mapped *m = &w->m[(from + i) % MAPS];

		if (m->kind != NOTHING && (kind == NOTHING || m->kind == kind))
			return m;
	}
	return NULL;
}

/* Of something that may be there or not; from the root. */
void some_path(struct walker *w, char *path)
{
	uint32_t n = rnd(&w->r, 10);

	if (n < 2)
		sprintf(path, "m%u", rnd(&w->r, MEMFILES));
	else if (n < 4)
		sprintf(path, "p%u", rnd(&w->r, PLAINFILES));
	else if (n < 5)
		sprintf(path, "d%u", rnd(&w->r, 2));
	else if (n < 8)
		sprintf(path, "s%u", rnd(&w->r, SCRATCH_NAMES));
	else
		sprintf(path, "d%u/s%u", rnd(&w->r, 2),
			rnd(&w->r, SCRATCH_NAMES));
}

/* --- the walk --- */

/* The world says so when all ends, too: until then its mount is in use. */
static bool is_over(const struct walker *w)
{
	return w->l->stop_clients;
}

static void step(struct walker *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 15)
		walk_open(w);
	else if (n < 45)
		walk_map(w);
	else if (n < 70)
		walk_data(w);
	else if (n < 88)
		walk_names(w);
	else
		walk_misc(w);
}

/* A child with all that its parent has, for some steps. */
static void walk_fork(struct walker *w)
{
	int pid, status, number = lane_number() + 1;

	lane_begin(OP_fork);
	pid = fork();
	if (pid < 0)
		broken("fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		lane_take(number);
		w->lane++;
		for (int i = rnd(&w->r, 20); i && !is_over(w); i--)
			step(w);
		lane_clear(number);
		_exit(0);
	}
	/* It has its own lane: this one does not hang. */
	lane_end(false);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			broken("waiting for a child: %s", strerror(errno));
	if (status)
		broken("a child has ended with status %#x", status);
	/* What comes next is not what the child has done. */
	rnd(&w->r, 2);
}

static void *walk(void *arg)
{
	struct walker *w = arg;

	lane_take(w->l->world * WORLD_LANES + LANE_CLIENT + w->lane);
	while (!is_over(w)) {
		if (chance(&w->r, 1))
			walk_fork(w);
		else
			step(w);
	}
	for (int i = 0; i < FDS; i++)
		if (w->o[i].kind != NOTHING)
			close_it(w, &w->o[i]);
	return NULL;
}

/* Return: the mount's root; -1: it is not mounted any more. */
static int open_root(struct life *l)
{
	int fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	/* From here on it stays mounted. */
	if (fd >= 0 && !fstatfs(fd, &st) && st.f_type == FUSE_SUPER_MAGIC)
		return fd;
	if (!(life_state(l) & (LIFE_DYING | LIFE_DETACHED)) && !l->stop_clients)
		broken("the root cannot be opened: %s", strerror(errno));
	return -1;
}

void client_main(struct life *l, int index, uint64_t start)
{
	struct walker *w = calloc(THREADS, sizeof(*w));
	pthread_t id[THREADS];
	int root;

	lane_take(l->world * WORLD_LANES + LANE_CLIENT + index * THREADS * 2);
	lane_begin(OP_open);
	root = open_root(l);
	lane_end(root < 0);
	if (root < 0)
		return;
	l->in[index] = true;
	catch_signals();
	for (int i = 0; i < THREADS; i++) {
		w[i].l = l;
		w[i].root = root;
		w[i].lane = (index * THREADS + i) * 2;
		w[i].r = rng_for(l->world, l->number, start, 300 + index * 10 + i);
		if (posix_memalign((void **)&w[i].buf, PAGE, BUF) ||
		    pthread_create(&id[i], NULL, walk, &w[i]))
			broken("no thread");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
}
