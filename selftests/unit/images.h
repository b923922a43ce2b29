/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of libfmappool share: image files, and what the library has said. */
#ifndef UNIT_IMAGES_H
#define UNIT_IMAGES_H

#include "../../user/pool/pool.h"
#include "unit.h"

#define NDEVS		4
#define DEV_SIZE	(16 * MIB)
#define SAID_MAX	8192

/* Lines that the library has said. */
extern char said[SAID_MAX];
extern const struct pool_log msgs;
void assert_said(const char *text);

/* A directory of image files, dev0 to dev3: made and removed for each test. */
extern char dir[64];
int images_setup(void **state);
int images_teardown(void **state);

#define IMAGE_TEST(test) \
	cmocka_unit_test_setup_teardown(test, images_setup, images_teardown)

/* Path of one; of the last eight calls. */
const char *image(unsigned int i);
void store(unsigned int i, uint64_t off, const void *bytes, size_t len);
uint64_t load(unsigned int i, uint64_t off);
void resize(unsigned int i, uint64_t size);

/* The lowest fd that is free. */
int free_fd(void);

#endif /* UNIT_IMAGES_H */
