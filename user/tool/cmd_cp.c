// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs cp: files into a pool, or out of it, many at a time. copy.h does it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands_files.h"
#include "copy.h"
#include "look.h"
#include "text.h"

#define JOBS_MAX	64

enum {
	OPT_STRIPE = TOOL_OPT,
	OPT_CHUNK,
	OPT_RESUME,
};

/**
 * struct cp - a run
 * @copied: array of files, or NULL: --json
 * @failed: array of what went wrong, or NULL
 */
struct cp {
	struct copy_options options;
	char layout[64];
	bool verbose;
	struct progress bar;
	size_t nfiles;
	struct json_object *copied;
	struct json_object *failed;
};

static void on_wrong(void *ctx, const char *path, const char *text)
{
	char name[PATH_MAX], words[2048];
	struct json_object *obj;
	struct cp *cp = ctx;

	text_escape(path, name, sizeof(name));
	/* It may have a name in it. */
	text_escape(text, words, sizeof(words));
	progress_clear(&cp->bar);
	tool_error("%s: %s", name, words);
	if (!cp->failed)
		return;
	obj = json_object_new_object();
	tool_json_text(obj, "path", name);
	tool_json_text(obj, "error", words);
	json_object_array_add(cp->failed, obj);
}

static void on_done(void *ctx, const struct copy_item *item, bool same)
{
	struct json_object *obj;
	struct cp *cp = ctx;
	char name[PATH_MAX];

	text_escape(item->dst, name, sizeof(name));
	if (cp->verbose && !cp->copied) {
		progress_clear(&cp->bar);
		printf("%s%s\n", name, same ? " (was there)" : "");
	}
	if (!cp->copied)
		return;
	obj = json_object_new_object();
	tool_json_text(obj, "path", name);
	tool_json_u64(obj, "size", item->st.st_size);
	tool_json_bool(obj, "same", same);
	json_object_array_add(cp->copied, obj);
}

/* It is no part of what was put into a pool, and of no use elsewhere. */
static bool on_leave(void *ctx, const char *path)
{
	(void)ctx;
	return pool_is_meta(path);
}

static void on_progress(void *ctx, const struct copy_count *count)
{
	struct cp *cp = ctx;
	char more[64];

	snprintf(more, sizeof(more), "%llu of %zu files",
		 (unsigned long long)count->files, cp->nfiles);
	progress_show(&cp->bar, count->bytes, more);
}

static void print_result(const struct cp *cp, const struct copy_plan *plan,
			 const struct copy_count *count, double seconds)
{
	char bytes[TOOL_HUMAN_MAX], rate[TOOL_HUMAN_MAX];
	uint64_t failed = count->failed + count->dirs_failed;
	struct json_object *obj;

	if (!cp->copied) {
		printf("%llu file%s, %s written",
		       (unsigned long long)(count->files - count->failed),
		       count->files - count->failed == 1 ? "" : "s",
		       tool_human(count->copied, bytes));
		if (count->copied && seconds > 0.001)
			printf(", %s/s", tool_human(count->copied / seconds, rate));
		if (count->same)
			printf("; %llu of them were there",
			       (unsigned long long)count->same);
		if (failed || plan->skipped)
			printf("; %llu failed, %llu left out",
			       (unsigned long long)failed,
			       (unsigned long long)plan->skipped);
		putchar('\n');
		return;
	}
	obj = json_object_new_object();
	json_object_object_add(obj, "files", cp->copied);
	json_object_object_add(obj, "wrong", cp->failed);
	tool_json_u64(obj, "bytes", count->bytes);
	tool_json_u64(obj, "bytes_written", count->copied);
	tool_json_u64(obj, "same", count->same);
	tool_json_u64(obj, "failed", failed);
	tool_json_u64(obj, "left_out", plan->skipped);
	json_object_object_add(obj, "seconds", json_object_new_double(seconds));
	tool_print_json(obj);
}

