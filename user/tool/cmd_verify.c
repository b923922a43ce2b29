// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs verify: read every byte of files, and compare with a pattern. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pool/guard.h"
#include "commands_files.h"
#include "look.h"
#include "pattern.h"
#include "text.h"

#define OPT_FILL	TOOL_OPT
#define PIECE		(8ULL << 20)

/**
 * struct reading - a piece of a file
 * @mem, @len: mapped, or read; @off: where in the file it is
 * @fill: compare with the pattern of @seed
 * @wrong: result: the first byte that differs, or PATTERN_SAME
 */
struct reading {
	const char *mem;
	uint64_t len;
	uint64_t off;
	bool fill;
	uint64_t seed;
	uint64_t wrong;
};

/**
 * struct verify - a run
 * @files: JSON, or NULL
 * @done: bytes, for the bar
 */
struct verify {
	bool fill;
	uint64_t seed;
	struct json_object *files;
	struct progress bar;
	uint64_t done;
};

static int read_piece(void *ctx)
{
	struct reading *r = ctx;
	const volatile uint64_t *word = (const void *)r->mem;
	uint64_t i;

	if (r->fill) {
		r->wrong = pattern_check(r->mem, r->off, r->len, r->seed);
		return 0;
	}
	/* A mapping goes on to the end of its page, a buffer too. */
	for (i = 0; i < (r->len + 7) / 8; i++)
		(void)word[i];
	return 0;
}

__attribute__((format(printf, 3, 4)))
static int wrong(struct verify *v, struct json_object *obj, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	progress_clear(&v->bar);
	tool_error("%s", text);
	if (obj)
		tool_json_text(obj, "error", text);
	return TOOL_FAILED;
}

static int differs(struct verify *v, struct json_object *obj, const char *name,
		   const struct reading *r)
{
	uint8_t is = r->mem[r->wrong - r->off];

	if (obj)
		tool_json_u64(obj, "wrong_at", r->wrong);
	return wrong(v, obj, "%s: byte %llu is 0x%02x, should be 0x%02x", name,
		     (unsigned long long)r->wrong, is,
		     pattern_byte(r->wrong, r->seed));
}

static int bad_memory(struct verify *v, struct json_object *obj, const char *name,
		      uint64_t at)
{
	if (obj)
		tool_json_u64(obj, "bad_at", at);
	return wrong(v, obj, "%s: bad memory at byte %llu", name, (unsigned long long)at);
}

static int verify_mapped(struct verify *v, struct json_object *obj, const char *name,
			 const char *mem, uint64_t size)
{
	struct reading r = { .fill = v->fill, .seed = v->seed, .wrong = PATTERN_SAME };
	const void *fault;

	for (; r.off < size; r.off += r.len) {
		r.mem = mem + r.off;
		r.len = size - r.off < PIECE ? size - r.off : PIECE;
		if (guard_run(read_piece, &r, &fault))
			return bad_memory(v, obj, name, (const char *)fault - mem);
		if (r.wrong != PATTERN_SAME)
			return differs(v, obj, name, &r);
		v->done += r.len;
		progress_show(&v->bar, v->done, "");
	}
	return TOOL_FINE;
}

/* What cannot be mapped. */
static int verify_read(struct verify *v, struct json_object *obj, const char *name,
		       int fd, uint64_t size)
{
	struct reading r = { .fill = v->fill, .seed = v->seed, .wrong = PATTERN_SAME };
	char *buf = tool_alloc(1, PIECE);
	int code = TOOL_FINE;
	ssize_t n;

	r.mem = buf;
	for (; r.off < size && code == TOOL_FINE; r.off += r.len) {
		n = pread(fd, buf, PIECE, r.off);
		r.len = n > 0 ? n : 0;
		if (n < 0 && (errno == EIO || errno == EHWPOISON))
			code = bad_memory(v, obj, name, r.off);
		else if (n < 0)
			code = wrong(v, obj, "%s: %s", name, strerror(errno));
		else if (!n)
			code = wrong(v, obj, "%s: ends at byte %llu", name,
				     (unsigned long long)r.off);
		else if (!read_piece(&r) && r.wrong != PATTERN_SAME)
			code = differs(v, obj, name, &r);
		v->done += r.len;
		progress_show(&v->bar, v->done, "");
	}
	free(buf);
	return code;
}

static int verify_file(struct verify *v, const char *path, struct json_object *obj)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code = TOOL_FINE;
	char name[400], *mem = MAP_FAILED;
	struct stat st = { 0 };

	text_escape(path, name, sizeof(name));
	if (obj)
		tool_json_text(obj, "file", name);
	if (fd < 0 || fstat(fd, &st))
		code = wrong(v, obj, "%s: %s", name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		code = wrong(v, obj, "%s: is no ordinary file", name);
	else if (st.st_size)
		mem = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mem != MAP_FAILED) {
		code = verify_mapped(v, obj, name, mem, st.st_size);
		munmap(mem, st.st_size);
	} else if (code == TOOL_FINE && st.st_size) {
		code = verify_read(v, obj, name, fd, st.st_size);
	}
	if (fd >= 0)
		close(fd);
	if (obj) {
		tool_json_u64(obj, "size", st.st_size);
		tool_json_bool(obj, "good", code == TOOL_FINE);
	}
	return code;
}

static uint64_t total(char **names, int n)
{
	uint64_t sum = 0;
	struct stat st;

	for (; n--; names++)
		if (!stat(*names, &st) && S_ISREG(st.st_mode))
			sum += st.st_size;
	return sum;
}

static int verify_all(struct verify *v, char **names, int n)
{
	char size[TOOL_HUMAN_MAX], rate[TOOL_HUMAN_MAX];
	int i, good = 0, code = TOOL_FINE;
	struct json_object *obj;

	progress_start(&v->bar, total(names, n));
	for (i = 0; i < n; i++) {
		obj = v->files ? json_object_new_object() : NULL;
		if (verify_file(v, names[i], obj))
			code = TOOL_FAILED;
		else
			good++;
		if (obj)
			json_object_array_add(v->files, obj);
	}
	progress_clear(&v->bar);
	tool_say("%d of %d files are good; %s read, %s/s", good, n,
		 tool_human(v->done, size),
		 tool_human(v->done / (progress_seconds(&v->bar) + 1e-9), rate));
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct verify v = { 0 };
	int c, code;

	while ((c = tool_option(cmd, argc, argv)) != -1) {
		if (c != OPT_FILL)
			continue;
		v.fill = true;
		if (!tool_number("--fill", optarg, 0, UINT64_MAX, &v.seed))
			return TOOL_USAGE;
	}
	if (optind == argc)
		return tool_usage(cmd, "which file?");
	if (tool_json)
		v.files = json_object_new_array();
	code = verify_all(&v, argv + optind, argc - optind);
	if (v.files && tool_print_json(v.files))
		code = TOOL_FAILED;
	return code;
}

static const struct option longs[] = {
	{ "fill", required_argument, NULL, OPT_FILL },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_verify = {
	.name = "verify",
	.args = "[--fill SEED] FILE...",
	.help = "read every byte of files; say where memory is bad or a pattern differs",
	.more = "Each file is read up to what is wrong with it, then the next one.\n"
		"      --fill SEED      compare with what \"create --fill SEED\" has written\n"
		"Exit codes: 0 all is good; 1 something is not; 2 wrong command line.\n",
	.longs = longs,
	.run = run,
};
