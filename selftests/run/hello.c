// SPDX-License-Identifier: GPL-2.0
/*
 * A server as anybody writes one for stock libfuse: one file, "hello", nothing of
 * fmapfs in it. Ends with status 7, to be told from others.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char text[] = "hello, world\n";

static int fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = ino == 1 ? S_IFDIR | 0755 : S_IFREG | 04755;
	st->st_nlink = 1;
	st->st_size = ino == 1 ? 0 : strlen(text);
	return ino <= 2;
}

static void hello_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = 2 };

	if (parent != 1 || strcmp(name, "hello")) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill(2, &e.attr);
	fuse_reply_entry(req, &e);
}

static void hello_getattr(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (fill(ino, &st))
		fuse_reply_attr(req, &st, 1);
	else
		fuse_reply_err(req, ENOENT);
}

static void hello_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	size_t len = strlen(text);

	(void)ino;
	(void)fi;
	if (off >= (off_t)len)
		size = 0;
	else if (size > len - off)
		size = len - off;
	fuse_reply_buf(req, text + (size ? off : 0), size);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = hello_lookup,
	.getattr = hello_getattr,
	.read = hello_read,
};

static int serve(struct fuse_session *se, struct fuse_cmdline_opts *opts)
{
	int rc;

	if (fuse_set_signal_handlers(se))
		return 1;
	if (fuse_session_mount(se, opts->mountpoint))
		return 2;
	fuse_daemonize(opts->foreground);
	rc = fuse_session_loop(se) < 0 ? 3 : 7;
	fuse_session_unmount(se);
	fuse_remove_signal_handlers(se);
	return rc;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts opts;
	struct fuse_session *se;
	int rc;

	if (fuse_parse_cmdline(&args, &opts) || !opts.mountpoint)
		return 1;
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se)
		return 1;
	rc = serve(se, &opts);
	fuse_session_destroy(se);
	free(opts.mountpoint);
	fuse_opt_free_args(&args);
	return rc;
}
