/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libfusefmap: fmaps for servers that are written against stock libfuse3.
 *
 * A low-level libfuse server becomes an fmapfs server by five changes:
 *
 *   fuse_session_new()      -> fuse_fmap_session_new(), which takes two more
 *                              operations, get_fmap and get_daxdev
 *   fuse_session_mount()    -> fuse_fmap_session_mount()
 *   fuse_session_loop(), fuse_session_loop_mt()
 *                           -> fuse_fmap_session_loop(), ..._loop_mt()
 *   fuse_session_unmount(), fuse_session_destroy()
 *                           -> fuse_fmap_session_unmount(), ..._destroy()
 *   fuse_req_userdata()     -> fuse_fmap_req_userdata()
 *
 * Everything else of libfuse is used as ever, on fuse_fmap_session_fuse(). Maps
 * are in fusefmap_map.h, notifications in fusefmap_notify.h; both are included.
 *
 * To be included after FUSE_USE_VERSION was defined, as for <fuse_lowlevel.h>.
 * The compiler and linker flags are those of "pkg-config fusefmap".
 *
 * Conventions
 *   Functions that return int return 0 or more on success and -errno on error.
 *   Sizes and offsets are in bytes.
 *   The library keeps no global state, writes nothing to stdout or stderr and
 *   never exits. (libfuse reports its own errors by fuse_log().) What it has to
 *   say goes to the log operation, if there is one.
 *   Functions on a fuse_fmap_session may be called from any thread while the
 *   loop runs, but for _new, _mount, _attach, _resume, _loop, _loop_mt,
 *   _unmount and _destroy, each of which must be the only call on that session,
 *   but for _exit, which may come at any time before _destroy.
 *   A fuse_fmap is immutable: any number of threads may read it at once.
 *
 * Licence: the library contains the parser and resolver of the kernel module,
 * which are GPL-2.0-only; so is the library.
 */
#ifndef FUSEFMAP_H
#define FUSEFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <fuse_lowlevel.h>
#include <linux/fuse_fmap.h>
#include "fusefmap_map.h"
#include "fusefmap_notify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; see fuse_fmap_version(). */
#define FUSE_FMAP_VERSION_MAJOR	1
#define FUSE_FMAP_VERSION_MINOR	0

/* Room for what fuse_fmap_session_state() saves. */
#define FUSE_FMAP_STATE_MAX	512

/* A session: a libfuse session on /dev/fmapfs. Opaque. */
struct fuse_fmap_session;

/**
 * struct fuse_fmap_ops - what a server implements beside fuse_lowlevel_ops
 *
 * Each operation that gets a fuse_req_t must see to it that it is answered,
 * exactly once, at any time and from any thread, as in libfuse. They run in the
 * threads of the loop.
 */
struct fuse_fmap_ops {
	/**
	 * @get_fmap: the kernel asks for the map of a regular file that was
	 * looked up. Answer with fuse_fmap_reply(), or with
	 * fuse_reply_err(req, EOPNOTSUPP): the file has no fmap and is an
	 * ordinary FUSE file; fuse_reply_err(req, ENOSYS): no file has, do not
	 * ask again; any other error fails the open.
	 * @ino: node id of the file; @size: how many bytes of reply the kernel
	 * can take, to be passed on to fuse_fmap_reply().
	 *
	 * A server without it does not want fmaps; see fuse_fmap_want().
	 */
	void (*get_fmap)(fuse_req_t req, fuse_ino_t ino, size_t size);

	/**
	 * @get_daxdev: the kernel asks which device an index means that an fmap
	 * named. Answer with fuse_fmap_reply_daxdev(), or fuse_reply_err(). May
	 * be left out by a server that pushes all devices beforehand
	 * (fuse_fmap_push_daxdev()); then EOPNOTSUPP is answered.
	 * @daxdev_index: 0 to FUSE_FAMFS_MAX_DAXDEVS - 1
	 */
	void (*get_daxdev)(fuse_req_t req, int daxdev_index);

