// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: made, mounted, ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <linux/fmapfs.h>
#include "session_i.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE	0x00004000U	/* since Linux 6.8 */
#endif

/* Enough for INIT, and for what comes without data; bytes. */
#define FIRST_BUFSIZE	(128 * 1024 + HEADER_ROOM)

void session_log(struct fuse_fmap_session *fs, enum fuse_log_level level,
		 const char *format, ...)
{
	int saved_errno = errno;
	char message[512];
	va_list ap;

	if (!fs->op.log)
		return;
	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	fs->op.log(fs->userdata, level, message);
	errno = saved_errno;
}

/* Operations of ours that stand in for the server's. */

static void stand_in_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fuse_fmap_session *fs = userdata;
	const unsigned int splice = FUSE_CAP_SPLICE_WRITE |
				    FUSE_CAP_SPLICE_MOVE;

	/* Replies by splice(2) are copied by the device all the same. */
	conn->capable &= ~splice;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	conn->capable_ext &= ~(uint64_t)splice;
#endif
	/* libfuse insists on it, and only we know. */
	conn->max_read = fs->mount.max_read;
	if (fs->server_init)
		fs->server_init(fs->userdata, conn);
#ifdef FUSE_FMAP_NATIVE
	if (atomic_load(&fs->offered) && atomic_load(&fs->want))
		conn->want_ext |= FUSE_CAP_DAX_FMAP;
#endif
}

static void stand_in_destroy(void *userdata)
{
	struct fuse_fmap_session *fs = userdata;

	if (fs->server_destroy)
		fs->server_destroy(fs->userdata);
}

static void stand_in_get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fuse_fmap_session *fs = fuse_req_userdata(req);

	if (fs->op.get_fmap)
		fs->op.get_fmap(req, ino, size);
	else
		fuse_reply_err(req, EOPNOTSUPP);
}

static void stand_in_get_daxdev(fuse_req_t req, int index)
{
	struct fuse_fmap_session *fs = fuse_req_userdata(req);

	if (index < 0 || index >= FUSE_FAMFS_MAX_DAXDEVS)
		fuse_reply_err(req, EINVAL);
	else if (fs->op.get_daxdev)
		fs->op.get_daxdev(req, index);
	else
		fuse_reply_err(req, EOPNOTSUPP);
}

/* The requests that io.c has translated, and those of ordinary users. */
static void stand_in_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			      size_t size)
{
	struct fuse_fmap_session *fs = fuse_req_userdata(req);

	if (!strcmp(name, fs->name_fmap))
		stand_in_get_fmap(req, ino, size);
	else if (!strcmp(name, fs->name_daxdev))
		stand_in_get_daxdev(req, size);
	else if (fs->server_getxattr)
		fs->server_getxattr(req, ino, name, size);
	else
		fuse_reply_err(req, ENOSYS);
}

static int make_names(struct fuse_fmap_session *fs)
{
	uint8_t bytes[TOKEN_LEN / 2];
	char token[TOKEN_LEN + 1];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	snprintf(fs->name_fmap, NAME_ROOM, NAME_PREFIX "%s" SUFFIX_FMAP,
		 token);
	snprintf(fs->name_daxdev, NAME_ROOM, NAME_PREFIX "%s" SUFFIX_DAXDEV,
		 token);
	return 0;
}

/*
 * A server made for a newer libfuse than this library may have operations that
 * this library has never heard of: they are passed on. Those that are replaced
 * are among the oldest.
 */
static int make_session(struct fuse_fmap_session *fs, struct fuse_args *args,
			const struct fuse_lowlevel_ops *server, size_t size)
{
	size_t room = size > sizeof(*server) ? size : sizeof(*server);
	struct fuse_lowlevel_ops *op = calloc(1, room);

	if (!op)
		return -ENOMEM;
	memcpy(op, server, size);
	fs->server_init = op->init;
	fs->server_destroy = op->destroy;
	fs->server_getxattr = op->getxattr;
	op->init = stand_in_init;
	op->destroy = stand_in_destroy;
#ifdef FUSE_FMAP_NATIVE
	op->get_fmap = stand_in_get_fmap;
	op->get_daxdev = stand_in_get_daxdev;
	if (op->getxattr)
#endif
		op->getxattr = stand_in_getxattr;
	fs->se = fuse_session_new(args, op, room, fs);
	free(op);
	return fs->se ? 0 : -EINVAL;
}

