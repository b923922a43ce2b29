// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows into image files.
 *
 *   1. A window shows each page of the device where a naive resolver says it lies,
 *      simple or interleaved, and what is stored in it is in the file. It can be as
 *      short as the caller likes.
 *   2. A map that is none, leads past a device or to none, or is not covered, is
 *      refused with its error, and nothing is left mapped or open.
 *   3. Windows come and go without a trace, from several threads at once; a child that
 *      is forked has none of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

#include "images.h"

static struct dev_info resolved(unsigned int i)
{
	const struct dev_spec spec = { DEV_BY_PATH, image(i) };
	struct dev_info dev;

	assert_int_equal(dev_resolve(&spec, DEV_ALLOW_PLAIN, &dev), 0);
	return dev;
}

static struct pool_reach *reach_new(unsigned int flags)
{
	struct pool_reach *reach;
	unsigned int i;

	assert_int_equal(pool_reach_open(&reach, flags | POOL_PLAIN, &msgs), 0);
	for (i = 0; i < NDEVS; i++) {
		struct dev_info dev = resolved(i);

		/* Not by the number that they are made by. */
		assert_int_equal(pool_reach_add(reach, 10 * i + 3, &dev), 0);
	}
	return reach;
}

static unsigned int image_of(uint64_t devindex)
{
	return devindex / 10;
}

/* What each page of the devices begins with. */
static uint64_t stamp(unsigned int i, uint64_t off)
{
	return (uint64_t)(i + 1) << 56 | off;
}

static void stamp_all(void)
{
	unsigned int i;
	uint64_t off;

	for (i = 0; i < NDEVS; i++) {
		int fd = open(image(i), O_RDWR);

		for (off = 0; off < DEV_SIZE; off += PAGE) {
			uint64_t value = stamp(i, off);

			assert_int_equal(pwrite(fd, &value, sizeof(value), off),
					 sizeof(value));
		}
		close(fd);
	}
}

/* The naive resolver: byte @at of a map. */
static void resolve(const struct famfs_fmap *map, uint64_t at, unsigned int *dev,
		    uint64_t *off)
{
	const struct famfs_interleave *il = &map->interleave;
	const struct famfs_extent *ext = map->extents;

	if (map->ext_type == FAMFS_MAP_INTERLEAVED) {
		uint64_t chunk = at / il->chunk_size;

		ext = &il->strips[chunk % il->nstrips];
		at = chunk / il->nstrips * il->chunk_size + at % il->chunk_size;
	} else {
		for (; at >= ext->len; ext++)
			at -= ext->len;
	}
	*dev = image_of(ext->devindex);
	*off = ext->offset + at;
}

static void assert_shows(const struct pool_window *window,
			 const struct famfs_fmap *map)
{
	const uint8_t *mem = window->mem;
	unsigned int dev;
	uint64_t at, off;

	for (at = 0; at < window->len; at += PAGE) {
		resolve(map, at, &dev, &off);
		if (*(const uint64_t *)(mem + at) != stamp(dev, off))
			fail_msg("byte %#llx is not that of %u:%#llx",
				 (unsigned long long)at, dev,
				 (unsigned long long)off);
	}
}

/* Ranges of the devices that do not meet: each is used by one extent only. */
static struct famfs_extent random_extent(struct rng *rng, unsigned int slot,
					 uint64_t len)
{
	uint64_t room = 2 * MIB - len;

	return (struct famfs_extent) {
		.devindex = 10 * (slot % NDEVS) + 3,
		.offset = slot / NDEVS * 2 * MIB + rng_below(rng, room / PAGE + 1) * PAGE,
		.len = len,
	};
}

static uint64_t random_simple(struct rng *rng, struct famfs_fmap *map)
{
	uint64_t sum = 0;
	uint32_t i;

	map->ext_type = FAMFS_MAP_SIMPLE;
	map->count = 1 + rng_below(rng, FAMFS_EXTENTS_MAX);
	for (i = 0; i < map->count; i++) {
		map->extents[i] = random_extent(rng, i, (1 + rng_below(rng, 300)) *
						PAGE);
		sum += map->extents[i].len;
	}
	return sum;
}

static uint64_t random_interleaved(struct rng *rng, struct famfs_fmap *map)
{
	struct famfs_interleave *il = &map->interleave;
	uint64_t chunks;
	uint32_t i;

	map->ext_type = FAMFS_MAP_INTERLEAVED;
	map->count = 1;
	il->nstrips = 1 + rng_below(rng, FAMFS_STRIPS_MAX);
	il->chunk_size = PAGE << rng_below(rng, 6);
	chunks = 1 + rng_below(rng, MIB / il->chunk_size);
	for (i = 0; i < il->nstrips; i++)
		il->strips[i] = random_extent(rng, i, chunks * il->chunk_size);
	return il->nstrips * chunks * il->chunk_size;
}

