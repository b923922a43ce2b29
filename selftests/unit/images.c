// SPDX-License-Identifier: GPL-2.0-only
/* Image files that are devices: see images.h. */
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>

#include "images.h"

char said[SAID_MAX];

static void hear(void *ctx, int level, const char *text)
{
	size_t used = strlen(said);

	(void)ctx;
	(void)level;
	snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

const struct pool_log msgs = { .line = hear };

void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("\"%s\" was not said, but:\n%s", text, said);
}

char dir[64];

const char *image(unsigned int i)
{
	static char paths[8][96];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/dev%u", dir, i);
	return path;
}

void store(unsigned int i, uint64_t off, const void *bytes, size_t len)
{
	int fd = open(image(i), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, off), len);
	close(fd);
}

uint64_t load(unsigned int i, uint64_t off)
{
	int fd = open(image(i), O_RDONLY);
	uint64_t value;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &value, sizeof(value), off), sizeof(value));
	close(fd);
	return value;
}

void resize(unsigned int i, uint64_t size)
{
	assert_int_equal(truncate(image(i), size), 0);
}

int images_setup(void **state)
{
	unsigned int i;
	int fd;

	(void)state;
	said[0] = '\0';
	strcpy(dir, "/tmp/fmapfs-pool-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (i = 0; i < NDEVS; i++) {
		fd = open(image(i), O_RDWR | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, DEV_SIZE), 0);
		close(fd);
	}
	return 0;
}

int images_teardown(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < NDEVS; i++)
		unlink(image(i));
	return rmdir(dir);
}

int free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}
