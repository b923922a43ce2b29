// SPDX-License-Identifier: GPL-2.0
/* A service manager for one daemon: see keeper.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "tap.h"

#define FIRST_FD	3	/* SD_LISTEN_FDS_START */
#define HIGH_FD		200

void keeper_open(struct keeper *k)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(k, 0, sizeof(*k));
	snprintf(k->path, sizeof(k->path), "/tmp/keeper-%d", getpid());
	strcpy(addr.sun_path, k->path);
	unlink(k->path);
	k->socket = OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
			      SOCK_NONBLOCK, 0));
	OK(bind(k->socket, (void *)&addr, sizeof(addr)));
}

void keeper_forget(struct keeper *k)
{
	while (k->nstored)
		close(k->stored[--k->nstored]);
}

void keeper_close(struct keeper *k)
{
	keeper_forget(k);
	close(k->socket);
	unlink(k->path);
}

/* As systemd does: what polls as an error is worth nothing any more. */
static void drop_dead(struct keeper *k)
{
	int i, n = 0;

	for (i = 0; i < k->nstored; i++) {
		struct pollfd pfd = { .fd = k->stored[i] };

		if (poll(&pfd, 1, 0) == 1 &&
		    pfd.revents & (POLLERR | POLLHUP)) {
			close(k->stored[i]);
			continue;
		}
		k->stored[n] = k->stored[i];
		memmove(k->names[n++], k->names[i], sizeof(k->names[0]));
	}
	k->nstored = n;
}

static void store(struct keeper *k, const char *name, struct cmsghdr *c)
{
	int *fds = (int *)CMSG_DATA(c);
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;

	for (i = 0; i < n; i++) {
		if (k->nstored == KEEPER_FDS)
			FAIL("more than %d fds are stored", KEEPER_FDS);
		snprintf(k->names[k->nstored], sizeof(k->names[0]), "%s", name);
		k->stored[k->nstored++] = fds[i];
	}
}

static void unstore(struct keeper *k, const char *name)
{
	int i, n = 0;

	for (i = 0; i < k->nstored; i++) {
		if (!strcmp(k->names[i], name)) {
			close(k->stored[i]);
			continue;
		}
		k->stored[n] = k->stored[i];
		memmove(k->names[n++], k->names[i], sizeof(k->names[0]));
	}
	k->nstored = n;
}

static void understand(struct keeper *k, char *text, struct cmsghdr *c)
{
	bool keep = false, forget = false;
	const char *name = "stored";
	char *line, *save;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strcmp(line, "READY=1"))
			k->ready = true;
		else if (!strcmp(line, "FDSTORE=1"))
			keep = true;
		else if (!strcmp(line, "FDSTOREREMOVE=1"))
			forget = true;
		else if (!strncmp(line, "FDNAME=", 7))
			name = line + 7;
	}
	if (keep && c)
		store(k, name, c);
	if (forget)
		unstore(k, name);
}

bool keeper_hear(struct keeper *k)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(KEEPER_FDS * sizeof(int))];
	} control;
	char text[4096];

	for (;;) {
		struct iovec iov = { text, sizeof(text) - 1 };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(k->socket, &msg, MSG_CMSG_CLOEXEC);

		if (n < 0)
			break;
		text[n] = 0;
		understand(k, text, CMSG_FIRSTHDR(&msg));
	}
	drop_dead(k);
	return k->ready;
}

static void set_number(const char *name, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	setenv(name, text, 1);
}

/* In the child. */
static void hand_over(const struct keeper *k)
{
	char names[KEEPER_FDS * 65] = "";
	int i;

	for (i = 0; i < k->nstored; i++) {
		OK(fcntl(k->stored[i], F_DUPFD, HIGH_FD + i));
		strcat(strcat(names, i ? ":" : ""), k->names[i]);
	}
	OK(syscall(SYS_close_range, FIRST_FD, HIGH_FD - 1, 0));
	for (i = 0; i < k->nstored; i++)
		OK(dup2(HIGH_FD + i, FIRST_FD + i));
	OK(syscall(SYS_close_range, HIGH_FD, ~0U, 0));
	if (k->deaf)
		return;
	setenv("NOTIFY_SOCKET", k->path, 1);
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", k->nstored);
	setenv("LISTEN_FDNAMES", names, 1);
}

void keeper_start(struct keeper *k, char *const argv[])
{
	int pid;

	keeper_hear(k);
	k->ready = false;
	pid = OK(fork());
	if (pid) {
		k->pid = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	hand_over(k);
	execvp(argv[0], argv);
	_exit(127);
}

static bool ready_or_gone(struct keeper *k, struct task *t)
{
	return keeper_hear(k) || task_done(t);
}

void keeper_wait(struct keeper *k)
{
	struct task t = { .pid = k->pid };

	UNTIL(ready_or_gone(k, &t));
	if (!keeper_hear(k))
		FAIL("the daemon ended with status %#x", task_reap(&t));
}

void keeper_kill(struct keeper *k)
{
	OK(kill(k->pid, SIGKILL));
	OK(waitpid(k->pid, NULL, 0));
	k->pid = 0;
	keeper_hear(k);
}

int keeper_end(struct keeper *k, int signal)
{
	struct task t = { .pid = k->pid };
	int status;

	if (signal)
		OK(kill(k->pid, signal));
	UNTIL((keeper_hear(k), task_done(&t)));
	OK(waitpid(k->pid, &status, 0));
	k->pid = 0;
	keeper_hear(k);
	return status;
}
