// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs mkfs: devices → a pool.
 *
 * All that can be wrong is looked for before the first byte is written; then the
 * superblock is written last. Killed at any moment it leaves no pool, or a whole one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uuid/uuid.h>

#include "commands.h"
#include "run.h"
#include "target.h"

#define UNIT_DEFAULT	(2ULL << 20)

enum {
	OPT_VERSION = TOOL_OPT,
	OPT_LOG_SIZE,
	OPT_UNIT,
	OPT_SYSTEM_UUID,
	OPT_UUID,
	OPT_IMAGE,
};

static const struct option longs[] = {
	{ "version", required_argument, NULL, OPT_VERSION },
	{ "log-size", required_argument, NULL, OPT_LOG_SIZE },
	{ "unit", required_argument, NULL, OPT_UNIT },
	{ "system-uuid", required_argument, NULL, OPT_SYSTEM_UUID },
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "image", no_argument, NULL, OPT_IMAGE },
	{ "force", no_argument, NULL, 'f' },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct job - a pool being made
 * @mkfs: what the library is to do; its devs are @devs
 * @targets, @devs, @supers: @n of each
 * @system_file: NULL: the usual one
 */
struct job {
	struct media_mkfs mkfs;
	struct target targets[MEDIA_DEVICES_MAX];
	struct media_mkfs_dev devs[MEDIA_DEVICES_MAX];
	struct pool_window supers[MEDIA_DEVICES_MAX];
	struct pool_window log;
	struct pool_reach *reach;
	unsigned int n;
	const char *system_file;
	bool force;
	bool image;
	struct media_usage usage;
};

static bool set_log_size(struct job *job, const char *value)
{
	uint64_t n;

	if (!tool_size("--log-size", value, &n))
		return false;
	job->mkfs.log_len = n;
	if (n >= FAMFS_LOG_MIN && !(n & (n - 1)))
		return true;
	tool_error("--log-size is a power of two, 8M or more, not %s", value);
	return false;
}

static bool set_unit(struct job *job, const char *value)
{
	uint64_t n;

	if (!tool_size("--unit", value, &n))
		return false;
	job->mkfs.alloc_unit = n;
	if (n == 4096 || n == UNIT_DEFAULT)
		return true;
	tool_error("--unit is 2M or 4K, not %s", value);
	return false;
}

static bool set_option(struct job *job, int c, const char *value)
{
	uint64_t n;

	switch (c) {
	case OPT_VERSION:
		if (!tool_number("--version", value, FAMFS_VERSION_47,
				 FAMFS_VERSION_48, &n))
			return false;
		job->mkfs.version = n;
		return true;
	case OPT_LOG_SIZE:
		return set_log_size(job, value);
	case OPT_UNIT:
		return set_unit(job, value);
	case OPT_SYSTEM_UUID:
		job->system_file = value;
		return true;
	case OPT_UUID:
		if (!uuid_parse(value, job->mkfs.fs_uuid))
			return true;
		tool_error("--uuid: '%s' is no uuid; uuidgen(1) makes one", value);
		return false;
	case OPT_IMAGE:
		job->image = true;
		return true;
	default:
		job->force = true;
		return true;
	}
}

static bool fail(const char *what, int rc)
{
	/* These were told by the library. */
	if (rc != -EBUSY && rc != -ENOENT)
		tool_error("%s: %s%s", what, strerror(-rc),
			   rc == -EPERM || rc == -EACCES ? "; try sudo" : "");
	return false;
}

static bool reach_devices(struct job *job)
{
	unsigned int flags = POOL_WRITE | POOL_ALONE |
			     (job->image ? POOL_PLAIN : 0), i;
	int rc = pool_reach_open(&job->reach, flags, &tool_log);

	if (rc)
		return fail("devices", rc);
	for (i = 0; i < job->n; i++) {
		rc = pool_reach_add(job->reach, i, &job->targets[i].dev);
		if (rc)
			return fail(job->targets[i].name, rc);
	}
	return true;
}

/* What the library checks; so far without memory. */
static bool check_numbers(struct job *job)
{
	static uint8_t nowhere[MEDIA_DEVICES_MAX];
	const char *wrong;
	unsigned int i;

	for (i = 0; i < job->n; i++)
		job->devs[i].super = &nowhere[i];
	job->mkfs.log = nowhere;
	wrong = media_mkfs_check(&job->mkfs);
	if (wrong)
		tool_error("%s", wrong);
	return !wrong;
}

static void describe_devices(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->n; i++)
		target_describe(&job->targets[i], &job->devs[i]);
}