static int copy(struct cp *cp, char **sources, size_t n, const char *dst)
{
	const struct copy_ops ops = {
		.wrong = on_wrong, .done = on_done, .leave = on_leave,
		.progress = on_progress, .ctx = cp,
	};
	struct copy_count count = { 0 };
	struct copy_plan plan;
	int rc;

	if (tool_json) {
		cp->copied = json_object_new_array();
		cp->failed = json_object_new_array();
	}
	progress_start(&cp->bar, 0);
	rc = copy_plan_make(&plan, sources, n, dst, &cp->options, &ops);
	if (!rc) {
		cp->nfiles = plan.nfiles;
		progress_start(&cp->bar, plan.bytes);
		rc = copy_run(&plan, &cp->options, &ops, &count);
		progress_clear(&cp->bar);
	}
	if (rc && rc != -EINVAL)
		tool_error("%s", strerror(-rc));
	print_result(cp, &plan, &count, progress_seconds(&cp->bar));
	rc = rc || count.failed || count.dirs_failed || plan.skipped;
	copy_plan_free(&plan);
	return rc ? TOOL_FAILED : TOOL_FINE;
}

static bool set_option(struct cp *cp, int c, uint64_t *strips, uint64_t *chunk)
{
	uint64_t n;

	switch (c) {
	case 'j':
		if (!tool_number("--jobs", optarg, 1, JOBS_MAX, &n))
			return false;
		cp->options.jobs = n;
		return true;
	case 'r':
		cp->options.recursive = true;
		return true;
	case 'p':
		cp->options.keep = true;
		return true;
	case 'v':
		cp->verbose = true;
		return true;
	case OPT_RESUME:
		cp->options.resume = true;
		return true;
	case OPT_STRIPE:
		return tool_number("--stripe", optarg, 1, FAMFS_STRIPS_MAX, strips);
	default:
		return tool_size("--chunk", optarg, chunk);
	}
}

static void set_layout(struct cp *cp, uint64_t strips, uint64_t chunk)
{
	if (!strips)
		return;
	snprintf(cp->layout, sizeof(cp->layout), "strips=%u", (unsigned int)strips);
	if (chunk)
		snprintf(cp->layout + strlen(cp->layout), 32, ",chunk=%llu",
			 (unsigned long long)chunk);
	cp->options.layout = cp->layout;
}

/* As many as there are CPUs, but memory is not faster for ever. */
static unsigned int default_jobs(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 8 ? 8 : n;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct cp cp = { .options.jobs = default_jobs() };
	uint64_t strips = 0, chunk = 0;
	const char *dst;
	char *dir;
	int c;

	while ((c = tool_option(cmd, argc, argv)) != -1)
		if (!set_option(&cp, c, &strips, &chunk))
			return TOOL_USAGE;
	if (optind + 2 > argc)
		return tool_usage(cmd, "what, and to where?");
	if (chunk && !strips)
		return tool_usage(cmd, "--chunk is for files with --stripe");
	set_layout(&cp, strips, chunk);
	dst = argv[argc - 1];
	dir = pool_dir(dst);
	cp.options.pool = dir;
	free(dir);
	if (cp.options.layout && !cp.options.pool)
		return tool_usage(cmd, "--stripe: %s is not in a mounted pool", dst);
	if (cp.options.keep)
		umask(0);
	return copy(&cp, argv + optind, argc - optind - 1, dst);
}

static const struct option longs[] = {
	{ "recursive", no_argument, NULL, 'r' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "preserve", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "resume", no_argument, NULL, OPT_RESUME },
	{ "stripe", required_argument, NULL, OPT_STRIPE },
	{ "chunk", required_argument, NULL, OPT_CHUNK },
	{ NULL, 0, NULL, 0 }
};

const struct command cmd_cp = {
	.name = "cp",
	.args = "[-r] [-p] [-j N] [--resume] SOURCE... DEST",
	.help = "copy files into a pool, or out of it, by several threads",
	.more = "Files have their size at once, and are in memory when cp is done. Links, devices\n"
		"and, in a pool, empty files are told and left out; two sources that would be one\n"
		"file are refused before anything is copied.\n"
		"  -r, --recursive      directories also\n"
		"  -p, --preserve       owner and mode, as the log has them, and times as long as\n"
		"                       the pool stays mounted\n"
		"      --resume         go on: a file that is there and has the size of its source is\n"
		"                       compared, and where it differs written. Else it is an error\n"
		"  -j, --jobs N         threads; else one a CPU, at most 8\n"
		"      --stripe N, --chunk SIZE   as with \"fmapfs create\"\n"
		"  -v, --verbose        a line for each file\n"
		"Exit codes: 0 all was copied; 1 not all; 2 wrong command line.\n",
	.shorts = "rj:pv",
	.longs = longs,
	.run = run,
};
