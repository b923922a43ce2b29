/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * soak: everything at once, from a seed, for as long as one likes.
 *
 * The test's process (soak_test.c) starts WORLDS worlds, watches them and adds up
 * what they have done. A world (world.c) makes one life (life.c) after another: a
 * fresh mount, a server of several threads (server.c), notifiers that move files and
 * tell the kernel so (notify.c), clients (client.c, walk_*.c); it kills these and
 * starts them anew, ends the life in one of several ways, and looks at what is left.
 * One more process does things to the machine (machine.c).
 *
 * All that they share is in struct soak and struct life, in shared memory: a
 * process may be killed at any point.
 *
 * Data. Each word of 8 bytes tells what it is (place.c): of which file, from which
 * offset, and of which generation of the file's map. Regions of REGION bytes take
 * turns: what the clients only read, and what they also write. Whoever reads
 * compares with the generations that the file had in the meantime. Memory that is
 * no file's has words of its own, which nobody may change.
 *
 * Each process draws from a seed of its own, made of the program's and of what it
 * is, so that it makes the same choices again; how they interleave is the
 * scheduler's affair.
 */
#ifndef SOAK_H
#define SOAK_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"
#include "lib/wire.h"

#define WORLDS		4
#define DEVICES		2
#define CLIENTS		3
#define THREADS		2
#define NOTIFIERS	2
#define MEMFILES	6
#define PLAINFILES	5
#define SERVER_THREADS	4

/* What each world has of each device. */
#define WORLD_AT	(64 * MIB)
#define WORLD_ROOM	(64 * MIB)
#define PLACE_ROOM	(4 * MIB)
#define PLACES		((int)(WORLD_ROOM / PLACE_ROOM))

#define REGION		(64 * KIB)
#define PLAIN_ROOM	(128 * KIB)
#define SCRATCH_NAMES	12
/* The server's tables do not shrink; a life's names have to do. */
#define NODES_MAX	3000

/* --- random numbers --- */

struct rng {
	uint64_t state;
};