int fuse_fmap_session_new(struct fuse_fmap_session **fsp,
			  struct fuse_args *args,
			  const struct fuse_lowlevel_ops *op, size_t op_size,
			  const struct fuse_fmap_ops *fmap_op,
			  size_t fmap_op_size, void *userdata)
{
	struct fuse_fmap_session *fs;
	int rc;

	if (!args || !op || !fmap_op)
		return -EINVAL;
	fs = calloc(1, sizeof(*fs));
	if (!fs)
		return -ENOMEM;
	memcpy(&fs->op, fmap_op, fmap_op_size < sizeof(fs->op) ?
				 fmap_op_size : sizeof(fs->op));
	fs->userdata = userdata;
	fs->fd = -1;
	fs->libfuse_fd = -1;
	fs->early_fd = -1;
	fs->null_fd = -1;
	fs->bufsize = FIRST_BUFSIZE;
	fs->init.magic = INIT_STATE_MAGIC;
	atomic_store(&fs->want, fs->op.get_fmap != NULL);

	fs->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fs->wake_fd >= 0)
		fs->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	rc = fs->null_fd < 0 ? -errno : make_names(fs);
	if (!rc)
		rc = mount_options_parse(&fs->mount, args);
	if (rc == -EOPNOTSUPP)
		session_log(fs, FUSE_LOG_ERR, "option %s is not supported",
			    fs->mount.refused);
	if (!rc)
		rc = make_session(fs, args, op, op_size);
	if (rc) {
		fuse_fmap_session_destroy(fs);
		return rc;
	}
	*fsp = fs;
	return 0;
}

/* libfuse takes an fd by number, as fusermount3 hands it over. */
static int give_libfuse_an_fd(struct fuse_fmap_session *fs)
{
	char path[32];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	if (fuse_session_mount(fs->se, path)) {
		close(fds[0]);
		close(fds[1]);
		return -EIO;
	}
	fs->early_fd = fds[0];
	fs->libfuse_fd = fds[1];
	return 0;
}

/*
 * What is mounted there? Return: false if that cannot be told. Does not ask the
 * server, which may not answer yet, or no more.
 */
static bool see_mount(const char *mountpoint, uint64_t *id, uint64_t *dev)
{
	struct statx stx;

	*id = 0;
	*dev = 0;
	if (statx(AT_FDCWD, mountpoint,
		  AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW,
		  STATX_MNT_ID_UNIQUE, &stx))
		return false;
	if (stx.stx_mask & STATX_MNT_ID_UNIQUE)
		*id = stx.stx_mnt_id;
	*dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	return true;
}

/*
 * Makes the device that of the session. A read after poll(2) must not block if
 * another thread, or the end of the request, was faster; a socket has neither.
 */
static int adopt(struct fuse_fmap_session *fs, int fd, const char *mountpoint)
{
	char *copy = mountpoint ? strdup(mountpoint) : NULL;
	struct stat st;
	int rc;

	if (mountpoint && !copy)
		return -ENOMEM;
	rc = give_libfuse_an_fd(fs);
	if (rc) {
		free(copy);
		return rc;
	}
	if (!fstat(fd, &st) && S_ISCHR(st.st_mode))
		fcntl(fd, F_SETFL, O_NONBLOCK);
	fs->adopted = true;
	fs->fd = fd;
	fs->mountpoint = copy;
	if (copy)
		see_mount(copy, &fs->mount_id, &fs->mount_dev);
	return 0;
}

int fuse_fmap_session_attach(struct fuse_fmap_session *fs, int fd,
			     const char *mountpoint)
{
	if (fs->adopted)
		return -EBUSY;
	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	return adopt(fs, fd, mountpoint);
}

