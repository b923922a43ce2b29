# SPDX-License-Identifier: GPL-2.0-only
# What tests of libfmappool are linked with.

comma	:= ,
POOL	:= ../../user/pool
LIBFMAPPOOL := $(POOL)/$(if $(SANFLAGS),san/)libfmappool.a
# layout.mk and media.mk come earlier.
POOL_LIBS := $(LIBFMAPMEDIA) $(LIBFMAPDEV) \
	$(shell $(PKG_CONFIG) --libs libndctl libdaxctl uuid zlib)

test_guard_OBJS := $(LIBFMAPPOOL)
test_pool_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_pool_LIBS := $(POOL_LIBS)
test_window_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_window_LIBS := $(POOL_LIBS)
test_private_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_private_LIBS := $(POOL_LIBS) $(addprefix -Wl$(comma)--wrap=,fsopen fsconfig \
	fsmount open openat fstat statx ioctl writev)

$(LIBFMAPPOOL): FORCE | $(LIBFMAPMEDIA) $(LIBFMAPDEV)
	$(Q)$(MAKE) $(if $(V),,-s) -C $(POOL) SAN=$(SAN) --no-print-directory
