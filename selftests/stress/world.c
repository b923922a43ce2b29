// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world: lives, one after another. What happens in a life but for what notifiers
 * and clients do: they and the server are killed and started anew, the server
 * hangs, the connection is looked at and aborted, the mount goes, or does not
 * because it is in use.
 *
 * Whoever may have the life's lock is killed with the lock held, and reaped before
 * it is let go: so nobody dies with it. That he dies without anybody having to
 * answer is a promise of the module.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

struct world {
	struct life *l;
	struct rng r;
	int dev;		/* the device fd that is kept, or -1 */
	int server;		/* pids; 0: none */
	int client[CLIENTS], notifier[NOTIFIERS];
	uint64_t starts;
};

/* --- processes --- */

static int lane_of_client(int index)
{
	return LANE_CLIENT + index * THREADS * 2;
}

static bool in_child(int *pid)
{
	*pid = fork();
	if (*pid < 0)
		broken("fork: %s", strerror(errno));
	if (*pid)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

static void start_server(struct world *w, int dev)
{
	uint64_t start = w->starts++;

	if (!in_child(&w->server))
		return;
	server_main(w->l, dev, start);
	_exit(0);
}

static void start_notifier(struct world *w, int i, int dev)
{
	uint64_t start = w->starts++;

	if (!in_child(&w->notifier[i]))
		return;
	lane_take(w->l->world * WORLD_LANES + LANE_NOTIFIER + i);
	notifier_main(w->l, dev, i, start);
	_exit(0);
}

/* A group of its own, with the children that it will have. */
static void start_client(struct world *w, int i, int dev)
{
	uint64_t start = w->starts++;

	/* From its first instruction on. */
	signal(SIGUSR1, SIG_IGN);
	if (!in_child(&w->client[i])) {
		setpgid(w->client[i], w->client[i]);
		return;
	}
	setpgid(0, 0);
	if (dev >= 0)
		close(dev);
	client_main(w->l, i, start);
	_exit(0);
}

static void reap(int pid, const char *who)
{
	int status;

	while (waitpid(pid, &status, 0) > 0)
		if (WIFEXITED(status) ? WEXITSTATUS(status) :
		    WTERMSIG(status) != SIGKILL)
			broken("%s has ended with status %#x", who, status);
}

static void stop_server(struct world *w)
{
	struct life *l = w->l;

	if (!w->server)
		return;
	lane_begin(OP_server_killed);
	life_lock(l);
	kill(w->server, SIGKILL);
	reap(w->server, "a server");
	server_adopt(l);
	life_unlock(l);
	lane_end(false);
	w->server = 0;
}

static void kill_notifier(struct world *w, int i)
{
	struct life *l = w->l;

	lane_begin(OP_notifier_killed);
	life_lock(l);
	kill(w->notifier[i], SIGKILL);
	reap(w->notifier[i], "a notifier");
	notifier_forget(l, i);
	life_unlock(l);
	lane_end(false);
	lane_clear(l->world * WORLD_LANES + LANE_NOTIFIER + i);
	w->notifier[i] = 0;
}

static void end_client(struct world *w, int i, bool killed)
{
	int first = w->l->world * WORLD_LANES + lane_of_client(i);

	lane_begin(killed ? OP_client_killed : OP_client_ended);
	if (killed)
		kill(-w->client[i], SIGKILL);
	reap(-w->client[i], "a client");
	lane_end(false);
	for (int k = 0; k < THREADS * 2; k++)
		lane_clear(first + k);
	w->l->in[i] = false;
	w->client[i] = 0;
}

static void end_clients(struct world *w, bool killed)
{
	w->l->stop_clients = true;
	for (int i = 0; i < w->l->traits.clients; i++)
		end_client(w, i, killed);
}

static void end_notifiers(struct world *w, bool killed)
{
	w->l->stop_notifiers = true;
	for (int i = 0; i < w->l->traits.notifiers; i++) {
		if (!w->notifier[i])
			continue;
		if (killed) {
			kill_notifier(w, i);
			continue;
		}
		reap(w->notifier[i], "a notifier");
		w->notifier[i] = 0;
	}
}

/* --- the beginning --- */

static void begin(struct world *w)
{
	struct life *l = w->l;
	struct stat st;
	int dev;

	life_begin(l, &w->r);
	snprintf(l->dir, sizeof(l->dir), "/tmp/soak-%d-%d", getpid(), l->world);
	mkdir(l->dir, 0755);
	lane_begin(OP_mount);
	dev = open_dev();
	if (mount_fd(dev, l->dir, l->traits.permissions ?
		     "allow_other,default_permissions" : "allow_other"))
		broken("mount: %s", strerror(errno));
	l->minor = mount_minor(l->dir);
	start_server(w, dev);
	/* INIT has been answered. */
	if (stat(l->dir, &st))
		broken("the root of a new mount: %s", strerror(errno));
	lane_end(false);
	for (int i = 0; i < l->traits.clients; i++)
		start_client(w, i, dev);
	for (int i = 0; i < l->traits.notifiers; i++)
		start_notifier(w, i, dev);
	w->dev = dev;
	if (!l->traits.keeper) {
		close(dev);
		w->dev = -1;
	}
}

/* --- in between --- */

static void restart_server(struct world *w)
{
	bool early = chance(&w->r, 50);

	if (w->dev < 0)
		return;
	stop_server(w);
	if (chance(&w->r, 50))
		nap(&w->r, 300);
	lane_begin(OP_server_restarted);
	if (early && note_resend(w->dev) < 0)
		broken("RESEND without a server: %s", strerror(errno));
	start_server(w, w->dev);
	if (!early)
		nap(&w->r, 20);
	if (!early && note_resend(w->dev) < 0)
		broken("RESEND: %s", strerror(errno));
	lane_end(false);
}

static void hang_server(struct world *w)
{
	struct life *l = w->l;
	int status;

	lane_begin(OP_server_stopped);
	life_lock(l);
	kill(w->server, SIGSTOP);
	waitpid(w->server, &status, WUNTRACED);
	life_unlock(l);
	nap(&w->r, 500);
	if (w->dev >= 0 && chance(&w->r, 30))
		restart_server(w);
	else
		kill(w->server, SIGCONT);
	lane_end(false);
}

static void replace_client(struct world *w)
{
	int i = rnd(&w->r, w->l->traits.clients);

	end_client(w, i, true);
	start_client(w, i, w->dev);
}

/* For which a server gets an INTERRUPT, and answers all the same. */
static void signal_clients(struct world *w)
{
	for (int n = rnd(&w->r, 10); n; n--) {
		lane_begin(OP_client_signalled);
		kill(-w->client[rnd(&w->r, w->l->traits.clients)], SIGUSR1);
		lane_end(false);
		nap(&w->r, 20);
	}
}

static void replace_notifier(struct world *w)
{
	int i = rnd(&w->r, w->l->traits.notifiers);

	if (w->dev < 0)
		return;
	kill_notifier(w, i);
	start_notifier(w, i, w->dev);
}

/* Requests that are being answered are asked again. */
static void resend(struct world *w)
{
	if (w->dev < 0)
		return;
	lane_begin(OP_resend);
	if (note_resend(w->dev) < 0)
		broken("RESEND: %s", strerror(errno));
	lane_end(false);
}

static void change_limits(struct world *w)
{
	struct mnt m = { .minor = w->l->minor };
	char text[16];

	sprintf(text, "%u", 1 + rnd(&w->r, 20));
	lane_begin(OP_limits_changed);
	if (sysfs_write(&m, chance(&w->r, 50) ? "max_background" :
			"congestion_threshold", text))
		broken("a limit of %s: %s", text, strerror(errno));
	lane_end(false);
}

/* Each client has the root open, or is about to have it. */
static void unmount_busy(struct world *w)
{
	struct life *l = w->l;

	int n = 0;

	for (int i = 0; i < l->traits.clients; i++)
		n += l->in[i];
	if (!n)
		return;
	lane_begin(OP_umount_busy);
	if (!umount2(l->dir, 0))
		broken("a mount in use was unmounted");
	if (errno != EBUSY)
		broken("unmounting a mount in use: %s", strerror(errno));
	lane_end(false);
}

static void something(struct world *w)
{
	uint32_t n = rnd(&w->r, 100);

	if (n < 25)
		restart_server(w);
	else if (n < 35)
		hang_server(w);
	else if (n < 50)
		replace_client(w);
	else if (n < 58)
		signal_clients(w);
	else if (n < 70)
		replace_notifier(w);
	else if (n < 85)
		resend(w);
	else if (n < 95)
		change_limits(w);
	else
		unmount_busy(w);
}

/* --- the end --- */

/* It ends by itself: there is nothing to read any more. */
static void await_server(struct world *w)
{
	if (!w->server)
		return;
	lane_begin(OP_server_ended);
	reap(w->server, "a server");
	lane_end(false);
	w->server = 0;
}

static void unmount(struct world *w)
{
	struct life *l = w->l;

	lane_begin(OP_umount);
	/* Something of the kernel's may have it for a moment. */
	while (umount2(l->dir, 0)) {
		if (errno != EBUSY)
			broken("unmounting %s: %s", l->dir, strerror(errno));
		usleep(10000);
	}
	lane_end(false);
}

static void orderly(struct world *w)
{
	struct mnt m = { .minor = w->l->minor };

	end_clients(w, chance(&w->r, 50));
	end_notifiers(w, false);
	lane_begin(OP_balanced);
	/* What is on its way when the mount goes is not sent any more. */
	while (sysfs_read(&m, "waiting"))
		usleep(1000);
	lane_end(false);
	unmount(w);
	await_server(w);
	server_balance(w->l);
}

static void lazy(struct world *w)
{
	struct life *l = w->l;

	l->state |= LIFE_DETACHED;
	lane_begin(OP_umount_lazy);
	if (umount2(l->dir, MNT_DETACH))
		broken("unmounting lazily: %s", strerror(errno));
	lane_end(false);
	nap(&w->r, 500);
	end_clients(w, chance(&w->r, 50));
	end_notifiers(w, chance(&w->r, 50));
	await_server(w);
}

static void close_device(struct world *w)
{
	end_notifiers(w, true);
	stop_server(w);
	if (w->dev >= 0)
		close(w->dev);
	w->dev = -1;
}

/* Return: it is even unmounted. */
static bool cut_off(struct world *w, enum op how)
{
	struct mnt m = { .minor = w->l->minor };
	bool unmounted = false;

	w->l->state |= LIFE_DYING;
	lane_begin(how);
	if (how == OP_umount_forced) {
		unmounted = !umount2(w->l->dir, MNT_FORCE);
		if (!unmounted && errno != EBUSY)
			broken("unmounting by force: %s", strerror(errno));
	} else if (how == OP_abort) {
		if (sysfs_write(&m, "abort", "1"))
			broken("abort: %s", strerror(errno));
	} else {
		close_device(w);
	}
	lane_begin(how);
	lane_end(false);
	return unmounted;
}

static void abrupt(struct world *w, enum op how)
{
	bool unmounted = cut_off(w, how);

	/* What is mapped stays so. */
	nap(&w->r, 300);
	end_clients(w, chance(&w->r, 50));
	end_notifiers(w, chance(&w->r, 50));
	if (!unmounted)
		unmount(w);
	await_server(w);
}

static void end(struct world *w)
{
	static const enum op how[] = {
		OP_umount_forced, OP_abort, OP_device_closed,
	};
	struct life *l = w->l;
	uint32_t n = rnd(&w->r, 10);

	if (n < 5)
		orderly(w);
	else if (n < 7)
		lazy(w);
	else
		abrupt(w, how[n - 7]);
	if (w->dev >= 0)
		close(w->dev);
	for (int i = 0; i < MEMFILES; i++)
		if (version_of(&l->mem[i], l->mem[i].begun)->size)
			place_check(l, &l->mem[i], l->mem[i].begun);
	if (rmdir(l->dir))
		broken("rmdir of %s: %s", l->dir, strerror(errno));
	munmap(l->srv, sizeof(*l->srv) + SRV_HEAP);
}

static bool devices_there(void)
{
	for (int i = 0; i < soak->ndevs; i++)
		if (soak->gone[i])
			return false;
	return true;
}

static void live(struct world *w)
{
	struct life *l = w->l;
	int64_t until;

	w->r = rng_for(l->world, l->number, 0, 0);
	w->starts = 1;
	begin(w);
	until = t_now_ms() + l->traits.length_ms;
	while (!soak->stop && t_now_ms() < until) {
		nap(&w->r, 200);
		something(w);
		/* A device that has gone does not come back to who had it. */
		if (life_state(l) & LIFE_REMOVED && chance(&w->r, 20))
			break;
	}
	end(w);
}

void world_main(int world)
{
	struct world w = { .l = t_shared(sizeof(*w.l)) };

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	lane_take(world * WORLD_LANES + LANE_WORLD);
	w.l->world = world;
	for (; !soak->stop; w.l->number++) {
		while (!devices_there() && !soak->stop)
			usleep(10000);
		live(&w);
	}
}
