// SPDX-License-Identifier: GPL-2.0-only
#include "answer.h"

struct input input;

static u64 next_fh;

uint64_t take(unsigned int bytes)
{
	u64 n = 0;

	if (bytes > input.left)
		bytes = input.left;
	memcpy(&n, input.at, bytes);
	input.at += bytes;
	input.left -= bytes;
	return n;
}

/* --- good replies --- */

static void *put(struct answer *a, size_t size)
{
	void *at = (u8 *)&a->msg + a->len;

	MUST(a->len + size <= sizeof(a->msg));
	memset(at, 0, size);
	a->len += size;
	return at;
}

static void put_bytes(struct answer *a, const void *bytes, size_t size)
{
	memcpy(put(a, size), bytes, size);
}

static void fill_attr(struct fuse_attr *attr, u64 nodeid, umode_t mode)
{
	attr->ino = nodeid;
	attr->mode = mode;
	attr->size = 10000;
	attr->nlink = 1;
	attr->blksize = 4096;
	attr->mtime = 1000000000;
}

static u64 new_nodeid(void)
{
	return FUSE_ROOT_ID + 1 + take(1) % NODE_STEP;
}

static void put_entry(struct answer *a, umode_t mode)
{
	struct fuse_entry_out *out = put(a, sizeof(*out));

	out->nodeid = new_nodeid();
	out->entry_valid = 1;
	out->attr_valid = 1;
	fill_attr(&out->attr, out->nodeid,
		  mode ? mode : mode_of(out->nodeid));
}

static void put_open(struct answer *a)
{
	struct fuse_open_out *out = put(a, sizeof(*out));

	out->fh = ++next_fh;
}

static void put_attr(struct answer *a, u64 nodeid)
{
	struct fuse_attr_out *out = put(a, sizeof(*out));

	out->attr_valid = 1;
	fill_attr(&out->attr, nodeid, mode_of(nodeid));
}

static void put_statx(struct answer *a, u64 nodeid)
{
	struct fuse_statx_out *out = put(a, sizeof(*out));

	out->attr_valid = 1;
	out->stat.mask = STATX_BASIC_STATS | STATX_BTIME;
	out->stat.mode = mode_of(nodeid);
	out->stat.size = 10000;
	out->stat.nlink = 1;
}

/* Of the names that the input takes some are none. */
static const struct {
	const char *name;
	size_t len;
} names[] = {
	{ ".", 1 }, { "..", 2 }, { "one", 3 }, { "a-longer-one", 12 },
	{ "a/b", 3 }, { "a\0b", 3 }, { "/", 1 }, { "twelve bytes", 12 },
};

/* Entries of @room bytes at most. */
static void put_listing(struct answer *a, bool plus, size_t room)
{
	size_t i, fixed = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t end, which;
	struct fuse_dirent *d;

	for (i = 0; i < 4; i++) {
		which = take(1) % ARRAY_SIZE(names);
		end = a->len + FUSE_DIRENT_ALIGN(fixed + names[which].len);
		if (end - sizeof(a->msg.h) > room)
			break;
		if (plus)
			put_entry(a, 0);
		d = put(a, end - a->len);
		d->ino = 100 + i;
		d->off = i + 1;
		d->namelen = names[which].len;
		d->type = S_IFREG >> 12;
		memcpy(d->name, names[which].name, d->namelen);
	}
}

static void put_init(struct answer *a, const struct fuse_init_in *in)
{
	struct fuse_init_out *out = put(a, sizeof(*out));

	out->major = FUSE_KERNEL_VERSION;
	out->minor = FUSE_FMAP_KERNEL_MINOR_VERSION;
	out->flags = in->flags;
	out->flags2 = in->flags2;
	out->max_write = 8192;
	out->max_pages = 2;
	out->max_readahead = in->max_readahead;
	out->time_gran = 1;
}

static void put_fmap(struct answer *a)
{
	struct fuse_famfs_fmap_header *h = put(a, sizeof(*h));
	struct fuse_famfs_simple_ext *se = put(a, sizeof(*se));

	h->fmap_version = FAMFS_FMAP_VERSION;
	h->nextents = 1;
	h->file_size = 10000;
	se->se_len = 12288;
}

