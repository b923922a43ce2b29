/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the library's files share about sessions.
 *
 *   session.c   makes, mounts and ends a session
 *   options.c   the mount options
 *   mount.c     their flags, and the device
 *   io.c        sits between libfuse and the device
 *   loop.c      serves, in one thread or in several
 *   notify.c    what a server tells the kernel by itself
 *   reply.c     answers to the fmap operations
 *   map.c       maps; knows nothing of sessions
 */
#ifndef FUSEFMAP_SESSION_I_H
#define FUSEFMAP_SESSION_I_H

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "fusefmap.h"
#include "mount.h"

/*
 * A libfuse that has the operations itself gets them as they are; the Makefile
 * finds out. What is between libfuse and the device then only watches.
 */
#ifdef FUSE_FMAP_NATIVE
#define LIBFUSE_HAS_FMAP	true
#else
#define LIBFUSE_HAS_FMAP	false
#endif

/**
 * struct mount_options - what mount(2) is given
 * @flags: MS_*
 * @kernel: option string for the file system, or NULL
 * @fsname: source of the mount, or NULL
 * @subtype: SUBTYPE of type fmapfs.SUBTYPE, or NULL
 * @max_read: option max_read, bytes; 0: not given
 * @allow_other: option allow_other; allow_root implies it, libfuse then checks
 * @refused: an option that cannot be had, or NULL
 */
struct mount_options {
	unsigned long flags;
	char *kernel;
	char *fsname;
	char *subtype;
	unsigned int max_read;
	bool allow_other;
	const char *refused;
};

/* The largest INIT message that is known of, with much room, in bytes. */
#define INIT_MAX	200

/**
 * struct init_state - the INIT exchange, for a successor; plain data
 * @magic: INIT_STATE_MAGIC
 * @mount_id, @mount_dev: as in struct fuse_fmap_session
 * @in_len: bytes of the request, as the kernel sent it
 * @out_len: bytes of the reply, as the kernel got it
 */
struct init_state {
	uint64_t magic;
	uint64_t mount_id;
	uint64_t mount_dev;
	uint32_t in_len;
	uint32_t out_len;
	uint8_t in[INIT_MAX];
	uint8_t out[INIT_MAX];
};

#define INIT_STATE_MAGIC	0x3154494e4950414dULL	/* "MAPINIT1" */

_Static_assert(sizeof(struct init_state) <= FUSE_FMAP_STATE_MAX,
	       "the state has room in what the header promises");

/* What a WRITE request is larger than its data, in bytes; as in libfuse. */
#define HEADER_ROOM	4096

/* A reserved name is PREFIX, 32 hexadecimal digits, and one of the suffixes. */
#define TOKEN_LEN	32
#define NAME_PREFIX	"fmapfs."
#define SUFFIX_FMAP	".fmap"
#define SUFFIX_DAXDEV	".daxdev"
#define NAME_ROOM	(sizeof(NAME_PREFIX) + TOKEN_LEN + sizeof(SUFFIX_DAXDEV))

/* A successor's INIT, which the kernel knows nothing of. */
enum replay {
	REPLAY_NONE,
	REPLAY_REQUEST,		/* the next read delivers the INIT of old */
	REPLAY_REPLY,		/* its reply is to be kept from the kernel */
};

/**
 * struct fuse_fmap_session - a session; libfuse's userdata
 * @se: libfuse's session; its fd is @libfuse_fd, which it closes
 * @op: the server's
 * @userdata: the server's
 * @server_init, @server_destroy, @server_getxattr: the server's operations that
 *	ours stand in for; may be NULL
 * @mount: mount options
 * @mountpoint: to unmount; NULL: not ours, or done
 * @mount_id: of what is mounted there: a number that no other mount has, or had;
 *	0: not known
 * @mount_dev: its device number; 0: not known
 * @fd: device fd, or -1
 * @libfuse_fd: fd that libfuse writes to: until INIT is answered one end of a
 *	socket pair, then the device
 * @early_fd: the other end; -1: INIT is answered. Written by the thread that
 *	handles INIT, while no other reads requests; constant once -1.
 * @null_fd: /dev/null, which takes the device's place; open beforehand, so that
 *	an end need not fail for want of descriptors
 * @wake_fd: eventfd that ends the loop
 * @adopted: libfuse has, or had, an fd; it takes one only
 * @bufsize: bytes of the largest request; as @early_fd
 * @name_fmap, @name_daxdev: reserved names; secret, so that no user can call an
 *	extended attribute like that
 * @want: the server wants fmaps
 * @offered: the kernel offers them
 * @agreed: both
 * @init_unique: of the INIT request that is being answered; 0: of none
 * @replay: enum replay
 * @init_done: INIT was answered, with success
 * @init: written by the thread that handles INIT, constant once @init_done; an
 *	in_len of 0: INIT was larger than is known of, there can be no successor
 * @failed: -errno that the loop ends with, or 0; written by the thread that
 *	handles INIT
 */
struct fuse_fmap_session {
	struct fuse_session *se;
	struct fuse_fmap_ops op;
	void *userdata;
	void (*server_init)(void *userdata, struct fuse_conn_info *conn);
	void (*server_destroy)(void *userdata);
	void (*server_getxattr)(fuse_req_t req, fuse_ino_t ino,
				const char *name, size_t size);
	struct mount_options mount;
	char *mountpoint;
	uint64_t mount_id;
	uint64_t mount_dev;
	int fd;
	int libfuse_fd;
	int early_fd;
	int null_fd;
	int wake_fd;
	bool adopted;
	size_t bufsize;
	char name_fmap[NAME_ROOM];
	char name_daxdev[NAME_ROOM];
	atomic_bool want;
	atomic_bool offered;
	atomic_bool agreed;
	_Atomic uint64_t init_unique;
	_Atomic int replay;
	atomic_bool init_done;
	struct init_state init;
	int failed;
};

/* In session.c */
void session_log(struct fuse_fmap_session *fs, enum fuse_log_level level,
		 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* In options.c */
int mount_options_parse(struct mount_options *mo, struct fuse_args *args);
char *mount_options_string(const struct mount_options *mo, int fd,
			   unsigned int rootmode);
void mount_options_free(struct mount_options *mo);

/* In io.c */
ssize_t session_receive(struct fuse_fmap_session *fs, void *buf, size_t room);
void session_process(struct fuse_fmap_session *fs, void *buf, size_t len);
void session_relay(struct fuse_fmap_session *fs);

/* In notify.c */
void session_resend(struct fuse_fmap_session *fs);

/* Is INIT to be answered yet? Then requests are handled one by one. */
static inline bool session_is_early(const struct fuse_fmap_session *fs)
{
	return fs->early_fd >= 0;
}

#endif /* FUSEFMAP_SESSION_I_H */
