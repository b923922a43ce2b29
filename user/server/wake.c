// SPDX-License-Identifier: GPL-2.0-only
/* Threads that can be woken. */
#include <signal.h>
#include <time.h>

#include "wake.h"

/* Nobody else's: neither an administrator's nor libfuse's. */
#define WAKE_SIGNAL	SIGRTMIN

/* One that comes before the thread waits wakes nobody. Milliseconds. */
#define WAKE_AGAIN	100

static void on_wake(int sig)
{
	(void)sig;
}

int wake_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	const struct sigaction sa = { .sa_handler = on_wake };
	sigset_t others, old;
	int rc;

	sigaction(WAKE_SIGNAL, &sa, NULL);
	sigfillset(&others);
	sigdelset(&others, WAKE_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &others, &old);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

void wake_join(pthread_t thread)
{
	struct timespec end;

	do {
		pthread_kill(thread, WAKE_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_nsec += WAKE_AGAIN * 1000000L;
		if (end.tv_nsec >= 1000000000) {
			end.tv_sec++;
			end.tv_nsec -= 1000000000;
		}
	} while (pthread_timedjoin_np(thread, NULL, &end));
}
