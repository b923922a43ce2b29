# SPDX-License-Identifier: GPL-2.0-only
# What tests of libfmapmedia's reading half are linked with.

MEDIA	:= ../../user/media
LIBFMAPMEDIA := $(MEDIA)/$(if $(SANFLAGS),san/)libfmapmedia.a
MADE_MEDIUM := $(B)made_medium.o $(LIBFMAPMEDIA)

# How often a value is copied: user/media asks for the cache to be dropped each time.
test_media_super_OBJS := $(MADE_MEDIUM)
test_media_super_LIBS := -lz -Wl,--wrap=media_invalidate
test_media_log_OBJS := $(MADE_MEDIUM)
test_media_log_LIBS := -lz -Wl,--wrap=media_invalidate
test_media_entry_OBJS := $(MADE_MEDIUM)
test_media_entry_LIBS := -lz -Wl,--wrap=media_invalidate
test_media_replay_OBJS := $(B)real_medium.o $(MADE_MEDIUM)
test_media_replay_LIBS := -lz
# Memory runs out.
test_media_names_OBJS := $(MADE_MEDIUM)
test_media_names_LIBS := -lz \
	$(foreach f,malloc calloc realloc,-Wl,--wrap=$(f))
test_media_mutate_OBJS := $(B)medium_program.o $(B)naive_medium.o $(MADE_MEDIUM)
test_media_mutate_LIBS := -lz

$(LIBFMAPMEDIA): FORCE
	$(Q)$(MAKE) -C $(MEDIA) SAN=$(SAN) --no-print-directory
