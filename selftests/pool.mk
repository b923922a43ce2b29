# SPDX-License-Identifier: GPL-2.0-only
# What tests of libfmappool are linked with, beside lib/.
PKG_CONFIG ?= pkg-config
POOL_LIBS := $(addprefix ../user/,pool/$(B)libfmappool.a media/$(B)libfmapmedia.a \
	devices/$(B)libfmapdev.a lib/$(B)libfusefmap.a)

pool_test_OBJS := $(POOL_LIBS)
window_test_OBJS := $(POOL_LIBS)
pool_fill_OBJS := $(POOL_LIBS)
pool_test_LIBS = $(shell $(PKG_CONFIG) --libs fuse3 libndctl libdaxctl uuid zlib)
window_test_LIBS = $(pool_test_LIBS)
pool_fill_LIBS = $(pool_test_LIBS)

$(POOL_LIBS): FORCE
	$(Q)$(MAKE) $(if $(V),,-s) -C $(patsubst %/$(B),%,$(dir $@)) \
		--no-print-directory $(B)$(notdir $@)

FORCE:

.PHONY: FORCE
