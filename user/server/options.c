// SPDX-License-Identifier: GPL-2.0-only
/* The command line of fmapfsd. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fuse_lowlevel.h>

#include "../media/format.h"
#include "diag.h"
#include "log.h"
#include "options.h"
#include "size.h"

#define THREADS_MAX	256
#define TIMEOUT_MAX	31536000	/* seconds: a year */
#define POLL_MIN	0.1		/* seconds */
#define POLL_MAX	3600

static const struct layout_ops *const layouts[] = {
	&static_layout_ops, &famfs_layout_ops,
};

#define NLAYOUTS	(sizeof(layouts) / sizeof(layouts[0]))

enum {
	OPT_LAYOUT = 256,
	OPT_CHECK,
	OPT_NO_DEVICES,
	OPT_NO_FMAP,
	OPT_PLAIN_FUSE,
	OPT_PUSH,
	OPT_PRIVATE,
	OPT_TAKEOVER,
	OPT_THREADS,
	OPT_TIMEOUT,
	/* From here on for pools only. */
	OPT_POLL,
	OPT_SYSTEM_UUID,
	OPT_STRIPS,
	OPT_CHUNK,
	OPT_WRITERS,
	OPT_DEVICE,
	OPT_STAGING,
	OPT_DEGRADED,
	OPT_CLIENT,
};

static const struct option long_options[] = {
	{ "foreground", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "layout", required_argument, NULL, OPT_LAYOUT },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "no-devices", no_argument, NULL, OPT_NO_DEVICES },
	{ "no-fmap", no_argument, NULL, OPT_NO_FMAP },
	{ "plain-fuse", no_argument, NULL, OPT_PLAIN_FUSE },
	{ "push", no_argument, NULL, OPT_PUSH },
	{ "private", no_argument, NULL, OPT_PRIVATE },
	{ "takeover", no_argument, NULL, OPT_TAKEOVER },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "poll", required_argument, NULL, OPT_POLL },
	{ "system-uuid", required_argument, NULL, OPT_SYSTEM_UUID },
	{ "strips", required_argument, NULL, OPT_STRIPS },
	{ "chunk", required_argument, NULL, OPT_CHUNK },
	{ "writers", required_argument, NULL, OPT_WRITERS },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "staging", required_argument, NULL, OPT_STAGING },
	{ "degraded", no_argument, NULL, OPT_DEGRADED },
	{ "client", no_argument, NULL, OPT_CLIENT },
	{ NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: fmapfsd [options] LAYOUT MOUNTPOINT\n"
"       fmapfsd --check [--no-devices] LAYOUT\n"
"Serves files that lie in DAX memory, by way of the fmapfs kernel module.\n"
"\n"
"  -f, --foreground     stay in the foreground; messages go to stderr, not syslog\n"
"  -l, --log-level=LEVEL  error, warning, info (default) or debug\n"
"  -o OPTION[,...]      mount options: ro, noexec, subtype=NAME and so on\n"
"      --private        for the mounting user only; else owners and modes decide\n"
"      --threads=N      serve in at most N threads (default 10; 1: a single one)\n"
"      --timeout=SEC    how long the kernel may cache names and attributes\n"
"                       (default 3600)\n"
"      --push           give the kernel all devices at the start\n"
"      --takeover       survive: have the service manager keep the device, and go\n"
"                       on with what a killed fmapfsd left behind there; stays\n"
"                       in the foreground\n"
"      --no-fmap        serve all files by read and write requests, through this\n"
"                       program; devices may then be any block device or file\n"
"      --plain-fuse     the same by the kernel's own fuse, without fmapfs\n"
"      --check          only say what is wrong with LAYOUT; mount nothing\n"
"      --no-devices     with --check: do not look for the devices\n"
"      --layout=KIND    what LAYOUT is:\n";

static const char help_rest[] =
"  -h, --help\n"
"  -V, --version\n"
"\n"
"Of pools, --layout=famfs:\n"
"      --poll=SEC       look for new files that often, 0.1 to 3600 (default 1)\n"
"      --client         never make files, also if this host is the master\n"
"      --system-uuid=FILE  says by what this host is known: the master is whose uuid\n"
"                       the pool has (default /opt/famfs/system_uuid)\n"
"      --device=PATH    look here first for further devices of the pool; repeatable\n"
"      --degraded       go on without devices that are missing; files on them: EIO\n"
"      --strips=N       interleave new files over N strips, 1 to 16 (default 1)\n"
"      --chunk=SIZE     of interleaved files (default: the allocation unit)\n"
"      --writers=WHO    of new files: all (default), master or none\n"
"      --staging=DIR    what is written to a file until it is closed goes there, not\n"
"                       to memory\n"
"\n"
"A static layout cannot be changed through the mount: names are fixed (EROFS).\n"
"chmod, chown, touch and so on take effect until the mount ends. A file keeps\n"
"its size; to truncate it is refused (EOPNOTSUPP) or, with 'truncate: keep' in\n"
"the layout, accepted and ignored, so that cp and > can write into it.\n"
"\n"
"To a pool the master adds directories, and files, which get their memory at once by\n"
"ftruncate or fallocate while they are empty, or when who has written them closes\n"
"them; empty ones are gone when the mount ends. What is there is not removed,\n"
"renamed, linked, or changed in size (EOPNOTSUPP). Clients add nothing (EROFS). New\n"
"files show on all hosts. fmapfsd(8) has more.\n"
"\n"
"With --takeover, a fmapfsd that dies leaves its mount behind, in the fd store of\n"
"the service manager (systemd: sd_notify(3), FileDescriptorStoreMax=). Who needs\n"
"it waits; the next fmapfsd with the same LAYOUT and MOUNTPOINT goes on, and\n"
"nobody sees an error. LAYOUT may have been edited: what is there no more is\n"
"ESTALE; devices may only be added at the end. What chmod, chown and touch did is\n"
"forgotten. One that cannot start, for a mistake in LAYOUT, leaves all to the next.\n"
"SIGTERM and umount end it for good. fmapfsd@.service does it all. --plain-fuse\n"
"with --takeover needs Linux 6.9.\n"
"\n"
"Exit codes: 0 served and unmounted, or nothing wrong; 1 not mounted, or\n"
"mistakes in LAYOUT; 2 wrong command line; 3 mounted, but ended by an error.\n"
"In the background, the command returns once the mount can be used.\n";

static int show_help(void)
{
	unsigned int i;

	fputs(help, stdout);
	for (i = 0; i < NLAYOUTS; i++)
		printf("                         %-8s %s%s\n", layouts[i]->name,
		       layouts[i]->help, i ? "" : " (default)");
	fputs(help_rest, stdout);
	return EXIT_FINE;
}

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "fmapfsd: %s%s\nTry 'fmapfsd --help'.\n", what, value);
	return EXIT_USAGE;
}

