// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing a DAX device's driver, on a made-up host.
 *
 *   1. From any driver to any other: it has that one; memory is taken from the system
 *      before, and no step is done in vain.
 *   2. Whichever step fails: everything is as it was, and it is told which one failed.
 *   3. A driver that says yes and does not take the device is a failure, too.
 *   4. If that cannot be undone either, it is said.
 *   5. What driver it had is noted before that changes; if it cannot be, nothing does.
 *   6. What bind has not taken is not given back unasked.
 */
#include <errno.h>
#include "unit.h"
#include "rebind.h"

/**
 * struct host - a device, and what is done with it
 * @online: the system uses it as memory
 * @calls: so far; that number @fail_at fails, and all from @fail_from on
 * @noted: what driver it had; "?": nothing
 * @liar: a driver that takes nothing and says nothing
 */
struct host {
	char driver[64];
	bool online;
	unsigned int calls;
	unsigned int fail_at;
	unsigned int fail_from;
	char noted[64];
	const char *liar;
};

static bool fails(struct host *h)
{
	h->calls++;
	return h->calls == h->fail_at || (h->fail_from && h->calls >= h->fail_from);
}

static int driver(void *ctx, char *name, size_t size)
{
	struct host *h = ctx;

	if (fails(h))
		return -EIO;
	snprintf(name, size, "%s", h->driver);
	return 0;
}

static int load(void *ctx, const char *name)
{
	assert_true(*name);
	return fails(ctx) ? -ENOENT : 0;
}

static int record(void *ctx, const char *name)
{
	struct host *h = ctx;

	assert_string_equal(h->driver, name);
	if (fails(h))
		return -ENOSPC;
	strcpy(h->noted, name);
	return 0;
}

/* One that fails has done half of it. */
static int offline(void *ctx)
{
	struct host *h = ctx;

	assert_string_equal(h->driver, DRIVER_KMEM);
	assert_string_equal(h->noted, h->driver);
	h->online = false;
	return fails(h) ? -EBUSY : 0;
}

static int online(void *ctx)
{
	struct host *h = ctx;

	assert_string_equal(h->driver, DRIVER_KMEM);
	if (fails(h))
		return -EIO;
	h->online = true;
	return 0;
}

static int unbind(void *ctx, const char *name)
{
	struct host *h = ctx;

	assert_string_equal(h->driver, name);
	assert_false(h->online);
	assert_string_not_equal(h->noted, "?");
	if (fails(h))
		return -EBUSY;
	h->driver[0] = '\0';
	return 0;
}

static int bind_to(void *ctx, const char *name)
{
	struct host *h = ctx;

	assert_string_equal(h->driver, "");
	assert_string_not_equal(h->noted, "?");
	assert_true(*name);
	if (fails(h))
		return -ENODEV;
	if (!h->liar || strcmp(h->liar, name))
		strcpy(h->driver, name);
	return 0;
}

static const struct rebind_ops ops = {
	.driver = driver, .load = load, .record = record, .offline = offline, .online = online,
	.unbind = unbind, .bind = bind_to,
};

static const char *const drivers[] = { "", DRIVER_DEVDAX, DRIVER_KMEM,
				       DRIVER_FSDEV };

static struct host host_with(const char *name)
{
	struct host h = { .online = !strcmp(name, DRIVER_KMEM), .noted = "?" };

	strcpy(h.driver, name);
	return h;
}

static void assert_as_before(const struct host *h, const char *from)
{
	assert_string_equal(h->driver, from);
	assert_int_equal(h->online, !strcmp(from, DRIVER_KMEM));
}

typedef void (*pair_fn)(const char *from, const char *to);

static void for_pairs(pair_fn fn)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		for (k = 0; k < ARRAY_SIZE(drivers); k++)
			fn(drivers[i], drivers[k]);
}

static void try_success(const char *from, const char *to)
{
	struct host h = host_with(from);
	struct rebind out;

	assert_int_equal(rebind(&ops, &h, to, &out), 0);
	assert_string_equal(h.driver, to);
	assert_string_equal(out.from, from);
	assert_int_equal(out.undo_rc, 0);
	if (!strcmp(from, to))
		assert_int_equal(h.calls, 1);
}

static void a_device_gets_the_driver(void **state)
{
	(void)state;
	for_pairs(try_success);
}

static void try_failures(const char *from, const char *to)
{
	struct rebind out;
	struct host h;
	unsigned int n;
	int rc;

	for (n = 1;; n++) {
		h = host_with(from);
		h.fail_at = n;
		rc = rebind(&ops, &h, to, &out);
		if (h.calls < n)
			break;
		assert_int_not_equal(rc, 0);
		assert_int_not_equal(out.step, REBIND_NONE);
		assert_int_equal(out.undo_rc, 0);
		assert_as_before(&h, from);
	}
	assert_int_equal(rc, 0);
}

static void whichever_step_fails_all_is_undone(void **state)
{
	(void)state;
	for_pairs(try_failures);
}

static void try_liar(const char *from, const char *to)
{
	struct host h = host_with(from);
	struct rebind out;

	if (!*to || !strcmp(from, to))
		return;
	h.liar = to;
	assert_int_equal(rebind(&ops, &h, to, &out), -ENODEV);
	assert_int_equal(out.step, REBIND_CHECK);
	assert_as_before(&h, from);
}

static void a_driver_that_does_not_take_it_is_a_failure(void **state)
{
	(void)state;
	for_pairs(try_liar);
}

static void what_cannot_be_undone_is_said(void **state)
{
	struct host h = host_with(DRIVER_DEVDAX);
	struct rebind out;

	(void)state;
	/* driver, load, record, unbind, then bind fails, and so does binding it back */
	h.fail_from = 5;
	assert_int_equal(rebind(&ops, &h, DRIVER_FSDEV, &out), -ENODEV);
	assert_int_equal(out.step, REBIND_BIND);
	assert_int_equal(out.undo_rc, -ENODEV);
	h = host_with(DRIVER_KMEM);
	/* driver, load, record, offline fails, and so does online */
	h.fail_from = 4;
	assert_int_equal(rebind(&ops, &h, DRIVER_FSDEV, &out), -EBUSY);
	assert_int_equal(out.step, REBIND_OFFLINE);
	assert_int_equal(out.undo_rc, -EIO);
}

static void only_what_was_taken_is_given_back(void **state)
{
	(void)state;
	assert_true(rebind_may_return(DRIVER_FSDEV, true));
	assert_true(rebind_may_return(DRIVER_FSDEV, false));
	assert_false(rebind_may_return(DRIVER_KMEM, true));
	assert_false(rebind_may_return(DRIVER_KMEM, false));
	assert_false(rebind_may_return(DRIVER_DEVDAX, false));
	/* bind was interrupted, or nobody wanted it to have one */
	assert_true(rebind_may_return("", true));
	assert_false(rebind_may_return("", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_gets_the_driver),
		cmocka_unit_test(whichever_step_fails_all_is_undone),
		cmocka_unit_test(a_driver_that_does_not_take_it_is_a_failure),
		cmocka_unit_test(what_cannot_be_undone_is_said),
		cmocka_unit_test(only_what_was_taken_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
