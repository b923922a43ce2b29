// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server: threads that read, answer under the life's lock, and reply. It may
 * be killed whenever nobody has the lock; what it was doing then is in the desks
 * and in the journal, and the next one goes on from there:
 *
 * - What has an answer is not done again when it is asked again (RESEND): the
 *   answer is in the journal.
 * - What a reply gives out is counted before it is written, and not any more if it
 *   is refused. If nobody knows (it is on a dead server's desk) it was taken, unless
 *   it is asked again.
 * - FORGETs are not sent again: those on a desk are counted (server_adopt()).
 *
 * What the kernel must not ask: about a node that it has forgotten, by a handle
 * that it has released, for the data of a memory file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "soak.h"

struct thread {
	struct life *life;
	int dev;
	int index;
	struct rng rng;
};

/* --- handles --- */

static struct handle *handle_of(struct life *l, uint64_t fh)
{
	struct handle *h = &l->handles[fh % HANDLES];

	return h->open && h->fh == fh ? h : NULL;
}

static int give_handle(struct life *l, struct fuse_open_out *out, uint64_t node)
{
	for (int i = 0; i < HANDLES; i++) {
		struct handle *h = &l->handles[l->next_handle++ % HANDLES];

		if (h->open)
			continue;
		h->open = true;
		h->node = node;
		h->fh = l->next_handle - 1;
		out->fh = h->fh;
		return 0;
	}
	return -ENFILE;
}

/* Which handle a request names; false: none. */
static bool names_handle(const struct fuse_in_header *in, uint64_t *fh)
{
	const void *body = in + 1;
	const struct fuse_getattr_in *getattr = body;
	const struct fuse_setattr_in *setattr = body;

	switch (in->opcode) {
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_LSEEK:
	case FUSE_FALLOCATE:
	case FUSE_IOCTL:
	case FUSE_POLL:
	case FUSE_GETLK:
	case FUSE_SETLK:
	case FUSE_SETLKW:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_COPY_FILE_RANGE_64:
		memcpy(fh, body, sizeof(*fh));
		return true;
	case FUSE_GETATTR:
		*fh = getattr->fh;
		return getattr->getattr_flags & FUSE_GETATTR_FH;
	case FUSE_SETATTR:
		*fh = setattr->fh;
		return setattr->valid & FATTR_FH;
	default:
		return false;
	}
}

static void check_handle(struct life *l, const struct fuse_in_header *in)
{
	struct handle *h;
	uint64_t fh;

	if (!names_handle(in, &fh))
		return;
	h = handle_of(l, fh);
	if (!h || h->node != in->nodeid)
		broken("opcode %u, node %lu: handle %#lx is not open", in->opcode,
		       in->nodeid, fh);
}

/* --- what may be asked --- */

static bool has_no_node(uint32_t opcode)
{
	return opcode == FUSE_INIT || opcode == FUSE_DESTROY ||
	       opcode == FUSE_GET_DAXDEV || opcode == FUSE_FORGET ||
	       opcode == FUSE_BATCH_FORGET || opcode == FUSE_NOTIFY_REPLY;
}

static struct memfile *memfile_of(struct life *l, uint64_t node)
{
	for (int i = 0; i < MEMFILES; i++)
		if (l->mem[i].node == node)
			return &l->mem[i];
	return NULL;
}

static void check_request(struct life *l, const struct call *c)
{
	const struct node *n = c->node;

	if (has_no_node(c->in->opcode))
		return;
	if (!n)
		broken("opcode %u: there is no node %lu", c->in->opcode,
		       c->in->nodeid);
	if (n->id != ROOT_ID && n->lookups <= n->forgets)
		broken("opcode %u: node %lu was forgotten: %ld lookups, %ld forgets",
		       c->in->opcode, n->id, n->lookups, n->forgets);
	check_handle(l, c->in);
	if ((c->in->opcode == FUSE_READ || c->in->opcode == FUSE_WRITE) &&
	    memfile_of(l, n->id))
		broken("opcode %u for the memory file %lu", c->in->opcode, n->id);
}

/* --- answers --- */

/* The tables of the scripted server do not shrink. */
static bool is_full(const struct life *l, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_CREATE:
	case FUSE_TMPFILE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		return l->srv->nnodes > NODES_MAX;
	default:
		return false;
	}
}

static int answer_read(struct call *c)
{
	struct fuse_read_in *in = (void *)c->body;

	/* So that it has a place in the journal. */
	if (c->in->opcode != FUSE_READ && in->size > JOURNAL_BODY)
		in->size = JOURNAL_BODY;
	return srv_answer(c);
}

static int answer_release(struct life *l, struct call *c)
{
	uint64_t fh;

	names_handle(c->in, &fh);
	handle_of(l, fh)->open = false;
	srv_count_request(c->s, c->in);
	return srv_answer(c);
}

