// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs status: what is mounted on this host, and how it goes.
 *
 * The kernel is asked first, by /proc and /sys, which answer whatever the server does.
 * The server is asked by a child, with a time limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "commands.h"
#include "run.h"

/**
 * struct facts - what the server says
 * @life: enum tool_life
 * @is_pool: it has a .meta
 * @master: its log may be written here
 * @size, @free: bytes
 * @super: its superblock, not checked
 */
struct facts {
	int life;
	bool is_pool;
	bool master;
	uint64_t size;
	uint64_t free;
	struct famfs_super super;
};

static const struct {
	const char *name;
	const char *file;
} counters[] = {
	{ "faults_4k", "counters/fault_pte" },
	{ "faults_2m", "counters/fault_pmd" },
	{ "faults_1g", "counters/fault_pud" },
	{ "faults_failed", "counters/fault_error" },
	{ "fmaps_cached", "counters/fmaps" },
	{ "fmaps_asked_for", "counters/get_fmap" },
	{ "fmaps_refused", "counters/fmap_refused" },
	{ "read_bytes", "counters/read_bytes" },
	{ "written_bytes", "counters/write_bytes" },
	{ "bad_replies", "counters/bad_reply" },
	{ "waiting", "waiting" },
};

#define NCOUNTERS	(sizeof(counters) / sizeof(counters[0]))

/* In the child. */
static void ask(void *ctx, void *buf)
{
	struct facts *facts = buf;
	struct statvfs space;
	struct statx stx;
	int dir, fd;

	facts->life = TOOL_ALIVE;
	dir = open(ctx, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (statx(dir, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		  STATX_BASIC_STATS, &stx)) {
		facts->life = errno == ENOTCONN ? TOOL_DEAD : TOOL_ALIVE;
		return;
	}
	if (!fstatvfs(dir, &space)) {
		facts->size = (uint64_t)space.f_blocks * space.f_frsize;
		facts->free = (uint64_t)space.f_bavail * space.f_frsize;
	}
	if (!statx(dir, ".meta/.log", 0, STATX_MODE, &stx))
		facts->master = stx.stx_mode & 0222;
	fd = openat(dir, ".meta/.superblock", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		facts->is_pool = pread(fd, &facts->super, sizeof(facts->super),
				       0) == sizeof(facts->super);
}

/* Return: a file's text, to be freed, or NULL. */
static char *read_sys(uint64_t dev, const char *name)
{
	char *path = tool_text("/sys/fs/fmapfs/%u/%s", minor(dev), name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	ssize_t n;

	free(path);
	if (fd < 0)
		return NULL;
	text = tool_alloc(1, 65536);
	n = read(fd, text, 65535);
	close(fd);
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

/* Return: false: the mount is gone, or the module is another one's. */
static bool read_counters(uint64_t dev, uint64_t values[NCOUNTERS])
{
	unsigned int i;
	char *text;

	for (i = 0; i < NCOUNTERS; i++) {
		text = read_sys(dev, counters[i].file);
		if (!text)
			return false;
		values[i] = strtoull(text, NULL, 10);
		free(text);
	}
	return true;
}

static const char *life_name(int life)
{
	return life == TOOL_ALIVE ? "alive" : life == TOOL_DEAD ? "dead" : "hung";
}

static const char *role(const struct facts *facts)
{
	return !facts->is_pool ? "" : facts->master ? "master" : "client";
}

/* Each line of "devices": index, name, bytes, state. */
static struct json_object *devices_json(char *text)
{
	struct json_object *all = json_object_new_array(), *obj;
	char name[DEV_NAME_MAX], state[16], *line, *save = NULL;
	unsigned long long size;
	unsigned int index;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%u %63s %llu %15s", &index, name, &size,
			   state) != 4)
			continue;
		obj = json_object_new_object();
		tool_json_u64(obj, "index", index);
		tool_json_text(obj, "name", name);
		tool_json_u64(obj, "size", size);
		tool_json_text(obj, "state", state);
		json_object_array_add(all, obj);
	}
	return all;
}

static struct json_object *pool_json(const struct media_super *sb)
{
	struct json_object *obj = json_object_new_object();
	char text[37];

	tool_json_text(obj, "uuid", tool_uuid(sb->fs_uuid, text));
	tool_json_text(obj, "system_uuid", tool_uuid(sb->system_uuid, text));
	tool_json_u64(obj, "version", sb->version);
	return obj;
}

/* All there is to know; what is not known is null. */
static struct json_object *describe(const struct tool_mount *mount)
{
	struct json_object *obj = json_object_new_object();
	uint64_t values[NCOUNTERS];
	struct media_super sb;
	struct facts facts;
	unsigned int i;
	bool known;
	char *text;

	if (tool_guarded(ask, mount->dir, &facts, sizeof(facts)))
		facts = (struct facts) { .life = TOOL_HUNG };
	tool_json_text(obj, "directory", mount->dir);
	tool_json_text(obj, "source", mount->source);
	tool_json_text(obj, "type", mount->type);
	tool_json_text(obj, "options", mount->options);
	tool_json_u64(obj, "id", minor(mount->dev));
	tool_json_text(obj, "server", life_name(facts.life));
	tool_json_text(obj, "role", role(&facts));
	known = facts.is_pool && !media_super_read(&facts.super,
						   sizeof(facts.super), 0, &sb,
						   NULL);
	json_object_object_add(obj, "pool", known ? pool_json(&sb) : NULL);
	if (facts.size) {
		tool_json_u64(obj, "size", facts.size);
		tool_json_u64(obj, "free", facts.free);
	}
	text = read_sys(mount->dev, "devices");
	json_object_object_add(obj, "devices", text ? devices_json(text) : NULL);
	free(text);
	known = read_counters(mount->dev, values);
	for (i = 0; known && i < NCOUNTERS; i++)
		tool_json_u64(obj, counters[i].name, values[i]);
	return obj;
}

/* ------------------------------------------------------------------------
 * The same for people
 */

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *value = json_object_object_get(obj, key);

	return value ? json_object_get_string(value) : "";
}

