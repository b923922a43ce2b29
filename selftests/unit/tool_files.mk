# SPDX-License-Identifier: GPL-2.0-only
# What tests of the tool's commands for files are linked with; tool.mk has the rest.

FILE_TESTS := $(basename $(wildcard test_tool_*.c))

$(foreach t,$(FILE_TESTS),$(eval $t_OBJS = $$(B)tool_image.o $$(TOOL_OBJS)))
$(foreach t,$(FILE_TESTS),$(eval $t_CFLAGS = $$(TOOL_CFLAGS)))
$(foreach t,$(FILE_TESTS),$(eval $t_LIBS = $$(TOOL_LIBS) -lm))
test_tool_source_CFLAGS = $(TOOL_CFLAGS) -DFMAPFS='"$(abspath $(FMAPFS))"'
test_tool_signature_LIBS += -Wl,--wrap=blkid_do_probe
test_tool_cp_pool_LIBS += -Wl,--wrap=tool_mounts -Wl,--wrap=chown
test_tool_target_LIBS += $(foreach f,fsync pool_window_range media_mkfs \
	media_add_device media_fs_new,-Wl,--wrap=$(f))
$(B)test_tool_source: | $(FMAPFS)

# What fsck says of each field that is wrong, as a table.
corruption-table: $(B)test_tool_corrupt
	@CORRUPTION_TABLE=1 ./$< 2>/dev/null | grep '^|'

.PHONY: corruption-table
