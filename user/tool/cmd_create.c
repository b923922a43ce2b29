// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs create: files of a size, allocated at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../pool/guard.h"
#include "commands_files.h"
#include "look.h"
#include "pattern.h"
#include "text.h"

#define LAYOUT_XATTR	"user.fmapfs.layout"
#define PIECE		(8ULL << 20)

enum {
	OPT_STRIPE = TOOL_OPT,
	OPT_CHUNK,
	OPT_FILL,
};

/**
 * struct creation - what files are to be like
 * @layout: value of the attribute, or ""
 */
struct creation {
	uint64_t size;
	mode_t mode;
	char layout[64];
	bool fill;
	uint64_t seed;
	struct progress bar;
	uint64_t done;
};

struct filling {
	char *mem;
	uint64_t off;
	uint64_t len;
	uint64_t seed;
};

static int fill_piece(void *ctx)
{
	const struct filling *f = ctx;

	pattern_fill(f->mem, f->off, f->len, f->seed);
	media_writeback(f->mem, f->len);
	return 0;
}

static int fill_file(struct creation *c, const char *path, const char *name, int fd)
{
	struct filling f = { .seed = c->seed };
	const void *fault;
	int code = TOOL_FINE;
	char *mem;

	mem = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED) {
		pool_error(path, "map", errno, 0);
		return TOOL_FAILED;
	}
	for (; f.off < c->size && code == TOOL_FINE; f.off += f.len) {
		f.mem = mem + f.off;
		f.len = c->size - f.off < PIECE ? c->size - f.off : PIECE;
		if (guard_run(fill_piece, &f, &fault)) {
			progress_clear(&c->bar);
			tool_error("%s: bad memory at byte %llu", name, (unsigned long long)
				   ((const char *)fault - mem));
			code = TOOL_FAILED;
		}
		c->done += f.len;
		progress_show(&c->bar, c->done, "");
	}
	munmap(mem, c->size);
	return code;
}

/* Its size is what allocates, so before that it must be known how. */
static int give_size(const struct creation *c, const char *path, int fd)
{
	if (*c->layout && fsetxattr(fd, LAYOUT_XATTR, c->layout, strlen(c->layout), 0)) {
		if (errno == EINVAL)
			tool_error("%s: the pool does not accept the layout %s: at most %u "
				   "strips; the chunk a power of two and a multiple of the "
				   "allocation unit", path, c->layout, FAMFS_STRIPS_MAX);
		else
			pool_error(path, "set the layout", errno, 0);
		return TOOL_FAILED;
	}
	if (ftruncate(fd, c->size)) {
		pool_error(path, "allocate", errno, c->size);
		return TOOL_FAILED;
	}
	return TOOL_FINE;
}

static int create(struct creation *c, const char *path, const char *name)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, c->mode), code;

	if (fd < 0) {
		progress_clear(&c->bar);
		if (errno == EEXIST)
			tool_error("%s is there already, and what is in a pool can be "
				   "neither removed nor resized", name);
		else
			pool_error(path, "create", errno, 0);
		return TOOL_FAILED;
	}
	code = give_size(c, path, fd);
	if (code != TOOL_FINE)
		unlink(path);	/* possible as long as it has no memory */
	else if (c->fill)
		code = fill_file(c, path, name, fd);
	if (close(fd) && code == TOOL_FINE) {
		pool_error(path, "close", errno, c->size);
		code = TOOL_FAILED;
	}
	return code;
}

static int create_one(struct creation *c, const char *path, struct json_object *files)
{
	char name[4096], *dir = pool_dir(path);
	struct json_object *obj;
	int code = TOOL_FAILED;

	text_escape(path, name, sizeof(name));
	if (!dir)
		tool_error("%s is not in a mounted pool; mount it with \"fmapfs mount\"",
			   name);
	else
		code = create(c, path, name);
	free(dir);
	if (files) {
		obj = json_object_new_object();
		tool_json_text(obj, "file", name);
		tool_json_u64(obj, "size", c->size);
		tool_json_bool(obj, "done", code == TOOL_FINE);
		json_object_array_add(files, obj);
	}
	return code;
}

static bool mode_option(const char *text, mode_t *mode)
{
	uint64_t n;

	if (!number_parse(text, 8, 07777, &n)) {
		*mode = n;
		return true;
	}
	tool_error("--mode: '%s' is no mode; write 644 for example", text);
	return false;
}

static bool set_option(struct creation *c, int opt, uint64_t *strips, uint64_t *chunk)
{
	switch (opt) {
	case 's':
		return tool_size("--size", optarg, &c->size);
	case 'm':
		return mode_option(optarg, &c->mode);
	case OPT_STRIPE:
		return tool_number("--stripe", optarg, 1, FAMFS_STRIPS_MAX, strips);
	case OPT_CHUNK:
		return tool_size("--chunk", optarg, chunk);
	default:
		c->fill = true;
		return tool_number("--fill", optarg, 0, UINT64_MAX, &c->seed);
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct creation c = { .mode = 0644 };
	struct json_object *files = NULL;
	uint64_t strips = 0, chunk = 0;
	int opt, i, code = TOOL_FINE;

	while ((opt = tool_option(cmd, argc, argv)) != -1)
		if (!set_option(&c, opt, &strips, &chunk))
			return TOOL_USAGE;
	if (!c.size || c.size > INT64_MAX)
		return tool_usage(cmd, "which size? A file has one byte at least");
	if (optind == argc)
		return tool_usage(cmd, "which file?");
	if (chunk && !strips)
		return tool_usage(cmd, "--chunk is for files with --stripe");
	if (strips)
		snprintf(c.layout, sizeof(c.layout), "strips=%u", (unsigned int)strips);
	if (chunk)
		snprintf(c.layout + strlen(c.layout), 32, ",chunk=%llu",
			 (unsigned long long)chunk);
	if (tool_json)
		files = json_object_new_array();
	progress_start(&c.bar, c.size * (argc - optind));
	for (i = optind; i < argc; i++)
		code |= create_one(&c, argv[i], files);
	progress_clear(&c.bar);
	if (files)
		code |= tool_print_json(files);
	return code;
}

static const struct option longs[] = {
	{ "size", required_argument, NULL, 's' },
	{ "stripe", required_argument, NULL, OPT_STRIPE },
	{ "chunk", required_argument, NULL, OPT_CHUNK },
	{ "mode", required_argument, NULL, 'm' },
	{ "fill", required_argument, NULL, OPT_FILL },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_create = {
	.name = "create",
	.args = "-s SIZE [--stripe N [--chunk SIZE]] FILE...",
	.help = "make files in a mounted pool, of their size at once",
	.more = "  -s, --size SIZE      bytes, or 64K, 8M, 2G, 1T\n"
		"      --stripe N       over N strips, on different devices if there are\n"
		"      --chunk SIZE     in turns of SIZE: a power of two; else the allocation unit\n"
		"  -m, --mode MODE      644; the umask is taken from it\n"
		"      --fill SEED      a pattern of that number, which \"verify --fill\" knows;\n"
		"                       else zeroes\n",
	.shorts = "s:m:",
	.longs = longs,
	.run = run,
};