static void windows_show_what_the_map_says(void **state)
{
	struct rng rng = rng_start("windows");
	struct pool_reach *reach;
	unsigned int i;

	(void)state;
	stamp_all();
	reach = reach_new(0);
	for (i = 0; i < 200; i++) {
		struct pool_window window;
		struct famfs_fmap map = { 0 };
		uint64_t len = i % 2 ? random_simple(&rng, &map) :
				       random_interleaved(&rng, &map);

		/* All of it, or a part. */
		if (i % 3)
			len = (1 + rng_below(&rng, len / PAGE)) * PAGE;
		assert_int_equal(pool_window_open(reach, &map, len, &window), 0);
		assert_int_equal(window.len, len);
		assert_shows(&window, &map);
		pool_window_close(reach, &window);
		assert_null(window.mem);
	}
	pool_reach_close(reach);
}

static void what_is_stored_is_in_the_file(void **state)
{
	struct pool_reach *reach = reach_new(POOL_WRITE);
	struct pool_window a, b;

	(void)state;
	assert_int_equal(pool_window_range(reach, 13, MIB, 2 * PAGE, &a), 0);
	assert_int_equal(pool_window_range(reach, 13, MIB + PAGE, PAGE, &b), 0);
	((uint64_t *)a.mem)[PAGE / 8] = 0x1234;
	assert_int_equal(*(uint64_t *)b.mem, 0x1234);
	assert_int_equal(load(1, MIB + PAGE), 0x1234);
	pool_window_close(reach, &a);
	pool_window_close(reach, &b);
	pool_reach_close(reach);
	assert_string_equal(said, "");
}

/* The signal that a child dies of when it touches the memory. */
static int dies_of(volatile uint8_t *mem, bool write)
{
	int pid = fork(), status;

	if (!pid) {
		/* ASan has a handler of its own. */
		signal(SIGSEGV, SIG_DFL);
		if (write)
			*mem = 1;
		else
			(void)*mem;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_child_has_no_windows(void **state)
{
	struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_SIMPLE,
		.count = 2,
		.extents = { { 3, 0, PAGE }, { 13, PAGE, PAGE } },
	};
	struct pool_reach *reach = reach_new(POOL_WRITE);
	struct pool_window window;

	(void)state;
	assert_int_equal(pool_window_open(reach, &map, 2 * PAGE, &window), 0);
	assert_int_equal(dies_of(window.mem, false), SIGSEGV);
	assert_int_equal(dies_of((uint8_t *)window.mem + PAGE, false), SIGSEGV);
	*(uint8_t *)window.mem = 1;
	pool_window_close(reach, &window);
	pool_reach_close(reach);
}

static void windows_are_read_only_unless_asked_for(void **state)
{
	struct pool_reach *reach = reach_new(0);
	struct pool_window window;
	char line[256], want[64];
	bool found = false;
	FILE *maps;

	(void)state;
	assert_int_equal(pool_window_range(reach, 3, 0, PAGE, &window), 0);
	snprintf(want, sizeof(want), "%llx-", (unsigned long long)(uintptr_t)window.mem);
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps))
		found |= !strncmp(line, want, strlen(want)) && strstr(line, " r--s ");
	fclose(maps);
	assert_true(found);
	pool_window_close(reach, &window);
	pool_reach_close(reach);
}

