// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between libfuse and the device.
 *
 * Stock libfuse does not know GET_FMAP and GET_DAXDEV. On the way in they become
 * GETXATTR with a reserved name, which have the same body: so libfuse makes a
 * real fuse_req_t, and interrupts, threads and replies are those of libfuse. The
 * getxattr operation of session.c hands them to the server.
 *
 * FUSE_DAX_FMAP is taken out of what libfuse sees of INIT and put into its
 * reply: newer kernels and libfuses use the bit for something else.
 *
 * A worker of libfuse may be cancelled while it reads, so nothing is held then.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include "session_i.h"

#define DAX_FMAP_FLAGS2		((uint32_t)(FUSE_DAX_FMAP >> 32))
/* io_uring goes past these callbacks. */
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

/* As read(2): libfuse looks at errno. */
static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	struct fuse_fmap_session *fs = userdata;
	int replay = REPLAY_REQUEST;
	ssize_t len;

	if (atomic_compare_exchange_strong(&fs->replay, &replay,
					   REPLAY_REPLY)) {
		if (size < fs->init.in_len) {
			errno = EINVAL;
			return -1;
		}
		len = fs->init.in_len;
		memcpy(buf, fs->init.in, len);
	} else {
		len = read(fd, buf, size);
	}
	/* The end of a socket is what an unmount is to the device. */
	if (!len) {
		errno = ENODEV;
		return -1;
	}
	if (len < (ssize_t)sizeof(struct fuse_in_header))
		return len;
	return translate(fs, buf, len, size);
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

/* The predecessor's connection goes on, if it was agreed on the same things. */
static void finish_replay(struct fuse_fmap_session *fs,
			  const struct fuse_out_header *out)
{
	int rc;

	if (out->len != fs->init.out_len ||
	    memcmp(out, fs->init.out, out->len)) {
		session_log(fs, FUSE_LOG_ERR,
			    "this server's reply to INIT differs from its predecessor's, it cannot take over");
		fuse_session_exit(fs->se);
		return;
	}
	rc = notify_write(fs, FUSE_NOTIFY_RESEND, NULL, 0);
	if (rc)
		session_log(fs, FUSE_LOG_WARNING,
			    "what the predecessor left unanswered is not sent again: %s",
			    strerror(-rc));
}

/* The reply to INIT on its way to the kernel. */
static ssize_t answer_init(struct fuse_fmap_session *fs, int fd,
			   const struct iovec *iov, int count)
{
	_Alignas(8) uint8_t copy[INIT_MAX];
	struct fuse_out_header *out = (struct fuse_out_header *)copy;
	int replay = REPLAY_REPLY;
	size_t len = 0;
	int i;

	for (i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(copy) - len) {
			session_log(fs, FUSE_LOG_ERR,
				    "libfuse's reply to INIT is too long");
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(copy + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (!out->error)
		agree(fs, out);
	atomic_store(&fs->init_unique, 0);
	if (atomic_compare_exchange_strong(&fs->replay, &replay,
					   REPLAY_NONE)) {
		finish_replay(fs, out);
		atomic_store(&fs->init_done, true);
		return len;
	}
	if (!out->error && fs->init.in_len) {
		memcpy(fs->init.out, copy, len);
		fs->init.out_len = len;
		atomic_store(&fs->init_done, true);
	}
	return write(fd, copy, len);
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fuse_fmap_session *fs = userdata;
	const struct fuse_out_header *out = iov[0].iov_base;

	if (out->unique && out->unique == atomic_load(&fs->init_unique))
		return answer_init(fs, fd, iov, count);
	return writev(fd, iov, count);
}

#ifdef FUSE_FMAP_CLONE_FD
/* libfuse's own would open /dev/fuse, and load the in-tree module by that. */
static int io_clone_fd(int master_fd)
{
	uint32_t master = master_fd;
	int fd = open(FMAPFS_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, FUSE_DEV_IOC_CLONE, &master)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}
#endif

const struct fuse_custom_io session_io = {
	.read = io_read,
	.writev = io_writev,
#ifdef FUSE_FMAP_CLONE_FD
	.clone_fd = io_clone_fd,
#endif
};
