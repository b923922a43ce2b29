// SPDX-License-Identifier: GPL-2.0-only
/* fmapfs add: one more device for a pool. Hosts that have it mounted follow its log. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "run.h"
#include "target.h"

enum {
	OPT_SYSTEM_UUID = TOOL_OPT,
	OPT_IMAGE,
	OPT_DEVICE,
};

static const struct option longs[] = {
	{ "system-uuid", required_argument, NULL, OPT_SYSTEM_UUID },
	{ "image", no_argument, NULL, OPT_IMAGE },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "force", no_argument, NULL, 'f' },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct job - a device being added
 * @others: devices that the pool has already, as far as they were named; NULL-terminated
 * @index: the one it gets
 * @fs_uuid, @primary: of the pool, which is closed when it is shown
 */
struct job {
	const char *name;
	char *device;
	const char *others[MEDIA_DEVICES_MAX + 1];
	unsigned int nothers;
	const char *system_file;
	bool force;
	bool image;
	struct pool *pool;
	struct media_fs *fs;
	struct target target;
	unsigned int index;
	uint8_t fs_uuid[16];
	struct target primary;
	struct media_mkfs_dev dev;
	struct pool_window super;
};

static bool open_pool(struct job *job)
{
	struct pool_args args = {
		.name = job->name,
		.others = job->others,
		.flags = POOL_WRITE | POOL_ALONE |
			 (job->image ? POOL_PLAIN : 0),
		.missing_ok = false,
	};
	int rc = pool_open(&job->pool, &args, &tool_log);

	if (rc == -EEXIST)
		tool_error("%s is mounted on this host; unmount it to add a device (fmapfs umount DIR). Other hosts may go on",
			   job->name);
	else if (rc)
		tool_error("%s: the pool cannot be opened: %s", job->name,
			   strerror(-rc));
	return !rc;
}

/* Two that append to one log would destroy it. */
static bool is_master(const struct job *job)
{
	const char *path = job->system_file ? job->system_file : POOL_SYSTEM_UUID;
	uint8_t uuid[16];
	int rc = pool_system_uuid(path, false, uuid);

	if (!rc && !memcmp(uuid, job->pool->sb.system_uuid, sizeof(uuid)))
		return true;
	tool_error("this host is not the pool's master: %s. Only the host that made the pool may add to it",
		   rc == -ENOENT ? "it has no uuid" :
		   rc ? strerror(-rc) : "its uuid is another");
	return false;
}

/**
 * struct reading - the log, from memory that may be bad
 * @log: it; @copy: result, up to the last entry
 * @head: result
 */
struct reading {
	const struct media_log *log;
	struct media_log copy;
	struct media_head head;
	struct media_error err;
};

static int read_head(void *ctx)
{
	struct reading *r = ctx;

	return media_log_head(r->log, &r->head, &r->err);
}

static int read_entries(void *ctx)
{
	struct reading *r = ctx;
	uint64_t len = sizeof(struct famfs_log_header) +
		       r->head.next * sizeof(struct famfs_entry);

	media_invalidate(r->log->mem, len);
	memcpy(r->copy.mem, r->log->mem, len);
	return 0;
}

/* Return: -EIO: that was told. */
static int replay_copy(struct job *job, struct reading *r)
{
	uint64_t len = FAMFS_LOG_MIN;
	int rc = targets_guard(read_head, r, NULL, 0, NULL, job->name);

	if (rc)
		return rc;
	/* All of them are below it. */
	while (media_entries_max(len) < r->head.next)
		len *= 2;
	r->copy = *r->log;
	r->copy.len = len;
	r->copy.mem = tool_alloc(1, len);
	rc = targets_guard(read_entries, r, NULL, 0, NULL, job->name);
	if (!rc)
		rc = media_fs_replay(job->fs, &r->copy, &r->err);
	free(r->copy.mem);
	return rc;
}

static bool replay(struct job *job)
{
	struct reading r = { .log = &job->pool->media_log };
	char text[MEDIA_ERROR_MAX];
	int rc = media_fs_new(&job->fs, &job->pool->sb, NULL, NULL);

	if (!rc)
		rc = replay_copy(job, &r);
	if (rc && rc != -EIO)
		tool_error("%s: %s%s", job->name, rc == -EUCLEAN ?
			   media_strerror(&r.err, text, sizeof(text)) :
			   strerror(-rc), rc == -EUCLEAN ?
			   "; nothing is added to a damaged pool, fmapfs fsck says more" : "");
	return !rc;
}

static bool find_index(struct job *job)
{
	const struct media_device *dev;

	for (job->index = 1; job->index < MEDIA_DEVICES_MAX; job->index++) {
		dev = media_fs_device(job->fs, job->index);
		if (!dev || !dev->present)
			return true;
	}
	tool_error("%s has %u devices, and that is the most there can be", job->name,
		   MEDIA_DEVICES_MAX);
	return false;
}

static bool check_pool(struct job *job)
{
	if (!open_pool(job) || !is_master(job) || !replay(job) || !find_index(job))
		return false;
	if (job->pool->sb.version == FAMFS_VERSION_48)
		return true;
	tool_error("%s is of version %u, which has one device only; a pool of version 48 can have more",
		   job->name, job->pool->sb.version);
	return false;
}

