// SPDX-License-Identifier: GPL-2.0-only
/*
 * memfile: the smallest fmapfs server. Serves one file, "memory", that is a
 * range of a DAX device.
 *
 *   memfile DEVICE OFFSET SIZE MOUNTPOINT [-f] [-d] [-o OPTION[,...]]
 *
 * OFFSET and SIZE are in bytes; OFFSET is a multiple of the page size (of 2 MiB,
 * for 2 MiB page table entries). The file's SIZE need not be, the memory behind
 * it is rounded up.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <fusefmap.h>

#define NAME		"memory"
#define MEMORY_INO	2	/* FUSE_ROOT_ID is 1 */
#define DEVICE_INDEX	0
#define TIMEOUT		3600.0	/* seconds; nothing ever changes */

struct memfile {
	const char *device;
	uint64_t size;
	struct fuse_fmap *fmap;
};

static struct stat attributes(const struct memfile *m, fuse_ino_t ino)
{
	bool root = ino == FUSE_ROOT_ID;

	return (struct stat) {
		.st_ino = ino,
		.st_mode = root ? S_IFDIR | 0755 : S_IFREG | 0644,
		.st_nlink = root ? 2 : 1,
		.st_size = root ? 0 : (off_t)m->size,
	};
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {
		.ino = MEMORY_INO, .attr_timeout = TIMEOUT,
		.entry_timeout = TIMEOUT,
	};

	if (parent != FUSE_ROOT_ID || strcmp(name, NAME)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.attr = attributes(fuse_fmap_req_userdata(req), MEMORY_INO);
	fuse_reply_entry(req, &e);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = attributes(fuse_fmap_req_userdata(req), ino);

	(void)fi;
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void open_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

static void readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct stat st = attributes(fuse_fmap_req_userdata(req), MEMORY_INO);
	char buf[128];
	size_t len = 0;

	(void)ino;
	(void)fi;
	if (!off)
		len = fuse_add_direntry(req, buf, sizeof(buf), NAME, &st, 1);
	fuse_reply_buf(req, buf, len <= size ? len : 0);
}

/* The file's map. Reads, writes and faults then go without this server. */
static void get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct memfile *m = fuse_fmap_req_userdata(req);

	(void)ino;	/* there is but one file */
	fuse_fmap_reply(req, m->fmap, size);
}

/* The device that the map calls DEVICE_INDEX; there is no other. */
static void get_daxdev(fuse_req_t req, int daxdev_index)
{
	const struct memfile *m = fuse_fmap_req_userdata(req);

	fuse_fmap_reply_daxdev(req, daxdev_index, m->device);
}

static void log_message(void *userdata, enum fuse_log_level level,
			const char *message)
{
	(void)userdata;
	(void)level;
	fprintf(stderr, "memfile: %s\n", message);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = lookup,
	.getattr = getattr,
	.open = open_file,
	.opendir = open_file,
	.readdir = readdir,
};

static const struct fuse_fmap_ops fmap_ops = {
	.get_fmap = get_fmap,
	.get_daxdev = get_daxdev,
	.log = log_message,
};

static int make_map(struct memfile *m, uint64_t offset)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	struct fuse_famfs_simple_ext ext = {
		.se_devindex = DEVICE_INDEX,
		.se_offset = offset,
		.se_len = (m->size + page - 1) / page * page,
	};
	char message[FUSE_FMAP_ERROR_MAX];
	struct fuse_fmap_error err = { 0 };
	int rc = fuse_fmap_simple(&m->fmap, FUSE_FAMFS_FILE_REG, m->size, &ext,
				  1, &err);

	if (rc)
		fprintf(stderr, "memfile: %s\n", err.field ?
			fuse_fmap_strerror(&err, message, sizeof(message)) :
			strerror(-rc));
	return rc;
}

static int serve(struct memfile *m, struct fuse_args *args)
{
	struct fuse_cmdline_opts opts;
	struct fuse_fmap_session *fs;
	int rc;

	if (fuse_parse_cmdline(args, &opts) || !opts.mountpoint)
		return -EINVAL;
	rc = fuse_fmap_session_new(&fs, args, &ops, sizeof(ops), &fmap_ops,
				   sizeof(fmap_ops), m);
	if (rc)
		goto free_mountpoint;
	rc = fuse_set_signal_handlers(fuse_fmap_session_fuse(fs));
	if (rc)
		goto destroy;
	rc = fuse_fmap_session_mount(fs, opts.mountpoint);
	if (rc)
		goto remove_handlers;
	fuse_daemonize(opts.foreground);
	rc = fuse_fmap_session_loop_mt(fs, opts.max_threads);
	fuse_fmap_session_unmount(fs);
remove_handlers:
	fuse_remove_signal_handlers(fuse_fmap_session_fuse(fs));
destroy:
	fuse_fmap_session_destroy(fs);
free_mountpoint:
	free(opts.mountpoint);
	return rc;
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct memfile m = { 0 };
	int i, rc;

	if (argc < 5) {
		fprintf(stderr, "usage: %s DEVICE OFFSET SIZE MOUNTPOINT [-f] [-d] [-o OPTION[,...]]\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	m.device = argv[1];
	m.size = strtoull(argv[3], NULL, 0);
	if (make_map(&m, strtoull(argv[2], NULL, 0)))
		return EXIT_FAILURE;
	fuse_opt_add_arg(&args, argv[0]);
	for (i = 4; i < argc; i++)
		fuse_opt_add_arg(&args, argv[i]);
	rc = serve(&m, &args);
	fuse_opt_free_args(&args);
	fuse_fmap_free(m.fmap);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
