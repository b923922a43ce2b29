// SPDX-License-Identifier: GPL-2.0
/* Others' processes: see other.h. */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "other.h"
#include "place.h"

void be_other(void)
{
	OK(setgroups(0, NULL));
	OK(setresgid(OTHER_ID, OTHER_ID, OTHER_ID));
	OK(setresuid(OTHER_ID, OTHER_ID, OTHER_ID));
	/* As if it had been started so: its /proc is its own. */
	OK(prctl(PR_SET_DUMPABLE, 1));
}

struct doing {
	int (*fn)(void *arg);
	void *arg;
};

static int do_as_other(void *arg)
{
	struct doing *doing = arg;

	be_other();
	return doing->fn(doing->arg);
}

int as_other(int (*fn)(void *arg), void *arg)
{
	struct doing doing = { fn, arg };
	struct task t = task_start(do_as_other, &doing);

	return task_wait(&t);
}

void set_caps(uint64_t caps)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	OK(syscall(SYS_capget, &h, d));
	d[0].effective = d[0].permitted & caps;
	d[1].effective = d[1].permitted & caps >> 32;
	OK(syscall(SYS_capset, &h, d));
}

void own_userns(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", uids);
	write_text("/proc/self/gid_map", gids);
}

int fd_of(int pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), rc;

	if (pidfd < 0)
		return -1;
	rc = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	return rc;
}
