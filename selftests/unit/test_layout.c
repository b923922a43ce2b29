// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layouts without mistakes.
 *
 *   1. Names become a tree: directories that nobody listed are there, entries
 *      stand by name and are found; "." and ".." are not among them.
 *   2. Node ids depend on the names alone, not on the order of the file or on what
 *      else is in it; they are those of other versions. A file that becomes a
 *      directory is another node. Two nodes with one id are found.
 *   3. Attributes are those of the file, or the documented defaults.
 *   4. Maps are what the extents say; the protocol's two worked examples come
 *      out to the byte. Several stripes follow one another.
 *   5. Sizes are kept: refused, or accepted and ignored; the rest is set.
 *   6. Anchors and aliases, and lists of more than 32, are understood.
 *   7. What no node is, is refused by each operation.
 *   8. Partitions that do not meet are devices of their own.
 */
#include <errno.h>
#include <unistd.h>
#include <fusefmap.h>
#include "layouts.h"

static const struct layout_ops *const ops = &static_layout_ops;

#define DEVICES "devices:\n" \
	"  - { path: /dev/pmem0 }\n" \
	"  - { path: /dev/pmem1 }\n"
#define AT(off)	"size: 4K, extents: [{ device: 0, offset: " off ", length: 4K }] }\n"

static void partitions_are_devices_of_their_own(void **state)
{
	(void)state;
	ops->destroy(layout_good("files: []\ndevices: [{ path: /dev/pmem0p1 }, "
				 "{ path: /dev/pmem0p2 }]\n"));
	ops->destroy(layout_good("files: []\ndevices: [{ path: /dev/pmem0p2 }, "
				 "{ path: /dev/pmem0p1 }]\n"));
}

static uint64_t walk(struct layout *l, const char *path, struct stat *st)
{
	char copy[256], *name, *save;

	strcpy(copy, path);
	assert_int_equal(ops->getattr(l, 1, st), 0);
	for (name = strtok_r(copy, "/", &save); name;
	     name = strtok_r(NULL, "/", &save))
		if (ops->lookup(l, st->st_ino, name, st))
			return 0;
	return st->st_ino;
}

static void names_become_a_tree(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - { path: /a/b/z, " AT("0")
		"  - { path: a/b/c/d, " AT("4K")
		"  - { path: /a-b/x, " AT("8K")
		"  - { path: /a/b/y, " AT("12K")
		"  - { path: a/b.c, " AT("16K")
		"directories: [{ path: empty }, { path: /, mode: 0700 }]\n");
	static const char *const in_b[] = { "c", "y", "z" };
	struct layout_counts counts;
	uint64_t b, parent, i;
	const char *name;
	struct stat st;

	(void)state;
	ops->count(l, &counts);
	assert_int_equal(counts.files, 5);
	assert_int_equal(counts.directories, 6);
	assert_int_equal(counts.devices, 2);
	assert_int_equal(walk(l, "/", &st), 1);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_nlink, 5);
	b = walk(l, "a/b", &st);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	for (i = 0; i < ARRAY_SIZE(in_b); i++) {
		struct stat same;

		assert_int_equal(ops->entry(l, b, i, &st, &name), 0);
		assert_string_equal(name, in_b[i]);
		assert_int_equal(ops->lookup(l, b, name, &same), 0);
		assert_int_equal(same.st_ino, st.st_ino);
	}
	assert_int_equal(ops->entry(l, b, i, &st, &name), -ENOENT);
	assert_int_equal(ops->parent(l, b, &parent), 0);
	assert_int_equal(parent, walk(l, "a", &st));
	assert_int_equal(ops->parent(l, 1, &parent), 0);
	assert_int_equal(parent, 1);
	assert_true(walk(l, "a-b/x", &st) && walk(l, "a/b.c", &st) &&
		    walk(l, "a/b/c/d", &st) && walk(l, "empty", &st));
	assert_int_equal(ops->entry(l, st.st_ino, 0, &st, &name), -ENOENT);
	assert_int_equal(ops->lookup(l, b, ".", &st), -ENOENT);
	assert_int_equal(ops->lookup(l, b, "..", &st), -ENOENT);
	assert_int_equal(ops->lookup(l, b, "yy", &st), -ENOENT);
	assert_int_equal(ops->lookup(l, b, "", &st), -ENOENT);
	ops->destroy(l);
}

