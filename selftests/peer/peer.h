/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * peer: a seeded sequence of file-system calls, a line each in a log that two
 * runs on two mounts of one server must agree in.
 *
 * What is done must follow from the seed alone: a call draws all its arguments
 * before it is made, and no result decides what is drawn. So a difference
 * stays one line, if it does not change what is on the disk.
 *
 * Not in the log, since servers and time decide them: inode numbers (but
 * whether two are equal), block counts (but whether they are 0), times that
 * nobody set.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define SLOTS		10		/* open files */
#define KNOWN		24		/* paths that are likely to be there */
#define NAME_ROOM	96		/* of a path in known */
#define DATA_ROOM	(256 * 1024)	/* bytes */
#define USER_ID		1000

struct peer {
	uint64_t random;
	int root;		/* the directory that all paths start from */
	int fd[SLOTS];		/* -1: nothing open */
	int watch;		/* inotify; -1: none */
	int mount;		/* the directory of the start; see mark() */
	int requests;		/* $PEER_REQUESTS, which has what the server gets; -1: none */
	long start;		/* seconds */
	char known[KNOWN][NAME_ROOM];
	unsigned int nknown;
	char *line;		/* of the log */
	size_t line_len;
	uint8_t *data;		/* DATA_ROOM bytes, page-aligned */
};

struct op {
	const char *name;
	void (*run)(struct peer *p);
	int weight;
};

/* A constant and how the log writes it. */
struct named {
	long value;
	const char *name;
};

#define NAMED(x)	{ x, #x }
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* In peer.c: draw */
unsigned int pick(struct peer *p, unsigned int n);
long pick_named(struct peer *p, const struct named *list, size_t n);
long pick_set(struct peer *p, const struct named *list, size_t n, int most);
const char *pick_path(struct peer *p);
const char *pick_new_path(struct peer *p);
int pick_fd(struct peer *p);
int pick_slot(struct peer *p);
long pick_size(struct peer *p);
long pick_offset(struct peer *p);
void fill(struct peer *p, size_t size);

/* In peer.c: tell */
void say(struct peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_result(struct peer *p, long rc);
void say_stat(struct peer *p, const struct stat *st);
void say_time(struct peer *p, const char *name, long sec, long nsec);
void say_sum(struct peer *p, const void *data, size_t size);
uint32_t sum_of(const void *data, size_t size);

/* In their files; each ends with a name of NULL. */
extern const struct op name_ops[], attr_ops[], xattr_ops[], data_ops[], map_ops[],
	lock_ops[];

/* In walk.c */
int populate(const char *dir);
int walk(struct peer *p, const char *dir);

#endif /* PEER_H */
