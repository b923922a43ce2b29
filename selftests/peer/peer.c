// SPDX-License-Identifier: GPL-2.0-only
/* The main loop; drawing and telling. See peer.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#define LINE_ROOM	65536

static const struct op *const op_lists[] = {
	name_ops, attr_ops, xattr_ops, data_ops, map_ops, lock_ops,
};

/* splitmix64 */
static uint64_t draw(struct peer *p)
{
	uint64_t z = (p->random += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

unsigned int pick(struct peer *p, unsigned int n)
{
	return draw(p) % n;
}

long pick_named(struct peer *p, const struct named *list, size_t n)
{
	const struct named *e = &list[pick(p, n)];

	say(p, " %s", e->name);
	return e->value;
}

/* Some of them, or'ed. */
long pick_set(struct peer *p, const struct named *list, size_t n, int most)
{
	int count = pick(p, most + 1);
	long set = 0;

	while (count--)
		set |= pick_named(p, list, n);
	return set;
}

static void random_path(struct peer *p, char *out)
{
	int depth = 1 + (pick(p, 3) == 0) + (pick(p, 6) == 0);
	size_t len = 0;

	/* Directories are mostly called a or b, so that there are some. */
	while (--depth)
		len += sprintf(out + len, "%c/", 'a' + pick(p, pick(p, 4) ? 2 : 8));
	sprintf(out + len, "%c", 'a' + pick(p, 8));
}

/* What is rarely asked for, and mostly wrong. */
static void odd_path(struct peer *p, char *out, size_t room)
{
	char base[NAME_ROOM];
	int kind = pick(p, 10);

	random_path(p, base);
	switch (kind) {
	case 0:
		strcpy(out, "");
		break;
	case 1: /* as long as a name may be */
	case 2: /* one more */
		memset(out, 'n', 254 + kind);
		out[254 + kind] = 0;
		break;
	case 3: /* longer than a path may be */
		memset(out, '/', room);
		memcpy(out, base, strlen(base));
		strcpy(out + 4090, "zzzzzzz");
		break;
	case 4:
		sprintf(out, "%s/", base);
		break;
	case 5:
		strcpy(out, ".");
		break;
	case 6:
		sprintf(out, "%s/..", base);
		break;
	case 7:
		sprintf(out, "./%s/.//%c", base, 'a' + pick(p, 8));
		break;
	case 8:
		sprintf(out, "%s/../%c", base, 'a' + pick(p, 8));
		break;
	default: /* deep */
		sprintf(out, "%s/a/a/a/a/a/a/a/a", base);
	}
}

static const char *a_path(struct peer *p, bool is_new)
{
	/* A call has two paths at most. */
	static char paths[2][8192];
	static int next;
	char *path = paths[next++ % 2];
	unsigned int kind = pick(p, 100);

	if (kind < (is_new ? 10 : 60)) {
		strcpy(path, p->known[pick(p, KNOWN)]);
	} else if (kind < 93) {
		random_path(p, path);
		if (is_new && strlen(path) < NAME_ROOM)
			strcpy(p->known[p->nknown++ % KNOWN], path);
	} else {
		odd_path(p, path, sizeof(paths[0]));
	}
	if (strlen(path) > 80)
		say(p, " <%zu bytes>", strlen(path));
	else
		say(p, " \"%s\"", path);
	return path;
}

/* One that may be there. */
const char *pick_path(struct peer *p)
{
	return a_path(p, false);
}

/* One to make something at. */
const char *pick_new_path(struct peer *p)
{
	return a_path(p, true);
}

int pick_slot(struct peer *p)
{
	int slot = pick(p, SLOTS);

	say(p, " #%d", slot);
	return slot;
}

int pick_fd(struct peer *p)
{
	return p->fd[pick_slot(p)];
}

long pick_size(struct peer *p)
{
	static const long sizes[] = {
		0, 1, 7, 100, 511, 512, 4095, 4096, 4097, 8192, 16384, 65536,
		131072, 131073, 200000, DATA_ROOM,
	};
	long size = sizes[pick(p, COUNT(sizes))];

	say(p, " %ld", size);
	return size;
}

long pick_offset(struct peer *p)
{
	static const long offsets[] = {
		0, 0, 0, 1, 100, 512, 4095, 4096, 5000, 8192, 12288, 65536,
		100000, 131072, 262144, 1 << 20, 5L << 30, -1,
	};
	long offset = offsets[pick(p, COUNT(offsets))];

	say(p, " @%ld", offset);
	return offset;
}

/* Data to write, other each time. */
void fill(struct peer *p, size_t size)
{
	uint64_t word = draw(p);
	size_t i;

	for (i = 0; i < size; i++)
		p->data[i] = (word >> (i % 8 * 8)) + (i >> 3) * 31;
}

void say(struct peer *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->line + p->line_len, LINE_ROOM - p->line_len, fmt, ap);
	va_end(ap);
	p->line_len += n;
	if (p->line_len >= LINE_ROOM)
		p->line_len = LINE_ROOM - 1;
}

/* As a call gives it, -1 standing for errno. */
void say_result(struct peer *p, long rc)
{
	if (rc == -1)
		say(p, " = %s", strerrorname_np(errno) ?: "E?");
	else
		say(p, " = %ld", rc);
}

/* A time that the program did not set is when it ran. */
void say_time(struct peer *p, const char *name, long sec, long nsec)
{
	if (labs(sec - p->start) < 100000)
		say(p, " %s=now", name);
	else
		say(p, " %s=%ld.%09ld", name, sec, nsec);
}

void say_stat(struct peer *p, const struct stat *st)
{
	say(p, " mode=%o nlink=%lu uid=%u gid=%u rdev=%lx size=%ld blksize=%ld %s",
	    st->st_mode, (long)st->st_nlink, st->st_uid, st->st_gid,
	    (long)st->st_rdev, S_ISDIR(st->st_mode) ? 0 : (long)st->st_size,
	    (long)st->st_blksize, st->st_blocks ? "blocks" : "empty");
	say_time(p, "a", st->st_atim.tv_sec, st->st_atim.tv_nsec);
	say_time(p, "m", st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	say_time(p, "c", st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* FNV-1a */
uint32_t sum_of(const void *data, size_t size)
{
	const uint8_t *d = data;
	uint32_t sum = 2166136261u;

	while (size--)
		sum = (sum ^ *d++) * 16777619;
	return sum;
}

void say_sum(struct peer *p, const void *data, size_t size)
{
	say(p, " sum=%08x", sum_of(data, size));
}

static const struct op *pick_op(struct peer *p)
{
	static int total;
	const struct op *op;
	size_t i;
	int at;

	if (!total)
		for (i = 0; i < COUNT(op_lists); i++)
			for (op = op_lists[i]; op->name; op++)
				total += op->weight;
	at = pick(p, total);
	for (i = 0; i < COUNT(op_lists); i++)
		for (op = op_lists[i]; op->name; op++)
			if ((at -= op->weight) < 0)
				return op;
	abort();
}

static void become(unsigned int id)
{
	/* The group first, and last on the way back. */
	if ((id && setegid(id)) || seteuid(id) || (!id && setegid(id))) {
		perror("peer: seteuid");
		exit(2);
	}
}

/*
 * Call @what comes now, or the end. The server has one thread and gets requests
 * in the order they were made in: after one more, of a kind that no cache answers,
 * it has also got those of the last call that nobody waited for.
 */
static void mark(struct peer *p, const char *what)
{
	struct statfs s;

	if (p->requests < 0)
		return;
	if (fstatfs(p->mount, &s) || dprintf(p->requests, "call %s\n", what) < 0) {
		perror("peer: $PEER_REQUESTS");
		exit(2);
	}
}

static void one_op(struct peer *p, int n)
{
	const struct op *op = pick_op(p);
	bool user = pick(p, 8) == 0;

	p->line_len = 0;
	say(p, "%d%s %s", n, user ? " user" : "", op->name);
	mark(p, p->line);
	if (user)
		become(USER_ID);
	op->run(p);
	if (user)
		become(0);
	puts(p->line);
	/* What a crash would lose is what one wants to see. */
	fflush(stdout);
}

static int open_work(struct peer *p, const char *dir)
{
	static const char *const first[SLOTS] = {
		"c", "a/b", "a/c", "d", "a", "a/a/a", "a/e",
	};
	const char *log = getenv("PEER_REQUESTS");
	int i;

	for (i = 0; i < KNOWN; i++)
		sprintf(p->known[i], "%c", 'a' + i % 8);
	p->watch = -1;
	p->requests = !log ? -1 : open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
	p->mount = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->start = time(NULL);
	p->line = malloc(LINE_ROOM);
	p->data = aligned_alloc(65536, DATA_ROOM);
	p->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->root < 0 || p->mount < 0 || (log && p->requests < 0) || fchdir(p->root) || setgroups(0, NULL)) {
		fprintf(stderr, "peer: %s: %s\n", dir, strerror(errno));
		return 1;
	}
	for (i = 0; i < SLOTS; i++)
		p->fd[i] = !first[i] ? -1 :
			open(first[i], (i == 4 ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	return 0;
}

int main(int argc, char **argv)
{
	struct peer p = {};
	int i, count;

	if (argc == 3 && !strcmp(argv[1], "populate"))
		return populate(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "walk"))
		return open_work(&p, "/") || walk(&p, argv[2]);
	if (argc != 4) {
		fprintf(stderr, "usage: peer SEED COUNT DIR | peer populate DIR | peer walk DIR\n");
		return 2;
	}
	p.random = strtoull(argv[1], NULL, 0) * 0x2545f4914f6cdd1d;
	count = atoi(argv[2]);
	if (open_work(&p, argv[3]))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(022);
	for (i = 1; i <= count; i++)
		one_op(&p, i);
	mark(&p, "end");
	return 0;
}