/* Every directory lists just its own; every name leads to its own node. */
static void check_tree(struct layout *l, uint64_t dir, uint64_t *seen)
{
	uint64_t pos, parent;
	const char *name;
	struct stat st, same;

	(*seen)++;
	if (ops->parent(l, dir, &parent))
		return;
	for (pos = 0; !ops->entry(l, dir, pos, &st, &name); pos++) {
		assert_int_equal(ops->lookup(l, dir, name, &same), 0);
		assert_int_equal(same.st_ino, st.st_ino);
		if (S_ISDIR(st.st_mode)) {
			assert_int_equal(ops->parent(l, st.st_ino, &parent), 0);
			assert_int_equal(parent, dir);
		}
		check_tree(l, st.st_ino, seen);
	}
}

static void random_trees_are_whole(void **state)
{
	static const char *const parts[] = { "a", "a-", "a!", "a.b", "\xc3\xa4" };
	struct rng rng = rng_start("trees");
	unsigned int round, i, d;
	struct layout_counts counts;
	char text[8192], *p, *mistakes;
	struct layout *l;
	uint64_t seen;

	(void)state;
	for (round = 0; round < 200; round++) {
		p = text + sprintf(text, "files: []\ndirectories:\n");
		for (i = 0; i < 40; i++) {
			p += sprintf(p, "  - path: \"");
			for (d = rng_below(&rng, 5); d < 5; d++)
				p += sprintf(p, "/%s",
					     parts[rng_below(&rng, ARRAY_SIZE(parts))]);
			/* Random names repeat; a number makes them differ. */
			p += sprintf(p, "/%u\"\n", i);
		}
		l = layout_of(text, &mistakes);
		assert_string_equal(mistakes, "");
		free(mistakes);
		ops->count(l, &counts);
		seen = 0;
		check_tree(l, 1, &seen);
		assert_int_equal(seen, counts.files + counts.directories);
		ops->destroy(l);
	}
}

static void node_ids_depend_on_names_alone(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - { path: /x, " AT("0") "  - { path: y/z, " AT("4K")
		"  - { path: /b, " AT("8K"));
	struct layout *m = layout_good("files:\n"
		"  - { path: b, " AT("4M") "  - { path: /y/z, " AT("8M")
		"  - { path: x, mode: 0600, " AT("0")
		"directories: [path: y]\n" DEVICES);
	static const char *const paths[] = { "x", "y", "y/z", "b", "" };
	struct stat st;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_true(walk(l, paths[i], &st));
		assert_int_equal(walk(l, paths[i], &st),
				 walk(m, paths[i], &st));
	}
	ops->destroy(l);
	ops->destroy(m);
}

/* What kernels know of a server's earlier life: these numbers stay. */
static void node_ids_never_change(void **state)
{
	(void)state;
	assert_int_equal(node_id("", true), 1);
	assert_int_equal(node_id("a", false), 0x3a4c242e0d8b5c60ULL);
	assert_int_equal(node_id("a", true), 0x37ec3f9377b13acbULL);
	assert_int_equal(node_id("models/a.bin", false), 0x5f11bb30e570b48aULL);
}

static void what_has_gone_from_a_layout_is_no_node(void **state)
{
	struct layout *old = layout_good(DEVICES "files:\n"
		"  - { path: /a, " AT("0") "  - { path: b/c, " AT("4K"));
	struct layout *new = layout_good(DEVICES "files:\n"
		"  - { path: /a/x, " AT("0") "  - { path: b/d, " AT("4K"));
	uint64_t a, b, c;
	struct stat st;

	(void)state;
	a = walk(old, "a", &st);
	b = walk(old, "b", &st);
	c = walk(old, "b/c", &st);
	assert_true(a && b && c);
	assert_int_equal(ops->getattr(new, a, &st), -ESTALE);
	assert_int_equal(ops->getattr(new, b, &st), 0);
	assert_int_equal(ops->getattr(new, c, &st), -ESTALE);
	assert_int_equal(ops->lookup(new, b, "c", &st), -ENOENT);
	assert_int_not_equal(ops->digest(old), ops->digest(new));
	ops->destroy(old);
	ops->destroy(new);
}

