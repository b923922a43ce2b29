# SPDX-License-Identifier: GPL-2.0-only
# What tests of fmapfsd and its layouts are linked with.

SERVER	:= ../../user/server
DEVICES	:= ../../user/devices
LIBFMAPFSD := $(SERVER)/$(if $(SANFLAGS),san/)libfmapfsd.a
LAYOUT_LIBS := $(shell $(PKG_CONFIG) --libs libcyaml yaml-0.1 libsystemd)

test_size_OBJS := $(LIBFMAPFSD)
test_layout_OBJS := $(B)layouts.o $(B)made_up.o $(LIBFMAPFSD)
test_layout_LIBS := $(LAYOUT_LIBS)
test_layout_wrong_OBJS := $(B)layouts.o $(B)made_up.o $(LIBFMAPFSD)
test_layout_wrong_LIBS := $(LAYOUT_LIBS)
test_layout_serve_OBJS := $(B)layouts.o $(B)made_up.o $(LIBFMAPFSD)
test_layout_serve_LIBS := $(LAYOUT_LIBS)
FMAPFSD := $(SERVER)/$(if $(SANFLAGS),san/)fmapfsd
test_layout_check_CFLAGS := -DFMAPFSD='"$(abspath $(FMAPFSD))"' \
	-DLIBDIR='"$(abspath $(LIB))/$(if $(SANFLAGS),san)"' \
	-DEXAMPLE='"$(abspath $(SERVER))/example.yaml"'
$(B)test_layout_check: | $(FMAPFSD)

# libndctl, libdaxctl and sysfs are faked: only what calls them is linked.
LIBFMAPDEV := $(DEVICES)/$(if $(SANFLAGS),san/)libfmapdev.a
test_devices_OBJS := $(addprefix $(DEVICES)/$(if $(SANFLAGS),san/), \
	resolve.o nd.o dax.o)

# One make at a time in each directory, and what is linked with is made first.
$(LIBFMAPFSD) $(FMAPFSD) &: FORCE | ../../user/pool/$(if $(SANFLAGS),san/)libfmappool.a
	$(Q)$(MAKE) -C $(SERVER) SAN=$(SAN) --no-print-directory

$(test_devices_OBJS) $(LIBFMAPDEV) &: FORCE
	$(Q)$(MAKE) -C $(DEVICES) SAN=$(SAN) --no-print-directory
