/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's thread: what it has open and mapped, and what calls may fail with. */
#ifndef WALKER_H
#define WALKER_H

#include "soak.h"

#define FDS		12
#define MAPS		8
#define BUF		(256 * KIB)
#define SCRATCH		PLAINFILES	/* what has a name s* */

enum kind { NOTHING, MEMORY, PLAIN, OTHER, DIRECTORY };

/**
 * struct opened - a file that is open
 * @index: of the memory or plain file
 * @direct: by O_DIRECT
 */
struct opened {
	int fd;
	enum kind kind;
	int index;
	bool writable;
	bool direct;
};

/**
 * struct mapped - a mapping of one
 * @off: in the file
 * @writable: with PROT_WRITE
 * @shared: what is written is seen
 */
struct mapped {
	uint8_t *p;
	size_t len;
	uint64_t off;
	enum kind kind;
	int index;
	bool writable;
	bool shared;
	int prot;
};

/**
 * struct walker - a thread that makes calls at random
 * @lane: the word that is its own in each page for that
 * @root: the mount's root, open
 */
struct walker {
	struct life *l;
	struct rng r;
	int lane;
	int root;
	bool nowait;		/* the last call may have done less than it could */
	struct opened o[FDS];
	struct mapped m[MAPS];
	uint8_t *buf;
};

/**
 * struct look - a memory file, before a call
 * @from: the generation that can be seen at least
 * @state: of the life
 */
struct look {
	uint32_t from;
	int state;
};

/* Does and counts a call that may fail with these errnos, and those of the state. */
#define CALL(w, op, expr, ...) ({					\
	int st_ = life_state((w)->l);					\
	long long v_;							\
	int e_;								\
	lane_begin(OP_##op);						\
	errno = 0;							\
	v_ = (long long)(expr);						\
	e_ = errno;							\
	lane_end(v_ < 0);						\
	if (v_ < 0)							\
		check_error(w, #op, e_, st_ | life_state((w)->l),	\
			    (const int[]){ __VA_ARGS__ __VA_OPT__(,) 0 });	\
	errno = e_;							\
	v_; })

void check_error(struct walker *w, const char *op, int error, int state,
		 const int *allowed);

struct look look(const struct walker *w, const struct memfile *f);
/* Nothing has changed since; then its version, or NULL. */
const struct version *same(const struct walker *w, struct memfile *f,
			   struct look look);
/* Are these words of the file, of a generation that there was since? */
void check_words(struct walker *w, struct memfile *f, uint64_t off,
		 const void *buf, size_t len, struct look look);
void check_plain(struct walker *w, int index, uint64_t off, const void *buf,
		 size_t len);
uint32_t plain_id(int index);
void fill_written(struct walker *w, uint32_t id, uint64_t off, size_t len);

static inline struct memfile *memfile(struct walker *w, int index)
{
	return &w->l->mem[index];
}

/* Loads and stores that may raise SIGBUS: false. */
bool load(void *to, const uint8_t *from, size_t len);
bool store_word(uint8_t *to, uint64_t word);
void catch_signals(void);

struct opened *some_open(struct walker *w, enum kind kind);
struct opened *open_slot(struct walker *w);
struct mapped *some_map(struct walker *w, enum kind kind);
void close_it(struct walker *w, struct opened *o);
void some_path(struct walker *w, char *path);

/* One call, or a few; one group a file. */
void walk_open(struct walker *w);
void walk_map(struct walker *w);
void walk_data(struct walker *w);
void walk_names(struct walker *w);
void walk_misc(struct walker *w);

#endif /* WALKER_H */
