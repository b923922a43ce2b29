/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies that survive SIGBUS, in any number of threads; not together with
 * try_read() and try_write() in one process.
 */
#ifndef SELFTESTS_TOUCH_H
#define SELFTESTS_TOUCH_H

#include <stddef.h>

/* Once a process, before the others. */
void touch_begin(void);
/* Return: 0, or the si_code of the SIGBUS that ended it. */
int touch_copy(void *to, const void *from, size_t len);

#endif /* SELFTESTS_TOUCH_H */
