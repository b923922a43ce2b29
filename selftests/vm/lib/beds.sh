# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The beds: which kernel, in which root. Beds that share a root differ in the
# kernel only. The kernel is a pattern (extended regular expression) for the
# ABI name in linux-headers-ABI-amd64; the newest match is taken. Where fragments
# of a configuration are named (kernel-*.config), it is a pattern for a linux-source
# package, of which lib/kernel.sh builds the kernel.

# bed           root      kernel                                fragments
bed_table='
debian12        bookworm  6\.1\.0-[0-9]+
debian12-6.12   bookworm  6\.12\.[0-9]+\+deb12[.0-9]*
debian13        trixie    6\.12\.[0-9]+\+deb13[.0-9]*
debian13-bpo    trixie    7\.[0-9]+\.[0-9]+\+deb13[.0-9]*
sid             sid       [7-9]\.[0-9.]+\+deb[0-9.]+
debug-6.12      trixie    linux-source-6\.12                   guest+debug
debug-7         trixie    linux-source-7\.[0-9]+                guest+debug
kcsan-7         trixie    linux-source-7\.[0-9]+                guest+kcsan
'

# What is installed in a root besides what "minbase" brings. Kernels, sparse,
# stress-ng, fio and libfuse's examples are unpacked by lib/root-hook.
root_packages() {
	echo acl attr busybox-static daxctl dkms e2fsprogs fuse3 g++ gcc kmod \
		libblkid-dev libcmocka-dev libcyaml-dev libdaxctl-dev libfuse3-dev libjson-c-dev \
		libndctl-dev libsystemd-dev libyaml-dev make ndctl pkgconf procps \
		strace uthash-dev uuid-dev zlib1g-dev
}

# Parts of the kernel packages that a guest can use; the rest (graphics,
# sound, network drivers) would be nine tenths of each root.
kernel_module_dirs() {
	echo arch block crypto fs kernel lib mm net/9p net/core security \
		drivers/acpi drivers/base drivers/block drivers/char \
		drivers/cxl drivers/dax drivers/dma-buf drivers/md \
		drivers/nvdimm drivers/perf drivers/virtio
}

bed_names() { awk 'NF { print $1 }' <<<"$bed_table"; }

# bed_field BED N: column N of the table, or failure.
bed_field() {
	awk -v bed="$1" -v n="$2" '$1 == bed { print $n; found = 1 }
		END { exit !found }' <<<"$bed_table"
}

# The beds of one root whose kernels come with it, with their patterns.
root_beds() { awk -v root="$1" '$2 == root && !$4 { print $1, $3 }' <<<"$bed_table"; }

# How many times longer than on stock kernels (emulated as well) things may take.
bed_slower() {
	if [ -n "$(bed_field "$1" 4)" ]; then echo 5; else echo 1; fi
}

kver() { cat "$("$vm_dir/bed" --dir "$1")/kver"; }

# test_devices BED: into devices, what the tests want, as options of "run".
test_devices() {
	devices=(--dax pmem:1G --dax pmem:1G)
	case $(kver "$1") in
	[7-9].*) devices+=(--dax fsdev:1G) ;;
	esac
}

check_bed() {
	bed_field "$1" 2 >/dev/null ||
		die "no bed is called \"$1\"; there are: $(bed_names | tr '\n' ' ')"
}
