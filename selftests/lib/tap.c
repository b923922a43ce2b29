// SPDX-License-Identifier: GPL-2.0
/* Test harness: see tap.h. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define MAX_TESTS	256

static struct {
	const char *name;
	test_fn fn;
	const void *arg;
} tests[MAX_TESTS];
static int ntests;

void t_add(const char *name, test_fn fn, const void *arg)
{
	if (ntests == MAX_TESTS) {
		fprintf(stderr, "too many tests\n");
		exit(1);
	}
	tests[ntests].name = name;
	tests[ntests].fn = fn;
	tests[ntests++].arg = arg;
}

static void diag(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "# %s", prefix);

	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) < 0)
		_exit(1);
}

void t_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag("", fmt, ap);
	va_end(ap);
}

void t_fail(const char *file, int line, const char *fmt, ...)
{
	char prefix[128];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "%s:%d: ",
		 strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
	va_start(ap, fmt);
	diag(prefix, fmt, ap);
	va_end(ap);
	_exit(1);
}

int64_t t_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int t_slower(void)
{
	const char *s = getenv("TEST_SLOWER");

	return s && atoi(s) > 0 ? atoi(s) : 1;
}

struct t_deadline t_deadline(void)
{
	return (struct t_deadline){ t_now_ms() + T_WAIT * 1000LL };
}

/* Between two looks at a condition; false once the time is over. */
bool t_pause(const struct t_deadline *d)
{
	usleep(2000);
	return t_now_ms() < d->ends_ms;
}

void *t_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		FAIL("no shared memory: %s", strerror(errno));
	return p;
}

/* Runs @fn in a child; its return value is for task_wait(). */
struct task task_start(int (*fn)(void *arg), void *arg)
{
	struct task t = { .result = t_shared(sizeof(int)) };

	*t.result = -1;
	t.pid = fork();
	if (t.pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (!t.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*t.result = fn(arg);
		_exit(0);
	}
	return t;
}

bool task_done(struct task *t)
{
	siginfo_t si = { 0 };

	return !waitid(P_PID, t->pid, &si, WEXITED | WNOHANG | WNOWAIT) &&
	       si.si_pid == t->pid;
}

/* Waits for its end; gives the wait status. */
int task_reap(struct task *t)
{
	int status;

	UNTIL(task_done(t));
	if (waitpid(t->pid, &status, 0) != t->pid)
		FAIL("waitpid: %s", strerror(errno));
	return status;
}

/* Waits for its end, which must be a return; gives what it returned. */
int task_wait(struct task *t)
{
	int status = task_reap(t);

	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("a child process ended with status %#x", status);
	return *t->result;
}

/* SIGKILL, and nothing else, ends it. */
void task_kill(struct task *t)
{
	OK(kill(t->pid, SIGKILL));
	EQ(task_reap(t), SIGKILL);
}

static bool run(int i)
{
	int status, pid = fork();

	if (!pid) {
		/* So that whatever the test starts can be ended with it. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(T_GUARD);
		t_setup();
		tests[i].fn(tests[i].arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status))
		t_diag("ended by signal %d (%s)", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? "it hung" :
		       strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool wanted(const char *name, char **words)
{
	bool any = !*words;

	for (; *words; words++)
		any |= !!strstr(name, *words);
	return any;
}

int main(int argc, char **argv)
{
	int i, n = 0, failed = 0, planned = 0;

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < ntests; i++)
		planned += wanted(tests[i].name, argv + 1);
	printf("TAP version 13\n1..%d\n", planned);
	fflush(stdout);
	for (i = 0; i < ntests; i++) {
		const char *left;
		bool good;

		if (!wanted(tests[i].name, argv + 1))
			continue;
		good = run(i);
		left = t_leftover();
		if (left) {
			t_diag("left behind: %s", left);
			good = false;
		}
		failed += !good;
		printf("%sok %d - %s\n", good ? "" : "not ", ++n, tests[i].name);
		fflush(stdout);
	}
	return failed || !planned;
}
