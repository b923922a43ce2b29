# SPDX-License-Identifier: GPL-2.0-only
# Of libfmappool it needs one object, which needs libuuid.

test_pool_system_OBJS := $(LIBFMAPPOOL)
test_pool_system_LIBS := $(shell $(PKG_CONFIG) --libs uuid)
