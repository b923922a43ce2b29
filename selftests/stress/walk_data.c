// SPDX-License-Identifier: GPL-2.0-only
/* Reading and writing by calls, of all kinds; sizes; syncing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "walker.h"

/* By O_DIRECT whole blocks; all of it fits the walker's buffer. */
static void draw_range(struct walker *w, const struct opened *o, uint64_t *off,
		       size_t *len)
{
	uint64_t unit = o->direct ? PAGE : 8;
	uint64_t room = o->kind == MEMORY ? chance(&w->r, 20) ? 4 * MIB : MIB / 2 :
			PLAIN_ROOM;

	*off = rnd(&w->r, room / unit) * unit;
	*len = (1 + rnd(&w->r, (chance(&w->r, 95) ? 16 * KIB : BUF) / unit)) * unit;
}

/* Nothing has changed: that many bytes are what read(2) has to give. */
static void check_length(struct walker *w, const struct version *v, int index,
			 uint64_t off, size_t len, ssize_t n)
{
	uint64_t want = off >= v->size ? 0 : v->size - off < len ?
			v->size - off : len;

	if (n == -1 && (errno == EINTR || errno == ENOMEM || errno == EAGAIN))
		return;
	if (v->size ? n != (ssize_t)want && n != -1 : n != -1)
		broken("world %d, life %lu: reading %zu bytes at %#lx of m%d of size %#lx gives %zd",
		       w->l->world, w->l->number, len, off, index, v->size, n);
	if (v->size && n == -1)
		broken("world %d, life %lu: reading m%d of size %#lx at %#lx: %m",
		       w->l->world, w->l->number, index, v->size, off);
}

static ssize_t read_any(struct walker *w, int fd, uint64_t off, size_t len)
{
	struct iovec iov[2] = {
		{ w->buf, len / 16 * 8 }, { w->buf + len / 16 * 8, len - len / 16 * 8 },
	};

	w->nowait = chance(&w->r, 20);
	if (!w->nowait && chance(&w->r, 70))
		return CALL(w, pread, pread(fd, w->buf, len, off), EIO, EINVAL);
	return CALL(w, readv, preadv2(fd, iov, 2, off, w->nowait ? RWF_NOWAIT : 0),
		    EIO, EINVAL, EAGAIN, EOPNOTSUPP);
}

static void read_one(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	const struct version *v;
	struct memfile *f;
	struct look since;
	uint64_t off;
	size_t len;
	ssize_t n;

	if (!o || o->kind == DIRECTORY)
		return;
	draw_range(w, o, &off, &len);
	if (o->kind != MEMORY) {
		n = read_any(w, o->fd, off, len);
		if (n > 0)
			check_plain(w, o->kind == PLAIN ? o->index : SCRATCH,
				    off, w->buf, n);
		return;
	}
	f = memfile(w, o->index);
	since = look(w, f);
	n = read_any(w, o->fd, off, len);
	v = same(w, f, since);
	if (n > 0)
		check_words(w, f, off, w->buf, n, since);
	if (v && !w->nowait)
		check_length(w, v, o->index, off, len, n);
}

static ssize_t write_any(struct walker *w, int fd, uint64_t off, size_t len)
{
	struct iovec iov[2] = {
		{ w->buf, len / 16 * 8 }, { w->buf + len / 16 * 8, len - len / 16 * 8 },
	};
	int flags = chance(&w->r, 20) ? RWF_DSYNC : 0;

	w->nowait = chance(&w->r, 20);
	if (!w->nowait && chance(&w->r, 70))
		return CALL(w, pwrite, pwrite(fd, w->buf, len, off), EIO, ENOSPC,
			    EINVAL);
	if (w->nowait)
		flags |= RWF_NOWAIT;
	return CALL(w, writev, pwritev2(fd, iov, 2, off, flags),
		    EIO, ENOSPC, EINVAL, EAGAIN, EOPNOTSUPP);
}

/* Into one region that is written to, but for its last page. */
static void write_memory(struct walker *w, struct opened *o)
{
	struct memfile *f = memfile(w, o->index);
	uint64_t unit = o->direct ? PAGE : 8, region = 2 * rnd(&w->r, chance(&w->r, 20) ? 20 : 2) + 1;
	uint64_t in = rnd(&w->r, (REGION - PAGE) / unit) * unit;
	size_t len = (1 + rnd(&w->r, (REGION - PAGE - in) / unit)) * unit;
	uint64_t off = region * REGION + in;
	const struct version *v;
	struct look since;
	ssize_t n;

	fill_written(w, f->id, off, len);
	since = look(w, f);
	n = write_any(w, o->fd, off, len);
	v = same(w, f, since);
	if (!v || w->nowait || (n == -1 && errno != ENOSPC && errno != EIO))
		return;
	if (v->size ? n != (ssize_t)len && off + len <= v->size : n != -1)
		broken("world %d, life %lu: writing %zu bytes at %#lx of m%d of size %#lx gives %zd (%m)",
		       w->l->world, w->l->number, len, off, o->index, v->size, n);
}

