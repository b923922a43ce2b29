// SPDX-License-Identifier: GPL-2.0
/*
 * One memory by several ways: no page is ever two files'.
 *
 * 1. A device is the same by whatever name, node, link or bind mount, by whatever
 *    index, in whatever mount. Neighbours may touch, a page more is EEXIST.
 * 2. A claim lasts as long as somebody can reach the memory: after the death of the
 *    server, after a lazy unmount; and not a moment longer. A map that is refused
 *    leaves none behind, and who moves into another's memory gets it when that has
 *    gone.
 * 3. At random, with a model of who has which page: files of several extents, simple
 *    and interleaved, in two mounts, each device by two names, are opened, moved and
 *    removed. Accepted is what overlaps nothing, and only that, and each file holds
 *    what was written to it. ALIAS_SEED=, ALIAS_STEPS= in the environment: another
 *    seed, more steps.
 * 4. A DAX character device under fsdev_dax cannot be mapped beside us, and is no
 *    use to us under device_dax. (Kernels before 7.0 have none that could be used:
 *    there, that its number is of no use.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/mem.h"
#include "lib/note.h"
#include "lib/other.h"
#include "lib/place.h"
#include "lib/whole.h"

#define AT	(128 * MIB)
#define RW	(PROT_READ | PROT_WRITE)

/* --- names of one device --- */

static const char alias[] = "/run/alias-of-pmem";

static void alias_node(void)
{
	struct stat st;

	OK(stat(pmem(0)->node, &st));
	OK(mknod(alias, S_IFBLK | 0600, st.st_rdev));
}

static void alias_link(void)
{
	OK(symlink(pmem(0)->node, alias));
}

static void alias_hard_link(void)
{
	char first[64];

	/* Of a node beside it: /dev is another file system. */
	alias_node();
	snprintf(first, sizeof(first), "%s-1", alias);
	OK(rename(alias, first));
	OK(link(first, alias));
	OK(unlink(first));
}

static void alias_bind(void)
{
	write_text(alias, "");
	OK(mount(pmem(0)->node, alias, NULL, MS_BIND, NULL));
}

static const struct named {
	const char *name;
	void (*make)(void);
} named[] = {
	{ "device_by_another_node_is_the_same", alias_node },
	{ "device_by_a_symbolic_link_is_the_same", alias_link },
	{ "device_by_a_hard_link_is_the_same", alias_hard_link },
	{ "device_by_a_bind_mount_is_the_same", alias_bind },
};

static struct srv *srv_of_alias(void)
{
	struct srv *s = srv_new();

	strcpy(s->dev[0], pmem(0)->node);
	strcpy(s->dev[1], alias);
	whole_file(s, "a", 0, AT, MIB);
	whole_file(s, "over", 1, AT + MIB - PAGE, MIB);
	whole_file(s, "before", 1, AT - MIB + PAGE, MIB);
	whole_file(s, "in", 1, AT + MIB / 2, PAGE);
	whole_file(s, "around", 1, AT - MIB, 3 * MIB);
	whole_file(s, "next", 1, AT + MIB, MIB);
	whole_file(s, "last", 1, AT - MIB, MIB);
	return s;
}

