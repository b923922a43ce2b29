/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mount whose files lie on one device, and processes that use them in every way:
 * faults of 4 KiB and of 2 MiB, read and write, fsync and msync, pages pinned in
 * pipes, opening, and refreshing of the maps by the server. What they read from
 * one of the files is checked. All that goes on until the device is gone, or the
 * load is told to stop.
 */
#ifndef SELFTESTS_LOAD_H
#define SELFTESTS_LOAD_H

#include "env.h"
#include "removable.h"

#define LOAD_TASKS	7
/* Where on the device the files lie; and that of them which is not written to. */
#define LOAD_AT		(128 * MIB)
#define LOAD_LEN	(4 * MIB)
#define LOAD_KEPT_AT	(LOAD_AT + 4 * LOAD_LEN)

struct load_state;

struct load {
	struct mnt *m;
	int dev;		/* of the server, for notifications */
	int kept;		/* the file that is kept open */
	uint32_t seed;		/* what is in it */
	struct load_state *state;
	struct task tasks[LOAD_TASKS];
};

/* What the file "kept" holds is written first, from the pattern @seed. */
struct load *load_start(const char *node, uint32_t seed);
/* Each process has gone on, since this was called. */
void load_goes_on(struct load *l);
/* From here on the memory may be gone. */
void load_may_lose(struct load *l);
/* And may be gone before the kernel says so to anybody. */
void load_may_lose_unannounced(struct load *l);
/* It is gone, wholly: the processes find that so, and end. */
void load_is_lost(struct load *l);
/* The processes end; nothing was lost. */
void load_stop(struct load *l);
/* The unmount, with all processes ended. */
void load_end(struct load *l);

/* What @seed has put on the device is there, by a new mount, which can write. */
void load_data_are_there(const char *node, uint32_t seed);

/*
 * Another one each time. In the environment: LOAD_SEED=N, the first one that a process
 * gets, which it tells: the choices are the same again.
 */
uint32_t load_seed(void);
/* No mount has the module, nor anything that a removed device has left. */
void module_goes(void);

/* How a device is taken away, and comes back. */
struct way {
	void (*take)(const struct removable *r);
	void (*back)(const struct removable *r);
	bool unannounced;
};

/* Under load, with the return before or after the unmount; the data are there. */
void lose_and_return(const struct removable *r, const struct way *way,
		     bool back_first);

#endif /* SELFTESTS_LOAD_H */