static int set_layout(struct options *opt, const char *name)
{
	unsigned int i;

	for (i = 0; i < NLAYOUTS; i++)
		if (!strcmp(layouts[i]->name, name)) {
			opt->ops = layouts[i];
			return -1;
		}
	return usage("unknown kind of layout: ", name);
}

static void add_mount_options(struct options *opt, const char *more)
{
	char *old = opt->mount_options;

	opt->mount_options = must_print("%s%s%s", old ? old : "",
					old ? "," : "", more);
	free(old);
}

static int add_device(struct options *opt, const char *path)
{
	const char **devices = realloc(opt->devices, (opt->ndevices + 2) *
				       sizeof(*devices));

	if (!devices)
		return usage("out of memory", "");
	opt->devices = devices;
	devices[opt->ndevices++] = path;
	devices[opt->ndevices] = NULL;
	opt->pool.devices = devices;
	return -1;
}

static int set_writers(struct options *opt, const char *value)
{
	static const char *const names[] = {
		[WRITERS_ALL] = "all",
		[WRITERS_MASTER] = "master",
		[WRITERS_NONE] = "none",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i])) {
			opt->pool.writers = i;
			return -1;
		}
	return usage("--writers must be all, master or none, not ", value);
}

static int set_poll(struct options *opt, const char *value)
{
	char *end;

	opt->pool.poll = strtod(value, &end);
	if (end == value || *end || !(opt->pool.poll >= POLL_MIN) ||
	    !(opt->pool.poll <= POLL_MAX))
		return usage("--poll must be seconds, 0.1 to 3600, not ",
			     value);
	return -1;
}

