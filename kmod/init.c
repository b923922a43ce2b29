// SPDX-License-Identifier: GPL-2.0-only
/*
 * INIT: what the two sides agree on. And DESTROY, its end.
 *
 * INIT goes out when the file system is mounted and is answered whenever the
 * server gets to it; until then every other request waits. Its reply is taken
 * in the server's write(2), when the mount may be gone already: it touches
 * nothing but the connection.
 */
#include <linux/backing-dev.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include "proto.h"

/* From this minor on the reply has the size and the fields that we read. */
#define OLDEST_MINOR	23

/* Pages of data in a request: without and with FUSE_MAX_PAGES. */
#define DEFAULT_PAGES	32
#define LIMIT_PAGES	256

/* Bytes of data that every server can take in a WRITE. */
#define MIN_WRITE	SZ_4K

/**
 * struct init_flag - an INIT flag that this module knows
 * @bit: on the wire
 * @needs: flags that must be agreed on as well, or the flag is not
 * @dax: offered to a mounter with CAP_SYS_RAWIO only
 */
struct init_flag {
	u64 bit;
	u64 needs;
	bool dax;
};

static const struct init_flag init_flags[] = {
	{ .bit = FUSE_ASYNC_READ },
	{ .bit = FUSE_POSIX_LOCKS },
	{ .bit = FUSE_EXPORT_SUPPORT },
	{ .bit = FUSE_BIG_WRITES },
	{ .bit = FUSE_AUTO_INVAL_DATA },
	{ .bit = FUSE_EXPLICIT_INVAL_DATA },
	{ .bit = FUSE_DIRECT_IO_ALLOW_MMAP },
	{ .bit = FUSE_DO_READDIRPLUS },
	{ .bit = FUSE_READDIRPLUS_AUTO, .needs = FUSE_DO_READDIRPLUS },
	{ .bit = FUSE_FLOCK_LOCKS },
	{ .bit = FUSE_HAS_IOCTL_DIR },
	{ .bit = FUSE_PARALLEL_DIROPS },
	{ .bit = FUSE_ATOMIC_O_TRUNC },
	{ .bit = FUSE_NO_OPEN_SUPPORT },
	{ .bit = FUSE_NO_OPENDIR_SUPPORT },
	{ .bit = FUSE_DONT_MASK },
	{ .bit = FUSE_CACHE_SYMLINKS },
	{ .bit = FUSE_POSIX_ACL },
	{ .bit = FUSE_HANDLE_KILLPRIV },
	{ .bit = FUSE_HANDLE_KILLPRIV_V2 },
	{ .bit = FUSE_SETXATTR_EXT },
	{ .bit = FUSE_SECURITY_CTX, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_CREATE_SUPP_GROUP, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_MAX_PAGES },
	{ .bit = FUSE_INIT_EXT },
	{ .bit = FUSE_HAS_EXPIRE_ONLY, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_NO_EXPORT_SUPPORT, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_HAS_RESEND, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_REQUEST_TIMEOUT, .needs = FUSE_INIT_EXT },
	{ .bit = FUSE_ABORT_ERROR },
	{ .bit = FUSE_DAX_FMAP, .needs = FUSE_INIT_EXT, .dax = true },
};

/*
 * A server that turns on one of these without its having been offered reads or
 * writes messages of another layout than ours, or relies on us for what we do
 * not do.
 */
#define FLAGS_NOT_TO_IGNORE \
	(FUSE_WRITEBACK_CACHE | FUSE_POSIX_ACL | FUSE_MAP_ALIGNMENT | \
	 FUSE_SETXATTR_EXT | FUSE_SECURITY_CTX | FUSE_CREATE_SUPP_GROUP | \
	 FUSE_PASSTHROUGH | FUSE_ALLOW_IDMAP | FUSE_OVER_IO_URING | \
	 FUSE_DAX_FMAP | ~((FUSE_DAX_FMAP << 1) - 1))

static u64 offered_flags(bool dax)
{
	u64 flags = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(init_flags); i++)
		if (dax || !init_flags[i].dax)
			flags |= init_flags[i].bit;
	return flags;
}

static u64 agreed_flags(u64 offered, u64 replied)
{
	u64 both = offered & replied, agreed = both;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(init_flags); i++)
		if ((both & init_flags[i].needs) != init_flags[i].needs)
			agreed &= ~init_flags[i].bit;
	return agreed;
}

static u64 flags_of(u32 flags, u32 flags2)
{
	return flags & FUSE_INIT_EXT ? flags | (u64)flags2 << 32 : flags;
}

