/* SPDX-License-Identifier: GPL-2.0-only */
/* Other programs, and children that may hang. run.c */
#ifndef FMAPFS_TOOL_RUN_H
#define FMAPFS_TOOL_RUN_H

#include <stddef.h>
#include <sys/types.h>

#define TOOL_NO_PROGRAM	127	/* as a shell has it */

/* tool_start - start a program, found by PATH. Return: its pid, or -errno */
pid_t tool_start(const char *path, char *const *command);
/* tool_wait - Return: its exit code (127: there is none), 256 + signal, or -errno */
int tool_wait(pid_t pid);
/* tool_load_module - if there is one; who needs it sees whether it helped */
void tool_load_module(const char *name);
/* tool_need_module - fmapfs: only the name of a type would autoload it, not its device */
void tool_need_module(void);

/**
 * tool_guarded - have a child ask what may hang: a server, say
 * @fill: called in the child; fills in @buf
 * @size: bytes at @buf, at most PIPE_BUF; zeroed first
 *
 * Return: 0; -ETIMEDOUT: no answer within three seconds; the child is left behind.
 */
int tool_guarded(void (*fill)(void *ctx, void *buf), void *ctx, void *buf,
		 size_t size);

#endif /* FMAPFS_TOOL_RUN_H */
