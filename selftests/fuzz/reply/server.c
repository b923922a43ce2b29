// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server: reads requests, replies as the input says, and keeps count of what
 * it has handed out and been given back.
 */
#include "answer.h"
#include "reply.h"

#define MAX_SENT	512
#define MAX_IDS		1024
#define MAX_ROUNDS	10000

/* A request that was read and not answered; @msg: its beginning. */
struct sent {
	struct question q;
	struct sent *next;
};

struct file dev;

static u8 read_buf[(2 << 20) + 4096];
static struct sent *sent;
static bool serving;	/* the server acts: nobody may wait for it */
static bool patient;	/* all ends well now */

/* What was handed out and not given back: lookups by node id, handles. */
struct count {
	u64 id;
	s64 n;
};

static struct counts {
	struct count of[MAX_IDS];
	unsigned int used;
} lookups, handles;

/* What goes to and fro, if FUZZ_TRACE is in the environment. */
#define tell(fmt, ...)							\
	do {								\
		if (tracing)						\
			fprintf(stderr, fmt "\n", ##__VA_ARGS__);	\
	} while (0)
static bool tracing;

/* --- the counts --- */

static struct count *count_of(struct counts *counts, u64 id)
{
	unsigned int i;

	for (i = 0; i < counts->used; i++)
		if (counts->of[i].id == id)
			return &counts->of[i];
	MUST(i < MAX_IDS);
	counts->used++;
	counts->of[i] = (struct count) { .id = id };
	return &counts->of[i];
}

static void count_lookups(u64 nodeid, s64 n)
{
	if (nodeid)
		count_of(&lookups, nodeid)->n += n;
}

void server_hands_out(u64 nodeid)
{
	count_lookups(nodeid, 1);
}

static void count_handle(const struct fuse_open_out *out)
{
	count_of(&handles, out->fh)->n++;
}

static bool is_dot(const struct fuse_dirent *d)
{
	return d->name[0] == '.' &&
	       (d->namelen == 1 || (d->namelen == 2 && d->name[1] == '.'));
}

/* Up to the first record that cannot be one. */
static void count_listing(const u8 *out, size_t len)
{
	while (len >= FUSE_NAME_OFFSET_DIRENTPLUS) {
		const struct fuse_direntplus *d = (const void *)out;

		if (!d->dirent.namelen || d->dirent.namelen > 1024 ||
		    FUSE_DIRENTPLUS_SIZE(d) > len)
			break;
		if (!is_dot(&d->dirent))
			count_lookups(d->entry_out.nodeid, 1);
		len -= FUSE_DIRENTPLUS_SIZE(d);
		out += FUSE_DIRENTPLUS_SIZE(d);
	}
}

/* A reply was taken. */
static void count_reply(u32 opcode, const void *out, size_t len)
{
	const struct fuse_entry_out *entry = out;

	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		count_lookups(entry->nodeid, 1);
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		if (entry->nodeid)
			count_handle((const void *)(entry + 1));
		count_lookups(entry->nodeid, 1);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		count_handle(out);
		break;
	case FUSE_READDIRPLUS:
		count_listing(out, len);
		break;
	}
}

/* The handle that it names, or 0: none, or of what was opened without asking. */
static u64 handle_of(const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_WRITE:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_LSEEK:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_COPY_FILE_RANGE_64:
	case FUSE_IOCTL:
	case FUSE_POLL:
	case FUSE_GETLK:
	case FUSE_SETLK:
	case FUSE_SETLKW:
		return *(const u64 *)(in + 1);
	}
	return 0;
}

/* The node that it is about, or 0. */
static u64 node_of(const struct fuse_in_header *in)
{
	switch (in->opcode) {
	/* "..", of whatever node; the number of a device; what names none. */
	case FUSE_LOOKUP:
	case FUSE_GET_DAXDEV:
	case FUSE_INTERRUPT:
	case FUSE_DESTROY:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return 0;
	}
	return in->nodeid == FUSE_ROOT_ID ? 0 : in->nodeid;
}