static int open_device(struct fuse_fmap_session *fs)
{
	int fd = fmapfs_device_open();

	if (fd < 0)
		session_log(fs, FUSE_LOG_ERR, FMAPFS_DEV ": %s%s",
			    strerror(-fd), fmapfs_device_is_missing(fd) ?
			    ": is the module loaded? Try \"modprobe fmapfs\"" :
			    "");
	return fd;
}

static int mount_device(struct fuse_fmap_session *fs, int fd,
			const char *mountpoint, mode_t mode)
{
	const struct mount_options *mo = &fs->mount;
	const char *source = mo->fsname ? mo->fsname :
			     mo->subtype ? mo->subtype : FMAPFS_TYPE;
	char *data = mount_options_string(mo, fd, mode);
	char type[256];
	int rc = 0;

	if (!data)
		return -ENOMEM;
	if (snprintf(type, sizeof(type), FMAPFS_TYPE "%s%s",
		     mo->subtype ? "." : "",
		     mo->subtype ? mo->subtype : "") >= (int)sizeof(type))
		rc = -ENAMETOOLONG;
	else if (mount(source, mountpoint, type, mo->flags, data))
		rc = -errno;
	if (rc)
		session_log(fs, FUSE_LOG_ERR, "mount %s on %s (%s): %s", type,
			    mountpoint, data, strerror(-rc));
	free(data);
	return rc;
}

/* Return: N if @path is "/dev/fd/N", else -1. */
static int fd_of_path(const char *path)
{
	int fd, end;

	if (sscanf(path, "/dev/fd/%d%n", &fd, &end) == 1 && !path[end])
		return fd;
	return -1;
}

int fuse_fmap_session_mount(struct fuse_fmap_session *fs,
			    const char *mountpoint)
{
	struct stat st;
	int fd, rc;

	if (fs->adopted)
		return -EBUSY;
	fd = fd_of_path(mountpoint);
	if (fd >= 0)
		return fuse_fmap_session_attach(fs, fd, NULL);
	if (stat(mountpoint, &st)) {
		rc = -errno;
		session_log(fs, FUSE_LOG_ERR, "mount point %s: %s", mountpoint,
			    strerror(-rc));
		return rc;
	}
	fd = open_device(fs);
	if (fd < 0)
		return fd;
	rc = mount_device(fs, fd, mountpoint, st.st_mode);
	if (rc)
		goto close_device;
	rc = adopt(fs, fd, mountpoint);
	if (rc)
		goto unmount;
	return 0;

unmount:
	umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
close_device:
	close(fd);
	return rc;
}

int fuse_fmap_session_state(struct fuse_fmap_session *fs, void *buf,
			    size_t size)
{
	if (!atomic_load(&fs->init_done) || !fs->init.in_len)
		return -EAGAIN;
	if (size < sizeof(fs->init))
		return -ERANGE;
	memcpy(buf, &fs->init, sizeof(fs->init));
	return sizeof(fs->init);
}

/* The predecessor has read INIT, perhaps, but not answered it. */
static int resume_before_init(struct fuse_fmap_session *fs, int fd,
			      const char *mountpoint)
{
	int rc = fuse_fmap_session_attach(fs, fd, mountpoint);

	if (!rc)
		session_resend(fs);
	return rc;
}

int fuse_fmap_session_resume(struct fuse_fmap_session *fs, int fd,
			     const void *state, size_t size,
			     const char *mountpoint)
{
	struct init_state init;
	int rc;

	if (!state && !size)
		return resume_before_init(fs, fd, mountpoint);
	if (!state || size != sizeof(init))
		return -EINVAL;
	memcpy(&init, state, sizeof(init));
	if (init.magic != INIT_STATE_MAGIC ||
	    init.in_len < sizeof(struct fuse_in_header) ||
	    init.in_len > INIT_MAX ||
	    init.out_len < sizeof(struct fuse_out_header) ||
	    init.out_len > INIT_MAX)
		return -EINVAL;
	rc = fuse_fmap_session_attach(fs, fd, mountpoint);
	if (rc)
		return rc;
	fs->init = init;
	/* By now something else may be mounted there. */
	fs->mount_id = init.mount_id;
	fs->mount_dev = init.mount_dev;
	atomic_store(&fs->replay, REPLAY_REQUEST);
	return 0;
}

