/* SPDX-License-Identifier: GPL-2.0 */
/* Processes of other users, with other capabilities, in user namespaces. */
#ifndef SELFTESTS_OTHER_H
#define SELFTESTS_OTHER_H

#include <stdint.h>
#include "tap.h"

#define OTHER_ID	65534

/* From here on the process is another user's, in no group but his. */
void be_other(void);
/* A process of another user: what @fn returns. */
int as_other(int (*fn)(void *arg), void *arg);
/* Of the capabilities that the process is permitted, these are in effect. */
void set_caps(uint64_t caps);
/* Root in a user and a mount namespace of its own, and there alone. */
void own_userns(void);
/* An open file of another process. */
int fd_of(int pid, int fd);

#endif /* SELFTESTS_OTHER_H */
