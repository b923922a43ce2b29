// SPDX-License-Identifier: GPL-2.0
/* What the scripted server answers about locks. */
#include "srv.h"
#include "tap.h"

int srv_op_getlk(struct call *c)
{
	struct fuse_lk_out out = { .lk = c->s->getlk };

	memcpy(c->out, &out, sizeof(out));
	return sizeof(out);
}