static void two_nodes_with_one_id_are_found(void **state)
{
	struct node nodes[4] = { 0 };
	struct node *all[4];
	struct layout l = { .nodes = all, .nnodes = 4 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		nodes[i].st.st_ino = (i * 7) % 5 + 1;
		all[i] = &nodes[i];
	}
	assert_null(layout_index(&l));
	for (i = 0; i < 4; i++)
		assert_ptr_equal(layout_node(&l, nodes[i].st.st_ino),
				 &nodes[i]);
	assert_null(layout_node(&l, 4));
	free(l.by_id);
	nodes[3].st.st_ino = nodes[0].st.st_ino;
	assert_int_equal(layout_index(&l)->st.st_ino, nodes[0].st.st_ino);
	free(l.by_id);
}

static void attributes_are_those_of_the_file(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - { path: a, " AT("0")
		"  - { path: b, mode: 4751, owner: 12, group: root, " AT("4K")
		"  - { path: c, from: /etc/passwd }\n"
		"directories: [{ path: d, owner: root, group: 7 }]\n");
	struct stat st, host;
	int fd;

	(void)state;
	assert_true(walk(l, "a", &st));
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_size, 4096);
	assert_int_equal(st.st_blocks, 8);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_true(walk(l, "b", &st));
	assert_int_equal(st.st_mode, S_IFREG | 04751);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 0);
	assert_true(walk(l, "d", &st));
	assert_int_equal(st.st_gid, 7);
	assert_true(walk(l, "c", &st));
	assert_int_equal(stat("/etc/passwd", &host), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0444);
	assert_int_equal(st.st_size, host.st_size);
	assert_int_equal(st.st_mtim.tv_sec, host.st_mtim.tv_sec);
	assert_int_equal(ops->host(l, st.st_ino, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, host.st_ino);
	ops->destroy(l);
}

static void expect_map(struct layout *l, const char *path, const char *hex)
{
	struct msg want = { 0 };
	const struct fuse_fmap *fmap;
	char got[512];
	struct stat st;

	assert_int_equal(msg_hex(&want, hex), 0);
	assert_true(walk(l, path, &st));
	assert_int_equal(ops->fmap(l, st.st_ino, &fmap), 0);
	assert_int_equal(fuse_fmap_serialize(fmap, got, sizeof(got)), want.len);
	assert_memory_equal(got, want.bytes, want.len);
	msg_free(&want);
}

static void the_worked_examples_come_out(void **state)
{
	struct layout *l = layout_good("devices: [path: /dev/pmem1]\nfiles:\n"
		"  - path: simple\n    size: 3M\n"
		"    extents: [{ device: 0, offset: 10M, length: 4M }]\n"
		"  - path: interleaved\n    size: 23M\n    stripe:\n"
		"      chunk: 2M\n      strips:\n"
		"        - { device: 0, offset: 0x10A00000, length: 6M }\n"
		"        - { device: 0, offset: 0x40A00000, length: 6M }\n"
		"        - { device: 0, offset: 0x80A00000, length: 6M }\n"
		"        - { device: 0, offset: 0xC0A00000, length: 6M }\n");
	struct layout *m = layout_good("devices: [path: /dev/pmem1]\nfiles:\n"
		"  - path: interleaved\n    size: 23M\n    stripes:\n"
		"    - chunk: 0x200000\n      bytes: 23M\n      strips:\n"
		"        - { device: 0, offset: 10M, length: 6M }\n"
		"        - { device: 0, offset: 0x40A00000, length: 6M }\n"
		"        - { device: 0, offset: 0x80A00000, length: 6M }\n"
		"        - { device: 0, offset: 0xC0A00000, length: 6M }\n");

	(void)state;
	expect_map(l, "simple", example_simple);
	expect_map(m, "interleaved", example_interleaved);
	ops->destroy(l);
	ops->destroy(m);
}

static void resolves_to(struct layout *l, uint64_t off, uint32_t dev,
			uint64_t dev_off, uint64_t len)
{
	const struct fuse_fmap *fmap;
	struct fuse_fmap_target t;
	struct stat st;

	assert_true(walk(l, "f", &st));
	assert_int_equal(ops->fmap(l, st.st_ino, &fmap), 0);
	assert_int_equal(fuse_fmap_resolve(fmap, off, st.st_size - off, &t), 0);
	assert_int_equal(t.dev, dev);
	assert_int_equal(t.dev_off, dev_off);
	assert_int_equal(t.len, len);
}