static void agree_sizes(struct fmapfs_agreed *agreed,
			const struct fuse_init_out *out)
{
	u32 pages = DEFAULT_PAGES;
	u32 max_write = MIN_WRITE;

	if (agreed->flags & FUSE_MAX_PAGES)
		pages = clamp_t(u32, out->max_pages, 1, LIMIT_PAGES);
	if (agreed->flags & FUSE_BIG_WRITES)
		max_write = clamp_t(u32, out->max_write, MIN_WRITE,
				    pages * PAGE_SIZE);
	agreed->max_readahead = out->max_readahead;
	/* Other server threads, in read(2), look at these meanwhile. */
	WRITE_ONCE(agreed->max_read, pages * PAGE_SIZE);
	WRITE_ONCE(agreed->max_write, max_write);
}

/* What follows @flags2; a header older than the flags has no names for it. */
struct init_out_tail {
	u32 max_stack_depth;
	u16 request_timeout;	/* seconds */
};

static u16 agreed_timeout(const struct fmapfs_agreed *agreed,
			  const struct fuse_init_out *out)
{
	const struct init_out_tail *tail;

	if (!(agreed->flags & FUSE_REQUEST_TIMEOUT))
		return 0;
	tail = (const void *)out + offsetofend(struct fuse_init_out, flags2);
	return tail->request_timeout;
}

static int refuse(const struct fmapfs_req *req, const char *field, u64 value)
{
	pr_err_ratelimited("fmapfs (0:%u): the server's reply to INIT will not do: %s %#llx\n",
			   fmapfs_conn_id(req->conn), field, value);
	return -EPROTO;
}

/* Runs in the server's write(2). */
static int init_replied(struct fmapfs_req *req)
{
	const struct fuse_init_in *in = fmapfs_req_body(req);
	struct fmapfs_agreed *agreed = fmapfs_conn_agreed(req->conn);
	const struct fuse_init_out *out = req->out;
	u64 offered = flags_of(in->flags, in->flags2);
	u64 replied, foreign;

	if (req->out_len < sizeof(*out))
		return refuse(req, "bytes", req->out_len);
	if (out->major != FUSE_KERNEL_VERSION)
		return refuse(req, "major", out->major);
	if (out->minor < OLDEST_MINOR)
		return refuse(req, "minor", out->minor);
	replied = flags_of(out->flags, out->flags2);
	foreign = replied & ~offered & FLAGS_NOT_TO_IGNORE;
	if (foreign)
		return refuse(req, "flags that were not offered", foreign);

	agreed->minor = min_t(u32, out->minor, FUSE_FMAP_KERNEL_MINOR_VERSION);
	agreed->flags = agreed_flags(offered, replied);
	agree_sizes(agreed, out);
	agreed->time_gran = out->time_gran && out->time_gran <= NSEC_PER_SEC ?
			    out->time_gran : 1;
	fmapfs_timeout_start(req->conn, agreed_timeout(agreed, out));
	fmapfs_conn_ready(req->conn, out->max_background,
			  out->congestion_threshold);
	return 0;
}

static void init_ended(struct fmapfs_req *req)
{
	if (req->error)
		fmapfs_conn_abort(req->conn);
}

/**
 * fmapfs_proto_init - send INIT
 * @sb: a mount whose device fd is attached
 *
 * Does not wait; see fmapfs_conn_wait_ready(). If it fails, or is answered in a
 * way that will not do, the connection is aborted.
 */
int fmapfs_proto_init(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	u64 offered = offered_flags(fs->dax);
	struct fuse_init_in *in;
	struct fmapfs_req *req;
	int rc;

	/* Surely: for another mount the device fd is spent. */
	req = fmapfs_req_new(fs->conn, FUSE_INIT, FUSE_ROOT_ID, sizeof(*in),
			     sizeof(struct fuse_init_out),
			     FMAPFS_REQ_EARLY | FMAPFS_REQ_OUTVAR |
			     FMAPFS_REQ_SURE);
	if (!req)
		return -ENOMEM;
	fmapfs_req_of_nobody(req);
	in = fmapfs_req_body(req);
	in->major = FUSE_KERNEL_VERSION;
	in->minor = FUSE_FMAP_KERNEL_MINOR_VERSION;
	in->max_readahead = sb->s_bdi->ra_pages * PAGE_SIZE;
	in->flags = lower_32_bits(offered);
	in->flags2 = upper_32_bits(offered);
	req->in_server = init_replied;
	req->end = init_ended;
	rc = fmapfs_req_send_background(req);
	fmapfs_req_put(req);
	return rc;
}

/**
 * fmapfs_proto_goodbye - DESTROY, and nothing after it
 * @conn: the connection of a mount that has gone
 *
 * Does not wait. Without memory for the request the server learns of the end by
 * ENODEV alone.
 */
void fmapfs_proto_goodbye(struct fmapfs_conn *conn)
{
	struct fmapfs_req *req;

	req = fmapfs_req_new(conn, FUSE_DESTROY, 0, 0, 0, 0);
	fmapfs_conn_close(conn, req);
	fmapfs_req_put(req);
}