/* Options of pools. */
static int set_pool_value(struct options *opt, int c, const char *value)
{
	uint64_t n;

	switch (c) {
	case OPT_POLL:
		return set_poll(opt, value);
	case OPT_SYSTEM_UUID:
		opt->pool.system_uuid = value;
		return -1;
	case OPT_STRIPS:
		if (number_parse(value, 10, FAMFS_STRIPS_MAX, &n) || !n)
			return usage("--strips must be 1 to 16, not ", value);
		opt->pool.strips = n;
		return -1;
	case OPT_CHUNK:
		/* What else there is to it, the pool's allocation unit tells. */
		if (size_parse(value, &n) || n < 4096 || n & (n - 1) ||
		    n > UINT32_MAX)
			return usage("--chunk must be a power of two, 4K to 2G, not ",
				     value);
		opt->pool.chunk = n;
		return -1;
	case OPT_WRITERS:
		return set_writers(opt, value);
	case OPT_DEVICE:
		return add_device(opt, value);
	default:
		opt->pool.staging = value;
		return -1;
	}
}

/* Options with a value. */
static int set_value(struct options *opt, int c, const char *value)
{
	uint64_t n;
	char *end;

	if (c >= OPT_POLL)
		return set_pool_value(opt, c, value);
	switch (c) {
	case 'l':
		opt->level = log_level(value);
		return opt->level >= 0 ? -1 : usage("no log level: ", value);
	case 'o':
		add_mount_options(opt, value);
		return -1;
	case OPT_LAYOUT:
		return set_layout(opt, value);
	case OPT_THREADS:
		if (number_parse(value, 10, THREADS_MAX, &n) || !n)
			return usage("--threads must be 1 to 256, not ", value);
		opt->threads = n;
		return -1;
	default:
		opt->timeout = strtod(value, &end);
		if (end == value || *end || !(opt->timeout >= 0) ||
		    opt->timeout > TIMEOUT_MAX)
			return usage("--timeout must be seconds, 0 to 31536000, not ",
				     value);
		return -1;
	}
}

static int set_flag(struct options *opt, int c)
{
	switch (c) {
	case 'f':
		opt->foreground = true;
		break;
	case OPT_CHECK:
		opt->check = true;
		break;
	case OPT_NO_DEVICES:
		opt->no_devices = true;
		break;
	case OPT_PLAIN_FUSE:
		opt->plain_fuse = true;
		opt->no_fmap = true;
		break;
	case OPT_NO_FMAP:
		opt->no_fmap = true;
		break;
	case OPT_PUSH:
		opt->push = true;
		break;
	case OPT_PRIVATE:
		opt->private = true;
		break;
	case OPT_TAKEOVER:
		opt->takeover = true;
		opt->foreground = true;
		break;
	case OPT_DEGRADED:
		opt->pool.degraded = true;
		break;
	case OPT_CLIENT:
		opt->pool.client = true;
		break;
	case 'V':
		printf("fmapfsd %s, libfuse %s\n", FMAPFSD_VERSION,
		       fuse_pkgversion());
		return EXIT_FINE;
	case 'h':
		return show_help();
	default:
		/* getopt_long() has said which. */
		fputs("Try 'fmapfsd --help'.\n", stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int check_combination(const struct options *opt, int operands)
{
	if (operands != (opt->check ? 1 : 2))
		return usage(opt->check ? "--check wants just LAYOUT" :
					  "LAYOUT and MOUNTPOINT are wanted",
			     "");
	if (opt->pool_option && !opt->ops->is_pool)
		return usage("only --layout=famfs has --", opt->pool_option);
	if (opt->no_devices && opt->ops->is_pool)
		return usage("--no-devices does not go with a pool, which is on them",
			     "");
	if (opt->no_devices && !opt->check)
		return usage("--no-devices goes with --check only", "");
	if (opt->push && opt->no_fmap)
		return usage("--push goes with fmaps only", "");
	if (opt->plain_fuse && opt->mount_options)
		return usage("-o does not go with --plain-fuse", "");
	return -1;
}

void options_free(struct options *opt)
{
	free(opt->mount_options);
	free(opt->devices);
}

int options_parse(int argc, char **argv, struct options *opt)
{
	int c, i, rc = -1;

	*opt = (struct options) {
		.ops = layouts[0], .level = LOG_INFO, .threads = 10,
		.timeout = 3600, .pool.poll = 1,
	};
	while (rc < 0 && (c = getopt_long(argc, argv, "fhVl:o:", long_options,
					  &i)) >= 0) {
		if (c >= OPT_POLL && !opt->pool_option)
			opt->pool_option = long_options[i].name;
		rc = optarg ? set_value(opt, c, optarg) : set_flag(opt, c);
	}
	if (rc < 0)
		rc = check_combination(opt, argc - optind);
	if (rc >= 0) {
		options_free(opt);
		return rc;
	}
	opt->source = argv[optind];
	opt->mountpoint = opt->check ? NULL : argv[optind + 1];
	return -1;
}