	/**
	 * @log: the library has something to say. May be NULL. Called from
	 * whichever thread called the library or runs the loop, perhaps from
	 * several at once.
	 * @userdata: what was given to fuse_fmap_session_new()
	 * @message: one line without a newline; valid during the call only
	 */
	void (*log)(void *userdata, enum fuse_log_level level,
		    const char *message);

	/**
	 * @save: INIT is agreed on: here is what a successor needs to take over
	 * the device fd. May be NULL. Called once a session, in the thread that
	 * handles INIT, just before the kernel gets the reply: whatever becomes
	 * of this process later, a successor that has the fd and this state
	 * misses nothing. Not called in a session that was resumed with a state.
	 * @userdata: what was given to fuse_fmap_session_new()
	 * @state: what fuse_fmap_session_state() would give; valid during the
	 *	call only
	 * @size: bytes of it
	 */
	void (*save)(void *userdata, const void *state, size_t size);
};

/* ------------------------------------------------------------------------
 * Sessions
 */

/**
 * fuse_fmap_session_new - make a session
 * @fsp: result; to be freed with fuse_fmap_session_destroy()
 * @args: options, as fuse_session_new() takes them. Beside libfuse's options
 *	the mount flags relatime, norelatime, strictatime, nodiratime, diratime,
 *	nosymfollow, symfollow are understood, and _netdev, defaults and x-* are
 *	skipped. auto_unmount and blkdev are refused, they need fusermount3.
 *	Changed by the call; stays the caller's to free.
 * @op: the low-level operations; copied
 * @op_size: sizeof(struct fuse_lowlevel_ops)
 * @fmap_op: the fmap operations; copied
 * @fmap_op_size: sizeof(struct fuse_fmap_ops)
 * @userdata: what the operations init, destroy and log get, and what
 *	fuse_fmap_req_userdata() returns. (fuse_req_userdata() does not: it
 *	returns the fuse_fmap_session.)
 *
 * Return: 0; -EINVAL: libfuse refused the options (it has logged which), or
 * @fmap_op is NULL; -EOPNOTSUPP: an option that fmapfs cannot have; -ENOMEM; or
 * getrandom(2)'s error. On error *@fsp is untouched.
 */
int fuse_fmap_session_new(struct fuse_fmap_session **fsp,
			  struct fuse_args *args,
			  const struct fuse_lowlevel_ops *op, size_t op_size,
			  const struct fuse_fmap_ops *fmap_op,
			  size_t fmap_op_size, void *userdata);

/**
 * fuse_fmap_session_mount - open /dev/fmapfs and mount
 * @fs: the session, not mounted, attached or resumed before
 * @mountpoint: a directory or, for a file system whose root is a file, a file;
 *	or "/dev/fd/N": device fd N is mounted by somebody else, as in libfuse
 *
 * Mounts type "fmapfs", or "fmapfs.SUBTYPE" with -o subtype=SUBTYPE. As in
 * libfuse, nosuid and nodev are on unless suid, dev are given. Serving begins
 * with the loop; the mount point blocks until then.
 *
 * Return: 0; -ENOENT, -ENODEV, -ENXIO: no /dev/fmapfs, or the mount point does
 * not exist (the log says which); -EPERM: not privileged, there is no setuid
 * helper; -EBUSY: @fs has a device already; or an error of open(2), stat(2),
 * mount(2).
 */
int fuse_fmap_session_mount(struct fuse_fmap_session *fs,
			    const char *mountpoint);

/**
 * fuse_fmap_session_attach - serve a device fd whose INIT is still to come
 * @fs: the session, not mounted, attached or resumed before
 * @fd: open device fd; on success it belongs to the session, which closes it
 * @mountpoint: for fuse_fmap_session_unmount(); NULL: somebody else unmounts
 *
 * A character device is set to O_NONBLOCK. Any other fd will do that delivers
 * one FUSE request per read(2) and takes one reply per writev(2): tests use a
 * socketpair(2) of type SOCK_SEQPACKET.
 *
 * Return: 0; -EBADF; -EBUSY: @fs has a device already; -ENOMEM; an error of
 * socketpair(2).
 */
