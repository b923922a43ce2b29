/* SPDX-License-Identifier: GPL-2.0-only */
/* A mount whose layout has changed. */
#ifndef FMAPFSD_REFRESH_H
#define FMAPFSD_REFRESH_H

#include "server.h"

/**
 * refresh - have the kernel ask anew for all there is
 * @srv: the server, whose loop runs in another thread
 *
 * What goes wrong is logged. Return: was the kernel told of all?
 */
bool refresh(struct server *srv);

#endif /* FMAPFSD_REFRESH_H */