static bool open_windows(struct job *job)
{
	unsigned int i;
	int rc;

	for (i = 0; i < job->n; i++) {
		rc = pool_window_range(job->reach, i, 0, FAMFS_SUPER_SIZE,
				       &job->supers[i]);
		if (rc)
			return fail(job->targets[i].name, rc);
		job->devs[i].super = job->supers[i].mem;
	}
	rc = pool_window_range(job->reach, 0, FAMFS_LOG_OFFSET, job->mkfs.log_len,
			       &job->log);
	if (rc == -EEXIST)
		tool_error("%s is in use: a mounted layout has files where the log would be",
			   job->targets[0].name);
	else if (rc)
		fail(job->targets[0].name, rc);
	job->mkfs.log = job->log.mem;
	return !rc;
}

/*
 * With @create it is made where there is none, and is then what the file says: another
 * mkfs may have been first. Else a uuid that stands for it until then.
 */
static bool system_uuid(struct job *job, bool create)
{
	const char *path = job->system_file ? job->system_file : POOL_SYSTEM_UUID;
	int rc = pool_system_uuid(path, create, job->mkfs.system_uuid);

	if (rc == -ENOENT && !create) {
		uuid_generate(job->mkfs.system_uuid);
		return true;
	}
	if (!rc)
		return true;
	tool_error("%s: %s. The uuid of this host is kept there; --system-uuid names another file",
		   path, rc == -EINVAL ? "that is no uuid" : strerror(-rc));
	return false;
}

static int write_pool(void *ctx)
{
	struct job *job = ctx;

	return media_mkfs(&job->mkfs, NULL);
}

static bool write_it(struct job *job)
{
	return !targets_guard(write_pool, job, job->targets, job->n, job->supers,
			      job->targets[0].name);
}

/* What a replay of the new pool needs. */
struct copy_back {
	const struct job *job;
	struct famfs_super super;
	void *log;
};

static int copy_back(void *ctx)
{
	struct copy_back *c = ctx;
	const struct job *job = c->job;
	uint64_t len = sizeof(struct famfs_log_header) +
		       (job->n - 1) * sizeof(struct famfs_entry);

	media_invalidate(job->supers[0].mem, sizeof(c->super));
	media_invalidate(job->log.mem, len);
	memcpy(&c->super, job->supers[0].mem, sizeof(c->super));
	memcpy(c->log, job->log.mem, len);
	return 0;
}

static bool replay(struct job *job, const struct famfs_super *super,
		   const struct media_log *log)
{
	struct media_error err = { 0 };
	struct media_fs *fs = NULL;
	char text[MEDIA_ERROR_MAX];
	struct media_super sb;
	int rc;

	rc = media_super_read(super, sizeof(*super), job->targets[0].dev.size, &sb,
			      &err);
	if (!rc)
		rc = media_fs_new(&fs, &sb, NULL, NULL);
	if (!rc)
		rc = media_fs_replay(fs, log, &err);
	if (!rc)
		media_space_usage(media_fs_space(fs), &job->usage);
	else
		tool_error("the pool does not read back: %s", rc == -EUCLEAN ?
			   media_strerror(&err, text, sizeof(text)) :
			   strerror(-rc));
	media_fs_free(fs);
	return !rc;
}

/* Does it read back? And what space is there? */
static bool read_back(struct job *job)
{
	struct media_log log = {
		.mem = tool_alloc(1, FAMFS_LOG_MIN), .offset = FAMFS_LOG_OFFSET,
		.len = FAMFS_LOG_MIN, .version = job->mkfs.version,
	};
	struct copy_back c = { .job = job, .log = log.mem };
	bool good;

	good = !targets_guard(copy_back, &c, job->targets, job->n, job->supers,
			      job->targets[0].name) &&
	       replay(job, &c.super, &log);
	free(log.mem);
	return good;
}

static bool make(struct job *job)
{
	bool good, settled = true;
	unsigned int i;

	describe_devices(job);
	good = system_uuid(job, false) && check_numbers(job) &&
	       targets_look(job->targets, job->n) && reach_devices(job) &&
	       targets_check(job->targets, job->n, job->reach, 0, job->force) &&
	       open_windows(job) && system_uuid(job, true) &&
	       targets_wipe(job->targets, job->n, job->supers) &&
	       write_it(job) && read_back(job);
	if (job->reach) {
		pool_window_close(job->reach, &job->log);
		for (i = 0; i < job->n; i++)
			pool_window_close(job->reach, &job->supers[i]);
		pool_reach_close(job->reach);
	}
	for (i = 0; good && i < job->n; i++)
		settled &= target_settle(&job->targets[i]);
	return good && settled;
}

/* ------------------------------------------------------------------------
 * What was made
 */

static uint64_t space_left(const struct job *job)
{
	return job->usage.size - job->usage.reserved - job->usage.used;
}

