// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers to the fmap operations. Each answers the request, come what may.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fusefmap.h"

static int answer_error(fuse_req_t req, int error)
{
	fuse_reply_err(req, -error);
	return error;
}

/* Only the header, which says how much there is: the kernel asks again. */
static int answer_size(fuse_req_t req, const void *msg, size_t len)
{
	struct fuse_famfs_fmap_header header;

	memcpy(&header, msg, sizeof(header));
	header.reserved0 = len;
	return fuse_reply_buf(req, (const char *)&header, sizeof(header));
}

int fuse_fmap_reply(fuse_req_t req, const struct fuse_fmap *fmap, size_t size)
{
	struct fuse_fmap_info info;
	void *msg;
	int rc;

	fuse_fmap_get_info(fmap, &info);
	if (size < sizeof(struct fuse_famfs_fmap_header) ||
	    info.message_size > FAMFS_FMAP_SIZED_MAX)
		return answer_error(req, -ERANGE);
	msg = malloc(info.message_size);
	if (!msg)
		return answer_error(req, -ENOMEM);
	rc = fuse_fmap_serialize(fmap, msg, info.message_size);
	if (rc < 0)
		answer_error(req, rc);
	else if (info.message_size > size)
		rc = answer_size(req, msg, info.message_size);
	else
		rc = fuse_reply_buf(req, msg, info.message_size);
	free(msg);
	return rc;
}

int fuse_fmap_reply_daxdev(fuse_req_t req, int index, const char *path)
{
	struct fuse_daxdev_out out = { .index = index };
	size_t len = strlen(path);

	if (index < 0 || index >= FUSE_FAMFS_MAX_DAXDEVS || !len)
		return answer_error(req, -EINVAL);
	if (len >= sizeof(out.name))
		return answer_error(req, -ENAMETOOLONG);
	memcpy(out.name, path, len);
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}
