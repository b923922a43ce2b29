// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfsd: serves a layout.
 *
 * Read on in this order: layout.h (what is served), static.h and raw.h (how a
 * YAML file becomes it), famfs.h (how a pool does), server.h (how it is served),
 * run.h (the mount).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "run.h"
#include "server.h"

static int check(const struct options *opt, struct layout *layout)
{
	struct layout_counts n;

	if (opt->ops->prepare && opt->ops->prepare(layout))
		return EXIT_WRONG;
	opt->ops->count(layout, &n);
	printf("%s: nothing wrong: files %llu, directories %llu, devices %u%s\n",
	       opt->source, (unsigned long long)n.files,
	       (unsigned long long)n.directories, n.devices,
	       opt->no_devices ? " (not looked for)" : "");
	return EXIT_FINE;
}

/* Each file with 'from' takes one. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve_layout(const struct options *opt, struct layout *layout)
{
	struct store store;
	struct server srv = {
		.ops = opt->ops, .layout = layout, .no_fmap = opt->no_fmap,
		.timeout = opt->timeout, .store = &store,
	};
	int code = EXIT_WRONG, ready_fd = -1;

	if (!opt->foreground) {
		ready_fd = run_detach();
		if (ready_fd < 0) {
			log_line(LOG_ERR, "no background process: %s",
				 strerror(-ready_fd));
			return EXIT_WRONG;
		}
	}
	if (opt->ops->prepare && opt->ops->prepare(layout))
		return EXIT_WRONG;
	store_open(&store, opt->takeover);
	if (opt->no_fmap && !opt->ops->read)
		srv.raw = rawio_open(opt->ops, layout);
	if (!opt->no_fmap || opt->ops->read || srv.raw)
		code = run(&srv, opt, ready_fd);
	store_close(&store);
	rawio_close(srv.raw);
	return code;
}

/*
 * What is opened later must not be taken for stdin, stdout or stderr if one of
 * these was closed: what is printed would go there.
 */
static bool fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	struct layout_args args;
	struct layout *layout;
	struct options opt;
	int code;

	if (!fill_stdio())
		return EXIT_WRONG;
	code = options_parse(argc, argv, &opt);
	if (code >= 0)
		return code;
	log_open(opt.level, false);
	raise_fd_limit();
	args = (struct layout_args) {
		.source = opt.source, .any_device = opt.no_fmap,
		.no_devices = opt.no_devices, .check = opt.check,
		.pool = opt.pool,
	};
	layout = opt.ops->load(&args, stderr);
	code = !layout ? EXIT_WRONG :
	       opt.check ? check(&opt, layout) : serve_layout(&opt, layout);
	if (layout)
		opt.ops->destroy(layout);
	options_free(&opt);
	return code;
}
