# SPDX-License-Identifier: GPL-2.0-only
# What tests of the writing half of libfmapmedia are linked with.

MEDIA	:= ../../user/media
LIBFMAPMEDIA := $(MEDIA)/$(if $(SANFLAGS),san/)libfmapmedia.a

test_media_space_OBJS := $(B)naive_space.o $(LIBFMAPMEDIA)
test_media_space_CFLAGS := -I$(MEDIA)
test_media_alloc_OBJS := $(B)naive_space.o $(LIBFMAPMEDIA)
test_media_alloc_CFLAGS := -I$(MEDIA)
naive_space_CFLAGS := -I$(MEDIA)
test_media_space_LIBS := -lz
test_media_alloc_LIBS := -lz

STOPS	:= $(B)stops.o $(B)bytes.o $(LIBFMAPMEDIA)
stops_CFLAGS := -I$(MEDIA)
test_media_append_OBJS := $(STOPS)
test_media_append_CFLAGS := -I$(MEDIA)
test_media_append_LIBS := -lz
pools_CFLAGS := -I$(MEDIA)
test_media_mkfs_OBJS := $(B)pools.o $(STOPS)
test_media_mkfs_CFLAGS := -I$(MEDIA)
test_media_mkfs_LIBS := -lz
test_media_mkfs_stops_OBJS := $(B)pools.o $(STOPS)
test_media_mkfs_stops_CFLAGS := -I$(MEDIA)
test_media_mkfs_stops_LIBS := -lz
