// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a libfuse server of one thread: writes each request that the
 * server reads from its device to the end of $PEER_REQUESTS, a line each:
 *
 *	OPCODE NODE UID:GID [kernel] FIELD=VALUE... "NAME"...
 *
 * NODE is where the server's replies had it last ("work/a"), for node ids are
 * the server's own and differ. "kernel": no process asked (pid 0); not told of a
 * RELEASE, which has the pid of who closes, or none, as the kernel's version is.
 * Handles and lock owners: whether there is one. Times: whether it is now. FORGETs
 * are left out: when they come is the memory's affair.
 *
 * libfuse either reads a request or splices it into a pipe, and reads that; what
 * it reads first begins with the header.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ENTRY_HEAD		FUSE_NAME_OFFSET_DIRENTPLUS

/* Not in the headers of each root. */
#define OP_STATX		52
#define OP_COPY_FILE_RANGE_64	53

#define LINE_ROOM	8192
#define PATH_ROOM	200
#define NODES		4096
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define EXPORT		__attribute__((visibility("default")))

/*
 * The fields of a body: NAME/BYTES, of which "-" is not told, "@" is a node, "?"
 * is told if it is not 0, "%" are seconds, "#" is decimal; and a "s" for each string after them.
 * "=": the reply begins with a struct fuse_entry_out.
 */
#define IO_FIELDS	"?fh/8 #offset/8 #size/4 io_flags/4 ?owner/8 flags/4 -/4"
#define LOCK_FIELDS	"?fh/8 ?owner/8 start/8 end/8 type/4 -/4 lk_flags/4 -/4"
#define COPY_FIELDS	"?fh/8 from/8 @to/8 ?fh/8 at/8 len/8 flags/8"

static const struct opcode {
	unsigned int number;
	const char *name, *fields;
} opcodes[] = {
	{ FUSE_LOOKUP, "LOOKUP", "= s" },
	{ FUSE_GETATTR, "GETATTR", "flags/4 -/4 ?fh/8" },
	{ FUSE_SETATTR, "SETATTR",
	  "valid/4 -/4 ?fh/8 size/8 ?owner/8 %atime/8 %mtime/8 %ctime/8 -/4 -/4 -/4 "
	  "mode/4 -/4 uid/4 gid/4 -/4" },
	{ FUSE_READLINK, "READLINK", "" },
	{ FUSE_SYMLINK, "SYMLINK", "= s s" },
	{ FUSE_MKNOD, "MKNOD", "= mode/4 rdev/4 umask/4 -/4 s" },
	{ FUSE_MKDIR, "MKDIR", "= mode/4 umask/4 s" },
	{ FUSE_UNLINK, "UNLINK", "s" },
	{ FUSE_RMDIR, "RMDIR", "s" },
	{ FUSE_RENAME, "RENAME", "@to/8 s s" },
	{ FUSE_RENAME2, "RENAME2", "@to/8 flags/4 -/4 s s" },
	{ FUSE_LINK, "LINK", "= @of/8 s" },
	{ FUSE_OPEN, "OPEN", "flags/4 open_flags/4" },
	{ FUSE_OPENDIR, "OPENDIR", "flags/4 open_flags/4" },
	{ FUSE_CREATE, "CREATE", "= flags/4 mode/4 umask/4 open_flags/4 s" },
	{ FUSE_TMPFILE, "TMPFILE", "= flags/4 mode/4 umask/4 open_flags/4 s" },
	{ FUSE_READ, "READ", IO_FIELDS },
	{ FUSE_WRITE, "WRITE", IO_FIELDS },
	{ FUSE_STATFS, "STATFS", "" },
	{ FUSE_RELEASE, "RELEASE", "?fh/8 flags/4 release_flags/4 ?owner/8" },
	{ FUSE_RELEASEDIR, "RELEASEDIR", "?fh/8 flags/4 release_flags/4 ?owner/8" },
	{ FUSE_FSYNC, "FSYNC", "?fh/8 fsync_flags/4 -/4" },
	{ FUSE_FSYNCDIR, "FSYNCDIR", "?fh/8 fsync_flags/4 -/4" },
	{ FUSE_SETXATTR, "SETXATTR", "size/4 flags/4 s" },
	{ FUSE_GETXATTR, "GETXATTR", "size/4 -/4 s" },
	{ FUSE_LISTXATTR, "LISTXATTR", "size/4 -/4" },
	{ FUSE_REMOVEXATTR, "REMOVEXATTR", "s" },
	{ FUSE_FLUSH, "FLUSH", "?fh/8 -/4 -/4 ?owner/8" },
	{ FUSE_INIT, "INIT", "" },
	{ FUSE_READDIR, "READDIR", IO_FIELDS },
	{ FUSE_READDIRPLUS, "READDIRPLUS", IO_FIELDS },
	{ FUSE_GETLK, "GETLK", LOCK_FIELDS },
	{ FUSE_SETLK, "SETLK", LOCK_FIELDS },
	{ FUSE_SETLKW, "SETLKW", LOCK_FIELDS },
	{ FUSE_ACCESS, "ACCESS", "mask/4 -/4" },
	{ FUSE_INTERRUPT, "INTERRUPT", "-/8" },
	{ FUSE_BMAP, "BMAP", "block/8 blocksize/4 -/4" },
	{ FUSE_DESTROY, "DESTROY", "" },
	{ FUSE_IOCTL, "IOCTL", "?fh/8 flags/4 cmd/4 -/8 in_size/4 out_size/4" },
	{ FUSE_POLL, "POLL", "?fh/8 ?kh/8 flags/4 events/4" },
	{ FUSE_FALLOCATE, "FALLOCATE", "?fh/8 offset/8 length/8 mode/4 -/4" },
	{ FUSE_LSEEK, "LSEEK", "?fh/8 offset/8 whence/4 -/4" },
	{ FUSE_COPY_FILE_RANGE, "COPY_FILE_RANGE", COPY_FIELDS },
	{ OP_COPY_FILE_RANGE_64, "COPY_FILE_RANGE_64", COPY_FIELDS },
	{ FUSE_SYNCFS, "SYNCFS", "-/8" },
	{ OP_STATX, "STATX", "attr_flags/4 -/4 ?fh/8 sx_flags/4 sx_mask/4" },
};