/*
 * Closes the device for good while the number that libfuse has stays taken, for
 * libfuse will close that. Return: is the connection over? It is by unmount, but
 * also if it was aborted or INIT failed, and then the mount is still there.
 */
static bool close_device(struct fuse_fmap_session *fs)
{
	struct pollfd pfd = { .fd = fs->fd };
	bool over = poll(&pfd, 1, 0) == 1 && pfd.revents & POLLERR &&
		    atomic_load(&fs->init_done);

	dup3(fs->null_fd, fs->libfuse_fd, O_CLOEXEC);
	close(fs->fd);
	fs->fd = -1;
	return over;
}

/*
 * Is our mount still there? Somebody else's may be by now, of a server that is
 * faster than we are. If the connection is @over, which it is by an unmount, ours
 * must be known by its number.
 */
static bool is_mounted(const struct fuse_fmap_session *fs, bool over)
{
	uint64_t id, dev;

	if (!see_mount(fs->mountpoint, &id, &dev))
		return !over;
	if (over && !fs->mount_id)
		return false;
	return (!fs->mount_id || id == fs->mount_id) &&
	       (!fs->mount_dev || dev == fs->mount_dev);
}

void fuse_fmap_session_unmount(struct fuse_fmap_session *fs)
{
	bool over;

	if (fs->fd < 0)
		return;
	over = close_device(fs);
	if (fs->mountpoint && is_mounted(fs, over) &&
	    umount2(fs->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW))
		session_log(fs, FUSE_LOG_ERR, "unmount %s: %s", fs->mountpoint,
			    strerror(errno));
	free(fs->mountpoint);
	fs->mountpoint = NULL;
}

void fuse_fmap_session_destroy(struct fuse_fmap_session *fs)
{
	if (!fs)
		return;
	if (fs->se)
		fuse_session_destroy(fs->se);
	if (fs->fd >= 0)
		close(fs->fd);
	if (session_is_early(fs))
		close(fs->early_fd);
	if (fs->null_fd >= 0)
		close(fs->null_fd);
	if (fs->wake_fd >= 0)
		close(fs->wake_fd);
	mount_options_free(&fs->mount);
	free(fs->mountpoint);
	free(fs);
}

struct fuse_session *fuse_fmap_session_fuse(struct fuse_fmap_session *fs)
{
	return fs->se;
}

int fuse_fmap_session_fd(struct fuse_fmap_session *fs)
{
	return fs->fd < 0 ? -ENOTCONN : fs->fd;
}

void *fuse_fmap_req_userdata(fuse_req_t req)
{
	return fuse_fmap_req_session(req)->userdata;
}

struct fuse_fmap_session *fuse_fmap_req_session(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

bool fuse_fmap_offered(struct fuse_fmap_session *fs)
{
	return atomic_load(&fs->offered);
}

void fuse_fmap_want(struct fuse_fmap_session *fs, bool want)
{
	atomic_store(&fs->want, want && fs->op.get_fmap);
}

bool fuse_fmap_agreed(struct fuse_fmap_session *fs)
{
	return atomic_load(&fs->agreed);
}

int fuse_fmap_push_daxdev(struct fuse_fmap_session *fs, uint32_t index, int fd)
{
	struct fuse_daxdev_open arg = { .fd = fd, .daxdev_index = index };

	if (fs->fd < 0)
		return -ENOTCONN;
	return ioctl(fs->fd, FUSE_DEV_IOC_DAXDEV_OPEN, &arg) ? -errno : 0;
}

int fuse_fmap_clear_bad(struct fuse_fmap_session *fs, uint32_t index,
			uint64_t offset, uint64_t len)
{
	struct fmapfs_clear_bad arg = {
		.devindex = index,
		.offset = offset,
		.len = len,
	};

	if (fs->fd < 0)
		return -ENOTCONN;
	if (!ioctl(fs->fd, FMAPFS_IOC_CLEAR_BAD, &arg))
		return 0;
	return errno == ENOTTY ? -ENOSYS : -errno;
}

int fuse_fmap_version(void)
{
	return FUSE_FMAP_VERSION_MAJOR * 1000 + FUSE_FMAP_VERSION_MINOR;
}
