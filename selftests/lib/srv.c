// SPDX-License-Identifier: GPL-2.0
/* The scripted server's loop and rules: see srv.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mem.h"
#include "srv.h"
#include "tap.h"

/* A request that waits for its rule to be released. */
struct stalled {
	struct stalled *next;
	struct rule *rule;
	size_t len;
	uint8_t req[];
};

static struct stalled *stalled;
static uint8_t *out_buf;

struct srv *srv_new(void)
{
	struct srv *s = t_shared(sizeof(*s) + SRV_HEAP);
	struct node *root;

	s->want = FUSE_INIT_EXT | FUSE_DAX_FMAP | FUSE_BIG_WRITES |
		  FUSE_MAX_PAGES | FUSE_ASYNC_READ | FUSE_DO_READDIRPLUS |
		  FUSE_PARALLEL_DIROPS;
	s->major = FUSE_KERNEL_VERSION;
	s->minor = FUSE_FMAP_KERNEL_MINOR_VERSION;
	s->max_write = SRV_MAX_WRITE;
	s->max_pages = SRV_MAX_WRITE / PAGE;
	if (pipe2(s->wake, O_NONBLOCK | O_CLOEXEC))
		FAIL("pipe: %s", strerror(errno));
	root = srv_node(s, 0, "", S_IFDIR | 0755);
	root->entry_ms = root->attr_ms = 3600 * 1000;
	return s;
}

/* When its process has ended, and nothing of it is used any more. */
void srv_free(struct srv *s)
{
	OK(close(s->wake[1]));
	OK(munmap(s, sizeof(*s) + SRV_HEAP));
}

void *srv_alloc(struct srv *s, size_t size)
{
	void *p = s->heap + s->heap_used;

	s->heap_used += (size + 63) & ~63UL;
	if (s->heap_used > SRV_HEAP)
		FAIL("the server's heap is full");
	return p;
}

/* Time-outs are an hour unless a test says otherwise. */
struct node *srv_node(struct srv *s, uint64_t parent, const char *name,
		      uint32_t mode)
{
	int i = s->nnodes;
	struct node *n = &s->nodes[i];

	if (i == SRV_NODES)
		FAIL("too many nodes");
	n->id = i + 1;
	n->parent = parent;
	strncpy(n->name, name, sizeof(n->name) - 1);
	n->mode = mode;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	n->atime = n->mtime = n->ctime = 1000000000;
	n->entry_ms = n->attr_ms = 3600 * 1000;
	n->fmap_error = EOPNOTSUPP;
	s->nnodes = i + 1;
	return n;
}

struct node *srv_dir(struct srv *s, uint64_t parent, const char *name)
{
	return srv_node(s, parent, name, S_IFDIR | 0755);
}

/* An ordinary file; @data may be NULL for zeroes. */
struct node *srv_plain(struct srv *s, const char *name, const void *data,
		       uint64_t size)
{
	struct node *n = srv_node(s, ROOT_ID, name, S_IFREG | 0644);

	n->size = size;
	n->data_room = size + 64 * KIB;
	n->data = srv_alloc(s, n->data_room);
	if (data)
		memcpy(n->data, data, size);
	return n;
}

void srv_set_fmap(struct srv *s, struct node *n, struct msg fmap)
{
	uint8_t *bytes = srv_alloc(s, fmap.len);

	/* The server may be looking: not before it is whole. */
	memcpy(bytes, fmap.buf, fmap.len);
	atomic_thread_fence(memory_order_release);
	n->fmap = bytes;
	n->fmap_len = fmap.len;
	n->fmap_error = 0;
}

/* An ordinary file that holds what pat_fill() makes. */
struct node *srv_pattern(struct srv *s, const char *name, uint32_t seed,
			 uint64_t size)
{
	struct node *n = srv_plain(s, name, NULL, size);

	pat_fill(n->data, seed, 0, size);
	return n;
}

/* A memory file of the size that its fmap names. */
struct node *srv_memfile(struct srv *s, const char *name, struct msg fmap)
{
	struct node *n = srv_node(s, ROOT_ID, name, S_IFREG | 0666);

	srv_set_fmap(s, n, fmap);
	n->size = msg_header(&fmap)->file_size;
	return n;
}

struct node *srv_find(struct srv *s, uint64_t id)
{
	int i;

	if (id && id <= SRV_NODES && s->nodes[id - 1].id == id)
		return &s->nodes[id - 1];
	for (i = 0; i < s->nnodes; i++)
		if (s->nodes[i].id == id)
			return &s->nodes[i];
	return NULL;
}

/* The name's own node: for a hard link not that of the file. */
struct node *srv_name_node(struct srv *s, uint64_t parent, const char *name)
{
	int i;

	for (i = 0; i < s->nnodes; i++)
		if (s->nodes[i].parent == parent && !s->nodes[i].gone &&
		    !strcmp(s->nodes[i].name, name))
			return &s->nodes[i];
	return NULL;
}

struct node *srv_find_name(struct srv *s, uint64_t parent, const char *name)
{
	struct node *n = srv_name_node(s, parent, name);

