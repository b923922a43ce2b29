/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session of the library whose kernel is the test, over a socket pair.
 */
#ifndef PEER_H
#define PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include "unit.h"
#include "fusefmap.h"

#define OFFERED_FLAGS2	((uint32_t)(FUSE_DAX_FMAP >> 32))

/* What a kernel's INIT says beside that. */
#define PEER_FLAGS	(FUSE_INIT_EXT | FUSE_ASYNC_READ | FUSE_MAX_PAGES | \
			 FUSE_PARALLEL_DIROPS)

#define INO_PLAIN	10	/* has no fmap */
#define INO_SMALL	11	/* peer.small */
#define INO_LARGE	12	/* peer.large */
#define INO_HELD	13	/* answered when interrupted */
#define INO_MEET	14	/* answered when PEER_MEET requests are there */
#define PEER_MEET	4
#define INO_EXIT	15	/* fuse_session_exit() within the operation */

/* What a test wants of the session; zero is the plain case. */
struct peer_setup {
	int type;		/* of the sockets; 0: SOCK_SEQPACKET */
	unsigned int threads;	/* of fuse_fmap_session_loop_mt(); 0: _loop() */
	bool no_get_fmap;
	bool no_get_daxdev;
	bool no_getxattr;
	bool not_wanted;	/* fuse_fmap_want(false) in init */
	bool slow_init;		/* init takes a while */
	bool want_too_much;	/* in init: what the kernel does not offer */
	bool no_loop;		/* the test reads and writes by itself */
	const char *options;	/* -o */
	bool resume;		/* a predecessor served: with @state */
	const void *state;	/* NULL: INIT is still to come */
	int state_len;
};

struct peer {
	struct peer_setup setup;
	struct fuse_fmap_session *fs;
	int fd;			/* the kernel's end */
	int session_fd;		/* the library's end */
	pthread_t thread;
	bool running;
	int loop_result;
	uint64_t unique;	/* of the last request */
	struct fuse_fmap *small, *large;

	/* What the server saw. */
	atomic_int inits, destroys, get_fmaps, get_daxdevs, getxattrs, logs;
	atomic_uint at_once, most_at_once;	/* get_fmap */
	atomic_bool held;
	fuse_req_t held_req;
	bool offered_in_init;
	atomic_uint uid;
	atomic_size_t size;
	char xattr_name[256];
	uint64_t retrieved;	/* retrieve_reply: its offset */
	char retrieved_data[16];
	uint8_t saved[FUSE_FMAP_STATE_MAX];	/* by the save operation */
	size_t saved_len;
	bool unanswered;	/* when it was called: no reply had gone out */
	char log[512];
	pthread_barrier_t meet;
};

/* A reply, or a notification, as the kernel gets it. */
struct reply {
	struct fuse_out_header out;
	uint8_t *body;
	size_t len;		/* of the body */
};

struct peer *peer_start(const struct peer_setup *setup);
/* INIT is over, and the kernel has offered fmaps. */
struct peer *peer_start_agreed(const struct peer_setup *setup);
/* Ends the loop, as an unmount does, and the session. Return: the loop's result */
int peer_stop(struct peer *peer);

/* Return: the unique */
uint64_t peer_send(struct peer *peer, uint32_t opcode, uint64_t nodeid,
		   const void *body, size_t len);
void peer_receive(struct peer *peer, struct reply *reply);
/* Sends and receives; the reply is that of the request. Return: -errno or 0 */
int peer_ask(struct peer *peer, uint32_t opcode, uint64_t nodeid,
	     const void *body, size_t len, struct reply *reply);
int peer_get_fmap(struct peer *peer, uint64_t nodeid, uint32_t size,
		  struct reply *reply);
int peer_get_daxdev(struct peer *peer, uint32_t index, struct reply *reply);
/* The INIT exchange. @flags2: what the kernel offers. */
void peer_init(struct peer *peer, uint32_t flags, uint32_t flags2,
	       struct fuse_init_out *out);
void reply_free(struct reply *reply);

#endif /* PEER_H */
