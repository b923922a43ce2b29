// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between libfuse and the device.
 *
 * Stock libfuse does not know GET_FMAP and GET_DAXDEV. On the way in they become
 * GETXATTR with a reserved name, which have the same body: so libfuse makes a
 * real fuse_req_t, and interrupts and replies are those of libfuse. The getxattr
 * operation of session.c hands them to the server.
 *
 * FUSE_DAX_FMAP is taken out of what libfuse sees of INIT and put into its
 * reply: newer kernels and libfuses use the bit for something else.
 *
 * libfuse's custom io would do for that, but is disabled in builds of libfuse
 * from 3.18.3 on. So requests are read here and given to libfuse by
 * fuse_session_process_buf(); and what libfuse takes for the device is, until
 * INIT is answered, one end of a socket pair, whose other end is read here.
 * Then the device takes that end's number. Replies go straight to the device
 * from there on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include "session_i.h"

#define DAX_FMAP_FLAGS2		((uint32_t)(FUSE_DAX_FMAP >> 32))
/* Requests by io_uring would go past us. */
#define IO_URING_FLAGS2		((uint32_t)(FUSE_OVER_IO_URING >> 32))

/*
 * The fields of the INIT messages that are dealt with. Headers before 7.36 have
 * no flags2; a kernel or a libfuse that has, sends it, here.
 */
struct init_in {
	uint32_t major;
	uint32_t minor;
	uint32_t max_readahead;
	uint32_t flags;
	uint32_t flags2;
};

struct init_out {
	uint32_t major;
	uint32_t minor;
	uint32_t max_readahead;
	uint32_t flags;
	uint16_t max_background;
	uint16_t congestion_threshold;
	uint32_t max_write;
	uint32_t time_gran;
	uint16_t max_pages;
	uint16_t map_alignment;
	uint32_t flags2;
};

_Static_assert(offsetof(struct fuse_init_in, flags2) ==
	       offsetof(struct init_in, flags2), "layout");
_Static_assert(offsetof(struct fuse_init_out, flags2) ==
	       offsetof(struct init_out, flags2), "layout");

static void write_device(struct fuse_fmap_session *fs,
			 const struct fuse_out_header *out)
{
	if (write(fs->fd, out, out->len) < 0)
		session_log(fs, FUSE_LOG_WARNING, "write to the device: %s",
			    strerror(errno));
}

/* INIT on its way to libfuse. */
static void see_init(struct fuse_fmap_session *fs, void *buf, size_t len)
{
	struct fuse_in_header *in = buf;
	struct init_in *init = (struct init_in *)(in + 1);
	bool offered = len >= sizeof(*in) + sizeof(*init) &&
		       init->flags & FUSE_INIT_EXT &&
		       init->flags2 & DAX_FMAP_FLAGS2;

	if (len <= INIT_MAX) {
		memcpy(fs->init.in, buf, len);
		fs->init.in_len = len;
	}
	atomic_store(&fs->offered, offered);
	atomic_store(&fs->agreed, false);
	atomic_store(&fs->init_unique, in->unique);
	if (len < sizeof(*in) + sizeof(*init))
		return;
	init->flags2 &= ~IO_URING_FLAGS2;
	if (!LIBFUSE_HAS_FMAP)
		init->flags2 &= ~DAX_FMAP_FLAGS2;
}

/* Makes a GETXATTR of @name of the request; returns its length. */
static size_t become_getxattr(void *buf, uint64_t nodeid, uint32_t size,
			      const char *name)
{
	struct fuse_in_header *in = buf;
	struct fuse_getxattr_in *arg = (struct fuse_getxattr_in *)(in + 1);
	size_t name_size = strlen(name) + 1;

	in->opcode = FUSE_GETXATTR;
	in->nodeid = nodeid;
	in->len = sizeof(*in) + sizeof(*arg) + name_size;
	*arg = (struct fuse_getxattr_in) { .size = size };
	memcpy(arg + 1, name, name_size);
	return in->len;
}

