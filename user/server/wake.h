/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that tell the kernel something. It may have them wait for what a user keeps
 * as long as he likes: a page that he has pinned. Neither the end of the mount nor that
 * of the connection ends this, but a signal does.
 */
#ifndef FMAPFSD_WAKE_H
#define FMAPFSD_WAKE_H

#include <pthread.h>

/*
 * wake_start - make a thread that takes no signals but the one that wakes it
 *
 * What it waits for in the kernel then ends with EINTR.
 *
 * Return: 0; -errno.
 */
int wake_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* wake_join - wait for its end; it is woken until it gets there */
void wake_join(pthread_t thread);

#endif /* FMAPFSD_WAKE_H */