static int show_json(const struct job *job)
{
	struct json_object *obj = json_object_new_object(), *devs, *dev;
	char text[37];
	unsigned int i;

	tool_json_text(obj, "uuid", tool_uuid(job->mkfs.fs_uuid, text));
	tool_json_text(obj, "system_uuid", tool_uuid(job->mkfs.system_uuid, text));
	tool_json_u64(obj, "version", job->mkfs.version);
	tool_json_u64(obj, "size", job->usage.size);
	tool_json_u64(obj, "free", space_left(job));
	tool_json_u64(obj, "unit", job->mkfs.alloc_unit);
	tool_json_u64(obj, "log_size", job->mkfs.log_len);
	tool_json_u64(obj, "log_entries", media_entries_max(job->mkfs.log_len));
	devs = json_object_new_array();
	for (i = 0; i < job->n; i++) {
		dev = json_object_new_object();
		tool_json_u64(dev, "index", i);
		tool_json_text(dev, "path", job->targets[i].dev.path);
		tool_json_text(dev, "uuid", tool_uuid(job->devs[i].uuid, text));
		tool_json_u64(dev, "size", job->devs[i].size);
		json_object_array_add(devs, dev);
	}
	json_object_object_add(obj, "devices", devs);
	return tool_print_json(obj);
}

/* It is no mistake; but whoever goes on with famfs should know. */
static void note_small(const struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->n; i++)
		if (job->devs[i].size < FAMFS_DEVICE_MIN) {
			tool_warn("note: %s is smaller than 4G, which famfs itself does not take",
				  job->targets[i].name);
			return;
		}
}

static int show(const struct job *job)
{
	char size[TOOL_HUMAN_MAX], left[TOOL_HUMAN_MAX], log[TOOL_HUMAN_MAX];
	char unit[TOOL_HUMAN_MAX], uuid[37];

	note_small(job);
	if (tool_json)
		return show_json(job);
	printf("pool      %s (version %u)\n", tool_uuid(job->mkfs.fs_uuid, uuid),
	       job->mkfs.version);
	printf("devices   %u, together %s, of which %s are free\n", job->n,
	       tool_human(job->usage.size, size),
	       tool_human(space_left(job), left));
	printf("log       %s, for %llu files and directories; units of %s\n",
	       tool_human(job->mkfs.log_len, log),
	       (unsigned long long)media_entries_max(job->mkfs.log_len),
	       tool_human(job->mkfs.alloc_unit, unit));
	printf("mount it  mount -t fmapfs %s%s DIR\n",
	       job->image ? "-o no_fmap " : "", job->targets[0].dev.path);
	return TOOL_FINE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static struct job job = {
		.mkfs = {
			.version = FAMFS_VERSION_48,
			.log_len = FAMFS_LOG_MIN,
			.alloc_unit = UNIT_DEFAULT,
		},
	};
	int c, code = TOOL_FAILED;

	uuid_generate(job.mkfs.fs_uuid);
	while ((c = tool_option(cmd, argc, argv)) >= 0)
		if (!set_option(&job, c, optarg))
			return TOOL_USAGE;
	job.n = argc - optind;
	if (argc - optind < 1 || argc - optind > MEDIA_DEVICES_MAX)
		return tool_usage(cmd, "1 to %u devices are wanted",
				  MEDIA_DEVICES_MAX);
	if (job.n > 1 && job.mkfs.version == FAMFS_VERSION_47)
		return tool_usage(cmd, "a pool of version 47 has one device; several need version 48");
	job.mkfs.devs = job.devs;
	job.mkfs.ndevs = job.n;
	if (!job.image)
		tool_need_module();
	if (targets_resolve(job.targets, argv + optind, job.n, job.image, NULL,
			    0) && make(&job))
		code = show(&job);
	targets_free(job.targets, job.n);
	return code;
}

const struct command cmd_mkfs = {
	.name = "mkfs",
	.args = "[options] DEV...",
	.help = "make a pool of one or several devices",
	.more =
"The first DEV is the primary one: superblock and log lie there. What holds\n"
"anything known is refused, what is in use in any case.\n\n"
"      --version=N      of the format: 48 (default), or 47 for older famfs: that\n"
"                       has one device only\n"
"      --log-size=SIZE  a power of two, 8M (default) or more: room for 15420 files\n"
"                       and directories in each 8M, for ever\n"
"      --unit=SIZE      files take whole units: 2M (default) or 4K\n"
"      --uuid=UUID      of the pool; default: a random one\n"
"      --system-uuid=FILE  with the uuid of this host, which is the one that may\n"
"                       create files; made if there is none\n"
"                       (default " POOL_SYSTEM_UUID ")\n"
"      --image          DEV may be an image file, or have no DAX\n"
"  -f, --force          write over what lies there\n",
	.shorts = "f",
	.longs = longs,
	.run = run,
};