/*
 * The device index is no node id, so it goes where libfuse passes on any number:
 * in the size. A request too short for its opcode is left as it is, and libfuse
 * answers that it does not know it.
 */
static size_t translate(struct fuse_fmap_session *fs, void *buf, size_t len,
			size_t room)
{
	struct fuse_in_header *in = buf;
	const struct fuse_getxattr_in *fmap = (const void *)(in + 1);
	const struct fuse_get_daxdev_in *daxdev = (const void *)(in + 1);

	if (in->opcode == FUSE_INIT) {
		see_init(fs, buf, len);
		return len;
	}
	if (LIBFUSE_HAS_FMAP ||
	    room < sizeof(*in) + sizeof(*fmap) + NAME_ROOM)
		return len;
	if (in->opcode == FUSE_GET_FMAP && len >= sizeof(*in) + sizeof(*fmap))
		return become_getxattr(buf, in->nodeid, fmap->size,
				       fs->name_fmap);
	if (in->opcode == FUSE_GET_DAXDEV &&
	    len >= sizeof(*in) + sizeof(*daxdev))
		return become_getxattr(buf, FUSE_ROOT_ID, daxdev->daxdev_num,
				       fs->name_daxdev);
	return len;
}

/* The predecessor's answer had not reached the kernel yet. */
static bool is_old_init(struct fuse_fmap_session *fs,
			const struct fuse_in_header *in)
{
	return in->opcode == FUSE_INIT && atomic_load(&fs->init_done);
}

static void answer_again(struct fuse_fmap_session *fs,
			 const struct fuse_in_header *in)
{
	_Alignas(8) uint8_t copy[INIT_MAX];
	struct fuse_out_header *out = (struct fuse_out_header *)copy;

	memcpy(copy, fs->init.out, fs->init.out_len);
	out->unique = in->unique;
	write_device(fs, out);
}

/*
 * Reads a request into @buf and translates it. Return: its length; -ENODEV: the
 * file system is unmounted, or the connection over; -EAGAIN, -EINTR, -ENOENT: to
 * be tried again; or another error of the device.
 */
ssize_t session_receive(struct fuse_fmap_session *fs, void *buf, size_t room)
{
	int replay = REPLAY_REQUEST;
	ssize_t len;

	if (atomic_compare_exchange_strong(&fs->replay, &replay,
					   REPLAY_REPLY)) {
		len = fs->init.in_len;
		memcpy(buf, fs->init.in, len);
	} else {
		len = read(fs->fd, buf, room);
	}
	if (len < 0)
		return -errno;
	/* The end of a socket is what an unmount is to the device. */
	if (!len)
		return -ENODEV;
	if (len < (ssize_t)sizeof(struct fuse_in_header))
		return -EIO;
	if (is_old_init(fs, buf)) {
		answer_again(fs, buf);
		return -EAGAIN;
	}
	return translate(fs, buf, len, room);
}

/* Puts into the reply that fmaps are agreed on, if they are. */
static void agree(struct fuse_fmap_session *fs, struct fuse_out_header *out)
{
	struct init_out *init = (struct init_out *)(out + 1);
	bool fits = out->len >= sizeof(*out) + sizeof(*init);

	if (!LIBFUSE_HAS_FMAP && fits && atomic_load(&fs->offered) &&
	    atomic_load(&fs->want)) {
		if (!(init->flags & FUSE_INIT_EXT))
			init->flags2 = 0;
		init->flags |= FUSE_INIT_EXT;
		init->flags2 |= DAX_FMAP_FLAGS2;
	}
	atomic_store(&fs->agreed, fits && init->flags & FUSE_INIT_EXT &&
				  init->flags2 & DAX_FMAP_FLAGS2);
	if (atomic_load(&fs->agreed) || !atomic_load(&fs->want))
		return;
	session_log(fs, FUSE_LOG_WARNING, atomic_load(&fs->offered) ?
		    "libfuse's reply to INIT cannot turn fmaps on" :
		    "the kernel does not offer fmaps: is the mounter allowed to (CAP_SYS_RAWIO)?");
}