	return n && n->target ? srv_find(s, n->target) : n;
}

/* For the next request of the kind only; set ->left for more. */
struct rule *srv_on(struct srv *s, uint32_t opcode, uint64_t nodeid,
		    enum act act, int arg)
{
	struct rule *r = &s->rules[s->nrules];

	if (s->nrules == SRV_RULES)
		FAIL("too many rules");
	r->opcode = opcode;
	r->nodeid = nodeid;
	r->act = act;
	r->arg = arg;
	r->bad_errno = r->good_errno = -1;
	r->left = 1;
	s->nrules++;
	return r;
}

void srv_release(struct srv *s, struct rule *r)
{
	r->released = true;
	if (write(s->wake[1], "", 1) != 1)
		FAIL("the server cannot be woken: %s", strerror(errno));
}

int srv_seen(struct srv *s, uint32_t opcode)
{
	return s->count[opcode];
}

/* The latest request of that kind, or NULL. */
const struct seen *srv_last(struct srv *s, uint32_t opcode)
{
	int i;

	for (i = s->nseen - 1; i >= 0; i--)
		if (s->seen[i].opcode == opcode)
			return &s->seen[i];
	return NULL;
}

/* Its body; not all of a long one. A test fails if there was none. */
const void *srv_last_body(struct srv *s, uint32_t opcode)
{
	const struct seen *e = srv_last(s, opcode);

	if (!e)
		FAIL("the server has seen no request %u", opcode);
	return e->body;
}

static int put(int dev, struct fuse_out_header *h, const void *body,
	       size_t len)
{
	struct iovec iov[2] = {
		{ h, sizeof(*h) }, { (void *)body, len },
	};

	return writev(dev, iov, len ? 2 : 1) < 0 ? errno : 0;
}

static void put_bad(struct rule *r, int dev, uint64_t unique,
		    const uint8_t *body, size_t len)
{
	struct fuse_out_header h;
	static uint8_t zeroes[SRV_MAX_WRITE * 2];

	if (r->bad.with_body) {
		body = r->bad.body ? r->bad.body : zeroes;
		len = r->bad.body_len;
	}
	if (r->bad.error && !r->bad.with_body)
		len = 0;
	h.unique = r->bad.zero_unique ? 0 : unique ^ r->bad.unique_xor;
	h.error = r->bad.error;
	h.len = sizeof(h) + len + r->bad.len_delta;
	r->bad_errno = put(dev, &h, body, len);
}

/* Counted before the kernel can give back what it hands out. */
static int put_counted(struct srv *s, int dev, uint32_t opcode,
		       struct fuse_out_header *h, const uint8_t *body,
		       size_t len)
{
	int err;

	if (!h->error)
		srv_count_reply(s, opcode, body, len, 1);
	err = put(dev, h, body, len);
	if (err && !h->error)
		srv_count_reply(s, opcode, body, len, -1);
	return err;
}

/* @h and @len: of the good reply, whose body is in out_buf. */
static void put_spoilt(struct srv *s, int dev, const struct fuse_in_header *in,
		       const struct fuse_out_header *h, size_t len,
		       struct rule *r)
{
	static uint8_t body[SRV_MAX_WRITE * 2];
	struct spoilt sp = {
		.s = s, .in = in, .h = *h, .body = body, .len = len,
		.arg = r->spoil_arg,
	};

	memcpy(body, out_buf, len);
	r->spoil(&sp);
	sp.h.len = sizeof(sp.h) + sp.len + sp.len_delta;
	r->bad_errno = put_counted(s, dev, in->opcode, &sp.h, body, sp.len);
}

/* @rc: length of the body in out_buf, or -errno. @r: may be NULL. */
static int reply(struct srv *s, int dev, const struct fuse_in_header *in,
		 int rc, struct rule *r)
{
	size_t len = rc > 0 ? rc : 0;
	struct fuse_out_header h = {
		.unique = in->unique,
		.error = rc < 0 ? rc : 0,
		.len = sizeof(h) + len,
	};
	int err;

	if (r && r->act == ACT_BAD)
		put_bad(r, dev, in->unique, out_buf, len);
	if (r && r->act == ACT_SPOIL)
		put_spoilt(s, dev, in, &h, len, r);
	err = put_counted(s, dev, in->opcode, &h, out_buf, len);
	if (r)
		r->good_errno = err;
	return err;
}

static void serve(struct srv *s, int dev, struct fuse_in_header *in, size_t len,
		  struct rule *r)
{
	struct call c = {
		.s = s, .in = in, .body = in + 1, .body_len = len - sizeof(*in),
		.node = srv_find(s, in->nodeid), .out = out_buf,
	};
	int rc;

	if (r && r->act == ACT_ERROR) {
		rc = -r->arg;
	} else if (r && r->act == ACT_BODY) {
		memcpy(out_buf, r->bad.body, r->bad.body_len);
		rc = r->bad.body_len;
	} else if (r && r->answer) {
		rc = r->answer(&c);
	} else {
		rc = srv_answer(&c);
	}
	if (rc != SRV_NO_REPLY)
		reply(s, dev, in, rc, r);
}

