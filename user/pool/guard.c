// SPDX-License-Identifier: GPL-2.0-only
/* Memory that may turn out to be bad: SIGBUS becomes an error. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"

/* A thread's way out, while it is in guard_run(). */
struct way_out {
	sigjmp_buf env;
	const void *volatile addr;
};

static _Thread_local struct way_out *volatile way_out;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!way_out) {
		/* Not ours: it comes again, and finds nobody. */
		signal(sig, SIG_DFL);
		return;
	}
	way_out->addr = info->si_addr;
	siglongjmp(way_out->env, 1);
}

/* Each time: what else is in the process, a test's frame say, may have its own. */
static void install(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigaction(SIGBUS, &sa, NULL);
}

/* Of a thread that blocks all signals, a fault would kill the program. */
static void unblock(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &set, old);
}

static int run(int (*fn)(void *ctx), void *ctx, const void **fault)
{
	struct way_out *volatile outer = way_out;
	struct way_out out;
	int rc;

	if (sigsetjmp(out.env, 0)) {
		way_out = outer;
		if (fault)
			*fault = out.addr;
		return -EIO;
	}
	way_out = &out;
	rc = fn(ctx);
	way_out = outer;
	return rc;
}

int guard_run(int (*fn)(void *ctx), void *ctx, const void **fault)
{
	sigset_t old;
	int rc;

	install();
	unblock(&old);
	rc = run(fn, ctx, fault);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

struct copying {
	void *dst;
	const void *src;
	uint64_t len;
};

static int copy_it(void *ctx)
{
	const struct copying *c = ctx;

	memcpy(c->dst, c->src, c->len);
	return 0;
}

/* Where the fault was is not what was copied: memcpy() has its own order. */
int guard_copy(void *dst, const void *src, uint64_t len, uint64_t *good)
{
	uint64_t page = sysconf(_SC_PAGESIZE), done = 0, n;
	struct copying c = { dst, src, len };

	*good = len;
	if (!guard_run(copy_it, &c, NULL))
		return 0;
	while (done < len) {
		n = page - ((uintptr_t)src + done) % page;
		c.dst = (char *)dst + done;
		c.src = (const char *)src + done;
		c.len = n < len - done ? n : len - done;
		if (guard_run(copy_it, &c, NULL))
			break;
		done += c.len;
	}
	*good = done;
	return done < len ? -EIO : 0;
}