/* Where nodes are: the names that replies gave them. */
static struct node {
	uint64_t id;
	char path[PATH_ROOM];
} nodes[NODES];

/* The request that is being answered. */
static struct {
	uint64_t unique, nodeid;
	const struct opcode *op;
	char name[256];		/* the last of it */
} current;
static bool spliced;		/* a request is in the pipe, its header unread */

/* --- nodes --- */

static struct node *find_node(uint64_t id)
{
	size_t at = id * 0x9e3779b97f4a7c15 >> 52, i;

	for (i = 0; i < NODES; i++) {
		struct node *n = &nodes[(at + i) % NODES];

		if (n->id == id || !n->id)
			return n;
	}
	fprintf(stderr, "tap: too many nodes\n");
	abort();
}

static const char *path_of(uint64_t id)
{
	const struct node *n = find_node(id);

	return id == FUSE_ROOT_ID ? "/" : n->id ? n->path : "?";
}

static void learn(uint64_t id, uint64_t parent, const char *name, size_t len)
{
	struct node *n = find_node(id);
	char path[PATH_ROOM];

	if (!id || id == FUSE_ROOT_ID)
		return;
	snprintf(path, sizeof(path), "%.*s/%.*s", PATH_ROOM - 50,
		 parent == FUSE_ROOT_ID ? "" : path_of(parent), len < 40 ? (int)len : 40,
		 name);
	n->id = id;
	strcpy(n->path, path);
}

/* --- requests --- */

struct line {
	char text[LINE_ROOM];
	size_t len;
};

static void put(struct line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->len += vsnprintf(l->text + l->len, LINE_ROOM - l->len, fmt, ap);
	va_end(ap);
	if (l->len >= LINE_ROOM)
		l->len = LINE_ROOM - 1;
}

static void put_number(struct line *l, const char *name, int len, uint64_t value)
{
	if (*name == '@')
		put(l, " %.*s=%s", len - 1, name + 1, path_of(value));
	else if (*name == '?')
		put(l, value ? " %.*s" : "", len - 1, name + 1);
	else if (*name == '%' && llabs((int64_t)value - time(NULL)) < 100000)
		put(l, " %.*s=now", len - 1, name + 1);
	else if (*name == '%')
		put(l, " %.*s=%ld", len - 1, name + 1, (long)value);
	else if (*name == '#')
		put(l, " %.*s=%ld", len - 1, name + 1, (long)value);
	else if (*name != '-')
		put(l, " %.*s=%lx", len, name, (long)value);
}

