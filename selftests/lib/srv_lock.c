// SPDX-License-Identifier: GPL-2.0
/* What the scripted server answers about locks, to ioctls, to polling. */
#include "srv.h"
#include "tap.h"

int srv_op_getlk(struct call *c)
{
	struct fuse_lk_out out = { .lk = c->s->getlk };

	memcpy(c->out, &out, sizeof(out));
	return sizeof(out);
}

int srv_op_ioctl(struct call *c)
{
	const struct fuse_ioctl_in *in = c->body;
	struct srv *s = c->s;

	if (in->in_size > SRV_IOCTL_MAX ||
	    in->in_size != c->body_len - sizeof(*in))
		return -EIO;
	memcpy(s->ioctl_taken, in + 1, in->in_size);
	memcpy(c->out, &s->ioctl, sizeof(s->ioctl));
	memcpy(c->out + sizeof(s->ioctl), s->ioctl_data, s->ioctl_len);
	return sizeof(s->ioctl) + s->ioctl_len;
}

int srv_op_poll(struct call *c)
{
	struct fuse_poll_out out = { .revents = c->s->revents };

	memcpy(c->out, &out, sizeof(out));
	return sizeof(out);
}
