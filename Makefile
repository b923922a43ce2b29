# SPDX-License-Identifier: GPL-2.0
#
# "make help" tells the targets.

PREFIX ?= /usr/local
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
# Each is built before what follows it needs it.
PARTS ?= kmod user/lib user/devices user/media user/pool user/server user/run \
	user/tool user/man selftests selftests/demo selftests/run
USER_PARTS = $(filter-out kmod,$(PARTS))

CHECK_BEDS = debian12 debian12-6.12 debian13-bpo
CHECK_DEBUG_BEDS = debug-6.12 debug-7 kcsan-7
# CXL memory for files: kernels from 7.0.
CHECK_CXL_BEDS = debian13-bpo sid
SOAK_BEDS = debian13-bpo
CHECK_ALL_BEDS = debian12 debian12-6.12 debian13 debian13-bpo sid

export PREFIX DESTDIR KVER KDIR
ifdef V
export V
endif
ifdef SAN
export SAN
endif

# The module is built where there are kernel headers.
ifneq ($(wildcard $(KDIR)/Makefile),)
KMOD = $(filter kmod,$(PARTS))
else
KMOD = $(if $(filter kmod,$(PARTS)),kmod-none)
endif

all: $(KMOD) user

kmod:
	$(MAKE) -C kmod all KDIR=$(KDIR)

kmod-none:
	@echo "no module is built: $(KDIR) is not there (no headers of kernel $(KVER))"

user: $(USER_PARTS)

$(USER_PARTS):
	$(MAKE) -C $@ all

user/devices: $(filter user/lib,$(PARTS))
user/server: $(filter user/lib user/devices user/media user/pool,$(PARTS))
user/pool: $(filter user/lib,$(PARTS))
user/tool: $(filter user/lib user/devices user/media user/pool,$(PARTS))
selftests: $(filter user/lib user/devices user/media user/pool user/server,$(PARTS))

INSTALL_PARTS = $(addprefix install-,$(USER_PARTS))

install: install-$(KMOD) $(INSTALL_PARTS)

install-:

install-kmod: kmod
	$(MAKE) -C kmod install KDIR=$(KDIR)
	$(if $(DESTDIR),,depmod $(KVER))

install-kmod-none: kmod-none

$(INSTALL_PARTS): install-%: %
	$(MAKE) -C $* install

uninstall:
	for part in $(USER_PARTS); do $(MAKE) -C $$part uninstall || exit; done
	rm -f $(DESTDIR)/lib/modules/$(KVER)/updates/fmapfs.ko*
	$(if $(DESTDIR),,depmod $(KVER))

clean:
	for part in $(USER_PARTS) $(filter kmod,$(KMOD)); do \
		$(MAKE) -C $$part clean || exit; \
	done

check:
	selftests/vm/check $(CHECK_BEDS)

check-all:
	selftests/vm/check $(CHECK_ALL_BEDS)
	selftests/vm/check-long peer $(CHECK_ALL_BEDS)
	selftests/vm/check-long stress $(CHECK_ALL_BEDS)
	selftests/vm/check-long crash $(CHECK_ALL_BEDS)
	selftests/vm/check-long cxl $(CHECK_CXL_BEDS)
	MINUTES=5 SEED=$(SEED) selftests/vm/check-long soak $(CHECK_ALL_BEDS)

check-peer:
	selftests/vm/check-long peer $(CHECK_BEDS)

check-stress:
	selftests/vm/check-long stress $(CHECK_BEDS)

check-cxl:
	selftests/vm/check-long cxl $(or $(BEDS),$(CHECK_CXL_BEDS))

check-guest:
	selftests/vm/check-long guest $(or $(BEDS),$(CHECK_BEDS))

check-hosts:
	selftests/vm/hosts --build debian12 debian12-6.12 debian13-bpo
	selftests/vm/hosts --build debian13-bpo debian12
	selftests/vm/hosts --build --dax pmem:1G --dax pmem:1G --dax cxl:512M \
		--dax cxl-pmem:512M debian13-bpo debian13-bpo

