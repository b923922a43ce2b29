# SPDX-License-Identifier: GPL-2.0-only
# What tests of the tool are linked with; pool.mk has its libraries.

TOOL	:= ../../user/tool
LIBTOOL	:= $(TOOL)/$(if $(SANFLAGS),san/)libfmapfstool.a
FMAPFS	:= $(TOOL)/$(if $(SANFLAGS),san/)fmapfs
TOOL_CFLAGS := -I$(TOOL) $(shell $(PKG_CONFIG) --cflags json-c)
TOOL_OBJS := $(LIBTOOL) ../../user/pool/$(if $(SANFLAGS),san/)libfmappool.a
TOOL_LIBS := $(addprefix ../../user/,media/$(if $(SANFLAGS),san/)libfmapmedia.a \
	devices/$(if $(SANFLAGS),san/)libfmapdev.a) \
	$(shell $(PKG_CONFIG) --libs json-c blkid uuid zlib libndctl libdaxctl)

test_mount_plan_OBJS := $(TOOL_OBJS)
test_mount_plan_CFLAGS := $(TOOL_CFLAGS)
test_mount_plan_LIBS := $(TOOL_LIBS)
test_rebind_OBJS := $(TOOL_OBJS)
test_rebind_CFLAGS := $(TOOL_CFLAGS)
test_rebind_LIBS := $(TOOL_LIBS)
test_mkfs_OBJS := $(TOOL_OBJS)
test_mkfs_CFLAGS := $(TOOL_CFLAGS) -DFMAPFS='"$(abspath $(FMAPFS))"'
test_mkfs_LIBS := $(TOOL_LIBS)
$(B)test_mkfs: | $(FMAPFS)

# One make at a time for the libraries of both.
$(LIBTOOL) $(FMAPFS) &: FORCE | $(addprefix ../../user/, \
		pool/$(if $(SANFLAGS),san/)libfmappool.a \
		media/$(if $(SANFLAGS),san/)libfmapmedia.a)
	$(Q)$(MAKE) $(if $(V),,-s) -C $(TOOL) SAN=$(SAN) --no-print-directory