/* Nothing is asked about what was given back, and nobody waits for an answer. */
static void check_given_back(u64 nodeid, u64 handle)
{
	const struct sent *s;

	for (s = sent; s; s = s->next) {
		const struct fuse_in_header *in = question_header(&s->q);

		MUST(!nodeid || node_of(in) != nodeid);
		MUST(!handle || handle_of(in) != handle);
	}
}

static void check_names(const struct fuse_in_header *in)
{
	u64 handle = handle_of(in), nodeid = node_of(in);

	MUST(!handle || count_of(&handles, handle)->n > 0);
	MUST(!nodeid || count_of(&lookups, nodeid)->n > 0);
}

static void take_back_node(u64 nodeid, u64 n)
{
	count_lookups(nodeid, -n);
	if (!count_of(&lookups, nodeid)->n)
		check_given_back(nodeid, 0);
}

static void take_back_handle(u64 handle)
{
	count_of(&handles, handle)->n--;
	if (!count_of(&handles, handle)->n)
		check_given_back(0, handle);
}

static void count_request(const struct fuse_in_header *in, size_t len)
{
	const struct fuse_batch_forget_in *batch = (const void *)(in + 1);
	const struct fuse_forget_one *one = (const void *)(batch + 1);
	const struct fuse_forget_in *forget = (const void *)(in + 1);
	const struct fuse_release_in *release = (const void *)(in + 1);
	u32 i;

	switch (in->opcode) {
	case FUSE_FORGET:
		MUST(len == sizeof(*in) + sizeof(*forget) && forget->nlookup);
		take_back_node(in->nodeid, forget->nlookup);
		break;
	case FUSE_BATCH_FORGET:
		MUST(len == sizeof(*in) + sizeof(*batch) +
			    batch->count * sizeof(*one));
		for (i = 0; i < batch->count; i++)
			take_back_node(one[i].nodeid, one[i].nlookup);
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		/* It was read before. */
		if (in->unique & FUSE_UNIQUE_RESEND)
			break;
		take_back_handle(release->fh);
		break;
	}
}

void server_check_balance(void)
{
	unsigned int i;

	for (i = 0; i < lookups.used; i++)
		MUST(!lookups.of[i].n);
	for (i = 0; i < handles.used; i++)
		MUST(!handles.of[i].n);
}

/* --- reading --- */

static void keep(const struct fuse_in_header *in, size_t len)
{
	struct sent *s = calloc(1, sizeof(*s)), **end = &sent;

	memcpy(s->q.msg, in, min_t(size_t, len, sizeof(s->q.msg)));
	while (*end)
		end = &(*end)->next;
	*end = s;
}

/* Return: was there something to read? */
static bool read_one(void)
{
	struct kiocb iocb = { .ki_filp = &dev, .ki_flags = IOCB_NOWAIT };
	struct iov_iter to = { .to = read_buf, .count = sizeof(read_buf) };
	const struct fuse_in_header *in = (const void *)read_buf;
	ssize_t rc = dev_fops->read_iter(&iocb, &to);

	if (rc < 0) {
		MUST(rc == -EAGAIN || rc == -ENODEV || rc == -ECONNABORTED);
		return false;
	}
	MUST(rc >= (ssize_t)sizeof(*in) && in->len == rc);
	tell("< opcode %u unique %#llx node %#llx: %zd bytes", in->opcode,
	     (long long)in->unique, (long long)in->nodeid, rc);
	check_names(in);
	count_request(in, rc);
	switch (in->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_NOTIFY_REPLY:
		break;
	default:
		keep(in, rc);
	}
	return true;
}

/* --- writing --- */

static struct sent **find_sent(u64 unique)
{
	struct sent **s = &sent;

	while (*s && question_header(&(*s)->q)->unique != unique)
		s = &(*s)->next;
	return s;
}

