// SPDX-License-Identifier: GPL-2.0
/*
 * fmapfsd --takeover, where the next server is another one than it was.
 *
 * 1. The layout changes between two lives: a file that is there no more is
 *    ESTALE; one with other extents shows what is there, through an fd from
 *    before; new names are found, though it was known that there are none.
 *    Also if the one that learned of the change is killed before it has told the
 *    kernel of all of it.
 * 2. Devices change: the old mount ends, a new one works.
 * 3. What no successor can use: a mount whose device nobody kept is cleared away.
 * 4. A successor that cannot start, for mistakes in the layout or in the command
 *    line, leaves all to the next one.
 * 5. One that is to mount elsewhere unmounts the old mount, but nothing that was
 *    mounted over it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/place.h"
#include "lib/tap.h"

#define ROUNDS		24

#define AT(name, dev, off)	\
	"  - { path: " name ", size: 2M, extents: [{ device: " dev ", offset: " off ", length: 2M }] }\n"

static void fill(const struct place *p, const char *name, char c)
{
	int fd = OK(open(place_at(p, name), O_RDWR | O_CLOEXEC));

	EQ(pwrite(fd, &c, 1, 0), 1);
	OK(close(fd));
}

static int first_byte(int fd)
{
	unsigned char c;

	return pread(fd, &c, 1, 0) == 1 ? c : -errno;
}

TEST(a_changed_layout_is_seen)
{
	struct place *p = place_new(AT("stays", "0", "4M") AT("moves", "0", "8M")
				    AT("goes", "0", "12M"));
	int stays, moves, goes;
	struct stat st;

	/* Believed for long, were it not for the change. */
	place_start(p, "--timeout=1000", NULL);
	fill(p, "stays", 's');
	fill(p, "moves", 'm');
	stays = OK(open(place_at(p, "stays"), O_RDONLY | O_CLOEXEC));
	moves = OK(open(place_at(p, "moves"), O_RDONLY | O_CLOEXEC));
	goes = OK(open(place_at(p, "goes"), O_RDONLY | O_CLOEXEC));
	FAILS(ENOENT, stat(place_at(p, "comes"), &st));
	EQ(first_byte(moves), 'm');
	keeper_kill(&p->k);
	place_write_layout(p, AT("stays", "0", "4M") AT("moves", "1", "8M")
		     AT("comes", "1", "16M"));
	place_again(p);
	fill(p, "moves", 'M');
	EQ(first_byte(moves), 'M');
	EQ(first_byte(stays), 's');
	OK(stat(place_at(p, "comes"), &st));
	FAILS(ENOENT, stat(place_at(p, "goes"), &st));
	FAILS(ESTALE, fchmod(goes, 0600));
	OK(close(stays));
	OK(close(moves));
	OK(close(goes));
	place_end(p);
}

/* What a server killed on the way has not said, the next one says. */
TEST(a_change_is_seen_though_its_server_is_killed)
{
	struct place *p = place_new(AT("moves", "0", "8M"));
	const char *const offsets[] = { AT("moves", "0", "8M"),
					AT("moves", "1", "8M") };
	int fd, round;

	place_start(p, "--timeout=1000", NULL);
	fill(p, "moves", 0);
	fd = OK(open(place_at(p, "moves"), O_RDWR | O_CLOEXEC));
	keeper_kill(&p->k);
	place_write_layout(p, offsets[1]);
	place_again(p);
	fill(p, "moves", 1);
	for (round = 0; round < ROUNDS; round++) {
		EQ(first_byte(fd), !(round % 2));
		keeper_kill(&p->k);
		place_write_layout(p, offsets[round % 2]);
		keeper_start(&p->k, p->argv);
		usleep(rand() % 8000);
		keeper_kill(&p->k);
		place_again(p);
	}
	OK(close(fd));
	place_end(p);
}

static void fails_to_start(struct place *p, int status)
{
	keeper_start(&p->k, p->argv);
	EQ(WEXITSTATUS(keeper_end(&p->k, 0)), status);
	EQ(p->k.nstored, 2);
}

