// SPDX-License-Identifier: GPL-2.0-only
/* Mounting for a program that is given /dev/fd/N as its mount point. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "run.h"

static int fail(const char *what, int error)
{
	fprintf(stderr, "fmapfs-run: %s: %s\n", what, strerror(error));
	return RUN_FAILED;
}

/* The last of several wins. */
static int set_text(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -1;
	free(*to);
	*to = copy;
	return 0;
}

static int set_option(struct fd_mount *m, const char *option)
{
	char *all;

	if (!*option || fmapfs_mount_flag(&m->flags, option) ||
	    !strcmp(option, "defaults") || !strcmp(option, "_netdev"))
		return 0;
	if (!strncmp(option, "fsname=", 7))
		return set_text(&m->fsname, option + 7);
	if (!strncmp(option, "subtype=", 8))
		return set_text(&m->subtype, option + 8);
	if (asprintf(&all, "%s,%s", m->options ? m->options : "", option) < 0)
		return -1;
	free(m->options);
	m->options = all;
	return 0;
}

int fd_options(struct fd_mount *m, const char *options)
{
	char *copy = strdup(options), *option, *save = NULL;
	int rc = copy ? 0 : -1;

	for (option = copy ? strtok_r(copy, ",", &save) : NULL; option && !rc;
	     option = strtok_r(NULL, ",", &save))
		rc = set_option(m, option);
	free(copy);
	return rc;
}

static int mount_here(const struct fd_mount *m, int fd, const char *name)
{
	char *type = NULL, *data = NULL;
	struct stat st;
	int rc = -1;

	if (!stat(m->dir, &st) &&
	    asprintf(&type, FMAPFS_TYPE ".fuse%s%s", m->subtype ? "." : "",
		     m->subtype ? m->subtype : "") >= 0 &&
	    asprintf(&data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s%s", fd,
		     st.st_mode & S_IFMT, getuid(), getgid(),
		     m->fmap ? "" : ",nofmap",
		     m->options ? m->options : "") >= 0)
		rc = mount(m->fsname ? m->fsname :
			   m->subtype ? m->subtype : name, m->dir, type,
			   m->flags, data);
	rc = rc ? errno : 0;
	free(type);
	free(data);
	return rc;
}

/* In the child: the fd stays open, and says where in the arguments; @signals as ever. */
static int become(char **command, const char *dir, int fd,
		  const sigset_t *signals)
{
	char path[32];
	char **arg;

	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	for (arg = command + 1; *arg; arg++)
		if (!strcmp(*arg, dir))
			*arg = path;
	fcntl(fd, F_SETFD, 0);
	sigprocmask(SIG_SETMASK, signals, NULL);
	return run_command(command);
}

/* A command that mounts there all the same would wait for the mount: for itself. */
static bool is_said(char *const *command, const char *dir)
{
	while (*++command)
		if (!strcmp(*command, dir))
			return true;
	fprintf(stderr, "fmapfs-run: %s is no argument of the command, which is to be told by it where to serve; write it the same in both places\n",
		dir);
	return false;
}

/* Passes on signals, but those that the terminal has sent to both. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t si;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (sigwaitinfo(signals, &si) <= 0)
			continue;
		if (si.si_signo != SIGCHLD && si.si_code != SI_KERNEL)
			kill(child, si.si_signo);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   RUN_SIGNAL + WTERMSIG(status);
}

/* A server in the background, or an unmount by somebody else, is fine. */
static void clear_away(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) && errno == ENOTCONN &&
	    umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW))
		fail(dir, errno);
}

int fd_run(char **command, const struct fd_mount *m, int fd)
{
	const int passed_on[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT,
				  SIGUSR1, SIGUSR2 };
	sigset_t signals, old;
	pid_t child;
	size_t i;
	int rc;

	if (!is_said(command, m->dir))
		return RUN_FAILED;
	rc = mount_here(m, fd, command[0]);
	if (rc)
		return fail(m->dir, rc);
	sigemptyset(&signals);
	for (i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&signals, passed_on[i]);
	sigprocmask(SIG_BLOCK, &signals, &old);
	/* Whoever ignores it is not told, and has no children to wait for. */
	signal(SIGCHLD, SIG_DFL);
	child = fork();
	if (!child)
		_exit(become(command, m->dir, fd, &old));
	rc = child < 0 ? fail("fork", errno) : 0;
	close(fd);
	if (!rc)
		rc = wait_for(child, &signals);
	clear_away(m->dir);
	return rc;
}