static void put_fields(struct line *l, const char *fields, const char *body,
		       const char *end)
{
	const char *f, *slash;
	size_t size;

	for (f = fields; *f; f += strcspn(f, " "), f += *f == ' ') {
		uint64_t value = 0;

		if (*f == '=')
			continue;
		if (*f == 's' && (!f[1] || f[1] == ' ')) {
			size = strnlen(body, end - body);
			snprintf(current.name, sizeof(current.name), "%.*s", (int)size, body);
			put(l, " \"%.*s\"", (int)size, body);
			body += size + (body + size < end);
			continue;
		}
		slash = strchr(f, '/');
		size = slash[1] - '0';
		if (body + size > end) {
			put(l, " short");
			return;
		}
		memcpy(&value, body, size);
		put_number(l, f, slash - f, value);
		body += size;
	}
}

static const struct opcode *find_opcode(unsigned int number)
{
	size_t i;

	for (i = 0; i < COUNT(opcodes); i++)
		if (opcodes[i].number == number)
			return &opcodes[i];
	return NULL;
}

static void write_line(const struct line *l)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(getenv("PEER_REQUESTS"), O_WRONLY | O_APPEND | O_CLOEXEC);
	if (write(fd, l->text, l->len) != (ssize_t)l->len) {
		perror("tap: $PEER_REQUESTS");
		abort();
	}
}

static void request(const char *data, size_t size)
{
	struct fuse_in_header h;
	static struct line l;

	if (size < sizeof(h))
		return;
	memcpy(&h, data, sizeof(h));
	if (h.opcode == FUSE_FORGET || h.opcode == FUSE_BATCH_FORGET)
		return;
	current.unique = h.unique;
	current.nodeid = h.nodeid;
	current.op = find_opcode(h.opcode);
	l.len = 0;
	if (current.op)
		put(&l, "%s", current.op->name);
	else
		put(&l, "OPCODE-%u", h.opcode);
	put(&l, " %s %u:%u%s", path_of(h.nodeid), h.uid, h.gid,
	    h.pid || h.opcode == FUSE_RELEASE || h.opcode == FUSE_RELEASEDIR ? "" :
	    " kernel");
	if (current.op)
		put_fields(&l, current.op->fields, data + sizeof(h), data + size);
	put(&l, "\n");
	write_line(&l);
}

/* --- replies --- */

static void learn_list(const char *data, size_t size)
{
	struct fuse_direntplus e;
	size_t at, next;

	for (at = 0; at + ENTRY_HEAD <= size; at = next) {
		memcpy(&e, data + at, ENTRY_HEAD);
		next = at + FUSE_DIRENTPLUS_SIZE(&e);
		if (next <= size)
			learn(e.entry_out.nodeid, current.nodeid,
			      data + at + ENTRY_HEAD, e.dirent.namelen);
	}
}

static void reply(const struct iovec *v, int count)
{
	static char data[1 << 20];
	struct fuse_out_header h;
	uint64_t nodeid;
	size_t len = 0;
	int i;

	for (i = 0; i < count && len + v[i].iov_len <= sizeof(data); i++) {
		memcpy(data + len, v[i].iov_base, v[i].iov_len);
		len += v[i].iov_len;
	}
	if (len < sizeof(h) + sizeof(nodeid))
		return;
	memcpy(&h, data, sizeof(h));
	memcpy(&nodeid, data + sizeof(h), sizeof(nodeid));
	if (h.unique != current.unique || h.error || !current.op)
		return;
	if (*current.op->fields == '=')
		learn(nodeid, current.nodeid, current.name, strlen(current.name));
	else if (current.op->number == FUSE_READDIRPLUS)
		learn_list(data + sizeof(h), len - sizeof(h));
}

/* --- what libfuse calls --- */

static bool is_device(int fd)
{
	char link[40], path[40] = "";

	sprintf(link, "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		return false;
	return !strcmp(path, "/dev/fuse") || !strcmp(path, "/dev/fmapfs");
}

static bool is_pipe(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

EXPORT ssize_t read(int fd, void *buf, size_t size)
{
	static __typeof__(&read) next;
	ssize_t n;

	if (!next)
		next = dlsym(RTLD_NEXT, "read");
	n = next(fd, buf, size);
	if (n > 0 && (spliced ? is_pipe(fd) : is_device(fd))) {
		spliced = false;
		request(buf, n);
	}
	return n;
}

EXPORT ssize_t splice(int in, off_t *in_at, int out, off_t *out_at, size_t size,
		      unsigned int flags)
{
	static __typeof__(&splice) next;
	ssize_t n;

	if (!next)
		next = dlsym(RTLD_NEXT, "splice");
	n = next(in, in_at, out, out_at, size, flags);
	if (n > 0 && is_device(in))
		spliced = true;
	return n;
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int count)
{
	static __typeof__(&writev) next;

	if (!next)
		next = dlsym(RTLD_NEXT, "writev");
	if (is_device(fd))
		reply(v, count);
	return next(fd, v, count);
}
