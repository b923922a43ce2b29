# SPDX-License-Identifier: GPL-2.0-only
# What the Makefiles of user/*/ share: included by each, first of all.
# SAN=1 builds with ASan and UBSan, into san/; V=1 shows the commands.

# The module's.
VERSION	:= $(shell sed -n 's/^.define FMAPFS_VERSION.*"\(.*\)"$$/\1/p' \
	   $(dir $(lastword $(MAKEFILE_LIST)))../kmod/version.h)
PREFIX	?= /usr/local
PKG_CONFIG ?= pkg-config
CFLAGS	?= -O2 -g

ifeq ($(SAN),1)
B	:= san/
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer
else
B	:=
endif
Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))
