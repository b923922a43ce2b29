// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs flush: a file's memory and this host's CPU caches. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pool/guard.h"
#include "commands_files.h"
#include "look.h"
#include "text.h"

#define OPT_INVALIDATE	TOOL_OPT
#define PIECE		(16ULL << 20)

/**
 * struct flushing - a piece of a file
 * @mem, @len: mapped
 * @drop: else write back
 */
struct flushing {
	const char *mem;
	uint64_t len;
	bool drop;
};

static int flush_piece(void *ctx)
{
	const struct flushing *f = ctx;

	if (f->drop)
		media_invalidate(f->mem, f->len);
	else
		media_writeback(f->mem, f->len);
	return 0;
}

/* Return: bytes that were done; less than @size: there is bad memory. */
static uint64_t flush_all(const char *mem, uint64_t size, bool drop)
{
	struct flushing f = { .mem = mem, .drop = drop };
	const void *fault;
	uint64_t at;

	for (at = 0; at < size; at += f.len) {
		f.mem = mem + at;
		f.len = size - at < PIECE ? size - at : PIECE;
		if (guard_run(flush_piece, &f, &fault))
			return (const char *)fault - mem;
	}
	return size;
}

static int fail(const char *name, const char *what)
{
	tool_error("%s: %s", name, what);
	return TOOL_FAILED;
}

static int flush_fd(const char *name, int fd, bool drop, uint64_t *size)
{
	char text[80];
	struct stat st;
	uint64_t done;
	char *mem;

	if (fstat(fd, &st))
		return fail(name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(name, "is no ordinary file");
	*size = st.st_size;
	/* What the kernel itself has dirty; and of files that are no memory that is all. */
	if (!drop && fsync(fd))
		return fail(name, strerror(errno));
	if (!st.st_size)
		return TOOL_FINE;
	mem = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return fail(name, strerror(errno));
	done = flush_all(mem, st.st_size, drop);
	munmap(mem, st.st_size);
	if (done == *size)
		return TOOL_FINE;
	snprintf(text, sizeof(text), "bad memory at byte %llu; what follows it is not done",
		 (unsigned long long)done);
	return fail(name, text);
}

static int flush_file(const char *path, bool drop, struct json_object *files)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code;
	struct json_object *obj;
	uint64_t size = 0;
	char name[4096];

	text_escape(path, name, sizeof(name));
	if (fd < 0) {
		code = fail(name, strerror(errno));
	} else {
		code = flush_fd(name, fd, drop, &size);
		close(fd);
	}
	if (files) {
		obj = json_object_new_object();
		tool_json_text(obj, "file", name);
		tool_json_u64(obj, "size", size);
		tool_json_bool(obj, "done", code == TOOL_FINE);
		json_object_array_add(files, obj);
	}
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *files = NULL;
	int c, i, code = TOOL_FINE;
	bool drop = false;

	while ((c = tool_option(cmd, argc, argv)) != -1)
		drop |= c == OPT_INVALIDATE;
	if (optind == argc)
		return tool_usage(cmd, "which file?");
	if (tool_json)
		files = json_object_new_array();
	for (i = optind; i < argc; i++)
		code |= flush_file(argv[i], drop, files);
	if (files)
		code |= tool_print_json(files);
	return code;
}

static const struct option longs[] = {
	{ "invalidate", no_argument, NULL, OPT_INVALIDATE },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_flush = {
	.name = "flush",
	.args = "[--invalidate] FILE...",
	.help = "write this host's CPU caches of files back to memory, or drop them",
	.more = "Hosts need not be coherent: the one that has written a file does \"flush\", then\n"
		"one that has read it before does \"flush --invalidate\", and sees what was written.\n"
		"      --invalidate     drop instead; what this host itself has written and not\n"
		"                       flushed is written back by that, over what others wrote\n",
	.longs = longs,
	.run = run,
};
