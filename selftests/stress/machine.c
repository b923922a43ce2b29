// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to the whole machine: unused inodes go, memory gets short, a CPU
 * goes and comes back, and so do the devices.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

static bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return n == (ssize_t)strlen(text);
}

static void drop(struct rng *r)
{
	char text[2] = { '1' + rnd(r, 3) };

	lane_begin(OP_drop_caches);
	if (!put_text("/proc/sys/vm/drop_caches", text))
		broken("drop_caches: %s", strerror(errno));
	lane_end(false);
}

/* Not all CPUs can go. */
static void cpu(struct rng *r)
{
	static const char path[] = "/sys/devices/system/cpu/cpu1/online";

	if (access(path, W_OK))
		return;
	lane_begin(OP_cpu_offline);
	if (put_text(path, "0")) {
		nap(r, 300);
		while (!put_text(path, "1"))
			if (errno != EBUSY && errno != EINTR)
				broken("a CPU does not come back: %s",
				       strerror(errno));
	}
	lane_end(false);
}

static size_t available_kib(void)
{
	char text[4096], *at;

	if (read_text("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "MemAvailable:");
	return at ? strtoul(at + 13, NULL, 10) : 0;
}

/* The first to be killed, if it comes to that. */
static void hog(struct rng *r)
{
	size_t kib = available_kib(), room = 160 * KIB;
	int pid, status;

	if (kib < 2 * room)
		return;
	soak->pressure = true;
	lane_begin(OP_memory_hog);
	pid = fork();
	if (!pid) {
		size_t len = (kib - room) * KIB;
		uint8_t *p;

		put_text("/proc/self/oom_score_adj", "1000");
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		nap(r, p == MAP_FAILED ? 1 : 500);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	lane_end(false);
	soak->pressure = false;
}

/* --- devices --- */

struct driver {
	char dir[64];
	char name[64];
};

static struct driver driver_of(const struct daxdev *dev)
{
	const char *base = strrchr(dev->node, '/') + 1;
	char link[128], target[256];
	struct driver d = { .dir = "/sys/bus/nd/drivers/nd_pmem" };
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/class/block/%s/device", base);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		broken("%s: %s", link, strerror(errno));
	target[n] = 0;
	snprintf(d.name, sizeof(d.name), "%.63s", strrchr(target, '/') + 1);
	return d;
}

static void tell(const struct driver *d, const char *what)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", d->dir, what);
	if (!put_text(path, d->name))
		broken("%s of %s: %s", what, d->name, strerror(errno));
}

static void remove_and_return(struct rng *r, struct driver *drivers)
{
	int i = rnd(r, soak->ndevs);

	soak->gone[i] = true;
	lane_begin(OP_device_removed);
	tell(&drivers[i], "unbind");
	lane_end(false);
	nap(r, 2000);
	lane_begin(OP_device_returned);
	tell(&drivers[i], "bind");
	while (access(soak->dev[i].node, F_OK))
		usleep(1000);
	lane_end(false);
	soak->removals[i]++;
	soak->gone[i] = false;
}

void machine_main(int removal)
{
	struct driver drivers[DEVICES];
	struct rng r = rng_for(WORLDS, 0, 0, 0);
	int64_t next = t_now_ms() + 5000;

	lane_take(LANE_MACHINE);
	for (int i = 0; i < soak->ndevs; i++)
		drivers[i] = driver_of(&soak->dev[i]);
	while (!soak->stop) {
		uint32_t n = rnd(&r, 100);

		nap(&r, 1000);
		if (n < 60)
			drop(&r);
		else if (n < 75)
			cpu(&r);
		else if (n < 90)
			hog(&r);
		if (removal && t_now_ms() > next) {
			remove_and_return(&r, drivers);
			next = t_now_ms() + 5000 + rnd(&r, 20000);
		}
	}
}