int fuse_fmap_session_attach(struct fuse_fmap_session *fs, int fd,
			     const char *mountpoint);

/**
 * fuse_fmap_session_state - what a successor needs to take over the device fd
 * @fs: the session
 * @buf: takes the state: plain data, no pointers, good on this boot only
 * @size: bytes at @buf; FUSE_FMAP_STATE_MAX is enough
 *
 * Return: the bytes written; -EAGAIN: INIT was not answered yet (the save
 * operation tells when); -ERANGE: @size is too small.
 */
int fuse_fmap_session_state(struct fuse_fmap_session *fs, void *buf,
			    size_t size);

/**
 * fuse_fmap_session_resume - serve a device fd that another process served
 * @fs: the session, not mounted, attached or resumed before; made with the
 *	options of its predecessor
 * @fd: open device fd; on success it belongs to the session, which closes it
 * @state: from fuse_fmap_session_state() or the save operation of the
 *	predecessor; NULL: it ended before it had one, and INIT is still to come
 * @size: what that returned; 0 with NULL
 * @mountpoint: for fuse_fmap_session_unmount(); NULL: somebody else unmounts
 *
 * For the fd to outlive the predecessor somebody must hold it: systemd's fd
 * store, for example. Meanwhile requests wait.
 *
 * libfuse is given the INIT request of old, its reply is kept from the kernel,
 * and the kernel is asked to send again what the predecessor left unanswered;
 * such requests look like all others. An operation may therefore be asked for
 * that the predecessor has carried out, but not answered.
 *
 * Node ids, and handles of open files, must be what they were. What the server
 * must refuse because it has changed since is ESTALE. Should the reply to INIT
 * differ from that of old, so that server and kernel would disagree on what was
 * agreed on, the loop ends with -EPROTO and the log says so.
 *
 * Return: 0; -EINVAL: @state is none; -EBADF; -EBUSY; -ENOMEM; an error of
 * socketpair(2).
 */
int fuse_fmap_session_resume(struct fuse_fmap_session *fs, int fd,
			     const void *state, size_t size,
			     const char *mountpoint);

/**
 * fuse_fmap_session_loop - serve in this thread until unmount or exit
 * @fs: the session, with a device
 *
 * Ends when the file system is unmounted, by fuse_fmap_session_exit(), or by
 * fuse_session_exit() within an operation or within the handler of a signal that
 * this thread takes: so those of fuse_set_signal_handlers() work.
 *
 * Return: as fuse_session_loop(): 0; the number of the signal that ended it; or
 * -errno, -EPROTO for one if INIT failed. -ENOTCONN: there is no device.
 */