check-crash:
	selftests/vm/check-long crash $(or $(BEDS),$(CHECK_BEDS))

check-debug:
	selftests/vm/check-long guest $(or $(BEDS),$(CHECK_DEBUG_BEDS))

MINUTES ?= 60

soak:
	MINUTES=$(MINUTES) SEED=$(SEED) \
		selftests/vm/check-long soak $(or $(BEDS),$(SOAK_BEDS))

check-unit:
	$(MAKE) -C selftests check-unit SAN=$(if $(SAN),$(SAN),1)

# What "fmapfs fsck" says of each field of a pool that is wrong.
corruption-table:
	@$(MAKE) -s -C selftests/unit corruption-table

# In all, for its targets one after another.
SECONDS ?= 600

fuzz:
	selftests/fuzz/run --seconds $(SECONDS)

demo:
	selftests/demo/demo.sh

bench:
	@echo 'not yet: "make demo" shows one ratio, of a mapping to the server'

bench-replay:
	$(MAKE) -C selftests/bench replay

style:
	selftests/vm/style

help:
	@echo 'make [all]        the module (needs kernel headers) and user space'
	@echo 'make kmod | user  one of them'
	@echo 'make install      below PREFIX ($(PREFIX)) and /lib/modules/$(KVER)/updates'
	@echo 'make uninstall    what install has installed'
	@echo 'make clean        what was built'
	@echo 'make check-unit   unit tests, on this machine'
	@echo 'make corruption-table  what fsck says of each field of a pool that is wrong'
	@echo 'make check        all tests, on stock kernels in virtual machines:'
	@echo '                  $(CHECK_BEDS)'
	@echo 'make check-guest  those that run in guests; TESTS="..." says which, BEDS="..." where'
	@echo 'make check-all    the same on $(CHECK_ALL_BEDS)'
	@echo '                  and, there, check-peer, check-stress, check-crash, five minutes'
	@echo '                  of soak; check-cxl'
	@echo 'make check-peer   the same calls on the in-tree fuse and on fmapfs, longer'
	@echo 'make check-stress stress-ng and fio, STRESS_MINUTES (10) in each guest'
	@echo 'make check-crash  CRASH_KILLS (20) machines die on each bed while programs write'
	@echo 'make check-hosts  two and three hosts, of different kernels, share a pool; the master'
	@echo '                  dies and comes back; four devices, two of them CXL'
	@echo 'make check-cxl    CXL memory that goes away: $(CHECK_CXL_BEDS)'
	@echo 'make check-debug  the tests in guests whose kernel checks itself, hours:'
	@echo '                  $(CHECK_DEBUG_BEDS) (BEDS="..." names others)'
	@echo 'make soak         everything at once for MINUTES=$(MINUTES), from SEED=...; BEDS="..."'
	@echo 'make fuzz         libFuzzer, SECONDS=$(SECONDS) in all, on this machine'
	@echo 'make style        checkpatch and shellcheck'
	@echo 'make demo         two hosts, one memory'
	@echo 'make bench        not yet'
	@echo 'make bench-replay how fast a log of 10^3 to 10^6 files is replayed, here'
	@echo
	@echo 'V=1 shows the commands; SAN=1 builds with ASan and UBSan;'
	@echo 'KVER=... or KDIR=... names another kernel; DESTDIR=... another root;'
	@echo 'PARTS="kmod user/lib" limits building to these parts.'

.PHONY: all kmod kmod-none user $(PARTS) install install- install-kmod \
	install-kmod-none $(INSTALL_PARTS) uninstall clean check check-all \
	check-guest check-hosts check-peer check-stress check-crash check-cxl check-debug \
	check-unit corruption-table soak fuzz demo bench bench-replay style help