TEST(a_mistake_costs_no_mount)
{
	struct place *p = place_new("");
	char *option;
	struct task user;

	place_start(p, "--push", NULL);
	keeper_kill(&p->k);
	user = task_start(place_read_host, p);
	UNTIL(sysfs_read(&p->m, "waiting") > 0);
	write_text(p->layout, "files: [");
	fails_to_start(p, 1);
	fails_to_start(p, 1);
	place_write_layout(p, "");
	option = p->argv[3];
	p->argv[3] = "--no-such-option";
	fails_to_start(p, 2);
	p->argv[3] = option;
	place_again(p);
	EQ(task_wait(&user), 0);
	place_end(p);
}

/* Has a file open; in shared memory. */
struct holder {
	struct place *p;
	atomic_bool open, go_on;
};

/*
 * In a process of its own: whoever starts the next server must not have it open,
 * for closing it, in the child, would wait for that server. Return: -errno of
 * what the fd is good for in the end.
 */
static int hold_host(void *arg)
{
	struct holder *h = arg;
	int fd = OK(open(place_at(h->p, "host"), O_RDONLY | O_CLOEXEC));

	/* It is no keeper of the device. */
	keeper_forget(&h->p->k);
	h->open = true;
	UNTIL(h->go_on);
	return fchmod(fd, 0600) ? -errno : 0;
}

TEST(changed_devices_end_the_mount)
{
	struct place *p = place_new(AT("f", "0", "4M"));
	struct holder *h = t_shared(sizeof(*h));
	struct task holder;
	char text[512];

	h->p = p;
	place_start(p, NULL, NULL);
	holder = task_start(hold_host, h);
	UNTIL(h->open);
	keeper_kill(&p->k);
	snprintf(text, sizeof(text),
		 "devices: [{ path: %s }, { path: %s }]\nfiles:\n"
		 "  - { path: host, from: %s }\n" AT("f", "0", "4M"),
		 pmem(1)->node, pmem(0)->node, p->host);
	write_text(p->layout, text);
	place_again(p);
	EQ(p->k.nstored, 2);
	EQ(place_read_host(p), 0);
	fill(p, "f", 'f');
	h->go_on = true;
	EQ(task_wait(&holder), -ENOTCONN);
	place_end(p);
}

/* The successor mounts on "elsewhere", and ends. */
static void mount_elsewhere(struct place *p)
{
	char *dir = p->argv[4], elsewhere[96];

	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", p->dir);
	OK(mkdir(elsewhere, 0755));
	keeper_kill(&p->k);
	p->argv[4] = elsewhere;
	place_again(p);
	EQ(p->k.nstored, 2);
	EQ(keeper_end(&p->k, SIGTERM), 0);
	OK(rmdir(elsewhere));
	p->argv[4] = dir;
}

TEST(what_is_mounted_over_it_stays)
{
	struct place *p = place_new("");
	struct stat st;

	place_start(p, NULL, NULL);
	mount_elsewhere(p);
	TRUE(!place_is_mounted(p));
	place_again(p);
	OK(mount("over", p->m.dir, "tmpfs", 0, NULL));
	OK(mkdir(place_at(p, "d"), 0755));
	mount_elsewhere(p);
	OK(stat(place_at(p, "d"), &st));
	OK(umount(p->m.dir));
	FAILS(ENOTCONN, stat(p->m.dir, &st));
	place_again(p);
	EQ(place_read_host(p), 0);
	place_end(p);
}

TEST(a_mount_that_nobody_kept_is_cleared_away)
{
	struct place *p = place_new("");
	struct stat st;

	place_start(p, NULL, NULL);
	keeper_kill(&p->k);
	keeper_forget(&p->k);
	FAILS(ENOTCONN, stat(p->m.dir, &st));
	place_again(p);
	EQ(place_read_host(p), 0);
	place_end(p);
}
