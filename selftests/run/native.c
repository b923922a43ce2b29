// SPDX-License-Identifier: GPL-2.0
/*
 * native DEVICE OFFSET DIR: a server that knows of fmaps by itself, as one with a
 * libfuse that has the operations does, and mounts /dev/fuse. Serves one file,
 * "memory": MIB bytes at OFFSET of DEVICE. Ends with status 8 if it was not
 * offered fmaps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fuse_fmap.h>

#define MIB		(1UL << 20)
#define MEMORY_ID	2
#define NO_REPLY	(-1000)

static const char *device;
static uint64_t offset;
static _Alignas(8) char in_buf[2 * MIB];
static _Alignas(8) char out_buf[4096];

static void fill_attr(uint64_t id, struct fuse_attr *a)
{
	*a = (struct fuse_attr) {
		.ino = id,
		.mode = id == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = 1,
		.size = id == FUSE_ROOT_ID ? 0 : MIB,
	};
}

static int answer_init(const struct fuse_init_in *in, struct fuse_init_out *out)
{
	if (!(in->flags & FUSE_INIT_EXT) ||
	    !(in->flags2 & FUSE_DAX_FMAP >> 32))
		exit(8);
	*out = (struct fuse_init_out) {
		.major = 7, .minor = in->minor, .max_write = MIB,
		.flags = FUSE_INIT_EXT, .flags2 = FUSE_DAX_FMAP >> 32,
	};
	return sizeof(*out);
}

static int answer_lookup(const char *name, struct fuse_entry_out *out)
{
	if (strcmp(name, "memory"))
		return -ENOENT;
	*out = (struct fuse_entry_out) { .nodeid = MEMORY_ID };
	fill_attr(MEMORY_ID, &out->attr);
	return sizeof(*out);
}

static int answer_fmap(void *out)
{
	struct {
		struct fuse_famfs_fmap_header h;
		struct fuse_famfs_simple_ext ext;
	} msg = {
		.h = { .fmap_version = FAMFS_FMAP_VERSION, .nextents = 1,
		       .file_size = MIB },
		.ext = { .se_offset = offset, .se_len = MIB },
	};

	memcpy(out, &msg, sizeof(msg));
	return sizeof(msg);
}

static int answer_daxdev(struct fuse_daxdev_out *out)
{
	*out = (struct fuse_daxdev_out) { 0 };
	snprintf(out->name, sizeof(out->name), "%s", device);
	return sizeof(*out);
}

/* Return: bytes of the reply, -errno, or NO_REPLY. */
static int answer(const struct fuse_in_header *in, void *out)
{
	struct fuse_attr_out *attr = out;

	switch (in->opcode) {
	case FUSE_INIT:
		return answer_init((const void *)(in + 1), out);
	case FUSE_LOOKUP:
		return answer_lookup((const void *)(in + 1), out);
	case FUSE_GETATTR:
		*attr = (struct fuse_attr_out) { 0 };
		fill_attr(in->nodeid, &attr->attr);
		return sizeof(*attr);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		memset(out, 0, sizeof(struct fuse_open_out));
		return sizeof(struct fuse_open_out);
	case FUSE_GET_FMAP:
		return answer_fmap(out);
	case FUSE_GET_DAXDEV:
		return answer_daxdev(out);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		return 0;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return NO_REPLY;
	default:
		return -ENOSYS;
	}
}

static int serve(int fd)
{
	const struct fuse_in_header *in = (const void *)in_buf;
	struct fuse_out_header *out = (void *)out_buf;
	int rc;

	while (read(fd, in_buf, sizeof(in_buf)) > 0) {
		rc = answer(in, out + 1);
		if (rc == NO_REPLY)
			continue;
		out->unique = in->unique;
		out->error = rc < 0 ? rc : 0;
		out->len = sizeof(*out) + (rc > 0 ? rc : 0);
		if (write(fd, out, out->len) < 0 && errno != ENOENT)
			return 1;
	}
	return errno == ENODEV ? 0 : 1;
}

int main(int argc, char **argv)
{
	char options[128];
	int fd;

	if (argc != 4)
		return 2;
	device = argv[1];
	offset = strtoull(argv[2], NULL, 0);
	fd = open("/dev/fuse", O_RDWR);
	if (fd < 0)
		return 1;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (mount("native", argv[3], "fuse.native", MS_NOSUID | MS_NODEV,
		  options))
		return 1;
	return serve(fd);
}