/* The last thing in the reply of opening and creating. */
static int answer_open(struct life *l, struct call *c)
{
	struct fuse_open_out *out;
	uint64_t node = c->in->nodeid;
	int rc;

	if (c->in->opcode == FUSE_OPEN && memfile_of(l, node) &&
	    ((const struct fuse_open_in *)c->body)->flags & O_TRUNC)
		return -EOPNOTSUPP;
	rc = srv_answer(c);
	if (rc < 0)
		return rc;
	if (rc > (int)sizeof(*out))
		node = ((struct fuse_entry_out *)c->out)->nodeid;
	out = (void *)(c->out + rc - sizeof(*out));
	if (c->in->opcode != FUSE_OPENDIR && !memfile_of(l, node))
		out->open_flags = l->traits.open_flags;
	return give_handle(l, out, node) ?: rc;
}

static int answer(struct life *l, struct call *c)
{
	if (is_full(l, c->in->opcode))
		return -ENOSPC;
	switch (c->in->opcode) {
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return answer_read(c);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		return answer_open(l, c);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return answer_release(l, c);
	case FUSE_INTERRUPT:
	case FUSE_NOTIFY_REPLY:
		return SRV_NO_REPLY;
	case FUSE_POLL:
		((struct fuse_poll_out *)c->out)->revents = 0;
		return sizeof(struct fuse_poll_out);
	default:
		return srv_answer(c);
	}
}

/* --- the journal --- */

static struct entry *entry_of(struct life *l, uint64_t unique)
{
	unique &= ~FUSE_UNIQUE_RESEND;
	return &l->journal[unique / 2 % JOURNAL];
}

/*
 * It was answered before: by who was not heard, or while it was on this desk, and
 * was asked again.
 */
static struct entry *answered(struct life *l, const struct fuse_in_header *in)
{
	struct entry *e = entry_of(l, in->unique);

	/* That number is one of ours. */
	if (in->opcode == FUSE_NOTIFY_REPLY ||
	    e->unique != (in->unique & ~FUSE_UNIQUE_RESEND) || !e->unique)
		return NULL;
	if (e->opcode != in->opcode)
		broken("request %#lx was opcode %u, and is now %u", in->unique,
		       e->opcode, in->opcode);
	return e;
}

static void count(struct life *l, struct desk *desk, struct entry *e, int sign)
{
	if (e->rc > 0 && e->rc <= JOURNAL_BODY)
		srv_count_reply(l->srv, e->opcode, e->body, e->rc, sign);
	desk->written = sign > 0 ? e : NULL;
}

static int do_answer(struct life *l, struct desk *desk)
{
	struct fuse_in_header *in = (void *)desk->in;
	struct call c = {
		.s = l->srv, .in = in, .body = in + 1,
		.body_len = in->len - sizeof(*in),
		.node = srv_find(l->srv, in->nodeid), .out = desk->out,
	};

	if (in->opcode != FUSE_INTERRUPT)
		check_request(l, &c);
	return answer(l, &c);
}

/* Life locked. From the journal, to the desk. */
static int answer_again(struct life *l, struct desk *desk, struct entry *e)
{
	struct fuse_in_header *in = (void *)desk->in;

	if (!(in->unique & FUSE_UNIQUE_RESEND))
		return -EIO;	/* nobody waits for it */
	for (; e->doubts; e->doubts--)
		count(l, desk, e, -1);
	/* Of reading. It does not matter how often. */
	if (e->rc > JOURNAL_BODY)
		return do_answer(l, desk);
	if (e->rc > 0)
		memcpy(desk->out, e->body, e->rc);
	return e->rc;
}

/* Life locked. Return: SRV_NO_REPLY, or what goes out, from the desk. */
static int see_to_request(struct life *l, struct desk *desk)
{
	struct fuse_in_header *in = (void *)desk->in;
	struct entry *e = answered(l, in);
	int rc;

	if (e)
		return answer_again(l, desk, e);
	rc = do_answer(l, desk);
	if (rc == SRV_NO_REPLY) {
		/* If it is a FORGET, it is not to be counted again. */
		in->len = 0;
		return rc;
	}
	e = entry_of(l, in->unique);
	e->unique = in->unique & ~FUSE_UNIQUE_RESEND;
	e->opcode = in->opcode;
	e->doubts = 0;
	e->rc = rc;
	if (rc > 0 && rc <= JOURNAL_BODY)
		memcpy(e->body, desk->out, rc);
	return rc;
}

/* --- threads --- */

