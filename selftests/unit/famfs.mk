# SPDX-License-Identifier: GPL-2.0-only
# What tests of the layout "famfs" are linked with. They hear what it tells the kernel.

FAMFS_TOLD := fuse_fmap_notify_expire fuse_fmap_notify_refresh \
	fuse_fmap_notify_inc_epoch
# layout.mk comes later.
FAMFS_OBJS = $(B)famfs.o $(LIBFMAPFSD)
FAMFS_LIBS = $(foreach f,$(FAMFS_TOLD),-Wl,--wrap=$(f)) \
	$(foreach l,pool/libfmappool media/libfmapmedia devices/libfmapdev, \
	../../user/$(dir $(l))$(if $(SANFLAGS),san/)$(notdir $(l)).a) \
	$(LAYOUT_LIBS) $(shell $(PKG_CONFIG) --libs libndctl libdaxctl uuid zlib)

$(foreach t,load follow create staged refuse others bad, \
	$(eval test_famfs_$(t)_OBJS = $$(FAMFS_OBJS)) \
	$(eval test_famfs_$(t)_LIBS = $$(FAMFS_LIBS)))
# Which devices there are.
test_famfs_follow_LIBS += -Wl,--wrap=dev_list
# Memory goes bad while a pool is opened.
test_famfs_bad_LIBS += -Wl,--wrap=pool_window_range