static void drop(struct sent **place)
{
	struct sent *s = *place;

	*place = s->next;
	free(s);
}

static void drop_all(void)
{
	while (sent)
		drop(&sent);
}

static bool is_error(int error)
{
	return error <= 0 && error > -512;
}

/* Writes a message of @len bytes; what it says of its length may be wrong. */
static ssize_t write_message(const void *msg, size_t len)
{
	const struct fuse_out_header *oh = msg;
	struct kiocb iocb = { .ki_filp = &dev };
	u8 *copy = malloc(len);
	struct iov_iter from = { .from = copy, .count = len };
	struct sent **place;
	ssize_t rc;
	u32 opcode;

	memcpy(copy, msg, len);
	rc = dev_fops->write_iter(&iocb, &from);
	free(copy);
	MUST(rc == (ssize_t)len || (rc < 0 && rc > -512));
	tell("> error %d unique %#llx: %zu bytes: %zd", oh->error,
	     (long long)oh->unique, len, rc);
	if (len < sizeof(*oh) || !oh->unique)
		return rc;
	place = find_sent(oh->unique);
	if (rc > 0 && !(oh->unique & 1)) {
		/* Only what was asked is answered. */
		MUST(*place);
		opcode = question_header(&(*place)->q)->opcode;
		if (!oh->error)
			count_reply(opcode, oh + 1, len - sizeof(*oh));
	}
	/* What is refused for its body is over, too: with EIO. */
	if (*place && (rc > 0 || rc == -ENOENT ||
		       (oh->len == len && is_error(oh->error) &&
			!(oh->unique & 1))))
		drop(place);
	return rc;
}

static void reply(struct sent *s)
{
	struct answer a;

	answer_well(&a, &s->q);
	if (!patient)
		answer_spoil(&a);
	/* The reply to an INTERRUPT may be that it came too early. */
	if (question_header(&s->q)->opcode == FUSE_INTERRUPT && patient)
		drop(find_sent(question_header(&s->q)->unique));
	else
		write_message(&a.msg, a.len);
}

static void notify(void)
{
	struct answer a;

	answer_unasked(&a);
	answer_spoil(&a);
	/* All that was read is to be read again, by other numbers. */
	if (write_message(&a.msg, a.len) > 0 && !a.msg.h.unique &&
	    a.msg.h.error == FUSE_NOTIFY_RESEND)
		drop_all();
}

static void reply_to_any(void)
{
	unsigned int n = take(1);
	struct sent *s = sent;

	for (; s && s->next && n; n--)
		s = s->next;
	if (s)
		reply(s);
}

static void act(unsigned int what)
{
	struct sent *last;

	switch (what % 8) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (!read_one() || !sent)
			break;
		for (last = sent; last->next; last = last->next)
			;
		reply(last);
		break;
	case 4:
		read_one();
		break;
	case 5:
		reply_to_any();
		break;
	case 6:
		notify();
		break;
	case 7:
		if (take(1) == 7)
			fmapfs_conn_abort_by_user(fs.conn);
		break;
	}
}

bool env_serve(void)
{
	unsigned int what = take(1);

	MUST(!serving);
	if (!input.left || what >= 0xf0)
		return false;
	serving = true;
	act(what);
	serving = false;
	return true;
}

void server_drain(void)
{
	unsigned int rounds;

	patient = true;
	serving = true;
	for (rounds = 0; read_one() || sent; rounds++) {
		MUST(rounds < MAX_ROUNDS);
		if (sent)
			reply(sent);
	}
	serving = false;
}

void server_begin(void)
{
	tracing = getenv("FUZZ_TRACE");
	lookups.used = 0;
	handles.used = 0;
	patient = false;
	dev = (struct file) { .f_flags = O_NONBLOCK, .f_op = dev_fops };
}

void server_end(void)
{
	drop_all();
}
