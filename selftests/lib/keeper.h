/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a service manager does for a daemon, as systemd does it: a socket for
 * sd_notify(3), and an fd store whose contents a restarted daemon is given.
 */
#ifndef SELFTESTS_KEEPER_H
#define SELFTESTS_KEEPER_H

#include <stdbool.h>

#define KEEPER_FDS	8

/**
 * struct keeper - one daemon
 * @socket: what $NOTIFY_SOCKET names
 * @stored: the fd store; @names of the fds
 * @nstored: how many there are
 * @pid: of the daemon; 0: it does not run
 * @ready: it has said so since it was started
 * @deaf: gives the daemon no socket and no fds
 */
struct keeper {
	char path[64];
	int socket;
	int stored[KEEPER_FDS];
	char names[KEEPER_FDS][64];
	int nstored;
	int pid;
	bool ready;
	bool deaf;
};

void keeper_open(struct keeper *k);
/* Hears what there is to be heard; true: the daemon has said that it is ready. */
bool keeper_hear(struct keeper *k);
/* Starts the daemon with all that is in the store. */
void keeper_start(struct keeper *k, char *const argv[]);
/* Waits until it is ready; fails if it ends instead. */
void keeper_wait(struct keeper *k);
/* kill -9 */
void keeper_kill(struct keeper *k);
/* Waits for its end; @signal is sent before, if not 0. Return: wait status. */
int keeper_end(struct keeper *k, int signal);
/* Closes what is in the store. */
void keeper_forget(struct keeper *k);
void keeper_close(struct keeper *k);

#endif /* SELFTESTS_KEEPER_H */