static bool reach_device(struct job *job)
{
	int rc = pool_reach_add(job->pool->reach, job->index, &job->target.dev);

	if (rc && rc != -EBUSY)
		tool_error("%s: %s", job->target.name, strerror(-rc));
	return !rc;
}

static bool fail(const struct job *job, int rc, const struct media_error *err)
{
	char text[MEDIA_ERROR_MAX];

	tool_error("%s cannot be added: %s", job->target.name,
		   rc == -ENOSPC ? "the log is full" :
		   rc == -EINVAL && !err->field[0] ? "it is too small, or too large" :
		   err->field[0] ? media_strerror(err, text, sizeof(text)) :
		   strerror(-rc));
	return false;
}

struct adding {
	struct job *job;
	struct media_error err;
};

static int check_it(void *ctx)
{
	struct adding *a = ctx;
	struct job *job = a->job;

	return media_add_check(&job->dev, &job->pool->sb, &job->pool->media_log,
			       job->index, &a->err);
}

static int add_it(void *ctx)
{
	struct adding *a = ctx;
	struct job *job = a->job;

	return media_add_device(&job->dev, &job->pool->sb, &job->pool->media_log,
				job->index, NULL, &a->err);
}

static bool guarded(struct job *job, int (*fn)(void *ctx))
{
	struct adding a = { .job = job };
	int rc = targets_guard(fn, &a, &job->target, 1, &job->super, job->name);

	return !rc || (rc != -EIO && fail(job, rc, &a.err));
}

/* All that can be refused is, while what lies on the device is still there. */
static bool check_device(struct job *job)
{
	int rc = pool_window_range(job->pool->reach, job->index, 0, FAMFS_SUPER_SIZE,
				   &job->super);

	if (rc) {
		tool_error("%s: %s", job->target.name, strerror(-rc));
		return false;
	}
	target_describe(&job->target, &job->dev);
	job->dev.super = job->super.mem;
	return guarded(job, check_it);
}

static bool write_it(struct job *job)
{
	return targets_wipe(&job->target, 1, &job->super) && guarded(job, add_it);
}

static int show(struct job *job)
{
	char uuid[37], size[TOOL_HUMAN_MAX];
	struct json_object *obj;

	if (!tool_json) {
		tool_say("%s (%s) is device %u of the pool %s",
			 job->target.dev.path,
			 tool_human(job->target.dev.size, size), job->index,
			 tool_uuid(job->fs_uuid, uuid));
		return TOOL_FINE;
	}
	obj = json_object_new_object();
	tool_json_text(obj, "pool", tool_uuid(job->fs_uuid, uuid));
	tool_json_u64(obj, "index", job->index);
	tool_json_text(obj, "path", job->target.dev.path);
	tool_json_text(obj, "uuid", tool_uuid(job->dev.uuid, uuid));
	tool_json_u64(obj, "size", job->target.dev.size);
	return tool_print_json(obj);
}

static int add(struct job *job)
{
	int code = TOOL_FAILED;
	bool good;

	good = check_pool(job) &&
	       targets_resolve(&job->target, &job->device, 1, job->image,
			       job->pool->devs, job->pool->ndevs) &&
	       targets_look(&job->target, 1) && reach_device(job) &&
	       targets_check(&job->target, 1, job->pool->reach, job->index,
			     job->force) &&
	       check_device(job) && write_it(job);
	if (good) {
		memcpy(job->fs_uuid, job->pool->sb.fs_uuid, sizeof(job->fs_uuid));
		job->primary = (struct target) { job->name, job->pool->devs[0], NULL };
	}
	if (job->super.mem)
		pool_window_close(job->pool->reach, &job->super);
	media_fs_free(job->fs);
	pool_close(job->pool);
	/* The log is on the other one. */
	if (good && target_settle(&job->target) && target_settle(&job->primary))
		code = show(job);
	targets_free(&job->target, 1);
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct job job = { 0 };
	int c;

	while ((c = tool_option(cmd, argc, argv)) >= 0) {
		if (c == OPT_SYSTEM_UUID)
			job.system_file = optarg;
		else if (c == OPT_IMAGE)
			job.image = true;
		else if (c == 'f')
			job.force = true;
		else if (job.nothers < MEDIA_DEVICES_MAX)
			job.others[job.nothers++] = optarg;
	}
	if (argc - optind != 2)
		return tool_usage(cmd, "POOL and DEV are wanted");
	job.name = argv[optind];
	job.device = argv[optind + 1];
	if (!job.image)
		tool_need_module();
	return add(&job);
}

const struct command cmd_add = {
	.name = "add",
	.args = "[options] POOL DEV",
	.help = "make a device one more of a pool",
	.more =
"On the master, while the pool is not mounted there; other hosts that have it\n"
"mounted find the device by themselves. DEV is looked at as mkfs does.\n\n"
"      --system-uuid=FILE  with the uuid of this host\n"
"                       (default " POOL_SYSTEM_UUID ")\n"
"      --device=PATH    a device that the pool has already; may be given again\n"
"      --image          POOL and DEV may be image files, or have no DAX\n"
"  -f, --force          write over what lies on DEV\n",
	.shorts = "f",
	.longs = longs,
	.run = run,
};