static void clashes(struct mnt *m)
{
	static const char * const names[] = { "over", "before", "in", "around" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		EQ(whole_open(m, names[i]), EEXIST);
}

static void device_is_the_same(const void *arg)
{
	const struct named *row = arg;
	struct mnt *m, *m2;
	int fd;

	row->make();
	m = mnt_new(srv_of_alias());
	m2 = mnt_new(srv_of_alias());
	fd = OK(open_in(m, "a", O_RDWR));
	clashes(m);
	EQ(whole_open(m, "next"), 0);
	clashes(m2);
	EQ(whole_open(m2, "next"), EEXIST);
	EQ(whole_open(m2, "last"), 0);
	EQ(whole_open(m, "last"), EEXIST);
	OK(close(fd));
	mnt_end(m2);
	EQ(whole_open(m, "last"), 0);
	mnt_end(m);
	umount(alias);
	OK(unlink(alias));
}
TEST_ROWS(device_is_the_same, named)

/* --- how long a claim lasts --- */

TEST(claim_lasts_until_nobody_can_reach_the_memory)
{
	struct srv *s = srv_with_pmem(), *s2 = srv_with_pmem();
	struct mnt *m, *m2;
	uint8_t *p;
	int fd;

	whole_file(s, "a", 0, AT, MIB);
	whole_file(s2, "b", 0, AT, MIB);
	m = mnt_new(s);
	m2 = mnt_new(s2);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(MIB, RW, fd, 0);
	mnt_kill_server(m);
	EQ(whole_open(m2, "b"), EEXIST);
	OK(umount2(m->dir, MNT_DETACH));
	EQ(whole_open(m2, "b"), EEXIST);
	OK(close(fd));
	pat_fill(p, 1, 0, MIB);
	EQ(whole_open(m2, "b"), EEXIST);
	RAW(pmem(0)->node, AT, 1, 0, MIB);
	OK(munmap(p, MIB));
	EQ(whole_open(m2, "b"), 0);
	whole_fill(m2, "b", 2, MIB);
	RAW(pmem(0)->node, AT, 2, 0, MIB);
	mnt_end(m2);
	OK(rmdir(m->dir));
}

TEST(refused_map_leaves_no_claim)
{
	struct srv *s = srv_with_pmem();
	struct msg f = fmap_begin(FUSE_FAMFS_EXT_SIMPLE, 3 * MIB);
	struct mnt *m;

	msg_ext(&f, 0, AT, MIB);
	msg_ext(&f, 1, AT, MIB);
	msg_ext(&f, 0, AT + 8 * MIB, MIB);
	srv_memfile(s, "three", f);
	whole_file(s, "there", 0, AT + 9 * MIB - PAGE, PAGE);
	whole_file(s, "first", 0, AT, MIB);
	whole_file(s, "second", 1, AT, MIB);
	m = mnt_new(s);
	EQ(whole_open(m, "there"), 0);
	EQ(whole_open(m, "three"), EEXIST);
	EQ(whole_open(m, "first"), 0);
	EQ(whole_open(m, "second"), 0);
	EQ(counter(m, "fmaps"), 3);
	mnt_end(m);
}

TEST(who_moves_into_anothers_memory_has_it_when_that_has_gone)
{
	struct srv *s = srv_with_pmem(), *s2 = srv_with_pmem();
	struct mnt *m, *m2;
	struct node *n;
	uint8_t *p;
	int dev, fd;
	char c;

	n = whole_file(s, "a", 0, AT, MIB);
	whole_file(s2, "b", 0, AT + 9 * MIB - PAGE, MIB);
	whole_file(s2, "free", 0, AT, MIB);
	m = mnt_new_dev(s, MNT_OPTS, &dev);
	m2 = mnt_new(s2);
	fd = OK(open_in(m, "a", O_RDWR));
	p = map_huge(MIB, RW, fd, 0);
	pat_fill(p, 1, 0, MIB);
	whole_fill(m2, "b", 2, MIB);
	EQ(whole_open(m2, "free"), EEXIST);
	srv_set_fmap(s, n, fmap_simple1(0, AT + 8 * MIB, MIB, MIB));
	OK(note_inval_inode(dev, n->id, 0, 0));
	TRUE(try_read(p));
	TRUE(try_write(p, 1));
	FAILS(EIO, pread(fd, &c, 1, 0));
	RAW(pmem(0)->node, AT + 9 * MIB - PAGE, 2, 0, MIB);
	RAW(pmem(0)->node, AT, 1, 0, MIB);
	/* What it had is anybody's. */
	EQ(whole_open(m2, "free"), 0);
	mnt_end(m2);
	pat_fill(p, 3, 0, MIB);
	RAW(pmem(0)->node, AT + 8 * MIB, 3, 0, MIB);
	RAW(pmem(0)->node, AT, 1, 0, MIB);
	OK(munmap(p, MIB));
	OK(close(fd));
	OK(close(dev));
	mnt_end(m);
}

/* --- at random --- */

#define FILES	12
#define PAGES	96	/* of each device */

struct file {
	struct mnt *m;
	struct node *n;
	int fd;			/* -1: it is not there */
	uint64_t size;
	bool has[2][PAGES];
};

struct model {
	struct mnt *m[2];
	struct file file[FILES];
	unsigned int seed;
	int names;
};

/* A map that is to be, and whether it uses a page twice. */
struct plan {
	struct msg msg;
	uint64_t size;
	bool has[2][PAGES];
	bool twice;
};

static uint32_t draw(struct model *w, uint32_t below)
{
	return rand_r(&w->seed) / 16 % below;
}

/* Somewhere, by one of the four indices. */
static void draw_range(struct model *w, struct plan *plan, uint64_t npages)
{
	uint32_t dev = draw(w, 4), first = draw(w, PAGES - npages + 1);

	msg_ext(&plan->msg, dev, AT + first * PAGE, npages * PAGE);
	for (uint64_t i = first; i < first + npages; i++) {
		plan->twice |= plan->has[dev % 2][i];
		plan->has[dev % 2][i] = true;
	}
}

static struct plan draw_plan(struct model *w)
{
	bool striped = !draw(w, 3);
	struct plan plan = {
		.msg = fmap_begin(striped ? FUSE_FAMFS_EXT_INTERLEAVE :
				  FUSE_FAMFS_EXT_SIMPLE, 0),
	};
	int n = 1 + draw(w, 3);

	while (n--) {
		uint32_t strips = striped ? 1 + draw(w, 4) : 1;
		uint64_t chunk = 1 + draw(w, 2), npages = chunk * (1 + draw(w, 4));

		if (striped)
			msg_iext(&plan.msg, strips, chunk * PAGE,
				 strips * npages * PAGE);
		plan.size += strips * npages * PAGE;
		while (strips--)
			draw_range(w, &plan, npages);
	}
	msg_header(&plan.msg)->file_size = plan.size;
	return plan;
}

static bool is_free(struct model *w, const struct plan *plan,
		    const struct file *but)
{
	for (int i = 0; i < FILES; i++)
		for (int p = 0; p < 2 * PAGES; p++)
			if (&w->file[i] != but && w->file[i].fd >= 0 &&
			    w->file[i].has[p / PAGES][p % PAGES] &&
			    plan->has[p / PAGES][p % PAGES])
				return false;
	return !plan->twice;
}

static void has_now(struct model *w, struct file *f, const struct plan *plan)
{
	uint8_t *buf = malloc(plan->size);

	memcpy(f->has, plan->has, sizeof(f->has));
	f->size = plan->size;
	pat_fill(buf, 10 + (f - w->file), 0, f->size);
	EQ(pwrite(f->fd, buf, f->size, 0), f->size);
	free(buf);
}

static void add_file(struct model *w, struct file *f)
{
	struct plan plan = draw_plan(w);
	char name[32];

	snprintf(name, sizeof(name), "f%d", w->names++);
	f->m = w->m[draw(w, 2)];
	f->n = srv_memfile(f->m->srv, name, plan.msg);
	f->n->may_truncate = true;
	f->fd = -1;
	if (is_free(w, &plan, NULL)) {
		f->fd = OK(open_in(f->m, name, O_RDWR));
		has_now(w, f, &plan);
	} else {
		FAILS(EEXIST, open_in(f->m, name, O_RDWR));
		OK(unlink(in_mnt(f->m, name)));
	}
}

/* The size must be another for the kernel to ask. */
static void move_file(struct model *w, struct file *f)
{
	struct plan plan = draw_plan(w);

	if (plan.size == f->size)
		return;
	srv_set_fmap(f->m->srv, f->n, plan.msg);
	if (is_free(w, &plan, f)) {
		OK(ftruncate(f->fd, plan.size));
		has_now(w, f, &plan);
	} else {
		FAILS(EEXIST, ftruncate(f->fd, plan.size));
	}
}

static void check_file(struct model *w, struct file *f)
{
	uint8_t *buf = malloc(f->size);

	EQ(pread(f->fd, buf, f->size, 0), f->size);
	PAT(buf, 10 + (f - w->file), 0, f->size);
	free(buf);
}

static void remove_file(struct file *f)
{
	OK(close(f->fd));
	OK(unlink(in_mnt(f->m, f->n->name)));
	f->fd = -1;
}

static void one_step(struct model *w)
{
	struct file *f = &w->file[draw(w, FILES)];

	if (f->fd < 0) {
		add_file(w, f);
		return;
	}
	check_file(w, f);
	if (draw(w, 3))
		move_file(w, f);
	else
		remove_file(f);
}

static struct mnt *mnt_of_two_names(void)
{
	struct srv *s = srv_with_pmem();

	strcpy(s->dev[2], alias);
	strcpy(s->dev[3], pmem(1)->node);
	return mnt_new(s);
}

static void walk(unsigned int seed, int steps)
{
	struct model *w = calloc(1, sizeof(*w));

	t_diag("seed %u, %d steps", seed, steps);
	w->seed = seed;
	alias_node();
	for (int i = 0; i < 2; i++)
		w->m[i] = mnt_of_two_names();
	for (int i = 0; i < FILES; i++)
		w->file[i].fd = -1;
	while (steps--)
		one_step(w);
	for (int i = 0; i < FILES; i++)
		if (w->file[i].fd >= 0)
			OK(close(w->file[i].fd));
	for (int i = 0; i < 2; i++)
		mnt_end(w->m[i]);
	OK(unlink(alias));
	free(w);
}

TEST(what_overlaps_is_refused_and_nothing_else)
{
	const char *seed = getenv("ALIAS_SEED"), *steps = getenv("ALIAS_STEPS");
	int n = steps ? atoi(steps) : 400;

	if (seed) {
		walk(atoi(seed), n);
		return;
	}
	walk(1, n);
	walk(t_now_ms() % 1000000, n);
}

/* --- character devices --- */

static const struct daxdev *fsdev(void)
{
	const struct daxdev *devs;
	int n = daxdevs(&devs);

	while (n--)
		if (!strcmp(devs[n].type, "fsdev"))
			return &devs[n];
	return NULL;
}

static void tell_driver(const char *driver, const char *what, const char *node)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/%s/%s", driver, what);
	write_text(path, strrchr(node, '/') + 1);
}

