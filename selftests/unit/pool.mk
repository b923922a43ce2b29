# SPDX-License-Identifier: GPL-2.0-only
# What tests of libfmappool are linked with.

comma	:= ,
POOL	:= ../../user/pool
POOL_MEDIA := ../../user/media
POOL_DEVICES := ../../user/devices
LIBFMAPPOOL := $(POOL)/$(if $(SANFLAGS),san/)libfmappool.a
POOL_LIBS := $(POOL_MEDIA)/$(if $(SANFLAGS),san/)libfmapmedia.a \
	$(POOL_DEVICES)/$(if $(SANFLAGS),san/)libfmapdev.a \
	$(shell $(PKG_CONFIG) --libs libndctl libdaxctl uuid zlib)

test_guard_OBJS := $(LIBFMAPPOOL)
test_pool_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_pool_LIBS := $(POOL_LIBS)
test_window_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_window_LIBS := $(POOL_LIBS)
test_private_OBJS := $(B)images.o $(LIBFMAPPOOL)
test_private_LIBS := $(POOL_LIBS) $(addprefix -Wl$(comma)--wrap=,fsopen fsconfig \
	fsmount open openat fstat statx ioctl writev)

# With what it is linked with itself.
$(LIBFMAPPOOL): FORCE
	$(Q)$(MAKE) $(if $(V),,-s) -C $(POOL_MEDIA) SAN=$(SAN) --no-print-directory
	$(Q)$(MAKE) $(if $(V),,-s) -C $(POOL_DEVICES) SAN=$(SAN) --no-print-directory
	$(Q)$(MAKE) $(if $(V),,-s) -C $(POOL) SAN=$(SAN) --no-print-directory
