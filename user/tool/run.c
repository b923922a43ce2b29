// SPDX-License-Identifier: GPL-2.0-only
/* Other programs, and children that may hang. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define PATIENCE	3000	/* ms that a server has to answer */

pid_t tool_start(const char *path, char *const *command)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid < 0 ? -errno : pid;
	execvp(path, command);
	_exit(TOOL_NO_PROGRAM);
}

int tool_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

void tool_load_module(const char *name)
{
	char *command[] = { "modprobe", "-q", (char *)name, NULL };
	pid_t pid = tool_start(command[0], command);

	if (pid > 0)
		tool_wait(pid);
}

void tool_need_module(void)
{
	if (access("/dev/fmapfs", F_OK))
		tool_load_module("fmapfs");
}

/* Return: false: not in time, or not all. */
static bool read_answer(int fd, void *buf, size_t size)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	return poll(&answer, 1, PATIENCE) == 1 &&
	       read(fd, buf, size) == (ssize_t)size;
}

int tool_guarded(void (*fill)(void *ctx, void *buf), void *ctx, void *buf,
		 size_t size)
{
	bool answered;
	int fds[2];
	pid_t pid;

	memset(buf, 0, size);
	if (pipe(fds))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		fill(ctx, buf);
		_exit(write(fds[1], buf, size) != (ssize_t)size);
	}
	close(fds[1]);
	answered = pid > 0 && read_answer(fds[0], buf, size);
	close(fds[0]);
	if (pid < 0)
		return -EAGAIN;
	/* One that hangs may be so deep in the kernel that it is not to be waited for. */
	if (!answered)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, answered ? 0 : WNOHANG);
	return answered ? 0 : -ETIMEDOUT;
}