static void write_one(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	uint64_t off;
	size_t len;

	if (!o || !o->writable)
		return;
	if (o->kind == MEMORY) {
		write_memory(w, o);
		return;
	}
	draw_range(w, o, &off, &len);
	off %= REGION;
	if (len > 32 * KIB)
		len = 32 * KIB;
	fill_written(w, plain_id(o->kind == PLAIN ? o->index : SCRATCH), off, len);
	write_any(w, o->fd, off, len);
}

/* --- between files --- */

static void drain(int fd, size_t len)
{
	char buf[4096];
	ssize_t n;

	for (; len; len -= n) {
		n = read(fd, buf, len < sizeof(buf) ? len : sizeof(buf));
		if (n <= 0)
			return;
	}
}

static void splice_out(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	int ends[2];
	loff_t off;
	ssize_t n;

	if (!o || o->kind == DIRECTORY || pipe2(ends, O_CLOEXEC))
		return;
	off = rnd(&w->r, 64) * PAGE;
	n = CALL(w, splice, splice(o->fd, &off, ends[1], NULL, 8 * PAGE, 0),
		 EIO, EINVAL);
	if (n > 0)
		drain(ends[0], n);
	close(ends[0]);
	close(ends[1]);
}

/* Pages of the mapping are pinned until the pipe is read: a moment. */
static void pin(struct walker *w)
{
	struct mapped *m = some_map(w, MEMORY);
	struct iovec iov;
	int ends[2];
	ssize_t n;

	if (!m || pipe2(ends, O_CLOEXEC))
		return;
	iov.iov_base = m->p + rnd(&w->r, m->len / PAGE) * PAGE;
	iov.iov_len = PAGE;
	n = CALL(w, vmsplice, vmsplice(ends[1], &iov, 1, 0), EFAULT, EIO);
	if (n > 0 && chance(&w->r, 50))
		nap(&w->r, 20);
	if (n > 0 && chance(&w->r, 50))
		drain(ends[0], n);
	close(ends[0]);
	close(ends[1]);
}

/* Ordinary files may have anybody's bytes then: into nothing. */
static void send_out(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	off_t off = rnd(&w->r, 64) * PAGE;

	if (o && o->kind != DIRECTORY && null >= 0)
		CALL(w, sendfile, sendfile(null, o->fd, &off, 16 * PAGE), EIO,
		     EINVAL);
	if (null >= 0)
		close(null);
}

/* From a place of a file to the same place of it: the words stay right. */
static void copy(struct walker *w)
{
	struct opened *o = some_open(w, PLAIN);
	loff_t from = rnd(&w->r, 16) * PAGE, to = from;

	if (!o || !o->writable)
		return;
	CALL(w, copy_file_range,
	     copy_file_range(o->fd, &from, o->fd, &to, rnd(&w->r, PAGE), 0),
	     EINVAL, EIO, EOPNOTSUPP, EXDEV, ENOSPC, ETXTBSY);
}

/* --- sizes --- */

static void change_size(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);
	uint64_t size;

	if (!o || !o->writable)
		return;
	size = rnd(&w->r, 12 * PAGE / 8) * 8;
	if (o->kind != MEMORY) {
		CALL(w, ftruncate, ftruncate(o->fd, size), ENOSPC);
		return;
	}
	if (!CALL(w, ftruncate, ftruncate(o->fd, size), EOPNOTSUPP, EIO))
		broken("a memory file was truncated");
}

static void allocate(struct walker *w)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
	};
	struct opened *o = some_open(w, NOTHING);

	if (!o || !o->writable)
		return;
	CALL(w, fallocate, fallocate(o->fd, modes[rnd(&w->r, ARRAY_SIZE(modes))],
				     rnd(&w->r, 8) * PAGE, PAGE),
	     EOPNOTSUPP, EIO, ENOSPC, EINVAL, ENODEV);
}

static void sync_one(struct walker *w)
{
	struct opened *o = some_open(w, NOTHING);

	if (o)
		CALL(w, fsync, chance(&w->r, 50) ? fsync(o->fd) : fdatasync(o->fd),
		     EIO);
}

void walk_data(struct walker *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 35)
		read_one(w);
	else if (n < 65)
		write_one(w);
	else if (n < 70)
		splice_out(w);
	else if (n < 74)
		pin(w);
	else if (n < 79)
		send_out(w);
	else if (n < 83)
		copy(w);
	else if (n < 89)
		change_size(w);
	else if (n < 93)
		allocate(w);
	else
		sync_one(w);
}