int fuse_fmap_session_loop(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_session_loop_mt - serve in several threads until unmount or exit
 * @fs: the session, with a device
 * @max_threads: how many at most, as in struct fuse_cmdline_opts; 0: 10. They
 *	are started as requests need them.
 *
 * The calling thread handles no requests, only signals; the others block all
 * signals but those of their own faults. For what ends it, see
 * fuse_fmap_session_loop().
 *
 * Return: as fuse_fmap_session_loop(); or -ENOMEM, -EAGAIN: no thread.
 */
int fuse_fmap_session_loop_mt(struct fuse_fmap_session *fs,
			      unsigned int max_threads);

/**
 * fuse_fmap_session_exit - end the loop
 * @fs: the session
 *
 * From any thread or signal handler, also before the loop begins. (libfuse's
 * fuse_session_exit() sets a flag only, which is looked at after the next
 * request.)
 */
void fuse_fmap_session_exit(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_session_unmount - close the device and unmount
 * @fs: the session; the loop has ended
 *
 * Unmounts what fuse_fmap_session_mount() mounted, lazily, unless it is
 * unmounted already. The device is closed first, so that nothing waits for this
 * server. Without a mount point of the session's own only the device is closed.
 * May be called more than once.
 */
void fuse_fmap_session_unmount(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_session_destroy - free a session
 * @fs: the session, or NULL; the loop has ended
 *
 * Closes the device if it is open still, and calls the destroy operation if the
 * kernel has not. Does not unmount: a mount whose device fd is open elsewhere
 * lives on.
 */
void fuse_fmap_session_destroy(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_session_fuse - libfuse's session, for all other libfuse calls
 * @fs: the session
 *
 * Return: the session, owned by @fs. Not to be given to fuse_session_mount(),
 * _unmount(), _destroy(), _custom_io(), _fd(), _receive_buf(), or the loops.
 */
struct fuse_session *fuse_fmap_session_fuse(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_session_fd - the device fd
 * @fs: the session
 *
 * Return: the fd, owned by @fs; -ENOTCONN: there is none.
 */
int fuse_fmap_session_fd(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_req_userdata - the userdata given to fuse_fmap_session_new()
 * @req: a request of a fuse_fmap_session
 */
void *fuse_fmap_req_userdata(fuse_req_t req);

/**
 * fuse_fmap_req_session - the session that a request belongs to
 * @req: a request of a fuse_fmap_session
 */
struct fuse_fmap_session *fuse_fmap_req_session(fuse_req_t req);

/* ------------------------------------------------------------------------
 * Capability
 */

/**
 * fuse_fmap_offered - does the kernel offer fmaps?
 * @fs: the session
 *
 * The answer is known from the init operation on; before that it is false. The
 * kernel does not offer them to a mounter without CAP_SYS_RAWIO.
 */
bool fuse_fmap_offered(struct fuse_fmap_session *fs);

/**
 * fuse_fmap_want - say whether this server wants fmaps
 * @fs: the session
 * @want: false: serve ordinary files only
 *
 * To be called before the init operation returns. Without it a server wants
 * them if it has get_fmap.
 */
void fuse_fmap_want(struct fuse_fmap_session *fs, bool want);

/**
 * fuse_fmap_agreed - did the INIT reply turn fmaps on?
 * @fs: the session
 *
 * True after the INIT reply went out, if the kernel offered and this server
 * wanted them.
 */
bool fuse_fmap_agreed(struct fuse_fmap_session *fs);

/* ------------------------------------------------------------------------
 * Replies. Each answers the request, whatever it returns.
 */

/**
 * fuse_fmap_reply - answer get_fmap
 * @req: the request; not valid afterwards
 * @fmap: the map; stays the caller's
 * @size: as given to get_fmap
 *
 * If the message is larger than @size, only its header goes out and says how
 * large it is; the kernel asks once more with that size.
 *
 * Return: 0; -ERANGE, -ENOMEM: answered with that error, for the message cannot
 * be sent at all; or -errno of the device write (-ENOENT: the request was
 * interrupted or its caller killed, which is no fault).
 */
int fuse_fmap_reply(fuse_req_t req, const struct fuse_fmap *fmap, size_t size);

/**
 * fuse_fmap_reply_daxdev - answer get_daxdev
 * @req: the request; not valid afterwards
 * @index: the index that was asked for
 * @path: path of the device, such as /dev/pmem0; looked up within the call, with
 *	the credentials and in the root of the calling process
 *
 * Return: 0; -EINVAL: @index or an empty @path, -ENAMETOOLONG: @path is longer
 * than DAXDEV_NAME_MAX - 1; these were answered with that error. Or -errno of
 * the device write.
 */
int fuse_fmap_reply_daxdev(fuse_req_t req, int index, const char *path);

/**
 * fuse_fmap_version - the version of the library that is linked in
 *
 * Return: major * 1000 + minor.
 */
int fuse_fmap_version(void);

#ifdef __cplusplus
}
#endif

#endif /* FUSEFMAP_H */