/* From now on libfuse writes to the device itself. */
static void hand_over_device(struct fuse_fmap_session *fs,
			     const struct fuse_out_header *out)
{
	const struct init_out *init = (const struct init_out *)(out + 1);

	if (out->len >= sizeof(*out) + sizeof(*init) &&
	    init->max_write + HEADER_ROOM > fs->bufsize)
		fs->bufsize = init->max_write + HEADER_ROOM;
	if (dup3(fs->fd, fs->libfuse_fd, O_CLOEXEC) >= 0)
		return;
	session_log(fs, FUSE_LOG_ERR, "dup3: %s", strerror(errno));
	fuse_session_exit(fs->se);
}

/*
 * The reply to the INIT of old. The predecessor's connection goes on, if it was
 * agreed on the same things; the kernel has its reply.
 */
static void finish_replay(struct fuse_fmap_session *fs,
			  struct fuse_out_header *out)
{
	atomic_store(&fs->replay, REPLAY_NONE);
	if (!out->error)
		agree(fs, out);
	if (out->len != fs->init.out_len ||
	    memcmp(out, fs->init.out, out->len)) {
		session_log(fs, FUSE_LOG_ERR,
			    "this server's reply to INIT differs from its predecessor's, it cannot take over");
		fs->failed = -EPROTO;
		fuse_session_exit(fs->se);
		return;
	}
	hand_over_device(fs, out);
	atomic_store(&fs->init_done, true);
	session_resend(fs);
}

/*
 * libfuse's reply to INIT. If it is a success the device is handed over first,
 * for the reply lets the kernel, and the server's other threads, begin; and the
 * state is saved, so that there is no moment at which a successor would lack it.
 */
static void answer_init(struct fuse_fmap_session *fs,
			struct fuse_out_header *out)
{
	atomic_store(&fs->init_unique, 0);
	if (atomic_load(&fs->replay) == REPLAY_REPLY) {
		finish_replay(fs, out);
		return;
	}
	if (out->error) {
		write_device(fs, out);
		return;
	}
	agree(fs, out);
	hand_over_device(fs, out);
	memcpy(fs->init.out, out, out->len);
	fs->init.out_len = out->len;
	fs->init.mount_id = fs->mount_id;
	fs->init.mount_dev = fs->mount_dev;
	atomic_store(&fs->init_done, true);
	if (fs->op.save && fs->init.in_len)
		fs->op.save(fs->userdata, &fs->init, sizeof(fs->init));
	write_device(fs, out);
}

/* Passes on what libfuse has written before it had the device. */
void session_relay(struct fuse_fmap_session *fs)
{
	_Alignas(8) uint8_t copy[INIT_MAX];
	struct fuse_out_header *out = (struct fuse_out_header *)copy;
	ssize_t len;

	for (;;) {
		len = recv(fs->early_fd, copy, sizeof(copy),
			   MSG_DONTWAIT | MSG_TRUNC);
		if (len < (ssize_t)sizeof(*out))
			break;
		if (len > (ssize_t)sizeof(copy))
			session_log(fs, FUSE_LOG_ERR,
				    "libfuse wrote %zd bytes before the reply to INIT, they are lost",
				    len);
		else if (out->unique &&
			 out->unique == atomic_load(&fs->init_unique))
			answer_init(fs, out);
		else
			write_device(fs, out);
	}
	/* The other end is closed: the device has taken its number. */
	if (!len) {
		close(fs->early_fd);
		fs->early_fd = -1;
	}
}

/* Has the server, in this thread, handle the request in @buf. */
void session_process(struct fuse_fmap_session *fs, void *buf, size_t len)
{
	const struct fuse_buf request = { .mem = buf, .size = len };

	fuse_session_process_buf(fs->se, &request);
	if (session_is_early(fs))
		session_relay(fs);
}