static void stripes_follow_one_another(void **state)
{
	/* The first covers all its strips hold, the second as much as is said,
	 * the last what is left.
	 */
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - path: f\n    size: 0x901234\n    stripes:\n"
		"      - chunk: 1M\n        strips:\n"
		"          - { device: 0, offset: 0, length: 2M }\n"
		"          - { device: 1, offset: 0, length: 2564K }\n"
		"      - chunk: 64K\n        bytes: 1M\n        strips:\n"
		"          - { device: 0, offset: 8M, length: 2M }\n"
		"      - chunk: 2M\n        strips:\n"
		"          - { device: 1, offset: 16M, length: 4M }\n"
		"          - { device: 0, offset: 16M, length: 4M }\n");

	(void)state;
	resolves_to(l, 0, 0, 0, MIB);
	resolves_to(l, MIB, 1, 0, MIB);
	resolves_to(l, 4 * MIB - 1, 1, 2 * MIB - 1, 1);
	resolves_to(l, 4 * MIB, 0, 8 * MIB, 64 * KIB);
	resolves_to(l, 5 * MIB, 1, 16 * MIB, 2 * MIB);
	resolves_to(l, 7 * MIB, 0, 16 * MIB, 2 * MIB);
	resolves_to(l, 9 * MIB, 1, 18 * MIB, 0x1234);
	ops->destroy(l);
}

static void long_lists_are_understood(void **state)
{
	char *text = malloc(200 * 64), *p = text;
	const struct fuse_fmap *fmap;
	struct fuse_fmap_info info;
	struct layout *l;
	struct stat st;
	unsigned int i;

	(void)state;
	p += sprintf(p, DEVICES "files:\n  - path: f\n    size: 400K\n    extents:\n");
	for (i = 0; i < 100; i++)
		p += sprintf(p, "      - { device: 0, offset: %uK, length: 4K }\n",
			     8 * i);
	l = layout_good(text);
	assert_true(walk(l, "f", &st));
	assert_int_equal(ops->fmap(l, st.st_ino, &fmap), 0);
	fuse_fmap_get_info(fmap, &info);
	assert_int_equal(info.nextents, 100);
	resolves_to(l, 396 * KIB, 0, 792 * KIB, 4 * KIB);
	ops->destroy(l);
	free(text);
}

static void aliases_are_understood(void **state)
{
	struct layout *l = layout_good("devices: [{ path: /dev/pmem0 }, "
		"{ path: /dev/pmem1 }]\n"
		"files:\n"
		"  - { path: a, size: &s 1M, mode: &m 0600, extents: [{ device: 0, offset: 0, length: *s }] }\n"
		"  - { path: b, size: *s, mode: *m, extents: [{ device: 1, offset: 0, length: *s }] }\n");
	struct stat st;

	(void)state;
	assert_true(walk(l, "b", &st));
	assert_int_equal(st.st_size, MIB);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	ops->destroy(l);
}

static int set_size(struct layout *l, const char *path, off_t size,
		    struct stat *st)
{
	struct stat attr = { .st_size = size };

	assert_true(walk(l, path, st));
	return ops->setattr(l, st->st_ino, &attr, FUSE_SET_ATTR_SIZE, st);
}

static void sizes_are_kept(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - { path: refuse, " AT("0")
		"  - { path: keep, truncate: keep, " AT("4K")
		"  - { path: host, from: /etc/passwd }\n"
		"  - { path: d/e, truncate: refuse, " AT("8K"));
	struct stat st;

	(void)state;
	assert_int_equal(set_size(l, "refuse", 0, &st), -EOPNOTSUPP);
	assert_int_equal(set_size(l, "refuse", 8192, &st), -EOPNOTSUPP);
	assert_int_equal(set_size(l, "refuse", 4096, &st), 0);
	assert_int_equal(set_size(l, "d/e", 1, &st), -EOPNOTSUPP);
	assert_int_equal(set_size(l, "keep", 0, &st), 0);
	assert_int_equal(st.st_size, 4096);
	assert_int_equal(set_size(l, "keep", 1ULL << 40, &st), 0);
	assert_int_equal(st.st_size, 4096);
	assert_int_equal(set_size(l, "host", 0, &st), -EROFS);
	assert_int_equal(set_size(l, "d", 0, &st), -EISDIR);
	ops->destroy(l);
}