static int map_node(const char *node)
{
	int fd = OK(open(node, O_RDWR)), rc = 0;
	void *p = mmap(NULL, HUGE, RW, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		rc = errno;
	else
		OK(munmap(p, HUGE));
	OK(close(fd));
	return rc;
}

static void fsdev_is_ours_alone(const char *node)
{
	struct srv *s = srv_new(), *s2 = srv_new();
	struct mnt *m = mnt_new(s), *m2 = mnt_new(s2);

	strcpy(s->dev[5], node);
	strcpy(s2->dev[6], node);
	whole_file(s, "a", 5, AT, MIB);
	whole_file(s2, "over", 6, AT + MIB - PAGE, MIB);
	whole_file(s2, "next", 6, AT + MIB, MIB);
	EQ(map_node(node), ENODEV);
	EQ(whole_open(m, "a"), 0);
	EQ(map_node(node), ENODEV);
	EQ(whole_open(m2, "over"), EEXIST);
	EQ(whole_open(m2, "next"), 0);
	mnt_end(m);
	mnt_end(m2);
}

static void device_dax_is_not_ours(const char *node)
{
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);

	strcpy(s->dev[0], node);
	whole_file(s, "a", 0, AT, MIB);
	tell_driver("fsdev_dax", "unbind", node);
	EQ(whole_open(m, "a"), ENODEV);
	tell_driver("device_dax", "bind", node);
	UNTIL(!access(node, F_OK));
	EQ(whole_open(m, "a"), EBUSY);
	EQ(map_node(node), 0);
	tell_driver("device_dax", "unbind", node);
	tell_driver("fsdev_dax", "bind", node);
	UNTIL(!access(node, F_OK));
	EQ(whole_open(m, "a"), 0);
	mnt_end(m);
}

/* A node with the number of a DAX character device, whether there is one or not. */
static void number_is_of_no_use(void)
{
	FILE *f = fopen("/proc/devices", "r");
	char line[128], name[64];
	unsigned int major = 0, n;
	struct srv *s = srv_new();
	struct mnt *m = mnt_new(s);

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%u %63s", &n, name) == 2 &&
		    !strcmp(name, "dax"))
			major = n;
	fclose(f);
	TRUE(major);
	OK(mknod(alias, S_IFCHR | 0600, makedev(major, 0)));
	strcpy(s->dev[0], alias);
	whole_file(s, "a", 0, AT, MIB);
	EQ(whole_open(m, "a"), ENODEV);
	mnt_end(m);
	OK(unlink(alias));
}

TEST(dax_character_device_is_ours_alone_or_not_at_all)
{
	const struct daxdev *dev = fsdev();

	if (dev) {
		fsdev_is_ours_alone(dev->node);
		device_dax_is_not_ours(dev->node);
	} else {
		number_is_of_no_use();
	}
}