uint32_t rnd(struct rng *r, uint32_t below);
bool chance(struct rng *r, uint32_t percent);
struct rng rng_for(uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* --- what is done, and counted --- */

/* Names are in soak_test.c. */
enum op {
	OP_NONE,
#define OP(name) OP_##name,
#include "ops.h"
#undef OP
	NR_OPS,
};

/**
 * struct lane - a thread that does something, for the watchdog
 * @pid: its process
 * @op: what it does just now; OP_NONE: nothing that could hang
 * @since: since when, ms
 */
struct lane {
	atomic_int pid;
	atomic_int op;
	atomic_llong since;
};

/* Of a world: itself, its notifiers, its clients' threads and their children. */
#define LANE_WORLD	0
#define LANE_NOTIFIER	1
#define LANE_CLIENT	8
#define WORLD_LANES	(LANE_CLIENT + CLIENTS * THREADS * 2)
#define LANE_MACHINE	(WORLDS * WORLD_LANES)
#define LANES		(LANE_MACHINE + 1)

/**
 * struct soak - what all processes share
 * @stop: come to an end
 * @broken: something did not hold
 * @gone: a device is being taken away, or has been; by index
 * @removals: how often that has been; who has used the device before has to
 *	mount anew
 * @pressure: memory may be short
 */
struct soak {
	uint64_t seed;
	atomic_bool stop;
	atomic_bool broken;
	atomic_bool gone[DEVICES];
	atomic_int removals[DEVICES];
	atomic_bool pressure;
	int ndevs;
	struct daxdev dev[DEVICES];
	atomic_long done[NR_OPS];
	atomic_long failed[NR_OPS];
	struct lane lanes[LANES];
};

extern struct soak *soak;
/* The calling thread's, from now on. */
void lane_take(int n);
int lane_number(void);
/* Of a process that has been killed. */
void lane_clear(int n);
void lane_begin(enum op op);
void lane_end(bool failed);

/* Tells what did not hold, with all tasks' stacks if it hangs, and ends all. */
_Noreturn void broken(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
void nap(struct rng *r, uint32_t max_ms);
/* errno is in a list that ends with 0. */
bool is_one_of(int error, const int *list);

/* --- memory, and what is in it (place.c) --- */

/* Of a place, in bytes from its start. */
struct range {
	uint64_t from, to;
};

/**
 * struct place - memory for a file
 * @dev: indices of the devices of the one or two places
 * @slot: which
 * @shift: bytes that the content begins after the place's start
 * @chunk: 0: one after the other; else interleaved in chunks of so many bytes
 * @n: how many places
 * @used: what of them
 */
struct place {
	int dev[2];
	int slot[2];
	uint64_t shift;
	uint32_t chunk;
	int n;
	struct range used[2];
};

/**
 * struct version - a generation of a file's map
 * @size: bytes; 0: it has no map
 */
struct version {
	uint64_t size;
	struct place place;
};

#define VERSIONS	64

/**
 * struct memfile - a memory file
 * @id: what its words say
 * @node: the server's; its id
 * @begun: the newest generation that somebody may see
 * @sure: the oldest one; behind @begun while the kernel is being told
 * @v: the versions, by generation modulo VERSIONS
 * @mover: 1 + the notifier that is changing it, or 0; guarded by the life's lock
 * @next: has memory, but is not seen yet; guarded likewise
 * @fmap: where the server has the answer to GET_FMAP
 */
struct memfile {
	uint32_t id;
	uint64_t node;
	atomic_uint begun, sure;
	struct version v[VERSIONS];
	int mover;
	struct version next;
	uint8_t *fmap;
};

struct life;

uint64_t word_of(uint32_t id, uint32_t gen, uint64_t off);
uint64_t word_written(uint32_t id, uint64_t off);
#define WORD_FLAG	(1ULL << 63)
#define ID_FREE		0xf00	/* and the world */
#define ID_SCRATCH	0xe00
#define ID_PLAIN	0xd00	/* and the number */
#define ID_MEMORY	0x100	/* and world and number */

static inline bool is_writable(uint64_t off)
{
	return off / REGION % 2;
}

/* Each thread has a word of its own in the last page of such a region. */
static inline bool is_lanes(uint64_t off)
{
	return off % REGION >= REGION - PAGE;
}

static inline struct version *version_of(struct memfile *f, uint32_t gen)
{
	return &f->v[gen % VERSIONS];
}

bool place_take(struct life *l, struct rng *r, struct version *v, bool huge);
void place_give(struct life *l, struct place *p);
bool place_fill(struct life *l, const struct memfile *f, uint32_t gen,
		const struct version *v);
void place_clear(struct life *l, const struct version *v);
void place_check(struct life *l, const struct memfile *f, uint32_t gen);
void place_reset(struct life *l);
struct msg place_fmap(const struct life *l, const struct version *v);
bool device_usable(const struct life *l, int dev);

/* --- a life --- */

enum life_state {
	LIFE_DYING = 1,		/* the connection may be dead */
	LIFE_DETACHED = 2,	/* lazily unmounted */
	LIFE_REMOVED = 4,	/* a device of it was removed */
};

/**
 * struct handle - a handle that the server has given out
 * @fh: its number: the index, and above that how often it was used
 * @node: node id
 */
struct handle {
	bool open;
	bool dir;
	uint64_t fh;
	uint64_t node;
};

#define HANDLES		4096
#define JOURNAL		8192
#define JOURNAL_BODY	2048

/**
 * struct entry - what the server has answered, should it be asked again
 * @unique: which request
 * @doubts: how often it was written by who has died, and maybe was not taken
 * @rc: length of @body, or -errno
 */
struct entry {
	uint64_t unique;
	uint32_t opcode;
	int doubts;
	int rc;
	uint8_t body[JOURNAL_BODY];
};

#define REQ_ROOM	(160 * KIB)

/**
 * struct desk - where a server's thread works
 * @in: the request; len is not 0 while it has not been seen to
 * @written: the answer that is being written, which counts, or NULL
 */
struct desk {
	struct entry *written;
	_Alignas(4096) uint8_t in[REQ_ROOM];
	_Alignas(4096) uint8_t out[SRV_MAX_WRITE];
};

/* Whole numbers are drawn when the life begins. */
struct traits {
	uint64_t want;		/* INIT flags */
	uint32_t entry_ms, attr_ms;
	int threads;		/* of the server */
	bool clones;		/* each with a device fd of its own */
	bool keeper;		/* the device fd outlives the server */
	bool permissions;	/* default_permissions */
	bool push;		/* devices are handed over beforehand */
	uint32_t open_flags;	/* of ordinary files */
	int clients, notifiers;
	int length_ms;
	int pause_ms;		/* of a notifier, at most */
	int slow;		/* percent of requests that are answered late */
};

struct life {
	int world;
	uint64_t number;
	struct traits traits;
	struct srv *srv;
	char dir[64];
	unsigned int minor;
	atomic_int state;	/* enum life_state */
	atomic_bool stop_clients, stop_notifiers;
	atomic_bool in[CLIENTS];	/* has the root open */
	int removals[DEVICES];
	pthread_mutex_t lock;	/* all below; nobody who holds it is killed */
	struct memfile mem[MEMFILES];
	uint64_t plain[PLAINFILES], dirs[2];
	bool taken[DEVICES][PLACES];
	struct range known[DEVICES][PLACES];	/* has the words of free memory */
	struct handle handles[HANDLES];
	uint64_t next_handle;
	struct desk desks[SERVER_THREADS];
	struct entry journal[JOURNAL];
};

void life_lock(struct life *l);
void life_unlock(struct life *l);
/* Of now, and of what became of the machine. */
int life_state(const struct life *l);
void life_begin(struct life *l, struct rng *r);

/* Processes; each returns when it has nothing more to do. */
void server_main(struct life *l, int dev, uint64_t start);
void notifier_main(struct life *l, int dev, int index, uint64_t start);
void client_main(struct life *l, int index, uint64_t start);
void world_main(int world);
void machine_main(int removal);

/* What a killed one has left. Life locked. */
void server_adopt(struct life *l);
void server_balance(struct life *l);
void notifier_forget(struct life *l, int index);

/* In notify.c */
uint64_t some_size(struct rng *r);
void memfile_show(struct life *l, struct memfile *f, uint32_t gen);

#endif /* SOAK_H */
