// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol: GET_FMAP and GET_DAXDEV.
 */
#include <linux/slab.h>
#include "proto.h"

/**
 * fmapfs_proto_get_fmap - ask for the fmap of a file
 * @inode: the file
 * @size: bytes of reply to take
 * @msgp: result: the message, as the server has sent it, to be kvfree()d
 *
 * Return: bytes of the message; -EOPNOTSUPP: the file has none; -ENOSYS: no file
 * has one; or another error.
 */
ssize_t fmapfs_proto_get_fmap(struct inode *inode, u32 size, void **msgp)
{
	struct fuse_getxattr_in *in;
	struct fmapfs_req *req;
	ssize_t rc;

	req = fmapfs_proto_req(inode, FUSE_GET_FMAP, sizeof(*in), size,
			       FMAPFS_REQ_OUTVAR);
	if (!req)
		return -ENOMEM;
	in = fmapfs_req_body(req);
	in->size = size;
	fmapfs_count(inode->i_sb, FMAPFS_GET_FMAP_SENT, 1);
	rc = fmapfs_req_send(req);
	if (!rc) {
		rc = req->out_len;
		*msgp = req->out;
		req->out = NULL;
	}
	fmapfs_req_put(req);
	return rc;
}

/**
 * struct answer - what the server has answered to GET_DAXDEV
 * @count: references: the asker's and the request's; the asker may leave
 * @index: the index that was asked for
 * @found: the device, or why there is none
 * @name: as the server has named it, NUL-terminated
 */
struct answer {
	refcount_t count;
	u32 index;
	struct fmapfs_found found;
	char name[DAXDEV_NAME_MAX];
};

static void answer_put(struct answer *answer)
{
	if (!refcount_dec_and_test(&answer->count))
		return;
	fmapfs_daxdev_put(answer->found.dev);
	kfree(answer);
}

/*
 * In the server's write(2): its credentials, root and mounts. A program of more
 * rights that the server makes write for it, by giving it the device as its
 * stdout, say, has not read the request.
 */
static int find_device(struct fmapfs_req *req)
{
	const struct fuse_daxdev_out *out = req->out;
	struct answer *answer = req->priv;

	if (out->index != answer->index) {
		answer->found.why = "the reply is for another index";
		return -EIO;
	}
	if (strnlen(out->name, sizeof(out->name)) == sizeof(out->name)) {
		answer->found.why = "the name has no end";
		return -EIO;
	}
	strscpy(answer->name, out->name, sizeof(answer->name));
	return fmapfs_daxdev_open_path(answer->name, req->reader,
				       &answer->found);
}

static void request_ended(struct fmapfs_req *req)
{
	answer_put(req->priv);
}

static int ask(struct super_block *sb, struct answer *answer)
{
	struct fuse_get_daxdev_in *in;
	struct fmapfs_req *req;
	int rc;

	req = fmapfs_req_new(fmapfs_sb(sb)->conn, FUSE_GET_DAXDEV,
			     answer->index, sizeof(*in),
			     sizeof(struct fuse_daxdev_out),
			     FMAPFS_REQ_READER);
	if (!req) {
		answer->found.why = "no memory";
		return -ENOMEM;
	}
	in = fmapfs_req_body(req);
	in->daxdev_num = answer->index;
	refcount_inc(&answer->count);
	req->priv = answer;
	req->in_server = find_device;
	req->end = request_ended;
	fmapfs_count(sb, FMAPFS_GET_DAXDEV_SENT, 1);
	rc = fmapfs_req_send(req);
	fmapfs_req_put(req);
	return rc;
}

static int ask_and_add(struct super_block *sb, u32 index)
{
	struct answer *answer = kzalloc(sizeof(*answer), GFP_KERNEL);
	int rc;

	if (!answer)
		return -ENOMEM;
	refcount_set(&answer->count, 1);
	answer->index = index;
	rc = ask(sb, answer);
	/* A caller that is killed must leave the answer alone. */
	if (!rc)
		rc = fmapfs_devtab_add(fmapfs_sb(sb)->devtab, index,
				       &answer->found);
	else if (rc != -EINTR)
		fmapfs_err_rl(sb, "GET_DAXDEV: index %u: \"%*pE\": %s (%d)\n",
			      index, (int)strlen(answer->name), answer->name,
			      answer->found.why ?: "the server answers an error",
			      rc);
	answer_put(answer);
	return rc;
}

/**
 * fmapfs_proto_get_daxdev - have a device in the mount's table
 * @sb: the mount
 * @index: the server's index of the device
 *
 * Asks the server if the table has it not yet. Return: 0; -ENODEV: the server
 * cannot name it, or what it names cannot be used; -EBUSY: it is another's; or
 * another error.
 */
int fmapfs_proto_get_daxdev(struct super_block *sb, u32 index)
{
	struct fmapfs_devtab *tab = fmapfs_sb(sb)->devtab;
	int rc = 0;

	if (fmapfs_devtab_get(tab, index))
		return 0;
	if (mutex_lock_killable(&tab->ask))
		return -EINTR;
	if (!fmapfs_devtab_get(tab, index))
		rc = ask_and_add(sb, index);
	mutex_unlock(&tab->ask);
	/* By the answer, or pushed meanwhile: whatever the server calls errors. */
	if (fmapfs_devtab_get(tab, index))
		return 0;

	switch (rc) {
	case -EBUSY:
	case -EINTR:
	case -ENOMEM:
	case -ENOTCONN:
	case -ECONNABORTED:
		return rc;
	default:
		return -ENODEV;
	}
}