static void put_daxdev(struct answer *a, u32 index)
{
	struct fuse_daxdev_out *out = put(a, sizeof(*out));

	out->index = index;
	strcpy(out->name, "/dev/pmem0");
}

static void put_lock(struct answer *a)
{
	struct fuse_lk_out *out = put(a, sizeof(*out));

	out->lk.type = take(1) % 3;
	out->lk.end = 100;
}

static void put_xattr(struct answer *a, const struct fuse_getxattr_in *in)
{
	struct fuse_getxattr_out *out;

	if (in->size >= 4) {
		put_bytes(a, "a\0b", 4);
	} else {
		out = put(a, sizeof(*out));
		out->size = 4;
	}
}

static void put_ioctl(struct answer *a, const struct fuse_ioctl_in *in)
{
	struct fuse_ioctl_out *out = put(a, sizeof(*out));

	put(a, min_t(u32, in->out_size, 4096));
	out->result = 3;
}

static void put_body(struct answer *a, const struct fuse_in_header *h)
{
	const void *in = h + 1;

	switch (h->opcode) {
	case FUSE_INIT:
		return put_init(a, in);
	case FUSE_LOOKUP:
		return put_entry(a, 0);
	case FUSE_LINK:
		return put_entry(a, mode_of(*(const u64 *)in));
	case FUSE_MKNOD:
		return put_entry(a, ((const struct fuse_mknod_in *)in)->mode);
	case FUSE_MKDIR:
		return put_entry(a, S_IFDIR | 0755);
	case FUSE_SYMLINK:
		return put_entry(a, S_IFLNK | 0777);
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		put_entry(a, S_IFREG | 0600);
		return put_open(a);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return put_open(a);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return put_attr(a, h->nodeid);
	case FUSE_STATX:
		return put_statx(a, h->nodeid);
	case FUSE_STATFS:
		put(a, sizeof(struct fuse_statfs_out));
		return;
	case FUSE_READLINK:
		return put_bytes(a, "target", 6);
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		return put_xattr(a, in);
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return put_listing(a, h->opcode == FUSE_READDIRPLUS,
				   ((const struct fuse_read_in *)in)->size);
	case FUSE_READ:
		put(a, min_t(u32, ((const struct fuse_read_in *)in)->size, 4096));
		return;
	case FUSE_WRITE:
		*(u32 *)put(a, 8) = ((const struct fuse_write_in *)in)->size;
		return;
	case FUSE_COPY_FILE_RANGE:
	case FUSE_COPY_FILE_RANGE_64:
	case FUSE_LSEEK:
		*(u32 *)put(a, 8) = 1;
		return;
	case FUSE_POLL:
		*(u32 *)put(a, 8) = POLLIN;
		return;
	case FUSE_GETLK:
		return put_lock(a);
	case FUSE_IOCTL:
		return put_ioctl(a, in);
	case FUSE_GET_FMAP:
		return put_fmap(a);
	case FUSE_GET_DAXDEV:
		return put_daxdev(a, *(const u32 *)in);
	}
}

static void begin(struct answer *a, u64 unique, int error)
{
	a->len = 0;
	put(a, sizeof(a->msg.h));
	a->msg.h.unique = unique;
	a->msg.h.error = error;
}

void answer_well(struct answer *a, const struct question *q)
{
	begin(a, question_header(q)->unique, 0);
	put_body(a, question_header(q));
	a->msg.h.len = a->len;
}

/* --- notifications --- */

static void put_name(struct answer *a)
{
	struct fuse_notify_inval_entry_out *out = put(a, sizeof(*out));

	out->parent = nodes[take(1) % 2].nodeid;
	out->namelen = 1 + take(1) % 2;
	put_bytes(a, "na", out->namelen + 1);
}

static void put_delete(struct answer *a)
{
	struct fuse_notify_delete_out *out = put(a, sizeof(*out));

	out->parent = FUSE_ROOT_ID;
	out->child = nodes[NODE_FILE].nodeid;
	out->namelen = 1;
	put_bytes(a, "n", 2);
}

static void put_store(struct answer *a)
{
	struct fuse_notify_store_out *out = put(a, sizeof(*out));

	out->nodeid = nodes[NODE_FILE].nodeid;
	out->size = take(2) % 5000;
	put(a, out->size);
}