static uint64_t number_of(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(json_object_object_get(obj, key));
}

static void show_server(struct json_object *obj)
{
	const char *life = text_of(obj, "server"), *dir = text_of(obj, "directory");

	if (!strcmp(life, "alive"))
		printf("  server    %sanswers%s\n", tool_colour(TOOL_GREEN),
		       tool_colour(TOOL_PLAIN));
	else if (!strcmp(life, "dead"))
		printf("  server    %sis dead%s: fmapfs umount %s, then mount again\n",
		       tool_colour(TOOL_RED), tool_colour(TOOL_PLAIN), dir);
	else
		printf("  server    %sdoes not answer%s: look at it, or end the mount: fmapfs umount -f %s\n",
		       tool_colour(TOOL_RED), tool_colour(TOOL_PLAIN), dir);
}

static void show_devices(struct json_object *devices)
{
	struct json_object *dev;
	char size[TOOL_HUMAN_MAX];
	size_t i, n = devices ? json_object_array_length(devices) : 0;

	printf("  devices  ");
	for (i = 0; i < n; i++) {
		dev = json_object_array_get_idx(devices, i);
		printf("%s %llu: %s, %s, %s", i ? ";" : "",
		       (unsigned long long)number_of(dev, "index"),
		       text_of(dev, "name"),
		       tool_human(number_of(dev, "size"), size),
		       text_of(dev, "state"));
	}
	puts(n ? "" : devices ? " none opened yet" : " (only root can see them)");
}

static void show_counters(struct json_object *obj)
{
	printf("  faults    4K: %llu, 2M: %llu, 1G: %llu, failed: %llu\n",
	       (unsigned long long)number_of(obj, "faults_4k"),
	       (unsigned long long)number_of(obj, "faults_2m"),
	       (unsigned long long)number_of(obj, "faults_1g"),
	       (unsigned long long)number_of(obj, "faults_failed"));
	printf("  fmaps     %llu cached, %llu refused\n",
	       (unsigned long long)number_of(obj, "fmaps_cached"),
	       (unsigned long long)number_of(obj, "fmaps_refused"));
	printf("  requests  %llu waiting\n",
	       (unsigned long long)number_of(obj, "waiting"));
}

static void show(struct json_object *obj)
{
	struct json_object *pool = json_object_object_get(obj, "pool");
	char size[TOOL_HUMAN_MAX], left[TOOL_HUMAN_MAX];

	printf("%s%s%s\n", tool_colour(TOOL_BOLD), text_of(obj, "directory"),
	       tool_colour(TOOL_PLAIN));
	printf("  source    %s\n", text_of(obj, "source"));
	if (pool)
		printf("  pool      %s, this host is %s\n", text_of(pool, "uuid"),
		       strcmp(text_of(obj, "role"), "master") ?
		       "a client (files are created on the master)" :
		       "the master");
	show_server(obj);
	if (json_object_object_get(obj, "size"))
		printf("  space     %s of %s free\n",
		       tool_human(number_of(obj, "free"), left),
		       tool_human(number_of(obj, "size"), size));
	show_devices(json_object_object_get(obj, "devices"));
	if (json_object_object_get(obj, "waiting"))
		show_counters(obj);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *all = json_object_new_array();
	struct tool_mount *mounts;
	size_t count, i, n = 0;
	int rc;

	while (tool_option(cmd, argc, argv) >= 0)
		;
	rc = tool_mounts(&mounts, &count);
	if (rc) {
		tool_error("/proc/self/mountinfo: %s", strerror(-rc));
		json_object_put(all);
		return TOOL_FAILED;
	}
	for (i = 0; i < count; i++)
		if (optind == argc || !strcmp(argv[optind], mounts[i].dir))
			json_object_array_add(all, describe(&mounts[i]));
	tool_mounts_free(mounts, count);
	n = json_object_array_length(all);
	if (!n && optind < argc) {
		tool_error("%s: no fmapfs is mounted there", argv[optind]);
		rc = TOOL_FAILED;
	}
	if (tool_json)
		return tool_print_json(all) ? TOOL_FAILED : rc;
	for (i = 0; i < n; i++)
		show(json_object_array_get_idx(all, i));
	if (!n && !rc)
		tool_say("no fmapfs is mounted on this host");
	json_object_put(all);
	return rc;
}

const struct command cmd_status = {
	.name = "status",
	.args = "[DIR]",
	.help = "what is mounted on this host, by whom it is served, and how it goes",
	.more =
"A server that hangs does not make this hang: it has three seconds to answer.\n\n",
	.run = run,
};