static unsigned int count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int n = 0;
	int c;

	while ((c = fgetc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

static void refused(struct pool_reach *reach, const struct famfs_fmap *map,
		    uint64_t len, int error)
{
	unsigned int lines = count_lines("/proc/self/maps");
	struct pool_window window;
	int fd = free_fd();

	assert_int_equal(pool_window_open(reach, map, len, &window), error);
	assert_null(window.mem);
	assert_int_equal(free_fd(), fd);
	/* The allocator may have asked for some. */
	assert_in_range(count_lines("/proc/self/maps"), 1, lines + 2);
	/* Nothing to be closed, and no harm in trying. */
	pool_window_close(reach, &window);
}

static void maps_that_are_none_are_refused(void **state)
{
	struct famfs_fmap good = {
		.count = 2,
		.extents = { { 3, 0, 2 * PAGE }, { 13, 0, PAGE } },
	};
	struct famfs_fmap striped = {
		.ext_type = FAMFS_MAP_INTERLEAVED,
		.count = 1,
		.interleave = { 2, PAGE, { { 3, 0, PAGE }, { 13, 0, PAGE } } },
	};
	struct pool_reach *reach = reach_new(0);
	struct famfs_fmap map;

	(void)state;
	refused(reach, &good, 0, -EINVAL);
	refused(reach, &good, PAGE + 1, -EINVAL);
	refused(reach, &good, 4 * PAGE, -EINVAL);
	refused(reach, &striped, 3 * PAGE, -EINVAL);
	map = good;
	map.ext_type = 2;
	refused(reach, &map, PAGE, -EINVAL);
	map = good;
	map.count = 0;
	refused(reach, &map, PAGE, -EINVAL);
	map.count = FAMFS_EXTENTS_MAX + 1;
	refused(reach, &map, PAGE, -EINVAL);
	map = good;
	map.extents[1].devindex = 14;
	refused(reach, &map, 3 * PAGE, -ENODEV);
	assert_said("device 14 is not there");
	map.extents[1].devindex = 1ULL << 32;
	refused(reach, &map, 3 * PAGE, -ENODEV);
	map = good;
	map.extents[1].offset = DEV_SIZE;
	refused(reach, &map, 3 * PAGE, -ERANGE);
	map.extents[1].offset = 512;
	refused(reach, &map, 3 * PAGE, -EINVAL);
	map.extents[1].offset = -(uint64_t)PAGE;
	refused(reach, &map, 3 * PAGE, -EOVERFLOW);
	map = striped;
	map.interleave.chunk_size = 0;
	refused(reach, &map, PAGE, -EINVAL);
	map.interleave.chunk_size = 1ULL << 32 | PAGE;
	refused(reach, &map, PAGE, -EINVAL);
	map = striped;
	map.interleave.nstrips = 0;
	refused(reach, &map, PAGE, -ERANGE);
	map.interleave.nstrips = 1ULL << 32 | 1;
	refused(reach, &map, PAGE, -EINVAL);
	map = striped;
	map.count = 2;
	refused(reach, &map, PAGE, -EINVAL);
	pool_reach_close(reach);
}

static void windows_leave_no_trace(void **state)
{
	struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_INTERLEAVED,
		.count = 1,
		.interleave = {
			4, PAGE,
			{ { 3, 0, MIB }, { 13, 0, MIB }, { 23, 0, MIB }, { 33, 0, MIB } },
		},
	};
	struct pool_reach *reach = reach_new(0);
	unsigned int i, lines = 0;
	int fd = free_fd();

	(void)state;
	for (i = 0; i < 300; i++) {
		struct pool_window window;

		assert_int_equal(pool_window_open(reach, &map, MIB, &window), 0);
		pool_window_close(reach, &window);
		if (!i)
			lines = count_lines("/proc/self/maps");
	}
	assert_in_range(count_lines("/proc/self/maps"), 1, lines + 4);
	assert_int_equal(free_fd(), fd);
	pool_reach_close(reach);
	assert_true(free_fd() < fd);
}

static void *come_and_go(void *arg)
{
	struct pool_reach *reach = arg;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		struct pool_window window;

		if (pool_window_range(reach, 3 + i % 4 * 10, i * PAGE, PAGE, &window) ||
		    *(uint64_t *)window.mem != stamp(i % 4, i * PAGE))
			return arg;
		pool_window_close(reach, &window);
	}
	return NULL;
}

static void threads_open_windows_at_once(void **state)
{
	struct pool_reach *reach;
	pthread_t threads[4];
	unsigned int i;
	void *failed;

	(void)state;
	stamp_all();
	reach = reach_new(0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go,
						reach), 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	pool_reach_close(reach);
}

static void devices_are_added_once_and_removed(void **state)
{
	struct dev_info dev = resolved(0), other = resolved(1);
	struct pool_window window;
	struct pool_reach *reach;

	(void)state;
	stamp_all();
	assert_int_equal(pool_reach_open(&reach, 0, &msgs), 0);
	assert_int_equal(pool_reach_add(reach, 0, &dev), -EOPNOTSUPP);
	assert_said("is no DAX device");
	pool_reach_close(reach);

	assert_int_equal(pool_reach_open(&reach, POOL_PLAIN, &msgs), 0);
	assert_int_equal(pool_reach_add(reach, MEDIA_DEVICES_MAX, &dev), -EINVAL);
	assert_int_equal(pool_reach_add(reach, 63, &dev), 0);
	assert_int_equal(pool_reach_add(reach, 63, &other), -EEXIST);
	assert_int_equal(pool_reach_add(reach, 0, &dev), -EEXIST);
	assert_said("is, or overlaps, another device");
	pool_reach_remove(reach, 63);
	assert_int_equal(pool_window_range(reach, 63, 0, PAGE, &window), -ENODEV);
	assert_int_equal(pool_reach_add(reach, 63, &other), 0);
	assert_int_equal(pool_window_range(reach, 63, PAGE, PAGE, &window), 0);
	assert_int_equal(*(uint64_t *)window.mem, stamp(1, PAGE));
	/* The memory stays where it is mapped. */
	pool_reach_remove(reach, 63);
	assert_int_equal(*(uint64_t *)window.mem, stamp(1, PAGE));
	pool_window_close(reach, &window);
	pool_reach_remove(reach, 63);
	pool_reach_remove(reach, 64);
	assert_int_equal(pool_reach_add(reach, 0, &dev), 0);
	unlink(image(1));
	assert_int_equal(pool_reach_add(reach, 1, &other), -ENOENT);
	pool_reach_close(reach);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(windows_show_what_the_map_says),
		IMAGE_TEST(what_is_stored_is_in_the_file),
		IMAGE_TEST(a_child_has_no_windows),
		IMAGE_TEST(windows_are_read_only_unless_asked_for),
		IMAGE_TEST(maps_that_are_none_are_refused),
		IMAGE_TEST(windows_leave_no_trace),
		IMAGE_TEST(threads_open_windows_at_once),
		IMAGE_TEST(devices_are_added_once_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