static void stall(struct fuse_in_header *in, size_t len, struct rule *r)
{
	struct stalled *st = malloc(sizeof(*st) + len);

	memcpy(st->req, in, len);
	st->len = len;
	st->rule = r;
	st->next = stalled;
	stalled = st;
}

static void serve_released(struct srv *s, int dev)
{
	struct stalled **p = &stalled, *st;

	while ((st = *p)) {
		if (!st->rule->released) {
			p = &st->next;
			continue;
		}
		*p = st->next;
		serve(s, dev, (void *)st->req, st->len, st->rule);
		free(st);
	}
}

static void interrupt(struct srv *s, int dev, uint64_t unique)
{
	struct stalled **p, *st;

	for (p = &stalled; (st = *p); p = &st->next) {
		struct fuse_in_header *in = (void *)st->req;

		if (in->unique != unique || st->rule->act != ACT_STALL_INTR)
			continue;
		*p = st->next;
		reply(s, dev, in, -EINTR, st->rule);
		free(st);
		return;
	}
}

static struct rule *rule_for(struct srv *s, const struct fuse_in_header *in)
{
	int i;

	for (i = 0; i < s->nrules; i++) {
		struct rule *r = &s->rules[i];

		if ((r->opcode && r->opcode != in->opcode) || !r->left ||
		    (r->nodeid && r->nodeid != in->nodeid))
			continue;
		if (r->left > 0)
			r->left--;
		r->hits++;
		return r;
	}
	return NULL;
}

static void note(struct srv *s, const struct fuse_in_header *in, size_t len)
{
	struct seen *e = &s->seen[s->nseen % SRV_LOG];

	e->opcode = in->opcode;
	e->nodeid = in->nodeid;
	e->unique = in->unique;
	e->uid = in->uid;
	e->pid = in->pid;
	e->arg = 0;
	memset(e->body, 0, sizeof(e->body));
	len -= sizeof(*in);
	memcpy(e->body, in + 1, len < sizeof(e->body) ? len : sizeof(e->body));
	if (len >= 8)
		memcpy(&e->arg, in + 1, 8);
	e->off = e->size = e->io_flags = 0;
	if (in->opcode == FUSE_READ || in->opcode == FUSE_WRITE) {
		const struct fuse_read_in *io = (const void *)(in + 1);

		e->off = io->offset;
		e->size = io->size;
		e->io_flags = io->read_flags;
	}
	s->nseen++;
	if (in->opcode >= SRV_OPS)
		return;
	s->last_in[in->opcode] = *in;
	memcpy(s->last_body[in->opcode], in + 1,
	       len < SRV_LAST ? len : SRV_LAST);
	s->count[in->opcode]++;
}

static void dispatch(struct srv *s, int dev, struct fuse_in_header *in,
		     size_t len)
{
	struct rule *r;

	/* Before a rule says that it was hit: who waits for that looks here. */
	note(s, in, len);
	r = rule_for(s, in);
	srv_count_request(s, in);
	if (in->opcode == FUSE_INTERRUPT) {
		uint64_t unique;

		memcpy(&unique, in + 1, sizeof(unique));
		interrupt(s, dev, unique);
		return;
	}
	if (r && r->act == ACT_DIE)
		_exit(0);
	if (r && (r->act == ACT_STALL || r->act == ACT_STALL_INTR) &&
	    !r->released)
		stall(in, len, r);
	else
		serve(s, dev, in, len, r);
}

/* The life of the server's process: until the connection ends. */
void srv_loop(struct srv *s, int dev, int wake)
{
	size_t room = SRV_MAX_WRITE + 2 * PAGE;
	/*
	 * The kernel finds all of it there, even if it has no memory just then. (To
	 * fill it with zeros is not enough: compilers make a calloc() of that.)
	 */
	struct fuse_in_header *in = mmap(NULL, room, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS |
					 MAP_POPULATE, -1, 0);
	struct pollfd fds[2] = {
		{ .fd = dev, .events = POLLIN },
		{ .fd = wake, .events = POLLIN },
	};
	char drain[64];
	ssize_t n;

	out_buf = malloc(SRV_MAX_WRITE * 32);
	TRUE(in != MAP_FAILED);
	fcntl(dev, F_SETFL, O_RDWR | O_NONBLOCK);
	s->up = true;
	for (;;) {
		poll(fds, 2, -1);
		while (read(wake, drain, sizeof(drain)) > 0)
			;
		serve_released(s, dev);
		n = read(dev, in, room);
		if (n >= (ssize_t)sizeof(*in)) {
			dispatch(s, dev, in, n);
		} else if (n < 0 && errno == EPERM) {
			usleep(1000);	/* not mounted yet */
		} else if (n >= 0 || (errno != EAGAIN && errno != EINTR &&
				      errno != ENOENT)) {
			s->end_errno = n < 0 ? errno : EIO;
			_exit(0);
		}
	}
}
