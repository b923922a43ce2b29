/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test harness: TAP output, each test in a process of its own.
 *
 *	TEST(fmap_overlap_is_refused)
 *	{
 *		int fd = OK(open(path, O_RDONLY));
 *
 *		FAILS(EEXIST, open(other, O_RDONLY));
 *		EQ(counter(m, "fmaps"), 1);
 *	}
 *
 * The first check that does not hold ends its test. A program takes words as
 * arguments: only tests whose names contain one of them run.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A test that hangs is ended after so many seconds: emulation is slow. */
#define T_GUARD		(240 * t_slower())
/* Waiting for something that another process does, at most, in seconds. */
#define T_WAIT		(60 * t_slower())

typedef void (*test_fn)(const void *arg);

void t_add(const char *name, test_fn fn, const void *arg);
void t_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void t_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* TEST_SLOWER; see settings. */
int t_slower(void);

/* Called in each test's process before its function; see env.c. */
void t_setup(void);
/* Called in the harness's process after each test: NULL, or what it left. */
const char *t_leftover(void);

#define TEST(name)							\
	static void name(const void *arg_unused);			\
	static void __attribute__((constructor)) add_##name(void)	\
	{								\
		t_add(#name, name, NULL);				\
	}								\
	static void name(const void *arg_unused __attribute__((unused)))

/* One test a row of @rows, which begins with its name. */
#define TEST_ROWS(fn, rows)						\
	static void __attribute__((constructor)) add_##rows(void)	\
	{								\
		for (size_t i_ = 0; i_ < ARRAY_SIZE(rows); i_++)	\
			t_add((rows)[i_].name, fn, &(rows)[i_]);	\
	}

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define FAIL(...)	t_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Holds if the call does not return a negative value; gives its value. */
#define OK(expr) ({							\
	errno = 0;							\
	long long v_ = (long long)(expr);				\
	if (v_ < 0)							\
		FAIL("%s: %s", #expr, strerror(errno));			\
	v_; })

/* Holds if the call fails with that errno. */
#define FAILS(err, expr) do {						\
	errno = 0;							\
	long long v_ = (long long)(expr);				\
	int e_ = errno;							\
	if (v_ >= 0)							\
		FAIL("%s: %lld, not %s", #expr, v_, strerror(err));	\
	if (e_ != (err))						\
		FAIL("%s: %s (%d), not %s (%d)", #expr, strerror(e_),	\
		     e_, strerror(err), (err));				\
} while (0)

#define EQ(expr, want) do {						\
	long long v_ = (long long)(expr), w_ = (long long)(want);	\
	if (v_ != w_)							\
		FAIL("%s: %lld, not %lld (%s)", #expr, v_, w_, #want);	\
} while (0)

#define EQ_STR(expr, want) do {						\
	const char *v_ = (expr), *w_ = (want);				\
	if (strcmp(v_, w_))						\
		FAIL("%s: \"%s\", not \"%s\"", #expr, v_, w_);		\
} while (0)

#define TRUE(expr) do {							\
	if (!(expr))							\
		FAIL("%s does not hold", #expr);			\
} while (0)

/* Waits until it holds; at most T_WAIT seconds. */
#define UNTIL(expr) do {						\
	struct t_deadline d_ = t_deadline();				\
	while (!(expr))							\
		if (!t_pause(&d_))					\
			FAIL("%s did not come about", #expr);		\
} while (0)

struct t_deadline {
	int64_t ends_ms;
};

struct t_deadline t_deadline(void);
bool t_pause(const struct t_deadline *d);
int64_t t_now_ms(void);

/* A child process that does something beside the test. */
struct task {
	int pid;
	int *result;	/* shared; what @fn returned */
};

struct task task_start(int (*fn)(void *arg), void *arg);
bool task_done(struct task *t);
int task_wait(struct task *t);
int task_reap(struct task *t);
void task_kill(struct task *t);
void *t_shared(size_t size);

#endif /* SELFTESTS_TAP_H */