static void put_retrieve(struct answer *a)
{
	struct fuse_notify_retrieve_out *out = put(a, sizeof(*out));

	out->notify_unique = 4711;
	out->nodeid = nodes[NODE_FILE].nodeid;
	out->size = take(2);
}

static void put_prune(struct answer *a)
{
	struct fuse_notify_prune_out *out = put(a, sizeof(*out));

	for (out->count = 0; out->count < 3; out->count++)
		*(u64 *)put(a, sizeof(u64)) = nodes[out->count].nodeid;
}

void answer_unasked(struct answer *a)
{
	u32 code = 1 + take(1) % 10;

	begin(a, 0, code);
	switch (code) {
	case FUSE_NOTIFY_POLL:
		*(u64 *)put(a, 8) = 1;
		break;
	case FUSE_NOTIFY_INVAL_INODE:
		*(u64 *)put(a, sizeof(struct fuse_notify_inval_inode_out)) =
			nodes[take(1) % NR_NODES].nodeid;
		break;
	case FUSE_NOTIFY_INVAL_ENTRY:
		put_name(a);
		break;
	case FUSE_NOTIFY_DELETE:
		put_delete(a);
		break;
	case FUSE_NOTIFY_STORE:
		put_store(a);
		break;
	case FUSE_NOTIFY_RETRIEVE:
		put_retrieve(a);
		break;
	case FUSE_NOTIFY_PRUNE:
		put_prune(a);
		break;
	}
	a->msg.h.len = a->len;
}

/* --- what becomes of them --- */

static const u64 favourites[] = {
	0, 1, 2, 3, 255, 1023, 1024, 1025, 4095, 4096, 65535, 65536,
	INT32_MAX, 1U << 31, UINT32_MAX, 1ULL << 32, 1000000000, INT64_MAX,
	1ULL << 63, UINT64_MAX, S_IFIFO | 0600, S_IFDIR, S_IFLNK, '/',
};

static void edit(struct answer *a)
{
	unsigned int how = take(1);
	size_t size = 1 << how % 4, at = take(how & 0x40 ? 2 : 1) % sizeof(a->msg);
	u64 value;

	if (how & 0x80)
		value = take(size);
	else
		value = favourites[take(1) % ARRAY_SIZE(favourites)];
	if (how & 0x20)
		at &= ~(size - 1);
	/* The header is for others to spoil. */
	at += sizeof(a->msg.h);
	if (at + size <= a->len)
		memcpy((u8 *)&a->msg + at, &value, size);
}

static void spoil_length(struct answer *a)
{
	size_t len = take(2) % sizeof(a->msg);

	/* What is more is the input's, then nothing. */
	for (; a->len < len; a->len++)
		*((u8 *)&a->msg + a->len) = take(1);
	a->len = len;
	a->msg.h.len = len;
}

static void spoil_frame(struct answer *a)
{
	switch (take(1) % 4) {
	case 0:
		a->msg.h.unique ^= 1ULL << take(1) % 64;
		break;
	case 1:
		a->msg.h.unique = take(8);
		break;
	case 2:
		a->msg.h.len += (s8)take(1);
		break;
	case 3:
		a->msg.h.error = take(4);
		break;
	}
}

/* Those that mean something to who has asked, or any. */
static int some_error(void)
{
	static const u16 errors[] = {
		0, ENOENT, EINTR, EAGAIN, ENOMEM, EBUSY, EEXIST, EINVAL,
		ENOSYS, ENOTCONN, EOPNOTSUPP, ESTALE, ECONNABORTED, 511, 512,
	};
	unsigned int which = take(1);

	return which < ARRAY_SIZE(errors) ? -errors[which] :
					    -(int)(take(2) % 520);
}

void answer_spoil(struct answer *a)
{
	unsigned int how = take(1), n;

	for (n = how & 3; n; n--)
		edit(a);
	switch (how >> 2 & 7) {
	case 0:
		spoil_length(a);
		break;
	case 1:
		spoil_frame(a);
		break;
	case 2:
		a->msg.h.error = a->msg.h.unique ? some_error() :
						   (int)(take(1) % 16);
		if (!(how & 0x80) && a->msg.h.unique) {
			a->len = sizeof(a->msg.h);
			a->msg.h.len = a->len;
		}
		break;
	}
}
