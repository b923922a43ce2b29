/* SPDX-License-Identifier: GPL-2.0-only */
/* From a server to a mount, and back. */
#ifndef FMAPFSD_RUN_H
#define FMAPFSD_RUN_H

#include "options.h"
#include "server.h"

/**
 * run_detach - go into the background
 *
 * Returns in the child only. The parent waits there and exits: 0 when the child
 * calls run() and the mount can be used, else with the child's exit code. Until
 * then the child keeps stderr.
 *
 * Return: the fd for run(), or -errno in a process that is no child.
 */
int run_detach(void);

/**
 * run - mount, serve, unmount
 * @srv: the server, without a session
 * @opt: the command line
 * @ready_fd: from run_detach(), or -1 in the foreground
 *
 * Return: exit code.
 */
int run(struct server *srv, const struct options *opt, int ready_fd);

#endif /* FMAPFSD_RUN_H */