static void reply(struct thread *t, struct desk *desk, int rc)
{
	struct life *l = t->life;
	struct fuse_in_header *in = (void *)desk->in;
	struct fuse_out_header h = {
		.unique = in->unique,
		.error = rc < 0 ? rc : 0,
		.len = sizeof(h) + (rc > 0 ? rc : 0),
	};
	struct iovec iov[2] = {
		{ &h, sizeof(h) }, { desk->out, rc > 0 ? rc : 0 },
	};

	life_lock(l);
	count(l, desk, entry_of(l, in->unique), 1);
	life_unlock(l);
	if (writev(t->dev, iov, rc > 0 ? 2 : 1) >= 0) {
		desk->written = NULL;
		return;
	}
	/* It is asked again, or all is over. */
	if (errno != ENOENT)
		broken("the reply %d to opcode %u is refused: %s", rc,
		       in->opcode, strerror(errno));
	life_lock(l);
	count(l, desk, desk->written, -1);
	life_unlock(l);
}

static void serve(struct thread *t, struct desk *desk)
{
	bool slow = chance(&t->rng, t->life->traits.slow);
	int rc;

	if (slow)
		nap(&t->rng, 20);
	life_lock(t->life);
	rc = see_to_request(t->life, desk);
	life_unlock(t->life);
	if (rc == SRV_NO_REPLY)
		return;
	if (slow)
		nap(&t->rng, 20);
	reply(t, desk, rc);
}

static void own_device(struct thread *t)
{
	int dev = open(FMAPFS_NODE, O_RDWR | O_CLOEXEC);

	if (dev >= 0 && !ioctl(dev, FUSE_DEV_IOC_CLONE, &t->dev))
		t->dev = dev;
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	struct desk *desk = &t->life->desks[t->index];
	struct fuse_in_header *in = (void *)desk->in;

	if (t->index && t->life->traits.clones)
		own_device(t);
	for (;;) {
		in->len = 0;
		if (read(t->dev, in, REQ_ROOM) > 0)
			serve(t, desk);
		else if (errno == ENODEV || errno == ECONNABORTED)
			return NULL;
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			broken("no request can be read: %s", strerror(errno));
	}
}

/* Returns when all is over. */
void server_main(struct life *l, int dev, uint64_t start)
{
	static struct thread t[SERVER_THREADS];
	pthread_t id[SERVER_THREADS];
	int i;

	for (i = 0; i < l->traits.threads; i++) {
		t[i] = (struct thread){
			.life = l, .dev = dev, .index = i,
			.rng = rng_for(l->world, l->number, start, 100 + i),
		};
		if (pthread_create(&id[i], NULL, thread_main, &t[i]))
			broken("no thread");
	}
	for (i = 0; i < l->traits.threads; i++)
		pthread_join(id[i], NULL);
}

/* The server is dead. Life locked. */
void server_adopt(struct life *l)
{
	for (int i = 0; i < SERVER_THREADS; i++) {
		struct desk *desk = &l->desks[i];
		struct fuse_in_header *in = (void *)desk->in;

		if (in->len && (in->opcode == FUSE_FORGET ||
				in->opcode == FUSE_BATCH_FORGET))
			see_to_request(l, desk);
		in->len = 0;
		if (desk->written)
			desk->written->doubts++;
		desk->written = NULL;
	}
}

/* --- the balance --- */

static bool is_known(struct life *l, uint64_t node)
{
	struct node *n = srv_find(l->srv, node);

	return n && n->lookups > n->forgets;
}

static bool knows_listed(struct life *l, const struct entry *e)
{
	size_t at = 0;

	while (at < (size_t)e->rc) {
		const struct fuse_direntplus *d = (const void *)(e->body + at);

		if (d->dirent.name[0] != '.')
			return is_known(l, d->entry_out.nodeid);
		at += FUSE_DIRENTPLUS_SIZE(d);
	}
	return false;
}

/* What it gives out has not been given back. */
static bool is_out(struct life *l, const struct entry *e)
{
	const struct fuse_entry_out *entry = (const void *)e->body;
	const struct fuse_open_out *open = (const void *)e->body;

	switch (e->opcode) {
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		return is_known(l, entry->nodeid);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return handle_of(l, open->fh);
	case FUSE_READDIRPLUS:
		return knows_listed(l, e);
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		return is_known(l, entry->nodeid);
	default:
		return false;
	}
}

/*
 * Has all been given back? A request whose caller was killed before it was asked
 * again is not asked again: if there are doubts, what it gives out was not taken.
 */
void server_balance(struct life *l)
{
	const char *wrong;

	for (int i = 0; i < JOURNAL; i++) {
		struct entry *e = &l->journal[i];

		for (; e->unique && e->rc > 0 && e->rc <= JOURNAL_BODY &&
		       e->doubts && is_out(l, e); e->doubts--)
			srv_count_reply(l->srv, e->opcode, e->body, e->rc, -1);
	}
	wrong = srv_imbalance(l->srv);
	if (wrong)
		broken("world %d, life %lu: %s", l->world, l->number, wrong);
}