static void the_rest_can_be_set(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n  - { path: a, " AT("0"));
	struct stat attr = { .st_mode = S_IFDIR | 0600, .st_uid = 5,
			     .st_gid = 6, .st_mtim = { 7, 8 } }, st;
	uint64_t a;

	(void)state;
	a = walk(l, "a", &st);
	assert_int_equal(ops->setattr(l, a, &attr, FUSE_SET_ATTR_MODE |
				      FUSE_SET_ATTR_UID | FUSE_SET_ATTR_MTIME,
				      &st), 0);
	assert_int_equal(walk(l, "a", &st), a);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 0);
	assert_int_equal(st.st_mtim.tv_sec, 7);
	assert_int_equal(st.st_mtim.tv_nsec, 8);
	assert_int_equal(st.st_atim.tv_sec, 1000000000);
	assert_true(st.st_ctim.tv_sec > 1000000000);
	ops->destroy(l);
}

static void free_space_is_what_no_file_covers(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n"
		"  - { path: a, size: 1, extents: [{ device: 0, offset: 0, length: 512M }] }\n");
	struct statvfs st = { 0 };

	(void)state;
	ops->statfs(l, &st);
	assert_int_equal(st.f_frsize, PAGE);
	assert_int_equal(st.f_blocks * PAGE, 5 * GIB);
	assert_int_equal(st.f_bfree * PAGE, 5 * GIB - 512 * MIB);
	assert_int_equal(st.f_bavail, 0);
	assert_int_equal(st.f_files, 2);
	ops->destroy(l);
}

static void what_no_node_is_is_refused(void **state)
{
	struct layout *l = layout_good(DEVICES "files:\n  - { path: a, " AT("0"));
	static const uint64_t inos[] = { 0, 3, 1ULL << 32, UINT64_MAX };
	const struct fuse_fmap *fmap;
	const struct dev_info *dev;
	const char *name;
	uint64_t a, parent;
	unsigned int i;
	struct stat st;
	int fd;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(inos); i++) {
		assert_int_equal(ops->getattr(l, inos[i], &st), -ESTALE);
		assert_int_equal(ops->setattr(l, inos[i], &st, 0, &st),
				 -ESTALE);
		assert_int_equal(ops->lookup(l, inos[i], "a", &st), -ESTALE);
		assert_int_equal(ops->entry(l, inos[i], 0, &st, &name),
				 -ESTALE);
		assert_int_equal(ops->parent(l, inos[i], &parent), -ESTALE);
		assert_int_equal(ops->fmap(l, inos[i], &fmap), -ESTALE);
		assert_int_equal(ops->host(l, inos[i], &fd), -ESTALE);
	}
	a = walk(l, "a", &st);
	assert_int_equal(ops->lookup(l, a, "a", &st), -ENOTDIR);
	assert_int_equal(ops->entry(l, a, 0, &st, &name), -ENOTDIR);
	assert_int_equal(ops->entry(l, 1, UINT64_MAX, &st, &name), -ENOENT);
	assert_int_equal(ops->fmap(l, 1, &fmap), -EOPNOTSUPP);
	assert_int_equal(ops->host(l, a, &fd), -EOPNOTSUPP);
	assert_int_equal(ops->device(l, 2, &dev), -ENODEV);
	assert_int_equal(ops->device(l, UINT32_MAX, &dev), -ENODEV);
	assert_int_equal(ops->device(l, 1, &dev), 0);
	assert_string_equal(dev->path, "/dev/pmem1");
	ops->destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_a_tree),
		cmocka_unit_test(partitions_are_devices_of_their_own),
		cmocka_unit_test(random_trees_are_whole),
		cmocka_unit_test(node_ids_depend_on_names_alone),
		cmocka_unit_test(node_ids_never_change),
		cmocka_unit_test(what_has_gone_from_a_layout_is_no_node),
		cmocka_unit_test(two_nodes_with_one_id_are_found),
		cmocka_unit_test(attributes_are_those_of_the_file),
		cmocka_unit_test(the_worked_examples_come_out),
		cmocka_unit_test(stripes_follow_one_another),
		cmocka_unit_test(long_lists_are_understood),
		cmocka_unit_test(aliases_are_understood),
		cmocka_unit_test(sizes_are_kept),
		cmocka_unit_test(the_rest_can_be_set),
		cmocka_unit_test(free_space_is_what_no_file_covers),
		cmocka_unit_test(what_no_node_is_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
